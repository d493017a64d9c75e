//! Imports: what each owner used of its year, and what refused it more.
//!
//! Invariants: nothing here asks the exchange; the rule is written out again (SEMANTICS section 26)
//! and followed command by command, in the order of the history. Nobody's imports here and
//! elsewhere are ever above the limit by a reserve, and none is refused below it; what ends before
//! its goods left, and what comes back, is restored exactly. Where nobody knows yet whether customs
//! reported something, because a gateway died on it, what follows waits. Not here: days of return
//! that end within a run (none do), what is to be paid (`prices`).

use std::collections::{BTreeMap, HashMap, VecDeque};

use proto::v1::{ContractReport, ContractState, GetAnnualUseResponse, GoodsTo, ReserveRequest};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{
    fen,
    ledger::Made,
    lives, ns,
    prices::{price_of, tax_of},
    returns::part,
};
use crate::crash::memory::Faults;

/// What one owner may import in a year, in fen (财关税〔2018〕49号).
const YEAR_MAX: i64 = 2_600_000;
/// What one order may be worth, unless it is one piece.
const ORDER_MAX: i64 = 500_000;

/// What customs reported of an owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// Whose it is.
    pub owner: String,
    /// Of which year.
    pub year: u32,
    /// What it imported elsewhere, in fen.
    pub fen: i64,
}

/// What customs reported, by place of the history.
pub type Customs = BTreeMap<u64, Said>;

/// What was checked.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Reports of customs.
    pub reported: u64,
    /// Imports formed, each within its owner's limit.
    pub imports: u64,
    /// Imports refused, each above it.
    pub limited: u64,
    /// Imports that were restored in whole or in part.
    pub restored: u64,
}

/// An owner and a year.
type Whose = (String, u32);

/// An import that counts.
#[derive(Clone, Debug)]
struct Import {
    whose: Whose,
    counted: i64,
    left: bool,
}

/// A step, or what a refused reserve asked for.
#[derive(Clone, Debug)]
enum Next {
    Step(Box<ContractReport>),
    Refused(u64, Whose, i64, u32),
}

impl Next {
    fn sequence(&self) -> u64 {
        match self {
            Self::Step(report) => report.engine_sequence,
            Self::Refused(sequence, ..) => *sequence,
        }
    }
}

/// See the file's head.
#[derive(Clone, Default, Debug)]
pub struct Uses {
    /// The owner of each account.
    owners: HashMap<String, String>,
    queue: VecDeque<Next>,
    followed: u64,
    here: HashMap<Whose, i64>,
    elsewhere: HashMap<Whose, i64>,
    imports: HashMap<String, Import>,
    /// What was checked.
    pub checked: Checked,
}

impl Uses {
    /// Of accounts with these owners, who imported nothing yet.
    pub fn new(owners: HashMap<String, String>) -> Self {
        Self {
            owners,
            ..Self::default()
        }
    }

    /// Whose use an account's is, in the year of a report.
    fn whose(&self, account: &str, report: &ContractReport) -> Whose {
        let owner = self.owners.get(account).cloned().unwrap_or_default();
        (owner, year_of(report))
    }

    /// Takes in the next report to a buyer of imports.
    pub fn take(&mut self, report: &ContractReport) {
        self.queue.push_back(Next::Step(Box::new(report.clone())));
    }

    /// Takes in that a reserve was refused for the limit.
    pub fn refused(&mut self, report: &ContractReport, asked: &ReserveRequest, made: &Made) {
        let due = price_of(made, asked.pieces) * Decimal::from(asked.pieces);
        let value = (due - tax_of(due, false)) * Decimal::ONE_HUNDRED;
        self.queue.push_back(Next::Refused(
            report.engine_sequence,
            self.whose(&asked.account_id, report),
            value.to_i64().unwrap_or_default(),
            asked.pieces,
        ));
    }

    /// Follows all that was done up to a place of the history.
    pub fn follow(&mut self, customs: &Customs, at: u64, faults: &mut Faults) {
        loop {
            let next = self.queue.front().map(Next::sequence);
            let next = next.filter(|next| *next <= at);
            let until = next.unwrap_or(at);
            if until > self.followed {
                for (_, said) in customs.range(self.followed + 1..=until) {
                    self.checked.reported += 1;
                    let whose = (said.owner.clone(), said.year);
                    self.elsewhere.insert(whose, said.fen);
                }
                self.followed = until;
            }
            let Some(next) = next.and_then(|_| self.queue.pop_front()) else {
                return;
            };
            let judged = match &next {
                Next::Step(report) => self.step(report),
                Next::Refused(_, whose, value, pieces) => {
                    self.checked.limited += 1;
                    let allowed = self.allows(whose, *value, *pieces);
                    if allowed {
                        Err("an import was refused that the limit allows")
                    } else {
                        Ok(())
                    }
                }
            };
            if let Err(what) = judged {
                faults.add(format!("{what}: {next:?}"));
            }
        }
    }

    /// Whether an owner may import so much more.
    fn allows(&self, whose: &Whose, value: i64, pieces: u32) -> bool {
        let (here, elsewhere) = self.used(whose);
        here + elsewhere + value <= YEAR_MAX && (value <= ORDER_MAX || pieces == 1)
    }

    /// What an owner used here and elsewhere.
    fn used(&self, whose: &Whose) -> (i64, i64) {
        let of = |map: &HashMap<Whose, i64>| map.get(whose).copied().unwrap_or_default();
        (of(&self.here), of(&self.elsewhere))
    }

    fn step(&mut self, report: &ContractReport) -> Result<(), &'static str> {
        let value = fen(&report.amount) - fen(&report.tax);
        let known = self.imports.remove(&report.contract_id);
        let whose = known.as_ref().map(|known| known.whose.clone());
        let whose = whose.unwrap_or_else(|| self.whose(&report.buyer_account_id, report));
        let mut judged = Ok(());
        if known.is_none() {
            self.checked.imports += 1;
            if !self.allows(&whose, value, report.pieces) {
                judged = Err("an import was formed above the limit");
            }
        }
        let before = known.as_ref().map_or(0, |known| known.counted);
        let left = known.is_some_and(|known| known.left) || fen(&report.goods_out) > 0;
        let undone = [
            ContractState::Cancelled,
            ContractState::Expired,
            ContractState::Defaulted,
            ContractState::Rescinded,
        ]
        .contains(&report.state());
        let to_stock =
            report.state() == ContractState::Resolved && report.goods_to() == GoodsTo::Stock;
        let counted = if !left && (undone || to_stock) {
            0
        } else {
            let pieces = i64::from(report.pieces);
            value - part(value, pieces, i64::from(report.came_back))
        };
        self.checked.restored += u64::from(counted < before);
        *self.here.entry(whose.clone()).or_default() += counted - before;
        if lives(report.state()) {
            let import = Import {
                whose,
                counted,
                left,
            };
            self.imports.insert(report.contract_id.clone(), import);
        }
        judged
    }

    /// How the use of an owner that was read differs from what it must be.
    pub fn differs(&self, owner: &str, told: &GetAnnualUseResponse) -> Option<String> {
        let must = self.used(&(owner.to_owned(), told.year));
        let right = (fen(&told.here), fen(&told.elsewhere)) == must;
        (!right).then(|| format!("{owner} used {must:?} fen, not {told:?}"))
    }
}

/// The calendar year at UTC+8 of a report.
fn year_of(report: &ContractReport) -> u32 {
    year_at(report.transact_time.as_ref().map_or(0, ns))
}

/// The calendar year at UTC+8 of an instant, in nanoseconds since 1970.
pub fn year_at(at_ns: i64) -> u32 {
    // Days since 1970-01-01 there; years begin every 365.2425 of them on average.
    let days = (at_ns / 1_000_000_000 + 8 * 3_600) / 86_400;
    let first = |year: i64| {
        let before = year - 1;
        365 * year + before / 4 - before / 100 + before / 400 - 719_527
    };
    let near = 1970 + days * 10_000 / 3_652_425;
    let year = (near - 1..=near + 1)
        .rev()
        .find(|year| first(*year) <= days);
    year.and_then(|year| u32::try_from(year).ok()).unwrap_or(0)
}

#[cfg(test)]
#[path = "uses_tests.rs"]
mod tests;

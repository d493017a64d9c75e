//! What sellers owe of returns by agreement: what was to go back, what was paid of it and what is
//! owed, and whether each fen that came to such a seller went where it had to.
//!
//! Invariants: nothing here asks the exchange; the rule (SEMANTICS section 28) is written again.
//! By the reports of a contract alone: what was paid, let off and is owed is what its pieces that
//! came back cost, and what is owed falls by payments and by the buyer's word only. By all reports
//! and moves in the order of the history: a return takes what its seller has, and only the rest is
//! owed; what comes to a seller that owes pays its oldest debt first, at once; so it has nothing
//! between commands, and takes nothing out. What is listed of debts is what the reports leave, the
//! oldest first. Where nobody knows yet whether money moved, because a
//! gateway died on it, the second part waits. Not here: goods and the balances of all (`books`).

use std::collections::{BTreeMap, HashMap, VecDeque};

use proto::v1::{
    ContractReport, ContractRole, ContractState, ContractStep, Debt as Listed, InstructRequest,
    InstructionDirection,
};
use rust_decimal::Decimal;

use super::{fen, found::Shops, lives, returns::part, ring::UNPAID};
use crate::crash::memory::Faults;

/// Contracts by which something may be owed: of all sellers, of one.
const OWING_MAX: usize = 1_024;
const OWING_PER_SELLER_MAX: usize = 16;

/// What was answered to a deposit or a withdrawal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// Whose money.
    pub account: String,
    /// How much, in fen; below zero it goes out.
    pub fen: i64,
    /// Why it was refused; empty where it was not.
    pub reason: String,
}

impl Move {
    /// What was asked for, and why it was refused.
    pub fn of(request: &InstructRequest, reason: &str) -> Self {
        let units = fen(&request.amount);
        let out = request.direction() == InstructionDirection::Withdrawal;
        Self {
            account: request.account_id.clone(),
            fen: if out { -units } else { units },
            reason: reason.to_owned(),
        }
    }
}

/// Moves by their place in the history.
pub type Moves = BTreeMap<u64, Move>;

/// What was checked.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Returns of which a part was owed.
    pub owed: u64,
    /// Of these, such that something was paid at once.
    pub in_part: u64,
    /// Payments that left something owing.
    pub parts: u64,
    /// Payments that left nothing.
    pub whole: u64,
    /// Debts that a buyer let its seller off.
    pub let_off: u64,
    /// Returns refused, since the money was not there and might not be owed.
    pub refused: u64,
    /// Deposits and withdrawals carried out.
    pub moved: u64,
    /// Withdrawals refused of sellers that owed.
    pub kept_back: u64,
}

/// What became of what was to go back by a contract.
#[derive(Clone, Debug)]
struct Story {
    /// What must be listed, while something is owed.
    listed: Listed,
    owing: i64,
    paid: i64,
    let_off: i64,
}

/// Something owed, as the order of the history has it.
#[derive(Clone, Debug)]
struct Debt {
    contract: String,
    seller: String,
    buyer: String,
    fen: i64,
}

/// See the file's head.
#[derive(Clone, Default, Debug)]
pub struct Debts {
    stories: HashMap<String, Story>,
    /// Reports that were not followed yet.
    queue: VecDeque<ContractReport>,
    /// The last place whose moves were followed.
    followed: u64,
    /// The place that is being followed.
    at: u64,
    /// What each merchant has available, in fen.
    tills: BTreeMap<String, i64>,
    /// What was brought to each, less what it took out.
    moved: BTreeMap<String, i64>,
    /// The last report of each contract that lives.
    deals: HashMap<String, ContractReport>,
    /// The oldest first.
    open: Vec<Debt>,
    /// What was checked.
    pub checked: Checked,
}

impl Debts {
    /// Of shops whose merchants have nothing yet.
    pub fn new(shops: &Shops) -> Self {
        let accounts = shops.merchants().map(|index| shops.account(index));
        Self {
            tills: accounts.map(|account| (account, 0)).collect(),
            ..Self::default()
        }
    }

    /// Takes in the next report to a buyer, or that something was refused.
    pub fn take(&mut self, report: &ContractReport, faults: &mut Faults) {
        let refused = !report.reject_reason.is_empty();
        let own = self.tills.contains_key(&report.seller_account_id);
        if refused && report.reject_reason != UNPAID || !refused && !own {
            return;
        }
        self.queue.push_back(report.clone());
        if !refused && let Err(what) = self.tell(report) {
            let id = &report.contract_id;
            faults.add(format!("contract {id}: {what}: {report:?}"));
        }
    }

    /// A contract went on: by its own reports.
    fn tell(&mut self, report: &ContractReport) -> Result<(), &'static str> {
        let fresh = Story {
            listed: Listed::default(),
            owing: 0,
            paid: 0,
            let_off: 0,
        };
        let id = report.contract_id.clone();
        let story = self.stories.entry(id).or_insert(fresh);
        let (penalty, before) = (fen(&report.penalty), story.owing);
        story.owing = fen(&report.owing);
        story.paid += penalty;
        story.listed = listed(&story.listed, report);
        let checked = &mut self.checked;
        let step = report.step();
        let judged = if step == ContractStep::TakeBack {
            checked.owed += u64::from(story.owing > 0);
            checked.in_part += u64::from(story.owing > 0 && penalty > 0);
            (before == 0)
                .then_some(())
                .ok_or("it owed something before")
        } else if step == ContractStep::Repay {
            checked.parts += u64::from(story.owing > 0);
            checked.whole += u64::from(story.owing == 0);
            if penalty <= 0 || penalty > before {
                Err("more or less was paid than was owed")
            } else if report.by() != ContractRole::Unspecified {
                Err("a debt pays itself")
            } else {
                Ok(())
            }
        } else if before > 0 && step == ContractStep::Cancel {
            checked.let_off += 1;
            story.let_off += before;
            let right = penalty == 0 && report.by() == ContractRole::Buyer;
            right
                .then_some(())
                .ok_or("only its buyer lets a seller off")
        } else if before > 0 {
            Err("it went on although something is owed")
        } else {
            Ok(())
        };
        judged?;
        if story.paid + story.let_off + story.owing != back(report) {
            return Err("paid, let off and owing are not what its pieces cost");
        }
        let state = report.state();
        if (state == ContractState::Owing) != (story.owing > 0) {
            return Err("it is OWING where something is owed, and only there");
        }
        if story.owing > 0 && report.deadline.is_some() {
            return Err("a debt has no deadline");
        }
        Ok(())
    }

    /// How what an account has available differs from nothing, if it owes something.
    pub fn differs(&self, account: &str, available: Decimal) -> Option<String> {
        let own = |story: &&Story| story.listed.seller_account_id == account && story.owing > 0;
        let owing: i64 = self.stories.values().filter(own).map(|one| one.owing).sum();
        let wrong = owing > 0 && !available.is_zero();
        wrong.then(|| format!("{account} owes {owing} fen and has {available} available"))
    }

    /// How what is listed differs from what the reports leave.
    pub fn lists(&self, told: &[Listed]) -> Option<String> {
        let all = self.stories.values().filter(|story| story.owing > 0);
        let mut must: Vec<_> = all.map(|story| story.listed.clone()).collect();
        must.sort_by_key(|debt| debt.since_sequence);
        (*told != must).then(|| format!("{told:?} are listed as owing, it must be {must:?}"))
    }

    /// How many debts stand.
    pub fn standing(&self) -> u64 {
        let all = self.stories.values();
        all.filter(|story| story.owing > 0).count() as u64
    }

    /// What was brought to an account, less what it took out, in the currency's units.
    pub fn moved(&self, account: &str) -> Decimal {
        Decimal::new(self.moved.get(account).copied().unwrap_or_default(), 2)
    }

    /// The same of all accounts.
    pub fn moved_by_all(&self) -> Decimal {
        Decimal::new(self.moved.values().sum(), 2)
    }

    /// Follows all that was done up to a place of the history.
    pub fn follow(&mut self, moves: &Moves, at: u64, faults: &mut Faults) {
        loop {
            let next = self.queue.front().map(|report| report.engine_sequence);
            let next = next.filter(|next| *next <= at);
            let until = next.unwrap_or(at);
            if until > self.followed {
                for (place, moved) in moves.range(self.followed + 1..=until) {
                    self.goes_on(*place, faults);
                    if let Err(what) = self.moves(moved) {
                        faults.add(format!("at {place}: {moved:?}: {what}: {:?}", self.tills));
                    }
                }
                self.followed = until;
            }
            let Some(report) = next.and_then(|_| self.queue.pop_front()) else {
                self.goes_on(at + 1, faults);
                return;
            };
            self.goes_on(report.engine_sequence, faults);
            let had = self.tills.clone();
            if let Err(what) = self.step(&report) {
                let id = &report.contract_id;
                faults.add(format!("contract {id}: {what}: {had:?}, {report:?}"));
            }
        }
    }

    /// A command is over when another one comes: who owes has nothing left.
    fn goes_on(&mut self, at: u64, faults: &mut Faults) {
        if at <= self.at {
            return;
        }
        let has = |debt: &&Debt| self.till(&debt.seller) != 0;
        if let Some(debt) = self.open.iter().find(has) {
            let (over, has) = (self.at, self.till(&debt.seller));
            faults.add(format!("after {over}: {debt:?} is owed of {has} fen"));
        }
        if let Some((account, has)) = self.tills.iter().find(|(_, has)| **has < 0) {
            faults.add(format!("after {}: {account} has {has} fen", self.at));
        }
        self.at = at;
    }

    fn till(&self, account: &str) -> i64 {
        self.tills.get(account).copied().unwrap_or_default()
    }

    fn enter(&mut self, account: &str, fen: i64) {
        if let Some(till) = self.tills.get_mut(account) {
            *till += fen;
        }
    }

    fn moves(&mut self, moved: &Move) -> Result<(), &'static str> {
        let (account, enough) = (&moved.account, self.till(&moved.account) + moved.fen >= 0);
        let owes = self.open.iter().any(|debt| debt.seller == *account);
        if moved.reason.is_empty() {
            self.checked.moved += 1;
            self.enter(account, moved.fen);
            *self.moved.entry(account.clone()).or_default() += moved.fen;
            return enough.then_some(()).ok_or("it was not there");
        }
        self.checked.kept_back += u64::from(owes);
        let right = moved.reason == "INSUFFICIENT_FUNDS" && !enough;
        right.then_some(()).ok_or("it was there, and refused")
    }

    /// A report, in its place of the history.
    fn step(&mut self, report: &ContractReport) -> Result<(), &'static str> {
        if !report.reject_reason.is_empty() {
            return self.refused(report);
        }
        let (id, seller) = (&report.contract_id, &report.seller_account_id);
        let buyer = &report.buyer_account_id;
        let before = self.deals.remove(id);
        let (penalty, owing) = (fen(&report.penalty), fen(&report.owing));
        let judged = if report.step() == ContractStep::TakeBack {
            let due = back(report) - before.as_ref().map_or(0, back);
            if penalty != self.till(seller).min(due) || penalty + owing != due {
                Err("not all that was there was paid, or not the rest is owed")
            } else if owing > 0 && !self.may_owe(seller, buyer) {
                Err("so much may not be owed")
            } else {
                Ok(())
            }
        } else if report.step() == ContractStep::Repay {
            self.repays(report, penalty)
        } else {
            Ok(())
        };
        // What comes in is the buyer's, when the contract is formed.
        let comes_in = if before.is_none() {
            fen(&report.money_held)
        } else {
            0
        };
        self.enter(seller, fen(&report.paid_out) - penalty);
        self.enter(buyer, penalty + fen(&report.refunded) - comes_in);
        match self.open.iter_mut().find(|debt| debt.contract == *id) {
            Some(debt) => debt.fen = owing,
            None => self.open.push(Debt {
                contract: id.clone(),
                seller: seller.clone(),
                buyer: buyer.clone(),
                fen: owing,
            }),
        }
        self.open.retain(|debt| debt.fen > 0);
        if lives(report.state()) {
            self.deals.insert(id.clone(), report.clone());
        }
        judged
    }

    fn repays(&self, report: &ContractReport, penalty: i64) -> Result<(), &'static str> {
        let has = |debt: &&Debt| self.till(&debt.seller) > 0;
        let Some(debt) = self.open.iter().find(has) else {
            return Err("nobody that owes has anything");
        };
        if debt.contract != report.contract_id {
            return Err("another debt is older");
        }
        let due = debt.fen.min(self.till(&debt.seller));
        let right = penalty == due;
        right.then_some(()).ok_or("it pays what it has, or owes")
    }

    /// Pieces were not taken back, since the money is not there and may not be owed.
    fn refused(&mut self, report: &ContractReport) -> Result<(), &'static str> {
        let Some(last) = self.deals.get(&report.contract_id) else {
            return Ok(());
        };
        self.checked.refused += 1;
        let (seller, buyer) = (&last.seller_account_id, &last.buyer_account_id);
        let all = ContractReport {
            came_back: last.came_back + last.return_pieces,
            ..last.clone()
        };
        let due = back(&all) - back(last);
        let right = self.till(seller) < due && !self.may_owe(seller, buyer);
        right.then_some(()).ok_or("it was there, or might be owed")
    }

    fn may_owe(&self, seller: &str, buyer: &str) -> bool {
        let own = self.open.iter().filter(|debt| debt.seller == seller);
        let between = |debt: &Debt| debt.seller == buyer || debt.buyer == seller;
        self.open.len() < OWING_MAX
            && own.count() < OWING_PER_SELLER_MAX
            && !self.open.iter().any(between)
    }
}

/// What must be listed of a contract by which something is owed: since its pieces came back.
fn listed(before: &Listed, report: &ContractReport) -> Listed {
    let (since, since_sequence) = if report.step() == ContractStep::TakeBack {
        (report.transact_time, report.engine_sequence)
    } else {
        (before.since, before.since_sequence)
    };
    Listed {
        contract_id: report.contract_id.clone(),
        seller_account_id: report.seller_account_id.clone(),
        buyer_account_id: report.buyer_account_id.clone(),
        venue_id: report.venue_id.clone(),
        money_asset_id: report.money_asset_id.clone(),
        owing: report.owing.clone(),
        since,
        since_sequence,
        contract_version: report.version,
        demonstration: report.demonstration,
    }
}

/// What a contract's pieces that came back cost, in fen.
fn back(report: &ContractReport) -> i64 {
    let (pieces, came_back) = (i64::from(report.pieces), i64::from(report.came_back));
    part(fen(&report.amount), pieces, came_back)
}

#[cfg(test)]
#[path = "debts_tests.rs"]
mod tests;

//! The seller's guarantee: how it must stand, what it must cover, and who must have been paid
//! because of it.
//!
//! Invariants: nothing here asks the exchange; the rule is written out again (SEMANTICS section 28)
//! and followed command by command, in the order of the history. What it covers is never more than
//! it is, so no fen answers for two contracts; a contract is paid at its acceptance where the
//! guarantee can answer for it, and only there; what comes back comes out of it. Where nobody knows
//! yet whether a setting was done, because a gateway died on it, what follows waits. Not here: the
//! parts of what comes back (`returns`), balances (`books`).

use std::collections::{BTreeMap, HashMap, VecDeque};

use proto::v1::{ContractReport, ContractState, Guarantee};
use rust_decimal::Decimal;

use super::{fen, lives, returns::kept};
use crate::crash::memory::Faults;

/// What was answered to a setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Set {
    /// What it asked for, in fen.
    pub fen: i64,
    /// Why it was refused; empty where it was not.
    pub reason: String,
}

/// Settings by their place in the history.
pub type Sets = BTreeMap<u64, Set>;

/// What was checked.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Settings taken.
    pub sets: u64,
    /// Settings refused, since more was covered.
    pub in_use: u64,
    /// Contracts whose seller was paid at the acceptance.
    pub covered: u64,
    /// Acceptances that the guarantee could not answer for.
    pub escrowed: u64,
    /// Steps in which a buyer was paid out of it.
    pub paid_back: u64,
}

/// A contract of covered terms, as far as it counts.
#[derive(Clone, Debug)]
struct Deal {
    state: ContractState,
    /// What it held of the buyer's money, in fen.
    held: i64,
    /// What is covered of it, in fen.
    covered: i64,
}

/// See the file's head.
#[derive(Clone, Default, Debug)]
pub struct Cover {
    /// Reports that were not followed yet.
    queue: VecDeque<ContractReport>,
    /// The last place whose setting was followed.
    followed: u64,
    amount: i64,
    covering: i64,
    deals: HashMap<String, Deal>,
    /// What was checked.
    pub checked: Checked,
}

impl Cover {
    /// Takes in the next report to a buyer of covered terms.
    pub fn take(&mut self, report: &ContractReport) {
        self.queue.push_back(report.clone());
    }

    /// Follows all that was done up to a place of the history.
    pub fn follow(&mut self, sets: &Sets, at: u64, faults: &mut Faults) {
        loop {
            let next = self.queue.front().map(|report| report.engine_sequence);
            let next = next.filter(|next| *next <= at);
            let until = next.unwrap_or(at);
            if until > self.followed {
                for set in sets.range(self.followed + 1..=until) {
                    self.set(set, faults);
                    self.is_sound(faults);
                }
                self.followed = until;
            }
            let Some(report) = next.and_then(|_| self.queue.pop_front()) else {
                return;
            };
            if let Err(what) = self.step(&report) {
                faults.add(format!(
                    "contract {}, of a guarantee of {} that covers {}: {what}: {report:?}",
                    report.contract_id, self.amount, self.covering
                ));
            }
            self.is_sound(faults);
        }
    }

    fn is_sound(&self, faults: &mut Faults) {
        if self.covering > self.amount {
            let (amount, covering) = (self.amount, self.covering);
            faults.add(format!("a guarantee of {amount} covers {covering}"));
        }
    }

    fn set(&mut self, (at, set): (&u64, &Set), faults: &mut Faults) {
        let may = set.fen >= self.covering;
        let right = match set.reason.as_str() {
            "" => may,
            "GUARANTEE_IN_USE" => !may,
            _ => true,
        };
        if !right {
            let covering = self.covering;
            faults.add(format!("at {at}: {set:?}, {covering} were covered"));
        }
        if set.reason.is_empty() {
            self.amount = set.fen;
            self.checked.sets += 1;
        }
        self.checked.in_use += u64::from(set.reason == "GUARANTEE_IN_USE");
    }

    fn step(&mut self, report: &ContractReport) -> Result<(), &'static str> {
        let fresh = Deal {
            state: ContractState::Unspecified,
            held: 0,
            covered: 0,
        };
        let before = self.deals.remove(&report.contract_id).unwrap_or(fresh);
        let penalty = fen(&report.penalty);
        let paid = fen(&report.paid_out) + fen(&report.fee);
        let mut after = Deal {
            state: report.state(),
            held: fen(&report.money_held),
            covered: before.covered - penalty,
        };
        self.amount -= penalty;
        self.checked.paid_back += u64::from(penalty > 0);
        let judged = if before.covered > 0 {
            answers(&before, &after, paid)
        } else if penalty > 0 {
            Err("the seller paid for what nothing covers")
        } else if after.state == ContractState::Covered {
            after.covered = paid;
            self.covers(report, paid)
        } else {
            self.leaves(&before, &after)
        };
        if !lives(after.state) {
            after.covered = 0;
        }
        self.covering += after.covered - before.covered;
        if lives(after.state) {
            self.deals.insert(report.contract_id.clone(), after);
        }
        judged
    }

    /// The seller was paid at an acceptance.
    fn covers(&mut self, report: &ContractReport, paid: i64) -> Result<(), &'static str> {
        self.checked.covered += 1;
        if Decimal::new(paid, 2) != kept(report) {
            return Err("the seller was not paid what its pieces cost");
        }
        if paid == 0 || paid > self.amount - self.covering {
            return Err("the seller was paid, its guarantee cannot answer for it");
        }
        Ok(())
    }

    /// Nothing is covered: what is accepted could not be.
    fn leaves(&mut self, before: &Deal, after: &Deal) -> Result<(), &'static str> {
        let accepted = after.state == ContractState::Accepted && before.state != after.state;
        self.checked.escrowed += u64::from(accepted);
        if accepted && after.held > 0 && after.held <= self.amount - self.covering {
            return Err("the seller was not paid, its guarantee can answer for it");
        }
        Ok(())
    }

    /// How the guarantee stands, in the currency's units: it is held of the seller's money.
    pub fn held(&self) -> Decimal {
        Decimal::new(self.amount, 2)
    }

    /// How a guarantee that was read differs from what it must be.
    pub fn differs(&self, told: &Guarantee) -> Option<String> {
        let right = (fen(&told.amount), fen(&told.covering)) == (self.amount, self.covering);
        let (amount, covering) = (self.amount, self.covering);
        (!right).then(|| format!("the guarantee is {amount} and covers {covering}, not {told:?}"))
    }
}

/// A contract that was covered went on.
fn answers(before: &Deal, after: &Deal, paid: i64) -> Result<(), &'static str> {
    let ended_undone = after.state == ContractState::Rescinded;
    if after.covered < 0 {
        Err("more came back than was covered")
    } else if paid != 0 || after.held != 0 || before.held != 0 {
        Err("the seller was paid twice")
    } else if ended_undone && after.covered != 0 {
        Err("what was covered of a contract that is undone is not the buyer's")
    } else if after.state == ContractState::Accepted && after.covered != 0 {
        Err("what was covered is covered no more")
    } else if after.state == ContractState::Covered && after.covered == 0 {
        Err("nothing is covered of it")
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "cover_tests.rs"]
mod tests;

//! The check of a participant's whole stream of contract reports, read again from the first one,
//! against what its clerks were told.
//!
//! Invariants checked: the numbers of participant and accounts have no gap; what a clerk was told
//! stands there under the same number, byte for byte but `poss_dup`; each command is answered at
//! most once, and once where the clerk knows it; a contract is formed once, its versions rise by
//! one from 1, it ends once; each deadline fires once, when it may. Not here: money and goods
//! (`books`), lists (`lists`).

use std::collections::{BTreeMap, HashMap};

use proto::v1::{ContractReport, ContractRole, ContractState, ContractStep};

use super::{
    clerk::in_numbers,
    deadlines::{Clock, judge},
    found::Shops,
    ledger::{Ledger, Told},
    lives, ns,
};
use crate::crash::{
    audit::When,
    ledger::{Faults, Key},
    numbering::{Numbering, Numbers},
};

/// What an audit found.
#[derive(Clone, Default, Debug)]
pub struct Found {
    /// Reports read and compared.
    pub reports: u64,
    /// Deadlines that fired.
    pub fired: u64,
    /// Deadlines that were put off.
    pub put_off: u64,
    /// What must not be.
    pub faults: Faults,
    /// The reports of each contract, by contract and party.
    pub chains: BTreeMap<(String, i32), Vec<ContractReport>>,
}

impl Found {
    /// The buyers' view of each contract: its last report.
    pub fn contracts(&self) -> impl Iterator<Item = &ContractReport> {
        let own = |role: i32| role == i32::from(ContractRole::Buyer);
        let buyers = self.chains.iter().filter(move |((_, role), _)| own(*role));
        buyers.filter_map(|(_, chain)| chain.last())
    }

    /// Contracts that live with a deadline before an instant.
    pub fn overdue(&self, at_ns: i64) -> Vec<&ContractReport> {
        let due = |last: &&ContractReport| {
            let deadline = last.deadline.as_ref().map(ns);
            lives(last.state()) && deadline.is_some_and(|due| due < at_ns)
        };
        self.contracts().filter(due).collect()
    }
}

/// See the file's head.
pub struct Audit<'a> {
    ledger: &'a Ledger,
    shops: &'a Shops,
    due: u64,
    numbering: Numbering,
    given: HashMap<Key, u32>,
    latest: Vec<i64>,
    found: Found,
}

impl<'a> Audit<'a> {
    /// Of the stream of these shops, which must hold all reports up to number `due`: what the
    /// clerks had been told before the stream was opened.
    pub fn new(ledger: &'a Ledger, shops: &'a Shops, due: u64) -> Self {
        Self {
            ledger,
            shops,
            due,
            numbering: Numbering::default(),
            given: HashMap::new(),
            latest: Vec::new(),
            found: Found::default(),
        }
    }

    /// Takes in the next report of the stream.
    pub fn take(&mut self, report: &ContractReport) {
        self.found.reports += 1;
        // Each check stands alone: what one of them finds hides nothing from the others.
        for check in [Self::number, Self::compare, Self::answer, Self::step] {
            if let Err(what) = check(self, report) {
                self.found.faults.add(what);
            }
        }
        let at = report.transact_time.as_ref().map_or(0, ns);
        let life = self.ledger.lives.of(at);
        if self.latest.len() <= life {
            self.latest.resize(life + 1, 0);
        }
        if let Some(latest) = self.latest.get_mut(life) {
            *latest = at.max(*latest);
        }
    }

    /// Ends: what was told and is not there, what was answered and is not, what only one party
    /// knows.
    pub fn finish(mut self, when: When) -> Found {
        for (number, told) in self.ledger.told_between(self.numbering.next(), self.due) {
            let what = format!("report {number} is lost, the client was told {told:?}");
            self.found.faults.add(what);
        }
        let given = |key: &Key| self.given.get(key).copied().unwrap_or(0);
        let mut missing: Vec<String> = self
            .ledger
            .due_in_stream()
            .filter(|(key, number)| *number <= self.due && given(key) == 0)
            .map(|(key, number)| format!("{key:?} was answered by report {number}, now by none"))
            .collect();
        let unanswered = self.ledger.settled_ones().filter(|key| given(key) == 0);
        missing.extend(unanswered.map(|key| format!("{key:?} was done, now nothing answers it")));
        if when == When::AtEnd {
            let open = self.ledger.open();
            missing.extend(open.map(|key| format!("{key:?} was never answered")));
        }
        let chains = &self.found.chains;
        for ((contract, role), chain) in chains {
            let other = match ContractRole::try_from(*role) {
                Ok(ContractRole::Buyer) => ContractRole::Seller,
                Ok(ContractRole::Seller) => ContractRole::Buyer,
                Ok(
                    ContractRole::Unspecified | ContractRole::Custodian | ContractRole::Operator,
                )
                | Err(_) => {
                    missing.push(format!("contract {contract} was told to role {role}"));
                    continue;
                }
            };
            let others = chains.get(&(contract.clone(), other.into()));
            if !others.is_some_and(|others| same_story(chain, others)) {
                missing.push(format!(
                    "contract {contract}: {other:?} was told otherwise than role {role}"
                ));
            }
        }
        for what in missing {
            self.found.faults.add(what);
        }
        self.found
    }

    /// Whether its numbers and its id are the next ones.
    fn number(&mut self, report: &ContractReport) -> Result<(), String> {
        self.numbering.take(Numbers {
            participant: report.participant_sequence,
            account: report.account_sequence,
            account_id: &report.account_id,
            execution: &report.exec_id,
        })
    }

    /// Whether it is what the clerk was told under this number.
    fn compare(&mut self, report: &ContractReport) -> Result<(), String> {
        let told = self.ledger.told(report.participant_sequence);
        let same = match told {
            None => true,
            Some(Told::Report(told)) => **told == *report,
            Some(Told::Operator(told)) => {
                let without = ContractReport {
                    client_order_id: String::new(),
                    ..(**told).clone()
                };
                without == *report
            }
            Some(Told::Session(told)) => {
                in_numbers(self.shops, report, told).as_ref() == Some(told)
            }
        };
        if same {
            return Ok(());
        }
        Err(format!(
            "the client was told {told:?}, now it is {report:?}"
        ))
    }

    /// Counts it, if it answers a command.
    fn answer(&mut self, report: &ContractReport) -> Result<(), String> {
        let key = if !report.session_id.is_empty() {
            Key::Session(report.session_id.clone(), report.client_sequence)
        } else if report.client_order_id.is_empty() {
            return Ok(());
        } else {
            Key::Request(report.client_order_id.clone())
        };
        if !self.ledger.was_asked(&key) {
            return Err(format!("{key:?} was answered, never asked"));
        }
        let times = self.given.entry(key.clone()).or_insert(0);
        *times += 1;
        if *times > 1 {
            return Err(format!("{key:?} was carried out {times} times"));
        }
        Ok(())
    }

    /// Whether it may follow on the contract's last step.
    fn step(&mut self, report: &ContractReport) -> Result<(), String> {
        if !report.reject_reason.is_empty() {
            return Ok(());
        }
        let place = (report.contract_id.clone(), report.role);
        let chain = self.found.chains.entry(place).or_default();
        let before = chain.last().cloned();
        chain.push(report.clone());
        // Both parties are told of each; one of the two counts.
        let counts = u64::from(report.role() == ContractRole::Buyer);
        self.found.fired += counts * u64::from(report.step() == ContractStep::Deadline);
        self.found.put_off += counts * u64::from(report.step() == ContractStep::PutOff);
        let (id, version) = (&report.contract_id, report.version);
        let Some(before) = before else {
            if report.step() == ContractStep::Reserve && version == 1 {
                return Ok(());
            }
            return Err(format!("contract {id} begins with version {version}"));
        };
        if !lives(before.state()) {
            return Err(format!("contract {id} went on after its end: {report:?}"));
        }
        let due = before.version + u32::from(report.step() != ContractStep::PutOff);
        if version != due {
            return Err(format!(
                "contract {id}: version {version} came where {due} was due"
            ));
        }
        // The close of a group was set when it was offered.
        let offered = self.ledger.offered_ns(&before.offer_id);
        let group = before.state() == ContractState::Joined;
        let set = offered
            .filter(|_| group)
            .or_else(|| before.transact_time.as_ref().map(ns));
        let begun = self.ledger.lives.of(set.unwrap_or_default());
        let clock = Clock {
            lives: &self.ledger.lives,
            latest: &self.latest,
        };
        judge(&before, report, begun, clock)
    }
}

/// Whether two parties were told the same.
fn same_story(one: &[ContractReport], other: &[ContractReport]) -> bool {
    let public = |report: &ContractReport| ContractReport {
        account_sequence: 0,
        participant_sequence: 0,
        exec_id: String::new(),
        client_order_id: String::new(),
        account_id: String::new(),
        role: 0,
        session_id: String::new(),
        client_sequence: 0,
        ..report.clone()
    };
    let both = || one.iter().zip(other);
    one.len() == other.len() && both().all(|(one, other)| public(one) == public(other))
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;

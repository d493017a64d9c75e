//! The check of a participant's whole stream of contract reports against what its clerks were told,
//! taken in part by part as it grows.
//!
//! Invariants checked: the numbers of participant and accounts have no gap; what a clerk was told
//! stands there under the same number, byte for byte but `poss_dup`; each command is answered at
//! most once, and once where the clerk knows it, a basket by each of its lines; a contract is
//! formed once, its versions rise by
//! one from 1, it ends once; each deadline fires once, when it may; it costs what it must. What a
//! part costs depends on what is new, not on what was taken in before. Not here: money and goods
//! (`books`), campaigns (`campaigns`), lists (`lists`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use proto::v1::{ContractReport, ContractRole, ContractState, ContractStep};

use super::{
    baskets::Baskets,
    deadlines::{Clock, judge},
    found::{Shops, has_tax_on_top},
    ledger::{Ledger, Told},
    lives, ns,
    numbers::in_numbers,
    prices::Groups,
    returns,
};
use crate::crash::{
    audit::When,
    memory::{Faults, Key},
    numbering::{Numbering, Numbers},
};

/// What an audit found so far.
#[derive(Clone, Default, Debug)]
pub struct Found {
    /// Reports taken in and compared.
    pub reports: u64,
    /// Deadlines that fired.
    pub fired: u64,
    /// Deadlines that were put off.
    pub put_off: u64,
    /// Payments that a bank brought.
    pub paid_in: u64,
    /// The reports of each contract, by contract and party.
    pub chains: BTreeMap<(String, i32), Vec<ContractReport>>,
    /// The contracts that live.
    live: BTreeSet<String>,
}

const BUYER: i32 = ContractRole::Buyer as i32;
const SELLER: i32 = ContractRole::Seller as i32;

impl Found {
    /// The buyers' view of each contract: its last report.
    pub fn contracts(&self) -> impl Iterator<Item = &ContractReport> {
        let buyers = self.chains.iter().filter(|((_, role), _)| *role == BUYER);
        buyers.filter_map(|(_, chain)| chain.last())
    }

    /// The same of one contract.
    pub fn contract(&self, id: &str) -> Option<&ContractReport> {
        self.chains.get(&(id.to_owned(), BUYER))?.last()
    }

    /// Contracts that live with a deadline before an instant.
    pub fn overdue(&self, at_ns: i64) -> Vec<&ContractReport> {
        let last = self.live.iter().filter_map(|id| self.contract(id));
        let due = |last: &&ContractReport| {
            let deadline = last.deadline.as_ref().map(ns);
            deadline.is_some_and(|due| due < at_ns)
        };
        last.filter(due).collect()
    }
}

/// See the file's head.
#[derive(Clone, Default, Debug)]
pub struct Audit {
    numbering: Numbering,
    given: HashMap<Key, u32>,
    latest: Vec<i64>,
    groups: Groups,
    /// Baskets, and what they used of discounts.
    pub baskets: Baskets,
    /// Offers that reports came of before their making was answered: what they cost is not known.
    unsure: HashSet<String>,
    /// All reports, in order.
    pub stream: Vec<ContractReport>,
    /// How much of what the clerks were told was compared.
    compared: usize,
    /// Told under a number that has not come yet.
    ahead: BTreeSet<u64>,
    /// Contracts of which something came since the parties' stories were compared.
    touched: BTreeSet<String>,
    /// What was found.
    pub found: Found,
}

impl Audit {
    /// The participant's number that is due.
    pub const fn next(&self) -> u64 {
        self.numbering.next()
    }

    /// Takes in the next report of the stream.
    pub fn take(&mut self, ledger: &Ledger, report: &ContractReport, faults: &mut Faults) {
        self.found.reports += 1;
        // Each check stands alone: what one of them finds hides nothing from the others.
        for check in [Self::number, Self::answer, Self::step, Self::line] {
            if let Err(what) = check(self, ledger, report) {
                faults.add(what);
            }
        }
        let at = report.transact_time.as_ref().map_or(0, ns);
        let life = ledger.lives.of(at);
        if self.latest.len() <= life {
            self.latest.resize(life + 1, 0);
        }
        if let Some(latest) = self.latest.get_mut(life) {
            *latest = at.max(*latest);
        }
        self.stream.push(report.clone());
    }

    /// Compares what there is, which must be all up to number `due`: what was told and is not there
    /// or otherwise, what was answered and is not, what only one party knows.
    pub fn compare(
        &mut self,
        (ledger, shops): (&Ledger, &Shops),
        due: u64,
        when: When,
        faults: &mut Faults,
    ) {
        let told = ledger.memory.told_since(self.compared);
        self.compared += told.len();
        self.ahead.extend(told);
        for number in std::mem::take(&mut self.ahead) {
            let Some(told) = ledger.memory.told(number) else {
                continue;
            };
            let place = self
                .stream
                .binary_search_by_key(&number, |report| report.participant_sequence);
            match place.ok().and_then(|place| self.stream.get(place)) {
                Some(report) if !is_same(shops, told, report) => faults.add(format!(
                    "the client was told {told:?}, now it is {report:?}"
                )),
                Some(_) => self.answered(ledger.numbered(number), number, faults),
                None if number <= due => faults.add(format!(
                    "report {number} is lost, the client was told {told:?}"
                )),
                None => {
                    self.ahead.insert(number);
                }
            }
        }
        for key in ledger.memory.settled_ones() {
            if !self.given.contains_key(key) {
                faults.add(format!("{key:?} was done, now nothing answers it"));
            }
        }
        if when == When::AtEnd {
            for key in ledger.open() {
                faults.add(format!("{key:?} was never answered"));
            }
        }
        self.stories(faults);
        self.baskets.compare(faults);
    }

    /// Whether a report that a clerk was told answers what it asked.
    fn answered(&self, key: Option<&Key>, number: u64, faults: &mut Faults) {
        if let Some(key) = key.filter(|key| !self.given.contains_key(*key)) {
            faults.add(format!(
                "{key:?} was answered by report {number}, now by none"
            ));
        }
    }

    /// Both parties of a contract are told the same.
    fn stories(&mut self, faults: &mut Faults) {
        for contract in std::mem::take(&mut self.touched) {
            let own = |role: i32| self.found.chains.get(&(contract.clone(), role));
            let same = match (own(BUYER), own(SELLER)) {
                (Some(buyer), Some(seller)) => same_story(buyer, seller),
                _ => false,
            };
            if !same {
                faults.add(format!(
                    "contract {contract}: its parties were told otherwise"
                ));
            }
        }
    }

    /// Whether its numbers and its id are the next ones.
    fn number(&mut self, _: &Ledger, report: &ContractReport) -> Result<(), String> {
        self.numbering.take(Numbers {
            participant: report.participant_sequence,
            account: report.account_sequence,
            account_id: &report.account_id,
            execution: &report.exec_id,
        })
    }

    /// Counts it, if it answers a command.
    fn answer(&mut self, ledger: &Ledger, report: &ContractReport) -> Result<(), String> {
        let key = if !report.session_id.is_empty() {
            Key::Session(report.session_id.clone(), report.client_sequence)
        } else if report.client_order_id.is_empty() {
            return Ok(());
        } else {
            Key::Request(report.client_order_id.clone())
        };
        if ledger.memory.asked(&key).is_none() {
            return Err(format!("{key:?} was answered, never asked"));
        }
        let lines = match &key {
            Key::Request(id) if report.step() == ContractStep::Basket => ledger.basket(id),
            Key::Request(_) | Key::Session(..) => None,
        };
        let lines = lines.map_or(1, |basket| basket.lines.len());
        let times = self.given.entry(key.clone()).or_insert(0);
        *times += 1;
        if *times as usize > lines {
            return Err(format!("{key:?} was carried out {times} times"));
        }
        Ok(())
    }

    /// Whether it is what its basket's line must become.
    fn line(&mut self, ledger: &Ledger, report: &ContractReport) -> Result<(), String> {
        if report.step() == ContractStep::Basket && !report.client_order_id.is_empty() {
            return self.baskets.take(ledger, report);
        }
        Ok(())
    }

    /// Whether it may follow on the contract's last step, and costs what it must.
    fn step(&mut self, ledger: &Ledger, report: &ContractReport) -> Result<(), String> {
        if !report.reject_reason.is_empty() {
            return Ok(());
        }
        if report.role != BUYER && report.role != SELLER {
            let (contract, role) = (&report.contract_id, report.role);
            return Err(format!("contract {contract} was told to role {role}"));
        }
        self.touched.insert(report.contract_id.clone());
        let place = (report.contract_id.clone(), report.role);
        let chain = self.found.chains.entry(place).or_default();
        let before = chain.last().cloned();
        chain.push(report.clone());
        if report.role() == ContractRole::Buyer {
            // Both parties are told of each; one of the two counts.
            self.count(report);
            self.cost(ledger, before.as_ref(), report)?;
        }
        let (id, version) = (&report.contract_id, report.version);
        let Some(before) = before else {
            let formed = [ContractStep::Reserve, ContractStep::Basket].contains(&report.step());
            if formed && version == 1 {
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
        let offered = ledger.offered_ns(&before.offer_id);
        let group = before.state() == ContractState::Joined;
        let set = offered
            .filter(|_| group)
            .or_else(|| before.transact_time.as_ref().map(ns));
        let begun = ledger.lives.of(set.unwrap_or_default());
        let clock = Clock {
            lives: &ledger.lives,
            latest: &self.latest,
            graces: &ledger.graces,
        };
        judge(&before, report, begun, clock)
    }

    fn count(&mut self, report: &ContractReport) {
        let found = &mut self.found;
        found.fired += u64::from(report.step() == ContractStep::Deadline);
        found.put_off += u64::from(report.step() == ContractStep::PutOff);
        found.paid_in += u64::from(report.step() == ContractStep::PaidIn);
        if lives(report.state()) {
            found.live.insert(report.contract_id.clone());
        } else {
            found.live.remove(&report.contract_id);
        }
    }

    fn cost(
        &mut self,
        ledger: &Ledger,
        before: Option<&ContractReport>,
        report: &ContractReport,
    ) -> Result<(), String> {
        let offer = &report.offer_id;
        match ledger.offers().get(offer) {
            Some(made) if !self.unsure.contains(offer) => {
                returns::check(before, report, has_tax_on_top(made.kind))?;
                returns::check_fee(report)?;
                self.groups.check(made, before, report)
            }
            Some(_) => Ok(()),
            None => {
                self.unsure.insert(offer.clone());
                Ok(())
            }
        }
    }
}

/// Whether a report is what a clerk was told under its number.
fn is_same(shops: &Shops, told: &Told, report: &ContractReport) -> bool {
    match told {
        Told::Report(told) => **told == *report,
        Told::Operator(told) => {
            let without = ContractReport {
                client_order_id: String::new(),
                ..(**told).clone()
            };
            without == *report
        }
        Told::Session(told) => in_numbers(shops, report, told).as_ref() == Some(told),
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
pub(super) mod tests;

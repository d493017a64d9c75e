//! What the clerks of the shops asked and were told, and when the gateway died: the measure of
//! every check.
//!
//! Invariant: nothing is ever taken back; a second answer must be the first one again, marked as
//! such. Not here: what the streams say (`audit`), what must follow from it (`books`).

use std::collections::{BTreeMap, HashMap, HashSet};

use proto::v1::{ContractReport, OfferReport, SessionContractReport};

use super::{Answer, Command, Request, ns};
use crate::crash::ledger::{Faults, Key, Sent};

/// What a clerk was told of a contract.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// In words.
    Report(Box<ContractReport>),
    /// In words, to an operator, whose own id stands in it and in no party's.
    Operator(Box<ContractReport>),
    /// In numbers, by a Session.
    Session(Box<SessionContractReport>),
}

/// When the gateway died, in nanoseconds: whoever noticed has waited for its end.
#[derive(Clone, Default, Debug)]
pub struct Lives {
    ends: Vec<i64>,
}

impl Lives {
    /// It was seen to be gone at this instant.
    pub fn ended(&mut self, at_ns: i64) {
        self.ends.push(at_ns);
    }

    /// In which life something was done, from 0.
    pub fn of(&self, at_ns: i64) -> usize {
        self.ends.partition_point(|end| *end < at_ns)
    }

    /// When a life ended.
    pub fn end(&self, life: usize) -> Option<i64> {
        self.ends.get(life).copied()
    }
}

/// An offer that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The answer.
    pub report: OfferReport,
    /// Pieces put on offer.
    pub stock: u32,
    /// Pieces one owner may have.
    pub limit: Option<u32>,
    /// Its end was answered, at this place of the history; none while it lives.
    pub withdrawn: Option<u64>,
    /// Its end was asked for.
    pub ending: bool,
}

/// See the file's head.
#[derive(Default, Debug)]
pub struct Ledger {
    asked: HashSet<Key>,
    answers: HashMap<Key, Answer>,
    by_session: HashMap<Key, u64>,
    settled: HashSet<Key>,
    told: BTreeMap<u64, Told>,
    offers: BTreeMap<String, Made>,
    ending: HashMap<String, String>,
    /// When the gateway died.
    pub lives: Lives,
    /// Commands answered, each once.
    pub acknowledged: u64,
    /// Of these, refused by the engine.
    pub refused: u64,
    /// Commands sent again because a connection took their answer along.
    pub resent: u64,
    /// Answers that were given again.
    pub duplicates_answered: u64,
    /// What must never be.
    pub faults: Faults,
}

impl Ledger {
    /// A command is about to be sent for the first time.
    pub fn asks(&mut self, command: &Command) {
        if let Request::Withdraw(request) = &command.request {
            let id = request.offer_id.clone();
            if let Some(made) = self.offers.get_mut(&id) {
                made.ending = true;
            }
            self.ending.insert(command.id.clone(), id);
        }
        self.asks_for(&Key::Request(command.id.clone()));
    }

    /// The same, of a Session's.
    pub fn asks_for(&mut self, key: &Key) {
        if !self.asked.insert(key.clone()) {
            self.faults
                .add(format!("{key:?} was used for two commands"));
        }
    }

    /// A command was answered by a call.
    pub fn answered(&mut self, command: &Command, sent: Sent, answer: &Answer) {
        let key = Key::Request(command.id.clone());
        let again = answer.is_again();
        let plain = answer.plain();
        self.duplicates_answered += u64::from(again);
        if again != (sent == Sent::Retried) && sent != Sent::Again {
            let what = format!("{key:?} sent {sent:?} was answered with poss_dup {again}");
            self.faults.add(what);
        }
        if let Some(first) = self.answers.get(&key) {
            if *first != plain {
                let what = format!("{key:?} was answered {first:?}, now {plain:?}");
                self.faults.add(what);
            }
            return;
        }
        if !self.asked.contains(&key) {
            self.faults
                .add(format!("{key:?} was answered, never asked"));
        }
        self.acknowledged += 1;
        self.refused += u64::from(!plain.reject_reason().is_empty());
        match &plain {
            Answer::Offer(report) => self.offered(command, report),
            Answer::Contract(report) => self.contract(command, report),
        }
        self.answers.insert(key, plain);
    }

    fn offered(&mut self, command: &Command, report: &OfferReport) {
        if !report.reject_reason.is_empty() {
            let refused = self.ending.get(&command.id);
            if let Some(made) = refused.and_then(|id| self.offers.get_mut(id)) {
                made.ending = false;
            }
            return;
        }
        if let Request::Offer(request) = &command.request {
            let prices = request.prices.as_ref();
            let made = Made {
                report: report.clone(),
                stock: request.stock_pieces,
                limit: prices.and_then(|prices| prices.buyer_limit_pieces),
                withdrawn: None,
                ending: false,
            };
            let before = self.offers.insert(report.offer_id.clone(), made);
            if before.is_some() {
                let what = format!("offer {} was made twice", report.offer_id);
                self.faults.add(what);
            }
        } else if let Some(id) = self.ending.get(&command.id)
            && let Some(made) = self.offers.get_mut(id)
        {
            made.withdrawn = Some(report.engine_sequence);
        }
    }

    fn contract(&mut self, command: &Command, report: &ContractReport) {
        let number = report.participant_sequence;
        if number == 0 {
            return;
        }
        let by_operator = matches!(
            &command.request,
            Request::Step(step) if step.account_id.is_empty()
        );
        let report = Box::new(report.clone());
        let told = if by_operator {
            Told::Operator(report)
        } else {
            Told::Report(report)
        };
        self.tell(number, told);
    }

    /// A reserve was answered by its Session.
    pub fn answered_in_session(&mut self, key: Key, report: &SessionContractReport) {
        if self.by_session.contains_key(&key) {
            self.faults.add(format!("{key:?} was answered twice"));
            return;
        }
        self.acknowledged += 1;
        self.refused += u64::from(report.reject_code != 0);
        self.by_session.insert(key, report.participant_sequence);
        if report.participant_sequence > 0 {
            let told = Told::Session(Box::new(report.clone()));
            self.tell(report.participant_sequence, told);
        }
    }

    /// The gateway says that a command is done, and its answer was lost with a connection.
    pub fn settled(&mut self, key: Key) {
        self.acknowledged += 1;
        self.duplicates_answered += 1;
        self.settled.insert(key);
    }

    fn tell(&mut self, number: u64, told: Told) {
        if let Some(before) = self.told.get(&number) {
            let what = format!("report {number} was {before:?} and is {told:?}");
            self.faults.add(what);
            return;
        }
        self.told.insert(number, told);
    }

    /// The highest number of a report that a clerk was told.
    pub fn last_told(&self) -> u64 {
        self.told.last_key_value().map_or(0, |(number, _)| *number)
    }

    /// What was told under a number.
    pub fn told(&self, number: u64) -> Option<&Told> {
        self.told.get(&number)
    }

    /// What was told under the numbers from `first` on, up to `last`.
    pub fn told_between(&self, first: u64, last: u64) -> impl Iterator<Item = (&u64, &Told)> {
        self.told
            .range(first..)
            .take_while(move |(number, _)| **number <= last)
    }

    /// Whether a command was ever sent.
    pub fn was_asked(&self, key: &Key) -> bool {
        self.asked.contains(key)
    }

    /// Commands whose answer must stand in the stream, with its number.
    pub fn due_in_stream(&self) -> impl Iterator<Item = (&Key, u64)> {
        let numbered = |answer: &Answer| match answer {
            Answer::Contract(report) => report.participant_sequence,
            Answer::Offer(_) => 0,
        };
        let words = self.answers.iter().map(move |(key, answer)| {
            let number = numbered(answer);
            let own = self.told.get(&number);
            let operators = matches!(own, Some(Told::Operator(_)));
            (key, if operators { 0 } else { number })
        });
        let numbers = self.by_session.iter().map(|(key, number)| (key, *number));
        words.chain(numbers).filter(|(_, number)| *number > 0)
    }

    /// All commands that are done and whose answer nobody saw.
    pub fn settled_ones(&self) -> impl Iterator<Item = &Key> {
        self.settled.iter()
    }

    /// Commands that were sent and never answered.
    pub fn open(&self) -> impl Iterator<Item = &Key> {
        self.asked.iter().filter(|key| {
            !self.answers.contains_key(*key)
                && !self.by_session.contains_key(*key)
                && !self.settled.contains(*key)
        })
    }

    /// Offers that were made, by id.
    pub fn offers(&self) -> &BTreeMap<String, Made> {
        &self.offers
    }

    /// When an offer was made, in nanoseconds.
    pub fn offered_ns(&self, offer_id: &str) -> Option<i64> {
        let time = self.offers.get(offer_id)?.report.transact_time.as_ref()?;
        Some(ns(time))
    }
}

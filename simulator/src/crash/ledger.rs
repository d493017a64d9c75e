//! What the clients of a crash run asked and were told: the measure of every audit.
//!
//! Invariant: nothing is ever taken back; a second answer to a command must be the first one again,
//! byte for byte but `poss_dup`, and an answer given again must say so. Not here: what the
//! gateway's streams say (`audit`), who asks (`calls`, `stream`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use proto::v1::{ExecutionReport, SessionReport};

use super::moves::Moves;
use crate::report::SHOWN_MAX;

/// How a command is recognised when it is sent again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// By the client's own id.
    Request(String),
    /// By its number in a session.
    Session(String, u64),
}

/// What a command asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// A new order.
    New,
    /// A cancel.
    Cancel,
    /// A replace.
    Replace,
}

/// How often a command had been sent when its answer came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// Once: nobody can have answered before.
    Once,
    /// Again after a connection broke: it may have been carried out before.
    Again,
    /// Again after it was answered.
    Retried,
}

/// What a client was told.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// In words, by a call or a stream.
    Report(Box<ExecutionReport>),
    /// In numbers, by a session.
    Session(Box<SessionReport>),
}

/// Faults: all are counted, the first are kept.
#[derive(Clone, Default, Debug)]
pub struct Faults {
    /// How many.
    pub count: u64,
    /// The first five.
    pub first: Vec<String>,
}

impl Faults {
    /// Counts one.
    pub fn add(&mut self, what: String) {
        self.count += 1;
        if self.first.len() < SHOWN_MAX {
            self.first.push(what);
        }
    }
}

/// See the file's head.
#[derive(Default, Debug)]
pub struct Ledger {
    asked: HashMap<Key, Asked>,
    answers: HashMap<Key, u64>,
    uncounted: HashMap<Key, ExecutionReport>,
    settled: HashSet<Key>,
    told: BTreeMap<u64, Told>,
    struck: BTreeSet<u32>,
    /// Commands answered, each once.
    pub acknowledged: u64,
    /// Of these, rejected by the engine.
    pub rejected: u64,
    /// Commands sent again because a connection took their answer along.
    pub resent: u64,
    /// Answers that were given again: nothing was done twice.
    pub duplicates_answered: u64,
    /// Pairs of a refused and a taken command that were both sent again over a kill.
    pub pairs_retried: u64,
    /// Deposits and withdrawals.
    pub moves: Moves,
    /// What must never be.
    pub faults: Faults,
}

impl Ledger {
    /// A command is about to be sent for the first time.
    pub fn asks(&mut self, key: &Key, what: Asked) {
        if self.asked.insert(key.clone(), what).is_some() {
            self.faults
                .add(format!("{key:?} was used for two commands"));
        }
    }

    /// A command never reached the engine, and will not be sent again.
    pub fn withdraw(&mut self, key: &Key) {
        self.asked.remove(key);
    }

    /// Commands that had been sent and not answered when the kill with this number came.
    pub fn struck(&mut self, kill: u32, commands: u64) {
        if commands > 0 {
            self.struck.insert(kill);
            self.resent += commands;
        }
    }

    /// Kills that found commands in flight.
    pub fn kills_in_flight(&self) -> u64 {
        self.struck.len() as u64
    }

    /// A command was answered by a call.
    pub fn answered(&mut self, key: &Key, sent: Sent, report: &ExecutionReport) {
        let mut plain = report.clone();
        plain.poss_dup = false;
        if report.poss_dup {
            self.duplicates_answered += 1;
        }
        if report.poss_dup != (sent == Sent::Retried) && sent != Sent::Again {
            let marked = report.poss_dup;
            self.faults.add(format!(
                "{key:?} sent {sent:?} was answered with poss_dup {marked}"
            ));
        }
        let Some(&number) = self.answers.get(key) else {
            self.first_answer(key.clone(), plain.participant_sequence);
            self.rejected += u64::from(!plain.reject_reason.is_empty());
            if plain.participant_sequence == 0 {
                self.uncounted.insert(key.clone(), plain);
            } else {
                self.tell(plain.participant_sequence, Told::Report(Box::new(plain)));
            }
            return;
        };
        let same = match self.told.get(&number) {
            Some(Told::Report(first)) => **first == plain,
            Some(Told::Session(_)) => false,
            None => self.uncounted.get(key) == Some(&plain),
        };
        if !same {
            self.faults
                .add(format!("{key:?} was answered before otherwise: {plain:?}"));
        }
    }

    /// A command was answered by its session.
    pub fn answered_in_session(&mut self, key: Key, report: &SessionReport) {
        if self.answers.contains_key(&key) {
            self.faults.add(format!("{key:?} was answered twice"));
            return;
        }
        self.first_answer(key, report.participant_sequence);
        self.rejected += u64::from(report.reject_code != 0);
        self.seen_in_session(report);
    }

    /// A session brought a report, first or later.
    pub fn seen_in_session(&mut self, report: &SessionReport) {
        if report.participant_sequence > 0 {
            let told = Told::Session(Box::new(*report));
            self.tell(report.participant_sequence, told);
        }
    }

    /// A stream brought a report.
    pub fn seen(&mut self, report: &ExecutionReport) {
        let told = Told::Report(Box::new(report.clone()));
        self.tell(report.participant_sequence, told);
    }

    /// The gateway says that a command is done, and its answer was lost with a connection.
    pub fn settled(&mut self, key: Key) {
        self.acknowledged += 1;
        self.duplicates_answered += 1;
        self.settled.insert(key);
    }

    fn first_answer(&mut self, key: Key, number: u64) {
        if !self.asked.contains_key(&key) {
            self.faults
                .add(format!("{key:?} was answered, never asked"));
        }
        self.acknowledged += 1;
        self.answers.insert(key, number);
    }

    fn tell(&mut self, number: u64, told: Told) {
        if let Some(before) = self.told.get(&number) {
            if *before != told {
                self.faults
                    .add(format!("report {number} was {before:?} and is {told:?}"));
            }
            return;
        }
        self.told.insert(number, told);
    }

    /// The highest number of a report that a client was told.
    pub fn last_told(&self) -> u64 {
        self.told.last_key_value().map_or(0, |(number, _)| *number)
    }

    /// What was told under a number.
    pub fn told(&self, number: u64) -> Option<&Told> {
        self.told.get(&number)
    }

    /// What was told under the numbers from `first` to `last`.
    pub fn told_between(&self, first: u64, last: u64) -> impl Iterator<Item = (&u64, &Told)> {
        self.told
            .range(first..)
            .take_while(move |(number, _)| **number <= last)
    }

    /// What a command asks; none for one that was never sent.
    pub fn asked(&self, key: &Key) -> Option<Asked> {
        self.asked.get(key).copied()
    }

    /// All commands that were answered, with the numbers of their answers (0: not counted).
    pub fn answers(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.answers.iter().map(|(key, number)| (key, *number))
    }

    /// All commands that are known to be done.
    pub fn settled_ones(&self) -> impl Iterator<Item = &Key> {
        self.settled.iter()
    }

    /// Commands that were sent and never answered.
    pub fn open(&self) -> impl Iterator<Item = &Key> {
        self.asked
            .keys()
            .filter(|key| !self.answers.contains_key(*key) && !self.settled.contains(*key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::Request("run-0-1".to_owned())
    }

    fn report(order_id: &str, poss_dup: bool) -> ExecutionReport {
        ExecutionReport {
            participant_sequence: 4,
            order_id: order_id.to_owned(),
            poss_dup,
            ..ExecutionReport::default()
        }
    }

    fn told() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.asks(&key(), Asked::New);
        ledger.answered(&key(), Sent::Once, &report("1-0", false));
        assert_eq!((ledger.acknowledged, ledger.faults.count), (1, 0));
        ledger
    }

    #[test]
    fn a_retry_that_gets_the_same_answer_marked_as_such_is_right() {
        let mut ledger = told();
        ledger.answered(&key(), Sent::Retried, &report("1-0", true));
        assert_eq!(ledger.faults.count, 0, "{:?}", ledger.faults);
        assert_eq!((ledger.acknowledged, ledger.duplicates_answered), (1, 1));
    }

    #[test]
    fn a_retry_that_is_carried_out_again_is_found() {
        let mut ledger = told();
        ledger.answered(&key(), Sent::Retried, &report("9-0", false));
        assert_eq!(ledger.faults.count, 2, "not marked, and another order");
    }

    #[test]
    fn a_mark_on_what_was_sent_once_is_found() {
        let mut ledger = Ledger::default();
        ledger.asks(&key(), Asked::New);
        ledger.answered(&key(), Sent::Once, &report("1-0", true));
        assert_eq!(ledger.faults.count, 1);
    }

    #[test]
    fn what_is_told_twice_must_be_the_same() {
        let mut ledger = told();
        ledger.seen(&report("1-0", false));
        assert_eq!(ledger.faults.count, 0);
        ledger.seen(&report("2-0", false));
        assert_eq!(ledger.faults.count, 1);
    }

    #[test]
    fn a_kill_that_met_nothing_does_not_count() {
        let mut ledger = told();
        ledger.struck(1, 0);
        ledger.struck(2, 3);
        ledger.struck(2, 1);
        assert_eq!((ledger.kills_in_flight(), ledger.resent), (1, 4));
    }
}

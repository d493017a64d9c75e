//! What the clients of a crash run asked and were told: the measure of every audit.
//!
//! Invariant: nothing is ever taken back; a second answer to a command must be the first one again,
//! byte for byte but `poss_dup`, and an answer given again must say so. Not here: what the
//! gateway's streams say (`audit`), who asks (`calls`, `stream`).

use std::collections::{BTreeSet, HashMap};

use proto::v1::{ExecutionReport, SessionReport};

pub use super::memory::{Faults, Key, Sent};
use super::{memory::Memory, moves::Moves};

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

/// What a client was told.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// In words, by a call or a stream.
    Report(Box<ExecutionReport>),
    /// In numbers, by a session.
    Session(Box<SessionReport>),
}

/// See the file's head.
#[derive(Default, Debug)]
pub struct Ledger {
    /// What was asked and told.
    pub memory: Memory<Asked, Told>,
    answers: HashMap<Key, u64>,
    uncounted: HashMap<Key, ExecutionReport>,
    struck: BTreeSet<u32>,
    /// Commands answered that the engine rejected.
    pub rejected: u64,
    /// Pairs of a refused and a taken command that were both sent again over a kill.
    pub pairs_retried: u64,
    /// Deposits and withdrawals.
    pub moves: Moves,
}

impl Ledger {
    /// Commands that had been sent and not answered when the kill with this number came.
    pub fn struck(&mut self, kill: u32, commands: u64) {
        if commands > 0 {
            self.struck.insert(kill);
            self.memory.resent += commands;
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
        self.memory.marked(key, sent, report.poss_dup);
        let Some(&number) = self.answers.get(key) else {
            self.first_answer(key.clone(), plain.participant_sequence);
            self.rejected += u64::from(!plain.reject_reason.is_empty());
            if plain.participant_sequence == 0 {
                self.uncounted.insert(key.clone(), plain);
            } else {
                let told = Told::Report(Box::new(plain.clone()));
                self.memory.tell(plain.participant_sequence, told);
            }
            return;
        };
        let same = match self.memory.told(number) {
            Some(Told::Report(first)) => **first == plain,
            Some(Told::Session(_)) => false,
            None => self.uncounted.get(key) == Some(&plain),
        };
        if !same {
            let what = format!("{key:?} was answered before otherwise: {plain:?}");
            self.memory.faults.add(what);
        }
    }

    /// A command was answered by its session.
    pub fn answered_in_session(&mut self, key: Key, report: &SessionReport) {
        if self.answers.contains_key(&key) {
            let what = format!("{key:?} was answered twice");
            self.memory.faults.add(what);
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
            self.memory.tell(report.participant_sequence, told);
        }
    }

    /// A stream brought a report.
    pub fn seen(&mut self, report: &ExecutionReport) {
        let told = Told::Report(Box::new(report.clone()));
        self.memory.tell(report.participant_sequence, told);
    }

    fn first_answer(&mut self, key: Key, number: u64) {
        self.memory.acknowledge(&key);
        self.answers.insert(key, number);
    }

    /// All commands that were answered, with the numbers of their answers (0: not counted).
    pub fn answers(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.answers.iter().map(|(key, number)| (key, *number))
    }

    /// Commands that were sent and never answered.
    pub fn open(&self) -> impl Iterator<Item = &Key> {
        self.memory.open(|key| self.answers.contains_key(key))
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
        ledger.memory.asks(&key(), Asked::New);
        ledger.answered(&key(), Sent::Once, &report("1-0", false));
        assert_eq!(
            (ledger.memory.acknowledged, ledger.memory.faults.count),
            (1, 0)
        );
        ledger
    }

    #[test]
    fn a_retry_that_gets_the_same_answer_marked_as_such_is_right() {
        let mut ledger = told();
        ledger.answered(&key(), Sent::Retried, &report("1-0", true));
        assert_eq!(ledger.memory.faults.count, 0, "{:?}", ledger.memory.faults);
        assert_eq!(
            (
                ledger.memory.acknowledged,
                ledger.memory.duplicates_answered
            ),
            (1, 1)
        );
    }

    #[test]
    fn a_retry_that_is_carried_out_again_is_found() {
        let mut ledger = told();
        ledger.answered(&key(), Sent::Retried, &report("9-0", false));
        assert_eq!(
            ledger.memory.faults.count, 2,
            "not marked, and another order"
        );
    }

    #[test]
    fn a_mark_on_what_was_sent_once_is_found() {
        let mut ledger = Ledger::default();
        ledger.memory.asks(&key(), Asked::New);
        ledger.answered(&key(), Sent::Once, &report("1-0", true));
        assert_eq!(ledger.memory.faults.count, 1);
    }

    #[test]
    fn what_is_told_twice_must_be_the_same() {
        let mut ledger = told();
        ledger.seen(&report("1-0", false));
        assert_eq!(ledger.memory.faults.count, 0);
        ledger.seen(&report("2-0", false));
        assert_eq!(ledger.memory.faults.count, 1);
    }

    #[test]
    fn a_kill_that_met_nothing_does_not_count() {
        let mut ledger = told();
        ledger.struck(1, 0);
        ledger.struck(2, 3);
        ledger.struck(2, 1);
        assert_eq!((ledger.kills_in_flight(), ledger.memory.resent), (1, 4));
    }
}

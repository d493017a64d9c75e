//! What every ledger of a run's clients keeps, whatever they trade: what was asked, what was told
//! under which number, what is known to be done.
//!
//! Invariant: nothing is ever taken back but a command that never reached the engine; what is told
//! twice under a number must be the same, and an answer given again must say so. Not here: what an
//! answer is (`ledger`, `shops::ledger`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

use crate::report::SHOWN_MAX;

/// How a command is recognised when it is sent again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// By the client's own id.
    Request(String),
    /// By its number in a session.
    Session(String, u64),
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

    /// Counts those of somebody else.
    pub fn absorb(&mut self, other: Self) {
        self.count += other.count - other.first.len() as u64;
        for what in other.first {
            self.add(what);
        }
    }
}

/// See the file's head. `Q` is what a command asks, `T` what a client is told.
#[derive(Debug)]
pub struct Memory<Q, T> {
    asked: HashMap<Key, Q>,
    settled: HashSet<Key>,
    told: BTreeMap<u64, T>,
    /// The numbers in the order in which they were told.
    order: Vec<u64>,
    /// Commands answered, each once.
    pub acknowledged: u64,
    /// Commands sent again because a connection took their answer along.
    pub resent: u64,
    /// Answers that were given again: nothing was done twice.
    pub duplicates_answered: u64,
    /// What must never be.
    pub faults: Faults,
}

impl<Q, T> Default for Memory<Q, T> {
    fn default() -> Self {
        Self {
            asked: HashMap::new(),
            settled: HashSet::new(),
            told: BTreeMap::new(),
            order: Vec::new(),
            acknowledged: 0,
            resent: 0,
            duplicates_answered: 0,
            faults: Faults::default(),
        }
    }
}

impl<Q, T: PartialEq + Debug> Memory<Q, T> {
    /// A command is about to be sent for the first time.
    pub fn asks(&mut self, key: &Key, what: Q) {
        if self.asked.insert(key.clone(), what).is_some() {
            self.faults
                .add(format!("{key:?} was used for two commands"));
        }
    }

    /// A command never reached the engine, and will not be sent again.
    pub fn withdraw(&mut self, key: &Key) {
        self.asked.remove(key);
    }

    /// What a command asks; none for one that was never sent.
    pub fn asked(&self, key: &Key) -> Option<&Q> {
        self.asked.get(key)
    }

    /// A call was answered: the mark of an answer given again must be right.
    pub fn marked(&mut self, key: &Key, sent: Sent, again: bool) {
        self.duplicates_answered += u64::from(again);
        if again != (sent == Sent::Retried) && sent != Sent::Again {
            let what = format!("{key:?} sent {sent:?} was answered with poss_dup {again}");
            self.faults.add(what);
        }
    }

    /// A command was answered for the first time.
    pub fn acknowledge(&mut self, key: &Key) {
        if !self.asked.contains_key(key) {
            self.faults
                .add(format!("{key:?} was answered, never asked"));
        }
        self.acknowledged += 1;
    }

    /// The gateway says that a command is done, and its answer was lost with a connection.
    pub fn settled(&mut self, key: Key) {
        self.acknowledged += 1;
        self.duplicates_answered += 1;
        self.settled.insert(key);
    }

    /// All commands that are known to be done and whose answer nobody saw.
    pub fn settled_ones(&self) -> impl Iterator<Item = &Key> {
        self.settled.iter()
    }

    /// Something was told under a number.
    pub fn tell(&mut self, number: u64, told: T) {
        if let Some(before) = self.told.get(&number) {
            if *before != told {
                self.faults
                    .add(format!("report {number} was {before:?} and is {told:?}"));
            }
            return;
        }
        self.told.insert(number, told);
        self.order.push(number);
    }

    /// The highest number of a report that a client was told.
    pub fn last_told(&self) -> u64 {
        self.told.last_key_value().map_or(0, |(number, _)| *number)
    }

    /// What was told under a number.
    pub fn told(&self, number: u64) -> Option<&T> {
        self.told.get(&number)
    }

    /// What was told under the numbers from `first` on, up to `last`.
    pub fn told_between(&self, first: u64, last: u64) -> impl Iterator<Item = (&u64, &T)> {
        self.told
            .range(first..)
            .take_while(move |(number, _)| **number <= last)
    }

    /// The numbers told, in the order of telling, without the first `known`.
    pub fn told_since(&self, known: usize) -> &[u64] {
        self.order.get(known..).unwrap_or_default()
    }

    /// Commands that were sent, are not `answered` and not known to be done.
    pub fn open<'a>(
        &'a self,
        answered: impl Fn(&Key) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Key> {
        let keys = self.asked.keys();
        keys.filter(move |key| !answered(key) && !self.settled.contains(*key))
    }
}

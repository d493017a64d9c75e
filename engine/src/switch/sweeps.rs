//! Sweeps: orders that a switch or a lost session ends, a bounded part a command.
//!
//! A sweep first looks at all rows in use, some at a time and each once, and then ends what it
//! found in id order, some at a time. That of an account whose orders are no more than a command
//! may look at takes them from the account's chain and looks at nothing else. Rejected: a chain of
//! each session's orders beside the account's, which would cost every order two writes in other
//! rows for something that happens seldom; a sorted list, since all of two million orders would be
//! sorted in one command, where a heap takes each in its turn.
//!
//! Invariant: sweeps are done one after the other, so only the first one has begun. The list of
//! orders is only a cache of what (sweep, cursor, passed) says; it is found again when a snapshot
//! is read, never in a command. Not here: which rows belong to a sweep, and what ends an order
//! (`engine::switch`).

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use crate::book::arena::Arena;
use crate::command::KillScope;
use crate::event::{SweepOf, Swept};
use crate::limits::Limits;
use crate::types::{OrderId, Sequence, Time};

/// A pending sweep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sweep {
    /// Due since then: the time of the command that began it.
    pub(crate) deadline: Time,
    /// Whose orders.
    pub(crate) what: SweepOf,
    /// Orders of later commands stay.
    pub(crate) cutoff: Sequence,
    /// Rows below it have been looked at.
    pub(crate) cursor: u32,
    /// Orders up to this one have been dealt with.
    pub(crate) passed: Sequence,
    /// How many orders it has cancelled.
    pub(crate) canceled: u32,
    /// How many it left, since their phase or status takes no cancels.
    pub(crate) kept: u32,
}

/// What became of an order whose turn came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passed {
    Canceled,
    /// Its phase or status takes no cancels.
    Kept,
}

/// What one command may still do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Orders that end, or timers that fire.
    pub(crate) orders: usize,
    /// Rows that are looked at.
    pub(crate) rows: u32,
}

impl Budget {
    /// That of a whole command.
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            orders: Limits::EXPIRIES_PER_TICK_MAX,
            rows: limits.sweep_rows_max,
        }
    }
}

/// All pending sweeps, the first one first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sweeps {
    pending: VecDeque<Sweep>,
    /// What the first one has found and not dealt with, as (sequence, slot).
    found: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Sweeps {
    /// How many sweeps have room from the start; more than a tick can begin, each ended before the
    /// next command.
    const ROOM: usize = 2 * Limits::EXPIRIES_PER_TICK_MAX;

    /// No sweeps; room for the orders of one.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            pending: VecDeque::with_capacity(Self::ROOM),
            found: BinaryHeap::with_capacity(limits.orders_max as usize),
        }
    }

    /// A sweep falls due. One of the same orders that is pending keeps its place and begins anew,
    /// with the orders live now.
    pub(crate) fn fall_due(&mut self, what: SweepOf, deadline: Time, cutoff: Sequence) {
        let known = self.pending.iter().position(|sweep| sweep.what == what);
        let Some(place) = known else {
            self.restore(Sweep {
                deadline,
                what,
                cutoff,
                cursor: 0,
                passed: Sequence::ZERO,
                canceled: 0,
                kept: 0,
            });
            return;
        };
        let sweep = &mut self.pending[place];
        (sweep.cutoff, sweep.passed) = (cutoff, Sequence::ZERO);
        (sweep.cursor, sweep.kept) = (0, 0);
        if place == 0 {
            self.found.clear();
        }
    }

    /// Puts a sweep behind all others.
    pub(crate) fn restore(&mut self, sweep: Sweep) {
        self.pending.push_back(sweep);
    }

    /// The sweep of a switch that was released is given up; what it has not ended stays.
    pub(crate) fn give_up(&mut self, what: SweepOf) {
        let known = self.pending.iter().position(|sweep| sweep.what == what);
        if let Some(place) = known {
            self.pending.remove(place);
            if place == 0 {
                self.found.clear();
            }
        }
    }

    /// The first one.
    #[inline]
    pub(crate) fn first(&self) -> Option<&Sweep> {
        self.pending.front()
    }

    /// All, the first one first.
    pub(crate) fn pending(&self) -> impl ExactSizeIterator<Item = &Sweep> {
        self.pending.iter()
    }

    fn first_mut(&mut self) -> &mut Sweep {
        self.pending.front_mut().expect("one is pending")
    }

    /// What the first one had found when a snapshot was taken.
    pub(crate) fn remember(&mut self, found: impl Iterator<Item = (u64, u32)>) {
        self.found.clear();
        self.found.extend(found.map(Reverse));
    }

    /// The rows up to `cursor` have been looked at, and these orders found.
    pub(crate) fn look(&mut self, cursor: u32, found: impl Iterator<Item = (u64, u32)>) {
        self.first_mut().cursor = cursor;
        self.found.extend(found.map(Reverse));
    }

    /// The next order of the first sweep that still lives; it stays until `pass`.
    pub(crate) fn next_live(&mut self, arena: &Arena) -> Option<u32> {
        while let Some(Reverse((sequence, slot))) = self.found.peek().copied() {
            if arena.find(OrderId { sequence, slot }).is_some() {
                return Some(slot);
            }
            self.found.pop();
        }
        None
    }

    /// The next order is dealt with.
    pub(crate) fn pass(&mut self, passed: Passed) {
        let Reverse((sequence, _)) = self.found.pop().expect("`next_live` gave one");
        let sweep = self.first_mut();
        sweep.passed = Sequence::new(sequence);
        match passed {
            Passed::Canceled => sweep.canceled += 1,
            Passed::Kept => sweep.kept += 1,
        }
    }

    /// The first one is over.
    pub(crate) fn finish(&mut self) -> Swept {
        assert!(self.found.is_empty(), "all its orders were dealt with");
        let sweep = self.pending.pop_front().expect("one is pending");
        Swept {
            what: sweep.what,
            canceled: sweep.canceled,
            kept: sweep.kept,
        }
    }

    /// Whether only the first one has begun, none is there twice, and switches that sweep are
    /// engaged.
    pub(crate) fn audit(
        &self,
        rows: u32,
        is_engaged: impl Fn(KillScope) -> bool,
    ) -> Result<(), &'static str> {
        let mut seen = BTreeSet::new();
        let mut last = Time::ZERO;
        for (place, sweep) in self.pending.iter().enumerate() {
            let begun = sweep.cursor > 0 || sweep.passed > Sequence::ZERO;
            if sweep.cursor > rows || place > 0 && begun {
                return Err("a sweep has looked at rows that it cannot have seen");
            }
            if !seen.insert(sweep.what) || sweep.deadline < last {
                return Err("a sweep is pending twice, or out of order");
            }
            last = sweep.deadline;
            if let SweepOf::Kill(scope) = sweep.what
                && !is_engaged(scope)
            {
                return Err("a released switch sweeps");
            }
        }
        Ok(())
    }
}

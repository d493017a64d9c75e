//! What the threads of the runtime show each other and the outside: counters, and the gate that
//! says how far everything is durable.
//!
//! Invariant: `durable` is the lower of log and head mark, never falls, and is raised only after
//! the sync that earns it. Not here: queues and their contents.

use super::free_space::DiskWatch;
use super::handle::{ClockStatus, Status};
use crate::engine::Usage;
use crate::types::{Nanoseconds, Sequence};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// What the threads of the runtime show each other and the outside.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) shard: u32,
    pub(crate) epoch: u32,
    pub(crate) queue_max: u32,
    /// Commands taken and not yet released.
    queue_used: AtomicU32,
    /// No more submissions.
    stopping: AtomicBool,
    /// Callers between their look at `stopping` and the end of their send.
    entering: AtomicU32,
    /// Only `AcceptClock` is taken.
    pub(crate) clock_held: AtomicBool,
    /// How far the wall clock stepped away, in nanoseconds; 0 while it is followed.
    pub(crate) clock_step: AtomicI64,
    sequence: AtomicU64,
    pub(crate) released: AtomicU64,
    pub(crate) cursor: AtomicU64,
    pub(crate) shadow: AtomicU64,
    pub(crate) snapshot: AtomicU64,
    pub(crate) snapshots: AtomicU64,
    pub(crate) audits: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) record_bytes: AtomicU64,
    /// How full the engine is, as of the last chunk.
    usage: Mutex<Usage>,
    pub(crate) disk: DiskWatch,
    pub(crate) gate: Gate,
}

impl Shared {
    /// At start: everything up to `recovered` is durable and released.
    pub(crate) fn new(
        shard: u32,
        epoch: u32,
        queue_max: u32,
        recovered: Sequence,
        usage: Usage,
        disk: DiskWatch,
    ) -> Self {
        let at = || AtomicU64::new(recovered.value());
        Self {
            shard,
            epoch,
            queue_max,
            queue_used: AtomicU32::new(0),
            stopping: AtomicBool::new(false),
            entering: AtomicU32::new(0),
            clock_held: AtomicBool::new(false),
            clock_step: AtomicI64::new(0),
            sequence: at(),
            released: at(),
            cursor: AtomicU64::new(0),
            shadow: at(),
            snapshot: AtomicU64::new(0),
            snapshots: AtomicU64::new(0),
            audits: AtomicU64::new(0),
            records: AtomicU64::new(0),
            record_bytes: AtomicU64::new(0),
            usage: Mutex::new(usage),
            disk,
            gate: Gate::new(recovered),
        }
    }

    /// A snapshot at `sequence` is there.
    pub(crate) fn snapshot_at(&self, sequence: Sequence) {
        self.snapshot.store(sequence.value(), Ordering::Release);
    }

    /// Shows what the engine thread has come to.
    pub(crate) fn show(&self, sequence: Sequence, usage: Usage) {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner) = usage;
        self.sequence.store(sequence.value(), Ordering::Release);
    }

    /// Whether trading is behind what comes in: an eighth of the queue waits to be released. At a
    /// rate the path carries, some hundred commands wait.
    pub(crate) fn is_pressed(&self) -> bool {
        self.queue_used.load(Ordering::Acquire) > self.queue_max / 8
    }

    /// Takes room for `count` commands, or none.
    pub(crate) fn take_room(&self, count: u32) -> bool {
        self.queue_used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                used.checked_add(count).filter(|sum| *sum <= self.queue_max)
            })
            .is_ok()
    }

    /// Runs `send` unless no more is taken. Whoever was let in before [`Shared::refuse_new`] is
    /// seen by [`Shared::all_entered`] until the end of `send`, so nothing sent is overlooked.
    pub(crate) fn enter<T>(&self, send: impl FnOnce() -> T) -> Option<T> {
        self.entering.fetch_add(1, Ordering::SeqCst);
        let sent = (!self.stopping.load(Ordering::SeqCst)).then(send);
        self.entering.fetch_sub(1, Ordering::SeqCst);
        sent
    }

    /// From here on nothing is taken.
    pub(crate) fn refuse_new(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether every caller that was let in has sent. Meaningful after [`Shared::refuse_new`].
    pub(crate) fn all_entered(&self) -> bool {
        self.entering.load(Ordering::SeqCst) == 0
    }

    /// Gives room back.
    pub(crate) fn give_room(&self, count: u32) {
        let before = self.queue_used.fetch_sub(count, Ordering::AcqRel);
        assert!(before >= count, "more room was given back than taken");
    }

    pub(crate) fn status(&self) -> Status {
        let sequence = |value: &AtomicU64| Sequence::new(value.load(Ordering::Acquire));
        let marks = self.gate.marks();
        let step = Nanoseconds(self.clock_step.load(Ordering::Acquire));
        Status {
            sequence: sequence(&self.sequence),
            durable: marks.durable(),
            log_durable: marks.log,
            head_durable: marks.head,
            released: sequence(&self.released),
            shadow: sequence(&self.shadow),
            snapshot: sequence(&self.snapshot),
            snapshots: self.snapshots.load(Ordering::Acquire),
            audits: self.audits.load(Ordering::Acquire),
            epoch: self.epoch,
            shard: self.shard,
            queue_used: self.queue_used.load(Ordering::Acquire),
            queue_max: self.queue_max,
            clock: match (self.clock_held.load(Ordering::Acquire), step.0) {
                (true, _) => ClockStatus::Held(step),
                (false, 0) => ClockStatus::Following,
                (false, _) => ClockStatus::Stepped(step),
            },
            records: self.records.load(Ordering::Acquire),
            record_bytes: self.record_bytes.load(Ordering::Acquire),
            cursor: sequence(&self.cursor),
            usage: *self.usage.lock().unwrap_or_else(PoisonError::into_inner),
            disk: self.disk.status(),
        }
    }
}

/// How far log and head mark are synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Marks {
    pub(crate) log: Sequence,
    pub(crate) head: Sequence,
    /// Nothing more will come: a fault.
    pub(crate) failed: bool,
}

impl Marks {
    /// What may be released.
    pub(crate) fn durable(self) -> Sequence {
        self.log.min(self.head)
    }
}

/// The marks, and a place to wait for them.
#[derive(Debug)]
pub(crate) struct Gate {
    marks: Mutex<Marks>,
    raised: Condvar,
}

impl Gate {
    fn new(recovered: Sequence) -> Self {
        Self {
            marks: Mutex::new(Marks {
                log: recovered,
                head: recovered,
                failed: false,
            }),
            raised: Condvar::new(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Marks)) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut marks);
        drop(marks);
        self.raised.notify_all();
    }

    /// The log is synced up to `sequence`.
    pub(crate) fn raise_log(&self, sequence: Sequence) {
        self.change(|marks| {
            assert!(sequence > marks.log, "the log mark must rise");
            marks.log = sequence;
        });
    }

    /// The head mark is synced up to `sequence`.
    pub(crate) fn raise_head(&self, sequence: Sequence) {
        self.change(|marks| {
            assert!(sequence > marks.head, "the head mark must rise");
            assert!(sequence <= marks.log, "the head mark must follow the log");
            marks.head = sequence;
        });
    }

    /// Nothing more will become durable.
    pub(crate) fn fail(&self) {
        self.change(|marks| marks.failed = true);
    }

    pub(crate) fn marks(&self) -> Marks {
        *self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `sequence` is durable; false when it never will be, and after a fault even if it
    /// is: what the fault says may be wrong with it, and the next start finds it all the same.
    pub(crate) fn wait_durable(&self, sequence: Sequence) -> bool {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let marks = self
            .raised
            .wait_while(marks, |marks| !marks.failed && marks.durable() < sequence)
            .unwrap_or_else(PoisonError::into_inner);
        !marks.failed && marks.durable() >= sequence
    }
}

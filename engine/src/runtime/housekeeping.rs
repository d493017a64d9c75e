//! The housekeeping thread: a second engine fed from the durable journal. It compares the running
//! hash of all events at every record, takes the snapshots, and begins new segments.
//!
//! So snapshots never stop trading, and determinism is proved all day at the price of running
//! every command twice; the hash of all state is computed only here.
//!
//! Invariant: a snapshot lies at the end of a record and below the head mark; the newest two stay.
//! Not here: what is archived and dropped, and when.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError};

use super::audits::Audits;
use super::clock::TimeSource;
use super::config::{Fatal, Shadow};
use super::fault::Faults;
use super::replayer::{ReplayError, Replayer};
use super::segments::{Reached, Segments};
use super::shared::Shared;
use super::upkeep::{EventPoint, Question};
use crate::backup;
use crate::journal::{Journal, JournalError, folder, history};
use crate::snapshot::{self, Snapshot, Stamp};
use crate::state_hash::StateHash;
use crate::types::{Nanoseconds, Sequence};

/// How often the second engine looks for new records: often enough that it is never far behind,
/// seldom enough to cost nothing on a still engine.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// After a snapshot that took this long, the next one waits ten times as long.
const REST_FACTOR: i64 = 10;
/// With the second engine this many commands behind an operator is warned: a crash now would cost
/// about as many seconds of replay as the lag has millions of commands, over three.
const LAG_WARNED_COMMANDS: u64 = 20_000_000;
/// Up to this many commands behind, the second engine stands back while trading is pressed.
const LAG_PATIENT_COMMANDS: u64 = LAG_WARNED_COMMANDS / 2;
/// While it stands back it rests so many times as long as it worked. Without a rest it took 18 to
/// 30 % of the commands a second at saturation (benches/runs, 2026-11-29).
const STAND_BACK_FACTOR: u32 = 4;
/// Work between two looks at whether to stand back: long beside a look, short beside a snapshot.
const WORKED_AT_A_TIME: Duration = Duration::from_millis(1);

/// The last word to the thread: catch up, take a snapshot if one is due, end.
pub(crate) struct Finish;

/// When snapshots are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) every_commands: u64,
    pub(crate) every: Nanoseconds,
}

/// The state of the housekeeping thread.
pub(crate) struct Housekeeping {
    pub(crate) replayer: Replayer,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) snapshots: PathBuf,
    pub(crate) schedule: Schedule,
    pub(crate) build: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) faults: Faults,
    pub(crate) source: Arc<dyn TimeSource>,
    pub(crate) finish: Receiver<Finish>,
    pub(crate) segments: Segments,
    pub(crate) questions: Receiver<Question>,
    /// The folder of the archive.
    pub(crate) archive: PathBuf,
    pub(crate) on_warning: Arc<dyn Fn(&str) + Send + Sync>,
    pub(crate) last: LastSnapshot,
    pub(crate) audits: Audits,
    /// It was told that the second engine is far behind.
    pub(crate) lagging: bool,
    pub(crate) runs: Shadow,
    pub(crate) finished: Finished,
}

/// The newest snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastSnapshot {
    pub(crate) sequence: Sequence,
    /// The rules version it was taken under; 0 without one.
    pub(crate) rules: u32,
    /// When it was done, on the monotonic clock.
    pub(crate) ended: Nanoseconds,
    /// How long it took.
    pub(crate) took: Nanoseconds,
}

/// What the thread ends with.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The newest snapshot; zero without one.
    pub(crate) snapshot: Sequence,
    /// The state hash of the second engine at its end, if a snapshot was taken there.
    pub(crate) state: Option<(Sequence, StateHash)>,
    /// Why the last snapshot could not be written.
    pub(crate) error: Option<String>,
}

impl Housekeeping {
    /// Runs until told to finish, or until a fault.
    pub(crate) fn run(mut self) -> Finished {
        if self.runs == Shadow::Off {
            // Only a runtime dropped without a stop says nothing.
            let _ = self.finish.recv();
            return self.finished;
        }
        loop {
            let told = self.finish.recv_timeout(LOOK_EVERY);
            let ending = !matches!(told, Err(RecvTimeoutError::Timeout));
            if self.shared.gate.marks().failed {
                return self.finished;
            }
            if let Err(fatal) = self.catch_up() {
                self.faults.raise(&fatal);
                return self.finished;
            }
            self.watch_lag();
            if told.is_ok() && self.changed() && self.rested() {
                self.snapshot();
            }
            if !ending {
                self.segments.tend(Reached {
                    durable: self.shared.gate.marks().durable(),
                    cursor: Sequence::new(self.shared.cursor.load(Ordering::Acquire)),
                });
            }
            if let Err(fatal) = synced() {
                self.faults.raise(&fatal);
                return self.finished;
            }
            if ending {
                return self.finished;
            }
            while let Ok(question) = self.questions.try_recv() {
                if let Err(fatal) = self.answer(question) {
                    self.faults.raise(&fatal);
                    return self.finished;
                }
            }
        }
    }

    /// Warns when the second engine falls far behind; once, until it has caught up by half. It
    /// rests while trading is pressed, but runs at the priority of all threads, since it holds the
    /// journal's locks at times: made to wait for the processor there, it would make the order
    /// path wait; and a process without rights could not take a lower priority back.
    fn watch_lag(&mut self) {
        let durable = self.shared.gate.marks().durable().value();
        let lag = durable.saturating_sub(self.replayer.engine().sequence().value());
        if lag >= LAG_WARNED_COMMANDS && !self.lagging {
            self.lagging = true;
            (self.on_warning)(&format!(
                "the second engine is {lag} commands behind: snapshots come late, and a start \
                 after a crash would replay as many more"
            ));
        } else if lag <= LAG_WARNED_COMMANDS / 2 {
            self.lagging = false;
        }
    }

    fn answer(&mut self, question: Question) -> Result<(), Fatal> {
        self.catch_up()?;
        synced()?;
        match question {
            Question::Gather(folder, reply) => {
                let source = backup::Source {
                    journal: &*self.journal,
                    archive: &self.archive,
                    snapshots: &self.snapshots,
                    replayer: &self.replayer,
                    build: &self.build,
                };
                reply(backup::gather(&folder, &source));
                // A backup lies on a disk of its own, and whoever asked for it is told.
                folder::take_failed_sync();
            }
            Question::EventPoint(sequence, reply) => {
                let sequence = sequence.min(self.replayer.engine().sequence());
                let point = history::event_point(&*self.journal, &self.archive, sequence);
                let named = |(at, hash)| EventPoint { at, hash };
                reply(point.map(|point| point.map(named)));
            }
        }
        Ok(())
    }

    /// Applies and compares what has become durable, with the snapshots that fall due.
    fn catch_up(&mut self) -> Result<(), Fatal> {
        let durable = self.shared.gate.marks().durable();
        let journal = Arc::clone(&self.journal);
        let at = self.replayer.engine().sequence();
        if at < durable {
            let failed = |error: crate::journal::JournalError| Fatal::Reading {
                after: at,
                error: error.to_string(),
            };
            let mut began = self.source.monotonic();
            for stored in journal.read_from(at.next()).map_err(failed)? {
                let (first, bytes) = stored.map_err(failed)?;
                if first > durable {
                    break;
                }
                self.replayer.apply(&bytes).map_err(fatal(first))?;
                let at = self.replayer.engine().sequence();
                self.shared.shadow.store(at.value(), Ordering::Release);
                if self.audits.audit(self.replayer.engine())? {
                    self.shared.audits.fetch_add(1, Ordering::Relaxed);
                }
                if self.due() {
                    self.snapshot();
                    synced()?;
                }
                began = self.stand_back(began);
            }
        }
        if self.due() {
            self.snapshot();
        }
        Ok(())
    }

    /// Rests after work that began at `began`, when trading wants both cores and there is time to
    /// catch up later; answers when the work that comes next began. Holds no lock meanwhile.
    fn stand_back(&self, began: Nanoseconds) -> Nanoseconds {
        let now = self.source.monotonic();
        let worked = Duration::from_nanos(now.0.saturating_sub(began.0) as u64);
        if worked < WORKED_AT_A_TIME {
            return began;
        }
        let durable = self.shared.gate.marks().durable().value();
        let lag = durable.saturating_sub(self.replayer.engine().sequence().value());
        if !self.shared.is_pressed() || lag > LAG_PATIENT_COMMANDS {
            return now;
        }
        std::thread::sleep(worked.min(LOOK_EVERY) * STAND_BACK_FACTOR);
        self.source.monotonic()
    }

    fn since_last(&self) -> u64 {
        self.replayer.engine().sequence().value() - self.last.sequence.value()
    }

    fn changed(&self) -> bool {
        self.since_last() > 0
    }

    /// Whether ten times the last snapshot's own duration has passed since it.
    fn rested(&self) -> bool {
        let passed = self.source.monotonic().0 - self.last.ended.0;
        passed >= self.last.took.0.saturating_mul(REST_FACTOR)
    }

    fn due(&self) -> bool {
        let passed = self.source.monotonic().0 - self.last.ended.0;
        let due = self.since_last() >= self.schedule.every_commands
            || passed >= self.schedule.every.0 && self.changed()
            || self.upgraded();
        due && self.rested()
    }

    /// Whether other rules began after the newest snapshot. No build replays across that line, so
    /// until there is a snapshot on this side of it all hangs on the one on the other.
    fn upgraded(&self) -> bool {
        self.last.rules != 0 && self.last.rules != self.replayer.position().semantics
    }

    /// Takes a snapshot where the second engine stands, and begins a new segment. A snapshot that
    /// cannot be written is told and not fatal, unless a sync failed: the journal has everything,
    /// and the next one comes when it is due again.
    fn snapshot(&mut self) {
        let began = self.source.monotonic();
        let at = self.replayer.engine().sequence();
        let position = self.replayer.position();
        let stamp = Stamp {
            shard: position.shard,
            epoch: position.epoch,
            chain: position.chain,
            semantics: position.semantics,
            build: self.build.clone(),
        };
        let snapshot = Snapshot::of(self.replayer.engine(), &stamp);
        let written = self.write(&snapshot);
        let ended = self.source.monotonic();
        let took = Nanoseconds(ended.0 - began.0);
        match written {
            Ok(()) => {
                self.finished.state = Some((at, snapshot.header.state_hash));
                self.finished.error = None;
                self.segments.closed(&snapshot);
                self.finished.snapshot = at;
                self.last.sequence = at;
                self.last.rules = position.semantics;
                self.shared.snapshot.store(at.value(), Ordering::Release);
                self.shared.snapshots.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                (self.on_warning)(&format!("no snapshot at command {}: {error}", at.value()));
                self.finished.error = Some(error);
            }
        }
        self.last.ended = ended;
        self.last.took = took;
    }

    fn write(&self, snapshot: &Snapshot) -> Result<(), String> {
        snapshot::write(&self.snapshots, snapshot).map_err(|error| error.to_string())?;
        snapshot::keep_newest(&self.snapshots).map_err(|error| error.to_string())?;
        let next = snapshot.header.sequence.next();
        self.journal.roll(next).map_err(|error| stopped_by(&error))
    }
}

/// A change of the journal that failed, kept so that the process ends: the store may have failed to
/// sync its names, and another thread must not go on appending behind that.
pub(crate) fn stopped_by(error: &JournalError) -> String {
    let said = error.to_string();
    folder::keep_failed_sync(said.clone());
    said
}

/// Whether every sync of this thread succeeded.
fn synced() -> Result<(), Fatal> {
    folder::take_failed_sync().map_or(Ok(()), |error| Err(Fatal::Sync { error }))
}

/// What a failed replay of the durable journal means.
fn fatal(first: Sequence) -> impl Fn(ReplayError) -> Fatal {
    move |error| match error {
        ReplayError::Divergence { agreed, parted } => Fatal::Divergence { agreed, parted },
        ReplayError::Record(_)
        | ReplayError::Shard(_)
        | ReplayError::Sequence { .. }
        | ReplayError::Link(_)
        | ReplayError::Command { .. }
        | ReplayError::Semantics { .. } => Fatal::Reading {
            after: first,
            error: error.to_string(),
        },
    }
}

//! `Runtime`: the threads, the queues between them, and how they end.
//!
//! Queues are bounded in commands: what is in them was let in by the handle. A queue's room in
//! messages only bounds how far one thread may run ahead of the next.
//!
//! Invariant: threads end in the order in which work flows, each when the one before it is gone
//! and its queue is empty; so a clean stop loses nothing. Not here: what each thread does.

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::applied::Applied;
use super::audits::Audits;
use super::base::Standing;
use super::clock::{Clock, Stakes, Trust, span};
use super::config::{Config, Fatal};
use super::error::{Recovered, StartError, StopError, Stopped};
use super::fault::Faults;
use super::free_space::DiskWatch;
use super::handle::{ClockStatus, Handle, Message};
use super::housekeeping::{Finish, Finished, Housekeeping, LastSnapshot, Schedule};
use super::journal_thread::{JournalThread, MarkSlot, keep_marks};
use super::publisher::Publisher;
use super::replayer::Replayer;
use super::segments::Segments;
use super::sequencer::{Chunk, Lines, Sequencer, Work};
use super::shared::Shared;
use super::sink::Sink;
use super::start::{Started, stakes, start};
use super::upkeep::{Question, Upkeep};
use crate::engine::Engine;
use crate::journal::folder::{Layout, Lock};
use crate::journal::head::MarkKeeper;
use crate::journal::{Journal, Store};
use crate::snapshot::{Snapshot, Stamp};
use crate::types::{Nanoseconds, Sequence};

/// Chunks the engine thread may be ahead of the journal thread, and of the publisher thread. The
/// commands in them are bounded by the handle; this bounds ticks, which nobody submitted.
const CHUNKS_AHEAD: usize = 1_024;
/// Buffers that wait to be used again.
const BUFFERS: usize = 64;

/// A running shard. Dropped without [`Runtime::stop`] it drains and syncs, but takes no snapshot.
pub struct Runtime {
    handle: Handle,
    upkeep: Upkeep,
    faults: Faults,
    threads: Option<Threads>,
    _lock: Lock,
}

struct Threads {
    engine: JoinHandle<Engine>,
    journal: JoinHandle<()>,
    head: JoinHandle<()>,
    publisher: JoinHandle<()>,
    housekeeping: JoinHandle<Finished>,
    finish: Sender<Finish>,
}

impl Runtime {
    /// Starts on the folder `config.data_dir`, with the journal in RocksDB.
    #[cfg(feature = "rocksdb")]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a caller has no further use for its configuration"
    )]
    pub fn start(config: Config, sink: Box<dyn Sink>) -> Result<(Self, Recovered), StartError> {
        let layout = Layout::new(&config.data_dir);
        let store = crate::journal::rocks::RocksStore::new(layout.journal())
            .with_write_buffer(config.journal_write_buffer_bytes);
        Self::start_on(&config, &store, sink)
    }

    /// Starts with the journal in `store`; lock, head mark and snapshots are in
    /// `config.data_dir` all the same.
    pub fn start_on(
        config: &Config,
        store: &dyn Store,
        mut sink: Box<dyn Sink>,
    ) -> Result<(Self, Recovered), StartError> {
        let started = start(config, store, &mut *sink)?;
        let recovered = started.recovered.clone();
        sink.recovered(started.replayer.engine(), recovered.epoch);
        let runtime = Self::run(config, started, sink)?;
        Ok((runtime, recovered))
    }

    /// A way in.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The way to the thread that keeps snapshots and segments.
    pub fn upkeep(&self) -> Upkeep {
        self.upkeep.clone()
    }

    /// The fault that stopped it, if one did.
    pub fn fault(&self) -> Option<Fatal> {
        self.faults.first()
    }

    /// Refuses new commands, finishes all that were taken, syncs, releases, takes a snapshot if
    /// one is due, and ends the threads.
    pub fn stop(mut self) -> Result<Stopped, StopError> {
        let (engine, finished) = self.end(Some(Finish));
        if let Some(fatal) = self.faults.first() {
            return Err(StopError::Faulted(fatal.to_string()));
        }
        let (Some(engine), Some(finished)) = (engine, finished) else {
            return Err(StopError::Faulted("a thread ended by a panic".to_owned()));
        };
        if let Some((at, state)) = finished.state
            && at == engine.sequence()
            && state != engine.state_hash()
        {
            let fatal = Fatal::Divergence {
                agreed: Sequence::ZERO,
                parted: at,
            };
            self.faults.raise(&fatal);
            return Err(StopError::Faulted(fatal.to_string()));
        }
        match finished.error {
            Some(error) => Err(StopError::Snapshot(error)),
            None => Ok(Stopped {
                last: engine.sequence(),
                snapshot: finished.snapshot,
            }),
        }
    }

    /// Ends the threads in the order in which work flows.
    fn end(&mut self, last_word: Option<Finish>) -> (Option<Engine>, Option<Finished>) {
        let Some(threads) = self.threads.take() else {
            return (None, None);
        };
        self.handle.shared.refuse_new();
        // Fails only if the engine thread has ended already.
        let _ = self.handle.sender.send(Message::Stop);
        let engine = threads.engine.join().ok();
        let ended = [threads.journal, threads.head, threads.publisher].map(JoinHandle::join);
        if let Some(finish) = last_word
            && ended.iter().all(Result::is_ok)
        {
            // Fails only if the thread has ended already, after a fault.
            let _ = threads.finish.send(finish);
        }
        drop(threads.finish);
        (engine, threads.housekeeping.join().ok())
    }

    fn run(config: &Config, started: Started, sink: Box<dyn Sink>) -> Result<Self, StartError> {
        let last = started.recovered.last;
        let shared = Arc::new(Shared::new(
            config.shard,
            started.recovered.epoch,
            config.queue_commands_max,
            last,
            started.replayer.engine().usage(),
            DiskWatch::new(
                Arc::clone(&config.free_space),
                config.data_dir.clone(),
                config.disk_reserve_bytes,
                Arc::clone(&config.on_warning),
            ),
        ));
        shared.snapshot_at(started.snapshot.at);
        let faults = Faults::new(Arc::clone(&shared), Arc::clone(&config.on_fatal));
        let position = started.replayer.position();
        let shadow = shadow(config, &started.replayer)?;
        let lanes = Lanes::new(config.queue_commands_max);
        let marks = Arc::new(MarkSlot::default());
        let crew = Crew {
            config,
            shared: &shared,
            faults: &faults,
            journal: &started.journal,
        };
        let sequencer = crew.sequencer(started.replayer.into_engine(), lanes.lines);
        // Shown before the first submission can be made.
        sequencer.show_clock();
        let journal = JournalThread {
            journal: Arc::clone(&started.journal),
            shared: Arc::clone(&shared),
            faults: faults.clone(),
            chunks: lanes.chunks,
            used_bytes: lanes.used_bytes,
            marks: Arc::clone(&marks),
            commands_max: config.batch_commands_max,
            chain: position.chain,
        };
        let publisher = Publisher {
            sink,
            shared: Arc::clone(&shared),
            applied: lanes.applied,
            used_applied: lanes.used_applied,
        };
        let (upkeep, questions) = Upkeep::new();
        let housekeeping = crew.housekeeping(shadow, started.snapshot, (lanes.finish, questions));
        let head = crew.head(started.head, marks);
        let threads = Threads {
            head: crew.spawn("head", head)?,
            journal: crew.spawn("journal", move || journal.run())?,
            publisher: crew.spawn("publisher", move || publisher.run())?,
            housekeeping: crew.spawn("housekeeping", move || housekeeping.run())?,
            engine: crew.spawn("engine", move || {
                sequencer.run(position.semantics, last == Sequence::ZERO)
            })?,
            finish: lanes.finish_in,
        };
        Ok(Self {
            handle: Handle {
                shared,
                sender: lanes.message_in,
            },
            upkeep,
            faults,
            threads: Some(threads),
            _lock: started.lock,
        })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.end(None);
    }
}

/// The queues between the threads.
struct Lanes {
    message_in: Sender<Message>,
    lines: Lines,
    chunks: Receiver<Chunk>,
    used_bytes: Sender<Vec<u8>>,
    applied: Receiver<Applied>,
    used_applied: Sender<Applied>,
    finish_in: Sender<Finish>,
    finish: Receiver<Finish>,
}

impl Lanes {
    fn new(queue_commands_max: u32) -> Self {
        // Every message but the stop holds room for a command at least.
        let (message_in, messages) = bounded(queue_commands_max as usize + 1);
        let (chunk_in, chunks) = bounded(CHUNKS_AHEAD);
        let (applied_in, applied) = bounded(CHUNKS_AHEAD);
        let (used_bytes, used_bytes_out) = bounded(BUFFERS);
        let (used_applied, used_applied_out) = bounded(BUFFERS);
        let (finish_in, finish) = bounded(1);
        let lines = Lines {
            messages,
            chunks: chunk_in,
            applied: applied_in,
            used_bytes: used_bytes_out,
            used_applied: used_applied_out,
        };
        Self {
            message_in,
            lines,
            chunks,
            used_bytes,
            applied,
            used_applied,
            finish_in,
            finish,
        }
    }
}

/// What every thread is made from.
struct Crew<'a> {
    config: &'a Config,
    shared: &'a Arc<Shared>,
    faults: &'a Faults,
    journal: &'a Arc<dyn Journal>,
}

impl Crew<'_> {
    fn sequencer(&self, engine: Engine, lines: Lines) -> Sequencer {
        Sequencer {
            clock: clock(self.config, &engine),
            engine,
            source: Arc::clone(&self.config.clock.source),
            shared: Arc::clone(self.shared),
            lines,
            wait: self.config.wait,
            on_warning: Arc::clone(&self.config.on_warning),
            work: Work::default(),
        }
    }

    fn housekeeping(
        &self,
        replayer: Replayer,
        snapshot: Standing,
        (finish, questions): (Receiver<Finish>, Receiver<Question>),
    ) -> Housekeeping {
        let layout = Layout::new(&self.config.data_dir);
        let on_warning = Arc::clone(&self.config.on_warning);
        Housekeeping {
            replayer,
            questions,
            archive: layout.archive(),
            segments: Segments::new(Arc::clone(self.journal), &layout, on_warning),
            journal: Arc::clone(self.journal),
            snapshots: layout.snapshots(),
            schedule: Schedule {
                every_commands: self.config.snapshot_every_commands,
                every: span(self.config.snapshot_every),
            },
            build: self.config.build.clone(),
            shared: Arc::clone(self.shared),
            faults: self.faults.clone(),
            source: Arc::clone(&self.config.clock.source),
            finish,
            on_warning: Arc::clone(&self.config.on_warning),
            runs: self.config.shadow,
            lagging: false,
            last: LastSnapshot {
                sequence: snapshot.at,
                rules: snapshot.rules,
                ended: self.config.clock.source.monotonic(),
                took: Nanoseconds(0),
            },
            audits: Audits::new(Arc::clone(&self.config.clock.source), snapshot.at),
            finished: Finished {
                snapshot: snapshot.at,
                state: None,
                error: None,
            },
        }
    }

    fn head(
        &self,
        keeper: Box<dyn MarkKeeper>,
        marks: Arc<MarkSlot>,
    ) -> impl FnOnce() + Send + 'static {
        let (shared, faults) = (Arc::clone(self.shared), self.faults.clone());
        move || keep_marks(keeper, &marks, &shared, &faults)
    }

    fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, StartError> {
        let watch = self.faults.watch(name);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _watch = watch;
                body()
            })
            .map_err(|error| StartError::Config(format!("the {name} thread: {error}")))
    }
}

fn clock(config: &Config, engine: &Engine) -> Clock {
    let trust = Trust {
        step_max: span(config.clock.step_max),
        start_ahead_max: span(config.clock.start_ahead_max),
        accept_within: span(config.clock.accept_within),
    };
    let last = (engine.sequence() > Sequence::ZERO).then(|| engine.time());
    let stakes = stakes(engine);
    let clock = Clock::start(&*config.clock.source, trust, last, stakes);
    let far = last.map_or(0, |last| {
        config.clock.source.wall().nanoseconds() - last.nanoseconds()
    });
    let followed = matches!(clock.status(), ClockStatus::Following);
    if followed && stakes == Stakes::Sandbox && far > trust.start_ahead_max.0 {
        (config.on_warning)(&format!(
            "the wall clock is {} days ahead of the journal; followed, since all venues are \
             sandboxes",
            far / (24 * 3_600 * 1_000_000_000)
        ));
    }
    clock
}

/// A second engine with the same contents, made through the bytes of a snapshot.
fn shadow(config: &Config, replayer: &Replayer) -> Result<Replayer, StartError> {
    let position = replayer.position();
    if replayer.engine().sequence() == Sequence::ZERO {
        return Ok(Replayer::new(Engine::new(config.limits), position));
    }
    let stamp = Stamp {
        shard: position.shard,
        epoch: position.epoch,
        chain: position.chain,
        semantics: position.semantics,
        build: String::new(),
    };
    let snapshot = Snapshot::of(replayer.engine(), &stamp);
    let restored = snapshot.restore(config.limits);
    let engine = restored.map_err(|error| StartError::NoSnapshot {
        first: snapshot.header.sequence,
        found: error.to_string(),
    })?;
    Ok(Replayer::new(engine, position))
}

#[cfg(test)]
#[path = "threads_tests.rs"]
mod tests;

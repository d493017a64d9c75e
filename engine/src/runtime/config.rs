//! How a runtime is set up: where it lives, its bounds, and whom it tells of progress and faults.
//!
//! Invariant: every bound the runtime keeps is a field or a constant here, with its reason. Not
//! here: the gateway's flags and files, which become a `Config` in `gateway::config`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::clock::{SystemTimeSource, TimeSource};
use super::free_space::{FreeSpace, SystemFreeSpace};
use crate::limits::Limits;
use crate::types::Sequence;

/// How a runtime is set up. [`Config::new`] gives every field but the folder its default.
#[derive(Clone)]
pub struct Config {
    /// The folder that holds everything: `LOCK`, `head`, `journal/`, `projections/`, `snapshots/`.
    pub data_dir: PathBuf,
    /// Where the head mark lives, when it is to be on another disk; `None` is `data_dir/head`.
    pub head_file: Option<PathBuf>,
    /// The shard's number; it is in every record and in every trade's id. Default 0.
    pub shard: u32,
    /// The bounds of the engine.
    pub limits: Limits,
    /// What the engine thread does while it has nothing to do.
    pub wait: Wait,
    /// The most commands taken and not yet released. Default 65,536: about 30 ms of work at two
    /// million commands a second, and 16 batches of the largest size a client may send.
    pub queue_commands_max: u32,
    /// The most commands of one journal record. Default 4,096: beyond it a sync gets slower, not
    /// cheaper a command.
    pub batch_commands_max: u32,
    /// A snapshot is taken after this many commands. Default 5 million, some seconds of replay.
    pub snapshot_every_commands: u64,
    /// A snapshot is taken after this much time if anything happened. Default ten minutes.
    pub snapshot_every: Duration,
    /// Bytes of a write buffer of the journal. Default 64 MB: larger ones make each sync slower
    /// (measured); small ones fill many small files, which tests of damage want.
    pub journal_write_buffer_bytes: usize,
    /// With fewer bytes free on the disk of `data_dir`, new orders, replaces, reserves and offers
    /// are refused; with less than a quarter of it, all but operators' commands. 0 does not
    /// watch. The default is [`Config::DISK_RESERVE_BYTES`].
    pub disk_reserve_bytes: u64,
    /// Who says how much is free.
    pub free_space: Arc<dyn FreeSpace>,
    /// Whether the second engine runs. Only for measuring what it costs: see [`Shadow::Off`].
    pub shadow: Shadow,
    /// The clocks and how far they are trusted.
    pub clock: ClockConfig,
    /// Told, on the starting thread, how far a replay is.
    pub on_progress: Arc<dyn Fn(&Progress) + Send + Sync>,
    /// Told of a fault after which nothing may be released any more. The default prints it and
    /// aborts the process. If it returns, the threads of the runtime end without releasing.
    pub on_fatal: Arc<dyn Fn(&Fatal) + Send + Sync>,
    /// Told of what an operator should know and that stops nothing (a damaged snapshot, a clock
    /// that stepped). The default prints it on standard error.
    pub on_warning: Arc<dyn Fn(&str) + Send + Sync>,
    /// The name of this build, kept in snapshots for people; at most 255 bytes are kept.
    pub build: String,
}

impl Config {
    /// 2 GiB, for what may still be written once orders are refused: the journal's four write
    /// buffers of 64 MiB and one new log (320 MiB), a snapshot of two million orders (256 MiB), the
    /// write buffers of ten projections, 32 MiB each and twice over (640 MiB); the rest (832 MiB)
    /// for a compaction of projections and for cancels, about a kilobyte of rows each. The queue
    /// of commands taken before (7 MiB) is small beside it. The last quarter (512 MiB) is for
    /// the flush of what has been written by then.
    pub const DISK_RESERVE_BYTES: u64 = 2 << 30;

    /// The defaults, on the folder `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            head_file: None,
            shard: 0,
            limits: Limits::default(),
            wait: Wait::Park,
            queue_commands_max: 65_536,
            batch_commands_max: 4_096,
            snapshot_every_commands: 5_000_000,
            snapshot_every: Duration::from_secs(600),
            journal_write_buffer_bytes: 64 << 20,
            disk_reserve_bytes: Self::DISK_RESERVE_BYTES,
            free_space: Arc::new(SystemFreeSpace),
            shadow: Shadow::Run,
            clock: ClockConfig::default(),
            on_progress: Arc::new(|_| {}),
            on_fatal: Arc::new(print_and_abort),
            on_warning: Arc::new(print_warning),
            build: format!("sanjiang-engine {}", env!("CARGO_PKG_VERSION")),
        }
    }

    /// Where the head mark lives.
    pub fn head_path(&self) -> PathBuf {
        self.head_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("head"))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("data_dir", &self.data_dir)
            .field("head_file", &self.head_file)
            .field("shard", &self.shard)
            .field("wait", &self.wait)
            .field("queue_commands_max", &self.queue_commands_max)
            .field("batch_commands_max", &self.batch_commands_max)
            .finish_non_exhaustive()
    }
}

fn print_and_abort(fatal: &Fatal) {
    eprintln!("FATAL: {fatal}; nothing after it was acknowledged; stopping at once");
    std::process::abort();
}

fn print_warning(text: &str) {
    eprintln!("warning: {text}");
}

/// Whether the second engine runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shadow {
    /// It applies and compares all day what the first one did, and makes the snapshots.
    #[default]
    Run,
    /// It does not: no snapshot is taken, nothing is archived or dropped, nothing is compared. No
    /// program of this project sets it; a bench does, to say what running it costs.
    Off,
}

/// What a thread does while it has nothing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wait {
    /// Sleeps until woken. Right where threads outnumber cores, so it is the default.
    #[default]
    Park,
    /// Gives its core away and looks again.
    Yield,
    /// Looks again at once; only where a core is set aside for the engine thread.
    Spin,
}

/// The clocks and how far they are trusted (architecture: time).
#[derive(Clone)]
pub struct ClockConfig {
    /// Where time comes from.
    pub source: Arc<dyn TimeSource>,
    /// A step of the wall clock above this is not followed but alarmed. Default 1 s.
    pub step_max: Duration,
    /// At start, a wall clock further ahead of the journal's last time than this is not followed
    /// until an operator's `AcceptClock`. Default 35 days.
    pub start_ahead_max: Duration,
    /// An `AcceptClock` names the wall time its operator saw; the wall clock is accepted only if
    /// it is no further than this from there, else it has stepped again since. Default five
    /// minutes: a person reads, thinks and sends.
    pub accept_within: Duration,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self {
            source: Arc::new(SystemTimeSource::default()),
            step_max: Duration::from_secs(1),
            start_ahead_max: Duration::from_secs(35 * 24 * 3_600),
            accept_within: Duration::from_secs(300),
        }
    }
}

/// How far a replay is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// The last command done.
    pub at: Sequence,
    /// The last one to do, where it is known.
    pub last: Option<Sequence>,
    /// The time since the start began.
    pub elapsed: Duration,
}

/// What a start is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Reads the chain of records and changes nothing.
    Checking,
    /// Applies what follows the snapshot.
    Replaying,
}

/// A fault after which nothing may be released any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fatal {
    /// Writing or syncing the journal failed. It is never tried again: after a failed sync nobody
    /// knows what is on disk.
    Journal {
        /// The first command that is not known to be on disk.
        first: Sequence,
        /// What the system said.
        error: String,
    },
    /// Writing or syncing the head mark failed.
    Head {
        /// The command the mark was to name.
        sequence: Sequence,
        /// What the system said.
        error: String,
    },
    /// A sync of a snapshot, an archive file or a folder failed: nobody knows what is on disk.
    Sync {
        /// What was synced, and what the system said.
        error: String,
    },
    /// What was written to the journal could not be read back.
    Reading {
        /// The last command that could, or the first that could not.
        after: Sequence,
        /// What was found.
        error: String,
    },
    /// A second run over the same commands gave other events: the engine is not deterministic, or
    /// memory or disk are damaged.
    Divergence {
        /// The last command at which both agreed.
        agreed: Sequence,
        /// The first point at which they did not.
        parted: Sequence,
    },
    /// Something that must hold between commands does not: a book, an account, an amount.
    Unsound {
        /// The command after which it was seen; it held at the audit before.
        at: Sequence,
        /// What does not hold.
        what: String,
    },
    /// A thread of the runtime panicked: an assertion of ours failed, and printed its text.
    Panic {
        /// The thread.
        thread: &'static str,
    },
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal { first, error } => write!(
                f,
                "the journal could not be written from command {} on: {error}",
                first.value()
            ),
            Self::Head { sequence, error } => write!(
                f,
                "the head mark of command {} could not be written: {error}",
                sequence.value()
            ),
            Self::Sync { error } => f.write_str(error),
            Self::Reading { after, error } => write!(
                f,
                "the journal could not be read back at command {}: {error}",
                after.value()
            ),
            Self::Divergence { agreed, parted } => write!(
                f,
                "two runs over the same commands agree at command {} and differ at {}",
                agreed.value(),
                parted.value()
            ),
            Self::Unsound { at, what } => {
                write!(f, "the audit after command {} found: {what}", at.value())
            }
            Self::Panic { thread } => {
                write!(
                    f,
                    "an assertion failed in the {thread} thread; its text stands above"
                )
            }
        }
    }
}

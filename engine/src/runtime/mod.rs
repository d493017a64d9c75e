//! The one impure corner: threads, clocks, queues and the disk around a deterministic engine.
//!
//! Invariant: one direction. Handle -> engine thread -> journal thread -> head thread -> publisher
//! thread -> sink; nobody calls back. Nothing is released before it is on disk and below the head
//! mark. Not here: trading rules, wire forms, async.

mod applied;
mod audits;
mod base;
mod clock;
mod config;
mod error;
mod fault;
mod free_space;
mod handle;
mod housekeeping;
mod journal_thread;
mod publisher;
mod replayer;
mod segments;
mod sequencer;
mod shared;
mod sink;
mod start;
mod threads;
mod upkeep;

pub use clock::{ManualTimeSource, SystemTimeSource, TimeSource};
pub use config::{ClockConfig, Config, Fatal, Progress, Shadow, Stage, Wait};
pub use error::{MissingRange, OtherRules, Recovered, StartError, StopError, Stopped};
pub use free_space::{DiskStatus, FreeSpace, ManualFreeSpace, SystemFreeSpace, Taking};
pub use handle::{ClockStatus, Handle, Look, Refused, Status, Submission, Ticket, Validated};
pub use replayer::{Position, ReplayError, Replayer, decode_commands};
pub use sink::{Released, Sink};
pub(crate) use start::refused;
pub use threads::Runtime;
pub use upkeep::{EventPoint, NotAsked, Reply, Upkeep};

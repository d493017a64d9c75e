//! The one impure corner: threads, clocks, queues and the disk around a deterministic engine.
//!
//! Invariant: one direction. Handle -> engine thread -> journal thread -> head thread -> publisher
//! thread -> sink; nobody calls back. Nothing is released before it is on disk and below the head
//! mark. Not here: trading rules, wire forms, async.

mod clock;
mod config;
mod error;
mod handle;
mod shared;
mod sink;

pub use clock::{ManualTimeSource, SystemTimeSource, TimeSource};
pub use config::{ClockConfig, Config, Fatal, Progress, Stage, Wait};
pub use error::{MissingRange, Recovered, StartError, StopError, Stopped};
pub use handle::{ClockStatus, Handle, Refused, Status, Submission, Ticket, Validated};
pub use sink::{Released, Sink};

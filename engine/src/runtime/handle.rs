//! The one way in: handing commands to the engine thread, and looking at the runtime from outside.
//!
//! Invariant: a submission is taken whole or not at all, and never waits; at most
//! `queue_commands_max` commands are taken and not yet released. Not here: who may send what
//! (the gateway's admission).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam::channel::{Sender, TrySendError};

use super::free_space::DiskStatus;
use super::shared::Shared;
use crate::command::{Body, Command};
use crate::engine::{BasketCost, RefusedLine};
use crate::engine::{Engine, Usage};
use crate::types::{Nanoseconds, Sequence};

/// What a caller calls a submission; it comes back with each of its commands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// Commands to be sequenced one after another, without another submission's between them (ticks
/// may come between).
#[derive(Debug)]
pub struct Submission {
    /// Chosen by the caller.
    pub ticket: Ticket,
    /// The commands, in order.
    pub commands: Vec<Command>,
}

/// Why a submission was not taken. Nothing of it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// As many commands wait as may wait; try again later.
    Full,
    /// The runtime is stopping, or has stopped.
    Stopping,
    /// The clock waits for an operator's `AcceptClock`; only that command is taken.
    ClockHeld,
    /// The disk is nearly full. Nothing was taken, also nothing of a submission that holds new
    /// orders beside cancels: sent by themselves, cancels still pass (see [`DiskStatus`]).
    DiskLow,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the queue of commands is full; try again later",
            Self::Stopping => "the engine is stopping",
            Self::ClockHeld => {
                "the wall clock is too far ahead of the journal; an operator must accept it first"
            }
            Self::DiskLow => {
                "the disk is nearly full; new orders are taken again once there is room, cancels \
                 by themselves pass as long as there is any to spare"
            }
        })
    }
}

impl std::error::Error for Refused {}

/// The answer of a dry run, [`Engine::dry_run`].
pub type Validated = Box<dyn FnOnce(Result<Option<BasketCost>, RefusedLine>) + Send>;

/// What looks at the engine as it stands.
pub type Look = Box<dyn FnOnce(&Engine) + Send>;

/// What goes to the engine thread.
pub(crate) enum Message {
    /// Commands to sequence.
    Submit(Submission),
    /// A dry run: not journaled, not counted in the history.
    Validate(Box<Command>, Validated),
    /// A look at the engine between two commands: not journaled, nothing changes.
    Look(Look),
    /// End after what is before this.
    Stop,
}

/// The way in. Cheap to clone; one for each caller.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) sender: Sender<Message>,
}

impl Handle {
    /// Hands commands over; never waits. An empty submission is taken and forgotten.
    ///
    /// All or none: while the disk is low, one new order in it refuses the whole of it, cancels
    /// too, since its commands are meant to follow one another.
    pub fn submit(&self, submission: Submission) -> Result<(), Refused> {
        if submission.commands.is_empty() {
            return Ok(());
        }
        let accepts_clock = submission
            .commands
            .iter()
            .all(|command| matches!(command.body, Body::AcceptClock(_)));
        if self.shared.clock_held.load(Ordering::Acquire) && !accepts_clock {
            return Err(Refused::ClockHeld);
        }
        if !self.shared.disk.takes(&submission.commands) {
            return Err(Refused::DiskLow);
        }
        let count = u32::try_from(submission.commands.len()).map_err(|_| Refused::Full)?;
        self.send(count, Message::Submit(submission))
    }

    /// Asks the engine thread what it would answer now; `reply` is called there, so it must be
    /// quick. Counts as one command until answered.
    pub fn validate(&self, command: Command, reply: Validated) -> Result<(), Refused> {
        self.send(1, Message::Validate(Box::new(command), reply))
    }

    /// Lets `look` see the engine between two commands, on the engine's thread: it must
    /// be quick, a page at most. What it sees may not be durable yet: whoever tells of it waits
    /// until [`Status::durable`] has reached the engine's sequence. Counts as one command until
    /// answered.
    ///
    /// # Errors
    /// It will not be called.
    pub fn look(&self, look: Look) -> Result<(), Refused> {
        self.send(1, Message::Look(look))
    }

    fn send(&self, count: u32, message: Message) -> Result<(), Refused> {
        let sent = self.shared.enter(|| {
            if !self.shared.take_room(count) {
                return Err(Refused::Full);
            }
            self.sender.try_send(message).map_err(|error| {
                self.shared.give_room(count);
                match error {
                    TrySendError::Full(_) => Refused::Full,
                    TrySendError::Disconnected(_) => Refused::Stopping,
                }
            })
        });
        sent.unwrap_or(Err(Refused::Stopping))
    }

    /// Looks at the disk now. Without orders nobody else does, so whoever shows it should.
    pub fn look_at_disk(&self) -> DiskStatus {
        self.shared.disk.look()
    }

    /// The runtime as it stands. Each number is exact, all together are not of one instant.
    pub fn status(&self) -> Status {
        self.shared.status()
    }
}

/// The runtime as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// The last command sequenced and applied.
    pub sequence: Sequence,
    /// Everything up to here may be released: the lower of the next two.
    pub durable: Sequence,
    /// The journal's log is synced up to here.
    pub log_durable: Sequence,
    /// The head mark is synced up to here.
    pub head_durable: Sequence,
    /// The last command handed to the sink.
    pub released: Sequence,
    /// The second engine has applied and compared up to here.
    pub shadow: Sequence,
    /// The newest snapshot; zero without one.
    pub snapshot: Sequence,
    /// Snapshots taken since the start.
    pub snapshots: u64,
    /// Audits of the second engine since the start; each found that everything holds.
    pub audits: u64,
    /// The epoch of the journal.
    pub epoch: u32,
    /// The shard.
    pub shard: u32,
    /// Commands taken and not yet released.
    pub queue_used: u32,
    /// How many there may be.
    pub queue_max: u32,
    /// The clock.
    pub clock: ClockStatus,
    /// Journal records written since the start.
    pub records: u64,
    /// Bytes of them.
    pub record_bytes: u64,
    /// The sink's own disk holds everything up to here, as of the last release.
    pub cursor: Sequence,
    /// How full the engine is, as of the last commands applied.
    pub usage: Usage,
    /// The disk of the data folder, as it was last seen.
    pub disk: DiskStatus,
}

/// How the engine's time stands to the wall clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockStatus {
    /// It follows the wall clock.
    Following,
    /// The wall clock stepped by this much (ahead is positive) and is not followed.
    Stepped(Nanoseconds),
    /// At start the wall clock was this far ahead of the journal: no trading until `AcceptClock`.
    Held(Nanoseconds),
}

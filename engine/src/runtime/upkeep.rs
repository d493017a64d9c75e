//! Questions to the housekeeping thread: a backup, and what the journal says of its events.
//!
//! They are answered there since that thread alone drops segments: nothing that is read goes away
//! while it is read. A question waits for a snapshot or an archive file under way, at most some
//! seconds; trading never waits for either.
//!
//! Invariant: every question is answered once, or its answer is dropped when the runtime ends. Not
//! here: what a backup holds (`backup`).

use std::path::PathBuf;

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};

use crate::backup::{BackupError, Manifest};
use crate::journal::JournalError;
use crate::state_hash::EventHash;
use crate::types::Sequence;

/// Questions that may wait; one backup at a time is enough, and looks are quick.
const WAITING_MAX: usize = 16;

/// Called on the housekeeping thread with the answer, so it must be quick.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// A point up to which the journal says what the running hash of all events is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventPoint {
    /// The command up to which it counts.
    pub at: Sequence,
    /// The hash.
    pub hash: EventHash,
}

/// What is asked.
pub(crate) enum Question {
    /// Snapshots and records into a folder.
    Gather(PathBuf, Reply<Result<Manifest, BackupError>>),
    /// The hash at a command, or at the nearest point below it.
    EventPoint(Sequence, Reply<Result<Option<EventPoint>, JournalError>>),
}

/// Why a question was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAsked {
    /// As many wait as may wait.
    Full,
    /// The runtime is stopping, or has stopped.
    Stopping,
}

/// The way to the housekeeping thread. Cheap to clone.
#[derive(Clone)]
pub struct Upkeep {
    questions: Sender<Question>,
}

impl Upkeep {
    pub(crate) fn new() -> (Self, Receiver<Question>) {
        let (questions, asked) = bounded(WAITING_MAX);
        (Self { questions }, asked)
    }

    /// Puts snapshots and records into `folder`, which must be there and hold neither, up to the
    /// last command that is durable when the question is taken up. [`crate::backup::seal`] makes a
    /// backup of it.
    ///
    /// # Errors
    /// Not asked; `reply` is dropped.
    pub fn gather(
        &self,
        folder: PathBuf,
        reply: Reply<Result<Manifest, BackupError>>,
    ) -> Result<(), NotAsked> {
        self.ask(Question::Gather(folder, reply))
    }

    /// The running hash of all events at `sequence`, or at the nearest point at or below it that
    /// the journal or its archive names; none where there is none. Above the last durable command
    /// it is the newest point.
    ///
    /// # Errors
    /// Not asked; `reply` is dropped.
    pub fn event_point(
        &self,
        sequence: Sequence,
        reply: Reply<Result<Option<EventPoint>, JournalError>>,
    ) -> Result<(), NotAsked> {
        self.ask(Question::EventPoint(sequence, reply))
    }

    fn ask(&self, question: Question) -> Result<(), NotAsked> {
        self.questions
            .try_send(question)
            .map_err(|error| match error {
                TrySendError::Full(_) => NotAsked::Full,
                TrySendError::Disconnected(_) => NotAsked::Stopping,
            })
    }
}

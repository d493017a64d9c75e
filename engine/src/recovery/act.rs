//! What the acts of an operator on a stopped folder share: who asks, the lock, the record that
//! says so, and how things are set aside.
//!
//! Invariant: nothing damaged is edited or removed; it is moved to `damaged/`, whole. Each step can
//! be cut off and the act begun again. Not here: the acts themselves.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::survey::Quarantined;
use super::walk::Origin;
use crate::command::{Authority, Body, Command, Envelope, Identity, Sequenced};
use crate::engine::Engine;
use crate::event::Events;
use crate::journal::folder::{self, Layout, Lock, LockError};
use crate::journal::head::{self, HeadFile, Mark};
use crate::journal::record::{self, Chain, Header};
use crate::journal::{JournalError, codec};
use crate::limits::Limits;
use crate::runtime::{Position, ReplayError, Replayer, StartError};
use crate::snapshot::{self, Snapshot};
use crate::types::{PrincipalId, Sequence};

/// Who asks for an act, and on which folder.
#[derive(Clone, Debug)]
pub struct Order {
    /// The folder of the exchange; nobody may be using it.
    pub data_dir: PathBuf,
    /// Where the head mark lives, if not in the folder.
    pub head_file: Option<PathBuf>,
    /// The bounds the engine is run with.
    pub limits: Limits,
    /// Why; with the approver's name at most [`Authority::REASON_BYTES_MAX`] bytes, not empty.
    pub reason: String,
    /// The name of the second person; not empty.
    pub approver: String,
}

/// How far an act has come, for those who want to know (and tests that end it there).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The new journal is whole and synced, under another name.
    Built,
    /// Old mark and words of the act are in `damaged/`.
    Recorded,
    /// Snapshots, archive files and projections that tell of what is given up are set aside.
    SetAside,
    /// The old journal is set aside.
    OldMoved,
    /// The new journal stands in its place.
    NewMoved,
    /// The head mark is written: done.
    Marked,
}

impl Step {
    /// All steps in order.
    pub const ALL: [Self; 6] = [
        Self::Built,
        Self::Recorded,
        Self::SetAside,
        Self::OldMoved,
        Self::NewMoved,
        Self::Marked,
    ];
}

/// Called after each step; false ends the act there.
pub type OnStep<'a> = &'a mut dyn FnMut(Step) -> bool;

/// Why an act was not carried out, or not to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActError {
    /// The folder cannot be used, or its journal does not replay.
    Folder(StartError),
    /// What was asked does not fit what was found; nothing was changed.
    Refused(String),
    /// A file could not be read, written or moved.
    Io(PathBuf, String),
    /// Ended after this step, as asked; the same act again goes on from there.
    Ended(Step),
}

impl fmt::Display for ActError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(error) => error.fmt(f),
            Self::Refused(said) => write!(f, "refused: {said}. Nothing was changed"),
            Self::Io(path, said) => write!(
                f,
                "{}: {said}. Nothing that was damaged has been edited; the same act again goes on \
                 from here",
                path.display()
            ),
            Self::Ended(step) => write!(f, "ended after {step:?}; the same act again goes on"),
        }
    }
}

impl std::error::Error for ActError {}

impl From<StartError> for ActError {
    fn from(error: StartError) -> Self {
        Self::Folder(error)
    }
}

impl Order {
    pub(super) fn layout(&self) -> Layout {
        Layout::new(&self.data_dir)
    }

    pub(super) fn head(&self) -> PathBuf {
        let inside = || self.data_dir.join("head");
        self.head_file.clone().unwrap_or_else(inside)
    }

    /// The head mark, if there is one that can be read.
    pub(super) fn mark(&self) -> Option<Mark> {
        head::read(&self.head()).ok().flatten()
    }

    /// Checks the words, and takes the folder for itself; never makes it.
    pub(super) fn take(&self) -> Result<Lock, ActError> {
        if self.reason.trim().is_empty() || self.approver.trim().is_empty() {
            let said = "an act needs a reason and the name of the one who approved it";
            return Err(ActError::Refused(said.to_owned()));
        }
        let (most, is) = (Authority::REASON_BYTES_MAX, self.words().len());
        if is > most {
            let said = format!("reason and approver take {is} bytes; at most {most} are kept");
            return Err(ActError::Refused(said));
        }
        if !self.data_dir.is_dir() {
            return Err(StartError::NoJournal(self.data_dir.clone()).into());
        }
        let path = self.layout().lock();
        Lock::take(&path).map_err(|error| match error {
            LockError::InUse => StartError::InUse(self.data_dir.clone()).into(),
            LockError::Absent => ActError::Io(path, "missing".to_owned()),
            LockError::Io(error) => ActError::Io(path, error.to_string()),
        })
    }

    fn words(&self) -> String {
        format!("{} (approved by {})", self.reason, self.approver)
    }

    /// The record that says what was done, after what `replayer` has seen; applied to its engine.
    pub(super) fn record(
        &self,
        replayer: Replayer,
        (first, epoch): (Sequence, u32),
        body: Body,
    ) -> (Vec<u8>, Mark) {
        let Position { shard, chain, .. } = replayer.position();
        let mut engine = replayer.into_engine();
        // The clock of a machine that lost data is not asked: time goes on at the next start.
        let time = engine.time();
        let command = Sequenced {
            sequence: first,
            time,
            value: Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity: Identity::Internal,
                    valid_until: None,
                    authority: Some(Box::new(Authority {
                        on_behalf_of: None,
                        reason: self.words(),
                        approver: None,
                    })),
                },
                body,
            },
        };
        let mut bytes = Vec::new();
        record::begin(&mut bytes);
        codec::encode(&mut bytes, time, &command);
        engine.apply(&command, &mut Events::default());
        let header = Header {
            shard,
            epoch,
            count: 1,
            first,
            base_time: time,
            events_at: first,
            events_hash: engine.event_hash().0,
            previous: chain,
        };
        let chain = record::seal(&header, &mut bytes);
        let mark = Mark {
            shard,
            epoch,
            sequence: first,
            chain,
        };
        (bytes, mark)
    }

    /// Writes the mark, whole, in place of what was there.
    pub(super) fn write_mark(&self, mark: &Mark) -> Result<(), ActError> {
        let path = self.head();
        let made = HeadFile::create(&path, mark);
        made.map(|_| ()).map_err(|error| at(&path, &error))
    }

    /// A replayer at the newest of `snapshots` at or below `end` that can be restored, else before
    /// everything.
    pub(super) fn replayer(
        &self,
        snapshots: &[Snapshot],
        shard: u32,
        end: Sequence,
        skipped: Quarantined,
    ) -> Replayer {
        let mut older = snapshots.iter().filter(|one| one.header.sequence <= end);
        let restored = older.find_map(|one| Some((one.restore(self.limits).ok()?, one)));
        let mut replayer = match restored {
            Some((engine, snapshot)) => Replayer::new(engine, position(snapshot)),
            None => Replayer::new(
                Engine::new(self.limits),
                Position {
                    shard,
                    epoch: super::FIRST_EPOCH,
                    chain: Chain::GENESIS,
                    semantics: 0,
                },
            ),
        };
        replayer.skip(skipped);
        replayer
    }

    /// The snapshots of the folder that can be read, newest first.
    pub(super) fn snapshots(&self) -> Result<Vec<Snapshot>, ActError> {
        let folder = self.layout().snapshots();
        let listed = snapshot::list(&folder).map_err(|error| at(&folder, &error))?;
        let loaded = listed
            .iter()
            .filter_map(|(_, path)| snapshot::load(path).ok());
        Ok(loaded.collect())
    }
}

fn position(snapshot: &Snapshot) -> Position {
    Position {
        shard: snapshot.header.shard,
        epoch: snapshot.header.epoch,
        chain: snapshot.header.chain,
        semantics: snapshot.header.semantics,
    }
}

/// Where a snapshot stands in the chain.
pub(super) fn origin_of(header: &snapshot::Header) -> Origin {
    Origin {
        at: header.sequence,
        chain: header.chain,
        epoch: header.epoch,
    }
}

pub(super) fn at(path: &Path, error: &io::Error) -> ActError {
    ActError::Io(path.to_path_buf(), error.to_string())
}

pub(super) fn store(path: &Path, error: &JournalError) -> ActError {
    ActError::Io(path.to_path_buf(), error.to_string())
}

pub(super) fn replay(error: &ReplayError) -> ActError {
    ActError::Refused(format!("what would be kept does not replay: {error}"))
}

/// Moves a file or folder to `to`, whole, and syncs both folders; nothing to do if it is gone.
pub(super) fn set_aside(from: &Path, to: &Path) -> Result<(), ActError> {
    let there = std::fs::exists(from).map_err(|error| at(from, &error))?;
    if !there {
        return Ok(());
    }
    let parent = to.parent().unwrap_or(to);
    let moved = folder::make_folder(parent).and_then(|()| {
        std::fs::rename(from, to)?;
        folder::sync_folder(parent)?;
        from.parent().map_or(Ok(()), folder::sync_folder)
    });
    moved.map_err(|error| at(from, &error))
}

/// Ends the act after `step` if the caller says so.
pub(super) fn done(step: Step, on_step: &mut dyn FnMut(Step) -> bool) -> Result<(), ActError> {
    if on_step(step) {
        Ok(())
    } else {
        Err(ActError::Ended(step))
    }
}

//! What a start, a stop and the read-only tools answer.
//!
//! Invariant: an error names what was found, where, and what a person can do; a start that fails
//! has left every file as it was. Not here: rejects (events) and assertions (panics).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::SEMANTICS_VERSION;
use crate::types::Sequence;

/// What a start found. Prints as one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// The first command still in the journal; zero when it is empty.
    pub first: Sequence,
    /// The last command recovered; zero when there was none.
    pub last: Sequence,
    /// The snapshot the start began from; zero without one.
    pub from_snapshot: Sequence,
    /// Commands applied after it.
    pub replayed: u64,
    /// Points at which the events were compared with what the journal says of them.
    pub compared: u64,
    /// Where the head mark stood before.
    pub head_mark: Sequence,
    /// Records at the end that could not be read and were cut; nobody was told of them.
    pub cut_records: u64,
    /// The epoch of the journal.
    pub epoch: u32,
    /// How long the whole start took.
    pub elapsed: Duration,
    /// How long applying took.
    pub replay_elapsed: Duration,
}

impl fmt::Display for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.last == Sequence::ZERO {
            return write!(f, "started an empty journal, epoch {}", self.epoch);
        }
        write!(f, "recovered commands up to {}", self.last.value())?;
        if self.from_snapshot > Sequence::ZERO {
            write!(f, " from the snapshot at {}", self.from_snapshot.value())?;
        }
        let seconds = self.replay_elapsed.as_secs_f64();
        let rate = if seconds > 0.0 {
            self.replayed as f64 / seconds
        } else {
            0.0
        };
        write!(
            f,
            ": {} applied in {seconds:.3} s ({rate:.0}/s), {} hashes equal, {:.3} s in all, \
             epoch {}",
            self.replayed,
            self.compared,
            self.elapsed.as_secs_f64(),
            self.epoch
        )?;
        if self.cut_records > 0 {
            write!(
                f,
                "; {} unreadable records at the end, never acknowledged, were cut",
                self.cut_records
            )?;
        }
        Ok(())
    }
}

/// What a clean stop left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// The last command; durable, released, and in the snapshot if one was taken.
    pub last: Sequence,
    /// The newest snapshot; zero without one.
    pub snapshot: Sequence,
}

/// Why a runtime did not stop cleanly. What was acknowledged is on disk all the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StopError {
    /// A fault had stopped it before; the text says which.
    Faulted(String),
    /// The last snapshot could not be written; the next start replays more.
    Snapshot(String),
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faulted(text) => write!(f, "stopped by a fault: {text}"),
            Self::Snapshot(text) => write!(
                f,
                "stopped, but the last snapshot could not be written ({text}); \
                 the next start replays more"
            ),
        }
    }
}

impl std::error::Error for StopError {}

/// Commands that should be there and are not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MissingRange {
    /// The first one missing.
    pub first: Sequence,
    /// The last one missing.
    pub last: Sequence,
}

impl fmt::Display for MissingRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.first.value(), self.last.value())
    }
}

/// Commands in a row that were written under another version of the rules than this build's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OtherRules {
    /// The version; 0 where the journal names none.
    pub version: u32,
    /// The first of them.
    pub first: Sequence,
    /// The last of them, as far as it was looked.
    pub last: Sequence,
}

impl fmt::Display for OtherRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "commands {}..={} were written under rules version {}; this build has version \
             {SEMANTICS_VERSION}",
            self.first.value(),
            self.last.value(),
            self.version
        )
    }
}

/// Why a runtime did not start, or a folder could not be read. Every file is as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StartError {
    /// A bound or setting that cannot be; the text names it and what would be right.
    Config(String),
    /// Another process has the folder open.
    InUse(PathBuf),
    /// There is no journal in this folder (only the read-only tools answer this).
    NoJournal(PathBuf),
    /// An act of an operator on this folder (accept-loss, restore) was cut off; the path is what
    /// it had made so far.
    UnfinishedAct(PathBuf),
    /// A file or folder could not be read or written.
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: String,
    },
    /// There is a journal but no head mark, or the other way round, or neither slot can be read.
    HeadMark {
        /// Where the mark should be.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// Commands that were acknowledged are not in the journal.
    Missing {
        /// Which.
        missing: MissingRange,
        /// The head mark, up to which commands were acknowledged.
        head_mark: Sequence,
        /// What was found in their place.
        found: String,
    },
    /// A record does not follow the one before it, or cannot be read.
    Damaged {
        /// The last command before the damage.
        after: Sequence,
        /// What was found.
        found: String,
    },
    /// The journal belongs to another shard.
    OtherShard {
        /// The shard of the journal.
        journal: u32,
        /// The shard that was asked for.
        asked: u32,
    },
    /// A later build wrote something here that this one cannot read.
    Newer {
        /// What was found, and what this build reads.
        found: String,
    },
    /// Replay gave other events than the journal says.
    Divergence {
        /// The last point at which they agreed.
        agreed: Sequence,
        /// The first at which they did not.
        parted: Sequence,
    },
    /// History that must be replayed was written by a build with older rules.
    Semantics(OtherRules),
    /// No snapshot in the folder can be used, and the journal no longer reaches back to its begin.
    NoSnapshot {
        /// The first command still in the journal.
        first: Sequence,
        /// Why none could be used.
        found: String,
    },
    /// The sink refused.
    Sink(String),
}

impl StartError {
    /// What an operator can do about it on the stopped folder: the command lines, one a line, with
    /// `folder` as the arguments that name it (`--data-dir DIR`). None where damage is not the
    /// matter.
    pub fn choices(&self, folder: &str) -> Option<String> {
        let first = match self {
            Self::Missing { missing, .. } => Some(missing.first),
            Self::Damaged { after, .. } => Some(after.next()),
            Self::HeadMark { .. } | Self::NoSnapshot { .. } => None,
            Self::Config(_)
            | Self::InUse(_)
            | Self::NoJournal(_)
            | Self::UnfinishedAct(_)
            | Self::Io { .. }
            | Self::OtherShard { .. }
            | Self::Newer { .. }
            | Self::Divergence { .. }
            | Self::Semantics(_)
            | Self::Sink(_) => return None,
        };
        let words = "--reason TEXT --approver NAME";
        let (until, from) = first.map_or_else(
            || ("UNTIL".to_owned(), "FIRST_MISSING".to_owned()),
            |first| {
                let before = first.value().saturating_sub(1);
                (before.to_string(), first.value().to_string())
            },
        );
        Some(format!(
            "What can be done, on the stopped folder (verify names the first command missing):\n  \
             gateway journal verify {folder}\n  \
             gateway journal export {folder} --until {until}\n  \
             gateway restore --from BACKUP {folder} {words}\n  \
             gateway journal accept-loss {folder} --from {from} {words}"
        ))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(text) | Self::Sink(text) => f.write_str(text),
            Self::InUse(path) => write!(
                f,
                "{} is in use by another process; stop it, or choose another folder",
                path.display()
            ),
            Self::NoJournal(path) => write!(f, "there is no journal in {}", path.display()),
            Self::UnfinishedAct(path) => write!(
                f,
                "an act on this folder (accept-loss, restore) was cut off and left {}: repeat the \
                 act, which goes on from there; or, while the old journal still stands, give it up \
                 by removing that",
                path.display()
            ),
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::HeadMark { path, found } => write!(
                f,
                "head mark {}: {found}; without it nobody knows what was acknowledged. Put the \
                 mark back (--head-file, if it is on another disk) or restore a backup",
                path.display()
            ),
            Self::Missing {
                missing,
                head_mark,
                found,
            } => write!(
                f,
                "acknowledged commands {missing} are not in the journal (head mark {}): {found}. \
                 Nothing was changed. Put the missing files back, or restore a backup",
                head_mark.value()
            ),
            Self::Damaged { after, found } => write!(
                f,
                "the journal is damaged after command {}: {found}. Nothing was changed. Put the \
                 damaged files back from a backup",
                after.value()
            ),
            Self::OtherShard { journal, asked } => {
                write!(
                    f,
                    "the folder is of shard {journal}, and shard {asked} was asked for. Nothing \
                     was changed. Ask for shard {journal}, or choose another folder"
                )
            }
            Self::Newer { found } => write!(
                f,
                "{found}. Nothing was changed. Start the later build, or restore a backup that \
                 this one made"
            ),
            Self::Divergence { agreed, parted } => write!(
                f,
                "replay gave other events than the journal says: equal at command {}, different \
                 at {}. Nothing was changed. Use the build that wrote it, and keep the folder",
                agreed.value(),
                parted.value()
            ),
            Self::Semantics(found) => write!(
                f,
                "{found}, and may not replay them. Nothing was changed. Start and stop a build of \
                 version {} once, so that it leaves a snapshot at their end",
                found.version
            ),
            Self::NoSnapshot { first, found } => write!(
                f,
                "the journal begins at command {} and no snapshot reaches it: {found}",
                first.value()
            ),
        }
    }
}

impl std::error::Error for StartError {}

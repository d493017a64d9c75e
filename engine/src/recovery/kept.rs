//! What can be kept of a damaged folder: the longest run of records that is whole.
//!
//! Invariant: nothing is written. A run begins at the first command or at a good snapshot, follows
//! the chain, and agrees with the head mark as far as it reaches; where the journal breaks off, the
//! archive is asked for the records that follow. Not here: what is done with it (`accept_loss`).

use std::path::PathBuf;

use super::act::{ActError, origin_of};
use super::survey::{check_mark, survey};
use super::walk::{Origin, Walk, begins_epoch};
use crate::journal::head::Mark;
use crate::journal::memory::MemoryJournal;
use crate::journal::record::Chain;
use crate::journal::{Journal, JournalError, Records, history, record};
use crate::snapshot;
use crate::types::Sequence;

/// All that can be read of a folder.
pub(super) struct Evidence<'a> {
    /// The journal, if it can be opened.
    pub(super) journal: Option<&'a dyn Journal>,
    pub(super) archive: PathBuf,
    /// The head mark, if it can be read.
    pub(super) mark: Option<Mark>,
    /// The snapshots that can be read, newest first.
    pub(super) snapshots: Vec<snapshot::Header>,
    pub(super) shard: u32,
}

/// Shown each record of a run, with its key.
pub(super) type Visit<'a> = &'a mut dyn FnMut(Sequence, &[u8]) -> Result<(), ActError>;

/// The longest whole run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    /// Where it begins: before everything, or at a good snapshot.
    pub(super) origin: Origin,
    /// Where it ends.
    pub(super) end: Origin,
    /// The first command missing of all that a start must find: what `accept-loss` is told. A later
    /// snapshot may hold what it and those after it did, so that less is lost than that.
    pub(super) missing: Sequence,
}

impl Evidence<'_> {
    /// The longest whole run among those that `allowed` lets begin and end where they do.
    pub(super) fn kept(&self, allowed: impl Fn(&Kept) -> bool) -> Result<Kept, ActError> {
        let end = self.run(Origin::BEGIN, None, &mut |_, _| Ok(()))?;
        let mut best = Kept {
            origin: Origin::BEGIN,
            end,
            missing: end.at.next(),
        };
        // The oldest first: of two runs with one end the one that reaches further back is kept.
        for (place, header) in self.snapshots.iter().rev().enumerate() {
            let origin = origin_of(header);
            if origin.at <= best.end.at || self.beyond_mark(&origin) {
                continue;
            }
            let end = self.run(origin, None, &mut |_, _| Ok(()))?;
            if place == 0 && best.end == Origin::BEGIN {
                // Nothing is kept of what was before the oldest snapshot.
                best.missing = end.at.next();
            }
            let kept = Kept {
                origin,
                end,
                missing: best.missing,
            };
            if end.at > best.end.at && allowed(&kept) {
                best = kept;
            }
        }
        Ok(best)
    }

    /// Whether the mark names another record than the one this origin ends with.
    fn beyond_mark(&self, origin: &Origin) -> bool {
        let same = |mark: Mark| mark.sequence == origin.at && mark.chain != origin.chain;
        self.mark.is_some_and(same)
    }

    /// Whether a start would find every acknowledged command, and all the journal holds whole.
    pub(super) fn is_whole(&self) -> bool {
        let (Some(journal), Some(mark)) = (self.journal, &self.mark) else {
            return false;
        };
        let Some(begins) = Self::begins(journal) else {
            return mark.sequence == Sequence::ZERO;
        };
        let oldest = self.snapshots.last().map(|header| header.sequence);
        oldest.unwrap_or(Sequence::ZERO) >= begins.at
            && survey(journal, begins, mark, |_| ()).is_ok()
    }

    /// Before the first record the journal itself holds.
    fn begins(journal: &dyn Journal) -> Option<Origin> {
        let (key, bytes) = journal.read_from(Sequence::ZERO).ok()?.next()?.ok()?;
        let (header, body) = record::open(&bytes).ok()?;
        let raised = u32::from(begins_epoch(&header, body).is_some());
        if raised == 1 && header.previous == Chain::GENESIS {
            return Some(Origin::BEGIN);
        }
        Some(Origin {
            at: Sequence::new(key.value().checked_sub(1)?),
            chain: header.previous,
            epoch: header.epoch - raised,
        })
    }

    /// Walks from `origin` as far as records follow, at most to `until`, and shows each.
    pub(super) fn run(
        &self,
        origin: Origin,
        until: Option<Sequence>,
        visit: Visit<'_>,
    ) -> Result<Origin, ActError> {
        let mut walk = Walk {
            shard: self.shard,
            origin,
        };
        let none = MemoryJournal::new();
        loop {
            let before = walk.origin.at;
            if let Some(journal) = self.journal {
                let records = journal.read_from(before.next());
                self.follow(records, &mut walk, until, visit)?;
            }
            let next = walk.origin.at.next();
            let archived = history::read_from(&none, &self.archive, next);
            self.follow(archived, &mut walk, until, visit)?;
            if walk.origin.at == before || until.is_some_and(|until| walk.origin.at >= until) {
                return Ok(walk.origin);
            }
        }
    }

    fn follow(
        &self,
        records: Result<Records<'_>, JournalError>,
        walk: &mut Walk,
        until: Option<Sequence>,
        visit: Visit<'_>,
    ) -> Result<(), ActError> {
        // What cannot be read ends the run; it is the evidence, not an error.
        let Ok(records) = records else { return Ok(()) };
        for stored in records {
            let Ok((key, bytes)) = stored else { break };
            let at = walk.origin.at;
            if until.is_some_and(|until| at >= until) {
                break;
            }
            if key <= at && record::open(&bytes).is_ok_and(|(header, _)| header.last() <= at) {
                continue;
            }
            let mut ahead = *walk;
            let Ok(step) = ahead.step(key, &bytes) else {
                break;
            };
            let mark = self.mark.as_ref();
            if mark.is_some_and(|mark| check_mark(&step.header, ahead.origin.chain, mark).is_err())
            {
                break;
            }
            *walk = ahead;
            visit(key, &bytes)?;
        }
        Ok(())
    }

    /// The highest command and the highest epoch that anything here speaks of, damaged or not.
    pub(super) fn highest(&self, end: &Origin) -> (Sequence, u32) {
        let mut highest = (end.at, end.epoch);
        let mut take = |sequence: Sequence, epoch: u32| {
            highest = (highest.0.max(sequence), highest.1.max(epoch));
        };
        if let Some(mark) = &self.mark {
            take(mark.sequence, mark.epoch);
        }
        for header in &self.snapshots {
            take(header.sequence, header.epoch);
        }
        let mut seen = |records: Result<Records<'_>, JournalError>| {
            // After an error of the store nothing more is given.
            for (_, bytes) in records.into_iter().flatten().map_while(Result::ok) {
                if let Ok((header, _)) = record::open(&bytes) {
                    take(header.last(), header.epoch);
                }
            }
        };
        let from = end.at.next();
        if let Some(journal) = self.journal {
            seen(journal.read_from(from));
        }
        seen(history::read_from(
            &MemoryJournal::new(),
            &self.archive,
            from,
        ));
        highest
    }
}

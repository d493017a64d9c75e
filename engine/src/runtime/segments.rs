//! Closed segments of the journal: archived, read back, and dropped when nothing needs them there.
//!
//! All of it runs on the housekeeping thread; the order path only switches to a new segment
//! between two records. A closed segment is archived once every command in it is durable. It is
//! dropped, whole, when it lies behind the older of the two kept snapshots, below what the sink
//! has on its own disk, and in archive files that were synced with their folder and read back. So
//! any one damaged snapshot still gives the exact state.
//!
//! The first snapshot of each day is kept beside the archive files, so that any later command can
//! be reached without replaying everything. A day begins at midnight of UTC+8, the one time of
//! all exchanges served here: a calendar of the engine says which days are traded, not when a day
//! begins.
//!
//! Invariant: nothing is dropped that is not in the archive; an archive file is never written
//! over; a failure (a full disk) is told, drops nothing, and is tried again after the next
//! snapshot. Not here: what an archive file holds (`journal::archive`), when a segment is closed
//! (`housekeeping`).

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::housekeeping::stopped_by;
use crate::journal::archive::{self, Archived};
use crate::journal::folder::{self, Layout};
use crate::journal::record::{self, Chain};
use crate::journal::{Journal, JournalError, Stored};
use crate::snapshot::{self, Snapshot};
use crate::types::{Sequence, Time};

/// A day begins at midnight of UTC+8.
const DAY_OFFSET_NANOSECONDS: i64 = 8 * 3_600 * 1_000_000_000;
const DAY_NANOSECONDS: i64 = 24 * 3_600 * 1_000_000_000;

/// How far others are, as of now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reached {
    /// Everything up to here is on disk and below the head mark.
    pub(crate) durable: Sequence,
    /// Everything up to here is on the sink's own disk.
    pub(crate) cursor: Sequence,
}

impl Reached {
    const NOTHING: Self = Self {
        durable: Sequence::ZERO,
        cursor: Sequence::ZERO,
    };

    /// Whether both are as far as in `wanted`.
    fn covers(self, wanted: Self) -> bool {
        self.durable >= wanted.durable && self.cursor >= wanted.cursor
    }
}

/// The closed segments of one journal.
pub(crate) struct Segments {
    journal: Arc<dyn Journal>,
    archive: PathBuf,
    snapshots: PathBuf,
    on_warning: Arc<dyn Fn(&str) + Send + Sync>,
    /// Segments whose records were read back from the archive by this process, with the last
    /// command of each.
    archived: Vec<(Sequence, Sequence)>,
    /// The day of the newest snapshot in the archive, once it is known.
    day: Option<i64>,
    /// When something may be to archive or to drop; none before the next snapshot.
    due: Option<Reached>,
}

impl Segments {
    pub(crate) fn new(
        journal: Arc<dyn Journal>,
        layout: &Layout,
        on_warning: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Self {
        Self {
            journal,
            archive: layout.archive(),
            snapshots: layout.snapshots(),
            on_warning,
            archived: Vec::new(),
            day: None,
            due: Some(Reached::NOTHING),
        }
    }

    /// A segment was closed behind `snapshot`; it is kept if it is the first of its day.
    pub(crate) fn closed(&mut self, snapshot: &Snapshot) {
        self.due = Some(Reached::NOTHING);
        if let Err(error) = self.keep_first_of_day(snapshot) {
            (self.on_warning)(&format!(
                "the snapshot at command {} could not be kept as the first of its day: {error}",
                snapshot.header.sequence.value()
            ));
        }
    }

    /// Archives and drops what may be, if that may be more than the last time. The first call goes
    /// on with what a crash interrupted.
    pub(crate) fn tend(&mut self, reached: Reached) {
        let wanted = self.due;
        if wanted.is_none_or(|wanted| !reached.covers(wanted)) {
            return;
        }
        self.due = match self.go_on(reached) {
            Ok(wanted) => wanted,
            Err(error) => {
                (self.on_warning)(&format!(
                    "a closed segment stays in the journal: {error}; tried again after the next \
                     snapshot"
                ));
                None
            }
        }
    }

    /// One round; answers how far others must be for the next one to do more.
    fn go_on(&mut self, reached: Reached) -> Result<Option<Reached>, String> {
        archive::sweep(&self.archive).map_err(|error| self.told(&error))?;
        let mut wanted = None;
        let mut end = None;
        let mut segments = self.journal.segments();
        // The last one is appended to.
        segments.pop();
        for segment in segments {
            let last = match self.archived.iter().find(|(at, _)| *at == segment) {
                Some((_, last)) => *last,
                None => match end_of(&*self.journal, segment).map_err(|e| e.to_string())? {
                    None => continue,
                    Some(durable) if durable > reached.durable => {
                        wanted = Some(Reached { durable, ..reached });
                        break;
                    }
                    Some(last) => {
                        self.archive(segment)?;
                        self.archived.push((segment, last));
                        last
                    }
                },
            };
            end = Some(last);
        }
        let Some(end) = end else {
            return Ok(wanted);
        };
        let behind = end.min(self.older_snapshot()?);
        if reached.cursor < behind && wanted.is_none() {
            let cursor = behind;
            wanted = Some(Reached { cursor, ..reached });
        }
        let dropped = behind.min(reached.cursor);
        let trimmed = self.journal.trim(dropped.next());
        trimmed.map_err(|error| stopped_by(&error))?;
        self.archived.retain(|(_, last)| *last > dropped);
        Ok(wanted)
    }

    fn told(&self, error: &io::Error) -> String {
        format!("{}: {error}", self.archive.display())
    }

    /// Sees to it that all records of a segment are in archive files that were read back.
    fn archive(&self, segment: Sequence) -> Result<(), String> {
        let journal = Arc::clone(&self.journal);
        let records = journal.read_segment(segment);
        let mut records = records.map_err(|error| error.to_string())?.peekable();
        while let Some(next) = records.peek() {
            let (first, bytes) = next.as_ref().map_err(ToString::to_string)?;
            let first = *first;
            let path = archive::path(&self.archive, first);
            let told = |error: archive::ArchiveError| format!("{}: {error}", path.display());
            if !path.exists() {
                let (header, _) = record::open(bytes).map_err(|error| error.to_string())?;
                let rest = &mut records;
                let file = archive::write(&path, header.shard, header.previous, rest);
                file.map_err(told)?.ok_or("a segment lost its records")?;
                return Ok(());
            }
            let file = archive::verify(&path).map_err(told)?;
            synced(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            if !skip(&mut records, &file)? {
                return Err(format!(
                    "{} holds other records than the journal; put it aside, it is of no use here",
                    path.display()
                ));
            }
        }
        Ok(())
    }

    /// The sequence of the older of the two kept snapshots, if both can be read; else zero.
    fn older_snapshot(&self) -> Result<Sequence, String> {
        let listed = snapshot::list(&self.snapshots);
        let listed = listed.map_err(|error| format!("{}: {error}", self.snapshots.display()))?;
        let Some((older, _)) = listed.get(snapshot::KEPT - 1) else {
            return Ok(Sequence::ZERO);
        };
        for (_, path) in &listed[..snapshot::KEPT] {
            snapshot::load(path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(*older)
    }

    fn keep_first_of_day(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        let today = day(snapshot.header.time);
        if self.day.is_none() {
            self.day = self.newest_day()?;
        }
        if self.day.is_some_and(|newest| newest >= today) {
            return Ok(());
        }
        let told = |error: snapshot::SnapshotError| error.to_string();
        snapshot::write(&self.archive, snapshot).map_err(told)?;
        let path = snapshot::path(&self.archive, snapshot.header.sequence);
        if snapshot::load(&path).map_err(told)? != *snapshot {
            return Err(format!("{} reads back otherwise", path.display()));
        }
        self.day = Some(today);
        Ok(())
    }

    /// The day of the newest snapshot in the archive that can be read.
    fn newest_day(&self) -> Result<Option<i64>, String> {
        let listed = snapshot::list(&self.archive).map_err(|error| self.told(&error))?;
        let mut readable = listed
            .iter()
            .filter_map(|(_, path)| snapshot::load(path).ok());
        Ok(readable.next().map(|snapshot| day(snapshot.header.time)))
    }
}

/// The day a time lies in, counted from 1970.
fn day(time: Time) -> i64 {
    (time.nanoseconds() + DAY_OFFSET_NANOSECONDS).div_euclid(DAY_NANOSECONDS)
}

/// The last command of a segment; none if it is empty.
fn end_of(journal: &dyn Journal, segment: Sequence) -> Result<Option<Sequence>, JournalError> {
    let mut last = None;
    for stored in journal.read_segment(segment)? {
        last = Some(stored?);
    }
    let Some((_, bytes)) = last else {
        return Ok(None);
    };
    let (header, _) =
        record::open(&bytes).map_err(|error| JournalError::new("read a segment", error))?;
    Ok(Some(header.last()))
}

/// Passes over the records `file` holds; false if they are not the same.
fn skip(
    records: &mut std::iter::Peekable<impl Iterator<Item = Result<Stored, JournalError>>>,
    file: &Archived,
) -> Result<bool, String> {
    let mut end = None;
    while let Some(stored) =
        records.next_if(|stored| stored.as_ref().map_or(true, |(key, _)| *key <= file.last))
    {
        end = Some(stored.map_err(|error| error.to_string())?.1);
    }
    Ok(end.is_some_and(|bytes| Chain::of(&bytes) == file.after))
}

/// Syncs a file a crash may have left between its rename and the sync of its folder.
fn synced(path: &std::path::Path) -> io::Result<()> {
    folder::sync_file(&File::open(path)?, path)?;
    folder::sync_folder(path.parent().unwrap_or_else(|| std::path::Path::new(".")))
}

#[cfg(test)]
#[path = "segments_tests.rs"]
mod tests;

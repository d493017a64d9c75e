//! Archive and journal as one: every record that is kept, from the first command on.
//!
//! Where the journal no longer reaches the archive is read, and each record is given once: those
//! the journal still holds come from the journal, although the archive may have them too. What
//! joins them (sequence, chain, epoch) is checked by whoever walks or replays, as within a
//! journal; a hole shows there as a gap.
//!
//! Invariant: nothing here writes to the archive. Not here: what an archive file holds
//! (`archive`), the walk (`recovery`).

use std::path::{Path, PathBuf};

use super::{Journal, JournalError, Records, Stored, archive, record};
use crate::state_hash::EventHash;
use crate::types::Sequence;

/// The records from the one that holds `from` (or the first one after it) to the end of `journal`,
/// from the files in the folder `archived` where the journal no longer reaches.
pub fn read_from<'a>(
    journal: &'a dyn Journal,
    archived: &Path,
    from: Sequence,
) -> Result<Records<'a>, JournalError> {
    let begins = first(journal)?;
    if begins.is_some_and(|begins| begins <= from) {
        return journal.read_from(from);
    }
    let listed =
        archive::list(archived).map_err(|error| JournalError::new("list the archive", error))?;
    let older = move |at: Sequence| begins.is_none_or(|begins| at < begins);
    let holder = listed.iter().rposition(|(at, _)| *at <= from);
    // A file counts up to where the next one begins: each record is given once.
    let nexts = listed.iter().skip(1).map(|(next, _)| Some(*next));
    let nexts: Vec<_> = nexts.chain([None]).collect();
    let files: Vec<(PathBuf, Option<Sequence>)> = listed
        .into_iter()
        .zip(nexts)
        .skip(holder.unwrap_or(0))
        .filter(|((at, _), _)| older(*at))
        .map(|((_, path), next)| (path, next))
        .collect();
    if files.is_empty() {
        return journal.read_from(from);
    }
    let archived = files
        .into_iter()
        .flat_map(|(path, next)| read_file(&path, next));
    let archived = archived
        .skip_while(move |stored| lies_before(stored, from))
        .take_while(move |stored| stored.as_ref().map_or(true, |(key, _)| older(*key)));
    let kept = match begins {
        Some(begins) => journal.read_from(begins)?,
        None => Box::new(std::iter::empty()),
    };
    Ok(Box::new(archived.chain(kept)))
}

/// The first record the journal itself still holds.
pub fn first(journal: &dyn Journal) -> Result<Option<Sequence>, JournalError> {
    let mut records = journal.read_from(Sequence::ZERO)?;
    let first = records.next().transpose()?;
    Ok(first.map(|(key, _)| key))
}

/// The running hash of all events at `sequence`, or at the nearest point at or below it that a
/// record names, with that point; none where no record does.
pub fn event_point(
    journal: &dyn Journal,
    archived: &Path,
    sequence: Sequence,
) -> Result<Option<(Sequence, EventHash)>, JournalError> {
    let mut from = sequence;
    // The point of a record lies in it or right before it, so the second look is the last.
    for _ in 0..2 {
        let Some(stored) = read_from(journal, archived, from)?.next() else {
            return Ok(None);
        };
        let (key, bytes) = stored?;
        let (header, _) =
            record::open(&bytes).map_err(|error| JournalError::new("read a record", error))?;
        if header.events_at <= sequence {
            let hash = EventHash(header.events_hash);
            return Ok(Some((header.events_at, hash)));
        }
        from = Sequence::new(key.value().saturating_sub(1));
    }
    Ok(None)
}

/// The records of one file below `next`; an error in their place where it cannot be read.
fn read_file(path: &Path, next: Option<Sequence>) -> Records<'static> {
    let below = move |key: Sequence| next.is_none_or(|next| key < next);
    match archive::read(path) {
        Ok(records) => Box::new(
            records.take_while(move |stored| stored.as_ref().map_or(true, |(key, _)| below(*key))),
        ),
        Err(error) => Box::new(std::iter::once(Err(archive::unreadable(path, &error)))),
    }
}

/// Whether a record ends below `from`. One that cannot be read does not: it must be seen.
fn lies_before(stored: &Result<Stored, JournalError>, from: Sequence) -> bool {
    stored
        .as_ref()
        .is_ok_and(|(_, bytes)| record::open(bytes).is_ok_and(|(header, _)| header.last() < from))
}

/// An archive and a journal, to be read as one journal.
pub struct History {
    journal: Box<dyn Journal>,
    archive: PathBuf,
}

impl History {
    /// `journal`, and before it the files in the folder `archive`.
    pub fn new(journal: Box<dyn Journal>, archive: impl Into<PathBuf>) -> Self {
        Self {
            journal,
            archive: archive.into(),
        }
    }

    /// The journal alone.
    pub fn journal(&self) -> &dyn Journal {
        &*self.journal
    }

    /// The folder of the archive.
    pub fn archive(&self) -> &Path {
        &self.archive
    }
}

/// The journal, but for reading, which reaches as far back as the archive does.
impl Journal for History {
    fn append(&self, first: Sequence, record: &[u8]) -> Result<(), JournalError> {
        self.journal.append(first, record)
    }

    fn read_from(&self, from: Sequence) -> Result<Records<'_>, JournalError> {
        read_from(&*self.journal, &self.archive, from)
    }

    fn head(&self) -> Result<Option<Sequence>, JournalError> {
        self.journal.head()
    }

    fn roll(&self, first: Sequence) -> Result<(), JournalError> {
        self.journal.roll(first)
    }

    fn segments(&self) -> Vec<Sequence> {
        self.journal.segments()
    }

    fn read_segment(&self, segment: Sequence) -> Result<Records<'_>, JournalError> {
        self.journal.read_segment(segment)
    }

    fn trim(&self, before: Sequence) -> Result<u64, JournalError> {
        self.journal.trim(before)
    }

    fn cut(&self, first: Sequence) -> Result<(), JournalError> {
        self.journal.cut(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryJournal;
    use crate::journal::record::{Chain, Header};
    use crate::types::Time;

    /// Records of three commands each, at 1, 4, 7, ...
    fn records(count: u64) -> Vec<Stored> {
        let mut previous = Chain::GENESIS;
        let one = |index: u64| {
            let first = Sequence::new(1 + 3 * index);
            let header = Header {
                shard: 0,
                epoch: 1,
                count: 3,
                first,
                base_time: Time::new(0).expect("in bounds"),
                events_at: first,
                events_hash: u128::from(index),
                previous,
            };
            let mut record = Vec::new();
            record::begin(&mut record);
            previous = record::seal(&header, &mut record);
            (first, record)
        };
        (0..count).map(one).collect()
    }

    /// Archive files of two records each, and a journal that holds the records from `kept` on.
    fn made(count: usize, kept: usize) -> (tempfile::TempDir, MemoryJournal) {
        let folder = tempfile::tempdir().expect("a folder");
        let list = records(count as u64);
        for pair in list[..kept].chunks(2) {
            let path = archive::path(folder.path(), pair[0].0);
            let before = record::open(&pair[0].1).expect("whole").0.previous;
            let mut records = pair.iter().cloned().map(Ok);
            archive::write(&path, 0, before, &mut records).expect("written");
        }
        let journal = MemoryJournal::new();
        for (first, bytes) in &list[kept..] {
            journal.append(*first, bytes).expect("appended");
        }
        (folder, journal)
    }

    fn firsts(folder: &Path, journal: &MemoryJournal, from: u64) -> Vec<u64> {
        let records = read_from(journal, folder, Sequence::new(from)).expect("readable");
        records
            .map(|stored| stored.expect("readable").0.value())
            .collect()
    }

    #[test]
    fn the_archive_is_read_where_the_journal_no_longer_reaches() {
        let (folder, journal) = made(6, 4);
        let folder = folder.path();
        assert_eq!(firsts(folder, &journal, 0), [1, 4, 7, 10, 13, 16]);
        assert_eq!(firsts(folder, &journal, 3), [1, 4, 7, 10, 13, 16]);
        assert_eq!(firsts(folder, &journal, 4), [4, 7, 10, 13, 16]);
        assert_eq!(firsts(folder, &journal, 9), [7, 10, 13, 16]);
        assert_eq!(firsts(folder, &journal, 12), [10, 13, 16]);
        assert_eq!(firsts(folder, &journal, 13), [13, 16]);
        assert_eq!(firsts(folder, &journal, 99), [16]);
    }

    #[test]
    fn the_nearest_point_of_the_events_is_found() {
        let (folder, journal) = made(6, 4);
        let point = |sequence: u64| {
            let sequence = Sequence::new(sequence);
            let point = event_point(&journal, folder.path(), sequence).expect("readable");
            point.map(|(at, hash)| (at.value(), hash.0))
        };
        // Each record names its first command, and as a hash its place.
        assert_eq!(point(1), Some((1, 0)));
        assert_eq!(point(3), Some((1, 0)));
        assert_eq!(point(4), Some((4, 1)));
        assert_eq!(point(15), Some((13, 4)));
        assert_eq!(point(99), Some((16, 5)));
        assert_eq!(point(0), None);
    }

    #[test]
    fn a_record_in_both_is_given_once() {
        let (folder, _) = made(6, 4);
        let journal = MemoryJournal::new();
        for (first, bytes) in &records(6)[1..] {
            journal.append(*first, bytes).expect("appended");
        }
        assert_eq!(firsts(folder.path(), &journal, 0), [1, 4, 7, 10, 13, 16]);
        assert_eq!(firsts(folder.path(), &journal, 5), [4, 7, 10, 13, 16]);
    }

    #[test]
    fn an_empty_journal_leaves_the_archive_and_no_archive_the_journal() {
        let (folder, journal) = made(4, 4);
        assert_eq!(firsts(folder.path(), &journal, 5), [4, 7, 10]);
        let (folder, journal) = made(4, 0);
        assert_eq!(firsts(folder.path(), &journal, 0), [1, 4, 7, 10]);
    }

    #[test]
    fn a_damaged_file_refuses_only_what_needs_it() {
        let (folder, journal) = made(6, 4);
        let path = archive::path(folder.path(), Sequence::new(1));
        let mut bytes = std::fs::read(&path).expect("readable");
        bytes[80] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        assert_eq!(firsts(folder.path(), &journal, 7), [7, 10, 13, 16]);
        let all = read_from(&journal, folder.path(), Sequence::ZERO).expect("opened");
        let fault = all.into_iter().find_map(Result::err).expect("an error");
        assert!(fault.to_string().contains("records_"), "{fault}");
    }
}

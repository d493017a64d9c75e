//! The journal in RocksDB: one packed value a batch, in column families that are dropped whole.
//!
//! A family `journal_<first>` holds records from sequence `<first>` on, up to where the next one
//! begins; the number is a lower bound, since a family is made while records are still appended
//! to the one before. Settings are measured ones: recycled log files halve the time of a sync;
//! larger write buffers, a vector memtable, pipelined or unordered writes and direct I/O gained
//! nothing or lost.
//!
//! Invariant: every record of a family lies before every record of the next; RocksDB's types stay
//! in this file. Not here: what a record holds, when families are dropped (`runtime::segments`).

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rocksdb::{
    AsColumnFamilyRef, BoundColumnFamily, DBCompressionType, DBRawIteratorWithThreadMode,
    DBRecoveryMode, DBWithThreadMode, FlushOptions, MultiThreaded, Options, ReadOptions,
    WriteOptions,
};

use super::{Journal, JournalError, Records, Store, Stored, record};
use crate::types::Sequence;

type Database = DBWithThreadMode<MultiThreaded>;

const PREFIX: &str = "journal_";
/// 64 MB: with 256 MB the log files grow large and each sync twice as slow (measured).
const WRITE_BUFFER_BYTES: usize = 64 << 20;
/// What RocksDB itself raises a smaller one to.
const WRITE_BUFFER_BYTES_MIN: usize = 64 << 10;
const WRITE_BUFFERS_MAX: i32 = 4;
const RECYCLED_LOGS: usize = 4;
/// Smooths the writing of a flushed table: p99.9 of a put 11.9 -> 5.4 ms (measured).
const BYTES_PER_SYNC: u64 = 1 << 20;
/// RocksDB's own diary, kept short.
const DIARY_FILES: usize = 4;
/// Each new family writes some ten kilobytes of its settings there.
const DIARY_BYTES: usize = 1 << 20;

/// The place of a journal in RocksDB.
#[derive(Clone, Debug)]
pub struct RocksStore {
    path: PathBuf,
    write_buffer_bytes: usize,
}

impl RocksStore {
    /// A journal in the folder `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            write_buffer_bytes: WRITE_BUFFER_BYTES,
        }
    }

    /// The same with write buffers of `bytes` (at least 64 KiB are used): a small one fills many
    /// small files.
    #[must_use]
    pub fn with_write_buffer(mut self, bytes: usize) -> Self {
        self.write_buffer_bytes = bytes.max(WRITE_BUFFER_BYTES_MIN);
        self
    }
}

impl Store for RocksStore {
    fn exists(&self) -> bool {
        // A journal that lost `CURRENT` must not look new: it has a log or a table, which RocksDB
        // makes only afterwards. With neither its making was cut off, and it is made again.
        let held = |name: &Path| {
            name.ends_with("CURRENT") || name.extension().is_some_and(|e| e == "log" || e == "sst")
        };
        let mut entries = std::fs::read_dir(&self.path).into_iter().flatten();
        entries.any(|entry| entry.map_or(true, |entry| held(&entry.path())))
    }

    fn open_read_only(&self) -> Result<Box<dyn Journal>, JournalError> {
        let names = families(&self.path)?;
        let opened = Database::open_cf_for_read_only(
            &options(self.write_buffer_bytes),
            &self.path,
            &names,
            false,
        );
        let database = opened.map_err(|error| JournalError::new("open read-only", error))?;
        Ok(Box::new(RocksJournal::new(
            database,
            &names,
            self.write_buffer_bytes,
        )?))
    }

    fn open(&self) -> Result<Arc<dyn Journal>, JournalError> {
        let fresh = !self.exists();
        let names = if fresh {
            vec![rocksdb::DEFAULT_COLUMN_FAMILY_NAME.to_owned()]
        } else {
            families(&self.path)?
        };
        let mut options = options(self.write_buffer_bytes);
        options.create_if_missing(fresh);
        let opened = Database::open_cf(&options, &self.path, &names);
        let database = opened.map_err(|error| JournalError::new("open", error))?;
        let journal = RocksJournal::new(database, &names, self.write_buffer_bytes)?;
        if journal.segments().is_empty() {
            journal.make_segment(Sequence::ZERO.next())?;
        }
        Ok(Arc::new(journal))
    }
}

/// The names of all families. A folder without `CURRENT` is an error here, never a new database.
fn families(path: &Path) -> Result<Vec<String>, JournalError> {
    let current = path.join("CURRENT");
    if !std::fs::exists(&current).unwrap_or(false) {
        let said = format!("{} is missing", current.display());
        return Err(JournalError::new("open the journal", said));
    }
    Database::list_cf(&Options::default(), path)
        .map_err(|error| JournalError::new("read the list of segments", error))
}

fn options(write_buffer_bytes: usize) -> Options {
    let mut options = Options::default();
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_recycle_log_file_num(RECYCLED_LOGS);
    options.set_bytes_per_sync(BYTES_PER_SYNC);
    options.set_write_buffer_size(write_buffer_bytes);
    options.set_max_write_buffer_number(WRITE_BUFFERS_MAX);
    options.set_disable_auto_compactions(true);
    options.set_compression_type(DBCompressionType::None);
    options.set_keep_log_file_num(DIARY_FILES);
    options.set_max_log_file_size(DIARY_BYTES);
    options
}

/// The family that holds records from `first` on.
fn name(first: Sequence) -> String {
    format!("{PREFIX}{:020}", first.value())
}

/// Where the family `name` begins, if it is one of ours.
fn first_of(name: &str) -> Option<Sequence> {
    let digits = name.strip_prefix(PREFIX)?;
    digits.parse().ok().map(Sequence::new)
}

/// The journal in RocksDB.
struct RocksJournal {
    database: Database,
    /// Where the families begin, rising; appends go to the last one.
    segments: RwLock<Vec<Sequence>>,
    synced: WriteOptions,
    write_buffer_bytes: usize,
}

impl RocksJournal {
    fn new(
        database: Database,
        names: &[String],
        write_buffer_bytes: usize,
    ) -> Result<Self, JournalError> {
        let mut segments: Vec<_> = names.iter().filter_map(|name| first_of(name)).collect();
        segments.sort_unstable();
        let strange = names
            .iter()
            .find(|name| first_of(name).is_none() && *name != rocksdb::DEFAULT_COLUMN_FAMILY_NAME);
        if let Some(strange) = strange {
            let said = format!("{strange} is not a segment of a journal");
            return Err(JournalError::new("read the list of segments", said));
        }
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        Ok(Self {
            database,
            segments: RwLock::new(segments),
            synced,
            write_buffer_bytes,
        })
    }

    fn family(&self, first: Sequence) -> Result<Arc<BoundColumnFamily<'_>>, JournalError> {
        let name = name(first);
        let found = self.database.cf_handle(&name);
        found.ok_or_else(|| JournalError::new("find a segment", format!("{name} is not open")))
    }

    /// Makes a family and switches appends to it. The switch waits for an append under way.
    fn make_segment(&self, first: Sequence) -> Result<(), JournalError> {
        self.database
            .create_cf(name(first), &options(self.write_buffer_bytes))
            .map_err(|error| JournalError::new("make a segment", error))?;
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        assert!(segments.last().is_none_or(|newest| *newest < first));
        segments.push(first);
        Ok(())
    }

    /// The last command of a segment; none if it is empty.
    fn end_of(&self, segment: Sequence) -> Result<Option<Sequence>, JournalError> {
        let mut cursor = self.database.raw_iterator_cf(&self.family(segment)?);
        cursor.seek_to_last();
        let Some(bytes) = cursor.value() else {
            checked(&cursor)?;
            return Ok(None);
        };
        let (header, _) = record::open(bytes)
            .map_err(|error| JournalError::new("read the end of a segment", error))?;
        Ok(Some(header.last()))
    }

    /// The segment a reader that wants `from` begins in: the last one with a record at or below.
    fn holder(&self, from: Sequence) -> Result<Option<(Sequence, Sequence)>, JournalError> {
        for segment in self.segments().into_iter().rev() {
            if segment > from {
                continue;
            }
            let mut cursor = self.database.raw_iterator_cf(&self.family(segment)?);
            cursor.seek_for_prev(key(from));
            if let Some(found) = cursor.key() {
                return Ok(Some((segment, sequence(found)?)));
            }
            checked(&cursor)?;
        }
        Ok(None)
    }
}

impl Journal for RocksJournal {
    fn append(&self, first: Sequence, record: &[u8]) -> Result<(), JournalError> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let newest = *segments.last().expect("`open` makes a first segment");
        let family = self.family(newest)?;
        self.database
            .put_cf_opt(&family, key(first), record, &self.synced)
            .map_err(|error| JournalError::new("append and sync", error))
    }

    fn read_from(&self, from: Sequence) -> Result<Records<'_>, JournalError> {
        let mut segments = self.segments();
        let (place, begin) = match self.holder(from)? {
            Some((holder, begin)) => {
                let place = segments.iter().position(|segment| *segment == holder);
                (place.expect("`holder` is one of the segments"), begin)
            }
            None => (0, from),
        };
        Ok(Box::new(Reading {
            journal: self,
            segments: segments.split_off(place).into_iter(),
            cursor: None,
            begin,
        }))
    }

    fn head(&self) -> Result<Option<Sequence>, JournalError> {
        let last = self.holder(Sequence::new(u64::MAX))?;
        Ok(last.map(|(_, first)| first))
    }

    fn roll(&self, first: Sequence) -> Result<(), JournalError> {
        let closed = self.segments().last().copied();
        if closed.is_some_and(|newest| newest >= first) {
            return Ok(());
        }
        self.make_segment(first)?;
        let Some(closed) = closed else {
            return Ok(());
        };
        // Without this the closed family keeps its part of every log, and none is recycled.
        let mut flush = FlushOptions::default();
        flush.set_wait(true);
        self.database
            .flush_cf_opt(&self.family(closed)?, &flush)
            .map_err(|error| JournalError::new("flush a closed segment", error))
    }

    fn segments(&self) -> Vec<Sequence> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.clone()
    }

    fn read_segment(&self, segment: Sequence) -> Result<Records<'_>, JournalError> {
        Ok(Box::new(Reading {
            journal: self,
            segments: vec![segment].into_iter(),
            cursor: None,
            begin: Sequence::ZERO,
        }))
    }

    fn trim(&self, before: Sequence) -> Result<u64, JournalError> {
        let mut segments = self.segments();
        segments.pop();
        let mut dropped = 0;
        for segment in segments {
            if self.end_of(segment)?.is_some_and(|last| last >= before) {
                break;
            }
            self.database
                .drop_cf(&name(segment))
                .map_err(|error| JournalError::new("drop a segment", error))?;
            self.segments
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|kept| *kept != segment);
            dropped += 1;
        }
        Ok(dropped)
    }

    fn cut(&self, first: Sequence) -> Result<(), JournalError> {
        let Some((segment, found)) = self.holder(first)? else {
            return Ok(());
        };
        if found != first {
            return Ok(());
        }
        self.database
            .delete_cf_opt(&self.family(segment)?, key(first), &self.synced)
            .map_err(|error| JournalError::new("cut an unreadable record", error))
    }
}

fn key(sequence: Sequence) -> [u8; 8] {
    sequence.value().to_be_bytes()
}

fn sequence(key: &[u8]) -> Result<Sequence, JournalError> {
    let bytes: [u8; 8] = key.try_into().map_err(|_| {
        let said = format!("a key of {} bytes is not a sequence", key.len());
        JournalError::new("read a record", said)
    })?;
    Ok(Sequence::new(u64::from_be_bytes(bytes)))
}

fn checked(cursor: &DBRawIteratorWithThreadMode<'_, Database>) -> Result<(), JournalError> {
    cursor
        .status()
        .map_err(|error| JournalError::new("read a record", error))
}

/// Records in order, segment after segment.
struct Reading<'a> {
    journal: &'a RocksJournal,
    segments: std::vec::IntoIter<Sequence>,
    cursor: Option<DBRawIteratorWithThreadMode<'a, Database>>,
    begin: Sequence,
}

impl<'a> Reading<'a> {
    fn open(&self, family: &impl AsColumnFamilyRef) -> DBRawIteratorWithThreadMode<'a, Database> {
        let mut how = ReadOptions::default();
        how.fill_cache(false);
        let mut cursor = self.journal.database.raw_iterator_cf_opt(family, how);
        cursor.seek(key(self.begin));
        cursor
    }

    fn advance(&mut self) -> Result<Option<Stored>, JournalError> {
        loop {
            if let Some(cursor) = &mut self.cursor {
                if let (Some(found), Some(record)) = (cursor.key(), cursor.value()) {
                    let stored = (sequence(found)?, record.to_vec());
                    cursor.next();
                    return Ok(Some(stored));
                }
                checked(cursor)?;
            }
            let Some(segment) = self.segments.next() else {
                return Ok(None);
            };
            let family = self.journal.family(segment)?;
            self.cursor = Some(self.open(&family));
        }
    }
}

impl Iterator for Reading<'_> {
    type Item = Result<Stored, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Chain, Header};
    use super::*;
    use crate::types::Time;

    fn sequence(value: u64) -> Sequence {
        Sequence::new(value)
    }

    fn firsts(journal: &dyn Journal, from: u64) -> Vec<u64> {
        let records = journal.read_from(sequence(from)).expect("readable");
        records
            .map(|stored| stored.expect("readable").0.value())
            .collect()
    }

    #[test]
    fn records_are_read_in_order_over_segments_and_after_a_reopen() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = RocksStore::new(folder.path().join("journal"));
        assert!(!store.exists());
        let journal = store.open().expect("made");
        assert_eq!(journal.head(), Ok(None));
        for (first, roll) in [(1, false), (5, true), (9, false), (12, true), (20, false)] {
            if roll {
                journal.roll(sequence(first - 1)).expect("rolled");
                journal.roll(sequence(first - 1)).expect("not rolled twice");
            }
            journal
                .append(sequence(first), &[first as u8; 100])
                .expect("appended");
        }
        drop(journal);
        assert!(store.exists());
        let journal = store.open_read_only().expect("opened");
        assert_eq!(journal.head(), Ok(Some(sequence(20))));
        assert_eq!(firsts(&*journal, 0), [1, 5, 9, 12, 20]);
        assert_eq!(firsts(&*journal, 8), [5, 9, 12, 20]);
        assert_eq!(firsts(&*journal, 9), [9, 12, 20]);
        assert_eq!(firsts(&*journal, 11), [9, 12, 20]);
        assert_eq!(firsts(&*journal, 99), [20]);
        drop(journal);
        let journal = store.open().expect("opened");
        journal.cut(sequence(20)).expect("cut");
        journal.cut(sequence(21)).expect("nothing there to cut");
        assert_eq!(journal.head(), Ok(Some(sequence(12))));
    }

    #[test]
    fn segments_are_read_alone_and_dropped_whole_below_a_command() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = RocksStore::new(folder.path().join("journal")).with_write_buffer(1);
        let journal = store.open().expect("made");
        let mut previous = Chain::GENESIS;
        for (first, roll) in [(1, None), (3, None), (5, Some(5)), (7, None), (9, Some(8))] {
            let header = sealed(first, &mut previous);
            if let Some(roll) = roll {
                journal.roll(sequence(roll)).expect("rolled");
            }
            journal.append(sequence(first), &header).expect("appended");
        }
        assert_eq!(journal.segments(), [1, 5, 8].map(sequence));
        let alone = |segment: u64| {
            let records = journal.read_segment(sequence(segment)).expect("readable");
            let keys = records.map(|stored| stored.expect("readable").0.value());
            keys.collect::<Vec<_>>()
        };
        assert_eq!(
            [alone(1), alone(5), alone(8)],
            [vec![1, 3], vec![5, 7], vec![9]]
        );
        for (before, dropped, left) in [(4, 0, 1), (5, 1, 5), (8, 0, 5), (99, 1, 8), (99, 0, 8)] {
            assert_eq!(
                journal.trim(sequence(before)),
                Ok(dropped),
                "below {before}"
            );
            assert_eq!(journal.segments()[0], sequence(left), "below {before}");
        }
        drop(journal);
        let journal = store.open().expect("opened");
        assert_eq!(journal.segments(), [sequence(8)]);
        assert_eq!(firsts(&*journal, 0), [9]);
    }

    /// A record of two commands from `first` on.
    fn sealed(first: u64, previous: &mut Chain) -> Vec<u8> {
        let header = Header {
            shard: 0,
            epoch: 1,
            count: 2,
            first: sequence(first),
            base_time: Time::new(0).expect("in bounds"),
            events_at: sequence(first),
            events_hash: 0,
            previous: *previous,
        };
        let mut bytes = Vec::new();
        record::begin(&mut bytes);
        *previous = record::seal(&header, &mut bytes);
        bytes
    }

    #[test]
    fn a_journal_whose_making_was_cut_off_is_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = RocksStore::new(folder.path());
        for name in ["IDENTITY", "LOCK", "LOG", "MANIFEST-000001", "000000.dbtmp"] {
            std::fs::write(folder.path().join(name), b"half").expect("written");
        }
        assert!(!store.exists());
        let journal = store.open().expect("made");
        journal.append(sequence(1), b"a record").expect("appended");
        drop(journal);
        assert!(store.exists());
        let journal = store.open_read_only().expect("opened");
        assert_eq!(firsts(&*journal, 0), [1]);
    }

    #[test]
    fn a_folder_without_current_is_not_taken_for_a_new_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = RocksStore::new(folder.path());
        drop(store.open().expect("made"));
        std::fs::remove_file(folder.path().join("CURRENT")).expect("removed");
        assert!(store.exists());
        let error = store.open_read_only().err().expect("refused");
        assert!(error.to_string().contains("CURRENT is missing"), "{error}");
        assert!(store.open().is_err());
    }
}

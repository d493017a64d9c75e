//! A journal in memory, with a countdown to a failed append: for tests of everything above it.
//!
//! Invariant: the same contract as the journal on disk, in one map; clones share it, so a test can
//! drop a runtime and start another on what is left. Not here: durability.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Journal, JournalError, Records, Store, record};
use crate::types::Sequence;

impl Shelf {
    /// The keys of the records of one segment.
    fn range(&self, segment: Sequence) -> Range<Sequence> {
        let place = self.segments.iter().position(|(at, _)| *at == segment);
        let place = place.unwrap_or(self.segments.len());
        let begin = |(_, begins): &(Sequence, Option<Sequence>)| *begins;
        let end = Sequence::new(u64::MAX);
        let next = self.segments.iter().skip(place + 1).find_map(begin);
        match self.segments.get(place).and_then(begin) {
            Some(first) => first..next.unwrap_or(end),
            None => end..end,
        }
    }
}

/// A journal in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Debug, Default)]
struct Shelf {
    records: BTreeMap<Sequence, Vec<u8>>,
    /// Where segments begin, each with the first command of its first record once it has one.
    segments: Vec<(Sequence, Option<Sequence>)>,
    /// Appends that still succeed.
    appends_left: Option<u64>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `appends` more appends succeed and every later one fail; `None` never fails.
    pub fn fail_after(&self, appends: Option<u64>) {
        self.shelf().appends_left = appends;
    }

    /// Changes the bytes of the record at `first`, as damage would; false if there is none.
    pub fn damage(&self, first: Sequence, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.shelf().records.get_mut(&first).map(change).is_some()
    }

    /// Takes a record away, as a lost file would; false if there is none.
    pub fn lose(&self, first: Sequence) -> bool {
        self.shelf().records.remove(&first).is_some()
    }

    /// The first commands of all records.
    pub fn firsts(&self) -> Vec<Sequence> {
        self.shelf().records.keys().copied().collect()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().expect("no holder of this lock can panic")
    }
}

impl Journal for MemoryJournal {
    fn append(&self, first: Sequence, record: &[u8]) -> Result<(), JournalError> {
        let mut shelf = self.shelf();
        match &mut shelf.appends_left {
            Some(0) => return Err(JournalError::new("append", "the countdown reached zero")),
            Some(left) => *left -= 1,
            None => {}
        }
        let rises = shelf
            .records
            .keys()
            .next_back()
            .is_none_or(|last| *last < first);
        assert!(rises, "records are appended in order");
        if shelf.segments.is_empty() {
            shelf.segments.push((Sequence::ZERO.next(), None));
        }
        if let Some((_, begins)) = shelf.segments.last_mut() {
            begins.get_or_insert(first);
        }
        shelf.records.insert(first, record.to_vec());
        Ok(())
    }

    fn read_from(&self, from: Sequence) -> Result<Records<'_>, JournalError> {
        let shelf = self.shelf();
        let holder = shelf.records.range(..=from).next_back();
        let begin = holder.map_or(from, |(first, _)| *first);
        let records: Vec<_> = shelf
            .records
            .range(begin..)
            .map(|(first, bytes)| Ok((*first, bytes.clone())))
            .collect();
        Ok(Box::new(records.into_iter()))
    }

    fn head(&self) -> Result<Option<Sequence>, JournalError> {
        Ok(self.shelf().records.keys().next_back().copied())
    }

    fn roll(&self, first: Sequence) -> Result<(), JournalError> {
        let mut shelf = self.shelf();
        let newest = shelf.segments.last().map(|(newest, _)| *newest);
        if newest.is_none_or(|newest| newest < first) {
            shelf.segments.push((first, None));
        }
        Ok(())
    }

    fn segments(&self) -> Vec<Sequence> {
        let shelf = self.shelf();
        shelf.segments.iter().map(|(first, _)| *first).collect()
    }

    fn read_segment(&self, segment: Sequence) -> Result<Records<'_>, JournalError> {
        let shelf = self.shelf();
        let range = shelf.range(segment);
        let records = shelf.records.range(range);
        let records: Vec<_> = records
            .map(|(first, bytes)| Ok((*first, bytes.clone())))
            .collect();
        Ok(Box::new(records.into_iter()))
    }

    fn trim(&self, before: Sequence) -> Result<u64, JournalError> {
        let mut shelf = self.shelf();
        let mut dropped = 0;
        while shelf.segments.len() > 1 {
            let range = shelf.range(shelf.segments[0].0);
            let last = shelf.records.range(range.clone()).next_back();
            let end = last.map(|(_, bytes)| record::open(bytes).map(|(header, _)| header.last()));
            match end {
                Some(Ok(end)) if end >= before => break,
                Some(Err(error)) => {
                    return Err(JournalError::new("read the end of a segment", error));
                }
                Some(Ok(_)) | None => {}
            }
            shelf.records.retain(|first, _| !range.contains(first));
            shelf.segments.remove(0);
            dropped += 1;
        }
        Ok(dropped)
    }

    fn cut(&self, first: Sequence) -> Result<(), JournalError> {
        self.shelf().records.remove(&first);
        Ok(())
    }
}

impl Store for MemoryJournal {
    fn exists(&self) -> bool {
        !self.shelf().records.is_empty()
    }

    fn open_read_only(&self) -> Result<Box<dyn Journal>, JournalError> {
        Ok(Box::new(self.clone()))
    }

    fn open(&self) -> Result<Arc<dyn Journal>, JournalError> {
        Ok(Arc::new(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_from_the_record_that_holds_a_command() {
        let journal = MemoryJournal::new();
        for first in [1, 4, 9] {
            let record = [first as u8];
            journal
                .append(Sequence::new(first), &record)
                .expect("no countdown");
        }
        for (from, begin) in [(0, 1), (1, 1), (3, 1), (4, 4), (8, 4), (9, 9), (99, 9)] {
            let mut records = journal.read_from(Sequence::new(from)).expect("readable");
            let (first, _) = records.next().expect("one").expect("readable");
            assert_eq!(first.value(), begin, "from {from}");
        }
        assert_eq!(journal.head(), Ok(Some(Sequence::new(9))));
    }

    #[test]
    fn fails_when_the_countdown_is_over() {
        let journal = MemoryJournal::new();
        journal.fail_after(Some(1));
        assert!(journal.append(Sequence::new(1), b"a").is_ok());
        assert!(journal.append(Sequence::new(2), b"b").is_err());
        assert_eq!(journal.firsts(), [Sequence::new(1)]);
    }
}

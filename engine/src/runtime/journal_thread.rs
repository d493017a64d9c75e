//! The journal thread: packs everything that arrived while the last sync ran into one record,
//! writes and syncs it; and the head thread, which follows with the newest mark.
//!
//! Invariant: a record is marked only after its sync returned; after a failed write nothing is
//! tried again. Not here: where the bytes come from (`sequencer`), who waits (`publisher`).

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crossbeam::channel::{Receiver, Sender};

use super::config::Fatal;
use super::fault::Faults;
use super::sequencer::Chunk;
use super::shared::Shared;
use crate::journal::Journal;
use crate::journal::head::{Mark, MarkKeeper};
use crate::journal::record::{self, Chain, Header};
use crate::types::Sequence;

/// A record is closed at this many bytes; with the largest chunk it stays far below
/// [`record::BODY_BYTES_MAX`].
const RECORD_BYTES: usize = 1 << 20;

/// The state of the journal thread.
pub(crate) struct JournalThread {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) faults: Faults,
    pub(crate) chunks: Receiver<Chunk>,
    pub(crate) used_bytes: Sender<Vec<u8>>,
    pub(crate) marks: Arc<MarkSlot>,
    pub(crate) commands_max: u32,
    pub(crate) chain: Chain,
}

impl JournalThread {
    /// Runs until the engine thread is gone and all of its chunks are on disk, or until a fault.
    pub(crate) fn run(mut self) {
        let mut record = Vec::new();
        let mut waiting = None;
        while let Some(chunk) = waiting.take().or_else(|| self.chunks.recv().ok()) {
            let header = self.pack(chunk, &mut record, &mut waiting);
            let chain = record::seal(&header, &mut record);
            self.shared.disk.look();
            if let Err(error) = self.journal.append(header.first, &record) {
                self.faults.raise(&Fatal::Journal {
                    first: header.first,
                    error: error.to_string(),
                });
                break;
            }
            self.chain = chain;
            let last = header.last();
            let bytes = record.len() as u64;
            self.shared.records.fetch_add(1, Ordering::Relaxed);
            self.shared.record_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.shared.gate.raise_log(last);
            self.marks.put(Mark {
                shard: self.shared.shard,
                epoch: self.shared.epoch,
                sequence: last,
                chain,
            });
        }
        self.marks.close();
    }

    /// Puts `chunk` and what else has arrived into `record`, as much as one record may hold; the
    /// first chunk that does not fit is left in `waiting`.
    fn pack(&self, chunk: Chunk, record: &mut Vec<u8>, waiting: &mut Option<Chunk>) -> Header {
        record::begin(record);
        let mut header = Header {
            shard: self.shared.shard,
            epoch: self.shared.epoch,
            count: 0,
            first: chunk.first,
            base_time: chunk.base_time,
            events_at: chunk.first,
            events_hash: 0,
            previous: self.chain,
        };
        let mut next = Some(chunk);
        while let Some(chunk) = next.take() {
            header.count += chunk.count;
            header.events_at = header.last();
            header.events_hash = chunk.events_hash;
            record.extend_from_slice(&chunk.bytes);
            let mut bytes = chunk.bytes;
            bytes.clear();
            // A full line back only means that enough buffers go round.
            let _ = self.used_bytes.try_send(bytes);
            if let Ok(chunk) = self.chunks.try_recv() {
                let fits = header.count + chunk.count <= self.commands_max
                    && record.len() + chunk.bytes.len() <= RECORD_BYTES;
                *(if fits { &mut next } else { &mut *waiting }) = Some(chunk);
            }
        }
        header
    }
}

/// Where the newest mark waits to be written. A newer one replaces it.
#[derive(Debug, Default)]
pub(crate) struct MarkSlot {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    mark: Option<Mark>,
    closed: bool,
}

impl MarkSlot {
    fn put(&self, mark: Mark) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.mark = Some(mark);
        drop(waiting);
        self.changed.notify_one();
    }

    /// No mark will follow.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.closed = true;
        drop(waiting);
        self.changed.notify_one();
    }

    /// The newest mark; waits for one; none when none will follow.
    fn take(&self) -> Option<Mark> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self
            .changed
            .wait_while(waiting, |waiting| waiting.mark.is_none() && !waiting.closed)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.mark.take()
    }
}

/// The head thread: writes the newest mark until none will follow, or until a fault.
pub(crate) fn keep_marks(
    mut keeper: Box<dyn MarkKeeper>,
    marks: &MarkSlot,
    shared: &Shared,
    faults: &Faults,
) {
    while let Some(mark) = marks.take() {
        if let Err(error) = keeper.write(&mark) {
            let sequence: Sequence = mark.sequence;
            let error = error.to_string();
            faults.raise(&Fatal::Head { sequence, error });
            return;
        }
        shared.gate.raise_head(mark.sequence);
    }
}

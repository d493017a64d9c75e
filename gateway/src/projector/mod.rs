//! The projector: orders, executions, trades and postings kept as history in `DIR/projections`.
//!
//! One thread takes what was released from a bounded queue and writes it in batches, the cursor in
//! the same batch. The queue holds at most [`QUEUE_PIECES_MAX`] pieces of at most
//! [`work::PIECE_COMMANDS_MAX`] commands: 262,144 commands with their events, so about a second of
//! the fastest flow and some tens of megabytes. When it is full the publisher waits, and with it
//! the acknowledgements of orders behind it: orders are held back rather than history lost.
//!
//! Invariant: what is written is a function of the released commands and events; deleting the
//! folder and starting again rebuilds the same rows from the journal. A reader never sees half a
//! command. Not here: what a row holds (`rows`), the wire (`services`).

mod answers;
mod contract_codec;
mod contract_history;
pub mod contracts;
mod corrections;
mod first_codec;
mod followers;
mod history;
mod margin;
mod operations;
mod orders;
mod output;
mod posting_codec;
pub mod postings;
pub mod receipts;
mod row_codec;
pub mod rows;
mod store;
pub mod tallies;
pub mod trades;
pub mod work;

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod posting_tests;
#[cfg(test)]
pub(crate) mod released;
#[cfg(test)]
mod row_tests;
#[cfg(test)]
mod tally_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod testing_money;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use engine::runtime::Released;
use engine::types::Sequence;
use tokio::sync::{Semaphore, watch};

use followers::Followers;
pub use followers::{FOLLOWED_MAX, Owner, TooManyFollowed};
pub use history::{
    First, History, HistoryError, ORDERS_SCANNED_MAX, OrdersPage, OrdersQuery,
    POSTINGS_SCANNED_MAX, PostingsPage, PostingsQuery, STREAMS_MAX, StatusFilter,
    TRADES_SCANNED_MAX, TradesPage, TradesQuery,
};
use orders::LiveOrders;
use output::ProjectError;
pub use store::{Family, LAYOUT_VERSION, Store, StoreError};
use tallies::Tallies;
use work::Piece;

/// The most pieces waiting to be written; see the head of this file.
pub const QUEUE_PIECES_MAX: usize = 64;
/// The most pieces of one write batch: some megabytes, and all of them are read or none.
const BATCH_PIECES_MAX: usize = 8;
/// How long what was written may stay un-synced. Losing it costs the next start the same time of
/// replay, so there is no reason to compete with the journal for the disk more often.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How far the projector is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Everything up to here can be read.
    pub projected: Sequence,
    /// Everything up to here survives the machine.
    pub synced: Sequence,
    /// The last command that made a trade.
    pub traded: Sequence,
    /// The last command that moved an amount.
    pub posted: Sequence,
    /// Whether more may come.
    pub ending: Ending,
}

/// Whether the projector goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It goes on.
    Running,
    /// It was stopped; nothing comes any more.
    Stopped,
    /// It could not write; the text is in [`History::failure`].
    Failed,
}

/// What the thread and the readers share.
#[derive(Debug)]
struct Shared {
    store: Store,
    /// The last command handed to the projector.
    fed: AtomicU64,
    progress: watch::Sender<Progress>,
    followers: Followers,
    failure: OnceLock<String>,
    /// Places for open streams.
    places: Arc<Semaphore>,
}

/// Told of a fault after which the history would have a hole.
pub type OnFatal = Box<dyn Fn(&str) + Send>;

/// The projector: feeds its thread, and ends it.
#[derive(Debug)]
pub struct Projector {
    queue: Option<Sender<Piece>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Projector {
    /// Opens the projections in `path` and starts the thread. Answers the cursor: everything up to
    /// it is there, and the next to be fed is the command after it. `on_fatal` is told when
    /// nothing can be written any more.
    ///
    /// # Errors
    /// [`StoreError`]; the thread cannot be started.
    pub fn open(
        path: &Path,
        journal_last: Sequence,
        on_fatal: OnFatal,
    ) -> Result<(Self, Sequence), StoreError> {
        let store = Store::open(path, journal_last)?;
        let cursor = store.cursor()?;
        let live = LiveOrders::new(store.accounts()?, store.clearing()?);
        let (progress, _) = watch::channel(Progress {
            projected: cursor,
            synced: cursor,
            traded: Sequence::ZERO,
            posted: Sequence::ZERO,
            ending: Ending::Running,
        });
        let shared = Arc::new(Shared {
            store,
            fed: AtomicU64::new(cursor.value()),
            progress,
            followers: Followers::default(),
            failure: OnceLock::new(),
            places: Arc::new(Semaphore::new(STREAMS_MAX)),
        });
        let (queue, pieces) = bounded(QUEUE_PIECES_MAX);
        let writer = Writer {
            shared: Arc::clone(&shared),
            pieces,
            live,
            tallies: Tallies::default(),
            on_fatal,
            sync_due: None,
            next: None,
        };
        let thread = std::thread::Builder::new()
            .name("projector".into())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::Thread(error.to_string()))?;
        let projector = Self {
            queue: Some(queue),
            thread: Some(thread),
            shared,
        };
        Ok((projector, cursor))
    }

    /// Takes what was released (or replayed), in order. Waits while the queue is full.
    pub fn feed(&self, released: &Released<'_>) {
        Piece::cut(released, |piece| {
            self.shared.fed.store(piece.last.value(), Ordering::Release);
            if let Some(queue) = &self.queue {
                // The thread only ends before the queue does when it has failed and said so.
                let _ = queue.send(piece);
            }
        });
    }

    /// Waits until everything fed can be read: at start, when the books are made from it.
    pub fn settle(&self) {
        let (done, settled) = bounded(1);
        if let Some(queue) = &self.queue {
            let last = Sequence::new(self.shared.fed.load(Ordering::Acquire));
            // A thread that has failed has said so, and answers by dropping the piece.
            let _ = queue.send(Piece::to_settle(last, done));
            let _ = settled.recv();
        }
    }

    /// Everything up to here is on disk for good.
    pub fn cursor(&self) -> Sequence {
        self.shared.progress.borrow().synced
    }

    /// The reading side.
    pub fn history(&self) -> History {
        History::new(Arc::clone(&self.shared))
    }

    /// Writes what is queued, syncs, and ends the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended the process already, or the test.
            let _ = thread.join();
        }
    }
}

impl Drop for Projector {
    fn drop(&mut self) {
        self.end();
    }
}

/// The writing thread.
struct Writer {
    shared: Arc<Shared>,
    pieces: Receiver<Piece>,
    live: LiveOrders,
    tallies: Tallies,
    on_fatal: OnFatal,
    /// When what was written has to be synced; none when all of it is.
    sync_due: Option<Instant>,
    /// A piece that looks back at what the last batch wrote.
    next: Option<Piece>,
}

impl Writer {
    fn run(mut self) {
        let ending = match self.write_all() {
            Ok(()) => Ending::Stopped,
            Err(error) => {
                let text = format!("the history could not be written: {error}");
                (self.on_fatal)(&text);
                // `write_all` is left once, so this is the first text.
                let _ = self.shared.failure.set(text);
                Ending::Failed
            }
        };
        let progress = &self.shared.progress;
        progress.send_modify(|progress| progress.ending = ending);
        // Nobody waits for a queue that nobody reads.
        while self.pieces.recv().is_ok() {}
    }

    fn write_all(&mut self) -> Result<(), ProjectError<StoreError>> {
        loop {
            let next = match (self.next.take(), self.sync_due) {
                (Some(piece), _) => Ok(piece),
                (None, None) => self.pieces.recv().map_err(RecvTimeoutError::from),
                (None, Some(due)) => self.pieces.recv_deadline(due),
            };
            match next {
                Ok(piece) => self.write(piece)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.sync(),
            }
            if self.sync_due.is_some_and(|due| due <= Instant::now()) {
                self.sync()?;
            }
        }
    }

    fn write(&mut self, first: Piece) -> Result<(), ProjectError<StoreError>> {
        let shared = Arc::clone(&self.shared);
        let mut batch = shared.store.batch(&mut self.tallies)?;
        let mut last = Sequence::ZERO;
        let mut traded = None;
        let mut posted = None;
        let mut settled = Vec::new();
        let mut waiting = Some(first);
        for _ in 0..BATCH_PIECES_MAX {
            let Some(piece) = waiting.take() else { break };
            self.live.apply(&piece, &mut batch)?;
            last = piece.last;
            traded = piece.last_trade().or(traded);
            posted = piece.last_posting().or(posted);
            settled.extend(piece.settled);
            waiting = self.pieces.try_recv().ok();
            if waiting.as_ref().is_some_and(Piece::looks_back) {
                break;
            }
        }
        self.next = waiting;
        self.live.write_changed(&mut batch)?;
        let counted = batch.write(last)?;
        shared.progress.send_modify(|progress| {
            progress.projected = last;
            progress.traded = traded.unwrap_or(progress.traded);
            progress.posted = posted.unwrap_or(progress.posted);
        });
        shared.followers.tell(&counted);
        for waiting in settled {
            // Whoever waits has room for the one word.
            let _ = waiting.try_send(());
        }
        self.sync_due
            .get_or_insert_with(|| Instant::now() + SYNC_EVERY);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), ProjectError<StoreError>> {
        if self.sync_due.take().is_some() {
            self.shared.store.sync()?;
            let progress = &self.shared.progress;
            progress.send_modify(|progress| progress.synced = progress.projected);
        }
        Ok(())
    }
}

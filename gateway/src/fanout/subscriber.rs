//! A subscriber: its bounded queue, and the books it is still owed.
//!
//! Invariant: nothing here waits. A message that finds no room takes the subscriber off that view;
//! the book is owed to it again, with a notice and a snapshot, once half of its queue is free. So
//! it holds at most [`QUEUE_MESSAGES_MAX`] messages, whatever it does. Not here: books.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::types::InstrumentId;
use proto::v1;
use tokio::sync::mpsc;

use super::view::Detail;

/// The most messages waiting for one subscriber; each has at most
/// [`super::view::MESSAGE_EVENTS_MAX`] events and is shared with the others who look.
pub const QUEUE_MESSAGES_MAX: usize = 256;

/// A book, or another thing of which there is a chain of events, that a subscriber is owed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owed<K = InstrumentId> {
    /// Of what: of a book the instrument.
    pub of: K,
    /// How it begins.
    pub from: From,
}

/// How a subscriber is let into a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// By a snapshot.
    Snapshot,
    /// Where it stopped, if that is still kept; else by a snapshot.
    Place {
        /// The epoch.
        epoch: u32,
        /// The last `seq` it has.
        seq: u64,
    },
    /// After it was cut off: by a notice and a snapshot.
    Resync {
        /// The last `seq` it was sent.
        last_seq: u64,
    },
}

/// The end a subscriber reads from.
pub type Queue<E> = mpsc::Receiver<Arc<Vec<E>>>;

/// A subscriber to things named by `K`, sent events `E`.
#[derive(Debug)]
pub struct Subscriber<D = Detail, K = InstrumentId, E = v1::BookEvent> {
    /// How much it sees of each.
    pub detail: D,
    queue: mpsc::Sender<Arc<Vec<E>>>,
    owed: VecDeque<Owed<K>>,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It is in the queue.
    Queued,
    /// The queue is full.
    Full,
    /// The subscriber has gone.
    Gone,
}

impl<D, K, E> Subscriber<D, K, E> {
    /// A subscriber and the end it reads from.
    pub fn new(detail: D, owed: Vec<Owed<K>>) -> (Self, Queue<E>) {
        let (queue, receiver) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let subscriber = Self {
            detail,
            queue,
            owed: owed.into(),
        };
        (subscriber, receiver)
    }

    /// Puts a message into the queue if there is room.
    pub fn send(&self, message: &Arc<Vec<E>>) -> Sent {
        match self.queue.try_send(Arc::clone(message)) {
            Ok(()) => Sent::Queued,
            Err(mpsc::error::TrySendError::Full(_)) => Sent::Full,
            Err(mpsc::error::TrySendError::Closed(_)) => Sent::Gone,
        }
    }

    /// Whether the reading end has gone.
    pub fn is_gone(&self) -> bool {
        self.queue.is_closed()
    }

    /// It is owed a book, after the others.
    pub fn owe(&mut self, owed: Owed<K>) {
        self.owed.push_back(owed);
    }

    /// Whether it is owed a book.
    pub fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    /// The next book it is owed, if there is room for it now.
    pub fn next_owed(&mut self) -> Option<Owed<K>> {
        let needed = match self.owed.front()?.from {
            From::Snapshot | From::Place { .. } => 1,
            From::Resync { .. } => QUEUE_MESSAGES_MAX / 2,
        };
        if self.queue.capacity() < needed {
            return None;
        }
        self.owed.pop_front()
    }
}

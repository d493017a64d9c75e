//! A subscriber: its bounded queue, and the books it is still owed.
//!
//! Invariant: nothing here waits. A message that finds no room takes the subscriber off that view;
//! the book is owed to it again, with a notice and a snapshot, once half of its queue is free. So
//! it holds at most [`QUEUE_MESSAGES_MAX`] messages, whatever it does. Not here: books.

use std::collections::VecDeque;

use engine::types::InstrumentId;
use tokio::sync::mpsc;

use super::view::{Detail, Message};

/// The most messages waiting for one subscriber; each has at most
/// [`super::view::MESSAGE_EVENTS_MAX`] events and is shared with the others who look.
pub const QUEUE_MESSAGES_MAX: usize = 256;

/// A book that a subscriber is owed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owed {
    /// The instrument.
    pub instrument: InstrumentId,
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

/// A subscriber.
#[derive(Debug)]
pub struct Subscriber {
    /// How much it sees of each book.
    pub detail: Detail,
    queue: mpsc::Sender<Message>,
    owed: VecDeque<Owed>,
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

impl Subscriber {
    /// A subscriber and the end it reads from.
    pub fn new(detail: Detail, owed: Vec<Owed>) -> (Self, mpsc::Receiver<Message>) {
        let (queue, receiver) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let subscriber = Self {
            detail,
            queue,
            owed: owed.into(),
        };
        (subscriber, receiver)
    }

    /// Puts a message into the queue if there is room.
    pub fn send(&self, message: &Message) -> Sent {
        match self.queue.try_send(Message::clone(message)) {
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
    pub fn owe(&mut self, owed: Owed) {
        self.owed.push_back(owed);
    }

    /// Whether it is owed a book.
    pub fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    /// The next book it is owed, if there is room for it now.
    pub fn next_owed(&mut self) -> Option<Owed> {
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

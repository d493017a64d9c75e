//! A queue to a reader that may never come: what a stream has ready for its connection.
//!
//! A channel would do, but for one thing: a writer must be able to take back what waits. A client
//! may stop reading and keep its connection; what waits for it would then be held for as long as
//! it likes.
//!
//! Invariant: one reader; after [`Feeder::end`] nothing is added, and what waits can still be
//! read. The queue itself has no bound: each writer looks at [`Feeder::len`] and keeps its own.
//! Not here: those bounds, and what is sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

/// The writing end. Ends the queue when dropped.
#[derive(Debug)]
pub struct Feeder<T>(Arc<Shared<T>>);

/// The reading end. What waits is dropped with it.
#[derive(Debug)]
pub struct Taker<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    taken: Notify,
    left: Notify,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    ended: bool,
    left: bool,
    waker: Option<Waker>,
}

/// A queue: both its ends.
pub fn outlet<T>() -> (Feeder<T>, Taker<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            queue: VecDeque::new(),
            ended: false,
            left: false,
            waker: None,
        }),
        taken: Notify::new(),
        left: Notify::new(),
    });
    (Feeder(Arc::clone(&shared)), Taker(shared))
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Feeder<T> {
    /// Adds a message at the end; false when the reader has left or the queue has ended.
    pub fn push(&self, message: T) -> bool {
        let mut state = self.0.lock();
        if state.left || state.ended {
            return false;
        }
        state.queue.push_back(message);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.0.lock().queue.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.0.lock().queue.is_empty()
    }

    /// What `look` sees in the message that waits longest.
    pub fn front<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.lock().queue.front().map(look)
    }

    /// Takes back all that waits.
    pub fn take_back(&self) -> VecDeque<T> {
        std::mem::take(&mut self.0.lock().queue)
    }

    /// Nothing more comes.
    pub fn end(&self) {
        let mut state = self.0.lock();
        state.ended = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the reader has left.
    pub fn has_left(&self) -> bool {
        self.0.lock().left
    }

    /// Until fewer than `count` messages wait; false when the reader has left.
    pub async fn below(&self, count: usize) -> bool {
        loop {
            {
                let state = self.0.lock();
                if state.left {
                    return false;
                }
                if state.queue.len() < count {
                    return true;
                }
            }
            // A message taken since the look has left its permit.
            self.0.taken.notified().await;
        }
    }

    /// Until the reader has left.
    pub async fn left(&self) {
        while !self.has_left() {
            self.0.left.notified().await;
        }
    }
}

impl<T> Drop for Feeder<T> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T> Taker<T> {
    /// The next message; none after the end.
    pub fn poll_take(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.lock();
        if let Some(message) = state.queue.pop_front() {
            drop(state);
            self.0.taken.notify_one();
            return Poll::Ready(Some(message));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.left = true;
        let waiting = std::mem::take(&mut state.queue);
        drop(state);
        drop(waiting);
        self.0.taken.notify_one();
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn what_waits_can_be_taken_back_and_the_end_is_read_after_the_rest() {
        let (feeder, taker) = outlet();
        assert!(feeder.push(1) && feeder.push(2));
        assert_eq!(feeder.front(|it| *it), Some(1));
        assert_eq!(feeder.take_back(), [1, 2]);
        assert!(feeder.push(3));
        feeder.end();
        assert!(!feeder.push(4), "it has ended");
        let mut seen = Vec::new();
        while let Some(message) = poll_fn(|context| taker.poll_take(context)).await {
            seen.push(message);
        }
        assert_eq!(seen, [3]);
    }

    #[tokio::test]
    async fn a_writer_that_waits_learns_of_room_and_of_a_reader_that_left() {
        let (feeder, taker) = outlet();
        feeder.push(1);
        let waits = tokio::spawn(async move {
            let room = feeder.below(1).await;
            feeder.push(2);
            (room, feeder.below(1).await, feeder)
        });
        assert_eq!(poll_fn(|context| taker.poll_take(context)).await, Some(1));
        drop(taker);
        let (_, second, feeder) = waits.await.expect("it ends");
        assert!(!second, "the reader has left");
        feeder.left().await;
        assert!(feeder.is_empty() && !feeder.push(3));
    }

    #[tokio::test]
    async fn a_reader_that_waits_learns_of_a_writer_that_left() {
        let (feeder, taker) = outlet::<u64>();
        let reads = tokio::spawn(poll_fn(move |context| taker.poll_take(context)));
        tokio::task::yield_now().await;
        drop(feeder);
        assert_eq!(reads.await.expect("it ends"), None);
    }
}

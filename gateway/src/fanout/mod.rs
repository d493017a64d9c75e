//! The mirror: the displayed books as the public sees them, and the streams made from them.
//!
//! One thread holds all books. What was released comes to it by a bounded queue of at most
//! [`QUEUE_PIECES_MAX`] pieces; requests (a snapshot, a subscription) come by another. Subscribers
//! have bounded queues of their own and are never waited for, so the thread falls behind only when
//! there is more to build than a core can build; then the publisher waits at the full queue. The
//! thread is apart from the publisher so that a snapshot of a large book delays no acknowledgement.
//!
//! Invariant: only durable events come here, after the private reports of the same commands; what
//! a subscriber gets is a snapshot and then every event of its view, or a notice and a new
//! snapshot. Not here: the wire of gRPC (`services::market_data`), history (`projector`).

mod book;
mod instrument;
mod market;
mod opening;
mod subscriber;
mod view;
mod wire;
mod work;

#[cfg(test)]
mod client;
#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;

use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded, never, select, tick};
use engine::runtime::Released;
use engine::types::{InstrumentId, Price};
use tokio::sync::{mpsc, oneshot};

pub use book::{BookFault, CHECKSUM_LEVELS, LevelTotal};
pub use instrument::{Here, VIEW_IDLE_BEATS_MAX, VIEWS_MAX};
pub use market::{BOOKS_MAX, BookImage, Market, RESYNC_REQUIRED, SUBSCRIBERS_MAX, SubscribeError};
pub use subscriber::{From, Owed, QUEUE_MESSAGES_MAX};
pub use view::{Detail, MESSAGE_EVENTS_MAX, Message, RING_EVENTS_MAX};
pub use wire::{Facts, aggressor, indicative, status};
use work::Piece;

/// The most pieces waiting for the mirror, each of at most [`work::PIECE_COMMANDS_MAX`] commands.
pub const QUEUE_PIECES_MAX: usize = 64;
/// The most requests waiting for the mirror; one more is refused and may be sent again.
pub const REQUESTS_MAX: usize = 1_024;
/// How often those who are owed a book are looked after when nothing is released.
const PAY_EVERY: Duration = Duration::from_millis(100);
/// A heartbeat after so many of those: one a second.
const PAYS_A_BEAT: u32 = 10;

/// Told when the books can no longer be trusted.
pub type OnFatal = Box<dyn Fn(&str) + Send>;

/// Why the mirror gave no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FeedError {
    /// Too many requests wait for it.
    #[error("{REQUESTS_MAX} requests for market data are waiting")]
    Busy,
    /// It has ended.
    #[error("the gateway is stopping")]
    Stopped,
    /// The subscription was refused.
    #[error(transparent)]
    Refused(#[from] SubscribeError),
}

#[derive(Debug)]
enum Request {
    Subscribe(
        Detail,
        Vec<Owed>,
        oneshot::Sender<Result<mpsc::Receiver<Message>, SubscribeError>>,
    ),
    Image(InstrumentId, usize, oneshot::Sender<Option<BookImage>>),
    LastPrices(Vec<InstrumentId>, oneshot::Sender<Vec<Option<Price>>>),
}

/// The writing side: feeds the thread, and ends it.
#[derive(Debug)]
pub struct Mirror {
    queue: Option<Sender<Piece>>,
    requests: Sender<Request>,
    thread: Option<JoinHandle<()>>,
}

/// The reading side.
#[derive(Clone, Debug)]
pub struct Feed {
    requests: Sender<Request>,
}

impl Mirror {
    /// Starts the thread on books as recovered. `on_fatal` is told when events do not fit the
    /// books: a wrong public book must not go on.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(market: Market, on_fatal: OnFatal) -> std::io::Result<Self> {
        let (queue, pieces) = bounded(QUEUE_PIECES_MAX);
        let (requests, asked) = bounded(REQUESTS_MAX);
        let desk = Desk {
            market,
            pieces,
            asked,
            pays: 0,
        };
        let thread = std::thread::Builder::new()
            .name("market-data".into())
            .spawn(move || desk.run(&on_fatal))?;
        Ok(Self {
            queue: Some(queue),
            requests,
            thread: Some(thread),
        })
    }

    /// Takes what was released, in order, after the private reports. Waits while the queue is full.
    pub fn apply(&self, released: &Released<'_>) {
        Piece::cut(released, |piece| {
            if let Some(queue) = &self.queue {
                // The thread only ends before the queue does when it has failed and said so.
                let _ = queue.send(piece);
            }
        });
    }

    /// The reading side.
    pub fn feed(&self) -> Feed {
        Feed {
            requests: self.requests.clone(),
        }
    }

    /// Ends the thread once what is queued was sent; streams end.
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

impl Drop for Mirror {
    fn drop(&mut self) {
        self.end();
    }
}

impl Feed {
    /// A subscription: what comes out are the messages of all its books, each book in order.
    ///
    /// # Errors
    /// [`FeedError`].
    pub async fn subscribe(
        &self,
        detail: Detail,
        books: Vec<Owed>,
    ) -> Result<mpsc::Receiver<Message>, FeedError> {
        let answer = self.ask(|reply| Request::Subscribe(detail, books, reply));
        Ok(answer.await??)
    }

    /// One book, to `depth` levels a side; none for an unknown instrument.
    ///
    /// # Errors
    /// [`FeedError`].
    pub async fn image(
        &self,
        instrument: InstrumentId,
        depth: usize,
    ) -> Result<Option<BookImage>, FeedError> {
        self.ask(|reply| Request::Image(instrument, depth, reply))
            .await
    }

    /// The last prices of some instruments, in their order.
    ///
    /// # Errors
    /// [`FeedError`].
    pub async fn last_prices(
        &self,
        instruments: Vec<InstrumentId>,
    ) -> Result<Vec<Option<Price>>, FeedError> {
        self.ask(|reply| Request::LastPrices(instruments, reply))
            .await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, FeedError> {
        let (reply, answer) = oneshot::channel();
        match self.requests.try_send(request(reply)) {
            Ok(()) => answer.await.map_err(|_| FeedError::Stopped),
            Err(TrySendError::Full(_)) => Err(FeedError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(FeedError::Stopped),
        }
    }
}

/// The thread.
struct Desk {
    market: Market,
    pieces: Receiver<Piece>,
    asked: Receiver<Request>,
    pays: u32,
}

impl Desk {
    fn run(mut self, on_fatal: &OnFatal) {
        let clock = tick(PAY_EVERY);
        loop {
            let more = select! {
                recv(self.pieces) -> piece => match piece {
                    Ok(piece) => self.market.apply(&piece),
                    Err(_) => return,
                },
                recv(self.asked) -> request => if let Ok(request) = request {
                    self.answer(request)
                } else {
                    // Nobody can ask any more; what is released is still taken.
                    self.asked = never();
                    Ok(())
                },
                recv(clock) -> _ => { self.pay(); Ok(()) }
            };
            if let Err(fault) = more {
                on_fatal(&format!("the public books cannot go on: {fault}"));
                // Nobody waits for a queue that nobody reads.
                while self.pieces.recv().is_ok() {}
                return;
            }
        }
    }

    /// Answers a request as of everything that was queued before it.
    fn answer(&mut self, request: Request) -> Result<(), BookFault> {
        while let Ok(piece) = self.pieces.try_recv() {
            self.market.apply(&piece)?;
        }
        // Whoever asked may have gone; then nobody misses the answer.
        match request {
            Request::Subscribe(detail, books, reply) => {
                let _ = reply.send(self.market.subscribe(detail, books));
            }
            Request::Image(instrument, depth, reply) => {
                let _ = reply.send(self.market.image(instrument, depth));
            }
            Request::LastPrices(instruments, reply) => {
                let _ = reply.send(self.market.last_prices(&instruments));
            }
        }
        Ok(())
    }

    fn pay(&mut self) {
        self.pays += 1;
        if self.pays == PAYS_A_BEAT {
            self.pays = 0;
            self.market.heartbeat();
        } else {
            self.market.pay();
        }
    }
}

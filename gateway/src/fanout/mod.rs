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
mod offers;
#[cfg(test)]
mod offers_tests;
mod opening;
mod subscriber;
mod view;
mod wire;
mod work;

#[cfg(test)]
#[path = "../../tests/support/book.rs"]
mod client;
#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded, never, select, tick};
use engine::runtime::Released;
use engine::types::{InstrumentId, Price, Sequence};
use tokio::sync::{mpsc, oneshot};

pub use book::{BookFault, CHECKSUM_LEVELS, LevelTotal};
pub use instrument::{Here, VIEW_IDLE_BEATS_MAX, VIEWS_MAX};
pub use market::{BOOKS_MAX, BookImage, Market, RESYNC_REQUIRED, SUBSCRIBERS_MAX, SubscribeError};
pub use offers::{OFFERS_MAX, OfferMessage, OwedOffer};
pub use subscriber::{From, Owed, QUEUE_MESSAGES_MAX};
pub use view::{Detail, MESSAGE_EVENTS_MAX, Message, RING_EVENTS_MAX};
pub use wire::{Facts, aggressor, indicative, status};
use work::Piece;

/// The most pieces waiting for the mirror, each of at most 4,096 commands.
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

/// A request, answered as of the command given and everything before it.
#[derive(Debug)]
struct Asked {
    as_of: Sequence,
    request: Request,
}

#[derive(Debug)]
enum Request {
    Subscribe(
        Detail,
        Vec<Owed>,
        oneshot::Sender<Result<mpsc::Receiver<Message>, SubscribeError>>,
    ),
    SubscribeOffers(
        Vec<OwedOffer>,
        oneshot::Sender<Result<mpsc::Receiver<OfferMessage>, SubscribeError>>,
    ),
    Image(InstrumentId, usize, oneshot::Sender<Option<BookImage>>),
    LastPrices(Vec<InstrumentId>, oneshot::Sender<Vec<Option<Price>>>),
}

/// The writing side: feeds the thread, and ends it.
#[derive(Debug)]
pub struct Mirror {
    queue: Option<Sender<Piece>>,
    requests: Sender<Asked>,
    /// The last command that somebody may have been told of.
    announced: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// The reading side.
#[derive(Clone, Debug)]
pub struct Feed {
    requests: Sender<Asked>,
    announced: Arc<AtomicU64>,
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
            announced: Arc::new(AtomicU64::new(0)),
            thread: Some(thread),
        })
    }

    /// Private reports of this are about to go out: from now on whoever asks for a book gets it
    /// with these commands, although they are taken over only after the reports.
    pub fn announce(&self, released: &Released<'_>) {
        if let Some(last) = released.commands.last() {
            self.announced
                .store(last.sequence.value(), Ordering::Release);
        }
    }

    /// Takes what was released and announced, in order, after the private reports. Waits while the
    /// queue is full.
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
            announced: Arc::clone(&self.announced),
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

    /// A subscription to offers: what comes out are the messages of all of them, each in order.
    ///
    /// # Errors
    /// [`FeedError`].
    pub async fn subscribe_offers(
        &self,
        offers: Vec<OwedOffer>,
    ) -> Result<mpsc::Receiver<OfferMessage>, FeedError> {
        let answer = self.ask(|reply| Request::SubscribeOffers(offers, reply));
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
        let asked = Asked {
            as_of: Sequence::new(self.announced.load(Ordering::Acquire)),
            request: request(reply),
        };
        match self.requests.try_send(asked) {
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
    asked: Receiver<Asked>,
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
                recv(self.asked) -> asked => if let Ok(asked) = asked {
                    self.answer(asked)
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

    /// Answers a request as of everything that was announced before it. What was announced is on
    /// its way, so this waits no longer than the publisher needs for its group.
    fn answer(&mut self, asked: Asked) -> Result<(), BookFault> {
        let Asked { as_of, request } = asked;
        while self.market.sequence() < as_of {
            match self.pieces.recv() {
                Ok(piece) => self.market.apply(&piece)?,
                Err(_) => return Ok(()),
            }
        }
        // Whoever asked may have gone; then nobody misses the answer.
        match request {
            Request::Subscribe(detail, books, reply) => {
                let _ = reply.send(self.market.subscribe(detail, books));
            }
            Request::SubscribeOffers(offers, reply) => {
                let _ = reply.send(self.market.subscribe_offers(offers));
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

//! A subscriber of one instrument's book that believes nothing: each delta must follow the one
//! before, and each checksum must be that of the book held here.
//!
//! Invariant: a book is used only between a snapshot and the first fault; after a fault the
//! subscription begins anew. Not here: what the book is compared with (`replay`).

use std::{collections::BTreeMap, time::Duration};

use proto::v1::{
    BookDepth, BookEvent, BookResume, BookSnapshot, BookSubscription, LevelChange, PriceLevel,
    Side, StreamBookRequest, StreamBookResponse, book_event::Event,
};
use tokio::{sync::mpsc, time::Instant};
use tonic::Status;

use super::{
    Backoff,
    connect::{Connection, may_begin_later},
};

/// Levels a side that the checksum covers: the contract's number.
const CHECKSUM_LEVELS: usize = 10;
/// A stream promises a heartbeat each second; silent for this long, it is opened anew.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Shown quantity in lots, and orders, of a price.
type Shown = (i64, u32);

/// Why an event cannot follow what is held.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BookFault {
    /// An event is missing.
    #[error("{instrument}: event {seq} follows {prev_seq}, but {held} is held")]
    Chain {
        /// The book.
        instrument: String,
        /// The event.
        seq: u64,
        /// The one it follows.
        prev_seq: u64,
        /// The last one applied.
        held: u64,
    },
    /// The books differ.
    #[error(
        "{instrument}: checksum {theirs:08x} of event {seq}, the book held here has {ours:08x}"
    )]
    Checksum {
        /// The book.
        instrument: String,
        /// The event.
        seq: u64,
        /// What the gateway says.
        theirs: u32,
        /// What is held.
        ours: u32,
    },
    /// A level of an event cannot be.
    #[error("{instrument}: event {seq} has a level without a side or with a negative quantity")]
    Level {
        /// The book.
        instrument: String,
        /// The event.
        seq: u64,
    },
}

/// The levels of one book and its place in the stream.
#[derive(Clone, Default, Debug)]
pub struct Book {
    bids: BTreeMap<i64, Shown>,
    asks: BTreeMap<i64, Shown>,
    epoch: u32,
    seq: u64,
    begun: bool,
}

impl Book {
    /// The best `count` levels of a side as (price in ticks, lots), best first.
    pub fn top(&self, side: Side, count: usize) -> Vec<(i64, i64)> {
        let pair = |(price, (lots, _)): (&i64, &Shown)| (*price, *lots);
        match side {
            Side::Buy => self.bids.iter().rev().take(count).map(pair).collect(),
            Side::Sell => self.asks.iter().take(count).map(pair).collect(),
            Side::Unspecified => Vec::new(),
        }
    }

    /// The contract's checksum of the ten best levels a side.
    pub fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        for side in [Side::Buy, Side::Sell] {
            for (price, lots) in self.top(side, CHECKSUM_LEVELS) {
                hasher.update(&price.to_le_bytes());
                hasher.update(&lots.to_le_bytes());
            }
        }
        hasher.finalize()
    }

    /// Applies an event, or says why it cannot follow. Whether it was a gap notice: a snapshot
    /// follows then.
    pub fn apply(&mut self, event: &BookEvent) -> Result<(), BookFault> {
        let Some(kind) = &event.event else {
            return Ok(());
        };
        if let Event::Resync(_) = kind {
            self.begun = false;
            return Ok(());
        }
        if let Event::Snapshot(snapshot) = kind {
            self.replace(event, snapshot)?;
        } else if !self.begun || event.prev_seq != self.seq || event.epoch != self.epoch {
            return Err(BookFault::Chain {
                instrument: event.instrument_id.clone(),
                seq: event.seq,
                prev_seq: event.prev_seq,
                held: self.seq,
            });
        }
        self.seq = event.seq;
        match kind {
            Event::Delta(delta) => self.change(event, &delta.levels)?,
            Event::Trade(_)
            | Event::TradeCorrection(_)
            | Event::Indicative(_)
            | Event::Uncrossed(_) => return Ok(()),
            Event::Snapshot(_) | Event::Status(_) | Event::Heartbeat(_) | Event::Resync(_) => {}
        }
        let ours = self.checksum();
        if ours == event.top10_crc32 {
            return Ok(());
        }
        Err(BookFault::Checksum {
            instrument: event.instrument_id.clone(),
            seq: event.seq,
            theirs: event.top10_crc32,
            ours,
        })
    }

    fn replace(&mut self, event: &BookEvent, snapshot: &BookSnapshot) -> Result<(), BookFault> {
        let levels = |levels: &[PriceLevel]| {
            levels
                .iter()
                .map(|level| (level.price_ticks, (level.quantity_lots, level.order_count)))
                .collect()
        };
        *self = Self {
            bids: levels(&snapshot.bids),
            asks: levels(&snapshot.asks),
            epoch: event.epoch,
            seq: event.seq,
            begun: true,
        };
        if self
            .bids
            .values()
            .chain(self.asks.values())
            .any(|shown| shown.0 <= 0)
        {
            return Err(level_fault(event));
        }
        Ok(())
    }

    fn change(&mut self, event: &BookEvent, changes: &[LevelChange]) -> Result<(), BookFault> {
        for change in changes {
            let side = match change.side() {
                Side::Buy => &mut self.bids,
                Side::Sell => &mut self.asks,
                Side::Unspecified => return Err(level_fault(event)),
            };
            if change.quantity_lots < 0 {
                return Err(level_fault(event));
            }
            if change.quantity_lots == 0 {
                side.remove(&change.price_ticks);
            } else {
                side.insert(
                    change.price_ticks,
                    (change.quantity_lots, change.order_count),
                );
            }
        }
        Ok(())
    }
}

fn level_fault(event: &BookEvent) -> BookFault {
    BookFault::Level {
        instrument: event.instrument_id.clone(),
        seq: event.seq,
    }
}

/// What a subscriber tells about one event.
#[derive(Clone, Debug)]
pub struct BookUpdate {
    /// The command that caused it; a heartbeat repeats the last.
    pub engine_sequence: u64,
    /// The best levels to buy at, best first, as many as were asked for.
    pub bids: Vec<(i64, i64)>,
    /// The best levels to sell at.
    pub asks: Vec<(i64, i64)>,
    /// It is a heartbeat: nothing happened for a second.
    pub heartbeat: bool,
    /// The event could not be applied; the subscription begins anew.
    pub fault: Option<BookFault>,
}

/// Follows the whole book of `instrument`, telling its best `depth` levels after each event, until
/// the receiver is dropped or the gateway is gone for the whole patience.
pub async fn follow(
    connection: Connection,
    instrument: String,
    depth: usize,
    out: mpsc::Sender<BookUpdate>,
) -> Result<(), Status> {
    let mut follower = Follower {
        instrument,
        depth,
        book: Book::default(),
        out,
    };
    let mut backoff = Backoff::new();
    let mut until = Instant::now() + connection.patience();
    while !follower.out.is_closed() {
        let status = match follower.stream(&connection, &mut until).await {
            Ok(()) => continue,
            Err(status) => status,
        };
        let begun = follower.book.seq > 0;
        if !may_begin_later(&status, begun) || Instant::now() > until {
            return Err(status);
        }
        tokio::time::sleep(backoff.pause()).await;
    }
    Ok(())
}

struct Follower {
    instrument: String,
    depth: usize,
    book: Book,
    out: mpsc::Sender<BookUpdate>,
}

impl Follower {
    /// One subscription, until nobody listens or a fault (both are Ok), or the connection breaks.
    async fn stream(&mut self, connection: &Connection, until: &mut Instant) -> Result<(), Status> {
        let resume = self.book.begun.then_some(BookResume {
            epoch: self.book.epoch,
            seq: self.book.seq,
        });
        let request = StreamBookRequest {
            instruments: vec![BookSubscription {
                instrument_id: self.instrument.clone(),
                resume,
            }],
            level: BookDepth::L2.into(),
            depth: 0,
        };
        let mut client = connection.market_data();
        let mut stream = tokio::select! {
            opened = client.stream_book(request) => opened?.into_inner(),
            () = self.out.closed() => return Ok(()),
        };
        loop {
            let received = tokio::select! {
                received = tokio::time::timeout(SILENCE_MAX, stream.message()) => received,
                () = self.out.closed() => return Ok(()),
            };
            let message = received
                .map_err(|_| Status::unavailable("no heartbeat for 10 s"))??
                .ok_or_else(|| Status::unavailable("the gateway ended the stream"))?;
            *until = Instant::now() + connection.patience();
            if !self.take(&message).await {
                return Ok(());
            }
        }
    }

    /// Applies a message; whether the subscription goes on.
    async fn take(&mut self, message: &StreamBookResponse) -> bool {
        for event in &message.events {
            let fault = self.book.apply(event).err();
            let failed = fault.is_some();
            if failed {
                self.book.begun = false;
            }
            let update = BookUpdate {
                engine_sequence: event.engine_sequence,
                bids: self.book.top(Side::Buy, self.depth),
                asks: self.book.top(Side::Sell, self.depth),
                heartbeat: matches!(event.event, Some(Event::Heartbeat(_))),
                fault,
            };
            if self.out.send(update).await.is_err() || failed {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::v1::BookDelta;

    fn event(seq: u64, prev_seq: u64, crc: u32, event: Event) -> BookEvent {
        BookEvent {
            instrument_id: "X".to_owned(),
            epoch: 1,
            seq,
            prev_seq,
            top10_crc32: crc,
            event: Some(event),
            ..BookEvent::default()
        }
    }

    fn begun() -> Book {
        let level = |price_ticks, quantity_lots| PriceLevel {
            price_ticks,
            quantity_lots,
            order_count: 1,
        };
        let snapshot = BookSnapshot {
            bids: vec![level(99, 5)],
            asks: vec![level(101, 7)],
            ..BookSnapshot::default()
        };
        let mut bytes = Vec::new();
        for number in [99i64, 5, 101, 7] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let mut book = Book::default();
        let crc = crc32fast::hash(&bytes);
        book.apply(&event(4, 0, crc, Event::Snapshot(snapshot)))
            .unwrap();
        book
    }

    fn delta(price_ticks: i64, quantity_lots: i64) -> Event {
        Event::Delta(BookDelta {
            levels: vec![LevelChange {
                side: Side::Buy.into(),
                price_ticks,
                quantity_lots,
                order_count: 1,
            }],
            orders: Vec::new(),
        })
    }

    #[test]
    fn a_right_delta_is_taken_and_a_wrong_checksum_is_found() {
        let mut book = begun();
        let mut expected = book.clone();
        expected.bids.insert(100, (3, 1));
        book.apply(&event(6, 4, expected.checksum(), delta(100, 3)))
            .unwrap();
        assert_eq!(book.top(Side::Buy, 2), [(100, 3), (99, 5)]);
        let fault = book.apply(&event(7, 6, 1, delta(100, 0))).unwrap_err();
        assert!(
            matches!(fault, BookFault::Checksum { seq: 7, .. }),
            "{fault}"
        );
    }

    #[test]
    fn a_missing_event_and_another_epoch_break_the_chain() {
        let mut book = begun();
        let fault = book.apply(&event(9, 8, 0, delta(100, 3))).unwrap_err();
        assert!(matches!(fault, BookFault::Chain { held: 4, .. }), "{fault}");
        let mut later = event(5, 4, 0, delta(100, 3));
        later.epoch = 2;
        assert!(matches!(book.apply(&later), Err(BookFault::Chain { .. })));
    }
}

//! For tests: naive books that make public events, and subscribers that check them.
//!
//! Invariant: a book here is a plain list of orders in the order in which they joined; what a
//! subscriber must hold is worked out from it alone. Not here: expectations of single tests.

use std::collections::BTreeMap;

use engine::command::Demonstration;
use engine::event::{BookAction, BookChange, Indicative};
use engine::types::{InstrumentId, Name, OrderId, Price, Quantity, Sequence, Side, Time, VenueId};
use engine::venue::{Phase, TradingStatus};
use tokio::sync::mpsc::Receiver;

use super::client::ClientBook;
use super::work::{Item, Piece, Print, Step};
use super::*;

/// How many books there are.
pub(super) const INSTRUMENTS: u32 = 3;

/// A displayed order as the naive books keep it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) id: OrderId,
    pub(super) side: Side,
    pub(super) price: i64,
    pub(super) quantity: i64,
}

/// Naive books: for each instrument a list of orders in the order in which they joined.
pub(super) struct Maker {
    seed: u64,
    sequence: u64,
    slots: u32,
    free: Vec<u32>,
    books: BTreeMap<u32, Vec<Order>>,
}

impl Maker {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            sequence: 100,
            slots: 0,
            free: Vec::new(),
            books: (0..INSTRUMENTS).map(|id| (id, Vec::new())).collect(),
        }
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    /// A piece of `commands` commands.
    pub(super) fn piece(&mut self, commands: usize) -> Piece {
        let mut piece = Piece {
            shard: 1,
            epoch: 4,
            last: (Sequence::ZERO, Time::ZERO),
            steps: Vec::new(),
            items: Vec::new(),
        };
        for _ in 0..commands {
            self.sequence += 1 + self.random(2);
            for _ in 0..=self.random(4) {
                self.item(&mut piece.items);
            }
            let (sequence, time) = (Sequence::new(self.sequence), Time::ZERO);
            let end = piece.items.len();
            piece.last = (sequence, time);
            piece.steps.push(Step {
                sequence,
                time,
                end,
            });
        }
        piece
    }

    pub(super) fn item(&mut self, items: &mut Vec<Item>) {
        let instrument = self.random(INSTRUMENTS.into()) as u32;
        match self.random(20) {
            0..=8 => self.add(instrument, items),
            9..=11 => self.alter(instrument, BookAction::Change, items),
            12..=15 => self.alter(instrument, BookAction::Delete, items),
            16 => self.refresh(instrument, items),
            17 => items.push(Item::Trade(Print {
                instrument: InstrumentId::new(instrument),
                index: items.len() as u32,
                price: ticks(100),
                quantity: lots(1),
                aggressor: Some(Side::Buy),
            })),
            18 => items.push(Item::Indicative(Indicative {
                instrument: InstrumentId::new(instrument),
                price: None,
                volume: 0,
                imbalance: self.random(9) as i64 - 4,
            })),
            _ => items.push(Item::Phase(VenueId::new(0), Phase::Continuous)),
        }
    }

    pub(super) fn add(&mut self, instrument: u32, items: &mut Vec<Item>) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        let side = if self.random(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let offset = self.random(30) as i64;
        let order = Order {
            // One command may add several here; ids stay apart by the slot's place.
            id: OrderId {
                sequence: self.sequence * 64 + items.len() as u64 % 64,
                slot,
            },
            side,
            price: if side == Side::Buy {
                99 - offset
            } else {
                101 + offset
            },
            quantity: 1 + self.random(50) as i64,
        };
        self.books.entry(instrument).or_default().push(order);
        items.push(change(instrument, BookAction::Add, &order));
    }

    pub(super) fn pick(&mut self, instrument: u32) -> Option<usize> {
        let count = self.books[&instrument].len() as u64;
        (count > 0).then(|| self.random(count) as usize)
    }

    pub(super) fn alter(&mut self, instrument: u32, action: BookAction, items: &mut Vec<Item>) {
        let Some(place) = self.pick(instrument) else {
            return;
        };
        let quantity = 1 + self.random(50) as i64;
        let book = self.books.entry(instrument).or_default();
        if action == BookAction::Change {
            book[place].quantity = quantity;
            items.push(change(instrument, action, &book[place]));
        } else {
            let order = book.remove(place);
            self.free.push(order.id.slot);
            items.push(change(instrument, action, &order));
        }
    }

    /// An iceberg shows its next slice: it leaves and joins the back.
    pub(super) fn refresh(&mut self, instrument: u32, items: &mut Vec<Item>) {
        let Some(place) = self.pick(instrument) else {
            return;
        };
        let quantity = 1 + self.random(50) as i64;
        let book = self.books.entry(instrument).or_default();
        let mut order = book.remove(place);
        items.push(change(instrument, BookAction::Delete, &order));
        order.quantity = quantity;
        book.push(order);
        items.push(change(instrument, BookAction::Add, &order));
    }

    /// What a subscriber of this detail must hold.
    pub(super) fn check(&self, instrument: u32, detail: Detail, client: &ClientBook) {
        let mut queues: BTreeMap<(i32, i64), Vec<(u64, i64)>> = BTreeMap::new();
        for order in &self.books[&instrument] {
            let side = if order.side == Side::Buy { 1 } else { 2 };
            let queue = queues.entry((side, order.price)).or_default();
            queue.push((order.id.sequence, order.quantity));
        }
        let levels: BTreeMap<_, _> = queues
            .iter()
            .map(|(key, queue)| {
                let quantity: i64 = queue.iter().map(|(_, quantity)| quantity).sum();
                (*key, (quantity, queue.len() as u32))
            })
            .collect();
        match detail {
            Detail::Orders => assert_eq!(client.queues, queues),
            Detail::Levels(0) => assert_eq!(client.levels, levels),
            Detail::Levels(depth) => {
                let side = |side: i32| levels.iter().filter(move |((it, _), _)| *it == side);
                let bids = side(1).rev().take(depth as usize);
                let asks = side(2).take(depth as usize);
                let best: BTreeMap<_, _> = bids.chain(asks).map(|(k, v)| (*k, *v)).collect();
                assert_eq!(client.levels, best);
            }
        }
        assert_eq!(
            client.aggregate().len(),
            client.levels.len().max(client.queues.len())
        );
    }
}

pub(super) fn ticks(ticks: i64) -> Price {
    Price::new(ticks).expect("small")
}

pub(super) fn lots(lots: i64) -> Quantity {
    Quantity::new(lots).expect("small")
}

pub(super) fn change(instrument: u32, action: BookAction, order: &Order) -> Item {
    Item::Book(BookChange {
        instrument: InstrumentId::new(instrument),
        order: order.id,
        side: order.side,
        action,
        price: ticks(order.price),
        displayed: match action {
            BookAction::Delete => Quantity::ZERO,
            BookAction::Add | BookAction::Change => lots(order.quantity),
        },
    })
}

pub(super) fn market() -> Market {
    let mut market = Market::new(Here {
        shard: 1,
        epoch: 4,
        sequence: Sequence::new(100),
        time: Time::ZERO,
    });
    market.add_venue(
        Phase::Continuous,
        TradingStatus::Trading,
        Demonstration::Demonstration,
    );
    for id in 0..INSTRUMENTS {
        let name = Name::new(&format!("I{id}")).expect("short");
        market.add_instrument(name, VenueId::new(0), TradingStatus::Trading, None);
    }
    market
}

pub(super) fn owed(from: From) -> Vec<Owed> {
    let instruments = (0..INSTRUMENTS).map(InstrumentId::new);
    instruments
        .map(|instrument| Owed {
            of: instrument,
            from,
        })
        .collect()
}

/// A subscriber of all books.
pub(super) struct Client {
    pub(super) detail: Detail,
    pub(super) receiver: Receiver<Message>,
    pub(super) books: BTreeMap<String, ClientBook>,
}

impl Client {
    pub(super) fn new(market: &mut Market, detail: Detail) -> Self {
        let receiver = market.subscribe(detail, owed(From::Snapshot)).expect("few");
        Self {
            detail,
            receiver,
            books: BTreeMap::new(),
        }
    }

    /// Takes what has come; answers how many messages.
    pub(super) fn drain(&mut self) -> usize {
        let mut count = 0;
        while let Ok(message) = self.receiver.try_recv() {
            assert!(message.len() <= MESSAGE_EVENTS_MAX.max(RING_EVENTS_MAX));
            for event in message.iter() {
                let book = self.books.entry(event.instrument_id.clone()).or_default();
                book.apply(event);
            }
            count += 1;
        }
        count
    }

    pub(super) fn book(&self, instrument: u32) -> &ClientBook {
        &self.books[&format!("I{instrument}")]
    }

    pub(super) fn check(&self, maker: &Maker) {
        for instrument in 0..INSTRUMENTS {
            maker.check(instrument, self.detail, self.book(instrument));
        }
    }
}

//! The displayed book of one instrument: levels, and at each the queue of its orders.
//!
//! Invariant: a level's quantity and count are those of its queue, and no level is empty. Orders
//! stand in one table for all books, at the slot of their id, linked into queues: a change costs
//! one look-up of its level and no search in the queue. A map keyed by order was left out, since
//! the engine's slots are a dense key already. Not here: hidden quantity, owners, the wire.

use std::collections::BTreeMap;
use std::iter;

use engine::event::{BookAction, BookChange};
use engine::types::{OrderId, Side};

/// No order.
const NONE: u32 = u32::MAX;
/// How many levels a side the checksum counts.
pub const CHECKSUM_LEVELS: usize = 10;

/// A displayed order, linked to its neighbours in the queue.
#[derive(Clone, Copy, Debug)]
struct Node {
    sequence: u64,
    quantity: i64,
    previous: u32,
    next: u32,
}

const FREE: Node = Node {
    sequence: 0,
    quantity: 0,
    previous: NONE,
    next: NONE,
};

/// All displayed orders of all books, by slot.
#[derive(Debug, Default)]
pub struct Nodes {
    list: Vec<Node>,
}

impl Nodes {
    fn get(&self, slot: u32) -> Option<&Node> {
        self.list.get(slot as usize)
    }

    fn get_mut(&mut self, slot: u32) -> Option<&mut Node> {
        self.list.get_mut(slot as usize)
    }

    /// The order, if it is displayed.
    fn find(&mut self, order: OrderId) -> Option<&mut Node> {
        let node = self.get_mut(order.slot)?;
        (node.sequence == order.sequence).then_some(node)
    }

    fn put(&mut self, slot: u32, node: Node) {
        let place = slot as usize;
        if place >= self.list.len() {
            self.list.resize(place + 1, FREE);
        }
        if let Some(free) = self.list.get_mut(place) {
            *free = node;
        }
    }
}

/// All displayed quantity at one price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LevelTotal {
    /// The price, in ticks.
    pub price: i64,
    /// The sum of what its orders show, in lots.
    pub quantity: i64,
    /// How many orders there are.
    pub orders: u32,
}

/// An order of the book as the public sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The sequence of the order's command.
    pub reference: u64,
    /// Its side.
    pub side: Side,
    /// Its price, in ticks.
    pub price: i64,
    /// What it shows, in lots.
    pub quantity: i64,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    quantity: i64,
    orders: u32,
    head: u32,
    tail: u32,
}

impl Level {
    fn total(&self, price: i64) -> LevelTotal {
        LevelTotal {
            price,
            quantity: self.quantity,
            orders: self.orders,
        }
    }
}

/// A change that does not fit the book: the events contradict each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{action:?} of order {order:?} at {price} does not fit the displayed book of {instrument}")]
pub struct BookFault {
    instrument: u32,
    order: OrderId,
    action: BookAction,
    price: i64,
}

impl BookFault {
    fn of(change: &BookChange) -> Self {
        Self {
            instrument: change.instrument.index(),
            order: change.order,
            action: change.action,
            price: change.price.ticks(),
        }
    }
}

/// The displayed book of one instrument.
#[derive(Debug, Default)]
pub struct Book {
    bids: BTreeMap<i64, Level>,
    asks: BTreeMap<i64, Level>,
}

impl Book {
    /// Takes a change over.
    ///
    /// # Errors
    /// [`BookFault`]: an order that is not there, or one that is there already.
    pub fn apply(&mut self, nodes: &mut Nodes, change: &BookChange) -> Result<(), BookFault> {
        let done = match change.action {
            BookAction::Add => self.add(nodes, change),
            BookAction::Change => self.change(nodes, change),
            BookAction::Delete => self.delete(nodes, change),
        };
        done.ok_or_else(|| BookFault::of(change))
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<i64, Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    const fn side(&self, side: Side) -> &BTreeMap<i64, Level> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn add(&mut self, nodes: &mut Nodes, change: &BookChange) -> Option<()> {
        let OrderId { sequence, slot } = change.order;
        let taken = nodes.get(slot).is_some_and(|node| node.quantity != 0);
        if taken || change.displayed.is_zero() {
            return None;
        }
        let quantity = change.displayed.lots();
        let empty = Level {
            quantity: 0,
            orders: 0,
            head: slot,
            tail: NONE,
        };
        let levels = self.side_mut(change.side);
        let level = levels.entry(change.price.ticks()).or_insert(empty);
        let previous = level.tail;
        level.tail = slot;
        level.quantity += quantity;
        level.orders += 1;
        nodes.put(
            slot,
            Node {
                sequence,
                quantity,
                previous,
                next: NONE,
            },
        );
        if let Some(before) = nodes.get_mut(previous) {
            before.next = slot;
        }
        Some(())
    }

    fn change(&mut self, nodes: &mut Nodes, change: &BookChange) -> Option<()> {
        let level = self.side_mut(change.side).get_mut(&change.price.ticks())?;
        let node = nodes.find(change.order)?;
        if change.displayed.is_zero() {
            return None;
        }
        level.quantity += change.displayed.lots() - node.quantity;
        node.quantity = change.displayed.lots();
        Some(())
    }

    fn delete(&mut self, nodes: &mut Nodes, change: &BookChange) -> Option<()> {
        let price = change.price.ticks();
        let levels = self.side_mut(change.side);
        let level = levels.get_mut(&price)?;
        let node = std::mem::replace(nodes.find(change.order)?, FREE);
        level.quantity -= node.quantity;
        level.orders = level.orders.checked_sub(1)?;
        match nodes.get_mut(node.previous) {
            Some(before) => before.next = node.next,
            None => level.head = node.next,
        }
        match nodes.get_mut(node.next) {
            Some(after) => after.previous = node.previous,
            None => level.tail = node.previous,
        }
        if level.orders == 0 {
            levels.remove(&price);
        }
        Some(())
    }

    /// The level at a price, if there is one.
    pub fn level(&self, side: Side, price: i64) -> Option<LevelTotal> {
        let level = self.side(side).get(&price)?;
        Some(level.total(price))
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> Box<dyn Iterator<Item = LevelTotal> + '_> {
        let total = |(price, level): (&i64, &Level)| level.total(*price);
        match side {
            Side::Buy => Box::new(self.bids.iter().rev().map(total)),
            Side::Sell => Box::new(self.asks.iter().map(total)),
        }
    }

    /// The orders of a side, best level first, each level in the order of its queue.
    pub fn orders<'a>(&'a self, nodes: &'a Nodes, side: Side) -> impl Iterator<Item = Shown> + 'a {
        self.levels(side).flat_map(move |total| {
            let head = self
                .side(side)
                .get(&total.price)
                .map_or(NONE, |level| level.head);
            let queue = iter::successors(nodes.get(head), |node| nodes.get(node.next));
            queue.map(move |node| Shown {
                reference: node.sequence,
                side,
                price: total.price,
                quantity: node.quantity,
            })
        })
    }

    /// CRC-32 (IEEE) of the ten best levels a side: bids best first, then asks best first, each as
    /// price ticks and quantity lots, `i64` little endian.
    pub fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        for side in [Side::Buy, Side::Sell] {
            for level in self.levels(side).take(CHECKSUM_LEVELS) {
                hasher.update(&level.price.to_le_bytes());
                hasher.update(&level.quantity.to_le_bytes());
            }
        }
        hasher.finalize()
    }
}

//! A small book by order name and by queue, that says what a recorded day means for the exchange.
//!
//! Invariant: a level is the queue of its orders, first come first; every order rests in exactly
//! one level with something left. Not here: rules of any venue beyond price and time, and the
//! exchange's own book, with which this one is never confused.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::formats::sse::Side;

/// An order that rests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resting {
    /// The file's id; none for what a level held before its orders were known.
    pub id: Option<u64>,
    /// Its side.
    pub side: Side,
    /// Its price.
    pub price: i64,
    /// What is left.
    pub left: i64,
    /// What it would have been entered with: what is left and what has traded.
    pub whole: i64,
}

#[derive(Default, Debug)]
struct Half {
    levels: BTreeMap<i64, VecDeque<u64>>,
    anonymous: HashMap<i64, u64>,
}

/// Both sides, and the names of the orders. Names count from 1 and are never used again.
#[derive(Default, Debug)]
pub struct QueueBook {
    buys: Half,
    sells: Half,
    orders: HashMap<u64, Resting>,
    names: HashMap<u64, u64>,
    last_name: u64,
}

impl QueueBook {
    const fn half(&self, side: Side) -> &Half {
        match side {
            Side::Buy => &self.buys,
            Side::Sell => &self.sells,
        }
    }

    const fn half_mut(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    /// A name for an order that will not rest.
    pub const fn new_name(&mut self) -> u64 {
        self.last_name += 1;
        self.last_name
    }

    /// Puts an order at the back of its price under a name of [`QueueBook::new_name`].
    pub fn rest(&mut self, name: u64, order: Resting) {
        self.orders.insert(name, order);
        let half = self.half_mut(order.side);
        half.levels.entry(order.price).or_default().push_back(name);
        match order.id {
            Some(id) => {
                self.names.insert(id, name);
            }
            None => {
                half.anonymous.insert(order.price, name);
            }
        }
    }

    /// An order by its name.
    pub fn order(&self, name: u64) -> Option<&Resting> {
        self.orders.get(&name)
    }

    /// The name of a file's order, or of what its level held before its orders were known.
    pub fn find(&self, id: u64, side: Side, price: i64) -> Option<u64> {
        self.by_id(id)
            .or_else(|| self.half(side).anonymous.get(&price).copied())
    }

    /// The name of a file's order.
    pub fn by_id(&self, id: u64) -> Option<u64> {
        self.names.get(&id).copied()
    }

    /// Takes `size` off an order, at most what is left; the order as it is then, with nothing left
    /// when it is gone.
    pub fn reduce(&mut self, name: u64, size: i64) -> Option<Resting> {
        let order = self.orders.get_mut(&name)?;
        let size = size.min(order.left);
        order.left -= size;
        order.whole -= size;
        let order = *order;
        if order.left == 0 {
            self.remove(name);
        }
        Some(order)
    }

    /// Takes an order out.
    pub fn remove(&mut self, name: u64) -> Option<Resting> {
        let order = self.orders.remove(&name)?;
        let half = self.half_mut(order.side);
        if let Some(queue) = half.levels.get_mut(&order.price) {
            queue.retain(|other| *other != name);
            if queue.is_empty() {
                half.levels.remove(&order.price);
            }
        }
        match order.id {
            Some(id) => {
                self.names.remove(&id);
            }
            None => {
                half.anonymous.remove(&order.price);
            }
        }
        Some(order)
    }

    /// An incoming order trades by price and time; what is left of it.
    pub fn take(&mut self, side: Side, limit: i64, mut size: i64) -> i64 {
        let against = opposite(side);
        while size > 0 {
            let Some((price, name)) = self.head(against) else {
                break;
            };
            let acceptable = match side {
                Side::Buy => price <= limit,
                Side::Sell => price >= limit,
            };
            let Some(order) = self.orders.get_mut(&name).filter(|_| acceptable) else {
                break;
            };
            let traded = size.min(order.left);
            order.left -= traded;
            size -= traded;
            if order.left == 0 {
                self.remove(name);
            }
        }
        size
    }

    /// The first order at the best price.
    fn head(&self, side: Side) -> Option<(i64, u64)> {
        let levels = &self.half(side).levels;
        let (price, queue) = match side {
            Side::Buy => levels.last_key_value()?,
            Side::Sell => levels.first_key_value()?,
        };
        Some((*price, *queue.front()?))
    }

    /// The best `count` levels as (price, what is left), best first.
    pub fn top(&self, side: Side, count: usize) -> Vec<(i64, i64)> {
        let levels = &self.half(side).levels;
        let sum = |(price, queue): (&i64, &VecDeque<u64>)| {
            let left = queue.iter().filter_map(|name| self.orders.get(name));
            (*price, left.map(|order| order.left).sum())
        };
        match side {
            Side::Buy => levels.iter().rev().take(count).map(sum).collect(),
            Side::Sell => levels.iter().take(count).map(sum).collect(),
        }
    }

    /// Whether a side has a level at a price.
    pub fn has_level(&self, side: Side, price: i64) -> bool {
        self.half(side).levels.contains_key(&price)
    }

    /// Names of the orders behind the best `count` levels, best first.
    pub fn behind(&self, side: Side, count: usize) -> Vec<u64> {
        let levels = &self.half(side).levels;
        if levels.len() <= count {
            return Vec::new();
        }
        let names = |(_, queue): (&i64, &VecDeque<u64>)| queue.iter().copied().collect::<Vec<_>>();
        match side {
            Side::Buy => levels.iter().rev().skip(count).flat_map(names).collect(),
            Side::Sell => levels.iter().skip(count).flat_map(names).collect(),
        }
    }
}

/// The other side.
pub const fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(book: &mut QueueBook, id: u64, side: Side, price: i64, size: i64) -> u64 {
        let name = book.new_name();
        let order = Resting {
            id: Some(id),
            side,
            price,
            left: size,
            whole: size,
        };
        book.rest(name, order);
        name
    }

    #[test]
    fn takes_best_price_first_then_first_come() {
        let mut book = QueueBook::default();
        let late = rest(&mut book, 1, Side::Sell, 101, 5);
        rest(&mut book, 2, Side::Sell, 100, 5);
        let third = rest(&mut book, 3, Side::Sell, 100, 5);
        assert_eq!(book.take(Side::Buy, 101, 8), 0);
        assert_eq!(book.by_id(2), None);
        assert_eq!(
            book.order(third).map(|order| (order.left, order.whole)),
            Some((2, 5))
        );
        assert_eq!(book.take(Side::Buy, 100, 8), 6);
        assert_eq!(book.order(late).map(|order| order.left), Some(5));
    }

    #[test]
    fn a_level_leaves_with_its_last_order() {
        let mut book = QueueBook::default();
        let name = rest(&mut book, 1, Side::Buy, 99, 5);
        assert_eq!(book.reduce(name, 2).map(|order| order.left), Some(3));
        assert_eq!(book.top(Side::Buy, 5), [(99, 3)]);
        assert_eq!(book.reduce(name, 9).map(|order| order.left), Some(0));
        assert!(!book.has_level(Side::Buy, 99));
        assert!(book.behind(Side::Buy, 0).is_empty());
    }
}

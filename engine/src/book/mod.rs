//! Resting orders: rows, queues, price levels. The book knows nothing of rules, parties or law.
//!
//! Invariant: every row placed in the book hangs in exactly one level of its side, in order of
//! arrival at that level, and every level's total and count are those of its queue. Not here:
//! who may trade with whom and when (`matching`, `market`).

pub(crate) mod arena;
mod bitmap;
pub(crate) mod depth;
pub(crate) mod ladder;
pub(crate) mod level;
mod row;

use crate::types::{Price, Quantity, Side};
use arena::{Arena, Place, Row};
use ladder::Ladder;

/// Both sides of one instrument's book.
#[derive(Debug)]
pub(crate) struct Book {
    buys: Ladder,
    sells: Ladder,
}

impl Book {
    /// An empty book.
    pub(crate) fn new() -> Self {
        Self {
            buys: Ladder::new(Side::Buy),
            sells: Ladder::new(Side::Sell),
        }
    }

    /// One side.
    #[inline]
    pub(crate) fn side(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.buys,
            Side::Sell => &self.sells,
        }
    }

    #[inline]
    pub(crate) fn side_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    /// Whether no order rests on either side.
    pub(crate) fn is_empty(&self) -> bool {
        self.buys.best().is_none() && self.sells.best().is_none()
    }

    /// Whether the best bid is at or above the best ask.
    pub(crate) fn is_crossed(&self) -> bool {
        match (self.buys.best(), self.sells.best()) {
            (Some(bid), Some(ask)) => bid >= ask,
            _ => false,
        }
    }

    /// Puts a row at the back of its level; it must have a price.
    #[inline]
    pub(crate) fn add(&mut self, arena: &mut Arena, slot: u32) {
        let row = arena.row(slot);
        assert!(row.flags.is_priced(), "an order in the book has a price");
        let (side, price, leaves) = (row.flags.side(), row.price, row.leaves);
        self.add_at(arena, slot, side, (price, leaves));
    }

    /// As [`Book::add`], of a row that has these.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "copied into the short way of an order; measured"
    )]
    pub(crate) fn add_at(
        &mut self,
        arena: &mut Arena,
        slot: u32,
        side: Side,
        (price, leaves): (Price, Quantity),
    ) {
        arena.row_mut(slot).flags.set_place(Place::Book);
        let level = self.side_mut(side).enter(price);
        level.push_back(arena, slot);
        level.total += leaves.lots();
    }

    /// Takes a row out of its level.
    #[inline]
    pub(crate) fn remove(&mut self, arena: &mut Arena, slot: u32) {
        let row = *arena.row(slot);
        arena.row_mut(slot).flags.set_place(Place::Hand);
        self.remove_row(arena, slot, &row);
    }

    /// As [`Book::remove`], of a row that stands so; its place is not changed.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "copied into the short way of a cancel; measured"
    )]
    pub(crate) fn remove_row(&mut self, arena: &mut Arena, slot: u32, row: &Row) {
        assert!(
            row.flags.place() == Place::Book,
            "only an order in the book leaves it"
        );
        let ladder = self.side_mut(row.flags.side());
        let level = ladder.level_mut(row.price).expect("its level is there");
        level.total -= row.leaves.lots();
        level.unlink_between(arena, slot, [row.prev, row.next]);
        if level.count == 0 {
            assert!(level.total == 0, "an empty level holds nothing");
            ladder.vacate(row.price);
        }
    }

    /// Takes `by` off what is left of a row in the book; the row keeps its place.
    #[inline]
    pub(crate) fn reduce(&mut self, arena: &mut Arena, slot: u32, by: Quantity) {
        let row = arena.row_mut(slot);
        row.leaves = row.leaves.minus(by);
        let (side, price) = (row.flags.side(), row.price);
        let level = self.side_mut(side).level_mut(price);
        level.expect("its level is there").total -= by.lots();
    }

    /// Sends a row of the book to the back of its level.
    pub(crate) fn requeue(&mut self, arena: &mut Arena, slot: u32) {
        let (side, price) = (arena.row(slot).flags.side(), arena.row(slot).price);
        let level = self.side_mut(side).level_mut(price);
        let level = level.expect("its level is there");
        level.unlink(arena, slot);
        level.push_back(arena, slot);
    }

    /// The best price an order of `side` could trade with.
    #[inline]
    pub(crate) fn best_opposite(&self, side: Side) -> Option<Price> {
        self.side(side.opposite()).best()
    }
}

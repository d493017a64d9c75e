//! The public book, order by order: what each change of a resting order shows.
//!
//! Invariant: following the changes gives exactly the displayed orders in their queues; hidden
//! quantity never appears. Not here: aggregation by level, checksums (the gateway's).

use super::Desk;
use crate::book::Book;
use crate::event::{BookAction, BookChange, Event};
use crate::types::{InstrumentId, OrderId, Price, Quantity};

/// What a resting order looked like before it changed.
#[derive(Clone, Copy)]
pub(crate) struct Shown {
    order: OrderId,
    price: Price,
    displayed: Quantity,
}

impl Desk<'_> {
    /// What a resting order looks like now.
    #[inline]
    pub(crate) fn shown(&self, slot: u32) -> Shown {
        let row = self.arena.row(slot);
        Shown {
            order: row.id(slot),
            price: row.price,
            displayed: self.arena.displayed(slot),
        }
    }

    #[inline]
    fn push_change(&mut self, slot: u32, action: BookAction, shown: Shown) {
        let row = self.arena.row(slot);
        self.events.push(Event::Book(BookChange {
            instrument: InstrumentId::new(row.instrument),
            order: shown.order,
            side: row.flags.side(),
            action,
            price: shown.price,
            displayed: shown.displayed,
        }));
    }

    /// It joined the back of its level.
    #[inline]
    pub(crate) fn show_add(&mut self, slot: u32) {
        let shown = self.shown(slot);
        self.push_change(slot, BookAction::Add, shown);
    }

    /// It left; `shown` is how it stood, its row is not yet freed.
    #[inline]
    pub(crate) fn show_delete(&mut self, slot: u32, shown: Shown) {
        let displayed = Quantity::ZERO;
        self.push_change(slot, BookAction::Delete, Shown { displayed, ..shown });
    }

    /// It shows another quantity in the same place.
    #[inline]
    pub(crate) fn show_change(&mut self, slot: u32) {
        let shown = self.shown(slot);
        self.push_change(slot, BookAction::Change, shown);
    }

    /// Takes `by` off a resting order in continuous matching, where an iceberg whose slice is
    /// used up goes to the back. Frees nothing; the row may be left with nothing.
    #[inline]
    pub(crate) fn reduce_maker(&mut self, book: &mut Book, slot: u32, by: Quantity) {
        book.reduce(self.arena, slot, by);
        if self.arena.row(slot).flags.is_iceberg() {
            let cold = self.arena.cold_mut(slot);
            cold.displayed = cold.displayed.minus(by);
        }
    }

    /// Shows what `reduce_maker` did, and ends an order that has nothing left.
    #[inline]
    pub(crate) fn settle_maker(&mut self, book: &mut Book, slot: u32) {
        let shown = self.shown(slot);
        if self.arena.row(slot).leaves.is_zero() {
            book.remove(self.arena, slot);
            self.show_delete(slot, shown);
            self.end(slot);
        } else if shown.displayed.is_zero() {
            self.show_delete(slot, shown);
            self.arena.refresh_display(slot);
            book.requeue(self.arena, slot);
            self.show_add(slot);
        } else {
            self.show_change(slot);
        }
    }

    /// Takes `by` off a resting order where it keeps its place whatever it shows: auctions, and
    /// replaces that only take off.
    pub(crate) fn reduce_in_place(&mut self, book: &mut Book, slot: u32, by: Quantity) {
        book.reduce(self.arena, slot, by);
        if self.arena.row(slot).flags.is_iceberg() {
            let leaves = self.arena.row(slot).leaves;
            let cold = self.arena.cold_mut(slot);
            cold.displayed = cold.displayed.min(leaves);
        }
    }

    /// Shows what `reduce_in_place` did, and ends an order that has nothing left.
    pub(crate) fn settle_in_place(&mut self, book: &mut Book, slot: u32, before: Shown) {
        if self.arena.row(slot).leaves.is_zero() {
            book.remove(self.arena, slot);
            self.show_delete(slot, before);
            self.end(slot);
        } else if self.arena.displayed(slot) != before.displayed {
            self.show_change(slot);
        }
    }
}

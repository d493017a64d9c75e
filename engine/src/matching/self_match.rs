//! Self-trade prevention in continuous matching, by beneficial owner; the taker's mode counts.
//!
//! Invariant: two orders of one owner never trade unless the newer one's mode is None. Source:
//! trading models M1 (FIX 2964). Not here: auctions, where pairs are resolved before any trade.

use super::Desk;
use crate::book::Book;
use crate::event::{Cause, ExecType};
use crate::types::SelfTradePrevention;

/// Resolves a meeting of a taker with its own owner's order; answers whether the taker goes on.
#[cold]
pub(super) fn resolve(book: &mut Book, desk: &mut Desk<'_>, taker: u32, maker: u32) -> bool {
    match desk.arena.row(taker).flags.prevention() {
        SelfTradePrevention::None => unreachable!("the caller trades"),
        SelfTradePrevention::CancelTaker => {
            cancel_taker(desk, taker);
            false
        }
        SelfTradePrevention::CancelMaker => {
            cancel_resting(book, desk, maker);
            true
        }
        SelfTradePrevention::CancelBoth => {
            cancel_resting(book, desk, maker);
            cancel_taker(desk, taker);
            false
        }
        SelfTradePrevention::Decrement => decrement(book, desk, taker, maker),
    }
}

fn cancel_taker(desk: &mut Desk<'_>, taker: u32) {
    desk.report_end(taker, ExecType::Canceled, Cause::SelfTrade);
    desk.end(taker);
}

/// Cancels a resting order for self-trade prevention.
pub(super) fn cancel_resting(book: &mut Book, desk: &mut Desk<'_>, slot: u32) {
    desk.report_end(slot, ExecType::Canceled, Cause::SelfTrade);
    let shown = desk.shown(slot);
    book.remove(desk.arena, slot);
    desk.show_delete(slot, shown);
    desk.end(slot);
}

/// Takes what would have traded off both.
fn decrement(book: &mut Book, desk: &mut Desk<'_>, taker: u32, maker: u32) -> bool {
    let by = desk
        .arena
        .row(taker)
        .leaves
        .min(desk.arena.displayed(maker));
    let row = desk.arena.row_mut(taker);
    row.leaves = row.leaves.minus(by);
    row.order_quantity = row.order_quantity.minus(by);
    desk.shrunk(taker, by);
    let row = desk.arena.row(taker);
    let goes_on = !row.leaves.is_zero();
    report_decrement(desk, taker);
    if !goes_on {
        desk.end(taker);
    }
    desk.reduce_maker(book, maker, by);
    let row = desk.arena.row_mut(maker);
    row.order_quantity = row.order_quantity.minus(by);
    desk.shrunk(maker, by);
    report_decrement(desk, maker);
    desk.settle_maker(book, maker);
    goes_on
}

/// Reports an order that has just shrunk: restated, or cancelled when nothing is left.
pub(super) fn report_decrement(desk: &mut Desk<'_>, slot: u32) {
    desk.lower_hold(slot);
    if desk.arena.row(slot).leaves.is_zero() {
        desk.report_end(slot, ExecType::Canceled, Cause::SelfTrade);
    } else {
        desk.report(slot, ExecType::Restated, Cause::SelfTrade);
    }
}

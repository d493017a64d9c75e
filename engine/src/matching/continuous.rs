//! Continuous matching: a taker against the best opposite orders, and what becomes of the rest.
//!
//! Invariant: trades are at the maker's price, never worse than the taker's limit; afterwards the
//! taker is filled, rests, or has been ended. Source: trading models M1. Not here: stops that the
//! trades elect (`trigger`), checks before (`market::checks`).

use super::{Desk, Run, self_match};
use crate::book::arena::{Force, Kind};
use crate::event::{Cause, ExecType};
use crate::market::{Market, Setting};
use crate::types::{SelfTradePrevention, Side};

/// Matches an order in hand, rests or ends what is left, and returns its trades.
#[inline]
pub(crate) fn take(market: &mut Market, desk: &mut Desk<'_>, setting: &Setting, taker: u32) -> Run {
    let mut run = Run::default();
    if !crosses(market, desk, taker) || match_taker(market, desk, taker, &mut run) == Left::Some {
        place_rest(market, desk, setting, taker, run);
    }
    run
}

/// Whether a taker accepts the best opposite price.
#[inline]
fn crosses(market: &Market, desk: &Desk<'_>, taker: u32) -> bool {
    let row = desk.arena.row(taker);
    let opposite = market.book.side(row.flags.side().opposite());
    row.price().is_some_and(|limit| opposite.is_reached(limit))
}

/// Whether a taker still lives after matching.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Some,
    Nothing,
}

fn match_taker(market: &mut Market, desk: &mut Desk<'_>, taker: u32, run: &mut Run) -> Left {
    let row = *desk.arena.row(taker);
    let (side, prevention) = (row.flags.side(), row.flags.prevention());
    let Some(limit) = row.price() else {
        return Left::Some;
    };
    let mut leaves = row.leaves;
    while let Some(price) = market.book.best_opposite(side) {
        if !side.accepts(limit, price) {
            break;
        }
        let level = market.book.side(side.opposite()).level(price);
        let level = level.expect("the best price has a level");
        let maker = if cfg!(feature = "altered-rule") {
            level.tail
        } else {
            level.head
        };
        let own = desk.arena.row(maker).same_owner(&row);
        if own && prevention != SelfTradePrevention::None {
            if !self_match::resolve(&mut market.book, desk, taker, maker) {
                return Left::Nothing;
            }
            leaves = desk.arena.row(taker).leaves;
            continue;
        }
        let quantity = leaves.min(desk.arena.displayed(maker));
        leaves = leaves.minus(quantity);
        desk.arena.row_mut(taker).leaves = leaves;
        desk.reduce_maker(&mut market.book, maker, quantity);
        let sides = match side {
            Side::Buy => [taker, maker],
            Side::Sell => [maker, taker],
        };
        desk.trade(price, quantity, Some(side), sides);
        desk.settle_maker(&mut market.book, maker);
        run.note(price);
        market.last_trade = Some(price);
        if leaves.is_zero() {
            desk.end(taker);
            return Left::Nothing;
        }
    }
    Left::Some
}

/// What is left of a taker rests, or is cancelled.
#[inline]
fn place_rest(market: &mut Market, desk: &mut Desk<'_>, setting: &Setting, slot: u32, run: Run) {
    let flags = desk.arena.row(slot).flags;
    let ends_unfilled = match flags.kind() {
        Kind::Limit => matches!(flags.force(), Force::ImmediateOrCancel | Force::FillOrKill),
        Kind::Market => true,
        Kind::MarketToLimit => run.last().is_none(),
        Kind::Stop | Kind::StopLimit => unreachable!("a waiting stop does not match"),
    };
    if ends_unfilled {
        desk.report_end(slot, ExecType::Canceled, Cause::Unfilled);
        desk.end(slot);
        return;
    }
    if let (Kind::MarketToLimit, Some(price)) = (flags.kind(), run.last()) {
        let row = desk.arena.row_mut(slot);
        row.flags.set_kind(Kind::Limit);
        row.set_price(price);
        desk.lower_hold(slot);
        desk.report(slot, ExecType::Restated, Cause::PriceSet);
    }
    let row = desk.arena.row(slot);
    if market.lacks_level(row.flags.side(), row.price, setting) {
        desk.report_end(slot, ExecType::Canceled, Cause::NotPlaced);
        desk.end(slot);
        return;
    }
    join(market, desk, slot);
}

/// An order in hand joins the back of its level with a fresh slice.
#[inline]
pub(crate) fn join(market: &mut Market, desk: &mut Desk<'_>, slot: u32) {
    desk.arena.refresh_display(slot);
    market.book.add(desk.arena, slot);
    desk.show_add(slot);
}

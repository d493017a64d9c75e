//! The automatic order book: what a checked new order does, and cancels.
//!
//! Invariant: nothing here can fail; every check was made before. Source: trading models M1.
//! Not here: the checks (`checks`), replaces (`replace`), phases (`phases`).

use super::checks::{force_of, kind_of};
use super::timers::Timers;
use super::{Market, Setting};
use crate::book::arena::{Arena, Cold, Flags, Kind, NIL, Row};
use crate::clearing::margin::orders::Margining;
use crate::clearing::orders::Entered;
use crate::event::{Cause, ExecType};
use crate::matching::{Desk, continuous, trigger};
use crate::types::{NewOrder, OrderType, OwnerId, Posting, Price, Sequence, TimeInForce};

/// What the checks of a new order answered.
pub(crate) struct Checked {
    /// Whose it is.
    pub(crate) owner: OwnerId,
    /// The price it comes with.
    pub(crate) price: Option<Price>,
    /// What it will hold, where its instrument has clearing.
    pub(crate) entered: Option<Entered>,
    /// What it will hold, where its instrument is a margin forward.
    pub(crate) margining: Option<Margining>,
    /// Why there is an order.
    pub(crate) cause: Cause,
}

impl Market {
    /// Carries out a checked new order.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        desk: &mut Desk<'_>,
        setting: &Setting,
        sequence: Sequence,
        order: &NewOrder,
        checked: &Checked,
    ) {
        let slot = insert(
            desk.arena,
            desk.timers,
            sequence,
            order,
            (checked.owner, checked.price),
        );
        match &checked.margining {
            None => {
                let entered = setting.cleared().zip(checked.entered.as_ref());
                desk.clearing.enter(slot, order.account, entered);
            }
            Some(margining) => desk.clearing.enter_margin(slot, margining),
        }
        desk.opened(slot);
        desk.report(slot, ExecType::New, checked.cause);
        let flags = desk.arena.row(slot).flags;
        if matches!(flags.kind(), Kind::Stop | Kind::StopLimit) {
            self.wait_or_trigger(desk, setting, slot);
        } else if setting.parks(flags.force()) {
            self.park(desk.arena, slot);
        } else {
            self.go(desk, setting, slot);
        }
    }

    /// An order in hand joins the book in a call phase, or is matched, elections included.
    #[inline]
    pub(crate) fn go(&mut self, desk: &mut Desk<'_>, setting: &Setting, slot: u32) {
        if setting.is_continuous() {
            let run = continuous::take(self, desk, setting, slot);
            trigger::elections(self, desk, setting, run);
        } else {
            continuous::join(self, desk, slot);
        }
    }

    /// A stop in hand waits, or is elected at once by the last trade.
    pub(crate) fn wait_or_trigger(&mut self, desk: &mut Desk<'_>, setting: &Setting, slot: u32) {
        if self.is_reached(desk, setting, slot) {
            let run = trigger::trigger(self, desk, setting, slot);
            trigger::elections(self, desk, setting, run);
        } else {
            self.stops.add(desk.arena, slot);
        }
    }

    /// Whether the last trade elects a stop at once.
    pub(crate) fn is_reached(&self, desk: &Desk<'_>, setting: &Setting, slot: u32) -> bool {
        let stop = desk.arena.cold(slot).stop_price;
        let side = desk.arena.row(slot).flags.side();
        match (stop, self.last_trade) {
            (Some(stop), Some(last)) if setting.is_continuous() && setting.trading => {
                trigger::is_reached(side, stop, last)
            }
            _ => false,
        }
    }
}

/// Gives an order its row.
#[inline]
fn insert(
    arena: &mut Arena,
    timers: &mut Timers,
    sequence: Sequence,
    order: &NewOrder,
    (owner, price): (OwnerId, Option<Price>),
) -> u32 {
    let mut flags = flags_of(order, price);
    let cold = cold_of(order, &mut flags);
    let slot = arena.insert(&row_of(order, sequence, (owner, price), flags));
    if let Some(cold) = cold {
        *arena.cold_mut(slot) = cold;
        if let TimeInForce::GoodTillDate(expire) = order.time_in_force {
            timers.add(expire, arena.id(slot));
        }
    }
    slot
}

#[inline]
fn flags_of(order: &NewOrder, price: Option<Price>) -> Flags {
    let mut flags = Flags::new(
        order.side,
        kind_of(&order.order_type),
        force_of(order.time_in_force),
        order.self_trade_prevention,
    );
    if price.is_some() {
        flags.set_priced();
    }
    flags
}

/// The row of an order in hand.
#[inline]
fn row_of(
    order: &NewOrder,
    sequence: Sequence,
    (owner, price): (OwnerId, Option<Price>),
    flags: Flags,
) -> Row {
    Row {
        sequence: sequence.value(),
        price: price.unwrap_or(Price::ZERO),
        leaves: order.quantity,
        order_quantity: order.quantity,
        next: NIL,
        prev: NIL,
        account: order.account.index(),
        owner: owner.index(),
        instrument: order.instrument.index(),
        flags,
        account_next: NIL,
        account_prev: NIL,
    }
}

/// The row of a plain order (`plain`), which needs no cold one.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "it is written once, in place; measured"
)]
pub(crate) fn plain_row(
    order: &NewOrder,
    sequence: Sequence,
    (owner, price): (OwnerId, Price),
) -> Row {
    let price = Some(price);
    row_of(order, sequence, (owner, price), flags_of(order, price))
}

/// The cold row of an order that needs one.
#[inline]
fn cold_of(order: &NewOrder, flags: &mut Flags) -> Option<Cold> {
    if let OrderType::Limit(terms) = order.order_type
        && terms.display_quantity.is_none()
        && !matches!(order.time_in_force, TimeInForce::GoodTillDate(_))
    {
        if terms.posting == Posting::PostOnly {
            flags.set_post_only();
        }
        return None;
    }
    let mut cold = Cold::NONE;
    let mut needed = false;
    match order.order_type {
        OrderType::Limit(terms) => {
            if terms.posting == Posting::PostOnly {
                flags.set_post_only();
            }
            if let Some(display) = terms.display_quantity {
                flags.set_iceberg();
                cold.display_quantity = display;
                needed = true;
            }
        }
        OrderType::Stop { stop_price, .. } | OrderType::StopLimit { stop_price, .. } => {
            cold.stop_price = Some(stop_price);
            needed = true;
        }
        OrderType::Market { .. } | OrderType::MarketToLimit { .. } => {}
    }
    if let TimeInForce::GoodTillDate(expire) = order.time_in_force {
        cold.expire = expire;
        needed = true;
    }
    needed.then_some(cold)
}

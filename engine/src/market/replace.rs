//! Replace: its checks, and the law of priority (same price and only less: the place is kept).
//!
//! Invariant: a replace that crosses trades, it never rests crossed. Source: trading models M1.7.
//! Not here: whose order it is and what the phase takes (`engine`, `venue`).

use super::checks::{check_dynamic, check_notional, check_post_only, check_static, check_value};
use super::{Market, Setting};
use crate::book::arena::{Arena, Kind, Place, Row};
use crate::command::ReplaceOrder;
use crate::event::{Cause, ExecType};
use crate::matching::Desk;
use crate::reject::RejectReason;
use crate::types::{Price, Quantity};

/// What a checked replace does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Replacement {
    /// The quantity is at or below what has traded.
    Cancel,
    /// The new values, whole.
    Change(Values),
}

/// The checks of risk, which the engine makes, in their places among those of the market.
pub(crate) struct Risks<'a> {
    /// THROTTLED, ORDER_TO_TRADE.
    pub(crate) flow: Result<(), RejectReason>,
    /// POSITION_LIMIT, for the new leaves.
    pub(crate) more: &'a dyn Fn(Quantity) -> Result<(), RejectReason>,
}

/// What a replace can change of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Values {
    price: Option<Price>,
    stop: Option<Price>,
    quantity: Quantity,
}

impl Values {
    /// The price afterwards.
    pub(crate) fn price(&self) -> Option<Price> {
        self.price
    }

    /// What is open afterwards of an order that has traded `cumulative`.
    pub(crate) fn leaves(&self, cumulative: Quantity) -> Quantity {
        self.quantity.minus(cumulative)
    }

    fn of(arena: &Arena, slot: u32) -> Self {
        let row = arena.row(slot);
        Self {
            price: row.price(),
            stop: arena.stop_price(slot),
            quantity: row.order_quantity,
        }
    }
}

impl Market {
    /// Makes all checks after the phase's and answers what the replace does; the order may come to
    /// be open for `room_lots`.
    ///
    /// # Errors
    /// The first check that fails.
    pub(crate) fn check_replace(
        &self,
        arena: &Arena,
        setting: &Setting,
        slot: u32,
        command: &ReplaceOrder,
        risk: Option<&Risks<'_>>,
    ) -> Result<Replacement, RejectReason> {
        let row = arena.row(slot);
        let given = [command.price, command.stop_price];
        for price in given.into_iter().flatten() {
            if !setting.terms.price_sign.allows(price) {
                return Err(RejectReason::PriceSign);
            }
        }
        if command.quantity.is_some_and(Quantity::is_zero) {
            return Err(RejectReason::Quantity);
        }
        if command.quantity > Some(setting.terms.max_quantity) {
            return Err(RejectReason::MaxQuantity);
        }
        let values = new_values(arena, slot, command)?;
        if command.quantity.is_some() && values.quantity <= row.cumulative() {
            return Ok(Replacement::Cancel);
        }
        check_notional(setting, notional_price(row, &values), values.quantity)?;
        check_value(setting, values.price, values.leaves(row.cumulative()))?;
        for price in given.into_iter().flatten() {
            check_static(setting, price)?;
        }
        let side = row.flags.side();
        let price = command.price.filter(|_| !row.flags.is_waiting_stop());
        if let Some(price) = price {
            check_dynamic(self, setting, side, price)?;
        }
        if let Some(risk) = risk {
            risk.flow?;
        }
        let booked = price.filter(|_| row.flags.place() == Place::Book);
        if booked.is_some_and(|price| self.lacks_level(side, price, setting)) {
            return Err(RejectReason::PriceLevels);
        }
        if let Some(risk) = risk {
            (risk.more)(values.leaves(row.cumulative()))?;
        }
        if let Some(price) = booked
            && row.flags.is_post_only()
            && setting.is_continuous()
        {
            check_post_only(self, side, price)?;
        }
        Ok(Replacement::Change(values))
    }

    /// Carries out a checked replace.
    pub(crate) fn replace(
        &mut self,
        desk: &mut Desk<'_>,
        setting: &Setting,
        slot: u32,
        replacement: Replacement,
    ) {
        let Replacement::Change(values) = replacement else {
            let cause = Cause::ReplacedBelowFilled;
            self.withdraw(desk, slot, ExecType::Canceled, cause);
            return;
        };
        let old = Values::of(desk.arena, slot);
        let keeps =
            (values.price, values.stop) == (old.price, old.stop) && values.quantity < old.quantity;
        match desk.arena.row(slot).flags.place() {
            Place::Book if keeps => self.shrink(desk, slot, values.quantity),
            Place::Book => self.requeue(desk, setting, slot, &values),
            Place::Stop => self.replace_stop(desk, setting, slot, &values, keeps.into()),
            Place::Parked => {
                let before = desk.arena.row(slot).leaves.lots();
                write(desk.arena, slot, &values);
                self.parked.total += desk.arena.row(slot).leaves.lots() - before;
                desk.report(slot, ExecType::Replaced, Cause::Request);
            }
            Place::Hand => unreachable!("between commands no order is in hand"),
        }
    }

    /// Takes quantity off an order of the book, which keeps its place.
    fn shrink(&mut self, desk: &mut Desk<'_>, slot: u32, quantity: Quantity) {
        let before = desk.shown(slot);
        let by = desk.arena.row(slot).order_quantity.minus(quantity);
        desk.reduce_in_place(&mut self.book, slot, by);
        desk.arena.row_mut(slot).order_quantity = quantity;
        desk.report(slot, ExecType::Replaced, Cause::Request);
        desk.settle_in_place(&mut self.book, slot, before);
    }

    /// Takes an order out of the book and enters it again with its new values.
    fn requeue(&mut self, desk: &mut Desk<'_>, setting: &Setting, slot: u32, values: &Values) {
        let before = desk.shown(slot);
        self.book.remove(desk.arena, slot);
        write(desk.arena, slot, values);
        desk.report(slot, ExecType::Replaced, Cause::Request);
        desk.show_delete(slot, before);
        self.go(desk, setting, slot);
    }

    fn replace_stop(
        &mut self,
        desk: &mut Desk<'_>,
        setting: &Setting,
        slot: u32,
        values: &Values,
        queue: Queue,
    ) {
        if queue == Queue::Keeps {
            write(desk.arena, slot, values);
            desk.report(slot, ExecType::Replaced, Cause::Request);
            return;
        }
        self.stops.remove(desk.arena, slot);
        write(desk.arena, slot, values);
        desk.report(slot, ExecType::Replaced, Cause::Request);
        self.wait_or_trigger(desk, setting, slot);
    }
}

/// Whether an order keeps its place in its queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Queue {
    Keeps,
    Leaves,
}

impl From<bool> for Queue {
    fn from(keeps: bool) -> Self {
        if keeps { Self::Keeps } else { Self::Leaves }
    }
}

/// REPLACE_INVALID, or the whole new values.
fn new_values(arena: &Arena, slot: u32, command: &ReplaceOrder) -> Result<Values, RejectReason> {
    let old = Values::of(arena, slot);
    let values = Values {
        price: command.price.or(old.price),
        stop: command.stop_price.or(old.stop),
        quantity: command.quantity.unwrap_or(old.quantity),
    };
    let has_limit = matches!(arena.row(slot).flags.kind(), Kind::Limit | Kind::StopLimit);
    let foreign_price = command.price.is_some() && !has_limit;
    let foreign_stop = command.stop_price.is_some() && old.stop.is_none();
    if values == old || foreign_price || foreign_stop {
        return Err(RejectReason::ReplaceInvalid);
    }
    Ok(values)
}

/// The price that the bound on money is applied to.
fn notional_price(row: &Row, values: &Values) -> Option<Price> {
    match row.flags.kind() {
        Kind::Stop => values.stop.or(values.price),
        Kind::Limit | Kind::StopLimit | Kind::Market | Kind::MarketToLimit => values.price,
    }
}

/// Writes new values into the row of an order that is in no level.
fn write(arena: &mut Arena, slot: u32, values: &Values) {
    let row = arena.row_mut(slot);
    row.leaves = values.quantity.minus(row.cumulative());
    row.order_quantity = values.quantity;
    if let Some(price) = values.price {
        row.set_price(price);
    }
    if values.stop.is_some() {
        arena.cold_mut(slot).stop_price = values.stop;
    }
}

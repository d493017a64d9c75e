//! What is written of one order, from its row, and how it ends.
//!
//! `Desk` borrows a dozen parts at once and is passed on in memory; the short ways of a plain order
//! and a plain cancel need four and keep them in registers. What both write is written here.
//!
//! Invariant: what is written says how the row stands. Not here: what is decided (`continuous`,
//! `market`).

#![expect(
    clippy::inline_always,
    reason = "calls and the borrowed parts in memory were a fifth of an operation; measured"
)]

use crate::book::arena::{Arena, Force, Row};
use crate::clearing::Clearing;
use crate::event::{BookAction, BookChange, Cause, Counters, ExecType, OrderReport};
use crate::market::timers::Timers;
use crate::types::{AccountId, InstrumentId, OrderStatus, Quantity};

/// What a report says beside how the order's row stands.
#[derive(Clone, Copy)]
pub(crate) struct Said {
    pub(crate) exec_type: ExecType,
    pub(crate) cause: Cause,
    /// The money it holds.
    pub(crate) held: i64,
    pub(crate) counters: Counters,
}

/// The report about a live order as its row stands.
#[inline(always)]
pub(crate) fn live_report(arena: &Arena, slot: u32, said: Said) -> OrderReport {
    let row = arena.row(slot);
    let stop_price = if row.flags.is_waiting_stop() {
        arena.stop_price(slot)
    } else {
        None
    };
    OrderReport {
        stop_price,
        ..report_of(row, slot, said)
    }
}

/// The report about an order that is no waiting stop.
#[inline(always)]
pub(crate) fn report_of(row: &Row, slot: u32, said: Said) -> OrderReport {
    let cumulative = row.cumulative();
    OrderReport {
        exec_type: said.exec_type,
        status: if cumulative.is_zero() {
            OrderStatus::New
        } else {
            OrderStatus::PartiallyFilled
        },
        cause: said.cause,
        reject: None,
        order: row.id(slot),
        account: AccountId::new(row.account),
        instrument: Some(InstrumentId::new(row.instrument)),
        side: Some(row.flags.side()),
        price: row.price(),
        stop_price: None,
        order_quantity: row.order_quantity,
        leaves: row.leaves,
        cumulative,
        held: said.held,
        counters: said.counters,
    }
}

/// The report about an order that ends unfilled, from the one about it as it lived.
#[inline(always)]
pub(crate) fn ended(report: OrderReport) -> OrderReport {
    OrderReport {
        leaves: Quantity::ZERO,
        status: if report.exec_type == ExecType::Expired {
            OrderStatus::Expired
        } else {
            OrderStatus::Canceled
        },
        ..report
    }
}

/// A change of a resting order, for all to see.
#[inline(always)]
pub(crate) fn change_of(
    row: &Row,
    slot: u32,
    action: BookAction,
    displayed: Quantity,
) -> BookChange {
    BookChange {
        instrument: InstrumentId::new(row.instrument),
        order: row.id(slot),
        side: row.flags.side(),
        action,
        price: row.price,
        displayed,
    }
}

/// Frees the row of an order that has ended, is in no queue and is counted no more.
#[inline(always)]
pub(crate) fn end(arena: &mut Arena, timers: &mut Timers, clearing: &mut Clearing, slot: u32) {
    if arena.row(slot).flags.force() == Force::GoodTillDate {
        timers.forget_one();
    }
    clearing.end(slot);
    arena.free(slot);
}

//! Reports of orders and orders themselves, from rows of the history.
//!
//! Invariant: a report has one wire form, whether it answers a call at once or is read years later.
//! Not here: the rows (`projector::rows`).

use engine::command::Identity;
use engine::event::ExecType;
use engine::types::OrderStatus;
use proto::v1;

use super::{
    account_name, average_price_text, cause, exec_id_text, exec_type, instrument_name, money_name,
    money_text, optional_price, order_id_text, order_status, price_text, quantity_text,
    reject_words, side, time_in_force, timestamp, trade_id_text,
};
use crate::directory::Tables;
use crate::projector::rows::{
    Correction, ExecutionKind, ExecutionRow, Liquidity, OrderKind, OrderRow, Origin,
};

/// The full report.
pub fn execution_report(tables: &Tables, row: &ExecutionRow) -> v1::ExecutionReport {
    let (session_id, client_sequence) = session(tables, row.answers);
    let kind = row.origin.map_or(v1::OrderType::Unspecified, order_kind);
    let lifetime = |origin: Origin| time_in_force(origin.time_in_force);
    let lifetime = row.origin.map_or(v1::TimeInForce::Unspecified, lifetime);
    let (exec_type, order_status) = kind_and_status(row);
    let mut wire = v1::ExecutionReport {
        account_sequence: row.counters.account,
        participant_sequence: row.counters.participant,
        exec_id: exec_id_text(row.exec),
        order_id: order_id_text(row.order),
        client_order_id: client_order_id(row.answers),
        orig_client_order_id: row
            .original()
            .map_or_else(String::new, |id| id.as_str().to_owned()),
        exec_type: exec_type.into(),
        order_status: order_status.into(),
        account_id: account_name(tables, row.account),
        instrument_id: row
            .instrument
            .map_or_else(String::new, |id| instrument_name(tables, id)),
        side: row.side.map_or(v1::Side::Unspecified, side).into(),
        order_type: kind.into(),
        time_in_force: lifetime.into(),
        engine_sequence: row.exec.sequence,
        transact_time: Some(timestamp(row.time)),
        session_id,
        client_sequence,
        demonstration: row.instrument.is_some_and(|id| tables.is_demonstration(id)),
        cause: cause(row.cause).into(),
        ..v1::ExecutionReport::default()
    };
    numbers(tables, row, &mut wire);
    if let Some(id) = row.trade_id() {
        wire.trade_id = trade_id_text(id);
        wire.match_id.clone_from(&wire.trade_id);
    }
    wire.exec_ref_id = row.corrects().map_or_else(String::new, exec_id_text);
    if let Some(reject) = row.reject {
        let words = reject_words(&tables.law, reject);
        wire.reject_reason = words.reason;
        wire.legal_basis = words.basis;
        wire.text = words.text;
        let of_change = matches!(
            row.kind,
            ExecutionKind::Report(ExecType::CancelRejected | ExecType::ReplaceRejected)
        );
        wire.fix_reject_reason = Some(if of_change {
            reject.reason.cancel_reject_reason()
        } else {
            reject.reason.order_reject_reason()
        });
    }
    wire
}

/// FIX 150 and 39. Of a rejected cancel or replace of no live order, the status is not known.
fn kind_and_status(row: &ExecutionRow) -> (v1::ExecType, v1::OrderStatus) {
    let status = order_status(row.standing.status);
    match row.kind {
        ExecutionKind::Trade { .. } => (v1::ExecType::Trade, status),
        ExecutionKind::Correction { correction, .. } => match correction {
            Correction::Bust => (v1::ExecType::TradeCancel, status),
            Correction::Correct => (v1::ExecType::TradeCorrect, status),
        },
        ExecutionKind::Report(kind) => {
            let about_none = row.instrument.is_none()
                && matches!(kind, ExecType::CancelRejected | ExecType::ReplaceRejected);
            let status = if about_none {
                v1::OrderStatus::Unspecified
            } else {
                status
            };
            (exec_type(kind), status)
        }
    }
}

/// Prices and quantities, in the instrument's human units.
fn numbers(tables: &Tables, row: &ExecutionRow, wire: &mut v1::ExecutionReport) {
    let Some(id) = row.instrument else { return };
    let Some(entry) = tables.instrument(id) else {
        return;
    };
    let terms = &entry.terms;
    let standing = &row.standing;
    wire.price = optional_price(terms, standing.price);
    wire.stop_price = optional_price(terms, standing.stop_price);
    wire.order_quantity = quantity_text(terms, standing.quantity);
    wire.cumulative_quantity = quantity_text(terms, standing.cumulative);
    wire.leaves_quantity = quantity_text(terms, standing.leaves);
    wire.average_price = average_price_text(terms, standing.notional, standing.cumulative.lots());
    let mut charged = 0;
    if let ExecutionKind::Trade {
        price,
        quantity,
        liquidity,
        fee,
        ..
    }
    | ExecutionKind::Correction {
        price,
        quantity,
        liquidity,
        fee,
        ..
    } = row.kind
    {
        charged = fee;
        wire.last_price = price_text(terms, price);
        wire.last_quantity = quantity_text(terms, quantity);
        wire.liquidity = match liquidity {
            Liquidity::Added => v1::Liquidity::Added,
            Liquidity::Removed => v1::Liquidity::Removed,
            Liquidity::Auction => v1::Liquidity::Auction,
        }
        .into();
    }
    wire.fee = money_text(tables, id, charged);
    wire.held = money_text(tables, id, standing.held);
    wire.money_asset_id = money_name(tables, id, [charged, standing.held]);
}

/// An order as last reported.
pub fn order(tables: &Tables, row: &OrderRow) -> v1::Order {
    let (session_id, client_sequence) = session(tables, row.origin.identity);
    let mut wire = v1::Order {
        order_id: order_id_text(row.order),
        client_order_id: client_order_id(row.origin.identity),
        account_id: account_name(tables, row.account),
        instrument_id: instrument_name(tables, row.instrument),
        side: side(row.side).into(),
        order_type: order_kind(row.origin).into(),
        time_in_force: time_in_force(row.origin.time_in_force).into(),
        order_status: order_status(row.standing.status).into(),
        reject_reason: row
            .reject
            .filter(|_| row.standing.status == OrderStatus::Rejected)
            .map_or_else(String::new, |reject| reject.reason.as_str().to_owned()),
        engine_sequence: row.order.sequence,
        last_engine_sequence: row.touched.value(),
        create_time: Some(timestamp(row.created)),
        update_time: Some(timestamp(row.updated)),
        session_id,
        client_sequence,
        demonstration: tables.is_demonstration(row.instrument),
        held: money_text(tables, row.instrument, row.standing.held),
        money_asset_id: money_name(tables, row.instrument, [0, row.standing.held]),
        ..v1::Order::default()
    };
    if let Some(entry) = tables.instrument(row.instrument) {
        let (terms, standing) = (&entry.terms, &row.standing);
        wire.price = optional_price(terms, standing.price);
        wire.stop_price = optional_price(terms, standing.stop_price);
        wire.order_quantity = quantity_text(terms, standing.quantity);
        wire.cumulative_quantity = quantity_text(terms, standing.cumulative);
        wire.leaves_quantity = quantity_text(terms, standing.leaves);
        wire.average_price =
            average_price_text(terms, standing.notional, standing.cumulative.lots());
    }
    wire
}

/// The client's own id of a command; empty when it came by a session.
pub fn client_order_id(identity: Identity) -> String {
    match identity {
        Identity::Request(id) => id.as_str().to_owned(),
        Identity::Session { .. } | Identity::Internal => String::new(),
    }
}

/// The session a command came by, and its number there.
pub(super) fn session(tables: &Tables, identity: Identity) -> (String, u64) {
    match identity {
        Identity::Session {
            session,
            client_sequence,
        } => {
            let name = tables.sessions.name(session);
            let name = name.map_or_else(String::new, |name| name.as_str().to_owned());
            (name, client_sequence)
        }
        Identity::Request(_) | Identity::Internal => (String::new(), 0),
    }
}

const fn order_kind(origin: Origin) -> v1::OrderType {
    match origin.kind {
        OrderKind::Limit => v1::OrderType::Limit,
        OrderKind::Market => v1::OrderType::Market,
        OrderKind::MarketToLimit => v1::OrderType::MarketToLimit,
        OrderKind::Stop => v1::OrderType::Stop,
        OrderKind::StopLimit => v1::OrderType::StopLimit,
    }
}

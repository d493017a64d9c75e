//! What orders may say, as cells: types by times in force, and what the rules refuse of them.
//!
//! Invariant: as in `coverage`. Not here: what became of an order.

use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::{OrderType, TimeInForce};
use sanjiang_engine::venue::Phase;

pub const TYPES: [&str; 5] = ["LIMIT", "MARKET", "MARKET_TO_LIMIT", "STOP", "STOP_LIMIT"];
pub const TIMES: [&str; 7] = ["DAY", "GTC", "GTD", "IOC", "FOK", "OPENING", "CLOSING"];

pub fn type_of(order_type: &OrderType) -> usize {
    match order_type {
        OrderType::Limit(_) => 0,
        OrderType::Market { .. } => 1,
        OrderType::MarketToLimit { .. } => 2,
        OrderType::Stop { .. } => 3,
        OrderType::StopLimit { .. } => 4,
    }
}

pub fn time_of(time_in_force: TimeInForce) -> usize {
    match time_in_force {
        TimeInForce::Day => 0,
        TimeInForce::GoodTillCancel => 1,
        TimeInForce::GoodTillDate(_) => 2,
        TimeInForce::ImmediateOrCancel => 3,
        TimeInForce::FillOrKill => 4,
        TimeInForce::Opening => 5,
        TimeInForce::Closing => 6,
    }
}

/// The reject an order of this type and time in force must meet in this phase; none if it can
/// be accepted.
pub fn impossible(order_type: usize, time: usize, phase: Phase) -> Option<RejectReason> {
    let call = matches!(
        phase,
        Phase::PreOpen
            | Phase::PreOpenNoCancel
            | Phase::VolatilityCall
            | Phase::ClosingCall
            | Phase::ClosingCallNoCancel
    );
    if !call && phase != Phase::Continuous {
        return Some(RejectReason::MarketClosed);
    }
    let opening = matches!(phase, Phase::PreOpen | Phase::PreOpenNoCancel);
    if (TIMES[time] == "OPENING" && !opening) || (call && matches!(TIMES[time], "IOC" | "FOK")) {
        return Some(RejectReason::PhaseTimeInForce);
    }
    let taken: &[&str] = match TYPES[order_type] {
        "LIMIT" => &TIMES,
        "MARKET" => &["DAY", "IOC", "FOK", "OPENING", "CLOSING"],
        "MARKET_TO_LIMIT" => &["DAY", "GTC", "GTD", "OPENING", "CLOSING"],
        _ => &["DAY", "GTC", "GTD"],
    };
    (!taken.contains(&TIMES[time])).then_some(RejectReason::InvalidCombination)
}

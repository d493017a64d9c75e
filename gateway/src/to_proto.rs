//! Engine to wire: words, decimals, ids, and reports of orders.
//!
//! Invariant: total; whatever the engine can say has a wire form, and the same event always gets
//! the same one, whether it is told at once or read from history. Not here: who is told (`hub`,
//! `replies`), the book stream (`fanout`), what is kept (`projector`).

mod clearing;
mod contracts;
mod discounts;
mod history;
mod limits;
mod margin;
mod receipts;
mod regimes;
mod sales;
mod session;
mod settlement;
mod standing;
mod switch;
mod venue;

use engine::command::{InstrumentTerms, Scope};
use engine::event::{Cause, ExecType, OrderReport};
use engine::reject::Reject;
use engine::types::{
    AccountId, ExecId, InstrumentId, OrderId, OrderStatus, OrderType, Price, PriceSign, Quantity,
    Sequence, Side, Time, TimeInForce, TradeId,
};
use engine::venue::{Law, Phase, TradingStatus};
use proto::v1;

use crate::directory::Tables;

pub use clearing::{
    amount_text, asset, asset_is_demonstration, asset_name, contract_id_text, custodian,
    custodian_name, date_text, discount_id_text, fee_rates, instruction, money_name, money_text,
    offer_id_text, posted_units, posting, posting_place_text, transfer_text, units_of,
};
pub use contracts::{basket_cost, contract, contract_report, debt, venue_name};
pub use discounts::discount;
pub use history::{client_order_id, execution_report, order};
pub use limits::{risk_limits, risk_usage};
pub use margin::{margin_position, margin_terms};
pub use receipts::{receipt, receipt_act};
pub use regimes::{regime, regime_word, rule};
pub use sales::{annual_use, offer, offer_done, offer_refused, party_kind, sale_terms, units_text};
pub use session::session_reports;
pub use settlement::{owners, settlement, unsettled};
pub use standing::{standing, venue_roles};
pub use switch::{engaged, fired, released};
pub use venue::venue;

/// Where in the exchange's history an event stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The shard.
    pub shard: u32,
    /// The epoch of the journal.
    pub epoch: u32,
    /// The command that caused it.
    pub sequence: Sequence,
    /// When that was sequenced.
    pub time: Time,
    /// The event's index among the command's events.
    pub index: u32,
}

/// The public id of an account; empty when there is none.
pub fn account_name(tables: &Tables, id: AccountId) -> String {
    tables
        .account(id)
        .map_or_else(String::new, |entry| entry.name.as_str().to_owned())
}

/// The public id of an instrument; empty when there is none.
pub fn instrument_name(tables: &Tables, id: InstrumentId) -> String {
    tables
        .instrument(id)
        .map_or_else(String::new, |entry| entry.name.as_str().to_owned())
}

/// A reject in words.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RejectWords {
    /// The stable word.
    pub reason: String,
    /// The article, with the year of its text; else empty.
    pub basis: String,
    /// For people.
    pub text: String,
}

/// A reject in words: the stable reason, the article, and what a person may do.
pub fn reject_words(law: &Law, reject: Reject) -> RejectWords {
    RejectWords {
        reason: reject.reason.as_str().to_owned(),
        basis: reject
            .basis
            .map_or_else(String::new, |basis| law.cite(basis).to_owned()),
        text: crate::errors::advice(reject.reason).to_owned(),
    }
}

/// The status a report shows: of a rejected cancel or replace of no live order, unspecified.
pub fn reported_status(report: &OrderReport) -> v1::OrderStatus {
    let of_existing = matches!(
        report.exec_type,
        ExecType::CancelRejected | ExecType::ReplaceRejected
    );
    if of_existing && report.instrument.is_none() {
        v1::OrderStatus::Unspecified
    } else {
        order_status(report.status)
    }
}

/// The status of an order after a trade that leaves `leaves` of it.
pub const fn fill_status(leaves: Quantity) -> v1::OrderStatus {
    if leaves.is_zero() {
        v1::OrderStatus::Filled
    } else {
        v1::OrderStatus::PartiallyFilled
    }
}

/// FIX 54.
pub const fn side(side: Side) -> v1::Side {
    match side {
        Side::Buy => v1::Side::Buy,
        Side::Sell => v1::Side::Sell,
    }
}

/// The side that is left over, and how much, of demand minus supply.
pub const fn imbalance(demand_minus_supply: i64) -> (v1::Side, i64) {
    match demand_minus_supply {
        0 => (v1::Side::Unspecified, 0),
        more if more > 0 => (v1::Side::Buy, more),
        less => (v1::Side::Sell, less.saturating_neg()),
    }
}

/// FIX 40.
pub const fn order_type(order_type: &OrderType) -> v1::OrderType {
    match order_type {
        OrderType::Limit(_) => v1::OrderType::Limit,
        OrderType::Market { .. } => v1::OrderType::Market,
        OrderType::MarketToLimit { .. } => v1::OrderType::MarketToLimit,
        OrderType::Stop { .. } => v1::OrderType::Stop,
        OrderType::StopLimit { .. } => v1::OrderType::StopLimit,
    }
}

/// FIX 59.
pub const fn time_in_force(time_in_force: TimeInForce) -> v1::TimeInForce {
    match time_in_force {
        TimeInForce::Day => v1::TimeInForce::Day,
        TimeInForce::GoodTillCancel => v1::TimeInForce::Gtc,
        TimeInForce::GoodTillDate(_) => v1::TimeInForce::Gtd,
        TimeInForce::ImmediateOrCancel => v1::TimeInForce::Ioc,
        TimeInForce::FillOrKill => v1::TimeInForce::Fok,
        TimeInForce::Opening => v1::TimeInForce::Opening,
        TimeInForce::Closing => v1::TimeInForce::Closing,
    }
}

/// FIX 150.
pub const fn exec_type(exec_type: ExecType) -> v1::ExecType {
    match exec_type {
        ExecType::New => v1::ExecType::New,
        ExecType::Canceled => v1::ExecType::Canceled,
        ExecType::Replaced => v1::ExecType::Replaced,
        ExecType::Rejected => v1::ExecType::Rejected,
        ExecType::CancelRejected => v1::ExecType::CancelRejected,
        ExecType::ReplaceRejected => v1::ExecType::ReplaceRejected,
        ExecType::Expired => v1::ExecType::Expired,
        ExecType::Triggered => v1::ExecType::Triggered,
        ExecType::Restated => v1::ExecType::Restated,
    }
}

/// FIX 39.
pub const fn order_status(status: OrderStatus) -> v1::OrderStatus {
    match status {
        OrderStatus::New => v1::OrderStatus::New,
        OrderStatus::PartiallyFilled => v1::OrderStatus::PartiallyFilled,
        OrderStatus::Filled => v1::OrderStatus::Filled,
        OrderStatus::Canceled => v1::OrderStatus::Canceled,
        OrderStatus::Rejected => v1::OrderStatus::Rejected,
        OrderStatus::Expired => v1::OrderStatus::Expired,
    }
}

/// FIX 378.
pub const fn cause(cause: Cause) -> v1::Cause {
    match cause {
        Cause::Request => v1::Cause::Unspecified,
        Cause::MassCancel => v1::Cause::MassCancel,
        Cause::SelfTrade => v1::Cause::SelfTrade,
        Cause::Unfilled => v1::Cause::Unfilled,
        Cause::ReplacedBelowFilled => v1::Cause::ReplacedBelowFilled,
        Cause::TimeOver => v1::Cause::TimeOver,
        Cause::PriceSet => v1::Cause::PriceSet,
        Cause::NotPlaced => v1::Cause::NotPlaced,
        Cause::KillSwitch => v1::Cause::KillSwitch,
        Cause::Disconnected => v1::Cause::Disconnected,
        Cause::DeadMan => v1::Cause::DeadMan,
        Cause::ForcedReduction => v1::Cause::ForcedReduction,
    }
}

/// FIX 851.
pub fn liquidity(aggressor: Option<Side>, of: Side) -> v1::Liquidity {
    match aggressor {
        None => v1::Liquidity::Auction,
        Some(taker) if taker == of => v1::Liquidity::Removed,
        Some(_) => v1::Liquidity::Added,
    }
}

/// FIX 625.
pub const fn phase(phase: Phase) -> v1::Phase {
    match phase {
        Phase::Closed => v1::Phase::Closed,
        Phase::PreOpen => v1::Phase::PreOpen,
        Phase::PreOpenNoCancel => v1::Phase::PreOpenNoCancel,
        Phase::Freeze => v1::Phase::Freeze,
        Phase::Uncross => v1::Phase::Uncross,
        Phase::Continuous => v1::Phase::Continuous,
        Phase::VolatilityCall => v1::Phase::VolatilityCall,
        Phase::ClosingCall => v1::Phase::ClosingCall,
        Phase::ClosingCallNoCancel => v1::Phase::ClosingCallNoCancel,
        Phase::PostClose => v1::Phase::PostClose,
    }
}

/// FIX 326.
pub const fn trading_status(status: TradingStatus) -> v1::TradingStatus {
    match status {
        TradingStatus::Trading => v1::TradingStatus::Trading,
        TradingStatus::Halted => v1::TradingStatus::Halted,
        TradingStatus::CancelOnly => v1::TradingStatus::CancelOnly,
        TradingStatus::Suspended => v1::TradingStatus::Suspended,
    }
}

/// The stricter of an instrument's own and its venue's trading status.
pub fn stricter(one: TradingStatus, other: TradingStatus) -> TradingStatus {
    let rank = |status| match status {
        TradingStatus::Trading => 0,
        TradingStatus::CancelOnly => 1,
        TradingStatus::Halted => 2,
        TradingStatus::Suspended => 3,
    };
    if rank(one) >= rank(other) { one } else { other }
}

/// Which prices an instrument may have.
pub const fn price_sign(sign: PriceSign) -> v1::PriceSign {
    match sign {
        PriceSign::Positive => v1::PriceSign::Positive,
        PriceSign::NonNegative => v1::PriceSign::NonNegative,
        PriceSign::Any => v1::PriceSign::Any,
    }
}

/// Whether a status or reference change concerns a demonstration.
pub fn scope_is_demonstration(tables: &Tables, scope: Scope) -> bool {
    match scope {
        Scope::Venue(id) => tables.venue(id).is_some_and(|venue| venue.demonstration),
        Scope::Instrument(id) => tables.is_demonstration(id),
    }
}

/// An instant as the wire writes it.
pub fn timestamp(time: Time) -> prost_types::Timestamp {
    let nanoseconds = time.nanoseconds();
    prost_types::Timestamp {
        seconds: nanoseconds.div_euclid(1_000_000_000),
        nanos: nanoseconds.rem_euclid(1_000_000_000) as i32,
    }
}

/// An order's id as opaque text.
pub fn order_id_text(id: OrderId) -> String {
    format!("{}-{}", id.sequence, id.slot)
}

/// The id of a report: `of` is the side a trade's report is for; any other report counts as buy.
pub const fn exec_id(place: Place, of: Side) -> ExecId {
    ExecId {
        shard: place.shard,
        epoch: place.epoch,
        sequence: place.sequence.value(),
        index: match of {
            Side::Buy => place.index * 2,
            Side::Sell => place.index * 2 + 1,
        },
    }
}

/// The id of the trade at this place.
pub const fn trade_id(place: Place) -> TradeId {
    TradeId {
        shard: place.shard,
        epoch: place.epoch,
        sequence: place.sequence.value(),
        index: place.index,
    }
}

/// A report's id as opaque text.
pub fn exec_id_text(id: ExecId) -> String {
    format!("{}-{}-{}-{}", id.shard, id.epoch, id.sequence, id.index)
}

/// A trade's id as opaque text.
pub fn trade_id_text(id: TradeId) -> String {
    format!("{}-{}-{}-{}", id.shard, id.epoch, id.sequence, id.index)
}

/// A price in human units, with the instrument's decimals.
pub fn price_text(terms: &InstrumentTerms, price: Price) -> String {
    let units = i128::from(price.ticks()) * i128::from(terms.tick_size);
    decimal_text(units, terms.price_decimals)
}

/// A price in human units, or empty text.
pub fn optional_price(terms: &InstrumentTerms, price: Option<Price>) -> String {
    price.map_or_else(String::new, |price| price_text(terms, price))
}

/// A quantity in human units, with the instrument's decimals.
pub fn quantity_text(terms: &InstrumentTerms, quantity: Quantity) -> String {
    lots_text(terms, quantity.lots())
}

/// A number of lots in human units, with the instrument's decimals.
pub fn lots_text(terms: &InstrumentTerms, lots: i64) -> String {
    let units = i128::from(lots) * i128::from(terms.lot_size);
    decimal_text(units, terms.quantity_decimals)
}

/// A sum of price x quantity in tick-lots, in human units of the currency.
pub fn notional_text(terms: &InstrumentTerms, tick_lots: i128) -> String {
    let size = i128::from(terms.tick_size) * i128::from(terms.lot_size);
    let decimals = terms.price_decimals + terms.quantity_decimals;
    decimal_text(tick_lots.saturating_mul(size), decimals)
}

/// The mean of `notional` (price ticks x lots, summed) over `lots`, rounded half up (away from
/// minus infinity) to four digits more than the instrument's price decimals; empty for no lots.
pub fn average_price_text(terms: &InstrumentTerms, notional: i128, lots: i64) -> String {
    if lots <= 0 {
        return String::new();
    }
    let units = notional.saturating_mul(i128::from(terms.tick_size) * 10_000);
    let lots = i128::from(lots);
    let rounded = units.saturating_mul(2).saturating_add(lots);
    decimal_text(rounded.div_euclid(lots * 2), terms.price_decimals + 4)
}

/// `units` of 10^-`decimals`, written with exactly that many digits after the point.
pub fn decimal_text(units: i128, decimals: u8) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = units.unsigned_abs().to_string();
    let width = usize::from(decimals);
    if width == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>least$}", least = width + 1);
    let (whole, part) = padded.split_at(padded.len() - width);
    format!("{sign}{whole}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_in_full() {
        let cases = [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (-5, 2, "-0.05"),
            (682_050, 2, "6820.50"),
            (-682_050, 2, "-6820.50"),
            (7, 0, "7"),
            (1_234, 9, "0.000001234"),
        ];
        for (units, decimals, text) in cases {
            assert_eq!(decimal_text(units, decimals), text);
        }
    }

    #[test]
    fn imbalances_name_the_side_left_over() {
        assert_eq!(imbalance(0), (v1::Side::Unspecified, 0));
        assert_eq!(imbalance(7), (v1::Side::Buy, 7));
        assert_eq!(imbalance(-7), (v1::Side::Sell, 7));
    }
}

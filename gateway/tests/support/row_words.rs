//! For tests: single words of the rows of `engine/tests/rejects` as values of the contract.
//!
//! Invariant: a word that is not understood stops the test. Not here: what is done with them
//! (`rows`).

use proto::v1;

/// The value of a word KEY=VALUE, if it is there.
pub fn value<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    let mut pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs
        .find(|(found, _)| *found == key)
        .map(|(_, value)| value)
}

pub fn number(word: &str) -> u32 {
    word.parse()
        .unwrap_or_else(|_| panic!("not a number: {word}"))
}

/// Minor units or ticks, of so many decimals, as the contract writes them.
pub fn decimal(word: &str, decimals: u32) -> String {
    let units: i64 = word
        .parse()
        .unwrap_or_else(|_| panic!("not a number: {word}"));
    rust_decimal::Decimal::new(units, decimals).to_string()
}

/// An instant that is over.
pub fn past() -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: 1,
        nanos: 0,
    }
}

pub fn settle(
    context: Option<v1::OperationContext>,
    instrument_id: String,
    words: &[&str],
) -> v1::SetSettlementRequest {
    let term = |key| value(words, key).map_or(0, number);
    v1::SetSettlementRequest {
        context,
        instrument_id,
        days: term("days"),
        reverse_trade_days: term("reverse"),
        max_holders: term("holders"),
        ..v1::SetSettlementRequest::default()
    }
}

pub fn phase(word: &str) -> v1::Phase {
    match word {
        "Continuous" => v1::Phase::Continuous,
        "PreOpen" => v1::Phase::PreOpen,
        other => panic!("no phase: {other}"),
    }
}

pub fn status(word: &str) -> v1::TradingStatus {
    match word {
        "Halted" => v1::TradingStatus::Halted,
        "Suspended" => v1::TradingStatus::Suspended,
        "CancelOnly" => v1::TradingStatus::CancelOnly,
        other => panic!("no status: {other}"),
    }
}

pub fn role(word: &str) -> v1::Role {
    match word {
        "buyer" => v1::Role::Buyer,
        "seller" => v1::Role::Seller,
        "maker" => v1::Role::MarketMaker,
        "qualified" => v1::Role::QualifiedInvestor,
        other => panic!("no role: {other}"),
    }
}

pub fn time_in_force(word: Option<&str>) -> v1::TimeInForce {
    match word {
        None => v1::TimeInForce::Day,
        Some("GTC") => v1::TimeInForce::Gtc,
        Some("GTD") => v1::TimeInForce::Gtd,
        Some("IOC") => v1::TimeInForce::Ioc,
        Some("FOK") => v1::TimeInForce::Fok,
        Some("OPENING") => v1::TimeInForce::Opening,
        Some(other) => panic!("no time in force: {other}"),
    }
}

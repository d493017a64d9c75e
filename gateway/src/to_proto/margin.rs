//! Margin forwards to wire.
//!
//! Invariant: as in `to_proto`; what the engine sums wider than an amount is told as far as an
//! amount goes.

use engine::clearing::Contract;
use engine::clearing::margin::Call;
use engine::types::InstrumentId;
use proto::v1;

use super::{
    amount_text, asset_name, decimal_text, instrument_name, lots_text, optional_price, price_text,
    quantity_text, timestamp,
};
use crate::directory::Tables;
use crate::services::margin::Told;

/// The terms of a margin forward; its fees and its place in history are not given.
pub fn margin_terms(
    tables: &Tables,
    id: InstrumentId,
    contract: &Contract,
) -> Option<v1::GetMarginResponse> {
    let terms = &tables.instrument(id)?.terms;
    let money = tables.asset(contract.margined.money)?;
    let set = &contract.terms;
    let limit = set.position_limit;
    let seconds = set.call_deadline.0 / 1_000_000_000;
    Some(v1::GetMarginResponse {
        instrument_id: instrument_name(tables, id),
        money_asset_id: asset_name(tables, contract.margined.money),
        tick_value: contract.margined.tick_value,
        initial_bp: set.initial_bp.into(),
        maintenance_bp: set.maintenance_bp.into(),
        call_deadline_seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
        position_limit: limit.map_or_else(String::new, |limit| quantity_text(terms, limit)),
        settlement_price: price_text(terms, contract.settlement),
        next_settlement_price: optional_price(terms, contract.given),
        initial_margin: amount_text(money, contract.initial),
        maintenance_margin: amount_text(money, contract.maintenance),
        demonstration: tables.is_demonstration(id),
        ..v1::GetMarginResponse::default()
    })
}

/// What an account has in a margin forward.
pub fn margin_position(tables: &Tables, told: &Told) -> Option<v1::MarginPosition> {
    let (row, contract) = (&told.row, &told.contract);
    let terms = &tables.instrument(row.instrument)?.terms;
    let money = tables.asset(contract.margined.money)?;
    let decimals = money.class.decimals();
    let lots = |lots| lots_text(terms, lots);
    let tick_value = i128::from(contract.margined.tick_value);
    let worth = i128::from(row.net) * i128::from(contract.settlement.ticks()) * tick_value;
    let (call_status, call_deadline) = match row.call {
        Call::None => (v1::MarginCallStatus::Unspecified, None),
        Call::Until(at) => (v1::MarginCallStatus::Called, Some(timestamp(at))),
        Call::Waiting => (v1::MarginCallStatus::Overdue, None),
    };
    Some(v1::MarginPosition {
        instrument_id: instrument_name(tables, row.instrument),
        net_quantity: lots(row.net),
        open_buy_quantity: lots(row.buys),
        open_sell_quantity: lots(row.sells),
        settlement_price: price_text(terms, contract.settlement),
        unsettled: decimal_text(worth - row.cost + row.due, decimals),
        margin_held: amount_text(money, row.held),
        margin_required: amount_text(money, told.required),
        margin_maintenance: amount_text(money, told.maintenance),
        owed: decimal_text(row.owed, decimals),
        call_status: call_status.into(),
        call_deadline,
        money_asset_id: asset_name(tables, contract.margined.money),
        demonstration: tables.is_demonstration(row.instrument),
    })
}

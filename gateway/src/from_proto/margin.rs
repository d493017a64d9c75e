//! Operators' changes of margin forwards.
//!
//! Invariant: as in `clearing`. Not here: whether the bounds hold (the engine).

use engine::command::{Body, MarginCommand, Mark, SetMargin, SetSettlementPrice};
use engine::types::{Nanoseconds, Price};
use proto::v1;

use super::fields::{Fields, at};
use super::operations::Asks;

impl Asks for v1::SetMarginRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let instrument = fields.instrument("instrument_id", &self.instrument_id);
        let money = fields.asset("money_asset_id", &self.money_asset_id);
        let initial_bp = basis_points(fields, "initial_bp", self.initial_bp);
        let maintenance_bp = basis_points(fields, "maintenance_bp", self.maintenance_bp);
        let terms = at(fields.tables, instrument)?;
        let price = price(fields, "settlement_price", &self.settlement_price, &terms);
        let limit = if self.position_limit.is_empty() {
            Some(None)
        } else {
            let limit = fields.quantity("position_limit", &self.position_limit, &terms);
            limit.map(Some)
        };
        let seconds = i64::from(self.call_deadline_seconds);
        Some(Body::Margin(MarginCommand::SetMargin(SetMargin {
            instrument: instrument?,
            money: money?,
            settlement_price: price?,
            initial_bp: initial_bp?,
            maintenance_bp: maintenance_bp?,
            call_deadline: Nanoseconds(seconds * 1_000_000_000),
            position_limit: limit?,
        })))
    }
}

impl Asks for v1::SetSettlementPriceRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let instrument = fields.instrument("instrument_id", &self.instrument_id);
        let terms = at(fields.tables, instrument)?;
        let price = price(fields, "price", &self.price, &terms);
        let (instrument, price) = (instrument?, price?);
        let set = SetSettlementPrice { instrument, price };
        Some(Body::Margin(MarginCommand::SetSettlementPrice(set)))
    }
}

impl Asks for v1::MarkRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let instrument = fields.instrument("instrument_id", &self.instrument_id)?;
        Some(Body::Margin(MarginCommand::Mark(Mark { instrument })))
    }
}

fn price(
    fields: &mut Fields<'_>,
    field: &str,
    text: &str,
    terms: &engine::command::InstrumentTerms,
) -> Option<Price> {
    if text.is_empty() {
        fields.wrong(field, "is empty; a price is required");
        return None;
    }
    fields.price(field, text, terms)
}

fn basis_points(fields: &mut Fields<'_>, field: &str, value: u32) -> Option<u16> {
    let read = u16::try_from(value).ok();
    if read.is_none() {
        let max = SetMargin::BP_MAX;
        fields.wrong(field, format!("{value} is above {max} basis points"));
    }
    read
}

//! Busts and corrections.
//!
//! Invariant: a trade is named by the text of its reports; price and quantity are read with the
//! instrument the request names. Not here: whether the trade is of that instrument and of this
//! history (`services::corrections`), whether it may be corrected (the engine).

use engine::command::{Body, CorrectionCommand, TradeRef};
use engine::types::{Sequence, TradeId};
use proto::v1;

use super::fields::{Fields, at};
use super::operations::Asks;

impl Asks for v1::BustTradeRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let trade = trade_ref(fields, &self.trade_id)?;
        Some(Body::Correction(CorrectionCommand::Bust { trade }))
    }
}

impl Asks for v1::CorrectTradeRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let trade = trade_ref(fields, &self.trade_id);
        let instrument = fields.instrument("instrument_id", &self.instrument_id);
        let terms = at(fields.tables, instrument)?;
        if self.price.is_empty() {
            fields.wrong(
                "price",
                "is empty; the price it should have had is required",
            );
        }
        let price = fields.price("price", &self.price, &terms);
        let quantity = if self.quantity.is_empty() {
            Some(None)
        } else {
            fields
                .quantity("quantity", &self.quantity, &terms)
                .map(Some)
        };
        Some(Body::Correction(CorrectionCommand::Correct {
            trade: trade?,
            price: price?,
            quantity: quantity?,
        }))
    }
}

/// The trade a request names.
pub fn trade(fields: &mut Fields<'_>, text: &str) -> Option<TradeId> {
    if text.is_empty() {
        fields.wrong(
            "trade_id",
            "is empty; the trade_id of the execution reports is required",
        );
        return None;
    }
    let id = trade_id(text);
    if id.is_none() {
        fields.wrong(
            "trade_id",
            "is none this exchange gave; copy it from a report",
        );
    }
    id
}

/// The trade a request names, as the engine knows it.
fn trade_ref(fields: &mut Fields<'_>, text: &str) -> Option<TradeRef> {
    let id = trade(fields, text)?;
    Some(TradeRef {
        sequence: Sequence::new(id.sequence),
        index: id.index,
    })
}

/// A trade's id from its opaque text, in the one form in which it is written.
pub fn trade_id(text: &str) -> Option<TradeId> {
    let mut parts = text.split('-');
    let mut next = || {
        let part = parts.next()?;
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(part)
    };
    let id = TradeId {
        shard: next()?.parse().ok()?,
        epoch: next()?.parse().ok()?,
        sequence: next()?.parse().ok()?,
        index: next()?.parse().ok()?,
    };
    let end = parts.next().is_none();
    let same = crate::to_proto::trade_id_text(id) == text;
    (end && same).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trade_id_is_read_in_the_form_it_is_written_only() {
        let id = TradeId {
            shard: 0,
            epoch: 3,
            sequence: 1 << 40,
            index: 7,
        };
        assert_eq!(trade_id(&crate::to_proto::trade_id_text(id)), Some(id));
        for wrong in [
            "",
            "1",
            "0-3-5",
            "0-3-5-7-9",
            "0-3-5-x",
            "0-03-5-7",
            "0-3-+5-7",
            "0--5-7",
            "0-3-99999999999999999999-7",
        ] {
            assert_eq!(trade_id(wrong), None, "{wrong}");
        }
    }
}

//! Discounts, and baskets of offers.
//!
//! Invariant: as in `sales`; amounts are read in the currency the request names. Not here: whether
//! a discount applies (the engine).

use engine::command::{Basket, Body, ContractCommand, DefineDiscount, Line, Off, SalesCommand};
use engine::types::{Amount, DiscountId, Time};
use proto::v1;

use super::contracts::confirmed;
use super::fields::{Fields, Prefix};
use super::orders::order_id;
use super::sales::{Deal, exactly, offer_id, small};
use crate::directory::Tables;
use crate::errors::Failure;

/// An id of a discount, as an answer wrote it.
///
/// # Errors
/// It is none.
pub fn discount_named(text: &str) -> Result<DiscountId, Failure> {
    let tables = Tables::default();
    let mut fields = Fields::new(&tables, Prefix::None);
    let id = discount_id(&mut fields, text);
    fields.finish(id)
}

fn discount_id(fields: &mut Fields<'_>, text: &str) -> Option<DiscountId> {
    let id = order_id(text).map(|id| DiscountId {
        sequence: id.sequence,
        slot: id.slot,
    });
    if id.is_none() {
        fields.wrong(
            "discount_id",
            "is no id this exchange gave; copy it from an answer or a list",
        );
    }
    id
}

/// So many bytes, or none at all.
#[allow(clippy::option_option, reason = "wrong is not the same as left out")]
fn sixteen(fields: &mut Fields<'_>, field: &str, bytes: &[u8]) -> Option<Option<[u8; 16]>> {
    if bytes.is_empty() {
        return Some(None);
    }
    exactly(fields, field, bytes).map(Some)
}

impl Deal for v1::DefineDiscountRequest {
    fn named(&self) -> (&str, Option<&prost_types::Timestamp>) {
        (&self.client_order_id, self.valid_until.as_ref())
    }

    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let Some(wire) = &self.discount else {
            fields.wrong("discount", "is not given; it is required");
            return None;
        };
        if !wire.discount_id.is_empty() || wire.uses_left != 0 {
            let right = "discount_id and uses_left are the exchange's to give; leave them out";
            fields.wrong("discount", right);
        }
        let account = fields.account("discount.account_id", &wire.account_id);
        let venue = fields.venue("discount.venue_id", &wire.venue_id);
        let money = fields.asset("discount.money_asset_id", &wire.money_asset_id);
        let amounts = money.and_then(|money| amounts(fields, wire, money));
        let opens = fields.time("discount.opens", wire.opens.as_ref());
        if wire.closes.is_none() {
            fields.wrong("discount.closes", "is not given; it is required");
        }
        let closes = fields.time("discount.closes", wire.closes.as_ref());
        let code = sixteen(fields, "discount.code_hash", &wire.code_hash);
        let most = DefineDiscount::USES_MAX;
        if !(1..=most).contains(&wire.uses) {
            fields.wrong(
                "discount.uses",
                format!("is {}; it is 1 to {most}", wire.uses),
            );
        } else if wire.uses_per_owner > wire.uses {
            let right = format!("is {}; it is 1 to uses", wire.uses_per_owner);
            fields.wrong("discount.uses_per_owner", right);
        }
        if opens
            .zip(closes)
            .is_some_and(|(opens, closes)| closes <= opens)
        {
            fields.wrong("discount.closes", "does not come after discount.opens");
        }
        let (threshold, off) = amounts?;
        let terms = DefineDiscount {
            account: account?,
            venue: venue?,
            money: money?,
            threshold,
            off,
            opens: opens.unwrap_or(Time::ZERO),
            closes: closes?,
            uses: wire.uses,
            per_owner: wire.uses_per_owner.max(1),
            code: code?,
        };
        Some(Body::Sales(Box::new(SalesCommand::DefineDiscount(terms))))
    }
}

/// The threshold, and what is taken off.
fn amounts(
    fields: &mut Fields<'_>,
    wire: &v1::Discount,
    money: engine::types::AssetId,
) -> Option<(i64, Off)> {
    use v1::discount::Off as Wire;
    let money = fields.tables.asset(money)?;
    let mut read = |field: &str, text: &str| {
        if text.is_empty() {
            fields.wrong(field, "is empty; an amount above zero is required");
        }
        fields.amount(field, text, money).map(Amount::units)
    };
    let threshold = read("discount.threshold", &wire.threshold);
    let off = match &wire.off {
        Some(Wire::Amount(text)) => read("discount.amount", text).map(Off::Amount),
        Some(Wire::Share(share)) => {
            let at_most = if share.at_most.is_empty() {
                Some(DefineDiscount::MONEY_MAX)
            } else {
                read("discount.share.at_most", &share.at_most)
            };
            let bp = small(fields, "discount.share.bp", share.bp);
            bp.zip(at_most)
                .map(|(bp, at_most)| Off::Share { bp, at_most })
        }
        None => {
            let right = "is not given; one of amount and share is required";
            fields.wrong("discount.off", right);
            None
        }
    };
    let (threshold, off) = threshold.zip(off)?;
    match off {
        Off::Amount(amount) => {
            if amount > threshold {
                let right = "is above discount.threshold; it is at most that";
                fields.wrong("discount.amount", right);
            }
        }
        Off::Share { bp, .. } => {
            if !(1..=10_000).contains(&bp) {
                let right = format!("is {bp}; it is 1 to 10,000, hundredths of a percent");
                fields.wrong("discount.share.bp", right);
            }
        }
    }
    Some((threshold, off))
}

impl Deal for v1::ReserveBasketRequest {
    fn named(&self) -> (&str, Option<&prost_types::Timestamp>) {
        (&self.client_order_id, self.valid_until.as_ref())
    }

    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let account = fields.account("account_id", &self.account_id);
        let count = self.lines.len();
        let most = Basket::LINES_MAX;
        if count == 0 || count > most {
            let right = format!("has {count} entries; 1 to {most} are right");
            fields.wrong("lines", right);
            return None;
        }
        let mut lines = Vec::with_capacity(count);
        for (place, wire) in self.lines.iter().enumerate() {
            lines.extend(line(fields, place, wire));
        }
        let discount = if self.discount_id.is_empty() {
            Some(None)
        } else {
            discount_id(fields, &self.discount_id).map(Some)
        };
        let code = sixteen(fields, "code", &self.code);
        let delivery = exactly(fields, "delivery_reference", &self.delivery_reference);
        let basket = Basket {
            account: account?,
            lines: (lines.len() == count).then_some(lines)?,
            discount: discount?,
            code: code?,
            delivery_reference: delivery?,
        };
        Some(Body::Contract(ContractCommand::Basket(Box::new(basket))))
    }
}

fn line(
    fields: &mut Fields<'_>,
    place: usize,
    wire: &v1::reserve_basket_request::Line,
) -> Option<Line> {
    let offer = offer_id(fields, &format!("lines[{place}].offer_id"), &wire.offer_id);
    let pickup = sixteen(
        fields,
        &format!("lines[{place}].pickup_hash"),
        &wire.pickup_hash,
    );
    Some(Line {
        offer: offer?,
        version: wire.offer_version,
        pieces: wire.pieces,
        pickup: pickup?,
        confirmed: confirmed(wire.confirms_unsuitable),
    })
}

//! The bodies of commands about discounts and baskets as bytes.
//!
//! Invariant: as in `codec`. What a discount is, which is also state, is written here for both.

use super::clearing::put_id;
use super::contracts::{confirmed, put_hash};
use super::sales::{account, array, offer, put_offer};
use crate::bytes::{self, BytesError, Reader};
use crate::command::{Basket, Body, ContractCommand, DefineDiscount, Line, Off, SalesCommand};
use crate::types::{AssetId, DiscountId, VenueId};

/// Writes what a discount is.
pub(crate) fn put_terms(out: &mut Vec<u8>, terms: &DefineDiscount) {
    put_id(out, terms.account.index());
    put_id(out, terms.venue.index());
    put_id(out, terms.money.index());
    bytes::put_zigzag(out, terms.threshold);
    match terms.off {
        Off::Amount(amount) => {
            bytes::put_u8(out, 1);
            bytes::put_zigzag(out, amount);
        }
        Off::Share { bp, at_most } => {
            bytes::put_u8(out, 2);
            put_id(out, u32::from(bp));
            bytes::put_zigzag(out, at_most);
        }
    }
    bytes::put_time(out, terms.opens);
    bytes::put_time(out, terms.closes);
    put_id(out, terms.uses);
    put_id(out, terms.per_owner);
    bytes::put_option(out, terms.code, put_hash);
}

/// Reads what [`put_terms`] wrote, whether or not the bounds hold.
pub(crate) fn terms(input: &mut Reader<'_>) -> Result<DefineDiscount, BytesError> {
    Ok(DefineDiscount {
        account: account(input)?,
        venue: VenueId::new(input.varint32("venue")?),
        money: AssetId::new(input.varint32("money")?),
        threshold: input.zigzag()?,
        off: match input.u8()? {
            1 => Off::Amount(input.zigzag()?),
            2 => Off::Share {
                bp: u16::try_from(input.varint32("a share")?)
                    .map_err(|_| BytesError::range("a share"))?,
                at_most: input.zigzag()?,
            },
            _ => return Err(BytesError::range("what a discount takes off")),
        },
        opens: input.time("opens")?,
        closes: input.time("closes")?,
        uses: input.varint32("uses")?,
        per_owner: input.varint32("uses of an owner")?,
        code: input.option(array)?,
    })
}

/// Reads a definition.
pub(super) fn define(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let terms = terms(input)?;
    Ok(Body::Sales(Box::new(SalesCommand::DefineDiscount(terms))))
}

pub(super) fn put_basket(out: &mut Vec<u8>, basket: &Basket) {
    put_id(out, basket.account.index());
    bytes::put_varint(out, basket.lines.len() as u64);
    for line in &basket.lines {
        put_offer(out, line.offer);
        put_id(out, line.version);
        put_id(out, line.pieces);
        bytes::put_option(out, line.pickup, put_hash);
        bytes::put_u8(out, line.confirmed as u8);
    }
    bytes::put_option(out, basket.discount, |out, discount| {
        bytes::put_varint(out, discount.sequence);
        put_id(out, discount.slot);
    });
    bytes::put_option(out, basket.code, put_hash);
    out.extend_from_slice(&basket.delivery_reference);
}

/// Reads a basket, whether or not the bounds hold.
pub(super) fn basket(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let account = account(input)?;
    let count = input.count(u32::MAX, LINE_BYTES_MIN, "the count of lines")?;
    let mut lines = Vec::with_capacity(count);
    for _ in 0..count {
        lines.push(Line {
            offer: offer(input)?,
            version: input.varint32("version")?,
            pieces: input.varint32("pieces")?,
            pickup: input.option(array)?,
            confirmed: confirmed(input)?,
        });
    }
    let basket = Basket {
        account,
        lines,
        discount: input.option(|input| {
            Ok(DiscountId {
                sequence: input.varint()?,
                slot: input.varint32("a discount's row")?,
            })
        })?,
        code: input.option(array)?,
        delivery_reference: array(input)?,
    };
    Ok(Body::Contract(ContractCommand::Basket(Box::new(basket))))
}

/// The least bytes of a line.
const LINE_BYTES_MIN: usize = 6;

//! The bodies of commands about margin forwards as bytes: a sub-tag, then the fields.
//!
//! Invariant: as in `codec`.

use crate::bytes::{self, BytesError, Reader};
use crate::command::{Body, MarginCommand, Mark, SetMargin, SetSettlementPrice};
use crate::types::{AssetId, InstrumentId, Nanoseconds};

fn put_id(out: &mut Vec<u8>, index: u32) {
    bytes::put_varint(out, u64::from(index));
}

pub(super) fn put(out: &mut Vec<u8>, command: &MarginCommand) {
    match command {
        MarginCommand::SetMargin(set) => {
            bytes::put_u8(out, 1);
            put_terms(out, set);
        }
        MarginCommand::SetSettlementPrice(set) => {
            bytes::put_u8(out, 2);
            put_id(out, set.instrument.index());
            bytes::put_price(out, set.price);
        }
        MarginCommand::Mark(mark) => {
            bytes::put_u8(out, 3);
            put_id(out, mark.instrument.index());
        }
    }
}

/// Writes the terms of a margin forward.
pub(crate) fn put_terms(out: &mut Vec<u8>, set: &SetMargin) {
    put_id(out, set.instrument.index());
    put_id(out, set.money.index());
    bytes::put_price(out, set.settlement_price);
    put_id(out, u32::from(set.initial_bp));
    put_id(out, u32::from(set.maintenance_bp));
    bytes::put_zigzag(out, set.call_deadline.0);
    bytes::put_option(out, set.position_limit, bytes::put_quantity);
}

/// Reads what [`put_terms`] wrote, whether or not the bounds hold.
pub(crate) fn terms(input: &mut Reader<'_>) -> Result<SetMargin, BytesError> {
    Ok(SetMargin {
        instrument: InstrumentId::new(input.varint32("instrument")?),
        money: AssetId::new(input.varint32("money")?),
        settlement_price: input.price("settlement price")?,
        initial_bp: basis_points(input, "initial margin")?,
        maintenance_bp: basis_points(input, "maintenance margin")?,
        call_deadline: Nanoseconds(input.zigzag()?),
        position_limit: input.option(|input| input.quantity("position limit"))?,
    })
}

fn basis_points(input: &mut Reader<'_>, field: &'static str) -> Result<u16, BytesError> {
    u16::try_from(input.varint32(field)?).map_err(|_| BytesError::range(field))
}

pub(super) fn margin(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let command = match input.u8()? {
        1 => MarginCommand::SetMargin(terms(input)?),
        2 => MarginCommand::SetSettlementPrice(SetSettlementPrice {
            instrument: InstrumentId::new(input.varint32("instrument")?),
            price: input.price("price")?,
        }),
        3 => MarginCommand::Mark(Mark {
            instrument: InstrumentId::new(input.varint32("instrument")?),
        }),
        _ => return Err(BytesError::range("the kind of a command about margin")),
    };
    Ok(Body::Margin(command))
}

//! The bodies of commands about settlement as bytes: a kind, then what is asked.
//!
//! Invariant: as in `codec`.

use crate::bytes::{self, BytesError, Reader};
use crate::command::{Body, HolderCount, SetSettlement, SettlementCommand};
use crate::types::InstrumentId;

const SET: u8 = 1;

pub(super) fn put(out: &mut Vec<u8>, command: &SettlementCommand) {
    match command {
        SettlementCommand::Set(set) => {
            bytes::put_u8(out, SET);
            put_terms(out, set);
        }
    }
}

pub(super) fn command(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let command = match input.u8()? {
        SET => SettlementCommand::Set(terms(input)?),
        _ => return Err(BytesError::range("the kind of a settlement command")),
    };
    Ok(Body::Settlement(Box::new(command)))
}

/// Writes an instrument's settlement.
pub(crate) fn put_terms(out: &mut Vec<u8>, set: &SetSettlement) {
    bytes::put_varint(out, u64::from(set.instrument.index()));
    bytes::put_u8(out, set.days);
    bytes::put_u8(out, set.reverse_trade_days);
    let most = set.max_holders.map(u64::from);
    bytes::put_option(out, most, bytes::put_varint);
    bytes::put_u8(out, set.holder_count as u8);
    bytes::put_text(out, &set.reference);
}

/// Reads what [`put_terms`] wrote, whether or not the bounds hold.
pub(crate) fn terms(input: &mut Reader<'_>) -> Result<SetSettlement, BytesError> {
    Ok(SetSettlement {
        instrument: InstrumentId::new(input.varint32("a settlement's instrument")?),
        days: input.u8()?,
        reverse_trade_days: input.u8()?,
        max_holders: input.option(|input| input.varint32("the most holders"))?,
        holder_count: match input.u8()? {
            0 => HolderCount::Cumulative,
            1 => HolderCount::Current,
            _ => return Err(BytesError::range("who is a holder")),
        },
        reference: input.text()?,
    })
}

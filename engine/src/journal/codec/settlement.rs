//! The bodies of commands about settlement as bytes: a kind, then what is asked.
//!
//! Invariant: as in `codec`.

use crate::bytes::{self, BytesError, Reader};
use crate::command::{Body, HolderCount, SetNominee, SetSettlement, SettlementCommand};
use crate::types::{InstrumentId, OwnerId};

const SET: u8 = 1;
const SET_NOMINEE: u8 = 2;

pub(super) fn put(out: &mut Vec<u8>, command: &SettlementCommand) {
    match command {
        SettlementCommand::Set(set) => {
            bytes::put_u8(out, SET);
            put_terms(out, set);
        }
        SettlementCommand::SetNominee(set) => {
            bytes::put_u8(out, SET_NOMINEE);
            put_nominee(out, set);
        }
    }
}

pub(super) fn command(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let command = match input.u8()? {
        SET => SettlementCommand::Set(terms(input)?),
        SET_NOMINEE => SettlementCommand::SetNominee(nominee(input, u32::MAX)?),
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

/// Writes a nominee and who stands behind it.
pub(crate) fn put_nominee(out: &mut Vec<u8>, set: &SetNominee) {
    bytes::put_varint(out, u64::from(set.nominee.index()));
    bytes::put_varint(out, set.owners.len() as u64);
    for owner in &set.owners {
        bytes::put_varint(out, u64::from(owner.index()));
    }
}

/// Reads what [`put_nominee`] wrote, at most so many owners, whether or not they may stand there.
pub(crate) fn nominee(input: &mut Reader<'_>, most: u32) -> Result<SetNominee, BytesError> {
    let nominee = OwnerId::new(input.varint32("a nominee")?);
    let count = input.count(most, 1, "the count of owners behind a nominee")?;
    let mut owners = Vec::with_capacity(count);
    for _ in 0..count {
        owners.push(OwnerId::new(input.varint32("an owner behind a nominee")?));
    }
    Ok(SetNominee { nominee, owners })
}

//! The bodies of commands about money and goods as bytes.
//!
//! Invariant: as in `codec`. Terms that are also state (classes of assets, rates) are written by
//! the modules that hold them.

use crate::bytes::{self, BytesError, Reader};
use crate::clearing::{assets, fee, section};
use crate::command::{
    Acknowledge, Body, CloseCustodyDate, CreateAsset, CreateCustodian, Instruct, Outcome,
    SetClearing, SetFees, SetTier,
};
use crate::types::{
    AccountId, AssetId, CustodianId, InstrumentId, ParticipantId, Sequence, VenueId,
};
use crate::venue::section::{demonstration, put_demonstration};

/// Writes a handle.
pub(super) fn put_id(out: &mut Vec<u8>, index: u32) {
    bytes::put_varint(out, u64::from(index));
}

pub(super) fn put_asset(out: &mut Vec<u8>, create: &CreateAsset) {
    bytes::put_text(out, &create.name);
    assets::put_class(out, &create.class);
    put_demonstration(out, create.demonstration);
}

pub(super) fn create_asset(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::CreateAsset(CreateAsset {
        name: input.text()?,
        class: assets::class(input)?,
        demonstration: demonstration(input)?,
    }))
}

pub(super) fn put_custodian(out: &mut Vec<u8>, create: &CreateCustodian) {
    bytes::put_text(out, &create.name);
    bytes::put_u8(out, create.kind as u8);
    put_demonstration(out, create.demonstration);
}

pub(super) fn create_custodian(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::CreateCustodian(CreateCustodian {
        name: input.text()?,
        kind: assets::custodian_kind(input)?,
        demonstration: demonstration(input)?,
    }))
}

pub(super) fn put_clearing(out: &mut Vec<u8>, set: &SetClearing) {
    put_id(out, set.instrument.index());
    put_id(out, set.money.index());
    put_id(out, set.goods.index());
}

pub(super) fn set_clearing(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::SetClearing(SetClearing {
        instrument: InstrumentId::new(input.varint32("instrument")?),
        money: AssetId::new(input.varint32("money")?),
        goods: AssetId::new(input.varint32("goods")?),
    }))
}

pub(super) fn put_fees(out: &mut Vec<u8>, set: &SetFees) {
    put_id(out, set.venue.index());
    let instrument = set.instrument.map(InstrumentId::index);
    bytes::put_option(out, instrument, put_id);
    bytes::put_u8(out, set.tier);
    fee::put_rates(out, &set.rates);
}

pub(super) fn set_fees(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let instrument = |input: &mut Reader<'_>| input.varint32("instrument").map(InstrumentId::new);
    Ok(Body::SetFees(Box::new(SetFees {
        venue: VenueId::new(input.varint32("venue")?),
        instrument: input.option(instrument)?,
        tier: input.u8()?,
        rates: fee::rates(input)?,
    })))
}

pub(super) fn put_tier(out: &mut Vec<u8>, set: SetTier) {
    put_id(out, set.participant.index());
    bytes::put_u8(out, set.tier);
}

pub(super) fn set_tier(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::SetTier(SetTier {
        participant: ParticipantId::new(input.varint32("participant")?),
        tier: input.u8()?,
    }))
}

pub(super) fn put_instruct(out: &mut Vec<u8>, instruct: &Instruct) {
    put_id(out, instruct.account.index());
    put_id(out, instruct.asset.index());
    put_id(out, instruct.custodian.index());
    bytes::put_u8(out, instruct.direction as u8);
    bytes::put_varint(out, instruct.amount.units() as u64);
}

pub(super) fn instruct(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::Instruct(Instruct {
        account: AccountId::new(input.varint32("account")?),
        asset: AssetId::new(input.varint32("asset")?),
        custodian: CustodianId::new(input.varint32("custodian")?),
        direction: section::direction(input)?,
        amount: section::amount(input, "amount")?,
    }))
}

pub(super) fn put_acknowledge(out: &mut Vec<u8>, acknowledge: &Acknowledge) {
    bytes::put_varint(out, acknowledge.instruction.value());
    bytes::put_u8(out, acknowledge.outcome as u8);
    bytes::put_text(out, &acknowledge.reference);
    bytes::put_zigzag(out, i64::from(acknowledge.business_date));
}

pub(super) fn acknowledge(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::Acknowledge(Acknowledge {
        instruction: Sequence::new(input.varint()?),
        outcome: match input.u8()? {
            0 => Outcome::Executed,
            1 => Outcome::Refused,
            _ => return Err(BytesError::range("the outcome of an instruction")),
        },
        reference: input.text()?,
        business_date: assets::date(input, "business date")?,
    }))
}

pub(super) fn put_close_custody_date(out: &mut Vec<u8>, close: CloseCustodyDate) {
    put_id(out, close.custodian.index());
    bytes::put_zigzag(out, i64::from(close.date));
}

pub(super) fn close_custody_date(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::CloseCustodyDate(CloseCustodyDate {
        custodian: CustodianId::new(input.varint32("custodian")?),
        date: assets::date(input, "date")?,
    }))
}

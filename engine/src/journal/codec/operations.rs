//! The bodies of commands as bytes; those of orders are in `orders`.
//!
//! Invariant: as in `codec`. Terms that are also state (calendars, timetables, instruments) are
//! written by the modules that hold them.

use super::{
    border, clearing, contracts, correction, credit, limits, margin, orders, receipts, regimes,
    sales, settlement, standing, switch,
};
use crate::bytes::{self, BytesError, Reader};
use crate::command::{
    AcceptClock, BeginEpoch, Body, CreateAccount, CreateInstrument, CreateOwner, CreateParticipant,
    CreateVenue, EpochCause, OpenSession, Quarantine, Scope, ServiceGap, SetLimits, SetPhase,
    SetReferencePrice, SetSchedule, SetTradingStatus,
};
use crate::types::{InstrumentId, OwnerId, ParticipantId, Sequence, Time, VenueId};
use crate::venue::{calendar, instrument, regime, schedule, section};

pub(super) fn put(out: &mut Vec<u8>, time: Time, body: &Body) {
    match body {
        Body::NewOrder(order) => orders::put_new(out, time, order),
        Body::CancelOrder(cancel) => orders::put_cancel(out, cancel),
        Body::ReplaceOrder(replace) => orders::put_replace(out, replace),
        Body::MassCancel(cancel) => orders::put_mass_cancel(out, cancel),
        Body::OpenSession(open) => {
            bytes::put_text(out, &open.name);
            bytes::put_varint(out, open.last_client_sequence);
        }
        Body::CreateParticipant(participant) => bytes::put_text(out, &participant.name),
        Body::CreateOwner(owner) => bytes::put_text(out, &owner.name),
        Body::CreateAccount(account) => put_account(out, account),
        Body::SetCalendar(terms) => calendar::put_terms(out, terms),
        Body::CreateVenue(venue) => put_venue(out, venue),
        Body::CreateInstrument(instrument) => {
            bytes::put_text(out, &instrument.name);
            bytes::put_text(out, &instrument.title);
            put_venue_id(out, instrument.venue);
            instrument::put_terms(out, &instrument.terms);
        }
        Body::SetSchedule(timetable) => {
            put_venue_id(out, timetable.venue);
            schedule::put_entries(out, &timetable.entries);
        }
        Body::SetPhase(set) => {
            put_venue_id(out, set.venue);
            bytes::put_u8(out, set.phase as u8);
        }
        Body::SetTradingStatus(set) => {
            put_scope(out, set.scope);
            bytes::put_u8(out, set.status as u8);
        }
        Body::SetReferencePrice(set) => {
            bytes::put_varint(out, u64::from(set.instrument.index()));
            bytes::put_price(out, set.price);
        }
        Body::SetLimits(set) => {
            bytes::put_varint(out, u64::from(set.requests_max));
            bytes::put_varint(out, u64::from(set.requests_reserved));
        }
        Body::AcceptClock(accept) => super::put_instant(out, time, accept.wall),
        Body::SemanticsVersion(version) => bytes::put_varint(out, u64::from(*version)),
        Body::BeginEpoch(begin) => put_begin_epoch(out, begin),
        Body::Quarantine(quarantine) => bytes::put_varint(out, quarantine.sequence.value()),
        Body::CreateAsset(create) => clearing::put_asset(out, create),
        Body::CreateCustodian(create) => clearing::put_custodian(out, create),
        Body::SetClearing(set) => clearing::put_clearing(out, set),
        Body::SetFees(set) => clearing::put_fees(out, set),
        Body::SetTier(set) => clearing::put_tier(out, *set),
        Body::Instruct(instruct) => clearing::put_instruct(out, instruct),
        Body::Acknowledge(acknowledge) => clearing::put_acknowledge(out, acknowledge),
        Body::CloseCustodyDate(close) => clearing::put_close_custody_date(out, *close),
        Body::Standing(command) => standing::put(out, command),
        Body::Switch(command) => switch::put(out, command),
        Body::Limits(command) => limits::put(out, command),
        Body::Receipts(act) => receipts::put(out, act),
        Body::Correction(command) => correction::put(out, command),
        Body::Credit(command) => credit::put(out, command),
        Body::Settlement(command) => settlement::put(out, command),
        Body::Margin(command) => margin::put(out, command),
        Body::Sales(command) => sales::put(out, command),
        Body::Contract(command) => contracts::put(out, command),
        Body::ServiceGap(gap) => bytes::put_time(out, gap.from),
        Body::DefineRegime(regime) => regimes::put(out, regime),
        Body::MoveVenue(moves) => regimes::put_move(out, moves),
        Body::SetAnnualUse(set) => border::put(out, *set),
        Body::Tick | Body::SessionsLost => {}
    }
}

fn put_account(out: &mut Vec<u8>, account: &CreateAccount) {
    bytes::put_text(out, &account.name);
    bytes::put_varint(out, u64::from(account.participant.index()));
    bytes::put_varint(out, u64::from(account.owner.index()));
}

fn put_venue(out: &mut Vec<u8>, venue: &CreateVenue) {
    bytes::put_text(out, &venue.name);
    bytes::put_text(out, &venue.title);
    regime::put_regimes(out, &venue.regimes);
    regime::put_models(out, &venue.models);
    section::put_demonstration(out, venue.demonstration);
    bytes::put_option(out, venue.licence.as_ref(), bytes::put_text);
    let calendar = venue.calendar.map(|id| u64::from(id.index()));
    bytes::put_option(out, calendar, bytes::put_varint);
}

pub(super) fn create_venue(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let venue = CreateVenue {
        name: input.text()?,
        title: input.text()?,
        regimes: regime::regimes(input)?,
        models: regime::models(input)?,
        demonstration: section::demonstration(input)?,
        licence: input.option(Reader::text)?,
        calendar: input.option(section::calendar_id)?,
    };
    Ok(Body::CreateVenue(Box::new(venue)))
}

pub(super) fn open_session(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::OpenSession(OpenSession {
        name: input.text()?,
        last_client_sequence: input.varint()?,
    }))
}

pub(super) fn create_participant(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let name = input.text()?;
    Ok(Body::CreateParticipant(CreateParticipant { name }))
}

pub(super) fn create_owner(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let name = input.text()?;
    Ok(Body::CreateOwner(CreateOwner { name }))
}

pub(super) fn create_account(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::CreateAccount(CreateAccount {
        name: input.text()?,
        participant: ParticipantId::new(input.varint32("participant")?),
        owner: OwnerId::new(input.varint32("owner")?),
    }))
}

pub(super) fn set_calendar(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let terms = calendar::terms(input)?;
    Ok(Body::SetCalendar(Box::new(terms)))
}

pub(super) fn create_instrument(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let instrument = CreateInstrument {
        name: input.text()?,
        title: input.text()?,
        venue: venue_id(input)?,
        terms: instrument::terms(input)?,
    };
    Ok(Body::CreateInstrument(Box::new(instrument)))
}

pub(super) fn set_schedule(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let timetable = SetSchedule {
        venue: venue_id(input)?,
        entries: schedule::entries(input)?,
    };
    Ok(Body::SetSchedule(Box::new(timetable)))
}

pub(super) fn set_phase(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::SetPhase(SetPhase {
        venue: venue_id(input)?,
        phase: schedule::phase(input)?,
    }))
}

fn put_scope(out: &mut Vec<u8>, scope: Scope) {
    let (kind, index) = match scope {
        Scope::Venue(id) => (0, id.index()),
        Scope::Instrument(id) => (1, id.index()),
    };
    bytes::put_u8(out, kind);
    bytes::put_varint(out, u64::from(index));
}

pub(super) fn set_trading_status(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let scope = match input.u8()? {
        0 => Scope::Venue(venue_id(input)?),
        1 => Scope::Instrument(InstrumentId::new(input.varint32("instrument")?)),
        _ => return Err(BytesError::range("the scope of a trading status")),
    };
    let status = instrument::status(input)?;
    Ok(Body::SetTradingStatus(SetTradingStatus { scope, status }))
}

pub(super) fn set_reference_price(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::SetReferencePrice(SetReferencePrice {
        instrument: InstrumentId::new(input.varint32("instrument")?),
        price: input.price("reference price")?,
    }))
}

pub(super) fn set_limits(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::SetLimits(SetLimits {
        requests_max: input.varint32("requests_max")?,
        requests_reserved: input.varint32("requests_reserved")?,
    }))
}

pub(super) fn accept_clock(input: &mut Reader<'_>, time: Time) -> Result<Body, BytesError> {
    let wall = super::instant(input, time, "wall")?;
    Ok(Body::AcceptClock(AcceptClock { wall }))
}

pub(super) fn service_gap(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let from = input.time("where a gap begins")?;
    Ok(Body::ServiceGap(ServiceGap { from }))
}

fn put_begin_epoch(out: &mut Vec<u8>, begin: &BeginEpoch) {
    bytes::put_varint(out, u64::from(begin.epoch));
    bytes::put_u8(out, begin.cause as u8);
    bytes::put_option(out, begin.lost, |out, (first, last)| {
        bytes::put_varint(out, first.value());
        bytes::put_varint(out, last.value());
    });
}

pub(super) fn begin_epoch(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let epoch = input.varint32("epoch")?;
    let cause = usize::from(input.u8()?);
    let cause = EpochCause::ALL.get(cause).copied();
    let sequence = |input: &mut Reader<'_>| input.varint().map(Sequence::new);
    Ok(Body::BeginEpoch(BeginEpoch {
        epoch,
        cause: cause.ok_or(BytesError::range("the cause of an epoch"))?,
        lost: input.option(|input| Ok((sequence(input)?, sequence(input)?)))?,
    }))
}

pub(super) fn quarantine(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let sequence = Sequence::new(input.varint()?);
    Ok(Body::Quarantine(Quarantine { sequence }))
}

fn put_venue_id(out: &mut Vec<u8>, venue: VenueId) {
    bytes::put_varint(out, u64::from(venue.index()));
}

fn venue_id(input: &mut Reader<'_>) -> Result<VenueId, BytesError> {
    Ok(VenueId::new(input.varint32("venue")?))
}

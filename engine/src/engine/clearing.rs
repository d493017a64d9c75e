//! Commands about money and goods: their checks in order, and what they do.
//!
//! Invariant: as elsewhere, a refused command changes nothing and every command is answered. Not
//! here: the rules of each (`clearing`), what orders hold (`orders`).

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the engine sends only commands about money or goods here"
)]

use super::{Engine, operation};
use crate::clearing::Clearing;
use crate::clearing::custody::{Approved, Known};
use crate::clearing::fee::Fees;
use crate::clearing::settlement::Waited;
use crate::clearing::terms::Cleared;
use crate::command::{
    Acknowledge, Body, Command, Direction, Envelope, Instruct, SetClearing, SetFees,
};
use crate::event::{CustodyReport, CustodyStatus, Event, Events};
use crate::reject::{Reject, RejectReason};
use crate::types::{Time, VenueId};

impl Engine {
    /// All money and goods.
    pub fn clearing(&self) -> &Clearing {
        &self.clearing
    }

    /// Checks a command about money or goods and changes nothing.
    pub(super) fn check_clear(&self, command: &Command, time: Time) -> Result<(), Reject> {
        match &command.body {
            Body::CreateAsset(create) => self.clearing.assets.check_asset(create),
            Body::CreateCustodian(create) => self.clearing.assets.check_custodian(create),
            Body::SetClearing(set) => self.check_clearing(set).map(|_| ()),
            Body::SetFees(set) => self.check_fees(set),
            Body::SetTier(set) => Fees::check_tier(*set, &self.parties),
            Body::Instruct(instruct) => self.check_instruct(instruct).map(|_| ()),
            Body::Acknowledge(acknowledge) => {
                let approved = approved(&command.envelope);
                let checked = self.clearing.check_acknowledge(acknowledge, approved);
                checked.map(|_| ())
            }
            Body::CloseCustodyDate(close) => {
                let approved = approved(&command.envelope);
                self.clearing.check_close(*close, approved, time)
            }
            other => unreachable!("not about money or goods: {other:?}"),
        }
    }

    /// Carries out a command about money or goods.
    pub(super) fn clear(&mut self, command: &Command, events: &mut Events) {
        let done = match &command.body {
            Body::CreateAsset(create) => self.clearing.assets.create_asset(create).map(Some),
            Body::CreateCustodian(create) => {
                self.clearing.assets.create_custodian(create).map(Some)
            }
            Body::SetClearing(set) => self.set_clearing(set).map(|()| None),
            Body::SetFees(set) => {
                let checked = self.check_fees(set);
                checked
                    .map(|()| self.clearing.fees.set_fees(set))
                    .map(|()| None)
            }
            Body::SetTier(set) => {
                let checked = Fees::check_tier(*set, &self.parties);
                checked
                    .map(|()| self.clearing.fees.set_tier(*set))
                    .map(|()| None)
            }
            Body::Instruct(instruct) => self.instruct(instruct, events).map(|()| None),
            Body::Acknowledge(answer) => {
                let approved = approved(&command.envelope);
                self.acknowledge(answer, approved, events).map(|()| None)
            }
            Body::CloseCustodyDate(close) => {
                let approved = approved(&command.envelope);
                let checked = self.clearing.check_close(*close, approved, self.time);
                checked
                    .map(|()| self.clearing.close_date(*close))
                    .map(|()| None)
            }
            other => unreachable!("not about money or goods: {other:?}"),
        };
        operation(events, done);
    }

    /// UNKNOWN_INSTRUMENT, UNKNOWN_ASSET, INVALID_FIELD, TOO_MANY.
    fn check_clearing(&self, set: &SetClearing) -> Result<(VenueId, Cleared), Reject> {
        let instrument = self.venues.instrument(set.instrument);
        let instrument = instrument.ok_or(RejectReason::UnknownInstrument)?;
        let venue = self.venues.venue(instrument.venue);
        let venue = venue.expect("an instrument has a venue");
        let of = (venue, instrument.venue);
        let live = self.market(set.instrument).slots(&self.arena).next();
        let checked = self.clearing.check_terms(set, of, &instrument.terms, live);
        let cleared = checked?;
        self.check_law_of_goods(set)?;
        Ok((instrument.venue, cleared))
    }

    fn set_clearing(&mut self, set: &SetClearing) -> Result<(), Reject> {
        let (venue, cleared) = self.check_clearing(set)?;
        // Nothing below can fail.
        self.clearing.set_terms(set.instrument, venue, &cleared);
        self.settle_by_law(set.instrument);
        Ok(())
    }

    /// UNKNOWN_VENUE, UNKNOWN_INSTRUMENT, INVALID_FIELD, TOO_MANY.
    fn check_fees(&self, set: &SetFees) -> Result<(), Reject> {
        if self.venues.venue(set.venue).is_none() {
            return Err(RejectReason::UnknownVenue.into());
        }
        if let Some(id) = set.instrument {
            let known = self.venues.instrument(id);
            if known.is_none_or(|known| known.venue != set.venue) {
                return Err(RejectReason::UnknownInstrument.into());
            }
        }
        self.clearing.fees.check_fees(set)
    }

    fn check_instruct(&self, instruct: &Instruct) -> Result<Known, Reject> {
        if self.parties.owner_of(instruct.account).is_none() {
            return Err(RejectReason::UnknownAccount.into());
        }
        self.check_mover(instruct.account, instruct.direction)?;
        let lawful = self.check_holder(instruct);
        let known = self.clearing.check_instruct(instruct, lawful)?;
        self.check_holder_room(instruct)?;
        Ok(known)
    }

    fn instruct(&mut self, instruct: &Instruct, events: &mut Events) -> Result<(), Reject> {
        let known = self.check_instruct(instruct)?;
        // Nothing below can fail.
        let (id, time) = (self.sequence, self.time);
        let report = self.clearing.instruct(id, time, instruct, &known);
        self.note_custody(&report, Waited::No);
        self.custody(&report, events);
        Ok(())
    }

    fn acknowledge(
        &mut self,
        answer: &Acknowledge,
        approved: Approved,
        events: &mut Events,
    ) -> Result<(), Reject> {
        let instruction = self.clearing.check_acknowledge(answer, approved)?;
        // Nothing below can fail.
        let report = self.clearing.acknowledge(answer, &instruction);
        self.note_custody(&report, Waited::Yes);
        if let Some(contract) = self.contracts.bank_answered(answer.instruction) {
            self.bank_answered(contract, &report, events);
            return Ok(());
        }
        self.custody(&report, events);
        Ok(())
    }

    /// Says what became of an instruction; a deposit answers margin calls.
    fn custody(&mut self, report: &CustodyReport, events: &mut Events) {
        events.push(Event::Custody(*report));
        let executed = report.status == CustodyStatus::Executed;
        if executed && report.direction == Direction::Deposit {
            self.clearing
                .answer_calls(report.account, report.asset, events);
        }
    }
}

/// Whether another principal than the sender approved a command.
pub(crate) fn approved(envelope: &Envelope) -> Approved {
    let authority = envelope.authority.as_deref();
    match authority.and_then(|authority| authority.approver) {
        Some(approver) if approver != envelope.principal => Approved::Yes,
        Some(_) | None => Approved::No,
    }
}

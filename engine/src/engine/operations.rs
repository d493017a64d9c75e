//! Operators' commands that touch orders: phases, trading status, reference prices; sessions.
//!
//! Invariant: a change of phase or status is announced before its consequences, instrument by
//! instrument in order of their handles; the answer comes last. Not here: parties and venues as
//! such, whose modules answer by themselves.

use super::{Engine, Floor, operation};
use crate::command::{
    DefineRegime, Envelope, OpenSession, Scope, ServiceGap, SetPhase, SetReferencePrice,
    SetTradingStatus,
};
use crate::event::{
    Event, Events, PhaseChanged, ReferencePrice, RegimeDefined, RegimeEvent, StatusChanged,
};
use crate::reject::Reject;
use crate::types::{PrincipalId, Time, VenueId};
use crate::venue::{Approval, Phase, TradingStatus};

impl Engine {
    pub(super) fn open_session(
        &mut self,
        principal: PrincipalId,
        command: &OpenSession,
        events: &mut Events,
    ) {
        match self.sessions.open(principal, command) {
            Ok(opened) => events.push(Event::SessionOpened(opened)),
            Err(reject) => operation(events, Err(reject)),
        }
    }

    pub(super) fn set_phase(&mut self, command: SetPhase, events: &mut Events) {
        if let Err(reject) = self.venues.check_phase(command.venue, command.phase) {
            return operation(events, Err(reject));
        }
        // Nothing below can fail.
        self.venues.override_timetable(command.venue);
        self.enter_phase(command.venue, command.phase, self.time, events);
        operation(events, Ok(None));
    }

    /// Moves a venue to a phase at the instant `at`, with all that does to its orders.
    pub(super) fn enter_phase(
        &mut self,
        venue: VenueId,
        phase: Phase,
        at: Time,
        events: &mut Events,
    ) {
        let old = self.venues.venue(venue).expect("the venue is known").phase;
        if old == phase {
            return;
        }
        self.venues.set_phase(venue, phase);
        events.push(Event::PhaseChanged(PhaseChanged { venue, phase }));
        for index in 0..self.venues.instruments_of(venue).len() {
            let instrument = self.venues.instruments_of(venue)[index];
            if !self.has_market(instrument) {
                continue;
            }
            let mut floor = self.floor(instrument, events);
            let Floor {
                market,
                setting,
                desk,
            } = &mut floor;
            market.change_phase(desk, setting, old);
            if setting.trading && setting.is_continuous() {
                self.clearing.margin.rearm(instrument, at);
            }
        }
        if phase == Phase::Closed {
            self.day_ends.fall_due(venue, at, self.sequence);
        }
    }

    /// INVALID_FIELD, MODEL_NOT_ALLOWED, TOO_MANY.
    pub(super) fn check_regime(
        &self,
        envelope: &Envelope,
        terms: &DefineRegime,
    ) -> Result<(), Reject> {
        let checked = self.venues.law().check(terms, Approval::of(envelope));
        checked.map(|_| ())
    }

    /// The same as the newest version of its name is that version; nothing new is announced.
    pub(super) fn define_regime(
        &mut self,
        envelope: &Envelope,
        terms: &DefineRegime,
        events: &mut Events,
    ) {
        let approval = Approval::of(envelope);
        let known = match self.venues.law().check(terms, approval) {
            Ok(known) => known,
            Err(reject) => return operation(events, Err(reject)),
        };
        // Nothing below can fail.
        let regime = known.unwrap_or_else(|| {
            let (regime, from) = self.venues.define_regime(terms, approval, self.time);
            let defined = RegimeDefined { regime, from };
            events.push(Event::Regime(RegimeEvent::Defined(defined)));
            regime
        });
        operation(events, Ok(Some(u32::from(regime.code()))));
    }

    pub(super) fn set_trading_status(&mut self, command: &SetTradingStatus, events: &mut Events) {
        let (scope, status) = (command.scope, command.status);
        let old = match self.venues.status(scope) {
            Ok(old) => old,
            Err(reason) => return operation(events, Err(reason.into())),
        };
        // Nothing below can fail.
        if old != status {
            self.venues.set_status(scope, status);
            self.mark_gap(scope, status);
            events.push(Event::StatusChanged(StatusChanged { scope, status }));
            if status == TradingStatus::Trading {
                self.resume(scope, events);
            }
        }
        operation(events, Ok(None));
    }

    /// The shard is there again.
    pub(super) fn end_gap(&mut self, gap: ServiceGap, events: &mut Events) {
        let gaps = &mut self.contracts.gaps;
        gaps.down(gap.from, self.time, self.sequence);
        operation(events, Ok(None));
    }

    /// Deadlines of contracts do not pass while their venue is halted.
    fn mark_gap(&mut self, scope: Scope, status: TradingStatus) {
        let Scope::Venue(venue) = scope else {
            return;
        };
        let gaps = &mut self.contracts.gaps;
        match status {
            TradingStatus::Halted | TradingStatus::Suspended => gaps.halt(venue, self.time),
            TradingStatus::Trading | TradingStatus::CancelOnly => {
                gaps.resume(venue, self.time, self.sequence);
            }
        }
    }

    /// Venue or instrument has just become Trading: continuous trading goes on where it can.
    fn resume(&mut self, scope: Scope, events: &mut Events) {
        let count = match scope {
            Scope::Venue(venue) => self.venues.instruments_of(venue).len(),
            Scope::Instrument(_) => 1,
        };
        for index in 0..count {
            let instrument = match scope {
                Scope::Venue(venue) => self.venues.instruments_of(venue)[index],
                Scope::Instrument(instrument) => instrument,
            };
            if !self.has_market(instrument) {
                continue;
            }
            let mut floor = self.floor(instrument, events);
            let Floor {
                market,
                setting,
                desk,
            } = &mut floor;
            if setting.trading && setting.is_continuous() {
                market.open_continuous(desk, setting);
                self.clearing.margin.rearm(instrument, self.time);
            }
        }
    }

    pub(super) fn set_reference_price(&mut self, command: &SetReferencePrice, events: &mut Events) {
        let done = self.venues.set_reference_price(command);
        if done.is_ok() {
            events.push(Event::ReferencePrice(ReferencePrice {
                instrument: command.instrument,
                price: command.price,
            }));
        }
        operation(events, done.map(|()| None));
    }
}

//! All venues of a shard with their calendars, timetables and instruments.
//!
//! Invariant: a venue's models are lawful under its regimes, and its phase is one they allow. Not
//! here: what a change of phase does to orders (`market::book`), days and timetables
//! (`deadlines`), bytes (`section`).

use super::calendar::Calendar;
use super::deadlines::Due;
use super::instrument::{self, Instrument};
use super::moves::Moving;
use super::schedule::Schedule;
use super::{Action, Approval, Law, Model, Phase, Regime, TradingStatus, permits};
use crate::command::{
    CreateInstrument, CreateVenue, DefineRegime, Demonstration, Scope, SetCalendar,
    SetReferencePrice, SetSchedule,
};
use crate::limits::Limits;
use crate::parties::Directory;
use crate::reject::{Reject, RejectReason};
use crate::types::{CalendarId, InstrumentId, Name, Price, Time, Title, VenueId};

/// A venue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Venue {
    /// Its public id.
    pub name: Name,
    /// Its title for people.
    pub title: Title,
    /// The regimes it stands under.
    pub regimes: Vec<Regime>,
    /// Those it will stand under.
    pub moving: Option<Moving>,
    /// The models it offers.
    pub models: Vec<Model>,
    /// Whether it is a demonstration.
    pub demonstration: Demonstration,
    /// Its licence.
    pub licence: Option<Title>,
    /// Its calendar.
    pub calendar: Option<CalendarId>,
    /// Its phase.
    pub phase: Phase,
    /// Its trading status; each instrument has its own beside it.
    pub status: TradingStatus,
    /// Whether an operator set the phase since the last day roll.
    pub overridden: Overridden,
    /// Its timetable; no entries for none.
    pub schedule: Schedule,
    /// How many days of its calendar have begun: the index of the next one.
    pub days_begun: u32,
    /// The next timetable entry of the current day.
    pub(super) next_entry: u32,
    /// Its instruments, in order of their handles.
    pub(super) instruments: Vec<InstrumentId>,
}

/// Whether the timetable has its effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overridden {
    /// The timetable moves the phase.
    No,
    /// An operator moved it; the timetable rests until the next day roll.
    UntilDayRoll,
}

impl Venue {
    /// Whether the venue offers `model`.
    pub fn offers(&self, model: Model) -> bool {
        self.models.contains(&model)
    }

    /// Whether the venue's models allow `phase`.
    pub(super) fn takes(&self, phase: Phase) -> bool {
        match phase {
            Phase::Continuous => self.offers(Model::Clob),
            Phase::Closed | Phase::PostClose => true,
            Phase::PreOpen
            | Phase::PreOpenNoCancel
            | Phase::Freeze
            | Phase::Uncross
            | Phase::VolatilityCall
            | Phase::ClosingCall
            | Phase::ClosingCallNoCancel => self.offers(Model::CallAuction),
        }
    }
}

/// All venues of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Venues {
    pub(super) calendar_names: Directory,
    pub(super) calendars: Vec<Calendar>,
    pub(super) venue_names: Directory,
    pub(super) list: Vec<Venue>,
    pub(super) instrument_names: Directory,
    pub(super) instruments: Vec<Instrument>,
    pub(super) next: Option<Due>,
    pub(super) law: Law,
}

impl Venues {
    /// No venues, with room for as many as `limits` says.
    pub const fn new(limits: &Limits) -> Self {
        Self {
            calendar_names: Directory::new(limits.calendars_max),
            calendars: Vec::new(),
            venue_names: Directory::new(limits.venues_max),
            list: Vec::new(),
            instrument_names: Directory::new(limits.instruments_max),
            instruments: Vec::new(),
            next: None,
            law: Law::new(),
        }
    }

    /// All regimes.
    pub const fn law(&self) -> &Law {
        &self.law
    }

    /// The venue, if there is one.
    pub fn venue(&self, id: VenueId) -> Option<&Venue> {
        self.list.get(id.place())
    }

    /// The instrument, if there is one.
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.get(id.place())
    }

    /// The calendar, if there is one.
    pub fn calendar(&self, id: CalendarId) -> Option<&Calendar> {
        self.calendars.get(id.place())
    }

    /// The venue with this public id.
    pub fn find_venue(&self, name: &Name) -> Option<VenueId> {
        self.venue_names.find(name).map(VenueId::new)
    }

    /// The instrument with this public id.
    pub fn find_instrument(&self, name: &Name) -> Option<InstrumentId> {
        self.instrument_names.find(name).map(InstrumentId::new)
    }

    /// The calendar with this public id.
    pub fn find_calendar(&self, name: &Name) -> Option<CalendarId> {
        self.calendar_names.find(name).map(CalendarId::new)
    }

    /// All venues in order of their handles.
    pub fn venues(&self) -> impl ExactSizeIterator<Item = (VenueId, &Venue)> {
        let venues = self.list.iter().enumerate();
        venues.map(|(index, venue)| (VenueId::new(index as u32), venue))
    }

    /// All instruments in order of their handles.
    pub fn instruments(&self) -> impl ExactSizeIterator<Item = (InstrumentId, &Instrument)> {
        let instruments = self.instruments.iter().enumerate();
        instruments.map(|(index, one)| (InstrumentId::new(index as u32), one))
    }

    /// All calendars in order of their handles.
    pub fn calendars(&self) -> impl ExactSizeIterator<Item = (CalendarId, &Calendar)> {
        let calendars = self.calendars.iter().enumerate();
        calendars.map(|(index, one)| (CalendarId::new(index as u32), one))
    }

    /// The venue's instruments in order of their handles; none for an unknown venue.
    pub fn instruments_of(&self, id: VenueId) -> &[InstrumentId] {
        self.venue(id).map_or(&[], |venue| &venue.instruments)
    }

    /// Whether the instrument takes `action` now.
    ///
    /// # Errors
    /// UNKNOWN_INSTRUMENT; HALTED, CANCEL_ONLY, MARKET_CLOSED, PHASE_NO_CANCEL.
    pub fn permits(&self, id: InstrumentId, action: Action) -> Result<(), RejectReason> {
        let Some(instrument) = self.instrument(id) else {
            return Err(RejectReason::UnknownInstrument);
        };
        let venue = &self.list[instrument.venue.place()];
        permits(venue.phase, [venue.status, instrument.status], action)
    }

    /// Whether the statuses of a known instrument and of its venue are both Trading.
    pub fn is_trading(&self, id: InstrumentId) -> bool {
        let instrument = &self.instruments[id.place()];
        let venue = &self.list[instrument.venue.place()];
        [instrument.status, venue.status] == [TradingStatus::Trading; 2]
    }

    /// The venue of a known instrument.
    #[inline]
    pub fn venue_of(&self, id: InstrumentId) -> VenueId {
        self.instruments[id.place()].venue
    }

    /// The trading day of a known venue, counted from 1970-01-01: the last one that began, or
    /// `i32::MIN` before the first and without a calendar.
    pub fn trading_day(&self, id: VenueId) -> i32 {
        let venue = &self.list[id.place()];
        let calendar = venue.calendar.map(|id| &self.calendars[id.place()]);
        let index = venue.days_begun.checked_sub(1);
        let day = calendar
            .zip(index)
            .and_then(|(calendar, index)| calendar.day(index));
        day.unwrap_or(i32::MIN)
    }

    /// Whether a known instrument's venue is a demonstration.
    pub fn is_demonstration(&self, id: InstrumentId) -> bool {
        let venue = &self.list[self.instruments[id.place()].venue.place()];
        venue.demonstration == Demonstration::Demonstration
    }

    /// The phase of a known instrument's venue.
    pub fn phase_of(&self, id: InstrumentId) -> Phase {
        self.list[self.instruments[id.place()].venue.place()].phase
    }

    /// The lowest and highest price of the instrument's static band, if there is one.
    pub fn static_limits(&self, id: InstrumentId) -> Option<(Price, Price)> {
        self.instrument(id)?.static_limits()
    }

    /// The trading day the venue is in, if one has begun: its index in the calendar.
    pub fn current_day(&self, id: VenueId) -> Option<u32> {
        self.venue(id)?.days_begun.checked_sub(1)
    }
}

/// Making and setting.
impl Venues {
    /// Checks a calendar and changes nothing.
    ///
    /// # Errors
    /// INVALID_FIELD, TOO_MANY.
    pub fn check_calendar(&self, command: &SetCalendar) -> Result<(), Reject> {
        let valid = Calendar::new(command).ok_or(RejectReason::InvalidField)?;
        match self.find_calendar(valid.name()) {
            Some(_) => Ok(()),
            None => self.calendar_names.check_room(),
        }
    }

    /// Makes a calendar, or replaces the one of this name, and returns its handle. Its venues'
    /// next roll is then the first one after `time`.
    ///
    /// # Errors
    /// Those of [`Venues::check_calendar`].
    pub fn set_calendar(&mut self, command: &SetCalendar, time: Time) -> Result<u32, Reject> {
        self.check_calendar(command)?;
        // Nothing below can fail.
        let calendar = Calendar::new(command).expect("it was checked");
        let handle = if let Some(known) = self.find_calendar(&command.name) {
            self.calendars[known.place()] = calendar;
            known.index()
        } else {
            self.calendars.push(calendar);
            self.calendar_names.add(command.name)
        };
        for place in 0..self.list.len() {
            if self.list[place].calendar == Some(CalendarId::new(handle)) {
                self.find_day(place, time);
            }
        }
        self.find_next();
        Ok(handle)
    }

    /// Checks a new venue and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_CALENDAR, UNKNOWN_REGIME, ALREADY_EXISTS, those of [`Law::check_venue`], TOO_MANY.
    pub fn check_venue(&self, command: &CreateVenue, time: Time) -> Result<(), Reject> {
        if command
            .calendar
            .is_some_and(|id| self.calendar(id).is_none())
        {
            return Err(RejectReason::UnknownCalendar.into());
        }
        if command.regimes.iter().any(|one| !self.law.is_known(*one)) {
            return Err(RejectReason::UnknownRegime.into());
        }
        self.venue_names.check_name(&command.name)?;
        self.law.check_venue(command, time)?;
        self.venue_names.check_room()
    }

    /// Makes a venue, closed and trading, and returns its handle.
    ///
    /// # Errors
    /// Those of [`Venues::check_venue`].
    pub fn create_venue(&mut self, command: &CreateVenue, time: Time) -> Result<u32, Reject> {
        self.check_venue(command, time)?;
        // Nothing below can fail.
        self.list.push(Venue {
            name: command.name,
            title: command.title,
            regimes: command.regimes.clone(),
            moving: None,
            models: command.models.clone(),
            demonstration: command.demonstration,
            licence: command.licence,
            calendar: command.calendar,
            phase: Phase::Closed,
            status: TradingStatus::Trading,
            overridden: Overridden::No,
            schedule: Schedule::default(),
            days_begun: 0,
            next_entry: 0,
            instruments: Vec::new(),
        });
        self.find_day(self.list.len() - 1, time);
        self.find_next();
        Ok(self.venue_names.add(command.name))
    }

    /// Defines a version of a regime that was checked; from when on it applies.
    pub fn define_regime(
        &mut self,
        terms: &DefineRegime,
        approval: Approval,
        time: Time,
    ) -> (Regime, Time) {
        let regime = self.law.define(terms, approval, time);
        let version = self.law.version(regime).expect("it was just defined");
        (regime, version.from)
    }

    /// Checks a new instrument and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_VENUE, ALREADY_EXISTS, INVALID_FIELD, TOO_MANY.
    pub fn check_instrument(&self, command: &CreateInstrument) -> Result<(), Reject> {
        if self.venue(command.venue).is_none() {
            return Err(RejectReason::UnknownVenue.into());
        }
        self.instrument_names.check_name(&command.name)?;
        if !instrument::are_valid(&command.terms) {
            return Err(RejectReason::InvalidField.into());
        }
        self.instrument_names.check_room()
    }

    /// Makes an instrument and returns its handle.
    ///
    /// # Errors
    /// Those of [`Venues::check_instrument`].
    pub fn create_instrument(&mut self, command: &CreateInstrument) -> Result<u32, Reject> {
        self.check_instrument(command)?;
        // Nothing below can fail.
        let handle = self.instrument_names.add(command.name);
        self.add_instrument(&Instrument {
            name: command.name,
            title: command.title,
            venue: command.venue,
            terms: command.terms,
            status: TradingStatus::Trading,
            reference: None,
        });
        Ok(handle)
    }

    pub(super) fn add_instrument(&mut self, instrument: &Instrument) {
        let id = InstrumentId::new(self.instruments.len() as u32);
        self.list[instrument.venue.place()].instruments.push(id);
        self.instruments.push(*instrument);
    }

    /// Checks a timetable and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_VENUE; INVALID_FIELD (no calendar, or entries out of their bounds);
    /// MODEL_NOT_AVAILABLE.
    pub fn check_schedule(&self, command: &SetSchedule) -> Result<(), Reject> {
        let venue = self
            .venue(command.venue)
            .ok_or(RejectReason::UnknownVenue)?;
        if venue.calendar.is_none() || Schedule::new(&command.entries).is_none() {
            return Err(RejectReason::InvalidField.into());
        }
        if !command.entries.iter().all(|(_, phase)| venue.takes(*phase)) {
            return Err(RejectReason::ModelNotAvailable.into());
        }
        Ok(())
    }

    /// Sets a venue's timetable, with effect for instants after `time`.
    ///
    /// # Errors
    /// Those of [`Venues::check_schedule`].
    pub fn set_schedule(&mut self, command: &SetSchedule, time: Time) -> Result<(), Reject> {
        self.check_schedule(command)?;
        // Nothing below can fail.
        let schedule = Schedule::new(&command.entries).expect("it was checked");
        self.list[command.venue.place()].schedule = schedule;
        self.find_entry(command.venue.place(), time);
        self.find_next();
        Ok(())
    }

    /// Checks a reference price and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_INSTRUMENT, INVALID_FIELD (a sign the instrument does not allow).
    pub fn check_reference_price(&self, command: &SetReferencePrice) -> Result<(), Reject> {
        let instrument = self.instrument(command.instrument);
        let instrument = instrument.ok_or(RejectReason::UnknownInstrument)?;
        if instrument.terms.price_sign.allows(command.price) {
            Ok(())
        } else {
            Err(RejectReason::InvalidField.into())
        }
    }

    /// Sets an instrument's reference price.
    ///
    /// # Errors
    /// Those of [`Venues::check_reference_price`].
    pub fn set_reference_price(&mut self, command: &SetReferencePrice) -> Result<(), Reject> {
        self.check_reference_price(command)?;
        // Nothing below can fail.
        self.instruments[command.instrument.place()].reference = Some(command.price);
        Ok(())
    }

    /// Whether the venue could enter `phase`.
    ///
    /// # Errors
    /// UNKNOWN_VENUE, MODEL_NOT_AVAILABLE.
    pub fn check_phase(&self, id: VenueId, phase: Phase) -> Result<(), Reject> {
        let venue = self.venue(id).ok_or(RejectReason::UnknownVenue)?;
        if venue.takes(phase) {
            Ok(())
        } else {
            Err(RejectReason::ModelNotAvailable.into())
        }
    }

    /// Moves a known venue to a phase its models allow.
    pub fn set_phase(&mut self, id: VenueId, phase: Phase) {
        assert!(self.check_phase(id, phase).is_ok(), "the phase was checked");
        self.list[id.place()].phase = phase;
    }

    /// Lets a known venue's timetable rest until the next day roll.
    pub fn override_timetable(&mut self, id: VenueId) {
        self.list[id.place()].overridden = Overridden::UntilDayRoll;
    }

    /// The trading status of a venue or an instrument.
    ///
    /// # Errors
    /// UNKNOWN_VENUE, UNKNOWN_INSTRUMENT.
    pub fn status(&self, scope: Scope) -> Result<TradingStatus, RejectReason> {
        match scope {
            Scope::Venue(id) => {
                let venue = self.venue(id).ok_or(RejectReason::UnknownVenue)?;
                Ok(venue.status)
            }
            Scope::Instrument(id) => {
                let instrument = self.instrument(id);
                Ok(instrument.ok_or(RejectReason::UnknownInstrument)?.status)
            }
        }
    }

    /// Sets the trading status of a known venue or instrument.
    pub fn set_status(&mut self, scope: Scope, status: TradingStatus) {
        match scope {
            Scope::Venue(id) => self.list[id.place()].status = status,
            Scope::Instrument(id) => self.instruments[id.place()].status = status,
        }
    }
}

#[cfg(test)]
#[path = "venues_tests.rs"]
mod tests;

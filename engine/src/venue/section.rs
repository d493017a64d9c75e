//! The bytes of all venues in a snapshot and in the state hash.
//!
//! Invariant: what `encode` writes reads back equal, and writes the same bytes again. The
//! earliest deadline is not written: it follows from the rest. Not here: files and versions
//! (`snapshot`), the law (a venue that was lawful when it was made is read as it is).

use super::calendar::Calendar;
use super::instrument::{self, Instrument};
use super::law::Law;
use super::schedule::{self, Schedule};
use super::venues::{Overridden, Venue, Venues};
use super::{Model, Phase, Regime, regime};
use crate::bytes::{self, BytesError, Reader};
use crate::command::Demonstration;
use crate::limits::Limits;
use crate::parties::Directory;
use crate::types::{CalendarId, Name};

impl Venues {
    /// Writes calendars, venues and instruments, each in order of the handles, then the law and who
    /// moves to a later one.
    pub fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.calendars.len() as u64);
        for calendar in &self.calendars {
            calendar.encode(out);
        }
        bytes::put_varint(out, self.list.len() as u64);
        for venue in &self.list {
            venue.encode(out);
        }
        bytes::put_varint(out, self.instruments.len() as u64);
        for instrument in &self.instruments {
            instrument.encode(out);
        }
        self.law.encode(out);
        self.encode_moves(out);
    }

    /// Reads what [`Venues::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes, more of a kind than `limits` allows, a name given twice, an unknown handle.
    pub fn decode(input: &mut Reader<'_>, limits: &Limits) -> Result<Self, BytesError> {
        let mut venues = Self::new(limits);
        for _ in 0..input.count(limits.calendars_max, 4, "the count of calendars")? {
            let calendar = Calendar::decode(input)?;
            add(&mut venues.calendar_names, calendar.name())?;
            venues.calendars.push(calendar);
        }
        for _ in 0..input.count(limits.venues_max, 9, "the count of venues")? {
            let venue = Venue::decode(input)?;
            let calendar = venue.calendar.map(|id| venues.calendar(id));
            let days = match calendar {
                None => 0,
                Some(None) => return Err(BytesError::range("a venue's calendar")),
                Some(Some(calendar)) => calendar.terms().days.len(),
            };
            if venue.days_begun as usize > days {
                return Err(BytesError::range("a venue's days"));
            }
            add(&mut venues.venue_names, &venue.name)?;
            venues.list.push(venue);
        }
        for _ in 0..input.count(limits.instruments_max, 16, "the count of instruments")? {
            let instrument = Instrument::decode(input)?;
            if venues.venue(instrument.venue).is_none() {
                return Err(BytesError::range("an instrument's venue"));
            }
            add(&mut venues.instrument_names, &instrument.name)?;
            venues.add_instrument(&instrument);
        }
        venues.law = Law::decode(input)?;
        let mut named = venues.list.iter().flat_map(|venue| &venue.regimes);
        if named.any(|regime| !venues.law.is_known(*regime)) {
            return Err(BytesError::range("a venue's regime"));
        }
        venues.decode_moves(input)?;
        venues.find_next();
        Ok(venues)
    }
}

fn add(names: &mut Directory, name: &Name) -> Result<(), BytesError> {
    let new = names.check(name);
    new.map_err(|_| BytesError::range("a name (empty or given twice)"))?;
    names.add(*name);
    Ok(())
}

impl Venue {
    fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_text(out, &self.name);
        bytes::put_text(out, &self.title);
        regime::put_regimes(out, &self.regimes);
        regime::put_models(out, &self.models);
        put_demonstration(out, self.demonstration);
        bytes::put_option(out, self.licence.as_ref(), bytes::put_text);
        let calendar = self.calendar.map(|id| u64::from(id.index()));
        bytes::put_option(out, calendar, bytes::put_varint);
        bytes::put_u8(out, self.phase as u8);
        bytes::put_u8(out, self.status as u8);
        bytes::put_u8(out, u8::from(self.overridden == Overridden::UntilDayRoll));
        self.schedule.encode(out);
        bytes::put_varint(out, u64::from(self.days_begun));
        bytes::put_varint(out, u64::from(self.next_entry));
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, BytesError> {
        let venue = Self {
            name: input.text()?,
            title: input.text()?,
            regimes: regime::regimes(input)?,
            moving: None,
            models: regime::models(input)?,
            demonstration: demonstration(input)?,
            licence: input.option(Reader::text)?,
            calendar: input.option(calendar_id)?,
            phase: schedule::phase(input)?,
            status: instrument::status(input)?,
            overridden: match input.u8()? {
                0 => Overridden::No,
                1 => Overridden::UntilDayRoll,
                _ => return Err(BytesError::range("the override of a timetable")),
            },
            schedule: Schedule::decode(input)?,
            days_begun: input.varint32("a venue's days")?,
            next_entry: input.varint32("a venue's next entry")?,
            instruments: Vec::new(),
        };
        let lists =
            venue.regimes.len() <= Regime::PER_VENUE_MAX && venue.models.len() <= Model::ALL.len();
        let entries = venue.schedule.entries().len();
        if !lists || venue.next_entry as usize > entries || !venue.takes_its_phases() {
            return Err(BytesError::range("a venue"));
        }
        Ok(venue)
    }

    fn takes_its_phases(&self) -> bool {
        let listed = self.schedule.entries().iter().map(|(_, phase)| *phase);
        let mut phases = listed.chain([self.phase]);
        phases.all(|phase: Phase| self.takes(phase))
    }
}

/// Reads a calendar's handle.
pub(crate) fn calendar_id(input: &mut Reader<'_>) -> Result<CalendarId, BytesError> {
    Ok(CalendarId::new(input.varint32("a calendar")?))
}

/// Writes whether a venue is a demonstration.
pub(crate) fn put_demonstration(out: &mut Vec<u8>, demonstration: Demonstration) {
    bytes::put_u8(out, u8::from(demonstration == Demonstration::Real));
}

/// Reads what [`put_demonstration`] wrote.
pub(crate) fn demonstration(input: &mut Reader<'_>) -> Result<Demonstration, BytesError> {
    match input.u8()? {
        0 => Ok(Demonstration::Demonstration),
        1 => Ok(Demonstration::Real),
        _ => Err(BytesError::range("demonstration")),
    }
}

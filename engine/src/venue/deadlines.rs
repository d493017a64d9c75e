//! What is due at venues: day rolls and timetable entries, in the order in which they fire.
//!
//! Invariant: a venue's next roll and next entry lie after everything that was fired; `next` is
//! the earliest of all venues'. Not here: expiry of orders, and what a roll or a phase does to
//! them (`engine`).

use super::Phase;
use super::venues::{Overridden, Venue, Venues};
use crate::event::DayRolled;
use crate::types::{Time, VenueId};

/// What kind of deadline of a venue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum DueKind {
    /// A trading day begins.
    DayRoll = 0,
    /// A timetable entry begins.
    Timetable = 2,
    /// Other versions of its regimes bind a venue.
    Law = 3,
}

/// A deadline, in the order in which deadlines fire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Due {
    /// When.
    pub deadline: Time,
    /// What.
    pub kind: DueKind,
    /// Whose.
    pub venue: VenueId,
}

/// What a deadline asks of the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fired {
    /// A trading day began; orders of the day are due to expire.
    DayRolled(DayRolled),
    /// The timetable asks for a phase; `set_phase` is the caller's.
    Phase(VenueId, Phase),
    /// An entry passed without effect, since an operator overrides the timetable.
    Passed,
    /// The venue stands under other versions of its regimes.
    Moved(VenueId),
}

impl Venues {
    /// The earliest deadline of all venues.
    pub const fn next_deadline(&self) -> Option<Due> {
        self.next
    }

    /// Fires the earliest deadline, which must be `due`. A day roll has then happened; a phase of
    /// the timetable is for the caller to enter.
    pub fn fire(&mut self, due: Due) -> Fired {
        assert_eq!(self.next, Some(due), "deadlines fire in their order");
        let fired = match due.kind {
            DueKind::DayRoll => Fired::DayRolled(self.roll_day(due.venue)),
            DueKind::Timetable => self.pass_entry(due.venue),
            DueKind::Law => {
                self.end_move(due.venue);
                Fired::Moved(due.venue)
            }
        };
        self.find_next();
        assert!(self.next > Some(due) || self.next.is_none(), "time goes on");
        fired
    }

    fn roll_day(&mut self, id: VenueId) -> DayRolled {
        let venue = &mut self.list[id.place()];
        let calendar = venue.calendar.expect("only a venue with a calendar rolls");
        let index = venue.days_begun;
        venue.days_begun += 1;
        venue.next_entry = 0;
        venue.overridden = Overridden::No;
        let day = self.calendars[calendar.place()].day(index);
        DayRolled {
            venue: id,
            calendar,
            day: day.expect("a deadline is a day of the calendar"),
            index,
        }
    }

    fn pass_entry(&mut self, id: VenueId) -> Fired {
        let venue = &mut self.list[id.place()];
        let (_, phase) = venue.schedule.entries()[venue.next_entry as usize];
        venue.next_entry += 1;
        match venue.overridden {
            Overridden::No => Fired::Phase(id, phase),
            Overridden::UntilDayRoll => Fired::Passed,
        }
    }

    /// Finds the current day of a venue at `time`, and its next entry after `time`.
    pub(super) fn find_day(&mut self, place: usize, time: Time) {
        let venue = &mut self.list[place];
        if let Some(calendar) = venue.calendar {
            venue.days_begun = self.calendars[calendar.place()].begun(time);
            self.find_entry(place, time);
        }
    }

    pub(super) fn find_entry(&mut self, place: usize, time: Time) {
        let roll = self.current_roll(&self.list[place]);
        let venue = &mut self.list[place];
        venue.next_entry = roll.map_or(0, |roll| venue.schedule.next_after(roll, time));
    }

    /// When the current day of a venue began.
    fn current_roll(&self, venue: &Venue) -> Option<Time> {
        let calendar = &self.calendars[venue.calendar?.place()];
        calendar.roll(venue.days_begun.checked_sub(1)?)
    }

    fn deadlines_of(&self, id: VenueId) -> [Option<Due>; 3] {
        let venue = &self.list[id.place()];
        let calendar = venue.calendar.map(|id| &self.calendars[id.place()]);
        let due = |kind, deadline| Due {
            deadline,
            kind,
            venue: id,
        };
        let roll = calendar.and_then(|calendar| calendar.roll(venue.days_begun));
        let current = self.current_roll(venue);
        let entry = current.and_then(|roll| venue.schedule.entry(roll, venue.next_entry));
        let moving = venue.moving.as_ref();
        [
            roll.map(|deadline| due(DueKind::DayRoll, deadline)),
            entry.map(|(deadline, _)| due(DueKind::Timetable, deadline)),
            moving.map(|moving| due(DueKind::Law, moving.from)),
        ]
    }

    /// Finds the earliest deadline anew. A walk of all venues: it is asked for only when a
    /// deadline fired or an operator changed one, and a heap with removal would not pay for 256.
    pub(super) fn find_next(&mut self) {
        let ids = (0..self.list.len()).map(|place| VenueId::new(place as u32));
        let dues = ids.flat_map(|id| self.deadlines_of(id));
        self.next = dues.flatten().min();
    }
}

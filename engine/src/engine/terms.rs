//! When deadlines of contracts end: civil days past days off, and what a venue leaves after a gap
//! in service.
//!
//! Invariant: what was set stands; a later calendar or a later word of a venue moves no deadline
//! that is set. Not here: which deadline a step sets (`contracts::steps`), the gaps themselves
//! (`contract::gaps`).

use super::Engine;
use super::clearing::approved;
use crate::clearing::custody::{Approved, business_date};
use crate::command::{Demonstration, Envelope, SetGrace};
use crate::contract::graces::{GRACE_MAX, GRACE_MIN};
use crate::contract::row::end_of_day_after;
use crate::event::SaleEvent;
use crate::reject::RejectReason as R;
use crate::types::{Time, VenueId};

impl Engine {
    /// 24:00 at UTC+8 of the n-th civil day after now; where the calendar of the venue says that
    /// this is a day off, of the next that is none (民法典(2020) 203). For no days the end of today.
    pub(super) fn end_of_civil_day(&self, venue: VenueId, days: u16) -> Time {
        if days == 0 {
            return end_of_day_after(self.time, 0);
        }
        end_of_day_after(self.time, days.saturating_add(self.days_off(venue, days)))
    }

    /// How many days off begin with the n-th day after now, as the venue's calendar says.
    fn days_off(&self, venue: VenueId, days: u16) -> u16 {
        let calendar = self.venues.venue(venue).and_then(|venue| venue.calendar);
        let calendar = calendar.and_then(|id| self.venues.calendar(id));
        let last = business_date(self.time) + i32::from(days);
        calendar.map_or(0, |calendar| calendar.days_off(last))
    }

    /// UNKNOWN_VENUE, INVALID_FIELD, APPROVER_REQUIRED, TOO_MANY.
    pub(super) fn check_grace(&self, envelope: &Envelope, set: &SetGrace) -> Result<(), R> {
        let venue = self.venues.venue(set.venue).ok_or(R::UnknownVenue)?;
        if !(GRACE_MIN..=GRACE_MAX).contains(&set.grace) {
            return Err(R::InvalidField);
        }
        let real = venue.demonstration == Demonstration::Real;
        if real && approved(envelope) == Approved::No {
            return Err(R::ApproverRequired);
        }
        if self.contracts.gaps.are_graces_full(set.venue) {
            return Err(R::TooMany);
        }
        Ok(())
    }

    pub(super) fn set_grace(&mut self, set: &SetGrace) -> SaleEvent {
        let (venue, grace) = (set.venue, set.grace);
        let gaps = &mut self.contracts.gaps;
        gaps.set_grace(venue, grace, self.sequence);
        SaleEvent::Grace { venue, grace }
    }
}

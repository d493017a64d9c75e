//! A venue moves to later versions of its regimes: who may, and what it already has that a version
//! forbids.
//!
//! Invariant: nothing a venue has is left standing against its law, and contracts keep the version
//! they were formed under. Not here: which versions follow which (`venue::moves`).

use super::Engine;
use super::clearing::approved;
use super::operation;
use crate::clearing::custody::Approved;
use crate::command::{Demonstration, Envelope, MoveVenue};
use crate::event::{Event, Events, RegimeEvent};
use crate::reject::{Basis, Reject, RejectReason};
use crate::types::{InstrumentId, Time, VenueId};
use crate::venue::{Holders, Interval, Regime};

const fn because(reason: RejectReason, basis: Basis) -> Reject {
    Reject {
        reason,
        basis: Some(basis),
    }
}

impl Engine {
    /// The reasons of SEMANTICS section 25 in their order.
    pub(super) fn check_move(
        &self,
        envelope: &Envelope,
        command: &MoveVenue,
        time: Time,
    ) -> Result<(), Reject> {
        self.venues.check_move(command, time)?;
        let venue = self.venues.venue(command.venue);
        let venue = venue.expect("it was checked");
        if venue.demonstration == Demonstration::Real && approved(envelope) == Approved::No {
            return Err(RejectReason::ApproverRequired.into());
        }
        let law = self.venues.law();
        let makers = law.forbids_market_makers(&command.regimes);
        if let Some(basis) = makers.filter(|_| self.standings.has_market_makers(command.venue)) {
            return Err(because(RejectReason::ModelNotAllowed, basis));
        }
        let mut instruments = self.venues.instruments_of(command.venue).iter();
        let refused = instruments.find_map(|id| self.forbids(*id, &command.regimes));
        refused.map_or(Ok(()), Err)
    }

    /// What these regimes have against an instrument as it is.
    fn forbids(&self, id: InstrumentId, regimes: &[Regime]) -> Option<Reject> {
        let law = self.venues.law();
        if self.clearing.margin().contract(id).is_some() && !law.allows_margin(regimes) {
            return Some(because(RejectReason::ModelNotAllowed, Basis::FuturesLaw11));
        }
        let (interval, holders) = law.demands(regimes);
        let set = self.clearing.settlement.of(id).map(|known| known.set);
        // Without clearing no goods move, and no law of them is broken.
        let mut cleared = self.clearing.cleared();
        cleared.find(|(cleared, _)| *cleared == id)?;
        let days = set.map_or(0, |set| set.reverse_trade_days);
        if let Interval::Days(least, basis) = interval
            && days < least
        {
            return Some(because(RejectReason::TPlusN, basis));
        }
        let most = set.and_then(|set| set.max_holders);
        if let Holders::AtMost(bound, basis) = holders
            && most.is_none_or(|most| most > bound)
        {
            return Some(because(RejectReason::MaxHolders, basis));
        }
        None
    }

    /// A venue will move at the next midnight.
    pub(super) fn move_venue(
        &mut self,
        envelope: &Envelope,
        command: &MoveVenue,
        events: &mut Events,
    ) {
        if let Err(reject) = self.check_move(envelope, command, self.time) {
            return operation(events, Err(reject));
        }
        // Nothing below can fail.
        if let Some(moving) = self.venues.begin_move(command, self.time) {
            events.push(Event::Regime(RegimeEvent::Moving(moving)));
        }
        operation(events, Ok(None));
    }

    /// It stands under them: who buys by which law is asked anew.
    pub(super) fn end_move(&mut self, venue: VenueId, events: &mut Events) {
        let stands = self.venues.venue(venue).expect("it moved");
        let stands = (self.venues.law(), &*stands.regimes);
        self.sales.moved(venue, stands);
        events.push(Event::Regime(RegimeEvent::Moved(venue)));
    }
}

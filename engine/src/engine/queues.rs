//! Queues of flash sales: who draws a ticket, and whom one admits.
//!
//! Invariant: an owner has one ticket of an offer that has not run out, so who asks more often
//! waits no less. Not here: which second a ticket admits in (`market::flash_sale`), reserves
//! (`engine::contracts`).

use super::Engine;
use super::sales::{Dealer, fails};
use crate::command::{FlashMode, Join, Plan, SaleTerms};
use crate::event::{SaleEvent, Ticket};
use crate::market::flash_sale::{self, Place, Queue};
use crate::market::sale::Offer;
use crate::reject::RejectReason as R;
use crate::types::{AccountId, Nanoseconds, OfferId, OwnerId, SessionId, Side, Time};

/// How many a queue admits, and for how long.
const fn pace_of(terms: &SaleTerms) -> Option<(u32, Nanoseconds)> {
    match terms.plan {
        Plan::Flash(FlashMode::Queue {
            per_second,
            valid_for,
        }) => Some((per_second, valid_for)),
        Plan::Plain
        | Plan::Flash(FlashMode::Race | FlashMode::Lottery)
        | Plan::Group
        | Plan::Presale { .. } => None,
    }
}

impl Engine {
    /// The reasons of SEMANTICS section 22 in their order.
    pub(super) fn check_join(
        &self,
        session: Option<SessionId>,
        join: &Join,
        time: Time,
    ) -> Result<(OwnerId, Place), R> {
        let known = self.sales.offer(join.offer);
        let known = known.map(|offer| (offer, &self.sales.known(offer.terms).terms));
        let known = known.and_then(|(offer, terms)| Some((offer, terms, pace_of(terms)?)));
        let (_, owner) = self.check_dealer(&Dealer {
            session,
            account: join.account,
            side: Side::Buy,
            venue: known.map(|(_, terms, _)| terms.venue),
            seller: known.map(|(offer, ..)| offer.seller),
        })?;
        let (offer, terms, (per_second, valid_for)) = known.ok_or(R::UnknownOffer)?;
        self.check_venue_open(terms.venue)?;
        self.check_seller_open(offer.seller)?;
        let closes = offer.closes.expect("a flash sale closes");
        fails(closes <= time, R::Deadline)?;
        let queue = self.queue_of(join.offer.slot);
        let place = queue.next(per_second, offer.opens, time);
        let (admitted, _) = flash_sale::admits(place.second, offer.opens, valid_for);
        fails(closes <= admitted, R::Deadline)?;
        let own = self.parties.owner_of(offer.seller) == Some(owner);
        fails(own, R::SelfTrade)?;
        let held = self.ticket_of(offer, owner);
        let until = |second| flash_sale::admits(second, offer.opens, valid_for).1;
        fails(
            held.is_some_and(|second| time < until(second)),
            R::TicketHeld,
        )?;
        fails(held.is_none() && self.sales.tickets.are_full(), R::TooMany)?;
        Ok((owner, place))
    }

    /// Draws the ticket that was checked.
    pub(super) fn join(&mut self, join: &Join) -> SaleEvent {
        let checked = self.check_join(None, join, self.time);
        let (owner, place) = checked.expect("it was checked");
        let slot = join.offer.slot;
        self.sales.draw_ticket(slot, owner, place);
        let offer = self.sales.row(slot);
        let pace = pace_of(&self.sales.known(offer.terms).terms);
        let (per_second, valid_for) = pace.expect("it was checked");
        let (admitted, until) = flash_sale::admits(place.second, offer.opens, valid_for);
        SaleEvent::Ticket(Ticket {
            offer: join.offer,
            account: join.account,
            number: u64::from(place.second) * u64::from(per_second) + u64::from(place.given),
            admitted,
            until,
        })
    }

    /// NOT_ADMITTED: where there is a queue, a reserve needs a ticket whose turn it is.
    pub(super) fn check_admitted(
        &self,
        (offer, owner): (&Offer, OwnerId),
        terms: &SaleTerms,
        time: Time,
    ) -> Result<(), R> {
        let Some((_, valid_for)) = pace_of(terms) else {
            return Ok(());
        };
        let second = self.ticket_of(offer, owner).ok_or(R::NotAdmitted)?;
        let (admitted, until) = flash_sale::admits(second, offer.opens, valid_for);
        fails(time < admitted || until <= time, R::NotAdmitted)
    }

    /// From when until when the ticket of an account's owner admits, if it has one of a live offer.
    pub fn ticket(&self, offer: OfferId, account: AccountId) -> Option<(Time, Time)> {
        let known = self.sales.offer(offer)?;
        let (_, valid_for) = pace_of(&self.sales.known(known.terms).terms)?;
        let owner = self.parties.owner_of(account)?;
        let second = self.ticket_of(known, owner)?;
        Some(flash_sale::admits(second, known.opens, valid_for))
    }

    fn queue_of(&self, slot: u32) -> &Queue {
        self.sales.queue(slot).expect("its terms ask for one")
    }

    /// The second in which an owner's ticket of an offer admits.
    fn ticket_of(&self, offer: &Offer, owner: OwnerId) -> Option<u32> {
        let tickets = &self.sales.tickets;
        let at = tickets.find(offer.sequence, owner)?;
        Some(tickets.row(at).pieces)
    }
}

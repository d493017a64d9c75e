//! Queues of flash sales (section 22): a list of tickets, looked through.
//!
//! Invariant: an owner has one ticket of an offer. Not here: reserves (`registry::deals`).

use super::shop::{Dealing, Offering};
use super::*;
use RejectReason as R;

const SECOND: i128 = 1_000_000_000;

impl Reference {
    fn pace(&self, offer: &Offering) -> Option<(u32, i128)> {
        match self.shops.terms[offer.terms].plan {
            Plan::Flash(FlashMode::Queue {
                per_second,
                valid_for,
            }) => Some((per_second, i128::from(valid_for.0))),
            _ => None,
        }
    }

    fn ticket(&self, offer: u64, owner: OwnerId) -> Option<i128> {
        let mut tickets = self.shops.tickets.iter();
        let found = tickets.find(|ticket| (ticket.0, ticket.1) == (offer, owner));
        found.map(|ticket| ticket.2)
    }

    /// From when until when a ticket of that second admits.
    fn turn_of(&self, offer: &Offering, second: i128) -> (i128, i128) {
        let from = i128::from(offer.prices.opens.nanoseconds()) + second * SECOND;
        let (_, valid_for) = self.pace(offer).expect("it has a queue");
        (from, from + valid_for)
    }

    pub(super) fn queue_up(&mut self, join: &Join) -> Result<SaleEvent, R> {
        let known = self.offering(join.offer).cloned();
        let known = known.filter(|offer| self.pace(offer).is_some());
        let terms = known.as_ref().map(|offer| self.shops.terms[offer.terms]);
        self.may_deal(&Dealing {
            account: join.account,
            buys: true,
            venue: terms.map(|terms| terms.venue),
            seller: known.as_ref().map(|offer| offer.seller),
        })?;
        let (offer, terms) = known.zip(terms).ok_or(R::UnknownOffer)?;
        self.venue_takes(terms.venue)?;
        fails(!self.seller_stands(offer.seller), R::Halted)?;
        let closes = offer.prices.closes.expect("it closes");
        fails(self.time >= closes, R::Deadline)?;
        let (mut per_second, _) = self.pace(&offer).expect("it was asked");
        per_second += u32::from(self.fault == Some(Fault::QueueFast));
        // Whole seconds that are over since the opening.
        let over =
            (self.instant() - i128::from(offer.prices.opens.nanoseconds())).div_euclid(SECOND);
        let (mut second, mut place) = offer.drawn;
        if place >= per_second {
            (second, place) = (second + 1, 0);
        }
        if over > second {
            (second, place) = (over, 0);
        }
        let (from, until) = self.turn_of(&offer, second);
        fails(from >= i128::from(closes.nanoseconds()), R::Deadline)?;
        let owner = self.accounts[join.account.place()].owner;
        let own = self.accounts[offer.seller.place()].owner == owner;
        fails(own, R::SelfTrade)?;
        let held = self.ticket(offer.id, owner);
        let good = held.is_some_and(|held| self.turn_of(&offer, held).1 > self.instant());
        fails(good, R::TicketHeld)?;
        let full = self.shops.tickets.len() >= self.limits.tickets_max as usize;
        fails(held.is_none() && full, R::TooMany)?;
        self.shops
            .tickets
            .retain(|one| (one.0, one.1) != (offer.id, owner));
        self.shops.tickets.push((offer.id, owner, second));
        self.offering_mut(offer.id).expect("known").drawn = (second, place + 1);
        let at = |instant: i128| {
            let bounded = instant.min(i128::from(Time::MAX.nanoseconds()));
            Time::new(bounded as i64).expect("in bounds")
        };
        Ok(SaleEvent::Ticket(Ticket {
            offer: join.offer,
            account: join.account,
            number: second as u64 * u64::from(per_second) + u64::from(place),
            admitted: at(from),
            until: at(until),
        }))
    }

    /// A reserve where there is a queue.
    pub(super) fn may_take_now(&self, offer: &Offering, owner: OwnerId) -> Result<(), R> {
        if self.pace(offer).is_none() {
            return Ok(());
        }
        let second = self.ticket(offer.id, owner).ok_or(R::NotAdmitted)?;
        let (from, until) = self.turn_of(offer, second);
        let now = self.instant();
        fails(now < from || now >= until, R::NotAdmitted)
    }

    /// A withdrawn offer forgets one ticket.
    pub(super) fn forget_ticket(&mut self) {
        let (_, offer) = self.shops.queues[0];
        let tickets = &mut self.shops.tickets;
        let at = tickets.iter().position(|ticket| ticket.0 == offer);
        tickets.remove(at.expect("it has one"));
        if !tickets.iter().any(|ticket| ticket.0 == offer) {
            self.shops.queues.remove(0);
        }
    }
}

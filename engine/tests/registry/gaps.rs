//! When deadlines of contracts end (section 20): gaps in service, what a venue leaves after them,
//! and days off.
//!
//! Invariant: a gap moves every instant it reaches when it ends. Not here: which deadline a step
//! sets (`registry::performance`).

use super::deals::{DAY, Deal, EAST, Moved, midnight};
use super::shop::Offering;
use super::*;
use RejectReason as R;

impl Reference {
    /// A venue says how much of a deadline is left after a gap.
    pub(super) fn say_grace(
        &mut self,
        envelope: &Envelope,
        set: &SetGrace,
    ) -> Result<SaleEvent, R> {
        let venue = self.venues.get(set.venue.place()).ok_or(R::UnknownVenue)?;
        let minute = 60_000_000_000;
        let bounded = (minute..=31 * 24 * 60 * minute).contains(&set.grace.0);
        fails(!bounded, R::InvalidField)?;
        let approver = envelope.authority.as_ref().and_then(|one| one.approver);
        let alone = approver.is_none_or(|one| one == envelope.principal);
        let real = venue.demonstration == Demonstration::Real;
        fails(real && alone, R::ApproverRequired)?;
        let said = (set.venue, self.sequence.value(), set.grace.0.into());
        self.shops.graces.push(said);
        let (venue, grace) = (set.venue, set.grace);
        Ok(SaleEvent::Grace { venue, grace })
    }

    /// 24:00 of the n-th day after today, or of the first after that on which people work.
    pub(super) fn civil_end(&self, deal: &Deal, days: i128) -> i128 {
        let now = self.instant();
        let today = (now + EAST).div_euclid(DAY);
        let venue = &self.venues[self.shops.terms[deal.terms].venue.place()];
        let Some(calendar) = venue.calendar.filter(|_| days > 0) else {
            return midnight(now, days);
        };
        let works = |day: i128| {
            let mut listed = self.calendars[calendar].days.iter();
            listed.any(|listed| i128::from(*listed) == day)
        };
        let began = self.calendars[calendar].days.first();
        let told = began.is_some_and(|first| i128::from(*first) <= today + days);
        let mut later = (0..=31).filter(|off| told && works(today + days + off));
        midnight(now, days + later.next().unwrap_or(0))
    }

    /// What a venue leaves after a gap that a command ended.
    fn grace(&self, venue: VenueId, ended: u64) -> i128 {
        let said = self.shops.graces.iter().rev();
        let mut said = said.filter(|said| said.0 == venue && said.1 < ended);
        said.next().map_or(DAY, |said| said.2)
    }

    /// There was no service: what would pass in it or within the venue's grace after is put off.
    pub fn gap(&mut self, venue: Option<VenueId>, from: i128, until: i128) {
        let now = self.sequence.value();
        let venues = (0..self.venues.len() as u32).map(VenueId::new);
        let ends: Vec<_> = venues.map(|venue| until + self.grace(venue, now)).collect();
        let terms = &self.shops.terms;
        for deal in &mut self.shops.deals {
            let at = terms[deal.terms].venue;
            if venue.is_some_and(|venue| venue != at) {
                continue;
            }
            let end = ends[at.place()];
            let instants = [&mut deal.deadline, &mut deal.end, &mut deal.agreed_until];
            for at in instants.into_iter().flatten() {
                if from < until && from < *at && *at < end {
                    *at = end;
                }
            }
        }
        let sequence = self.sequence.value();
        self.shops.gaps.push((sequence, venue, from, until));
    }

    /// When an offer closes: a campaign's gaps put it off.
    pub(super) fn really_closes(&self, offer: &Offering) -> Option<i128> {
        let closes = i128::from(offer.prices.closes?.nanoseconds());
        let group = self.shops.terms[offer.terms].plan == Plan::Group;
        Some(if group {
            self.really(offer, closes)
        } else {
            closes
        })
    }

    /// When an instant that is one for all who took an offer really comes.
    pub(super) fn really(&self, offer: &Offering, instant: i128) -> i128 {
        let mut ends = instant;
        let terms = &self.shops.terms[offer.terms];
        for &(sequence, venue, from, until) in &self.shops.gaps {
            let reached = sequence > offer.id && venue.is_none_or(|venue| venue == terms.venue);
            let end = until + self.grace(terms.venue, sequence);
            if reached && from < until && from < ends && ends < end {
                ends = end;
            }
        }
        ends
    }

    /// It comes later, at an instant nobody knows while the venue is halted.
    pub(super) fn put_off(&mut self, mut deal: Deal, due: i128) {
        let now = self.instant();
        let venue = self.shops.terms[deal.terms].venue;
        let mut halted = self.shops.halted.iter();
        let lasted = halted
            .find(|halt| halt.0 == venue)
            .map_or(0, |halt| now - halt.1);
        let off = lasted.min(DAY).max(self.grace(venue, u64::MAX));
        deal.deadline = Some(if due > now { due } else { now + off });
        deal.told = deal.deadline;
        *self.deal_mut(deal.id) = deal.clone();
        self.tell_step(&deal, ContractStep::PutOff, None, &Moved::default());
    }

    /// The shard was down.
    pub fn service_gap(&mut self, gap: ServiceGap) -> Option<u32> {
        let until = self.instant();
        self.gap(None, gap.from.nanoseconds().into(), until);
        None
    }

    /// A venue halts or goes on.
    pub fn halts(&mut self, venue: VenueId, status: TradingStatus) {
        let now = self.instant();
        let halted = matches!(status, TradingStatus::Halted | TradingStatus::Suspended);
        let since = self.shops.halted.iter().position(|known| known.0 == venue);
        match since {
            None if halted => self.shops.halted.push((venue, now)),
            Some(at) if !halted => {
                let (_, from) = self.shops.halted.remove(at);
                self.gap(Some(venue), from, now);
            }
            _ => {}
        }
    }

    /// Whether an instant of a contract has passed: never during a halt that began before it.
    pub(super) fn passed(&self, deal: &Deal, at: i128) -> bool {
        let venue = self.shops.terms[deal.terms].venue;
        let mut halted = self.shops.halted.iter();
        let waits = halted.any(|known| known.0 == venue && known.1 < at);
        at <= self.instant() && !waits
    }

    /// A warehouse whose day is reconciled lets nothing in or out.
    pub(super) fn day_of_goods(&self, deal: &Deal) -> Result<(), R> {
        if deal.units == 0 {
            return Ok(());
        }
        let day = (self.instant() + EAST).div_euclid(DAY) as i32;
        let closed = self.money.custodians[deal.warehouse]
            .closed
            .is_some_and(|on| day <= on);
        fails(closed, R::CustodyDateClosed)
    }
}

//! A venue that moves to later versions of its regimes (SEMANTICS section 25).
//!
//! Invariant: as in `registry`; what a venue has is asked anew each time. Not here: the versions
//! (`law`).

use super::admin::Answer;
use super::*;
use RejectReason as R;

impl Venue {
    /// The regimes it stands under, then those it will.
    pub(super) fn binding(&self) -> Vec<Regime> {
        let soon = self.moving.iter().flat_map(|moving| &moving.1);
        self.regimes.iter().chain(soon).copied().collect()
    }
}

impl Reference {
    pub(super) fn move_venue(&mut self, envelope: &Envelope, ask: &MoveVenue) -> Answer {
        let v = ask.venue.place();
        let venue = self.venues.get(v).ok_or(R::UnknownVenue)?;
        let laws = self.laws();
        let known = ask.regimes.iter().all(|one| laws.knows(*one));
        fails(!known, R::UnknownRegime)?;
        let named =
            |list: &[Regime]| -> Vec<String> { list.iter().map(|one| laws.name(*one)).collect() };
        let older = |(old, new): (&Regime, &Regime)| laws.version(*old) > laws.version(*new);
        let falls = venue.regimes.iter().zip(&ask.regimes).any(older);
        let other = named(&venue.regimes) != named(&ask.regimes);
        fails(other || falls, R::InvalidField)?;
        let (day, east) = (86_400_000_000_000, 28_800_000_000_000);
        let days = (i128::from(self.time.nanoseconds()) + east).div_euclid(day);
        let from = (days + 1) * day - east;
        let again = CreateVenue {
            name: venue.name,
            title: Title::EMPTY,
            regimes: ask.regimes.clone(),
            models: venue.models.clone(),
            demonstration: venue.demonstration,
            licence: venue.licensed.then_some(Title::EMPTY),
            calendar: None,
        };
        laws.lawful(&again, from)?;
        let approver = envelope.authority.as_ref().and_then(|one| one.approver);
        let alone = approver.is_none_or(|one| one == envelope.principal);
        let real = venue.demonstration == Demonstration::Real;
        fails(real && alone, R::ApproverRequired)?;
        self.nothing_stands_against(v, &ask.regimes)?;
        let venue = &mut self.venues[v];
        let last = venue.moving.as_ref().map_or(&venue.regimes, |one| &one.1);
        if *last == ask.regimes {
            return Ok(None);
        }
        venue.moving = Some((from, ask.regimes.clone()));
        let mut regimes = [None; 16];
        for (place, one) in ask.regimes.iter().enumerate() {
            regimes[place] = Some(*one);
        }
        self.out
            .push(Event::Regime(RegimeEvent::Moving(VenueMoving {
                venue: ask.venue,
                regimes,
                from: Time::new(from as i64).expect("the worlds are young"),
            })));
        Ok(None)
    }

    /// What the venue has that the law forbids.
    fn nothing_stands_against(&self, v: usize, regimes: &[Regime]) -> Result<(), Reject> {
        let laws = self.laws();
        let refuse = |reason, basis| Err(Reject { reason, basis });
        let makers = regimes.iter().find_map(|one| laws.forbids_makers(*one));
        let mut roles = self.stands.roles.iter().rev();
        let mut seen = Vec::new();
        let makes = roles.any(|((venue, who), roles)| {
            let last = venue.place() == v && !seen.contains(who);
            seen.extend((venue.place() == v).then_some(*who));
            last && roles.bits() & Roles::MARKET_MAKER.bits() != 0
        });
        if makes && makers.is_some() {
            return refuse(R::ModelNotAllowed, makers);
        }
        for (i, instrument) in self.instruments.iter().enumerate() {
            if instrument.venue != v {
                continue;
            }
            if instrument.margin.is_some() && !regimes.iter().all(|one| laws.margin(*one)) {
                return refuse(R::ModelNotAllowed, Some(Basis::FuturesLaw11));
            }
            if instrument.clearing.is_none() {
                continue;
            }
            if let Some((days, text)) = laws.apart(regimes)
                && self.reverse_days(i) < u32::from(days)
            {
                return refuse(R::TPlusN, Some(text));
            }
            if let Some((most, text)) = laws.most_holders(regimes)
                && self.most(i).is_none_or(|known| known > most as usize)
            {
                return refuse(R::MaxHolders, Some(text));
            }
        }
        Ok(())
    }

    /// The midnight has come.
    pub(super) fn moved(&mut self, v: usize) {
        let moving = self.venues[v].moving.take();
        self.venues[v].regimes = moving.expect("it is due").1;
        let venue = VenueId::new(v as u32);
        self.out.push(Event::Regime(RegimeEvent::Moved(venue)));
    }
}

//! Parties, venues, instruments, sessions, limits (section 10).

use super::*;
use RejectReason as R;

pub(super) type Answer = Result<Option<u32>, Reject>;

fn repeated<T: PartialEq>(list: &[T]) -> bool {
    list.iter()
        .enumerate()
        .any(|(at, item)| list[..at].contains(item))
}

fn new_name<'a>(name: &Name, known: impl Iterator<Item = &'a Name>) -> Result<(), R> {
    let mut known = known;
    if known.any(|other| other == name) {
        return Err(R::AlreadyExists);
    }
    if name.is_empty() {
        Err(R::InvalidField)
    } else {
        Ok(())
    }
}

/// The handle of the next thing of a table that may hold so many.
fn next(length: usize, most: u32) -> Result<u32, R> {
    if length < most as usize {
        Ok(length as u32)
    } else {
        Err(R::TooMany)
    }
}

impl Reference {
    pub(in crate::reference) fn carry_out(
        &mut self,
        envelope: &Envelope,
        body: &Body,
    ) -> Result<(), Reject> {
        let handle = match body {
            Body::NewOrder(new) => return self.new_order(new),
            Body::CancelOrder(cancel) => return self.cancel(cancel),
            Body::ReplaceOrder(replace) => return self.replace(replace),
            Body::MassCancel(mass) => return self.mass_cancel(mass),
            Body::OpenSession(open) => return self.open_session(envelope.principal, open),
            Body::Tick => {
                self.tick();
                return Ok(());
            }
            Body::CreateParticipant(create) => {
                new_name(&create.name, self.participants.iter().map(|known| &known.0))?;
                let handle = next(self.participants.len(), self.limits.participants_max)?;
                self.participants.push((create.name, 0));
                Some(handle)
            }
            Body::CreateOwner(create) => {
                new_name(&create.name, self.owners.iter())?;
                let handle = next(self.owners.len(), self.limits.owners_max)?;
                self.owners.push(create.name);
                Some(handle)
            }
            Body::CreateAccount(create) => self.create_account(create)?,
            Body::SetCalendar(set) => self.set_calendar(set)?,
            Body::CreateVenue(create) => self.create_venue(create)?,
            Body::DefineRegime(terms) => self.define_regime(envelope, terms)?,
            Body::MoveVenue(moves) => self.move_venue(envelope, moves)?,
            Body::SetAnnualUse(set) => self.set_annual_use(envelope, set)?,
            Body::CreateInstrument(create) => self.create_instrument(create)?,
            Body::SetSchedule(set) => self.set_schedule(set)?,
            Body::SetPhase(set) => {
                self.offered(set.venue, set.phase)?;
                let v = set.venue.place();
                self.venues[v].overridden = true;
                self.enter(v, set.phase, i128::from(self.time.nanoseconds()));
                None
            }
            Body::SetTradingStatus(set) => {
                self.set_status(set)?;
                None
            }
            Body::Correction(command) => self.correction(envelope, command)?,
            Body::SetReferencePrice(set) => self.set_reference(set)?,
            Body::SetLimits(set) => {
                let range = self.requests.len() as u32..=self.limits.requests_capacity;
                if !range.contains(&set.requests_max) || set.requests_reserved > set.requests_max {
                    return Err(R::InvalidField.into());
                }
                self.requests_max = set.requests_max;
                self.requests_reserved = set.requests_reserved;
                None
            }
            Body::SessionsLost => self.sessions_lost(),
            Body::ServiceGap(gap) => self.service_gap(*gap),
            Body::Switch(command) => self.switch(envelope.principal, command)?,
            Body::AcceptClock(_)
            | Body::SemanticsVersion(_)
            | Body::BeginEpoch(_)
            | Body::Quarantine(_) => None,
            Body::Standing(command) => self.stand(command)?,
            Body::Limits(LimitsCommand::SetRiskLimits(set)) => self.set_risk_limits(set)?,
            Body::Credit(credit) => self.credit(envelope, credit)?,
            Body::Margin(command) => self.change_margin(command)?,
            Body::Sales(command) => self.sell(command)?,
            Body::Contract(command) => return self.act_on_contract(envelope, command),
            _ => self.clear(envelope, body)?,
        };
        self.answer(None, handle);
        Ok(())
    }

    fn open_session(&mut self, principal: PrincipalId, open: &OpenSession) -> Result<(), Reject> {
        let same = |known: &Session| known.principal == principal && known.name == open.name;
        let found = self.sessions.iter().position(same);
        if found.is_none() && open.last_client_sequence > 0 {
            return Err(R::UnknownSession.into());
        }
        if found.is_none() {
            new_name(&open.name, std::iter::empty())?;
            next(self.sessions.len(), self.limits.sessions_max)?;
            self.sessions.push(Session {
                principal,
                name: open.name,
                watermark: 0,
                cancels: false,
                dead_man: None,
            });
        }
        let at = found.unwrap_or(self.sessions.len() - 1);
        self.out.push(Event::SessionOpened(SessionOpened {
            session: SessionId::new(at as u32),
            watermark: self.sessions[at].watermark,
        }));
        Ok(())
    }

    fn create_account(&mut self, create: &CreateAccount) -> Answer {
        if create.participant.place() >= self.participants.len() {
            return Err(R::UnknownParticipant.into());
        }
        if create.owner.place() >= self.owners.len() {
            return Err(R::UnknownOwner.into());
        }
        let joined = self.standing(Party::Participant(create.participant));
        if joined == Standing::Closed {
            return Err(R::ParticipantSuspended.into());
        }
        new_name(&create.name, self.accounts.iter().map(|known| &known.name))?;
        let handle = next(self.accounts.len(), self.limits.accounts_max)?;
        self.accounts.push(Account {
            name: create.name,
            participant: create.participant.place(),
            owner: create.owner,
            count: 0,
        });
        Ok(Some(handle))
    }

    fn set_calendar(&mut self, set: &SetCalendar) -> Answer {
        let hours = 18 * 3_600;
        let valid = !set.name.is_empty()
            && (-hours..=hours).contains(&set.utc_offset_seconds)
            && (0..86_400_000_000_000).contains(&set.roll_time.0)
            && set.days.len() <= SetCalendar::DAYS_MAX
            && set.days.windows(2).all(|pair| pair[0] < pair[1]);
        if !valid {
            return Err(R::InvalidField.into());
        }
        let calendar = Calendar {
            name: set.name,
            offset: set.utc_offset_seconds,
            roll: set.roll_time,
            days: set.days.clone(),
        };
        let found = self
            .calendars
            .iter()
            .position(|known| known.name == set.name);
        let Some(at) = found else {
            let handle = next(self.calendars.len(), self.limits.calendars_max)?;
            self.calendars.push(calendar);
            return Ok(Some(handle));
        };
        self.calendars[at] = calendar;
        let now = i128::from(self.time.nanoseconds());
        for venue in self
            .venues
            .iter_mut()
            .filter(|venue| venue.calendar == Some(at))
        {
            (venue.rolled, venue.passed) = (now, now);
        }
        Ok(Some(at as u32))
    }

    fn set_reference(&mut self, set: &SetReferencePrice) -> Answer {
        let known = self.instruments.get_mut(set.instrument.place());
        let known = known.ok_or(R::UnknownInstrument)?;
        if !known.terms.price_sign.allows(set.price) {
            return Err(R::InvalidField.into());
        }
        known.reference = Some(set.price.ticks());
        let (instrument, price) = (set.instrument, set.price);
        self.out
            .push(Event::ReferencePrice(ReferencePrice { instrument, price }));
        Ok(None)
    }

    fn create_venue(&mut self, create: &CreateVenue) -> Answer {
        let calendar = create.calendar.map(CalendarId::place);
        if calendar.is_some_and(|at| at >= self.calendars.len()) {
            return Err(R::UnknownCalendar.into());
        }
        let (regimes, models) = (&create.regimes, &create.models);
        let laws = self.laws();
        fails(
            !regimes.iter().all(|one| laws.knows(*one)),
            R::UnknownRegime,
        )?;
        new_name(&create.name, self.venues.iter().map(|known| &known.name))?;
        let empty = regimes.is_empty() || models.is_empty() || regimes.len() > 16;
        if empty || laws.doubled(regimes) || repeated(models) {
            return Err(R::InvalidField.into());
        }
        laws.lawful(create, i128::from(self.time.nanoseconds()))?;
        let handle = next(self.venues.len(), self.limits.venues_max)?;
        let now = i128::from(self.time.nanoseconds());
        self.venues.push(Venue {
            name: create.name,
            regimes: regimes.clone(),
            moving: None,
            licensed: create.licence.is_some(),
            models: models.clone(),
            demonstration: create.demonstration,
            calendar,
            phase: Phase::Closed,
            status: TradingStatus::Trading,
            overridden: false,
            entries: Vec::new(),
            rolled: now,
            passed: now,
            days: 0,
        });
        Ok(Some(handle))
    }

    fn create_instrument(&mut self, create: &CreateInstrument) -> Answer {
        if create.venue.place() >= self.venues.len() {
            return Err(R::UnknownVenue.into());
        }
        new_name(
            &create.name,
            self.instruments.iter().map(|known| &known.name),
        )?;
        let terms = create.terms;
        let valid = !terms.currency.is_empty()
            && !terms.unit.is_empty()
            && terms.tick_size > 0
            && terms.lot_size > 0
            && terms.price_decimals <= 9
            && terms.quantity_decimals <= 9
            && terms.market_protection_ticks >= 0
            && terms.dynamic_band_ticks.is_none_or(|ticks| ticks >= 0)
            && !terms.max_quantity.is_zero()
            && terms.max_notional.is_none_or(|most| most > 0);
        if !valid {
            return Err(R::InvalidField.into());
        }
        let handle = next(self.instruments.len(), self.limits.instruments_max)?;
        self.instruments.push(Instrument {
            name: create.name,
            venue: create.venue.place(),
            terms,
            clearing: None,
            margin: None,
            status: TradingStatus::Trading,
            reference: None,
            last: None,
            shown: (None, 0, 0),
        });
        Ok(Some(handle))
    }

    /// Whether the venue is known and its models offer the phase.
    fn offered(&self, venue: VenueId, phase: Phase) -> Result<(), R> {
        let models = &self
            .venues
            .get(venue.place())
            .ok_or(R::UnknownVenue)?
            .models;
        let call = call(phase).is_some() || phase == Phase::Uncross;
        let missing = (call && !models.contains(&Model::CallAuction))
            || (phase == Phase::Continuous && !models.contains(&Model::Clob));
        if missing {
            Err(R::ModelNotAvailable)
        } else {
            Ok(())
        }
    }

    fn set_schedule(&mut self, set: &SetSchedule) -> Answer {
        let venue = self.venues.get(set.venue.place()).ok_or(R::UnknownVenue)?;
        let day = 0..86_400_000_000_000;
        let valid = venue.calendar.is_some()
            && set.entries.len() <= SetSchedule::ENTRIES_MAX
            && set.entries.iter().all(|entry| day.contains(&entry.0.0))
            && set.entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !valid {
            return Err(R::InvalidField.into());
        }
        for entry in &set.entries {
            self.offered(set.venue, entry.1)?;
        }
        let venue = &mut self.venues[set.venue.place()];
        venue.entries.clone_from(&set.entries);
        venue.passed = i128::from(self.time.nanoseconds());
        Ok(None)
    }
}

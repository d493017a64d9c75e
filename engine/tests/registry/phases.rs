//! Phases and statuses (section 8).

use super::*;

const OPENING: Option<u8> = Some(1);
const INTRADAY: Option<u8> = Some(2);
pub const CLOSING: Option<u8> = Some(3);

/// The auction a phase collects for.
pub fn call(phase: Phase) -> Option<u8> {
    match phase {
        Phase::PreOpen | Phase::PreOpenNoCancel | Phase::Freeze => OPENING,
        Phase::VolatilityCall => INTRADAY,
        Phase::ClosingCall | Phase::ClosingCallNoCancel => CLOSING,
        Phase::Closed | Phase::Uncross | Phase::Continuous | Phase::PostClose => None,
    }
}

impl Reference {
    /// The venue enters a phase at `now`.
    pub(in crate::reference) fn enter(&mut self, v: usize, phase: Phase, now: i128) {
        let old = std::mem::replace(&mut self.venues[v].phase, phase);
        if old == phase {
            return;
        }
        let venue = VenueId::new(v as u32);
        self.out
            .push(Event::PhaseChanged(PhaseChanged { venue, phase }));
        let (before, after) = (call(old), call(phase));
        let changes = before != after;
        for i in 0..self.instruments.len() {
            if self.instruments[i].venue != v {
                continue;
            }
            let ended = changes && before.is_some();
            if (ended || phase == Phase::Uncross) && self.trading(i) {
                self.uncross(i);
            }
            if changes && before == OPENING {
                self.expire(|order| order.instrument == i && order.tif == TimeInForce::Opening);
            }
            if changes && before == CLOSING {
                self.expire(|order| order.instrument == i && order.tif == TimeInForce::Closing);
            }
            if changes && after == CLOSING {
                for order in self.orders.clone() {
                    if order.place == Place::Parked && order.instrument == i {
                        self.join_if_room(order.id);
                    }
                }
            }
            if changes && after.is_some() {
                self.instruments[i].shown = (None, 0, 0);
                self.indicate_of(i..i + 1);
            }
            self.enter_continuous(i, now);
        }
        if phase == Phase::Closed {
            self.day_ends(v, now);
        }
    }

    /// Both statuses let the instrument trade.
    pub(in crate::reference) fn trading(&self, i: usize) -> bool {
        let known = &self.instruments[i];
        [known.status, self.venues[known.venue].status] == [TradingStatus::Trading; 2]
    }

    /// An instrument begins to trade continuously, if its phase and statuses say so.
    fn enter_continuous(&mut self, i: usize, now: i128) {
        if self.phase(i) != Phase::Continuous || !self.trading(i) {
            return;
        }
        let [bid, ask] = [Side::Buy, Side::Sell].map(|side| self.best(i, side));
        if matches!((bid, ask), (Some(bid), Some(ask)) if bid >= ask) {
            self.uncross(i);
        }
        self.run = self.instruments[i].last.into_iter().collect();
        self.elect(i);
        self.rearm(i, now);
    }

    pub(in crate::reference) fn set_status(
        &mut self,
        set: &SetTradingStatus,
    ) -> Result<(), Reject> {
        let before: Vec<bool> = (0..self.instruments.len())
            .map(|i| self.trading(i))
            .collect();
        let status = match set.scope {
            Scope::Venue(venue) => self.venues.get_mut(venue.place()).map(|v| &mut v.status),
            Scope::Instrument(instrument) => self
                .instruments
                .get_mut(instrument.place())
                .map(|i| &mut i.status),
        };
        let unknown = match set.scope {
            Scope::Venue(_) => RejectReason::UnknownVenue,
            Scope::Instrument(_) => RejectReason::UnknownInstrument,
        };
        let status = status.ok_or(unknown)?;
        if *status != set.status {
            *status = set.status;
            if let Scope::Venue(venue) = set.scope {
                self.halts(venue, set.status);
            }
            self.out.push(Event::StatusChanged(StatusChanged {
                scope: set.scope,
                status: set.status,
            }));
            for (i, before) in before.into_iter().enumerate() {
                if !before {
                    self.enter_continuous(i, i128::from(self.time.nanoseconds()));
                }
            }
        }
        Ok(())
    }

    fn expire(&mut self, which: impl Fn(&Order) -> bool) {
        for order in self.orders.clone().iter().filter(|order| which(order)) {
            self.end(order.id, ExecType::Expired, Cause::TimeOver);
        }
    }
}

//! Pre-trade risk beside orders: what a message is checked against and what is counted of it.
//!
//! Invariant: every way an order begins, trades, shrinks or ends is counted where it happens
//! (`matching::Desk`), and `recount` says the same from the rows alone. Not here: limits and
//! counters (`risk`).

use super::{Engine, operation};
use crate::clearing::Cleared;
use crate::clearing::ledger::Holder;
use crate::command::{LimitsCommand, RiskLimits, RiskScope, SetRiskLimits};
use crate::event::{Event, Events};
use crate::reject::{Reject, RejectReason};
use crate::risk::counters::Recount;
use crate::risk::gate::{Gate, Sender};
use crate::risk::{Risk, RiskUsage};
use crate::types::{AccountId, InstrumentId, ParticipantId, Quantity, Side, VenueId};

impl Engine {
    /// Limits and counters of risk.
    pub fn risk(&self) -> &Risk {
        &self.risk
    }

    /// What an account may do at a venue, or without one by its own limits alone, and what of it is
    /// used at the time of the last command.
    pub fn risk_of_account(
        &self,
        account: AccountId,
        venue: Option<VenueId>,
    ) -> (RiskLimits, RiskUsage) {
        let own = self.risk.of(RiskScope::Account(account));
        let default = venue.map(|id| self.risk.of(RiskScope::Venue(id)));
        let limits = own.or(&default.unwrap_or_default());
        let open = (account, self.parties.open_of(account));
        let usage = self.risk.usage_of_account(open, &limits, self.time);
        (limits, usage)
    }

    /// What a participant may do, and what of it is used at the time of the last command.
    pub fn risk_of_participant(&self, participant: ParticipantId) -> (RiskLimits, RiskUsage) {
        let limits = self.risk.of(RiskScope::Participant(participant));
        let open = self.parties.open_of_participant(participant);
        let usage = self
            .risk
            .usage_of_participant((participant, open), self.time);
        (limits, usage)
    }

    /// The limits a message of an account about a known instrument stands under.
    #[inline]
    pub(super) fn gate(
        &self,
        account: AccountId,
        participant: ParticipantId,
        instrument: InstrumentId,
    ) -> Option<Gate> {
        if !self.risk.is_on() {
            return None;
        }
        self.risk
            .gate(&self.sender(account, participant, instrument))
    }

    fn sender(
        &self,
        account: AccountId,
        participant: ParticipantId,
        instrument: InstrumentId,
    ) -> Sender {
        let venue = self.venues.venue_of(instrument);
        Sender {
            account,
            participant,
            venue,
            day: self.venues.trading_day(venue),
        }
    }

    /// POSITION_LIMIT: whether `more` lots may be bought beside what open buys bring.
    pub(super) fn check_position(
        &self,
        gate: &Gate,
        account: AccountId,
        cleared: Option<&Cleared>,
        more: Quantity,
    ) -> Result<(), RejectReason> {
        let (Some(most), Some(cleared)) = (gate.position(), cleared) else {
            return Ok(());
        };
        let units = |lots: Quantity| i128::from(lots.lots()) * i128::from(cleared.lot_units);
        let ledger = self.clearing.ledger();
        let place = ledger.find(Holder::Account(account), cleared.goods);
        let has = place.map_or(0, |place| {
            let buys = self.risk.buys(place.index() as usize);
            i128::from(ledger.position(place).balance()) + buys
        });
        if has + units(more) > units(most) {
            return Err(RejectReason::PositionLimit);
        }
        Ok(())
    }

    /// A new order or replace of an account was taken.
    #[inline]
    pub(super) fn count_sent(&mut self, account: AccountId, instrument: InstrumentId) {
        if self.risk.is_on() {
            let (participant, _) = self.parties.link(account).expect("the account is known");
            let sender = self.sender(account, participant, instrument);
            self.risk.sent(&sender, self.time);
        }
    }

    /// A live order's leaves become `leaves` by a replace.
    #[inline]
    pub(super) fn count_replaced(&mut self, slot: u32, leaves: Quantity) {
        let row = self.arena.row(slot);
        let (account, instrument) = (AccountId::new(row.account), self.instrument_of(slot));
        let more = i128::from(leaves.lots() - row.leaves.lots());
        if let Some((place, units)) = self.brings(slot) {
            self.risk.buys_more(place, units * more);
        }
        self.count_sent(account, instrument);
    }

    /// Where a live buy of a cleared instrument brings its goods, and minor units of a lot.
    fn brings(&self, slot: u32) -> Option<(usize, i128)> {
        let row = self.arena.row(slot);
        let place = self.clearing.goods_at(slot)?;
        let cleared = self.clearing.terms(InstrumentId::new(row.instrument))?;
        let units = i128::from(cleared.lot_units);
        (row.flags.side() == Side::Buy).then_some((place.index() as usize, units))
    }

    /// What live orders come to, from their rows alone.
    pub(super) fn recount(&self) -> Recount {
        let mut counted = Recount::default();
        let live = (0..self.arena.used()).filter(|slot| self.arena.row(*slot).sequence != 0);
        for slot in live {
            let row = self.arena.row(slot);
            let account = AccountId::new(row.account);
            let (participant, _) = self.parties.link(account).expect("an order has an account");
            let leaves = i128::from(row.leaves.lots());
            let buy = self
                .brings(slot)
                .map(|(place, units)| (place, units * leaves));
            counted.add(account.place(), participant.place(), buy);
        }
        counted
    }

    /// The audit's part about risk.
    pub(crate) fn audit_risk(&self) -> Result<(), &'static str> {
        self.risk.audit(&self.parties, &self.recount())
    }

    /// Checks a command about risk and changes nothing.
    pub(super) fn check_command_of_risk(&self, command: &LimitsCommand) -> Result<(), Reject> {
        let LimitsCommand::SetRiskLimits(set) = command;
        let (known, unknown) = match set.scope {
            RiskScope::Account(id) => {
                let known = self.parties.owner_of(id).is_some();
                (known, RejectReason::UnknownAccount)
            }
            RiskScope::Participant(id) => {
                let known = self.parties.participant(id).is_some();
                (known, RejectReason::UnknownParticipant)
            }
            RiskScope::Venue(id) => {
                let known = self.venues.venue(id).is_some();
                (known, RejectReason::UnknownVenue)
            }
        };
        if !known {
            return Err(unknown.into());
        }
        Ok(self.risk.check_limits(set)?)
    }

    /// Carries out a command about risk.
    pub(super) fn limit(&mut self, command: &LimitsCommand, events: &mut Events) {
        if let Err(reject) = self.check_command_of_risk(command) {
            return operation(events, Err(reject));
        }
        // Nothing below can fail.
        let LimitsCommand::SetRiskLimits(set) = command;
        let set: SetRiskLimits = **set;
        self.risk.set_limits(&set);
        events.push(Event::Limits(set));
        operation(events, Ok(None));
    }
}

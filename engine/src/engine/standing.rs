//! Commands about what parties may do, and the checks every order makes of it.
//!
//! Invariant: as elsewhere, a refused command changes nothing and every command is answered. Not
//! here: the rules of each (`standing`).

use super::{Engine, operation};
use crate::command::StandingCommand as Command;
use crate::command::{CreateAccount, Direction, Party, SetStanding, Standing};
use crate::event::{Event, Events};
use crate::reject::{Reject, RejectReason};
use crate::standing::Standings;
use crate::types::{AccountId, InstrumentId, ParticipantId, Side};

/// Who wants to trade what, as far as it is known.
#[derive(Clone, Copy)]
pub(super) struct Trader {
    pub(super) account: AccountId,
    pub(super) participant: ParticipantId,
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
}

impl Engine {
    /// What parties may do.
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// PARTICIPANT_SUSPENDED, ACCOUNT_SUSPENDED, ACCOUNT_CLOSED, NOT_PERMITTED; the last only where
    /// the instrument is known.
    #[inline]
    pub(super) fn check_trader(&self, trader: &Trader) -> Result<(), RejectReason> {
        if !self.standings.is_used() {
            return Ok(());
        }
        self.standings
            .check_entry(trader.account, trader.participant)?;
        match self.venues.instrument(trader.instrument) {
            Some(known) => self
                .standings
                .check_role(known.venue, trader.participant, trader.side),
            None => Ok(()),
        }
    }

    /// PARTICIPANT_SUSPENDED, ACCOUNT_SUSPENDED, ACCOUNT_CLOSED.
    pub(super) fn check_party(
        &self,
        account: AccountId,
        participant: ParticipantId,
    ) -> Result<(), RejectReason> {
        if !self.standings.is_used() {
            return Ok(());
        }
        self.standings.check_entry(account, participant)
    }

    /// NOT_QUALIFIED; the instrument is known.
    #[inline]
    pub(super) fn check_qualified(&self, trader: &Trader) -> Result<(), Reject> {
        if !self.standings.is_used() {
            return Ok(());
        }
        let id = self.venues.venue_of(trader.instrument);
        let venue = self.venues.venue(id).expect("an instrument has a venue");
        self.standings
            .check_qualified(id, (self.venues.law(), &venue.regimes), trader.participant)
    }

    /// ACCOUNT_CLOSED for what comes to a known account, PARTICIPANT_SUSPENDED and
    /// ACCOUNT_SUSPENDED for what leaves it.
    pub(super) fn check_mover(
        &self,
        account: AccountId,
        direction: Direction,
    ) -> Result<(), RejectReason> {
        if !self.standings.is_used() {
            return Ok(());
        }
        let standing = self.standings.of(Party::Account(account));
        if direction == Direction::Deposit {
            return match standing {
                Standing::Closed => Err(RejectReason::AccountClosed),
                Standing::Open | Standing::Suspended => Ok(()),
            };
        }
        let (participant, _) = self.parties.link(account).expect("it is known");
        if self.standings.of(Party::Participant(participant)) == Standing::Suspended {
            return Err(RejectReason::ParticipantSuspended);
        }
        if standing == Standing::Suspended {
            return Err(RejectReason::AccountSuspended);
        }
        Ok(())
    }

    /// Those of `Parties::check_account`, and PARTICIPANT_SUSPENDED after unknown parties.
    pub(super) fn check_account(&self, create: &CreateAccount) -> Result<(), Reject> {
        let known = self.parties.participant(create.participant).is_some()
            && self.parties.owner(create.owner).is_some();
        if known {
            self.standings.check_joins(create.participant)?;
        }
        self.parties.check_account(create)
    }

    pub(super) fn create_account(&mut self, create: &CreateAccount, events: &mut Events) {
        let made = match self.check_account(create) {
            Ok(()) => self.parties.create_account(create).map(Some),
            Err(reject) => Err(reject),
        };
        operation(events, made);
    }

    /// Checks a command about what parties may do and changes nothing.
    pub(super) fn check_command_of_standing(&self, command: &Command) -> Result<(), Reject> {
        match command {
            Command::SetStanding(set) => Ok(self.check_standing(set)?),
            Command::SetRoles(set) => Standings::check_roles(set, &self.parties, &self.venues),
            Command::SetAccess(set) => match self.venues.venue(set.venue) {
                Some(_) => Ok(()),
                None => Err(RejectReason::UnknownVenue.into()),
            },
            Command::SetRegistration(set) => self.standings.check_registration(set, &self.parties),
        }
    }

    /// Carries out a command about what parties may do.
    pub(super) fn stand(&mut self, command: &Command, events: &mut Events) {
        if let Err(reject) = self.check_command_of_standing(command) {
            return operation(events, Err(reject));
        }
        // Nothing below can fail.
        events.push(Event::Standing(match command {
            Command::SetStanding(set) => self.standings.set_standing(set),
            Command::SetRoles(set) => self.standings.set_roles(set),
            Command::SetAccess(set) => self.standings.set_access(*set),
            Command::SetRegistration(set) => self.standings.set_registration(set),
        }));
        operation(events, Ok(None));
    }

    /// UNKNOWN_ACCOUNT, UNKNOWN_PARTICIPANT, then those of `Standings::check_standing`.
    fn check_standing(&self, set: &SetStanding) -> Result<(), RejectReason> {
        match set.party {
            Party::Participant(id) => {
                if self.parties.participant(id).is_none() {
                    return Err(RejectReason::UnknownParticipant);
                }
                self.standings.check_standing(set, || self.is_left(id))
            }
            Party::Account(id) => {
                if self.parties.owner_of(id).is_none() {
                    return Err(RejectReason::UnknownAccount);
                }
                self.standings.check_standing(set, || self.is_empty(id))
            }
        }
    }

    /// Whether all accounts of a participant are closed. Walks all accounts: an operator's act.
    fn is_left(&self, participant: ParticipantId) -> bool {
        let accounts = self.parties.accounts();
        let mut own = accounts.filter(|(_, account)| account.participant == participant);
        own.all(|(id, _)| self.standings.of(Party::Account(id)) == Standing::Closed)
    }

    /// Whether an account has no live order, no balance, no pending instruction, no position in a
    /// margin forward, no offer and no contract, and owes nothing. What else an account may have or
    /// owe belongs into this list.
    fn is_empty(&self, account: AccountId) -> bool {
        let mut orders = self.arena.of_account(account.index());
        let mut positions = self.clearing.ledger().of_account(account);
        let mut pending = self
            .clearing
            .custody()
            .pending_from(crate::types::Sequence::ZERO);
        let mut forwards = self.clearing.margin().of_account_from(account, None);
        let mut credits = self.clearing.credit_of(account);
        orders.next().is_none()
            && positions.all(|position| position.balance() == 0)
            && pending.all(|(_, one)| one.account != account)
            && credits.all(|credit| credit.drawn.is_zero())
            && forwards.all(|(_, row)| row.is_settled())
            && !self.deals(account)
    }

    /// The audit's part about parties.
    pub(crate) fn audit_standings(&self) -> Result<(), &'static str> {
        self.standings.audit(&self.parties, &self.venues)?;
        for (account, standing) in self.standings.restricted() {
            let mut orders = self.arena.of_account(account.index());
            if standing == Standing::Closed && orders.next().is_some() {
                return Err("a closed account has a live order");
            }
        }
        Ok(())
    }
}

//! What parties may do: their life cycle, their roles at each venue, and whom a venue admits.
//!
//! An engine in which none of this was ever set pays one predictable branch for an order. Rejected:
//! a mark in the account's row (it would grow by half a cache line for all accounts).
//!
//! Invariant: what is closed stays closed; a market maker exists only where every regime of the
//! venue allows centralised trading; a registration code belongs to one participant. Bounded by
//! the bounds of parties and venues: a byte an account and a participant, a byte a participant at
//! each venue that gave roles. Not here: who parties are (`parties`), what a party has and owes
//! (`engine::standing` looks), personal data (the engine keeps none).

pub(crate) mod registration;
pub(crate) mod section;

use std::collections::BTreeMap;

use crate::command::{
    Access, Party, Roles, SetAccess, SetRegistration, SetRoles, SetStanding, Standing,
};
use crate::event::StandingChanged;
use crate::limits::Limits;
use crate::parties::Parties;
use crate::reject::{Reject, RejectReason};
use crate::types::{AccountId, Name, ParticipantId, Side, VenueId};
use crate::venue::{Law, Regime, Venues};

/// What parties may do.
#[derive(Clone, Debug)]
pub struct Standings {
    /// Whether anything was ever set: only then is anything below looked at.
    used: bool,
    /// By participant; one beyond the end is open.
    participants: Vec<Standing>,
    /// By account; one beyond the end is open.
    accounts: Vec<Standing>,
    /// By venue; one beyond the end admits everyone.
    access: Vec<Access>,
    /// By venue, then by participant; beyond an end there are none.
    roles: Vec<Vec<Roles>>,
    codes: BTreeMap<ParticipantId, Name>,
}

impl Standings {
    /// All parties open, all venues open to all. Room for marks is touched only when used.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            used: false,
            participants: Vec::with_capacity(limits.participants_max as usize),
            accounts: Vec::with_capacity(limits.accounts_max as usize),
            access: Vec::with_capacity(limits.venues_max as usize),
            roles: Vec::with_capacity(limits.venues_max as usize),
            codes: BTreeMap::new(),
        }
    }

    /// Whether anything was ever set.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        self.used
    }

    /// A party's standing.
    pub fn of(&self, party: Party) -> Standing {
        let mark = match party {
            Party::Participant(id) => self.participants.get(id.place()),
            Party::Account(id) => self.accounts.get(id.place()),
        };
        mark.copied().unwrap_or_default()
    }

    /// A participant's roles at a venue.
    pub fn roles(&self, venue: VenueId, participant: ParticipantId) -> Roles {
        let venue = self.roles.get(venue.place());
        let roles = venue.and_then(|roles| roles.get(participant.place()));
        roles.copied().unwrap_or_default()
    }

    /// Whom a venue admits.
    pub fn access(&self, venue: VenueId) -> Access {
        self.access.get(venue.place()).copied().unwrap_or_default()
    }

    /// A participant's registration code, if it has one.
    pub fn registration(&self, participant: ParticipantId) -> Option<&Name> {
        self.codes.get(&participant)
    }

    /// Whether an account may send orders and replaces.
    ///
    /// # Errors
    /// PARTICIPANT_SUSPENDED, ACCOUNT_SUSPENDED, ACCOUNT_CLOSED.
    pub(crate) fn check_entry(
        &self,
        account: AccountId,
        participant: ParticipantId,
    ) -> Result<(), RejectReason> {
        if self.of(Party::Participant(participant)) != Standing::Open {
            return Err(RejectReason::ParticipantSuspended);
        }
        match self.of(Party::Account(account)) {
            Standing::Open => Ok(()),
            Standing::Suspended => Err(RejectReason::AccountSuspended),
            Standing::Closed => Err(RejectReason::AccountClosed),
        }
    }

    /// Whether a participant may trade on this side of a venue: NOT_PERMITTED.
    pub(crate) fn check_role(
        &self,
        venue: VenueId,
        participant: ParticipantId,
        side: Side,
    ) -> Result<(), RejectReason> {
        let closed = self.access(venue).members_only;
        if closed && !self.roles(venue, participant).has(Roles::of_side(side)) {
            return Err(RejectReason::NotPermitted);
        }
        Ok(())
    }

    /// Whether a participant is as qualified as a venue with these regimes asks: NOT_QUALIFIED, by
    /// the text that lets only qualified investors in, where that is a regime's of the venue.
    pub(crate) fn check_qualified(
        &self,
        venue: VenueId,
        (law, regimes): (&Law, &[Regime]),
        participant: ParticipantId,
    ) -> Result<(), Reject> {
        let asked = self.access(venue).qualified_only;
        if !asked || (self.roles(venue, participant)).has(Roles::QUALIFIED_INVESTOR) {
            return Ok(());
        }
        Err(Reject {
            reason: RejectReason::NotQualified,
            basis: law.asks_for_qualified(regimes),
        })
    }

    /// Whether a participant may get new accounts: not one that is closed.
    pub(crate) fn check_joins(&self, participant: ParticipantId) -> Result<(), RejectReason> {
        if self.of(Party::Participant(participant)) == Standing::Closed {
            return Err(RejectReason::ParticipantSuspended);
        }
        Ok(())
    }

    /// Checks a new standing of a known party and changes nothing; `is_empty` says whether it could
    /// be closed.
    ///
    /// # Errors
    /// PARTICIPANT_SUSPENDED, ACCOUNT_CLOSED (it is closed already), NOT_EMPTY.
    pub(crate) fn check_standing(
        &self,
        set: &SetStanding,
        is_empty: impl FnOnce() -> bool,
    ) -> Result<(), RejectReason> {
        if self.of(set.party) == Standing::Closed {
            return Err(match set.party {
                Party::Participant(_) => RejectReason::ParticipantSuspended,
                Party::Account(_) => RejectReason::AccountClosed,
            });
        }
        if set.standing == Standing::Closed && !is_empty() {
            return Err(RejectReason::NotEmpty);
        }
        Ok(())
    }

    /// Carries out a checked change of a standing.
    pub(crate) fn set_standing(&mut self, set: &SetStanding) -> StandingChanged {
        let SetStanding { party, standing } = *set;
        self.used = true;
        match party {
            Party::Participant(id) => *grown(&mut self.participants, id.place()) = standing,
            Party::Account(id) => *grown(&mut self.accounts, id.place()) = standing,
        }
        StandingChanged::Standing { party, standing }
    }

    /// Checks a participant's roles and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_PARTICIPANT, UNKNOWN_VENUE, MODEL_NOT_ALLOWED with the text that forbids market
    /// makers.
    pub(crate) fn check_roles(
        set: &SetRoles,
        parties: &Parties,
        venues: &Venues,
    ) -> Result<(), Reject> {
        if parties.participant(set.participant).is_none() {
            return Err(RejectReason::UnknownParticipant.into());
        }
        let venue = venues.venue(set.venue);
        let venue = venue.ok_or(RejectReason::UnknownVenue)?;
        let law = venues.law();
        let now = law.forbids_market_makers(&venue.regimes);
        let soon = || law.forbids_market_makers(venue.last_regimes());
        match now.or_else(soon) {
            Some(basis) if set.roles.has(Roles::MARKET_MAKER) => Err(Reject {
                reason: RejectReason::ModelNotAllowed,
                basis: Some(basis),
            }),
            _ => Ok(()),
        }
    }

    /// Whether somebody makes the market of a venue.
    pub(crate) fn has_market_makers(&self, venue: VenueId) -> bool {
        let roles = self.roles.get(venue.place()).into_iter().flatten();
        roles.copied().any(|roles| roles.has(Roles::MARKET_MAKER))
    }

    /// Gives a participant checked roles.
    pub(crate) fn set_roles(&mut self, set: &SetRoles) -> StandingChanged {
        let SetRoles {
            venue,
            participant,
            roles,
        } = *set;
        self.used = true;
        let of_venue = grown(&mut self.roles, venue.place());
        *grown(of_venue, participant.place()) = roles;
        StandingChanged::Roles {
            venue,
            participant,
            roles,
        }
    }

    /// Sets whom a known venue admits.
    pub(crate) fn set_access(&mut self, set: SetAccess) -> StandingChanged {
        let SetAccess { venue, access } = set;
        self.used = true;
        *grown(&mut self.access, venue.place()) = access;
        StandingChanged::Access { venue, access }
    }

    /// Checks a registration and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_PARTICIPANT, ALREADY_EXISTS (another's code), INVALID_FIELD (no such code).
    pub(crate) fn check_registration(
        &self,
        set: &SetRegistration,
        parties: &Parties,
    ) -> Result<(), Reject> {
        if parties.participant(set.participant).is_none() {
            return Err(RejectReason::UnknownParticipant.into());
        }
        if set.code.is_empty() {
            return Ok(());
        }
        let mut others = self.codes.iter();
        if others.any(|(id, code)| *id != set.participant && *code == set.code) {
            return Err(RejectReason::AlreadyExists.into());
        }
        if !registration::is_code(set.code.as_str()) {
            return Err(RejectReason::InvalidField.into());
        }
        Ok(())
    }

    /// Takes over a checked registration.
    pub(crate) fn set_registration(&mut self, set: &SetRegistration) -> StandingChanged {
        if set.code.is_empty() {
            self.codes.remove(&set.participant);
        } else {
            self.codes.insert(set.participant, set.code);
        }
        StandingChanged::Registration(*set)
    }

    /// Accounts that are not open, in order of their handles.
    pub(crate) fn restricted(&self) -> impl Iterator<Item = (AccountId, Standing)> {
        let accounts = self.accounts.iter().enumerate();
        let marked = accounts.filter(|(_, standing)| **standing != Standing::Open);
        marked.map(|(place, standing)| (AccountId::new(place as u32), *standing))
    }

    /// Checks what must hold between commands: marks only of what exists, a closed participant's
    /// accounts closed, market makers only where they are lawful, each code right.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(&self, parties: &Parties, venues: &Venues) -> Result<(), &'static str> {
        let known = self.participants.len() <= parties.participants().len()
            && self.accounts.len() <= parties.accounts().len()
            && self.access.len() <= venues.venues().len()
            && self.roles.len() <= venues.venues().len();
        if !known {
            return Err("what does not exist has a standing or roles");
        }
        let closed = |party| self.of(party) == Standing::Closed;
        if self.participants.contains(&Standing::Closed) {
            for (id, account) in parties.accounts() {
                let gone = closed(Party::Participant(account.participant));
                if gone && !closed(Party::Account(id)) {
                    return Err("a closed participant has an account that is not closed");
                }
            }
        }
        for (place, roles) in self.roles.iter().enumerate() {
            let venue = venues.venue(VenueId::new(place as u32));
            let venue = venue.ok_or("an unknown venue has roles")?;
            let makes = |roles: &Roles| roles.has(Roles::MARKET_MAKER);
            let forbidden = venues.law().forbids_market_makers(&venue.regimes);
            if roles.iter().any(makes) && forbidden.is_some() {
                return Err("a market maker stands where the law allows none");
            }
        }
        if !self
            .codes
            .values()
            .all(|code| registration::is_code(code.as_str()))
        {
            return Err("a registration code is wrong");
        }
        Ok(())
    }
}

/// The entry at `place` of a list that is as long as it has to be.
fn grown<T: Default + Clone>(list: &mut Vec<T>, place: usize) -> &mut T {
    if place >= list.len() {
        list.resize(place + 1, T::default());
    }
    &mut list[place]
}

#[cfg(test)]
mod tests;

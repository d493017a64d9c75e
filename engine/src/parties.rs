//! Participants, beneficial owners and accounts, and the counters of their private streams.
//!
//! Invariant: a handle is an index given in order of creation; names are unique within their
//! kind; an account's participant and owner exist. How many orders of them live is counted beside
//! the counter of reports, which every order touches anyway. Not here: persons (the engine knows
//! only pseudonyms), money, permissions.

use std::collections::BTreeMap;

use crate::bytes::{self, BytesError, Reader};
use crate::command::{CreateAccount, CreateOwner, CreateParticipant};
use crate::event::Counters;
use crate::limits::Limits;
use crate::reject::{Reject, RejectReason};
use crate::types::{AccountId, Name, OwnerId, ParticipantId};

/// An account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    /// Its public id.
    pub name: Name,
    /// The participant it belongs to.
    pub participant: ParticipantId,
    /// The beneficial owner behind it.
    pub owner: OwnerId,
}

/// All parties of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parties {
    participants: Directory,
    owners: Directory,
    accounts: Directory,
    // What an account belongs to, and its counter, in order of the handles.
    links: Vec<Link>,
    // What is counted of each participant.
    joint: Vec<Joint>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Link {
    participant: ParticipantId,
    owner: OwnerId,
    reports: u64,
    /// Live orders; not written, as the orders say it.
    open: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Joint {
    reports: u64,
    /// Live orders of all its accounts.
    open: u32,
}

impl Parties {
    /// No parties, with room for as many as `limits` says.
    pub fn new(limits: &Limits) -> Self {
        Self {
            participants: Directory::new(limits.participants_max),
            owners: Directory::new(limits.owners_max),
            accounts: Directory::new(limits.accounts_max),
            links: Vec::new(),
            joint: Vec::new(),
        }
    }

    /// The account, if there is one.
    pub fn account(&self, id: AccountId) -> Option<Account> {
        let link = self.links.get(id.place())?;
        Some(Account {
            name: *self.accounts.name(id.index())?,
            participant: link.participant,
            owner: link.owner,
        })
    }

    /// The beneficial owner of an account, if there is one.
    #[inline]
    pub fn owner_of(&self, id: AccountId) -> Option<OwnerId> {
        self.links.get(id.place()).map(|link| link.owner)
    }

    /// The participant and the beneficial owner of an account, if there is one.
    #[inline]
    pub fn link(&self, id: AccountId) -> Option<(ParticipantId, OwnerId)> {
        let link = self.links.get(id.place())?;
        Some((link.participant, link.owner))
    }

    /// Adds one report to the counters of an account and its participant and returns both; zeros,
    /// and nothing counted, when there is no such account.
    #[inline]
    pub fn count(&mut self, id: AccountId) -> Counters {
        let Some(link) = self.links.get_mut(id.place()) else {
            return Counters {
                account: 0,
                participant: 0,
            };
        };
        link.reports += 1;
        let joint = &mut self.joint[link.participant.place()];
        joint.reports += 1;
        Counters {
            account: link.reports,
            participant: joint.reports,
        }
    }

    /// An order of a known account lives from now on.
    #[inline]
    pub(crate) fn opened(&mut self, id: AccountId) {
        let link = &mut self.links[id.place()];
        link.open += 1;
        self.joint[link.participant.place()].open += 1;
    }

    /// An order of a known account lives no more.
    #[inline]
    pub(crate) fn ended(&mut self, id: AccountId) {
        let link = &mut self.links[id.place()];
        link.open -= 1;
        self.joint[link.participant.place()].open -= 1;
    }

    /// How many orders of an account live.
    #[inline]
    pub(crate) fn open_of(&self, id: AccountId) -> u32 {
        self.links.get(id.place()).map_or(0, |link| link.open)
    }

    /// How many orders of a participant's accounts live.
    #[inline]
    pub(crate) fn open_of_participant(&self, id: ParticipantId) -> u32 {
        self.joint.get(id.place()).map_or(0, |joint| joint.open)
    }

    /// The counters as they stand.
    pub fn counters(&self, id: AccountId) -> Option<Counters> {
        let link = self.links.get(id.place())?;
        Some(Counters {
            account: link.reports,
            participant: self.joint[link.participant.place()].reports,
        })
    }

    /// How many reports the participant's accounts have had.
    pub fn participant_reports(&self, id: ParticipantId) -> Option<u64> {
        self.joint.get(id.place()).map(|joint| joint.reports)
    }

    /// The participant's public id.
    pub fn participant(&self, id: ParticipantId) -> Option<&Name> {
        self.participants.name(id.index())
    }

    /// The beneficial owner's public id.
    pub fn owner(&self, id: OwnerId) -> Option<&Name> {
        self.owners.name(id.index())
    }

    /// The participant with this public id.
    pub fn find_participant(&self, name: &Name) -> Option<ParticipantId> {
        self.participants.find(name).map(ParticipantId::new)
    }

    /// The beneficial owner with this public id.
    pub fn find_owner(&self, name: &Name) -> Option<OwnerId> {
        self.owners.find(name).map(OwnerId::new)
    }

    /// The account with this public id.
    pub fn find_account(&self, name: &Name) -> Option<AccountId> {
        self.accounts.find(name).map(AccountId::new)
    }

    /// All participants in order of their handles.
    pub fn participants(&self) -> impl ExactSizeIterator<Item = (ParticipantId, &Name)> {
        let names = self.participants.names.iter().enumerate();
        names.map(|(index, name)| (ParticipantId::new(index as u32), name))
    }

    /// All beneficial owners in order of their handles.
    pub fn owners(&self) -> impl ExactSizeIterator<Item = (OwnerId, &Name)> {
        let names = self.owners.names.iter().enumerate();
        names.map(|(index, name)| (OwnerId::new(index as u32), name))
    }

    /// All accounts in order of their handles.
    pub fn accounts(&self) -> impl ExactSizeIterator<Item = (AccountId, Account)> {
        let names = self.accounts.names.iter().zip(&self.links).enumerate();
        names.map(|(index, (name, link))| {
            let account = Account {
                name: *name,
                participant: link.participant,
                owner: link.owner,
            };
            (AccountId::new(index as u32), account)
        })
    }

    /// Checks a new participant and changes nothing.
    ///
    /// # Errors
    /// ALREADY_EXISTS, INVALID_FIELD (no name), TOO_MANY.
    pub fn check_participant(&self, command: &CreateParticipant) -> Result<(), Reject> {
        self.participants.check(&command.name)
    }

    /// Makes a participant and returns its handle.
    ///
    /// # Errors
    /// Those of [`Parties::check_participant`].
    pub fn create_participant(&mut self, command: &CreateParticipant) -> Result<u32, Reject> {
        self.check_participant(command)?;
        // Nothing below can fail.
        self.joint.push(Joint::default());
        Ok(self.participants.add(command.name))
    }

    /// Checks a new beneficial owner and changes nothing.
    ///
    /// # Errors
    /// ALREADY_EXISTS, INVALID_FIELD (no name), TOO_MANY.
    pub fn check_owner(&self, command: &CreateOwner) -> Result<(), Reject> {
        self.owners.check(&command.name)
    }

    /// Makes a beneficial owner and returns its handle.
    ///
    /// # Errors
    /// Those of [`Parties::check_owner`].
    pub fn create_owner(&mut self, command: &CreateOwner) -> Result<u32, Reject> {
        self.check_owner(command)?;
        // Nothing below can fail.
        Ok(self.owners.add(command.name))
    }

    /// Checks a new account and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_PARTICIPANT, UNKNOWN_OWNER, ALREADY_EXISTS, INVALID_FIELD (no name), TOO_MANY.
    pub fn check_account(&self, command: &CreateAccount) -> Result<(), Reject> {
        if self.participant(command.participant).is_none() {
            return Err(RejectReason::UnknownParticipant.into());
        }
        if self.owner(command.owner).is_none() {
            return Err(RejectReason::UnknownOwner.into());
        }
        self.accounts.check(&command.name)
    }

    /// Makes an account and returns its handle.
    ///
    /// # Errors
    /// Those of [`Parties::check_account`].
    pub fn create_account(&mut self, command: &CreateAccount) -> Result<u32, Reject> {
        self.check_account(command)?;
        // Nothing below can fail.
        self.links.push(Link {
            participant: command.participant,
            owner: command.owner,
            reports: 0,
            open: 0,
        });
        Ok(self.accounts.add(command.name))
    }

    /// Writes all parties: participants, owners, accounts, each in order of the handles.
    pub fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.joint.len() as u64);
        for (name, joint) in self.participants.names.iter().zip(&self.joint) {
            bytes::put_text(out, name);
            bytes::put_varint(out, joint.reports);
        }
        bytes::put_varint(out, self.owners.names.len() as u64);
        for name in &self.owners.names {
            bytes::put_text(out, name);
        }
        bytes::put_varint(out, self.links.len() as u64);
        for (name, link) in self.accounts.names.iter().zip(&self.links) {
            bytes::put_text(out, name);
            bytes::put_varint(out, u64::from(link.participant.index()));
            bytes::put_varint(out, u64::from(link.owner.index()));
            bytes::put_varint(out, link.reports);
        }
    }

    /// Reads what [`Parties::encode`] wrote; live orders are yet to be counted.
    ///
    /// # Errors
    /// Broken bytes, more parties than `limits` allows, a name given twice, an unknown party.
    pub fn decode(input: &mut Reader<'_>, limits: &Limits) -> Result<Self, BytesError> {
        let refused = |field| move |_| BytesError::range(field);
        let mut parties = Self::new(limits);
        for _ in 0..input.count(limits.participants_max, 2, "the count of participants")? {
            let name = input.text()?;
            let made = parties.create_participant(&CreateParticipant { name });
            let handle = made.map_err(refused("a participant"))?;
            parties.joint[handle as usize].reports = input.varint()?;
        }
        for _ in 0..input.count(limits.owners_max, 1, "the count of owners")? {
            let name = input.text()?;
            let made = parties.create_owner(&CreateOwner { name });
            made.map_err(refused("an owner"))?;
        }
        for _ in 0..input.count(limits.accounts_max, 4, "the count of accounts")? {
            let command = CreateAccount {
                name: input.text()?,
                participant: ParticipantId::new(input.varint32("an account's participant")?),
                owner: OwnerId::new(input.varint32("an account's owner")?),
            };
            let made = parties.create_account(&command);
            let handle = made.map_err(refused("an account"))?;
            parties.links[handle as usize].reports = input.varint()?;
        }
        Ok(parties)
    }
}

/// Unique names in order of their handles. A tree, since names are looked up only when something
/// is made: an iteration order that depends on a seed is not worth having for that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Directory {
    names: Vec<Name>,
    handles: BTreeMap<Name, u32>,
    max: u32,
}

impl Directory {
    pub(crate) const fn new(max: u32) -> Self {
        Self {
            names: Vec::new(),
            handles: BTreeMap::new(),
            max,
        }
    }

    pub(crate) fn name(&self, handle: u32) -> Option<&Name> {
        self.names.get(handle as usize)
    }

    pub(crate) fn find(&self, name: &Name) -> Option<u32> {
        self.handles.get(name).copied()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.names.len() >= self.max as usize
    }

    /// Whether `name` may be added: ALREADY_EXISTS, INVALID_FIELD, TOO_MANY, in that order.
    pub(crate) fn check(&self, name: &Name) -> Result<(), Reject> {
        self.check_name(name)?;
        self.check_room()
    }

    /// Whether `name` is new and not empty: ALREADY_EXISTS, INVALID_FIELD.
    pub(crate) fn check_name(&self, name: &Name) -> Result<(), Reject> {
        if self.handles.contains_key(name) {
            return Err(RejectReason::AlreadyExists.into());
        }
        if name.is_empty() {
            return Err(RejectReason::InvalidField.into());
        }
        Ok(())
    }

    /// Whether there is room for one more: TOO_MANY.
    pub(crate) fn check_room(&self) -> Result<(), Reject> {
        if self.is_full() {
            return Err(RejectReason::TooMany.into());
        }
        Ok(())
    }

    /// Adds a name that was checked and returns its handle.
    pub(crate) fn add(&mut self, name: Name) -> u32 {
        assert!(!self.is_full(), "the caller checked the bound");
        let handle = self.names.len() as u32;
        let before = self.handles.insert(name, handle);
        assert!(before.is_none(), "the caller checked that {name} is new");
        self.names.push(name);
        handle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("short")
    }

    fn small() -> Limits {
        Limits {
            participants_max: 2,
            owners_max: 2,
            accounts_max: 3,
            ..Limits::default()
        }
    }

    fn account(text: &str, participant: u32, owner: u32) -> CreateAccount {
        CreateAccount {
            name: name(text),
            participant: ParticipantId::new(participant),
            owner: OwnerId::new(owner),
        }
    }

    fn filled() -> Parties {
        let mut parties = Parties::new(&small());
        for text in ["zulu", "alpha"] {
            let made = parties.create_participant(&CreateParticipant { name: name(text) });
            assert!(made.is_ok());
            assert!(
                parties
                    .create_owner(&CreateOwner { name: name(text) })
                    .is_ok()
            );
        }
        for (text, participant) in [("b", 0), ("a", 0), ("c", 1)] {
            assert!(
                parties
                    .create_account(&account(text, participant, 1))
                    .is_ok()
            );
        }
        parties
    }

    #[test]
    fn refusals_come_in_their_order() {
        let mut parties = Parties::new(&small());
        let reason = |answer: Result<u32, Reject>| answer.map_err(|reject| reject.reason);
        let unknown = reason(parties.create_account(&account("", 0, 0)));
        assert_eq!(unknown, Err(RejectReason::UnknownParticipant));
        let participant = CreateParticipant { name: name("p") };
        assert_eq!(reason(parties.create_participant(&participant)), Ok(0));
        let unknown = reason(parties.create_account(&account("", 0, 0)));
        assert_eq!(unknown, Err(RejectReason::UnknownOwner));
        let nameless = parties.create_owner(&CreateOwner { name: Name::EMPTY });
        assert_eq!(reason(nameless), Err(RejectReason::InvalidField));
        let second = CreateParticipant { name: name("q") };
        assert_eq!(reason(parties.create_participant(&second)), Ok(1));
        let again = reason(parties.create_participant(&second));
        assert_eq!(again, Err(RejectReason::AlreadyExists));
        let third = CreateParticipant { name: name("r") };
        let above = reason(parties.create_participant(&third));
        assert_eq!(above, Err(RejectReason::TooMany));
    }

    #[test]
    fn counters_rise_together_and_only_for_known_accounts() {
        let mut parties = filled();
        let count = |parties: &mut Parties, account| {
            let counters = parties.count(AccountId::new(account));
            (counters.account, counters.participant)
        };
        assert_eq!(count(&mut parties, 0), (1, 1));
        assert_eq!(count(&mut parties, 1), (1, 2));
        assert_eq!(count(&mut parties, 2), (1, 1));
        assert_eq!(count(&mut parties, 1), (2, 3));
        assert_eq!(count(&mut parties, 3), (0, 0));
        assert_eq!(parties.participant_reports(ParticipantId::new(0)), Some(3));
    }

    #[test]
    fn live_orders_are_counted_of_an_account_and_of_its_participant() {
        let mut parties = filled();
        let (first, second) = (AccountId::new(0), AccountId::new(1));
        for account in [first, second, first] {
            parties.opened(account);
        }
        parties.ended(first);
        let open = [first, second, AccountId::new(2), AccountId::new(9)];
        assert_eq!(open.map(|id| parties.open_of(id)), [1, 1, 0, 0]);
        let open = [0, 1, 9].map(|id| parties.open_of_participant(ParticipantId::new(id)));
        assert_eq!(open, [2, 0, 0]);
    }

    #[test]
    fn bytes_read_back_and_forgeries_do_not() {
        let mut parties = filled();
        parties.count(AccountId::new(2));
        let mut out = Vec::new();
        parties.encode(&mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(Parties::decode(&mut reader, &small()), Ok(parties.clone()));
        assert_eq!(reader.finish(), Ok(()));
        let found = parties.find_account(&name("a"));
        assert_eq!(found, Some(AccountId::new(1)));
        for end in 0..out.len() {
            assert!(Parties::decode(&mut Reader::new(&out[..end]), &small()).is_err());
        }
        let tight = Limits {
            accounts_max: 2,
            ..small()
        };
        assert!(Parties::decode(&mut Reader::new(&out), &tight).is_err());
        let twice = [2, 1, b'p', 0, 1, b'p', 0, 0, 0];
        let refused = Parties::decode(&mut Reader::new(&twice), &small());
        assert_eq!(refused, Err(BytesError::range("a participant")));
    }
}

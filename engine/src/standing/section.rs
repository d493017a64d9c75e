//! What parties may do as bytes: the section of a snapshot, and the parts commands share with it.
//!
//! ```text
//! participants: count, (handle, standing).. | accounts: likewise
//! access: count, (venue, bits).. | roles: count, (venue, participant, bits)..
//! codes: count, (participant, text)..
//! ```
//! Only what is not as in a new engine is written, each list in rising order.
//!
//! Invariant: equal contents give equal bytes. Not here: whether parties and venues are lawful
//! together (`audit`).

use std::collections::BTreeSet;

use super::{Standings, grown};
use crate::bytes::{self, BytesError, Reader};
use crate::command::{Access, Party, Roles, Standing};
use crate::limits::Limits;
use crate::parties::Parties;
use crate::types::{AccountId, Name, ParticipantId, VenueId};
use crate::venue::Venues;

/// Writes a party.
pub(crate) fn put_party(out: &mut Vec<u8>, party: Party) {
    let (kind, index) = match party {
        Party::Participant(id) => (0, id.index()),
        Party::Account(id) => (1, id.index()),
    };
    bytes::put_u8(out, kind);
    bytes::put_varint(out, u64::from(index));
}

/// Reads a party.
pub(crate) fn party(input: &mut Reader<'_>) -> Result<Party, BytesError> {
    let kind = input.u8()?;
    let index = input.varint32("party")?;
    match kind {
        0 => Ok(Party::Participant(ParticipantId::new(index))),
        1 => Ok(Party::Account(AccountId::new(index))),
        _ => Err(BytesError::range("the kind of a party")),
    }
}

/// Reads a standing.
pub(crate) fn standing(input: &mut Reader<'_>) -> Result<Standing, BytesError> {
    Standing::from_code(input.u8()?).ok_or(BytesError::range("a standing"))
}

/// Reads roles.
pub(crate) fn roles(input: &mut Reader<'_>) -> Result<Roles, BytesError> {
    Roles::from_bits(input.u8()?).ok_or(BytesError::range("roles"))
}

/// Reads whom a venue admits.
pub(crate) fn access(input: &mut Reader<'_>) -> Result<Access, BytesError> {
    Access::from_bits(input.u8()?).ok_or(BytesError::range("whom a venue admits"))
}

/// Writes the marks of a list that are not `T::default()`, each with its place.
fn put_marks<T: Copy + Default + PartialEq>(out: &mut Vec<u8>, list: &[T], byte: impl Fn(T) -> u8) {
    let marks = list.iter().enumerate();
    let marks = marks.filter(|(_, mark)| **mark != T::default());
    bytes::put_varint(out, marks.clone().count() as u64);
    for (place, mark) in marks {
        bytes::put_varint(out, place as u64);
        bytes::put_u8(out, byte(*mark));
    }
}

/// Reads what [`put_marks`] wrote into `list`, for the first `known` places.
fn marks<T: Copy + Default + PartialEq>(
    input: &mut Reader<'_>,
    list: &mut Vec<T>,
    known: usize,
    mark: impl Fn(&mut Reader<'_>) -> Result<T, BytesError>,
) -> Result<(), BytesError> {
    for _ in 0..input.count(known as u32, 2, "the count of marks")? {
        let place = input.varint32("whose mark")? as usize;
        let mark = mark(input)?;
        if place >= known || place < list.len() || mark == T::default() {
            return Err(BytesError::range("a mark"));
        }
        *grown(list, place) = mark;
    }
    Ok(())
}

impl Standings {
    /// Writes all that was set.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_marks(out, &self.participants, |standing| standing as u8);
        put_marks(out, &self.accounts, |standing| standing as u8);
        put_marks(out, &self.access, Access::bits);
        let given = |roles: &&Vec<Roles>| roles.iter().any(|one| *one != Roles::NONE);
        let venues = self.roles.iter().enumerate();
        let venues = venues.filter(|(_, roles)| given(roles));
        bytes::put_varint(out, venues.clone().count() as u64);
        for (venue, roles) in venues {
            bytes::put_varint(out, venue as u64);
            put_marks(out, roles, Roles::bits);
        }
        bytes::put_varint(out, self.codes.len() as u64);
        for (participant, code) in &self.codes {
            bytes::put_varint(out, u64::from(participant.index()));
            bytes::put_text(out, code);
        }
    }

    /// Reads what [`Standings::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes; marks of what is not known, twice, or that say nothing.
    pub(crate) fn decode(
        input: &mut Reader<'_>,
        limits: &Limits,
        (parties, venues): (&Parties, &Venues),
    ) -> Result<Self, BytesError> {
        let mut read = Self::new(limits);
        let participants = parties.participants().len();
        let known = venues.venues().len();
        marks(input, &mut read.participants, participants, standing)?;
        marks(
            input,
            &mut read.accounts,
            parties.accounts().len(),
            standing,
        )?;
        marks(input, &mut read.access, known, access)?;
        for _ in 0..input.count(known as u32, 2, "the count of venues with roles")? {
            let venue = VenueId::new(input.varint32("the venue of roles")?).place();
            if venue >= known || venue < read.roles.len() {
                return Err(BytesError::range("the venue of roles"));
            }
            let of_venue = grown(&mut read.roles, venue);
            marks(input, of_venue, participants, roles)?;
            if of_venue.is_empty() {
                return Err(BytesError::range("the roles of a venue"));
            }
        }
        let mut seen = BTreeSet::new();
        for _ in 0..input.count(participants as u32, 2, "the count of codes")? {
            let participant = ParticipantId::new(input.varint32("the participant of a code")?);
            let code: Name = input.text()?;
            let rises = read.codes.last_key_value();
            let rises = rises.is_none_or(|(last, _)| *last < participant);
            let fresh = seen.insert(code);
            if !rises || !fresh || participant.place() >= participants {
                return Err(BytesError::range("a registration"));
            }
            read.codes.insert(participant, code);
        }
        read.used = !(read.participants.is_empty()
            && read.accounts.is_empty()
            && read.access.is_empty()
            && read.roles.is_empty());
        Ok(read)
    }
}

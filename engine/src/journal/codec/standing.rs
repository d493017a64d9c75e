//! The bodies of commands about what parties may do as bytes: a number a command, then its fields.
//!
//! Invariant: as in `codec`.

use crate::bytes::{self, BytesError, Reader};
use crate::command::{SetAccess, SetRegistration, SetRoles, SetStanding, StandingCommand};
use crate::standing::section;
use crate::types::{ParticipantId, VenueId};

fn put_id(out: &mut Vec<u8>, index: u32) {
    bytes::put_varint(out, u64::from(index));
}

pub(super) fn put(out: &mut Vec<u8>, command: &StandingCommand) {
    match command {
        StandingCommand::SetStanding(set) => {
            bytes::put_u8(out, 0);
            section::put_party(out, set.party);
            bytes::put_u8(out, set.standing as u8);
        }
        StandingCommand::SetRoles(set) => {
            bytes::put_u8(out, 1);
            put_id(out, set.venue.index());
            put_id(out, set.participant.index());
            bytes::put_u8(out, set.roles.bits());
        }
        StandingCommand::SetAccess(set) => {
            bytes::put_u8(out, 2);
            put_id(out, set.venue.index());
            bytes::put_u8(out, set.access.bits());
        }
        StandingCommand::SetRegistration(set) => {
            bytes::put_u8(out, 3);
            put_id(out, set.participant.index());
            bytes::put_text(out, &set.code);
        }
    }
}

pub(super) fn get(input: &mut Reader<'_>) -> Result<StandingCommand, BytesError> {
    let venue = |input: &mut Reader<'_>| input.varint32("venue").map(VenueId::new);
    let participant =
        |input: &mut Reader<'_>| input.varint32("participant").map(ParticipantId::new);
    Ok(match input.u8()? {
        0 => StandingCommand::SetStanding(SetStanding {
            party: section::party(input)?,
            standing: section::standing(input)?,
        }),
        1 => StandingCommand::SetRoles(SetRoles {
            venue: venue(input)?,
            participant: participant(input)?,
            roles: section::roles(input)?,
        }),
        2 => StandingCommand::SetAccess(SetAccess {
            venue: venue(input)?,
            access: section::access(input)?,
        }),
        3 => StandingCommand::SetRegistration(SetRegistration {
            participant: participant(input)?,
            code: input.text()?,
        }),
        _ => return Err(BytesError::range("the kind of a command about parties")),
    })
}

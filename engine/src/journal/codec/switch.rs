//! The bodies of commands about switches as bytes: a tag, then the fields.
//!
//! ```text
//! 0 SetKillSwitch: scope | position u8      1 SetDisconnectPolicy: session | policy u8
//! 2 ArmDeadMan: session | timeout option    3 SessionDisconnected: session
//! scope: 0 session, 1 account, 2 participant, 3 venue, then its handle
//! ```
//! Invariant: as in `codec`.

use crate::bytes::{self, BytesError, Reader};
use crate::command::{
    ArmDeadMan, Body, KillScope, OnDisconnect, Position, SetDisconnectPolicy, SetKillSwitch,
    SwitchCommand,
};
use crate::types::{AccountId, Nanoseconds, ParticipantId, SessionId, VenueId};

pub(super) fn put(out: &mut Vec<u8>, command: &SwitchCommand) {
    match command {
        SwitchCommand::SetKillSwitch(set) => {
            bytes::put_u8(out, 0);
            put_scope(out, set.scope);
            bytes::put_u8(out, set.position as u8);
        }
        SwitchCommand::SetDisconnectPolicy(set) => {
            bytes::put_u8(out, 1);
            put_id(out, set.session.index());
            bytes::put_u8(out, set.on_disconnect as u8);
        }
        SwitchCommand::ArmDeadMan(arm) => {
            bytes::put_u8(out, 2);
            put_id(out, arm.session.index());
            let timeout = arm.timeout.map(|timeout| timeout.0);
            bytes::put_option(out, timeout, bytes::put_zigzag);
        }
        SwitchCommand::SessionDisconnected(session) => {
            bytes::put_u8(out, 3);
            put_id(out, session.index());
        }
    }
}

pub(super) fn get(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let command = match input.u8()? {
        0 => SwitchCommand::SetKillSwitch(SetKillSwitch {
            scope: scope(input)?,
            position: match input.u8()? {
                0 => Position::Engaged,
                1 => Position::Released,
                _ => return Err(BytesError::range("the position of a switch")),
            },
        }),
        1 => SwitchCommand::SetDisconnectPolicy(SetDisconnectPolicy {
            session: session(input)?,
            on_disconnect: match input.u8()? {
                0 => OnDisconnect::Keep,
                1 => OnDisconnect::Cancel,
                _ => return Err(BytesError::range("what a disconnect does")),
            },
        }),
        2 => SwitchCommand::ArmDeadMan(ArmDeadMan {
            session: session(input)?,
            timeout: input.option(|input| input.zigzag().map(Nanoseconds))?,
        }),
        3 => SwitchCommand::SessionDisconnected(session(input)?),
        _ => return Err(BytesError::range("the kind of a command about switches")),
    };
    Ok(Body::Switch(command))
}

fn put_id(out: &mut Vec<u8>, index: u32) {
    bytes::put_varint(out, u64::from(index));
}

fn session(input: &mut Reader<'_>) -> Result<SessionId, BytesError> {
    input.varint32("session").map(SessionId::new)
}

/// Writes what a kill switch stops.
pub(crate) fn put_scope(out: &mut Vec<u8>, scope: KillScope) {
    let (kind, index) = match scope {
        KillScope::Session(id) => (0, id.index()),
        KillScope::Account(id) => (1, id.index()),
        KillScope::Participant(id) => (2, id.index()),
        KillScope::Venue(id) => (3, id.index()),
    };
    bytes::put_u8(out, kind);
    put_id(out, index);
}

/// Reads what [`put_scope`] wrote.
pub(crate) fn scope(input: &mut Reader<'_>) -> Result<KillScope, BytesError> {
    let kind = input.u8()?;
    let index = input.varint32("the scope of a switch")?;
    Ok(match kind {
        0 => KillScope::Session(SessionId::new(index)),
        1 => KillScope::Account(AccountId::new(index)),
        2 => KillScope::Participant(ParticipantId::new(index)),
        3 => KillScope::Venue(VenueId::new(index)),
        _ => return Err(BytesError::range("the scope of a switch")),
    })
}

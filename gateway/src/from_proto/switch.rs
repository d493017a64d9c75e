//! Kill switches, dead-man timers, and what a disconnect does.
//!
//! Invariant: as in `from_proto`. Not here: whether a timeout lies in its bounds (the engine), what
//! a switch does.

use engine::command::{
    ArmDeadMan, Body, Command, Envelope, Identity, KillScope, OnDisconnect, Position,
    SetDisconnectPolicy, SetKillSwitch, SwitchCommand,
};
use engine::types::{Name, Nanoseconds, ParticipantId, PrincipalId, SessionId};
use proto::v1;

use super::fields::{Fields, Prefix};
use super::operations::Asks;
use crate::directory::Tables;
use crate::errors::{Failure, Kind};

const NANOSECONDS_OF_MILLISECOND: i64 = 1_000_000;

impl Asks for v1::SetKillSwitchRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let scope = kill_scope(fields, self.scope.as_ref());
        let position = match v1::SwitchPosition::try_from(self.position) {
            Ok(v1::SwitchPosition::Engaged) => Some(Position::Engaged),
            Ok(v1::SwitchPosition::Released) => Some(Position::Released),
            Ok(v1::SwitchPosition::Unspecified) | Err(_) => {
                let value = self.position;
                fields.wrong(
                    "position",
                    format!("{value} is no position; 1 (ENGAGED) and 2 (RELEASED) are"),
                );
                None
            }
        };
        let (scope, position) = (scope?, position?);
        let set = SetKillSwitch { scope, position };
        Some(Body::Switch(SwitchCommand::SetKillSwitch(set)))
    }
}

fn kill_scope(fields: &mut Fields<'_>, scope: Option<&v1::KillScope>) -> Option<KillScope> {
    use v1::kill_scope::Scope as Wire;
    match scope.and_then(|scope| scope.scope.as_ref()) {
        Some(Wire::SessionId(name)) => {
            let found = session(fields, "scope.session_id", name, PrincipalId::LOCAL);
            found.map(KillScope::Session)
        }
        Some(Wire::AccountId(name)) => fields
            .account("scope.account_id", name)
            .map(KillScope::Account),
        Some(Wire::ParticipantId(name)) => {
            let find = |tables: &Tables, name: &str| tables.participants.find(name);
            let field = "scope.participant_id";
            let found = fields.existing(field, name, Kind::Participant, find);
            found.map(|handle| KillScope::Participant(ParticipantId::new(handle)))
        }
        Some(Wire::VenueId(name)) => fields.venue("scope.venue_id", name).map(KillScope::Venue),
        None => {
            fields.wrong(
                "scope",
                "is not given; a session, an account, a participant or a venue is required",
            );
            None
        }
    }
}

fn session(
    fields: &mut Fields<'_>,
    field: &str,
    name: &str,
    principal: PrincipalId,
) -> Option<SessionId> {
    let find = |tables: &Tables, name: &str| {
        let found = tables.sessions.find(principal, &Name::new(name)?);
        found.map(SessionId::index)
    };
    let found = fields.existing(field, name, Kind::Session, find);
    found.map(SessionId::new)
}

/// The handle of a principal's session.
///
/// # Errors
/// An empty id; no such session.
pub fn session_named(
    name: &str,
    tables: &Tables,
    principal: PrincipalId,
) -> Result<SessionId, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let found = session(&mut fields, "session_id", name, principal);
    fields.finish(found)
}

/// What a session asks to have its timer armed or disarmed.
pub(super) fn arm(session: SessionId, timeout_ms: u32) -> Body {
    let timeout =
        (timeout_ms > 0).then(|| Nanoseconds(i64::from(timeout_ms) * NANOSECONDS_OF_MILLISECOND));
    Body::Switch(SwitchCommand::ArmDeadMan(ArmDeadMan { session, timeout }))
}

/// The command that arms a session's timer anew, or disarms it. It carries no id: what it asks is
/// to begin now, whenever that is.
pub fn arm_dead_man(session: SessionId, timeout_ms: u32, principal: PrincipalId) -> Command {
    internal(principal, arm(session, timeout_ms))
}

/// The command that chooses what the end of a session's connection does.
pub fn disconnect_policy(session: SessionId, cancels: bool, principal: PrincipalId) -> Command {
    let on_disconnect = if cancels {
        OnDisconnect::Cancel
    } else {
        OnDisconnect::Keep
    };
    let set = SetDisconnectPolicy {
        session,
        on_disconnect,
    };
    internal(
        principal,
        Body::Switch(SwitchCommand::SetDisconnectPolicy(set)),
    )
}

/// The command that says that a session's connection ended.
pub fn session_disconnected(session: SessionId, principal: PrincipalId) -> Command {
    let gone = SwitchCommand::SessionDisconnected(session);
    internal(principal, Body::Switch(gone))
}

const fn internal(principal: PrincipalId, body: Body) -> Command {
    Command {
        envelope: Envelope {
            principal,
            identity: Identity::Internal,
            valid_until: None,
            authority: None,
        },
        body,
    }
}

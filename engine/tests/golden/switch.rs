//! Commands about switches whose bytes are kept: one of each kind, each part present and absent.
//!
//! Invariant: as in `golden/commands`.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;

use super::golden::{at, envelope};

/// The commands about switches, which later joined version 1.
pub fn switches() -> Vec<(Time, Command)> {
    let session = SessionId::new(300);
    let scopes = [
        KillScope::Session(session),
        KillScope::Account(AccountId::new(4_000)),
        KillScope::Participant(ParticipantId::new(2)),
        KillScope::Venue(VenueId::new(200)),
    ];
    let positions = [
        Position::Engaged,
        Position::Released,
        Position::Engaged,
        Position::Released,
    ];
    let kills = scopes
        .into_iter()
        .zip(positions)
        .map(|(scope, position)| SwitchCommand::SetKillSwitch(SetKillSwitch { scope, position }));
    let policies = [OnDisconnect::Keep, OnDisconnect::Cancel].map(|on_disconnect| {
        SwitchCommand::SetDisconnectPolicy(SetDisconnectPolicy {
            session,
            on_disconnect,
        })
    });
    let timeouts = [
        None,
        Some(Nanoseconds(60_000_000_000)),
        Some(Nanoseconds(-1)),
    ];
    let arms = timeouts.map(|timeout| SwitchCommand::ArmDeadMan(ArmDeadMan { session, timeout }));
    let gone = SwitchCommand::SessionDisconnected(session);
    let all = kills.chain(policies).chain(arms).chain([gone]);
    let mut commands = Vec::new();
    for (place, command) in all.enumerate() {
        let time = at(place as i64 * 7_654_321);
        let (envelope, body) = (envelope(place as u32, time), Body::Switch(command));
        commands.push((time, Command { envelope, body }));
    }
    commands
}

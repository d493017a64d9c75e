//! The words of scenario tables about switches.
//!
//! `open NAME` opens a session; they count from 0. `kill|release session|account|participant|venue
//! N` turns a kill switch, `policy SESSION cancel|keep` chooses what a disconnect does, `arm
//! SESSION SECONDS|off` arms a dead-man timer, `gone SESSION` ends its connection, `lost` is a
//! start-up. An order or replace with `through=SESSION` comes through that session. `armed SESSION`
//! asks.
//!
//! Invariant: as in `words`. Not here: orders.

use sanjiang_engine::command::{
    ArmDeadMan, Body, Identity, KillScope, OnDisconnect, OpenSession, Position,
    SetDisconnectPolicy, SetKillSwitch, SwitchCommand,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{SweepOf, SwitchEvent};
use sanjiang_engine::types::{AccountId, Nanoseconds, ParticipantId, SessionId, Time, VenueId};

use crate::desk::{DAY, name};

/// The command of a line about switches, if it is one.
pub fn body(words: &[&str]) -> Option<Body> {
    Some(match words[0] {
        "open" => Body::OpenSession(OpenSession {
            name: name(words[1]),
            last_client_sequence: 0,
        }),
        "kill" => turn(words, Position::Engaged),
        "release" => turn(words, Position::Released),
        "policy" => {
            let on_disconnect = match words[2] {
                "cancel" => OnDisconnect::Cancel,
                _ => OnDisconnect::Keep,
            };
            let session = session(words[1]);
            let set = SetDisconnectPolicy {
                session,
                on_disconnect,
            };
            Body::Switch(SwitchCommand::SetDisconnectPolicy(set))
        }
        "arm" => {
            let seconds = words[2].parse::<i64>().ok();
            let timeout = seconds.map(|seconds| Nanoseconds(seconds * 1_000_000_000));
            let session = session(words[1]);
            Body::Switch(SwitchCommand::ArmDeadMan(ArmDeadMan { session, timeout }))
        }
        "gone" => Body::Switch(SwitchCommand::SessionDisconnected(session(words[1]))),
        "lost" => Body::SessionsLost,
        _ => return None,
    })
}

/// The answer to a line that only asks, if it is one.
pub fn tell(engine: &Engine, words: &[&str]) -> Option<String> {
    (words[0] == "armed").then(|| until(engine.switches().dead_man(session(words[1]))))
}

/// Under which identity a line comes.
pub fn identity(engine: &Engine, words: &[&str]) -> Identity {
    let through = words.iter().find_map(|word| word.strip_prefix("through="));
    let Some(session) = through.map(session) else {
        return Identity::Internal;
    };
    let known = engine.sessions().session(session);
    Identity::Session {
        session,
        client_sequence: known.map_or(1, |known| known.watermark + 1),
    }
}

/// What a switch says.
pub fn told(event: &SwitchEvent) -> String {
    match event {
        SwitchEvent::Turned(turned) => {
            let scope = scope_text(turned.scope);
            format!("{:?} {scope}", turned.position)
        }
        SwitchEvent::Armed(armed) => {
            format!(
                "session {} {}",
                armed.session.index(),
                until(armed.deadline)
            )
        }
        SwitchEvent::Fired(session) => format!("fired session {}", session.index()),
        SwitchEvent::Swept(swept) => {
            let what = match swept.what {
                SweepOf::Kill(scope) => scope_text(scope),
                SweepOf::Disconnected(session) => format!("disconnected {}", session.index()),
                SweepOf::DeadMan(session) => format!("dead man {}", session.index()),
                SweepOf::SessionsLost => "lost sessions".to_owned(),
            };
            format!(
                "swept {what}: canceled {}, kept {}",
                swept.canceled, swept.kept
            )
        }
    }
}

fn until(deadline: Option<Time>) -> String {
    deadline.map_or("disarmed".to_owned(), |deadline| {
        format!("armed until {}", deadline.nanoseconds() - DAY.nanoseconds())
    })
}

fn scope_text(scope: KillScope) -> String {
    match scope {
        KillScope::Session(id) => format!("session {}", id.index()),
        KillScope::Account(id) => format!("account {}", id.index()),
        KillScope::Participant(id) => format!("participant {}", id.index()),
        KillScope::Venue(id) => format!("venue {}", id.index()),
    }
}

fn turn(words: &[&str], position: Position) -> Body {
    let index = number(words[2]);
    let scope = match words[1] {
        "session" => KillScope::Session(SessionId::new(index)),
        "account" => KillScope::Account(AccountId::new(index)),
        "participant" => KillScope::Participant(ParticipantId::new(index)),
        "venue" => KillScope::Venue(VenueId::new(index)),
        other => panic!("no scope: {other}"),
    };
    Body::Switch(SwitchCommand::SetKillSwitch(SetKillSwitch {
        scope,
        position,
    }))
}

fn session(word: &str) -> SessionId {
    SessionId::new(number(word))
}

fn number(word: &str) -> u32 {
    word.parse()
        .unwrap_or_else(|_| panic!("not a number: {word}"))
}

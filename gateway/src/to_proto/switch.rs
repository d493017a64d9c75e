//! Kill switches and dead-man timers on the wire.
//!
//! Invariant: as in `to_proto`. Not here: which are asked for (`services::switches`).

use engine::command::KillScope;
use engine::event::{Event, SwitchEvent};
use engine::switch::Engaged;
use engine::types::{Name, Sequence, Time};
use proto::v1;

use super::timestamp;
use crate::directory::Tables;

fn text(name: Option<&Name>) -> String {
    name.map_or_else(String::new, |name| name.as_str().to_owned())
}

fn scope(tables: &Tables, scope: KillScope) -> v1::KillScope {
    use v1::kill_scope::Scope as Wire;
    let wire = match scope {
        KillScope::Session(id) => Wire::SessionId(text(tables.sessions.name(id))),
        KillScope::Account(id) => {
            Wire::AccountId(text(tables.account(id).map(|entry| &entry.name)))
        }
        KillScope::Participant(id) => {
            Wire::ParticipantId(text(tables.participants.get(id.index())))
        }
        KillScope::Venue(id) => Wire::VenueId(text(tables.venue(id).map(|entry| &entry.name))),
    };
    v1::KillScope { scope: Some(wire) }
}

/// An engaged kill switch, and whether it still sweeps.
pub fn engaged(tables: &Tables, switch: &Engaged, sweeps: bool) -> v1::KillSwitch {
    v1::KillSwitch {
        scope: Some(scope(tables, switch.scope)),
        position: v1::SwitchPosition::Engaged.into(),
        engage_time: Some(timestamp(switch.since)),
        sweep_pending: sweeps,
        canceled_count: switch.canceled,
        kept_count: switch.kept,
    }
}

/// A kill switch that is not engaged.
pub fn released(tables: &Tables, released: KillScope) -> v1::KillSwitch {
    v1::KillSwitch {
        scope: Some(scope(tables, released)),
        position: v1::SwitchPosition::Released.into(),
        ..v1::KillSwitch::default()
    }
}

/// What a session is told of the arming of its timer.
pub(super) fn armed(
    event: &Event,
    sequence: Sequence,
    client_sequence: u64,
) -> Option<v1::SessionDeadMan> {
    let blank = v1::SessionDeadMan {
        engine_sequence: sequence.value(),
        client_sequence,
        ..v1::SessionDeadMan::default()
    };
    if let Event::Switch(SwitchEvent::Armed(armed)) = event {
        return Some(v1::SessionDeadMan {
            deadline_ns: armed.deadline.map_or(0, Time::nanoseconds),
            ..blank
        });
    }
    let Event::Operation(report) = event else {
        return None;
    };
    let reject = report.reject?;
    Some(v1::SessionDeadMan {
        reject_code: u32::from(reject.reason.code()),
        reject_reason: reject.reason.as_str().to_owned(),
        ..blank
    })
}

/// What a session is told when its timer fired.
pub fn fired(sequence: Sequence) -> v1::SessionDeadMan {
    v1::SessionDeadMan {
        engine_sequence: sequence.value(),
        fired: true,
        ..v1::SessionDeadMan::default()
    }
}

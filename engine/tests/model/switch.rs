//! Switches in a world: kill switches, what sessions choose, connections that end; and which cells
//! of their rules there are.
//!
//! Invariant: an engaged switch is released again soon, so that most orders meet none, and a choice
//! looks only at the random stream and at the reference. Not here: orders (`generate`).

use sanjiang_engine::command::*;
use sanjiang_engine::event::{SweepOf, SwitchEvent};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;

use super::coverage::Cell;
use super::rng::Rng;
use super::world::{HOUR, SECOND, deep};
use crate::reference::Reference;

const COMMANDS: [&str; 4] = [
    "SetKillSwitch",
    "SetDisconnectPolicy",
    "ArmDeadMan",
    "SessionDisconnected",
];

const SAID: [&str; 18] = [
    "session engaged",
    "account engaged",
    "participant engaged",
    "venue engaged",
    "session released",
    "account released",
    "participant released",
    "venue released",
    "armed",
    "disarmed",
    "fired",
    "session swept",
    "account swept",
    "participant swept",
    "venue swept",
    "disconnected swept",
    "dead-man swept",
    "all sessions swept",
];

/// What the reference says of a sweep that took more than one command.
pub const IN_PARTS: &str = "sweep in parts";

/// What a sweep did.
const SWEPT: [&str; 4] = ["nothing", "cancelled", "kept", IN_PARTS];

/// The bounds of switches, small enough to be met.
pub fn limits(rng: &mut Rng, limits: Limits) -> Limits {
    let rows = if deep(&limits) {
        rng.pick(&[100, 1 << 14])
    } else {
        rng.pick(&[5, 17, 1 << 14])
    };
    Limits {
        switches_max: rng.pick(&[1, 2, 4]),
        sweep_rows_max: rows,
        ..limits
    }
}

/// Whether a switch stops something now.
pub fn engaged(world: &Reference) -> bool {
    !world.engaged.is_empty()
}

/// A command about switches.
pub fn turn(rng: &mut Rng, world: &Reference) -> Body {
    if let Some(scope) = world.engaged.first().filter(|_| rng.permille(750)) {
        return set(*scope, Position::Released);
    }
    let session = SessionId::new(rng.weighted(&[(40, 0), (30, 1), (20, 2), (3, 9)]));
    Body::Switch(
        match rng.weighted(&[(350, 0), (250, 1), (300, 2), (200, 3)]) {
            0 => return set(scope(rng, session), position(rng)),
            1 => SwitchCommand::SetDisconnectPolicy(SetDisconnectPolicy {
                session,
                on_disconnect: rng
                    .weighted(&[(700, OnDisconnect::Cancel), (300, OnDisconnect::Keep)]),
            }),
            2 => {
                let timeout = rng.weighted(&[
                    (200, Some(SECOND)),
                    (150, Some(3 * SECOND)),
                    (100, Some(600 * SECOND)),
                    (30, Some(24 * HOUR)),
                    (10, Some(SECOND - 1)),
                    (10, Some(24 * HOUR + 1)),
                    (5, Some(-1)),
                    (80, None),
                ]);
                let timeout = timeout.map(Nanoseconds);
                SwitchCommand::ArmDeadMan(ArmDeadMan { session, timeout })
            }
            _ => SwitchCommand::SessionDisconnected(session),
        },
    )
}

fn set(scope: KillScope, position: Position) -> Body {
    let set = SetKillSwitch { scope, position };
    Body::Switch(SwitchCommand::SetKillSwitch(set))
}

fn scope(rng: &mut Rng, session: SessionId) -> KillScope {
    let unknown = if rng.permille(20) { 50 } else { 0 };
    match rng.weighted(&[(300, 0), (400, 1), (150, 2), (150, 3)]) {
        0 => KillScope::Session(session),
        1 => KillScope::Account(AccountId::new(rng.below(8) as u32 + unknown)),
        2 => KillScope::Participant(ParticipantId::new(rng.below(2) as u32 + unknown)),
        _ => KillScope::Venue(VenueId::new(rng.below(2) as u32 + unknown)),
    }
}

fn position(rng: &mut Rng) -> Position {
    rng.weighted(&[(900, Position::Engaged), (100, Position::Released)])
}

/// A session's own commands come mostly from its principal.
pub fn send(rng: &mut Rng, world: &Reference, command: &mut Command) {
    let Body::Switch(body) = &command.body else {
        return;
    };
    let session = match body {
        SwitchCommand::SetKillSwitch(_) => return,
        SwitchCommand::SetDisconnectPolicy(set) => set.session,
        SwitchCommand::ArmDeadMan(arm) => arm.session,
        SwitchCommand::SessionDisconnected(session) => *session,
    };
    let known = world.sessions.get(session.place());
    if let Some(known) = known.filter(|_| rng.permille(950)) {
        command.envelope.principal = known.principal;
    }
}

/// The name of a command about switches.
pub fn command(command: &SwitchCommand) -> &'static str {
    COMMANDS[match command {
        SwitchCommand::SetKillSwitch(_) => 0,
        SwitchCommand::SetDisconnectPolicy(_) => 1,
        SwitchCommand::ArmDeadMan(_) => 2,
        SwitchCommand::SessionDisconnected(_) => 3,
    }]
}

fn scope_of(scope: KillScope) -> usize {
    match scope {
        KillScope::Session(_) => 0,
        KillScope::Account(_) => 1,
        KillScope::Participant(_) => 2,
        KillScope::Venue(_) => 3,
    }
}

/// What an event says.
pub fn said(event: &SwitchEvent) -> Vec<Cell> {
    let mut cells = Vec::new();
    let said = match event {
        SwitchEvent::Turned(turned) => {
            let released = turned.position == Position::Released;
            scope_of(turned.scope) + 4 * usize::from(released)
        }
        SwitchEvent::Armed(armed) => 8 + usize::from(armed.deadline.is_none()),
        SwitchEvent::Fired(_) => 10,
        SwitchEvent::Swept(swept) => {
            cells.push(Cell::Swept(match (swept.canceled, swept.kept) {
                (0, 0) => SWEPT[0],
                (_, 0) => SWEPT[1],
                _ => SWEPT[2],
            }));
            match swept.what {
                SweepOf::Kill(scope) => 11 + scope_of(scope),
                SweepOf::Disconnected(_) => 15,
                SweepOf::DeadMan(_) => 16,
                SweepOf::SessionsLost => 17,
            }
        }
    };
    cells.push(Cell::Switch(SAID[said]));
    cells
}

/// The groups of cells about switches.
pub fn required() -> Vec<(&'static str, Vec<Cell>)> {
    let mut commands: Vec<_> = COMMANDS
        .iter()
        .map(|name| Cell::Command(name, true))
        .collect();
    // The others are refused for an unknown session only, which counts as a duplicate's reason.
    commands.extend([COMMANDS[0], COMMANDS[2]].map(|name| Cell::Command(name, false)));
    vec![
        ("switch commands taken and refused", commands),
        ("what switches say", SAID.map(Cell::Switch).to_vec()),
        ("what sweeps do", SWEPT.map(Cell::Swept).to_vec()),
    ]
}

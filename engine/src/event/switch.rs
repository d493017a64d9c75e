//! What switches say: turned, armed, fired, swept.
//!
//! Invariant: as in `event`. Not here: the reports of the orders that end, which come as any other.

use crate::command::{KillScope, Position};
use crate::types::{SessionId, Time};

/// Something about a switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SwitchEvent {
    /// A kill switch was engaged or released.
    Turned(KillSwitchTurned),
    /// A session's dead-man timer was armed, armed anew or disarmed.
    Armed(DeadManArmed),
    /// A session's dead-man timer fired, and is disarmed; its orders end.
    Fired(SessionId),
    /// A sweep has dealt with the last of its orders.
    Swept(Swept),
}

/// A kill switch was engaged or released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KillSwitchTurned {
    /// What it stops.
    pub scope: KillScope,
    /// Where it stands now.
    pub position: Position,
}

/// A session's dead-man timer was armed or disarmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeadManArmed {
    /// The session.
    pub session: SessionId,
    /// When it fires unless it is armed again; none when it is disarmed.
    pub deadline: Option<Time>,
}

/// Whose orders a sweep ends, and why.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum SweepOf {
    /// A kill switch was engaged.
    Kill(KillScope),
    /// A session's connection ended.
    Disconnected(SessionId),
    /// A session's dead-man timer fired.
    DeadMan(SessionId),
    /// All sessions that cancel on disconnect: the process came up anew.
    SessionsLost,
}

/// A sweep is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Swept {
    /// Whose orders.
    pub what: SweepOf,
    /// How many were cancelled.
    pub canceled: u32,
    /// How many stay since their phase or status takes no cancels.
    pub kept: u32,
}

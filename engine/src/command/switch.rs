//! Commands about switches: kill switches, cancel on disconnect, dead-man timers.
//!
//! Invariant: as in `command`. Not here: the rules (`switch`, SEMANTICS section 18).

use crate::types::{AccountId, Nanoseconds, ParticipantId, SessionId, VenueId};

/// A command about switches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SwitchCommand {
    /// An operator engages or releases a kill switch.
    SetKillSwitch(SetKillSwitch),
    /// A session chooses what the end of its connection does to its orders.
    SetDisconnectPolicy(SetDisconnectPolicy),
    /// A session arms, re-arms or disarms its dead-man timer.
    ArmDeadMan(ArmDeadMan),
    /// The newest connection of a session ended and no newer one took its place.
    SessionDisconnected(SessionId),
}

/// Engage or release a kill switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetKillSwitch {
    /// What it stops.
    pub scope: KillScope,
    /// Engaged or released.
    pub position: Position,
}

/// What a kill switch stops.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum KillScope {
    /// What comes, and the orders that came, through one session.
    Session(SessionId),
    /// One account.
    Account(AccountId),
    /// All accounts of one participant.
    Participant(ParticipantId),
    /// All instruments of one venue.
    Venue(VenueId),
}

/// Where a switch stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Position {
    /// Nothing new comes in.
    Engaged = 0,
    /// As if it had never been engaged.
    Released = 1,
}

/// Choose what the end of a session's connection does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetDisconnectPolicy {
    /// The session; it belongs to the envelope's principal.
    pub session: SessionId,
    /// What happens.
    pub on_disconnect: OnDisconnect,
}

/// What the end of a session's connection does to its orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
#[repr(u8)]
pub enum OnDisconnect {
    /// They stay.
    #[default]
    Keep = 0,
    /// They are cancelled (FIX 18 = o).
    Cancel = 1,
}

/// Arm a session's dead-man timer anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArmDeadMan {
    /// The session; it belongs to the envelope's principal.
    pub session: SessionId,
    /// How long after the command's time it fires; `None` disarms it. Between
    /// `Limits::DEAD_MAN_MIN` and `Limits::DEAD_MAN_MAX`.
    pub timeout: Option<Nanoseconds>,
}

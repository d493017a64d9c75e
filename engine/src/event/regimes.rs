//! The events about law: a version of a regime was defined, a venue will move or has moved.
//!
//! Invariant: as in `event`. Not here: what a version says, which is its command's (`venue::law`).

use crate::types::{Time, VenueId};
use crate::venue::Regime;

/// What happened to the law.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegimeEvent {
    /// A version was defined.
    Defined(RegimeDefined),
    /// A venue will stand under other versions.
    Moving(VenueMoving),
    /// It does.
    Moved(VenueId),
}

/// A version of a regime was defined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegimeDefined {
    /// Its number.
    pub regime: Regime,
    /// From when on venues may name it.
    pub from: Time,
}

/// A venue will stand under other versions of its regimes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VenueMoving {
    /// Which.
    pub venue: VenueId,
    /// Under which, in their order; none after the last.
    pub regimes: [Option<Regime>; Regime::PER_VENUE_MAX],
    /// From when on.
    pub from: Time,
}

impl VenueMoving {
    /// The versions.
    pub fn regimes(&self) -> impl Iterator<Item = Regime> {
        self.regimes.into_iter().flatten()
    }
}

//! The event about law: a version of a regime was defined.
//!
//! Invariant: as in `event`. Not here: what it says, which is its command's (`venue::law`).

use crate::types::Time;
use crate::venue::Regime;

/// A version of a regime was defined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegimeDefined {
    /// Its number.
    pub regime: Regime,
    /// From when on venues may name it.
    pub from: Time,
}

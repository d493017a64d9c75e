//! The command about cross-border retail: what customs report of somebody's year.
//!
//! Invariant: as in `command`. Not here: what contracts use of it (`engine::contracts`, SEMANTICS
//! section 26).

use super::Demonstration;
use crate::types::OwnerId;

/// Say what a person used of its annual limit elsewhere, as customs report it (财关税〔2018〕49号).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetAnnualUse {
    /// Whose.
    pub owner: OwnerId,
    /// The calendar year at UTC+8; the one that runs.
    pub year: u16,
    /// The dutiable value of what it imported elsewhere, in fen, instead of what was said before;
    /// from 0 to [`SetAnnualUse::USED_MAX`].
    pub used: i64,
    /// Whether that is of demonstrations only, which do not count for what is real.
    pub demonstration: Demonstration,
}

impl SetAnnualUse {
    /// The most that can be said: 2^52 fen, as the most a contract can be worth.
    pub const USED_MAX: i64 = 1 << 52;
}

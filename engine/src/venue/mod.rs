//! Venues: the law they stand under, their phases, timetables and instruments.
//!
//! Invariant: a venue exists only if its models are lawful under its regimes, and its phase takes
//! only the commands the table in `phase` allows. Not here: matching, money, people.

mod phase;
mod regime;

pub use phase::{Action, Phase, TradingStatus, permits};
pub use regime::{Model, Regime};

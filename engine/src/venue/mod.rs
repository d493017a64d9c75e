//! Venues: the law they stand under, their phases, timetables and instruments.
//!
//! Invariant: a venue exists only if its models are lawful under its regimes, and its phase takes
//! only the commands the table in `phase` allows. Not here: matching, money, people.

pub(crate) mod calendar;
mod deadlines;
pub(crate) mod instrument;
pub mod keys;
mod law;
mod law_section;
mod moves;
mod phase;
pub(crate) mod regime;
pub(crate) mod rules;
pub(crate) mod schedule;
pub(crate) mod section;
pub mod set_one;
mod venues;

pub use calendar::Calendar;
pub use deadlines::{Due, DueKind, Fired};
pub use instrument::Instrument;
pub use keys::{RuleKey, RuleKind, RuleValue};
pub use law::{Approval, Law, Version};
pub use moves::Moving;
pub use phase::{Action, Auction, Phase, TradingStatus, permits};
pub use regime::{Model, Regime};
pub use rules::{
    Allowed, Audience, Centralised, CoolingOff, Holders, ImportLimit, Imports, Interval, Investors,
    Licence, Models, Rules,
};
pub use schedule::Schedule;
pub use venues::{Overridden, Venue, Venues};

#[cfg(test)]
mod rules_tests;

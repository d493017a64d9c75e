//! The naive registry: the part of the reference that is not the book. Retries, parties,
//! venues with their law, calendars and what falls due, again from `SEMANTICS.md` alone.
//!
//! Invariant: everything derived (the current day, the next entry, what is used) is computed by
//! looking at all there is. Not here: orders (`reference`).

mod admin;
mod baskets;
mod border;
mod campaigns;
mod correction;
mod credit;
mod deals;
mod gaps;
mod guarantees;
mod law;
mod lottery;
mod margin;
mod money;
mod moves;
mod nominees;
mod owing;
mod payments;
mod performance;
mod phases;
mod queue;
mod receipts;
mod requests;
mod risk;
mod rules;
mod settlement;
mod shop;
mod standing;
mod switch;
mod time;

use super::*;
use border::ImportLaw;
pub use border::year_at;
pub use correction::{Kept, Trades};
pub use credit::Pledge;
pub use deals::Deal;
pub use law::Made;
use money::Instruction;
pub use money::{Cleared, Money};
pub use phases::call;
pub use risk::{Deed, Limited};
pub use rules::{asked, fails};
pub use settlement::Settling;
pub use shop::{Offering, Shops};
pub use standing::{Stands, code_is_right};
pub use switch::Sweep;

pub struct Account {
    pub name: Name,
    pub participant: usize,
    pub owner: OwnerId,
    pub count: u64,
}

pub struct Calendar {
    pub name: Name,
    pub offset: i32,
    pub roll: Nanoseconds,
    pub days: Vec<i32>,
}

pub struct Venue {
    pub name: Name,
    pub regimes: Vec<Regime>,
    /// Those it will stand under, and from when on.
    pub moving: Option<(i128, Vec<Regime>)>,
    pub licensed: bool,
    pub models: Vec<Model>,
    pub demonstration: Demonstration,
    pub calendar: Option<usize>,
    pub phase: Phase,
    pub status: TradingStatus,
    pub overridden: bool,
    pub entries: Vec<(Nanoseconds, Phase)>,
    /// Day rolls later than this are still to come.
    pub rolled: i128,
    /// Timetable entries later than this are still to come.
    pub passed: i128,
    /// How often its day rolled.
    pub days: u32,
}

pub struct Instrument {
    pub name: Name,
    pub venue: usize,
    pub terms: InstrumentTerms,
    pub clearing: Option<Cleared>,
    pub margin: Option<super::margin::Contract>,
    pub status: TradingStatus,
    pub reference: Option<i64>,
    pub last: Option<i64>,
    pub shown: (Option<i64>, i64, i64),
}

pub struct Request {
    pub key: (bool, u32, ClientId),
    payload: Command,
    sequence: Sequence,
    expires: Time,
}

pub struct Session {
    pub principal: PrincipalId,
    pub name: Name,
    pub watermark: u64,
    /// Its orders end with its connection.
    pub cancels: bool,
    pub dead_man: Option<Time>,
}

//! Sanjiang's engine: one deterministic function from commands to events.

pub mod audit;
mod book;
pub mod bytes;
pub mod command;
pub mod engine;
pub mod event;
pub mod journal;
pub mod limits;
mod market;
mod matching;
pub mod parties;
pub mod recovery;
pub mod reject;
pub mod requests;
pub mod runtime;
pub mod sessions;
pub mod snapshot;
pub mod state_hash;
pub mod types;
pub mod venue;

/// The version of the trading rules this build carries out. Raised with every change by which the
/// same commands give other events; a journal names it, and replay never crosses it.
pub const SEMANTICS_VERSION: u32 = 1;

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
pub mod reject;
pub mod requests;
pub mod runtime;
pub mod sessions;
pub mod state_hash;
pub mod types;
pub mod venue;

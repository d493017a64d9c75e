//! Sanjiang's engine: one deterministic function from commands to events.

pub(crate) mod book;
pub mod bytes;
pub mod command;
pub mod event;
pub mod journal;
pub mod limits;
pub mod parties;
pub mod reject;
pub mod requests;
pub mod runtime;
pub mod sessions;
pub mod types;
pub mod venue;

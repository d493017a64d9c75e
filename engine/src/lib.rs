//! Sanjiang's engine: one deterministic function from commands to events.
pub mod command;
pub mod event;
pub mod limits;
pub mod reject;
pub mod types;
pub mod venue;

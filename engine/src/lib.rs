//! Sanjiang's engine: one deterministic function from commands to events.
//!
//! `Engine::apply(&mut self, &Sequenced<Command>, &mut Events)` is the whole of it. Commands come
//! with contiguous sequences and a time that never falls; each is answered by events, a reject
//! being one of them. The same commands give the same events, byte for byte, on any machine: no
//! clock, no randomness, no I/O, no threads, no floats, no hash order (`clippy.toml` bans them).
//! Nothing grows past `Limits`, and in steady state nothing is allocated (`tests/no_alloc`). The
//! rules are written in `SEMANTICS.md`; `tests/reference` is a second, naive engine written from
//! that page alone.
//!
//! Invariant: knowledge runs one way: `types` <- `book`, `clearing`, `standing`, `risk` <-
//! `matching` <- `market` <- `engine` <- `journal`, `snapshot`, `recovery` <- `runtime`. Not here:
//! wires, people, credentials.

pub mod audit;
#[allow(clippy::disallowed_methods, reason = "the impure corner: files")]
pub mod backup;
mod book;
pub mod bytes;
pub mod clearing;
pub mod command;
pub mod contract;
pub mod engine;
pub mod event;
mod index;
#[allow(
    clippy::disallowed_methods,
    reason = "the impure corner: records on disk"
)]
pub mod journal;
pub mod limits;
mod market;
mod matching;
pub mod parties;
#[allow(
    clippy::disallowed_methods,
    reason = "the impure corner: reads the disk"
)]
pub mod recovery;
pub mod reject;
pub mod requests;
pub mod risk;
#[allow(
    clippy::disallowed_methods,
    reason = "the impure corner: clocks, threads and the disk"
)]
pub mod runtime;
pub mod sessions;
mod slab;
#[allow(clippy::disallowed_methods, reason = "the impure corner: files")]
pub mod snapshot;
pub mod standing;
pub mod state_hash;
pub mod switch;
mod tracked;
pub mod types;
pub mod venue;

/// The version of the trading rules this build carries out. Raised with every change by which the
/// same commands give other events; a journal names it, and replay never crosses it.
pub const SEMANTICS_VERSION: u32 = if cfg!(feature = "next-semantics") {
    5
} else {
    4
};

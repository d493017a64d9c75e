//! Warehouse receipts from outside (SEMANTICS section 14): the whole table of standings and acts,
//! signatures, bounds, provenance checked by hand, snapshots and forgeries.
//!
//! Invariant: a test reads events and what the engine shows, and audits it after every command.
//! Not here: the comparison with the naive reference (`model`), narrated cases
//! (`scenarios/receipts.txt`).

#![allow(clippy::wildcard_enum_match_arm)] // a test treats the acts it is about

mod provenance;
mod rules;
mod sections;
mod table;
mod yard;

//! The gateway: gRPC in front of the engine, its journal and its history. The only async crate and
//! the only place where wire and engine meet.
//!
//! The path of an order, top down: `services::order_entry` -> `from_proto` -> `admission` ->
//! engine, journal -> `hub` -> `replies` -> `to_proto`. No file calls an earlier one.
pub mod acts_cli;
pub mod admission;
pub mod backup_cli;
pub mod backups;
pub mod config;
pub mod demo;
pub mod directory;
pub mod errors;
pub mod exchange;
pub mod fanout;
pub mod from_proto;
pub mod hub;
pub mod journal_cli;
pub mod last_words;
pub mod memory;
pub mod outlet;
pub mod projector;
pub mod reconcile;
pub mod reconcile_cli;
pub mod replies;
pub mod server;
pub mod services;
pub mod session;
pub mod shutdown;
pub mod telemetry;
pub mod to_proto;
pub mod venue_cli;

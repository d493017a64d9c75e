//! Replays recorded days and open-loop load against a gateway, through its public API only.
//!
//! Invariant: what is asked, and what is found, goes through `proto`; the engine is linked only to
//! compute what a made day must give (`crash::day`). Not here: anything that would repair an answer
//! of the gateway.

pub mod auditor;
pub mod cli;
pub mod client;
pub mod crash;
pub mod flash;
pub mod formats;
pub mod load;
pub mod purse;
pub mod replay;
pub mod report;
pub mod setup;
pub mod shops;
pub mod workload;

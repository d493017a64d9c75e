//! The services of `sanjiang.v1`: each call is decoded, carried out and encoded.
//!
//! Invariant: no service holds anything of its own but the [`Exchange`](crate::exchange::Exchange).
//! Not here: what the steps do (`from_proto`, `admission`, `to_proto`).

mod accounts;
mod answers;
mod balances;
mod corrections;
mod credit;
mod executions;
mod follow;
mod looks;
pub mod margin;
mod market_data;
mod operations;
mod order_entry;
mod pages;
mod parties;
mod postings;
mod receipts;
mod regimes;
mod settlement;
mod standing;
mod statements;
mod streams;
mod switches;
mod trades;
pub mod unread;

pub use accounts::AccountsService;
pub use looks::look;
pub use market_data::MarketDataService;
pub use operations::{OperationsService, submit as submit_operation};
pub use order_entry::OrderEntryService;

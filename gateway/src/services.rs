//! The services of `sanjiang.v1`: each call is decoded, carried out and encoded.
//!
//! Invariant: no service holds anything of its own but the [`Exchange`](crate::exchange::Exchange).
//! Not here: what the steps do (`from_proto`, `admission`, `to_proto`).

mod accounts;
mod answers;
mod balances;
mod contracts;
mod corrections;
mod credit;
mod deals;
mod discounts;
mod events;
mod executions;
mod follow;
mod looks;
pub mod margin;
mod market_data;
mod operations;
mod order_entry;
mod owing;
mod pages;
mod parties;
mod postings;
mod private;
mod receipts;
mod regimes;
mod sales;
mod settlement;
mod standing;
mod statements;
mod streams;
mod switches;
mod trades;
pub mod unread;

pub use accounts::AccountsService;
pub use contracts::ContractsService;
pub use looks::look;
pub use market_data::MarketDataService;
pub use operations::{OperationsService, submit as submit_operation};
pub use order_entry::OrderEntryService;
pub use sales::SalesService;

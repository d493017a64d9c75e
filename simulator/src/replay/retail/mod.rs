//! A shop's year: every line of its invoices as a contract, a return, a count of stock or money.
//!
//! Not here yet: the exchange.

pub mod matching;
pub mod plan;

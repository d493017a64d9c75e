//! How the engine trades, seen from outside: text scenarios, recorded days, published tables and
//! exercises.
//!
//! Invariant: a test reads events only, and audits the engine after every command. Not here: the
//! comparison with the naive reference (`model`), durability.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // a test may read files

mod auction_vectors;
mod baskets;
mod border;
#[path = "../support/centralised.rs"]
mod centralised;
mod credit;
mod desk;
mod duties;
#[path = "../support/founding.rs"]
mod founding;
mod guarantee;
mod margin;
mod money;
mod openings;
mod papers;
mod properties;
mod rejects;
mod said;
mod scenarios;
mod settle;
mod shanghai;
mod shop;
mod suites;
mod sweeps;
mod switches;
mod words;

//! The tests of the gateway's public API: one program, so that what they share is compiled and
//! linked once. A file's tests run alone by its name: `cargo test -p sanjiang-gateway money::`.
//!
//! Invariant: a test has an exchange, a folder and ports of its own, and changes nothing of the
//! process. Not here: what needs the program's own process (the simulator's tests kill it).

mod acts;
mod acts_clients;
mod backup;
mod baskets;
mod corrections;
mod credit;
mod demo_shops;
mod disk_low;
mod dry_run;
mod duties;
mod history;
mod instruments;
mod journey;
mod margin;
mod market_data;
mod memory;
mod money;
mod money_fields;
mod operations;
mod overload;
mod postings;
mod receipts;
mod reconcile;
mod reconcile_days;
mod retries;
mod sessions;
mod settlement;
mod shops;
mod shops_agreed;
mod shops_border;
mod shops_campaigns;
mod shops_dry;
mod shops_fields;
mod shops_guarantee;
mod shops_kept;
mod shops_live;
mod shops_refused;
mod signatures;
mod slow_clients;
mod support;
mod switches;
mod venue_days;
mod venues;
mod violations;

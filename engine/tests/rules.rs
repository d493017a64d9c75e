//! The engine's rules, from outside: one program, so that what the files share is compiled and
//! linked once. A file's tests run alone by its name: `cargo test -p sanjiang-engine credit::`.
//!
//! Not here: the disk and the threads (`store`), random worlds beside a reference (`model`), what
//! counts allocations or times (programs of their own).

mod arbitrary;
mod centralised;
mod clearing;
mod codec;
mod corrections;
mod credit;
#[path = "support/founding.rs"]
mod founding;
mod margin;
mod operations;
mod regimes;
mod settlement;
#[path = "support/shop.rs"]
mod shop;
mod shops;

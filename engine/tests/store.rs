//! The engine on its threads and its disk: one program, so that what the files share is compiled
//! and linked once. A file's tests run alone by its name: `cargo test -p sanjiang-engine clock::`.
//!
//! Invariant: a test has a folder of its own and changes nothing of the process. Not here: the
//! rules (`rules`), memory of the whole process (`flat_memory`).

mod acts;
mod audits;
mod clock;
#[cfg(feature = "rocksdb")]
mod damage;
mod disk_full;
mod divergence;
#[cfg(feature = "rocksdb")]
mod durability;
#[cfg(feature = "rocksdb")]
mod killed;
#[cfg(feature = "rocksdb")]
mod offline;
mod other_rules;
#[cfg(feature = "rocksdb")]
mod refusals;
mod replay;
mod retention;
mod runtime;
#[path = "support/sample.rs"]
mod sample;
#[cfg(feature = "rocksdb")]
mod segments;
#[path = "support/shop.rs"]
mod shop;
mod support;
#[cfg(feature = "rocksdb")]
mod two_processes;

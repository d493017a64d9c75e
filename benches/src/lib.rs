//! What the benches share: a small world, a workload, and the loop that applies it.
//!
//! Invariant: a workload is made from a seed by a scout engine, so every run of it does the same
//! work and its check-sums can be compared. Not here: clocks and claims (`benches/*`, `runs/`).

mod floor_file;
mod process;
mod shard;
mod workload;
mod world;

pub use floor_file::{FloorError, read_floor_file};
pub use process::{cpu_by_thread, quantile, resident_bytes};
pub use shard::{Shard, history};
pub use workload::{CheckSums, Mix, Operation, Player, generate};
pub use world::{World, instrument_terms};

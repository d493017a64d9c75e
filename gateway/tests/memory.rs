//! Memory locked at the start: all that the tables will ever take is there before the first call.
//!
//! Invariant: where the system refuses, the gateway does not start and says what would help. Not
//! here: what a row at hand saves (`engine/tests/capacity_shops.rs` prints it).

use crate::support::child::Program;

#[test]
fn memory_is_there_before_the_first_call_or_the_start_is_refused_with_what_would_help() {
    let plain = Program::start(&[]);
    let (usual, _) = plain.memory_kib().expect("the system tells");
    drop(plain);
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    match Program::start_on(&data, &["--lock-memory"]) {
        Ok(locked) => {
            let (all, _) = locked.memory_kib().expect("the system tells");
            let mut lines = locked.said.lines();
            let said = lines.find_map(|line| line.strip_suffix(" MB of memory locked"));
            let megabytes: u64 = said.expect("it says so").parse().expect("a number");
            println!("{} MB by itself, {megabytes} MB locked", usual >> 10);
            assert!(all >= megabytes << 10, "{all} KiB are there");
            assert!(all > 4 * usual, "{usual} KiB without, {all} KiB with");
        }
        Err(refused) => {
            println!(
                "SKIPPED in part: the system locks no memory: {}",
                refused.said
            );
            assert_eq!(refused.status.code(), Some(1));
            assert!(!data.exists(), "the folder is not touched");
            for needed in ["refuses to lock", "ulimit -l", "without --lock-memory"] {
                assert!(refused.said.contains(needed), "{needed}: {}", refused.said);
            }
        }
    }
}

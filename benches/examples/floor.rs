//! Plays a workload file of the speed floor and prints thread CPU time an operation and the
//! check-sums: `cargo run --release -p sanjiang-benches --example floor -- FILE`.
//!
//! Invariant: the map from a file's numbers to the engine's ids is part of the measured work. Not
//! here: the floor program to compare with.

use cpu_time::ThreadTime;
use sanjiang_benches::{Operation, Player, read_floor_file};
use std::path::Path;
use std::process::ExitCode;

/// Apart so that `valgrind --tool=callgrind --toggle-collect='*apply_loop*'` counts only this.
#[inline(never)]
fn apply_loop(player: &mut Player, operations: &[Operation]) {
    for operation in operations {
        player.play(operation);
    }
}

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: floor FILE");
        return ExitCode::from(2);
    };
    let (preload, measured, id_max) = match read_floor_file(Path::new(&path)) {
        Ok(workload) => workload,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut player = Player::new(id_max);
    for operation in &preload {
        player.play(operation);
    }
    let begun = ThreadTime::now();
    apply_loop(&mut player, &measured);
    let each = begun.elapsed().as_nanos() as f64 / measured.len() as f64;
    println!(
        "{path}: {} operations, {each:.1} ns of CPU each, {:?}",
        measured.len(),
        player.sums()
    );
    ExitCode::SUCCESS
}

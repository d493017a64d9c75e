//! Plays a workload file of the speed floor and prints thread CPU time an operation and the
//! check-sums, for matching alone and with money: `floor FILE [FLOOR_PROGRAM]`.
//!
//! With money 10,000 funded accounts trade with fees by a session, so duplicate check, holds,
//! settlement and two fees a trade are in it. With the floor program all three run in turn, and
//! the medians of their ratios are printed. Invariant: the map from a file's numbers to the
//! engine's ids is part of the measured work, and all check-sums are those of the file. Not here:
//! the floor program itself.

use cpu_time::ThreadTime;
use sanjiang_benches::{CheckSums, Operation, Player, read_floor_file};
use std::path::Path;
use std::process::{Command, ExitCode};

const ACCOUNTS: u32 = 10_000;
const ROUNDS: usize = 5;

/// Apart so that `valgrind --tool=callgrind --toggle-collect='*apply_loop*'` counts only this.
#[inline(never)]
fn apply_loop(player: &mut Player, operations: &[Operation]) {
    for operation in operations {
        player.play(operation);
    }
}

/// Thread CPU time an operation, in nanoseconds, and the check-sums.
fn play(mut player: Player, (preload, measured): (&[Operation], &[Operation])) -> (f64, CheckSums) {
    for operation in preload {
        player.play(operation);
    }
    let begun = ThreadTime::now();
    apply_loop(&mut player, measured);
    let each = begun.elapsed().as_nanos() as f64 / measured.len() as f64;
    (each, player.sums())
}

/// Thread CPU time an operation of the floor program with events, as it prints it.
fn floor(program: &str, file: &str) -> Option<f64> {
    let mut command = Command::new(program);
    let output = command.args(["ub-ladder-vec-ev", file, "thr"]).output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    let mut words = text.split_whitespace();
    words
        .find_map(|word| word.strip_prefix("cpu_ns_op="))?
        .parse()
        .ok()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: floor FILE [FLOOR_PROGRAM]");
        return ExitCode::from(2);
    };
    let program = arguments.next();
    let (preload, measured, id_max) = match read_floor_file(Path::new(&path)) {
        Ok(workload) => workload,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let workload = (preload.as_slice(), measured.as_slice());
    let (mut plain_ratios, mut money_ratios) = (Vec::new(), Vec::new());
    let rounds = if program.is_some() { ROUNDS } else { 1 };
    for _ in 0..rounds {
        let (plain, sums) = play(Player::new(id_max), workload);
        let (money, same) = play(Player::with_money(ACCOUNTS, id_max), workload);
        assert_eq!(sums, same, "money changes no trade");
        println!(
            "{path}: {} operations, matching alone {plain:.1} ns of CPU each, with money \
             {money:.1} ns, {sums:?}",
            measured.len()
        );
        if let Some(floor) = program.as_deref().and_then(|one| floor(one, &path)) {
            println!("floor program {floor:.1} ns");
            plain_ratios.push(plain / floor);
            money_ratios.push(money / floor);
        }
    }
    if !plain_ratios.is_empty() {
        println!(
            "against the floor program: matching alone {:.2}, with money {:.2} (medians of {})",
            median(&mut plain_ratios),
            median(&mut money_ratios),
            plain_ratios.len()
        );
    }
    ExitCode::SUCCESS
}

//! What segments cost the order path and what they leave on disk: the same commands with and
//! without rolls, in turn, so that the ratio is of one run.
//!
//! `cargo run --release -p sanjiang-benches --example segments -- [COMMANDS [EVERY]]`
//!
//! Each slice of 4,096 commands goes in submissions of 256, sixteen at a time, and is timed until
//! all of it is released. Invariant: both runs play the same commands. Not here: thresholds.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use engine::command::Command;
use sanjiang_benches::{Mix, Shard, generate, history};

/// Commands that are timed together.
const SLICE: usize = 4_096;
const SUBMISSION: usize = 256;
const WINDOW: usize = 16;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (commands, every) = match (numbers.next(), numbers.next()) {
        (None, _) => (2_000_000, 250_000),
        (Some(Ok(commands)), None) => (commands, commands / 8 + 1),
        (Some(Ok(commands)), Some(Ok(every))) => (commands, every),
        _ => {
            eprintln!("usage: segments [COMMANDS [EVERY]]");
            return ExitCode::from(2);
        }
    };
    let mix = Mix {
        resting: 1_000,
        depth_ticks: 1_000,
        operations: commands as usize,
        seed: 5,
    };
    let (preload, measured) = generate(&mix);
    let all: Vec<_> = preload.into_iter().chain(measured).collect();
    let (setup, played) = history(&all, mix.resting + commands);
    for round in 1..=2 {
        println!("round {round}");
        run("  no rolls        ", &setup, &played, u64::MAX);
        run("  rolled, dropped ", &setup, &played, every);
    }
    ExitCode::SUCCESS
}

fn run(name: &str, setup: &[Command], played: &[Command], every: u64) {
    // Beside the build and not in the system's temporary folder, which may be memory.
    let folder = tempfile::tempdir_in(std::env::current_dir().expect("a folder to work in"));
    let folder = folder.expect("a folder for the shard");
    let (mut shard, _) = Shard::start_with(folder.path(), every);
    shard.play(setup, SUBMISSION, WINDOW);
    let mut times = Vec::with_capacity(played.len() / SLICE + 1);
    let begun = Instant::now();
    for slice in played.chunks(SLICE) {
        let begun = Instant::now();
        shard.play(slice, SUBMISSION, WINDOW);
        times.push(begun.elapsed());
    }
    let spent = begun.elapsed();
    let snapshots = shard.snapshots();
    shard.stop();
    times.sort_unstable();
    let at = |share: f64| milliseconds(times[((times.len() - 1) as f64 * share) as usize]);
    let journal = on_disk(&folder.path().join("journal"));
    let archive = on_disk(&folder.path().join("archive"));
    println!(
        "{name} {:.0} commands/s, {snapshots} rolls; {SLICE} commands: p50 {:.2} ms, p99 {:.2} \
         ms, longest {:.2} ms; on disk: journal {:.1} MB, archive {:.1} MB",
        played.len() as f64 / spent.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
        journal as f64 / 1e6,
        archive as f64 / 1e6,
    );
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Bytes on disk below a folder.
fn on_disk(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => on_disk(&entry.path()),
        Ok(found) => found.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

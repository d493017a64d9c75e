//! The durable path of one shard on a real disk, alone: commands a second, thread CPU a command,
//! and the time of one command at a time. One line of JSON a round, so that two builds can be run
//! in turn and compared: `durable FOLDER ROUNDS COMMANDS SINGLES
//! PAUSE_US`; with a pause before each single command the threads have gone to sleep.
//!
//! Invariant: what is timed ends when the last command was released, after its sync and head mark.
//! Not here: gRPC (`simulator load`), the comparison itself.

use sanjiang_benches::{Mix, Shard, cpu_by_thread, generate, history, quantile};
use std::path::Path;
use std::time::{Duration, Instant};

/// Commands of a submission, and submissions not yet released.
const SIZE: usize = 256;
const WINDOW: usize = 16;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let base = arguments.next().unwrap_or_else(|| "target".to_owned());
    let mut number = |default| {
        arguments
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (rounds, commands, singles) = (number(3), number(1_000_000), number(2_000));
    let pause = Duration::from_micros(number(0) as u64);
    let mix = Mix {
        resting: 1_000,
        depth_ticks: 1_000,
        operations: commands + 2 * singles,
        seed: 3,
    };
    let (preload, measured) = generate(&mix);
    let all: Vec<_> = preload.into_iter().chain(measured).collect();
    let (setup, played) = history(&all, mix.resting + mix.operations as u64);
    for round in 0..rounds {
        let folder = tempfile::tempdir_in(Path::new(&base)).expect("a folder for the shard");
        let (mut shard, _) = Shard::start(folder.path());
        shard.play(&setup, SIZE, WINDOW);
        let (first, rest) = played.split_at(singles);
        let mut fresh = Vec::new();
        time_singles(&mut shard, first, pause, &mut fresh);
        let (many, last) = rest.split_at(rest.len() - singles);
        let before = cpu_by_thread();
        let begun = Instant::now();
        shard.play(many, SIZE, WINDOW);
        let seconds = begun.elapsed().as_secs_f64();
        let after = cpu_by_thread();
        let mut used = Vec::new();
        time_singles(&mut shard, last, pause, &mut used);
        shard.stop();
        let each = |name: &String, ns: &u64| {
            let spent = ns.saturating_sub(before.get(name).copied().unwrap_or(0));
            format!("\"{name}\":{:.1}", spent as f64 / many.len() as f64)
        };
        let threads: Vec<_> = after.iter().map(|(name, ns)| each(name, ns)).collect();
        println!(
            "{{\"round\":{round},\"per_s\":{:.0},\"p50_us_new_logs\":{},\"p99_us_new_logs\":{},\
             \"p50_us\":{},\"p99_us\":{},\"cpu_ns\":{{{}}}}}",
            many.len() as f64 / seconds,
            quantile(&fresh, 0.5),
            quantile(&fresh, 0.99),
            quantile(&used, 0.5),
            quantile(&used, 0.99),
            threads.join(",")
        );
    }
}

/// The times of one command at a time, sorted, in microseconds.
fn time_singles(
    shard: &mut Shard,
    commands: &[engine::command::Command],
    pause: Duration,
    times: &mut Vec<u64>,
) {
    for command in commands {
        std::thread::sleep(pause);
        let begun = Instant::now();
        shard.play(std::slice::from_ref(command), 1, 1);
        times.push(begun.elapsed().as_micros() as u64);
    }
    times.sort_unstable();
}

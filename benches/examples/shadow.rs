//! What the second engine costs trading: the same commands through a shard with and without it, in
//! turn, at a fixed rate and as fast as they go: `shadow FOLDER ROUNDS COMMANDS PER_S`.
//!
//! Trading is what its four threads do (engine, journal, head, publisher): their processor time a
//! command, and the commands a second that came through. Ratios are of one round, so that what
//! else the machine does meets both alike.
//!
//! Invariant: both sides do the same work on a fresh folder each. Not here: snapshots (each takes
//! its own time on the second engine's thread), gRPC.

use engine::command::Command;
use engine::runtime::Shadow;
use sanjiang_benches::{Mix, Shard, cpu_by_thread, generate, history, resident_bytes};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

const TRADING: [&str; 4] = ["engine", "journal", "head", "publisher"];

/// What one run of one side took.
struct Cost {
    per_s: f64,
    trading_ns: f64,
    shadow_ns: f64,
    /// Commands the second engine was behind at the end of the load.
    lag: u64,
    resident: u64,
}

/// How commands are sent.
#[derive(Clone, Copy)]
enum Pace {
    PerSecond(u64),
    Saturated,
}

fn run(
    base: &Path,
    (setup, played): &(Vec<Command>, Vec<Command>),
    runs: Shadow,
    pace: Pace,
) -> Cost {
    let folder = tempfile::tempdir_in(base).expect("a folder for the shard");
    let (mut shard, _) = Shard::start_changed(folder.path(), |config| config.shadow = runs);
    shard.play(setup, 256, 16);
    let (warm, timed) = played.split_at(played.len() / 10);
    shard.play(warm, 256, 16);
    let before = cpu_by_thread();
    let begun = Instant::now();
    match pace {
        Pace::PerSecond(per_s) => shard.play_at(timed, per_s),
        Pace::Saturated => shard.play(timed, 256, 64),
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (after, status) = (cpu_by_thread(), shard.status());
    let resident = resident_bytes();
    let count = timed.len() as f64;
    let of = |cpu: &BTreeMap<String, u64>, name: &str| cpu.get(name).copied().unwrap_or(0);
    let spent = |name: &str| of(&after, name).saturating_sub(of(&before, name)) as f64 / count;
    shard.stop();
    Cost {
        per_s: count / seconds,
        trading_ns: TRADING.iter().map(|name| spent(name)).sum(),
        shadow_ns: spent("housekeeping"),
        lag: status.durable.value().saturating_sub(status.shadow.value()),
        resident,
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let base = arguments.next().unwrap_or_else(|| "target".to_owned());
    let base = Path::new(&base);
    let mut number = |default| {
        let text = arguments.next();
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (rounds, operations, per_s) = (number(5), number(3_000_000), number(583_000) as u64);
    let mix = Mix {
        resting: 1_000,
        depth_ticks: 1_000,
        operations,
        seed: 3,
    };
    let (preload, measured) = generate(&mix);
    let all: Vec<_> = preload.into_iter().chain(measured).collect();
    let commands = history(&all, mix.resting + mix.operations as u64);
    for (name, pace) in [
        ("at the rate", Pace::PerSecond(per_s)),
        ("saturated", Pace::Saturated),
    ] {
        let (mut rates, mut cpu) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            // The side that comes first changes, since the second finds warm files.
            let off_first = (round % 2 == 0).then(|| run(base, &commands, Shadow::Off, pace));
            let on = run(base, &commands, Shadow::Run, pace);
            let off = off_first.unwrap_or_else(|| run(base, &commands, Shadow::Off, pace));
            rates.push(on.per_s / off.per_s);
            cpu.push(on.trading_ns / off.trading_ns);
            println!(
                "{name}, round {round}: without {:.0}/s, trading {:.0} ns each; with {:.0}/s, \
                 trading {:.0} ns, second engine {:.0} ns each, {} commands behind at the end; \
                 resident {} / {} MB",
                off.per_s,
                off.trading_ns,
                on.per_s,
                on.trading_ns,
                on.shadow_ns,
                on.lag,
                off.resident >> 20,
                on.resident >> 20
            );
        }
        println!(
            "{name}: rate with / without {:.3}, trading's processor time with / without {:.3} \
             (medians of {rounds} pairs)",
            median(&mut rates),
            median(&mut cpu)
        );
    }
}

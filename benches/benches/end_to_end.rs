//! Submit, sequence, journal, match, release: the whole path but the network, on a real disk.
//!
//! Invariant: the measured time ends when the last command was released, after its sync and head
//! mark. Not here: gRPC (`simulator load`), projections.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sanjiang_benches::{Mix, Shard, generate, history};
use std::time::{Duration, Instant};

const MIX: Mix = Mix {
    resting: 1_000,
    depth_ticks: 1_000,
    operations: 200_000,
    seed: 3,
};

fn end_to_end(criterion: &mut Criterion) {
    let (preload, measured) = generate(&MIX);
    let all: Vec<_> = preload.into_iter().chain(measured).collect();
    let (setup, played) = history(&all, MIX.resting + MIX.operations as u64);
    let mut group = criterion.benchmark_group("end to end");
    group.sample_size(10);
    for (name, size, window, share) in [
        ("one command at a time", 1, 1, 2_000),
        ("submissions of 16, 64 open", 16, 64, 50_000),
        ("submissions of 256, 16 open", 256, 16, played.len()),
    ] {
        let commands = &played[..share];
        group.throughput(Throughput::Elements(commands.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| run(&setup, commands, size, window))
                    .sum()
            });
        });
    }
    group.finish();
}

fn run(
    setup: &[engine::command::Command],
    commands: &[engine::command::Command],
    size: usize,
    window: usize,
) -> Duration {
    // Beside the build and not in the system's temporary folder, which may be memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the shard");
    let (mut shard, _) = Shard::start(folder.path());
    shard.play(setup, 256, 16);
    let begun = Instant::now();
    shard.play(commands, size, window);
    let spent = begun.elapsed();
    shard.stop();
    spent
}

criterion_group!(benches_of_the_path, end_to_end);
criterion_main!(benches_of_the_path);

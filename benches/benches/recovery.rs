//! A start without a snapshot: the journal read, checked, decoded and applied again.
//!
//! Invariant: every start replays the same commands and compares the same event hashes. Not here:
//! loading a snapshot.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sanjiang_benches::{Mix, Shard, generate, history};
use std::time::Duration;

const MIX: Mix = Mix {
    resting: 1_000,
    depth_ticks: 1_000,
    operations: 500_000,
    seed: 4,
};

fn recovery(criterion: &mut Criterion) {
    let (preload, measured) = generate(&MIX);
    let all: Vec<_> = preload.into_iter().chain(measured).collect();
    let (setup, played) = history(&all, MIX.resting + MIX.operations as u64);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the shard");
    let (mut shard, _) = Shard::start(folder.path());
    shard.play(&setup, 256, 16);
    shard.play(&played, 256, 16);
    shard.stop();
    let mut group = criterion.benchmark_group("recovery");
    group.sample_size(10);
    group.throughput(Throughput::Elements(played.len() as u64));
    group.bench_function("replay without a snapshot", |bencher| {
        bencher.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| restart(folder.path(), played.len()))
                .sum()
        });
    });
    group.finish();
}

fn restart(folder: &std::path::Path, commands: usize) -> Duration {
    let snapshots = folder.join("snapshots");
    if snapshots.exists() {
        std::fs::remove_dir_all(&snapshots).expect("snapshots can go");
    }
    let (shard, recovered) = Shard::start(folder);
    assert!(
        recovered.replayed >= commands as u64,
        "everything is replayed: {recovered}"
    );
    shard.stop();
    recovered.replay_elapsed
}

criterion_group!(benches_of_recovery, recovery);
criterion_main!(benches_of_recovery);

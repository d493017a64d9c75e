//! Synced appends through RocksDB: one packed value a batch, on a real disk.
//!
//! Invariant: every append returns only after its sync. Not here: the head mark and the engine.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::journal::rocks::RocksStore;
use engine::journal::{Store, record};
use engine::types::{Sequence, Time};

/// Bytes of a session order in a record, as the codec bench prints it.
const COMMAND_BYTES: usize = 40;

fn sealed(first: u64, count: u32, out: &mut Vec<u8>) {
    record::begin(out);
    out.resize(out.len() + COMMAND_BYTES * count as usize, 7);
    let header = record::Header {
        shard: 0,
        epoch: 1,
        count,
        first: Sequence::new(first),
        base_time: Time::ZERO,
        events_at: Sequence::new(first - 1),
        events_hash: 0,
        previous: record::Chain([0; 32]),
    };
    record::seal(&header, out);
}

fn journal(criterion: &mut Criterion) {
    // Beside the build and not in the system's temporary folder, which may be memory.
    let folder =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the journal");
    let store = RocksStore::new(folder.path().join("journal"));
    let journal = store.open().expect("a new journal opens");
    let mut first = 1;
    journal
        .roll(Sequence::new(first))
        .expect("the first segment");
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(20);
    for count in [1u32, 64, 1_024, 4_096] {
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_with_input(
            BenchmarkId::new("synced append of", count),
            &count,
            |bencher, _| {
                let mut bytes = Vec::new();
                bencher.iter(|| {
                    sealed(first, count, &mut bytes);
                    journal
                        .append(Sequence::new(first), &bytes)
                        .expect("the disk takes it");
                    first += u64::from(count);
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches_of_journal, journal);
criterion_main!(benches_of_journal);

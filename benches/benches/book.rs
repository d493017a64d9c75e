//! Adds, cancels and replaces on one book: the mix of the floor program, shallow and deep.
//!
//! Invariant: each sample plays the same operations on a fresh book and ends with the same
//! check-sums. Not here: the journal, the network.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sanjiang_benches::{Mix, Player, generate};
use std::time::{Duration, Instant};

const SHALLOW: Mix = Mix {
    resting: 1_000,
    depth_ticks: 1_000,
    operations: 200_000,
    seed: 1,
};
const DEEP: Mix = Mix {
    resting: 100_000,
    depth_ticks: 5_000,
    operations: 200_000,
    seed: 1,
};

fn book(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("book");
    group.sample_size(10);
    for (name, mix) in [("1k resting", SHALLOW), ("100k resting", DEEP)] {
        let (preload, measured) = generate(&mix);
        let id_max = mix.resting + mix.operations as u64;
        let mut sums = None;
        group.throughput(Throughput::Elements(measured.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                let mut spent = Duration::ZERO;
                for _ in 0..rounds {
                    let mut player = Player::new(id_max);
                    for operation in &preload {
                        player.play(operation);
                    }
                    let begun = Instant::now();
                    for operation in &measured {
                        player.play(operation);
                    }
                    spent += begun.elapsed();
                    let these = player.sums();
                    assert_eq!(
                        *sums.get_or_insert(these),
                        these,
                        "the same work, another result"
                    );
                }
                spent
            });
        });
    }
    group.finish();
}

criterion_group!(benches_of_book, book);
criterion_main!(benches_of_book);

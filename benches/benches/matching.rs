//! Single acts of matching: a sweep, a fill-or-kill that just fails, an uncross.
//!
//! Invariant: the book is rebuilt outside the measured time. Not here: mixes (`book`).

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use engine::command::Body;
use engine::event::Event;
use engine::types::{
    LimitTerms, NewOrder, OrderType, Posting, Price, Quantity, SelfTradePrevention, Side,
    TimeInForce,
};
use engine::venue::Phase;
use sanjiang_benches::World;

const MAKERS: i64 = 1_000;

fn order(side: Side, price: i64, quantity: i64, time_in_force: TimeInForce) -> Body {
    Body::NewOrder(NewOrder {
        account: World::account(u32::from(side == Side::Sell)),
        instrument: World::INSTRUMENT,
        side,
        quantity: Quantity::new(quantity).expect("small"),
        order_type: OrderType::Limit(LimitTerms {
            price: Price::new(price).expect("small"),
            display_quantity: None,
            posting: Posting::MayTake,
        }),
        time_in_force,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::CancelTaker,
    })
}

/// A thousand sellers of one lot, ten a price.
fn sellers() -> World {
    let mut world = World::new(2);
    for index in 0..MAKERS {
        world.apply(order(Side::Sell, 10_000 + index / 10, 1, TimeInForce::Day));
    }
    world
}

/// Buyers and sellers of a call auction, crossed over a hundred prices.
fn call(orders: i64) -> World {
    let mut world = World::new(2);
    world.phase(Phase::PreOpen);
    for index in 0..orders {
        let side = if index % 2 == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        world.apply(order(
            side,
            10_000 + index % 100,
            1 + index % 7,
            TimeInForce::Day,
        ));
    }
    world
}

fn trades(world: &World) -> usize {
    world
        .events
        .as_slice()
        .iter()
        .filter(|event| matches!(event, Event::Trade(_)))
        .count()
}

fn matching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matching");
    group.sample_size(20);
    group.throughput(Throughput::Elements(MAKERS as u64));
    group.bench_function("sweep of 1,000 makers over 100 prices", |bencher| {
        bencher.iter_batched(
            sellers,
            |mut world| {
                world.apply(order(
                    Side::Buy,
                    20_000,
                    MAKERS,
                    TimeInForce::ImmediateOrCancel,
                ));
                assert_eq!(trades(&world), MAKERS as usize);
                world
            },
            BatchSize::LargeInput,
        );
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("fill-or-kill one lot short, over 100 prices", |bencher| {
        let mut world = sellers();
        bencher.iter(|| {
            world.apply(order(
                Side::Buy,
                20_000,
                MAKERS + 1,
                TimeInForce::FillOrKill,
            ));
            assert_eq!(trades(&world), 0);
        });
    });
    group.sample_size(10);
    group.throughput(Throughput::Elements(20_000));
    group.bench_function("uncross of 20,000 orders", |bencher| {
        bencher.iter_batched(
            || call(20_000),
            |mut world| {
                world.phase(Phase::Continuous);
                assert!(trades(&world) > 0);
                world
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches_of_matching, matching);
criterion_main!(benches_of_matching);

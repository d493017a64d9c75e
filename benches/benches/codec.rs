//! A command to bytes and back: the session order of the hot path, and its cancel.
//!
//! Invariant: what is decoded equals what was encoded. Not here: records (`journal`).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::command::{Body, CancelOrder, Command, Envelope, Identity, Sequenced};
use engine::journal::codec;
use engine::types::{
    AccountId, InstrumentId, LimitTerms, NewOrder, OrderId, OrderType, Posting, Price, PrincipalId,
    Quantity, SelfTradePrevention, Sequence, SessionId, Side, Time, TimeInForce,
};
use std::hint::black_box;

const BATCH: u32 = 1_024;
const BASE_NS: i64 = 1_767_574_800_000_000_000;

fn order() -> Body {
    Body::NewOrder(NewOrder {
        account: AccountId::new(77),
        instrument: InstrumentId::new(3),
        side: Side::Buy,
        quantity: Quantity::new(120).expect("small"),
        order_type: OrderType::Limit(LimitTerms {
            price: Price::new(682_050).expect("small"),
            display_quantity: None,
            posting: Posting::MayTake,
        }),
        time_in_force: TimeInForce::Day,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::CancelTaker,
    })
}

fn cancel() -> Body {
    let order = OrderId {
        sequence: 1_000_000,
        slot: 4_711,
    };
    Body::CancelOrder(CancelOrder {
        account: AccountId::new(77),
        order,
    })
}

fn batch(body: &Body) -> Vec<Sequenced<Command>> {
    (1..=BATCH)
        .map(|number| {
            let identity = Identity::Session {
                session: SessionId::new(5),
                client_sequence: 1_000_000 + u64::from(number),
            };
            let envelope = Envelope {
                principal: PrincipalId::LOCAL,
                identity,
                valid_until: None,
                authority: None,
            };
            Sequenced {
                sequence: Sequence::new(u64::from(number)),
                time: Time::new(BASE_NS + i64::from(number)).expect("this century"),
                value: Command {
                    envelope,
                    body: body.clone(),
                },
            }
        })
        .collect()
}

fn encode(commands: &[Sequenced<Command>], out: &mut Vec<u8>) {
    let mut previous = Time::new(BASE_NS).expect("this century");
    for command in commands {
        codec::encode(out, previous, command);
        previous = command.time;
    }
}

fn codec_benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(u64::from(BATCH)));
    for (name, body) in [("session order", order()), ("session cancel", cancel())] {
        let commands = batch(&body);
        let mut bytes = Vec::new();
        encode(&commands, &mut bytes);
        println!("{name}: {} bytes each", bytes.len() / BATCH as usize);
        group.bench_function(format!("encode {name}"), |bencher| {
            let mut out = Vec::with_capacity(bytes.len());
            bencher.iter(|| {
                out.clear();
                encode(black_box(&commands), &mut out);
            });
            assert_eq!(out, bytes);
        });
        group.bench_function(format!("decode {name}"), |bencher| {
            let base = Time::new(BASE_NS).expect("this century");
            let read = || codec::decode_batch(black_box(&bytes), base, Sequence::new(1), BATCH);
            assert_eq!(read().expect("what was encoded decodes"), commands);
            bencher.iter(read);
        });
    }
    group.finish();
}

criterion_group!(benches_of_codec, codec_benches);
criterion_main!(benches_of_codec);

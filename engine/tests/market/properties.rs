//! Properties of whole runs: the same commands give the same bytes, a snapshot and its tail are the
//! full run, and damaged sections are refused, never trusted and never a panic.
//!
//! Invariant: the engine is audited after every command. Not here: what the events should be
//! (`model`, `scenarios`).

use proptest::prelude::*;
use sanjiang_engine::command::{Body, CancelOrder, Command, Identity, ReplaceOrder, Sequenced};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Event, Events};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::{
    AccountId, OrderId, OrderType, SelfTradePrevention, Sequence, Side, TimeInForce,
};
use sanjiang_engine::venue::Phase;

use crate::desk::{Desk, command, limit, price, quantity, small_limits, terms, time};

/// One random wish; orders are named by how many orders ago they came.
#[derive(Clone, Debug)]
struct Wish {
    kind: u8,
    buys: bool,
    ticks: i64,
    lots: i64,
    account: u32,
    back: usize,
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let wish = (
        0..24_u8,
        any::<bool>(),
        95..106_i64,
        1..20_i64,
        0..3_u32,
        0..12_usize,
    );
    let wish = wish.prop_map(|(kind, buys, ticks, lots, account, back)| Wish {
        kind,
        buys,
        ticks,
        lots,
        account,
        back,
    });
    prop::collection::vec(wish, 1..120)
}

/// Carries out wishes on a fresh desk and keeps the commands it sent.
fn play(wishes: &[Wish]) -> (Engine, Vec<Sequenced<Command>>) {
    let mut desk = Desk::new(small_limits())
        .with_accounts(3)
        .with_instrument(terms());
    desk.phase(Phase::Continuous);
    let mut orders: Vec<(AccountId, OrderId)> = Vec::new();
    let mut sent = Vec::new();
    for wish in wishes {
        let body = body(wish, &orders);
        sent.push(Sequenced {
            sequence: desk.engine.sequence().next(),
            time: desk.time,
            value: command(Identity::Internal, body.clone()),
        });
        let events = desk.send(body);
        if let Some(Event::Report(report)) = events.first() {
            orders.push((report.account, report.order));
        }
        desk.engine.audit().expect("the engine is sound");
    }
    (desk.engine, sent)
}

fn body(wish: &Wish, orders: &[(AccountId, OrderId)]) -> Body {
    let side = if wish.buys { Side::Buy } else { Side::Sell };
    let known = orders.len().checked_sub(wish.back + 1);
    let (account, order) = known.map_or(
        (AccountId::new(0), OrderId::rejected(Sequence::ZERO)),
        |place| orders[place],
    );
    let mut new = limit(wish.account, side, wish.ticks, wish.lots);
    new.self_trade_prevention = SelfTradePrevention::Decrement;
    match wish.kind {
        0 => {
            let phases = [Phase::VolatilityCall, Phase::Continuous, Phase::ClosingCall];
            return Body::SetPhase(sanjiang_engine::command::SetPhase {
                venue: crate::desk::VENUE,
                phase: phases[wish.back % phases.len()],
            });
        }
        1..=4 => return Body::CancelOrder(CancelOrder { account, order }),
        5..=8 => {
            return Body::ReplaceOrder(ReplaceOrder {
                account,
                order,
                price: wish.buys.then(|| price(wish.ticks)),
                stop_price: None,
                quantity: Some(quantity(wish.lots)),
            });
        }
        9 | 10 => {
            new.order_type = OrderType::Stop {
                stop_price: price(wish.ticks),
                protection: None,
            };
        }
        11 => new.time_in_force = TimeInForce::Closing,
        12 => new.time_in_force = TimeInForce::GoodTillDate(time(1 << 50)),
        13 => new.order_type = OrderType::MarketToLimit { protection: None },
        _ => {}
    }
    Body::NewOrder(new)
}

/// Sends the tail of a history to an engine and returns the bytes of its events.
fn tail(engine: &mut Engine, commands: &[Sequenced<Command>]) -> Vec<u8> {
    let (mut events, mut bytes) = (Events::default(), Vec::new());
    for command in commands {
        engine.apply(command, &mut events);
    }
    for event in events.as_slice() {
        event.encode(&mut bytes);
    }
    bytes
}

fn restored(engine: &Engine) -> Engine {
    let sections = engine.encode_sections();
    Engine::decode_sections(*engine.limits(), &sections).expect("its own sections")
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_same_commands_give_the_same_hashes(wishes in wishes()) {
        let ((one, _), (two, _)) = (play(&wishes), play(&wishes));
        prop_assert_eq!(one.event_hash(), two.event_hash());
        prop_assert_eq!(one.state_hash(), two.state_hash());
    }

    #[test]
    fn a_snapshot_and_its_tail_are_the_full_run(wishes in wishes(), cut in 0..120_usize) {
        let cut = cut.min(wishes.len());
        let (full, sent) = play(&wishes);
        let (mut live, _) = play(&wishes[..cut]);
        let mut second = restored(&live);
        prop_assert_eq!(tail(&mut live, &sent[cut..]), tail(&mut second, &sent[cut..]));
        for engine in [&live, &second] {
            prop_assert_eq!(engine.event_hash(), full.event_hash());
            prop_assert_eq!(engine.state_hash(), full.state_hash());
        }
    }

    #[test]
    fn damaged_sections_are_refused_or_sound(
        wishes in wishes(),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
        cuts in any::<bool>(),
    ) {
        let (engine, _) = play(&wishes);
        let mut sections = engine.encode_sections();
        let index = place.index(sections.len());
        let bytes = &mut sections[index].1;
        let at = place.index(bytes.len());
        if cuts {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << bit;
        }
        if let Ok(read) = Engine::decode_sections(small_limits(), &sections) {
            prop_assert!(!cuts, "a section that was cut was read");
            prop_assert_eq!(read.audit(), Ok(()));
            prop_assert_ne!(read.state_hash(), engine.state_hash());
        }
    }
}

#[test]
fn sections_of_an_engine_with_larger_bounds_are_refused() {
    let wish = Wish {
        kind: 20,
        buys: true,
        ticks: 100,
        lots: 1,
        account: 0,
        back: 0,
    };
    let (engine, _) = play(&vec![wish; 20]);
    let tight = Limits {
        orders_max: 19,
        ..small_limits()
    };
    let sections = engine.encode_sections();
    assert!(Engine::decode_sections(tight, &sections).is_err());
    assert!(Engine::decode_sections(small_limits(), &sections[1..]).is_err());
}

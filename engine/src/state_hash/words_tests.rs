//! Tests of the event hash: each field of each frequent event and each bit of each word counts, and
//! so does their order.

use super::*;
use crate::event::{BookAction, Cause, Counters, Event, ExecType};
use crate::reject::{Basis, Reject, RejectReason};
use crate::types::{AccountId, OrderId, OrderStatus, Quantity};

fn after(runs: &[&[u64; 4]]) -> Digest {
    let mut digest = Digest::default();
    for words in runs {
        digest.words(**words);
    }
    digest.mix();
    digest
}

/// Whatever single bit differs, what comes out differs, and goes on to differ in about half of
/// its bits when commands follow whose events are the same.
#[test]
fn a_flipped_bit_spreads_and_never_goes_away() {
    let base = [[1, 2, 1 << 40, 0], [0, 77, 5, 5]];
    let same = |mut digest: Digest, commands: u64| {
        for word in 0..commands {
            digest.words([word, 0]);
            digest.words([0, word, word]);
            digest.mix();
        }
        digest
    };
    for (run, place, bit) in (0..2 * 4 * 64).map(|one| (one / 256, one / 64 % 4, one % 64)) {
        let mut changed = base;
        changed[run][place] ^= 1_u64 << bit;
        let one = after(&[&base[0], &base[1]]);
        let other = after(&[&changed[0], &changed[1]]);
        let flipped = |commands| {
            let both = same(one, commands).bits() ^ same(other, commands).bits();
            both.count_ones()
        };
        let at = format!("{run} {place} {bit}");
        assert!((0..100).all(|commands| flipped(commands) > 0), "{at}");
        assert!((24..=104).contains(&flipped(4)), "{at}: {}", flipped(4));
    }
}

#[test]
fn order_and_place_of_words_count() {
    let digest = |runs: &[&[u64]]| {
        let mut digest = Digest::default();
        for run in runs {
            match **run {
                [one, other] => digest.words([one, other]),
                [one, other, third] => digest.words([one, other, third]),
                _ => unreachable!("runs of two or three"),
            }
        }
        digest.mix();
        digest
    };
    let all = [
        digest(&[&[1, 2], &[3, 4]]),
        digest(&[&[2, 1], &[3, 4]]),
        digest(&[&[3, 4], &[1, 2]]),
        digest(&[&[1, 2], &[4, 3]]),
        digest(&[&[1, 2]]),
        digest(&[&[1, 2], &[0, 0]]),
        digest(&[&[1, 2, 3]]),
        digest(&[&[3, 2, 1]]),
    ];
    for (place, one) in all.iter().enumerate() {
        assert!(!all[..place].contains(one), "{place}");
    }
}

/// Small differences of several words, as of quantities and counters that are wrong together, do
/// not cancel: no two events of a small cube have the same digest.
#[test]
fn small_differences_do_not_cancel() {
    let mut seen = std::collections::BTreeSet::new();
    let near = 1 << 20;
    for step in 0..7_u64.pow(6) {
        let word = |place: u32| near + step / 7_u64.pow(place) % 7;
        let mut digest = Digest::default();
        digest.words([
            word(0),
            0,
            word(1),
            0,
            word(2),
            0,
            word(3),
            0,
            word(4),
            0,
            word(5),
        ]);
        assert!(seen.insert(digest.bits()), "{step}");
    }
}

fn quantity(lots: i64) -> Quantity {
    Quantity::new(lots).expect("in bounds")
}

fn price(ticks: i64) -> Price {
    Price::new(ticks).expect("in bounds")
}

fn order(sequence: u64, slot: u32) -> OrderId {
    OrderId { sequence, slot }
}

fn of_report() -> OrderReport {
    OrderReport {
        exec_type: ExecType::New,
        status: OrderStatus::New,
        cause: Cause::Request,
        reject: None,
        order: order(7, 3),
        account: AccountId::new(4),
        instrument: Some(InstrumentId::new(2)),
        side: Some(Side::Buy),
        price: Some(price(100)),
        stop_price: None,
        order_quantity: quantity(9),
        leaves: quantity(9),
        cumulative: Quantity::ZERO,
        held: 900,
        counters: Counters {
            account: 5,
            participant: 6,
        },
    }
}

fn of_trade() -> Trade {
    let fill = |sequence, slot, account| Fill {
        order: order(sequence, slot),
        account: AccountId::new(account),
        leaves: quantity(1),
        cumulative: quantity(2),
        fee: 3,
        held: 4,
        counters: Counters {
            account: 5,
            participant: 6,
        },
    };
    Trade {
        instrument: InstrumentId::new(2),
        price: price(100),
        quantity: quantity(2),
        value: 200,
        goods: 2,
        aggressor: None,
        buy: fill(10, 1, 3),
        sell: fill(11, 2, 4),
    }
}

fn of_book() -> BookChange {
    BookChange {
        instrument: InstrumentId::new(2),
        order: order(7, 3),
        side: Side::Buy,
        action: BookAction::Add,
        price: price(100),
        displayed: quantity(9),
    }
}

/// The event as it is and with each of its fields changed.
fn variants<T: Copy>(
    base: T,
    changes: &[fn(&mut T)],
    event: fn(T) -> Event,
) -> impl Iterator<Item = Event> {
    let changed = changes.iter().map(move |change| {
        let mut one = base;
        change(&mut one);
        one
    });
    std::iter::once(base).chain(changed).map(event)
}

const REPORTS: [fn(&mut OrderReport); 19] = [
    |one| one.exec_type = ExecType::Restated,
    |one| one.status = OrderStatus::PartiallyFilled,
    |one| one.cause = Cause::SelfTrade,
    |one| {
        one.reject = Some(Reject {
            reason: RejectReason::Halted,
            basis: None,
        });
    },
    |one| {
        one.reject = Some(Reject {
            reason: RejectReason::Halted,
            basis: Some(Basis::SecuritiesLaw98),
        });
    },
    |one| one.order.sequence = 8,
    |one| one.order.slot = 4,
    |one| one.account = AccountId::new(5),
    |one| one.instrument = Some(InstrumentId::new(3)),
    |one| one.instrument = None,
    |one| one.side = Some(Side::Sell),
    |one| one.side = None,
    |one| one.price = None,
    |one| one.stop_price = Some(Price::ZERO),
    |one| one.order_quantity = quantity(10),
    |one| one.leaves = quantity(8),
    |one| one.cumulative = quantity(1),
    |one| one.held = -900,
    |one| one.counters.account = 6,
];

fn fills(change: fn(&mut Fill)) -> [Trade; 2] {
    let (mut buy, mut sell) = (of_trade(), of_trade());
    change(&mut buy.buy);
    change(&mut sell.sell);
    [buy, sell]
}

#[test]
fn every_field_of_every_frequent_event_counts() {
    let trades: [fn(&mut Trade); 7] = [
        |one| one.instrument = InstrumentId::new(3),
        |one| one.price = price(101),
        |one| one.quantity = quantity(3),
        |one| one.value = -200,
        |one| one.goods = 3,
        |one| one.aggressor = Some(Side::Buy),
        |one| one.aggressor = Some(Side::Sell),
    ];
    let sides: [fn(&mut Fill); 9] = [
        |one| one.order.sequence = 12,
        |one| one.order.slot = 7,
        |one| one.account = AccountId::new(9),
        |one| one.leaves = quantity(7),
        |one| one.cumulative = quantity(7),
        |one| one.fee = -3,
        |one| one.held = 7,
        |one| one.counters.account = 7,
        |one| one.counters.participant = 7,
    ];
    let changes: [fn(&mut BookChange); 8] = [
        |one| one.instrument = InstrumentId::new(3),
        |one| one.order.sequence = 8,
        |one| one.order.slot = 4,
        |one| one.side = Side::Sell,
        |one| one.action = BookAction::Change,
        |one| one.action = BookAction::Delete,
        |one| one.price = Price::ZERO,
        |one| one.displayed = Quantity::ZERO,
    ];
    let participant: [fn(&mut OrderReport); 1] = [|one| one.counters.participant = 7];
    let all = variants(of_report(), &REPORTS, Event::Report)
        .chain(variants(of_report(), &participant, Event::Report).skip(1))
        .chain(variants(of_trade(), &trades, Event::Trade))
        .chain(sides.into_iter().flat_map(fills).map(Event::Trade))
        .chain(variants(of_book(), &changes, Event::Book));
    let (mut digests, mut written) = (Vec::new(), Vec::new());
    for event in all {
        let (mut digest, mut bytes) = (Digest::default(), Vec::new());
        event.put_words(&mut digest);
        event.put_words(&mut bytes);
        assert!(!digests.contains(&digest), "{event:?}");
        assert!(!written.contains(&bytes), "{event:?}");
        digests.push(digest);
        written.push(bytes);
    }
    assert_eq!(digests.len(), 21 + 8 + 18 + 9);
}

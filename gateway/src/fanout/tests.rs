//! The mirror against naive books: chains, checksums, depths, resuming, slow subscribers.

use engine::command::Scope;
use engine::event::BookAction;
use engine::types::{InstrumentId, OrderId, Sequence, Side, Time, VenueId};
use engine::venue::TradingStatus;
use proto::v1;
use proto::v1::book_event::Event as Wire;

use super::made::{Client, INSTRUMENTS, Maker, Order, change, market, owed};
use super::work::{Item, Piece, Step};
use super::*;

const DETAILS: [Detail; 6] = [
    Detail::Levels(0),
    Detail::Levels(1),
    Detail::Levels(3),
    Detail::Levels(10),
    Detail::Levels(13),
    Detail::Orders,
];

#[test]
fn a_snapshot_and_its_deltas_are_the_book_at_every_depth() {
    for seed in 0..6 {
        let mut maker = Maker::new(seed);
        let mut market = market();
        market.apply(&maker.piece(40)).expect("fits");
        let mut clients: Vec<Client> = Vec::new();
        for round in 0..60 {
            if let Some(detail) = DETAILS.get(round / 8) {
                clients.push(Client::new(&mut market, *detail));
            }
            let commands = 1 + maker.random(20) as usize;
            market.apply(&maker.piece(commands)).expect("fits");
            for client in &mut clients {
                client.drain();
                client.check(&maker);
            }
        }
        let trades: Vec<_> = (0..INSTRUMENTS)
            .map(|it| market.image(InstrumentId::new(it), 0).expect("there"))
            .map(|it| it.facts.last_trade_id())
            .collect();
        for client in &clients {
            for (instrument, last) in (0..).zip(&trades) {
                let book = client.book(instrument);
                assert_eq!((book.snapshots, book.resyncs), (1, 0));
                assert_eq!(book.trades.last(), Some(last));
                let counted = !matches!(client.detail, Detail::Levels(1 | 3));
                assert_eq!(book.checked > 30, counted, "{:?}", client.detail);
            }
        }
    }
}

#[test]
fn who_resumes_in_time_misses_nothing_and_gets_no_snapshot() {
    let mut maker = Maker::new(77);
    let mut market = market();
    for detail in [Detail::Levels(0), Detail::Levels(5), Detail::Orders] {
        let mut client = Client::new(&mut market, detail);
        for round in 0..30_u32 {
            market.apply(&maker.piece(5)).expect("fits");
            client.drain();
            if round % 5 != 4 {
                continue;
            }
            // The connection is lost, more happens, and it comes back.
            let places: Vec<Owed> = (0..INSTRUMENTS)
                .map(|instrument| {
                    let (epoch, seq) = client.book(instrument).last.expect("heard of it");
                    Owed {
                        of: InstrumentId::new(instrument),
                        from: From::Place { epoch, seq },
                    }
                })
                .collect();
            let (_, closed) = tokio::sync::mpsc::channel(1);
            client.receiver = closed;
            market.heartbeat();
            let missed = (round % 3) as usize * 7;
            market.apply(&maker.piece(missed)).expect("fits");
            client.receiver = market.subscribe(detail, places).expect("few");
            client.drain();
            client.check(&maker);
        }
        assert!((0..INSTRUMENTS).all(|it| client.book(it).snapshots == 1));
    }
}

#[test]
fn who_resumes_too_late_or_from_another_epoch_gets_a_snapshot() {
    let mut maker = Maker::new(78);
    let mut market = market();
    market.apply(&maker.piece(10)).expect("fits");
    let mut client = Client::new(&mut market, Detail::Levels(0));
    client.drain();
    let (_, seq) = client.book(0).last.expect("heard of it");
    for _ in 0..30 {
        market.apply(&maker.piece(100)).expect("fits");
    }
    for from in [
        From::Place { epoch: 4, seq },
        From::Place {
            epoch: 3,
            seq: client.book(1).last.expect("heard of it").1,
        },
        From::Place { epoch: 4, seq: 5 },
    ] {
        client.receiver = market.subscribe(client.detail, owed(from)).expect("few");
        client.books.clear();
        client.drain();
        client.check(&maker);
        assert!((0..INSTRUMENTS).all(|it| client.book(it).snapshots == 1));
    }
}

#[test]
fn a_stalled_subscriber_is_cut_told_and_served_anew_and_costs_the_others_nothing() {
    let mut maker = Maker::new(79);
    let mut market = market();
    let mut quick = Client::new(&mut market, Detail::Orders);
    let mut stalled = Client::new(&mut market, Detail::Orders);
    let mut other = Client::new(&mut market, Detail::Levels(0));
    let rounds = 4 * QUEUE_MESSAGES_MAX;
    for _ in 0..rounds {
        market.apply(&maker.piece(3)).expect("fits");
        quick.drain();
        other.drain();
        assert!(stalled.receiver.len() <= QUEUE_MESSAGES_MAX);
    }
    quick.check(&maker);
    other.check(&maker);
    assert_eq!(stalled.receiver.len(), QUEUE_MESSAGES_MAX);
    assert!((0..INSTRUMENTS).all(|it| quick.book(it).resyncs == 0));
    // It wakes up: what was queued still holds, then the notice and the snapshot.
    stalled.drain();
    market.pay();
    stalled.drain();
    stalled.check(&maker);
    for instrument in 0..INSTRUMENTS {
        let book = stalled.book(instrument);
        assert_eq!((book.snapshots, book.resyncs), (2, 1));
        assert!(
            book.events < quick.book(instrument).events,
            "what it missed was left out"
        );
    }
    // And then it is like everybody else.
    market.apply(&maker.piece(20)).expect("fits");
    quick.drain();
    stalled.drain();
    stalled.check(&maker);
    assert_eq!(stalled.book(0).last, quick.book(0).last);
}

#[test]
fn a_quiet_book_has_a_heartbeat_and_a_forgotten_view_ends() {
    let mut maker = Maker::new(80);
    let mut market = market();
    market.apply(&maker.piece(30)).expect("fits");
    let mut client = Client::new(&mut market, Detail::Levels(10));
    client.drain();
    market.heartbeat();
    client.drain();
    assert!((0..INSTRUMENTS).all(|it| client.book(it).heartbeats == 1));
    market.apply(&maker.piece(30)).expect("fits");
    market.heartbeat();
    client.drain();
    client.check(&maker);
    assert!(
        (0..INSTRUMENTS).all(|it| client.book(it).heartbeats == 1),
        "they were not quiet"
    );
    drop(client);
    for beat in 0..=VIEW_IDLE_BEATS_MAX {
        let first = market.instrument_mut(InstrumentId::new(0)).expect("there");
        assert_eq!(first.views_mut().len(), 1, "after {beat} beats");
        market.heartbeat();
    }
    let first = market.instrument_mut(InstrumentId::new(0)).expect("there");
    assert!(
        first.views_mut().is_empty(),
        "nobody looks: nothing is built"
    );
}

#[test]
fn the_bounds_are_kept() {
    let mut market = market();
    let one = |from| {
        vec![Owed {
            of: InstrumentId::new(0),
            from,
        }]
    };
    let mut open = Vec::new();
    for depth in 0..VIEWS_MAX as u32 {
        let stream = market.subscribe(Detail::Levels(depth), one(From::Snapshot));
        open.push(stream.expect("within the bound"));
    }
    let refused = market.subscribe(Detail::Orders, one(From::Snapshot));
    let id = InstrumentId::new(0);
    assert_eq!(refused.err(), Some(SubscribeError::TooManyViews(id)));
    for _ in VIEWS_MAX..SUBSCRIBERS_MAX {
        let stream = market.subscribe(Detail::Levels(0), one(From::Snapshot));
        open.push(stream.expect("within the bound"));
    }
    let refused = market.subscribe(Detail::Levels(0), one(From::Snapshot));
    assert_eq!(refused.err(), Some(SubscribeError::TooManySubscribers));
    open.pop();
    let again = market.subscribe(Detail::Levels(0), one(From::Snapshot));
    assert!(again.is_ok(), "one who left makes room");
    let unknown = InstrumentId::new(INSTRUMENTS);
    let books = vec![Owed {
        of: unknown,
        from: From::Snapshot,
    }];
    let refused = market.subscribe(Detail::Levels(0), books);
    assert_eq!(refused.err(), Some(SubscribeError::TooManySubscribers));
    open.clear();
    let books = vec![Owed {
        of: unknown,
        from: From::Snapshot,
    }];
    let refused = market.subscribe(Detail::Levels(0), books);
    assert_eq!(
        refused.err(),
        Some(SubscribeError::UnknownInstrument(unknown))
    );
}

#[test]
fn the_checksum_is_the_one_written_down() {
    // Bids 100 x 5 and 99 x 7, ask 101 x 3: sixteen bytes each, little endian.
    let mut market = market();
    let mut items = Vec::new();
    for (slot, side, price, quantity) in [
        (0, Side::Buy, 100, 5),
        (1, Side::Buy, 99, 7),
        (2, Side::Sell, 101, 3),
    ] {
        let id = OrderId {
            sequence: 101,
            slot,
        };
        items.push(change(
            0,
            BookAction::Add,
            &Order {
                id,
                side,
                price,
                quantity,
            },
        ));
    }
    let end = items.len();
    let (sequence, time) = (Sequence::new(101), Time::ZERO);
    market
        .apply(&Piece {
            shard: 1,
            epoch: 4,
            last: (sequence, time),
            steps: vec![Step {
                sequence,
                time,
                end,
            }],
            items,
        })
        .expect("fits");
    let image = market.image(InstrumentId::new(0), 10).expect("is there");
    assert_eq!(image.checksum, 0xb6b6_5e7c);
    assert_eq!(image.bids.len() + image.asks.len(), 3);
    assert_eq!(image.seq, 101 << 20 | 1);
}

#[test]
fn a_status_of_the_venue_and_of_the_instrument_both_count() {
    let mut market = market();
    let mut client = Client::new(&mut market, Detail::Levels(0));
    client.receiver.try_recv().expect("a snapshot");
    let mut tell = |market: &mut Market, sequence: u64, scope, status| {
        let (sequence, time) = (Sequence::new(sequence), Time::ZERO);
        market
            .apply(&Piece {
                shard: 1,
                epoch: 4,
                last: (sequence, time),
                steps: vec![Step {
                    sequence,
                    time,
                    end: 1,
                }],
                items: vec![Item::Status(scope, status)],
            })
            .expect("fits");
        let mut last = None;
        while let Ok(message) = client.receiver.try_recv() {
            let of_first = message.iter().filter(|event| event.instrument_id == "I0");
            for event in of_first {
                if let Some(Wire::Status(status)) = &event.event {
                    last = Some((status.trading_status(), status.entry_allowed));
                }
            }
        }
        last.expect("a status of the first instrument")
    };
    let venue = Scope::Venue(VenueId::new(0));
    let own = Scope::Instrument(InstrumentId::new(0));
    let trading = (v1::TradingStatus::Trading, true);
    let halted = (v1::TradingStatus::Halted, false);
    let only = (v1::TradingStatus::CancelOnly, false);
    assert_eq!(tell(&mut market, 101, own, TradingStatus::CancelOnly), only);
    assert_eq!(tell(&mut market, 102, venue, TradingStatus::Halted), halted);
    assert_eq!(tell(&mut market, 103, own, TradingStatus::Trading), halted);
    assert_eq!(
        tell(&mut market, 104, venue, TradingStatus::Trading),
        trading
    );
}

#[test]
fn events_that_do_not_fit_are_told_and_end_the_streams() {
    let (told, texts) = crossbeam::channel::unbounded();
    let fatal = Box::new(move |text: &str| told.send(text.to_owned()).expect("the test listens"));
    let mirror = Mirror::start(market(), fatal).expect("starts");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let feed = mirror.feed();
    let stream = feed.subscribe(Detail::Orders, owed(From::Snapshot));
    let mut receiver = runtime.block_on(stream).expect("few");
    let id = OrderId {
        sequence: 7,
        slot: 0,
    };
    let order = Order {
        id,
        side: Side::Buy,
        price: 100,
        quantity: 1,
    };
    let (sequence, time) = (Sequence::new(101), Time::ZERO);
    let piece = Piece {
        shard: 1,
        epoch: 4,
        last: (sequence, time),
        steps: vec![Step {
            sequence,
            time,
            end: 1,
        }],
        items: vec![change(0, BookAction::Delete, &order)],
    };
    mirror
        .queue
        .as_ref()
        .expect("runs")
        .send(piece)
        .expect("runs");
    let text = texts.recv().expect("told");
    assert!(text.contains("Delete of order"), "{text}");
    drop(mirror);
    runtime.block_on(async { while receiver.recv().await.is_some() {} });
}

//! The book streams through the public API, by a client that checks every chain and checksum.

use std::collections::BTreeMap;

use crate::support::book::ClientBook;
use crate::support::flow::trade_some;
use crate::support::{House, context, limit};
use proto::v1;
use proto::v1::book_event::Event as Wire;
use proto::v1::market_data_client::MarketDataClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};

const LEVELS: [(v1::BookDepth, u32); 5] = [
    (v1::BookDepth::L1, 0),
    (v1::BookDepth::L2, 0),
    (v1::BookDepth::L2, 3),
    (v1::BookDepth::L2, 12),
    (v1::BookDepth::L3, 0),
];

/// A stream of one book with the client that applies it.
struct Watcher {
    stream: Streaming<v1::StreamBookResponse>,
    book: ClientBook,
    kinds: BTreeMap<&'static str, usize>,
}

fn request(
    (level, depth): (v1::BookDepth, u32),
    resume: Option<(u32, u64)>,
) -> v1::StreamBookRequest {
    v1::StreamBookRequest {
        instruments: vec![v1::BookSubscription {
            instrument_id: "COAL".to_owned(),
            resume: resume.map(|(epoch, seq)| v1::BookResume { epoch, seq }),
        }],
        level: level.into(),
        depth,
    }
}

const fn kind(event: &Wire) -> &'static str {
    match event {
        Wire::Snapshot(_) => "snapshot",
        Wire::Delta(_) => "delta",
        Wire::Indicative(_) => "indicative",
        Wire::Status(_) => "status",
        Wire::Trade(_) => "trade",
        Wire::Heartbeat(_) => "heartbeat",
        Wire::Resync(_) => "resync",
        Wire::Uncrossed(_) => "uncrossed",
        Wire::TradeCorrection(_) => "trade correction",
    }
}

impl Watcher {
    async fn open(
        client: &mut MarketDataClient<Channel>,
        level: (v1::BookDepth, u32),
        resume: Option<(u32, u64)>,
        book: ClientBook,
    ) -> Self {
        let stream = client.stream_book(request(level, resume)).await;
        Self {
            stream: stream.expect("a stream").into_inner(),
            book,
            kinds: BTreeMap::new(),
        }
    }

    async fn new(client: &mut MarketDataClient<Channel>, level: (v1::BookDepth, u32)) -> Self {
        Self::open(client, level, None, ClientBook::default()).await
    }

    /// Applies messages until something caused by this command, or after it, was applied.
    async fn until(&mut self, engine_sequence: u64) {
        self.run(|event| event.engine_sequence >= engine_sequence)
            .await;
    }

    /// Applies messages until one holds such an event.
    async fn run(&mut self, done: impl Fn(&v1::BookEvent) -> bool) {
        loop {
            let message = self.stream.message().await.expect("no error");
            let message = message.expect("it goes on");
            let mut found = false;
            for event in &message.events {
                self.book.apply(event);
                let kind = kind(event.event.as_ref().expect("exactly one is set"));
                *self.kinds.entry(kind).or_default() += 1;
                found |= done(event);
            }
            if found {
                return;
            }
        }
    }

    fn count(&self, kind: &str) -> usize {
        self.kinds.get(kind).copied().unwrap_or(0)
    }
}

async fn book_of(house: &House, depth: u32) -> v1::GetBookSnapshotResponse {
    let request = v1::GetBookSnapshotRequest {
        instrument_id: "COAL".to_owned(),
        depth,
    };
    let snapshot = house.market_data().await.get_book_snapshot(request).await;
    snapshot.expect("a book").into_inner()
}

/// The levels of a snapshot, as a client's book has them.
fn levels(snapshot: &v1::GetBookSnapshotResponse) -> BTreeMap<(i32, i64), (i64, u32)> {
    let side = |side, levels: &[v1::BookLevel]| {
        let entry = |level: &v1::BookLevel| {
            (
                (side, level.price_ticks),
                (level.quantity_lots, level.order_count),
            )
        };
        levels.iter().map(entry).collect::<Vec<_>>()
    };
    let mut all = side(1, &snapshot.bids);
    all.extend(side(2, &snapshot.asks));
    all.into_iter().collect()
}

#[tokio::test]
async fn every_depth_follows_the_book_and_the_checksum_holds() {
    let house = House::open().await;
    house.with_market().await;
    let mut client = house.market_data().await;
    let mut watchers = Vec::new();
    for level in LEVELS {
        watchers.push(Watcher::new(&mut client, level).await);
    }
    for round in 0..3 {
        let last = trade_some(&house, round).await;
        for watcher in &mut watchers {
            watcher.until(last).await;
        }
        for (watcher, (_, depth)) in
            watchers
                .iter()
                .zip([(0, 1), (0, 1_000), (0, 3), (0, 12), (0, 1_000)])
        {
            let snapshot = book_of(&house, depth).await;
            assert_eq!(watcher.book.aggregate(), levels(&snapshot));
        }
    }
    for (watcher, level) in watchers.iter().zip(LEVELS) {
        assert_eq!(watcher.book.snapshots, 1, "{level:?}");
        assert!(watcher.count("trade") > 5, "{level:?}: {:?}", watcher.kinds);
        let has_checksums = !matches!(level, (v1::BookDepth::L1, _) | (_, 3));
        assert_eq!(watcher.book.checked > 20, has_checksums, "{level:?}");
    }
    let trades = |watcher: &Watcher| watcher.book.trades.clone();
    assert!(
        watchers
            .iter()
            .all(|one| trades(one) == trades(&watchers[0]))
    );
}

/// The book order by order: side and price, and the queue there.
async fn queues_of(
    client: &mut MarketDataClient<Channel>,
) -> BTreeMap<(i32, i64), Vec<(u64, i64)>> {
    let mut watcher = Watcher::new(client, (v1::BookDepth::L3, 0)).await;
    watcher.run(|_| true).await;
    watcher.book.queues
}

#[tokio::test]
async fn who_comes_back_in_time_goes_on_and_after_a_restart_begins_anew() {
    let mut house = House::open().await;
    house.with_market().await;
    let mut client = house.market_data().await;
    let level = (v1::BookDepth::L2, 0);
    let mut watcher = Watcher::new(&mut client, level).await;
    let last = trade_some(&house, 0).await;
    watcher.until(last).await;
    let held = watcher.book.clone();
    drop(watcher);
    let last = trade_some(&house, 1).await;
    let mut back = Watcher::open(&mut client, level, held.last, held.clone()).await;
    back.until(last).await;
    assert_eq!(back.count("snapshot"), 0, "nothing was missed");
    assert_eq!(back.book.aggregate(), levels(&book_of(&house, 1_000).await));

    let held = back.book.clone();
    drop(back);
    let queues = queues_of(&mut client).await;
    assert!(queues.values().any(|queue| queue.len() > 1));
    house.restart().await;
    let mut client = house.market_data().await;
    assert_eq!(queues_of(&mut client).await, queues, "each in its place");
    let mut again = Watcher::open(&mut client, level, held.last, held.clone()).await;
    again.run(|_| true).await;
    assert_eq!(
        again.count("snapshot"),
        1,
        "what was kept for resuming is gone"
    );
    assert_eq!(again.book.levels, held.levels, "the book is not");
    let (before, after) = (held.last.expect("heard"), again.book.last.expect("heard"));
    assert_eq!(before.0, after.0, "a restart keeps the epoch");
    assert!(after.1 > before.1, "places rise across restarts");
    assert_eq!(
        again.book.aggregate(),
        levels(&book_of(&house, 1_000).await)
    );
    let last = trade_some(&house, 2).await;
    again.until(last).await;
    assert_eq!(
        again.book.aggregate(),
        levels(&book_of(&house, 1_000).await)
    );
}

/// A connection whose client reads nothing more than this much ahead.
async fn narrow(house: &House) -> MarketDataClient<Channel> {
    let address = house.running().address();
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .expect("an address")
        .initial_stream_window_size(65_535)
        .initial_connection_window_size(65_535)
        .connect()
        .await;
    MarketDataClient::new(channel.expect("a connection"))
}

#[tokio::test]
async fn a_stalled_subscriber_costs_nobody_else_anything() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let level = (v1::BookDepth::L3, 0);
    let mut client = house.market_data().await;
    let mut quick = Watcher::new(&mut client, level).await;
    let mut slow_client = narrow(&house).await;
    let mut stalled = Watcher::new(&mut slow_client, level).await;
    quick.run(|_| true).await;
    stalled.run(|_| true).await;

    // More than its connection and its queue hold; the quick one is level all the time.
    for batch in 0..5_u32 {
        let operations = (0..4_096_u32).map(|number| {
            let price = format!("{}.00", 10 + number % 30);
            let id = format!("b{batch}-{number}");
            let order = limit(&id, "A", v1::Side::Buy, &price, "100");
            let operation = Some(v1::batch_operation::Operation::Submit(order));
            v1::BatchOperation { operation }
        });
        let operations = operations.collect();
        let answer = orders
            .batch_orders(v1::BatchOrdersRequest { operations })
            .await;
        let results = answer.expect("results").into_inner().results;
        let Some(v1::batch_result::Result::Report(last)) =
            results.last().and_then(|it| it.result.clone())
        else {
            panic!("the last one was not taken");
        };
        quick.until(last.engine_sequence).await;
    }
    let mut last = 0;
    for number in 0..400_u32 {
        let order = limit(&format!("s{number}"), "A", v1::Side::Buy, "9.00", "100");
        let report = orders.submit_order(order).await.expect("NEW").into_inner();
        last = report.engine_sequence;
        quick.until(last).await;
    }
    assert_eq!((quick.count("resync"), quick.count("snapshot")), (0, 1));
    assert!(quick.book.events > 20_000);

    // It wakes up, reads what had been sent, is told of the gap, and is level again.
    let mut told = false;
    while !told {
        stalled.run(|_| true).await;
        told = stalled.count("snapshot") == 2;
    }
    assert_eq!(stalled.count("resync"), 1);
    assert!(stalled.book.events < quick.book.events);
    let order = limit("wake", "A", v1::Side::Buy, "9.00", "100");
    let report = orders.submit_order(order).await.expect("NEW").into_inner();
    assert!(report.engine_sequence > last);
    stalled.until(report.engine_sequence).await;
    quick.until(report.engine_sequence).await;
    assert_eq!(stalled.book.queues, quick.book.queues);
}

async fn set_phase(house: &House, id: &str, phase: v1::Phase) {
    let request = v1::SetPhaseRequest {
        context: context(id),
        venue_id: "V".to_owned(),
        phase: phase.into(),
    };
    let report = house.operations().await.set_phase(request).await;
    assert!(report.expect("a report").into_inner().accepted);
}

#[tokio::test]
async fn an_auction_is_seen_coming_and_survives_a_restart() {
    let mut house = House::open().await;
    house.with_market().await;
    set_phase(&house, "close", v1::Phase::Closed).await;
    set_phase(&house, "call", v1::Phase::PreOpen).await;
    let mut orders = house.orders().await;
    let buy = limit("buy", "A", v1::Side::Buy, "50.10", "300");
    orders.submit_order(buy).await.expect("NEW");
    let sell = limit("sell", "B", v1::Side::Sell, "50.00", "100");
    orders.submit_order(sell).await.expect("NEW");
    let would = book_of(&house, 10).await.indicative.expect("a call");
    assert_eq!((would.volume_lots, would.imbalance_lots), (1, 2));
    assert_eq!(would.imbalance_side(), v1::Side::Buy);

    house.restart().await;
    let snapshot = book_of(&house, 10).await;
    assert_eq!(snapshot.indicative, Some(would));
    let status = snapshot.status.expect("a status");
    assert_eq!(status.phase(), v1::Phase::PreOpen);
    assert!(status.entry_allowed && status.cancel_allowed);

    let mut client = house.market_data().await;
    let mut watcher = Watcher::new(&mut client, (v1::BookDepth::L2, 0)).await;
    watcher.run(|_| true).await;
    set_phase(&house, "open", v1::Phase::Continuous).await;
    watcher
        .run(|event| matches!(event.event, Some(Wire::Uncrossed(_))))
        .await;
    for (kind, count) in [("status", 1), ("trade", 1), ("uncrossed", 1), ("delta", 1)] {
        assert_eq!(watcher.count(kind), count, "{kind}");
    }
    let after = book_of(&house, 10).await;
    assert_eq!(after.indicative, None);
    assert_eq!(watcher.book.aggregate(), levels(&after));
    let last_price = after.last_price.clone();
    house.restart().await;
    let again = book_of(&house, 10).await;
    assert_eq!((again.last_price, again.bids), (last_price, after.bids));
}

#[tokio::test]
async fn a_quiet_stream_has_a_heartbeat() {
    let house = House::open().await;
    house.with_market().await;
    let last = trade_some(&house, 0).await;
    let mut client = house.market_data().await;
    let mut watcher = Watcher::new(&mut client, (v1::BookDepth::L2, 10)).await;
    watcher
        .run(|event| matches!(event.event, Some(Wire::Heartbeat(_))))
        .await;
    let Some((_, seq)) = watcher.book.last else {
        panic!("it began with a snapshot");
    };
    assert!(seq >> 20 <= last, "a heartbeat takes no place");
}

#[tokio::test]
async fn what_cannot_be_streamed_is_refused_with_its_field() {
    let house = House::open().await;
    house.with_market().await;
    let mut client = house.market_data().await;
    let coal = request((v1::BookDepth::L2, 0), None);
    let book = |id: &str| v1::BookSubscription {
        instrument_id: id.to_owned(),
        resume: None,
    };
    let none = v1::StreamBookRequest {
        instruments: Vec::new(),
        ..coal.clone()
    };
    let twice = v1::StreamBookRequest {
        instruments: vec![book("COAL"), book("COAL")],
        ..coal.clone()
    };
    let deep = v1::StreamBookRequest {
        depth: 1_001,
        ..coal.clone()
    };
    let unknown = v1::StreamBookRequest {
        instruments: vec![book("GOLD")],
        ..coal
    };
    let cases = [
        (none, Code::InvalidArgument, "1 to 1024 are right"),
        (twice, Code::InvalidArgument, "instruments[1].instrument_id"),
        (deep, Code::InvalidArgument, "at most 1000 levels are right"),
        (unknown, Code::NotFound, "\"GOLD\""),
    ];
    for (request, code, text) in cases {
        let status = client.stream_book(request).await.expect_err("refused");
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(text), "{status}");
    }
}

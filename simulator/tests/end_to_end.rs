//! Whole days through a real gateway: exactly the exchange's trades, with fees and a statement that
//! adds up, also when the gateway is killed or stopped again and again in the middle.
//!
//! The gateway program is built by the same word that runs the tests; where it or the data is
//! absent, a test says that it was skipped. Not here: what single answers must say.

mod support;

use std::{collections::BTreeMap, path::Path, time::Duration};

use rust_decimal::Decimal;
use sanjiang_simulator::{
    client::connect::{Bearer, Connection},
    flash::{self, Flash},
    formats::{Next, sse},
    load::{self, Load, Mode, schedule::Shape},
    replay::{self, Gate, Pace, Replay},
    report::Summary,
    setup::Run,
};
use support::Gateway;

const SMALL_DAY: &str = "sse_level2/601825.input.csv.xz";
const SMALL_LINES: u64 = 11_236;
const SMALL_TRADES: u64 = 5_370;
/// Commands that set the small day up, at least.
const SETUP: u64 = 2_000;
const LARGE_DAY: &str = "sse_level2/605580.input.csv.xz";
const LARGE_TRADES: u64 = 16_996;
const NASDAQ_DAY: &str = "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip";
const CHICAGO_DAY: &str = "cme_mbo/orderbooks_mbo_20240508.csv.xz";
/// Restarts in the middle of a day.
const RESTARTS: u32 = 20;

fn replay(gateway: &Gateway, input: &Path, pace: Pace) -> Replay {
    let patience = Duration::from_secs(60);
    Replay {
        connection: Connection::open(&gateway.target(), Bearer::default(), patience).unwrap(),
        run: Run::named("day").unwrap(),
        input: input.to_owned(),
        expect: None,
        pace,
        gate: None,
    }
}

fn check(summary: &Summary, trades: u64, gateway: &Gateway) {
    println!("{summary}");
    assert!(summary.held(), "{summary}\n{}", gateway.log());
    assert_eq!((summary.trades, summary.rejected), (trades, 0));
    assert_eq!(summary.acknowledged, summary.commands);
}

/// The word after `word`, up to a comma or the end.
fn amount(text: &str, word: &str) -> Decimal {
    let (_, rest) = text
        .split_once(word)
        .unwrap_or_else(|| panic!("{word}: {text}"));
    let end = rest.find([',', ' ']).unwrap_or(rest.len());
    rest[..end]
        .parse()
        .unwrap_or_else(|_| panic!("{word}: {text}"))
}

/// What the venue took in fees, as the count at the end says of the money.
fn fees(summary: &Summary) -> Decimal {
    let money = summary.notes.iter().find(|note| {
        let asset = note.split(':').next().unwrap_or_default();
        asset.ends_with("-money") && note.contains("fees took ")
    });
    amount(
        money.unwrap_or_else(|| panic!("no count of money: {summary}")),
        "fees took ",
    )
}

/// A statement of one account was printed, adds up line by line, and shows a fee.
fn check_statement(summary: &Summary) {
    let mut notes = summary.notes.iter();
    let head = notes.find(|note| note.starts_with("statement of "));
    assert!(head.is_some(), "no statement was printed: {summary}");
    let mut sums = BTreeMap::<&str, Decimal>::new();
    let (mut lines, mut charged, mut closed) = (0, Decimal::ZERO, 0);
    for line in notes.take_while(|note| note.starts_with("  ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["closing", asset, balance, ..] = words[..] {
            let balance = balance.trim_end_matches(',');
            assert_eq!(balance.parse(), Ok(sums[asset]), "{line}");
            closed += 1;
            continue;
        }
        let [.., moved, asset, "makes", sum] = words[..] else {
            panic!("no line of a statement: {line}")
        };
        let moved: Decimal = moved.parse().unwrap();
        let own = sums.entry(asset).or_default();
        *own += moved;
        assert_eq!(sum.parse(), Ok(*own), "{line}");
        if words[0] == "fee" {
            charged -= moved;
        }
        lines += 1;
    }
    assert!(lines >= 6 && charged > Decimal::ZERO, "{summary}");
    assert_eq!(closed, sums.len(), "{summary}");
}

async fn whole_day(day: &str, trades: u64) {
    let (Some(input), Some(program)) = (support::shared(day), support::gateway()) else {
        return;
    };
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    let replay = replay(&gateway, &input, Pace::Max);
    let (summary, ended) = replay::sse::run(replay, Summary::new("replay sse", "day")).await;
    ended.unwrap();
    check(&summary, trades, &gateway);
    assert!(fees(&summary) > Decimal::ZERO, "{summary}");
    check_statement(&summary);
    gateway.signal("-TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_shanghai_day_gives_the_exchanges_trades() {
    whole_day(SMALL_DAY, SMALL_TRADES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_shanghai_day_gives_the_exchanges_trades() {
    whole_day(LARGE_DAY, LARGE_TRADES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trade_that_differs_is_found_and_named() {
    let (Some(input), Some(program)) = (support::shared(SMALL_DAY), support::gateway()) else {
        return;
    };
    let mut text = "seq,time,phase,buy_id,sell_id,price_milli,qty,aggressor\n".to_owned();
    let mut count = 0;
    let trades = replay::sse::expected_beside(&input).unwrap();
    sse::read_trades(&trades, |trade| {
        count += 1;
        // One trade has another buyer, and the last one is asked for twice.
        let buyer = trade.buy_id + u64::from(count == 100);
        let (price, seller) = (trade.price_ticks * 10, trade.sell_id);
        let line = format!(
            "1,09:30:00.000,cont,{buyer},{seller},{price},{},B\n",
            trade.quantity
        );
        text.push_str(&line);
        if count == SMALL_TRADES {
            text.push_str(&line);
        }
        Next::More
    })
    .unwrap();
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    let wrong = gateway.data().join("wrong.csv");
    std::fs::write(&wrong, text).unwrap();
    let replay = Replay {
        expect: Some(wrong),
        ..replay(&gateway, &input, Pace::Max)
    };
    let (summary, ended) = replay::sse::run(replay, Summary::new("replay sse", "day")).await;
    ended.unwrap();
    assert_eq!((summary.trades, summary.mismatches), (SMALL_TRADES, 2));
    assert!(!summary.held());
    let first = summary.first_mismatches.first().map_or("", String::as_str);
    assert!(first.starts_with("trade 100: expected "), "{first}");
    gateway.signal("-TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nasdaq_day_is_matched_row_by_row() {
    let (Some(input), Some(program)) = (support::shared(NASDAQ_DAY), support::gateway()) else {
        return;
    };
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    let replay = replay(&gateway, &input, Pace::Max);
    let summary = Summary::new("replay lobster matched", "day");
    let (summary, ended) = replay::lobster::run_matched(replay, summary).await;
    ended.unwrap();
    println!("{summary}");
    assert!(summary.held(), "{summary}\n{}", gateway.log());
    let (rows, different) = (summary.extra["rows"], summary.extra["rows_different"]);
    assert_eq!(rows, 155_934);
    assert!(different * 100 <= rows, "{different}");
    gateway.signal("-TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trades_of_a_chicago_morning_are_made() {
    let (Some(input), Some(program)) = (support::shared(CHICAGO_DAY), support::gateway()) else {
        return;
    };
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    let replay = replay(&gateway, &input, Pace::Max);
    let (summary, ended) = replay::cme::run(replay, Summary::new("replay cme", "day")).await;
    ended.unwrap();
    check(&summary, 5, &gateway);
    check_statement(&summary);
    gateway.signal("-TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_of_each_kind_sets_itself_up_and_is_answered() {
    let Some(program) = support::gateway() else {
        return;
    };
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    for (name, mode) in [("u", Mode::Unary), ("s", Mode::Stream), ("b", Mode::Batch)] {
        let load = Load {
            target: gateway.target(),
            bearer: Bearer::default(),
            patience: Duration::from_secs(60),
            run: Run::named(name).unwrap(),
            rate: 400.0,
            seconds: 2,
            connections: 2,
            mode,
            shape: Shape::Bursts,
            seed: 1,
            venue: None,
            funded_orders: 50,
        };
        let (_stop, stop) = tokio::sync::watch::channel(false);
        let (summary, ended) = load::run(&load, Summary::new(name, name), stop).await;
        ended.unwrap();
        println!("{mode:?}: {summary}");
        assert!(summary.held(), "{summary}\n{}", gateway.log());
        assert_eq!((summary.commands, summary.acknowledged), (800, 800));
        assert!(summary.trades > 0 && summary.last_durable_sequence > 800);
        // The first makes the market that the others find; its four goods and money are counted.
        let counted = |note: &&String| note.contains("64 accounts have");
        let counts = summary.notes.iter().filter(counted).count();
        assert_eq!(counts, if name == "u" { 5 } else { 0 }, "{summary}");
        if name == "u" {
            assert!(fees(&summary) > Decimal::ZERO, "{summary}");
        }
    }
    gateway.signal("-TERM");
}

async fn durable(connection: &Connection) -> u64 {
    let status = connection.persist(|| {
        let mut client = connection.operations();
        async move {
            let request = proto::v1::GetEngineStatusRequest {};
            client.get_engine_status(request).await
        }
    });
    status.await.map_or(0, |status| status.durable_sequence)
}

#[tokio::test]
async fn a_flash_sale_sells_its_stock_and_not_a_piece_more() {
    let Some(program) = support::gateway() else {
        return;
    };
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    let flash = Flash {
        target: gateway.target(),
        bearer: Bearer::default(),
        patience: Duration::from_secs(60),
        run: Run::named("flash").unwrap(),
        stock: 20,
        reserves: 600,
        sessions: 4,
        seconds: 0.2,
        buyers: 50,
    };
    let (_stop, stop) = tokio::sync::watch::channel(false);
    let (summary, ended) = flash::run(&flash, Summary::new("flash", "flash"), stop).await;
    ended.unwrap();
    assert!(summary.held(), "{summary}\n{}", gateway.log());
    assert_eq!((summary.sold, summary.rejected), (20, 580), "{summary}");
    assert_eq!((summary.commands, summary.acknowledged), (600, 600));
    gateway.signal("-TERM");
}

/// Ends the gateway again and again while a day is sent: each time in the middle of another equal
/// part of its lines.
async fn day_with_restarts(signal: &'static str) {
    let (Some(input), Some(program)) = (support::shared(SMALL_DAY), support::gateway()) else {
        return;
    };
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    let (gate, allow, _passed) = Gate::shut();
    let replay = Replay {
        gate: Some(gate),
        ..replay(&gateway, &input, Pace::Max)
    };
    let watch = replay.connection.clone();
    let running = tokio::spawn(replay::sse::run(replay, Summary::new("replay sse", "day")));
    let share = SMALL_LINES / u64::from(RESTARTS + 1);
    let mut restarts = 0;
    while restarts < RESTARTS {
        restarts += 1;
        let allowed = share * u64::from(restarts);
        allow.send_replace(allowed);
        // A replay that ended early says so below.
        while durable(&watch).await < SETUP + allowed - share / 2 && !running.is_finished() {
            tokio::task::yield_now().await;
        }
        gateway = tokio::task::spawn_blocking(move || {
            gateway.signal(signal);
            gateway.again();
            gateway
        })
        .await
        .unwrap();
    }
    allow.send_replace(u64::MAX);
    let (summary, ended) = running.await.unwrap();
    assert!(ended.is_ok(), "{ended:?}\n{}", gateway.log());
    check(&summary, SMALL_TRADES, &gateway);
    assert!(fees(&summary) > Decimal::ZERO, "{summary}");
    check_statement(&summary);
    assert_eq!(restarts, RESTARTS);
    assert!(summary.reconnects > 0, "no restart met the session");
    println!(
        "{restarts} x kill {signal}: same trades, {} reconnects",
        summary.reconnects
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_change_no_trade() {
    day_with_restarts("-KILL").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_clean_stops_change_no_trade() {
    day_with_restarts("-TERM").await;
}

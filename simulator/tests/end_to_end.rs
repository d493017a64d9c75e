//! Whole days through a real gateway: exactly the exchange's trades, also when the gateway is
//! killed or stopped again and again in the middle.
//!
//! The gateway program is built by the same word that runs the tests; where it or the data is
//! absent, a test says that it was skipped. Not here: what single answers must say.

mod support;

use std::{path::Path, time::Duration};

use sanjiang_simulator::{
    client::connect::{Bearer, Connection},
    replay::{self, Pace, Replay},
    report::Summary,
    setup::Run,
};
use support::Gateway;

const SMALL_DAY: &str = "sse_level2/601825.input.csv.xz";
const SMALL_TRADES: u64 = 5_370;
const LARGE_DAY: &str = "sse_level2/605580.input.csv.xz";
const LARGE_TRADES: u64 = 16_996;
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
    }
}

fn check(summary: &Summary, trades: u64, gateway: &Gateway) {
    println!("{summary}");
    assert!(summary.held(), "{summary}\n{}", gateway.log());
    assert_eq!((summary.trades, summary.rejected), (trades, 0));
    assert_eq!(summary.acknowledged, summary.commands);
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

/// Ends the gateway again and again while a paced day is sent: each time once a share of the day
/// more is durable.
async fn day_with_restarts(signal: &'static str) {
    let (Some(input), Some(program)) = (support::shared(SMALL_DAY), support::gateway()) else {
        return;
    };
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    let replay = replay(&gateway, &input, Pace::Rate(1_000.0));
    let watch = replay.connection.clone();
    let running = tokio::spawn(replay::sse::run(replay, Summary::new("replay sse", "day")));
    let mut restarts = 0;
    // 2,004 commands set the day up; its 11,236 lines are then cut into equal parts.
    let mut threshold = 2_200;
    while restarts < RESTARTS && !running.is_finished() {
        let status = watch.persist(|| {
            let mut client = watch.operations();
            async move {
                let request = proto::v1::GetEngineStatusRequest {};
                client.get_engine_status(request).await
            }
        });
        let durable = status.await.map_or(0, |status| status.durable_sequence);
        if durable < threshold {
            tokio::task::yield_now().await;
            continue;
        }
        threshold = durable + 480;
        restarts += 1;
        gateway = tokio::task::spawn_blocking(move || {
            gateway.signal(signal);
            gateway.again();
            gateway
        })
        .await
        .unwrap();
    }
    let (summary, ended) = running.await.unwrap();
    assert!(ended.is_ok(), "{ended:?}\n{}", gateway.log());
    check(&summary, SMALL_TRADES, &gateway);
    assert_eq!(restarts, RESTARTS, "the day ended before the last restart");
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

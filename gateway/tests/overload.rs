//! At more than it can carry the exchange refuses, says when to come again, and stays up.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test fails on any other answer"
)]

use std::time::Duration;

use crate::support::{Answer, House, Session, limit, raw};
use clap::Parser as _;
use proto::v1;
use sanjiang_gateway::config::{Cli, Command, Serve};
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout};
use tonic_types::StatusExt as _;

#[tokio::test]
async fn calls_beyond_a_share_are_refused_with_a_time_to_retry() {
    let house = House::open_with(|settings| {
        settings.queue_commands_max = 64;
        settings.share_commands_max = Some(8);
    })
    .await;
    let mut orders = house.with_market().await;
    let operation = |number: usize| v1::BatchOperation {
        operation: Some(v1::batch_operation::Operation::Submit(limit(
            &format!("b-{number}"),
            "A",
            v1::Side::Buy,
            "49.00",
            "100",
        ))),
    };
    let batch = |count: usize| v1::BatchOrdersRequest {
        operations: (0..count).map(operation).collect(),
    };
    let error = orders
        .batch_orders(batch(9))
        .await
        .expect_err("9 of a share of 8");
    assert_eq!(error.code(), tonic::Code::ResourceExhausted);
    let retry = error.get_details_retry_info().expect("a time to retry");
    assert!(retry.retry_delay.is_some_and(|delay| !delay.is_zero()));
    // Nothing of it was changed: the same ids are new.
    let results = orders
        .batch_orders(batch(8))
        .await
        .expect("8 of 8")
        .into_inner()
        .results;
    for result in results {
        let Some(v1::batch_result::Result::Report(report)) = result.result else {
            panic!("refused");
        };
        assert!(!report.poss_dup);
        assert_eq!(report.exec_type(), v1::ExecType::New);
    }
}

#[tokio::test]
async fn twice_the_capacity_in_calls_is_refused_in_part_and_each_order_is_entered_once() {
    let house = House::open_with(|settings| {
        settings.queue_commands_max = 32;
        settings.share_commands_max = Some(32);
    })
    .await;
    let client = house.with_market().await;
    let calls = 512_usize;
    let mut tasks = Vec::new();
    for number in 0..calls {
        let mut client = client.clone();
        tasks.push(tokio::spawn(async move {
            let mut refused = 0_u32;
            loop {
                let order = limit(&format!("o-{number}"), "A", v1::Side::Buy, "49.00", "100");
                match client.submit_order(order).await {
                    Ok(report) => return (refused, report.into_inner()),
                    Err(error) => {
                        assert_eq!(error.code(), tonic::Code::ResourceExhausted, "{error}");
                        assert!(error.get_details_retry_info().is_some());
                        refused += 1;
                        tokio::task::yield_now().await;
                    }
                }
            }
        }));
    }
    let (mut refused, mut counters) = (0, Vec::new());
    for task in tasks {
        let (times, report) = task.await.expect("no panic");
        refused += times;
        counters.push(report.account_sequence);
    }
    counters.sort_unstable();
    assert_eq!(counters, (1..=calls as u64).collect::<Vec<_>>());
    assert!(refused > 0, "512 calls at once do not fit into 32 places");
}

#[tokio::test]
async fn a_session_is_refused_in_band_and_its_stream_goes_on() {
    let house = House::open_with(|settings| settings.queue_commands_max = 64).await;
    house.with_market().await;
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    // Sixteen batches of 32 at once: two of them fill what the queue has for orders.
    let last = 16 * 32_u64;
    let send = |session: &Session, first: u64| {
        for number in (first..=last).step_by(32) {
            session.orders(number..=number + 31);
        }
    };
    send(&session, 1);
    let (mut busy, mut gaps, mut reports) = (0, 0, 0);
    let mut under_way = last;
    while reports < last {
        match session.next_said().await {
            Answer::Reports(more) => {
                reports += more.reports.len() as u64;
                under_way -= more.reports.len() as u64;
            }
            Answer::Refused(refused) => {
                under_way -= refused.last_client_sequence + 1 - refused.first_client_sequence;
                match refused.reason.as_str() {
                    "BUSY" => {
                        assert!(refused.retry_after_ms > 0);
                        busy += 1;
                    }
                    "SEQUENCE_GAP" => gaps += 1,
                    other => panic!("{other}"),
                }
                if under_way == 0 {
                    send(&session, refused.expected_client_sequence);
                    under_way = last + 1 - refused.expected_client_sequence;
                }
            }
            other => panic!("{other:?}"),
        }
        if under_way == 0 && reports < last {
            send(&session, reports + 1);
            under_way = last - reports;
        }
    }
    assert_eq!(reports, last, "each once");
    assert!(busy > 0, "sixteen batches of 32 do not fit into 64 places");
    assert!(
        gaps > 0,
        "what was pipelined behind a refused batch is refused too"
    );
}

#[tokio::test]
async fn a_clean_stop_answers_what_was_taken() {
    let mut house = House::open().await;
    house.with_market().await;
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    session.orders(1..=1_000);
    // The first reports show that the batch was taken.
    let mut seen = match session.next_said().await {
        Answer::Reports(more) => more.reports.len(),
        other => panic!("{other:?}"),
    };
    let read = tokio::spawn(async move {
        loop {
            match session.next_said().await {
                Answer::Reports(more) => seen += more.reports.len(),
                Answer::Closed(closed) => return (seen, closed.reason, closed.watermark),
                other => panic!("{other:?}"),
            }
        }
    });
    house.stop().await;
    let (seen, reason, watermark) = read.await.expect("no panic");
    assert_eq!(
        (seen, reason.as_str(), watermark),
        (1_000, "SHUTTING_DOWN", 1_000)
    );
}

/// The settings of `gateway serve` with these flags, on the folder of `settings`.
fn with_flags(settings: &mut Serve, flags: &[&str]) {
    let folder = settings.data_dir.to_str().expect("text");
    let line = [
        "gateway",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        folder,
    ];
    let cli = Cli::try_parse_from(line.iter().chain(flags)).expect("flags");
    let Command::Serve(parsed) = cli.command else {
        panic!("another command: {cli:?}");
    };
    *settings = parsed;
}

/// Less than the default and more: the clock of this test runs only while nobody has anything to
/// do, to the next instant anybody waits for.
#[tokio::test]
async fn a_connection_has_as_long_to_begin_as_the_flag_says() {
    for within in [2, 3_600] {
        let milliseconds = (within * 1_000).to_string();
        let flags = ["--disk-reserve-mb", "0", "--begin-within-ms", &milliseconds];
        let house = House::open_with(|settings| with_flags(settings, &flags)).await;
        tokio::time::pause();
        let before = Instant::now();
        let half = raw::half(1);
        let mut stream = raw::connection(house.running().address(), &half).await;
        let places = &house.running().exchange().connections;
        while places.accepted() == 0 {
            tokio::task::yield_now().await;
        }
        let mut bytes = [0; 4_096];
        let closed = async { while !matches!(stream.read(&mut bytes).await, Ok(0) | Err(_)) {} };
        let closed = timeout(Duration::from_secs(2 * within), closed).await;
        closed.expect("it is closed in time");
        assert_eq!(before.elapsed().as_secs(), within);
        assert_eq!(places.expired(), 1);
        tokio::time::resume();
    }
}

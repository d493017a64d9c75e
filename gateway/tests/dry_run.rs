//! `ValidateOrder` against `SubmitOrder` through the API, over every reject a new order can get:
//! the rows of `engine/tests/rejects`, each played in a world of its own.
//!
//! A row that cannot be played over the wire stands in [`NOT_HERE`] with why; a new row is played
//! without a word here. Invariant: for each reason both calls say the same, and what the dry run
//! was asked is not entered. Not here: rows of shops (`shops_dry`; of imports and baskets
//! `shops_border`, `baskets`; of guarantees `shops_guarantee`), the precedence of checks, replaces
//! and cancels (the engine's own tests).

use crate::support;
use std::collections::BTreeSet;
use std::path::Path;

use crate::support::House;
use crate::support::rows::World;
use proto::v1;
use proto::v1::order_entry_client::OrderEntryClient;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

/// Words of rows that cannot be played over the wire, and why.
const NOT_HERE: [(&str, &str); 3] = [
    (
        "bounds ",
        "the program's bounds are the build's: a million rows to reach most of them",
    ),
    (
        "session",
        "ValidateOrder takes the order of a call; a session's numbers are asked of nobody",
    ),
    (
        " in=7",
        "an instrument is a name on the wire: NOT_FOUND comes before the engine and its switch",
    ),
];
/// Reasons of such rows alone; the rest of what `bounds` and sessions give is played otherwise.
const ONLY_IN_THE_ENGINE: [&str; 7] = [
    // No session's order can be asked.
    "SEQUENCE_GAP",
    "UNKNOWN_SESSION",
    // 2^21 orders, 2^17 levels a side, 5 x 2^20 positions, 2^18 and 2^20 places of settlement.
    "OPEN_ORDERS",
    "PRICE_LEVELS",
    "POSITIONS",
    "UNSETTLED_FULL",
    "INVESTORS_FULL",
];
/// A bucket has a new token after a second: so often a throttled order is sent again, if the
/// machine was too slow to be refused.
const TRIES: u32 = 50;

/// A reason and its lines; the last is the order.
struct Row {
    reason: String,
    lines: Vec<String>,
}

fn all() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/rejects");
    let entries = std::fs::read_dir(folder).expect("the rows");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    let mut rows: Vec<Row> = Vec::new();
    let elsewhere = [
        "never.txt",
        "shops.txt",
        "border.txt",
        "discounts.txt",
        "guarantees.txt",
        "owing.txt",
    ];
    let orders = |path: &&std::path::PathBuf| elsewhere.iter().all(|name| !path.ends_with(name));
    for path in paths.iter().filter(orders) {
        let text = std::fs::read_to_string(path).expect("text");
        for line in text.lines() {
            if let Some(reason) = line.strip_prefix("## ") {
                let (reason, lines) = (reason.to_owned(), Vec::new());
                rows.push(Row { reason, lines });
            } else if !line.is_empty() && !line.starts_with('#') {
                let row = rows.last_mut().expect("a file begins with a title");
                row.lines.push(line.to_owned());
            }
        }
    }
    rows
}

/// What a call said of an order: the reason, its law, words for people, or the status.
#[derive(PartialEq, Eq, Debug)]
enum Said {
    InBand(String, String, String),
    Status(Code, String),
}

impl Said {
    fn reason(&self) -> &str {
        match self {
            Self::InBand(reason, ..) | Self::Status(_, reason) => reason,
        }
    }
}

fn refused(status: &tonic::Status) -> Said {
    let info = status.get_details_error_info();
    let reason = info.map_or_else(|| status.message().to_owned(), |info| info.reason);
    Said::Status(status.code(), reason)
}

async fn dry(channel: &Channel, order: v1::SubmitOrderRequest) -> Said {
    let mut orders = OrderEntryClient::new(channel.clone());
    match orders.validate_order(order).await {
        Ok(answer) => {
            let said = answer.into_inner();
            assert_eq!(said.valid, said.reject_reason.is_empty());
            assert_eq!(said.valid, said.fix_reject_reason.is_none());
            let text = format!("{} FIX {:?}", said.text, said.fix_reject_reason);
            Said::InBand(said.reject_reason, said.legal_basis, text)
        }
        Err(status) => refused(&status),
    }
}

async fn real(channel: &Channel, order: v1::SubmitOrderRequest) -> Said {
    let mut orders = OrderEntryClient::new(channel.clone());
    match orders.submit_order(order).await {
        Ok(report) => {
            let said = report.into_inner();
            assert!(!said.poss_dup, "{said:?}");
            let text = format!("{} FIX {:?}", said.text, said.fix_reject_reason);
            Said::InBand(said.reject_reason, said.legal_basis, text)
        }
        Err(status) => refused(&status),
    }
}

/// Both answers to an order, which must be the same refusal.
async fn both(channel: &Channel, reason: &str, order: v1::SubmitOrderRequest) {
    for attempt in 1.. {
        let mut order = order.clone();
        if attempt > 1 {
            order.client_order_id = format!("{}-{attempt}", order.client_order_id);
        }
        let asked = dry(channel, order.clone()).await;
        let got = real(channel, order).await;
        // Of the bucket alone it is known that time gives it back what it lacks.
        let too_late = reason == "THROTTLED" && got.reason().is_empty();
        if too_late && attempt < TRIES {
            continue;
        }
        // An id that was used is no order's reject: the call itself fails, with the same word.
        let same = asked == got
            || (got.reason() == "CLIENT_ORDER_ID_REUSED" && asked.reason() == got.reason());
        assert!(same, "{reason}: asked {asked:?}, got {got:?}");
        if let Said::Status(code, _) = got {
            let codes = [Code::NotFound, Code::AlreadyExists];
            assert!(codes.contains(&code), "{reason}: {got:?}");
            let unknown = reason.starts_with("UNKNOWN_");
            assert_eq!(unknown, code == Code::NotFound, "{reason}: {got:?}");
        } else {
            assert_eq!(got.reason(), reason);
        }
        return;
    }
}

async fn play(channel: &Channel, place: usize, row: &Row) {
    let is_order = |line: &str| {
        line.split(' ')
            .next()
            .is_some_and(|word| word.ends_with(':'))
    };
    let calendar = row.lines.iter().any(|line| line.starts_with("settle"));
    let mut world = World::new(channel.clone(), place, calendar);
    let (last, setup) = row.lines.split_last().expect("a row has lines");
    for line in setup {
        if is_order(line) {
            world.submit(line).await;
        } else {
            world.play(line).await;
        }
    }
    assert!(is_order(last), "{}: the last line is the order", row.reason);
    world.found().await;
    both(channel, &row.reason, world.order(last)).await;
}

#[tokio::test]
async fn the_dry_run_says_what_an_order_gets_over_all_rejects() {
    let house = House::open().await;
    let channel = house.channel().await;
    let (rows, mut played, mut left) = (all(), BTreeSet::new(), BTreeSet::new());
    for (place, row) in rows.iter().enumerate() {
        let word = NOT_HERE
            .iter()
            .find(|(word, _)| row.lines.iter().any(|line| line.contains(word)));
        if let Some((_, why)) = word {
            println!("{} is left to the engine: {why}", row.reason);
            left.insert(row.reason.clone());
            continue;
        }
        play(&channel, place, row).await;
        played.insert(row.reason.clone());
    }
    for (place, reason) in [(1_000, "STOP_ORDERS"), (1_001, "REQUEST_WINDOW_FULL")] {
        filled(&channel, place, reason).await;
        played.insert(reason.to_owned());
    }
    let only: BTreeSet<_> = ONLY_IN_THE_ENGINE
        .iter()
        .map(|word| (*word).to_owned())
        .collect();
    let unplayed: BTreeSet<_> = left.difference(&played).cloned().collect();
    assert_eq!(unplayed, only, "played over the wire, or named with why");
    let reasons: BTreeSet<_> = rows.iter().map(|row| row.reason.clone()).collect();
    let told: BTreeSet<_> = played.union(&only).cloned().collect();
    assert_eq!(told, reasons, "every reason of a new order");
    println!("{} rows, {} reasons played", rows.len(), played.len());
}

/// The bounds that an exchange as it is can reach: stops of an instrument, remembered ids.
async fn filled(channel: &Channel, place: usize, reason: &str) {
    const STOPS_MAX: usize = 4_096;
    let mut world = World::new(channel.clone(), place, false);
    world.play("phase Continuous").await;
    if reason == "STOP_ORDERS" {
        let operations = (0..STOPS_MAX).map(|number| v1::BatchOperation {
            operation: Some(v1::batch_operation::Operation::Submit(
                world.order(&format!("s{number}: buy 1 stop 10")),
            )),
        });
        let batch = v1::BatchOrdersRequest {
            operations: operations.collect(),
        };
        let answer = OrderEntryClient::new(channel.clone())
            .batch_orders(batch)
            .await;
        let results = answer.expect("results").into_inner().results;
        let taken = results.iter().filter(|one| match &one.result {
            Some(v1::batch_result::Result::Report(report)) => report.reject_reason.is_empty(),
            _ => false,
        });
        assert_eq!(taken.count(), STOPS_MAX);
        return both(channel, reason, world.order("a: buy 1 stop 10")).await;
    }
    // All places are kept for ids that are valid for a short time.
    let limits = v1::SetLimitsRequest {
        context: support::context("all-kept"),
        idempotency_capacity: Some(10_000),
        idempotency_reserve: Some(10_000),
    };
    let mut operations = v1::operations_client::OperationsClient::new(channel.clone());
    let report = operations
        .set_limits(limits)
        .await
        .expect("a report")
        .into_inner();
    assert!(report.accepted, "{report:?}");
    both(channel, reason, world.order("a: buy 1 @10")).await;
}

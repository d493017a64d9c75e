//! A disk that runs short, as a client sees it: a refusal with a word and a time to retry, in the
//! session in band; cancels pass; and it goes on without a restart.
//!
//! Not here: what is refused when (the engine's `disk_full`).
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test fails on any other answer"
)]

use std::sync::Arc;

use crate::support::{Answer, House, Session, limit};
use engine::runtime::ManualFreeSpace;
use proto::v1;
use tonic_types::StatusExt as _;

const RESERVE_MB: u64 = 800;

/// An exchange whose disk has as much room as the test says, in megabytes.
async fn house() -> (House, impl Fn(u64)) {
    let free = Arc::new(ManualFreeSpace::new((2 * RESERVE_MB) << 20));
    let given = free.clone();
    let house = House::open_with(|settings| {
        settings.disk_reserve_mb = RESERVE_MB;
        settings.free_space = Some(given);
    })
    .await;
    (house, move |mb| free.set(mb << 20))
}

fn buy(id: &str) -> v1::SubmitOrderRequest {
    limit(id, "A", v1::Side::Buy, "49.00", "100")
}

async fn status(house: &House) -> v1::EngineStatus {
    let request = v1::GetEngineStatusRequest {};
    let mut operations = house.operations().await;
    let status = operations.get_engine_status(request).await;
    status.expect("a status").into_inner()
}

#[tokio::test]
async fn a_call_is_told_disk_low_with_a_time_to_retry_and_a_cancel_passes() {
    let (house, set_free_mb) = house().await;
    let mut orders = house.with_market().await;
    let resting = orders.submit_order(buy("one")).await.expect("taken");
    let resting = resting.into_inner().order_id;
    set_free_mb(RESERVE_MB - 1);
    let seen = status(&house).await;
    assert!(seen.disk_low);
    assert_eq!(seen.disk_free_bytes, (RESERVE_MB - 1) << 20);
    assert_eq!(seen.disk_reserve_bytes, RESERVE_MB << 20);
    let error = orders.submit_order(buy("two")).await.expect_err("no room");
    assert_eq!(error.code(), tonic::Code::ResourceExhausted);
    let info = error.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "DISK_LOW");
    let retry = error.get_details_retry_info().expect("a time to retry");
    assert!(retry.retry_delay.is_some_and(|delay| !delay.is_zero()));
    let cancel = |id: &str| v1::CancelOrderRequest {
        client_order_id: id.to_owned(),
        valid_until: None,
        account_id: "A".to_owned(),
        order: Some(v1::cancel_order_request::Order::OrderId(resting.clone())),
    };
    // Beside a new order a cancel is refused with it: a batch is taken whole or not at all.
    let operations = vec![
        v1::batch_operation::Operation::Cancel(cancel("cancel")),
        v1::batch_operation::Operation::Submit(buy("three")),
    ];
    let batch = v1::BatchOrdersRequest {
        operations: operations
            .into_iter()
            .map(|operation| v1::BatchOperation {
                operation: Some(operation),
            })
            .collect(),
    };
    let error = orders.batch_orders(batch).await.expect_err("no room");
    let info = error.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "DISK_LOW");
    let report = orders.cancel_order(cancel("cancel")).await.expect("passes");
    assert_eq!(report.into_inner().exec_type(), v1::ExecType::Canceled);
    set_free_mb(2 * RESERVE_MB);
    let report = orders.submit_order(buy("two")).await.expect("room");
    assert!(!report.into_inner().poss_dup, "it was never taken before");
    assert!(!status(&house).await.disk_low);
}

#[tokio::test]
async fn a_session_is_refused_in_band_and_sends_the_same_batch_again() {
    let (house, set_free_mb) = house().await;
    house.with_market().await;
    set_free_mb(RESERVE_MB - 1);
    assert!(status(&house).await.disk_low);
    // Who wants to cancel must be able to open.
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    session.orders(1..=8);
    match session.next_said().await {
        Answer::Refused(refused) => {
            assert_eq!(refused.reason, "DISK_LOW");
            assert!(refused.retry_after_ms > 0);
            assert_eq!(refused.expected_client_sequence, 1);
        }
        other => panic!("{other:?}"),
    }
    set_free_mb(2 * RESERVE_MB);
    session.orders(1..=8);
    let mut reports = 0;
    while reports < 8 {
        match session.next_said().await {
            Answer::Reports(more) => reports += more.reports.len(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(reports, 8);
}

//! A retried unary order is entered once, with and without `valid_until`, also over a restart; a
//! deposit and a withdrawal are done once, also over a kill.

use crate::support::child::Program;
use crate::support::clearing::{balances, deposit, make_clearing, withdrawal};
use crate::support::{House, context, limit, make_market};
use proto::v1;
use proto::v1::accounts_client::AccountsClient;
use tonic_types::StatusExt as _;

/// A minute from now, as the engine's clock has it.
fn soon() -> prost_types::Timestamp {
    let now = std::time::SystemTime::now();
    (now + std::time::Duration::from_secs(60)).into()
}

fn with_and_without_valid_until() -> [v1::SubmitOrderRequest; 2] {
    let forever = limit("forever", "A", v1::Side::Buy, "49.00", "100");
    let brief = v1::SubmitOrderRequest {
        valid_until: Some(soon()),
        ..limit("brief", "A", v1::Side::Buy, "49.00", "100")
    };
    [forever, brief]
}

#[tokio::test]
async fn the_same_order_is_answered_by_its_first_report() {
    let mut house = House::open().await;
    let mut orders = house.with_market().await;
    for request in with_and_without_valid_until() {
        let first = orders
            .submit_order(request.clone())
            .await
            .expect("NEW")
            .into_inner();
        assert_eq!(first.exec_type(), v1::ExecType::New);
        assert!(!first.poss_dup);
        let again = orders
            .submit_order(request.clone())
            .await
            .expect("a copy")
            .into_inner();
        assert!(again.poss_dup);
        assert_eq!(
            v1::ExecutionReport {
                poss_dup: false,
                ..again
            },
            first
        );
        house.restart().await;
        orders = house.orders().await;
        let later = orders
            .submit_order(request)
            .await
            .expect("a copy")
            .into_inner();
        assert!(later.poss_dup);
        assert_eq!(
            v1::ExecutionReport {
                poss_dup: false,
                ..later
            },
            first
        );
    }
    let listed = orders.list_orders(v1::ListOrdersRequest {
        account_id: "A".to_owned(),
        ..v1::ListOrdersRequest::default()
    });
    assert_eq!(listed.await.expect("a list").into_inner().orders.len(), 2);
}

#[tokio::test]
async fn the_same_id_with_other_content_is_final() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    for request in with_and_without_valid_until() {
        orders.submit_order(request.clone()).await.expect("NEW");
        let other = v1::SubmitOrderRequest {
            quantity: "200".to_owned(),
            ..request
        };
        let error = orders.submit_order(other).await.expect_err("other content");
        assert_eq!(error.code(), tonic::Code::AlreadyExists);
        let info = error.get_details_error_info().expect("a reason");
        assert_eq!(info.reason, "CLIENT_ORDER_ID_REUSED");
    }
}

#[tokio::test]
async fn a_rejected_order_is_answered_by_the_same_reject() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let request = limit("zero", "A", v1::Side::Buy, "49.00", "0");
    let first = orders
        .submit_order(request.clone())
        .await
        .expect("a reject")
        .into_inner();
    assert_eq!(first.reject_reason, "QUANTITY");
    let again = orders
        .submit_order(request)
        .await
        .expect("a copy")
        .into_inner();
    assert_eq!(again.order_id, first.order_id);
    assert!(again.poss_dup);
}

#[tokio::test]
async fn a_stale_order_is_rejected_and_its_id_is_free() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let stale = v1::SubmitOrderRequest {
        valid_until: Some(prost_types::Timestamp {
            seconds: 1,
            nanos: 0,
        }),
        ..limit("late", "A", v1::Side::Buy, "49.00", "100")
    };
    let report = orders
        .submit_order(stale)
        .await
        .expect("a reject")
        .into_inner();
    assert_eq!(report.reject_reason, "STALE_REQUEST");
    let fresh = limit("late", "A", v1::Side::Buy, "49.00", "100");
    let report = orders.submit_order(fresh).await.expect("NEW").into_inner();
    assert_eq!(report.exec_type(), v1::ExecType::New);
}

#[tokio::test]
async fn an_operation_is_done_once() {
    let mut house = House::open().await;
    let mut operations = house.operations().await;
    let request = v1::SetCalendarRequest {
        context: context("calendar"),
        calendar_id: "C".to_owned(),
        utc_offset_seconds: 28_800,
        roll_time: String::new(),
        trading_days: vec!["2026-11-23".to_owned()],
    };
    let first = operations
        .set_calendar(request.clone())
        .await
        .expect("a report")
        .into_inner();
    assert!(
        first.accepted && first.version_hash.len() == 64,
        "{first:?}"
    );
    house.restart().await;
    let mut operations = house.operations().await;
    let again = operations
        .set_calendar(request.clone())
        .await
        .expect("a copy")
        .into_inner();
    assert!(again.poss_dup);
    assert_eq!(
        v1::OperationReport {
            poss_dup: false,
            ..again
        },
        first
    );
    let other = v1::SetCalendarRequest {
        utc_offset_seconds: 0,
        ..request
    };
    let error = operations
        .set_calendar(other)
        .await
        .expect_err("other content");
    assert_eq!(error.code(), tonic::Code::AlreadyExists);
}

#[tokio::test]
async fn a_retried_deposit_and_withdrawal_are_done_once_over_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let start = || Program::start_on(&data, &["--disk-reserve-mb", "0"]).expect("a start");
    let mut program = start();
    make_market(program.channel().await).await;
    make_clearing(program.channel().await).await;
    let requests = [
        deposit("in-money", "A", "CNY", "1000.00"),
        deposit("in-goods", "A", "coal", "30"),
        withdrawal("out-money", "A", "CNY", "300.25"),
        withdrawal("out-goods", "A", "coal", "7.500"),
    ];
    let mut first = Vec::new();
    for request in &requests {
        let mut accounts = AccountsClient::new(program.channel().await);
        let report = accounts.instruct(request.clone()).await;
        let report = report.expect("a report").into_inner();
        assert!(report.accepted && !report.poss_dup, "{report:?}");
        first.push(report);
    }
    for _ in 0..2 {
        for (request, first) in requests.iter().zip(&first) {
            let mut accounts = AccountsClient::new(program.channel().await);
            let again = accounts.instruct(request.clone()).await;
            let again = again.expect("a copy").into_inner();
            assert!(again.poss_dup, "{again:?}");
            let plain = v1::OperationReport {
                poss_dup: false,
                ..again
            };
            assert_eq!(plain, *first);
            // Another amount under the same id is no retry.
            let other = v1::InstructRequest {
                amount: "1.00".to_owned(),
                ..request.clone()
            };
            let error = accounts.instruct(other).await.expect_err("other content");
            assert_eq!(error.code(), tonic::Code::AlreadyExists);
        }
        let all = balances(program.channel().await, "A").await;
        let has = |asset: &str| all[asset].clone();
        assert_eq!(has("CNY"), ("699.75".to_owned(), "0.00".to_owned()));
        assert_eq!(has("coal"), ("22.500".to_owned(), "0.000".to_owned()));
        let page = AccountsClient::new(program.channel().await)
            .list_postings(v1::ListPostingsRequest {
                account_id: "A".to_owned(),
                ..v1::ListPostingsRequest::default()
            })
            .await;
        let postings = page.expect("a page").into_inner().postings;
        let amounts: Vec<_> = postings.iter().map(|one| one.amount.as_str()).collect();
        assert_eq!(amounts, ["1000.00", "30.000", "-300.25", "-7.500"]);
        program.kill();
        program = start();
    }
}

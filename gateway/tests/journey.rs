//! An order's whole journey through the public API: in, reported, in the book, out.

use crate::support::{House, limit};
use proto::v1;
use v1::cancel_order_request::Order as CancelBy;
use v1::replace_order_request::Order as ReplaceBy;

fn cancel(id: &str, order: CancelBy) -> v1::CancelOrderRequest {
    v1::CancelOrderRequest {
        client_order_id: id.to_owned(),
        account_id: "A".to_owned(),
        order: Some(order),
        valid_until: None,
    }
}

async fn book(house: &House) -> v1::GetBookSnapshotResponse {
    let request = v1::GetBookSnapshotRequest {
        instrument_id: "COAL".to_owned(),
        depth: 10,
    };
    let snapshot = house.market_data().await.get_book_snapshot(request).await;
    snapshot.expect("a book").into_inner()
}

/// The first `count` reports of an account's stream.
async fn executions(house: &House, account: &str, count: usize) -> Vec<v1::ExecutionReport> {
    let owner = v1::stream_executions_request::Owner::AccountId(account.to_owned());
    let request = v1::StreamExecutionsRequest {
        owner: Some(owner),
        from_sequence: 1,
    };
    let stream = house.orders().await.stream_executions(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut reports = Vec::new();
    while reports.len() < count {
        let more = stream
            .message()
            .await
            .expect("no error")
            .expect("it goes on");
        reports.extend(more.reports);
    }
    reports
}

#[tokio::test]
async fn an_order_rests_trades_and_is_found_everywhere() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let sell = limit("sell-1", "A", v1::Side::Sell, "50.00", "300");
    let new = orders.submit_order(sell).await.expect("NEW").into_inner();
    assert_eq!(new.exec_type(), v1::ExecType::New);
    assert_eq!(new.order_status(), v1::OrderStatus::New);
    assert_eq!(
        (new.price.as_str(), new.order_quantity.as_str()),
        ("50.00", "300")
    );
    assert_eq!(
        (
            new.leaves_quantity.as_str(),
            new.cumulative_quantity.as_str()
        ),
        ("300", "0")
    );
    assert_eq!((new.account_sequence, new.participant_sequence), (1, 1));
    assert!(new.demonstration, "the venue is a demonstration");
    assert_eq!(new.client_order_id, "sell-1");
    let asks = book(&house).await.asks;
    assert_eq!(asks.len(), 1);
    assert_eq!(
        (asks[0].price.as_str(), asks[0].quantity.as_str()),
        ("50.00", "300")
    );

    let buy = limit("buy-1", "B", v1::Side::Buy, "50.05", "100");
    let taker = orders.submit_order(buy).await.expect("NEW").into_inner();
    assert_eq!(taker.exec_type(), v1::ExecType::New);
    let of_a = executions(&house, "A", 2).await;
    assert_eq!(of_a[0], new, "the call and the stream tell the same");
    let trade = &of_a[1];
    assert_eq!(trade.exec_type(), v1::ExecType::Trade);
    assert_eq!(
        (trade.last_price.as_str(), trade.last_quantity.as_str()),
        ("50.00", "100")
    );
    assert_eq!(
        (trade.leaves_quantity.as_str(), trade.average_price.as_str()),
        ("200", "50.000000")
    );
    assert_eq!(trade.liquidity(), v1::Liquidity::Added);
    assert_eq!(trade.client_order_id, "sell-1");
    let of_b = executions(&house, "B", 2).await;
    assert_eq!(of_b[1].trade_id, trade.trade_id);
    assert_ne!(of_b[1].exec_id, trade.exec_id);
    assert_eq!(of_b[1].order_status(), v1::OrderStatus::Filled);
    assert_eq!(book(&house).await.asks[0].quantity, "200");

    let found = orders.get_order(v1::GetOrderRequest {
        account_id: "A".to_owned(),
        order: Some(v1::get_order_request::Order::ClientOrderId(
            "sell-1".to_owned(),
        )),
    });
    let found = found.await.expect("an order").into_inner();
    assert_eq!(found.order_id, new.order_id);
    assert_eq!(found.order_status(), v1::OrderStatus::PartiallyFilled);
}

#[tokio::test]
async fn cancels_and_replaces_are_answered_by_reports() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let sell = limit("sell-1", "A", v1::Side::Sell, "50.00", "300");
    let new = orders.submit_order(sell).await.expect("NEW").into_inner();
    let replace = |id: &str, quantity: &str, price: &str| v1::ReplaceOrderRequest {
        client_order_id: id.to_owned(),
        account_id: "A".to_owned(),
        order: Some(ReplaceBy::OrderId(new.order_id.clone())),
        price: price.to_owned(),
        quantity: quantity.to_owned(),
        ..v1::ReplaceOrderRequest::default()
    };
    let replaced = orders.replace_order(replace("replace-1", "400", "")).await;
    let replaced = replaced.expect("a report").into_inner();
    assert_eq!(replaced.exec_type(), v1::ExecType::Replaced);
    assert_eq!(replaced.order_id, new.order_id);
    assert_eq!(replaced.client_order_id, "replace-1");
    assert_eq!(replaced.orig_client_order_id, "sell-1");
    assert_eq!(replaced.leaves_quantity, "400");
    let same = orders.replace_order(replace("replace-2", "400", "")).await;
    let same = same.expect("a report").into_inner();
    assert_eq!(same.exec_type(), v1::ExecType::ReplaceRejected);
    assert_eq!(same.reject_reason, "REPLACE_INVALID");
    assert!(!same.text.is_empty());
    let by_name = CancelBy::OrigClientOrderId("sell-1".to_owned());
    let canceled = orders.cancel_order(cancel("cancel-1", by_name)).await;
    let canceled = canceled.expect("a report").into_inner();
    assert_eq!(canceled.exec_type(), v1::ExecType::Canceled);
    assert_eq!(canceled.orig_client_order_id, "sell-1");
    let by_id = CancelBy::OrderId(new.order_id.clone());
    let again = orders.cancel_order(cancel("cancel-2", by_id)).await;
    let again = again.expect("a report").into_inner();
    assert_eq!(again.exec_type(), v1::ExecType::CancelRejected);
    assert_eq!(again.reject_reason, "UNKNOWN_ORDER");
    assert_eq!(again.fix_reject_reason, Some(1));
    let nobody = CancelBy::OrigClientOrderId("never".to_owned());
    let error = orders.cancel_order(cancel("cancel-3", nobody)).await;
    assert_eq!(
        error.expect_err("no such order").code(),
        tonic::Code::NotFound
    );
    assert!(book(&house).await.asks.is_empty());
}

#[tokio::test]
async fn a_replace_below_what_traded_cancels() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let sell = limit("sell-1", "A", v1::Side::Sell, "50.00", "300");
    let new = orders.submit_order(sell).await.expect("NEW").into_inner();
    let buy = limit("buy-1", "B", v1::Side::Buy, "50.00", "200");
    orders.submit_order(buy).await.expect("NEW");
    let replace = v1::ReplaceOrderRequest {
        client_order_id: "replace-1".to_owned(),
        account_id: "A".to_owned(),
        order: Some(ReplaceBy::OrderId(new.order_id)),
        quantity: "100".to_owned(),
        ..v1::ReplaceOrderRequest::default()
    };
    let report = orders
        .replace_order(replace)
        .await
        .expect("a report")
        .into_inner();
    assert_eq!(report.exec_type(), v1::ExecType::Canceled);
    assert_eq!(report.cause(), v1::Cause::ReplacedBelowFilled);
    assert_eq!(
        (
            report.cumulative_quantity.as_str(),
            report.leaves_quantity.as_str()
        ),
        ("200", "0")
    );
    assert_eq!(report.average_price, "50.000000");
}

#[tokio::test]
async fn a_batch_answers_each_operation_in_order() {
    use v1::batch_operation::Operation;
    use v1::batch_result::Result as Outcome;
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let operation = |operation| v1::BatchOperation {
        operation: Some(operation),
    };
    let good = limit("b-1", "A", v1::Side::Buy, "49.00", "100");
    let malformed = limit("b-2", "A", v1::Side::Buy, "49.01", "100");
    let rejected = limit("b-3", "A", v1::Side::Buy, "49.00", "0");
    let request = v1::BatchOrdersRequest {
        operations: vec![
            operation(Operation::Submit(good)),
            operation(Operation::Submit(malformed)),
            operation(Operation::Submit(rejected)),
            v1::BatchOperation { operation: None },
        ],
    };
    let results = orders
        .batch_orders(request)
        .await
        .expect("results")
        .into_inner()
        .results;
    let words: Vec<String> = results
        .into_iter()
        .map(|result| match result.result.expect("one of two") {
            Outcome::Report(report) => report.exec_type().as_str_name().to_owned(),
            Outcome::Refusal(refusal) => refusal.field_violations[0].field.clone(),
        })
        .collect();
    let expected = [
        "EXEC_TYPE_NEW",
        "operations[1].submit.price",
        "EXEC_TYPE_REJECTED",
        "operations[3].operation",
    ];
    assert_eq!(words, expected);
    let none = orders.batch_orders(v1::BatchOrdersRequest::default()).await;
    assert_eq!(
        none.expect_err("empty").code(),
        tonic::Code::InvalidArgument
    );
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_said_and_changes_nothing() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let order = limit("dry", "A", v1::Side::Buy, "49.00", "100");
    let said = orders
        .validate_order(order.clone())
        .await
        .expect("an answer")
        .into_inner();
    assert!(said.valid && said.demonstration, "{said:?}");
    let too_much = limit("dry", "A", v1::Side::Buy, "49.00", "1000100");
    let said = orders
        .validate_order(too_much)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(
        (said.valid, said.reject_reason.as_str()),
        (false, "MAX_QUANTITY")
    );
    assert!(book(&house).await.bids.is_empty());
    let new = orders
        .submit_order(order)
        .await
        .expect("the id is still free")
        .into_inner();
    assert!(!new.poss_dup);
    assert_eq!(new.account_sequence, 1);
}

#[tokio::test]
async fn a_mass_cancel_counts_what_it_cancels() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    for (id, side, price) in [
        ("m-1", v1::Side::Buy, "49.00"),
        ("m-2", v1::Side::Buy, "49.05"),
        ("m-3", v1::Side::Sell, "51.00"),
    ] {
        orders
            .submit_order(limit(id, "A", side, price, "100"))
            .await
            .expect("NEW");
    }
    let request = v1::MassCancelRequest {
        client_order_id: "mass".to_owned(),
        account_id: "A".to_owned(),
        side: v1::Side::Buy.into(),
        ..v1::MassCancelRequest::default()
    };
    let first = orders
        .mass_cancel(request.clone())
        .await
        .expect("a report")
        .into_inner();
    assert_eq!((first.canceled_count, first.kept_count), (2, 0));
    assert!(
        first.reject_reason.is_empty() && !first.poss_dup,
        "{first:?}"
    );
    let again = orders
        .mass_cancel(request)
        .await
        .expect("a report")
        .into_inner();
    assert!(again.poss_dup);
    assert_eq!(
        v1::MassCancelReport {
            poss_dup: false,
            ..again
        },
        first
    );
    assert_eq!(book(&house).await.asks.len(), 1);
}

//! For tests: some trading on COAL by the accounts A and B.
//!
//! Invariant: made of unary orders, in order; a round's ids are its own. Not here: expectations.

use proto::v1;

use super::{House, limit};

/// Orders that build a book, trade through it and take some away; the last one's sequence.
pub async fn trade_some(house: &House, round: u32) -> u64 {
    let mut orders = house.orders().await;
    let mut last = 0;
    for number in 0..24_u32 {
        let side = [v1::Side::Buy, v1::Side::Sell][number as usize % 2];
        let away = i64::from(number % 13) * 5;
        let cents = match (side, number % 6) {
            (v1::Side::Buy, 4) => 5_020,
            (v1::Side::Buy, _) => 5_000 - away,
            (_, 5) => 4_980,
            _ => 5_005 + away,
        };
        let price = format!("{}.{:02}", cents / 100, cents % 100);
        let quantity = format!("{}", 100 * (1 + number % 4));
        let account = ["A", "B"][number as usize % 2];
        let id = format!("r{round}-{number}");
        let order = limit(&id, account, side, &price, &quantity);
        let report = orders.submit_order(order).await.expect("NEW").into_inner();
        last = report.engine_sequence;
        if number % 5 == 3 {
            let cancel = v1::CancelOrderRequest {
                client_order_id: format!("c{round}-{number}"),
                account_id: account.to_owned(),
                order: Some(v1::cancel_order_request::Order::OrderId(report.order_id)),
                valid_until: None,
            };
            let report = orders.cancel_order(cancel).await.expect("an answer");
            last = report.into_inner().engine_sequence;
        }
    }
    // Something every depth sees, so that a watcher knows that it is level.
    let order = limit(&format!("t{round}"), "A", v1::Side::Buy, "50.00", "100");
    let report = orders.submit_order(order).await.expect("NEW").into_inner();
    let take = limit(&format!("u{round}"), "B", v1::Side::Sell, "49.00", "100");
    let taken = orders.submit_order(take).await.expect("NEW").into_inner();
    last.max(report.engine_sequence).max(taken.engine_sequence)
}

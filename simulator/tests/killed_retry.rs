//! A unary order whose gateway was killed after the answer: sent again with the same id, it is
//! answered by its first report and never entered twice, with and without `valid_until`.
//!
//! The gateway program is built by the same word that runs the tests; where it is absent, the test
//! says that it was skipped. Not here: retries without a kill (the gateway's own tests).

mod support;

use std::time::{Duration, SystemTime};

use proto::v1::{self, ExecutionReport, Phase, SubmitOrderRequest};
use sanjiang_simulator::{
    client::connect::{Bearer, Connection},
    setup::{Operator, Run, account_id},
};
use support::Gateway;

const PATIENCE: Duration = Duration::from_secs(60);

fn instrument(venue: &str, id: &str) -> v1::CreateInstrumentRequest {
    v1::CreateInstrumentRequest {
        instrument_id: id.to_owned(),
        venue_id: venue.to_owned(),
        name: "retried".to_owned(),
        currency: "CNY".to_owned(),
        unit: "t".to_owned(),
        tick_size: "0.01".to_owned(),
        lot_size: "1".to_owned(),
        price_decimals: 2,
        max_quantity: "1000000".to_owned(),
        price_sign: v1::PriceSign::Positive.into(),
        ..v1::CreateInstrumentRequest::default()
    }
}

fn order(client_order_id: &str, account: &str, instrument: &str) -> SubmitOrderRequest {
    SubmitOrderRequest {
        client_order_id: client_order_id.to_owned(),
        instrument_id: instrument.to_owned(),
        account_id: account.to_owned(),
        side: v1::Side::Buy.into(),
        order_type: v1::OrderType::Limit.into(),
        price: "10.00".to_owned(),
        quantity: "7".to_owned(),
        ..SubmitOrderRequest::default()
    }
}

async fn submit(connection: &Connection, order: &SubmitOrderRequest) -> ExecutionReport {
    let attempt = || {
        let (mut client, order) = (connection.order_entry(), order.clone());
        async move { client.submit_order(order).await }
    };
    connection.persist(attempt).await.unwrap()
}

async fn displayed(connection: &Connection, instrument: &str) -> i64 {
    let request = v1::GetBookSnapshotRequest {
        instrument_id: instrument.to_owned(),
        depth: 1,
    };
    let answer = connection
        .market_data()
        .get_book_snapshot(request)
        .await
        .unwrap();
    answer
        .into_inner()
        .bids
        .iter()
        .map(|level| level.quantity_lots)
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retried_order_is_entered_once_over_a_kill() {
    let Some(program) = support::gateway() else {
        return;
    };
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    let connection = Connection::open(&gateway.target(), Bearer::default(), PATIENCE).unwrap();
    let run = Run::named("retry").unwrap();
    let operator = Operator::new(connection.clone(), run.clone());
    let (venue, traded, firm) = (run.id("v"), run.id("i"), run.id("p"));
    operator.create_venue(&venue, "retried").await.unwrap();
    operator
        .create_instrument(instrument(&venue, &traded))
        .await
        .unwrap();
    operator.create_participant(&firm).await.unwrap();
    operator.create_accounts(&firm, 1).await.unwrap();
    operator
        .set_phase(&venue, Phase::Continuous, 1)
        .await
        .unwrap();
    let account = account_id(&run, 0);
    let remembered = order("plain", &account, &traded);
    let mut bounded = order("bounded", &account, &traded);
    bounded.valid_until = Some((SystemTime::now() + Duration::from_secs(3_600)).into());
    for wanted in [&remembered, &bounded] {
        let first = submit(&connection, wanted).await;
        assert!(
            !first.poss_dup && first.reject_reason.is_empty(),
            "{first:?}"
        );
        gateway.signal("-KILL");
        gateway.again();
        gateway.wait_ready();
        let again = submit(&connection, wanted).await;
        assert!(again.poss_dup, "the retry is known: {again:?}");
        assert_eq!(
            (&again.order_id, &again.exec_id),
            (&first.order_id, &first.exec_id)
        );
        assert_eq!(again.engine_sequence, first.engine_sequence);
    }
    assert_eq!(
        displayed(&connection, &traded).await,
        14,
        "two orders of seven, each once"
    );
    gateway.signal("-TERM");
}

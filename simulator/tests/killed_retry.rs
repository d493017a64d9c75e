//! What was sent before a kill and is sent again after it: a unary order is answered by its first
//! report and never entered twice, with and without `valid_until`; a session's batch that was
//! refused is taken now, one that was taken is a duplicate.
//!
//! The gateway program is built by the same word that runs the tests; where it is absent, a test
//! says that it was skipped. Not here: retries without a kill (the gateway's own tests), kills in
//! the middle of a call (`crash`).

mod support;

use std::time::{Duration, SystemTime};

use proto::v1::{
    self, ExecType, ExecutionReport, Phase, SessionCommand, SubmitOrderRequest,
    session_response::Response,
};
use sanjiang_simulator::{
    client::connect::{Bearer, Connection},
    crash::{live::read_all, wire::Wire},
    load::market,
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

/// Commands of A: one more than a queue of 64 has room for beside the operators' share.
const A: u64 = 61;
/// The number of B, behind A.
const B: u64 = A + 1;

/// An order of a session that trades at once or goes.
fn numbered(number: u64, market: &market::Market) -> SessionCommand {
    SessionCommand {
        client_sequence: number,
        valid_until_ns: 0,
        command: Some(v1::session_command::Command::NewOrder(
            v1::SessionNewOrder {
                account: Some(market.accounts[0].handle),
                instrument: Some(market.named[0].handle),
                side: v1::Side::Buy.into(),
                order_type: v1::OrderType::Limit.into(),
                time_in_force: v1::TimeInForce::Ioc.into(),
                price_ticks: 1,
                quantity_lots: 1,
                ..v1::SessionNewOrder::default()
            },
        )),
    }
}

/// Sends a part of A or B until it is taken: the queue empties meanwhile.
async fn until_taken(wire: &mut Wire, commands: Vec<SessionCommand>) {
    let last = commands.last().unwrap().client_sequence;
    wire.send(commands.clone()).await.unwrap();
    loop {
        let answer = wire.next().await.unwrap();
        if let Response::Reports(reports) = &answer {
            if reports.watermark >= last {
                return;
            }
        } else if matches!(&answer, Response::Refused(refused) if refused.reason == "BUSY") {
            wire.send(commands.clone()).await.unwrap();
        } else {
            panic!("{answer:?}");
        }
    }
}

async fn refused(wire: &mut Wire, commands: Vec<SessionCommand>, reason: &str) {
    wire.send(commands).await.unwrap();
    let answer = wire.next().await.unwrap();
    let Response::Refused(refused) = &answer else {
        panic!("{answer:?}");
    };
    let told = (refused.reason.as_str(), refused.expected_client_sequence);
    assert_eq!(told, (reason, 1));
}

async fn duplicate(wire: &mut Wire, commands: Vec<SessionCommand>) {
    wire.send(commands).await.unwrap();
    let answer = wire.next().await.unwrap();
    let Response::Duplicate(duplicate) = &answer else {
        panic!("{answer:?}");
    };
    assert_eq!(duplicate.watermark, B);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_batch_and_the_one_behind_it_are_each_done_once_over_kills() {
    let Some(program) = support::gateway() else {
        return;
    };
    let mut gateway = Gateway::start_with(&program, &["--queue-commands-max", "64"]);
    gateway.wait_ready();
    let connect = |target: &str| Connection::open(target, Bearer::default(), PATIENCE).unwrap();
    let run = Run::named("refused").unwrap();
    let connection = connect(&gateway.target());
    let market = market::make(&connection, &run).await.unwrap();
    let of = |numbers: std::ops::RangeInclusive<u64>| -> Vec<SessionCommand> {
        numbers.map(|number| numbered(number, &market)).collect()
    };
    let (mut wire, watermark) = Wire::open(&connection, "S", 0).await.unwrap();
    assert_eq!(watermark, 0);
    refused(&mut wire, of(1..=A), "BUSY").await;
    refused(&mut wire, of(B..=B), "SEQUENCE_GAP").await;
    gateway.signal("-KILL");
    gateway.again();
    gateway.wait_ready();
    let connection = connect(&gateway.target());
    let (mut wire, watermark) = Wire::open(&connection, "S", 0).await.unwrap();
    assert_eq!(watermark, 0, "nothing of either was taken");
    until_taken(&mut wire, of(1..=30)).await;
    until_taken(&mut wire, of(31..=A)).await;
    until_taken(&mut wire, of(B..=B)).await;
    gateway.signal("-KILL");
    gateway.again();
    gateway.wait_ready();
    let connection = connect(&gateway.target());
    let (mut wire, watermark) = Wire::open(&connection, "S", B).await.unwrap();
    assert_eq!(watermark, B);
    duplicate(&mut wire, of(31..=A)).await;
    duplicate(&mut wire, of(B..=B)).await;
    let reports = read_all(&connection, &run.id("firm"), B).await.unwrap();
    let entered: Vec<u64> = reports
        .iter()
        .filter(|report| report.exec_type() == ExecType::New)
        .map(|report| report.client_sequence)
        .collect();
    println!("refused {A} and 1, then taken {}", entered.len());
    assert_eq!(entered, (1..=B).collect::<Vec<_>>(), "each once, in order");
    gateway.signal("-TERM");
}

//! Sessions: exactly once, over refusals, reconnects and restarts.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test fails on any other answer"
)]

use crate::support;
use crate::support::{Answer, House, Session, session_order};
use proto::v1;

/// Every report NEW, each number once, in order.
fn assert_new(reports: &[v1::SessionReport], numbers: std::ops::RangeInclusive<u64>) {
    let seen: Vec<u64> = reports
        .iter()
        .map(|report| report.client_sequence)
        .collect();
    assert_eq!(seen, numbers.collect::<Vec<_>>());
    for report in reports {
        assert_eq!(report.exec_type(), v1::ExecType::New, "{report:?}");
    }
}

/// The live orders of account A, as the history has them.
async fn orders_of_a(house: &House) -> usize {
    let request = v1::ListOrdersRequest {
        account_id: "A".to_owned(),
        page_size: 1_000,
        ..v1::ListOrdersRequest::default()
    };
    let listed = house.orders().await.list_orders(request).await;
    listed.expect("a list").into_inner().orders.len()
}

#[tokio::test]
async fn a_refused_batch_refuses_what_is_behind_it_and_both_can_be_sent_again() {
    let house = House::open().await;
    house.with_market().await;
    let (mut session, opened) = Session::opened(&house, "S", 0).await;
    assert_eq!((opened.watermark, opened.credit), (0, 16_384));
    // A is 1 to 4 and malformed; B is 5 to 8 and right, and pipelined behind A.
    let mut wrong: Vec<_> = (1..=4).map(|number| session_order(number, 1_000)).collect();
    wrong[2].command = None;
    session.batch(wrong);
    session.orders(5..=8);
    let refused = session.refused().await;
    assert_eq!(refused.reason, "MALFORMED");
    assert!(refused.text.contains("batch.commands[2]"), "{refused:?}");
    let refused = session.refused().await;
    assert_eq!(refused.reason, "SEQUENCE_GAP");
    assert_eq!(
        (refused.first_client_sequence, refused.last_client_sequence),
        (5, 8)
    );
    assert_eq!(refused.expected_client_sequence, 1);
    session.orders(1..=4);
    session.orders(5..=8);
    assert_new(&session.reports_to(8).await, 1..=8);
    assert_eq!(orders_of_a(&house).await, 8);
}

#[tokio::test]
async fn a_session_goes_on_over_a_reconnect_and_a_restart() {
    let mut house = House::open().await;
    house.with_market().await;
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    session.orders(1..=4);
    assert_new(&session.reports_to(4).await, 1..=4);
    // Refused: B before A. Then the connection is lost.
    session.orders(9..=12);
    assert_eq!(session.refused().await.expected_client_sequence, 5);
    drop(session);
    let (mut session, opened) = Session::opened(&house, "S", 4).await;
    assert_eq!(opened.watermark, 4);
    session.orders(3..=6);
    match session.next_said().await {
        Answer::Duplicate(duplicate) => {
            assert_eq!(
                (duplicate.first_client_sequence, duplicate.watermark),
                (3, 4)
            );
        }
        other => panic!("no duplicate: {other:?}"),
    }
    session.orders(5..=8);
    assert_new(&session.reports_to(8).await, 5..=8);
    house.restart().await;
    let (mut session, opened) = Session::opened(&house, "S", 8).await;
    assert_eq!(opened.watermark, 8);
    session.orders(5..=8);
    assert!(matches!(session.next_said().await, Answer::Duplicate(_)));
    session.orders(9..=12);
    assert_new(&session.reports_to(12).await, 9..=12);
    assert_eq!(orders_of_a(&house).await, 12);
}

#[tokio::test]
async fn the_newest_connection_cuts_the_older_one() {
    let house = House::open().await;
    house.with_market().await;
    let (mut older, _) = Session::opened(&house, "S", 0).await;
    older.orders(1..=100);
    let (mut newer, opened) = Session::opened(&house, "S", 0).await;
    // What the older one had submitted stands before the newer one's opening.
    assert!([0, 100].contains(&opened.watermark), "{opened:?}");
    assert_eq!(older.closed().await, "NEWER_CONNECTION");
    older.orders(101..=101);
    let next = opened.watermark + 1;
    newer.orders(next..=next);
    assert_new(&newer.reports_to(next).await, next..=next);
    assert_eq!(orders_of_a(&house).await as u64, next);
}

#[tokio::test]
async fn a_session_that_is_not_known_is_refused_and_never_begun_again() {
    let house = House::open().await;
    house.with_market().await;
    let mut session = Session::open(&house, "LOST", 7).await;
    assert_eq!(session.closed().await, "UNKNOWN_SESSION");
    let mut session = Session::open(&house, "LOST", 7).await;
    assert_eq!(session.closed().await, "UNKNOWN_SESSION");
    let (_, opened) = Session::opened(&house, "LOST", 0).await;
    assert_eq!(opened.watermark, 0);
}

#[tokio::test]
async fn the_first_message_opens_and_no_later_one_does() {
    let house = House::open().await;
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    session
        .send
        .send(support::open_request("S", 0))
        .expect("a channel");
    assert_eq!(session.closed().await, "NOT_OPENED");
    let mut nameless = Session::open(&house, "", 0).await;
    let error = nameless.answers.message().await.expect_err("no name");
    assert_eq!(error.code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn sending_past_the_credit_closes_and_a_batch_too_large_is_refused() {
    let house = House::open().await;
    house.with_market().await;
    let (mut session, opened) = Session::opened(&house, "S", 0).await;
    session.orders(1..=4_097);
    assert_eq!(session.refused().await.reason, "BATCH_TOO_LARGE");
    match session.next().await {
        Answer::Credit(credit) => assert_eq!(credit.commands, 4_097),
        other => panic!("no credit: {other:?}"),
    }
    // One batch larger than all credit, in one message.
    let more = u64::from(opened.credit) + 1;
    let empty = |number| v1::SessionCommand {
        client_sequence: number,
        ..v1::SessionCommand::default()
    };
    session.batch((1..=more).map(empty).collect());
    assert_eq!(session.closed().await, "CREDIT_EXCEEDED");
}

/// A new order, one of an unknown instrument, one that rests, a mass cancel, and a stale one.
fn five_kinds() -> Vec<v1::SessionCommand> {
    use v1::session_command::Command;
    let mut unknown = session_order(2, 1_000);
    if let Some(Command::NewOrder(order)) = &mut unknown.command {
        order.instrument = Some(77);
    }
    let mass = v1::SessionCommand {
        client_sequence: 4,
        command: Some(Command::MassCancel(v1::SessionMassCancel {
            account: Some(0),
            ..v1::SessionMassCancel::default()
        })),
        valid_until_ns: 0,
    };
    let stale = v1::SessionCommand {
        valid_until_ns: 1,
        ..session_order(5, 1_000)
    };
    let (takes, rests) = (session_order(1, 1_000), session_order(3, 999));
    vec![takes, unknown, rests, mass, stale]
}

/// All that the next messages report up to number 5, as one message.
async fn reports_to_five(session: &mut Session) -> v1::SessionReports {
    let mut all = v1::SessionReports::default();
    while all.watermark < 5 {
        let Answer::Reports(more) = session.next_said().await else {
            panic!("no reports");
        };
        let before = all.reports.len() as u32;
        for mut words in more.reject_words {
            words.report += before;
            all.reject_words.push(words);
        }
        all.reports.extend(more.reports);
        all.mass_cancels.extend(more.mass_cancels);
        all.watermark = more.watermark;
    }
    all
}

#[tokio::test]
async fn a_session_reports_trades_rejects_and_mass_cancels_of_its_account() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let resting = support::limit("rest", "B", v1::Side::Sell, "50.00", "200");
    orders.submit_order(resting).await.expect("a resting order");
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    session.batch(five_kinds());
    let all = reports_to_five(&mut session).await;
    let kinds: Vec<_> = all
        .reports
        .iter()
        .map(|report| (report.client_sequence, report.exec_type()))
        .collect();
    // The third order bids 999 ticks and does not reach the ask.
    let expected = [
        (1, v1::ExecType::New),
        (1, v1::ExecType::Trade),
        (2, v1::ExecType::Rejected),
        (3, v1::ExecType::New),
        (4, v1::ExecType::Canceled),
        (5, v1::ExecType::Rejected),
    ];
    assert_eq!(kinds, expected);
    let trade = &all.reports[1];
    let figures = (trade.last_ticks, trade.last_lots, trade.price_ticks);
    assert_eq!(figures, (1_000, 1, 1_000));
    assert_eq!(trade.liquidity(), v1::Liquidity::Removed);
    assert_eq!(trade.order_status(), v1::OrderStatus::Filled);
    let accepted = all.reports.iter().filter(|report| report.reject_code == 0);
    assert!(accepted.clone().count() == 4 && accepted.clone().all(|r| r.demonstration));
    let reasons: Vec<_> = all
        .reject_words
        .iter()
        .map(|words| (words.report, words.reject_reason.as_str()))
        .collect();
    assert_eq!(reasons, [(2, "UNKNOWN_INSTRUMENT"), (5, "STALE_REQUEST")]);
    let mass = &all.mass_cancels[0];
    assert_eq!((mass.client_sequence, mass.canceled_count), (4, 1));
    assert_eq!(all.reports[4].cause(), v1::Cause::MassCancel);
}

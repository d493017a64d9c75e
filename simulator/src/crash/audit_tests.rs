//! The audit objects to what must never be: an order lost, doubled or altered, an execution done
//! twice, a trade with one side.
//!
//! Each test takes a sound stream and spoils one thing. Not here: streams of a real gateway
//! (`tests/crash.rs`).

use super::super::ledger::Sent;
use super::*;
use proto::v1::OrderStatus;

/// A stream of two orders that trade with each other, and a cancel that comes too late.
fn stream() -> Vec<ExecutionReport> {
    let order = |number: u64, account: &str, client_order_id: &str| ExecutionReport {
        participant_sequence: number,
        account_sequence: 1,
        account_id: account.to_owned(),
        exec_id: format!("0-1-{number}-0"),
        order_id: format!("{number}-0"),
        client_order_id: client_order_id.to_owned(),
        exec_type: ExecType::New.into(),
        order_status: OrderStatus::New.into(),
        order_quantity: "5".to_owned(),
        cumulative_quantity: "0".to_owned(),
        leaves_quantity: "5".to_owned(),
        ..ExecutionReport::default()
    };
    let traded = |number: u64, of: ExecutionReport, side: Side| ExecutionReport {
        participant_sequence: number,
        account_sequence: 2,
        exec_id: format!("0-1-{number}-0"),
        exec_type: ExecType::Trade.into(),
        order_status: OrderStatus::Filled.into(),
        side: side.into(),
        trade_id: "0-1-2-0".to_owned(),
        last_price: "7".to_owned(),
        last_quantity: "5".to_owned(),
        cumulative_quantity: "5".to_owned(),
        leaves_quantity: "0".to_owned(),
        ..of
    };
    let late = ExecutionReport {
        participant_sequence: 5,
        account_sequence: 3,
        account_id: "a".to_owned(),
        exec_id: "0-1-5-0".to_owned(),
        order_id: "1-0".to_owned(),
        client_order_id: "late".to_owned(),
        exec_type: ExecType::CancelRejected.into(),
        reject_reason: "UNKNOWN_ORDER".to_owned(),
        ..ExecutionReport::default()
    };
    vec![
        order(1, "a", "buy"),
        order(2, "b", "sell"),
        traded(3, order(1, "a", "buy"), Side::Buy),
        traded(4, order(2, "b", "sell"), Side::Sell),
        late,
    ]
}

fn key(id: &str) -> Key {
    Key::Request(id.to_owned())
}

/// The ledger of clients that were told the first answers of this stream.
fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    let stream = stream();
    for (id, asked, place) in [
        ("buy", Asked::New, 0),
        ("sell", Asked::New, 1),
        ("late", Asked::Cancel, 4),
    ] {
        ledger.memory.asks(&key(id), asked);
        ledger.answered(&key(id), Sent::Once, &stream[place]);
    }
    ledger
}

fn audit(stream: &[ExecutionReport], ledger: &Ledger) -> Found {
    let words = Words::default();
    let mut audit = Audit::new(
        ledger,
        Commands::OfLedger,
        &words,
        ledger.memory.last_told(),
    );
    for report in stream {
        audit.take(report);
    }
    audit.finish(When::AtEnd)
}

fn objects(stream: &[ExecutionReport], ledger: &Ledger, words: &str) {
    let found = audit(stream, ledger).faults;
    assert!(found.count > 0, "no objection");
    let named = found.first.iter().any(|what| what.contains(words));
    assert!(named, "{words}: {:#?}", found.first);
}

/// The same stream with one report changed.
fn spoiled(place: usize, spoil: impl Fn(&mut ExecutionReport)) -> Vec<ExecutionReport> {
    let mut stream = stream();
    spoil(&mut stream[place]);
    stream
}

#[test]
fn a_sound_stream_is_passed() {
    let found = audit(&stream(), &ledger());
    assert_eq!(found.faults.count, 0, "{:#?}", found.faults.first);
    assert_eq!((found.reports, found.trades), (5, 1));
}

#[test]
fn a_lost_order_at_the_end_of_the_stream_is_found() {
    objects(&stream()[..4], &ledger(), "report 5 is lost");
    objects(&[], &ledger(), "report 1 is lost");
}

#[test]
fn a_lost_order_in_the_middle_whose_place_was_taken_is_found() {
    let mut stream = stream();
    stream.remove(1);
    objects(&stream, &ledger(), "report 3 came where 2 was due");
    let closed = |report: &mut ExecutionReport| report.exec_id = "0-1-9-0".to_owned();
    objects(&spoiled(1, closed), &ledger(), "the client was told");
}

#[test]
fn an_order_carried_out_twice_is_found() {
    let mut stream = stream();
    let mut again = stream[0].clone();
    again.participant_sequence = 6;
    again.account_sequence = 4;
    again.exec_id = "0-1-6-0".to_owned();
    again.order_id = "6-0".to_owned();
    stream.push(again);
    objects(&stream, &ledger(), "was carried out 2 times");
}

#[test]
fn an_execution_that_comes_twice_is_found() {
    let twice = |report: &mut ExecutionReport| report.exec_id = "0-1-3-0".to_owned();
    objects(
        &spoiled(3, twice),
        &ledger(),
        "execution 0-1-3-0 came twice",
    );
}

#[test]
fn one_changed_byte_is_found() {
    let other = |report: &mut ExecutionReport| report.text = "x".to_owned();
    objects(&spoiled(1, other), &ledger(), "the client was told");
    let marked = |report: &mut ExecutionReport| report.poss_dup = true;
    objects(&spoiled(1, marked), &ledger(), "the client was told");
}

#[test]
fn quantities_that_do_not_add_up_are_found() {
    let less = |report: &mut ExecutionReport| report.cumulative_quantity = "4".to_owned();
    objects(&spoiled(2, less), &ledger(), "by its trades it is 5");
    let left = |report: &mut ExecutionReport| report.leaves_quantity = "1".to_owned();
    objects(&spoiled(2, left), &ledger(), "1 left");
}

#[test]
fn a_trade_with_one_side_or_two_that_differ_is_found() {
    let dearer = |report: &mut ExecutionReport| report.last_price = "8".to_owned();
    objects(&spoiled(3, dearer), &ledger(), "do not agree");
    let other = |report: &mut ExecutionReport| report.trade_id = "0-1-9-0".to_owned();
    objects(&spoiled(3, other), &ledger(), "2 trades have only one side");
}

#[test]
fn what_nobody_asked_for_and_what_nobody_answered_is_found() {
    let foreign = |report: &mut ExecutionReport| report.client_order_id = "x".to_owned();
    objects(&spoiled(4, foreign), &ledger(), "never asked so");
    let mut waiting = ledger();
    waiting.memory.asks(&key("open"), Asked::New);
    objects(&stream(), &waiting, "was never answered");
    let mut settled = ledger();
    settled
        .memory
        .asks(&Key::Session("s".to_owned(), 1), Asked::New);
    settled.memory.settled(Key::Session("s".to_owned(), 1));
    objects(&stream(), &settled, "was done, now nothing answers it");
}

#[test]
fn a_gap_in_the_numbers_of_an_account_is_found() {
    let skipped = |report: &mut ExecutionReport| report.account_sequence = 4;
    objects(
        &spoiled(4, skipped),
        &ledger(),
        "of account a came where 3 was due",
    );
}

/// What a session says of a report in words.
fn in_numbers() -> (ExecutionReport, SessionReport, Words) {
    let words = Words {
        accounts: HashMap::from([("a".to_owned(), 7)]),
        instruments: HashMap::from([("i".to_owned(), (3, Decimal::new(1, 2), Decimal::ONE))]),
    };
    let mut report = stream().remove(2);
    report.participant_sequence = 1;
    report.account_sequence = 1;
    report.instrument_id = "i".to_owned();
    report.session_id = "s".to_owned();
    report.client_sequence = 1;
    report.price = "7.01".to_owned();
    report.last_price = "7.00".to_owned();
    report.transact_time = Some(prost_types::Timestamp {
        seconds: 2,
        nanos: 5,
    });
    let numbers = SessionReport {
        client_sequence: 1,
        exec_type: ExecType::Trade.into(),
        order_status: OrderStatus::Filled.into(),
        order_sequence: 1,
        account: 7,
        instrument: 3,
        side: Side::Buy.into(),
        price_ticks: 701,
        cumulative_lots: 5,
        account_sequence: 1,
        participant_sequence: 1,
        transact_time_ns: 2_000_000_005,
        last_ticks: 700,
        last_lots: 5,
        ..SessionReport::default()
    };
    (report, numbers, words)
}

#[test]
fn what_a_session_told_in_numbers_is_compared_too() {
    let (report, numbers, words) = in_numbers();
    let faults = |numbers: &SessionReport| {
        let mut ledger = Ledger::default();
        ledger.seen_in_session(numbers);
        let mut audit = Audit::new(&ledger, Commands::OfReplay, &words, 1);
        audit.take(&report);
        audit.finish(When::Between).faults
    };
    assert_eq!(faults(&numbers).count, 0, "{:#?}", faults(&numbers).first);
    let wrong = SessionReport {
        last_ticks: 701,
        ..numbers
    };
    assert_eq!(faults(&wrong).count, 1);
}

//! The memory of a Session: numbers, credit, refusals, reconnects.

use super::*;
use proto::v1::SessionMassCancel;

fn command(token: u64) -> Outgoing {
    Outgoing {
        token,
        command: session_command::Command::MassCancel(SessionMassCancel::default()),
        valid_until_ns: 0,
    }
}

fn window(refusals: Refusals, credit: u32, commands: u64) -> Window {
    let mut window = Window::new(refusals);
    assert!(window.opened(0, credit).unwrap().is_empty());
    (1..=commands).for_each(|token| window.push(command(token)));
    window
}

fn numbers(batch: Option<SessionBatch>) -> Vec<u64> {
    batch
        .map(|batch| batch.commands.iter().map(|c| c.client_sequence).collect())
        .unwrap_or_default()
}

fn refusal(first: u64, last: u64, reason: &str) -> SessionRefused {
    SessionRefused {
        first_client_sequence: first,
        last_client_sequence: last,
        reason: reason.to_owned(),
        ..SessionRefused::default()
    }
}

fn durable(watermark: u64) -> SessionReports {
    SessionReports {
        watermark,
        ..SessionReports::default()
    }
}

#[test]
fn nothing_is_sent_past_the_credit() {
    let now = Instant::now();
    let mut window = window(Refusals::Resend, 3, 5);
    assert_eq!(numbers(window.next_batch(now)), [1, 2, 3]);
    assert_eq!(numbers(window.next_batch(now)), Vec::<u64>::new());
    window.add_credit(1);
    assert_eq!(numbers(window.next_batch(now)), [4]);
}

#[test]
fn a_batch_is_bounded() {
    let mut window = window(Refusals::Resend, 100_000, 5_000);
    assert_eq!(numbers(window.next_batch(Instant::now())).len(), 4_096);
    assert_eq!(numbers(window.next_batch(Instant::now())).len(), 904);
}

#[test]
fn a_refused_batch_and_all_behind_it_are_sent_again_once() {
    let now = Instant::now();
    let mut window = window(Refusals::Resend, 2, 4);
    assert_eq!(numbers(window.next_batch(now)), [1, 2]);
    window.add_credit(2);
    assert_eq!(numbers(window.next_batch(now)), [3, 4]);
    window.add_credit(4);
    window.refused(refusal(1, 2, "BUSY"), now).unwrap();
    assert!(!window.is_ready(now), "3 and 4 are still under way");
    window.refused(refusal(3, 4, "SEQUENCE_GAP"), now).unwrap();
    assert_eq!(numbers(window.next_batch(now)), [1, 2, 3, 4]);
}

#[test]
fn an_open_loop_gives_refused_commands_up_and_uses_their_numbers_again() {
    let now = Instant::now();
    let mut window = window(Refusals::Drop, 10, 2);
    assert_eq!(numbers(window.next_batch(now)), [1, 2]);
    assert_eq!(window.refused(refusal(1, 2, "BUSY"), now).unwrap(), [1, 2]);
    window.push(command(7));
    assert_eq!(numbers(window.next_batch(now)), [1]);
    let report = SessionReport {
        client_sequence: 1,
        ..SessionReport::default()
    };
    let message = SessionReports {
        reports: vec![report],
        ..durable(1)
    };
    let reported = window.reports(message).unwrap();
    assert!(reported.settled.is_empty());
    assert_eq!(reported.answers.first().map(|answer| answer.token), Some(7));
    assert!(window.is_empty());
}

#[test]
fn a_new_connection_settles_what_is_durable_and_sends_the_rest_again() {
    let now = Instant::now();
    let mut window = window(Refusals::Resend, 10, 5);
    assert_eq!(numbers(window.next_batch(now)), [1, 2, 3, 4, 5]);
    window.reports(durable(1)).unwrap();
    assert_eq!(window.opened(3, 10).unwrap(), [2, 3]);
    assert_eq!(numbers(window.next_batch(now)), [4, 5]);
}

#[test]
fn a_gateway_that_forgot_or_knows_more_is_an_error() {
    let mut window = window(Refusals::Resend, 10, 2);
    window.next_batch(Instant::now());
    window.reports(durable(2)).unwrap();
    let lost = window.opened(1, 10).unwrap_err();
    assert!(matches!(lost, SessionError::Lost { .. }), "{lost}");
    let foreign = window.opened(9, 10).unwrap_err();
    assert!(matches!(foreign, SessionError::Foreign { .. }), "{foreign}");
}

#[test]
fn a_partly_repeated_batch_sends_its_new_part_again() {
    let now = Instant::now();
    let mut window = window(Refusals::Resend, 10, 4);
    window.next_batch(now);
    assert_eq!(window.duplicate(1, 2).unwrap(), [1, 2]);
    assert_eq!(numbers(window.next_batch(now)), [3, 4]);
}

#[test]
fn a_batch_that_can_never_be_taken_ends_the_session() {
    let now = Instant::now();
    let mut window = window(Refusals::Resend, 10, 1);
    window.next_batch(now);
    let error = window.refused(refusal(1, 1, "MALFORMED"), now).unwrap_err();
    assert!(matches!(error, SessionError::Refused { .. }), "{error}");
}

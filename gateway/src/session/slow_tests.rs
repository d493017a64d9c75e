//! Slow readers of a session, without a network: what waits is bounded, whatever it is.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use proto::v1;
use tokio_stream::Stream as _;
use v1::session_response::Response as Wire;

use super::backlog::Backlog;
use super::connection::{Connection, LINES_QUEUED_MAX, Outbound};
use crate::replies::SessionDelivery;
use crate::telemetry::Telemetry;

/// `count` reports of one command each.
fn reports(count: usize) -> SessionDelivery {
    SessionDelivery {
        reports: v1::SessionReports {
            reports: vec![v1::SessionReport::default(); count],
            ..v1::SessionReports::default()
        },
        commands: count as u32,
    }
}

async fn next(outbound: &mut Outbound) -> Option<Wire> {
    let polled = poll_fn(|context: &mut Context<'_>| Pin::new(&mut *outbound).poll_next(context));
    let message = polled.await?;
    message.expect("no error").response
}

/// Every message that is there, the last of them the reason of the end.
async fn all(outbound: &mut Outbound) -> (usize, String) {
    let mut before = 0;
    loop {
        match next(outbound).await.expect("a reason comes last") {
            Wire::Closed(closed) => {
                assert!(next(outbound).await.is_none(), "nothing follows");
                return (before, closed.reason);
            }
            Wire::Opened(_)
            | Wire::Reports(_)
            | Wire::Refused(_)
            | Wire::Duplicate(_)
            | Wire::Credit(_) => before += 1,
        }
    }
}

/// A connection whose reader never reads, told `say` until it is closed; how often.
fn until_cut(say: impl Fn(&Connection)) -> (usize, Outbound, Arc<Backlog>) {
    let backlog = Arc::new(Backlog::of(usize::MAX));
    let (connection, outbound) = Connection::begin(1, &backlog);
    let mut times = 0;
    while backlog.cut() == 0 {
        say(&connection);
        times += 1;
        assert!(times <= LINES_QUEUED_MAX + 1, "it is never cut");
        assert!(
            connection.lines() <= LINES_QUEUED_MAX,
            "more waits than may"
        );
    }
    (times, outbound, backlog)
}

#[tokio::test]
async fn reports_that_are_not_read_are_bounded_and_dropped_at_the_cut() {
    let telemetry = Telemetry::default();
    let (times, mut outbound, backlog) =
        until_cut(|connection| connection.deliver(reports(4_096), &telemetry));
    println!(
        "cut at {times} x 4096 reports; {} lines wait",
        backlog.lines()
    );
    assert_eq!(times, LINES_QUEUED_MAX / 4_096 + 1);
    assert_eq!(backlog.lines(), 1, "the reason waits, nothing else");
    assert_eq!(all(&mut outbound).await, (0, "SLOW_CONSUMER".to_owned()));
    drop(outbound);
    assert_eq!(backlog.lines(), 0);
}

#[tokio::test]
async fn duplicates_that_are_not_read_are_bounded_although_their_credit_comes_back() {
    // Each answer is two messages without a report; the client's credit never runs out.
    let (times, mut outbound, _) = until_cut(|connection| connection.duplicate(1, 1));
    assert_eq!(times, LINES_QUEUED_MAX / 2 + 1);
    assert_eq!(all(&mut outbound).await, (0, "SLOW_CONSUMER".to_owned()));
}

#[tokio::test]
async fn refusals_that_are_not_read_are_bounded_although_their_credit_comes_back() {
    let (times, mut outbound, _) =
        until_cut(|connection| connection.refuse(v1::SessionRefused::default(), 1));
    assert_eq!(times, LINES_QUEUED_MAX / 2 + 1);
    assert_eq!(all(&mut outbound).await, (0, "SLOW_CONSUMER".to_owned()));
}

#[tokio::test]
async fn mass_cancels_of_nothing_that_are_not_read_are_bounded() {
    let telemetry = Telemetry::default();
    let nothing = || SessionDelivery {
        reports: v1::SessionReports {
            mass_cancels: vec![v1::SessionMassCancelReport::default()],
            ..v1::SessionReports::default()
        },
        commands: 1,
    };
    let (times, _outbound, _) = until_cut(|connection| connection.deliver(nothing(), &telemetry));
    assert_eq!(times, LINES_QUEUED_MAX + 1);
}

#[tokio::test]
async fn past_the_bound_of_all_those_who_do_not_read_are_cut_and_no_one_else() {
    let telemetry = Telemetry::default();
    let backlog = Arc::new(Backlog::of(1_000));
    let dead: Vec<_> = (0..10)
        .map(|number| Connection::begin(number, &backlog))
        .collect();
    let (good, mut reads) = Connection::begin(10, &backlog);
    let (mut highest, mut read) = (0, 0);
    for _ in 0..100 {
        for (connection, _) in &dead {
            connection.deliver(reports(30), &telemetry);
        }
        // The largest of all messages, and still the youngest.
        good.deliver(reports(700), &telemetry);
        highest = highest.max(backlog.lines());
        while good.lines() > 0 {
            let Some(Wire::Reports(more)) = next(&mut reads).await else {
                panic!("the one that reads was cut");
            };
            read += more.reports.len();
        }
    }
    println!(
        "cut {} of 10, at most {highest} lines waited",
        backlog.cut()
    );
    assert_eq!(read, 100 * 700);
    assert!(highest <= 1_000 + 10, "bound of all: {highest}");
    assert!(backlog.cut() > 0);
    for (_, mut outbound) in dead.into_iter().take(backlog.cut() as usize) {
        assert_eq!(all(&mut outbound).await.1, "SLOW_CONSUMER");
    }
}

#[tokio::test]
async fn what_a_closed_connection_holds_counts_and_is_dropped_for_the_others() {
    let telemetry = Telemetry::default();
    let backlog = Arc::new(Backlog::of(1_000));
    // A session opened again and again, no connection of it ever read to its end.
    let unread: Vec<_> = (0..100)
        .map(|number| {
            let (connection, outbound) = Connection::begin(number, &backlog);
            connection.deliver(reports(100), &telemetry);
            connection.close(None);
            outbound
        })
        .collect();
    assert!(backlog.lines() <= 1_000, "{} lines", backlog.lines());
    drop(unread);
    assert_eq!(backlog.lines(), 0);
}

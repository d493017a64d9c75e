//! What a client that had seen the lost part is told when it comes back after an accepted loss.
//!
//! Not here: the acts themselves, and what is kept (`acts`).

#![allow(clippy::disallowed_methods)] // a test may read files

use crate::support::folders::{Case, Cut, run, serve};
use crate::support::trading::{Client, ORDERS, more, traded};
use crate::support::{Answer, Session, make_market};
use proto::v1;
use v1::stream_executions_request::Owner;

#[tokio::test]
async fn a_session_is_told_where_it_stands_in_which_epoch_and_sends_the_lost_part_again() {
    const SENT: u64 = 40;
    let case = Case::new();
    let mut program = serve(&case.data(), &[]).expect("it starts");
    make_market(program.channel().await).await;
    let mut session = Session::over(program.channel().await, "S", 0).await;
    let Answer::Opened(opened) = session.next().await else {
        panic!("not opened")
    };
    assert_eq!((opened.watermark, opened.epoch), (0, 1));
    let mut before = Vec::new();
    for number in 1..=SENT {
        session.orders(number..=number);
        before.extend(session.reports_to(number).await);
    }
    program.kill();
    let (first, last) = case.damage(Cut::Short, 12);
    let kept = before.iter().filter(|one| one.engine_sequence < first);
    let kept = kept.count() as u64;
    let (from, words) = (
        first.to_string(),
        ["--reason", "a disk", "--approver", "Li"],
    );
    let words = [&["--from", &from][..], &words].concat();
    let (status, said) = run(&["journal", "accept-loss"], &case.data(), &words);
    assert_eq!(status, 0, "{said}");
    let program = serve(&case.data(), &[]).expect("it starts");
    // It says that it knows of more than there is; the answer names where to go on, and the epoch.
    let mut session = Session::over(program.channel().await, "S", SENT).await;
    let Answer::Opened(opened) = session.next().await else {
        panic!("not opened")
    };
    assert_eq!((opened.watermark, opened.epoch), (kept, 2));
    assert!(0 < kept && kept < SENT && opened.durable_sequence > last);
    // Who goes on as if nothing had happened is refused, not taken with a gap.
    session.orders(SENT + 1..=SENT + 1);
    let refused = session.refused().await;
    assert_eq!(refused.reason, "SEQUENCE_GAP");
    assert_eq!(refused.expected_client_sequence, kept + 1);
    session.orders(kept + 1..=SENT);
    let again = session.reports_to(SENT).await;
    assert_eq!(again.len() as u64, SENT - kept);
    assert!(again.iter().all(|one| one.engine_sequence > last));
    println!("{SENT} commands, {kept} kept, {} sent again", again.len());
}

#[tokio::test]
async fn a_stream_of_reports_counts_on_from_what_is_kept_and_no_execution_is_named_twice() {
    let case = Case::new();
    let mut before = traded(&case.data(), false, &[]).await;
    before.program.kill();
    let (first, _) = case.damage(Cut::Short, 30);
    let (from, words) = (
        first.to_string(),
        ["--reason", "a disk", "--approver", "Li"],
    );
    let words = [&["--from", &from][..], &words].concat();
    let (status, said) = run(&["journal", "accept-loss"], &case.data(), &words);
    assert_eq!(status, 0, "{said}");
    let program = serve(&case.data(), &[]).expect("it starts");
    let mut client = Client::of(&program).await;
    let seen = &before.told.reports[0];
    let lost = seen
        .iter()
        .filter(|one| one.engine_sequence >= first)
        .count();
    assert!(lost > 0);
    // One that had seen the lost reports asks for the next: it does not exist, so it waits.
    let next = seen.len() as u64 + 1;
    let request = v1::StreamExecutionsRequest {
        owner: Some(Owner::AccountId("A".to_owned())),
        from_sequence: next,
    };
    let stream = client.0.stream_executions(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    // What the start itself journals may still be on its way into the history.
    loop {
        let message = stream.message().await.expect("no error").expect("goes on");
        assert!(message.reports.is_empty());
        if message.caught_up {
            break;
        }
    }
    more(&mut client, ORDERS..ORDERS + 100).await;
    let mut waited = Vec::new();
    while waited.is_empty() {
        let message = stream.message().await.expect("no error").expect("goes on");
        waited.extend(message.reports);
    }
    assert_eq!(waited[0].account_sequence, next);
    // The numbers of the lost ones are given again, to others: the names tell them apart.
    let now = client.told().await.reports.swap_remove(0);
    let (mut same, mut other) = (0, 0);
    for (old, new) in seen.iter().zip(&now) {
        assert_eq!(old.account_sequence, new.account_sequence);
        if old.engine_sequence < first {
            assert_eq!(old, new);
            same += 1;
        } else {
            assert!(now.iter().all(|one| one.exec_id != old.exec_id), "{old:?}");
            other += 1;
        }
    }
    assert_eq!((same + other, other), (seen.len(), lost));
    println!("{same} reports as they were, {other} numbers given to others");
}

//! The runtime on a journal in memory: what is released, in which order, and what a fault does.
//!
//! Not here: the disk (`durability`), the rules of trading.

#![allow(clippy::disallowed_methods)] // a test may read files

use crate::support;
use std::sync::{Arc, Mutex, mpsc};

use crate::support::{
    BEGIN, PATIENCE, config, flow, internal, keeper, market, market_under, order, submit,
};
use sanjiang_engine::command::{AcceptClock, Body};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::journal::memory::MemoryJournal;
use sanjiang_engine::journal::record;
use sanjiang_engine::runtime::{
    ClockStatus, Config, Fatal, Handle, MissingRange, Refused, Runtime, StartError, StopError,
    Submission, Ticket,
};
use sanjiang_engine::types::{Nanoseconds, Sequence, Side, Time, TimeInForce};
use sanjiang_engine::venue::Regime;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn everything_submitted_is_released_once_and_in_order_and_comes_back_after_a_restart() {
    let folder = folder();
    let journal = MemoryJournal::new();
    let (config_one, _) = config(folder.path());
    let (sink, watcher) = keeper(u64::MAX);
    let (runtime, recovered) = Runtime::start_on(&config_one, &journal, sink).expect("started");
    assert_eq!(recovered.last, Sequence::ZERO);
    let handle = runtime.handle();
    submit(&handle, 1, &market());
    for index in 0..500 {
        let four: Vec<_> = (0..4).map(|at| flow(index * 4 + at)).collect();
        submit(&handle, 100 + index, &four);
    }
    let stopped = runtime.stop().expect("clean");
    let count = 1 + market().len() as u64 + 2_000;
    assert_eq!(stopped.last.value(), count);
    assert_eq!(stopped.snapshot.value(), count);
    let released = watcher.released();
    let sequences: Vec<_> = released.iter().map(|seen| seen.sequence.value()).collect();
    assert_eq!(sequences, (1..=count).collect::<Vec<_>>());
    assert_eq!(
        released[0].body,
        Body::SemanticsVersion(sanjiang_engine::SEMANTICS_VERSION)
    );
    assert_eq!(released[0].ticket, None);
    let tickets: Vec<_> = released[1..].iter().map(|seen| seen.ticket).collect();
    let expected = std::iter::repeat_n(1, market().len());
    let expected = expected.chain((0..500).flat_map(|index| [100 + index; 4]));
    assert_eq!(
        tickets,
        expected.map(|n| Some(Ticket(n))).collect::<Vec<_>>()
    );

    let (config_two, _) = config(folder.path());
    let (sink, watcher) = keeper(0);
    let (runtime, recovered) = Runtime::start_on(&config_two, &journal, sink).expect("started");
    assert_eq!(recovered.last.value(), count);
    assert_eq!(
        recovered.from_snapshot,
        Sequence::ZERO,
        "the sink wants all of it"
    );
    assert_eq!(recovered.replayed, count);
    watcher.wait(count + 2);
    let record = watcher.record.lock().expect("whole");
    let without_tickets = |mut seen: support::Seen| {
        seen.ticket = None;
        seen
    };
    let expected: Vec<_> = released.into_iter().map(without_tickets).collect();
    assert_eq!(record.replayed, expected);
    let (at, epoch, _) = record.recovered[0];
    assert_eq!((at.value(), epoch), (count, 1));
    assert!(matches!(record.released[0].body, Body::ServiceGap(_)));
    assert_eq!(record.released[1].body, Body::SessionsLost);
    drop(record);
    runtime.stop().expect("clean");
}

/// A configuration whose faults are told to the receiver instead of ending the process.
fn told(config: &mut Config) -> mpsc::Receiver<Fatal> {
    let (tell, hear) = mpsc::channel();
    let tell = Mutex::new(tell);
    config.on_fatal = Arc::new(move |fatal| {
        // A test that went away has heard enough.
        let _ = tell.lock().expect("whole").send(fatal.clone());
    });
    hear
}

#[test]
fn after_a_failed_append_nothing_is_released_and_nothing_is_taken() {
    let folder = folder();
    let journal = MemoryJournal::new();
    let (mut config, _) = config(folder.path());
    let hear = told(&mut config);
    let (sink, watcher) = keeper(u64::MAX);
    let (runtime, _) = Runtime::start_on(&config, &journal, sink).expect("started");
    let handle = runtime.handle();
    submit(&handle, 1, &market());
    let last = 1 + market().len() as u64;
    watcher.wait(last);
    journal.fail_after(Some(0));
    submit(&handle, 2, &[flow(1)]);
    let fatal = hear.recv_timeout(PATIENCE).expect("a fault");
    let first = Sequence::new(last + 1);
    assert!(
        matches!(&fatal, Fatal::Journal { first: at, .. } if *at == first),
        "{fatal}"
    );
    let refused = handle.submit(Submission {
        ticket: Ticket(3),
        commands: vec![flow(2)],
    });
    assert_eq!(refused, Err(Refused::Stopping));
    assert!(matches!(runtime.stop(), Err(StopError::Faulted(_))));
    assert_eq!(watcher.released().len() as u64, last);
    assert_eq!(hear.try_iter().count(), 0, "one fault is told once");
    assert_eq!(
        journal.firsts().last().map(|at| at.value() <= last),
        Some(true)
    );
}

#[test]
fn a_full_queue_refuses_the_whole_submission() {
    let folder = folder();
    let (mut config, _) = config(folder.path());
    config.queue_commands_max = 10;
    let (sink, watcher) = keeper(u64::MAX);
    let started = Runtime::start_on(&config, &MemoryJournal::new(), sink);
    let (runtime, _) = started.expect("started");
    let handle = runtime.handle();
    let many = |count: usize| Submission {
        ticket: Ticket(7),
        commands: vec![flow(0); count],
    };
    assert_eq!(handle.submit(many(11)), Err(Refused::Full));
    assert_eq!(handle.submit(many(10)), Ok(()));
    watcher.wait(11);
    assert_eq!(handle.submit(many(0)), Ok(()));
    runtime.stop().expect("clean");
    assert_eq!(watcher.released().len(), 11);
    assert_eq!(handle.submit(many(1)), Err(Refused::Stopping));
}

#[test]
fn a_dry_run_is_answered_and_not_journaled() {
    let folder = folder();
    let (config, _) = config(folder.path());
    let (sink, watcher) = keeper(u64::MAX);
    let started = Runtime::start_on(&config, &MemoryJournal::new(), sink);
    let (runtime, _) = started.expect("started");
    let (tell, hear) = mpsc::channel();
    let reply = Box::new(move |answer| tell.send(answer).expect("heard"));
    runtime.handle().validate(flow(0), reply).expect("taken");
    let answer = hear.recv_timeout(PATIENCE).expect("answered");
    assert!(answer.is_err(), "there is no account yet");
    runtime.stop().expect("clean");
    assert_eq!(watcher.released().len(), 1, "only the rules version");
}

/// The bodies released, ticks and expiries with their times, after an order good till a date and a
/// second order `late` nanoseconds after that date.
fn around_a_deadline(late: i64) -> Vec<(Body, Time)> {
    let folder = folder();
    let (config, source) = config(folder.path());
    let (sink, watcher) = keeper(u64::MAX);
    let started = Runtime::start_on(&config, &MemoryJournal::new(), sink);
    let (runtime, _) = started.expect("started");
    let handle = runtime.handle();
    submit(&handle, 1, &market());
    let last = 1 + market().len() as u64;
    watcher.wait(last);
    let due = BEGIN.after(Nanoseconds(1_000));
    let resting = order(0, Side::Sell, 1_000, 5, TimeInForce::GoodTillDate(due));
    submit(&handle, 2, &[resting]);
    watcher.wait(last + 1);
    source.run(Nanoseconds(1_000 + late));
    submit(
        &handle,
        3,
        &[order(
            1,
            Side::Buy,
            1_000,
            5,
            TimeInForce::ImmediateOrCancel,
        )],
    );
    runtime.stop().expect("clean");
    let released = watcher.released().split_off(last as usize + 1);
    released
        .into_iter()
        .map(|seen| (seen.body, seen.time))
        .collect()
}

#[test]
fn a_tick_comes_before_a_command_at_or_past_the_deadline_and_not_before_it() {
    for (late, ticks) in [(-1, 0), (0, 1), (1, 1)] {
        let released = around_a_deadline(late);
        let time = BEGIN.after(Nanoseconds(1_000 + late));
        let before = released.iter().take_while(|(body, _)| *body == Body::Tick);
        assert_eq!(before.count(), ticks, "{late} ns after the deadline");
        assert_eq!(released.len(), ticks + 1);
        assert!(released.iter().all(|(_, at)| *at == time));
    }
}

#[test]
fn a_still_shard_ticks_by_itself() {
    let folder = folder();
    let (config, source) = config(folder.path());
    let (sink, watcher) = keeper(u64::MAX);
    let started = Runtime::start_on(&config, &MemoryJournal::new(), sink);
    let (runtime, _) = started.expect("started");
    submit(&runtime.handle(), 1, &market());
    let due = BEGIN.after(Nanoseconds(1_000));
    let resting = order(0, Side::Sell, 1_000, 5, TimeInForce::GoodTillDate(due));
    submit(&runtime.handle(), 2, &[resting]);
    let last = 2 + market().len() as u64;
    watcher.wait(last);
    source.run(Nanoseconds(5_000));
    watcher.wait(last + 1);
    let tick = watcher.released().pop().expect("one");
    assert_eq!(
        (tick.body, tick.time),
        (Body::Tick, BEGIN.after(Nanoseconds(5_000)))
    );
    runtime.stop().expect("clean");
}

/// Looks for ever: each look sends the next one, until one sees the order's deadline gone.
fn look_on(handle: &Handle, left: u32, tell: mpsc::Sender<u32>) {
    let again = handle.clone();
    let look = move |engine: &Engine| {
        if left == 0 || engine.next_deadline().is_none() {
            tell.send(left).expect("the test waits");
        } else {
            look_on(&again, left - 1, tell);
        }
    };
    handle.look(Box::new(look)).expect("there is room");
}

#[test]
fn who_looks_without_a_rest_puts_no_deadline_off_and_holds_no_command_back() {
    const LOOKS: u32 = 100_000;
    let folder = folder();
    let (config, source) = config(folder.path());
    let (sink, watcher) = keeper(u64::MAX);
    let started = Runtime::start_on(&config, &MemoryJournal::new(), sink);
    let (runtime, _) = started.expect("started");
    let handle = runtime.handle();
    submit(&handle, 1, &market());
    let due = BEGIN.after(Nanoseconds(1_000));
    let resting = order(0, Side::Sell, 1_000, 5, TimeInForce::GoodTillDate(due));
    submit(&handle, 2, &[resting]);
    let last = 2 + market().len() as u64;
    watcher.wait(last);
    // The clock runs on while the engine's thread looks, so that it looks on when the order is due.
    let (tell, hear) = mpsc::channel();
    let (began, begin) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let looking = handle.clone();
    let first = move |_: &Engine| {
        began.send(()).expect("the test waits");
        gone.recv_timeout(PATIENCE).expect("the clock has run on");
        look_on(&looking, LOOKS, tell);
    };
    handle.look(Box::new(first)).expect("there is room");
    begin.recv_timeout(PATIENCE).expect("the first look");
    source.run(Nanoseconds(1_000));
    go.send(()).expect("the engine waits");
    let left = hear.recv_timeout(PATIENCE).expect("the looks end");
    assert!(left > 0, "the order was due for {LOOKS} looks");
    watcher.wait(last + 1);
    assert_eq!(watcher.released().pop().expect("one").body, Body::Tick);
    runtime.stop().expect("clean");
}

const DAY: i64 = 24 * 3_600 * 1_000_000_000;

#[test]
fn a_clock_far_ahead_holds_trading_until_an_operator_accepts_it() {
    for (regime, held) in [(Regime::Sandbox, false), (Regime::LicensedFutures, true)] {
        let folder = folder();
        let journal = MemoryJournal::new();
        let (config_one, _) = config(folder.path());
        let (runtime, _) =
            Runtime::start_on(&config_one, &journal, keeper(u64::MAX).0).expect("started");
        submit(&runtime.handle(), 1, &market_under(regime));
        let last = runtime.stop().expect("clean").last.value();
        let (mut config_two, source) = config(folder.path());
        config_two.on_warning = Arc::new(|_| {});
        source.step(Nanoseconds(36 * DAY));
        let (sink, watcher) = keeper(u64::MAX);
        let (runtime, _) = Runtime::start_on(&config_two, &journal, sink).expect("started");
        let handle = runtime.handle();
        let one = |body| Submission {
            ticket: Ticket(1),
            commands: vec![internal(body)],
        };
        // How long there was no service, and that sessions are lost.
        watcher.wait(last + 2);
        if held {
            let far = ClockStatus::Held(Nanoseconds(36 * DAY));
            assert_eq!(handle.status().clock, far);
            assert_eq!(
                handle.submit(one(Body::SessionsLost)),
                Err(Refused::ClockHeld)
            );
            assert_eq!(
                watcher.released()[0].time,
                BEGIN,
                "time stands where the journal ended"
            );
            let wall = BEGIN.after(Nanoseconds(36 * DAY));
            handle
                .submit(one(Body::AcceptClock(AcceptClock { wall })))
                .expect("taken");
            // And how far the clock leapt.
            watcher.wait(last + 4);
        }
        assert_eq!(handle.status().clock, ClockStatus::Following);
        let count = watcher.released().len() as u64;
        handle.submit(one(Body::SessionsLost)).expect("taken");
        watcher.wait(last + count + 1);
        let released = watcher.released().pop().expect("one");
        assert_eq!(released.time, BEGIN.after(Nanoseconds(36 * DAY)));
        runtime.stop().expect("clean");
    }
}

/// A journal of many records on `folder`, and its last command.
fn written(folder: &tempfile::TempDir) -> (MemoryJournal, u64) {
    let journal = MemoryJournal::new();
    let (config, _) = config(folder.path());
    let (sink, watcher) = keeper(u64::MAX);
    let (runtime, _) = Runtime::start_on(&config, &journal, sink).expect("started");
    submit(&runtime.handle(), 1, &market());
    let mut last = 1 + market().len() as u64;
    for index in 0..20 {
        watcher.wait(last);
        submit(&runtime.handle(), index, &[flow(index)]);
        last += 1;
    }
    watcher.wait(last);
    drop(runtime);
    (journal, last)
}

fn refusal(folder: &tempfile::TempDir, journal: &MemoryJournal) -> StartError {
    let (config, _) = config(folder.path());
    let started = Runtime::start_on(&config, journal, keeper(0).0);
    started.err().expect("the start must be refused")
}

#[test]
fn a_lost_or_damaged_record_below_the_mark_is_refused_by_name() {
    let folder = folder();
    let (journal, last) = written(&folder);
    let firsts = journal.firsts();
    let at = firsts[firsts.len() - 4];
    assert!(journal.damage(at, |bytes| bytes[100] ^= 1));
    let error = refusal(&folder, &journal);
    assert!(matches!(error, StartError::Damaged { .. }), "{error}");
    assert!(journal.lose(at));
    let error = refusal(&folder, &journal);
    let missing = MissingRange {
        first: at,
        last: at,
    };
    let expected = StartError::Missing {
        missing,
        head_mark: Sequence::new(last),
        found: format!("the journal goes on at command {}", at.value() + 1),
    };
    assert_eq!(error, expected);
}

#[test]
fn a_record_that_was_rewritten_breaks_the_chain() {
    let folder = folder();
    let (journal, _) = written(&folder);
    let firsts = journal.firsts();
    let at = firsts[firsts.len() - 4];
    let rewrite = |bytes: &mut Vec<u8>| {
        let (mut header, _) = record::open(bytes).expect("a record");
        header.events_hash ^= 1;
        record::seal(&header, bytes);
    };
    assert!(journal.damage(at, rewrite));
    let error = refusal(&folder, &journal);
    assert!(
        matches!(&error, StartError::Damaged { after, .. } if *after == at),
        "{error}"
    );
}

#[test]
fn replay_that_gives_other_events_is_refused_with_the_range() {
    let folder = folder();
    let (journal, last) = written(&folder);
    // The last record is rewritten whole, and the mark with it, so only the events can tell.
    let at = Sequence::new(last);
    let mut chain = None;
    let rewrite = |bytes: &mut Vec<u8>| {
        let (mut header, _) = record::open(bytes).expect("a record");
        header.events_hash ^= 1;
        chain = Some(record::seal(&header, bytes));
    };
    assert!(journal.damage(at, rewrite));
    let mark = sanjiang_engine::journal::head::Mark {
        shard: 0,
        epoch: 1,
        sequence: at,
        chain: chain.expect("rewritten"),
    };
    let head = folder.path().join("head");
    sanjiang_engine::journal::head::HeadFile::create(&head, &mark).expect("written");
    let agreed = Sequence::new(last - 1);
    assert_eq!(
        refusal(&folder, &journal),
        StartError::Divergence { agreed, parted: at }
    );
}

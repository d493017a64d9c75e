//! Clients that stop reading, that say half of something, that come back again and again: the
//! exchange holds a bounded memory for them, and nobody else is refused or cut.
//!
//! The bad ones stay for the whole run (neither time limit is reached), so what is measured is the
//! most they can make the gateway hold. With SANJIANG_SOAK=1 the good ones trade ten times as much
//! beside them, and those that reconnect do so sixty times instead of five.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test fails on any other answer"
)]

use crate::support;
use std::any::Any;
use std::pin::Pin;

use crate::support::book::ClientBook;
use crate::support::child::Program;
use crate::support::{Answer, House, Session, limit, raw, session_order};
use proto::v1;
use proto::v1::market_data_client::MarketDataClient;
use proto::v1::operations_client::OperationsClient;
use proto::v1::order_entry_client::OrderEntryClient;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tonic::transport::Channel;

/// Connections that stop reading.
const STALLED: usize = 400;
/// Connections that sent half of something.
const HALVES: usize = 400;
/// Clients that reconnect.
const RECONNECTING: usize = 200;
/// Orders in the history and in the book before anybody stops reading.
const SEEDED: u64 = 16_384;
/// Batches of each session that stops reading.
const BATCHES_OF_STALLED: u64 = 16;
/// Orders of each of its batches.
const BATCH_OF_STALLED: u64 = 64;
/// Pages asked for by each connection that asks for pages and does not read them.
const PAGES_OF_STALLED: usize = 4;
/// What the bad ones may make the gateway hold: a megabyte a connection, in KiB. The largest
/// part of it are the answers that wait: pages of 1,000 orders, snapshots of the book.
const GROWTH_KIB_MAX: u64 = (STALLED + HALVES + RECONNECTING) as u64 * 1_024;

/// Whether the long form is wanted.
fn soak() -> bool {
    std::env::var_os("SANJIANG_SOAK").is_some_and(|value| value == "1")
}

/// A client that keeps its connection and reads nothing from it.
type Stalled = Box<dyn Any + Send>;

/// The kinds of stream a client may stop to read, once over a socket that is full and once over a
/// connection that answers pings.
async fn stalled(program: &Program, number: usize) -> Stalled {
    let session = || format!("slow-{number}");
    let executions = v1::StreamExecutionsRequest {
        owner: Some(v1::stream_executions_request::Owner::ParticipantId(
            "P".to_owned(),
        )),
        from_sequence: 1,
    };
    let page = v1::ListOrdersRequest {
        account_id: "A".to_owned(),
        page_size: 1_000,
        ..v1::ListOrdersRequest::default()
    };
    let batches = (0..BATCHES_OF_STALLED).map(|batch| {
        let first = batch * BATCH_OF_STALLED + 1;
        let orders = first..first + BATCH_OF_STALLED;
        orders.map(rejected_order).collect()
    });
    let raw = |parts: Vec<Vec<u8>>| async move {
        let bytes = [raw::beginning(), parts.concat()].concat();
        raw::connection(program.address, &bytes).await
    };
    match number % 8 {
        0 => {
            let open = support::open_request(&session(), 0);
            let mut parts = vec![raw::head(1, "OrderEntry/Session"), raw::message(1, &open)];
            parts.extend(batches.map(|commands| {
                let batch = v1::session_request::Request::Batch(v1::SessionBatch { commands });
                let request = Some(batch);
                raw::message(1, &v1::SessionRequest { request })
            }));
            Box::new(raw(parts).await)
        }
        1 => {
            let head = raw::head(1, "OrderEntry/StreamExecutions");
            Box::new(raw(vec![head, raw::last_message(1, &executions)]).await)
        }
        2 => {
            let head = raw::head(1, "MarketData/StreamBook");
            Box::new(raw(vec![head, raw::last_message(1, &book_request())]).await)
        }
        3 => {
            let calls = (0..PAGES_OF_STALLED as u32).flat_map(|call| {
                let stream = 2 * call + 1;
                let head = raw::head(stream, "OrderEntry/ListOrders");
                [head, raw::last_message(stream, &page)]
            });
            Box::new(raw(calls.collect()).await)
        }
        4 => {
            let opened = Session::over(program.narrow_channel().await, &session(), 0).await;
            for commands in batches {
                opened.batch(commands);
            }
            Box::new(opened)
        }
        5 => {
            let mut client = OrderEntryClient::new(program.narrow_channel().await);
            Box::new(client.stream_executions(executions).await.expect("a place"))
        }
        6 => {
            let mut client = MarketDataClient::new(program.narrow_channel().await);
            Box::new(client.stream_book(book_request()).await.expect("a place"))
        }
        _ => Box::new(unread_pages(program.narrow_channel().await, &page).await),
    }
}

/// An order that is reported at length and leaves nothing in the book.
fn rejected_order(number: u64) -> v1::SessionCommand {
    let mut command = session_order(number, 900);
    if let Some(v1::session_command::Command::NewOrder(order)) = &mut command.command {
        order.instrument = Some(77);
    }
    command
}

fn book_request() -> v1::StreamBookRequest {
    v1::StreamBookRequest {
        instruments: vec![v1::BookSubscription {
            instrument_id: "COAL".to_owned(),
            resume: None,
        }],
        level: v1::BookDepth::L3.into(),
        depth: 0,
    }
}

/// Calls that were made and whose answers nobody takes.
async fn unread_pages(channel: Channel, page: &v1::ListOrdersRequest) -> Vec<Stalled> {
    let mut calls: Vec<Stalled> = Vec::new();
    for _ in 0..PAGES_OF_STALLED {
        let mut client = OrderEntryClient::new(channel.clone());
        let page = page.clone();
        let mut call: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            // Never reached: the call is not looked at again.
            let _ = client.list_orders(page).await;
        });
        std::future::poll_fn(|context| {
            let _ = call.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
        calls.push(Box::new(call));
    }
    calls
}

/// A session that behaves: every order is answered by its report, none is refused.
async fn good_session(channel: Channel, batches: u64) -> u64 {
    const SIZE: u64 = 64;
    let mut session = Session::over(channel, "good", 0).await;
    assert!(matches!(session.next().await, Answer::Opened(_)));
    let mut reports = 0;
    for batch in 0..batches {
        let first = batch * SIZE + 1;
        session.orders(first..=first + SIZE - 1);
        // Refused or closed is a panic there.
        for report in session.reports_to(first + SIZE - 1).await {
            reports += 1;
            assert_eq!(report.client_sequence, reports);
            assert_eq!(report.exec_type(), v1::ExecType::New, "{report:?}");
        }
    }
    assert_eq!(reports, batches * SIZE);
    reports
}

/// Calls that behave: every one is answered by its report.
async fn good_calls(channel: Channel, count: u64) -> u64 {
    let mut client = OrderEntryClient::new(channel);
    for number in 1..=count {
        let order = limit(&format!("u-{number}"), "B", v1::Side::Buy, "48.00", "100");
        let report = client.submit_order(order).await.expect("not refused");
        let report = report.into_inner();
        assert_eq!(report.exec_type(), v1::ExecType::New);
        assert_eq!(report.account_sequence, number);
    }
    count
}

/// One who reads the reports of account B: each of them, in order, and is not cut.
async fn good_follower(channel: Channel, count: u64) -> u64 {
    let request = v1::StreamExecutionsRequest {
        owner: Some(v1::stream_executions_request::Owner::AccountId(
            "B".to_owned(),
        )),
        from_sequence: 1,
    };
    let mut client = OrderEntryClient::new(channel);
    let mut stream = client
        .stream_executions(request)
        .await
        .expect("a place")
        .into_inner();
    let mut seen = 0;
    while seen < count {
        let message = stream
            .message()
            .await
            .expect("not cut")
            .expect("it goes on");
        for report in message.reports {
            seen += 1;
            assert_eq!(report.account_sequence, seen);
        }
    }
    seen
}

/// One who looks at the book, whole and unbroken, until it has seen the command told.
async fn good_watcher(channel: Channel, last: watch::Receiver<u64>) -> ClientBook {
    let mut client = MarketDataClient::new(channel).max_decoding_message_size(1 << 26);
    let mut stream = client
        .stream_book(book_request())
        .await
        .expect("a place")
        .into_inner();
    let mut book = ClientBook::default();
    loop {
        let message = stream
            .message()
            .await
            .expect("not cut")
            .expect("it goes on");
        for event in &message.events {
            book.apply(event);
            if event.engine_sequence >= *last.borrow() {
                return book;
            }
        }
    }
}

/// A client that connects, sends one order and goes, again and again; how many were reported.
async fn reconnects(program: &Program, number: usize, times: u64) -> u64 {
    let name = format!("again-{number}");
    let mut known = 0;
    for time in 0..times {
        let mut session = Session::over(program.channel().await, &name, known).await;
        let Answer::Opened(opened) = session.next().await else {
            panic!("not opened");
        };
        assert!(opened.watermark >= known, "what was reported is there");
        let next = opened.watermark + 1;
        session.orders(next..=next);
        // Every other time it goes without waiting for the report.
        if time % 2 == 0 {
            session.reports_to(next).await;
            known = next;
        }
    }
    known
}

/// One of the gateway's own figures.
async fn gauge(client: &mut OperationsClient<Channel>, name: &str) -> u64 {
    let request = v1::GetLimitsRequest::default();
    let limits = client.get_limits(request).await.expect("not refused");
    let limits = limits.into_inner().limits;
    let limit = limits.iter().find(|limit| limit.name == name);
    limit.expect("a limit of this name").used
}

async fn seed(program: &Program) {
    support::make_market(program.channel().await).await;
    let mut session = Session::over(program.channel().await, "seed", 0).await;
    assert!(matches!(session.next().await, Answer::Opened(_)));
    for first in (1..=SEEDED).step_by(1_024) {
        session.orders(first..=first + 1_023);
        session.reports_to(first + 1_023).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_dead_and_restless_clients_cost_a_bounded_memory_and_nobody_else_anything() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let (batches, calls, times) = if soak() {
        (400, 2_000, 60)
    } else {
        (40, 200, 5)
    };
    let day = "86400000";
    let program = Program::start(&["--begin-within-ms", day, "--keepalive-ms", day]);
    seed(&program).await;
    let mut operations = OperationsClient::new(program.channel().await);
    let before = program.memory_kib();

    let mut held: Vec<Stalled> = Vec::new();
    let mut halves: Vec<TcpStream> = Vec::new();
    for number in 0..STALLED {
        held.push(stalled(&program, number).await);
    }
    for number in 0..HALVES {
        halves.push(raw::connection(program.address, &raw::half(number)).await);
    }
    let (tell, told) = watch::channel(u64::MAX);
    let watcher = tokio::spawn(good_watcher(program.channel().await, told));
    let follower = tokio::spawn(good_follower(program.channel().await, calls));
    let session = tokio::spawn(good_session(program.channel().await, batches));
    let unary = tokio::spawn(good_calls(program.channel().await, calls));
    let restless = futures_all(RECONNECTING, |number| reconnects(&program, number, times)).await;
    let reported = session.await.expect("no panic");
    let answered = unary.await.expect("no panic");
    let followed = follower.await.expect("no panic");
    let status = operations
        .get_engine_status(v1::GetEngineStatusRequest::default())
        .await
        .expect("not refused")
        .into_inner();
    tell.send_replace(status.engine_sequence);
    let book = watcher.await.expect("no panic");

    let connections = gauge(&mut operations, "connections").await;
    let sessions = gauge(&mut operations, "session_connections").await;
    let waiting = gauge(&mut operations, "session_reports_queued_of_all").await;
    println!(
        "beside {STALLED} that stopped reading, {HALVES} that said half of something and \
         {RECONNECTING} that came back {times} times ({} of their orders reported): {reported} \
         orders of a session and {answered} calls answered, {followed} reports followed, {} book \
         events with {} resyncs; none refused, none cut",
        restless.iter().sum::<u64>(),
        book.events,
        book.resyncs,
    );
    println!("held: {connections} connections, {sessions} sessions, {waiting} reports waiting");
    assert!(
        connections >= (STALLED + HALVES) as u64,
        "the bad ones were there"
    );
    let during = program.memory_kib();
    drop((held, halves));
    while gauge(&mut operations, "connections").await > 10 {
        tokio::task::yield_now().await;
    }
    check_memory([before, during, program.memory_kib()]);
}

/// Prints what was resident and at most resident (in KiB) before the bad ones came, beside them
/// and after they had gone, and holds it against the bound.
fn check_memory(seen: [Option<(u64, u64)>; 3]) {
    let [Some((before, _)), Some((during, highest)), Some((after, _))] = seen else {
        println!("skipped: this system does not say how much memory a process has");
        return;
    };
    println!(
        "resident: {} MiB before, {} MiB with them (at most {}), {} MiB when they had gone",
        before / 1_024,
        during / 1_024,
        highest / 1_024,
        after / 1_024
    );
    let growth = highest.saturating_sub(before);
    assert!(growth <= GROWTH_KIB_MAX, "{growth} KiB more");
}

/// What `client` makes for each number, all at once.
async fn futures_all<F: Future<Output = u64>>(
    count: usize,
    client: impl Fn(usize) -> F,
) -> Vec<u64> {
    let mut clients: Vec<_> = (0..count).map(|number| Box::pin(client(number))).collect();
    let mut results = vec![None; count];
    std::future::poll_fn(|context| {
        for (client, result) in clients.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(value) = client.as_mut().poll(context)
            {
                *result = Some(value);
            }
        }
        if results.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

/// Reads until the other side closes.
async fn closed(mut stream: TcpStream) {
    let mut bytes = [0; 4_096];
    while !matches!(stream.read(&mut bytes).await, Ok(0) | Err(_)) {}
}

#[tokio::test]
async fn connections_that_say_half_of_something_give_their_places_back() {
    const PLACES: usize = 12;
    let house = House::open_with(|settings| {
        settings.connections_max = PLACES;
        settings.keepalive_ms = 1_000;
    })
    .await;
    let address = house.running().address();
    let places = &house.running().exchange().connections;
    // Those that have not begun give way to whoever comes.
    let mut held = Vec::new();
    for number in 0..10 * PLACES {
        let half = raw::half(number % raw::HALVES_NOT_BEGUN);
        held.push(raw::connection(address, &half).await);
    }
    let client = house.with_market().await;
    println!(
        "{} came, {} gave way, {} were refused",
        places.accepted(),
        places.displaced(),
        places.refused()
    );
    assert_eq!(places.refused(), 0, "nobody was kept out");
    assert!(places.taken() <= PLACES);
    drop((client, held));
    // Those that have begun and are dead then are closed, for they answer no ping.
    let mut dead = Vec::new();
    for number in 0..PLACES {
        let kind = raw::HALVES_NOT_BEGUN + number % (raw::HALVES - raw::HALVES_NOT_BEGUN);
        dead.push(raw::connection(address, &raw::half(kind)).await);
    }
    for stream in dead {
        closed(stream).await;
    }
    let order = limit("after", "A", v1::Side::Buy, "49.00", "100");
    let report = house.orders().await.submit_order(order).await;
    assert_eq!(
        report.expect("not refused").into_inner().exec_type(),
        v1::ExecType::New
    );
}

/// A client that repeats what it sent, and reads nothing.
#[tokio::test]
async fn a_session_that_never_reads_is_cut_told_why_and_goes_on_without_a_gap() {
    const ORDERS: u64 = 2_048;
    let house = House::open().await;
    house.with_market().await;
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    session.orders(1..=ORDERS);
    // Each is answered by two messages, and its credit comes back at once.
    let sessions = &house.running().exchange().sessions;
    let mut sent = 0_u64;
    while sessions.backlog().cut() == 0 {
        session.orders(1..=1);
        sent += 1;
        if sent.is_multiple_of(1_024) {
            tokio::task::yield_now().await;
        }
        assert!(sent < 10_000_000, "it is never cut");
    }
    let waiting = sessions.backlog().lines();
    assert!(waiting <= 1, "{waiting} lines wait after the cut");
    assert_eq!(session.closed().await, "SLOW_CONSUMER");
    println!("cut after {sent} repeats; what waited was dropped");
    let (_, opened) = Session::opened(&house, "S", 0).await;
    assert_eq!(opened.watermark, ORDERS, "every order is on disk");
    let request = v1::StreamExecutionsRequest {
        owner: Some(v1::stream_executions_request::Owner::AccountId(
            "A".to_owned(),
        )),
        from_sequence: 1,
    };
    let mut client = house.orders().await;
    let stream = client.stream_executions(request).await.expect("a place");
    let mut stream = stream.into_inner();
    let mut next = 1;
    while next <= ORDERS {
        let message = stream
            .message()
            .await
            .expect("not cut")
            .expect("it goes on");
        for report in message.reports {
            assert_eq!(
                (report.account_sequence, report.client_sequence),
                (next, next)
            );
            next += 1;
        }
    }
}

//! What clients that behave badly cost one that behaves: its p99 alone and beside them, in one run.
//!
//! A gateway in this process, its network on one thread as in the program, on a real disk. One
//! client sends orders by calls at a stated rate, open loop: latency counts from the instant an
//! order was meant to be sent. Beside it: 400 connections that stop reading, 400 that said half of
//! something, 200 that come back once a second, open a session and send an order.
//!
//! Invariant: every order is answered, or the run ends with an error; none of the bad ones is
//! closed for its silence during the run. Not here: their memory
//! (`gateway/tests/slow_clients.rs`), the highest rate.

#[path = "../../gateway/tests/support/market.rs"]
mod market;
#[path = "../../gateway/tests/support/raw.rs"]
mod raw;

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use proto::v1;
use proto::v1::order_entry_client::OrderEntryClient;
use sanjiang_gateway::config::Serve;
use sanjiang_gateway::server::Running;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::transport::Channel;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Orders a second of the client that behaves.
const RATE: u64 = 1_000;
/// How long each part lasts.
const PART: Duration = Duration::from_secs(10);
/// Before the first part, so that nothing is met for the first time.
const WARM_UP: Duration = Duration::from_secs(2);
/// Connections that stop reading.
const STALLED: usize = 400;
/// Connections that said half of something.
const HALVES: usize = 400;
/// Clients that come back once a second.
const RESTLESS: usize = 200;
/// Orders in the history before, so that there is something not to read.
const SEEDED: usize = 4_096;
/// None of the bad ones is closed for its silence.
const NEVER_MS: u64 = 86_400_000;

/// Runs the gateway on a thread of its own until told to stop.
fn gateway() -> (SocketAddr, oneshot::Sender<()>, thread::JoinHandle<()>) {
    let (tell, address) = std::sync::mpsc::channel();
    let (stop, stopping) = oneshot::channel();
    let network = move || {
        // Beside the build and not in the system's temporary folder, which may be memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let listen = "127.0.0.1:0".parse().expect("an address");
        let mut settings = Serve::new(listen, folder.path().join("data"));
        settings.begin_within_ms = NEVER_MS;
        settings.keepalive_ms = NEVER_MS;
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let running = Running::start(&settings).await.expect("a start");
            tell.send(running.address()).expect("it is waited for");
            stopping.await.expect("the bench says when to stop");
            running.stop().await.expect("a clean stop");
        });
    };
    let thread = thread::spawn(network);
    (address.recv().expect("it starts"), stop, thread)
}

/// A bid that rests.
fn order(id: &str) -> v1::SubmitOrderRequest {
    market::limit(id, "A", v1::Side::Buy, "49.00", "100")
}

async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("a connection")
}

/// Sends orders when they are due for so long; how long each took from then to its answer.
async fn part(channel: &Channel, name: &str, lasts: Duration) -> Histogram<u64> {
    let (tell, mut due) = mpsc::unbounded_channel();
    let count = RATE * lasts.as_secs();
    let begun = Instant::now();
    // A thread of its own: the timers of the network's runtime only know milliseconds.
    let pacing = thread::spawn(move || {
        for number in 0..count {
            let at = begun + Duration::from_nanos(number * 1_000_000_000 / RATE);
            thread::sleep(at.saturating_duration_since(Instant::now()));
            tell.send((number, at)).expect("it is waited for");
        }
    });
    let mut calls = Vec::new();
    while let Some((number, at)) = due.recv().await {
        let mut client = OrderEntryClient::new(channel.clone());
        let order = order(&format!("{name}-{number}"));
        calls.push(tokio::spawn(async move {
            let report = client.submit_order(order).await.expect("not refused");
            assert_eq!(report.get_ref().exec_type(), v1::ExecType::New);
            u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX)
        }));
    }
    pacing.join().expect("it paced to the end");
    let mut latencies = Histogram::new(3).expect("three digits");
    for call in calls {
        latencies
            .record(call.await.expect("answered"))
            .expect("it grows");
    }
    latencies
}

/// What the bad ones hold open, and those that come back.
struct Bad {
    _held: Vec<TcpStream>,
    restless: Vec<JoinHandle<()>>,
}

async fn misbehave(address: SocketAddr) -> Bad {
    let mut held = Vec::new();
    for number in 0..STALLED {
        let call = unread(number);
        let bytes = [raw::beginning(), call].concat();
        held.push(raw::connection(address, &bytes).await);
    }
    for number in 0..HALVES {
        held.push(raw::connection(address, &raw::half(number)).await);
    }
    let restless = (0..RESTLESS).map(|number| tokio::spawn(comes_back(address, number)));
    Bad {
        _held: held,
        restless: restless.collect(),
    }
}

/// A call whose answers are more than a socket holds.
fn unread(number: usize) -> Vec<u8> {
    let account = "A".to_owned();
    match number % 3 {
        0 => {
            let request = v1::StreamExecutionsRequest {
                owner: Some(v1::stream_executions_request::Owner::AccountId(account)),
                from_sequence: 1,
            };
            let head = raw::head(1, "OrderEntry/StreamExecutions");
            [head, raw::last_message(1, &request)].concat()
        }
        1 => {
            let request = v1::StreamBookRequest {
                instruments: vec![v1::BookSubscription {
                    instrument_id: "COAL".to_owned(),
                    resume: None,
                }],
                level: v1::BookDepth::L3.into(),
                depth: 0,
            };
            let head = raw::head(1, "MarketData/StreamBook");
            [head, raw::last_message(1, &request)].concat()
        }
        _ => {
            let request = v1::ListOrdersRequest {
                account_id: account,
                page_size: 1_000,
                ..v1::ListOrdersRequest::default()
            };
            let head = raw::head(1, "OrderEntry/ListOrders");
            [head, raw::last_message(1, &request)].concat()
        }
    }
}

/// Connects, opens a session and goes, once a second.
async fn comes_back(address: SocketAddr, number: usize) {
    let open = v1::SessionRequest {
        request: Some(v1::session_request::Request::Open(v1::OpenSession {
            session_id: format!("again-{number}"),
            last_client_sequence: 0,
            cancel_on_disconnect: None,
        })),
    };
    let call = [
        raw::beginning(),
        raw::head(1, "OrderEntry/Session"),
        raw::message(1, &open),
    ];
    let bytes = call.concat();
    // Not all at the same instant.
    let apart = Duration::from_millis(1_000 * number as u64 / RESTLESS as u64);
    tokio::time::sleep(apart).await;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut _last = None;
    loop {
        second.tick().await;
        _last = Some(raw::connection(address, &bytes).await);
    }
}

fn print(name: &str, latencies: &Histogram<u64>) {
    println!(
        "  {name}: {} orders, p50 {} us, p99 {} us, p99.9 {} us, most {} us",
        latencies.len(),
        latencies.value_at_quantile(0.5),
        latencies.value_at_quantile(0.99),
        latencies.value_at_quantile(0.999),
        latencies.max()
    );
}

async fn seed(channel: &Channel) {
    let mut client = OrderEntryClient::new(channel.clone());
    for first in (0..SEEDED).step_by(1_024) {
        let operations = (first..first + 1_024).map(|number| v1::BatchOperation {
            operation: Some(v1::batch_operation::Operation::Submit(order(&format!(
                "seed-{number}"
            )))),
        });
        let batch = v1::BatchOrdersRequest {
            operations: operations.collect(),
        };
        client.batch_orders(batch).await.expect("not refused");
    }
}

async fn compare(address: SocketAddr) {
    let channel = connect(address).await;
    market::make_market(channel.clone()).await;
    seed(&channel).await;
    part(&channel, "warm", WARM_UP).await;
    let mut alone = part(&channel, "before", PART).await;
    let bad = misbehave(address).await;
    let filling = part(&channel, "filling", PART).await;
    let mut beside = part(&channel, "beside", PART).await;
    for client in &bad.restless {
        client.abort();
    }
    drop(bad);
    let after = part(&channel, "after", PART).await;
    println!("slow clients: one client, {RATE} orders a second by calls, open loop, 10 s a part");
    print("alone, before", &alone);
    print("beside them, from the instant they come", &filling);
    print("beside them, then", &beside);
    print("alone, after", &after);
    alone.add(&after).expect("the same bounds");
    let p99 = |latencies: &Histogram<u64>| latencies.value_at_quantile(0.99) as f64;
    let settled = p99(&beside) / p99(&alone);
    beside.add(&filling).expect("the same bounds");
    println!(
        "  p99 beside {STALLED} that do not read, {HALVES} half-sent, {RESTLESS} that come back / \
         p99 alone = {settled:.2}; {:.2} with the seconds in which they come",
        p99(&beside) / p99(&alone)
    );
}

fn main() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let (address, stop, gateway) = gateway();
    let client = Builder::new_current_thread().enable_all().build();
    let client = client.expect("a runtime");
    client.block_on(compare(address));
    drop(client);
    stop.send(()).expect("it waits for it");
    gateway.join().expect("a clean end");
}

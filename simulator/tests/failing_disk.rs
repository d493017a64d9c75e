//! The disk fails: a sync, a write, or the room on it. The process stops or refuses, acknowledges
//! nothing that is not on the disk, never tries a failed sync again, and comes back exact.
//!
//! Each fault strikes a new folder at its k-th sync or write (`disk/shim.c`). Then the process
//! starts again on a disk that is well: by turns at once, with the power cut later, and after a
//! power cut; what the failed sync was to make durable is lost at the cut unless it was written
//! anew. Invariant: counts are printed, by kind of file struck. Not here: power cuts on a disk that
//! is well (`power_cut`).

mod disk;
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use disk::cut::{self, Cut, kind};
use disk::exchange::{Exchange, Ran, Strike, submit};
use disk::log::Log;
use disk::shops::ShopCounts;
use proto::v1;
use sanjiang_simulator::workload::rng::Rng;
use tonic::Code;

/// Every sync of the first so many fails once in the long form.
const SYNCS: u64 = 200;
/// Orders a run is offered: enough for all those syncs, with snapshots and segments among them.
const ORDERS: u64 = 600;
/// Writes of the first so many fail, at some distance from each other.
const WRITES: u64 = 300;

/// How often each outcome came, by the kind of file struck.
#[derive(Default)]
struct Counts {
    faults: u64,
    outcomes: BTreeMap<(&'static str, &'static str), u64>,
    unanswered: BTreeMap<String, u64>,
    acknowledged: u64,
    dropped: u64,
    /// Deposits and withdrawals answered again as they were before.
    retried: [u64; 2],
    shops: ShopCounts,
}

impl Counts {
    fn print(&self, what: &str) {
        println!(
            "{what}: {} faults, {} orders acknowledged, none lost, none twice; {} deposits and {} \
             withdrawals sent again, each done once; {} bytes not on the disk dropped; failed \
             syncs tried again: 0",
            self.faults, self.acknowledged, self.retried[0], self.retried[1], self.dropped
        );
        self.shops.print();
        for ((kind, outcome), count) in &self.outcomes {
            println!("  {kind}: {outcome} {count}");
        }
        println!("  orders without an answer: {:?}", self.unanswered);
        let [deposits, withdrawals] = self.retried;
        assert!(deposits > self.faults && withdrawals > self.faults);
        self.shops.check();
    }
}

/// Whether a call ended without saying anything about its order: told so by the gateway, or cut
/// with its connection before the gateway had it.
fn is_unknown(said: &str) -> bool {
    said.starts_with("Unavailable") || said.starts_with("cut: ")
}

/// How many syncs of a path may begin after its failed one. The names in a database's folder are
/// synced by whichever thread made one: a sync that another thread had already set out for is no
/// second try, and what the cut leaves shows that nothing hangs on it.
fn others_own(path: &str) -> u64 {
    u64::from(matches!(
        kind(path),
        "journal folder" | "projections folder"
    ))
}

/// What the process did after the fault.
fn outcome(ran: &Ran) -> &'static str {
    match (ran.ready, ran.ended) {
        (false, _) => "start refused",
        (true, true) => "stopped",
        (true, false) => "went on",
    }
}

/// Strikes one fault, looks at what the process did, and starts it again on a disk that is well.
async fn strike(program: &Path, shim: &Path, fault: &str, turn: u64, counts: &mut Counts) {
    let mut exchange = Exchange::new(program, shim, turn);
    let mut rng = Rng::new(turn);
    let faults = [("SHIM_FAIL", fault.to_owned())];
    let ran = exchange.run(&Strike::Never(ORDERS), &faults, &[]).await;
    exchange.kill();
    let log = Log::read(&exchange.undo().join("log"));
    let told = || format!("{fault}: {ran:?}, {:?}\n{}", log.faults, exchange.said());
    let struck = log
        .faults
        .first()
        .unwrap_or_else(|| panic!("no fault: {}", told()));
    for fault in &log.faults {
        assert!(
            fault.syncs_after <= others_own(&fault.path),
            "{} was synced again: {}",
            fault.path,
            told()
        );
    }
    for code in ran.unanswered.keys() {
        assert!(is_unknown(code), "{}", told());
        *counts.unanswered.entry(code.clone()).or_default() += ran.unanswered[code];
    }
    assert!(!matches!(ran.audited, Some(Err(_))), "{}", told());
    counts.faults += 1;
    *counts
        .outcomes
        .entry((kind(&struck.path), outcome(&ran)))
        .or_default() += 1;
    counts.acknowledged += ran.acknowledged;
    if turn.is_multiple_of(2) {
        well(&mut exchange, fault).await;
    }
    let taken = cut::play(&exchange.disk(), &exchange.undo(), Cut::Whole, &mut rng);
    counts.dropped += taken.bytes();
    well(&mut exchange, fault).await;
    for (all, own) in counts.retried.iter_mut().zip(exchange.moves.retried) {
        *all += own;
    }
    counts.shops.add(&exchange);
}

/// The disk is well: the exchange comes back with all it acknowledged, and trades.
async fn well(exchange: &mut Exchange, fault: &str) {
    exchange.forget_audits();
    let ran = exchange.run(&Strike::Never(10), &[], &[]).await;
    let exact = matches!(ran.audited, Some(Ok(()))) && ran.acknowledged >= 10;
    assert!(exact, "after {fault}: {ran:?}\n{}", exchange.said());
    exchange.kill();
}

/// The places of the short form: dense at the start, then some of every stage.
fn places(long: bool, most: u64) -> Vec<u64> {
    if long {
        return (1..=most).collect();
    }
    let mut places: Vec<_> = (1..12).map(|n| n * 2).collect();
    places.extend((1..=14).map(|n| 22 + n * (most - 22) / 14));
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_is_never_tried_again_and_nothing_hangs_on_it() {
    let (Some(program), Some(shim)) = (support::gateway(), disk::shim()) else {
        return;
    };
    let mut counts = Counts::default();
    for k in places(disk::soak(), SYNCS) {
        strike(&program, &shim, &format!("sync:{k}"), k, &mut counts).await;
    }
    counts.print("failed syncs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_or_a_full_disk_loses_nothing() {
    let (Some(program), Some(shim)) = (support::gateway(), disk::shim()) else {
        return;
    };
    for error in ["EIO", "ENOSPC"] {
        let mut counts = Counts::default();
        let step = if disk::soak() { 3 } else { 29 };
        for k in (1..WRITES).step_by(step) {
            strike(
                &program,
                &shim,
                &format!("write:{k}:{error}"),
                k,
                &mut counts,
            )
            .await;
        }
        counts.print(&format!("failed writes, {error}"));
    }
}

/// Free space as the system tells it falls below the reserve while the exchange trades.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_reserve_orders_are_refused_cancels_pass_and_room_needs_no_restart() {
    const RESERVE_MB: u64 = 512;
    let (Some(program), Some(shim)) = (support::gateway(), disk::shim()) else {
        return;
    };
    let mut exchange = Exchange::new(&program, &shim, 3);
    let free = exchange.beside("free");
    let room = |megabytes: u64| {
        // Renamed into place: a half-written number is not one.
        let next = free.with_extension("next");
        std::fs::write(&next, (megabytes << 20).to_string()).unwrap();
        std::fs::rename(next, &free).unwrap();
    };
    room(4 * RESERVE_MB);
    let faults = [("SHIM_FREE_FILE", free.to_str().unwrap().to_owned())];
    let reserve = RESERVE_MB.to_string();
    let flags = ["--disk-reserve-mb", reserve.as_str()];
    let ran = exchange.run(&Strike::Never(20), &faults, &flags).await;
    assert!(
        ran.acknowledged >= 20 && ran.refused == 0,
        "{ran:?}\n{}",
        exchange.said()
    );
    let (mut refused, mut cancelled) = (0, 0);
    for _ in 0..3 {
        room(RESERVE_MB / 2);
        // The disk is looked at before a record is written: this order may have been let in before.
        let _either = submit(exchange.connection(), exchange.fresh_order()).await;
        let resting = exchange.resting().await.pop().expect("an order rests");
        for _ in 0..10 {
            refused += refuses(&exchange).await;
        }
        let cancel = v1::CancelOrderRequest {
            client_order_id: format!("cancel-{}", resting.order_id),
            account_id: resting.account_id,
            order: Some(v1::cancel_order_request::Order::OrderId(resting.order_id)),
            ..v1::CancelOrderRequest::default()
        };
        let report = exchange
            .connection()
            .order_entry()
            .cancel_order(cancel)
            .await;
        let report = report.expect("a cancel passes").into_inner();
        assert_eq!(report.exec_type(), v1::ExecType::Canceled, "{report:?}");
        cancelled += 1;
        room(2 * RESERVE_MB);
        let order = exchange.fresh_order();
        let (_, answer) = submit(exchange.connection(), order).await;
        answer.expect("with room it is taken, without a restart");
    }
    println!("a disk that fills: {refused} orders refused, {cancelled} cancels passed, 3 times on");
    assert_eq!((refused, cancelled), (30, 3));
}

/// One order more; 1 if it is refused for want of room.
async fn refuses(exchange: &Exchange) -> u64 {
    let (_, answer) = submit(exchange.connection(), exchange.fresh_order()).await;
    let status = answer.expect_err("below the reserve");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    1
}

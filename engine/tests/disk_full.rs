//! A disk that fills while trading: orders are refused in time, cancels pass, and it goes on by
//! itself once there is room; a disk that fills all the same stops the runtime, and what was
//! acknowledged is there at the next start.
//!
//! Invariant: how much is free is set by the test, never waited for. Not here: a system that
//! really has no room left (the power-cut shim makes one).

#![allow(clippy::disallowed_methods)] // a test may make folders

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};

use crate::support::{PATIENCE, Watcher, config, internal, keeper, market, order};
use sanjiang_engine::command::{Body, CancelOrder, Command, MassCancel, ReplaceOrder};
use sanjiang_engine::event::{Event, ExecType};
use sanjiang_engine::journal::memory::MemoryJournal;
use sanjiang_engine::runtime::{
    Fatal, FreeSpace, Handle, ManualFreeSpace, Refused, Runtime, Submission, Taking, Ticket,
};
use sanjiang_engine::types::{AccountId, OrderId, Price, Side, TimeInForce};

const RESERVE: u64 = 800 << 20;

/// A shard whose disk has as much room as the test says.
struct Desk {
    handle: Handle,
    watcher: Watcher,
    free: Arc<ManualFreeSpace>,
    warnings: Arc<Mutex<Vec<String>>>,
    last: u64,
    refused: u64,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Desk {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let free = Arc::new(ManualFreeSpace::new(2 * RESERVE));
        let warnings = Arc::<Mutex<Vec<String>>>::default();
        let told = Arc::clone(&warnings);
        let (mut config, _) = config(folder.path());
        config.disk_reserve_bytes = RESERVE;
        config.free_space = free.clone();
        config.on_warning = Arc::new(move |text| told.lock().expect("whole").push(text.into()));
        let (sink, watcher) = keeper(u64::MAX);
        let journal = MemoryJournal::new();
        let (runtime, _) = Runtime::start_on(&config, &journal, sink).expect("started");
        let mut desk = Self {
            handle: runtime.handle(),
            watcher,
            free,
            warnings,
            last: 1,
            refused: 0,
            runtime,
            _folder: folder,
        };
        desk.taken(&market());
        desk
    }

    fn send(&self, commands: &[Command]) -> Result<(), Refused> {
        self.handle.submit(Submission {
            ticket: Ticket(1),
            commands: commands.to_vec(),
        })
    }

    /// Taken, and released.
    fn taken(&mut self, commands: &[Command]) {
        self.send(commands).expect("taken");
        self.last += commands.len() as u64;
        self.watcher.wait(self.last);
    }

    /// Refused for want of room, and nothing of it reached the engine.
    fn refused(&mut self, commands: &[Command]) {
        assert_eq!(self.send(commands), Err(Refused::DiskLow));
        assert_eq!(self.handle.status().sequence.value(), self.last);
        self.refused += 1;
    }

    /// An order that rests, by its id.
    fn rests(&mut self, price: i64) -> OrderId {
        self.taken(&[buy(price)]);
        let event = self.watcher.released().last().expect("one").events[0];
        let Event::Report(report) = event else {
            panic!("{event:?}");
        };
        assert_eq!(report.exec_type, ExecType::New);
        report.order
    }

    fn taking(&self) -> Taking {
        self.handle.status().disk.taking
    }
}

fn buy(price: i64) -> Command {
    order(0, Side::Buy, price, 1, TimeInForce::Day)
}

fn cancel(order: OrderId) -> Command {
    let account = AccountId::new(0);
    internal(Body::CancelOrder(CancelOrder { account, order }))
}

fn cancel_all() -> Command {
    internal(Body::MassCancel(MassCancel {
        account: AccountId::new(0),
        instrument: None,
        side: None,
    }))
}

fn dearer(order: OrderId) -> Command {
    internal(Body::ReplaceOrder(ReplaceOrder {
        account: AccountId::new(0),
        order,
        price: Price::new(999),
        stop_price: None,
        quantity: None,
    }))
}

/// An operator's command that the engine takes at any time.
fn operators() -> Command {
    market().pop().expect("it ends with the phase")
}

#[test]
fn below_the_reserve_orders_are_refused_cancels_pass_and_it_goes_on_without_a_restart() {
    let mut desk = Desk::open();
    let (first, second) = (desk.rests(900), desk.rests(901));
    desk.free.set(RESERVE - 1);
    // The journal thread looks before it writes; the record it is about to write is provided for.
    desk.taken(&[buy(902)]);
    assert_eq!(desk.taking(), Taking::NoOrders);
    for _ in 0..100 {
        desk.refused(&[buy(903)]);
    }
    desk.refused(&[dearer(first)]);
    desk.refused(&[cancel(first), buy(903)]);
    desk.refused(&[operators(), buy(903)]);
    desk.taken(&[cancel(first), cancel(second)]);
    let released = desk.watcher.released();
    for seen in &released[released.len() - 2..] {
        let canceled = matches!(&seen.events[0],
            Event::Report(report) if report.exec_type == ExecType::Canceled);
        assert!(canceled, "{seen:?}");
    }
    desk.taken(&[cancel_all()]);
    desk.taken(&[operators()]);
    for little in [RESERVE, RESERVE + RESERVE / 8 - 1] {
        desk.free.set(little);
        desk.refused(&[buy(904)]);
    }
    desk.free.set(RESERVE + RESERVE / 8);
    desk.taken(&[buy(905)]);
    assert_eq!(desk.taking(), Taking::All);
    let warnings = desk.warnings.lock().expect("whole").clone();
    assert_eq!(warnings.len(), 2, "one at each change: {warnings:?}");
    assert!(warnings[0].contains("799 MB free, 800 MB are kept in reserve"));
    assert!(warnings[1].contains("orders are taken again"));
    println!("refused {}, taken {}", desk.refused, desk.last);
    let stopped = desk.runtime.stop().expect("clean");
    assert_eq!(stopped.last.value(), desk.last);
}

#[test]
fn below_a_quarter_of_the_reserve_only_operators_are_heard() {
    let mut desk = Desk::open();
    let resting = desk.rests(900);
    desk.free.set(RESERVE / 4 - 1);
    desk.taken(&[operators()]);
    assert_eq!(desk.taking(), Taking::OperatorsOnly);
    for command in [cancel(resting), cancel_all(), buy(901), dearer(resting)] {
        desk.refused(&[command]);
    }
    desk.taken(&[operators()]);
    desk.free.set(RESERVE / 4);
    desk.taken(&[cancel(resting)]);
    assert_eq!(desk.taking(), Taking::NoOrders);
    println!("refused {}, taken {}", desk.refused, desk.last);
}

#[test]
fn a_disk_that_is_low_at_the_start_refuses_before_the_first_order() {
    let mut desk = Desk::open();
    desk.free.set(0);
    assert_eq!(desk.handle.look_at_disk().taking, Taking::OperatorsOnly);
    desk.refused(&[buy(900)]);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut config, _) = config(folder.path());
    config.disk_reserve_bytes = RESERVE;
    config.free_space = desk.free.clone();
    let (sink, _watcher) = keeper(u64::MAX);
    let started = Runtime::start_on(&config, &MemoryJournal::new(), sink);
    let (runtime, _) = started.expect("a low disk stops no start");
    let submission = Submission {
        ticket: Ticket(1),
        commands: vec![buy(900)],
    };
    assert_eq!(runtime.handle().submit(submission), Err(Refused::DiskLow));
}

/// A system that does not say how much is free.
#[derive(Debug)]
struct Silent;

impl FreeSpace for Silent {
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

#[test]
fn a_disk_that_cannot_be_asked_counts_as_full() {
    let folder = tempfile::tempdir().expect("a folder");
    let warnings = Arc::<Mutex<Vec<String>>>::default();
    let told = Arc::clone(&warnings);
    let (mut config, _) = config(folder.path());
    config.disk_reserve_bytes = 1;
    config.free_space = Arc::new(Silent);
    config.on_warning = Arc::new(move |text| told.lock().expect("whole").push(text.into()));
    let (sink, _watcher) = keeper(u64::MAX);
    let started = Runtime::start_on(&config, &MemoryJournal::new(), sink);
    let (runtime, _) = started.expect("started");
    let disk = runtime.handle().status().disk;
    assert_eq!((disk.free_bytes, disk.taking), (0, Taking::NoOrders));
    let warnings = warnings.lock().expect("whole").clone();
    assert!(warnings[0].contains("permission denied"), "{warnings:?}");
}

#[test]
fn a_journal_that_meets_a_full_disk_stops_all_and_the_next_start_has_what_was_acknowledged() {
    let mut stops = 0;
    for appends in [1, 2, 5, 9, 20] {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut config, _) = config(folder.path());
        let (tell, told) = mpsc::channel();
        config.on_fatal = Arc::new(move |fatal| tell.send(fatal.clone()).expect("heard"));
        let journal = MemoryJournal::new();
        let (sink, watcher) = keeper(u64::MAX);
        let (runtime, _) = Runtime::start_on(&config, &journal, sink).expect("started");
        journal.fail_after(Some(appends));
        let handle = runtime.handle();
        for command in market().into_iter().chain((0..).map(buy)) {
            let sent = handle.submit(Submission {
                ticket: Ticket(1),
                commands: vec![command],
            });
            match sent {
                Ok(()) => {}
                Err(Refused::Full) => std::thread::yield_now(),
                Err(Refused::Stopping) => break,
                Err(other) => panic!("{other}"),
            }
        }
        let fault = told.recv_timeout(PATIENCE).expect("the countdown ends");
        assert!(matches!(fault, Fatal::Journal { .. }), "{fault}");
        drop(runtime);
        let acknowledged = watcher.released();
        journal.fail_after(None);
        let (sink, again) = keeper(0);
        let (runtime, recovered) = Runtime::start_on(&config, &journal, sink).expect("it goes on");
        let replayed = again.record.lock().expect("whole").replayed.clone();
        assert!(replayed.len() >= acknowledged.len());
        for (was, is) in acknowledged.iter().zip(&replayed) {
            assert_eq!((was.sequence, &was.events), (is.sequence, &is.events));
        }
        assert!(recovered.last.value() >= acknowledged.len() as u64);
        runtime.stop().expect("clean");
        stops += 1;
    }
    println!("stops {stops}, each with everything acknowledged there afterwards");
}

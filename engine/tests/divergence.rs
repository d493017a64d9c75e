//! The second engine parts from the first while both run: the fault names the range, nothing more
//! is acknowledged, and the process ends.
//!
//! What parts them is a journal that hands its reader one record other than it was written, sealed
//! and chained as a good one, so that the events alone can tell: what a bit that flipped in memory
//! looks like to the engine that is fed from the journal. Not here: replays of a start that part
//! (`runtime`, `acts`), builds with other rules (`.ci/altered-rule`).

#![allow(clippy::disallowed_methods)] // a test may read files

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command as Process;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::support::{Keeper, PATIENCE, config, keeper, market, order, submit};
use sanjiang_engine::command::Body;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::journal::memory::MemoryJournal;
use sanjiang_engine::journal::{Journal, JournalError, Records, Store, Stored, codec, record};
use sanjiang_engine::runtime::{
    Fatal, Refused, Released, Runtime, Sink, StopError, Submission, Ticket, decode_commands,
};
use sanjiang_engine::snapshot;
use sanjiang_engine::types::{Quantity, Sequence, Side, TimeInForce};

/// The signal of `abort`.
const SIGABRT: i32 = 6;
const CHILD: &str = "SANJIANG_TEST_PARTS";
const NAME: &str = "divergence::by_default_the_process_ends_at_once_and_says_why";

/// One test at a time: between fork and exec a child holds the locks of every folder of this
/// process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a reader is given instead of what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    /// An order of one lot more.
    Command,
    /// Another running hash of the events.
    Hash,
}

/// A journal in memory that gives its readers one record changed.
#[derive(Clone)]
struct Twisted {
    truth: MemoryJournal,
    at: Sequence,
    change: Change,
}

impl Twisted {
    fn new(at: u64, change: Change) -> Self {
        Self {
            truth: MemoryJournal::new(),
            at: Sequence::new(at),
            change,
        }
    }

    fn twist(&self, (first, bytes): Stored) -> Stored {
        if first != self.at {
            return (first, bytes);
        }
        let (mut header, body) = record::open(&bytes).expect("as it was written");
        let mut out = Vec::new();
        record::begin(&mut out);
        match self.change {
            Change::Hash => {
                header.events_hash ^= 1;
                out.extend_from_slice(body);
            }
            Change::Command => {
                let mut commands = Vec::new();
                decode_commands(&header, body, &mut commands).expect("as it was written");
                let mut before = header.base_time;
                for command in &mut commands {
                    let Body::NewOrder(order) = &mut command.value.body else {
                        panic!("an order was to be changed");
                    };
                    let more = order.quantity.lots() + 1;
                    order.quantity = Quantity::new(more).expect("in bounds");
                    codec::encode(&mut out, before, command);
                    before = command.time;
                }
            }
        }
        record::seal(&header, &mut out);
        (first, out)
    }
}

impl Journal for Twisted {
    fn append(&self, first: Sequence, record: &[u8]) -> Result<(), JournalError> {
        self.truth.append(first, record)
    }

    fn read_from(&self, from: Sequence) -> Result<Records<'_>, JournalError> {
        let records = self.truth.read_from(from)?;
        Ok(Box::new(
            records.map(|stored| stored.map(|one| self.twist(one))),
        ))
    }

    fn head(&self) -> Result<Option<Sequence>, JournalError> {
        self.truth.head()
    }

    fn roll(&self, first: Sequence) -> Result<(), JournalError> {
        self.truth.roll(first)
    }

    fn segments(&self) -> Vec<Sequence> {
        self.truth.segments()
    }

    fn read_segment(&self, segment: Sequence) -> Result<Records<'_>, JournalError> {
        self.truth.read_segment(segment)
    }

    fn trim(&self, before: Sequence) -> Result<u64, JournalError> {
        self.truth.trim(before)
    }

    fn cut(&self, first: Sequence) -> Result<(), JournalError> {
        self.truth.cut(first)
    }
}

impl Store for Twisted {
    fn exists(&self) -> bool {
        self.truth.exists()
    }

    fn open_read_only(&self) -> Result<Box<dyn Journal>, JournalError> {
        self.truth.open_read_only()
    }

    fn open(&self) -> Result<Arc<dyn Journal>, JournalError> {
        Ok(Arc::new(self.clone()))
    }
}

/// A sink that, having released a command, holds what is behind it until it is let go.
struct Holding {
    keeper: Box<Keeper>,
    holds: Sequence,
    arrived: Sender<()>,
    go: Receiver<()>,
}

impl Sink for Holding {
    fn open(&mut self, journal_last: Sequence) -> Result<Sequence, String> {
        self.keeper.open(journal_last)
    }

    fn replayed(&mut self, released: &Released<'_>) {
        self.keeper.replayed(released);
    }

    fn recovered(&mut self, engine: &Engine, epoch: u32) {
        self.keeper.recovered(engine, epoch);
    }

    fn release(&mut self, released: &Released<'_>) {
        self.keeper.release(released);
        if released
            .iter()
            .any(|(one, _, _)| one.sequence == self.holds)
        {
            self.arrived.send(()).expect("the test waits");
            self.go.recv().expect("the test lets it go");
        }
    }

    fn cursor(&self) -> Sequence {
        self.keeper.cursor()
    }
}

fn buy() -> sanjiang_engine::command::Command {
    order(0, Side::Buy, 1_000, 5, TimeInForce::Day)
}

/// Runs until the second engine parts at a command that is durable and not yet released.
fn parts(change: Change) {
    let made = 1 + market().len() as u64;
    let (released, parted) = (made + 1, made + 2);
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Twisted::new(parted, change);
    let (mut settings, _) = config(folder.path());
    let (tell, hear) = channel();
    let tell = Mutex::new(tell);
    settings.on_fatal = Arc::new(move |fatal| {
        let tell = tell.lock().expect("whole");
        tell.send(fatal.clone()).expect("the test waits");
    });
    let ((arrived, at_hold), (let_go, go)) = (channel(), channel());
    let (keeper_one, watcher) = keeper(u64::MAX);
    let sink = Box::new(Holding {
        keeper: keeper_one,
        holds: Sequence::new(released),
        arrived,
        go,
    });
    let (runtime, _) = Runtime::start_on(&settings, &journal, sink).expect("started");
    let handle = runtime.handle();
    submit(&handle, 1, &market());
    watcher.wait(made);
    submit(&handle, 2, &[buy()]);
    at_hold.recv_timeout(PATIENCE).expect("released");
    submit(&handle, 3, &[buy()]);
    let fatal = hear.recv_timeout(PATIENCE).expect("a fault");
    let expected = Fatal::Divergence {
        agreed: Sequence::new(released),
        parted: Sequence::new(parted),
    };
    assert_eq!(fatal, expected, "{change:?}");
    assert_eq!(handle.status().durable.value(), parted, "it is on disk");
    let refused = handle.submit(Submission {
        ticket: Ticket(4),
        commands: vec![buy()],
    });
    assert_eq!(refused, Err(Refused::Stopping));
    let_go.send(()).expect("it waits");
    let error = runtime.stop().expect_err("a fault stopped it");
    assert_eq!(error, StopError::Faulted(expected.to_string()));
    assert_eq!(hear.try_iter().count(), 0, "one fault is told once");
    let last = watcher.released().pop().expect("some").sequence;
    assert_eq!(last.value(), released, "acknowledged after the fault");
    let snapshots = snapshot::list(&folder.path().join("snapshots"));
    assert_eq!(
        snapshots.expect("readable"),
        [],
        "a snapshot of what parted"
    );
    comes_back(folder.path(), &journal.truth, parted);
}

/// The journal as it was written replays to its end: the first engine was the right one.
fn comes_back(folder: &Path, truth: &MemoryJournal, last: u64) {
    let (settings, _) = config(folder);
    let started = Runtime::start_on(&settings, truth, keeper(0).0);
    let (runtime, recovered) = started.expect("started");
    assert_eq!((recovered.last.value(), recovered.replayed), (last, last));
    runtime.stop().expect("clean");
}

#[test]
fn a_second_engine_that_parts_is_told_with_the_range_and_nothing_is_acknowledged_after() {
    let _alone = alone();
    for change in [Change::Command, Change::Hash] {
        parts(change);
    }
    println!("parted while running: 2 (a command, a hash), each told at once, none acknowledged");
}

#[test]
fn by_default_the_process_ends_at_once_and_says_why() {
    if let Ok(folder) = std::env::var(CHILD) {
        until_it_ends(Path::new(&folder));
        return;
    }
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let output = Process::new(std::env::current_exe().expect("this test"))
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, folder.path())
        .output()
        .expect("it ran");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(SIGABRT), "{said}");
    let made = 1 + market().len() as u64;
    let words = format!(
        "FATAL: two runs over the same commands agree at command {made} and differ at {}; nothing \
         after it was acknowledged; stopping at once",
        made + 1
    );
    assert!(said.contains(&words), "{said}");
}

/// Runs into the fault with the default answer to it; comes back only if there is none.
fn until_it_ends(folder: &Path) {
    let made = 1 + market().len() as u64;
    let journal = Twisted::new(made + 1, Change::Command);
    let (sink, watcher) = keeper(u64::MAX);
    let (settings, _) = config(folder);
    let (runtime, _) = Runtime::start_on(&settings, &journal, sink).expect("started");
    submit(&runtime.handle(), 1, &market());
    watcher.wait(made);
    submit(&runtime.handle(), 2, &[buy()]);
    let (_never, hear) = channel::<()>();
    let silence = hear.recv_timeout(PATIENCE);
    println!("it still runs: {silence:?}");
}

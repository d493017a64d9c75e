//! Memory does not grow with the number of commands: after the first twentieth of a long churn the
//! resident size stays where it is.
//!
//! The short form plays some millions of commands; `SANJIANG_SOAK=1` plays 500 million through the
//! engine and 20 million through the runtime (release build: some minutes). Resident sizes come
//! from the system; where it does not tell, the test says so and ends. One test in this binary,
//! since two would share the size.
//!
//! Invariant: the most seen after the first twentieth is at most [`GROWTH_PERCENT_MAX`] above what
//! it was there, for the engine alone. Not here: allocations a command (`no_alloc`), the
//! gateway's bounds.

#![allow(clippy::disallowed_methods)] // a test may read files
#![cfg(feature = "rocksdb")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sanjiang_engine::command::{
    Body, CancelOrder, Command, Identity, MassCancel, OpenSession, Sequenced,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Event, Events, ExecType};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::runtime::{Released, Runtime, Sink};
use sanjiang_engine::types::{
    AccountId, ClientId, Nanoseconds, OrderId, Sequence, SessionId, Side, Time, TimeInForce,
};
use support::{BEGIN, config, internal, market, name, order, submit};

/// What the allocator and the kernel may add to a size that does not grow.
const GROWTH_PERCENT_MAX: u64 = 2;
/// The runtime comes and goes by this much and not by the number of commands: full queues, write
/// buffers and tables of RocksDB, a snapshot in the making. Thirteen bytes a command of the short
/// form would be above it.
const RUNTIME_GROWTH_BYTES_MAX: u64 = 24 << 20;
/// Of the smallest sizes a percentage is no measure: thread stacks, tables of the allocator.
const GROWTH_BYTES_MAX: u64 = 4 << 20;
/// Orders that rest at a time.
const RESTING: usize = 4_096;
/// Trades that can be busted: so few that the first twentieth fills their places. Under the default
/// bound they are 64 MiB, and no more either.
const TRADES_KEPT: u32 = 4_096;
/// One command in this many is remembered by its own id; the others belong to a session.
const REQUEST_EVERY: u64 = 16;

fn soak() -> bool {
    std::env::var_os("SANJIANG_SOAK").is_some_and(|value| value == "1")
}

/// The resident size of this process, in bytes; none where the system does not tell.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

/// A resident size over time.
struct Sizes {
    base: u64,
    most: u64,
}

impl Sizes {
    fn print(&self, what: &str, commands: u64) {
        println!(
            "{what}: {commands} commands; resident {} KiB after the first twentieth, at most {} \
             KiB later",
            self.base >> 10,
            self.most >> 10
        );
    }

    fn flat(&self, growth_max: u64) {
        let bound = self.base + growth_max;
        assert!(
            self.most <= bound,
            "grew from {} to {} bytes, {bound} are allowed",
            self.base,
            self.most
        );
    }
}

/// A spread of numbers that is the same every time.
fn mixed(index: u64) -> u64 {
    let mixed = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 27
}

/// Who sends: a session with its next number, and now and then a call with an id of its own that
/// is remembered for a fiftieth of the run (at most a second).
struct Identities {
    session: SessionId,
    next: u64,
    remembered: Nanoseconds,
}

impl Identities {
    fn put(&mut self, index: u64, now: Time, command: &mut Command) {
        let envelope = &mut command.envelope;
        if index.is_multiple_of(REQUEST_EVERY) {
            envelope.identity =
                Identity::Request(ClientId::new(&index.to_string()).expect("short"));
            envelope.valid_until = Some(now.after(self.remembered));
        } else {
            self.next += 1;
            envelope.identity = Identity::Session {
                session: self.session,
                client_sequence: self.next,
            };
        }
    }
}

/// The next order of a churn: prices wander, one in four is meant to trade at once.
fn churn(index: u64) -> Command {
    let draw = mixed(index);
    let (side, sign) = if draw & 1 == 0 {
        (Side::Buy, -1)
    } else {
        (Side::Sell, 1)
    };
    // Up and down over 20,000 ticks, so that the ladder slides.
    let phase = (index / 64 % 40_000) as i64;
    let middle = 100_000 + (phase - 20_000).abs();
    let away = (draw >> 8 & 255) as i64;
    let distance = if (draw >> 4).is_multiple_of(4) {
        -away / 8
    } else {
        away
    };
    let lots = 1 + (draw >> 20 & 63) as i64;
    let account = (draw >> 2 & 1) as u32;
    order(
        account,
        side,
        middle + sign * distance,
        lots,
        TimeInForce::Day,
    )
}

/// An engine with nothing around it.
struct Alone {
    engine: Engine,
    events: Events,
    time: Time,
    resting: Vec<Option<(AccountId, OrderId)>>,
    identities: Identities,
    counts: [u64; 3],
}

impl Alone {
    fn new(commands: u64) -> Self {
        let mut alone = Self {
            engine: Engine::new(Limits {
                trades_kept_max: TRADES_KEPT,
                ..Limits::default()
            }),
            events: Events::with_capacity(1 << 12),
            time: BEGIN,
            resting: vec![None; RESTING],
            identities: Identities {
                session: SessionId::new(0),
                next: 0,
                remembered: Nanoseconds((commands * 1_000 / 50).min(1_000_000_000) as i64),
            },
            counts: [0; 3],
        };
        for command in market() {
            alone.apply(command);
        }
        alone.apply(internal(Body::OpenSession(OpenSession {
            name: name("churn"),
            last_client_sequence: 0,
        })));
        let Event::SessionOpened(opened) = alone.events.as_slice()[0] else {
            panic!("a session opens");
        };
        alone.identities.session = opened.session;
        alone
    }

    fn apply(&mut self, command: Command) {
        self.time = self.time.after(Nanoseconds(1_000));
        let due = |engine: &Engine| engine.next_deadline();
        while due(&self.engine).is_some_and(|due| due <= self.time) {
            self.put(internal(Body::Tick));
        }
        self.put(command);
    }

    fn put(&mut self, value: Command) {
        self.events.clear();
        let command = Sequenced {
            sequence: self.engine.sequence().next(),
            time: self.time,
            value,
        };
        self.engine.apply(&command, &mut self.events);
    }

    /// One order in, and the one that has been there longest out.
    fn step(&mut self, index: u64) {
        let place = index.div_ceil(2) as usize % RESTING;
        let mut command = match self.resting[place].filter(|_| index % 2 == 1) {
            Some((account, order)) => internal(Body::CancelOrder(CancelOrder { account, order })),
            None => churn(index),
        };
        self.identities.put(index, self.time, &mut command);
        let account = if let Body::NewOrder(order) = &command.body {
            Some(order.account)
        } else {
            None
        };
        self.apply(command);
        self.resting[place] = None;
        let Some(account) = account else { return };
        for event in self.events.as_slice() {
            if let Event::Report(report) = event {
                self.counts[1] += u64::from(report.reject.is_some());
                if report.exec_type == ExecType::New {
                    self.counts[0] += 1;
                    self.resting[place] = Some((account, report.order));
                }
            }
            self.counts[2] += u64::from(matches!(event, Event::Trade(_)));
        }
    }
}

/// The engine alone; sizes after the first twentieth and then a hundred times.
fn alone(commands: u64) -> Option<Sizes> {
    let mut alone = Alone::new(commands);
    let mut sizes: Option<Sizes> = None;
    for index in 0..commands {
        alone.step(index);
        let done = index + 1;
        if done == commands / 20 {
            let base = resident()?;
            sizes = Some(Sizes { base, most: base });
        } else if done.is_multiple_of(commands / 100)
            && let Some(sizes) = &mut sizes
        {
            sizes.most = sizes.most.max(resident()?);
        }
    }
    alone.engine.audit().expect("a sound engine");
    let [entered, rejected, trades] = alone.counts;
    let usage = alone.engine.usage();
    println!(
        "entered {entered}, rejected {rejected}, trades {trades}, ids kept {}, live orders {}",
        usage.requests, usage.orders
    );
    assert!(
        entered > commands / 4 && trades > commands / 20,
        "the churn must churn"
    );
    assert!(usage.requests > 0, "some ids are remembered");
    sizes
}

/// A sink that only says where it is.
struct Reached(Arc<AtomicU64>);

impl Sink for Reached {
    fn open(&mut self, journal_last: Sequence) -> Result<Sequence, String> {
        Ok(journal_last)
    }

    fn replayed(&mut self, _: &Released<'_>) {}

    fn recovered(&mut self, _: &Engine, _: u32) {}

    fn release(&mut self, released: &Released<'_>) {
        if let Some(last) = released.commands.last() {
            self.0.store(last.sequence.value(), Ordering::Release);
        }
    }

    fn cursor(&self) -> Sequence {
        Sequence::new(self.0.load(Ordering::Acquire))
    }
}

/// The whole runtime on a disk: queues, buffers, second engine, snapshots, segments that come and
/// go; the books are emptied now and then, since nobody here knows the orders' ids.
fn runtime(commands: u64) -> Option<Sizes> {
    const SUBMISSION: u64 = 250;
    let folder = tempfile::tempdir().expect("a folder");
    let (mut config, _) = config(folder.path());
    config.limits.orders_max = 65_536;
    config.limits.levels_max = 1 << 16;
    config.snapshot_every_commands = (commands / 80).max(1);
    config.journal_write_buffer_bytes = 1 << 20;
    config.queue_commands_max = 8_192;
    let reached = Arc::<AtomicU64>::default();
    let sink = Box::new(Reached(Arc::clone(&reached)));
    let (runtime, _) = Runtime::start(config, sink).expect("started");
    let handle = runtime.handle();
    submit(&handle, 1, &market());
    let mut sizes: Option<Sizes> = None;
    let empty = |account| {
        internal(Body::MassCancel(MassCancel {
            account: AccountId::new(account),
            instrument: None,
            side: None,
        }))
    };
    for done in (SUBMISSION..=commands).step_by(SUBMISSION as usize) {
        let mut batch: Vec<_> = (done - SUBMISSION..done).map(churn).collect();
        if done.is_multiple_of(8 * SUBMISSION) {
            batch.extend([empty(0), empty(1)]);
        }
        submit(&handle, done, &batch);
        let looks = done.is_multiple_of((commands / 100).next_multiple_of(SUBMISSION));
        match &mut sizes {
            None if done >= commands / 20 => {
                let base = resident()?;
                sizes = Some(Sizes { base, most: base });
            }
            Some(sizes) if looks => sizes.most = sizes.most.max(resident()?),
            None | Some(_) => {}
        }
    }
    let stopped = runtime.stop().expect("clean");
    assert!(stopped.last.value() > commands);
    assert_eq!(stopped.last.value(), reached.load(Ordering::Acquire));
    sizes
}

#[test]
fn the_resident_size_is_flat_after_the_first_twentieth() {
    let (many, some) = if soak() {
        (500_000_000, 20_000_000)
    } else {
        (3_000_000, 2_000_000)
    };
    let Some(engine) = alone(many) else {
        println!("skipped: the system does not tell the resident size");
        return;
    };
    engine.print("engine", many);
    engine.flat((engine.base * GROWTH_PERCENT_MAX / 100).max(GROWTH_BYTES_MAX));
    let shard = runtime(some).expect("told before");
    shard.print("runtime", some);
    shard.flat(RUNTIME_GROWTH_BYTES_MAX);
}

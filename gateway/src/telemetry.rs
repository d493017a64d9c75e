//! What the exchange did in the last second, in one line.
//!
//! Invariant: counting costs an addition a group of commands; the histogram has three digits up to
//! a minute and never grows. Not here: who prints it (`server`).

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::types::{Sequence, Time};
use hdrhistogram::Histogram;

/// The longest latency told apart, in microseconds: a minute.
const LATENCY_US_MAX: u64 = 60_000_000;

/// The counters.
#[derive(Debug)]
pub struct Telemetry {
    commands: AtomicU64,
    trades: AtomicU64,
    durable: AtomicU64,
    /// Nanoseconds since 1970 of the last released command; 0 before the first.
    engine_time: AtomicI64,
    /// None only if hdrhistogram refused its bounds, which are constants.
    latency: Mutex<Option<Histogram<u64>>>,
}

impl Default for Telemetry {
    fn default() -> Self {
        let latency = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).ok();
        Self {
            commands: AtomicU64::new(0),
            trades: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            engine_time: AtomicI64::new(0),
            latency: Mutex::new(latency),
        }
    }
}

impl Telemetry {
    /// A group was released: so many commands of callers, trades, and how far it reaches.
    pub fn released(&self, commands: u64, trades: u64, (durable, time): (Sequence, Option<Time>)) {
        self.commands.fetch_add(commands, Ordering::Relaxed);
        self.trades.fetch_add(trades, Ordering::Relaxed);
        self.durable.store(durable.value(), Ordering::Relaxed);
        if let Some(time) = time {
            self.engine_time
                .store(time.nanoseconds(), Ordering::Relaxed);
        }
    }

    /// The time of the last released command.
    pub fn engine_time(&self) -> Option<Time> {
        Time::new(self.engine_time.load(Ordering::Relaxed)).filter(|time| *time > Time::ZERO)
    }

    /// `count` commands were answered `elapsed` after they were admitted.
    pub fn answered(&self, elapsed: Duration, count: u64) {
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(LATENCY_US_MAX);
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latency) = latency.as_mut() {
            latency.saturating_record_n(us.max(1), count);
        }
    }

    /// Trades since the start.
    pub fn trades(&self) -> u64 {
        self.trades.load(Ordering::Relaxed)
    }

    /// What happened since the mark; the mark moves to now.
    pub fn since(&self, mark: &mut Mark) -> Line {
        let now = Instant::now();
        let commands = self.commands.load(Ordering::Relaxed);
        let trades = self.trades.load(Ordering::Relaxed);
        let seconds = now.duration_since(mark.at).as_secs_f64().max(1e-6);
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let line = Line {
            orders_per_s: (commands - mark.commands) as f64 / seconds,
            trades_per_s: (trades - mark.trades) as f64 / seconds,
            durable: self.durable.load(Ordering::Relaxed),
            p99_us: latency
                .as_ref()
                .map_or(0, |latency| latency.value_at_quantile(0.99)),
        };
        if let Some(latency) = latency.as_mut() {
            latency.reset();
        }
        *mark = Mark {
            at: now,
            commands,
            trades,
        };
        line
    }
}

/// Where the last line ended.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: Instant,
    commands: u64,
    trades: u64,
}

impl Mark {
    /// From now on.
    pub fn now(telemetry: &Telemetry) -> Self {
        Self {
            at: Instant::now(),
            commands: telemetry.commands.load(Ordering::Relaxed),
            trades: telemetry.trades.load(Ordering::Relaxed),
        }
    }
}

/// One line.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Line {
    /// Commands released, a second.
    pub orders_per_s: f64,
    /// Trades released, a second.
    pub trades_per_s: f64,
    /// Everything up to here is on disk.
    pub durable: u64,
    /// Admission to answer, in microseconds; 0 when nothing was answered.
    pub p99_us: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "orders/s {:.0}  trades/s {:.0}  durable {}  p99 {} us",
            self.orders_per_s, self.trades_per_s, self.durable, self.p99_us
        )
    }
}

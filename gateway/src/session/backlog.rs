//! What waits for all session connections together, and who is cut when it is too much.
//!
//! One connection's bound is not enough: hundreds of them that stop reading would hold hundreds of
//! times as much. So there is a bound on the sum, and past it the connection whose oldest message
//! has waited longest is cut, until the rest fits. Whoever reads is never that one: its oldest
//! message is young, however much came at once.
//!
//! Invariant: the sum is what the connections hold, closed ones that still have a reader among
//! them. Age is counted in messages, not read from a clock. Not here: the bound of one connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::connection::Connection;

/// Lines (reports, or messages without any) that may wait for all session connections together:
/// about a quarter of a gigabyte, sixteen for each command of a full queue.
pub const LINES_OF_ALL_MAX: usize = 1_048_576;

/// What waits for all connections.
#[derive(Debug)]
pub struct Backlog {
    lines: AtomicUsize,
    lines_max: usize,
    /// Messages put into any queue since the start.
    messages: AtomicU64,
    /// Connections cut for want of reading since the start.
    cut: AtomicU64,
    /// Every connection that can still be read.
    connections: Mutex<HashMap<u64, Weak<Connection>>>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self::of(LINES_OF_ALL_MAX)
    }
}

impl Backlog {
    /// Of at most so many lines.
    pub fn of(lines_max: usize) -> Self {
        Self {
            lines: AtomicUsize::new(0),
            lines_max,
            messages: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            connections: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Weak<Connection>>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Lines that wait now.
    pub fn lines(&self) -> usize {
        self.lines.load(Ordering::Relaxed)
    }

    /// Connections cut for want of reading since the start.
    pub fn cut(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }

    /// The connection can be read from now on.
    pub(super) fn enter(&self, number: u64, connection: Weak<Connection>) {
        self.lock().insert(number, connection);
    }

    /// Nobody can read the connection any more.
    pub(super) fn leave(&self, number: u64) {
        self.lock().remove(&number);
    }

    /// A message of so many lines is put into a queue; answers its number among all messages.
    pub(super) fn add(&self, lines: usize) -> u64 {
        self.lines.fetch_add(lines, Ordering::Relaxed);
        self.messages.fetch_add(1, Ordering::Relaxed)
    }

    /// Lines left a queue.
    pub(super) fn remove(&self, lines: usize) {
        self.lines.fetch_sub(lines, Ordering::Relaxed);
    }

    /// A connection was cut.
    pub(super) fn count_cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// Cuts connections, those that have left a message waiting longest first, until the rest
    /// fits. Call it with no connection locked.
    pub(super) fn relieve(&self) {
        if self.lines() <= self.lines_max {
            return;
        }
        let mut waiting: Vec<(u64, Arc<Connection>)> = {
            let connections = self.lock();
            let all = connections.values().filter_map(Weak::upgrade);
            all.filter_map(|one| Some((one.oldest()?, one))).collect()
        };
        waiting.sort_unstable_by_key(|(oldest, _)| *oldest);
        for (_, connection) in waiting {
            if self.lines() <= self.lines_max {
                return;
            }
            connection.cut_slow();
        }
    }
}

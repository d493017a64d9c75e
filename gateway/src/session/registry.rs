//! Which connection serves which session.
//!
//! Invariant: at most one connection a session, and a bounded number in all. Not here: what a
//! session has done (the engine keeps its watermark).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::types::{Name, PrincipalId};

use super::backlog::Backlog;
use super::connection::{Close, Connection};

/// The most sessions connected at a time; each costs some kilobytes and its credit in the queue.
pub const CONNECTIONS_MAX: usize = 4_096;

/// The connected sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    connected: Mutex<HashMap<(PrincipalId, Name), Arc<Connection>>>,
    next: AtomicU64,
    backlog: Arc<Backlog>,
}

impl Sessions {
    /// The number of the next connection.
    pub fn next_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// What waits for all of them.
    pub const fn backlog(&self) -> &Arc<Backlog> {
        &self.backlog
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(PrincipalId, Name), Arc<Connection>>> {
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The session is served by this connection from now on; an older one is cut.
    ///
    /// # Errors
    /// As many are connected as may be.
    pub fn attach(
        &self,
        principal: PrincipalId,
        name: Name,
        connection: &Arc<Connection>,
    ) -> Result<(), Close> {
        let mut connected = self.lock();
        let key = (principal, name);
        if connected.len() >= CONNECTIONS_MAX && !connected.contains_key(&key) {
            return Err(Close::TOO_MANY_SESSIONS);
        }
        let older = connected.insert(key, Arc::clone(connection));
        drop(connected);
        if let Some(older) = older {
            older.close(Some(Close::NEWER_CONNECTION));
        }
        Ok(())
    }

    /// How many sessions are connected.
    pub fn connected(&self) -> usize {
        self.lock().len()
    }

    /// The connection is gone; if it still served its session, nobody does now.
    pub fn detach(&self, connection: &Arc<Connection>) {
        self.lock()
            .retain(|_, served| !Arc::ptr_eq(served, connection));
    }
}

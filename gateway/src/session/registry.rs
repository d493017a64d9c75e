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

    /// Whether a connection serves a session.
    pub fn is_connected(&self, principal: PrincipalId, name: Name) -> bool {
        self.lock().contains_key(&(principal, name))
    }

    /// The connection is gone. If it still served its session, nobody does once `tell` has told the
    /// engine; while it tells, no newer connection comes in, so that what a newer one submits
    /// stands in the queue behind what is told here. If a newer one serves the session, nothing is
    /// told.
    ///
    /// # Errors
    /// It could not be told; the connection still serves its session.
    pub fn detach<E>(
        &self,
        connection: &Arc<Connection>,
        tell: impl FnOnce(PrincipalId, &Name) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut connected = self.lock();
        let mut entries = connected.iter();
        let found = entries.find(|(_, served)| Arc::ptr_eq(served, connection));
        let Some(key) = found.map(|(key, _)| *key) else {
            return Ok(());
        };
        tell(key.0, &key.1)?;
        connected.remove(&key);
        Ok(())
    }
}

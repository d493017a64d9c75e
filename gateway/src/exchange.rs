//! The exchange as the services see it: the door in, and everything there is to read.
//!
//! Invariant: one for the whole process; every part may be shared. Not here: what a call does with
//! them (`services`), how they are started and stopped (`server`).

use std::sync::Arc;
use std::time::SystemTime;

use engine::runtime::{Handle, Recovered};
use tokio::sync::watch;

use crate::admission::Admission;
use crate::backups::Backups;
use crate::directory::Directory;
use crate::fanout::Feed;
use crate::projector::History;
use crate::replies::Replies;
use crate::server::incoming::Places;
use crate::services::unread::Unread;
use crate::session::Sessions;
use crate::telemetry::Telemetry;

/// Everything a service needs.
pub struct Exchange {
    /// The door to the engine.
    pub admission: Admission,
    /// The runtime, to look at.
    pub handle: Handle,
    /// Backups.
    pub backups: Backups,
    /// Names and handles.
    pub directory: Arc<Directory>,
    /// What was.
    pub history: History,
    /// The public books.
    pub feed: Feed,
    /// Waiting calls and sessions.
    pub replies: Arc<Replies>,
    /// Connected sessions.
    pub sessions: Sessions,
    /// The places of connections.
    pub connections: Arc<Places>,
    /// Large answers that wait to be read.
    pub unread: Arc<Unread>,
    /// Counters.
    pub telemetry: Arc<Telemetry>,
    /// What the start found.
    pub recovered: Recovered,
    /// When the process started.
    pub started: SystemTime,
    /// Turns true when the gateway stops; every stream ends then.
    pub shutdown: watch::Receiver<bool>,
}

//! The end after a fault of the disk or of ours: who waits is told that the answer is unknown, and
//! the process ends at once.
//!
//! Invariant: after a fault nothing is acknowledged any more, and nothing is tried again; the
//! network's thread gets a short, bounded time to tell so. Not here: the clean stop (`server`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::replies::Replies;

/// How long the answers "unknown" may take to get out: some hundred times what loopback needs. The
/// system tries nothing again by itself within this time: RocksDB first does so after a second.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// Ends the process after a fault.
#[derive(Clone, Debug)]
pub struct LastWords {
    replies: Arc<Replies>,
    stop: watch::Sender<bool>,
}

impl LastWords {
    /// For calls that wait in `replies`, and streams that end by `stop`.
    pub const fn new(replies: Arc<Replies>, stop: watch::Sender<bool>) -> Self {
        Self { replies, stop }
    }

    /// Answers every waiting call with UNAVAILABLE (ANSWER_LOST: it may or may not be done, and is
    /// safe to send again), ends every stream, and aborts. Once there are connections, for any
    /// thread but the network's own.
    pub fn end(&self, fault: &str) -> ! {
        eprintln!("FATAL: {fault}; nothing after it was acknowledged; stopping at once");
        self.replies.abandon();
        self.stop.send_replace(true);
        std::thread::sleep(LAST_WORDS);
        std::process::abort();
    }
}

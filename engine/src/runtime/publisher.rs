//! The publisher thread: holds what the engine made until it is durable, then gives it to the
//! sink.
//!
//! Invariant: nothing reaches the sink above the lower of log and head mark; order is kept. Not
//! here: what the sink does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};

use super::applied::Applied;
use super::shared::Shared;
use super::sink::Sink;

/// How often the sink's cursor is asked for while nothing is released: it syncs about once a
/// second, and segments wait for it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The state of the publisher thread.
pub(crate) struct Publisher {
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) applied: Receiver<Applied>,
    pub(crate) used_applied: Sender<Applied>,
}

impl Publisher {
    /// Runs until the engine thread is gone and all it made is released, or until a fault.
    pub(crate) fn run(mut self) {
        loop {
            let mut applied = match self.applied.recv_timeout(LOOK_EVERY) {
                Ok(applied) => applied,
                Err(RecvTimeoutError::Timeout) => {
                    self.show_cursor();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let last = applied.last().expect("a chunk is not empty");
            if !self.shared.gate.wait_durable(last) {
                return;
            }
            let durable = self.shared.gate.marks().durable();
            let released = applied.released(durable, self.shared.epoch, self.shared.shard);
            self.sink.release(&released);
            self.shared.released.store(last.value(), Ordering::Release);
            self.show_cursor();
            self.shared.give_room(applied.submitted);
            applied.clear();
            // A full line back only means that enough buffers go round.
            let _ = self.used_applied.try_send(applied);
        }
    }

    /// Shows up to where the sink has everything on its own disk.
    fn show_cursor(&self) {
        let cursor = self.sink.cursor().value();
        self.shared.cursor.store(cursor, Ordering::Release);
    }
}

//! The audits of the second engine: everything that must hold between commands, checked anew.
//!
//! Invariant: trading never waits for an audit, and audits take at most a tenth of the second
//! engine's time. Not here: what is checked (`audit`).

use std::sync::Arc;

use super::clock::TimeSource;
use super::config::Fatal;
use crate::engine::Engine;
use crate::types::{Nanoseconds, Sequence};

/// Commands between two audits.
pub(crate) const AUDIT_EVERY_COMMANDS: u64 = 65_536;
/// After an audit that took this long, the next one waits ten times as long: with millions of
/// positions one takes a tenth of a second.
const REST_FACTOR: i64 = 10;

/// When the second engine was audited last.
pub(crate) struct Audits {
    source: Arc<dyn TimeSource>,
    sequence: Sequence,
    ended: Nanoseconds,
    took: Nanoseconds,
}

impl Audits {
    /// None since the start at `sequence`.
    pub(crate) fn new(source: Arc<dyn TimeSource>, sequence: Sequence) -> Self {
        let ended = source.monotonic();
        Self {
            source,
            sequence,
            ended,
            took: Nanoseconds(0),
        }
    }

    /// Audits the engine if that is due; whether it did.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(&mut self, engine: &Engine) -> Result<bool, Fatal> {
        let at = engine.sequence();
        let began = self.source.monotonic();
        let rest = self.took.0.saturating_mul(REST_FACTOR);
        let since = at.value() - self.sequence.value();
        if since < AUDIT_EVERY_COMMANDS || began.0 - self.ended.0 < rest {
            return Ok(false);
        }
        let sound = engine.audit();
        self.sequence = at;
        self.ended = self.source.monotonic();
        self.took = Nanoseconds(self.ended.0 - began.0);
        let unsound = |error: crate::audit::AuditError| Fatal::Unsound {
            at,
            what: error.to_string(),
        };
        sound.map(|()| true).map_err(unsound)
    }
}

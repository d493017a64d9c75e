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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Body, Command, Envelope, Identity, Sequenced};
    use crate::event::Events;
    use crate::limits::Limits;
    use crate::runtime::clock::ManualTimeSource;
    use crate::types::{PrincipalId, Time};

    fn run(engine: &mut Engine, commands: u64) {
        let mut events = Events::default();
        for _ in 0..commands {
            let command = Sequenced {
                sequence: engine.sequence().next(),
                time: Time::ZERO,
                value: Command {
                    envelope: Envelope {
                        principal: PrincipalId::LOCAL,
                        identity: Identity::Internal,
                        valid_until: None,
                        authority: None,
                    },
                    body: Body::Tick,
                },
            };
            engine.apply(&command, &mut events);
            events.clear();
        }
    }

    #[test]
    fn an_engine_that_holds_for_nothing_is_found_out_after_65_536_commands() {
        let source = Arc::new(ManualTimeSource::new(Time::ZERO));
        let mut audits = Audits::new(source, Sequence::ZERO);
        let mut engine = Engine::new(Limits {
            orders_max: 8,
            requests_capacity: 8,
            ..Limits::default()
        });
        run(&mut engine, AUDIT_EVERY_COMMANDS);
        assert!(matches!(audits.audit(&engine), Ok(true)), "sound");
        engine.hold_for_nothing();
        run(&mut engine, AUDIT_EVERY_COMMANDS - 1);
        assert!(matches!(audits.audit(&engine), Ok(false)), "not yet due");
        run(&mut engine, 1);
        let Err(Fatal::Unsound { at, what }) = audits.audit(&engine) else {
            panic!("it is not found out");
        };
        assert_eq!(at.value(), 2 * AUDIT_EVERY_COMMANDS);
        assert!(!what.is_empty());
    }
}

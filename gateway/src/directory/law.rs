//! The law as the directory knows it: versions of regimes, and venues that move to them.
//!
//! Invariant: what the engine took is taken here, from the same instant on. Not here: whether a
//! version may be (the engine).

use engine::command::{Body, Command};
use engine::event::RegimeEvent;
use engine::types::Time;
use engine::venue::{Approval, Moving};

use super::Tables;

impl Tables {
    /// Takes over what happened to the law.
    pub(super) fn change_law(&mut self, command: &Command, event: &RegimeEvent) {
        match event {
            RegimeEvent::Defined(defined) => self.define(command, defined.from),
            RegimeEvent::Moving(moving) => {
                if let Some(venue) = self.venues.get_mut(moving.venue.index()) {
                    venue.moving = Some(Moving {
                        from: moving.from,
                        regimes: moving.regimes().collect(),
                    });
                }
            }
            RegimeEvent::Moved(venue) => {
                let venue = self.venues.get_mut(venue.index());
                if let Some((venue, moving)) =
                    venue.and_then(|venue| venue.moving.take().map(|moving| (venue, moving)))
                {
                    venue.regimes = moving.regimes;
                }
            }
        }
    }

    /// The engine took it, so the law here takes it too.
    fn define(&mut self, command: &Command, from: Time) {
        if let Body::DefineRegime(terms) = &command.body {
            let approval = Approval::of(&command.envelope);
            let restored = self.law.restore(terms.as_ref().clone(), approval, from);
            assert!(restored.is_ok(), "the engine took it: {restored:?}");
        }
    }
}

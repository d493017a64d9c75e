//! For tests: a release with its own memory.
//!
//! Invariant: what it lends is shaped as the runtime's. Not here: how it was made up.

use engine::command::{Command, Sequenced};
use engine::event::Event;
use engine::runtime::{Released, Ticket};
use engine::types::Sequence;

/// Something released, with its own memory.
pub(crate) struct Owned {
    pub(crate) commands: Vec<Sequenced<Command>>,
    pub(crate) tickets: Vec<Option<Ticket>>,
    pub(crate) ends: Vec<u32>,
    pub(crate) events: Vec<Event>,
}

impl Owned {
    /// As the runtime gives it.
    pub(crate) fn borrow(&self) -> Released<'_> {
        Released {
            commands: &self.commands,
            tickets: &self.tickets,
            ends: &self.ends,
            events: &self.events,
            durable: self
                .commands
                .last()
                .map_or(Sequence::ZERO, |last| last.sequence),
            epoch: 1,
            shard: 7,
        }
    }
}

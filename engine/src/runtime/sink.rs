//! The one way out: what is released once it is durable, and whom it is given to.
//!
//! Invariant: a `Released` is handed over only when every command in it is on disk and below the
//! head mark, in order, each command once. Not here: connections, projections, wire forms.

use super::handle::Ticket;
use crate::command::{Command, Sequenced};
use crate::engine::Engine;
use crate::event::Event;
use crate::types::Sequence;

/// A run of commands with what came of each.
#[derive(Clone, Copy, Debug)]
pub struct Released<'a> {
    /// The commands, contiguous and rising.
    pub commands: &'a [Sequenced<Command>],
    /// For each command the ticket it was submitted with; none for ticks, for start-up commands
    /// and for commands replayed.
    pub tickets: &'a [Option<Ticket>],
    /// For each command the index after its last event in `events`.
    pub ends: &'a [u32],
    /// The events of all commands.
    pub events: &'a [Event],
    /// Everything up to here is durable.
    pub durable: Sequence,
    /// The epoch of the journal.
    pub epoch: u32,
    /// The shard.
    pub shard: u32,
}

impl<'a> Released<'a> {
    /// Each command with its ticket and its events.
    pub fn iter(
        &self,
    ) -> impl Iterator<Item = (&'a Sequenced<Command>, Option<Ticket>, &'a [Event])> + use<'a> {
        let Released {
            commands,
            tickets,
            ends,
            events,
            ..
        } = *self;
        commands.iter().enumerate().map(move |(place, command)| {
            let begin = if place == 0 { 0 } else { ends[place - 1] };
            let range = begin as usize..ends[place] as usize;
            (command, tickets[place], &events[range])
        })
    }
}

/// Who takes what is released. `open`, `replayed` and `recovered` are called on the thread that
/// starts the runtime, in this order; then `release` and `cursor` on the publisher thread.
pub trait Sink: Send {
    /// The journal was accepted and ends at `journal_last`. Opens what this sink keeps and says up
    /// to where it has everything, at most `journal_last`; an error refuses the start.
    fn open(&mut self, journal_last: Sequence) -> Result<Sequence, String>;

    /// History above what [`Sink::open`] answered, derived again by replay, in order.
    fn replayed(&mut self, released: &Released<'_>);

    /// Once, after the replay and before anything is released.
    fn recovered(&mut self, engine: &Engine, epoch: u32);

    /// Durable now. In order, each command once; must not block for long, since the queue behind
    /// it is bounded and a full queue refuses new commands.
    fn release(&mut self, released: &Released<'_>);

    /// Everything up to here is on this sink's own disk.
    fn cursor(&self) -> Sequence;
}

//! A run of commands with what came of each, in buffers that go round between the threads.
//!
//! Invariant: `tickets` and `ends` have one entry a command, and `ends` never falls. Not here:
//! applying (`sequencer`, `replayer`), releasing (`publisher`).

use super::handle::Ticket;
use super::sink::Released;
use crate::command::{Command, Sequenced};
use crate::event::Events;
use crate::types::Sequence;

/// A run of commands with what came of each.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub(crate) commands: Vec<Sequenced<Command>>,
    tickets: Vec<Option<Ticket>>,
    ends: Vec<u32>,
    pub(crate) events: Events,
    /// How many of them hold room in the queue.
    pub(crate) submitted: u32,
}

impl Applied {
    /// Empties it, keeping its room.
    pub(crate) fn clear(&mut self) {
        self.commands.clear();
        self.tickets.clear();
        self.ends.clear();
        self.events.clear();
        self.submitted = 0;
    }

    /// Adds a command whose events have been appended to `events`.
    pub(crate) fn push(&mut self, command: Sequenced<Command>, ticket: Option<Ticket>) {
        let end = u32::try_from(self.events.len()).expect("a run is bounded far below 2^32 events");
        self.commands.push(command);
        self.tickets.push(ticket);
        self.ends.push(end);
        self.submitted += u32::from(ticket.is_some());
    }

    /// The last command, if there is one.
    pub(crate) fn last(&self) -> Option<Sequence> {
        self.commands.last().map(|command| command.sequence)
    }

    /// All of it, as it is handed over.
    pub(crate) fn released(&self, durable: Sequence, epoch: u32, shard: u32) -> Released<'_> {
        Released {
            commands: &self.commands,
            tickets: &self.tickets,
            ends: &self.ends,
            events: self.events.as_slice(),
            durable,
            epoch,
            shard,
        }
    }

    /// What lies above `cursor`, copied; for the one record in which a cursor lies.
    pub(crate) fn above(&self, cursor: Sequence) -> Self {
        let mut rest = Self::default();
        let mut begin = 0;
        for (place, command) in self.commands.iter().enumerate() {
            let end = self.ends[place] as usize;
            if command.sequence > cursor {
                for event in &self.events.as_slice()[begin..end] {
                    rest.events.push(*event);
                }
                rest.push(command.clone(), self.tickets[place]);
            }
            begin = end;
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Body, Envelope, Identity};
    use crate::event::{Event, OperationReport};
    use crate::types::{PrincipalId, Time};

    fn applied(counts: &[usize]) -> Applied {
        let mut applied = Applied::default();
        for (place, count) in counts.iter().enumerate() {
            for index in 0..*count {
                applied.events.push(Event::Operation(OperationReport {
                    reject: None,
                    handle: Some((place * 10 + index) as u32),
                }));
            }
            let command = Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity: Identity::Internal,
                    valid_until: None,
                    authority: None,
                },
                body: Body::Tick,
            };
            let sequenced = Sequenced {
                sequence: Sequence::new(place as u64 + 1),
                time: Time::ZERO,
                value: command,
            };
            applied.push(sequenced, Some(Ticket(place as u64)));
        }
        applied
    }

    #[test]
    fn what_lies_above_a_cursor_keeps_its_own_events() {
        let whole = applied(&[2, 0, 3, 1]);
        for cursor in 0..=4 {
            let rest = whole.above(Sequence::new(cursor));
            let all = whole.released(Sequence::ZERO, 1, 0);
            let released = rest.released(Sequence::ZERO, 1, 0);
            let expected: Vec<_> = all.iter().skip(cursor as usize).collect();
            assert_eq!(released.iter().collect::<Vec<_>>(), expected);
        }
    }
}

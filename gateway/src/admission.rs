//! Who is let in: the one door from calls to the engine's queue.
//!
//! Three bounds stand here. The engine's queue holds so many commands taken and not yet released; a
//! sixteenth of it is kept for operators, so that a flood of orders does not keep a halt out; and
//! the calls of one participant may hold at most a share of it, so that no one keeps the others
//! out. A session has its own credit.
//!
//! Invariant: a refused command changed nothing. Not here: what a command means, rights.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::command::Command;
use engine::engine::Engine;
use engine::engine::{BasketCost, RefusedLine};
use engine::runtime::{Handle, Refused, Submission};
use engine::types::{ParticipantId, Sequence};
use tokio::sync::oneshot;

use crate::errors::Failure;
use crate::replies::{Answer, Replies, session_ticket};

/// One in this many places of the queue is kept for operators.
const OPERATORS_SHARE: u32 = 16;

/// Who is charged for a command while it is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Payer {
    /// A participant's call.
    Participant(ParticipantId),
    /// An operator's call.
    Operator,
    /// A call that reads what is of no participant.
    Reader,
}

/// The door.
#[derive(Clone)]
pub struct Admission {
    handle: Handle,
    replies: Arc<Replies>,
    credits: Arc<Credits>,
}

impl Admission {
    /// The door to `handle`'s queue; `share_max` commands of one payer at a time.
    pub fn new(handle: Handle, replies: Arc<Replies>, share_max: u32) -> Self {
        Self {
            handle,
            replies,
            credits: Arc::new(Credits {
                used: Mutex::default(),
                share_max,
            }),
        }
    }

    /// Sequences one command and waits until its answer is durable.
    ///
    /// # Errors
    /// Not admitted.
    pub async fn submit(&self, payer: Payer, command: Command) -> Result<Answer, Failure> {
        let answers = self.submit_all(payer, vec![command]).await?;
        let lost = Failure::Unknown("no answer was made");
        answers.into_iter().next().ok_or(lost)
    }

    /// Sequences commands, all or none, and waits until their answers are durable. One answer a
    /// command, in order.
    ///
    /// # Errors
    /// Not admitted.
    pub async fn submit_all(
        &self,
        payer: Payer,
        commands: Vec<Command>,
    ) -> Result<Vec<Answer>, Failure> {
        let count = commands.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let _credit = self.credits.take(payer, count as u32)?;
        if payer != Payer::Operator {
            self.leave_room_for_operators(count)?;
        }
        let (ticket, reply) = self.replies.expect(count);
        let taken = self.handle.submit(Submission { ticket, commands });
        if let Err(refused) = taken {
            self.replies.forget(ticket);
            return Err(refused.into());
        }
        reply
            .await
            .map_err(|_| Failure::Unknown("the exchange stopped"))
    }

    /// Hands over a command whose answer nobody waits for, in an operator's place.
    ///
    /// # Errors
    /// Not taken.
    pub fn tell(&self, command: Command) -> Result<(), Refused> {
        let (ticket, _) = self.replies.expect(1);
        let commands = vec![command];
        let taken = self.handle.submit(Submission { ticket, commands });
        if taken.is_err() {
            self.replies.forget(ticket);
        }
        taken
    }

    /// What the engine would say to a command now; nothing is changed.
    ///
    /// # Errors
    /// Not admitted.
    pub async fn validate(
        &self,
        command: Command,
    ) -> Result<Result<Option<BasketCost>, RefusedLine>, Failure> {
        let (sender, receiver) = oneshot::channel();
        let reply = Box::new(move |said| {
            // A caller that went away does not want to know.
            let _ = sender.send(said);
        });
        self.handle.validate(command, reply)?;
        receiver
            .await
            .map_err(|_| Failure::Unknown("the exchange stopped"))
    }

    /// What `see` sees of the engine between two commands, and the last command it saw. `see` runs
    /// on the engine's thread: a page at most. What it saw may not be durable yet.
    ///
    /// # Errors
    /// Not admitted.
    pub async fn look<T: Send + 'static>(
        &self,
        payer: Payer,
        see: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<(Sequence, T), Failure> {
        let _credit = self.credits.take(payer, 1)?;
        self.leave_room_for_operators(1)?;
        let (sender, receiver) = oneshot::channel();
        self.handle.look(Box::new(move |engine| {
            // A caller that went away does not want to know.
            let _ = sender.send((engine.sequence(), see(engine)));
        }))?;
        receiver
            .await
            .map_err(|_| Failure::Unknown("the exchange stopped"))
    }

    /// Hands over a session's batch; its reports go to `connection`. Credit is the session's own.
    ///
    /// # Errors
    /// Not taken.
    pub fn submit_batch(&self, connection: u64, commands: Vec<Command>) -> Result<(), Refused> {
        self.leave_room_for_operators(commands.len())?;
        self.handle.submit(Submission {
            ticket: session_ticket(connection),
            commands,
        })
    }
}

impl Admission {
    fn leave_room_for_operators(&self, count: usize) -> Result<(), Refused> {
        let status = self.handle.status();
        let orders_max = status.queue_max - status.queue_max / OPERATORS_SHARE;
        let used = (status.queue_used as usize).saturating_add(count);
        if used > orders_max as usize {
            return Err(Refused::Full);
        }
        Ok(())
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Busy("the engine's queue of commands is full"),
            Refused::Stopping => Self::Stopping,
            Refused::ClockHeld => Self::ClockHeld,
            Refused::DiskLow => Self::DiskLow,
        }
    }
}

/// Commands under way, by payer.
#[derive(Debug)]
struct Credits {
    used: Mutex<HashMap<Payer, u32>>,
    share_max: u32,
}

/// Commands charged to a payer until this is dropped.
#[derive(Debug)]
struct Credit {
    credits: Arc<Credits>,
    payer: Payer,
    count: u32,
}

impl Credits {
    fn take(self: &Arc<Self>, payer: Payer, count: u32) -> Result<Credit, Failure> {
        let mut table = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = table.get(&payer).copied().unwrap_or(0);
        let sum = used.saturating_add(count);
        if sum > self.share_max {
            return Err(Failure::Busy(
                "this participant's share of the queue is in use",
            ));
        }
        table.insert(payer, sum);
        Ok(Credit {
            credits: Arc::clone(self),
            payer,
            count,
        })
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        let mut table = self
            .credits
            .used
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let left = table
            .get(&self.payer)
            .map_or(0, |used| used.saturating_sub(self.count));
        if left == 0 {
            table.remove(&self.payer);
        } else {
            table.insert(self.payer, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_payer_cannot_take_the_share_of_another() {
        let credits = Arc::new(Credits {
            used: Mutex::default(),
            share_max: 4,
        });
        let (one, other) = (
            Payer::Participant(ParticipantId::new(0)),
            Payer::Participant(ParticipantId::new(1)),
        );
        let held = credits.take(one, 3).expect("3 of 4");
        assert!(credits.take(one, 2).is_err(), "5 of 4");
        let rest = credits.take(one, 1).expect("4 of 4");
        credits.take(other, 4).expect("another's share");
        credits
            .take(Payer::Operator, 4)
            .expect("the operators' share");
        drop(held);
        credits.take(one, 3).expect("given back");
        drop(rest);
        assert!(credits.used.lock().expect("no panic").is_empty());
    }
}

//! Answers on their way back: from the publisher thread to the callers that wait.
//!
//! The publisher puts a whole group of answers into one outbox and wakes one task, once; that task
//! hands them out. Measured, a wake-up across threads costs 20 to 45 us and one an order costs
//! more than the order.
//!
//! Invariant: each ticket is answered once; what waits is bounded by what admission lets in. Not
//! here: who is let in (`admission`), which event answers (`hub`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use engine::event::Event;
use engine::runtime::Ticket;
use engine::types::{Sequence, SessionId};
use proto::v1;
use tokio::sync::{Notify, oneshot};

use crate::session::Connection;
use crate::telemetry::Telemetry;
use crate::to_proto::{Place, fired};

/// Tickets of session connections have this bit; the rest is the connection's number.
const SESSION_BIT: u64 = 1 << 63;

/// What a command was answered: the event, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The event's place.
    pub place: Place,
    /// The event.
    pub event: Event,
}

/// Something for one caller.
#[derive(Debug)]
pub enum Delivery {
    /// An answer for a call.
    Call(Ticket, Answer),
    /// Reports for a session's connection.
    Session(u64, SessionDelivery),
    /// Word that a session's dead-man timer fired at this place, for whoever serves it.
    Fired(SessionId, Sequence),
}

/// Reports for a session's connection, of commands that are durable now.
#[derive(Debug, Default)]
pub struct SessionDelivery {
    /// The reports, without credit.
    pub reports: v1::SessionReports,
    /// How many commands they answer.
    pub commands: u32,
}

/// A call that waits for `missing` more answers.
#[derive(Debug)]
struct Waiting {
    answers: Vec<Answer>,
    missing: usize,
    since: Instant,
    reply: oneshot::Sender<Vec<Answer>>,
}

/// The answers of one submission, in the order of its commands.
pub type Reply = oneshot::Receiver<Vec<Answer>>;

/// The router of answers.
#[derive(Debug, Default)]
pub struct Replies {
    outbox: Mutex<Vec<Delivery>>,
    filled: Notify,
    waiting: Mutex<HashMap<u64, Waiting>>,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    next_ticket: AtomicU64,
    telemetry: Arc<Telemetry>,
}

impl Replies {
    /// No answers yet; latencies go to `telemetry`.
    pub fn new(telemetry: Arc<Telemetry>) -> Self {
        Self {
            telemetry,
            ..Self::default()
        }
    }

    /// A ticket for a call of `count` commands, and where its answers arrive.
    pub fn expect(&self, count: usize) -> (Ticket, Reply) {
        let number = self.next_ticket.fetch_add(1, Ordering::Relaxed) & !SESSION_BIT;
        let (reply, receiver) = oneshot::channel();
        let waiting = Waiting {
            answers: Vec::with_capacity(count),
            missing: count,
            since: Instant::now(),
            reply,
        };
        lock(&self.waiting).insert(number, waiting);
        (Ticket(number), receiver)
    }

    /// The ticket was not used.
    pub fn forget(&self, ticket: Ticket) {
        lock(&self.waiting).remove(&ticket.0);
    }

    /// No answer will come any more: who waits is told so.
    pub fn abandon(&self) {
        lock(&self.waiting).clear();
    }

    /// Calls that wait.
    pub fn waiting(&self) -> usize {
        lock(&self.waiting).len()
    }

    /// From now on reports for this connection find it.
    pub fn connect(&self, connection: Arc<Connection>) {
        lock(&self.connections).insert(connection.number(), connection);
    }

    /// The connection is gone.
    pub fn disconnect(&self, connection: &Connection) {
        lock(&self.connections).remove(&connection.number());
    }

    /// Takes a group of deliveries and wakes the task that hands them out. Publisher thread.
    pub fn push(&self, group: &mut Vec<Delivery>) {
        if group.is_empty() {
            return;
        }
        lock(&self.outbox).append(group);
        self.filled.notify_one();
    }

    /// Hands out answers for as long as the process runs.
    pub async fn run(self: Arc<Self>) {
        let mut group = Vec::new();
        loop {
            self.filled.notified().await;
            std::mem::swap(&mut group, &mut *lock(&self.outbox));
            for delivery in group.drain(..) {
                match delivery {
                    Delivery::Call(ticket, answer) => self.answer(ticket, answer),
                    Delivery::Session(number, delivery) => self.report(number, delivery),
                    Delivery::Fired(session, sequence) => self.fired(session, sequence),
                }
            }
        }
    }

    fn answer(&self, ticket: Ticket, answer: Answer) {
        let mut table = lock(&self.waiting);
        let Some(waiting) = table.get_mut(&ticket.0) else {
            return;
        };
        waiting.answers.push(answer);
        waiting.missing = waiting.missing.saturating_sub(1);
        if waiting.missing > 0 {
            return;
        }
        if let Some(done) = table.remove(&ticket.0) {
            drop(table);
            let count = done.answers.len() as u64;
            self.telemetry.answered(done.since.elapsed(), count);
            // A caller that went away learns the answer by its id.
            let _ = done.reply.send(done.answers);
        }
    }

    fn fired(&self, session: SessionId, sequence: Sequence) {
        let connections = lock(&self.connections);
        let mut serving = connections.values();
        let serving = serving.find(|one| one.session() == Some(session)).cloned();
        drop(connections);
        if let Some(connection) = serving {
            let reports = v1::SessionReports {
                durable_sequence: sequence.value(),
                dead_man: vec![fired(sequence)],
                ..v1::SessionReports::default()
            };
            let commands = 0;
            connection.deliver(SessionDelivery { reports, commands }, &self.telemetry);
        }
    }

    fn report(&self, number: u64, delivery: SessionDelivery) {
        let connection = lock(&self.connections).get(&number).cloned();
        if let Some(connection) = connection {
            connection.deliver(delivery, &self.telemetry);
        }
    }
}

/// The ticket of a session's connection.
pub const fn session_ticket(connection: u64) -> Ticket {
    Ticket(connection | SESSION_BIT)
}

/// The connection a ticket belongs to, if it is a session's.
pub const fn session_of(ticket: Ticket) -> Option<u64> {
    if ticket.0 & SESSION_BIT == 0 {
        None
    } else {
        Some(ticket.0 & !SESSION_BIT)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

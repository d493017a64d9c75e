//! Sessions: many orders a message, exactly once, over connections that come and go.
//!
//! One task reads a connection: it opens the session in the engine, then takes batches. Only the
//! number after the last one taken is right, so what was refused refuses all that was pipelined
//! behind it. Answers come from `replies` through [`Connection::deliver`].
//!
//! Invariant: of the connections of one session only the newest can submit, and what it submits
//! stands in the queue behind all that older ones did. Not here: what a command means.

mod backlog;
mod connection;
mod registry;
#[cfg(test)]
mod slow_tests;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use engine::command::Command;
use engine::event::Event;
use engine::reject::RejectReason;
use engine::runtime::Refused;
use engine::types::{Name, PrincipalId, SessionId};
use proto::v1;
use tonic::{Status, Streaming};

pub use backlog::{Backlog, LINES_OF_ALL_MAX};
pub use connection::{Close, Connection, LINES_QUEUED_MAX, Outbound};
pub use registry::{CONNECTIONS_MAX, Sessions};
use v1::session_request::Request as Wire;

use crate::admission::Payer;
use crate::errors::{Failure, RETRY_AFTER, RETRY_AFTER_DISK, RETRY_AFTER_STOP};
use crate::exchange::Exchange;
use crate::from_proto;

/// Commands a client may have under way: four batches of the largest size.
pub const CREDIT: u32 = 16_384;
/// The most commands of a batch.
pub const BATCH_COMMANDS_MAX: usize = 4_096;
/// How long a connection may take to say which session it wants.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// A session that is open on a connection.
struct Open<'a> {
    exchange: &'a Exchange,
    connection: &'a Arc<Connection>,
    session: SessionId,
    principal: PrincipalId,
    /// The only number that is right next.
    expected: u64,
}

/// Begins to serve a connection; the answers come out of the stream.
pub fn begin(
    exchange: Arc<Exchange>,
    principal: PrincipalId,
    inbound: Streaming<v1::SessionRequest>,
) -> Outbound {
    let sessions = &exchange.sessions;
    let (connection, outbound) = Connection::begin(sessions.next_number(), sessions.backlog());
    tokio::spawn(serve(exchange, principal, inbound, connection));
    outbound
}

/// Serves a connection to its end.
async fn serve(
    exchange: Arc<Exchange>,
    principal: PrincipalId,
    mut inbound: Streaming<v1::SessionRequest>,
    connection: Arc<Connection>,
) {
    let mut shutdown = exchange.shutdown.clone();
    let read = read(&exchange, principal, &mut inbound, &connection);
    let close = tokio::select! {
        close = read => close,
        () = connection.closed() => None,
        _ = shutdown.wait_for(|stopping| *stopping) => Some(Close::SHUTTING_DOWN),
    };
    connection.drained().await;
    connection.close(close);
    exchange.replies.disconnect(&connection);
    detach(&exchange, &connection).await;
}

/// Nobody serves the session from now on, unless a newer connection does; one that cancels on
/// disconnect is told so, until the engine takes it or a newer connection comes.
async fn detach(exchange: &Exchange, connection: &Arc<Connection>) {
    loop {
        let told = exchange.sessions.detach(connection, |principal, name| {
            let directory = exchange.directory.read();
            let Some(session) = directory.sessions.cancelling(principal, name) else {
                return Ok(());
            };
            let gone = from_proto::session_disconnected(session, principal);
            exchange.admission.tell(gone)
        });
        match told {
            // A start of the exchange cancels for all sessions that asked for it.
            Ok(()) | Err(Refused::Stopping) => return,
            Err(Refused::Full | Refused::ClockHeld | Refused::DiskLow) => {
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Reads the connection until it ends; answers why the server ends it, if the server does.
async fn read(
    exchange: &Exchange,
    principal: PrincipalId,
    inbound: &mut Streaming<v1::SessionRequest>,
    connection: &Arc<Connection>,
) -> Option<Close> {
    let first = tokio::time::timeout(OPEN_WITHIN, inbound.message()).await;
    let Ok(Ok(Some(v1::SessionRequest {
        request: Some(Wire::Open(request)),
    }))) = first
    else {
        return Some(Close::NOT_OPENED);
    };
    let cancels = request.cancel_on_disconnect;
    let command = match from_proto::open_session(&request, principal) {
        Ok(command) => command,
        Err(failure) => return connection.fail(failure.into()),
    };
    let mut open = match Open::begin(exchange, connection, principal, command, cancels).await {
        Ok(open) => open,
        Err(Ended::Close(close)) => return Some(close),
        Err(Ended::Status(status)) => return connection.fail(status),
    };
    loop {
        let request = match inbound.message().await {
            Ok(Some(message)) => message.request,
            Ok(None) => return None,
            // The connection is gone, or a message was above the size limit: tonic says which.
            Err(status) => return connection.fail(status),
        };
        let flow = match request {
            Some(Wire::Batch(batch)) => open.batch(&batch),
            Some(Wire::Open(_)) | None => ControlFlow::Break(Close::NOT_OPENED),
        };
        if let ControlFlow::Break(close) = flow {
            return Some(close);
        }
    }
}

/// Why the engine did not open a session.
fn why_not_opened(event: Event) -> Close {
    if let Event::Operation(report) = event
        && report
            .reject
            .is_some_and(|reject| reject.reason == RejectReason::TooMany)
    {
        Close::TOO_MANY_SESSIONS
    } else {
        Close::UNKNOWN_SESSION
    }
}

/// Why a session could not be opened.
enum Ended {
    Close(Close),
    Status(Status),
}

impl<'a> Open<'a> {
    /// Opens or resumes the session in the engine. Older connections of it are cut first, so that
    /// everything they submitted stands before the opening in the queue.
    async fn begin(
        exchange: &'a Exchange,
        connection: &'a Arc<Connection>,
        principal: PrincipalId,
        (name, command): (Name, Command),
        cancels: Option<bool>,
    ) -> Result<Self, Ended> {
        exchange
            .sessions
            .attach(principal, name, connection)
            .map_err(Ended::Close)?;
        let answer = exchange
            .admission
            .submit(Payer::Operator, command)
            .await
            .map_err(|failure: Failure| Ended::Status(failure.into()))?;
        let Event::SessionOpened(opened) = answer.event else {
            return Err(Ended::Close(why_not_opened(answer.event)));
        };
        if let Some(cancels) = cancels {
            let policy = from_proto::disconnect_policy(opened.session, cancels, principal);
            let set = exchange.admission.submit(Payer::Operator, policy).await;
            set.map_err(|failure: Failure| Ended::Status(failure.into()))?;
        }
        exchange.replies.connect(Arc::clone(connection));
        let answered = v1::SessionOpened {
            watermark: opened.watermark,
            credit: CREDIT,
            epoch: answer.place.epoch,
            shard: answer.place.shard,
            durable_sequence: answer.place.sequence.value(),
        };
        connection.open(opened.session, &answered);
        Ok(Self {
            exchange,
            connection,
            session: opened.session,
            principal,
            expected: opened.watermark + 1,
        })
    }

    /// Takes a batch, refuses it, or ends the session.
    fn batch(&mut self, batch: &v1::SessionBatch) -> ControlFlow<Close> {
        let count = batch.commands.len();
        let first = batch.commands.first().map_or(0, |one| one.client_sequence);
        if !self.connection.spend(count) {
            return ControlFlow::Break(Close::CREDIT_EXCEEDED);
        }
        if count > BATCH_COMMANDS_MAX {
            let text = format!("{count} commands; at most {BATCH_COMMANDS_MAX} are right");
            return self.refuse(batch, "BATCH_TOO_LARGE", Duration::ZERO, text);
        }
        let commands = match from_proto::session_batch(batch, self.session, self.principal) {
            Ok(commands) => commands,
            Err(failure) => {
                return self.refuse(batch, "MALFORMED", Duration::ZERO, failure.to_string());
            }
        };
        if first < self.expected {
            self.connection.duplicate(first, count);
            return ControlFlow::Continue(());
        }
        if first > self.expected {
            let text = format!("begins at {first}; {} is next", self.expected);
            return self.refuse(batch, "SEQUENCE_GAP", Duration::ZERO, text);
        }
        let admission = &self.exchange.admission;
        let number = self.connection.number();
        let last = first.saturating_add(count as u64).saturating_sub(1);
        let submit = || admission.submit_batch(number, commands);
        match self.connection.submit(last, count, submit) {
            None => ControlFlow::Break(Close::NEWER_CONNECTION),
            Some(Ok(())) => {
                self.expected = last + 1;
                ControlFlow::Continue(())
            }
            Some(Err(Refused::Full)) => {
                let text = "the engine's queue of commands is full; send the same batch again";
                self.refuse(batch, "BUSY", RETRY_AFTER, text.to_owned())
            }
            Some(Err(Refused::ClockHeld)) => {
                let text = Failure::ClockHeld.to_string();
                self.refuse(batch, "CLOCK_HELD", RETRY_AFTER_STOP, text)
            }
            Some(Err(Refused::DiskLow)) => {
                let text = Failure::DiskLow.to_string();
                self.refuse(batch, "DISK_LOW", RETRY_AFTER_DISK, text)
            }
            Some(Err(Refused::Stopping)) => ControlFlow::Break(Close::SHUTTING_DOWN),
        }
    }

    fn refuse(
        &self,
        batch: &v1::SessionBatch,
        reason: &str,
        retry_after: Duration,
        text: String,
    ) -> ControlFlow<Close> {
        let number = |one: Option<&v1::SessionCommand>| one.map_or(0, |one| one.client_sequence);
        let refused = v1::SessionRefused {
            first_client_sequence: number(batch.commands.first()),
            last_client_sequence: number(batch.commands.last()),
            reason: reason.to_owned(),
            expected_client_sequence: self.expected,
            retry_after_ms: retry_after.as_millis() as u32,
            text,
        };
        self.connection.refuse(refused, batch.commands.len());
        ControlFlow::Continue(())
    }
}

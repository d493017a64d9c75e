//! A Session over any number of connections: exactly once, across restarts of the gateway.
//!
//! Invariant: each command handed in is answered by exactly one of [`SessionEvent::Answers`],
//! `Settled` and `Refused`, or the Session ends with an error. Whoever hands commands in must also
//! take events, else both sides wait. Not here: which reports a settled command had; they come by
//! the private stream (`executions`).

use proto::v1::{
    OpenSession, SessionClosed, SessionOpened, SessionRequest, SessionResponse, session_request,
    session_response::Response,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{
    Backoff,
    connect::{Connection, is_worth_a_retry},
    session_state::{Answer, ContractAnswer, Outgoing, Refusals, SessionError, Window},
};

/// The most commands of one Session that are not durable: the memory of a lost connection.
pub const UNANSWERED_MAX: usize = 65_536;
/// Commands that wait to be taken over by the Session; a full batch fits.
const INPUT_MAX: usize = 4_096;
/// Messages that wait for whoever takes the events.
const EVENTS_MAX: usize = 256;
/// Batches handed to the connection and not yet written.
const BATCHES_MAX: usize = 8;
/// How long the gateway may take to answer the opening of a Session.
const OPEN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// What happened on a Session.
#[derive(Debug)]
pub enum SessionEvent {
    /// A connection stands; `connections` counts them from 1.
    Opened {
        /// Which connection this is.
        connections: u32,
        /// Everything up to this engine sequence is durable.
        durable_sequence: u64,
    },
    /// Reports of durable commands.
    Answers {
        /// With the tokens of their commands.
        answers: Vec<Answer>,
        /// The same of reserves.
        contracts: Vec<ContractAnswer>,
        /// Everything up to this engine sequence is durable.
        durable_sequence: u64,
    },
    /// These commands are durable, but their reports were lost with a connection.
    Settled(Vec<u64>),
    /// These commands were refused and are given up: nothing of them was sequenced.
    Refused(Vec<u64>),
}

/// Both ends of a running Session.
pub struct Session {
    /// Commands go in here; dropping it ends the Session once everything is durable.
    pub commands: mpsc::Sender<Outgoing>,
    /// Events come out here.
    pub events: mpsc::Receiver<SessionEvent>,
    /// Ends when the Session does.
    pub task: tokio::task::JoinHandle<Result<(), SessionError>>,
}

impl Session {
    /// Starts a Session that was never opened before.
    pub fn start(connection: Connection, session_id: String, refusals: Refusals) -> Self {
        let (commands, input) = mpsc::channel(INPUT_MAX);
        let (output, events) = mpsc::channel(EVENTS_MAX);
        let driver = Driver {
            connection,
            session_id,
            window: Window::new(refusals),
            input,
            input_open: true,
            output,
            connections: 0,
            until: Instant::now(),
        };
        Self {
            commands,
            events,
            task: tokio::spawn(driver.run()),
        }
    }
}

struct Driver {
    connection: Connection,
    session_id: String,
    window: Window,
    input: mpsc::Receiver<Outgoing>,
    input_open: bool,
    output: mpsc::Sender<SessionEvent>,
    connections: u32,
    until: Instant,
}

/// Why one connection ended without an error of the Session.
enum Ended {
    /// Everything is durable and nothing more will come.
    Done,
    /// The connection broke.
    Broken(Status),
}

impl Driver {
    async fn run(mut self) -> Result<(), SessionError> {
        let mut backoff = Backoff::new();
        self.until = Instant::now() + self.connection.patience();
        loop {
            let connections = self.connections;
            let status = match self.connect_once().await? {
                Ended::Done => return Ok(()),
                Ended::Broken(status) => status,
            };
            if self.connections > connections {
                backoff = Backoff::new();
            }
            if !is_worth_a_retry(&status) || Instant::now() > self.until {
                return Err(SessionError::Gone(status));
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    async fn connect_once(&mut self) -> Result<Ended, SessionError> {
        let (batches, requests) = mpsc::channel(BATCHES_MAX);
        let open = SessionRequest {
            request: Some(session_request::Request::Open(OpenSession {
                session_id: self.session_id.clone(),
                last_client_sequence: self.window.acknowledged(),
                cancel_on_disconnect: None,
            })),
        };
        if batches.send(open).await.is_err() {
            return Err(SessionError::Abandoned);
        }
        let mut client = self.connection.order_entry();
        let call = client.session(ReceiverStream::new(requests));
        let mut stream = match tokio::time::timeout(OPEN_TIMEOUT, call).await {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return Ok(Ended::Broken(status)),
            Err(_) => {
                return Ok(Ended::Broken(Status::unavailable(
                    "the session never opened",
                )));
            }
        };
        let first = match tokio::time::timeout(OPEN_TIMEOUT, stream.message()).await {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => return Ok(Ended::Broken(ended())),
            Ok(Err(status)) => return Ok(Ended::Broken(status)),
            Err(_) => {
                return Ok(Ended::Broken(Status::unavailable(
                    "the session never opened",
                )));
            }
        };
        match first.response {
            Some(Response::Opened(opened)) => self.opened(opened).await?,
            Some(Response::Closed(closed)) => return closing(closed),
            _ => {
                return Ok(Ended::Broken(Status::unavailable(
                    "the session did not open",
                )));
            }
        }
        self.exchange(&mut stream, &batches).await
    }

    async fn opened(&mut self, opened: SessionOpened) -> Result<(), SessionError> {
        self.connections += 1;
        self.until = Instant::now() + self.connection.patience();
        let settled = self.window.opened(opened.watermark, opened.credit)?;
        self.tell(SessionEvent::Opened {
            connections: self.connections,
            durable_sequence: opened.durable_sequence,
        })
        .await?;
        self.tell_tokens(settled, SessionEvent::Settled).await
    }

    async fn exchange(
        &mut self,
        stream: &mut Streaming<SessionResponse>,
        batches: &mpsc::Sender<SessionRequest>,
    ) -> Result<Ended, SessionError> {
        let mut arrived = Vec::with_capacity(INPUT_MAX);
        loop {
            if !self.input_open && self.window.is_empty() {
                return Ok(Ended::Done);
            }
            let now = Instant::now();
            let ready = self.window.is_ready(now);
            let pause = self.window.not_before().filter(|instant| *instant > now);
            let room = UNANSWERED_MAX
                .saturating_sub(self.window.len())
                .min(INPUT_MAX);
            let takes = self.input_open && room > 0;
            tokio::select! {
                message = stream.message() => {
                    let message = match message {
                        Ok(Some(message)) => message,
                        Ok(None) => return Ok(Ended::Broken(ended())),
                        Err(status) => return Ok(Ended::Broken(status)),
                    };
                    self.until = Instant::now() + self.connection.patience();
                    if let Some(end) = self.take(message).await? {
                        return Ok(end);
                    }
                }
                count = self.input.recv_many(&mut arrived, room), if takes => {
                    self.input_open = count > 0;
                    arrived.drain(..).for_each(|command| self.window.push(command));
                }
                permit = batches.reserve(), if ready => match permit {
                    Ok(permit) => {
                        if let Some(batch) = self.window.next_batch(now) {
                            permit.send(SessionRequest {
                                request: Some(session_request::Request::Batch(batch)),
                            });
                        }
                    }
                    Err(_) => return Ok(Ended::Broken(ended())),
                },
                () = sleep_until(pause), if pause.is_some() => {}
            }
        }
    }

    async fn take(&mut self, message: SessionResponse) -> Result<Option<Ended>, SessionError> {
        match message.response {
            Some(Response::Reports(reports)) => {
                let durable_sequence = reports.durable_sequence;
                let reported = self.window.reports(reports)?;
                self.tell(SessionEvent::Answers {
                    answers: reported.answers,
                    contracts: reported.contracts,
                    durable_sequence,
                })
                .await?;
                self.tell_tokens(reported.settled, SessionEvent::Settled)
                    .await?;
                self.tell_tokens(reported.dropped, SessionEvent::Refused)
                    .await?;
            }
            Some(Response::Refused(refused)) => {
                let dropped = self.window.refused(refused, Instant::now())?;
                self.tell_tokens(dropped, SessionEvent::Refused).await?;
            }
            Some(Response::Duplicate(duplicate)) => {
                let settled = self
                    .window
                    .duplicate(duplicate.first_client_sequence, duplicate.watermark)?;
                self.tell_tokens(settled, SessionEvent::Settled).await?;
            }
            Some(Response::Credit(credit)) => self.window.add_credit(credit.commands),
            Some(Response::Closed(closed)) => return closing(closed).map(Some),
            Some(Response::Opened(_)) | None => {}
        }
        Ok(None)
    }

    async fn tell_tokens(
        &self,
        tokens: Vec<u64>,
        event: fn(Vec<u64>) -> SessionEvent,
    ) -> Result<(), SessionError> {
        if tokens.is_empty() {
            return Ok(());
        }
        self.tell(event(tokens)).await
    }

    async fn tell(&self, event: SessionEvent) -> Result<(), SessionError> {
        self.output
            .send(event)
            .await
            .map_err(|_| SessionError::Abandoned)
    }
}

fn ended() -> Status {
    Status::unavailable("the gateway ended the session's stream")
}

async fn sleep_until(instant: Option<Instant>) {
    if let Some(instant) = instant {
        tokio::time::sleep_until(instant).await;
    }
}

/// Whether a closed Session can be opened again.
fn closing(closed: SessionClosed) -> Result<Ended, SessionError> {
    match closed.reason.as_str() {
        "SLOW_CONSUMER" | "TOO_MANY_SESSIONS" | "SHUTTING_DOWN" => {
            Ok(Ended::Broken(Status::unavailable(closed.text)))
        }
        _ => Err(SessionError::Closed {
            reason: closed.reason,
            text: closed.text,
        }),
    }
}

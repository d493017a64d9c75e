//! One connection of a session: what goes out, what is under way, and its end.
//!
//! Invariant: the client never has more credit than `CREDIT` less what is under way; reports that
//! wait for a slow reader are bounded, and past the bound the connection is closed. After
//! [`Connection::close`] nothing is submitted and nothing goes out. Not here: what a batch holds.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use proto::v1;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tonic::Status;
use v1::session_response::Response as Wire;

use super::CREDIT;
use crate::replies::SessionDelivery;
use crate::telemetry::Telemetry;

/// Reports that may wait for a reader: some tens of megabytes, sixteen for each command of a full
/// credit. A connection that lets more pile up is closed, and finds them in StreamExecutions.
pub const REPORTS_QUEUED_MAX: usize = 262_144;
/// The most reports of one message: with the largest of them below 1 MiB.
const REPORTS_OF_MESSAGE_MAX: usize = 4_096;

/// Why the server ends a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Close {
    reason: &'static str,
    text: &'static str,
}

impl Close {
    /// More was sent than the credit allowed.
    pub const CREDIT_EXCEEDED: Self = Self {
        reason: "CREDIT_EXCEEDED",
        text: "more commands were sent than the credit allowed; open the session again, send from \
               the watermark plus one, and count the credit",
    };
    /// A newer connection opened the session.
    pub const NEWER_CONNECTION: Self = Self {
        reason: "NEWER_CONNECTION",
        text: "another connection opened this session; only the newest one is served",
    };
    /// The session is not known, or belongs to another principal.
    pub const UNKNOWN_SESSION: Self = Self {
        reason: "UNKNOWN_SESSION",
        text: "the session is not known here under this principal; if it should be, do not begin \
               again at 0 before you have compared your orders with StreamExecutions",
    };
    /// The first message did not open a session, or a later one did.
    pub const NOT_OPENED: Self = Self {
        reason: "NOT_OPENED",
        text: "the first message must be `open`, within 10 s, and every later one a `batch`",
    };
    /// The reader is too slow.
    pub const SLOW_CONSUMER: Self = Self {
        reason: "SLOW_CONSUMER",
        text: "too many reports waited to be read; open the session again and take the missing \
               reports from StreamExecutions",
    };
    /// There are as many sessions as there may be.
    pub const TOO_MANY_SESSIONS: Self = Self {
        reason: "TOO_MANY_SESSIONS",
        text: "there are as many sessions or connections as there may be",
    };
    /// The gateway stops.
    pub const SHUTTING_DOWN: Self = Self {
        reason: "SHUTTING_DOWN",
        text: "the gateway is stopping; open the session again after its restart and send from \
               the watermark plus one",
    };
}

type Message = Result<v1::SessionResponse, Status>;

/// What is under way, and the way out.
#[derive(Debug)]
struct State {
    /// None once the connection is closed.
    out: Option<mpsc::UnboundedSender<Message>>,
    /// Commands the client may still send.
    credit: u32,
    /// Commands submitted and not yet answered.
    under_way: u32,
    /// The highest number on disk.
    watermark: u64,
    /// When the batches under way were submitted: last number, commands, instant.
    submitted: VecDeque<(u64, u32, Instant)>,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    number: u64,
    state: Mutex<State>,
    /// Reports that wait to be read.
    queued: AtomicUsize,
    /// Whether it is closed, and whether anything is under way.
    progress: watch::Sender<Progress>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    closed: bool,
    busy: bool,
}

/// The stream of answers of one connection.
#[derive(Debug)]
pub struct Outbound {
    messages: mpsc::UnboundedReceiver<Message>,
    connection: Arc<Connection>,
}

impl Connection {
    /// A connection and the stream of its answers.
    pub fn begin(number: u64) -> (Arc<Self>, Outbound) {
        let (out, messages) = mpsc::unbounded_channel();
        let connection = Arc::new(Self {
            number,
            state: Mutex::new(State {
                out: Some(out),
                credit: CREDIT,
                under_way: 0,
                watermark: 0,
                submitted: VecDeque::new(),
            }),
            queued: AtomicUsize::new(0),
            progress: watch::channel(Progress::default()).0,
        });
        let outbound = Outbound {
            messages,
            connection: Arc::clone(&connection),
        };
        (connection, outbound)
    }

    /// Its number among the connections since the start.
    pub const fn number(&self) -> u64 {
        self.number
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the answer of the opening.
    pub fn open(&self, opened: &v1::SessionOpened) {
        let mut state = self.lock();
        state.watermark = opened.watermark;
        state.send(Wire::Opened(*opened));
    }

    /// Spends credit; false when there is not enough.
    pub fn spend(&self, count: usize) -> bool {
        let mut state = self.lock();
        match (state.credit as usize).checked_sub(count) {
            Some(left) => {
                state.credit = left as u32;
                true
            }
            None => false,
        }
    }

    /// Carries out `submit` unless the connection is closed; while it runs, it cannot be closed.
    /// The batch ends at number `last` and holds `count` commands.
    pub fn submit<E>(
        &self,
        last: u64,
        count: usize,
        submit: impl FnOnce() -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let mut state = self.lock();
        state.out.as_ref()?;
        let taken = submit();
        if taken.is_ok() {
            state.under_way += count as u32;
            state
                .submitted
                .push_back((last, count as u32, Instant::now()));
            self.progress.send_modify(|progress| progress.busy = true);
        }
        Some(taken)
    }

    /// A batch was not taken; its credit comes back.
    pub fn refuse(&self, refused: v1::SessionRefused, count: usize) {
        let mut state = self.lock();
        state.send(Wire::Refused(refused));
        state.give_back(count);
    }

    /// A batch was taken before; its credit comes back.
    pub fn duplicate(&self, first: u64, count: usize) {
        let mut state = self.lock();
        let watermark = state.watermark;
        state.send(Wire::Duplicate(v1::SessionDuplicate {
            first_client_sequence: first,
            watermark,
        }));
        state.give_back(count);
    }

    /// Sends reports of commands that are durable now, with the credit they give back.
    pub fn deliver(&self, delivery: SessionDelivery, telemetry: &Telemetry) {
        let SessionDelivery { reports, commands } = delivery;
        let queued = self
            .queued
            .fetch_add(reports.reports.len(), Ordering::Relaxed);
        let mut state = self.lock();
        state.watermark = state.watermark.max(reports.watermark);
        state.under_way = state.under_way.saturating_sub(commands);
        state.credit = state.credit.saturating_add(commands);
        state.measure(telemetry);
        state.send_reports(reports, commands);
        if state.under_way == 0 {
            self.progress.send_modify(|progress| progress.busy = false);
        }
        drop(state);
        if queued > REPORTS_QUEUED_MAX {
            self.close(Some(Close::SLOW_CONSUMER));
        }
    }

    /// Ends the stream with a gRPC error.
    pub fn fail(&self, status: Status) -> Option<Close> {
        if let Some(out) = self.lock().out.take() {
            // A client that is gone does not read its error.
            let _ = out.send(Err(status));
        }
        self.mark_closed();
        None
    }

    /// Ends the stream; `why` is the last message, if the server ends it.
    pub fn close(&self, why: Option<Close>) {
        let mut state = self.lock();
        let watermark = state.watermark;
        if let Some(why) = why {
            state.send(Wire::Closed(v1::SessionClosed {
                reason: why.reason.to_owned(),
                text: why.text.to_owned(),
                watermark,
            }));
        }
        state.out = None;
        drop(state);
        self.mark_closed();
    }

    fn mark_closed(&self) {
        self.progress.send_modify(|progress| progress.closed = true);
    }

    /// Until the connection is closed.
    pub async fn closed(&self) {
        let mut progress = self.progress.subscribe();
        // The sender lives as long as `self`.
        let _ = progress.wait_for(|now| now.closed).await;
    }

    /// Until the connection is closed or nothing is under way.
    pub async fn drained(&self) {
        let mut progress = self.progress.subscribe();
        // The sender lives as long as `self`.
        let _ = progress.wait_for(|now| now.closed || !now.busy).await;
    }
}

impl State {
    fn send(&self, response: Wire) {
        if let Some(out) = &self.out {
            // A client that is gone finds its reports in StreamExecutions.
            let _ = out.send(Ok(v1::SessionResponse {
                response: Some(response),
            }));
        }
    }

    fn give_back(&mut self, count: usize) {
        let commands = count as u32;
        self.credit = self.credit.saturating_add(commands);
        self.send(Wire::Credit(v1::SessionCredit { commands }));
    }

    /// Sends reports in messages of bounded size; the credit goes with the last.
    fn send_reports(&self, mut reports: v1::SessionReports, credit: u32) {
        while reports.reports.len() > REPORTS_OF_MESSAGE_MAX {
            let rest = reports.reports.split_off(REPORTS_OF_MESSAGE_MAX);
            let (words, mut rest_words): (Vec<_>, Vec<_>) = reports
                .reject_words
                .into_iter()
                .partition(|words| (words.report as usize) < REPORTS_OF_MESSAGE_MAX);
            for words in &mut rest_words {
                words.report = words.report.saturating_sub(REPORTS_OF_MESSAGE_MAX as u32);
            }
            self.send(Wire::Reports(v1::SessionReports {
                reports: reports.reports,
                reject_words: words,
                durable_sequence: reports.durable_sequence,
                ..v1::SessionReports::default()
            }));
            reports.reports = rest;
            reports.reject_words = rest_words;
        }
        self.send(Wire::Reports(v1::SessionReports { credit, ..reports }));
    }

    fn measure(&mut self, telemetry: &Telemetry) {
        while let Some((last, count, since)) = self.submitted.front().copied() {
            if last > self.watermark {
                return;
            }
            telemetry.answered(since.elapsed(), u64::from(count));
            self.submitted.pop_front();
        }
    }
}

impl Stream for Outbound {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let next = self.messages.poll_recv(context);
        if let Poll::Ready(Some(Ok(message))) = &next
            && let Some(Wire::Reports(reports)) = &message.response
        {
            let taken = reports.reports.len();
            self.connection.queued.fetch_sub(taken, Ordering::Relaxed);
        }
        next
    }
}

impl Drop for Outbound {
    /// The transport dropped the stream: the client is gone.
    fn drop(&mut self) {
        self.connection.close(None);
    }
}

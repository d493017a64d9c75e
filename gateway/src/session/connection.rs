//! One connection of a session: what goes out, what is under way, and its end.
//!
//! Invariant: the client never has more credit than `CREDIT` less what is under way; what waits
//! for a slow reader is bounded, every kind of message, and past the bound the connection is cut
//! and what waited is dropped at once, whether or not it is ever read. After [`Connection::close`]
//! nothing is submitted and nothing is added. Not here: what a batch holds, the bound on all
//! connections together (`backlog`).

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use engine::types::SessionId;
use proto::v1;
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::Status;
use v1::session_response::Response as Wire;

use super::CREDIT;
use super::backlog::Backlog;
use crate::outlet::{Feeder, Taker, outlet};
use crate::replies::SessionDelivery;
use crate::telemetry::Telemetry;

/// Lines that may wait for a reader: some tens of megabytes, sixteen for each command of a full
/// credit. A line is a report, the result of a mass cancel, or a message with neither. A connection
/// that lets more pile up is cut, and finds its reports in StreamExecutions.
pub const LINES_QUEUED_MAX: usize = 262_144;
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
        text: "too much waited to be read, and was dropped; open the session again and take the \
               missing reports from StreamExecutions",
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

/// A message that waits: its number among those of all connections, its lines.
#[derive(Debug)]
struct Queued {
    number: u64,
    lines: usize,
    message: Message,
}

/// What is under way.
#[derive(Debug)]
struct State {
    /// Nothing is submitted or added any more.
    closed: bool,
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
    /// The session it serves, once that is open.
    session: OnceLock<SessionId>,
    state: Mutex<State>,
    /// The way out.
    out: Feeder<Queued>,
    /// Lines that wait to be read.
    lines: AtomicUsize,
    backlog: Arc<Backlog>,
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
    messages: Taker<Queued>,
    connection: Arc<Connection>,
}

impl Connection {
    /// A connection and the stream of its answers.
    pub fn begin(number: u64, backlog: &Arc<Backlog>) -> (Arc<Self>, Outbound) {
        let (out, messages) = outlet();
        let connection = Arc::new(Self {
            number,
            session: OnceLock::new(),
            state: Mutex::new(State {
                closed: false,
                credit: CREDIT,
                under_way: 0,
                watermark: 0,
                submitted: VecDeque::new(),
            }),
            out,
            lines: AtomicUsize::new(0),
            backlog: Arc::clone(backlog),
            progress: watch::channel(Progress::default()).0,
        });
        backlog.enter(number, Arc::downgrade(&connection));
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

    /// The session it serves, once that is open.
    pub fn session(&self) -> Option<SessionId> {
        self.session.get().copied()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lines that wait to be read.
    pub fn lines(&self) -> usize {
        self.lines.load(Ordering::Relaxed)
    }

    /// The number of the message that waits longest.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.out.front(|queued| queued.number)
    }

    /// The session is open from now on; sends the answer of the opening.
    pub fn open(&self, session: SessionId, opened: &v1::SessionOpened) {
        // A connection opens one session, once.
        let _ = self.session.set(session);
        let mut state = self.lock();
        state.watermark = opened.watermark;
        self.send(&state, Wire::Opened(*opened));
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
        if state.closed {
            return None;
        }
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
        self.send(&state, Wire::Refused(refused));
        self.give_back(&mut state, count);
        drop(state);
        self.keep_bounds();
    }

    /// A batch was taken before; its credit comes back.
    pub fn duplicate(&self, first: u64, count: usize) {
        let mut state = self.lock();
        let watermark = state.watermark;
        let duplicate = v1::SessionDuplicate {
            first_client_sequence: first,
            watermark,
        };
        self.send(&state, Wire::Duplicate(duplicate));
        self.give_back(&mut state, count);
        drop(state);
        self.keep_bounds();
    }

    /// Sends reports of commands that are durable now, with the credit they give back.
    pub fn deliver(&self, delivery: SessionDelivery, telemetry: &Telemetry) {
        let SessionDelivery {
            mut reports,
            commands,
        } = delivery;
        let mut state = self.lock();
        state.watermark = state.watermark.max(reports.watermark);
        reports.watermark = state.watermark;
        state.under_way = state.under_way.saturating_sub(commands);
        state.credit = state.credit.saturating_add(commands);
        state.measure(telemetry);
        self.send_reports(&state, reports, commands);
        if state.under_way == 0 {
            self.progress.send_modify(|progress| progress.busy = false);
        }
        drop(state);
        self.keep_bounds();
    }

    /// Ends the stream with a gRPC error.
    pub fn fail(&self, status: Status) -> Option<Close> {
        let mut state = self.lock();
        if !state.closed {
            self.put(Err(status), 1);
        }
        self.end(&mut state);
        None
    }

    /// Ends the stream; `why` is the last message, if the server ends it.
    pub fn close(&self, why: Option<Close>) {
        let mut state = self.lock();
        if let Some(why) = why {
            self.say(&state, why);
        }
        self.end(&mut state);
    }

    /// Ends the stream of a client that does not read: what waits is dropped, also when the stream
    /// had ended already.
    pub(super) fn cut_slow(&self) {
        let mut state = self.lock();
        let dropped = self.out.take_back();
        self.taken(dropped.iter().map(|queued| queued.lines).sum());
        if !state.closed {
            self.say(&state, Close::SLOW_CONSUMER);
            self.backlog.count_cut();
        }
        self.end(&mut state);
    }

    /// Cuts this connection if it is too slow, and others if all together are.
    fn keep_bounds(&self) {
        if self.lines() > LINES_QUEUED_MAX {
            self.cut_slow();
        }
        self.backlog.relieve();
    }

    fn say(&self, state: &State, why: Close) {
        let closed = v1::SessionClosed {
            reason: why.reason.to_owned(),
            text: why.text.to_owned(),
            watermark: state.watermark,
        };
        self.send(state, Wire::Closed(closed));
    }

    fn end(&self, state: &mut State) {
        state.closed = true;
        self.out.end();
        self.mark_closed();
    }

    /// Lines were taken out of the queue.
    fn taken(&self, lines: usize) {
        self.lines.fetch_sub(lines, Ordering::Relaxed);
        self.backlog.remove(lines);
    }

    fn put(&self, message: Message, lines: usize) {
        self.lines.fetch_add(lines, Ordering::Relaxed);
        let number = self.backlog.add(lines);
        let queued = Queued {
            number,
            lines,
            message,
        };
        if !self.out.push(queued) {
            // A client that is gone finds its reports in StreamExecutions.
            self.taken(lines);
        }
    }

    fn send(&self, state: &State, response: Wire) {
        if state.closed {
            return;
        }
        let lines = lines_of(&response);
        let response = Some(response);
        self.put(Ok(v1::SessionResponse { response }), lines);
    }

    fn give_back(&self, state: &mut State, count: usize) {
        let commands = count as u32;
        state.credit = state.credit.saturating_add(commands);
        self.send(state, Wire::Credit(v1::SessionCredit { commands }));
    }

    /// Sends reports in messages of bounded size; the credit goes with the last.
    fn send_reports(&self, state: &State, mut reports: v1::SessionReports, credit: u32) {
        while reports.reports.len() > REPORTS_OF_MESSAGE_MAX {
            let rest = reports.reports.split_off(REPORTS_OF_MESSAGE_MAX);
            let (words, mut rest_words): (Vec<_>, Vec<_>) = reports
                .reject_words
                .into_iter()
                .partition(|words| (words.report as usize) < REPORTS_OF_MESSAGE_MAX);
            for words in &mut rest_words {
                words.report = words.report.saturating_sub(REPORTS_OF_MESSAGE_MAX as u32);
            }
            let first = v1::SessionReports {
                reports: reports.reports,
                reject_words: words,
                durable_sequence: reports.durable_sequence,
                ..v1::SessionReports::default()
            };
            self.send(state, Wire::Reports(first));
            reports.reports = rest;
            reports.reject_words = rest_words;
        }
        while reports.reports.len() + reports.contracts.len() > REPORTS_OF_MESSAGE_MAX
            && !reports.contracts.is_empty()
        {
            let some = reports.contracts.len().min(REPORTS_OF_MESSAGE_MAX);
            let rest = reports.contracts.split_off(some);
            let first = v1::SessionReports {
                contracts: std::mem::replace(&mut reports.contracts, rest),
                durable_sequence: reports.durable_sequence,
                ..v1::SessionReports::default()
            };
            self.send(state, Wire::Reports(first));
        }
        let last = v1::SessionReports { credit, ..reports };
        self.send(state, Wire::Reports(last));
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

/// How many lines of the bounds a message takes.
fn lines_of(response: &Wire) -> usize {
    let Wire::Reports(reports) = response else {
        return 1;
    };
    let words = reports.reject_words.len() + reports.mass_cancels.len() + reports.dead_man.len();
    (reports.reports.len() + reports.contracts.len() + words).max(1)
}

impl Stream for Outbound {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.messages.poll_take(context).map(|next| {
            let queued = next?;
            self.connection.taken(queued.lines);
            Some(queued.message)
        })
    }
}

impl Drop for Outbound {
    /// The transport dropped the stream: the client is gone, and what waits is dropped too.
    fn drop(&mut self) {
        let connection = &self.connection;
        let mut state = connection.lock();
        let dropped = connection.out.take_back();
        connection.taken(dropped.iter().map(|queued| queued.lines).sum());
        connection.end(&mut state);
        drop(state);
        connection.backlog.leave(connection.number);
    }
}

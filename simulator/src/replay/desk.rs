//! The trading desk of a replay: sends the day through one Session, keeps the exchange's ids, and
//! learns what became of everything from the participant's stream.
//!
//! Invariant: a command is answered once, by the Session or, when a connection took its reports
//! along, by the stream; every trade comes from the stream, so kills and reconnects change none.
//! Not here: what is sent and what is expected (`sse`, `lobster`, `cme`).

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use proto::v1::{
    CancelOrderRequest, ExecutionReport, ReplaceOrderRequest, SessionCancel, SessionNewOrder,
    SessionReplace, StreamExecutionsResponse, cancel_order_request, replace_order_request,
    session_command::Command,
};
use rust_decimal::Decimal;
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};

use crate::{
    auditor::{Auditor, NamedTrade, Told, has_ended},
    client::{
        connect::Connection,
        executions::{self, FollowError},
        market::{self, BookUpdate},
        session::{Session, SessionEvent, UNANSWERED_MAX},
        session_state::{Answer, Outgoing, Refusals, SessionError},
    },
    report::{Latencies, Summary},
    setup::{Run, account_id},
};

/// Commands whose reports the stream has not brought yet, at most: four windows of the Session.
const UNSEEN_MAX: usize = 4 * UNANSWERED_MAX;
/// Messages of a stream that wait for the desk.
const STREAM_MAX: usize = 64;
/// How often a desk that waits looks whether it waits too long.
const LOOK: Duration = Duration::from_secs(1);

/// Why a replay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The Session ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The participant's stream ended.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// A call was not answered.
    #[error("{:?}: {}", .0.code(), .0.message())]
    Call(#[from] tonic::Status),
    /// The gateway lives but answers nothing.
    #[error("nothing was answered for {0} s")]
    Stalled(u64),
    /// A task of the simulator ended.
    #[error("a task ended: {0}")]
    Task(String),
}

/// What a desk trades, and as whom.
pub struct Terms {
    /// The participant whose stream is followed.
    pub participant: String,
    /// Handles of the accounts of the run, by index.
    pub accounts: Vec<u32>,
    /// Public id of the instrument.
    pub instrument: String,
    /// Its handle.
    pub instrument_handle: u32,
    /// Its smallest step of a price.
    pub tick: Decimal,
    /// Its smallest step of a quantity.
    pub lot: Decimal,
    /// Levels a side that book updates carry.
    pub depth: usize,
}

/// Whoever knows what a replay must give.
pub trait Watcher: Send {
    /// A trade was made; they come in order.
    fn trade(&mut self, _made: &NamedTrade, _summary: &mut Summary) {}
    /// The market data said something; it comes in order.
    fn book(&mut self, _update: BookUpdate, _summary: &mut Summary) {}
    /// The command with this number was sequenced at this place; they come in order.
    fn answered(&mut self, _number: u64, _engine_sequence: u64, _summary: &mut Summary) {}
}

struct Sent {
    name: u64,
    intended: Instant,
    is_new: bool,
    answered: bool,
    wanted: Wanted,
}

/// Who has yet to tell about a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    Both,
    Session,
    Stream,
    Nobody,
}

impl Wanted {
    const fn session_told(self) -> Self {
        match self {
            Self::Both | Self::Stream => Self::Stream,
            Self::Session | Self::Nobody => Self::Nobody,
        }
    }

    const fn stream_told(self) -> Self {
        match self {
            Self::Both | Self::Session => Self::Session,
            Self::Stream | Self::Nobody => Self::Nobody,
        }
    }
}

struct Known {
    account: u32,
    pair: Option<(u64, u32)>,
    text: Option<String>,
    lost: bool,
    number: u64,
}

/// See the file's head.
pub struct Desk<W> {
    connection: Connection,
    run: Run,
    terms: Terms,
    session: Session,
    feed: mpsc::Receiver<StreamExecutionsResponse>,
    feed_task: JoinHandle<Result<(), FollowError>>,
    book: mpsc::Receiver<BookUpdate>,
    book_task: JoinHandle<Result<(), tonic::Status>>,
    book_open: bool,
    auditor: Auditor,
    sent: VecDeque<Sent>,
    first: u64,
    unanswered: u64,
    orders: HashMap<u64, Known>,
    feed_durable: u64,
    progress: Instant,
    watcher: W,
    latencies: Latencies,
    /// What was found so far.
    pub summary: Summary,
}

impl<W: Watcher> Desk<W> {
    /// Opens the session, the participant's stream and the book.
    pub fn open(
        connection: Connection,
        run: Run,
        terms: Terms,
        summary: Summary,
        watcher: W,
    ) -> Self {
        let session_id = run.id("session");
        let session = Session::start(connection.clone(), session_id.clone(), Refusals::Resend);
        let (feed_out, feed) = mpsc::channel(STREAM_MAX);
        let feed_task = tokio::spawn(executions::follow(
            connection.clone(),
            terms.participant.clone(),
            1,
            feed_out,
        ));
        let (book_out, book) = mpsc::channel(STREAM_MAX * 64);
        let (instrument, depth) = (terms.instrument.clone(), terms.depth);
        let book_task = tokio::spawn(market::follow(
            connection.clone(),
            instrument,
            depth,
            book_out,
        ));
        Self {
            auditor: Auditor::new(&session_id, terms.tick, terms.lot),
            connection,
            run,
            terms,
            session,
            feed,
            feed_task,
            book,
            book_task,
            book_open: true,
            sent: VecDeque::new(),
            first: 1,
            unanswered: 0,
            orders: HashMap::new(),
            feed_durable: 0,
            progress: Instant::now(),
            watcher,
            latencies: Latencies::new(),
            summary,
        }
    }

    /// Sends a new order under a name of the run's own; `account` is an index. Its number.
    pub async fn submit(
        &mut self,
        name: u64,
        account: u32,
        mut order: SessionNewOrder,
        intended: Instant,
    ) -> Result<u64, DeskError> {
        order.account = self.terms.accounts.get(account as usize).copied();
        order.instrument = Some(self.terms.instrument_handle);
        // Known before it is sent: on a busy machine the answer is there before `send` returns.
        let known = Known {
            account,
            pair: None,
            text: None,
            lost: false,
            number: self.next_number(),
        };
        self.orders.insert(name, known);
        self.send(name, Command::NewOrder(order), intended).await
    }

    /// Cancels what is left of an order, as soon as its id is known. The number of the command, or
    /// none when the order was not live or another way had to be taken.
    pub async fn cancel(&mut self, name: u64, intended: Instant) -> Result<Option<u64>, DeskError> {
        let Some((account, id)) = self.identify(name).await? else {
            return Ok(None);
        };
        let (order_sequence, order_slot) = match id {
            Id::Pair(pair) => pair,
            Id::Text(text) => return self.cancel_unary(name, account, text, intended).await,
        };
        let cancel = SessionCancel {
            order_sequence,
            order_slot,
            account: self.terms.accounts.get(account as usize).copied(),
        };
        self.send(name, Command::Cancel(cancel), intended)
            .await
            .map(Some)
    }

    /// Changes the whole quantity of an order, in lots; otherwise as `cancel`. `step` tells apart
    /// the changes of one order.
    pub async fn replace(
        &mut self,
        name: u64,
        change: Change,
        intended: Instant,
    ) -> Result<Option<u64>, DeskError> {
        let Some((account, id)) = self.identify(name).await? else {
            return Ok(None);
        };
        let (order_sequence, order_slot) = match id {
            Id::Pair(pair) => pair,
            Id::Text(text) => {
                return self
                    .replace_unary((name, account, text), change, intended)
                    .await;
            }
        };
        let replace = SessionReplace {
            order_sequence,
            order_slot,
            account: self.terms.accounts.get(account as usize).copied(),
            price_ticks: change.price_ticks,
            quantity_lots: change.quantity_lots,
            stop_ticks: None,
        };
        self.send(name, Command::Replace(replace), intended)
            .await
            .map(Some)
    }

    /// Waits until `instant`, taking in what comes.
    pub async fn pace(&mut self, instant: Instant) -> Result<(), DeskError> {
        while Instant::now() < instant {
            tokio::select! {
                () = tokio::time::sleep_until(instant) => {}
                happened = self.next() => self.take(happened).await?,
            }
        }
        Ok(())
    }

    /// Waits until everything sent is answered.
    pub async fn drain(&mut self) -> Result<(), DeskError> {
        while self.unanswered > 0 {
            self.pump().await?;
        }
        Ok(())
    }

    /// Notes that something else was acknowledged at an engine sequence.
    pub fn note(&mut self, engine_sequence: u64) {
        self.summary.durable(engine_sequence);
        self.progress = Instant::now();
    }

    /// Waits until the stream has brought everything up to the last acknowledgement.
    pub async fn settle(&mut self) -> Result<(), DeskError> {
        self.drain().await?;
        while self.feed_durable < self.summary.last_durable_sequence {
            self.pump().await?;
        }
        Ok(())
    }

    /// Takes in what comes until the watcher says that it is enough.
    pub async fn wait_for(&mut self, done: impl Fn(&W) -> bool) -> Result<(), DeskError> {
        while !done(&self.watcher) {
            self.pump().await?;
        }
        Ok(())
    }

    /// Lets the watcher say what it found.
    pub fn finish<T>(&mut self, ask: impl FnOnce(&mut W, &mut Summary) -> T) -> T {
        ask(&mut self.watcher, &mut self.summary)
    }

    /// Ends the desk; what was found, with the numbers of a run of `seconds`.
    pub fn close(mut self, seconds: f64) -> Summary {
        self.summary.unknown += self.unanswered;
        let halves = self.auditor.halves();
        if halves > 0 {
            self.summary
                .mismatch(|| format!("{halves} trades have only one side"));
        }
        self.summary.measure(&self.latencies, seconds);
        self.session.task.abort();
        self.feed_task.abort();
        self.book_task.abort();
        self.summary
    }

    /// The number of the next command; forgetting answered ones does not change it.
    fn next_number(&self) -> u64 {
        self.first + self.sent.len() as u64
    }

    async fn send(
        &mut self,
        name: u64,
        command: Command,
        intended: Instant,
    ) -> Result<u64, DeskError> {
        while self.sent.len() >= UNSEEN_MAX {
            self.pump().await?;
        }
        let number = self.next_number();
        let is_new = matches!(command, Command::NewOrder(_));
        let mut outgoing = Outgoing {
            token: number,
            command,
            valid_until_ns: 0,
        };
        while let Err(error) = self.session.commands.try_send(outgoing) {
            match error {
                mpsc::error::TrySendError::Full(back) => outgoing = back,
                mpsc::error::TrySendError::Closed(_) => return Err(self.session_end().await),
            }
            self.pump().await?;
        }
        self.sent.push_back(Sent {
            name,
            intended,
            is_new,
            answered: false,
            wanted: Wanted::Both,
        });
        self.unanswered += 1;
        self.progress = Instant::now();
        self.summary.commands += 1;
        self.take_ready();
        Ok(number)
    }

    /// The id of an order of ours, once the exchange gave it; none when it is not live.
    async fn identify(&mut self, name: u64) -> Result<Option<(u32, Id)>, DeskError> {
        loop {
            let Some(known) = self.orders.get(&name) else {
                self.summary
                    .mismatch(|| format!("order {name} should be changed but is not live"));
                return Ok(None);
            };
            if let Some(pair) = known.pair {
                return Ok(Some((known.account, Id::Pair(pair))));
            }
            if let Some(text) = known.text.as_ref().filter(|_| known.lost) {
                return Ok(Some((known.account, Id::Text(text.clone()))));
            }
            self.pump().await?;
        }
    }

    /// Cancels by the id in words: its integers were lost with a connection. All before it must be
    /// answered first, since another way could overtake it.
    async fn cancel_unary(
        &mut self,
        name: u64,
        account: u32,
        text: String,
        intended: Instant,
    ) -> Result<Option<u64>, DeskError> {
        self.drain().await?;
        let request = CancelOrderRequest {
            client_order_id: self.run.id(&format!("c{name}")),
            account_id: account_id(&self.run, account),
            order: Some(cancel_order_request::Order::OrderId(text)),
            valid_until: None,
        };
        self.summary.commands += 1;
        let report = self
            .connection
            .persist(|| {
                let (mut client, request) = (self.connection.order_entry(), request.clone());
                async move { client.cancel_order(request).await }
            })
            .await?;
        self.unary_answer(&report, intended);
        Ok(None)
    }

    async fn replace_unary(
        &mut self,
        (name, account, text): (u64, u32, String),
        change: Change,
        intended: Instant,
    ) -> Result<Option<u64>, DeskError> {
        self.drain().await?;
        let words = |steps: i64, step: Decimal| (Decimal::from(steps) * step).to_string();
        let request = ReplaceOrderRequest {
            client_order_id: self.run.id(&format!("r{name}.{}", change.step)),
            account_id: account_id(&self.run, account),
            order: Some(replace_order_request::Order::OrderId(text)),
            price: change
                .price_ticks
                .map(|ticks| words(ticks, self.terms.tick))
                .unwrap_or_default(),
            quantity: words(change.quantity_lots, self.terms.lot),
            ..ReplaceOrderRequest::default()
        };
        self.summary.commands += 1;
        let report = self
            .connection
            .persist(|| {
                let (mut client, request) = (self.connection.order_entry(), request.clone());
                async move { client.replace_order(request).await }
            })
            .await?;
        self.unary_answer(&report, intended);
        Ok(None)
    }

    fn unary_answer(&mut self, report: &ExecutionReport, intended: Instant) {
        self.summary.acknowledged += 1;
        self.summary.durable(report.engine_sequence);
        self.latencies.record(intended.elapsed());
        if !report.reject_reason.is_empty() {
            self.summary.reject(&report.reject_reason);
        }
    }
}

/// How an order changes.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// New limit in ticks; none stays.
    pub price_ticks: Option<i64>,
    /// New whole quantity in lots.
    pub quantity_lots: i64,
    /// Which change of this order it is.
    pub step: u64,
}

enum Id {
    Pair((u64, u32)),
    Text(String),
}

mod events;

//! Open-loop load: commands are sent when they are due, whatever became of the ones before.
//!
//! Invariant: latency counts from the instant a command was meant to be sent, so a gateway that
//! stalls cannot hide it; connections, calls under way and memory are bounded. Not here: what the
//! commands are (`workload`), any expected trades (`replay`).

pub mod calls;
pub mod fills;
mod funded;
pub mod market;
pub mod schedule;
pub mod stream;
pub mod venue;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use proto::v1::{EngineStatus, GetEngineStatusRequest};
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::{
    client::connect::{Bearer, ConnectError, Connection},
    report::{Latencies, Summary},
    setup::{Run, SetupError, money::Staked},
    workload::flow::{Action, Flow},
};
use calls::{Calls, Grouping};
pub use fills::Ended;
use fills::Fills;
use market::Market;
use schedule::{Schedule, Shape};
use stream::Stream;

/// How long answers are waited for after the last command.
pub const DRAIN: Duration = Duration::from_secs(15);
/// Connections at most: beyond, a client measures itself.
pub const CONNECTIONS_MAX: u64 = 4_096;
/// How often the progress line changes.
const PROGRESS: Duration = Duration::from_millis(250);

/// How commands are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One call a command.
    Unary,
    /// By a Session.
    Stream,
    /// Many commands a call.
    Batch,
}

/// What a load is asked to do.
#[derive(Clone, Debug)]
pub struct Load {
    /// The gateway.
    pub target: String,
    /// Credentials.
    pub bearer: Bearer,
    /// How long a gateway that does not answer is waited for.
    pub patience: Duration,
    /// Its name.
    pub run: Run,
    /// Commands a second over all connections.
    pub rate: f64,
    /// How long, in seconds; 0 until a signal.
    pub seconds: u64,
    /// Connections, 1 to [`CONNECTIONS_MAX`].
    pub connections: u64,
    /// How commands are sent.
    pub mode: Mode,
    /// How they lie in a second.
    pub shape: Shape,
    /// Seed of the flow.
    pub seed: u64,
    /// The venue that is to be traded at, with what suits it; none takes what there is.
    pub venue: Option<String>,
    /// Accounts that others made trade only if they have what so many of the largest orders of each
    /// instrument take; 0 lets all trade.
    pub funded_orders: u32,
}

/// Why a load could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The target is wrong.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is nothing to trade and nothing could be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// What one connection found.
pub struct Outcome {
    summary: Summary,
    latencies: Latencies,
}

/// What each connection has, whatever its mode.
pub struct Worker {
    connection: Connection,
    run: String,
    index: u64,
    market: Market,
    schedule: Schedule,
    start: Instant,
    end: Option<Duration>,
    stop: watch::Receiver<bool>,
    flow: Flow,
    fills: Fills,
    summary: Summary,
    latencies: Latencies,
    answered: Arc<AtomicU64>,
}

impl Worker {
    /// When the next command is due.
    fn due(&self) -> Instant {
        self.start + self.schedule.due()
    }

    /// Whether no more commands are due.
    fn is_over(&self) -> bool {
        *self.stop.borrow() || self.end.is_some_and(|end| self.schedule.due() >= end)
    }

    /// What is due now; goes on to the next time.
    fn next_action(&mut self) -> Option<Action> {
        let elapsed = self.schedule.due();
        self.schedule.advance();
        self.flow
            .next(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    fn acknowledged(&mut self, intended: Instant, engine_sequence: u64) {
        self.acknowledged_at(intended, Instant::now(), engine_sequence);
    }

    fn acknowledged_at(&mut self, intended: Instant, at: Instant, engine_sequence: u64) {
        self.latencies
            .record(at.saturating_duration_since(intended));
        self.summary.acknowledged += 1;
        self.summary.durable(engine_sequence);
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn finish(self) -> Outcome {
        Outcome {
            summary: self.summary,
            latencies: self.latencies,
        }
    }
}

/// Runs a load until its time is over or `stop` turns true.
pub async fn run(
    load: &Load,
    mut summary: Summary,
    stop: watch::Receiver<bool>,
) -> (Summary, Result<(), LoadError>) {
    let found = match &load.venue {
        None => begin(load).await,
        Some(id) => match at_venue(load, id, &mut summary, &stop).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => return (summary, Ok(())),
            Err(error) => Err(error),
        },
    };
    match found {
        Ok((connection, market)) => {
            let staked = market.staked.clone();
            if market.left_out > 0 {
                let out = market.left_out;
                let why = format!("{out} accounts lack money or goods and do not trade");
                summary.notes.push(why);
            }
            drive(load, (connection, market), &mut summary, stop).await;
            let counted = count(staked.as_deref(), &mut summary).await;
            (summary, counted)
        }
        Err(error) => (summary, Err(error)),
    }
}

/// Trades at a venue that has shops; of one that has books, what is traded there.
async fn at_venue(
    load: &Load,
    id: &str,
    summary: &mut Summary,
    stop: &watch::Receiver<bool>,
) -> Result<Option<(Connection, Market)>, LoadError> {
    let connection = Connection::open(&load.target, load.bearer.clone(), load.patience)?;
    let found = venue::look(&connection, id).await?;
    let kinds = venue::kinds_of(&found, summary);
    if !kinds.is_empty() {
        let place = (connection, found);
        venue::run(load, place, kinds, summary, stop.clone()).await?;
        return Ok(None);
    }
    if found.models.iter().any(|model| venue::is_of_books(model)) {
        let market = market::find_at(&connection, &load.run, id, load.funded_orders).await?;
        return Ok(Some((connection, market)));
    }
    let what = format!("venue {id} has no model of which there is a flow");
    Err(SetupError::Aborted(what).into())
}

async fn begin(load: &Load) -> Result<(Connection, Market), LoadError> {
    let connection = Connection::open(&load.target, load.bearer.clone(), load.patience)?;
    let market = market::find(&connection, &load.run, load.funded_orders).await?;
    Ok((connection, market))
}

/// Counts all money and goods of a market of our own.
async fn count(staked: Option<&Staked>, summary: &mut Summary) -> Result<(), LoadError> {
    let Some(staked) = staked else {
        let why = "the market is not of this run: money and goods were not counted";
        summary.notes.push(why.to_owned());
        return Ok(());
    };
    Ok(staked.count(summary).await?)
}

async fn drive(
    load: &Load,
    (connection, market): (Connection, Market),
    summary: &mut Summary,
    stop: watch::Receiver<bool>,
) {
    let before = engine_status(&connection).await;
    let answered = Arc::new(AtomicU64::new(0));
    let fills = fills::start(&connection, load.run.name(), load.connections, load.rate);
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for (index, fills) in (0..load.connections).zip(fills) {
        let opened = Connection::open(&load.target, load.bearer.clone(), load.patience);
        let Ok(connection) = opened else {
            continue;
        };
        let worker = Worker {
            connection,
            run: load.run.name().to_owned(),
            index,
            market: market.clone(),
            schedule: Schedule::new(load.rate, (index, load.connections), load.shape),
            start,
            end: (load.seconds > 0).then(|| Duration::from_secs(load.seconds)),
            stop: stop.clone(),
            flow: Flow::new(
                load.seed,
                index,
                Arc::clone(&market.traded),
                market.accounts.len(),
            ),
            fills,
            summary: Summary::default(),
            latencies: Latencies::new(),
            answered: Arc::clone(&answered),
        };
        match load.mode {
            Mode::Unary => workers.spawn(Calls::new(worker, Grouping::Single).run()),
            Mode::Batch => workers.spawn(Calls::new(worker, Grouping::Batch).run()),
            Mode::Stream => workers.spawn(Stream::open(worker).run()),
        };
    }
    let latencies = gather(load, workers, &answered, summary).await;
    summary.measure(&latencies, start.elapsed().as_secs_f64());
    let after = engine_status(&connection).await;
    if let (Some(before), Some(after)) = (before, after) {
        summary.trades = after.trades.saturating_sub(before.trades);
    }
}

/// Waits for all connections, showing how far they are.
async fn gather(
    load: &Load,
    mut workers: JoinSet<Outcome>,
    answered: &AtomicU64,
    summary: &mut Summary,
) -> Latencies {
    let bar = progress_bar(load);
    let mut latencies = Latencies::new();
    loop {
        let ended = tokio::select! {
            ended = workers.join_next() => ended,
            () = tokio::time::sleep(PROGRESS) => {
                bar.set_position(answered.load(Ordering::Relaxed));
                continue;
            }
        };
        match ended {
            Some(Ok(outcome)) => {
                summary.absorb(outcome.summary);
                latencies.merge(&outcome.latencies);
            }
            Some(Err(error)) => summary.error = Some(error.to_string()),
            None => break,
        }
    }
    bar.finish_and_clear();
    latencies
}

fn progress_bar(load: &Load) -> ProgressBar {
    let total = load.rate * load.seconds as f64;
    let (bar, template) = if load.seconds == 0 {
        let template = "{spinner} {pos} answered, {per_sec}, {elapsed}";
        (ProgressBar::new_spinner(), template)
    } else {
        let template = "{bar:40} {pos}/{len} answered, {per_sec}, {eta} left";
        (ProgressBar::new(total as u64), template)
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// How the engine is, where it answers at once.
async fn engine_status(connection: &Connection) -> Option<EngineStatus> {
    let mut client = connection.operations();
    let call = client.get_engine_status(GetEngineStatusRequest {});
    let answer = tokio::time::timeout(Duration::from_secs(5), call).await;
    Some(answer.ok()?.ok()?.into_inner())
}

//! A load that suits a venue: offers and flow of each model that it has and this release carries
//! out, or orders where it has a book.
//!
//! Invariant: as of every load: latency counts from the instant a command was meant to be sent;
//! each command is counted once; every answer is checked, and in the end the whole of it from
//! outside. Not here: what clerks do (`shops::clerk`), orders (`market`).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use proto::v1::{ContractReport, GetRegimeRequest, GetVenueRequest, TakeStepRequest, Venue};
use rust_decimal::Decimal;
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::Instant,
};
use tonic::{Code, Status};

use super::{DRAIN, Load, LoadError, schedule::Schedule};
use crate::{
    client::{
        Backoff,
        connect::{Connection, is_refusal, is_worth_a_retry},
    },
    crash::{audit::When, memory::Sent},
    report::{Latencies, Summary},
    setup::SetupError,
    shops::{
        Answer, Command, Kind, Request,
        board::{Board, Season},
        clerk::Clerk,
        found::{Place, Shops},
        inspect::Inspector,
        ledger::Ledger,
        send,
    },
    workload::rng::Rng,
};

/// Buyers of a load.
const BUYERS: u32 = 64;
/// Calls under way on one connection, each with a clerk of its own.
const CALLS_MAX: usize = 256;
/// The rule that a regime which limits imports has.
const IMPORTS: &str = "annual_limit_fen";
/// Seconds to pay where it is paid later.
const PAY_WITHIN_S: i64 = 60;
/// Answers that are kept to inspect the whole in the end; a longer run is checked answer by answer.
const KEPT_MAX: u64 = 200_000;

/// Looks a venue up.
pub async fn look(connection: &Connection, venue_id: &str) -> Result<Venue, SetupError> {
    let request = GetVenueRequest {
        venue_id: venue_id.to_owned(),
    };
    let answer = connection
        .persist(|| {
            let (mut client, request) = (connection.operations(), request.clone());
            async move { client.get_venue(request).await }
        })
        .await;
    answer.map_err(|status| {
        let what = if status.code() == Code::NotFound {
            format!("venue {venue_id} is not there (`gateway venue apply` makes the shipped ones)")
        } else {
            format!("looking at venue {venue_id}")
        };
        SetupError::Call { what, status }
    })
}

/// The kinds of shops that a venue has; what else it offers is told in the notes.
pub fn kinds_of(venue: &Venue, summary: &mut Summary) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for model in &venue.models {
        let own: Vec<_> = Kind::ALL
            .into_iter()
            .filter(|kind| kind.is_plain() && kind.model() == model)
            .collect();
        let note = if venue.models_not_available.contains(model) {
            format!("{model}: NOT AVAILABLE in this release")
        } else if !own.is_empty() {
            kinds.extend(own);
            continue;
        } else if is_of_books(model) {
            continue;
        } else {
            format!("{model}: there is no flow of it here")
        };
        summary.notes.push(note);
    }
    kinds
}

/// Whether a model is one of orders.
pub fn is_of_books(model: &str) -> bool {
    model == "CLOB" || model == "CALL_AUCTION"
}

/// Who may buy under the venue's regimes: businesses, consumers, or both by turns.
fn enterprises(venue: &Venue) -> [bool; 2] {
    let businesses = venue.regimes.iter().any(|regime| regime == "ECOM_B2B");
    let others = venue.regimes.iter().any(|regime| regime != "ECOM_B2B");
    [businesses, businesses && !others]
}

/// Whether its regimes limit imports, which are sent and never picked up.
async fn has_imports(connection: &Connection, venue: &Venue) -> Result<bool, SetupError> {
    for name in &venue.regimes {
        let (regime, version) = name.split_once('@').unwrap_or((name, "1"));
        let request = GetRegimeRequest {
            regime: regime.to_owned(),
            version: version.parse().unwrap_or(0),
        };
        let answer = connection
            .persist(|| {
                let (mut client, request) = (connection.operations(), request.clone());
                async move { client.get_regime(request).await }
            })
            .await;
        let regime = answer.map_err(|status| SetupError::Call {
            what: format!("looking at regime {name}"),
            status,
        })?;
        if regime.rules.iter().any(|rule| rule.key == IMPORTS) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What all connections share.
struct Trade {
    connection: Connection,
    shops: Arc<Shops>,
    ledger: Mutex<Ledger>,
    summary: Mutex<(Summary, Latencies)>,
    patience: Duration,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Founds shops at the venue, trades, inspects.
pub async fn run(
    load: &Load,
    (connection, venue): (Connection, Venue),
    kinds: Vec<Kind>,
    summary: &mut Summary,
    stop: watch::Receiver<bool>,
) -> Result<(), LoadError> {
    let place = Place {
        venue: venue.venue_id.clone(),
        kinds,
        enterprises: enterprises(&venue),
        picked_up: !has_imports(&connection, &venue).await?,
        buyers: BUYERS,
        merchants: 0,
        partners: false,
        pay_within_s: PAY_WITHIN_S,
        imports: None,
    };
    let shops = Arc::new(Shops::found_at(&connection, &load.run, place).await?);
    let board = Arc::new(Mutex::new(Board::new(&shops, Season::LONG)));
    let trade = Arc::new(Trade {
        connection: connection.clone(),
        shops: Arc::clone(&shops),
        ledger: Mutex::default(),
        summary: Mutex::default(),
        patience: load.patience,
    });
    let start = Instant::now();
    let mut lanes = JoinSet::new();
    for index in 0..load.connections {
        let lane = Lane {
            trade: Arc::clone(&trade),
            connection: Connection::open(&load.target, load.bearer.clone(), load.patience)?,
            board: Arc::clone(&board),
            schedule: Schedule::new(load.rate, (index, load.connections), load.shape),
            start,
            end: (load.seconds > 0).then(|| Duration::from_secs(load.seconds)),
            stop: stop.clone(),
            name: format!("{}-{index}", load.run.name()),
            seed: load.seed ^ index,
            idle: Vec::new(),
            clerks: 0,
        };
        lanes.spawn(lane.run());
    }
    while let Some(ended) = lanes.join_next().await {
        if let Err(error) = ended {
            summary.error = Some(error.to_string());
        }
    }
    let (own, latencies) = std::mem::take(&mut *lock(&trade.summary));
    summary.absorb(own);
    summary.measure(&latencies, start.elapsed().as_secs_f64());
    conclude(&trade, load.seed, summary).await?;
    Ok(())
}

/// The whole of it from outside, where it is not too much to keep.
async fn conclude(trade: &Trade, seed: u64, summary: &mut Summary) -> Result<(), SetupError> {
    if summary.acknowledged >= KEPT_MAX {
        let why = format!("more than {KEPT_MAX} answers: each was checked, the whole was not");
        summary.notes.push(why);
        return Ok(());
    }
    let look = |see: &mut dyn FnMut(&Ledger)| see(&lock(&trade.ledger));
    // What was never answered is counted already.
    let when = if summary.refused + summary.unknown > 0 {
        When::Between
    } else {
        When::AtEnd
    };
    let (connection, shops) = (&trade.connection, &trade.shops);
    let mut inspector = Inspector::default();
    let mut rng = Rng::new(seed);
    let found = inspector.inspect(connection, shops, look, when, &mut rng);
    let found = found.await?;
    for faults in [&found.faults, &lock(&trade.ledger).memory.faults] {
        summary.mismatches += faults.count - faults.first.len() as u64;
        for what in &faults.first {
            summary.mismatch(|| what.clone());
        }
    }
    for (word, count) in [
        ("contracts and entries formed", found.contracts),
        ("deadlines that fired", found.fired),
        ("reports read again and compared", found.reports),
        ("balances and offers compared", found.compared),
    ] {
        summary.extra.insert(word.to_owned(), count);
    }
    Ok(())
}

/// What became of a call.
enum Became {
    Answer(Box<Answer>, Sent),
    Refused,
    Unknown,
    Wrong(Status),
}

type Called = (Clerk, Command, Became, Instant, Instant);

/// One connection of the load.
struct Lane {
    trade: Arc<Trade>,
    connection: Connection,
    board: Arc<Mutex<Board>>,
    schedule: Schedule,
    start: Instant,
    end: Option<Duration>,
    stop: watch::Receiver<bool>,
    name: String,
    seed: u64,
    idle: Vec<Clerk>,
    clerks: u32,
}

impl Lane {
    fn is_over(&self) -> bool {
        *self.stop.borrow() || self.end.is_some_and(|end| self.schedule.due() >= end)
    }

    async fn run(mut self) {
        let mut running = JoinSet::new();
        while !self.is_over() {
            let due = self.start + self.schedule.due();
            tokio::select! {
                Some(ended) = running.join_next() => self.take(ended),
                _ = self.stop.changed() => {}
                () = tokio::time::sleep_until(due), if running.len() < CALLS_MAX => {
                    self.send(due, &mut running);
                }
            }
        }
        let until = Instant::now() + DRAIN;
        while let Ok(Some(ended)) = tokio::time::timeout_at(until, running.join_next()).await {
            self.take(ended);
        }
        lock(&self.trade.summary).0.unknown += running.len() as u64;
    }

    /// Sends what is due; where every clerk is waiting, another one comes.
    fn send(&mut self, due: Instant, running: &mut JoinSet<Called>) {
        self.schedule.advance();
        let mut clerk = self.idle.pop().unwrap_or_else(|| {
            let name = format!("{}-{}", self.name, self.clerks);
            self.clerks += 1;
            let (shops, board) = (Arc::clone(&self.trade.shops), Arc::clone(&self.board));
            let seed = self.seed ^ (u64::from(self.clerks) << 32);
            Clerk::new(shops, board, &name, (1, BUYERS), seed)
        });
        let Some(command) = clerk.command() else {
            self.idle.push(clerk);
            return;
        };
        {
            let mut shared = lock(&self.trade.summary);
            shared.0.commands += 1;
            count(&mut shared.0, command.kind, "commands");
            if shared.0.acknowledged < KEPT_MAX {
                lock(&self.trade.ledger).asks(&command);
            }
        }
        let (connection, patience) = (self.connection.clone(), self.trade.patience);
        running.spawn(async move {
            let became = call(&connection, &command, patience).await;
            (clerk, command, became, due, Instant::now())
        });
    }

    fn take(&mut self, ended: Result<Called, JoinError>) {
        let mut shared = lock(&self.trade.summary);
        let (summary, latencies) = &mut *shared;
        let (mut clerk, command, became, due, at) = match ended {
            Ok(called) => called,
            Err(error) => {
                summary.unknown += 1;
                summary.error = Some(error.to_string());
                return;
            }
        };
        match became {
            Became::Answer(answer, sent) => {
                latencies.record(at.saturating_duration_since(due));
                summary.acknowledged += 1;
                enter(summary, &command, &answer);
                if summary.acknowledged < KEPT_MAX {
                    lock(&self.trade.ledger).answered(&command, sent, &answer);
                }
                clerk.answered(&command, &answer);
            }
            Became::Refused => {
                summary.refused += 1;
                clerk.gave_up(&command);
            }
            Became::Unknown => {
                summary.unknown += 1;
                clerk.gave_up(&command);
            }
            Became::Wrong(status) => {
                summary.mismatch(|| format!("{command:?} was answered {status}"));
                clerk.gave_up(&command);
            }
        }
        drop(shared);
        self.idle.push(clerk);
    }
}

fn count(summary: &mut Summary, kind: Kind, what: &str) {
    let word = format!("{} {what}", kind.model());
    *summary.extra.entry(word).or_default() += 1;
}

/// Counts an answer and checks it against its question.
fn enter(summary: &mut Summary, command: &Command, answer: &Answer) {
    let (sequence, id) = match answer {
        Answer::Offer(report) => (report.engine_sequence, &report.client_order_id),
        Answer::Contract(report) => (report.engine_sequence, &report.client_order_id),
        Answer::Operation(report) => (report.engine_sequence, &report.request_id),
        Answer::Ticket(Some(ticket)) => (ticket.engine_sequence, &command.id),
        Answer::Discount(told) => {
            let report = told.report.as_ref();
            let sequence = report.map_or(0, |report| report.engine_sequence);
            (
                sequence,
                report.map_or(&command.id, |report| &report.request_id),
            )
        }
        Answer::Basket(lines) => {
            let first = lines.first();
            let sequence = first.map_or(0, |line| line.engine_sequence);
            (
                sequence,
                first.map_or(&command.id, |line| &line.client_order_id),
            )
        }
        // The offer has ended: so has the queue.
        Answer::Ticket(None) => return,
    };
    summary.durable(sequence);
    let mut wrong = (*id != command.id).then(|| format!("the id is {id}"));
    if !answer.reject_reason().is_empty() {
        summary.reject(answer.reject_reason());
    } else if let Answer::Contract(report) = answer {
        if let Request::Reserve(request) = &command.request {
            summary.sold += 1;
            count(summary, command.kind, "reserves");
            let same = (report.version, report.pieces, &report.offer_id)
                == (1, request.pieces, &request.offer_id)
                && report.account_id == request.account_id;
            if !same || !is_amount_right(report) {
                wrong = Some("it is another reserve".to_owned());
            }
        } else if let Request::Step(request) = &command.request
            && !is_step_of(report, request)
        {
            wrong = Some("it is another step".to_owned());
        }
    }
    if let Some(what) = wrong {
        summary.mismatch(|| format!("{command:?} was answered {answer:?}: {what}"));
    }
}

fn is_amount_right(report: &ContractReport) -> bool {
    let amount = |text: &str| text.parse::<Decimal>().unwrap_or_default();
    amount(&report.price) * Decimal::from(report.pieces) == amount(&report.amount)
}

fn is_step_of(report: &ContractReport, request: &TakeStepRequest) -> bool {
    report.contract_id == request.contract_id && report.version == request.contract_version + 1
}

/// Calls until it is answered, with the same id; refused at once where nothing was taken.
async fn call(connection: &Connection, command: &Command, patience: Duration) -> Became {
    let until = Instant::now() + patience;
    let mut backoff = Backoff::new();
    let mut sent = Sent::Once;
    loop {
        match send(connection, command).await {
            Ok(answer) => return Became::Answer(Box::new(answer), sent),
            Err(status) if is_refusal(&status) && sent == Sent::Once => return Became::Refused,
            Err(status) if !is_worth_a_retry(&status) => return Became::Wrong(status),
            Err(_) if Instant::now() > until => return Became::Unknown,
            Err(_) => {
                sent = Sent::Again;
                tokio::time::sleep(backoff.pause()).await;
            }
        }
    }
}

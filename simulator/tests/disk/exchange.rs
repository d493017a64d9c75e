//! A real gateway on a disk that may fail, with live orders, and the audit from its clients' side.
//!
//! The clients remember every order and its first report, over every start on the same disk.
//!
//! Invariant: what is not an answer is unknown, and asked again. Not here: faults, the audit itself
//! (`audit`).

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proto::v1::{self, ExecutionReport, Phase, SubmitOrderRequest};
use rust_decimal::Decimal;
use sanjiang_simulator::client::connect::{Bearer, Connection};
use sanjiang_simulator::setup::money::{Stake, Treasury};
use sanjiang_simulator::setup::{Operator, Run, SetupError, account_id};
use sanjiang_simulator::workload::rng::{Rng, hash};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use super::audit::Found;
use super::cut::clear;
use super::moves::Moves;
use super::shops::Fair;

/// A call that is not answered for so long is a gateway that hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// What each of the two accounts begins with.
pub(super) fn stake() -> Stake {
    Stake {
        money: Decimal::from(1_000_000_000),
        goods: Decimal::from(1_000_000_000),
    }
}

/// Orders under way at a time.
const WORKERS: u64 = 8;

/// When the process ends.
#[derive(Clone, Debug)]
pub enum Strike {
    /// Killed from outside when so many orders were acknowledged since the start.
    Acknowledged(u64),
    /// Killed at its n-th call where the path holds the text; else as above at most.
    Call {
        nth: u64,
        moment: Moment,
        only: &'static str,
        acknowledged_max: u64,
    },
    /// Not at all: it is left running after so many.
    Never(u64),
}

/// Which call of the process is its last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// A change or a sync that is not made.
    Before,
    /// A change or a sync that is made.
    After,
    /// A sync that is not made.
    Sync,
}

/// How one run of the program went.
#[derive(Debug, Default)]
pub struct Ran {
    pub ready: bool,
    /// Whether the audit came to its end, and what it found.
    pub audited: Option<Result<(), String>>,
    pub acknowledged: u64,
    /// Orders without an answer when it ended, by the code they were answered with.
    pub unanswered: BTreeMap<String, u64>,
    /// In-band or by status: known not to be taken.
    pub refused: u64,
    pub ended: bool,
}

impl Ran {
    /// What it was doing when it ended.
    pub fn stage(&self) -> &'static str {
        match (self.ready, &self.audited) {
            (false, _) => "starting",
            (true, None) => "being asked again",
            (true, Some(_)) => "trading",
        }
    }
}

/// An order and its first report.
pub(super) struct Sent {
    pub(super) request: SubmitOrderRequest,
    pub(super) report: Option<ExecutionReport>,
    pub(super) audited: bool,
}

/// The exchange and the memory of its clients.
pub struct Exchange {
    program: PathBuf,
    shim: PathBuf,
    folder: tempfile::TempDir,
    pub(super) run: Run,
    pub(super) orders: BTreeMap<String, Sent>,
    /// Deposits and withdrawals.
    pub moves: Moves,
    /// Shops.
    pub fair: Fair,
    next: Arc<AtomicU64>,
    child: Option<Arc<Mutex<Child>>>,
    connection: Option<Connection>,
    pub(super) rng: Rng,
}

type Answered = (SubmitOrderRequest, Result<ExecutionReport, Status>);

impl Exchange {
    /// A new one, on an empty disk.
    pub fn new(program: &Path, shim: &Path, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("disk")).unwrap();
        clear(&folder.path().join("undo"));
        Self {
            program: program.to_owned(),
            shim: shim.to_owned(),
            folder,
            run: Run::named("disk").unwrap(),
            orders: BTreeMap::new(),
            moves: Moves::default(),
            fair: Fair::default(),
            next: Arc::default(),
            child: None,
            connection: None,
            rng: Rng::new(seed),
        }
    }

    /// The disk: all that is guarded.
    pub fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// The undo log's folder.
    pub fn undo(&self) -> PathBuf {
        self.folder.path().join("undo")
    }

    /// A place for a file that no cut touches.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the program said last.
    pub fn said(&self) -> String {
        let text = fs::read(self.beside("gateway.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<_> = text.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// The connection of the last run.
    pub fn connection(&self) -> &Connection {
        self.connection.as_ref().unwrap()
    }

    /// Orders acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        let known = self.orders.values().filter(|sent| sent.report.is_some());
        known.count() as u64
    }

    /// An order that was never sent, outside the clients' memory.
    pub fn fresh_order(&self) -> SubmitOrderRequest {
        order(&self.run, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The buyer's and the seller's orders in the book.
    pub async fn resting(&self) -> Vec<v1::Order> {
        let mut resting = Vec::new();
        for account in 0..2 {
            let request = v1::ListOrdersRequest {
                account_id: account_id(&self.run, account),
                live_only: true,
                ..v1::ListOrdersRequest::default()
            };
            let listed = self.connection().order_entry().list_orders(request).await;
            resting.extend(listed.unwrap().into_inner().orders);
        }
        resting
    }

    /// Starts the program; its address, once it listens; none if it ended before.
    fn start(&mut self, faults: &[(&str, String)], flags: &[&str]) -> Option<String> {
        self.fair.starts();
        let log = self.beside("gateway.log");
        let open = || {
            fs::File::options()
                .create(true)
                .append(true)
                .open(&log)
                .unwrap()
        };
        let mut child = Command::new(&self.program)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--snapshot-every-commands",
                "60",
            ])
            .args(flags)
            .arg("--data-dir")
            .arg(self.disk().join("data"))
            .env("LD_PRELOAD", &self.shim)
            .env("SHIM_ROOT", self.disk())
            .env("SHIM_UNDO", self.undo())
            .envs(faults.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::from(open()))
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        self.child = Some(Arc::new(Mutex::new(child)));
        let mut copy = open();
        loop {
            let mut line = String::new();
            if out.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            copy.write_all(line.as_bytes()).unwrap();
            if let Some(rest) = line.strip_prefix("listening on ") {
                let address = rest.split(',').next().unwrap_or_default().to_owned();
                std::thread::spawn(move || std::io::copy(&mut out, &mut copy));
                return Some(format!("http://{address}"));
            }
        }
    }

    /// Waits for the end of the program.
    pub fn wait(&mut self) -> ExitStatus {
        let child = self.child.take().unwrap();
        child.lock().unwrap().wait().unwrap()
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(child) = &self.child {
            let _ended_already = child.lock().unwrap().kill();
            self.wait();
        }
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        let child = self.child.as_ref().unwrap();
        child.lock().unwrap().try_wait().unwrap().is_none()
    }

    /// Starts it, audits, trades, until the strike or a fault ends it; with `Strike::Never` it is
    /// left running.
    pub async fn run(&mut self, strike: &Strike, faults: &[(&str, String)], flags: &[&str]) -> Ran {
        let mut faults = faults.to_vec();
        if let Strike::Call {
            nth, moment, only, ..
        } = strike
        {
            let moment = match moment {
                Moment::Before => "before",
                Moment::After => "after",
                Moment::Sync => "sync",
            };
            faults.push(("SHIM_KILL", format!("{nth}:{moment}")));
            faults.push(("SHIM_ONLY", (*only).to_owned()));
        }
        let mut ran = Ran::default();
        let target = self.start(&faults, flags);
        if let Some(target) = target {
            ran.ready = true;
            let connection = Connection::open(&target, Bearer::default(), Duration::ZERO).unwrap();
            self.connection = Some(connection);
            self.use_it(strike, &mut ran).await;
        }
        let leave = matches!(strike, Strike::Never(_)) && ran.unanswered.is_empty();
        if leave && ran.ready && self.runs() {
            return ran;
        }
        if !matches!(strike, Strike::Never(_)) {
            self.kill();
        }
        self.ends().await;
        ran.ended = true;
        ran
    }

    /// Waits for the end of a program that is ending by itself.
    async fn ends(&mut self) {
        let until = Instant::now() + PATIENCE;
        while self.child.is_some() && self.runs() {
            assert!(
                Instant::now() < until,
                "it neither answers nor ends: {}",
                self.said()
            );
            tokio::task::yield_now().await;
        }
        self.child = None;
    }

    async fn use_it(&mut self, strike: &Strike, ran: &mut Ran) {
        if let Err(error) = self.set_up().await {
            // A fault or the strike came first, or the gateway does not answer.
            *ran.unanswered.entry(error).or_default() += 1;
            return;
        }
        match self.audit().await {
            Ok(()) => ran.audited = Some(Ok(())),
            Err(Found::Wrong(found)) => {
                ran.audited = Some(Err(found));
                return;
            }
            Err(Found::Unanswered(status)) => {
                *ran.unanswered.entry(said(&status)).or_default() += 1;
                return;
            }
        }
        self.trade(strike, ran).await;
    }

    async fn set_up(&mut self) -> Result<(), String> {
        let run = self.run.clone();
        let operator = Operator::new(self.connection().clone(), run.clone());
        let (venue, firm) = (run.id("v"), run.id("p"));
        let told = |error: SetupError| match error {
            SetupError::Call { status, .. } => said(&status),
            SetupError::Rejected { .. } | SetupError::NoHandle { .. } | SetupError::Aborted(_) => {
                error.to_string()
            }
        };
        operator
            .create_venue(&venue, "a disk")
            .await
            .map_err(told)?;
        let instrument = self.instrument();
        operator.create_instrument(instrument).await.map_err(told)?;
        operator.create_participant(&firm).await.map_err(told)?;
        operator.create_accounts(&firm, 2).await.map_err(told)?;
        self.fund(&operator).await.map_err(told)?;
        operator
            .set_phase(&venue, Phase::Continuous, 1)
            .await
            .map_err(told)?;
        let connection = self.connection().clone();
        self.fair.found(&connection).await.map_err(told)
    }

    /// Clearing, fees and what the two accounts begin with; each made once, however often asked.
    async fn fund(&self, operator: &Operator) -> Result<(), SetupError> {
        let treasury = Treasury::open(operator, 2).await?;
        let goods = [treasury.clear(&self.run.id("i"), "t").await?];
        let rates = v1::FeeRates {
            maker_ppm: 100,
            taker_ppm: 1_000,
            ..v1::FeeRates::default()
        };
        treasury.charge(&self.run.id("v"), rates).await?;
        treasury.fund(2, &goods, stake()).await
    }

    fn instrument(&self) -> v1::CreateInstrumentRequest {
        v1::CreateInstrumentRequest {
            instrument_id: self.run.id("i"),
            venue_id: self.run.id("v"),
            name: "traded on it".to_owned(),
            currency: "CNY".to_owned(),
            unit: "t".to_owned(),
            tick_size: "0.01".to_owned(),
            lot_size: "1".to_owned(),
            price_decimals: 2,
            max_quantity: "1000000".to_owned(),
            price_sign: v1::PriceSign::Positive.into(),
            ..v1::CreateInstrumentRequest::default()
        }
    }

    async fn trade(&mut self, strike: &Strike, ran: &mut Ran) {
        let most = match *strike {
            Strike::Acknowledged(most) | Strike::Never(most) => most,
            Strike::Call {
                acknowledged_max, ..
            } => acknowledged_max,
        };
        let kills = !matches!(strike, Strike::Never(_));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let (connection, run) = (self.connection().clone(), self.run.clone());
        let moving = self.moves.start(connection.clone(), run, Arc::clone(&over));
        let shopping = self.fair.start(&connection, &over);
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            let worker = Worker {
                connection: self.connection().clone(),
                run: self.run.clone(),
                next: Arc::clone(&self.next),
                acknowledged: Arc::clone(&acknowledged),
                most,
                kills: kills.then(|| Arc::clone(self.child.as_ref().unwrap())),
            };
            workers.spawn(worker.trade());
        }
        let answers = workers.join_all().await;
        over.store(true, Ordering::Release);
        self.moves.remember(moving.await.unwrap(), ran);
        self.fair.end(shopping, ran).await;
        for (request, answer) in answers.into_iter().flatten() {
            let report = match answer {
                Ok(report) => {
                    ran.acknowledged += 1;
                    Some(report)
                }
                Err(status) if status.code() == Code::ResourceExhausted => {
                    ran.refused += 1;
                    None
                }
                Err(status) => {
                    *ran.unanswered.entry(said(&status)).or_default() += 1;
                    None
                }
            };
            let sent = Sent {
                request,
                report,
                audited: false,
            };
            self.orders
                .insert(sent.request.client_order_id.clone(), sent);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A status in words. One the client made itself, its connection being gone, has a source; the
/// gateway's own have none.
pub(super) fn said(status: &Status) -> String {
    let made_here = std::error::Error::source(status).is_some();
    let by = if made_here { "cut: " } else { "" };
    format!("{by}{:?}: {}", status.code(), status.message())
}

/// Sends an order once.
pub async fn submit(connection: &Connection, request: SubmitOrderRequest) -> Answered {
    let mut client = connection.order_entry();
    let call = client.submit_order(request.clone());
    let answer = tokio::time::timeout(PATIENCE, call).await;
    let answer = answer.unwrap_or_else(|_| panic!("no answer to {}", request.client_order_id));
    (request, answer.map(tonic::Response::into_inner))
}

/// One client that sends order after order.
struct Worker {
    connection: Connection,
    run: Run,
    next: Arc<AtomicU64>,
    acknowledged: Arc<AtomicU64>,
    most: u64,
    /// What to kill when all are acknowledged.
    kills: Option<Arc<Mutex<Child>>>,
}

impl Worker {
    async fn trade(self) -> Vec<Answered> {
        let mut answers = Vec::new();
        while self.acknowledged.load(Ordering::Acquire) < self.most {
            let order = order(&self.run, self.next.fetch_add(1, Ordering::Relaxed));
            let answered = submit(&self.connection, order).await;
            let (taken, refused) = match &answered.1 {
                Ok(_) => (true, false),
                Err(status) => (false, status.code() == Code::ResourceExhausted),
            };
            answers.push(answered);
            if !taken && !refused {
                break;
            }
            let before = self.acknowledged.fetch_add(1, Ordering::AcqRel);
            if let Some(child) = &self.kills
                && before + 1 == self.most
            {
                let _ended_already = child.lock().unwrap().kill();
            }
        }
        answers
    }
}

/// The order of a number; half buy, half sell, at three prices that cross.
fn order(run: &Run, number: u64) -> SubmitOrderRequest {
    let random = hash(number);
    let (side, account) = if random & 1 == 0 {
        (v1::Side::Buy, 0)
    } else {
        (v1::Side::Sell, 1)
    };
    SubmitOrderRequest {
        client_order_id: format!("order-{number}"),
        instrument_id: run.id("i"),
        account_id: account_id(run, account),
        side: side.into(),
        order_type: v1::OrderType::Limit.into(),
        price: ["9.99", "10.00", "10.01"][(random >> 8) as usize % 3].to_owned(),
        quantity: (1 + (random >> 16) % 9).to_string(),
        ..SubmitOrderRequest::default()
    }
}

//! A connection of a load that sends by unary calls: one order a call, or many by `BatchOrders`.
//!
//! Invariant: each command is counted once: acknowledged, refused, or unknown at the end. A call
//! whose fate is unknown is repeated with the same ids, so nothing is ever done twice. Not here:
//! when commands are due and what they are (`schedule`, `workload`).

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use proto::v1::{
    BatchOperation, BatchOrdersRequest, CancelOrderRequest, ExecType, ExecutionReport, OrderType,
    ReplaceOrderRequest, SelfTradePrevention, SubmitOrderRequest, batch_operation::Operation,
    batch_result, cancel_order_request, replace_order_request,
};
use rust_decimal::Decimal;
use tokio::{task::JoinSet, time::Instant};
use tonic::{Code, Status};

use super::{
    DRAIN, Ended, Outcome, Worker,
    fills::client_order_id,
    market::Named,
    stream::{side, time_in_force},
};
use crate::{
    auditor::has_ended,
    client::{
        Backoff,
        connect::{Connection, is_refusal, is_worth_a_retry},
    },
    workload::flow::Action,
};

/// Unary calls under way on one connection.
const CALLS_MAX: usize = 1_024;
/// Batches under way on one connection.
const BATCHES_MAX: usize = 16;
/// Commands of one batch: what is due together, at most this many.
const BATCH_COMMANDS_MAX: usize = 256;
/// How long a batch collects what becomes due.
const COLLECT: Duration = Duration::from_millis(5);
/// How long a command is worth carrying out; a short time keeps the gateway's table of ids small.
const VALID: Duration = Duration::from_secs(30);

/// How commands are put into calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grouping {
    /// One a call.
    Single,
    /// What is due together, by `BatchOrders`.
    Batch,
}

struct Asked {
    intended: Instant,
    order: u64,
    is_new: bool,
    account: usize,
}

/// What became of one command.
enum Became {
    Report(Box<ExecutionReport>),
    Refused,
    Unknown,
    Wrong(String),
}

/// See the file's head.
pub struct Calls {
    worker: Worker,
    grouping: Grouping,
    running: JoinSet<Vec<(Asked, Became, Instant)>>,
    under_way: u64,
    orders: HashMap<u64, (usize, usize)>,
    next_id: u64,
}

impl Calls {
    /// Of a worker.
    pub fn new(worker: Worker, grouping: Grouping) -> Self {
        Self {
            worker,
            grouping,
            running: JoinSet::new(),
            under_way: 0,
            orders: HashMap::new(),
            next_id: 1 << 40,
        }
    }

    /// Sends until the run is over, then waits for what is under way.
    pub async fn run(mut self) -> Outcome {
        let (bound, collect) = match self.grouping {
            Grouping::Single => (CALLS_MAX, Duration::ZERO),
            Grouping::Batch => (BATCHES_MAX, COLLECT),
        };
        while !self.worker.is_over() {
            let due = self.worker.due() + collect;
            tokio::select! {
                Some(ended) = self.running.join_next() => self.take(ended),
                Some(ended) = self.worker.fills.ended.recv() => self.ended(ended),
                _ = self.worker.stop.changed() => {}
                () = tokio::time::sleep_until(due), if self.running.len() < bound => {
                    self.send_due(bound);
                }
            }
        }
        let until = Instant::now() + DRAIN;
        while let Ok(Some(ended)) = tokio::time::timeout_at(until, self.running.join_next()).await {
            self.take(ended);
        }
        self.worker.summary.unknown += self.under_way;
        self.worker.finish()
    }

    fn send_due(&mut self, bound: usize) {
        let now = Instant::now();
        let size = match self.grouping {
            Grouping::Single => 1,
            Grouping::Batch => BATCH_COMMANDS_MAX,
        };
        while self.running.len() < bound && self.worker.due() <= now && !self.worker.is_over() {
            let mut group = Vec::new();
            while group.len() < size && self.worker.due() <= now && !self.worker.is_over() {
                let intended = self.worker.due();
                if let Some(action) = self.worker.next_action()
                    && let Some(operation) = self.operation(action, intended)
                {
                    group.push(operation);
                }
            }
            if group.is_empty() {
                continue;
            }
            self.under_way += group.len() as u64;
            self.worker.summary.commands += group.len() as u64;
            let connection = self.worker.connection.clone();
            match self.grouping {
                Grouping::Single => {
                    for (asked, operation) in group {
                        let connection = connection.clone();
                        self.running.spawn(async move {
                            let became = call(&connection, operation).await;
                            vec![(asked, became, Instant::now())]
                        });
                    }
                }
                Grouping::Batch => {
                    self.running.spawn(call_batch(connection, group));
                }
            }
        }
    }

    fn operation(&mut self, action: Action, intended: Instant) -> Option<(Asked, Operation)> {
        let (order, is_new) = match action {
            Action::New { token, .. } => (token, true),
            Action::Cancel { order } | Action::Replace { order, .. } => (order, false),
        };
        let (account, instrument) = match action {
            Action::New {
                account,
                instrument,
                ..
            } => (account, instrument),
            Action::Cancel { .. } | Action::Replace { .. } => self.orders.get(&order).copied()?,
        };
        let market = self.worker.market.clone();
        let named = market.named.get(instrument)?;
        let account_id = market.accounts.get(account)?.account_id.clone();
        if let Action::New {
            immediate: false, ..
        } = action
        {
            self.orders.insert(order, (account, instrument));
        }
        let asked = Asked {
            intended,
            order,
            is_new,
            account,
        };
        Some((asked, self.request(action, named, account_id)))
    }

    fn request(&mut self, action: Action, named: &Named, account_id: String) -> Operation {
        let valid_until = Some((SystemTime::now() + VALID).into());
        let (run, index) = (self.worker.run.clone(), self.worker.index);
        let words = |steps: i64, step: Decimal| (Decimal::from(steps) * step).to_string();
        let mut fresh = || {
            self.next_id += 1;
            client_order_id(&run, index, self.next_id)
        };
        match action {
            Action::New {
                token,
                way,
                price_ticks,
                lots,
                immediate,
                ..
            } => Operation::Submit(SubmitOrderRequest {
                client_order_id: client_order_id(&run, index, token),
                instrument_id: named.id.clone(),
                account_id,
                side: side(way).into(),
                order_type: OrderType::Limit.into(),
                price: words(price_ticks, named.tick),
                quantity: words(lots, named.lot),
                time_in_force: time_in_force(immediate).into(),
                self_trade_prevention: SelfTradePrevention::CancelTaker.into(),
                valid_until,
                ..SubmitOrderRequest::default()
            }),
            Action::Cancel { order } => Operation::Cancel(CancelOrderRequest {
                client_order_id: fresh(),
                account_id,
                order: Some(cancel_order_request::Order::OrigClientOrderId(
                    client_order_id(&run, index, order),
                )),
                valid_until,
            }),
            Action::Replace {
                order,
                price_ticks,
                lots,
            } => Operation::Replace(ReplaceOrderRequest {
                client_order_id: fresh(),
                account_id,
                order: Some(replace_order_request::Order::OrigClientOrderId(
                    client_order_id(&run, index, order),
                )),
                price: words(price_ticks, named.tick),
                quantity: words(lots, named.lot),
                valid_until,
                ..ReplaceOrderRequest::default()
            }),
        }
    }

    fn take(&mut self, ended: Result<Vec<(Asked, Became, Instant)>, tokio::task::JoinError>) {
        let became = match ended {
            Ok(became) => became,
            Err(error) => {
                self.worker.summary.error = Some(error.to_string());
                return;
            }
        };
        for (asked, became, at) in became {
            self.under_way -= 1;
            match became {
                Became::Report(report) => self.report(&asked, &report, at),
                Became::Refused => {
                    self.worker.summary.refused += 1;
                    if asked.is_new {
                        self.gone(asked.order);
                    }
                }
                Became::Unknown => {
                    self.worker.summary.unknown += 1;
                    self.gone(asked.order);
                }
                Became::Wrong(what) => {
                    self.worker.summary.refused += 1;
                    self.worker.summary.mismatch(|| what);
                    self.gone(asked.order);
                }
            }
        }
    }

    fn report(&mut self, asked: &Asked, report: &ExecutionReport, at: Instant) {
        self.worker
            .acknowledged_at(asked.intended, at, report.engine_sequence);
        if let Some(account) = self.worker.market.accounts.get(asked.account) {
            self.worker
                .fills
                .first(&account.participant_id, report.participant_sequence);
        }
        if !report.reject_reason.is_empty() {
            self.worker.summary.reject(&report.reject_reason);
            self.gone(asked.order);
        } else if report.exec_type() == ExecType::New && asked.is_new {
            self.worker.flow.accepted(asked.order);
        } else if has_ended(report.order_status()) {
            self.gone(asked.order);
        }
    }

    fn ended(&mut self, ended: Ended) {
        if let Ended::Token(token) = ended {
            self.gone(token);
        }
    }

    fn gone(&mut self, token: u64) {
        self.orders.remove(&token);
        self.worker.flow.ended(token);
    }
}

/// Makes a call; where its fate is unknown it is made again with the same id.
async fn call(connection: &Connection, operation: Operation) -> Became {
    let until = Instant::now() + connection.patience().min(VALID);
    let mut backoff = Backoff::new();
    let mut maybe_taken = false;
    loop {
        let mut client = connection.order_entry();
        let answer = match operation.clone() {
            Operation::Submit(request) => client.submit_order(request).await,
            Operation::Cancel(request) => client.cancel_order(request).await,
            Operation::Replace(request) => client.replace_order(request).await,
        };
        let status = match answer {
            Ok(report) => return Became::Report(Box::new(report.into_inner())),
            Err(status) => status,
        };
        if let Some(became) = fate(&status, &mut maybe_taken) {
            return became;
        }
        let pause = backoff.pause();
        if Instant::now() + pause > until {
            return Became::Unknown;
        }
        tokio::time::sleep(pause).await;
    }
}

/// What a failed call means; none when it must be made again to know.
fn fate(status: &Status, maybe_taken: &mut bool) -> Option<Became> {
    if !is_worth_a_retry(status) {
        return Some(if status.code() == Code::NotFound {
            Became::Refused
        } else {
            Became::Wrong(status.to_string())
        });
    }
    if is_refusal(status) && !*maybe_taken {
        return Some(Became::Refused);
    }
    *maybe_taken |= !is_refusal(status);
    None
}

async fn call_batch(
    connection: Connection,
    group: Vec<(Asked, Operation)>,
) -> Vec<(Asked, Became, Instant)> {
    let (asked, operations): (Vec<_>, Vec<_>) = group
        .into_iter()
        .map(|(asked, operation)| {
            let operation = Some(operation);
            (asked, BatchOperation { operation })
        })
        .unzip();
    let became = batch(&connection, BatchOrdersRequest { operations }).await;
    let at = Instant::now();
    asked
        .into_iter()
        .zip(
            became
                .into_iter()
                .chain(std::iter::repeat_with(|| Became::Unknown)),
        )
        .map(|(asked, became)| (asked, became, at))
        .collect()
}

async fn batch(connection: &Connection, request: BatchOrdersRequest) -> Vec<Became> {
    let count = request.operations.len();
    let all = |make: fn() -> Became| (0..count).map(|_| make()).collect();
    let until = Instant::now() + connection.patience().min(VALID);
    let mut backoff = Backoff::new();
    let mut maybe_taken = false;
    loop {
        let mut client = connection.order_entry();
        let status = match client.batch_orders(request.clone()).await {
            Ok(response) => {
                let results = response.into_inner().results;
                return results.into_iter().map(result).collect();
            }
            Err(status) => status,
        };
        match fate(&status, &mut maybe_taken) {
            Some(Became::Refused) => return all(|| Became::Refused),
            Some(Became::Wrong(what)) => {
                return (0..count).map(|_| Became::Wrong(what.clone())).collect();
            }
            Some(Became::Report(_) | Became::Unknown) | None => {}
        }
        let pause = backoff.pause();
        if Instant::now() + pause > until {
            return all(|| Became::Unknown);
        }
        tokio::time::sleep(pause).await;
    }
}

fn result(result: proto::v1::BatchResult) -> Became {
    match result.result {
        Some(batch_result::Result::Report(report)) => Became::Report(Box::new(report)),
        Some(batch_result::Result::Refusal(refusal)) => {
            let code = Code::from(refusal.code);
            if code == Code::ResourceExhausted
                || code == Code::Unavailable
                || code == Code::NotFound
            {
                Became::Refused
            } else {
                Became::Wrong(format!("{}: {}", refusal.reason, refusal.message))
            }
        }
        None => Became::Unknown,
    }
}

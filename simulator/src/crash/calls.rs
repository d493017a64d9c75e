//! A live client that sends by calls: one command a call, or several by `BatchOrders`.
//!
//! Invariant: a command is sent with the same id until it is answered, whatever dies meanwhile; a
//! few are sent once more after their answer, and must be answered the same. Not here: what is
//! checked (`ledger`, `audit`).

use std::{collections::HashMap, sync::Arc, time::Duration};

use proto::v1::{
    BatchOperation, BatchOrdersRequest, CancelOrderRequest, ExecType, ExecutionReport, OrderType,
    ReplaceOrderRequest, SelfTradePrevention, SubmitOrderRequest, batch_operation::Operation,
    batch_result, cancel_order_request, replace_order_request,
};
use rust_decimal::Decimal;
use tonic::{Code, Status};

use super::{
    ledger::{Asked, Key, Sent},
    live::Floor,
};
use crate::{
    auditor::has_ended,
    client::connect::{Connection, is_refusal, is_worth_a_retry},
    load::{
        fills::client_order_id,
        market::{Market, Named},
        stream::{side, time_in_force},
    },
    workload::{
        flow::{Action, Flow},
        rng::Rng,
    },
};

/// Of so many answered commands one is sent once more.
const RETRY_ONE_IN: u64 = 8;
/// Of so many new orders one is larger than the instrument takes: a reject.
const REJECT_ONE_IN: u64 = 12;
/// How much too large it is, in lots.
const TOO_MANY_LOTS: i64 = 1 << 20;
/// Answered commands that may be sent once more.
const RECENT_MAX: usize = 64;
/// Pause after a refusal, and the longest wait for a kill that explains a broken connection.
const PAUSE: Duration = Duration::from_millis(50);
/// Time of the flow that passes with each command, in milliseconds.
const STEP_MS: u64 = 20;

/// Who a lane is.
pub struct Lane {
    /// What all lanes share.
    pub floor: Arc<Floor>,
    /// A connection of its own.
    pub connection: Connection,
    /// What is traded.
    pub market: Market,
    /// The run's name.
    pub run: String,
    /// Its number, also that of its account.
    pub index: u64,
    /// The flow's seed.
    pub seed: u64,
}

/// See the file's head.
pub struct Calls {
    lane: Lane,
    batch_max: u64,
    flow: Flow,
    rng: Rng,
    commands: u64,
    next_id: u64,
    orders: HashMap<u64, (usize, String)>,
    recent: Vec<Command>,
}

#[derive(Clone)]
struct Command {
    key: Key,
    asked: Asked,
    token: u64,
    instrument: usize,
    operation: Operation,
}

/// What became of a command.
enum Became {
    Report(Box<ExecutionReport>),
    NotTaken(String),
}

impl Calls {
    /// A lane that sends up to `batch_max` commands a call; 1 is unary.
    pub fn new(lane: Lane, batch_max: u64) -> Self {
        let traded = Arc::clone(&lane.market.traded);
        Self {
            flow: Flow::new(lane.seed, lane.index, traded, 1),
            rng: Rng::new(lane.seed ^ (lane.index << 32)),
            lane,
            batch_max,
            commands: 0,
            next_id: 1 << 40,
            orders: HashMap::new(),
            recent: Vec::new(),
        }
    }

    /// Sends until the run is over.
    pub async fn run(mut self) -> Result<(), String> {
        while self.lane.floor.may_ask().await {
            let group = self.group();
            if group.is_empty() {
                continue;
            }
            let became = self.until_answered(&group, Sent::Once).await?;
            self.lane.floor.answered(group.len() as u64);
            for (command, became) in group.into_iter().zip(became) {
                self.take(command, &became);
            }
            if self.rng.below(RETRY_ONE_IN) == 0 {
                self.retry().await?;
            }
        }
        Ok(())
    }

    fn group(&mut self) -> Vec<Command> {
        let size = 1 + self.rng.below(self.batch_max);
        let mut group = Vec::new();
        for _ in 0..size {
            self.commands += 1;
            if let Some(action) = self.flow.next(self.commands * STEP_MS)
                && let Some(command) = self.command(action)
            {
                let mut ledger = self.lane.floor.ledger();
                ledger.asks(&command.key, command.asked);
                group.push(command);
            }
        }
        group
    }

    fn command(&mut self, action: Action) -> Option<Command> {
        let (asked, token) = match action {
            Action::New { token, .. } => (Asked::New, token),
            Action::Cancel { order } => (Asked::Cancel, order),
            Action::Replace { order, .. } => (Asked::Replace, order),
        };
        let market = self.lane.market.clone();
        let account_id = market
            .accounts
            .get(usize::try_from(self.lane.index).ok()?)?
            .account_id
            .clone();
        let id = self.id(action, token);
        let (instrument, operation) = match action {
            Action::New { instrument, .. } => {
                let named = market.named.get(instrument)?;
                let order = self.order(action, named, (id.clone(), account_id))?;
                (instrument, Operation::Submit(order))
            }
            Action::Cancel { order } => {
                let (instrument, order_id) = self.orders.remove(&order)?;
                let cancel = CancelOrderRequest {
                    client_order_id: id.clone(),
                    account_id,
                    order: Some(self.name_to_cancel(order, order_id)),
                    valid_until: None,
                };
                (instrument, Operation::Cancel(cancel))
            }
            Action::Replace {
                order,
                price_ticks,
                lots,
            } => {
                let (instrument, order_id) = self.orders.get(&order)?.clone();
                let named = market.named.get(instrument)?;
                let replace = ReplaceOrderRequest {
                    client_order_id: id.clone(),
                    account_id,
                    order: Some(replace_order_request::Order::OrderId(order_id)),
                    price: words(price_ticks, named.tick),
                    quantity: words(lots, named.lot),
                    ..ReplaceOrderRequest::default()
                };
                (instrument, Operation::Replace(replace))
            }
        };
        Some(Command {
            key: Key::Request(id),
            asked,
            token,
            instrument,
            operation,
        })
    }

    fn id(&mut self, action: Action, token: u64) -> String {
        let number = if let Action::New { .. } = action {
            token
        } else {
            self.next_id += 1;
            self.next_id
        };
        client_order_id(&self.lane.run, self.lane.index, number)
    }

    /// Orders are cancelled by either of their names in turn.
    fn name_to_cancel(&self, token: u64, order_id: String) -> cancel_order_request::Order {
        if self.next_id.is_multiple_of(2) {
            return cancel_order_request::Order::OrderId(order_id);
        }
        let own = client_order_id(&self.lane.run, self.lane.index, token);
        cancel_order_request::Order::OrigClientOrderId(own)
    }

    fn order(
        &mut self,
        action: Action,
        named: &Named,
        (client_order_id, account_id): (String, String),
    ) -> Option<SubmitOrderRequest> {
        let Action::New {
            way,
            price_ticks,
            mut lots,
            immediate,
            ..
        } = action
        else {
            return None;
        };
        if self.rng.below(REJECT_ONE_IN) == 0 {
            lots += TOO_MANY_LOTS;
        }
        Some(SubmitOrderRequest {
            client_order_id,
            instrument_id: named.id.clone(),
            account_id,
            side: side(way).into(),
            order_type: OrderType::Limit.into(),
            price: words(price_ticks, named.tick),
            quantity: words(lots, named.lot),
            time_in_force: time_in_force(immediate).into(),
            self_trade_prevention: SelfTradePrevention::CancelTaker.into(),
            ..SubmitOrderRequest::default()
        })
    }

    /// Sends commands with the same ids until they are answered, and enters the answers.
    async fn until_answered(
        &self,
        group: &[Command],
        mut sent: Sent,
    ) -> Result<Vec<Became>, String> {
        let floor = &self.lane.floor;
        loop {
            let (kills, call) = floor.begin().await;
            let answer = send(&self.lane.connection, group).await;
            match answer {
                Ok(became) => {
                    self.enter(group, &became, sent);
                    return Ok(became);
                }
                Err(status) if !is_worth_a_retry(&status) => {
                    return Err(format!("{:?}: {status}", group.first().map(|c| &c.key)));
                }
                Err(status) => {
                    // Clients are stopped before the kill, so a kill that broke this call shows.
                    let killed = floor.kills() > kills;
                    if killed {
                        floor.ledger().struck(kills + 1, group.len() as u64);
                    }
                    if (killed || !is_refusal(&status)) && sent == Sent::Once {
                        sent = Sent::Again;
                    }
                }
            }
            drop(call);
            // A kill explains it, or the gateway was busy: either way it is sent again.
            let _killed = tokio::time::timeout(PAUSE, floor.outlive(kills)).await;
        }
    }

    fn enter(&self, group: &[Command], became: &[Became], sent: Sent) {
        let mut ledger = self.lane.floor.ledger();
        if group.len() != became.len() {
            let what = format!("{} answers to {} commands", became.len(), group.len());
            ledger.faults.add(what);
        }
        for (command, became) in group.iter().zip(became) {
            match became {
                Became::Report(report) => ledger.answered(&command.key, sent, report),
                Became::NotTaken(why) => {
                    ledger.faults.add(format!("{:?}: {why}", command.key));
                    ledger.withdraw(&command.key);
                }
            }
        }
    }

    /// Learns from an answer.
    fn take(&mut self, command: Command, became: &Became) {
        let Became::Report(report) = became else {
            self.flow.ended(command.token);
            return;
        };
        let live = report.reject_reason.is_empty() && !has_ended(report.order_status());
        if command.asked == Asked::New {
            if live && report.exec_type() == ExecType::New {
                let place = (command.instrument, report.order_id.clone());
                self.orders.insert(command.token, place);
                self.flow.accepted(command.token);
            } else {
                self.flow.ended(command.token);
            }
        } else if !live {
            self.orders.remove(&command.token);
            self.flow.ended(command.token);
        }
        if self.recent.len() == RECENT_MAX {
            self.recent.swap_remove(0);
        }
        self.recent.push(command);
    }

    /// Sends an answered command once more, exactly.
    async fn retry(&mut self) -> Result<(), String> {
        let place = usize::try_from(self.rng.below(self.recent.len() as u64)).unwrap_or(0);
        let Some(command) = self.recent.get(place).cloned() else {
            return Ok(());
        };
        self.until_answered(&[command], Sent::Retried).await?;
        Ok(())
    }
}

async fn send(connection: &Connection, group: &[Command]) -> Result<Vec<Became>, Status> {
    let mut client = connection.order_entry();
    let [command] = group else {
        let operations = group.iter().map(|command| BatchOperation {
            operation: Some(command.operation.clone()),
        });
        let request = BatchOrdersRequest {
            operations: operations.collect(),
        };
        let response = client.batch_orders(request).await?.into_inner();
        return response.results.into_iter().map(result).collect();
    };
    let report = match command.operation.clone() {
        Operation::Submit(request) => client.submit_order(request).await?,
        Operation::Cancel(request) => client.cancel_order(request).await?,
        Operation::Replace(request) => client.replace_order(request).await?,
    };
    Ok(vec![Became::Report(Box::new(report.into_inner()))])
}

/// The answer of one operation; a refusal that time may mend is an error of the whole call.
fn result(result: proto::v1::BatchResult) -> Result<Became, Status> {
    match result.result {
        Some(batch_result::Result::Report(report)) => Ok(Became::Report(Box::new(report))),
        Some(batch_result::Result::Refusal(refusal)) => {
            let status = Status::new(Code::from(refusal.code), refusal.message);
            if is_worth_a_retry(&status) {
                return Err(status);
            }
            Ok(Became::NotTaken(format!("{}: {status}", refusal.reason)))
        }
        None => Ok(Became::NotTaken("an empty answer".to_owned())),
    }
}

fn words(steps: i64, step: Decimal) -> String {
    (Decimal::from(steps) * step).to_string()
}

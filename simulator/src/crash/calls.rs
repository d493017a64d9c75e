//! A live client that sends by calls: one command a call, or several by `BatchOrders`.
//!
//! Invariant: a command is sent with the same id until it is answered, whatever dies meanwhile; a
//! few are sent once more after their answer, and must be answered the same. Not here: what is
//! checked (`ledger`, `audit`).

use std::{collections::HashMap, sync::Arc};

use proto::v1::{
    CancelOrderRequest, ExecType, OrderType, ReplaceOrderRequest, SelfTradePrevention,
    SubmitOrderRequest, batch_operation::Operation, cancel_order_request, replace_order_request,
};

use super::{
    lane::{Became, Command, Lane, words},
    ledger::{Asked, Key, Sent},
};
use crate::{
    auditor::has_ended,
    load::{
        fills::client_order_id,
        market::Named,
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
/// Time of the flow that passes with each command, in milliseconds.
const STEP_MS: u64 = 20;

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

/// A command, and what the flow knows it by.
struct Known {
    command: Command,
    token: u64,
    instrument: usize,
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
            let commands: Vec<_> = group.iter().map(|known| known.command.clone()).collect();
            let became = self.lane.until_answered(&commands, Sent::Once).await?;
            self.lane.floor.answered(group.len() as u64);
            for (known, became) in group.into_iter().zip(became) {
                self.take(known, &became);
            }
            if self.rng.below(RETRY_ONE_IN) == 0 {
                self.retry().await?;
            }
        }
        Ok(())
    }

    fn group(&mut self) -> Vec<Known> {
        let size = 1 + self.rng.below(self.batch_max);
        let mut group = Vec::new();
        for _ in 0..size {
            self.commands += 1;
            if let Some(action) = self.flow.next(self.commands * STEP_MS)
                && let Some(known) = self.command(action)
            {
                self.lane.asks(&known.command);
                group.push(known);
            }
        }
        group
    }

    fn command(&mut self, action: Action) -> Option<Known> {
        let (asked, token) = match action {
            Action::New { token, .. } => (Asked::New, token),
            Action::Cancel { order } => (Asked::Cancel, order),
            Action::Replace { order, .. } => (Asked::Replace, order),
        };
        let market = self.lane.market.clone();
        let account_id = self.lane.account_id()?;
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
        Some(Known {
            command: Command {
                key: Key::Request(id),
                asked,
                operation,
            },
            token,
            instrument,
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

    /// Learns from an answer.
    fn take(&mut self, known: Known, became: &Became) {
        let Became::Report(report) = became else {
            self.flow.ended(known.token);
            return;
        };
        let live = report.reject_reason.is_empty() && !has_ended(report.order_status());
        if known.command.asked == Asked::New {
            if live && report.exec_type() == ExecType::New {
                let place = (known.instrument, report.order_id.clone());
                self.orders.insert(known.token, place);
                self.flow.accepted(known.token);
            } else {
                self.flow.ended(known.token);
            }
        } else if !live {
            self.orders.remove(&known.token);
            self.flow.ended(known.token);
        }
        if self.recent.len() == RECENT_MAX {
            self.recent.swap_remove(0);
        }
        self.recent.push(known.command);
    }

    /// Sends an answered command once more, exactly.
    async fn retry(&mut self) -> Result<(), String> {
        let place = usize::try_from(self.rng.below(self.recent.len() as u64)).unwrap_or(0);
        let Some(command) = self.recent.get(place).cloned() else {
            return Ok(());
        };
        self.lane.until_answered(&[command], Sent::Retried).await?;
        Ok(())
    }
}

//! One live client: who it is, and how it sends commands until they are answered.
//!
//! Invariant: a command is sent with the same id until it is answered, whatever dies meanwhile, and
//! every answer is entered into the ledger. Not here: which commands (`calls`, `pair`).

use std::{sync::Arc, time::Duration};

use proto::v1::{
    BatchOperation, BatchOrdersRequest, ExecutionReport, batch_operation::Operation, batch_result,
};
use rust_decimal::Decimal;
use tonic::{Code, Status};

use super::{
    ledger::{Asked, Key, Sent},
    live::Floor,
};
use crate::{
    client::connect::{Connection, is_refusal, is_worth_a_retry},
    load::market::Market,
};

/// Pause after a refusal, and the longest wait for a kill that explains a broken connection.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

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

/// A command as it is sent, and sent again.
#[derive(Clone, Debug)]
pub struct Command {
    /// How it is recognised.
    pub key: Key,
    /// What it asks.
    pub asked: Asked,
    /// It itself.
    pub operation: Operation,
}

/// What became of a command.
#[derive(Debug)]
pub enum Became {
    /// It was answered.
    Report(Box<ExecutionReport>),
    /// It was refused for good, which no live client expects.
    NotTaken(String),
}

impl Lane {
    /// The public id of its account.
    pub fn account_id(&self) -> Option<String> {
        let index = usize::try_from(self.index).ok()?;
        Some(self.market.accounts.get(index)?.account_id.clone())
    }

    /// Enters a command that is about to be sent for the first time.
    pub fn asks(&self, command: &Command) {
        self.floor.ledger().memory.asks(&command.key, command.asked);
    }

    /// Sends commands with the same ids until they are answered, and enters the answers.
    pub async fn until_answered(
        &self,
        group: &[Command],
        mut sent: Sent,
    ) -> Result<Vec<Became>, String> {
        let floor = &self.floor;
        loop {
            let (kills, call) = floor.begin().await;
            let answer = send(&self.connection, group).await;
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
        let mut ledger = self.floor.ledger();
        if group.len() != became.len() {
            let what = format!("{} answers to {} commands", became.len(), group.len());
            ledger.memory.faults.add(what);
        }
        for (command, became) in group.iter().zip(became) {
            match became {
                Became::Report(report) => ledger.answered(&command.key, sent, report),
                Became::NotTaken(why) => {
                    ledger
                        .memory
                        .faults
                        .add(format!("{:?}: {why}", command.key));
                    ledger.memory.withdraw(&command.key);
                }
            }
        }
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

/// So many steps, as the contract writes decimals.
pub fn words(steps: i64, step: Decimal) -> String {
    (Decimal::from(steps) * step).to_string()
}

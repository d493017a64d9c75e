//! For tests: trading against the program, and what it tells of that.
//!
//! Invariant: an order's number says all of it, so it can be sent again. Not here: expectations.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;

use proto::v1;
use proto::v1::operations_client::OperationsClient;
use proto::v1::order_entry_client::OrderEntryClient;
use tonic::Code;
use tonic::transport::Channel;
use v1::get_order_request::Order as Named;
use v1::stream_executions_request::Owner;

use super::child::Program;
use super::folders::serve;
use super::{limit, make_market};

/// Orders that [`traded`] sends.
pub const ORDERS: u64 = 100;

/// Order `number`: A buys and B sells, some rest.
pub fn order(number: u64) -> v1::SubmitOrderRequest {
    let (account, side) = match number % 2 {
        0 => ("A", v1::Side::Buy),
        _ => ("B", v1::Side::Sell),
    };
    let price = if number % 10 == 4 { "650.00" } else { "700.00" };
    limit(&format!("order-{number}"), account, side, price, "100")
}

/// What can be read back of both accounts.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Told {
    pub orders: Vec<v1::Order>,
    pub reports: Vec<Vec<v1::ExecutionReport>>,
}

pub struct Client(pub OrderEntryClient<Channel>);

impl Client {
    pub async fn of(program: &Program) -> Self {
        Self(OrderEntryClient::new(program.channel().await))
    }

    pub async fn submit(&mut self, number: u64) -> v1::ExecutionReport {
        let report = self.0.submit_order(order(number)).await;
        report.expect("a report").into_inner()
    }

    /// The order as it is kept.
    pub async fn named(&mut self, number: u64) -> Result<v1::Order, Code> {
        let asked = order(number);
        let request = v1::GetOrderRequest {
            account_id: asked.account_id,
            order: Some(Named::ClientOrderId(asked.client_order_id)),
        };
        let found = self.0.get_order(request).await;
        found.map_or_else(|no| Err(no.code()), |found| Ok(found.into_inner()))
    }

    /// Every order and every report.
    pub async fn told(&mut self) -> Told {
        let mut told = Told::default();
        for account in ["A", "B"] {
            let mut request = v1::ListOrdersRequest {
                account_id: account.to_owned(),
                page_size: 500,
                ..v1::ListOrdersRequest::default()
            };
            loop {
                let page = self.0.list_orders(request.clone()).await.expect("a page");
                let page = page.into_inner();
                told.orders.extend(page.orders);
                request.page_token = page.next_page_token;
                if request.page_token.is_empty() {
                    break;
                }
            }
            told.reports.push(self.reports(account).await);
        }
        told
    }

    pub async fn reports(&mut self, account: &str) -> Vec<v1::ExecutionReport> {
        let request = v1::StreamExecutionsRequest {
            owner: Some(Owner::AccountId(account.to_owned())),
            from_sequence: 1,
        };
        let stream = self.0.stream_executions(request).await;
        let mut stream = stream.expect("a stream").into_inner();
        let mut all = Vec::new();
        loop {
            let message = stream.message().await.expect("no error").expect("goes on");
            all.extend(message.reports);
            if message.caught_up {
                return all;
            }
        }
    }
}

/// A gateway that has traded, and what it said of that.
pub struct Traded {
    pub program: Program,
    /// The command of each order, by its number.
    pub sequences: Vec<u64>,
    pub told: Told,
}

pub async fn status(program: &Program) -> v1::EngineStatus {
    let mut operations = OperationsClient::new(program.channel().await);
    let status = operations.get_engine_status(v1::GetEngineStatusRequest {});
    status.await.expect("a status").into_inner()
}

/// Trades, is killed, and trades on; with a snapshot after every 30 commands at first if `often`.
pub async fn traded(data: &Path, often: bool, flags: &[&str]) -> Traded {
    let every = ["--snapshot-every-commands", "30"];
    let every = if often { &every[..] } else { &[] };
    let program = serve(data, &[every, flags].concat()).expect("it starts");
    make_market(program.channel().await).await;
    let mut client = Client::of(&program).await;
    let mut sequences = Vec::new();
    let mut snapshot = 0;
    for half in [0..30, 30..60] {
        sequences.extend(more(&mut client, half).await);
        while often && status(&program).await.snapshot_sequence == snapshot {
            tokio::task::yield_now().await;
        }
        snapshot = status(&program).await.snapshot_sequence;
    }
    drop(program);
    let program = serve(data, flags).expect("it starts again");
    let mut client = Client::of(&program).await;
    sequences.extend(more(&mut client, 60..ORDERS).await);
    let told = client.told().await;
    Traded {
        program,
        sequences,
        told,
    }
}

pub async fn more(client: &mut Client, numbers: std::ops::Range<u64>) -> Vec<u64> {
    let mut sequences = Vec::new();
    for number in numbers {
        let report = client.submit(number).await;
        assert_eq!(report.exec_type(), v1::ExecType::New, "{report:?}");
        assert!(!report.poss_dup, "{number} was there before");
        sequences.push(report.engine_sequence);
    }
    sequences
}

/// The reports of `told` up to a command.
pub fn until(told: &Told, last: u64) -> Vec<Vec<v1::ExecutionReport>> {
    let mut kept = told.reports.clone();
    for reports in &mut kept {
        reports.retain(|one| one.engine_sequence <= last);
    }
    kept
}

//! The audit of an exchange from its clients' side.
//!
//! Orders, deposits and withdrawals are sent again: what was acknowledged must be answered by the
//! same report, what was not is entered now. Then the private stream must tell of each order once,
//! the book must hold what the orders leave, and the accounts must have and hold what their trades,
//! deposits, withdrawals and orders leave.
//!
//! Invariant: the verdict stands on answers alone, never on the folder. Not here: the clients'
//! memory (`exchange`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proto::v1::stream_executions_request::Owner;
use proto::v1::{self, ExecutionReport};
use tokio::task::JoinSet;
use tonic::Status;

use sanjiang_simulator::purse::{Assets, Moved, Purse};
use sanjiang_simulator::setup::account_id;
use sanjiang_simulator::setup::money::{goods_of, money_of};

use super::exchange::{Exchange, PATIENCE, stake, submit};

/// Old orders asked for again at each audit, besides all new ones.
const SAMPLE: usize = 40;

/// What an audit ended with.
#[derive(Debug)]
pub enum Found {
    /// The promise is broken.
    Wrong(String),
    /// The gateway went away, or does not take the question.
    Unanswered(Status),
}

pub(super) fn wrong(what: String) -> Result<(), Found> {
    Err(Found::Wrong(what))
}

impl Exchange {
    /// The whole audit.
    pub async fn audit(&mut self) -> Result<(), Found> {
        self.ask_again().await?;
        self.move_again().await?;
        self.inspect_shops().await?;
        let reports = self.stream().await?;
        self.compare(&reports)?;
        self.weigh().await?;
        self.pay(&reports).await
    }

    /// Counts every order, deposit and withdrawal as new, so that the next audit asks for all.
    pub fn forget_audits(&mut self) {
        for sent in self.orders.values_mut() {
            sent.audited = false;
        }
        self.moves.forget_audits();
        self.fair.whole = true;
    }

    async fn ask_again(&mut self) -> Result<(), Found> {
        let skip = self.rng.below(self.orders.len() as u64 / SAMPLE as u64 + 1) as usize;
        let step = self.orders.len() / SAMPLE + 1;
        let mut asked = Vec::new();
        for (place, sent) in self.orders.values().enumerate() {
            if !sent.audited || place % step == skip % step {
                asked.push(sent.request.clone());
            }
        }
        for some in asked.chunks(32) {
            let mut calls = JoinSet::new();
            for request in some {
                let (connection, request) = (self.connection().clone(), request.clone());
                calls.spawn(async move { submit(&connection, request).await });
            }
            for (request, answer) in calls.join_all().await {
                let report = answer.map_err(Found::Unanswered)?;
                let sent = self.orders.get_mut(&request.client_order_id).unwrap();
                match &sent.report {
                    Some(first) => same(first, &report)?,
                    None => {
                        sent.report = Some(ExecutionReport {
                            poss_dup: false,
                            ..report
                        });
                    }
                }
            }
        }
        for request in asked {
            self.orders
                .get_mut(&request.client_order_id)
                .unwrap()
                .audited = true;
        }
        Ok(())
    }

    /// Every report the participant ever had.
    async fn stream(&self) -> Result<Vec<ExecutionReport>, Found> {
        let request = v1::StreamExecutionsRequest {
            owner: Some(Owner::ParticipantId(self.run.id("p"))),
            from_sequence: 1,
        };
        let mut client = self.connection().order_entry();
        let opened = client.stream_executions(request).await;
        let mut stream = opened.map_err(Found::Unanswered)?.into_inner();
        let mut reports = Vec::new();
        loop {
            let message = tokio::time::timeout(PATIENCE, stream.message()).await;
            let message = message
                .expect("the stream hangs")
                .map_err(Found::Unanswered)?;
            let Some(message) = message else {
                return Err(Found::Unanswered(Status::unavailable("the stream ended")));
            };
            reports.extend(message.reports);
            if message.caught_up {
                return Ok(reports);
            }
        }
    }

    /// Each order once, with the report it was acknowledged with, and traded no more than it asked.
    fn compare(&self, reports: &[ExecutionReport]) -> Result<(), Found> {
        let (mut numbers, mut ids) = (1.., BTreeSet::new());
        let (mut begun, mut traded) = (BTreeMap::new(), BTreeMap::<&str, u64>::new());
        for report in reports {
            if Some(report.participant_sequence) != numbers.next() {
                return wrong(format!(
                    "a gap before report {}",
                    report.participant_sequence
                ));
            }
            if !ids.insert(&report.exec_id) {
                return wrong(format!("execution {} was given twice", report.exec_id));
            }
            let id = report.client_order_id.as_str();
            if report.exec_type() == v1::ExecType::Trade {
                *traded.entry(id).or_default() += report.last_quantity.parse::<u64>().unwrap();
            } else if begun.insert(id, report).is_some() {
                return wrong(format!("order {id} was entered twice"));
            }
        }
        for (id, sent) in &self.orders {
            let (Some(first), Some(streamed)) = (&sent.report, begun.get(id.as_str())) else {
                return wrong(format!("order {id} is not in the stream"));
            };
            if first.exec_id != streamed.exec_id || first.order_id != streamed.order_id {
                return wrong(format!("{first:?} became {streamed:?}"));
            }
            let asked: u64 = sent.request.quantity.parse().unwrap();
            if traded
                .get(id.as_str())
                .is_some_and(|traded| *traded > asked)
            {
                return wrong(format!("order {id} traded more than {asked}"));
            }
        }
        if begun.len() == self.orders.len() {
            return Ok(());
        }
        wrong(format!(
            "{} orders where {} were sent",
            begun.len(),
            self.orders.len()
        ))
    }

    /// Each account has what it began with, what its trades and their fees, deposits and
    /// withdrawals leave of it, and holds of it what its orders hold: to the fen and the lot.
    async fn pay(&self, reports: &[ExecutionReport]) -> Result<(), Found> {
        let instrument = self.run.id("i");
        let (money, goods) = (money_of(&self.run), goods_of(&self.run, &instrument));
        let mut purse = Purse::new(Assets {
            money: money.clone(),
            goods: HashMap::from([(instrument, goods.clone())]),
        });
        let accounts = [0, 1].map(|account| account_id(&self.run, account));
        for account_id in &accounts {
            for (asset_id, amount) in [(&money, stake().money), (&goods, stake().goods)] {
                purse.moved(&Moved {
                    account_id: account_id.clone(),
                    asset_id: asset_id.clone(),
                    amount,
                });
            }
        }
        let moves = self.moves.done(&self.run);
        for moved in &moves {
            purse.moved(moved);
        }
        for report in reports {
            purse.take(report).map_err(Found::Wrong)?;
        }
        for account_id in accounts {
            let request = v1::GetBalancesRequest {
                account_id: account_id.clone(),
                ..v1::GetBalancesRequest::default()
            };
            let answer = self.connection().accounts().get_balances(request).await;
            let balances = answer.map_err(Found::Unanswered)?.into_inner().balances;
            if let Some(what) = purse.differs(&account_id, &balances, &[]) {
                return wrong(what);
            }
        }
        Ok(())
    }

    /// What was bought and not sold is what the book holds.
    async fn weigh(&self) -> Result<(), Found> {
        let request = v1::GetBookSnapshotRequest {
            instrument_id: self.run.id("i"),
            depth: 10,
        };
        let mut client = self.connection().market_data();
        let book = client.get_book_snapshot(request).await;
        let book = book.map_err(Found::Unanswered)?.into_inner();
        let lots = |levels: &[v1::BookLevel]| levels.iter().map(|l| l.quantity_lots).sum::<i64>();
        let mut sent = 0;
        for order in self.orders.values() {
            let quantity: i64 = order.request.quantity.parse().unwrap();
            let buys = order.request.side() == v1::Side::Buy;
            sent += if buys { quantity } else { -quantity };
        }
        let held = lots(&book.bids) - lots(&book.asks);
        if held == sent {
            return Ok(());
        }
        wrong(format!(
            "the book holds {held} where the orders leave {sent}"
        ))
    }
}

/// The first report again, marked as such.
fn same(first: &ExecutionReport, again: &ExecutionReport) -> Result<(), Found> {
    let marked = ExecutionReport {
        poss_dup: true,
        ..first.clone()
    };
    if marked == *again {
        return Ok(());
    }
    wrong(format!("acknowledged as {first:?}, asked again {again:?}"))
}

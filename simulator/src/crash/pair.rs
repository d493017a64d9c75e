//! A live client of calls that has A rejected, then sends B, which would make A good, and sends
//! both again over the kill: A must stay rejected, B must not come twice.
//!
//! Invariant: its instrument is its own, so that what it is told follows from its commands alone.
//! Not here: the same by a session (`gap`).

use proto::v1::{
    CancelOrderRequest, ExecType, OrderType, Side, SubmitOrderRequest, batch_operation::Operation,
    cancel_order_request,
};

use super::{
    lane::{Became, Command, Lane, words},
    ledger::{Asked, Key, Sent},
};
use crate::load::market::Named;

/// Lots of both orders.
const LOTS: i64 = 5;

/// See the file's head.
pub struct Pair {
    /// Who sells A; B is bought by `buyer`.
    pub seller: Lane,
    /// The public id of the account that buys B.
    pub buyer: String,
    /// The instrument nobody else trades.
    pub traded: Named,
    /// The price of both, in ticks.
    pub price_ticks: i64,
}

impl Pair {
    /// One pair for each life of the gateway, until the run is over.
    pub async fn run(self) -> Result<(), String> {
        let floor = &self.seller.floor;
        let mut round = 0u64;
        while floor.may_ask().await {
            round += 1;
            let seller = self.seller.account_id().unwrap_or_default();
            let refused = SubmitOrderRequest {
                min_quantity: words(LOTS, self.traded.lot),
                ..self.order(&format!("a{round}"), &seller, Side::Sell)
            };
            let refused = command(refused);
            let report = self.first(&refused).await?;
            if report != ExecType::Rejected {
                let what = format!("{:?}: nothing rests, so it must be rejected", refused.key);
                floor.ledger().memory.faults.add(what);
            }
            let resting = self.order(&format!("b{round}"), &self.buyer, Side::Buy);
            let name = resting.client_order_id.clone();
            let resting = command(resting);
            self.first(&resting).await?;
            let kills = floor.kills();
            floor.outlive(kills).await;
            // A, carried out now, would trade with B; the ledger compares both answers.
            let again = [refused, resting];
            for command in &again {
                let one = std::slice::from_ref(command);
                self.seller.until_answered(one, Sent::Retried).await?;
            }
            if floor.kills() > kills {
                floor.ledger().pairs_retried += 1;
            }
            let cancel = self.cancel(&format!("c{round}"), name);
            let ended = self.first(&cancel).await?;
            if ended != ExecType::Canceled {
                let what = format!("{:?}: B was not there whole: {ended:?}", cancel.key);
                floor.ledger().memory.faults.add(what);
            }
        }
        Ok(())
    }

    async fn first(&self, command: &Command) -> Result<ExecType, String> {
        self.seller.asks(command);
        let one = std::slice::from_ref(command);
        let became = self.seller.until_answered(one, Sent::Once).await?;
        self.seller.floor.answered(1);
        match became.first() {
            Some(Became::Report(report)) => Ok(report.exec_type()),
            Some(Became::NotTaken(what)) => Err(what.clone()),
            None => Err("no answer".to_owned()),
        }
    }

    fn order(&self, name: &str, account: &str, side: Side) -> SubmitOrderRequest {
        SubmitOrderRequest {
            client_order_id: format!("{}-pair-{name}", self.seller.run),
            instrument_id: self.traded.id.clone(),
            account_id: account.to_owned(),
            side: side.into(),
            order_type: OrderType::Limit.into(),
            price: words(self.price_ticks, self.traded.tick),
            quantity: words(LOTS, self.traded.lot),
            ..SubmitOrderRequest::default()
        }
    }

    fn cancel(&self, name: &str, order: String) -> Command {
        let id = format!("{}-pair-{name}", self.seller.run);
        Command {
            key: Key::Request(id.clone()),
            asked: Asked::Cancel,
            operation: Operation::Cancel(CancelOrderRequest {
                client_order_id: id,
                account_id: self.buyer.clone(),
                order: Some(cancel_order_request::Order::OrigClientOrderId(order)),
                valid_until: None,
            }),
        }
    }
}

fn command(order: SubmitOrderRequest) -> Command {
    Command {
        key: Key::Request(order.client_order_id.clone()),
        asked: Asked::New,
        operation: Operation::Submit(order),
    }
}

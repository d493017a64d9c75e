//! What one line asks of the exchange, call by call, and what each answer has to say.
//!
//! Invariant: each command's id follows from its line, so that a repeated call is one command; each
//! step names the version that the answer before it told. Not here: which lines wait for which
//! (`lanes`).

use std::time::{Duration, SystemTime};

use proto::v1::{
    CompensateRequest, ContractReport, ContractState, InstructionDirection, OfferAct,
    PutStockRequest, ReserveRequest, TakeStepRequest, TakeStockRequest, TakenTo,
    take_step_request::{self, Step},
};
use rust_decimal::Decimal;

use super::{
    matching::Part,
    plan::{Plan, Planned, SELLER},
    shop::{Shop, pounds},
    tally::{Lost, Stand, Tally, mills},
};
use crate::{client::connect::Connection, setup::account_id};

/// How long a command is good for: the exchange remembers its id as long, and has room for 2^20.
const VALID_FOR: Duration = Duration::from_secs(30);

/// A contract as the last answer told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contract {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Pieces that did not come back.
    pub left: u32,
}

/// Sends what lines ask.
pub struct Clerk {
    /// Lines are spread over these.
    pub connections: Vec<Connection>,
    /// What they mean.
    pub plan: Plan,
    /// Where they are sent.
    pub shop: Shop,
    /// What the answers said.
    pub tally: Tally,
}

fn valid_until() -> prost_types::Timestamp {
    (SystemTime::now() + VALID_FOR).into()
}

/// The number of a line as 16 bytes: there is nothing else to refer to.
fn reference(planned: &Planned) -> Vec<u8> {
    u128::from(planned.line).to_be_bytes().to_vec()
}

impl Clerk {
    fn connection(&self, planned: &Planned) -> &Connection {
        &self.connections[planned.line as usize % self.connections.len()]
    }

    fn account(&self, index: u32) -> String {
        account_id(&self.shop.run, index)
    }

    fn offer(&self, planned: &Planned) -> String {
        self.shop.offers[planned.shelf as usize].clone()
    }

    /// Pieces of the line that have stock.
    fn goods(&self, planned: &Planned, pieces: u32) -> i64 {
        if self.plan.is_goods(planned) {
            i64::from(pieces)
        } else {
            0
        }
    }

    /// Takes the line's pieces: from here on it is a contract.
    pub async fn reserve(&self, planned: &Planned) -> Result<Contract, Lost> {
        let (connection, value) = (self.connection(planned), self.plan.value_mills(planned));
        let request = ReserveRequest {
            client_order_id: format!("r{}", planned.line),
            account_id: self.account(planned.party),
            offer_id: self.offer(planned),
            offer_version: 1,
            pieces: planned.pieces.unsigned_abs(),
            delivery_reference: reference(planned),
            valid_until: Some(valid_until()),
            ..ReserveRequest::default()
        };
        let what = || format!("line {}: reserve", planned.line);
        let call = connection.persist(|| {
            let (mut client, request) = (connection.contracts(), request.clone());
            async move { client.reserve(request).await }
        });
        let report = self.tally.ask(what, call).await?;
        let expected = Stand {
            state: ContractState::Paid,
            version: 1,
            held_mills: value,
            paid_mills: 0,
            back_mills: 0,
            goods_out: 0,
        };
        self.tally.step(what, &report, &expected)?;
        self.formed(planned, &report);
        Ok(Contract {
            id: report.contract_id,
            version: report.version,
            left: planned.pieces.unsigned_abs(),
        })
    }

    fn formed(&self, planned: &Planned, report: &ContractReport) {
        let mut kept = self.tally.kept();
        let (amount, price) = (mills(&report.amount), mills(&report.price));
        let shelf = self.plan.shelf(planned);
        if price != Some(shelf.price_mills) || report.pieces != planned.pieces.unsigned_abs() {
            let line = planned.line;
            let told = || format!("line {line}: {} pieces at {price:?}", report.pieces);
            kept.summary.mismatch(told);
        }
        kept.summary.sold += 1;
        kept.done.formed_mills += amount.unwrap_or_default();
        if price == Some(0) {
            kept.done.gifts += 1;
        } else {
            kept.done.sales += 1;
        }
    }

    /// Takes a step of a contract.
    async fn step(
        &self,
        planned: &Planned,
        contract: &mut Contract,
        (id, party, step): (String, u32, Step),
        expected: Stand,
    ) -> Result<(), Lost> {
        let connection = self.connection(planned);
        let expected = Stand {
            version: contract.version + 1,
            ..expected
        };
        let request = TakeStepRequest {
            client_order_id: id,
            account_id: self.account(party),
            contract_id: contract.id.clone(),
            contract_version: contract.version,
            valid_until: Some(valid_until()),
            step: Some(step),
            ..TakeStepRequest::default()
        };
        let what = || format!("line {}: {}", planned.line, request.client_order_id);
        let call = connection.persist(|| {
            let (mut client, request) = (connection.contracts(), request.clone());
            async move { client.take_step(request).await }
        });
        let report = self.tally.ask(what, call).await?;
        self.tally.step(what, &report, &expected)?;
        contract.version = report.version;
        let mut kept = self.tally.kept();
        kept.done.paid_mills += expected.paid_mills;
        kept.done.returned_mills += expected.back_mills;
        Ok(())
    }

    /// Hands the goods over and accepts them: they leave, and the seller is paid.
    pub async fn perform(&self, planned: &Planned, contract: &mut Contract) -> Result<(), Lost> {
        let (line, value) = (planned.line, self.plan.value_mills(planned));
        let expected = Stand {
            state: ContractState::HandedOver,
            version: 0,
            held_mills: value,
            paid_mills: 0,
            back_mills: 0,
            goods_out: 0,
        };
        let reference = reference(planned);
        let step = Step::HandOver(take_step_request::HandOver { reference });
        self.step(
            planned,
            contract,
            (format!("h{line}"), SELLER, step),
            expected,
        )
        .await?;
        let expected = Stand {
            state: ContractState::Performed,
            held_mills: 0,
            paid_mills: value,
            goods_out: self.goods(planned, contract.left),
            ..expected
        };
        let step = Step::Accept(take_step_request::Accept {});
        self.step(
            planned,
            contract,
            (format!("a{line}"), planned.party, step),
            expected,
        )
        .await
    }

    /// Gives pieces of a contract back, to stock; the seller pays for them.
    pub async fn give_back(
        &self,
        planned: &Planned,
        part: Part,
        contract: &mut Contract,
    ) -> Result<(), Lost> {
        let (line, sold, pieces) = (planned.line, part.line, part.pieces);
        let price = self.plan.shelf(planned).price_mills;
        let expected = Stand {
            state: ContractState::ReturnProposed,
            version: 0,
            held_mills: 0,
            paid_mills: 0,
            back_mills: 0,
            goods_out: 0,
        };
        let step = Step::AskReturn(take_step_request::AskReturn { pieces });
        let asked = (format!("q{line}.{sold}"), planned.party, step);
        self.step(planned, contract, asked, expected).await?;
        contract.left = contract.left.saturating_sub(pieces);
        let expected = Stand {
            state: if contract.left == 0 {
                ContractState::Refunded
            } else {
                ContractState::Performed
            },
            back_mills: i64::from(pieces) * price,
            goods_out: -self.goods(planned, pieces),
            ..expected
        };
        let step = Step::TakeBack(take_step_request::TakeBack {
            taken_to: TakenTo::Stock.into(),
        });
        let taken = (format!("b{line}.{sold}"), SELLER, step);
        self.step(planned, contract, taken, expected).await
    }

    /// Counts stock anew: pieces come into the warehouse and on offer, or off offer and out.
    pub async fn count_stock(&self, planned: &Planned) -> Result<(), Lost> {
        if self.plan.is_goods(planned) && planned.pieces > 0 {
            self.put(planned).await?;
        } else if self.plan.is_goods(planned) {
            self.take(planned).await?;
        }
        self.tally.kept().done.stock += 1;
        Ok(())
    }

    /// Pieces come into the warehouse and on offer.
    pub async fn put(&self, planned: &Planned) -> Result<(), Lost> {
        self.move_goods(planned, InstructionDirection::Deposit)
            .await?;
        let connection = self.connection(planned);
        let request = PutStockRequest {
            client_order_id: format!("p{}", planned.line),
            account_id: self.account(SELLER),
            offer_id: self.offer(planned),
            pieces: planned.pieces.unsigned_abs(),
            valid_until: Some(valid_until()),
        };
        let what = || format!("line {}: put stock", planned.line);
        let call = connection.persist(|| {
            let (mut client, request) = (connection.sales(), request.clone());
            async move { client.put_stock(request).await }
        });
        let report = self.tally.ask(what, call).await?;
        self.tally.offer(what, &report, OfferAct::StockPut)
    }

    async fn take(&self, planned: &Planned) -> Result<(), Lost> {
        let connection = self.connection(planned);
        let request = TakeStockRequest {
            client_order_id: format!("t{}", planned.line),
            account_id: self.account(SELLER),
            offer_id: self.offer(planned),
            pieces: planned.pieces.unsigned_abs(),
            valid_until: Some(valid_until()),
        };
        let what = || format!("line {}: take stock", planned.line);
        let call = connection.persist(|| {
            let (mut client, request) = (connection.sales(), request.clone());
            async move { client.take_stock(request).await }
        });
        let report = self.tally.ask(what, call).await?;
        self.tally.offer(what, &report, OfferAct::StockTaken)?;
        self.move_goods(planned, InstructionDirection::Withdrawal)
            .await
    }

    async fn move_goods(
        &self,
        planned: &Planned,
        direction: InstructionDirection,
    ) -> Result<(), Lost> {
        let connection = self.connection(planned);
        let product = self.plan.shelf(planned).product as usize;
        let of = (self.account(SELLER), self.shop.goods[product].clone());
        let pieces = Decimal::from(planned.pieces.unsigned_abs());
        let id = format!("i{}", planned.line);
        let request = self.shop.treasury.instruction(of, direction, pieces, &id);
        let what = || format!("line {}: {direction:?}", planned.line);
        let call = connection.persist(|| {
            let (mut client, request) = (connection.accounts(), request.clone());
            async move { client.instruct(request).await }
        });
        let report = self.tally.ask(what, call).await?;
        self.tally.operation(what, &report)
    }

    /// Moves what the line is worth between the seller and the other party.
    pub async fn compensate(&self, planned: &Planned) -> Result<(), Lost> {
        let (connection, value) = (self.connection(planned), self.plan.value_mills(planned));
        if value == 0 {
            return Ok(());
        }
        let (from, to) = if value < 0 {
            (SELLER, planned.party)
        } else {
            (planned.party, SELLER)
        };
        let id = format!("c{}", planned.line);
        let request = CompensateRequest {
            context: Some(self.shop.operator.context(&id)),
            from_account_id: self.account(from),
            to_account_id: self.account(to),
            asset_id: self.shop.treasury.money.clone(),
            amount: pounds(value.abs()).to_string(),
        };
        let what = || format!("line {}: compensate", planned.line);
        let call = connection.persist(|| {
            let (mut client, request) = (connection.accounts(), request.clone());
            async move { client.compensate(request).await }
        });
        let report = self.tally.ask(what, call).await?;
        self.tally.operation(what, &report)?;
        self.tally.kept().done.compensated_mills += value;
        Ok(())
    }
}

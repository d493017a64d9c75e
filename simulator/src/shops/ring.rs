//! Two merchants that sell to each other, and come again and again to where money would run in a
//! ring: a return is refused then, since its seller lacks its price and may not owe it.
//!
//! Invariant: nobody else moves their goods or money, so what each step must become is known before
//! it is asked; whatever is answered otherwise is told. Not here: sending (`crash`), whether a
//! refusal left all as it was (`audit`, `books`, `debts`, `lists`).

use std::sync::Arc;

use proto::v1::{
    ContractReport, ContractState, InstructRequest, InstructionDirection, MakeOfferRequest,
    OfferPrices, OperationContext, ReserveRequest, TakeStepRequest,
    take_step_request::{Accept, AskReturn, Cancel, HandOver, Step, TakeBack},
};
use rust_decimal::Decimal;

use super::{
    Answer, Command, Kind, Request,
    board::{Season, TAKEN_MAX, offer_of},
    fen,
    found::Shops,
    steps::REFERENCE,
};

/// What refuses a return whose price its seller lacks, and may not owe.
pub const UNPAID: &str = "SELLER_FUNDS";
/// Pieces on offer: more than any run takes.
const STOCK: u32 = 100_000;
/// The buyer of the ring's other sales, which lacks nothing.
const BUYER: u32 = 1;
/// What the second merchant begins a round with, in fen: more than the fees of its sale.
const BEGIN: i64 = 100;

/// A contract of a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sale {
    /// The second merchant sells to a buyer, and comes to owe it.
    First,
    /// The first merchant sells to the second one.
    Crossed,
    /// The second merchant sells once more, while it is owed something.
    Last,
}

/// One of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Partner {
    First,
    Second,
}

/// What is asked next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Act {
    /// The second merchant brings what its fees take.
    Bring,
    /// One of them takes out all that it has.
    Spend(Partner),
    Reserve(Sale),
    HandOver(Sale),
    Accept(Sale),
    Ask(Sale),
    TakeBack(Sale),
    /// The same, and it must be refused.
    Refused(Sale),
    /// The buyer keeps what it asked to give back: the contract's version is as it was.
    Keep(Sale),
    /// What is owed is paid, or its buyer lets the seller off.
    Clear(Sale),
}

/// A round: what is owed by its end is paid, and both merchants have nothing.
const ROUND: [Act; 27] = [
    Act::Bring,
    Act::Reserve(Sale::First),
    Act::HandOver(Sale::First),
    Act::Accept(Sale::First),
    Act::Reserve(Sale::Crossed),
    Act::HandOver(Sale::Crossed),
    Act::Accept(Sale::Crossed),
    Act::Spend(Partner::First),
    Act::Spend(Partner::Second),
    Act::Ask(Sale::First),
    Act::TakeBack(Sale::First),
    Act::Ask(Sale::Crossed),
    // Its buyer owes by a contract it sold by.
    Act::Refused(Sale::Crossed),
    Act::Keep(Sale::Crossed),
    Act::Clear(Sale::First),
    Act::Ask(Sale::Crossed),
    Act::TakeBack(Sale::Crossed),
    Act::Reserve(Sale::Last),
    Act::HandOver(Sale::Last),
    Act::Accept(Sale::Last),
    Act::Spend(Partner::Second),
    Act::Ask(Sale::Last),
    // Its seller is owed by a contract it bought by.
    Act::Refused(Sale::Last),
    Act::Keep(Sale::Last),
    Act::Clear(Sale::Crossed),
    Act::Ask(Sale::Last),
    Act::TakeBack(Sale::Last),
];

/// See the file's head.
pub struct Ring {
    shops: Arc<Shops>,
    name: String,
    partners: [u32; 2],
    /// Commands so far.
    next: u64,
    /// Rounds so far, and the place in this one.
    round: u64,
    place: usize,
    /// What each has on offer.
    offers: [Option<String>; 2],
    /// What each has available, in fen.
    has: [i64; 2],
    /// The contracts of this round as they stand.
    deals: [ContractReport; 3],
}

impl Ring {
    /// A client with a name of its own; none of shops in which no two sell to each other.
    pub fn new(shops: Arc<Shops>, name: &str) -> Option<Self> {
        let partners = shops.partners()?;
        Some(Self {
            shops,
            name: name.to_owned(),
            partners,
            next: 0,
            round: 0,
            place: 0,
            offers: [None, None],
            has: [0, 0],
            deals: Default::default(),
        })
    }

    /// The next command. Its answer must be brought before another one is asked for.
    pub fn command(&mut self) -> Command {
        self.next += 1;
        let id = format!("{}-{}", self.name, self.next);
        let bare = self.offers.iter().position(Option::is_none);
        let request = match bare {
            Some(place) => self.offer(place, id.clone()),
            None => self.ask(self.act(), &id),
        };
        let kind = Kind::Agreed;
        Command { id, kind, request }
    }

    fn act(&self) -> Act {
        ROUND.get(self.place).copied().unwrap_or(Act::Bring)
    }

    /// Pieces of each contract of this round, and what they cost, in fen.
    fn pieces(&self) -> u32 {
        1 + (self.round % u64::from(TAKEN_MAX)) as u32
    }

    fn offer(&self, place: usize, id: String) -> Request {
        let offer = offer_of(&self.shops, Kind::Agreed, Season::SHORT, id);
        let prices = offer.prices.map(|prices| OfferPrices {
            buyer_limit_pieces: None,
            ..prices
        });
        Request::Offer(Box::new(MakeOfferRequest {
            account_id: self.shops.account(self.partners[place]),
            stock_pieces: STOCK,
            prices,
            ..offer
        }))
    }

    const fn seller(sale: Sale) -> Partner {
        match sale {
            Sale::First | Sale::Last => Partner::Second,
            Sale::Crossed => Partner::First,
        }
    }

    fn account(&self, partner: Partner) -> String {
        self.shops.account(self.partners[partner as usize])
    }

    fn buyer(&self, sale: Sale) -> String {
        match sale {
            Sale::First | Sale::Last => self.shops.account(BUYER),
            Sale::Crossed => self.account(Partner::Second),
        }
    }

    fn deal(&self, sale: Sale) -> &ContractReport {
        &self.deals[sale as usize]
    }

    /// Whether a debt is let off in this round; else it is paid.
    const fn lets_off(&self, sale: Sale) -> bool {
        matches!(sale, Sale::First) && self.round.is_multiple_of(2)
    }

    fn ask(&self, act: Act, id: &str) -> Request {
        let reference = REFERENCE.to_vec();
        match act {
            Act::Bring => self.moved(id, Partner::Second, BEGIN),
            Act::Spend(who) => self.moved(id, who, -self.has[who as usize]),
            Act::Reserve(sale) => {
                let offer = self.offers[Self::seller(sale) as usize].clone();
                Request::Reserve(Box::new(ReserveRequest {
                    client_order_id: id.to_owned(),
                    account_id: self.buyer(sale),
                    offer_id: offer.unwrap_or_default(),
                    offer_version: 1,
                    pieces: self.pieces(),
                    delivery_reference: reference,
                    ..ReserveRequest::default()
                }))
            }
            Act::HandOver(sale) => self.sells(id, sale, Step::HandOver(HandOver { reference })),
            Act::Accept(sale) => self.buys(id, sale, Step::Accept(Accept {})),
            Act::Ask(sale) => {
                let pieces = self.pieces();
                self.buys(id, sale, Step::AskReturn(AskReturn { pieces }))
            }
            Act::TakeBack(sale) | Act::Refused(sale) => {
                let taken_to = proto::v1::TakenTo::Stock.into();
                self.sells(id, sale, Step::TakeBack(TakeBack { taken_to }))
            }
            Act::Clear(sale) if !self.lets_off(sale) => {
                let owing = fen(&self.deal(sale).owing);
                self.moved(id, Self::seller(sale), owing)
            }
            Act::Keep(sale) | Act::Clear(sale) => self.buys(id, sale, Step::Cancel(Cancel {})),
        }
    }

    fn moved(&self, id: &str, who: Partner, fen: i64) -> Request {
        let direction = if fen < 0 {
            InstructionDirection::Withdrawal
        } else {
            InstructionDirection::Deposit
        };
        Request::Move(InstructRequest {
            context: Some(OperationContext {
                request_id: id.to_owned(),
                reason: self.name.clone(),
                approver: String::new(),
            }),
            account_id: self.account(who),
            asset_id: self.shops.money.clone(),
            custodian_id: self.shops.bank.clone(),
            direction: direction.into(),
            amount: Decimal::new(fen.abs(), 2).to_string(),
        })
    }

    fn sells(&self, id: &str, sale: Sale, step: Step) -> Request {
        let account = self.account(Self::seller(sale));
        self.step(id, sale, (account, step))
    }

    fn buys(&self, id: &str, sale: Sale, step: Step) -> Request {
        self.step(id, sale, (self.buyer(sale), step))
    }

    fn step(&self, id: &str, sale: Sale, (account_id, step): (String, Step)) -> Request {
        let deal = self.deal(sale);
        Request::Step(Box::new(TakeStepRequest {
            client_order_id: id.to_owned(),
            account_id,
            contract_id: deal.contract_id.clone(),
            contract_version: deal.version,
            reason: "simulator".to_owned(),
            step: Some(step),
            ..TakeStepRequest::default()
        }))
    }

    /// Takes in the answer of the last command; what is wrong with it.
    pub fn answered(&mut self, answer: &Answer) -> Option<String> {
        if let (Some(bare), Answer::Offer(report)) =
            (self.offers.iter().position(Option::is_none), answer)
        {
            self.offers[bare] = Some(report.offer_id.clone());
            return None;
        }
        let act = self.act();
        let right = self.entered(act, answer);
        // After a wrong answer nobody knows how all stands: the round begins again.
        self.place = if right { self.place + 1 } else { ROUND.len() };
        if self.place >= ROUND.len() {
            (self.place, self.round) = (0, self.round + 1);
        }
        (!right).then(|| format!("{}: {act:?} was answered {answer:?}", self.name))
    }

    /// Whether it is what it must be.
    fn entered(&mut self, act: Act, answer: &Answer) -> bool {
        match (act, answer) {
            (Act::Refused(_), Answer::Contract(report)) => report.reject_reason == UNPAID,
            (Act::Bring, Answer::Operation(report)) => {
                self.has[Partner::Second as usize] += BEGIN;
                report.accepted
            }
            (Act::Spend(who), Answer::Operation(report)) => {
                self.has[who as usize] = 0;
                report.accepted
            }
            (Act::Clear(sale), Answer::Operation(report)) => {
                let owing = fen(&self.deal(sale).owing);
                self.enter(sale, [0, owing]);
                report.accepted
            }
            (act, Answer::Contract(report)) => self.stepped(act, report),
            (
                _,
                Answer::Offer(_)
                | Answer::Operation(_)
                | Answer::Ticket(_)
                | Answer::Discount(_)
                | Answer::Basket(_),
            ) => false,
        }
    }

    /// A contract went on; whether it is as it must be.
    fn stepped(&mut self, act: Act, report: &ContractReport) -> bool {
        let (sale, state) = match act {
            Act::Reserve(sale) => (sale, ContractState::Paid),
            Act::HandOver(sale) => (sale, ContractState::HandedOver),
            Act::Accept(sale) | Act::Keep(sale) => (sale, ContractState::Performed),
            Act::Ask(sale) => (sale, ContractState::ReturnProposed),
            Act::TakeBack(Sale::Last) => (Sale::Last, ContractState::Refunded),
            Act::TakeBack(sale) => (sale, ContractState::Owing),
            Act::Clear(sale) => (sale, ContractState::Refunded),
            Act::Bring | Act::Spend(_) | Act::Refused(_) => return false,
        };
        let began = matches!(act, Act::Reserve(_));
        let version = if began {
            1
        } else {
            self.deal(sale).version + 1
        };
        let penalty = fen(&report.penalty);
        let costs = if began { fen(&report.money_held) } else { 0 };
        self.enter(sale, [fen(&report.paid_out) - penalty, penalty - costs]);
        self.deals[sale as usize] = report.clone();
        report.reject_reason.is_empty() && report.state() == state && report.version == version
    }

    /// What a sale moves to its seller and to its buyer.
    fn enter(&mut self, sale: Sale, [seller, buyer]: [i64; 2]) {
        self.has[Self::seller(sale) as usize] += seller;
        if sale == Sale::Crossed {
            self.has[Partner::Second as usize] += buyer;
        }
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;

//! Shops under test: a seller, its offers of many kinds and its discounts, buyers that queue,
//! reserve, fill baskets, pay by themselves or by a bank, dispute and give back, and the check from
//! outside that nothing of it was lost or done twice.
//!
//! Invariant: a command keeps its id until it is answered; what is checked comes from answers,
//! streams and lists only. Not here: who kills the gateway meanwhile (`crash`, the tests of disks).

pub mod audit;
pub mod baskets;
pub mod board;
pub mod books;
pub mod campaigns;
pub mod carts;
pub mod clerk;
pub mod cover;
pub mod deadlines;
pub mod debts;
pub mod desk;
pub mod found;
pub mod inspect;
pub mod ledger;
pub mod lists;
pub mod numbers;
pub mod prices;
pub mod returns;
pub mod ring;
pub mod steps;
pub mod uses;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proto::v1::{
    BringLotteryValueRequest, ContractReport, ContractState, DefineDiscountRequest,
    DefineDiscountResponse, GetTicketRequest, InstructRequest, JoinQueueRequest, MakeOfferRequest,
    OfferReport, OperationReport, QueueTicket, ReserveBasketRequest, ReserveRequest,
    RevealLotterySeedRequest, SetAnnualUseRequest, SetGraceRequest, SetGuaranteeRequest,
    TakeStepRequest, WithdrawOfferRequest,
};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use tonic::{Code, Status};

use crate::client::connect::Connection;

/// The ways to sell that the shops of a run have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A fixed price, paid at once, picked up with a code; bounded for each buyer.
    Fixed,
    /// A flash sale by race, paid within a second or given up.
    Flash,
    /// A group buy that closes soon after it opened.
    Group,
    /// A presale whose balance is due soon after its deposit.
    Presale,
    /// A price that falls with the quantity of a contract.
    Tiered,
    /// A fixed price, paid later, by a bank.
    Bank,
    /// A flash sale behind a queue: who has a ticket whose turn it is may take.
    Queue,
    /// A flash sale by lottery, drawn soon after it closed.
    Lottery,
    /// A fixed price, paid at once and sent; the seller's guarantee may answer for returns.
    Covered,
    /// A fixed price, imported: limited by order and by year.
    Import,
    /// A fixed price, paid at once and sent, by a seller with little money: what comes back does so
    /// by agreement only, and may be owed.
    Agreed,
}

/// Which clerks take what is sold in a way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// Those that reserve offer by offer.
    Plain,
    /// Those that fill carts, too, and set what is set beside all trade.
    Carts,
    /// Those that agree on returns, and move the money of the sellers.
    Debts,
    /// The one that brings two merchants to where money would run in a ring; it takes nothing that
    /// others offer.
    Ring,
}

impl Duty {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Carts, Self::Debts, Self::Ring];
}

impl Kind {
    /// All of them; each one's place among them is its number.
    pub const ALL: [Self; 11] = [
        Self::Fixed,
        Self::Flash,
        Self::Group,
        Self::Presale,
        Self::Tiered,
        Self::Bank,
        Self::Queue,
        Self::Lottery,
        Self::Covered,
        Self::Import,
        Self::Agreed,
    ];

    /// The model's word.
    pub const fn model(self) -> &'static str {
        match self {
            Self::Fixed | Self::Bank | Self::Covered | Self::Import | Self::Agreed => "FIXED_PRICE",
            Self::Flash | Self::Queue | Self::Lottery => "FLASH_SALE",
            Self::Group => "GROUP_BUY",
            Self::Presale => "PRESALE",
            Self::Tiered => "TIERED_PRICE",
        }
    }

    /// Whether it needs nothing beside its offer.
    pub const fn is_plain(self) -> bool {
        matches!(self.duty(), Duty::Plain)
    }

    /// Who takes it.
    pub const fn duty(self) -> Duty {
        match self {
            Self::Fixed
            | Self::Flash
            | Self::Group
            | Self::Presale
            | Self::Tiered
            | Self::Bank
            | Self::Queue
            | Self::Lottery => Duty::Plain,
            Self::Covered | Self::Import => Duty::Carts,
            Self::Agreed => Duty::Debts,
        }
    }

    /// Its place among all.
    pub const fn place(self) -> usize {
        self as usize
    }
}

/// What is asked.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// To offer goods.
    Offer(Box<MakeOfferRequest>),
    /// To end an offer.
    Withdraw(WithdrawOfferRequest),
    /// To take pieces.
    Reserve(Box<ReserveRequest>),
    /// A step of a contract.
    Step(Box<TakeStepRequest>),
    /// A place in the queue of an offer.
    Join(JoinQueueRequest),
    /// A look at that place.
    Ticket(GetTicketRequest),
    /// To bring in the public value of a lottery.
    Value(BringLotteryValueRequest),
    /// To reveal its seed.
    Seed(RevealLotterySeedRequest),
    /// To define a discount.
    Discount(Box<DefineDiscountRequest>),
    /// To take pieces of several offers, all or none.
    Basket(Box<ReserveBasketRequest>),
    /// To set the seller's guarantee.
    Guarantee(SetGuaranteeRequest),
    /// To say what an owner imported elsewhere.
    Use(SetAnnualUseRequest),
    /// To say how much time is left after a gap in service.
    Grace(SetGraceRequest),
    /// To bring money of a seller in, or to take it out.
    Move(InstructRequest),
}

/// A request and the id it is known by.
#[derive(Clone, PartialEq, Debug)]
pub struct Command {
    /// Its `client_order_id`, unique within the run.
    pub id: String,
    /// The kind of its offer, of what concerns several that of one.
    pub kind: Kind,
    /// It itself.
    pub request: Request,
}

/// What became of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// Of an offer.
    Offer(Box<OfferReport>),
    /// Of a reserve or step.
    Contract(Box<ContractReport>),
    /// Of what concerns a queue or a lottery, of what is set, and of money that moves.
    Operation(Box<OperationReport>),
    /// Of a look at a ticket: none where there is none.
    Ticket(Option<QueueTicket>),
    /// Of a discount.
    Discount(Box<DefineDiscountResponse>),
    /// Of a basket: each line's, or one where it was refused.
    Basket(Vec<ContractReport>),
}

impl Command {
    /// Whether it only asks how something stands: then it may be answered otherwise another time.
    pub const fn is_question(&self) -> bool {
        matches!(self.request, Request::Ticket(_))
    }

    /// Whether it sets something beside all trade.
    pub const fn sets(&self) -> bool {
        matches!(
            self.request,
            Request::Discount(_) | Request::Guarantee(_) | Request::Use(_) | Request::Grace(_)
        )
    }
}

impl Answer {
    /// Whether it says that it was given before.
    pub fn is_again(&self) -> bool {
        match self {
            Self::Offer(report) => report.poss_dup,
            Self::Contract(report) => report.poss_dup,
            Self::Operation(report) => report.poss_dup,
            Self::Ticket(_) => false,
            Self::Discount(told) => told.report.as_ref().is_some_and(|one| one.poss_dup),
            Self::Basket(lines) => lines.iter().any(|line| line.poss_dup),
        }
    }

    /// The same as it was given first; a basket of which only some lines say that they were given
    /// before is none that was ever given.
    #[must_use]
    pub fn plain(&self) -> Self {
        match self.clone() {
            Self::Offer(mut report) => {
                report.poss_dup = false;
                Self::Offer(report)
            }
            Self::Contract(mut report) => {
                report.poss_dup = false;
                Self::Contract(report)
            }
            Self::Operation(mut report) => {
                report.poss_dup = false;
                Self::Operation(report)
            }
            Self::Ticket(ticket) => Self::Ticket(ticket),
            Self::Discount(mut told) => {
                if let Some(report) = &mut told.report {
                    report.poss_dup = false;
                }
                Self::Discount(told)
            }
            Self::Basket(mut lines) => {
                if lines.iter().all(|line| line.poss_dup) {
                    for line in &mut lines {
                        line.poss_dup = false;
                    }
                }
                Self::Basket(lines)
            }
        }
    }

    /// Why it was refused; empty where it was not.
    pub fn reject_reason(&self) -> &str {
        match self {
            Self::Offer(report) => &report.reject_reason,
            Self::Contract(report) => &report.reject_reason,
            Self::Operation(report) => &report.reject_reason,
            Self::Ticket(_) => "",
            Self::Discount(told) => told.report.as_ref().map_or("", |one| &one.reject_reason),
            Self::Basket(lines) => lines.first().map_or("", |line| &line.reject_reason),
        }
    }
}

/// Sends a command once.
///
/// # Errors
/// It was not answered, or not taken.
pub async fn send(connection: &Connection, command: &Command) -> Result<Answer, Status> {
    let (mut sales, mut contracts) = (connection.sales(), connection.contracts());
    match command.request.clone() {
        Request::Offer(request) => {
            let answer = sales.make_offer(*request).await?;
            Ok(Answer::Offer(Box::new(answer.into_inner())))
        }
        Request::Withdraw(request) => {
            let answer = sales.withdraw_offer(request).await?;
            Ok(Answer::Offer(Box::new(answer.into_inner())))
        }
        Request::Reserve(request) => {
            let answer = contracts.reserve(*request).await?;
            Ok(Answer::Contract(Box::new(answer.into_inner())))
        }
        Request::Step(request) => {
            let answer = contracts.take_step(*request).await?;
            Ok(Answer::Contract(Box::new(answer.into_inner())))
        }
        Request::Join(request) => {
            let answer = sales.join_queue(request).await?;
            Ok(Answer::Operation(Box::new(answer.into_inner())))
        }
        Request::Value(request) => {
            let answer = sales.bring_lottery_value(request).await?;
            Ok(Answer::Operation(Box::new(answer.into_inner())))
        }
        Request::Seed(request) => {
            let answer = sales.reveal_lottery_seed(request).await?;
            Ok(Answer::Operation(Box::new(answer.into_inner())))
        }
        Request::Guarantee(request) => {
            let answer = sales.set_guarantee(request).await?;
            Ok(Answer::Operation(Box::new(answer.into_inner())))
        }
        Request::Use(request) => {
            let answer = sales.set_annual_use(request).await?;
            Ok(Answer::Operation(Box::new(answer.into_inner())))
        }
        Request::Grace(request) => {
            let answer = connection.operations().set_grace(request).await?;
            Ok(Answer::Operation(Box::new(answer.into_inner())))
        }
        Request::Move(request) => {
            let answer = connection.accounts().instruct(request).await?;
            Ok(Answer::Operation(Box::new(answer.into_inner())))
        }
        Request::Discount(request) => {
            let answer = sales.define_discount(*request).await?;
            Ok(Answer::Discount(Box::new(answer.into_inner())))
        }
        Request::Basket(request) => {
            let answer = contracts.reserve_basket(*request).await?;
            Ok(Answer::Basket(answer.into_inner().reports))
        }
        Request::Ticket(request) => match sales.get_ticket(request).await {
            Ok(ticket) => Ok(Answer::Ticket(Some(ticket.into_inner()))),
            Err(status) if status.code() == Code::NotFound => Ok(Answer::Ticket(None)),
            Err(status) => Err(status),
        },
    }
}

/// Now, in nanoseconds since 1970, as the exchange counts them.
pub fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}

/// A wire instant in the same.
pub fn ns(instant: &prost_types::Timestamp) -> i64 {
    instant.seconds * 1_000_000_000 + i64::from(instant.nanos)
}

/// So long from now, as the wire has it.
pub fn from_now(span: Duration) -> prost_types::Timestamp {
    (SystemTime::now() + span).into()
}

/// An amount of a report; no text is nothing.
pub fn amount(text: &str) -> Decimal {
    text.parse().unwrap_or_default()
}

/// The same in fen.
pub fn fen(text: &str) -> i64 {
    (amount(text) * Decimal::ONE_HUNDRED)
        .to_i64()
        .unwrap_or_default()
}

/// Whether a contract lives.
pub fn lives(state: ContractState) -> bool {
    match state {
        ContractState::Unspecified
        | ContractState::Settled
        | ContractState::Refunded
        | ContractState::Cancelled
        | ContractState::Expired
        | ContractState::Defaulted
        | ContractState::Resolved
        | ContractState::Rescinded
        | ContractState::Released
        | ContractState::Forfeited => false,
        ContractState::Unpaid
        | ContractState::Paid
        | ContractState::HandedOver
        | ContractState::Delivered
        | ContractState::Accepted
        | ContractState::Performed
        | ContractState::Covered
        | ContractState::Owing
        | ContractState::ReturnProposed
        | ContractState::ReturnAsked
        | ContractState::Returning
        | ContractState::Joined
        | ContractState::Deposited
        | ContractState::Entered => true,
    }
}

/// Whether a contract's goods are still held for it.
pub fn holds_goods(state: ContractState) -> bool {
    match state {
        ContractState::Unpaid
        | ContractState::Paid
        | ContractState::HandedOver
        | ContractState::Joined
        | ContractState::Deposited => true,
        ContractState::Unspecified
        | ContractState::Delivered
        | ContractState::Accepted
        | ContractState::Performed
        | ContractState::Covered
        | ContractState::Owing
        | ContractState::ReturnProposed
        | ContractState::ReturnAsked
        | ContractState::Returning
        | ContractState::Entered
        | ContractState::Settled
        | ContractState::Refunded
        | ContractState::Cancelled
        | ContractState::Expired
        | ContractState::Defaulted
        | ContractState::Resolved
        | ContractState::Rescinded
        | ContractState::Released
        | ContractState::Forfeited => false,
    }
}

//! Shops under test: a seller, its offers of four models, buyers that reserve, pay, dispute and
//! give back, and the check from outside that nothing of it was lost or done twice.
//!
//! Invariant: a command keeps its id until it is answered; what is checked comes from answers,
//! streams and lists only. Not here: who kills the gateway meanwhile (`crash`, the tests of disks).

pub mod audit;
pub mod board;
pub mod books;
pub mod clerk;
pub mod deadlines;
pub mod found;
pub mod inspect;
pub mod ledger;
pub mod lists;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proto::v1::{
    ContractReport, ContractState, MakeOfferRequest, OfferReport, ReserveRequest, TakeStepRequest,
    WithdrawOfferRequest,
};
use tonic::Status;

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
}

impl Kind {
    /// All of them; each one's place among them is its number.
    pub const ALL: [Self; 5] = [
        Self::Fixed,
        Self::Flash,
        Self::Group,
        Self::Presale,
        Self::Tiered,
    ];

    /// The model's word.
    pub const fn model(self) -> &'static str {
        match self {
            Self::Fixed => "FIXED_PRICE",
            Self::Flash => "FLASH_SALE",
            Self::Group => "GROUP_BUY",
            Self::Presale => "PRESALE",
            Self::Tiered => "TIERED_PRICE",
        }
    }

    /// Those of a crash run, at a venue of its own.
    pub const OWN: [Self; 4] = [Self::Fixed, Self::Flash, Self::Group, Self::Presale];

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
}

/// A request and the id it is known by.
#[derive(Clone, PartialEq, Debug)]
pub struct Command {
    /// Its `client_order_id`, unique within the run.
    pub id: String,
    /// The kind of its offer.
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
}

impl Answer {
    /// Whether it says that it was given before.
    pub fn is_again(&self) -> bool {
        match self {
            Self::Offer(report) => report.poss_dup,
            Self::Contract(report) => report.poss_dup,
        }
    }

    /// The same as it was given first.
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
        }
    }

    /// Why it was refused; empty where it was not.
    pub fn reject_reason(&self) -> &str {
        match self {
            Self::Offer(report) => &report.reject_reason,
            Self::Contract(report) => &report.reject_reason,
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

//! What happened to terms, offers and contracts.
//!
//! Invariant: a step says all that it moved, and of what, so histories and statements need no
//! engine. Offers are public; of a contract only its two parties are told. Not here: names and
//! addresses, which never come into the engine.

use super::{Counters, DiscountReport};
use crate::command::{Act, Demonstration, PartyKind};
use crate::reject::Reject;
use crate::types::{AccountId, AssetId, ContractId, CustodianId, OfferId, OwnerId, TermsId};
use crate::types::{Name, Nanoseconds, Time, VenueId};
use crate::venue::Regime;

/// What happened around offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SaleEvent {
    /// A beneficial owner is of this kind.
    Party {
        /// Whose.
        owner: OwnerId,
        /// What.
        kind: PartyKind,
    },
    /// Terms can be used.
    Terms {
        /// Which.
        terms: TermsId,
        /// At which venue.
        venue: VenueId,
    },
    /// An offer came, changed, lost or got pieces, or ended.
    Offer(OfferReport),
    /// Somebody queues for an offer; for it alone.
    Ticket(Ticket),
    /// What everybody needs to check the draw of a lottery.
    Lottery(LotteryReport),
    /// Something about a discount.
    Discount(DiscountReport),
    /// A seller set money aside; for it alone.
    Guarantee(GuaranteeReport),
    /// What somebody used of its annual limit of imports; for operators.
    Use(UseReport),
    /// So much of a deadline is left after a gap in service from now on.
    Grace {
        /// At which venue.
        venue: VenueId,
        /// How much.
        grace: Nanoseconds,
    },
}

/// How a guarantee stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GuaranteeReport {
    /// The venue.
    pub venue: VenueId,
    /// The seller.
    pub account: AccountId,
    /// The currency.
    pub money: AssetId,
    /// How much is set aside.
    pub amount: i64,
    /// How much of it contracts are covered by.
    pub covering: i64,
}

/// What a beneficial owner used of its annual limit of imports, in fen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UseReport {
    /// Whose.
    pub owner: OwnerId,
    /// The calendar year at UTC+8.
    pub year: u16,
    /// Whether that is of demonstrations only.
    pub demonstration: Demonstration,
    /// By contracts and entries of this shard.
    pub here: i64,
    /// As customs report it.
    pub elsewhere: i64,
}

/// A part of a lottery that is public from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LotteryReport {
    /// The offer.
    pub offer: OfferId,
    /// Which part.
    pub fact: LotteryFact,
}

/// What is known of a lottery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LotteryFact {
    /// The public value.
    Value {
        /// It.
        value: [u8; 32],
        /// Where it is from.
        source: Name,
    },
    /// The operator's seed.
    Seed {
        /// It.
        seed: [u8; 32],
    },
    /// It is drawn.
    Drawn {
        /// The hash of all entries.
        entries: [u8; 32],
        /// The draw.
        draw: [u8; 32],
        /// How many win.
        winners: u32,
    },
}

/// A place in the queue of an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// The offer.
    pub offer: OfferId,
    /// Who drew it; it is good for all accounts of its owner.
    pub account: AccountId,
    /// Its number, from 0 in order of the commands' sequence.
    pub number: u64,
    /// From when on it admits.
    pub admitted: Time,
    /// From when on not any more.
    pub until: Time,
}

/// What happened to an offer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum OfferAct {
    /// It was made.
    Offered = 1,
    /// Prices, window or limits changed.
    Changed = 2,
    /// Pieces were added.
    StockPut = 3,
    /// Pieces were taken off.
    StockTaken = 4,
    /// A contract took pieces.
    Reserved = 5,
    /// A contract gave pieces back.
    GivenBack = 6,
    /// It ended.
    Withdrawn = 7,
    /// A group closed: this is its one price.
    Closed = 8,
    /// A group closed below its quorum, or a lottery has no draw: nobody buys.
    Void = 9,
}

impl OfferAct {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Offered,
        Self::Changed,
        Self::StockPut,
        Self::StockTaken,
        Self::Reserved,
        Self::GivenBack,
        Self::Withdrawn,
        Self::Closed,
        Self::Void,
    ];
}

/// How an offer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferReport {
    /// What happened.
    pub act: OfferAct,
    /// The offer.
    pub offer: OfferId,
    /// Its version.
    pub version: u32,
    /// Who sells.
    pub seller: AccountId,
    /// Under which terms.
    pub terms: TermsId,
    /// Which goods.
    pub goods: AssetId,
    /// The price of one piece.
    pub price: i64,
    /// How many pieces can be taken.
    pub left: u32,
    /// How many a group has together.
    pub joined: u32,
}

/// How a contract stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum State {
    /// Formed; the buyer is to pay.
    Unpaid = 1,
    /// The money is held; the seller is to hand over.
    Paid = 2,
    /// With a carrier, or ready to be picked up.
    HandedOver = 3,
    /// With the buyer, who may inspect.
    Delivered = 4,
    /// Accepted; the right of return runs.
    Accepted = 5,
    /// The buyer wants to give pieces back.
    ReturnAsked = 6,
    /// It sent them back.
    Returning = 7,
    /// Ended: the seller is paid.
    Settled = 8,
    /// Ended: all pieces were given back and paid back.
    Refunded = 9,
    /// Ended: given up in time.
    Cancelled = 10,
    /// Ended: the buyer did not pay.
    Expired = 11,
    /// Ended: the seller did not hand over.
    Defaulted = 12,
    /// Ended: a dispute was decided.
    Resolved = 13,
    /// Ended: both agreed to undo it.
    Rescinded = 14,
    /// An entry of a group that has not closed, or, once it has, waits for its turn (RELEASING): no
    /// contract yet.
    Joined = 15,
    /// Ended: its group fell short of its quorum, or it was not drawn.
    Released = 16,
    /// A contract whose deposit is held; the buyer is to pay the balance in its window.
    Deposited = 17,
    /// Ended: the buyer did not pay the balance, and forfeits its earnest money.
    Forfeited = 18,
    /// In a lottery: its money is held, no goods are.
    Entered = 19,
    /// The seller is paid; the buyer may still propose to give pieces back, and the seller agree.
    Performed = 20,
    /// The buyer proposes that; silence declines.
    ReturnProposed = 21,
    /// Accepted and paid for: the right of return runs, and the seller's guarantee answers for it.
    Covered = 22,
    /// Pieces came back by agreement, and the seller owes a part of what was paid for them.
    Owing = 23,
}

impl State {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 23] = [
        Self::Unpaid,
        Self::Paid,
        Self::HandedOver,
        Self::Delivered,
        Self::Accepted,
        Self::ReturnAsked,
        Self::Returning,
        Self::Settled,
        Self::Refunded,
        Self::Cancelled,
        Self::Expired,
        Self::Defaulted,
        Self::Resolved,
        Self::Rescinded,
        Self::Joined,
        Self::Released,
        Self::Deposited,
        Self::Forfeited,
        Self::Entered,
        Self::Performed,
        Self::ReturnProposed,
        Self::Covered,
        Self::Owing,
    ];

    /// Whether a contract in it lives.
    pub const fn lives(self) -> bool {
        match self {
            Self::Unpaid
            | Self::Paid
            | Self::HandedOver
            | Self::Delivered
            | Self::Accepted
            | Self::ReturnAsked
            | Self::Returning
            | Self::Joined
            | Self::Deposited
            | Self::Entered
            | Self::Performed
            | Self::ReturnProposed
            | Self::Covered
            | Self::Owing => true,
            Self::Settled
            | Self::Refunded
            | Self::Cancelled
            | Self::Expired
            | Self::Defaulted
            | Self::Resolved
            | Self::Rescinded
            | Self::Released
            | Self::Forfeited => false,
        }
    }

    /// The one with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }
}

/// A step of a contract.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum ContractStep {
    /// It was formed.
    Reserve = 1,
    /// Paid out of what was available.
    Pay = 2,
    /// A bank was instructed.
    PayIn = 3,
    /// The bank has the money.
    PaidIn = 4,
    /// Given up.
    Cancel = 5,
    /// Handed over.
    HandOver = 6,
    /// Delivered.
    Deliver = 7,
    /// Picked up.
    PickUp = 8,
    /// Accepted.
    Accept = 9,
    /// A return was asked for.
    AskReturn = 10,
    /// Goods were sent back.
    HandBack = 11,
    /// Goods were taken back.
    TakeBack = 12,
    /// A decision was called for.
    Dispute = 13,
    /// A dispute was decided.
    Resolve = 14,
    /// Undoing was asked for, or agreed to.
    Rescind = 15,
    /// A deadline passed.
    Deadline = 16,
    /// A deadline fell due in a gap in service, or soon after one, and comes later.
    PutOff = 17,
    /// An invoice was issued.
    Invoice = 18,
    /// It was formed as a line of a basket, each line of which its buyer named.
    Basket = 19,
    /// The seller has money again, and pays of what it owes.
    Repay = 20,
}

impl ContractStep {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::Reserve,
        Self::Pay,
        Self::PayIn,
        Self::PaidIn,
        Self::Cancel,
        Self::HandOver,
        Self::Deliver,
        Self::PickUp,
        Self::Accept,
        Self::AskReturn,
        Self::HandBack,
        Self::TakeBack,
        Self::Dispute,
        Self::Resolve,
        Self::Rescind,
        Self::Deadline,
        Self::PutOff,
        Self::Invoice,
        Self::Basket,
        Self::Repay,
    ];

    /// Whether a contract begins with it.
    pub const fn forms(self) -> bool {
        matches!(self, Self::Reserve | Self::Basket)
    }

    /// The step a command asks for.
    pub const fn of(act: &Act) -> Self {
        match act {
            Act::Pay => Self::Pay,
            Act::PayIn { .. } => Self::PayIn,
            Act::Cancel => Self::Cancel,
            Act::HandOver { .. } => Self::HandOver,
            Act::Deliver { .. } => Self::Deliver,
            Act::PickUp { .. } => Self::PickUp,
            Act::Accept => Self::Accept,
            Act::AskReturn { .. } => Self::AskReturn,
            Act::HandBack { .. } => Self::HandBack,
            Act::TakeBack { .. } => Self::TakeBack,
            Act::Dispute => Self::Dispute,
            Act::Resolve { .. } => Self::Resolve,
            Act::Rescind => Self::Rescind,
            Act::Invoice { .. } => Self::Invoice,
        }
    }
}

/// Who does a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Role {
    /// The buyer.
    Buyer = 1,
    /// The seller.
    Seller = 2,
    /// The bank that has the money.
    Custodian = 3,
    /// An operator.
    Operator = 4,
}

impl Role {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 4] = [Self::Buyer, Self::Seller, Self::Custodian, Self::Operator];
}

/// Whether a contract is in dispute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Disputed {
    /// It is not.
    No = 0,
    /// It is: what it holds is frozen and no deadline runs.
    Yes = 1,
}

/// Whether the law taxes an import in full.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum FullTax {
    /// It is no import, or within the limit of one order.
    No = 0,
    /// One indivisible piece above that limit (财关税〔2018〕49号).
    Yes = 1,
}

/// The answer to a command about a contract, or what a deadline did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContractEvent {
    /// A step was taken.
    Step(ContractReport),
    /// A command was refused; the contract is as it was.
    Refused(ContractRefused),
}

/// A refused command about a contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContractRefused {
    /// What was asked.
    pub step: ContractStep,
    /// The account as the command named it; none of an operator.
    pub account: Option<AccountId>,
    /// The contract as the command named it; none of a reserve.
    pub contract: Option<ContractId>,
    /// Of a basket, the line at fault, from 0, if one is.
    pub line: Option<u8>,
    /// Why.
    pub reject: Reject,
    /// The private counters of the account.
    pub counters: Counters,
}

/// One side of a contract. Packed, so that the report of a step stays within what an event may
/// take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, packed(4))]
pub struct ContractSide {
    /// The account.
    pub account: AccountId,
    /// The private counters.
    pub counters: Counters,
}

/// A step of a contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContractReport {
    /// What happened.
    pub step: ContractStep,
    /// Who did it; none of a deadline.
    pub by: Option<Role>,
    /// How it stands now.
    pub state: State,
    /// Whether it is in dispute now.
    pub disputed: Disputed,
    /// Whether it is taxed in full as an import.
    pub full_tax: FullTax,
    /// Its version now.
    pub version: u32,
    /// The contract: the sequence of its command.
    pub contract: u64,
    /// Its offer: the sequence of its command.
    pub offer: u64,
    /// Their rows.
    pub slots: ContractSlots,
    /// Where it was formed.
    pub venue: VenueId,
    /// The currency.
    pub money: AssetId,
    /// The goods.
    pub goods: AssetId,
    /// Where they lay.
    pub warehouse: CustodianId,
    /// How many pieces.
    pub pieces: u32,
    /// How many of them have come back.
    pub came_back: u32,
    /// The regime it was formed under.
    pub regime: Regime,
    /// The buyer.
    pub buyer: ContractSide,
    /// The seller.
    pub seller: ContractSide,
    /// The price of a piece.
    pub price: i64,
    /// Pieces times price.
    pub amount: i64,
    /// The tax in it, or on it.
    pub tax: i64,
    /// Money it holds now.
    pub money_held: i64,
    /// What the buyer got back in this step.
    pub refunded: i64,
    /// The tax in what was refunded by a return.
    pub tax_back: i64,
    /// What the seller got in this step.
    pub paid_out: i64,
    /// What the venue got in this step.
    pub fee: i64,
    /// What the buyer got of the seller's money in this step: earnest money once more, held for
    /// that until its goods leave; of a covered contract, what was paid for pieces that came back,
    /// out of the seller's guarantee; of a performed one, that by agreement, out of what the seller
    /// had available, and later what it had again.
    pub penalty: i64,
    /// What the seller owes the buyer now of a return by agreement; nothing unless it is OWING.
    pub owing: i64,
    /// Units of goods that left the warehouse in this step; below zero they came back.
    pub goods_out: i64,
    /// What passes next if nobody does anything.
    pub deadline: Option<Time>,
}

/// The rows of a contract and of its offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContractSlots {
    /// Of the contract.
    pub contract: u32,
    /// Of the offer.
    pub offer: u32,
}

impl ContractReport {
    /// What a discount took off: `amount` is what is left of pieces times price.
    pub const fn discount(&self) -> i64 {
        self.pieces as i64 * self.price - self.amount
    }

    /// The contract.
    pub const fn contract(&self) -> ContractId {
        ContractId {
            sequence: self.contract,
            slot: self.slots.contract,
        }
    }

    /// Its offer.
    pub const fn offer(&self) -> OfferId {
        OfferId {
            sequence: self.offer,
            slot: self.slots.offer,
        }
    }
}

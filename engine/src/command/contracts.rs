//! Commands about contracts: the one that forms it, and the steps of its performance.
//!
//! Invariant: as in `command`. Not here: offers and terms (`command::sales`), the rules
//! (`contract::table`, SEMANTICS sections 20 and 21).

use crate::types::{AccountId, Amount, ContractId, CustodianId, OfferId};

/// What somebody does to a contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContractCommand {
    /// Form one, by taking an offer.
    Reserve(Reserve),
    /// Perform one, or end it.
    Step(TakeStep),
}

impl ContractCommand {
    /// The account that acts, if one does.
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::Reserve(reserve) => Some(reserve.account),
            Self::Step(take) => take.account,
        }
    }
}

/// Take so many pieces of an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reserve {
    /// The offer.
    pub offer: OfferId,
    /// The version the buyer saw.
    pub version: u32,
    /// The buyer.
    pub account: AccountId,
    /// How many pieces.
    pub pieces: u32,
    /// Where the platform knows how to deliver; no address comes here.
    pub delivery_reference: [u8; 16],
    /// The first 16 bytes of BLAKE3 of the pickup code, where the goods are picked up.
    pub pickup: Option<[u8; 16]>,
    /// Whether the buyer confirms that the goods are not suited for a return.
    pub confirmed: Confirmed,
}

/// Whether a buyer confirmed that goods are not suited for a return (消费者权益保护法 25).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Confirmed {
    /// It did not.
    No = 0,
    /// It did, for this contract.
    Yes = 1,
}

/// A step of a contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TakeStep {
    /// The contract.
    pub contract: ContractId,
    /// The version the sender saw.
    pub version: u32,
    /// Who does it; none of an operator.
    pub account: Option<AccountId>,
    /// What.
    pub act: Act,
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Act {
    /// The buyer pays out of what it has available.
    Pay,
    /// The buyer pays in by its bank.
    PayIn {
        /// The bank.
        custodian: CustodianId,
    },
    /// The buyer gives up before it paid, or the seller before it handed over.
    Cancel,
    /// The seller hands the goods to a carrier, or says that they can be picked up.
    HandOver {
        /// The carrier's reference.
        reference: [u8; 16],
    },
    /// The carrier delivered.
    Deliver {
        /// The carrier's reference.
        reference: [u8; 16],
    },
    /// The buyer picked up, and gave its code.
    PickUp {
        /// The code.
        code: [u8; 16],
    },
    /// The buyer accepts.
    Accept,
    /// The buyer wants to give pieces back.
    AskReturn {
        /// How many.
        pieces: u32,
    },
    /// The buyer sent them back.
    HandBack {
        /// The carrier's reference.
        reference: [u8; 16],
    },
    /// The seller has them back.
    TakeBack {
        /// What becomes of them.
        to: TakenTo,
    },
    /// Buyer or seller calls for a decision.
    Dispute,
    /// An operator decides a dispute.
    Resolve {
        /// What of the money the buyer gets.
        buyer: Amount,
        /// What of the money the seller gets, before its fee.
        seller: Amount,
        /// What becomes of goods that have not left.
        goods: GoodsTo,
    },
    /// Buyer or seller asks to undo the contract, or agrees to it.
    Rescind,
    /// The seller issued an invoice, or one that takes back a part of another.
    Invoice {
        /// Where the platform knows the invoice.
        reference: [u8; 16],
    },
}

/// What becomes of goods that a buyer gave back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum TakenTo {
    /// They come into the warehouse again.
    Stock = 1,
    /// They are worth nothing.
    WriteOff = 2,
}

/// What becomes of goods when a dispute is decided.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum GoodsTo {
    /// They go back to the seller's stock.
    Stock = 1,
    /// They leave the warehouse, or have left it.
    Buyer = 2,
}

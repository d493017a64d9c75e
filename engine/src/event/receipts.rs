//! What happened to a warehouse receipt.
//!
//! Invariant: one event an act and receipt; with the sequence of its command it is all that the
//! receipt's provenance hash covers, so a holder who has the events can check the chain. Not here:
//! the hash (`clearing::receipts::chain`).

use crate::command::Encumbrance;
use crate::types::{AccountId, Amount, AssetId, CustodianId, Name, ReceiptId};

/// How a receipt ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum ReceiptEnd {
    /// It became several.
    Split,
    /// It became part of another.
    Merged,
    /// Its goods left the warehouse.
    Cancelled,
    /// Its goods became available.
    Pooled,
}

/// How a receipt stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum ReceiptStatus {
    /// Its holder may do with it what there is.
    Active,
    /// It waits for who may lift this.
    Encumbered(Encumbrance),
    /// It is no more; its number is never given again.
    Ended(ReceiptEnd),
}

/// What was done with a receipt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum ReceiptAct {
    /// Goods came into the warehouse.
    Registered,
    /// Available goods became a receipt.
    Drawn,
    /// It was encumbered.
    Encumbered(Encumbrance),
    /// This was lifted.
    Lifted(Encumbrance),
    /// It became so many; their events follow.
    Split {
        /// How many.
        parts: u8,
    },
    /// It came out of another.
    Part {
        /// Of which.
        of: ReceiptId,
    },
    /// It became part of another.
    Merged {
        /// Of which.
        into: ReceiptId,
    },
    /// It came out of so many; their events come right before.
    Whole {
        /// How many.
        parts: u8,
    },
    /// It went to the account that holds it now.
    Transferred {
        /// Who held it.
        from: AccountId,
    },
    /// The goods left the warehouse.
    Cancelled,
    /// The goods became available.
    Pooled,
}

impl ReceiptAct {
    /// The act in numbers: which, with which encumbrance (0 is none), and whom or what it names
    /// (`u32::MAX` is none).
    pub const fn code(self) -> (u8, u8, u32) {
        const NONE: u32 = u32::MAX;
        match self {
            Self::Registered => (1, 0, NONE),
            Self::Drawn => (2, 0, NONE),
            Self::Encumbered(with) => (3, kind(with), pledgee(with)),
            Self::Lifted(what) => (4, kind(what), pledgee(what)),
            Self::Split { parts } => (5, 0, parts as u32),
            Self::Part { of } => (6, 0, of.index()),
            Self::Merged { into } => (7, 0, into.index()),
            Self::Whole { parts } => (8, 0, parts as u32),
            Self::Transferred { from } => (9, 0, from.index()),
            Self::Cancelled => (10, 0, NONE),
            Self::Pooled => (11, 0, NONE),
        }
    }

    /// How the receipt stands after it.
    pub const fn status(self) -> ReceiptStatus {
        match self {
            Self::Registered
            | Self::Drawn
            | Self::Lifted(_)
            | Self::Part { .. }
            | Self::Whole { .. }
            | Self::Transferred { .. } => ReceiptStatus::Active,
            Self::Encumbered(with) => ReceiptStatus::Encumbered(with),
            Self::Split { .. } => ReceiptStatus::Ended(ReceiptEnd::Split),
            Self::Merged { .. } => ReceiptStatus::Ended(ReceiptEnd::Merged),
            Self::Cancelled => ReceiptStatus::Ended(ReceiptEnd::Cancelled),
            Self::Pooled => ReceiptStatus::Ended(ReceiptEnd::Pooled),
        }
    }
}

const fn kind(encumbrance: Encumbrance) -> u8 {
    match encumbrance {
        Encumbrance::Listed => 1,
        Encumbrance::Pledged { .. } => 2,
        Encumbrance::Frozen => 3,
        Encumbrance::Locked => 4,
    }
}

const fn pledgee(encumbrance: Encumbrance) -> u32 {
    match encumbrance {
        Encumbrance::Pledged { pledgee } => pledgee.index(),
        Encumbrance::Listed | Encumbrance::Frozen | Encumbrance::Locked => u32::MAX,
    }
}

/// An act on a warehouse receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceiptReport {
    /// What was done.
    pub act: ReceiptAct,
    /// The receipt.
    pub receipt: ReceiptId,
    /// Who keeps the goods.
    pub warehouse: CustodianId,
    /// The goods.
    pub asset: AssetId,
    /// Who holds it now; of one that ended, who did last.
    pub account: AccountId,
    /// How many of the goods.
    pub amount: Amount,
    /// Its number.
    pub number: Name,
    /// The hash of its document.
    pub document: [u8; 32],
    /// Its provenance: a hash over this act and, by its last value, every one before.
    pub provenance: [u8; 32],
}

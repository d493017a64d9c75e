//! Commands about warehouse receipts (民法典(2020) 909-910, SEMANTICS section 14).
//!
//! Invariant: as in `command`. A receipt is named by its handle, which its issue answered; who
//! holds it is named too, so that an act for one holder never hits the next. The mandatory fields
//! of a receipt (art. 909) stay outside; the hash of the document that has them is here. Not here:
//! the rules (`clearing::receipts`).

use crate::types::{AccountId, Amount, AssetId, CustodianId, Name, ReceiptId};

/// An act on warehouse receipts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReceiptCommand {
    /// The keeper received goods and issues a receipt for them.
    Register(IssueReceipt),
    /// A receipt is listed, pledged, frozen or locked.
    Encumber(EncumberReceipt),
    /// What encumbers a receipt is lifted.
    Lift(LiftReceipt),
    /// One receipt becomes several.
    Split(SplitReceipt),
    /// Several receipts become one.
    Merge(MergeReceipts),
    /// A receipt goes to another holder: endorsed by the holder, signed by the keeper (art. 910).
    Transfer(TransferReceipt),
    /// The goods leave the warehouse.
    Cancel(HeldReceipt),
    /// The receipt's goods become available, to be traded.
    Pool(HeldReceipt),
    /// Available goods become a receipt of a warehouse that has as many.
    Draw(IssueReceipt),
}

/// A new receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IssueReceipt {
    /// Its number, given by the keeper; unique for ever among those of the warehouse.
    pub number: Name,
    /// Who keeps the goods.
    pub warehouse: CustodianId,
    /// The goods.
    pub asset: AssetId,
    /// How many; above zero.
    pub amount: Amount,
    /// Who holds it.
    pub account: AccountId,
    /// The hash of its document.
    pub document: [u8; 32],
}

/// What keeps a receipt from being used otherwise; one at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Encumbrance {
    /// Offered for sale; by the holder, who lifts it.
    Listed,
    /// Pledged; by the holder. The pledgee lifts it, which is its consent.
    Pledged {
        /// Who has the pledge.
        pledgee: AccountId,
    },
    /// Frozen; by an operator with a reason, who lifts it.
    Frozen,
    /// Locked for a contract; by an operator with a reason, who lifts it.
    Locked,
}

/// Encumber a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncumberReceipt {
    /// The receipt.
    pub receipt: ReceiptId,
    /// For whom: its holder; none for an operator.
    pub account: Option<AccountId>,
    /// With what.
    pub encumbrance: Encumbrance,
}

/// Lift what encumbers a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LiftReceipt {
    /// The receipt.
    pub receipt: ReceiptId,
    /// For whom: the holder of a listed one, the pledgee of a pledged one; none for an operator.
    pub account: Option<AccountId>,
}

/// One of the receipts that a receipt is split into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceiptPart {
    /// Its number.
    pub number: Name,
    /// How many of the goods; above zero.
    pub amount: Amount,
    /// The hash of its document.
    pub document: [u8; 32],
}

/// Split a receipt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SplitReceipt {
    /// The receipt.
    pub receipt: ReceiptId,
    /// Its holder.
    pub account: AccountId,
    /// What it becomes: 2 to [`crate::limits::Limits::RECEIPT_PARTS_MAX`], which sum up to it.
    pub parts: Vec<ReceiptPart>,
}

/// Merge receipts of one holder, warehouse and asset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeReceipts {
    /// Their holder.
    pub account: AccountId,
    /// Them: 2 to [`crate::limits::Limits::RECEIPT_PARTS_MAX`].
    pub receipts: Vec<ReceiptId>,
    /// The number of the new one.
    pub number: Name,
    /// The hash of its document.
    pub document: [u8; 32],
}

/// Transfer a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransferReceipt {
    /// The receipt.
    pub receipt: ReceiptId,
    /// Its holder.
    pub from: AccountId,
    /// Its holder from now on.
    pub to: AccountId,
}

/// A receipt and its holder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldReceipt {
    /// The receipt.
    pub receipt: ReceiptId,
    /// Its holder.
    pub account: AccountId,
}

//! Whether an act on receipts may be done: the ladder of each act, which changes nothing.
//!
//! Invariant: what passes here is carried out whole by `acts`. Order of reasons: unknown things,
//! how the receipt stands, the fields, who must sign, dates, numbers, amounts, bounds.

use super::{Receipt, Receipts};
use crate::clearing::custody::{Approved, business_date, keeps};
use crate::clearing::{Clearing, Custodian, Holder};
use crate::command::{
    AssetClass, Demonstration, EncumberReceipt, Encumbrance, HeldReceipt, IssueReceipt,
    LiftReceipt, MergeReceipts, ReceiptCommand, SplitReceipt, TransferReceipt,
};
use crate::event::ReceiptStatus;
use crate::limits::Limits;
use crate::parties::Parties;
use crate::reject::RejectReason as R;
use crate::types::{AccountId, Amount, AssetId, CustodianId, Name, ReceiptId, Sequence, Time};

/// Who does an act, and when.
pub(crate) struct By<'a> {
    /// Who there is.
    pub(crate) parties: &'a Parties,
    /// The command.
    pub(crate) sequence: Sequence,
    /// When.
    pub(crate) time: Time,
    /// Whether another principal than the sender signed.
    pub(crate) approved: Approved,
    /// Whether the sender says why.
    pub(crate) reasoned: Reasoned,
}

/// Whether the sender says why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reasoned {
    Yes,
    No,
}

impl By<'_> {
    fn knows(&self, account: AccountId) -> Result<(), R> {
        let known = self.parties.owner_of(account);
        known.map(|_| ()).ok_or(R::UnknownAccount)
    }

    /// An operator says why.
    fn says_why(&self) -> Result<(), R> {
        fails(self.reasoned == Reasoned::No, R::InvalidField)
    }

    /// Two sign: the sender and the keeper, or another who approves. A demonstration's warehouse
    /// signs by itself.
    fn signs(&self, warehouse: &Custodian) -> Result<(), R> {
        let real = warehouse.demonstration == Demonstration::Real;
        fails(real && self.approved == Approved::No, R::ApproverRequired)
    }

    /// The day on which goods come in or go out is not reconciled yet.
    fn day_is_open(&self, warehouse: &Custodian) -> Result<(), R> {
        let day = business_date(self.time);
        let closed = warehouse.closed_through >= Some(day);
        fails(closed, R::CustodyDateClosed)
    }
}

fn fails(wrong: bool, reason: R) -> Result<(), R> {
    if wrong { Err(reason) } else { Ok(()) }
}

impl Receipts {
    /// A live receipt that this account holds, if one is named.
    fn live(&self, id: ReceiptId, account: Option<AccountId>) -> Result<&Receipt, R> {
        let found = self.receipt(id).ok_or(R::UnknownReceipt)?;
        let other = account.is_some_and(|account| account != found.account);
        fails(other, R::UnknownReceipt)?;
        fails(!found.is_live(), R::ReceiptEnded)?;
        Ok(found)
    }

    /// A live receipt of this account, if one is named, that nothing encumbers.
    fn active(&self, id: ReceiptId, account: Option<AccountId>) -> Result<&Receipt, R> {
        let found = self.live(id, account)?;
        fails(found.status != ReceiptStatus::Active, R::ReceiptEncumbered)?;
        Ok(found)
    }

    fn number_is_new(&self, warehouse: CustodianId, number: &Name) -> Result<(), R> {
        fails(self.find(warehouse, number).is_some(), R::ReceiptNumberUsed)
    }

    /// So many new numbers and so many more live receipts fit.
    fn fit(&self, numbers: u32, more: u32) -> Result<(), R> {
        let (free, live) = self.room();
        fails(numbers > free || more > live, R::TooMany)
    }
}

/// Where the goods of a new receipt come from.
#[derive(Clone, Copy)]
enum Source {
    Outside,
    Available,
}

impl Clearing {
    /// Checks an act on receipts and changes nothing.
    ///
    /// # Errors
    /// Those of the act: SEMANTICS section 14.
    pub(crate) fn check_receipts(&self, act: &ReceiptCommand, by: &By<'_>) -> Result<(), R> {
        match act {
            ReceiptCommand::Register(issue) => self.check_issue(issue, Source::Outside, by),
            ReceiptCommand::Draw(issue) => self.check_issue(issue, Source::Available, by),
            ReceiptCommand::Encumber(encumber) => self.check_encumber(encumber, by),
            ReceiptCommand::Lift(lift) => self.check_lift(lift, by),
            ReceiptCommand::Split(split) => self.check_split(split, by),
            ReceiptCommand::Merge(merge) => self.check_merge(merge, by),
            ReceiptCommand::Transfer(transfer) => self.check_transfer_receipt(transfer, by),
            ReceiptCommand::Cancel(cancel) => self.check_cancel(*cancel, by),
            ReceiptCommand::Pool(pool) => {
                by.knows(pool.account)?;
                let active = self.receipts.active(pool.receipt, Some(pool.account));
                active.map(|_| ())
            }
        }
    }

    fn warehouse(&self, id: CustodianId) -> &Custodian {
        let warehouse = self.assets.custodian(id);
        warehouse.expect("a receipt names its warehouse")
    }

    fn check_issue(&self, issue: &IssueReceipt, from: Source, by: &By<'_>) -> Result<(), R> {
        by.knows(issue.account)?;
        let asset = self.assets.asset(issue.asset).ok_or(R::UnknownAsset)?;
        let warehouse = self.assets.custodian(issue.warehouse);
        let warehouse = warehouse.ok_or(R::UnknownCustodian)?;
        let goods = matches!(asset.class, AssetClass::Goods { .. });
        let wrong = issue.number.is_empty() || issue.amount.is_zero() || !goods;
        fails(wrong || !keeps(warehouse, asset), R::InvalidField)?;
        by.signs(warehouse)?;
        if matches!(from, Source::Outside) {
            by.day_is_open(warehouse)?;
        }
        self.receipts
            .number_is_new(issue.warehouse, &issue.number)?;
        match from {
            Source::Outside => self.check_circulation(issue.asset, issue.amount)?,
            Source::Available => self.check_drawable(issue)?,
        }
        self.receipts.fit(1, 1)?;
        let holders = [
            Holder::Account(issue.account),
            Holder::Custodian(issue.warehouse),
        ];
        self.positions_fit(&holders, issue.asset)
    }

    /// The account has as many available, and the warehouse as many that are neither some other
    /// receipt's nor asked for.
    fn check_drawable(&self, issue: &IssueReceipt) -> Result<(), R> {
        let place = self
            .ledger
            .find(Holder::Account(issue.account), issue.asset);
        let available = place.map_or(0, |place| self.ledger.position(place).available);
        let there = available.min(self.free_at(issue.warehouse, issue.asset));
        fails(issue.amount.units() > there, R::InsufficientGoods)
    }

    fn positions_fit(&self, holders: &[Holder], asset: AssetId) -> Result<(), R> {
        let missing = |holder: &&Holder| self.ledger.find(**holder, asset).is_none();
        let missing = holders.iter().filter(missing).count() as u32;
        fails(missing > self.ledger.room(), R::TooMany)
    }

    fn check_encumber(&self, encumber: &EncumberReceipt, by: &By<'_>) -> Result<(), R> {
        if let Some(account) = encumber.account {
            by.knows(account)?;
        }
        if let Encumbrance::Pledged { pledgee } = encumber.encumbrance {
            by.knows(pledgee)?;
        }
        let receipt = self.receipts.active(encumber.receipt, encumber.account)?;
        match (encumber.encumbrance, encumber.account) {
            (Encumbrance::Listed, Some(_)) => Ok(()),
            (Encumbrance::Pledged { pledgee }, Some(_)) => {
                fails(pledgee == receipt.account, R::InvalidField)
            }
            (Encumbrance::Frozen | Encumbrance::Locked, None) => by.says_why(),
            (Encumbrance::Listed | Encumbrance::Pledged { .. }, None)
            | (Encumbrance::Frozen | Encumbrance::Locked, Some(_)) => Err(R::InvalidField),
        }
    }

    fn check_lift(&self, lift: &LiftReceipt, by: &By<'_>) -> Result<(), R> {
        if let Some(account) = lift.account {
            by.knows(account)?;
        }
        let receipt = self.receipts.live(lift.receipt, None)?;
        let ReceiptStatus::Encumbered(encumbrance) = receipt.status else {
            return Err(R::ReceiptNotEncumbered);
        };
        let who = match encumbrance {
            Encumbrance::Listed => Some(receipt.account),
            Encumbrance::Pledged { pledgee } => Some(pledgee),
            Encumbrance::Frozen | Encumbrance::Locked => None,
        };
        fails(lift.account != who, R::ReceiptEncumbered)?;
        match who {
            Some(_) => Ok(()),
            None => by.says_why(),
        }
    }

    fn check_split(&self, split: &SplitReceipt, by: &By<'_>) -> Result<(), R> {
        by.knows(split.account)?;
        let receipt = self.receipts.active(split.receipt, Some(split.account))?;
        let parts = &split.parts;
        fails(!is_some_parts(parts.len()), R::InvalidField)?;
        let empty =
            |part: &crate::command::ReceiptPart| part.number.is_empty() || part.amount.is_zero();
        let units = parts.iter().map(|part| i128::from(part.amount.units()));
        let differs = units.sum::<i128>() != i128::from(receipt.amount.units());
        fails(parts.iter().any(empty) || differs, R::InvalidField)?;
        by.signs(self.warehouse(receipt.warehouse))?;
        for (at, part) in parts.iter().enumerate() {
            let twice = parts[..at].iter().any(|one| one.number == part.number);
            fails(twice, R::ReceiptNumberUsed)?;
            self.receipts
                .number_is_new(receipt.warehouse, &part.number)?;
        }
        let count = parts.len() as u32;
        self.receipts.fit(count, count - 1)
    }

    fn check_merge(&self, merge: &MergeReceipts, by: &By<'_>) -> Result<(), R> {
        by.knows(merge.account)?;
        let receipts = &merge.receipts;
        fails(!is_some_parts(receipts.len()), R::InvalidField)?;
        for id in receipts {
            self.receipts.active(*id, Some(merge.account))?;
        }
        let first = self.receipts.row(receipts[0]);
        let wrong = receipts.iter().enumerate().any(|(at, id)| {
            let other = self.receipts.row(*id);
            let apart = (other.warehouse, other.asset) != (first.warehouse, first.asset);
            apart || receipts[..at].contains(id)
        });
        fails(wrong || merge.number.is_empty(), R::InvalidField)?;
        by.signs(self.warehouse(first.warehouse))?;
        self.receipts
            .number_is_new(first.warehouse, &merge.number)?;
        self.receipts.fit(1, 0)
    }

    fn check_transfer_receipt(&self, transfer: &TransferReceipt, by: &By<'_>) -> Result<(), R> {
        by.knows(transfer.from)?;
        by.knows(transfer.to)?;
        let from = Some(transfer.from);
        let receipt = self.receipts.active(transfer.receipt, from)?;
        fails(transfer.from == transfer.to, R::InvalidField)?;
        by.signs(self.warehouse(receipt.warehouse))?;
        self.positions_fit(&[Holder::Account(transfer.to)], receipt.asset)
    }

    fn check_cancel(&self, cancel: HeldReceipt, by: &By<'_>) -> Result<(), R> {
        by.knows(cancel.account)?;
        let receipt = self.receipts.active(cancel.receipt, Some(cancel.account))?;
        let warehouse = self.warehouse(receipt.warehouse);
        by.signs(warehouse)?;
        by.day_is_open(warehouse)
    }

    /// What the receipts of a command come to; they were checked.
    pub(super) fn sum_of(&self, receipts: &[ReceiptId]) -> Amount {
        let units = receipts.iter().map(|id| self.receipts.row(*id).amount);
        let sum = units.map(Amount::units).sum();
        Amount::new(sum).expect("receipts are within what circulates")
    }
}

/// Whether a receipt splits into so many, or so many merge.
fn is_some_parts(count: usize) -> bool {
    (2..=Limits::RECEIPT_PARTS_MAX).contains(&count)
}

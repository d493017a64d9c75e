//! Warehouse receipts: what they are, who holds them, how they stand (SEMANTICS section 14).
//!
//! Invariant: a number is given once in a warehouse for ever; a live receipt keeps exactly its
//! amount of its holder's position, frozen while it is encumbered, an ended one keeps nothing; of
//! each warehouse and asset the receipts and the pending withdrawals are at most what it holds.
//! A row stays when its receipt ends, since its number must: so a handle is a row, and nothing
//! moves. Rows, the index of numbers and the accounts' chains are reserved at once and touched when
//! used. Rejected: a tree by (warehouse, number), which allocates in every act. Not here: the acts
//! (`acts`), the hash chain (`chain`), bytes (`section`).

mod acts;
mod chain;
mod checks;
mod section;
mod table;

pub use chain::{ActBytes, act_bytes, provenance};
pub(crate) use checks::{By, Reasoned};
pub(crate) use section::{encumbrance, put_encumbrance, receipt};

use std::collections::BTreeMap;

use super::kept::Kept;
use crate::event::{ReceiptAct, ReceiptReport, ReceiptStatus};
use crate::limits::Limits;
use crate::types::{AccountId, Amount, AssetId, CustodianId, Name, ReceiptId, Sequence};

/// No row.
const NIL: u32 = u32::MAX;

/// A warehouse receipt, also one that ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Its number, given by the keeper.
    pub number: Name,
    /// The hash of its document.
    pub document: [u8; 32],
    /// Its provenance: a hash over all that was done with it.
    pub provenance: [u8; 32],
    /// How many of the goods.
    pub amount: Amount,
    /// Who keeps them.
    pub warehouse: CustodianId,
    /// The goods.
    pub asset: AssetId,
    /// Who holds it; of one that ended, who did last.
    pub account: AccountId,
    /// How it stands.
    pub status: ReceiptStatus,
    /// The command that did something with it last. While it is frozen or locked, that command has
    /// the operator's reason.
    pub changed: Sequence,
    /// The command since which this account holds it.
    pub joined: Sequence,
    kept: Kept,
    /// The receipts that came to the same account right after it and right before.
    newer: u32,
    older: u32,
}

const _: () = assert!(
    size_of::<Receipt>() == 176,
    "`limits` names the size of a row"
);

impl Receipt {
    /// Whether it has not ended.
    pub const fn is_live(&self) -> bool {
        !matches!(self.status, ReceiptStatus::Ended(_))
    }

    pub(crate) const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The event that says what was done with it and how it is now.
    fn report(&self, id: ReceiptId, act: ReceiptAct) -> ReceiptReport {
        ReceiptReport {
            act,
            receipt: id,
            warehouse: self.warehouse,
            asset: self.asset,
            account: self.account,
            amount: self.amount,
            number: self.number,
            document: self.document,
            provenance: self.provenance,
        }
    }
}

/// All receipts of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipts {
    rows: Vec<Receipt>,
    /// By the hash of warehouse and number, with linear probing: 0, or a row plus one. Nothing is
    /// ever taken out of it.
    index: Vec<u32>,
    /// The receipt that came to each account last, of those it still holds.
    newest: Vec<u32>,
    /// What the live receipts of a warehouse and an asset sum up to; an entry stays.
    stored: BTreeMap<(CustodianId, AssetId), i64>,
    live: u32,
    live_max: u32,
    numbers_max: u32,
}

impl Receipts {
    pub(super) fn new(limits: &Limits) -> Self {
        let numbers = limits.receipt_numbers_max as usize;
        Self {
            rows: Vec::with_capacity(numbers),
            index: vec![0; (numbers * 2).next_power_of_two().max(2)],
            newest: Vec::with_capacity(limits.accounts_max as usize),
            stored: BTreeMap::new(),
            live: 0,
            live_max: limits.receipts_max,
            numbers_max: limits.receipt_numbers_max,
        }
    }

    /// The receipt with this handle, if there ever was one.
    pub fn receipt(&self, id: ReceiptId) -> Option<&Receipt> {
        self.rows.get(id.place())
    }

    /// All receipts, ended ones included, in order of their handles.
    pub fn all(&self) -> impl ExactSizeIterator<Item = (ReceiptId, &Receipt)> {
        let rows = self.rows.iter().enumerate();
        rows.map(|(index, row)| (ReceiptId::new(index as u32), row))
    }

    /// How many there are, beside how many there may be: live ones, numbers.
    pub const fn used(&self) -> [(u32, u32); 2] {
        let numbers = self.rows.len() as u32;
        [(self.live, self.live_max), (numbers, self.numbers_max)]
    }

    /// What the live receipts of a warehouse and an asset sum up to.
    pub fn stored(&self, warehouse: CustodianId, asset: AssetId) -> i64 {
        self.stored.get(&(warehouse, asset)).copied().unwrap_or(0)
    }

    /// The warehouses and assets of live receipts.
    pub(super) fn stores(&self) -> impl Iterator<Item = (CustodianId, AssetId)> {
        let stored = self.stored.iter().filter(|(_, sum)| **sum > 0);
        stored.map(|(store, _)| *store)
    }

    /// The live receipts an account holds, the one that came last first: all, or from a place on.
    /// A place is the command since which the account holds a receipt, and that receipt; one that
    /// it no longer holds gives those that came before.
    pub fn of_account_from(
        &self,
        account: AccountId,
        from: Option<(Sequence, ReceiptId)>,
    ) -> impl Iterator<Item = ((Sequence, ReceiptId), &Receipt)> {
        let mut next = self.first_from(account, from);
        std::iter::from_fn(move || {
            let row = self.rows.get(next as usize)?;
            let place = (row.joined, ReceiptId::new(next));
            next = row.older;
            Some((place, row))
        })
    }

    fn first_from(&self, account: AccountId, from: Option<(Sequence, ReceiptId)>) -> u32 {
        let mut next = self.newest.get(account.place()).copied().unwrap_or(NIL);
        let Some(from) = from else {
            return next;
        };
        let own = |row: &Receipt| row.is_live() && row.account == account && row.joined == from.0;
        if self.rows.get(from.1.place()).is_some_and(own) {
            return from.1.index();
        }
        while let Some(row) = self.rows.get(next as usize) {
            if (row.joined, ReceiptId::new(next)) < from {
                break;
            }
            next = row.older;
        }
        next
    }
}

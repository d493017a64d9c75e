//! The table behind the receipts: rows, the index of numbers, the accounts' chains, what
//! warehouses store.
//!
//! Invariant: a row is in the index once; a live one is in its account's chain once, in order of
//! (since when, handle), the newest first; `audit` checks it anew. Not here: what an act does.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::{NIL, Receipt, Receipts};
use crate::event::{ReceiptEnd, ReceiptStatus};
use crate::types::{AssetId, CustodianId, Name, ReceiptId};

impl Receipts {
    /// How many more receipts there may be: numbers, live ones.
    pub(super) fn room(&self) -> (u32, u32) {
        let numbers = self.numbers_max - self.rows.len() as u32;
        (numbers, self.live_max - self.live)
    }

    /// The receipt that has a number in a warehouse.
    pub fn find(&self, warehouse: CustodianId, number: &Name) -> Option<ReceiptId> {
        let bucket = self.bucket_of(warehouse, number).ok()?;
        Some(ReceiptId::new(self.index[bucket] - 1))
    }

    /// The bucket of a number, else the empty one where it belongs.
    fn bucket_of(&self, warehouse: CustodianId, number: &Name) -> Result<usize, usize> {
        let text = number.as_str().as_bytes();
        let mut bytes = [0; 4 + Name::MAX_BYTES];
        bytes[..4].copy_from_slice(&warehouse.index().to_le_bytes());
        bytes[4..4 + text.len()].copy_from_slice(text);
        let mask = self.index.len() - 1;
        let mut bucket = xxh3_64(&bytes[..4 + text.len()]) as usize & mask;
        loop {
            let Some(at) = self.index[bucket].checked_sub(1) else {
                return Err(bucket);
            };
            let row = &self.rows[at as usize];
            if row.warehouse == warehouse && row.number == *number {
                return Ok(bucket);
            }
            bucket = (bucket + 1) & mask;
        }
    }

    /// Adds a row whose number was checked; a live one joins its holder.
    pub(super) fn add(&mut self, row: Receipt) -> ReceiptId {
        assert!(self.room().0 > 0, "the caller checked the bound");
        let bucket = self.bucket_of(row.warehouse, &row.number);
        let bucket = bucket.expect_err("the caller checked that the number is new");
        self.rows.push(row);
        self.index[bucket] = self.rows.len() as u32;
        let id = ReceiptId::new(self.rows.len() as u32 - 1);
        if row.is_live() {
            self.live += 1;
            *self.stored_mut(row.warehouse, row.asset) += row.amount.units();
        }
        id
    }

    pub(super) fn row(&self, id: ReceiptId) -> &Receipt {
        &self.rows[id.place()]
    }

    pub(super) fn row_mut(&mut self, id: ReceiptId) -> &mut Receipt {
        &mut self.rows[id.place()]
    }

    fn stored_mut(&mut self, warehouse: CustodianId, asset: AssetId) -> &mut i64 {
        self.stored.entry((warehouse, asset)).or_default()
    }

    /// A live receipt that keeps nothing any more ends and leaves its holder's chain.
    pub(super) fn end(&mut self, id: ReceiptId, how: ReceiptEnd) {
        self.leave(id);
        let row = self.row_mut(id);
        assert!(
            row.is_live() && row.kept.amount() == 0,
            "what it kept went on before: {row:?}"
        );
        row.status = ReceiptStatus::Ended(how);
        let Receipt {
            warehouse,
            asset,
            amount,
            ..
        } = *row;
        self.live -= 1;
        *self.stored_mut(warehouse, asset) -= amount.units();
    }

    /// It becomes the newest of its holder's.
    pub(super) fn join(&mut self, id: ReceiptId) {
        let account = self.row(id).account.place();
        if account >= self.newest.len() {
            self.newest.resize(account + 1, NIL);
        }
        let older = std::mem::replace(&mut self.newest[account], id.index());
        let row = self.row_mut(id);
        (row.newer, row.older) = (NIL, older);
        if let Some(older) = self.rows.get_mut(older as usize) {
            older.newer = id.index();
        }
    }

    /// It leaves its holder's chain.
    pub(super) fn leave(&mut self, id: ReceiptId) {
        let Receipt {
            account,
            newer,
            older,
            ..
        } = *self.row(id);
        match self.rows.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => self.newest[account.place()] = older,
        }
        if let Some(older) = self.rows.get_mut(older as usize) {
            older.newer = newer;
        }
    }

    /// Checks rows against index, chains and sums.
    ///
    /// # Errors
    /// What does not hold.
    pub(in crate::clearing) fn audit(&self) -> Result<(), &'static str> {
        let mut stored = BTreeMap::new();
        let mut live = 0;
        for (id, row) in self.all() {
            if self.find(row.warehouse, &row.number) != Some(id) {
                return Err("a receipt is not found by its number");
            }
            let units = row.amount.units();
            let kept = if row.is_live() { units } else { 0 };
            let frozen = matches!(row.status, ReceiptStatus::Encumbered(_));
            if row.kept.amount() != kept || row.kept.is_frozen() != frozen {
                return Err("a receipt does not keep what it stands for");
            }
            if row.joined > row.changed {
                return Err("a receipt changed before its holder had it");
            }
            live += u32::from(row.is_live());
            *stored.entry((row.warehouse, row.asset)).or_insert(0) += kept;
        }
        if live != self.live || live > self.live_max {
            return Err("live receipts are miscounted");
        }
        let known = self.stored.iter().filter(|(_, sum)| **sum != 0);
        let summed = stored.iter().filter(|(_, sum)| **sum != 0);
        if !known.eq(summed) {
            return Err("what a warehouse stores is not what its receipts stand for");
        }
        self.audit_chains(live)
    }

    fn audit_chains(&self, live: u32) -> Result<(), &'static str> {
        let mut chained = 0;
        for (account, first) in self.newest.iter().enumerate() {
            let (mut newer, mut next) = (NIL, *first);
            while let Some(row) = self.rows.get(next as usize) {
                let own = row.is_live() && row.account.place() == account && row.newer == newer;
                let after = self.rows.get(newer as usize);
                let falls = after.is_none_or(|after| (row.joined, next) < (after.joined, newer));
                if !own || !falls {
                    return Err("an account's chain of receipts is out of order");
                }
                (newer, next) = (next, row.older);
                chained += 1;
            }
        }
        if chained != live {
            return Err("live receipts and accounts' chains differ in number");
        }
        Ok(())
    }
}

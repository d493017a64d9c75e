//! Where order rows live: by slot, free ones in a list, those of an account in a chain.
//!
//! Invariant: a row whose `sequence` is zero is free and hangs in the free list; any other row is
//! a live order and hangs in its account's chain. The order of the free list decides the slots of
//! coming orders, so it is part of the engine's contents. Rejected: a hash from id to row (1.25
//! to 2 times the cost of the whole operation on the floor program); the id carries its slot.
//! Not here: levels (`level`, `ladder`), parked orders and waiting stops (`market`).

use crate::limits::Limits;
use crate::types::{OrderId, Price, Quantity, Time};

pub(crate) use super::row::{Cold, Flags, Force, Kind, NIL, Place, Row};

/// How many rows this thread has looked at, of orders and of [`crate::slab::Slab`]: the work that
/// tests of bounds count.
#[cfg(test)]
pub(crate) mod looked {
    use std::cell::Cell;

    thread_local! {
        static ROWS: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn add() {
        ROWS.set(ROWS.get() + 1);
    }

    /// How many since the last call.
    pub(crate) fn take() -> u64 {
        ROWS.replace(0)
    }
}

/// All rows of the engine.
#[derive(Debug)]
pub(crate) struct Arena {
    rows: Vec<Row>,
    cold: Vec<Cold>,
    free: u32,
    live: u32,
    max: u32,
    accounts: Vec<u32>,
}

impl Arena {
    /// Room for `orders_max` rows and `accounts_max` chains; touched only when used.
    pub(crate) fn new(orders_max: u32, accounts_max: u32) -> Self {
        assert!(orders_max < NIL, "the last number means no row");
        Self {
            rows: Vec::with_capacity(orders_max as usize),
            cold: Vec::with_capacity(orders_max as usize),
            free: NIL,
            live: 0,
            max: orders_max,
            accounts: Vec::with_capacity(accounts_max as usize),
        }
    }

    /// How many orders live.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// Whether no row is left.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.live == self.max
    }

    /// How many rows were ever used.
    pub(crate) fn used(&self) -> u32 {
        self.rows.len() as u32
    }

    /// The slot that the next order takes, if there is room: the row freed last, else a new one.
    #[inline]
    pub(crate) fn next_slot(&self) -> u32 {
        if self.free == NIL {
            self.used()
        } else {
            self.free
        }
    }

    /// Makes a row live and returns its slot: the row freed last, else a new one.
    #[inline]
    pub(crate) fn insert(&mut self, row: &Row) -> u32 {
        assert!(self.live < self.max, "the bound is checked before");
        if !self.has_room(row.account) {
            self.make_room(row.account);
        }
        self.reuse(row)
    }

    /// Whether `reuse` can take an order of this account.
    #[inline]
    pub(crate) fn has_room(&self, account: u32) -> bool {
        self.free != NIL && (account as usize) < self.accounts.len()
    }

    /// As [`Arena::insert`], where a freed row and the account's place are there: it calls nobody.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "copied into the short way of an order; measured"
    )]
    pub(crate) fn reuse(&mut self, row: &Row) -> u32 {
        assert!(row.sequence != 0, "a live order has a sequence");
        let slot = self.free;
        self.free = self.rows[slot as usize].next;
        self.live += 1;
        let head = self.lead(row.account, slot);
        self.rows[slot as usize] = Row {
            account_prev: NIL,
            account_next: head,
            ..*row
        };
        slot
    }

    /// Makes room for one more order of this account, which is then to come: without a free row,
    /// one that was never used becomes it.
    #[cold]
    #[inline(never)]
    pub(crate) fn make_room(&mut self, account: u32) {
        if self.free == NIL {
            self.free = self.used();
            self.rows.push(Row::BLANK);
            self.cold.push(Cold::NONE);
        }
        self.make_place(account);
    }

    /// Makes a place for an account's chain.
    fn make_place(&mut self, account: u32) {
        if account as usize >= self.accounts.len() {
            self.accounts.resize(account as usize + 1, NIL);
        }
    }

    /// Frees a row that is in no queue.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "copied into the two short ways; measured"
    )]
    pub(crate) fn free(&mut self, slot: u32) {
        let row = self.row(slot);
        let (account, links) = (row.account, [row.account_prev, row.account_next]);
        self.unchain(account, links);
        let head = self.free;
        let row = self.row_mut(slot);
        assert!(row.sequence != 0, "a row is freed once");
        row.sequence = 0;
        row.next = head;
        self.free = slot;
        self.live -= 1;
    }

    /// The row in `slot`.
    #[inline]
    pub(crate) fn row(&self, slot: u32) -> &Row {
        #[cfg(test)]
        looked::add();
        &self.rows[slot as usize]
    }

    #[inline]
    pub(crate) fn row_mut(&mut self, slot: u32) -> &mut Row {
        &mut self.rows[slot as usize]
    }

    #[inline]
    pub(crate) fn cold(&self, slot: u32) -> &Cold {
        &self.cold[slot as usize]
    }

    #[inline]
    pub(crate) fn cold_mut(&mut self, slot: u32) -> &mut Cold {
        &mut self.cold[slot as usize]
    }

    /// The slot of a live order.
    #[inline]
    pub(crate) fn find(&self, id: OrderId) -> Option<u32> {
        let row = self.rows.get(id.slot as usize)?;
        (row.sequence == id.sequence && id.sequence != 0).then_some(id.slot)
    }

    /// The id of the order in `slot`.
    #[inline]
    pub(crate) fn id(&self, slot: u32) -> OrderId {
        self.row(slot).id(slot)
    }

    /// A waiting stop's trigger.
    #[inline]
    pub(crate) fn stop_price(&self, slot: u32) -> Option<Price> {
        let waits = self.row(slot).flags.is_waiting_stop();
        if waits {
            self.cold(slot).stop_price
        } else {
            None
        }
    }

    /// When a GTD order ends.
    pub(crate) fn expire(&self, slot: u32) -> Option<Time> {
        let timed = self.row(slot).flags.force() == Force::GoodTillDate;
        timed.then(|| self.cold(slot).expire)
    }

    /// What the public book shows of an order.
    #[inline]
    pub(crate) fn displayed(&self, slot: u32) -> Quantity {
        let row = self.row(slot);
        if row.flags.is_iceberg() {
            self.cold(slot).displayed
        } else {
            row.leaves
        }
    }

    /// An iceberg shows a fresh slice, as far as it has one.
    #[inline]
    pub(crate) fn refresh_display(&mut self, slot: u32) {
        if self.row(slot).flags.is_iceberg() {
            let leaves = self.row(slot).leaves;
            let cold = self.cold_mut(slot);
            cold.displayed = cold.display_quantity.min(leaves);
        }
    }

    /// The slots of an account's live orders, in no particular order.
    pub(crate) fn of_account(&self, account: u32) -> impl Iterator<Item = u32> {
        let first = self.accounts.get(account as usize).copied();
        let mut next = first.unwrap_or(NIL);
        std::iter::from_fn(move || {
            let slot = next;
            (slot != NIL).then(|| {
                next = self.row(slot).account_next;
                slot
            })
        })
    }

    /// The free rows in the order in which they will be used.
    pub(crate) fn free_slots(&self) -> impl Iterator<Item = u32> {
        let mut next = self.free;
        std::iter::from_fn(move || {
            let slot = next;
            (slot != NIL).then(|| {
                next = self.row(slot).next;
                slot
            })
        })
    }

    /// An arena of `used` rows that are neither live nor free, to be restored one by one.
    pub(crate) fn blank(limits: &Limits, used: u32) -> Self {
        let mut arena = Self::new(limits.orders_max, limits.accounts_max);
        arena.rows.resize(used as usize, Row::BLANK);
        arena.cold.resize(used as usize, Cold::NONE);
        arena
    }

    /// Puts a row back where it was; `false` if there is no such place or it is taken.
    pub(crate) fn restore(&mut self, slot: u32, row: &Row, cold: Cold) -> bool {
        if slot >= self.used() || self.row(slot).sequence != 0 {
            return false;
        }
        *self.row_mut(slot) = *row;
        *self.cold_mut(slot) = cold;
        self.live += 1;
        self.chain(slot);
        true
    }

    /// Links the free rows, the next to be used first; `false` unless they are all that is left.
    pub(crate) fn restore_free(&mut self, slots: &[u32]) -> bool {
        let mut seen = vec![false; self.rows.len()];
        for slot in slots {
            let known = seen.get_mut(*slot as usize);
            let Some(fresh) = known.filter(|seen| !**seen) else {
                return false;
            };
            if self.row(*slot).sequence != 0 {
                return false;
            }
            *fresh = true;
        }
        for slot in slots.iter().rev() {
            self.row_mut(*slot).next = self.free;
            self.free = *slot;
        }
        slots.len() + self.live as usize == self.rows.len()
    }

    #[inline]
    fn chain(&mut self, slot: u32) {
        let account = self.row(slot).account;
        self.make_place(account);
        let head = self.lead(account, slot);
        let row = self.row_mut(slot);
        row.account_prev = NIL;
        row.account_next = head;
    }

    /// Puts a row before the first of its account's, which is answered.
    #[inline]
    fn lead(&mut self, account: u32, slot: u32) -> u32 {
        let head = std::mem::replace(&mut self.accounts[account as usize], slot);
        if head != NIL {
            self.row_mut(head).account_prev = slot;
        }
        head
    }

    /// Takes out of its account's chain what stands between these two.
    #[inline]
    fn unchain(&mut self, account: u32, [prev, next]: [u32; 2]) {
        if prev == NIL {
            self.accounts[account as usize] = next;
        } else {
            self.row_mut(prev).account_next = next;
        }
        if next != NIL {
            self.row_mut(next).account_prev = prev;
        }
    }
}

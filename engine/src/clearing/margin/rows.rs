//! The rows of margin forwards: one of an account in an instrument, for ever.
//!
//! Invariant: a row never moves; each is in two chains in order of coming into being, that of its
//! account and that of its instrument. Rejected: a map by (account, instrument), a lookup in a
//! tree on every order; an account's chain is a handful long. Not here: what moves amounts.

use super::Contract;
use crate::limits::Limits;
use crate::types::{AccountId, InstrumentId, Time};

/// No row.
pub(crate) const NIL: u32 = u32::MAX;

/// How a row is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// It is not.
    None,
    /// It has to be covered by then.
    Until(Time),
    /// That has passed; it is reduced when its instrument trades continuously.
    Waiting,
}

/// What an account has in a margin forward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// Whose.
    pub account: AccountId,
    /// In which instrument.
    pub instrument: InstrumentId,
    /// Lots: above zero long, below zero short.
    pub net: i64,
    /// Lots of its open buy orders.
    pub buys: i64,
    /// Lots of its open sell orders.
    pub sells: i64,
    /// Money held as margin, in minor units.
    pub held: i64,
    /// What the net lots cost, in minor units: at the last mark, and by the trades since.
    pub cost: i128,
    /// What a mark in progress found and did not settle yet; below zero a loss.
    pub due: i128,
    /// What the last mark could not collect.
    pub owed: i128,
    /// How it is called.
    pub call: Call,
    next_of_account: u32,
    next_of_instrument: u32,
}

impl Row {
    /// Of an account that has nothing in an instrument.
    pub(crate) const fn vacant(account: AccountId, instrument: InstrumentId) -> Self {
        Self {
            account,
            instrument,
            net: 0,
            buys: 0,
            sells: 0,
            held: 0,
            cost: 0,
            due: 0,
            owed: 0,
            call: Call::None,
            next_of_account: NIL,
            next_of_instrument: NIL,
        }
    }

    /// Whether there is neither a position nor anything that a mark has to settle.
    pub(crate) fn is_settled(&self) -> bool {
        self.net == 0 && self.cost == 0 && self.due == 0
    }

    /// The most lots it can come to be long or short, whatever of its orders trades first.
    #[inline]
    pub(crate) fn worst(&self) -> i64 {
        (self.net + self.buys)
            .abs()
            .max((self.net - self.sells).abs())
    }

    /// What it must hold: initial margin for the worst, and what it owes; at most `i64::MAX`.
    #[inline]
    pub(crate) fn required(&self, contract: &Contract) -> i64 {
        self.margin(self.worst(), contract.initial)
    }

    /// What it must hold not to be called; at most `i64::MAX`.
    pub(crate) fn maintenance(&self, contract: &Contract) -> i64 {
        self.margin(self.net.abs(), contract.maintenance)
    }

    #[inline]
    fn margin(&self, lots: i64, per_lot: i64) -> i64 {
        let sum = i128::from(lots) * i128::from(per_lot) + self.owed;
        i64::try_from(sum).unwrap_or(i64::MAX)
    }

    /// Changes the lots of open orders, those of sells given below zero.
    #[inline]
    pub(crate) fn reopen(&mut self, before: i64, after: i64) {
        self.buys += after.max(0) - before.max(0);
        self.sells += (-after).max(0) - (-before).max(0);
    }
}

/// A chain of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Chain {
    pub(crate) first: u32,
    last: u32,
}

impl Chain {
    pub(crate) const EMPTY: Self = Self {
        first: NIL,
        last: NIL,
    };

    /// Adds a row and answers the one before it.
    fn push(&mut self, place: u32) -> u32 {
        let before = std::mem::replace(&mut self.last, place);
        if self.first == NIL {
            self.first = place;
        }
        before
    }
}

/// All rows of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Rows {
    list: Vec<Row>,
    accounts: Vec<Chain>,
    max: u32,
}

impl Rows {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            list: Vec::with_capacity(limits.margin_rows_max as usize),
            accounts: Vec::with_capacity(limits.accounts_max as usize),
            max: limits.margin_rows_max,
        }
    }

    #[inline]
    pub(crate) fn row(&self, place: u32) -> &Row {
        &self.list[place as usize]
    }

    #[inline]
    pub(crate) fn row_mut(&mut self, place: u32) -> &mut Row {
        &mut self.list[place as usize]
    }

    /// All, in order of coming into being.
    pub(crate) fn all(&self) -> &[Row] {
        &self.list
    }

    /// How many more there may be.
    pub(crate) fn room(&self) -> u32 {
        self.max - self.list.len() as u32
    }

    /// The next row of the same instrument.
    pub(crate) fn next_of_instrument(&self, place: u32) -> u32 {
        self.row(place).next_of_instrument
    }

    pub(crate) fn of_account_from(
        &self,
        account: AccountId,
        from: Option<u32>,
    ) -> impl Iterator<Item = (u32, &Row)> {
        let first = || self.accounts.get(account.place()).map(|chain| chain.first);
        let mut next = from.or_else(first).unwrap_or(NIL);
        std::iter::from_fn(move || {
            let place = next;
            let row = self.list.get(place as usize)?;
            next = row.next_of_account;
            (row.account == account).then_some((place, row))
        })
    }

    #[inline]
    pub(crate) fn find(&self, account: AccountId, instrument: InstrumentId) -> Option<u32> {
        let mut rows = self.of_account_from(account, None);
        let found = rows.find(|(_, row)| row.instrument == instrument);
        found.map(|(place, _)| place)
    }

    /// Adds the row of an account in an instrument whose chain this is; the room was checked.
    pub(crate) fn add(&mut self, row: Row, of_instrument: &mut Chain) -> u32 {
        assert!(self.room() > 0, "the bound is checked before");
        let place = self.list.len() as u32;
        if row.account.place() >= self.accounts.len() {
            self.accounts.resize(row.account.place() + 1, Chain::EMPTY);
        }
        let before = self.accounts[row.account.place()].push(place);
        if before != NIL {
            self.row_mut(before).next_of_account = place;
        }
        let before = of_instrument.push(place);
        if before != NIL {
            self.row_mut(before).next_of_instrument = place;
        }
        self.list.push(Row {
            next_of_account: NIL,
            next_of_instrument: NIL,
            ..row
        });
        place
    }
}

//! What is counted of accounts and participants.
//!
//! Invariant: rows are plain numbers; who counts what is in `risk`. Not here: limits.

use super::SetId;
use super::throttle::Bucket;

/// The day of an account that sent nothing and traded nothing on a trading day.
pub(super) const NO_DAY: i32 = i32::MIN;

/// An account's counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AccountRow {
    pub(super) bucket: Bucket,
    /// New orders and replaces taken on `day`.
    pub(super) sent: u64,
    /// Its sides of trades on `day`.
    pub(super) trades: u64,
    /// The latest trading day of the venues it sent to or traded at.
    pub(super) day: i32,
    pub(super) set: SetId,
}

impl AccountRow {
    pub(super) const EMPTY: Self = Self {
        bucket: Bucket::FULL,
        sent: 0,
        trades: 0,
        day: NO_DAY,
        set: SetId::NONE,
    };

    /// Messages and trades of a day, or of a later one where that has begun for the account.
    pub(super) fn today(&self, day: i32) -> (u64, u64) {
        if day > self.day {
            (0, 0)
        } else {
            (self.sent, self.trades)
        }
    }

    /// A trading day has begun for the account, if it is later than its own.
    pub(super) fn enter_day(&mut self, day: i32) {
        (self.sent, self.trades) = self.today(day);
        self.day = self.day.max(day);
    }
}

/// A participant's counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ParticipantRow {
    pub(super) bucket: Bucket,
    pub(super) set: SetId,
}

impl ParticipantRow {
    pub(super) const EMPTY: Self = Self {
        bucket: Bucket::FULL,
        set: SetId::NONE,
    };
}

/// What live orders come to, counted anew.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Recount {
    /// Live orders by account and by participant.
    pub(crate) accounts: Vec<u32>,
    pub(crate) participants: Vec<u32>,
    /// What open buys would bring, in minor units, by the place of the goods position.
    pub(crate) buys: Vec<i128>,
}

impl Recount {
    /// Adds one live order; of a buy that is cleared, what it would bring and where.
    pub(crate) fn add(&mut self, account: usize, participant: usize, buy: Option<(usize, i128)>) {
        *at(&mut self.accounts, account) += 1;
        *at(&mut self.participants, participant) += 1;
        if let Some((place, units)) = buy {
            *at(&mut self.buys, place) += units;
        }
    }
}

/// The number at `place` of a list that is as long as it has to be.
pub(super) fn at<T: Clone + Default>(list: &mut Vec<T>, place: usize) -> &mut T {
    if place >= list.len() {
        list.resize(place + 1, T::default());
    }
    &mut list[place]
}

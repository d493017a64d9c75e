//! Pre-trade risk: how many messages, open orders and goods an account may have.
//!
//! Tokens, messages and trades are counted for every account from the first limit on; before, an
//! order pays one predictable branch for them. Live orders (`parties`, where each report counts
//! anyway) and open buys are counted always, so that no limit has to count what there is. Rejected:
//! counting the live orders when the first limit is set (one command that walks them all), counters
//! only of accounts with limits (a venue's default would need the orders of all accounts), and open
//! buys by walking an account's orders (a market maker has thousands).
//!
//! Invariant: what open buys would bring is what the rows say (recounted by the audit and after a
//! snapshot, so it is not written to one); tokens, messages and trades only change when a command
//! was taken. Not here: what a check of goods looks at (`engine::risk`).

pub(crate) mod counters;
pub(crate) mod gate;
pub(crate) mod section;
pub(crate) mod throttle;

use crate::command::{RiskLimits, RiskScope, SetRiskLimits};
use crate::limits::Limits;
use crate::parties::Parties;
use crate::reject::RejectReason;
use crate::types::{AccountId, ParticipantId, Time, VenueId};
use counters::{AccountRow, ParticipantRow, Recount, at};
use gate::{Gate, Sender};

/// A set of limits by its number; 0 is that of no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SetId(u32);

impl SetId {
    const NONE: Self = Self(0);

    const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// How much of its limits somebody has used, at one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RiskUsage {
    /// Whole tokens left, where there is a throttle.
    pub tokens: Option<u32>,
    /// Live orders.
    pub open_orders: u32,
    /// New orders and replaces of the account's trading day.
    pub sent: u64,
    /// Its sides of trades of that day.
    pub trades: u64,
}

/// All limits and counters of a shard.
#[derive(Clone, Debug)]
pub struct Risk {
    /// Whether tokens, messages and trades are counted.
    on: bool,
    /// Different sets ever set, in that order.
    sets: Vec<RiskLimits>,
    sets_max: u32,
    /// By venue; one beyond the end has none.
    venues: Vec<SetId>,
    /// By account and by participant; one beyond the end has an empty row.
    accounts: Vec<AccountRow>,
    participants: Vec<ParticipantRow>,
    /// What open buys would bring, in minor units, by the place of the goods position.
    buys: Vec<i128>,
}

impl Risk {
    /// No limits, nothing counted. Room for counters is touched only when used.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            on: false,
            sets: Vec::with_capacity(limits.risk_sets_max as usize),
            sets_max: limits.risk_sets_max,
            venues: Vec::with_capacity(limits.venues_max as usize),
            accounts: Vec::with_capacity(limits.accounts_max as usize),
            participants: Vec::with_capacity(limits.participants_max as usize),
            buys: Vec::with_capacity(limits.positions_max as usize),
        }
    }

    /// Whether tokens, messages and trades are counted: since the first limit.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// How many different sets were ever set, and how many there may be.
    pub fn sets(&self) -> (u32, u32) {
        (self.sets.len() as u32, self.sets_max)
    }

    fn account(&self, id: AccountId) -> AccountRow {
        let row = self.accounts.get(id.place());
        row.copied().unwrap_or(AccountRow::EMPTY)
    }

    fn participant(&self, id: ParticipantId) -> ParticipantRow {
        let row = self.participants.get(id.place());
        row.copied().unwrap_or(ParticipantRow::EMPTY)
    }

    fn venue_set(&self, id: VenueId) -> SetId {
        self.venues.get(id.place()).copied().unwrap_or_default()
    }

    fn limits(&self, set: SetId) -> RiskLimits {
        let place = (set.0 as usize).checked_sub(1);
        place.map_or(RiskLimits::NONE, |place| self.sets[place])
    }

    fn account_mut(&mut self, id: AccountId) -> &mut AccountRow {
        if id.place() >= self.accounts.len() {
            self.accounts.resize(id.place() + 1, AccountRow::EMPTY);
        }
        &mut self.accounts[id.place()]
    }

    fn participant_mut(&mut self, id: ParticipantId) -> &mut ParticipantRow {
        if id.place() >= self.participants.len() {
            let length = id.place() + 1;
            self.participants.resize(length, ParticipantRow::EMPTY);
        }
        &mut self.participants[id.place()]
    }

    /// The limits of a scope.
    pub fn of(&self, scope: RiskScope) -> RiskLimits {
        self.limits(match scope {
            RiskScope::Venue(id) => self.venue_set(id),
            RiskScope::Participant(id) => self.participant(id).set,
            RiskScope::Account(id) => self.account(id).set,
        })
    }

    /// What an account with so many live orders has used at `time`, by the limits in force for it.
    pub(crate) fn usage_of_account(
        &self,
        (id, open_orders): (AccountId, u32),
        limits: &RiskLimits,
        time: Time,
    ) -> RiskUsage {
        let row = self.account(id);
        RiskUsage {
            tokens: limits
                .throttle
                .map(|throttle| row.bucket.tokens(throttle, time)),
            open_orders,
            sent: row.sent,
            trades: row.trades,
        }
    }

    /// What a participant with so many live orders has used at `time`; messages and trades are not
    /// counted of it.
    pub(crate) fn usage_of_participant(
        &self,
        (id, open_orders): (ParticipantId, u32),
        time: Time,
    ) -> RiskUsage {
        let row = self.participant(id);
        let throttle = self.limits(row.set).throttle;
        RiskUsage {
            tokens: throttle.map(|throttle| row.bucket.tokens(throttle, time)),
            open_orders,
            ..RiskUsage::default()
        }
    }

    /// The limits a message stands under; none where there are none.
    pub(crate) fn gate(&self, sender: &Sender) -> Option<Gate> {
        Gate::of(self, sender)
    }

    /// Checks limits of a known scope and changes nothing.
    ///
    /// # Errors
    /// INVALID_FIELD, TOO_MANY.
    pub(crate) fn check_limits(&self, set: &SetRiskLimits) -> Result<(), RejectReason> {
        let SetRiskLimits { scope, limits } = set;
        let alone = limits.order_to_trade.is_some() || limits.position.is_some();
        if !limits.is_valid() || alone && matches!(scope, RiskScope::Participant(_)) {
            return Err(RejectReason::InvalidField);
        }
        let known = *limits == RiskLimits::NONE || self.sets.contains(limits);
        if !known && self.sets.len() >= self.sets_max as usize {
            return Err(RejectReason::TooMany);
        }
        Ok(())
    }

    /// Takes over checked limits. Its cost is that of one row, whatever lives.
    pub(crate) fn set_limits(&mut self, set: &SetRiskLimits) {
        let id = self.number(&set.limits);
        match set.scope {
            RiskScope::Venue(venue) => *at(&mut self.venues, venue.place()) = id,
            RiskScope::Participant(participant) => self.participant_mut(participant).set = id,
            RiskScope::Account(account) => self.account_mut(account).set = id,
        }
        self.on |= !id.is_none();
    }

    fn number(&mut self, limits: &RiskLimits) -> SetId {
        if *limits == RiskLimits::NONE {
            return SetId::NONE;
        }
        let known = self.sets.iter().position(|one| one == limits);
        let place = known.unwrap_or_else(|| {
            self.sets.push(*limits);
            self.sets.len() - 1
        });
        SetId(place as u32 + 1)
    }

    /// Takes over what open buys come to.
    pub(crate) fn restore_buys(&mut self, buys: &[i128]) {
        self.buys.clear();
        self.buys.extend_from_slice(buys);
    }

    /// A new order or replace was taken at `time`.
    pub(crate) fn sent(&mut self, sender: &Sender, time: Time) {
        let default = self.limits(self.venue_set(sender.venue));
        let own = self.limits(self.account(sender.account).set).or(&default);
        let joint = self.limits(self.participant(sender.participant).set);
        let row = self.account_mut(sender.account);
        row.enter_day(sender.day);
        row.sent += 1;
        if let Some(throttle) = own.throttle {
            row.bucket.take(throttle, time);
        }
        if let Some(throttle) = joint.throttle {
            self.participant_mut(sender.participant)
                .bucket
                .take(throttle, time);
        }
    }

    /// An account was a side of a trade on this trading day.
    pub(crate) fn traded(&mut self, account: AccountId, day: i32) {
        let row = self.account_mut(account);
        row.enter_day(day);
        row.trades += 1;
    }

    /// Open buys bring so much more, or less, to the goods position at `place`.
    pub(crate) fn buys_more(&mut self, place: usize, units: i128) {
        *at(&mut self.buys, place) += units;
    }

    /// What open buys would bring to the goods position at `place`, in minor units.
    pub(crate) fn buys(&self, place: usize) -> i128 {
        self.buys.get(place).copied().unwrap_or(0)
    }

    /// Checks the counters, here and of live orders, against what live orders come to.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(&self, parties: &Parties, counted: &Recount) -> Result<(), &'static str> {
        let counts = || self.accounts.iter().any(|row| *row != AccountRow::EMPTY);
        if !self.on && (counts() || !self.sets.is_empty()) {
            return Err("something is counted before the first limit");
        }
        let open = parties.accounts().map(|(id, _)| parties.open_of(id));
        if !same(open, &counted.accounts) {
            return Err("an account's open orders are not those counted");
        }
        let open = parties.participants();
        let open = open.map(|(id, _)| parties.open_of_participant(id));
        if !same(open, &counted.participants) {
            return Err("a participant's open orders are not those counted");
        }
        if !same(self.buys.iter().copied(), &counted.buys) {
            return Err("what open buys would bring is not what is counted");
        }
        Ok(())
    }
}

/// Whether two lists say the same, what is missing at an end being nothing.
fn same<T: Copy + Default + PartialEq>(
    kept: impl ExactSizeIterator<Item = T>,
    counted: &[T],
) -> bool {
    let length = kept.len().max(counted.len());
    let padded = kept.chain(std::iter::repeat(T::default())).take(length);
    let counted = counted
        .iter()
        .copied()
        .chain(std::iter::repeat(T::default()));
    padded.eq(counted.take(length))
}

#[cfg(test)]
mod tests;

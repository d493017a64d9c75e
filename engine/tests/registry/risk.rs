//! Limits of risk (section 13): everything sent and traded in one list, looked through each time.

use super::*;
use RejectReason as R;

/// Something that counts for an account on a trading day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Message,
    Trade,
}

/// A bucket: what it lacked of being full, in token-nanoseconds, and when.
type Bucket = (i128, i128);

/// All limits and all that happened since the first.
#[derive(Default)]
pub struct Limited {
    pub limits: Vec<(RiskScope, RiskLimits)>,
    /// Every different set of limits ever set.
    pub different: Vec<RiskLimits>,
    deeds: Vec<(AccountId, i64, Deed)>,
    accounts: Vec<(AccountId, Bucket)>,
    participants: Vec<(ParticipantId, Bucket)>,
}

const TOKEN: i128 = 1_000_000_000;

fn bucket_of<K: PartialEq>(list: &[(K, Bucket)], key: &K) -> Bucket {
    let found = list.iter().find(|known| known.0 == *key);
    found.map_or((0, 0), |known| known.1)
}

/// What a bucket lacks at `now`.
fn lacks(bucket: Bucket, throttle: Throttle, now: i128) -> i128 {
    (bucket.0 - i128::from(throttle.rate) * (now - bucket.1)).max(0)
}

fn take<K: PartialEq + Copy>(list: &mut Vec<(K, Bucket)>, key: K, throttle: Throttle, now: i128) {
    let lacked = lacks(bucket_of(list, &key), throttle, now);
    list.retain(|known| known.0 != key);
    list.push((key, (lacked + TOKEN, now)));
}

impl Reference {
    pub fn limits_of(&self, scope: RiskScope) -> RiskLimits {
        let found = self.limited.limits.iter().rev();
        let mut found = found.filter(|known| known.0 == scope);
        found.next().map(|known| known.1).unwrap_or_default()
    }

    fn participant(&self, account: AccountId) -> ParticipantId {
        ParticipantId::new(self.accounts[account.place()].participant as u32)
    }

    /// Each limit in force for an account's order: its own, else the venue's.
    fn in_force(&self, account: AccountId, instrument: usize) -> RiskLimits {
        let venue = VenueId::new(self.instruments[instrument].venue as u32);
        let default = self.limits_of(RiskScope::Venue(venue));
        let own = self.limits_of(RiskScope::Account(account));
        RiskLimits {
            throttle: own.throttle.or(default.throttle),
            order_to_trade: own.order_to_trade.or(default.order_to_trade),
            open_orders: own.open_orders.or(default.open_orders),
            position: own.position.or(default.position),
        }
    }

    fn joint(&self, account: AccountId) -> RiskLimits {
        self.limits_of(RiskScope::Participant(self.participant(account)))
    }

    fn now(&self) -> i128 {
        i128::from(self.time.nanoseconds())
    }

    /// The messages and trades of an account's day, looked at from another day.
    fn day_of(&self, account: AccountId, day: i64) -> (i128, i128) {
        let mut own: Vec<_> = self.limited.deeds.iter().collect();
        own.retain(|deed| deed.0 == account);
        let latest = own.iter().map(|deed| deed.1).max();
        let Some(latest) = latest.filter(|latest| *latest >= day) else {
            return (0, 0);
        };
        let first = own.iter().position(|deed| deed.1 == latest);
        let since = &own[first.unwrap_or_default()..];
        let count = |kind| since.iter().filter(|deed| deed.2 == kind).count() as i128;
        (count(Deed::Message), count(Deed::Trade))
    }

    /// What is counted of an account: live orders, and from the first limit on messages and trades
    /// of its day.
    pub fn counted(&self, account: AccountId) -> (u32, u64, u64) {
        let own = |order: &&Order| order.account == account;
        let open = self.orders.iter().filter(own).count();
        let (sent, trades) = self.day_of(account, i64::MIN);
        (open as u32, sent as u64, trades as u64)
    }

    /// Whether one more message may be sent.
    pub(in crate::reference) fn may_send(&self, account: AccountId, i: usize) -> Result<(), R> {
        let (own, joint) = (self.in_force(account, i), self.joint(account));
        let participant = self.participant(account);
        let pairs = [
            (own.throttle, bucket_of(&self.limited.accounts, &account)),
            (
                joint.throttle,
                bucket_of(&self.limited.participants, &participant),
            ),
        ];
        for (throttle, bucket) in pairs {
            if let Some(throttle) = throttle {
                let full = i128::from(throttle.burst) * TOKEN;
                let over = lacks(bucket, throttle, self.now()) + TOKEN > full;
                fails(over, R::Throttled)?;
            }
        }
        if let Some(limit) = own.order_to_trade {
            let (sent, trades) = self.day_of(account, self.trading_day(i));
            let most = i128::from(limit.ratio) * trades + i128::from(limit.allowance);
            fails(sent + 1 > most, R::OrderToTrade)?;
        }
        Ok(())
    }

    /// Whether there may be one more live order.
    pub(in crate::reference) fn may_open(&self, account: AccountId, i: usize) -> Result<(), R> {
        let participant = self.participant(account);
        let count = |own: &dyn Fn(AccountId) -> bool| {
            let own = self.orders.iter().filter(|order| own(order.account));
            own.count() as u64
        };
        let pairs = [
            (self.in_force(account, i), count(&|one| one == account)),
            (
                self.joint(account),
                count(&|one| self.participant(one) == participant),
            ),
        ];
        for (limits, open) in pairs {
            let over = limits
                .open_orders
                .is_some_and(|most| open >= u64::from(most));
            fails(over, R::AccountOrders)?;
        }
        Ok(())
    }

    /// Whether an account may be buying so many lots more.
    pub(in crate::reference) fn may_buy(
        &self,
        account: AccountId,
        i: usize,
        more: i64,
    ) -> Result<(), R> {
        let limits = self.in_force(account, i);
        let cleared = self.instruments[i].clearing;
        let (Some(most), Some(cleared)) = (limits.position, cleared) else {
            return Ok(());
        };
        let mut comes = i128::from(more) * cleared.lot_units;
        for order in &self.orders {
            let other = self.instruments[order.instrument].clearing;
            let same = other.filter(|other| other.goods == cleared.goods);
            if let (true, Side::Buy, Some(other)) = (order.account == account, order.side, same) {
                comes += i128::from(order.leaves) * other.lot_units;
            }
        }
        let has = self.balance(Holder::Account(account.place()), cleared.goods);
        let over = has + comes > i128::from(most.lots()) * cleared.lot_units;
        fails(over, R::PositionLimit)
    }

    /// A message was taken.
    pub(in crate::reference) fn was_sent(&mut self, account: AccountId, i: usize) {
        let (own, joint) = (self.in_force(account, i), self.joint(account));
        let (now, participant) = (self.now(), self.participant(account));
        if let Some(throttle) = own.throttle {
            let bucket = bucket_of(&self.limited.accounts, &account);
            if lacks(bucket, throttle, now) < bucket.0 {
                self.reached.push("a token came back");
            }
            take(&mut self.limited.accounts, account, throttle, now);
        }
        if let Some(throttle) = joint.throttle {
            take(&mut self.limited.participants, participant, throttle, now);
        }
        self.did(account, i, Deed::Message);
    }

    pub(in crate::reference) fn did(&mut self, account: AccountId, i: usize, deed: Deed) {
        if !self.limited.different.is_empty() {
            let day = self.trading_day(i);
            let own = self.limited.deeds.iter().filter(|deed| deed.0 == account);
            if own
                .map(|deed| deed.1)
                .max()
                .is_some_and(|latest| latest < day)
            {
                self.reached.push("a later day began anew");
            }
            self.limited.deeds.push((account, day, deed));
        }
    }

    pub(super) fn set_risk_limits(&mut self, set: &SetRiskLimits) -> Result<Option<u32>, Reject> {
        let (known, unknown) = match set.scope {
            RiskScope::Account(id) => (id.place() < self.accounts.len(), R::UnknownAccount),
            RiskScope::Participant(id) => {
                let known = id.place() < self.participants.len();
                (known, R::UnknownParticipant)
            }
            RiskScope::Venue(id) => (id.place() < self.venues.len(), R::UnknownVenue),
        };
        fails(!known, unknown)?;
        let limits = set.limits;
        let range = 1..=1_000_000;
        let throttle = |one: Throttle| range.contains(&one.rate) && range.contains(&one.burst);
        let ratio = |one: OrderToTrade| one.ratio <= 1_000_000 && one.allowance <= 1_000_000_000;
        let joint = matches!(set.scope, RiskScope::Participant(_));
        let alone = limits.order_to_trade.is_some() || limits.position.is_some();
        let right = limits.throttle.is_none_or(throttle)
            && limits.order_to_trade.is_none_or(ratio)
            && !(joint && alone);
        fails(!right, R::InvalidField)?;
        let fresh = limits != RiskLimits::NONE && !self.limited.different.contains(&limits);
        let full = self.limited.different.len() >= self.limits.risk_sets_max as usize;
        fails(fresh && full, R::TooMany)?;
        if fresh {
            self.limited.different.push(limits);
        }
        self.limited.limits.push((set.scope, limits));
        self.out.push(Event::Limits(*set));
        Ok(None)
    }
}

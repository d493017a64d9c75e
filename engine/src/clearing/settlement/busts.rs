//! What a bust or correction takes out of what waits, and the days of a trade that is no more.
//!
//! Invariant: only what waits for the trade's own day is taken, and only while that day has not
//! begun, so a row that a tick is about to free keeps what it is told to free. Not here: what is
//! available and what is owed (`clearing::correction`).

use super::{Due, Settlement, place_of};
use crate::clearing::KeptTrade;
use crate::clearing::ledger::Place;
use crate::types::{AccountId, InstrumentId, OwnerId, Side};

/// One of the two things that wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::clearing) enum Leg {
    Money,
    Goods,
}

impl Due {
    fn leg(&mut self, leg: Leg) -> &mut i64 {
        match leg {
            Leg::Money => &mut self.money,
            Leg::Goods => &mut self.goods,
        }
    }
}

impl Settlement {
    /// The count of the days of an instrument's venue.
    pub(crate) fn today(&self, instrument: InstrumentId) -> u32 {
        let kept = self.kept(instrument).expect("the instrument has rules");
        self.day(kept.venue)
    }

    /// The row and the place in it where what an account got by a trade waits.
    fn waits_at(&self, trade: &KeptTrade, account: AccountId) -> Option<(u32, usize)> {
        let kept = self.kept(trade.instrument)?;
        let due = trade.day? + u32::from(kept.set.days);
        if due <= self.day(kept.venue) {
            return None;
        }
        let at = self.stakes.find(account.index(), trade.instrument)?;
        Some((at, place_of(due)))
    }

    /// What waits of an account for the day of a kept trade, on its instrument.
    pub(in crate::clearing) fn waiting(
        &self,
        trade: &KeptTrade,
        account: AccountId,
        leg: Leg,
    ) -> i64 {
        let found = self.waits_at(trade, account);
        found.map_or(0, |(at, place)| {
            let mut due = self.stakes.row(at).due[place];
            *due.leg(leg)
        })
    }

    /// Takes `amount` of it, and says in which position it is still held.
    pub(in crate::clearing) fn take_waiting(
        &mut self,
        trade: &KeptTrade,
        account: AccountId,
        (leg, amount): (Leg, i64),
    ) -> Place {
        let (at, place) = self.waits_at(trade, account).expect("something waits");
        let stake = self.stakes.row_mut(at);
        let waits = stake.due[place].leg(leg);
        assert!((0..=*waits).contains(&amount), "what is taken waits");
        *waits -= amount;
        let place = match leg {
            Leg::Money => stake.money_at,
            Leg::Goods => stake.goods_at,
        };
        if stake.orders == 0 && !stake.waits() {
            self.stakes.remove(at);
        }
        place
    }

    /// A trade was busted: it keeps no trade of the other side apart any more.
    pub(crate) fn unmade(&mut self, trade: &KeptTrade, [buyer, seller]: [OwnerId; 2]) {
        let (Some(day), Some(kept)) = (trade.day, self.kept(trade.instrument)) else {
            return;
        };
        if day + 1 < self.day(kept.venue) {
            return;
        }
        for (owner, side) in [(buyer, Side::Buy), (seller, Side::Sell)] {
            let found = self.investors.find(owner.index(), trade.instrument);
            let Some(at) = found else { continue };
            let investor = self.investors.row_mut(at);
            match side {
                Side::Buy => investor.bought.remove(day),
                Side::Sell => investor.sold.remove(day),
            }
            self.forget(at);
        }
    }
}

//! What orders and trades do to settlement: join, trade, leave.
//!
//! Invariant: nothing here can fail after its check; the checks of law are made before those of
//! room, as their codes say. Not here: days (`days`), deposits (`holders`), who counts (`places`).

use super::table::NIL;
use super::{Due, Investor, Kept, PLACES, Place, Settlement, Stake, place_of};
use crate::reject::RejectReason;
use crate::types::{AccountId, InstrumentId, OwnerId, Side};

/// An order that is entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Joining {
    pub(crate) instrument: InstrumentId,
    pub(crate) account: AccountId,
    pub(crate) owner: OwnerId,
    pub(crate) side: Side,
}

/// A live order's row, and its side: kept in its hold, so that a trade looks nothing up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StakeRef(u32);

impl StakeRef {
    /// Of an order without settlement.
    pub(crate) const NONE: Self = Self(NIL);
    /// Of an order of a margin forward.
    pub(crate) const MARGIN: Self = Self(NIL - 1);

    fn new(at: u32, side: Side) -> Self {
        Self(at << 1 | u32::from(side == Side::Sell))
    }

    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self.0 == NIL
    }

    /// The row, if there is one.
    pub(super) fn place(self) -> Option<u32> {
        (!self.is_none()).then(|| self.at())
    }

    fn at(self) -> u32 {
        self.0 >> 1
    }

    fn side(self) -> Side {
        if self.0 & 1 == 0 {
            Side::Buy
        } else {
            Side::Sell
        }
    }
}

/// What a trade hands over later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traded {
    pub(crate) goods: i64,
    /// What the seller receives of it.
    pub(crate) proceeds: i64,
}

impl Settlement {
    /// Whether the law lets an owner trade on this side now.
    ///
    /// # Errors
    /// T_PLUS_N, MAX_HOLDERS.
    pub(crate) fn check_law(
        &self,
        instrument: InstrumentId,
        owner: OwnerId,
        side: Side,
    ) -> Result<(), RejectReason> {
        let Some(kept) = self.kept(instrument).filter(|kept| kept.remembers()) else {
            return Ok(());
        };
        let known = self.investors.find(owner.index(), instrument);
        let known = known.map(|at| *self.investors.row(at));
        let known = known.unwrap_or(Investor::new(instrument, owner));
        let (last, opposite) = match side {
            Side::Buy => (known.sold.last(), known.sells),
            Side::Sell => (known.bought.last(), known.buys),
        };
        let crossed = kept.set.reverse_trade_days > 0 && opposite > 0;
        if crossed || kept.is_near(last, self.day(kept.venue)) {
            return Err(RejectReason::TPlusN);
        }
        if side == Side::Buy && !self.status(kept, &known).has_place {
            return self.check_place(instrument, owner, &[]);
        }
        Ok(())
    }

    /// Whether there is room for what an order needs.
    ///
    /// # Errors
    /// UNSETTLED_FULL, INVESTORS_FULL.
    pub(in crate::clearing) fn check_room(&self, joining: &Joining) -> Result<(), RejectReason> {
        let (account, instrument) = (joining.account.index(), joining.instrument);
        if self.stakes.room() == 0 && self.stakes.find(account, instrument).is_none() {
            return Err(RejectReason::UnsettledFull);
        }
        let kept = self.kept(instrument).expect("the instrument has rules");
        let owner = joining.owner;
        let places = kept.set.max_holders.is_some() && joining.side == Side::Buy;
        let missing = if places {
            self.missing(instrument, owner)
        } else if kept.remembers() {
            u32::from(self.investors.find(owner.index(), instrument).is_none())
        } else {
            0
        };
        if missing > self.investors.room() {
            return Err(RejectReason::InvestorsFull);
        }
        Ok(())
    }

    /// A checked order is entered.
    pub(in crate::clearing) fn join(&mut self, joining: &Joining, at: [Place; 2]) -> StakeRef {
        let (instrument, account) = (joining.instrument, joining.account);
        let kept = self.kept(instrument).expect("the instrument has rules");
        let mut investor = NIL;
        if kept.remembers() {
            investor = self.investor(joining.owner, instrument);
            self.note(investor, |investor| match joining.side {
                Side::Buy => investor.buys += 1,
                Side::Sell => investor.sells += 1,
            });
        }
        let known = self.stakes.find(account.index(), instrument);
        let place = known.unwrap_or_else(|| {
            self.stakes.add(Stake {
                instrument,
                account,
                investor,
                orders: 0,
                money_at: at[0],
                goods_at: at[1],
                due: [Due::default(); PLACES],
            })
        });
        let stake = self.stakes.row_mut(place);
        stake.investor = investor;
        stake.orders += 1;
        StakeRef::new(place, joining.side)
    }

    /// The row of an owner, made if it has none; the room was checked.
    pub(super) fn investor(&mut self, owner: OwnerId, instrument: InstrumentId) -> u32 {
        let known = self.investors.find(owner.index(), instrument);
        known.unwrap_or_else(|| self.investors.add(Investor::new(instrument, owner)))
    }

    /// Two orders traded.
    pub(in crate::clearing) fn trade(&mut self, [buy, sell]: [StakeRef; 2], traded: Traded) {
        let investor = |of: StakeRef| self.stakes.row(of.at()).investor;
        let (buyer, seller) = (investor(buy), investor(sell));
        let instrument = self.stakes.row(buy.at()).instrument;
        let kept = *self.kept(instrument).expect("a stake has rules");
        let day = self.day(kept.venue);
        if kept.set.days > 0 {
            let place = place_of(day + u32::from(kept.set.days));
            self.stakes.row_mut(buy.at()).due[place].goods += traded.goods;
            self.stakes.row_mut(sell.at()).due[place].money += traded.proceeds;
        }
        if !kept.remembers() {
            return;
        }
        let counts = kept.set.max_holders.is_some();
        let timed = kept.set.reverse_trade_days > 0;
        self.note(buyer, |buyer| {
            assert!(
                !kept.is_near(buyer.sold.last(), day),
                "checked at its entry"
            );
            if timed {
                buyer.bought.add(day);
            }
            if counts {
                buyer.goods += traded.goods;
                buyer.ever = true;
            }
        });
        self.note(seller, |seller| {
            assert!(
                !kept.is_near(seller.bought.last(), day),
                "checked at its entry"
            );
            if timed {
                seller.sold.add(day);
            }
            if counts {
                seller.goods -= traded.goods;
            }
        });
    }

    /// An order has ended.
    pub(in crate::clearing) fn leave(&mut self, left: StakeRef) {
        let stake = self.stakes.row_mut(left.at());
        stake.orders -= 1;
        let (investor, idle) = (stake.investor, stake.orders == 0 && !stake.waits());
        if investor != NIL {
            self.note(investor, |investor| match left.side() {
                Side::Buy => investor.buys -= 1,
                Side::Sell => investor.sells -= 1,
            });
            self.forget(investor);
        }
        if idle {
            self.stakes.remove(left.at());
        }
    }

    /// Forgets an owner of whom there is nothing left to remember.
    pub(super) fn forget(&mut self, at: u32) {
        if self.is_idle(self.investors.row(at)) {
            self.investors.remove(at);
        }
    }

    fn is_idle(&self, investor: &Investor) -> bool {
        let kept = self.kept(investor.instrument);
        let kept = kept.expect("an investor's instrument has rules");
        let day = self.day(kept.venue);
        let trades = [&investor.bought, &investor.sold];
        let near = trades.iter().any(|recent| kept.is_near(recent.last(), day));
        let may_come = investor.buys + investor.sells + investor.deposits > 0;
        !near && !investor.ever && !may_come && investor.placed == 0
    }

    /// Forgets trades that no rule asks about any more, and owners of whom there is then nothing
    /// left to remember, where the rules are concerned.
    pub(super) fn sweep(&mut self, concerns: impl Fn(&Kept) -> bool) {
        for at in 0..self.investors.used() {
            let Some(investor) = self.investors.get(at) else {
                continue;
            };
            let kept = self.kept(investor.instrument);
            let kept = *kept.expect("an investor's instrument has rules");
            if !concerns(&kept) {
                continue;
            }
            let day = self.day(kept.venue);
            let investor = self.investors.row_mut(at);
            for recent in [&mut investor.bought, &mut investor.sold] {
                recent.keep(|last| kept.is_near(Some(last), day));
            }
            self.forget(at);
        }
    }
}

//! What orders do to the ledger: hold, change, settle, let go.
//!
//! Invariant: nothing here can fail after its check. An order's hold names its positions, so a
//! trade looks nothing up. Not here: what an order must hold (`hold`), which orders trade.

use super::fee::{self, Liquidity};
use super::hold::{Hold, Needed, needed};
use super::ledger::{Holder, Place};
use super::settlement::{Joining, StakeRef, Traded};
use super::terms::Settles;
use super::{Cleared, Clearing};
use crate::reject::RejectReason;
use crate::types::{
    AccountId, AssetId, InstrumentId, OwnerId, ParticipantId, Price, Quantity, Side, VenueId,
};

/// A new order as its hold sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entering {
    pub(crate) account: AccountId,
    pub(crate) participant: ParticipantId,
    pub(crate) owner: OwnerId,
    pub(crate) venue: VenueId,
    pub(crate) instrument: InstrumentId,
    pub(crate) side: Side,
    pub(crate) price: Option<Price>,
    pub(crate) quantity: Quantity,
}

/// A checked hold of a new order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entered {
    needed: Needed,
    rates: u32,
    /// The account's positions, where it has them.
    at: [Option<Place>; 2],
    assets: [AssetId; 2],
    account: AccountId,
    /// For the rules of settlement, where there are any.
    joining: Option<Joining>,
}

/// One side of a trade, its row already as after it.
#[derive(Clone, Copy)]
pub(crate) struct Party {
    pub(crate) slot: u32,
    pub(crate) price: Option<Price>,
    pub(crate) leaves: Quantity,
}

/// What a trade moved.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settled {
    /// What it was worth, in minor units.
    pub(crate) value: i64,
    /// What was delivered, in minor units.
    pub(crate) goods: i64,
    /// The fees of buyer and seller; below zero for a rebate.
    pub(crate) fees: [i64; 2],
    /// The money the two orders hold now.
    pub(crate) held: [i64; 2],
}

impl Clearing {
    /// Checks whether a new order can hold what it must, and changes nothing.
    ///
    /// # Errors
    /// INSUFFICIENT_FUNDS, INSUFFICIENT_GOODS, POSITIONS, UNSETTLED_FULL, INVESTORS_FULL.
    #[inline]
    pub(crate) fn check_entry(
        &self,
        cleared: &Cleared,
        entering: &Entering,
    ) -> Result<Entered, RejectReason> {
        let account = entering.account;
        let choice = (entering.venue, entering.instrument, entering.participant);
        let rates = self.fees.choose(choice.0, choice.1, choice.2);
        let assets = [cleared.money, cleared.goods];
        let at = assets.map(|asset| self.ledger.find(Holder::Account(account), asset));
        let needed = needed(
            cleared,
            self.fees.rates(rates),
            super::fee::Accrued::default(),
            entering.side,
            entering.price,
            entering.quantity,
        );
        let available = at.map(|place| place.map_or(0, |at| self.ledger.position(at).available));
        if needed.money > available[0] {
            return Err(RejectReason::InsufficientFunds);
        }
        if needed.goods > available[1] {
            return Err(RejectReason::InsufficientGoods);
        }
        let missing = at.iter().filter(|place| place.is_none()).count() as u32;
        if missing > self.ledger.room() {
            return Err(RejectReason::Positions);
        }
        let joining = cleared.is_ruled().then_some(Joining {
            instrument: entering.instrument,
            account,
            owner: entering.owner,
            side: entering.side,
        });
        if let Some(joining) = &joining {
            self.settlement.check_room(joining)?;
        }
        Ok(Entered {
            needed,
            rates,
            at,
            assets,
            account,
            joining,
        })
    }

    /// Takes a checked hold for the new order in `slot`; none without clearing.
    #[inline]
    pub(crate) fn enter(&mut self, slot: u32, entered: Option<&Entered>) {
        let hold = entered.map_or(Hold::NONE, |entered| self.taken(entered));
        let slot = slot as usize;
        if slot == self.holds.len() {
            self.holds.push(hold);
        } else {
            assert!(!self.holds[slot].is_cleared(), "a slot is freed before");
            self.holds[slot] = hold;
        }
    }

    fn taken(&mut self, entered: &Entered) -> Hold {
        let mut at = [Place::NONE; 2];
        for (place, (known, asset)) in at.iter_mut().zip(entered.at.iter().zip(entered.assets)) {
            let holder = Holder::Account(entered.account);
            *place = known.unwrap_or_else(|| self.ledger.open(holder, asset));
        }
        let Needed { money, goods } = entered.needed;
        self.ledger.hold(at[0], money);
        if goods > 0 {
            self.ledger.hold(at[1], goods);
        }
        let joining = entered.joining.as_ref();
        let stake = joining.map(|joining| self.settlement.join(joining, at));
        Hold {
            money,
            goods,
            money_at: at[0],
            goods_at: at[1],
            rates: entered.rates,
            stake: stake.unwrap_or(StakeRef::NONE),
            ..Hold::NONE
        }
    }

    /// The money an order holds.
    #[inline]
    pub(crate) fn held(&self, slot: u32) -> i64 {
        self.holds[slot as usize].money
    }

    /// Checks whether a live order could hold for another price or quantity.
    ///
    /// # Errors
    /// INSUFFICIENT_FUNDS, INSUFFICIENT_GOODS.
    pub(crate) fn check_change(
        &self,
        cleared: &Cleared,
        slot: u32,
        side: Side,
        price: Option<Price>,
        leaves: Quantity,
    ) -> Result<Needed, RejectReason> {
        let hold = &self.holds[slot as usize];
        let needed = self.needed(cleared, hold, side, price, leaves);
        let available = |place| self.ledger.position(place).available;
        if needed.money - hold.money > available(hold.money_at) {
            return Err(RejectReason::InsufficientFunds);
        }
        if needed.goods - hold.goods > available(hold.goods_at) {
            return Err(RejectReason::InsufficientGoods);
        }
        Ok(needed)
    }

    #[inline]
    fn needed(
        &self,
        cleared: &Cleared,
        hold: &Hold,
        side: Side,
        price: Option<Price>,
        leaves: Quantity,
    ) -> Needed {
        let rates = self.fees.rates(hold.rates);
        needed(cleared, rates, hold.accrued, side, price, leaves)
    }

    /// Holds what was checked for a live order, more or less than before.
    pub(crate) fn change(&mut self, slot: u32, needed: Needed) {
        let hold = &mut self.holds[slot as usize];
        let moves = [
            (hold.money_at, needed.money - hold.money),
            (hold.goods_at, needed.goods - hold.goods),
        ];
        (hold.money, hold.goods) = (needed.money, needed.goods);
        for (place, more) in moves {
            if more >= 0 {
                self.ledger.hold(place, more);
            } else {
                self.ledger.release(place, -more);
            }
        }
    }

    /// An order shrank or has a better price for its owner: it holds less, never more.
    pub(crate) fn lower(
        &mut self,
        cleared: &Cleared,
        slot: u32,
        side: Side,
        price: Option<Price>,
        leaves: Quantity,
    ) {
        let party = Party {
            slot,
            price,
            leaves,
        };
        self.lower_after(cleared, party, side, 0);
    }

    /// As [`Clearing::lower`], after a trade from which the order received so much: that may be
    /// held too, since a fee of what is left can round up where it rounded down before.
    #[inline]
    fn lower_after(&mut self, cleared: &Cleared, party: Party, side: Side, received: i64) {
        let hold = self.holds[party.slot as usize];
        let needed = self.needed(cleared, &hold, side, party.price, party.leaves);
        let lower = Needed {
            money: needed.money.min(hold.money + received),
            goods: needed.goods.min(hold.goods),
        };
        self.change(party.slot, lower);
    }

    /// An order has ended: it lets go of all it holds.
    #[inline]
    pub(crate) fn end(&mut self, slot: u32) {
        let hold = std::mem::replace(&mut self.holds[slot as usize], Hold::NONE);
        if hold.is_cleared() {
            self.ledger.release(hold.money_at, hold.money);
            self.ledger.release(hold.goods_at, hold.goods);
            if !hold.stake.is_none() {
                self.settlement.leave(hold.stake);
            }
        }
    }

    /// Settles a trade: money against goods, fees to the venue, and what the orders need not hold
    /// any more is free.
    #[inline]
    pub(crate) fn settle(
        &mut self,
        cleared: &Cleared,
        (price, quantity): (Price, Quantity),
        aggressor: Option<Side>,
        parties: [Party; 2],
    ) -> Settled {
        let value = cleared.value(price, quantity) as i64;
        let fees = self.charge(value, quantity, aggressor, parties.map(|party| party.slot));
        let [buy, sell] = parties.map(|party| self.holds[party.slot as usize]);
        let goods = quantity.lots() * cleared.lot_units;
        let later = cleared.settles == Settles::Later;
        if later {
            let ledger = &mut self.ledger;
            ledger.capture_to_held(sell.goods_at, goods, buy.goods_at);
        } else {
            self.ledger.capture_to(sell.goods_at, goods, buy.goods_at);
        }
        let paid = self.pay([buy.money_at, sell.money_at], value, fees, cleared);
        self.holds[parties[0].slot as usize].money -= paid[0];
        let seller = &mut self.holds[parties[1].slot as usize];
        seller.money -= paid[1];
        seller.goods -= goods;
        let mut received = [-(value + fees[0]), value - fees[1]].map(|sum| sum.max(0));
        if cleared.is_ruled() {
            let proceeds = received[1];
            let traded = Traded { goods, proceeds };
            self.settlement.trade([buy.stake, sell.stake], traded);
            if later {
                received = [0, 0];
            }
        }
        for (side, (party, sum)) in [Side::Buy, Side::Sell]
            .into_iter()
            .zip(parties.into_iter().zip(received))
        {
            self.lower_after(cleared, party, side, sum);
        }
        let held = parties.map(|party| self.held(party.slot));
        Settled {
            value,
            goods,
            fees,
            held,
        }
    }

    /// What both sides are charged. A rebate is at most what the other side pays, so that a venue
    /// never pays for a trade.
    #[inline]
    fn charge(
        &mut self,
        value: i64,
        quantity: Quantity,
        aggressor: Option<Side>,
        slots: [u32; 2],
    ) -> [i64; 2] {
        let liquidity = |side| match aggressor {
            None => Liquidity::Auction,
            Some(taker) if taker == side => Liquidity::Taker,
            Some(_) => Liquidity::Maker,
        };
        let mut fees = [0; 2];
        let accrued = slots.map(|slot| self.holds[slot as usize].accrued);
        for (fee, (slot, side)) in fees
            .iter_mut()
            .zip(slots.iter().zip([Side::Buy, Side::Sell]))
        {
            let hold = &mut self.holds[*slot as usize];
            let rates = self.fees.rates(hold.rates);
            let before = hold.accrued.charged(rates);
            let ppm = fee::ppm(rates, liquidity(side));
            hold.accrued = hold
                .accrued
                .plus(value, ppm, quantity.lots(), rates.per_lot);
            *fee = hold.accrued.charged(rates) - before;
        }
        if fees[0] + fees[1] < 0 {
            let raised = fees.map(|fee| fee.max(0));
            let raised = match raised {
                [0, 0] => [0, 0],
                [0, other] => [-other, other],
                [other, _] => [other, -other],
            };
            for (place, slot) in slots.into_iter().enumerate() {
                let up = raised[place] - fees[place];
                if up > 0 {
                    let now = &mut self.holds[slot as usize].accrued;
                    now.whole += up;
                    *now = (*now).min(accrued[place]);
                }
            }
            return raised;
        }
        fees
    }

    /// Moves the money of a trade; what each side paid out of its hold.
    #[inline]
    fn pay(
        &mut self,
        [buyer, seller]: [Place; 2],
        value: i64,
        fees: [i64; 2],
        cleared: &Cleared,
    ) -> [i64; 2] {
        let (pays, receives) = (value + fees[0], value - fees[1]);
        let (ledger, venue) = (&mut self.ledger, cleared.fees);
        if cleared.settles == Settles::Later && receives >= 0 {
            ledger.capture_to_held(buyer, receives, seller);
            ledger.capture_to(buyer, pays - receives, venue);
        } else if pays >= 0 && receives >= 0 {
            ledger.capture_to(buyer, receives, seller);
            ledger.capture_to(buyer, pays - receives, venue);
        } else if pays >= 0 {
            ledger.capture_to(buyer, pays, venue);
            ledger.capture_to(seller, -receives, venue);
        } else {
            ledger.capture_to(seller, -pays, buyer);
            ledger.capture_to(seller, pays - receives, venue);
        }
        [pays.max(0), (-receives).max(0)]
    }
}

//! What orders do to the ledger: hold, change, settle, let go.
//!
//! Invariant: nothing here can fail after its check. An order's hold names its positions, so a
//! trade looks nothing up. Not here: what an order must hold (`hold`), which orders trade.

use super::fee::{self, Liquidity};
use super::hold::{Hold, Needed, needed, needed_anew};
use super::ledger::{Holder, Ledger, Place};
use super::settlement::{Joining, StakeRef, Traded};
use super::terms::Settles;
use super::{Cleared, Clearing};
use crate::reject::RejectReason;
use crate::types::{AccountId, InstrumentId, NewOrder, OwnerId, Price, Quantity, Side};

/// A new order as its hold sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entering {
    pub(crate) account: AccountId,
    pub(crate) owner: OwnerId,
    pub(crate) instrument: InstrumentId,
    /// The place of its rates.
    pub(crate) rates: u32,
    pub(crate) side: Side,
    pub(crate) price: Option<Price>,
    pub(crate) quantity: Quantity,
}

/// A checked hold of a new order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entered {
    needed: Needed,
    rates: u32,
    /// The account's positions; none where it never had of the asset.
    money_at: Place,
    goods_at: Place,
    /// For the rules of settlement, where there are any.
    joining: Option<Joining>,
}

impl Entered {
    /// Whether the order's hold will be this one.
    pub(crate) fn is_of(&self, hold: &Hold) -> bool {
        let same = Hold {
            money: self.needed.money,
            goods: self.needed.goods,
            money_at: self.money_at,
            goods_at: self.goods_at,
            rates: self.rates,
            ..Hold::NONE
        };
        same == *hold && self.joining.is_none()
    }

    /// How many of the two positions are yet to be made.
    #[inline]
    pub(crate) fn missing(&self) -> u32 {
        u32::from(self.money_at.is_none()) + u32::from(self.goods_at.is_none())
    }
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
    /// Whether it ended a margin call of buyer and seller.
    pub(crate) covered: [bool; 2],
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
        let (account, rates) = (entering.account, entering.rates);
        let [money_at, goods_at] = self.ledger.find_pair(account, cleared.money, cleared.goods);
        let needed = needed(
            cleared,
            self.fees.rates(rates),
            fee::Accrued::default(),
            entering.side,
            entering.price,
            entering.quantity,
        );
        let short = needed.money - self.ledger.available(money_at);
        if short > 0 && !self.may_draw(money_at, short) {
            return Err(RejectReason::InsufficientFunds);
        }
        if needed.goods > self.ledger.available(goods_at) {
            return Err(RejectReason::InsufficientGoods);
        }
        let entered = Entered {
            needed,
            rates,
            money_at,
            goods_at,
            joining: cleared.is_ruled().then_some(Joining {
                instrument: entering.instrument,
                account,
                owner: entering.owner,
                side: entering.side,
            }),
        };
        if entered.missing() > self.ledger.room() {
            return Err(RejectReason::Positions);
        }
        if let Some(joining) = &entered.joining {
            self.settlement.check_room(joining)?;
        }
        Ok(entered)
    }

    /// The hold of a new order of an instrument without rules of settlement, where both positions
    /// are there and have enough of their own; none where `check_entry` must say more.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "what it finds stays in registers; measured"
    )]
    pub(crate) fn check_plain(
        &self,
        cleared: &Cleared,
        order: &NewOrder,
        price: Price,
        rates: u32,
    ) -> Option<Hold> {
        let (money, goods) = (cleared.money, cleared.goods);
        let [money_at, goods_at] = self.ledger.find_pair(order.account, money, goods);
        let table = self.fees.rates(rates);
        let needed = needed_anew(cleared, table, order.side, price, order.quantity);
        let enough = self.ledger.has_plainly(money_at, needed.money)
            && self.ledger.has_plainly(goods_at, needed.goods);
        enough.then_some(Hold {
            money: needed.money,
            goods: needed.goods,
            money_at,
            goods_at,
            rates,
            ..Hold::NONE
        })
    }

    /// Takes a hold that `check_plain` answered, or none, for the new order in `slot`, where there
    /// is room.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    pub(crate) fn enter_plain(&mut self, slot: u32, hold: &Hold) {
        let place = &mut self.holds[slot as usize];
        assert!(!place.is_cleared(), "a slot is freed before");
        *place = *hold;
        if hold.is_cleared() {
            self.ledger.hold_plainly(hold.money_at, hold.money);
            self.ledger.hold_plainly(hold.goods_at, hold.goods);
        }
    }

    /// Takes a checked hold for the new order in `slot`; none without clearing.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        slot: u32,
        account: AccountId,
        entered: Option<(&Cleared, &Entered)>,
    ) {
        let slot = slot as usize;
        if slot == self.holds.len() {
            self.make_room(slot as u32);
        }
        assert!(!self.holds[slot].is_cleared(), "a slot is freed before");
        if let Some((cleared, entered)) = entered {
            self.holds[slot] = self.taken(account, cleared, entered);
        }
    }

    #[inline]
    fn taken(&mut self, account: AccountId, cleared: &Cleared, entered: &Entered) -> Hold {
        let (mut money_at, mut goods_at) = (entered.money_at, entered.goods_at);
        if entered.missing() > 0 {
            let holder = Holder::Account(account);
            money_at = self.ledger.open(holder, cleared.money);
            goods_at = self.ledger.open(holder, cleared.goods);
        }
        let Needed { money, goods } = entered.needed;
        self.take(money_at, money);
        if goods > 0 {
            self.ledger.hold(goods_at, goods);
        }
        let joining = entered.joining.as_ref();
        let stake = joining.map(|one| self.settlement.join(one, [money_at, goods_at]));
        Hold {
            money,
            goods,
            money_at,
            goods_at,
            rates: entered.rates,
            stake: stake.unwrap_or(StakeRef::NONE),
            ..Hold::NONE
        }
    }

    /// Makes room for the hold of the order that is to come into `slot`.
    #[cold]
    #[inline(never)]
    pub(crate) fn make_room(&mut self, slot: u32) {
        if slot as usize == self.holds.len() {
            self.holds.push(Hold::NONE);
        }
    }

    /// The money an order holds.
    #[inline]
    pub(crate) fn held(&self, slot: u32) -> i64 {
        self.holds[slot as usize].money
    }

    /// Where an order's goods are, or are to come; none without clearing.
    #[inline]
    pub(crate) fn goods_at(&self, slot: u32) -> Option<Place> {
        let hold = &self.holds[slot as usize];
        hold.is_cleared().then_some(hold.goods_at)
    }

    /// The place of an order's rates.
    #[inline]
    pub(crate) fn rates_of(&self, slot: u32) -> u32 {
        self.holds[slot as usize].rates
    }

    /// The money and the goods an order holds.
    pub(crate) fn holds(&self, slot: u32) -> [i64; 2] {
        let hold = &self.holds[slot as usize];
        let goods = if hold.is_margin() { 0 } else { hold.goods };
        [hold.money, goods]
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
        let short = needed.money - hold.money - available(hold.money_at);
        if short > 0 && !self.may_draw(hold.money_at, short) {
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
    #[inline]
    pub(crate) fn change(&mut self, slot: u32, needed: Needed) {
        let hold = &mut self.holds[slot as usize];
        let money = needed.money - hold.money;
        let goods = needed.goods - hold.goods;
        (hold.money, hold.goods) = (needed.money, needed.goods);
        let (money_at, goods_at) = (hold.money_at, hold.goods_at);
        let short = money - self.ledger.position(money_at).available;
        if short > 0 {
            self.draw(money_at, short);
        }
        self.ledger.shift(money_at, money);
        // Not after a trade: it took just the goods that its lots held.
        if goods != 0 {
            self.ledger.shift(goods_at, goods);
        }
    }

    /// An order shrank or has a better price for its owner: it holds less, never more.
    pub(crate) fn lower(&mut self, cleared: &Cleared, party: Party, side: Side) {
        self.lower_after(cleared, party, side, 0);
    }

    /// As [`Clearing::lower`], after a trade from which the order received so much: that may be
    /// held too, since a fee of what is left can round up where it rounded down before. Answers the
    /// money it holds then.
    #[inline]
    fn lower_after(&mut self, cleared: &Cleared, party: Party, side: Side, received: i64) -> i64 {
        let hold = &self.holds[party.slot as usize];
        let needed = self.needed(cleared, hold, side, party.price, party.leaves);
        let lower = Needed {
            money: needed.money.min(hold.money + received),
            goods: needed.goods.min(hold.goods),
        };
        self.change(party.slot, lower);
        lower.money
    }

    /// An order has ended: it lets go of all it holds.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "two additions for most orders; measured"
    )]
    pub(crate) fn end(&mut self, slot: u32) {
        if self.holds[slot as usize].is_margin() {
            return self.end_margin(slot);
        }
        let hold = &mut self.holds[slot as usize];
        if hold.is_cleared() {
            self.ledger.shift(hold.money_at, -hold.money);
            self.ledger.shift(hold.goods_at, -hold.goods);
            let stake = hold.stake;
            *hold = Hold::NONE;
            if !stake.is_none() {
                self.settlement.leave(stake);
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
        let value = cleared.worth(price, quantity);
        let [buy, sell] = parties;
        let slots = [buy.slot, sell.slot];
        let fees = self.charge(value, quantity, aggressor, slots);
        let goods = quantity.lots() * cleared.lot_units;
        let buyer = &self.holds[buy.slot as usize];
        let (money_to, goods_to, joined) = (buyer.money_at, buyer.goods_at, buyer.stake);
        let seller = &mut self.holds[sell.slot as usize];
        let stakes = [joined, seller.stake];
        self.ledger.capture_to(seller.goods_at, goods, goods_to);
        let places = [money_to, seller.money_at];
        let paid = pay(&mut self.ledger, places, value, fees, cleared.fees);
        seller.money -= paid[1];
        seller.goods -= goods;
        self.holds[buy.slot as usize].money -= paid[0];
        let mut received = [-(value + fees[0]), value - fees[1]].map(|sum| sum.max(0));
        if cleared.is_ruled() {
            let proceeds = received[1];
            let traded = Traded { goods, proceeds };
            self.settlement.trade(stakes, traded);
            if cleared.settles == Settles::Later {
                // Nothing of it is there yet.
                self.ledger.hold(goods_to, goods);
                self.ledger.hold(places[1], proceeds);
                received = [0, 0];
            }
        }
        let held = [
            self.lower_after(cleared, buy, Side::Buy, received[0]),
            self.lower_after(cleared, sell, Side::Sell, received[1]),
        ];
        Settled {
            value,
            goods,
            fees,
            held,
            covered: [false; 2],
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
        let liquidity = |side| liquidity(aggressor, side);
        let before = slots.map(|slot| self.holds[slot as usize].accrued);
        let fees = [
            self.accrue(slots[0], value, quantity, liquidity(Side::Buy)),
            self.accrue(slots[1], value, quantity, liquidity(Side::Sell)),
        ];
        if fees[0] + fees[1] < 0 {
            return self.raise(fees, slots, before);
        }
        fees
    }

    /// Adds a fill to what an order accrued, and answers what that adds to its fee.
    #[inline]
    pub(super) fn accrue(
        &mut self,
        slot: u32,
        value: i64,
        quantity: Quantity,
        liquidity: Liquidity,
    ) -> i64 {
        let hold = &mut self.holds[slot as usize];
        let rates = self.fees.rates(hold.rates);
        let before = hold.accrued.charged(rates);
        let ppm = fee::ppm(rates, liquidity);
        let lots = quantity.lots();
        hold.accrued = hold.accrued.plus(value, ppm, lots, rates.per_lot);
        hold.accrued.charged(rates) - before
    }

    /// Cuts a rebate down to what the other side pays.
    #[cold]
    pub(super) fn raise(
        &mut self,
        fees: [i64; 2],
        slots: [u32; 2],
        before: [fee::Accrued; 2],
    ) -> [i64; 2] {
        let raised = fee::raised(fees);
        for (place, slot) in slots.into_iter().enumerate() {
            let up = raised[place] - fees[place];
            if up > 0 {
                let now = &mut self.holds[slot as usize].accrued;
                now.whole += up;
                *now = (*now).min(before[place]);
            }
        }
        raised
    }
}

/// How an order of a side traded.
#[inline]
pub(super) fn liquidity(aggressor: Option<Side>, side: Side) -> Liquidity {
    match aggressor {
        None => Liquidity::Auction,
        Some(taker) if taker == side => Liquidity::Taker,
        Some(_) => Liquidity::Maker,
    }
}

/// Moves the money of a trade; what each side paid out of its hold.
#[inline]
pub(super) fn pay(
    ledger: &mut Ledger,
    [buyer, seller]: [Place; 2],
    value: i64,
    fees: [i64; 2],
    venue: Place,
) -> [i64; 2] {
    let (pays, receives) = (value + fees[0], value - fees[1]);
    if pays >= 0 && receives >= 0 {
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

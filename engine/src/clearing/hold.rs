//! What an order must hold, and the row that says what it does.
//!
//! Invariant: what an order holds always covers the worst that its trades can still take, so no
//! trade ever fails for want of money or goods. Not here: when it changes (`orders`).

use super::fee::Accrued;
use super::ledger::Place;
use super::settlement::StakeRef;
use super::terms::{Cleared, Settles};
use crate::command::FeeRates;
use crate::types::{Price, Quantity, Side};

/// What a live order holds; beside its row in the book, by the same slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(align(64))]
pub(crate) struct Hold {
    /// Money set aside, in minor units.
    pub(crate) money: i64,
    /// Goods set aside, in minor units.
    pub(crate) goods: i64,
    /// What its fills accrued in fees.
    pub(crate) accrued: Accrued,
    /// Its account's money.
    pub(crate) money_at: Place,
    /// Its account's goods.
    pub(crate) goods_at: Place,
    /// Its rates.
    pub(crate) rates: u32,
    /// Its account's row of settlement, where its instrument has one. Of an order of a margin
    /// forward this says so: then `money` is its fee, `goods` its open lots, those of a sell below
    /// zero, and `goods_at` names its row.
    pub(crate) stake: StakeRef,
}

const _: () = assert!(size_of::<Hold>() == 64, "a hold is one cache line");

impl Hold {
    /// Of no order, or of one without clearing and margin.
    pub(crate) const NONE: Self = Self {
        money: 0,
        goods: 0,
        accrued: Accrued {
            whole: 0,
            millionths: 0,
        },
        money_at: Place::NONE,
        goods_at: Place::NONE,
        rates: 0,
        stake: StakeRef::NONE,
    };

    /// Whether there is an order with clearing or margin.
    #[inline]
    pub(crate) fn is_cleared(&self) -> bool {
        !self.money_at.is_none()
    }
}

/// What an order must hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Needed {
    pub(crate) money: i64,
    pub(crate) goods: i64,
}

/// What an order of `side` with so much left must hold; none of it without a price.
#[inline]
pub(crate) fn needed(
    cleared: &Cleared,
    rates: &FeeRates,
    accrued: Accrued,
    side: Side,
    price: Option<Price>,
    leaves: Quantity,
) -> Needed {
    match price {
        Some(price) if !leaves.is_zero() => {
            needed_at(cleared, rates, accrued, side, (price, leaves))
        }
        _ => Needed { money: 0, goods: 0 },
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "two callers, one of each plain order; measured"
)]
fn needed_at(
    cleared: &Cleared,
    rates: &FeeRates,
    accrued: Accrued,
    side: Side,
    (price, leaves): (Price, Quantity),
) -> Needed {
    let lots = leaves.lots();
    let price = cleared.hold_price(price);
    let worst = Worst {
        cleared,
        rates,
        accrued,
    };
    match side {
        Side::Buy => Needed {
            money: worst.of_buy(price, leaves),
            goods: 0,
        },
        // More goods than an amount can be are never available.
        Side::Sell => Needed {
            money: match cleared.settles {
                Settles::Later => accrued.fixed(lots, rates),
                Settles::Plainly | Settles::AtOnce => worst.of_sell(price, leaves),
            },
            goods: lots.saturating_mul(cleared.lot_units),
        },
    }
}

/// As [`needed`] of a new order, copied into its caller.
#[inline(always)]
#[expect(clippy::inline_always, reason = "asked of each plain order; measured")]
pub(crate) fn needed_anew(
    cleared: &Cleared,
    rates: &FeeRates,
    side: Side,
    price: Price,
    quantity: Quantity,
) -> Needed {
    let accrued = Accrued::default();
    needed_at(cleared, rates, accrued, side, (price, quantity))
}

/// The worst an order can come to pay.
struct Worst<'a> {
    cleared: &'a Cleared,
    rates: &'a FeeRates,
    accrued: Accrued,
}

impl Worst<'_> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "asked of each plain order; measured")]
    fn more(&self, value: i64, quantity: Quantity) -> i64 {
        self.accrued.more(value, quantity.lots(), self.rates)
    }

    /// A buyer pays most at its price, with all of it filled; where that is not above zero, also
    /// when it trades at nothing and only the fee is left to pay.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "asked of each plain order; measured")]
    fn of_buy(&self, price: Price, leaves: Quantity) -> i64 {
        let value = self.cleared.worth(price, leaves);
        let at_price = value + self.more(value, leaves);
        if price > Price::ZERO {
            return at_price;
        }
        at_price.max(self.for_nothing(leaves)).max(0)
    }

    #[cold]
    #[inline(never)]
    fn for_nothing(&self, leaves: Quantity) -> i64 {
        self.more(0, leaves)
    }

    /// A seller's proceeds pay its fee, but for what the first lot, or all of them, leave short.
    /// What is short is convex in the lots (the fee is the higher of a constant and a line, the
    /// proceeds are a line), so it is highest at one end; a better price adds more proceeds than
    /// fee.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "asked of each plain order; measured")]
    fn of_sell(&self, price: Price, leaves: Quantity) -> i64 {
        // At most 10 % of what is worth at least 1, rounded up, and nothing beside it.
        if price > Price::ZERO && self.rates.minimum == 0 && self.rates.per_lot == 0 {
            return 0;
        }
        self.short_of_sell(price, leaves)
    }

    #[inline(never)]
    fn short_of_sell(&self, price: Price, leaves: Quantity) -> i64 {
        let one = Quantity::new(1).expect("in bounds");
        let short = |quantity| {
            let value = self.cleared.worth(price, quantity);
            self.more(value, quantity) - value
        };
        short(one).max(short(leaves)).max(0)
    }
}

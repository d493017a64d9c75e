//! `Price` in whole ticks of its instrument, and which signs an instrument allows.
//!
//! Kept as the ticks plus a constant, so that it is never zero and a price that may be absent is no
//! larger than a price: half of the words of an order, its report and its checks are such.
//!
//! Invariant: `|ticks| <= Price::MAX_TICKS`, so price times quantity fits an `i128` with room for
//! any sum the engine can form. Not here: the tick's value in money (the instrument's business).

use std::fmt;
use std::num::NonZeroI64;

/// A price in ticks of its instrument (FIX 44). May be zero or negative where the instrument
/// allows it (spreads, freight net-back).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(NonZeroI64);

/// What is added to the ticks; above their largest magnitude.
const SHIFT: i64 = 2 * Price::MAX_TICKS;

impl Price {
    /// Zero ticks.
    pub const ZERO: Self = Self::shifted(0);
    /// The largest magnitude of a price, in ticks.
    pub const MAX_TICKS: i64 = 1 << 40;

    /// The price of ticks inside the bounds.
    #[inline]
    const fn shifted(ticks: i64) -> Self {
        match NonZeroI64::new(ticks + SHIFT) {
            Some(shifted) => Self(shifted),
            None => panic!("ticks are above -SHIFT"),
        }
    }

    /// A price of `ticks`, or `None` outside `-MAX_TICKS..=MAX_TICKS`.
    #[inline]
    pub const fn new(ticks: i64) -> Option<Self> {
        if ticks > Self::MAX_TICKS || ticks < -Self::MAX_TICKS {
            None
        } else {
            Some(Self::shifted(ticks))
        }
    }

    /// A word that is another for every price, and 0 for none.
    #[inline]
    pub(crate) fn word(price: Option<Self>) -> u64 {
        price.map_or(0, |price| price.0.get() as u64)
    }

    #[must_use]
    /// The price moved by `ticks`, held inside the bounds.
    #[inline]
    pub const fn moved(self, ticks: i64) -> Self {
        let sum = self.ticks().saturating_add(ticks);
        if sum > Self::MAX_TICKS {
            Self::shifted(Self::MAX_TICKS)
        } else if sum < -Self::MAX_TICKS {
            Self::shifted(-Self::MAX_TICKS)
        } else {
            Self::shifted(sum)
        }
    }

    /// The price as a number of ticks.
    #[inline]
    pub const fn ticks(self) -> i64 {
        self.0.get().wrapping_sub(SHIFT)
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Price").field(&self.ticks()).finish()
    }
}

/// Which prices an instrument allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum PriceSign {
    /// Only prices above zero: goods and shares.
    Positive,
    /// Zero and above.
    NonNegative,
    /// Any sign: spreads, freight net-back.
    Any,
}

impl PriceSign {
    /// The lowest price allowed.
    #[inline]
    pub const fn lowest(self) -> Price {
        match self {
            Self::Positive => Price::shifted(1),
            Self::NonNegative => Price::ZERO,
            Self::Any => Price::shifted(-Price::MAX_TICKS),
        }
    }

    /// Whether `price` has an allowed sign.
    #[inline]
    pub const fn allows(self, price: Price) -> bool {
        price.0.get() >= self.lowest().0.get()
    }

    /// The price, raised to the lowest one allowed.
    #[must_use]
    pub const fn raised(self, price: Price) -> Price {
        if self.allows(price) {
            price
        } else {
            self.lowest()
        }
    }
}

const _: () = assert!(size_of::<Option<Price>>() == size_of::<Price>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_read_back_in_order_and_within_their_bounds() {
        let max = Price::MAX_TICKS;
        let ticks = [-max, -1, 0, 1, max];
        let prices = ticks.map(|ticks| Price::new(ticks).expect("inside the bounds"));
        assert_eq!(prices.map(Price::ticks), ticks);
        assert!(prices.is_sorted());
        assert_eq!((Price::new(max + 1), Price::new(-max - 1)), (None, None));
        assert_eq!((Price::new(i64::MAX), Price::new(i64::MIN)), (None, None));
        assert_eq!(Price::ZERO.moved(i64::MAX), prices[4]);
        assert_eq!(Price::ZERO.moved(i64::MIN), prices[0]);
        assert_eq!(format!("{:?}", prices[1]), "Price(-1)");
    }
}

//! `Price` in whole ticks of its instrument, and which signs an instrument allows.
//!
//! Invariant: `|ticks| <= Price::MAX_TICKS`, so price times quantity fits an `i128` with room for
//! any sum the engine can form. Not here: the tick's value in money (the instrument's business).

/// A price in ticks of its instrument (FIX 44). May be zero or negative where the instrument
/// allows it (spreads, freight net-back).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Price(i64);

impl Price {
    /// Zero ticks.
    pub const ZERO: Self = Self(0);
    /// The largest magnitude of a price, in ticks.
    pub const MAX_TICKS: i64 = 1 << 40;

    /// A price of `ticks`, or `None` outside `-MAX_TICKS..=MAX_TICKS`.
    pub const fn new(ticks: i64) -> Option<Self> {
        if ticks > Self::MAX_TICKS || ticks < -Self::MAX_TICKS {
            None
        } else {
            Some(Self(ticks))
        }
    }

    #[must_use]
    /// The price moved by `ticks`, held inside the bounds.
    pub const fn moved(self, ticks: i64) -> Self {
        let sum = self.0.saturating_add(ticks);
        if sum > Self::MAX_TICKS {
            Self(Self::MAX_TICKS)
        } else if sum < -Self::MAX_TICKS {
            Self(-Self::MAX_TICKS)
        } else {
            Self(sum)
        }
    }

    /// The price as a number of ticks.
    pub const fn ticks(self) -> i64 {
        self.0
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
    /// Whether `price` has an allowed sign.
    pub const fn allows(self, price: Price) -> bool {
        match self {
            Self::Positive => price.0 > 0,
            Self::NonNegative => price.0 >= 0,
            Self::Any => true,
        }
    }

    /// The price, raised to the lowest one allowed.
    #[must_use]
    pub const fn raised(self, price: Price) -> Price {
        let lowest = match self {
            Self::Positive => 1,
            Self::NonNegative => 0,
            Self::Any => -Price::MAX_TICKS,
        };
        if price.0 < lowest {
            Price(lowest)
        } else {
            price
        }
    }
}

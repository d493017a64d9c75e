//! `Amount`: whole minor units of an asset, and of a currency or of goods alike.
//!
//! Invariant: `0 <= units <= Amount::MAX_UNITS`. What is in circulation of one asset stays within
//! the same bound, so any sum of its positions does too. Not here: signed sums inside a command,
//! which are plain `i64` (an order's value is at most 2^52), and the asset's decimals.

/// An amount of an asset in its minor units: fen of CNY, grams of something counted in grams.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Amount(i64);

impl Amount {
    /// The most of one asset there can be: 11.5 trillion yuan in fen.
    pub const MAX_UNITS: i64 = 1 << 60;
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of `units`, or `None` outside `0..=MAX_UNITS`.
    pub const fn new(units: i64) -> Option<Self> {
        if units < 0 || units > Self::MAX_UNITS {
            None
        } else {
            Some(Self(units))
        }
    }

    /// The amount as a number of minor units.
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

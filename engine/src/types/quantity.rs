//! `Quantity` in whole lots of its instrument.
//!
//! Invariant: `0 <= lots <= Quantity::MAX_LOTS`; subtraction below zero is a fault of ours and
//! stops the process. Not here: units and scales, which belong to the instrument.

/// A quantity in lots (FIX 38, 14, 151, 32). Zero only as what is left of something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Quantity(i64);

impl Quantity {
    /// The largest quantity of one order, in lots; 2^22 such orders still sum inside an `i64`.
    pub const MAX_LOTS: i64 = 1 << 40;
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A quantity of `lots`, or `None` outside `0..=MAX_LOTS`.
    #[inline]
    pub const fn new(lots: i64) -> Option<Self> {
        if lots < 0 || lots > Self::MAX_LOTS {
            None
        } else {
            Some(Self(lots))
        }
    }

    /// The quantity as a number of lots.
    #[inline]
    pub const fn lots(self) -> i64 {
        self.0
    }

    /// Whether nothing is left.
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The smaller of two quantities.
    #[must_use]
    #[inline]
    pub fn min(self, other: Self) -> Self {
        if self.0 < other.0 { self } else { other }
    }

    /// `self - other`; `other` must not be larger.
    #[must_use]
    #[inline]
    pub fn minus(self, other: Self) -> Self {
        // Neither is below zero, so the difference is inside the word.
        let rest = self.0.wrapping_sub(other.0);
        if rest < 0 {
            fell_below_zero(self.0, other.0);
        }
        Self(rest)
    }

    /// `self + other`; the sum must stay inside the bounds.
    #[must_use]
    #[inline]
    pub fn plus(self, other: Self) -> Self {
        let sum = self.0 + other.0;
        assert!(
            sum <= Self::MAX_LOTS,
            "a quantity rose above its bound: {sum}"
        );
        Self(sum)
    }
}

/// Apart, and given values: what is only said by a panic is not kept in memory for it.
#[cold]
#[inline(never)]
fn fell_below_zero(from: i64, taken: i64) -> ! {
    panic!("a quantity fell below zero: {from} - {taken}")
}

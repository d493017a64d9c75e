//! `Time` and `Nanoseconds`: the only clock the engine knows is the stamp on a command.
//!
//! Invariant: `Time` is nanoseconds since 1970-01-01 UTC, below `Time::MAX`. Not here: reading a
//! clock (`runtime::clock`), dates and offsets (`venue::calendar`).

/// A span of time in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Nanoseconds(pub i64);

/// An instant in nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Time(i64);

impl Time {
    /// The start of 1970; also "before anything happened".
    pub const ZERO: Self = Self(0);
    /// The last instant the engine accepts: the year 2200.
    pub const MAX: Self = Self(7_258_118_400_000_000_000);

    /// An instant, or `None` before 1970 or after `MAX`.
    pub const fn new(nanoseconds: i64) -> Option<Self> {
        if nanoseconds < 0 || nanoseconds > Self::MAX.0 {
            None
        } else {
            Some(Self(nanoseconds))
        }
    }

    /// Nanoseconds since 1970.
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// The instant `span` later (or earlier), held inside the bounds.
    #[must_use]
    pub const fn after(self, span: Nanoseconds) -> Self {
        let sum = self.0.saturating_add(span.0);
        if sum < 0 {
            Self(0)
        } else if sum > Self::MAX.0 {
            Self::MAX
        } else {
            Self(sum)
        }
    }
}

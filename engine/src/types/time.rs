//! `Time` and `Nanoseconds`: the only clock the engine knows is the stamp on a command.
//!
//! Invariant: `Time` is nanoseconds since 1970-01-01 UTC, below `Time::MAX`. Not here: reading a
//! clock (`runtime::clock`), dates and offsets (`venue::calendar`).

use std::fmt;
use std::num::NonZeroU64;

/// A span of time in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Nanoseconds(pub i64);

/// An instant in nanoseconds since 1970-01-01 UTC. One more than that is kept, so that an instant
/// or none takes no more room than one: rows of contracts and events have several.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(NonZeroU64);

const _: () = assert!(size_of::<Option<Time>>() == size_of::<Time>());

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({})", self.nanoseconds())
    }
}

impl Time {
    /// The start of 1970; also "before anything happened".
    pub const ZERO: Self = Self(NonZeroU64::MIN);
    /// The last instant the engine accepts: the year 2200.
    pub const MAX: Self = Self::at(7_258_118_400_000_000_000);

    /// An instant, or `None` before 1970 or after `MAX`.
    pub const fn new(nanoseconds: i64) -> Option<Self> {
        if nanoseconds < 0 || nanoseconds > Self::MAX.nanoseconds() {
            None
        } else {
            Some(Self::at(nanoseconds))
        }
    }

    /// Of nanoseconds that are in bounds.
    const fn at(nanoseconds: i64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanoseconds as u64))
    }

    /// Nanoseconds since 1970.
    pub const fn nanoseconds(self) -> i64 {
        self.0.get() as i64 - 1
    }

    /// The instant `span` later (or earlier), held inside the bounds.
    #[must_use]
    pub const fn after(self, span: Nanoseconds) -> Self {
        let sum = self.nanoseconds().saturating_add(span.0);
        if sum < 0 {
            Self::ZERO
        } else if sum > Self::MAX.nanoseconds() {
            Self::MAX
        } else {
            Self::at(sum)
        }
    }
}

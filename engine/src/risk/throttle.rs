//! A token bucket on the time of commands, in whole token-nanoseconds.
//!
//! A bucket is kept as what it lacks of being full, so that one nobody used is full and a change
//! of its size needs no change of it. A token is 10^9 token-nanoseconds; `rate` of them come back
//! each nanosecond.
//!
//! Invariant: nothing is rounded; what is lacking never passes the burst that was in force when a
//! token was taken. Not here: which messages ask for a token (`gate`).

use crate::command::Throttle;
use crate::types::Time;

/// Token-nanoseconds of a token.
pub(super) const TOKEN: u64 = 1_000_000_000;
/// The most a bucket ever lacks.
pub(super) const LACKING_MAX: u64 = Throttle::BURST_MAX as u64 * TOKEN;

/// One bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bucket {
    /// What it lacked of being full at `at`, in token-nanoseconds.
    pub(super) lacking: u64,
    /// When a token was taken last.
    pub(super) at: Time,
}

impl Bucket {
    /// One that nobody used.
    pub(super) const FULL: Self = Self {
        lacking: 0,
        at: Time::ZERO,
    };

    fn lacking_at(self, throttle: Throttle, time: Time) -> u64 {
        let elapsed = time.nanoseconds() - self.at.nanoseconds();
        let back = u128::from(elapsed.max(0).unsigned_abs()) * u128::from(throttle.rate);
        let back = u64::try_from(back).unwrap_or(u64::MAX);
        self.lacking.saturating_sub(back)
    }

    /// Whole tokens that are left.
    pub(super) fn tokens(self, throttle: Throttle, time: Time) -> u32 {
        let full = u64::from(throttle.burst) * TOKEN;
        (full.saturating_sub(self.lacking_at(throttle, time)) / TOKEN) as u32
    }

    /// Whether a token is left.
    pub(super) fn has_token(self, throttle: Throttle, time: Time) -> bool {
        self.tokens(throttle, time) > 0
    }

    /// Takes a token; the caller checked that one is left.
    pub(super) fn take(&mut self, throttle: Throttle, time: Time) {
        self.lacking = self.lacking_at(throttle, time) + TOKEN;
        self.at = time;
        assert!(self.lacking <= LACKING_MAX, "a token was left");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(nanoseconds: i64) -> Time {
        Time::new(nanoseconds).expect("in bounds")
    }

    #[test]
    fn a_token_comes_back_at_its_nanosecond_and_not_before() {
        // Three a second: a token is back after 333,333,333 and a third nanoseconds.
        let throttle = Throttle { rate: 3, burst: 2 };
        let mut bucket = Bucket::FULL;
        for left in [2, 1] {
            assert_eq!(bucket.tokens(throttle, time(5)), left);
            bucket.take(throttle, time(5));
        }
        for (at, has) in [(5, false), (333_333_338, false), (333_333_339, true)] {
            assert_eq!(bucket.has_token(throttle, time(at)), has, "{at}");
        }
        bucket.take(throttle, time(333_333_339));
        // What came back beyond the first token is kept: two thirds of a nanosecond's worth.
        assert_eq!(bucket.lacking, 2 * TOKEN - 2);
        assert!(!bucket.has_token(throttle, time(666_666_671)));
        assert!(bucket.has_token(throttle, time(666_666_672)));
    }

    #[test]
    fn the_bounds_neither_overflow_nor_wrap() {
        let throttle = Throttle {
            rate: Throttle::RATE_MAX,
            burst: Throttle::BURST_MAX,
        };
        let mut bucket = Bucket::FULL;
        for _ in 0..Throttle::BURST_MAX {
            assert!(bucket.has_token(throttle, Time::ZERO));
            bucket.take(throttle, Time::ZERO);
        }
        assert_eq!(bucket.lacking, LACKING_MAX);
        assert!(!bucket.has_token(throttle, Time::ZERO));
        assert_eq!(bucket.tokens(throttle, Time::MAX), Throttle::BURST_MAX);
        let slow = Throttle { rate: 1, burst: 1 };
        let back = LACKING_MAX as i64;
        assert!(!bucket.has_token(slow, time(back - 1)));
        assert!(bucket.has_token(slow, time(back)));
    }
}

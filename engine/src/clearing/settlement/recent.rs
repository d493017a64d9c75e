//! The days on which an owner last traded on one side, and how often, so that a bust can take a
//! trade off again.
//!
//! A trade can be busted as long as at most one day began since it was made, so two of the days
//! may still lose trades; the one before them is what is left if they lose all. Rejected: the last
//! day alone, which cannot say what was before it; a walk of the kept trades, of which a full ring
//! lost some.
//!
//! Invariant: days fall from the first on, and each has a trade. Not here: how near is too near
//! (`Kept`).

use crate::bytes::{self, BytesError, Reader};

/// How many days are told apart.
const DAYS: usize = 3;

/// Trades of one day; none at all where there is no day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Day {
    day: u32,
    trades: u32,
}

/// The last days, the newest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Recent([Day; DAYS]);

impl Recent {
    /// The day of the last trade.
    pub(super) fn last(&self) -> Option<u32> {
        let [last, ..] = self.0;
        (last.trades > 0).then_some(last.day)
    }

    /// A trade on `day`, which is not before the last one.
    pub(super) fn add(&mut self, day: u32) {
        if self.last() != Some(day) {
            self.0.rotate_right(1);
            self.0[0] = Day { day, trades: 0 };
        }
        self.0[0].trades += 1;
    }

    /// A trade on `day` was busted; a day that is not told apart any more stays as it was.
    pub(super) fn remove(&mut self, day: u32) {
        let is_it = |one: &Day| one.trades > 0 && one.day == day;
        let Some(at) = self.0.iter().position(is_it) else {
            return;
        };
        self.0[at].trades -= 1;
        if self.0[at].trades == 0 {
            self.0[at] = Day::default();
            self.0[at..].rotate_left(1);
        }
    }

    /// Forgets days that are not `near`.
    pub(super) fn keep(&mut self, near: impl Fn(u32) -> bool) {
        for one in &mut self.0 {
            if one.trades > 0 && !near(one.day) {
                *one = Day::default();
            }
        }
    }

    /// Its days, the newest first.
    pub(super) fn days(&self) -> impl Iterator<Item = u32> {
        let some = self.0.into_iter().filter(|one| one.trades > 0);
        some.map(|one| one.day)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_u8(out, self.days().count() as u8);
        for one in self.0.iter().filter(|one| one.trades > 0) {
            bytes::put_varint(out, u64::from(one.day));
            bytes::put_varint(out, u64::from(one.trades));
        }
    }

    pub(super) fn decode(input: &mut Reader<'_>) -> Result<Self, BytesError> {
        let wrong = || BytesError::range("the days of trades");
        let mut recent = Self::default();
        let mut last = None;
        let count = usize::from(input.u8()?);
        if count > DAYS {
            return Err(wrong());
        }
        for one in &mut recent.0[..count] {
            one.day = input.varint32("the day of a trade")?;
            one.trades = input.varint32("how many trades of a day")?;
            if one.trades == 0 || last.is_some_and(|last| last <= one.day) {
                return Err(wrong());
            }
            last = Some(one.day);
        }
        Ok(recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(recent: &Recent) -> Vec<u32> {
        recent.days().collect()
    }

    #[test]
    fn a_day_goes_with_its_last_trade_and_the_one_before_it_is_last() {
        let mut recent = Recent::default();
        for day in [3, 7, 7, 8, 9] {
            recent.add(day);
        }
        assert_eq!(days(&recent), [9, 8, 7], "three are told apart");
        recent.remove(8);
        assert_eq!(days(&recent), [9, 7]);
        recent.remove(9);
        recent.remove(9);
        assert_eq!(recent.last(), Some(7));
        recent.remove(7);
        assert_eq!(recent.last(), Some(7), "the other trade of that day");
        let before = recent;
        recent.remove(3);
        assert_eq!(recent, before);
        recent.add(9);
        recent.keep(|day| day > 8);
        assert_eq!(days(&recent), [9]);
        recent.keep(|_| false);
        assert_eq!(recent, Recent::default());
    }

    #[test]
    fn what_is_written_reads_back_and_nothing_else_is_read() {
        let mut recent = Recent::default();
        let read = |bytes: &[u8]| {
            let mut input = Reader::new(bytes);
            let recent = Recent::decode(&mut input);
            recent.and_then(|recent| input.finish().map(|()| recent))
        };
        for day in [0, 4, 4, u32::MAX] {
            let mut bytes = Vec::new();
            recent.encode(&mut bytes);
            assert_eq!(read(&bytes).ok(), Some(recent));
            recent.add(day);
        }
        // Four days, a day without trades, days that do not fall.
        for wrong in [
            &[4, 9, 1, 8, 1, 7, 1, 6, 1][..],
            &[1, 5, 0],
            &[2, 5, 1, 5, 1],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}

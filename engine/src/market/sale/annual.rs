//! What beneficial owners used of their annual limits of imports (SEMANTICS section 26).
//!
//! A row is an owner's use of a calendar year at UTC+8, found from its owner, whose rows are a
//! chain: one of the year that runs, and one of each year a live contract of its is of. Rows stand
//! in a queue in the order in which they began, so that those of a year that is over are forgotten
//! part by part; a row that live contracts count in leaves the queue, and goes with the last of
//! them.
//!
//! Invariant: rows begin in the year that runs only, so the queue is one of years too; nothing is
//! allocated after `new`. Rejected: a map by owner and year (an allocation a row, on the path of
//! reserves). Not here: limits, which contracts count (`engine::contracts::border`).

use std::num::NonZeroU8;

use crate::bytes::{self, BytesError, Reader};
use crate::command::{Demonstration, SetAnnualUse};
use crate::journal::codec::border as codec;
use crate::types::{OwnerId, Time};
use crate::venue::{ImportLimit, section};

/// No row.
const NIL: u32 = u32::MAX;
const DAY: i64 = 24 * 3_600 * 1_000_000_000;
const EAST: i64 = 8 * 3_600 * 1_000_000_000;
/// The least bytes of a row.
const ROW_BYTES_MIN: usize = 5;

/// A calendar year at UTC+8, of the instants there are: from 1970 to 2200.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Year(NonZeroU8);

impl Year {
    const ZERO: u16 = 1_969;

    /// The year with this number.
    pub fn new(number: u16) -> Option<Self> {
        let after = number.checked_sub(Self::ZERO)?;
        let year = u8::try_from(after).ok().and_then(NonZeroU8::new).map(Self);
        year.filter(|year| *year <= year_of(Time::MAX))
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        Self::ZERO + self.0.get() as u16
    }

    /// 24:00 of its last day.
    fn end(self) -> Time {
        let year = i64::from(self.number());
        let leaps = year / 4 - year / 100 + year / 400 + 1;
        let days = 365 * (year + 1) + leaps - 719_528;
        let end = (days * DAY - EAST).min(Time::MAX.nanoseconds());
        Time::new(end).expect("after 1970, and at most the last instant")
    }
}

/// The calendar year of an instant at UTC+8.
pub(crate) fn year_of(instant: Time) -> Year {
    let days = (instant.nanoseconds() + EAST).div_euclid(DAY);
    // Years that begin in March, counted from that of the year 0, in cycles of 400.
    let shifted = days + 719_468;
    let (cycle, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    // Ten months until January.
    let year = cycle * 400 + year + i64::from(of_year >= 306) - i64::from(Year::ZERO);
    let year = u8::try_from(year).ok().and_then(NonZeroU8::new);
    Year(year.expect("an instant lies between 1970 and 2200"))
}

/// Whose use of which year.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Whose {
    pub(crate) year: Year,
    pub(crate) owner: OwnerId,
    pub(crate) demonstration: Demonstration,
}

/// What an owner used of a year, in fen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AnnualUse {
    /// By contracts and entries of this shard.
    pub here: i64,
    /// As customs report it.
    pub elsewhere: i64,
}

impl AnnualUse {
    /// Both.
    pub const fn sum(self) -> i64 {
        self.here + self.elsewhere
    }

    /// What is left of a limit; below zero where more was reported.
    pub const fn left_of(self, annual: ImportLimit) -> i64 {
        annual.fen - self.sum()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    whose: Whose,
    used: AnnualUse,
    /// Live contracts that count in it.
    live: u32,
    next_of_owner: u32,
    /// The one that began after it; of a free row the next free one.
    next: u32,
    place: Place,
}

/// Where a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Place {
    Free,
    /// Its year runs, or is over and it is due to be forgotten.
    Queued,
    /// Its year is over and live contracts count in it.
    Kept,
}

/// All that is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Annual {
    rows: Vec<Row>,
    owners: Vec<u32>,
    free: u32,
    remembered: u32,
    max: u32,
    first: u32,
    last: u32,
}

impl Annual {
    pub(super) fn new(max: u32, owners: u32) -> Self {
        Self {
            rows: Vec::with_capacity(max as usize),
            owners: Vec::with_capacity(owners as usize),
            free: NIL,
            remembered: 0,
            max,
            first: NIL,
            last: NIL,
        }
    }

    /// Whether no other can be remembered.
    pub(crate) const fn is_full(&self) -> bool {
        self.remembered >= self.max
    }

    /// How many are remembered.
    pub(crate) const fn remembered(&self) -> u32 {
        self.remembered
    }

    fn row(&self, at: u32) -> &Row {
        &self.rows[at as usize]
    }

    fn row_mut(&mut self, at: u32) -> &mut Row {
        &mut self.rows[at as usize]
    }

    fn find(&self, whose: Whose) -> Option<u32> {
        let mut at = self.owners.get(whose.owner.place()).copied().unwrap_or(NIL);
        while at != NIL {
            let row = self.row(at);
            if row.whose == whose {
                return Some(at);
            }
            at = row.next_of_owner;
        }
        None
    }

    /// What was used, if it is remembered.
    pub(crate) fn known(&self, whose: Whose) -> Option<AnnualUse> {
        self.find(whose).map(|at| self.row(at).used)
    }

    /// The row, which begins now unless it has; the room was checked.
    fn begin(&mut self, whose: Whose) -> u32 {
        self.find(whose).unwrap_or_else(|| {
            let at = self.remember(whose);
            self.enqueue(at);
            at
        })
    }

    /// A row for an owner that has none of the year.
    fn remember(&mut self, whose: Whose) -> u32 {
        assert!(!self.is_full(), "the bound is checked before");
        let place = whose.owner.place();
        if place >= self.owners.len() {
            self.owners.resize(place + 1, NIL);
        }
        let at = self.put(Row {
            whose,
            used: AnnualUse::default(),
            live: 0,
            next_of_owner: self.owners[place],
            next: NIL,
            place: Place::Kept,
        });
        self.owners[place] = at;
        at
    }

    fn enqueue(&mut self, at: u32) {
        self.row_mut(at).place = Place::Queued;
        let last = std::mem::replace(&mut self.last, at);
        if last == NIL {
            self.first = at;
        } else {
            self.row_mut(last).next = at;
        }
    }

    fn put(&mut self, row: Row) -> u32 {
        self.remembered += 1;
        if self.free == NIL {
            self.rows.push(row);
            return self.rows.len() as u32 - 1;
        }
        let at = self.free;
        self.free = self.row(at).next;
        *self.row_mut(at) = row;
        at
    }

    /// A contract counts from now on.
    pub(crate) fn take(&mut self, whose: Whose, value: i64) {
        let at = self.begin(whose);
        let row = self.row_mut(at);
        row.used.here += value;
        row.live += 1;
    }

    /// Customs report this.
    pub(crate) fn set_elsewhere(&mut self, whose: Whose, used: i64) -> AnnualUse {
        let at = self.begin(whose);
        let row = self.row_mut(at);
        row.used.elsewhere = used;
        row.used
    }

    /// A live contract counts so much less.
    pub(crate) fn give_back(&mut self, whose: Whose, value: i64) {
        let at = self.find(whose);
        let row = self.row_mut(at.expect("a live contract counts in it"));
        assert!(row.used.here >= value, "no more comes back than was used");
        row.used.here -= value;
    }

    /// A contract that counts has ended.
    pub(crate) fn end(&mut self, whose: Whose) {
        let at = self.find(whose).expect("a live contract counts in it");
        let row = self.row_mut(at);
        row.live -= 1;
        if row.live == 0 && row.place == Place::Kept {
            self.forget(at);
        }
    }

    /// When the first row's year is over.
    #[inline]
    pub(crate) fn first(&self) -> Option<Time> {
        (self.first != NIL).then(|| self.row(self.first).whose.year.end())
    }

    /// The year of the first row is over: it is forgotten, or as soon as nothing counts in it.
    pub(crate) fn forget_one(&mut self) {
        let at = self.first;
        let row = self.row_mut(at);
        let live = row.live;
        row.place = Place::Kept;
        self.first = std::mem::replace(&mut row.next, NIL);
        if self.first == NIL {
            self.last = NIL;
        }
        if live == 0 {
            self.forget(at);
        }
    }

    fn forget(&mut self, at: u32) {
        let row = *self.row(at);
        let place = row.whose.owner.place();
        let mut link = self.owners[place];
        if link == at {
            self.owners[place] = row.next_of_owner;
        } else {
            while self.row(link).next_of_owner != at {
                link = self.row(link).next_of_owner;
            }
            self.row_mut(link).next_of_owner = row.next_of_owner;
        }
        let free = self.free;
        let row = self.row_mut(at);
        (row.place, row.next) = (Place::Free, free);
        self.free = at;
        self.remembered -= 1;
    }

    fn queue(&self) -> impl Iterator<Item = &Row> {
        let mut next = self.first;
        std::iter::from_fn(move || {
            let row = self.rows.get(next as usize)?;
            next = row.next;
            Some(row)
        })
    }

    /// Rows of years that are over, in order of years and owners.
    fn kept(&self) -> Vec<&Row> {
        let rows = self.rows.iter();
        let mut kept: Vec<_> = rows.filter(|row| row.place == Place::Kept).collect();
        kept.sort_by_key(|row| row.whose);
        kept
    }

    /// Checks rows against live contracts: whose use they count in, and what they still count at
    /// least.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(
        &self,
        counted: impl Iterator<Item = (Whose, i64)>,
    ) -> Result<(), &'static str> {
        let mut sums = std::collections::BTreeMap::<_, (u32, i128)>::new();
        for (whose, value) in counted {
            let sum = sums.entry(whose).or_default();
            *sum = (sum.0 + 1, sum.1 + i128::from(value));
        }
        let mut used = 0;
        for row in self.rows.iter().filter(|row| row.place != Place::Free) {
            used += 1;
            let (live, least) = sums.remove(&row.whose).unwrap_or_default();
            if row.live != live || i128::from(row.used.here) < least {
                return Err("a use of a year is not that of its contracts");
            }
            if row.place == Place::Kept && live == 0 {
                return Err("a use of a year is kept for nothing");
            }
        }
        if !sums.is_empty() || used != self.remembered {
            return Err("a contract counts in no use of a year");
        }
        let queued = self.queue().count();
        if queued + self.kept().len() != used as usize {
            return Err("uses of a year are not in their queue");
        }
        Ok(())
    }

    /// Writes the queue in its order, then what is kept.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let queue: Vec<_> = self.queue().collect();
        for rows in [queue, self.kept()] {
            bytes::put_varint(out, rows.len() as u64);
            for row in rows {
                bytes::put_varint(out, u64::from(row.whose.owner.index()));
                bytes::put_varint(out, u64::from(row.whose.year.number()));
                section::put_demonstration(out, row.whose.demonstration);
                bytes::put_zigzag(out, row.used.here);
                bytes::put_zigzag(out, row.used.elsewhere);
            }
        }
    }

    /// Reads what [`Annual::encode`] wrote into a new one; `owners` and `now` are the shard's,
    /// `counted` its live contracts that count.
    ///
    /// # Errors
    /// Broken bytes; what the rules would not have made.
    pub(crate) fn decode(
        &mut self,
        input: &mut Reader<'_>,
        (owners, now): (u32, Time),
        counted: impl Iterator<Item = Whose>,
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("a use of a year");
        let mut last = None;
        for _ in 0..input.count(self.max, ROW_BYTES_MIN, "the count of uses")? {
            let (at, whose) = self.read(input, owners)?;
            if last > Some(whose.year) || whose.year > year_of(now) {
                return Err(wrong());
            }
            last = Some(whose.year);
            self.enqueue(at);
        }
        let (room, mut before) = (self.max - self.remembered, None);
        for _ in 0..input.count(room, ROW_BYTES_MIN, "the count of kept uses")? {
            let (_, whose) = self.read(input, owners)?;
            if whose.year.end() > now || before >= Some(whose) {
                return Err(wrong());
            }
            before = Some(whose);
        }
        for whose in counted {
            let at = self.find(whose).ok_or_else(wrong)?;
            self.row_mut(at).live += 1;
        }
        Ok(())
    }

    /// Reads a row that was not there.
    fn read(&mut self, input: &mut Reader<'_>, owners: u32) -> Result<(u32, Whose), BytesError> {
        let wrong = || BytesError::range("a use of a year");
        let owner = OwnerId::new(input.varint32("an owner that imports")?);
        let whose = Whose {
            owner,
            year: Year::new(codec::year(input)?).ok_or_else(wrong)?,
            demonstration: section::demonstration(input)?,
        };
        let used = AnnualUse {
            here: input.zigzag()?,
            elsewhere: input.zigzag()?,
        };
        let bounded = (0..=i64::MAX >> 1).contains(&used.here)
            && (0..=SetAnnualUse::USED_MAX).contains(&used.elsewhere);
        if owner.index() >= owners || !bounded || self.find(whose).is_some() {
            return Err(wrong());
        }
        let at = self.remember(whose);
        self.row_mut(at).used = used;
        Ok((at, whose))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64, nanoseconds: i64) -> Time {
        Time::new(days * DAY - EAST + nanoseconds).expect("in bounds")
    }

    #[test]
    fn a_year_begins_and_ends_at_midnight_in_the_east() {
        // 1971, 1972 (leap) and 1973; 2000 (leap), 2100 (none), 2024, 2025.
        let begins = [
            (1_971, 365),
            (1_972, 730),
            (1_973, 1_096),
            (2_000, 10_957),
            (2_001, 11_323),
            (2_024, 19_723),
            (2_025, 20_089),
            (2_100, 47_482),
            (2_101, 47_847),
        ];
        for (year, day) in begins {
            assert_eq!(year_of(at(day, 0)).number(), year);
            assert_eq!(year_of(at(day, -1)).number(), year - 1);
            assert_eq!(number(year - 1).end(), at(day, 0));
        }
        assert_eq!(year_of(Time::ZERO), number(1_970));
        assert_eq!(year_of(Time::MAX), number(2_200));
        assert_eq!(number(2_200).end(), Time::MAX);
        assert_eq!([1_969, 2_201, 0, u16::MAX].map(Year::new), [None; 4]);
    }

    #[test]
    fn every_day_until_2199_is_in_the_year_the_calendar_says() {
        let (mut year, mut left) = (1_970_u16, 365);
        for day in 0..84_000 {
            if left == 0 {
                year += 1;
                let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                left = 365 + i32::from(leap);
            }
            left -= 1;
            let noon = Time::new(day * DAY).expect("in bounds");
            assert_eq!(year_of(noon).number(), year, "day {day}");
        }
    }

    fn number(year: u16) -> Year {
        Year::new(year).expect("there are such instants")
    }

    fn whose(owner: u32, year: u16) -> Whose {
        Whose {
            owner: OwnerId::new(owner),
            year: number(year),
            demonstration: Demonstration::Real,
        }
    }

    #[test]
    fn a_year_that_is_over_is_forgotten_but_for_what_lives() {
        let mut annual = Annual::new(3, 4);
        let (one, two) = (whose(0, 2_024), whose(1, 2_024));
        annual.take(one, 5);
        annual.take(one, 7);
        annual.take(two, 9);
        let report = annual.set_elsewhere(two, 30);
        assert_eq!(report.sum(), 39);
        annual.end(two);
        assert!(!annual.is_full());
        assert_eq!(annual.known(two), Some(report), "its year runs");
        annual.take(whose(0, 2_025), 1);
        assert!(annual.is_full());
        assert_eq!(annual.first(), Some(number(2_024).end()));
        annual.forget_one();
        annual.forget_one();
        assert_eq!(annual.first(), Some(number(2_025).end()));
        assert_eq!(annual.known(two), None);
        annual.give_back(one, 7);
        annual.end(one);
        let left = AnnualUse {
            here: 5,
            elsewhere: 0,
        };
        assert_eq!(annual.known(one), Some(left), "one contract lives");
        annual.end(one);
        assert_eq!(annual.known(one), None);
        assert_eq!(annual.known(whose(0, 2_025)).map(AnnualUse::sum), Some(1));
    }
}

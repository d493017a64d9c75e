//! Trading calendars: which days are trading days, and when each begins.
//!
//! Invariant: the days rise strictly and each begins at an instant the engine can name. Not here:
//! time zones that change their offset (the shard's markets have one offset), phases (`schedule`).

use crate::bytes::{self, BytesError, Reader};
use crate::command::SetCalendar;
use crate::types::{Name, Nanoseconds, Time};

/// Nanoseconds of a day.
pub(crate) const DAY: i64 = 24 * 3_600 * 1_000_000_000;
const OFFSET_SECONDS_MAX: i32 = 18 * 3_600;

/// A trading calendar.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calendar {
    terms: SetCalendar,
}

impl Calendar {
    /// The most days off in a row that are taken for holidays: a month. The longest of the year
    /// are about ten; more is the end of one list and the beginning of another.
    pub const DAYS_OFF_MAX: u16 = 31;

    /// The calendar, or `None` when a field is out of its bounds.
    pub fn new(terms: &SetCalendar) -> Option<Self> {
        let rising = terms.days.windows(2).all(|pair| pair[0] < pair[1]);
        let valid = !terms.name.is_empty()
            && terms.utc_offset_seconds.abs() <= OFFSET_SECONDS_MAX
            && (0..DAY).contains(&terms.roll_time.0)
            && terms.days.len() <= SetCalendar::DAYS_MAX
            && rising
            && terms.days.iter().all(|day| begins(terms, *day).is_some());
        valid.then(|| Self {
            terms: terms.clone(),
        })
    }

    /// Its public id.
    pub const fn name(&self) -> &Name {
        &self.terms.name
    }

    /// What was set.
    pub const fn terms(&self) -> &SetCalendar {
        &self.terms
    }

    /// The day with this index, counted from 1970-01-01.
    pub fn day(&self, index: u32) -> Option<i32> {
        self.terms.days.get(index as usize).copied()
    }

    /// When the day with this index begins.
    pub fn roll(&self, index: u32) -> Option<Time> {
        begins(&self.terms, self.day(index)?)
    }

    /// How many days off in a row begin with `day`: none before its first day or past its last, of
    /// which it says nothing, nor where they would be more than [`Self::DAYS_OFF_MAX`].
    pub fn days_off(&self, day: i32) -> u16 {
        let days = &self.terms.days;
        let at = days.partition_point(|known| *known < day);
        let next = days.get(at).filter(|_| days.first() <= Some(&day));
        let off = next.map_or(0, |next| next.abs_diff(day));
        let off = u16::try_from(off).unwrap_or(u16::MAX);
        if off > Self::DAYS_OFF_MAX { 0 } else { off }
    }

    /// How many days have begun at or before `time`: the index of the next one.
    pub fn begun(&self, time: Time) -> u32 {
        let has_begun = |day: &i32| begins(&self.terms, *day).is_some_and(|roll| roll <= time);
        self.terms.days.partition_point(has_begun) as u32
    }

    /// Writes the calendar.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_terms(out, &self.terms);
    }

    /// Reads what [`Calendar::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes; a field out of its bounds.
    pub fn decode(input: &mut Reader<'_>) -> Result<Self, BytesError> {
        Self::new(&terms(input)?).ok_or(BytesError::range("a calendar"))
    }
}

/// When `day` begins, or `None` when the engine cannot name that instant.
fn begins(terms: &SetCalendar, day: i32) -> Option<Time> {
    let offset = i64::from(terms.utc_offset_seconds) * 1_000_000_000;
    let since = i64::from(day).checked_mul(DAY)?;
    Time::new(since.checked_add(terms.roll_time.0)?.checked_sub(offset)?)
}

/// Writes a calendar's terms; the days by their distances.
pub(crate) fn put_terms(out: &mut Vec<u8>, terms: &SetCalendar) {
    bytes::put_text(out, &terms.name);
    bytes::put_zigzag(out, i64::from(terms.utc_offset_seconds));
    bytes::put_zigzag(out, terms.roll_time.0);
    bytes::put_varint(out, terms.days.len() as u64);
    let mut last = 0;
    for day in &terms.days {
        bytes::put_zigzag(out, i64::from(*day) - last);
        last = i64::from(*day);
    }
}

/// Reads what [`put_terms`] wrote, whatever the days are.
pub(crate) fn terms(input: &mut Reader<'_>) -> Result<SetCalendar, BytesError> {
    let name = input.text()?;
    let offset = input.zigzag()?;
    let field = "a calendar's offset";
    let utc_offset_seconds = i32::try_from(offset).map_err(|_| BytesError::range(field))?;
    let roll_time = Nanoseconds(input.zigzag()?);
    let count = input.count(u32::MAX, 1, "the count of days")?;
    let mut days = Vec::with_capacity(count);
    let mut last = 0_i32;
    for _ in 0..count {
        let day = i64::from(last).checked_add(input.zigzag()?);
        let day = day.and_then(|day| i32::try_from(day).ok());
        last = day.ok_or(BytesError::range("a calendar's day"))?;
        days.push(last);
    }
    Ok(SetCalendar {
        name,
        utc_offset_seconds,
        roll_time,
        days,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600 * 1_000_000_000;

    fn terms(days: &[i32]) -> SetCalendar {
        SetCalendar {
            name: Name::new("SSE").expect("short"),
            utc_offset_seconds: 8 * 3_600,
            roll_time: Nanoseconds(6 * HOUR),
            days: days.to_vec(),
        }
    }

    #[test]
    fn a_day_begins_at_local_date_and_roll_time() {
        let calendar = Calendar::new(&terms(&[1, 2, 5])).expect("valid");
        let roll = |index| calendar.roll(index).map(Time::nanoseconds);
        assert_eq!(roll(0), Some(DAY - 2 * HOUR));
        assert_eq!(roll(2), Some(5 * DAY - 2 * HOUR));
        assert_eq!(roll(3), None);
        let off = |day| calendar.days_off(day);
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(off), [0, 0, 0, 2, 1, 0, 0]);
        let long = Calendar::new(&terms(&[1, 34])).expect("valid");
        assert_eq!(
            [2, 3].map(|day| long.days_off(day)),
            [0, 31],
            "32 are no holiday"
        );
        let begun = |time| calendar.begun(Time::new(time).expect("in bounds"));
        assert_eq!(begun(0), 0);
        assert_eq!(begun(DAY - 2 * HOUR - 1), 0);
        assert_eq!(begun(DAY - 2 * HOUR), 1);
        assert_eq!(begun(4 * DAY), 2);
        assert_eq!(begun(9 * DAY), 3);
    }

    #[test]
    fn fields_have_their_bounds() {
        let good = terms(&[1]);
        let at_edges = [
            SetCalendar {
                utc_offset_seconds: OFFSET_SECONDS_MAX,
                ..good.clone()
            },
            SetCalendar {
                roll_time: Nanoseconds(DAY - 1),
                ..good.clone()
            },
            SetCalendar {
                days: (1..=10_000).collect(),
                ..good.clone()
            },
            SetCalendar {
                days: vec![],
                ..good.clone()
            },
        ];
        for terms in at_edges {
            assert!(Calendar::new(&terms).is_some());
        }
    }

    #[test]
    fn fields_past_their_bounds_are_refused() {
        let good = terms(&[1]);
        let past_edges = [
            SetCalendar {
                utc_offset_seconds: OFFSET_SECONDS_MAX + 1,
                ..good.clone()
            },
            SetCalendar {
                utc_offset_seconds: -OFFSET_SECONDS_MAX - 1,
                ..good.clone()
            },
            SetCalendar {
                roll_time: Nanoseconds(DAY),
                ..good.clone()
            },
            SetCalendar {
                roll_time: Nanoseconds(-1),
                ..good.clone()
            },
            SetCalendar {
                days: (1..=10_001).collect(),
                ..good.clone()
            },
            SetCalendar {
                days: vec![3, 3],
                ..good.clone()
            },
            SetCalendar {
                days: vec![3, 2],
                ..good.clone()
            },
            SetCalendar {
                days: vec![0],
                ..good.clone()
            },
            SetCalendar {
                days: vec![i32::MAX],
                ..good.clone()
            },
            SetCalendar {
                days: vec![i32::MIN],
                ..good.clone()
            },
            SetCalendar {
                name: Name::EMPTY,
                ..good
            },
        ];
        for terms in past_edges {
            assert!(Calendar::new(&terms).is_none(), "{terms:?}");
        }
    }

    #[test]
    fn bytes_read_back() {
        let calendar = Calendar::new(&terms(&[1, 2, 5, 70_000])).expect("valid");
        let mut out = Vec::new();
        calendar.encode(&mut out);
        let mut input = Reader::new(&out);
        assert_eq!(Calendar::decode(&mut input), Ok(calendar));
        assert_eq!(input.finish(), Ok(()));
        for end in 0..out.len() {
            assert!(Calendar::decode(&mut Reader::new(&out[..end])).is_err());
        }
    }
}

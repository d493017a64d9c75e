//! Timetables and calendars of operators' requests: dates and times of day.
//!
//! Invariant: a date becomes days since 1970-01-01, a time of day the span after the roll. Not
//! here: what happens at those times (the engine).

use engine::command::{Body, SetCalendar, SetSchedule};
use engine::types::Nanoseconds;
use proto::v1;

use super::fields::{Fields, Prefix, shorten};
use super::operations::Asks;

const DAY_NS: i64 = 86_400 * 1_000_000_000;

impl Asks for v1::SetScheduleRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let max = SetSchedule::ENTRIES_MAX;
        if self.entries.len() > max {
            let count = self.entries.len();
            fields.wrong(
                "entries",
                format!("has {count} entries; at most {max} are right"),
            );
            return None;
        }
        let venue = fields.venue("venue_id", &self.venue_id);
        let roll = venue
            .and_then(|id| fields.tables.venue(id))
            .and_then(|venue| venue.calendar)
            .and_then(|id| fields.tables.calendars.get(id.index()))
            .map_or(0, |calendar| calendar.roll_time.0);
        let mut entries = Vec::with_capacity(self.entries.len());
        for (place, entry) in self.entries.iter().enumerate() {
            fields.enter(Prefix::Entry(place));
            let time = fields.time_of_day("time_of_day", &entry.time_of_day);
            let phase = fields.phase("phase", entry.phase);
            let Some((time, phase)) = time.zip(phase) else {
                continue;
            };
            let after_roll = Nanoseconds((time.0 - roll).rem_euclid(DAY_NS));
            if entries.last().is_some_and(|(last, _)| *last >= after_roll) {
                fields.wrong(
                    "time_of_day",
                    "is not after the entry before, from roll_time on",
                );
            }
            entries.push((after_roll, phase));
        }
        fields.enter(Prefix::None);
        Some(Body::SetSchedule(Box::new(SetSchedule {
            venue: venue?,
            entries,
        })))
    }
}

impl Asks for v1::SetCalendarRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let name = fields.new_name("calendar_id", &self.calendar_id);
        let roll_time = if self.roll_time.is_empty() {
            Some(Nanoseconds(0))
        } else {
            fields.time_of_day("roll_time", &self.roll_time)
        };
        let max = SetCalendar::DAYS_MAX;
        if self.trading_days.len() > max {
            let count = self.trading_days.len();
            fields.wrong(
                "trading_days",
                format!("has {count} days; at most {max} are right"),
            );
            return None;
        }
        let mut days: Vec<i32> = Vec::with_capacity(self.trading_days.len());
        for (place, text) in self.trading_days.iter().enumerate() {
            let rising = date(text).filter(|day| days.last().is_none_or(|last| last < day));
            let Some(day) = rising else {
                let text = shorten(text);
                fields.wrong(
                    &format!("trading_days[{place}]"),
                    format!("\"{text}\" is no date after the one before, like 2026-11-23"),
                );
                return None;
            };
            days.push(day);
        }
        Some(Body::SetCalendar(Box::new(SetCalendar {
            name: name?,
            utc_offset_seconds: self.utc_offset_seconds,
            roll_time: roll_time?,
            days,
        })))
    }
}

/// Days from 1970-01-01 to a date written "YYYY-MM-DD" (proleptic Gregorian calendar).
pub fn date(text: &str) -> Option<i32> {
    let mut parts = text.split('-').map(|part| {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| part.parse::<i32>().ok().map(|value| (value, part.len())))
            .flatten()
    });
    let ((year, 4), (month, 2), (day, 2)) = (parts.next()??, parts.next()??, parts.next()??) else {
        return None;
    };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if parts.next().is_some() || day < 1 || day > length {
        return None;
    }
    // The year begins in March, so that the leap day is its last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(era * 146_097 + days - 719_468)
}

/// The hash of a calendar's content, in hexadecimal: the same for the same offset, roll and days.
pub fn calendar_hash(calendar: &SetCalendar) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&calendar.utc_offset_seconds.to_le_bytes());
    hasher.update(&calendar.roll_time.0.to_le_bytes());
    for day in &calendar.days {
        hasher.update(&day.to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_1970() {
        let cases = [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-02-29", Some(11_016)),
            ("2026-11-23", Some(20_780)),
            ("2100-03-01", Some(47_541)),
            ("2100-02-29", None),
            ("2023-02-29", None),
            ("2023-13-01", None),
            ("2023-00-01", None),
            ("2023-01-00", None),
            ("2023-1-01", None),
            ("2023-01-01-01", None),
            ("2023/01/01", None),
            ("", None),
        ];
        for (text, days) in cases {
            assert_eq!(date(text), days, "{text}");
        }
    }
}

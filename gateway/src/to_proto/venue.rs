//! Venues and their timetables.
//!
//! Invariant: times of day are written as local time of the venue's calendar.

use engine::types::Nanoseconds;
use engine::venue::Model;

use super::timestamp;
use proto::v1;

use super::{phase, regime_word, trading_status};
use crate::directory::{Tables, VenueEntry};

const SECOND_NS: i64 = 1_000_000_000;
const DAY_NS: i64 = 86_400 * SECOND_NS;

/// A venue.
pub fn venue(tables: &Tables, handle: u32, entry: &VenueEntry) -> v1::Venue {
    let calendar = entry
        .calendar
        .and_then(|id| tables.calendars.get(id.index()));
    let roll = calendar.map_or(Nanoseconds(0), |calendar| calendar.roll_time);
    let schedule = entry
        .schedule
        .iter()
        .map(|(after, begins)| v1::ScheduleEntry {
            time_of_day: time_of_day(Nanoseconds((roll.0 + after.0).rem_euclid(DAY_NS))),
            phase: phase(*begins).into(),
        });
    let missing = entry.models.iter().copied();
    let missing: Vec<_> = missing.filter(|model| !model.is_built()).collect();
    let kept = tables.law.retention(&entry.regimes);
    v1::Venue {
        venue_id: entry.name.as_str().to_owned(),
        handle,
        name: entry.title.as_str().to_owned(),
        regimes: entry
            .regimes
            .iter()
            .map(|regime| regime_word(&tables.law, *regime))
            .collect(),
        models: words(&entry.models, Model::as_str),
        demonstration: entry.demonstration,
        licence: entry
            .licence
            .map_or_else(String::new, |licence| licence.as_str().to_owned()),
        calendar_id: calendar.map_or_else(String::new, |entry| entry.name.as_str().to_owned()),
        phase: phase(entry.phase).into(),
        trading_status: trading_status(entry.status).into(),
        schedule: schedule.collect(),
        schedule_overridden: entry.overridden,
        models_not_available: words(&missing, Model::as_str),
        record_retention_days: kept.map_or(0, |(days, _)| days as u32),
        record_retention_basis: kept.map_or_else(String::new, |(_, text)| text.to_owned()),
        regimes_next: entry
            .moving
            .iter()
            .flat_map(|moving| &moving.regimes)
            .map(|regime| regime_word(&tables.law, *regime))
            .collect(),
        regimes_next_from: entry.moving.as_ref().map(|moving| timestamp(moving.from)),
        grace: Some(super::sales::duration(entry.grace)),
    }
}

fn words<T: Copy>(list: &[T], word: impl Fn(T) -> &'static str) -> Vec<String> {
    list.iter().map(|one| word(*one).to_owned()).collect()
}

/// "HH:MM:SS", with nine digits after a point where they are not all zero.
fn time_of_day(time: Nanoseconds) -> String {
    let (seconds, rest) = (time.0 / SECOND_NS, time.0 % SECOND_NS);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if rest == 0 {
        format!("{hour:02}:{minute:02}:{second:02}")
    } else {
        format!("{hour:02}:{minute:02}:{second:02}.{rest:09}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_written_as_they_are_read() {
        assert_eq!(time_of_day(Nanoseconds(33_300 * SECOND_NS)), "09:15:00");
        assert_eq!(time_of_day(Nanoseconds(5)), "00:00:00.000000005");
        assert_eq!(time_of_day(Nanoseconds(DAY_NS - 1)), "23:59:59.999999999");
    }
}

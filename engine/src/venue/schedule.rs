//! Timetables: when after the day roll each phase begins.
//!
//! Invariant: entries rise strictly within a day. Not here: which day it is (`venues`), what a
//! change of phase does (`market::book`).

use super::Phase;
use crate::bytes::{self, BytesError, Reader};
use crate::command::SetSchedule;
use crate::types::{Nanoseconds, Time};
use crate::venue::calendar::DAY;

/// A venue's timetable.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Schedule {
    entries: Vec<(Nanoseconds, Phase)>,
}

impl Schedule {
    /// The timetable, or `None` when there are too many entries, or they do not rise within a day.
    pub fn new(entries: &[(Nanoseconds, Phase)]) -> Option<Self> {
        let rising = entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let within = entries
            .iter()
            .all(|(offset, _)| (0..DAY).contains(&offset.0));
        let valid = entries.len() <= SetSchedule::ENTRIES_MAX && rising && within;
        valid.then(|| Self {
            entries: entries.to_vec(),
        })
    }

    /// The entries: when after the roll, and which phase.
    pub fn entries(&self) -> &[(Nanoseconds, Phase)] {
        &self.entries
    }

    /// When the entry with this index begins on the day begun at `roll`, and which phase.
    pub fn entry(&self, roll: Time, index: u32) -> Option<(Time, Phase)> {
        let (offset, phase) = self.entries.get(index as usize)?;
        Some((roll.after(*offset), *phase))
    }

    /// The first entry that begins after `time` on the day begun at `roll`.
    pub fn next_after(&self, roll: Time, time: Time) -> u32 {
        let past = |entry: &(Nanoseconds, Phase)| roll.after(entry.0) <= time;
        self.entries.partition_point(past) as u32
    }

    /// Writes the timetable.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_entries(out, &self.entries);
    }

    /// Reads what [`Schedule::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes; entries out of their bounds.
    pub fn decode(input: &mut Reader<'_>) -> Result<Self, BytesError> {
        Self::new(&entries(input)?).ok_or(BytesError::range("a timetable"))
    }
}

/// Writes entries.
pub(crate) fn put_entries(out: &mut Vec<u8>, entries: &[(Nanoseconds, Phase)]) {
    bytes::put_varint(out, entries.len() as u64);
    for (offset, phase) in entries {
        bytes::put_zigzag(out, offset.0);
        bytes::put_u8(out, *phase as u8);
    }
}

/// Reads what [`put_entries`] wrote, whatever the offsets are.
pub(crate) fn entries(input: &mut Reader<'_>) -> Result<Vec<(Nanoseconds, Phase)>, BytesError> {
    let count = input.count(u32::MAX, 2, "the count of timetable entries")?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        entries.push((Nanoseconds(input.zigzag()?), phase(input)?));
    }
    Ok(entries)
}

/// Reads a phase by its number.
pub(crate) fn phase(input: &mut Reader<'_>) -> Result<Phase, BytesError> {
    Phase::from_code(input.u8()?).ok_or(BytesError::range("phase"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(offsets: &[i64]) -> Vec<(Nanoseconds, Phase)> {
        let entry = |offset: &i64| (Nanoseconds(*offset), Phase::Continuous);
        offsets.iter().map(entry).collect()
    }

    #[test]
    fn entries_rise_within_a_day() {
        let many: Vec<i64> = (0..33).collect();
        for good in [&[][..], &[0], &[0, DAY - 1], &many[..32]] {
            assert!(Schedule::new(&entries(good)).is_some(), "{good:?}");
        }
        for bad in [&[-1][..], &[DAY], &[1, 1], &[2, 1], &many] {
            assert!(Schedule::new(&entries(bad)).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn the_next_entry_lies_after_the_instant() {
        let schedule = Schedule::new(&entries(&[0, 10])).expect("valid");
        let at = |time| Time::new(time).expect("in bounds");
        let roll = at(100);
        let next = |time| schedule.next_after(roll, at(time));
        assert_eq!([next(99), next(100), next(109), next(110)], [0, 1, 1, 2]);
        assert_eq!(schedule.entry(roll, 1), Some((at(110), Phase::Continuous)));
        assert_eq!(schedule.entry(roll, 2), None);
    }
}

//! How much of a deadline is left at least after a gap in service: what each venue has said.
//!
//! Invariant: a gap is judged by what was said before it ended, so no later word puts a deadline
//! forward. Not here: the gaps (`gaps`), who may say so (`engine::sales`).

use crate::bytes::{self, BytesError, Reader};
use crate::types::{Nanoseconds, Sequence, VenueId};

/// What a venue leaves that has said nothing: a day.
pub const GRACE: Nanoseconds = Nanoseconds(24 * 3_600 * 1_000_000_000);
/// The least: people need a minute to see that a service is there again.
pub const GRACE_MIN: Nanoseconds = Nanoseconds(60 * 1_000_000_000);
/// The most: 31 days, as long as the longest time to pay.
pub const GRACE_MAX: Nanoseconds = Nanoseconds(31 * 24 * 3_600 * 1_000_000_000);

/// How many words of venues are remembered: four for each of 256 venues. An earlier word of a venue
/// is needed only while a gap is remembered that ended before the next.
pub const GRACES_MAX: usize = 1_024;

/// What a venue said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Said {
    venue: VenueId,
    /// By which command: it holds for gaps that end later.
    sequence: u64,
    grace: Nanoseconds,
}

/// What venues said, by venue, then in order of the commands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Graces {
    list: Vec<Said>,
}

impl Graces {
    /// What a venue leaves after a gap that the command `ended` ended.
    pub(crate) fn of(&self, venue: VenueId, ended: u64) -> Nanoseconds {
        let before = |said: &Said| (said.venue, said.sequence) < (venue, ended);
        let after = self.list.partition_point(before);
        let last = self.list[..after].last();
        let last = last.filter(|said| said.venue == venue);
        last.map_or(GRACE, |said| said.grace)
    }

    /// At least what any venue leaves after any gap that is remembered.
    pub(crate) fn longest(&self) -> Nanoseconds {
        let all = self.list.iter().map(|said| said.grace);
        all.fold(GRACE, Nanoseconds::max)
    }

    /// Whether one more can be remembered beside what the gaps that `ended` asks for need.
    pub(crate) fn is_full(&self, venue: VenueId, ended: impl Fn(u64, u64) -> bool) -> bool {
        let kept = (0..self.list.len()).filter(|at| self.is_needed(*at, venue, &ended));
        kept.count() >= GRACES_MAX
    }

    /// Whether a word is needed once `venue` says another.
    fn is_needed(&self, at: usize, venue: VenueId, ended: &impl Fn(u64, u64) -> bool) -> bool {
        let said = self.list[at];
        let next = self
            .list
            .get(at + 1)
            .filter(|next| next.venue == said.venue);
        match next {
            Some(next) => ended(said.sequence, next.sequence),
            None => said.venue != venue || ended(said.sequence, u64::MAX),
        }
    }

    /// A venue says another; `ended` tells whether a gap is remembered that ended between two
    /// commands.
    pub(crate) fn say(
        &mut self,
        venue: VenueId,
        grace: Nanoseconds,
        sequence: Sequence,
        ended: impl Fn(u64, u64) -> bool,
    ) {
        let needed: Vec<_> = (0..self.list.len())
            .map(|at| self.is_needed(at, venue, &ended))
            .collect();
        let mut needed = needed.into_iter();
        self.list.retain(|_| needed.next() == Some(true));
        let said = Said {
            venue,
            sequence: sequence.value(),
            grace,
        };
        let at = self.list.partition_point(|known| *known < said);
        self.list.insert(at, said);
        assert!(self.list.len() <= GRACES_MAX, "it was checked");
    }

    /// Whether all of it could have been said.
    pub(super) fn is_sound(&self, last: Sequence) -> bool {
        let by = |said: &Said| (said.venue, said.sequence);
        self.list.len() <= GRACES_MAX
            && self.list.is_sorted_by(|one, next| by(one) < by(next))
            && self.list.iter().all(|said| {
                said.sequence <= last.value() && (GRACE_MIN..=GRACE_MAX).contains(&said.grace)
            })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.list.len() as u64);
        for said in &self.list {
            bytes::put_varint(out, u64::from(said.venue.index()));
            bytes::put_varint(out, said.sequence);
            bytes::put_zigzag(out, said.grace.0);
        }
    }

    /// Reads what [`Graces::encode`] wrote; the caller asks whether it is sound.
    pub(super) fn decode(input: &mut Reader<'_>, venues: u32) -> Result<Self, BytesError> {
        let mut graces = Self::default();
        for _ in 0..input.count(GRACES_MAX as u32, 3, "graces")? {
            let venue = input.varint32("a venue with a grace")?;
            if venue >= venues {
                return Err(BytesError::range("a venue with a grace"));
            }
            graces.list.push(Said {
                venue: VenueId::new(venue),
                sequence: input.varint()?,
                grace: Nanoseconds(input.zigzag()?),
            });
        }
        Ok(graces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: VenueId = VenueId::new(0);
    const THERE: VenueId = VenueId::new(1);

    fn never(_: u64, _: u64) -> bool {
        false
    }

    fn always(_: u64, _: u64) -> bool {
        true
    }

    #[test]
    fn a_gap_is_judged_by_what_was_said_before_it_ended() {
        let mut graces = Graces::default();
        graces.say(HERE, GRACE_MIN, Sequence::new(10), always);
        graces.say(THERE, GRACE_MAX, Sequence::new(15), always);
        graces.say(HERE, GRACE_MAX, Sequence::new(20), always);
        let of = |ended| graces.of(HERE, ended);
        assert_eq!(
            [10, 11, 20, 21].map(of),
            [GRACE, GRACE_MIN, GRACE_MIN, GRACE_MAX]
        );
        assert_eq!(
            [graces.of(THERE, 15), graces.of(THERE, 16)],
            [GRACE, GRACE_MAX]
        );
        assert_eq!(graces.of(VenueId::new(2), 99), GRACE);
        assert_eq!(graces.longest(), GRACE_MAX);
    }

    #[test]
    fn an_earlier_word_is_forgotten_with_the_gaps_that_need_it() {
        let mut graces = Graces::default();
        for sequence in 1..=9 {
            let spared = |from: u64, until: u64| (from..until).contains(&3);
            graces.say(HERE, GRACE_MIN, Sequence::new(sequence), spared);
        }
        assert_eq!(
            graces
                .list
                .iter()
                .map(|said| said.sequence)
                .collect::<Vec<_>>(),
            [3, 9]
        );
        graces.say(HERE, GRACE_MAX, Sequence::new(10), never);
        assert_eq!(graces.list.len(), 1);
    }

    #[test]
    fn so_many_words_are_remembered_and_one_more_is_refused() {
        let mut graces = Graces::default();
        for sequence in 1..=GRACES_MAX as u64 {
            assert!(!graces.is_full(HERE, always));
            graces.say(HERE, GRACE_MIN, Sequence::new(sequence), always);
        }
        assert!(graces.is_full(HERE, always));
        assert!(
            !graces.is_full(HERE, never),
            "no gap needs the earlier ones"
        );
        assert!(graces.is_sound(Sequence::new(2_000)));
        assert!(!graces.is_sound(Sequence::new(9)), "by a command to come");
        let mut bytes = Vec::new();
        graces.encode(&mut bytes);
        assert_eq!(Graces::decode(&mut Reader::new(&bytes), 1), Ok(graces));
        assert!(
            Graces::decode(&mut Reader::new(&bytes), 0).is_err(),
            "no such venue"
        );
    }
}

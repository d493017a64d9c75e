//! Gaps in service: times in which a venue was halted or the shard was down, and how far they put
//! deadlines off (SEMANTICS section 20).
//!
//! Invariant: a deadline that a gap reached is never earlier than the gap's end and its grace, and
//! none is ever put forward. A gap costs the same however many contracts live: each deadline is put
//! off when somebody asks for it. Not here: whose deadlines (`contract`).

use std::collections::VecDeque;

use super::graces::{GRACE, GRACE_MAX, Graces};
use crate::bytes::{self, BytesError, Reader};
use crate::types::{Nanoseconds, Sequence, Time, VenueId};

/// How many gaps are remembered: a restart every six minutes for a whole day of grace, or every
/// three hours for the longest of 31. One more makes one of the two oldest, which puts off what
/// either would.
pub const GAPS_MAX: usize = 256;

/// A time without service, its beginning outside, its end inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Gap {
    /// The command that ended it: what was set later is not put off by it.
    sequence: u64,
    /// Of this venue; none of all.
    venue: Option<VenueId>,
    from: Time,
    until: Time,
    /// What is left after it at least, whatever its venues said: zero but for one made of two.
    least: Nanoseconds,
}

/// The gaps that may still put something off.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gaps {
    list: VecDeque<Gap>,
    /// Venues that are halted or suspended, since when.
    halted: Vec<(VenueId, Time)>,
    /// What venues leave after a gap.
    graces: Graces,
}

impl Gaps {
    /// All venues were without service.
    pub(crate) fn down(&mut self, from: Time, until: Time, sequence: Sequence) {
        self.add(None, from, until, sequence);
    }

    /// A venue halts, unless it has.
    pub(crate) fn halt(&mut self, venue: VenueId, now: Time) {
        if self.halted_since(venue).is_none() {
            self.halted.push((venue, now));
        }
    }

    /// A venue goes on, if it was halted.
    pub(crate) fn resume(&mut self, venue: VenueId, now: Time, sequence: Sequence) {
        if let Some(since) = self.halted_since(venue) {
            self.halted.retain(|(halted, _)| *halted != venue);
            self.add(Some(venue), since, now, sequence);
        }
    }

    fn halted_since(&self, venue: VenueId) -> Option<Time> {
        let found = self.halted.iter().find(|(halted, _)| *halted == venue);
        found.map(|(_, since)| *since)
    }

    /// When what a gap reached at a venue comes at the earliest.
    fn end_at(&self, gap: &Gap, venue: VenueId) -> Time {
        let grace = self.graces.of(venue, gap.sequence);
        gap.until.after(grace.max(gap.least))
    }

    /// What is left after a gap at most.
    fn most(&self, gap: &Gap) -> Nanoseconds {
        let said = match gap.venue {
            Some(venue) => self.graces.of(venue, gap.sequence),
            None => self.graces.longest(),
        };
        said.max(gap.least)
    }

    /// What a venue leaves after a gap that ends next.
    pub(crate) fn grace(&self, venue: VenueId) -> Nanoseconds {
        self.graces.of(venue, u64::MAX)
    }

    /// How far a deadline that falls due in a halt of a venue is put off: by its grace, or as long
    /// as the halt has lasted, up to a day, so that a long one costs few rounds however short the
    /// grace.
    pub(crate) fn in_halt(&self, venue: VenueId, now: Time) -> Nanoseconds {
        let since = self.halted_since(venue).unwrap_or(now);
        let lasted = Nanoseconds(now.nanoseconds() - since.nanoseconds());
        self.grace(venue).max(lasted.min(GRACE))
    }

    /// Whether no venue can say another grace.
    pub(crate) fn are_graces_full(&self, venue: VenueId) -> bool {
        self.graces
            .is_full(venue, |from, until| ended(&self.list, from, until))
    }

    /// A venue leaves so much after gaps that end from now on.
    pub(crate) fn set_grace(&mut self, venue: VenueId, grace: Nanoseconds, sequence: Sequence) {
        let Self { list, graces, .. } = self;
        graces.say(venue, grace, sequence, |from, until| {
            ended(list, from, until)
        });
    }

    fn add(&mut self, venue: Option<VenueId>, from: Time, until: Time, sequence: Sequence) {
        if from >= until {
            return;
        }
        if self.list.len() == GAPS_MAX {
            let first = self.list.pop_front().expect("it is full");
            let left = self.most(&first);
            let second = self.list.front_mut().expect("it was full");
            second.from = second.from.min(first.from);
            second.least = second.least.max(left);
            if second.venue != first.venue {
                second.venue = None;
            }
        }
        self.list.push_back(Gap {
            sequence: sequence.value(),
            venue,
            from,
            until,
            least: Nanoseconds(0),
        });
    }

    /// When an instant at a venue that the command `set` has set really comes.
    pub(crate) fn put_off(&self, instant: Time, set: u64, venue: VenueId) -> Time {
        let reached = |gap: &&Gap| gap.sequence > set && gap.venue.is_none_or(|of| of == venue);
        self.list.iter().filter(reached).fold(instant, |at, gap| {
            let end = self.end_at(gap, venue);
            let moves = gap.from < at && at < end;
            if moves { end } else { at }
        })
    }

    /// Whether such an instant has passed: not while the venue is halted, if that began before it.
    pub(crate) fn has_passed(&self, instant: Time, set: u64, venue: VenueId, now: Time) -> bool {
        let at = self.put_off(instant, set, venue);
        let waits = self.halted_since(venue).is_some_and(|since| since < at);
        at <= now && !waits
    }

    /// Forgets gaps that can put nothing off any more, chain by chain: what they reached has passed
    /// by now, and no halt began before that. `first` is the first instant that is still to come.
    pub(crate) fn forget(&mut self, first: Option<Time>, now: Time) {
        while let Some((count, end)) = self.first_chain() {
            let due = first.is_some_and(|first| first <= end);
            let halted = self.halted.iter().any(|(_, since)| *since < end);
            if now < end || due || halted {
                return;
            }
            self.list.drain(..count);
        }
    }

    /// The oldest gaps up to the last that one of them may put off into, and when what they
    /// reached comes at the latest.
    fn first_chain(&self) -> Option<(usize, Time)> {
        let mut chain = None;
        let mut latest = None;
        for (at, gap) in self.list.iter().enumerate() {
            latest = latest.max(Some(gap.until.after(self.most(gap))));
            if chain.is_none_or(|(_, end)| gap.from < end) {
                chain = latest.map(|end| (at + 1, end));
            }
        }
        chain
    }

    /// Checks the list.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(&self, now: Time, last: Sequence) -> Result<(), &'static str> {
        let ends = self.list.iter().map(|gap| gap.sequence);
        let sound = self.list.len() <= GAPS_MAX
            && ends.is_sorted_by(|one, next| one < next)
            && self.list.iter().all(|gap| gap.sequence <= last.value())
            && self
                .list
                .iter()
                .all(|gap| gap.from < gap.until && gap.until <= now)
            && self
                .list
                .iter()
                .all(|gap| gap.least.0 >= 0 && gap.least <= GRACE_MAX)
            && self.halted.iter().all(|(_, since)| *since <= now)
            && self.graces.is_sound(last);
        if sound {
            Ok(())
        } else {
            Err("gaps in service are not in order")
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.list.len() as u64);
        for gap in &self.list {
            bytes::put_varint(out, gap.sequence);
            let venue = gap.venue.map(|venue| u64::from(venue.index()));
            bytes::put_option(out, venue, bytes::put_varint);
            bytes::put_time(out, gap.from);
            bytes::put_time(out, gap.until);
            bytes::put_zigzag(out, gap.least.0);
        }
        bytes::put_varint(out, self.halted.len() as u64);
        for (venue, since) in &self.halted {
            bytes::put_varint(out, u64::from(venue.index()));
            bytes::put_time(out, *since);
        }
        self.graces.encode(out);
    }

    pub(super) fn decode(
        input: &mut Reader<'_>,
        venues: u32,
        (now, last): (Time, Sequence),
    ) -> Result<Self, BytesError> {
        let broken = || BytesError::range("a gap in service");
        let known = |index: u32| {
            let venue = (index < venues).then(|| VenueId::new(index));
            venue.ok_or_else(broken)
        };
        let mut gaps = Self::default();
        for _ in 0..input.count(GAPS_MAX as u32, 5, "gaps in service")? {
            let sequence = input.varint()?;
            let venue = input.option(|input| input.varint32("a gap's venue"))?;
            gaps.list.push_back(Gap {
                sequence,
                venue: venue.map(known).transpose()?,
                from: input.time("where a gap begins")?,
                until: input.time("where a gap ends")?,
                least: Nanoseconds(input.zigzag()?),
            });
        }
        for _ in 0..input.count(venues, 2, "halted venues")? {
            let venue = known(input.varint32("a halted venue")?)?;
            if gaps.halted_since(venue).is_some() {
                return Err(broken());
            }
            gaps.halted.push((venue, input.time("a halt")?));
        }
        gaps.graces = Graces::decode(input, venues)?;
        gaps.audit(now, last).map_err(|_| broken())?;
        Ok(gaps)
    }
}

/// Whether one of these gaps ended after one command and before another, or with it.
fn ended(gaps: &VecDeque<Gap>, from: u64, until: u64) -> bool {
    gaps.iter()
        .any(|gap| from < gap.sequence && gap.sequence <= until)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;
    const HERE: VenueId = VenueId::new(0);
    const THERE: VenueId = VenueId::new(1);

    fn at(hours: i64) -> Time {
        Time::new(hours * HOUR).expect("in bounds")
    }

    #[test]
    fn a_gap_puts_off_what_it_reached_and_nothing_else() {
        let mut gaps = Gaps::default();
        gaps.down(at(10), at(20), Sequence::new(7));
        let off = |hours| gaps.put_off(at(hours), 0, HERE);
        assert_eq!(off(10), at(10), "it had passed");
        assert_eq!(
            [11, 20, 43].map(off),
            [at(44); 3],
            "inside, and in the grace"
        );
        assert_eq!([44, 50].map(off), [at(44), at(50)]);
        assert_eq!(gaps.put_off(at(21), 7, HERE), at(21), "set later");
    }

    #[test]
    fn a_halt_is_of_one_venue_and_nothing_passes_in_it() {
        let mut gaps = Gaps::default();
        gaps.halt(HERE, at(10));
        gaps.halt(HERE, at(12));
        assert!(gaps.has_passed(at(10), 0, HERE, at(15)));
        assert!(!gaps.has_passed(at(11), 0, HERE, at(15)));
        assert!(gaps.has_passed(at(11), 0, THERE, at(15)));
        let off = |gaps: &Gaps| [11, 15, 60].map(|hour| gaps.in_halt(HERE, at(hour)).0 / HOUR);
        assert_eq!(off(&gaps), [24; 3], "its grace");
        let mut short = gaps.clone();
        short.set_grace(HERE, Nanoseconds(2 * HOUR), Sequence::new(3));
        assert_eq!(off(&short), [2, 5, 24], "as long as it lasted, to a day");
        gaps.resume(HERE, at(20), Sequence::new(9));
        assert!(!gaps.has_passed(at(11), 0, HERE, at(43)));
        assert!(gaps.has_passed(at(11), 0, HERE, at(44)));
        assert_eq!(gaps.put_off(at(11), 0, THERE), at(11));
    }

    #[test]
    fn a_gap_is_forgotten_when_nothing_can_be_put_off_by_it() {
        let mut gaps = Gaps::default();
        gaps.down(at(10), at(20), Sequence::new(7));
        gaps.down(at(30), at(40), Sequence::new(8));
        gaps.forget(None, at(50));
        assert_eq!(
            gaps.list.len(),
            2,
            "the second began in the first one's grace"
        );
        gaps.forget(None, at(63));
        assert_eq!(gaps.list.len(), 2, "it waits for the second");
        gaps.forget(None, at(64));
        assert!(gaps.list.is_empty(), "both are over");
        let mut alone = Gaps::default();
        alone.down(at(10), at(20), Sequence::new(7));
        alone.forget(Some(at(30)), at(50));
        assert_eq!(alone.list.len(), 1, "something is due");
        alone.forget(Some(at(45)), at(50));
        assert!(alone.list.is_empty());
    }

    #[test]
    fn a_chain_of_gaps_goes_whole_and_what_follows_it_stays() {
        let mut gaps = Gaps::default();
        gaps.halt(HERE, at(10));
        gaps.down(at(70), at(71), Sequence::new(7));
        gaps.down(at(96), at(97), Sequence::new(8));
        gaps.resume(HERE, at(100), Sequence::new(9));
        gaps.down(at(124), at(125), Sequence::new(10));
        assert_eq!(
            gaps.first_chain(),
            Some((3, at(124))),
            "the halt holds two gaps that do not touch"
        );
        gaps.forget(None, at(124));
        assert_eq!(gaps.list.len(), 1, "what began when all had passed");
        gaps.halt(HERE, at(148));
        gaps.forget(None, at(200));
        assert_eq!(gaps.list.len(), 1, "the halt began in its grace");
        gaps.resume(HERE, at(200), Sequence::new(11));
        gaps.forget(None, at(224));
        assert!(gaps.list.is_empty());
    }

    #[test]
    fn a_venue_leaves_what_it_said_before_the_gap_ended() {
        let mut gaps = Gaps::default();
        let hours = |hours: i64| Nanoseconds(hours * HOUR);
        gaps.set_grace(HERE, hours(1), Sequence::new(5));
        gaps.down(at(10), at(20), Sequence::new(7));
        gaps.set_grace(HERE, hours(100), Sequence::new(8));
        assert_eq!(
            [HERE, THERE].map(|venue| gaps.put_off(at(11), 0, venue)),
            [at(21), at(44)]
        );
        assert_eq!(
            [HERE, THERE].map(|venue| gaps.grace(venue)),
            [hours(100), hours(24)]
        );
        gaps.down(at(200), at(201), Sequence::new(9));
        assert_eq!(gaps.put_off(at(201), 0, HERE), at(301));
        gaps.forget(None, at(300));
        assert_eq!(gaps.list.len(), 1, "one venue leaves a hundred hours");
        gaps.forget(None, at(301));
        assert!(gaps.list.is_empty());
    }

    #[test]
    fn the_oldest_gaps_become_one() {
        let mut gaps = Gaps::default();
        gaps.set_grace(HERE, Nanoseconds(40 * HOUR), Sequence::new(0));
        for hour in 0..=GAPS_MAX as i64 {
            let venue = if hour % 2 == 0 { HERE } else { THERE };
            let ended = Sequence::new(hour as u64 + 1);
            gaps.add(Some(venue), at(hour * 2), at(hour * 2 + 1), ended);
        }
        assert_eq!(gaps.list.len(), GAPS_MAX);
        let last = Sequence::new(1_000);
        assert_eq!(gaps.audit(at(1_000), last), Ok(()));
        let (first, either) = (gaps.list[0], [HERE, THERE]);
        assert_eq!((first.venue, first.from), (None, at(0)));
        let off = either.map(|venue| at(3 + 24) <= gaps.put_off(at(1), 0, venue));
        assert_eq!(off, [true; 2]);
        assert_eq!(first.least, Nanoseconds(40 * HOUR), "what the first left");
        let mut bytes = Vec::new();
        gaps.encode(&mut bytes);
        let again = Gaps::decode(&mut Reader::new(&bytes), 2, (at(1_000), last));
        assert_eq!(again, Ok(gaps));
    }
}

//! The shard's time: monotone, close to the wall clock, and never led astray by it.
//!
//! Invariant: time never falls. A step of the wall clock above the bound is not followed but
//! alarmed until an operator accepts it, or until it is undone. Not here: what happens at a
//! deadline (the engine), when a tick is put (the sequencer).

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::handle::ClockStatus;
use crate::types::{Nanoseconds, Time};

/// Where time comes from.
pub trait TimeSource: Send + Sync + Debug {
    /// The wall clock: nanoseconds since 1970-01-01 UTC.
    fn wall(&self) -> Time;
    /// A clock that only runs forward: nanoseconds since some instant.
    fn monotonic(&self) -> Nanoseconds;
}

/// The clocks of the machine.
#[derive(Debug)]
pub struct SystemTimeSource {
    begun: Instant,
}

impl Default for SystemTimeSource {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
        }
    }
}

impl TimeSource for SystemTimeSource {
    fn wall(&self) -> Time {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Time::ZERO.after(span(since))
    }

    fn monotonic(&self) -> Nanoseconds {
        span(self.begun.elapsed())
    }
}

/// A source that stands still until it is set: for tests and for replays at a chosen time.
#[derive(Debug)]
pub struct ManualTimeSource {
    now: Mutex<(Time, Nanoseconds)>,
}

impl ManualTimeSource {
    /// Stands at `wall`.
    pub const fn new(wall: Time) -> Self {
        Self {
            now: Mutex::new((wall, Nanoseconds(0))),
        }
    }

    /// Both clocks run on by `by`.
    pub fn run(&self, by: Nanoseconds) {
        let mut now = self.now.lock().expect("no holder of this lock can panic");
        *now = (now.0.after(by), Nanoseconds(now.1.0 + by.0));
    }

    /// Only the wall clock moves, by `by`: a step.
    pub fn step(&self, by: Nanoseconds) {
        let mut now = self.now.lock().expect("no holder of this lock can panic");
        now.0 = now.0.after(by);
    }
}

impl TimeSource for ManualTimeSource {
    fn wall(&self) -> Time {
        self.now.lock().expect("no holder of this lock can panic").0
    }

    fn monotonic(&self) -> Nanoseconds {
        self.now.lock().expect("no holder of this lock can panic").1
    }
}

/// A span of the standard library as nanoseconds; longer than 292 years is held there.
pub(crate) fn span(duration: Duration) -> Nanoseconds {
    Nanoseconds(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

/// What the venues of a journal allow at start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stakes {
    /// Only sandboxes: a clock far ahead is followed, with a warning.
    Sandbox,
    /// Somebody's orders: a clock far ahead waits for an operator.
    Real,
}

/// The bounds of trust.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Trust {
    pub(crate) step_max: Nanoseconds,
    pub(crate) start_ahead_max: Nanoseconds,
    pub(crate) accept_within: Nanoseconds,
}

/// The shard's clock. `time = monotonic + offset`; the offset follows the wall clock in small
/// steps only.
#[derive(Debug)]
pub(crate) struct Clock {
    trust: Trust,
    /// The last time given.
    last: Time,
    /// Time less monotonic.
    offset: i64,
    /// Wall less monotonic, as last followed or accepted: a step is measured from here.
    wall_offset: i64,
    status: ClockStatus,
}

impl Clock {
    /// A clock for a journal whose last command was stamped `last` (`None` for a new journal).
    pub(crate) fn start(
        source: &dyn TimeSource,
        trust: Trust,
        last: Option<Time>,
        stakes: Stakes,
    ) -> Self {
        let wall = source.wall();
        let monotonic = source.monotonic().0;
        let ahead = last.map_or(0, |last| wall.nanoseconds() - last.nanoseconds());
        let held = ahead > trust.start_ahead_max.0 && stakes == Stakes::Real;
        let begin = match last {
            Some(last) if ahead < 0 || held => last,
            Some(_) | None => wall,
        };
        let status = if held {
            ClockStatus::Held(Nanoseconds(ahead))
        } else if ahead < -trust.step_max.0 {
            ClockStatus::Stepped(Nanoseconds(ahead))
        } else {
            ClockStatus::Following
        };
        let offset = begin.nanoseconds() - monotonic;
        // A wall clock behind is followed again once it is where time is.
        let wall_offset = match status {
            ClockStatus::Stepped(_) => offset,
            ClockStatus::Following | ClockStatus::Held(_) => wall.nanoseconds() - monotonic,
        };
        Self {
            trust,
            last: begin,
            offset,
            wall_offset,
            status,
        }
    }

    /// The time now; never less than before.
    pub(crate) fn now(&mut self, source: &dyn TimeSource) -> Time {
        let monotonic = source.monotonic().0;
        self.follow(source.wall().nanoseconds() - monotonic);
        let time = Time::new(monotonic + self.offset).unwrap_or(self.last);
        self.last = self.last.max(time);
        self.last
    }

    /// Follows a small step, alarms a large one until it is undone.
    fn follow(&mut self, wall_offset: i64) {
        let step = wall_offset - self.wall_offset;
        let bound = self.trust.step_max.0;
        match self.status {
            ClockStatus::Held(_) => {}
            ClockStatus::Following | ClockStatus::Stepped(_) if step.abs() <= bound => {
                self.offset += step;
                self.wall_offset = wall_offset;
                self.status = ClockStatus::Following;
            }
            // It trembles, as clocks do: the same step still.
            ClockStatus::Stepped(told) if (step - told.0).abs() <= bound => {}
            ClockStatus::Following | ClockStatus::Stepped(_) => {
                self.status = ClockStatus::Stepped(Nanoseconds(step));
            }
        }
    }

    /// An operator accepts the wall clock, having seen it at `seen`. If it is ahead, time jumps
    /// there; if it is behind, time runs on from where it is, since it may never fall, and the
    /// alarm ends. Says no, and changes nothing, if the clock is no longer near what was seen.
    pub(crate) fn accept(&mut self, source: &dyn TimeSource, seen: Time) -> bool {
        let wall = source.wall().nanoseconds();
        if wall.abs_diff(seen.nanoseconds()) > self.trust.accept_within.0.unsigned_abs() {
            return false;
        }
        self.wall_offset = wall - source.monotonic().0;
        self.offset = self.offset.max(self.wall_offset);
        self.status = ClockStatus::Following;
        true
    }

    pub(crate) fn status(&self) -> ClockStatus {
        self.status
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;

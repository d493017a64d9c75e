//! Whether a step came when it may: deadlines fire once they are due and not before, a gap in
//! service puts them off, and what has passed cannot be acted on.
//!
//! The gateway's gap begins with its last command before it died, which nobody outside saw; it lies
//! between the last report of that life and its end. What falls between these two may have passed
//! or been put off, everything else is decided. Invariant: nothing here waits. Not here: deadlines
//! that nothing came of at all (`inspect`).

use std::collections::BTreeMap;

use proto::v1::{ContractReport, ContractStep, OperationReport, SetGraceRequest};

use super::{ledger::Lives, ns};

const SECOND_NS: i64 = 1_000_000_000;
/// How long after a gap no deadline passes where nothing else was said.
const GRACE_NS: i64 = 24 * 3_600 * SECOND_NS;

/// How long after a gap no deadline passes, as the operator says.
#[derive(Clone, Default, Debug)]
pub struct Graces {
    /// When it was said, and what, in nanoseconds; by place of the history.
    said: BTreeMap<u64, (i64, i64)>,
    /// Asked for and not answered yet.
    open: BTreeMap<String, i64>,
}

impl Graces {
    /// It is about to be set.
    pub fn asks(&mut self, id: &str, set: &SetGraceRequest) {
        let grace = set.grace.as_ref().map_or(0, |grace| grace.seconds);
        self.open.insert(id.to_owned(), grace * SECOND_NS);
    }

    /// It was set, or refused.
    pub fn answered(&mut self, id: &str, report: &OperationReport) {
        if let Some(grace) = self.open.remove(id).filter(|_| report.accepted) {
            let at = report.transact_time.as_ref().map_or(0, ns);
            self.said.insert(report.engine_sequence, (at, grace));
        }
    }

    /// How often it was set.
    pub fn times(&self) -> u64 {
        self.said.len() as u64
    }

    /// The shortest and the longest that may hold for a gap that began by this instant.
    fn of(&self, at_ns: i64) -> (i64, i64) {
        let before = self.said.values().rev().find(|(at, _)| *at <= at_ns);
        let known = before.map_or(GRACE_NS, |(_, grace)| *grace);
        let open = || self.open.values().copied();
        let (least, most) = (open().min(), open().max());
        (
            least.map_or(known, |least| least.min(known)),
            most.map_or(known, |most| most.max(known)),
        )
    }

    /// Whether a venue may say so after all that was done.
    pub fn may_be(&self, seconds: i64) -> bool {
        let last = self.said.values().next_back();
        let last = last.map_or(GRACE_NS, |(_, grace)| *grace);
        let told = seconds * SECOND_NS;
        told == last || self.open.values().any(|open| *open == told)
    }
}

/// What is known of the exchange's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock<'a> {
    /// When the gateway died.
    pub lives: &'a Lives,
    /// The latest instant that a report of each life tells.
    pub latest: &'a [i64],
    /// How long after a gap no deadline passes.
    pub graces: &'a Graces,
}

impl Clock<'_> {
    /// Whether the gap before a life puts off what is due at an instant.
    fn puts_off(&self, due: i64, life: usize) -> bool {
        let end = life.checked_sub(1).and_then(|last| self.lives.end(last));
        end.is_some_and(|end| due > end && due < end + self.graces.of(end).0)
    }

    /// The earliest and the latest instant to which gaps put off what was set in life `begun`, as
    /// it is told at an instant of life `life`.
    fn put_off(&self, begun: usize, (at, life): (i64, usize)) -> Option<(i64, i64)> {
        let last = self.lives.end(life.checked_sub(1)?)?;
        let until = |gap: usize| {
            let began = self.lives.end(gap.checked_sub(1)?)?;
            let ended = self.lives.end(gap).map_or(at, |end| end.min(at));
            Some(ended + self.graces.of(began).1)
        };
        let latest = (begun + 1..=life).filter_map(until).max()?;
        Some((last + self.graces.of(last).0, latest))
    }
}

/// Whether `now` may follow on `before`, whose deadline was set in life `begun` (that of the offer
/// where its close is the deadline).
///
/// # Errors
/// What must not be.
pub fn judge(
    before: &ContractReport,
    now: &ContractReport,
    begun: usize,
    clock: Clock<'_>,
) -> Result<(), String> {
    let at = now.transact_time.as_ref().map_or(0, ns);
    let life = clock.lives.of(at);
    let deadline = before.deadline.as_ref().map(ns);
    let wrong = |what: &str| {
        Err(format!(
            "contract {} version {}: {what}: due {deadline:?} set in life {begun}, now {at} in \
             life {life}",
            now.contract_id, now.version
        ))
    };
    match now.step() {
        ContractStep::Deadline => match deadline {
            None => wrong("a deadline fired, none was told"),
            Some(due) if at < due => wrong("a deadline fired before it was due"),
            Some(due) if (begun + 1..=life).any(|gap| clock.puts_off(due, gap)) => {
                wrong("a deadline fired that a gap in service puts off")
            }
            Some(_) => Ok(()),
        },
        ContractStep::PutOff => {
            let later = now.deadline.as_ref().map(ns);
            let (Some(due), Some(later)) = (deadline, later) else {
                return wrong("a deadline was put off that was not told, or to no instant");
            };
            let passed = clock.latest.get(begun).is_some_and(|latest| due <= *latest);
            if life <= begun {
                wrong("a deadline was put off without a gap in service")
            } else if at < due {
                wrong("a deadline was put off before it was due")
            } else if passed {
                wrong("a deadline was put off that had passed before the gap")
            } else if clock
                .put_off(begun, (at, life))
                .is_none_or(|(first, last)| later < first || later > last)
            {
                wrong("a deadline was put off to a wrong instant")
            } else {
                Ok(())
            }
        }
        ContractStep::Unspecified => wrong("nothing was done"),
        ContractStep::Reserve
        | ContractStep::Pay
        | ContractStep::PayIn
        | ContractStep::PaidIn
        | ContractStep::Cancel
        | ContractStep::HandOver
        | ContractStep::Deliver
        | ContractStep::PickUp
        | ContractStep::Accept
        | ContractStep::AskReturn
        | ContractStep::HandBack
        | ContractStep::TakeBack
        | ContractStep::Dispute
        | ContractStep::Resolve
        | ContractStep::Rescind
        | ContractStep::Invoice
        | ContractStep::Basket => {
            if life == begun && deadline.is_some_and(|due| at >= due) {
                return wrong("a step was taken whose time had passed");
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn instant(seconds: i64) -> prost_types::Timestamp {
        prost_types::Timestamp { seconds, nanos: 0 }
    }

    fn set(seconds: i64) -> SetGraceRequest {
        SetGraceRequest {
            grace: Some(prost_types::Duration { seconds, nanos: 0 }),
            ..SetGraceRequest::default()
        }
    }

    /// The gateway died at second 6; 90 seconds of grace were said at `second`, or asked for.
    fn graces(second: Option<i64>) -> Graces {
        let mut graces = Graces::default();
        graces.asks("g", &set(90));
        if let Some(second) = second {
            let report = OperationReport {
                accepted: true,
                engine_sequence: 1,
                transact_time: Some(instant(second)),
                ..OperationReport::default()
            };
            graces.answered("g", &report);
        }
        graces
    }

    /// What is due at second `due`, set in the first life, and what happened in the second one.
    fn judged(
        graces: &Graces,
        due: i64,
        (step, at, later): (ContractStep, i64, Option<i64>),
    ) -> Result<(), String> {
        let mut lives = Lives::default();
        lives.ended(6 * SECOND_NS);
        let before = ContractReport {
            deadline: Some(instant(due)),
            ..ContractReport::default()
        };
        let now = ContractReport {
            step: step.into(),
            transact_time: Some(instant(at)),
            deadline: later.map(instant),
            ..ContractReport::default()
        };
        let clock = Clock {
            lives: &lives,
            latest: &[5 * SECOND_NS],
            graces,
        };
        judge(&before, &now, 0, clock)
    }

    const DAY: i64 = 24 * 3_600;

    #[test]
    fn a_gap_puts_off_by_the_grace_that_was_said_before_it() {
        let put_off = |graces: &Graces, later: i64| {
            let step = (ContractStep::PutOff, 8, Some(8 + later));
            judged(graces, 7, step)
        };
        let (before, after, open) = (graces(Some(5)), graces(Some(7)), graces(None));
        assert_eq!(put_off(&before, 90), Ok(()));
        assert!(put_off(&before, DAY).is_err());
        assert!(put_off(&before, 87).is_err());
        assert_eq!(put_off(&after, DAY), Ok(()));
        assert!(put_off(&after, 90).is_err());
        // Nobody knows whether it was done.
        assert_eq!(put_off(&open, 90), Ok(()));
        assert_eq!(put_off(&open, DAY), Ok(()));
        assert!(put_off(&open, DAY + 1).is_err());
    }

    #[test]
    fn what_is_due_within_the_grace_must_not_pass() {
        let fires = |due: i64| {
            let step = (ContractStep::Deadline, due, None);
            judged(&graces(Some(5)), due, step)
        };
        assert!(fires(95).is_err());
        assert_eq!(fires(96), Ok(()), "the grace was over by then");
    }

    #[test]
    fn what_a_venue_says_is_what_was_said_last() {
        assert!(Graces::default().may_be(DAY));
        assert!(!Graces::default().may_be(90));
        assert!(graces(Some(5)).may_be(90) && !graces(Some(5)).may_be(DAY));
        assert!(graces(None).may_be(90) && graces(None).may_be(DAY));
        let mut refused = graces(None);
        refused.answered("g", &OperationReport::default());
        assert!(refused.may_be(DAY) && !refused.may_be(90));
        assert_eq!((refused.times(), graces(Some(5)).times()), (0, 1));
    }
}

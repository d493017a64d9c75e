//! Whether a step came when it may: deadlines fire once they are due and not before, a gap in
//! service puts them off, and what has passed cannot be acted on.
//!
//! The gateway's gap begins with its last command before it died, which nobody outside saw; it lies
//! between the last report of that life and its end. What falls between these two may have passed
//! or been put off, everything else is decided. Invariant: nothing here waits. Not here: deadlines
//! that nothing came of at all (`inspect`).

use proto::v1::{ContractReport, ContractStep};

use super::{ledger::Lives, ns};

/// How long after a gap no deadline passes.
const GRACE_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// What is known of the exchange's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock<'a> {
    /// When the gateway died.
    pub lives: &'a Lives,
    /// The latest instant that a report of each life tells.
    pub latest: &'a [i64],
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
    let ended = clock.lives.end(begun);
    match now.step() {
        ContractStep::Deadline => match deadline {
            None => wrong("a deadline fired, none was told"),
            Some(due) if at < due => wrong("a deadline fired before it was due"),
            Some(due) if life > begun && ended.is_some_and(|end| due > end) => {
                wrong("a deadline fired that a gap in service puts off")
            }
            Some(_) => Ok(()),
        },
        ContractStep::PutOff => {
            let later = now.deadline.as_ref().map(ns);
            let last_end = life.checked_sub(1).and_then(|last| clock.lives.end(last));
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
            } else if later > at + GRACE_NS || last_end.is_some_and(|end| later < end + GRACE_NS) {
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

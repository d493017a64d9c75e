//! What the answers said, while many are under way.
//!
//! Invariant: every call is counted once: answered, refused, or unknown; what an answer says beside
//! what it should is a mismatch. Not here: the sums at the end (`check`).

use std::{
    future::Future,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use proto::v1::{ContractReport, ContractState, OfferAct, OfferReport, OperationReport};
use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use tokio::time::Instant;
use tonic::Status;

use super::shop::DECIMALS;
use crate::{
    client::connect::is_refusal,
    report::{Latencies, Summary},
};

/// A step was not answered as it should be: what depends on it cannot be done.
#[derive(Clone, Copy, Debug)]
pub struct Lost;

/// What was done, by what the answers said.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Done {
    /// Contracts at a price.
    pub sales: u64,
    /// Contracts at price 0.
    pub gifts: u64,
    /// Counts of stock, services' with them.
    pub stock: u64,
    /// Returns that met one sale.
    pub met_one: u64,
    /// Returns that met several.
    pub met_several: u64,
    /// Refunds of what no sale is known of.
    pub goodwill: u64,
    /// Charges.
    pub charges: u64,
    /// Adjustments against the named account.
    pub accounts: u64,
    /// What contracts are worth, thousandths of a pound.
    pub formed_mills: i64,
    /// What the seller was paid by contracts.
    pub paid_mills: i64,
    /// What it paid back by contracts.
    pub returned_mills: i64,
    /// What it got by compensations, less what it gave.
    pub compensated_mills: i64,
}

/// How a contract stands after a step, and what it moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stand {
    /// Its state.
    pub state: ContractState,
    /// Its version.
    pub version: u32,
    /// Money it holds, thousandths of a pound.
    pub held_mills: i64,
    /// What the seller got.
    pub paid_mills: i64,
    /// What the seller paid back.
    pub back_mills: i64,
    /// Pieces that left the warehouse.
    pub goods_out: i64,
}

/// See the file's head.
#[derive(Debug)]
pub struct Tally {
    kept: Mutex<Kept>,
    stopped: AtomicBool,
}

/// What is counted.
#[derive(Default, Debug)]
pub struct Kept {
    /// Calls and answers.
    pub summary: Summary,
    /// From the sending of each call to its answer.
    pub latencies: Latencies,
    /// What was done.
    pub done: Done,
}

impl Tally {
    /// Nothing was done yet.
    pub fn new(summary: Summary) -> Self {
        Self {
            kept: Mutex::new(Kept {
                summary,
                ..Kept::default()
            }),
            stopped: AtomicBool::new(false),
        }
    }

    /// All that is counted; nobody may hold it over a call.
    pub fn kept(&self) -> MutexGuard<'_, Kept> {
        // Counters have no state in between that another thread could meet.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call was not answered: nothing more is sent.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Makes a call and counts it.
    pub async fn ask<T>(
        &self,
        what: impl Fn() -> String,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Lost> {
        self.kept().summary.commands += 1;
        let begun = Instant::now();
        let answer = call.await;
        let mut kept = self.kept();
        let status = match answer {
            Ok(answer) => {
                kept.latencies.record(begun.elapsed());
                kept.summary.acknowledged += 1;
                return Ok(answer);
            }
            Err(status) => status,
        };
        if is_refusal(&status) {
            kept.summary.refused += 1;
        } else {
            kept.summary.unknown += 1;
        }
        let (code, message) = (status.code(), status.message());
        let told = format!("{}: {code:?}: {message}", what());
        kept.summary.error.get_or_insert(told);
        self.stopped.store(true, Ordering::Relaxed);
        Err(Lost)
    }

    /// Looks at the answer to a step; what it says beside `expected` is a mismatch.
    pub fn step(
        &self,
        what: impl Fn() -> String,
        report: &ContractReport,
        expected: &Stand,
    ) -> Result<(), Lost> {
        let mut kept = self.kept();
        kept.summary.durable(report.engine_sequence);
        if !report.reject_reason.is_empty() {
            kept.rejected(&what(), &report.reject_reason, &report.text);
            return Err(Lost);
        }
        let stand = stand(report);
        if stand.as_ref() != Some(expected) {
            let told = || format!("{}: expected {expected:?}, got {stand:?}", what());
            kept.summary.mismatch(told);
        }
        Ok(())
    }

    /// Looks at the answer to what the seller did with an offer.
    pub fn offer(
        &self,
        what: impl Fn() -> String,
        report: &OfferReport,
        expected: OfferAct,
    ) -> Result<(), Lost> {
        let mut kept = self.kept();
        kept.summary.durable(report.engine_sequence);
        if !report.reject_reason.is_empty() {
            kept.rejected(&what(), &report.reject_reason, &report.text);
            return Err(Lost);
        }
        if report.act() != expected {
            let act = report.act();
            let told = || format!("{}: expected {expected:?}, got {act:?}", what());
            kept.summary.mismatch(told);
        }
        Ok(())
    }

    /// Looks at the answer to an operation.
    pub fn operation(
        &self,
        what: impl Fn() -> String,
        report: &OperationReport,
    ) -> Result<(), Lost> {
        let mut kept = self.kept();
        kept.summary.durable(report.engine_sequence);
        if report.accepted {
            return Ok(());
        }
        kept.rejected(&what(), &report.reject_reason, &report.text);
        Err(Lost)
    }
}

impl Kept {
    fn rejected(&mut self, what: &str, reason: &str, text: &str) {
        self.summary.reject(reason);
        self.summary
            .mismatch(|| format!("{what}: {reason}: {text}"));
    }
}

fn stand(report: &ContractReport) -> Option<Stand> {
    Some(Stand {
        state: report.state(),
        version: report.version,
        held_mills: mills(&report.money_held)?,
        paid_mills: mills(&report.paid_out)?,
        back_mills: mills(&report.penalty)?,
        goods_out: whole(&report.goods_out)?,
    })
}

/// An amount in thousandths of a pound; of nothing said, nothing.
pub fn mills(text: &str) -> Option<i64> {
    scaled(text, Decimal::from(10_i64.pow(DECIMALS)))
}

/// A number of pieces; of nothing said, none.
pub fn whole(text: &str) -> Option<i64> {
    scaled(text, Decimal::ONE)
}

fn scaled(text: &str, scale: Decimal) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let amount: Decimal = text.parse().ok()?;
    let amount = amount.checked_mul(scale)?;
    amount.is_integer().then_some(amount)?.to_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_nothing() {
        assert_eq!(
            (mills("2.125"), mills("-3"), mills("")),
            (Some(2_125), Some(-3_000), Some(0))
        );
        assert_eq!((mills("0.0001"), mills("x")), (None, None));
        assert_eq!((whole("-7"), whole("0.5")), (Some(-7), None));
    }

    #[tokio::test]
    async fn each_call_is_counted_once_and_an_unanswered_one_stops_all() {
        let tally = Tally::new(Summary::default());
        let what = || "line 7".to_owned();
        assert!(tally.ask(what, async { Ok(()) }).await.is_ok() && !tally.is_stopped());
        let lost = tally.ask(what, async { Err::<(), _>(Status::data_loss("gone")) });
        assert!(lost.await.is_err() && tally.is_stopped());
        let kept = tally.kept();
        let counted = &kept.summary;
        assert_eq!(
            (counted.commands, counted.acknowledged, counted.unknown),
            (2, 1, 1)
        );
        assert_eq!(counted.error.as_deref(), Some("line 7: DataLoss: gone"));
    }

    #[test]
    fn an_answer_that_says_something_else_is_a_mismatch() {
        let tally = Tally::new(Summary::default());
        let what = || "line 7".to_owned();
        let mut report = ContractReport {
            state: ContractState::Performed.into(),
            version: 3,
            paid_out: "2.500".to_owned(),
            money_held: "0.000".to_owned(),
            goods_out: "1".to_owned(),
            ..ContractReport::default()
        };
        let expected = Stand {
            state: ContractState::Performed,
            version: 3,
            held_mills: 0,
            paid_mills: 2_500,
            back_mills: 0,
            goods_out: 1,
        };
        assert!(tally.step(what, &report, &expected).is_ok());
        assert_eq!(tally.kept().summary.mismatches, 0);
        report.paid_out = "2.499".to_owned();
        assert!(tally.step(what, &report, &expected).is_ok());
        assert_eq!(tally.kept().summary.mismatches, 1);
        report.reject_reason = "OUT_OF_STOCK".to_owned();
        assert!(tally.step(what, &report, &expected).is_err());
        let kept = tally.kept();
        assert_eq!((kept.summary.mismatches, kept.summary.rejected), (2, 1));
    }
}

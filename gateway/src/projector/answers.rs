//! Which command a report answers, and which answer of a command is its first.
//!
//! Invariant: decided from the command and the event alone. Not here: rows of orders (`orders`).

use engine::command::Identity;
use engine::event::{Cause, ExecType, OrderReport};
use engine::reject::RejectReason;

use super::output::{ProjectError, Rows};
use super::rows::{FirstAnswer, FirstRow, Origin};
use super::work::{Ask, Step};

/// Whose id a report carries: of the command when somebody asked for it, else of the order's
/// submit.
pub(super) fn answered(step: &Step, report: &OrderReport, origin: Option<&Origin>) -> Identity {
    let asked = match report.exec_type {
        ExecType::New
        | ExecType::Rejected
        | ExecType::Replaced
        | ExecType::CancelRejected
        | ExecType::ReplaceRejected => true,
        ExecType::Canceled => matches!(
            report.cause,
            Cause::Request | Cause::MassCancel | Cause::ReplacedBelowFilled
        ),
        ExecType::Expired | ExecType::Triggered | ExecType::Restated => false,
    };
    match origin {
        Some(origin) if !asked => origin.identity,
        Some(_) | None => step.identity,
    }
}

/// Which event of a command is its first answer, until it was seen. Only a command with an id of
/// its own is ever answered from here: a session's retry is told its watermark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FirstAnswerDue {
    Report,
    MassCancel,
    Operation,
    Offer,
    Contract,
    None,
}

impl FirstAnswerDue {
    pub(super) fn of(step: &Step) -> Self {
        match (step.identity, step.ask) {
            (Identity::Internal | Identity::Session { .. }, _) | (_, Ask::Silent) => Self::None,
            (Identity::Request(_), Ask::NewOrder(_) | Ask::Order) => Self::Report,
            (Identity::Request(_), Ask::MassCancel) => Self::MassCancel,
            (Identity::Request(_), Ask::CreateAccount(_) | Ask::Settles(..) | Ask::Operation) => {
                Self::Operation
            }
            (Identity::Request(_), Ask::Offer) => Self::Offer,
            (Identity::Request(_), Ask::Reserve(_) | Ask::Contract(_)) => Self::Contract,
        }
    }

    /// Keeps the answer if it is the one that is due. A reject of the duplicate group is nobody's
    /// first answer: the id was not remembered for it.
    pub(super) fn answer<R: Rows>(
        &mut self,
        kind: Self,
        step: &Step,
        answer: FirstAnswer,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        if *self != kind {
            return Ok(());
        }
        *self = Self::None;
        let reject = match &answer {
            FirstAnswer::Counted(..) | FirstAnswer::Offer(_) => None,
            FirstAnswer::Contract(row) => row.reject(),
            FirstAnswer::Uncounted(row) => row.reject,
            FirstAnswer::MassCancel { reject, .. } | FirstAnswer::Operation { reject, .. } => {
                *reject
            }
        };
        if reject.is_some_and(|reject| reject.reason <= RejectReason::UnknownSession) {
            return Ok(());
        }
        Ok(rows.put_first(&FirstRow {
            sequence: step.sequence,
            time: step.time,
            identity: step.identity,
            answer,
        })?)
    }
}

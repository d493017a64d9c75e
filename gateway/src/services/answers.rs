//! From the event that answers a command to the message that answers the call.
//!
//! A new order's first report is written from its event at once. Cancels and replaces tell things
//! of the order that only the history keeps (its own id, its mean price), so their report is read
//! there, which is a matter of some hundred microseconds after the journal. A retry gets the answer
//! of the first time, marked `poss_dup`, from the history too.
//!
//! Invariant: the report a call gets is the report `StreamExecutions` shows. Not here: wire forms
//! (`to_proto`).

use engine::command::{Body, Command, Identity};
use engine::event::{Event, OrderReport};
use engine::reject::{Reject, RejectReason};
use engine::types::{AccountId, InstrumentId, NewOrder, Sequence, Side};
use proto::v1;

use crate::errors::Failure;
use crate::exchange::Exchange;
use crate::projector::HistoryError;
use crate::projector::contracts::PrivateRow;
use crate::projector::rows::{
    ExecutionKind, ExecutionRow, FirstAnswer, FirstRow, OrderKind, Origin, Standing,
};
use crate::replies::Answer;
use crate::to_proto::{
    RejectWords, account_name, client_order_id, exec_id, execution_report, reject_words, timestamp,
};

/// The engine answered a command with an event of another command's kind: a fault of ours.
pub(super) const OTHER_KIND: Failure = Failure::Unknown("the engine gave another kind of answer");

/// What an answer repeats of the command.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    identity: Identity,
    order: Option<NewOrder>,
    instrument: Option<InstrumentId>,
    account: Option<AccountId>,
}

/// A command's answer with what it repeats of the command.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// What it repeats.
    pub question: Question,
    /// The answer.
    pub answer: Answer,
}

impl Question {
    /// What an answer will repeat of this command.
    pub fn of(command: &Command) -> Self {
        let order = if let Body::NewOrder(order) = &command.body {
            Some(*order)
        } else {
            None
        };
        let instrument = if let Body::MassCancel(mass) = &command.body {
            mass.instrument
        } else {
            order.map(|order| order.instrument)
        };
        Self {
            identity: command.envelope.identity,
            order,
            instrument,
            account: command.body.account(),
        }
    }

    /// How the command was named.
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// The account that acted, if one did.
    pub const fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// Whether the command concerns a demonstration: its instrument's venue, or all there are.
    pub fn concerns_demonstration(&self, exchange: &Exchange) -> bool {
        let tables = exchange.directory.read();
        self.instrument.map_or_else(
            || tables.all_demonstration(),
            |id| tables.is_demonstration(id),
        )
    }
}

impl Answered {
    /// The report of an order, cancel or replace.
    ///
    /// # Errors
    /// The id was used with other content; the answer cannot be read.
    pub async fn report(&self, exchange: &Exchange) -> Result<v1::ExecutionReport, Failure> {
        if let Event::Duplicate(duplicate) = self.answer.event {
            let mut report = first_report(exchange, duplicate.first_sequence).await?;
            report.poss_dup = true;
            return Ok(report);
        }
        let Event::Report(report) = self.answer.event else {
            return Err(OTHER_KIND);
        };
        if is_id_reused(report.reject) {
            return Err(Failure::IdReused);
        }
        match self.at_once(&report) {
            Some(row) => Ok(execution_report(&exchange.directory.read(), &row)),
            None => first_report(exchange, self.answer.place.sequence).await,
        }
    }

    /// The report as a row, where the event and the command say all of it: of a new order, and of
    /// a cancel or replace that was rejected without looking at an order.
    fn at_once(&self, report: &OrderReport) -> Option<ExecutionRow> {
        let about_none = report.instrument.is_none() || is_uncounted(report.reject);
        if self.question.order.is_none() && !about_none {
            return None;
        }
        let place = self.answer.place;
        Some(ExecutionRow {
            exec: exec_id(place, Side::Buy),
            time: place.time,
            kind: ExecutionKind::Report(report.exec_type),
            cause: report.cause,
            reject: report.reject,
            order: report.order,
            account: report.account,
            participant: None,
            counters: report.counters,
            instrument: report.instrument,
            side: report.side,
            origin: self.question.order.map(|order| Origin {
                kind: OrderKind::from(&order.order_type),
                time_in_force: order.time_in_force,
                identity: self.question.identity,
            }),
            standing: Standing {
                status: report.status,
                price: report.price,
                stop_price: report.stop_price,
                quantity: report.order_quantity,
                cumulative: report.cumulative,
                leaves: report.leaves,
                notional: 0,
                held: report.held,
            },
            answers: self.question.identity,
        })
    }

    /// The report of a mass cancel.
    ///
    /// # Errors
    /// As [`Answered::report`].
    pub async fn mass_cancel(&self, exchange: &Exchange) -> Result<v1::MassCancelReport, Failure> {
        let (row, poss_dup) = match self.first_again(exchange).await? {
            Some(row) => (row, true),
            None => (self.row(mass_cancel_answer(self.answer.event)?), false),
        };
        let FirstAnswer::MassCancel {
            account,
            reject,
            canceled,
            kept,
        } = row.answer
        else {
            return Err(OTHER_KIND);
        };
        let words = words_of(exchange, reject);
        let demonstration = self.question.concerns_demonstration(exchange);
        Ok(v1::MassCancelReport {
            engine_sequence: row.sequence.value(),
            client_order_id: client_order_id(row.identity),
            account_id: account_name(&exchange.directory.read(), account),
            canceled_count: canceled,
            kept_count: kept,
            reject_reason: words.reason,
            legal_basis: words.basis,
            text: words.text,
            poss_dup,
            transact_time: Some(timestamp(row.time)),
            demonstration,
        })
    }

    /// The report of an operation; what it says of the request is left to the caller.
    ///
    /// # Errors
    /// As [`Answered::report`].
    pub async fn operation(&self, exchange: &Exchange) -> Result<v1::OperationReport, Failure> {
        let (row, poss_dup) = match self.first_again(exchange).await? {
            Some(row) => (row, true),
            None => (self.row(operation_answer(self.answer.event)?), false),
        };
        let FirstAnswer::Operation { reject, handle } = row.answer else {
            return Err(OTHER_KIND);
        };
        let words = words_of(exchange, reject);
        Ok(v1::OperationReport {
            engine_sequence: row.sequence.value(),
            accepted: reject.is_none(),
            handle,
            reject_reason: words.reason,
            legal_basis: words.basis,
            text: words.text,
            poss_dup,
            request_id: client_order_id(row.identity),
            transact_time: Some(timestamp(row.time)),
            ..v1::OperationReport::default()
        })
    }

    /// Of a retry, what the first time was told.
    pub(super) async fn first_again(
        &self,
        exchange: &Exchange,
    ) -> Result<Option<FirstRow>, Failure> {
        let Event::Duplicate(duplicate) = self.answer.event else {
            return Ok(None);
        };
        Ok(Some(first(exchange, duplicate.first_sequence).await?.row))
    }

    /// The answer as the history keeps it.
    pub(super) fn row(&self, answer: FirstAnswer) -> FirstRow {
        FirstRow {
            sequence: self.answer.place.sequence,
            time: self.answer.place.time,
            identity: self.question.identity,
            answer,
        }
    }
}

fn mass_cancel_answer(event: Event) -> Result<FirstAnswer, Failure> {
    let Event::MassCancel(report) = event else {
        return Err(OTHER_KIND);
    };
    if is_id_reused(report.reject) {
        return Err(Failure::IdReused);
    }
    Ok(FirstAnswer::MassCancel {
        account: report.account,
        reject: report.reject,
        canceled: report.canceled,
        kept: report.kept,
    })
}

pub(super) fn operation_answer(event: Event) -> Result<FirstAnswer, Failure> {
    let Event::Operation(report) = event else {
        return Err(OTHER_KIND);
    };
    if is_id_reused(report.reject) {
        return Err(Failure::IdReused);
    }
    Ok(FirstAnswer::Operation {
        reject: report.reject,
        handle: report.handle,
    })
}

/// What the command at `sequence` was told first.
pub(super) async fn first(
    exchange: &Exchange,
    sequence: Sequence,
) -> Result<crate::projector::First, Failure> {
    exchange.history.wait_for(sequence).await?;
    exchange
        .history
        .first(sequence)?
        .ok_or(Failure::Unknown("the first answer is no longer kept"))
}

async fn first_report(
    exchange: &Exchange,
    sequence: Sequence,
) -> Result<v1::ExecutionReport, Failure> {
    let first = first(exchange, sequence).await?;
    let Some(PrivateRow::Execution(row)) = first.report else {
        return Err(OTHER_KIND);
    };
    Ok(execution_report(&exchange.directory.read(), &row))
}

pub(super) fn is_id_reused(reject: Option<Reject>) -> bool {
    reject.is_some_and(|reject| reject.reason == RejectReason::ClientOrderIdReused)
}

/// Whether a reject is of the duplicate group: no counter counted it and no history keeps it.
fn is_uncounted(reject: Option<Reject>) -> bool {
    reject.is_some_and(|reject| reject.reason <= RejectReason::UnknownSession)
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Stopped => Self::Stopping,
            HistoryError::Store(_) | HistoryError::Failed(_) => {
                Self::Unknown("the history cannot be read")
            }
        }
    }
}

fn words_of(exchange: &Exchange, reject: Option<Reject>) -> RejectWords {
    let law = &exchange.directory.read().law;
    let words = reject.map(|reject| reject_words(law, reject));
    words.unwrap_or_default()
}

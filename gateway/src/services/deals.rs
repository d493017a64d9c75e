//! Commands of sellers and buyers on their way in, and their answers on the way out.
//!
//! Invariant: as in `answers`: the report a call gets is the report the streams show, and a retry
//! gets the first one. A contract's report tells what only the history puts together, so it is read
//! there. Not here: wire forms.

use engine::command::{Basket, Command};
use engine::event::{ContractEvent, ContractRefused, Event, SaleEvent};
use engine::types::{DiscountId, Side};
use proto::v1;

use super::answers::{Answered, OTHER_KIND, Question, first, is_id_reused, operation_answer};
use crate::admission::Payer;
use crate::errors::Failure;
use crate::exchange::Exchange;
use crate::projector::Owner;
use crate::projector::contracts::{ContractRow, PrivateRow, Said};
use crate::projector::rows::FirstAnswer;
use crate::to_proto::{
    client_order_id, contract_report, discount_id_text, exec_id, offer_done, offer_refused,
};

/// Whose share of the queue a command takes: that of who acts; an operator has no account.
pub fn payer(exchange: &Exchange, command: &Command) -> Payer {
    let tables = exchange.directory.read();
    command
        .body
        .account()
        .and_then(|account| tables.account(account))
        .map_or(Payer::Operator, |entry| {
            Payer::Participant(entry.participant)
        })
}

/// Has a command carried out.
///
/// # Errors
/// Not admitted.
pub async fn submit(exchange: &Exchange, command: Command) -> Result<Answered, Failure> {
    let question = Question::of(&command);
    let payer = payer(exchange, &command);
    let answer = exchange.admission.submit(payer, command).await?;
    Ok(Answered { question, answer })
}

impl Answered {
    /// The report of a seller's command.
    ///
    /// # Errors
    /// The id was used with other content; the answer cannot be read.
    pub async fn offer(&self, exchange: &Exchange) -> Result<v1::OfferReport, Failure> {
        let (row, poss_dup) = match self.first_again(exchange).await? {
            Some(row) => (row, true),
            None => (self.row(offer_answer(self.answer.event)?), false),
        };
        let tables = exchange.directory.read();
        let account = self.question.account();
        let report = match &row.answer {
            FirstAnswer::Offer(done) => offer_done(&tables, &row, done),
            FirstAnswer::Operation {
                reject: Some(reject),
                ..
            } => offer_refused(&tables, &row, (account, *reject)),
            FirstAnswer::Operation { .. }
            | FirstAnswer::Counted(..)
            | FirstAnswer::Uncounted(_)
            | FirstAnswer::MassCancel { .. }
            | FirstAnswer::Contract(_) => return Err(OTHER_KIND),
        };
        Ok(v1::OfferReport { poss_dup, ..report })
    }

    /// The report of a reserve or a step.
    ///
    /// # Errors
    /// As [`Answered::offer`].
    pub async fn contract(&self, exchange: &Exchange) -> Result<v1::ContractReport, Failure> {
        let (sequence, poss_dup) = if let Event::Duplicate(duplicate) = self.answer.event {
            (duplicate.first_sequence, true)
        } else {
            let Event::Contract(event) = self.answer.event else {
                return Err(OTHER_KIND);
            };
            if let ContractEvent::Refused(refused) = event
                && refused.counters.account == 0
            {
                return self.uncounted(exchange, refused);
            }
            (self.answer.place.sequence, false)
        };
        let found = first(exchange, sequence).await?;
        let Some(PrivateRow::Contract(row)) = found.report else {
            return Err(OTHER_KIND);
        };
        let report = contract_report(&exchange.directory.read(), &row);
        Ok(v1::ContractReport {
            poss_dup,
            // Whoever asks sent it: of an operator's step no party is told the id.
            client_order_id: client_order_id(found.row.identity),
            ..report
        })
    }

    /// The reports of a basket: of each line, or the one of its refusal. They stand one after the
    /// other in the buyer's stream, from the first answer on.
    ///
    /// # Errors
    /// As [`Answered::offer`].
    pub async fn basket(&self, exchange: &Exchange) -> Result<Vec<v1::ContractReport>, Failure> {
        let one = self.contract(exchange).await?;
        let account = self.question.account();
        let Some(account) = account.filter(|_| one.reject_reason.is_empty()) else {
            return Ok(vec![one]);
        };
        let (from, owner) = (one.account_sequence, Owner::Account(account));
        let rows = exchange
            .history
            .executions(owner, from, Basket::LINES_MAX)?;
        let tables = exchange.directory.read();
        let same = |row: &PrivateRow| match row {
            PrivateRow::Contract(row) => {
                let formed = row.step().is_some_and(|step| step.step.forms());
                (formed && row.exec.sequence == one.engine_sequence).then_some(*row)
            }
            PrivateRow::Execution(_) => None,
        };
        let lines = rows.iter().map_while(same);
        let lines = lines.map(|row| v1::ContractReport {
            poss_dup: one.poss_dup,
            client_order_id: one.client_order_id.clone(),
            ..contract_report(&tables, &row)
        });
        Ok(lines.collect())
    }

    /// What became of a discount that was defined; whether its venue is a demonstration is left to
    /// the caller.
    ///
    /// # Errors
    /// As [`Answered::offer`].
    pub async fn discount(
        &self,
        exchange: &Exchange,
    ) -> Result<v1::DefineDiscountResponse, Failure> {
        let report = self.operation(exchange).await?;
        let discount_id = report.handle.filter(|_| report.accepted).map(|slot| {
            discount_id_text(DiscountId {
                sequence: report.engine_sequence,
                slot,
            })
        });
        Ok(v1::DefineDiscountResponse {
            report: Some(report),
            discount_id: discount_id.unwrap_or_default(),
        })
    }

    /// A refusal that no counter counted; one of the duplicate group is nobody's first answer.
    fn uncounted(
        &self,
        exchange: &Exchange,
        refused: ContractRefused,
    ) -> Result<v1::ContractReport, Failure> {
        if is_id_reused(Some(refused.reject)) {
            return Err(Failure::IdReused);
        }
        let place = self.answer.place;
        let row = ContractRow {
            exec: exec_id(place, Side::Buy),
            time: place.time,
            event: ContractEvent::Refused(refused),
            said: Said::Nothing,
            asked: self.question.identity(),
        };
        Ok(contract_report(&exchange.directory.read(), &row))
    }
}

fn offer_answer(event: Event) -> Result<FirstAnswer, Failure> {
    if let Event::Sale(SaleEvent::Offer(report)) = event {
        return Ok(FirstAnswer::Offer(Box::new(report)));
    }
    operation_answer(event)
}

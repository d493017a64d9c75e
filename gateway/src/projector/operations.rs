//! What an operation adds to the history: its first answer, an account, an instrument's clearing.
//!
//! Invariant: what was rejected adds its answer alone. Not here: which answer is the first
//! (`answers`).

use engine::event::OperationReport;
use engine::types::{AccountId, ParticipantId};

use super::answers::FirstAnswerDue;
use super::orders::{At, LiveOrders};
use super::output::{ProjectError, Rows};
use super::rows::FirstAnswer;
use super::work::Ask;

impl LiveOrders {
    pub(super) fn operation<R: Rows>(
        &mut self,
        at: At<'_>,
        report: &OperationReport,
        first: &mut FirstAnswerDue,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        let answer = FirstAnswer::Operation {
            reject: report.reject,
            handle: report.handle,
        };
        match (at.step.ask, report.reject, report.handle) {
            (Ask::CreateAccount(participant), None, Some(handle)) => {
                self.create_account(AccountId::new(handle), participant, rows)?;
            }
            (Ask::Settles(instrument, settles), None, _) => {
                self.cleared.insert(instrument, settles);
                rows.put_clearing(instrument, settles)?;
            }
            _ => {}
        }
        // A seller's command that was refused says nothing of an offer.
        if *first == FirstAnswerDue::Offer {
            *first = FirstAnswerDue::Operation;
        }
        first.answer(FirstAnswerDue::Operation, at.step, answer, rows)
    }

    fn create_account<R: Rows>(
        &mut self,
        account: AccountId,
        participant: ParticipantId,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        if account.place() >= self.accounts.len() {
            self.accounts.resize(account.place() + 1, participant);
        }
        Ok(rows.put_account(account, participant)?)
    }
}

//! Commands about warehouse receipts: who does them, and their answer.
//!
//! Invariant: as elsewhere, a refused command changes nothing and every command is answered. Not
//! here: the rules (`clearing::receipts`).

use super::{Engine, operation};
use crate::clearing::receipts::{By, Reasoned};
use crate::command::{Direction, Envelope, ReceiptCommand};
use crate::event::Events;
use crate::parties::Parties;
use crate::reject::{Reject, RejectReason};
use crate::types::{AssetId, ReceiptId, Sequence, Time};

impl Engine {
    /// Checks an act on receipts and changes nothing.
    pub(super) fn check_receipts(
        &self,
        envelope: &Envelope,
        act: &ReceiptCommand,
        time: Time,
    ) -> Result<(), Reject> {
        let by = by(envelope, &self.parties, (self.sequence, time));
        self.clearing.check_receipts(act, &by)?;
        Ok(self.check_moves(act)?)
    }

    /// The last checks of an act that moves goods from or to an account: its standing, and whether
    /// its goods may move so.
    ///
    /// # Errors
    /// ACCOUNT_CLOSED, PARTICIPANT_SUSPENDED, ACCOUNT_SUSPENDED, INVALID_FIELD.
    fn check_moves(&self, act: &ReceiptCommand) -> Result<(), RejectReason> {
        let (from, to, asset) = match act {
            ReceiptCommand::Register(issue) => (None, Some(issue.account), Some(issue.asset)),
            ReceiptCommand::Transfer(one) => {
                (Some(one.from), Some(one.to), self.asset_of(one.receipt))
            }
            ReceiptCommand::Cancel(held) => (Some(held.account), None, self.asset_of(held.receipt)),
            ReceiptCommand::Encumber(_)
            | ReceiptCommand::Lift(_)
            | ReceiptCommand::Split(_)
            | ReceiptCommand::Merge(_)
            | ReceiptCommand::Pool(_)
            | ReceiptCommand::Draw(_) => return Ok(()),
        };
        if let Some(from) = from {
            self.check_mover(from, Direction::Withdrawal)?;
        }
        if let Some(to) = to {
            self.check_mover(to, Direction::Deposit)?;
        }
        self.check_counted(asset.expect("its receipt is known"), from, to)
    }

    fn asset_of(&self, receipt: ReceiptId) -> Option<AssetId> {
        let receipt = self.clearing.receipts().receipt(receipt);
        receipt.map(|receipt| receipt.asset)
    }

    /// Carries out an act on receipts.
    pub(super) fn act_on_receipts(
        &mut self,
        envelope: &Envelope,
        act: &ReceiptCommand,
        events: &mut Events,
    ) {
        if let Err(reject) = self.check_receipts(envelope, act, self.time) {
            return operation(events, Err(reject));
        }
        let by = by(envelope, &self.parties, (self.sequence, self.time));
        let done = self.clearing.act_on_receipts(act, &by, events);
        operation(events, done.map_err(Reject::from));
    }
}

fn by<'a>(envelope: &Envelope, parties: &'a Parties, (sequence, time): (Sequence, Time)) -> By<'a> {
    let authority = envelope.authority.as_deref();
    let says = authority.is_some_and(|authority| !authority.reason.is_empty());
    By {
        parties,
        sequence,
        time,
        approved: super::clearing::approved(envelope),
        reasoned: if says { Reasoned::Yes } else { Reasoned::No },
    }
}

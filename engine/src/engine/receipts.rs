//! Commands about warehouse receipts: who does them, and their answer.
//!
//! Invariant: as elsewhere, a refused command changes nothing and every command is answered. Not
//! here: the rules (`clearing::receipts`).

use super::settlement::Moved;
use super::{Engine, operation};
use crate::clearing::receipts::{By, Reasoned};
use crate::command::{Direction, Envelope, ReceiptCommand};
use crate::event::Events;
use crate::parties::Parties;
use crate::reject::Reject;
use crate::types::{AccountId, ReceiptId, Sequence, Time};

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
        self.check_moves(act)
    }

    /// The last checks of an act that moves goods from or to an account: its standing, and whether
    /// their holders' bound lets them move so.
    ///
    /// # Errors
    /// ACCOUNT_CLOSED, PARTICIPANT_SUSPENDED, ACCOUNT_SUSPENDED, MAX_HOLDERS, INVESTORS_FULL.
    fn check_moves(&self, act: &ReceiptCommand) -> Result<(), Reject> {
        let Some(moved) = self.moves(act) else {
            return Ok(());
        };
        if let Some((from, _)) = moved.from {
            self.check_mover(from, Direction::Withdrawal)?;
        }
        if let Some((to, _)) = moved.to {
            self.check_mover(to, Direction::Deposit)?;
        }
        self.check_moved(&moved)
    }

    /// What an act on known receipts moves from or to an account.
    fn moves(&self, act: &ReceiptCommand) -> Option<Moved> {
        let of = |receipt: ReceiptId| {
            let receipt = self.clearing.receipts().receipt(receipt);
            let receipt = receipt.expect("its receipt is known");
            (receipt.asset, receipt.amount.units())
        };
        let (from, to, (goods, amount)) = match act {
            ReceiptCommand::Register(issue) => {
                let (asset, amount) = (issue.asset, issue.amount.units());
                (None, Some(issue.account), (asset, amount))
            }
            ReceiptCommand::Transfer(one) => (Some(one.from), Some(one.to), of(one.receipt)),
            ReceiptCommand::Cancel(held) => (Some(held.account), None, of(held.receipt)),
            ReceiptCommand::Encumber(_)
            | ReceiptCommand::Lift(_)
            | ReceiptCommand::Split(_)
            | ReceiptCommand::Merge(_)
            | ReceiptCommand::Pool(_)
            | ReceiptCommand::Draw(_) => return None,
        };
        let so_many = |account: Option<AccountId>| account.map(|account| (account, amount));
        let (from, to) = (so_many(from), so_many(to));
        Some(Moved { goods, from, to })
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
        // Nothing below can fail.
        let moves = self.moves(act);
        let done = self.clearing.act_on_receipts(act, &by, events);
        if let Some(moved) = moves {
            self.moved(&moved);
        }
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

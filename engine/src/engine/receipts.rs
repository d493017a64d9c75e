//! Commands about warehouse receipts: who does them, and their answer.
//!
//! Invariant: as elsewhere, a refused command changes nothing and every command is answered. Not
//! here: the rules (`clearing::receipts`).

use super::{Engine, operation};
use crate::clearing::receipts::{By, Reasoned};
use crate::command::{Envelope, ReceiptCommand};
use crate::event::Events;
use crate::parties::Parties;
use crate::reject::Reject;
use crate::types::{Sequence, Time};

impl Engine {
    /// Checks an act on receipts and changes nothing.
    pub(super) fn check_receipts(
        &self,
        envelope: &Envelope,
        act: &ReceiptCommand,
        time: Time,
    ) -> Result<(), Reject> {
        let by = by(envelope, &self.parties, (self.sequence, time));
        Ok(self.clearing.check_receipts(act, &by)?)
    }

    /// Carries out an act on receipts.
    pub(super) fn act_on_receipts(
        &mut self,
        envelope: &Envelope,
        act: &ReceiptCommand,
        events: &mut Events,
    ) {
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

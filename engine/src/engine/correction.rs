//! Busts and corrections of trades: who may, what it does to both parties and their orders.
//!
//! Invariant: as elsewhere, a refused command changes nothing. A corrected trade gives the book
//! nothing back and moves neither last price nor bands. Not here: money and goods
//! (`clearing::correction`).

use super::clearing::approved;
use super::settlement::Moved;
use super::{Engine, operation};
use crate::clearing::correction::Planned;
use crate::clearing::custody::Approved;
use crate::command::{CorrectionCommand, Demonstration, Envelope};
use crate::event::{CorrectionEvent, CorrectionSide, Event, Events, TradeCorrection};
use crate::reject::{Reject, RejectReason};
use crate::types::{AccountId, Quantity, Time};

impl Engine {
    /// UNKNOWN_TRADE, TRADE_TOO_OLD, ALREADY_BUSTED, APPROVER_REQUIRED, INVALID_FIELD (no reason),
    /// then those of the plan.
    pub(super) fn check_correction(
        &self,
        envelope: &Envelope,
        command: &CorrectionCommand,
        time: Time,
    ) -> Result<Planned, Reject> {
        let found = self.clearing.find_trade(command, &self.venues, time)?;
        let instrument = self.venues.instrument(found.1.instrument);
        let instrument = instrument.expect("a trade's instrument is known");
        let venue = self.venues.venue(instrument.venue);
        let venue = venue.expect("an instrument has a venue");
        let alone = approved(envelope) == Approved::No;
        if alone && venue.demonstration == Demonstration::Real {
            return Err(RejectReason::ApproverRequired.into());
        }
        let authority = envelope.authority.as_deref();
        if authority.is_none_or(|authority| authority.reason.is_empty()) {
            return Err(RejectReason::InvalidField.into());
        }
        let sign = instrument.terms.price_sign;
        let planned = self.clearing.plan(command, found, sign)?;
        if let Some(cleared) = self.clearing.terms(planned.kept.instrument)
            && planned.before.quantity != planned.after.quantity
        {
            let [buyer, seller] = planned.kept.accounts;
            let moved = Moved {
                goods: cleared.goods,
                from: Some((buyer, planned.goods - planned.goods_owed)),
                to: Some((seller, planned.goods)),
            };
            self.check_moved(&moved)?;
        }
        Ok(planned)
    }

    /// Busts or corrects a trade.
    pub(super) fn correct(
        &mut self,
        envelope: &Envelope,
        command: &CorrectionCommand,
        events: &mut Events,
    ) {
        let planned = match self.check_correction(envelope, command, self.time) {
            Ok(planned) => planned,
            Err(reject) => return operation(events, Err(reject)),
        };
        // Nothing below can fail.
        self.clearing.correct(&planned);
        self.follow(&planned);
        let less = planned.before.quantity.minus(planned.after.quantity);
        let [buy, sell] = [0, 1].map(|side| self.correct_side(&planned, side, less));
        let kept = &planned.kept;
        let event = TradeCorrection {
            sequence: kept.trade.sequence,
            index: kept.trade.index,
            instrument: kept.instrument,
            aggressor: kept.aggressor,
            before: planned.before,
            after: planned.after,
            goods: planned.goods,
            goods_owed: planned.goods_owed,
            buy,
            sell,
        };
        events.push(Event::Correction(match command {
            CorrectionCommand::Bust { .. } => CorrectionEvent::Busted(event),
            CorrectionCommand::Correct { .. } => CorrectionEvent::Corrected(event),
        }));
        operation(events, Ok(None));
    }

    /// Settlement follows: holders by the goods that moved, reverse trades by a trade that is no
    /// more.
    fn follow(&mut self, planned: &Planned) {
        let kept = &planned.kept;
        let Some(goods) = self
            .clearing
            .terms(kept.instrument)
            .filter(|_| kept.cleared)
            .map(|cleared| cleared.goods)
        else {
            return;
        };
        let [buyer, seller] = kept.accounts;
        self.moved(&Moved {
            goods,
            from: Some((buyer, planned.goods - planned.goods_owed)),
            to: Some((seller, planned.goods)),
        });
        if planned.after.quantity.is_zero() {
            let owners = kept.accounts.map(|account| {
                let owner = self.parties.owner_of(account);
                owner.expect("a trade's parties are accounts")
            });
            self.clearing.settlement.unmade(kept, owners);
        }
    }

    /// One side's report; its order, if it still lives, traded so much less.
    fn correct_side(&mut self, planned: &Planned, side: usize, less: Quantity) -> CorrectionSide {
        let kept = &planned.kept;
        let (account, order) = (kept.accounts[side], kept.orders[side]);
        self.shorten(account, order, less);
        CorrectionSide {
            order,
            account,
            fee_before: kept.fees[side],
            fee: planned.fees[side],
            owed: planned.owed[side],
            counters: self.parties.count(account),
        }
    }

    /// What a live order traded, and its whole quantity with it, falls; what is open stays.
    fn shorten(&mut self, account: AccountId, order: u64, less: Quantity) {
        let live = |slot: &u32| self.arena.row(*slot).sequence == order;
        let found = self.arena.of_account(account.index()).find(live);
        let Some(slot) = found else {
            return;
        };
        let row = self.arena.row_mut(slot);
        let less = less.min(row.cumulative());
        row.order_quantity = row.order_quantity.minus(less);
    }
}

//! Margin forwards beside their orders: their commands, marks at the day roll, forced reductions.
//!
//! Invariant: as elsewhere. The engine makes at most one order of its own a tick, so its id, the
//! tick's sequence and a row, is given once. Not here: what a mark moves (`clearing::margin`).

use super::{Engine, Floor, operation};
use crate::clearing::Margined;
use crate::clearing::fee;
use crate::clearing::margin::mark;
use crate::clearing::orders::Entering;
use crate::command::{MarginCommand, Mark, SetMargin};
use crate::event::{Cause, Events, ExecType};
use crate::market::book::Checked;
use crate::reject::{Reject, RejectReason};
use crate::types::{
    AccountId, InstrumentId, NewOrder, OrderType, Quantity, SelfTradePrevention, Side, Time,
    TimeInForce, VenueId,
};

/// Whether a tick may still make an order of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reduction {
    Allowed,
    Made,
}

impl Engine {
    /// UNKNOWN_INSTRUMENT, then as each command.
    pub(super) fn check_margin(&self, command: &MarginCommand) -> Result<(), Reject> {
        match command {
            MarginCommand::SetMargin(set) => self.check_terms(set).map(|_| ()),
            MarginCommand::SetSettlementPrice(set) => {
                self.known_instrument(set.instrument)?;
                self.clearing.check_settlement_price(*set)
            }
            MarginCommand::Mark(mark) => self.check_mark(*mark),
        }
    }

    pub(super) fn change_margin(&mut self, command: &MarginCommand, events: &mut Events) {
        if let Err(reject) = self.check_margin(command) {
            return operation(events, Err(reject));
        }
        // Nothing below can fail.
        match command {
            MarginCommand::SetMargin(set) => {
                let (venue, margined) = self.check_terms(set).expect("it was checked");
                self.clearing.set_margin(set, venue, &margined);
                mark::settled(set.instrument, set.settlement_price, events);
            }
            MarginCommand::SetSettlementPrice(set) => self.clearing.set_settlement_price(*set),
            MarginCommand::Mark(mark) => {
                self.clearing.begin_mark(mark.instrument, self.time, events);
            }
        }
        operation(events, Ok(None));
    }

    fn known_instrument(&self, instrument: InstrumentId) -> Result<(), RejectReason> {
        let known = self.venues.instrument(instrument);
        known.map(|_| ()).ok_or(RejectReason::UnknownInstrument)
    }

    fn check_terms(&self, set: &SetMargin) -> Result<(VenueId, Margined), Reject> {
        let instrument = self.venues.instrument(set.instrument);
        let instrument = instrument.ok_or(RejectReason::UnknownInstrument)?;
        let venue = self.venues.venue(instrument.venue);
        let venue = venue.expect("an instrument has a venue");
        let of = (venue, instrument.venue, self.venues.law());
        let live = self.market(set.instrument).slots(&self.arena).next();
        let checked = self.clearing.check_margin(set, of, &instrument.terms, live);
        checked.map(|margined| (instrument.venue, margined))
    }

    /// UNKNOWN_INSTRUMENT, MARK_RUNNING, NOT_MARGIN.
    fn check_mark(&self, mark: Mark) -> Result<(), Reject> {
        self.known_instrument(mark.instrument)?;
        let margin = self.clearing.margin();
        if margin.is_marking(mark.instrument) {
            return Err(RejectReason::MarkRunning.into());
        }
        if margin.contract(mark.instrument).is_none() {
            return Err(RejectReason::NotMargin.into());
        }
        Ok(())
    }

    /// A trading day of a venue begins: its margin forwards are marked.
    pub(super) fn mark_all(&mut self, venue: VenueId, at: Time, events: &mut Events) {
        for index in 0..self.venues.instruments_of(venue).len() {
            let instrument = self.venues.instruments_of(venue)[index];
            if self.clearing.margin().contract(instrument).is_some() {
                self.clearing.begin_mark(instrument, at, events);
            }
        }
    }

    /// The deadline of a call has come: unless it is met, the account's orders in the instrument
    /// are cancelled, at most `left` of them, and its position is closed as far as the market goes.
    pub(super) fn end_call(
        &mut self,
        place: u32,
        left: &mut usize,
        events: &mut Events,
    ) -> Reduction {
        if !self.clearing.stands(place, events) {
            return Reduction::Allowed;
        }
        let row = *self.clearing.called(place).expect("the call stands");
        let setting = self.setting_row(row.instrument);
        if !setting.trading || !setting.is_continuous() {
            self.clearing.wait(place, events);
            return Reduction::Allowed;
        }
        if !self.cancel_for_reduction((row.account, row.instrument), left, events) {
            return Reduction::Allowed;
        }
        let made = self.reduce(row.account, row.instrument, row.net, events);
        if self.clearing.called(place).is_some() {
            self.clearing.wait(place, events);
        }
        made
    }

    /// Cancels an account's orders in an instrument in id order; whether none is left.
    fn cancel_for_reduction(
        &mut self,
        (account, instrument): (AccountId, InstrumentId),
        left: &mut usize,
        events: &mut Events,
    ) -> bool {
        let mut orders = std::mem::take(&mut self.scratch.orders);
        orders.clear();
        for slot in self.arena.of_account(account.index()) {
            let row = self.arena.row(slot);
            if row.instrument == instrument.index() {
                orders.push((row.sequence, slot));
            }
        }
        orders.sort_unstable();
        let all = orders.len() <= *left;
        let part = orders.len().min(*left);
        *left -= part;
        for (_, slot) in orders.drain(..).take(part) {
            let cause = Cause::ForcedReduction;
            self.withdraw(slot, ExecType::Canceled, cause, events);
        }
        self.scratch.orders = orders;
        all
    }

    /// Closes a position by an order of the engine's own, immediate or cancelled, at the computed
    /// protection; nothing without an opposite order or a free row.
    fn reduce(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        net: i64,
        events: &mut Events,
    ) -> Reduction {
        let side = if net > 0 { Side::Sell } else { Side::Buy };
        let setting = self.setting_row(instrument);
        let price = self.market(instrument).protection(&setting, side);
        let margined = setting
            .margined()
            .expect("only margin forwards are reduced");
        let (_, owner) = self.parties.link(account).expect("its account is known");
        if net == 0 || price.is_none() || self.arena.is_full() {
            return Reduction::Allowed;
        }
        let quantity = Quantity::new(net.abs()).expect("a position is in bounds");
        let entering = Entering {
            account,
            owner,
            instrument,
            rates: fee::NONE,
            side,
            price,
            quantity,
        };
        let checked = Checked {
            owner,
            price,
            entered: None,
            margining: Some(self.clearing.check_reduction(margined, &entering)),
            cause: Cause::ForcedReduction,
        };
        let order = NewOrder {
            account,
            instrument,
            side,
            quantity,
            order_type: OrderType::Market { protection: None },
            time_in_force: TimeInForce::ImmediateOrCancel,
            min_quantity: None,
            self_trade_prevention: SelfTradePrevention::CancelMaker,
        };
        let sequence = self.sequence;
        self.switches.note_origin(self.arena.next_slot(), None);
        let mut floor = self.floor(instrument, events);
        let Floor {
            market,
            setting,
            desk,
        } = &mut floor;
        market.enter(desk, setting, sequence, &order, &checked);
        Reduction::Made
    }
}

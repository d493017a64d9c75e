//! Orders as commands: new, cancel, replace, mass cancel, and how each is refused.
//!
//! Invariant: a refused command changes no order; every command is answered. Not here: what a
//! taken order does (`market::book`).

mod changes;
mod plain;

use super::contracts::Told;
use super::standing::Trader;
use super::{Engine, Floor, operation};
use crate::book::arena::Arena;
use crate::clearing::orders::Entering;
use crate::command::{Body, CancelOrder, Command, MassCancel, ReplaceOrder};
use crate::event::{Cause, Counters, Event, Events, ExecType, MassCancelReport, OrderReport};
use crate::market::Setting;
use crate::market::book::Checked;
use crate::market::checks::{Entry, Prices};
use crate::market::replace::Replacement;
use crate::matching::parts::{Said, live_report};
use crate::reject::{Reject, RejectReason};
use crate::types::{
    AccountId, InstrumentId, NewOrder, OrderId, OrderStatus, ParticipantId, Quantity, SessionId,
    Side, Time,
};
use crate::venue::Action;
use changes::{Changed, check_room_of_position};

/// Whether a refusal is counted in the private streams.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Yes,
    No,
}

impl Engine {
    /// All checks of a new order after the duplicate group: its owner, the price it comes with and
    /// what it will hold.
    #[inline(never)]
    pub(super) fn check_new(
        &self,
        order: &NewOrder,
        session: Option<SessionId>,
        time: Time,
    ) -> Result<Checked, Reject> {
        let link = self.parties.link(order.account);
        let (participant, owner) = link.ok_or(RejectReason::UnknownAccount)?;
        let trader = Trader {
            account: order.account,
            participant,
            instrument: order.instrument,
            side: order.side,
        };
        self.check_trader(&trader)?;
        self.check_switches(session, order.account, order.instrument)?;
        let mut spare = None;
        let setting = self.setting_in(order.instrument, &mut spare);
        let setting = setting.ok_or(RejectReason::UnknownInstrument)?;
        setting.permits(Action::New)?;
        let lawful = if setting.clears.is_ruled() {
            self.check_ruled(order, owner)?
        } else {
            Ok(())
        };
        let market = self.market(order.instrument);
        let entry = Entry::new(order, owner, setting);
        entry.check_phase(setting)?;
        self.check_qualified(&trader)?;
        lawful.map_err(|reason| self.with_basis(order.instrument, reason))?;
        let price = entry.check_terms(market, setting, time)?;
        let gate = self.gate(order.account, participant, order.instrument);
        if let Some(gate) = &gate {
            gate.check_flow(time)?;
        }
        entry.check_room(market, &self.arena, setting, price)?;
        if let Some(gate) = &gate {
            gate.check_open(&self.parties)?;
            if order.side == Side::Buy {
                let cleared = setting.cleared();
                self.check_position(gate, order.account, cleared, order.quantity)?;
            }
        }
        if let Some(margined) = setting.margined() {
            let clearing = &self.clearing;
            let room = clearing.position_room(margined, order.account, order.side);
            check_room_of_position(order.quantity, room)?;
        }
        entry.check_taking(market, &self.arena, setting, price)?;
        let entering = || Entering {
            account: order.account,
            owner,
            instrument: order.instrument,
            rates: setting.rates[usize::from(self.clearing.fees.tier(participant))],
            side: order.side,
            price,
            quantity: order.quantity,
        };
        let (mut entered, mut margining) = (None, None);
        if let Some(cleared) = setting.cleared() {
            entered = Some(self.clearing.check_entry(cleared, &entering())?);
        } else if let Some(margined) = setting.margined() {
            let checked = self.clearing.check_margin_entry(margined, &entering());
            margining = Some(checked?);
        }
        Ok(Checked {
            owner,
            price,
            entered,
            margining,
            cause: Cause::Request,
        })
    }

    #[inline(never)]
    pub(super) fn new_order(
        &mut self,
        order: &NewOrder,
        session: Option<SessionId>,
        events: &mut Events,
    ) {
        if self.new_plain(order, session, events) {
            return;
        }
        self.new_any(order, session, events);
    }

    #[inline(never)]
    fn new_any(&mut self, order: &NewOrder, session: Option<SessionId>, events: &mut Events) {
        let checked = match self.check_new(order, session, self.time) {
            Ok(checked) => checked,
            Err(reject) => return self.refuse_new(order, reject, Counted::Yes, events),
        };
        // Nothing below can fail.
        self.count_sent(order.account, order.instrument);
        let sequence = self.sequence;
        self.switches.note_origin(self.arena.next_slot(), session);
        let mut floor = self.floor(order.instrument, events);
        let Floor {
            market,
            setting,
            desk,
        } = &mut floor;
        market.enter(desk, setting, sequence, order, &checked);
        floor.publish();
    }

    /// The live order of this account.
    fn find(&self, account: AccountId, order: OrderId) -> Result<u32, RejectReason> {
        if self.parties.owner_of(account).is_none() {
            return Err(RejectReason::UnknownAccount);
        }
        own_order(&self.arena, account, order).ok_or(RejectReason::UnknownOrder)
    }

    /// The setting of a live order's instrument.
    #[inline]
    fn setting_of<'a>(&'a self, slot: u32, spare: &'a mut Option<Setting>) -> &'a Setting {
        let setting = self.setting_in(self.instrument_of(slot), spare);
        setting.expect("a live order's instrument is known")
    }

    #[inline]
    pub(super) fn instrument_of(&self, slot: u32) -> InstrumentId {
        InstrumentId::new(self.arena.row(slot).instrument)
    }

    pub(super) fn check_cancel(&self, command: &CancelOrder) -> Result<u32, RejectReason> {
        let slot = self.find(command.account, command.order)?;
        let mut spare = None;
        let setting = self.setting_of(slot, &mut spare);
        setting.permits(Action::Cancel)?;
        Ok(slot)
    }

    #[inline(never)]
    pub(super) fn cancel_order(&mut self, command: &CancelOrder, events: &mut Events) {
        if self.cancel_plain(command, events) {
            return;
        }
        self.cancel_any(command, events);
    }

    #[inline(never)]
    fn cancel_any(&mut self, command: &CancelOrder, events: &mut Events) {
        let slot = match self.check_cancel(command) {
            Ok(slot) => slot,
            Err(reason) => {
                let refusal = (ExecType::CancelRejected, reason.into());
                let named = (command.account, command.order);
                return self.refuse_change(named, refusal, Counted::Yes, events);
            }
        };
        // Nothing below can fail.
        let mut floor = self.floor(self.instrument_of(slot), events);
        let cause = Cause::Request;
        floor
            .market
            .withdraw(&mut floor.desk, slot, ExecType::Canceled, cause);
        floor.publish();
    }

    /// What parties may do is checked before the order is looked for; without an order nothing is
    /// known of its venue.
    fn check_owner(
        &self,
        command: &ReplaceOrder,
        session: Option<SessionId>,
        participant: ParticipantId,
    ) -> Result<(u32, Trader), RejectReason> {
        let account = command.account;
        let found = own_order(&self.arena, account, command.order);
        let Some(slot) = found else {
            self.check_party(account, participant)?;
            self.check_replace_switches(session, command, None)?;
            return Err(RejectReason::UnknownOrder);
        };
        let trader = Trader {
            account,
            participant,
            instrument: self.instrument_of(slot),
            side: self.arena.row(slot).flags.side(),
        };
        self.check_trader(&trader)?;
        self.check_replace_switches(session, command, Some(slot))?;
        Ok((slot, trader))
    }

    #[inline(never)]
    pub(super) fn replace_order(
        &mut self,
        command: &ReplaceOrder,
        session: Option<SessionId>,
        events: &mut Events,
    ) {
        let (slot, replacement, changed) = match self.check_replace(command, session, self.time) {
            Ok(checked) => checked,
            Err(reject) => {
                let refusal = (ExecType::ReplaceRejected, reject);
                let named = (command.account, command.order);
                return self.refuse_change(named, refusal, Counted::Yes, events);
            }
        };
        // Nothing below can fail.
        match changed {
            Changed::Nothing => {}
            Changed::Cleared(needed) => self.clearing.change(slot, needed),
            Changed::Margin(refit) => self.clearing.refit(slot, refit),
        }
        if let Replacement::Change(values) = &replacement {
            let leaves = values.leaves(self.arena.row(slot).cumulative());
            self.count_replaced(slot, leaves);
        }
        let mut floor = self.floor(self.instrument_of(slot), events);
        let Floor {
            market,
            setting,
            desk,
        } = &mut floor;
        market.replace(desk, setting, slot, replacement);
        floor.publish();
    }

    pub(super) fn check_mass_cancel(&self, command: &MassCancel) -> Result<(), RejectReason> {
        if self.parties.owner_of(command.account).is_none() {
            return Err(RejectReason::UnknownAccount);
        }
        match command.instrument {
            Some(instrument) => self.venues.permits(instrument, Action::MassCancel),
            None => Ok(()),
        }
    }

    pub(super) fn mass_cancel(&mut self, command: &MassCancel, events: &mut Events) {
        if let Err(reason) = self.check_mass_cancel(command) {
            return refuse_mass_cancel(command, reason.into(), events);
        }
        // Nothing below can fail.
        let mut orders = std::mem::take(&mut self.scratch.orders);
        orders.clear();
        for slot in self.arena.of_account(command.account.index()) {
            let row = self.arena.row(slot);
            let instrument = InstrumentId::new(row.instrument);
            if command.instrument.is_none_or(|one| one == instrument)
                && command.side.is_none_or(|side| side == row.flags.side())
            {
                orders.push((row.sequence, slot));
            }
        }
        orders.sort_unstable();
        let (mut canceled, mut kept) = (0, 0);
        for (_, slot) in orders.drain(..) {
            let instrument = self.instrument_of(slot);
            if self.venues.permits(instrument, Action::MassCancel).is_err() {
                kept += 1;
                continue;
            }
            canceled += 1;
            self.withdraw(slot, ExecType::Canceled, Cause::MassCancel, events);
        }
        self.scratch.orders = orders;
        self.publish_touched(events);
        events.push(Event::MassCancel(MassCancelReport {
            account: command.account,
            reject: None,
            canceled,
            kept,
        }));
    }

    /// Ends a live order wherever it is; its instrument's indicative is published later.
    pub(super) fn withdraw(
        &mut self,
        slot: u32,
        exec_type: ExecType,
        cause: Cause,
        events: &mut Events,
    ) {
        let instrument = self.instrument_of(slot);
        let mut floor = self.floor(instrument, events);
        floor
            .market
            .withdraw(&mut floor.desk, slot, exec_type, cause);
        let known = std::mem::replace(&mut floor.market.touched, true);
        if !known {
            self.touched.push(instrument.index());
        }
    }

    /// Publishes the indicatives of touched instruments that are in a call phase.
    pub(super) fn publish_touched(&mut self, events: &mut Events) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        for instrument in touched.drain(..) {
            let mut floor = self.floor(InstrumentId::new(instrument), events);
            floor.market.touched = false;
            floor.publish();
        }
        self.touched = touched;
    }

    /// Answers a command that the duplicate group refused.
    pub(super) fn refuse(&mut self, command: &Command, reject: Reject, events: &mut Events) {
        match &command.body {
            Body::NewOrder(order) => self.refuse_new(order, reject, Counted::No, events),
            Body::CancelOrder(cancel) => {
                let refusal = (ExecType::CancelRejected, reject);
                let named = (cancel.account, cancel.order);
                self.refuse_change(named, refusal, Counted::No, events);
            }
            Body::ReplaceOrder(replace) => {
                let refusal = (ExecType::ReplaceRejected, reject);
                let named = (replace.account, replace.order);
                self.refuse_change(named, refusal, Counted::No, events);
            }
            Body::MassCancel(mass_cancel) => refuse_mass_cancel(mass_cancel, reject, events),
            Body::Contract(contract) => {
                self.refuse_contract(contract, reject, Told::Uncounted, events);
            }
            Body::OpenSession(_)
            | Body::CreateParticipant(_)
            | Body::CreateOwner(_)
            | Body::CreateAccount(_)
            | Body::SetCalendar(_)
            | Body::CreateVenue(_)
            | Body::DefineRegime(_)
            | Body::MoveVenue(_)
            | Body::SetAnnualUse(_)
            | Body::CreateInstrument(_)
            | Body::SetSchedule(_)
            | Body::SetPhase(_)
            | Body::SetTradingStatus(_)
            | Body::SetReferencePrice(_)
            | Body::SetLimits(_)
            | Body::CreateAsset(_)
            | Body::CreateCustodian(_)
            | Body::SetClearing(_)
            | Body::SetFees(_)
            | Body::SetTier(_)
            | Body::Instruct(_)
            | Body::Acknowledge(_)
            | Body::CloseCustodyDate(_)
            | Body::Standing(_)
            | Body::Limits(_)
            | Body::Receipts(_)
            | Body::Correction(_)
            | Body::Credit(_)
            | Body::Settlement(_)
            | Body::Margin(_)
            | Body::Sales(_)
            | Body::AcceptClock(_)
            | Body::Tick
            | Body::SessionsLost
            | Body::ServiceGap(_)
            | Body::SemanticsVersion(_)
            | Body::BeginEpoch(_)
            | Body::Quarantine(_)
            | Body::Switch(_) => operation(events, Err(reject)),
        }
    }

    fn counters(&mut self, account: AccountId, counted: Counted) -> Counters {
        match counted {
            Counted::Yes => self.parties.count(account),
            Counted::No => Counters::NONE,
        }
    }

    fn refuse_new(
        &mut self,
        order: &NewOrder,
        reject: Reject,
        counted: Counted,
        events: &mut Events,
    ) {
        let prices = Prices::of(&order.order_type);
        events.push(Event::Report(OrderReport {
            exec_type: ExecType::Rejected,
            status: OrderStatus::Rejected,
            cause: Cause::Request,
            reject: Some(reject),
            order: OrderId::rejected(self.sequence),
            account: order.account,
            instrument: Some(order.instrument),
            side: Some(order.side),
            price: prices.limit,
            stop_price: prices.stop,
            order_quantity: order.quantity,
            leaves: Quantity::ZERO,
            cumulative: Quantity::ZERO,
            held: 0,
            counters: self.counters(order.account, counted),
        }));
    }

    /// Refuses a cancel or a replace; the order it named is reported as it stands.
    fn refuse_change(
        &mut self,
        (account, order): (AccountId, OrderId),
        (exec_type, reject): (ExecType, Reject),
        counted: Counted,
        events: &mut Events,
    ) {
        let found = own_order(&self.arena, account, order);
        let found = found.map(|slot| {
            let said = Said {
                exec_type,
                cause: Cause::Request,
                held: self.clearing.held(slot),
                counters: Counters::NONE,
            };
            live_report(&self.arena, slot, said)
        });
        let report = found.unwrap_or(OrderReport {
            exec_type,
            status: OrderStatus::Rejected,
            cause: Cause::Request,
            reject: None,
            order,
            account,
            instrument: None,
            side: None,
            price: None,
            stop_price: None,
            order_quantity: Quantity::ZERO,
            leaves: Quantity::ZERO,
            cumulative: Quantity::ZERO,
            held: 0,
            counters: Counters::NONE,
        });
        events.push(Event::Report(OrderReport {
            reject: Some(reject),
            counters: self.counters(account, counted),
            ..report
        }));
    }
}

impl Floor<'_> {
    /// Publishes the indicative, where the instrument is in a call phase.
    #[inline]
    fn publish(&mut self) {
        if self.setting.auction.is_some() {
            self.market
                .publish_indicative(&mut self.desk, self.setting.instrument);
        }
    }
}

/// The slot of a live order of this account.
fn own_order(arena: &Arena, account: AccountId, order: OrderId) -> Option<u32> {
    let slot = arena.find(order)?;
    (arena.row(slot).account == account.index()).then_some(slot)
}

fn refuse_mass_cancel(command: &MassCancel, reject: Reject, events: &mut Events) {
    events.push(Event::MassCancel(MassCancelReport {
        account: command.account,
        reject: Some(reject),
        canceled: 0,
        kept: 0,
    }));
}

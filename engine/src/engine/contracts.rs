//! Contracts: how one is formed, and who may take which step.
//!
//! Invariant: as elsewhere, a refused command changes nothing and every command is answered, here
//! to both parties. Not here: what a step then does (`engine::contracts::steps`), the table
//! (`contract::table`).

mod border;
mod campaigns;
mod covers;
mod owing;
mod reserves;
mod returns;
mod steps;
#[cfg(test)]
mod work_tests;

pub use border::ImportLimits;
pub use owing::Debt;

use super::Engine;
use super::baskets::RefusedLine;
use super::clearing::approved;
use crate::clearing::Holder;
use crate::clearing::custody::{Approved, business_date};
use crate::clearing::ledger::Place;
use crate::command::{
    Act, ContractCommand, Delivery, Demonstration, Direction, Envelope, GoodsTo, Instruct, TakeStep,
};
use crate::contract::table::{self, By};
use crate::contract::{Contract, Contracts, INVOICES_MAX};
use crate::event::{
    ContractEvent, ContractRefused, ContractStep, Counters, Event, Events, Role, State,
};
use crate::reject::{Reject, RejectReason as R};
use crate::types::{AccountId, Amount, Time};
pub(super) use reserves::{Before, Reserved, Wanted};

/// Whether a refusal is counted in its account's stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    Counted,
    Uncounted,
}

/// A step that passed its checks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    row: table::Row,
    by: Role,
}

fn fails(wrong: bool, reason: R) -> Result<(), R> {
    if wrong { Err(reason) } else { Ok(()) }
}

impl Engine {
    /// Live contracts.
    pub fn contracts(&self) -> &Contracts {
        &self.contracts
    }

    /// What passes next of a live contract if nobody does anything, gaps in service included.
    pub fn deadline_of(&self, contract: &Contract) -> Option<Time> {
        let venue = self.sales.known(contract.terms).terms.venue;
        let gaps = &self.contracts.gaps;
        let off = |end| gaps.put_off(end, contract.set, venue);
        contract.deadline.map(off)
    }

    /// Whether an instant of a contract has passed, fired or not.
    fn has_passed(&self, contract: &Contract, instant: Time, now: Time) -> bool {
        let venue = self.sales.known(contract.terms).terms.venue;
        let gaps = &self.contracts.gaps;
        gaps.has_passed(instant, contract.set, venue, now)
    }

    /// Checks a command about contracts and changes nothing.
    pub(super) fn check_contract(
        &self,
        envelope: &Envelope,
        command: &ContractCommand,
        time: Time,
    ) -> Result<(), Reject> {
        match command {
            ContractCommand::Reserve(reserve) => {
                self.check_reserve(envelope, reserve, time).map(|_| ())
            }
            ContractCommand::Step(take) => Ok(self.check_step(envelope, take, time).map(|_| ())?),
            ContractCommand::Basket(basket) => {
                let checked = self.check_basket(envelope, basket, time);
                checked.map(|_| ()).map_err(|refused| refused.reject)
            }
        }
    }

    /// Carries out a command about contracts.
    pub(super) fn contract(
        &mut self,
        envelope: &Envelope,
        command: &ContractCommand,
        events: &mut Events,
    ) {
        let refused = match command {
            ContractCommand::Basket(basket) => {
                let checked = self.check_basket(envelope, basket, self.time);
                match checked {
                    Ok(checked) => self.form_basket(basket, &checked, events),
                    Err(refused) => self.refuse_line(command, refused, Told::Counted, events),
                }
                return;
            }
            ContractCommand::Reserve(reserve) => {
                let checked = self.check_reserve(envelope, reserve, self.time);
                checked.map(|checked| self.reserve(reserve, &checked, events))
            }
            ContractCommand::Step(take) => {
                let checked = self.check_step(envelope, take, self.time);
                let done = checked.map(|allowed| self.take(take, allowed, events));
                done.map_err(Reject::from)
            }
        };
        if let Err(reject) = refused {
            self.refuse_contract(command, reject, Told::Counted, events);
        }
    }

    pub(super) fn refuse_contract(
        &mut self,
        command: &ContractCommand,
        reject: Reject,
        told: Told,
        events: &mut Events,
    ) {
        self.refuse_line(command, RefusedLine::none(reject), told, events);
    }

    fn refuse_line(
        &mut self,
        command: &ContractCommand,
        RefusedLine { reject, line }: RefusedLine,
        told: Told,
        events: &mut Events,
    ) {
        let (step, contract) = match command {
            ContractCommand::Reserve(_) => (ContractStep::Reserve, None),
            ContractCommand::Basket(_) => (ContractStep::Basket, None),
            ContractCommand::Step(take) => (ContractStep::of(&take.act), Some(take.contract)),
        };
        let account = command.account();
        let counters = match (told, account) {
            (Told::Counted, Some(account)) => self.parties.count(account),
            (Told::Uncounted, _) | (_, None) => Counters::NONE,
        };
        events.push(Event::Contract(ContractEvent::Refused(ContractRefused {
            step,
            account,
            contract,
            line,
            reject,
            counters,
        })));
    }

    /// The reasons of SEMANTICS section 20 in their order.
    fn check_step(&self, envelope: &Envelope, take: &TakeStep, time: Time) -> Result<Allowed, R> {
        if let Some(account) = take.account {
            fails(self.parties.link(account).is_none(), R::UnknownAccount)?;
        }
        if let Act::PayIn { custodian } = take.act {
            let known = self.clearing.assets.custodian(custodian);
            fails(known.is_none(), R::UnknownCustodian)?;
        }
        let found = self.contracts.contract(take.contract);
        let contract = found.ok_or(R::UnknownContract)?;
        let by = role_in(contract, take.account).ok_or(R::UnknownContract)?;
        fails(take.version != contract.version, R::StaleVersion)?;
        let step = ContractStep::of(&take.act);
        let row = table::find(contract.state, contract.disputed, step);
        let row = row.ok_or(R::WrongStep)?;
        fails(!self.fits(contract, &take.act, by), R::WrongStep)?;
        let yours = match row.by {
            By::Role(role) => role == by,
            By::Either => by != Role::Operator,
            By::Time => false,
        };
        fails(!yours, R::NotYours)?;
        let deadline = contract.deadline;
        let passed = deadline.is_some_and(|end| self.has_passed(contract, end, time));
        fails(passed, R::Deadline)?;
        self.check_act(envelope, contract, take, time)?;
        Ok(Allowed { row, by })
    }

    /// Whether the contract is one of which such an act can be.
    fn fits(&self, contract: &Contract, act: &Act, by: Role) -> bool {
        let delivery = self.sales.known(contract.terms).terms.delivery;
        match act {
            Act::PayIn { .. } => contract.payment.is_none(),
            Act::Deliver { .. } => delivery == Delivery::Ship,
            Act::PickUp { .. } => delivery == Delivery::PickUp,
            Act::AskReturn { .. } => contract.return_days > 0 || contract.state == State::Performed,
            Act::Rescind => contract.asked != Some(by),
            Act::Pay
            | Act::Cancel
            | Act::HandOver { .. }
            | Act::Accept
            | Act::HandBack { .. }
            | Act::TakeBack { .. }
            | Act::Dispute
            | Act::Resolve { .. }
            | Act::Invoice { .. } => true,
        }
    }

    /// The checks of each act.
    fn check_act(
        &self,
        envelope: &Envelope,
        contract: &Contract,
        take: &TakeStep,
        time: Time,
    ) -> Result<(), R> {
        match take.act {
            Act::Pay => {
                let window = self.window_of(contract);
                fails(window.is_some_and(|from| time < from), R::Deadline)?;
                let available = self.money_of(contract).map_or(0, |(_, units)| units);
                let due = contract.to_pay - contract.money_held();
                fails(available < due, R::InsufficientFunds)
            }
            Act::PayIn { .. } => {
                let instruct = self.pay_in(contract, take);
                let checked = self.clearing.check_instruct(&instruct, Ok(()));
                checked.map(|_| ()).map_err(|reject| reject.reason)
            }
            Act::Deliver { .. } => {
                self.check_approved(envelope, contract)?;
                self.check_day(contract, time)
            }
            Act::PickUp { code } => {
                let right = contract.pickup == Some(hash_of(code));
                fails(!right, R::PickupCode)?;
                self.check_day(contract, time)
            }
            Act::Accept if contract.goods_held() > 0 => self.check_day(contract, time),
            Act::AskReturn { pieces } => self.check_ask_return(contract, pieces, time),
            Act::TakeBack { to } => self.check_take_back(contract, to, time),
            Act::Invoice { .. } => fails(contract.invoices >= INVOICES_MAX, R::TooMany),
            Act::Resolve { .. } => self.check_resolve(envelope, contract, (take, time)),
            Act::Accept
            | Act::Cancel
            | Act::HandOver { .. }
            | Act::HandBack { .. }
            | Act::Dispute
            | Act::Rescind => Ok(()),
        }
    }

    /// APPROVER_REQUIRED, INVALID_FIELD, CUSTODY_DATE_CLOSED.
    fn check_resolve(
        &self,
        envelope: &Envelope,
        contract: &Contract,
        (take, time): (&TakeStep, Time),
    ) -> Result<(), R> {
        let Act::Resolve {
            buyer,
            seller,
            goods,
        } = take.act
        else {
            unreachable!("only a decision is checked so");
        };
        self.check_approved(envelope, contract)?;
        let authority = envelope.authority.as_deref();
        let reasoned = authority.is_some_and(|authority| !authority.reason.is_empty());
        let parts = buyer.units() + seller.units();
        let gone = goods == GoodsTo::Stock && !contract.keeps_pieces();
        let all = contract.money_held() + contract.bond() + contract.answered_for();
        let wrong = !reasoned || parts != all || gone;
        fails(wrong, R::InvalidField)?;
        if goods == GoodsTo::Buyer && contract.goods_held() > 0 {
            self.check_day(contract, time)?;
        }
        Ok(())
    }

    /// APPROVER_REQUIRED.
    fn check_approved(&self, envelope: &Envelope, contract: &Contract) -> Result<(), R> {
        let terms = &self.sales.known(contract.terms).terms;
        let real = self.venue_of_terms(terms.venue).demonstration == Demonstration::Real;
        fails(
            real && approved(envelope) == Approved::No,
            R::ApproverRequired,
        )
    }

    /// CUSTODY_DATE_CLOSED: the day's goods of the warehouse are reconciled; a service has none.
    fn check_day(&self, contract: &Contract, time: Time) -> Result<(), R> {
        if contract.piece_units == 0 {
            return Ok(());
        }
        let warehouse = self.clearing.assets.custodian(contract.warehouse);
        let warehouse = warehouse.expect("a contract names its warehouse");
        let closed = warehouse.closed_through >= Some(business_date(time));
        fails(closed, R::CustodyDateClosed)
    }

    /// From when on the balance of a contract is paid, if it waits for one.
    fn window_of(&self, contract: &Contract) -> Option<Time> {
        if contract.state != State::Deposited {
            return None;
        }
        let presale = self.sales.presale(contract.offer.slot);
        Some(presale.expect("its offer waits for it").pay_from)
    }

    /// Where the buyer has the money of a contract, and how much is available.
    fn money_of(&self, contract: &Contract) -> Option<(Place, i64)> {
        let money = self.sales.known(contract.terms).terms.money;
        let ledger = &self.clearing.ledger;
        let place = ledger.find(Holder::Account(contract.buyer), money)?;
        Some((place, ledger.available(place)))
    }

    /// The instruction by which a bank is asked for the money of a contract.
    fn pay_in(&self, contract: &Contract, take: &TakeStep) -> Instruct {
        let Act::PayIn { custodian } = take.act else {
            unreachable!("only paying in asks a bank");
        };
        Instruct {
            account: contract.buyer,
            asset: self.sales.known(contract.terms).terms.money,
            custodian,
            direction: Direction::Deposit,
            amount: Amount::new(contract.to_pay).expect("at most 2^52"),
        }
    }
}

/// The role of who takes a step: an operator has no account.
fn role_in(contract: &Contract, account: Option<AccountId>) -> Option<Role> {
    match account {
        Some(account) => contract.role_of(account),
        None => Some(Role::Operator),
    }
}

/// What a code of 16 bytes hashes to: of a pickup, of a coupon.
pub(super) fn hash_of(code: [u8; 16]) -> [u8; 16] {
    let hash = blake3::hash(&code);
    let (front, _) = hash.as_bytes().split_first_chunk().expect("32 bytes");
    *front
}

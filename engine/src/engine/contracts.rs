//! Contracts: how one is formed, and who may take which step.
//!
//! Invariant: as elsewhere, a refused command changes nothing and every command is answered, here
//! to both parties. Not here: what a step then does (`engine::contracts::steps`), the table
//! (`contract::table`).

mod campaigns;
mod returns;
mod steps;

use super::Engine;
use super::clearing::approved;
use super::sales::Dealer;
use super::switch::session_of;
use crate::clearing::Holder;
use crate::clearing::custody::{Approved, business_date};
use crate::clearing::kept::Kept;
use crate::clearing::ledger::Place;
use crate::command::{
    Act, ContractCommand, Delivery, Demonstration, Direction, Envelope, Funding, GoodsTo, Instruct,
    Reserve, SaleTerms, TakeStep,
};
use crate::contract::effects::Moved;
use crate::contract::table::{self, By};
use crate::contract::{Contract, Contracts, CountedFor, INVOICES_MAX};
use crate::event::{
    ContractEvent, ContractRefused, ContractStep, Counters, Disputed, Event, Events, OfferAct,
    Role, SaleEvent, State,
};
use crate::market::presale;
use crate::market::sale::price::{self, Cost};
use crate::market::sale::{Offer, law};
use crate::reject::{Basis, Reject, RejectReason as R};
use crate::types::{AccountId, Amount, OwnerId, Side, Time};
use crate::venue::Regime;
use steps::Step;

/// Whether a refusal is counted in its account's stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    Counted,
    Uncounted,
}

/// A reserve that passed its checks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reserved {
    owner: OwnerId,
    cost: Cost,
    /// What is paid at once, where that is a part.
    deposit: i64,
    /// What is held of who pays at once.
    due: i64,
    regime: Regime,
    return_days: u8,
    /// Where the buyer has the money, if it pays at once.
    money: Option<Place>,
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
        let (step, contract) = match command {
            ContractCommand::Reserve(_) => (ContractStep::Reserve, None),
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
            reject,
            counters,
        })));
    }

    /// The reasons of SEMANTICS section 21 in their order.
    fn check_reserve(
        &self,
        envelope: &Envelope,
        ask: &Reserve,
        time: Time,
    ) -> Result<Reserved, Reject> {
        let known = self.sales.offer(ask.offer);
        let known = known.map(|offer| (offer, self.sales.known(offer.terms)));
        let (participant, owner) = self.check_dealer(&Dealer {
            session: session_of(envelope),
            account: ask.account,
            side: Side::Buy,
            venue: known.map(|(_, defined)| defined.terms.venue),
            seller: known.map(|(offer, _)| offer.seller),
        })?;
        let (offer, defined) = known.ok_or(R::UnknownOffer)?;
        let terms = &defined.terms;
        self.check_venue_open(terms.venue)?;
        self.check_seller_open(offer.seller)?;
        let venue = self.venue_of_terms(terms.venue);
        if self.standings.is_used() {
            self.standings.check_qualified(
                terms.venue,
                (self.venues.law(), &venue.regimes),
                participant,
            )?;
        }
        let kind = self.sales.kind(owner);
        let regime = match defined.regime(kind) {
            Some(regime) => regime,
            None => law::regime_of((self.venues.law(), &venue.regimes), terms.model, kind)?,
        };
        self.check_taken(ask, (offer, owner), time)?;
        self.check_admitted((offer, owner), terms, time)?;
        let hashed = ask.pickup.is_some() == (terms.delivery == Delivery::PickUp);
        fails(!hashed, R::InvalidCombination)?;
        check_pieces(offer, ask.pieces)?;
        let cost = price::cost_of(offer, terms, ask.pieces)?;
        self.check_room_for(ask, (offer, owner))?;
        let deposit = price::deposit_of(cost.to_pay, terms);
        self.check_bond(offer, presale::earnest_of(cost.to_pay, deposit))?;
        let due = if deposit > 0 { deposit } else { cost.to_pay };
        let money = self.check_money(ask.account, terms, due)?;
        Ok(Reserved {
            owner,
            cost,
            deposit,
            due,
            regime,
            return_days: law::return_days(
                terms,
                self.venues.law().rules(regime),
                kind,
                ask.confirmed,
            ),
            money,
        })
    }

    /// SELLER_FUNDS: who sells by a deposit holds its double return (民法典(2020) 587).
    fn check_bond(&self, offer: &Offer, bond: i64) -> Result<(), Reject> {
        if bond > self.clearing.ledger.available(offer.seller_at).max(0) {
            return Err(Reject {
                reason: R::SellerFunds,
                basis: Some(Basis::CivilCode587),
            });
        }
        Ok(())
    }

    /// INSUFFICIENT_FUNDS; where the money is of who pays at once.
    fn check_money(
        &self,
        account: AccountId,
        terms: &SaleTerms,
        due: i64,
    ) -> Result<Option<Place>, R> {
        match terms.funding {
            Funding::Prefunded => {
                let ledger = &self.clearing.ledger;
                let place = ledger.find(Holder::Account(account), terms.money);
                let available = place.map_or(0, |at| ledger.available(at));
                fails(available < due, R::InsufficientFunds)?;
                Ok(place)
            }
            Funding::PayLater { .. } => Ok(None),
        }
    }

    /// STALE_VERSION, DEADLINE, SELF_TRADE.
    fn check_taken(
        &self,
        ask: &Reserve,
        (offer, owner): (&Offer, OwnerId),
        time: Time,
    ) -> Result<(), R> {
        fails(ask.version != offer.version, R::StaleVersion)?;
        fails(!self.is_open(offer, time), R::Deadline)?;
        let own = self.parties.owner_of(offer.seller) == Some(owner);
        fails(own, R::SelfTrade)
    }

    /// BUYER_LIMIT, OUT_OF_STOCK, OPEN_CONTRACTS.
    fn check_room_for(&self, ask: &Reserve, (offer, owner): (&Offer, OwnerId)) -> Result<(), R> {
        let buyers = &self.sales.buyers;
        let entries = self.sales.waiting(ask.offer.slot);
        let closes = self.sales.presale(ask.offer.slot).is_none();
        let crowded = closes && entries >= self.limits.entries_max;
        let mut room = !self.contracts.is_full() && !crowded;
        if let Some(limit) = offer.limit {
            let taken = buyers.pieces(offer.sequence, owner);
            let after = u64::from(taken) + u64::from(ask.pieces);
            fails(after > u64::from(limit), R::BuyerLimit)?;
            room &= !buyers.are_full() || buyers.find(offer.sequence, owner).is_some();
        }
        let drawn = self.sales.lottery(ask.offer.slot).is_some();
        fails(!drawn && ask.pieces > offer.left, R::OutOfStock)?;
        fails(!room, R::OpenContracts)
    }

    /// Forms the contract that was checked.
    fn reserve(&mut self, ask: &Reserve, checked: &Reserved, events: &mut Events) {
        let Reserved { owner, cost, .. } = *checked;
        let drawn = self.sales.lottery(ask.offer.slot).is_some();
        let offer = self.sales.row_mut(ask.offer.slot);
        let taken = if drawn { 0 } else { ask.pieces };
        let units = offer.units(taken);
        let mut goods = Kept::nothing(offer.stock.at());
        let ledger = &mut self.clearing.ledger;
        ledger.pass(&mut offer.stock, units, &mut goods);
        offer.left -= taken;
        let counted = if offer.limit.is_some() {
            CountedFor::Yes
        } else {
            CountedFor::No
        };
        let money = self.clearing.keep_money(checked.money, checked.due);
        let (state, until) = self.first_state(ask.offer.slot);
        let offer = self.sales.row_mut(ask.offer.slot);
        let row = Contract {
            sequence: self.sequence.value(),
            offer: ask.offer,
            terms: offer.terms,
            buyer: ask.account,
            seller: offer.seller,
            owner,
            goods_asset: offer.goods,
            warehouse: offer.warehouse,
            pieces: ask.pieces,
            returned: 0,
            came_back: 0,
            piece_units: offer.piece_units,
            price: cost.price,
            amount: cost.amount,
            tax: cost.tax,
            to_pay: cost.to_pay,
            deposit: checked.deposit,
            version: 1,
            state,
            disputed: Disputed::No,
            asked: None,
            regime: checked.regime,
            return_days: checked.return_days,
            counted,
            invoices: 0,
            deadline: Some(until),
            set: self.sequence.value(),
            received: None,
            formed: self.time,
            delivery_reference: ask.delivery_reference,
            pickup: ask.pickup,
            payment: None,
            money,
            goods,
            seller_at: offer.seller_at,
            warehouse_at: offer.warehouse_at,
        };
        self.enter(ask.offer.slot, &row);
        let report = self.sales.report(ask.offer.slot, OfferAct::Reserved);
        if counted == CountedFor::Yes {
            self.sales.count_buyer(ask.offer.slot, owner, ask.pieces);
        }
        let slot = self.contracts.form(row);
        let step = Step {
            step: ContractStep::Reserve,
            by: Some(Role::Buyer),
        };
        self.tell(slot, &row, step, &Moved::default(), events);
        events.push(Event::Sale(SaleEvent::Offer(report)));
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
        let all = contract.money_held() + contract.bond();
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

/// QUANTITY, MAX_QUANTITY, MIN_QUANTITY, QUANTITY_STEP.
fn check_pieces(offer: &Offer, pieces: u32) -> Result<(), R> {
    fails(pieces == 0, R::Quantity)?;
    fails(pieces > offer.max, R::MaxQuantity)?;
    fails(pieces < offer.min, R::MinQuantity)?;
    fails(!pieces.is_multiple_of(offer.step), R::QuantityStep)
}

/// What a pickup code hashes to.
fn hash_of(code: [u8; 16]) -> [u8; 16] {
    let hash = blake3::hash(&code);
    let (front, _) = hash.as_bytes().split_first_chunk().expect("32 bytes");
    *front
}

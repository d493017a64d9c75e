//! What a step of a contract does, and what is told of it.
//!
//! Invariant: a step that ends a contract leaves nothing held, frees its row and gives its goods to
//! whom they belong, all in its own event. Nothing here can fail. Not here: who may (`super`).

use std::num::NonZeroU64;

use super::Allowed;
use crate::clearing::custody::Known;
use crate::command::{Act, Demonstration, Direction, Instruct, TakeStep, TakenTo};
use crate::contract::effects::{self, Back, Moved, Paid};
use crate::contract::row::{Ends, day_of};
use crate::contract::table::{self, Effect, Next};
use crate::contract::{Contract, CountedFor};
use crate::engine::Engine;
use crate::engine::lotteries::Turn;
use crate::event::{
    ContractEvent, ContractReport, ContractSide, ContractStep, CustodyReport, CustodyStatus, Event,
    Events, OfferAct, Role, SaleEvent, State,
};
use crate::types::{ContractId, Sequence, Time};

/// Days in which goods are sent back, and then refunded (消费者权益保护法 25).
const RETURN_STEP_DAYS: u16 = 7;

/// A step, and who takes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) step: ContractStep,
    pub(super) by: Option<Role>,
}

impl Engine {
    /// Carries out a checked step of a command.
    pub(super) fn take(&mut self, take: &TakeStep, allowed: Allowed, events: &mut Events) {
        let slot = take.contract.slot;
        let by = Some(allowed.by);
        if let Act::PayIn { .. } = take.act {
            return self.ask_bank(take, allowed, events);
        }
        self.step(slot, allowed.row, (by, Some(&take.act)), events);
    }

    /// A deadline of a contract has passed, or is put off by a gap in service.
    pub(in crate::engine) fn pass_deadline(&mut self, slot: u32, events: &mut Events) {
        let contract = self.contracts.row(slot);
        let deadline = contract.deadline.expect("it was due");
        if !self.has_passed(contract, deadline, self.time) {
            return self.put_off(slot, events);
        }
        let row = table::find(contract.state, contract.disputed, ContractStep::Deadline);
        if contract.state == State::Joined {
            self.close_group(contract.offer.slot, events);
        }
        let contract = self.contracts.row(slot);
        if contract.state == State::Entered {
            let offer = contract.offer;
            if self.draw_on(offer, events) == Turn::Later {
                return;
            }
        }
        let row = row.expect("a state with a deadline says what it does");
        self.step(slot, row, (None, None), events);
    }

    /// A contract with its instants put off by the gaps since they were set.
    fn caught_up(&self, slot: u32) -> Contract {
        let mut contract = *self.contracts.row(slot);
        let venue = self.sales.known(contract.terms).terms.venue;
        contract.catch_up(&self.contracts.gaps, venue, self.sequence);
        contract
    }

    /// A deadline that fell due does not pass: its parties are told until when it is put off. While
    /// the venue is halted nobody knows; it is at least a grace away.
    fn put_off(&mut self, slot: u32, events: &mut Events) {
        let mut contract = self.caught_up(slot);
        let venue = self.sales.known(contract.terms).terms.venue;
        let off = self.contracts.gaps.in_halt(venue, self.time);
        let later = contract.deadline.filter(|end| *end > self.time);
        contract.deadline = Some(later.unwrap_or(self.time.after(off)));
        self.contracts.put(slot, contract);
        let step = Step {
            step: ContractStep::PutOff,
            by: None,
        };
        self.tell(slot, &contract, step, &Moved::default(), events);
    }

    pub(super) fn step(
        &mut self,
        slot: u32,
        row: table::Row,
        (by, act): (Option<Role>, Option<&Act>),
        events: &mut Events,
    ) {
        let mut contract = self.caught_up(slot);
        let before = contract;
        let mut moved = Moved::default();
        contract.version += 1;
        let asked = contract.asked;
        if row.effect != Effect::Record {
            contract.asked = None;
        }
        contract.state = row.to;
        if row.effect == Effect::Rescind && asked.is_some() {
            effects::thaw(&mut contract);
            self.undo_covered(&mut contract, &mut moved);
            self.clearing.undo(&mut contract, &mut moved);
            contract.state = State::Rescinded;
        } else if row.effect == Effect::Rescind {
            contract.asked = by;
        } else {
            self.carry_effect((slot, row.effect), &mut contract, act, &mut moved);
        }
        contract.deadline = self.next_deadline_of(&contract, row.next);
        if moved.owed > 0 {
            self.owe(slot, &contract, moved.owed);
        }
        if contract.state.lives() {
            self.contracts.put(slot, contract);
        } else {
            contract.deadline = None;
            self.contracts.end(slot, &contract);
        }
        if contract.state != row.from {
            self.depart(row.from, &contract);
        }
        let step = Step { step: row.step, by };
        self.tell(slot, &contract, step, &moved, events);
        if row.effect == Effect::Draw && contract.state == State::Paid {
            let report = self.sales.report(contract.offer.slot, OfferAct::Reserved);
            events.push(Event::Sale(SaleEvent::Offer(report)));
        }
        self.restore_import(&before, &contract, &moved);
        self.give_back(&contract, &moved, events);
    }

    fn carry_effect(
        &mut self,
        (slot, effect): (u32, Effect),
        contract: &mut Contract,
        act: Option<&Act>,
        moved: &mut Moved,
    ) {
        let clearing = &mut self.clearing;
        match effect {
            Effect::Nothing | Effect::Instruct | Effect::Rescind => {}
            Effect::Record => contract.invoices += 1,
            Effect::Pay => {
                let money = self.sales.known(contract.terms).terms.money;
                let holder = crate::clearing::Holder::Account(contract.buyer);
                let at = clearing.ledger.find(holder, money);
                contract.payment = None;
                clearing.pay_contract(contract, at);
            }
            Effect::PayBalance => clearing.pay_balance(contract),
            Effect::Forfeit => clearing.forfeit(contract, moved),
            Effect::SellerDefaults => clearing.seller_defaults(contract, moved),
            Effect::Undo => clearing.undo(contract, moved),
            Effect::Leave => self.receive(contract, moved),
            Effect::Accept => {
                self.receive(contract, moved);
                self.accept_rest(contract, moved);
            }
            Effect::Close => self.close_entry(contract, moved),
            Effect::Draw => self.draw_entry(contract, moved),
            Effect::Settle => self.settle(contract, moved),
            Effect::AskReturn => {
                if let Some(Act::AskReturn { pieces }) = act {
                    contract.returned = *pieces;
                }
            }
            Effect::TakeBack | Effect::WriteOff | Effect::Agree => {
                if matches!(act, Some(Act::TakeBack { to: TakenTo::Stock })) {
                    clearing.bring_back(contract, moved);
                }
                self.take_back(effect, contract, moved);
            }
            Effect::Decline => self.keep_on(contract),
            Effect::Freeze => effects::freeze(contract),
            Effect::Resolve => self.decide(contract, act, moved),
            Effect::Repay => self.repay_owing(slot, contract, moved),
            Effect::Forgive => self.forgive_owing(slot, contract),
        }
    }

    /// The buyer has the goods.
    fn receive(&mut self, contract: &mut Contract, moved: &mut Moved) {
        self.clearing.leave(contract, moved);
        let terms = &self.sales.known(contract.terms).terms;
        let (venue, agreed_days) = (terms.venue, terms.agreed_days);
        let ends = Ends {
            returnable: self.end_of_civil_day(venue, contract.return_days.into()),
            keep: self.end_of_civil_day(venue, agreed_days),
            day: day_of(self.time),
        };
        contract.received.get_or_insert(ends);
    }

    pub(super) fn paid_by(&self, contract: &Contract) -> Paid {
        let defined = self.sales.known(contract.terms);
        Paid {
            fee_ppm: defined.terms.fee_ppm,
            fees: defined.fees,
        }
    }

    fn next_deadline_of(&self, contract: &Contract, next: Next) -> Option<Time> {
        let terms = &self.sales.known(contract.terms).terms;
        match next {
            Next::Same => contract.deadline,
            Next::Never => None,
            Next::Return if contract.state == State::Owing => None,
            Next::HandOver => Some(self.time.after(terms.hand_over_within)),
            Next::Inspect => Some(self.time.after(terms.inspect_within)),
            Next::Return if contract.state == State::Performed => {
                contract.received.map(|ends| ends.keep)
            }
            Next::Return => contract.return_end(),
            Next::SevenDays => Some(self.end_of_civil_day(terms.venue, RETURN_STEP_DAYS)),
        }
    }

    /// Tells both parties of a step.
    pub(super) fn tell(
        &mut self,
        slot: u32,
        contract: &Contract,
        Step { step, by }: Step,
        moved: &Moved,
        events: &mut Events,
    ) {
        let terms = &self.sales.known(contract.terms).terms;
        let (venue, money) = (terms.venue, terms.money);
        let [buyer, seller] = [contract.buyer, contract.seller].map(|account| ContractSide {
            account,
            counters: self.parties.count(account),
        });
        events.push(Event::Contract(ContractEvent::Step(ContractReport {
            step,
            by,
            state: contract.state,
            disputed: contract.disputed,
            full_tax: self.full_tax(contract),
            version: contract.version,
            contract: contract.sequence,
            offer: contract.offer.sequence,
            slots: contract.slots(slot),
            venue,
            money,
            goods: contract.goods_asset,
            warehouse: contract.warehouse,
            pieces: contract.pieces,
            came_back: contract.came_back,
            regime: contract.regime,
            buyer,
            seller,
            price: contract.price,
            amount: contract.amount,
            tax: contract.tax,
            money_held: contract.money_held(),
            refunded: moved.refunded,
            tax_back: moved.tax_back,
            paid_out: moved.paid_out,
            fee: moved.fee,
            penalty: moved.penalty,
            owing: self.contracts.owing(contract.id(slot)),
            goods_out: moved.goods_out,
            deadline: contract.deadline,
        })));
    }

    /// Goods go back to the offer they came from, or to the seller; the buyer is counted for fewer.
    fn give_back(&mut self, contract: &Contract, moved: &Moved, events: &mut Events) {
        let id = contract.offer;
        if moved.uncounted > 0 && contract.counted == CountedFor::Yes {
            let buyers = &mut self.sales.buyers;
            buyers.give_back(id.sequence, contract.owner, moved.uncounted);
        }
        let Some(Back { mut kept, pieces }) = moved.back else {
            return;
        };
        let units = kept.amount();
        if self.sales.offer(id).is_none() {
            return self.clearing.unshelve(&mut kept, units, contract.store());
        }
        let offer = self.sales.row_mut(id.slot);
        let ledger = &mut self.clearing.ledger;
        ledger.pass(&mut kept, units, &mut offer.stock);
        offer.left += pieces;
        let report = self.sales.report(id.slot, OfferAct::GivenBack);
        events.push(Event::Sale(SaleEvent::Offer(report)));
    }

    /// Asks a bank for the money of a contract; a demonstration's has it at once.
    fn ask_bank(&mut self, take: &TakeStep, allowed: Allowed, events: &mut Events) {
        let slot = take.contract.slot;
        let instruct = self.pay_in(self.contracts.row(slot), take);
        let known = self.clearing.check_instruct(&instruct, Ok(()));
        let known = known.expect("it was checked");
        let (id, time) = (self.sequence, self.time);
        let report = self.clearing.instruct(id, time, &instruct, &known);
        events.push(Event::Custody(report));
        if report.status == CustodyStatus::Pending {
            self.contracts.ask_bank(id, take.contract);
            let mut contract = *self.contracts.row(slot);
            contract.payment = NonZeroU64::new(id.value());
            self.contracts.put(slot, contract);
        }
        self.step(slot, allowed.row, (Some(allowed.by), None), events);
        if report.status == CustodyStatus::Executed {
            self.pay_out_of_bank(slot, events);
        }
    }

    fn pay_out_of_bank(&mut self, slot: u32, events: &mut Events) {
        let contract = self.contracts.row(slot);
        let row = table::find(contract.state, contract.disputed, ContractStep::PaidIn);
        let row = row.expect("it is unpaid");
        self.step(slot, row, (Some(Role::Custodian), None), events);
    }

    /// A bank answered for a contract: its money is the contract's, or goes back.
    pub(in crate::engine) fn bank_answered(
        &mut self,
        id: ContractId,
        report: &CustodyReport,
        events: &mut Events,
    ) {
        events.push(Event::Custody(*report));
        let executed = report.status == CustodyStatus::Executed;
        let Some(contract) = self.waiting_for(id, report.instruction) else {
            if executed {
                self.send_back(report, events);
            }
            return;
        };
        let deadline = contract.deadline;
        let passed = deadline.is_some_and(|end| self.has_passed(contract, end, self.time));
        if executed && !passed {
            return self.pay_out_of_bank(id.slot, events);
        }
        let mut contract = *contract;
        contract.payment = None;
        self.contracts.put(id.slot, contract);
        if executed {
            self.send_back(report, events);
        }
    }

    /// The contract that waits for this instruction.
    fn waiting_for(&self, id: ContractId, instruction: Sequence) -> Option<&Contract> {
        let contract = self.contracts.contract(id)?;
        let asked = NonZeroU64::new(instruction.value());
        (asked.is_some() && contract.payment == asked).then_some(contract)
    }

    /// Money that came too late is withdrawn again.
    fn send_back(&mut self, report: &CustodyReport, events: &mut Events) {
        let instruct = Instruct {
            account: report.account,
            asset: report.asset,
            custodian: report.custodian,
            direction: Direction::Withdrawal,
            amount: report.amount,
        };
        let known = Known {
            demonstration: Demonstration::Real,
        };
        let (id, time) = (self.sequence, self.time);
        let back = self.clearing.instruct(id, time, &instruct, &known);
        events.push(Event::Custody(back));
    }
}

//! Banks that are asked for the money of contracts (section 20).
//!
//! Invariant: money that comes too late goes back. Not here: the other steps
//! (`registry::performance`).

use super::deals::{DAY, Deal, EAST, Moved};
use super::*;
use crate::reference::ledger::Holder;

impl Reference {
    pub(super) fn payment(&self, deal: &Deal, custodian: usize) -> Instruction {
        Instruction {
            id: self.sequence,
            account: deal.buyer.place(),
            asset: deal.money,
            custodian,
            direction: Direction::Deposit,
            amount: deal.to_pay,
        }
    }

    pub(super) fn pay_in(&mut self, mut deal: Deal, custodian: CustodianId) {
        let one = self.payment(&deal, custodian.place());
        let alone =
            self.money.custodians[one.custodian].demonstration == Demonstration::Demonstration;
        self.need(Holder::Account(one.account), one.asset);
        self.need(Holder::Custodian(one.custodian), one.asset);
        deal.asked = None;
        let id = deal.id;
        if alone {
            let day = (self.instant() + EAST).div_euclid(DAY) as i32;
            let text = format!("auto-{}", one.id.value());
            let reference = Name::new(&text).expect("short");
            self.execute(&one);
            self.say_custody(&one, CustodyStatus::Executed, (reference, day));
        } else {
            self.say_custody(&one, CustodyStatus::Pending, (Name::EMPTY, 0));
            deal.payment = Some(one.id);
            self.shops.payments.push((one.id, id));
            self.money.pending.push(one);
        }
        let by = Some(Role::Buyer);
        self.step_done(deal, ContractStep::PayIn, by, &Moved::default());
        if alone {
            self.money_is_in(id);
        }
    }

    fn money_is_in(&mut self, id: u64) {
        let mut deal = self.deal(id).clone();
        self.paid(&mut deal);
        let by = Some(Role::Custodian);
        self.step_done(deal, ContractStep::PaidIn, by, &Moved::default());
    }

    /// A bank answered; whether it was for a contract.
    pub fn bank_answered(
        &mut self,
        one: &Instruction,
        status: CustodyStatus,
        said: (Name, i32),
    ) -> bool {
        let Some(at) = self
            .shops
            .payments
            .iter()
            .position(|known| known.0 == one.id)
        else {
            return false;
        };
        let (_, id) = self.shops.payments.remove(at);
        self.say_custody(one, status, said);
        let executed = status == CustodyStatus::Executed;
        let deal = self.shops.deals.iter().find(|deal| deal.id == id);
        let waits = deal.filter(|deal| deal.payment == Some(one.id));
        let late = |deal: &Deal| deal.deadline.is_some_and(|end| self.passed(deal, end));
        let in_time = waits.is_some_and(|deal| !late(deal));
        if waits.is_some() {
            self.deal_mut(id).payment = None;
        }
        if executed && in_time {
            self.money_is_in(id);
        } else if executed {
            let back = Instruction {
                id: self.sequence,
                direction: Direction::Withdrawal,
                ..one.clone()
            };
            self.say_custody(&back, CustodyStatus::Pending, (Name::EMPTY, 0));
            self.money.pending.push(back);
        }
        true
    }
}

//! The next step of a contract: what its buyer, its seller or an operator does now.
//!
//! Invariant: a step is drawn from those that the contract's state has; nobody is asked. Not here:
//! which contract it is, and what is reserved (`clerk`).

use proto::v1::{
    ContractReport, ContractRole, ContractState, ContractStep, GoodsTo, TakenTo,
    take_step_request::{
        Accept, AskReturn, Cancel, Deliver, Dispute, HandBack, HandOver, Pay, PayIn, PickUp,
        Rescind, Resolve, Step, TakeBack,
    },
};
use rust_decimal::Decimal;

use super::{Kind, amount, books::bond_of, found::Shops, holds_goods, returns::kept};
use crate::workload::rng::Rng;

/// A reference of a carrier or of a delivery.
pub const REFERENCE: [u8; 16] = [3; 16];
/// Of a hundred who are asked to rescind, so many agree.
const AGREES_PERCENT: u64 = 50;

/// A contract that it looks after.
#[derive(Clone, Debug)]
pub struct Deal {
    /// The kind of its offer.
    pub kind: Kind,
    /// Its buyer.
    pub buyer: u32,
    /// How it stands.
    pub last: ContractReport,
    /// What picks it up.
    pub code: [u8; 16],
    /// Nothing is tried before.
    pub not_before_ns: i64,
}

/// Who takes a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// Its buyer.
    Buyer,
    /// Its seller.
    Seller,
    /// Who decides a dispute.
    Operator,
}

impl Deal {
    /// The next step; none where it is left alone from now on.
    pub fn choose(&self, shops: &Shops, rng: &mut Rng) -> Option<(Who, Step)> {
        let last = &self.last;
        if last.disputed {
            return Some((Who::Operator, self.resolve(rng)));
        }
        let draw = rng.below(100);
        if last.step() == ContractStep::Rescind && draw < AGREES_PERCENT {
            let other = if last.by() == ContractRole::Buyer {
                Who::Seller
            } else {
                Who::Buyer
            };
            return Some((other, Step::Rescind(Rescind {})));
        }
        if self.kind == Kind::Agreed
            && let Some(step) = self.agreed(draw, rng)
        {
            return Some(step);
        }
        let reference = REFERENCE.to_vec();
        let hand_over = Step::HandOver(HandOver {
            reference: reference.clone(),
        });
        Some(match last.state() {
            ContractState::Unpaid | ContractState::Deposited => return self.paid(shops, draw),
            // It was drawn by now, or a gap put that off.
            ContractState::Entered => match draw {
                0..60 => (Who::Seller, hand_over),
                _ => return None,
            },
            // Its group has closed by now, or a gap put that off.
            ContractState::Joined => match draw {
                0..20 => (Who::Buyer, Step::Cancel(Cancel {})),
                20..80 => (Who::Seller, hand_over),
                _ => return None,
            },
            ContractState::Paid => match draw {
                0..70 => (Who::Seller, hand_over),
                70..80 => (Who::Seller, Step::Cancel(Cancel {})),
                80..90 => (Who::Buyer, Step::Rescind(Rescind {})),
                _ => (Who::Buyer, Step::Dispute(Dispute {})),
            },
            ContractState::HandedOver if shops.is_picked_up(self.kind) => {
                let code = self.code.to_vec();
                (Who::Seller, Step::PickUp(PickUp { code }))
            }
            ContractState::HandedOver => match draw {
                0..50 => (Who::Seller, Step::Deliver(Deliver { reference })),
                50..90 => (Who::Buyer, Step::Accept(Accept {})),
                _ => (Who::Seller, Step::Dispute(Dispute {})),
            },
            ContractState::Delivered | ContractState::Accepted | ContractState::Covered => {
                self.inspected(rng)?
            }
            ContractState::ReturnAsked => (Who::Buyer, Step::HandBack(HandBack { reference })),
            ContractState::Returning => (Who::Seller, take_back(draw < 60)),
            ContractState::Performed
            | ContractState::Owing
            | ContractState::ReturnProposed
            | ContractState::Unspecified
            | ContractState::Settled
            | ContractState::Refunded
            | ContractState::Cancelled
            | ContractState::Expired
            | ContractState::Defaulted
            | ContractState::Resolved
            | ContractState::Rescinded
            | ContractState::Released
            | ContractState::Forfeited => return None,
        })
    }

    /// What is done before it is paid, or paid in whole.
    fn paid(&self, shops: &Shops, draw: u64) -> Option<(Who, Step)> {
        let later = self.last.state() == ContractState::Unpaid;
        Some(match draw {
            0..75 if later && self.kind == Kind::Bank => {
                let custodian_id = shops.bank.clone();
                (Who::Buyer, Step::PayIn(PayIn { custodian_id }))
            }
            _ if self.kind == Kind::Bank => return None,
            45..60 if later => (Who::Buyer, Step::Cancel(Cancel {})),
            0..50 => (Who::Buyer, Step::Pay(Pay {})),
            50..60 => (Who::Seller, Step::Cancel(Cancel {})),
            _ => return None,
        })
    }

    /// What is done where pieces come back by agreement only; none where the kind does not matter.
    fn agreed(&self, draw: u64, rng: &mut Rng) -> Option<(Who, Step)> {
        let last = &self.last;
        let reference = REFERENCE.to_vec();
        let (state, hand_over) = (last.state(), Step::HandOver(HandOver { reference }));
        if state == ContractState::Paid {
            (draw < 90).then_some((Who::Seller, hand_over))
        } else if state == ContractState::HandedOver || state == ContractState::Delivered {
            (draw < 80).then_some((Who::Buyer, Step::Accept(Accept {})))
        } else if state == ContractState::Performed {
            let left = u64::from(last.pieces.saturating_sub(last.came_back));
            let pieces = 1 + rng.below(left) as u32;
            Some((Who::Buyer, Step::AskReturn(AskReturn { pieces })))
        } else if state == ContractState::ReturnProposed {
            Some(match draw {
                0..10 => (Who::Buyer, Step::Cancel(Cancel {})),
                10..20 => (Who::Seller, Step::Cancel(Cancel {})),
                _ => (Who::Seller, take_back(draw < 60)),
            })
        } else if state == ContractState::Owing {
            // Its buyer lets it off, unless it was paid meanwhile.
            (draw < 40).then_some((Who::Buyer, Step::Cancel(Cancel {})))
        } else {
            None
        }
    }

    /// What a buyer does with what it has.
    fn inspected(&self, rng: &mut Rng) -> Option<(Who, Step)> {
        let last = &self.last;
        let step = match rng.below(100) {
            0..40 if last.state() == ContractState::Delivered => Step::Accept(Accept {}),
            0..80 => {
                let pieces = 1 + rng.below(u64::from(last.pieces)) as u32;
                Step::AskReturn(AskReturn { pieces })
            }
            80..90 => Step::Dispute(Dispute {}),
            90.. if last.state() == ContractState::Covered => Step::Rescind(Rescind {}),
            _ => return None,
        };
        Some((Who::Buyer, step))
    }

    /// The buyer gets a whole number of hundredths of what is held or covered, the seller the rest.
    fn resolve(&self, rng: &mut Rng) -> Step {
        let last = &self.last;
        let held = amount(&last.money_held) + bond_of(last);
        let held = if held.is_zero() && self.kind == Kind::Covered {
            kept(last)
        } else {
            held
        };
        let share = Decimal::from(rng.below(101)) / Decimal::ONE_HUNDRED;
        let buyer = (held * share).trunc_with_scale(2);
        let leave = !holds_goods(last.state()) || rng.below(2) == 0;
        let goods_to = if leave {
            GoodsTo::Buyer
        } else {
            GoodsTo::Stock
        };
        Step::Resolve(Resolve {
            buyer_amount: buyer.to_string(),
            seller_amount: (held - buyer).to_string(),
            goods_to: goods_to.into(),
        })
    }
}

fn take_back(to_stock: bool) -> Step {
    let to = if to_stock {
        TakenTo::Stock
    } else {
        TakenTo::WriteOff
    };
    let taken_to = to.into();
    Step::TakeBack(TakeBack { taken_to })
}

//! Returns: pieces that are asked for, and what is left of a contract when some came back.
//!
//! Invariant: of all pieces no more comes back than was bought, and the parts that are paid back
//! make what was paid; what the seller lacks of that it owes. Not here: the other steps
//! (`steps`), what is moved (`contract::effects`), what becomes of a debt (`owing`).

use super::fails;
use crate::command::{Covered, TakenTo};
use crate::contract::Contract;
use crate::contract::effects::Moved;
use crate::contract::table::Effect;
use crate::engine::Engine;
use crate::event::State;
use crate::reject::RejectReason as R;
use crate::types::Time;

impl Engine {
    /// DEADLINE, QUANTITY, MAX_QUANTITY.
    pub(super) fn check_ask_return(
        &self,
        contract: &Contract,
        pieces: u32,
        time: Time,
    ) -> Result<(), R> {
        let end = contract.return_end();
        let over = end.is_none_or(|end| self.has_passed(contract, end, time));
        let agreed = contract.state == State::Performed;
        fails(over && !agreed, R::Deadline)?;
        fails(pieces == 0, R::Quantity)?;
        let left = contract.pieces - contract.came_back;
        fails(pieces > left, R::MaxQuantity)
    }

    /// CUSTODY_DATE_CLOSED, AMOUNT_LIMIT, SELLER_FUNDS.
    pub(super) fn check_take_back(
        &self,
        contract: &Contract,
        to: TakenTo,
        time: Time,
    ) -> Result<(), R> {
        let ledger = &self.clearing.ledger;
        if to == TakenTo::Stock {
            self.check_day(contract, time)?;
            let units = i64::from(contract.returned) * contract.piece_units;
            fails(units > ledger.free(contract.goods_asset), R::AmountLimit)?;
        }
        let agreed = contract.state == State::ReturnProposed;
        let (money, _) = contract.returned_parts();
        let lacks = agreed && money > ledger.available(contract.seller_at);
        fails(lacks && !self.may_owe(contract), R::SellerFunds)
    }

    /// What the buyer has is accepted: its right of return runs, or the seller is paid.
    pub(super) fn accept_rest(&mut self, contract: &mut Contract, moved: &mut Moved) {
        let end = contract.return_end();
        let over = end.is_none_or(|end| self.has_passed(contract, end, self.time));
        if over {
            self.settle(contract, moved);
        } else if self.cover(contract, moved) {
            contract.state = State::Covered;
        } else {
            contract.state = State::Accepted;
        }
    }

    /// The seller is paid, or was, and its guarantee covers other contracts again.
    pub(super) fn settle(&mut self, contract: &mut Contract, moved: &mut Moved) {
        if contract.covered == Covered::Yes {
            self.uncover(contract);
        } else {
            let paid = self.paid_by(contract);
            self.clearing.settle_contract(contract, paid, moved);
        }
        self.keep_on(contract);
    }

    /// Nothing is asked of a contract whose seller is paid: returns by agreement may still be, or
    /// it ends.
    pub(super) fn keep_on(&self, contract: &mut Contract) {
        contract.returned = 0;
        let agreed_days = self.sales.known(contract.terms).terms.agreed_days;
        let ends = contract.received.filter(|_| agreed_days > 0);
        let over = ends.is_none_or(|ends| self.has_passed(contract, ends.keep, self.time));
        contract.state = if over {
            State::Settled
        } else {
            State::Performed
        };
    }

    /// Pieces came back: of the rest all is as it was.
    pub(super) fn take_back(&mut self, effect: Effect, contract: &mut Contract, moved: &mut Moved) {
        let agreed = effect == Effect::Agree;
        if agreed {
            self.clearing.agree(contract, moved);
        } else if contract.covered == Covered::Yes {
            self.take_covered(contract, moved);
        } else {
            self.clearing.take_returned(contract, moved);
        }
        if moved.owed > 0 {
            contract.state = State::Owing;
            return;
        }
        if contract.came_back == contract.pieces {
            return;
        }
        if agreed {
            self.keep_on(contract);
        } else {
            self.accept_rest(contract, moved);
        }
    }
}

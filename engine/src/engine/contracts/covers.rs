//! Covered contracts: the seller is paid at once, and its guarantee answers for what may come back.
//!
//! Invariant: what a guarantee covers for a contract is what was paid for its pieces that have not
//! come back, from the payment until its right of return ends; a refund is taken off both at once.
//! Not here: rows (`clearing::guarantee`), steps (`steps`, `returns`).

use std::collections::BTreeMap;

use crate::clearing::guarantee::GuaranteeKey;
use crate::command::{Act, Covered};
use crate::contract::Contract;
use crate::contract::effects::{self, Decision, Moved};
use crate::engine::Engine;
use crate::types::Amount;

impl Engine {
    fn guarantee_of(&self, contract: &Contract) -> GuaranteeKey {
        let terms = &self.sales.known(contract.terms).terms;
        GuaranteeKey {
            account: contract.seller,
            venue: terms.venue,
            money: terms.money,
        }
    }

    /// What guarantees have to cover by the contracts that live; of forged ones at most more than
    /// any guarantee is.
    pub(crate) fn covered_sums(&self) -> BTreeMap<GuaranteeKey, i64> {
        let mut sums = BTreeMap::<_, i64>::new();
        let all = self.contracts.all().map(|(_, contract)| contract);
        for contract in all.filter(|contract| contract.covered == Covered::Yes) {
            let sum = sums.entry(self.guarantee_of(contract)).or_default();
            *sum = sum.saturating_add(contract.answered_for());
        }
        sums
    }

    /// Covers a contract that was accepted, and pays its seller, if its terms say so and the
    /// guarantee can; whether it is covered now.
    pub(super) fn cover(&mut self, contract: &mut Contract, moved: &mut Moved) -> bool {
        let asked = self.sales.known(contract.terms).terms.covered == Covered::Yes;
        if contract.covered == Covered::Yes || !asked || contract.money_held() == 0 {
            return contract.covered == Covered::Yes;
        }
        let key = self.guarantee_of(contract);
        if self.clearing.free_guarantee(key) < contract.money_held() {
            return false;
        }
        self.clearing.guarantee(key, contract.money_held());
        let paid = self.paid_by(contract);
        self.clearing.settle_contract(contract, paid, moved);
        contract.covered = Covered::Yes;
        true
    }

    /// Its guarantee does not answer for it any more.
    pub(super) fn uncover(&mut self, contract: &mut Contract) {
        let key = self.guarantee_of(contract);
        self.clearing.uncover(key, contract.answered_for());
        contract.covered = Covered::No;
    }

    /// Pieces of a covered contract came back: what was paid for them is taken out of the
    /// guarantee. Where nothing was paid for those that are left, it has no more to answer for.
    pub(super) fn take_covered(&mut self, contract: &mut Contract, moved: &mut Moved) {
        let (money, _) = contract.returned_parts();
        self.pay_covered(contract, money, moved);
        effects::come_back(contract, moved);
        if contract.answered_for() == 0 {
            contract.covered = Covered::No;
        }
    }

    /// All that was paid goes back where the contract is undone, if its guarantee answers for it.
    pub(super) fn undo_covered(&mut self, contract: &mut Contract, moved: &mut Moved) {
        if contract.covered == Covered::Yes {
            self.pay_covered(contract, contract.answered_for(), moved);
            contract.covered = Covered::No;
        }
    }

    /// What a decision says. Of a covered contract the buyer's part comes out of the guarantee, and
    /// the seller keeps the rest of what it was paid.
    pub(super) fn decide(&mut self, contract: &mut Contract, act: Option<&Act>, moved: &mut Moved) {
        let Some(Act::Resolve { buyer, goods, .. }) = act else {
            unreachable!("only a decision is carried out so");
        };
        let (mut buyer, goods) = (*buyer, *goods);
        if contract.covered == Covered::Yes {
            let key = self.guarantee_of(contract);
            self.clearing.uncover(key, contract.answered_for());
            self.take_of_guarantee(contract, buyer.units(), moved);
            contract.covered = Covered::No;
            buyer = Amount::ZERO;
        }
        let decision = Decision { buyer, goods };
        let paid = self.paid_by(contract);
        self.clearing.resolve(contract, &decision, paid, moved);
    }

    fn pay_covered(&mut self, contract: &Contract, amount: i64, moved: &mut Moved) {
        let key = self.guarantee_of(contract);
        self.clearing.uncover(key, amount);
        self.take_of_guarantee(contract, amount, moved);
    }

    fn take_of_guarantee(&mut self, contract: &Contract, amount: i64, moved: &mut Moved) {
        if amount > 0 {
            let key = self.guarantee_of(contract);
            let to = contract.money.at();
            self.clearing.pay_of_guarantee(key, amount, to);
            moved.penalty += amount;
        }
    }
}

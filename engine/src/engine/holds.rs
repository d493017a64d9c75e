//! What an account's held amounts are held for: the answer to "where is my money".
//!
//! Invariant: the holds of an account and an asset sum to what its position holds (`audit` checks
//! the same sum). A page walks all of the account's live orders, as a mass cancel does. Not here:
//! taking and releasing holds (`clearing`).

use super::Engine;
use crate::types::{
    AccountId, Amount, AssetId, ContractId, InstrumentId, OfferId, OrderId, Sequence,
};

/// What holds an amount.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum HeldFor {
    /// A live order.
    Order(OrderId),
    /// A withdrawal that its custodian has not answered.
    Withdrawal(Sequence),
    /// Collateral for what is lent of this currency.
    Collateral(AssetId),
    /// An offer.
    Offer(OfferId),
    /// A contract.
    Contract(ContractId),
}

/// An amount that is set aside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Held {
    /// What for.
    pub by: HeldFor,
    /// Of what.
    pub asset: AssetId,
    /// How much; never nothing.
    pub amount: Amount,
    /// The instrument, of an order.
    pub instrument: Option<InstrumentId>,
}

impl Engine {
    /// What an account's held amounts are held for, in order of what and asset: those after
    /// `after`, at most `limit`.
    pub fn holds_of(
        &self,
        account: AccountId,
        after: Option<(HeldFor, AssetId)>,
        limit: usize,
    ) -> Vec<Held> {
        let mut all = Vec::new();
        let mut add = |by, asset, units: i64, instrument| {
            let amount = Amount::new(units).expect("a position holds it");
            if units > 0 && after.is_none_or(|after| (by, asset) > after) {
                all.push(Held {
                    by,
                    asset,
                    amount,
                    instrument,
                });
            }
        };
        for slot in self.arena.of_account(account.index()) {
            let instrument = InstrumentId::new(self.arena.row(slot).instrument);
            let Some(cleared) = self.clearing.terms(instrument) else {
                continue;
            };
            let by = HeldFor::Order(self.arena.id(slot));
            let [money, goods] = self.clearing.holds(slot);
            add(by, cleared.money, money, Some(instrument));
            add(by, cleared.goods, goods, Some(instrument));
        }
        for (id, one) in self.clearing.custody.pending() {
            if one.account == account {
                let held = one.held().units();
                add(HeldFor::Withdrawal(id), one.asset, held, None);
            }
        }
        for (money, goods, amount) in self.clearing.credit.pledges_of(account) {
            add(HeldFor::Collateral(money), goods, amount.units(), None);
        }
        for (id, offer) in self
            .sales
            .offers()
            .filter(|(_, offer)| offer.seller == account)
        {
            add(HeldFor::Offer(id), offer.goods, offer.stock.amount(), None);
        }
        for (id, contract) in self.contracts.of_account(account) {
            let by = HeldFor::Contract(id);
            if contract.buyer == account {
                let money = self.sales.known(contract.terms).terms.money;
                add(by, money, contract.money_held(), None);
            } else {
                add(by, contract.goods_asset, contract.goods_held(), None);
            }
        }
        all.sort_unstable();
        all.truncate(limit);
        all
    }
}

//! What an account's held amounts are held for: the answer to "where is my money".
//!
//! Invariant: the holds of an account and an asset sum to what its position holds (`audit` checks
//! the same sum). A page walks all of the account's live orders, as a mass cancel does. Not here:
//! taking and releasing holds (`clearing`).

use super::Engine;
use crate::types::{
    AccountId, Amount, AssetId, ContractId, InstrumentId, OfferId, OrderId, ReceiptId, Sequence,
    VenueId,
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
    /// A live warehouse receipt.
    Receipt(ReceiptId),
    /// What was bought or sold of this instrument and settles after so many day rolls of its venue.
    Settlement(InstrumentId, u32),
    /// The margin of a position in this instrument and of its open orders.
    Margin(InstrumentId),
    /// An offer.
    Offer(OfferId),
    /// A contract.
    Contract(ContractId),
    /// A guarantee at this venue.
    Guarantee(VenueId),
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
    /// The instrument, of an order, of what settles later and of margin.
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
        self.orders_hold(account, &mut add);
        for (id, one) in self.clearing.custody.pending() {
            if one.account == account {
                let held = one.held().units();
                add(HeldFor::Withdrawal(id), one.asset, held, None);
            }
        }
        for (money, goods, amount) in self.clearing.credit.pledges_of(account) {
            add(HeldFor::Collateral(money), goods, amount.units(), None);
        }
        for ((_, id), receipt) in self.clearing.receipts.of_account_from(account, None) {
            let by = HeldFor::Receipt(id);
            add(by, receipt.asset, receipt.amount.units(), None);
        }
        self.later_holds(account, &mut add);
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
                let money = self.sales.known(contract.terms).terms.money;
                add(by, money, contract.bond(), None);
            }
        }
        for (key, row) in self.clearing.guarantees.of_account(account) {
            add(HeldFor::Guarantee(key.venue), key.money, row.amount(), None);
        }
        all.sort_unstable();
        all.truncate(limit);
        all
    }

    fn orders_hold(
        &self,
        account: AccountId,
        add: &mut impl FnMut(HeldFor, AssetId, i64, Option<InstrumentId>),
    ) {
        for slot in self.arena.of_account(account.index()) {
            let instrument = InstrumentId::new(self.arena.row(slot).instrument);
            let by = HeldFor::Order(self.arena.id(slot));
            let [money, goods] = self.clearing.holds(slot);
            if let Some(cleared) = self.clearing.terms(instrument) {
                add(by, cleared.money, money, Some(instrument));
                add(by, cleared.goods, goods, Some(instrument));
            } else if let Some(contract) = self.clearing.margin.contract(instrument) {
                add(by, contract.terms.money, money, Some(instrument));
            }
        }
    }

    fn later_holds(
        &self,
        account: AccountId,
        add: &mut impl FnMut(HeldFor, AssetId, i64, Option<InstrumentId>),
    ) {
        for one in self.clearing.settlement.unsettled(account) {
            let (instrument, cleared) = (one.instrument, self.clearing.terms(one.instrument));
            let cleared = cleared.expect("what settles later is cleared");
            let by = HeldFor::Settlement(instrument, one.rolls);
            add(by, cleared.money, one.money, Some(instrument));
            add(by, cleared.goods, one.goods, Some(instrument));
        }
        for (_, row) in self.clearing.margin.of_account_from(account, None) {
            let contract = self.clearing.margin.contract(row.instrument);
            let money = contract.expect("rows are of margin forwards").terms.money;
            let by = HeldFor::Margin(row.instrument);
            add(by, money, row.held, Some(row.instrument));
        }
    }
}

#[cfg(test)]
impl Engine {
    /// Puts a fault in: an amount is held for nothing.
    pub(crate) fn hold_for_nothing(&mut self) {
        let holder = crate::clearing::Holder::Account(AccountId::new(0));
        let place = self.clearing.ledger.open(holder, AssetId::new(0));
        self.clearing.ledger.spoil(place);
    }
}

//! Whether all money and goods are accounted for: the clearing's part of `Engine::audit`.
//!
//! Invariant: checked from the positions, the holds and the instructions alone, by summing anew.
//! Not here: books and rows (`audit`).

use std::collections::BTreeMap;

use super::Clearing;
use super::kept::Kept;
use super::ledger::{Holder, Place};
use super::shelf::Store;
use crate::command::Direction;
use crate::types::{AccountId, AssetId, Side};

/// What an offer or a contract keeps.
pub(crate) struct Sold {
    pub(crate) kept: Kept,
    pub(crate) account: AccountId,
    pub(crate) asset: AssetId,
    /// Where it lies, of goods.
    pub(crate) store: Option<Store>,
}

impl Clearing {
    /// Checks that each asset sums to zero, that nobody but who is outside is below zero, and that
    /// what positions hold is what receipts, pending withdrawals, collateral, what waits to settle
    /// and `live` orders (slot, side, what is left in lots, lot units of its instrument) hold.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(
        &self,
        live: impl Iterator<Item = (u32, Side, i64, Option<i64>)>,
        sold: &[Sold],
    ) -> Result<(), &'static str> {
        let mut sums = BTreeMap::<AssetId, (i128, i128)>::new();
        for position in self.ledger.positions() {
            let (sum, outside) = sums.entry(position.asset()).or_default();
            *sum += i128::from(position.balance());
            match position.holder() {
                Holder::Custodian(_) | Holder::Credit(_) => {
                    *outside -= i128::from(position.available);
                    if position.held != 0 || position.available > 0 {
                        return Err("a custodian or credit has more than it gave");
                    }
                }
                Holder::Transit(_) => {
                    *outside -= i128::from(position.available.min(0));
                    if position.held != 0 {
                        return Err("something is held between shards");
                    }
                }
                // Looked at by `audit_corrections`.
                Holder::Receivable(_) => {}
                Holder::Account(_) | Holder::Venue(_) | Holder::Clearing(_) => {
                    if !self.ledger.is_found(position) {
                        return Err("a position is not found where it is");
                    }
                    if position.available < 0 || position.held < 0 {
                        return Err("a position is below zero");
                    }
                }
            }
        }
        for (asset, (sum, outside)) in sums {
            if sum != 0 {
                return Err("the positions of an asset do not sum to zero");
            }
            if outside != i128::from(self.ledger.circulation(asset).units()) {
                return Err("what is in circulation is not what lies below zero");
            }
        }
        self.receipts.audit()?;
        self.audit_custody()?;
        self.audit_corrections()?;
        self.audit_credit()?;
        self.audit_shelves(sold)?;
        self.audit_holds(live, sold)
    }

    /// A custodian holds what its receipts stand for and what it is asked to hand out.
    fn audit_custody(&self) -> Result<(), &'static str> {
        let mut stores = self.receipts.stores();
        if stores.any(|(custodian, asset)| self.free_at(custodian, asset) < 0) {
            return Err("a warehouse has more receipts than goods");
        }
        if !self.custody.is_sound() {
            return Err("what custodians are asked for is not what instructions ask");
        }
        Ok(())
    }

    /// Goods that offers and contracts hold are there, and counted by their warehouse.
    fn audit_shelves(&self, sold: &[Sold]) -> Result<(), &'static str> {
        let mut sums = BTreeMap::<Store, i64>::new();
        for one in sold {
            if let Some(store) = one.store {
                *sums.entry(store).or_default() += one.kept.amount();
            }
        }
        sums.retain(|_, sum| *sum != 0);
        if !sums.into_iter().eq(self.shelves.stores()) {
            return Err("a shelf does not hold what offers and contracts do");
        }
        let mut stores = self.shelves.stores();
        if stores.any(|((custodian, asset), _)| self.free_at(custodian, asset) < 0) {
            return Err("a warehouse has more on offer than goods");
        }
        Ok(())
    }

    /// Each credit has its two positions and no other has one; who has drawn has nothing left.
    fn audit_credit(&self) -> Result<(), &'static str> {
        if self.ledger.is_touched() {
            return Err("what became available was not looked at");
        }
        for ((account, asset), lent) in &self.credit.lent {
            let own = self.ledger.find(Holder::Account(*account), *asset);
            let credit = self.ledger.find(Holder::Credit(*account), *asset);
            if (own, credit) != (Some(lent.money), Some(lent.credit)) {
                return Err("credit has no positions");
            }
            let (own, drawn) = (
                self.ledger.position(lent.money),
                -self.ledger.position(lent.credit).available,
            );
            if drawn > 0 && own.available > 0 {
                return Err("an account that has drawn has something left");
            }
            if !own.has_credit() || drawn != lent.told {
                return Err("credit is not what was told");
            }
        }
        let positions = self.ledger.positions().iter();
        let (mut marked, mut lenders) = (0, 0);
        for position in positions {
            marked += usize::from(position.has_credit());
            lenders += usize::from(matches!(position.holder(), Holder::Credit(_)));
        }
        let credits = self.credit.lent.len();
        if [marked, lenders] != [credits, credits] {
            return Err("a position says it has credit and has none");
        }
        for (account, money, _) in self.credit.pledges.keys() {
            if !self.credit.lent.contains_key(&(*account, *money)) {
                return Err("goods are pledged for no credit");
            }
        }
        Ok(())
    }

    fn audit_holds(
        &self,
        live: impl Iterator<Item = (u32, Side, i64, Option<i64>)>,
        sold: &[Sold],
    ) -> Result<(), &'static str> {
        let mut held = vec![0_i64; self.ledger.positions().len()];
        let mut add = |place: Place, amount: i64| held[place.index() as usize] += amount;
        let mut cleared = 0;
        let mut open = vec![(0, 0); self.margin.rows().len()];
        for (slot, side, lots, lot_units) in live {
            let hold = self.holds.get(slot as usize);
            let hold = hold.ok_or("a live order has no hold row")?;
            if !hold.is_cleared() {
                continue;
            }
            cleared += 1;
            if hold.is_margin() {
                let counted = if hold.goods < 0 { -lots } else { lots };
                if hold.goods != counted || (hold.goods < 0) != (side == Side::Sell) {
                    return Err("an order of a margin forward is not open for what is left of it");
                }
                let row = open.get_mut(hold.row() as usize);
                let row = row.ok_or("an order of a margin forward has no row")?;
                *row = (row.0 + counted.max(0), row.1 + (-counted).max(0));
                add(hold.money_at, hold.money);
                continue;
            }
            let goods = match (side, lot_units) {
                (_, None) => return Err("an order holds for an instrument without clearing"),
                (Side::Buy, Some(_)) => 0,
                (Side::Sell, Some(units)) => lots * units,
            };
            if hold.goods != goods || hold.money < 0 {
                return Err("an order does not hold what is open of it");
            }
            add(hold.money_at, hold.money);
            add(hold.goods_at, hold.goods);
        }
        if self.holds.iter().filter(|hold| hold.is_cleared()).count() != cleared {
            return Err("an order that has ended still holds");
        }
        for (at, row) in self.margin_places() {
            add(at, row.held);
        }
        self.audit_margin(&open)?;
        for (_, one) in self.custody.pending() {
            let holder = Holder::Account(one.account);
            let place = self.ledger.find(holder, one.asset);
            let place = place.ok_or("an instruction has no position")?;
            if one.direction == Direction::Withdrawal {
                add(place, one.amount.units());
            }
        }
        self.add_kept(sold, &mut add)?;
        self.settlement.held(&mut add);
        let same = self.ledger.positions().iter().zip(&held);
        if same
            .into_iter()
            .any(|(position, held)| position.held != *held)
        {
            return Err("a position does not hold what its orders, withdrawals and collateral do");
        }
        Ok(())
    }

    /// What receipts, collateral, offers and contracts keep.
    fn add_kept(
        &self,
        sold: &[Sold],
        add: &mut impl FnMut(Place, i64),
    ) -> Result<(), &'static str> {
        for (_, receipt) in self.receipts.all() {
            let kept = receipt.kept();
            let position = self.ledger.position(kept.at());
            let own = Holder::Account(receipt.account);
            if position.holder() != own || position.asset() != receipt.asset {
                return Err("a receipt keeps of another position than its holder's");
            }
            add(kept.at(), kept.amount());
        }
        for ((account, _, goods), amount) in &self.credit.pledges {
            let place = self.ledger.find(Holder::Account(*account), *goods);
            add(place.ok_or("collateral has no position")?, amount.units());
        }
        for one in sold.iter().filter(|one| one.kept.amount() > 0) {
            let position = self.ledger.position(one.kept.at());
            let own = (Holder::Account(one.account), one.asset);
            if (position.holder(), position.asset()) != own {
                return Err("an offer or contract keeps of another position than its party's");
            }
            add(one.kept.at(), one.kept.amount());
        }
        Ok(())
    }
}

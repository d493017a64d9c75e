//! Whether all money and goods are accounted for: the clearing's part of `Engine::audit`.
//!
//! Invariant: checked from the positions, the holds and the instructions alone, by summing anew.
//! Not here: books and rows (`audit`).

use std::collections::BTreeMap;

use super::Clearing;
use super::ledger::{Holder, Place};
use crate::command::Direction;
use crate::types::{AssetId, Side};

impl Clearing {
    /// Checks that each asset sums to zero, that nobody but a custodian is below zero, and that
    /// what positions hold is what pending withdrawals and `live` orders (slot, side and what is
    /// left in lots, lot units of its instrument) hold.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(
        &self,
        live: impl Iterator<Item = (u32, Side, i64, Option<i64>)>,
    ) -> Result<(), &'static str> {
        let mut sums = BTreeMap::<AssetId, (i128, i128)>::new();
        for position in self.ledger.positions() {
            let (sum, outside) = sums.entry(position.asset()).or_default();
            *sum += i128::from(position.balance());
            match position.holder() {
                Holder::Custodian(_) => {
                    *outside -= i128::from(position.available);
                    if position.held != 0 || position.available > 0 {
                        return Err("a custodian holds more than it received");
                    }
                }
                Holder::Account(_) | Holder::Venue(_) => {
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
                return Err("what is in circulation is not what custodians hold");
            }
        }
        self.audit_holds(live)
    }

    fn audit_holds(
        &self,
        live: impl Iterator<Item = (u32, Side, i64, Option<i64>)>,
    ) -> Result<(), &'static str> {
        let mut held = vec![0_i64; self.ledger.positions().len()];
        let mut add = |place: Place, amount: i64| held[place.index() as usize] += amount;
        let mut cleared = 0;
        for (slot, side, lots, lot_units) in live {
            let hold = self.holds.get(slot as usize);
            let hold = hold.ok_or("a live order has no hold row")?;
            if !hold.is_cleared() {
                continue;
            }
            cleared += 1;
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
        for (_, one) in self.custody.pending() {
            let holder = Holder::Account(one.account);
            let place = self.ledger.find(holder, one.asset);
            let place = place.ok_or("an instruction has no position")?;
            if one.direction == Direction::Withdrawal {
                add(place, one.amount.units());
            }
        }
        self.settlement.held(&mut add);
        let same = self.ledger.positions().iter().zip(&held);
        if same
            .into_iter()
            .any(|(position, held)| position.held != *held)
        {
            return Err("a position does not hold what its orders and withdrawals do");
        }
        Ok(())
    }
}

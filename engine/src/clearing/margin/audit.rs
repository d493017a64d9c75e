//! Whether all margin is accounted for: the margin forwards' part of `Engine::audit`.
//!
//! Invariant: checked by summing anew. Not here: ledger positions (`clearing::audit`).

use super::super::Clearing;
use super::super::ledger::{Holder, Place};
use super::rows::Row;
use super::{Call, Contract};
use crate::types::Quantity;

impl Clearing {
    /// Checks each margin forward's rows against its pool and its orders: `open` has the lots of
    /// open orders by row, those of sells apart.
    pub(in crate::clearing) fn audit_margin(
        &self,
        open: &[(i64, i64)],
    ) -> Result<(), &'static str> {
        for (place, row) in self.margin.rows.all().iter().enumerate() {
            let (buys, sells) = open.get(place).copied().unwrap_or((0, 0));
            if (row.buys, row.sells) != (buys, sells) {
                return Err("a margin row does not count what its orders are open for");
            }
            if row.held < 0 || row.owed < 0 || row.worst() > Quantity::MAX_LOTS {
                return Err("a margin row is out of its bounds");
            }
        }
        for contract in self.margin.contracts() {
            self.audit_contract(contract)?;
        }
        let called = |row: &&Row| row.call != Call::None;
        let rows = self.margin.rows.all();
        let listed = self.margin.calls.len() + self.margin.waiting.len();
        if rows.iter().filter(called).count() != listed {
            return Err("a margin call is not listed once");
        }
        Ok(())
    }

    /// All rows with their accounts' money.
    pub(in crate::clearing) fn margin_places(&self) -> impl Iterator<Item = (Place, &Row)> {
        let rows = self.margin.rows.all().iter();
        rows.filter_map(|row| {
            let contract = self.margin.contract(row.instrument)?;
            let holder = Holder::Account(row.account);
            let at = self.ledger.find(holder, contract.margined.money)?;
            Some((at, row))
        })
    }

    fn audit_contract(&self, contract: &Contract) -> Result<(), &'static str> {
        let instrument = contract.terms.instrument;
        let rows = self.margin.rows.all().iter();
        let rows = rows.filter(|row| row.instrument == instrument);
        let marking = self.margin.is_marking(instrument);
        let pool = self.ledger.position(contract.pool);
        let (mut net, mut sum) = (0_i128, i128::from(pool.available));
        for row in rows {
            net += i128::from(row.net);
            sum += row.cost - row.due;
            if !marking && (row.due != 0 || row.held > row.required(contract)) {
                return Err("a margin row holds more than it must, or is due something");
            }
        }
        if net != 0 {
            return Err("the positions of a margin forward do not sum to zero");
        }
        if sum != 0 {
            return Err("what a margin forward's rows cost is not what its pool lacks");
        }
        Ok(())
    }
}

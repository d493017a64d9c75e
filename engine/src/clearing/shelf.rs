//! Goods that offers and contracts hold, by the warehouse they lie in.
//!
//! Invariant: of each warehouse and asset, the sum here is what offers and contracts hold of it, so
//! a withdrawal or a receipt can take only what is free of them, and a delivery never finds the
//! warehouse empty. Not here: which offer or contract holds what.

use std::collections::BTreeMap;

use super::custody::keeps;
use super::kept::Kept;
use super::ledger::{Holder, Place};
use super::{Asset, Clearing, Custodian};
use crate::types::{AssetId, CustodianId};

/// A warehouse and what lies in it.
pub(crate) type Store = (CustodianId, AssetId);

/// The sums. A tree, as that of receipts: an entry comes into being with an offer, and stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Shelves {
    sums: BTreeMap<Store, i64>,
}

impl Shelves {
    /// What offers and contracts hold there.
    pub(crate) fn held(&self, store: Store) -> i64 {
        self.sums.get(&store).copied().unwrap_or(0)
    }

    /// Where something is held.
    pub(crate) fn stores(&self) -> impl Iterator<Item = (Store, i64)> {
        let held = self.sums.iter().filter(|(_, sum)| **sum != 0);
        held.map(|(store, sum)| (*store, *sum))
    }

    /// A snapshot says that so much more is held there.
    pub(crate) fn restore(&mut self, store: Store, units: i64) {
        self.add(store, units);
    }

    fn add(&mut self, store: Store, units: i64) {
        let sum = self.sums.entry(store).or_default();
        *sum += units;
        assert!(
            *sum >= 0,
            "no more leaves a shelf than lay there: {store:?}"
        );
    }
}

impl Clearing {
    /// What of a warehouse's goods nobody holds or asked for.
    pub(crate) fn is_free(&self, (warehouse, asset): Store, units: i64) -> bool {
        units <= self.free_at(warehouse, asset)
    }

    /// Whether a custodian keeps an asset.
    pub(crate) fn keeps(custodian: &Custodian, asset: &Asset) -> bool {
        keeps(custodian, asset)
    }

    /// Whether these positions are there or may come into being.
    pub(crate) fn has_room(&self, positions: &[(Holder, AssetId)]) -> bool {
        let missing = |(holder, asset): &&(Holder, AssetId)| {
            let found = self.ledger.find(*holder, *asset);
            found.is_none()
        };
        positions.iter().filter(missing).count() as u32 <= self.ledger.room()
    }

    /// Sets goods that lie in a warehouse aside.
    pub(crate) fn shelve(&mut self, at: Place, units: i64, store: Store) -> Kept {
        self.shelves.add(store, units);
        self.ledger.keep(at, units)
    }

    /// Frees goods.
    pub(crate) fn unshelve(&mut self, kept: &mut Kept, units: i64, store: Store) {
        self.shelves.add(store, -units);
        self.ledger.let_go(kept, units);
    }

    /// Goods leave a warehouse.
    pub(crate) fn ship(&mut self, kept: &mut Kept, units: i64, warehouse: Place, store: Store) {
        self.shelves.add(store, -units);
        self.ledger.hand_out(kept, units, warehouse);
    }

    /// Goods come into a warehouse again, those of a service none, and are set aside for who had
    /// them.
    pub(crate) fn take_in(
        &mut self,
        warehouse: Place,
        units: i64,
        at: Place,
        store: Store,
    ) -> Kept {
        if units > 0 {
            self.ledger.issue(warehouse, units, at);
        }
        self.shelve(at, units, store)
    }
}

//! Where an account has an asset, for accounts whose chain of positions is long: sellers of
//! thousands of kinds, and who bought of them.
//!
//! Invariant: each position of an account is in the table once; `audit` looks each one up anew.
//! Positions are never given up, so nothing leaves.
//! Rejected: the table alone (a chain of a handful is one or two lines of memory and no hash).
//! Not here: the chains (`ledger`), positions of venues and custodians (a tree).

use super::ledger::{Holder, Place, Position};
use crate::index::{self, Index};
use crate::types::{AccountId, AssetId};

/// The table, by account and asset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Whereabouts {
    index: Index,
}

impl Whereabouts {
    /// Room for so many positions. Its memory is used as positions come.
    pub(super) fn new(positions_max: u32) -> Self {
        Self {
            index: Index::new(positions_max),
        }
    }

    /// The position of `account` in `asset`, if it ever had one.
    #[inline(never)]
    pub(super) fn find(
        &self,
        positions: &[Position],
        account: AccountId,
        asset: AssetId,
    ) -> Option<Place> {
        let is = |place: u32| {
            let position = &positions[place as usize];
            position.asset() == asset && position.holder() == Holder::Account(account)
        };
        self.index.find(hash_of(account, asset), is).map(Place::new)
    }

    /// Adds a position that is not there yet; there is room for all there may be.
    pub(super) fn add(
        &mut self,
        positions: &[Position],
        (account, asset): (AccountId, AssetId),
        place: Place,
    ) {
        let known = self.find(positions, account, asset);
        assert!(known.is_none(), "a position comes into being once");
        self.index.add(hash_of(account, asset), place.index());
    }
}

fn hash_of(account: AccountId, asset: AssetId) -> u64 {
    index::hash_of(account.index().into(), asset.index())
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Ledger;
    use super::*;
    use crate::limits::Limits;

    const KINDS: u32 = 10_000;

    fn filled() -> Ledger {
        let limits = Limits {
            positions_max: 2 * KINDS,
            accounts_max: 4,
            ..Limits::default()
        };
        let mut ledger = Ledger::new(&limits);
        for kind in 0..KINDS {
            for account in [3, 0] {
                let holder = Holder::Account(AccountId::new(account));
                let place = ledger.open(holder, AssetId::new(kind));
                assert_eq!(
                    ledger.open(holder, AssetId::new(kind)),
                    place,
                    "opened once"
                );
            }
        }
        ledger
    }

    #[test]
    fn who_has_ten_thousand_kinds_finds_each_of_them() {
        let ledger = filled();
        assert_eq!(ledger.room(), 0, "the table is as full as it may be");
        assert!(ledger.positions().iter().all(|one| ledger.is_found(one)));
        let account = AccountId::new(3);
        for kind in 0..KINDS {
            let asset = AssetId::new(kind);
            let place = ledger.find(Holder::Account(account), asset).expect("had");
            let position = ledger.position(place);
            assert_eq!(position.holder(), Holder::Account(account));
            assert_eq!(position.asset(), asset);
            let other = AssetId::new((kind + 1) % KINDS);
            let pair = ledger.find_pair(account, asset, other);
            assert_eq!(pair[0], place);
            assert_eq!(ledger.position(pair[1]).asset(), other);
        }
        let never = AssetId::new(KINDS);
        assert_eq!(ledger.find(Holder::Account(account), never), None);
        let pair = ledger.find_pair(account, never, AssetId::new(0));
        assert!(pair[0].is_none() && !pair[1].is_none());
        let nobody = Holder::Account(AccountId::new(1));
        assert_eq!(ledger.find(nobody, AssetId::new(0)), None);
    }
}

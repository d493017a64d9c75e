//! `SetGuarantee`: a seller sets money aside for what it may have to pay back.
//!
//! Invariant: as elsewhere, a refused command changes nothing. Not here: what it covers
//! (`engine::contracts::covers`).

use super::Engine;
use super::sales::fails;
use crate::clearing::Holder;
use crate::clearing::guarantee::{Guarantee, GuaranteeKey};
use crate::command::{AssetClass, SetGuarantee};
use crate::event::{GuaranteeReport, SaleEvent};
use crate::reject::RejectReason as R;

impl Engine {
    /// A guarantee, if there is one.
    pub fn guarantee(&self, key: GuaranteeKey) -> Option<&Guarantee> {
        self.clearing.guarantees.get(key)
    }

    /// The reasons of SEMANTICS section 28 in their order.
    pub(super) fn check_guarantee(&self, set: &SetGuarantee) -> Result<(), R> {
        let linked = self.parties.link(set.account);
        let (participant, _) = linked.ok_or(R::UnknownAccount)?;
        if self.standings.is_used() {
            self.standings.check_entry(set.account, participant)?;
        }
        let venue = self.venues.venue(set.venue).ok_or(R::UnknownVenue)?;
        let money = self.clearing.assets.asset(set.money);
        let money = money.ok_or(R::UnknownAsset)?;
        let currency = matches!(money.class, AssetClass::Currency { .. });
        let joins = money.demonstration == venue.demonstration;
        fails(!currency || !joins, R::InvalidField)?;
        let (amount, known) = (set.amount.units(), self.guarantee(key_of(set)));
        let covering = known.map_or(0, Guarantee::covering);
        fails(amount < covering, R::GuaranteeInUse)?;
        let new = known.is_none() && amount > 0;
        fails(new && self.clearing.guarantees.are_full(), R::TooMany)?;
        let more = amount - known.map_or(0, Guarantee::amount);
        let ledger = &self.clearing.ledger;
        let at = ledger.find(Holder::Account(set.account), set.money);
        let available = at.map_or(0, |at| ledger.available(at));
        fails(more > available.max(0), R::InsufficientFunds)
    }

    pub(super) fn set_guarantee(&mut self, set: &SetGuarantee) -> SaleEvent {
        let holder = Holder::Account(set.account);
        // Of nothing no position is asked for.
        if let Some(at) = self.clearing.ledger.find(holder, set.money) {
            let amount = set.amount.units();
            self.clearing.set_guarantee(key_of(set), at, amount);
        }
        let stands = self.guarantee(key_of(set));
        SaleEvent::Guarantee(GuaranteeReport {
            venue: set.venue,
            account: set.account,
            money: set.money,
            amount: stands.map_or(0, Guarantee::amount),
            covering: stands.map_or(0, Guarantee::covering),
        })
    }
}

/// Which guarantee it sets.
const fn key_of(set: &SetGuarantee) -> GuaranteeKey {
    GuaranteeKey {
        account: set.account,
        venue: set.venue,
        money: set.money,
    }
}

//! Transfers: between shards as two halves, between accounts of one owner, and, by an operator, of
//! two.
//!
//! Invariant: a half moves an amount between an account and the other shard's transit position,
//! once for each id, for ever; the transit positions of all shards sum to zero when both halves of
//! every transfer were done. Nothing is drawn for a transfer. Not here: whether the other half was
//! done, which only an approver can know.

use super::Clearing;
use super::custody::Approved;
use super::ledger::Holder;
use crate::command::{AssetClass, Demonstration, Half, Transfer, TransferHalf};
use crate::event::{CreditEvent, TransferReport, Transferred};
use crate::reject::{Reject, RejectReason};
use crate::types::{AccountId, Amount, AssetId};

impl Clearing {
    /// Checks a half of a transfer of a known account and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_ASSET, APPROVER_REQUIRED, INVALID_FIELD, TRANSFER_USED, TOO_MANY,
    /// INSUFFICIENT_FUNDS, INSUFFICIENT_GOODS, AMOUNT_LIMIT.
    pub(crate) fn check_half(&self, one: &TransferHalf, approved: Approved) -> Result<(), Reject> {
        let asset = self.assets.asset(one.asset);
        let asset = asset.ok_or(RejectReason::UnknownAsset)?;
        let real = asset.demonstration == Demonstration::Real;
        if one.half == Half::In && real && approved == Approved::No {
            return Err(RejectReason::ApproverRequired.into());
        }
        if one.amount.is_zero() {
            return Err(RejectReason::InvalidField.into());
        }
        let credit = &self.credit;
        if credit.transfers.contains(&(one.half, one.transfer)) {
            return Err(RejectReason::TransferUsed.into());
        }
        let holders = [Holder::Account(one.account), Holder::Transit(one.shard)];
        let places = holders.map(|holder| self.ledger.find(holder, one.asset));
        let missing = places.iter().filter(|place| place.is_none()).count() as u32;
        let full = credit.transfers.len() >= credit.transfers_max as usize;
        if full || missing > self.ledger.room() {
            return Err(RejectReason::TooMany.into());
        }
        let amount = one.amount.units();
        if one.half == Half::Out {
            self.check_free((one.account, one.asset), amount)?;
        }
        let transit = places[1].map_or(0, |place| self.ledger.position(place).available);
        let fits = match one.half {
            Half::Out => transit + amount <= Amount::MAX_UNITS,
            Half::In => {
                let below = |transit: i64| (-transit).max(0);
                let more = below(transit - amount) - below(transit);
                more <= self.ledger.free(one.asset)
            }
        };
        if !fits {
            return Err(RejectReason::AmountLimit.into());
        }
        Ok(())
    }

    /// INSUFFICIENT_FUNDS, INSUFFICIENT_GOODS; nothing is drawn.
    fn check_free(
        &self,
        (account, asset): (AccountId, AssetId),
        amount: i64,
    ) -> Result<(), RejectReason> {
        let place = self.ledger.find(Holder::Account(account), asset);
        let available = place.map_or(0, |place| self.ledger.position(place).available);
        if amount <= available {
            return Ok(());
        }
        let class = self.assets.asset(asset).map(|asset| asset.class);
        Err(match class {
            Some(AssetClass::Goods { .. }) => RejectReason::InsufficientGoods,
            Some(AssetClass::Currency { .. }) | None => RejectReason::InsufficientFunds,
        })
    }

    /// Does a half that was checked.
    pub(crate) fn transfer_half(&mut self, one: &TransferHalf) -> CreditEvent {
        let account = self.ledger.open(Holder::Account(one.account), one.asset);
        let transit = self.ledger.open(Holder::Transit(one.shard), one.asset);
        let amount = one.amount.units();
        match one.half {
            Half::Out => self.ledger.take_out(account, amount, transit),
            Half::In => self.ledger.issue(transit, amount, account),
        }
        self.credit.transfers.insert((one.half, one.transfer));
        CreditEvent::Half(TransferReport {
            half: one.half,
            transfer: one.transfer,
            account: one.account,
            asset: one.asset,
            amount: one.amount,
            shard: one.shard,
        })
    }

    /// Checks a transfer between known accounts, of one owner or not, and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_ASSET, INVALID_FIELD, TOO_MANY, INSUFFICIENT_FUNDS, INSUFFICIENT_GOODS.
    pub(crate) fn check_transfer(&self, one: &Transfer, owners: Owners) -> Result<(), Reject> {
        if self.assets.asset(one.asset).is_none() {
            return Err(RejectReason::UnknownAsset.into());
        }
        if one.amount.is_zero() || one.from == one.to || owners == Owners::Two {
            return Err(RejectReason::InvalidField.into());
        }
        self.check_received(one)
    }

    /// Checks what an operator moves between known accounts, of one owner or not, for a reason or
    /// for none, and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_ASSET, APPROVER_REQUIRED, INVALID_FIELD, TOO_MANY, INSUFFICIENT_FUNDS.
    pub(crate) fn check_compensation(
        &self,
        one: &Transfer,
        (owners, reasoned): (Owners, bool),
        approved: Approved,
    ) -> Result<(), Reject> {
        let asset = self.assets.asset(one.asset);
        let asset = asset.ok_or(RejectReason::UnknownAsset)?;
        let real = asset.demonstration == Demonstration::Real;
        if real && approved == Approved::No {
            return Err(RejectReason::ApproverRequired.into());
        }
        let currency = matches!(asset.class, AssetClass::Currency { .. });
        if one.amount.is_zero() || owners == Owners::One || !reasoned || !currency {
            return Err(RejectReason::InvalidField.into());
        }
        self.check_received(one)
    }

    /// TOO_MANY, INSUFFICIENT_FUNDS, INSUFFICIENT_GOODS.
    fn check_received(&self, one: &Transfer) -> Result<(), Reject> {
        let known = self.ledger.find(Holder::Account(one.to), one.asset);
        if known.is_none() && self.ledger.room() == 0 {
            return Err(RejectReason::TooMany.into());
        }
        Ok(self.check_free((one.from, one.asset), one.amount.units())?)
    }

    /// Does a transfer that was checked.
    pub(crate) fn transfer(&mut self, one: &Transfer) -> CreditEvent {
        let from = self.ledger.find(Holder::Account(one.from), one.asset);
        let from = from.expect("it has the asset");
        let to = self.ledger.open(Holder::Account(one.to), one.asset);
        self.ledger.give(from, one.amount.units(), to);
        CreditEvent::Transferred(Transferred {
            from: one.from,
            to: one.to,
            asset: one.asset,
            amount: one.amount,
        })
    }
}

/// Whether two accounts have one beneficial owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owners {
    One,
    Two,
}

//! Guarantees of sellers and what they cover (section 28).
//!
//! Invariant: what a guarantee covers is summed anew from the contracts. Not here: steps
//! (`registry::performance`).

use super::deals::{Deal, Moved};
use super::*;
use crate::reference::ledger::{Holder, small};
use RejectReason as R;
use State as S;

/// What a seller set aside at a venue.
pub struct Pledged {
    pub account: AccountId,
    pub venue: VenueId,
    pub money: usize,
    pub amount: i128,
}

impl Reference {
    /// Whose, where, in what.
    fn pledged(&mut self, account: AccountId, venue: VenueId, money: usize) -> &mut i128 {
        let all = &mut self.shops.pledged;
        let own = |one: &Pledged| (one.account, one.venue, one.money) == (account, venue, money);
        let at = all.iter().position(own).unwrap_or_else(|| {
            let amount = 0;
            all.push(Pledged {
                account,
                venue,
                money,
                amount,
            });
            all.len() - 1
        });
        &mut all[at].amount
    }

    /// What contracts are covered by it for.
    fn spoken_for(&self, account: AccountId, venue: VenueId, money: usize) -> i128 {
        let own = |deal: &&Deal| {
            let at = self.shops.terms[deal.terms].venue;
            (deal.seller, at, deal.money) == (account, venue, money)
        };
        let all = self.shops.deals.iter().filter(own);
        all.map(|deal| deal.answered).sum()
    }

    /// What an account has set aside in all.
    pub fn set_aside(&self, account: usize, asset: usize) -> i128 {
        let own = |one: &&Pledged| (one.account.place(), one.money) == (account, asset);
        let all = self.shops.pledged.iter().filter(own);
        all.map(|one| one.amount).sum()
    }

    pub(super) fn set_guarantee(&mut self, set: &SetGuarantee) -> Result<SaleEvent, R> {
        fails(
            set.account.place() >= self.accounts.len(),
            R::UnknownAccount,
        )?;
        self.may_enter(set.account)?;
        let venue = self.venues.get(set.venue.place()).ok_or(R::UnknownVenue)?;
        let asset = self.money.assets.get(set.money.place());
        let asset = asset.ok_or(R::UnknownAsset)?;
        let right = matches!(asset.class, AssetClass::Currency { .. })
            && asset.demonstration == venue.demonstration;
        fails(!right, R::InvalidField)?;
        let (account, venue, money) = (set.account, set.venue, set.money.place());
        let amount = i128::from(set.amount.units());
        let covering = self.spoken_for(account, venue, money);
        fails(amount < covering, R::GuaranteeInUse)?;
        let before = *self.pledged(account, venue, money);
        let others = self.shops.pledged.iter().filter(|one| one.amount > 0);
        let full = others.count() >= self.limits.guarantees_max as usize;
        fails(before == 0 && amount > 0 && full, R::TooMany)?;
        let lacks = amount - before > self.available(account.place(), money).max(0);
        fails(lacks, R::InsufficientFunds)?;
        *self.pledged(account, venue, money) = amount;
        Ok(SaleEvent::Guarantee(GuaranteeReport {
            venue: set.venue,
            account,
            money: set.money,
            amount: small(amount),
            covering: small(covering),
        }))
    }

    /// Whether the seller of what was accepted is paid now, and its guarantee answers for it.
    pub(super) fn covers(&mut self, deal: &mut Deal, moved: &mut Moved) -> bool {
        if deal.answered > 0 {
            return true;
        }
        let terms = self.shops.terms[deal.terms];
        let (account, venue, money) = (deal.seller, terms.venue, deal.money);
        let spoken = self.spoken_for(account, venue, money);
        let mut free = *self.pledged(account, venue, money) - spoken;
        if self.fault == Some(Fault::CoverTwice) {
            free += spoken;
        }
        if terms.covered == Covered::No || deal.held == 0 {
            return false;
        }
        if deal.held > free {
            self.reached.push(if deal.held > free + spoken {
                "a guarantee is too small for any"
            } else {
                "what covers one leaves another in escrow"
            });
            return false;
        }
        self.reached.push(if spoken > 0 {
            "a guarantee covers a second one"
        } else {
            "a guarantee covers one contract"
        });
        if !deal.id.is_multiple_of(8) {
            self.reached.push("a later line of a basket is covered");
        }
        deal.answered = deal.held;
        self.pay_seller(deal, deal.held, moved);
        true
    }

    /// The buyer gets a part of what a guarantee answers for.
    pub(super) fn answers(&mut self, deal: &mut Deal, part: i128, moved: &mut Moved) {
        let venue = self.shops.terms[deal.terms].venue;
        let others = self.spoken_for(deal.seller, venue, deal.money) - deal.answered;
        *self.pledged(deal.seller, venue, deal.money) -= part;
        let left = *self.pledged(deal.seller, venue, deal.money);
        if part > 0 && others > 0 {
            self.reached.push("paid back while it covers another");
        } else if part > 0 && left == 0 {
            self.reached.push("a guarantee is used up");
        }
        deal.answered -= part;
        moved.penalty += part;
        if part > 0 {
            self.post(Holder::Account(deal.seller.place()), deal.money, -part);
            self.post(Holder::Account(deal.buyer.place()), deal.money, part);
        }
    }

    /// Both agreed to undo it.
    pub(super) fn rescinded(&mut self, deal: &mut Deal, moved: &mut Moved) {
        let answered = deal.answered;
        self.bond_ends(deal, 0, moved);
        self.answers(deal, answered, moved);
        Self::undone(deal, moved);
        deal.disputed = false;
        deal.state = S::Rescinded;
    }
}

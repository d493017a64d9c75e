//! Credit: what is lent to accounts, by score band and against collateral (SEMANTICS section 16).
//!
//! Invariant: what is drawn is the account's credit position below zero, so conservation covers
//! it; between commands an account that has drawn has nothing available. Collateral is held, so it
//! is sold by nobody. Rejected: keeping the collateral's value up to date (every haircut would walk
//! all pledges; a draw looks at 16 at most). Not here: transfers (`transfer`), bytes
//! (`credit_section`).

use std::collections::{BTreeMap, BTreeSet};

use super::Clearing;
use super::custody::Approved;
use super::ledger::{Holder, Place};
use crate::command::{
    AssetClass, Demonstration, Half, MoveCollateral, Pledging, SetCreditLine, SetHaircut, SetScore,
};
use crate::event::{CollateralReport, CreditEvent, CreditMoved, Event, Events};
use crate::limits::Limits;
use crate::reject::{Reject, RejectReason};
use crate::types::{AccountId, Amount, AssetId, TransferId};

/// What a currency's lender gives for goods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Haircut {
    /// What a whole unit is worth, in minor units of the money.
    pub price: Amount,
    /// How much of it counts.
    pub basis_points: u16,
}

/// An account's credit in one currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lent {
    pub(super) band: u8,
    /// The account's money.
    pub(super) money: Place,
    /// What it has drawn, below zero.
    pub(super) credit: Place,
    /// What the last event said is drawn.
    pub(super) told: i64,
}

/// An account's credit as others see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreditView {
    /// The currency.
    pub asset: AssetId,
    /// Its score band.
    pub band: u8,
    /// What its band is lent.
    pub line: Amount,
    /// What its collateral counts for.
    pub collateral: Amount,
    /// What is drawn.
    pub drawn: Amount,
}

/// All credit of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credit {
    /// By currency and band; none of nothing.
    pub(super) lines: BTreeMap<(AssetId, u8), Amount>,
    pub(super) lent: BTreeMap<(AccountId, AssetId), Lent>,
    /// By money and goods.
    pub(super) haircuts: BTreeMap<(AssetId, AssetId), Haircut>,
    /// By account, money and goods; none of nothing.
    pub(super) pledges: BTreeMap<(AccountId, AssetId, AssetId), Amount>,
    /// The halves of transfers that were done.
    pub(super) transfers: BTreeSet<(Half, TransferId)>,
    pub(super) credits_max: u32,
    pub(super) haircuts_max: u32,
    pub(super) transfers_max: u32,
}

impl Credit {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            lines: BTreeMap::new(),
            lent: BTreeMap::new(),
            haircuts: BTreeMap::new(),
            pledges: BTreeMap::new(),
            transfers: BTreeSet::new(),
            credits_max: limits.credits_max,
            haircuts_max: limits.haircuts_max,
            transfers_max: limits.transfers_max,
        }
    }

    /// The lines that are set, by currency and band.
    pub fn lines(&self) -> impl Iterator<Item = (AssetId, u8, Amount)> {
        let lines = self.lines.iter();
        lines.map(|((asset, band), line)| (*asset, *band, *line))
    }

    /// What goods count for, by money and goods.
    pub fn haircuts(&self) -> impl Iterator<Item = (AssetId, AssetId, Haircut)> {
        let haircuts = self.haircuts.iter();
        haircuts.map(|((money, goods), haircut)| (*money, *goods, *haircut))
    }

    /// What an account has pledged, by money and goods.
    pub fn pledges_of(
        &self,
        account: AccountId,
    ) -> impl Iterator<Item = (AssetId, AssetId, Amount)> {
        let first = (account, AssetId::new(0), AssetId::new(0));
        let pledges = self.pledges.range(first..);
        let own = pledges.take_while(move |((of, _, _), _)| *of == account);
        own.map(|((_, money, goods), amount)| (*money, *goods, *amount))
    }

    fn pledges_for(
        &self,
        (account, money): (AccountId, AssetId),
    ) -> impl Iterator<Item = (AssetId, Amount)> {
        let first = (account, money, AssetId::new(0));
        let pledges = self.pledges.range(first..);
        let own = pledges.take_while(move |((of, backs, _), _)| (*of, *backs) == (account, money));
        own.map(|((_, _, goods), amount)| (*goods, *amount))
    }

    fn pledged(&self, key: (AccountId, AssetId, AssetId)) -> i64 {
        self.pledges.get(&key).map_or(0, |amount| amount.units())
    }
}

/// Why an asset cannot be lent.
fn currency(class: AssetClass, band: u8) -> Result<(), RejectReason> {
    let lendable = matches!(class, AssetClass::Currency { .. }) && band < SetScore::BANDS;
    lendable.then_some(()).ok_or(RejectReason::InvalidField)
}

impl Clearing {
    /// Credit lines, scores, collateral.
    pub fn credit(&self) -> &Credit {
        &self.credit
    }

    /// An account's credit, the currencies in order of their handles.
    pub fn credit_of(&self, account: AccountId) -> impl Iterator<Item = CreditView> {
        let first = (account, AssetId::new(0));
        let lent = self.credit.lent.range(first..);
        let own = lent.take_while(move |((of, _), _)| *of == account);
        own.map(|(key, lent)| CreditView {
            asset: key.1,
            band: lent.band,
            line: self.line(key.1, lent.band),
            collateral: Amount::new(self.collateral(*key, None)).expect("cut at the bound"),
            drawn: Amount::new(self.drawn(lent)).expect("a credit position is not above zero"),
        })
    }

    fn line(&self, asset: AssetId, band: u8) -> Amount {
        let line = self.credit.lines.get(&(asset, band));
        line.copied().unwrap_or(Amount::ZERO)
    }

    fn drawn(&self, lent: &Lent) -> i64 {
        -self.ledger.position(lent.credit).available
    }

    /// What an account's collateral counts for, rounded down for each kind of goods; so much of
    /// one of them left out.
    fn collateral(&self, key: (AccountId, AssetId), without: Option<(AssetId, i64)>) -> i64 {
        let pledges = self.credit.pledges_for(key);
        let values = pledges.map(|(goods, amount)| {
            let left_out = without.filter(|(of, _)| *of == goods);
            let amount = amount.units() - left_out.map_or(0, |(_, amount)| amount);
            self.value(key.1, goods, amount)
        });
        values.sum::<i128>().min(i128::from(Amount::MAX_UNITS)) as i64
    }

    fn value(&self, money: AssetId, goods: AssetId, amount: i64) -> i128 {
        let Some(haircut) = self.credit.haircuts.get(&(money, goods)) else {
            return 0;
        };
        let asset = self.assets.asset(goods).expect("a haircut names an asset");
        let whole = 10_i128.pow(u32::from(asset.class.decimals()));
        let priced = i128::from(amount) * i128::from(haircut.price.units());
        priced * i128::from(haircut.basis_points) / (whole * i128::from(SetHaircut::BASIS_POINTS))
    }

    /// Whether an account can draw what it is short of.
    #[cold]
    pub(super) fn may_draw(&self, place: Place, short: i64) -> bool {
        if place.is_none() || !self.ledger.position(place).has_credit() {
            return false;
        }
        let position = self.ledger.position(place);
        let Holder::Account(account) = position.holder() else {
            unreachable!("only accounts have credit");
        };
        let key = (account, position.asset());
        let lent = self.credit.lent.get(&key).expect("marked with its credit");
        let line = self.line(key.1, lent.band).units();
        let most = (line + self.collateral(key, None)).min(Amount::MAX_UNITS);
        let free = self.ledger.free(key.1);
        short <= most - self.drawn(lent) && short <= free
    }

    /// Sets money aside, drawing what is short; that it may was checked.
    #[inline]
    pub(super) fn take(&mut self, place: Place, amount: i64) {
        let short = amount - self.ledger.position(place).available;
        if short > 0 {
            self.draw(place, short);
        }
        self.ledger.hold(place, amount);
    }

    #[cold]
    pub(super) fn draw(&mut self, place: Place, short: i64) {
        let position = self.ledger.position(place);
        let Holder::Account(account) = position.holder() else {
            unreachable!("only accounts have credit");
        };
        let lent = self.credit.lent.get(&(account, position.asset()));
        let credit = lent.expect("checked before").credit;
        self.ledger.issue(credit, short, place);
    }

    /// The end of a command: what became available to an account that has drawn is repaid, and
    /// what the command drew or repaid is told, by account and currency.
    #[inline]
    pub(crate) fn repay(&mut self, events: &mut Events) {
        if self.ledger.is_touched() {
            self.repay_touched(events);
        }
    }

    /// What an account has at a position beyond what it has to pay back to who lent it.
    pub(crate) fn beyond_credit(&self, place: Place) -> i64 {
        let position = self.ledger.position(place);
        let Holder::Account(account) = position.holder() else {
            unreachable!("only accounts are asked");
        };
        if !position.has_credit() {
            return position.available;
        }
        let lent = self.credit.lent.get(&(account, position.asset()));
        let drawn = lent.map_or(0, |lent| self.drawn(lent));
        (position.available - drawn).max(0)
    }

    #[cold]
    fn repay_touched(&mut self, events: &mut Events) {
        let touched = self.ledger.take_touched();
        for place in &touched {
            let position = *self.ledger.position(*place);
            if !position.has_credit() {
                continue;
            }
            let Holder::Account(account) = position.holder() else {
                unreachable!("only accounts have credit");
            };
            let key = (account, position.asset());
            let lent = self.credit.lent.get_mut(&key);
            let lent = lent.expect("marked with its credit");
            let drawn = -self.ledger.position(lent.credit).available;
            let paid = drawn.min(position.available);
            if paid > 0 {
                self.ledger.take_out(*place, paid, lent.credit);
            }
            let change = drawn - paid - lent.told;
            lent.told = drawn - paid;
            if change != 0 {
                events.push(Event::Credit(CreditEvent::Moved(CreditMoved {
                    account,
                    asset: key.1,
                    change,
                    drawn: Amount::new(lent.told).expect("within what there may be"),
                })));
            }
        }
        self.ledger.give_back(touched);
    }

    /// Checks a credit line and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_ASSET, APPROVER_REQUIRED, INVALID_FIELD.
    pub(crate) fn check_line(&self, set: &SetCreditLine, approved: Approved) -> Result<(), Reject> {
        Ok(self.check_lent(set.asset, set.band, approved)?)
    }

    /// UNKNOWN_ASSET, APPROVER_REQUIRED (real money is lent on two signatures), INVALID_FIELD.
    fn check_lent(&self, asset: AssetId, band: u8, approved: Approved) -> Result<(), RejectReason> {
        let asset = self.assets.asset(asset);
        let asset = asset.ok_or(RejectReason::UnknownAsset)?;
        if asset.demonstration == Demonstration::Real && approved == Approved::No {
            return Err(RejectReason::ApproverRequired);
        }
        currency(asset.class, band)
    }

    /// Sets a line that was checked.
    pub(crate) fn set_line(&mut self, set: &SetCreditLine) {
        let key = (set.asset, set.band);
        if set.line.is_zero() {
            self.credit.lines.remove(&key);
        } else {
            self.credit.lines.insert(key, set.line);
        }
    }

    /// Checks a score of a known account and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_ASSET, APPROVER_REQUIRED, INVALID_FIELD, TOO_MANY.
    pub(crate) fn check_score(&self, set: &SetScore, approved: Approved) -> Result<(), Reject> {
        self.check_lent(set.asset, set.band, approved)?;
        if self.credit.lent.contains_key(&(set.account, set.asset)) {
            return Ok(());
        }
        let own = self.ledger.find(Holder::Account(set.account), set.asset);
        let needed = 1 + u32::from(own.is_none());
        let full = self.credit.lent.len() >= self.credit.credits_max as usize;
        if full || needed > self.ledger.room() {
            return Err(RejectReason::TooMany.into());
        }
        Ok(())
    }

    /// Sets a score that was checked; the first opens the account's credit.
    pub(crate) fn set_score(&mut self, set: &SetScore) {
        let key = (set.account, set.asset);
        if let Some(lent) = self.credit.lent.get_mut(&key) {
            lent.band = set.band;
            return;
        }
        let money = self.ledger.open(Holder::Account(set.account), set.asset);
        let credit = self.ledger.open(Holder::Credit(set.account), set.asset);
        self.ledger.mark_credit(money);
        let lent = Lent {
            band: set.band,
            money,
            credit,
            told: 0,
        };
        self.credit.lent.insert(key, lent);
    }

    /// Checks what goods are to count for and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_ASSET, APPROVER_REQUIRED, INVALID_FIELD, TOO_MANY.
    pub(crate) fn check_haircut(&self, set: &SetHaircut, approved: Approved) -> Result<(), Reject> {
        let asset = |id| self.assets.asset(id).ok_or(RejectReason::UnknownAsset);
        let (goods, money) = (asset(set.goods)?, asset(set.money)?);
        if money.demonstration == Demonstration::Real && approved == Approved::No {
            return Err(RejectReason::ApproverRequired.into());
        }
        let classes = matches!(goods.class, AssetClass::Goods { .. })
            && matches!(money.class, AssetClass::Currency { .. });
        let within = set.price.units() <= SetHaircut::PRICE_MAX
            && set.basis_points <= SetHaircut::BASIS_POINTS;
        if !classes || !within || goods.demonstration != money.demonstration {
            return Err(RejectReason::InvalidField.into());
        }
        let haircuts = &self.credit.haircuts;
        let known = haircuts.contains_key(&(set.money, set.goods));
        if !known && haircuts.len() >= self.credit.haircuts_max as usize {
            return Err(RejectReason::TooMany.into());
        }
        Ok(())
    }

    /// Sets what goods count for, which was checked.
    pub(crate) fn set_haircut(&mut self, set: &SetHaircut) {
        let haircut = Haircut {
            price: set.price,
            basis_points: set.basis_points,
        };
        let key = (set.money, set.goods);
        self.credit.haircuts.insert(key, haircut);
    }

    /// Checks a move of collateral of a known account and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_ASSET, INVALID_FIELD, NO_CREDIT, NOT_COLLATERAL, INSUFFICIENT_GOODS,
    /// CREDIT_IN_USE.
    pub(crate) fn check_collateral(&self, one: &MoveCollateral) -> Result<(), Reject> {
        let asset = |id| self.assets.asset(id).ok_or(RejectReason::UnknownAsset);
        asset(one.money)?;
        asset(one.goods)?;
        let amount = one.amount.units();
        if amount == 0 {
            return Err(RejectReason::InvalidField.into());
        }
        let key = (one.account, one.money);
        let lent = self.credit.lent.get(&key).ok_or(RejectReason::NoCredit)?;
        let whole = (one.account, one.money, one.goods);
        let pledged = self.credit.pledged(whole);
        if pledged == 0 && !self.may_pledge(whole) {
            return Err(RejectReason::NotCollateral.into());
        }
        let place = self.ledger.find(Holder::Account(one.account), one.goods);
        let has = match one.pledging {
            Pledging::Pledge => place.map_or(0, |place| self.ledger.position(place).available),
            Pledging::Release => pledged,
        };
        if amount > has {
            return Err(RejectReason::InsufficientGoods.into());
        }
        if one.pledging == Pledging::Release {
            let line = self.line(one.money, lent.band).units();
            let left = self.collateral(key, Some((one.goods, amount)));
            let drawn = self.drawn(lent);
            if drawn > line + left {
                return Err(RejectReason::CreditInUse.into());
            }
        }
        Ok(())
    }

    /// Whether goods that are not pledged yet may be: they count for that currency, and there is
    /// room for one kind more.
    pub(super) fn may_pledge(&self, key: (AccountId, AssetId, AssetId)) -> bool {
        let (account, money, goods) = key;
        let kinds = self.credit.pledges_for((account, money)).count();
        let counts = self.credit.haircuts.contains_key(&(money, goods));
        counts && kinds < Limits::PLEDGES_PER_CREDIT_MAX
    }

    /// Moves collateral as was checked.
    pub(crate) fn move_collateral(&mut self, one: &MoveCollateral) -> CreditEvent {
        let goods = self.ledger.find(Holder::Account(one.account), one.goods);
        let goods = goods.expect("it has the goods");
        let key = (one.account, one.money, one.goods);
        let (before, amount) = (self.credit.pledged(key), one.amount.units());
        let after = match one.pledging {
            Pledging::Pledge => {
                self.ledger.hold(goods, amount);
                before + amount
            }
            Pledging::Release => {
                self.ledger.release(goods, amount);
                before - amount
            }
        };
        let pledged = Amount::new(after).expect("what is pledged is held");
        if pledged.is_zero() {
            self.credit.pledges.remove(&key);
        } else {
            self.credit.pledges.insert(key, pledged);
        }
        CreditEvent::Collateral(CollateralReport {
            account: one.account,
            money: one.money,
            goods: one.goods,
            pledging: one.pledging,
            amount: one.amount,
            pledged,
        })
    }
}

//! Credit lines, scores, collateral, transfers: the commands (section 16).
//!
//! Invariant: nothing is lent and nothing repaid here. Not here: drawing (`reference::credit`).

use super::*;
use crate::reference::ledger::{CIRCULATION_MAX, Holder, small};
use RejectReason as R;

type Answer = Result<Option<u32>, Reject>;

/// Goods that back what is lent of one currency.
pub struct Pledge {
    pub account: usize,
    pub money: usize,
    pub goods: usize,
    pub amount: i128,
}

impl Reference {
    pub(super) fn credit(&mut self, envelope: &Envelope, command: &CreditCommand) -> Answer {
        match command {
            CreditCommand::SetLine(set) => self.set_line(envelope, set),
            CreditCommand::SetScore(set) => self.set_score(envelope, set),
            CreditCommand::SetHaircut(set) => self.set_haircut(envelope, set),
            CreditCommand::MoveCollateral(one) => self.move_collateral(one),
            CreditCommand::Half(one) => self.half(envelope, one),
            CreditCommand::Transfer(one) => self.transfer_between(one),
            CreditCommand::Compensate(one) => self.compensate(one, envelope),
        }
    }

    fn is_account(&self, id: AccountId) -> Result<usize, R> {
        fails(id.place() >= self.accounts.len(), R::UnknownAccount)?;
        Ok(id.place())
    }

    fn class(&self, id: AssetId) -> Result<AssetClass, R> {
        let asset = self.money.assets.get(id.place());
        asset.map(|asset| asset.class).ok_or(R::UnknownAsset)
    }

    /// APPROVER_REQUIRED of real assets, unless another principal signs.
    fn two_sign(&self, envelope: &Envelope, asset: AssetId) -> Result<(), R> {
        let real = self.money.assets[asset.place()].demonstration == Demonstration::Real;
        let authority = envelope.authority.as_ref();
        let approver = authority.and_then(|authority| authority.approver);
        let alone = approver.is_none_or(|approver| approver == envelope.principal);
        fails(real && alone, R::ApproverRequired)
    }

    fn set_line(&mut self, envelope: &Envelope, set: &SetCreditLine) -> Answer {
        let class = self.class(set.asset)?;
        self.two_sign(envelope, set.asset)?;
        let lent = matches!(class, AssetClass::Currency { .. });
        fails(!lent || set.band > 7, R::InvalidField)?;
        let key = (set.asset.place(), set.band);
        let lines = &mut self.money.lines;
        lines.retain(|known| (known.0, known.1) != key);
        lines.push((key.0, key.1, i128::from(set.line.units())));
        Ok(None)
    }

    fn set_score(&mut self, envelope: &Envelope, set: &SetScore) -> Answer {
        let account = self.is_account(set.account)?;
        self.may_move(set.account, true)?;
        let class = self.class(set.asset)?;
        self.two_sign(envelope, set.asset)?;
        let lent = matches!(class, AssetClass::Currency { .. });
        fails(!lent || set.band > 7, R::InvalidField)?;
        let asset = set.asset.place();
        let scores = &mut self.money.scores;
        let known = scores
            .iter_mut()
            .find(|known| (known.0, known.1) == (account, asset));
        if let Some(known) = known {
            known.2 = set.band;
            return Ok(None);
        }
        let both = [
            (Holder::Account(account), asset),
            (Holder::Credit(account), asset),
        ];
        let full = self.money.scores.len() >= self.limits.credits_max as usize;
        fails(full || !self.room_for(&both), R::TooMany)?;
        for (holder, asset) in both {
            self.need(holder, asset);
        }
        self.money.scores.push((account, asset, set.band));
        Ok(None)
    }

    fn set_haircut(&mut self, envelope: &Envelope, set: &SetHaircut) -> Answer {
        let classes = (self.class(set.goods)?, self.class(set.money)?);
        self.two_sign(envelope, set.money)?;
        let (goods, money) = (set.goods.place(), set.money.place());
        let right = matches!(
            classes,
            (AssetClass::Goods { .. }, AssetClass::Currency { .. })
        );
        let assets = &self.money.assets;
        let mixed = assets[goods].demonstration != assets[money].demonstration;
        let large = set.price.units() > 1 << 40 || set.basis_points > 10_000;
        fails(!right || mixed || large, R::InvalidField)?;
        let pair = (money, goods);
        let known = self.money.haircuts.iter().any(|known| known.0 == pair);
        let full = self.money.haircuts.len() >= self.limits.haircuts_max as usize;
        fails(!known && full, R::TooMany)?;
        self.money.haircuts.retain(|known| known.0 != pair);
        let price = i128::from(set.price.units());
        let points = i128::from(set.basis_points);
        self.money.haircuts.push((pair, price, points));
        Ok(None)
    }

    fn move_collateral(&mut self, one: &MoveCollateral) -> Answer {
        let account = self.is_account(one.account)?;
        self.class(one.money)?;
        self.class(one.goods)?;
        let (money, goods) = (one.money.place(), one.goods.place());
        let amount = i128::from(one.amount.units());
        fails(amount == 0, R::InvalidField)?;
        let scores = &self.money.scores;
        let lent = scores
            .iter()
            .find(|known| (known.0, known.1) == (account, money));
        let band = lent.ok_or(R::NoCredit)?.2;
        let own = |pledge: &Pledge| (pledge.account, pledge.money) == (account, money);
        let pledges = &self.money.pledges;
        let at = pledges
            .iter()
            .position(|pledge| own(pledge) && pledge.goods == goods);
        let pledged = at.map_or(0, |at| pledges[at].amount);
        let counts = self
            .money
            .haircuts
            .iter()
            .any(|known| known.0 == (money, goods));
        let kinds = pledges.iter().filter(|pledge| own(pledge)).count();
        fails(at.is_none() && (!counts || kinds >= 16), R::NotCollateral)?;
        let pledge = one.pledging == Pledging::Pledge;
        let has = if pledge {
            self.available(account, goods)
        } else {
            pledged
        };
        fails(amount > has, R::InsufficientGoods)?;
        let after = if pledge {
            pledged + amount
        } else {
            pledged - amount
        };
        let whole = Pledge {
            account,
            money,
            goods,
            amount: after,
        };
        match at {
            Some(at) => self.money.pledges[at] = whole,
            None => self.money.pledges.push(whole),
        }
        let at = at.unwrap_or(self.money.pledges.len() - 1);
        let lines = self.money.lines.iter();
        let mut lines = lines.filter(|known| (known.0, known.1) == (money, band));
        let line = lines.next().map_or(0, |known| known.2);
        let short = self.drawn(account, money) > line + self.collateral(account, money);
        if short && !pledge {
            self.money.pledges[at].amount = pledged;
            return Err(R::CreditInUse.into());
        }
        self.money.pledges.retain(|pledge| pledge.amount > 0);
        self.out
            .push(Event::Credit(CreditEvent::Collateral(CollateralReport {
                account: one.account,
                money: one.money,
                goods: one.goods,
                pledging: one.pledging,
                amount: one.amount,
                pledged: Amount::new(small(after)).expect("within bounds"),
            })));
        Ok(None)
    }

    fn lacks(&self, account: usize, id: AssetId, amount: i128) -> Result<(), R> {
        let lacks = amount > self.available(account, id.place());
        let goods = matches!(self.class(id)?, AssetClass::Goods { .. });
        fails(lacks && goods, R::InsufficientGoods)?;
        fails(lacks, R::InsufficientFunds)
    }

    fn half(&mut self, envelope: &Envelope, one: &TransferHalf) -> Answer {
        let account = self.is_account(one.account)?;
        self.may_move(one.account, one.half == Half::In)?;
        self.class(one.asset)?;
        let asset = one.asset.place();
        let comes = one.half == Half::In;
        if comes {
            self.two_sign(envelope, one.asset)?;
        }
        let amount = i128::from(one.amount.units());
        fails(amount == 0, R::InvalidField)?;
        let key = (comes, one.transfer);
        fails(self.money.halves.contains(&key), R::TransferUsed)?;
        let transit = Holder::Transit(one.shard.place());
        let both = [(Holder::Account(account), asset), (transit, asset)];
        let full = self.money.halves.len() >= self.limits.transfers_max as usize;
        fails(full || !self.room_for(&both), R::TooMany)?;
        let there = self.balance(transit, asset);
        if comes {
            let below = |amount: i128| (-amount).max(0);
            let more = below(there - amount) - below(there);
            let most = self.there_is(asset) + more;
            fails(most > CIRCULATION_MAX, R::AmountLimit)?;
        } else {
            self.lacks(account, one.asset, amount)?;
            fails(there + amount > CIRCULATION_MAX, R::AmountLimit)?;
        }
        let to = Some(account).filter(|_| comes);
        self.may_come(asset, None, to)?;
        for (holder, asset) in both {
            self.need(holder, asset);
        }
        let signed = if comes { amount } else { -amount };
        self.post(Holder::Account(account), asset, signed);
        self.post(transit, asset, -signed);
        if comes {
            self.have_come(asset, account, "a half brings a holder");
        }
        self.money.halves.push(key);
        self.out
            .push(Event::Credit(CreditEvent::Half(TransferReport {
                half: one.half,
                transfer: one.transfer,
                account: one.account,
                asset: one.asset,
                amount: one.amount,
                shard: one.shard,
            })));
        Ok(None)
    }

    fn transfer_between(&mut self, one: &Transfer) -> Answer {
        let from = self.is_account(one.from)?;
        let to = self.is_account(one.to)?;
        self.may_move(one.from, false)?;
        self.may_move(one.to, true)?;
        self.class(one.asset)?;
        let amount = i128::from(one.amount.units());
        let two = self.accounts[from].owner != self.accounts[to].owner;
        fails(amount == 0 || from == to || two, R::InvalidField)?;
        self.hand_on(one)
    }

    /// An operator moves money between two owners.
    fn compensate(&mut self, one: &Transfer, says: &Envelope) -> Answer {
        let from = self.is_account(one.from)?;
        let to = self.is_account(one.to)?;
        self.may_move(one.from, false)?;
        self.may_move(one.to, true)?;
        let class = self.class(one.asset)?;
        self.two_sign(says, one.asset)?;
        let owner = |account: usize| self.accounts[account].owner;
        let authority = says.authority.as_ref();
        let said = authority.is_some_and(|authority| !authority.reason.is_empty());
        let money = matches!(class, AssetClass::Currency { .. });
        let wrong = one.amount.is_zero() || owner(from) == owner(to) || !said || !money;
        fails(wrong, R::InvalidField)?;
        self.hand_on(one)
    }

    fn hand_on(&mut self, one: &Transfer) -> Answer {
        let (from, to) = (one.from.place(), one.to.place());
        let (asset, amount) = (one.asset.place(), i128::from(one.amount.units()));
        let target = (Holder::Account(to), asset);
        fails(!self.room_for(&[target]), R::TooMany)?;
        self.lacks(from, one.asset, amount)?;
        self.need(target.0, asset);
        self.post(Holder::Account(from), asset, -amount);
        self.post(Holder::Account(to), asset, amount);
        self.out
            .push(Event::Credit(CreditEvent::Transferred(Transferred {
                from: one.from,
                to: one.to,
                asset: one.asset,
                amount: one.amount,
            })));
        Ok(None)
    }
}

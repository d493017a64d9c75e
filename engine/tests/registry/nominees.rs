//! Who counts as a holder (section 17): sets of owners, made anew from balances whenever it is
//! asked; and what a bust takes back of what waits.
//!
//! Invariant: holders are never more than may be; `has_had` asserts it. Not here: days and reverse
//! trades (`settlement`).

use super::settlement::Waiting;
use super::*;
use RejectReason as R;
use std::collections::BTreeSet;

type Owners = BTreeSet<OwnerId>;

impl Reference {
    /// Those that count where this owner holds.
    pub(super) fn stands_for(&self, owner: OwnerId) -> Owners {
        let mut lists = self.settling.nominees.iter();
        let list = lists.find(|known| known.0 == owner);
        list.map_or(Owners::from([owner]), |known| {
            known.1.iter().copied().collect()
        })
    }

    pub(super) fn is_nominee(&self, owner: OwnerId) -> bool {
        self.settling.nominees.iter().any(|known| known.0 == owner)
    }

    fn all_owners(&self) -> impl Iterator<Item = OwnerId> + use<> {
        (0..self.owners.len() as u32).map(OwnerId::new)
    }

    /// Whether an owner holds by itself, with so much less of the goods than it has.
    fn holds_with_less(&self, i: usize, owner: OwnerId, less: i128) -> bool {
        match self.rules(i).map(|rules| rules.holder_count) {
            None => false,
            Some(HolderCount::Cumulative) if !self.is_nominee(owner) => {
                self.settling.had.contains(&(i, owner))
            }
            Some(HolderCount::Cumulative | HolderCount::Current) => {
                self.most(i).is_some() && self.goods_of(i, owner) > less
            }
        }
    }

    fn placed_with_less(&self, i: usize, owner: OwnerId, less: i128) -> bool {
        self.holds_with_less(i, owner, less)
            || self.awaits(i, owner)
            || self.has_live(i, owner, Some(Side::Buy))
    }

    pub(super) fn placed(&self, i: usize, owner: OwnerId) -> bool {
        self.placed_with_less(i, owner, 0)
    }

    /// All that count as holders.
    fn holders(&self, i: usize) -> Owners {
        let all = self.all_owners();
        let all = all.filter(|owner| self.holds_with_less(i, *owner, 0));
        all.flat_map(|owner| self.stands_for(owner)).collect()
    }

    /// Whether there is no place for one more that stands for these, once `giver` has so much less.
    fn is_full(&self, i: usize, comes: OwnerId, giver: Option<(OwnerId, i128)>) -> bool {
        let less = |owner: OwnerId| match giver {
            Some((giver, less)) if giver == owner => less,
            _ => 0,
        };
        let all = self.all_owners();
        let all = all.filter(|owner| self.placed_with_less(i, *owner, less(*owner)));
        let mut taken: Owners = all.flat_map(|owner| self.stands_for(owner)).collect();
        let before = taken.len();
        taken.extend(self.stands_for(comes));
        taken.len() > before && self.most(i).is_some_and(|most| taken.len() > most)
    }

    /// MAX_HOLDERS where an owner without a place asks for one.
    pub(super) fn place_for(
        &self,
        i: usize,
        owner: OwnerId,
        giver: Option<(OwnerId, i128)>,
    ) -> Result<(), Reject> {
        let full = !self.placed(i, owner) && self.is_full(i, owner, giver);
        fails(full, R::MaxHolders).map_err(|reason| self.founded(i, reason))
    }

    /// INVESTORS_FULL where an owner and those behind it are to be remembered.
    pub(super) fn room_behind(&self, i: usize, owner: OwnerId) -> Result<(), R> {
        let mut all = self.stands_for(owner);
        all.insert(owner);
        let new = all.iter().filter(|one| !self.remembered(i, **one)).count();
        let most = self.limits.investors_max as usize;
        fails(new > 0 && self.investors() + new > most, R::InvestorsFull)
    }

    /// Whether an owner is remembered for a nominee's place.
    pub(super) fn stands_behind(&self, i: usize, owner: OwnerId) -> bool {
        let mut nominees = self.settling.nominees.iter();
        nominees.any(|known| known.1.contains(&owner) && self.placed(i, known.0))
    }

    /// Whether goods may come to an account, and leave another one.
    pub(super) fn may_come(
        &self,
        goods: usize,
        from: Option<(usize, i128)>,
        to: Option<usize>,
    ) -> Result<(), Reject> {
        let (Some(i), Some(to)) = (self.counting(goods), to) else {
            return Ok(());
        };
        let to = self.owner(to);
        let from = from.map(|(account, amount)| (self.owner(account), amount));
        if from.is_some_and(|from| from.0 == to) {
            return Ok(());
        }
        self.place_for(i, to, from)?;
        Ok(self.room_behind(i, to)?)
    }

    /// Goods came to an account otherwise than by a trade or a deposit.
    pub(super) fn have_come(&mut self, goods: usize, account: usize, how: &'static str) {
        let Some(i) = self.counting(goods) else {
            return;
        };
        let owner = self.owner(account);
        if !self.settling.had.contains(&(i, owner)) {
            self.reached.push(how);
        }
        self.has_had(i, owner);
    }

    /// Goods of an instrument came to an owner, or come now.
    pub(super) fn has_had(&mut self, i: usize, owner: OwnerId) {
        if self.most(i).is_none() {
            return;
        }
        let mut all = self.stands_for(owner);
        all.insert(owner);
        for one in all {
            if !self.settling.had.contains(&(i, one)) {
                self.settling.had.push((i, one));
            }
        }
        let holders = self.holders(i).len();
        let alone = self.all_owners();
        let alone = alone.filter(|owner| self.holds_with_less(i, *owner, 0));
        match holders.cmp(&alone.count()) {
            std::cmp::Ordering::Less => self.reached.push("an owner counts once for two"),
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => self.reached.push("a nominee counts for several"),
        }
        assert!(self.most(i).is_none_or(|most| holders <= most));
    }

    /// How many count as holders, and how many places beside are taken.
    pub fn counted_holders(&self, i: usize) -> (usize, usize) {
        if self.most(i).is_none() {
            return (0, 0);
        }
        let placed = self.all_owners().filter(|owner| self.placed(i, *owner));
        let taken: Owners = placed.flat_map(|owner| self.stands_for(owner)).collect();
        let holders = self.holders(i).len();
        (holders, taken.len() - holders)
    }

    /// A nominee's list is set.
    pub(super) fn set_nominee(&mut self, ask: &SetNominee) -> Result<Option<u32>, Reject> {
        let list = &ask.owners;
        let unknown = |owner: &OwnerId| owner.place() >= self.owners.len();
        fails(
            unknown(&ask.nominee) || list.iter().any(unknown),
            R::UnknownOwner,
        )?;
        let distinct: Owners = list.iter().copied().collect();
        let others = &self.settling.nominees;
        let listed = others.iter().any(|known| known.1.contains(&ask.nominee));
        let wrong = list.len() > 200
            || distinct.len() < list.len()
            || distinct.contains(&ask.nominee)
            || list.iter().any(|owner| self.is_nominee(*owner))
            || !list.is_empty() && listed;
        fails(wrong, R::InvalidField)?;
        let before = self.settling.nominees.clone();
        let counted = (0..self.instruments.len()).filter(|i| self.most(*i).is_some());
        let counted: Vec<usize> = counted.collect();
        let known = |this: &Self, i: &usize| -> Vec<bool> {
            let all = this.all_owners();
            all.map(|owner| this.remembered(*i, owner)).collect()
        };
        let remembered: Vec<_> = counted.iter().map(|i| known(self, i)).collect();
        let investors = self.investors();
        self.settling
            .nominees
            .retain(|known| known.0 != ask.nominee);
        if !list.is_empty() {
            let new = (ask.nominee, list.clone());
            self.settling.nominees.push(new);
        }
        let mut wrong = Ok(());
        for i in &counted {
            let (holders, more) = self.counted_holders(*i);
            let many = self.most(*i).is_some_and(|most| holders + more > most);
            if wrong.is_ok() && many {
                wrong = Err(self.founded(*i, R::MaxHolders));
            }
        }
        let many = self.settling.nominees.len() > self.limits.nominees_max as usize;
        wrong = wrong.and_then(|()| Ok(fails(many, R::TooMany)?));
        let new = counted.iter().zip(&remembered).map(|(i, before)| {
            let placed = self.placed(*i, ask.nominee);
            let behind = self.stands_for(ask.nominee).into_iter();
            behind
                .filter(|owner| placed && !before[owner.place()])
                .count()
        });
        let full = investors + new.sum::<usize>() > self.limits.investors_max as usize;
        wrong = wrong.and_then(|()| Ok(fails(full, R::InvestorsFull)?));
        if wrong.is_err() {
            self.settling.nominees = before;
            return wrong.map(|()| None);
        }
        for i in counted {
            if self.goods_of(i, ask.nominee) > 0 {
                self.reached.push("a list changes while its nominee holds");
                self.has_had(i, ask.nominee);
            }
        }
        Ok(None)
    }

    /// Whether the trade was made since its instrument's settlement was set.
    fn ruled(&self, kept: &correction::Kept) -> bool {
        let mut set = self.settling.set_at.iter().rev();
        let since = set.find(|set| set.0 == kept.instrument);
        self.rules(kept.instrument).is_some() && since.is_none_or(|set| set.1 < kept.trade.sequence)
    }

    fn is_due(&self, kept: &correction::Kept, account: usize, one: &Waiting) -> bool {
        let due = kept.day + self.days_to_settle(kept.instrument);
        self.ruled(kept)
            && due > self.today(kept.instrument)
            && (one.instrument, one.account, one.due) == (kept.instrument, account, due)
    }

    /// What of an asset waits in an account for the day of a trade.
    pub(super) fn waits_for(&self, kept: &correction::Kept, account: usize, asset: usize) -> i128 {
        let mut waiting = self.settling.waiting.iter();
        let one = waiting.find(|one| self.is_due(kept, account, one));
        let money = kept.cleared.is_some_and(|cleared| cleared.money == asset);
        one.map_or(0, |one| if money { one.money } else { one.goods })
    }

    /// Whether a bust of the trade leaves its buyer without goods that are counted now, and
    /// whether its seller has none.
    pub fn moves_a_holding(&self, kept: &correction::Kept) -> [bool; 2] {
        let i = kept.instrument;
        let current = self.rules(i).is_some_and(|rules| {
            rules.max_holders.is_some() && rules.holder_count == HolderCount::Current
        });
        let units = kept.cleared.map_or(0, |cleared| cleared.lot_units);
        let goods = i128::from(kept.quantity) * units;
        let [buyer, seller] = kept.accounts.map(|account| self.owner(account.place()));
        if !current || kept.busted || buyer == seller {
            return [false; 2];
        }
        let has = self.goods_of(i, buyer);
        [has > 0 && has <= goods, self.goods_of(i, seller) == 0]
    }

    /// Whether something of a trade waits.
    pub fn waits_still(&self, kept: &correction::Kept) -> bool {
        let [buyer, seller] = kept.accounts.map(AccountId::place);
        let cleared = kept.cleared;
        cleared.is_some_and(|cleared| {
            self.waits_for(kept, buyer, cleared.goods) > 0
                || self.waits_for(kept, seller, cleared.money) > 0
        })
    }

    /// So much of it waits no more.
    pub(super) fn waits_less(
        &mut self,
        kept: &correction::Kept,
        (account, asset): (usize, usize),
        less: i128,
    ) {
        if less == 0 {
            return;
        }
        let mut waiting = self.settling.waiting.iter();
        let at = waiting.position(|one| self.is_due(kept, account, one));
        let one = &mut self.settling.waiting[at.expect("something waits")];
        if kept.cleared.is_some_and(|cleared| cleared.money == asset) {
            one.money -= less;
        } else {
            one.goods -= less;
        }
        assert!(one.money >= 0 && one.goods >= 0);
        let waits = |one: &Waiting| one.money + one.goods > 0;
        self.settling.waiting.retain(waits);
    }

    /// Goods were taken from a buyer by a bust or correction.
    pub(super) fn was_taken(&mut self, kept: &correction::Kept, before: usize) {
        let i = kept.instrument;
        let [buyer, seller] = kept.accounts.map(|account| self.owner(account.place()));
        let now = self.counted_holders(i).0;
        if now < before {
            self.reached.push("a bust ends a holding");
        } else if now > before {
            self.reached.push("a bust begins a holding");
        } else if buyer != seller && self.goods_of(i, buyer) == 0 {
            self.reached.push("a bust passes a holding back");
        }
    }

    /// A trade is no more: it keeps nothing apart.
    pub(super) fn unmade(&mut self, kept: &correction::Kept) {
        if !self.ruled(kept) || kept.day + 1 < self.today(kept.instrument) {
            return;
        }
        let owners = kept.accounts.map(|account| self.owner(account.place()));
        for (owner, side) in [(owners[0], Side::Buy), (owners[1], Side::Sell)] {
            let was = self.too_near(kept.instrument, owner, side);
            let key = (kept.instrument, owner, side, kept.day);
            let trades = &mut self.settling.trades;
            if let Some(at) = trades.iter().position(|trade| *trade == key) {
                trades.remove(at);
            }
            if was && !self.too_near(kept.instrument, owner, side) {
                self.reached.push("a bust lets the other side trade");
            }
        }
    }
}

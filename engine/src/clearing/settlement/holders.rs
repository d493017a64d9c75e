//! Setting an instrument's settlement, and holders that come and go through custodians.
//!
//! Invariant: what is counted of an owner is what the ledger and the pending deposits say of its
//! accounts. Not here: orders (`orders`), who may set it (`engine`).

use std::collections::BTreeMap;

use super::{Kept, Settlement};
use crate::clearing::{Clearing, Holder};
use crate::command::{Direction, HolderCount, SetSettlement};
use crate::event::{CustodyReport, CustodyStatus};
use crate::parties::Parties;
use crate::reject::RejectReason;
use crate::types::{AssetId, InstrumentId, OwnerId, VenueId};

/// What an owner has of some goods: the amount, and deposits that wait.
#[derive(Clone, Copy, Default)]
pub(super) struct Owned {
    pub(super) goods: i64,
    pub(super) deposits: u32,
}

impl Owned {
    fn counts(self) -> bool {
        self.goods > 0 || self.deposits > 0
    }
}

/// An instrument that settlement is set for.
#[derive(Clone, Copy)]
pub(crate) struct Concerned {
    pub(crate) venue: VenueId,
    pub(crate) goods: AssetId,
}

impl Clearing {
    /// What each owner has of some goods. A walk of all positions, for operators' commands and
    /// snapshots only.
    pub(super) fn owned(&self, goods: AssetId, parties: &Parties) -> BTreeMap<OwnerId, Owned> {
        let mut all: BTreeMap<OwnerId, Owned> = BTreeMap::new();
        for position in self.ledger.positions() {
            let Holder::Account(account) = position.holder() else {
                continue;
            };
            if position.asset() == goods {
                let owner = parties.owner_of(account);
                let owner = owner.expect("a position has an account, an account an owner");
                all.entry(owner).or_default().goods += position.balance();
            }
        }
        for (_, one) in self.custody.pending() {
            if one.asset == goods && one.direction == Direction::Deposit {
                let owner = parties.owner_of(one.account);
                let owner = owner.expect("an instruction has an account, an account an owner");
                all.entry(owner).or_default().deposits += 1;
            }
        }
        all.retain(|_, owned| owned.counts());
        all
    }

    /// Whether an instrument's settlement can be set: those that hold its goods have places.
    ///
    /// # Errors
    /// MAX_HOLDERS, INVESTORS_FULL.
    pub(crate) fn check_holders(
        &self,
        set: &SetSettlement,
        goods: AssetId,
        parties: &Parties,
    ) -> Result<(), RejectReason> {
        let Some(most) = set.max_holders else {
            return Ok(());
        };
        let owned = self.owned(goods, parties);
        let all = &self.settlement;
        let known = |owner: &OwnerId| all.investors.find(owner.index(), set.instrument).is_some();
        let missing = owned.keys().filter(|owner| !known(owner)).count();
        let ever = set.holder_count == HolderCount::Cumulative;
        let gone = all.investors.iter().filter(|(_, investor)| {
            let here = investor.instrument == set.instrument && investor.ever;
            ever && here && !owned.contains_key(&investor.owner)
        });
        if owned.len() + gone.count() > most as usize {
            return Err(RejectReason::MaxHolders);
        }
        if missing > all.investors.room() as usize {
            return Err(RejectReason::InvestorsFull);
        }
        Ok(())
    }

    /// Sets a settlement that was checked.
    pub(crate) fn set_settlement(
        &mut self,
        set: &SetSettlement,
        concerned: Concerned,
        parties: &Parties,
    ) {
        self.settlement.place(set, concerned);
        self.count_holders(set.instrument, parties);
        let counts = set.max_holders.is_some() || set.reverse_trade_days > 0 || set.days > 0;
        if !counts {
            self.settlement.kept[set.instrument.place()] = None;
        }
        self.rule(set.instrument);
    }

    /// Counts an instrument's holders anew, by what the ledger says.
    pub(super) fn count_holders(&mut self, instrument: InstrumentId, parties: &Parties) {
        let all = &self.settlement;
        let kept = *all.kept(instrument).expect("its settlement is being set");
        let mut owned = BTreeMap::new();
        if kept.set.max_holders.is_some() {
            owned = self.owned(kept.goods, parties);
        }
        let all = &mut self.settlement;
        all.reset(instrument);
        for (owner, owned) in owned {
            let at = all.investor(owner, instrument);
            all.note(at, |investor| {
                investor.goods = owned.goods;
                investor.deposits = owned.deposits;
                investor.ever |= owned.goods > 0;
            });
        }
        all.sweep(|kept| kept.set.instrument == instrument);
    }
}

impl Settlement {
    pub(super) fn place(&mut self, set: &SetSettlement, concerned: Concerned) {
        let place = set.instrument.place();
        if place >= self.kept.len() {
            self.kept.resize(place + 1, None);
        }
        self.kept[place] = Some(Kept {
            set: *set,
            venue: concerned.venue,
            goods: concerned.goods,
            holders: 0,
            taken: 0,
        });
        if set.max_holders.is_some() {
            self.counted.insert(concerned.goods, set.instrument);
        } else {
            self.counted.remove(&concerned.goods);
        }
    }

    /// Forgets what an instrument's owners have, and what its rules do not ask for, and counts
    /// from there.
    fn reset(&mut self, instrument: InstrumentId) {
        let set = self.kept(instrument).expect("it has rules").set;
        let kept = self.kept[instrument.place()].as_mut();
        let kept = kept.expect("it has rules");
        (kept.holders, kept.taken) = (0, 0);
        for at in 0..self.investors.used() {
            let known = self.investors.get(at);
            if known.is_none_or(|known| known.instrument != instrument) {
                continue;
            }
            let investor = self.investors.row_mut(at);
            (investor.goods, investor.deposits) = (0, 0);
            investor.ever &= set.max_holders.is_some();
            let investor = *investor;
            let kept = self.kept[instrument.place()].as_mut();
            let kept = kept.expect("it has rules");
            kept.holders += u32::from(kept.is_holder(&investor));
            kept.taken += u32::from(kept.takes_place(&investor));
        }
    }

    /// Whether an owner may be brought goods.
    ///
    /// # Errors
    /// MAX_HOLDERS.
    pub(crate) fn check_deposit(&self, goods: AssetId, owner: OwnerId) -> Result<(), RejectReason> {
        let Some(instrument) = self.counts(goods) else {
            return Ok(());
        };
        let kept = self.kept(instrument).expect("counted by its rules");
        let known = self.investors.find(owner.index(), instrument);
        let placed = known.is_some_and(|at| kept.takes_place(self.investors.row(at)));
        if !placed && kept.is_full() {
            return Err(RejectReason::MaxHolders);
        }
        Ok(())
    }

    /// Whether there is room to remember an owner that is brought goods.
    ///
    /// # Errors
    /// INVESTORS_FULL.
    pub(crate) fn check_deposit_room(
        &self,
        goods: AssetId,
        owner: OwnerId,
    ) -> Result<(), RejectReason> {
        let missing = |instrument| self.investors.find(owner.index(), instrument).is_none();
        if self.investors.room() == 0 && self.counts(goods).is_some_and(missing) {
            return Err(RejectReason::InvestorsFull);
        }
        Ok(())
    }

    /// An instruction of an owner was given or answered; `waited` says whether it was pending.
    pub(crate) fn custody(&mut self, report: &CustodyReport, owner: OwnerId, waited: Waited) {
        let Some(instrument) = self.counts(report.asset) else {
            return;
        };
        let at = self.investor(owner, instrument);
        let amount = report.amount.units();
        self.note(at, |investor| match (report.direction, report.status) {
            (Direction::Deposit, CustodyStatus::Pending) => investor.deposits += 1,
            (Direction::Deposit, CustodyStatus::Executed) => {
                investor.deposits -= waited as u32;
                investor.goods += amount;
                investor.ever = true;
            }
            (Direction::Deposit, CustodyStatus::Refused) => investor.deposits -= waited as u32,
            (Direction::Withdrawal, CustodyStatus::Executed) => investor.goods -= amount,
            (Direction::Withdrawal, CustodyStatus::Pending | CustodyStatus::Refused) => {}
        });
        self.forget(at);
    }
}

/// Whether an instruction was pending before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Waited {
    No = 0,
    Yes = 1,
}

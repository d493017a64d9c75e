//! Setting an instrument's settlement, and holders that come and go through custodians.
//!
//! Invariant: what is counted of an owner is what the ledger and the pending deposits say of its
//! accounts. Not here: orders (`orders`), who may set it (`engine`).

use std::collections::{BTreeMap, BTreeSet};

use super::places::Status;
use super::{Investor, Kept, Settlement};
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
        let behind = owned.keys().flat_map(|owner| all.behind(owner));
        let mut placed: BTreeSet<OwnerId> = behind.copied().collect();
        let needed: BTreeSet<OwnerId> = owned.keys().chain(&placed).copied().collect();
        let missing = needed.iter().filter(|owner| !known(owner)).count();
        if set.holder_count == HolderCount::Cumulative {
            let ever = all.investors.iter().map(|(_, investor)| investor);
            let ever = ever.filter(|one| one.instrument == set.instrument && one.ever);
            let plain = ever.filter(|one| !all.nominees.contains_key(&one.owner));
            placed.extend(plain.map(|one| one.owner));
        }
        if placed.len() > most as usize {
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
        self.trades.forget_days(set.instrument);
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
            let investor = all.investors.row_mut(at);
            (investor.goods, investor.deposits) = (owned.goods, owned.deposits);
            investor.ever |= owned.goods > 0;
            let list = all.nominee(owner).len();
            for place in (0..list).filter(|_| owned.goods > 0) {
                let at = all.investor(all.nominees[&owner][place], instrument);
                all.investors.row_mut(at).ever = true;
            }
        }
        all.count(instrument);
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

    /// Forgets what an instrument's owners have, and what its rules do not ask for.
    fn reset(&mut self, instrument: InstrumentId) {
        let kept = self.kept[instrument.place()].as_mut();
        let kept = kept.expect("it has rules");
        (kept.holders, kept.taken) = (0, 0);
        let counts = kept.set.max_holders.is_some();
        for at in 0..self.investors.used() {
            let known = self.investors.get(at);
            if known.is_none_or(|known| known.instrument != instrument) {
                continue;
            }
            let investor = self.investors.row_mut(at);
            (investor.goods, investor.deposits) = (0, 0);
            (investor.held, investor.placed) = (0, 0);
            investor.ever &= counts;
        }
    }

    /// Counts an instrument's holders and places from nothing, by what its owners' rows say.
    fn count(&mut self, instrument: InstrumentId) {
        let here = |(_, one): &(u32, &Investor)| one.instrument == instrument;
        let rows: Vec<u32> = self
            .investors
            .iter()
            .filter(here)
            .map(|(at, _)| at)
            .collect();
        for at in rows {
            let now = self.status_at(at);
            self.pass_on(at, Status::default(), now);
        }
    }

    /// Whether an owner may be brought goods.
    ///
    /// # Errors
    /// MAX_HOLDERS.
    pub(crate) fn check_deposit(&self, goods: AssetId, owner: OwnerId) -> Result<(), RejectReason> {
        match self.check_coming(goods, None, owner) {
            Err(RejectReason::MaxHolders) => Err(RejectReason::MaxHolders),
            Err(_) | Ok(()) => Ok(()),
        }
    }

    /// Whether there is room to remember an owner that is brought goods, and those behind it.
    ///
    /// # Errors
    /// INVESTORS_FULL.
    pub(crate) fn check_deposit_room(
        &self,
        goods: AssetId,
        owner: OwnerId,
    ) -> Result<(), RejectReason> {
        let Some(instrument) = self.counts(goods) else {
            return Ok(());
        };
        if self.missing(instrument, owner) > self.investors.room() {
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

//! Who counts as a holder: owners, and those behind nominees.
//!
//! An owner's row says by itself whether it holds or has a place; that counts for the owner, or,
//! where it is a nominee, for each owner on its list. A row is counted once however many rows count
//! for it: it knows how many do.
//!
//! Invariant: `held` and `placed` of a row are how many rows that hold or have a place count for
//! its owner; `holders` and `taken` are the rows where they are above zero, and `taken` is never
//! above the bound. A nominee is on no list, so a list is all there is to look through. Not here:
//! what an owner's own row says (`Kept`), trades (`orders`).

use super::{Investor, Kept, Settlement};
use crate::command::SetNominee;
use crate::limits::Limits;
use crate::reject::RejectReason;
use crate::types::{AssetId, InstrumentId, OwnerId};

/// Whether an owner's row holds, and whether it has a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Status {
    pub(super) holds: bool,
    pub(super) has_place: bool,
}

/// Goods whose holders are counted leave an owner: so much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving {
    pub(crate) owner: OwnerId,
    pub(crate) goods: i64,
}

impl Settlement {
    /// The owners that count where this one holds: those on its list, or itself.
    pub(super) fn behind<'a>(&'a self, owner: &'a OwnerId) -> &'a [OwnerId] {
        let list = self.nominees.get(owner);
        list.map_or(std::slice::from_ref(owner), Vec::as_slice)
    }

    /// The owners behind a nominee; none where it is none.
    pub(crate) fn nominee(&self, owner: OwnerId) -> &[OwnerId] {
        self.nominees.get(&owner).map_or(&[], Vec::as_slice)
    }

    pub(super) fn status(&self, kept: &Kept, investor: &Investor) -> Status {
        kept.status(investor, self.nominees.contains_key(&investor.owner))
    }

    pub(super) fn status_at(&self, at: u32) -> Status {
        let investor = self.investors.row(at);
        let kept = self.kept(investor.instrument);
        self.status(kept.expect("an investor's instrument has rules"), investor)
    }

    /// Changes an owner's row and counts what that does to the holders.
    pub(super) fn note(&mut self, at: u32, change: impl FnOnce(&mut Investor)) {
        let before = self.status_at(at);
        change(self.investors.row_mut(at));
        let after = self.status_at(at);
        self.pass_on(at, before, after);
    }

    /// A row's status became another one: so it is for those that count for it. Rows of owners on
    /// a list come with its place and go with it; the room was checked.
    pub(super) fn pass_on(&mut self, at: u32, before: Status, after: Status) {
        if before == after {
            return;
        }
        let Investor {
            owner, instrument, ..
        } = *self.investors.row(at);
        let count = self.nominees.get(&owner).map(Vec::len);
        let Some(count) = count else {
            return self.step(at, before, after);
        };
        for place in 0..count {
            let behind = self.nominees[&owner][place];
            let at = self.investor(behind, instrument);
            if after.holds {
                self.has_held(at);
            }
            self.step(at, before, after);
            self.forget(at);
        }
    }

    /// An owner on a nominee's list held something through it.
    fn has_held(&mut self, at: u32) {
        let before = self.status_at(at);
        self.investors.row_mut(at).ever = true;
        let after = self.status_at(at);
        self.step(at, before, after);
    }

    /// One of the rows that count for this one changed.
    fn step(&mut self, at: u32, before: Status, after: Status) {
        let investor = self.investors.row_mut(at);
        let kept = self.kept[investor.instrument.place()].as_mut();
        let kept = kept.expect("an investor's instrument has rules");
        let step = |count: u32, before: bool, after: bool| {
            (count + u32::from(after))
                .checked_sub(u32::from(before))
                .expect("what stops counting counted")
        };
        let was = [investor.held > 0, investor.placed > 0];
        investor.held = step(investor.held, before.holds, after.holds);
        investor.placed = step(investor.placed, before.has_place, after.has_place);
        kept.holders = step(kept.holders, was[0], investor.held > 0);
        kept.taken = step(kept.taken, was[1], investor.placed > 0);
        assert!(
            kept.set.max_holders.is_none_or(|most| kept.taken <= most),
            "a holder has a place before it is one"
        );
    }

    /// How many places are taken on an instrument once a row that counts for `leaving` gives its
    /// place up and one that counts for `coming` has one.
    fn taken_after(
        &self,
        instrument: InstrumentId,
        leaving: &[OwnerId],
        coming: &[OwnerId],
    ) -> u32 {
        let placed = |owner: &OwnerId| {
            let at = self.investors.find(owner.index(), instrument);
            at.map_or(0, |at| self.investors.row(at).placed)
        };
        let kept = self.kept(instrument).expect("it has rules");
        let goes = |owner: &&OwnerId| placed(owner) == 1 && !coming.contains(owner);
        let gone = leaving.iter().filter(goes).count() as u32;
        let new = coming.iter().filter(|owner| placed(owner) == 0).count() as u32;
        kept.taken + new - gone
    }

    /// Whether an owner without a place of its own can have one, after another one left.
    ///
    /// # Errors
    /// MAX_HOLDERS.
    pub(super) fn check_place(
        &self,
        instrument: InstrumentId,
        owner: OwnerId,
        leaving: &[OwnerId],
    ) -> Result<(), RejectReason> {
        let most = self.kept(instrument).and_then(|kept| kept.set.max_holders);
        let coming = self.behind(&owner);
        let above = |most| self.taken_after(instrument, leaving, coming) > most;
        if most.is_some_and(above) {
            return Err(RejectReason::MaxHolders);
        }
        Ok(())
    }

    /// How many owners are not remembered that are when this one has a place.
    pub(super) fn missing(&self, instrument: InstrumentId, owner: OwnerId) -> u32 {
        let own = std::slice::from_ref(&owner);
        let list = self.nominee(owner);
        let new = |one: &&OwnerId| self.investors.find(one.index(), instrument).is_none();
        own.iter().chain(list).filter(new).count() as u32
    }

    /// Whether goods whose holders are counted may come to an owner, and, from another one, leave
    /// it.
    ///
    /// # Errors
    /// MAX_HOLDERS, INVESTORS_FULL.
    pub(crate) fn check_coming(
        &self,
        goods: AssetId,
        leaving: Option<Leaving>,
        owner: OwnerId,
    ) -> Result<(), RejectReason> {
        let Some(instrument) = self.counts(goods) else {
            return Ok(());
        };
        let kept = self.kept(instrument).expect("counted by its rules");
        let row = |owner: OwnerId| {
            let at = self.investors.find(owner.index(), instrument);
            at.map_or(Investor::new(instrument, owner), |at| {
                *self.investors.row(at)
            })
        };
        if !self.status(kept, &row(owner)).has_place {
            let gives_up = leaving.filter(|leaving| {
                let mut giver = row(leaving.owner);
                let before = self.status(kept, &giver);
                giver.goods -= leaving.goods;
                before.has_place && !self.status(kept, &giver).has_place
            });
            let gone = gives_up.map(|leaving| leaving.owner);
            let gone = gone.as_ref().map_or(&[][..], |owner| self.behind(owner));
            self.check_place(instrument, owner, gone)?;
        }
        if self.missing(instrument, owner) > self.investors.room() {
            return Err(RejectReason::InvestorsFull);
        }
        Ok(())
    }

    /// Goods whose holders are counted left an owner; whoever gives them up does so before they
    /// come to another one.
    pub(crate) fn left(&mut self, goods: AssetId, leaving: Leaving) {
        self.changed(goods, leaving.owner, -leaving.goods);
    }

    /// Goods whose holders are counted came to an owner; it was checked.
    pub(crate) fn came(&mut self, goods: AssetId, owner: OwnerId, amount: i64) {
        self.changed(goods, owner, amount);
    }

    fn changed(&mut self, goods: AssetId, owner: OwnerId, by: i64) {
        let Some(instrument) = self.counts(goods).filter(|_| by != 0) else {
            return;
        };
        let at = self.investor(owner, instrument);
        self.note(at, |investor| {
            investor.goods += by;
            investor.ever |= by > 0;
        });
        self.forget(at);
    }

    /// Whether a nominee's list is one to look through once: short enough, nobody twice, and no
    /// nominee on it or itself on another's.
    pub(super) fn is_list(&self, set: &SetNominee) -> bool {
        let list = &set.owners;
        if list.len() > Limits::NOMINEE_OWNERS_MAX {
            return false;
        }
        let on_a_list = |owner: &OwnerId| self.nominees.values().any(|list| list.contains(owner));
        let twice = |(at, owner): (usize, &OwnerId)| list[..at].contains(owner);
        let nested = !list.is_empty() && on_a_list(&set.nominee)
            || list.iter().any(|owner| self.nominees.contains_key(owner));
        !list.contains(&set.nominee) && !list.iter().enumerate().any(twice) && !nested
    }

    /// Whether an owner that is known may hold for these, all of them known.
    ///
    /// # Errors
    /// INVALID_FIELD, MAX_HOLDERS with the instrument whose bound it is, TOO_MANY, INVESTORS_FULL.
    pub(crate) fn check_nominee(
        &self,
        set: &SetNominee,
    ) -> Result<(), (RejectReason, Option<InstrumentId>)> {
        let list = &set.owners;
        if !self.is_list(set) {
            return Err((RejectReason::InvalidField, None));
        }
        let mut counted: Vec<InstrumentId> = self.counted.values().copied().collect();
        counted.sort_unstable();
        let mut missing = 0;
        for instrument in counted {
            let Some(coming) = self.counting_after(set, instrument) else {
                continue;
            };
            let (before, after) = coming;
            let kept = self.kept(instrument).expect("counted by its rules");
            let most = kept.set.max_holders.expect("its holders are counted");
            if self.taken_after(instrument, before, after) > most {
                return Err((RejectReason::MaxHolders, Some(instrument)));
            }
            let new = |one: &&OwnerId| self.investors.find(one.index(), instrument).is_none();
            missing += after.iter().filter(new).count() as u32;
        }
        let new = !list.is_empty() && !self.nominees.contains_key(&set.nominee);
        if new && self.nominees.len() >= self.nominees_max as usize {
            return Err((RejectReason::TooMany, None));
        }
        if missing > self.investors.room() {
            return Err((RejectReason::InvestorsFull, None));
        }
        Ok(())
    }

    /// Who counts for a nominee's place on an instrument now and with another list; none where it
    /// is not remembered there.
    fn counting_after<'a>(
        &'a self,
        set: &'a SetNominee,
        instrument: InstrumentId,
    ) -> Option<(&'a [OwnerId], &'a [OwnerId])> {
        let kept = self.kept(instrument)?;
        let at = self.investors.find(set.nominee.index(), instrument)?;
        let investor = self.investors.row(at);
        let (mut before, mut after) = (&[][..], &[][..]);
        if self.status(kept, investor).has_place {
            before = self.behind(&set.nominee);
        }
        if kept.status(investor, !set.owners.is_empty()).has_place {
            after = if set.owners.is_empty() {
                std::slice::from_ref(&set.nominee)
            } else {
                &set.owners
            };
        }
        Some((before, after))
    }

    /// An owner holds for these from now on; it was checked.
    pub(crate) fn set_nominee(&mut self, set: &SetNominee) {
        let counted: Vec<InstrumentId> = self.counted.values().copied().collect();
        let rows = |all: &Self| -> Vec<u32> {
            let find =
                |instrument: &InstrumentId| all.investors.find(set.nominee.index(), *instrument);
            counted.iter().filter_map(find).collect()
        };
        for at in rows(self) {
            let before = self.status_at(at);
            self.pass_on(at, before, Status::default());
        }
        if set.owners.is_empty() {
            self.nominees.remove(&set.nominee);
        } else {
            self.nominees.insert(set.nominee, set.owners.clone());
        }
        for at in rows(self) {
            let after = self.status_at(at);
            self.pass_on(at, Status::default(), after);
        }
    }
}

//! What must hold of settlement between commands.
//!
//! Invariant: as in `audit`. Not here: what positions hold, which the clearing's audit sums.

use std::collections::BTreeMap;

use super::{Joining, Settlement, StakeRef};
use crate::clearing::Clearing;
use crate::parties::Parties;
use crate::types::{OwnerId, Side};

type Check = Result<(), &'static str>;

impl Clearing {
    /// Live orders, holders and days of settlement against what they are counted from.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub(crate) fn audit_settlement(
        &self,
        live: impl Iterator<Item = (u32, Joining)>,
        parties: &Parties,
    ) -> Check {
        let all = &self.settlement;
        let (mut stakes, mut investors) = (BTreeMap::new(), BTreeMap::new());
        for (slot, one) in live {
            let kept = all.kept(one.instrument);
            let hold = self.holds.get(slot as usize);
            let stake = hold.ok_or("a live order has no hold row")?.stake;
            let Some(kept) = kept else {
                if stake.is_none() || stake == StakeRef::MARGIN {
                    continue;
                }
                return Err("an order has a row of settlement without rules");
            };
            let known = all.stakes.find(one.account.index(), one.instrument);
            if known.is_none() || known != stake.place() {
                return Err("an order is not in its account's row of settlement");
            }
            *stakes.entry((one.instrument, one.account)).or_insert(0) += 1;
            if kept.remembers() {
                let counts = investors.entry((one.instrument, one.owner));
                let counts: &mut [u32; 2] = counts.or_default();
                counts[usize::from(one.side == Side::Sell)] += 1;
            }
        }
        all.audit_stakes(&stakes)?;
        self.audit_investors(&investors, parties)?;
        all.audit_days()
    }

    fn audit_investors(
        &self,
        live: &BTreeMap<(crate::types::InstrumentId, crate::types::OwnerId), [u32; 2]>,
        parties: &Parties,
    ) -> Check {
        let all = &self.settlement;
        let mut trading = 0;
        for (_, one) in all.investors.iter() {
            let key = (one.instrument, one.owner);
            let known = live.get(&key).copied();
            trading += usize::from(known.is_some());
            let kept = all.kept(one.instrument);
            let kept = kept.ok_or("an owner is remembered without rules")?;
            if !kept.remembers() || known.unwrap_or_default() != [one.buys, one.sells] {
                return Err("an owner's live orders are counted wrongly");
            }
            if kept.set.reverse_trade_days > 0 && one.buys > 0 && one.sells > 0 {
                return Err("an owner has live orders on both sides");
            }
            if one.goods > 0 && !one.ever {
                return Err("an owner has goods and never had any");
            }
            if kept.set.max_holders.is_none() && one.placed > 0 {
                return Err("an owner has a place where none are counted");
            }
        }
        if trading != live.len() {
            return Err("an owner with live orders is not remembered");
        }
        for kept in all.kept.iter().flatten() {
            let Some(most) = kept.set.max_holders else {
                continue;
            };
            let mut owned = self.owned(kept.goods, parties);
            let mut counts: BTreeMap<OwnerId, [u32; 2]> = BTreeMap::new();
            let here = |one: &&super::Investor| one.instrument == kept.set.instrument;
            let rows = all.investors.iter().map(|(_, one)| one).filter(here);
            let rows: Vec<_> = rows.collect();
            for one in &rows {
                let known = owned.remove(&one.owner).unwrap_or_default();
                if (known.goods, known.deposits) != (one.goods, one.deposits) {
                    return Err("a holder has other goods than the ledger says");
                }
                let status = all.status(kept, one);
                for owner in all.behind(&one.owner).iter().filter(|_| status.has_place) {
                    let counts = counts.entry(*owner).or_default();
                    counts[0] += u32::from(status.holds);
                    counts[1] += 1;
                }
            }
            let holders = counts.values().filter(|counts| counts[0] > 0).count() as u32;
            let taken = counts.len() as u32;
            for one in rows {
                let known = counts.remove(&one.owner).unwrap_or_default();
                if known != [one.held, one.placed] {
                    return Err("what counts for an owner is counted wrongly");
                }
            }
            if !counts.is_empty() {
                return Err("an owner behind a nominee is not remembered");
            }
            if !owned.is_empty() {
                return Err("an owner has goods and is no holder");
            }
            if (holders, taken) != (kept.holders, kept.taken) || taken > most {
                return Err("holders are counted wrongly, or are more than may be");
            }
        }
        Ok(())
    }
}

impl Settlement {
    fn audit_stakes(
        &self,
        live: &BTreeMap<(crate::types::InstrumentId, crate::types::AccountId), u32>,
    ) -> Check {
        let mut trading = 0;
        for (_, one) in self.stakes.iter() {
            let orders = live.get(&(one.instrument, one.account));
            trading += usize::from(orders.is_some());
            let kept = self.kept(one.instrument);
            let kept = kept.ok_or("a row of settlement without rules")?;
            if orders.copied().unwrap_or(0) != one.orders {
                return Err("an account's live orders are counted wrongly");
            }
            if one.orders == 0 && !one.waits() {
                return Err("a row of settlement is left over");
            }
            let pending = self.pending.iter().any(|(_, venue)| *venue == kept.venue);
            let day = self.day(kept.venue);
            for rolls in 0..super::PLACES as u32 {
                let due = one.due[super::place_of(day + rolls)];
                let may = rolls <= u32::from(kept.set.days) && (rolls > 0 || pending);
                if due.goods < 0 || due.money < 0 || !may && due != super::Due::default() {
                    return Err("what waits for settlement is not due when it may be");
                }
            }
        }
        if trading != live.len() {
            return Err("an account with live orders has no row of settlement");
        }
        Ok(())
    }

    fn audit_days(&self) -> Check {
        for (_, venue) in &self.pending {
            if self.due(*venue).next().is_none() {
                return Err("a venue settles and nothing is due");
            }
        }
        if !self.pending.is_sorted() {
            return Err("venues that settle are out of order");
        }
        Ok(())
    }
}

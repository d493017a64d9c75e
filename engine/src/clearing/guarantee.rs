//! Guarantees 保证金: money of sellers that is set aside at a venue for what they may have to pay
//! back (SEMANTICS section 28).
//!
//! Invariant: what a guarantee covers is at most what it is, so whatever is covered can be paid
//! back out of it; each contract is covered once, by one. Rows are few and asked for once a
//! contract, so they are in a tree. Not here: which contracts are covered
//! (`engine::contracts::covers`).

use std::collections::BTreeMap;

use super::Clearing;
use super::kept::Kept;
use super::ledger::{Holder, Place};
use crate::bytes::{self, BytesError, Reader};
use crate::command::AssetClass;
use crate::limits::Limits;
use crate::types::{AccountId, Amount, AssetId, VenueId};
use crate::venue::Venues;

/// Whose it is, for contracts of which venue in which currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GuaranteeKey {
    /// The seller.
    pub account: AccountId,
    /// The venue.
    pub venue: VenueId,
    /// The currency.
    pub money: AssetId,
}

/// Money set aside, and how much of it is spoken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guarantee {
    kept: Kept,
    covering: i64,
}

impl Guarantee {
    /// How much it is, in minor units.
    pub const fn amount(&self) -> i64 {
        self.kept.amount()
    }

    /// How much of that contracts are covered by.
    pub const fn covering(&self) -> i64 {
        self.covering
    }

    /// How much more it can cover.
    pub const fn free(&self) -> i64 {
        self.amount() - self.covering
    }

    pub(crate) const fn kept(&self) -> Kept {
        self.kept
    }
}

/// All guarantees of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guarantees {
    rows: BTreeMap<GuaranteeKey, Guarantee>,
    max: u32,
}

/// The least bytes of a row.
const ROW_BYTES_MIN: usize = 4;

fn wrong() -> BytesError {
    BytesError::range("a guarantee")
}

impl Guarantees {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            rows: BTreeMap::new(),
            max: limits.guarantees_max,
        }
    }

    /// One, if it is there.
    pub fn get(&self, key: GuaranteeKey) -> Option<&Guarantee> {
        self.rows.get(&key)
    }

    /// All, in order of account, venue and currency.
    pub fn all(&self) -> impl Iterator<Item = (GuaranteeKey, &Guarantee)> {
        self.rows.iter().map(|(key, row)| (*key, row))
    }

    /// Those of an account, in order of venue and currency.
    pub fn of_account(
        &self,
        account: AccountId,
    ) -> impl Iterator<Item = (GuaranteeKey, &Guarantee)> {
        let from = GuaranteeKey {
            account,
            venue: VenueId::new(0),
            money: AssetId::new(0),
        };
        let own = self.rows.range(from..);
        let own = own.take_while(move |(key, _)| key.account == account);
        own.map(|(key, row)| (*key, row))
    }

    /// Whether no other can come into being.
    pub(crate) fn are_full(&self) -> bool {
        self.rows.len() >= self.max as usize
    }

    /// Writes all of them; what they cover follows from contracts.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.rows.len() as u64);
        for (key, row) in &self.rows {
            for handle in [key.account.index(), key.venue.index(), key.money.index()] {
                bytes::put_varint(out, u64::from(handle));
            }
            bytes::put_varint(out, row.amount() as u64);
        }
    }

    /// Checks what they cover against the sums of covered contracts.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(&self, covered: &BTreeMap<GuaranteeKey, i64>) -> Result<(), &'static str> {
        if self.rows.values().any(|row| row.amount() == 0) {
            return Err("a guarantee of nothing is kept");
        }
        if self
            .rows
            .values()
            .any(|row| !(0..=row.amount()).contains(&row.covering))
        {
            return Err("a guarantee covers more than it is");
        }
        let rows = self.rows.iter().filter(|(_, row)| row.covering > 0);
        let covering = rows.map(|(key, row)| (key, &row.covering));
        if !covering.eq(covered) {
            return Err("a guarantee does not cover what its contracts are covered for");
        }
        Ok(())
    }
}

impl Clearing {
    /// A seller's money is set aside so far from now on; that it may be was checked.
    pub(crate) fn set_guarantee(&mut self, key: GuaranteeKey, at: Place, amount: i64) {
        let row = self.guarantees.rows.entry(key).or_insert(Guarantee {
            kept: Kept::nothing(at),
            covering: 0,
        });
        let more = amount - row.amount();
        assert!(amount >= row.covering, "what is covered stays covered");
        if more > 0 {
            let mut kept = self.ledger.keep(at, more);
            self.ledger.pass(&mut kept, more, &mut row.kept);
        } else if more < 0 {
            self.ledger.let_go(&mut row.kept, -more);
        }
        self.tidy_guarantee(key);
    }

    /// How much more a guarantee can cover; nothing where there is none.
    pub(crate) fn free_guarantee(&self, key: GuaranteeKey) -> i64 {
        self.guarantees.get(key).map_or(0, Guarantee::free)
    }

    /// It covers so much more.
    pub(crate) fn guarantee(&mut self, key: GuaranteeKey, amount: i64) {
        let row = self.guarantees.rows.get_mut(&key);
        let row = row.expect("it was free to cover it");
        assert!(amount <= row.free(), "nothing is covered twice");
        row.covering += amount;
    }

    /// It covers so much less.
    pub(crate) fn uncover(&mut self, key: GuaranteeKey, amount: i64) {
        let row = self.guarantees.rows.get_mut(&key);
        let row = row.expect("what is covered has a guarantee");
        assert!(amount <= row.covering, "no more than was covered");
        row.covering -= amount;
    }

    /// A part of what is not spoken for goes to a buyer.
    pub(crate) fn pay_of_guarantee(&mut self, key: GuaranteeKey, amount: i64, to: Place) {
        let row = self.guarantees.rows.get_mut(&key);
        let row = row.expect("it has as much");
        assert!(amount <= row.free(), "what covers another stays");
        self.ledger.pay(&mut row.kept, amount, to);
        self.tidy_guarantee(key);
    }

    fn tidy_guarantee(&mut self, key: GuaranteeKey) {
        if self
            .guarantees
            .get(key)
            .is_some_and(|row| row.amount() == 0)
        {
            self.guarantees.rows.remove(&key);
        }
    }

    /// Reads what [`Guarantees::encode`] wrote, and lets them cover what contracts say.
    ///
    /// # Errors
    /// Broken bytes; what the rules would not have made.
    pub(crate) fn decode_guarantees(
        &mut self,
        input: &mut Reader<'_>,
        venues: &Venues,
        covered: &BTreeMap<GuaranteeKey, i64>,
    ) -> Result<(), BytesError> {
        let max = self.guarantees.max;
        let mut last = None;
        for _ in 0..input.count(max, ROW_BYTES_MIN, "the count of guarantees")? {
            let key = GuaranteeKey {
                account: AccountId::new(input.varint32("a guarantee's account")?),
                venue: VenueId::new(input.varint32("a guarantee's venue")?),
                money: AssetId::new(input.varint32("a guarantee's money")?),
            };
            let amount = i64::try_from(input.varint()?).map_err(|_| wrong())?;
            let amount = Amount::new(amount).filter(|amount| amount.units() > 0);
            let amount = amount.ok_or_else(wrong)?.units();
            let money = self.assets.asset(key.money).ok_or_else(wrong)?;
            let currency = matches!(money.class, AssetClass::Currency { .. });
            let venue = venues.venue(key.venue).ok_or_else(wrong)?;
            let at = self.ledger.find(Holder::Account(key.account), key.money);
            let at = at.ok_or_else(wrong)?;
            let held = self.ledger.position(at).held;
            let covering = covered.get(&key).copied().unwrap_or(0);
            let joins = venue.demonstration == money.demonstration;
            if Some(key) <= last || !currency || !joins || amount > held || covering > amount {
                return Err(wrong());
            }
            last = Some(key);
            let kept = Kept::restored(at, amount);
            self.guarantees
                .rows
                .insert(key, Guarantee { kept, covering });
        }
        Ok(())
    }
}

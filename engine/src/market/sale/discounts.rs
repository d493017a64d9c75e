//! Discounts: what they are, who used them how often, and how one is divided over the lines of a
//! basket (SEMANTICS section 27).
//!
//! Invariant: the owners that a discount remembers used it as often as it counts; the parts of all
//! lines are the whole discount and none is above its line; nothing is allocated after `new` but
//! where a discount ends. Not here: whose basket is taken (`engine::baskets`).

use super::buyers::{Buyers, NIL};
use crate::command::{Basket, DefineDiscount, Off};
use crate::event::{DiscountAct, DiscountReport};
use crate::limits::Limits;
use crate::requests::expiry::{Entry, Expiry};
use crate::slab::{Made, Slab};
use crate::types::{AccountId, DiscountId, OwnerId, Time};

/// A live discount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Discount {
    /// The sequence of the command that defined it.
    pub sequence: u64,
    /// What it is.
    pub terms: DefineDiscount,
    /// How often it was used.
    pub used: u32,
    /// The owner it remembered last.
    pub(super) users: u32,
}

const _: () = assert!(size_of::<Discount>() <= 128, "16,384 of them are 2 MB");

impl Made for Discount {
    fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Discount {
    /// Nobody used it yet.
    pub(super) const fn new(sequence: u64, terms: DefineDiscount) -> Self {
        Self {
            sequence,
            terms,
            used: 0,
            users: NIL,
        }
    }

    /// How many uses are left.
    pub const fn left(&self) -> u32 {
        self.terms.uses - self.used
    }

    /// Whether it can be used at `time`.
    pub fn is_open(&self, time: Time) -> bool {
        self.terms.opens <= time && time < self.terms.closes
    }
}

/// All live discounts of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Discounts {
    pub(super) rows: Slab<Discount>,
    timers: Expiry,
    /// How often owners used each, kept as pieces of buyers are.
    pub(crate) users: Buyers,
}

/// Timers follow from the rows.
impl PartialEq for Discounts {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.users == other.users
    }
}

impl Eq for Discounts {}

impl Discounts {
    /// None, with room for as many as `limits` says, touched only when used.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            rows: Slab::new(limits.discounts_max),
            timers: Expiry::new(limits.discounts_max),
            users: Buyers::new(limits.discount_uses_max),
        }
    }

    /// Whether a seller can define no other. Counts rows: 2 MB of them at most, and who sells
    /// defines few.
    pub(crate) fn are_full(&self, seller: AccountId, limits: &Limits) -> bool {
        let own = self
            .rows
            .iter()
            .filter(|(_, row)| row.terms.account == seller);
        self.rows.is_full() || own.count() >= limits.discounts_per_seller_max as usize
    }

    /// A live discount.
    pub(crate) fn get(&self, id: DiscountId) -> Option<&Discount> {
        self.rows.find(id.sequence, id.slot)
    }

    /// The live ones among `count` rows from row `from` on with their ids, in order of their rows.
    pub(super) fn all_in(
        &self,
        from: u32,
        count: u32,
    ) -> impl Iterator<Item = (DiscountId, &Discount)> {
        let id = |slot, sequence| DiscountId { sequence, slot };
        let rows = self.rows.iter_in(from, count);
        rows.map(move |(slot, row)| (id(slot, row.sequence), row))
    }

    /// Adds one; the room was checked.
    pub(crate) fn define(&mut self, sequence: u64, terms: DefineDiscount) -> DiscountReport {
        let slot = self.rows.insert(Discount::new(sequence, terms));
        self.time(slot);
        self.report(slot, DiscountAct::Defined)
    }

    pub(super) fn time(&mut self, slot: u32) {
        let row = self.rows.row(slot);
        self.timers.push(Entry {
            expires: row.terms.closes,
            sequence: row.sequence,
            row: slot,
        });
    }

    /// How often an owner used one.
    pub(crate) fn used_by(&self, discount: &Discount, owner: OwnerId) -> u32 {
        self.users.pieces(discount.sequence, owner)
    }

    /// Whether an owner that uses one can be remembered.
    pub(crate) fn has_room_for(&self, discount: &Discount, owner: OwnerId) -> bool {
        let known = self.users.find(discount.sequence, owner);
        known.is_some() || !self.users.are_full()
    }

    /// An owner uses one; that it may was checked.
    pub(crate) fn count_use(&mut self, slot: u32, owner: OwnerId) -> DiscountReport {
        let row = self.rows.row_mut(slot);
        row.used += 1;
        assert!(row.used <= row.terms.uses, "the uses are checked before");
        self.users.take(row.sequence, owner, 1, &mut row.users);
        self.report(slot, DiscountAct::Used)
    }

    /// Whether anything ends or is to be forgotten: all that a command asks while nothing is.
    #[inline]
    pub(crate) fn is_anything_due(&self) -> bool {
        self.timers.len() > 0 || self.users.first().is_some()
    }

    /// The discount that ends first, and when.
    pub(crate) fn first(&self) -> Option<(Time, u32)> {
        let first = self.timers.first()?;
        Some((first.expires, first.row))
    }

    /// The time of one is over: who used it is due to be forgotten.
    pub(crate) fn end(&mut self, slot: u32) -> DiscountReport {
        let report = self.report(slot, DiscountAct::Ended);
        self.timers.remove(slot);
        let row = self.rows.remove(slot);
        self.users.forget(row.users, row.terms.closes);
        report
    }

    fn report(&self, slot: u32, act: DiscountAct) -> DiscountReport {
        let row = self.rows.row(slot);
        DiscountReport {
            act,
            discount: DiscountId {
                sequence: row.sequence,
                slot,
            },
            seller: row.terms.account,
            venue: row.terms.venue,
            left: row.left(),
        }
    }

    /// Checks discounts against who used them.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(&self) -> Result<(), &'static str> {
        for (_, row) in self.rows.iter() {
            let mut used = 0;
            for user in self.users.chain(row.users) {
                used += u64::from(user.pieces);
                if user.offer != row.sequence || user.pieces > row.terms.per_owner {
                    return Err("a discount remembers a use it did not give");
                }
            }
            if used != u64::from(row.used) || row.used > row.terms.uses {
                return Err("a discount is not used as often as by all owners");
            }
        }
        let chains = self.rows.iter().map(|(_, row)| row.users);
        if !self.users.are_all(chains) {
            return Err("uses are remembered of no discount, or not found");
        }
        if self.timers.len() != self.rows.live() as usize || !self.timers.is_sound() {
            return Err("discounts and their timers differ");
        }
        Ok(())
    }
}

/// Whether the numbers of a discount that is defined at `now` are in their bounds.
pub(crate) fn are_bounded(terms: &DefineDiscount, now: Time) -> bool {
    let latest = now.after(DefineDiscount::SPAN_MAX);
    now < terms.closes && terms.closes <= latest && were_bounded(terms)
}

/// The same of one that was defined once.
pub(super) fn were_bounded(terms: &DefineDiscount) -> bool {
    let most = 1..=DefineDiscount::MONEY_MAX;
    let off = match terms.off {
        Off::Amount(amount) => (1..=terms.threshold).contains(&amount),
        Off::Share { bp, at_most } => {
            (1..=10_000).contains(&bp)
                && most.contains(&at_most)
                && off_of(terms.off, terms.threshold) > 0
        }
    };
    most.contains(&terms.threshold)
        && off
        && terms.opens < terms.closes
        && (1..=DefineDiscount::USES_MAX).contains(&terms.uses)
        && (1..=terms.uses).contains(&terms.per_owner)
}

/// What is taken off so much.
pub(crate) fn off_of(off: Off, list: i64) -> i64 {
    match off {
        Off::Amount(amount) => amount,
        Off::Share { bp, at_most } => {
            let share = i128::from(list) * i128::from(bp) / 10_000;
            i64::try_from(share).map_or(at_most, |share| share.min(at_most))
        }
    }
}

/// Divides a discount over the list amounts of lines by largest remainder: of equal remainders the
/// earlier line has it. Above a line's amount no part is, as the whole is at most their sum.
pub(crate) fn divide(off: i64, list: &[i64]) -> [i64; Basket::LINES_MAX] {
    let mut parts = [0; Basket::LINES_MAX];
    let mut remainders = [0; Basket::LINES_MAX];
    let sum: i128 = list.iter().map(|one| i128::from(*one)).sum();
    let mut left = off;
    for (line, amount) in list.iter().enumerate() {
        let share = i128::from(off) * i128::from(*amount);
        remainders[line] = share % sum;
        parts[line] = i64::try_from(share / sum).expect("at most the discount");
        left -= parts[line];
    }
    for _ in 0..left {
        let largest = (0..list.len()).rev().max_by_key(|line| remainders[*line]);
        let line = largest.expect("a basket has a line");
        assert!(remainders[line] > 0, "fewer are left than have remainders");
        remainders[line] = 0;
        parts[line] += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_remainders_get_what_does_not_divide() {
        let parts = |off, list: &[i64]| divide(off, list)[..list.len()].to_vec();
        // 10.00 off three lines of 33.33, 33.33, 33.34: 333.30, 333.30, 333.40 fen.
        assert_eq!(parts(1_000, &[3_333, 3_333, 3_334]), [333, 333, 334]);
        // A fen off three equal lines: the first has it; two: the first two.
        assert_eq!(parts(1, &[5, 5, 5]), [1, 0, 0]);
        assert_eq!(parts(2, &[5, 5, 5]), [1, 1, 0]);
        // 100 off 1, 2, 3 and 4 of 10: no remainder.
        assert_eq!(parts(100, &[100, 200, 300, 400]), [10, 20, 30, 40]);
        // 7 off 10, 20, 40: 1.0, 2.0, 4.0; off 10, 20, 41: 0.986, 1.972, 4.042.
        assert_eq!(parts(7, &[10, 20, 40]), [1, 2, 4]);
        assert_eq!(parts(7, &[10, 20, 41]), [1, 2, 4]);
        // The later line has the larger remainder: 5 x 1 / 4 = 1.25, 5 x 3 / 4 = 3.75.
        assert_eq!(parts(5, &[1_000, 3_000]), [1, 4]);
        // A gift among the lines has no part, all off leaves nothing.
        assert_eq!(parts(300, &[0, 100, 200]), [0, 100, 200]);
    }

    #[test]
    fn parts_make_the_whole_and_none_is_above_its_line() {
        let most = DefineDiscount::MONEY_MAX;
        for list in [
            &[1, 1, 1, 1, 1, 1, 1, 1][..],
            &[7, 0, 13, 1, 99, 2, 50, 3],
            &[most; 8],
            &[most, 1, most - 1],
            &[1],
        ] {
            let sum: i64 = list.iter().sum();
            for off in [1, 2, 3, 5, sum / 3, sum - 1, sum] {
                let off = off.clamp(1, sum);
                let parts = divide(off, list);
                assert_eq!(parts.iter().sum::<i64>(), off, "{off} off {list:?}");
                let pairs = parts.iter().zip(list);
                assert!(pairs.into_iter().all(|(part, line)| part <= line));
            }
        }
    }

    #[test]
    fn a_share_is_rounded_down_and_bounded() {
        let share = |bp, at_most| Off::Share { bp, at_most };
        assert_eq!(off_of(share(1_000, 500), 1_999), 199);
        assert_eq!(off_of(share(1_000, 150), 1_999), 150);
        assert_eq!(off_of(share(10_000, i64::MAX), i64::MAX), i64::MAX);
        assert_eq!(off_of(Off::Amount(30), 1_999), 30);
    }
}

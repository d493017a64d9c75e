//! Amounts set aside for one object that lives longer than an order, and the calls that move them
//! on: keep, capture, let go, split, pass, freeze.
//!
//! An order's hold is a row of its own (`hold`), since it holds money and goods at once; a receipt
//! has one of these, and so has whatever object a later market makes.
//!
//! Invariant: whatever is done, what was kept = what was captured + what was let go + what is kept,
//! and a position's `held` is the sum of its holds. What is frozen moves nowhere until it thaws.
//! None of these calls makes goods available on their way from one object to another. Not here: why
//! (`receipts`).

use super::ledger::{Ledger, Place};

/// An amount of a position, set aside for one object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    amount: i64,
    at: Place,
    tie: Tie,
}

/// Whether who keeps it may move it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tie {
    Loose,
    Frozen,
}

impl Kept {
    /// Nothing yet, of a position.
    pub(crate) const fn nothing(at: Place) -> Self {
        Self {
            amount: 0,
            at,
            tie: Tie::Loose,
        }
    }

    /// What a snapshot says is kept; the position's own sum has it already.
    pub(crate) const fn restored(at: Place, amount: i64) -> Self {
        Self {
            amount,
            at,
            tie: Tie::Loose,
        }
    }

    /// How much.
    pub(crate) const fn amount(&self) -> i64 {
        self.amount
    }

    /// Of which position.
    pub(crate) const fn at(&self) -> Place {
        self.at
    }

    /// Whether it moves nowhere.
    pub(crate) const fn is_frozen(&self) -> bool {
        matches!(self.tie, Tie::Frozen)
    }

    fn take(&mut self, amount: i64) {
        assert!(!self.is_frozen(), "what is frozen moves nowhere: {self:?}");
        assert!(
            (0..=self.amount).contains(&amount),
            "no more moves than is kept: {amount} of {self:?}"
        );
        self.amount -= amount;
    }

    /// Takes `amount` off into a hold of its own: of the same position, for another object.
    pub(crate) fn split(&mut self, amount: i64) -> Self {
        self.take(amount);
        Self::restored(self.at, amount)
    }

    /// From now on it moves nowhere.
    pub(crate) fn freeze(&mut self) {
        assert!(!self.is_frozen(), "it is frozen once");
        self.tie = Tie::Frozen;
    }

    /// It may move again.
    pub(crate) fn thaw(&mut self) {
        assert!(self.is_frozen(), "only what is frozen thaws");
        self.tie = Tie::Loose;
    }
}

impl Ledger {
    /// Sets `amount` of what is available aside for an object.
    pub(crate) fn keep(&mut self, at: Place, amount: i64) -> Kept {
        self.hold(at, amount);
        Kept::restored(at, amount)
    }

    /// Frees `amount` of it.
    pub(crate) fn let_go(&mut self, kept: &mut Kept, amount: i64) {
        kept.take(amount);
        self.release(kept.at, amount);
    }

    /// A custodian hands `amount` of it out: it is captured to the custodian's position.
    pub(crate) fn hand_out(&mut self, kept: &mut Kept, amount: i64, custodian: Place) {
        kept.take(amount);
        self.retire(kept.at, amount, custodian);
    }

    /// Pays `amount` of it to somebody of the shard: it is captured to that position.
    pub(crate) fn pay(&mut self, kept: &mut Kept, amount: i64, to: Place) {
        kept.take(amount);
        self.capture_to(kept.at, amount, to);
    }

    /// Passes `amount` of it to another object, of the same account or of another: it is set aside
    /// before, after and on its way.
    pub(crate) fn pass(&mut self, from: &mut Kept, amount: i64, to: &mut Kept) {
        assert!(!to.is_frozen(), "nothing joins what is frozen: {to:?}");
        from.take(amount);
        to.amount += amount;
        self.move_held(from.at, amount, to.at);
    }
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;

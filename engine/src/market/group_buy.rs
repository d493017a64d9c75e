//! GROUP_BUY 团购: one price for all, by what all together take (SEMANTICS section 23).
//!
//! Invariant: the price is fixed once, at the close, and is never above what an entry holds for a
//! piece; below the quorum there is none. Not here: entries, which are rows of contracts, and what
//! is refunded to each (`engine::contracts::campaigns`).

use crate::command::{Prices, Tier};

/// A group that has been offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    /// The fewest pieces of all together.
    pub quorum: u32,
    /// How many entries wait, for the close or, after it, for their turn.
    pub entries: u32,
    /// How many pieces they are together; those of the close, once it has closed.
    pub pieces: u32,
    /// What the close said.
    pub outcome: Outcome,
}

/// What the close of a group says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It has not closed.
    Open,
    /// The price of each piece, for all.
    Price(i64),
    /// Fewer pieces than the quorum: nobody buys.
    Void,
}

impl Group {
    /// A group that nobody has joined.
    pub(crate) const fn new(quorum: u32) -> Self {
        Self {
            quorum,
            entries: 0,
            pieces: 0,
            outcome: Outcome::Open,
        }
    }

    /// An entry comes.
    pub(crate) fn join(&mut self, pieces: u32) {
        assert!(
            self.outcome == Outcome::Open,
            "nobody joins what has closed"
        );
        self.entries += 1;
        self.pieces += pieces;
    }

    /// An entry is none any more: it left, or it had its turn.
    pub(crate) fn leave(&mut self, pieces: u32) {
        assert!(self.entries > 0, "who leaves had joined");
        self.entries -= 1;
        if self.outcome == Outcome::Open {
            self.pieces -= pieces;
        }
    }

    /// What the close says, where `price_of` gives the price at so many pieces.
    pub(crate) fn close(&self, price_of: impl Fn(u32) -> i64) -> Outcome {
        if self.pieces < self.quorum {
            return Outcome::Void;
        }
        Outcome::Price(price_of(self.pieces))
    }
}

/// Whether an offer has what makes it a group buy: an end, and prices that fall.
pub(crate) fn are_bounded(prices: &Prices) -> bool {
    let falls = |pair: &[Tier]| pair[0].price > pair[1].price;
    prices.closes.is_some() && prices.tiers.windows(2).all(falls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_close_takes_the_tier_of_all_together_and_none_below_the_quorum() {
        let tiers = [(1, 100), (50, 90), (200, 80)];
        let price_of = |pieces: u32| {
            let reached = tiers.iter().rev().find(|(from, _)| *from <= pieces);
            reached.map_or(0, |(_, price)| *price)
        };
        let closed = |pieces| {
            let mut group = Group::new(30);
            group.join(pieces);
            group.close(price_of)
        };
        let outcomes = [29, 30, 49, 50, 199, 200].map(closed);
        let price = Outcome::Price;
        let expected = [
            Outcome::Void,
            price(100),
            price(100),
            price(90),
            price(90),
            price(80),
        ];
        assert_eq!(outcomes, expected);
    }
}

//! FLASH_SALE by LOTTERY: entries in a window, and a draw that anybody can check (SEMANTICS
//! section 22).
//!
//! Invariant: the draw follows from the seed the operator was committed to before the opening, a
//! public value that came into being after the close, and all entries in their order; it is drawn
//! once or never. The work is done one entry at a time. Not here: who has a turn when
//! (`engine::contracts::campaigns`).

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::command::Prices;
use crate::types::{OwnerId, Time};

/// SHA-256.
pub(crate) type Hash = [u8; 32];

/// A lottery that has been offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lottery {
    /// SHA-256 of the operator's seed.
    pub commitment: Hash,
    /// When all have their turn.
    pub draw_by: Time,
    /// The public value, once it was brought in.
    pub value: Option<Hash>,
    /// The seed, once it was revealed.
    pub seed: Option<Hash>,
    /// The hash of all entries.
    pub entered: Hash,
    /// How many entries wait.
    pub entries: u32,
    pub(crate) progress: Progress,
    /// The draw, once owners are counted: it is asked for each of them.
    pub(crate) drawn: Hash,
}

/// How far a draw is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// It has not begun.
    Open,
    /// Owners are counted.
    Counting(Counting),
    /// Who has at most this wins; nobody where there is none.
    Drawn(Option<Hash>),
    /// A seed or a value was missing.
    Void,
}

/// The owners counted so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Counting {
    /// How many win.
    pub(crate) winners: u32,
    /// How many owners were counted.
    pub(crate) counted: u32,
    /// The buyer to be counted next.
    pub(crate) next: u32,
    /// The smallest numbers so far, as many as win.
    pub(crate) best: BTreeSet<Hash>,
}

impl Lottery {
    /// A lottery without entries.
    pub(crate) const fn new(commitment: Hash, draw_by: Time) -> Self {
        Self {
            commitment,
            draw_by,
            value: None,
            seed: None,
            entered: [0; 32],
            entries: 0,
            progress: Progress::Open,
            drawn: [0; 32],
        }
    }

    /// An entry comes: it joins the hash of all.
    pub(crate) fn enter(&mut self, sequence: u64, owner: OwnerId, pieces: u32) {
        assert!(
            self.progress == Progress::Open,
            "nobody enters what is drawn"
        );
        let mut hash = Sha256::new();
        hash.update(self.entered);
        hash.update(sequence.to_le_bytes());
        hash.update(owner.index().to_le_bytes());
        hash.update(pieces.to_le_bytes());
        self.entered = hash.finalize().into();
        self.entries += 1;
    }

    /// The draw, if a seed and a value are there.
    pub(crate) fn draw(&self) -> Option<Hash> {
        let mut hash = Sha256::new();
        hash.update(self.seed?);
        hash.update(self.value?);
        hash.update(self.entered);
        Some(hash.finalize().into())
    }

    /// Whether an owner wins; the draw is over.
    pub(crate) fn wins(&self, owner: OwnerId) -> bool {
        let Progress::Drawn(Some(last)) = self.progress else {
            return false;
        };
        number_of(&self.drawn, owner) <= last
    }
}

impl Counting {
    /// An owner is counted.
    pub(crate) fn count(&mut self, draw: &Hash, owner: OwnerId, next: u32) {
        self.best.insert(number_of(draw, owner));
        if self.best.len() > self.winners as usize {
            self.best.pop_last();
        }
        (self.counted, self.next) = (self.counted + 1, next);
    }
}

/// The number of an owner in a draw: the smallest win.
fn number_of(draw: &Hash, owner: OwnerId) -> Hash {
    let mut hash = Sha256::new();
    hash.update(draw);
    hash.update(owner.index().to_le_bytes());
    hash.finalize().into()
}

/// Whether a seed is the one of a commitment.
pub(crate) fn opens(seed: &Hash, commitment: &Hash) -> bool {
    let hash: Hash = Sha256::digest(seed).into();
    hash == *commitment
}

/// Whether an offer has what makes it a lottery: an end, and one entry of one size for each owner.
pub(crate) fn are_bounded(prices: &Prices) -> bool {
    prices.closes.is_some() && prices.min == prices.max && prices.limit == Some(prices.max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_what_the_three_parts_say() {
        let seed = [7; 32];
        let commitment: Hash = Sha256::digest(seed).into();
        assert!(opens(&seed, &commitment) && !opens(&[8; 32], &commitment));
        let mut lottery = Lottery::new(commitment, Time::ZERO);
        lottery.enter(9, OwnerId::new(4), 1);
        assert_eq!(lottery.draw(), None);
        (lottery.seed, lottery.value) = (Some(seed), Some([5; 32]));
        let mut entry = vec![0; 32];
        entry.extend(9_u64.to_le_bytes());
        entry.extend(4_u32.to_le_bytes());
        entry.extend(1_u32.to_le_bytes());
        let entered: Hash = Sha256::digest(&entry).into();
        let whole = [seed, [5; 32], entered].concat();
        let draw: Hash = Sha256::digest(whole).into();
        assert_eq!(lottery.draw(), Some(draw));
    }

    #[test]
    fn as_many_win_as_there_are_pieces_for() {
        let draw = [3; 32];
        let owners: Vec<_> = (0..50).map(OwnerId::new).collect();
        for winners in [0, 1, 7, 50, 60] {
            let mut counting = Counting {
                winners,
                counted: 0,
                next: 0,
                best: BTreeSet::new(),
            };
            for owner in &owners {
                counting.count(&draw, *owner, 0);
            }
            let last = counting.best.last().copied();
            let wins = |owner: &&OwnerId| Some(number_of(&draw, **owner)) <= last;
            let won = owners.iter().filter(wins).count();
            assert_eq!(won, winners.min(50) as usize);
        }
    }
}

//! A set of small numbers as a bitmap of three levels: neighbours are found in three steps.
//!
//! Invariant: a bit of an upper word is set exactly when the word below it is not zero. Not here:
//! what a number means (`ladder`).

/// Numbers below the width the set was made for.
#[derive(Debug)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
    middle: Vec<u64>,
    top: u64,
}

/// The highest set bit of `word` below bit `end` (0..=64).
#[inline]
fn highest_below(word: u64, end: usize) -> Option<usize> {
    let masked = if end >= 64 {
        word
    } else {
        word & ((1 << end) - 1)
    };
    (masked != 0).then(|| 63 - masked.leading_zeros() as usize)
}

/// The lowest set bit of `word` at or above bit `start` (0..=64).
#[inline]
fn lowest_from(word: u64, start: usize) -> Option<usize> {
    let masked = if start >= 64 {
        0
    } else {
        word & (u64::MAX << start)
    };
    (masked != 0).then(|| masked.trailing_zeros() as usize)
}

impl Bitmap {
    /// The widest set: three levels of 64.
    pub(crate) const WIDTH_MAX: usize = 64 * 64 * 64;

    /// An empty set of numbers below `width`, a multiple of 64.
    pub(crate) fn new(width: usize) -> Self {
        assert!(width.is_multiple_of(64) && width <= Self::WIDTH_MAX);
        let words = width / 64;
        Self {
            words: vec![0; words],
            middle: vec![0; words.div_ceil(64)],
            top: 0,
        }
    }

    /// Adds a number.
    #[inline]
    pub(crate) fn set(&mut self, at: usize) {
        self.words[at >> 6] |= 1 << (at & 63);
        self.middle[at >> 12] |= 1 << ((at >> 6) & 63);
        self.top |= 1 << (at >> 12);
    }

    /// Removes a number.
    #[inline]
    pub(crate) fn clear(&mut self, at: usize) {
        self.words[at >> 6] &= !(1 << (at & 63));
        if self.words[at >> 6] == 0 {
            self.middle[at >> 12] &= !(1 << ((at >> 6) & 63));
            if self.middle[at >> 12] == 0 {
                self.top &= !(1 << (at >> 12));
            }
        }
    }

    /// The highest number below `end`.
    #[inline]
    pub(crate) fn below(&self, end: usize) -> Option<usize> {
        let (word, middle) = (end >> 6, end >> 12);
        if word < self.words.len() {
            if let Some(bit) = highest_below(self.words[word], end & 63) {
                return Some((word << 6) + bit);
            }
            if let Some(bit) = highest_below(self.middle[middle], word & 63) {
                let word = (middle << 6) + bit;
                return highest_below(self.words[word], 64).map(|bit| (word << 6) + bit);
            }
        }
        let middle = highest_below(self.top, middle.min(64))?;
        let word = (middle << 6) + highest_below(self.middle[middle], 64)?;
        highest_below(self.words[word], 64).map(|bit| (word << 6) + bit)
    }

    /// The highest number.
    #[inline]
    pub(crate) fn highest(&self) -> Option<usize> {
        let middle = highest_below(self.top, 64)?;
        let word = (middle << 6) + highest_below(self.middle[middle], 64)?;
        highest_below(self.words[word], 64).map(|bit| (word << 6) + bit)
    }

    /// The lowest number at or above `start`, which is below the width.
    pub(crate) fn from(&self, start: usize) -> Option<usize> {
        let (word, middle) = (start >> 6, start >> 12);
        if let Some(bit) = lowest_from(self.words[word], start & 63) {
            return Some((word << 6) + bit);
        }
        if let Some(bit) = lowest_from(self.middle[middle], (word & 63) + 1) {
            let word = (middle << 6) + bit;
            return lowest_from(self.words[word], 0).map(|bit| (word << 6) + bit);
        }
        let middle = lowest_from(self.top, middle + 1)?;
        let word = (middle << 6) + lowest_from(self.middle[middle], 0)?;
        lowest_from(self.words[word], 0).map(|bit| (word << 6) + bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn neighbours_agree_with_an_ordered_set() {
        for width in [64, 4_096, 8_192, Bitmap::WIDTH_MAX] {
            let (mut bitmap, mut set) = (Bitmap::new(width), BTreeSet::new());
            let mut random = 0x9E37_79B9_7F4A_7C15_u64;
            for _ in 0..20_000 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let at = (random >> 20) as usize % width;
                if random.is_multiple_of(4) {
                    bitmap.set(at);
                    set.insert(at);
                } else if let Some(&other) = set.range(at..).next() {
                    bitmap.clear(other);
                    set.remove(&other);
                }
                assert_eq!(bitmap.below(at), set.range(..at).next_back().copied());
                assert_eq!(bitmap.from(at), set.range(at..).next().copied());
                assert_eq!(bitmap.highest(), set.last().copied());
            }
        }
    }
}

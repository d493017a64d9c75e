//! A small generator of numbers that are the same on every machine.
//!
//! Invariant: a seed gives one sequence for ever (SplitMix64). Not here: secrets; nothing that
//! must not be guessed may use it.

/// Mixes a word so that close inputs give far outputs.
pub const fn hash(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        let word = self.0;
        self.0 = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash(word)
    }

    /// A number below `bound`, which is at least 1; 0 when it is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        self.next() % bound
    }

    /// From 1 to `max`, small ones far more often: half of all are 1, a quarter 2 or 3, and so on.
    pub const fn power_law(&mut self, max: u64) -> u64 {
        let scale = self.next().trailing_zeros();
        let scale = if scale > 40 { 40 } else { scale };
        let low = 1u64 << scale;
        let number = low + self.below(low);
        if number > max { max } else { number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_sequence_and_the_law_has_a_long_tail() {
        let numbers = |seed| {
            let mut rng = Rng::new(seed);
            (0..10_000).map(|_| rng.power_law(500)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        let drawn = numbers(1);
        let ones = drawn.iter().filter(|number| **number == 1).count();
        assert!((4_500..5_500).contains(&ones), "{ones}");
        assert!(drawn.iter().any(|number| *number > 250));
        assert!(drawn.iter().all(|number| (1..=500).contains(number)));
    }
}

//! The random numbers of the generator: SplitMix64, so that a seed means the same for ever.
//!
//! Invariant: nothing but the seed decides. Not here: any source of real randomness.

/// A stream of numbers from one seed.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A number in `low..=high`.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// True so many times of a thousand.
    pub fn permille(&mut self, times: u32) -> bool {
        self.next() % 1_000 < u64::from(times)
    }

    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// One of the values, each as often as its weight says.
    pub fn weighted<T: Copy>(&mut self, list: &[(u32, T)]) -> T {
        let total: u32 = list.iter().map(|choice| choice.0).sum();
        let mut at = (self.next() % u64::from(total)) as u32;
        for (weight, value) in list {
            if at < *weight {
                return *value;
            }
            at -= weight;
        }
        unreachable!("the weights sum to the total")
    }
}

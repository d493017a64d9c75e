//! Rows found by a hash of their keys: who keeps rows in a vector keeps one of these beside them.
//!
//! Open addressing with linear probing. A bucket has beside the row as much of the hash as fits in
//! 32 bits, nine of them and more at the largest bounds: rows of other keys, a line of cold memory
//! each, are mostly not looked at.
//!
//! Invariant: a row is in it once; at least half of the buckets are empty, so a walk ends and is
//! short; nothing is allocated after `new`. Rejected: a map of the library's (its removal leaves
//! marks or moves rows, its order depends on a seed, its room grows on the trading thread); chains
//! of an owner's rows (who takes part in a thousand offers walks a thousand lines).
//! Not here: keys, and how they are hashed.

/// Buckets for each row there may be.
const FILL: usize = 2;

/// The hash of a key of two numbers that the engine gave itself: sequences and handles. Two
/// products in registers: a hash of bytes writes the key to the stack first, and reading it back in
/// words of another size waits for every load before it. Not for what a client chooses.
#[inline]
pub(crate) const fn hash_of(first: u64, second: u32) -> u64 {
    const MIX: [u64; 3] = [
        0x9e37_79b9_7f4a_7c15,
        0xd1b5_4a32_d192_ed03,
        0x8cb9_2ba7_2f3d_8dd7,
    ];
    let once = folded(first ^ MIX[0], second as u64 ^ MIX[1]);
    folded(once ^ MIX[0], MIX[2])
}

/// Both halves of a product, one laid over the other.
const fn folded(a: u64, b: u64) -> u64 {
    let wide = a as u128 * b as u128;
    (wide >> 64) as u64 ^ wide as u64
}

/// The buckets: in the lower bits a row plus one, above them a part of its hash; zero where there
/// is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Index {
    buckets: Vec<u32>,
    /// The bits of a bucket that name its row.
    rows: u32,
    /// How many rows are in it.
    len: u32,
}

impl Index {
    /// Room for so many rows. Its memory is used as rows come.
    pub(crate) fn new(rows_max: u32) -> Self {
        assert!(rows_max < u32::MAX / 4, "buckets are counted in 32 bits");
        Self {
            buckets: vec![0; (rows_max as usize * FILL).max(2)],
            rows: (rows_max + 1).next_power_of_two() - 1,
            len: 0,
        }
    }

    /// The row with this hash that `is` the one.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.start(hash);
        loop {
            let bucket = self.buckets[at];
            if bucket == 0 {
                return None;
            }
            let row = (bucket & self.rows) - 1;
            if self.bucket_of(hash, row) == bucket && is(row) {
                return Some(row);
            }
            at = self.after(at);
        }
    }

    /// Whether the bucket where a search begins has a row.
    #[inline]
    pub(crate) fn is_begun(&self, hash: u64) -> bool {
        self.buckets[self.start(hash)] != 0
    }

    /// Adds a row that is not in it; there is room for all there may be.
    pub(crate) fn add(&mut self, hash: u64, row: u32) {
        assert!(row < self.rows, "the row is within the bound");
        let mut at = self.start(hash);
        while self.buckets[at] != 0 {
            at = self.after(at);
        }
        self.buckets[at] = self.bucket_of(hash, row);
        self.len += 1;
    }

    /// Takes out a row that is in it, and moves back what was pushed past it, so that no mark of a
    /// removed row is needed; `hash_of` tells the hash that each row was added with.
    pub(crate) fn remove(&mut self, row: u32, hash_of: impl Fn(u32) -> u64) {
        let hash = hash_of(row);
        let sought = self.bucket_of(hash, row);
        let mut hole = self.start(hash);
        while self.buckets[hole] != sought {
            assert!(self.buckets[hole] != 0, "the row is in the index");
            hole = self.after(hole);
        }
        let mut at = self.after(hole);
        while self.buckets[at] != 0 {
            let start = self.start(hash_of((self.buckets[at] & self.rows) - 1));
            if self.between(start, at) >= self.between(hole, at) {
                self.buckets[hole] = self.buckets[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.buckets[hole] = 0;
        self.len -= 1;
    }

    /// How many rows are in it.
    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    /// The bucket where a walk begins: the upper half of the hash, scaled.
    #[inline]
    fn start(&self, hash: u64) -> usize {
        let scaled = (hash >> 32) * self.buckets.len() as u64;
        (scaled >> 32) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.buckets.len() {
            0
        } else {
            at + 1
        }
    }

    /// How many steps lead from one bucket to another.
    fn between(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.buckets.len() - from
        }
    }

    /// A row with the part of its hash that fits above it.
    #[inline]
    fn bucket_of(&self, hash: u64, row: u32) -> u32 {
        (hash as u32 & !self.rows) | (row + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_that_are_neighbours_begin_all_over_the_table() {
        const CELLS: usize = 1 << 16;
        // How far one sequence, and one handle, is from the next.
        for (steps, handles) in [(1, 1), (1, 256), (3, 1_024), (64, 16), (1 << 20, 4_096)] {
            let mut starts = vec![0_u32; CELLS];
            let mut tags = vec![0_u32; CELLS];
            for at in 0..CELLS as u64 {
                let (sequence, handle) = (at / handles * steps, (at % handles) as u32);
                let hash = hash_of(sequence, handle);
                starts[(hash >> 48) as usize] += 1;
                tags[hash as usize % CELLS] += 1;
            }
            for cells in [starts, tags] {
                // By chance about one in each: 8 or 9 in the fullest, a third of them empty.
                let fullest = cells.iter().max().copied();
                let empty = cells.iter().filter(|cell| **cell == 0).count();
                assert!(fullest <= Some(12), "{steps} {handles}: {fullest:?}");
                assert!(empty < CELLS * 2 / 5, "{steps} {handles}: {empty}");
            }
        }
    }

    /// Every row that is in it is found by its hash and no other, and no others are there.
    fn assert_finds(index: &Index, rows: &BTreeMap<u32, u64>) {
        let used = index.buckets.iter().filter(|bucket| **bucket != 0);
        assert_eq!([used.count(), index.len()], [rows.len(); 2]);
        for (row, hash) in rows {
            assert_eq!(index.find(*hash, |found| found == *row), Some(*row));
        }
    }

    #[test]
    fn the_longest_run_at_the_fullest_is_short() {
        const ROWS: u32 = 100_000;
        let mut index = Index::new(ROWS);
        for row in 0..ROWS {
            index.add(xxhash_rust::xxh3::xxh3_64(&row.to_le_bytes()), row);
        }
        let runs = index.buckets.split(|bucket| *bucket == 0);
        let longest = runs.map(<[u32]>::len).max().expect("many");
        assert!(longest <= 128, "{longest} in a row");
    }

    proptest! {
        /// Hashes that crowd into a few starts, the last bucket and the first included.
        #[test]
        fn rows_are_found_whatever_is_added_and_removed(
            acts in proptest::collection::vec((0_u32..8, 0_u64..6, any::<bool>()), 1..60),
        ) {
            let mut index = Index::new(8);
            let mut rows = BTreeMap::new();
            for (row, spot, removes) in acts {
                match rows.remove(&row) {
                    Some(hash) if removes => {
                        let hash_of = |at| if at == row { hash } else { rows[&at] };
                        index.remove(row, hash_of);
                    }
                    Some(hash) => {
                        rows.insert(row, hash);
                    }
                    None => {
                        let hash = ((spot * 0x3333_3333) << 32) | u64::from(row);
                        index.add(hash, row);
                        rows.insert(row, hash);
                    }
                }
                assert_finds(&index, &rows);
            }
        }
    }
}

//! Rows found by a hash of their keys: who keeps rows in a vector keeps one of these beside them.
//!
//! Open addressing with linear probing. A bucket has half of the hash beside the row: rows of other
//! keys, a line of cold memory each, are not looked at, and a removal moves back what was pushed
//! past it without asking any row.
//!
//! Invariant: a row is in it once; at least half of the buckets are empty, so a walk ends and is
//! short; nothing is allocated after `new`. Rejected: a map of the library's (its removal leaves
//! marks or moves rows, its order depends on a seed, its room grows on the trading thread); chains
//! of an owner's rows (who takes part in a thousand offers walks a thousand lines).
//! Not here: keys, and how they are hashed.

/// Buckets for each row there may be.
const FILL: usize = 2;

/// Upper half of a hash and, below it, a row plus one; zero where there is none.
type Bucket = u64;

/// The buckets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Index {
    buckets: Vec<Bucket>,
}

impl Index {
    /// Room for so many rows. Its memory is used as rows come.
    pub(crate) fn new(rows_max: u32) -> Self {
        assert!(rows_max < u32::MAX / 4, "buckets are counted in 32 bits");
        Self {
            buckets: vec![0; (rows_max as usize * FILL).max(2)],
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
            let row = row_of(bucket);
            if bucket >> 32 == hash >> 32 && is(row) {
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
        let mut at = self.start(hash);
        while self.buckets[at] != 0 {
            at = self.after(at);
        }
        self.buckets[at] = bucket_of(hash, row);
    }

    /// Takes out a row that is in it, with the hash it was added by.
    pub(crate) fn remove(&mut self, hash: u64, row: u32) {
        let sought = bucket_of(hash, row);
        let mut hole = self.start(hash);
        while self.buckets[hole] != sought {
            assert!(self.buckets[hole] != 0, "the row is in the index");
            hole = self.after(hole);
        }
        let mut at = self.after(hole);
        while self.buckets[at] != 0 {
            let start = self.start(self.buckets[at]);
            if self.between(start, at) >= self.between(hole, at) {
                self.buckets[hole] = self.buckets[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.buckets[hole] = 0;
    }

    /// How many rows are in it. Walks all buckets: for audits.
    pub(crate) fn count(&self) -> usize {
        self.buckets.iter().filter(|bucket| **bucket != 0).count()
    }

    /// The bucket where a walk begins: the upper half of the hash, scaled.
    #[inline]
    fn start(&self, hash: u64) -> usize {
        ((hash >> 32) * self.buckets.len() as u64 >> 32) as usize
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
}

fn bucket_of(hash: u64, row: u32) -> Bucket {
    hash >> 32 << 32 | u64::from(row + 1)
}

fn row_of(bucket: Bucket) -> u32 {
    bucket as u32 - 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Every row that is in it is found by its hash and no other, and no others are there.
    fn assert_finds(index: &Index, rows: &BTreeMap<u32, u64>) {
        assert_eq!(index.count(), rows.len());
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
        let longest = runs.map(<[u64]>::len).max().expect("many");
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
                    Some(hash) if removes => index.remove(hash, row),
                    Some(hash) => {
                        rows.insert(row, hash);
                    }
                    None => {
                        let hash = (spot * 0x3333_3333 << 32) | u64::from(row);
                        index.add(hash, row);
                        rows.insert(row, hash);
                    }
                }
                assert_finds(&index, &rows);
            }
        }
    }
}

//! Which earlier sales a return gives back.
//!
//! Invariant: no piece is given back twice. A return meets the youngest sale of the same buyer,
//! code and price that has enough left; only where no single one has, it is spread over several,
//! the youngest first; where all together have too few, it meets none. Not here: what becomes of
//! it.

use std::collections::HashMap;

/// Pieces of one sale that come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// The line of the sale.
    pub line: u32,
    /// How many.
    pub pieces: u32,
}

/// What a return met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Too few.
    None,
    /// One sale.
    One(Part),
    /// Several, the youngest first.
    Several(Vec<Part>),
}

/// Buyer and shelf.
type Key = (u32, u32);

/// Sales by what a return has to agree in, oldest first, with the pieces that are left.
#[derive(Default, Debug)]
pub struct Sales {
    left: HashMap<Key, Vec<Part>>,
}

impl Sales {
    /// A sale.
    pub fn sold(&mut self, key: Key, line: u32, pieces: u32) {
        let all = self.left.entry(key).or_default();
        all.push(Part { line, pieces });
    }

    /// Pieces come back.
    pub fn give_back(&mut self, key: Key, pieces: u32) -> Found {
        let Some(sales) = self.left.get_mut(&key) else {
            return Found::None;
        };
        if let Some(sale) = sales.iter_mut().rev().find(|sale| sale.pieces >= pieces) {
            sale.pieces -= pieces;
            let line = sale.line;
            return Found::One(Part { line, pieces });
        }
        let together: u64 = sales.iter().map(|sale| u64::from(sale.pieces)).sum();
        if together < u64::from(pieces) {
            return Found::None;
        }
        let (mut missing, mut parts) = (pieces, Vec::new());
        for sale in sales.iter_mut().rev().filter(|sale| sale.pieces > 0) {
            let taken = missing.min(sale.pieces);
            if taken == 0 {
                break;
            }
            sale.pieces -= taken;
            missing -= taken;
            parts.push(Part {
                line: sale.line,
                pieces: taken,
            });
        }
        Found::Several(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = (2, 7);

    fn sales(pieces: &[u32]) -> Sales {
        let mut sales = Sales::default();
        for (line, pieces) in (10..).zip(pieces) {
            sales.sold(KEY, line, *pieces);
        }
        sales
    }

    fn part(line: u32, pieces: u32) -> Part {
        Part { line, pieces }
    }

    #[test]
    fn the_youngest_that_has_enough_is_met() {
        let mut sales = sales(&[6, 9, 3]);
        assert_eq!(sales.give_back(KEY, 5), Found::One(part(11, 5)));
        assert_eq!(sales.give_back(KEY, 5), Found::One(part(10, 5)));
        assert_eq!(sales.give_back(KEY, 3), Found::One(part(12, 3)));
    }

    #[test]
    fn where_none_alone_has_enough_several_are_the_youngest_first() {
        let mut sales = sales(&[6, 9, 3]);
        let expected = Found::Several(vec![part(12, 3), part(11, 9), part(10, 1)]);
        assert_eq!(sales.give_back(KEY, 13), expected);
        assert_eq!(sales.give_back(KEY, 6), Found::None, "five are left");
        assert_eq!(sales.give_back(KEY, 5), Found::One(part(10, 5)));
        assert_eq!(sales.give_back(KEY, 1), Found::None);
    }

    #[test]
    fn another_buyer_or_shelf_has_no_part_in_it() {
        let mut sales = sales(&[6]);
        assert_eq!(sales.give_back((2, 8), 1), Found::None);
        assert_eq!(sales.give_back((3, 7), 1), Found::None);
    }
}

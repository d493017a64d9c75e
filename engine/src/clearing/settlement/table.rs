//! Rows found by a party and an instrument: chains from the party, a handful long, as those of
//! positions are.
//!
//! Invariant: a row is found as long as it is not removed, and its place stays; which place it has
//! decides nothing, so a snapshot does not keep it. Rejected: a map (an allocation a row, on the
//! order path). Not here: what the rows mean.

use crate::types::InstrumentId;

/// No row.
pub(super) const NIL: u32 = u32::MAX;

/// A row knows by what it is found.
pub(super) trait Keyed {
    /// The party's handle, and the instrument.
    fn key(&self) -> (u32, InstrumentId);
}

/// Rows of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Table<T> {
    rows: Vec<Option<T>>,
    /// The next row of the same party, or the next free one.
    next: Vec<u32>,
    /// The first row of each party.
    heads: Vec<u32>,
    free: u32,
    live: u32,
    max: u32,
}

impl<T: Keyed> Table<T> {
    /// Room for `max` rows of `parties`, touched only when used.
    pub(super) fn new(max: u32, parties: u32) -> Self {
        Self {
            rows: Vec::with_capacity(max as usize),
            next: Vec::with_capacity(max as usize),
            heads: Vec::with_capacity(parties as usize),
            free: NIL,
            live: 0,
            max,
        }
    }

    /// How many more rows there may be.
    pub(super) fn room(&self) -> u32 {
        self.max - self.live
    }

    pub(super) fn row(&self, at: u32) -> &T {
        self.rows[at as usize].as_ref().expect("the row is live")
    }

    pub(super) fn row_mut(&mut self, at: u32) -> &mut T {
        self.rows[at as usize].as_mut().expect("the row is live")
    }

    /// Where the row of this party and instrument is.
    pub(super) fn find(&self, party: u32, instrument: InstrumentId) -> Option<u32> {
        self.of(party)
            .find(|at| self.row(*at).key().1 == instrument)
    }

    /// The rows of a party.
    pub(super) fn of(&self, party: u32) -> impl Iterator<Item = u32> {
        let mut next = self.heads.get(party as usize).copied().unwrap_or(NIL);
        std::iter::from_fn(move || {
            let at = next;
            (at != NIL).then(|| {
                next = self.next[at as usize];
                at
            })
        })
    }

    /// All rows with their places, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(at, row)| Some((at as u32, row.as_ref()?)))
    }

    /// How many places were ever used: above all of them.
    pub(super) fn used(&self) -> u32 {
        self.rows.len() as u32
    }

    /// The row at a place, if one is there.
    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.rows.get(at as usize)?.as_ref()
    }

    /// Adds a row that is not there; the caller checked the room.
    pub(super) fn add(&mut self, row: T) -> u32 {
        assert!(self.room() > 0, "the bound is checked before");
        let (party, _) = row.key();
        let party = party as usize;
        if party >= self.heads.len() {
            self.heads.resize(party + 1, NIL);
        }
        let at = if self.free == NIL {
            self.rows.push(Some(row));
            self.next.push(NIL);
            self.rows.len() as u32 - 1
        } else {
            let at = self.free;
            self.free = self.next[at as usize];
            self.rows[at as usize] = Some(row);
            at
        };
        self.next[at as usize] = std::mem::replace(&mut self.heads[party], at);
        self.live += 1;
        at
    }

    /// Removes a row.
    pub(super) fn remove(&mut self, at: u32) {
        let (party, _) = self.row(at).key();
        let after = self.next[at as usize];
        let head = &mut self.heads[party as usize];
        if *head == at {
            *head = after;
        } else {
            let mut before = *head;
            while self.next[before as usize] != at {
                before = self.next[before as usize];
            }
            self.next[before as usize] = after;
        }
        self.rows[at as usize] = None;
        self.next[at as usize] = self.free;
        self.free = at;
        self.live -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Pair(u32, u32);

    impl Keyed for Pair {
        fn key(&self) -> (u32, InstrumentId) {
            (self.0, InstrumentId::new(self.1))
        }
    }

    #[test]
    fn rows_are_found_until_removed_and_places_are_used_again() {
        let mut table = Table::new(3, 4);
        let at: Vec<u32> = (0..3).map(|one| table.add(Pair(2, one))).collect();
        assert_eq!(table.room(), 0);
        for (one, at) in at.iter().enumerate() {
            assert_eq!(table.find(2, InstrumentId::new(one as u32)), Some(*at));
        }
        // From the middle of the chain, its end and its head.
        for gone in [1, 0, 2] {
            table.remove(at[gone]);
            assert_eq!(table.find(2, InstrumentId::new(gone as u32)), None);
            assert_eq!(table.get(at[gone]), None);
        }
        assert_eq!(table.of(2).count(), 0);
        assert_eq!(table.add(Pair(3, 7)), at[2], "the place freed last");
        assert_eq!(table.iter().collect::<Vec<_>>(), [(at[2], &Pair(3, 7))]);
        assert_eq!(table.find(9, InstrumentId::new(7)), None);
    }
}

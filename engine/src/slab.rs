//! Rows with ids that are never given twice: offers and contracts.
//!
//! A row is named by the sequence of the command that made it and its slot, as orders are, and the
//! slots are used by the same rule: the one freed last, else the next one never used.
//!
//! Invariant: a slot is live or in the list of free ones once; nothing is allocated after `new`.
//! Rejected: the arena of orders, whose rows carry chains of books and accounts; a list in the free
//! rows themselves (taking one waited for a line of cold memory). Not here: what rows mean.

#[cfg(test)]
use crate::book::arena::looked;
use crate::bytes::{self, BytesError, Reader};

/// A row that knows which command made it.
pub(crate) trait Made {
    /// The sequence of its command; never zero.
    fn sequence(&self) -> u64;
}

/// Rows by their slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Option<T>>,
    /// The one freed last at the end.
    free: Vec<u32>,
    live: u32,
    max: u32,
}

impl<T: Made> Slab<T> {
    /// Room for `max` rows, touched only when used.
    pub(crate) fn new(max: u32) -> Self {
        Self {
            slots: Vec::with_capacity(max as usize),
            free: Vec::with_capacity(max as usize),
            live: 0,
            max,
        }
    }

    /// How many rows live.
    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    /// Whether there is no room for one more.
    pub(crate) const fn is_full(&self) -> bool {
        self.live >= self.max
    }

    /// How many more rows may live.
    pub(crate) const fn room(&self) -> u32 {
        self.max - self.live
    }

    /// Whether the slot that is taken next is one that was freed. Looks at its row, so that it is
    /// at hand.
    pub(crate) fn is_next_free(&self) -> bool {
        let next = self.free.last();
        next.is_some_and(|slot| self.slots[*slot as usize].is_none())
    }

    /// Adds a row; the caller checked the room.
    pub(crate) fn insert(&mut self, row: T) -> u32 {
        let slot = self.take();
        self.fill(slot, row);
        slot
    }

    /// Takes the slots that as many inserts would, the lowest first. Each is to be filled before
    /// anything else is done.
    pub(crate) fn take_all(&mut self, slots: &mut [u32]) {
        for slot in slots.iter_mut() {
            *slot = self.take();
        }
        slots.sort_unstable();
    }

    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        })
    }

    /// Adds a row in a slot that was taken; the caller checked the room.
    pub(crate) fn fill(&mut self, slot: u32, row: T) {
        assert!(!self.is_full(), "the bound is checked before");
        assert!(row.sequence() != 0, "a live row has a sequence");
        let place = &mut self.slots[slot as usize];
        assert!(place.is_none(), "the slot was taken");
        *place = Some(row);
        self.live += 1;
    }

    /// Frees a live row and returns it.
    pub(crate) fn remove(&mut self, slot: u32) -> T {
        let row = self.slots[slot as usize].take();
        self.free.push(slot);
        self.live -= 1;
        row.expect("a row is freed once")
    }

    /// The live row made by the command at `sequence` in `slot`, if it is there.
    pub(crate) fn find(&self, sequence: u64, slot: u32) -> Option<&T> {
        let row = self.live_in(slot)?;
        (row.sequence() == sequence).then_some(row)
    }

    /// The live row in `slot`, whoever made it.
    pub(crate) fn live_in(&self, slot: u32) -> Option<&T> {
        #[cfg(test)]
        looked::add();
        self.slots.get(slot as usize)?.as_ref()
    }

    /// A live row.
    pub(crate) fn row(&self, slot: u32) -> &T {
        #[cfg(test)]
        looked::add();
        self.slots[slot as usize].as_ref().expect("the row lives")
    }

    /// A live row.
    pub(crate) fn row_mut(&mut self, slot: u32) -> &mut T {
        #[cfg(test)]
        looked::add();
        self.slots[slot as usize].as_mut().expect("the row lives")
    }

    /// All live rows in order of their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(slot, row)| {
            #[cfg(test)]
            looked::add();
            Some((slot as u32, row.as_ref()?))
        })
    }

    /// How many slots were ever used.
    pub(crate) const fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    /// The live rows among `count` slots from `from` on, in order of their slots.
    pub(crate) fn iter_in(&self, from: u32, count: u32) -> impl Iterator<Item = (u32, &T)> {
        let slots = self.slots.iter().enumerate().skip(from as usize);
        let some = slots.take(count as usize);
        some.filter_map(|(slot, row)| {
            #[cfg(test)]
            looked::add();
            Some((slot as u32, row.as_ref()?))
        })
    }

    /// Writes how many slots were ever used, the live rows, and the free slots, the next one to be
    /// used first.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, put: impl Fn(&mut Vec<u8>, &T)) {
        bytes::put_varint(out, self.slots.len() as u64);
        bytes::put_varint(out, u64::from(self.live));
        for (slot, row) in self.iter() {
            bytes::put_varint(out, u64::from(slot));
            put(out, row);
        }
        for slot in self.free.iter().rev() {
            bytes::put_varint(out, u64::from(*slot));
        }
    }

    /// Reads what [`Slab::encode`] wrote; a row is at least `size` bytes.
    ///
    /// # Errors
    /// Broken bytes; more rows than `max`; a slot twice or never.
    pub(crate) fn decode(
        max: u32,
        size: usize,
        input: &mut Reader<'_>,
        mut get: impl FnMut(&mut Reader<'_>, u32) -> Result<T, BytesError>,
    ) -> Result<Self, BytesError> {
        let wrong = || BytesError::range("a row's slot");
        let mut slab = Self::new(max);
        // Each slot is named once, by a live row or in the free list.
        let used = input.count(max, 1, "the count of rows used")?;
        let live = input.count(used as u32, size, "the count of live rows")?;
        slab.slots.resize_with(used, || None);
        let mut last = None;
        for _ in 0..live {
            let slot = input.varint32("a row's slot")?;
            if slot as usize >= used || last >= Some(slot) {
                return Err(wrong());
            }
            last = Some(slot);
            slab.slots[slot as usize] = Some(get(input, slot)?);
        }
        slab.live = live as u32;
        let mut seen = vec![false; used];
        for _ in 0..used - live {
            let slot = input.varint32("a free row's slot")?;
            let free = matches!(slab.slots.get(slot as usize), Some(None));
            if !free || std::mem::replace(&mut seen[slot as usize], true) {
                return Err(wrong());
            }
            slab.free.push(slot);
        }
        slab.free.reverse();
        Ok(slab)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, PartialEq, Eq, Debug)]
    struct One(u64);

    impl Made for One {
        fn sequence(&self) -> u64 {
            self.0
        }
    }

    fn put(out: &mut Vec<u8>, row: &One) {
        bytes::put_varint(out, row.0);
    }

    #[test]
    fn the_slot_freed_last_is_used_first_and_old_names_find_nothing() {
        let mut slab = Slab::new(3);
        for sequence in 1..=3 {
            slab.insert(One(sequence));
        }
        assert!(slab.is_full());
        slab.remove(0);
        slab.remove(2);
        assert_eq!(slab.insert(One(4)), 2);
        assert_eq!((slab.find(3, 2), slab.find(4, 2)), (None, Some(&One(4))));
        let mut out = Vec::new();
        slab.encode(&mut out, put);
        let get = |input: &mut Reader<'_>, _| Ok(One(input.varint()?));
        let read = Slab::decode(3, 2, &mut Reader::new(&out), get);
        assert_eq!(read, Ok(slab));
    }

    #[test]
    fn slots_taken_at_once_are_those_of_as_many_inserts_in_order() {
        let mut slab = Slab::new(8);
        for sequence in 1..=5 {
            slab.insert(One(sequence));
        }
        for slot in [1, 4, 0] {
            slab.remove(slot);
        }
        let mut slots = [9; 5];
        slab.take_all(&mut slots);
        assert_eq!(slots, [0, 1, 4, 5, 6]);
        for slot in slots {
            slab.fill(slot, One(6));
        }
        assert_eq!((slab.live(), slab.room()), (7, 1));
        assert_eq!(slab.insert(One(7)), 7, "the free list was used up");
    }

    #[test]
    fn a_walk_in_parts_finds_every_row_once() {
        let mut slab = Slab::new(10);
        for sequence in 1..=10 {
            slab.insert(One(sequence));
        }
        for slot in [0, 4, 5, 9] {
            slab.remove(slot);
        }
        for part in 1..=11 {
            let mut found = Vec::new();
            for from in (0..slab.slots()).step_by(part as usize) {
                found.extend(slab.iter_in(from, part).map(|(slot, row)| (slot, row.0)));
            }
            assert_eq!(found, [(1, 2), (2, 3), (3, 4), (6, 7), (7, 8), (8, 9)]);
        }
        assert_eq!(
            slab.iter_in(10, 5).count() + slab.iter_in(u32::MAX, 1).count(),
            0
        );
    }

    #[test]
    fn slots_named_twice_or_beyond_the_end_are_refused() {
        let get = |input: &mut Reader<'_>, _| Ok(One(input.varint()?));
        let read = |bytes: &[u8]| Slab::decode(3, 2, &mut Reader::new(bytes), get).is_ok();
        assert!(read(&[2, 1, 0, 7, 1]));
        assert!(!read(&[2, 1, 0, 7, 0]), "a live slot is free");
        assert!(!read(&[2, 1, 2, 7, 1]), "no such slot");
        assert!(!read(&[3, 1, 0, 7, 1, 1]), "a free slot twice");
        assert!(!read(&[4, 1, 0, 7, 1, 2, 3]), "above the bound");
    }
}

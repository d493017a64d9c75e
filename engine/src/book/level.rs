//! One price level: a queue of rows linked by u32 through the arena.
//!
//! Invariant: `count` is the length of the queue; `head` and `tail` are `NIL` together; `total`
//! is the open quantity of the queue, hidden parts included. Not here: which price it is.

use super::arena::{Arena, NIL};

/// A queue of rows in order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// The oldest row.
    pub(crate) head: u32,
    /// The newest row.
    pub(crate) tail: u32,
    /// How many rows.
    pub(crate) count: u32,
    /// Open quantity in lots, hidden parts included.
    pub(crate) total: i64,
}

impl Level {
    /// No rows.
    pub(crate) const EMPTY: Self = Self {
        head: NIL,
        tail: NIL,
        count: 0,
        total: 0,
    };

    /// Links a row behind the last one.
    #[inline]
    pub(crate) fn push_back(&mut self, arena: &mut Arena, slot: u32) {
        let row = arena.row_mut(slot);
        row.next = NIL;
        row.prev = self.tail;
        if self.tail == NIL {
            self.head = slot;
        } else {
            arena.row_mut(self.tail).next = slot;
        }
        self.tail = slot;
        self.count += 1;
    }

    /// Takes a row out of the queue.
    #[inline]
    pub(crate) fn unlink(&mut self, arena: &mut Arena, slot: u32) {
        let row = arena.row(slot);
        let links = [row.prev, row.next];
        self.unlink_between(arena, slot, links);
    }

    /// As [`Level::unlink`], of a row between these two.
    #[inline]
    pub(crate) fn unlink_between(&mut self, arena: &mut Arena, slot: u32, [prev, next]: [u32; 2]) {
        assert!(self.count > 0, "a row leaves a queue that holds it");
        if prev == NIL {
            assert!(self.head == slot, "the first row is the head");
            self.head = next;
        } else {
            arena.row_mut(prev).next = next;
        }
        if next == NIL {
            self.tail = prev;
        } else {
            arena.row_mut(next).prev = prev;
        }
        self.count -= 1;
    }
}

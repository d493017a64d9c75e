//! The instants at which GTD orders end: a heap with lazy deletion.
//!
//! Invariant: every live GTD order has exactly one entry; entries of ended orders stay until they
//! come to the top or are more than half, when all of them are dropped; so the heap holds at most
//! twice the live ones and a little. Not here: deadlines of venues (`venue`), day ends (`expiry`).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::book::arena::Arena;
use crate::types::{OrderId, Time};

/// The heap's room beyond twice the live orders before it is compacted.
const SLACK: usize = 64;

/// All GTD timers of the engine.
#[derive(Debug)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Time, OrderId)>>,
    live: usize,
    ended: bool,
}

impl Timers {
    /// No timers; room for those of `orders_max` orders, touched only when used.
    pub(crate) fn new(orders_max: u32) -> Self {
        Self {
            heap: BinaryHeap::with_capacity(2 * orders_max as usize + SLACK + 1),
            live: 0,
            ended: false,
        }
    }

    /// A GTD order was accepted.
    pub(crate) fn add(&mut self, expire: Time, order: OrderId) {
        self.heap.push(Reverse((expire, order)));
        self.live += 1;
    }

    /// A GTD order has ended; its entry goes when `tidy` finds it.
    pub(crate) fn forget_one(&mut self) {
        self.live -= 1;
        self.ended = true;
    }

    /// The earliest instant and its order; right after `tidy`.
    #[inline]
    pub(crate) fn first(&self) -> Option<(Time, OrderId)> {
        self.heap.peek().map(|Reverse(first)| *first)
    }

    /// Drops entries of ended orders from the top, and all of them once they are the larger part.
    #[inline]
    pub(crate) fn tidy(&mut self, arena: &Arena) {
        if self.ended {
            self.drop_ended(arena);
        }
    }

    #[cold]
    fn drop_ended(&mut self, arena: &Arena) {
        self.ended = false;
        if self.heap.len() > 2 * self.live + SLACK {
            let live = |order: OrderId| arena.find(order).is_some();
            self.heap.retain(|Reverse((_, order))| live(*order));
            assert!(self.heap.len() == self.live, "each GTD order has one timer");
        }
        while let Some((_, order)) = self.first() {
            if arena.find(order).is_some() {
                break;
            }
            self.heap.pop();
        }
    }

    /// How many live orders have a timer.
    pub(crate) fn live(&self) -> usize {
        self.live
    }
}

//! Ends of trading days that are due: which venue's orders of the day expire, and how far it is.
//!
//! Invariant: at most one is pending a venue. The list of orders is only a cache of what (venue,
//! cutoff) says; it is collected anew after a restart. Not here: the expiry itself (`clock`).

use crate::book::arena::{Arena, Force};
use crate::types::{OrderId, Sequence, Time, VenueId};

/// A pending end of day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct DayEnd {
    pub(super) deadline: Time,
    pub(super) venue: VenueId,
    /// Orders of later commands are of the next day.
    pub(super) cutoff: Sequence,
}

/// All pending ends of day, the earliest first.
#[derive(Default, Debug)]
pub(super) struct DayEnds {
    pending: Vec<DayEnd>,
    /// For which of them `orders` was collected.
    collected: Option<DayEnd>,
    /// What it still ends, as (sequence, slot), the next one last.
    orders: Vec<(u64, u32)>,
}

impl DayEnds {
    /// The orders of a venue's day are due to expire at `deadline`. One that is pending keeps its
    /// deadline and takes in the orders of now.
    pub(super) fn fall_due(&mut self, venue: VenueId, deadline: Time, now: Sequence) {
        let known = self.pending.iter_mut().find(|end| end.venue == venue);
        if let Some(known) = known {
            known.cutoff = now;
        } else {
            self.pending.push(DayEnd {
                deadline,
                venue,
                cutoff: now,
            });
            self.pending.sort_unstable();
        }
    }

    /// The earliest one.
    #[inline]
    pub(super) fn first(&self) -> Option<(Time, VenueId)> {
        self.pending.first().map(|end| (end.deadline, end.venue))
    }

    /// All, the earliest first.
    pub(super) fn pending(&self) -> &[DayEnd] {
        &self.pending
    }

    /// Whether the orders of the earliest one were collected.
    pub(super) fn is_collected(&self) -> bool {
        self.collected.is_some() && self.collected.as_ref() == self.pending.first()
    }

    /// Hands out the emptied list to collect orders in.
    pub(super) fn begin(&mut self) -> Vec<(u64, u32)> {
        let mut orders = std::mem::take(&mut self.orders);
        orders.clear();
        orders
    }

    /// Takes the venue's live orders and keeps those of the day that ends.
    pub(super) fn collected(&mut self, mut orders: Vec<(u64, u32)>, arena: &Arena) {
        let first = *self.pending.first().expect("one is due");
        orders.retain(|(sequence, slot)| {
            let force = arena.row(*slot).flags.force();
            *sequence <= first.cutoff.value()
                && matches!(force, Force::Day | Force::Opening | Force::Closing)
        });
        orders.sort_unstable_by(|left, right| right.cmp(left));
        self.orders = orders;
        self.collected = Some(first);
    }

    /// The next order to end that still lives; it stays on the list until it does not.
    pub(super) fn next_live(&mut self, arena: &Arena) -> Option<u32> {
        while let Some((sequence, slot)) = self.orders.last().copied() {
            if arena.find(OrderId { sequence, slot }).is_some() {
                return Some(slot);
            }
            self.orders.pop();
        }
        None
    }

    /// The earliest one is over.
    pub(super) fn finish(&mut self) {
        assert!(self.orders.is_empty(), "all its orders have ended");
        self.pending.remove(0);
        self.collected = None;
    }
}

//! What an order could trade at once: fill-or-kill and minimum quantity ask before anything moves.
//!
//! Invariant: the answer is exactly what `continuous` would trade, or at least `enough`, where the
//! walk stops. Not here: auctions, which take neither instruction.

use crate::book::Book;
use crate::book::arena::Arena;
use crate::book::depth;
use crate::types::{OwnerId, Price, Quantity, SelfTradePrevention, Side};

/// Who would take, and how far.
pub(crate) struct Probe {
    /// Its side.
    pub(crate) side: Side,
    /// Its limit.
    pub(crate) limit: Price,
    /// Its beneficial owner.
    pub(crate) owner: OwnerId,
    /// What it does when it meets its own owner.
    pub(crate) prevention: SelfTradePrevention,
    /// What is asked for; the walk stops there.
    pub(crate) enough: Quantity,
}

impl Probe {
    /// Whether at least `enough` can trade at once.
    pub(crate) fn is_feasible(&self, book: &Book, arena: &Arena) -> bool {
        let enough = self.enough.lots();
        let mut found = 0;
        for (price, level) in depth::levels(book.side(self.side.opposite())) {
            if !self.side.accepts(self.limit, price) {
                break;
            }
            let own = self.prevention != SelfTradePrevention::None
                && depth::queue(arena, level).any(|slot| self.is_own(arena, slot));
            if !own {
                found += level.total;
            } else if self.prevention == SelfTradePrevention::CancelMaker {
                let others = depth::queue(arena, level).filter(|slot| !self.is_own(arena, *slot));
                found += others
                    .map(|slot| arena.row(slot).leaves.lots())
                    .sum::<i64>();
            } else {
                let before =
                    depth::queue(arena, level).take_while(|slot| !self.is_own(arena, *slot));
                found += before.map(|slot| arena.displayed(slot).lots()).sum::<i64>();
                return found >= enough;
            }
            if found >= enough {
                return true;
            }
        }
        found >= enough
    }

    fn is_own(&self, arena: &Arena, slot: u32) -> bool {
        arena.row(slot).owner == self.owner.index()
    }
}

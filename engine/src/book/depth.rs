//! Walks over resting orders in priority: levels best first, rows oldest first.
//!
//! Invariant: a walk changes nothing and visits each resting order once. Not here: what is
//! displayed of it (`matching::display`).

use super::Book;
use super::arena::{Arena, NIL, Place};
use super::ladder::Ladder;
use super::level::Level;
use crate::types::{Price, Side};

/// The levels of a side, best first.
pub(crate) fn levels(ladder: &Ladder) -> impl Iterator<Item = (Price, &Level)> {
    let mut next = ladder.best();
    std::iter::from_fn(move || {
        let price = next?;
        next = ladder.next_worse(price);
        let level = ladder.level(price);
        Some((price, level.expect("a walk finds levels only")))
    })
}

/// The rows of a queue, oldest first.
pub(crate) fn queue<'a>(arena: &'a Arena, level: &Level) -> impl Iterator<Item = u32> + use<'a> {
    let mut next = level.head;
    std::iter::from_fn(move || {
        let slot = next;
        (slot != NIL).then(|| {
            next = arena.row(slot).next;
            slot
        })
    })
}

/// The rows of a side in priority.
pub(crate) fn rows<'a>(book: &'a Book, arena: &'a Arena, side: Side) -> impl Iterator<Item = u32> {
    levels(book.side(side)).flat_map(move |(_, level)| queue(arena, level))
}

/// Checks levels against rows of one side.
///
/// # Errors
/// What does not hold.
pub(crate) fn audit(book: &Book, arena: &Arena, side: Side) -> Result<u32, &'static str> {
    let ladder = book.side(side);
    ladder.audit()?;
    let mut found = 0;
    for (price, level) in levels(ladder) {
        let (mut total, mut count, mut prev) = (0, 0, NIL);
        for slot in queue(arena, level) {
            let row = arena.row(slot);
            if row.prev != prev {
                return Err("a row does not know the row before it");
            }
            if (row.price, row.flags.side()) != (price, side) || row.flags.place() != Place::Book {
                return Err("a row hangs in a level that is not its own");
            }
            if row.leaves.is_zero() || row.sequence == 0 {
                return Err("an ended order rests in the book");
            }
            let displayed = arena.displayed(slot);
            if displayed.is_zero() || displayed > row.leaves {
                return Err("a row shows nothing, or more than it has");
            }
            total += row.leaves.lots();
            count += 1;
            prev = slot;
        }
        if (level.total, level.count, level.tail) != (total, count, prev) {
            return Err("a level's total, count or tail is not that of its queue");
        }
        found += count;
    }
    Ok(found)
}

//! FLASH_SALE 秒杀: a few pieces, one window, so many an owner at most (SEMANTICS section 22).
//!
//! Invariant: who is told that it has a piece has one: the answer to its reserve is the contract
//! (电子商务法(2018) 49), decided in order of sequence out of what is left. Where there is a queue its
//! order is that of the tickets, and no clock admits anybody: a ticket says when. Not here: taking
//! (`engine::contracts`), counting owners and keeping tickets (`market::sale::buyers`).

use super::lottery;
use super::sale::buyers::NIL;
use crate::command::{FlashMode, Prices};
use crate::types::{Nanoseconds, Time};

const SECOND: i64 = 1_000_000_000;

/// Whether an offer has what makes it a flash sale: an end, and a bound for each owner.
pub(crate) fn are_bounded(prices: &Prices, mode: FlashMode) -> bool {
    let short = |closes: Time| match mode {
        FlashMode::Race | FlashMode::Lottery => true,
        FlashMode::Queue { .. } => closes <= prices.opens.after(FlashMode::QUEUE_SPAN_MAX),
    };
    let fair = mode != FlashMode::Lottery || lottery::are_bounded(prices);
    fair && prices.closes.is_some_and(short) && prices.limit.is_some()
}

/// The queue of an offer: which tickets were drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Queue {
    /// The second, from the opening, in which the ticket drawn last admits.
    pub second: u32,
    /// How many tickets admit in it.
    pub given: u32,
    /// The ticket it remembered last.
    pub(crate) tickets: u32,
}

/// A place in a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// The second, from the opening.
    pub(crate) second: u32,
    /// Its place among the tickets of that second.
    pub(crate) given: u32,
}

impl Queue {
    /// A queue that nobody has joined.
    pub(crate) const fn new() -> Self {
        Self {
            second: 0,
            given: 0,
            tickets: NIL,
        }
    }

    /// The next place: after the last ticket, but in no second that is over.
    pub(crate) fn next(&self, per_second: u32, opens: Time, now: Time) -> Place {
        let since = (now.nanoseconds() - opens.nanoseconds()).div_euclid(SECOND);
        let since = u32::try_from(since.max(0)).expect("a queue is open for 31 days");
        if since > self.second {
            return Place {
                second: since,
                given: 0,
            };
        }
        if self.given == per_second {
            return Place {
                second: self.second + 1,
                given: 0,
            };
        }
        Place {
            second: self.second,
            given: self.given,
        }
    }

    /// A ticket is drawn.
    pub(crate) fn draw(&mut self, place: Place) {
        (self.second, self.given) = (place.second, place.given + 1);
    }
}

/// From when until when a ticket of this second admits.
pub(crate) fn admits(second: u32, opens: Time, valid_for: Nanoseconds) -> (Time, Time) {
    let from = opens.after(Nanoseconds(i64::from(second) * SECOND));
    (from, from.after(valid_for))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_admitted_a_second_and_no_second_is_given_late() {
        let at = |seconds: i64| Time::new((100 + seconds) * SECOND).expect("in bounds");
        let opens = at(0);
        let mut queue = Queue::new();
        let mut draw = |now| {
            let place = queue.next(2, opens, now);
            queue.draw(place);
            (place.second, place.given)
        };
        let drawn = [-50, -1, 0, 0, 0, 1, 7, 7, 7].map(|now| draw(at(now)));
        let expected = [
            (0, 0),
            (0, 1),
            (1, 0),
            (1, 1),
            (2, 0),
            (2, 1),
            (7, 0),
            (7, 1),
            (8, 0),
        ];
        assert_eq!(drawn, expected);
        let span = admits(8, opens, Nanoseconds(5 * SECOND));
        assert_eq!(span, (at(8), at(13)));
    }
}

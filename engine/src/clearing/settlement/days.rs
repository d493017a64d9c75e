//! Days: a venue's roll makes what waited for it due, and ticks free it row by row.
//!
//! Invariant: at most one is pending a venue; all of it is free before the venue's next roll, since
//! deadlines fire in their order. The queue is only a cache of what is due; it is collected anew
//! after a restart. Not here: when a tick is sent (`runtime::sequencer`).

use super::{Due, Settlement, place_of};
use crate::clearing::Clearing;
use crate::event::Settled;
use crate::types::{Time, VenueId};

impl Settlement {
    /// A day of the venue began at `deadline`.
    pub(crate) fn roll(&mut self, venue: VenueId, deadline: Time) {
        if venue.place() >= self.days.len() {
            self.days.resize(venue.place() + 1, 0);
        }
        self.days[venue.place()] += 1;
        self.sweep(|kept| kept.venue == venue);
        if self.due(venue).next().is_some() {
            assert!(
                self.pending.iter().all(|(_, other)| *other != venue),
                "what was due before is free"
            );
            self.pending.push((deadline, venue));
            self.pending.sort_unstable();
        }
    }

    /// The rows of a venue with something due today.
    pub(super) fn due(&self, venue: VenueId) -> impl Iterator<Item = u32> {
        let place = place_of(self.day(venue));
        self.stakes.iter().filter_map(move |(at, stake)| {
            let kept = self.kept(stake.instrument).expect("a stake has rules");
            let due = kept.venue == venue && stake.due[place] != Due::default();
            due.then_some(at)
        })
    }

    /// The earliest venue where something is due, and since when.
    #[inline]
    pub(crate) fn first(&self) -> Option<(Time, VenueId)> {
        self.pending.first().copied()
    }

    /// Collects what is due at the earliest venue in order of instrument and account, unless that
    /// was done.
    fn collect(&mut self) {
        if self.collected.is_some() && self.collected == self.first() {
            return;
        }
        let mut queue = std::mem::take(&mut self.queue);
        queue.clear();
        if let Some((_, venue)) = self.first() {
            queue.extend(self.due(venue).map(|at| {
                let stake = self.stakes.row(at);
                (stake.instrument, stake.account, at)
            }));
        }
        queue.sort_unstable_by(|left, right| right.cmp(left));
        self.queue = queue;
        self.collected = self.first();
    }
}

impl Clearing {
    /// Frees the next row of the earliest venue where something is due.
    pub(crate) fn settle_next(&mut self) -> Settled {
        let all = &mut self.settlement;
        all.collect();
        let (_, venue) = all.first().expect("something is due");
        let next = all.queue.pop();
        let (instrument, account, at) = next.expect("what is pending has a row that is due");
        if all.queue.is_empty() {
            all.pending.remove(0);
            all.collected = None;
        }
        let place = place_of(all.day(venue));
        let stake = all.stakes.row_mut(at);
        let due = std::mem::take(&mut stake.due[place]);
        let (money_at, goods_at) = (stake.money_at, stake.goods_at);
        if stake.orders == 0 && !stake.waits() {
            all.stakes.remove(at);
        }
        self.ledger.release(money_at, due.money);
        self.ledger.release(goods_at, due.goods);
        Settled {
            instrument,
            account,
            goods: due.goods,
            money: due.money,
        }
    }
}

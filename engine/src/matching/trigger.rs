//! Stops: where they wait, in which order trades elect them, and how far elections go.
//!
//! Invariant: a stop is elected once; a round elects at least one stop or ends the elections, and
//! elected stops never come back, so elections end. Waiting stops are sorted lists of at most
//! `stops_max` entries of 24 bytes. Not here: which trades count as a run (`market`).

use super::{Desk, Run, continuous};
use crate::book::arena::{Arena, Kind, Place};
use crate::event::{Cause, ExecType};
use crate::market::{Market, Setting};
use crate::types::{Price, Side};

/// Room a side's list begins with at its first stop: 6 KB.
const ROOM: usize = 256;

/// A waiting stop. `rank` rises in the order of election: ticks for buys, minus ticks for sells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Waiting {
    rank: i64,
    place: u64,
    slot: u32,
}

/// The waiting stops of one instrument.
#[derive(Default, Debug)]
pub(crate) struct Stops {
    buys: Vec<Waiting>,
    sells: Vec<Waiting>,
    /// The next place in the queues; only its order means something.
    next_place: u64,
}

impl Stops {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.buys.len() + self.sells.len()
    }

    fn list(&mut self, side: Side) -> &mut Vec<Waiting> {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }

    /// A stop begins to wait, at the back of its price.
    pub(crate) fn add(&mut self, arena: &mut Arena, slot: u32) {
        arena.row_mut(slot).flags.set_place(Place::Stop);
        let side = arena.row(slot).flags.side();
        let stop = arena.cold(slot).stop_price.expect("a stop has a trigger");
        let waiting = Waiting {
            rank: rank(side, stop),
            place: self.next_place,
            slot,
        };
        self.next_place += 1;
        let list = self.list(side);
        if list.capacity() == 0 {
            list.reserve(ROOM);
        }
        let at = list.partition_point(|other| other.rank <= waiting.rank);
        list.insert(at, waiting);
    }

    /// A stop no longer waits.
    pub(crate) fn remove(&mut self, arena: &mut Arena, slot: u32) {
        arena.row_mut(slot).flags.set_place(Place::Hand);
        let side = arena.row(slot).flags.side();
        let stop = arena.cold(slot).stop_price.expect("a stop has a trigger");
        let rank = rank(side, stop);
        let list = self.list(side);
        let first = list.partition_point(|other| other.rank < rank);
        let behind = list[first..].iter().position(|other| other.slot == slot);
        let at = first + behind.expect("a waiting stop is in its list");
        list.remove(at);
    }

    /// Takes out what a run with trades from `low` to `high` elects, in order.
    fn elect(&mut self, low: Price, high: Price, elected: &mut Vec<u32>) {
        for (side, price) in [(Side::Buy, high), (Side::Sell, low)] {
            let reach = rank(side, price);
            let list = self.list(side);
            let end = list.partition_point(|waiting| waiting.rank <= reach);
            elected.extend(list.drain(..end).map(|waiting| waiting.slot));
        }
    }

    /// All waiting stops: buys in the order of election, then sells.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        let all = self.buys.iter().chain(&self.sells);
        all.map(|waiting| waiting.slot)
    }

    /// Checks the lists against the rows.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(&self, arena: &Arena) -> Result<u32, &'static str> {
        for (side, list) in [(Side::Buy, &self.buys), (Side::Sell, &self.sells)] {
            if !list.is_sorted_by_key(|waiting| (waiting.rank, waiting.place)) {
                return Err("waiting stops are out of order");
            }
            for waiting in list {
                let row = arena.row(waiting.slot);
                let stop = arena.cold(waiting.slot).stop_price;
                if row.sequence == 0
                    || row.flags.place() != Place::Stop
                    || row.flags.side() != side
                    || stop.map(|stop| rank(side, stop)) != Some(waiting.rank)
                {
                    return Err("a waiting stop does not agree with its row");
                }
            }
        }
        Ok(self.len() as u32)
    }
}

fn rank(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => price.ticks(),
        Side::Sell => -price.ticks(),
    }
}

/// Whether a trade at `last` is at or through a trigger.
pub(crate) fn is_reached(side: Side, stop: Price, last: Price) -> bool {
    rank(side, stop) <= rank(side, last)
}

/// Elects round after round, beginning with the trades of `run`, until a round elects nothing.
#[inline]
pub(crate) fn elections(market: &mut Market, desk: &mut Desk<'_>, setting: &Setting, run: Run) {
    if run.range().is_some() && market.stops.len() > 0 {
        elect(market, desk, setting, run);
    }
}

#[cold]
fn elect(market: &mut Market, desk: &mut Desk<'_>, setting: &Setting, mut run: Run) {
    while let Some((low, high)) = run.range() {
        if market.stops.len() == 0 {
            return;
        }
        let mut elected = std::mem::take(&mut desk.scratch.elected);
        market.stops.elect(low, high, &mut elected);
        run = Run::default();
        for slot in elected.drain(..) {
            run.extend(trigger(market, desk, setting, slot));
        }
        desk.scratch.elected = elected;
    }
}

/// A stop, already out of its list, becomes a taker.
pub(crate) fn trigger(
    market: &mut Market,
    desk: &mut Desk<'_>,
    setting: &Setting,
    slot: u32,
) -> Run {
    desk.arena.cold_mut(slot).stop_price = None;
    let computed = market.protection(setting, desk.arena.row(slot).flags.side());
    let row = desk.arena.row_mut(slot);
    row.flags.set_place(Place::Hand);
    match row.flags.kind() {
        Kind::Stop => {
            row.flags.set_kind(Kind::Market);
            if let (None, Some(price)) = (row.price(), computed) {
                row.set_price(price);
            }
        }
        Kind::StopLimit => row.flags.set_kind(Kind::Limit),
        Kind::Limit | Kind::Market | Kind::MarketToLimit => {
            unreachable!("only stops are elected")
        }
    }
    desk.report(slot, ExecType::Triggered, Cause::Request);
    continuous::take(market, desk, setting, slot)
}

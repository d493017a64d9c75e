//! The price levels of one side: a dense window around the best price, sorted lists beyond it.
//!
//! Prices are handled as *ranks*: ticks for buys, minus ticks for sells, so that better is always
//! higher. The window is a ring: rank r lives in place `r mod width`, so it slides without moving
//! levels that stay inside. Ranks below it are in `worse`, above it in `better`, both sorted with
//! the best last. Each use of a level outside pays a toll; once the toll covers the levels a
//! slide would move, the window is put where the best price is, and as wide as the density there
//! deserves. So no sequence of prices makes sliding cost more than a constant a use, and memory
//! follows the number of levels.
//!
//! Invariant: `worse` < window < `better` by rank; a level is in exactly one of the three and is
//! never empty; `best` is the highest rank of all. Layout is no part of the engine's contents.
//! Rejected: a tree (2.5 times the instructions on the floor program); one wide array (memory of
//! 20,000 books). An insertion into `worse` moves the entries above it: at most `levels_max` of 32
//! bytes. Not here: orders.

use super::bitmap::Bitmap;
use super::level::Level;
use crate::types::{Price, Side};

/// The first width of a window, in ticks.
const WIDTH_MIN: usize = 64;
/// The widest window, in ticks: 3 MB.
const WIDTH_MAX: usize = 1 << 17;
/// A window up to this width is never narrowed again: 24 KB.
const WIDTH_KEPT: usize = 1 << 10;
/// A window is widened only where one rank in this many has a level.
const GROW_DENSITY: usize = 16;
/// It is narrowed when fewer than one rank in this many has a level.
const SHRINK_DENSITY: usize = 64;
/// The least toll that is worth a slide.
const TOLL_MIN: usize = 16;

/// Room for levels on either side beyond the window, from the first one there: 512 bytes. A window
/// that is where the prices are leaves fewer outside, so a list does not grow late by one or two.
const FAR_ROOM: usize = 16;

const _: () = assert!(WIDTH_MAX <= Bitmap::WIDTH_MAX);

#[derive(Debug)]
struct Far {
    rank: i64,
    level: Level,
}

#[derive(Debug)]
struct Window {
    /// The lowest rank inside.
    base: i64,
    levels: Vec<Level>,
    used: Bitmap,
    count: usize,
}

impl Window {
    fn new(width: usize, base: i64) -> Self {
        assert!(width.is_power_of_two() && width >= WIDTH_MIN);
        Self {
            base,
            levels: vec![Level::EMPTY; width],
            used: Bitmap::new(width),
            count: 0,
        }
    }

    #[inline]
    fn width(&self) -> usize {
        self.levels.len()
    }

    #[inline]
    fn holds(&self, rank: i64) -> bool {
        (rank.wrapping_sub(self.base) as u64) < self.levels.len() as u64
    }

    #[inline]
    fn place(&self, rank: i64) -> usize {
        rank as usize & (self.levels.len() - 1)
    }

    #[inline]
    fn rank(&self, place: usize) -> i64 {
        let offset = place.wrapping_sub(self.place(self.base)) & (self.levels.len() - 1);
        self.base + offset as i64
    }

    /// The highest used rank below `rank`, which is inside.
    #[inline]
    fn below(&self, rank: i64) -> Option<i64> {
        let place = self.used.below(self.place(rank));
        let found = self.rank(place.or_else(|| self.used.highest())?);
        (found < rank).then_some(found)
    }

    fn lowest(&self) -> Option<i64> {
        let place = self.used.from(self.place(self.base));
        Some(self.rank(place.or_else(|| self.used.from(0))?))
    }

    fn highest(&self) -> Option<i64> {
        let top = self.base + self.levels.len() as i64 - 1;
        let place = self.place(top);
        if self.levels[place].count > 0 {
            return Some(top);
        }
        self.below(top)
    }

    fn put(&mut self, rank: i64, level: Level) {
        let place = self.place(rank);
        self.used.set(place);
        self.levels[place] = level;
        self.count += 1;
    }

    fn take(&mut self, rank: i64) -> Level {
        let place = self.place(rank);
        self.used.clear(place);
        self.count -= 1;
        std::mem::replace(&mut self.levels[place], Level::EMPTY)
    }
}

/// The levels of one side.
#[derive(Debug)]
pub(crate) struct Ladder {
    side: Side,
    levels: u32,
    /// The highest rank; means something only while there are levels.
    best: i64,
    window: Window,
    worse: Vec<Far>,
    better: Vec<Far>,
    toll: usize,
}

impl Ladder {
    /// An empty side.
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            levels: 0,
            best: 0,
            window: Window::new(WIDTH_MIN, 0),
            worse: Vec::new(),
            better: Vec::new(),
            toll: 0,
        }
    }

    #[inline]
    fn rank(&self, price: Price) -> i64 {
        match self.side {
            Side::Buy => price.ticks(),
            Side::Sell => price.ticks().wrapping_neg(),
        }
    }

    #[inline]
    fn price(&self, rank: i64) -> Price {
        let ticks = match self.side {
            Side::Buy => rank,
            Side::Sell => rank.wrapping_neg(),
        };
        Price::new(ticks).expect("only prices become ranks")
    }

    /// How many levels there are.
    #[inline]
    pub(crate) fn levels(&self) -> u32 {
        self.levels
    }

    /// The best price.
    #[inline]
    pub(crate) fn best(&self) -> Option<Price> {
        (self.levels > 0).then(|| self.price(self.best))
    }

    /// Whether the best price is at or better than `price` for this side's counterparty.
    #[inline]
    pub(crate) fn is_reached(&self, price: Price) -> bool {
        self.levels > 0 && self.best >= self.rank(price)
    }

    /// The level at a price.
    #[inline]
    pub(crate) fn level(&self, price: Price) -> Option<&Level> {
        let rank = self.rank(price);
        if self.window.holds(rank) {
            let level = &self.window.levels[self.window.place(rank)];
            return (level.count > 0).then_some(level);
        }
        let far = self.far(rank);
        let at = far.binary_search_by_key(&rank, |far| far.rank).ok()?;
        Some(&far[at].level)
    }

    /// The level at a price, to change its queue; `vacate` it when it was emptied.
    #[inline]
    pub(crate) fn level_mut(&mut self, price: Price) -> Option<&mut Level> {
        let rank = self.rank(price);
        if self.window.holds(rank) {
            let place = self.window.place(rank);
            let level = &mut self.window.levels[place];
            return (level.count > 0).then_some(level);
        }
        self.toll += 1;
        let far = self.far_mut(rank);
        let at = far.binary_search_by_key(&rank, |far| far.rank).ok()?;
        Some(&mut far[at].level)
    }

    /// The level at a price, made if it is not there; the caller puts an order into it.
    #[inline]
    pub(crate) fn enter(&mut self, price: Price) -> &mut Level {
        let rank = self.rank(price);
        if !self.window.holds(rank) {
            self.make_room(rank);
            if !self.window.holds(rank) {
                return self.enter_far(rank);
            }
        }
        let place = self.window.place(rank);
        if self.window.levels[place].count == 0 {
            self.window.used.set(place);
            self.window.count += 1;
            self.joined(rank);
        }
        &mut self.window.levels[place]
    }

    /// Forgets the level at a price, which has just been emptied.
    #[inline]
    pub(crate) fn vacate(&mut self, price: Price) {
        let rank = self.rank(price);
        if self.window.holds(rank) {
            let level = self.window.take(rank);
            assert!(level.count == 0, "only an empty level is vacated");
        } else {
            let far = self.far_mut(rank);
            let at = far.binary_search_by_key(&rank, |far| far.rank);
            let gone = far.remove(at.expect("a level that was emptied is there"));
            assert!(gone.level.count == 0, "only an empty level is vacated");
        }
        self.levels -= 1;
        if rank == self.best && self.levels > 0 {
            self.best = self.find_best(rank);
        }
        let width = self.window.width();
        if width > WIDTH_KEPT && (self.levels as usize) * SHRINK_DENSITY < width {
            self.narrow();
        }
    }

    /// The next level of a worse price than `price`, which has a level.
    pub(crate) fn next_worse(&self, price: Price) -> Option<Price> {
        let rank = self.rank(price);
        let next = |far: &Vec<Far>| {
            let at = far.partition_point(|far| far.rank < rank);
            at.checked_sub(1).map(|at| far[at].rank)
        };
        let window = || {
            if self.window.holds(rank) {
                self.window.below(rank)
            } else if rank > self.window.base {
                self.window.highest()
            } else {
                None
            }
        };
        let found = next(&self.better)
            .or_else(window)
            .or_else(|| next(&self.worse));
        found.map(|rank| self.price(rank))
    }

    #[inline]
    fn joined(&mut self, rank: i64) {
        if self.levels == 0 || rank > self.best {
            self.best = rank;
        }
        self.levels += 1;
    }

    fn far(&self, rank: i64) -> &Vec<Far> {
        if rank < self.window.base {
            &self.worse
        } else {
            &self.better
        }
    }

    fn far_mut(&mut self, rank: i64) -> &mut Vec<Far> {
        if rank < self.window.base {
            &mut self.worse
        } else {
            &mut self.better
        }
    }

    fn enter_far(&mut self, rank: i64) -> &mut Level {
        let found = self.far(rank).binary_search_by_key(&rank, |far| far.rank);
        let at = match found {
            Ok(at) => at,
            Err(at) => {
                self.joined(rank);
                let level = Level::EMPTY;
                let far = self.far_mut(rank);
                make_far_room(far);
                far.insert(at, Far { rank, level });
                at
            }
        };
        &mut self.far_mut(rank)[at].level
    }

    /// The best rank after the level at `rank`, which was the best, has gone.
    #[inline]
    fn find_best(&self, rank: i64) -> i64 {
        if let Some(far) = self.better.last() {
            return far.rank;
        }
        let window = if self.window.holds(rank) {
            self.window.below(rank)
        } else {
            self.window.highest()
        };
        window.unwrap_or_else(|| self.worse.last().expect("a level is left").rank)
    }

    /// Slides the window if the toll covers it, so that `rank` is perhaps inside.
    fn make_room(&mut self, rank: i64) {
        self.toll += 1;
        let best = if self.levels == 0 {
            rank
        } else {
            self.best.max(rank)
        };
        let far = self.worse.len() + self.better.len();
        let cost = self.window.count + far.min(2 * self.window.width());
        if self.levels == 0 || self.toll >= TOLL_MIN + cost {
            let width = self.width_deserved(best);
            self.slide(best, width);
        }
    }

    /// The width that the density of levels around `best` deserves, and no less than there is.
    fn width_deserved(&self, best: i64) -> usize {
        let mut width = WIDTH_MAX;
        while width > self.window.width() {
            let base = base_for(best, width);
            let at = self.worse.partition_point(|far| far.rank < base);
            let inside = self.worse.len() - at + self.window.count + self.better.len();
            if inside * GROW_DENSITY >= width {
                return width;
            }
            width /= 2;
        }
        self.window.width()
    }

    #[cold]
    fn narrow(&mut self) {
        let width = (self.window.width() / 4).max(WIDTH_MIN);
        let best = if self.levels == 0 {
            self.window.base
        } else {
            self.best
        };
        self.slide(best, width);
    }

    /// Puts the window where `best` is.
    #[cold]
    fn slide(&mut self, best: i64, width: usize) {
        self.toll = 0;
        let base = base_for(best, width);
        if self.window.count > 0 {
            make_far_room(&mut self.worse);
        }
        while let Some(rank) = self.window.lowest().filter(|rank| *rank < base) {
            let level = self.window.take(rank);
            self.worse.push(Far { rank, level });
        }
        if width == self.window.width() {
            self.window.base = base;
        } else {
            let mut old = std::mem::replace(&mut self.window, Window::new(width, base));
            while let Some(rank) = old.lowest() {
                let level = old.take(rank);
                self.window.put(rank, level);
            }
        }
        for Far { rank, level } in self.better.drain(..) {
            if rank < base {
                self.worse.push(Far { rank, level });
            } else {
                self.window.put(rank, level);
            }
        }
        while let Some(far) = self.worse.pop_if(|far| far.rank >= base) {
            self.window.put(far.rank, far.level);
        }
    }

    /// Checks the invariants of the structure.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(&self) -> Result<(), &'static str> {
        let top = self.window.base + self.window.width() as i64;
        let worse = self.worse.iter().map(|far| far.rank);
        let better = self.better.iter().map(|far| far.rank);
        if !(worse.clone().is_sorted() && worse.clone().all(|rank| rank < self.window.base)) {
            return Err("a level below the window is out of order");
        }
        if !(better.clone().is_sorted() && better.clone().all(|rank| rank >= top)) {
            return Err("a level above the window is out of order");
        }
        let count = self.window.levels.iter().filter(|level| level.count > 0);
        let inside = count.count();
        if inside != self.window.count {
            return Err("the window's count of levels is wrong");
        }
        if inside + self.worse.len() + self.better.len() != self.levels as usize {
            return Err("the side's count of levels is wrong");
        }
        let highest = better.max().or_else(|| self.window.highest());
        if self.levels > 0 && highest.or(worse.max()) != Some(self.best) {
            return Err("the cached best price is wrong");
        }
        Ok(())
    }
}

/// A list that was never used gets its first room.
fn make_far_room(far: &mut Vec<Far>) {
    if far.capacity() == 0 {
        far.reserve_exact(FAR_ROOM);
    }
}

/// The base of a window of `width` around `best`: a quarter of it lies above.
fn base_for(best: i64, width: usize) -> i64 {
    best - (width - width / 4) as i64 + 1
}

#[cfg(test)]
#[path = "ladder_tests.rs"]
mod tests;

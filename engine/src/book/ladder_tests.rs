//! The ladder against an ordered map, over prices that wander, jump and thrash.

use super::*;
use std::collections::BTreeMap;

struct Both {
    ladder: Ladder,
    map: BTreeMap<i64, u32>,
}

impl Both {
    fn new(side: Side) -> Self {
        Self {
            ladder: Ladder::new(side),
            map: BTreeMap::new(),
        }
    }

    fn add(&mut self, ticks: i64) {
        let price = Price::new(ticks).expect("a test's price is in bounds");
        self.ladder.enter(price).count += 1;
        *self.map.entry(ticks).or_default() += 1;
    }

    fn remove(&mut self, ticks: i64) {
        let price = Price::new(ticks).expect("a test's price is in bounds");
        let level = self.ladder.level_mut(price).expect("it has a level");
        level.count -= 1;
        if level.count == 0 {
            self.ladder.vacate(price);
        }
        let count = self.map.get_mut(&ticks).expect("the map has it");
        *count -= 1;
        if *count == 0 {
            self.map.remove(&ticks);
        }
    }

    fn check(&self) {
        let best = match self.ladder.side {
            Side::Buy => self.map.keys().next_back(),
            Side::Sell => self.map.keys().next(),
        };
        assert_eq!(self.ladder.best().map(Price::ticks).as_ref(), best);
        assert_eq!(self.ladder.levels() as usize, self.map.len());
    }

    fn check_all(&self) {
        self.check();
        self.ladder.audit().expect("the structure is sound");
        let mut walked = Vec::new();
        let mut next = self.ladder.best();
        while let Some(price) = next {
            let level = self.ladder.level(price).expect("a walked price has one");
            walked.push((price.ticks(), level.count));
            next = self.ladder.next_worse(price);
        }
        let mut expected: Vec<_> = self.map.iter().map(|(t, c)| (*t, *c)).collect();
        if self.ladder.side == Side::Buy {
            expected.reverse();
        }
        assert_eq!(walked, expected);
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

#[test]
fn agrees_with_an_ordered_map_at_every_scale() {
    for (seed, spread) in [10, 100, 3_000, 200_000, 1 << 30].into_iter().enumerate() {
        for side in [Side::Buy, Side::Sell] {
            let (mut both, mut random) = (Both::new(side), Random(seed as u64 * 77 + 5));
            let mut middle = 0;
            for step in 0..30_000_u32 {
                middle += random.below(21) as i64 - 10;
                if random.below(2_000) == 0 {
                    middle = random.below(spread * 4) as i64 - 2 * spread as i64;
                }
                let ticks = middle + random.below(spread) as i64 - spread as i64 / 2;
                let grows = step % 10_000 < 5_000;
                if both.map.is_empty() || random.below(10) < if grows { 6 } else { 3 } {
                    both.add(ticks);
                } else {
                    let above = both.map.range(ticks..).next();
                    let found = above.or_else(|| both.map.iter().next_back());
                    let ticks = *found.expect("the map is not empty").0;
                    both.remove(ticks);
                }
                both.check();
                if step % 500 == 0 {
                    both.check_all();
                }
            }
            both.check_all();
        }
    }
}

#[test]
fn a_lone_far_price_that_comes_and_goes_does_not_move_the_rest_each_time() {
    let mut both = Both::new(Side::Buy);
    for ticks in 0..5_000 {
        both.add(ticks);
    }
    let mut slides = 0;
    for _ in 0..10_000 {
        let before = both.ladder.window.base;
        both.add(1_000_000);
        both.remove(1_000_000);
        slides += u32::from(both.ladder.window.base != before);
    }
    assert!(slides <= 10, "the window moved {slides} times");
    both.check_all();
}

#[test]
fn memory_follows_the_number_of_levels() {
    let mut both = Both::new(Side::Sell);
    for ticks in 0..20_000 {
        both.add(ticks);
    }
    assert!(
        both.ladder.window.width() >= 16_384,
        "dense levels are near"
    );
    for ticks in 10..20_000 {
        both.remove(ticks);
    }
    assert!(both.ladder.window.width() <= WIDTH_KEPT);
    both.check_all();
}

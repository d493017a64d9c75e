//! Made order flow: a moving middle price, power-law depth and sizes, cancels, replaces, crossings.
//!
//! Invariant: the same seed and the same answers give the same flow; nothing here looks at a clock.
//! Not here: when a command is sent (`load`), and any recorded flow (`replay`).

pub mod flow;
pub mod rng;

use rng::hash;

/// How often the middle price moves, in milliseconds.
pub const STEP_MS: u64 = 250;
/// The slowest wave of the middle price, in steps: a minute and a half.
const SLOW_STEPS: u64 = 360;
/// The waves of the middle price: period in steps and share of the whole swing, of 100.
const WAVES: [(u64, i64); 3] = [(SLOW_STEPS, 60), (45, 30), (6, 10)];
/// The swing of the middle price is the base price over this, at least [`SWING_TICKS_MIN`].
const SWING_SHARE: i64 = 100;
/// The least swing, so that cheap instruments move too.
const SWING_TICKS_MIN: i64 = 20;

/// The middle price of an instrument at a step: smooth noise around its base.
pub fn middle(seed: u64, instrument: u64, base_ticks: i64, step: u64) -> i64 {
    let swing = (base_ticks.abs() / SWING_SHARE).max(SWING_TICKS_MIN);
    let mut moved = 0;
    for (wave, (period, share)) in WAVES.iter().enumerate() {
        let (from, within) = (step / period, (step % period) as i64);
        let point = |lattice: u64| {
            let word = hash(seed ^ hash(instrument) ^ hash(wave as u64 + 1) ^ hash(lattice));
            (word % 2_001) as i64 - 1_000
        };
        let (a, b) = (point(from), point(from + 1));
        let value = a + (b - a) * within / *period as i64;
        moved += value * swing * share / 100_000;
    }
    base_ticks + moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_price_is_smooth_bounded_and_repeatable() {
        let path: Vec<i64> = (0..2_000).map(|step| middle(7, 3, 10_000, step)).collect();
        let again: Vec<i64> = (0..2_000).map(|step| middle(7, 3, 10_000, step)).collect();
        assert_eq!(path, again);
        assert!(path.iter().all(|mid| (9_900..=10_100).contains(mid)));
        assert!(path.windows(2).all(|pair| (pair[0] - pair[1]).abs() <= 10));
        let (low, high) = (path.iter().min().unwrap(), path.iter().max().unwrap());
        assert!(high - low > 50, "it moves: {low} to {high}");
        let other: Vec<i64> = (0..2_000).map(|step| middle(8, 3, 10_000, step)).collect();
        assert_ne!(path, other);
    }
}

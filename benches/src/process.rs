//! What the system says of this process: processor time by thread, resident size.
//!
//! Invariant: read from `/proc`, so nothing is estimated; where it is not there, the answer is
//! empty. Not here: what is made of the numbers.

use std::collections::BTreeMap;
use std::fs;

/// Nanoseconds on a processor so far, by the name of the thread; threads of one name together.
pub fn cpu_by_thread() -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten() {
        let Ok(task) = task.map(|task| task.path()) else {
            continue;
        };
        // A thread may end while it is looked at.
        let text = |name: &str| fs::read_to_string(task.join(name)).unwrap_or_default();
        let schedule = text("schedstat");
        let spent = schedule.split(' ').next().and_then(|ns| ns.parse().ok());
        let name = text("comm").trim().to_owned();
        *found.entry(name).or_default() += spent.unwrap_or(0);
    }
    found
}

/// The resident size in bytes; 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kilobytes: Option<u64> = kilobytes.and_then(|text| text.trim().parse().ok());
    kilobytes.map_or(0, |kilobytes| kilobytes << 10)
}

/// The value below which `share` of the sorted values lie; 0 without values.
pub fn quantile(sorted: &[u64], share: f64) -> u64 {
    let place = (sorted.len() as f64 * share) as usize;
    let place = place.min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        assert_eq!(quantile(&[], 0.5), 0);
        assert_eq!(quantile(&[7], 0.99), 7);
        assert_eq!(quantile(&[1, 2, 3, 4], 0.5), 3);
    }
}

//! What a run found out: the summary on the screen and the JSON file other programs read.
//!
//! Invariant: the words of the JSON are stable; a number that was not measured is 0, and the file
//! is written however the run ended. Not here: what counts as what (`replay`, `load`).

use std::{collections::BTreeMap, fmt, io, path::Path};

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart: ten minutes, in microseconds.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Significant digits of latencies.
const LATENCY_DIGITS: u8 = 3;
/// Mismatches that are shown; all are counted.
pub const SHOWN_MAX: usize = 5;

/// The summary of a run. `refused`: never sequenced; `rejected`: by the engine; `unknown`:
/// unanswered at the end.
#[derive(Clone, Default, Serialize, Debug)]
pub struct Summary {
    /// What ran, for example "replay sse".
    pub kind: String,
    /// The run's name: its ids on the gateway begin with it.
    pub run: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Commands handed to the gateway.
    pub commands: u64,
    /// Commands with a durable answer, rejects included.
    pub acknowledged: u64,
    /// Commands that the gateway said it did not take.
    pub refused: u64,
    /// Commands that the engine rejected.
    pub rejected: u64,
    /// Commands without an answer at the end.
    pub unknown: u64,
    /// Trades seen.
    pub trades: u64,
    /// Reserves that formed a contract.
    pub sold: u64,
    /// Differences from what was expected, and broken promises of the gateway.
    pub mismatches: u64,
    /// Acknowledged commands a second.
    pub rate_per_s: f64,
    /// Median latency, microseconds, from the intended time of sending.
    pub p50_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// 99.9th percentile.
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
    /// The highest engine sequence seen acknowledged.
    pub last_durable_sequence: u64,
    /// Connections of sessions after the first.
    pub reconnects: u64,
    /// Book events whose chain and checksum were right.
    pub book_events: u64,
    /// Rejects by the engine's word.
    pub reject_reasons: BTreeMap<String, u64>,
    /// More numbers of this kind of run.
    pub extra: BTreeMap<String, u64>,
    /// What was compared at the end, row by row.
    pub checks: Vec<Check>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// The first mismatches.
    pub first_mismatches: Vec<String>,
    /// Why the run ended early, if it did.
    pub error: Option<String>,
}

/// One row of what was compared at the end.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Check {
    /// What it is.
    pub what: String,
    /// What it should be.
    pub expected: String,
    /// What the exchange says.
    pub actual: String,
}

impl Summary {
    /// Of a run that begins.
    pub fn new(kind: &str, run: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            run: run.to_owned(),
            ..Self::default()
        }
    }

    /// Counts a mismatch and keeps the first five.
    pub fn mismatch(&mut self, what: impl FnOnce() -> String) {
        self.mismatches += 1;
        if self.first_mismatches.len() < SHOWN_MAX {
            self.first_mismatches.push(what());
        }
    }

    /// Compares a row; what differs is a mismatch.
    pub fn check<T: PartialEq + fmt::Display>(&mut self, what: &str, expected: &T, actual: &T) {
        if expected != actual {
            self.mismatch(|| format!("{what}: expected {expected}, got {actual}"));
        }
        self.checks.push(Check {
            what: what.to_owned(),
            expected: expected.to_string(),
            actual: actual.to_string(),
        });
    }

    /// Counts a reject.
    pub fn reject(&mut self, reason: &str) {
        self.rejected += 1;
        if let Some(count) = self.reject_reasons.get_mut(reason) {
            *count += 1;
        } else {
            self.reject_reasons.insert(reason.to_owned(), 1);
        }
    }

    /// Notes an acknowledged engine sequence.
    pub fn durable(&mut self, sequence: u64) {
        self.last_durable_sequence = self.last_durable_sequence.max(sequence);
    }

    /// Takes in latencies and time.
    pub fn measure(&mut self, latencies: &Latencies, seconds: f64) {
        self.seconds = seconds;
        if seconds > 0.0 {
            self.rate_per_s = (self.acknowledged as f64 / seconds * 10.0).round() / 10.0;
        }
        self.p50_us = latencies.0.value_at_quantile(0.5);
        self.p99_us = latencies.0.value_at_quantile(0.99);
        self.p999_us = latencies.0.value_at_quantile(0.999);
        self.max_us = latencies.0.max();
    }

    /// Adds what another part of the same run found.
    pub fn absorb(&mut self, other: Self) {
        self.commands += other.commands;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.rejected += other.rejected;
        self.unknown += other.unknown;
        self.trades += other.trades;
        self.sold += other.sold;
        self.mismatches += other.mismatches;
        self.reconnects += other.reconnects;
        self.book_events += other.book_events;
        self.durable(other.last_durable_sequence);
        for (reason, count) in other.reject_reasons {
            *self.reject_reasons.entry(reason).or_insert(0) += count;
        }
        for (what, count) in other.extra {
            *self.extra.entry(what).or_insert(0) += count;
        }
        self.checks.extend(other.checks);
        self.notes.extend(other.notes);
        self.first_mismatches.extend(other.first_mismatches);
        self.first_mismatches.truncate(SHOWN_MAX);
        self.error = self.error.take().or(other.error);
    }

    /// Whether everything asked held: nothing differed, nothing was refused or left unknown.
    pub fn held(&self) -> bool {
        self.mismatches == 0 && self.refused == 0 && self.unknown == 0 && self.error.is_none()
    }

    /// Writes the JSON file, replacing it as a whole.
    pub fn write_json(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        text.push('\n');
        let mut partial = path.as_os_str().to_owned();
        partial.push(".part");
        std::fs::write(&partial, text)?;
        std::fs::rename(&partial, path)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} (run {}): {:.1} s, {} commands, {:.0} acknowledged a second",
            self.kind, self.run, self.seconds, self.commands, self.rate_per_s
        )?;
        writeln!(
            f,
            "  acknowledged {}  sold {}  refused {}  rejected {}  unknown {}",
            self.acknowledged, self.sold, self.refused, self.rejected, self.unknown
        )?;
        writeln!(
            f,
            "  latency us: p50 {}  p99 {}  p99.9 {}  max {}",
            self.p50_us, self.p99_us, self.p999_us, self.max_us
        )?;
        writeln!(
            f,
            "  trades {}  mismatches {}  book events checked {}  reconnects {}  last durable \
             sequence {}",
            self.trades,
            self.mismatches,
            self.book_events,
            self.reconnects,
            self.last_durable_sequence
        )?;
        for (reason, count) in &self.reject_reasons {
            writeln!(f, "  rejected {reason}: {count}")?;
        }
        for (what, count) in &self.extra {
            writeln!(f, "  {what}: {count}")?;
        }
        if !self.checks.is_empty() {
            writeln!(f, "  {:44} {:>16} {:>16}", "checked", "expected", "actual")?;
        }
        for Check {
            what,
            expected,
            actual,
        } in &self.checks
        {
            let mark = if expected == actual { "" } else { "  differs" };
            writeln!(f, "  {what:44} {expected:>16} {actual:>16}{mark}")?;
        }
        for note in &self.notes {
            writeln!(f, "  {note}")?;
        }
        for mismatch in &self.first_mismatches {
            writeln!(f, "  mismatch: {mismatch}")?;
        }
        if let Some(error) = &self.error {
            writeln!(f, "  ended early: {error}")?;
        }
        Ok(())
    }
}

/// Latencies in microseconds, three digits, up to ten minutes.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None measured yet.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_US_MAX, LATENCY_DIGITS);
        Self(histogram.unwrap_or_else(|_| unreachable!("the bounds are constants that fit")))
    }

    /// Counts one; a longer one than ten minutes counts as ten minutes.
    pub fn record(&mut self, latency: std::time::Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.max(1));
    }

    /// Takes in another run's latencies.
    pub fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so nothing can be out of range.
        let _same_bounds = self.0.add(&other.0);
    }

    /// A percentile in microseconds, `quantile` from 0 to 1.
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_json_holds_the_words_other_programs_read() {
        let mut summary = Summary::new("load unary", "r1");
        summary.acknowledged = 3;
        summary.reject("UNKNOWN_ORDER");
        let mut latencies = Latencies::new();
        (1..=100).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        summary.measure(&latencies, 1.5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        summary.write_json(&path).unwrap();
        let json: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for word in [
            "commands",
            "acknowledged",
            "sold",
            "refused",
            "rejected",
            "unknown",
            "trades",
            "mismatches",
            "rate_per_s",
            "p50_us",
            "p99_us",
            "p999_us",
            "max_us",
            "last_durable_sequence",
        ] {
            assert!(
                json.get(word).is_some_and(serde_json::Value::is_number),
                "{word}"
            );
        }
        assert_eq!(json["rate_per_s"], 2.0);
        assert_eq!(json["rejected"], 1);
        let p99 = json["p99_us"].as_u64().unwrap();
        assert!((99_000..=99_100).contains(&p99), "{p99}");
    }

    #[test]
    fn a_row_that_differs_is_a_mismatch_and_marked() {
        let mut summary = Summary::new("replay retail", "r1");
        summary.check("gifts", &31, &31);
        assert!(summary.held());
        summary.check("money", &"1.000".to_owned(), &"0.999".to_owned());
        assert_eq!((summary.mismatches, summary.checks.len()), (1, 2));
        let text = summary.to_string();
        let rows: Vec<_> = text
            .lines()
            .filter(|row| row.ends_with("differs"))
            .collect();
        assert!(rows.len() == 1 && rows[0].contains("money"), "{text}");
    }

    #[test]
    fn all_mismatches_count_and_five_are_shown() {
        let mut summary = Summary::new("replay sse", "r1");
        (0..9).for_each(|number| summary.mismatch(|| number.to_string()));
        assert_eq!((summary.mismatches, summary.first_mismatches.len()), (9, 5));
        assert!(!summary.held());
    }
}

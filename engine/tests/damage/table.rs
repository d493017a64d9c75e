//! Cases and their counts: kind of file x outcome, and the failures with the seed of each.
//!
//! Invariant: cases are shared out over two threads, and the counts do not depend on it. Not here:
//! what a case does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::judge::Outcome;

const THREADS: usize = 2;
/// Failures printed in full; the rest are counted.
const FAILURES_SHOWN: usize = 30;

/// One case: what is hurt, how, and the verdict.
pub struct Case<'a> {
    /// The kind of file or damage: a row of the table.
    pub kind: String,
    /// What was done, in words from which it can be done again.
    pub what: String,
    /// Does it.
    pub run: Box<dyn Fn() -> Result<Outcome, String> + Sync + Send + 'a>,
}

#[derive(Default)]
struct Counts {
    exact: u64,
    trimmed: u64,
    refused: u64,
    failed: u64,
}

#[derive(Default)]
struct Results {
    rows: BTreeMap<String, Counts>,
    failures: Vec<String>,
}

/// The kind of a file, as a row of the table.
pub fn kind(name: &Path) -> String {
    let file = name
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let file = file.unwrap_or_default();
    let in_journal = name.starts_with("journal");
    let word = file.split(['-', '.', '_']).next().unwrap_or_default();
    let extension = name
        .extension()
        .map(|name| name.to_string_lossy().into_owned());
    match extension.as_deref() {
        Some("log") => "journal: log".to_owned(),
        Some("sst") => "journal: table".to_owned(),
        _ if in_journal => format!("journal: {word}"),
        _ if name.starts_with("archive") => format!("archive: {word}"),
        _ => word.to_owned(),
    }
}

/// Runs all cases and prints the table; panics with the failures.
pub fn run(title: &str, cases: &[Case<'_>]) {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Results::default());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = (case.run)();
                    results.lock().expect("whole").take(case, outcome);
                }
            });
        }
    });
    let results = results.into_inner().expect("whole");
    println!("{}", results.text(title));
    let failed = results.failures.len();
    assert!(
        failed == 0,
        "{failed} cases are neither exact nor rightly refused:\n{}",
        results.failures[..failed.min(FAILURES_SHOWN)].join("\n")
    );
}

impl Results {
    fn take(&mut self, case: &Case<'_>, outcome: Result<Outcome, String>) {
        let row = self.rows.entry(case.kind.clone()).or_default();
        match outcome {
            Ok(Outcome::Exact) => row.exact += 1,
            Ok(Outcome::Trimmed) => row.trimmed += 1,
            Ok(Outcome::Refused(_)) => row.refused += 1,
            Err(said) => {
                row.failed += 1;
                self.failures
                    .push(format!("{}, {}: {said}", case.kind, case.what));
            }
        }
    }

    fn text(&self, title: &str) -> String {
        let mut text = format!("{title}\n");
        let head = ("", "exact", "trimmed", "refused", "failed");
        let (kind, exact, trimmed, refused, failed) = head;
        let mut line = |kind: &str, cells: [&str; 4]| {
            let [exact, trimmed, refused, failed] = cells;
            writeln!(
                text,
                "{kind:26}{exact:>8}{trimmed:>8}{refused:>8}{failed:>8}"
            )
            .expect("a string takes all");
        };
        line(kind, [exact, trimmed, refused, failed]);
        let mut all = Counts::default();
        for (kind, row) in &self.rows {
            line(kind, row.cells().each_ref().map(String::as_str));
            all.exact += row.exact;
            all.trimmed += row.trimmed;
            all.refused += row.refused;
            all.failed += row.failed;
        }
        line("all", all.cells().each_ref().map(String::as_str));
        text
    }
}

impl Counts {
    fn cells(&self) -> [String; 4] {
        [self.exact, self.trimmed, self.refused, self.failed].map(|count| count.to_string())
    }
}

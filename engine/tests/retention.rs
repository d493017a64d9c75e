//! What is kept: no code of engine or gateway deletes records of trade, whatever their age.
//!
//! Invariant: each place that deletes a file or a key is named here with what it deletes. The
//! journal drops a segment only behind its archive (`runtime::segments`, with tests of its own);
//! archive and projections only grow, so the longest retention the law asks for (three years, ten
//! for finance; SEMANTICS section 25) holds without a clock. Not here: what an operator does to the
//! folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What deletes.
const WORDS: [&str; 7] = [
    "remove_file(",
    "remove_dir(",
    "remove_dir_all(",
    "drop_cf(",
    ".delete_cf",
    "delete_range",
    "set_ttl",
];

/// Files that delete, how often, and what.
const KNOWN: [(&str, usize, &str); 6] = [
    (
        "engine/src/journal/archive.rs",
        2,
        "archive files that a crash left half-made",
    ),
    (
        "engine/src/journal/rocks.rs",
        2,
        "a closed segment behind its archive; a cut record",
    ),
    (
        "engine/src/recovery/accept_loss.rs",
        1,
        "what an act did not end",
    ),
    (
        "engine/src/recovery/restore.rs",
        1,
        "what an act did not end",
    ),
    (
        "engine/src/snapshot.rs",
        2,
        "snapshots: they follow from the journal",
    ),
    ("gateway/src/backups.rs", 2, "a backup that was not ended"),
];

#[allow(clippy::disallowed_methods, reason = "a test may read files")]
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file before its tests, without comments.
#[allow(clippy::disallowed_methods, reason = "a test may read files")]
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a source");
    let before = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = before.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_deletes_but_what_is_named_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["engine/src", "gateway/src"] {
        sources(&root.join(folder), &mut files);
    }
    let mut found = BTreeMap::new();
    for path in &files {
        let name = path.strip_prefix(&root).expect("below the root");
        let name = name.to_string_lossy().into_owned();
        if name.ends_with("tests.rs") || name.contains("/testing") {
            continue;
        }
        let code = code(path);
        let count: usize = WORDS.iter().map(|word| code.matches(word).count()).sum();
        if count > 0 {
            found.insert(name, count);
        }
    }
    let known = KNOWN.map(|(name, count, _)| (name.to_owned(), count));
    assert_eq!(
        found,
        BTreeMap::from(known),
        "say what it deletes, and why it may"
    );
}

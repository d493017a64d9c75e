//! Scenario tables: a line is a command, the indented lines under it are its events.
//!
//! Invariant: every line of `tests/scenarios/*.txt` is compared, the engine is audited after every
//! command, and at the end of each scenario an engine restored from its sections has the same
//! hashes. `SANJIANG_BLESS=1` writes what happened into the tables, to be read before it is kept.
//! Not here: the words (`words`).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sanjiang_engine::engine::Engine;

use crate::words::Stage;

fn tables() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = fs::read_dir(&folder).expect("the folder of tables is there");
    let paths = entries.map(|entry| entry.expect("an entry reads").path());
    let mut paths: Vec<PathBuf> = paths.collect();
    paths.sort();
    paths
}

/// What really happens, in the form of the table.
fn run(text: &str) -> String {
    let mut out = String::new();
    let mut stage: Option<Stage> = None;
    for line in text.lines() {
        if line.starts_with("  ") {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        if line.starts_with("## ") {
            finish(stage.take());
            stage = Some(Stage::new());
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let stage = stage.as_mut().expect("a scenario begins with a ## title");
        for event in stage.play(line) {
            writeln!(out, "  {event}").expect("a string takes everything");
        }
        let sound = stage.desk.engine.audit();
        assert_eq!(sound, Ok(()), "after: {line}");
    }
    finish(stage);
    out
}

fn finish(stage: Option<Stage>) {
    let Some(stage) = stage else {
        return;
    };
    let engine = stage.desk.engine;
    let sections = engine.encode_sections();
    let restored = Engine::decode_sections(*engine.limits(), &sections);
    let restored = restored.expect("an engine reads its own sections");
    assert_eq!(restored.state_hash(), engine.state_hash());
    assert_eq!(restored.event_hash(), engine.event_hash());
    assert_eq!(restored.next_deadline(), engine.next_deadline());
}

#[test]
fn every_table_happens_as_it_is_written() {
    let bless = std::env::var_os("SANJIANG_BLESS").is_some();
    let (mut scenarios, mut wrong) = (0, String::new());
    for path in tables() {
        let expected = fs::read_to_string(&path).expect("a table reads");
        let happened = run(&expected);
        scenarios += expected
            .lines()
            .filter(|line| line.starts_with("## "))
            .count();
        if bless {
            fs::write(&path, &happened).expect("a table can be written");
            continue;
        }
        let lines = expected.lines().zip(happened.lines()).enumerate();
        let first = lines
            .into_iter()
            .find(|(_, (expected, happened))| expected != happened);
        if let Some((number, (expected, happened))) = first {
            let name = path
                .file_name()
                .expect("a file has a name")
                .to_string_lossy();
            let number = number + 1;
            writeln!(
                wrong,
                "{name}:{number}\n  expected {expected}\n  happened {happened}"
            )
            .expect("a string takes everything");
        } else if expected.lines().count() != happened.lines().count() {
            writeln!(wrong, "{} has another number of lines", path.display())
                .expect("a string takes everything");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    println!("{scenarios} scenarios");
    assert!(
        scenarios >= 40,
        "tables are missing: only {scenarios} scenarios"
    );
}

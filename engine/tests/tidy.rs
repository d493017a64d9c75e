//! The rules of architecture and manners that a machine can check, over the whole workspace.
//!
//! Invariant: a rule stated in ARCHITECTURE.md or CONTRIBUTING.md that a reader of text can check
//! is checked here, and a failure names every file and line. Not here: what rustfmt and clippy
//! check (format, function length, unsafe code, documentation of public items).

#![allow(clippy::disallowed_methods)] // a test may read files

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LINES_OF_CODE_MAX: usize = 500;
const COLUMNS_MAX: usize = 100;

/// What may stand at the top of the repository, beside dot-files.
const TOP: [&str; 13] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "benches",
    "engine",
    "gateway",
    "proto",
    "simulator",
];

/// What the engine may depend on, each for one job nobody here should write again.
const ENGINE_MAY_USE: [&str; 7] = [
    "blake3",      // hash of all state
    "crc32c",      // checksum of records
    "crossbeam",   // queues between threads
    "fs2",         // lock of the data folder
    "rocksdb",     // the journal's store, behind a feature
    "sha2",        // draws that anybody can check
    "xxhash-rust", // running hash of events
];

/// Names that would let something else than its commands decide what the engine does.
const NOT_DETERMINISTIC: [&str; 9] = [
    "HashMap",
    "HashSet",
    "Instant::",
    "SystemTime",
    "std::thread",
    "std::fs",
    "std::env",
    "f32",
    "f64",
];

/// Where the engine touches the world.
const IMPURE: [&str; 5] = ["backup", "journal", "recovery", "runtime", "snapshot"];

struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Names that git leaves out at the top: what builds and runs leave behind.
fn ignored() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(".gitignore")).expect("a .gitignore");
    let names = text.lines().map(|line| line.trim_matches('/').to_owned());
    names.chain([".git".to_owned()]).collect()
}

fn top() -> Vec<String> {
    let ignored = ignored();
    let entries = fs::read_dir(root()).expect("the workspace");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry.expect("an entry")))
        .collect();
    names.retain(|name| !ignored.contains(name));
    names.sort();
    names
}

/// Every text file of the workspace, by its path from the top.
fn sources() -> Vec<Source> {
    let mut list = Vec::new();
    let mut waiting: Vec<PathBuf> = top().into_iter().map(PathBuf::from).collect();
    while let Some(path) = waiting.pop() {
        let full = root().join(&path);
        if full.is_dir() {
            let entries = fs::read_dir(&full).expect("a folder");
            waiting.extend(entries.map(|entry| path.join(entry.expect("an entry").file_name())));
        } else if let Ok(text) = fs::read_to_string(&full) {
            let path = path.to_string_lossy().replace('\\', "/");
            list.push(Source { path, text });
        }
    }
    list.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(
        list.len() > 100,
        "the workspace has more files than {}",
        list.len()
    );
    list
}

fn rust() -> impl Iterator<Item = Source> {
    let is_rust = |path: &str| Path::new(path).extension().is_some_and(|end| end == "rs");
    sources()
        .into_iter()
        .filter(move |source| is_rust(&source.path))
}

/// The lines of the sources that break a rule, as `path:line: text`.
fn breaking(sources: impl Iterator<Item = Source>, breaks: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (at, line) in source.text.lines().enumerate() {
            if breaks(line) {
                found.push(format!("{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    found
}

fn none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn the_top_of_the_repository_holds_what_it_may() {
    let odd = |name: &String| !name.starts_with('.') && !TOP.contains(&name.as_str());
    let found: Vec<_> = top().into_iter().filter(odd).collect();
    none(&found, "not among the entries the top may have");
}

#[test]
fn a_file_opens_by_saying_what_it_holds() {
    let silent = rust().filter(|source| !source.text.starts_with("//!"));
    let found: Vec<_> = silent.map(|source| source.path).collect();
    none(
        &found,
        "open with `//!`: what it holds, its invariant, what is not here",
    );
}

#[test]
fn a_file_is_short() {
    let code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let lines = |source: Source| (source.text.lines().filter(code).count(), source.path);
    let long = rust()
        .map(lines)
        .filter(|(lines, _)| *lines > LINES_OF_CODE_MAX);
    let found: Vec<_> = long
        .map(|(lines, path)| format!("{path}: {lines}"))
        .collect();
    none(&found, "lines of code in one file");
}

#[test]
fn a_line_is_short() {
    let found = breaking(rust(), |line| line.chars().count() > COLUMNS_MAX);
    none(&found, "columns in one line");
}

#[test]
fn nothing_is_left_for_later_or_switched_off() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("HA", "CK"),
        concat!("un", "implemented!"),
        concat!("to", "do!("),
        concat!("d", "bg!("),
        concat!("#[ig", "nore"),
        concat!("should_", "panic"),
    ];
    let found = breaking(rust(), |line| words.iter().any(|word| line.contains(word)));
    none(&found, "left for later, or a test that cannot fail");
}

/// The names that one file of `MEMBER/tests` may be compiled by: a program of its own in the
/// manifest, or a module of one of those.
fn compiled(member: &str) -> BTreeSet<String> {
    let folder = root().join(member);
    let text = fs::read_to_string(folder.join("Cargo.toml")).expect("a member has a manifest");
    let manifest: toml::Table = text.parse().expect("a manifest is TOML");
    let programs = manifest.get("test").and_then(toml::Value::as_array);
    let mut names = BTreeSet::new();
    for program in programs.expect("programs of tests are listed") {
        let name = program["name"].as_str().expect("a name");
        let path = program.get("path").and_then(toml::Value::as_str);
        let path = path.map_or_else(|| format!("tests/{name}.rs"), str::to_owned);
        let text = fs::read_to_string(folder.join(&path)).expect("a program of tests");
        let modules = text.lines().filter_map(|line| line.strip_prefix("mod "));
        names.extend(modules.map(|module| module.trim_end_matches(';').to_owned()));
        names.extend(
            path.strip_prefix("tests/")
                .map(|name| name.trim_end_matches(".rs").to_owned()),
        );
    }
    names
}

#[test]
fn no_file_of_tests_is_forgotten() {
    let mut found = Vec::new();
    for member in ["engine", "gateway"] {
        let compiled = compiled(member);
        for source in rust() {
            let name = source.path.strip_prefix(member);
            let name = name.and_then(|name| name.strip_prefix("/tests/")?.strip_suffix(".rs"));
            if name.is_some_and(|name| !name.contains('/') && !compiled.contains(name)) {
                found.push(source.path);
            }
        }
    }
    none(
        &found,
        "in no program of tests: name it in the manifest, or as a module of a program",
    );
}

#[test]
fn a_test_never_sleeps() {
    let tests = rust().filter(|source| source.path.contains("test"));
    let sleep = concat!("sleep", "(");
    none(
        &breaking(tests, |line| line.contains(sleep)),
        "a sleep in a test",
    );
}

#[test]
fn no_path_of_a_machine_is_named() {
    let folders = ["work", "home", "root", "Users"].map(|folder| format!("/{folder}/"));
    let names = |line: &str| {
        folders.iter().any(|folder| {
            let before = line
                .find(folder.as_str())
                .map(|at| line[..at].chars().next_back());
            before.is_some_and(|before| before.is_none_or(|before| " \"'`(=:".contains(before)))
        })
    };
    none(
        &breaking(sources().into_iter(), names),
        "a path of one machine",
    );
}

#[test]
fn the_engine_is_decided_by_its_commands_alone() {
    let pure = |source: &Source| {
        let inside = source.path.strip_prefix("engine/src/");
        let impure = |inside: &str| IMPURE.iter().any(|part| inside.starts_with(part));
        inside.is_some_and(|inside| !impure(inside) && !inside.ends_with("tests.rs"))
    };
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    let word = |line: &str, name: &str| {
        code(line).match_indices(name).any(|(at, _)| {
            let inside = |c: char| c.is_alphanumeric() || c == '_';
            let end = code(line)[at + name.len()..].starts_with(inside);
            !code(line)[..at].ends_with(inside) && (name.ends_with(':') || !end)
        })
    };
    let breaks = |line: &str| NOT_DETERMINISTIC.iter().any(|name| word(line, name));
    none(
        &breaking(rust().filter(pure), breaks),
        "decided by something else than a command",
    );
}

/// The names a crate depends on outside its tests.
fn dependencies(member: &str) -> Vec<String> {
    let path = root().join(member).join("Cargo.toml");
    let text = fs::read_to_string(path).expect("a member has a manifest");
    let manifest: toml::Table = text.parse().expect("a manifest is TOML");
    let mut names = Vec::new();
    for section in ["dependencies", "build-dependencies"] {
        if let Some(table) = manifest.get(section).and_then(toml::Value::as_table) {
            names.extend(table.keys().cloned());
        }
    }
    names
}

#[test]
fn the_engine_depends_on_its_short_list_only() {
    let mut found = dependencies("engine");
    found.retain(|name| !ENGINE_MAY_USE.contains(&name.as_str()));
    none(&found, "not on the engine's list of dependencies");
}

#[test]
fn knowledge_runs_in_one_direction() {
    let mut found = Vec::new();
    let may: [(&str, &[&str]); 4] = [
        ("engine", &[]),
        ("proto", &[]),
        ("gateway", &["engine", "proto"]),
        ("simulator", &["engine", "proto"]),
    ];
    for (member, may) in may {
        let others = ["engine", "proto", "gateway", "simulator", "benches"];
        for name in dependencies(member) {
            let name = name.strip_prefix("sanjiang-").unwrap_or(&name);
            if others.contains(&name) && !may.contains(&name) {
                found.push(format!("{member} depends on {name}"));
            }
        }
    }
    none(&found, "a crate that knows what it must not know");
}

#[test]
fn the_checks_see_what_they_look_for() {
    let source = |text: &str| Source {
        path: "a.rs".to_owned(),
        text: text.to_owned(),
    };
    let wide = "x".repeat(COLUMNS_MAX + 1);
    let list = [source("short"), source(&wide)];
    let found = breaking(list.into_iter(), |line| line.chars().count() > COLUMNS_MAX);
    assert_eq!(found, [format!("a.rs:1: {wide}")]);
    assert!(dependencies("gateway").contains(&"engine".to_owned()));
    assert!(dependencies("engine").contains(&"blake3".to_owned()));
}

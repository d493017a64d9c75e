//! Folders that are not for this process: of another shard, of a later build, with the head mark or
//! the projections of another folder. Each refusal says who, what was wrong and what would be
//! right, and changes no byte.
//!
//! Not here: damage (`damage`), two processes (`two_processes`), other rules (`replay`).

#![allow(clippy::disallowed_methods)] // a test may read files

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::damage::database;
use crate::support::{config, flow, keeper, market, submit};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::journal::head::{self, Mark};
use sanjiang_engine::journal::record;
use sanjiang_engine::recovery::open_folder;
use sanjiang_engine::runtime::{Config, Released, Runtime, Sink, StartError};
use sanjiang_engine::snapshot;
use sanjiang_engine::types::Sequence;

/// A stopped folder with `orders` orders in it; gives its last command.
fn stopped(config: Config, orders: u64) -> Sequence {
    let (sink, watcher) = keeper(u64::MAX);
    let (runtime, recovered) = Runtime::start(config, sink).expect("started");
    let mut last = recovered.last.value() + 1;
    watcher.wait(last);
    if recovered.last == Sequence::ZERO {
        submit(&runtime.handle(), 0, &market());
        last += market().len() as u64;
    }
    for index in 0..orders {
        submit(&runtime.handle(), index, &[flow(index)]);
        last += 1;
        watcher.wait(last);
    }
    runtime.stop().expect("clean").last
}

fn folder(orders: u64) -> (tempfile::TempDir, Sequence) {
    let folder = tempfile::tempdir().expect("a folder");
    let last = stopped(config(folder.path()).0, orders);
    (folder, last)
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("there") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let bytes = fs::read(&path).expect("readable");
                found.insert(path, bytes);
            }
        }
    }
    found
}

/// The start is refused with all of these words, and no file changes.
fn refused(config: Config, sink: Box<dyn Sink>, words: &[&str]) -> StartError {
    let folder = config.data_dir.clone();
    let before = files(&folder);
    let error = Runtime::start(config, sink).err().expect("refused");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not said: {text}");
    }
    assert!(before == files(&folder), "a file changed: {text}");
    error
}

#[test]
fn a_folder_of_another_shard_is_refused() {
    let (folder, _) = folder(3);
    let (mut other, _) = config(folder.path());
    other.shard = 5;
    let words = [
        "of shard 0",
        "shard 5 was asked for",
        "Ask for shard 0",
        "another folder",
    ];
    let error = refused(other, keeper(0).0, &words);
    assert!(matches!(
        error,
        StartError::OtherShard {
            journal: 0,
            asked: 5
        }
    ));
}

#[test]
fn a_journal_of_another_shard_under_this_ones_mark_is_refused() {
    let (ours, last) = folder(3);
    let theirs = tempfile::tempdir().expect("a folder");
    let (mut other, _) = config(theirs.path());
    other.shard = 5;
    assert_eq!(stopped(other, 3), last);
    fs::remove_dir_all(ours.path().join("journal")).expect("removed");
    fs::remove_dir_all(ours.path().join("snapshots")).expect("removed");
    fs::rename(theirs.path().join("journal"), ours.path().join("journal")).expect("moved");
    let range = format!("1..={}", last.value());
    let words = ["it is of shard 5", &*range, "Nothing was changed"];
    refused(config(ours.path()).0, keeper(0).0, &words);
}

/// The last record of a stopped folder.
fn last_record(folder: &Path) -> (Sequence, Vec<u8>) {
    let exhibit = open_folder(folder, None).expect("readable");
    let last = exhibit.export().expect("readable").last();
    let last = last.expect("not empty").expect("readable");
    (last.header.first, last.bytes)
}

#[test]
fn a_record_of_a_later_format_is_refused_and_never_cut() {
    // Below the mark, and above it, where nobody was told of it: a later build still wrote it.
    for above in [false, true] {
        let (folder, _) = folder(3);
        let earlier = fs::read(folder.path().join("head")).expect("readable");
        stopped(config(folder.path()).0, 2);
        let (at, mut bytes) = last_record(folder.path());
        bytes[0] = 2;
        assert!(record::open(&bytes).is_err());
        database::put(folder.path(), at, &bytes);
        for (_, path) in snapshot::list(&folder.path().join("snapshots")).expect("readable") {
            fs::remove_file(path).expect("removed");
        }
        if above {
            fs::write(folder.path().join("head"), earlier).expect("written");
        }
        let place = format!("the record at {}", at.value());
        let words = [
            &*place,
            "format 2 is of a later build",
            "reads up to 1",
            "the later build",
        ];
        let error = refused(config(folder.path()).0, keeper(0).0, &words);
        assert!(matches!(error, StartError::Newer { .. }), "{error}");
    }
}

#[test]
fn a_head_mark_of_a_later_format_is_refused() {
    let (folder, _) = folder(3);
    let path = folder.path().join("head");
    let mut bytes = fs::read(&path).expect("readable");
    for copy in [0, 2_048, 4_096, 6_144] {
        bytes[copy..copy + 8].copy_from_slice(b"SJHEAD03");
    }
    fs::write(&path, bytes).expect("written");
    let name = path.display().to_string();
    let words = [
        &*name,
        "of a later build, or it is damaged",
        "restore a backup",
    ];
    refused(config(folder.path()).0, keeper(0).0, &words);
}

#[test]
fn a_snapshot_of_a_later_format_is_told_and_the_journal_gives_the_same() {
    let (folder, last) = folder(3);
    for (_, path) in snapshot::list(&folder.path().join("snapshots")).expect("readable") {
        let mut bytes = fs::read(&path).expect("readable");
        bytes[8] = 2;
        fs::write(&path, bytes).expect("written");
    }
    let (mut config, _) = config(folder.path());
    let told = std::sync::Arc::<std::sync::Mutex<Vec<String>>>::default();
    let tell = std::sync::Arc::clone(&told);
    config.on_warning = std::sync::Arc::new(move |text| {
        tell.lock().expect("whole").push(text.to_owned());
    });
    let (runtime, recovered) = Runtime::start(config, keeper(u64::MAX).0).expect("started");
    assert_eq!(
        (recovered.last, recovered.from_snapshot),
        (last, Sequence::ZERO)
    );
    drop(runtime);
    let told = told.lock().expect("whole");
    assert!(
        told[0].contains("snapshot format 2 is of a later build"),
        "{told:?}"
    );
}

#[test]
fn a_head_mark_of_another_folder_is_refused() {
    let (ours, last) = folder(3);
    for orders in [1, 3, 9] {
        // The same market, but other orders: other records under the same numbers.
        let theirs = tempfile::tempdir().expect("a folder");
        let (config_theirs, source) = config(theirs.path());
        source.run(sanjiang_engine::types::Nanoseconds(1));
        let end = stopped(config_theirs, orders);
        let head = theirs.path().join("head");
        let (mut config, _) = config(ours.path());
        config.head_file = Some(head.clone());
        let mark: Mark = head::read(&head).expect("readable").expect("there");
        assert_eq!(mark.sequence, end);
        let range = format!("..={}", end.value());
        let said = if end > last {
            "are not in the journal"
        } else {
            "is not the one the head mark names"
        };
        refused(config, keeper(0).0, &[said, &*range, "Nothing was changed"]);
    }
}

#[test]
fn a_head_file_elsewhere_is_used_and_a_missing_one_refused() {
    let (folder, elsewhere) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let head = elsewhere.path().join("mark");
    let with_head = || {
        let (mut config, _) = config(folder.path());
        config.head_file = Some(head.clone());
        config
    };
    let last = stopped(with_head(), 3);
    assert!(!folder.path().join("head").exists());
    let again = stopped(with_head(), 1);
    assert_eq!(again.value(), last.value() + 3);
    let missing = "it is missing beside a journal";
    let words = [missing, "--head-file", "restore a backup"];
    refused(config(folder.path()).0, keeper(0).0, &words);
    fs::remove_file(&head).expect("removed");
    let name = head.display().to_string();
    refused(with_head(), keeper(0).0, &[&*name, missing]);
}

#[test]
fn a_head_file_elsewhere_with_a_hurt_copy_still_tells_of_a_lost_record() {
    for copy in [0, 2_048] {
        let (folder, elsewhere) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        let head = elsewhere.path().join("mark");
        let (mut config, _) = config(folder.path());
        config.head_file = Some(head.clone());
        let last = stopped(config.clone(), 3);
        let exhibit = open_folder(folder.path(), Some(&head)).expect("readable");
        let lost = exhibit.export().expect("readable").last();
        let lost = lost.expect("not empty").expect("readable").header.first;
        drop(exhibit);
        // Without the snapshot of the stop nothing but the mark knows of the record.
        database::remove(folder.path(), lost);
        for (_, path) in snapshot::list(&folder.path().join("snapshots")).expect("readable") {
            fs::remove_file(path).expect("removed");
        }
        let mut bytes = fs::read(&head).expect("readable");
        let counter = |slot: usize| bytes[slot + 8];
        let newer = if counter(4_096) > counter(0) {
            4_096
        } else {
            0
        };
        bytes[newer + copy + 24] ^= 1;
        fs::write(&head, bytes).expect("written");
        let range = format!("{}..={}", lost.value(), last.value());
        let error = refused(config, keeper(0).0, &[&*range, "Nothing was changed"]);
        assert!(matches!(error, StartError::Missing { .. }), "{error}");
    }
}

/// A sink whose own disk holds commands that the journal has not.
struct Ahead;

impl Sink for Ahead {
    fn open(&mut self, journal_last: Sequence) -> Result<Sequence, String> {
        Ok(journal_last.next())
    }
    fn replayed(&mut self, _released: &Released<'_>) {}
    fn recovered(&mut self, _engine: &Engine, _epoch: u32) {}
    fn release(&mut self, _released: &Released<'_>) {}
    fn cursor(&self) -> Sequence {
        Sequence::ZERO
    }
}

#[test]
fn projections_ahead_of_the_journal_are_refused() {
    let (folder, last) = folder(3);
    let hold = format!("the projections hold command {}", last.value() + 1);
    let ends = format!("the journal ends at {}", last.value());
    let words = [&*hold, &*ends, "both must be of one folder"];
    let error = refused(config(folder.path()).0, Box::new(Ahead), &words);
    assert!(matches!(error, StartError::Sink(_)), "{error}");
}

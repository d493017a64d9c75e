//! What comes back from disk: after a clean stop, a kill -9, a cut tail; and what is refused.
//!
//! An image is a copy of the folder of a running shard, taken while it stands still: what a kill
//! would leave. Not here: the whole table of damage, full disks, trimming; a real kill (`killed`),
//! which starts processes, and a fork holds this process's locks until it runs its own program.

#![allow(clippy::disallowed_methods)] // a test may read files

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crate::support::{Seen, Watcher, config, flow, keeper, market, submit};
use sanjiang_engine::command::Body;
use sanjiang_engine::recovery::{open_folder, verify};
use sanjiang_engine::runtime::{Config, MissingRange, Recovered, Runtime, StartError};
use sanjiang_engine::snapshot;
use sanjiang_engine::types::Sequence;

/// A shard with the small market and `orders` of the flow; all of it released.
fn running(folder: &Path, orders: u64) -> (Runtime, Watcher, u64) {
    let (sink, watcher) = keeper(u64::MAX);
    let (runtime, _) = Runtime::start(config(folder).0, sink).expect("started");
    submit(&runtime.handle(), 0, &market());
    let mut last = 1 + market().len() as u64;
    watcher.wait(last);
    for index in 0..orders {
        submit(&runtime.handle(), index, &[flow(index)]);
        last += 1;
        watcher.wait(last);
    }
    (runtime, watcher, last)
}

fn start(folder: &Path) -> Result<(Runtime, Recovered, Watcher), StartError> {
    let (sink, watcher) = keeper(0);
    let (runtime, recovered) = Runtime::start(config(folder).0, sink)?;
    Ok((runtime, recovered, watcher))
}

fn refusal(folder: &Path) -> StartError {
    start(folder).err().expect("the start must be refused")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("there") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("known").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

fn image(folder: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().expect("a folder");
    copy(folder, image.path());
    image
}

/// Every file with its bytes and its time.
type Fingerprint = BTreeMap<PathBuf, (Vec<u8>, SystemTime)>;

fn fingerprint(folder: &Path) -> Fingerprint {
    let mut found = Fingerprint::new();
    for entry in fs::read_dir(folder).expect("there") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(fingerprint(&path));
        } else {
            let changed = fs::metadata(&path).expect("there").modified();
            let bytes = fs::read(&path).expect("readable");
            found.insert(path, (bytes, changed.expect("known")));
        }
    }
    found
}

/// The start is refused, and not a byte, name or time in the folder changes.
fn refused_untouched(folder: &Path) -> StartError {
    let before = fingerprint(folder);
    let error = refusal(folder);
    let after = fingerprint(folder);
    let names = |print: &Fingerprint| print.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "names changed after {error}");
    for (path, content) in &before {
        assert!(after[path] == *content, "{} changed", path.display());
    }
    error
}

fn history(mut seen: Vec<Seen>) -> Vec<Seen> {
    for one in &mut seen {
        one.ticket = None;
    }
    seen
}

fn replayed(watcher: &Watcher) -> Vec<Seen> {
    watcher.record.lock().expect("whole").replayed.clone()
}

/// The bytes of the last record, as the journal holds them.
fn last_record(folder: &Path) -> (Sequence, Vec<u8>) {
    let exhibit = open_folder(folder, None).expect("readable");
    let records = exhibit.export().expect("readable");
    let last = records.last().expect("not empty").expect("readable");
    (last.header.first, last.bytes)
}

/// The log file that holds `bytes`, and where in it they begin.
fn in_log(folder: &Path, bytes: &[u8]) -> (PathBuf, usize) {
    let head = &bytes[..40];
    for entry in fs::read_dir(folder.join("journal")).expect("there") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let content = fs::read(&path).expect("readable");
            if let Some(at) = content.windows(head.len()).position(|part| part == head) {
                return (path, at);
            }
        }
    }
    panic!("the last record is in no log");
}

#[test]
fn a_clean_stop_leaves_a_snapshot_and_the_next_start_replays_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, _, last) = running(folder.path(), 50);
    let stopped = runtime.stop().expect("clean");
    assert_eq!(
        (stopped.last.value(), stopped.snapshot.value()),
        (last, last)
    );
    let (sink, watcher) = keeper(u64::MAX);
    let started = Runtime::start(config(folder.path()).0, sink);
    let (runtime, recovered) = started.expect("started");
    assert_eq!((recovered.last.value(), recovered.replayed), (last, 0));
    assert_eq!(recovered.from_snapshot.value(), last);
    watcher.wait(last + 2);
    assert!(matches!(watcher.released()[0].body, Body::ServiceGap(_)));
    assert_eq!(watcher.released()[1].body, Body::SessionsLost);
    runtime.stop().expect("clean");
}

#[test]
fn an_image_of_a_running_shard_comes_back_with_every_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, watcher, last) = running(folder.path(), 200);
    let image = image(folder.path());
    drop(runtime);
    let (runtime, recovered, again) = start(image.path()).expect("started");
    assert_eq!((recovered.last.value(), recovered.replayed), (last, last));
    assert!(recovered.compared > 100, "each record names a hash");
    assert_eq!(replayed(&again), history(watcher.released()));
    again.wait(last + 1);
    runtime.stop().expect("clean");
}

#[test]
fn a_tail_that_was_never_synced_is_cut_and_an_acknowledged_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, watcher, last) = running(folder.path(), 40);
    let head = fs::read(folder.path().join("head")).expect("readable");
    submit(&runtime.handle(), 9_999, &[flow(1)]);
    watcher.wait(last + 1);
    let whole = image(folder.path());
    drop(runtime);
    let (first, bytes) = last_record(whole.path());
    assert_eq!(first.value(), last + 1);
    let (log, at) = in_log(whole.path(), &bytes);
    let log = log.strip_prefix(whole.path()).expect("inside").to_owned();
    for cut in [0, 1, 60, bytes.len() - 1] {
        let torn = image(whole.path());
        let file = fs::OpenOptions::new()
            .write(true)
            .open(torn.path().join(&log));
        file.expect("there")
            .set_len((at + cut) as u64)
            .expect("cut");
        let error = refused_untouched(torn.path());
        let missing = MissingRange { first, last: first };
        assert!(
            matches!(&error, StartError::Missing { missing: found, .. } if *found == missing),
            "{error}"
        );
        fs::write(torn.path().join("head"), &head).expect("written");
        let (runtime, recovered, again) = start(torn.path()).expect("started");
        assert_eq!(recovered.last.value(), last, "cut at {cut}");
        again.wait(last + 2);
        assert!(matches!(again.released()[0].body, Body::ServiceGap(_)));
        assert_eq!(again.released()[1].body, Body::SessionsLost);
        runtime.stop().expect("clean");
        assert!(verify(torn.path(), None).expect("readable").is_whole());
    }
}

/// A shard whose logs are used again: snapshots often, so that segments are closed and flushed.
fn recycled(folder: &Path) -> (Runtime, Watcher, u64) {
    let (sink, watcher) = keeper(u64::MAX);
    let (mut config, _) = config(folder);
    config.snapshot_every_commands = 20;
    let (runtime, _) = Runtime::start(config, sink).expect("started");
    submit(&runtime.handle(), 0, &market());
    let mut last = 1 + market().len() as u64;
    let mut snapshots = 0;
    for index in 0.. {
        let hundred: Vec<_> = (0..100).map(|at| flow(index * 100 + at)).collect();
        submit(&runtime.handle(), index, &hundred);
        last += 100;
        watcher.wait(last);
        while runtime.handle().status().snapshots == snapshots {
            std::thread::yield_now();
        }
        snapshots = runtime.handle().status().snapshots;
        if snapshots >= 8 {
            break;
        }
    }
    (runtime, watcher, last)
}

#[test]
fn the_last_record_of_a_recycled_log_is_cut_where_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, watcher, mut last) = recycled(folder.path());
    let mut head = Vec::new();
    for index in 0..3 {
        head = fs::read(folder.path().join("head")).expect("readable");
        submit(&runtime.handle(), 50_000 + index, &[flow(index)]);
        last += 1;
        watcher.wait(last);
    }
    let whole = image(folder.path());
    drop(runtime);
    let (_, bytes) = last_record(whole.path());
    let (log, at) = in_log(whole.path(), &bytes);
    let content = fs::read(&log).expect("readable");
    assert!(
        content[at + bytes.len() + 100..]
            .iter()
            .any(|byte| *byte != 0),
        "the log holds older bytes after its last record: it was used before"
    );
    let mut torn = content.clone();
    torn[at + 30..at + bytes.len()].fill(0);
    fs::write(&log, torn).expect("written");
    assert!(matches!(
        refused_untouched(whole.path()),
        StartError::Missing { .. }
    ));
    fs::write(whole.path().join("head"), head).expect("written");
    let (runtime, recovered, _) = start(whole.path()).expect("started");
    assert_eq!(recovered.last.value(), last - 1);
    runtime.stop().expect("clean");
}

#[test]
fn a_head_mark_above_the_log_names_the_missing_range() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, watcher, last) = running(folder.path(), 30);
    let early = image(folder.path());
    for index in 0..5 {
        submit(&runtime.handle(), index, &[flow(index)]);
    }
    watcher.wait(last + 5);
    fs::copy(folder.path().join("head"), early.path().join("head")).expect("copied");
    drop(runtime);
    let error = refused_untouched(early.path());
    let expected = MissingRange {
        first: Sequence::new(last + 1),
        last: Sequence::new(last + 5),
    };
    assert!(
        matches!(&error, StartError::Missing { missing, head_mark, .. }
            if *missing == expected && head_mark.value() == last + 5),
        "{error}"
    );
    let report = verify(early.path(), None).expect("readable");
    assert_eq!(report.missing, [expected]);
    assert!(report.chain_ok && !report.is_whole());
}

#[test]
fn a_missing_mark_a_missing_journal_and_a_lost_current_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, _, last) = running(folder.path(), 5);
    let whole = image(folder.path());
    drop(runtime);

    let one = image(whole.path());
    fs::remove_file(one.path().join("head")).expect("removed");
    let error = refused_untouched(one.path());
    assert!(matches!(error, StartError::HeadMark { .. }), "{error}");

    let one = image(whole.path());
    fs::remove_dir_all(one.path().join("journal")).expect("removed");
    let error = refused_untouched(one.path());
    assert!(
        matches!(&error, StartError::Missing { missing, .. } if missing.last.value() == last),
        "{error}"
    );

    let one = image(whole.path());
    fs::remove_file(one.path().join("journal/CURRENT")).expect("removed");
    let error = refused_untouched(one.path());
    assert!(error.to_string().contains("CURRENT"), "{error}");
}

#[test]
fn a_second_process_and_the_tools_are_refused_while_the_folder_is_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, _, _) = running(folder.path(), 1);
    let in_use = StartError::InUse(folder.path().to_path_buf());
    assert_eq!(refusal(folder.path()), in_use);
    assert_eq!(verify(folder.path(), None), Err(in_use));
    runtime.stop().expect("clean");
    assert!(verify(folder.path(), None).expect("free").is_whole());
    let empty = tempfile::tempdir().expect("a folder");
    let error = verify(empty.path(), None).expect_err("nothing there");
    assert_eq!(error, StartError::NoJournal(empty.path().to_path_buf()));
}

#[test]
fn verify_and_export_read_everything_and_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, watcher, last) = running(folder.path(), 60);
    runtime.stop().expect("clean");
    let before = fingerprint(folder.path());
    let report = verify(folder.path(), None).expect("readable");
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.first_sequence.value(), 1);
    assert_eq!(report.last_sequence.value(), last);
    assert_eq!(report.head_mark_sequence, Some(Sequence::new(last)));
    assert_eq!(report.commands, last);
    assert_eq!(report.snapshots, [(Sequence::new(last), None)]);
    let exhibit = open_folder(folder.path(), None).expect("readable");
    let records = exhibit.export().expect("readable");
    let commands = records.flat_map(|record| record.expect("readable").commands);
    let bodies: Vec<_> = commands.map(|command| command.value.body).collect();
    let expected: Vec<_> = watcher
        .released()
        .into_iter()
        .map(|seen| seen.body)
        .collect();
    assert_eq!(bodies, expected);
    assert!(
        fingerprint(folder.path()) == before,
        "a tool changed a file"
    );
}

#[test]
fn a_damaged_snapshot_is_told_and_the_older_one_gives_the_same_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, _, first) = running(folder.path(), 20);
    runtime.stop().expect("clean");
    let (runtime, _, again) = start(folder.path()).expect("started");
    submit(&runtime.handle(), 1, &[flow(77)]);
    again.wait(first + 3);
    runtime.stop().expect("clean");
    let snapshots = folder.path().join("snapshots");
    let listed = snapshot::list(&snapshots).expect("readable");
    let at: Vec<_> = listed.iter().map(|(at, _)| at.value()).collect();
    assert_eq!(at, [first + 3, first]);
    let newest = snapshot::load(&listed[0].1).expect("whole").header;
    let mut bytes = fs::read(&listed[0].1).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&listed[0].1, bytes).expect("written");

    let warnings = Arc::<Mutex<Vec<String>>>::default();
    let told = Arc::clone(&warnings);
    let (mut config, _): (Config, _) = config(folder.path());
    config.on_warning = Arc::new(move |text| told.lock().expect("whole").push(text.to_owned()));
    let (sink, watcher) = keeper(u64::MAX);
    let (runtime, recovered) = Runtime::start(config, sink).expect("started");
    assert_eq!(recovered.from_snapshot.value(), first);
    assert_eq!(recovered.replayed, 3);
    let warnings = warnings.lock().expect("whole").clone();
    assert!(warnings[0].contains("damaged"), "{warnings:?}");
    let recovered = watcher.record.lock().expect("whole").recovered[0];
    assert_eq!(recovered, (newest.sequence, 1, newest.state_hash));
    runtime.stop().expect("clean");
}

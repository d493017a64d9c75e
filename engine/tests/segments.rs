//! Segments on a real disk: what they take, what they cost the order path, and what they reach
//! back to.
//!
//! Not here: the order of archiving and dropping step by step (`runtime/segments_tests`), the bytes
//! of an archive file (`journal/archive_tests`).

#![allow(clippy::disallowed_methods)] // a test may read files

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{Keeper, Seen, Watcher, config, flow, keeper, limits, market, submit};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::Events;
use sanjiang_engine::journal::archive;
use sanjiang_engine::journal::folder::Layout;
use sanjiang_engine::recovery::{as_of, open_folder, verify};
use sanjiang_engine::runtime::{Config, Released, Runtime, Sink, StartError};
use sanjiang_engine::snapshot;
use sanjiang_engine::types::Sequence;

/// Commands of one submission.
const BATCH: u64 = 100;
/// Snapshots come a little more often than a round of batches, so that each round sees one.
const fn every(batches: u64) -> u64 {
    BATCH * batches * 3 / 4
}

/// A shard that is driven batch by batch, with the longest time one took.
struct Driven {
    runtime: Runtime,
    watcher: Watcher,
    last: u64,
    longest: Duration,
}

/// A shard whose sink says it has everything up to `cursor`; a snapshot comes after `every`
/// commands.
fn start(folder: &Path, every: u64, cursor: u64, change: impl FnOnce(&mut Config)) -> Driven {
    let (sink, watcher) = keeper(cursor);
    let (mut config, _) = config(folder);
    config.snapshot_every_commands = every;
    config.journal_write_buffer_bytes = 64 << 10;
    change(&mut config);
    let (runtime, recovered) = Runtime::start(config, sink).expect("started");
    let mut last = recovered.last.value() + 1;
    if last == 1 {
        submit(&runtime.handle(), 0, &market());
        last += market().len() as u64;
    }
    watcher.wait(last);
    Driven {
        runtime,
        watcher,
        last,
        longest: Duration::ZERO,
    }
}

impl Driven {
    fn batches(&mut self, count: u64) {
        for _ in 0..count {
            let batch: Vec<_> = (0..BATCH).map(|at| flow(self.last + at)).collect();
            let began = Instant::now();
            submit(&self.runtime.handle(), self.last, &batch);
            self.last += BATCH;
            self.watcher.wait(self.last);
            self.longest = self.longest.max(began.elapsed());
        }
    }

    /// Drives until `rolls` more snapshots were taken, at least `batches` for each.
    fn rolls(&mut self, rolls: u64, batches: u64) {
        for _ in 0..rolls {
            let before = self.runtime.handle().status().snapshots;
            self.batches(batches);
            while self.runtime.handle().status().snapshots == before {
                std::thread::yield_now();
            }
        }
    }

    fn stop(self) -> Vec<Seen> {
        self.runtime.stop().expect("clean");
        self.watcher.released()
    }
}

/// Bytes on disk below a folder.
fn on_disk(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("there");
    let sizes = entries.map(|entry| {
        let path = entry.expect("readable").path();
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => on_disk(&path),
            Ok(found) => found.blocks() * 512,
            // The database removes files of its own accord.
            Err(_) => 0,
        }
    });
    sizes.sum()
}

fn archived(folder: &Path) -> Vec<PathBuf> {
    let listed = archive::list(&Layout::new(folder).archive()).expect("readable");
    listed.into_iter().map(|(_, path)| path).collect()
}

/// Waits until so many archive files are there.
fn wait_archived(folder: &Path, count: usize) {
    while archived(folder).len() < count {
        std::thread::yield_now();
    }
}

#[test]
fn disk_use_falls_and_the_order_path_hardly_waits() {
    const ROLLS: u64 = 8;
    const BATCHES: u64 = 200;
    let run = |name: &str, every: u64, cursor: u64| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut shard = start(folder.path(), every, cursor, |_| {});
        let mut sizes = Vec::new();
        for roll in 1..=ROLLS {
            if every == u64::MAX {
                shard.batches(BATCHES);
            } else {
                shard.rolls(1, BATCHES);
                wait_archived(folder.path(), roll as usize);
            }
            sizes.push(on_disk(&folder.path().join("journal")) >> 10);
        }
        let (last, longest) = (shard.last, shard.longest);
        shard.stop();
        let journal = on_disk(&folder.path().join("journal"));
        let all = journal + on_disk(&folder.path().join("archive"));
        println!(
            "{name}: {last} commands, longest wait of a batch {longest:?}, journal after each \
             roll {sizes:?} KiB, at the end {journal} bytes on disk, with the archive {all}"
        );
        let report = verify(folder.path(), None).expect("readable");
        assert!(report.is_whole(), "{name}: {report:?}");
        (journal, all)
    };
    run("no rolls", u64::MAX, u64::MAX);
    let (kept, kept_all) = run("rolled, nothing dropped", every(BATCHES), 0);
    let (dropped, dropped_all) = run("rolled and dropped", every(BATCHES), u64::MAX);
    assert!(
        2 * dropped < kept && dropped_all < kept_all,
        "{dropped} bytes against {kept}, with the archive {dropped_all} against {kept_all}"
    );
}

/// A shard of six rolls with what its early segments held only in the archive.
fn rolled(folder: &Path) -> Vec<Seen> {
    let mut shard = start(folder, every(3), u64::MAX, |_| {});
    shard.rolls(6, 3);
    wait_archived(folder, 6);
    shard.stop()
}

fn history(mut seen: Vec<Seen>) -> Vec<Seen> {
    for one in &mut seen {
        one.ticket = None;
    }
    seen
}

fn first_in_journal(folder: &Path) -> u64 {
    let (sink, _watcher) = keeper(u64::MAX);
    let (runtime, recovered) = Runtime::start(config(folder).0, sink).expect("started");
    drop(runtime);
    recovered.first.value()
}

/// What a start with a sink that has nothing hands over.
fn replayed_from_nothing(folder: &Path) -> Result<Vec<Seen>, StartError> {
    let (sink, watcher) = keeper(0);
    let (runtime, _) = Runtime::start(config(folder).0, sink)?;
    drop(runtime);
    let record = watcher.record.lock().expect("whole");
    Ok(record.replayed.clone())
}

fn exported(folder: &Path) -> Vec<u64> {
    let exhibit = open_folder(folder, None).expect("readable");
    let records = exhibit.export().expect("readable");
    let commands = records.flat_map(|record| record.expect("readable").commands);
    commands.map(|command| command.sequence.value()).collect()
}

#[test]
fn what_was_dropped_is_replayed_from_the_archive() {
    let folder = tempfile::tempdir().expect("a folder");
    let released = history(rolled(folder.path()));
    let again = replayed_from_nothing(folder.path()).expect("started");
    assert_eq!(again, released);
    let first = first_in_journal(folder.path());
    assert!(first > 300, "the journal begins at {first}");
    assert!(
        exported(folder.path())
            .into_iter()
            .zip(1..)
            .all(|(found, next)| found == next)
    );
    // Without any snapshot the archive is the way back.
    for entry in fs::read_dir(folder.path().join("snapshots")).expect("there") {
        fs::remove_file(entry.expect("readable").path()).expect("removed");
    }
    let (sink, watcher) = keeper(0);
    let (runtime, recovered) = Runtime::start(config(folder.path()).0, sink).expect("started");
    assert_eq!(recovered.from_snapshot, Sequence::ZERO);
    drop(runtime);
    let replayed = watcher.record.lock().expect("whole").replayed.clone();
    assert_eq!(replayed[..released.len()], released);
    println!(
        "{} commands replayed, the journal alone begins at {first}",
        replayed.len()
    );
}

#[test]
fn a_third_snapshot_that_a_kill_left_asks_nothing_of_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let released = history(rolled(folder.path()));
    let kept = snapshot::list(&folder.path().join("archive")).expect("readable");
    let (at, first_of_day) = kept.last().expect("one a day").clone();
    assert!(
        at.value() + 1 < first_in_journal(folder.path()),
        "it is below"
    );
    let third = snapshot::path(&folder.path().join("snapshots"), at);
    fs::copy(first_of_day, third).expect("copied");
    let (sink, _watcher) = keeper(u64::MAX);
    let (runtime, recovered) = Runtime::start(config(folder.path()).0, sink).expect("started");
    drop(runtime);
    let last = released.last().expect("not empty").sequence;
    assert!(recovered.last >= last, "{recovered}");
}

#[test]
fn the_engine_as_of_any_command_is_the_one_that_was() {
    let folder = tempfile::tempdir().expect("a folder");
    rolled(folder.path());
    let exhibit = open_folder(folder.path(), None).expect("readable");
    let records = exhibit.export().expect("readable");
    let mut engine = Engine::new(limits());
    let mut events = Events::default();
    let (mut compared, mut live) = (0, 0);
    let snapshots = Layout::new(folder.path()).snapshots();
    let kept = snapshot::list(&snapshots).expect("readable");
    for command in records.flat_map(|record| record.expect("readable").commands) {
        events.clear();
        engine.apply(&command, &mut events);
        let at = command.sequence;
        // What the shard itself said of its state while it ran.
        let said = kept.iter().find(|(kept, _)| *kept == at);
        let said = said.map(|(_, path)| snapshot::load(path).expect("whole").header.state_hash);
        if said.is_none() && !at.value().is_multiple_of(173) && at.value() != 1 {
            continue;
        }
        let then = as_of(folder.path(), limits(), at).expect("kept");
        assert_eq!((then.sequence(), then.time()), (at, engine.time()));
        assert_eq!(
            then.event_hash(),
            engine.event_hash(),
            "as of {}",
            at.value()
        );
        assert_eq!(
            then.state_hash(),
            engine.state_hash(),
            "as of {}",
            at.value()
        );
        if let Some(said) = said {
            assert_eq!(
                then.state_hash(),
                said,
                "as the shard said at {}",
                at.value()
            );
            live += 1;
        }
        compared += 1;
    }
    assert!(compared > 10 && live == 2, "{compared}, {live}");
    let above = engine.sequence().next();
    let error = as_of(folder.path(), limits(), above).expect_err("not there yet");
    assert!(error.to_string().contains("ends at command"), "{error}");
    println!("{compared} states equal, {live} of them named by the shard while it ran");
}

#[test]
fn verify_looks_at_the_archive_and_names_what_it_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    rolled(folder.path());
    let whole = verify(folder.path(), None).expect("readable");
    assert!(
        whole.is_whole() && whole.first_sequence.value() == 1,
        "{whole:?}"
    );
    let files = archived(folder.path());
    let kept: Vec<_> = files
        .iter()
        .map(|path| fs::read(path).expect("readable"))
        .collect();
    let name = |at: usize| {
        files[at]
            .file_name()
            .expect("a name")
            .to_str()
            .expect("text")
    };
    for (at, bytes) in kept.iter().enumerate() {
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 3] ^= 4;
        fs::write(&files[at], damaged).expect("written");
        let report = verify(folder.path(), None).expect("readable");
        assert!(
            !report.is_whole() && report.faults[0].contains(name(at)),
            "{report:?}"
        );
        fs::write(&files[at], bytes).expect("written");
    }
    let (_, day) = snapshot::list(&folder.path().join("archive")).expect("readable")[0].clone();
    let good = fs::read(&day).expect("readable");
    fs::write(&day, &good[1..]).expect("written");
    let report = verify(folder.path(), None).expect("readable");
    assert!(
        !report.is_whole() && report.faults[0].contains("snapshot_"),
        "{report:?}"
    );
    fs::write(&day, good).expect("written");
    fs::remove_file(&files[1]).expect("removed");
    let report = verify(folder.path(), None).expect("readable");
    let first: u64 = name(1)["records_".len()..].parse().expect("a number");
    assert!(
        !report.is_whole() && report.missing[0].first.value() == first,
        "{report:?}"
    );
    for file in files.iter().filter(|file| file.exists()) {
        fs::remove_file(file).expect("removed");
    }
    let report = verify(folder.path(), None).expect("readable");
    assert!(
        !report.is_whole() && report.faults[0].contains("nor the archive"),
        "{report:?}"
    );
    println!(
        "{} files damaged, one and all removed, each named",
        files.len()
    );
}

#[test]
fn a_part_of_the_history_is_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    rolled(folder.path());
    let exhibit = open_folder(folder.path(), None).expect("readable");
    let part = |from: u64, until: u64| {
        let (from, until) = (Sequence::new(from), Sequence::new(until));
        let records = exhibit.export_range(from, until).expect("readable");
        let commands = records.flat_map(|record| record.expect("readable").commands);
        commands
            .map(|command| command.sequence.value())
            .collect::<Vec<_>>()
    };
    for (from, until) in [(1, 5), (150, 150), (57, 433), (1_000, 1_201), (9, 8)] {
        assert_eq!(part(from, until), (from..=until).collect::<Vec<_>>());
    }
    let all = part(1, u64::MAX);
    assert_eq!(part(0, u64::MAX), all);
    assert_eq!(part(all.len() as u64 + 1, u64::MAX), []);
}

#[test]
fn a_damaged_archive_file_is_told_and_refuses_only_what_needs_it() {
    let folder = tempfile::tempdir().expect("a folder");
    rolled(folder.path());
    let files = archived(folder.path());
    let second = files[1].clone();
    let whole = fs::read(&second).expect("readable");
    let name = second.file_name().expect("a name").to_str().expect("text");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&second, damaged).expect("written");
    let error = replayed_from_nothing(folder.path()).expect_err("it is needed");
    assert!(error.to_string().contains(name), "{error}");
    // A start that needs none of it goes on.
    assert!(first_in_journal(folder.path()) > 300);
    fs::remove_file(&second).expect("removed");
    let error = replayed_from_nothing(folder.path()).expect_err("it is needed");
    assert!(!error.to_string().is_empty());
    fs::write(&second, whole).expect("written");
    replayed_from_nothing(folder.path()).expect("whole again");
}

#[test]
fn an_archive_that_cannot_be_written_is_told_and_nothing_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = Arc::<Mutex<Vec<String>>>::default();
    let hear = Arc::clone(&told);
    let mut shard = start(folder.path(), every(3), u64::MAX, |config| {
        config.on_warning = Arc::new(move |text| hear.lock().expect("whole").push(text.to_owned()));
    });
    let place = folder.path().join("archive");
    fs::remove_dir_all(&place).expect("removed");
    fs::write(&place, b"not a folder").expect("written");
    shard.rolls(4, 3);
    let stays = |told: &Vec<String>| {
        told.iter()
            .any(|text| text.contains("stays in the journal"))
    };
    while !stays(&told.lock().expect("whole")) {
        std::thread::yield_now();
    }
    fs::remove_file(&place).expect("removed");
    fs::create_dir(&place).expect("made");
    // The next snapshot goes on with all of it.
    shard.rolls(1, 3);
    wait_archived(folder.path(), 5);
    let last = shard.last;
    shard.stop();
    let report = verify(folder.path(), None).expect("readable");
    assert!(report.is_whole() && report.commands >= last, "{report:?}");
    println!("warned {} times", told.lock().expect("whole").len());
}

/// A sink whose own disk comes after it.
struct Late {
    inner: Box<Keeper>,
    cursor: Arc<AtomicU64>,
}

impl Sink for Late {
    fn open(&mut self, journal_last: Sequence) -> Result<Sequence, String> {
        self.inner.open(journal_last)
    }

    fn replayed(&mut self, released: &Released<'_>) {
        self.inner.replayed(released);
    }

    fn recovered(&mut self, engine: &Engine, epoch: u32) {
        self.inner.recovered(engine, epoch);
    }

    fn release(&mut self, released: &Released<'_>) {
        self.inner.release(released);
    }

    fn cursor(&self) -> Sequence {
        Sequence::new(self.cursor.load(Ordering::Acquire))
    }
}

#[test]
fn what_the_sink_has_on_disk_is_seen_while_nothing_is_released() {
    let folder = tempfile::tempdir().expect("a folder");
    let (inner, watcher) = keeper(0);
    let cursor = Arc::<AtomicU64>::default();
    let late = Box::new(Late {
        inner,
        cursor: Arc::clone(&cursor),
    });
    let (runtime, _) = Runtime::start(config(folder.path()).0, late).expect("started");
    submit(&runtime.handle(), 0, &market());
    let last = 1 + market().len() as u64;
    watcher.wait(last);
    assert_eq!(runtime.handle().status().cursor, Sequence::ZERO);
    cursor.store(last, Ordering::Release);
    while runtime.handle().status().cursor.value() < last {
        std::thread::yield_now();
    }
    runtime.stop().expect("clean");
}

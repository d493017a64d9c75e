//! Tests of `segments` on a journal in memory: what is archived and dropped, in which order of
//! events, and what a crash or a fault in the middle leaves.
//!
//! Not here: the disk's bytes and the pauses (`engine/tests/segments.rs`).

use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::engine::Engine;
use crate::journal::history;
use crate::journal::memory::MemoryJournal;
use crate::journal::record::Header;
use crate::limits::Limits;
use crate::snapshot::Stamp;

struct Scene {
    folder: tempfile::TempDir,
    journal: MemoryJournal,
    previous: Chain,
    next: u64,
    hash: u128,
    told: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Layout::new(folder.path()).make().expect("made");
        Self {
            folder,
            journal: MemoryJournal::new(),
            previous: Chain::GENESIS,
            next: 1,
            hash: 0,
            told: Arc::default(),
        }
    }

    fn layout(&self) -> Layout {
        Layout::new(self.folder.path())
    }

    fn segments(&self) -> Segments {
        let told = Arc::clone(&self.told);
        let tell = move |text: &str| told.lock().expect("whole").push(text.to_owned());
        let journal = Arc::new(self.journal.clone());
        Segments::new(journal, &self.layout(), Arc::new(tell))
    }

    /// Appends `count` records of two commands.
    fn append(&mut self, count: u64) {
        for _ in 0..count {
            let first = Sequence::new(self.next);
            let header = Header {
                shard: 0,
                epoch: 1,
                count: 2,
                first,
                base_time: Time::new(0).expect("in bounds"),
                events_at: first,
                events_hash: self.hash,
                previous: self.previous,
            };
            let mut bytes = Vec::new();
            record::begin(&mut bytes);
            self.previous = record::seal(&header, &mut bytes);
            self.journal.append(first, &bytes).expect("appended");
            self.next += 2;
        }
    }

    /// A snapshot at the end, the newest two kept, and a new segment.
    fn roll(&self, at: i64) -> Snapshot {
        let stamp = Stamp {
            shard: 0,
            epoch: 1,
            chain: self.previous,
            semantics: 1,
            build: String::new(),
        };
        let limits = Limits {
            orders_max: 8,
            levels_max: 8,
            requests_capacity: 8,
            ..Limits::default()
        };
        let mut snapshot = Snapshot::of(&Engine::new(limits), &stamp);
        snapshot.header.sequence = Sequence::new(self.next - 1);
        snapshot.header.time = Time::new(at).expect("in bounds");
        let snapshots = self.layout().snapshots();
        snapshot::write(&snapshots, &snapshot).expect("written");
        snapshot::keep_newest(&snapshots).expect("kept");
        self.journal.roll(Sequence::new(self.next)).expect("rolled");
        snapshot
    }

    fn kept(&self) -> Vec<u64> {
        self.journal.firsts().iter().map(|at| at.value()).collect()
    }

    fn archived(&self) -> Vec<u64> {
        let listed = archive::list(&self.layout().archive()).expect("readable");
        listed.iter().map(|(first, _)| first.value()).collect()
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().expect("whole"))
    }

    /// Archive and journal hold every record once.
    fn whole(&self) {
        let archive = self.layout().archive();
        let all = history::read_from(&self.journal, &archive, Sequence::ZERO).expect("readable");
        let keys: Vec<_> = all.map(|stored| stored.expect("good").0.value()).collect();
        let expected: Vec<_> = (1..self.next).step_by(2).collect();
        assert_eq!(keys, expected);
    }
}

fn reached(durable: u64, cursor: u64) -> Reached {
    Reached {
        durable: Sequence::new(durable),
        cursor: Sequence::new(cursor),
    }
}

const DAY: i64 = DAY_NANOSECONDS;

#[test]
fn a_segment_goes_only_behind_the_older_snapshot_the_cursor_and_its_archive_file() {
    let mut scene = Scene::new();
    let mut segments = scene.segments();
    scene.append(2);
    segments.tend(reached(4, 4));
    assert_eq!((scene.kept(), scene.archived()), (vec![1, 3], vec![]));
    segments.closed(&scene.roll(0));
    scene.append(2);
    // Not durable up to its end: not even archived.
    segments.tend(reached(3, 3));
    assert_eq!(scene.archived(), Vec::<u64>::new());
    // One snapshot alone: archived and kept.
    segments.tend(reached(8, 8));
    assert_eq!(
        (scene.kept(), scene.archived()),
        (vec![1, 3, 5, 7], vec![1])
    );
    segments.closed(&scene.roll(0));
    scene.append(1);
    // Two snapshots, but the sink has not come so far.
    segments.tend(reached(10, 3));
    assert_eq!((scene.kept()[0], scene.archived()), (1, vec![1, 5]));
    segments.tend(reached(10, 4));
    assert_eq!(scene.kept(), [5, 7, 9]);
    // Behind the older snapshot only: the second segment stays.
    segments.tend(reached(10, 10));
    assert_eq!(scene.kept(), [5, 7, 9]);
    scene.whole();
    assert_eq!(scene.told(), Vec::<String>::new());
}

#[test]
fn a_start_goes_on_with_what_a_crash_left() {
    let mut scene = Scene::new();
    scene.append(2);
    scene.roll(0);
    scene.append(2);
    scene.roll(0);
    scene.append(1);
    let archive = scene.layout().archive();
    // A crash after the first file was made, and in the middle of the second.
    let path = archive::path(&archive, Sequence::new(1));
    let mut first = scene
        .journal
        .read_segment(Sequence::new(1))
        .expect("readable");
    archive::write(&path, 0, Chain::GENESIS, &mut first).expect("written");
    let half = archive::path(&archive, Sequence::new(5)).with_extension("tmp");
    std::fs::write(&half, b"SJARCH01").expect("written");
    let before = std::fs::metadata(&path).expect("there").modified();
    scene.segments().tend(reached(10, 10));
    assert_eq!(
        (scene.kept(), scene.archived()),
        (vec![5, 7, 9], vec![1, 5])
    );
    assert!(!half.exists(), "half-made files are removed");
    let after = std::fs::metadata(&path).expect("there").modified();
    assert_eq!(
        before.expect("known"),
        after.expect("known"),
        "not rewritten"
    );
    scene.whole();
}

#[test]
fn a_file_that_holds_a_part_of_a_segment_is_gone_on_from() {
    let mut scene = Scene::new();
    scene.append(2);
    let archive = scene.layout().archive();
    let path = archive::path(&archive, Sequence::new(1));
    let journal = scene.journal.clone();
    let mut first = journal.read_from(Sequence::ZERO).expect("readable");
    archive::write(&path, 0, Chain::GENESIS, &mut first).expect("written");
    scene.append(3);
    scene.roll(0);
    scene.append(1);
    scene.roll(0);
    scene.segments().tend(reached(12, 12));
    assert_eq!(scene.archived(), [1, 5, 11]);
    assert_eq!(scene.kept(), [11]);
    scene.whole();
}

fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn a_damaged_or_foreign_file_and_a_damaged_snapshot_are_told_and_drop_nothing() {
    let mut scene = Scene::new();
    scene.append(2);
    scene.roll(0);
    scene.append(2);
    scene.roll(0);
    let all = scene.kept();
    scene.segments().tend(reached(4, 0));
    let path = archive::path(&scene.layout().archive(), Sequence::new(1));
    damage(&path);
    scene.segments().tend(reached(8, 8));
    assert_eq!(scene.kept(), all);
    let told = scene.told();
    assert!(told.len() == 1 && told[0].contains("damaged"), "{told:?}");

    std::fs::remove_file(&path).expect("removed");
    let mut other = Scene::new();
    other.hash = 1;
    other.append(1);
    let mut foreign = other.journal.read_from(Sequence::ZERO).expect("readable");
    archive::write(&path, 0, Chain::GENESIS, &mut foreign).expect("written");
    scene.segments().tend(reached(8, 8));
    assert_eq!(scene.kept(), all);
    let told = scene.told();
    assert!(
        told.len() == 1 && told[0].contains("other records"),
        "{told:?}"
    );

    let mut scene = Scene::new();
    scene.append(2);
    scene.roll(0);
    scene.append(2);
    scene.roll(0);
    let (_, newest) = snapshot::list(&scene.layout().snapshots()).expect("readable")[0].clone();
    damage(&newest);
    scene.segments().tend(reached(8, 8));
    assert_eq!(scene.kept(), all);
    let told = scene.told();
    assert!(told.len() == 1 && told[0].contains("snapshot_"), "{told:?}");
}

#[test]
fn the_first_snapshot_of_each_day_is_kept() {
    let mut scene = Scene::new();
    let mut segments = scene.segments();
    let eight = DAY_OFFSET_NANOSECONDS;
    let times = [
        10 * DAY - eight,
        10 * DAY,
        11 * DAY - eight - 1,
        11 * DAY - eight,
        13 * DAY,
    ];
    for at in times {
        scene.append(1);
        segments.closed(&scene.roll(at));
    }
    let days = |scene: &Scene| {
        let listed = snapshot::list(&scene.layout().archive()).expect("readable");
        listed.iter().map(|(at, _)| at.value()).collect::<Vec<_>>()
    };
    assert_eq!(days(&scene), [10, 8, 2]);
    // Another process knows which day it is.
    let mut again = scene.segments();
    scene.append(1);
    again.closed(&scene.roll(13 * DAY + 1));
    assert_eq!(days(&scene), [10, 8, 2]);
    scene.append(1);
    again.closed(&scene.roll(14 * DAY));
    assert_eq!(days(&scene), [14, 10, 8, 2]);
    assert_eq!(scene.told(), Vec::<String>::new());
}

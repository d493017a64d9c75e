//! Folders written under other rules than this build's: later ones are refused before anything is
//! opened, older ones where they would have to be replayed, each by name and range.
//!
//! The other version is written into what this build wrote; what two true builds do on one folder
//! is `.ci/upgrade`. Not here: a build that is different without saying so (`.ci/altered-rule`).

#![allow(clippy::disallowed_methods)] // a test may read files

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{config, flow, internal, keeper, limits, market, submit};
use sanjiang_engine::SEMANTICS_VERSION;
use sanjiang_engine::command::{Body, Sequenced};
use sanjiang_engine::event::Events;
use sanjiang_engine::journal::Journal as _;
use sanjiang_engine::journal::codec;
use sanjiang_engine::journal::head::{HeadFile, Mark};
use sanjiang_engine::journal::memory::MemoryJournal;
use sanjiang_engine::journal::record::{self, Header};
use sanjiang_engine::runtime::{OtherRules, Runtime, StartError};
use sanjiang_engine::snapshot::{self, Snapshot};
use sanjiang_engine::types::Sequence;

const OLDER: u32 = SEMANTICS_VERSION - 1;
const LATER: u32 = SEMANTICS_VERSION + 1;

/// A stopped folder with two snapshots, at its end and before.
struct Place {
    folder: tempfile::TempDir,
    journal: MemoryJournal,
    older: Sequence,
    newest: Sequence,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = MemoryJournal::new();
        let mut place = Self {
            folder,
            journal,
            older: Sequence::ZERO,
            newest: Sequence::ZERO,
        };
        place.older = place.traded();
        place.newest = place.traded();
        place
    }

    /// Starts, trades a little and stops; the last command.
    fn traded(&self) -> Sequence {
        let (sink, watcher) = keeper(u64::MAX);
        let (settings, _) = config(self.folder.path());
        let started = Runtime::start_on(&settings, &self.journal, sink);
        let (runtime, recovered) = started.expect("started");
        // The version at first, later how long there was no service and that sessions are lost.
        let mut last = recovered.last.value() + 2;
        if recovered.last == Sequence::ZERO {
            last = 1;
            submit(&runtime.handle(), 0, &market());
            last += market().len() as u64;
        }
        for index in 0..5 {
            watcher.wait(last);
            submit(&runtime.handle(), index, &[flow(index)]);
            last += 1;
        }
        let stopped = runtime.stop().expect("clean");
        assert_eq!(
            (stopped.last.value(), stopped.snapshot),
            (last, stopped.last)
        );
        stopped.last
    }

    fn snapshots(&self) -> PathBuf {
        self.folder.path().join("snapshots")
    }

    fn load(&self, at: Sequence) -> Snapshot {
        snapshot::load(&snapshot::path(&self.snapshots(), at)).expect("whole")
    }

    /// Has the snapshot say that it was taken under `version`.
    fn rewrite(&self, at: Sequence, version: u32) {
        let mut snapshot = self.load(at);
        snapshot.header.semantics = version;
        snapshot::write(&self.snapshots(), &snapshot).expect("written");
    }

    fn remove(&self, at: Sequence) {
        fs::remove_file(snapshot::path(&self.snapshots(), at)).expect("removed");
    }

    /// One record more at the end, as a runtime would have written it.
    fn append(&self, bodies: Vec<Body>) {
        let snapshot = self.load(self.newest);
        let mut engine = snapshot.restore(limits()).expect("whole");
        let (mut bytes, base_time) = (Vec::new(), engine.time());
        let (first, count) = (self.newest.next(), bodies.len() as u32);
        record::begin(&mut bytes);
        for body in bodies {
            let command = Sequenced {
                sequence: engine.sequence().next(),
                time: base_time,
                value: internal(body),
            };
            codec::encode(&mut bytes, base_time, &command);
            engine.apply(&command, &mut Events::default());
        }
        let header = Header {
            shard: 0,
            epoch: 1,
            count,
            first,
            base_time,
            events_at: engine.sequence(),
            events_hash: engine.event_hash().0,
            previous: snapshot.header.chain,
        };
        let mark = Mark {
            shard: 0,
            epoch: 1,
            sequence: engine.sequence(),
            chain: record::seal(&header, &mut bytes),
        };
        self.journal.append(first, &bytes).expect("in memory");
        HeadFile::create(&self.folder.path().join("head"), &mark).expect("written");
    }

    /// A start whose projections reach `cursor` is refused with these words, and no file changes;
    /// also says whether the projections were opened.
    fn refused(&self, cursor: u64, words: &[&str]) -> (StartError, bool) {
        let before = files(self.folder.path());
        let (sink, watcher) = keeper(cursor);
        let (settings, _) = config(self.folder.path());
        let started = Runtime::start_on(&settings, &self.journal, sink);
        let error = started.err().expect("refused");
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "{word:?} is not said: {text}");
        }
        assert!(
            before == files(self.folder.path()),
            "a file changed: {text}"
        );
        let opened = !watcher.record.lock().expect("whole").opened.is_empty();
        (error, opened)
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("there") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("readable");
            found.insert(path, bytes);
        }
    }
    found
}

#[test]
fn a_snapshot_of_later_rules_is_refused_and_no_older_one_taken_instead() {
    let place = Place::new();
    place.rewrite(place.newest, LATER);
    let at = format!("snapshot of command {}", place.newest.value());
    let later = format!("version {LATER}");
    let ours = format!("this build has version {SEMANTICS_VERSION}");
    let words = [
        &*at,
        &*later,
        &*ours,
        "Nothing was changed",
        "Start the later build",
    ];
    let (error, opened) = place.refused(u64::MAX, &words);
    assert!(
        matches!(error, StartError::Newer { .. }) && !opened,
        "{error}"
    );
    // One that does not follow from the journal is passed over, whatever it says of its rules.
    let place = Place::new();
    let mut snapshot = place.load(place.newest);
    snapshot.header.semantics = LATER;
    snapshot.header.chain.0[0] ^= 1;
    snapshot::write(&place.snapshots(), &snapshot).expect("written");
    place.traded();
}

#[test]
fn records_of_later_rules_are_refused_with_or_without_a_command_under_them() {
    for behind in [vec![], vec![Body::SessionsLost]] {
        let place = Place::new();
        let version = vec![Body::SemanticsVersion(LATER)];
        place.append([version, behind].concat());
        let from = format!("from command {} on", place.newest.next().value());
        let later = format!("version {LATER}");
        let words = [
            &*from,
            &*later,
            "Nothing was changed",
            "Start the later build",
        ];
        let (error, opened) = place.refused(u64::MAX, &words);
        assert!(
            matches!(error, StartError::Newer { .. }) && !opened,
            "{error}"
        );
    }
}

#[test]
fn a_tail_of_older_rules_is_refused_with_its_range_before_the_projections_are_opened() {
    let place = Place::new();
    place.rewrite(place.older, OLDER);
    place.remove(place.newest);
    let (first, last) = (place.older.next(), place.newest);
    let range = format!("commands {}..={}", first.value(), last.value());
    let needed = format!("Start and stop a build of version {OLDER} once");
    let words = [&*range, &*needed, "Nothing was changed"];
    let expected = StartError::Semantics(OtherRules {
        version: OLDER,
        first,
        last,
    });
    assert_eq!(place.refused(u64::MAX, &words), (expected, false));
}

#[test]
fn projections_that_only_older_rules_could_make_anew_are_refused_by_their_range() {
    let place = Place::new();
    place.rewrite(place.older, OLDER);
    let older = place.older.value();
    let hold = format!("the projections hold commands up to {older}");
    let range = format!("commands {}..={}", older + 1, place.newest.value());
    let reach = format!(
        "projections back that reach command {}",
        place.newest.value()
    );
    let words = [&*hold, &*range, &*reach, "Nothing acknowledged is lost"];
    let (error, _) = place.refused(older, &words);
    assert!(matches!(error, StartError::Sink(_)), "{error}");
    // With projections that have all of it nothing older is replayed.
    place.traded();
}

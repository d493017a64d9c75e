//! The acts of an operator on a stopped folder: accept-loss, quarantine and
//! restore, from the refusal that
//! asks for them to the start that goes on.
//!
//! Invariant: after every cut-off act a start refuses or finds exactly what is kept, the same act
//! again ends it, and what was damaged is in `damaged/`, byte for byte. Not here: the rule for
//! their records (`acts`), what damage is seen (`damage`).

#![allow(clippy::disallowed_methods)] // a test may read files

use crate::support;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Seen, Watcher, config, flow, keeper, limits, market, submit};
use sanjiang_engine::backup;
use sanjiang_engine::command::{Body, EpochCause};
use sanjiang_engine::event::Event;
use sanjiang_engine::journal::Store as _;
use sanjiang_engine::journal::archive;
use sanjiang_engine::journal::record::Chain;
use sanjiang_engine::journal::rocks::RocksStore;
use sanjiang_engine::recovery::{
    AcceptedLoss, ActError, Order, Projections, Restored, Step, accept_loss, open_folder,
    quarantine, restore, verify,
};
use sanjiang_engine::runtime::{MissingRange, Recovered, Runtime, StartError};
use sanjiang_engine::types::Sequence;

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

/// Every file below `folder` with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("there") {
        let path = entry.expect("readable").path();
        let name = path.strip_prefix(folder).expect("inside").to_owned();
        if path.is_dir() {
            for (inner, bytes) in contents(&path) {
                found.insert(name.join(inner), bytes);
            }
        } else {
            found.insert(name, fs::read(&path).expect("readable"));
        }
    }
    found
}

fn order(folder: &Path) -> Order {
    Order {
        data_dir: folder.to_owned(),
        head_file: None,
        limits: limits(),
        reason: "the disk died".to_owned(),
        approver: "Wang".to_owned(),
    }
}

fn start(folder: &Path) -> Result<(Recovered, Watcher), StartError> {
    let (sink, watcher) = keeper(0);
    let (runtime, recovered) = Runtime::start(config(folder).0, sink)?;
    watcher.wait(recovered.last.value() + 1);
    runtime.stop().expect("clean");
    Ok((recovered, watcher))
}

fn accept(folder: &Path, from: u64) -> Result<AcceptedLoss, ActError> {
    let from = Sequence::new(from);
    accept_loss(&order(folder), from, Projections::None, &mut |_| true)
}

fn range(first: u64, last: u64) -> MissingRange {
    MissingRange {
        first: Sequence::new(first),
        last: Sequence::new(last),
    }
}

/// What a sink was given again, up to `last`.
fn history(watcher: &Watcher, last: u64) -> Vec<Seen> {
    let record = watcher.record.lock().expect("whole");
    let all = record.replayed.iter().chain(&record.released);
    let kept = all.filter(|seen| seen.sequence.value() <= last);
    kept.cloned()
        .map(|seen| Seen {
            ticket: None,
            ..seen
        })
        .collect()
}

/// A folder whose journal ends `lost` commands before its head mark, with what was released.
fn tail_lost(lost: u64) -> (tempfile::TempDir, Watcher, u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, watcher, last) = running(folder.path(), 30);
    let early = image(folder.path());
    for index in 0..lost {
        submit(&runtime.handle(), index, &[flow(index)]);
    }
    watcher.wait(last + lost);
    fs::copy(folder.path().join("head"), early.path().join("head")).expect("copied");
    drop(runtime);
    (early, watcher, last)
}

#[test]
fn an_accepted_loss_keeps_what_is_before_and_goes_on_above_what_was_acknowledged() {
    let (folder, before, kept) = tail_lost(5);
    let folder = folder.path();
    let report = verify(folder, None).expect("readable");
    assert_eq!(report.first_missing, Some(Sequence::new(kept + 1)));
    let untouched = contents(folder);
    for wrong in [kept, kept + 2, 1] {
        let said = accept(folder, wrong)
            .expect_err("not the first missing")
            .to_string();
        let named = format!("command {} is the first one missing, not {wrong}", kept + 1);
        assert!(said.contains(&named), "{said}");
    }
    assert_eq!(contents(folder), untouched, "a refusal changed a file");
    let done = accept(folder, kept + 1).expect("accepted");
    assert_eq!((done.kept.value(), done.epoch), (kept, 2));
    assert_eq!(done.lost, Some(range(kept + 1, kept + 5)));
    // The evidence is whole: the journal as it was, and the mark.
    let aside = contents(&done.aside);
    for (path, bytes) in &untouched {
        if path.starts_with("journal") || path == Path::new("head") {
            assert_eq!(aside.get(path), Some(bytes), "{}", path.display());
        }
    }
    let act = String::from_utf8(aside[Path::new("ACT")].clone()).expect("text");
    assert!(
        act.contains("the disk died") && act.contains("Wang"),
        "{act}"
    );
    let report = verify(folder, None).expect("readable");
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.accepted, [(range(kept + 1, kept + 5), 2)]);
    let (recovered, again) = start(folder).expect("goes on");
    assert_eq!((recovered.epoch, recovered.last.value()), (2, kept + 6));
    assert_eq!(history(&again, kept), history(&before, kept));
    let began = &history(&again, kept + 6)[kept as usize];
    assert!(matches!(began.events[0], Event::EpochBegan(begin)
        if begin.cause == EpochCause::AcceptedLoss));
    assert_eq!(again.released()[0].sequence.value(), kept + 7);
    let said = accept(folder, kept + 8)
        .expect_err("nothing is missing now")
        .to_string();
    assert!(said.contains("nothing is missing"), "{said}");
    assert!(start(folder).is_ok(), "and again");
}

#[test]
fn an_act_cut_off_after_any_step_is_refused_or_done_and_ends_when_repeated() {
    let (damaged, before, kept) = tail_lost(3);
    let (mut refused, mut went_on) = (0, 0);
    for stop in Step::ALL {
        let folder = image(damaged.path());
        let from = Sequence::new(kept + 1);
        let order = order(folder.path());
        let cut = accept_loss(&order, from, Projections::None, &mut |step| step != stop);
        assert_eq!(cut, Err(ActError::Ended(stop)));
        let between = image(folder.path());
        match start(between.path()) {
            Ok((recovered, again)) => {
                assert_eq!((recovered.epoch, recovered.last.value()), (2, kept + 4));
                assert_eq!(history(&again, kept), history(&before, kept));
                went_on += 1;
            }
            Err(error) => {
                assert!(
                    matches!(error, StartError::UnfinishedAct(_)),
                    "{stop:?}: {error}"
                );
                refused += 1;
            }
        }
        accept(folder.path(), kept + 1).expect("the same act again");
        let (recovered, again) = start(folder.path()).expect("goes on");
        assert_eq!(
            (recovered.epoch, recovered.last.value()),
            (2, kept + 4),
            "{stop:?}"
        );
        assert_eq!(history(&again, kept), history(&before, kept), "{stop:?}");
    }
    println!("accept-loss: 6 cuts, {refused} starts refused between, {went_on} went on, 6 exact");
    assert_eq!((refused, went_on), (4, 2));
}

#[test]
fn without_a_readable_mark_the_rest_is_kept_and_the_epoch_rises() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, before, last) = running(folder.path(), 20);
    let damaged = image(folder.path());
    drop(runtime);
    for how in ["gone", "damaged"] {
        let folder = image(damaged.path());
        let head = folder.path().join("head");
        if how == "gone" {
            fs::remove_file(&head).expect("removed");
        } else {
            fs::write(&head, [7; 8_192]).expect("written");
        }
        assert!(start(folder.path()).is_err());
        // The projections know of more than the journal holds.
        let cursor = Projections::At(Sequence::new(last + 2));
        let from = Sequence::new(last + 1);
        let done = accept_loss(&order(folder.path()), from, cursor, &mut |_| true);
        let done = done.expect("accepted");
        assert_eq!(done.lost, Some(range(last + 1, last + 2)), "{how}");
        let (recovered, again) = start(folder.path()).expect("goes on");
        assert_eq!((recovered.epoch, recovered.last.value()), (2, last + 3));
        assert_eq!(history(&again, last), history(&before, last));
    }
}

/// Archives the records of `folder` up to the one that ends at or after `until`.
fn archived(folder: &Path, until: u64) -> u64 {
    let exhibit = open_folder(folder, None).expect("readable");
    let records: Vec<_> = exhibit
        .export()
        .expect("readable")
        .map(|record| record.expect("readable"))
        .take_while(|record| record.header.first.value() <= until)
        .collect();
    let end = records.last().expect("some").header.last().value();
    let path = archive::path(&folder.join("archive"), Sequence::new(1));
    let mut stored = records
        .into_iter()
        .map(|one| Ok((one.header.first, one.bytes)));
    let made = archive::write(&path, 0, Chain::GENESIS, &mut stored);
    assert_eq!(made.expect("written").expect("not empty").last.value(), end);
    end
}

#[test]
fn where_the_database_cannot_be_opened_the_archive_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, before, last) = running(folder.path(), 40);
    runtime.stop().expect("clean");
    let kept = archived(folder.path(), 30);
    fs::remove_file(folder.path().join("journal/CURRENT")).expect("removed");
    // The snapshot at the end holds the state of what is lost, but no history: given the choice of
    // no projections it is the better end.
    let with_snapshot = image(folder.path());
    let done = accept(with_snapshot.path(), kept + 1).expect("the snapshot is whole");
    assert_eq!((done.kept.value(), done.lost), (last, None));
    // With history to keep, the archive is the end.
    let projections = Projections::At(Sequence::new(last + 9));
    fs::create_dir(folder.path().join("projections")).expect("made");
    let from = Sequence::new(kept + 1);
    let done = accept_loss(&order(folder.path()), from, projections, &mut |_| true);
    let done = done.expect("accepted");
    assert_eq!(done.lost, Some(range(kept + 1, last + 9)));
    assert!(done.aside.join("projections").is_dir());
    assert!(!folder.path().join("projections").exists());
    let (recovered, again) = start(folder.path()).expect("goes on");
    assert_eq!((recovered.epoch, recovered.last.value()), (2, last + 10));
    assert_eq!(history(&again, kept), history(&before, kept));
}

#[test]
fn a_hole_below_a_snapshot_costs_history_and_no_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, _, last) = running(folder.path(), 40);
    runtime.stop().expect("clean");
    let store = RocksStore::new(folder.path().join("journal"));
    let journal = store.open().expect("opened");
    journal.cut(Sequence::new(20)).expect("a record is gone");
    drop(journal);
    let error = start(folder.path()).err().expect("refused");
    assert!(
        matches!(&error, StartError::Missing { missing, .. } if *missing == range(20, 20)),
        "{error}"
    );
    let report = verify(folder.path(), None).expect("readable");
    assert_eq!(report.first_missing, Some(Sequence::new(20)));
    let told = Projections::At(Sequence::new(last));
    let done = accept_loss(&order(folder.path()), Sequence::new(20), told, &mut |_| {
        true
    });
    let done = done.expect("accepted");
    assert_eq!((done.kept.value(), done.lost), (last, None));
    let (sink, watcher) = keeper(u64::MAX);
    let (runtime, recovered) = Runtime::start(config(folder.path()).0, sink).expect("goes on");
    assert_eq!((recovered.epoch, recovered.last.value()), (2, last + 1));
    watcher.wait(last + 2);
    runtime.stop().expect("clean");
}

#[test]
fn what_the_journal_lost_and_the_archive_has_is_not_lost() {
    let (folder, before, kept) = tail_lost(6);
    // The whole journal is gone; the archive reaches to where it had come.
    assert_eq!(archived(folder.path(), kept), kept);
    fs::remove_dir_all(folder.path().join("journal")).expect("removed");
    let done = accept(folder.path(), kept + 1).expect("accepted");
    assert_eq!(done.lost, Some(range(kept + 1, kept + 6)));
    let (_, again) = start(folder.path()).expect("goes on");
    assert_eq!(history(&again, kept), history(&before, kept));
}

#[test]
fn an_act_needs_words_a_free_folder_and_a_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, _, last) = running(folder.path(), 3);
    let in_use = ActError::Folder(StartError::InUse(folder.path().to_owned()));
    assert_eq!(accept(folder.path(), last + 1), Err(in_use.clone()));
    let quarantined = |command: u64| {
        quarantine(
            &order(folder.path()),
            Sequence::new(command),
            Projections::None,
        )
    };
    assert_eq!(quarantined(last), Err(in_use));
    runtime.stop().expect("clean");
    let untouched = contents(folder.path());
    let said = accept(folder.path(), last + 1)
        .expect_err("whole")
        .to_string();
    assert!(said.contains("nothing is missing"), "{said}");
    let said = quarantined(last).expect_err("in the snapshot").to_string();
    assert!(said.contains("is inside the snapshot"), "{said}");
    let said = quarantined(last + 1).expect_err("not there").to_string();
    assert!(
        said.contains("is not in the journal, which ends at"),
        "{said}"
    );
    let wordless = Order {
        reason: " ".to_owned(),
        ..order(folder.path())
    };
    let said = quarantine(&wordless, Sequence::new(1), Projections::None);
    assert!(said.expect_err("no words").to_string().contains("reason"));
    let endless = Order {
        reason: "a".repeat(600),
        ..order(folder.path())
    };
    let said = quarantine(&endless, Sequence::new(1), Projections::None);
    assert!(
        said.expect_err("too many")
            .to_string()
            .contains("at most 512")
    );
    assert_eq!(
        contents(folder.path()),
        untouched,
        "a refusal changed a file"
    );
    let nowhere = folder.path().join("nowhere");
    assert!(accept(&nowhere, 1).is_err());
    assert!(!nowhere.exists(), "an act makes no folder");
}

#[test]
fn a_quarantined_command_is_passed_over_by_every_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, before, last) = running(folder.path(), 25);
    let image = image(folder.path());
    drop(runtime);
    let poisoned = last - 4;
    let projections = image.path().join("projections");
    fs::create_dir(&projections).expect("made");
    let act = |command: u64| {
        let told = Projections::At(Sequence::new(last));
        quarantine(&order(image.path()), Sequence::new(command), told)
    };
    let done = act(poisoned).expect("quarantined");
    assert_eq!(done.sequence.value(), last + 1);
    assert!(!projections.exists(), "history told of it");
    assert_eq!(
        act(poisoned),
        Ok(done),
        "the same act again does nothing more"
    );
    let said = act(last + 1).expect_err("an act").to_string();
    assert!(said.contains("is itself an act"), "{said}");
    assert!(verify(image.path(), None).expect("readable").is_whole());
    for round in 0..2 {
        let (recovered, again) = start(image.path()).expect("started");
        assert_eq!(recovered.epoch, 1, "the epoch stays");
        let told = history(&again, last);
        let only = Event::Quarantined(sanjiang_engine::command::Quarantine {
            sequence: Sequence::new(poisoned),
        });
        assert_eq!(told[poisoned as usize - 1].events, [only], "round {round}");
        let until = poisoned as usize - 1;
        assert_eq!(told[..until], history(&before, last)[..until]);
        assert!(history(&again, last + 1)[last as usize].body != Body::Tick);
        // Replay from the beginning, not from the snapshot of the stop.
        fs::remove_dir_all(image.path().join("snapshots")).expect("removed");
    }
}

/// A backup of a running shard.
fn backed_up(runtime: &Runtime, under: &Path) -> PathBuf {
    let partial = under.join("partial");
    fs::create_dir(&partial).expect("made");
    let (reply, answered) = std::sync::mpsc::channel();
    let reply = Box::new(move |manifest| reply.send(manifest).expect("awaited"));
    runtime
        .upkeep()
        .gather(partial.clone(), reply)
        .expect("asked");
    let manifest = answered.recv_timeout(support::PATIENCE).expect("answered");
    let target = under.join("backup");
    backup::seal(&partial, manifest.expect("gathered"), &target).expect("sealed");
    target
}

fn put_back(folder: &Path, from: &Path, stop: Option<Step>) -> Result<Restored, ActError> {
    let mut on_step = |step| Some(step) != stop;
    restore(&order(folder), from, Projections::None, &mut on_step)
}

#[test]
fn a_restore_goes_on_above_what_folder_and_backup_know_of_whenever_it_was_cut_off() {
    let house = tempfile::tempdir().expect("a folder");
    let backups = tempfile::tempdir().expect("a folder");
    let (runtime, before, kept) = running(house.path(), 25);
    let from = backed_up(&runtime, backups.path());
    for index in 0..7 {
        submit(&runtime.handle(), index, &[flow(500 + index)]);
    }
    before.wait(kept + 7);
    let image = image(house.path());
    drop(runtime);
    let old = contents(image.path());
    let (mut refused, mut went_on) = (0, 0);
    for stop in Step::ALL.map(Some).into_iter().chain([None]) {
        let folder = tempfile::tempdir().expect("a folder");
        copy(image.path(), folder.path());
        let lost = range(kept + 1, kept + 7);
        if let Some(stop) = stop {
            let cut = put_back(folder.path(), &from, Some(stop));
            assert_eq!(cut, Err(ActError::Ended(stop)));
            let between = tempfile::tempdir().expect("a folder");
            copy(folder.path(), between.path());
            match start(between.path()) {
                Ok((recovered, _)) => {
                    assert_eq!((recovered.epoch, recovered.last.value()), (2, kept + 8));
                    went_on += 1;
                }
                Err(error) => {
                    assert!(
                        matches!(error, StartError::UnfinishedAct(_)),
                        "{stop:?}: {error}"
                    );
                    refused += 1;
                }
            }
        }
        let done = put_back(folder.path(), &from, None).expect("restored");
        assert_eq!(
            (done.kept.value(), done.lost, done.epoch),
            (kept, Some(lost), 2)
        );
        let aside = contents(&done.aside);
        for (path, bytes) in &old {
            if path.starts_with("journal") || path == Path::new("head") {
                assert_eq!(aside.get(path), Some(bytes), "{stop:?}: {}", path.display());
            }
        }
        let (recovered, again) = start(folder.path()).expect("goes on");
        assert_eq!(
            (recovered.epoch, recovered.last.value()),
            (2, kept + 8),
            "{stop:?}"
        );
        assert_eq!(history(&again, kept), history(&before, kept), "{stop:?}");
    }
    assert_eq!((refused, went_on), (4, 2));
    println!("restore: 6 cuts, {refused} starts refused between, {went_on} went on, 7 exact");
}

#[test]
fn a_restore_where_nothing_was_is_whole_and_a_touched_backup_is_refused() {
    let house = tempfile::tempdir().expect("a folder");
    let backups = tempfile::tempdir().expect("a folder");
    let (runtime, before, kept) = running(house.path(), 25);
    let from = backed_up(&runtime, backups.path());
    drop(runtime);
    let empty = tempfile::tempdir().expect("a folder");
    let folder = empty.path().join("new");
    let done = put_back(&folder, &from, None).expect("restored where nothing was");
    assert_eq!((done.kept.value(), done.lost, done.epoch), (kept, None, 2));
    let (recovered, again) = start(&folder).expect("goes on");
    assert_eq!((recovered.epoch, recovered.last.value()), (2, kept + 1));
    assert_eq!(history(&again, kept), history(&before, kept));
    // A backup that was touched is refused, and nothing is changed.
    let untouched = contents(&folder);
    let records = fs::read_dir(&from)
        .expect("there")
        .map(|entry| entry.expect("readable").path());
    let file = records
        .into_iter()
        .find(|path| path.to_string_lossy().contains("records_"))
        .expect("some");
    let mut bytes = fs::read(&file).expect("readable");
    bytes[100] ^= 1;
    fs::write(&file, bytes).expect("written");
    let said = put_back(&folder, &from, None)
        .expect_err("damaged")
        .to_string();
    assert!(said.contains("refused: the backup"), "{said}");
    assert_eq!(contents(&folder), untouched, "a refusal changed a file");
}

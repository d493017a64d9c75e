//! Tests of `backup`: what is made opens, and no changed, missing or added byte does.
//!
//! Not here: a backup while trading (`gateway/tests/backup.rs`), segments.

use super::*;
use crate::command::{Body, Command, CreateOwner, Envelope, Identity, Sequenced};
use crate::event::Event;
use crate::journal::codec;
use crate::journal::memory::MemoryJournal;
use crate::journal::record::Header;
use crate::snapshot::Stamp;
use crate::types::{Name, PrincipalId, Time};

const SHARD: u32 = 3;

/// A shard without threads: an engine, its journal, and a folder of snapshots.
struct Shard {
    folder: tempfile::TempDir,
    journal: MemoryJournal,
    replayer: Replayer,
}

fn limits() -> Limits {
    Limits {
        orders_max: 8,
        levels_max: 8,
        owners_max: 256,
        requests_capacity: 8,
        ..Limits::default()
    }
}

fn owner(index: u64) -> Command {
    let name = Name::new(&format!("owner-{index}")).expect("short");
    Command {
        envelope: Envelope {
            principal: PrincipalId::LOCAL,
            identity: Identity::Internal,
            valid_until: None,
            authority: None,
        },
        body: Body::CreateOwner(CreateOwner { name }),
    }
}

impl Shard {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for inside in ["snapshots", "archive", "backups"] {
            std::fs::create_dir(folder.path().join(inside)).expect("made");
        }
        let mut shard = Self {
            folder,
            journal: MemoryJournal::new(),
            replayer: Replayer::begin(limits(), SHARD),
        };
        shard.record(&[Command {
            body: Body::SemanticsVersion(crate::SEMANTICS_VERSION),
            ..owner(0)
        }]);
        shard
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// One record of these commands, appended and applied.
    fn record(&mut self, commands: &[Command]) {
        let engine = self.replayer.engine();
        let (mut sequence, mut time) = (engine.sequence(), engine.time());
        let header = Header {
            shard: SHARD,
            epoch: 1,
            count: commands.len() as u32,
            first: sequence.next(),
            base_time: time,
            events_at: sequence,
            events_hash: engine.event_hash().0,
            previous: self.replayer.position().chain,
        };
        let mut bytes = Vec::new();
        record::begin(&mut bytes);
        for value in commands {
            sequence = sequence.next();
            let now = Time::new(time.nanoseconds() + 5).expect("in bounds");
            let command = Sequenced {
                sequence,
                time: now,
                value: value.clone(),
            };
            codec::encode(&mut bytes, time, &command);
            time = now;
        }
        record::seal(&header, &mut bytes);
        self.journal.append(header.first, &bytes).expect("appended");
        let released = self.replayer.replay(&bytes).expect("follows");
        assert!(
            !released
                .events
                .iter()
                .any(|event| matches!(event, Event::Duplicate(_)))
        );
    }

    fn owners(&mut self, from: u64, count: u64) {
        let commands: Vec<_> = (from..from + count).map(owner).collect();
        self.record(&commands);
    }

    fn snapshot(&self) {
        let position = self.replayer.position();
        let stamp = Stamp {
            shard: SHARD,
            epoch: position.epoch,
            chain: position.chain,
            semantics: position.semantics,
            build: "a test".to_owned(),
        };
        let snapshot = Snapshot::of(self.replayer.engine(), &stamp);
        snapshot::write(&self.path("snapshots"), &snapshot).expect("written");
    }

    fn gather(&self, partial: &Path) -> Result<Manifest, BackupError> {
        std::fs::create_dir(partial).expect("made");
        let source = Source {
            journal: &self.journal,
            archive: &self.path("archive"),
            snapshots: &self.path("snapshots"),
            replayer: &self.replayer,
            build: "a test",
        };
        gather(partial, &source)
    }

    /// A backup with a file of the gateway's.
    fn backup(&self, name: &str) -> PathBuf {
        let partial = self.path("backups/partial");
        let manifest = self.gather(&partial).expect("gathered");
        std::fs::create_dir(partial.join("projections")).expect("made");
        std::fs::write(partial.join("projections/CURRENT"), b"rows").expect("written");
        let target = self.path("backups").join(name);
        let bytes = seal(&partial, manifest, &target).expect("sealed");
        assert!(bytes > 0 && !partial.exists());
        target
    }
}

/// Twelve records, snapshots after the fifth and the ninth.
fn shard() -> Shard {
    let mut shard = Shard::new();
    for index in 0..12 {
        shard.owners(10 * index, 3);
        if index == 4 || index == 8 {
            shard.snapshot();
        }
    }
    shard
}

fn drilled(path: &Path) -> Result<Drilled, BackupError> {
    drill(&Backup::open(path)?, &MemoryJournal::new(), limits())
}

#[test]
fn a_backup_holds_two_snapshots_and_the_records_since_the_older_one() {
    let shard = shard();
    let path = shard.backup("monday");
    let backup = Backup::open(&path).expect("whole");
    let manifest = backup.manifest();
    assert_eq!((manifest.first.value(), manifest.last.value()), (17, 37));
    assert_eq!(manifest.event_hash, shard.replayer.engine().event_hash());
    let at: Vec<_> = backup
        .snapshots()
        .iter()
        .map(|(at, _)| at.value())
        .collect();
    assert_eq!(at, [28, 16]);
    assert!(backup.records().is_some() && backup.projections().is_some());
    let drilled = drilled(&path).expect("the same state from both");
    assert_eq!((drilled.begun_from, drilled.replayed), (2, 9 + 21));
    assert!(drilled.compared > 0);
    let again = seal(&path, manifest.clone(), &path);
    assert_eq!(again, Err(BackupError::Exists(path)));
}

#[test]
fn a_young_shard_is_backed_up_from_its_beginning() {
    let mut shard = Shard::new();
    let path = shard.backup("empty");
    assert_eq!(drilled(&path).expect("whole").begun_from, 1);
    shard.owners(0, 4);
    shard.snapshot();
    shard.owners(10, 2);
    let path = shard.backup("one-snapshot");
    let drilled = drilled(&path).expect("whole");
    assert_eq!((drilled.begun_from, drilled.last.value()), (2, 7));
}

#[test]
fn a_changed_missing_or_added_file_is_refused_by_its_name() {
    let shard = shard();
    let path = shard.backup("monday");
    let files = names(&path).expect("readable");
    assert_eq!(files.len(), 4, "{files:?}");
    let mut flipped = 0;
    for name in files.iter().map(String::as_str).chain([MANIFEST]) {
        let file = path.join(name);
        let whole = std::fs::read(&file).expect("readable");
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&file, damaged).expect("written");
            let error = Backup::open(&path).expect_err("damaged").to_string();
            assert!(
                error.contains(name) || error.contains("later build"),
                "{error}"
            );
            flipped += 1;
        }
        std::fs::write(&file, &whole[1..]).expect("written");
        let error = Backup::open(&path).expect_err("cut").to_string();
        assert!(error.contains(name), "{error}");
        std::fs::remove_file(&file).expect("removed");
        let error = Backup::open(&path).expect_err("missing").to_string();
        assert!(error.contains(name), "{error}");
        std::fs::write(&file, &whole).expect("written");
    }
    std::fs::write(path.join("snapshot_1"), b"one more").expect("written");
    let error = Backup::open(&path).expect_err("one more").to_string();
    assert!(error.contains("snapshot_1"), "{error}");
    std::fs::remove_file(path.join("snapshot_1")).expect("removed");
    Backup::open(&path).expect("whole again");
    println!(
        "{} files, {flipped} bytes flipped, all refused",
        files.len() + 1
    );
}

#[test]
fn a_damaged_snapshot_or_record_makes_no_backup() {
    let shard = shard();
    let (_, newest) = snapshot::list(&shard.path("snapshots")).expect("readable")[0].clone();
    let whole = std::fs::read(&newest).expect("readable");
    std::fs::write(&newest, &whole[..whole.len() - 1]).expect("written");
    let error = shard.gather(&shard.path("backups/a")).expect_err("damaged");
    assert!(error.to_string().contains("snapshot_"), "{error}");
    std::fs::write(&newest, whole).expect("written");
    assert!(
        shard
            .journal
            .damage(Sequence::new(20), |bytes| bytes[100] ^= 1)
    );
    let error = shard.gather(&shard.path("backups/b")).expect_err("damaged");
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(shard.journal.lose(Sequence::new(35)));
    let error = shard.gather(&shard.path("backups/c")).expect_err("lost");
    assert!(error.to_string().contains("records_"), "{error}");
}

#[test]
fn a_drill_sees_another_hash_of_events() {
    let shard = shard();
    let partial = shard.path("backups/partial");
    let mut manifest = shard.gather(&partial).expect("gathered");
    manifest.event_hash.0 ^= 1;
    let target = shard.path("backups/forged");
    seal(&partial, manifest, &target).expect("sealed");
    let error = drilled(&target).expect_err("another hash");
    assert!(matches!(error, BackupError::Replay(_)), "{error}");
}

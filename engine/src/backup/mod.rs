//! Backups: two snapshots, the records since the older one, what the gateway adds, and a manifest
//! that names every byte of it.
//!
//! ```text
//! NAME/MANIFEST           text, TOML; written last
//! NAME/snapshot_<at>      the newest two, as in `snapshots/`
//! NAME/records_<first>    an archive file: every record since the older of the two
//! NAME/projections/       a copy of the gateway's history, at or below the last record
//! ```
//! A backup is gathered in a folder of another name on the thread that owns the journal's
//! segments, so nothing is dropped under its eyes; then sealed by whoever asked for it: every file
//! synced, read and hashed, the manifest written, the folder renamed, and everything read once
//! more. Either snapshot with the records gives the state at the end, so one may be damaged
//! later. The archive is not in it: archive files never change and are copied as they are.
//!
//! Invariant: [`Backup::open`] gives out a backup only if every byte of it is one that was sealed.
//! Not here: putting one into the place of a lost folder (`recovery`), who may ask for one.

mod manifest;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use manifest::{Entry, Manifest};

use crate::journal::archive;
use crate::journal::folder;
use crate::journal::record::{self, Chain};
use crate::journal::{Journal, JournalError, history};
use crate::limits::Limits;
use crate::recovery::quarantined;
use crate::runtime::{Position, Replayer};
use crate::snapshot::{self, Snapshot};
use crate::state_hash::EventHash;
use crate::types::Sequence;

const MANIFEST: &str = "MANIFEST";
const PROJECTIONS: &str = "projections";
/// Bytes read at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// Files in one backup: a history of terabytes has some tens of thousands.
const FILES_MAX: usize = 1 << 20;

/// Why a backup was not made, or is not one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BackupError {
    /// A file or folder: which, and what is wrong with it.
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        found: String,
    },
    /// There is one of this name.
    Exists(PathBuf),
    /// The journal could not be read.
    Journal(JournalError),
    /// A format of a later build.
    Format(u32),
    /// The runtime is stopping, or has stopped.
    Stopping,
    /// Replay of what was restored says something else than the manifest.
    Replay(String),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, found } => write!(f, "{}: {found}", path.display()),
            Self::Exists(path) => write!(f, "{} is there already", path.display()),
            Self::Journal(error) => error.fmt(f),
            Self::Format(format) => write!(
                f,
                "backup format {format} is of a later build; this one reads up to {}",
                manifest::FORMAT
            ),
            Self::Stopping => f.write_str("the engine is stopping"),
            Self::Replay(said) => f.write_str(said),
        }
    }
}

impl std::error::Error for BackupError {}

impl From<JournalError> for BackupError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

fn wrong(path: &Path, found: impl fmt::Display) -> BackupError {
    BackupError::File {
        path: path.to_path_buf(),
        found: found.to_string(),
    }
}

/// Where a backup is taken from: the parts of a running shard, standing still at the end of a
/// durable record.
pub struct Source<'a> {
    /// The journal.
    pub journal: &'a dyn Journal,
    /// The folder of its archive.
    pub archive: &'a Path,
    /// The folder of its snapshots.
    pub snapshots: &'a Path,
    /// An engine at the end of a durable record.
    pub replayer: &'a Replayer,
    /// The build, for people.
    pub build: &'a str,
}

/// Puts snapshots and records into `folder`, which must be there. The manifest it answers names no
/// file yet: [`seal`] adds them.
///
/// # Errors
/// A snapshot cannot be read (the next one takes its place), the journal cannot, or the system
/// refused.
pub fn gather(folder: &Path, source: &Source<'_>) -> Result<Manifest, BackupError> {
    let end = source.replayer.engine().sequence();
    let position = source.replayer.position();
    let listed = snapshot::list(source.snapshots);
    let listed = listed.map_err(|error| wrong(source.snapshots, error))?;
    let kept: Vec<_> = listed.into_iter().take(snapshot::KEPT).collect();
    for (at, path) in &kept {
        let snapshot = snapshot::load(path).map_err(|error| wrong(path, error))?;
        let to = snapshot::path(folder, *at);
        let written = snapshot::write(folder, &snapshot).map_err(|error| wrong(&to, error))?;
        assert!(written > 0, "a snapshot has a header");
    }
    // With fewer than two, any one may be damaged only if the records reach back to the begin.
    let base = kept
        .get(snapshot::KEPT - 1)
        .map_or(Sequence::ZERO, |(at, _)| *at);
    let first = copy_records(folder, source, base, end, position)?;
    Ok(Manifest {
        shard: position.shard,
        epoch: position.epoch,
        first,
        last: end,
        chain: position.chain,
        event_hash: source.replayer.engine().event_hash(),
        time: source.replayer.engine().time(),
        build: source.build.to_owned(),
        files: Vec::new(),
    })
}

/// Writes the records above `base` up to `end`; answers the first command of the first one.
fn copy_records(
    folder: &Path,
    source: &Source<'_>,
    base: Sequence,
    end: Sequence,
    position: Position,
) -> Result<Sequence, BackupError> {
    let all = history::read_from(source.journal, source.archive, base.next())?;
    let mut records = all
        .skip_while(|stored| stored.as_ref().is_ok_and(|(key, _)| *key <= base))
        .take_while(|stored| stored.as_ref().map_or(true, |(key, _)| *key <= end))
        .peekable();
    let (first, bytes) = match records.peek() {
        None => return Ok(end.next()),
        Some(Err(error)) => return Err(error.clone().into()),
        Some(Ok(stored)) => stored,
    };
    let path = archive::path(folder, *first);
    let (header, _) = record::open(bytes).map_err(|error| wrong(&path, error))?;
    let written = archive::write(&path, position.shard, header.previous, &mut records);
    let written = written.map_err(|error| wrong(&path, error))?;
    match written {
        Some(file) if file.last == end && file.after == position.chain => Ok(file.first),
        Some(_) | None => Err(wrong(
            &path,
            "its records do not reach the end of the backup",
        )),
    }
}

/// Syncs, hashes and names every file of `partial` in a manifest, renames it to `target`, and
/// reads all of it back. Answers the bytes of all files.
///
/// # Errors
/// There is something at `target`, or the system refused.
pub fn seal(partial: &Path, mut manifest: Manifest, target: &Path) -> Result<u64, BackupError> {
    let told = |path: &Path| {
        let path = path.to_path_buf();
        move |error: io::Error| wrong(&path, error)
    };
    if std::fs::exists(target).map_err(told(target))? {
        return Err(BackupError::Exists(target.to_path_buf()));
    }
    for name in names(partial)? {
        let path = partial.join(&name);
        let file = File::open(&path).map_err(told(&path))?;
        file.sync_all().map_err(told(&path))?;
        let (bytes, hash) = hashed(&path).map_err(told(&path))?;
        manifest.files.push(Entry {
            path: name,
            bytes,
            hash,
        });
    }
    let projections = partial.join(PROJECTIONS);
    if projections.is_dir() {
        folder::sync_folder(&projections).map_err(told(&projections))?;
    }
    let path = partial.join(MANIFEST);
    folder::write_whole(&path, manifest.to_text().as_bytes()).map_err(told(&path))?;
    std::fs::rename(partial, target).map_err(told(target))?;
    let parent = target.parent().unwrap_or_else(|| Path::new("."));
    folder::sync_folder(parent).map_err(told(parent))?;
    let back = Backup::open(target)?;
    if back.manifest != manifest {
        return Err(wrong(&path, "what was read back is not what was written"));
    }
    Ok(manifest.files.iter().map(|file| file.bytes).sum())
}

/// The paths of all files below `root` but the manifest, in order, two levels deep at most.
fn names(root: &Path) -> Result<Vec<String>, BackupError> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(inside) = folders.pop() {
        let path = root.join(&inside);
        let entries = std::fs::read_dir(&path).map_err(|error| wrong(&path, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| wrong(&path, error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| manifest::is_name(name)) else {
                return Err(wrong(&entry.path(), "not a name a backup has"));
            };
            let kind = entry.file_type().map_err(|error| wrong(&path, error))?;
            if kind.is_dir() && inside.is_empty() {
                folders.push(format!("{name}/"));
            } else if kind.is_file() && (inside.as_str(), name) != ("", MANIFEST) {
                found.push(format!("{inside}{name}"));
            } else if !kind.is_file() {
                return Err(wrong(&entry.path(), "neither a file nor a folder of files"));
            }
        }
        if found.len() > FILES_MAX {
            return Err(wrong(root, format!("more than {FILES_MAX} files")));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Length and BLAKE3 of a file, read in pieces.
fn hashed(path: &Path) -> io::Result<(u64, [u8; 32])> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut length = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((length, *hasher.finalize().as_bytes()));
        }
        hasher.update(&buffer[..count]);
        length += count as u64;
    }
}

/// A backup, every byte of which was compared with its manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Backup {
    root: PathBuf,
    manifest: Manifest,
}

impl Backup {
    /// Opens the backup in the folder `root` and checks every file of it.
    ///
    /// # Errors
    /// Names the first file that is missing, damaged, or not one of the backup.
    pub fn open(root: &Path) -> Result<Self, BackupError> {
        let path = root.join(MANIFEST);
        let text = std::fs::read(&path).map_err(|error| wrong(&path, error))?;
        let manifest = Manifest::read(&text).map_err(|error| match error {
            manifest::ManifestError::Format(format) => BackupError::Format(format),
            manifest::ManifestError::Damaged(found) => wrong(&path, found),
        })?;
        for entry in &manifest.files {
            let path = root.join(&entry.path);
            let (bytes, hash) = hashed(&path).map_err(|error| wrong(&path, error))?;
            if bytes != entry.bytes {
                let found = format!("{bytes} bytes long; it was {}", entry.bytes);
                return Err(wrong(&path, found));
            } else if hash != entry.hash {
                return Err(wrong(
                    &path,
                    "damaged: its hash is not the one in the manifest",
                ));
            }
        }
        let named = |name: &String| manifest.files.iter().any(|entry| entry.path == *name);
        if let Some(odd) = names(root)?.into_iter().find(|name| !named(name)) {
            return Err(wrong(&root.join(odd), "not a file of this backup"));
        }
        let backup = Self {
            root: root.to_path_buf(),
            manifest,
        };
        backup.check_reach()?;
        Ok(backup)
    }

    /// The records, with the older snapshot, must reach from a state to the end.
    fn check_reach(&self) -> Result<(), BackupError> {
        let Manifest { first, last, .. } = self.manifest;
        let covered = self.snapshots().iter().any(|(at, _)| at.next() >= first);
        let found = if first > Sequence::ZERO.next() && !covered {
            format!(
                "no snapshot reaches its records, which begin at {}",
                first.value()
            )
        } else if first <= last && self.records().is_none() {
            "its records are missing".to_owned()
        } else {
            return Ok(());
        };
        Err(wrong(&self.root, found))
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder it is in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its snapshots, newest first.
    pub fn snapshots(&self) -> Vec<(Sequence, PathBuf)> {
        let mut found: Vec<_> = self.numbered("snapshot_").collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }

    /// Its records, an archive file; none when nothing happened after the older snapshot.
    pub fn records(&self) -> Option<PathBuf> {
        self.numbered("records_").map(|(_, path)| path).next()
    }

    /// The copy of the gateway's history, if it has one.
    pub fn projections(&self) -> Option<PathBuf> {
        let path = self.root.join(PROJECTIONS);
        path.is_dir().then_some(path)
    }

    fn numbered<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (Sequence, PathBuf)> + 'a {
        self.manifest.files.iter().filter_map(move |entry| {
            let digits = entry.path.strip_prefix(prefix)?;
            let number = digits.parse().ok()?;
            Some((Sequence::new(number), self.root.join(&entry.path)))
        })
    }
}

/// What a drill found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drilled {
    /// The command all replays ended at.
    pub last: Sequence,
    /// The running hash of all events there, as replayed and as the manifest says.
    pub event_hash: EventHash,
    /// Commands replayed, from all snapshots together.
    pub replayed: u64,
    /// Points on the way at which events were compared with what a record says.
    pub compared: u64,
    /// States the replay was begun from.
    pub begun_from: u64,
}

/// Writes the records of `backup` into `journal`, which must be empty, and replays them from every
/// snapshot (or from the beginning): each must end in the same state, with the hash of events the
/// manifest names.
///
/// # Errors
/// A replay failed or ended otherwise; the text says which.
pub fn drill(
    backup: &Backup,
    journal: &dyn Journal,
    limits: Limits,
) -> Result<Drilled, BackupError> {
    if let Some(path) = backup.records() {
        let records = archive::read(&path).map_err(|error| wrong(&path, error))?;
        for stored in records {
            let (first, bytes) = stored?;
            journal.append(first, &bytes)?;
        }
    }
    let manifest = backup.manifest();
    let mut drilled = Drilled {
        last: manifest.last,
        event_hash: manifest.event_hash,
        replayed: 0,
        compared: 0,
        begun_from: 0,
    };
    let mut bases: Vec<Option<PathBuf>> =
        backup.snapshots().into_iter().map(|s| Some(s.1)).collect();
    if manifest.first == Sequence::ZERO.next() {
        bases.push(None);
    }
    let mut state = None;
    for base in bases {
        let mut replayer = begin(base.as_deref(), manifest.shard, limits)?;
        let from = replayer.engine().sequence();
        replay(&mut replayer, journal)?;
        let engine = replayer.engine();
        let found = (
            engine.sequence(),
            engine.event_hash(),
            replayer.position().chain,
        );
        if found != (manifest.last, manifest.event_hash, manifest.chain) {
            return Err(parted(from, found, manifest));
        }
        let hash = engine.state_hash();
        if *state.get_or_insert(hash) != hash {
            let said = format!("replayed from {}, the state is another one", from.value());
            return Err(BackupError::Replay(said));
        }
        drilled.replayed += manifest.last.value() - from.value();
        drilled.compared += replayer.compared();
        drilled.begun_from += 1;
    }
    Ok(drilled)
}

fn begin(base: Option<&Path>, shard: u32, limits: Limits) -> Result<Replayer, BackupError> {
    let Some(path) = base else {
        return Ok(Replayer::begin(limits, shard));
    };
    let told = |error: snapshot::SnapshotError| wrong(path, error);
    let snapshot: Snapshot = snapshot::load(path).map_err(told)?;
    let engine = snapshot.restore(limits).map_err(told)?;
    let position = Position {
        shard: snapshot.header.shard,
        epoch: snapshot.header.epoch,
        chain: snapshot.header.chain,
        semantics: snapshot.header.semantics,
    };
    Ok(Replayer::new(engine, position))
}

fn replay(replayer: &mut Replayer, journal: &dyn Journal) -> Result<(), BackupError> {
    let from = replayer.engine().sequence();
    replayer.skip(quarantined(journal.read_from(from.next())?)?);
    for stored in journal.read_from(from.next())? {
        let (key, bytes) = stored?;
        if key <= from {
            continue;
        }
        replayer.replay(&bytes).map_err(|error| {
            let said = format!("replayed from {}: {error}", from.value());
            BackupError::Replay(said)
        })?;
    }
    Ok(())
}

fn parted(
    from: Sequence,
    (at, hash, chain): (Sequence, EventHash, Chain),
    manifest: &Manifest,
) -> BackupError {
    BackupError::Replay(format!(
        "replayed from {}, it ends at command {} with events {:032x} and chain {chain}; the \
         manifest says {}, {:032x} and {}",
        from.value(),
        at.value(),
        hash.0,
        manifest.last.value(),
        manifest.event_hash.0,
        manifest.chain
    ))
}

#[cfg(test)]
mod tests;

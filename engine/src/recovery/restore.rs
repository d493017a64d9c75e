//! `restore`: a folder is made from a backup, and the exchange goes on in a higher epoch.
//!
//! Invariant: what stood in the folder is moved to `damaged/`, whole; the next command stands above
//! every one the old folder or the backup knows of. Until the journal is in its place a start
//! refuses. Not here: what a backup holds (`backup`).

use std::path::{Path, PathBuf};

use super::accept_loss::{Projections, archived_beyond};
use super::act::{ActError, OnStep, Order, at, replay, store};
use super::install::{Installation, aside, exists};
use super::kept::Evidence;
use super::made::Made;
use super::survey::quarantined;
use super::walk::Origin;
use crate::backup::{Backup, BackupError};
use crate::command::{BeginEpoch, Body, EpochCause};
use crate::journal::rocks::RocksStore;
use crate::journal::{Records, Store as _, archive, folder};
use crate::runtime::MissingRange;
use crate::snapshot;
use crate::types::Sequence;

/// What a restore came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The last command of the backup.
    pub kept: Sequence,
    /// What came after it and is lost, if anything that the old folder knows of is.
    pub lost: Option<MissingRange>,
    /// The epoch that begins.
    pub epoch: u32,
    /// The command that begins it.
    pub sequence: Sequence,
    /// Where what stood in the folder is now.
    pub aside: PathBuf,
}

/// Makes the folder from the backup in `from`; `projections` is how far its own history reached.
///
/// # Errors
/// [`ActError::Refused`]: the backup is not whole, does not replay, or is of another shard.
pub fn restore(
    order: &Order,
    from: &Path,
    projections: Projections,
    on_step: OnStep<'_>,
) -> Result<Restored, ActError> {
    let layout = order.layout();
    folder::make_folder(&layout.root).map_err(|error| at(&layout.root, &error))?;
    let _lock = order.take()?;
    let new = layout.new_journal();
    if !exists(&new)? && !moved_already(order)? {
        build(order, from, projections)?;
    }
    let place = if exists(&new)? { new } else { layout.journal() };
    let made = Made::read(&place)?;
    let done = Restored {
        kept: made.kept(),
        lost: made.lost(),
        epoch: made.begin.epoch,
        sequence: made.mark.sequence,
        aside: aside(&layout, made.begin.epoch, made.from().value()),
    };
    let beyond = archived_beyond(order, done.kept)?;
    let installation = Installation {
        order,
        aside: done.aside.clone(),
        words: words(order, &done, from),
        obsolete: beyond.into_iter().map(|(_, path)| path).collect(),
        replaced: vec![layout.snapshots(), layout.projections()],
        mark: made.mark,
    };
    installation.carry_out(on_step)?;
    Ok(done)
}

fn words(order: &Order, done: &Restored, from: &Path) -> String {
    format!(
        "act: restore\nfrom: {}\nepoch: {}\nkept up to: {}\ngoes on at: {}\nreason: {}\n\
         approver: {}\n",
        from.display(),
        done.epoch,
        done.kept.value(),
        done.sequence.value(),
        order.reason,
        order.approver
    )
}

fn moved_already(order: &Order) -> Result<bool, ActError> {
    let layout = order.layout();
    let Ok(made) = Made::read(&layout.journal()) else {
        return Ok(false);
    };
    let recorded = aside(&layout, made.begin.epoch, made.from().value());
    Ok(made.begin.cause == EpochCause::Restored && exists(&recorded.join("ACT"))?)
}

fn refused(error: &BackupError) -> ActError {
    ActError::Refused(format!("the backup: {error}"))
}

/// Makes `journal.new`, and before it `snapshots.new` and `projections.new`.
fn build(order: &Order, from: &Path, projections: Projections) -> Result<(), ActError> {
    let layout = order.layout();
    let backup = Backup::open(from).map_err(|error| refused(&error))?;
    let manifest = backup.manifest();
    let end = Origin {
        at: manifest.last,
        chain: manifest.chain,
        epoch: manifest.epoch,
    };
    if let Some(mark) = order.mark()
        && mark.shard != manifest.shard
    {
        let said = format!(
            "the backup is of shard {}, not {}",
            manifest.shard, mark.shard
        );
        return Err(ActError::Refused(said));
    }
    let unfinished = layout.unfinished_journal();
    for folder in [
        &unfinished,
        &layout.arriving(&layout.snapshots()),
        &layout.arriving(&layout.projections()),
    ] {
        if exists(folder)? {
            // Left by an act that was cut off; nothing but a copy.
            std::fs::remove_dir_all(folder).map_err(|error| at(folder, &error))?;
        }
    }
    let (highest, epoch) = known(order, manifest.shard, &end)?;
    let highest = match projections {
        Projections::At(cursor) => highest.max(cursor),
        Projections::None | Projections::Unreadable => highest,
    };
    for (_, path) in backup.snapshots() {
        copy_into(&path, &layout.arriving(&layout.snapshots()))?;
    }
    if let Some(path) = backup.projections() {
        let target = layout.arriving(&layout.projections());
        for entry in std::fs::read_dir(&path).map_err(|error| at(&path, &error))? {
            let entry = entry.map_err(|error| at(&path, &error))?;
            copy_into(&entry.path(), &target)?;
        }
    }
    write(order, &backup, &end, (highest, epoch))?;
    let named = folder::sync_folder(&unfinished)
        .and_then(|()| std::fs::rename(&unfinished, layout.new_journal()))
        .and_then(|()| folder::sync_folder(&layout.root));
    named.map_err(|error| at(&unfinished, &error))
}

/// The highest command and epoch that the backup or the old folder knows of.
fn known(order: &Order, shard: u32, end: &Origin) -> Result<(Sequence, u32), ActError> {
    let layout = order.layout();
    let journal = RocksStore::new(layout.journal()).open_read_only().ok();
    let snapshots = order.snapshots()?;
    let evidence = Evidence {
        journal: journal.as_deref(),
        archive: layout.archive(),
        mark: order.mark(),
        snapshots: snapshots.into_iter().map(|one| one.header).collect(),
        shard,
    };
    Ok(evidence.highest(end))
}

fn copy_into(file: &Path, folder: &Path) -> Result<(), ActError> {
    let failed = |error| at(file, &error);
    folder::make_folder(folder).map_err(failed)?;
    let Some(name) = file.file_name() else {
        return Ok(());
    };
    let target = folder.join(name);
    std::fs::copy(file, &target).map_err(failed)?;
    let synced = std::fs::File::open(&target).and_then(|file| file.sync_all());
    synced.map_err(failed)?;
    folder::sync_folder(folder).map_err(failed)
}

/// Writes the records of the backup and the one that begins the epoch, and replays all of it.
fn write(
    order: &Order,
    backup: &Backup,
    end: &Origin,
    (highest, epoch): (Sequence, u32),
) -> Result<(), ActError> {
    let path = order.layout().unfinished_journal();
    let failed = |error| store(&path, &error);
    let loaded = backup.snapshots().into_iter();
    let snapshots: Vec<_> = loaded
        .filter_map(|(_, path)| snapshot::load(&path).ok())
        .collect();
    let records = || -> Result<Records<'static>, ActError> {
        let Some(file) = backup.records() else {
            return Ok(Box::new(std::iter::empty()));
        };
        let read = archive::read(&file);
        Ok(Box::new(read.map_err(|error| {
            ActError::Refused(format!("the backup: {}: {error}", file.display()))
        })?))
    };
    let skipped = quarantined(records()?).map_err(failed)?;
    let shard = backup.manifest().shard;
    let mut replayer = order.replayer(&snapshots, shard, end.at, skipped);
    let base = replayer.engine().sequence();
    let journal = RocksStore::new(&path).open().map_err(failed)?;
    for stored in records()? {
        let (key, bytes) = stored.map_err(failed)?;
        journal.append(key, &bytes).map_err(failed)?;
        if key > base {
            replayer.replay(&bytes).map_err(|error| replay(&error))?;
        }
    }
    let hash = replayer.engine().event_hash();
    if (replayer.engine().sequence(), hash) != (end.at, backup.manifest().event_hash) {
        let said = "the backup replays to another end than its manifest says";
        return Err(ActError::Refused(said.to_owned()));
    }
    let begin = BeginEpoch {
        epoch: epoch + 1,
        cause: EpochCause::Restored,
        lost: (highest > end.at).then(|| (end.at.next(), highest)),
    };
    let first = highest.next();
    let (bytes, _) = order.record(replayer, (first, begin.epoch), Body::BeginEpoch(begin));
    journal.append(first, &bytes).map_err(failed)
}

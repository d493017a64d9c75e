//! `accept-loss`: an operator accepts that acknowledged commands are gone, and it goes on without.
//!
//! Invariant: everything before the first missing command is kept; the next command stands above
//! every one that anybody may have been told of, in a higher epoch, so no id is given twice. The
//! record that begins the epoch says what is lost, why, and who approved it. Not here: moving
//! things (`install`), finding what is whole (`kept`).

use std::path::{Path, PathBuf};

use super::act::{ActError, OnStep, Order, at, replay, store};
use super::install::{Installation, aside, exists};
use super::kept::{Evidence, Kept};
use super::made::Made;
use super::survey::{Quarantined, quarantined};
use crate::command::{BeginEpoch, Body, EpochCause};
use crate::journal::record;
use crate::journal::rocks::RocksStore;
use crate::journal::{Journal, Store as _, archive, folder, history};
use crate::limits::Limits;
use crate::runtime::MissingRange;
use crate::snapshot::{self, Snapshot};
use crate::types::Sequence;

/// Up to where the history that is derived from the journal reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Projections {
    /// There is none.
    None,
    /// Up to this command.
    At(Sequence),
    /// It cannot be read; it is set aside and made anew.
    Unreadable,
}

/// What an accepted loss came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcceptedLoss {
    /// The last command that is kept.
    pub kept: Sequence,
    /// What is lost, if anything that anybody knows of is.
    pub lost: Option<MissingRange>,
    /// The epoch that begins.
    pub epoch: u32,
    /// The command that begins it.
    pub sequence: Sequence,
    /// Where everything damaged is now.
    pub aside: PathBuf,
}

/// Accepts the loss of everything from command `from` on, which must be the first one missing. What
/// a later snapshot holds of it is kept all the same. An act that was cut off is ended.
///
/// # Errors
/// [`ActError::Refused`] with the right command where `from` is not it, or nothing is missing.
pub fn accept_loss(
    order: &Order,
    from: Sequence,
    projections: Projections,
    on_step: OnStep<'_>,
) -> Result<AcceptedLoss, ActError> {
    let _lock = order.take()?;
    let layout = order.layout();
    if !exists(&layout.new_journal())? && !moved_already(order)? {
        build(order, from, projections)?;
    }
    let place = if exists(&layout.new_journal())? {
        layout.new_journal()
    } else {
        layout.journal()
    };
    let made = Made::read(&place)?;
    let done = AcceptedLoss {
        kept: made.kept(),
        lost: made.lost(),
        epoch: made.begin.epoch,
        sequence: made.mark.sequence,
        aside: aside(&layout, made.begin.epoch, made.from().value()),
    };
    let installation = Installation {
        order,
        aside: done.aside.clone(),
        words: words(order, &done),
        obsolete: obsolete(order, &made, projections)?,
        replaced: Vec::new(),
        mark: made.mark,
    };
    installation.carry_out(on_step)?;
    Ok(done)
}

fn words(order: &Order, done: &AcceptedLoss) -> String {
    let lost = done
        .lost
        .map_or_else(|| "none known".to_owned(), |lost| lost.to_string());
    format!(
        "act: accept-loss\nepoch: {}\nkept up to: {}\nlost: {lost}\ngoes on at: {}\nreason: {}\n\
         approver: {}\n",
        done.epoch,
        done.kept.value(),
        done.sequence.value(),
        order.reason,
        order.approver
    )
}

/// Whether an earlier call of the same act had already put the new journal in place.
fn moved_already(order: &Order) -> Result<bool, ActError> {
    let layout = order.layout();
    let Ok(made) = Made::read(&layout.journal()) else {
        return Ok(false);
    };
    let recorded = aside(&layout, made.begin.epoch, made.from().value());
    Ok(made.begin.cause == EpochCause::AcceptedLoss && exists(&recorded.join("ACT"))?)
}

/// What tells of more than is kept, or cannot be read.
fn obsolete(
    order: &Order,
    made: &Made,
    projections: Projections,
) -> Result<Vec<PathBuf>, ActError> {
    let layout = order.layout();
    let folder = layout.snapshots();
    let listed = snapshot::list(&folder).map_err(|error| at(&folder, &error))?;
    let snapshots = listed
        .into_iter()
        .filter(|(at, path)| !made.reaches(*at) || snapshot::load(path).is_err());
    let mut found: Vec<PathBuf> = snapshots.map(|(_, path)| path).collect();
    found.extend(
        archived_beyond(order, made.kept())?
            .into_iter()
            .map(|(_, path)| path),
    );
    let ahead = match projections {
        Projections::None => false,
        Projections::At(cursor) => cursor > made.kept(),
        Projections::Unreadable => true,
    };
    if ahead {
        found.push(layout.projections());
    }
    Ok(found)
}

/// The archive files that hold something after `end`; the one in which it lies must be readable.
pub(super) fn archived_beyond(
    order: &Order,
    end: Sequence,
) -> Result<Vec<(Sequence, PathBuf)>, ActError> {
    let folder = order.layout().archive();
    let mut listed = archive::list(&folder).map_err(|error| at(&folder, &error))?;
    let holder = listed.iter().rposition(|(first, _)| *first <= end);
    let within = |path: &Path| archive::verify(path).is_ok_and(|file| file.last <= end);
    let begin = match holder {
        Some(place) if !within(&listed[place].1) => place,
        Some(place) => place + 1,
        None => 0,
    };
    Ok(listed.split_off(begin))
}

/// Makes `journal.new`.
fn build(order: &Order, from: Sequence, projections: Projections) -> Result<(), ActError> {
    let layout = order.layout();
    let journal = RocksStore::new(layout.journal()).open_read_only().ok();
    let snapshots = order.snapshots()?;
    let evidence = evidence(order, journal.as_deref(), &snapshots);
    let kept = evidence.kept(|kept| rebuildable(kept, projections))?;
    let missing = kept.missing;
    if evidence.is_whole() {
        let said = "nothing is missing: a start finds every acknowledged command";
        return Err(ActError::Refused(said.to_owned()));
    }
    if from != missing {
        return Err(ActError::Refused(format!(
            "command {} is the first one missing, not {}; everything before it can be kept",
            missing.value(),
            from.value()
        )));
    }
    write(order, &evidence, &kept, (&snapshots, projections))
}

fn evidence<'a>(
    order: &Order,
    journal: Option<&'a dyn Journal>,
    snapshots: &[Snapshot],
) -> Evidence<'a> {
    let mark = order.mark();
    Evidence {
        journal,
        archive: order.layout().archive(),
        mark,
        shard: mark.map_or_else(|| shard_of(journal, snapshots), |mark| mark.shard),
        snapshots: snapshots.iter().map(|one| one.header.clone()).collect(),
    }
}

/// Of a run that begins at a snapshot the history before it cannot be made anew; what there is of
/// it must fit.
fn rebuildable(kept: &Kept, projections: Projections) -> bool {
    match projections {
        Projections::None => true,
        Projections::At(cursor) => kept.origin.at <= cursor && cursor <= kept.end.at,
        Projections::Unreadable => false,
    }
}

fn shard_of(journal: Option<&dyn Journal>, snapshots: &[Snapshot]) -> u32 {
    let first = journal
        .and_then(|journal| journal.read_from(Sequence::ZERO).ok()?.next()?.ok())
        .and_then(|(_, bytes)| Some(record::open(&bytes).ok()?.0.shard));
    let snapshot = snapshots.first().map(|one| one.header.shard);
    first.or(snapshot).unwrap_or(0)
}

/// The first command the new journal must hold: all the old one held, and at least what follows the
/// oldest snapshot that stays and what stands in archive files that do not.
fn copied_from(order: &Order, evidence: &Evidence<'_>, kept: &Kept) -> Result<Sequence, ActError> {
    let held = evidence
        .journal
        .and_then(|one| history::first(one).ok().flatten());
    let stays = |at: &Sequence| *at <= kept.end.at && *at >= kept.origin.at;
    let ats = evidence.snapshots.iter().map(|header| header.sequence);
    let after_oldest = ats
        .filter(stays)
        .min()
        .map_or(kept.origin.at, |at| at)
        .next();
    let given_up = archived_beyond(order, kept.end.at)?;
    let first = given_up.first().map(|(first, _)| *first);
    let all = [held, Some(after_oldest), first].into_iter().flatten();
    Ok(all.min().unwrap_or(after_oldest).max(kept.origin.at.next()))
}

fn write(
    order: &Order,
    evidence: &Evidence<'_>,
    kept: &Kept,
    (snapshots, projections): (&[Snapshot], Projections),
) -> Result<(), ActError> {
    let layout = order.layout();
    let unfinished = layout.unfinished_journal();
    if exists(&unfinished)? {
        // Left by an act that was cut off; nothing but a copy.
        std::fs::remove_dir_all(&unfinished).map_err(|error| at(&unfinished, &error))?;
    }
    let mut skipped = Quarantined::new();
    evidence.run(kept.origin, Some(kept.end.at), &mut |key, bytes| {
        skipped.extend(quarantined(std::iter::once(Ok((key, bytes.to_vec())))).unwrap_or_default());
        Ok(())
    })?;
    let mut replayer = order.replayer(snapshots, evidence.shard, kept.end.at, skipped);
    let base = replayer.engine().sequence();
    let copied_from = copied_from(order, evidence, kept)?;
    let failed = |error| store(&unfinished, &error);
    let journal = RocksStore::new(&unfinished).open().map_err(failed)?;
    evidence.run(kept.origin, Some(kept.end.at), &mut |key, bytes| {
        if key >= copied_from {
            journal.append(key, bytes).map_err(failed)?;
        }
        if key > base {
            replayer.replay(bytes).map_err(|error| replay(&error))?;
        }
        Ok(())
    })?;
    if replayer.engine().sequence() != kept.end.at {
        return Err(ActError::Refused(format!(
            "no snapshot and no history lead to command {}",
            kept.end.at.value()
        )));
    }
    let (mut highest, epoch) = evidence.highest(&kept.end);
    if let Projections::At(cursor) = projections {
        highest = highest.max(cursor);
    }
    let lost = (highest > kept.end.at).then(|| (kept.end.at.next(), highest));
    let begin = BeginEpoch {
        epoch: epoch + 1,
        cause: EpochCause::AcceptedLoss,
        lost,
    };
    let first = highest.next();
    let (bytes, _) = order.record(replayer, (first, begin.epoch), Body::BeginEpoch(begin));
    journal.append(first, &bytes).map_err(failed)?;
    drop(journal);
    let named = folder::sync_folder(&unfinished)
        .and_then(|()| std::fs::rename(&unfinished, layout.new_journal()))
        .and_then(|()| folder::sync_folder(&layout.root));
    named.map_err(|error| at(&unfinished, &error))
}

/// The first command that is missing, as `accept-loss` would have it without any projections; none
/// where a start finds all, or nothing can be read.
pub(super) fn first_missing(data_dir: &Path, head_file: Option<&Path>) -> Option<Sequence> {
    let order = Order {
        data_dir: data_dir.to_path_buf(),
        head_file: head_file.map(Path::to_path_buf),
        limits: Limits::default(),
        reason: String::new(),
        approver: String::new(),
    };
    let path = order.layout().journal();
    let journal = RocksStore::new(path).open_read_only().ok();
    let snapshots = order.snapshots().ok()?;
    let evidence = evidence(&order, journal.as_deref(), &snapshots);
    let kept = evidence.kept(|_| true).ok()?;
    (!evidence.is_whole()).then_some(kept.missing)
}

//! The engine as of any command that is kept.
//!
//! Invariant: nothing is written; what is given out was reached from a snapshot (or the beginning)
//! through records each of which follows the one before, with their hashes of events compared.
//! Replay never crosses rules of another version than this build's. Not here: what is done with
//! the engine.

use std::path::{Path, PathBuf};

use super::rules::Rules;
use super::survey::{quarantined, reading};
use crate::engine::Engine;
use crate::journal::folder::{Layout, Lock, LockError};
use crate::journal::history::History;
use crate::journal::record;
use crate::journal::{Journal as _, Store};
use crate::limits::Limits;
use crate::runtime::{OtherRules, Position, Released, Replayer, StartError, refused};
use crate::snapshot::{self, Header};
use crate::types::{Sequence, Time};

/// The engine right after command `until`, with the journal in `store`. Numbers that an accepted
/// loss left out give the engine before them.
///
/// # Errors
/// The folder is in use or has no journal; `until` lies above the last command; no snapshot at or
/// below it can be used and the records before are not kept, or are damaged; records of other
/// rules than this build's would have to be replayed.
pub fn as_of_on(
    data_dir: &Path,
    store: &dyn Store,
    limits: Limits,
    until: Sequence,
) -> Result<Engine, StartError> {
    let layout = Layout::new(data_dir);
    let _lock = share(&layout)?;
    if !store.exists() {
        return Err(StartError::NoJournal(data_dir.to_path_buf()));
    }
    let journal = store.open_read_only().map_err(|error| reading(&error))?;
    let history = History::new(journal, layout.archive());
    let fits = |header: &Header| header.sequence <= until;
    let mut replayer = nearest(&layout, &history, limits, Pick::Newest, fits)?;
    let base = replayer.engine().sequence();
    let records = || {
        let records = history.read_from(base.next());
        records.map_err(|error| reading(&error))
    };
    let skipped = quarantined(records()?).map_err(|error| reading(&error))?;
    replayer.skip(skipped);
    let mut reached = base;
    for stored in records()? {
        let (key, bytes) = stored.map_err(|error| reading(&error))?;
        if key <= base {
            continue;
        }
        reached = key;
        if key > until {
            break;
        }
        let after = replayer.engine().sequence();
        let applied = replayer.apply_until(&bytes, until);
        applied.map_err(|error| refused(after, &error))?;
        reached = record::open(&bytes).map_or(key, |(header, _)| header.last());
    }
    if reached < until {
        let last = reached.value();
        let said = format!(
            "the journal ends at command {last}, before {}",
            until.value()
        );
        return Err(StartError::Config(said));
    }
    Ok(replayer.into_engine())
}

fn share(layout: &Layout) -> Result<Option<Lock>, StartError> {
    match Lock::share(&layout.lock()) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Absent) => Ok(None),
        Err(LockError::InUse) => Err(StartError::InUse(layout.root.clone())),
        Err(LockError::Io(error)) => Err(io(&layout.lock(), &error)),
    }
}

fn io(path: &Path, error: &std::io::Error) -> StartError {
    StartError::Io {
        path: path.to_path_buf(),
        error: error.to_string(),
    }
}

/// Replays all that is kept from the newest snapshot before `from` on, or from the beginning; where
/// commands of other rules follow it, from the oldest snapshot behind them on. Shows
/// `begin` the engine it begins with, then `each` the engine after every record with the record's
/// commands and events, and gives the engine at the end.
///
/// # Errors
/// As [`as_of_on`].
pub fn replay_from_on(
    data_dir: &Path,
    store: &dyn Store,
    limits: Limits,
    from: Time,
    (begin, mut each): (impl FnOnce(&Engine), impl FnMut(&Engine, &Released<'_>)),
) -> Result<Engine, StartError> {
    let layout = Layout::new(data_dir);
    let _lock = share(&layout)?;
    if !store.exists() {
        return Err(StartError::NoJournal(data_dir.to_path_buf()));
    }
    let journal = store.open_read_only().map_err(|error| reading(&error))?;
    let history = History::new(journal, layout.archive());
    let before = |header: &Header| header.time < from;
    let mut replayer = nearest(&layout, &history, limits, Pick::Newest, before)?;
    if let Some(foreign) = foreign(&history, &replayer)? {
        let behind = |header: &Header| header.sequence >= foreign.last;
        replayer = nearest(&layout, &history, limits, Pick::Oldest, behind)?;
    }
    let base = replayer.engine().sequence();
    begin(replayer.engine());
    let records = || {
        let records = history.read_from(base.next());
        records.map_err(|error| reading(&error))
    };
    let skipped = quarantined(records()?).map_err(|error| reading(&error))?;
    replayer.skip(skipped);
    for stored in records()? {
        let (key, bytes) = stored.map_err(|error| reading(&error))?;
        if key <= base {
            continue;
        }
        let after = replayer.engine().sequence();
        replayer
            .apply(&bytes)
            .map_err(|error| refused(after, &error))?;
        let (position, applied) = (replayer.position(), replayer.applied());
        let last = replayer.engine().sequence();
        let released = applied.released(last, position.epoch, position.shard);
        each(replayer.engine(), &released);
    }
    Ok(replayer.into_engine())
}

/// The first commands in a row that follow where the replayer stands and are of other rules.
fn foreign(history: &History, replayer: &Replayer) -> Result<Option<OtherRules>, StartError> {
    let mut rules = Rules::after(replayer.position().semantics);
    let base = replayer.engine().sequence();
    let records = history.read_from(base.next());
    for stored in records.map_err(|error| reading(&error))? {
        let (key, bytes) = stored.map_err(|error| reading(&error))?;
        if let Ok((header, body)) = record::open(&bytes)
            && key > base
        {
            rules.see(&header, body);
        }
    }
    Ok(rules.foreign())
}

/// Which of the snapshots that fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pick {
    Newest,
    Oldest,
}

/// A replayer at the newest or oldest snapshot that fits and can be used, kept newest or kept as
/// the first of its day; without one at the beginning.
fn nearest(
    layout: &Layout,
    history: &History,
    limits: Limits,
    pick: Pick,
    fits: impl Fn(&Header) -> bool,
) -> Result<Replayer, StartError> {
    let mut kept: Vec<(Sequence, PathBuf)> = Vec::new();
    for folder in [layout.snapshots(), layout.archive()] {
        kept.extend(snapshot::list(&folder).map_err(|error| io(&folder, &error))?);
    }
    kept.sort_unstable_by(|a, b| b.cmp(a));
    if pick == Pick::Oldest {
        kept.reverse();
    }
    let usable = |(_, path): (Sequence, PathBuf)| {
        let snapshot = snapshot::load(&path).ok()?;
        if !fits(&snapshot.header) {
            return None;
        }
        let position = Position {
            shard: snapshot.header.shard,
            epoch: snapshot.header.epoch,
            chain: snapshot.header.chain,
            semantics: snapshot.header.semantics,
        };
        Some(Replayer::new(snapshot.restore(limits).ok()?, position))
    };
    if let Some(replayer) = kept.into_iter().find_map(usable) {
        return Ok(replayer);
    }
    let mut records = history.read_from(Sequence::ZERO);
    let first = records.as_mut().ok().and_then(Iterator::next);
    let first = first.transpose().map_err(|error| reading(&error))?;
    let opened = first
        .as_ref()
        .and_then(|(_, bytes)| record::open(bytes).ok());
    let shard = opened.map_or(0, |(header, _)| header.shard);
    Ok(Replayer::begin(limits, shard))
}

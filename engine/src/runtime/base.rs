//! Which snapshot a start stands on: one whose bytes are whole, whose engine is what its header
//! says, and that follows from the journal. Any other is told and passed over for the one before.
//!
//! Invariant: a snapshot that is not used never changes what a start comes to, only how long it
//! takes. Not here: what stands above it (`recovery`), how one is taken (`housekeeping`).

use std::path::Path;

use super::config::Config;
use super::error::{OtherRules, StartError};
use super::replayer::{Position, Replayer};
use super::start::io;
use crate::SEMANTICS_VERSION;
use crate::engine::Engine;
use crate::journal::Journal;
use crate::journal::codec;
use crate::journal::folder::Layout;
use crate::journal::head::Mark;
use crate::journal::record::{self, Chain};
use crate::recovery::{Origin, Quarantined, Rules, later, quarantined, reading};
use crate::snapshot::{self, Header, Snapshot};
use crate::types::Sequence;

/// A snapshot, restored.
pub(crate) struct Base {
    header: Header,
    engine: Engine,
}

impl Base {
    /// The last command in it.
    pub(crate) fn at(&self) -> Sequence {
        self.header.sequence
    }

    /// Where the walk above it begins.
    pub(crate) fn origin(&self) -> Origin {
        origin(&self.header)
    }
}

/// Where the snapshot that a replay begins at stands, if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Its last command; zero without one.
    pub(crate) at: Sequence,
    /// The rules version it was taken under; zero without one.
    pub(crate) rules: u32,
}

impl Standing {
    /// Before everything.
    pub(crate) const BEGIN: Self = Self {
        at: Sequence::ZERO,
        rules: 0,
    };

    pub(crate) fn of(base: Option<&Base>) -> Self {
        base.map_or(Self::BEGIN, |base| Self {
            at: base.header.sequence,
            rules: base.header.semantics,
        })
    }
}

fn origin(header: &Header) -> Origin {
    Origin {
        at: header.sequence,
        chain: header.chain,
        epoch: header.epoch,
    }
}

/// The newest snapshot that can be used and follows from the journal.
///
/// # Errors
/// One that follows is of later rules than this build's: an older one in its place would only meet
/// them in the journal.
pub(crate) fn newest(
    config: &Config,
    layout: &Layout,
    journal: &dyn Journal,
    mark: &Mark,
) -> Result<Option<Base>, StartError> {
    let folder = layout.snapshots();
    let listed = snapshot::list(&folder).map_err(|error| io(&folder, &error))?;
    let mut why = None;
    for (_, path) in listed {
        let base = match loaded(&path, mark.shard) {
            Ok(snapshot) if !follows(journal, &snapshot.header)? => {
                Err("it does not follow from the journal".to_owned())
            }
            Ok(Snapshot { header, .. }) if header.semantics > SEMANTICS_VERSION => {
                let place = format!("at the snapshot of command {}", header.sequence.value());
                return Err(later(&place, header.semantics));
            }
            Ok(snapshot) => restored(config, snapshot),
            Err(said) => Err(said),
        };
        match base {
            Ok(base) => return Ok(Some(base)),
            Err(said) => why = Some(tell(config, &path, &said)),
        }
    }
    // Without one, only a journal from the first command on gives the state.
    match (why, first_key(journal)?) {
        (Some(found), Some(first)) if first > Sequence::ZERO.next() => {
            Err(StartError::NoSnapshot { first, found })
        }
        (Some(_) | None, _) => Ok(None),
    }
}

/// The snapshot replay begins from: the newest one at or below what the sink has, so that it is
/// given everything above; none means from the beginning.
pub(crate) fn below(
    config: &Config,
    layout: &Layout,
    newest: Option<Base>,
    cursor: Sequence,
) -> Result<Option<Base>, StartError> {
    if newest.as_ref().is_none_or(|base| base.at() <= cursor) {
        return Ok(newest);
    }
    let shard = newest.map_or(config.shard, |base| base.header.shard);
    let folder = layout.snapshots();
    let listed = snapshot::list(&folder).map_err(|error| io(&folder, &error))?;
    let mut older = listed.into_iter().filter(|(at, _)| *at <= cursor);
    Ok(older.find_map(|(_, path)| {
        let base = loaded(&path, shard).and_then(|snapshot| restored(config, snapshot));
        base.map_err(|said| tell(config, &path, &said)).ok()
    }))
}

/// The quarantined commands named from above `base` up to `newest`, which the survey did not see.
/// Refuses where the sink, which reaches `cursor`, cannot be given what lies there.
pub(crate) fn between(
    journal: &dyn Journal,
    base: Standing,
    newest: Sequence,
    cursor: Sequence,
) -> Result<Quarantined, StartError> {
    if base.at == newest {
        return Ok(Quarantined::new());
    }
    reached(journal, base.at, cursor)?;
    let mut rules = Rules::after(base.rules);
    let records = journal.read_from(base.at.next());
    let records = records.map_err(|error| reading(&error))?;
    let above = records.skip_while(|stored| matches!(stored, Ok((key, _)) if *key <= base.at));
    let seen = above
        .take_while(|stored| !matches!(stored, Ok((key, _)) if *key > newest))
        .inspect(|stored| {
            if let Ok((_, bytes)) = stored
                && let Ok((header, body)) = record::open(bytes)
            {
                rules.see(&header, body);
            }
        });
    let found = quarantined(seen).map_err(|error| reading(&error))?;
    derivable(rules.foreign(), cursor)?;
    Ok(found)
}

/// Refuses where the sink lacks commands that are kept nowhere any more: the state is whole, so
/// nothing acknowledged is lost, but its history cannot be made anew.
fn reached(journal: &dyn Journal, base: Sequence, cursor: Sequence) -> Result<(), StartError> {
    let records = journal.read_from(base.next());
    let mut records = records.map_err(|error| reading(&error))?;
    let Some(stored) = records.next() else {
        return Ok(());
    };
    let (key, bytes) = stored.map_err(|error| reading(&error))?;
    // One that cannot be read, or that begins an epoch after a loss, is for the replay to judge.
    let begins = record::open(&bytes)
        .ok()
        .filter(|(_, body)| !codec::begins_with_epoch(body));
    if key <= base.next() || begins.is_none() {
        return Ok(());
    }
    Err(StartError::Sink(format!(
        "the projections hold commands up to {}, and commands {}..={}, which they would be made \
         from, are in neither the journal nor the archive. Nothing acknowledged is lost: put the \
         files of the archive back, or projections that reach command {}",
        cursor.value(),
        base.next().value(),
        key.value() - 1,
        key.value() - 1
    )))
}

/// Refuses where the sink lacks commands that only a build of other rules could derive again.
fn derivable(foreign: Option<OtherRules>, cursor: Sequence) -> Result<(), StartError> {
    let Some(found) = foreign else {
        return Ok(());
    };
    Err(StartError::Sink(format!(
        "the projections hold commands up to {}, and what comes then cannot be made anew: {found}. \
         Nothing acknowledged is lost: put projections back that reach command {}",
        cursor.value(),
        found.last.value()
    )))
}

/// A replayer at `base`, or at the beginning.
pub(crate) fn replayer(config: &Config, base: Option<Base>, shard: u32) -> Replayer {
    let Some(Base { header, engine }) = base else {
        return Replayer::begin(config.limits, shard);
    };
    let position = Position {
        shard,
        epoch: header.epoch,
        chain: header.chain,
        semantics: header.semantics,
    };
    Replayer::new(engine, position)
}

fn loaded(path: &Path, shard: u32) -> Result<Snapshot, String> {
    let snapshot = snapshot::load(path).map_err(|error| error.to_string())?;
    if snapshot.header.shard != shard {
        return Err(format!("it is of shard {}", snapshot.header.shard));
    }
    Ok(snapshot)
}

fn restored(config: &Config, snapshot: Snapshot) -> Result<Base, String> {
    let restored = snapshot.restore(config.limits);
    let engine = restored.map_err(|error| error.to_string())?;
    Ok(Base {
        header: snapshot.header,
        engine,
    })
}

fn tell(config: &Config, path: &Path, said: &str) -> String {
    let said = format!("snapshot {}: {said}", path.display());
    (config.on_warning)(&format!("{said}; not used"));
    said
}

/// Whether the snapshot is of the record that the journal holds at its place. Where the journal
/// begins above it, the next record says.
fn follows(journal: &dyn Journal, header: &Header) -> Result<bool, StartError> {
    let records = journal.read_from(header.sequence);
    let mut records = records.map_err(|error| reading(&error))?;
    let Some(stored) = records.next() else {
        return Ok(false);
    };
    let (key, bytes) = stored.map_err(|error| reading(&error))?;
    Ok(record::open(&bytes).is_ok_and(|(found, _)| {
        let at = Origin {
            at: found.last(),
            chain: Chain::of(&bytes),
            epoch: found.epoch,
        };
        key > header.sequence && found.previous == header.chain || at == origin(header)
    }))
}

/// The first command of the first record, of the archive if there is one.
fn first_key(journal: &dyn Journal) -> Result<Option<Sequence>, StartError> {
    let records = journal.read_from(Sequence::ZERO);
    let mut records = records.map_err(|error| reading(&error))?;
    let first = records
        .next()
        .transpose()
        .map_err(|error| reading(&error))?;
    Ok(first.map(|(key, _)| key))
}

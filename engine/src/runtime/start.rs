//! How a runtime comes to life: lock, look, compare, replay, and only then open for writing.
//!
//! Invariant: until the journal is accepted nothing in the folder is written but `LOCK` (and the
//! folder itself, where there was none); a start that refuses leaves every file byte for byte as
//! it was. Not here: what the threads do afterwards.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::applied::Applied;
use super::base::{self, Base, Standing};
use super::clock::{Stakes, TimeSource};
use super::config::{Config, Progress, Stage};
use super::error::{MissingRange, OtherRules, Recovered, StartError};
use super::replayer::{ReplayError, Replayer};
use super::sequencer::CHUNK_COMMANDS_MAX;
use super::sink::Sink;
use crate::SEMANTICS_VERSION;
use crate::engine::Engine;
use crate::journal::folder::{self, Layout, Lock, LockError};
use crate::journal::head::{self, HeadFile, Mark, MarkKeeper};
use crate::journal::history::History;
use crate::journal::record::Chain;
use crate::journal::{Journal, Store};
use crate::recovery::{FIRST_EPOCH, Origin, Rules, Survey, below, later, reading, survey};
use crate::snapshot;
use crate::types::{Sequence, VenueId};
use crate::venue::Regime;

/// Progress is told about this often, in commands.
const PROGRESS_COMMANDS: u64 = 250_000;

/// All that a start hands to the threads.
pub(crate) struct Started {
    pub(crate) lock: Lock,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) head: Box<dyn MarkKeeper>,
    pub(crate) replayer: Replayer,
    /// The newest snapshot that can be used.
    pub(crate) snapshot: Standing,
    pub(crate) recovered: Recovered,
}

/// Carries out a start up to the threads.
pub(crate) fn start(
    config: &Config,
    store: &dyn Store,
    sink: &mut dyn Sink,
) -> Result<Started, StartError> {
    carry_out(config, store, sink).map_err(|error| with_range(config, error))
}

/// A refusal for damage names what was acknowledged from there on.
fn with_range(config: &Config, error: StartError) -> StartError {
    let StartError::Damaged { after, found } = error else {
        return error;
    };
    let mark = match head::read(&config.head_path()) {
        Ok(Some(mark)) if mark.sequence > after => mark.sequence,
        _ => return StartError::Damaged { after, found },
    };
    let lost = MissingRange {
        first: after.next(),
        last: mark,
    };
    let found = format!("{found}; commands {lost}, acknowledged, stand there or above");
    StartError::Damaged { after, found }
}

fn carry_out(
    config: &Config,
    store: &dyn Store,
    sink: &mut dyn Sink,
) -> Result<Started, StartError> {
    check(config)?;
    let source = &*config.clock.source;
    let began = source.monotonic().0;
    let layout = Layout::new(&config.data_dir);
    let lock = lock(&layout)?;
    let found = look(config, &layout, store)?;
    let Some((mark, journal)) = found else {
        return start_fresh(config, store, sink, &layout, lock, began);
    };
    let base = base::newest(config, &layout, &*journal, &mark)?;
    let newest = Standing::of(base.as_ref());
    let survey = examine(config, &layout, &*journal, base.as_ref(), &mark)?;
    let last = survey.end.at;
    let cursor = sink.open(last).map_err(StartError::Sink)?;
    if cursor > last {
        return Err(StartError::Sink(format!(
            "the projections hold command {} but the journal ends at {}; both must be of one \
                 folder",
            cursor.value(),
            last.value()
        )));
    }
    let base = base::below(config, &layout, base, cursor)?;
    let from = Standing::of(base.as_ref());
    let mut skipped = survey.quarantined.clone();
    skipped.extend(base::between(&*journal, from, newest.at, cursor)?);
    let mut replayer = base::replayer(config, base, mark.shard);
    replayer.skip(skipped);
    let replay_began = source.monotonic().0;
    let teller = Teller::new(config, began, Stage::Replaying, Some(last));
    let replayed = replay(&*journal, &mut replayer, &survey, cursor, sink, teller)?;
    let replay_elapsed = since(source, replay_began);
    let first = first_command(&*journal)?;
    drop(journal);
    let (journal, head) = open_for_writing(config, &layout, store, &survey, &mark)?;
    let recovered = Recovered {
        first,
        last,
        from_snapshot: from.at,
        replayed,
        compared: replayer.compared(),
        head_mark: mark.sequence,
        cut_records: survey.cut.len() as u64,
        epoch: replayer.position().epoch,
        elapsed: since(source, began),
        replay_elapsed,
    };
    Ok(Started {
        lock,
        journal,
        head: Box::new(head),
        replayer,
        snapshot: newest,
        recovered,
    })
}

/// Walks every record the journal holds, and compares with the snapshots and the mark; then what is
/// above the newest snapshot with the rules of this build.
fn examine(
    config: &Config,
    layout: &Layout,
    journal: &dyn Journal,
    newest: Option<&Base>,
    mark: &Mark,
) -> Result<Survey, StartError> {
    let origin = newest.map_or(Origin::BEGIN, Base::origin);
    let folder = layout.snapshots();
    let listed = snapshot::list(&folder).map_err(|error| io(&folder, &error))?;
    // A third one is what a kill left before it was removed; the journal was trimmed without it.
    let mut kept = listed.iter().take(snapshot::KEPT);
    let oldest = kept.next_back().map_or(Sequence::ZERO, |(at, _)| *at);
    let began = config.clock.source.monotonic().0;
    let mut progress = Teller::new(config, began, Stage::Checking, None).into_fn();
    let reach = (first_command(journal)?, oldest);
    let last = below(journal, origin, reach, mark, &mut progress)?;
    let mut rules = Rules::after(Standing::of(newest).rules);
    let mut survey = survey(journal, origin, mark, |(header, body)| {
        rules.see(header, body);
        progress(header.last());
    })?;
    rules.judge()?;
    survey.last_record = survey.last_record.or(last);
    Ok(survey)
}

/// Settings that cannot be are refused before anything is touched.
fn check(config: &Config) -> Result<(), StartError> {
    let least = CHUNK_COMMANDS_MAX as u32;
    let wrong = |text: String| Err(StartError::Config(text));
    if config.batch_commands_max < least {
        wrong(format!(
            "batch_commands_max is {}; at least {least} is needed",
            config.batch_commands_max
        ))
    } else if config.queue_commands_max == 0 {
        wrong("queue_commands_max is 0; nothing could be taken".to_owned())
    } else if config.snapshot_every_commands == 0 || config.snapshot_every.is_zero() {
        wrong("snapshot_every_commands and snapshot_every must be above 0".to_owned())
    } else {
        Ok(())
    }
}

fn lock(layout: &Layout) -> Result<Lock, StartError> {
    folder::make_folder(&layout.root).map_err(|error| io(&layout.root, &error))?;
    Lock::take(&layout.lock()).map_err(|error| match error {
        LockError::InUse => StartError::InUse(layout.root.clone()),
        LockError::Absent => io(&layout.lock(), &std::io::ErrorKind::NotFound.into()),
        LockError::Io(error) => io(&layout.lock(), &error),
    })
}

pub(super) fn io(path: &Path, error: &std::io::Error) -> StartError {
    StartError::Io {
        path: path.to_path_buf(),
        error: error.to_string(),
    }
}

fn since(source: &dyn TimeSource, began: i64) -> Duration {
    let passed = source.monotonic().0 - began;
    Duration::from_nanos(u64::try_from(passed).unwrap_or(0))
}

/// The head mark, and the journal opened for reading.
type Found = (Mark, Box<dyn Journal>);

/// What stands in the folder: mark and journal, opened for reading; none where a first start (or
/// one that was cut off before it had a journal) has the place to itself.
fn look(config: &Config, layout: &Layout, store: &dyn Store) -> Result<Option<Found>, StartError> {
    let path = config.head_path();
    let no_mark = |found: &str| StartError::HeadMark {
        path: path.clone(),
        found: found.to_owned(),
    };
    let (new, unfinished) = (layout.new_journal(), layout.unfinished_journal());
    if new.exists() {
        return Err(StartError::UnfinishedAct(new));
    }
    if unfinished.exists() && !store.exists() {
        return Err(StartError::UnfinishedAct(unfinished));
    }
    let mark = head::read(&path).map_err(|error| no_mark(&error.to_string()))?;
    if let Some(mark) = &mark
        && mark.shard != config.shard
    {
        return Err(StartError::OtherShard {
            journal: mark.shard,
            asked: config.shard,
        });
    }
    match (store.exists(), mark) {
        (true, Some(mark)) => {
            let journal = store.open_read_only().map_err(|error| reading(&error))?;
            let history = History::new(journal, layout.archive());
            Ok(Some((mark, Box::new(history))))
        }
        (true, None) => Err(no_mark("it is missing beside a journal")),
        (false, Some(mark)) if mark.sequence > Sequence::ZERO => Err(StartError::Missing {
            missing: MissingRange {
                first: Sequence::ZERO.next(),
                last: mark.sequence,
            },
            head_mark: mark.sequence,
            found: "there is no journal".to_owned(),
        }),
        (false, _) => {
            let folder = layout.snapshots();
            let snapshots = snapshot::list(&folder).map_err(|error| io(&folder, &error))?;
            if snapshots.is_empty() {
                Ok(None)
            } else {
                Err(no_mark("there are snapshots, but neither mark nor journal"))
            }
        }
    }
}

/// A first start: the mark is made before the journal, so that a journal without one is always
/// a loss.
fn start_fresh(
    config: &Config,
    store: &dyn Store,
    sink: &mut dyn Sink,
    layout: &Layout,
    lock: Lock,
    began: i64,
) -> Result<Started, StartError> {
    layout.make().map_err(|error| io(&layout.root, &error))?;
    let mark = Mark {
        shard: config.shard,
        epoch: FIRST_EPOCH,
        sequence: Sequence::ZERO,
        chain: Chain::GENESIS,
    };
    let path = config.head_path();
    let head = HeadFile::create(&path, &mark).map_err(|error| io(&path, &error))?;
    let journal = store.open().map_err(|error| reading(&error))?;
    let cursor = sink.open(Sequence::ZERO).map_err(StartError::Sink)?;
    // The folders the two made: without their names all that is synced in them would be gone.
    folder::sync_folder(&layout.root).map_err(|error| io(&layout.root, &error))?;
    if cursor > Sequence::ZERO {
        return Err(StartError::Sink(format!(
            "the projections hold command {} but the journal is new",
            cursor.value()
        )));
    }
    let replayer = base::replayer(config, None, config.shard);
    Ok(Started {
        lock,
        journal,
        head: Box::new(head),
        replayer,
        snapshot: Standing::BEGIN,
        recovered: Recovered {
            first: Sequence::ZERO,
            last: Sequence::ZERO,
            from_snapshot: Sequence::ZERO,
            replayed: 0,
            compared: 0,
            head_mark: Sequence::ZERO,
            cut_records: 0,
            epoch: FIRST_EPOCH,
            elapsed: since(&*config.clock.source, began),
            replay_elapsed: Duration::ZERO,
        },
    })
}

/// Applies what the survey accepted and hands the sink what it lacks; answers how many commands.
fn replay(
    journal: &dyn Journal,
    replayer: &mut Replayer,
    survey: &Survey,
    cursor: Sequence,
    sink: &mut dyn Sink,
    mut teller: Teller<'_>,
) -> Result<u64, StartError> {
    let base = replayer.engine().sequence();
    let last = survey.end.at;
    let mut replayed = 0;
    if base == last {
        return Ok(replayed);
    }
    for stored in journal
        .read_from(base.next())
        .map_err(|error| reading(&error))?
    {
        let (key, bytes) = stored.map_err(|error| reading(&error))?;
        if key <= base {
            continue;
        }
        if key > last {
            break;
        }
        let after = replayer.engine().sequence();
        replayer
            .apply(&bytes)
            .map_err(|error| refused(after, &error))?;
        let (epoch, shard) = (replayer.position().epoch, replayer.position().shard);
        replayed += replayer.applied().commands.len() as u64;
        hand_over(replayer.applied(), cursor, sink, (last, epoch, shard));
        teller.tell(replayer.engine().sequence());
    }
    assert_eq!(
        (replayer.engine().sequence(), replayer.position().chain),
        (last, survey.end.chain),
        "replay ends where the survey did"
    );
    Ok(replayed)
}

fn hand_over(
    applied: &Applied,
    cursor: Sequence,
    sink: &mut dyn Sink,
    (durable, epoch, shard): (Sequence, u32, u32),
) {
    let (Some(first), Some(last)) = (applied.commands.first(), applied.last()) else {
        return;
    };
    if first.sequence > cursor {
        sink.replayed(&applied.released(durable, epoch, shard));
    } else if last > cursor {
        let rest = applied.above(cursor);
        sink.replayed(&rest.released(durable, epoch, shard));
    }
}

/// What a record that cannot be applied after command `after` means for whoever replays.
pub(crate) fn refused(after: Sequence, error: &ReplayError) -> StartError {
    match *error {
        ReplayError::Divergence { agreed, parted } => StartError::Divergence { agreed, parted },
        ReplayError::Semantics { journal, at } if journal > SEMANTICS_VERSION => {
            later(&format!("from command {} on", at.value()), journal)
        }
        ReplayError::Semantics { journal, at } => StartError::Semantics(OtherRules {
            version: journal,
            first: at,
            last: at,
        }),
        ReplayError::Sequence { expected, found } if after == Sequence::ZERO => {
            StartError::NoSnapshot {
                first: found,
                found: format!("command {} is needed", expected.value()),
            }
        }
        ReplayError::Record(_)
        | ReplayError::Shard(_)
        | ReplayError::Sequence { .. }
        | ReplayError::Link(_)
        | ReplayError::Command { .. } => StartError::Damaged {
            after,
            found: error.to_string(),
        },
    }
}

/// The first command the journal itself still holds, without its archive.
fn first_command(journal: &dyn Journal) -> Result<Sequence, StartError> {
    for segment in journal.segments() {
        let records = journal.read_segment(segment);
        if let Some(stored) = records.map_err(|error| reading(&error))?.next() {
            return Ok(stored.map_err(|error| reading(&error))?.0);
        }
    }
    Ok(Sequence::ZERO)
}

/// Opens the accepted journal for writing, cuts what nobody was told of, and moves the mark up.
fn open_for_writing(
    config: &Config,
    layout: &Layout,
    store: &dyn Store,
    survey: &Survey,
    mark: &Mark,
) -> Result<(Arc<dyn Journal>, HeadFile), StartError> {
    layout.make().map_err(|error| io(&layout.root, &error))?;
    let journal = store.open().map_err(|error| reading(&error))?;
    for key in &survey.cut {
        journal.cut(*key).map_err(|error| reading(&error))?;
    }
    if survey.last_record.is_some()
        && journal.head().map_err(|error| reading(&error))? != survey.last_record
    {
        return Err(StartError::Damaged {
            after: survey.end.at,
            found: "opened for writing, the journal ends elsewhere than read-only".to_owned(),
        });
    }
    let path = config.head_path();
    let (mut head, _) = HeadFile::open(&path).map_err(|error| io(&path, &error))?;
    if survey.end.at > mark.sequence {
        let moved = Mark {
            epoch: survey.end.epoch,
            sequence: survey.end.at,
            chain: survey.end.chain,
            ..*mark
        };
        head.write(&moved).map_err(|error| io(&path, &error))?;
    }
    Ok((journal, head))
}

/// What is at stake if the clock is wrong: all venues sandboxes, or somebody's orders.
pub(crate) fn stakes(engine: &Engine) -> Stakes {
    let venues = (0..).map_while(|index| engine.venues().venue(VenueId::new(index)));
    let mut real = venues.filter(|venue| venue.regimes.iter().any(|r| *r != Regime::Sandbox));
    match real.next() {
        Some(_) => Stakes::Real,
        None => Stakes::Sandbox,
    }
}

/// Tells the caller how far a long stage is.
struct Teller<'a> {
    config: &'a Config,
    began: i64,
    stage: Stage,
    last: Option<Sequence>,
    next: u64,
}

impl<'a> Teller<'a> {
    fn new(config: &'a Config, began: i64, stage: Stage, last: Option<Sequence>) -> Self {
        Self {
            config,
            began,
            stage,
            last,
            next: 0,
        }
    }

    fn tell(&mut self, at: Sequence) {
        if at.value() < self.next {
            return;
        }
        self.next = at.value() + PROGRESS_COMMANDS;
        (self.config.on_progress)(&Progress {
            stage: self.stage,
            at,
            last: self.last,
            elapsed: since(&*self.config.clock.source, self.began),
        });
    }

    fn into_fn(mut self) -> impl FnMut(Sequence) {
        move |at| self.tell(at)
    }
}

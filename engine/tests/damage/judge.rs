//! The verdict on a damaged folder: the exact state with its money and goods, or a refusal that
//! names what is missing and leaves every byte as it was. Nothing between.
//!
//! Invariant: a start that comes up has every acknowledged command, the state those commands give,
//! and the records they were in; where that is watched, what it does until all deadlines have
//! passed is what those commands lead to. Not here: the damage itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sanjiang_engine::journal::head;
use sanjiang_engine::recovery::{open_folder, verify};
use sanjiang_engine::runtime::{Recovered, Runtime, StartError};
use sanjiang_engine::types::Sequence;

use super::hurt::{Damage, Hurt};
use super::image::Image;
use super::later::{LATER, START, follows, given, settle};
use crate::support::{Watcher, config, keeper};

/// The epoch of every image.
const EPOCH: u32 = 1;
/// Longer than a judged start runs.
const LATER_THAN_ALL: Duration = Duration::from_secs(1_000 * 24 * 3_600);

/// What came of a start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Everything is there.
    Exact,
    /// Everything acknowledged is there; records above it that nobody was told of were cut.
    Trimmed,
    /// Refused with this text, and nothing changed.
    Refused(String),
}

/// Starts on a copy of `image` with `damage`, where everything up to `least` was acknowledged, and
/// judges. The error says what is wrong with the outcome.
pub fn judge(image: &Image, damage: &Damage<'_>, least: Sequence) -> Result<Outcome, String> {
    judge_for(image, damage, least, Watch::Start)
}

/// The same, and lets what comes up run on until everything has fallen due: nothing of it may come
/// twice, be missed, or come otherwise than from the commands that are there.
pub fn judge_later(image: &Image, damage: &Damage<'_>, least: Sequence) -> Result<Outcome, String> {
    judge_for(image, damage, least, Watch::Deadlines)
}

/// How long what comes up is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Watch {
    /// Until it has begun.
    Start,
    /// Until all deadlines have passed.
    Deadlines,
}

fn judge_for(
    image: &Image,
    damage: &Damage<'_>,
    least: Sequence,
    watch: Watch,
) -> Result<Outcome, String> {
    let hurt = Hurt::new(image, damage);
    let place = Place {
        image,
        hurt: &hurt,
        least,
        archive_hurt: damage.hurts_archive(),
        watch,
    };
    catch_unwind(AssertUnwindSafe(|| judged(&place)))
        .unwrap_or_else(|panic| Err(format!("panicked: {}", said(&*panic))))
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a text").to_owned()
}

/// A damaged folder and what is to be found in it.
struct Place<'a> {
    image: &'a Image,
    hurt: &'a Hurt,
    /// Everything up to here was acknowledged.
    least: Sequence,
    /// The archive is damaged, which a start does not need: `verify` tells.
    archive_hurt: bool,
    watch: Watch,
}

fn judged(place: &Place<'_>) -> Result<Outcome, String> {
    let folder = place.hurt.folder.path();
    let verified = verify(folder, None);
    let (mut config, source) = config(folder);
    source.run(START);
    // What is told of the folder is told before another one is due.
    config.snapshot_every = LATER_THAN_ALL;
    let fatal = Arc::<Mutex<Option<String>>>::default();
    let tell = Arc::clone(&fatal);
    config.on_fatal = Arc::new(move |what| {
        *tell.lock().expect("whole") = Some(what.to_string());
    });
    let warnings = Arc::<Mutex<Vec<String>>>::default();
    let tell = Arc::clone(&warnings);
    config.on_warning = Arc::new(move |text| tell.lock().expect("whole").push(text.to_owned()));
    let (sink, watcher) = keeper(u64::MAX);
    let started = Runtime::start(config, sink);
    let (runtime, recovered) = match started {
        Ok(started) => started,
        Err(error) => {
            names_the_range(folder, &error)?;
            place.hurt.untouched()?;
            return Ok(Outcome::Refused(error.to_string()));
        }
    };
    watcher.wait(recovered.last.value() + 1);
    if place.watch == Watch::Deadlines {
        settle(&runtime.handle(), &source, &watcher);
        for span in LATER {
            source.run(span);
            settle(&runtime.handle(), &source, &watcher);
        }
    }
    drop(runtime);
    if let Some(fatal) = fatal.lock().expect("whole").take() {
        return Err(format!("a fault after the start: {fatal}"));
    }
    // A history that begins later than it did is told by its first command.
    let whole = verified
        .is_ok_and(|report| report.is_whole() && report.first_sequence == place.image.records[0].0);
    exact(place, &recovered, &watcher, whole)
}

fn exact(
    place: &Place<'_>,
    recovered: &Recovered,
    watcher: &Watcher,
    whole: bool,
) -> Result<Outcome, String> {
    let Place {
        image, hurt, least, ..
    } = *place;
    let last = recovered.last;
    if last < least {
        let (last, least) = (last.value(), least.value());
        return Err(format!("came up in silence at {last} of {least}"));
    }
    let (at, _, state) = watcher.record.lock().expect("whole").recovered[0];
    same_money(place, last, watcher)?;
    if place.watch == Watch::Deadlines {
        let known = image.commands.partition_point(|one| one.sequence <= last);
        let (must, _) = follows(&image.commands[..known]);
        if given(&watcher.released()) != must {
            return Err(format!("what follows on {} differs", last.value()));
        }
    }
    if at != last || image.states.get(&last) != Some(&state) {
        return Err(format!("the state at {} differs", last.value()));
    }
    let exhibit = open_folder(hurt.folder.path(), None).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, _> = exhibit
        .export()
        .map_err(|error| error.to_string())?
        .collect();
    let history = found.is_ok_and(|found| {
        let held = found.iter().map(|one| (one.header.first, &one.bytes));
        let ours = held.take_while(|(first, _)| *first <= last);
        let all = image.records.iter().map(|(first, bytes)| (*first, bytes));
        ours.eq(all.take_while(|(first, _)| *first <= last))
    });
    if !history && (whole || !place.archive_hurt) {
        let knew = if whole { "not told" } else { "told" };
        return Err(format!(
            "records are lost from the history; verify had {knew} it"
        ));
    }
    if recovered.epoch != EPOCH {
        return Err(format!("came up in epoch {}", recovered.epoch));
    }
    let end = image.commands.last().expect("not empty").sequence;
    Ok(if last == end {
        Outcome::Exact
    } else {
        Outcome::Trimmed
    })
}

/// Every position, every instruction that waits, what orders hold, and the engine's own audit: as
/// in an engine that never knew the damage.
fn same_money(place: &Place<'_>, last: Sequence, watcher: &Watcher) -> Result<(), String> {
    let record = watcher.record.lock().expect("whole");
    let found = &record.books[0];
    found.audit.clone()?;
    let ours = place.image.books.get(&last);
    let ours = ours.ok_or_else(|| format!("{} is the end of no record", last.value()))?;
    let at = last.value();
    ours.differs(found)
        .map_or(Ok(()), |what| Err(format!("the money at {at}: {what}")))
}

/// A refusal names what is missing, and what was acknowledged as far as the folder still knows.
fn names_the_range(folder: &Path, error: &StartError) -> Result<(), String> {
    let text = error.to_string();
    if matches!(
        error,
        StartError::OtherShard { .. }
            | StartError::HeadMark { .. }
            | StartError::Newer { .. }
            | StartError::Semantics(_)
    ) {
        // What is wrong is not a part of the history; without a mark nobody knows where it ends.
        return Ok(());
    }
    let mark = head::read(&folder.join("head")).expect("readable");
    let acknowledged = mark.expect("there").sequence.value().to_string();
    if text.contains("..=") && text.contains(&acknowledged) {
        Ok(())
    } else {
        Err(format!("a refusal that names no range: {text}"))
    }
}

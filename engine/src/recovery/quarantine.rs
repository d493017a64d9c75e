//! `quarantine`: a command that stops every start is passed over from now on.
//!
//! Invariant: the journal is whole, the command is in it and in no snapshot; nothing is changed but
//! one record more at the end, which carries the hash of a run that passes the command over. The
//! epoch stays. Not here: what passing over means (`Engine::skip`).

use super::accept_loss::Projections;
use super::act::{ActError, Order, origin_of, replay, set_aside, store};
use super::install::aside;
use super::survey::{Survey, survey};
use super::walk::{Origin, is_act};
use crate::command::{Body, Quarantine};
use crate::journal::head::Mark;
use crate::journal::rocks::RocksStore;
use crate::journal::{Journal, JournalError, Store as _, record};
use crate::runtime::{Replayer, StartError};
use crate::types::Sequence;

/// What a quarantine came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuarantineDone {
    /// The command that is passed over.
    pub command: Sequence,
    /// The command that says so.
    pub sequence: Sequence,
}

/// Has the command `command` passed over by every replay from now on. History that was derived
/// with it is set aside, to be made anew.
///
/// # Errors
/// [`ActError::Refused`]: it is not in the journal, in a snapshot already, or itself an act;
/// [`ActError::Folder`]: the journal is not whole.
pub fn quarantine(
    order: &Order,
    command: Sequence,
    projections: Projections,
) -> Result<QuarantineDone, ActError> {
    let _lock = order.take()?;
    let layout = order.layout();
    let path = layout.journal();
    let rocks = RocksStore::new(&path);
    if !rocks.exists() {
        return Err(StartError::NoJournal(order.data_dir.clone()).into());
    }
    let Some(mark) = order.mark() else {
        let said = format!("the head mark {} cannot be read", order.head().display());
        return Err(ActError::Refused(said));
    };
    let failed = |error| store(&path, &error);
    let snapshots = order.snapshots()?;
    let journal = rocks.open_read_only().map_err(failed)?;
    let origin = snapshots
        .first()
        .map_or(Origin::BEGIN, |one| origin_of(&one.header));
    let found = survey(&*journal, origin, &mark, |_| ())?;
    if let Some(act) = found.quarantined.get(&command) {
        // Done before; the mark may lack, if that was cut off.
        let mark = moved_up(&mark, &found);
        order.write_mark(&mark)?;
        return Ok(QuarantineDone {
            command,
            sequence: *act,
        });
    }
    check(command, origin.at, found.end.at)?;
    let act = found.end.at.next();
    let mut skipped = found.quarantined.clone();
    skipped.insert(command, act);
    let mut replayer = order.replayer(&snapshots, mark.shard, found.end.at, skipped);
    pass_over(&*journal, &mut replayer, command, found.end.at)?;
    drop(journal);
    let told = match projections {
        Projections::None => false,
        Projections::At(cursor) => cursor >= command,
        Projections::Unreadable => true,
    };
    if told {
        let folder = aside(&layout, found.end.epoch, command.value());
        set_aside(&layout.projections(), &folder.join("projections"))?;
    }
    let body = Body::Quarantine(Quarantine { sequence: command });
    let (bytes, mark) = order.record(replayer, (act, found.end.epoch), body);
    append(&rocks, &found.cut, (act, &bytes)).map_err(failed)?;
    order.write_mark(&mark)?;
    Ok(QuarantineDone {
        command,
        sequence: act,
    })
}

fn moved_up(mark: &Mark, found: &Survey) -> Mark {
    Mark {
        epoch: found.end.epoch,
        sequence: found.end.at,
        chain: found.end.chain,
        ..*mark
    }
}

fn check(command: Sequence, inside: Sequence, end: Sequence) -> Result<(), ActError> {
    let at = command.value();
    if command <= inside {
        Err(ActError::Refused(format!(
            "command {at} is inside the snapshot at {}; what it did cannot be taken out",
            inside.value()
        )))
    } else if command > end {
        Err(ActError::Refused(format!(
            "command {at} is not in the journal, which ends at {}",
            end.value()
        )))
    } else {
        Ok(())
    }
}

/// Replays the journal to its end, the command passed over.
fn pass_over(
    journal: &dyn Journal,
    replayer: &mut Replayer,
    command: Sequence,
    end: Sequence,
) -> Result<(), ActError> {
    let failed = |error: JournalError| ActError::Refused(error.to_string());
    let base = replayer.engine().sequence();
    let mut held = false;
    for stored in journal.read_from(base.next()).map_err(failed)? {
        let (key, bytes) = stored.map_err(failed)?;
        if key <= base {
            continue;
        }
        if key > end {
            break;
        }
        let Ok((header, body)) = record::open(&bytes) else {
            break;
        };
        held |= header.first <= command && command <= header.last();
        if command == key && is_act(body) {
            let said = format!(
                "command {} is itself an act of an operator",
                command.value()
            );
            return Err(ActError::Refused(said));
        }
        replayer.replay(&bytes).map_err(|error| replay(&error))?;
    }
    if held {
        return Ok(());
    }
    let said = format!(
        "command {} is not in the journal: it was lost",
        command.value()
    );
    Err(ActError::Refused(said))
}

/// Opens the journal for writing, cuts what a start would cut, and adds the record.
fn append(
    rocks: &RocksStore,
    cut: &[Sequence],
    (first, bytes): (Sequence, &[u8]),
) -> Result<(), JournalError> {
    let journal = rocks.open()?;
    for key in cut {
        journal.cut(*key)?;
    }
    journal.append(first, bytes)
}

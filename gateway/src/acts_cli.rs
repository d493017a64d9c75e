//! `gateway journal accept-loss|quarantine` and `gateway restore`: acts of an operator on a stopped
//! folder.
//!
//! Invariant: exit status 0 only if the act is done to its end; 1 if it was refused or could not be
//! ended, 2 if the folder is in use. Not here: the acts (`recovery` of the engine).

use std::process::ExitCode;

use engine::limits::Limits;
use engine::recovery::{self, ActError, Order, Projections, Step};
use engine::runtime::StartError;
use engine::types::Sequence;

use crate::config::{ActArguments, RestoreArguments};
use crate::projector::Store;

const NOT_DONE: u8 = 1;
const IN_USE: u8 = 2;

fn order(act: &ActArguments) -> Order {
    Order {
        data_dir: act.data_dir.clone(),
        head_file: act.head_file.clone(),
        limits: Limits::default(),
        reason: act.reason.clone(),
        approver: act.approver.clone(),
    }
}

/// How far the history that the gateway keeps reaches.
fn projections(act: &ActArguments) -> Projections {
    match Store::reach(&act.data_dir.join("projections")) {
        Ok(Sequence::ZERO) => Projections::None,
        Ok(cursor) => Projections::At(cursor),
        Err(_) => Projections::Unreadable,
    }
}

/// Tells of each step; none ends the act.
fn told(step: Step) -> bool {
    println!("{}", words(step));
    true
}

const fn words(step: Step) -> &'static str {
    match step {
        Step::Built => "the new journal is whole",
        Step::Recorded => "the old head mark and the words of the act are kept",
        Step::SetAside => "what tells of more is set aside",
        Step::OldMoved => "the old journal is set aside",
        Step::NewMoved => "the new journal is in its place",
        Step::Marked => "the head mark is written",
    }
}

fn answer(said: Result<String, ActError>) -> ExitCode {
    match said {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            let in_use = matches!(error, ActError::Folder(StartError::InUse(_)));
            ExitCode::from(if in_use { IN_USE } else { NOT_DONE })
        }
    }
}

fn lost(lost: Option<engine::runtime::MissingRange>) -> String {
    lost.map_or_else(|| "nothing known".to_owned(), |lost| lost.to_string())
}

/// Accepts a loss.
pub fn accept_loss(from: u64, act: &ActArguments) -> ExitCode {
    let from = Sequence::new(from);
    let done = recovery::accept_loss(&order(act), from, projections(act), &mut told);
    answer(done.map(|done| {
        format!(
            "kept up to command {}; lost: {}; epoch {} begins at command {}; what was damaged is \
             in {}",
            done.kept.value(),
            lost(done.lost),
            done.epoch,
            done.sequence.value(),
            done.aside.display()
        )
    }))
}

/// Quarantines a command.
pub fn quarantine(sequence: u64, act: &ActArguments) -> ExitCode {
    let sequence = Sequence::new(sequence);
    let done = recovery::quarantine(&order(act), sequence, projections(act));
    answer(done.map(|done| {
        format!(
            "command {} is passed over from now on; command {} says so",
            done.command.value(),
            done.sequence.value()
        )
    }))
}

/// Restores a backup.
pub fn restore(arguments: &RestoreArguments) -> ExitCode {
    let act = &arguments.act;
    let done = recovery::restore(&order(act), &arguments.from, projections(act), &mut told);
    answer(done.map(|done| {
        format!(
            "restored up to command {}; lost: {}; epoch {} begins at command {}; what stood there \
             is in {}",
            done.kept.value(),
            lost(done.lost),
            done.epoch,
            done.sequence.value(),
            done.aside.display()
        )
    }))
}

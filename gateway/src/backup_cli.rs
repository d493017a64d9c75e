//! `gateway backup` and `gateway restore-drill`: asking a running gateway for a backup, and proving
//! that one can be restored.
//!
//! A drill puts the backup into a scratch folder as a restore would, replays it from each of its
//! snapshots, and compares the running hash of all events at its last command with the manifest
//! and, when asked, with what a running gateway's journal says.
//!
//! Invariant: exit status 0 only if everything was done and equal; 1 when it was not, 2 when it
//! could not be tried. A drill changes nothing outside its scratch folder. Not here: putting a
//! backup into the place of a lost folder (`journal_cli`).

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use engine::backup::{Backup, BackupError, Drilled};
use engine::journal::rocks::RocksStore;
use engine::journal::{JournalError, Store as _, history};
use engine::limits::Limits;
use engine::state_hash::EventHash;
use engine::types::Sequence;
use proto::v1;
use proto::v1::operations_client::OperationsClient;
use tonic::transport::Channel;

use crate::config::{BackupArguments, DrillArguments};
use crate::projector::Store;

/// What the exit status says.
const NOT_EQUAL: u8 = 1;
const NOT_TRIED: u8 = 2;
/// How long a gateway may take to answer a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Why a command did not end well.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("{0}")]
    Backup(#[from] BackupError),
    #[error("{0}")]
    Journal(#[from] JournalError),
    #[error("the history in the backup: {0}")]
    History(String),
    #[error(
        "the backup says {ours:032x} at command {at}, the gateway at {target} says {theirs} at \
         command {theirs_at}"
    )]
    Differs {
        at: u64,
        ours: u128,
        theirs_at: u64,
        theirs: String,
        target: String,
    },
    #[error("a scratch folder: {0}")]
    Scratch(std::io::Error),
    #[error("{0}: {1}")]
    Target(String, String),
}

impl CliError {
    const fn status(&self) -> u8 {
        match self {
            Self::Backup(_) | Self::Journal(_) | Self::History(_) | Self::Differs { .. } => {
                NOT_EQUAL
            }
            Self::Scratch(_) | Self::Target(..) => NOT_TRIED,
        }
    }
}

fn ended(done: Result<(), CliError>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.status())
        }
    }
}

/// Carries out `gateway backup`.
pub fn backup(arguments: &BackupArguments) -> ExitCode {
    let request = v1::BackupRequest {
        name: arguments.name.clone(),
    };
    let made = on_target(&arguments.target, async |mut operations| {
        operations.backup(request).await
    });
    ended(made.map(|made| {
        println!(
            "backup {}: commands {} to {}, events {}, {} bytes, {} ms",
            made.name,
            made.first_sequence,
            made.last_sequence,
            made.event_hash,
            made.bytes,
            made.milliseconds
        );
    }))
}

/// Carries out `gateway restore-drill`.
pub fn drill(arguments: &DrillArguments) -> ExitCode {
    ended(try_drill(&arguments.from, arguments.target.as_deref()))
}

fn try_drill(from: &Path, target: Option<&str>) -> Result<(), CliError> {
    let began = Instant::now();
    let backup = Backup::open(from)?;
    let scratch = tempfile::Builder::new()
        .prefix("sanjiang-drill-")
        .tempdir()
        .map_err(CliError::Scratch)?;
    let store = RocksStore::new(scratch.path().join("journal"));
    let journal = store.open()?;
    let drilled = engine::backup::drill(&backup, &*journal, Limits::default())?;
    check_history(&backup, scratch.path())?;
    let took = began.elapsed().as_secs_f64();
    let Drilled {
        last,
        event_hash,
        replayed,
        compared,
        begun_from,
    } = drilled;
    println!(
        "restored commands up to {}: {replayed} replayed from {begun_from} state(s), {compared} \
         hashes equal on the way, events {:032x} as the manifest says, in {took:.3} s",
        last.value(),
        event_hash.0
    );
    if let Some(target) = target {
        let nowhere = scratch.path().join("archive");
        let point = history::event_point(&*journal, &nowhere, last)?;
        compare(target, last, point)?;
    }
    Ok(())
}

/// The copy of the history opens, and tells of no command the records lack.
fn check_history(backup: &Backup, scratch: &Path) -> Result<(), CliError> {
    let Some(from) = backup.projections() else {
        return Ok(());
    };
    let to = scratch.join("projections");
    std::fs::create_dir(&to).map_err(CliError::Scratch)?;
    for entry in std::fs::read_dir(from).map_err(CliError::Scratch)? {
        let entry = entry.map_err(CliError::Scratch)?;
        std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(CliError::Scratch)?;
    }
    let last = backup.manifest().last;
    let opened = Store::open(&to, last).and_then(|store| store.cursor());
    let cursor = opened.map_err(|error| CliError::History(error.to_string()))?;
    println!("the history reaches command {}", cursor.value());
    Ok(())
}

/// Compares the newest point of the restored journal with the running one's.
fn compare(
    target: &str,
    last: Sequence,
    point: Option<(Sequence, EventHash)>,
) -> Result<(), CliError> {
    let Some((at, hash)) = point else {
        println!("the backup holds no record to compare with {target}");
        return Ok(());
    };
    let request = v1::GetEventHashRequest {
        sequence: last.value(),
    };
    let theirs = on_target(target, async |mut operations| {
        operations.get_event_hash(request).await
    })?;
    let ours = format!("{:032x}", hash.0);
    if (theirs.sequence, theirs.event_hash.as_str()) != (at.value(), ours.as_str()) {
        return Err(CliError::Differs {
            at: at.value(),
            ours: hash.0,
            theirs_at: theirs.sequence,
            theirs: theirs.event_hash,
            target: target.to_owned(),
        });
    }
    println!(
        "the gateway at {target} says the same at command {}",
        at.value()
    );
    Ok(())
}

/// Calls a running gateway.
fn on_target<T>(
    target: &str,
    call: impl AsyncFnOnce(OperationsClient<Channel>) -> Result<tonic::Response<T>, tonic::Status>,
) -> Result<T, CliError> {
    let told = |said: &dyn std::fmt::Display| CliError::Target(target.to_owned(), said.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| told(&error))?;
    runtime.block_on(async {
        let endpoint = Channel::from_shared(target.to_owned()).map_err(|error| told(&error))?;
        let channel = endpoint.connect_timeout(CONNECT_WITHIN).connect().await;
        let channel = channel.map_err(|error| told(&error))?;
        let answer = call(OperationsClient::new(channel)).await;
        Ok(answer
            .map_err(|status| told(&status.message()))?
            .into_inner())
    })
}

//! Backups of the running exchange, under the folder it was started with.
//!
//! The history is copied first, then the engine's thread gathers snapshots and records up to a
//! later command, so the history never tells of a command the records lack. A backup stands under
//! its name only when it is whole, synced and read back.
//!
//! Invariant: a name from the wire names one folder right below the configured one, never a path;
//! one backup at a time. Not here: what a backup holds (`engine::backup`), the command line
//! (`backup_cli`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use engine::backup::{BackupError, Manifest, seal};
use engine::runtime::{NotAsked, Upkeep};
use engine::types::Sequence;
use proto::v1;
use tokio::sync::{Semaphore, oneshot};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::errors::{DOMAIN, Failure};
use crate::projector::History;

/// The longest name.
const NAME_BYTES_MAX: usize = 64;

/// Makes backups, one at a time.
pub struct Backups {
    root: Option<PathBuf>,
    upkeep: Upkeep,
    history: History,
    turn: Arc<Semaphore>,
}

/// Why there is no backup.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
enum NoBackup {
    #[error(
        "this gateway was started without --backup-dir, so there is no place to write a backup to"
    )]
    NoFolder,
    #[error("there is a backup of this name already; choose another")]
    Exists,
    #[error("another backup is under way; try again when it is done")]
    UnderWay,
    #[error("no backup was made: {0}")]
    Failed(String),
    #[error("the gateway is stopping; no backup was made")]
    Stopping,
}

impl From<NoBackup> for Status {
    fn from(no: NoBackup) -> Self {
        let (code, reason) = match no {
            NoBackup::NoFolder => (Code::FailedPrecondition, "NO_BACKUP_DIR"),
            NoBackup::Exists => (Code::AlreadyExists, "BACKUP_EXISTS"),
            NoBackup::UnderWay => (Code::ResourceExhausted, "BACKUP_UNDER_WAY"),
            NoBackup::Failed(_) => (Code::Internal, "BACKUP_FAILED"),
            NoBackup::Stopping => (Code::Unavailable, "STOPPING"),
        };
        let details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
        Self::with_error_details(code, no.to_string(), details)
    }
}

impl From<NotAsked> for NoBackup {
    fn from(not: NotAsked) -> Self {
        match not {
            NotAsked::Full => Self::UnderWay,
            NotAsked::Stopping => Self::Stopping,
        }
    }
}

impl From<BackupError> for NoBackup {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Exists(_) => Self::Exists,
            BackupError::Stopping => Self::Stopping,
            BackupError::File { .. }
            | BackupError::Journal(_)
            | BackupError::Format(_)
            | BackupError::Replay(_) => Self::Failed(error.to_string()),
        }
    }
}

impl Backups {
    /// Backups of this exchange, under `root` if there is one.
    pub fn new(root: Option<PathBuf>, upkeep: Upkeep, history: History) -> Self {
        Self {
            root,
            upkeep,
            history,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Makes one. It goes on when the caller goes away.
    ///
    /// # Errors
    /// The status of the wire: which, and why.
    pub async fn make(&self, name: &str) -> Result<v1::BackupResponse, Status> {
        check_name(name)?;
        let root = self.root.clone().ok_or(NoBackup::NoFolder)?;
        let turn = Arc::clone(&self.turn).try_acquire_owned();
        let turn = turn.map_err(|_| NoBackup::UnderWay)?;
        let work = Work {
            partial: root.join(format!(".{name}.partial")),
            target: root.join(name),
            root,
            upkeep: self.upkeep.clone(),
            history: self.history.clone(),
        };
        let began = Instant::now();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work.carry_out()
        });
        let done = done
            .await
            .unwrap_or_else(|error| Err(NoBackup::Failed(error.to_string())));
        let (manifest, bytes) = done.inspect_err(|no| eprintln!("backup {name}: {no}"))?;
        let response = v1::BackupResponse {
            name: name.to_owned(),
            first_sequence: manifest.first.value(),
            last_sequence: manifest.last.value(),
            event_hash: format!("{:032x}", manifest.event_hash.0),
            bytes,
            milliseconds: began.elapsed().as_millis() as u64,
        };
        println!(
            "backup {name}: commands up to {}, {} bytes in {} ms",
            response.last_sequence, response.bytes, response.milliseconds
        );
        Ok(response)
    }

    /// The running hash of all events at `sequence`, or at the nearest point below it.
    ///
    /// # Errors
    /// The gateway stops, the journal cannot be read, or too many ask.
    pub async fn event_hash(&self, sequence: Sequence) -> Result<v1::GetEventHashResponse, Status> {
        let (tell, told) = oneshot::channel();
        // Whoever asked may have gone away.
        let reply = Box::new(move |point| drop(tell.send(point)));
        self.upkeep
            .event_point(sequence, reply)
            .map_err(|not| match not {
                NotAsked::Full => Failure::Busy("too many ask for hashes"),
                NotAsked::Stopping => Failure::Stopping,
            })?;
        let point = told.await.map_err(|_| Failure::Stopping)?;
        let point = point.map_err(|error| Status::internal(error.to_string()))?;
        Ok(
            point.map_or_else(v1::GetEventHashResponse::default, |point| {
                v1::GetEventHashResponse {
                    sequence: point.at.value(),
                    event_hash: format!("{:032x}", point.hash.0),
                }
            }),
        )
    }
}

/// A name that is one folder and hides nothing.
fn check_name(name: &str) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let good = (1..=NAME_BYTES_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(plain);
    if good {
        return Ok(());
    }
    Err(Failure::field(
        "name",
        "must be 1 to 64 letters, digits, dots, underscores and hyphens, not beginning with a dot",
    ))
}

/// One backup.
struct Work {
    root: PathBuf,
    partial: PathBuf,
    target: PathBuf,
    upkeep: Upkeep,
    history: History,
}

impl Work {
    fn carry_out(self) -> Result<(Manifest, u64), NoBackup> {
        let made = self.make();
        if made.is_err() {
            // What is half-made is of no use; what matters is the first error.
            let _ = std::fs::remove_dir_all(&self.partial);
        }
        made
    }

    fn make(&self) -> Result<(Manifest, u64), NoBackup> {
        let told = |path: &Path, error: &std::io::Error| {
            NoBackup::Failed(format!("{}: {error}", path.display()))
        };
        if std::fs::exists(&self.target).map_err(|error| told(&self.target, &error))? {
            return Err(NoBackup::Exists);
        }
        std::fs::create_dir_all(&self.root).map_err(|error| told(&self.root, &error))?;
        // Left by a process that died; nobody else makes one of this name.
        if self.partial.exists() {
            let removed = std::fs::remove_dir_all(&self.partial);
            removed.map_err(|error| told(&self.partial, &error))?;
        }
        std::fs::create_dir(&self.partial).map_err(|error| told(&self.partial, &error))?;
        let copied = self.history.copy_to(&self.partial.join("projections"));
        copied.map_err(|error| NoBackup::Failed(error.to_string()))?;
        let (tell, told) = mpsc::channel();
        let reply = Box::new(move |gathered| drop(tell.send(gathered)));
        self.upkeep.gather(self.partial.clone(), reply)?;
        let manifest = told.recv().map_err(|_| NoBackup::Stopping)??;
        let bytes = seal(&self.partial, manifest.clone(), &self.target)?;
        Ok((manifest, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_plain_folder() {
        for good in ["a", "2026-11-23", "v1.0_x", &"n".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let long = "n".repeat(65);
        for bad in [
            "", ".", "..", ".a", "a/b", "/a", "../a", "a b", "a\0", "夜", &long,
        ] {
            assert!(check_name(bad).is_err(), "{bad:?} passed");
        }
    }
}

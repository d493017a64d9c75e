//! Reading a journal without changing it: the walk along its chain that every start begins with,
//! and the tools on a stopped folder.
//!
//! Invariant: what only looks opens no file for writing. Not here: applying commands
//! (`runtime::replayer`), the journal's own format (`journal::record`).

#[cfg(feature = "rocksdb")]
mod accept_loss;
#[cfg(feature = "rocksdb")]
mod act;
mod as_of;
mod below;
mod exhibit;
#[cfg(feature = "rocksdb")]
mod install;
#[cfg(feature = "rocksdb")]
mod kept;
#[cfg(feature = "rocksdb")]
mod made;
#[cfg(feature = "rocksdb")]
mod quarantine;
#[cfg(feature = "rocksdb")]
mod restore;
mod rules;
mod survey;
mod walk;

#[cfg(feature = "rocksdb")]
use std::path::Path;

#[cfg(feature = "rocksdb")]
pub use accept_loss::{AcceptedLoss, Projections, accept_loss};
#[cfg(feature = "rocksdb")]
pub use act::{ActError, OnStep, Order, Step};
pub use as_of::{as_of_on, replay_from_on};
pub use below::below;
pub use exhibit::{Exhibit, Exported, Report};
#[cfg(feature = "rocksdb")]
pub use quarantine::{QuarantineDone, quarantine};
#[cfg(feature = "rocksdb")]
pub use restore::{Restored, restore};
pub(crate) use rules::{Rules, later};
pub(crate) use survey::reading;
pub use survey::{Quarantined, Survey, quarantined, survey};
pub use walk::{FIRST_EPOCH, Finding, Origin};

#[cfg(feature = "rocksdb")]
use crate::journal::folder::Layout;
#[cfg(feature = "rocksdb")]
use crate::runtime::StartError;

/// `verify` on a folder, for the command line: exit 0 only if [`Report::is_whole`].
#[cfg(feature = "rocksdb")]
pub fn verify(data_dir: &Path, head_file: Option<&Path>) -> Result<Report, StartError> {
    let mut report = open_folder(data_dir, head_file)?.verify()?;
    if !report.is_whole() {
        report.first_missing = accept_loss::first_missing(data_dir, head_file);
    }
    Ok(report)
}

/// The engine as it was right after command `until`, in a scratch engine, from the nearest kept
/// snapshot, the archive and the journal of a stopped folder. Changes nothing.
///
/// # Errors
/// As [`as_of_on`].
#[cfg(feature = "rocksdb")]
pub fn as_of(
    data_dir: &Path,
    limits: crate::limits::Limits,
    until: crate::types::Sequence,
) -> Result<crate::engine::Engine, StartError> {
    let store = crate::journal::rocks::RocksStore::new(Layout::new(data_dir).journal());
    as_of_on(data_dir, &store, limits, until)
}

/// Replays what is kept of a stopped folder from before the instant `from` on. Changes nothing.
///
/// # Errors
/// As [`replay_from_on`].
#[cfg(feature = "rocksdb")]
pub fn replay_from(
    data_dir: &Path,
    limits: crate::limits::Limits,
    from: crate::types::Time,
    watch: (
        impl FnOnce(&crate::engine::Engine),
        impl FnMut(&crate::engine::Engine, &crate::runtime::Released<'_>),
    ),
) -> Result<crate::engine::Engine, StartError> {
    let store = crate::journal::rocks::RocksStore::new(Layout::new(data_dir).journal());
    replay_from_on(data_dir, &store, limits, from, watch)
}

/// A folder opened for `verify` and `export`.
#[cfg(feature = "rocksdb")]
pub fn open_folder(data_dir: &Path, head_file: Option<&Path>) -> Result<Exhibit, StartError> {
    let store = crate::journal::rocks::RocksStore::new(Layout::new(data_dir).journal());
    let head = head_file.map_or_else(|| data_dir.join("head"), Path::to_path_buf);
    Exhibit::open(data_dir, &head, &store)
}

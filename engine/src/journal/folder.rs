//! The folder of one shard: its names, its lock, and how a file is put into it whole.
//!
//! Invariant: at most one process has the folder; a file made here is either whole and synced or
//! not there. Not here: what is inside the files.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs2::FileExt;

/// The names inside the folder.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The folder.
    pub root: PathBuf,
}

impl Layout {
    /// The layout of the folder `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The lock.
    pub fn lock(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    /// The database of records.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// The snapshots.
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Closed segments and one snapshot a day, kept for as long as the law asks.
    pub fn archive(&self) -> PathBuf {
        self.root.join("archive")
    }

    /// What was set aside as damaged, never read again by the exchange.
    pub fn damaged(&self) -> PathBuf {
        self.root.join("damaged")
    }

    /// The history that is derived from the journal; filled by the gateway.
    pub fn projections(&self) -> PathBuf {
        self.root.join("projections")
    }

    /// A journal that an act of an operator has made whole and not yet put in place.
    pub fn new_journal(&self) -> PathBuf {
        self.root.join("journal.new")
    }

    /// Where an act makes the new contents of the folder `path`.
    pub fn arriving(&self, path: &Path) -> PathBuf {
        path.with_extension("new")
    }

    /// A journal that an act is making; of no worth if the act was cut off.
    pub fn unfinished_journal(&self) -> PathBuf {
        self.root.join("journal.tmp")
    }

    /// Makes the folder and those in it that this crate fills, and syncs their names.
    pub fn make(&self) -> io::Result<()> {
        std::fs::create_dir_all(self.snapshots())?;
        std::fs::create_dir_all(self.archive())?;
        sync_folder(&self.root)
    }
}

/// Why the lock was not taken.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it.
    InUse,
    /// There is no lock file.
    Absent,
    /// The system said this.
    Io(io::Error),
}

/// The lock of a folder, held until dropped; the system lets go of it when a process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock for a writer, making the file if it is not there.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(LockError::Io)?;
        let locked = FileExt::try_lock_exclusive(&file);
        Self::held(file, locked)
    }

    /// Takes the lock for a reader beside other readers; changes nothing.
    pub fn share(path: &Path) -> Result<Self, LockError> {
        let file = File::open(path).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                LockError::Absent
            } else {
                LockError::Io(error)
            }
        })?;
        let locked = FileExt::try_lock_shared(&file);
        Self::held(file, locked)
    }

    fn held(file: File, locked: io::Result<()>) -> Result<Self, LockError> {
        match locked {
            Ok(()) => Ok(Self { _file: file }),
            Err(error) if error.kind() == fs2::lock_contended_error().kind() => {
                Err(LockError::InUse)
            }
            Err(error) => Err(LockError::Io(error)),
        }
    }
}

/// Puts `bytes` at `path`, whole or not at all: written and synced under another name, renamed,
/// the folder synced.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    sync_file(&file, &temporary)?;
    drop(file);
    std::fs::rename(&temporary, path)?;
    sync_folder(above(path))
}

/// Makes a folder, and those above it that are missing, and syncs the name of each.
///
/// The folder's own name is synced also where it was there: an earlier process may have made it and
/// died before it came so far. Only then may the folder above be one we cannot read.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let absent = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<_> = path.ancestors().take_while(absent).collect();
    std::fs::create_dir_all(path)?;
    for folder in &missing {
        sync_folder(above(folder))?;
    }
    match sync_folder(above(path)) {
        Err(error) if missing.is_empty() && error.kind() == io::ErrorKind::PermissionDenied => {
            Ok(())
        }
        synced => synced,
    }
}

fn above(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Syncs the names in a folder.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    sync_file(&File::open(path)?, path)
}

thread_local! {
    static FAILED_SYNC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Syncs a file, or the names in a folder; a failure is kept for [`take_failed_sync`].
pub fn sync_file(file: &File, path: &Path) -> io::Result<()> {
    let synced = file.sync_all();
    if let Err(error) = &synced {
        keep_failed_sync(format!("sync of {}: {error}", path.display()));
    }
    synced
}

/// Keeps the words of a sync that failed for [`take_failed_sync`]; also of a change to a database
/// that did, since what it names may not be on disk, and nobody says whether a sync was among it.
pub fn keep_failed_sync(said: String) {
    FAILED_SYNC.with_borrow_mut(|failed| failed.get_or_insert(said).len());
}

/// The first sync of this thread that failed since this was asked last. After one the process must
/// end, whatever else becomes of the error: the system forgets what it could not write, and a later
/// sync that succeeds says nothing of it.
pub fn take_failed_sync() -> Option<String> {
    FAILED_SYNC.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_or_many_readers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("LOCK");
        assert!(matches!(Lock::share(&path), Err(LockError::Absent)));
        let writer = Lock::take(&path).expect("free");
        assert!(matches!(Lock::take(&path), Err(LockError::InUse)));
        assert!(matches!(Lock::share(&path), Err(LockError::InUse)));
        drop(writer);
        let reader = Lock::share(&path).expect("free");
        let second = Lock::share(&path).expect("readers share");
        assert!(matches!(Lock::take(&path), Err(LockError::InUse)));
        drop((reader, second));
        Lock::take(&path).expect("free again");
    }

    #[test]
    fn a_folder_is_made_with_those_above_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("one/two/three");
        make_folder(&path).expect("made");
        make_folder(&path).expect("there already");
        assert!(path.is_dir());
        std::fs::write(folder.path().join("file"), b"").expect("written");
        assert!(make_folder(&folder.path().join("file")).is_err());
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write_whole(&path, b"one").expect("written");
        write_whole(&path, b"two").expect("written");
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        let names = std::fs::read_dir(folder.path()).expect("there").count();
        assert_eq!(names, 1, "no temporary file is left");
    }
}

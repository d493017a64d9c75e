//! For tests: the program on a folder, and a folder that loses what was acknowledged.
//!
//! Invariant: nothing here starts what it does not end. Not here: what is expected.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine::recovery::open_folder;
use tempfile::TempDir;

use super::child::{Program, Refused};

/// How the end of a log is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// The file ends there.
    Short,
    /// One bit of it is another.
    Flipped,
}

/// A place for the folder of one exchange and for its backups.
pub struct Case(TempDir);

impl Case {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// A path beside the folder.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Damages the newest log (nothing of it stands anywhere else) so that about the `lost` last
    /// records are gone; the first and last command of them.
    pub fn damage(&self, how: Cut, lost: usize) -> (u64, u64) {
        let exhibit = open_folder(&self.data(), None).expect("readable");
        let records: Vec<_> = exhibit
            .export()
            .expect("readable")
            .map(|record| record.expect("readable"))
            .collect();
        drop(exhibit);
        let last = records.last().expect("some").header.last().value();
        let (path, log) = self.newest_log();
        // The first bytes of a record may straddle two blocks; then the next one is taken.
        let (first, at) = records[records.len() - lost..]
            .iter()
            .find_map(|one| {
                let head = &one.bytes[..40];
                let at = log.windows(head.len()).position(|part| part == head)?;
                Some((one.header.first.value(), at))
            })
            .expect("in the log");
        let mut content = std::fs::read(&path).expect("readable");
        match how {
            Cut::Short => content.truncate(at + 10),
            Cut::Flipped => content[at + 10] ^= 0x10,
        }
        std::fs::write(path, content).expect("written");
        (first, last)
    }

    fn newest_log(&self) -> (PathBuf, Vec<u8>) {
        let journal = self.data().join("journal");
        let mut logs = contents(&journal);
        logs.retain(|path, _| path.extension().is_some_and(|end| end == "log"));
        let (path, log) = logs.pop_last().expect("a log");
        (journal.join(path), log)
    }
}

/// Serves the folder, whatever the disk of the temporary folder may be.
pub fn serve(data: &Path, flags: &[&str]) -> Result<Program, Refused> {
    let flags = [&["--disk-reserve-mb", "0"], flags].concat();
    Program::start_on(data, &flags)
}

/// Runs the program to its end on a folder: its exit status, and what it said.
pub fn run(command: &[&str], data: &Path, flags: &[&str]) -> (i32, String) {
    let folder = ["--data-dir", data.to_str().expect("text")];
    program(&[command, &folder, flags].concat())
}

/// Runs the program to its end: its exit status, and what it said.
pub fn program(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(arguments)
        .output()
        .expect("the program runs");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let status = output.status.code().expect("it ended by itself");
    (status, String::from_utf8(said).expect("text"))
}

/// Copies a folder and all in it.
pub fn copy(from: &Path, to: &Path) {
    for (name, bytes) in contents(from) {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
}

/// Every file under `root` with its bytes.
pub fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    gather(root, root, &mut found);
    found
}

fn gather(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("there") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            gather(root, &path, found);
        } else {
            let name = path.strip_prefix(root).expect("under it").to_owned();
            found.insert(name, std::fs::read(&path).expect("readable"));
        }
    }
}

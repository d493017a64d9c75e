//! What the preloaded shim cannot follow ends the process: a file of the guarded folder mapped so
//! that it can be changed, and io_uring. Otherwise bytes would pass by the undo log, and a power
//! cut would spare what was never synced.
//!
//! A small C program (`disk/unfollowed.c`) does each of it, and things much like it that must go
//! on. Invariant: each mapping is seen to do what it says on a file that is not guarded. Not here:
//! what the shim follows (`power_cut`, `failing_disk`).

mod disk;

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The signal of `abort`.
const SIGABRT: i32 = 6;
const BEFORE: &str = "before";
const CHANGED: &str = "Xefore";
/// Mappings through which a file can be changed.
const WRITING: [&str; 4] = [
    "shared-write",
    "shared-write-64",
    "shared-validate-write",
    "shared-made-writable",
];
/// Mappings through which it cannot.
const HARMLESS: [&str; 4] = [
    "shared-read",
    "shared-read-64",
    "private-write",
    "anonymous-write",
];
const IO_URING: [&str; 2] = ["io_uring_setup", "io_uring_enter"];

/// The program, the shim, and a guarded folder beside another one.
struct Place {
    folder: tempfile::TempDir,
    program: PathBuf,
    shim: PathBuf,
}

impl Place {
    fn new(shim: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["disk", "disk/data", "undo", "undo/keep", "elsewhere"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let program = folder.path().join("unfollowed");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/unfollowed.c");
        let built = Command::new("gcc")
            .args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([&program, &source])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{said}");
        Self {
            folder,
            program,
            shim,
        }
    }

    /// A new file, as it was before.
    fn file(&self, inside: &str) -> PathBuf {
        let path = self.folder.path().join(inside).join("file");
        fs::write(&path, BEFORE).unwrap();
        path
    }

    /// Runs the program under the shim; it guards the folder `disk` unless it is left off.
    fn run(&self, what: &str, file: &Path, guards: Guards) -> Output {
        let mut command = Command::new(&self.program);
        command.arg(what).arg(file).env("LD_PRELOAD", &self.shim);
        if guards == Guards::Disk {
            command
                .env("SHIM_ROOT", self.folder.path().join("disk"))
                .env("SHIM_UNDO", self.folder.path().join("undo"));
        }
        command.output().unwrap()
    }

    /// It is ended with these words, and the file is as it was.
    fn aborts(&self, what: &str, file: &Path, words: &str) {
        let output = self.run(what, file, Guards::Disk);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(SIGABRT), "{what}: {said}");
        let told = format!("disk shim: {words} is not followed");
        assert!(said.contains(&told), "{what}: {said}");
        assert_eq!(fs::read_to_string(file).unwrap(), BEFORE, "{what}");
    }

    /// It goes on, and leaves this in the file.
    fn goes_on(&self, what: &str, file: &Path, guards: Guards, leaves: &str) {
        let output = self.run(what, file, guards);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{what}: {said}");
        assert_eq!(fs::read_to_string(file).unwrap(), leaves, "{what}");
    }
}

/// What the shim guards.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guards {
    Disk,
    Nothing,
}

#[test]
fn a_guarded_file_mapped_for_writing_and_io_uring_end_the_process() {
    let Some(shim) = disk::shim() else { return };
    let place = Place::new(shim);
    let guarded = place.file("disk/data");
    for what in WRITING {
        place.aborts(what, &guarded, "a shared writable mapping");
    }
    for what in IO_URING {
        place.aborts(what, &guarded, "io_uring");
    }
    println!(
        "not followed: {} calls, each ended",
        WRITING.len() + IO_URING.len()
    );
}

#[test]
fn a_mapping_that_only_reads_or_is_of_a_file_elsewhere_goes_on() {
    let Some(shim) = disk::shim() else { return };
    let place = Place::new(shim);
    let guarded = place.file("disk/data");
    for what in HARMLESS {
        place.goes_on(what, &guarded, Guards::Disk, BEFORE);
        place.goes_on(what, &place.file("elsewhere"), Guards::Disk, BEFORE);
    }
    for what in WRITING {
        place.goes_on(what, &place.file("elsewhere"), Guards::Disk, CHANGED);
        place.goes_on(what, &place.file("disk/data"), Guards::Nothing, CHANGED);
    }
    for what in IO_URING {
        let file = place.file("disk/data");
        place.goes_on(what, &file, Guards::Nothing, BEFORE);
    }
    let went = 2 * (HARMLESS.len() + WRITING.len()) + IO_URING.len();
    println!("harmless or not guarded: {went} calls, each went on");
}

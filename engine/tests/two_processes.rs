//! Two processes on one folder: the second is refused, says what would be right, and changes
//! nothing; the folder is free when the first is gone, however it went.
//!
//! Alone in its file: between fork and exec a child holds the locks of every folder this process
//! has open. Not here: other refusals (`refusals`).

#![allow(clippy::disallowed_methods)] // a test may read files

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use crate::support::{config, keeper, market, submit};
use sanjiang_engine::recovery::verify;
use sanjiang_engine::runtime::{Runtime, StartError};

const FIRST: &str = "SANJIANG_TEST_FIRST";
const NAME: &str = "two_processes::a_second_process_is_refused_until_the_first_is_gone";

fn files(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("there") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let bytes = fs::read(&path).expect("readable");
            found.insert(path, bytes);
        }
    }
}

#[test]
fn a_second_process_is_refused_until_the_first_is_gone() {
    if let Ok(folder) = std::env::var(FIRST) {
        first(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Process::new(std::env::current_exe().expect("this test"))
        .args(["--exact", NAME, "--nocapture", "--test-threads=1"])
        .env(FIRST, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = output.lines().map_while(Result::ok);
    // The harness has written the name of the test before it, on the same line.
    assert!(
        lines.any(|line| line.ends_with("it runs")),
        "the first runs"
    );
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    files(folder.path(), &mut before);
    let start = || Runtime::start(config(folder.path()).0, keeper(0).0);
    let in_use = StartError::InUse(folder.path().to_path_buf());
    let error = start().err().expect("refused");
    assert_eq!(error, in_use);
    let text = error.to_string();
    for said in [
        &*folder.path().to_string_lossy(),
        "is in use by another process",
        "stop it, or choose another folder",
    ] {
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(verify(folder.path(), None), Err(in_use));
    files(folder.path(), &mut after);
    assert!(before == after, "a refusal changed a file");
    child.kill().expect("killed");
    child.wait().expect("ended");
    let (runtime, recovered) = start().expect("free again");
    assert_eq!(recovered.last.value(), 1 + market().len() as u64);
    runtime.stop().expect("clean");
    println!("refused: 2 (a start, verify), then started after a kill: 1");
}

/// Has the folder until it is killed.
fn first(folder: &Path) -> ! {
    let (sink, watcher) = keeper(u64::MAX);
    let (runtime, _) = Runtime::start(config(folder).0, sink).expect("started");
    submit(&runtime.handle(), 0, &market());
    watcher.wait(1 + market().len() as u64);
    println!("it runs");
    loop {
        std::thread::park();
    }
}

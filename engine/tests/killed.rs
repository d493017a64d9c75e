//! A process killed in the middle of its work comes back with all it released.
//!
//! Alone in its file: it starts processes, and between fork and exec a child holds the locks of
//! every folder this process has open. Not here: damage, images, refusals (`durability`).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};

use crate::support::{config, flow, keeper, market, submit};
use sanjiang_engine::recovery::verify;
use sanjiang_engine::runtime::Runtime;

const VICTIM: &str = "SANJIANG_TEST_VICTIM";

#[test]
fn a_killed_process_comes_back_with_all_it_released() {
    if let Ok(folder) = std::env::var(VICTIM) {
        victim(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut released = 0;
    for round in 1..=3_u64 {
        let mut child = Process::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "killed::a_killed_process_comes_back_with_all_it_released",
            ])
            .args(["--nocapture", "--test-threads=1"])
            .env(VICTIM, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let numbers = output.lines().map_while(Result::ok);
        let numbers = numbers.filter_map(|line| line.strip_prefix("released ")?.parse().ok());
        let first: Vec<u64> = numbers.take(200).collect();
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert_eq!(first.len(), 200, "the victim ran until it was killed");
        released = *first.last().expect("many").max(&released);
        let report = verify(folder.path(), None).expect("readable");
        assert!(report.is_whole(), "round {round}: {report:?}");
        assert!(report.last_sequence.value() >= released, "round {round}");
    }
    let (sink, again) = keeper(0);
    let started = Runtime::start(config(folder.path()).0, sink);
    let (runtime, recovered) = started.expect("started");
    assert!(recovered.last.value() >= released);
    let replayed = again.record.lock().expect("whole").replayed.clone();
    let all: Vec<_> = replayed.iter().map(|s| s.sequence.value()).collect();
    assert_eq!(all, (1..=recovered.last.value()).collect::<Vec<_>>());
    runtime.stop().expect("clean");
}

/// Sends orders for ever and prints what was released, until it is killed.
fn victim(folder: &Path) -> ! {
    let (sink, watcher) = keeper(u64::MAX);
    let started = Runtime::start(config(folder).0, sink).expect("started");
    let (runtime, recovered) = started;
    let mut last = recovered.last.value() + 1;
    if last == 1 {
        submit(&runtime.handle(), 0, &market());
        last += market().len() as u64;
    }
    for index in 0.. {
        watcher.wait(last);
        println!("released {last}");
        submit(&runtime.handle(), index, &[flow(last)]);
        last += 1;
    }
    unreachable!("the loop has no end")
}

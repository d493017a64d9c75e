//! What the tests of the simulator share: where recorded days lie, and the programs under test.
//!
//! Not here: any data; the days are not part of the project.

#![allow(dead_code)]

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use sanjiang_simulator::crash::gateway::{Gateway as Process, Program};

/// A file of the shared data, or a visible note that the test is skipped.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = env::var_os("SANJIANG_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let file = root.join("data").join(path);
    if file.exists() {
        return Some(file);
    }
    println!("skipped: {} is not there", file.display());
    None
}

/// The gateway program: of `SANJIANG_GATEWAY`, or beside this test's own folder.
pub fn gateway() -> Option<PathBuf> {
    let beside = || {
        let test = env::current_exe().ok()?;
        Some(test.parent()?.parent()?.join("gateway"))
    };
    let program = env::var_os("SANJIANG_GATEWAY")
        .map(PathBuf::from)
        .or_else(beside)?;
    if program.exists() {
        return Some(program);
    }
    println!("skipped: no gateway at {}", program.display());
    None
}

/// A gateway that can be killed, stopped and started again on the same address and folder. It is
/// killed when this is dropped, also by a test that fails.
pub struct Gateway {
    process: Process,
    folder: tempfile::TempDir,
}

/// How long a start or a clean stop may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Gateway {
    /// Starts an empty one on a free port of loopback.
    pub fn start(program: &Path) -> Self {
        Self::start_with(program, &[])
    }

    /// The same with more arguments.
    pub fn start_with(program: &Path, arguments: &[&str]) -> Self {
        let program = Program {
            path: program.to_owned(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            environment: Vec::new(),
        };
        let folder = tempfile::tempdir().expect("a folder");
        let process = Process::new(program, folder.path()).expect("a free port");
        let mut gateway = Self { process, folder };
        gateway.again();
        gateway
    }

    /// The address as the simulator takes it.
    pub fn target(&self) -> String {
        self.process.target()
    }

    /// Its folder.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it again. It takes connections some time later; whoever needs it tries again.
    pub fn again(&mut self) {
        self.process.start().expect("the gateway starts");
    }

    /// Waits until it takes connections.
    pub fn wait_ready(&mut self) {
        let until = Instant::now() + PATIENCE;
        while !self.process.listens() {
            self.process.check().expect("it runs");
            assert!(Instant::now() < until, "it never listened: {}", self.log());
            std::thread::yield_now();
        }
    }

    /// Ends it with a signal, and waits for its end.
    pub fn signal(&mut self, signal: &str) {
        if signal == "-KILL" {
            self.process.kill();
            return;
        }
        let pid = self.process.process().expect("it runs").to_string();
        // The shell's own word: a bare machine has no program of this name.
        let words = ["-c", "kill \"$1\" \"$2\"", "kill", signal, &pid];
        let sent = Command::new("sh").args(words).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
        let status = self.process.wait(PATIENCE);
        let clean = status.is_some_and(|status| status.success());
        assert!(clean, "a clean stop: {status:?}: {}", self.log());
    }

    /// What it wrote last.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

//! What the tests of the simulator share: where recorded days lie, and the programs under test.
//!
//! Not here: any data; the days are not part of the project.

#![allow(dead_code)]

use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

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

/// A gateway that can be killed, stopped and started again on the same address and folder.
pub struct Gateway {
    program: PathBuf,
    listen: String,
    data: tempfile::TempDir,
    child: Option<Child>,
}

/// How long a start or a clean stop may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Gateway {
    /// Starts an empty one on a free port of loopback.
    pub fn start(program: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let listen = free.local_addr().expect("its address").to_string();
        drop(free);
        let mut gateway = Self {
            program: program.to_owned(),
            listen,
            data: tempfile::tempdir().expect("a folder"),
            child: None,
        };
        gateway.again();
        gateway
    }

    /// The address as the simulator takes it.
    pub fn target(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Its folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Starts it again. It takes connections some time later; whoever needs it tries again.
    pub fn again(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.data.path().join("gateway.log"))
            .expect("a log");
        let errors = log.try_clone().expect("a log");
        let child = Command::new(&self.program)
            .args(["serve", "--listen", &self.listen, "--data-dir"])
            .arg(self.data.path().join("data"))
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(errors))
            .spawn()
            .expect("the gateway starts");
        self.child = Some(child);
    }

    /// Waits until it takes connections.
    pub fn wait_ready(&mut self) {
        let until = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(&self.listen).is_err() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok());
            assert!(!matches!(ended, Some(Some(_))), "it ended: {}", self.log());
            assert!(Instant::now() < until, "it never listened: {}", self.log());
            std::thread::yield_now();
        }
    }

    /// Ends it with a signal, and waits for its end.
    pub fn signal(&mut self, signal: &str) {
        if let Some(mut child) = self.child.take() {
            let pid = child.id().to_string();
            // The shell's own word: a bare machine has no program of this name.
            let words = ["-c", "kill \"$1\" \"$2\"", "kill", signal, &pid];
            let sent = Command::new("sh").args(words).status();
            assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
            let status = child.wait().expect("it ends");
            if signal == "-TERM" {
                assert!(status.success(), "a clean stop: {status}: {}", self.log());
            }
        }
    }

    /// What it wrote last.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.data.path().join("gateway.log"));
        let text = text.unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(12).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Best effort while a test may be failing already.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}

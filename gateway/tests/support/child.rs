//! For tests: the gateway as a process of its own, whose memory can be looked at.
//!
//! Invariant: it listens where the system likes, and is killed with the test; one that does not
//! start is a value, not a hang. Not here: faults.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// A running gateway.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    /// What it said before it listened.
    pub said: String,
    /// A folder of its own, removed with it.
    folder: Option<TempDir>,
}

/// A gateway that ended before it listened.
#[derive(Debug)]
pub struct Refused {
    pub status: ExitStatus,
    /// What it said, on both outputs.
    pub said: String,
}

impl Program {
    /// Starts it on a folder of its own.
    pub fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let started = Self::start_on(&folder.path().join("data"), flags);
        let mut program = started.expect("it starts");
        program.folder = Some(folder);
        program
    }

    /// Starts it on this folder, or says why it did not.
    pub fn start_on(data: &Path, flags: &[&str]) -> Result<Self, Refused> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut errors = child.stderr.take().expect("its output");
        let mut said = String::new();
        for line in lines.by_ref().map(|line| line.expect("text")) {
            if let Some(rest) = line.strip_prefix("listening on ") {
                let address = rest.split(',').next().expect("a part").parse();
                // What it prints from now on is taken, or it would wait for it.
                std::thread::spawn(move || lines.count());
                std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::stderr()));
                return Ok(Self {
                    child,
                    address: address.expect("an address"),
                    said,
                    folder: None,
                });
            }
            said.push_str(&line);
            said.push('\n');
        }
        errors.read_to_string(&mut said).expect("text");
        let status = child.wait().expect("its end");
        Err(Refused { status, said })
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("its end");
    }

    /// A new connection.
    pub async fn channel(&self) -> Channel {
        self.channel_of(|endpoint| endpoint).await
    }

    /// A new connection that can be sent next to nothing before it reads.
    pub async fn narrow_channel(&self) -> Channel {
        const WINDOW_BYTES: u32 = 1_024;
        self.channel_of(|endpoint| endpoint.initial_stream_window_size(WINDOW_BYTES))
            .await
    }

    async fn channel_of(&self, change: impl FnOnce(Endpoint) -> Endpoint) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address));
        change(endpoint.expect("an address"))
            .connect()
            .await
            .expect("a connection")
    }

    /// Resident memory, and the most there was, in KiB; none where the system does not say.
    pub fn memory_kib(&self) -> Option<(u64, u64)> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let field = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Some((field("VmRSS:")?, field("VmHWM:")?))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

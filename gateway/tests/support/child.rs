//! For tests: the gateway as a process of its own, whose memory can be looked at.
//!
//! Invariant: it listens where the system likes, and is killed with the test. Not here: faults.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// A running gateway.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Program {
    /// Starts it on a folder of its own.
    pub fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path().join("data"))
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let address = lines
            .by_ref()
            .map(|line| line.expect("text"))
            .find_map(|line| {
                Some(
                    line.strip_prefix("listening on ")?
                        .split(',')
                        .next()?
                        .parse(),
                )
            })
            .expect("it says where it listens")
            .expect("an address");
        // What it prints every second is taken, or it would wait for it.
        std::thread::spawn(move || lines.count());
        Self {
            child,
            address,
            _folder: folder,
        }
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

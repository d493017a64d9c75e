//! The gateway as a process that is started, killed and started again on one folder and address.
//!
//! Invariant: whoever drops it ends the process: no gateway outlives its harness. The port lies
//! below those the system hands to outgoing connections, so that nobody takes it, and no client
//! meets itself there, while the gateway is down. Not here: when it is killed (`super`).

use std::{
    ffi::OsString,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// The first port tried, and how many there are: below 32,768, where Linux begins to hand out.
const PORTS: (u16, u16) = (20_000, 12_000);
/// Distance of two ports tried one after the other; prime to their number, so that all are tried.
const PORT_STEP: u32 = 7_919;
/// Searches of one process before it begins where the next process begins.
const PORTS_OF_PROCESS: u32 = 64;
/// How often a gateway that starts is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// Lines of its output that are shown with a fault.
const LOG_LINES: usize = 12;

/// Why a gateway cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// There is no port to listen on.
    #[error("no port of loopback from {} on is free", PORTS.0)]
    Ports,
    /// The program cannot be run, or its output not be kept.
    #[error("gateway {program}: {error}; --gateway should name the program")]
    Program {
        /// What was to be run.
        program: String,
        /// Why not.
        error: io::Error,
    },
    /// It ended by itself.
    #[error("the gateway ended by itself with {status}; it wrote:\n{log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// Its last lines.
        log: String,
    },
    /// It never took a connection.
    #[error("the gateway took no connection within {seconds} s; it wrote:\n{log}")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
        /// Its last lines.
        log: String,
    },
}

/// What is run.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// Arguments after `serve --listen ADDRESS --data-dir DIR`.
    pub arguments: Vec<String>,
    /// Variables added to the environment.
    pub environment: Vec<(String, OsString)>,
}

/// See the file's head.
#[derive(Debug)]
pub struct Gateway {
    program: Program,
    listen: SocketAddr,
    data: PathBuf,
    output: PathBuf,
    child: Option<Child>,
}

impl Gateway {
    /// A gateway that does not run yet; its data lies in `folder/data`, its output in
    /// `folder/gateway.log`.
    pub fn new(program: Program, folder: &Path) -> Result<Self, GatewayError> {
        Ok(Self {
            program,
            listen: free_address().ok_or(GatewayError::Ports)?,
            data: folder.join("data"),
            output: folder.join("gateway.log"),
            child: None,
        })
    }

    /// The address as clients take it.
    pub fn target(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The process, while one runs.
    pub fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts it, ending an earlier one first. It takes connections some time later.
    pub fn start(&mut self) -> Result<(), GatewayError> {
        self.kill();
        let failed = |error| GatewayError::Program {
            program: self.program.path.display().to_string(),
            error,
        };
        let output = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.output)
            .map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let child = Command::new(&self.program.path)
            .args(["serve", "--listen", &self.listen.to_string(), "--data-dir"])
            .arg(&self.data)
            .args(&self.program.arguments)
            .envs(self.program.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(errors))
            .spawn()
            .map_err(failed)?;
        self.child = Some(child);
        Ok(())
    }

    /// Kills it with SIGKILL and waits until it is gone; whether one was alive until then.
    pub fn kill(&mut self) -> bool {
        let Some(mut child) = self.child.take() else {
            return false;
        };
        let alive = matches!(child.try_wait(), Ok(None));
        // A process that is gone already cannot be killed, and is waited for all the same.
        let _gone = child.kill();
        let _status = child.wait();
        alive
    }

    /// Waits until it has ended by itself or by a signal; none when none runs, or when it has not
    /// ended after `patience`.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        let child = self.child.as_mut()?;
        while begun.elapsed() < patience {
            if let Ok(Some(status)) = child.try_wait() {
                self.child = None;
                return Some(status);
            }
            std::thread::sleep(LOOK);
        }
        None
    }

    /// Whether it takes connections.
    pub fn listens(&self) -> bool {
        TcpStream::connect(self.listen).is_ok()
    }

    /// An error if it ended by itself.
    pub fn check(&mut self) -> Result<(), GatewayError> {
        let ended = self.child.as_mut().map(Child::try_wait);
        match ended {
            Some(Ok(Some(status))) => Err(GatewayError::Ended {
                status,
                log: self.log(),
            }),
            Some(Ok(None) | Err(_)) | None => Ok(()),
        }
    }

    /// Waits until it takes connections.
    pub async fn ready(&mut self, patience: Duration) -> Result<(), GatewayError> {
        let begun = Instant::now();
        while !self.listens() {
            self.check()?;
            if begun.elapsed() > patience {
                return Err(GatewayError::Silent {
                    seconds: patience.as_secs(),
                    log: self.log(),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// What it wrote last.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(&self.output).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The gateway beside this program, or one folder above it (where tests lie), if it is there.
pub fn beside() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let folder = own.parent()?;
    [Some(folder), folder.parent()]
        .into_iter()
        .flatten()
        .map(|folder| folder.join("gateway"))
        .find(|path| path.is_file())
}

/// A free address of loopback; where the search begins differs from process to process, and from
/// search to search.
fn free_address() -> Option<SocketAddr> {
    static SEARCHES: AtomicU32 = AtomicU32::new(0);
    let search = SEARCHES.fetch_add(1, Ordering::Relaxed);
    let begin = std::process::id()
        .wrapping_mul(PORTS_OF_PROCESS)
        .wrapping_add(search);
    (0..u32::from(PORTS.1)).find_map(|tried| {
        let offset = begin.wrapping_add(tried).wrapping_mul(PORT_STEP) % u32::from(PORTS.1);
        let port = PORTS.0 + u16::try_from(offset).ok()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        TcpListener::bind(address).is_ok().then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &str, arguments: &[&str]) -> Program {
        Program {
            path: PathBuf::from(path),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            environment: Vec::new(),
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut gateway = Gateway::new(program("no/such/gateway", &[]), folder.path()).unwrap();
        let error = gateway.start().unwrap_err().to_string();
        assert!(error.starts_with("gateway no/such/gateway: "), "{error}");
        assert!(error.ends_with("--gateway should name the program"));
    }

    #[test]
    fn two_harnesses_get_two_ports_below_those_handed_out() {
        let first = free_address().unwrap();
        let held = TcpListener::bind(first).unwrap();
        let second = free_address().unwrap();
        drop(held);
        assert_ne!(first, second);
        assert!(first.port() < 32_768 && second.port() < 32_768);
    }

    #[tokio::test]
    async fn a_program_that_ends_by_itself_is_an_error_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut gateway = Gateway::new(program("sh", &[]), folder.path()).unwrap();
        // `sh serve ...` looks for a file named serve: it ends with an error of its own.
        gateway.start().unwrap();
        let error = gateway.ready(Duration::from_secs(60)).await.unwrap_err();
        assert!(matches!(error, GatewayError::Ended { .. }), "{error}");
    }
}

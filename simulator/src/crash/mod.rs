//! Kills a real gateway again and again under load, and audits from the clients' side that nothing
//! acknowledged was lost and nothing was done twice.
//!
//! One cycle: the gateway runs; a day is replayed and live clients send by calls, batches and a
//! Session; when a drawn number of answers has come it is killed; a hook may change its folder (a
//! power cut); in some cycles it is killed once more while it starts; it starts; every report is
//! read again from the first and compared with what the clients were told, and every balance with
//! what reports, deposits and withdrawals leave; the clients go on and send what was not answered
//! again, with the same ids.
//!
//! Invariant: cycles are paced by counts of answers, never by the time they take; everything the
//! run has started ends with it. Not here: the clients (`calls`, `stream`, `pair`, `gap`,
//! `teller`, `shopping`), the checks (`ledger`, `audit`, `money`, and those of `shops`).

pub mod audit;
pub mod calls;
mod cast;
pub mod day;
pub mod gap;
pub mod gateway;
pub mod lane;
pub mod ledger;
pub mod live;
pub mod memory;
mod money;
pub mod moves;
pub mod numbering;
pub mod pair;
mod run;
mod shopping;
pub mod stream;
pub mod summary;
pub mod teller;
pub mod wire;

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    client::connect::ConnectError, replay::ReplayError, setup::SetupError, workload::rng::Rng,
};
use day::DayError;
use gateway::{GatewayError, Program};
pub use summary::CrashSummary;

/// Commands between two snapshots: some fall into every cycle, so kills strike them and what
/// follows them (flush, rolled and dropped segments).
const SNAPSHOT_EVERY_COMMANDS: &str = "400";
/// How long a gateway that does not answer is waited for, before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Changes the data folder of a killed gateway before it starts again: folder, cycle from 1, and
/// numbers that follow from the seed. An error ends the run.
pub type AfterKill = Box<dyn FnMut(&Path, u32, &mut Rng) -> Result<(), String> + Send>;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum CrashError {
    /// The gateway could not be run.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// There is no day.
    #[error(transparent)]
    Day(#[from] DayError),
    /// The replay ended.
    #[error("replay: {0}")]
    Replay(#[from] ReplayError),
    /// The market of the live clients could not be made.
    #[error("live market: {0}")]
    Setup(#[from] SetupError),
    /// There is no connection to try.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A call of the audit was not answered.
    #[error("audit: {:?}: {}", .0.code(), .0.message())]
    Call(#[from] tonic::Status),
    /// The shops could not be founded or inspected.
    #[error("shops: {0}")]
    Shops(SetupError),
    /// A live client could not go on.
    #[error("live client: {0}")]
    Lane(String),
    /// The hook failed.
    #[error("after the kill of cycle {cycle}: {what}")]
    Hook {
        /// Which cycle.
        cycle: u32,
        /// What it said.
        what: String,
    },
    /// Nothing was answered for too long.
    #[error("cycle {cycle}: {what} within {} s; the gateway wrote:\n{log}", PATIENCE.as_secs())]
    Stalled {
        /// Which cycle.
        cycle: u32,
        /// What did not happen.
        what: &'static str,
        /// The gateway's last lines.
        log: String,
    },
}

/// What is killed, how often, and with what under way.
pub struct Harness {
    /// The gateway program.
    pub program: PathBuf,
    /// Arguments of the gateway beside address and folder.
    pub arguments: Vec<String>,
    /// Variables of its environment.
    pub environment: Vec<(String, OsString)>,
    /// How often it is killed under load, at least once.
    pub cycles: u32,
    /// Seed of the load, of a made day, and of the instants of the kills.
    pub seed: u64,
    /// A recorded day; none makes a seeded one.
    pub input: Option<PathBuf>,
    /// The trades it must give; none takes those beside it.
    pub expect: Option<PathBuf>,
    /// Called after every kill, also of one that was starting.
    pub after_kill: AfterKill,
    folder: tempfile::TempDir,
}

impl Harness {
    /// A run of `cycles` kills on a new folder, which is removed with it. By default snapshots are
    /// taken often and the hook does nothing.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(program: PathBuf, cycles: u32, seed: u64) -> io::Result<Self> {
        Ok(Self {
            program,
            arguments: ["--snapshot-every-commands", SNAPSHOT_EVERY_COMMANDS]
                .map(str::to_owned)
                .to_vec(),
            environment: Vec::new(),
            cycles: cycles.max(1),
            seed,
            input: None,
            expect: None,
            after_kill: Box::new(|_, _, _| Ok(())),
            folder: tempfile::Builder::new().prefix("crash-").tempdir()?,
        })
    }

    /// The folder of the run: the gateway's output and its data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The gateway's data folder, known before it exists.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs all cycles. The summary holds what was found however the run ended.
    pub async fn run(self) -> (CrashSummary, Result<(), CrashError>) {
        run::all(self).await
    }

    fn gateway(&self) -> Program {
        Program {
            path: self.program.clone(),
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
        }
    }
}

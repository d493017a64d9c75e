//! The command line.
//!
//! Invariant: every flag but the folder has a default; a setting that cannot be is refused before
//! anything is touched. Not here: what the settings do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use engine::runtime::{Config, FreeSpace, Wait};

/// The exchange: gRPC in front of a matching engine, its journal and its history.
#[derive(Parser, Debug)]
#[command(name = "gateway", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the exchange until SIGINT or SIGTERM.
    Serve(Serve),
    /// Look at a journal without changing a byte, or decide over a damaged one.
    Journal {
        /// What to do with it.
        #[command(subcommand)]
        command: JournalCommand,
    },
    /// Have a running gateway write a backup under its own --backup-dir.
    Backup(BackupArguments),
    /// Prove that a backup can be restored: into a scratch folder, replayed, hashes compared.
    RestoreDrill(DrillArguments),
    /// Compare what accounts, venues and custodians have with all that moved, on a stopped folder.
    Reconcile(ReconcileArguments),
    /// Make a folder from a backup, in a higher epoch; what stood there is moved to `damaged/`.
    Restore(RestoreArguments),
    /// Regimes and venues as data: those that come with the gateway, or those of a file.
    Venue {
        /// What to do with them.
        #[command(subcommand)]
        command: VenueCommand,
    },
}

/// What to do with regimes and venues.
#[derive(Subcommand, Debug)]
pub enum VenueCommand {
    /// Print what a running gateway has to change to be as the file says, then change it; exit
    /// status 0 when it is so, 1 when the law refuses something or a venue differs, 2 when it
    /// could not be tried.
    Apply(ApplyArguments),
    /// Print the venues, and what each regime says of each model.
    List(ListArguments),
}

/// Which file, and which gateway.
#[derive(Args, Debug)]
pub struct ApplyArguments {
    /// A TOML file of regimes and venues; those that come with the gateway when not given.
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// Address of the running gateway.
    #[arg(long, default_value = "http://127.0.0.1:7070")]
    pub target: String,
    /// Print what would be changed, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Which file.
#[derive(Args, Debug)]
pub struct ListArguments {
    /// A TOML file of regimes and venues; those that come with the gateway when not given.
    #[arg(long)]
    pub file: Option<PathBuf>,
}

/// Which gateway, and how to call the backup.
#[derive(Args, Debug)]
pub struct BackupArguments {
    /// Address of the running gateway.
    #[arg(long, default_value = "http://127.0.0.1:7070")]
    pub target: String,
    /// Its name: 1 to 64 letters, digits, dots, underscores and hyphens.
    #[arg(long)]
    pub name: String,
}

/// Which backup, and what to compare it with.
#[derive(Args, Debug)]
pub struct DrillArguments {
    /// Folder of the backup.
    #[arg(long)]
    pub from: PathBuf,
    /// A running gateway whose journal is to say the same.
    #[arg(long)]
    pub target: Option<String>,
}

/// Which folder and which day.
#[derive(Args, Debug)]
pub struct ReconcileArguments {
    /// Folder of the exchange; it must not be in use. Given several times, each is reconciled, and
    /// transfers between these shards are matched by their ids.
    #[arg(long, required = true)]
    pub data_dir: Vec<PathBuf>,
    /// The business date at UTC+8, such as 2026-11-29; without one all that is kept.
    #[arg(long)]
    pub date: Option<String>,
    /// Also write a line for every holder and asset to this CSV file.
    #[arg(long)]
    pub csv: Option<PathBuf>,
    /// Also write a line for every custodian's reference to this CSV file.
    #[arg(long)]
    pub references: Option<PathBuf>,
    /// Also write a page for people to this Markdown file: every account with what it had, what
    /// moved and what it has, sums, and what does not agree.
    #[arg(long)]
    pub page: Option<PathBuf>,
    /// Compare the references with what all custodians say themselves, in a CSV file with the
    /// columns custodian, business_date, reference, asset, direction (deposit or withdrawal) and
    /// amount, as --references writes them.
    #[arg(long)]
    pub custody: Option<PathBuf>,
}

/// The default of `--disk-reserve-mb`; the engine says what it is made of.
const DISK_RESERVE_MB: u64 = Config::DISK_RESERVE_BYTES >> 20;

/// Which backup becomes which folder.
#[derive(Args, Debug)]
pub struct RestoreArguments {
    /// Folder of the backup.
    #[arg(long)]
    pub from: PathBuf,
    /// The folder, and who asks.
    #[command(flatten)]
    pub act: ActArguments,
}

/// A stopped folder, and who asks for an act on it.
#[derive(Args, Debug)]
pub struct ActArguments {
    /// Folder of the exchange; nobody may be using it.
    #[arg(long)]
    pub data_dir: PathBuf,
    /// Where the head mark lives, if not in the folder.
    #[arg(long)]
    pub head_file: Option<PathBuf>,
    /// Why; it is journaled.
    #[arg(long)]
    pub reason: String,
    /// Name of the second person, who approved it; it is journaled.
    #[arg(long)]
    pub approver: String,
}

/// How to run the exchange.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// Address to listen on. Without TLS and keys only loopback is allowed.
    #[arg(long, default_value = "127.0.0.1:7070")]
    pub listen: SocketAddr,
    /// Folder of the exchange: journal, head mark, snapshots, projections.
    #[arg(long)]
    pub data_dir: PathBuf,
    /// Create a demonstration venue with instruments, participants and accounts.
    #[arg(long)]
    pub demo: bool,
    /// Where the head mark lives, to have it on another disk; else in the folder.
    #[arg(long)]
    pub head_file: Option<PathBuf>,
    /// Commands taken and not yet answered; beyond it calls get RESOURCE_EXHAUSTED.
    #[arg(long, default_value_t = 65_536)]
    pub queue_commands_max: u32,
    /// Calls of one participant under way; half the queue when not given.
    #[arg(long)]
    pub share_commands_max: Option<u32>,
    /// Connections at a time; one more takes the place of one that has not begun to speak HTTP/2,
    /// or is closed at once.
    #[arg(
        long,
        default_value_t = 4_096,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..)
    )]
    pub connections_max: usize,
    /// How long a connection may take to begin to speak HTTP/2, in milliseconds.
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u64).range(1..))]
    pub begin_within_ms: u64,
    /// A connection is asked for a sign of life this often, and closed when it gives none for as
    /// long again; in milliseconds.
    #[arg(long, default_value_t = 20_000, value_parser = value_parser!(u64).range(1..))]
    pub keepalive_ms: u64,
    /// A snapshot is taken after this many commands.
    #[arg(long, default_value_t = 5_000_000)]
    pub snapshot_every_commands: u64,
    /// Megabytes (2^20 bytes) of the folder's disk kept free: with less, new orders, replaces,
    /// reserves and offers get RESOURCE_EXHAUSTED; with less than a quarter of it, cancels and
    /// steps of contracts too. 0 does not watch.
    #[arg(long, default_value_t = DISK_RESERVE_MB)]
    pub disk_reserve_mb: u64,
    /// Who says how much is free, if not the system; not on the command line.
    #[arg(skip)]
    pub free_space: Option<Arc<dyn FreeSpace>>,
    /// What the engine thread does while it has nothing to do.
    #[arg(long, value_enum, default_value_t = WaitArgument::Park)]
    pub wait: WaitArgument,
    /// Folder that backups are written under; without it none can be made.
    #[arg(long)]
    pub backup_dir: Option<PathBuf>,
    /// Touch and lock all memory at the start, so that no command waits for a page: takes
    /// gigabytes at once that are else taken as rows are used for the first time.
    #[arg(long)]
    pub lock_memory: bool,
}

/// What the engine thread does while it has nothing to do.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitArgument {
    /// Sleep until woken.
    Park,
    /// Give the core away and look again.
    Yield,
    /// Look again at once; only with a core to spare.
    Spin,
}

impl Serve {
    /// The defaults, on this address and folder.
    pub fn new(listen: SocketAddr, data_dir: PathBuf) -> Self {
        Self {
            listen,
            data_dir,
            demo: false,
            head_file: None,
            queue_commands_max: 65_536,
            share_commands_max: None,
            connections_max: 4_096,
            begin_within_ms: 10_000,
            keepalive_ms: 20_000,
            snapshot_every_commands: 5_000_000,
            disk_reserve_mb: DISK_RESERVE_MB,
            free_space: None,
            wait: WaitArgument::Park,
            backup_dir: None,
            lock_memory: false,
        }
    }

    /// The settings of the engine's runtime.
    pub fn runtime(&self) -> Config {
        let defaults = Config::new(&self.data_dir);
        Config {
            head_file: self.head_file.clone(),
            queue_commands_max: self.queue_commands_max,
            snapshot_every_commands: self.snapshot_every_commands,
            wait: match self.wait {
                WaitArgument::Park => Wait::Park,
                WaitArgument::Yield => Wait::Yield,
                WaitArgument::Spin => Wait::Spin,
            },
            build: format!("gateway {}", env!("CARGO_PKG_VERSION")),
            disk_reserve_bytes: self.disk_reserve_mb.saturating_mul(1 << 20),
            free_space: self.free_space.clone().unwrap_or(defaults.free_space),
            ..Config::new(&self.data_dir)
        }
    }

    /// How long a connection may take to begin.
    pub const fn begin_within(&self) -> Duration {
        Duration::from_millis(self.begin_within_ms)
    }

    /// How often a connection is asked for a sign of life, and how long it may take to give it.
    pub const fn keepalive(&self) -> Duration {
        Duration::from_millis(self.keepalive_ms)
    }

    /// Calls of one participant under way.
    pub fn share(&self) -> u32 {
        self.share_commands_max
            .unwrap_or(self.queue_commands_max / 2)
            .max(1)
    }
}

/// What to do with a journal.
#[derive(Subcommand, Debug)]
pub enum JournalCommand {
    /// Check that every acknowledged command is there; exit status 0 only for a whole journal, 1
    /// for one that is not, 2 when it could not be looked at.
    Verify(JournalArguments),
    /// Print every command that is kept, in the archive and in the journal.
    Export(ExportArguments),
    /// Accept that everything from the first missing command on is lost, and go on above all that
    /// was acknowledged, in a higher epoch. What is damaged is moved to `damaged/`.
    AcceptLoss {
        /// The first missing command, as `verify` names it.
        #[arg(long)]
        from: u64,
        /// The folder, and who asks.
        #[command(flatten)]
        act: ActArguments,
    },
    /// Have one command that stops every start passed over from now on.
    Quarantine {
        /// The command.
        #[arg(long)]
        sequence: u64,
        /// The folder, and who asks.
        #[command(flatten)]
        act: ActArguments,
    },
}

/// Which journal, and which part of it.
#[derive(Args, Debug)]
pub struct ExportArguments {
    /// Which journal.
    #[command(flatten)]
    pub journal: JournalArguments,
    /// The first command to print.
    #[arg(long, default_value_t = 1)]
    pub from: u64,
    /// The last command to print; all when not given.
    #[arg(long)]
    pub until: Option<u64>,
}

/// Which journal.
#[derive(Args, Debug)]
pub struct JournalArguments {
    /// Folder of the exchange.
    #[arg(long)]
    pub data_dir: PathBuf,
    /// Where the head mark lives, if not in the folder.
    #[arg(long)]
    pub head_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The settings of `gateway serve` with these flags.
    fn serve(flags: &[&str]) -> Result<Serve, clap::Error> {
        let line = ["gateway", "serve", "--data-dir", "data"].iter();
        let cli = Cli::try_parse_from(line.chain(flags))?;
        let Command::Serve(settings) = cli.command else {
            panic!("another command: {cli:?}");
        };
        Ok(settings)
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_flags_the_settings_are_the_defaults() {
        let parsed = serve(&[]).expect("they have defaults");
        let listen = "127.0.0.1:7070".parse().expect("an address");
        let made = Serve::new(listen, PathBuf::from("data"));
        assert_eq!(format!("{parsed:?}"), format!("{made:?}"));
        let runtime = parsed.runtime();
        assert_eq!(runtime.disk_reserve_bytes, Config::DISK_RESERVE_BYTES);
        assert_eq!(runtime.disk_reserve_bytes, 2 << 30);
        assert_eq!(parsed.begin_within(), Duration::from_secs(10));
        assert_eq!(parsed.keepalive(), Duration::from_secs(20));
    }

    #[test]
    fn every_bound_arrives_where_it_works() {
        let flags = "--disk-reserve-mb 7 --begin-within-ms 8 --keepalive-ms 9 --connections-max 10 \
                     --queue-commands-max 11 --snapshot-every-commands 12 --wait yield \
                     --head-file mark --backup-dir backups --lock-memory";
        let flags: Vec<_> = flags.split_whitespace().collect();
        let settings = serve(&flags).expect("flags");
        assert_eq!(settings.begin_within(), Duration::from_millis(8));
        assert_eq!(settings.keepalive(), Duration::from_millis(9));
        assert_eq!(settings.connections_max, 10);
        assert_eq!(settings.backup_dir, Some(PathBuf::from("backups")));
        assert!(settings.lock_memory);
        let runtime = settings.runtime();
        assert_eq!(runtime.disk_reserve_bytes, 7 << 20);
        assert_eq!(runtime.queue_commands_max, 11);
        assert_eq!(runtime.snapshot_every_commands, 12);
        assert_eq!(runtime.wait, Wait::Yield);
        assert_eq!(runtime.head_file, Some(PathBuf::from("mark")));
        assert_eq!(runtime.data_dir, PathBuf::from("data"));
    }

    #[test]
    fn a_reserve_may_be_nothing_and_is_never_a_small_number_by_overflow() {
        for (megabytes, bytes) in [
            (0, 0),
            (1, 1 << 20),
            (1 << 44, u64::MAX),
            (u64::MAX, u64::MAX),
        ] {
            let settings = serve(&["--disk-reserve-mb", &megabytes.to_string()]);
            let runtime = settings.expect("a number").runtime();
            assert_eq!(runtime.disk_reserve_bytes, bytes, "{megabytes} MB");
        }
    }

    #[test]
    fn the_share_of_a_participant_is_half_the_queue_and_never_nothing() {
        for (flags, share) in [
            (&[][..], 32_768),
            (&["--queue-commands-max", "1"], 1),
            (&["--share-commands-max", "5"], 5),
            (&["--share-commands-max", "0"], 1),
        ] {
            let settings = serve(flags).expect("flags");
            assert_eq!(settings.share(), share, "{flags:?}");
        }
    }

    #[test]
    fn a_bound_of_nothing_that_would_close_every_connection_is_refused_by_name() {
        for flag in ["--begin-within-ms", "--keepalive-ms", "--connections-max"] {
            for value in ["0", "-1", "x"] {
                let given = format!("{flag}={value}");
                let error = serve(&[given.as_str()]).expect_err(&given);
                assert!(error.to_string().contains(flag), "{error}");
            }
            assert!(serve(&[flag, "1"]).is_ok(), "{flag}");
        }
    }
}

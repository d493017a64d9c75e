//! The command line: every flag but `--target` has a default.
//!
//! Invariant: words and meaning of the flags are stable, other programs build on them. Not here:
//! what a command does.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    load::{CONNECTIONS_MAX, Mode, schedule::Shape},
    replay::Pace,
};

/// Replays recorded days and makes open-loop load against a gateway, and checks every answer.
#[derive(Parser, Debug)]
#[command(name = "simulator", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Send a recorded day and compare what the exchange makes of it; exit status 1 on any mismatch
    Replay(ReplayArgs),
    /// Send made flow at a fixed rate, open loop; exit status 0 only if nothing was refused,
    /// unknown or wrong
    Load(LoadArgs),
    /// Sell a stock to far more buyers than there is of it, over Sessions within seconds; exit
    /// status 0 only if exactly the stock was sold and nobody was refused for load
    Flash(FlashArgs),
    /// Start a gateway, kill it again and again under load, and check that nothing acknowledged is
    /// lost and nothing is done twice; exit status 0 only if all held
    Crash(CrashArgs),
}

/// Where the gateway is, and what both commands share.
#[derive(Args, Debug)]
pub struct Common {
    /// The gateway, for example http://127.0.0.1:50051
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// A file with a token, sent as `authorization: Bearer TOKEN`
    #[arg(long, value_name = "FILE")]
    pub token: Option<PathBuf>,
    /// Write the summary as JSON, also when the gateway died
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Name of the run, the beginning of all its ids; by default a new one each time
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Seconds to wait for a gateway that does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub patience: u64,
}

impl Common {
    /// How long a gateway that does not answer is waited for.
    pub const fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }
}

/// A recorded format.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Shanghai Stock Exchange level 2
    Sse,
    /// LOBSTER messages and book rows, a .zip
    Lobster,
    /// CME market by order
    Cme,
    /// Online Retail II: a shop's invoices as contracts, returns and stock
    Retail,
}

/// How a LOBSTER day is replayed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LobsterMode {
    /// By order name, in this process: every row must agree
    Names,
    /// Matched by the gateway: 99 of 100 rows must agree
    Match,
}

/// Flags of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// What both commands share.
    #[command(flatten)]
    pub common: Common,
    /// Format of the recorded day
    #[arg(long, value_enum, default_value_t = Format::Sse)]
    pub format: Format,
    /// The recorded day: plain, .xz or .zip
    #[arg(
        long,
        value_name = "FILE",
        default_value = "../shared/data/sse_level2/601825.input.csv.xz"
    )]
    pub input: PathBuf,
    /// The trades it must give; by default X.expected_trades.* beside X.input.*
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// LOBSTER only: by order name in this process, or matched by the gateway
    #[arg(long, value_enum, default_value_t = LobsterMode::Match)]
    pub mode: LobsterMode,
    /// `max`, or how many times the recorded pace
    #[arg(long, value_name = "max|N", default_value = "max", value_parser = speed)]
    pub speed: Pace,
    /// Retail only: no more than so many lines of the file
    #[arg(long, value_name = "N")]
    pub lines: Option<usize>,
    /// Commands a second (retail: lines), in place of --speed
    #[arg(long, value_name = "R", value_parser = positive, conflicts_with = "speed")]
    pub rate: Option<f64>,
}

impl ReplayArgs {
    /// How fast the day is sent.
    pub fn pace(&self) -> Pace {
        self.rate.map_or(self.speed, Pace::Rate)
    }
}

/// How commands are sent.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadMode {
    /// One call a command
    Unary,
    /// By a Session
    Stream,
    /// Many commands a call
    Batch,
}

impl From<LoadMode> for Mode {
    fn from(mode: LoadMode) -> Self {
        match mode {
            LoadMode::Unary => Self::Unary,
            LoadMode::Stream => Self::Stream,
            LoadMode::Batch => Self::Batch,
        }
    }
}

/// Flags of `load`.
#[derive(Args, Debug)]
pub struct LoadArgs {
    /// What both commands share.
    #[command(flatten)]
    pub common: Common,
    /// Commands a second over all connections
    #[arg(long, value_name = "N", default_value = "200", value_parser = positive)]
    pub rate: f64,
    /// How long; 0 until SIGINT or SIGTERM
    #[arg(long, value_name = "S", default_value_t = 10)]
    pub seconds: u64,
    /// Connections
    #[arg(long, value_name = "C", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    pub connections: u64,
    /// How commands are sent
    #[arg(long, value_enum, default_value_t = LoadMode::Unary)]
    pub mode: LoadMode,
    /// Seed of the flow
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Trade at this venue, with offers and flow of each model that it has
    #[arg(long, value_name = "ID")]
    pub venue: Option<String>,
    /// On a market that is there already, trade by those accounts alone that have the money and
    /// goods for so many of the largest orders (500 lots or the instrument's most, at the highest
    /// price it may have); 0: by all. If none has, the load makes a market of its own
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub funded_orders: u32,
    /// Spread each second's commands evenly instead of in bursts
    #[arg(long)]
    pub steady: bool,
}

/// Flags of `flash`.
#[derive(Args, Debug)]
pub struct FlashArgs {
    /// What all commands share.
    #[command(flatten)]
    pub common: Common,
    /// Pieces there are
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub stock: u32,
    /// Reserves of one piece each, from all buyers together
    #[arg(long, value_name = "M", default_value_t = 2_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub reserves: u64,
    /// Sessions they come by
    #[arg(long, value_name = "C", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    pub sessions: u64,
    /// Seconds over which they are spread evenly
    #[arg(long, value_name = "S", default_value = "1", value_parser = positive)]
    pub seconds: f64,
    /// Different buyers; each may have one piece. By default a third of the reserves, at most 4,096
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub buyers: Option<u32>,
}

impl FlashArgs {
    /// How many different buyers tap.
    pub fn buyers(&self) -> u32 {
        let third = u32::try_from(self.reserves.div_ceil(3)).unwrap_or(BUYERS_USUAL_MAX);
        self.buyers.unwrap_or(third.min(BUYERS_USUAL_MAX))
    }
}

/// Buyers there are unless the command says otherwise: making more takes longer than the sale.
const BUYERS_USUAL_MAX: u32 = 4_096;

/// Flags of `crash`.
#[derive(Args, Debug)]
pub struct CrashArgs {
    /// How often the gateway is killed
    #[arg(long, value_name = "N", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub cycles: u32,
    /// The gateway program; by default the one beside this program
    #[arg(long, value_name = "PATH")]
    pub gateway: Option<PathBuf>,
    /// A recorded Shanghai day: plain or .xz; by default a day is made of the seed, and the engine
    /// computes its trades in this process
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The trades it must give; by default X.expected_trades.* beside X.input.*
    #[arg(long, value_name = "FILE", requires = "input")]
    pub expect: Option<PathBuf>,
    /// Seed of the load, of a made day, and of the instants of the kills
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Write the summary as JSON, also when the run failed
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl LoadArgs {
    /// How the commands of a second lie in it.
    pub const fn shape(&self) -> Shape {
        if self.steady {
            Shape::Steady
        } else {
            Shape::Bursts
        }
    }
}

fn speed(text: &str) -> Result<Pace, String> {
    if text == "max" {
        return Ok(Pace::Max);
    }
    positive(text)
        .map(Pace::Times)
        .map_err(|_| "it should be `max` or a number above 0, up to 10 million".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|number| *number > 0.0 && *number <= 10_000_000.0)
        .ok_or_else(|| "it should be a number above 0, up to 10 million".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(words.split(' '))
    }

    #[test]
    fn every_flag_but_the_target_has_a_default() {
        assert!(parse("simulator load --target http://h:1").is_ok());
        assert!(parse("simulator replay --target http://h:1").is_ok());
        assert!(parse("simulator crash").is_ok());
        assert!(parse("simulator crash --expect trades.csv").is_err());
        assert!(parse("simulator crash --cycles 0").is_err());
    }

    #[test]
    fn paces_are_read_and_nonsense_is_refused() {
        let pace = |words: &str| match parse(words).unwrap().command {
            Command::Replay(args) => args.pace(),
            Command::Load(_) | Command::Flash(_) | Command::Crash(_) => Pace::Max,
        };
        assert_eq!(pace("simulator replay --speed 60"), Pace::Times(60.0));
        assert_eq!(pace("simulator replay --speed max"), Pace::Max);
        assert_eq!(pace("simulator replay --rate 500"), Pace::Rate(500.0));
        for wrong in [
            "--speed 0",
            "--speed fast",
            "--rate -1",
            "--rate 5 --speed 2",
        ] {
            assert!(
                parse(&format!("simulator replay {wrong}")).is_err(),
                "{wrong}"
            );
        }
        assert!(parse("simulator load --connections 0").is_err());
        assert!(parse("simulator flash --target http://h:1 --stock 0").is_err());
        assert!(parse("simulator flash --target http://h:1 --seconds 0").is_err());
        assert!(parse("simulator load --connections 5000").is_err());
    }
}

//! Replays of recorded days: what they have in common.
//!
//! Invariant: a day is read by a thread of its own through a bounded channel, so that a day of any
//! size fits in memory. Not here: the formats (`formats`) and what each day must give (`sse`,
//! `lobster`, `cme`).

pub mod cme;
pub mod desk;
pub mod lobster;
pub mod named_book;
pub mod queue_book;
pub mod retail;
pub mod sse;

use std::{path::PathBuf, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use proto::v1::{
    CreateInstrumentRequest, FeeRates, OrderType, SelfTradePrevention, SessionNewOrder, Side,
    TimeInForce,
};
use rust_decimal::Decimal;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    client::connect::Connection,
    formats::{FormatError, Next, sse::Side as FileSide},
    report::Summary,
    setup::{
        Operator, Run, SetupError, account_id,
        money::{Stake, Staked, Treasury},
        statement,
    },
};
use desk::{DeskError, Terms};

/// Records that wait between the thread that reads and the replay.
const RECORDS_MAX: usize = 1_024;
/// Commands between two changes of the progress line.
const PROGRESS_EVERY: u64 = 256;

/// How fast a day is sent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// As fast as the gateway takes it.
    Max,
    /// So many times the recorded pace.
    Times(f64),
    /// So many commands a second.
    Rate(f64),
}

impl Pace {
    /// When the command with this index, recorded so long after the first, is due.
    pub fn due(self, start: Instant, index: u64, recorded: Duration) -> Option<Instant> {
        match self {
            Self::Max => None,
            Self::Times(times) => Some(start + recorded.div_f64(times)),
            Self::Rate(rate) => Some(start + Duration::from_secs_f64(index as f64 / rate)),
        }
    }
}

/// What a replay needs to know.
pub struct Replay {
    /// The gateway.
    pub connection: Connection,
    /// Its name.
    pub run: Run,
    /// The recorded day.
    pub input: PathBuf,
    /// What it must give, where that is a file of its own.
    pub expect: Option<PathBuf>,
    /// How fast it is sent.
    pub pace: Pace,
    /// Who lets it on by counts, beside its pace.
    pub gate: Option<Gate>,
}

/// Lets a replay on by counts: whoever holds the other ends says how many lines may be sent, and
/// sees how many were.
#[derive(Clone, Debug)]
pub struct Gate {
    allowed: watch::Receiver<u64>,
    passed: watch::Sender<Passed>,
}

/// How far a replay with a gate is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Passed {
    /// Lines that passed the gate.
    pub lines: u64,
    /// Commands answered.
    pub answered: u64,
}

impl Gate {
    /// A gate that is shut, with its other ends: lines allowed, and how far the replay is.
    pub fn shut() -> (Self, watch::Sender<u64>, watch::Receiver<Passed>) {
        let (allow, allowed) = watch::channel(0);
        let (passed, seen) = watch::channel(Passed::default());
        (Self { allowed, passed }, allow, seen)
    }
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The day could not be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Venue, parties or instrument could not be made, or a phase not be set.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The gateway could not be traded with.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The thread that reads the day died.
    #[error("the reader of {0} ended")]
    Reader(String),
    /// The day says something that no day should.
    #[error("{0}")]
    Day(String),
}

/// What a replay trades: sizes and currency of its instrument, and how many accounts it uses.
pub(crate) struct Listing {
    pub name: &'static str,
    pub currency: &'static str,
    pub unit: &'static str,
    pub tick: Decimal,
    pub price_decimals: u32,
    pub accounts: u32,
    pub depth: usize,
}

/// What each account of a replayed day begins with: far more than any of them can need, so that a
/// day runs as it was recorded.
pub(crate) fn stake_of_each() -> Stake {
    let plenty = Decimal::from(1_000_000_000_000_i64);
    Stake {
        money: plenty,
        goods: plenty,
    }
}

/// The id of what a replayed day trades.
pub(crate) fn instrument_of(run: &Run) -> String {
    run.id("share")
}

/// The largest order of a replayed day: every published one is far below.
const MAX_QUANTITY: &str = "1000000000";

/// Creates venue, accounts and instrument of a replay, with clearing and fees, and funds everybody.
pub(crate) async fn prepare(
    replay: &Replay,
    listing: &Listing,
) -> Result<(Operator, String, Terms, Staked), SetupError> {
    let operator = Operator::new(replay.connection.clone(), replay.run.clone());
    let venue = replay.run.id("venue");
    operator.create_venue(&venue, listing.name).await?;
    let participant = replay.run.id("firm");
    operator.create_participant(&participant).await?;
    let accounts = operator
        .create_accounts(&participant, listing.accounts)
        .await?;
    let instrument = instrument_of(&replay.run);
    let request = CreateInstrumentRequest {
        instrument_id: instrument.clone(),
        venue_id: venue.clone(),
        name: listing.name.to_owned(),
        currency: listing.currency.to_owned(),
        unit: listing.unit.to_owned(),
        tick_size: listing.tick.to_string(),
        lot_size: "1".to_owned(),
        price_decimals: listing.price_decimals,
        max_quantity: MAX_QUANTITY.to_owned(),
        ..CreateInstrumentRequest::default()
    };
    let instrument_handle = operator.create_instrument(request).await?;
    let staked = stake(&operator, listing, (&venue, &instrument)).await?;
    let terms = Terms {
        participant,
        accounts,
        instrument,
        instrument_handle,
        tick: listing.tick,
        lot: Decimal::ONE,
        depth: listing.depth,
    };
    Ok((operator, venue, terms, staked))
}

/// Counts everything at the end of a day that was played, and prints one account's statement.
pub(crate) async fn count(
    ended: Result<(), ReplayError>,
    staked: &Staked,
    replay: &Replay,
    summary: &mut Summary,
) -> Result<(), ReplayError> {
    ended?;
    staked.count(summary).await?;
    let accounts = (0..staked.accounts).map(|index| account_id(&replay.run, index));
    Ok(statement::print_one(&replay.connection, accounts, summary).await?)
}

async fn stake(
    operator: &Operator,
    listing: &Listing,
    (venue, instrument): (&str, &str),
) -> Result<Staked, SetupError> {
    let treasury = Treasury::open(operator, listing.price_decimals).await?;
    let goods = vec![treasury.clear(instrument, listing.unit).await?];
    // About what the Shanghai exchange charges for handling, with maker and taker told apart.
    let rates = FeeRates {
        maker_ppm: 30,
        taker_ppm: 40,
        auction_ppm: 34,
        ..FeeRates::default()
    };
    treasury.charge(venue, rates).await?;
    let staked = Staked {
        treasury,
        goods,
        venue: venue.to_owned(),
        accounts: listing.accounts,
        stake: stake_of_each(),
    };
    staked.fund().await?;
    Ok(staked)
}

/// A limit order of a replay: good till cancelled or at once, and free to meet its own owner.
pub(crate) fn limit(
    side: FileSide,
    price_ticks: i64,
    quantity_lots: i64,
    time_in_force: TimeInForce,
) -> SessionNewOrder {
    let side = match side {
        FileSide::Buy => Side::Buy,
        FileSide::Sell => Side::Sell,
    };
    SessionNewOrder {
        side: side.into(),
        order_type: OrderType::Limit.into(),
        time_in_force: time_in_force.into(),
        price_ticks,
        quantity_lots,
        self_trade_prevention: SelfTradePrevention::None.into(),
        ..SessionNewOrder::default()
    }
}

/// Runs a reader on a thread of its own; its records, and an error as the last, come out here.
pub(crate) fn records<T, R>(read: R) -> mpsc::Receiver<Result<T, FormatError>>
where
    T: Send + 'static,
    R: FnOnce(&mut dyn FnMut(T) -> Next) -> Result<(), FormatError> + Send + 'static,
{
    let (out, records) = mpsc::channel(RECORDS_MAX);
    std::thread::spawn(move || {
        let ended = read(&mut |record| match out.blocking_send(Ok(record)) {
            Ok(()) => Next::More,
            Err(_) => Next::Stop,
        });
        if let Err(error) = ended
            && !matches!(error, FormatError::Stopped)
        {
            // A receiver that is gone wants no error either.
            let _gone = out.blocking_send(Err(error));
        }
    });
    records
}

/// A line that shows how far a replay is; hidden where there is no terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        let template = "{spinner} {pos} commands, {per_sec}, {elapsed} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(crate) fn show(&self, summary: &Summary) {
        if summary.commands.is_multiple_of(PROGRESS_EVERY) {
            self.0.set_position(summary.commands);
            let reconnects = summary.reconnects;
            self.0.set_message(format!(
                "{} trades, {} mismatches, {reconnects} reconnects",
                summary.trades, summary.mismatches
            ));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paces_say_when_a_command_is_due() {
        let start = Instant::now();
        let recorded = Duration::from_secs(60);
        assert_eq!(Pace::Max.due(start, 5, recorded), None);
        let due = Pace::Times(60.0).due(start, 5, recorded);
        assert_eq!(due, Some(start + Duration::from_secs(1)));
        let due = Pace::Rate(10.0).due(start, 5, recorded);
        assert_eq!(due, Some(start + Duration::from_millis(500)));
    }

    #[test]
    fn a_reader_hands_on_records_and_then_its_error() {
        let mut records = records::<u32, _>(|take| {
            (0..3).for_each(|number| assert_eq!(take(number), Next::More));
            Err(FormatError::Line {
                path: PathBuf::from("day.csv"),
                line: 4,
                what: "wrong".to_owned(),
            })
        });
        for number in 0..3 {
            assert_eq!(records.blocking_recv().unwrap().unwrap(), number);
        }
        let error = records.blocking_recv().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "day.csv:4: wrong");
        assert!(records.blocking_recv().is_none());
    }
}

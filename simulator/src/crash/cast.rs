//! Who takes part in a crash run: the live clients, the replay, and the client that writes down
//! what the replay is told.
//!
//! Invariant: all of them end when the sets and handles given back are dropped or aborted. Not
//! here: when they may send (`live`), when the gateway dies (`run`).

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};

use super::{
    CrashError, Harness,
    audit::Words,
    calls::Calls,
    day::Day,
    gap::Gap,
    lane::Lane,
    ledger::Ledger,
    live::Floor,
    pair::Pair,
    shopping::{Errands, Rush, Sender},
    stream::Stream,
    teller::Teller,
};
use crate::{
    client::{
        connect::{ConnectError, Connection},
        executions,
    },
    load::market::Market,
    replay::{self, Gate, Pace, Replay, ReplayError},
    report::Summary,
    setup::Run,
    shops::{
        board::{Board, Season},
        clerk::Clerk,
        found::{BUYERS, Shops},
        ring::Ring,
    },
};

/// Name of the live clients' run.
const LIVE: &str = "live";
/// Name of the shops' run.
const SHOPS: &str = "shop";
/// Clerks that send by calls; each has so many buyers of its own. The last ones fill carts.
const CLERKS: (u32, u32) = (7, 2);
/// So many of the clerks do not.
const PLAIN_CLERKS: u32 = 3;
/// Clerks that agree on returns; their buyers are those of the others.
const DEBT_CLERKS: (u32, u32) = (2, 7);
/// Lanes that send one command a call, several a call, and by a session.
const LANES: (u64, u64, u64) = (6, 2, 1);
/// Commands of a batch, at most.
const BATCH_MAX: u64 = 12;
/// Messages of the replay's stream that wait to be written down.
const STREAM_MAX: usize = 64;

/// How a replay ended.
pub(super) type Played = (Summary, Result<(), ReplayError>);

/// The live clients.
pub(super) type Lanes = JoinSet<Result<(), String>>;

/// Starts the live clients. The last instrument is left to the pairs.
pub(super) fn begin_lanes(
    harness: &Harness,
    floor: &Arc<Floor>,
    market: &Market,
    connect: impl Fn() -> Result<Connection, ConnectError>,
) -> Result<Lanes, CrashError> {
    let mut lanes = JoinSet::new();
    let mut shared = market.clone();
    let all = market.named.len().saturating_sub(1);
    shared.named = market
        .named
        .iter()
        .take(all)
        .cloned()
        .collect::<Vec<_>>()
        .into();
    shared.traded = market
        .traded
        .iter()
        .take(all)
        .cloned()
        .collect::<Vec<_>>()
        .into();
    let lane = |index, market: &Market| {
        Ok::<_, ConnectError>(Lane {
            floor: Arc::clone(floor),
            connection: connect()?,
            market: market.clone(),
            run: live_run().name().to_owned(),
            index,
            seed: harness.seed,
        })
    };
    let (unary, batch, session) = LANES;
    let sessions = unary + batch..unary + batch + session;
    for index in 0..sessions.start {
        let size = if index < unary { 1 } else { BATCH_MAX };
        lanes.spawn(Calls::new(lane(index, &shared)?, size).run());
    }
    let next = sessions.end;
    for index in sessions {
        lanes.spawn(Stream::open(lane(index, &shared)?).run());
    }
    if let (Some(traded), Some(priced)) = (market.named.last(), market.traded.last()) {
        let buyer = lane(next + 1, market)?.account_id().unwrap_or_default();
        let pair = Pair {
            seller: lane(next, market)?,
            buyer,
            traded: traded.clone(),
            price_ticks: priced.base_ticks,
        };
        lanes.spawn(pair.run());
        lanes.spawn(Gap::new(lane(next + 2, market)?, traded.handle).run());
    }
    if let Some(staked) = &market.staked {
        lanes.spawn(Teller::new(lane(next + 3, market)?, Arc::clone(staked)).run());
    }
    Ok(lanes)
}

/// Starts the live clients of the shops: the last buyer reserves by a Session.
pub(super) fn begin_shops(
    (floor, shops): (&Arc<Floor>, &Arc<Shops>),
    seed: u64,
    connect: impl Fn() -> Result<Connection, ConnectError>,
    lanes: &mut Lanes,
) -> Result<(), CrashError> {
    let board = Arc::new(Mutex::new(Board::new(shops, Season::SHORT)));
    let clerk = |name: &str, index: u32, own: u32| {
        let (shops, board) = (Arc::clone(shops), Arc::clone(&board));
        let name = format!("{name}{index}");
        Clerk::new(shops, board, &name, (1 + index * own, own), seed)
    };
    let mut clerks = Vec::new();
    for index in 0..CLERKS.0 {
        let one = clerk("clerk", index, CLERKS.1);
        clerks.push(if index < PLAIN_CLERKS {
            one
        } else {
            one.with_carts()
        });
    }
    for index in 0..DEBT_CLERKS.0 {
        clerks.push(clerk("debts", index, DEBT_CLERKS.1).with_debts());
    }
    let ring = Ring::new(Arc::clone(shops), "ring").map(Box::new);
    let clerks = clerks.into_iter().map(Box::new).map(Sender::Clerk);
    for sender in clerks.chain(ring.map(Sender::Ring)) {
        let errands = Errands {
            floor: Arc::clone(floor),
            connection: connect()?,
            sender,
        };
        lanes.spawn(errands.run());
    }
    let rush = Rush::new((Arc::clone(floor), connect()?), board, shops, BUYERS);
    lanes.spawn(rush.run());
    Ok(())
}

/// The run of the shops.
pub(super) fn shop_run() -> Run {
    run_named(SHOPS)
}

/// A run's name that fits: a word of this file.
fn run_named(name: &str) -> Run {
    Run::named(name).unwrap_or_else(|_| Run::fresh())
}

/// The run of the live clients.
pub(super) fn live_run() -> Run {
    run_named(LIVE)
}

/// Starts the replay of a day; the run it trades under.
pub(super) fn begin_replay(
    connection: Connection,
    day: &Day,
    gate: Gate,
) -> (JoinHandle<Played>, Run) {
    let run = run_named("day");
    let replay = Replay {
        connection,
        run: run.clone(),
        input: day.input.clone(),
        expect: Some(day.expect.clone()),
        pace: Pace::Max,
        gate: Some(gate),
    };
    let summary = Summary::new("replay sse", run.name());
    (tokio::spawn(replay::sse::run(replay, summary)), run)
}

/// Writes down what the stream of the replay's participant tells, as a client of its own.
pub(super) async fn write_down(
    connection: Connection,
    participant: String,
    told: Arc<Mutex<Ledger>>,
) {
    let (out, mut messages) = mpsc::channel(STREAM_MAX);
    let following = tokio::spawn(executions::follow(connection, participant, 1, out));
    while let Some(message) = messages.recv().await {
        let mut ledger = told.lock().unwrap_or_else(PoisonError::into_inner);
        message
            .reports
            .iter()
            .for_each(|report| ledger.seen(report));
    }
    // A gap is a loss; a gateway that is gone is found by the run itself.
    if let Ok(Err(error @ executions::FollowError::Gap { .. })) = following.await {
        let mut ledger = told.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.memory.faults.add(error.to_string());
    }
}

/// What the numbers of the live clients' sessions stand for.
pub(super) fn words_of(market: &Market) -> Words {
    let accounts = market.accounts.iter();
    let named = market.named.iter();
    Words {
        accounts: accounts
            .map(|account| (account.account_id.clone(), account.handle))
            .collect(),
        instruments: named
            .map(|named| (named.id.clone(), (named.handle, named.tick, named.lot)))
            .collect(),
    }
}

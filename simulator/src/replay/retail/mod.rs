//! A shop's year: every line of its invoices as a contract, a return, a count of stock or money.
//!
//! The shop is a demonstration for enterprises with prices fixed, paid at once, and returns by
//! agreement without a window. Invariant: what the file means is worked out first, without the
//! exchange (`plan`), and compared with what the exchange says at the end (`check`). Not here: the
//! format (`formats::retail`).

pub mod acts;
pub mod check;
pub mod lanes;
pub mod matching;
pub mod plan;
pub mod shop;
pub mod tally;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Replay, ReplayError};
use crate::{
    report::Summary,
    setup::{Operator, account_id, statement},
};
use acts::Clerk;
use plan::{LINES_MAX, NAMED, Plan};
use shop::Shop;
use tally::{Kept, Tally};

/// Connections that lines are spread over.
const CONNECTIONS: usize = 4;

/// Replays a year, or its first lines.
pub async fn run(
    replay: Replay,
    lines: Option<usize>,
    summary: Summary,
) -> (Summary, Result<(), ReplayError>) {
    let plan = Plan::read(&replay.input, lines.unwrap_or(LINES_MAX));
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return (summary, Err(error)),
    };
    let operator = Operator::new(replay.connection.clone(), replay.run.clone());
    let founding = Instant::now();
    let shop = match Shop::found(operator, &replay.run, &plan).await {
        Ok(shop) => shop,
        Err(error) => return (summary, Err(error.into())),
    };
    let founded = founding.elapsed();
    let clerk = Arc::new(Clerk {
        connections: (0..CONNECTIONS)
            .map(|_| replay.connection.another())
            .collect(),
        plan,
        shop,
        tally: Tally::new(summary),
    });
    let start = Instant::now();
    let played = lanes::play(&clerk, replay.pace).await;
    let seconds = start.elapsed().as_secs_f64();
    let mut rows = Summary {
        extra: sizes(&clerk, founded),
        ..Summary::default()
    };
    let ended = match played {
        Ok(()) if !clerk.tally.is_stopped() => finish(&clerk, &mut rows).await,
        Ok(()) | Err(_) => played,
    };
    let Kept {
        mut summary,
        latencies,
        ..
    } = std::mem::take(&mut *clerk.tally.kept());
    summary.measure(&latencies, seconds);
    summary.absorb(rows);
    (summary, ended)
}

fn sizes(clerk: &Clerk, founded: Duration) -> BTreeMap<String, u64> {
    let plan = &clerk.plan;
    let founded_ms = u64::try_from(founded.as_millis()).unwrap_or(u64::MAX);
    let sizes = [
        ("lines", plan.lines.len() as u64),
        ("accounts", plan.parties.len() as u64),
        ("codes", plan.products.len() as u64),
        ("offers", plan.offers().count() as u64),
        ("founded_ms", founded_ms),
    ];
    sizes.map(|(what, size)| (what.to_owned(), size)).into()
}

/// Compares, and prints the statement of one customer.
async fn finish(clerk: &Clerk, rows: &mut Summary) -> Result<(), ReplayError> {
    check::compare(clerk, rows).await?;
    let buyers = (NAMED + 1)..u32::try_from(clerk.plan.parties.len()).unwrap_or(u32::MAX);
    let buyers = buyers.map(|index| account_id(&clerk.shop.run, index));
    Ok(statement::print_one(clerk.shop.operator.connection(), buyers, rows).await?)
}

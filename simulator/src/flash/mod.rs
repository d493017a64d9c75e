//! A flash sale: far more buyers than pieces, all at once, by Sessions.
//!
//! Invariant: latency counts from the instant a reserve was meant to be sent, as in `load`; the
//! verdict is made of what the gateway answered and of what it says afterwards, and both must give
//! exactly the stock. Not here: how the shop is founded (`shop`), one connection (`buyers`).

mod buyers;
mod shop;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    sync::{Barrier, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{
    client::connect::{Bearer, ConnectError, Connection},
    load::schedule::{Schedule, Shape},
    report::{Latencies, Summary},
    setup::{Run, SetupError},
};
use buyers::{Buyers, Outcome};
use shop::Shop;

/// How often the progress line changes.
const PROGRESS: Duration = Duration::from_millis(250);
/// Time between the last Session's opening and the first reserve.
const BREATH: Duration = Duration::from_millis(100);
/// Pieces one buyer may take.
pub const LIMIT: u32 = 1;

/// What a sale is asked to be.
#[derive(Clone, Debug)]
pub struct Flash {
    /// The gateway.
    pub target: String,
    /// Credentials.
    pub bearer: Bearer,
    /// How long a gateway that does not answer is waited for.
    pub patience: Duration,
    /// Its name.
    pub run: Run,
    /// Pieces there are.
    pub stock: u32,
    /// Reserves of one piece each.
    pub reserves: u64,
    /// Sessions they come by.
    pub sessions: u64,
    /// Seconds over which they are spread.
    pub seconds: f64,
    /// Different buyers.
    pub buyers: u32,
}

/// Why a sale could not begin, or be counted.
#[derive(Debug, thiserror::Error)]
pub enum FlashError {
    /// The target is wrong.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The shop could not be founded.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Founds a shop, sells, counts.
pub async fn run(
    flash: &Flash,
    mut summary: Summary,
    stop: watch::Receiver<bool>,
) -> (Summary, Result<(), FlashError>) {
    let ended = sell(flash, &mut summary, stop).await;
    (summary, ended)
}

async fn sell(
    flash: &Flash,
    summary: &mut Summary,
    stop: watch::Receiver<bool>,
) -> Result<(), FlashError> {
    let connection = Connection::open(&flash.target, flash.bearer.clone(), flash.patience)?;
    let shop = Arc::new(Shop::found(&connection, flash).await?);
    let sold = drive(flash, &shop, summary, stop).await?;
    let left = shop.left().await?;
    judge(flash, &sold, left, summary);
    Ok(())
}

/// What was sold: the contracts, and how many of each buyer.
#[derive(Debug, Default)]
struct Sold {
    contracts: BTreeSet<(u64, u32)>,
    by_buyer: BTreeMap<u32, u32>,
}

async fn drive(
    flash: &Flash,
    shop: &Arc<Shop>,
    summary: &mut Summary,
    stop: watch::Receiver<bool>,
) -> Result<Sold, FlashError> {
    let rate = flash.reserves as f64 / flash.seconds;
    let answered = Arc::new(AtomicU64::new(0));
    let (tell, start) = watch::channel(None);
    let ready = Arc::new(Barrier::new(flash.sessions as usize + 1));
    let mut running = JoinSet::new();
    for index in 0..flash.sessions {
        let buyers = Buyers {
            connection: Connection::open(&flash.target, flash.bearer.clone(), flash.patience)?,
            session_id: flash.run.id(&format!("f{index}")),
            shop: Arc::clone(shop),
            schedule: Schedule::new(rate, (index, flash.sessions), Shape::Steady),
            place: (index, flash.sessions),
            reserves: flash.reserves,
            ready: Arc::clone(&ready),
            start: start.clone(),
            stop: stop.clone(),
            answered: Arc::clone(&answered),
        };
        running.spawn(buyers.run());
    }
    // Sessions that cannot open end at once, so the others would wait for them for ever.
    let all = tokio::time::timeout(flash.patience, ready.wait()).await;
    if all.is_err() {
        summary.error = Some("not all Sessions opened".to_owned());
        running.abort_all();
        return Ok(Sold::default());
    }
    let begin = Instant::now() + BREATH;
    tell.send_replace(Some(begin));
    let (sold, latencies, last) = gather(flash, running, &answered, summary).await;
    let seconds = last.saturating_duration_since(begin).as_secs_f64();
    summary.measure(&latencies, seconds);
    Ok(sold)
}

/// Waits for all Sessions, showing how far they are.
async fn gather(
    flash: &Flash,
    mut running: JoinSet<Outcome>,
    answered: &AtomicU64,
    summary: &mut Summary,
) -> (Sold, Latencies, Instant) {
    let bar = ProgressBar::new(flash.reserves);
    let template = "{bar:40} {pos}/{len} answered, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let (mut sold, mut latencies) = (Sold::default(), Latencies::new());
    let (begun, mut last) = (Instant::now(), None);
    loop {
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            () = tokio::time::sleep(PROGRESS) => {
                bar.set_position(answered.load(Ordering::Relaxed));
                continue;
            }
        };
        match ended {
            Some(Ok(outcome)) => {
                for (contract, buyer) in outcome.sold {
                    if !sold.contracts.insert(contract) {
                        summary.mismatch(|| format!("contract {contract:?} was formed twice"));
                    }
                    *sold.by_buyer.entry(buyer).or_default() += 1;
                }
                last = last.max(outcome.last);
                summary.absorb(outcome.summary);
                latencies.merge(&outcome.latencies);
            }
            Some(Err(error)) => summary.error = Some(error.to_string()),
            None => break,
        }
    }
    bar.finish_and_clear();
    (sold, latencies, last.unwrap_or(begun))
}

/// Whether exactly the stock was sold, each buyer had at most its limit, and the gateway says so.
fn judge(flash: &Flash, sold: &Sold, left: u32, summary: &mut Summary) {
    let contracts = sold.contracts.len() as u64;
    let different = flash
        .reserves
        .min(u64::from(flash.buyers) * u64::from(LIMIT));
    let due = u64::from(flash.stock).min(different);
    summary.sold = contracts;
    if contracts != due {
        summary.mismatch(|| format!("{contracts} were sold, {due} could be"));
    }
    if contracts + u64::from(left) != u64::from(flash.stock) {
        let stock = flash.stock;
        summary.mismatch(|| format!("{contracts} sold and {left} left do not make {stock}"));
    }
    if let Some((buyer, pieces)) = sold.by_buyer.iter().find(|(_, pieces)| **pieces > LIMIT) {
        summary.mismatch(|| format!("buyer {buyer} has {pieces}, it may have {LIMIT}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flash() -> Flash {
        Flash {
            target: String::new(),
            bearer: Bearer::default(),
            patience: Duration::ZERO,
            run: Run::fresh(),
            stock: 3,
            reserves: 10,
            sessions: 1,
            seconds: 1.0,
            buyers: 5,
        }
    }

    fn sold(buyers: &[u32]) -> Sold {
        let mut sold = Sold::default();
        for (place, buyer) in (0..).zip(buyers) {
            sold.contracts.insert((place, 0));
            *sold.by_buyer.entry(*buyer).or_default() += 1;
        }
        sold
    }

    fn mismatches(flash: &Flash, buyers: &[u32], left: u32) -> u64 {
        let mut summary = Summary::default();
        judge(flash, &sold(buyers), left, &mut summary);
        summary.mismatches
    }

    #[test]
    fn exactly_the_stock_is_right_and_nothing_else() {
        assert_eq!(mismatches(&flash(), &[0, 1, 2], 0), 0);
        assert_eq!(mismatches(&flash(), &[0, 1], 1), 1, "undersold");
        assert_eq!(mismatches(&flash(), &[0, 1, 2, 3], 0), 2, "oversold");
        assert_eq!(mismatches(&flash(), &[0, 1, 1], 0), 1, "one buyer twice");
        assert_eq!(
            mismatches(&flash(), &[0, 1, 2], 1),
            1,
            "it says one is left"
        );
        let few = Flash {
            buyers: 2,
            ..flash()
        };
        assert_eq!(mismatches(&few, &[0, 1], 1), 0, "two buyers, one each");
    }
}

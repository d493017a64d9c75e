//! Many lines at once, in every order that does not matter.
//!
//! Invariant: what matters is enforced, and nothing else. The lines of one shelf are a lane: what
//! they do to its stock (reserve, give back, put, take) is done one after the other, as in the
//! file, so the least opening stock is enough and a return comes after its sale. A contract is a
//! chain: it is reserved in its lane, handed over and accepted beside it, and a return in the lane
//! waits for the end of the chain it gives back to. A line waits for earlier ones only, and those
//! were begun before it: nothing waits in a circle. Money needs no order, for everybody is given
//! all it ever pays. Not here: what a line asks (`acts`).

use std::{collections::HashMap, sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::Instant,
};

use super::{
    acts::{Clerk, Contract},
    plan::{Act, Planned},
    tally::Lost,
};
use crate::replay::{Pace, ReplayError};

/// Lines under way at a time: enough that each sync of the journal carries many commands, few
/// enough for any queue. The answer is the same with any number.
const UNDER_WAY_MAX: usize = 512;
/// Lines between two changes of the progress line.
const PROGRESS_EVERY: usize = 256;

/// What goes along a lane: the contracts of its sales that later lines give back.
type Baton = HashMap<u32, Sold>;

/// A contract that pieces will come back of.
#[derive(Debug)]
enum Sold {
    /// Its chain is under way.
    Coming(oneshot::Receiver<Option<Contract>>),
    /// It is performed.
    Known(Contract),
}

/// Sends all lines of the clerk's plan, and waits for all answers.
pub async fn play(clerk: &Arc<Clerk>, pace: Pace) -> Result<(), ReplayError> {
    let lines = clerk.plan.lines.len();
    let bar = ProgressBar::new(lines as u64);
    let template = "{bar:40} {pos}/{len} lines, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let room = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut lanes: Vec<Option<oneshot::Receiver<Baton>>> = Vec::new();
    lanes.resize_with(clerk.plan.shelves.len(), || None);
    let (mut running, start) = (JoinSet::new(), Instant::now());
    let first_s = clerk.plan.lines.first().map_or(0, |line| line.time_s);
    for (at, planned) in clerk.plan.lines.iter().enumerate() {
        let recorded = u64::try_from(planned.time_s - first_s).unwrap_or_default();
        if let Some(due) = pace.due(start, at as u64, Duration::from_secs(recorded)) {
            tokio::time::sleep_until(due).await;
        }
        let permit = Arc::clone(&room).acquire_owned().await;
        let permit = permit.map_err(|error| ReplayError::Day(error.to_string()))?;
        while let Some(ended) = running.try_join_next() {
            whole(ended)?;
        }
        if clerk.tally.is_stopped() {
            break;
        }
        let (pass, passed) = oneshot::channel();
        let before = lanes[planned.shelf as usize].replace(passed);
        let (clerk, planned) = (Arc::clone(clerk), *planned);
        running.spawn(async move {
            line(&clerk, &planned, before, pass).await;
            drop(permit);
        });
        if at.is_multiple_of(PROGRESS_EVERY) {
            bar.set_position(at as u64);
        }
    }
    while let Some(ended) = running.join_next().await {
        whole(ended)?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn whole(ended: Result<(), tokio::task::JoinError>) -> Result<(), ReplayError> {
    ended.map_err(|error| ReplayError::Day(format!("a line ended: {error}")))
}

/// Waits for the line before it in the lane, does what must come before the next one, passes the
/// baton, does the rest.
async fn line(
    clerk: &Clerk,
    planned: &Planned,
    before: Option<oneshot::Receiver<Baton>>,
    pass: oneshot::Sender<Baton>,
) {
    let mut baton = match before {
        // A line that died leaves none; its death is told where tasks are joined.
        Some(before) => before.await.unwrap_or_default(),
        None => Baton::new(),
    };
    // What is lost was counted where it happened, and is not done: the end's sums will miss it.
    let _counted = match planned.act {
        Act::Sale | Act::Gift => return sell(clerk, planned, baton, pass).await,
        Act::Stock => clerk.count_stock(planned).await,
        Act::Return => give_back(clerk, planned, &mut baton).await,
        Act::Goodwill if clerk.plan.is_goods(planned) => clerk.put(planned).await,
        Act::Goodwill | Act::Charge | Act::Account => Ok(()),
    };
    // The last line of a lane has nobody after it.
    let _last = pass.send(baton);
    let _counted = match planned.act {
        Act::Goodwill | Act::Charge | Act::Account => compensate(clerk, planned).await,
        Act::Sale | Act::Gift | Act::Stock | Act::Return => Ok(()),
    };
}

async fn sell(clerk: &Clerk, planned: &Planned, mut baton: Baton, pass: oneshot::Sender<Baton>) {
    let reserved = clerk.reserve(planned).await;
    let (tell, told) = oneshot::channel();
    if planned.returned {
        baton.insert(planned.line, Sold::Coming(told));
    }
    let _last = pass.send(baton);
    let mut contract = reserved.ok();
    if let Some(one) = &mut contract
        && clerk.perform(planned, one).await.is_err()
    {
        contract = None;
    }
    // Only who gives back waits for it.
    let _nobody = tell.send(contract);
}

async fn give_back(clerk: &Clerk, planned: &Planned, baton: &mut Baton) -> Result<(), Lost> {
    let parts = clerk.plan.parts.get(&planned.line);
    let parts = parts.map(Vec::as_slice).unwrap_or_default();
    for part in parts {
        let mut contract = match baton.remove(&part.line) {
            Some(Sold::Known(contract)) => contract,
            Some(Sold::Coming(told)) => told.await.ok().flatten().ok_or(Lost)?,
            None => return Err(Lost),
        };
        clerk.give_back(planned, *part, &mut contract).await?;
        baton.insert(part.line, Sold::Known(contract));
    }
    let mut kept = clerk.tally.kept();
    match parts {
        [_] => kept.done.met_one += 1,
        _ => kept.done.met_several += 1,
    }
    Ok(())
}

async fn compensate(clerk: &Clerk, planned: &Planned) -> Result<(), Lost> {
    clerk.compensate(planned).await?;
    let mut kept = clerk.tally.kept();
    match planned.act {
        Act::Goodwill => kept.done.goodwill += 1,
        Act::Charge => kept.done.charges += 1,
        Act::Account => kept.done.accounts += 1,
        Act::Sale | Act::Gift | Act::Stock | Act::Return => {}
    }
    Ok(())
}

//! Writes a data folder, or starts on one and says what came of it: for `.ci/altered-rule`, which
//! builds this with and without a rule changed behind the back of `SEMANTICS_VERSION`, and for
//! `.ci/upgrade`, which builds it with that version and with the next.
//!
//! `altered_rule write DIR` leaves the folder as a kill would, without a snapshot of its end;
//! `altered_rule start DIR` starts, replays everything there is, prints one line, and stops;
//! `altered_rule trade DIR` starts from the newest snapshot, trades on, prints one line, and stops;
//! `altered_rule kill DIR` does the same and then leaves the folder as a kill would;
//! `altered_rule walk DIR` replays what this build can of a stopped folder, as a reconciliation
//! does. Not here: which rule is changed, what the lines are compared with.

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;

use sanjiang_engine::SEMANTICS_VERSION;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::Event;
use sanjiang_engine::recovery::replay_from;
use sanjiang_engine::runtime::{Recovered, Released, Runtime};
use sanjiang_engine::types::{Sequence, Time};
use support::{Watcher, config, flow, keeper, market, submit};

/// Orders of the flow; with both sides at few prices, many levels hold more than one.
const ORDERS: u64 = 400;

/// Submits a market where there is none, then the flow; the last command.
fn submit_all(runtime: &Runtime, watcher: &Watcher, recovered: Sequence, mut last: u64) -> u64 {
    watcher.wait(last);
    if recovered == Sequence::ZERO {
        submit(&runtime.handle(), 0, &market());
        last += market().len() as u64;
        watcher.wait(last);
    }
    for index in 0..ORDERS {
        submit(&runtime.handle(), index, &[flow(index)]);
        last += 1;
        watcher.wait(last);
    }
    last
}

fn write(folder: &Path) -> Result<String, String> {
    let (sink, watcher) = keeper(u64::MAX);
    let (mut settings, _) = config(folder);
    settings.snapshot_every_commands = u64::MAX;
    let (runtime, _) = Runtime::start(settings, sink).map_err(|error| error.to_string())?;
    let last = submit_all(&runtime, &watcher, Sequence::ZERO, 1);
    // Dropped, not stopped: no snapshot is taken at the end.
    drop(runtime);
    Ok(format!("wrote commands up to {last}"))
}

fn start(folder: &Path) -> Result<String, String> {
    let (sink, _watcher) = keeper(0);
    let (settings, _) = config(folder);
    let (runtime, recovered) = Runtime::start(settings, sink).map_err(|error| error.to_string())?;
    let stopped = runtime.stop().map_err(|error| error.to_string())?;
    Ok(format!(
        "equal at all {} points up to command {}; stopped at {}",
        recovered.compared,
        recovered.last.value(),
        stopped.last.value()
    ))
}

/// A start whose projections have everything, and more orders; what it began and came to.
fn traded(folder: &Path) -> Result<(Runtime, String), String> {
    let (sink, watcher) = keeper(u64::MAX);
    let (settings, _) = config(folder);
    let (runtime, recovered) = Runtime::start(settings, sink).map_err(|error| error.to_string())?;
    let Recovered {
        last,
        from_snapshot,
        replayed,
        ..
    } = recovered;
    // All that a start begins with is released at once.
    watcher.wait(last.value() + 1);
    let begun = watcher.released();
    let reached = last.value() + begun.len() as u64;
    let begun: Vec<_> = begun
        .iter()
        .map(|seen| format!("{:?}", seen.body))
        .collect();
    let end = submit_all(&runtime, &watcher, last, reached);
    let events = watcher.released().into_iter().flat_map(|seen| seen.events);
    let trades = events.filter(|event| matches!(event, Event::Trade(_)));
    let line = format!(
        "rules {SEMANTICS_VERSION}: from the snapshot at {}, {replayed} replayed, ended at {}; \
         began with {}; {} trades up to command {end}",
        from_snapshot.value(),
        last.value(),
        begun.join(" "),
        trades.count()
    );
    Ok((runtime, line))
}

fn trade(folder: &Path) -> Result<String, String> {
    let (runtime, line) = traded(folder)?;
    let stopped = runtime.stop().map_err(|error| error.to_string())?;
    Ok(format!(
        "{line}; stopped, snapshot at {}",
        stopped.snapshot.value()
    ))
}

fn kill(folder: &Path) -> Result<String, String> {
    let (runtime, line) = traded(folder)?;
    drop(runtime);
    Ok(format!("{line}; not stopped"))
}

fn walk(folder: &Path) -> Result<String, String> {
    let (settings, _) = config(folder);
    let mut base = Sequence::ZERO;
    let shown = (
        |engine: &Engine| base = engine.sequence(),
        |_: &Engine, _: &Released<'_>| (),
    );
    let walked = replay_from(&settings.data_dir, settings.limits, Time::ZERO, shown);
    let end = walked.map_err(|error| error.to_string())?.sequence();
    Ok(format!(
        "walked behind command {}, up to {}",
        base.value(),
        end.value()
    ))
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [word, folder] = arguments.as_slice() else {
        eprintln!("usage: altered_rule write|start|trade|kill|walk DIR");
        return ExitCode::FAILURE;
    };
    let folder = Path::new(folder);
    let said = match word.as_str() {
        "write" => write(folder),
        "start" => start(folder),
        "trade" => trade(folder),
        "kill" => kill(folder),
        "walk" => walk(folder),
        other => Err(format!(
            "{other} is none of write, start, trade, kill, walk"
        )),
    };
    match said {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(line) => {
            eprintln!("{line}");
            ExitCode::FAILURE
        }
    }
}

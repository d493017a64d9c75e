//! Writes a data folder, or starts on one and says what came of it: for `.ci/altered-rule`, which
//! builds this with and without a rule changed behind the back of `SEMANTICS_VERSION`.
//!
//! `altered_rule write DIR` leaves the folder as a kill would, without a snapshot of its end;
//! `altered_rule start DIR` starts, prints one line, and stops. Not here: which rule is changed.

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;

use sanjiang_engine::runtime::Runtime;
use support::{config, flow, keeper, market, submit};

/// Orders of the flow; with both sides at few prices, many levels hold more than one.
const ORDERS: u64 = 400;

fn write(folder: &Path) -> Result<String, String> {
    let (sink, watcher) = keeper(u64::MAX);
    let (mut settings, _) = config(folder);
    settings.snapshot_every_commands = u64::MAX;
    let (runtime, _) = Runtime::start(settings, sink).map_err(|error| error.to_string())?;
    submit(&runtime.handle(), 0, &market());
    let mut last = 1 + market().len() as u64;
    watcher.wait(last);
    for index in 0..ORDERS {
        submit(&runtime.handle(), index, &[flow(index)]);
        last += 1;
        watcher.wait(last);
    }
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

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let said = match arguments.as_slice() {
        [word, folder] if word == "write" => write(Path::new(folder)),
        [word, folder] if word == "start" => start(Path::new(folder)),
        _ => Err("usage: altered_rule write DIR | altered_rule start DIR".to_owned()),
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

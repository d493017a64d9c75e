//! The audits of the second engine while trading goes on.
//!
//! Not here: what an audit finds (`Engine::audit`'s own tests), other faults of the runtime.

#![allow(clippy::disallowed_methods)] // a test may read files

use crate::support::{config, flow, keeper, market, submit};
use sanjiang_engine::journal::memory::MemoryJournal;
use sanjiang_engine::runtime::Runtime;

/// Commands between two audits (`runtime::audits`).
const EVERY: u64 = 65_536;

#[test]
fn the_second_engine_is_audited_while_trading_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = MemoryJournal::new();
    let (config, _) = config(folder.path());
    let (sink, watcher) = keeper(u64::MAX);
    let (runtime, _) = Runtime::start_on(&config, &journal, sink).expect("started");
    let handle = runtime.handle();
    submit(&handle, 1, &market());
    let count = 2 * EVERY;
    for first in (0..count).step_by(256) {
        let some: Vec<_> = (first..first + 256).map(flow).collect();
        submit(&handle, 2 + first, &some);
    }
    watcher.wait(count);
    let stopped = runtime.stop().expect("clean");
    let audits = handle.status().audits;
    println!("{} commands, {audits} audits", stopped.last.value());
    assert!((1..=2).contains(&audits), "{audits} audits");
}

//! What happens to a folder after a start: there was no service for a while, and then all that
//! lives falls due.
//!
//! Invariant: what must happen comes from an engine of the test's own. Not here: what was before
//! the start (`judge`).

use std::sync::mpsc::channel;

use sanjiang_engine::command::{Body, Command, Sequenced, ServiceGap};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Event, Events};
use sanjiang_engine::runtime::{Handle, ManualTimeSource, TimeSource as _};
use sanjiang_engine::types::{Nanoseconds, Sequence, Time};

use crate::support::{BEGIN, PATIENCE, Seen, Watcher, internal, limits};

/// When every start takes place: later than the folder's last command, so that the shard was down
/// between, and deadlines that fell into that are put off.
pub const START: Nanoseconds = Nanoseconds(3 * 3_600 * 1_000_000_000);
/// How long it runs after that: past every right of return, and, put off and with what follows
/// them, past every deadline.
pub const LATER: [Nanoseconds; 2] = [
    Nanoseconds(9 * 24 * 3_600 * 1_000_000_000),
    Nanoseconds(31 * 24 * 3_600 * 1_000_000_000),
];
/// The most ticks that come of it; one that never ends what it fires would go on for ever.
const TICKS_MAX: usize = 1_000;

/// A command with what it gave.
pub type Given = (Sequence, Time, Body, Vec<Event>);

/// All that a start after `commands` brings, until everything that lives has fallen due.
pub fn follows(commands: &[Sequenced<Command>]) -> (Vec<Given>, Engine) {
    let mut engine = Engine::new(limits());
    let mut events = Events::default();
    for command in commands {
        events.clear();
        engine.apply(command, &mut events);
    }
    let mut given = Vec::new();
    let start = BEGIN.after(START);
    let from = engine.time();
    put(
        &mut engine,
        start,
        Body::ServiceGap(ServiceGap { from }),
        &mut given,
    );
    tick_until(&mut engine, start, &mut given);
    put(&mut engine, start, Body::SessionsLost, &mut given);
    tick_until(&mut engine, start, &mut given);
    let mut now = start;
    for span in LATER {
        now = now.after(span);
        tick_until(&mut engine, now, &mut given);
    }
    (given, engine)
}

fn tick_until(engine: &mut Engine, now: Time, given: &mut Vec<Given>) {
    while engine.next_deadline().is_some_and(|due| due <= now) {
        assert!(given.len() < TICKS_MAX, "ticks without an end");
        put(engine, now, Body::Tick, given);
    }
}

fn put(engine: &mut Engine, time: Time, body: Body, given: &mut Vec<Given>) {
    let command = Sequenced {
        sequence: engine.sequence().next(),
        time,
        value: internal(body.clone()),
    };
    let mut events = Events::default();
    engine.apply(&command, &mut events);
    given.push((command.sequence, time, body, events.as_slice().to_vec()));
}

/// The same of what a sink was given.
pub fn given(seen: &[Seen]) -> Vec<Given> {
    let one = |seen: &Seen| {
        (
            seen.sequence,
            seen.time,
            seen.body.clone(),
            seen.events.clone(),
        )
    };
    seen.iter().map(one).collect()
}

/// Waits until nothing is due any more and all of it is released; gives the last command.
pub fn settle(handle: &Handle, source: &ManualTimeSource, watcher: &Watcher) -> Sequence {
    let now = source.wall();
    loop {
        let (tell, hear) = channel();
        let look = move |engine: &Engine| {
            // Fails only if the test has ended.
            let _ = tell.send((engine.sequence(), engine.next_deadline()));
        };
        handle.look(Box::new(look)).expect("there is room");
        let (last, due) = hear
            .recv_timeout(PATIENCE)
            .expect("the engine thread looks");
        if due.is_none_or(|due| due > now) {
            watcher.wait(last.value());
            return last;
        }
        std::thread::yield_now();
    }
}

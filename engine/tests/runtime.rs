//! The runtime on a journal in memory: what is released, in which order, and what a fault does.
//!
//! Not here: the disk (`durability`), the rules of trading.

mod support;

use sanjiang_engine::command::Body;
use sanjiang_engine::journal::memory::MemoryJournal;
use sanjiang_engine::runtime::{Runtime, Ticket};
use sanjiang_engine::types::Sequence;
use support::{config, flow, keeper, market, submit};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn everything_submitted_is_released_once_and_in_order_and_comes_back_after_a_restart() {
    let folder = folder();
    let journal = MemoryJournal::new();
    let (config_one, _) = config(folder.path());
    let (sink, watcher) = keeper(u64::MAX);
    let (runtime, recovered) = Runtime::start_on(&config_one, &journal, sink).expect("started");
    assert_eq!(recovered.last, Sequence::ZERO);
    let handle = runtime.handle();
    submit(&handle, 1, &market());
    for index in 0..500 {
        let four: Vec<_> = (0..4).map(|at| flow(index * 4 + at)).collect();
        submit(&handle, 100 + index, &four);
    }
    let stopped = runtime.stop().expect("clean");
    let count = 1 + market().len() as u64 + 2_000;
    assert_eq!(stopped.last.value(), count);
    assert_eq!(stopped.snapshot.value(), count);
    let released = watcher.released();
    let sequences: Vec<_> = released.iter().map(|seen| seen.sequence.value()).collect();
    assert_eq!(sequences, (1..=count).collect::<Vec<_>>());
    assert_eq!(released[0].body, Body::SemanticsVersion(1));
    assert_eq!(released[0].ticket, None);
    let tickets: Vec<_> = released[1..].iter().map(|seen| seen.ticket).collect();
    let expected = std::iter::repeat_n(1, market().len());
    let expected = expected.chain((0..500).flat_map(|index| [100 + index; 4]));
    assert_eq!(
        tickets,
        expected.map(|n| Some(Ticket(n))).collect::<Vec<_>>()
    );

    let (config_two, _) = config(folder.path());
    let (sink, watcher) = keeper(0);
    let (runtime, recovered) = Runtime::start_on(&config_two, &journal, sink).expect("started");
    assert_eq!(recovered.last.value(), count);
    assert_eq!(
        recovered.from_snapshot,
        Sequence::ZERO,
        "the sink wants all of it"
    );
    assert_eq!(recovered.replayed, count);
    watcher.wait(count + 1);
    let record = watcher.record.lock().expect("whole");
    let without_tickets = |mut seen: support::Seen| {
        seen.ticket = None;
        seen
    };
    let expected: Vec<_> = released.into_iter().map(without_tickets).collect();
    assert_eq!(record.replayed, expected);
    assert_eq!(record.recovered, [(Sequence::new(count), 1)]);
    assert_eq!(record.released[0].body, Body::SessionsLost);
    drop(record);
    runtime.stop().expect("clean");
}

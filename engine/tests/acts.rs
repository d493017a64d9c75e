//! The acts of an operator in the journal: a new epoch with the loss it accepts, and quarantine.
//!
//! The random tests of the model and of `operations` do not write them: they come from tools on a
//! stopped folder, and what they may follow is a rule of the journal, not of trading. Not here:
//! the tools (`offline`), damage.

#![allow(clippy::disallowed_methods)] // a test may read files

use crate::support::{BEGIN, Watcher, config, flow, internal, keeper, limits, market, name};
use sanjiang_engine::command::{
    BeginEpoch, Body, Command, EpochCause, OpenSession, Quarantine, Sequenced,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Event, Events};
use sanjiang_engine::journal::Journal as _;
use sanjiang_engine::journal::codec;
use sanjiang_engine::journal::head::{HeadFile, Mark};
use sanjiang_engine::journal::memory::MemoryJournal;
use sanjiang_engine::journal::record::{self, Chain, Header};
use sanjiang_engine::recovery::{Origin, quarantined, survey};
use sanjiang_engine::runtime::{Recovered, Runtime, StartError};
use sanjiang_engine::types::{Nanoseconds, Sequence};

/// Writes a journal record by record, as the runtime would have.
struct Writer {
    engine: Engine,
    journal: MemoryJournal,
    previous: Chain,
    epoch: u32,
    skipped: Vec<u64>,
}

impl Writer {
    /// A journal with the market and some orders; a record each.
    fn new(orders: u64) -> Self {
        let mut writer = Self {
            engine: Engine::new(limits()),
            journal: MemoryJournal::new(),
            previous: Chain::GENESIS,
            epoch: 1,
            skipped: Vec::new(),
        };
        writer.add(internal(Body::SemanticsVersion(
            sanjiang_engine::SEMANTICS_VERSION,
        )));
        for command in market().into_iter().chain((0..orders).map(flow)) {
            writer.add(command);
        }
        writer
    }

    fn at(&self) -> Sequence {
        self.engine.sequence()
    }

    fn add(&mut self, command: Command) {
        let next = self.at().next();
        self.put(next, vec![command]);
    }

    /// One record that begins at `first`.
    fn put(&mut self, first: Sequence, commands: Vec<Command>) {
        let (mut bytes, mut events) = (Vec::new(), Events::default());
        record::begin(&mut bytes);
        let (base_time, count) = (self.engine.time(), commands.len() as u32);
        let mut sequence = first;
        for value in commands {
            let time = BEGIN.after(Nanoseconds(sequence.value() as i64 * 1_000));
            let command = Sequenced {
                sequence,
                time,
                value,
            };
            codec::encode(&mut bytes, self.engine.time(), &command);
            if self.skipped.contains(&sequence.value()) {
                self.engine.skip(&command, &mut events);
            } else {
                self.engine.apply(&command, &mut events);
            }
            sequence = sequence.next();
        }
        let header = Header {
            shard: 0,
            epoch: self.epoch,
            count,
            first,
            base_time,
            events_at: self.at(),
            events_hash: self.engine.event_hash().0,
            previous: self.previous,
        };
        self.previous = record::seal(&header, &mut bytes);
        self.journal.append(first, &bytes).expect("in memory");
    }

    fn mark(&self) -> Mark {
        Mark {
            shard: 0,
            epoch: self.epoch,
            sequence: self.at(),
            chain: self.previous,
        }
    }

    /// Starts on a copy of the journal under this mark.
    fn start(&self, mark: &Mark) -> Result<(Recovered, Watcher), StartError> {
        let folder = tempfile::tempdir().expect("a folder");
        HeadFile::create(&folder.path().join("head"), mark).expect("made");
        let (sink, watcher) = keeper(0);
        let copy = MemoryJournal::new();
        for stored in self.journal.read_from(Sequence::ZERO).expect("in memory") {
            let (first, bytes) = stored.expect("in memory");
            copy.append(first, &bytes).expect("in memory");
        }
        let started = Runtime::start_on(&config(folder.path()).0, &copy, sink);
        let (runtime, recovered) = started?;
        watcher.wait(recovered.last.value() + 1);
        runtime.stop().expect("clean");
        Ok((recovered, watcher))
    }
}

fn begin(epoch: u32, lost: Option<(u64, u64)>) -> BeginEpoch {
    BeginEpoch {
        epoch,
        cause: EpochCause::AcceptedLoss,
        lost: lost.map(|(first, last)| (Sequence::new(first), Sequence::new(last))),
    }
}

#[test]
fn an_epoch_goes_on_above_exactly_what_it_says_is_lost() {
    let mut writer = Writer::new(20);
    let end = writer.at().value();
    let old = writer.mark();
    let lost = begin(2, Some((end + 1, end + 30)));
    writer.epoch = 2;
    writer.put(
        Sequence::new(end + 31),
        vec![internal(Body::BeginEpoch(lost)), flow(77)],
    );
    writer.engine.audit().expect("sound");
    // The mark before the act (a crash came before the new one) and the mark after it; the old one
    // may lie in what is lost.
    let inside = Mark {
        sequence: Sequence::new(end + 12),
        chain: Chain([9; 32]),
        ..old
    };
    for mark in [old, inside, writer.mark()] {
        let (recovered, watcher) = writer.start(&mark).expect("accepted");
        assert_eq!((recovered.epoch, recovered.last.value()), (2, end + 32));
        let record = watcher.record.lock().expect("whole");
        let seen = record
            .replayed
            .iter()
            .find(|seen| seen.sequence.value() == end + 31);
        let events = &seen.expect("replayed").events;
        assert_eq!(events[0], Event::EpochBegan(lost));
        assert_eq!(record.released[0].sequence.value(), end + 33);
        assert_eq!(record.recovered[0].1, 2, "the sink is told the new epoch");
    }
}

#[test]
fn an_epoch_may_begin_after_a_whole_history() {
    let mut writer = Writer::new(5);
    writer.epoch = 7;
    writer.add(internal(Body::BeginEpoch(begin(7, None))));
    let (recovered, _) = writer.start(&writer.mark()).expect("accepted");
    assert_eq!(recovered.epoch, 7);
}

#[test]
fn everything_may_be_lost() {
    let mut writer = Writer::new(0);
    writer.engine = Engine::new(limits());
    writer.journal = MemoryJournal::new();
    (writer.previous, writer.epoch) = (Chain::GENESIS, 2);
    let lost = begin(2, Some((1, 500)));
    writer.put(Sequence::new(501), vec![internal(Body::BeginEpoch(lost))]);
    let (recovered, watcher) = writer.start(&writer.mark()).expect("accepted");
    assert_eq!(recovered.last.value(), 501);
    assert_eq!(
        watcher.released()[0].body,
        Body::SemanticsVersion(sanjiang_engine::SEMANTICS_VERSION)
    );
}

/// A record after 30 orders with this header's epoch and first sequence.
fn after_thirty(first: u64, epoch: u32, bodies: Vec<Body>) -> Result<(), StartError> {
    let mut writer = Writer::new(21);
    assert_eq!(writer.at().value(), 30);
    let mark = writer.mark();
    let mut bytes = Vec::new();
    record::begin(&mut bytes);
    let time = writer.engine.time();
    let mut sequence = Sequence::new(first);
    let count = bodies.len() as u32;
    for body in bodies {
        let value = internal(body);
        codec::encode(
            &mut bytes,
            time,
            &Sequenced {
                sequence,
                time,
                value,
            },
        );
        sequence = sequence.next();
    }
    let header = Header {
        shard: 0,
        epoch,
        count,
        first: Sequence::new(first),
        base_time: time,
        events_at: Sequence::new(first - 1),
        events_hash: 0,
        previous: writer.previous,
    };
    record::seal(&header, &mut bytes);
    writer
        .journal
        .append(header.first, &bytes)
        .expect("in memory");
    writer.epoch = epoch;
    survey(&writer.journal, Origin::BEGIN, &mark, |_| ()).map(|_| ())
}

#[test]
fn no_other_jump_and_no_other_epoch_is_accepted() {
    let begins = |epoch, lost| vec![Body::BeginEpoch(begin(epoch, lost))];
    after_thirty(41, 2, begins(2, Some((31, 40)))).expect("the rule itself");
    let refused = [
        ("a jump without the act", 41, 1, vec![Body::Tick]),
        ("an epoch without the act", 31, 2, vec![Body::Tick]),
        ("both without the act", 41, 2, vec![Body::Tick]),
        ("less said than lost", 41, 2, begins(2, Some((31, 39)))),
        ("more said than lost", 41, 2, begins(2, Some((31, 41)))),
        ("a loss of what is there", 41, 2, begins(2, Some((30, 40)))),
        ("a jump with no loss said", 41, 2, begins(2, None)),
        ("a loss upside down", 31, 2, begins(2, Some((31, 30)))),
        (
            "another epoch than the record's",
            41,
            2,
            begins(3, Some((31, 40))),
        ),
        (
            "an epoch that is not raised",
            41,
            1,
            begins(1, Some((31, 40))),
        ),
        (
            "the act as the second command",
            31,
            2,
            vec![Body::Tick, Body::BeginEpoch(begin(2, None))],
        ),
    ];
    let mut count = 0;
    for (what, first, epoch, bodies) in refused {
        let error = after_thirty(first, epoch, bodies).expect_err(what);
        assert!(
            matches!(error, StartError::Damaged { .. }),
            "{what}: {error}"
        );
        count += 1;
    }
    println!("acts: {count} forged epochs, all refused");
}

#[test]
fn a_quarantined_command_is_passed_over_and_later_hashes_are_compared_again() {
    let mut writer = Writer::new(30);
    let poisoned = writer.at().value();
    for index in 0..10 {
        writer.add(flow(1_000 + index));
    }
    let mut skipped = Writer {
        skipped: vec![poisoned],
        ..Writer::new(0)
    };
    for index in 0..30 {
        skipped.add(flow(index));
    }
    for index in 0..10 {
        skipped.add(flow(1_000 + index));
    }
    assert_ne!(skipped.engine.state_hash(), writer.engine.state_hash());
    // The record of the act carries the hash of a run that passed the command over.
    writer.engine = skipped.engine;
    let sequence = Sequence::new(poisoned);
    writer.add(internal(Body::Quarantine(Quarantine { sequence })));
    writer.add(flow(5));
    writer.engine.audit().expect("sound");
    let state = writer.engine.state_hash();
    let all = quarantined(writer.journal.read_from(Sequence::ZERO).expect("in memory"));
    let act = Sequence::new(poisoned + 11);
    assert_eq!(
        all.expect("readable").into_iter().collect::<Vec<_>>(),
        [(sequence, act)]
    );
    let (recovered, watcher) = writer.start(&writer.mark()).expect("replayed");
    assert_eq!(recovered.epoch, 1, "quarantine keeps the epoch");
    // 39 records before the command, then silence, then the act and the order after it.
    assert_eq!((poisoned, recovered.compared), (39, 38 + 2));
    let record = watcher.record.lock().expect("whole");
    assert_eq!(record.recovered[0].2, state);
    let seen = &record.replayed[poisoned as usize - 1];
    assert_eq!(seen.events, [Event::Quarantined(Quarantine { sequence })]);
}

#[test]
fn without_the_act_the_same_journal_parts_and_a_wrong_hash_after_it_is_seen() {
    let mut writer = Writer::new(30);
    let sequence = writer.at();
    writer.add(flow(3));
    // The act says the command is passed over, but its hash is of a run that applied it.
    writer.add(internal(Body::Quarantine(Quarantine { sequence })));
    let error = writer.start(&writer.mark()).err().expect("refused");
    let parted = Sequence::new(sequence.value() + 2);
    assert!(
        matches!(error, StartError::Divergence { parted: at, .. } if at == parted),
        "{error}"
    );
}

#[test]
fn a_quarantined_command_of_a_session_uses_up_its_number() {
    use sanjiang_engine::command::Identity;
    use sanjiang_engine::types::SessionId;
    let numbered = |index, client_sequence| {
        let mut command = flow(index);
        let session = SessionId::new(0);
        command.envelope.identity = Identity::Session {
            session,
            client_sequence,
        };
        command
    };
    let mut writer = Writer::new(0);
    writer.add(internal(Body::OpenSession(OpenSession {
        name: name("terminal"),
        last_client_sequence: 0,
    })));
    writer.skipped = vec![writer.at().value() + 1];
    writer.add(numbered(0, 1));
    let mut events = Events::default();
    let command = Sequenced {
        sequence: writer.at().next(),
        time: writer.engine.time(),
        value: numbered(2, 2),
    };
    writer.engine.apply(&command, &mut events);
    assert!(
        matches!(events.as_slice()[0], Event::Report(report) if report.reject.is_none()),
        "{:?}",
        events.as_slice()
    );
}

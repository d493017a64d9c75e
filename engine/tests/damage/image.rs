//! Folders to be damaged, and all that is known of them: every record, every command with what it
//! gave, and the hash of all state at the end of each record.
//!
//! Invariant: what is known comes from the live run and from an engine of the test's own, never
//! from a recovery. Not here: the damage (`hurt`), the verdict (`judge`).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sanjiang_engine::command::{Authority, Command, Sequenced};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::Events;
use sanjiang_engine::journal::head::{self, Mark};
use sanjiang_engine::journal::record;
use sanjiang_engine::recovery::open_folder;
use sanjiang_engine::runtime::{ManualTimeSource, Runtime, TimeSource as _};
use sanjiang_engine::state_hash::StateHash;
use sanjiang_engine::types::{Nanoseconds, Sequence};
use sanjiang_engine::venue::TradingStatus;

use super::database;
use super::later::settle;
use super::money;
use super::shop_cover;
use super::shops::{self, Pace, Shops};
use crate::support::books::Books;
use crate::support::{Seen, Watcher, config, keeper, limits, market, submit};

/// Rounds of short commands: each leaves a segment and a snapshot.
const SMALL_ROUNDS: u64 = 5;
/// Rounds of long ones after them, so that the log which is used again at the end is large.
const LARGE_ROUNDS: u64 = 2;
const LARGE_BATCHES: u64 = 25;
const SMALL_BATCHES: u64 = 4;
/// Orders, and money and goods, of a batch; a quarter as many commands of shops follow them.
const BATCH_COMMANDS: u64 = 80;
/// After this round the shops are halted, until the next one has begun: what falls due meanwhile is
/// put off.
const HALTED_ROUND: u64 = 5;
/// The record after the newest snapshot before which some minutes pass, and how many: deadlines
/// fire, but no snapshot is due.
const MINUTES_BEFORE: u64 = 8;
const MINUTES: Nanoseconds = Nanoseconds(6 * 60_000_000_000);
/// Records after the newest snapshot of the folder that was killed.
const TAIL_RECORDS: u64 = 24;

/// How the process that wrote the folder ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// By a clean stop: a snapshot at the end.
    Stopped,
    /// By a kill: records after the newest snapshot, in a log that was used before.
    Killed,
}

/// A folder, whole.
pub struct Image {
    pub end: End,
    pub folder: tempfile::TempDir,
    /// Every file by its name inside the folder.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// Where the records that the journal itself holds begin; those before are in the archive.
    pub held: usize,
    /// Every record by its first command.
    pub records: Vec<(Sequence, Vec<u8>)>,
    pub commands: Vec<Sequenced<Command>>,
    /// What the live run released.
    pub released: Vec<Seen>,
    /// The last command acknowledged.
    pub acknowledged: Sequence,
    /// The hash of all state at the end of each record.
    pub states: BTreeMap<Sequence, StateHash>,
    /// Money and goods at the end of each record.
    pub books: BTreeMap<Sequence, Books>,
    /// The bytes of `head` before each of the last records was marked, newest last.
    pub heads: Vec<(Sequence, Vec<u8>)>,
    /// The files of the folder when only the short rounds were in it.
    pub early: BTreeMap<PathBuf, Vec<u8>>,
}

/// A running shard that is made to grow.
struct Growing {
    runtime: Runtime,
    watcher: Watcher,
    source: Arc<ManualTimeSource>,
    last: u64,
    batches: u64,
    /// What the real bank was told to hand out and has not answered.
    asked: Option<Sequence>,
    shops: Shops,
    /// How much of what was released the shops know.
    known: usize,
}

impl Growing {
    fn batch(&mut self, commands: &[Command]) {
        self.batches += 1;
        submit(&self.runtime.handle(), self.batches, commands);
        self.settle();
    }

    /// Waits until all that was asked, and all ticks that are due, were released.
    fn settle(&mut self) {
        let last = settle(&self.runtime.handle(), &self.source, &self.watcher);
        self.last = last.value();
        let record = self.watcher.record.lock().expect("whole");
        self.shops.learn(&record.released[self.known..]);
        self.known = record.released.len();
    }

    fn flow(&mut self, count: u64, reason: &str, pace: Pace) {
        let index = self.batches * 1_000;
        let first = Sequence::new(self.last + 1);
        let mut commands = money::batch((self.batches, index, count), first, &mut self.asked);
        let now = self.source.wall();
        commands.extend(self.shops.commands(now, 1 + count / 4, pace));
        let commands: Vec<_> = commands.into_iter().map(|one| told(one, reason)).collect();
        self.batch(&commands);
    }

    /// Waits until the second engine has caught up, so that a snapshot lies at the end.
    fn caught_up(&self) {
        while self.runtime.handle().status().shadow.value() < self.last {
            std::thread::yield_now();
        }
    }
}

fn told(mut command: Command, reason: &str) -> Command {
    if !reason.is_empty() {
        let before = command.envelope.authority.as_ref();
        command.envelope.authority = Some(Box::new(Authority {
            on_behalf_of: None,
            reason: reason.to_owned(),
            approver: before.and_then(|authority| authority.approver),
        }));
    }
    command
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("there") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("known").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Every file below `folder`, by its name inside it. Of a running shard a file may go between its
/// name and its bytes (a finished archive file is renamed, say); then all is read again.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    type Found = BTreeMap<PathBuf, Vec<u8>>;
    fn collect(root: &Path, folder: &Path, found: &mut Found) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                collect(root, &path, found)?;
            } else {
                let name = path.strip_prefix(root).expect("below the root").to_owned();
                found.insert(name, fs::read(&path)?);
            }
        }
        Ok(())
    }
    loop {
        let mut found = Found::new();
        match collect(folder, folder, &mut found) {
            Ok(()) => return found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => panic!("{}: {error}", folder.display()),
        }
    }
}

impl Image {
    /// Runs a shard and leaves its folder as `end` says.
    pub fn make(end: End) -> Self {
        let live = tempfile::tempdir().expect("a folder");
        let (sink, watcher) = keeper(u64::MAX);
        let (mut config, source) = config(live.path());
        config.snapshot_every_commands = u64::MAX;
        let every = config.snapshot_every;
        let (runtime, _) = Runtime::start(config, sink).expect("started");
        let mut growing = Growing {
            runtime,
            watcher,
            source: Arc::clone(&source),
            last: 1,
            batches: 0,
            asked: None,
            shops: Shops::new(6_000),
            known: 0,
        };
        growing.batch(&market());
        growing.batch(&money::founding(Sequence::new(growing.last + 1)));
        growing.batch(&shops::founding(Sequence::new(growing.last + 1)));
        let reason = "r".repeat(Authority::REASON_BYTES_MAX);
        let mut early = BTreeMap::new();
        for round in 0..LARGE_ROUNDS + SMALL_ROUNDS {
            let large = round >= SMALL_ROUNDS;
            let batches = if large { LARGE_BATCHES } else { SMALL_BATCHES };
            if round == HALTED_ROUND + 1 {
                growing.batch(&[Shops::halt(TradingStatus::Trading)]);
            }
            for _ in 0..batches {
                growing.flow(
                    BATCH_COMMANDS,
                    if large { &reason } else { "" },
                    Pace::Lively,
                );
            }
            if round == HALTED_ROUND {
                growing.batch(&[Shops::halt(TradingStatus::Halted)]);
            }
            growing.caught_up();
            source.run(Nanoseconds(every.as_nanos() as i64));
            while growing.runtime.handle().status().snapshots <= round {
                std::thread::yield_now();
            }
            growing.settle();
            if round + 1 == SMALL_ROUNDS {
                early = files(live.path());
            }
        }
        let mut heads = Vec::new();
        for index in 0..TAIL_RECORDS {
            let head = fs::read(live.path().join("head")).expect("readable");
            heads.push((Sequence::new(growing.last), head));
            let minutes = index == MINUTES_BEFORE;
            source.run(if minutes { MINUTES } else { Nanoseconds(1_000) });
            let reason = if index % 5 == 0 { "a reason" } else { "" };
            growing.flow(1 + index % 7, reason, Pace::Calm);
        }
        let image = Self {
            heads,
            early,
            ..Self::left(end, live, growing)
        };
        shop_cover::covers(&image);
        image
    }

    fn left(end: End, live: tempfile::TempDir, growing: Growing) -> Self {
        let Growing {
            runtime, watcher, ..
        } = growing;
        let folder = match end {
            End::Killed => {
                let killed = tempfile::tempdir().expect("a folder");
                copy(live.path(), killed.path());
                drop(runtime);
                killed
            }
            End::Stopped => {
                runtime.stop().expect("clean");
                live
            }
        };
        let mark = head::read(&folder.path().join("head")).expect("readable");
        let mark: Mark = mark.expect("there");
        let exported: Vec<_> = {
            let exhibit = open_folder(folder.path(), None).expect("readable");
            let all = exhibit.export().expect("readable");
            all.map(|record| record.expect("whole")).collect()
        };
        let commands: Vec<_> = exported
            .iter()
            .flat_map(|one| one.commands.clone())
            .collect();
        let records: Vec<_> = exported
            .into_iter()
            .map(|one| (one.header.first, one.bytes))
            .collect();
        let released = watcher.released();
        let held = database::count(folder.path());
        let (states, books) = states(&records, &commands, &released);
        let image = Self {
            end,
            files: files(folder.path()),
            held: records.len() - held,
            folder,
            states,
            books,
            records,
            commands,
            acknowledged: mark.sequence,
            released,
            heads: Vec::new(),
            early: BTreeMap::new(),
        };
        assert_eq!(
            image.released.last().map(|seen| seen.sequence),
            Some(image.acknowledged),
            "all that was released is marked"
        );
        money::covers(&image);
        image
    }

    /// The end of the log that holds the last record: its file, and where the record begins and
    /// ends in it. None if a clean stop has moved it into a table.
    pub fn logical_end(&self) -> Option<(PathBuf, std::ops::Range<usize>)> {
        let (_, bytes) = self.records.last().expect("not empty");
        self.in_log(bytes)
    }

    /// The log that holds a record and the place of it there.
    pub fn in_log(&self, bytes: &[u8]) -> Option<(PathBuf, std::ops::Range<usize>)> {
        let front = &bytes[..record::HEADER_BYTES];
        let logs = self
            .files
            .iter()
            .filter(|(name, _)| name.extension().is_some_and(|extension| extension == "log"));
        logs.rev().find_map(|(name, content)| {
            let at = content
                .windows(front.len())
                .position(|part| part == front)?;
            Some((name.clone(), at..at + bytes.len()))
        })
    }
}

type AtEnds = (BTreeMap<Sequence, StateHash>, BTreeMap<Sequence, Books>);

/// An engine of our own over the commands: its events are those released live, and its state at
/// the end of each record is what a recovery must come to.
fn states(
    records: &[(Sequence, Vec<u8>)],
    commands: &[Sequenced<Command>],
    released: &[Seen],
) -> AtEnds {
    let mut engine = Engine::new(limits());
    let mut ends = Vec::new();
    for (_, bytes) in records {
        let (header, _) = record::open(bytes).expect("a record");
        ends.push(header.last());
    }
    let (mut states, mut all_books) = AtEnds::default();
    let mut next = ends.iter().peekable();
    assert_eq!(commands.len(), released.len(), "every command was released");
    for (command, seen) in commands.iter().zip(released) {
        let mut events = Events::default();
        engine.apply(command, &mut events);
        assert_eq!(command.sequence, seen.sequence);
        assert_eq!(events.as_slice(), seen.events, "what was released");
        if next.peek() == Some(&&command.sequence) {
            next.next();
            let books = Books::of(&engine);
            assert_eq!(books.audit, Ok(()), "at {}", command.sequence.value());
            states.insert(command.sequence, engine.state_hash());
            all_books.insert(command.sequence, books);
        }
    }
    (states, all_books)
}

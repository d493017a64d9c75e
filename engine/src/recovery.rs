//! Reading a journal without changing it: the walk along its chain that every start begins with,
//! and the tools `verify` and `export`.
//!
//! Invariant: nothing here opens a file for writing. A walk accepts a record only if it follows
//! the one before it; below the head mark nothing may be missing, and above it only a last part
//! that cannot be read may be cut, since nobody was told of it. Not here: applying commands
//! (`runtime::replayer`), the journal's own format (`journal::record`).

use std::path::Path;

use crate::command::{Command, Sequenced};
use crate::journal::folder::{Layout, Lock, LockError};
use crate::journal::head::{self, Mark};
use crate::journal::record::{self, Chain, Header};
use crate::journal::{Journal, JournalError, Store, Stored};
use crate::runtime::{MissingRange, ReplayError, StartError, decode_commands};
use crate::snapshot;
use crate::types::Sequence;

/// Where a walk begins: after the last record whose commands are already known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The last command known.
    pub at: Sequence,
    /// The hash of the record it was the last one of.
    pub chain: Chain,
    /// The epoch of that record.
    pub epoch: u32,
}

impl Origin {
    /// Before everything.
    pub const BEGIN: Self = Self {
        at: Sequence::ZERO,
        chain: Chain::GENESIS,
        epoch: 0,
    };
}

/// What is wrong with a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// Its bytes are not a record, or stand under another command's key.
    Unreadable(String),
    /// Commands before it are missing.
    Gap(MissingRange),
    /// It does not follow the record before it: the text says how.
    Link(String),
}

/// A walk along the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Walk {
    shard: u32,
    origin: Origin,
}

impl Walk {
    /// Looks at the next record; if it can be read, the walk goes on after it.
    fn step(&mut self, key: Sequence, bytes: &[u8]) -> Result<Header, Finding> {
        let (header, _) =
            record::open(bytes).map_err(|error| Finding::Unreadable(error.to_string()))?;
        if header.first != key {
            let said = format!("it says it begins at {}", header.first.value());
            return Err(Finding::Unreadable(said));
        }
        let before = self.origin;
        self.origin = Origin {
            at: header.last(),
            chain: Chain::of(bytes),
            epoch: header.epoch,
        };
        let expected = before.at.next();
        let link = |what: String| Err(Finding::Link(what));
        if header.first > expected {
            Err(Finding::Gap(MissingRange {
                first: expected,
                last: Sequence::new(header.first.value() - 1),
            }))
        } else if header.first < expected {
            link(format!(
                "the record at {} overlaps the one before it",
                key.value()
            ))
        } else if header.shard != self.shard {
            link(format!("it is of shard {}", header.shard))
        } else if header.previous != before.chain {
            link("the hash of the record before it differs".to_owned())
        } else if header.epoch < before.epoch {
            link(format!("epoch {} after {}", header.epoch, before.epoch))
        } else {
            Ok(header)
        }
    }
}

/// What the walk of a start found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survey {
    /// The last command of the last whole record.
    pub end: Origin,
    /// The key of that record, if the walk saw one.
    pub last_record: Option<Sequence>,
    /// Keys of records at the end that cannot be read and that nobody was told of.
    pub cut: Vec<Sequence>,
}

/// Walks from `origin` to the end and compares with the head mark. Called with the last command of
/// each record, for progress.
pub fn survey(
    journal: &dyn Journal,
    origin: Origin,
    mark: &Mark,
    mut progress: impl FnMut(Sequence),
) -> Result<Survey, StartError> {
    let mut walk = Walk {
        shard: mark.shard,
        origin,
    };
    let mut found = Survey {
        end: origin,
        last_record: None,
        cut: Vec::new(),
    };
    let mut unreadable: Option<(Sequence, String)> = None;
    for stored in journal
        .read_from(origin.at.next())
        .map_err(|error| reading(&error))?
    {
        let (key, bytes) = stored.map_err(|error| reading(&error))?;
        if belongs_before(origin, key, &bytes) {
            continue;
        }
        let after = walk.origin.at;
        let step = walk.step(key, &bytes);
        match (step, &unreadable) {
            (Ok(header), None) => {
                check_mark(&header, walk.origin.chain, mark)?;
                found.last_record = Some(key);
                progress(header.last());
            }
            (Err(Finding::Unreadable(said)), _) => {
                found.cut.push(key);
                unreadable.get_or_insert((key, said));
            }
            // A record that can be read stands after one that cannot: not a torn end.
            (_, Some((key, said))) => return Err(unreadable_at(*key, said, mark)),
            (Err(Finding::Gap(missing)), None) => return Err(gap(missing, mark)),
            (Err(Finding::Link(found)), None) => return Err(StartError::Damaged { after, found }),
        }
    }
    found.end = walk.origin;
    if found.end.at < mark.sequence {
        let missing = MissingRange {
            first: found.end.at.next(),
            last: mark.sequence,
        };
        let said = match &unreadable {
            Some((_, said)) => said.clone(),
            None => format!("the journal ends at command {}", found.end.at.value()),
        };
        return Err(StartError::Missing {
            missing,
            head_mark: mark.sequence,
            found: said,
        });
    }
    Ok(found)
}

/// Whether a record lies wholly before the walk (the reader gives the one that holds the origin).
fn belongs_before(origin: Origin, key: Sequence, bytes: &[u8]) -> bool {
    key <= origin.at && record::open(bytes).map_or(true, |(header, _)| header.last() <= origin.at)
}

/// The record in which the mark lies must be the one the mark names.
fn check_mark(header: &Header, chain: Chain, mark: &Mark) -> Result<(), StartError> {
    let holds_mark = header.first <= mark.sequence && mark.sequence <= header.last();
    if !holds_mark || header.last() == mark.sequence && chain == mark.chain {
        return Ok(());
    }
    Err(StartError::Damaged {
        after: Sequence::new(header.first.value() - 1),
        found: format!(
            "the record at {} is not the one the head mark names",
            header.first.value()
        ),
    })
}

fn gap(missing: MissingRange, mark: &Mark) -> StartError {
    let found = format!(
        "the journal goes on at command {}",
        missing.last.next().value()
    );
    if missing.first > mark.sequence {
        let after = Sequence::new(missing.first.value() - 1);
        let found = format!("commands {missing} are missing; {found}");
        return StartError::Damaged { after, found };
    }
    StartError::Missing {
        missing,
        head_mark: mark.sequence,
        found,
    }
}

fn unreadable_at(key: Sequence, said: &str, mark: &Mark) -> StartError {
    StartError::Damaged {
        after: Sequence::new(key.value().saturating_sub(1)),
        found: format!(
            "the record at {} cannot be read ({said}) and is not the last one (head mark {})",
            key.value(),
            mark.sequence.value()
        ),
    }
}

pub(crate) fn reading(error: &JournalError) -> StartError {
    StartError::Damaged {
        after: Sequence::ZERO,
        found: error.to_string(),
    }
}

/// What `verify` found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The first command in the journal; zero when it is empty.
    pub first_sequence: Sequence,
    /// The last command of the last record that can be read; zero when there is none.
    pub last_sequence: Sequence,
    /// The head mark; none when it is missing or cannot be read.
    pub head_mark_sequence: Option<Sequence>,
    /// Whether every record follows the one before it and is the one the mark names.
    pub chain_ok: bool,
    /// Commands that should be there and are not, in order.
    pub missing: Vec<MissingRange>,
    /// What else is wrong, in words.
    pub faults: Vec<String>,
    /// Records that can be read.
    pub records: u64,
    /// Commands in them.
    pub commands: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// The shard.
    pub shard: u32,
    /// The epoch of the last record.
    pub epoch: u32,
    /// The snapshots, newest first, each with its fault if it has one.
    pub snapshots: Vec<(Sequence, Option<String>)>,
}

impl Report {
    /// Whether a start on this folder finds every acknowledged command.
    pub fn is_whole(&self) -> bool {
        self.chain_ok && self.missing.is_empty() && self.faults.is_empty()
    }
}

/// The parts of a folder that the tools look at.
pub struct Exhibit {
    _lock: Option<Lock>,
    journal: Box<dyn Journal>,
    mark: Result<Mark, String>,
    snapshots: Vec<(Sequence, Option<String>)>,
}

impl Exhibit {
    /// Opens a folder for reading. Refused while another process has it.
    pub fn open(data_dir: &Path, head: &Path, store: &dyn Store) -> Result<Self, StartError> {
        let layout = Layout::new(data_dir);
        let lock = match Lock::share(&layout.lock()) {
            Ok(lock) => Some(lock),
            Err(LockError::Absent) => None,
            Err(LockError::InUse) => return Err(StartError::InUse(data_dir.to_path_buf())),
            Err(LockError::Io(error)) => {
                return Err(StartError::Io {
                    path: layout.lock(),
                    error: error.to_string(),
                });
            }
        };
        if !store.exists() {
            return Err(StartError::NoJournal(data_dir.to_path_buf()));
        }
        let mark = match head::read(head) {
            Ok(Some(mark)) => Ok(mark),
            Ok(None) => Err(format!("{} is missing", head.display())),
            Err(error) => Err(format!("{}: {error}", head.display())),
        };
        let folder = layout.snapshots();
        let listed = snapshot::list(&folder).map_err(|error| StartError::Io {
            path: folder,
            error: error.to_string(),
        })?;
        let examined = listed.into_iter().map(|(sequence, path)| {
            let fault = snapshot::load(&path).err();
            (sequence, fault.map(|error| error.to_string()))
        });
        Ok(Self {
            _lock: lock,
            journal: store.open_read_only().map_err(|error| reading(&error))?,
            mark,
            snapshots: examined.collect(),
        })
    }

    /// Reads everything and says what is there and what is not.
    pub fn verify(&self) -> Result<Report, StartError> {
        let mut report = Report {
            first_sequence: Sequence::ZERO,
            last_sequence: Sequence::ZERO,
            head_mark_sequence: self.mark.as_ref().ok().map(|mark| mark.sequence),
            chain_ok: true,
            missing: Vec::new(),
            faults: Vec::new(),
            records: 0,
            commands: 0,
            bytes: 0,
            shard: self.mark.as_ref().map_or(0, |mark| mark.shard),
            epoch: self.mark.as_ref().map_or(0, |mark| mark.epoch),
            snapshots: self.snapshots.clone(),
        };
        let mut walk: Option<Walk> = None;
        for stored in self
            .journal
            .read_from(Sequence::ZERO)
            .map_err(|error| reading(&error))?
        {
            self.examine(
                stored.map_err(|error| reading(&error))?,
                &mut walk,
                &mut report,
            );
        }
        self.examine_ends(&mut report);
        Ok(report)
    }

    fn examine(&self, (key, bytes): Stored, walk: &mut Option<Walk>, report: &mut Report) {
        let at = key.value();
        let opened = match record::open(&bytes) {
            Ok(opened) => opened,
            Err(error) => {
                report.faults.push(format!("the record at {at}: {error}"));
                return;
            }
        };
        let walk = walk.get_or_insert(Walk {
            shard: self.mark.as_ref().map_or(opened.0.shard, |mark| mark.shard),
            origin: Origin {
                at: Sequence::new(key.value().saturating_sub(1)),
                chain: opened.0.previous,
                epoch: opened.0.epoch,
            },
        });
        if report.records == 0 {
            report.first_sequence = key;
            report.chain_ok = at != 1 || opened.0.previous == Chain::GENESIS;
        }
        match walk.step(key, &bytes) {
            Ok(_) => {}
            Err(Finding::Unreadable(said)) => {
                report.faults.push(format!("the record at {at}: {said}"));
                return;
            }
            Err(Finding::Gap(missing)) => report.missing.push(missing),
            Err(Finding::Link(said)) => {
                report.chain_ok = false;
                report.faults.push(format!("the record at {at}: {said}"));
            }
        }
        let mut commands = Vec::new();
        if let Err(error) = decode_commands(&opened.0, opened.1, &mut commands) {
            report.faults.push(error.to_string());
        }
        if let Ok(mark) = &self.mark
            && let Err(error) = check_mark(&opened.0, walk.origin.chain, mark)
        {
            report.chain_ok = false;
            report.faults.push(error.to_string());
        }
        report.last_sequence = opened.0.last();
        report.epoch = opened.0.epoch;
        report.records += 1;
        report.commands += u64::from(opened.0.count);
        report.bytes += bytes.len() as u64;
    }

    fn examine_ends(&self, report: &mut Report) {
        let covered = self
            .snapshots
            .iter()
            .any(|(at, fault)| fault.is_none() && at.next() >= report.first_sequence);
        if report.first_sequence > Sequence::new(1) && !covered {
            let last = Sequence::new(report.first_sequence.value() - 1);
            let first = Sequence::new(1);
            report.missing.insert(0, MissingRange { first, last });
        }
        match &self.mark {
            Ok(mark) if mark.sequence > report.last_sequence => {
                report.missing.push(MissingRange {
                    first: report.last_sequence.next(),
                    last: mark.sequence,
                });
            }
            Ok(_) => {}
            Err(said) => report.faults.push(format!("head mark: {said}")),
        }
    }

    /// All records in order, each with its commands. Ends at the first that cannot be read.
    pub fn export(&self) -> Result<impl Iterator<Item = Result<Exported, StartError>>, StartError> {
        let mut failed = false;
        let records = self
            .journal
            .read_from(Sequence::ZERO)
            .map_err(|error| reading(&error))?;
        Ok(records.map_while(move |stored| {
            if failed {
                return None;
            }
            let exported = stored
                .map_err(|error| reading(&error))
                .and_then(Exported::read);
            failed = exported.is_err();
            Some(exported)
        }))
    }
}

/// One record, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exported {
    /// What the record says of itself.
    pub header: Header,
    /// Its commands.
    pub commands: Vec<Sequenced<Command>>,
    /// Its bytes as they are in the journal.
    pub bytes: Vec<u8>,
}

impl Exported {
    fn read((key, bytes): Stored) -> Result<Self, StartError> {
        let damaged = |error: ReplayError| StartError::Damaged {
            after: Sequence::new(key.value().saturating_sub(1)),
            found: error.to_string(),
        };
        let opened = record::open(&bytes).map_err(ReplayError::Record);
        let (header, body) = opened.map_err(damaged)?;
        let mut commands = Vec::new();
        decode_commands(&header, body, &mut commands).map_err(damaged)?;
        Ok(Self {
            header,
            commands,
            bytes,
        })
    }
}

/// `verify` on a folder, for the command line: exit 0 only if [`Report::is_whole`].
#[cfg(feature = "rocksdb")]
pub fn verify(data_dir: &Path, head_file: Option<&Path>) -> Result<Report, StartError> {
    open_folder(data_dir, head_file)?.verify()
}

/// A folder opened for `verify` and `export`.
#[cfg(feature = "rocksdb")]
pub fn open_folder(data_dir: &Path, head_file: Option<&Path>) -> Result<Exhibit, StartError> {
    let store = crate::journal::rocks::RocksStore::new(Layout::new(data_dir).journal());
    let head = head_file.map_or_else(|| data_dir.join("head"), Path::to_path_buf);
    Exhibit::open(data_dir, &head, &store)
}

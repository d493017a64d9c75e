//! Reading a folder without changing it: the tools `verify` and `export`.
//!
//! Invariant: no file is opened for writing; a folder in use is refused. Not here: the walk itself.

use std::path::Path;

use super::survey::{check_mark, reading};
use super::walk::{Finding, Origin, Walk};
use crate::command::{BeginEpoch, Command, Sequenced};
use crate::journal::archive;
use crate::journal::folder::{Layout, Lock, LockError};
use crate::journal::head::{self, Mark};
use crate::journal::history::History;
use crate::journal::record::{self, Chain, Header};
use crate::journal::{Journal, Store, Stored};
use crate::runtime::{MissingRange, ReplayError, StartError, decode_commands};
use crate::snapshot;
use crate::types::Sequence;

/// What `verify` found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The first command in the archive or the journal; zero when both are empty.
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
    /// The first command that a start would miss, for `accept-loss`; none where it finds all.
    pub first_missing: Option<Sequence>,
    /// Commands that an operator accepted as lost: each range with the epoch that begins after it.
    pub accepted: Vec<(MissingRange, u32)>,
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
    /// Whether every acknowledged command is there, in the journal or in its archive.
    pub fn is_whole(&self) -> bool {
        self.chain_ok && self.missing.is_empty() && self.faults.is_empty()
    }
}

/// The parts of a folder that the tools look at.
pub struct Exhibit {
    _lock: Option<Lock>,
    history: History,
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
        let journal = store.open_read_only().map_err(|error| reading(&error))?;
        Ok(Self {
            _lock: lock,
            history: History::new(journal, layout.archive()),
            mark,
            snapshots: examined.collect(),
        })
    }

    /// Reads everything, archive and journal, and says what is there and what is not.
    pub fn verify(&self) -> Result<Report, StartError> {
        let mut report = Report {
            first_sequence: Sequence::ZERO,
            last_sequence: Sequence::ZERO,
            head_mark_sequence: self.mark.as_ref().ok().map(|mark| mark.sequence),
            chain_ok: true,
            missing: Vec::new(),
            faults: Vec::new(),
            first_missing: None,
            accepted: Vec::new(),
            records: 0,
            commands: 0,
            bytes: 0,
            shard: self.mark.as_ref().map_or(0, |mark| mark.shard),
            epoch: self.mark.as_ref().map_or(0, |mark| mark.epoch),
            snapshots: self.snapshots.clone(),
        };
        let mut walk: Option<Walk> = None;
        let archived = self.examine_archive(&mut report)?;
        let records = match archived {
            Files::Good => self.history.read_from(Sequence::ZERO),
            Files::Damaged => self.history.journal().read_from(Sequence::ZERO),
        };
        for stored in records.map_err(|error| reading(&error))? {
            self.examine(
                stored.map_err(|error| reading(&error))?,
                &mut walk,
                &mut report,
            );
        }
        self.examine_ends(archived, &mut report);
        Ok(report)
    }

    /// Reads every archive file, and the snapshots kept beside them.
    fn examine_archive(&self, report: &mut Report) -> Result<Files, StartError> {
        let folder = self.history.archive();
        let listed = archive::list(folder).map_err(|error| StartError::Io {
            path: folder.to_path_buf(),
            error: error.to_string(),
        })?;
        for (_, path) in snapshot::list(folder).unwrap_or_default() {
            if let Err(error) = snapshot::load(&path) {
                report.faults.push(format!("{}: {error}", path.display()));
            }
        }
        let mut files = Files::Good;
        for (_, path) in listed {
            if let Err(error) = archive::verify(&path) {
                let error = archive::unreadable(&path, &error);
                report.faults.push(error.to_string());
                files = Files::Damaged;
            }
        }
        Ok(files)
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
            Ok(step) => report.accepted.extend(accepted(step.begins)),
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

    fn examine_ends(&self, archived: Files, report: &mut Report) {
        if report.first_sequence > Sequence::new(1) && archived == Files::Good {
            let last = Sequence::new(report.first_sequence.value() - 1);
            let first = Sequence::new(1);
            let range = MissingRange { first, last };
            let covered = self
                .snapshots
                .iter()
                .any(|(at, fault)| fault.is_none() && *at >= last);
            if covered {
                // A start needs them no more; who looks back does.
                let said = format!("commands {range} are in neither the journal nor the archive");
                report.faults.push(said);
            } else {
                report.missing.insert(0, range);
            }
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

    /// All records in order, archive and journal, each with its commands. Ends at the first that
    /// cannot be read.
    pub fn export(&self) -> Result<impl Iterator<Item = Result<Exported, StartError>>, StartError> {
        self.export_range(Sequence::ZERO, Sequence::new(u64::MAX))
    }

    /// The records with the commands from `from` to `until`, and of each only those commands. Reads
    /// the archive only where the journal does not reach. Ends at the first that cannot be read.
    pub fn export_range(
        &self,
        from: Sequence,
        until: Sequence,
    ) -> Result<impl Iterator<Item = Result<Exported, StartError>>, StartError> {
        let mut failed = false;
        let records = self.history.read_from(from);
        let records = records.map_err(|error| reading(&error))?;
        let records = records
            .take_while(move |stored| stored.as_ref().map_or(true, |(key, _)| *key <= until));
        let records = records.map_while(move |stored| {
            if failed {
                return None;
            }
            let exported = stored
                .map_err(|error| reading(&error))
                .and_then(Exported::read);
            failed = exported.is_err();
            Some(exported.map(|mut record| {
                let inside = |at: Sequence| from <= at && at <= until;
                record.commands.retain(|command| inside(command.sequence));
                record
            }))
        });
        Ok(records.filter(|record| !matches!(record, Ok(record) if record.commands.is_empty())))
    }
}

/// Whether every archive file can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Files {
    Good,
    Damaged,
}

/// What the command that begins an epoch says is lost.
fn accepted(begins: Option<BeginEpoch>) -> Option<(MissingRange, u32)> {
    let begin = begins?;
    let (first, last) = begin.lost?;
    Some((MissingRange { first, last }, begin.epoch))
}

/// One record, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exported {
    /// What the record says of itself.
    pub header: Header,
    /// Its commands, or those that were asked for.
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

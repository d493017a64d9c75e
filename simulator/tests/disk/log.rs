//! The undo log as the shim wrote it (`shim.c`), and what of it was not on the disk at the kill.
//!
//! A change of content is on the disk once a sync of its file that began after it returned; a
//! change of names once its folder was synced so (both folders, for a rename between two). A sync
//! that failed makes nothing durable, and what it failed on is lost for good unless it is written
//! again: the system drops such pages, and a later sync that succeeds says nothing of them.
//!
//! Invariant: a record that is not whole was written for a change that was not made. Not here:
//! what a power cut makes of it (`cut`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

const MAGIC: u32 = 0x3155_4a53;
const HEAD_BYTES: usize = 12;
/// The system forgets and writes back whole pages.
pub const PAGE_BYTES: u64 = 4_096;
const LIED: i64 = 1;

/// What a change of content did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    Write,
    Truncate,
    Allocate,
    Punch,
}

/// What a change of names did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Naming {
    Create,
    Mkdir,
    Link,
    Unlink,
    Rmdir,
    Rename,
}

/// A change of the bytes or the size of a file.
#[derive(Clone, Debug)]
pub struct Data {
    pub what: Content,
    pub inode: u64,
    pub at: u64,
    pub length: u64,
    pub old_size: u64,
    pub new_size: u64,
    /// CRC-32 of the bytes written; of nothing but writes.
    pub sum: u32,
    pub path: String,
    /// The old bytes, as a range of the log.
    pub old: Range<usize>,
    /// Where a failed sync lost it: the pages not written again since. The size then stays.
    pub lost_pages: Option<BTreeSet<u64>>,
}

/// A change of names; paths are relative to the guarded folder.
#[derive(Clone, Debug)]
pub struct Name {
    pub what: Naming,
    pub inode: u64,
    pub is_folder: bool,
    /// The file that lost the target name of a rename; 0 for none.
    pub replaced: u64,
    pub replaced_folder: bool,
    pub folders: [u64; 2],
    pub path: String,
    pub second: String,
    /// Folders of it not synced yet.
    unsynced: BTreeSet<u64>,
}

/// One change that was not on the disk.
#[derive(Clone, Debug)]
pub enum Change {
    Data(Data),
    Name(Name),
}

/// A fault the shim struck with.
#[derive(Clone, Debug)]
pub struct Fault {
    pub on_sync: bool,
    pub error: i32,
    pub path: String,
    /// Syncs of the same file that began after its failed one.
    pub syncs_after: u64,
    inode: u64,
}

/// The log, read.
#[derive(Debug, Default)]
pub struct Log {
    pub bytes: Vec<u8>,
    /// Not on the disk, in order; the flag says that it is in doubt whether it was made at all.
    pub unsynced: Vec<(Change, bool)>,
    pub faults: Vec<Fault>,
    /// Paths of the syncs that had begun and not returned.
    pub syncing: Vec<String>,
    pub syncs: u64,
    /// Syncs that were answered and not done.
    pub lies: u64,
    /// The last file or name that was changed.
    pub last: String,
}

/// The fields of one record.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let taken = self.bytes[self.at..self.at + N].try_into().unwrap();
        self.at += N;
        taken
    }
    fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }
    fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
    fn long(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
    fn text(&mut self) -> String {
        let length = self.word() as usize;
        let text = &self.bytes[self.at..self.at + length];
        self.at += length;
        String::from_utf8(text.to_vec()).unwrap()
    }
}

/// What is being built while the log is read.
#[derive(Default)]
struct Reading {
    log: Log,
    /// By their numbers.
    changes: BTreeMap<u64, Change>,
    /// File, number and path of each sync under way.
    begun: BTreeMap<u64, (u64, String)>,
    answered: BTreeSet<u64>,
}

impl Log {
    /// Reads the log of a process that has ended.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        let mut reading = Reading::default();
        let (mut at, mut last) = (0, None);
        while let Some(payload) = whole(&bytes, at) {
            let mut fields = Fields {
                bytes: &bytes,
                at: payload.start,
            };
            reading.record(at as u64, &mut fields);
            last = Some(at as u64);
            at = payload.end;
        }
        let Reading {
            mut log,
            changes,
            begun,
            answered,
        } = reading;
        log.syncing = begun.into_values().map(|(_, path)| path).collect();
        let doubt = |number| Some(number) == last && !answered.contains(&number);
        let unsynced = changes
            .into_iter()
            .map(|(number, change)| (change, doubt(number)));
        log.unsynced = unsynced.collect();
        log.bytes = bytes;
        log
    }
}

/// The payload of the record at `at`, if it is whole.
fn whole(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let head = bytes.get(at..at + HEAD_BYTES)?;
    let mut fields = Fields { bytes: head, at: 0 };
    let (magic, length, sum) = (fields.word(), fields.word() as usize, fields.word());
    let payload = at + HEAD_BYTES..at + HEAD_BYTES + length;
    let found = bytes.get(payload.clone())?;
    (magic == MAGIC && crc32fast::hash(found) == sum).then_some(payload)
}

impl Reading {
    fn record(&mut self, number: u64, fields: &mut Fields<'_>) {
        match fields.byte() {
            1 => self.data(number, fields),
            2 => self.name(number, fields),
            3 => self.done(fields),
            4 => {
                let (inode, _, path) = (fields.long(), fields.long(), fields.text());
                self.log.syncs += 1;
                for fault in &mut self.log.faults {
                    fault.syncs_after += u64::from(fault.on_sync && fault.inode == inode);
                }
                self.begun.insert(number, (inode, path));
            }
            5 => self.ended(fields.long(), fields.long() as i64),
            6 => {
                let on_sync = fields.byte() == 4;
                let _nth = fields.long();
                self.log.faults.push(Fault {
                    on_sync,
                    inode: fields.long(),
                    error: fields.word() as i32,
                    path: fields.text(),
                    syncs_after: 0,
                });
            }
            kind => panic!("the shim writes no record of kind {kind}"),
        }
    }

    fn data(&mut self, number: u64, fields: &mut Fields<'_>) {
        let what = match fields.byte() {
            1 => Content::Write,
            2 => Content::Truncate,
            3 => Content::Allocate,
            _ => Content::Punch,
        };
        let mut data = Data {
            what,
            inode: fields.long(),
            at: fields.long(),
            length: fields.long(),
            old_size: fields.long(),
            new_size: fields.long(),
            sum: fields.word(),
            path: fields.text(),
            old: 0..0,
            lost_pages: None,
        };
        let held = fields.word() as usize;
        data.old = fields.at..fields.at + held;
        self.log.last.clone_from(&data.path);
        self.changes.insert(number, Change::Data(data));
    }

    fn name(&mut self, number: u64, fields: &mut Fields<'_>) {
        let what = match fields.byte() {
            1 => Naming::Create,
            2 => Naming::Mkdir,
            3 => Naming::Link,
            4 => Naming::Unlink,
            5 => Naming::Rmdir,
            _ => Naming::Rename,
        };
        let name = Name {
            what,
            is_folder: fields.byte() == 1,
            inode: fields.long(),
            replaced: fields.long(),
            replaced_folder: fields.byte() == 1,
            folders: [fields.long(), fields.long()],
            path: fields.text(),
            second: fields.text(),
            unsynced: BTreeSet::new(),
        };
        // A link is a name in the folder of its target only.
        let folders = match what {
            Naming::Link => &name.folders[1..],
            Naming::Rename => &name.folders[..],
            Naming::Create | Naming::Mkdir | Naming::Unlink | Naming::Rmdir => &name.folders[..1],
        };
        let unsynced = folders.iter().copied().collect();
        self.log.last.clone_from(&name.path);
        let name = Name { unsynced, ..name };
        self.changes.insert(number, Change::Name(name));
    }

    fn done(&mut self, fields: &mut Fields<'_>) {
        let (number, result, inode) = (fields.long(), fields.long() as i64, fields.long());
        self.answered.insert(number);
        if result < 0 {
            self.changes.remove(&number);
            return;
        }
        match self.changes.get_mut(&number) {
            Some(Change::Data(data)) => {
                // Fewer bytes than asked for.
                data.length = result as u64;
                data.new_size = data.old_size.max(data.at + data.length);
                data.sum = 0;
            }
            Some(Change::Name(name)) if inode != 0 => name.inode = inode,
            Some(Change::Name(_)) | None => {}
        }
    }

    fn ended(&mut self, begin: u64, result: i64) {
        let Some((inode, _)) = self.begun.remove(&begin) else {
            return;
        };
        match result {
            0 => self.synced(inode, begin),
            LIED => self.log.lies += 1,
            _ => self.lost(inode, begin),
        }
    }

    fn synced(&mut self, inode: u64, begin: u64) {
        let mut written = BTreeSet::new();
        self.changes.retain(|number, change| match change {
            Change::Data(data) if data.inode == inode && *number < begin => {
                if data.lost_pages.is_none() {
                    written.extend(pages(data));
                }
                data.lost_pages.is_some()
            }
            Change::Name(name) if *number < begin => {
                name.unsynced.remove(&inode);
                !name.unsynced.is_empty()
            }
            Change::Data(_) | Change::Name(_) => true,
        });
        for change in self.changes.values_mut() {
            if let Change::Data(data) = change
                && data.inode == inode
                && let Some(lost) = &mut data.lost_pages
            {
                lost.retain(|page| !written.contains(page));
            }
        }
    }

    fn lost(&mut self, inode: u64, begin: u64) {
        for (_, change) in self.changes.range_mut(..begin) {
            if let Change::Data(data) = change
                && data.inode == inode
                && data.lost_pages.is_none()
            {
                data.lost_pages = Some(pages(data).collect());
            }
        }
    }
}

/// The pages a change touches.
fn pages(data: &Data) -> Range<u64> {
    data.at / PAGE_BYTES..(data.at + data.length).div_ceil(PAGE_BYTES)
}

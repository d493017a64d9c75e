//! The power cut: takes from a folder what was not on its disk when the process was killed.
//!
//! First everything un-synced is undone, last change first, which gives the folder as the disk is
//! sure to have it, and the new bytes of each write. Then a part of it is done again: nothing; a
//! random subset of the writes; each write up to a random sector; each sector by itself. No order
//! between writes is respected, nor between content, size and names.
//!
//! Names: by turns the changes are undone from the end (what a file system that journals names in
//! order leaves, such as ext4) and in a random subset in which no change stays that stands on one
//! undone (all that POSIX promises). A folder that was made is a name as any other. A file whose
//! name is undone is gone, whatever of its content was synced.
//!
//! Invariant: after it the undo log is empty, and a byte or size that no record tells of is a
//! panic: a call the shim does not know. Not here: which moment is cut (`shim.c`, `exchange`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use sanjiang_simulator::workload::rng::Rng;

use super::log::{Change, Content, Data, Log, Name, Naming, PAGE_BYTES};

/// A disk writes this much whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// How much of what was not synced stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Nothing.
    Whole,
    /// A random subset of the writes.
    Subset,
    /// Of each write the beginning, up to a random sector.
    Torn,
    /// Of each write a random subset of its sectors.
    Sectors,
}

/// All of them, by turns.
pub const CUTS: [Cut; 4] = [Cut::Whole, Cut::Subset, Cut::Torn, Cut::Sectors];

/// What a cut took.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Bytes that are other than before the cut, or gone, by kind of file.
    pub bytes: BTreeMap<&'static str, u64>,
    /// Writes of which something was dropped, and all that were not synced.
    pub writes: u64,
    pub writes_unsynced: u64,
    pub names: u64,
    pub names_unsynced: u64,
    /// Kinds of file that had something to lose, and those of the syncs under way.
    pub kinds: BTreeSet<&'static str>,
    pub syncing: BTreeSet<&'static str>,
}

impl Taken {
    /// All bytes, but those of RocksDB's diary, which nobody syncs or reads.
    pub fn bytes(&self) -> u64 {
        let counted = self.bytes.iter().filter(|(kind, _)| **kind != "diary");
        counted.map(|(_, bytes)| bytes).sum()
    }
}

/// What kind of file stands at a path below the guarded folder.
pub fn kind(path: &str) -> &'static str {
    let inside = path.strip_prefix("data").unwrap_or(path);
    let ends = |name: &str, end| Path::new(name).extension().is_some_and(|e| e == end);
    let parts: Vec<_> = inside.split('/').filter(|part| !part.is_empty()).collect();
    match parts[..] {
        [] | ["archive" | "damaged"] => "folder",
        ["journal"] => "journal folder",
        ["snapshots"] => "snapshot folder",
        ["projections"] => "projections folder",
        ["LOCK"] => "lock",
        [first] if first.starts_with("head") => "head mark",
        ["journal" | "projections", name] if name.starts_with("LOG") => "diary",
        ["journal", name] if ends(name, "log") => "journal log",
        ["journal", name] if ends(name, "sst") => "journal table",
        ["journal", ..] => "journal manifest",
        ["projections", ..] => "projections",
        ["snapshots", ..] => "snapshot",
        ["archive", ..] => "archive",
        _ => "other",
    }
}

/// One data change and its new bytes.
struct Written {
    data: Data,
    new: Vec<u8>,
    old: Vec<u8>,
}

struct Disk<'a> {
    root: &'a Path,
    keep: PathBuf,
    files: BTreeMap<u64, File>,
    rng: &'a mut Rng,
    taken: Taken,
}

/// Plays the cut on the folder `root`, whose undo log lies in `undo`, and empties the log.
pub fn play(root: &Path, undo: &Path, cut: Cut, rng: &mut Rng) -> Taken {
    let log = Log::read(&undo.join("log"));
    let mut disk = Disk {
        root,
        keep: undo.join("keep"),
        files: BTreeMap::new(),
        rng,
        taken: Taken::default(),
    };
    disk.taken.syncing = log.syncing.iter().map(|path| kind(path)).collect();
    disk.open(&log);
    let (writes, names) = disk.undo(&log);
    disk.names_again(cut, &names);
    for written in writes.iter().rev() {
        disk.write_again(cut, written);
    }
    let taken = disk.taken;
    clear(undo);
    taken
}

/// Makes an empty undo folder, or empties it.
pub fn clear(undo: &Path) {
    let _absent_at_first = fs::remove_dir_all(undo);
    fs::create_dir_all(undo.join("keep")).unwrap();
}

impl Disk<'_> {
    /// Opens every file whose content is to change, wherever it is named now.
    fn open(&mut self, log: &Log) {
        let mut places = BTreeMap::new();
        let mut folders = vec![self.root.to_owned(), self.keep.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                if meta.is_dir() {
                    folders.push(path);
                } else {
                    places.insert(meta.ino(), path);
                }
            }
        }
        for (change, _) in &log.unsynced {
            if let Change::Data(data) = change {
                let path = &places[&data.inode];
                let open = || File::options().read(true).write(true).open(path).unwrap();
                self.files.entry(data.inode).or_insert_with(open);
            }
        }
    }

    /// Undoes everything, last change first; what was undone, last first.
    fn undo(&mut self, log: &Log) -> (Vec<Written>, Vec<Name>) {
        let (mut writes, mut names) = (Vec::new(), Vec::new());
        let lossy: BTreeSet<_> = log.unsynced.iter().filter_map(lossy).collect();
        for (change, in_doubt) in log.unsynced.iter().rev() {
            match change {
                Change::Data(data) => {
                    let sure = !in_doubt && !lossy.contains(&data.inode);
                    let written = self.undo_data(log, data, sure);
                    self.taken.kinds.insert(kind(&data.path));
                    writes.push(written);
                }
                Change::Name(name) => {
                    let Some(name) = self.made(name, *in_doubt) else {
                        continue;
                    };
                    self.taken.names_unsynced += 1;
                    self.taken.kinds.insert(kind(&name.path));
                    self.undo_name(&name);
                    names.push(name);
                }
            }
        }
        (writes, names)
    }

    fn undo_data(&mut self, log: &Log, data: &Data, sure: bool) -> Written {
        let file = &self.files[&data.inode];
        let size = file.metadata().unwrap().len();
        let old = log.bytes[data.old.clone()].to_vec();
        let end = (data.at + data.length).min(size);
        let mut new = vec![0; end.saturating_sub(data.at) as usize];
        file.read_exact_at(&mut new, data.at).unwrap();
        if sure {
            let path = &data.path;
            assert_eq!(size, data.new_size, "{path} has a size nobody told of");
            let known = data.what != Content::Write || data.sum == 0;
            let same = known || crc32fast::hash(&new) == data.sum;
            assert!(same, "{path} at {} has bytes nobody told of", data.at);
        }
        match &data.lost_pages {
            None => {
                file.write_all_at(&old, data.at).unwrap();
                file.set_len(data.old_size).unwrap();
            }
            Some(lost) if data.what == Content::Write => {
                for page in lost {
                    for at in in_page(data, *page).filter(|at| *at < size) {
                        let byte = old.get((at - data.at) as usize).copied();
                        file.write_all_at(&[byte.unwrap_or(0)], at).unwrap();
                    }
                }
            }
            // A change of size is not among what a failed sync loses.
            Some(_) => {}
        }
        Written {
            data: data.clone(),
            new,
            old,
        }
    }

    fn write_again(&mut self, cut: Cut, written: &Written) {
        let data = &written.data;
        let file = self.files.remove(&data.inode).unwrap();
        let size = file.metadata().unwrap().len();
        let lost = data.lost_pages.as_ref();
        if lost.is_some() && data.what != Content::Write {
            self.files.insert(data.inode, file);
            return;
        }
        let kept = self.kept(cut, data);
        let mut dropped = 0;
        for range in sectors(data) {
            let index = |at: u64| (at - data.at) as usize;
            let reverted = lost.is_none_or(|lost| lost.contains(&(range.start / PAGE_BYTES)));
            if !reverted {
                continue;
            }
            let end = index(range.end).min(written.new.len());
            let new = written.new.get(index(range.start)..end).unwrap_or(&[]);
            if kept.contains(&range.start) {
                if matches!(data.what, Content::Write | Content::Punch) {
                    file.write_all_at(new, range.start).unwrap();
                }
            } else if data.what == Content::Write {
                let old = written.old.get(index(range.start)..).unwrap_or(&[]);
                let differs = |(place, byte): (usize, &u8)| old.get(place) != Some(byte);
                dropped += new.iter().enumerate().filter(|pair| differs(*pair)).count() as u64;
            }
        }
        match data.what {
            Content::Truncate if !kept.is_empty() => file.set_len(data.new_size).unwrap(),
            Content::Allocate if !kept.is_empty() => {
                file.set_len(size.max(data.new_size)).unwrap();
            }
            Content::Write => {
                self.taken.writes_unsynced += 1;
                self.taken.writes += u64::from(dropped > 0);
                *self.taken.bytes.entry(kind(&data.path)).or_default() += dropped;
            }
            Content::Truncate | Content::Allocate | Content::Punch => {}
        }
        self.files.insert(data.inode, file);
    }

    /// Where the sectors begin that stay.
    fn kept(&mut self, cut: Cut, data: &Data) -> BTreeSet<u64> {
        let all: Vec<_> = sectors(data).map(|range| range.start).collect();
        let whole = data.what == Content::Truncate || data.what == Content::Allocate;
        let count = match cut {
            Cut::Whole => 0,
            Cut::Sectors if !whole => {
                let mut kept = all;
                kept.retain(|_| self.rng.below(2) == 0);
                return kept.into_iter().collect();
            }
            Cut::Torn if !whole => self.rng.below(all.len() as u64 + 1) as usize,
            Cut::Subset | Cut::Sectors | Cut::Torn => self.rng.below(2) as usize * all.len(),
        };
        all.into_iter().take(count).collect()
    }

    /// The change, if it was made; its file is looked up where the record came before it.
    fn made(&self, name: &Name, in_doubt: bool) -> Option<Name> {
        let inode = |path: &str| {
            fs::symlink_metadata(self.root.join(path))
                .ok()
                .map(|m| m.ino())
        };
        let mut name = name.clone();
        if !in_doubt {
            return Some(name);
        }
        let made = match name.what {
            Naming::Create | Naming::Mkdir => inode(&name.path).is_some(),
            Naming::Unlink | Naming::Rmdir => inode(&name.path).is_none(),
            Naming::Link => inode(&name.second).is_some(),
            Naming::Rename => inode(&name.path) != Some(name.inode),
        };
        if matches!(name.what, Naming::Create | Naming::Mkdir) {
            name.inode = inode(&name.path).unwrap_or(0);
        }
        made.then_some(name)
    }

    fn parked(&self, inode: u64) -> PathBuf {
        self.keep.join(inode.to_string())
    }

    fn undo_name(&self, name: &Name) {
        let (path, second) = (self.root.join(&name.path), self.root.join(&name.second));
        match name.what {
            Naming::Create if self.parked(name.inode).exists() => fs::remove_file(path).unwrap(),
            Naming::Create | Naming::Mkdir => fs::rename(path, self.parked(name.inode)).unwrap(),
            Naming::Link => fs::remove_file(second).unwrap(),
            Naming::Unlink => fs::hard_link(self.parked(name.inode), path).unwrap(),
            Naming::Rmdir => fs::create_dir(path).unwrap(),
            Naming::Rename => {
                fs::rename(&second, path).unwrap();
                if name.replaced_folder {
                    fs::create_dir(second).unwrap();
                } else if name.replaced != 0 {
                    fs::hard_link(self.parked(name.replaced), second).unwrap();
                }
            }
        }
    }

    fn do_name(&self, name: &Name) {
        let (path, second) = (self.root.join(&name.path), self.root.join(&name.second));
        match name.what {
            Naming::Create => fs::hard_link(self.parked(name.inode), path).unwrap(),
            Naming::Mkdir => fs::rename(self.parked(name.inode), path).unwrap(),
            Naming::Link => fs::hard_link(path, second).unwrap(),
            Naming::Unlink => fs::remove_file(path).unwrap(),
            Naming::Rmdir => fs::remove_dir(path).unwrap(),
            Naming::Rename => fs::rename(path, second).unwrap(),
        }
    }

    /// Does a part of the undone names again; `names` come last first.
    fn names_again(&mut self, cut: Cut, names: &[Name]) {
        let in_order = self.rng.below(2) == 0;
        let prefix = self.rng.below(names.len() as u64 + 1);
        let mut undone = Undone::default();
        for (place, name) in names.iter().rev().enumerate() {
            let wanted = match cut {
                Cut::Whole => false,
                Cut::Subset | Cut::Torn | Cut::Sectors if in_order => (place as u64) < prefix,
                Cut::Subset | Cut::Torn | Cut::Sectors => self.rng.below(2) == 0,
            };
            if wanted && undone.allows(name) {
                self.do_name(name);
            } else {
                undone.add(name);
                self.taken.names += 1;
            }
        }
    }
}

/// Whether a failed sync lost a part of the file, so that its bytes tell nothing of the order.
fn lossy((change, _): &(Change, bool)) -> Option<u64> {
    match change {
        Change::Data(data) if data.lost_pages.is_some() => Some(data.inode),
        Change::Data(_) | Change::Name(_) => None,
    }
}

/// The part of a change inside one page.
fn in_page(data: &Data, page: u64) -> Range<u64> {
    let (first, end) = (page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    data.at.max(first)..(data.at + data.length).min(end)
}

/// A change in pieces that end where the sectors of the file do.
fn sectors(data: &Data) -> impl Iterator<Item = Range<u64>> {
    let end = data.at + data.length;
    let mut at = data.at;
    std::iter::from_fn(move || {
        let first = at;
        at = end.min((first / SECTOR_BYTES + 1) * SECTOR_BYTES);
        (first < end).then_some(first..at)
    })
}

/// The names and folders that changes not done again would have touched.
#[derive(Default)]
struct Undone {
    names: BTreeSet<(u64, String)>,
    /// Folders that are not there, or not under the name they would have.
    moved: BTreeSet<u64>,
    /// Folders in which something is as it was before.
    touched: BTreeSet<u64>,
}

impl Undone {
    fn places(name: &Name) -> Vec<(u64, String)> {
        let paths = [&name.path, &name.second];
        let places = name
            .folders
            .iter()
            .zip(paths)
            .filter(|(folder, _)| **folder != 0);
        let base = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        places.map(|(folder, path)| (*folder, base(path))).collect()
    }

    fn add(&mut self, name: &Name) {
        self.touched.extend(name.folders);
        self.names.extend(Self::places(name));
        if name.what == Naming::Mkdir || name.is_folder {
            self.moved.insert(name.inode);
        }
    }

    fn allows(&self, name: &Name) -> bool {
        let own = matches!(name.what, Naming::Rmdir) && self.touched.contains(&name.inode);
        let over = name.replaced_folder && self.touched.contains(&name.replaced);
        let stands = |folder: &u64| !self.moved.contains(folder);
        let free = |place: &(u64, String)| !self.names.contains(place);
        !own && !over && name.folders.iter().all(stands) && Self::places(name).iter().all(free)
    }
}

//! Archive files: a closed segment of the journal in one file, kept for as long as the law asks.
//!
//! ```text
//! "SJARCH01" | format u16 | shard u32 | first u64 | chain before [32]
//! each record: length u32 | its bytes as they stand in the journal
//! zero u32 | records u64 | last u64 | chain after [32]
//! BLAKE3 [32] of everything before
//! ```
//! All numbers little-endian. `chain before` is what the first record names, `chain after` the
//! hash of the last one: so files join without being opened wholly. A file is made whole under
//! another name, synced, renamed, its folder synced, and read back before it counts.
//!
//! Invariant: a file that [`verify`] accepts holds records each of which follows the one before;
//! a file there is never written over. Memory is bounded by the longest record. Not here: which
//! segments are archived and dropped (`runtime::segments`), how an archive and a journal are read
//! as one (`history`). Reading back sees what the system would give any reader; it cannot see past
//! the system's own cache to the disk.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::record::{self, BODY_BYTES_MAX, Chain, HEADER_BYTES, Header};
use super::{JournalError, Stored, folder};
use crate::bytes::{Reader, put_u16, put_u32, put_u64};
use crate::types::Sequence;

const MAGIC: &[u8; 8] = b"SJARCH01";
/// The format this build writes; it reads this one and every older one.
pub const FORMAT: u16 = 1;
const PREFIX: &str = "records_";
const FRONT_BYTES: usize = 8 + 2 + 4 + 8 + 32;
const TRAILER_BYTES: usize = 8 + 8 + 32;
/// Few calls of the system a file, little memory.
const BUFFER_BYTES: usize = 1 << 20;

/// What an archive file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Archived {
    /// Its first command.
    pub first: Sequence,
    /// Its last command.
    pub last: Sequence,
    /// The hash of the record before its first one.
    pub before: Chain,
    /// The hash of its last record.
    pub after: Chain,
    /// How many records; at least 1.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The shard.
    pub shard: u32,
}

/// Why an archive file was not made, or cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArchiveError {
    /// The system said this.
    Io(String),
    /// The journal could not be read.
    Journal(JournalError),
    /// There is a file of this name; it is never written over.
    Exists,
    /// A format of a later build.
    Format(u16),
    /// What was read is not what was written: the text says where.
    Damaged(String),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(said) => f.write_str(said),
            Self::Journal(error) => error.fmt(f),
            Self::Exists => f.write_str("there is such a file already"),
            Self::Format(format) => write!(
                f,
                "archive format {format} is of a later build; this one reads up to {FORMAT}"
            ),
            Self::Damaged(what) => write!(f, "damaged: {what}"),
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

fn damaged<T>(what: impl Into<String>) -> Result<T, ArchiveError> {
    Err(ArchiveError::Damaged(what.into()))
}

/// The file that begins with command `first`, in the folder `archive`.
pub fn path(archive: &Path, first: Sequence) -> PathBuf {
    archive.join(format!("{PREFIX}{:020}", first.value()))
}

fn first_of(path: &Path) -> Option<Sequence> {
    let name = path.file_name()?.to_str()?;
    let digits = name.strip_prefix(PREFIX)?;
    digits.parse().ok().map(Sequence::new)
}

/// The archive files in a folder, rising. A missing folder holds none.
pub fn list(archive: &Path) -> io::Result<Vec<(Sequence, PathBuf)>> {
    let entries = match std::fs::read_dir(archive) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if let Some(first) = first_of(&path) {
            found.push((first, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes files that a crash left half-made.
pub fn sweep(archive: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(archive) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Checks that each record follows the one before it.
struct Links {
    shard: u32,
    /// What the first record must name, once it is known.
    before: Option<Chain>,
    first: Sequence,
    last: Sequence,
    after: Chain,
    epoch: u32,
    records: u64,
}

impl Links {
    fn new(shard: u32, before: Option<Chain>) -> Self {
        Self {
            shard,
            before,
            first: Sequence::ZERO,
            last: Sequence::ZERO,
            after: Chain::GENESIS,
            epoch: 0,
            records: 0,
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Result<Header, ArchiveError> {
        let at = self.last.next().value();
        let (header, _) = match record::open(bytes) {
            Ok(opened) => opened,
            Err(error) => return damaged(format!("the record at {at}: {error}")),
        };
        let begins = header.first.value();
        let previous = if self.records == 0 {
            self.before.unwrap_or(header.previous)
        } else {
            self.after
        };
        // Numbers are left out only where an epoch begins after a loss that was accepted.
        let jumps = begins != at && self.records > 0;
        if header.shard != self.shard {
            return damaged(format!("the record at {begins} is of another shard"));
        } else if header.previous != previous {
            return damaged(format!("the record at {begins} does not follow"));
        } else if begins < at || header.epoch < self.epoch || jumps && header.epoch == self.epoch {
            return damaged(format!("the record at {begins} is not the next one"));
        }
        if self.records == 0 {
            self.first = header.first;
            self.before = Some(previous);
        }
        self.last = header.last();
        self.after = Chain::of(bytes);
        self.epoch = header.epoch;
        self.records += 1;
        Ok(header)
    }

    fn archived(&self, bytes: u64) -> Archived {
        Archived {
            first: self.first,
            last: self.last,
            before: self.before.unwrap_or(Chain::GENESIS),
            after: self.after,
            records: self.records,
            bytes,
            shard: self.shard,
        }
    }
}

/// Makes the file at `path` of these records, whole and synced, and reads it back. The first
/// record must name `before`. `None`, and no file, when there are no records.
///
/// # Errors
/// The file is there already, the records do not follow one another, the system refused, or what
/// was read back differs; then there is no file of that name, but for the last case.
pub fn write(
    path: &Path,
    shard: u32,
    before: Chain,
    records: &mut dyn Iterator<Item = Result<Stored, JournalError>>,
) -> Result<Option<Archived>, ArchiveError> {
    if std::fs::exists(path)? {
        return Err(ArchiveError::Exists);
    }
    let Some(stored) = records.next() else {
        return Ok(None);
    };
    let first = stored.map_err(ArchiveError::Journal)?;
    if first_of(path) != Some(first.0) {
        return damaged(format!(
            "{} is not the name of a file that begins at {}",
            path.display(),
            first.0.value()
        ));
    }
    let temporary = path.with_extension("tmp");
    let all = &mut std::iter::once(Ok(first)).chain(records);
    let written = match fill(&temporary, shard, before, all) {
        Ok(written) => written,
        Err(error) => {
            // What was half-made is of no use to anybody; what matters is the first error.
            let _ = std::fs::remove_file(&temporary);
            return Err(error);
        }
    };
    std::fs::rename(&temporary, path)?;
    folder::sync_folder(path.parent().unwrap_or_else(|| Path::new(".")))?;
    let found = verify(path)?;
    if found == written {
        Ok(Some(found))
    } else {
        damaged("what was read back is not what was written")
    }
}

fn fill(
    path: &Path,
    shard: u32,
    before: Chain,
    records: &mut dyn Iterator<Item = Result<Stored, JournalError>>,
) -> Result<Archived, ArchiveError> {
    let file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
    let mut out = Hashed::new(file);
    let mut links = Links::new(shard, Some(before));
    for stored in records {
        let (key, bytes) = stored.map_err(ArchiveError::Journal)?;
        let header = links.add(&bytes)?;
        if header.first != key {
            let at = key.value();
            return damaged(format!("the record at {at} says it begins elsewhere"));
        }
        let mut piece = Vec::with_capacity(FRONT_BYTES + 4);
        if links.records == 1 {
            piece.extend_from_slice(MAGIC);
            put_u16(&mut piece, FORMAT);
            put_u32(&mut piece, shard);
            put_u64(&mut piece, key.value());
            piece.extend_from_slice(&before.0);
        }
        put_u32(&mut piece, bytes.len() as u32);
        out.put(&piece)?;
        out.put(&bytes)?;
    }
    let mut trailer = Vec::with_capacity(4 + TRAILER_BYTES);
    put_u32(&mut trailer, 0);
    put_u64(&mut trailer, links.records);
    put_u64(&mut trailer, links.last.value());
    trailer.extend_from_slice(&links.after.0);
    out.put(&trailer)?;
    let hash = out.hasher.finalize();
    out.put(hash.as_bytes())?;
    let file = out
        .file
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    folder::sync_file(&file, path)?;
    Ok(links.archived(out.bytes))
}

/// A file being written, with the hash of what is in it.
struct Hashed {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Hashed {
    fn new(file: BufWriter<File>) -> Self {
        Self {
            file,
            hasher: blake3::Hasher::new(),
            bytes: 0,
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

/// Reads the whole file and says what it holds.
///
/// # Errors
/// It is not, bit for bit, a file that [`write()`] made; or it stands under another name.
pub fn verify(path: &Path) -> Result<Archived, ArchiveError> {
    let mut scan = Scan::open(path)?;
    while scan.advance()?.is_some() {}
    Ok(scan.links.archived(scan.bytes))
}

/// The records of a file, in order. What is wrong with the file comes as an error in the place of
/// the record where it is seen, at the latest after the last one; nothing follows an error.
///
/// # Errors
/// The file cannot be opened, or does not begin as one of these.
pub fn read(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Stored, JournalError>> + use<>, ArchiveError> {
    let mut scan = Scan::open(path)?;
    let name = path.to_path_buf();
    let mut failed = false;
    Ok(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let next = scan.advance().transpose()?;
        failed = next.is_err();
        Some(next.map_err(|error| unreadable(&name, &error)))
    }))
}

/// An archive file that cannot be used, told as the journal's readers tell such things.
pub fn unreadable(path: &Path, error: &ArchiveError) -> JournalError {
    JournalError::new("read the archive", format!("{}: {error}", path.display()))
}

/// A file being read.
struct Scan {
    input: BufReader<File>,
    hasher: blake3::Hasher,
    bytes: u64,
    first: Sequence,
    links: Links,
    ended: bool,
}

impl Scan {
    fn open(path: &Path) -> Result<Self, ArchiveError> {
        let mut scan = Self {
            input: BufReader::with_capacity(BUFFER_BYTES, File::open(path)?),
            hasher: blake3::Hasher::new(),
            bytes: 0,
            first: Sequence::ZERO,
            links: Links::new(0, None),
            ended: false,
        };
        let front = scan.take(FRONT_BYTES)?;
        let mut reader = Reader::new(&front);
        let inside = "the front was read whole";
        if reader.take(MAGIC.len()).expect(inside) != MAGIC {
            return damaged("it does not begin as an archive file");
        }
        let format = reader.u16().expect(inside);
        if format != FORMAT {
            return Err(ArchiveError::Format(format));
        }
        let shard = reader.u32().expect(inside);
        scan.first = Sequence::new(reader.u64().expect(inside));
        let before = reader.take(32).expect(inside);
        let before = Chain(before.try_into().expect("`take` gave 32 bytes"));
        scan.links = Links::new(shard, Some(before));
        if first_of(path) != Some(scan.first) {
            return damaged(format!("it begins at command {}", scan.first.value()));
        }
        Ok(scan)
    }

    fn take(&mut self, count: usize) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = vec![0; count];
        match self.input.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return damaged("it ends too early");
            }
            Err(error) => return Err(error.into()),
        }
        self.hasher.update(&bytes);
        self.bytes += count as u64;
        Ok(bytes)
    }

    /// The next record; none after the last one, once the whole file was found good.
    fn advance(&mut self) -> Result<Option<Stored>, ArchiveError> {
        if self.ended {
            return Ok(None);
        }
        let length = self.take(4)?;
        let length = u32::from_le_bytes(length.try_into().expect("4 were taken")) as usize;
        if length == 0 {
            self.ended = true;
            return self.finish().map(|()| None);
        }
        if !(HEADER_BYTES..=HEADER_BYTES + BODY_BYTES_MAX).contains(&length) {
            return damaged(format!("a record of {length} bytes"));
        }
        let bytes = self.take(length)?;
        let header = self.links.add(&bytes)?;
        if self.links.records == 1 && header.first != self.first {
            return damaged("it begins elsewhere than its front says");
        }
        Ok(Some((header.first, bytes)))
    }

    fn finish(&mut self) -> Result<(), ArchiveError> {
        let trailer = self.take(TRAILER_BYTES)?;
        let mut expected = Vec::with_capacity(TRAILER_BYTES);
        put_u64(&mut expected, self.links.records);
        put_u64(&mut expected, self.links.last.value());
        expected.extend_from_slice(&self.links.after.0);
        if trailer != expected || self.links.records == 0 {
            return damaged("its end does not fit its records");
        }
        let hash = self.hasher.finalize();
        if self.take(32)? != hash.as_bytes() {
            return damaged("the hash of the whole differs");
        }
        if self.input.read(&mut [0])? != 0 {
            return damaged("there is more behind its end");
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;

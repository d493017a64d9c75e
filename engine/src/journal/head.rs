//! The head mark: up to where commands were acknowledged, in a small file of its own.
//!
//! ```text
//! two slots of 4,096 bytes, written in turn; each holds its mark twice, at 0 and at 2,048:
//!  0 "SJHEAD02" | 8 counter u64 | 16 shard u32 | 20 epoch u32 | 24 sequence u64 | 32 chain [32]
//! 64 CRC32C u32 of bytes 0..64 | the rest zero
//! ```
//! The file is written whole when it is made, so that a mark never grows it (a sync of a growing
//! file costs twice, measured). A slot counts if either copy can be read; of all copies that can be
//! read, in both slots, the one with the highest counter counts.
//!
//! A torn write leaves each 512-byte sector of a slot old or new, and a copy lies inside one. So
//! the slot then holds its old mark, the new one, or one of each; the other slot, whose mark lies
//! between these two, was not touched. So the new one counts or the other slot's, and both are
//! sound: a mark is written only after its log record is synced, so the new one names nothing that
//! is not on disk; and until the write returned nobody was told of what lies above the other.
//!
//! Why twice: a torn write is not the only harm. With one copy, bytes of the newest mark damaged at
//! rest bring back the mark before, and if the log has lost its end as well, nothing shows it. A
//! file shorter than it was made, or one the disk cannot read, is an error for the same reason.
//!
//! Version 1, "SJHEAD01", held the mark once, at 0 of its slot. It is read, also beside a slot of
//! version 2, and never written.
//!
//! Invariant: what [`HeadFile::write`] returned from is on disk, and the mark before it stays
//! readable until then. Not here: when it is written (`runtime`), what it is compared with
//! (`recovery`).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::folder;
use super::record::Chain;
use crate::bytes::{Reader, put_u32, put_u64};
use crate::types::Sequence;

const MAGIC: &[u8; 8] = b"SJHEAD02";
const MAGIC_V1: &[u8; 8] = b"SJHEAD01";
/// What any format begins with.
const MAGIC_OF_ANY: &[u8] = b"SJHEAD";
const SLOT_BYTES: usize = 4_096;
/// Where the copies stand in a slot, as far apart as they can, and how each may begin.
const COPIES: [(usize, &[&[u8; 8]]); 2] = [(0, &[MAGIC, MAGIC_V1]), (SLOT_BYTES / 2, &[MAGIC])];
const COPY_BYTES: usize = 68;
const CHECKSUM_AT: usize = 64;
/// No counter comes near: at a million marks a second it would take 290,000 years.
const COUNTER_MAX: u64 = i64::MAX as u64;

/// Up to where everything was durable when it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The shard.
    pub shard: u32,
    /// The epoch.
    pub epoch: u32,
    /// The last command of the last record; zero for an empty journal.
    pub sequence: Sequence,
    /// The hash of that record.
    pub chain: Chain,
}

/// Something that keeps the newest mark on a disk.
pub trait MarkKeeper: Send {
    /// Writes `mark` and returns when it is on disk. After an error it must not be called again.
    fn write(&mut self, mark: &Mark) -> io::Result<()>;
}

/// The open file.
#[derive(Debug)]
pub struct HeadFile {
    file: File,
    /// Of the newest mark; its parity names the slot.
    counter: u64,
}

impl HeadFile {
    /// Makes the file with a first mark: whole and synced under another name, then renamed.
    pub fn create(path: &Path, mark: &Mark) -> io::Result<Self> {
        let mut bytes = vec![0; 2 * SLOT_BYTES];
        bytes[..SLOT_BYTES].copy_from_slice(&encode(mark, 0));
        folder::write_whole(path, &bytes)?;
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file, counter: 0 })
    }

    /// Opens the file for writing.
    pub fn open(path: &Path) -> io::Result<(Self, Mark)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let (mark, counter) = newest(&file)?;
        Ok((Self { file, counter }, mark))
    }
}

impl MarkKeeper for HeadFile {
    fn write(&mut self, mark: &Mark) -> io::Result<()> {
        self.counter += 1;
        let offset = (self.counter % 2) * SLOT_BYTES as u64;
        self.file
            .write_all_at(&encode(mark, self.counter), offset)?;
        self.file.sync_data()
    }
}

/// Reads the newest mark and changes nothing; `None` when there is no file.
pub fn read(path: &Path) -> io::Result<Option<Mark>> {
    match File::open(path) {
        Ok(file) => Ok(Some(newest(&file)?.0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The newest mark that can be read, and its counter.
fn newest(file: &File) -> io::Result<(Mark, u64)> {
    let mut bytes = [0; 2 * SLOT_BYTES];
    file.read_exact_at(&mut bytes, 0).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            unreadable("it is shorter than it was made")
        } else {
            error
        }
    })?;
    let mut best: Option<(Mark, u64)> = None;
    let mut said = "neither slot can be read";
    for (slot, bytes) in bytes.chunks_exact(SLOT_BYTES).enumerate() {
        for (at, magics) in COPIES {
            let copy = &bytes[at..][..COPY_BYTES];
            let known = magics.iter().any(|magic| copy.starts_with(&magic[..]));
            if !known {
                if copy.starts_with(MAGIC_OF_ANY) {
                    said = "its format is of a later build, or it is damaged";
                }
                continue;
            }
            if let Some(read) = decode(copy)
                && read.1 % 2 == slot as u64
                && best.is_none_or(|best| order(&read) > order(&best))
            {
                best = Some(read);
            }
        }
    }
    best.ok_or_else(|| unreadable(said))
}

fn unreadable(said: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, said)
}

/// By which the newest is found. Two marks under one counter are not of one build's making; the
/// one further on is taken, since a mark too high is refused, and one too low is not seen.
fn order((mark, counter): &(Mark, u64)) -> (u64, Sequence) {
    (*counter, mark.sequence)
}

fn encode(mark: &Mark, counter: u64) -> [u8; SLOT_BYTES] {
    let mut copy = Vec::with_capacity(COPY_BYTES);
    copy.extend_from_slice(MAGIC);
    put_u64(&mut copy, counter);
    put_u32(&mut copy, mark.shard);
    put_u32(&mut copy, mark.epoch);
    put_u64(&mut copy, mark.sequence.value());
    copy.extend_from_slice(&mark.chain.0);
    let checksum = crc32c::crc32c(&copy);
    put_u32(&mut copy, checksum);
    let mut slot = [0; SLOT_BYTES];
    for (at, _) in COPIES {
        slot[at..][..COPY_BYTES].copy_from_slice(&copy);
    }
    slot
}

/// The mark and the counter of one copy, whose magic is known already.
fn decode(copy: &[u8]) -> Option<(Mark, u64)> {
    let mut reader = Reader::new(copy);
    reader.take(MAGIC.len()).ok()?;
    let counter = reader.u64().ok()?;
    let mark = Mark {
        shard: reader.u32().ok()?,
        epoch: reader.u32().ok()?,
        sequence: Sequence::new(reader.u64().ok()?),
        chain: Chain(reader.take(32).ok()?.try_into().ok()?),
    };
    let checksum = reader.u32().ok()?;
    let bounded = counter < COUNTER_MAX && mark.sequence.value() < u64::MAX;
    let whole = checksum == crc32c::crc32c(&copy[..CHECKSUM_AT]);
    (whole && bounded).then_some((mark, counter))
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;

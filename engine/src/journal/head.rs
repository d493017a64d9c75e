//! The head mark: up to where commands were acknowledged, in a small file of its own.
//!
//! ```text
//! two slots of 4,096 bytes, written in turn; each:
//!  0 "SJHEAD01" | 8 counter u64 | 16 shard u32 | 20 epoch u32 | 24 sequence u64 | 32 chain [32]
//! 64 CRC32C u32 of bytes 0..64 | the rest zero
//! ```
//! The file is written whole when it is made, so that a mark never grows it (a sync of a growing
//! file costs twice, measured). The slot with the higher counter counts; a torn write leaves the
//! other one.
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

const MAGIC: &[u8; 8] = b"SJHEAD01";
/// What any format begins with.
const MAGIC_OF_ANY: &[u8] = b"SJHEAD";
const SLOT_BYTES: usize = 4_096;
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

fn newest(file: &File) -> io::Result<(Mark, u64)> {
    let mut best: Option<(Mark, u64)> = None;
    let mut said = "neither slot can be read";
    for slot in 0..2_u64 {
        let mut bytes = [0; SLOT_BYTES];
        match file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            Err(error) => return Err(error),
        }
        if bytes.starts_with(MAGIC_OF_ANY) && !bytes.starts_with(MAGIC) {
            said = "its format is of a later build, or it is damaged";
        }
        if let Some((mark, counter)) = decode(&bytes)
            && counter % 2 == slot
            && best.is_none_or(|(_, highest)| counter > highest)
        {
            best = Some((mark, counter));
        }
    }
    best.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, said))
}

fn encode(mark: &Mark, counter: u64) -> [u8; SLOT_BYTES] {
    let mut bytes = Vec::with_capacity(SLOT_BYTES);
    bytes.extend_from_slice(MAGIC);
    put_u64(&mut bytes, counter);
    put_u32(&mut bytes, mark.shard);
    put_u32(&mut bytes, mark.epoch);
    put_u64(&mut bytes, mark.sequence.value());
    bytes.extend_from_slice(&mark.chain.0);
    let checksum = crc32c::crc32c(&bytes);
    put_u32(&mut bytes, checksum);
    bytes.resize(SLOT_BYTES, 0);
    bytes.try_into().expect("resized to the slot")
}

fn decode(bytes: &[u8; SLOT_BYTES]) -> Option<(Mark, u64)> {
    let mut reader = Reader::new(bytes);
    let magic = reader.take(MAGIC.len()).ok()?;
    let counter = reader.u64().ok()?;
    let mark = Mark {
        shard: reader.u32().ok()?,
        epoch: reader.u32().ok()?,
        sequence: Sequence::new(reader.u64().ok()?),
        chain: Chain(reader.take(32).ok()?.try_into().ok()?),
    };
    let checksum = reader.u32().ok()?;
    let bounded = counter < COUNTER_MAX && mark.sequence.value() < u64::MAX;
    let whole = magic == MAGIC && checksum == crc32c::crc32c(&bytes[..CHECKSUM_AT]);
    (whole && bounded).then_some((mark, counter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(sequence: u64) -> Mark {
        Mark {
            shard: 1,
            epoch: 4,
            sequence: Sequence::new(sequence),
            chain: Chain([sequence as u8; 32]),
        }
    }

    #[test]
    fn the_newest_mark_is_read_and_either_slot_survives_the_others_damage() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("head");
        assert_eq!(read(&path).expect("readable"), None);
        let mut head = HeadFile::create(&path, &mark(0)).expect("made");
        assert_eq!(read(&path).expect("readable"), Some(mark(0)));
        for sequence in 1..=5 {
            head.write(&mark(sequence)).expect("written");
            assert_eq!(read(&path).expect("readable"), Some(mark(sequence)));
        }
        // The fifth mark is in slot 1; a torn write there leaves the fourth.
        for torn_at in [0, 20, 63, 67] {
            let whole = std::fs::read(&path).expect("readable");
            let mut torn = whole.clone();
            torn[SLOT_BYTES + torn_at] ^= 0x40;
            std::fs::write(&path, &torn).expect("written");
            assert_eq!(read(&path).expect("readable"), Some(mark(4)));
            std::fs::write(&path, &whole).expect("written");
        }
        let (mut head, found) = HeadFile::open(&path).expect("opened");
        assert_eq!(found, mark(5));
        head.write(&mark(6)).expect("written");
        assert_eq!(read(&path).expect("readable"), Some(mark(6)));
    }

    #[test]
    fn a_file_without_a_readable_slot_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("head");
        for bytes in [vec![], vec![0; 2 * SLOT_BYTES], vec![0xff; 100]] {
            std::fs::write(&path, bytes).expect("written");
            let error = read(&path).expect_err("nothing to read");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(HeadFile::open(&path).is_err());
        }
    }

    #[test]
    fn the_bytes_of_a_mark_never_change() {
        let slot = encode(&mark(258), 7);
        let text = slot[..68].iter().fold(String::new(), |mut text, byte| {
            use std::fmt::Write as _;
            write!(text, "{byte:02x}").expect("a string takes all");
            text
        });
        assert!(slot[68..].iter().all(|byte| *byte == 0));
        assert_eq!(text, include_str!("head_v1.hex").trim());
        assert_eq!(decode(&slot), Some((mark(258), 7)));
    }
}

//! A snapshot: the whole engine at one sequence, in one file, so that a start need not replay
//! everything.
//!
//! ```text
//! "SJSNAP01" | format u16 | shard u32 | epoch u32 | sequence u64 | time i64 | chain [32]
//! state hash [32] | event hash u128 | semantics u32 | build: length u8, text | sections u16
//! each section: id u8 | length u64 | CRC32C u32 | bytes
//! BLAKE3 [32] of everything before
//! ```
//! All numbers little-endian. A file is made whole under another name, synced, renamed, and its
//! folder synced; so a file with the right name is whole, and one that is not was damaged later.
//!
//! Invariant: an engine restored from a file has the sequence, time, event hash and state hash the
//! file names, or is not given out. Not here: when one is taken (`runtime::housekeeping`), what a
//! section holds (each module of the engine).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::bytes::{BytesError, Reader, put_i64, put_u8, put_u16, put_u32, put_u64, put_u128};
use crate::engine::{Engine, SectionId};
use crate::journal::folder;
use crate::journal::record::Chain;
use crate::limits::Limits;
use crate::state_hash::{EventHash, StateHash};
use crate::types::{Sequence, Time};

const MAGIC: &[u8; 8] = b"SJSNAP01";
/// The format this build writes; it reads this one and every older one.
pub const FORMAT: u16 = 1;
/// How many snapshots are kept: so that any one may be damaged.
pub const KEPT: usize = 2;
const HASH_BYTES: usize = 32;
const PREFIX: &str = "snapshot_";

/// What a snapshot says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The shard.
    pub shard: u32,
    /// The epoch.
    pub epoch: u32,
    /// The last command in it; the last one of a journal record.
    pub sequence: Sequence,
    /// The time of that command.
    pub time: Time,
    /// The hash of that record: what the next record names.
    pub chain: Chain,
    /// The hash of all state.
    pub state_hash: StateHash,
    /// The running hash of all events.
    pub event_hash: EventHash,
    /// The rules version in force.
    pub semantics: u32,
    /// The build that wrote it, for people.
    pub build: String,
}

/// A snapshot: its header and the sections of the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// What it says of itself.
    pub header: Header,
    /// One versioned section a module.
    pub sections: Vec<(SectionId, Vec<u8>)>,
}

/// Why a snapshot cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SnapshotError {
    /// The file could not be read or written.
    Io(String),
    /// A format of a later build.
    Format(u16),
    /// The bytes are not those that were written.
    Damaged(&'static str),
    /// The sections do not make an engine.
    Sections(String),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(said) => f.write_str(said),
            Self::Format(format) => write!(
                f,
                "snapshot format {format} is of a later build; this one reads up to {FORMAT}"
            ),
            Self::Damaged(what) => write!(f, "damaged: {what}"),
            Self::Sections(said) => write!(f, "cannot be restored: {said}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl Snapshot {
    /// A snapshot of `engine`, whose last command was the last one of the record `chain`.
    pub fn of(engine: &Engine, stamp: &Stamp) -> Self {
        Self {
            header: Header {
                shard: stamp.shard,
                epoch: stamp.epoch,
                sequence: engine.sequence(),
                time: engine.time(),
                chain: stamp.chain,
                state_hash: engine.state_hash(),
                event_hash: engine.event_hash(),
                semantics: stamp.semantics,
                build: shortened(&stamp.build).to_owned(),
            },
            sections: engine.encode_sections(),
        }
    }

    /// The engine as it was, compared with what the header says of it. A build that knew fewer
    /// sections hashed those alone; the engine has more now, so its own hash differs from theirs.
    pub fn restore(&self, limits: Limits) -> Result<Engine, SnapshotError> {
        let engine = Engine::decode_sections(limits, &self.sections)
            .map_err(|error| SnapshotError::Sections(error.to_string()))?;
        let header = &self.header;
        let same = engine.sequence() == header.sequence
            && engine.time() == header.time
            && engine.event_hash() == header.event_hash
            && Engine::hash_of(&self.sections) == header.state_hash
            && engine.encode_sections().starts_with(&self.sections);
        if same {
            Ok(engine)
        } else {
            let said = "the engine differs from what the header says of it";
            Err(SnapshotError::Sections(said.to_owned()))
        }
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let content: usize = self.sections.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut out = Vec::with_capacity(content + 1_024);
        let header = &self.header;
        out.extend_from_slice(MAGIC);
        put_u16(&mut out, FORMAT);
        put_u32(&mut out, header.shard);
        put_u32(&mut out, header.epoch);
        put_u64(&mut out, header.sequence.value());
        put_i64(&mut out, header.time.nanoseconds());
        out.extend_from_slice(&header.chain.0);
        out.extend_from_slice(&header.state_hash.0);
        put_u128(&mut out, header.event_hash.0);
        put_u32(&mut out, header.semantics);
        put_u8(&mut out, header.build.len() as u8);
        out.extend_from_slice(header.build.as_bytes());
        put_u16(&mut out, self.sections.len() as u16);
        for (id, bytes) in &self.sections {
            put_u8(&mut out, *id as u8);
            put_u64(&mut out, bytes.len() as u64);
            put_u32(&mut out, crc32c::crc32c(bytes));
            out.extend_from_slice(bytes);
        }
        let hash = blake3::hash(&out);
        out.extend_from_slice(hash.as_bytes());
        out
    }

    /// Reads the bytes of a file.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let content = bytes
            .len()
            .checked_sub(HASH_BYTES)
            .ok_or(SnapshotError::Damaged("too short"))?;
        let (content, hash) = bytes.split_at(content);
        let mut reader = Reader::new(content);
        let short = |_| SnapshotError::Damaged("too short");
        if reader.take(MAGIC.len()).map_err(short)? != MAGIC {
            return Err(SnapshotError::Damaged("it does not begin as a snapshot"));
        }
        let format = reader.u16().map_err(short)?;
        if format > FORMAT {
            return Err(SnapshotError::Format(format));
        }
        if blake3::hash(content).as_bytes() != hash {
            let damaged = damaged_section(reader).unwrap_or("the hash of the whole differs");
            return Err(SnapshotError::Damaged(damaged));
        }
        let snapshot = read(&mut reader).map_err(short)?;
        reader.finish().map_err(short)?;
        Ok(snapshot)
    }
}

/// What a snapshot needs to know beside the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The shard.
    pub shard: u32,
    /// The epoch.
    pub epoch: u32,
    /// The hash of the last record applied.
    pub chain: Chain,
    /// The rules version in force.
    pub semantics: u32,
    /// The build.
    pub build: String,
}

/// The longest beginning of `build` that a length of one byte can hold.
fn shortened(build: &str) -> &str {
    let most = usize::from(u8::MAX).min(build.len());
    let end = (0..=most).rev().find(|end| build.is_char_boundary(*end));
    &build[..end.unwrap_or(0)]
}

fn read(reader: &mut Reader<'_>) -> Result<Snapshot, BytesError> {
    let header = read_header(reader)?;
    let count = reader.u16()?;
    let mut sections = Vec::new();
    for _ in 0..count {
        let (id, bytes, _) = read_section(reader)?;
        sections.push((id, bytes.to_vec()));
    }
    Ok(Snapshot { header, sections })
}

fn read_header(reader: &mut Reader<'_>) -> Result<Header, BytesError> {
    let shard = reader.u32()?;
    let epoch = reader.u32()?;
    let sequence = Sequence::new(reader.u64()?);
    if sequence.value() == u64::MAX {
        return Err(BytesError::range("sequence"));
    }
    let time = Time::new(reader.i64()?).ok_or(BytesError::range("time"))?;
    let chain = Chain(hash(reader)?);
    let state_hash = StateHash(hash(reader)?);
    let event_hash = EventHash(reader.u128()?);
    let semantics = reader.u32()?;
    let length = usize::from(reader.u8()?);
    let build = std::str::from_utf8(reader.take(length)?).map_err(|_| BytesError::Utf8)?;
    Ok(Header {
        shard,
        epoch,
        sequence,
        time,
        chain,
        state_hash,
        event_hash,
        semantics,
        build: build.to_owned(),
    })
}

fn hash(reader: &mut Reader<'_>) -> Result<[u8; HASH_BYTES], BytesError> {
    let bytes = reader.take(HASH_BYTES)?;
    Ok(bytes.try_into().expect("`take` gave as many"))
}

/// A section's id, its bytes, and whether they fit their checksum.
fn read_section<'a>(reader: &mut Reader<'a>) -> Result<(SectionId, &'a [u8], bool), BytesError> {
    let id = SectionId::from_code(reader.u8()?).ok_or(BytesError::range("section"))?;
    let length = usize::try_from(reader.u64()?).map_err(|_| BytesError::range("length"))?;
    let checksum = reader.u32()?;
    let bytes = reader.take(length)?;
    Ok((id, bytes, crc32c::crc32c(bytes) == checksum))
}

/// Names the kind of damage, once the whole is known to be damaged.
fn damaged_section(mut reader: Reader<'_>) -> Option<&'static str> {
    read_header(&mut reader).ok()?;
    for _ in 0..reader.u16().ok()? {
        match read_section(&mut reader) {
            Ok((_, _, true)) => {}
            Ok((_, _, false)) => return Some("the checksum of a section differs"),
            Err(_) => return Some("a section is cut"),
        }
    }
    None
}

/// The file of a snapshot at `sequence` in the folder `snapshots`.
pub fn path(snapshots: &Path, sequence: Sequence) -> PathBuf {
    snapshots.join(format!("{PREFIX}{:020}", sequence.value()))
}

/// The snapshots in a folder, newest first. A missing folder holds none.
pub fn list(snapshots: &Path) -> io::Result<Vec<(Sequence, PathBuf)>> {
    let entries = match std::fs::read_dir(snapshots) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let digits = name.and_then(|name| name.strip_prefix(PREFIX));
        if let Some(Ok(sequence)) = digits.map(str::parse) {
            found.push((Sequence::new(sequence), path));
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Writes a snapshot into the folder, whole, and gives its length in bytes.
pub fn write(snapshots: &Path, snapshot: &Snapshot) -> Result<u64, SnapshotError> {
    let bytes = snapshot.encode();
    folder::write_whole(&path(snapshots, snapshot.header.sequence), &bytes)?;
    Ok(bytes.len() as u64)
}

/// Reads a snapshot.
pub fn load(path: &Path) -> Result<Snapshot, SnapshotError> {
    Snapshot::decode(&std::fs::read(path)?)
}

/// Removes all but the newest [`KEPT`] snapshots, and files a crash left half-made.
pub fn keep_newest(snapshots: &Path) -> io::Result<()> {
    for (_, path) in list(snapshots)?.into_iter().skip(KEPT) {
        std::fs::remove_file(path)?;
    }
    for entry in std::fs::read_dir(snapshots)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            std::fs::remove_file(path)?;
        }
    }
    folder::sync_folder(snapshots)
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "snapshot_sample_tests.rs"]
pub(crate) mod sample;

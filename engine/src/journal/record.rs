//! One batch of commands as bytes: a header of 96 bytes, then the commands.
//!
//! ```text
//!  0 format u16 | 2 zero u16 | 4 shard u32 | 8 epoch u32 | 12 count u32 | 16 first sequence u64
//! 24 base time i64 | 32 events up to u64 | 40 hash of those events u128 | 56 chain [32]
//! 88 body length u32 | 92 CRC32C u32 of bytes 0..92 and the body | 96 body
//! ```
//! All numbers little-endian. `chain` is the BLAKE3 of the whole record before this one. `events
//! up to` lies between the command before the record and its last one. `base time` is the time of
//! the command before; each command's time is coded as the difference to the one before it.
//!
//! Invariant: bytes that decode are the bytes that were sealed; both ends check the same bounds.
//! Checksum, chain and event hash are paid once a batch. Not here: commands as bytes (`codec`).

use std::fmt;

use crate::bytes::{Reader, put_i64, put_u16, put_u32, put_u64, put_u128};
use crate::types::{Sequence, Time};

/// The format this build writes; it reads this one and every older one.
pub const FORMAT: u16 = 1;
/// Bytes of a header.
pub const HEADER_BYTES: usize = 96;
/// The most bytes of a body: 16 times the largest batch a client may send, so that a length
/// that was damaged is recognised before memory is asked for.
pub const BODY_BYTES_MAX: usize = 16 << 20;

const CHECKSUM_AT: usize = 92;

/// The BLAKE3 hash of a record: what the next one must name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Chain(pub [u8; 32]);

impl Chain {
    /// Before the first record.
    pub const GENESIS: Self = Self([0; 32]);

    /// The hash of a whole record.
    pub fn of(record: &[u8]) -> Self {
        Self(*blake3::hash(record).as_bytes())
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a record says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The shard.
    pub shard: u32,
    /// The epoch.
    pub epoch: u32,
    /// How many commands; at least 1.
    pub count: u32,
    /// The first command.
    pub first: Sequence,
    /// The time of the command before it.
    pub base_time: Time,
    /// The running hash of all events counts up to this command.
    pub events_at: Sequence,
    /// That hash.
    pub events_hash: u128,
    /// The hash of the record before.
    pub previous: Chain,
}

impl Header {
    /// The last command.
    pub fn last(&self) -> Sequence {
        Sequence::new(self.first.value() + u64::from(self.count) - 1)
    }

    /// What is out of bounds, if something is.
    fn fault(&self) -> Option<&'static str> {
        let last = self.first.value().checked_add(u64::from(self.count));
        if self.count == 0 {
            Some("count")
        } else if self.first == Sequence::ZERO || last.is_none() {
            Some("first sequence")
        } else if self.events_at.value() < self.first.value() - 1 || self.events_at > self.last() {
            Some("events up to")
        } else {
            None
        }
    }
}

/// Why bytes are not a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordError {
    /// Fewer or more bytes than the header says.
    Length {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A format of a later build.
    Format(u16),
    /// The checksum differs.
    Checksum,
    /// The named field is out of its bounds.
    Bounds(&'static str),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(f, "a record of {found} bytes should have {expected}")
            }
            Self::Format(format) => write!(
                f,
                "record format {format} is of a later build; this one reads up to {FORMAT}"
            ),
            Self::Checksum => f.write_str("the checksum of a record differs"),
            Self::Bounds(field) => write!(f, "{field} of a record is out of its bounds"),
        }
    }
}

impl std::error::Error for RecordError {}

/// Empties `record` and leaves room for the header; the body is then added at its end.
pub fn begin(record: &mut Vec<u8>) {
    record.clear();
    record.resize(HEADER_BYTES, 0);
}

/// Writes the header before the body that `record` holds, and gives the record's hash.
pub fn seal(header: &Header, record: &mut [u8]) -> Chain {
    let length = record
        .len()
        .checked_sub(HEADER_BYTES)
        .expect("`begin` left room for the header");
    assert!(
        length <= BODY_BYTES_MAX,
        "a body of {length} bytes is too long"
    );
    assert_eq!(header.fault(), None, "a header out of its bounds");
    let mut front = Vec::with_capacity(HEADER_BYTES);
    put_u16(&mut front, FORMAT);
    put_u16(&mut front, 0);
    put_u32(&mut front, header.shard);
    put_u32(&mut front, header.epoch);
    put_u32(&mut front, header.count);
    put_u64(&mut front, header.first.value());
    put_i64(&mut front, header.base_time.nanoseconds());
    put_u64(&mut front, header.events_at.value());
    put_u128(&mut front, header.events_hash);
    front.extend_from_slice(&header.previous.0);
    put_u32(&mut front, length as u32);
    record[..CHECKSUM_AT].copy_from_slice(&front);
    let checksum = checksum(record);
    record[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    Chain::of(record)
}

fn checksum(record: &[u8]) -> u32 {
    crc32c::crc32c_append(
        crc32c::crc32c(&record[..CHECKSUM_AT]),
        &record[HEADER_BYTES..],
    )
}

/// Reads a record: its header and its body.
pub fn open(record: &[u8]) -> Result<(Header, &[u8]), RecordError> {
    let short = |_| RecordError::Length {
        expected: HEADER_BYTES,
        found: record.len(),
    };
    let mut reader = Reader::new(record);
    let format = reader.u16().map_err(short)?;
    if format != FORMAT {
        return Err(RecordError::Format(format));
    }
    let zero = reader.u16().map_err(short)?;
    let shard = reader.u32().map_err(short)?;
    let epoch = reader.u32().map_err(short)?;
    let count = reader.u32().map_err(short)?;
    let first = Sequence::new(reader.u64().map_err(short)?);
    let base_time = reader.i64().map_err(short)?;
    let events_at = Sequence::new(reader.u64().map_err(short)?);
    let events_hash = reader.u128().map_err(short)?;
    let chain = reader.take(32).map_err(short)?;
    let length = reader.u32().map_err(short)? as usize;
    let expected = reader.u32().map_err(short)?;
    let body = &record[HEADER_BYTES..];
    if length != body.len() || length > BODY_BYTES_MAX {
        return Err(RecordError::Length {
            expected: HEADER_BYTES.saturating_add(length),
            found: record.len(),
        });
    }
    if checksum(record) != expected {
        return Err(RecordError::Checksum);
    }
    let header = Header {
        shard,
        epoch,
        count,
        first,
        base_time: Time::new(base_time).ok_or(RecordError::Bounds("base time"))?,
        events_at,
        events_hash,
        previous: Chain(chain.try_into().expect("`take` gave 32 bytes")),
    };
    match header.fault() {
        Some(field) => Err(RecordError::Bounds(field)),
        None if zero != 0 => Err(RecordError::Bounds("the zero field")),
        None => Ok((header, body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            shard: 3,
            epoch: 2,
            count: 5,
            first: Sequence::new(101),
            base_time: Time::new(1_700_000_000_000_000_000).expect("in bounds"),
            events_at: Sequence::new(105),
            events_hash: 0x0123_4567_89ab_cdef_0011_2233_4455_6677,
            previous: Chain([7; 32]),
        }
    }

    fn sealed(header: &Header, body: &[u8]) -> Vec<u8> {
        let mut record = vec![9; 4];
        begin(&mut record);
        record.extend_from_slice(body);
        let chain = seal(header, &mut record);
        assert_eq!(chain, Chain::of(&record));
        record
    }

    #[test]
    fn what_was_sealed_opens() {
        for body in [&b""[..], b"five commands"] {
            let record = sealed(&header(), body);
            assert_eq!(open(&record), Ok((header(), body)));
        }
        assert_eq!(header().last(), Sequence::new(105));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let record = sealed(&header(), b"some body");
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&damaged).is_err(), "bit {bit} went unseen");
        }
    }

    #[test]
    fn every_cut_is_seen() {
        let record = sealed(&header(), b"some body");
        for length in 0..record.len() {
            assert!(open(&record[..length]).is_err(), "{length} bytes passed");
        }
        let longer = [&record[..], &[0]].concat();
        assert!(matches!(open(&longer), Err(RecordError::Length { .. })));
    }

    #[test]
    fn event_points_lie_at_the_record() {
        for (at, fault) in [(99, true), (100, false), (105, false), (106, true)] {
            let header = Header {
                events_at: Sequence::new(at),
                ..header()
            };
            assert_eq!(header.fault().is_some(), fault, "events up to {at}");
        }
    }

    #[test]
    fn the_bytes_of_format_1_never_change() {
        let record = sealed(&header(), b"golden");
        let text = record.iter().fold(String::new(), |mut text, byte| {
            use std::fmt::Write as _;
            write!(text, "{byte:02x}").expect("a string takes all");
            text
        });
        assert_eq!(text, include_str!("record_v1.hex").trim());
    }
}

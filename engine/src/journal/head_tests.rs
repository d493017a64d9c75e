//! Tests of `head`: the bytes of a mark, what torn writes and damaged copies leave, and files of
//! the format before.
//!
//! Not here: a start on such a file (`engine/tests/damage`, `engine/tests/refusals.rs`).

use super::*;

/// What a write on a disk never tears.
const SECTOR_BYTES: usize = 512;

fn mark(sequence: u64) -> Mark {
    Mark {
        shard: 1,
        epoch: 4,
        sequence: Sequence::new(sequence),
        chain: Chain([sequence as u8; 32]),
    }
}

/// A slot of version 1: one copy, at 0.
fn encode_v1(mark: &Mark, counter: u64) -> [u8; SLOT_BYTES] {
    let mut slot = encode(mark, counter);
    slot[COPY_BYTES..].fill(0);
    slot[..MAGIC_V1.len()].copy_from_slice(MAGIC_V1);
    seal(&mut slot);
    slot
}

/// Makes the checksum of a copy fit.
fn seal(copy: &mut [u8]) {
    let sum = crc32c::crc32c(&copy[..CHECKSUM_AT]);
    copy[CHECKSUM_AT..COPY_BYTES].copy_from_slice(&sum.to_le_bytes());
}

/// A file in a folder of its own.
struct Place {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("head");
        Self {
            _folder: folder,
            path,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("readable")
    }

    fn put(&self, slots: [&[u8]; 2]) {
        std::fs::write(&self.path, slots.concat()).expect("written");
    }

    fn read(&self) -> io::Result<Option<Mark>> {
        read(&self.path)
    }

    fn says(&self, sequence: u64) {
        assert_eq!(self.read().expect("readable"), Some(mark(sequence)));
    }

    fn refused(&self) -> String {
        let error = self.read().expect_err("nothing to read");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(HeadFile::open(&self.path).is_err());
        error.to_string()
    }
}

#[test]
fn the_newest_mark_is_read_and_the_file_goes_on_from_it() {
    let place = Place::new();
    assert_eq!(place.read().expect("readable"), None);
    let mut head = HeadFile::create(&place.path, &mark(0)).expect("made");
    place.says(0);
    for sequence in 1..=5 {
        head.write(&mark(sequence)).expect("written");
        place.says(sequence);
    }
    let (mut head, found) = HeadFile::open(&place.path).expect("opened");
    assert_eq!(found, mark(5));
    head.write(&mark(6)).expect("written");
    place.says(6);
    assert_eq!(place.bytes().len(), 2 * SLOT_BYTES);
}

#[test]
fn one_damaged_copy_changes_nothing_and_two_leave_the_other_slot() {
    let place = Place::new();
    let (older, newer) = (encode(&mark(8), 8), encode(&mark(9), 9));
    let [(first, _), (second, _)] = COPIES;
    for hurt in 0..COPY_BYTES {
        for copies in [&[first][..], &[second], &[first, second]] {
            let mut slot = newer;
            for at in copies {
                slot[at + hurt] ^= 0x40;
            }
            place.put([&older, &slot]);
            place.says(if copies.len() == 1 { 9 } else { 8 });
            // One copy anywhere is enough.
            let whole = place.bytes();
            place.put([&[0; SLOT_BYTES], &whole[SLOT_BYTES..]]);
            if copies.len() == 1 {
                place.says(9);
            } else {
                place.refused();
            }
        }
    }
}

#[test]
fn a_torn_write_leaves_a_mark_of_that_slot_or_of_the_other() {
    let place = Place::new();
    let (other, new) = (encode(&mark(8), 8), encode(&mark(9), 9));
    let sectors = SLOT_BYTES / SECTOR_BYTES;
    let before = [
        (encode(&mark(7), 7), true),
        (encode_v1(&mark(7), 7), true),
        ([0; SLOT_BYTES], false),
    ];
    for (old, counts) in before {
        for written in 0..1_usize << sectors {
            let mut torn = old;
            for sector in (0..sectors).filter(|sector| written >> sector & 1 == 1) {
                let bytes = sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES;
                torn[bytes.clone()].copy_from_slice(&new[bytes]);
            }
            let took = COPIES.map(|(at, _)| written >> (at / SECTOR_BYTES) & 1 == 1);
            let arrived = took.contains(&true);
            place.put([&other, &torn]);
            place.says(if arrived { 9 } else { 8 });
            // By itself the slot says its old mark or the new one.
            place.put([&[0; SLOT_BYTES], &torn]);
            match (arrived, counts) {
                (true, _) => place.says(9),
                (false, true) => place.says(7),
                (false, false) => drop(place.refused()),
            }
        }
    }
}

#[test]
fn a_file_of_version_1_is_read_and_the_next_marks_make_it_version_2() {
    let place = Place::new();
    place.put([&encode_v1(&mark(6), 6), &encode_v1(&mark(5), 5)]);
    place.says(6);
    let (mut head, _) = HeadFile::open(&place.path).expect("opened");
    head.write(&mark(7)).expect("written");
    place.says(7);
    let mixed = place.bytes();
    assert_eq!(mixed[..SLOT_BYTES], encode_v1(&mark(6), 6));
    assert_eq!(mixed[SLOT_BYTES..], encode(&mark(7), 7));
    // Opened again, the file goes on from the newer slot; and the older one is still there.
    let (mut head, found) = HeadFile::open(&place.path).expect("opened");
    assert_eq!(found, mark(7));
    place.put([&mixed[..SLOT_BYTES], &[0; SLOT_BYTES]]);
    place.says(6);
    place.put([&mixed[..SLOT_BYTES], &mixed[SLOT_BYTES..]]);
    head.write(&mark(8)).expect("written");
    place.says(8);
    assert_eq!(place.bytes()[..SLOT_BYTES], encode(&mark(8), 8));
    // A mixed file whose slot of version 1 is the newer one: an earlier build went on with it.
    place.put([&encode_v1(&mark(8), 8), &encode(&mark(7), 7)]);
    place.says(8);
    // What version 1 wrote stands at 0 only.
    let mut elsewhere = encode_v1(&mark(8), 8);
    elsewhere.rotate_right(SLOT_BYTES / 2);
    place.put([&elsewhere, &encode(&mark(7), 7)]);
    place.says(7);
}

#[test]
fn a_mark_in_the_wrong_slot_or_beyond_all_counters_does_not_count() {
    let place = Place::new();
    for wrong in [encode(&mark(9), 10), encode(&mark(9), COUNTER_MAX)] {
        place.put([&encode(&mark(8), 8), &wrong]);
        place.says(8);
    }
}

#[test]
fn of_two_marks_under_one_counter_the_one_further_on_counts() {
    let place = Place::new();
    for sequences in [[8, 9], [9, 8]] {
        let mut slot = encode(&mark(sequences[0]), 9);
        let other = encode(&mark(sequences[1]), 9);
        slot[SLOT_BYTES / 2..].copy_from_slice(&other[SLOT_BYTES / 2..]);
        place.put([&encode(&mark(7), 8), &slot]);
        place.says(9);
    }
}

#[test]
fn a_file_without_a_readable_slot_or_cut_short_is_an_error() {
    let place = Place::new();
    place.put([&[0; SLOT_BYTES]; 2]);
    assert_eq!(place.refused(), "neither slot can be read");
    let whole = [encode(&mark(8), 8), encode(&mark(9), 9)].concat();
    for length in [0, 100, SLOT_BYTES, 2 * SLOT_BYTES - 1] {
        place.put([&whole[..length], &[]]);
        assert_eq!(place.refused(), "it is shorter than it was made");
    }
}

#[test]
fn a_later_format_in_any_copy_is_named_when_no_mark_can_be_read() {
    let place = Place::new();
    let later = "its format is of a later build, or it is damaged";
    for (at, _) in COPIES {
        for slot in [0, SLOT_BYTES] {
            let mut bytes = [0; 2 * SLOT_BYTES];
            let copy = &mut bytes[slot + at..][..COPY_BYTES];
            let ours = encode(&mark(9), slot as u64 / SLOT_BYTES as u64);
            copy.copy_from_slice(&ours[..COPY_BYTES]);
            copy[..MAGIC.len()].copy_from_slice(b"SJHEAD03");
            place.put([&bytes, &[]]);
            assert_eq!(place.refused(), later);
            // A checksum that fits does not make it ours.
            seal(&mut bytes[slot + at..]);
            place.put([&bytes, &[]]);
            assert_eq!(place.refused(), later);
        }
    }
    // One mark that can be read is enough: the rest is of the other slot's making, or damage.
    let mut slot = encode(&mark(9), 9);
    slot[..MAGIC.len()].copy_from_slice(b"SJHEAD03");
    place.put([&encode(&mark(8), 8), &slot]);
    place.says(9);
    // Our own magic over a checksum that does not fit is damage, not a later build.
    let mut hurt = [encode(&mark(8), 8), encode(&mark(9), 9)];
    for slot in &mut hurt {
        for (at, _) in COPIES {
            slot[at + CHECKSUM_AT] ^= 1;
        }
    }
    place.put([&hurt[0], &hurt[1]]);
    assert_eq!(place.refused(), "neither slot can be read");
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

#[test]
fn the_bytes_of_a_mark_never_change() {
    let mut slot = encode(&mark(258), 7);
    for (at, _) in COPIES {
        let copy = &mut slot[at..][..COPY_BYTES];
        assert_eq!(hex(copy), include_str!("head_v2.hex").trim());
        assert_eq!(decode(copy), Some((mark(258), 7)));
        copy.fill(0);
    }
    assert_eq!(COPIES.map(|(at, _)| at), [0, 2_048]);
    assert_eq!(slot, [0; SLOT_BYTES]);
}

#[test]
fn the_bytes_of_a_mark_of_version_1_are_read_for_ever() {
    let golden = include_str!("head_v1.hex").trim().as_bytes();
    let digits = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).expect("text");
        u8::from_str_radix(text, 16).expect("digits")
    };
    let mut slot: Vec<u8> = golden.chunks(2).map(digits).collect();
    assert_eq!(slot.len(), COPY_BYTES);
    slot.resize(SLOT_BYTES, 0);
    assert_eq!(slot, encode_v1(&mark(258), 7));
    let place = Place::new();
    place.put([&[0; SLOT_BYTES], &slot]);
    place.says(258);
}

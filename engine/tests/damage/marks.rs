//! The bytes of the head mark: two slots, each with two copies of its mark, and what can be done
//! to them.
//!
//! Not here: what else is hurt at the same time (`cuts`), other values with a checksum that fits
//! (`fields`).

use std::ops::Range;
use std::path::Path;

use super::image::Image;

/// The file.
pub const NAME: &str = "head";
const SLOT_BYTES: usize = 4_096;
/// Where the copies stand in a slot.
const COPIES: [usize; 2] = [0, COPY_BYTES];
/// From one copy to the next; most of it is zero.
const COPY_BYTES: usize = 2_048;
const SECTOR_BYTES: usize = 512;
const CHECKSUM: Range<usize> = 64..68;

/// Fields of a copy.
pub const FIELDS: [(&str, Range<usize>); 8] = [
    ("magic", 0..8),
    ("counter", 8..16),
    ("shard", 16..20),
    ("epoch", 20..24),
    ("sequence", 24..32),
    ("chain", 32..64),
    ("checksum", CHECKSUM),
    ("rest", 68..COPY_BYTES),
];

/// Which copies of a slot are hurt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Copies {
    First,
    Second,
    Both,
}

/// Every choice of copies.
pub const CHOICES: [Copies; 3] = [Copies::First, Copies::Second, Copies::Both];

impl Copies {
    /// Where they begin in a slot.
    fn begins(self) -> &'static [usize] {
        match self {
            Self::First => &COPIES[..1],
            Self::Second => &COPIES[1..],
            Self::Both => &COPIES,
        }
    }
}

/// Copies to hurt: in words, which of a slot, and where in the file each begins.
pub struct Chosen {
    pub what: String,
    pub copies: Copies,
    pub begins: Vec<usize>,
}

/// Every choice of copies in the newer slot, in the older, in both.
pub fn chosen(image: &Image) -> Vec<Chosen> {
    let newer = newer(&image.files[Path::new(NAME)]);
    let slots = [
        ("newer", vec![newer]),
        ("older", vec![1 - newer]),
        ("both", vec![0, 1]),
    ];
    let choose = |(word, slots): &(&str, Vec<usize>), copies: Copies| Chosen {
        what: format!("{word} {copies:?}"),
        copies,
        begins: slots
            .iter()
            .flat_map(|slot| copies.begins().iter().map(move |at| slot * SLOT_BYTES + at))
            .collect(),
    };
    slots
        .iter()
        .flat_map(|slots| CHOICES.map(|copies| choose(slots, copies)))
        .collect()
}

/// The slot with the higher counter.
fn newer(bytes: &[u8]) -> usize {
    let counter = |slot: usize| {
        let field = &bytes[slot * SLOT_BYTES..][8..16];
        u64::from_le_bytes(field.try_into().expect("eight bytes"))
    };
    usize::from(counter(1) > counter(0))
}

/// Makes the checksum of a copy fit.
pub fn fit(copy: &mut [u8]) {
    let sum = crc32c::crc32c(&copy[..CHECKSUM.start]);
    copy[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
}

/// The file with `copies` of its newest mark damaged in every way that a checksum shows: a bit of
/// each field, the sector empty, the sector of ones.
pub fn newest_hurt(image: &Image, copies: Copies) -> Vec<(String, Vec<u8>)> {
    let bytes = &image.files[Path::new(NAME)];
    let slot = newer(bytes) * SLOT_BYTES;
    let with = |what: &str, change: &dyn Fn(&mut [u8])| {
        let mut hurt = bytes.clone();
        for at in copies.begins() {
            change(&mut hurt[slot + at..][..SECTOR_BYTES]);
        }
        (what.to_owned(), hurt)
    };
    let covered = FIELDS.iter().filter(|(name, _)| *name != "rest");
    covered
        .map(|(name, place)| with(name, &|sector| sector[place.end - 1] ^= 0x10))
        .chain([
            with("empty", &|sector| sector.fill(0)),
            with("ones", &|sector| sector.fill(0xff)),
        ])
        .collect()
}

//! Every field of the head mark, of a snapshot's header and of a record's header with another
//! value, both with the checksum it had and with one that fits.
//!
//! Not here: bytes anywhere (`flips`).

use std::ops::Range;
use std::path::{Path, PathBuf};

use sanjiang_engine::journal::record;
use sanjiang_engine::types::Sequence;

use super::database;
use super::hurt::Damage;
use super::image::Image;
use super::judge::{Outcome, judge};
use super::marks::{self, Chosen, Copies};
use super::table::Case;

/// A field: its name and where it lies.
type Field = (&'static str, Range<usize>);

/// Fields of a snapshot's header, up to the name of the build.
const SNAPSHOT: [Field; 13] = [
    ("magic", 0..8),
    ("format", 8..10),
    ("shard", 10..14),
    ("epoch", 14..18),
    ("sequence", 18..26),
    ("time", 26..34),
    ("chain", 34..66),
    ("state hash", 66..98),
    ("event hash", 98..114),
    ("semantics", 114..118),
    ("length of build", 118..119),
    ("build", 119..125),
    ("sections", 125..127),
];
const HASH_BYTES: usize = 32;

const RECORD: [Field; 12] = [
    ("format", 0..2),
    ("zero", 2..4),
    ("shard", 4..8),
    ("epoch", 8..12),
    ("count", 12..16),
    ("first", 16..24),
    ("base time", 24..32),
    ("events up to", 32..40),
    ("events hash", 40..56),
    ("chain", 56..88),
    ("body length", 88..92),
    ("checksum", 92..96),
];
const RECORD_CHECKSUM: usize = 92;

/// Another value for a field, by its name.
type Value = (&'static str, fn(&mut [u8]));

/// What a field has instead: one more, one less, nothing, all ones.
const VALUES: [Value; 4] = [
    ("+1", |field| add(field, 1)),
    ("-1", |field| add(field, 0xff)),
    ("=0", |field| field.fill(0)),
    ("=max", |field| field.fill(0xff)),
];

/// All values for a field, or the one whose turn it is.
fn values(all: bool, turn: usize) -> &'static [Value] {
    let one = turn % VALUES.len();
    if all { &VALUES } else { &VALUES[one..=one] }
}

/// Adds to a little-endian number; 0xff takes one away.
fn add(field: &mut [u8], what: u8) {
    let mut carry = u16::from(what);
    for byte in field {
        let sum = u16::from(*byte) + carry;
        *byte = sum as u8;
        carry = if what == 0xff {
            0xff + (sum >> 8)
        } else {
            sum >> 8
        } & 0xff;
        if carry == 0 {
            break;
        }
    }
}

/// Every field of the head mark: of one copy or both, in the newer slot, the older, both.
pub fn of_the_head(image: &Image, all: bool) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for (turn, (field, place)) in marks::FIELDS.into_iter().enumerate() {
        for &(value, change) in values(all, turn) {
            for Chosen {
                what,
                copies,
                begins,
            } in marks::chosen(image)
            {
                for fits in [false, true] {
                    let (begins, place) = (begins.clone(), place.clone());
                    cases.push(Case {
                        kind: "head mark's fields".to_owned(),
                        what: format!("{:?} {field} {value} {what} fits {fits}", image.end),
                        run: Box::new(move || {
                            let damage = head(image, &begins, &place, change, fits);
                            let outcome = judge(image, &damage, image.acknowledged)?;
                            // The other copy of each slot is whole, and the journal too.
                            let one = copies != Copies::Both && !fits;
                            if one && outcome != Outcome::Exact {
                                return Err(format!("{outcome:?}"));
                            }
                            Ok(outcome)
                        }),
                    });
                }
            }
        }
    }
    cases
}

fn head(
    image: &Image,
    begins: &[usize],
    place: &Range<usize>,
    change: fn(&mut [u8]),
    fits: bool,
) -> Damage<'static> {
    let name = Path::new(marks::NAME);
    let mut hurt = image.files[name].clone();
    for begin in begins {
        let copy = &mut hurt[*begin..];
        change(&mut copy[place.clone()]);
        if fits {
            marks::fit(copy);
        }
    }
    Damage::put(name, hurt)
}

/// Every field of a snapshot's header: of the newest, of the older, of both.
pub fn of_snapshots(image: &Image, all: bool) -> Vec<Case<'_>> {
    let mut names: Vec<_> = image
        .files
        .keys()
        .filter(|name| name.starts_with("snapshots"))
        .collect();
    names.reverse();
    assert_eq!(names.len(), 2, "two snapshots are kept");
    let which = [&names[..1], &names[1..], &names[..]];
    let mut cases = Vec::new();
    for (turn, (field, place)) in SNAPSHOT.into_iter().enumerate() {
        for &(value, change) in values(all, turn) {
            for names in which {
                for fits in [false, true] {
                    let names: Vec<PathBuf> = names.iter().copied().cloned().collect();
                    let place = place.clone();
                    cases.push(Case {
                        kind: "snapshot's fields".to_owned(),
                        what: format!("{:?} {field} {value} {names:?} fits {fits}", image.end),
                        run: Box::new(move || {
                            let mut damage = Damage::default();
                            for name in &names {
                                let hurt = snapshot(&image.files[name], &place, change, fits);
                                damage = damage.and_put(name, hurt);
                            }
                            judge(image, &damage, image.acknowledged)
                        }),
                    });
                }
            }
        }
    }
    cases
}

fn snapshot(bytes: &[u8], place: &Range<usize>, change: fn(&mut [u8]), fits: bool) -> Vec<u8> {
    let mut hurt = bytes.to_vec();
    change(&mut hurt[place.clone()]);
    if fits {
        let content = hurt.len() - HASH_BYTES;
        let hash = *blake3::hash(&hurt[..content]).as_bytes();
        hurt[content..].copy_from_slice(&hash);
    }
    hurt
}

/// The records that are altered: of the oldest segment, between the snapshots, after both, and the
/// last two.
fn chosen(image: &Image) -> Vec<(Sequence, Vec<u8>)> {
    let count = image.records.len();
    let (between, _) = image.heads[0];
    let tail = image.records.iter().position(|(first, _)| *first > between);
    let tail = tail.expect("there is a tail");
    let places = [image.held + 2, tail - 12, tail + 3, count - 2, count - 1];
    places.map(|at| image.records[at].clone()).into()
}

/// Every field of a record's header, written back through the database.
pub fn of_records(image: &Image, all: bool) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for (record, (at, bytes)) in chosen(image).into_iter().enumerate() {
        for (turn, (field, place)) in RECORD.into_iter().enumerate() {
            for &(value, change) in values(all, record + turn) {
                for fits in [false, true] {
                    let mut hurt = bytes.clone();
                    change(&mut hurt[place.clone()]);
                    if fits {
                        fit(&mut hurt);
                    }
                    if hurt != bytes {
                        let what = format!("{} {field} {value} fits {fits}", at.value());
                        cases.push(rewritten(image, "record's fields", &what, vec![(at, hurt)]));
                    }
                }
            }
        }
    }
    cases
}

/// Makes the checksum of a record fit.
pub fn fit(record: &mut [u8]) {
    let sum = crc32c::crc32c_append(
        crc32c::crc32c(&record[..RECORD_CHECKSUM]),
        &record[record::HEADER_BYTES..],
    );
    record[RECORD_CHECKSUM..][..4].copy_from_slice(&sum.to_le_bytes());
}

/// A record taken away, and two with each other's bytes.
pub fn of_the_order(image: &Image) -> Vec<Case<'_>> {
    let chosen = chosen(image);
    let mut cases = Vec::new();
    for (at, bytes) in &chosen {
        let at = *at;
        cases.push(Case {
            kind: "record removed".to_owned(),
            what: format!("{:?} {}", image.end, at.value()),
            run: Box::new(move || {
                let act = |folder: &Path| database::remove(folder, at);
                judge(image, &Damage::done(&act), image.acknowledged)
            }),
        });
        for (other, others) in &chosen {
            if *other > at {
                let what = format!("{} and {}", at.value(), other.value());
                let both = vec![(at, others.clone()), (*other, bytes.clone())];
                cases.push(rewritten(image, "records swapped", &what, both));
            }
        }
    }
    cases
}

/// Records written back through the database with other bytes.
pub fn rewritten<'a>(
    image: &'a Image,
    kind: &str,
    what: &str,
    records: Vec<(Sequence, Vec<u8>)>,
) -> Case<'a> {
    Case {
        kind: kind.to_owned(),
        what: format!("{:?} {what}", image.end),
        run: Box::new(move || {
            let act = |folder: &Path| {
                for (at, bytes) in &records {
                    database::put(folder, *at, bytes);
                }
            };
            judge(image, &Damage::done(&act), image.acknowledged)
        }),
    }
}

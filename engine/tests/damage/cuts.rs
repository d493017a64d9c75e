//! The log cut near its logical end, which in a log that was used before lies megabytes before the
//! end of the file.
//!
//! With the mark at the end, what is cut was acknowledged: refused. With the mark where it stood
//! when only what lies below the cut was on disk, nobody was told of what is cut: it is trimmed,
//! and nothing else is. With one copy of the newest mark damaged as well, the other still tells
//! what was acknowledged. Not here: damage that no cut explains.

use std::ops::Range;
use std::path::{Path, PathBuf};

use sanjiang_engine::journal::record;
use sanjiang_engine::types::Sequence;

use super::hurt::Damage;
use super::image::Image;
use super::judge::{Outcome, judge, judge_later};
use super::marks::{self, Copies};
use super::random::Random;
use super::table::Case;

/// What stands after the cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rest {
    /// Nothing: the file ends.
    Nothing,
    /// Zeros.
    Zeros,
    /// What an earlier use of the log left.
    Older,
}

/// A record in the log: where its bytes lie, and its commands.
struct Placed {
    bytes: Range<usize>,
    first: Sequence,
    last: Sequence,
}

impl Placed {
    /// Where its last byte is that zeros would not leave as it was.
    fn last_byte(&self, log: &[u8]) -> usize {
        let from_end = log[self.bytes.clone()].iter().rev();
        self.bytes.end - 1 - from_end.take_while(|byte| **byte == 0).count()
    }
}

/// `count` places, spread over the records whose marks are known.
pub fn cases(image: &Image, count: usize, seed: u64) -> Vec<Case<'_>> {
    let (log, _) = image.logical_end().expect("the last record is in a log");
    let placed = placed(image, &log);
    let (begin, end) = (placed[0].bytes.start, placed[placed.len() - 1].bytes.end);
    let mut random = Random::new(seed);
    let mut cases = Vec::new();
    for index in 0..count {
        // The very ends of records first, then anywhere.
        let at = match placed.get(index / 2) {
            Some(record) if index % 2 == 0 => record.bytes.end,
            Some(record) => record.last_byte(&image.files[&log]),
            None => begin + random.below(end - begin),
        };
        let rest = [Rest::Nothing, Rest::Zeros, Rest::Older][index % 3];
        let before = &image.files[&log];
        let after = cut(before, at, rest);
        let is_whole =
            |record: &&Placed| after.get(record.bytes.clone()) == before.get(record.bytes.clone());
        let whole = placed.iter().take_while(is_whole).last();
        let kept = whole.map_or(Sequence::new(placed[0].first.value() - 1), |one| one.last);
        let next = placed.iter().find(|record| record.first > kept);
        for mark_at_end in [true, false] {
            cases.push(case(
                image,
                (log.clone(), at, rest),
                kept,
                next,
                mark_at_end,
            ));
        }
    }
    cases
}

/// The records of the tail, where they lie in the log.
fn placed(image: &Image, log: &Path) -> Vec<Placed> {
    let (from, _) = image.heads[0];
    let after = image.records.iter().filter(|(first, _)| *first > from);
    let one = |(first, bytes): &(Sequence, Vec<u8>)| {
        let (name, place) = image.in_log(bytes).expect("the tail is in a log");
        assert_eq!(name, log, "the tail is in one log");
        let (header, _) = record::open(bytes).expect("a record");
        Placed {
            bytes: place,
            first: *first,
            last: header.last(),
        }
    };
    after.map(one).collect()
}

fn case<'a>(
    image: &'a Image,
    (log, at, rest): (PathBuf, usize, Rest),
    kept: Sequence,
    next: Option<&Placed>,
    mark_at_end: bool,
) -> Case<'a> {
    let mark = if mark_at_end { "the end" } else { "the cut" };
    let lost = next.map(|record| record.first);
    let head = image.heads.iter().rev().find(|(marked, _)| *marked <= kept);
    let head = head
        .map(|(_, bytes)| bytes.clone())
        .expect("the first stands before the tail");
    Case {
        kind: format!("log cut, mark at {mark}"),
        what: format!("at byte {at}, then {rest:?}"),
        run: Box::new(move || {
            let content = cut(&image.files[&log], at, rest);
            let damage = Damage::put(&log, content);
            if mark_at_end {
                let outcome = judge(image, &damage, image.acknowledged)?;
                return match (&outcome, lost) {
                    (Outcome::Exact, None) => Ok(outcome),
                    (Outcome::Refused(text), Some(first)) if names(text, first, image) => {
                        Ok(outcome)
                    }
                    _ => Err(format!("{outcome:?}")),
                };
            }
            let damage = damage.and_put(Path::new(marks::NAME), head.clone());
            let outcome = judge_later(image, &damage, kept)?;
            match (&outcome, lost) {
                (Outcome::Exact, None) | (Outcome::Trimmed, Some(_)) => Ok(outcome),
                _ => Err(format!("{outcome:?}")),
            }
        }),
    }
}

/// The log cut below its last record, and one copy of the newest mark damaged: the other says that
/// the record was acknowledged. With both damaged the mark before is what is left, and it says as
/// much of the record below.
pub fn below_a_hurt_mark(image: &Image) -> Vec<Case<'_>> {
    let (log, _) = image.logical_end().expect("the last record is in a log");
    let placed = placed(image, &log);
    let [.., third, second, last] = &placed[..] else {
        panic!("a tail of many records")
    };
    let mut cases = Vec::new();
    for copies in marks::CHOICES {
        let (kept, lost, told) = match copies {
            Copies::First | Copies::Second => (second, last, last),
            Copies::Both => (third, second, second),
        };
        let range = format!("{}..={}", lost.first.value(), told.last.value());
        for (way, head) in marks::newest_hurt(image, copies) {
            for at in [kept.bytes.end, lost.last_byte(&image.files[&log])] {
                for rest in [Rest::Nothing, Rest::Zeros, Rest::Older] {
                    let (log, head, range) = (log.clone(), head.clone(), range.clone());
                    cases.push(Case {
                        kind: format!("log cut, mark: {copies:?}").to_lowercase(),
                        what: format!("at byte {at}, then {rest:?}; {way}"),
                        run: Box::new(move || {
                            let content = cut(&image.files[&log], at, rest);
                            let damage = Damage::put(&log, content);
                            let damage = damage.and_put(Path::new(marks::NAME), head.clone());
                            let outcome = judge(image, &damage, image.acknowledged)?;
                            refused(outcome, &range)
                        }),
                    });
                }
            }
        }
    }
    cases
}

fn refused(outcome: Outcome, range: &str) -> Result<Outcome, String> {
    match &outcome {
        Outcome::Refused(text) if text.contains(range) => Ok(outcome),
        Outcome::Exact | Outcome::Trimmed | Outcome::Refused(_) => Err(format!("{outcome:?}")),
    }
}

fn names(text: &str, first: Sequence, image: &Image) -> bool {
    let range = format!("{}..={}", first.value(), image.acknowledged.value());
    text.contains(&range)
}

fn cut(content: &[u8], at: usize, rest: Rest) -> Vec<u8> {
    let mut content = content.to_vec();
    match rest {
        Rest::Nothing => content.truncate(at),
        Rest::Zeros => content[at..].fill(0),
        Rest::Older => {
            // As the disk still held them: bytes of the same log from further on.
            let half = (content.len() - at) / 2;
            content.copy_within(at + half.., at);
        }
    }
    content
}

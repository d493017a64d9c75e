//! The walk of a start: from a snapshot to the end, compared with the head mark.
//!
//! Invariant: below the head mark nothing may be missing, but what an operator accepted as lost;
//! above it only a last part that cannot be read may be cut, since nobody was told of it. Not
//! here: what may follow what (`walk`).

use std::collections::BTreeMap;

use super::walk::{Finding, Origin, Step, Walk, quarantine};
use crate::journal::head::Mark;
use crate::journal::record::{self, Chain, Header, RecordError};
use crate::journal::{Journal, JournalError, Stored};
use crate::runtime::{MissingRange, StartError};
use crate::types::Sequence;

/// What the walk of a start found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survey {
    /// The last command of the last whole record.
    pub end: Origin,
    /// The key of that record, if the walk saw one.
    pub last_record: Option<Sequence>,
    /// The commands quarantined after the origin.
    pub quarantined: Quarantined,
    /// Keys of records at the end that cannot be read and that nobody was told of.
    pub cut: Vec<Sequence>,
}

/// Quarantined commands, each with the last command that quarantines it.
pub type Quarantined = BTreeMap<Sequence, Sequence>;

/// The quarantined commands that `records` name. Ends at the first that cannot be read.
///
/// # Errors
/// What the store says.
pub fn quarantined(
    records: impl Iterator<Item = Result<Stored, JournalError>>,
) -> Result<Quarantined, JournalError> {
    let mut found = Quarantined::new();
    for stored in records {
        let (_, bytes) = stored?;
        match record::open(&bytes) {
            Ok((header, body)) => collect(&mut found, &header, body),
            Err(_) => break,
        }
    }
    Ok(found)
}

fn collect(found: &mut Quarantined, header: &Header, body: &[u8]) {
    if let Some(sequence) = quarantine(header, body) {
        found.insert(sequence, header.first);
    }
}

/// Walks from `origin` to the end and compares with the head mark. `see` is called with the header
/// and the body of each record that follows.
pub fn survey(
    journal: &dyn Journal,
    origin: Origin,
    mark: &Mark,
    mut see: impl FnMut((&Header, &[u8])),
) -> Result<Survey, StartError> {
    let mut walk = Walk {
        shard: mark.shard,
        origin,
    };
    let mut found = Survey {
        end: origin,
        last_record: None,
        quarantined: Quarantined::new(),
        cut: Vec::new(),
    };
    let mut unreadable: Option<(Sequence, String)> = None;
    for stored in journal
        .read_from(origin.at.next())
        .map_err(|error| reading(&error))?
    {
        let (key, bytes) = stored.map_err(|error| reading(&error))?;
        if belongs_before(origin, key, &bytes) {
            continue;
        }
        let after = walk.origin.at;
        newer(key, &bytes)?;
        let step = walk.step(key, &bytes);
        match (step, &unreadable) {
            (Ok(Step { header, .. }), None) => {
                check_mark(&header, walk.origin.chain, mark)?;
                let body = &bytes[record::HEADER_BYTES..];
                collect(&mut found.quarantined, &header, body);
                found.last_record = Some(key);
                see((&header, body));
            }
            (Err(Finding::Unreadable(said)), _) => {
                found.cut.push(key);
                unreadable.get_or_insert((key, said));
            }
            // A record that can be read stands after one that cannot: not a torn end.
            (_, Some((key, said))) => return Err(unreadable_at(*key, said, mark)),
            (Err(Finding::Gap(missing)), None) => return Err(gap(missing, mark)),
            (Err(Finding::Link(found)), None) => return Err(StartError::Damaged { after, found }),
        }
    }
    found.end = walk.origin;
    if found.end.at < mark.sequence {
        let missing = MissingRange {
            first: found.end.at.next(),
            last: mark.sequence,
        };
        let said = match &unreadable {
            Some((_, said)) => said.clone(),
            None => format!("the journal ends at command {}", found.end.at.value()),
        };
        return Err(StartError::Missing {
            missing,
            head_mark: mark.sequence,
            found: said,
        });
    }
    Ok(found)
}

/// A record of a later build is not a torn one: nobody may cut it.
pub(super) fn newer(key: Sequence, bytes: &[u8]) -> Result<(), StartError> {
    match record::open(bytes) {
        Err(error @ RecordError::Format(_)) => Err(StartError::Newer {
            found: format!("the record at {}: {error}", key.value()),
        }),
        _ => Ok(()),
    }
}

/// Whether a record lies wholly before the walk (the reader gives the one that holds the origin).
fn belongs_before(origin: Origin, key: Sequence, bytes: &[u8]) -> bool {
    key <= origin.at && record::open(bytes).map_or(true, |(header, _)| header.last() <= origin.at)
}

/// The record in which the mark lies must be the one the mark names.
pub(super) fn check_mark(header: &Header, chain: Chain, mark: &Mark) -> Result<(), StartError> {
    let holds_mark = header.first <= mark.sequence && mark.sequence <= header.last();
    let same = header.last() == mark.sequence && chain == mark.chain;
    if !holds_mark || same && header.epoch == mark.epoch {
        return Ok(());
    }
    Err(StartError::Damaged {
        after: Sequence::new(header.first.value() - 1),
        found: format!(
            "the record at {} is not the one the head mark names",
            header.first.value()
        ),
    })
}

pub(super) fn gap(missing: MissingRange, mark: &Mark) -> StartError {
    let found = format!(
        "the journal goes on at command {}",
        missing.last.next().value()
    );
    if missing.first > mark.sequence {
        let after = Sequence::new(missing.first.value() - 1);
        let found = format!("commands {missing} are missing; {found}");
        return StartError::Damaged { after, found };
    }
    StartError::Missing {
        missing,
        head_mark: mark.sequence,
        found,
    }
}

fn unreadable_at(key: Sequence, said: &str, mark: &Mark) -> StartError {
    StartError::Damaged {
        after: Sequence::new(key.value().saturating_sub(1)),
        found: format!(
            "the record at {} cannot be read ({said}) and is not the last one (head mark {})",
            key.value(),
            mark.sequence.value()
        ),
    }
}

pub(crate) fn reading(error: &JournalError) -> StartError {
    StartError::Damaged {
        after: Sequence::ZERO,
        found: error.to_string(),
    }
}

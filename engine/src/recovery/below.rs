//! The walk below a snapshot, over the records whose commands the snapshot holds already.
//!
//! The state does not need them, yet they are history that somebody was promised, and those since
//! the older snapshot are what makes up for damage of the newer one. So a start looks at every
//! record the journal holds before it accepts any.
//!
//! Invariant: nothing is missing from the oldest snapshot on, and the newest one follows from the
//! record it was taken at. Not here: what stands above the snapshot (`survey`).

use super::survey::{check_mark, gap, newer, reading};
use super::walk::{Finding, Origin, Walk, begins_epoch};
use crate::journal::Journal;
use crate::journal::head::Mark;
use crate::journal::record;
use crate::runtime::{MissingRange, StartError};
use crate::types::Sequence;

/// Walks up to `origin`, the newest snapshot that can be used, from the first command the journal
/// itself holds (zero where it is empty), which must reach the oldest snapshot there. The archive
/// below is the tools' to walk. Gives the first command of the last record walked.
///
/// # Errors
/// A record is missing, cannot be read or does not follow; or the snapshot does not.
pub fn below(
    journal: &dyn Journal,
    origin: Origin,
    (begins, oldest): (Sequence, Sequence),
    mark: &Mark,
    mut progress: impl FnMut(Sequence),
) -> Result<Option<Sequence>, StartError> {
    if begins == Sequence::ZERO && origin.at > Sequence::ZERO {
        return Err(StartError::Missing {
            missing: MissingRange {
                first: oldest.next().min(origin.at),
                last: origin.at.max(mark.sequence),
            },
            head_mark: mark.sequence,
            found: "the journal is empty".to_owned(),
        });
    }
    let mut walked: Option<(Walk, Sequence)> = None;
    let records = journal.read_from(begins).map_err(|error| reading(&error))?;
    for stored in records {
        let (key, bytes) = stored.map_err(|error| reading(&error))?;
        if key > origin.at {
            break;
        }
        newer(key, &bytes)?;
        let mut walk = match walked {
            Some((walk, _)) => walk,
            None => first(key, &bytes, oldest, mark)?,
        };
        let after = walk.origin.at;
        let step = walk.step(key, &bytes);
        let step = step.map_err(|finding| refused(finding, key, after, mark))?;
        check_mark(&step.header, walk.origin.chain, mark)?;
        progress(step.header.last());
        walked = Some((walk, key));
    }
    match walked {
        Some((walk, _)) if walk.origin != origin => Err(StartError::Damaged {
            after: walk.origin.at.min(origin.at),
            found: format!(
                "the snapshot at {} does not follow from the records before it",
                origin.at.value()
            ),
        }),
        Some((_, key)) => Ok(Some(key)),
        None => Ok(None),
    }
}

/// A walk that begins with the first record the journal holds. What lies before it was dropped,
/// and that never reaches above the oldest snapshot.
fn first(key: Sequence, bytes: &[u8], oldest: Sequence, mark: &Mark) -> Result<Walk, StartError> {
    let (header, body) = record::open(bytes).map_err(|error| {
        let finding = Finding::Unreadable(error.to_string());
        refused(finding, key, before(key), mark)
    })?;
    let begins = begins_epoch(&header, body);
    let origin = match begins {
        Some(begin) => Origin {
            at: begin.lost.map_or(before(key), |(first, _)| before(first)),
            chain: header.previous,
            epoch: header.epoch.saturating_sub(1),
        },
        None if key == Origin::BEGIN.at.next() => Origin::BEGIN,
        None if key <= oldest.next() => Origin {
            at: before(key),
            chain: header.previous,
            epoch: header.epoch,
        },
        None => {
            let first = oldest.next();
            let last = before(key);
            return Err(gap(MissingRange { first, last }, mark));
        }
    };
    Ok(Walk {
        shard: mark.shard,
        origin,
    })
}

fn before(sequence: Sequence) -> Sequence {
    Sequence::new(sequence.value().saturating_sub(1))
}

fn refused(finding: Finding, key: Sequence, after: Sequence, mark: &Mark) -> StartError {
    match finding {
        Finding::Gap(missing) => gap(missing, mark),
        Finding::Link(found) => StartError::Damaged { after, found },
        Finding::Unreadable(said) => StartError::Damaged {
            after,
            found: format!("the record at {} cannot be read ({said})", key.value()),
        },
    }
}

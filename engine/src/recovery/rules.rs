//! Under which version of the rules the records of a walk were written.
//!
//! A start on records of another version journals its own before anything else, so that command
//! stands first in its record. Looked at before anything is applied or opened, so that a build
//! which must not replay what it finds has touched nothing when it says so.
//!
//! Invariant: nothing is applied; what an operator's act begins (`BeginEpoch`) is under no rules.
//! Not here: replay itself, which refuses again what it meets (`runtime::replayer`).

use crate::SEMANTICS_VERSION;
use crate::bytes::Reader;
use crate::command::Body;
use crate::journal::codec;
use crate::journal::record::Header;
use crate::runtime::{OtherRules, StartError};
use crate::types::Sequence;

/// What a walk has seen of versions so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rules {
    version: u32,
    /// The command that put the version in force, if the walk saw it.
    since: Sequence,
    foreign: Option<OtherRules>,
    /// A version began after the foreign commands.
    closed: bool,
}

impl Rules {
    /// Before the first record of a walk that begins under `version`; 0 before the first command.
    pub(crate) fn after(version: u32) -> Self {
        Self {
            version,
            since: Sequence::ZERO,
            foreign: None,
            closed: false,
        }
    }

    /// The next record.
    pub(crate) fn see(&mut self, header: &Header, body: &[u8]) {
        let mut first = header.first;
        if let Some(version) = begins_version(header, body) {
            self.version = version;
            self.since = first;
            self.closed = self.foreign.is_some();
            first = first.next();
        } else if codec::begins_with_epoch(body) {
            first = first.next();
        }
        if first > header.last() || self.version == SEMANTICS_VERSION || self.closed {
            return;
        }
        let foreign = OtherRules {
            version: self.version,
            first,
            last: header.last(),
        };
        self.foreign.get_or_insert(foreign).last = header.last();
    }

    /// The first commands in a row of another version, if there are any.
    pub(crate) fn foreign(&self) -> Option<OtherRules> {
        self.foreign
    }

    /// Whether this build may replay all that was seen.
    ///
    /// # Errors
    /// What was written under an older version must be replayed by a build of it; what is of a
    /// later one is not for this build at all.
    pub(crate) fn judge(&self) -> Result<(), StartError> {
        if self.version > SEMANTICS_VERSION {
            let at = self.since.value();
            return Err(later(&format!("from command {at} on"), self.version));
        }
        self.foreign
            .map_or(Ok(()), |found| Err(StartError::Semantics(found)))
    }
}

/// The refusal of what a build with a later version left at `place`.
pub(crate) fn later(place: &str, version: u32) -> StartError {
    StartError::Newer {
        found: format!(
            "{place} the rules are those of version {version}; this build has version \
             {SEMANTICS_VERSION}"
        ),
    }
}

/// The version that a record's first command puts in force, if it does.
fn begins_version(header: &Header, body: &[u8]) -> Option<u32> {
    if !codec::begins_with_semantics(body) {
        return None;
    }
    let first = codec::decode(&mut Reader::new(body), header.base_time, header.first).ok()?;
    let Body::SemanticsVersion(version) = first.value.body else {
        return None;
    };
    Some(version)
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;

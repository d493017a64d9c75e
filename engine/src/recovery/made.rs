//! A new journal as an act of an operator made it: its last record begins the epoch.
//!
//! Invariant: all that an act cut off needs to be ended is in this record. Not here: making one.

use std::path::Path;

use super::act::{ActError, store};
use crate::command::{BeginEpoch, Body};
use crate::journal::head::Mark;
use crate::journal::record::{self, Chain};
use crate::journal::rocks::RocksStore;
use crate::journal::{Store as _, codec, history};
use crate::runtime::MissingRange;
use crate::types::Sequence;

/// A new journal as this act made it: its last record begins the epoch.
pub(super) struct Made {
    first: Sequence,
    pub(super) begin: BeginEpoch,
    pub(super) mark: Mark,
}

impl Made {
    pub(super) fn read(path: &Path) -> Result<Self, ActError> {
        let opened = |error| store(path, &error);
        let journal = RocksStore::new(path).open_read_only().map_err(opened)?;
        let first = history::first(&*journal).map_err(opened)?;
        let last = journal.head().map_err(opened)?.unwrap_or(Sequence::ZERO);
        let stored = journal.read_from(last).map_err(opened)?.next();
        let last = stored.transpose().map_err(opened)?;
        let bytes = last.map_or_else(Vec::new, |(_, bytes)| bytes);
        let begins = record::open(&bytes).ok().and_then(|(header, body)| {
            let commands =
                codec::decode_batch(body, header.base_time, header.first, header.count).ok()?;
            let Body::BeginEpoch(begin) = commands.first()?.value.body else {
                return None;
            };
            Some((header, begin))
        });
        let Some((header, begin)) = begins else {
            let said = "its last record begins no epoch".to_owned();
            return Err(ActError::Io(path.to_path_buf(), said));
        };
        Ok(Self {
            first: first.unwrap_or(header.first),
            begin,
            mark: Mark {
                shard: header.shard,
                epoch: header.epoch,
                sequence: header.last(),
                chain: Chain::of(&bytes),
            },
        })
    }

    /// The first command that is not kept.
    pub(super) fn from(&self) -> Sequence {
        self.begin
            .lost
            .map_or(self.mark.sequence, |(first, _)| first)
    }

    pub(super) fn kept(&self) -> Sequence {
        Sequence::new(self.from().value() - 1)
    }

    pub(super) fn lost(&self) -> Option<MissingRange> {
        let (first, last) = self.begin.lost?;
        Some(MissingRange { first, last })
    }

    /// Whether a snapshot at `at` can stand before this journal.
    pub(super) fn reaches(&self, at: Sequence) -> bool {
        at <= self.kept() && at.next() >= self.first.min(self.from())
    }
}

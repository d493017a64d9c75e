//! The walk along the chain, record by record.
//!
//! Invariant: a record is accepted only if it follows the one before it: sequence, shard, chain and
//! epoch. The only jump of the sequence is the one an operator accepted: the first record of a
//! higher epoch, whose first command says exactly what is lost. Not here: the head mark (`survey`).

use crate::bytes::Reader;
use crate::command::{BeginEpoch, Body};
use crate::journal::codec;
use crate::journal::record::{self, Chain, Header};
use crate::runtime::MissingRange;
use crate::types::Sequence;

/// The epoch of a new journal; its first record needs no command that begins it.
pub const FIRST_EPOCH: u32 = 1;

/// Where a walk begins: after the last record whose commands are already known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The last command known.
    pub at: Sequence,
    /// The hash of the record it was the last one of.
    pub chain: Chain,
    /// The epoch of that record.
    pub epoch: u32,
}

impl Origin {
    /// Before everything.
    pub const BEGIN: Self = Self {
        at: Sequence::ZERO,
        chain: Chain::GENESIS,
        epoch: 0,
    };
}

/// What is wrong with a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// Its bytes are not a record, or stand under another command's key.
    Unreadable(String),
    /// Commands before it are missing.
    Gap(MissingRange),
    /// It does not follow the record before it: the text says how.
    Link(String),
}

/// A walk along the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Walk {
    pub(super) shard: u32,
    pub(super) origin: Origin,
}

/// A record that follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub(super) header: Header,
    /// The command that begins an epoch here, if one does.
    pub(super) begins: Option<BeginEpoch>,
}

impl Walk {
    /// Looks at the next record; if it can be read, the walk goes on after it.
    pub(super) fn step(&mut self, key: Sequence, bytes: &[u8]) -> Result<Step, Finding> {
        let (header, body) =
            record::open(bytes).map_err(|error| Finding::Unreadable(error.to_string()))?;
        if header.first != key {
            let said = format!("it says it begins at {}", header.first.value());
            return Err(Finding::Unreadable(said));
        }
        let before = self.origin;
        self.origin = Origin {
            at: header.last(),
            chain: Chain::of(bytes),
            epoch: header.epoch,
        };
        let expected = before.at.next();
        let begins = begins_epoch(&header, body);
        let jumps = begins.is_some_and(|begin| begin.follows(before.at, header.first));
        let link = |what: String| Err(Finding::Link(what));
        if header.first > expected && !jumps {
            Err(Finding::Gap(MissingRange {
                first: expected,
                last: Sequence::new(header.first.value() - 1),
            }))
        } else if header.first < expected {
            link(format!(
                "the record at {} overlaps the one before it",
                key.value()
            ))
        } else if header.shard != self.shard {
            link(format!("it is of shard {}", header.shard))
        } else if header.previous != before.chain {
            link("the hash of the record before it differs".to_owned())
        } else if header.epoch < before.epoch {
            link(format!("epoch {} after {}", header.epoch, before.epoch))
        } else if header.epoch > before.epoch.max(FIRST_EPOCH) && begins.is_none() {
            link(format!(
                "epoch {} after {}, and no command begins it",
                header.epoch, before.epoch
            ))
        } else if begins.is_some() && (header.epoch <= before.epoch || !jumps) {
            link("an epoch begins where none can".to_owned())
        } else {
            Ok(Step { header, begins })
        }
    }
}

/// The command that begins the epoch of a record, if its first command does.
pub(super) fn begins_epoch(header: &Header, body: &[u8]) -> Option<BeginEpoch> {
    if !codec::begins_with_epoch(body) {
        return None;
    }
    let first = codec::decode(&mut Reader::new(body), header.base_time, header.first).ok()?;
    let Body::BeginEpoch(begin) = first.value.body else {
        return None;
    };
    (begin.epoch == header.epoch).then_some(begin)
}

/// Whether the first command of a record's body is an act of an operator on a stopped folder.
#[cfg(feature = "rocksdb")]
pub(super) fn is_act(body: &[u8]) -> bool {
    codec::begins_with_epoch(body) || codec::begins_with_quarantine(body)
}

/// The command that a record quarantines, if that is what it is for.
pub(super) fn quarantine(header: &Header, body: &[u8]) -> Option<Sequence> {
    if header.count != 1 || !codec::begins_with_quarantine(body) {
        return None;
    }
    let only = codec::decode(&mut Reader::new(body), header.base_time, header.first).ok()?;
    let Body::Quarantine(quarantine) = only.value.body else {
        return None;
    };
    Some(quarantine.sequence)
}

//! What an account's postings sum to, noted every so many of them: the balance before any place is
//! found by a seek and a few rows, however many postings lie before it.
//!
//! A checkpoint stands behind each [`CHECKPOINT_EVERY`]th posting of an account, with the sums of
//! all its assets. Rejected: the balance after it in every posting, which would be read back for
//! every account that moves after a start and grow each row; a checkpoint for each asset, which an
//! asset that seldom moves would not have for many rows of the others.
//!
//! Invariant: a checkpoint is the sum of the account's postings up to its place, and follows from
//! them alone, so a rebuild gives the same. A folder of a build before them has none: its accounts
//! are summed up once and have some from then on. Not here: minor units of lots, which need the
//! instrument's terms (`services::statements`).

use std::collections::HashMap;

use engine::bytes::{self, BytesError, Reader};
use engine::types::{AccountId, AssetId, InstrumentId, Sequence};
use rocksdb::{Direction, IteratorMode};

use super::history::{History, HistoryError};
use super::postings::{PostingPlace, PostingRow};
use super::row_codec::open;
use super::rows::{ROW_VERSION, RowError};
use super::store::{self, Family, Store, StoreError};

/// After so many postings of an account what they sum to is noted: a balance costs at most as many
/// rows, and a note of some ten bytes an asset is small beside what it stands for.
pub const CHECKPOINT_EVERY: u64 = 256;
/// The most accounts whose sums are kept in memory, some hundred bytes each. Beyond it they are
/// read again when they next move.
const ACCOUNTS_KEPT_MAX: usize = 1 << 18;

/// What is summed: an asset in minor units, or, of trades' own goods, the lots of an instrument.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Kind {
    /// The asset.
    pub asset: AssetId,
    /// Whose lots; none for minor units.
    pub lots_of: Option<InstrumentId>,
}

/// What an account's postings up to a place sum to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tally {
    /// The last of them.
    place: PostingPlace,
    /// How many they are.
    postings: u64,
    /// By kind, rising.
    sums: Vec<(Kind, i128)>,
}

/// Where a span of an account's postings begins, and what is before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// The span's first posting, or right after the account's last one.
    pub from: PostingPlace,
    /// What all before sum to, by kind.
    pub sums: Vec<(Kind, i128)>,
    /// How many rows were looked at.
    pub looked: u64,
}

impl Tally {
    const NOTHING: Self = Self {
        place: PostingPlace::FIRST,
        postings: 0,
        sums: Vec::new(),
    };

    fn add(&mut self, row: &PostingRow) {
        let kind = Kind {
            asset: row.asset,
            lots_of: row.lots_of(),
        };
        let amount = i128::from(row.amount);
        let known = self.sums.iter_mut().find(|(known, _)| *known == kind);
        if let Some((_, sum)) = known {
            *sum += amount;
        } else {
            let at = self.sums.partition_point(|(known, _)| *known < kind);
            self.sums.insert(at, (kind, amount));
        }
        self.place = row.place;
        self.postings += 1;
    }

    /// The last posting that it counts.
    #[cfg(test)]
    pub(super) const fn place(&self) -> PostingPlace {
        self.place
    }

    /// By kind, rising.
    #[cfg(test)]
    pub(super) fn sums(&self) -> &[(Kind, i128)] {
        &self.sums
    }

    /// The number of the checkpoint that it is, if it is one.
    pub(super) fn number(&self) -> Option<u64> {
        let due = self.postings > 0 && self.postings.is_multiple_of(CHECKPOINT_EVERY);
        due.then_some(self.postings / CHECKPOINT_EVERY)
    }

    /// Appends the row's bytes.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(ROW_VERSION);
        bytes::put_time(out, self.place.time);
        bytes::put_varint(out, self.place.sequence.value());
        bytes::put_varint(out, self.place.index.into());
        bytes::put_varint(out, self.postings);
        bytes::put_varint(out, self.sums.len() as u64);
        for (kind, sum) in &self.sums {
            bytes::put_varint(out, kind.asset.index().into());
            let lots_of = kind.lots_of.map(InstrumentId::index);
            bytes::put_option(out, lots_of, |out, one| bytes::put_varint(out, one.into()));
            bytes::put_i128(out, *sum);
        }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`RowError`].
    pub(super) fn decode(row: &[u8]) -> Result<Self, RowError> {
        let (mut input, version) = open(row)?;
        if version < 2 {
            return Err(RowError::Version(version));
        }
        let place = PostingPlace {
            time: input.time("time")?,
            sequence: Sequence::new(input.varint()?),
            index: input.varint32("index")?,
        };
        let postings = input.varint()?;
        let mut sums = Vec::new();
        for _ in 0..input.count(u32::MAX, 18, "the count of sums")? {
            sums.push(Self::decode_sum(&mut input)?);
        }
        input.finish()?;
        if !sums.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(BytesError::range("a sum").into());
        }
        Ok(Self {
            place,
            postings,
            sums,
        })
    }

    fn decode_sum(input: &mut Reader<'_>) -> Result<(Kind, i128), BytesError> {
        let kind = Kind {
            asset: AssetId::new(input.varint32("asset")?),
            lots_of: input.option(|input| {
                let instrument = input.varint32("instrument")?;
                Ok(InstrumentId::new(instrument))
            })?,
        };
        Ok((kind, input.i128()?))
    }
}

/// What the accounts that moved lately sum to.
#[derive(Debug, Default)]
pub struct Tallies {
    kept: HashMap<AccountId, Tally>,
}

impl Tallies {
    /// Before a batch, when all that was counted can be read back: keeps to the bound.
    pub(super) fn keep_to_bound(&mut self) {
        if self.kept.len() > ACCOUNTS_KEPT_MAX {
            self.kept.clear();
        }
    }

    /// Counts a posting; answers what its account sums to now. An account that is not in memory
    /// has moved nothing in this batch, so what is written says all of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn count(&mut self, store: &Store, row: &PostingRow) -> Result<&Tally, StoreError> {
        let tally = match self.kept.entry(row.account) {
            std::collections::hash_map::Entry::Occupied(kept) => kept.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                let last = last_checkpoint(store, row.account)?;
                place.insert(summed(store, row.account, last, |_| false)?.0)
            }
        };
        tally.add(row);
        Ok(tally)
    }
}

/// The checkpoint with this number, which is there.
fn checkpoint(store: &Store, account: AccountId, number: u64) -> Result<Tally, StoreError> {
    let family = store.family(Family::Checkpoints)?;
    let key = store::key_32_64(account.index(), number);
    let value = store.db().get_pinned_cf(&family, key)?;
    let value = value.ok_or(StoreError::Missing(Family::Checkpoints))?;
    Tally::decode(&value).map_err(StoreError::row(Family::Checkpoints))
}

/// The numbers of an account's first and last checkpoints, if it has any.
fn numbers(store: &Store, account: AccountId) -> Result<Option<(u64, u64)>, StoreError> {
    let family = store.family(Family::Checkpoints)?;
    let ends = [(0, Direction::Forward), (u64::MAX, Direction::Reverse)];
    let mut found = [None; 2];
    for (found, (end, direction)) in found.iter_mut().zip(ends) {
        let end = store::key_32_64(account.index(), end);
        let mode = IteratorMode::From(&end, direction);
        if let Some(entry) = store.db().iterator_cf(&family, mode).next() {
            *found = store::split_32_64(&entry?.0, account.index());
        }
    }
    let [first, last] = found;
    Ok(first.zip(last))
}

/// The last checkpoint of an account, or nothing.
fn last_checkpoint(store: &Store, account: AccountId) -> Result<Tally, StoreError> {
    let last = numbers(store, account)?;
    last.map_or(Ok(Tally::NOTHING), |(_, last)| {
        checkpoint(store, account, last)
    })
}

/// The last checkpoint before a span, and how many were looked at: they rise, so half of them are
/// left out with each look.
fn checkpoint_before(
    store: &Store,
    account: AccountId,
    has_begun: &impl Fn(PostingPlace) -> bool,
) -> Result<(Tally, u64), StoreError> {
    let (mut best, mut looked) = (Tally::NOTHING, 0);
    let Some((mut low, last)) = numbers(store, account)? else {
        return Ok((best, looked));
    };
    let mut high = last + 1;
    while low < high {
        let middle = low + (high - low) / 2;
        let found = checkpoint(store, account, middle)?;
        looked += 1;
        if has_begun(found.place) {
            high = middle;
        } else {
            low = middle + 1;
            best = found;
        }
    }
    Ok((best, looked))
}

/// Adds the postings behind a tally, up to the first one of a span; answers that one too, and how
/// many were looked at.
fn summed(
    store: &Store,
    account: AccountId,
    mut tally: Tally,
    has_begun: impl Fn(PostingPlace) -> bool,
) -> Result<(Tally, Option<PostingPlace>, u64), StoreError> {
    let family = store.family(Family::Postings)?;
    let behind = match tally.postings {
        0 => PostingPlace::FIRST,
        _ => tally.place.next(),
    };
    let start = store::posting_key(account, behind);
    let mode = IteratorMode::From(&start, Direction::Forward);
    let mut looked = 0;
    for entry in store.db().iterator_cf(&family, mode) {
        let (_, value) = entry?;
        let row = PostingRow::decode(&value).map_err(StoreError::row(Family::Postings))?;
        if row.account != account {
            break;
        }
        looked += 1;
        if has_begun(row.place) {
            return Ok((tally, Some(row.place), looked));
        }
        tally.add(&row);
    }
    Ok((tally, None, looked))
}

impl History {
    /// What an account's postings before a span sum to, and where the span begins. `has_begun`
    /// says of a place whether it is in the span or after it; of two places the later one is, if
    /// the earlier is.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn opening(
        &self,
        account: AccountId,
        has_begun: impl Fn(PostingPlace) -> bool,
    ) -> Result<Opening, HistoryError> {
        let store = self.store();
        let (before, halved) = checkpoint_before(store, account, &has_begun)?;
        let (tally, first, looked) = summed(store, account, before, has_begun)?;
        let end = match tally.postings {
            0 => PostingPlace::FIRST,
            _ => tally.place.next(),
        };
        Ok(Opening {
            from: first.unwrap_or(end),
            sums: tally.sums,
            looked: halved + looked,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_accounts_are_kept_than_may_be() {
        let mut tallies = Tallies::default();
        let most = ACCOUNTS_KEPT_MAX as u32;
        for account in (0..most).map(AccountId::new) {
            tallies.kept.insert(account, Tally::NOTHING);
        }
        tallies.keep_to_bound();
        assert_eq!(tallies.kept.len(), ACCOUNTS_KEPT_MAX);
        tallies.kept.insert(AccountId::new(most), Tally::NOTHING);
        tallies.keep_to_bound();
        assert!(tallies.kept.is_empty());
    }
}

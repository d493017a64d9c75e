//! One trade, with all that became of it.
//!
//! Invariant: of a trade's changes the newest [`CHANGES_MAX`] are read, so an answer is bounded
//! however often an operator corrects it. A trade written by a build before the index of its
//! executions has none of them here. Not here: trades in their order (`history`), who may ask.

use engine::types::TradeId;
use rocksdb::{Direction, IteratorMode};

use super::history::{History, HistoryError};
use super::rows::{ExecutionRow, TradeRow};
use super::store::{self, Family, Store, StoreError};

/// The most changes of a trade that are read: its newest.
pub const CHANGES_MAX: usize = 100;
/// Executions of a trade or of a change: one a side.
const SIDES: usize = 2;

/// A trade and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TradeRecord {
    /// As it was made.
    pub trade: TradeRow,
    /// Its corrections and its bust, oldest first.
    pub changes: Vec<TradeRow>,
    /// The reports of both sides, of the trade and of those changes, oldest first, the buyer's
    /// before the seller's.
    pub executions: Vec<ExecutionRow>,
}

impl History {
    /// A trade by its id.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn trade_record(&self, id: TradeId) -> Result<Option<TradeRecord>, HistoryError> {
        let store = self.store();
        let found = store.trade(id.sequence, id.index)?;
        let Some(trade) = found.filter(|row| row.corrects.is_none() && row.trade == id) else {
            return Ok(None);
        };
        let keys = execution_keys(store, id)?;
        let mut changes: Vec<TradeRow> = Vec::new();
        let mut executions = Vec::with_capacity(keys.len());
        for key in keys {
            let row = execution(store, &key)?;
            let place = (row.exec.sequence, row.exec.index / SIDES as u32);
            let known = changes.last().unwrap_or(&trade);
            if place != (known.trade.sequence, known.trade.index) {
                let change = store.trade(place.0, place.1)?;
                changes.push(change.ok_or(StoreError::Missing(Family::Trades))?);
            }
            executions.push(row);
        }
        Ok(Some(TradeRecord {
            trade,
            changes,
            executions,
        }))
    }
}

/// The keys of a trade's own executions and of those of its newest changes, oldest first.
fn execution_keys(store: &Store, id: TradeId) -> Result<Vec<Box<[u8]>>, StoreError> {
    let family = store.family(Family::ExecutionsByTrade)?;
    let end = store::trade_execution_key((id.sequence, id.index), (u64::MAX, u32::MAX));
    let prefix = store::key_64_32(id.sequence, id.index);
    let mut keys = Vec::new();
    let mode = IteratorMode::From(&end, Direction::Reverse);
    let newest = store.db().iterator_cf(&family, mode);
    for entry in newest.take(CHANGES_MAX * SIDES) {
        let (key, value) = entry?;
        let own = key.strip_prefix(&prefix[..]);
        // Those of the trade itself come from the other end.
        if own.is_none_or(|exec| exec.starts_with(&prefix[..8])) {
            break;
        }
        keys.push(value);
    }
    let start = store::trade_execution_key((id.sequence, id.index), (id.sequence, 0));
    let mode = IteratorMode::From(&start, Direction::Forward);
    let mut first = Vec::new();
    for entry in store.db().iterator_cf(&family, mode).take(SIDES) {
        let (key, value) = entry?;
        let own = key.strip_prefix(&prefix[..]);
        if own.is_some_and(|exec| exec.starts_with(&prefix[..8])) {
            first.push(value);
        }
    }
    keys.extend(first.into_iter().rev());
    keys.reverse();
    Ok(keys)
}

fn execution(store: &Store, key: &[u8]) -> Result<ExecutionRow, StoreError> {
    let family = Family::ExecutionsByParticipant;
    let value = store.db().get_pinned_cf(&store.family(family)?, key)?;
    let value = value.ok_or(StoreError::Missing(family))?;
    ExecutionRow::decode(&value).map_err(StoreError::row(family))
}

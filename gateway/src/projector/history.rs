//! Reading the history: a handle that any thread may hold and copy.
//!
//! Invariant: every answer is what the projector wrote up to its cursor, each call bounded in rows
//! read; a reader who must see a command waits for its sequence first. The calls read a disk and
//! do not yield: an async caller makes the long ones (pages) from a blocking thread. Not here:
//! writing (`mod.rs`), the wire (`services`).

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::types::{
    AccountId, AssetId, ClientId, InstrumentId, OrderId, ParticipantId, Sequence, Time,
};
use rocksdb::{Direction, IteratorMode};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::contracts::PrivateRow;
use super::followers::{Owner, TooManyFollowed};
use super::postings::{PostingPlace, PostingRow};
use super::receipts::{ReceiptActsPage, ReceiptActsQuery, ReceiptRow};
use super::rows::{FirstAnswer, FirstRow, OrderRow, TradeRow};
use super::store::{self, Family, Store, StoreError};
use super::{Ending, Progress, Shared};

/// The most orders one page looks at; a page that finds few of what is asked ends early and says
/// where to go on.
pub const ORDERS_SCANNED_MAX: usize = 10_000;
/// The most trades one page looks at.
pub const TRADES_SCANNED_MAX: usize = 65_536;
/// The most postings one page looks at.
pub const POSTINGS_SCANNED_MAX: usize = 10_000;
/// The most open streams of reports, trades and postings; each has a task and a queue of a few
/// messages.
pub const STREAMS_MAX: usize = 4_096;

/// Why the history gave no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HistoryError {
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The projector has failed; nothing new will be found.
    #[error("{0}")]
    Failed(String),
    /// The gateway stops; what was waited for does not come any more.
    #[error("the gateway is stopping")]
    Stopped,
}

/// Which orders.
#[derive(Clone, Copy, Debug)]
pub struct OrdersQuery {
    /// Whose.
    pub account: AccountId,
    /// Only of this instrument.
    pub instrument: Option<InstrumentId>,
    /// Which of them.
    pub status: StatusFilter,
    /// Only older than this sequence; none begins with the newest.
    pub before: Option<Sequence>,
    /// At most so many.
    pub limit: usize,
}

/// Which orders by how they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatusFilter {
    /// All.
    All,
    /// Those that may still trade.
    Live,
}

/// Some orders, newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrdersPage {
    /// The orders.
    pub orders: Vec<OrderRow>,
    /// Ask for older than this for more; none at the end.
    pub next: Option<Sequence>,
}

/// Which trades, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct TradesQuery<'a> {
    /// Of these instruments; empty is all.
    pub instruments: &'a HashSet<InstrumentId>,
    /// From this command on, and of that command from this event on.
    pub from: (Sequence, u32),
    /// At most so many.
    pub limit: usize,
}

/// Some trades, oldest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TradesPage {
    /// The trades.
    pub trades: Vec<TradeRow>,
    /// Go on from here; none when everything written was looked at.
    pub next: Option<(Sequence, u32)>,
}

/// Which postings, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct PostingsQuery {
    /// Whose.
    pub account: AccountId,
    /// Only of this asset.
    pub asset: Option<AssetId>,
    /// From this place on.
    pub from: PostingPlace,
    /// Only before this instant.
    pub until: Option<Time>,
    /// At most so many.
    pub limit: usize,
}

/// Some postings, oldest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostingsPage {
    /// The postings.
    pub postings: Vec<PostingRow>,
    /// Go on from here; none when everything asked for that is written was looked at.
    pub next: Option<PostingPlace>,
}

/// A first answer, with the report if it was one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct First {
    /// What was kept.
    pub row: FirstRow,
    /// The report it speaks of.
    pub report: Option<PrivateRow>,
}

/// The reading side of the projections.
#[derive(Clone, Debug)]
pub struct History {
    shared: Arc<Shared>,
}

impl History {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// What is read.
    pub(super) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// How far the projector is.
    pub fn progress(&self) -> Progress {
        *self.shared.progress.borrow()
    }

    /// Told of every step of the projector.
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// The last command handed to the projector; what can be read may be a little behind.
    pub fn fed(&self) -> Sequence {
        Sequence::new(self.shared.fed.load(Ordering::Acquire))
    }

    /// Puts a copy of everything written so far into the new folder `path`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        self.shared.store.copy_to(path)
    }

    /// Why the projector failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        self.shared.failure.get().map(String::as_str)
    }

    /// Waits until everything up to `sequence` can be read.
    ///
    /// # Errors
    /// [`HistoryError::Failed`], [`HistoryError::Stopped`].
    pub async fn wait_for(&self, sequence: Sequence) -> Result<(), HistoryError> {
        let mut progress = self.shared.progress.subscribe();
        let reached = progress
            .wait_for(|now| now.projected >= sequence || now.ending != Ending::Running)
            .await
            .map(|now| *now);
        match reached {
            Ok(now) if now.projected >= sequence => Ok(()),
            Ok(now) if now.ending == Ending::Failed => Err(self.failed()),
            Ok(_) | Err(_) => Err(HistoryError::Stopped),
        }
    }

    /// Waits until everything released before this call can be read.
    ///
    /// # Errors
    /// As [`History::wait_for`].
    pub async fn catch_up(&self) -> Result<(), HistoryError> {
        self.wait_for(self.fed()).await
    }

    /// The failure as an error.
    fn failed(&self) -> HistoryError {
        HistoryError::Failed(self.failure().unwrap_or("the projector failed").to_owned())
    }

    /// The counter of `owner`, from now on: told after the rows can be read.
    ///
    /// # Errors
    /// Too many are followed.
    pub fn follow(&self, owner: Owner) -> Result<watch::Receiver<u64>, TooManyFollowed> {
        self.shared.followers.follow(owner)
    }

    /// A place for one more open stream, while there is one; it is free again when dropped.
    pub fn stream_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.places).try_acquire_owned().ok()
    }

    /// One order.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn order(&self, order: OrderId) -> Result<Option<OrderRow>, HistoryError> {
        let row = self.shared.store.order(order.sequence)?;
        Ok(row.filter(|row| row.order == order))
    }

    /// The newest order that was submitted with this id.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn order_by_client_id(
        &self,
        account: AccountId,
        id: &ClientId,
    ) -> Result<Option<OrderRow>, HistoryError> {
        let key = store::client_id_key(account, id);
        let store = &self.shared.store;
        let family = store.family(Family::OrdersByClientId)?;
        let found = store
            .db()
            .get_pinned_cf(&family, key)
            .map_err(StoreError::from)?;
        let Some(found) = found else { return Ok(None) };
        let sequence = store::be64(&found).ok_or(StoreError::Missing(Family::OrdersByClientId))?;
        Ok(store.order(sequence)?)
    }

    /// A page of an account's orders, newest first.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn orders(&self, query: &OrdersQuery) -> Result<OrdersPage, HistoryError> {
        let store = &self.shared.store;
        let family = store.family(Family::OrdersByAccount)?;
        let account = query.account.index();
        let newest = match query.before {
            None => u64::MAX,
            Some(before) if before == Sequence::ZERO => return Ok(OrdersPage::END),
            Some(before) => before.value() - 1,
        };
        let start = store::key_32_64(account, newest);
        let mode = IteratorMode::From(&start, Direction::Reverse);
        let mut page = OrdersPage::END;
        for (seen, entry) in store.db().iterator_cf(&family, mode).enumerate() {
            let (key, value) = entry.map_err(StoreError::from)?;
            let Some(sequence) = store::split_32_64(&key, account) else {
                return Ok(page);
            };
            if page.orders.len() >= query.limit || seen >= ORDERS_SCANNED_MAX {
                page.next = Some(Sequence::new(sequence + 1));
                return Ok(page);
            }
            let instrument = store::be32(&value).map(InstrumentId::new);
            if query.instrument.is_some() && query.instrument != instrument {
                continue;
            }
            let row = store.order(sequence)?;
            let row = row.ok_or(StoreError::Missing(Family::Orders))?;
            if query.status == StatusFilter::All || !row.standing.status.is_terminal() {
                page.orders.push(row);
            }
        }
        Ok(page)
    }

    /// Reports of `owner` from its counter `from` on (0 and 1 are the first), at most `limit`.
    ///
    /// # Errors
    /// [`HistoryError::Store`], also when a counter is missing in between.
    pub fn executions(
        &self,
        owner: Owner,
        from: u64,
        limit: usize,
    ) -> Result<Vec<PrivateRow>, HistoryError> {
        let from = from.max(1);
        Ok(match owner {
            Owner::Participant(participant) => self.of_participant(participant, from, limit)?,
            Owner::Account(account) => self.of_account(account, from, limit)?,
        })
    }

    fn of_participant(
        &self,
        participant: ParticipantId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<PrivateRow>, StoreError> {
        let store = &self.shared.store;
        let family = store.family(Family::ExecutionsByParticipant)?;
        let start = store::key_32_64(participant.index(), from);
        let mode = IteratorMode::From(&start, Direction::Forward);
        let mut rows = Vec::new();
        for entry in store.db().iterator_cf(&family, mode).take(limit) {
            let (key, value) = entry?;
            let Some(counter) = store::split_32_64(&key, participant.index()) else {
                break;
            };
            if counter != from + rows.len() as u64 {
                return Err(StoreError::Missing(Family::ExecutionsByParticipant));
            }
            rows.push(decode_private(&value)?);
        }
        Ok(rows)
    }

    fn of_account(
        &self,
        account: AccountId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<PrivateRow>, StoreError> {
        let store = &self.shared.store;
        let index = store.family(Family::ExecutionsByAccount)?;
        let family = store.family(Family::ExecutionsByParticipant)?;
        let start = store::key_32_64(account.index(), from);
        let mode = IteratorMode::From(&start, Direction::Forward);
        let mut keys = Vec::new();
        for entry in store.db().iterator_cf(&index, mode).take(limit) {
            let (key, value) = entry?;
            let Some(counter) = store::split_32_64(&key, account.index()) else {
                break;
            };
            if counter != from + keys.len() as u64 {
                return Err(StoreError::Missing(Family::ExecutionsByAccount));
            }
            keys.push(value);
        }
        let found = store.db().batched_multi_get_cf(&family, keys.iter(), false);
        let mut rows = Vec::with_capacity(keys.len());
        for value in found {
            let value = value?.ok_or(StoreError::Missing(Family::ExecutionsByParticipant))?;
            rows.push(decode_private(&value)?);
        }
        Ok(rows)
    }

    /// What the command at `sequence` was told first, if it may be retried by its id.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn first(&self, sequence: Sequence) -> Result<Option<First>, HistoryError> {
        let store = &self.shared.store;
        let family = store.family(Family::Firsts)?;
        let key = sequence.value().to_be_bytes();
        let found = store
            .db()
            .get_pinned_cf(&family, key)
            .map_err(StoreError::from)?;
        let Some(found) = found else { return Ok(None) };
        let row = FirstRow::decode(&found).map_err(StoreError::row(Family::Firsts))?;
        let report = match &row.answer {
            FirstAnswer::Counted(participant, counter) => {
                let rows = self.of_participant(*participant, *counter, 1)?;
                let missing = StoreError::Missing(Family::ExecutionsByParticipant);
                Some(rows.into_iter().next().ok_or(missing)?)
            }
            FirstAnswer::Uncounted(report) => Some(PrivateRow::Execution(**report)),
            FirstAnswer::Contract(report) => Some(PrivateRow::Contract(**report)),
            FirstAnswer::MassCancel { .. }
            | FirstAnswer::Operation { .. }
            | FirstAnswer::Offer(_) => None,
        };
        Ok(Some(First { row, report }))
    }

    /// A page of trades, oldest first.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn trades(&self, query: &TradesQuery<'_>) -> Result<TradesPage, HistoryError> {
        let mut instruments = query.instruments.iter();
        Ok(match (instruments.next(), instruments.next()) {
            (Some(instrument), None) => self.trades_of(*instrument, query)?,
            _ => self.trades_among(query)?,
        })
    }

    /// Trades of many instruments: looks at all trades, since they are wanted in their order.
    fn trades_among(&self, query: &TradesQuery<'_>) -> Result<TradesPage, StoreError> {
        let store = &self.shared.store;
        let family = store.family(Family::Trades)?;
        let start = store::key_64_32(query.from.0.value(), query.from.1);
        let mode = IteratorMode::From(&start, Direction::Forward);
        let mut page = TradesPage::END;
        for (seen, entry) in store.db().iterator_cf(&family, mode).enumerate() {
            let (_, value) = entry?;
            let row = decode_trade(&value)?;
            if page.trades.len() >= query.limit || seen >= TRADES_SCANNED_MAX {
                page.next = Some(row.place());
                return Ok(page);
            }
            if query.instruments.is_empty() || query.instruments.contains(&row.instrument) {
                page.trades.push(row);
            }
        }
        Ok(page)
    }

    fn trades_of(
        &self,
        instrument: InstrumentId,
        query: &TradesQuery<'_>,
    ) -> Result<TradesPage, StoreError> {
        let store = &self.shared.store;
        let index = store.family(Family::TradesByInstrument)?;
        let start = store::trade_key(instrument, query.from.0.value(), query.from.1);
        let mode = IteratorMode::From(&start, Direction::Forward);
        let mut page = TradesPage::END;
        for entry in store.db().iterator_cf(&index, mode) {
            let (key, _) = entry?;
            let Some(row) = self.indexed_trade(&key, instrument)? else {
                return Ok(page);
            };
            if page.trades.len() >= query.limit {
                page.next = Some(row.place());
                return Ok(page);
            }
            page.trades.push(row);
        }
        Ok(page)
    }

    /// A page of an account's postings, oldest first.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn postings(&self, query: &PostingsQuery) -> Result<PostingsPage, HistoryError> {
        let store = &self.shared.store;
        let family = store.family(Family::Postings)?;
        let start = store::posting_key(query.account, query.from);
        let mode = IteratorMode::From(&start, Direction::Forward);
        let mut page = PostingsPage::END;
        for (seen, entry) in store.db().iterator_cf(&family, mode).enumerate() {
            let (_, value) = entry.map_err(StoreError::from)?;
            let row = PostingRow::decode(&value).map_err(StoreError::row(Family::Postings))?;
            let beyond = query.until.is_some_and(|until| row.place.time >= until);
            if row.account != query.account || beyond {
                return Ok(page);
            }
            if page.postings.len() >= query.limit || seen >= POSTINGS_SCANNED_MAX {
                page.next = Some(row.place);
                return Ok(page);
            }
            if query.asset.is_none_or(|asset| asset == row.asset) {
                page.postings.push(row);
            }
        }
        Ok(page)
    }

    /// A page of what was done with a receipt, oldest first.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn receipt_acts(&self, query: &ReceiptActsQuery) -> Result<ReceiptActsPage, HistoryError> {
        let store = &self.shared.store;
        let family = store.family(Family::Receipts)?;
        let start = store::receipt_key(query.receipt, query.from);
        let mode = IteratorMode::From(&start, Direction::Forward);
        let mut page = ReceiptActsPage::default();
        for entry in store.db().iterator_cf(&family, mode) {
            let (key, value) = entry.map_err(StoreError::from)?;
            if !key.starts_with(&start[..4]) {
                break;
            }
            let row = ReceiptRow::decode(&value).map_err(StoreError::row(Family::Receipts))?;
            if page.acts.len() >= query.limit {
                page.next = Some((row.sequence, row.index));
                break;
            }
            page.acts.push(row);
        }
        Ok(page)
    }

    /// The last trade of an instrument.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn last_trade(&self, instrument: InstrumentId) -> Result<Option<TradeRow>, HistoryError> {
        let store = &self.shared.store;
        let index = store.family(Family::TradesByInstrument)?;
        let end = store::trade_key(instrument, u64::MAX, u32::MAX);
        let mode = IteratorMode::From(&end, Direction::Reverse);
        for entry in store.db().iterator_cf(&index, mode) {
            let (key, _) = entry.map_err(StoreError::from)?;
            let row = self.indexed_trade(&key, instrument)?;
            // What became of a trade later is no trade.
            if row.is_none_or(|row| row.corrects.is_none()) {
                return Ok(row);
            }
        }
        Ok(None)
    }

    /// The trade at this place.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn trade(&self, sequence: u64, index: u32) -> Result<Option<TradeRow>, HistoryError> {
        Ok(self.shared.store.trade(sequence, index)?)
    }

    /// The trade that an index entry speaks of; none when it is of another instrument.
    fn indexed_trade(
        &self,
        key: &[u8],
        instrument: InstrumentId,
    ) -> Result<Option<TradeRow>, StoreError> {
        let store = &self.shared.store;
        let missing = StoreError::Missing(Family::Trades);
        let Some((handle, place)) = key.split_at_checked(4) else {
            return Err(missing);
        };
        if store::be32(handle) != Some(instrument.index()) {
            return Ok(None);
        }
        let family = store.family(Family::Trades)?;
        let value = store.db().get_pinned_cf(&family, place)?;
        decode_trade(&value.ok_or(missing)?).map(Some)
    }
}

impl OrdersPage {
    const END: Self = Self {
        orders: Vec::new(),
        next: None,
    };
}

impl PostingsPage {
    const END: Self = Self {
        postings: Vec::new(),
        next: None,
    };
}

impl TradesPage {
    const END: Self = Self {
        trades: Vec::new(),
        next: None,
    };
}

impl TradeRow {
    const fn place(&self) -> (Sequence, u32) {
        (Sequence::new(self.trade.sequence), self.trade.index)
    }

    /// The place right after this trade.
    pub const fn next_place(&self) -> (Sequence, u32) {
        (Sequence::new(self.trade.sequence), self.trade.index + 1)
    }
}

fn decode_private(value: &[u8]) -> Result<PrivateRow, StoreError> {
    PrivateRow::decode(value).map_err(StoreError::row(Family::ExecutionsByParticipant))
}

fn decode_trade(value: &[u8]) -> Result<TradeRow, StoreError> {
    TradeRow::decode(value).map_err(StoreError::row(Family::Trades))
}

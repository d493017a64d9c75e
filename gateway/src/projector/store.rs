//! The history on disk: `DIR/projections`, a RocksDB database of its own.
//!
//! Invariant: the cursor is in the same write batch as the rows it speaks of, so the database
//! always holds exactly the history up to its cursor, whatever was lost with the page cache.
//! Writes are not synced one by one: what is lost is derived again from the journal; the caller
//! syncs the log now and then and only then says that the cursor is safe. Not here: what the rows
//! mean (`rows`), who reads them (`history`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::types::{
    AccountId, AssetId, ClientId, InstrumentId, ParticipantId, ReceiptId, Sequence,
};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    BlockBasedOptions, BoundColumnFamily, Cache, ColumnFamilyDescriptor, DBWithThreadMode,
    MultiThreaded, Options, WriteBatch,
};

use super::output::Rows;
use super::postings::{ClearedAssets, PostingPlace, PostingRow, Settles};
use super::receipts::ReceiptRow;
use super::rows::{ExecutionRow, FirstRow, OrderRow, RowError, TradeRow};

/// The version of the layout; another one is refused and rebuilt by hand.
pub const LAYOUT_VERSION: u32 = 1;
/// In place of the goods of a margin forward, which delivers none.
const NO_GOODS: u32 = u32::MAX;
/// Memory for blocks read back, shared by all families.
const BLOCK_CACHE_BYTES: usize = 64 << 20;
/// A family's table in memory before it is written out: some hundred thousand rows.
const WRITE_BUFFER_BYTES: usize = 32 << 20;

type Db = DBWithThreadMode<MultiThreaded>;

/// The families. Keys are big endian, so that they sort as numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Sequence of the order's command -> [`OrderRow`].
    Orders,
    /// Account, sequence -> the instrument's handle.
    OrdersByAccount,
    /// Account, `client_order_id` -> sequence of the newest order with it.
    OrdersByClientId,
    /// Participant, its counter -> [`ExecutionRow`].
    ExecutionsByParticipant,
    /// Account, its counter -> participant, its counter.
    ExecutionsByAccount,
    /// Sequence, index of the event -> [`TradeRow`].
    Trades,
    /// Instrument, sequence, index of the event -> nothing.
    TradesByInstrument,
    /// Sequence -> [`FirstRow`].
    Firsts,
    /// Account -> participant.
    Accounts,
    /// Account, time, sequence, index -> [`PostingRow`].
    Postings,
    /// Instrument with clearing -> its money, its goods.
    Clearing,
    /// Receipt, sequence, index -> [`ReceiptRow`].
    Receipts,
    /// `layout`, `cursor`.
    Meta,
}

impl Family {
    /// All families.
    pub const ALL: [Self; 13] = [
        Self::Orders,
        Self::OrdersByAccount,
        Self::OrdersByClientId,
        Self::ExecutionsByParticipant,
        Self::ExecutionsByAccount,
        Self::Trades,
        Self::TradesByInstrument,
        Self::Firsts,
        Self::Accounts,
        Self::Postings,
        Self::Clearing,
        Self::Receipts,
        Self::Meta,
    ];

    /// The name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::OrdersByAccount => "orders_by_account",
            Self::OrdersByClientId => "orders_by_client_id",
            Self::ExecutionsByParticipant => "executions_by_participant",
            Self::ExecutionsByAccount => "executions_by_account",
            Self::Trades => "trades",
            Self::TradesByInstrument => "trades_by_instrument",
            Self::Firsts => "firsts",
            Self::Accounts => "accounts",
            Self::Postings => "postings",
            Self::Clearing => "clearing",
            Self::Receipts => "receipts",
            Self::Meta => "meta",
        }
    }
}

/// Why the history could not be opened, read or written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// RocksDB says so.
    #[error("the projections: {0}")]
    Database(#[from] rocksdb::Error),
    /// A row is not what it should be.
    #[error("the projections hold a row of {} that cannot be read: {error}", .family.name())]
    Row {
        /// Where.
        family: Family,
        /// Why.
        error: RowError,
    },
    /// The thread that writes could not be started.
    #[error("the projector's thread could not be started: {0}")]
    Thread(String),
    /// A row that another one speaks of is not there, or a key or short value has a wrong length.
    #[error("the projections lack a part of {}", .0.name())]
    Missing(Family),
    /// They could not be copied.
    #[error("the projections cannot be copied to {}: {_1}", .0.display())]
    Copy(PathBuf, String),
    /// Another build made them.
    #[error(
        "the projections in {} have layout {found}, this build reads {LAYOUT_VERSION}; move the \
         folder away and start again: it is made anew from the journal", .path.display()
    )]
    Layout {
        /// The folder.
        path: PathBuf,
        /// The layout found.
        found: u32,
    },
    /// They tell of commands the journal does not have.
    #[error(
        "the projections in {} reach sequence {cursor}, the journal ends at {journal_last}: they \
         belong to another journal, or the journal was restored; move the folder away and start \
         again: it is made anew from the journal", .path.display()
    )]
    Ahead {
        /// The folder.
        path: PathBuf,
        /// Up to where the projections reach.
        cursor: u64,
        /// Where the journal ends.
        journal_last: u64,
    },
}

impl StoreError {
    /// A row of `family` cannot be read.
    pub(super) const fn row(family: Family) -> impl FnOnce(RowError) -> Self {
        move |error| Self::Row { family, error }
    }
}

/// The open database.
#[derive(Clone)]
pub struct Store {
    db: Arc<Db>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.db.path()).finish()
    }
}

impl Store {
    /// Opens `path`, made if it is not there.
    ///
    /// # Errors
    /// RocksDB cannot open it; another layout; it reaches beyond `journal_last`.
    pub fn open(path: &Path, journal_last: Sequence) -> Result<Self, StoreError> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_max_background_jobs(2);
        options.set_keep_log_file_num(4);
        let cache = Cache::new_lru_cache(BLOCK_CACHE_BYTES);
        let families = Family::ALL.map(|family| {
            ColumnFamilyDescriptor::new(family.name(), family_options(family, &cache))
        });
        let db = Arc::new(Db::open_cf_descriptors(&options, path, families)?);
        let store = Self { db };
        store.check_layout(path)?;
        let cursor = store.cursor()?;
        if cursor > journal_last {
            return Err(StoreError::Ahead {
                path: path.to_owned(),
                cursor: cursor.value(),
                journal_last: journal_last.value(),
            });
        }
        Ok(store)
    }

    /// Up to where the projections in `path` reach, read without changing a byte; zero where there
    /// are none.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn reach(path: &Path) -> Result<Sequence, StoreError> {
        let some = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        if !some {
            return Ok(Sequence::ZERO);
        }
        // The other families are not asked for: an older build's folder does not have them all.
        let names = [Family::Meta.name()];
        let db = Db::open_cf_for_read_only(&Options::default(), path, names, false)?;
        Self { db: Arc::new(db) }.cursor()
    }

    fn check_layout(&self, path: &Path) -> Result<(), StoreError> {
        let meta = self.family(Family::Meta)?;
        let Some(value) = self.db.get_pinned_cf(&meta, "layout")? else {
            return Ok(self
                .db
                .put_cf(&meta, "layout", LAYOUT_VERSION.to_be_bytes())?);
        };
        match be32(&value) {
            Some(LAYOUT_VERSION) => Ok(()),
            found => Err(StoreError::Layout {
                path: path.to_owned(),
                found: found.unwrap_or(0),
            }),
        }
    }

    /// Everything up to here is in the database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cursor(&self) -> Result<Sequence, StoreError> {
        let meta = self.family(Family::Meta)?;
        let Some(value) = self.db.get_pinned_cf(&meta, "cursor")? else {
            return Ok(Sequence::ZERO);
        };
        let value = be64(&value).ok_or(StoreError::Missing(Family::Meta))?;
        Ok(Sequence::new(value))
    }

    /// The participants of the accounts, in order of handle.
    ///
    /// # Errors
    /// [`StoreError`]; a handle is missing in between.
    pub fn accounts(&self) -> Result<Vec<ParticipantId>, StoreError> {
        let missing = StoreError::Missing(Family::Accounts);
        let family = self.family(Family::Accounts)?;
        let mut accounts = Vec::new();
        for entry in self.db.iterator_cf(&family, rocksdb::IteratorMode::Start) {
            let (key, value) = entry?;
            if be32(&key) != u32::try_from(accounts.len()).ok() {
                return Err(missing);
            }
            let participant = be32(&value).ok_or_else(|| missing.clone())?;
            accounts.push(ParticipantId::new(participant));
        }
        Ok(accounts)
    }

    /// What the instruments with clearing are paid in, and what they deliver.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn clearing(&self) -> Result<ClearedAssets, StoreError> {
        let family = self.family(Family::Clearing)?;
        let mut all = ClearedAssets::new();
        for entry in self.db.iterator_cf(&family, rocksdb::IteratorMode::Start) {
            let (key, value) = entry?;
            let assets = value.split_at_checked(4);
            let assets = assets.and_then(|(money, goods)| be32(money).zip(be32(goods)));
            let (instrument, (money, goods)) = be32(&key)
                .zip(assets)
                .ok_or(StoreError::Missing(Family::Clearing))?;
            let settles = Settles {
                money: AssetId::new(money),
                goods: (goods != NO_GOODS).then(|| AssetId::new(goods)),
            };
            all.insert(InstrumentId::new(instrument), settles);
        }
        Ok(all)
    }

    /// What was written so far survives the machine from now on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn sync(&self) -> Result<(), StoreError> {
        Ok(self.db.flush_wal(true)?)
    }

    /// Puts a copy of everything written so far into the new folder `path`, with files of its own:
    /// what happens to one copy happens to no other.
    ///
    /// # Errors
    /// RocksDB refused; a file cannot be copied.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        Checkpoint::new(&*self.db)?.create_checkpoint(path)?;
        let told = |error: std::io::Error| StoreError::Copy(path.to_owned(), error.to_string());
        for entry in std::fs::read_dir(path).map_err(told)? {
            let file = entry.map_err(told)?.path();
            // RocksDB links its tables instead of copying them.
            let copy = file.with_extension("copy");
            std::fs::copy(&file, &copy).map_err(told)?;
            std::fs::rename(&copy, &file).map_err(told)?;
        }
        Ok(())
    }

    /// The database itself, for reading.
    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// A family by its handle.
    pub(super) fn family(&self, family: Family) -> Result<Arc<BoundColumnFamily<'_>>, StoreError> {
        self.db
            .cf_handle(family.name())
            .ok_or(StoreError::Missing(family))
    }

    /// An order as last written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn order(&self, sequence: u64) -> Result<Option<OrderRow>, StoreError> {
        let family = self.family(Family::Orders)?;
        let value = self.db.get_pinned_cf(&family, sequence.to_be_bytes())?;
        value
            .map(|value| OrderRow::decode(&value).map_err(StoreError::row(Family::Orders)))
            .transpose()
    }

    /// A trade, or what was told of one at this place, as written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn trade(&self, sequence: u64, index: u32) -> Result<Option<TradeRow>, StoreError> {
        let family = self.family(Family::Trades)?;
        let value = self.db.get_pinned_cf(&family, key_64_32(sequence, index))?;
        value
            .map(|value| TradeRow::decode(&value).map_err(StoreError::row(Family::Trades)))
            .transpose()
    }

    /// An empty batch.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub fn batch(&self) -> Result<Batch<'_>, StoreError> {
        Ok(Batch {
            store: self,
            orders: self.family(Family::Orders)?,
            orders_by_account: self.family(Family::OrdersByAccount)?,
            orders_by_client_id: self.family(Family::OrdersByClientId)?,
            executions_by_participant: self.family(Family::ExecutionsByParticipant)?,
            executions_by_account: self.family(Family::ExecutionsByAccount)?,
            trades: self.family(Family::Trades)?,
            trades_by_instrument: self.family(Family::TradesByInstrument)?,
            firsts: self.family(Family::Firsts)?,
            accounts: self.family(Family::Accounts)?,
            postings: self.family(Family::Postings)?,
            clearing: self.family(Family::Clearing)?,
            receipts: self.family(Family::Receipts)?,
            meta: self.family(Family::Meta)?,
            writes: WriteBatch::default(),
            bytes: Vec::new(),
            counted: Vec::new(),
        })
    }
}

fn family_options(family: Family, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    let points = matches!(
        family,
        Family::Orders | Family::OrdersByClientId | Family::Firsts
    );
    if points {
        blocks.set_bloom_filter(10.0, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options
}

/// A report that was counted, for those who wait for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Its account.
    pub account: AccountId,
    /// The account's counter.
    pub account_counter: u64,
    /// Its participant.
    pub participant: ParticipantId,
    /// The participant's counter.
    pub participant_counter: u64,
}

/// Rows on their way to disk: all or none of a batch is there afterwards.
pub struct Batch<'a> {
    store: &'a Store,
    orders: Arc<BoundColumnFamily<'a>>,
    orders_by_account: Arc<BoundColumnFamily<'a>>,
    orders_by_client_id: Arc<BoundColumnFamily<'a>>,
    executions_by_participant: Arc<BoundColumnFamily<'a>>,
    executions_by_account: Arc<BoundColumnFamily<'a>>,
    trades: Arc<BoundColumnFamily<'a>>,
    trades_by_instrument: Arc<BoundColumnFamily<'a>>,
    firsts: Arc<BoundColumnFamily<'a>>,
    accounts: Arc<BoundColumnFamily<'a>>,
    postings: Arc<BoundColumnFamily<'a>>,
    clearing: Arc<BoundColumnFamily<'a>>,
    receipts: Arc<BoundColumnFamily<'a>>,
    meta: Arc<BoundColumnFamily<'a>>,
    writes: WriteBatch,
    bytes: Vec<u8>,
    counted: Vec<Counted>,
}

impl Batch<'_> {
    /// Writes the batch with its cursor, not synced; answers the reports in it.
    ///
    /// # Errors
    /// [`StoreError::Database`]; nothing of the batch is there then.
    pub fn write(mut self, cursor: Sequence) -> Result<Vec<Counted>, StoreError> {
        self.writes
            .put_cf(&self.meta, "cursor", cursor.value().to_be_bytes());
        self.store.db.write(self.writes)?;
        Ok(self.counted)
    }

    fn encoded(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        self.bytes.clear();
        encode(&mut self.bytes);
        &self.bytes
    }
}

impl Rows for Batch<'_> {
    type Error = StoreError;

    fn read_order(&mut self, sequence: u64) -> Result<Option<OrderRow>, StoreError> {
        self.store.order(sequence)
    }

    fn read_trade(&mut self, sequence: u64, index: u32) -> Result<Option<TradeRow>, StoreError> {
        self.store.trade(sequence, index)
    }

    fn put_order(&mut self, row: &OrderRow) -> Result<(), StoreError> {
        self.encoded(|out| row.encode(out));
        let key = row.order.sequence.to_be_bytes();
        self.writes.put_cf(&self.orders, key, &self.bytes);
        Ok(())
    }

    fn put_new_order(&mut self, row: &OrderRow) -> Result<(), StoreError> {
        let sequence = row.order.sequence;
        let instrument = row.instrument.index().to_be_bytes();
        self.writes.put_cf(
            &self.orders_by_account,
            key_32_64(row.account.index(), sequence),
            instrument,
        );
        if let engine::command::Identity::Request(id) = row.origin.identity {
            self.writes.put_cf(
                &self.orders_by_client_id,
                client_id_key(row.account, &id),
                sequence.to_be_bytes(),
            );
        }
        Ok(())
    }

    fn put_execution(
        &mut self,
        participant: ParticipantId,
        row: &ExecutionRow,
    ) -> Result<(), StoreError> {
        self.encoded(|out| row.encode(out));
        let counters = row.counters;
        let key = key_32_64(participant.index(), counters.participant);
        self.writes
            .put_cf(&self.executions_by_participant, key, &self.bytes);
        let by_account = key_32_64(row.account.index(), counters.account);
        self.writes
            .put_cf(&self.executions_by_account, by_account, key);
        self.counted.push(Counted {
            account: row.account,
            account_counter: counters.account,
            participant,
            participant_counter: counters.participant,
        });
        Ok(())
    }

    fn put_trade(&mut self, row: &TradeRow) -> Result<(), StoreError> {
        self.encoded(|out| row.encode(out));
        let key = key_64_32(row.trade.sequence, row.trade.index);
        self.writes.put_cf(&self.trades, key, &self.bytes);
        let by_instrument = trade_key(row.instrument, row.trade.sequence, row.trade.index);
        self.writes
            .put_cf(&self.trades_by_instrument, by_instrument, []);
        Ok(())
    }

    fn put_posting(&mut self, row: &PostingRow) -> Result<(), StoreError> {
        self.encoded(|out| row.encode(out));
        let key = posting_key(row.account, row.place);
        self.writes.put_cf(&self.postings, key, &self.bytes);
        Ok(())
    }

    fn put_receipt(&mut self, row: &ReceiptRow) -> Result<(), StoreError> {
        self.encoded(|out| row.encode(out));
        for receipt in row.receipts() {
            let key = receipt_key(receipt, (row.sequence, row.index));
            self.writes.put_cf(&self.receipts, key, &self.bytes);
        }
        Ok(())
    }

    fn put_clearing(
        &mut self,
        instrument: InstrumentId,
        settles: Settles,
    ) -> Result<(), StoreError> {
        let goods = settles.goods.map_or(NO_GOODS, AssetId::index);
        let money = settles.money.index();
        let assets = u64::from(money) << 32 | u64::from(goods);
        let key = instrument.index().to_be_bytes();
        self.writes
            .put_cf(&self.clearing, key, assets.to_be_bytes());
        Ok(())
    }

    fn put_first(&mut self, row: &FirstRow) -> Result<(), StoreError> {
        self.encoded(|out| row.encode(out));
        let key = row.sequence.value().to_be_bytes();
        self.writes.put_cf(&self.firsts, key, &self.bytes);
        Ok(())
    }

    fn put_account(
        &mut self,
        account: AccountId,
        participant: ParticipantId,
    ) -> Result<(), StoreError> {
        let key = account.index().to_be_bytes();
        self.writes
            .put_cf(&self.accounts, key, participant.index().to_be_bytes());
        Ok(())
    }
}

/// A handle and a number, as a key.
pub(super) fn key_32_64(handle: u32, number: u64) -> [u8; 12] {
    let mut key = [0; 12];
    let (front, back) = key.split_at_mut(4);
    front.copy_from_slice(&handle.to_be_bytes());
    back.copy_from_slice(&number.to_be_bytes());
    key
}

/// A sequence and an index, as a key.
pub(super) fn key_64_32(number: u64, index: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (front, back) = key.split_at_mut(8);
    front.copy_from_slice(&number.to_be_bytes());
    back.copy_from_slice(&index.to_be_bytes());
    key
}

/// An instrument's trade, as a key.
pub(super) fn trade_key(instrument: InstrumentId, sequence: u64, index: u32) -> [u8; 16] {
    let mut key = [0; 16];
    let (front, back) = key.split_at_mut(4);
    front.copy_from_slice(&instrument.index().to_be_bytes());
    back.copy_from_slice(&key_64_32(sequence, index));
    key
}

/// An act on a receipt, as a key.
pub(super) fn receipt_key(receipt: ReceiptId, (sequence, index): (Sequence, u32)) -> [u8; 16] {
    let mut key = [0; 16];
    let (front, back) = key.split_at_mut(4);
    front.copy_from_slice(&receipt.index().to_be_bytes());
    back.copy_from_slice(&key_64_32(sequence.value(), index));
    key
}

/// A posting of an account, as a key. Time never falls from one command to the next, so by time or
/// by sequence the order is the same.
pub(super) fn posting_key(account: AccountId, place: PostingPlace) -> [u8; 24] {
    let mut key = [0; 24];
    let (front, back) = key.split_at_mut(12);
    // Times are not below zero.
    let time = place.time.nanoseconds().unsigned_abs();
    front.copy_from_slice(&key_32_64(account.index(), time));
    back.copy_from_slice(&key_64_32(place.sequence.value(), place.index));
    key
}

/// An account and a client's id, as a key.
pub(super) fn client_id_key(account: AccountId, id: &ClientId) -> Vec<u8> {
    [&account.index().to_be_bytes(), id.as_str().as_bytes()].concat()
}

/// Four bytes as a number.
pub(super) fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// Eight bytes as a number.
pub(super) fn be64(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

//! The history on disk: `DIR/projections`, a RocksDB database of its own.
//!
//! Invariant: the cursor is in the same write batch as the rows it speaks of, so the database
//! always holds exactly the history up to its cursor, whatever was lost with the page cache.
//! Writes are not synced one by one: what is lost is derived again from the journal; the caller
//! syncs the log now and then and only then says that the cursor is safe. Not here: what the rows
//! mean (`rows`), how they are written (`batch`), keys (`keys`), who reads them (`history`).

mod batch;
mod keys;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::types::{AssetId, InstrumentId, ParticipantId, Sequence};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    BlockBasedOptions, BoundColumnFamily, Cache, ColumnFamilyDescriptor, DBWithThreadMode,
    MultiThreaded, Options,
};

use super::postings::{ClearedAssets, Settles};
use super::rows::{OrderRow, RowError, TradeRow};
pub use batch::Counted;
pub(super) use keys::{
    be32, be64, client_id_key, contract_key, contract_of_key, key_32_64, key_64_32, posting_key,
    receipt_key, split_32_64, split_contract_of, trade_execution_key, trade_key,
};

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
    /// Sequence of the order's command -> `OrderRow`.
    Orders,
    /// Account, sequence -> the instrument's handle.
    OrdersByAccount,
    /// Account, `client_order_id` -> sequence of the newest order with it.
    OrdersByClientId,
    /// Participant, its counter -> `ExecutionRow` or `ContractRow`.
    ExecutionsByParticipant,
    /// Account, its counter -> participant, its counter.
    ExecutionsByAccount,
    /// Sequence, index of the event -> `TradeRow`.
    Trades,
    /// Instrument, sequence, index of the event -> nothing.
    TradesByInstrument,
    /// Sequence -> `FirstRow`.
    Firsts,
    /// Account -> participant.
    Accounts,
    /// Account, time, sequence, index -> `PostingRow`.
    Postings,
    /// Account, number -> [`Tally`](super::tallies::Tally): what so many of its postings sum to.
    Checkpoints,
    /// Sequence, index of a trade; sequence, index of an execution of it or of what became of it ->
    /// participant, its counter.
    ExecutionsByTrade,
    /// Instrument with clearing -> its money, its goods.
    Clearing,
    /// Receipt, sequence, index -> `ReceiptRow`.
    Receipts,
    /// Contract and its row, sequence, index of a step -> `ContractRow`.
    Contracts,
    /// Account, contract and its row -> nothing.
    ContractsByAccount,
    /// Sequence, slot of an offer -> its terms.
    Offers,
    /// `layout`, `cursor`.
    Meta,
}

impl Family {
    /// All families.
    pub const ALL: [Self; 18] = [
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
        Self::Checkpoints,
        Self::ExecutionsByTrade,
        Self::Clearing,
        Self::Receipts,
        Self::Contracts,
        Self::ContractsByAccount,
        Self::Offers,
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
            Self::Checkpoints => "checkpoints",
            Self::ExecutionsByTrade => "executions_by_trade",
            Self::Clearing => "clearing",
            Self::Receipts => "receipts",
            Self::Contracts => "contracts",
            Self::ContractsByAccount => "contracts_by_account",
            Self::Offers => "offers",
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

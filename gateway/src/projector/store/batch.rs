//! Rows on their way to disk, family by family.
//!
//! Invariant: a batch and its cursor are written together or not at all. Not here: opening and
//! reading (`store`), what a row holds (`rows`).

use std::sync::Arc;

use engine::event::{ContractSide, OfferReport};
use engine::types::{AccountId, AssetId, ContractId, InstrumentId, ParticipantId, Sequence};
use rocksdb::{BoundColumnFamily, WriteBatch};

use super::super::contracts::ContractRow;
use super::super::output::Rows;
use super::super::postings::{PostingRow, Settles};
use super::super::receipts::ReceiptRow;
use super::super::rows::{ExecutionRow, FirstRow, OrderRow, TradeRow};
use super::super::tallies::Tallies;
use super::keys::{
    client_id_key, contract_key, contract_of_key, key_32_64, key_64_32, posting_key, receipt_key,
    trade_execution_key, trade_key,
};
use super::{Family, NO_GOODS, Store, StoreError};

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
    tallies: &'a mut Tallies,
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
    checkpoints: Arc<BoundColumnFamily<'a>>,
    executions_by_trade: Arc<BoundColumnFamily<'a>>,
    clearing: Arc<BoundColumnFamily<'a>>,
    receipts: Arc<BoundColumnFamily<'a>>,
    contracts: Arc<BoundColumnFamily<'a>>,
    contracts_by_account: Arc<BoundColumnFamily<'a>>,
    offers: Arc<BoundColumnFamily<'a>>,
    meta: Arc<BoundColumnFamily<'a>>,
    writes: WriteBatch,
    bytes: Vec<u8>,
    counted: Vec<Counted>,
}

impl Store {
    /// An empty batch that counts its postings in `tallies`.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub fn batch<'a>(&'a self, tallies: &'a mut Tallies) -> Result<Batch<'a>, StoreError> {
        tallies.keep_to_bound();
        Ok(Batch {
            store: self,
            tallies,
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
            checkpoints: self.family(Family::Checkpoints)?,
            executions_by_trade: self.family(Family::ExecutionsByTrade)?,
            clearing: self.family(Family::Clearing)?,
            receipts: self.family(Family::Receipts)?,
            contracts: self.family(Family::Contracts)?,
            contracts_by_account: self.family(Family::ContractsByAccount)?,
            offers: self.family(Family::Offers)?,
            meta: self.family(Family::Meta)?,
            writes: WriteBatch::default(),
            bytes: Vec::new(),
            counted: Vec::new(),
        })
    }
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
        if let Some(trade) = row.trade_id() {
            let exec = (row.exec.sequence, row.exec.index);
            let by_trade = trade_execution_key((trade.sequence, trade.index), exec);
            self.writes.put_cf(&self.executions_by_trade, by_trade, key);
        }
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

    fn put_private(
        &mut self,
        participant: ParticipantId,
        told: ContractSide,
        row: &ContractRow,
    ) -> Result<(), StoreError> {
        self.encoded(|out| row.encode(out));
        let (account, counters) = (told.account, told.counters);
        let key = key_32_64(participant.index(), counters.participant);
        self.writes
            .put_cf(&self.executions_by_participant, key, &self.bytes);
        let by_account = key_32_64(account.index(), counters.account);
        self.writes
            .put_cf(&self.executions_by_account, by_account, key);
        self.counted.push(Counted {
            account,
            account_counter: counters.account,
            participant,
            participant_counter: counters.participant,
        });
        Ok(())
    }

    fn put_contract_step(&mut self, row: &ContractRow) -> Result<(), StoreError> {
        let Some(report) = row.step() else {
            return Ok(());
        };
        self.encoded(|out| row.encode(out));
        let place = (row.exec.sequence, row.exec.index);
        let key = contract_key(report.contract(), place);
        self.writes.put_cf(&self.contracts, key, &self.bytes);
        Ok(())
    }

    fn put_contract_of(
        &mut self,
        account: AccountId,
        contract: ContractId,
    ) -> Result<(), StoreError> {
        let key = contract_of_key(account, contract);
        self.writes.put_cf(&self.contracts_by_account, key, []);
        Ok(())
    }

    fn put_offer(&mut self, report: &OfferReport) -> Result<(), StoreError> {
        let key = key_64_32(report.offer.sequence, report.offer.slot);
        let terms = report.terms.index().to_be_bytes();
        self.writes.put_cf(&self.offers, key, terms);
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
        let tally = self.tallies.count(self.store, row)?;
        if let Some(number) = tally.number() {
            self.bytes.clear();
            tally.encode(&mut self.bytes);
            let key = key_32_64(row.account.index(), number);
            self.writes.put_cf(&self.checkpoints, key, &self.bytes);
        }
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

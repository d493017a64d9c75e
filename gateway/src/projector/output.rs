//! What the projector writes to, as the logic of rows sees it.
//!
//! Invariant: `orders` writes rows through this alone, so the same logic fills a database, or in
//! a test a map. Not here: RocksDB (`store`).

use engine::event::{ContractSide, OfferReport};
use engine::types::{AccountId, ContractId, InstrumentId, OrderId, ParticipantId};

use super::contracts::ContractRow;
use super::postings::{PostingRow, Settles};
use super::receipts::ReceiptRow;
use super::rows::{ExecutionRow, FirstRow, OrderRow, TradeRow};

/// Where rows go, and where orders from before the start come from.
pub trait Rows {
    /// Why a row could not be read or written.
    type Error;
    /// An order as last written, if it was.
    fn read_order(&mut self, sequence: u64) -> Result<Option<OrderRow>, Self::Error>;
    /// A trade as written, if it was.
    fn read_trade(&mut self, sequence: u64, index: u32) -> Result<Option<TradeRow>, Self::Error>;
    /// An order as it stands.
    fn put_order(&mut self, row: &OrderRow) -> Result<(), Self::Error>;
    /// A new order of an account, for the indexes.
    fn put_new_order(&mut self, row: &OrderRow) -> Result<(), Self::Error>;
    /// A counted report.
    fn put_execution(
        &mut self,
        participant: ParticipantId,
        row: &ExecutionRow,
    ) -> Result<(), Self::Error>;
    /// A counted report about a contract.
    fn put_private(
        &mut self,
        participant: ParticipantId,
        told: ContractSide,
        row: &ContractRow,
    ) -> Result<(), Self::Error>;
    /// A step of a contract.
    fn put_contract_step(&mut self, row: &ContractRow) -> Result<(), Self::Error>;
    /// A new contract of an account, for the index.
    fn put_contract_of(
        &mut self,
        account: AccountId,
        contract: ContractId,
    ) -> Result<(), Self::Error>;
    /// A new offer.
    fn put_offer(&mut self, report: &OfferReport) -> Result<(), Self::Error>;
    /// A public trade.
    fn put_trade(&mut self, row: &TradeRow) -> Result<(), Self::Error>;
    /// An amount that moved on an account.
    fn put_posting(&mut self, row: &PostingRow) -> Result<(), Self::Error>;
    /// An act on a warehouse receipt.
    fn put_receipt(&mut self, row: &ReceiptRow) -> Result<(), Self::Error>;
    /// An instrument's clearing.
    fn put_clearing(
        &mut self,
        instrument: InstrumentId,
        settles: Settles,
    ) -> Result<(), Self::Error>;
    /// A first answer.
    fn put_first(&mut self, row: &FirstRow) -> Result<(), Self::Error>;
    /// A new account.
    fn put_account(
        &mut self,
        account: AccountId,
        participant: ParticipantId,
    ) -> Result<(), Self::Error>;
}

/// What history cannot be made of: the events contradict each other, or a row is missing.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError<E> {
    /// A row could not be read or written.
    #[error(transparent)]
    Rows(#[from] E),
    /// An event names an order that history does not know.
    #[error("the command at {sequence} touches order {order:?}, which the history does not hold")]
    UnknownOrder {
        /// The command.
        sequence: u64,
        /// The order.
        order: OrderId,
    },
    /// An event counts a report of an account that history does not know.
    #[error("the command at {sequence} reports to account {account}, which was never created")]
    UnknownAccount {
        /// The command.
        sequence: u64,
        /// The account's handle.
        account: u32,
    },
}

//! What became of credit, collateral and transfers.
//!
//! Invariant: as in `event`. What was drawn and repaid is told once a command, as the difference,
//! after everything else. Not here: why it was drawn; the command's other events say that.

use crate::command::{Half, Pledging};
use crate::types::{AccountId, Amount, AssetId, ShardId, TransferId};

/// What became of credit, collateral or a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreditEvent {
    /// Money was drawn or repaid.
    Moved(CreditMoved),
    /// Collateral was pledged or given back.
    Collateral(CollateralReport),
    /// A half of a transfer between shards was done.
    Half(TransferReport),
    /// An amount went to another account of the same owner.
    Transferred(Transferred),
}

/// What a command drew of an account's credit, or repaid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreditMoved {
    /// The account.
    pub account: AccountId,
    /// The currency.
    pub asset: AssetId,
    /// What was drawn; below zero, what was repaid. Never zero.
    pub change: i64,
    /// What is drawn now.
    pub drawn: Amount,
}

/// What became of collateral.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CollateralReport {
    /// The account.
    pub account: AccountId,
    /// The currency it backs.
    pub money: AssetId,
    /// The goods.
    pub goods: AssetId,
    /// Which way.
    pub pledging: Pledging,
    /// How much.
    pub amount: Amount,
    /// What is pledged of it now.
    pub pledged: Amount,
}

/// A half of a transfer between shards was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransferReport {
    /// Which half.
    pub half: Half,
    /// The transfer.
    pub transfer: TransferId,
    /// The account here.
    pub account: AccountId,
    /// The asset here.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
    /// The other shard.
    pub shard: ShardId,
}

/// An amount went to another account of the same owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transferred {
    /// Whose it was.
    pub from: AccountId,
    /// Whose it is.
    pub to: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

//! Commands about credit, collateral and transfers.
//!
//! Invariant: as in `command`. Credit is lent by an account's own credit position, never made of
//! nothing; a transfer to another shard is two commands, one for each shard. Not here: the rules
//! (`clearing::credit`, `clearing::transfer`, SEMANTICS section 16).

use crate::types::{AccountId, Amount, AssetId, ShardId, TransferId};

/// One of the commands about credit, collateral and transfers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreditCommand {
    /// How much is lent to accounts of a score band.
    SetLine(SetCreditLine),
    /// An account's score; the first one opens its credit.
    SetScore(SetScore),
    /// What goods count for as collateral.
    SetHaircut(SetHaircut),
    /// Goods are pledged, or given back.
    MoveCollateral(MoveCollateral),
    /// One half of a transfer between shards.
    Half(TransferHalf),
    /// A transfer inside the shard.
    Transfer(Transfer),
    /// Move an amount between accounts of two beneficial owners, as an operator, for a reason.
    Compensate(Transfer),
}

/// Set how much of a currency is lent to each account of a score band, collateral apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetCreditLine {
    /// The currency.
    pub asset: AssetId,
    /// The band, below [`SetScore::BANDS`].
    pub band: u8,
    /// The line; nothing for no line.
    pub line: Amount,
}

/// Put an account into a score band of a currency. The first time its credit comes into being.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetScore {
    /// The account.
    pub account: AccountId,
    /// The currency.
    pub asset: AssetId,
    /// The band, below [`SetScore::BANDS`].
    pub band: u8,
}

impl SetScore {
    /// How many score bands there are.
    pub const BANDS: u8 = 8;
}

/// Set what goods count for as collateral: their price, and how much of it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetHaircut {
    /// The goods.
    pub goods: AssetId,
    /// The currency that is lent against them.
    pub money: AssetId,
    /// What a whole unit of the goods (10^decimals minor units) is worth, in minor units of the
    /// money; at most [`SetHaircut::PRICE_MAX`].
    pub price: Amount,
    /// How much of it counts, in basis points, at most [`SetHaircut::BASIS_POINTS`].
    pub basis_points: u16,
}

impl SetHaircut {
    /// The highest price of a whole unit, in minor units: with the most goods there can be every
    /// product stays below 2^114.
    pub const PRICE_MAX: i64 = 1 << 40;
    /// All of the price.
    pub const BASIS_POINTS: u16 = 10_000;
}

/// Whether collateral comes or goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Pledging {
    /// Available goods become collateral; they are held and cannot be sold.
    Pledge,
    /// Collateral becomes available again; what is drawn must stay covered.
    Release,
}

/// Pledge goods for what is lent of one currency, or take them back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MoveCollateral {
    /// The account; it has credit in that currency.
    pub account: AccountId,
    /// The currency.
    pub money: AssetId,
    /// The goods.
    pub goods: AssetId,
    /// Which way.
    pub pledging: Pledging,
    /// How much, in minor units of the goods; above zero.
    pub amount: Amount,
}

/// Which half of a transfer between shards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Half {
    /// The amount leaves this shard.
    Out,
    /// The amount comes to this shard.
    In,
}

/// One half of a transfer between shards. Each id is used by each half once, for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransferHalf {
    /// Which half.
    pub half: Half,
    /// The transfer's id, the same in both halves.
    pub transfer: TransferId,
    /// The account here.
    pub account: AccountId,
    /// The asset here.
    pub asset: AssetId,
    /// How much; above zero.
    pub amount: Amount,
    /// The other shard.
    pub shard: ShardId,
}

/// Move an amount between two accounts of one beneficial owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// Whose it is.
    pub from: AccountId,
    /// Whose it becomes; another account of the same owner.
    pub to: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// How much; above zero.
    pub amount: Amount,
}

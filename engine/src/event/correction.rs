//! What became of trades that were busted or corrected, and of what is owed since.
//!
//! Invariant: as in `event`: a correction says all that moved. Not here: orders' ids in full: an
//! order's sequence names it, and its row may be long gone.

use super::Counters;
use crate::command::TradeRef;
use crate::types::{AccountId, AssetId, InstrumentId, Price, Quantity, Sequence, Side};

/// What happened to a trade that stood, or to what is owed since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CorrectionEvent {
    /// A trade was busted: a report for each side (FIX 150 = H), and the public print is void.
    Busted(TradeCorrection),
    /// A trade was corrected: a report for each side (FIX 150 = G), and a new public print.
    Corrected(TradeCorrection),
    /// What an account owed was taken from what became available to it.
    Repaid(Repaid),
}

/// A trade as it stood and as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TradeCorrection {
    /// The command that caused the trade.
    pub sequence: Sequence,
    /// The place of the trade among that command's events.
    pub index: u32,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Who took; none in an auction.
    pub aggressor: Option<Side>,
    /// How it stood.
    pub before: TradeTerms,
    /// How it stands; of a bust its price, quantity zero and value zero.
    pub after: TradeTerms,
    /// What went back to the seller, in minor units of the goods, owed or not; zero without
    /// clearing.
    pub goods: i64,
    /// What of it the buyer did not have and owes.
    pub goods_owed: i64,
    /// The buyer.
    pub buy: CorrectionSide,
    /// The seller.
    pub sell: CorrectionSide,
}

/// Price, quantity and what they are worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TradeTerms {
    /// The price (FIX 31).
    pub price: Price,
    /// The quantity (FIX 32).
    pub quantity: Quantity,
    /// The value, in minor units of the money; zero without clearing.
    pub value: i64,
}

/// One side of a corrected trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CorrectionSide {
    /// The sequence of its order, live or not. The trade's quantity before less after is no longer
    /// part of what the order traded, nor, of a live one, of its whole quantity; its leaves stay.
    pub order: u64,
    /// Its account.
    pub account: AccountId,
    /// The fee before, in minor units of the money; below zero a rebate.
    pub fee_before: i64,
    /// The fee now; zero after a bust.
    pub fee: i64,
    /// What it did not have of the money it had to give back, and owes.
    pub owed: i64,
    /// The private counters.
    pub counters: Counters,
}

impl TradeCorrection {
    /// The trade.
    pub const fn trade(&self) -> TradeRef {
        TradeRef {
            sequence: self.sequence,
            index: self.index,
        }
    }

    /// Both sides, the buyer first.
    pub const fn sides(&self) -> [(Side, &CorrectionSide); 2] {
        [(Side::Buy, &self.buy), (Side::Sell, &self.sell)]
    }

    /// How much less the trade is, in lots.
    pub const fn lots_less(&self) -> i64 {
        self.before.quantity.lots() - self.after.quantity.lots()
    }
}

/// What an account owed was taken from what became available to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repaid {
    /// The account.
    pub account: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// How much, in minor units; above zero.
    pub amount: i64,
    /// What it still owes.
    pub owed: i64,
}

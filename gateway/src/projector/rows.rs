//! The rows of the history: an order, an execution, a trade, a first answer.
//!
//! Invariant: a row is complete; a report is written from it and the names of its handles alone.
//! Not here: their bytes (`row_codec`), keys and families (`store`), names and decimals
//! (`services`).

use engine::bytes::BytesError;
use engine::command::Identity;
use engine::event::{Cause, Counters, ExecType, OfferReport};
use engine::reject::Reject;
use engine::types::{
    AccountId, ClientId, ExecId, InstrumentId, OrderId, OrderStatus, OrderType, ParticipantId,
    Price, Quantity, Sequence, Side, Time, TimeInForce, TradeId,
};

use super::contracts::ContractRow;

/// The version of the rows that are written; those of every version from 1 on are read. Version 2
/// knows of money: what an order holds, what a trade is worth and charges. Before, nothing did.
pub const ROW_VERSION: u8 = 2;

/// What an order came as (FIX 40), without its prices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderKind {
    /// FIX 2.
    Limit,
    /// FIX 1.
    Market,
    /// FIX K.
    MarketToLimit,
    /// FIX 3.
    Stop,
    /// FIX 4.
    StopLimit,
}

impl From<&OrderType> for OrderKind {
    fn from(order_type: &OrderType) -> Self {
        match order_type {
            OrderType::Limit(_) => Self::Limit,
            OrderType::Market { .. } => Self::Market,
            OrderType::MarketToLimit { .. } => Self::MarketToLimit,
            OrderType::Stop { .. } => Self::Stop,
            OrderType::StopLimit { .. } => Self::StopLimit,
        }
    }
}

/// The part an order played in a trade (FIX 851).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Liquidity {
    /// It was resting.
    Added,
    /// It came in and took.
    Removed,
    /// Both met in an auction.
    Auction,
}

/// How an order stands after a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Its status.
    pub status: OrderStatus,
    /// Its limit or protection price; none before one is known.
    pub price: Option<Price>,
    /// Its trigger while it waits.
    pub stop_price: Option<Price>,
    /// Its whole quantity.
    pub quantity: Quantity,
    /// What has traded.
    pub cumulative: Quantity,
    /// What may still trade.
    pub leaves: Quantity,
    /// Sum of price times quantity over its trades, in tick-lots: exact, so the average price is
    /// rounded once, where it is written.
    pub notional: i128,
    /// The money it holds, in minor units of the instrument's money.
    pub held: i64,
}

/// What never changes of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// What it came as.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// How its submit was named by the client.
    pub identity: Identity,
}

/// An order as last reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderRow {
    /// Its id.
    pub order: OrderId,
    /// Its account.
    pub account: AccountId,
    /// Its instrument.
    pub instrument: InstrumentId,
    /// Its side.
    pub side: Side,
    /// What it came as.
    pub origin: Origin,
    /// How it stands.
    pub standing: Standing,
    /// Why it last changed unasked.
    pub cause: Cause,
    /// The reject, of an order that never lived.
    pub reject: Option<Reject>,
    /// When it was submitted.
    pub created: Time,
    /// The command that last touched it.
    pub touched: Sequence,
    /// When that was sequenced.
    pub updated: Time,
}

/// What an execution tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExecutionKind {
    /// A report that is not a trade.
    Report(ExecType),
    /// One side of a trade (FIX 150 = F).
    Trade {
        /// The price (FIX 31).
        price: Price,
        /// The quantity (FIX 32).
        quantity: Quantity,
        /// The part the order played.
        liquidity: Liquidity,
        /// What it is worth, in minor units of the instrument's money.
        value: i64,
        /// What it charges (FIX 137), in the same; below zero it is a rebate.
        fee: i64,
    },
    /// One side of a trade that was busted (FIX 150 = H) or corrected (FIX 150 = G).
    Correction {
        /// Which of them.
        correction: Correction,
        /// The trade (FIX 1003).
        trade: TradeId,
        /// The price (FIX 31): as it stands, or, of a bust, as it stood.
        price: Price,
        /// The quantity (FIX 32), likewise.
        quantity: Quantity,
        /// The part the order played.
        liquidity: Liquidity,
        /// What the trade is worth now, in minor units of the instrument's money.
        value: i64,
        /// What it charges now (FIX 137), in the same.
        fee: i64,
    },
}

/// What became of a trade that stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Correction {
    /// It is void.
    Bust,
    /// It stands otherwise.
    Correct,
}

/// One report about one order, complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExecutionRow {
    /// Shard, epoch, command and index: its id (FIX 17).
    pub exec: ExecId,
    /// When the command was sequenced (FIX 60).
    pub time: Time,
    /// What it tells.
    pub kind: ExecutionKind,
    /// Why it happened unasked.
    pub cause: Cause,
    /// The reject, of the three rejected kinds.
    pub reject: Option<Reject>,
    /// The order; of a rejected cancel or replace, the one it named.
    pub order: OrderId,
    /// The account.
    pub account: AccountId,
    /// The participant; none when the account is not known.
    pub participant: Option<ParticipantId>,
    /// The private counters; 0 when they did not count it.
    pub counters: Counters,
    /// The instrument; none when the order is not known.
    pub instrument: Option<InstrumentId>,
    /// The side; as above.
    pub side: Option<Side>,
    /// What the order came as; as above.
    pub origin: Option<Origin>,
    /// How the order stands.
    pub standing: Standing,
    /// The command this answers; of a report nobody asked for, the order's submit (FIX 11).
    pub answers: Identity,
}

impl ExecutionRow {
    /// The trade's id, of a trade (FIX 1003).
    pub fn trade_id(&self) -> Option<TradeId> {
        match self.kind {
            ExecutionKind::Report(_) => None,
            ExecutionKind::Correction { trade, .. } => Some(trade),
            ExecutionKind::Trade { .. } => Some(TradeId {
                shard: self.exec.shard,
                epoch: self.exec.epoch,
                sequence: self.exec.sequence,
                index: self.exec.index / 2,
            }),
        }
    }

    /// The id of the report of the trade that this corrects (FIX 19).
    pub fn corrects(&self) -> Option<ExecId> {
        let ExecutionKind::Correction { trade, .. } = self.kind else {
            return None;
        };
        Some(ExecId {
            shard: trade.shard,
            epoch: trade.epoch,
            sequence: trade.sequence,
            index: trade.index * 2 + u32::from(self.side == Some(Side::Sell)),
        })
    }

    /// The order's own `client_order_id`, when this answers a later command about it (FIX 41).
    pub fn original(&self) -> Option<ClientId> {
        let origin = self.origin.as_ref()?;
        match origin.identity {
            Identity::Request(id) if origin.identity != self.answers => Some(id),
            Identity::Request(_) | Identity::Session { .. } | Identity::Internal => None,
        }
    }
}

/// A public trade, or what became of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TradeRow {
    /// Its place in the history: the id of a trade; of a bust or correction where it was made.
    pub trade: TradeId,
    /// The trade this speaks of, unless it is the trade itself.
    pub corrects: Option<(Correction, TradeId)>,
    /// When the command was sequenced.
    pub time: Time,
    /// The instrument.
    pub instrument: InstrumentId,
    /// The price.
    pub price: Price,
    /// The quantity.
    pub quantity: Quantity,
    /// Who took; none in an auction.
    pub aggressor: Option<Side>,
    /// What it is worth, in minor units of the instrument's money.
    pub value: i64,
}

impl TradeRow {
    /// The id of the trade it speaks of.
    pub fn id(&self) -> TradeId {
        self.corrects.map_or(self.trade, |(_, trade)| trade)
    }
}

/// The first answer of a command that may be retried by its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FirstRow {
    /// The command.
    pub sequence: Sequence,
    /// When it was sequenced.
    pub time: Time,
    /// How the client named it.
    pub identity: Identity,
    /// What it was told.
    pub answer: FirstAnswer,
}

/// What a command was told first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FirstAnswer {
    /// This report, found in its participant's stream.
    Counted(ParticipantId, u64),
    /// This report, which no counter counted.
    Uncounted(Box<ExecutionRow>),
    /// A mass cancel was carried out or rejected.
    MassCancel {
        /// The account.
        account: AccountId,
        /// The reject.
        reject: Option<Reject>,
        /// How many orders were cancelled.
        canceled: u32,
        /// How many stay.
        kept: u32,
    },
    /// An operation was done or rejected.
    Operation {
        /// The reject.
        reject: Option<Reject>,
        /// What was made or found.
        handle: Option<u32>,
    },
    /// A seller's command was done.
    Offer(Box<OfferReport>),
    /// This refusal about a contract, which no counter counted.
    Contract(Box<ContractRow>),
}

/// A row could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowError {
    /// Another version wrote it.
    Version(u8),
    /// Its bytes are not those of a row.
    Bytes(BytesError),
}

impl From<BytesError> for RowError {
    fn from(error: BytesError) -> Self {
        Self::Bytes(error)
    }
}

impl std::fmt::Display for RowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(
                f,
                "it has version {version}, this build reads versions 1 to {ROW_VERSION}"
            ),
            Self::Bytes(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RowError {}

//! What an order says: side, type, time in force and the instructions beside them.
//!
//! Invariant: each order type carries only the fields it has. Not here: an order's row in the
//! book (`book::arena`) and the rules about combinations (`market::book`).

use super::{AccountId, InstrumentId, Price, Quantity, Time};

/// Side of an order (FIX 54).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Side {
    /// FIX 1.
    Buy,
    /// FIX 2.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// Whether an order of this side at `limit` accepts to trade at `price`.
    pub const fn accepts(self, limit: Price, price: Price) -> bool {
        match self {
            Self::Buy => limit.ticks() >= price.ticks(),
            Self::Sell => limit.ticks() <= price.ticks(),
        }
    }
}

/// Whether a limit order may take (FIX 18 = 6 is "participate, do not initiate").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Posting {
    /// May trade at once.
    MayTake,
    /// Is rejected rather than trade at once.
    PostOnly,
}

/// The terms of a limit order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct LimitTerms {
    /// The worst price (FIX 44).
    pub price: Price,
    /// The slice shown of an iceberg (FIX 1138); `None` shows all.
    pub display_quantity: Option<Quantity>,
    /// Whether it may take.
    pub posting: Posting,
}

/// Order type (FIX 40), each with its own fields only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum OrderType {
    /// FIX 2.
    Limit(LimitTerms),
    /// FIX 1; always bounded by a protection price, the client's or the instrument's.
    Market {
        /// The worst price the client accepts; `None` takes the instrument's protection.
        protection: Option<Price>,
    },
    /// FIX K: takes like a market order; what is left rests as a limit order at the last price.
    MarketToLimit {
        /// As for a market order.
        protection: Option<Price>,
    },
    /// FIX 3: a market order from the first trade at or through `stop_price`.
    Stop {
        /// The trigger (FIX 99).
        stop_price: Price,
        /// As for a market order.
        protection: Option<Price>,
    },
    /// FIX 4: a limit order from the first trade at or through `stop_price`.
    StopLimit {
        /// The trigger (FIX 99).
        stop_price: Price,
        /// The limit afterwards (FIX 44).
        price: Price,
    },
}

/// Time in force (FIX 59).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum TimeInForce {
    /// FIX 0: until its venue closes, at the latest until the day roll.
    Day,
    /// FIX 1.
    GoodTillCancel,
    /// FIX 6: until the given instant; at that instant it is expired.
    GoodTillDate(Time),
    /// FIX 3.
    ImmediateOrCancel,
    /// FIX 4.
    FillOrKill,
    /// FIX 2: only for the opening auction.
    Opening,
    /// FIX 7: only for the closing auction.
    Closing,
}

/// Self-trade prevention among orders of one beneficial owner; the newer order's choice counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum SelfTradePrevention {
    /// They trade.
    None,
    /// What is left of the newer order is cancelled.
    CancelTaker,
    /// The older order is cancelled.
    CancelMaker,
    /// Both are cancelled.
    CancelBoth,
    /// Both shrink by what would have traded; an order left with nothing is cancelled.
    Decrement,
}

/// A new order as a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewOrder {
    /// The account it trades for (FIX 1).
    pub account: AccountId,
    /// The instrument (FIX 48).
    pub instrument: InstrumentId,
    /// The side.
    pub side: Side,
    /// The whole quantity (FIX 38).
    pub quantity: Quantity,
    /// The type with its own fields.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// The least that must trade at once, else it is rejected (FIX 110).
    pub min_quantity: Option<Quantity>,
    /// What happens when it meets an order of its own beneficial owner.
    pub self_trade_prevention: SelfTradePrevention,
}

/// Order status (FIX 39).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum OrderStatus {
    /// FIX 0.
    New,
    /// FIX 1.
    PartiallyFilled,
    /// FIX 2.
    Filled,
    /// FIX 4.
    Canceled,
    /// FIX 8.
    Rejected,
    /// FIX C.
    Expired,
}

impl OrderStatus {
    /// Whether the order has ended.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Canceled | Self::Rejected | Self::Expired
        )
    }
}

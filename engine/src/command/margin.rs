//! Commands about margin forwards: their terms, a settlement price by hand, a mark at once.
//!
//! Invariant: as in `command`. Not here: the rules (`clearing::margin`, SEMANTICS section 19).

use crate::types::{AssetId, InstrumentId, Nanoseconds, Price, Quantity};

/// What an operator asks of an instrument that trades on margin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MarginCommand {
    /// Make an instrument a margin forward.
    SetMargin(SetMargin),
    /// Give the price of its next mark.
    SetSettlementPrice(SetSettlementPrice),
    /// Mark it now, beside the mark at each day roll of its venue.
    Mark(Mark),
}

impl MarginCommand {
    /// The instrument it is about.
    pub const fn instrument(&self) -> InstrumentId {
        match self {
            Self::SetMargin(set) => set.instrument,
            Self::SetSettlementPrice(set) => set.instrument,
            Self::Mark(mark) => mark.instrument,
        }
    }
}

/// Make an instrument a margin forward: from then on its trades change positions, not goods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetMargin {
    /// The instrument; it has no live orders, no clearing and no margin yet.
    pub instrument: InstrumentId,
    /// The currency it is settled in.
    pub money: AssetId,
    /// The settlement price until the first mark: what the contract is listed at.
    pub settlement_price: Price,
    /// Initial margin, in basis points of the value at the settlement price; 1 to 10,000.
    pub initial_bp: u16,
    /// Maintenance margin likewise; 1 to `initial_bp`.
    pub maintenance_bp: u16,
    /// How long after a mark a margin call may stand before the position is reduced.
    pub call_deadline: Nanoseconds,
    /// The most lots an account may be long or short, open orders included.
    pub position_limit: Option<Quantity>,
}

impl SetMargin {
    /// The largest rate: the whole value.
    pub const BP_MAX: u16 = 10_000;
    /// The longest deadline of a call: 31 days.
    pub const CALL_DEADLINE_MAX: Nanoseconds = Nanoseconds(31 * 24 * 3_600 * 1_000_000_000);
}

/// Give the price of an instrument's next mark, in place of the average of its trades.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetSettlementPrice {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The price.
    pub price: Price,
}

/// Mark an instrument's positions now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The instrument.
    pub instrument: InstrumentId,
}

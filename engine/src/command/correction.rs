//! Commands that undo or change a trade that stands: an operator's act, with a reason and, on a
//! venue that is no demonstration, an approver.
//!
//! Invariant: as in `command`. A correction names its trade; nothing that was journaled is edited.
//! Not here: the rules (`clearing::correction`, SEMANTICS section 15).

use crate::types::{Price, Quantity, Sequence};

/// Which trade: its id (FIX 1003) without shard and epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct TradeRef {
    /// The command that caused it.
    pub sequence: Sequence,
    /// The place of the trade among that command's events.
    pub index: u32,
}

/// A bust or a correction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CorrectionCommand {
    /// The trade never was (FIX 150 = H): money, goods and fees go back.
    Bust {
        /// The trade.
        trade: TradeRef,
    },
    /// The trade was at another price, or of less (FIX 150 = G): the differences go back.
    Correct {
        /// The trade.
        trade: TradeRef,
        /// The price it should have had.
        price: Price,
        /// The quantity it should have had, at most what stands; none leaves it.
        quantity: Option<Quantity>,
    },
}

impl CorrectionCommand {
    /// The trade it names.
    pub const fn trade(&self) -> TradeRef {
        match self {
            Self::Bust { trade } | Self::Correct { trade, .. } => *trade,
        }
    }
}

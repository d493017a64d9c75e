//! What FIX 5.0 SP2 calls each reason: OrdRejReason (103) of a refused order, CxlRejReason (102) of
//! a refused cancel or replace.
//!
//! Invariant: each reason has one value of each, from the code sets as of extension pack 268; the
//! string stays the finer word. Not here: BusinessRejectReason (380), since a command that reached
//! the engine is always answered by a report.

use super::RejectReason;

/// Broker or exchange option: a rule of the venue or a bound of this exchange.
const EXCHANGE_OPTION: u32 = 0;
const OTHER: u32 = 99;

impl RejectReason {
    /// OrdRejReason (103).
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "FIX has no word for what operators ask; whatever is none of them is other"
    )]
    pub const fn order_reject_reason(self) -> u32 {
        match self {
            Self::UnknownInstrument | Self::UnknownVenue => 1,
            Self::MarketClosed | Self::PhaseNoCancel | Self::Halted | Self::CancelOnly => 2,
            Self::MaxQuantity
            | Self::OpenOrders
            | Self::StopOrders
            | Self::PriceLevels
            | Self::AccountOrders
            | Self::PositionLimit
            | Self::InsufficientGoods => 3,
            Self::ExpireTime => 4,
            Self::UnknownOrder => 5,
            Self::ClientOrderIdReused | Self::AlreadyExists => 6,
            Self::StaleRequest => 8,
            Self::UnknownOwner | Self::NotQualified => 10,
            Self::InvalidCombination | Self::PhaseTimeInForce => 11,
            Self::Quantity | Self::DisplayQuantity | Self::MinQuantityInvalid => 13,
            Self::UnknownAccount
            | Self::UnknownParticipant
            | Self::ParticipantSuspended
            | Self::AccountSuspended
            | Self::AccountClosed => 15,
            Self::StaticBand | Self::DynamicBand => 16,
            Self::InsufficientFunds | Self::InsufficientMargin => 25,
            Self::MaxNotional | Self::OrderValue => 27,
            Self::RequestWindowFull
            | Self::NotPermitted
            | Self::KillSwitch
            | Self::NotCleared
            | Self::Throttled
            | Self::OrderToTrade
            | Self::Positions => EXCHANGE_OPTION,
            _ => OTHER,
        }
    }

    /// CxlRejReason (102).
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "FIX has five words for this; whatever is none of them is other"
    )]
    pub const fn cancel_reject_reason(self) -> u32 {
        match self {
            Self::UnknownOrder => 1,
            Self::MarketClosed
            | Self::PhaseNoCancel
            | Self::Halted
            | Self::CancelOnly
            | Self::RequestWindowFull
            | Self::NotPermitted
            | Self::KillSwitch
            | Self::Throttled
            | Self::OrderToTrade => 2,
            Self::ClientOrderIdReused => 6,
            Self::StaticBand | Self::DynamicBand => 8,
            _ => OTHER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of extension pack 268 that are used here; those of 102 that mean otherwise apart.
    const OF_ORDERS: [u32; 15] = [0, 1, 2, 3, 4, 5, 6, 8, 10, 11, 13, 15, 16, 25, 27];
    const OF_CANCELS: [u32; 4] = [1, 2, 6, 8];

    /// The groups of the ladder of a new order: what refuses an order says more than "other", but
    /// for those that FIX has no word for.
    #[test]
    fn what_refuses_an_order_has_a_word_of_fix_or_is_named_here() {
        let without = [
            "SEQUENCE_GAP",
            "UNKNOWN_SESSION",
            "T_PLUS_N",
            "MAX_HOLDERS",
            "PRICE_SIGN",
            "POST_ONLY_WOULD_TAKE",
            "FOK_UNFILLABLE",
            "MIN_QUANTITY",
        ];
        for reason in RejectReason::ALL {
            let (value, text) = (reason.order_reject_reason(), reason.as_str());
            assert!(
                value == OTHER || OF_ORDERS.contains(&value),
                "{text} {value}"
            );
            if without.contains(&text) {
                assert_eq!(value, OTHER, "{text}");
            }
            let value = reason.cancel_reject_reason();
            assert!(
                value == OTHER || OF_CANCELS.contains(&value),
                "{text} {value}"
            );
        }
        let used = |value: &u32| {
            let mut all = RejectReason::ALL.iter();
            all.any(|reason| reason.order_reject_reason() == *value)
        };
        assert!(OF_ORDERS.iter().all(used), "each value has a reason");
    }
}

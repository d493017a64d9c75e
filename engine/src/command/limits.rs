//! The bodies of commands about pre-trade risk.
//!
//! Invariant: as in `command`. Not here: what is counted and refused (`risk`).

use crate::types::{AccountId, ParticipantId, Quantity, VenueId};

/// What an operator decides about risk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LimitsCommand {
    /// The limits of an account, of a participant, or of a venue's accounts.
    SetRiskLimits(Box<SetRiskLimits>),
}

/// Whose limits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum RiskScope {
    /// Of each account that trades at the venue, where it has none of its own.
    Venue(VenueId),
    /// Of all accounts of a participant together.
    Participant(ParticipantId),
    /// Of one account.
    Account(AccountId),
}

/// How many messages: a bucket of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Throttle {
    /// Tokens that come back each second, `1 ..= RATE_MAX`.
    pub rate: u32,
    /// Tokens of a full bucket, `1 ..= BURST_MAX`.
    pub burst: u32,
}

impl Throttle {
    /// More than a shard carries.
    pub const RATE_MAX: u32 = 1_000_000;
    /// As many, so that a bucket's level in token-nanoseconds fits.
    pub const BURST_MAX: u32 = 1_000_000;
}

/// How many orders and replaces for each trade of the day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct OrderToTrade {
    /// For each trade, at most [`OrderToTrade::RATIO_MAX`].
    pub ratio: u32,
    /// Without any trade, at most [`OrderToTrade::ALLOWANCE_MAX`].
    pub allowance: u32,
}

impl OrderToTrade {
    /// Far beyond any rule book's.
    pub const RATIO_MAX: u32 = 1_000_000;
    /// Far beyond what a day brings.
    pub const ALLOWANCE_MAX: u32 = 1_000_000_000;
}

/// Limits, each of which may be absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct RiskLimits {
    /// Of new orders and replaces.
    pub throttle: Option<Throttle>,
    /// Of new orders and replaces to trades; not for a participant.
    pub order_to_trade: Option<OrderToTrade>,
    /// Of live orders.
    pub open_orders: Option<u32>,
    /// Of goods and what open buys would add to them, in lots of each instrument; not for a
    /// participant.
    pub position: Option<Quantity>,
}

impl RiskLimits {
    /// No limit at all.
    pub const NONE: Self = Self {
        throttle: None,
        order_to_trade: None,
        open_orders: None,
        position: None,
    };

    /// Whether every limit is within its bounds.
    pub fn is_valid(&self) -> bool {
        let throttle = self.throttle.is_none_or(|throttle| {
            (1..=Throttle::RATE_MAX).contains(&throttle.rate)
                && (1..=Throttle::BURST_MAX).contains(&throttle.burst)
        });
        let ratio = self.order_to_trade.is_none_or(|limit| {
            limit.ratio <= OrderToTrade::RATIO_MAX && limit.allowance <= OrderToTrade::ALLOWANCE_MAX
        });
        throttle && ratio
    }

    /// Each limit of its own, else that of `default`.
    #[must_use]
    pub fn or(&self, default: &Self) -> Self {
        Self {
            throttle: self.throttle.or(default.throttle),
            order_to_trade: self.order_to_trade.or(default.order_to_trade),
            open_orders: self.open_orders.or(default.open_orders),
            position: self.position.or(default.position),
        }
    }
}

/// Limits; they replace the ones before. Without any the scope has none of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetRiskLimits {
    /// Whose.
    pub scope: RiskScope,
    /// What from now on.
    pub limits: RiskLimits,
}

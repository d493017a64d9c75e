//! Limits of risk and what of them is used.
//!
//! Invariant: as in `to_proto`. Not here: where it was read.

use engine::command::RiskLimits;
use engine::risk::RiskUsage;
use proto::v1;

/// Limits.
pub fn risk_limits(limits: &RiskLimits) -> v1::RiskLimits {
    v1::RiskLimits {
        throttle: limits.throttle.map(|throttle| v1::RiskThrottle {
            rate_per_second: throttle.rate,
            burst: throttle.burst,
        }),
        order_to_trade: limits.order_to_trade.map(|limit| v1::OrderToTradeRatio {
            ratio: limit.ratio,
            allowance: limit.allowance,
        }),
        open_orders: limits.open_orders,
        position_lots: limits.position.map(|lots| lots.lots().unsigned_abs()),
    }
}

/// What is used.
pub const fn risk_usage(usage: &RiskUsage) -> v1::RiskUsage {
    v1::RiskUsage {
        tokens: usage.tokens,
        open_orders: usage.open_orders,
        messages: usage.sent,
        trades: usage.trades,
    }
}

//! Operators' changes of the limits of risk.
//!
//! Invariant: as in `from_proto`; a limit out of its bounds is a fault of its field. Not here: what
//! is counted and refused (the engine).

use engine::command::{
    Body, LimitsCommand, OrderToTrade, RiskLimits, RiskScope, SetRiskLimits, Throttle,
};
use engine::types::Quantity;
use proto::v1;

use super::fields::Fields;
use super::operations::Asks;
use super::standing::participant;

impl Asks for v1::SetRiskLimitsRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        use v1::set_risk_limits_request::Scope;
        let scope = match &self.scope {
            Some(Scope::VenueId(name)) => fields.venue("venue_id", name).map(RiskScope::Venue),
            Some(Scope::ParticipantId(name)) => {
                participant(fields, "participant_id", name).map(RiskScope::Participant)
            }
            Some(Scope::AccountId(name)) => {
                fields.account("account_id", name).map(RiskScope::Account)
            }
            None => {
                let wanted = "is not given; venue_id, participant_id or account_id is required";
                fields.wrong("scope", wanted);
                None
            }
        };
        let none = v1::RiskLimits::default();
        let limits = limits(fields, self.limits.as_ref().unwrap_or(&none));
        if let Some(Scope::ParticipantId(_)) = &self.scope {
            if limits.order_to_trade.is_some() {
                fields.wrong(
                    "limits.order_to_trade",
                    "is not for a participant; leave it out",
                );
            }
            if limits.position.is_some() {
                fields.wrong(
                    "limits.position_lots",
                    "is not for a participant; leave it out",
                );
            }
        }
        let scope = scope?;
        let set = SetRiskLimits { scope, limits };
        Some(Body::Limits(LimitsCommand::SetRiskLimits(Box::new(set))))
    }
}

/// The limits; those out of bounds are noted.
fn limits(fields: &mut Fields<'_>, wire: &v1::RiskLimits) -> RiskLimits {
    let mut within = |field: &str, value: u64, least: u64, most: u64| {
        if !(least..=most).contains(&value) {
            let text = format!("{value} must lie between {least} and {most}");
            fields.wrong(field, text);
        }
    };
    let throttle = wire.throttle.as_ref().map(|throttle| {
        let (rate, burst) = (throttle.rate_per_second, throttle.burst);
        let (rates, bursts) = (Throttle::RATE_MAX.into(), Throttle::BURST_MAX.into());
        within("limits.throttle.rate_per_second", rate.into(), 1, rates);
        within("limits.throttle.burst", burst.into(), 1, bursts);
        Throttle { rate, burst }
    });
    let order_to_trade = wire.order_to_trade.as_ref().map(|limit| {
        let (ratio, allowance) = (limit.ratio, limit.allowance);
        let (ratios, free) = (OrderToTrade::RATIO_MAX, OrderToTrade::ALLOWANCE_MAX);
        within(
            "limits.order_to_trade.ratio",
            ratio.into(),
            0,
            ratios.into(),
        );
        within(
            "limits.order_to_trade.allowance",
            allowance.into(),
            0,
            free.into(),
        );
        OrderToTrade { ratio, allowance }
    });
    if let Some(lots) = wire.position_lots {
        let most = Quantity::MAX_LOTS.unsigned_abs();
        within("limits.position_lots", lots, 0, most);
    }
    let lots = wire.position_lots.and_then(|lots| i64::try_from(lots).ok());
    RiskLimits {
        throttle,
        order_to_trade,
        open_orders: wire.open_orders,
        position: lots.and_then(Quantity::new),
    }
}

//! One of every command about parties and risk, with every optional part present and absent.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;

fn commands(time: Time, bodies: Vec<Body>) -> Vec<(Time, Command)> {
    let envelope = Envelope {
        principal: PrincipalId::LOCAL,
        identity: Identity::Internal,
        valid_until: None,
        authority: None,
    };
    let bodies = bodies.into_iter().map(|body| {
        let envelope = envelope.clone();
        (time, Command { envelope, body })
    });
    bodies.collect()
}

/// What parties may do, all at one time.
pub fn standing(time: Time) -> Vec<(Time, Command)> {
    let (venue, participant) = (VenueId::new(3), ParticipantId::new(300));
    let parties = [
        Party::Participant(participant),
        Party::Account(AccountId::new(4_000)),
    ];
    let mut list = Vec::new();
    for party in parties {
        for standing in Standing::ALL {
            list.push(StandingCommand::SetStanding(SetStanding {
                party,
                standing,
            }));
        }
    }
    for bits in [0, 1, 2, 4, 8, 15] {
        list.push(StandingCommand::SetRoles(SetRoles {
            venue,
            participant,
            roles: Roles::from_bits(bits).expect("four bits"),
        }));
    }
    for bits in 0..4 {
        let access = Access::from_bits(bits).expect("two bits");
        list.push(StandingCommand::SetAccess(SetAccess { venue, access }));
    }
    for code in ["91350100M000100Y43", ""] {
        let code = Name::new(code).expect("short");
        let set = SetRegistration { participant, code };
        list.push(StandingCommand::SetRegistration(set));
    }
    commands(time, list.into_iter().map(Body::Standing).collect())
}

/// Limits of risk, all at one time.
pub fn limits(time: Time) -> Vec<(Time, Command)> {
    let all = RiskLimits {
        throttle: Some(Throttle {
            rate: 1_000_000,
            burst: 7,
        }),
        order_to_trade: Some(OrderToTrade {
            ratio: 100,
            allowance: 1_000_000_000,
        }),
        open_orders: Some(u32::MAX),
        position: Quantity::new(Quantity::MAX_LOTS),
    };
    let odd = RiskLimits {
        throttle: Some(Throttle {
            rate: 0,
            burst: u32::MAX,
        }),
        position: Some(Quantity::ZERO),
        ..RiskLimits::NONE
    };
    let scopes = [
        (RiskScope::Venue(VenueId::new(3)), all),
        (
            RiskScope::Participant(ParticipantId::new(300)),
            RiskLimits::NONE,
        ),
        (RiskScope::Account(AccountId::new(4_000)), odd),
    ];
    let list = scopes.map(|(scope, limits)| {
        let set = SetRiskLimits { scope, limits };
        Body::Limits(LimitsCommand::SetRiskLimits(Box::new(set)))
    });
    commands(time, list.to_vec())
}

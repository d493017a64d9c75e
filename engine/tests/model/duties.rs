//! What parties may do and the limits of risk in a world, and which cells of their rules there are.
//!
//! Invariant: restrictions are lifted again soon, so that most commands find a way; some worlds
//! are strict and set them often. Not here: orders (`generate`), the rules (`reference`).

use sanjiang_engine::command::*;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::*;

use super::coverage::Cell;
use super::rng::Rng;
use super::world::{lots_of, name};
use crate::reference::{Reference, code_is_right};

const COMMANDS: [&str; 5] = [
    "SetStanding",
    "SetRoles",
    "SetAccess",
    "SetRegistration",
    "SetRiskLimits",
];

/// What the reference says of limits.
const REACHED: [&str; 3] = [
    "a later day began anew",
    "a token came back",
    "an account emptied and closed",
];

/// What a new order and a replace can be refused for; a closed account has no order to replace.
const OF_BOTH: [RejectReason; 7] = [
    RejectReason::ParticipantSuspended,
    RejectReason::AccountSuspended,
    RejectReason::NotPermitted,
    RejectReason::NotQualified,
    RejectReason::Throttled,
    RejectReason::OrderToTrade,
    RejectReason::PositionLimit,
];

/// The bounds of a world, and with them how strict it is.
pub fn limits(rng: &mut Rng, limits: Limits) -> Limits {
    Limits {
        risk_sets_max: rng.pick(&[2, 5, 20, 40, 41]),
        ..limits
    }
}

/// How often something of this is set.
pub fn weight(limits: &Limits) -> u32 {
    if limits.risk_sets_max >= 40 { 20 } else { 4 }
}

/// Whether the accounts of the last participant begin with nothing in a world, so that they can be
/// closed.
pub fn poor(limits: &Limits, account: u32) -> bool {
    limits.risk_sets_max == 41 && account % 3 == 2
}

/// The name of a command about parties or risk.
pub fn command(body: &Body) -> Option<&'static str> {
    if let Body::Limits(LimitsCommand::SetRiskLimits(_)) = body {
        return Some(COMMANDS[4]);
    }
    let Body::Standing(command) = body else {
        return None;
    };
    Some(match command {
        StandingCommand::SetStanding(_) => COMMANDS[0],
        StandingCommand::SetRoles(_) => COMMANDS[1],
        StandingCommand::SetAccess(_) => COMMANDS[2],
        StandingCommand::SetRegistration(_) => COMMANDS[3],
    })
}

/// The groups of cells about parties and risk.
pub fn required() -> Vec<(&'static str, Vec<Cell>)> {
    let commands = COMMANDS
        .iter()
        .flat_map(|name| [true, false].map(|taken| Cell::Command(name, taken)));
    let refused = OF_BOTH
        .iter()
        .flat_map(|reason| ["NEW", "REPLACE"].map(|what| Cell::Refused(what, *reason)));
    vec![
        (
            "commands about parties and risk",
            // SetAccess is refused only for an unknown venue.
            commands.collect::<Vec<_>>(),
        ),
        ("new orders and replaces refused", refused.collect()),
        ("days and tokens", REACHED.map(Cell::Money).to_vec()),
    ]
}

fn account(rng: &mut Rng) -> AccountId {
    let unknown = if rng.permille(20) { 50 } else { 0 };
    AccountId::new(rng.below(8) as u32 + unknown)
}

fn participant(rng: &mut Rng) -> ParticipantId {
    let unknown = if rng.permille(20) { 50 } else { 0 };
    ParticipantId::new(rng.below(3) as u32 + unknown)
}

fn venue(rng: &mut Rng) -> VenueId {
    VenueId::new(rng.weighted(&[(45, 0), (30, 1), (23, 2), (2, 9)]))
}

fn stand(party: Party, standing: Standing) -> Body {
    Body::Standing(StandingCommand::SetStanding(SetStanding {
        party,
        standing,
    }))
}

/// A party's standing: a suspended one is mostly opened again.
fn standing(rng: &mut Rng, world: &Reference) -> Body {
    let parties = (0..world.accounts.len() as u32)
        .map(|at| Party::Account(AccountId::new(at)))
        .chain((0..3).map(|at| Party::Participant(ParticipantId::new(at))));
    let all: Vec<_> = parties.collect();
    let suspended = |party: &&Party| world.standing(**party) == Standing::Suspended;
    let suspended = all.iter().find(suspended).copied();
    if let Some(party) = suspended.filter(|_| rng.permille(850)) {
        return stand(party, Standing::Open);
    }
    let open = |party: &&Party| world.standing(**party) != Standing::Closed;
    let left = |party: &&Party| open(party) && world.is_left(**party);
    let left: Vec<_> = all.iter().filter(left).copied().collect();
    if !left.is_empty() && rng.permille(120) {
        return stand(rng.pick(&left), Standing::Closed);
    }
    let one = if rng.permille(700) {
        Party::Account(account(rng))
    } else {
        Party::Participant(participant(rng))
    };
    let kinds = [
        (700, Standing::Suspended),
        (200, Standing::Open),
        (100, Standing::Closed),
    ];
    stand(one, rng.weighted(&kinds))
}

fn roles(rng: &mut Rng) -> Body {
    let kinds = [
        (500, 11),
        (200, 15),
        (100, 3),
        (60, 1),
        (60, 2),
        (50, 8),
        (30, 0),
        (40, 4),
    ];
    Body::Standing(StandingCommand::SetRoles(SetRoles {
        venue: venue(rng),
        participant: participant(rng),
        roles: Roles::from_bits(rng.weighted(&kinds)).expect("four bits"),
    }))
}

fn access(rng: &mut Rng) -> Body {
    let kinds = [(700, 0), (130, 1), (110, 2), (60, 3)];
    Body::Standing(StandingCommand::SetAccess(SetAccess {
        venue: venue(rng),
        access: Access::from_bits(rng.weighted(&kinds)).expect("two bits"),
    }))
}

fn registration(rng: &mut Rng) -> Body {
    let first = rng.pick(&[
        "91330200MA2000000",
        "91330203ABCDEFGHJ",
        "5133020011111111M",
    ]);
    let ends = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars();
    let all = ends.map(|last| format!("{first}{last}"));
    let right = all.into_iter().find(|code| code_is_right(code));
    let right = right.expect("one of the ends is right");
    let code = match rng.below(8) {
        0 => String::new(),
        1 => right[1..].to_owned(),
        2 => right.replacen('3', "5", 1),
        _ => right,
    };
    Body::Standing(StandingCommand::SetRegistration(SetRegistration {
        participant: participant(rng),
        code: name(&code),
    }))
}

/// Limits of risk, mostly wide or none.
fn risk(rng: &mut Rng, world: &Reference) -> Body {
    let scope = match rng.below(10) {
        0..=4 => RiskScope::Account(account(rng)),
        5..=7 => RiskScope::Participant(participant(rng)),
        _ => RiskScope::Venue(venue(rng)),
    };
    let mut limits = RiskLimits::NONE;
    if rng.permille(350) {
        limits.throttle = Some(Throttle {
            rate: rng.pick(&[1, 3, 7, 1_000_000]),
            burst: rng.pick(&[1, 2, 3, 12]),
        });
    }
    if rng.permille(200) {
        limits.open_orders = Some(rng.pick(&[0, 1, 3, 5]));
    }
    if !matches!(scope, RiskScope::Participant(_)) || rng.permille(20) {
        if rng.permille(300) {
            limits.order_to_trade = Some(OrderToTrade {
                ratio: rng.pick(&[0, 1, 3]),
                allowance: rng.pick(&[0, 2, 9, 30]),
            });
        }
        if rng.permille(300) {
            let at = rng.below(world.instruments.len().max(1));
            let known = world.instruments.get(at);
            let parts = rng.pick(&[0, 3, 8, 20]);
            limits.position = known.map(|known| lots_of(&known.terms, parts));
        }
    }
    match rng.below(40) {
        0 => limits.throttle = Some(Throttle { rate: 0, burst: 1 }),
        1 => {
            let burst = 1_000_001;
            limits.throttle = Some(Throttle { rate: 1, burst });
        }
        2 => {
            let ratio = OrderToTrade {
                ratio: 1_000_001,
                allowance: 0,
            };
            limits.order_to_trade = Some(ratio);
        }
        3..=24 => limits = RiskLimits::NONE,
        _ => {}
    }
    let set = SetRiskLimits { scope, limits };
    Body::Limits(LimitsCommand::SetRiskLimits(Box::new(set)))
}

/// Something about parties or risk.
pub fn turn(rng: &mut Rng, world: &Reference) -> Body {
    match rng.weighted(&[(300, 0), (200, 1), (150, 2), (40, 3), (350, 4)]) {
        0 => standing(rng, world),
        1 => roles(rng),
        2 => access(rng),
        3 => registration(rng),
        _ => risk(rng, world),
    }
}

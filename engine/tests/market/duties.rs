//! The words of scenario tables about parties and limits of risk.
//!
//! `standing account|participant N Open|Suspended|Closed`; `roles [buyer] [seller] [maker]
//! [qualified]` of the firm at the venue; `access [members] [qualified]`; `registration CODE`;
//! `risk account|participant|venue N [throttle=RATE/BURST] [ratio=RATIO+ALLOWANCE] [open=N]
//! [position=LOTS]`. `used ACCOUNT` tells what of its limits at the venue an account has used.
//!
//! Invariant: as in `words`. Not here: orders, money.

use std::fmt::Write as _;

use sanjiang_engine::command::{
    Access, Body, LimitsCommand, OrderToTrade, Party, RiskLimits, RiskScope, Roles, SetAccess,
    SetRegistration, SetRiskLimits, SetRoles, SetStanding, Standing, StandingCommand, Throttle,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::StandingChanged;
use sanjiang_engine::types::{AccountId, ParticipantId, VenueId};

use crate::desk::{VENUE, name, quantity};

/// The firm of every account.
const FIRM: ParticipantId = ParticipantId::new(0);

/// The command of a line about parties or risk, if it is one.
pub fn body(words: &[&str]) -> Option<Body> {
    let command = match words[0] {
        "standing" => StandingCommand::SetStanding(SetStanding {
            party: match words[1] {
                "account" => Party::Account(AccountId::new(number(words[2]))),
                _ => Party::Participant(ParticipantId::new(number(words[2]))),
            },
            standing: standing(words[3]),
        }),
        "roles" => StandingCommand::SetRoles(SetRoles {
            venue: VENUE,
            participant: FIRM,
            roles: words[1..]
                .iter()
                .fold(Roles::NONE, |all, word| all.with(role(word))),
        }),
        "access" => StandingCommand::SetAccess(SetAccess {
            venue: VENUE,
            access: Access {
                members_only: words.contains(&"members"),
                qualified_only: words.contains(&"qualified"),
            },
        }),
        "registration" => StandingCommand::SetRegistration(SetRegistration {
            participant: FIRM,
            code: name(words.get(1).copied().unwrap_or_default()),
        }),
        "risk" => return Some(risk(words)),
        _ => return None,
    };
    Some(Body::Standing(command))
}

fn risk(words: &[&str]) -> Body {
    let handle = number(words[2]);
    let scope = match words[1] {
        "account" => RiskScope::Account(AccountId::new(handle)),
        "participant" => RiskScope::Participant(ParticipantId::new(handle)),
        "venue" => RiskScope::Venue(VenueId::new(handle)),
        other => panic!("no scope: {other}"),
    };
    let mut limits = RiskLimits::NONE;
    for word in &words[3..] {
        let (key, value) = word.split_once('=').expect("a limit is KEY=VALUE");
        let pair = |by| {
            let (one, other) = value.split_once(by).expect("a limit of two numbers");
            (number(one), number(other))
        };
        match key {
            "throttle" => {
                let (rate, burst) = pair('/');
                limits.throttle = Some(Throttle { rate, burst });
            }
            "ratio" => {
                let (ratio, allowance) = pair('+');
                limits.order_to_trade = Some(OrderToTrade { ratio, allowance });
            }
            "open" => limits.open_orders = Some(number(value)),
            "position" => limits.position = Some(quantity(i64::from(number(value)))),
            other => panic!("no such limit: {other}"),
        }
    }
    let set = SetRiskLimits { scope, limits };
    Body::Limits(LimitsCommand::SetRiskLimits(Box::new(set)))
}

/// What an account has used of its limits at the venue.
pub fn used(engine: &Engine, account: &str) -> String {
    let account = AccountId::new(number(account));
    let (limits, used) = engine.risk_of_account(account, Some(VENUE));
    let mut text = format!(
        "open {} sent {} trades {}",
        used.open_orders, used.sent, used.trades
    );
    if let (Some(tokens), Some(throttle)) = (used.tokens, limits.throttle) {
        write!(text, " tokens {tokens} of {}", throttle.burst).expect("a string takes everything");
    }
    text
}

/// An event about parties as a line.
pub fn standing_line(changed: &StandingChanged) -> String {
    match changed {
        StandingChanged::Standing { party, standing } => match party {
            Party::Account(id) => format!("account {} {standing:?}", id.index()),
            Party::Participant(id) => format!("participant {} {standing:?}", id.index()),
        },
        StandingChanged::Roles { roles, .. } => format!("roles {}", roles.bits()),
        StandingChanged::Access { access, .. } => format!("access {}", access.bits()),
        StandingChanged::Registration(set) => format!("registration {}", set.code),
    }
}

fn standing(word: &str) -> Standing {
    let mut all = Standing::ALL.into_iter();
    let found = all.find(|one| format!("{one:?}") == word);
    found.unwrap_or_else(|| panic!("no standing: {word}"))
}

fn role(word: &str) -> Roles {
    match word {
        "buyer" => Roles::BUYER,
        "seller" => Roles::SELLER,
        "maker" => Roles::MARKET_MAKER,
        "qualified" => Roles::QUALIFIED_INVESTOR,
        other => panic!("no role: {other}"),
    }
}

fn number(word: &str) -> u32 {
    word.parse()
        .unwrap_or_else(|_| panic!("not a number: {word}"))
}

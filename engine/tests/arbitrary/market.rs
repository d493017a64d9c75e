//! Any command about parties, venues, instruments, what is permitted, limits and switches.
//!
//! Invariant: as in `arbitrary`. Not here: orders and money.

use super::*;
use sanjiang_engine::venue::{Model, Regime, RuleKey, RuleValue, TradingStatus};

pub(super) fn party_body() -> impl Strategy<Value = Body> {
    let owner = (
        index().prop_map(ParticipantId::new),
        index().prop_map(OwnerId::new),
    );
    prop_oneof![
        (text(), number()).prop_map(|(name, last)| Body::OpenSession(OpenSession {
            name,
            last_client_sequence: last,
        })),
        text().prop_map(|name| Body::CreateParticipant(CreateParticipant { name })),
        text().prop_map(|name| Body::CreateOwner(CreateOwner { name })),
        (text(), owner).prop_map(|(name, (participant, owner))| {
            Body::CreateAccount(CreateAccount {
                name,
                participant,
                owner,
            })
        }),
    ]
}

fn terms() -> impl Strategy<Value = InstrumentTerms> {
    let signs = vec![PriceSign::Positive, PriceSign::NonNegative, PriceSign::Any];
    let scale = || (signed(), any::<u8>());
    let bands = (option::of(any::<u32>()), option::of(signed()), signed());
    let most = (quantity(), option::of(any::<i128>()));
    let parts = (text(), text(), scale(), scale(), select(signs), bands, most);
    parts.prop_map(
        |(currency, unit, tick, lot, price_sign, bands, most)| InstrumentTerms {
            currency,
            unit,
            tick_size: tick.0,
            price_decimals: tick.1,
            lot_size: lot.0,
            quantity_decimals: lot.1,
            price_sign,
            static_band_bp: bands.0,
            dynamic_band_ticks: bands.1,
            market_protection_ticks: bands.2,
            max_quantity: most.0,
            max_notional: most.1,
        },
    )
}

/// One of set 1, or any that data may define.
fn regime() -> impl Strategy<Value = Regime> {
    let defined = (Regime::FIRST_DEFINED..=u8::MAX)
        .prop_map(|code| Regime::from_code(code).expect("data may define it"));
    prop_oneof![select(Regime::ALL), defined]
}

/// A regime that says anything, in any order.
fn new_regime() -> impl Strategy<Value = Body> {
    let value = prop_oneof![
        any::<bool>().prop_map(RuleValue::Flag),
        any::<u64>().prop_map(RuleValue::Number),
        any::<u8>().prop_map(RuleValue::Word),
        any::<u32>().prop_map(RuleValue::Set),
    ];
    let rule = (select(RuleKey::ALL), value, option::of(text()));
    let rule = rule.prop_map(|(key, value, basis)| Rule { key, value, basis });
    (text(), text(), vec(rule, 0..80)).prop_map(|(name, basis, rules)| {
        Body::DefineRegime(Box::new(DefineRegime { name, basis, rules }))
    })
}

pub(super) fn market_body() -> impl Strategy<Value = Body> {
    let demonstration = select(vec![Demonstration::Demonstration, Demonstration::Real]);
    let lists = (vec(regime(), 0..40), vec(select(Model::ALL), 0..40));
    let calendar_id = option::of(index().prop_map(CalendarId::new));
    let new_venue = (
        text(),
        text(),
        lists,
        demonstration.clone(),
        option::of(text()),
        calendar_id,
    );
    let entries = vec((signed().prop_map(Nanoseconds), phase()), 0..40);
    let calendar = (text(), any::<i32>(), signed(), vec(any::<i32>(), 0..80));
    let moves = (index(), vec(regime(), 0..40));
    let uses = (index(), any::<u16>(), signed(), demonstration);
    prop_oneof![
        new_regime(),
        uses.prop_map(|(owner, year, used, demonstration)| {
            Body::SetAnnualUse(SetAnnualUse {
                owner: OwnerId::new(owner),
                year,
                used,
                demonstration,
            })
        }),
        moves.prop_map(|(venue, regimes)| {
            Body::MoveVenue(Box::new(MoveVenue {
                venue: VenueId::new(venue),
                regimes,
            }))
        }),
        calendar.prop_map(|(name, utc_offset_seconds, roll_time, days)| {
            Body::SetCalendar(Box::new(SetCalendar {
                name,
                utc_offset_seconds,
                roll_time: Nanoseconds(roll_time),
                days,
            }))
        }),
        new_venue.prop_map(|(name, title, lists, demonstration, licence, calendar)| {
            Body::CreateVenue(Box::new(CreateVenue {
                name,
                title,
                regimes: lists.0,
                models: lists.1,
                demonstration,
                licence,
                calendar,
            }))
        }),
        (text(), text(), venue(), terms()).prop_map(|(name, title, venue, terms)| {
            Body::CreateInstrument(Box::new(CreateInstrument {
                name,
                title,
                venue,
                terms,
            }))
        }),
        (venue(), entries).prop_map(|(venue, entries)| {
            Body::SetSchedule(Box::new(SetSchedule { venue, entries }))
        }),
        (venue(), phase()).prop_map(|(venue, phase)| Body::SetPhase(SetPhase { venue, phase })),
    ]
}

pub(super) fn state_body() -> impl Strategy<Value = Body> {
    let scope = prop_oneof![
        venue().prop_map(Scope::Venue),
        instrument().prop_map(Scope::Instrument),
    ];
    let status = select(TradingStatus::ALL.to_vec());
    prop_oneof![
        (scope, status).prop_map(|(scope, status)| {
            Body::SetTradingStatus(SetTradingStatus { scope, status })
        }),
        (instrument(), price()).prop_map(|(instrument, price)| {
            Body::SetReferencePrice(SetReferencePrice { instrument, price })
        }),
        (index(), index()).prop_map(|(requests_max, requests_reserved)| {
            Body::SetLimits(SetLimits {
                requests_max,
                requests_reserved,
            })
        }),
        time().prop_map(|wall| Body::AcceptClock(AcceptClock { wall })),
        Just(Body::Tick),
        Just(Body::SessionsLost),
        time().prop_map(|from| Body::ServiceGap(ServiceGap { from })),
        index().prop_map(Body::SemanticsVersion),
    ]
}

fn kill_scope() -> impl Strategy<Value = KillScope> {
    prop_oneof![
        index().prop_map(|id| KillScope::Session(SessionId::new(id))),
        account().prop_map(KillScope::Account),
        index().prop_map(|id| KillScope::Participant(ParticipantId::new(id))),
        venue().prop_map(KillScope::Venue),
    ]
}

pub(super) fn switch_body() -> impl Strategy<Value = Body> {
    let session = || index().prop_map(SessionId::new);
    let position = select(vec![Position::Engaged, Position::Released]);
    let policy = select(vec![OnDisconnect::Keep, OnDisconnect::Cancel]);
    let timeout = option::of(signed().prop_map(Nanoseconds));
    let command = prop_oneof![
        (kill_scope(), position).prop_map(|(scope, position)| {
            SwitchCommand::SetKillSwitch(SetKillSwitch { scope, position })
        }),
        (session(), policy).prop_map(|(session, on_disconnect)| {
            SwitchCommand::SetDisconnectPolicy(SetDisconnectPolicy {
                session,
                on_disconnect,
            })
        }),
        (session(), timeout).prop_map(|(session, timeout)| {
            SwitchCommand::ArmDeadMan(ArmDeadMan { session, timeout })
        }),
        session().prop_map(SwitchCommand::SessionDisconnected),
    ];
    command.prop_map(Body::Switch)
}

pub(super) fn duty_body() -> impl Strategy<Value = Body> {
    let (participant, venue) = (
        || index().prop_map(ParticipantId::new),
        || index().prop_map(VenueId::new),
    );
    let party = prop_oneof![
        participant().prop_map(Party::Participant),
        account().prop_map(Party::Account),
    ];
    let standing = (party, select(Standing::ALL.to_vec())).prop_map(|(party, standing)| {
        StandingCommand::SetStanding(SetStanding { party, standing })
    });
    let roles = (0..16_u8).prop_map(|bits| Roles::from_bits(bits).expect("four bits"));
    let roles = (venue(), participant(), roles).prop_map(|(venue, participant, roles)| {
        StandingCommand::SetRoles(SetRoles {
            venue,
            participant,
            roles,
        })
    });
    let access = (0..4_u8).prop_map(|bits| Access::from_bits(bits).expect("two bits"));
    let access = (venue(), access)
        .prop_map(|(venue, access)| StandingCommand::SetAccess(SetAccess { venue, access }));
    let registration = (participant(), text()).prop_map(|(participant, code)| {
        StandingCommand::SetRegistration(SetRegistration { participant, code })
    });
    let throttle = (index(), index()).prop_map(|(rate, burst)| Throttle { rate, burst });
    let ratio = (index(), index()).prop_map(|(ratio, allowance)| OrderToTrade { ratio, allowance });
    let limits = (
        option::of(throttle),
        option::of(ratio),
        option::of(index()),
        option::of(quantity()),
    );
    let limits = limits.prop_map(
        |(throttle, order_to_trade, open_orders, position)| RiskLimits {
            throttle,
            order_to_trade,
            open_orders,
            position,
        },
    );
    let scope = prop_oneof![
        venue().prop_map(RiskScope::Venue),
        participant().prop_map(RiskScope::Participant),
        account().prop_map(RiskScope::Account),
    ];
    let risk = (scope, limits).prop_map(|(scope, limits)| {
        let set = SetRiskLimits { scope, limits };
        Body::Limits(LimitsCommand::SetRiskLimits(Box::new(set)))
    });
    prop_oneof![
        1 => standing.prop_map(Body::Standing),
        1 => roles.prop_map(Body::Standing),
        1 => access.prop_map(Body::Standing),
        1 => registration.prop_map(Body::Standing),
        2 => risk,
    ]
}

//! What operators do: phases and statuses, and the founding of parties, venues and instruments.
//!
//! Invariant: a world that stands still is opened again soon, so that most commands find a
//! market. Not here: orders (`generate`).

use sanjiang_engine::command::{
    AcceptClock, Body, CreateAccount, CreateInstrument, CreateOwner, CreateParticipant,
    CreateVenue, DefineRegime, Demonstration, MoveVenue, OpenSession, PartyKind, Rule,
    SalesCommand, Scope, ServiceGap, SetCalendar, SetGrace, SetLimits, SetPartyKind, SetPhase,
    SetReferencePrice, SetSchedule, SetTradingStatus,
};
use sanjiang_engine::types::{
    CalendarId, InstrumentId, Nanoseconds, OwnerId, ParticipantId, Time, VenueId,
};
use sanjiang_engine::venue::{Model, Phase, Regime, RuleKey, RuleKind, RuleValue, TradingStatus};

use super::rng::Rng;
use super::script::{Step, internal};
use super::shop::later_law;
use super::trade::sales;
use super::wares::DAY;
use super::world::{
    HOUR, SECOND, calendar, lots, name, price_at, schedule, terms, ticks, title, venue,
};
use crate::reference::Reference;

const REGIMES: [Regime; 12] = [
    Regime::LicensedFutures,
    Regime::LicensedSecurities,
    Regime::LocalRightsVenue,
    Regime::RegionalEquity,
    Regime::LocalCommoditySpot,
    Regime::EcomB2b,
    Regime::EcomB2c,
    Regime::CrossBorderRetail,
    Regime::TenderLaw,
    Regime::AuctionLaw,
    Regime::CarbonNational,
    Regime::Sandbox,
];

const MODELS: [Model; 8] = [
    Model::Clob,
    Model::CallAuction,
    Model::Block,
    Model::Negotiated,
    Model::ListingPick,
    Model::OneWayAuction,
    Model::FixedPrice,
    Model::Tender,
];

/// Whether some instrument takes no new orders now.
pub fn shut(world: &Reference) -> bool {
    let entry = |phase| {
        !matches!(
            phase,
            Phase::Closed | Phase::Freeze | Phase::Uncross | Phase::PostClose
        )
    };
    world.instruments.iter().any(|known| {
        let venue = &world.venues[known.venue];
        let statuses = [known.status, venue.status];
        statuses != [TradingStatus::Trading; 2] || !entry(venue.phase)
    })
}

/// A phase or a status is set.
pub fn turn(rng: &mut Rng, world: &Reference) -> Body {
    let halted = world
        .venues
        .iter()
        .position(|known| known.status != TradingStatus::Trading);
    let paused = world
        .instruments
        .iter()
        .position(|known| known.status != TradingStatus::Trading);
    let status = rng.weighted(&[
        (400, TradingStatus::Trading),
        (200, TradingStatus::Halted),
        (200, TradingStatus::CancelOnly),
        (200, TradingStatus::Suspended),
    ]);
    let kind = rng.weighted(&[(600, 0), (60, 1), (80, 2), (300, 3)]);
    let at_venue = rng.weighted(&[(50, 0), (30, 1), (18, 2), (2, 9)]);
    let at_instrument = rng.weighted(&[(40, 0), (25, 1), (20, 2), (13, 3), (2, 9)]);
    match (kind, halted, paused) {
        (3, Some(at), _) => status_of(
            Scope::Venue(VenueId::new(at as u32)),
            TradingStatus::Trading,
        ),
        (3, None, Some(at)) => {
            let instrument = InstrumentId::new(at as u32);
            status_of(Scope::Instrument(instrument), TradingStatus::Trading)
        }
        (1, ..) => status_of(Scope::Venue(VenueId::new(at_venue)), status),
        (2, ..) => status_of(Scope::Instrument(InstrumentId::new(at_instrument)), status),
        _ => Body::SetPhase(SetPhase {
            venue: VenueId::new(at_venue),
            phase: phase(rng),
        }),
    }
}

fn status_of(scope: Scope, status: TradingStatus) -> Body {
    Body::SetTradingStatus(SetTradingStatus { scope, status })
}

fn phase(rng: &mut Rng) -> Phase {
    if rng.permille(300) {
        return rng.pick(&Phase::ALL);
    }
    rng.weighted(&[
        (1_000, Phase::Continuous),
        (120, Phase::PreOpen),
        (30, Phase::PreOpenNoCancel),
        (120, Phase::VolatilityCall),
        (120, Phase::ClosingCall),
        (30, Phase::ClosingCallNoCancel),
        (20, Phase::Closed),
    ])
}

/// Something is founded or set.
pub fn administer(rng: &mut Rng, world: &Reference, time: Time) -> Body {
    let text = rng.pick(&["P0", "O1", "A2", "V1", "I0", "S1", "NEW", "LATER", ""]);
    let name = name(text);
    match rng.below(22) {
        0 => Body::CreateParticipant(CreateParticipant { name }),
        1 => Body::CreateOwner(CreateOwner { name }),
        2 | 3 => Body::CreateAccount(CreateAccount {
            name,
            participant: ParticipantId::new(rng.pick(&[0, 1, 1, 9])),
            owner: OwnerId::new(rng.pick(&[0, 1, 1, 9])),
        }),
        4 => Body::SetCalendar(Box::new(new_calendar(rng, time))),
        5 | 6 => Body::CreateVenue(Box::new(new_venue(rng, world, text))),
        7 => Body::CreateInstrument(Box::new(new_instrument(rng, text))),
        8 | 9 => Body::SetSchedule(Box::new(new_schedule(rng))),
        10..=12 => {
            let at = rng.below(world.instruments.len().max(1));
            let away = rng.weighted(&[(300, 0), (100, 1), (100, -1), (12, -5), (8, -101)]);
            let known = world.instruments.get(at);
            let price = known.map_or(ticks(100), |known| price_at(&known.terms, away));
            let unknown = if rng.permille(30) { 9 } else { 0 };
            let instrument = InstrumentId::new(at as u32 + unknown);
            Body::SetReferencePrice(SetReferencePrice { instrument, price })
        }
        13 => {
            let capacity = world.limits.requests_capacity;
            let requests_max = rng.pick(&[capacity, capacity, capacity - 2, capacity + 1, 1]);
            let requests_reserved = rng.pick(&[0, capacity / 4, capacity / 2, capacity + 1]);
            Body::SetLimits(SetLimits {
                requests_max,
                requests_reserved,
            })
        }
        14 | 15 => Body::OpenSession(OpenSession {
            name,
            last_client_sequence: rng.pick(&[0, 0, 1, 5]),
        }),
        16 => Body::AcceptClock(AcceptClock { wall: time }),
        17 => Body::SessionsLost,
        18 => Body::SemanticsVersion(1),
        19 => Body::MoveVenue(Box::new(moved(rng, world))),
        _ => Body::DefineRegime(Box::new(new_regime(rng))),
    }
}

fn new_instrument(rng: &mut Rng, text: &str) -> CreateInstrument {
    let mut create = CreateInstrument {
        name: name(text),
        title: title(text),
        venue: VenueId::new(rng.pick(&[0, 1, 2, 9])),
        terms: terms(rng),
    };
    match rng.below(10) {
        7 => create.terms.dynamic_band_ticks = Some(-1),
        8 => create.terms.max_quantity = lots(0),
        9 => create.terms.max_notional = Some(0),
        0 => create.terms.tick_size = 0,
        1 => create.terms.lot_size = -1,
        2 => create.terms.price_decimals = 10,
        3 => create.terms.quantity_decimals = 10,
        4 => create.terms.market_protection_ticks = -1,
        _ => {}
    }
    create
}

fn new_schedule(rng: &mut Rng) -> SetSchedule {
    let which = rng.pick(&[0, 0, 1, 2, 9]);
    let mut set = schedule(rng, which);
    match rng.below(10) {
        0 => set.entries.clear(),
        1 => set.entries.push((Nanoseconds(24 * HOUR), Phase::Closed)),
        2 => set.entries.push((Nanoseconds(0), Phase::Closed)),
        _ => {}
    }
    set
}

fn new_calendar(rng: &mut Rng, time: Time) -> SetCalendar {
    let which = rng.pick(&[0, 0, 1, 2]);
    let mut set = calendar(rng, which);
    let passed = time.nanoseconds() / (24 * HOUR) - i64::from(super::world::FIRST_DAY);
    for day in &mut set.days {
        *day += passed as i32 - 1;
    }
    match rng.below(12) {
        0 => set.utc_offset_seconds = 18 * 3_600 + 1,
        1 => set.roll_time = Nanoseconds(24 * HOUR),
        2 => set.days.push(0),
        3 => set.days.clear(),
        4 => set.name = name(""),
        _ => {}
    }
    set
}

/// One of set 1, or one that data defined, or the next one.
fn some_regime(rng: &mut Rng, world: &Reference) -> Regime {
    if world.regimes.is_empty() && !rng.permille(30) || rng.permille(500) {
        return rng.pick(&REGIMES);
    }
    let at = rng.below(world.regimes.len() + 1) as u8;
    Regime::from_code(Regime::FIRST_DEFINED + at).expect("there are few")
}

/// A venue that moves, most often to the newest versions of its regimes.
pub fn moved(rng: &mut Rng, world: &Reference) -> MoveVenue {
    let past = usize::from(rng.permille(50));
    let at = rng.below(world.venues.len() + past);
    let known = world.venues.get(at).map(|venue| &venue.regimes);
    let mut regimes = known.cloned().unwrap_or_default();
    for one in &mut regimes {
        if let Some(version) = world.newest_version(*one).filter(|_| rng.permille(800)) {
            *one = version;
        }
    }
    match rng.below(25) {
        0 => regimes.push(some_regime(rng, world)),
        1 => regimes.reverse(),
        2 => drop(regimes.pop()),
        3 => regimes = vec![some_regime(rng, world)],
        _ => {}
    }
    MoveVenue {
        venue: VenueId::new(at as u32),
        regimes,
    }
}

/// A regime, most often a lawful one.
pub fn new_regime(rng: &mut Rng) -> DefineRegime {
    let text = rng.pick(&[
        "ECOM_B2B",
        "SANDBOX",
        "LICENSED_GRAIN",
        "PROVINCE",
        "PROVINCE",
        "CITY",
    ]);
    let wild = rng.permille(200);
    let mut rules = vec![Rule {
        key: RuleKey::AllowedModels,
        value: RuleValue::Set(rng.pick(&[u32::MAX, 1 << 14 | 1 << 15, 0b11, 1 << 6])),
        basis: None,
    }];
    for key in RuleKey::ALL.iter().skip(1).copied() {
        let chosen = if wild { 100 } else { 250 };
        if rng.permille(chosen) && (wild || text == "SANDBOX" || !is_closed(key)) {
            let own = rng.permille(200).then(|| title("地方条例(2021) 7"));
            let value = rule_value(rng, key, wild);
            rules.push(Rule {
                key,
                value,
                basis: own,
            });
        }
    }
    let mut terms = DefineRegime {
        name: name(text),
        basis: title("某省办法(2013) 3"),
        rules,
    };
    match rng.below(if wild { 8 } else { 40 }) {
        0 => terms.name = name(rng.pick(&["", "small"])),
        1 => terms.basis = title("no year"),
        2 => terms.rules.reverse(),
        3 => terms.rules.clear(),
        4 => terms.rules[0].value = RuleValue::Set(0),
        _ => {}
    }
    terms
}

fn is_closed(key: RuleKey) -> bool {
    let keys = [
        RuleKey::CentralizedBidding,
        RuleKey::StandardizedContracts,
        RuleKey::Anonymous,
        RuleKey::MarketMaker,
        RuleKey::RealMoney,
    ];
    keys.contains(&key)
}

fn rule_value(rng: &mut Rng, key: RuleKey, wild: bool) -> RuleValue {
    let past = u64::from(wild && rng.permille(100));
    match key.kind() {
        RuleKind::Flag => RuleValue::Flag(rng.permille(700)),
        RuleKind::Number(least, most) => {
            RuleValue::Number(rng.pick(&[least, least + 3, most, least + 7]) + past * most)
        }
        RuleKind::Ratio(most) => RuleValue::Number(rng.pick(&[0, 10_000, most]) + past),
        RuleKind::Word(words) => RuleValue::Word(rng.below(words.len()) as u8 + past as u8 * 9),
        RuleKind::Words(words) => RuleValue::Set(rng.below(1 << words.len()) as u32),
        RuleKind::Models => RuleValue::Set(u32::MAX),
    }
}

fn new_venue(rng: &mut Rng, world: &Reference, text: &str) -> CreateVenue {
    let mut create = venue(text, &[Model::Clob], rng.pick(&[None, Some(0), Some(9)]));
    if rng.permille(150) {
        create.name = name("V2");
        create.calendar = None;
        return create;
    }
    create.regimes.clear();
    create.models.clear();
    for _ in 0..rng.pick(&[0, 1, 1, 1, 2, 2, 3]) {
        create.regimes.push(some_regime(rng, world));
    }
    for _ in 0..rng.pick(&[0, 1, 1, 2, 2]) {
        create.models.push(rng.pick(&MODELS));
    }
    if rng.permille(500) {
        create.demonstration = Demonstration::Real;
    }
    if rng.permille(300) {
        create.licence = Some(title("a licence"));
    }
    if rng.permille(700) {
        create.calendar = Some(CalendarId::new(0));
    }
    create
}

/// The service was down, and is there again: before the ticks of that time.
pub fn gap(rng: &mut Rng, world: &Reference, place: usize) -> Step {
    let from = world.time;
    let span = rng.pick(&[0, SECOND, HOUR, 3 * DAY]);
    Step {
        place,
        time: from.after(Nanoseconds(span)),
        command: internal(Body::ServiceGap(ServiceGap { from })),
    }
}

/// A law, a venue that moves, what a venue leaves after a gap, or what a party is.
pub fn rule(rng: &mut Rng, world: &Reference) -> Body {
    match rng.weighted(&[(150, 0), (210, 1), (160, 2), (480, 3)]) {
        0 => Body::DefineRegime(Box::new(later_law(rng))),
        1 => Body::MoveVenue(Box::new(moved(rng, world))),
        2 => sales(SalesCommand::SetGrace(SetGrace {
            venue: VenueId::new(rng.pick(&[0, 0, 1, 9])),
            grace: Nanoseconds(rng.pick(&[HOUR, 2 * DAY, 60 * SECOND, 0, 32 * DAY])),
        })),
        _ => sales(SalesCommand::SetPartyKind(SetPartyKind {
            owner: OwnerId::new(rng.pick(&[0, 1, 2, 3, 3, 9])),
            kind: rng.pick(&[PartyKind::Consumer, PartyKind::Enterprise]),
        })),
    }
}

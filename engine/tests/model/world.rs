//! A small world: its bounds, parties, venues and instruments, so tight that everything collides
//! and every bound is met.
//!
//! Invariant: the first commands of a script build the world, and they are compared like any
//! other. Not here: what happens in it afterwards (`generate`, `operate`).

use sanjiang_engine::command::{
    Body, CreateAccount, CreateInstrument, CreateOwner, CreateParticipant, CreateVenue,
    Demonstration, InstrumentTerms, OpenSession, SetCalendar, SetPhase, SetReferencePrice,
    SetSchedule,
};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::{
    AccountId, CalendarId, InstrumentId, LimitTerms, Name, Nanoseconds, NewOrder, OrderType,
    OwnerId, ParticipantId, Posting, Price, PriceSign, Quantity, SelfTradePrevention, Side, Time,
    TimeInForce, Title, VenueId,
};
use sanjiang_engine::venue::{Model, Phase, Regime};

use super::cash;
use super::duties;
use super::lend;
use super::papers;
use super::rng::Rng;
use super::switch;

pub const SECOND: i64 = 1_000_000_000;
pub const HOUR: i64 = 3_600 * SECOND;
/// The day on which every world begins, counted from 1970.
pub const FIRST_DAY: i32 = 20_000;

pub fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

pub fn title(text: &str) -> Title {
    Title::new(text).expect("short")
}

pub fn ticks(ticks: i64) -> Price {
    Price::new(ticks).expect("small")
}

pub fn lots(lots: i64) -> Quantity {
    Quantity::new(lots).expect("small")
}

/// Bounds so small that each of them is reached; now and then a deep world, whose many levels lie
/// far apart and wander, so that the book's window has to slide, widen and narrow.
pub fn limits(rng: &mut Rng) -> Limits {
    let small = small_limits(rng);
    let small = cash::limits(rng, small);
    let small = duties::limits(rng, small);
    let small = papers::limits(rng, small);
    let small = lend::limits(rng, small);
    if !rng.permille(30) {
        return switch::limits(rng, small);
    }
    let deep = Limits {
        orders_max: 500,
        levels_max: rng.pick(&[40, 300]),
        stops_max: 100,
        ..small
    };
    switch::limits(rng, deep)
}

/// Whether a world with these bounds is a deep one.
pub fn deep(limits: &Limits) -> bool {
    limits.orders_max > 64
}

fn small_limits(rng: &mut Rng) -> Limits {
    Limits {
        orders_max: rng.pick(&[10, 24, 64, 64]),
        levels_max: rng.pick(&[2, 4, 7, 16]),
        stops_max: rng.pick(&[2, 4, 8]),
        venues_max: 3,
        instruments_max: 4,
        calendars_max: 2,
        participants_max: 3,
        owners_max: 4,
        accounts_max: 8,
        sessions_max: 3,
        requests_capacity: rng.pick(&[8, 20, 60]),
        ..Limits::default()
    }
}

/// What marks an instrument whose prices lie at the end of all prices, or whose quantities are
/// as large as quantities get: a tick or a lot of this size.
const VAST: i64 = 2;

/// The terms of an instrument.
pub fn terms(rng: &mut Rng) -> InstrumentTerms {
    let sign = rng.pick(&[
        PriceSign::Positive,
        PriceSign::Positive,
        PriceSign::NonNegative,
        PriceSign::Any,
    ]);
    let mut terms = InstrumentTerms {
        currency: name("CNY"),
        unit: name("t"),
        tick_size: 1,
        price_decimals: 2,
        lot_size: 1,
        quantity_decimals: 0,
        price_sign: sign,
        static_band_bp: rng.pick(&[None, Some(500), Some(333), Some(10_000)]),
        dynamic_band_ticks: rng.pick(&[None, None, Some(2), Some(5)]),
        market_protection_ticks: rng.pick(&[0, 1, 3]),
        max_quantity: lots(rng.pick(&[9, 14, 1_000])),
        max_notional: rng.pick(&[None, None, Some(700)]),
    };
    if rng.permille(120) {
        (terms.tick_size, terms.max_notional) = (VAST, None);
    }
    if rng.permille(120) {
        (terms.lot_size, terms.max_notional) = (VAST, None);
        terms.max_quantity = rng.pick(&[vast_lots(20), vast_lots(9)]);
    }
    terms
}

/// The last place of prices and quantities.
fn vast_lots(parts: i64) -> Quantity {
    lots((Quantity::MAX_LOTS / 20 * parts).min(Quantity::MAX_LOTS))
}

/// A quantity of so many parts, small or vast.
pub fn lots_of(terms: &InstrumentTerms, parts: i64) -> Quantity {
    if terms.lot_size == VAST {
        vast_lots(parts)
    } else {
        lots(parts)
    }
}

/// The price so many ticks from where the prices of an instrument lie.
pub fn price_at(terms: &InstrumentTerms, away: i64) -> Price {
    let vast = terms.tick_size == VAST;
    let middle = match terms.price_sign {
        PriceSign::Any if vast => 3 - Price::MAX_TICKS,
        PriceSign::Positive | PriceSign::NonNegative if vast => Price::MAX_TICKS - 3,
        PriceSign::Positive => 100,
        PriceSign::NonNegative => 4,
        PriceSign::Any => 0,
    };
    ticks(middle).moved(away)
}

pub fn calendar(rng: &mut Rng, which: u32) -> SetCalendar {
    let mut days = Vec::new();
    let mut day = FIRST_DAY - rng.pick(&[0, 2]);
    for _ in 0..rng.pick(&[4, 12, 30]) {
        days.push(day);
        day += rng.pick(&[1, 1, 1, 2, 3]);
    }
    SetCalendar {
        name: name(["EAST", "WEST", "NORTH"][which as usize]),
        utc_offset_seconds: rng.pick(&[8 * 3_600, 0, -18 * 3_600, 12_345]),
        roll_time: Nanoseconds(rng.pick(&[0, 9 * HOUR, 21 * HOUR, 24 * HOUR - 1])),
        days,
    }
}

pub fn schedule(rng: &mut Rng, venue: u32) -> SetSchedule {
    let phases = [
        Phase::PreOpen,
        Phase::PreOpenNoCancel,
        Phase::Freeze,
        Phase::Uncross,
        Phase::Continuous,
        Phase::VolatilityCall,
        Phase::Continuous,
        Phase::ClosingCall,
        Phase::ClosingCallNoCancel,
        Phase::PostClose,
        Phase::Closed,
    ];
    let mut at = rng.pick(&[0, 1, HOUR]);
    let mut entries = Vec::new();
    for phase in phases {
        if rng.permille(750) {
            entries.push((Nanoseconds(at), phase));
            at += rng.pick(&[1, SECOND, HOUR, 2 * HOUR]);
        }
    }
    SetSchedule {
        venue: VenueId::new(venue),
        entries,
    }
}

pub fn venue(text: &str, models: &[Model], calendar: Option<u32>) -> CreateVenue {
    CreateVenue {
        name: name(text),
        title: title(text),
        regimes: vec![Regime::Sandbox],
        models: models.to_vec(),
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: calendar.map(CalendarId::new),
    }
}

/// A venue of real obligations.
fn licensed() -> CreateVenue {
    CreateVenue {
        regimes: vec![Regime::LicensedFutures],
        demonstration: Demonstration::Real,
        licence: Some(title("a licence")),
        ..venue("R", &[Model::Clob, Model::CallAuction], Some(0))
    }
}

/// A venue of local rights, whose law binds holders and reverse trades.
fn of_rights(rng: &mut Rng) -> CreateVenue {
    let rights = [Regime::LocalRightsVenue, Regime::RegionalEquity];
    CreateVenue {
        regimes: vec![rng.pick(&rights)],
        demonstration: Demonstration::Real,
        licence: Some(title("a licence")),
        ..venue("R", &[Model::Negotiated], Some(0))
    }
}

pub fn parties() -> Vec<Body> {
    let mut list = Vec::new();
    for text in ["P0", "P1", "P2"] {
        list.push(Body::CreateParticipant(CreateParticipant {
            name: name(text),
        }));
    }
    for text in ["O0", "O1", "O2", "O3"] {
        list.push(Body::CreateOwner(CreateOwner { name: name(text) }));
    }
    for (at, text) in ["A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7"]
        .iter()
        .enumerate()
    {
        list.push(Body::CreateAccount(CreateAccount {
            name: name(text),
            participant: ParticipantId::new(at as u32 % 3),
            owner: OwnerId::new(at as u32 % 4),
        }));
    }
    list
}

/// The commands that build a world.
pub fn opening(rng: &mut Rng, limits: &Limits) -> Vec<Body> {
    let mut list = parties();
    for which in 0..2 {
        list.push(Body::SetCalendar(Box::new(calendar(rng, which))));
    }
    let both = [Model::Clob, Model::CallAuction];
    let second = rng.pick(&[None, Some(1)]);
    list.push(Body::CreateVenue(Box::new(venue("V0", &both, Some(0)))));
    list.push(Body::CreateVenue(Box::new(venue("V1", &both, second))));
    let real = rng.permille(700);
    let rights = !real && rng.permille(700);
    if real {
        list.push(Body::CreateVenue(Box::new(licensed())));
    } else if rights {
        list.push(Body::CreateVenue(Box::new(of_rights(rng))));
    }
    let mut terms = [terms(rng), terms(rng), terms(rng), terms(rng)];
    for terms in terms.iter_mut().filter(|_| deep(limits)) {
        (terms.tick_size, terms.price_sign) = (1, PriceSign::Any);
        (terms.static_band_bp, terms.dynamic_band_ticks) = (None, None);
        terms.max_notional = None;
    }
    let names = [("I0", 0), ("I1", 1), ("I2", 0), ("I3", 2)];
    let count = if real || rights { 4 } else { 3 };
    for (terms, (text, at)) in terms.into_iter().zip(names).take(count) {
        list.push(Body::CreateInstrument(Box::new(CreateInstrument {
            name: name(text),
            title: title(text),
            venue: VenueId::new(at),
            terms,
        })));
    }
    let poor = |account| duties::poor(limits, account);
    list.extend(cash::opening(rng, &terms[..count], poor));
    if rng.permille(700) {
        let instrument = InstrumentId::new(1);
        let away = i64::from(terms[1].price_sign == PriceSign::Any);
        let price = price_at(&terms[1], away);
        list.push(Body::SetReferencePrice(SetReferencePrice {
            instrument,
            price,
        }));
    }
    if rng.permille(600) {
        list.push(Body::SetSchedule(Box::new(schedule(rng, 0))));
    }
    for text in ["S0", "S1"] {
        list.push(Body::OpenSession(OpenSession {
            name: name(text),
            last_client_sequence: 0,
        }));
    }
    for at in 0..if real { 3 } else { 2 } {
        list.push(Body::SetPhase(SetPhase {
            venue: VenueId::new(at),
            phase: Phase::PreOpen,
        }));
    }
    list
}

/// The instant at which a small world begins, or the date at which its dated orders end.
pub fn begin(date: bool) -> Time {
    Time::ZERO.after(Nanoseconds(if date { 2 * HOUR } else { HOUR }))
}

/// The commands that found one venue with one plain instrument, and one account.
pub fn founding(rng: &mut Rng) -> Vec<Body> {
    let terms = InstrumentTerms {
        tick_size: 1,
        lot_size: 1,
        price_sign: PriceSign::Positive,
        static_band_bp: None,
        dynamic_band_ticks: None,
        max_notional: None,
        ..terms(rng)
    };
    let models = [Model::Clob, Model::CallAuction];
    vec![
        Body::CreateParticipant(CreateParticipant { name: name("P0") }),
        Body::CreateOwner(CreateOwner { name: name("O0") }),
        Body::CreateAccount(CreateAccount {
            name: name("A0"),
            participant: ParticipantId::new(0),
            owner: OwnerId::new(0),
        }),
        Body::CreateVenue(Box::new(venue("V0", &models, None))),
        Body::CreateInstrument(Box::new(CreateInstrument {
            name: name("I0"),
            title: title("I0"),
            venue: VenueId::new(0),
            terms,
        })),
    ]
}

/// An order that rests in that instrument's book, for the day or until its date.
pub fn resting(at: usize, dated: bool) -> NewOrder {
    let date = TimeInForce::GoodTillDate(begin(true));
    let time_in_force = if dated { date } else { TimeInForce::Day };
    NewOrder {
        account: AccountId::new(0),
        instrument: InstrumentId::new(0),
        side: Side::Buy,
        quantity: lots(1),
        order_type: OrderType::Limit(LimitTerms {
            price: ticks(50 + at as i64 % 7),
            display_quantity: None,
            posting: Posting::MayTake,
        }),
        time_in_force,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::None,
    }
}

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
    CalendarId, InstrumentId, Name, Nanoseconds, OwnerId, ParticipantId, Price, PriceSign,
    Quantity, Title, VenueId,
};
use sanjiang_engine::venue::{Model, Phase, Regime};

use super::rng::Rng;

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

/// Bounds so small that each of them is reached.
pub fn limits(rng: &mut Rng) -> Limits {
    Limits {
        orders_max: rng.pick(&[10, 24, 64, 64]),
        levels_max: rng.pick(&[2, 4, 7, 16]),
        stops_max: rng.pick(&[2, 4, 8]),
        venues_max: 3,
        instruments_max: 3,
        calendars_max: 2,
        participants_max: 3,
        owners_max: 4,
        accounts_max: 8,
        sessions_max: 3,
        requests_capacity: rng.pick(&[8, 20, 60]),
    }
}

/// The terms of an instrument, and where its prices lie.
pub fn terms(rng: &mut Rng) -> InstrumentTerms {
    let sign = rng.pick(&[
        PriceSign::Positive,
        PriceSign::Positive,
        PriceSign::NonNegative,
        PriceSign::Any,
    ]);
    InstrumentTerms {
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
    }
}

/// Where the prices of an instrument lie.
pub fn centre(sign: PriceSign) -> i64 {
    match sign {
        PriceSign::Positive => 100,
        PriceSign::NonNegative => 4,
        PriceSign::Any => 0,
    }
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

/// The commands that build a world.
pub fn opening(rng: &mut Rng) -> Vec<Body> {
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
    for which in 0..2 {
        list.push(Body::SetCalendar(Box::new(calendar(rng, which))));
    }
    let both = [Model::Clob, Model::CallAuction];
    let second = rng.pick(&[None, Some(1)]);
    list.push(Body::CreateVenue(Box::new(venue("V0", &both, Some(0)))));
    list.push(Body::CreateVenue(Box::new(venue("V1", &both, second))));
    let terms = [terms(rng), terms(rng), terms(rng)];
    for (terms, (text, at)) in terms.into_iter().zip([("I0", 0), ("I1", 1), ("I2", 0)]) {
        list.push(Body::CreateInstrument(Box::new(CreateInstrument {
            name: name(text),
            title: title(text),
            venue: VenueId::new(at),
            terms,
        })));
    }
    if rng.permille(700) {
        let instrument = InstrumentId::new(1);
        let price = ticks(centre(terms[1].price_sign).max(1));
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
    for at in 0..2 {
        list.push(Body::SetPhase(SetPhase {
            venue: VenueId::new(at),
            phase: Phase::PreOpen,
        }));
    }
    list
}

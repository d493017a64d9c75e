//! Tests of `venues`: refusals in their order, days and timetables, bytes.

use super::*;
use crate::bytes::Reader;
use crate::types::{Nanoseconds, Quantity};
use crate::venue::Fired;
use crate::venue::calendar::DAY;
use crate::venue::instrument::tests::sample;

const HOUR: i64 = 3_600 * 1_000_000_000;

fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

/// The instant `hours` after the start of day `day` of the calendar below.
fn at(day: i64, hours: i64) -> Time {
    Time::new(day * DAY + hours * HOUR).expect("in bounds")
}

fn calendar(days: &[i32]) -> SetCalendar {
    SetCalendar {
        name: name("CAL"),
        utc_offset_seconds: 0,
        roll_time: Nanoseconds(0),
        days: days.to_vec(),
    }
}

fn venue(text: &str, models: &[Model]) -> CreateVenue {
    CreateVenue {
        name: name(text),
        title: Title::EMPTY,
        regimes: vec![Regime::Sandbox],
        models: models.to_vec(),
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: Some(CalendarId::new(0)),
    }
}

fn instrument(text: &str, venue: u32) -> CreateInstrument {
    CreateInstrument {
        name: name(text),
        title: Title::EMPTY,
        venue: VenueId::new(venue),
        terms: sample(),
    }
}

fn schedule(venue: u32, entries: &[(i64, Phase)]) -> SetSchedule {
    let entry = |(hours, phase): &(i64, Phase)| (Nanoseconds(hours * HOUR), *phase);
    SetSchedule {
        venue: VenueId::new(venue),
        entries: entries.iter().map(entry).collect(),
    }
}

fn limits() -> Limits {
    Limits {
        venues_max: 2,
        instruments_max: 3,
        calendars_max: 1,
        ..Limits::default()
    }
}

const BOOK: &[Model] = &[Model::Clob, Model::CallAuction];

/// A calendar of days 10, 11 and 14, and a venue made at noon of day 10.
fn one_venue() -> Venues {
    let mut venues = Venues::new(&limits());
    assert_eq!(
        venues.set_calendar(&calendar(&[10, 11, 14]), at(1, 0)),
        Ok(0)
    );
    assert_eq!(venues.create_venue(&venue("V", BOOK), at(10, 12)), Ok(0));
    venues
}

/// Fires all that is due at `time`, entering phases, and says what happened.
fn fire_until(venues: &mut Venues, time: Time) -> Vec<String> {
    let mut happened = Vec::new();
    while let Some(due) = venues.next_deadline().filter(|due| due.deadline <= time) {
        let hours = due.deadline.nanoseconds() / HOUR;
        let (day, hour, place) = (hours / 24, hours % 24, due.venue.index());
        let what = match venues.fire(due) {
            Fired::DayRolled(rolled) => format!("rolled {} #{}", rolled.day, rolled.index),
            Fired::Passed => "passed".to_owned(),
            Fired::Moved(_) => "moved".to_owned(),
            Fired::Phase(id, phase) => {
                venues.set_phase(id, phase);
                format!("{phase:?}")
            }
        };
        happened.push(format!("{day}d{hour}h v{place} {what}"));
    }
    happened
}

fn reason<T>(answer: Result<T, Reject>) -> Option<&'static str> {
    answer.err().map(|reject| reject.reason.as_str())
}

#[test]
fn refusals_come_in_their_order() {
    let mut venues = Venues::new(&limits());
    let unknown = venues.create_venue(&venue("", &[]), at(1, 0));
    assert_eq!(reason(unknown), Some("UNKNOWN_CALENDAR"));
    let unknown = venues.create_instrument(&instrument("", 0));
    assert_eq!(reason(unknown), Some("UNKNOWN_VENUE"));
    let mut venues = one_venue();
    let made = |venues: &mut Venues, command: &CreateVenue| {
        reason(venues.create_venue(command, at(10, 12)))
    };
    let book_at_a_market = CreateVenue {
        regimes: vec![Regime::EcomB2b],
        ..venue("W", BOOK)
    };
    assert_eq!(made(&mut venues, &venue("V", &[])), Some("ALREADY_EXISTS"));
    assert_eq!(made(&mut venues, &venue("", BOOK)), Some("INVALID_FIELD"));
    assert_eq!(made(&mut venues, &venue("W", &[])), Some("INVALID_FIELD"));
    assert_eq!(
        made(&mut venues, &book_at_a_market),
        Some("MODEL_NOT_ALLOWED")
    );
    assert_eq!(made(&mut venues, &venue("W", BOOK)), None);
    assert_eq!(made(&mut venues, &book_at_a_market), Some("ALREADY_EXISTS"));
    let unlawful = CreateVenue {
        name: name("X"),
        ..book_at_a_market
    };
    assert_eq!(made(&mut venues, &unlawful), Some("MODEL_NOT_ALLOWED"));
    assert_eq!(made(&mut venues, &venue("X", BOOK)), Some("TOO_MANY"));

    let mut create = |command: &CreateInstrument| reason(venues.create_instrument(command));
    assert_eq!(create(&instrument("", 0)), Some("INVALID_FIELD"));
    let mut bad_terms = instrument("I", 0);
    bad_terms.terms.max_quantity = Quantity::ZERO;
    assert_eq!(create(&bad_terms), Some("INVALID_FIELD"));
    for (text, venue) in [("I", 0), ("J", 1), ("K", 0)] {
        assert_eq!(create(&instrument(text, venue)), None);
    }
    assert_eq!(create(&instrument("I", 0)), Some("ALREADY_EXISTS"));
    bad_terms.name = name("L");
    assert_eq!(create(&bad_terms), Some("INVALID_FIELD"));
    assert_eq!(create(&instrument("L", 0)), Some("TOO_MANY"));
    let listed = venues.instruments_of(VenueId::new(0));
    assert_eq!(listed, [InstrumentId::new(0), InstrumentId::new(2)]);
    let other = SetCalendar {
        name: name("D"),
        ..calendar(&[])
    };
    assert_eq!(reason(venues.check_calendar(&other)), Some("TOO_MANY"));
}

#[test]
fn phases_need_their_models() {
    let mut venues = one_venue();
    let listing = venue("L", &[Model::ListingPick]);
    assert_eq!(venues.create_venue(&listing, at(10, 12)), Ok(1));
    for phase in Phase::ALL {
        let answer = reason(venues.check_phase(VenueId::new(1), phase));
        let quiet = matches!(phase, Phase::Closed | Phase::PostClose);
        assert_eq!(
            answer,
            (!quiet).then_some("MODEL_NOT_AVAILABLE"),
            "{phase:?}"
        );
        assert_eq!(venues.check_phase(VenueId::new(0), phase), Ok(()));
    }
    let unknown = venues.check_phase(VenueId::new(2), Phase::Closed);
    assert_eq!(reason(unknown), Some("UNKNOWN_VENUE"));
    let mut set =
        |venue, entries: &[_]| reason(venues.set_schedule(&schedule(venue, entries), at(10, 12)));
    assert_eq!(set(1, &[(1, Phase::PreOpen)]), Some("MODEL_NOT_AVAILABLE"));
    assert_eq!(set(1, &[(1, Phase::PostClose)]), None);
    assert_eq!(
        set(0, &[(1, Phase::PreOpen), (1, Phase::Closed)]),
        Some("INVALID_FIELD")
    );
    assert_eq!(set(7, &[]), Some("UNKNOWN_VENUE"));
    let without = CreateVenue {
        calendar: None,
        ..venue("N", BOOK)
    };
    let mut venues = Venues::new(&limits());
    assert_eq!(venues.create_venue(&without, at(1, 0)), Ok(0));
    let refused = venues.set_schedule(&schedule(0, &[]), at(1, 0));
    assert_eq!(reason(refused), Some("INVALID_FIELD"));
    assert_eq!(venues.next_deadline(), None);
}

#[test]
fn days_roll_and_their_timetables_begin() {
    let mut venues = one_venue();
    assert_eq!(venues.current_day(VenueId::new(0)), Some(0));
    let day = [
        (0, Phase::PreOpen),
        (9, Phase::Continuous),
        (15, Phase::Closed),
    ];
    assert_eq!(venues.set_schedule(&schedule(0, &day), at(10, 12)), Ok(()));
    let happened = fire_until(&mut venues, at(14, 9));
    let expected = [
        "10d15h v0 Closed",
        "11d0h v0 rolled 11 #1",
        "11d0h v0 PreOpen",
        "11d9h v0 Continuous",
        "11d15h v0 Closed",
        "14d0h v0 rolled 14 #2",
        "14d0h v0 PreOpen",
        "14d9h v0 Continuous",
    ];
    assert_eq!(happened, expected);
    assert_eq!(fire_until(&mut venues, at(99, 0)), ["14d15h v0 Closed"]);
    assert_eq!(venues.next_deadline(), None);
}

#[test]
fn an_override_rests_the_timetable_until_the_next_roll() {
    let mut venues = one_venue();
    let day = [(13, Phase::PreOpen), (14, Phase::Continuous)];
    assert_eq!(venues.set_schedule(&schedule(0, &day), at(10, 12)), Ok(()));
    venues.override_timetable(VenueId::new(0));
    let happened = fire_until(&mut venues, at(11, 13));
    let expected = [
        "10d13h v0 passed",
        "10d14h v0 passed",
        "11d0h v0 rolled 11 #1",
        "11d13h v0 PreOpen",
    ];
    assert_eq!(happened, expected);
}

#[test]
fn what_is_set_takes_effect_after_its_instant() {
    let mut venues = one_venue();
    let day = [(12, Phase::PreOpen), (13, Phase::Continuous)];
    assert_eq!(venues.set_schedule(&schedule(0, &day), at(10, 12)), Ok(()));
    let deadline = |venues: &Venues| venues.next_deadline().map(|due| due.deadline);
    assert_eq!(deadline(&venues), Some(at(10, 13)));
    // The new version ends day 10's place in the calendar: no current day, no entry of it.
    assert_eq!(venues.set_calendar(&calendar(&[12]), at(10, 12)), Ok(0));
    assert_eq!(venues.current_day(VenueId::new(0)), None);
    assert_eq!(deadline(&venues), Some(at(12, 0)));
    // And one that has it again goes on with the entries that lie after its instant.
    assert_eq!(venues.set_calendar(&calendar(&[9, 10]), at(10, 12)), Ok(0));
    assert_eq!(venues.current_day(VenueId::new(0)), Some(1));
    assert_eq!(fire_until(&mut venues, at(20, 0)), ["10d13h v0 Continuous"]);
    assert_eq!(venues.set_schedule(&schedule(0, &[]), at(20, 0)), Ok(()));
    assert_eq!(deadline(&venues), None);
}

#[test]
fn deadlines_fire_by_time_then_kind_then_venue() {
    let mut venues = one_venue();
    assert_eq!(venues.create_venue(&venue("W", BOOK), at(10, 12)), Ok(1));
    for id in [1, 0] {
        let entries = schedule(id, &[(0, Phase::PreOpen)]);
        assert_eq!(venues.set_schedule(&entries, at(10, 12)), Ok(()));
    }
    let happened = fire_until(&mut venues, at(11, 0));
    let expected = [
        "11d0h v0 rolled 11 #1",
        "11d0h v1 rolled 11 #1",
        "11d0h v0 PreOpen",
        "11d0h v1 PreOpen",
    ];
    assert_eq!(happened, expected);
}

#[test]
fn statuses_and_references_are_kept() {
    let mut venues = one_venue();
    assert_eq!(venues.create_instrument(&instrument("I", 0)), Ok(0));
    let id = InstrumentId::new(0);
    assert!(venues.is_trading(id));
    let closed = Err(RejectReason::MarketClosed);
    assert_eq!(venues.permits(id, Action::New), closed);
    venues.set_phase(VenueId::new(0), Phase::Continuous);
    assert_eq!(venues.phase_of(id), Phase::Continuous);
    assert_eq!(venues.permits(id, Action::New), Ok(()));
    for scope in [Scope::Venue(VenueId::new(0)), Scope::Instrument(id)] {
        venues.set_status(scope, TradingStatus::Halted);
        assert_eq!(venues.status(scope), Ok(TradingStatus::Halted));
        assert!(!venues.is_trading(id));
        assert_eq!(venues.permits(id, Action::New), Err(RejectReason::Halted));
        venues.set_status(scope, TradingStatus::Trading);
    }
    let nowhere = InstrumentId::new(1);
    let unknown = RejectReason::UnknownInstrument;
    assert_eq!(venues.permits(nowhere, Action::New), Err(unknown));
    assert_eq!(venues.status(Scope::Instrument(nowhere)), Err(unknown));
    let price = |ticks| Price::new(ticks).expect("in bounds");
    let mut set = |ticks| {
        let price = price(ticks);
        venues.set_reference_price(&SetReferencePrice {
            instrument: id,
            price,
        })
    };
    assert_eq!(reason(set(0)), Some("INVALID_FIELD"));
    assert_eq!(set(1_000), Ok(()));
    assert_eq!(venues.static_limits(id), Some((price(900), price(1_100))));
}

#[test]
fn bytes_read_back_and_forgeries_do_not() {
    let mut venues = one_venue();
    let licensed = CreateVenue {
        licence: Title::new("浙 0001"),
        calendar: None,
        ..venue("W", BOOK)
    };
    assert_eq!(venues.create_venue(&licensed, at(10, 12)), Ok(1));
    for (text, venue) in [("I", 1), ("J", 0)] {
        assert!(venues.create_instrument(&instrument(text, venue)).is_ok());
    }
    let day = [(0, Phase::PreOpen), (13, Phase::Continuous)];
    assert_eq!(venues.set_schedule(&schedule(0, &day), at(10, 12)), Ok(()));
    venues.override_timetable(VenueId::new(0));
    let halt = Scope::Instrument(InstrumentId::new(1));
    venues.set_status(halt, TradingStatus::CancelOnly);
    let mut out = Vec::new();
    venues.encode(&mut out);
    let mut input = Reader::new(&out);
    let read = Venues::decode(&mut input, &limits());
    assert_eq!(read, Ok(venues));
    assert_eq!(input.finish(), Ok(()));
    for end in 0..out.len() {
        assert!(Venues::decode(&mut Reader::new(&out[..end]), &limits()).is_err());
    }
    // Any one byte changed is refused, or reads as other venues that write those very bytes.
    for place in 0..out.len() {
        for flip in [1, 0x10, 0x80] {
            let mut forged = out.clone();
            forged[place] ^= flip;
            let mut input = Reader::new(&forged);
            if let Ok(read) = Venues::decode(&mut input, &limits()) {
                let mut again = Vec::new();
                read.encode(&mut again);
                assert_eq!(again, forged[..forged.len() - input.remaining()]);
            }
        }
    }
}

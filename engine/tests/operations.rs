//! Retries, sessions, parties, venues and time through the whole engine: `SEMANTICS.md` sections
//! 1, 8, 9 and 10, each rule as the lines it makes the engine say.
//!
//! Invariant: `validate` answers what `apply` then does, and changes nothing. Not here: matching
//! (`scenarios`), the modules by themselves (their own tests).

mod any;
mod fold;
mod law;
mod market;
mod says;

use market::{HOUR, Shard, account, buy, cancel, mass_cancel, request, sell, session};
use sanjiang_engine::command::*;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Phase, Regime, TradingStatus};

#[test]
fn a_retry_of_a_request_is_answered_from_memory() {
    let mut shard = Shard::trading();
    let first = shard.sequence().next().value();
    shard.expect(
        request("a", buy(1, 100)),
        "#0 New 1@100 count 1/1\nAdd 1@100",
    );
    shard.expect(request("a", buy(1, 100)), &format!("duplicate of {first}"));
    shard.expect(
        request("a", buy(2, 100)),
        "#- Rejected CLIENT_ORDER_ID_REUSED count 0/0",
    );
    // Another account has ids of its own; so has the principal, for what is no order.
    let other = Body::NewOrder(NewOrder {
        account: account(1),
        ..market::order(Side::Buy, 1, 90)
    });
    shard.expect(request("a", other), "#1 New 1@90 count 1/2\nAdd 1@90");
    let owner = CreateOwner {
        name: market::name("o9"),
    };
    shard.expect(request("a", Body::CreateOwner(owner)), "done 2");
    // What was rejected is remembered too: its retry is a duplicate, not another try.
    let rejected = shard.sequence().next().value();
    shard.expect(request("b", buy(0, 100)), "#- Rejected QUANTITY count 2/3");
    shard.expect(
        request("b", buy(0, 100)),
        &format!("duplicate of {rejected}"),
    );
}

#[test]
fn what_came_too_late_is_stale_and_not_remembered() {
    let mut shard = Shard::trading();
    let until = shard.now();
    let late = |mut command: Command| {
        command.envelope.valid_until = Some(until);
        command
    };
    shard.pass(1);
    let stale = "#- Rejected STALE_REQUEST count 0/0";
    shard.expect(late(request("a", buy(1, 100))), stale);
    shard.expect(
        request("a", buy(1, 100)),
        "#0 New 1@100 count 1/1\nAdd 1@100",
    );
    // A session's number is used up by it.
    shard.expect(market::internal(market::open("s")), "session 0 at 0");
    shard.expect(late(session(1, buy(1, 100))), stale);
    let retry = "duplicate of 0, watermark 1";
    shard.expect(session(1, buy(1, 100)), retry);
    shard.expect(
        session(2, mass_cancel()),
        "#0 Canceled\nDelete 0@100\nmass cancel 1, kept 0",
    );
    shard.expect(late(session(3, mass_cancel())), "mass cancel STALE_REQUEST");
}

#[test]
fn a_session_takes_only_its_next_number() {
    let mut shard = Shard::trading();
    let unknown = "#- Rejected UNKNOWN_SESSION count 0/0";
    shard.expect(session(1, buy(1, 100)), unknown);
    let lost = Body::OpenSession(OpenSession {
        name: market::name("s"),
        last_client_sequence: 4,
    });
    shard.expect(market::internal(lost), "refused UNKNOWN_SESSION");
    shard.expect(market::internal(market::open("s")), "session 0 at 0");
    let gap = "#- Rejected SEQUENCE_GAP count 0/0";
    shard.expect(session(2, buy(1, 100)), gap);
    shard.expect(session(1, buy(1, 100)), "#0 New 1@100 count 1/1\nAdd 1@100");
    shard.expect(market::internal(market::open("s")), "session 0 at 1");
    let mut stranger = session(2, buy(1, 100));
    stranger.envelope.principal = PrincipalId::new(9);
    shard.expect(stranger, unknown);
}

#[test]
fn a_full_window_keeps_its_reserve_for_short_requests() {
    let mut shard = Shard::new(Limits {
        requests_capacity: 4,
        ..market::LIMITS
    });
    let owner = |text: &str| {
        let name = market::name(text);
        request(text, Body::CreateOwner(CreateOwner { name }))
    };
    for (text, said) in [("a", "done 0"), ("b", "done 1"), ("c", "done 2")] {
        shard.expect(owner(text), said);
    }
    shard.expect(owner("d"), "refused REQUEST_WINDOW_FULL");
    let mut short = owner("e");
    short.envelope.valid_until = Some(shard.now().after(Nanoseconds(60_000_000_000)));
    shard.expect(short, "done 3");
    let set = |requests_max, requests_reserved| {
        market::internal(Body::SetLimits(SetLimits {
            requests_max,
            requests_reserved,
        }))
    };
    shard.expect(set(3, 0), "refused INVALID_FIELD");
    shard.expect(set(5, 0), "refused INVALID_FIELD");
    shard.expect(set(4, 0), "done");
    shard.pass(61_000_000_000);
    shard.expect(owner("f"), "done 4");
}

#[test]
fn parties_and_venues_get_handles_in_order_of_creation() {
    let mut shard = Shard::new(market::LIMITS);
    let said = |shard: &mut Shard, body, said: &str| shard.expect(market::internal(body), said);
    let name = market::name;
    let participant = |text| Body::CreateParticipant(CreateParticipant { name: name(text) });
    said(
        &mut shard,
        market::create_account(0, 0, 0),
        "refused UNKNOWN_PARTICIPANT",
    );
    said(&mut shard, participant("p0"), "done 0");
    said(&mut shard, participant("p1"), "done 1");
    said(&mut shard, participant("p0"), "refused ALREADY_EXISTS");
    said(&mut shard, participant(""), "refused INVALID_FIELD");
    said(
        &mut shard,
        market::create_account(0, 0, 0),
        "refused UNKNOWN_OWNER",
    );
    said(&mut shard, market::instrument(0), "refused UNKNOWN_VENUE");
    said(
        &mut shard,
        Body::CreateVenue(Box::new(market::venue())),
        "refused UNKNOWN_CALENDAR",
    );
    said(&mut shard, market::calendar(&[10]), "done 0");
    said(&mut shard, market::calendar(&[10, 11]), "done 0");
    said(
        &mut shard,
        market::calendar(&[11, 11]),
        "refused INVALID_FIELD",
    );
    said(
        &mut shard,
        Body::CreateVenue(Box::new(market::venue())),
        "done 0",
    );
    let book_at_a_market = CreateVenue {
        name: name("w"),
        regimes: vec![Regime::EcomB2b],
        ..market::venue()
    };
    said(
        &mut shard,
        Body::CreateVenue(Box::new(book_at_a_market)),
        "refused MODEL_NOT_ALLOWED 电子商务法(2018) 46",
    );
    said(&mut shard, market::instrument(0), "done 0");
    let reference = |ticks| {
        Body::SetReferencePrice(SetReferencePrice {
            instrument: InstrumentId::new(0),
            price: Price::new(ticks).expect("in bounds"),
        })
    };
    said(&mut shard, reference(0), "refused INVALID_FIELD");
    said(&mut shard, reference(100), "reference 100\ndone");
    for body in [
        Body::SessionsLost,
        Body::ServiceGap(ServiceGap { from: Time::ZERO }),
        Body::SemanticsVersion(1),
        Body::AcceptClock(AcceptClock { wall: Time::ZERO }),
    ] {
        said(&mut shard, body, "done");
    }
    said(&mut shard, Body::Tick, "");
}

#[test]
fn phases_need_their_models_and_an_equal_one_changes_nothing() {
    let mut shard = Shard::trading();
    let listing = CreateVenue {
        name: market::name("listing"),
        models: vec![Model::ListingPick],
        ..market::venue()
    };
    shard.expect(
        market::internal(Body::CreateVenue(Box::new(listing))),
        "done 1",
    );
    let set = |venue, phase| {
        market::internal(Body::SetPhase(SetPhase {
            venue: VenueId::new(venue),
            phase,
        }))
    };
    shard.expect(set(1, Phase::Continuous), "refused MODEL_NOT_AVAILABLE");
    shard.expect(set(1, Phase::VolatilityCall), "refused MODEL_NOT_AVAILABLE");
    shard.expect(set(1, Phase::PostClose), "phase v1 PostClose\ndone");
    shard.expect(set(2, Phase::Closed), "refused UNKNOWN_VENUE");
    shard.expect(set(0, Phase::Continuous), "done");
}

#[test]
fn a_halt_of_either_level_stops_trading_and_its_end_resumes_it() {
    let mut shard = Shard::trading();
    let set = |scope, status| {
        market::internal(Body::SetTradingStatus(SetTradingStatus { scope, status }))
    };
    let venue = Scope::Venue(VenueId::new(0));
    let instrument = Scope::Instrument(InstrumentId::new(0));
    shard.expect(
        request("a", buy(1, 100)),
        "#0 New 1@100 count 1/1\nAdd 1@100",
    );
    shard.expect(set(venue, TradingStatus::Trading), "done");
    shard.expect(
        set(venue, TradingStatus::Halted),
        "status venue 0 Halted\ndone",
    );
    let only = "status instrument 0 CancelOnly\ndone";
    shard.expect(set(instrument, TradingStatus::CancelOnly), only);
    let halted = "#0 CancelRejected HALTED 1@100 count 2/2";
    shard.expect(request("b", cancel(shard.order(0))), halted);
    shard.expect(
        set(venue, TradingStatus::Trading),
        "status venue 0 Trading\ndone",
    );
    let rejected = "#- Rejected CANCEL_ONLY count 3/3";
    shard.expect(request("c", buy(1, 100)), rejected);
    shard.expect(
        request("d", cancel(shard.order(0))),
        "#0 Canceled\nDelete 0@100",
    );
    let trading = "status instrument 0 Trading\ndone";
    shard.expect(set(instrument, TradingStatus::Trading), trading);
    let unknown = Scope::Instrument(InstrumentId::new(7));
    shard.expect(
        set(unknown, TradingStatus::Halted),
        "refused UNKNOWN_INSTRUMENT",
    );
}

#[test]
fn a_day_rolls_its_timetable_runs_and_its_orders_expire() {
    let mut shard = Shard::trading();
    shard.expect(
        market::schedule(&[(9, Phase::Continuous), (15, Phase::Closed)]),
        "done",
    );
    shard.expect(
        request("a", buy(1, 100)),
        "#0 New 1@100 count 1/1\nAdd 1@100",
    );
    let lasting = Body::NewOrder(NewOrder {
        time_in_force: TimeInForce::GoodTillCancel,
        ..market::order(Side::Buy, 1, 99)
    });
    shard.expect(request("b", lasting), "#1 New 1@99 count 2/2\nAdd 1@99");
    // An operator set the phase on day 10, so the timetable rests until day 11.
    shard.expect_until(10, 16, "");
    shard.expect_until(11, 0, "day 11 #1\n#0 Expired\nDelete 0@100");
    shard.expect_until(11, 14, "");
    let day = request("c", sell(1, 120));
    shard.expect(day, "#0 New 1@120 count 4/4\nAdd 1@120");
    shard.expect_until(11, 15, "phase v0 Closed\n#0 Expired\nDelete 0@120");
    shard.expect_until(13, 0, "");
    shard.expect_until(14, 9, "day 14 #2\nphase v0 Continuous");
    let closed = market::internal(Body::SetPhase(SetPhase {
        venue: VenueId::new(0),
        phase: Phase::Closed,
    }));
    shard.expect(closed, "phase v0 Closed\ndone");
    let cancel = request("d", cancel(shard.order(1)));
    shard.expect(cancel, "#1 CancelRejected PHASE_NO_CANCEL 1@99 count 6/6");
}

#[test]
fn a_dated_order_expires_at_its_instant() {
    let mut shard = Shard::trading();
    let dated = |hours| {
        Body::NewOrder(NewOrder {
            time_in_force: TimeInForce::GoodTillDate(shard.now().after(Nanoseconds(hours * HOUR))),
            ..market::order(Side::Sell, 1, 100 + hours)
        })
    };
    let (now, one, two) = (dated(0), dated(1), dated(2));
    shard.expect(request("a", now), "#- Rejected EXPIRE_TIME count 1/1");
    shard.expect(request("b", two), "#0 New 1@102 count 2/2\nAdd 1@102");
    shard.expect(request("c", one), "#1 New 1@101 count 3/3\nAdd 1@101");
    // The tick stands before a command of the very instant.
    shard.pass(HOUR);
    let gone = "#1 Expired\nDelete 0@101\n#1 CancelRejected UNKNOWN_ORDER count 5/5";
    shard.expect(request("d", cancel(shard.order(1))), gone);
    shard.pass(HOUR - 1);
    shard.expect(
        request("e", cancel(shard.order(0))),
        "#0 Canceled\nDelete 0@102",
    );
}

#[test]
fn one_tick_ends_so_many_orders_and_the_next_goes_on() {
    let mut shard = Shard::trading();
    let most = Limits::EXPIRIES_PER_TICK_MAX as i64;
    for place in 0..=most {
        shard.send(request(&format!("r{place}"), buy(1, 1 + place % 7)));
    }
    let until = market::at(11, 0);
    let first = shard.tick(until);
    assert_eq!(
        first
            .lines()
            .filter(|line| line.ends_with("Expired"))
            .count() as i64,
        most
    );
    assert_eq!(shard.next_deadline(), Some(until), "what is left stays due");
    let last = shard.tick(until);
    assert_eq!(last, format!("#{most} Expired\nDelete 0@{}", 1 + most % 7));
    assert_ne!(shard.next_deadline(), Some(until));
}

//! Tests of switches alone: rooms and bounds, timers, bytes and forgeries.

use super::section::Known;
use super::*;
use crate::bytes::{BytesError, Reader};
use crate::event::{SweepOf, Swept};
use crate::types::{AccountId, ParticipantId, Sequence, VenueId};

fn limits() -> Limits {
    Limits {
        orders_max: 8,
        venues_max: 2,
        sessions_max: 3,
        switches_max: 2,
        ..Limits::default()
    }
}

fn at(nanoseconds: i64) -> Time {
    Time::new(nanoseconds).expect("in bounds")
}

fn session(index: u32) -> SessionId {
    SessionId::new(index)
}

fn account(index: u32) -> KillScope {
    KillScope::Account(AccountId::new(index))
}

#[test]
fn a_venue_has_its_place_however_many_others_are_engaged() {
    let mut switches = Switches::new(&limits());
    assert!(!switches.are_any_engaged());
    let participant = KillScope::Participant(ParticipantId::new(0));
    for scope in [participant, account(7)] {
        assert_eq!(switches.check_room(scope), Ok(()));
        assert!(switches.turn(scope, Position::Engaged, at(1)));
    }
    let full = Err(RejectReason::TooMany);
    assert_eq!(switches.check_room(account(8)), full);
    assert_eq!(switches.check_room(account(7)), Ok(()), "it is engaged");
    for venue in [0, 1] {
        let venue = KillScope::Venue(VenueId::new(venue));
        assert_eq!(switches.check_room(venue), Ok(()));
        assert!(switches.turn(venue, Position::Engaged, at(1)));
        assert!(
            !switches.turn(venue, Position::Engaged, at(1)),
            "it stood so"
        );
    }
    assert_eq!(switches.check_room(account(8)), full);
    assert!(switches.turn(participant, Position::Released, at(1)));
    assert!(!switches.turn(participant, Position::Released, at(1)));
    assert_eq!(switches.check_room(account(8)), Ok(()));
    assert_eq!(switches.engaged().len(), 3);
}

#[test]
fn the_earliest_timer_fires_first_and_each_session_has_one() {
    let mut switches = Switches::new(&limits());
    for (one, deadline) in [(2, 50), (0, 70), (1, 50), (2, 90), (0, 60)] {
        switches.arm(session(one), Some(at(deadline)));
        assert_eq!(switches.audit(3, 0), Ok(()));
    }
    assert_eq!(switches.first_dead_man(), Some((at(50), session(1))));
    switches.arm(session(1), None);
    assert_eq!(switches.first_dead_man(), Some((at(60), session(0))));
    switches.arm(session(0), None);
    switches.arm(session(0), None);
    assert_eq!(switches.first_dead_man(), Some((at(90), session(2))));
    switches.arm(session(1), Some(at(90)));
    assert_eq!(switches.first_dead_man(), Some((at(90), session(1))));
    assert_eq!(switches.audit(3, 0), Ok(()));
}

#[test]
fn a_row_forgets_the_session_of_the_order_before() {
    let mut switches = Switches::new(&limits());
    switches.note_origin(5, None);
    assert!(switches.origins.is_empty(), "nobody came through a session");
    switches.note_origin(2, Some(session(1)));
    assert_eq!(switches.origin(2), Some(session(1)));
    assert_eq!([0, 1, 3].map(|slot| switches.origin(slot)), [None; 3]);
    switches.note_origin(2, None);
    assert_eq!(switches.origin(2), None);
}

/// Something of everything.
fn filled() -> Switches {
    let mut switches = Switches::new(&limits());
    switches.turn(account(7), Position::Engaged, at(3));
    let venue = KillScope::Venue(VenueId::new(1));
    switches.turn(venue, Position::Engaged, at(4));
    switches.note_swept(&Swept {
        what: SweepOf::Kill(venue),
        canceled: 300,
        kept: 2,
    });
    switches.fire(session(1), at(2));
    switches.set_on_disconnect(session(0), OnDisconnect::Cancel);
    switches.set_on_disconnect(session(2), OnDisconnect::Cancel);
    switches.arm(session(2), Some(at(1_000)));
    let last = Sequence::new(40);
    let sweeps = &mut switches.sweeps;
    sweeps.fall_due(SweepOf::Kill(account(7)), at(5), last);
    sweeps.fall_due(SweepOf::Disconnected(session(0)), at(6), last);
    sweeps.fall_due(SweepOf::SessionsLost, at(6), last);
    sweeps.look(4, std::iter::empty());
    for (slot, one) in [(1, 2), (3, 0), (6, 1)] {
        switches.note_origin(slot, Some(session(one)));
    }
    switches
}

fn lives(slot: u32) -> bool {
    slot != 6 && slot < 8
}

fn read(bytes: &[u8], has: &dyn Fn(KillScope) -> bool) -> Result<Switches, BytesError> {
    let known = Known {
        has,
        lives: &lives,
        sessions: 3,
        rows: 8,
        now: (Sequence::new(40), at(6)),
    };
    let mut input = Reader::new(bytes);
    let switches = Switches::decode(&mut input, &limits(), &known)?;
    input.finish()?;
    match switches.audit(3, 8) {
        Ok(()) => Ok(switches),
        Err(_) => Err(BytesError::range("an unsound whole")),
    }
}

fn bytes(switches: &Switches) -> Vec<u8> {
    let mut out = Vec::new();
    switches.encode(&mut out, lives);
    out
}

#[test]
fn bytes_read_back_without_the_orders_that_ended() {
    let switches = filled();
    let read = read(&bytes(&switches), &|_| true).expect("whole");
    assert_eq!(bytes(&read), bytes(&switches));
    assert_eq!(read.engaged(), switches.engaged());
    assert_eq!(
        (read.engaged()[1].canceled, read.engaged()[1].kept),
        (300, 2)
    );
    assert_eq!(read.chosen(session(1)).fired, Some(at(2)));
    assert_eq!(read.dead_man(session(2)), Some(at(1_000)));
    assert_eq!(read.origin(3), Some(session(0)));
    assert_eq!(read.origin(6), None, "its order has ended");
}

#[test]
fn forgeries_are_refused() {
    let whole = bytes(&filled());
    for end in 0..whole.len() {
        assert!(read(&whole[..end], &|_| true).is_err(), "cut at {end}");
    }
    assert!(read(&whole, &|scope| scope != account(7)).is_err());
    // Each byte changed: another content, or refused; never a panic, never the same bytes.
    for place in 0..whole.len() {
        for flip in 1..=u8::MAX {
            let mut forged = whole.clone();
            forged[place] ^= flip;
            if let Ok(switches) = read(&forged, &|_| true) {
                assert_eq!(bytes(&switches), forged, "byte {place} ^ {flip}");
            }
        }
    }
}

#[test]
fn a_sweep_that_is_given_up_or_begun_anew_is_sound() {
    let mut switches = filled();
    let kill = SweepOf::Kill(account(7));
    switches.sweeps.fall_due(kill, at(6), Sequence::new(40));
    let first = *switches.sweeps.first().expect("pending");
    assert_eq!(
        (first.deadline, first.cursor),
        (at(5), 0),
        "it keeps its place"
    );
    switches.sweeps.give_up(kill);
    assert_eq!(switches.audit(3, 8), Ok(()));
    assert_eq!(switches.sweeps.pending().len(), 2);
    switches.sweeps.give_up(kill);
    assert_eq!(switches.sweeps.pending().len(), 2);
}

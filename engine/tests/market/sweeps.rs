//! Sweeps of more orders than one command may end: part by part, through restarts, beside orders
//! that are still to come to an end.
//!
//! Invariant: no command cancels more than it may or says that a sweep is over before it is. Not
//! here: small scenarios (`scenarios/switches.txt`), the comparison with the reference (`model`).

use sanjiang_engine::command::{
    ArmDeadMan, Body, Identity, KillScope, OpenSession, Position, SetKillSwitch, SwitchCommand,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Cause, Event, ExecType, SweepOf, Swept, SwitchEvent};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::{AccountId, Nanoseconds, SessionId, Side, VenueId};
use sanjiang_engine::venue::Phase;

use crate::desk::{Desk, command, limit, name, small_limits, terms};

const MOST: usize = Limits::EXPIRIES_PER_TICK_MAX;
const SESSION: SessionId = SessionId::new(0);

/// A market of two accounts; the first has `orders` that came through a session.
fn filled(orders: usize, limits: Limits) -> Desk {
    let mut desk = Desk::new(limits).with_accounts(2).with_instrument(terms());
    desk.phase(Phase::Continuous);
    desk.send(Body::OpenSession(OpenSession {
        name: name("s"),
        last_client_sequence: 0,
    }));
    for at in 0..orders {
        let identity = Identity::Session {
            session: SESSION,
            client_sequence: at as u64 + 1,
        };
        let order = limit(0, Side::Buy, 100 + at as i64 % 50, 1);
        desk.send_as(identity, Body::NewOrder(order));
    }
    desk
}

fn kill(scope: KillScope, position: Position) -> Body {
    let set = SetKillSwitch { scope, position };
    Body::Switch(SwitchCommand::SetKillSwitch(set))
}

/// The sequences of the orders that events cancel.
fn canceled(events: &[Event]) -> Vec<u64> {
    let mut list = Vec::new();
    for event in events {
        if let Event::Report(report) = event
            && report.exec_type == ExecType::Canceled
        {
            assert!(matches!(report.cause, Cause::KillSwitch | Cause::DeadMan));
            list.push(report.order.sequence);
        }
    }
    list
}

/// What a sweep says at its end.
fn swept(events: &[Event]) -> Option<Swept> {
    events.iter().find_map(|event| {
        if let Event::Switch(SwitchEvent::Swept(swept)) = event {
            Some(*swept)
        } else {
            None
        }
    })
}

/// The engine as it comes back from its own snapshot.
fn restarted(desk: &mut Desk) {
    let limits = *desk.engine.limits();
    let sections = desk.engine.encode_sections();
    let engine = Engine::decode_sections(limits, &sections).expect("its own sections");
    assert_eq!(engine.state_hash(), desk.engine.state_hash());
    assert_eq!(engine.next_deadline(), desk.engine.next_deadline());
    desk.engine = engine;
}

#[test]
fn a_sweep_goes_on_in_id_order_through_restarts() {
    let scopes = [
        KillScope::Session(SESSION),
        KillScope::Account(AccountId::new(0)),
        KillScope::Venue(VenueId::new(0)),
    ];
    for scope in scopes {
        let mut desk = filled(2 * MOST + 100, small_limits());
        let mut parts = vec![desk.send(kill(scope, Position::Engaged))];
        while desk.engine.next_deadline() == Some(desk.time) {
            restarted(&mut desk);
            let order = Body::NewOrder(limit(0, Side::Buy, 100, 1));
            let session = Identity::Session {
                session: SESSION,
                client_sequence: 2 * MOST as u64 + 101,
            };
            let said = desk.engine.validate(&command(session, order), desk.time);
            let reason = said.map_err(|reject| reject.reason);
            assert_eq!(reason, Err(RejectReason::KillSwitch), "nothing comes in");
            parts.push(desk.tick());
            assert_eq!(desk.engine.audit(), Ok(()));
        }
        let ended: Vec<_> = parts.iter().map(|part| canceled(part)).collect();
        let counts: Vec<_> = ended.iter().map(Vec::len).collect();
        assert_eq!(counts, [MOST, MOST, 100], "{scope:?}");
        assert!(ended.concat().is_sorted(), "in id order: {scope:?}");
        let said: Vec<_> = parts.iter().map(|part| swept(part)).collect();
        let whole = Swept {
            what: SweepOf::Kill(scope),
            canceled: 2 * MOST as u32 + 100,
            kept: 0,
        };
        assert_eq!(said, [None, None, Some(whole)], "{scope:?}");
        assert_eq!(desk.engine.usage().orders, 0);
    }
}

#[test]
fn rows_are_looked_at_part_by_part_whoever_they_belong_to() {
    let limits = Limits {
        sweep_rows_max: 100,
        ..small_limits()
    };
    let mut desk = filled(250, limits);
    // None came through the session that is stopped.
    desk.send(Body::OpenSession(OpenSession {
        name: name("t"),
        last_client_sequence: 0,
    }));
    let other = KillScope::Session(SessionId::new(1));
    desk.send(kill(other, Position::Engaged));
    assert_eq!(desk.tick(), [], "100 rows more");
    restarted(&mut desk);
    let over = desk.tick();
    let nothing = Swept {
        what: SweepOf::Kill(other),
        canceled: 0,
        kept: 0,
    };
    assert_eq!(over, [Event::Switch(SwitchEvent::Swept(nothing))]);
    assert_eq!(desk.engine.next_deadline(), Some(crate::desk::DAY));
    assert_eq!(desk.engine.usage().orders, 250);
}

#[test]
fn an_account_with_few_orders_is_swept_at_once_however_many_rows_there_are() {
    let limits = Limits {
        sweep_rows_max: 100,
        ..small_limits()
    };
    for (orders, parts) in [(0, 1), (100, 1), (101, 4)] {
        let mut desk = filled(250, limits);
        for at in 0..orders {
            desk.send(Body::NewOrder(limit(1, Side::Buy, 90, at + 1)));
        }
        let scope = KillScope::Account(AccountId::new(1));
        let mut said = vec![swept(&desk.send(kill(scope, Position::Engaged)))];
        while desk.engine.next_deadline() == Some(desk.time) {
            restarted(&mut desk);
            said.push(swept(&desk.tick()));
        }
        let whole = Swept {
            what: SweepOf::Kill(scope),
            canceled: orders as u32,
            kept: 0,
        };
        assert_eq!(said.len(), parts, "{orders} orders");
        assert_eq!(said.pop(), Some(Some(whole)), "{orders} orders");
        assert!(said.iter().all(Option::is_none), "{orders} orders");
        assert_eq!(desk.engine.usage().orders, 250);
    }
}

#[test]
fn an_order_still_to_be_swept_trades_where_no_tick_comes_before() {
    let mut desk = filled(MOST + 2, small_limits());
    let scope = KillScope::Account(AccountId::new(0));
    desk.send(kill(scope, Position::Engaged));
    let taker = Body::NewOrder(limit(1, Side::Sell, 1, 1));
    let events = desk.send_at_once(Identity::Internal, taker).to_vec();
    let traded = |event: &Event| matches!(event, Event::Trade(_));
    assert!(events.iter().any(traded), "{events:?}");
    let over = swept(&desk.tick()).expect("over");
    assert_eq!((over.canceled, over.kept), (MOST as u32 + 1, 0));
}

#[test]
fn a_release_gives_up_what_is_left_of_the_sweep() {
    let mut desk = filled(MOST + 5, small_limits());
    let scope = KillScope::Account(AccountId::new(0));
    desk.send(kill(scope, Position::Engaged));
    let body = kill(scope, Position::Released);
    let events = desk.send_at_once(Identity::Internal, body).to_vec();
    assert_eq!(swept(&events), None);
    assert_eq!(desk.engine.usage().orders, 5, "they stay");
    assert_eq!(desk.engine.next_deadline(), Some(crate::desk::DAY));
    let order = Body::NewOrder(limit(0, Side::Buy, 100, 1));
    let events = desk.send(order);
    assert!(matches!(events[0], Event::Report(report) if report.reject.is_none()));
}

#[test]
fn a_switch_engaged_again_while_it_sweeps_begins_anew_and_counts_on() {
    let mut desk = filled(MOST + 5, small_limits());
    let scope = KillScope::Account(AccountId::new(0));
    desk.send(kill(scope, Position::Engaged));
    let body = kill(scope, Position::Engaged);
    let events = desk.send_at_once(Identity::Internal, body).to_vec();
    let over = swept(&events).expect("five were left");
    assert_eq!((over.canceled, over.kept), (MOST as u32 + 5, 0));
    assert_eq!(canceled(&events).len(), 5);
}

#[test]
fn sweeps_wait_for_each_other_and_share_a_tick() {
    let mut desk = filled(MOST + 10, small_limits());
    for at in 0..20 {
        let order = limit(1, Side::Buy, 90, at + 1);
        desk.send(Body::NewOrder(order));
    }
    let first = KillScope::Account(AccountId::new(0));
    let second = KillScope::Account(AccountId::new(1));
    desk.send(kill(first, Position::Engaged));
    let body = kill(second, Position::Engaged);
    let events = desk.send_at_once(Identity::Internal, body).to_vec();
    assert_eq!(canceled(&events), [0; 0], "the first one is not over");
    restarted(&mut desk);
    let tick = desk.tick();
    assert_eq!(canceled(&tick).len(), 30);
    let over = |event: &&Event| matches!(event, Event::Switch(SwitchEvent::Swept(_)));
    assert_eq!(tick.iter().filter(over).count(), 2);
}

#[test]
fn a_dead_man_timer_survives_a_restart() {
    let mut desk = filled(3, small_limits());
    desk.time = desk.time.after(Nanoseconds(500));
    let timeout = Some(Limits::DEAD_MAN_MIN);
    let arm = ArmDeadMan {
        session: SESSION,
        timeout,
    };
    let armed = desk.send(Body::Switch(SwitchCommand::ArmDeadMan(arm)));
    let deadline = desk.time.after(Limits::DEAD_MAN_MIN);
    restarted(&mut desk);
    assert_eq!(desk.engine.switches().dead_man(SESSION), Some(deadline));
    assert!(matches!(armed[0], Event::Switch(SwitchEvent::Armed(armed))
        if armed.deadline == Some(deadline)));
    desk.time = deadline;
    let tick = desk.tick();
    assert_eq!(tick[0], Event::Switch(SwitchEvent::Fired(SESSION)));
    assert_eq!(canceled(&tick).len(), 3);
    assert_eq!(desk.engine.switches().dead_man(SESSION), None);
    restarted(&mut desk);
}

//! A command costs by what is due, not by what exists: counted in rows looked at, not in time.
//!
//! Invariant: the same commands look at the same rows, so the counts are exact on any machine. Not
//! here: what the commands answer (`tests/market`), allocation (`tests/no_alloc`).

use crate::book::arena::looked;
use crate::command::*;
use crate::engine::Engine;
use crate::event::{Event, Events};
use crate::limits::Limits;
use crate::snapshot::sample;
use crate::types::*;

/// Live orders, all of account 0 but those a test adds.
const ORDERS: u32 = 3_000;
/// Rows a sweep looks at in a command.
const PART: u32 = 100;

fn send(engine: &mut Engine, body: Body) -> Vec<Event> {
    let command = Sequenced {
        sequence: engine.sequence().next(),
        time: engine.time(),
        value: Command {
            envelope: Envelope {
                principal: PrincipalId::LOCAL,
                identity: Identity::Internal,
                valid_until: None,
                authority: None,
            },
            body,
        },
    };
    let mut events = Events::default();
    looked::take();
    engine.apply(&command, &mut events);
    events.as_slice().to_vec()
}

/// A buy far from the market, so that it rests.
fn rests(account: u32) -> Body {
    Body::NewOrder(NewOrder {
        account: AccountId::new(account),
        instrument: InstrumentId::new(0),
        side: Side::Buy,
        quantity: Quantity::new(1).expect("in bounds"),
        order_type: OrderType::Limit(LimitTerms {
            price: Price::new(960).expect("in bounds"),
            display_quantity: None,
            posting: Posting::MayTake,
        }),
        time_in_force: TimeInForce::GoodTillCancel,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::None,
    })
}

fn filled() -> Engine {
    let limits = Limits {
        orders_max: 10_000,
        requests_capacity: 64,
        sweep_rows_max: PART,
        ..Limits::default()
    };
    let mut engine = sample::traded(limits);
    let firm = Name::new("P1").expect("short");
    send(
        &mut engine,
        Body::CreateParticipant(CreateParticipant { name: firm }),
    );
    while engine.arena().live() < ORDERS {
        send(&mut engine, rests(0));
    }
    engine
}

fn limit_of_orders(most: u32) -> Body {
    Body::Limits(LimitsCommand::SetRiskLimits(Box::new(SetRiskLimits {
        scope: RiskScope::Account(AccountId::new(0)),
        limits: RiskLimits {
            open_orders: Some(most),
            ..RiskLimits::NONE
        },
    })))
}

fn kill(scope: KillScope) -> Body {
    let position = Position::Engaged;
    let set = SetKillSwitch { scope, position };
    Body::Switch(SwitchCommand::SetKillSwitch(set))
}

#[test]
fn the_first_limit_looks_at_no_order_and_counts_them_all() {
    let mut engine = filled();
    let (_, usage) = engine.risk_of_account(AccountId::new(0), None);
    send(&mut engine, limit_of_orders(usage.open_orders));
    assert_eq!(looked::take(), 0, "rows looked at");
    assert!(usage.open_orders > ORDERS - 10, "{usage:?}");
    let said = send(&mut engine, rests(0));
    let refused = matches!(said[..], [Event::Report(report)] if report.reject.is_some());
    assert!(refused, "{said:?}");
    assert_eq!(engine.audit(), Ok(()));
}

#[test]
fn a_sweep_looks_at_each_row_once_and_at_so_many_a_command_after_a_restart_too() {
    let mut engine = filled();
    let nobody = KillScope::Participant(ParticipantId::new(1));
    send(&mut engine, kill(nobody));
    let mut parts = vec![looked::take()];
    while engine.switches().is_sweeping(nobody) {
        let sections = engine.encode_sections();
        engine = Engine::decode_sections(*engine.limits(), &sections).expect("its own");
        send(&mut engine, Body::Tick);
        parts.push(looked::take());
    }
    let most = parts.iter().max().expect("parts");
    assert_eq!(*most, u64::from(PART), "{parts:?}");
    let rows = engine.arena().used();
    assert_eq!(parts.iter().sum::<u64>(), u64::from(rows), "{parts:?}");
    assert_eq!(parts.len() as u32, rows.div_ceil(PART));
}

#[test]
fn a_sweep_of_an_account_looks_at_its_own_orders_alone() {
    let mut engine = filled();
    let own = engine.parties().open_of(AccountId::new(1));
    let scope = KillScope::Account(AccountId::new(1));
    send(&mut engine, kill(scope));
    let rows = looked::take();
    assert!(!engine.switches().is_sweeping(scope), "over at once");
    assert_eq!(engine.parties().open_of(AccountId::new(1)), 0);
    assert!(own > 0 && rows <= 64 * u64::from(own), "{rows} for {own}");
    assert_eq!(engine.audit(), Ok(()));
}

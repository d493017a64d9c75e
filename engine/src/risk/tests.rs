//! Tests of limits, counters and bytes that need no engine.

use super::*;
use crate::bytes::{BytesError, Reader};
use crate::command::{
    CreateAccount, CreateOwner, CreateParticipant, CreateVenue, Demonstration, OrderToTrade,
    Throttle,
};
use crate::parties::Parties;
use crate::types::{Name, OwnerId, Quantity, Title};
use crate::venue::{Model, Regime, Venues};

fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

fn bounds(risk_sets_max: u32) -> Limits {
    Limits {
        risk_sets_max,
        ..Limits::default()
    }
}

fn world() -> (Parties, Venues) {
    let limits = Limits::default();
    let (mut parties, mut venues) = (Parties::new(&limits), Venues::new(&limits));
    let made = parties.create_participant(&CreateParticipant { name: name("p") });
    assert!(
        made.is_ok()
            && parties
                .create_owner(&CreateOwner { name: name("o") })
                .is_ok()
    );
    for text in ["a", "b"] {
        let create = CreateAccount {
            name: name(text),
            participant: ParticipantId::new(0),
            owner: OwnerId::new(0),
        };
        assert!(parties.create_account(&create).is_ok());
    }
    let create = CreateVenue {
        name: name("v"),
        title: Title::EMPTY,
        regimes: vec![Regime::Sandbox],
        models: vec![Model::Clob],
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: None,
    };
    assert!(venues.create_venue(&create, Time::ZERO).is_ok());
    (parties, venues)
}

fn set(scope: RiskScope, limits: RiskLimits) -> SetRiskLimits {
    SetRiskLimits { scope, limits }
}

fn orders(most: u32) -> RiskLimits {
    RiskLimits {
        open_orders: Some(most),
        ..RiskLimits::NONE
    }
}

const ACCOUNT: RiskScope = RiskScope::Account(AccountId::new(0));
const PARTICIPANT: RiskScope = RiskScope::Participant(ParticipantId::new(0));
const VENUE: RiskScope = RiskScope::Venue(VenueId::new(0));

fn sender(day: i32) -> Sender {
    Sender {
        account: AccountId::new(0),
        participant: ParticipantId::new(0),
        venue: VenueId::new(0),
        day,
    }
}

#[test]
fn limits_out_of_their_bounds_are_refused() {
    let risk = Risk::new(&bounds(9));
    let throttle = |rate, burst| RiskLimits {
        throttle: Some(Throttle { rate, burst }),
        ..RiskLimits::NONE
    };
    let ratio = |ratio, allowance| RiskLimits {
        order_to_trade: Some(OrderToTrade { ratio, allowance }),
        ..RiskLimits::NONE
    };
    let position = RiskLimits {
        position: Some(Quantity::ZERO),
        ..RiskLimits::NONE
    };
    let (rate, burst) = (Throttle::RATE_MAX, Throttle::BURST_MAX);
    let (most, free) = (OrderToTrade::RATIO_MAX, OrderToTrade::ALLOWANCE_MAX);
    let wrong = Err(RejectReason::InvalidField);
    for (scope, limits, answer) in [
        (ACCOUNT, throttle(0, 1), wrong),
        (ACCOUNT, throttle(1, 0), wrong),
        (ACCOUNT, throttle(rate + 1, 1), wrong),
        (ACCOUNT, throttle(1, burst + 1), wrong),
        (PARTICIPANT, throttle(rate, burst), Ok(())),
        (ACCOUNT, ratio(most + 1, 0), wrong),
        (ACCOUNT, ratio(0, free + 1), wrong),
        (VENUE, ratio(most, free), Ok(())),
        (PARTICIPANT, ratio(1, 1), wrong),
        (PARTICIPANT, position, wrong),
        (ACCOUNT, position, Ok(())),
        (PARTICIPANT, orders(0), Ok(())),
    ] {
        assert_eq!(risk.check_limits(&set(scope, limits)), answer, "{limits:?}");
    }
}

#[test]
fn so_many_different_sets_and_no_more() {
    let mut risk = Risk::new(&bounds(2));
    risk.set_limits(&set(ACCOUNT, RiskLimits::NONE));
    assert!(!risk.is_on(), "no limit, no counting");
    risk.set_limits(&set(ACCOUNT, orders(1)));
    assert!(risk.is_on(), "counting begins");
    risk.set_limits(&set(VENUE, orders(2)));
    let third = risk.check_limits(&set(PARTICIPANT, orders(3)));
    assert_eq!(third, Err(RejectReason::TooMany));
    for known in [orders(1), orders(2), RiskLimits::NONE] {
        assert_eq!(risk.check_limits(&set(PARTICIPANT, known)), Ok(()));
    }
    assert_eq!((risk.sets(), risk.sets.capacity()), ((2, 2), 2));
}

#[test]
fn an_account_has_its_own_limits_and_else_the_venues() {
    let mut risk = Risk::new(&bounds(9));
    assert!(risk.gate(&sender(0)).is_none());
    let default = RiskLimits {
        order_to_trade: Some(OrderToTrade {
            ratio: 1,
            allowance: 2,
        }),
        ..orders(1)
    };
    risk.set_limits(&set(VENUE, default));
    risk.set_limits(&set(ACCOUNT, orders(7)));
    let gate = risk.gate(&sender(0)).expect("limits");
    assert_eq!(gate.own.open_orders, Some(7));
    assert_eq!(gate.own.order_to_trade, default.order_to_trade);
    let other = Sender {
        account: AccountId::new(1),
        venue: VenueId::new(1),
        ..sender(0)
    };
    assert!(risk.gate(&other).is_none());
}

#[test]
fn a_later_trading_day_begins_anew_and_an_earlier_one_does_not() {
    let mut risk = Risk::new(&bounds(9));
    let ratio = OrderToTrade {
        ratio: 2,
        allowance: 1,
    };
    let limits = RiskLimits {
        order_to_trade: Some(ratio),
        ..RiskLimits::NONE
    };
    risk.set_limits(&set(ACCOUNT, limits));
    let flow = |risk: &Risk, day| {
        risk.gate(&sender(day))
            .expect("limits")
            .check_flow(Time::ZERO)
    };
    let over = Err(RejectReason::OrderToTrade);
    assert_eq!(flow(&risk, 5), Ok(()));
    risk.sent(&sender(5), Time::ZERO);
    assert_eq!(flow(&risk, 5), over);
    risk.traded(AccountId::new(0), 5);
    assert_eq!(flow(&risk, 5), Ok(()));
    risk.sent(&sender(5), Time::ZERO);
    risk.sent(&sender(5), Time::ZERO);
    assert_eq!((flow(&risk, 5), flow(&risk, 4)), (over, over));
    assert_eq!(flow(&risk, 6), Ok(()));
    risk.sent(&sender(6), Time::ZERO);
    assert_eq!((flow(&risk, 6), flow(&risk, 5)), (over, over));
}

#[test]
fn what_was_counted_reads_back_and_forged_bytes_do_not() {
    let (parties, venues) = world();
    let mut risk = Risk::new(&bounds(9));
    let throttle = Some(Throttle { rate: 5, burst: 3 });
    let limits = RiskLimits {
        throttle,
        ..orders(8)
    };
    risk.set_limits(&set(PARTICIPANT, limits));
    risk.set_limits(&set(VENUE, orders(2)));
    let now = Time::new(77).expect("in bounds");
    risk.sent(&sender(3), now);
    let mut bytes = Vec::new();
    risk.encode(&mut bytes);
    let read = |bytes: &[u8]| -> Result<Risk, BytesError> {
        let mut input = Reader::new(bytes);
        let read = Risk::decode(&mut input, &bounds(9), (&parties, &venues), now)?;
        input.finish().map(|()| read)
    };
    let again = read(&bytes).expect("its own bytes");
    let mut second = Vec::new();
    again.encode(&mut second);
    assert_eq!(bytes, second);
    assert_eq!(
        (again.of(PARTICIPANT), again.of(VENUE)),
        (limits, orders(2))
    );
    for cut in 0..bytes.len() {
        assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    // One set (4 open orders), no venues, no participants, then what is forged.
    let accounts: [&[u8]; 8] = [
        &[1, 2, 1, 0, 0, 1, 0],
        &[1, 0, 2, 0, 0, 1, 0],
        &[1, 0, 0, 0, 2, 0, 0],
        &[1, 0, 1, 5, 0, 1, 0],
        &[2, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0],
        &[1, 0, 0, 0, 0, 0, 0],
        &[3, 0, 1, 0, 0, 1, 0],
        &[1, 0, 1, 0, 0, 1],
    ];
    for rest in accounts {
        let head: &[u8] = &[1, 1, 0, 0, 1, 4, 0, 0, 0];
        assert!(read(&[head, rest].concat()).is_err(), "{rest:?}");
    }
    for forged in [
        &[2][..],
        &[1, 0],
        &[1, 1, 0, 0, 0, 0],
        &[0, 0],
        &[1, 1, 1, 0, 1, 0, 0, 0],
    ] {
        assert!(read(forged).is_err(), "{forged:?}");
    }
    let right: &[u8] = &[1, 1, 0, 0, 1, 4, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0];
    assert!(read(right).is_ok(), "the forged ones differ from this one");
}

#[test]
fn the_audit_sees_each_counter_that_is_off() {
    let (mut parties, _) = world();
    let account = AccountId::new(1);
    let mut risk = Risk::new(&bounds(9));
    assert_eq!(risk.audit(&parties, &Recount::default()), Ok(()));
    risk.traded(account, 5);
    assert!(
        risk.audit(&parties, &Recount::default()).is_err(),
        "before the first limit"
    );
    let mut risk = Risk::new(&bounds(9));
    parties.opened(account);
    parties.opened(account);
    parties.ended(account);
    risk.buys_more(4, 70);
    let mut right = Recount::default();
    right.add(1, 0, Some((4, 70)));
    assert_eq!(risk.audit(&parties, &right), Ok(()), "with no limit either");
    risk.set_limits(&set(VENUE, orders(3)));
    assert_eq!(risk.audit(&parties, &right), Ok(()));
    let changes: [fn(&mut Recount); 3] = [
        |counted| counted.accounts[1] = 2,
        |counted| counted.participants[0] = 0,
        |counted| counted.buys[4] = 69,
    ];
    let mut said = Vec::new();
    for change in changes {
        let mut wrong = right.clone();
        change(&mut wrong);
        said.push(risk.audit(&parties, &wrong).expect_err("it is off"));
    }
    said.sort_unstable();
    said.dedup();
    assert_eq!(said.len(), 3, "{said:?}");
}

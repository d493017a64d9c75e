//! Words of small worlds: values in bounds, terms, orders, the commands that found a market.
//!
//! Invariant: what is made here is right, so a test names what it changes. Not here: engines, what
//! a test expects, the runtime (`support`).
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "answers are looked for among events"
)]

use sanjiang_engine::command::*;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::Event;
use sanjiang_engine::reject::{Reject, RejectReason};
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Phase, Regime};

pub fn name(text: &str) -> Name {
    Name::new(text).expect("a test's name is short")
}

pub fn time(nanoseconds: i64) -> Time {
    Time::new(nanoseconds).expect("a test's time is in bounds")
}

pub fn price(ticks: i64) -> Price {
    Price::new(ticks).expect("a test's price is in bounds")
}

pub fn quantity(lots: i64) -> Quantity {
    Quantity::new(lots).expect("a test's quantity is in bounds")
}

/// A command of principal `local`.
pub fn command(identity: Identity, body: Body) -> Command {
    Command {
        envelope: Envelope {
            principal: PrincipalId::LOCAL,
            identity,
            valid_until: None,
            authority: None,
        },
        body,
    }
}

/// The next command of an engine, the runtime's own, with what an operator says of it.
pub fn next(
    engine: &Engine,
    time: Time,
    authority: Option<Authority>,
    body: Body,
) -> Sequenced<Command> {
    let mut value = command(Identity::Internal, body);
    value.envelope.authority = authority.map(Box::new);
    Sequenced {
        sequence: engine.sequence().next(),
        time,
        value,
    }
}

/// The reject of an order or an operation, if there is one.
pub fn reject(events: &[Event]) -> Option<Reject> {
    events.iter().find_map(|event| match event {
        Event::Report(report) => report.reject,
        Event::Operation(answer) => answer.reject,
        _ => None,
    })
}

/// Why an order or an operation was refused, if it was.
pub fn reject_reason(events: &[Event]) -> Option<RejectReason> {
    reject(events).map(|reject| reject.reason)
}

/// Terms without bands and bounds that matter; price and money have the same two decimals.
pub fn terms() -> InstrumentTerms {
    InstrumentTerms {
        currency: name("CNY"),
        unit: name("t"),
        tick_size: 1,
        price_decimals: 2,
        lot_size: 1,
        quantity_decimals: 0,
        price_sign: PriceSign::Positive,
        static_band_bp: None,
        dynamic_band_ticks: None,
        market_protection_ticks: 10,
        max_quantity: quantity(Quantity::MAX_LOTS),
        max_notional: None,
    }
}

/// A DAY limit order of the first instrument without self-trade prevention.
pub fn limit(account: u32, side: Side, price_ticks: i64, lots: i64) -> NewOrder {
    NewOrder {
        account: AccountId::new(account),
        instrument: InstrumentId::new(0),
        side,
        quantity: quantity(lots),
        order_type: OrderType::Limit(LimitTerms {
            price: price(price_ticks),
            display_quantity: None,
            posting: Posting::MayTake,
        }),
        time_in_force: TimeInForce::Day,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::None,
    }
}

/// An owner of this handle, and an account of that and of the first participant.
pub fn owned_account(text: &str, owner: u32) -> [Body; 2] {
    let name = name(text);
    [
        Body::CreateOwner(CreateOwner { name }),
        Body::CreateAccount(CreateAccount {
            name,
            participant: ParticipantId::new(0),
            owner: OwnerId::new(owner),
        }),
    ]
}

/// A participant, an owner and an account, each with the handle `at`.
pub fn party(at: u32) -> [Body; 3] {
    let name = name(&format!("n{at}"));
    [
        Body::CreateParticipant(CreateParticipant { name }),
        Body::CreateOwner(CreateOwner { name }),
        Body::CreateAccount(CreateAccount {
            name,
            participant: ParticipantId::new(at),
            owner: OwnerId::new(at),
        }),
    ]
}

/// Trading days, each of which begins at midnight UTC.
pub fn calendar(days: impl Iterator<Item = i32>) -> Body {
    Body::SetCalendar(Box::new(SetCalendar {
        name: name("calendar"),
        utc_offset_seconds: 0,
        roll_time: Nanoseconds(0),
        days: days.collect(),
    }))
}

/// A venue for tries, with a book and auctions.
pub fn sandbox(calendar: Option<CalendarId>) -> CreateVenue {
    CreateVenue {
        name: name("venue"),
        title: Title::EMPTY,
        regimes: vec![Regime::Sandbox],
        models: vec![Model::Clob, Model::CallAuction],
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar,
    }
}

/// An instrument of the first venue.
pub fn instrument(text: &str, terms: InstrumentTerms) -> Body {
    Body::CreateInstrument(Box::new(CreateInstrument {
        name: name(text),
        title: Title::EMPTY,
        venue: VenueId::new(0),
        terms,
    }))
}

/// The first venue enters continuous trading.
pub fn continuous() -> Body {
    Body::SetPhase(SetPhase {
        venue: VenueId::new(0),
        phase: Phase::Continuous,
    })
}

/// An asset, and a custodian of the same name that keeps such.
pub fn kept_asset(text: &str, class: AssetClass, demonstration: Demonstration) -> [Body; 2] {
    let name = name(text);
    [
        Body::CreateAsset(CreateAsset {
            name,
            class,
            demonstration,
        }),
        Body::CreateCustodian(CreateCustodian {
            name,
            kind: class.keeper(),
            demonstration,
        }),
    ]
}

/// An instruction to the custodian with the asset's handle.
pub fn instruct(account: u32, asset: AssetId, direction: Direction, units: i64) -> Body {
    Body::Instruct(Instruct {
        account: AccountId::new(account),
        asset,
        custodian: CustodianId::new(asset.index()),
        direction,
        amount: Amount::new(units).expect("a test's amount is in bounds"),
    })
}

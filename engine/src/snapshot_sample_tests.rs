//! Engines with something in every section, for the golden snapshots.
//!
//! Invariant: the commands here never change, as the golden files hold what they made. Not here:
//! what is checked (`tests`).

use crate::command::*;
use crate::engine::Engine;
use crate::event::{Event, Events};
use crate::limits::Limits;
use crate::types::*;
use crate::venue::{Model, Phase, Regime};

fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

fn apply(engine: &mut Engine, identity: Identity, body: Body) {
    send(engine, identity, None, body);
}

fn approved(engine: &mut Engine, authority: Authority, body: Body) {
    send(engine, Identity::Internal, Some(Box::new(authority)), body);
}

fn send(engine: &mut Engine, identity: Identity, authority: Option<Box<Authority>>, body: Body) {
    let sequence = engine.sequence().next();
    let time = Time::new(1_795_397_400_000_000_000 + 1_000 * sequence.value() as i64);
    let envelope = Envelope {
        principal: PrincipalId::LOCAL,
        identity,
        valid_until: None,
        authority,
    };
    let command = Sequenced {
        sequence,
        time: time.expect("in bounds"),
        value: Command { envelope, body },
    };
    let mut events = Events::default();
    engine.apply(&command, &mut events);
    for event in events.as_slice() {
        let refused = matches!(event, Event::Operation(answer) if answer.reject.is_some())
            || matches!(event, Event::Report(report) if report.reject.is_some());
        assert!(!refused, "{command:?}: {event:?}");
    }
}

fn run(engine: &mut Engine, bodies: Vec<Body>) {
    for body in bodies {
        apply(engine, Identity::Internal, body);
    }
}

fn parties() -> Vec<Body> {
    let account = |text, owner| {
        Body::CreateAccount(CreateAccount {
            name: name(text),
            participant: ParticipantId::new(0),
            owner: OwnerId::new(owner),
        })
    };
    vec![
        Body::CreateParticipant(CreateParticipant { name: name("P0") }),
        Body::CreateOwner(CreateOwner { name: name("O0") }),
        Body::CreateOwner(CreateOwner { name: name("O1") }),
        account("A0", 0),
        account("A1", 1),
        Body::OpenSession(OpenSession {
            name: name("S0"),
            last_client_sequence: 0,
        }),
    ]
}

fn market() -> Vec<Body> {
    let terms = InstrumentTerms {
        currency: name("CNY"),
        unit: name("t"),
        tick_size: 1,
        price_decimals: 2,
        lot_size: 5,
        quantity_decimals: 0,
        price_sign: PriceSign::Positive,
        static_band_bp: Some(1_000),
        dynamic_band_ticks: Some(50),
        market_protection_ticks: 5,
        max_quantity: lots(1_000),
        max_notional: Some(1 << 40),
    };
    let instrument = |text| {
        Body::CreateInstrument(Box::new(CreateInstrument {
            name: name(text),
            title: Title::new("铜").expect("short"),
            venue: VenueId::new(0),
            terms,
        }))
    };
    vec![
        Body::SetCalendar(Box::new(SetCalendar {
            name: name("CN"),
            utc_offset_seconds: 28_800,
            roll_time: Nanoseconds(0),
            days: vec![20_780, 20_781],
        })),
        Body::CreateVenue(Box::new(CreateVenue {
            name: name("V0"),
            title: Title::EMPTY,
            regimes: vec![Regime::Sandbox],
            models: vec![Model::Clob, Model::CallAuction],
            demonstration: Demonstration::Demonstration,
            licence: None,
            calendar: Some(CalendarId::new(0)),
        })),
        instrument("I0"),
        instrument("I1"),
        Body::SetPhase(SetPhase {
            venue: VenueId::new(0),
            phase: Phase::Continuous,
        }),
    ]
}

fn lots(lots: i64) -> Quantity {
    Quantity::new(lots).expect("in bounds")
}

fn ticks(ticks: i64) -> Price {
    Price::new(ticks).expect("in bounds")
}

/// An order of an account on an instrument.
fn order(account: u32, instrument: u32, side: Side, quantity: i64, order_type: OrderType) -> Body {
    Body::NewOrder(NewOrder {
        account: AccountId::new(account),
        instrument: InstrumentId::new(instrument),
        side,
        quantity: lots(quantity),
        order_type,
        time_in_force: TimeInForce::GoodTillCancel,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::CancelTaker,
    })
}

fn limit(price: i64, display_quantity: Option<i64>) -> OrderType {
    OrderType::Limit(LimitTerms {
        price: ticks(price),
        display_quantity: display_quantity.map(lots),
        posting: Posting::MayTake,
    })
}

fn orders(instrument: u32) -> Vec<Body> {
    let stop = OrderType::Stop {
        stop_price: ticks(990),
        protection: None,
    };
    vec![
        order(0, instrument, Side::Buy, 7, limit(1_000, None)),
        order(0, instrument, Side::Buy, 40, limit(999, Some(10))),
        order(1, instrument, Side::Sell, 3, limit(1_000, None)),
        order(1, instrument, Side::Sell, 30, limit(1_005, None)),
        order(1, instrument, Side::Sell, 2, stop),
    ]
}

/// An engine that has traded without money.
pub fn traded(limits: Limits) -> Engine {
    let mut engine = Engine::new(limits);
    run(&mut engine, parties());
    run(&mut engine, market());
    run(&mut engine, orders(0));
    let session = Identity::Session {
        session: SessionId::new(0),
        client_sequence: 1,
    };
    let text = ClientId::new("request-1").expect("short");
    let buy = |price| order(0, 0, Side::Buy, 1, limit(price, None));
    apply(&mut engine, session, buy(998));
    apply(&mut engine, Identity::Request(text), buy(997));
    engine
}

fn assets() -> Vec<Body> {
    let (play, real) = (Demonstration::Demonstration, Demonstration::Real);
    let asset = |text, class, demonstration| {
        Body::CreateAsset(CreateAsset {
            name: name(text),
            class,
            demonstration,
        })
    };
    let custodian = |text, kind, demonstration| {
        Body::CreateCustodian(CreateCustodian {
            name: name(text),
            kind,
            demonstration,
        })
    };
    let currency = AssetClass::Currency { decimals: 2 };
    let unit = name("t");
    let goods = AssetClass::Goods { unit, decimals: 0 };
    vec![
        asset("PLAY", currency, play),
        asset("copper", goods, play),
        asset("CNY", currency, real),
        custodian("B0", CustodianKind::Bank, play),
        custodian("W0", CustodianKind::Warehouse, play),
        custodian("B1", CustodianKind::Bank, real),
    ]
}

fn fees() -> Vec<Body> {
    let rates = FeeRates {
        maker_ppm: -50,
        taker_ppm: 250,
        auction_ppm: 100,
        per_lot: 1,
        minimum: 0,
        cap: Some(1 << 30),
    };
    let set = |instrument, tier, rates| {
        Body::SetFees(Box::new(SetFees {
            venue: VenueId::new(0),
            instrument,
            tier,
            rates,
        }))
    };
    let dear = FeeRates {
        maker_ppm: 30,
        minimum: 500,
        ..rates
    };
    vec![
        Body::SetClearing(SetClearing {
            instrument: InstrumentId::new(1),
            money: AssetId::new(0),
            goods: AssetId::new(1),
        }),
        set(None, 0, dear),
        set(Some(InstrumentId::new(1)), 3, rates),
        Body::SetTier(SetTier {
            participant: ParticipantId::new(0),
            tier: 3,
        }),
    ]
}

fn custody(engine: &mut Engine) {
    let instruct = |account, asset, custodian, direction, units| {
        Body::Instruct(Instruct {
            account: AccountId::new(account),
            asset: AssetId::new(asset),
            custodian: CustodianId::new(custodian),
            direction,
            amount: Amount::new(units).expect("in bounds"),
        })
    };
    let into = Direction::Deposit;
    run(
        engine,
        vec![
            instruct(0, 0, 0, into, 5_000_000),
            instruct(1, 0, 0, into, 1_000_000),
            instruct(1, 1, 1, into, 500),
            instruct(0, 2, 2, into, 70_000),
        ],
    );
    let answered = engine.sequence();
    run(engine, vec![instruct(0, 2, 2, into, 1_000)]);
    let authority = Authority {
        approver: Some(PrincipalId::new(8)),
        ..Authority::default()
    };
    let close = Body::CloseCustodyDate(CloseCustodyDate {
        custodian: CustodianId::new(2),
        date: 20_779,
    });
    approved(engine, authority.clone(), close);
    let acknowledge = Body::Acknowledge(Acknowledge {
        instruction: answered,
        outcome: Outcome::Executed,
        reference: name("TX-1"),
        business_date: 20_780,
    });
    approved(engine, authority, acknowledge);
    let back = instruct(0, 2, 2, Direction::Withdrawal, 30_000);
    apply(engine, Identity::Internal, back);
}

/// [`traded`], and then with money and goods.
pub fn cleared(limits: Limits) -> Engine {
    let mut engine = traded(limits);
    run(&mut engine, assets());
    run(&mut engine, fees());
    custody(&mut engine);
    run(&mut engine, orders(1));
    engine
}

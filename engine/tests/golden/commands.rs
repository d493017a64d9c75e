//! One of every command, with every optional part once present and once absent.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Phase, Regime, TradingStatus};

#[path = "credit.rs"]
mod credit;
pub use credit::credit;
#[path = "margin.rs"]
mod margin;
pub use margin::margin;

/// The time of the command before the first.
pub fn base() -> Time {
    at(0)
}

/// How many kinds of body there are among `commands`.
pub fn kinds(commands: &[Sequenced<Command>]) -> usize {
    let mut kinds = Vec::new();
    for command in commands {
        let kind = std::mem::discriminant(&command.value.body);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.len()
}

/// The commands with their times.
pub fn commands() -> Vec<(Time, Command)> {
    let bodies = [orders(), parties(), markets(), states()].concat();
    let mut commands = Vec::new();
    for (place, body) in bodies.into_iter().enumerate() {
        let time = at(place as i64 * 1_234_567);
        let envelope = envelope(place as u32, time);
        commands.push((time, Command { envelope, body }));
    }
    commands
}

/// The acts of an operator on a stopped folder, which later joined version 1.
pub fn acts() -> Vec<(Time, Command)> {
    let begin = |epoch, cause, lost: Option<(u64, u64)>| {
        let lost = lost.map(|(first, last)| (Sequence::new(first), Sequence::new(last)));
        Body::BeginEpoch(BeginEpoch { epoch, cause, lost })
    };
    let bodies = [
        begin(2, EpochCause::AcceptedLoss, Some((4_001, 4_096))),
        begin(3, EpochCause::AcceptedLoss, None),
        begin(300, EpochCause::Restored, Some((1, 1 << 40))),
        begin(u32::MAX, EpochCause::Restored, None),
        Body::Quarantine(Quarantine {
            sequence: Sequence::new(1 << 33),
        }),
    ];
    let mut commands = Vec::new();
    for (place, body) in bodies.into_iter().enumerate() {
        let mut envelope = envelope(0, at(0));
        envelope.authority = Some(Box::new(Authority {
            on_behalf_of: None,
            reason: "the disk died; 已批准".to_owned(),
            approver: (place == 3).then(|| PrincipalId::new(7)),
        }));
        commands.push((at(0), Command { envelope, body }));
    }
    commands
}

/// The commands about money and goods, which later joined version 1.
pub fn clearing() -> Vec<(Time, Command)> {
    let mut commands = Vec::new();
    for (place, body) in [assets(), fees(), custody()]
        .concat()
        .into_iter()
        .enumerate()
    {
        let time = at(place as i64 * 7_654_321);
        let envelope = envelope(place as u32, time);
        commands.push((time, Command { envelope, body }));
    }
    commands
}

/// The commands about settlement, which later joined version 1.
pub fn settlement() -> Vec<(Time, Command)> {
    let plain = SetSettlement {
        instrument: InstrumentId::new(0),
        days: 0,
        reverse_trade_days: 0,
        max_holders: None,
        holder_count: HolderCount::Cumulative,
        reference: Name::EMPTY,
    };
    let full = SetSettlement {
        instrument: InstrumentId::new(19_999),
        days: 10,
        reverse_trade_days: 20,
        max_holders: Some(200),
        holder_count: HolderCount::Current,
        reference: name("甬金办 2026-7"),
    };
    let bodies = [plain, full].map(|set| Body::Settlement(Box::new(SettlementCommand::Set(set))));
    let mut commands = Vec::new();
    for (place, body) in bodies.into_iter().enumerate() {
        let time = at(place as i64 * 7_654_321);
        let envelope = envelope(place as u32, time);
        commands.push((time, Command { envelope, body }));
    }
    commands
}

/// Nanoseconds after 2026-11-23 01:30 UTC.
pub fn at(nanoseconds: i64) -> Time {
    Time::new(1_795_397_400_000_000_000 + nanoseconds).expect("in bounds")
}

pub fn envelope(place: u32, time: Time) -> Envelope {
    let authority = Authority {
        on_behalf_of: place.is_multiple_of(2).then(|| PrincipalId::new(77)),
        reason: "审批 2026-11".to_owned(),
        approver: place.is_multiple_of(4).then(|| PrincipalId::new(300)),
    };
    Envelope {
        principal: PrincipalId::new(place * 50),
        identity: match place % 3 {
            0 => Identity::Internal,
            1 => Identity::Session {
                session: SessionId::new(place),
                client_sequence: 1 << place,
            },
            _ => Identity::Request(ClientId::new("9f0c-41").expect("short")),
        },
        valid_until: (place % 4 > 1).then(|| time.after(Nanoseconds(60_000_000_000))),
        authority: (place % 5 > 2).then(|| Box::new(authority)),
    }
}

pub fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

fn price(ticks: i64) -> Price {
    Price::new(ticks).expect("in bounds")
}

fn quantity(lots: i64) -> Quantity {
    Quantity::new(lots).expect("in bounds")
}

fn order(order_type: OrderType, time_in_force: TimeInForce) -> NewOrder {
    NewOrder {
        account: AccountId::new(4_000),
        instrument: InstrumentId::new(12),
        side: Side::Buy,
        quantity: quantity(500),
        order_type,
        time_in_force,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::None,
    }
}

fn orders() -> Vec<Body> {
    let limit = |display_quantity, posting| {
        OrderType::Limit(LimitTerms {
            price: price(-1_000),
            display_quantity,
            posting,
        })
    };
    let plain = limit(None, Posting::MayTake);
    let protection = Some(price(70));
    let stop_price = price(71);
    let new = [
        order(plain, TimeInForce::Day),
        NewOrder {
            side: Side::Sell,
            self_trade_prevention: SelfTradePrevention::CancelTaker,
            ..order(
                limit(Some(quantity(9)), Posting::MayTake),
                TimeInForce::GoodTillCancel,
            )
        },
        NewOrder {
            self_trade_prevention: SelfTradePrevention::CancelMaker,
            ..order(
                limit(None, Posting::PostOnly),
                TimeInForce::GoodTillDate(at(1 << 50)),
            )
        },
        NewOrder {
            min_quantity: Some(quantity(3)),
            self_trade_prevention: SelfTradePrevention::CancelBoth,
            ..order(plain, TimeInForce::ImmediateOrCancel)
        },
        NewOrder {
            self_trade_prevention: SelfTradePrevention::Decrement,
            ..order(plain, TimeInForce::FillOrKill)
        },
        order(OrderType::Market { protection: None }, TimeInForce::Opening),
        order(OrderType::Market { protection }, TimeInForce::Closing),
        order(
            OrderType::MarketToLimit { protection: None },
            TimeInForce::Day,
        ),
        order(OrderType::MarketToLimit { protection }, TimeInForce::Day),
        order(
            OrderType::Stop {
                stop_price,
                protection: None,
            },
            TimeInForce::Day,
        ),
        order(
            OrderType::Stop {
                stop_price,
                protection,
            },
            TimeInForce::Day,
        ),
        order(
            OrderType::StopLimit {
                stop_price,
                price: price(75),
            },
            TimeInForce::Day,
        ),
    ];
    let mut bodies: Vec<_> = new.into_iter().map(Body::NewOrder).collect();
    bodies.extend(changes());
    bodies
}

fn changes() -> Vec<Body> {
    let account = AccountId::new(4_000);
    let order = OrderId {
        sequence: 1 << 33,
        slot: 17,
    };
    let unknown = OrderId::rejected(Sequence::new(5));
    let mass = |instrument, side| {
        Body::MassCancel(MassCancel {
            account,
            instrument,
            side,
        })
    };
    vec![
        Body::CancelOrder(CancelOrder { account, order }),
        Body::CancelOrder(CancelOrder {
            account,
            order: unknown,
        }),
        Body::ReplaceOrder(ReplaceOrder {
            account,
            order,
            price: Some(price(1)),
            stop_price: Some(price(2)),
            quantity: Some(quantity(3)),
        }),
        Body::ReplaceOrder(ReplaceOrder {
            account,
            order,
            price: None,
            stop_price: None,
            quantity: None,
        }),
        mass(None, None),
        mass(Some(InstrumentId::new(12)), Some(Side::Buy)),
        mass(None, Some(Side::Sell)),
    ]
}

fn parties() -> Vec<Body> {
    vec![
        Body::OpenSession(OpenSession {
            name: name("desk-1"),
            last_client_sequence: 700,
        }),
        Body::CreateParticipant(CreateParticipant { name: name("P1") }),
        Body::CreateOwner(CreateOwner {
            name: name("业主一"),
        }),
        Body::CreateAccount(CreateAccount {
            name: name("P1-001"),
            participant: ParticipantId::new(1),
            owner: OwnerId::new(200),
        }),
    ]
}

fn markets() -> Vec<Body> {
    let venue = CreateVenue {
        name: name("SIM"),
        title: Title::new("simulator").expect("short"),
        regimes: vec![Regime::Sandbox],
        models: Model::ALL.to_vec(),
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: Some(CalendarId::new(0)),
    };
    let licensed = CreateVenue {
        name: name("EXCHANGE"),
        regimes: Regime::ALL.to_vec(),
        demonstration: Demonstration::Real,
        licence: Title::new("证监 0001"),
        calendar: None,
        ..venue.clone()
    };
    let entry = |(hours, phase)| (Nanoseconds(hours * 3_600_000_000_000), phase);
    let entries = Phase::ALL.into_iter().enumerate();
    let entries = entries.map(|(hour, phase)| entry((hour as i64, phase)));
    let mut bodies = vec![
        Body::SetCalendar(Box::new(SetCalendar {
            name: name("CN"),
            utc_offset_seconds: 28_800,
            roll_time: Nanoseconds(6 * 3_600_000_000_000),
            days: vec![20_780, 20_781, 20_784],
        })),
        Body::CreateVenue(Box::new(venue)),
        Body::CreateVenue(Box::new(licensed)),
        Body::SetSchedule(Box::new(SetSchedule {
            venue: VenueId::new(0),
            entries: entries.collect(),
        })),
        Body::SetPhase(SetPhase {
            venue: VenueId::new(0),
            phase: Phase::Continuous,
        }),
    ];
    bodies.extend(instruments());
    bodies
}

fn instruments() -> Vec<Body> {
    let terms = InstrumentTerms {
        currency: name("CNY"),
        unit: name("t"),
        tick_size: 50,
        price_decimals: 2,
        lot_size: 5,
        quantity_decimals: 0,
        price_sign: PriceSign::Positive,
        static_band_bp: Some(1_000),
        dynamic_band_ticks: Some(20),
        market_protection_ticks: 10,
        max_quantity: quantity(100_000),
        max_notional: Some(1 << 90),
    };
    let spread = InstrumentTerms {
        price_sign: PriceSign::Any,
        static_band_bp: None,
        dynamic_band_ticks: None,
        max_notional: None,
        ..terms
    };
    let freight = InstrumentTerms {
        price_sign: PriceSign::NonNegative,
        ..spread
    };
    let instrument = |(text, terms)| {
        Body::CreateInstrument(Box::new(CreateInstrument {
            name: name(text),
            title: Title::new("螺纹钢").expect("short"),
            venue: VenueId::new(0),
            terms,
        }))
    };
    [("RB2701", terms), ("RB-HC", spread), ("FREIGHT", freight)]
        .map(instrument)
        .to_vec()
}

fn states() -> Vec<Body> {
    let statuses = TradingStatus::ALL.into_iter().enumerate();
    let status = |(place, status)| {
        let scope = if place % 2 == 0 {
            Scope::Venue(VenueId::new(3))
        } else {
            Scope::Instrument(InstrumentId::new(300))
        };
        Body::SetTradingStatus(SetTradingStatus { scope, status })
    };
    let mut bodies: Vec<_> = statuses.map(status).collect();
    bodies.extend([
        Body::SetReferencePrice(SetReferencePrice {
            instrument: InstrumentId::new(12),
            price: price(3_500),
        }),
        Body::SetLimits(SetLimits {
            requests_max: 1 << 20,
            requests_reserved: 1 << 18,
        }),
        Body::AcceptClock(AcceptClock { wall: at(-5) }),
        Body::Tick,
        Body::SessionsLost,
        Body::SemanticsVersion(1),
    ]);
    bodies
}

fn assets() -> Vec<Body> {
    let asset = |(text, class, demonstration)| {
        Body::CreateAsset(CreateAsset {
            name: name(text),
            class,
            demonstration,
        })
    };
    let goods = AssetClass::Goods {
        unit: name("吨"),
        decimals: 9,
    };
    let currency = AssetClass::Currency { decimals: 2 };
    let custodian = |(text, kind, demonstration)| {
        Body::CreateCustodian(CreateCustodian {
            name: name(text),
            kind,
            demonstration,
        })
    };
    let (play, real) = (Demonstration::Demonstration, Demonstration::Real);
    let mut bodies = vec![
        asset(("CNY", currency, real)),
        asset(("copper@ningbo-3", goods, play)),
    ];
    bodies.extend(
        [
            ("bank", CustodianKind::Bank, real),
            ("宁波仓", CustodianKind::Warehouse, play),
        ]
        .map(custodian),
    );
    bodies.push(Body::SetClearing(SetClearing {
        instrument: InstrumentId::new(12),
        money: AssetId::new(0),
        goods: AssetId::new(300),
    }));
    bodies
}

fn fees() -> Vec<Body> {
    let rates = FeeRates {
        maker_ppm: -100_000,
        taker_ppm: 250,
        auction_ppm: 100_000,
        per_lot: 1 << 20,
        minimum: 0,
        cap: Some(1 << 40),
    };
    let set = |instrument, tier, rates| {
        Body::SetFees(Box::new(SetFees {
            venue: VenueId::new(3),
            instrument,
            tier,
            rates,
        }))
    };
    let odd = FeeRates {
        minimum: -1,
        per_lot: i64::MIN,
        cap: None,
        ..rates
    };
    vec![
        set(Some(InstrumentId::new(12)), 7, rates),
        set(None, 0, FeeRates::default()),
        set(None, 255, odd),
        Body::SetTier(SetTier {
            participant: ParticipantId::new(1),
            tier: 7,
        }),
    ]
}

fn custody() -> Vec<Body> {
    let instruct = |direction, units| {
        Body::Instruct(Instruct {
            account: AccountId::new(4_000),
            asset: AssetId::new(300),
            custodian: CustodianId::new(1),
            direction,
            amount: Amount::new(units).expect("in bounds"),
        })
    };
    let acknowledge = |outcome, text, business_date| {
        Body::Acknowledge(Acknowledge {
            instruction: Sequence::new(1 << 33),
            outcome,
            reference: name(text),
            business_date,
        })
    };
    vec![
        instruct(Direction::Deposit, Amount::MAX_UNITS),
        instruct(Direction::Withdrawal, 0),
        acknowledge(Outcome::Executed, "TX-1", 20_780),
        acknowledge(Outcome::Refused, "", i32::MIN),
        Body::CloseCustodyDate(CloseCustodyDate {
            custodian: CustodianId::new(1),
            date: -1,
        }),
    ]
}

/// Busts and corrections, which joined version 1 with the rules of version 3.
pub fn corrections() -> Vec<(Time, Command)> {
    let trade = |sequence, index| TradeRef {
        sequence: Sequence::new(sequence),
        index,
    };
    let correct = |trade, ticks, lots: Option<i64>| CorrectionCommand::Correct {
        trade,
        price: Price::new(ticks).expect("in bounds"),
        quantity: lots.map(|lots| Quantity::new(lots).expect("in bounds")),
    };
    let bodies = [
        CorrectionCommand::Bust { trade: trade(1, 0) },
        correct(trade(1 << 43, u32::MAX), -Price::MAX_TICKS, None),
        correct(trade(300, 2), 100, Some(Quantity::MAX_LOTS)),
    ];
    let mut commands = Vec::new();
    for (place, body) in (0..).zip(bodies) {
        let time = at(i64::from(place) * 1_234_567);
        let (envelope, body) = (envelope(place, time), Body::Correction(body));
        commands.push((time, Command { envelope, body }));
    }
    commands
}

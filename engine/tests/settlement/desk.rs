//! A venue with one instrument that clears, driven command by command; every dry run is compared.
//!
//! Invariant: what is not looked at is asserted to be accepted. Not here: what a test expects.

use sanjiang_engine::command::*;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Event, Events, Settled};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::{Reject, RejectReason as R};
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Phase, Regime};

pub const DAY: i64 = 24 * 3_600 * 1_000_000_000;
pub const INSTRUMENT: InstrumentId = InstrumentId::new(0);
pub const PLAY: AssetId = AssetId::new(0);
pub const SHARES: AssetId = AssetId::new(1);

pub fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

pub fn limits() -> Limits {
    Limits {
        orders_max: 4_096,
        levels_max: 64,
        stops_max: 8,
        requests_capacity: 8,
        ..Limits::default()
    }
}

/// One venue with one instrument that clears, and accounts with an owner each.
pub struct Desk {
    pub engine: Engine,
    pub time: i64,
    pub accounts: u32,
}

impl Desk {
    pub fn new(limits: Limits, regime: Regime, kind: Demonstration) -> Self {
        let mut desk = Self {
            engine: Engine::new(limits),
            time: DAY,
            accounts: 0,
        };
        desk.done(Body::CreateParticipant(CreateParticipant {
            name: name("P"),
        }));
        desk.done(Body::SetCalendar(Box::new(SetCalendar {
            name: name("calendar"),
            utc_offset_seconds: 0,
            roll_time: Nanoseconds(0),
            days: (1..40).collect(),
        })));
        let book = regime == Regime::Sandbox;
        let models = if book { Model::Clob } else { Model::Negotiated };
        desk.done(Body::CreateVenue(Box::new(CreateVenue {
            name: name("venue"),
            title: Title::EMPTY,
            regimes: vec![regime],
            models: vec![models],
            demonstration: kind,
            licence: Title::new("a licence"),
            calendar: Some(CalendarId::new(0)),
        })));
        desk.done(Body::CreateInstrument(Box::new(CreateInstrument {
            name: name("share"),
            title: Title::EMPTY,
            venue: VenueId::new(0),
            terms: terms(),
        })));
        let unit = name("share");
        let classes = [
            AssetClass::Currency { decimals: 2 },
            AssetClass::Goods { unit, decimals: 0 },
        ];
        for (class, text) in classes.into_iter().zip(["PLAY", "SHARES"]) {
            desk.done(Body::CreateAsset(CreateAsset {
                name: name(text),
                class,
                demonstration: kind,
            }));
            desk.done(Body::CreateCustodian(CreateCustodian {
                name: name(text),
                kind: class.keeper(),
                demonstration: kind,
            }));
        }
        desk.done(Body::SetClearing(SetClearing {
            instrument: INSTRUMENT,
            money: PLAY,
            goods: SHARES,
        }));
        if book {
            desk.done(Body::SetPhase(SetPhase {
                venue: VenueId::new(0),
                phase: Phase::Continuous,
            }));
        }
        desk
    }

    pub fn accounts(&mut self, count: u32) {
        for _ in 0..count {
            let at = self.accounts;
            let name = name(&format!("a{at}"));
            self.done(Body::CreateOwner(CreateOwner { name }));
            self.done(Body::CreateAccount(CreateAccount {
                name,
                participant: ParticipantId::new(0),
                owner: OwnerId::new(at),
            }));
            self.accounts += 1;
        }
    }

    pub fn apply(&mut self, body: Body, approver: Option<PrincipalId>) -> Vec<Event> {
        let authority = approver.map(|approver| Authority {
            approver: Some(approver),
            ..Authority::default()
        });
        self.apply_by(body, authority)
    }

    /// A bust with its reason.
    pub fn bust(&mut self, body: Body) -> Option<Reject> {
        let why = Authority {
            reason: "a test".to_owned(),
            ..Authority::default()
        };
        let events = self.apply_by(body, Some(why));
        assert_eq!(self.engine.audit(), Ok(()));
        reject(&events)
    }

    fn apply_by(&mut self, body: Body, authority: Option<Authority>) -> Vec<Event> {
        let authority = authority.map(Box::new);
        let command = Sequenced {
            sequence: self.engine.sequence().next(),
            time: Time::new(self.time).expect("in bounds"),
            value: Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity: Identity::Internal,
                    valid_until: None,
                    authority,
                },
                body,
            },
        };
        let dry = self.engine.validate(&command.value, command.time).err();
        let mut events = Events::default();
        self.engine.apply(&command, &mut events);
        assert_eq!(dry, reject(events.as_slice()), "{:?}", command.value.body);
        events.as_slice().to_vec()
    }

    pub fn send(&mut self, body: Body) -> Option<Reject> {
        let events = self.apply(body, None);
        assert_eq!(self.engine.audit(), Ok(()));
        reject(&events)
    }

    pub fn done(&mut self, body: Body) {
        let events = self.apply(body, None);
        assert_eq!(reject(&events), None);
    }

    pub fn set(&mut self, set: SetSettlement) -> Option<Reject> {
        self.send(asks(set))
    }

    pub fn order(&mut self, account: u32, side: Side, lots: i64) -> Option<Reject> {
        self.send(order(account, side, lots))
    }

    pub fn deposit(&mut self, account: u32, asset: AssetId, units: i64) -> Option<Reject> {
        self.send(instruct(account, asset, Direction::Deposit, units))
    }

    pub fn holders(&self) -> (u32, u32) {
        let known = self.engine.clearing().settlement(INSTRUMENT);
        known.map_or((0, 0), |known| (known.holders, known.reserved))
    }
}

pub fn terms() -> InstrumentTerms {
    InstrumentTerms {
        currency: name("PLAY"),
        unit: name("share"),
        tick_size: 1,
        price_decimals: 2,
        lot_size: 1,
        quantity_decimals: 0,
        price_sign: PriceSign::Positive,
        static_band_bp: None,
        dynamic_band_ticks: None,
        market_protection_ticks: 0,
        max_quantity: Quantity::new(1_000_000).expect("in bounds"),
        max_notional: None,
    }
}

pub fn reject(events: &[Event]) -> Option<Reject> {
    events.iter().find_map(|event| match event {
        Event::Report(report) => report.reject,
        Event::Operation(answer) => answer.reject,
        _ => None,
    })
}

pub fn settled(events: &[Event]) -> Vec<Settled> {
    let all = events.iter().filter_map(|event| match event {
        Event::Settlement(settled) => Some(*settled),
        _ => None,
    });
    all.collect()
}

pub fn asks(set: SetSettlement) -> Body {
    Body::Settlement(Box::new(SettlementCommand::Set(set)))
}

/// Nothing set.
pub fn plain() -> SetSettlement {
    SetSettlement {
        instrument: INSTRUMENT,
        days: 0,
        reverse_trade_days: 0,
        max_holders: None,
        holder_count: HolderCount::Cumulative,
        reference: Name::EMPTY,
    }
}

pub fn later(days: u8) -> SetSettlement {
    SetSettlement { days, ..plain() }
}

pub fn order(account: u32, side: Side, lots: i64) -> Body {
    Body::NewOrder(NewOrder {
        account: AccountId::new(account),
        instrument: INSTRUMENT,
        side,
        quantity: Quantity::new(lots).expect("in bounds"),
        order_type: OrderType::Limit(LimitTerms {
            price: Price::new(100).expect("in bounds"),
            display_quantity: None,
            posting: Posting::MayTake,
        }),
        time_in_force: TimeInForce::GoodTillCancel,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::None,
    })
}

pub fn instruct(account: u32, asset: AssetId, direction: Direction, units: i64) -> Body {
    Body::Instruct(Instruct {
        account: AccountId::new(account),
        asset,
        custodian: CustodianId::new(asset.index()),
        direction,
        amount: Amount::new(units).expect("in bounds"),
    })
}

pub fn why(reason: R) -> Option<Reject> {
    Option::from(Reject::from(reason))
}

//! A venue with one instrument that clears, driven command by command; every dry run is compared.
//!
//! Invariant: what is not looked at is asserted to be accepted. Not here: what a test expects.

use sanjiang_engine::command::*;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Event, Events, Settled};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::{Reject, RejectReason as R};
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Regime};

use crate::founding;
pub use crate::founding::{instruct, name, reject};

pub const DAY: i64 = 24 * 3_600 * 1_000_000_000;
pub const INSTRUMENT: InstrumentId = InstrumentId::new(0);
pub const PLAY: AssetId = AssetId::new(0);
pub const SHARES: AssetId = AssetId::new(1);

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
        desk.done(founding::calendar(1..40));
        let book = regime == Regime::Sandbox;
        let models = if book { Model::Clob } else { Model::Negotiated };
        desk.done(Body::CreateVenue(Box::new(CreateVenue {
            regimes: vec![regime],
            models: vec![models],
            demonstration: kind,
            licence: Title::new("a licence"),
            ..founding::sandbox(Some(CalendarId::new(0)))
        })));
        desk.done(founding::instrument("share", terms()));
        let unit = name("share");
        let classes = [
            AssetClass::Currency { decimals: 2 },
            AssetClass::Goods { unit, decimals: 0 },
        ];
        for (class, text) in classes.into_iter().zip(["PLAY", "SHARES"]) {
            for body in founding::kept_asset(text, class, kind) {
                desk.done(body);
            }
        }
        desk.done(Body::SetClearing(SetClearing {
            instrument: INSTRUMENT,
            money: PLAY,
            goods: SHARES,
        }));
        if book {
            desk.done(founding::continuous());
        }
        desk
    }

    pub fn accounts(&mut self, count: u32) {
        for _ in 0..count {
            let at = self.accounts;
            for body in founding::owned_account(&format!("a{at}"), at) {
                self.done(body);
            }
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
        let command = founding::next(&self.engine, founding::time(self.time), authority, body);
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
        market_protection_ticks: 0,
        max_quantity: founding::quantity(1_000_000),
        ..founding::terms()
    }
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
        time_in_force: TimeInForce::GoodTillCancel,
        ..founding::limit(account, side, 100, lots)
    })
}

pub fn why(reason: R) -> Option<Reject> {
    Option::from(Reject::from(reason))
}

//! Margin forwards beside what the model and the tables show: the law, marks between whose ticks
//! things happen, forged snapshots, bounds.
//!
//! Invariant: after every command the engine's own audit holds. Not here: the rules as a whole
//! (`model`, SEMANTICS section 19).

#![allow(clippy::wildcard_enum_match_arm)] // each helper looks for one kind of event

use crate::founding;
use crate::founding::{name, price};
use sanjiang_engine::clearing::Position;
use sanjiang_engine::command::*;
use sanjiang_engine::engine::{Engine, SectionId};
use sanjiang_engine::event::{Cause, Event, Events, ExecType, MarginEvent, OrderReport};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::{Basis, Reject, RejectReason};
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Regime};

const FORWARD: InstrumentId = InstrumentId::new(0);
const MONEY: AssetId = AssetId::new(0);

fn limits() -> Limits {
    Limits {
        orders_max: 4_096,
        levels_max: 64,
        stops_max: 8,
        accounts_max: 8,
        positions_max: 64,
        margin_rows_max: 4,
        margin_rows_per_tick: 1,
        requests_capacity: 8,
        ..Limits::default()
    }
}

/// One venue in continuous trading and four accounts with an owner and 10,000 each.
struct Desk {
    engine: Engine,
    time: i64,
}

fn forward(instrument: InstrumentId) -> SetMargin {
    SetMargin {
        instrument,
        money: MONEY,
        settlement_price: price(100),
        initial_bp: 1_000,
        maintenance_bp: 500,
        call_deadline: Nanoseconds(1_000),
        position_limit: None,
    }
}

fn mark() -> Body {
    Body::Margin(MarginCommand::Mark(Mark {
        instrument: FORWARD,
    }))
}

fn settle(price: i64) -> Body {
    Body::Margin(MarginCommand::SetSettlementPrice(SetSettlementPrice {
        instrument: FORWARD,
        price: founding::price(price),
    }))
}

impl Desk {
    fn new(limits: Limits) -> Self {
        let mut desk = Self {
            engine: Engine::new(limits),
            time: 1,
        };
        let demonstration = Demonstration::Demonstration;
        desk.done(Body::CreateParticipant(CreateParticipant {
            name: name("P"),
        }));
        let class = AssetClass::Currency { decimals: 0 };
        for body in founding::kept_asset("CNY", class, demonstration) {
            desk.done(body);
        }
        for text in ["A", "B", "C", "D"] {
            let owner = desk.engine.parties().owners().len() as u32;
            for body in founding::owned_account(text, owner) {
                desk.done(body);
            }
            desk.done(deposit(owner, 10_000));
        }
        desk.venue("V", Regime::Sandbox, Model::Clob);
        desk.done(founding::continuous());
        desk.done(Body::Margin(MarginCommand::SetMargin(forward(FORWARD))));
        desk
    }

    /// A venue under a regime, with an instrument.
    fn venue(&mut self, text: &str, regime: Regime, model: Model) -> InstrumentId {
        let venue = VenueId::new(self.engine.venues().venues().len() as u32);
        self.done(Body::CreateVenue(Box::new(CreateVenue {
            name: name(text),
            regimes: vec![regime],
            models: vec![model],
            ..founding::sandbox(None)
        })));
        let terms = InstrumentTerms {
            price_decimals: 0,
            market_protection_ticks: 50,
            ..founding::terms()
        };
        let instrument = InstrumentId::new(self.engine.venues().instruments().len() as u32);
        self.done(Body::CreateInstrument(Box::new(CreateInstrument {
            name: name(text),
            title: Title::EMPTY,
            venue,
            terms,
        })));
        instrument
    }

    fn send(&mut self, body: Body) -> Vec<Event> {
        let mut events = Events::default();
        let command = founding::next(&self.engine, founding::time(self.time), None, body);
        self.engine.apply(&command, &mut events);
        assert_eq!(
            self.engine.audit(),
            Ok(()),
            "after {:?}",
            command.value.body
        );
        events.as_slice().to_vec()
    }

    fn done(&mut self, body: Body) -> Vec<Event> {
        let events = self.send(body);
        assert_eq!(reject(&events), None, "{events:?}");
        events
    }

    fn limit(&mut self, account: u32, side: Side, lots: i64, price: i64) -> Vec<Event> {
        self.send(Body::NewOrder(NewOrder {
            time_in_force: TimeInForce::GoodTillCancel,
            ..founding::limit(account, side, price, lots)
        }))
    }

    /// `long` buys so many lots of `short`.
    fn trade(&mut self, long: u32, short: u32, lots: i64, price: i64) {
        for (account, side) in [(short, Side::Sell), (long, Side::Buy)] {
            let events = self.limit(account, side, lots, price);
            assert_eq!(reject(&events), None, "{events:?}");
        }
    }

    /// Ticks until nothing is due; how many.
    fn ticks(&mut self) -> usize {
        let mut count = 0;
        while self
            .engine
            .next_deadline()
            .is_some_and(|due| due.nanoseconds() <= self.time)
        {
            self.send(Body::Tick);
            count += 1;
        }
        count
    }

    fn all_money(&self) -> i64 {
        let positions = self.engine.clearing().ledger().positions().iter();
        let inside = positions.filter(|position| position.balance() >= 0);
        inside.map(Position::balance).sum()
    }

    fn net(&self, account: u32) -> i64 {
        let margin = self.engine.clearing().margin();
        let row = margin.row_of(AccountId::new(account), FORWARD);
        row.map_or(0, |row| row.net)
    }

    /// The engine becomes one restored from its own sections.
    fn restore(&mut self) {
        let sections = self.engine.encode_sections();
        let restored = Engine::decode_sections(*self.engine.limits(), &sections);
        let restored = restored.expect("an engine reads its own sections");
        assert_eq!(restored.state_hash(), self.engine.state_hash());
        assert_eq!(restored.next_deadline(), self.engine.next_deadline());
        self.engine = restored;
    }
}

fn deposit(account: u32, units: i64) -> Body {
    Body::Instruct(Instruct {
        account: AccountId::new(account),
        asset: MONEY,
        custodian: CustodianId::new(0),
        direction: Direction::Deposit,
        amount: Amount::new(units).expect("in bounds"),
    })
}

fn rejected(events: &[Event]) -> Option<Reject> {
    events.iter().find_map(|event| match event {
        Event::Report(report) => report.reject,
        Event::Operation(answer) => answer.reject,
        _ => None,
    })
}

fn reject(events: &[Event]) -> Option<RejectReason> {
    rejected(events).map(|reject| reject.reason)
}

fn reports(events: &[Event], exec_type: ExecType) -> Vec<OrderReport> {
    let own = events.iter().filter_map(|event| match event {
        Event::Report(report) if report.exec_type == exec_type => Some(*report),
        _ => None,
    });
    own.collect()
}

#[test]
fn only_licensed_venues_and_sandboxes_have_margin_forwards() {
    let mut desk = Desk::new(limits());
    let regimes = [
        (Regime::LicensedFutures, Model::Clob, true),
        (Regime::LicensedSecurities, Model::Clob, true),
        (Regime::LocalRightsVenue, Model::Negotiated, false),
        (Regime::RegionalEquity, Model::Negotiated, false),
        (Regime::LocalCommoditySpot, Model::Negotiated, false),
        (Regime::EcomB2b, Model::FixedPrice, false),
        (Regime::EcomB2c, Model::FixedPrice, false),
        (Regime::CrossBorderRetail, Model::FixedPrice, false),
        (Regime::TenderLaw, Model::Tender, false),
        (Regime::AuctionLaw, Model::LawfulAuction, false),
        (Regime::CarbonNational, Model::ListingPick, false),
        (Regime::Sandbox, Model::Clob, true),
    ];
    assert_eq!(regimes.len(), Regime::ALL.len());
    for (regime, model, allowed) in regimes {
        let instrument = desk.venue(regime.as_str(), regime, model);
        let events = desk.send(Body::Margin(MarginCommand::SetMargin(forward(instrument))));
        let expected = (!allowed).then_some(Reject {
            reason: RejectReason::ModelNotAllowed,
            basis: Some(Basis::FuturesLaw11),
        });
        assert_eq!(rejected(&events), expected, "{regime:?}");
    }
}

#[test]
fn what_happens_between_the_ticks_of_a_mark_changes_nothing_it_rests_on() {
    for restores in [false, true] {
        let mut desk = Desk::new(limits());
        desk.trade(0, 1, 20, 100);
        desk.trade(2, 1, 10, 104);
        desk.trade(0, 3, 5, 99);
        desk.done(settle(130));
        desk.done(mark());
        assert_eq!(reject(&desk.send(mark())), Some(RejectReason::MarkRunning));
        let mut ticks = 0;
        while desk.engine.next_deadline().is_some() {
            desk.send(Body::Tick);
            ticks += 1;
            let (long, short) = [(3, 0), (1, 2), (2, 3)][ticks % 3];
            desk.trade(long, short, 3, 120 + ticks as i64);
            if restores {
                desk.restore();
            }
        }
        assert_eq!(ticks, 9, "two walks over four rows, and the end");
        assert_eq!(desk.all_money(), 40_000, "nothing is made or lost");
        desk.done(settle(130));
        desk.done(mark());
        desk.time += 1;
        desk.ticks();
        let ledger = desk.engine.clearing().ledger();
        let pool = ledger.positions().iter().find(|position| {
            matches!(
                position.holder(),
                sanjiang_engine::clearing::Holder::Clearing(_)
            )
        });
        assert_eq!(pool.map(Position::balance), Some(0), "all could pay");
        let margin = desk.engine.clearing().margin();
        let whole = |row: &sanjiang_engine::clearing::margin::Row| {
            row.cost == i128::from(row.net) * 130 && row.due == 0 && row.owed == 0
        };
        assert!(margin.rows().iter().all(whole), "{:?}", margin.rows());
    }
}

#[test]
fn a_forged_section_is_refused_or_sound_and_never_panics() {
    let mut desk = Desk::new(limits());
    desk.trade(0, 1, 20, 100);
    desk.trade(2, 1, 100, 104);
    desk.limit(3, Side::Buy, 5, 90);
    desk.limit(0, Side::Sell, 5, 120);
    desk.done(settle(1));
    desk.done(mark());
    desk.send(Body::Tick);
    let sections = desk.engine.encode_sections();
    let (at, bytes) = sections
        .iter()
        .enumerate()
        .find_map(|(at, (id, bytes))| (*id == SectionId::Margin).then(|| (at, bytes.clone())))
        .expect("a section of margin");
    let mut refused = 0;
    for place in 0..bytes.len() {
        for flip in [1, 0x10, 0x80] {
            let mut forged = sections.clone();
            forged[at].1[place] ^= flip;
            match Engine::decode_sections(limits(), &forged) {
                Ok(engine) => assert_eq!(engine.audit(), Ok(())),
                Err(_) => refused += 1,
            }
        }
        let mut cut = sections.clone();
        cut[at].1.truncate(place);
        assert!(
            Engine::decode_sections(limits(), &cut).is_err(),
            "cut at {place}"
        );
    }
    assert!(refused > bytes.len(), "{refused} of {} bytes", bytes.len());
}

#[test]
fn the_bound_of_rows_is_met_and_refused() {
    let limits = Limits {
        margin_rows_max: 1,
        ..limits()
    };
    let mut desk = Desk::new(limits);
    assert_eq!(reject(&desk.limit(0, Side::Buy, 1, 100)), None);
    let second = desk.limit(1, Side::Buy, 1, 100);
    assert_eq!(reject(&second), Some(RejectReason::Positions));
    assert_eq!(
        reject(&desk.limit(0, Side::Buy, 1, 100)),
        None,
        "its own row"
    );
}

/// Accounts 0 and 2 are long and called; 1 is short. The calls are due.
fn called() -> Desk {
    let mut desk = Desk::new(limits());
    desk.trade(0, 1, 400, 100);
    desk.trade(2, 1, 400, 100);
    desk.done(settle(70));
    desk.done(mark());
    desk.ticks();
    desk.time += 1_000;
    desk
}

#[test]
fn a_tick_makes_one_order_and_each_has_its_own_id() {
    let mut desk = called();
    for _ in 0..2 {
        let events = desk.limit(1, Side::Buy, 400, 70);
        assert_eq!(reject(&events), None, "it only reduces: {events:?}");
    }
    let mut made = Vec::new();
    while let Some(due) = desk.engine.next_deadline() {
        assert!(due.nanoseconds() <= desk.time);
        let events = desk.send(Body::Tick);
        let new = reports(&events, ExecType::New);
        assert!(new.len() <= 1, "{events:?}");
        made.extend(new);
    }
    let own = made
        .iter()
        .all(|report| report.cause == Cause::ForcedReduction);
    assert!(own && made.len() == 2, "{made:?}");
    assert_ne!(made[0].order, made[1].order);
    assert_eq!([0, 1, 2].map(|account| desk.net(account)), [0; 3]);
}

#[test]
fn a_reduction_cancels_so_many_orders_a_tick() {
    let mut desk = Desk::new(limits());
    desk.trade(0, 1, 400, 100);
    let most = Limits::EXPIRIES_PER_TICK_MAX;
    for at in 0..most + 6 {
        // They only reduce: what they may bring is never more than what is there.
        let lots = i64::from(at < 800);
        if lots > 0 {
            desk.limit(0, Side::Sell, lots, 130);
        } else {
            desk.limit(0, Side::Buy, 1, 20);
        }
    }
    let open = desk.engine.live_orders(FORWARD).count();
    desk.done(settle(70));
    desk.done(mark());
    desk.ticks();
    desk.time += 1_000;
    desk.limit(1, Side::Buy, 400, 60);
    let first = desk.send(Body::Tick);
    assert_eq!(reports(&first, ExecType::Canceled).len(), open.min(most));
    let rest = desk.send(Body::Tick);
    let canceled = reports(&rest, ExecType::Canceled).len();
    assert_eq!(canceled, open - open.min(most), "{open}");
    assert!(open > most, "{open} orders are enough for two ticks");
    assert_eq!(desk.net(0), 0, "the second tick closes the position");
}

#[test]
fn events_of_margin_make_no_event_larger() {
    assert!(size_of::<MarginEvent>() < size_of::<OrderReport>());
    assert!(size_of::<MarginCommand>() < size_of::<NewOrder>());
}

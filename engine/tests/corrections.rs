//! Bounds and forgeries of busts and corrections, and what a table cannot say: approvers, trades
//! pushed out, civil days, what many owe, snapshots.
//!
//! Invariant: after every command the engine's own audit holds. Not here: what moves (scenario
//! tables), the rules as a whole (`model`, SEMANTICS section 15).

#![allow(clippy::wildcard_enum_match_arm)] // each test looks for its own events

use crate::founding;
use crate::founding::{name, reject_reason as reject};
use sanjiang_engine::command::*;
use sanjiang_engine::engine::{Engine, SectionId};
use sanjiang_engine::event::{CorrectionEvent, Event, Events};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::Regime;

const HOUR: i64 = 3_600_000_000_000;
const MONEY: AssetId = AssetId::new(0);
const GOODS: AssetId = AssetId::new(1);

/// A venue without a calendar in continuous trading, an instrument that clears at one unit a tick
/// and lot, four accounts; bank and warehouse answer by themselves, or `real` ones do by a helper.
struct Desk {
    engine: Engine,
    time: i64,
    kind: Demonstration,
}

fn limits() -> Limits {
    Limits {
        orders_max: 64,
        levels_max: 16,
        stops_max: 8,
        accounts_max: 8,
        positions_max: 64,
        requests_capacity: 8,
        trades_kept_max: 4,
        receivables_max: 2,
        ..Limits::default()
    }
}

fn terms() -> InstrumentTerms {
    InstrumentTerms {
        currency: name("PLAY"),
        price_decimals: 0,
        ..founding::terms()
    }
}

impl Desk {
    fn new(limits: Limits, kind: Demonstration) -> Self {
        let mut desk = Self {
            engine: Engine::new(limits),
            time: 16 * HOUR,
            kind,
        };
        for at in 0..4 {
            for body in founding::party(at) {
                desk.done(body);
            }
        }
        let real = kind == Demonstration::Real;
        desk.done(Body::CreateVenue(Box::new(CreateVenue {
            regimes: vec![if real {
                Regime::LicensedFutures
            } else {
                Regime::Sandbox
            }],
            demonstration: kind,
            licence: real.then(|| Title::new("a licence").expect("short")),
            ..founding::sandbox(None)
        })));
        desk.done(founding::instrument("instrument", terms()));
        desk.assets();
        desk.done(founding::continuous());
        desk
    }

    fn assets(&mut self) {
        let demonstration = self.kind;
        let unit = name("t");
        for (text, class) in [
            ("money", AssetClass::Currency { decimals: 0 }),
            ("goods", AssetClass::Goods { unit, decimals: 0 }),
        ] {
            for body in founding::kept_asset(text, class, demonstration) {
                self.done(body);
            }
        }
        self.done(Body::SetClearing(SetClearing {
            instrument: InstrumentId::new(0),
            money: MONEY,
            goods: GOODS,
        }));
    }

    /// Sends a command with its approver, and answers its events.
    fn send_by(&mut self, approver: Option<u32>, body: Body) -> Vec<Event> {
        self.time += 1;
        let authority = Authority {
            approver: approver.map(PrincipalId::new),
            reason: "a test".to_owned(),
            on_behalf_of: None,
        };
        let time = founding::time(self.time);
        let command = founding::next(&self.engine, time, Some(authority), body);
        let dry = self.engine.validate(&command.value, command.time);
        let mut events = Events::default();
        self.engine.apply(&command, &mut events);
        let events = events.as_slice().to_vec();
        assert_eq!(dry.err().map(|reject| reject.reason), reject(&events));
        assert_eq!(self.engine.audit(), Ok(()), "after {command:?}");
        events
    }

    fn send(&mut self, body: Body) -> Vec<Event> {
        self.send_by(None, body)
    }

    fn done(&mut self, body: Body) -> Vec<Event> {
        let events = self.send(body);
        assert_eq!(reject(&events), None);
        events
    }

    /// Brings `amount` in, or takes it out.
    fn moves(&mut self, direction: Direction, account: u32, asset: AssetId, amount: i64) {
        self.done(founding::instruct(account, asset, direction, amount));
        if self.kind == Demonstration::Real {
            let acknowledge = Body::Acknowledge(Acknowledge {
                instruction: self.engine.sequence(),
                outcome: Outcome::Executed,
                reference: name(&format!("r{}", self.engine.sequence().value())),
                business_date: 20_000,
            });
            assert_eq!(reject(&self.send_by(Some(1), acknowledge)), None);
        }
    }

    fn deposit(&mut self, account: u32, asset: AssetId, amount: i64) {
        self.moves(Direction::Deposit, account, asset, amount);
    }

    fn withdraw(&mut self, account: u32, asset: AssetId, amount: i64) {
        self.moves(Direction::Withdrawal, account, asset, amount);
    }

    /// One account sells to another, and which trade that was.
    fn trade(&mut self, seller: u32, buyer: u32, price: i64, lots: i64) -> TradeRef {
        let order = |account, side| Body::NewOrder(founding::limit(account, side, price, lots));
        self.done(order(seller, Side::Sell));
        let events = self.done(order(buyer, Side::Buy));
        let traded = |event: &Event| matches!(event, Event::Trade(_));
        TradeRef {
            sequence: self.engine.sequence(),
            index: events.iter().position(traded).expect("they trade") as u32,
        }
    }

    fn bust(&mut self, trade: TradeRef) -> Option<RejectReason> {
        reject(&self.send(Body::Correction(CorrectionCommand::Bust { trade })))
    }

    fn owes(&self, account: u32, asset: AssetId) -> i64 {
        self.engine.clearing().owed(AccountId::new(account), asset)
    }

    fn has(&self, account: u32, asset: AssetId) -> i64 {
        let ledger = self.engine.clearing().ledger();
        let mut positions = ledger.of_account(AccountId::new(account));
        let found = positions.find(|position| position.asset() == asset);
        found.map_or(0, |position| position.available)
    }

    /// An engine from this one's own sections takes its place.
    fn restore(&mut self) {
        let sections = self.engine.encode_sections();
        let restored = Engine::decode_sections(*self.engine.limits(), &sections);
        let restored = restored.expect("its own sections");
        assert_eq!(restored.encode_sections(), sections);
        self.engine = restored;
    }
}

fn play() -> Desk {
    let mut desk = Desk::new(limits(), Demonstration::Demonstration);
    desk.deposit(0, GOODS, 100);
    desk.deposit(1, MONEY, 10_000);
    desk
}

#[test]
fn a_real_venue_needs_an_approver_who_is_another_principal() {
    let mut desk = Desk::new(limits(), Demonstration::Real);
    desk.deposit(0, GOODS, 100);
    desk.deposit(1, MONEY, 10_000);
    let trade = desk.trade(0, 1, 100, 4);
    let bust = Body::Correction(CorrectionCommand::Bust { trade });
    for approver in [None, Some(PrincipalId::LOCAL.index())] {
        let events = desk.send_by(approver, bust.clone());
        assert_eq!(reject(&events), Some(RejectReason::ApproverRequired));
    }
    let correct = Body::Correction(CorrectionCommand::Correct {
        trade,
        price: Price::new(101).expect("small"),
        quantity: None,
    });
    let events = desk.send_by(None, correct.clone());
    assert_eq!(reject(&events), Some(RejectReason::ApproverRequired));
    assert_eq!(reject(&desk.send_by(Some(1), correct)), None);
    assert_eq!(reject(&desk.send_by(Some(1), bust)), None);
    assert_eq!((desk.has(0, GOODS), desk.has(1, MONEY)), (100, 10_000));
}

#[test]
fn the_bound_of_kept_trades_forgets_the_oldest() {
    let mut desk = play();
    let trades: Vec<_> = (0..6).map(|at| desk.trade(0, 1, 100 + at, 1)).collect();
    let usage = desk.engine.usage();
    assert_eq!((usage.trades_kept, usage.trades_kept_max), (4, 4));
    assert_eq!(desk.engine.clearing().trades().oldest(), Some(trades[2]));
    desk.restore();
    for (at, trade) in trades.iter().enumerate() {
        let answer = desk.bust(*trade);
        let gone = (at < 2).then_some(RejectReason::TradeTooOld);
        assert_eq!(answer, gone, "trade {at}");
    }
    // What never was is old or unknown by where it would be.
    let beside = |trade: TradeRef| TradeRef {
        index: trade.index + 1,
        ..trade
    };
    let answers = [trades[0], trades[5]].map(|trade| desk.bust(beside(trade)));
    let wanted = [RejectReason::TradeTooOld, RejectReason::UnknownTrade];
    assert_eq!(answers, wanted.map(Some));
}

#[test]
fn without_room_no_trade_is_kept() {
    let none = Limits {
        trades_kept_max: 0,
        ..limits()
    };
    let mut desk = Desk::new(none, Demonstration::Demonstration);
    desk.deposit(0, GOODS, 100);
    desk.deposit(1, MONEY, 10_000);
    let trade = desk.trade(0, 1, 100, 1);
    assert_eq!(desk.bust(trade), Some(RejectReason::TradeTooOld));
    desk.restore();
    assert_eq!(desk.bust(trade), Some(RejectReason::TradeTooOld));
}

#[test]
fn without_a_calendar_civil_days_at_utc_plus_8_count() {
    // The desk begins at 16:00 UTC, which is midnight there.
    for (hours, gone) in [(47, false), (49, true)] {
        let mut desk = play();
        let trade = desk.trade(0, 1, 100, 1);
        desk.time += 23 * HOUR;
        let later = desk.trade(0, 1, 100, 1);
        desk.restore();
        desk.time += (hours - 23) * HOUR;
        let wanted = gone.then_some(RejectReason::TradeTooOld);
        assert_eq!(desk.bust(trade), wanted, "after {hours} hours");
        assert_eq!(desk.bust(later), wanted, "the same day after {hours} hours");
        let kept = desk.engine.usage().trades_kept;
        assert_eq!(kept, if gone { 0 } else { 2 });
    }
}

#[test]
fn so_many_may_owe_and_no_more() {
    let mut desk = play();
    for seller in 1..3 {
        desk.deposit(seller, GOODS, 1);
    }
    // Three sellers spend what they got: two may owe.
    desk.deposit(3, MONEY, 1_000);
    let sold: Vec<_> = (0..3)
        .map(|seller| {
            let trade = desk.trade(seller, 3, 100, 1);
            let all = desk.has(seller, MONEY);
            desk.withdraw(seller, MONEY, all);
            trade
        })
        .collect();
    assert_eq!(desk.bust(sold[0]), None);
    assert_eq!(desk.bust(sold[1]), None);
    assert_eq!((desk.owes(0, MONEY), desk.owes(1, MONEY)), (100, 100));
    assert_eq!(desk.engine.usage().receivables, 2);
    assert_eq!(desk.bust(sold[2]), Some(RejectReason::TooMany));
    desk.restore();
    desk.deposit(0, MONEY, 100);
    assert_eq!(desk.owes(0, MONEY), 0);
    assert_eq!(desk.bust(sold[2]), None, "there is room again");
}

#[test]
fn what_is_owed_counts_with_what_circulates() {
    let most = Amount::MAX_UNITS;
    let mut desk = Desk::new(limits(), Demonstration::Demonstration);
    desk.deposit(0, GOODS, 10);
    desk.deposit(1, MONEY, 1_000);
    let trade = desk.trade(0, 1, 100, 10);
    desk.withdraw(0, MONEY, 600);
    // All the money there may be, less what a bust would leave owed, and one more.
    desk.deposit(2, MONEY, most - 400 - 600 + 1);
    assert_eq!(desk.bust(trade), Some(RejectReason::AmountLimit));
    desk.withdraw(2, MONEY, 1);
    assert_eq!(desk.bust(trade), None);
    assert_eq!(desk.owes(0, MONEY), 600);
    let more = Body::Instruct(Instruct {
        account: AccountId::new(2),
        asset: MONEY,
        custodian: CustodianId::new(0),
        direction: Direction::Deposit,
        amount: Amount::new(1).expect("small"),
    });
    assert_eq!(reject(&desk.send(more)), Some(RejectReason::AmountLimit));
}

#[test]
fn a_snapshot_in_the_middle_carries_on_with_what_is_owed() {
    let mut desk = play();
    let trade = desk.trade(0, 1, 100, 4);
    desk.withdraw(0, MONEY, 300);
    assert_eq!(desk.bust(trade), None);
    assert_eq!(desk.owes(0, MONEY), 300);
    desk.restore();
    let events = desk.send(Body::Instruct(Instruct {
        account: AccountId::new(0),
        asset: MONEY,
        custodian: CustodianId::new(0),
        direction: Direction::Deposit,
        amount: Amount::new(120).expect("small"),
    }));
    let repaid = events.iter().find_map(|event| match event {
        Event::Correction(CorrectionEvent::Repaid(repaid)) => Some((repaid.amount, repaid.owed)),
        _ => None,
    });
    assert_eq!(repaid, Some((120, 180)));
    assert_eq!(desk.bust(trade), Some(RejectReason::AlreadyBusted));
}

#[test]
fn what_an_engine_without_corrections_traded_is_too_old() {
    let mut desk = play();
    let trade = desk.trade(0, 1, 100, 4);
    let mut sections = desk.engine.encode_sections();
    sections.retain(|(section, _)| *section <= SectionId::Holds);
    let older = Engine::decode_sections(limits(), &sections).expect("the rules before");
    desk.engine = older;
    assert_eq!(desk.bust(trade), Some(RejectReason::TradeTooOld));
    let next = desk.trade(0, 1, 100, 4);
    assert_eq!(desk.bust(next), None);
}

/// Every byte of the section, changed: what is accepted is an engine that writes it so, and that
/// a bust of whatever it keeps does not bring to fall.
#[test]
fn a_forged_section_is_refused_or_is_sound() {
    let mut desk = play();
    desk.done(Body::SetFees(Box::new(SetFees {
        venue: VenueId::new(0),
        instrument: None,
        tier: 0,
        rates: FeeRates {
            taker_ppm: 10_000,
            ..FeeRates::default()
        },
    })));
    let trades = [desk.trade(0, 1, 100, 4), desk.trade(1, 0, 101, 2)];
    desk.withdraw(0, MONEY, 50);
    let sections = desk.engine.encode_sections();
    let at = |id| sections.iter().position(|(section, _)| *section == id);
    let at = at(SectionId::Corrections).expect("it is there");
    let (mut refused, mut taken) = (0, 0);
    for place in 0..sections[at].1.len() {
        for flip in [1, 2, 4, 0x10, 0x40, 0x80, 0xff] {
            let mut forged = sections.clone();
            forged[at].1[place] ^= flip;
            let Ok(engine) = Engine::decode_sections(limits(), &forged) else {
                refused += 1;
                continue;
            };
            taken += 1;
            assert_eq!(engine.encode_sections(), forged);
            let mut other = Desk {
                engine,
                ..desk_like(&desk)
            };
            for trade in trades {
                let _ = other.bust(trade);
            }
        }
        let mut cut = sections.clone();
        cut[at].1.truncate(place);
        assert!(
            Engine::decode_sections(limits(), &cut).is_err(),
            "cut at {place}"
        );
    }
    assert!(
        refused > 50 && taken > 10,
        "{refused} refused, {taken} taken"
    );
}

fn desk_like(desk: &Desk) -> Desk {
    Desk {
        engine: Engine::new(limits()),
        time: desk.time,
        kind: desk.kind,
    }
}

//! What the comparison with the reference and the proofs behind the holds showed, a test each.
//!
//! Invariant: after every command the engine's own audit holds. Not here: the rules as a whole
//! (`model`, SEMANTICS section 11).

#![allow(clippy::wildcard_enum_match_arm)] // each helper looks for one kind of event

use crate::founding;
use crate::founding::{name, reject_reason as reject};
use sanjiang_engine::command::*;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Cause, Event, Events, ExecType, OrderReport, Trade};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::Phase;

const RICH: i64 = 1_000_000;

/// One venue in continuous trading, one instrument that clears at one unit a tick and lot, three
/// accounts of a participant and an owner each; the first two are rich, the third has nothing.
struct Desk {
    engine: Engine,
}

fn limits() -> Limits {
    Limits {
        orders_max: 64,
        levels_max: 16,
        stops_max: 8,
        accounts_max: 8,
        positions_max: 64,
        requests_capacity: 8,
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

fn trades(events: &[Event]) -> Vec<Trade> {
    let trades = events.iter().filter_map(|event| match event {
        Event::Trade(trade) => Some(*trade),
        _ => None,
    });
    trades.collect()
}

fn reports(events: &[Event]) -> Vec<OrderReport> {
    let reports = events.iter().filter_map(|event| match event {
        Event::Report(report) => Some(*report),
        _ => None,
    });
    reports.collect()
}

impl Desk {
    fn new(terms: InstrumentTerms, goods_decimals: u8) -> Self {
        let mut desk = Self {
            engine: Engine::new(limits()),
        };
        for at in 0..3 {
            for body in founding::party(at) {
                desk.done(body);
            }
        }
        desk.done(Body::CreateVenue(Box::new(founding::sandbox(None))));
        desk.done(founding::instrument("instrument", terms));
        desk.assets(goods_decimals);
        desk.done(Body::SetClearing(SetClearing {
            instrument: InstrumentId::new(0),
            money: AssetId::new(0),
            goods: AssetId::new(1),
        }));
        for account in 0..2 {
            desk.done(instruct(account, 0, Direction::Deposit, RICH));
            desk.done(instruct(account, 1, Direction::Deposit, RICH));
        }
        desk.phase(Phase::Continuous);
        desk
    }

    fn assets(&mut self, goods_decimals: u8) {
        let money = AssetClass::Currency { decimals: 0 };
        let goods = AssetClass::Goods {
            unit: name("t"),
            decimals: goods_decimals,
        };
        for (text, class) in [("money", money), ("goods", goods)] {
            for body in founding::kept_asset(text, class, Demonstration::Demonstration) {
                self.done(body);
            }
        }
    }

    fn send(&mut self, body: Body) -> Vec<Event> {
        let authority = Authority {
            reason: "said so".to_owned(),
            ..Authority::default()
        };
        let command = founding::next(&self.engine, Time::ZERO, Some(authority), body);
        let mut events = Events::default();
        self.engine.apply(&command, &mut events);
        assert_eq!(self.engine.audit(), Ok(()));
        events.as_slice().to_vec()
    }

    fn done(&mut self, body: Body) -> Vec<Event> {
        let events = self.send(body);
        assert_eq!(reject(&events), None);
        events
    }

    fn phase(&mut self, phase: Phase) -> Vec<Event> {
        let venue = VenueId::new(0);
        self.done(Body::SetPhase(SetPhase { venue, phase }))
    }

    fn fees(&mut self, tier: u8, rates: FeeRates) {
        self.done(Body::SetFees(Box::new(SetFees {
            venue: VenueId::new(0),
            instrument: None,
            tier,
            rates,
        })));
    }

    /// The first account's participant is in tier 3 from now on, with these rates.
    fn own_fees(&mut self, rates: FeeRates) {
        self.fees(3, rates);
        self.done(Body::SetTier(SetTier {
            participant: ParticipantId::new(0),
            tier: 3,
        }));
    }

    /// What the first two accounts have: money and goods, available.
    fn has(&self) -> [[i64; 2]; 2] {
        let ledger = self.engine.clearing().ledger();
        [0, 1].map(|account| {
            [0, 1].map(|asset| {
                let mut all = ledger.of_account(AccountId::new(account));
                let own = all.find(|one| one.asset() == AssetId::new(asset));
                own.map_or(0, |one| one.available)
            })
        })
    }

    fn order(&mut self, account: u32, side: Side, lots: i64, how: OrderType) -> Vec<Event> {
        self.send(Body::NewOrder(NewOrder {
            order_type: how,
            ..founding::limit(account, side, 1, lots)
        }))
    }

    fn limit(&mut self, account: u32, side: Side, lots: i64, ticks: i64) -> Vec<Event> {
        self.send(Body::NewOrder(founding::limit(account, side, ticks, lots)))
    }
}

fn instruct(account: u32, asset: u32, direction: Direction, units: i64) -> Body {
    founding::instruct(account, AssetId::new(asset), direction, units)
}

const MARKET: OrderType = OrderType::Market { protection: None };

#[test]
fn a_market_order_that_meets_nobody_holds_nothing() {
    let mut desk = Desk::new(terms(), 0);
    let events = desk.order(2, Side::Sell, 5, MARKET);
    let reports = reports(&events);
    assert_eq!(reject(&events), None);
    assert_eq!(reports[0].exec_type, ExecType::New);
    assert_eq!(reports[1].cause, Cause::Unfilled);
}

#[test]
fn a_tier_that_pays_nothing_does_not_fall_back_to_another() {
    let mut desk = Desk::new(terms(), 0);
    let dear = FeeRates {
        taker_ppm: 100_000,
        ..FeeRates::default()
    };
    desk.fees(0, dear);
    desk.own_fees(FeeRates::default());
    desk.limit(1, Side::Sell, 1, 50);
    let trade = trades(&desk.limit(0, Side::Buy, 1, 50))[0];
    assert_eq!((trade.buy.fee, trade.sell.fee), (0, 0));
}

#[test]
fn rates_of_nothing_are_not_counted_among_the_different_ones() {
    let limits = Limits {
        rates_max: 1,
        ..limits()
    };
    let mut desk = Desk::new(terms(), 0);
    desk.engine = Engine::decode_sections(limits, &desk.engine.encode_sections()).expect("sound");
    let one = FeeRates {
        taker_ppm: 1,
        ..FeeRates::default()
    };
    desk.fees(0, FeeRates::default());
    desk.fees(0, one);
    let read = Engine::decode_sections(limits, &desk.engine.encode_sections()).expect("sound");
    assert_eq!(read.state_hash(), desk.engine.state_hash());
}

#[test]
fn the_minimum_fee_is_held_where_the_limit_is_nothing() {
    let free = InstrumentTerms {
        price_sign: PriceSign::NonNegative,
        ..terms()
    };
    let mut desk = Desk::new(free, 0);
    desk.fees(
        0,
        FeeRates {
            taker_ppm: 40,
            minimum: 5,
            ..FeeRates::default()
        },
    );
    desk.limit(1, Side::Buy, 1, 2);
    let events = desk.limit(0, Side::Sell, 1, 0);
    assert_eq!(reports(&events)[0].held, 5);
    let trade = trades(&events)[0];
    assert_eq!((trade.value, trade.sell.fee), (2, 5));
}

#[test]
fn a_market_order_in_a_call_does_not_trade_at_a_price_its_sign_forbids() {
    let wide = InstrumentTerms {
        static_band_bp: Some(10_000),
        ..terms()
    };
    let mut desk = Desk::new(wide, 0);
    desk.done(Body::SetReferencePrice(SetReferencePrice {
        instrument: InstrumentId::new(0),
        price: Price::new(100).expect("in bounds"),
    }));
    desk.phase(Phase::VolatilityCall);
    desk.limit(1, Side::Buy, 1, 102);
    desk.order(0, Side::Sell, 2, MARKET);
    let trade = trades(&desk.phase(Phase::Continuous))[0];
    assert_eq!(trade.price.ticks(), 1);
}

#[test]
fn a_raised_rebate_leaves_no_larger_fraction_than_was_held_for() {
    let mut desk = Desk::new(terms(), 0);
    desk.own_fees(FeeRates {
        maker_ppm: -100_000,
        taker_ppm: 100_000,
        auction_ppm: 100_000,
        ..FeeRates::default()
    });
    desk.limit(1, Side::Sell, 1, 3);
    let taken = trades(&desk.limit(0, Side::Buy, 3, 3))[0];
    assert_eq!((taken.buy.fee, taken.buy.held), (1, 6));
    let made = trades(&desk.limit(1, Side::Sell, 1, 3))[0];
    assert_eq!((made.buy.fee, made.buy.held), (0, 3));
    desk.phase(Phase::VolatilityCall);
    desk.limit(1, Side::Sell, 1, 3);
    let last = trades(&desk.phase(Phase::Continuous))[0];
    assert_eq!((last.buy.fee, last.buy.held), (0, 0));
}

#[test]
fn proceeds_are_held_where_a_fee_still_to_come_rounds_up() {
    let mut desk = Desk::new(terms(), 0);
    desk.own_fees(FeeRates {
        maker_ppm: 100_000,
        taker_ppm: 100_000,
        per_lot: 10,
        ..FeeRates::default()
    });
    desk.limit(1, Side::Buy, 1, 17);
    desk.limit(1, Side::Buy, 1, 13);
    let taken = trades(&desk.limit(0, Side::Sell, 3, 11));
    let sold = [taken[0].sell, taken[1].sell];
    assert_eq!(sold.map(|fill| (fill.fee, fill.held)), [(12, 0), (11, 1)]);
    let last = trades(&desk.limit(1, Side::Buy, 1, 11))[0];
    assert_eq!((last.value, last.sell.fee), (11, 12));
}

#[test]
fn more_goods_than_an_amount_can_be_are_not_there() {
    let mut desk = Desk::new(terms(), 9);
    let events = desk.limit(0, Side::Sell, Quantity::MAX_LOTS, 1);
    assert_eq!(reject(&events), Some(RejectReason::InsufficientGoods));
}

#[test]
fn a_custodian_hands_out_no_more_than_it_holds() {
    let mut desk = Desk::new(terms(), 0);
    desk.done(Body::CreateCustodian(CreateCustodian {
        name: name("another bank"),
        kind: CustodianKind::Bank,
        demonstration: Demonstration::Demonstration,
    }));
    let from = |custodian| {
        Body::Instruct(Instruct {
            account: AccountId::new(0),
            asset: AssetId::new(0),
            custodian: CustodianId::new(custodian),
            direction: Direction::Withdrawal,
            amount: Amount::new(1).expect("in bounds"),
        })
    };
    let refused = desk.send(from(2));
    assert_eq!(reject(&refused), Some(RejectReason::InsufficientFunds));
    desk.done(from(0));
}

/// A buyer and a seller of the most lots there may be, rich enough for all of them.
fn at_the_bounds(rates: FeeRates) -> Desk {
    let mut desk = Desk::new(terms(), 0);
    for account in 0..2 {
        desk.done(instruct(account, 0, Direction::Deposit, 1 << 53));
    }
    desk.done(instruct(1, 1, Direction::Deposit, Quantity::MAX_LOTS));
    desk.fees(0, rates);
    desk
}

#[test]
fn at_the_bounds_of_value_and_rates_a_trade_is_exact_and_can_be_undone() {
    let mut desk = at_the_bounds(FeeRates {
        maker_ppm: 100_000,
        taker_ppm: 100_000,
        auction_ppm: 100_000,
        per_lot: 1 << 10,
        minimum: 1 << 40,
        ..FeeRates::default()
    });
    let lots = Quantity::MAX_LOTS;
    let worth = |ticks: i64| ticks * lots;
    let before = desk.has();
    assert_eq!(worth(4_096), 1 << 52);
    desk.limit(1, Side::Sell, lots, 4_096);
    let over = desk.limit(0, Side::Buy, lots, 4_097);
    assert_eq!(reject(&over), Some(RejectReason::OrderValue));
    let events = desk.limit(0, Side::Buy, lots, 4_096);
    let trade = trades(&events)[0];
    // 2^52 / 10, rounded up, and 2^10 for each of 2^40 lots.
    let fee = 450_359_962_737_050 + (1 << 50);
    assert_eq!(
        (trade.value, trade.buy.fee, trade.sell.fee),
        (1 << 52, fee, fee)
    );
    let after = desk.has();
    assert_eq!(before[0][0] - after[0][0], (1 << 52) + fee);
    assert_eq!(after[1][0] - before[1][0], (1 << 52) - fee);
    assert_eq!(after[0][1] - before[0][1], lots);
    let index = events
        .iter()
        .position(|event| matches!(event, Event::Trade(_)));
    let bust = CorrectionCommand::Bust {
        trade: TradeRef {
            sequence: desk.engine.sequence(),
            index: index.expect("a trade") as u32,
        },
    };
    desk.done(Body::Correction(bust));
    assert_eq!(desk.has(), before);
}

#[test]
fn what_no_account_can_have_is_not_there_however_large() {
    let mut desk = at_the_bounds(FeeRates {
        per_lot: 1 << 20,
        minimum: 1 << 40,
        cap: Some(1 << 40),
        ..FeeRates::default()
    });
    let lots = Quantity::MAX_LOTS;
    for (account, side) in [(0, Side::Buy), (1, Side::Sell)] {
        let events = desk.limit(account, side, lots, 1);
        let reason = Some(RejectReason::InsufficientFunds);
        assert_eq!(reject(&events), reason, "2^20 for each of 2^40 lots");
    }
    desk.fees(
        0,
        FeeRates {
            maker_ppm: 1,
            taker_ppm: 1,
            minimum: 1 << 40,
            cap: Some(1 << 40),
            ..FeeRates::default()
        },
    );
    desk.limit(1, Side::Sell, lots, 2);
    let trade = trades(&desk.limit(0, Side::Buy, lots, 2))[0];
    assert_eq!((trade.buy.fee, trade.sell.fee), (1 << 40, 1 << 40));
}

#[test]
fn below_zero_the_seller_holds_what_it_may_have_to_pay_and_pays_it() {
    let waste = InstrumentTerms {
        price_sign: PriceSign::Any,
        ..terms()
    };
    let mut desk = Desk::new(waste, 0);
    desk.fees(
        0,
        FeeRates {
            maker_ppm: 10_000,
            taker_ppm: 10_000,
            ..FeeRates::default()
        },
    );
    let poor = desk.limit(2, Side::Sell, 5, -100);
    assert_eq!(reject(&poor), Some(RejectReason::InsufficientFunds));
    // 5 x 100 to be rid of the goods, and one in a hundred of it.
    let sold = desk.limit(1, Side::Sell, 5, -100);
    assert_eq!(reports(&sold)[0].held, 505);
    // A buyer is paid more than its fee, so it holds nothing.
    let bought = desk.limit(0, Side::Buy, 5, -100);
    assert_eq!(reports(&bought)[0].held, 0);
    let trade = trades(&bought)[0];
    assert_eq!((trade.value, trade.buy.fee, trade.sell.fee), (-500, 5, 5));
    let now = desk.has();
    assert_eq!(now[0], [RICH + 500 - 5, RICH + 5]);
    assert_eq!(now[1], [RICH - 500 - 5, RICH - 5]);
}

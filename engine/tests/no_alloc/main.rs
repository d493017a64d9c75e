//! In steady state a command allocates nothing: books, stops, timers, phases' memories, events,
//! holds, fees, positions, credit, corrections, settlement over days, standings, limits of risk,
//! sessions with switches, timers and sweeps.
//!
//! Invariant: after a warm-up of the same mix, 200,000 commands make no call to the allocator. The
//! harness runs one test here, so nothing else allocates beside it. Not here: growth (an engine's
//! structures grow until they have seen their busiest hour), requests by id.

#[path = "../support/founding.rs"]
mod founding;
mod world;

use std::alloc::System;

use founding::name;
use sanjiang_engine::command::{
    ArmDeadMan, Authority, Body, CancelOrder, Command, CorrectionCommand, Envelope, Identity,
    KillScope, MassCancel, OpenSession, Party, Position, ReplaceOrder, Sequenced, SetKillSwitch,
    SetPhase, SetStanding, Standing, StandingCommand, SwitchCommand, TradeRef,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Cause, Event, Events, ExecType};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::{
    AccountId, InstrumentId, LimitTerms, Nanoseconds, NewOrder, OrderId, OrderType, ParticipantId,
    Posting, Price, PrincipalId, Quantity, SelfTradePrevention, SessionId, Side, Time, TimeInForce,
    VenueId,
};
use sanjiang_engine::venue::Phase;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ACCOUNTS: u64 = 16;
const INSTRUMENTS: u64 = 4;
const SESSIONS: u64 = 4;
/// How many of them settle in money and goods.
const CLEARED: u32 = 3;
/// The one of them that settles a day later and whose holders are counted.
const LATER: u32 = 2;
/// After so many commands a day passes, the first one in the busiest hour.
const DAY_EVERY: u64 = 60_000;
/// The one that is a margin forward.
const MARGINED: InstrumentId = InstrumentId::new(3);
/// At first only new orders come: the busiest hour, to which every list grows.
const BUSY: u64 = 30_000;
const WARM_UP: u64 = 150_000;
const MEASURED: u64 = 200_000;
/// How many of the last orders cancels and replaces choose from.
const KNOWN: usize = 4_096;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

struct Flow {
    engine: Engine,
    events: Events,
    random: Random,
    /// The last orders with their accounts, in a ring.
    known: Vec<(AccountId, OrderId)>,
    next: usize,
    time: i64,
    trades: u64,
    /// Trades with a fee of some side.
    charged: u64,
    /// Orders refused for want of money or goods.
    short: u64,
    /// Orders that a sweep ended, and those that a switch refused.
    swept: u64,
    killed: u64,
    /// Orders and replaces of a suspended account, or without a token.
    stopped: u64,
    /// The last trade, and the words of an operator who busts it; handed from act to act.
    last_trade: Option<TradeRef>,
    authority: Option<Box<Authority>>,
    /// Trades busted and corrected.
    corrected: u64,
    /// Draws of credit, and repayments.
    lent: u64,
    /// Rows of settlement that became free.
    settled: u64,
}

fn price(ticks: u64) -> Price {
    founding::price(ticks as i64)
}

fn quantity(lots: u64) -> Quantity {
    founding::quantity(lots as i64)
}

impl Flow {
    fn new() -> Self {
        let limits = Limits {
            orders_max: 50_000,
            requests_capacity: 1_024,
            ..Limits::default()
        };
        let no_order = OrderId {
            sequence: 0,
            slot: 0,
        };
        let mut flow = Self {
            engine: Engine::new(limits),
            events: Events::with_capacity(1 << 18),
            random: Random(20_261_123),
            known: vec![(AccountId::new(0), no_order); KNOWN],
            next: 0,
            time: 1_000_000,
            trades: 0,
            charged: 0,
            short: 0,
            swept: 0,
            killed: 0,
            stopped: 0,
            last_trade: None,
            authority: None,
            corrected: 0,
            lent: 0,
            settled: 0,
        };
        flow.found();
        flow.clear();
        for index in 0..SESSIONS {
            flow.send(Body::OpenSession(OpenSession {
                name: name(&format!("s{index}")),
                last_client_sequence: 0,
            }));
        }
        flow.limit();
        flow.settle_later();
        flow.phase(Phase::Continuous);
        flow
    }

    /// Switches are turned, and timers armed; the last session's fires now and then.
    fn switch(&mut self, number: u64) {
        let scope = match number / 5_000 % 4 {
            0 => KillScope::Session(SessionId::new(0)),
            1 => KillScope::Account(AccountId::new(3)),
            2 => KillScope::Participant(ParticipantId::new(0)),
            _ => KillScope::Venue(VenueId::new(0)),
        };
        let kill = |position| {
            let set = SetKillSwitch { scope, position };
            Body::Switch(SwitchCommand::SetKillSwitch(set))
        };
        match number % 5_000 {
            700 => self.send(kill(Position::Engaged)),
            720 => self.send(kill(Position::Released)),
            at if at % 1_000 == 0 => {
                let late = number.is_multiple_of(100_000);
                let session = SessionId::new((number / 1_000 % SESSIONS) as u32);
                let timeout = Some(Limits::DEAD_MAN_MIN);
                let arm = SwitchCommand::ArmDeadMan(ArmDeadMan { session, timeout });
                self.send(Body::Switch(arm));
                // A second passes, and all timers fire.
                self.time += if late { 1_000_000_000 } else { 0 };
            }
            _ => {}
        }
    }

    fn stand(&mut self, standing: Standing) {
        let party = Party::Account(AccountId::new(3));
        let set = SetStanding { party, standing };
        self.send(Body::Standing(StandingCommand::SetStanding(set)));
    }

    fn phase(&mut self, phase: Phase) {
        let venue = VenueId::new(0);
        self.send(Body::SetPhase(SetPhase { venue, phase }));
    }

    /// Busts or corrects the last trade.
    fn correct(&mut self, number: u64) {
        let Some(trade) = self.last_trade else { return };
        let command = if number.is_multiple_of(2) {
            CorrectionCommand::Bust { trade }
        } else {
            CorrectionCommand::Correct {
                trade,
                price: price(900 + self.random.below(200)),
                quantity: None,
            }
        };
        self.send(Body::Correction(command));
        let events = self.events.as_slice();
        let done = events
            .iter()
            .any(|event| matches!(event, Event::Correction(_)));
        self.corrected += u64::from(done);
    }

    fn send(&mut self, body: Body) {
        self.send_as(Identity::Internal, body);
    }

    /// Sends an order, every second one through a session.
    fn send_order(&mut self) {
        let body = Body::NewOrder(self.order());
        let session = SessionId::new(self.random.below(2 * SESSIONS) as u32);
        let known = self.engine.sessions().session(session);
        let identity = known.map_or(Identity::Internal, |known| Identity::Session {
            session,
            client_sequence: known.watermark + 1,
        });
        self.send_as(identity, body);
    }

    fn send_as(&mut self, identity: Identity, body: Body) {
        self.events.clear();
        let command = Sequenced {
            sequence: self.engine.sequence().next(),
            time: Time::new(self.time).expect("a test's time is in bounds"),
            value: Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity,
                    valid_until: None,
                    authority: self.authority.take(),
                },
                body,
            },
        };
        self.engine.apply(&command, &mut self.events);
        self.authority = command.value.envelope.authority;
        for (index, event) in (0..).zip(self.events.as_slice()) {
            if let Event::Report(report) = event
                && report.exec_type == ExecType::New
            {
                self.known[self.next] = (report.account, report.order);
                self.next = (self.next + 1) % KNOWN;
            }
            self.lent += u64::from(matches!(event, Event::Credit(_)));
            if let Event::Report(report) = event {
                let swept = matches!(report.cause, Cause::KillSwitch | Cause::DeadMan);
                self.swept += u64::from(swept);
            }
            if let Event::Trade(trade) = event {
                self.last_trade = Some(TradeRef {
                    sequence: command.sequence,
                    index,
                });
                self.trades += 1;
                self.charged += u64::from(trade.buy.fee != 0 || trade.sell.fee != 0);
            }
            self.settled += u64::from(matches!(event, Event::Settlement(_)));
            if let Event::Report(report) = event
                && let Some(reject) = report.reject
            {
                let reason = reject.reason;
                self.killed += u64::from(reason == RejectReason::KillSwitch);
                let funds = reason == RejectReason::InsufficientFunds;
                let margin = reason == RejectReason::InsufficientMargin;
                self.short +=
                    u64::from(funds || margin || reason == RejectReason::InsufficientGoods);
                let throttled = reason == RejectReason::Throttled;
                self.stopped += u64::from(throttled || reason == RejectReason::AccountSuspended);
            }
        }
    }

    fn step(&mut self, number: u64) {
        self.time += 1_000;
        if number % DAY_EVERY == BUSY - 1 {
            self.time += 24 * 3_600 * 1_000_000_000;
        }
        while self
            .engine
            .next_deadline()
            .is_some_and(|due| due.nanoseconds() <= self.time)
        {
            self.send(Body::Tick);
        }
        if number % 40 == 39 {
            return self.correct(number / 40);
        }
        self.switch(number);
        match number % 20_000 {
            9_000 => return self.phase(Phase::VolatilityCall),
            9_500 => return self.phase(Phase::Continuous),
            15_000 => return self.stand(Standing::Suspended),
            16_000 => return self.stand(Standing::Open),
            _ => {}
        }
        let (account, order) = self.known[self.random.below(KNOWN as u64) as usize];
        let kinds = if number < BUSY { 500 } else { 1_000 };
        match self.random.below(kinds) {
            0..=499 => self.send_order(),
            500..=899 => self.send(Body::CancelOrder(CancelOrder { account, order })),
            900..=998 => {
                let ticks = 900 + self.random.below(200);
                let lots = 1 + self.random.below(60);
                self.send(Body::ReplaceOrder(ReplaceOrder {
                    account,
                    order,
                    price: Some(price(ticks)),
                    stop_price: None,
                    quantity: Some(quantity(lots)),
                }));
            }
            _ => self.send(Body::MassCancel(MassCancel {
                account,
                instrument: None,
                side: None,
            })),
        }
    }

    fn order(&mut self) -> NewOrder {
        let random = &mut self.random;
        let side = if random.below(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let ticks = price(900 + random.below(200));
        let order_type = match random.below(20) {
            0 => OrderType::Market { protection: None },
            1 => OrderType::MarketToLimit {
                protection: Some(ticks),
            },
            2 => OrderType::Stop {
                stop_price: ticks,
                protection: None,
            },
            3 => OrderType::StopLimit {
                stop_price: ticks,
                price: ticks,
            },
            other => OrderType::Limit(LimitTerms {
                price: ticks,
                display_quantity: (other < 7).then_some(quantity(1)),
                posting: Posting::MayTake,
            }),
        };
        let resting = !matches!(order_type, OrderType::Market { .. });
        let until = Time::new(self.time).expect("in bounds");
        NewOrder {
            account: AccountId::new(random.below(ACCOUNTS) as u32),
            instrument: InstrumentId::new(random.below(INSTRUMENTS) as u32),
            side,
            quantity: quantity(1 + random.below(50)),
            order_type,
            time_in_force: match random.below(4) {
                0 => TimeInForce::GoodTillDate(until.after(Nanoseconds(1_000_000))),
                // What rests outlives the days, so that they leave the books as they are.
                _ if resting => TimeInForce::GoodTillCancel,
                _ => TimeInForce::Day,
            },
            min_quantity: None,
            self_trade_prevention: match random.below(5) {
                0 => SelfTradePrevention::None,
                1 => SelfTradePrevention::CancelTaker,
                2 => SelfTradePrevention::CancelMaker,
                3 => SelfTradePrevention::CancelBoth,
                _ => SelfTradePrevention::Decrement,
            },
        }
    }
}

#[test]
fn a_warmed_engine_allocates_nothing() {
    let mut flow = Flow::new();
    flow.authority = Some(Box::new(Authority {
        reason: "a test".to_owned(),
        ..Authority::default()
    }));
    for number in 0..WARM_UP {
        flow.step(number);
    }
    let before = (
        flow.trades,
        flow.charged,
        flow.short,
        flow.lent,
        flow.settled,
    );
    let switched = (flow.swept, flow.killed);
    let stopped = flow.stopped;
    let corrected = flow.corrected;
    let region = Region::new(ALLOCATOR);
    for number in 0..MEASURED {
        flow.step(number);
    }
    let change = region.change();
    let trades = flow.trades - before.0;
    let stopped = flow.stopped - stopped;
    let (charged, short) = (flow.charged - before.1, flow.short - before.2);
    let lent = flow.lent - before.3;
    assert_eq!(flow.engine.audit(), Ok(()));
    let rows = flow.engine.clearing().margin().rows();
    assert!(
        rows.iter().filter(|row| row.net != 0).count() > 8,
        "{rows:?}"
    );
    assert!(
        trades > MEASURED / 10,
        "the mix trades: only {trades} trades"
    );
    assert!(
        charged > trades / 4 && short > 1_000,
        "the mix pays: only {charged} trades with a fee, {short} orders short of funds"
    );
    let (swept, killed) = (flow.swept - switched.0, flow.killed - switched.1);
    assert!(
        swept > 1_000 && killed > 100,
        "switches are used: only {swept} orders swept, {killed} refused"
    );
    assert!(stopped > 1_000, "the limits stop: only {stopped} messages");
    let corrected = flow.corrected - corrected;
    assert!(
        corrected > MEASURED / 80,
        "the mix is corrected: only {corrected} busts and corrections"
    );
    assert!(
        lent > 100,
        "the mix borrows: only {lent} draws and repayments"
    );
    let settled = flow.settled - before.4;
    assert!(settled > 40, "days pass: only {settled} rows settled");
    let calls = [
        change.allocations,
        change.reallocations,
        change.deallocations,
    ];
    println!(
        "{MEASURED} commands, {trades} trades, {charged} with a fee, {short} orders short of \
         funds, {lent} draws and repayments, {settled} rows settled, {calls:?} calls to the \
         allocator"
    );
    assert_eq!(calls, [0; 3], "allocations, reallocations, deallocations");
}

//! For tests: the folder of a shard that traded on business days of a clock the test holds.
//!
//! Invariant: times follow from the days alone; nothing sleeps. The folder is written by the
//! engine's own runtime, as a gateway writes it. Not here: what is expected of it.
#![allow(dead_code, reason = "each user takes its part")]

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use engine::command::{
    AssetClass, Body, Command, CreateAccount, CreateAsset, CreateCustodian, CreateInstrument,
    CreateOwner, CreateParticipant, CreateVenue, CreditCommand, CustodianKind, Demonstration,
    Direction, Envelope, FeeRates, Half, Identity, Instruct, InstrumentTerms, SetClearing, SetFees,
    SetPhase, TransferHalf,
};
use engine::engine::Engine;
use engine::limits::Limits;
use engine::runtime::{Config, ManualTimeSource, Released, Runtime, Sink, Submission, Ticket};
use engine::types::{
    AccountId, Amount, AssetId, CustodianId, InstrumentId, LimitTerms, Nanoseconds, NewOrder,
    OrderType, OwnerId, ParticipantId, Posting, Price, PriceSign, PrincipalId, Quantity,
    SelfTradePrevention, Sequence, ShardId, Side, Text, TimeInForce, Title, TransferId, VenueId,
};
use engine::venue::{Model, Phase, Regime};
use sanjiang_gateway::from_proto::date;
use sanjiang_gateway::reconcile::{DAY_NANOSECONDS, begins};

/// The handles.
pub const A: u32 = 0;
pub const B: u32 = 1;
pub const CNY: AssetId = AssetId::new(0);
pub const COAL: AssetId = AssetId::new(1);
/// The first business date; the following days are counted from it.
pub const FIRST: &str = "2026-11-23";
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);
const HOUR: i64 = DAY_NANOSECONDS / 24;

/// A running shard.
pub struct Shard {
    runtime: Runtime,
    source: Arc<ManualTimeSource>,
    released: Receiver<Sequence>,
    last: u64,
    day: i64,
}

struct Told(Sender<Sequence>);

impl Sink for Told {
    fn open(&mut self, journal_last: Sequence) -> Result<Sequence, String> {
        Ok(journal_last)
    }

    fn replayed(&mut self, _released: &Released<'_>) {}

    fn recovered(&mut self, _engine: &Engine, _epoch: u32) {}

    fn release(&mut self, released: &Released<'_>) {
        if let Some((command, _, _)) = released.iter().last() {
            // A test that went away has seen enough.
            let _ = self.0.send(command.sequence);
        }
    }

    fn cursor(&self) -> Sequence {
        Sequence::new(u64::MAX)
    }
}

/// Small bounds, so that an engine is made in no time.
fn limits() -> Limits {
    Limits {
        orders_max: 256,
        requests_capacity: 256,
        ..Limits::default()
    }
}

impl Shard {
    /// At ten in the morning of [`FIRST`], with a venue in continuous trading, COAL paid in CNY
    /// for fees, and the accounts A and B of owners of their own.
    pub fn open(data: &Path, number: u32) -> Self {
        let first = i64::from(date(FIRST).expect("a date"));
        let begin = begins(first).expect("in bounds");
        let begin = begin.after(Nanoseconds(10 * HOUR));
        let source = Arc::new(ManualTimeSource::new(begin));
        let mut config = Config::new(data);
        config.limits = limits();
        config.shard = number;
        config.disk_reserve_bytes = 0;
        config.clock.source = source.clone();
        let (tell, released) = channel();
        let (runtime, recovered) = Runtime::start(config, Box::new(Told(tell))).expect("started");
        assert_eq!(recovered.last, Sequence::ZERO, "a new folder");
        let mut shard = Self {
            runtime,
            source,
            released,
            last: 1,
            day: 0,
        };
        for body in founding() {
            shard.send(body);
        }
        shard
    }

    /// Goes on to ten in the morning of a later day, counted from [`FIRST`].
    pub fn on_day(&mut self, day: i64) {
        let days = day - self.day;
        self.source.run(Nanoseconds(days * DAY_NANOSECONDS));
        self.day = day;
    }

    /// Stops cleanly.
    pub fn stop(self) {
        self.runtime.stop().expect("clean");
    }

    fn send(&mut self, body: Body) {
        self.last += 1;
        let command = Command {
            envelope: Envelope {
                principal: PrincipalId::LOCAL,
                identity: Identity::Internal,
                valid_until: None,
                authority: None,
            },
            body,
        };
        let submission = Submission {
            ticket: Ticket(self.last),
            commands: vec![command],
        };
        self.runtime.handle().submit(submission).expect("room");
        while self
            .released
            .recv_timeout(PATIENCE)
            .expect("a release")
            .value()
            < self.last
        {}
    }

    pub fn deposit(&mut self, account: u32, asset: AssetId, units: i64) {
        self.instruct(account, asset, Direction::Deposit, units);
    }

    pub fn withdraw(&mut self, account: u32, asset: AssetId, units: i64) {
        self.instruct(account, asset, Direction::Withdrawal, units);
    }

    fn instruct(&mut self, account: u32, asset: AssetId, direction: Direction, units: i64) {
        self.send(Body::Instruct(Instruct {
            account: AccountId::new(account),
            asset,
            custodian: CustodianId::new(asset.index()),
            direction,
            amount: amount(units),
        }));
    }

    /// The buyer's order rests, the seller's takes.
    pub fn trade(&mut self, buyer: u32, seller: u32, ticks: i64, lots: i64) {
        for (account, side) in [(buyer, Side::Buy), (seller, Side::Sell)] {
            self.send(Body::NewOrder(NewOrder {
                account: AccountId::new(account),
                instrument: InstrumentId::new(0),
                side,
                quantity: Quantity::new(lots).expect("in bounds"),
                order_type: OrderType::Limit(LimitTerms {
                    price: Price::new(ticks).expect("in bounds"),
                    display_quantity: None,
                    posting: Posting::MayTake,
                }),
                time_in_force: TimeInForce::GoodTillCancel,
                min_quantity: None,
                self_trade_prevention: SelfTradePrevention::CancelTaker,
            }));
        }
    }

    /// A half of a transfer of A's money between this shard and another.
    pub fn transfer(&mut self, half: Half, id: u128, other: u32, units: i64) {
        self.send(Body::Credit(CreditCommand::Half(TransferHalf {
            half,
            transfer: TransferId::new(id),
            account: AccountId::new(A),
            asset: CNY,
            amount: amount(units),
            shard: ShardId::new(other),
        })));
    }
}

fn amount(units: i64) -> Amount {
    Amount::new(units).expect("in bounds")
}

fn name<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).expect("short enough")
}

fn founding() -> Vec<Body> {
    let participant = CreateParticipant { name: name("P") };
    let mut all = vec![Body::CreateParticipant(participant)];
    for (index, account) in ["A", "B"].into_iter().enumerate() {
        let owner = name(&format!("owner of {account}"));
        all.push(Body::CreateOwner(CreateOwner { name: owner }));
        all.push(Body::CreateAccount(CreateAccount {
            name: name(account),
            participant: ParticipantId::new(0),
            owner: OwnerId::new(index as u32),
        }));
    }
    all.push(Body::CreateVenue(Box::new(CreateVenue {
        name: name("V"),
        title: Title::EMPTY,
        regimes: vec![Regime::Sandbox],
        models: vec![Model::Clob],
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: None,
    })));
    all.push(Body::CreateInstrument(Box::new(CreateInstrument {
        name: name("COAL"),
        title: Title::EMPTY,
        venue: VenueId::new(0),
        terms: terms(),
    })));
    all.extend(clearing());
    all.push(Body::SetPhase(SetPhase {
        venue: VenueId::new(0),
        phase: Phase::Continuous,
    }));
    all
}

/// The money and the goods, who keeps them, and fees.
fn clearing() -> Vec<Body> {
    let mut all = Vec::new();
    let unit = name("t");
    for (asset, class, keeper, kind) in [
        (
            "CNY",
            AssetClass::Currency { decimals: 2 },
            "bank",
            CustodianKind::Bank,
        ),
        (
            "coal",
            AssetClass::Goods { unit, decimals: 0 },
            "yard",
            CustodianKind::Warehouse,
        ),
    ] {
        let demonstration = Demonstration::Demonstration;
        all.push(Body::CreateAsset(CreateAsset {
            name: name(asset),
            class,
            demonstration,
        }));
        all.push(Body::CreateCustodian(CreateCustodian {
            name: name(keeper),
            kind,
            demonstration,
        }));
    }
    all.push(Body::SetClearing(SetClearing {
        instrument: InstrumentId::new(0),
        money: CNY,
        goods: COAL,
    }));
    // Maker 1 basis point, taker 5.
    let rates = FeeRates {
        maker_ppm: 100,
        taker_ppm: 500,
        ..FeeRates::default()
    };
    all.push(Body::SetFees(Box::new(SetFees {
        venue: VenueId::new(0),
        instrument: None,
        tier: 0,
        rates,
    })));
    all
}

fn terms() -> InstrumentTerms {
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
        max_quantity: Quantity::new(1_000_000).expect("in bounds"),
        max_notional: None,
    }
}

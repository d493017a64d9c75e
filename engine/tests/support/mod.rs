//! What the tests of runtime, durability and replay share: a sink that keeps what it is given,
//! commands that make a small market, and a configuration that stands still.
//!
//! Invariant: waiting is for an event with a bound on patience, never for a time. Not here: what is
//! tested.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod books;

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sanjiang_engine::command::{
    Body, Command, CreateAccount, CreateInstrument, CreateOwner, CreateParticipant, CreateVenue,
    Demonstration, Envelope, Identity, InstrumentTerms, MassCancel, SetPhase,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::Event;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::runtime::{
    Config, Handle, ManualTimeSource, Refused, Released, Sink, Submission, Ticket,
};
use sanjiang_engine::state_hash::StateHash;
use sanjiang_engine::types::{
    AccountId, InstrumentId, LimitTerms, Name, NewOrder, OrderType, OwnerId, ParticipantId,
    Posting, Price, PriceSign, PrincipalId, Quantity, SelfTradePrevention, Sequence, Side, Time,
    TimeInForce, Title, VenueId,
};
use sanjiang_engine::venue::{Model, Phase, Regime};

use books::Books;

/// How long a test waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// When the tests take place.
pub const BEGIN: Time = match Time::new(1_790_000_000_000_000_000) {
    Some(time) => time,
    None => panic!("inside the bounds"),
};

/// One command as a sink was given it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    pub sequence: Sequence,
    pub time: Time,
    pub body: Body,
    pub ticket: Option<Ticket>,
    pub events: Vec<Event>,
}

/// All that a sink was given.
#[derive(Default, Debug)]
pub struct Record {
    pub opened: Vec<Sequence>,
    pub replayed: Vec<Seen>,
    pub recovered: Vec<(Sequence, u32, StateHash)>,
    /// What the engines so recovered had of money and goods.
    pub books: Vec<Books>,
    pub released: Vec<Seen>,
}

/// A sink that keeps what it is given, and tells of each release.
pub struct Keeper {
    cursor: Sequence,
    record: Arc<Mutex<Record>>,
    told: Sender<Sequence>,
}

/// The other end of a [`Keeper`].
pub struct Watcher {
    pub record: Arc<Mutex<Record>>,
    told: Receiver<Sequence>,
}

/// A sink whose own disk holds everything up to `cursor` (or to the end, if that is lower).
pub fn keeper(cursor: u64) -> (Box<Keeper>, Watcher) {
    let (told, hear) = channel();
    let record = Arc::<Mutex<Record>>::default();
    let keeper = Keeper {
        cursor: Sequence::new(cursor),
        record: Arc::clone(&record),
        told,
    };
    (Box::new(keeper), Watcher { record, told: hear })
}

fn seen(released: &Released<'_>) -> Vec<Seen> {
    let one = |(command, ticket, events): (
        &sanjiang_engine::command::Sequenced<Command>,
        Option<Ticket>,
        &[Event],
    )| Seen {
        sequence: command.sequence,
        time: command.time,
        body: command.value.body.clone(),
        ticket,
        events: events.to_vec(),
    };
    released.iter().map(one).collect()
}

impl Sink for Keeper {
    fn open(&mut self, journal_last: Sequence) -> Result<Sequence, String> {
        self.record.lock().expect("whole").opened.push(journal_last);
        Ok(self.cursor.min(journal_last))
    }

    fn replayed(&mut self, released: &Released<'_>) {
        let mut record = self.record.lock().expect("whole");
        record.replayed.extend(seen(released));
    }

    fn recovered(&mut self, engine: &Engine, epoch: u32) {
        let mut record = self.record.lock().expect("whole");
        let state = engine.state_hash();
        record.recovered.push((engine.sequence(), epoch, state));
        record.books.push(Books::of(engine));
    }

    fn release(&mut self, released: &Released<'_>) {
        let all = seen(released);
        let last = all.last().expect("never empty").sequence;
        assert!(released.durable >= last, "released before it is durable");
        self.record.lock().expect("whole").released.extend(all);
        // A watcher that went away has seen enough.
        let _ = self.told.send(last);
    }

    fn cursor(&self) -> Sequence {
        self.cursor
    }
}

impl Watcher {
    /// Waits until `sequence` was released.
    pub fn wait(&self, sequence: u64) {
        let reached = || {
            let record = self.record.lock().expect("whole");
            record
                .released
                .last()
                .is_some_and(|seen| seen.sequence.value() >= sequence)
        };
        while !reached() {
            self.told
                .recv_timeout(PATIENCE)
                .expect("a release within the patience of a test");
        }
    }

    /// What was released so far.
    pub fn released(&self) -> Vec<Seen> {
        self.record.lock().expect("whole").released.clone()
    }
}

/// Small bounds, so that an engine is made in no time.
pub fn limits() -> Limits {
    Limits {
        orders_max: 4_096,
        levels_max: 256,
        stops_max: 64,
        venues_max: 4,
        instruments_max: 16,
        calendars_max: 4,
        participants_max: 16,
        owners_max: 16,
        accounts_max: 16,
        assets_max: 16,
        custodians_max: 8,
        positions_max: 128,
        credits_max: 16,
        haircuts_max: 16,
        transfers_max: 64,
        margin_rows_max: 64,
        margin_rows_per_tick: 8,
        rates_max: 16,
        instructions_max: 16,
        references_max: 256,
        risk_sets_max: 16,
        receipts_max: 16,
        receipt_numbers_max: 64,
        trades_kept_max: 64,
        receivables_max: 8,
        unsettled_max: 64,
        investors_max: 64,
        nominees_max: 8,
        terms_max: 9,
        offers_max: 64,
        contracts_max: 96,
        buyers_max: 64,
        campaigns_max: 64,
        entries_max: 64,
        tickets_max: 64,
        discounts_max: 16,
        discounts_per_seller_max: 8,
        discount_uses_max: 64,
        owing_max: 8,
        owing_per_seller_max: 4,
        guarantees_max: 16,
        annual_uses_max: 64,
        sessions_max: 16,
        requests_capacity: 1_024,
        switches_max: 16,
        sweep_rows_max: 1_024,
    }
}

/// A configuration on `folder` whose clock stands at [`BEGIN`] until it is run on.
pub fn config(folder: &Path) -> (Config, Arc<ManualTimeSource>) {
    let source = Arc::new(ManualTimeSource::new(BEGIN));
    let mut config = Config::new(folder);
    config.limits = limits();
    // Not what a test is about, wherever its temporary folder may be.
    config.disk_reserve_bytes = 0;
    config.clock.source = source.clone();
    "a test".clone_into(&mut config.build);
    (config, source)
}

pub fn name<const N: usize>(text: &str) -> sanjiang_engine::types::Text<N> {
    sanjiang_engine::types::Text::new(text).expect("short enough")
}

pub fn internal(body: Body) -> Command {
    Command {
        envelope: Envelope {
            principal: PrincipalId::LOCAL,
            identity: Identity::Internal,
            valid_until: None,
            authority: None,
        },
        body,
    }
}

/// One venue in continuous trading, one instrument, two accounts of different owners.
pub fn market() -> Vec<Command> {
    market_under(Regime::Sandbox)
}

/// The same under `regime`; nine commands.
pub fn market_under(regime: Regime) -> Vec<Command> {
    let account = |index: u32| {
        Body::CreateAccount(CreateAccount {
            name: name(&format!("account-{index}")),
            participant: ParticipantId::new(0),
            owner: OwnerId::new(index),
        })
    };
    let owner = |text: &str| Body::CreateOwner(CreateOwner { name: name(text) });
    let venue = CreateVenue {
        name: name("venue"),
        title: Title::EMPTY,
        regimes: vec![regime],
        models: vec![Model::Clob],
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: None,
    };
    let instrument = CreateInstrument {
        name: name("instrument"),
        title: Title::EMPTY,
        venue: VenueId::new(0),
        terms: terms(),
    };
    let phase = SetPhase {
        venue: VenueId::new(0),
        phase: Phase::Continuous,
    };
    let participant = CreateParticipant {
        name: name("participant"),
    };
    [
        Body::CreateParticipant(participant),
        owner("owner-0"),
        owner("owner-1"),
        account(0),
        account(1),
        Body::CreateVenue(Box::new(venue)),
        Body::CreateInstrument(Box::new(instrument)),
        Body::SetPhase(phase),
    ]
    .map(internal)
    .to_vec()
}

fn terms() -> InstrumentTerms {
    InstrumentTerms {
        currency: Name::new("CNY").expect("short"),
        unit: Name::new("t").expect("short"),
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

/// A limit order of one of the two accounts.
pub fn order(account: u32, side: Side, price: i64, lots: i64, tif: TimeInForce) -> Command {
    internal(Body::NewOrder(NewOrder {
        account: AccountId::new(account),
        instrument: InstrumentId::new(0),
        side,
        quantity: Quantity::new(lots).expect("in bounds"),
        order_type: OrderType::Limit(LimitTerms {
            price: Price::new(price).expect("in bounds"),
            display_quantity: None,
            posting: Posting::MayTake,
        }),
        time_in_force: tif,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::CancelTaker,
    }))
}

/// Orders that rest, trade and end, the same every time: the `index`-th.
pub fn flow(index: u64) -> Command {
    // The finisher of a common generator: any spread that is the same every time does.
    let mut mixed = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    let account = (mixed >> 1 & 1) as u32;
    if (mixed >> 20).is_multiple_of(64) {
        return internal(Body::MassCancel(MassCancel {
            account: AccountId::new(account),
            instrument: None,
            side: None,
        }));
    }
    let side = if mixed & 1 == 0 {
        Side::Buy
    } else {
        Side::Sell
    };
    let price = 1_000 + (mixed >> 2 & 7) as i64;
    let lots = 1 + (mixed >> 5 & 15) as i64;
    let tif = if (mixed >> 9).is_multiple_of(4) {
        TimeInForce::ImmediateOrCancel
    } else {
        TimeInForce::Day
    };
    order(account, side, price, lots, tif)
}

/// Submits, waiting for room as a patient client does.
pub fn submit(handle: &Handle, ticket: u64, commands: &[Command]) {
    loop {
        let submission = Submission {
            ticket: Ticket(ticket),
            commands: commands.to_vec(),
        };
        match handle.submit(submission) {
            Ok(()) => return,
            Err(Refused::Full) => std::thread::yield_now(),
            Err(refused) => panic!("{refused}"),
        }
    }
}

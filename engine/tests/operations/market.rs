//! A shard with one venue in continuous trading, and the commands the tests send to it.

use sanjiang_engine::command::*;
use sanjiang_engine::engine::{Engine, SectionsError};
use sanjiang_engine::event::{ContractEvent, Event, Events, ExecType};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Phase, Regime};

use super::says;

/// An hour in nanoseconds.
pub const HOUR: i64 = 3_600_000_000_000;

/// Bounds that need little memory, since the tests copy the engine often.
pub const LIMITS: Limits = Limits {
    orders_max: 2_048,
    levels_max: 256,
    stops_max: 16,
    venues_max: 8,
    instruments_max: 16,
    calendars_max: 8,
    participants_max: 8,
    owners_max: 8,
    accounts_max: 8,
    assets_max: 8,
    custodians_max: 8,
    positions_max: 64,
    credits_max: 4,
    haircuts_max: 4,
    transfers_max: 8,
    margin_rows_max: 16,
    margin_rows_per_tick: 2,
    rates_max: 8,
    instructions_max: 8,
    references_max: 16,
    risk_sets_max: 16,
    receipts_max: 8,
    receipt_numbers_max: 32,
    trades_kept_max: 16,
    receivables_max: 4,
    unsettled_max: 8,
    terms_max: 4,
    offers_max: 4,
    contracts_max: 4,
    buyers_max: 4,
    campaigns_max: 4,
    entries_max: 4,
    tickets_max: 4,
    discounts_max: 4,
    discounts_per_seller_max: 4,
    discount_uses_max: 4,
    guarantees_max: 4,
    annual_uses_max: 4,
    investors_max: 8,
    nominees_max: 2,
    sessions_max: 8,
    requests_capacity: 2_048,
    switches_max: 4,
    sweep_rows_max: 1_024,
};

/// `hour` o'clock of day `day`.
pub fn at(day: i64, hour: i64) -> Time {
    Time::new((day * 24 + hour) * HOUR).expect("in bounds")
}

/// An engine with the sequencer's part: ticks stand before what is stamped at or past a deadline.
pub struct Shard {
    engine: Engine,
    now: Time,
    // The ids of new orders by slot, the newest of each.
    orders: Vec<OrderId>,
}

impl Shard {
    /// An empty one, at noon of day 10.
    pub fn new(limits: Limits) -> Self {
        Self {
            engine: Engine::new(limits),
            now: at(10, 12),
            orders: Vec::new(),
        }
    }

    /// One with days 10, 11 and 14, a venue in continuous trading, an instrument, and two
    /// accounts of one participant with owners of their own.
    pub fn trading() -> Self {
        let mut shard = Self::new(LIMITS);
        let participant = CreateParticipant { name: name("p") };
        let owner = |text| Body::CreateOwner(CreateOwner { name: name(text) });
        let bodies = [
            Body::CreateParticipant(participant),
            owner("o0"),
            owner("o1"),
            create_account(0, 0, 0),
            create_account(1, 0, 1),
            calendar(&[10, 11, 14]),
            Body::CreateVenue(Box::new(venue())),
            instrument(0),
        ];
        for body in bodies {
            let said = shard.run(internal(body));
            assert!(said.starts_with("done"), "{said}");
        }
        let open = Body::SetPhase(SetPhase {
            venue: VenueId::new(0),
            phase: Phase::Continuous,
        });
        shard.expect(internal(open), "phase v0 Continuous\ndone");
        shard
    }

    /// The time now.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Time passes; nothing is sent.
    pub fn pass(&mut self, nanoseconds: i64) {
        self.now = self.now.after(Nanoseconds(nanoseconds));
    }

    /// The last sequence.
    pub fn sequence(&self) -> Sequence {
        self.engine.sequence()
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.engine.next_deadline()
    }

    /// The newest order of a slot.
    pub fn order(&self, slot: usize) -> OrderId {
        self.orders[slot]
    }

    /// One tick at `time`, and what it says.
    pub fn tick(&mut self, time: Time) -> String {
        self.now = time;
        let mut events = Events::default();
        self.apply(internal(Body::Tick), &mut events);
        says::lines(events.as_slice())
    }

    /// Ticks until nothing is due at `hour` of `day`, and holds what they say against `said`.
    pub fn expect_until(&mut self, day: i64, hour: i64, said: &str) {
        self.now = at(day, hour);
        let mut events = Events::default();
        self.tick_until_now(&mut events);
        assert_eq!(
            says::lines(events.as_slice()),
            said,
            "until day {day}, {hour} o'clock"
        );
    }

    /// Sends a command, ticks before it, and holds all that is said against `said`. Before it is
    /// sent, the dry run must answer what the command then does.
    pub fn expect(&mut self, command: Command, said: &str) {
        let what = format!("{command:?}");
        assert_eq!(self.run(command), said, "{what}");
    }

    /// As [`Shard::expect`], but gives what is said.
    pub fn run(&mut self, command: Command) -> String {
        let mut events = Events::default();
        self.tick_until_now(&mut events);
        let (hash, deadline) = (self.engine.state_hash(), self.engine.next_deadline());
        let dry = self.engine.validate(&command, self.now).err();
        assert!(
            self.engine.state_hash() == hash,
            "a dry run changed the engine"
        );
        assert_eq!(self.engine.next_deadline(), deadline);
        let before = events.len();
        self.apply(command, &mut events);
        let wet = events.as_slice()[before..].iter().find_map(reject_of);
        assert_eq!(dry, wet, "the dry run answers what the command does");
        assert_eq!(self.engine.audit(), Ok(()));
        says::lines(events.as_slice())
    }

    /// Sends a command of which nothing is expected; for many, without a dry run.
    pub fn send(&mut self, command: Command) {
        self.apply(command, &mut Events::default());
    }

    /// The newest order of a slot, folded to the slots there are; none before the first order.
    pub fn newest(&self, slot: u32) -> Option<OrderId> {
        let places = self.orders.len().max(1);
        self.orders.get(slot as usize % places).copied()
    }

    /// Goes on with an engine that was read back from the sections of this one, which must be
    /// equal in all it holds.
    pub fn read_back(&mut self) {
        let read = self.read_with(*self.engine.limits());
        let read = read.unwrap_or_else(|error| panic!("own sections: {error}"));
        assert!(
            read.state_hash() == self.engine.state_hash(),
            "it holds the same"
        );
        assert_eq!(read.event_hash(), self.engine.event_hash());
        assert_eq!(read.next_deadline(), self.engine.next_deadline());
        self.engine = read;
    }

    /// An engine of these bounds, read from the sections of this one.
    pub fn read_with(&self, limits: Limits) -> Result<Engine, SectionsError> {
        Engine::decode_sections(limits, &self.engine.encode_sections())
    }

    fn tick_until_now(&mut self, events: &mut Events) {
        while self
            .engine
            .next_deadline()
            .is_some_and(|due| due <= self.now)
        {
            self.apply(internal(Body::Tick), events);
        }
    }

    fn apply(&mut self, value: Command, events: &mut Events) {
        let before = events.len();
        let sequenced = Sequenced {
            sequence: self.engine.sequence().next(),
            time: self.now,
            value,
        };
        self.engine.apply(&sequenced, events);
        for event in &events.as_slice()[before..] {
            if let Event::Report(report) = event
                && report.exec_type == ExecType::New
            {
                let slot = report.order.slot as usize;
                self.orders
                    .resize(self.orders.len().max(slot + 1), report.order);
                self.orders[slot] = report.order;
            }
        }
    }
}

fn reject_of(event: &Event) -> Option<sanjiang_engine::reject::Reject> {
    match event {
        Event::Report(report) => report.reject,
        Event::MassCancel(report) => report.reject,
        Event::Operation(report) => report.reject,
        Event::Contract(ContractEvent::Refused(refused)) => Some(refused.reject),
        Event::Trade(_)
        | Event::Book(_)
        | Event::Indicative(_)
        | Event::Uncrossed(_)
        | Event::Duplicate(_)
        | Event::SessionOpened(_)
        | Event::PhaseChanged(_)
        | Event::StatusChanged(_)
        | Event::ReferencePrice(_)
        | Event::DayRolled(_)
        | Event::Custody(_)
        | Event::Standing(_)
        | Event::Limits(_)
        | Event::Receipt(_)
        | Event::Correction(_)
        | Event::Credit(_)
        | Event::Settlement(_)
        | Event::Margin(_)
        | Event::Sale(_)
        | Event::Contract(ContractEvent::Step(_))
        | Event::EpochBegan(_)
        | Event::Quarantined(_)
        | Event::Regime(_)
        | Event::Switch(_) => None,
    }
}

/// A command of the runtime itself.
pub fn internal(body: Body) -> Command {
    identified(Identity::Internal, body)
}

/// A unary request with the id `id`.
pub fn request(id: &str, body: Body) -> Command {
    identified(Identity::Request(ClientId::new(id).expect("short")), body)
}

/// A command of session 0 with its number.
pub fn session(client_sequence: u64, body: Body) -> Command {
    let session = SessionId::new(0);
    let identity = Identity::Session {
        session,
        client_sequence,
    };
    identified(identity, body)
}

fn identified(identity: Identity, body: Body) -> Command {
    Command {
        envelope: Envelope {
            principal: PrincipalId::new(1),
            identity,
            valid_until: None,
            authority: None,
        },
        body,
    }
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

/// An account.
pub fn account(index: u32) -> AccountId {
    AccountId::new(index)
}

/// A limit order of account 0 for the day.
pub fn order(side: Side, lots: i64, ticks: i64) -> NewOrder {
    NewOrder {
        account: account(0),
        instrument: InstrumentId::new(0),
        side,
        quantity: Quantity::new(lots).expect("in bounds"),
        order_type: OrderType::Limit(LimitTerms {
            price: Price::new(ticks).expect("in bounds"),
            display_quantity: None,
            posting: Posting::MayTake,
        }),
        time_in_force: TimeInForce::Day,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::None,
    }
}

/// A buy of account 0.
pub fn buy(lots: i64, ticks: i64) -> Body {
    Body::NewOrder(order(Side::Buy, lots, ticks))
}

/// A sell of account 0.
pub fn sell(lots: i64, ticks: i64) -> Body {
    Body::NewOrder(order(Side::Sell, lots, ticks))
}

/// A cancel by account 0.
pub fn cancel(order: OrderId) -> Body {
    Body::CancelOrder(CancelOrder {
        account: account(0),
        order,
    })
}

/// A cancel of all orders of account 0.
pub fn mass_cancel() -> Body {
    Body::MassCancel(MassCancel {
        account: account(0),
        instrument: None,
        side: None,
    })
}

/// The opening of a session.
pub fn open(text: &str) -> Body {
    Body::OpenSession(OpenSession {
        name: name(text),
        last_client_sequence: 0,
    })
}

/// An account `index` for the participant and the owner.
pub fn create_account(index: u32, participant: u32, owner: u32) -> Body {
    Body::CreateAccount(CreateAccount {
        name: name(&format!("a{index}")),
        participant: ParticipantId::new(participant),
        owner: OwnerId::new(owner),
    })
}

/// The calendar, in UTC, with these days.
pub fn calendar(days: &[i32]) -> Body {
    Body::SetCalendar(Box::new(SetCalendar {
        name: name("calendar"),
        utc_offset_seconds: 0,
        roll_time: Nanoseconds(0),
        days: days.to_vec(),
    }))
}

/// A venue for books and call auctions, on calendar 0.
pub fn venue() -> CreateVenue {
    CreateVenue {
        name: name("venue"),
        title: Title::EMPTY,
        regimes: vec![Regime::Sandbox],
        models: vec![Model::Clob, Model::CallAuction],
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: Some(CalendarId::new(0)),
    }
}

/// An instrument of the venue.
pub fn instrument(venue: u32) -> Body {
    Body::CreateInstrument(Box::new(CreateInstrument {
        name: name("instrument"),
        title: Title::EMPTY,
        venue: VenueId::new(venue),
        terms: InstrumentTerms {
            currency: name("CNY"),
            unit: name("t"),
            tick_size: 1,
            price_decimals: 0,
            lot_size: 1,
            quantity_decimals: 0,
            price_sign: PriceSign::Positive,
            static_band_bp: None,
            dynamic_band_ticks: None,
            market_protection_ticks: 10,
            max_quantity: Quantity::new(1_000).expect("in bounds"),
            max_notional: None,
        },
    }))
}

/// The venue's timetable, in hours after the roll.
pub fn schedule(entries: &[(i64, Phase)]) -> Command {
    let entry = |(hours, phase): &(i64, Phase)| (Nanoseconds(hours * HOUR), *phase);
    internal(Body::SetSchedule(Box::new(SetSchedule {
        venue: VenueId::new(0),
        entries: entries.iter().map(entry).collect(),
    })))
}

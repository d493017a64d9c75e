//! An engine with one SANDBOX venue in continuous trading, one instrument and some accounts.
//!
//! Invariant: sequences are contiguous and time rises by one microsecond a command. Not here:
//! what trades on it (`workload`).

use engine::command::{
    AssetClass, Body, Command, CreateAccount, CreateAsset, CreateCustodian, CreateInstrument,
    CreateOwner, CreateParticipant, CreateVenue, CustodianKind, Demonstration, Direction, Envelope,
    FeeRates, Identity, Instruct, InstrumentTerms, OpenSession, Sequenced, SetClearing, SetFees,
    SetPhase,
};
use engine::engine::Engine;
use engine::event::Events;
use engine::limits::Limits;
use engine::types::{
    AccountId, Amount, AssetId, CustodianId, InstrumentId, Name, Nanoseconds, OwnerId,
    ParticipantId, PriceSign, PrincipalId, Quantity, Sequence, SessionId, Time, Title, VenueId,
};
use engine::venue::{Model, Phase, Regime};

/// The first instant of a world: 2026-01-05 09:00 at +08:00.
const START_NS: i64 = 1_767_574_800_000_000_000;

/// An engine and the next command's place in its history.
pub struct World {
    /// The engine.
    pub engine: Engine,
    /// The events of the last command.
    pub events: Events,
    /// The next command, all but its body: made once, as a decoder would fill a place it has.
    next: Sequenced<Command>,
    /// The next number of the session that commands come by, where they do.
    session: Option<u64>,
}

/// The terms of the one instrument: tick 0.01, lot 1, no bands.
pub fn instrument_terms() -> InstrumentTerms {
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
        market_protection_ticks: 1_000,
        max_quantity: Quantity::new(1 << 30).expect("inside the bounds"),
        max_notional: None,
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("short names")
}

impl World {
    /// The instrument everything trades.
    pub const INSTRUMENT: InstrumentId = InstrumentId::new(0);

    /// A world with `accounts` accounts, each of its own beneficial owner.
    pub fn new(accounts: u32) -> Self {
        let mut world = Self {
            engine: Engine::new(Limits::default()),
            events: Events::with_capacity(1 << 12),
            next: Sequenced {
                sequence: Sequence::ZERO.next(),
                time: Time::new(START_NS).expect("a time of this century"),
                value: Command {
                    envelope: Envelope {
                        principal: PrincipalId::LOCAL,
                        identity: Identity::Internal,
                        valid_until: None,
                        authority: None,
                    },
                    body: Body::Tick,
                },
            },
            session: None,
        };
        for body in Self::setup(accounts) {
            world.apply(body);
        }
        world
    }

    /// A world whose instrument has clearing and fees, whose accounts are funded, and whose
    /// commands come by a session from now on: all that trading for money costs.
    pub fn with_money(accounts: u32) -> Self {
        let mut world = Self::new(accounts);
        for body in Self::money(accounts) {
            world.apply(body);
        }
        world.apply(Body::OpenSession(OpenSession {
            name: name("bench"),
            last_client_sequence: 0,
        }));
        world.session = Some(1);
        world
    }

    /// The commands that give the instrument clearing and fees, and fund the accounts.
    fn money(accounts: u32) -> Vec<Body> {
        const STAKE: i64 = 1_000_000_000_000;
        let asset = |text, class| {
            Body::CreateAsset(CreateAsset {
                name: name(text),
                class,
                demonstration: Demonstration::Demonstration,
            })
        };
        let custodian = |text, kind| {
            Body::CreateCustodian(CreateCustodian {
                name: name(text),
                kind,
                demonstration: Demonstration::Demonstration,
            })
        };
        let unit = name("t");
        let mut bodies = vec![
            asset("CNY", AssetClass::Currency { decimals: 2 }),
            asset("goods", AssetClass::Goods { unit, decimals: 0 }),
            custodian("bank", CustodianKind::Bank),
            custodian("warehouse", CustodianKind::Warehouse),
            Body::SetClearing(SetClearing {
                instrument: Self::INSTRUMENT,
                money: AssetId::new(0),
                goods: AssetId::new(1),
            }),
            Body::SetFees(Box::new(SetFees {
                venue: VenueId::new(0),
                instrument: None,
                tier: 0,
                rates: FeeRates {
                    maker_ppm: 50,
                    taker_ppm: 100,
                    auction_ppm: 75,
                    ..FeeRates::default()
                },
            })),
        ];
        for account in 0..accounts {
            for asset in 0..2 {
                bodies.push(Body::Instruct(Instruct {
                    account: AccountId::new(account),
                    asset: AssetId::new(asset),
                    custodian: CustodianId::new(asset),
                    direction: Direction::Deposit,
                    amount: Amount::new(STAKE).expect("inside the bounds"),
                }));
            }
        }
        bodies
    }

    /// The commands that make a world.
    pub fn setup(accounts: u32) -> Vec<Body> {
        let mut bodies = vec![Body::CreateParticipant(CreateParticipant {
            name: name("FIRM"),
        })];
        for index in 0..accounts {
            let own = name(&format!("A{index}"));
            bodies.push(Body::CreateOwner(CreateOwner { name: own }));
            bodies.push(Body::CreateAccount(CreateAccount {
                name: own,
                participant: ParticipantId::new(0),
                owner: OwnerId::new(index),
            }));
        }
        bodies.push(Body::CreateVenue(Box::new(CreateVenue {
            name: name("SIM"),
            title: Title::new("benchmark").expect("short"),
            regimes: vec![Regime::Sandbox],
            models: vec![Model::Clob, Model::CallAuction],
            demonstration: Demonstration::Demonstration,
            licence: None,
            calendar: None,
        })));
        bodies.push(Body::CreateInstrument(Box::new(CreateInstrument {
            name: name("BENCH"),
            title: Title::new("benchmark").expect("short"),
            venue: VenueId::new(0),
            terms: instrument_terms(),
        })));
        let (venue, phase) = (VenueId::new(0), Phase::Continuous);
        bodies.push(Body::SetPhase(SetPhase { venue, phase }));
        bodies
    }

    /// Moves the venue to `phase`.
    pub fn phase(&mut self, phase: Phase) {
        self.apply(Body::SetPhase(SetPhase {
            venue: VenueId::new(0),
            phase,
        }));
    }

    /// The account with this index.
    pub fn account(index: u32) -> AccountId {
        AccountId::new(index)
    }

    fn identity(&mut self) -> Identity {
        let Some(client_sequence) = self.session else {
            return Identity::Internal;
        };
        self.session = Some(client_sequence + 1);
        Identity::Session {
            session: SessionId::new(0),
            client_sequence,
        }
    }

    /// Applies `body` as the next command; its events replace those of the one before.
    #[inline]
    pub fn apply(&mut self, body: Body) -> Sequence {
        self.next.value.envelope.identity = self.identity();
        self.next.value.body = body;
        self.events.clear();
        self.engine.apply(&self.next, &mut self.events);
        let sequence = self.next.sequence;
        self.next.sequence = sequence.next();
        self.next.time = self.next.time.after(Nanoseconds(1_000));
        sequence
    }
}

//! 1.2 million kinds of goods on offer and a million open contracts: what they take in memory, what
//! a reserve costs, and how long the longest command of a midnight is at which all expire.
//!
//! Invariant: bytes are counted at the allocator, so the bound does not depend on the machine;
//! times are those of the thread's own CPU, printed and not judged. Not here: two engines, the
//! journal (`benches`).

#![allow(clippy::disallowed_methods)] // a test may read clocks

use std::alloc::System;
use std::time::Duration;

use cpu_time::ThreadTime;
use sanjiang_engine::command::*;
use sanjiang_engine::event::{ContractEvent, Event, Events};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Regime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "support/fed.rs"]
mod fed;
#[path = "support/sequenced.rs"]
mod sequenced;

use fed::Fed;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KINDS: u32 = 1_200_000;
const CONTRACTS: u32 = 1_000_000;
const SELLERS: u32 = 1_000;
const BUYERS: u32 = 100_000;
/// A buyer that has so many kinds of goods already, since its money, reserves so often.
const KINDS_HAD: u32 = 10_000;
const RESERVES_OF_ONE: u32 = 1_000;
/// What the issue of capacity allows, the second engine apart.
const BYTES_MAX: usize = 1_500_000_000;
const MONEY: AssetId = AssetId::new(0);
const HOUR: i64 = 3_600_000_000_000;

/// An engine full of offers and contracts.
struct Filled {
    fed: Fed,
    /// What each tick of the last midnight took.
    ticks: Vec<Duration>,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

impl Filled {
    /// A tick, timed: the clock of a thread is a system call, which a reserve is not to pay for.
    fn tick(&mut self) {
        let began = ThreadTime::now();
        self.fed.send(Body::Tick);
        self.ticks.push(began.elapsed());
    }

    fn deposit(&mut self, account: u32, asset: AssetId, custodian: u32, units: i64) {
        self.fed.send(Body::Instruct(Instruct {
            account: AccountId::new(account),
            asset,
            custodian: CustodianId::new(custodian),
            direction: Direction::Deposit,
            amount: Amount::new(units).expect("in bounds"),
        }));
    }

    fn found(&mut self) {
        let demonstration = Demonstration::Demonstration;
        let firm = name("firm");
        self.fed
            .send(Body::CreateParticipant(CreateParticipant { name: firm }));
        for at in 0..SELLERS + BUYERS {
            let name = name(&format!("a{at}"));
            self.fed.send(Body::CreateOwner(CreateOwner { name }));
            self.fed.send(Body::CreateAccount(CreateAccount {
                name,
                participant: ParticipantId::new(0),
                owner: OwnerId::new(at),
            }));
        }
        self.fed.send(Body::CreateVenue(Box::new(CreateVenue {
            name: name("shops"),
            title: Title::EMPTY,
            regimes: vec![Regime::EcomB2c],
            models: vec![Model::FixedPrice],
            demonstration,
            licence: None,
            calendar: None,
        })));
        for (text, kind) in [("B", CustodianKind::Bank), ("W", CustodianKind::Warehouse)] {
            let name = name(text);
            self.fed.send(Body::CreateCustodian(CreateCustodian {
                name,
                kind,
                demonstration,
            }));
        }
        self.asset("CNY", AssetClass::Currency { decimals: 2 });
        self.fed
            .send(Body::Sales(Box::new(SalesCommand::DefineTerms(
                SaleTerms {
                    venue: VenueId::new(0),
                    model: Model::FixedPrice,
                    plan: Plan::Plain,
                    funding: Funding::Prefunded,
                    money: MONEY,
                    tax_basis: TaxBasis::VatIn,
                    tax_bp: 1_300,
                    fee_ppm: 6_000,
                    hand_over_within: Nanoseconds(24 * HOUR),
                    inspect_within: Nanoseconds(24 * HOUR),
                    return_days: 7,
                    agreed_days: 0,
                    exemption: None,
                    delivery: Delivery::Ship,
                    covered: Covered::No,
                    document: [1; 32],
                },
            ))));
        for at in 0..BUYERS {
            self.deposit(SELLERS + at, MONEY, 0, 1 << 30);
        }
    }

    fn asset(&mut self, text: &str, class: AssetClass) {
        self.fed.send(Body::CreateAsset(CreateAsset {
            name: name(text),
            class,
            demonstration: Demonstration::Demonstration,
        }));
    }

    /// One kind of goods in one store, and its offer; the offer's id.
    fn offer(&mut self, kind: u32) -> OfferId {
        let unit = name("pc");
        self.asset(&format!("g{kind}"), AssetClass::Goods { unit, decimals: 0 });
        let seller = kind % SELLERS;
        self.deposit(seller, AssetId::new(kind + 1), 1, 10_000);
        let tier = Tier {
            from: 1,
            price: 999,
        };
        self.fed
            .send(Body::Sales(Box::new(SalesCommand::Offer(MakeOffer {
                terms: TermsId::new(0),
                account: AccountId::new(seller),
                goods: AssetId::new(kind + 1),
                warehouse: CustodianId::new(1),
                piece_units: 1,
                prices: Prices {
                    tiers: vec![tier],
                    step: 1,
                    min: 1,
                    max: 99,
                    limit: Some(1_000),
                    opens: Time::ZERO,
                    closes: None,
                },
                stock: 10_000,
                course: Course::Plain,
            }))));
        OfferId {
            sequence: self.fed.engine.sequence().value(),
            slot: kind,
        }
    }

    fn reserve(&mut self, offer: OfferId, buyer: u32) {
        self.fed
            .send(Body::Contract(ContractCommand::Reserve(Reserve {
                offer,
                version: 1,
                account: AccountId::new(SELLERS + buyer),
                pieces: 1,
                delivery_reference: [1; 16],
                pickup: None,
                confirmed: Confirmed::No,
            })));
        let formed = self.fed.events.as_slice().first();
        assert!(
            matches!(formed, Some(Event::Contract(ContractEvent::Step(_)))),
            "{formed:?}"
        );
    }
}

/// A number that wanders over all of them.
fn scattered(at: u32, of: u32) -> u32 {
    (u64::from(at) * 2_654_435_761 % u64::from(of)) as u32
}

/// Room for just what is made here.
fn limits() -> Limits {
    Limits {
        orders_max: 1_024,
        requests_capacity: 1_024,
        accounts_max: SELLERS + BUYERS,
        owners_max: SELLERS + BUYERS,
        assets_max: KINDS + 1,
        positions_max: 2 * KINDS + 2 * (SELLERS + BUYERS),
        offers_max: KINDS,
        contracts_max: CONTRACTS,
        trades_kept_max: 1_024,
        transfers_max: 1_024,
        receipt_numbers_max: 1_024,
        ..Limits::default()
    }
}

/// What a reserve cost, of the thread's own time.
struct Costs {
    /// Over all offers and buyers.
    uniform: Duration,
    /// On a thousand offers, by a thousand buyers.
    hot: Duration,
}

impl Filled {
    /// Fills every row of contracts, half of them on all offers and half on the hot ones; which of
    /// the pairs of a buyer and an offer are new is said by `round`.
    fn fill(&mut self, offers: &[OfferId], round: u32) -> Costs {
        let half = CONTRACTS / 2;
        // Which are asked for is found before: the clock is the engine's.
        let asked: Vec<_> = (round * half..(round + 1) * half)
            .map(|at| (offers[scattered(at, KINDS) as usize], scattered(at, BUYERS)))
            .collect();
        let began = ThreadTime::now();
        for (offer, buyer) in asked {
            self.reserve(offer, buyer);
        }
        let uniform = began.elapsed() / half;
        let began = ThreadTime::now();
        for at in 0..half {
            self.reserve(offers[(at % 1_000) as usize], at % 1_000);
        }
        assert_eq!(self.fed.engine.contracts().live(), CONTRACTS);
        Costs {
            uniform,
            hot: began.elapsed() / half,
        }
    }

    /// What a reserve costs who has so many kinds of goods, the rows of contracts being full but
    /// for as many.
    fn reserve_by_old(&mut self, offers: &[OfferId]) -> Duration {
        let old = BUYERS - 1;
        for kind in 0..KINDS_HAD {
            self.deposit(SELLERS + old, AssetId::new(kind + 1), 1, 1);
        }
        let began = ThreadTime::now();
        for at in 0..RESERVES_OF_ONE {
            self.reserve(offers[(at % 1_000) as usize], old);
        }
        began.elapsed() / RESERVES_OF_ONE
    }

    /// A day later everything expires; what each tick took, the shortest first.
    fn expire(&mut self) -> Vec<Duration> {
        self.fed.time = self.fed.time.after(Nanoseconds(24 * HOUR));
        self.fed.events = Events::with_capacity(4_096);
        while self.fed.engine.contracts().live() > 0 {
            self.tick();
        }
        let mut ticks = std::mem::take(&mut self.ticks);
        ticks.sort_unstable();
        ticks
    }
}

#[test]
fn a_million_contracts_on_as_many_offers_fit_and_expire_in_small_steps() {
    let region = Region::new(ALLOCATOR);
    let mut filled = Filled {
        fed: Fed::new(limits(), Time::new(HOUR).expect("in bounds"), 64),
        ticks: Vec::new(),
    };
    filled.found();
    let began = ThreadTime::now();
    let offers: Vec<OfferId> = (0..KINDS).map(|kind| filled.offer(kind)).collect();
    let made = began.elapsed() / KINDS;
    let first = filled.fill(&offers, 0);
    let change = region.change();
    let bytes = change.bytes_allocated - change.bytes_deallocated;
    assert_eq!(filled.fed.engine.audit(), Ok(()));
    let ticks = filled.expire();
    let again = filled.fill(&offers, 1);
    filled.expire();
    let of_one = filled.reserve_by_old(&offers);
    println!(
        "{KINDS} offers, {CONTRACTS} contracts: {} MB; an offer with its goods {made:?}; a reserve \
         {:?} over all and {:?} on 1,000 hot ones, where rows are used for the first time {:?} and \
         {:?}; {of_one:?} by who has {KINDS_HAD} kinds of goods; all expire in {} ticks and {:?}, \
         half of them {:?} at most, 99 of 100 {:?}, the longest {:?}",
        bytes / 1_000_000,
        again.uniform,
        again.hot,
        first.uniform,
        first.hot,
        ticks.len(),
        ticks.iter().sum::<Duration>(),
        ticks[ticks.len() / 2],
        ticks[ticks.len() * 99 / 100],
        ticks[ticks.len() - 1],
    );
    let each = Limits::EXPIRIES_PER_TICK_MAX / Limits::EXPIRIES_PER_CONTRACT;
    assert_eq!(ticks.len(), (CONTRACTS as usize).div_ceil(each));
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}

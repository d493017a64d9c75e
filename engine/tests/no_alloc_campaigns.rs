//! Contracts of every model allocate nothing: rows, timers, buyers and tickets lie in tables that
//! were reserved when the engine was built.
//!
//! Invariant: the commands are made before, and 48,000 of them applied without a call to the
//! allocator: formed, performed, given up, returned by right and by agreement, expired; places in
//! groups, presales, queues and lotteries. The harness runs one test here, so nothing else
//! allocates beside it. Not here: making and withdrawing offers with several tiers, the draw of a
//! lottery, instructions to banks, which are not the path of reserves.

use std::alloc::System;
use std::collections::BTreeMap;

use sanjiang_engine::command::*;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{ContractEvent, Event, Events, OfferAct, SaleEvent, State};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Regime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "support/sequenced.rs"]
mod sequenced;
#[path = "support/stall.rs"]
mod stall;

use sequenced::sequenced;
use stall::{calls, founding, sales};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BUYERS: u32 = 16;
const ROUNDS: u32 = 2_000;
const MINUTE: i64 = 60_000_000_000;

/// What is offered, in this order: the terms of each, and its course.
fn terms() -> [SaleTerms; 6] {
    let plain = SaleTerms {
        venue: VenueId::new(0),
        model: Model::FixedPrice,
        plan: Plan::Plain,
        funding: Funding::Prefunded,
        money: AssetId::new(0),
        tax_basis: TaxBasis::VatOut,
        tax_bp: 1_300,
        fee_ppm: 6_000,
        hand_over_within: Nanoseconds(MINUTE),
        inspect_within: Nanoseconds(MINUTE),
        return_days: 7,
        agreed_days: 0,
        exemption: None,
        delivery: Delivery::Ship,
        covered: Covered::No,
        document: [1; 32],
    };
    let flash = |mode| SaleTerms {
        model: Model::FlashSale,
        plan: Plan::Flash(mode),
        ..plain
    };
    [
        plain,
        SaleTerms {
            return_days: 0,
            agreed_days: 100,
            ..plain
        },
        SaleTerms {
            model: Model::GroupBuy,
            plan: Plan::Group,
            ..plain
        },
        SaleTerms {
            model: Model::Presale,
            plan: Plan::Presale { deposit_bp: 3_000 },
            ..plain
        },
        flash(FlashMode::Queue {
            per_second: 9,
            valid_for: Nanoseconds(MINUTE),
        }),
        flash(FlashMode::Lottery),
    ]
}

fn offer(terms: u32) -> Body {
    let closes = Time::new(30 * 24 * 60 * MINUTE).expect("in bounds");
    let later = closes.after(Nanoseconds(MINUTE));
    let last = later.after(Nanoseconds(MINUTE));
    let tier = |from, price| Tier { from, price };
    let (limit, course) = match terms {
        2 => (1_000_000, Course::Group { quorum: 5 }),
        3 => (
            1_000_000,
            Course::Presale {
                pay_from: later,
                pay_until: last,
            },
        ),
        5 => (
            3,
            Course::Lottery {
                commitment: [9; 32],
                draw_by: later,
            },
        ),
        _ => (1_000_000, Course::Plain),
    };
    let drawn = terms == 5;
    sales(SalesCommand::Offer(MakeOffer {
        terms: TermsId::new(terms),
        account: AccountId::new(0),
        goods: AssetId::new(1),
        warehouse: CustodianId::new(1),
        piece_units: 1,
        prices: Prices {
            tiers: if terms == 2 {
                vec![tier(1, 333), tier(100, 300)]
            } else {
                vec![tier(1, 333)]
            },
            step: 1,
            min: if drawn { 3 } else { 1 },
            max: if drawn { 3 } else { 9 },
            limit: Some(limit),
            opens: Time::ZERO,
            closes: (terms > 1).then_some(closes),
        },
        stock: 100_000,
        course,
    }))
}

/// Commands, made by an engine of their own: it says which rows contracts get.
struct Script {
    engine: Engine,
    commands: Vec<Sequenced<Command>>,
    events: Events,
    minutes: i64,
    offers: Vec<OfferId>,
}

impl Script {
    fn send(&mut self, body: Body) -> Option<ContractId> {
        let command = sequenced(
            Sequence::new(self.commands.len() as u64 + 1),
            Time::new(self.minutes * MINUTE).expect("in bounds"),
            body,
        );
        self.events.clear();
        self.engine.apply(&command, &mut self.events);
        self.commands.push(command);
        let mut contract = None;
        for event in self.events.as_slice() {
            if let Event::Contract(ContractEvent::Step(report)) = event {
                contract = Some(report.contract());
            }
            if let Event::Sale(SaleEvent::Offer(report)) = event
                && report.act == OfferAct::Offered
            {
                self.offers.push(report.offer);
            }
        }
        contract
    }

    fn reserve(&mut self, offer: usize, account: AccountId) -> Option<ContractId> {
        self.send(Body::Contract(ContractCommand::Reserve(Reserve {
            offer: self.offers[offer],
            version: 1,
            account,
            pieces: 3,
            delivery_reference: [1; 16],
            pickup: None,
            confirmed: Confirmed::No,
        })))
    }

    /// Steps of one contract in their order, each by buyer or seller.
    fn steps(&mut self, contract: Option<ContractId>, steps: &[(AccountId, Act)]) {
        for (version, (account, act)) in (1..).zip(steps) {
            self.send(Body::Contract(ContractCommand::Step(TakeStep {
                contract: contract.expect("it was formed"),
                version,
                account: Some(*account),
                act: *act,
            })));
        }
    }

    /// One round: a contract that is performed and returned in two parts by right, one by
    /// agreement; a place in a group, a presale, a ticket and what it admits to, all given up; and
    /// a contract that expires in the tick at the end. In the first rounds each buyer enters a
    /// lottery.
    fn round(&mut self, at: u32, enters: bool) {
        let (buyer, seller) = (AccountId::new(at % BUYERS + 1), AccountId::new(0));
        let reference = [2; 16];
        let to = TakenTo::Stock;
        let returned = [
            (seller, Act::HandOver { reference }),
            (buyer, Act::Accept),
            (buyer, Act::AskReturn { pieces: 1 }),
            (seller, Act::TakeBack { to }),
            (buyer, Act::AskReturn { pieces: 2 }),
            (seller, Act::TakeBack { to }),
        ];
        for offer in [0, 1] {
            let contract = self.reserve(offer, buyer);
            self.steps(contract, &returned);
        }
        let entry = self.reserve(2, buyer);
        self.steps(entry, &[(buyer, Act::Cancel)]);
        let presale = self.reserve(3, buyer);
        self.steps(presale, &[(seller, Act::Cancel)]);
        let offer = self.offers[4];
        let account = buyer;
        self.send(sales(SalesCommand::Join(Join { offer, account })));
        let admitted = self.reserve(4, buyer);
        self.steps(admitted, &[(seller, Act::Cancel)]);
        if enters {
            self.reserve(5, buyer);
        }
        let left = self.reserve(0, buyer);
        // Refused: it is the seller's.
        self.steps(left, &[(buyer, Act::HandOver { reference })]);
        self.minutes += 1;
        self.send(Body::Tick);
        self.minutes += 1;
    }
}

/// All commands, and how many of them open what is opened once.
fn all_commands() -> (Vec<Sequenced<Command>>, usize) {
    let mut script = Script {
        engine: engine(),
        commands: Vec::new(),
        events: Events::with_capacity(64),
        minutes: 0,
        offers: Vec::new(),
    };
    let models = [
        Model::FixedPrice,
        Model::FlashSale,
        Model::GroupBuy,
        Model::Presale,
    ];
    for body in founding(BUYERS, Regime::Sandbox, &models) {
        script.send(body);
    }
    for terms in terms() {
        script.send(sales(SalesCommand::DefineTerms(terms)));
    }
    for terms in 0..6 {
        script.send(offer(terms));
    }
    assert_eq!(script.offers.len(), 6);
    for at in 0..=BUYERS {
        script.round(at, false);
    }
    let warm = script.commands.len();
    for at in 0..ROUNDS {
        script.round(at, at < BUYERS);
    }
    (script.commands, warm)
}

fn engine() -> Engine {
    Engine::new(Limits {
        requests_capacity: 16,
        ..Limits::default()
    })
}

#[test]
fn campaigns_allocate_nothing() {
    let (commands, warm) = all_commands();
    let mut engine = engine();
    let mut events = Events::with_capacity(64);
    let (before, lives) = commands.split_at(warm);
    for command in before {
        events.clear();
        engine.apply(command, &mut events);
    }
    let mut ended = BTreeMap::<State, u32>::new();
    for state in [
        State::Entered,
        State::Refunded,
        State::Cancelled,
        State::Defaulted,
    ] {
        ended.insert(state, 0);
    }
    let mut refused = 0;
    let region = Region::new(ALLOCATOR);
    for command in lives {
        events.clear();
        engine.apply(command, &mut events);
        for event in events.as_slice() {
            if let Event::Contract(ContractEvent::Step(report)) = event
                && let Some(count) = ended.get_mut(&report.state)
            {
                *count += 1;
            }
            if let Event::Contract(ContractEvent::Refused(_)) = event {
                refused += 1;
            }
        }
    }
    let change = region.change();
    let calls = calls(&change);
    assert!(lives.len() >= 48_000, "{}", lives.len());
    println!("{} commands, ended {ended:?}, {calls:?}", lives.len());
    assert_eq!(calls, [0; 3], "allocations, reallocations, deallocations");
    let counts: Vec<_> = ended.into_values().collect();
    assert_eq!(
        counts,
        [2 * ROUNDS, 3 * ROUNDS, ROUNDS, BUYERS],
        "refunded, given up, expired, in the lottery"
    );
    assert_eq!(refused, ROUNDS);
    assert_eq!(engine.audit(), Ok(()));
}

//! Deadlines of contracts cost by what is due, not by what is open: counted in rows looked at.
//!
//! Invariant: the same commands look at the same rows, so the counts are exact on any machine. Not
//! here: the deadlines of orders (`engine::work_tests`), what passes then (`tests/market`), the
//! heap of deadlines itself (`requests::expiry`), which goes as deep as it is full.

use crate::book::arena::looked;
use crate::command::*;
use crate::engine::Engine;
use crate::event::{ContractEvent, ContractStep, Event, Events, SaleEvent};
use crate::limits::Limits;
use crate::types::*;
use crate::venue::{Model, Regime};

const HOUR: i64 = 3_600_000_000_000;
const SELLER: AccountId = AccountId::new(0);
const BUYER: AccountId = AccountId::new(1);
/// Contracts due at one instant: two full ticks and a part of a third.
const DUE: u32 = 600;
/// How many pass in a tick.
const PER_TICK: usize = Limits::EXPIRIES_PER_TICK_MAX / Limits::EXPIRIES_PER_CONTRACT;

/// A tick's work: the deadlines that passed, all events, the rows looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Work {
    passed: usize,
    events: usize,
    rows: u64,
}

struct Shop {
    engine: Engine,
    time: Time,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

fn founding() -> Vec<Body> {
    let demonstration = Demonstration::Demonstration;
    let firm = name("firm");
    let mut list = vec![Body::CreateParticipant(CreateParticipant { name: firm })];
    for (at, text) in ["seller", "buyer"].into_iter().enumerate() {
        let name = name(text);
        list.push(Body::CreateOwner(CreateOwner { name }));
        list.push(Body::CreateAccount(CreateAccount {
            name,
            participant: ParticipantId::new(0),
            owner: OwnerId::new(at as u32),
        }));
    }
    list.push(Body::CreateVenue(Box::new(CreateVenue {
        name: name("shop"),
        title: Title::EMPTY,
        regimes: vec![Regime::EcomB2c],
        models: vec![Model::FixedPrice],
        demonstration,
        licence: None,
        calendar: None,
    })));
    let goods = AssetClass::Goods {
        unit: name("box"),
        decimals: 0,
    };
    let money = AssetClass::Currency { decimals: 2 };
    let parts = [
        ("CNY", money, CustodianKind::Bank, BUYER),
        ("TEA", goods, CustodianKind::Warehouse, SELLER),
    ];
    for (at, (text, class, kind, account)) in parts.into_iter().enumerate() {
        let name = name(text);
        list.push(Body::CreateAsset(CreateAsset {
            name,
            class,
            demonstration,
        }));
        list.push(Body::CreateCustodian(CreateCustodian {
            name,
            kind,
            demonstration,
        }));
        list.push(Body::Instruct(Instruct {
            account,
            asset: AssetId::new(at as u32),
            custodian: CustodianId::new(at as u32),
            direction: Direction::Deposit,
            amount: Amount::new(100_000_000).expect("in bounds"),
        }));
    }
    list
}

/// Terms with so many hours to hand over.
fn terms(hours: i64) -> SalesCommand {
    SalesCommand::DefineTerms(SaleTerms {
        venue: VenueId::new(0),
        model: Model::FixedPrice,
        plan: Plan::Plain,
        funding: Funding::Prefunded,
        money: AssetId::new(0),
        tax_basis: TaxBasis::VatIn,
        tax_bp: 1_300,
        fee_ppm: 6_000,
        hand_over_within: Nanoseconds(hours * HOUR),
        inspect_within: Nanoseconds(24 * HOUR),
        return_days: 7,
        agreed_days: 0,
        exemption: None,
        delivery: Delivery::Ship,
        covered: Covered::No,
        document: [1; 32],
    })
}

fn offer(terms: u32) -> SalesCommand {
    let from = 1;
    SalesCommand::Offer(MakeOffer {
        terms: TermsId::new(terms),
        account: SELLER,
        goods: AssetId::new(1),
        warehouse: CustodianId::new(1),
        piece_units: 1,
        prices: Prices {
            tiers: vec![Tier { from, price: 100 }],
            step: 1,
            min: 1,
            max: 100,
            limit: None,
            opens: Time::ZERO,
            closes: None,
        },
        stock: 100_000,
        course: Course::Plain,
    })
}

impl Shop {
    fn send(&mut self, body: Body) -> (Vec<Event>, u64) {
        let command = Sequenced {
            sequence: self.engine.sequence().next(),
            time: self.time,
            value: Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity: Identity::Internal,
                    valid_until: None,
                    authority: None,
                },
                body,
            },
        };
        let mut events = Events::default();
        looked::take();
        self.engine.apply(&command, &mut events);
        (events.as_slice().to_vec(), looked::take())
    }

    fn offered(&mut self, at: u32, hours: i64) -> OfferId {
        self.send(Body::Sales(Box::new(terms(hours))));
        let (events, _) = self.send(Body::Sales(Box::new(offer(at))));
        let Some(Event::Sale(SaleEvent::Offer(report))) = events.first() else {
            panic!("it is offered: {events:?}");
        };
        report.offer
    }

    fn reserve(&mut self, offer: OfferId) -> u64 {
        let live = self.engine.contracts().live();
        let (events, rows) = self.send(Body::Contract(ContractCommand::Reserve(Reserve {
            offer,
            version: 1,
            account: BUYER,
            pieces: 1,
            delivery_reference: [1; 16],
            pickup: None,
            confirmed: Confirmed::No,
        })));
        assert_eq!(self.engine.contracts().live(), live + 1, "{events:?}");
        rows
    }

    fn tick(&mut self) -> Work {
        let (events, rows) = self.send(Body::Tick);
        let passed = |event: &&Event| {
            let Event::Contract(ContractEvent::Step(report)) = event else {
                return false;
            };
            report.step == ContractStep::Deadline
        };
        Work {
            passed: events.iter().filter(passed).count(),
            events: events.len(),
            rows,
        }
    }

    /// A tick after a restart, and that it is the same one without.
    fn tick_restarted(&mut self) -> Work {
        let sections = self.engine.encode_sections();
        let restored = Engine::decode_sections(*self.engine.limits(), &sections);
        let engine = restored.expect("its own");
        let work = self.tick();
        let time = self.time;
        let mut other = Self { engine, time };
        assert_eq!(other.tick(), work, "after a restart");
        work
    }
}

/// So many open contracts; [`DUE`] of them, spread among the others, have a day, the rest have two.
fn open(contracts: u32) -> (Shop, OfferId) {
    let mut shop = Shop {
        engine: Engine::new(Limits::default()),
        time: Time::new(400 * 24 * HOUR).expect("in bounds"),
    };
    for body in founding() {
        shop.send(body);
    }
    let (day, two) = (shop.offered(0, 24), shop.offered(1, 48));
    for at in 0..contracts {
        // The whole part rises DUE times on the way.
        let is_due = (at + 1) * DUE / contracts > at * DUE / contracts;
        shop.reserve(if is_due { day } else { two });
    }
    assert_eq!(shop.engine.contracts().live(), contracts);
    (shop, two)
}

/// What a tick before the day is over, the ticks that pass all that is due, one after them, and
/// one more reserve cost, with so many open.
fn work(contracts: u32) -> (Vec<Work>, u64) {
    let (mut shop, offer) = open(contracts);
    let end = shop.time.after(Nanoseconds(24 * HOUR));
    shop.time = Time::new(end.nanoseconds() - 1).expect("in bounds");
    let mut all = vec![shop.tick_restarted()];
    shop.time = end;
    loop {
        let work = shop.tick_restarted();
        all.push(work);
        if work.passed == 0 {
            break;
        }
    }
    assert_eq!(shop.engine.contracts().live(), contracts - DUE);
    assert_eq!(shop.engine.audit(), Ok(()));
    let rows = shop.reserve(offer);
    (all, rows)
}

#[test]
fn deadlines_of_contracts_look_at_the_rows_of_what_is_due_however_many_are_open() {
    let (few, reserve) = work(1_000);
    let passed: Vec<_> = few.iter().map(|work| work.passed).collect();
    let last = DUE as usize - 2 * PER_TICK;
    assert_eq!(passed, [0, PER_TICK, PER_TICK, last, 0]);
    let none = Work {
        passed: 0,
        events: 0,
        rows: 0,
    };
    assert_eq!((few[0], few[4]), (none, none), "nothing is due");
    for work in &few[1..4] {
        // The count counts: each row that passed was looked at, and so was its offer.
        assert!(work.rows >= 2 * work.passed as u64, "{work:?}");
        assert_eq!(work.rows % work.passed as u64, 0, "{work:?}");
    }
    assert!(reserve > 0);
    assert_eq!(work(50_000), (few, reserve));
}

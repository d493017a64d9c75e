//! The command that pays the most debts of sellers: as many as may be owed, at the end of a tick
//! that itself passes as many deadlines as a tick may, by which all that owe are paid.
//!
//! Invariant: each debt is paid once, by one event, and nothing is allocated for it; times are
//! those of the thread's own CPU, printed and not judged. Not here: a deposit, which comes to one
//! seller and so pays `owing_per_seller_max` at most (`shops/owing.rs`).

#![allow(clippy::disallowed_methods)] // a test may read clocks

use std::alloc::System;
use std::time::Duration;

use cpu_time::ThreadTime;
use sanjiang_engine::command::*;
use sanjiang_engine::event::{ContractEvent, ContractReport, ContractStep, Event, State};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Regime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "support/fed.rs"]
mod fed;
#[path = "support/sequenced.rs"]
mod sequenced;
#[path = "support/stall.rs"]
mod stall;

use fed::Fed;
use stall::{calls, deposit, founding, sales};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Contracts by which something may be owed: of all sellers, of one. The default limits.
const OWING: u32 = 1_024;
const OF_ONE: u32 = 16;
/// Deadlines of contracts that one tick passes.
const PASSED: u32 = (Limits::EXPIRIES_PER_TICK_MAX / Limits::EXPIRIES_PER_CONTRACT) as u32;
const SELLERS: u32 = OWING / OF_ONE;
const BUYERS: u32 = OF_ONE;
const PRICE: i64 = 100;
const BEGAN: i64 = 1 << 40;
const MONEY: AssetId = AssetId::new(0);
const HOUR: i64 = 3_600_000_000_000;

/// An engine whose sellers owe.
struct Filled {
    fed: Fed,
}

impl Filled {
    /// The contract that a command formed, or went on with.
    fn deal(&mut self, body: Body) -> ContractReport {
        self.fed.send(body);
        let first = self.fed.events.as_slice().first();
        let Some(Event::Contract(ContractEvent::Step(report))) = first else {
            panic!("{first:?}");
        };
        *report
    }

    fn take(&mut self, last: &ContractReport, account: u32, act: Act) -> ContractReport {
        self.deal(Body::Contract(ContractCommand::Step(TakeStep {
            contract: last.contract(),
            version: last.version,
            account: Some(AccountId::new(account)),
            act,
        })))
    }

    /// Sellers with goods and without money, each with an offer of what comes back by agreement.
    fn open() -> (Self, Vec<OfferId>) {
        let time = Time::new(400 * 24 * HOUR).expect("in bounds");
        let mut filled = Self {
            fed: Fed::new(Limits::default(), time, 4_096),
        };
        for body in founding(SELLERS + BUYERS - 1, Regime::EcomB2c, &[Model::FixedPrice]) {
            filled.fed.send(body);
        }
        filled.fed.send(sales(SalesCommand::DefineTerms(SaleTerms {
            venue: VenueId::new(0),
            model: Model::FixedPrice,
            plan: Plan::Plain,
            funding: Funding::Prefunded,
            money: MONEY,
            tax_basis: TaxBasis::VatIn,
            tax_bp: 1_300,
            fee_ppm: 0,
            hand_over_within: Nanoseconds(24 * HOUR),
            inspect_within: Nanoseconds(24 * HOUR),
            return_days: 0,
            agreed_days: 30,
            exemption: Some(Exemption::CustomMade),
            delivery: Delivery::Ship,
            covered: Covered::No,
            document: [1; 32],
        })));
        let offers = (0..SELLERS).map(|seller| filled.offer(seller)).collect();
        (filled, offers)
    }

    fn offer(&mut self, seller: u32) -> OfferId {
        self.fed.send(deposit(seller, 1, 1, 1_000));
        self.withdraw(seller, BEGAN);
        self.fed.send(sales(SalesCommand::Offer(MakeOffer {
            terms: TermsId::new(0),
            account: AccountId::new(seller),
            goods: AssetId::new(1),
            warehouse: CustodianId::new(1),
            piece_units: 1,
            prices: Prices {
                tiers: vec![Tier {
                    from: 1,
                    price: PRICE,
                }],
                step: 1,
                min: 1,
                max: 100,
                limit: None,
                opens: Time::ZERO,
                closes: None,
            },
            stock: 500,
            course: Course::Plain,
        })));
        OfferId {
            sequence: self.fed.engine.sequence().value(),
            slot: seller,
        }
    }

    fn withdraw(&mut self, seller: u32, units: i64) {
        self.fed.send(Body::Instruct(Instruct {
            account: AccountId::new(seller),
            asset: MONEY,
            custodian: CustodianId::new(0),
            direction: Direction::Withdrawal,
            amount: Amount::new(units).expect("in bounds"),
        }));
    }

    /// A buyer has pieces, delivered.
    fn delivered(&mut self, offer: OfferId, buyer: u32, pieces: u32) -> ContractReport {
        let reserved = self.deal(Body::Contract(ContractCommand::Reserve(Reserve {
            offer,
            version: 1,
            account: AccountId::new(SELLERS + buyer),
            pieces,
            delivery_reference: [1; 16],
            pickup: None,
            confirmed: Confirmed::No,
        })));
        let (seller, reference) = (offer.slot, [2; 16]);
        let handed = self.take(&reserved, seller, Act::HandOver { reference });
        self.take(&handed, seller, Act::Deliver { reference })
    }

    /// Each seller owes each buyer for a piece, as many as may be owed at all; the debts of one lie
    /// apart if `spread`, else side by side.
    fn owe(&mut self, offers: &[OfferId], spread: bool) {
        let mut asked = Vec::new();
        for offer in offers {
            for buyer in 0..BUYERS {
                let bought = self.delivered(*offer, buyer, 1);
                let has = self.take(&bought, SELLERS + buyer, Act::Accept);
                assert_eq!(has.state, State::Performed);
                let ask = Act::AskReturn { pieces: 1 };
                let ask = self.take(&has, SELLERS + buyer, ask);
                asked.push((offer.slot, buyer, ask));
            }
            self.withdraw(offer.slot, i64::from(BUYERS) * PRICE);
        }
        if spread {
            asked.sort_by_key(|(_, buyer, _)| *buyer);
        }
        for (seller, _, ask) in &asked {
            let to = TakenTo::WriteOff;
            let owing = self.take(ask, *seller, Act::TakeBack { to });
            assert_eq!((owing.state, owing.owing), (State::Owing, PRICE));
        }
        let usage = self.fed.engine.usage();
        assert_eq!((usage.owing, usage.owing_max), (OWING, OWING));
    }

    /// A tick at which as many contracts as may be are accepted by silence, of these sellers: all
    /// that they owe is paid. How many payments, and how long it took.
    fn paid_at_once(&mut self, payers: &[OfferId]) -> (usize, Duration) {
        let each = PASSED / payers.len() as u32;
        for offer in payers {
            for at in 0..each {
                // All of them together are more than is owed.
                self.delivered(*offer, at % BUYERS, 1 + BUYERS / each);
            }
        }
        self.fed.time = self.fed.time.after(Nanoseconds(24 * HOUR));
        assert_eq!(self.fed.engine.audit(), Ok(()));
        let region = Region::new(ALLOCATOR);
        let began = ThreadTime::now();
        self.fed.send(Body::Tick);
        let took = began.elapsed();
        let change = region.change();
        let calls = calls(&change);
        assert_eq!(calls, [0; 3], "allocations, reallocations, deallocations");
        let (mut passed, mut payments) = (0, 0);
        for event in self.fed.events.as_slice() {
            let Event::Contract(ContractEvent::Step(report)) = event else {
                panic!("{event:?}");
            };
            passed += u32::from(report.step == ContractStep::Deadline);
            if report.step == ContractStep::Repay {
                assert_eq!((report.penalty, report.owing), (PRICE, 0));
                assert_eq!(report.state, State::Refunded);
                payments += 1;
            }
        }
        assert_eq!(passed, PASSED);
        assert_eq!(self.fed.engine.audit(), Ok(()));
        (payments, took)
    }
}

#[test]
fn a_tick_pays_all_that_may_be_owed_and_allocates_nothing() {
    for (spread, payers, what) in [
        (true, SELLERS, "all, the debts of each seller far apart"),
        (false, SELLERS, "all, the debts of each seller side by side"),
        (true, SELLERS / 2, "every second debt"),
        (false, SELLERS / 2, "the younger half"),
    ] {
        let (mut filled, offers) = Filled::open();
        filled.owe(&offers, spread);
        let payers = &offers[(SELLERS - payers) as usize..];
        let (payments, took) = filled.paid_at_once(payers);
        println!("{what}: {PASSED} deadlines, {payments} payments, {took:?}");
        assert_eq!(payments, payers.len() * BUYERS as usize);
        let left = OWING as usize - payments;
        assert_eq!(filled.fed.engine.usage().owing as usize, left);
    }
    // The same without debts, to compare with.
    let (mut filled, offers) = Filled::open();
    let (payments, took) = filled.paid_at_once(&offers);
    println!("nothing owed: {PASSED} deadlines, {payments} payments, {took:?}");
    assert_eq!(payments, 0);
}

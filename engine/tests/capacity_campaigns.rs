//! A group that closes and a lottery that is drawn with as many entries as there may be: how long
//! their longest command is.
//!
//! Invariant: every entry has its turn, in as many ticks as the bound says; times are those of the
//! thread's own CPU, printed and not judged. Not here: what they decide (`market/scenarios`,
//! `shops`), memory (`capacity_shops`).

#![allow(clippy::disallowed_methods)] // a test may read clocks

#[path = "support/fed.rs"]
mod fed;
#[path = "support/sequenced.rs"]
mod sequenced;
#[path = "support/shop.rs"]
mod shop;

use std::time::Duration;

use cpu_time::ThreadTime;
use fed::Fed;
use sanjiang_engine::command::*;
use sanjiang_engine::event::{Event, SaleEvent};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::Model;
use sha2::{Digest, Sha256};
use shop::{HOUR, founding, offer, plain_terms, reserve, sales};

/// As many as the default bound lets wait.
const ENTRIES: u32 = 65_536;
const SEED: [u8; 32] = [7; 32];

struct Timed {
    fed: Fed,
    longest: Duration,
}

impl Timed {
    fn open() -> Self {
        let limits = Limits {
            orders_max: 1_024,
            requests_capacity: 1_024,
            accounts_max: ENTRIES + 1,
            owners_max: ENTRIES + 1,
            positions_max: 4 * ENTRIES,
            entries_max: ENTRIES,
            contracts_max: ENTRIES,
            buyers_max: ENTRIES,
            ..Limits::default()
        };
        let mut timed = Self {
            fed: Fed::new(limits, Time::new(9_600 * HOUR).expect("in bounds"), 4_096),
            longest: Duration::ZERO,
        };
        for body in founding(ENTRIES) {
            timed.fed.send(body);
        }
        timed
    }

    fn hours_later(&self, hours: i64) -> Time {
        self.fed.time.after(Nanoseconds(hours * HOUR))
    }

    /// A tick, timed: the clock of a thread is a system call, which a reserve is not to pay for.
    fn tick(&mut self) {
        let began = ThreadTime::now();
        self.fed.send(Body::Tick);
        self.longest = self.longest.max(began.elapsed());
    }

    /// An offer of a model, and an entry of every buyer.
    fn fill(&mut self, terms: SaleTerms, course: Course, stock: u32) -> OfferId {
        self.fed.send(sales(SalesCommand::DefineTerms(terms)));
        let Body::Sales(command) = offer(stock, Some(1)) else {
            unreachable!("an offer is about sales");
        };
        let SalesCommand::Offer(mut make) = *command else {
            unreachable!("it is an offer");
        };
        make.prices.max = 1;
        make.prices.closes = Some(self.hours_later(1));
        make.course = course;
        self.fed.send(sales(SalesCommand::Offer(make)));
        let Some(Event::Sale(SaleEvent::Offer(report))) = self.fed.events.as_slice().first() else {
            panic!("it is offered: {:?}", self.fed.events.as_slice());
        };
        let offered = report.offer;
        for buyer in 1..=ENTRIES {
            self.fed.send(reserve(offered, buyer, 1));
        }
        assert_eq!(self.fed.engine.contracts().live(), ENTRIES);
        offered
    }

    /// Ticks until nothing is due; how many, and what the longest took.
    fn ticks(&mut self) -> (u32, Duration) {
        self.longest = Duration::ZERO;
        let mut ticks = 0;
        while self
            .fed
            .engine
            .next_deadline()
            .is_some_and(|due| due <= self.fed.time)
        {
            self.tick();
            ticks += 1;
        }
        assert_eq!(self.fed.engine.audit(), Ok(()));
        (ticks, self.longest)
    }
}

#[test]
fn a_full_group_closes_in_small_steps() {
    let mut timed = Timed::open();
    let terms = SaleTerms {
        model: Model::GroupBuy,
        plan: Plan::Group,
        ..plain_terms(7)
    };
    timed.fill(terms, Course::Group { quorum: 1 }, ENTRIES);
    timed.fed.time = timed.hours_later(1);
    let (ticks, longest) = timed.ticks();
    println!("a group of {ENTRIES} closes in {ticks} ticks, the longest {longest:?}");
    assert_eq!(ticks, ENTRIES / 256);
}

#[test]
fn a_full_lottery_is_drawn_in_small_steps() {
    let mut timed = Timed::open();
    let terms = SaleTerms {
        model: Model::FlashSale,
        plan: Plan::Flash(FlashMode::Lottery),
        ..plain_terms(7)
    };
    let course = Course::Lottery {
        commitment: Sha256::digest(SEED).into(),
        draw_by: timed.hours_later(2),
    };
    let offer = timed.fill(terms, course, ENTRIES / 2);
    timed.fed.time = timed.hours_later(1);
    timed.fed.send(sales(SalesCommand::BringValue(BringValue {
        offer,
        value: [5; 32],
        source: shop::name("a block"),
    })));
    timed.fed.send(sales(SalesCommand::RevealSeed(RevealSeed {
        offer,
        seed: SEED,
    })));
    timed.fed.time = timed.hours_later(1);
    let (ticks, longest) = timed.ticks();
    println!("a lottery of {ENTRIES} is drawn in {ticks} ticks, the longest {longest:?}");
    assert_eq!(
        ticks,
        2 * ENTRIES / 256,
        "each is counted, and has its turn"
    );
}

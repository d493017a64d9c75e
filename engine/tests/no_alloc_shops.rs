//! Contracts allocate nothing: rows, timers and buyers lie in tables that were reserved when the
//! engine was built; so do the uses of annual limits that imports are held against.
//!
//! Invariant: the commands are made before, and 24,000 of them applied without a call to the
//! allocator: formed (also by baskets with a discount), performed, given up, returned, expired; and
//! so once more where the seller is paid on cover of a guarantee that it sets anew each round. The
//! harness runs one test here, so nothing else allocates beside it. Not here: making and
//! withdrawing offers with several tiers, instructions to banks, which are not the path of
//! reserves.

use std::alloc::System;

use sanjiang_engine::command::*;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{ContractEvent, Event, Events, State};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Regime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "support/sequenced.rs"]
mod sequenced;
#[path = "support/stall.rs"]
mod stall;

use sequenced::sequenced;
use stall::{calls, deposit, founding, sales};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BUYERS: u32 = 16;
const ROUNDS: u64 = 2_000;
const HOUR: i64 = 3_600_000_000_000;
/// The rounds begin on this hour of 1970: its end, by which imports are counted, lies among them.
const BEGIN: i64 = 24 * 285;

/// The commands that open the shop, and its terms.
fn opening(covered: Covered) -> Vec<Body> {
    let mut bodies = founding(BUYERS, Regime::CrossBorderRetail, &[Model::FixedPrice]);
    bodies.push(sales(SalesCommand::DefineTerms(SaleTerms {
        venue: VenueId::new(0),
        model: Model::FixedPrice,
        plan: Plan::Plain,
        funding: Funding::Prefunded,
        money: AssetId::new(0),
        tax_basis: TaxBasis::VatOut,
        tax_bp: 1_300,
        fee_ppm: 6_000,
        hand_over_within: Nanoseconds(HOUR),
        inspect_within: Nanoseconds(HOUR),
        return_days: 7,
        agreed_days: 0,
        exemption: None,
        delivery: Delivery::Ship,
        covered,
        document: [1; 32],
    })));
    if covered == Covered::Yes {
        bodies.push(deposit(0, 0, 0, 1 << 40));
        bodies.push(guarantee(0));
    }
    bodies
}

/// A little more or less, by the round.
fn guarantee(round: u64) -> Body {
    let units = (1 << 39) + round as i64 % 2;
    sales(SalesCommand::SetGuarantee(SetGuarantee {
        venue: VenueId::new(0),
        account: AccountId::new(0),
        money: AssetId::new(0),
        amount: Amount::new(units).expect("in bounds"),
    }))
}

fn offer() -> Body {
    let price = Tier {
        from: 1,
        price: 333,
    };
    sales(SalesCommand::Offer(MakeOffer {
        terms: TermsId::new(0),
        account: AccountId::new(0),
        goods: AssetId::new(1),
        warehouse: CustodianId::new(1),
        piece_units: 1,
        prices: Prices {
            tiers: vec![price],
            step: 1,
            min: 1,
            max: 9,
            limit: Some(1_000_000),
            opens: Time::ZERO,
            closes: None,
        },
        stock: 400_000,
        course: Course::Plain,
    }))
}

/// 30 % off two lines, as often as one likes.
fn discount() -> Body {
    sales(SalesCommand::DefineDiscount(DefineDiscount {
        account: AccountId::new(0),
        venue: VenueId::new(0),
        money: AssetId::new(0),
        threshold: 100,
        off: Off::Share {
            bp: 3_000,
            at_most: 1_000,
        },
        opens: Time::ZERO,
        closes: Time::new((BEGIN + 366 * 24) * HOUR).expect("in bounds"),
        uses: 1 << 30,
        per_owner: 1 << 30,
        code: None,
    }))
}

fn basket(account: AccountId, offers: (OfferId, OfferId), discount: DiscountId) -> Body {
    let line = |offer| Line {
        offer,
        version: 1,
        pieces: 1,
        pickup: None,
        confirmed: Confirmed::No,
    };
    Body::Contract(ContractCommand::Basket(Box::new(Basket {
        account,
        lines: vec![line(offers.0), line(offers.1)],
        discount: Some(discount),
        code: None,
        delivery_reference: [1; 16],
    })))
}

/// One round: a contract that is performed and returned in two parts, one that is given up, one
/// that expires in the tick at its end, and a basket of two with a discount that are given up.
/// `first` is the sequence of its first command.
fn round(at: u64, first: u64, (offer, beside, discount): Promised) -> Vec<Body> {
    let buyer = AccountId::new(at as u32 % BUYERS + 1);
    let seller = AccountId::new(0);
    let reserve = || {
        Body::Contract(ContractCommand::Reserve(Reserve {
            offer,
            version: 1,
            account: buyer,
            pieces: 3,
            delivery_reference: [1; 16],
            pickup: None,
            confirmed: Confirmed::No,
        }))
    };
    let step = |sequence, slot, version, account, act| {
        Body::Contract(ContractCommand::Step(TakeStep {
            contract: ContractId { sequence, slot },
            version,
            account: Some(account),
            act,
        }))
    };
    // Rows are used again as they were freed, so both rounds have the same ones.
    let (one, other) = (0, 1);
    let reference = [2; 16];
    let to = TakenTo::Stock;
    vec![
        reserve(),
        step(first, one, 1, seller, Act::HandOver { reference }),
        step(first, one, 2, buyer, Act::Accept),
        step(first, one, 3, buyer, Act::AskReturn { pieces: 1 }),
        step(first, one, 4, seller, Act::TakeBack { to }),
        step(first, one, 5, buyer, Act::AskReturn { pieces: 2 }),
        step(first, one, 6, seller, Act::TakeBack { to }),
        reserve(),
        step(first + 7, one, 1, seller, Act::Cancel),
        reserve(),
        // Refused: there is no such contract.
        step(first + 9, other, 1, buyer, Act::Accept),
        basket(buyer, (offer, beside), discount),
        step(first + 11, other, 1, seller, Act::Cancel),
        step(first + 11, other + 1, 1, seller, Act::Cancel),
    ]
}

/// Two offers and a discount.
type Promised = (OfferId, OfferId, DiscountId);

/// All commands, and how many of them open what is opened once.
fn all_commands(covered: Covered) -> (Vec<Sequenced<Command>>, usize) {
    let mut bodies = opening(covered);
    let sequence = bodies.len() as u64 + 1;
    let offered = |slot| OfferId {
        sequence: sequence + u64::from(slot),
        slot,
    };
    let promised = (
        offered(0),
        offered(1),
        DiscountId {
            sequence: sequence + 2,
            slot: 0,
        },
    );
    bodies.extend([offer(), offer(), discount()]);
    // A first round, and a tick, have opened what is opened once.
    let mut timed: Vec<(i64, Body)> = bodies.into_iter().map(|body| (BEGIN, body)).collect();
    let mut warm = 0;
    for at in 0..=ROUNDS + u64::from(BUYERS) {
        let hours = BEGIN + at as i64 * 2;
        let first = timed.len() as u64 + 1;
        timed.extend(
            round(at, first, promised)
                .into_iter()
                .map(|body| (hours, body)),
        );
        if covered == Covered::Yes {
            timed.push((hours, guarantee(at)));
        }
        timed.push((hours + 1, Body::Tick));
        if at == u64::from(BUYERS) {
            warm = timed.len();
        }
    }
    let commands = timed.into_iter().zip(1..).map(|((hours, body), at)| {
        sequenced(
            Sequence::new(at),
            Time::new(hours * HOUR).expect("in bounds"),
            body,
        )
    });
    (commands.collect(), warm)
}

/// One after the other, as the allocator counts for all.
#[test]
fn contracts_allocate_nothing() {
    for covered in [Covered::No, Covered::Yes] {
        nothing_is_allocated(covered);
    }
}

fn nothing_is_allocated(covered: Covered) {
    let mut engine = Engine::new(Limits {
        requests_capacity: 16,
        ..Limits::default()
    });
    let mut events = Events::with_capacity(64);
    let (commands, warm) = all_commands(covered);
    let (before, lives) = commands.split_at(warm);
    for command in before {
        events.clear();
        engine.apply(command, &mut events);
    }
    let mut ended = [0_u64; 3];
    let (mut refused, mut of_guarantee) = (0, 0);
    let region = Region::new(ALLOCATOR);
    for command in lives {
        events.clear();
        engine.apply(command, &mut events);
        for event in events.as_slice() {
            if let Event::Contract(ContractEvent::Step(report)) = event {
                of_guarantee += u64::from(report.penalty > 0);
                ended[0] += u64::from(report.state == State::Refunded);
                ended[1] += u64::from(report.state == State::Cancelled);
                ended[2] += u64::from(report.state == State::Defaulted);
            }
            if let Event::Contract(ContractEvent::Refused(_)) = event {
                refused += 1;
            }
        }
    }
    let change = region.change();
    let calls = calls(&change);
    println!("{} commands, ended {ended:?}, {calls:?}", lives.len());
    assert_eq!(calls, [0; 3], "allocations, reallocations, deallocations");
    let ends = [ROUNDS, 3 * ROUNDS, ROUNDS];
    assert_eq!(ended, ends, "refunded, given up, expired");
    assert_eq!(refused, ROUNDS);
    let answered = match covered {
        Covered::Yes => 2 * ROUNDS,
        Covered::No => 0,
    };
    assert_eq!(of_guarantee, answered, "two returns a round");
    let used = |year| engine.annual_use(OwnerId::new(1), year, Demonstration::Demonstration);
    assert_eq!(
        [1_970, 1_971].map(|year| used(year).here),
        [0, 0],
        "all came back"
    );
    assert_eq!(engine.annual_uses(), BUYERS, "one year is forgotten");
    assert_eq!(engine.audit(), Ok(()));
}

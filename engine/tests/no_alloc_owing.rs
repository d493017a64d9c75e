//! What a seller owes allocates nothing: the list of debts and that of sellers that got something
//! were reserved when the engine was built.
//!
//! Invariant: the commands are made before, and 19,500 of them applied without a call to the
//! allocator: two contracts a round whose pieces come back to a seller without money, one debt paid
//! in parts, the other whole. The harness runs one test here, so nothing else allocates beside it.
//! Not here: contracts that owe nothing (`no_alloc_shops`).

use std::alloc::System;

use sanjiang_engine::command::*;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{ContractEvent, ContractStep, Event, Events, State};
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

const ROUNDS: u64 = 1_500;
const WARM: u64 = 16;
const PAID: i64 = 999;
const MONEY: AssetId = AssetId::new(0);
const SELLER: AccountId = AccountId::new(0);
const BUYERS: [AccountId; 2] = [AccountId::new(1), AccountId::new(2)];

fn opening() -> Vec<Body> {
    let mut bodies = founding(2, Regime::EcomB2c, &[Model::FixedPrice]);
    bodies.push(sales(SalesCommand::DefineTerms(SaleTerms {
        venue: VenueId::new(0),
        model: Model::FixedPrice,
        plan: Plan::Plain,
        funding: Funding::Prefunded,
        money: MONEY,
        tax_basis: TaxBasis::VatIn,
        tax_bp: 1_300,
        fee_ppm: 0,
        hand_over_within: Nanoseconds(1 << 40),
        inspect_within: Nanoseconds(1 << 40),
        return_days: 0,
        agreed_days: 30,
        exemption: Some(Exemption::CustomMade),
        delivery: Delivery::Ship,
        covered: Covered::No,
        document: [1; 32],
    })));
    let price = Tier {
        from: 1,
        price: 333,
    };
    bodies.push(sales(SalesCommand::Offer(MakeOffer {
        terms: TermsId::new(0),
        account: SELLER,
        goods: AssetId::new(1),
        warehouse: CustodianId::new(1),
        piece_units: 1,
        prices: Prices {
            tiers: vec![price],
            step: 1,
            min: 1,
            max: 9,
            limit: None,
            opens: Time::ZERO,
            closes: None,
        },
        stock: 100,
        course: Course::Plain,
    })));
    // The seller has nothing left.
    bodies.push(moved(SELLER, BUYERS[0], 1 << 40));
    bodies
}

fn moved(from: AccountId, to: AccountId, units: i64) -> Body {
    Body::Credit(CreditCommand::Compensate(Transfer {
        from,
        to,
        asset: MONEY,
        amount: Amount::new(units).expect("in bounds"),
    }))
}

fn step(sequence: u64, slot: u32, version: u32, (account, act): (AccountId, Act)) -> Body {
    Body::Contract(ContractCommand::Step(TakeStep {
        contract: ContractId { sequence, slot },
        version,
        account: Some(account),
        act,
    }))
}

/// One round, its first command being `first`: both contracts are paid, spent, and given back; then
/// the seller gets what it owes in two parts.
fn round(at: u64, first: u64, offer: OfferId) -> Vec<Body> {
    // The row freed last is used first.
    let slots = [at as u32 % 2, 1 - at as u32 % 2];
    let (reference, to) = ([2; 16], TakenTo::Stock);
    let mut bodies: Vec<_> = BUYERS
        .iter()
        .map(|buyer| {
            Body::Contract(ContractCommand::Reserve(Reserve {
                offer,
                version: 1,
                account: *buyer,
                pieces: 3,
                delivery_reference: [1; 16],
                pickup: None,
                confirmed: Confirmed::No,
            }))
        })
        .collect();
    let each = |version, acts: [(AccountId, Act); 2]| {
        [0, 1].map(|one| step(first + one as u64, slots[one], version, acts[one]))
    };
    let sold = |act| [(SELLER, act), (SELLER, act)];
    let bought = |act| BUYERS.map(|buyer| (buyer, act));
    bodies.extend(each(1, sold(Act::HandOver { reference })));
    bodies.extend(each(2, bought(Act::Accept)));
    bodies.push(moved(SELLER, BUYERS[1], 2 * PAID));
    bodies.extend(each(3, bought(Act::AskReturn { pieces: 3 })));
    bodies.extend(each(4, sold(Act::TakeBack { to })));
    bodies.push(moved(BUYERS[0], SELLER, 400));
    bodies.push(moved(BUYERS[1], SELLER, 2 * PAID - 400));
    bodies
}

/// All commands, and how many of them open what is opened once.
fn all_commands() -> (Vec<Sequenced<Command>>, usize) {
    let mut bodies = opening();
    let offer = OfferId {
        sequence: bodies.len() as u64 - 1,
        slot: 0,
    };
    let mut warm = 0;
    for at in 0..WARM + ROUNDS {
        if at == WARM {
            warm = bodies.len();
        }
        bodies.extend(round(at, bodies.len() as u64 + 1, offer));
    }
    let commands = bodies.into_iter().zip(1..).map(|(body, at)| {
        let reason = Authority {
            reason: "agreed".to_owned(),
            ..Authority::default()
        };
        let time = Time::new(1 << 55).expect("in bounds");
        let mut command = sequenced(Sequence::new(at), time, body);
        command.value.envelope.authority = Some(Box::new(reason));
        command
    });
    (commands.collect(), warm)
}

#[test]
fn what_is_owed_allocates_nothing() {
    let mut engine = Engine::new(Limits {
        requests_capacity: 16,
        ..Limits::default()
    });
    let mut events = Events::with_capacity(64);
    let (commands, warm) = all_commands();
    let (before, lives) = commands.split_at(warm);
    for command in before {
        events.clear();
        engine.apply(command, &mut events);
    }
    let (mut owing, mut repaid, mut ended) = (0, 0, 0);
    let region = Region::new(ALLOCATOR);
    for command in lives {
        events.clear();
        engine.apply(command, &mut events);
        for event in events.as_slice() {
            if let Event::Contract(ContractEvent::Step(report)) = event {
                let repays = report.step == ContractStep::Repay;
                owing += u64::from(report.state == State::Owing && !repays);
                repaid += u64::from(repays);
                ended += u64::from(repays && report.state == State::Refunded);
            }
        }
    }
    let change = region.change();
    let calls = calls(&change);
    println!("{} commands, {repaid} payments, {calls:?}", lives.len());
    assert_eq!(calls, [0; 3], "allocations, reallocations, deallocations");
    let wanted = [2 * ROUNDS, 3 * ROUNDS, 2 * ROUNDS];
    assert_eq!([owing, repaid, ended], wanted, "owing, payments, ended");
    assert_eq!(engine.audit(), Ok(()));
}

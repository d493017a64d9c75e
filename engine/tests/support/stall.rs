//! What the tests of allocations open a shop with: parties, a venue, assets and their keepers, and
//! what everybody has.
//!
//! Invariant: account 0 sells and is given goods and money, the others buy; each is of an owner of
//! its own. Not here: terms and offers.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Regime};
use stats_alloc::Stats;

fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

/// So much of an asset comes in by this custodian.
pub fn deposit(account: u32, asset: u32, custodian: u32, units: i64) -> Body {
    Body::Instruct(Instruct {
        account: AccountId::new(account),
        asset: AssetId::new(asset),
        custodian: CustodianId::new(custodian),
        direction: Direction::Deposit,
        amount: Amount::new(units).expect("in bounds"),
    })
}

/// The commands that open it, under a regime, for sales by these models.
pub fn founding(buyers: u32, regime: Regime, models: &[Model]) -> Vec<Body> {
    let demonstration = Demonstration::Demonstration;
    let firm = name("firm");
    let mut bodies = vec![Body::CreateParticipant(CreateParticipant { name: firm })];
    for at in 0..=buyers {
        let name = name(&format!("a{at}"));
        bodies.push(Body::CreateOwner(CreateOwner { name }));
        bodies.push(Body::CreateAccount(CreateAccount {
            name,
            participant: ParticipantId::new(0),
            owner: OwnerId::new(at),
        }));
    }
    bodies.push(Body::CreateVenue(Box::new(CreateVenue {
        name: name("shop"),
        title: Title::EMPTY,
        regimes: vec![regime],
        models: models.to_vec(),
        demonstration,
        licence: None,
        calendar: None,
    })));
    let unit = name("box");
    for (text, class) in [
        ("CNY", AssetClass::Currency { decimals: 2 }),
        ("TEA", AssetClass::Goods { unit, decimals: 0 }),
    ] {
        let name = name(text);
        bodies.push(Body::CreateAsset(CreateAsset {
            name,
            class,
            demonstration,
        }));
    }
    for (text, kind) in [("B", CustodianKind::Bank), ("W", CustodianKind::Warehouse)] {
        let name = name(text);
        bodies.push(Body::CreateCustodian(CreateCustodian {
            name,
            kind,
            demonstration,
        }));
    }
    bodies.push(deposit(0, 1, 1, 1_000_000));
    bodies.push(deposit(0, 0, 0, 1 << 40));
    bodies.extend((1..=buyers).map(|buyer| deposit(buyer, 0, 0, 1 << 40)));
    bodies
}

/// A command about sales.
pub fn sales(command: SalesCommand) -> Body {
    Body::Sales(Box::new(command))
}

/// How often the allocator was called: to allocate, to make larger, to free.
pub fn calls(change: &Stats) -> [usize; 3] {
    [
        change.allocations,
        change.reallocations,
        change.deallocations,
    ]
}

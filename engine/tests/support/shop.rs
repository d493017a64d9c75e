//! A small shop: its founding, terms, offers and reserves, for tests of single rules.
//!
//! Invariant: money is asset 0, goods asset 1; the seller is account 0, buyers come after it.
//! Not here: worlds of many shops (`model/shop`).

#![allow(dead_code, reason = "each test uses its part")]

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Regime};

pub const MONEY: AssetId = AssetId::new(0);
pub const GOODS: AssetId = AssetId::new(1);
pub const BANK: CustodianId = CustodianId::new(0);
pub const WAREHOUSE: CustodianId = CustodianId::new(1);
pub const SELLER: AccountId = AccountId::new(0);
pub const HOUR: i64 = 3_600_000_000_000;

pub fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

pub fn fund(account: AccountId, asset: AssetId, custodian: CustodianId, units: i64) -> Body {
    Body::Instruct(Instruct {
        account,
        asset,
        custodian,
        direction: Direction::Deposit,
        amount: Amount::new(units).expect("in bounds"),
    })
}

/// One venue, a seller with a million pieces, so many buyers with a million of money.
pub fn founding(buyers: u32) -> Vec<Body> {
    let mut list = Vec::new();
    let demonstration = Demonstration::Demonstration;
    let firm = name("firm");
    list.push(Body::CreateParticipant(CreateParticipant { name: firm }));
    for at in 0..=buyers {
        let name = name(&format!("a{at}"));
        list.push(Body::CreateOwner(CreateOwner { name }));
        list.push(Body::CreateAccount(CreateAccount {
            name,
            participant: ParticipantId::new(0),
            owner: OwnerId::new(at),
        }));
    }
    list.push(Body::CreateVenue(Box::new(CreateVenue {
        name: name("shop"),
        title: Title::EMPTY,
        regimes: vec![Regime::EcomB2c],
        models: vec![
            Model::FixedPrice,
            Model::FlashSale,
            Model::GroupBuy,
            Model::Presale,
        ],
        demonstration,
        licence: None,
        calendar: None,
    })));
    let goods = AssetClass::Goods {
        unit: name("box"),
        decimals: 0,
    };
    for (text, class) in [
        ("CNY", AssetClass::Currency { decimals: 2 }),
        ("TEA", goods),
    ] {
        list.push(Body::CreateAsset(CreateAsset {
            name: name(text),
            class,
            demonstration,
        }));
    }
    for (text, kind) in [("B", CustodianKind::Bank), ("W", CustodianKind::Warehouse)] {
        list.push(Body::CreateCustodian(CreateCustodian {
            name: name(text),
            kind,
            demonstration,
        }));
    }
    list.push(fund(SELLER, GOODS, WAREHOUSE, 1_000_000));
    for buyer in 1..=buyers {
        list.push(fund(AccountId::new(buyer), MONEY, BANK, 1_000_000));
    }
    list
}

pub fn sales(command: SalesCommand) -> Body {
    Body::Sales(Box::new(command))
}

pub fn terms(days: u8) -> Body {
    sales(SalesCommand::DefineTerms(plain_terms(days)))
}

pub fn plain_terms(days: u8) -> SaleTerms {
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
        return_days: days,
        agreed_days: 0,
        exemption: None,
        delivery: Delivery::Ship,
        covered: Covered::No,
        document: [1; 32],
    }
}

pub fn offer(stock: u32, limit: Option<u32>) -> Body {
    sales(SalesCommand::Offer(MakeOffer {
        terms: TermsId::new(0),
        account: SELLER,
        goods: GOODS,
        warehouse: WAREHOUSE,
        piece_units: 1,
        prices: Prices {
            tiers: vec![Tier {
                from: 1,
                price: 100,
            }],
            step: 1,
            min: 1,
            max: 100,
            limit,
            opens: Time::ZERO,
            closes: None,
        },
        stock,
        course: Course::Plain,
    }))
}

pub fn reserve(offer: OfferId, buyer: u32, pieces: u32) -> Body {
    Body::Contract(ContractCommand::Reserve(Reserve {
        offer,
        version: 1,
        account: AccountId::new(buyer),
        pieces,
        delivery_reference: [1; 16],
        pickup: None,
        confirmed: Confirmed::No,
    }))
}

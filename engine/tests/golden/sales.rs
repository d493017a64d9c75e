//! One of every command about sales and contracts, each optional part present and absent.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::Model;

use super::golden::{at, envelope};

pub fn timed(bodies: Vec<Body>) -> Vec<(Time, Command)> {
    let mut commands = Vec::new();
    for (place, body) in bodies.into_iter().enumerate() {
        let time = at(place as i64 * 8_765_432);
        let envelope = envelope(place as u32, time);
        commands.push((time, Command { envelope, body }));
    }
    commands
}

const OFFER: OfferId = OfferId {
    sequence: 70_000,
    slot: 3,
};

fn terms(funding: Funding, exemption: Option<Exemption>) -> SaleTerms {
    SaleTerms {
        venue: VenueId::new(5),
        model: Model::GroupBuy,
        plan: Plan::Group,
        funding,
        money: AssetId::new(1),
        tax_basis: TaxBasis::VatOut,
        tax_bp: 1_300,
        fee_ppm: 6_000,
        hand_over_within: Nanoseconds(172_800_000_000_000),
        inspect_within: Nanoseconds(60_000_000_000),
        return_days: 7,
        agreed_days: 1_096,
        exemption,
        delivery: Delivery::PickUp,
        covered: Covered::No,
        document: [0xd0; 32],
    }
}

/// The commands about sales, which later joined version 1.
pub fn sales() -> Vec<(Time, Command)> {
    let account = AccountId::new(300);
    let tier = |from, price| Tier { from, price };
    let prices = |limit, closes| Prices {
        tiers: vec![tier(1, 12_900), tier(100, 9_900)],
        step: 1,
        min: 2,
        max: 5_000,
        limit,
        opens: at(0),
        closes,
    };
    let stock = ChangeStock {
        offer: OFFER,
        account,
        pieces: 40,
    };
    let later = Funding::PayLater {
        within: Nanoseconds(900_000_000_000),
    };
    let commands = [
        SalesCommand::SetPartyKind(SetPartyKind {
            owner: OwnerId::new(9),
            kind: PartyKind::Enterprise,
        }),
        SalesCommand::DefineTerms(terms(Funding::Prefunded, None)),
        SalesCommand::DefineTerms(terms(later, Some(Exemption::Fresh))),
        SalesCommand::Offer(MakeOffer {
            terms: TermsId::new(1),
            account,
            goods: AssetId::new(200),
            warehouse: CustodianId::new(4),
            piece_units: 12,
            prices: prices(None, None),
            stock: 1_000,
            course: Course::Group { quorum: 30 },
        }),
        SalesCommand::ChangeOffer(ChangeOffer {
            offer: OFFER,
            version: 2,
            account,
            prices: prices(Some(4), Some(at(1_000))),
        }),
        SalesCommand::PutStock(stock),
        SalesCommand::TakeStock(stock),
        SalesCommand::WithdrawOffer(WithdrawOffer {
            offer: OFFER,
            account,
        }),
    ];
    let all = commands.into_iter().chain(campaigns(account));
    let all = all.chain(covered(account));
    let bodies = all.map(|command| Body::Sales(Box::new(command)));
    timed(bodies.collect())
}

/// Presales and queues.
fn campaigns(account: AccountId) -> Vec<SalesCommand> {
    vec![
        SalesCommand::DefineTerms(SaleTerms {
            model: Model::FlashSale,
            plan: Plan::Flash(FlashMode::Lottery),
            ..terms(Funding::Prefunded, None)
        }),
        SalesCommand::BringValue(BringValue {
            offer: OFFER,
            value: [5; 32],
            source: Name::new("a block").expect("short"),
        }),
        SalesCommand::RevealSeed(RevealSeed {
            offer: OFFER,
            seed: [7; 32],
        }),
        SalesCommand::DefineTerms(SaleTerms {
            model: Model::Presale,
            plan: Plan::Presale { deposit_bp: 3_000 },
            ..terms(Funding::Prefunded, None)
        }),
        SalesCommand::Offer(MakeOffer {
            terms: TermsId::new(2),
            account,
            goods: AssetId::new(200),
            warehouse: CustodianId::new(4),
            piece_units: 1,
            prices: Prices {
                tiers: vec![Tier {
                    from: 1,
                    price: 12_900,
                }],
                step: 1,
                min: 1,
                max: 5,
                limit: None,
                opens: at(0),
                closes: Some(at(1_000)),
            },
            stock: 7,
            course: Course::Presale {
                pay_from: at(1_000),
                pay_until: at(9_000),
            },
        }),
        SalesCommand::DefineTerms(SaleTerms {
            model: Model::FlashSale,
            plan: Plan::Flash(FlashMode::Queue {
                per_second: 240_000,
                valid_for: Nanoseconds(60_000_000_000),
            }),
            ..terms(Funding::Prefunded, None)
        }),
        SalesCommand::Join(Join {
            offer: OFFER,
            account,
        }),
        SalesCommand::SetGrace(SetGrace {
            venue: VenueId::new(7),
            grace: Nanoseconds(600_000_000_000),
        }),
    ]
}

/// What covers contracts.
fn covered(account: AccountId) -> Vec<SalesCommand> {
    vec![
        SalesCommand::DefineTerms(SaleTerms {
            covered: Covered::Yes,
            ..terms(Funding::Prefunded, None)
        }),
        SalesCommand::SetGuarantee(SetGuarantee {
            venue: VenueId::new(2),
            account,
            money: AssetId::new(300),
            amount: Amount::new(1_000_000).expect("in bounds"),
        }),
    ]
}

/// The commands about contracts, which later joined version 1.
pub fn contracts() -> Vec<(Time, Command)> {
    let reserve = |pickup, confirmed| {
        ContractCommand::Reserve(Reserve {
            offer: OFFER,
            version: 2,
            account: AccountId::new(301),
            pieces: 3,
            delivery_reference: [0xde; 16],
            pickup,
            confirmed,
        })
    };
    let reference = [0x5f; 16];
    let amount = |units| Amount::new(units).expect("in bounds");
    let acts = [
        Act::Pay,
        Act::PayIn {
            custodian: CustodianId::new(0),
        },
        Act::Cancel,
        Act::HandOver { reference },
        Act::Deliver { reference },
        Act::PickUp { code: [0xc0; 16] },
        Act::Accept,
        Act::AskReturn { pieces: 2 },
        Act::HandBack { reference },
        Act::TakeBack { to: TakenTo::Stock },
        Act::TakeBack {
            to: TakenTo::WriteOff,
        },
        Act::Dispute,
        Act::Resolve {
            buyer: amount(5_000),
            seller: amount(33_700),
            goods: GoodsTo::Stock,
        },
        Act::Rescind,
    ];
    let mut commands = vec![
        reserve(None, Confirmed::No),
        reserve(Some([0x4a; 16]), Confirmed::Yes),
    ];
    for (place, act) in acts.into_iter().enumerate() {
        commands.push(ContractCommand::Step(TakeStep {
            contract: ContractId {
                sequence: 70_001,
                slot: 9,
            },
            version: place as u32 + 1,
            account: (!matches!(act, Act::Resolve { .. })).then_some(AccountId::new(301)),
            act,
        }));
    }
    let mut bodies: Vec<_> = commands.into_iter().map(Body::Contract).collect();
    bodies.push(Body::ServiceGap(ServiceGap { from: at(-1) }));
    bodies.push(Body::Credit(CreditCommand::Compensate(Transfer {
        from: AccountId::new(300),
        to: AccountId::new(301),
        asset: AssetId::new(1),
        amount: amount(1_295),
    })));
    bodies.push(Body::Contract(ContractCommand::Step(TakeStep {
        contract: ContractId {
            sequence: 70_001,
            slot: 9,
        },
        version: 15,
        account: Some(AccountId::new(300)),
        act: Act::Invoice { reference },
    })));
    timed(bodies)
}

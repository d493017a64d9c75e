//! Each malformed field of sales and contracts is named, with what was wrong and what would be
//! right. Not here: what the engine refuses (`shops`).
#![allow(
    clippy::assigning_clones,
    clippy::semicolon_if_nothing_returned,
    reason = "a table of one-line changes"
)]

use crate::support;
use crate::support::basket_fields;
use crate::support::fields::{Case, check, name, tables as market};
use crate::support::shop::{
    accept, define, hand_over, id, offer, prices, reserve, step, terms, tiered,
};
use engine::clearing::{Asset, Custodian};
use engine::command::{AssetClass, Command, CreateVenue, CustodianKind, Demonstration};
use engine::types::{AssetId, Name, PrincipalId, TermsId, Title};
use engine::venue::{Model, Regime};
use proto::v1;
use sanjiang_gateway::directory::{Tables, VenueEntry};
use sanjiang_gateway::errors::{Failure, Kind};
use sanjiang_gateway::from_proto::{self, ChangeUnder, Deal};
use v1::take_step_request::{self as wire, Step};

/// The directory of a shop: account A, venue S, CNY, tea, bank and warehouse, terms 0.
fn tables() -> Tables {
    let mut tables = market();
    let venue = VenueEntry::new(&CreateVenue {
        name: name("S"),
        title: Title::EMPTY,
        regimes: vec![Regime::Sandbox],
        models: vec![Model::FixedPrice],
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: None,
    });
    tables.venues.put(0, name("S"), venue);
    tables.owners.put(0, name("OA"), name("OA"));
    let unit = Name::new("piece").expect("short");
    for (handle, asset, class) in [
        (0, "CNY", AssetClass::Currency { decimals: 2 }),
        (1, "tea", AssetClass::Goods { decimals: 0, unit }),
    ] {
        let entry = Asset {
            name: name(asset),
            class,
            demonstration: Demonstration::Demonstration,
        };
        tables.assets.put(handle, name(asset), entry);
    }
    for (handle, custodian, kind) in [
        (0, "bank", CustodianKind::Bank),
        (1, "warehouse", CustodianKind::Warehouse),
    ] {
        let entry = Custodian {
            name: name(custodian),
            kind,
            demonstration: Demonstration::Demonstration,
            closed_through: None,
        };
        tables.custodians.put(handle, name(custodian), entry);
    }
    let defined = from_proto::operation(&define("d", terms("S")), &tables, PrincipalId::LOCAL);
    let body = defined.expect("right terms").body;
    let engine::command::Body::Sales(sales) = body else {
        panic!("no terms: {body:?}");
    };
    let engine::command::SalesCommand::DefineTerms(terms) = *sales else {
        panic!("no terms: {sales:?}");
    };
    tables.terms.push(terms);
    tables
}

fn deal(request: &impl Deal) -> Result<Command, Failure> {
    from_proto::deal(request, &tables(), PrincipalId::LOCAL)
}

fn own(request: v1::MakeOfferRequest) -> v1::MakeOfferRequest {
    v1::MakeOfferRequest {
        account_id: id("A"),
        ..request
    }
}

fn of(request: &mut v1::DefineTermsRequest) -> &mut v1::SaleTerms {
    request.terms.as_mut().expect("terms")
}

const TERMS: &[Case<v1::DefineTermsRequest>] = &[
    (|r| r.terms = None, "terms", "required"),
    (|r| of(r).terms = Some(0), "terms.terms", "leave it out"),
    (
        |r| of(r).venue_id.clear(),
        "terms.venue_id",
        "existing venue",
    ),
    (
        |r| of(r).money_asset_id.clear(),
        "terms.money_asset_id",
        "existing asset",
    ),
    (|r| of(r).funding = 0, "terms.funding", "1 (PREFUNDED)"),
    (|r| of(r).funding = 3, "terms.funding", "2 (PAY_LATER)"),
    (|r| of(r).funding = 2, "terms.pay_within", "required"),
    (
        |r| of(r).pay_within = of(r).inspect_within,
        "terms.pay_within",
        "PREFUNDED has none",
    ),
    (|r| of(r).tax_basis = 0, "terms.tax_basis", "1 (VAT_IN)"),
    (|r| of(r).tax_bp = 65_536, "terms.tax_bp", "too large"),
    (
        |r| of(r).hand_over_within = None,
        "terms.hand_over_within",
        "required",
    ),
    (
        |r| of(r).inspect_within = None,
        "terms.inspect_within",
        "required",
    ),
    (
        |r| {
            of(r).inspect_within = Some(prost_types::Duration {
                seconds: -1,
                nanos: 0,
            })
        },
        "terms.inspect_within",
        "292 years",
    ),
    (
        |r| of(r).return_days = 256,
        "terms.return_days",
        "too large",
    ),
    (|r| of(r).exemption = 9, "terms.exemption", "0 to 5"),
    (|r| of(r).delivery = 0, "terms.delivery", "1 (SHIP)"),
    (
        |r| of(r).document_hash = vec![0; 31],
        "terms.document_hash",
        "32 are required",
    ),
    (|r| of(r).model = None, "terms.model", "tiered_price"),
];

#[test]
fn terms_name_their_faults() {
    let read = |request: &v1::DefineTermsRequest| {
        from_proto::operation(request, &tables(), PrincipalId::LOCAL)
    };
    check(&define("d", terms("S")), TERMS, read);
    check(&define("d", tiered("S")), &[], read);
    let kind = v1::SetPartyKindRequest {
        context: support::context("k"),
        beneficial_owner_id: id("OA"),
        kind: 1,
    };
    let read = |request: &v1::SetPartyKindRequest| {
        from_proto::operation(request, &tables(), PrincipalId::LOCAL)
    };
    let cases: &[Case<v1::SetPartyKindRequest>] = &[
        (|r| r.kind = 0, "kind", "2 (ENTERPRISE)"),
        (
            |r| r.beneficial_owner_id.clear(),
            "beneficial_owner_id",
            "existing beneficial owner",
        ),
    ];
    check(&kind, cases, read);
}

#[test]
fn a_guarantee_names_its_faults() {
    let set = v1::SetGuaranteeRequest {
        context: support::context("g"),
        venue_id: id("S"),
        account_id: id("A"),
        money_asset_id: id("CNY"),
        amount: id("10.00"),
    };
    let read = |request: &v1::SetGuaranteeRequest| {
        from_proto::operation(request, &tables(), PrincipalId::LOCAL)
    };
    let cases: &[Case<v1::SetGuaranteeRequest>] = &[
        (|r| r.venue_id.clear(), "venue_id", "existing venue"),
        (|r| r.account_id.clear(), "account_id", "existing account"),
        (
            |r| r.money_asset_id.clear(),
            "money_asset_id",
            "existing asset",
        ),
        (|r| r.amount = id("-1"), "amount", "must lie between 0"),
        (|r| r.amount = id("0.001"), "amount", "2 digits"),
    ];
    check(&set, cases, read);
}

#[test]
fn reports_of_customs_name_their_faults() {
    let request = v1::SetAnnualUseRequest {
        context: support::context("c"),
        beneficial_owner_id: id("OA"),
        year: 2_026,
        used: id("12000.50"),
        demonstration: false,
    };
    let read = |request: &v1::SetAnnualUseRequest| {
        from_proto::operation(request, &tables(), PrincipalId::LOCAL)
    };
    let cases: &[Case<v1::SetAnnualUseRequest>] = &[
        (
            |r| r.beneficial_owner_id.clear(),
            "beneficial_owner_id",
            "existing beneficial owner",
        ),
        (|r| r.year = 0, "year", "from 1970 to 2200"),
        (|r| r.year = 67_506, "year", "67506 is none"),
        (|r| r.used.clear(), "used", "0 for nothing"),
        (|r| r.used = id("1.005"), "used", "digits after the point"),
        (
            |r| r.used = id("-1"),
            "used",
            "between 0 and 45035996273704.96",
        ),
        (
            |r| r.used = id("45035996273704.97"),
            "used",
            "between 0 and 45035996273704.96",
        ),
    ];
    check(&request, cases, read);
    let asked = v1::GetAnnualUseRequest {
        beneficial_owner_id: id("OA"),
        year: 0,
        demonstration: true,
        venue_id: String::new(),
    };
    let read = |request: &v1::GetAnnualUseRequest| from_proto::annual_use(&tables(), request);
    let cases: &[Case<v1::GetAnnualUseRequest>] = &[
        (
            |r| r.beneficial_owner_id.clear(),
            "beneficial_owner_id",
            "existing beneficial owner",
        ),
        (|r| r.year = 1_969, "year", "1969 is none"),
        (
            |r| {
                r.venue_id = "S".to_owned();
                r.demonstration = !r.demonstration;
            },
            "venue_id",
            "demonstration as the venue has it",
        ),
    ];
    check(&asked, cases, read);
}

fn tier(request: &mut v1::MakeOfferRequest) -> &mut v1::PriceTier {
    &mut request.prices.as_mut().expect("prices").tiers[0]
}

const OFFERS: &[Case<v1::MakeOfferRequest>] = &[
    (
        |r| r.client_order_id.clear(),
        "client_order_id",
        "1 to 36 bytes",
    ),
    (|r| r.account_id.clear(), "account_id", "existing account"),
    (|r| r.terms = None, "terms", "DefineTerms"),
    (
        |r| r.goods_asset_id.clear(),
        "goods_asset_id",
        "existing asset",
    ),
    (
        |r| r.warehouse_id.clear(),
        "warehouse_id",
        "existing custodian",
    ),
    (
        |r| r.piece_amount.clear(),
        "piece_amount",
        "0 for a service",
    ),
    (
        |r| r.piece_amount = "0.5".to_owned(),
        "piece_amount",
        "0 digits",
    ),
    (|r| r.prices = None, "prices", "required"),
    (|r| r.prices = prices(&[]), "prices.tiers", "1 to 8"),
    (
        |r| r.prices = prices(&[(1, "1"); 9]),
        "prices.tiers",
        "1 to 8",
    ),
    (
        |r| tier(r).price.clear(),
        "prices.tiers[0].price",
        "0 for a gift",
    ),
    (
        |r| tier(r).price = "1.999".to_owned(),
        "prices.tiers[0].price",
        "2 digits",
    ),
    (
        |r| tier(r).price = "-1".to_owned(),
        "prices.tiers[0].price",
        "between 0",
    ),
    (
        |r| {
            r.valid_until = Some(prost_types::Timestamp {
                seconds: -1,
                nanos: 0,
            })
        },
        "valid_until",
        "1970",
    ),
];

#[test]
fn offers_name_their_faults() {
    check(&own(offer("o", 0, 1)), OFFERS, deal);
    let unknown = deal(&own(offer("o", 1, 1)));
    assert_eq!(unknown, Err(Failure::NotFound(Kind::Terms, id("1"))));
    let change = v1::ChangeOfferRequest {
        client_order_id: id("c"),
        account_id: id("A"),
        offer_id: id("7-0"),
        offer_version: 1,
        prices: prices(&[(1, "1.00")]),
        ..v1::ChangeOfferRequest::default()
    };
    let terms = TermsId::new(0);
    let read = |request: &v1::ChangeOfferRequest| deal(&ChangeUnder { request, terms });
    let cases: &[Case<v1::ChangeOfferRequest>] = &[
        (|r| r.offer_id = "7".to_owned(), "offer_id", "copy it"),
        (|r| r.offer_id = "7--1".to_owned(), "offer_id", "copy it"),
        (|r| r.prices = None, "prices", "required"),
    ];
    check(&change, cases, read);
    let put = v1::PutStockRequest {
        client_order_id: id("p"),
        account_id: id("A"),
        offer_id: id("7-0"),
        pieces: 1,
        ..v1::PutStockRequest::default()
    };
    let cases: &[Case<v1::PutStockRequest>] = &[
        (|r| r.offer_id.clear(), "offer_id", "copy it"),
        (|r| r.account_id.clear(), "account_id", "existing account"),
    ];
    check(&put, cases, deal);
}

const RESERVES: &[Case<v1::ReserveRequest>] = &[
    (
        |r| r.client_order_id = "x".repeat(37),
        "client_order_id",
        "at most 36",
    ),
    (|r| r.account_id.clear(), "account_id", "existing account"),
    (|r| r.offer_id.clear(), "offer_id", "copy it"),
    (
        |r| r.delivery_reference.clear(),
        "delivery_reference",
        "has 0 bytes; 16",
    ),
    (
        |r| r.delivery_reference = vec![0; 17],
        "delivery_reference",
        "has 17 bytes; 16",
    ),
    (
        |r| r.pickup_hash = vec![0; 15],
        "pickup_hash",
        "has 15 bytes; 16",
    ),
];

fn take(request: &v1::TakeStepRequest) -> Result<Command, Failure> {
    let money = Some(AssetId::new(0));
    from_proto::take_step(request, money, &tables(), PrincipalId::LOCAL)
}

fn asked(what: Step) -> v1::TakeStepRequest {
    let account = if matches!(what, Step::Resolve(_)) {
        ""
    } else {
        "A"
    };
    let last = v1::ContractReport {
        contract_id: id("7-0"),
        version: 1,
        ..v1::ContractReport::default()
    };
    step("s", account, &last, what)
}

const STEPS: &[Case<v1::TakeStepRequest>] = &[
    (
        |r| r.client_order_id.clear(),
        "client_order_id",
        "1 to 36 bytes",
    ),
    (|r| r.account_id.clear(), "account_id", "existing account"),
    (
        |r| r.contract_id = "x-1".to_owned(),
        "contract_id",
        "copy it",
    ),
    (|r| r.step = None, "step", "one of its kinds"),
    (|r| r.reason = "x".repeat(513), "reason", "at most 512"),
    (
        |r| r.approver = "Wang".to_owned(),
        "approver",
        "no principal",
    ),
    (
        |r| r.step = Some(Step::HandOver(wire::HandOver { reference: vec![1] })),
        "hand_over.reference",
        "has 1 bytes; 16",
    ),
    (
        |r| {
            r.step = Some(Step::Deliver(wire::Deliver {
                reference: Vec::new(),
            }))
        },
        "deliver.reference",
        "has 0 bytes; 16",
    ),
    (
        |r| r.step = Some(Step::HandBack(wire::HandBack { reference: vec![1] })),
        "hand_back.reference",
        "has 1 bytes; 16",
    ),
    (
        |r| {
            r.step = Some(Step::Invoice(wire::Invoice {
                reference: vec![1; 17],
            }))
        },
        "invoice.reference",
        "has 17 bytes; 16",
    ),
    (
        |r| r.step = Some(Step::PickUp(wire::PickUp { code: vec![1; 32] })),
        "pick_up.code",
        "has 32 bytes; 16",
    ),
    (
        |r| {
            r.step = Some(Step::PayIn(wire::PayIn {
                custodian_id: String::new(),
            }))
        },
        "pay_in.custodian_id",
        "existing custodian",
    ),
    (
        |r| r.step = Some(Step::TakeBack(wire::TakeBack { taken_to: 0 })),
        "take_back.taken_to",
        "2 (WRITE_OFF)",
    ),
];

#[test]
fn reserves_and_steps_name_their_faults() {
    check(
        &v1::ReserveRequest {
            account_id: id("A"),
            ..reserve("r", "7-0", 1)
        },
        RESERVES,
        deal,
    );
    check(&asked(accept()), STEPS, take);
    check(&asked(hand_over()), &[], take);
    let decision = asked(Step::Resolve(wire::Resolve {
        buyer_amount: id("1.00"),
        seller_amount: String::new(),
        goods_to: v1::GoodsTo::Buyer.into(),
    }));
    let cases: &[Case<v1::TakeStepRequest>] = &[
        (
            |r| r.account_id = "A".to_owned(),
            "account_id",
            "leave it empty",
        ),
        (|r| said(r).goods_to = 0, "resolve.goods_to", "1 (STOCK)"),
        (
            |r| said(r).buyer_amount = "1.001".to_owned(),
            "resolve.buyer_amount",
            "2 digits",
        ),
        (
            |r| said(r).seller_amount = "x".to_owned(),
            "resolve.seller_amount",
            "no number",
        ),
    ];
    check(&decision, cases, take);
}

#[test]
fn fields_of_discounts_and_baskets_are_named() {
    check(&basket_fields::money_off(), basket_fields::DISCOUNTS, deal);
    check(&basket_fields::basket(), basket_fields::BASKETS, deal);
}

fn said(request: &mut v1::TakeStepRequest) -> &mut wire::Resolve {
    let Some(Step::Resolve(said)) = request.step.as_mut() else {
        panic!("no decision");
    };
    said
}

//! Cross-border retail through the API: what one order and a year are held against, what customs
//! report, and what anybody reads of it.
//!
//! Invariant: a refusal is a report with its reason and its law, and the dry run says the same. Not
//! here: the rules (`engine/tests/scenarios/cross_border.txt`), malformed fields (`shops_fields`).

use crate::support::shop::{Shop, define, hand_over, id, offer, prices, reserve, step, terms};
use crate::support::{House, context, venue};
use proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;
use v1::take_step_request as wire;

const LAW: &str = "财关税〔2018〕49号";

/// Without tax, so that what is paid is what counts.
fn import_terms() -> v1::SaleTerms {
    v1::SaleTerms {
        tax_bp: 0,
        ..terms("X")
    }
}

fn at(name: &str, terms: u32, price: &str) -> v1::MakeOfferRequest {
    v1::MakeOfferRequest {
        prices: prices(&[(1, price)]),
        ..offer(name, terms, 10)
    }
}

impl Shop {
    /// What the owner of A used of a year; 0 is the one that runs.
    async fn used(&mut self, year: u32) -> (u32, String, String) {
        let request = v1::GetAnnualUseRequest {
            beneficial_owner_id: id("OA"),
            year,
            demonstration: true,
            venue_id: String::new(),
        };
        let used = self.sales.get_annual_use(request).await;
        let used = used.expect("a use").into_inner();
        assert!(used.engine_sequence > 0);
        (used.year, used.here, used.elsewhere)
    }

    /// The limits at a venue, or at all that are demonstrations or are none.
    async fn limits(&mut self, year: u32, venue: &str, demonstration: bool) -> Vec<[String; 6]> {
        let request = v1::GetAnnualUseRequest {
            beneficial_owner_id: id("OA"),
            year,
            demonstration,
            venue_id: id(venue),
        };
        let used = self.sales.get_annual_use(request).await;
        let limits = used.expect("a use").into_inner().limits.into_iter();
        limits
            .map(|one| {
                [
                    one.regime,
                    one.annual_limit,
                    one.left,
                    one.single_order_limit,
                    one.annual_basis,
                    one.single_order_basis,
                ]
            })
            .collect()
    }

    async fn report(&mut self, name: &str, year: u32, used: &str) -> v1::OperationReport {
        let request = customs(name, year, used);
        let done = self.sales.set_annual_use(request).await;
        done.expect("a report").into_inner()
    }

    /// A reserve that is refused, as the dry run said before.
    async fn refused(&mut self, request: v1::ReserveRequest) -> (String, String) {
        let dry = self.contracts.validate_reserve(request.clone()).await;
        let dry = dry.expect("a dry run").into_inner();
        let report = self.reserved(request).await;
        let said = (report.reject_reason, report.legal_basis);
        assert_eq!((dry.reject_reason, dry.legal_basis), said);
        said
    }
}

fn customs(name: &str, year: u32, used: &str) -> v1::SetAnnualUseRequest {
    v1::SetAnnualUseRequest {
        context: context(name),
        beneficial_owner_id: id("OA"),
        year,
        used: id(used),
        demonstration: true,
    }
}

/// A shop of imports beside the others, and the handle of its terms.
async fn imports(house: &House) -> (Shop, u32) {
    let shop = Shop::open(&house.channel().await).await;
    imports_at(shop).await
}

async fn imports_at(mut shop: Shop) -> (Shop, u32) {
    let request = v1::CreateVenueRequest {
        models: vec![id("FIXED_PRICE")],
        ..venue("X", "CROSS_BORDER_RETAIL")
    };
    let made = shop.operations.create_venue(request).await;
    assert!(made.expect("a report").into_inner().accepted);
    let made = shop.sales.define_terms(define("imports", import_terms()));
    let made = made.await.expect("a report").into_inner();
    (shop, made.handle.expect("a handle"))
}

#[tokio::test]
async fn an_order_and_a_year_are_limited_and_the_use_is_read() {
    let house = House::open().await;
    let (mut shop, terms) = imports(&house).await;
    let limit = (id("ANNUAL_LIMIT"), id(LAW));
    let (year, here, elsewhere) = shop.used(0).await;
    assert_eq!((here.as_str(), elsewhere.as_str()), ("0.00", "0.00"));

    let coats = shop.offered(at("coats", terms, "3000.00")).await;
    let two = reserve("a-1", &coats.offer_id, 2);
    assert_eq!(shop.refused(two).await, limit);
    let one = shop.reserved(reserve("a-2", &coats.offer_id, 1)).await;
    assert_eq!((one.reject_reason.as_str(), one.full_tax), ("", false));

    let watch = shop.offered(at("watch", terms, "6000.00")).await;
    let whole = shop.reserved(reserve("a-3", &watch.offer_id, 1)).await;
    assert_eq!((whole.reject_reason.as_str(), whole.full_tax), ("", true));
    let known = v1::GetContractRequest {
        account_id: id("A"),
        contract_id: whole.contract_id.clone(),
    };
    let known = shop.contracts.get_contract(known).await;
    assert!(known.expect("a contract").into_inner().full_tax);
    let handed = shop.takes("s-1", "B", &whole, hand_over()).await;
    assert!(handed.full_tax, "as long as it lives");
    assert_eq!(shop.used(0).await, (year, id("9000.00"), id("0.00")));

    let said = shop.report("c-1", year, "17000").await;
    assert!(said.accepted && said.demonstration, "{said:?}");
    let again = shop.report("c-1", year, "17000").await;
    assert!(again.accepted && again.poss_dup, "{again:?}");
    let crumb = shop.offered(at("crumb", terms, "0.01")).await;
    let more = reserve("a-4", &crumb.offer_id, 1);
    assert_eq!(shop.refused(more).await, limit);
    let used = (year, id("9000.00"), id("17000.00"));
    assert_eq!(shop.used(year).await, used);
    assert_eq!(shop.used(year - 1).await.1, "0.00");

    let cancel = wire::Step::Cancel(wire::Cancel {});
    let ended = shop.takes("s-2", "B", &one, cancel).await;
    assert_eq!(ended.state(), v1::ContractState::Cancelled);
    assert_eq!(shop.used(0).await.1, "6000.00");
    let more = shop.reserved(reserve("a-5", &crumb.offer_id, 1)).await;
    assert_eq!(more.reject_reason, "");
    // Steps of contracts are not refused by it.
    let late = shop.took(step("s-3", "A", &handed, hand_over())).await;
    assert_eq!(late.reject_reason, "WRONG_STEP");
}

/// What set 1 says, and what is left.
fn limits(left: &str) -> Vec<[String; 6]> {
    let regime = "CROSS_BORDER_RETAIL";
    vec![[regime, "26000.00", left, "5000.00", LAW, LAW].map(id)]
}

#[tokio::test]
async fn the_limits_are_told_and_what_is_left_of_them() {
    let house = House::open().await;
    let mut shop = Shop::open(&house.channel().await).await;
    assert!(shop.limits(0, "", true).await.is_empty(), "nobody imports");
    let (mut shop, terms) = imports_at(shop).await;
    let (year, ..) = shop.used(0).await;
    for (asked, venue) in [(0, ""), (year, ""), (0, "X")] {
        assert_eq!(shop.limits(asked, venue, true).await, limits("26000.00"));
    }
    assert!(
        shop.limits(0, "S", true).await.is_empty(),
        "no imports there"
    );
    assert!(
        shop.limits(year - 1, "", true).await.is_empty(),
        "it is over"
    );
    assert!(shop.limits(0, "", false).await.is_empty(), "no real venue");

    let coats = shop.offered(at("coats", terms, "3000.00")).await;
    shop.reserved(reserve("a-1", &coats.offer_id, 1)).await;
    assert_eq!(shop.limits(0, "", true).await, limits("23000.00"));
    shop.report("c-1", year, "22999.99").await;
    assert_eq!(shop.limits(0, "", true).await, limits("0.01"));
    // What is left is what can still be taken.
    let crumb = shop.offered(at("crumb", terms, "0.01")).await;
    let one = shop.reserved(reserve("a-2", &crumb.offer_id, 1)).await;
    assert_eq!(one.reject_reason, "");
    assert_eq!(shop.limits(0, "X", true).await, limits("0.00"));
    let more = reserve("a-3", &crumb.offer_id, 1);
    assert_eq!(shop.refused(more).await.0, "ANNUAL_LIMIT");
    shop.report("c-2", year, "30000.00").await;
    assert_eq!(shop.limits(0, "", true).await, limits("-7000.01"));
}

/// What is asked for is there, and is a demonstration or is none as the question says.
#[tokio::test]
async fn a_year_of_nobody_or_nowhere_names_what_is_missing() {
    let house = House::open().await;
    let (mut shop, _) = imports(&house).await;
    let of = |owner: &str, venue: &str, demonstration: bool| v1::GetAnnualUseRequest {
        beneficial_owner_id: id(owner),
        year: 0,
        demonstration,
        venue_id: id(venue),
    };
    for (owner, venue, reason, missing) in [
        ("OA", "nowhere", "UNKNOWN_VENUE", ("venue", "nowhere")),
        (
            "O-none",
            "X",
            "UNKNOWN_OWNER",
            ("beneficial_owner", "O-none"),
        ),
        // An account's name is no owner's.
        ("A", "", "UNKNOWN_OWNER", ("beneficial_owner", "A")),
    ] {
        let error = shop.sales.get_annual_use(of(owner, venue, true)).await;
        let error = error.expect_err("it is not there");
        assert_eq!(error.code(), Code::NotFound, "{error:?}");
        let info = error.get_details_error_info().expect("a reason");
        assert_eq!(info.reason, reason);
        let resource = error.get_details_resource_info().expect("what");
        let named = (&*resource.resource_type, &*resource.resource_name);
        assert_eq!(named, missing);
        let text = format!(
            "there is no {} \"{}\"; nothing was changed",
            missing.0, missing.1
        );
        assert_eq!(error.message(), text);
    }
    let real = shop.sales.get_annual_use(of("OA", "X", false)).await;
    let error = real.expect_err("X is a demonstration");
    assert_eq!(error.code(), Code::InvalidArgument, "{error:?}");
    let wrong = error.get_details_bad_request().expect("a field");
    let wrong = wrong.field_violations.first().expect("a field");
    let text = "is a demonstration; leave it out, or set demonstration as the venue has it";
    let said = (&*wrong.field, &*wrong.description);
    assert_eq!(said, ("venue_id", text));
    assert_eq!(error.message(), format!("venue_id: {text}"));
    assert_eq!(
        shop.used(0).await.1,
        "0.00",
        "where nothing is missing it is told"
    );
}

#[tokio::test]
async fn what_customs_say_and_what_is_sold_is_checked() {
    let house = House::open().await;
    let (mut shop, _) = imports(&house).await;
    let (year, ..) = shop.used(0).await;
    let early = shop.report("c-1", year + 1, "1.00").await;
    let found = (early.accepted, early.reject_reason.as_str());
    assert_eq!(found, (false, "INVALID_FIELD"));
    let real = v1::SetAnnualUseRequest {
        demonstration: false,
        ..customs("c-2", year, "1.00")
    };
    let real = shop.sales.set_annual_use(real).await.expect("a report");
    assert_eq!(real.into_inner().reject_reason, "APPROVER_REQUIRED");

    let shops = v1::SaleTerms {
        delivery: v1::DeliveryKind::PickUp.into(),
        ..import_terms()
    };
    let refused = shop.sales.define_terms(define("shops", shops)).await;
    let refused = refused.expect("a report").into_inner();
    let found = (refused.reject_reason.as_str(), refused.legal_basis.as_str());
    assert_eq!(found, ("INVALID_FIELD", LAW));
}

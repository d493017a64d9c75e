//! What a shop and its buyers are refused, with the reason and the law, and what a dry run says of
//! it. A day that goes well: `shops`.

use crate::support::shop::{
    Shop, accept, change, define, dispute, hand_over, id, offer, pay, reserve, step, terms,
    withdraw,
};
use crate::support::{House, context};
use proto::v1;
use tonic::Code;

#[tokio::test]
async fn refusals_name_their_reason_and_their_law() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let few = v1::SaleTerms {
        return_days: 3,
        ..terms("S")
    };
    let refused = shop.sales.define_terms(define("few", few)).await;
    let refused = refused.expect("a report").into_inner();
    assert_eq!(
        (refused.accepted, refused.reject_reason.as_str()),
        (false, "INVALID_FIELD")
    );
    assert!(
        refused.legal_basis.contains("消费者权益保护法(2013) 25"),
        "{refused:?}"
    );

    // A consumer may not buy wholesale until it is known to be a business.
    let whole = shop.offered(offer("whole", 2, 10)).await;
    let refused = shop.reserved(reserve("r-1", &whole.offer_id, 1)).await;
    assert_eq!(
        (refused.step(), refused.reject_reason.as_str()),
        (v1::ContractStep::Reserve, "PARTY_KIND")
    );
    assert!(
        !refused.legal_basis.is_empty() && !refused.text.is_empty(),
        "{refused:?}"
    );
    assert_eq!(
        (refused.contract_id.as_str(), refused.account_id.as_str()),
        ("", "A")
    );
    assert!(refused.account_sequence > 0);
    for owner in ["OA", "OB"] {
        let business = v1::SetPartyKindRequest {
            context: context(&format!("business-{owner}")),
            beneficial_owner_id: id(owner),
            kind: v1::PartyKind::Enterprise.into(),
        };
        let set = shop.sales.set_party_kind(business).await;
        assert!(set.expect("a report").into_inner().accepted);
    }
    let kind = v1::GetPartyKindRequest {
        beneficial_owner_id: id("OA"),
    };
    let kind = shop.sales.get_party_kind(kind).await.expect("a kind");
    assert_eq!(kind.into_inner().kind(), v1::PartyKind::Enterprise);
    let formed = shop.reserved(reserve("r-2", &whole.offer_id, 1)).await;
    assert_eq!(formed.state(), v1::ContractState::Paid, "{formed:?}");

    check_buyers_refusals(&mut shop, &whole, &formed).await;
    check_sellers_refusals(&mut shop, &whole).await;
}

async fn check_buyers_refusals(
    shop: &mut Shop,
    whole: &v1::OfferReport,
    formed: &v1::ContractReport,
) {
    let wrong = [
        (reserve("w-1", &whole.offer_id, 10), "OUT_OF_STOCK"),
        (
            v1::ReserveRequest {
                offer_version: 2,
                ..reserve("w-2", &whole.offer_id, 1)
            },
            "STALE_VERSION",
        ),
        (reserve("w-3", "1-1", 1), "UNKNOWN_OFFER"),
        (
            v1::ReserveRequest {
                account_id: id("B"),
                ..reserve("w-4", &whole.offer_id, 1)
            },
            "SELF_TRADE",
        ),
        (reserve("w-5", &whole.offer_id, 1_001), "MAX_QUANTITY"),
    ];
    for (request, reason) in wrong {
        assert_eq!(shop.reserved(request).await.reject_reason, reason);
    }
    let steps = [
        (step("s-1", "B", formed, accept()), "WRONG_STEP"),
        (step("s-2", "A", formed, hand_over()), "NOT_YOURS"),
        (
            step(
                "s-3",
                "A",
                &v1::ContractReport {
                    version: 9,
                    ..formed.clone()
                },
                dispute(),
            ),
            "STALE_VERSION",
        ),
        (
            step(
                "s-4",
                "A",
                &v1::ContractReport {
                    contract_id: id("1-1"),
                    ..formed.clone()
                },
                dispute(),
            ),
            "UNKNOWN_CONTRACT",
        ),
    ];
    for (request, reason) in steps {
        assert_eq!(shop.took(request).await.reject_reason, reason);
    }
}

async fn check_sellers_refusals(shop: &mut Shop, whole: &v1::OfferReport) {
    let whole = whole.offer_id.as_str();
    let stale = shop.sales.change_offer(change("c-1", whole, 2, "99.00"));
    let refused = stale.await.expect("a report").into_inner();
    assert_eq!(refused.act(), v1::OfferAct::Unspecified);
    assert_eq!(refused.reject_reason, "STALE_VERSION");
    let names = (
        refused.account_id.as_str(),
        refused.client_order_id.as_str(),
    );
    assert_eq!(names, ("B", "c-1"));
    let right = shop.sales.change_offer(change("c-2", whole, 1, "99.00"));
    let done = right.await.expect("a report").into_inner();
    assert_eq!((done.act(), done.version), (v1::OfferAct::Changed, 2));
    assert_eq!(done.price, "99.00");
    for (name, pieces, act, left) in [
        ("t-1", 10, v1::OfferAct::Unspecified, 0),
        ("t-2", 9, v1::OfferAct::StockTaken, 0),
    ] {
        let take = v1::TakeStockRequest {
            client_order_id: id(name),
            account_id: id("B"),
            offer_id: id(whole),
            pieces,
            ..v1::TakeStockRequest::default()
        };
        let took = shop.sales.take_stock(take).await.expect("a report");
        let took = took.into_inner();
        assert_eq!((took.act(), took.left_pieces), (act, left));
        let refused = act == v1::OfferAct::Unspecified;
        assert_eq!(took.reject_reason == "OUT_OF_STOCK", refused);
    }
    let put = v1::PutStockRequest {
        client_order_id: id("p-1"),
        account_id: id("B"),
        offer_id: id(whole),
        pieces: 5,
        ..v1::PutStockRequest::default()
    };
    let done = shop.sales.put_stock(put).await.expect("a report");
    let done = done.into_inner();
    assert_eq!((done.act(), done.left_pieces), (v1::OfferAct::StockPut, 5));
    let done = shop.sales.withdraw_offer(withdraw("w-1", whole)).await;
    let done = done.expect("a report").into_inner();
    assert_eq!(done.act(), v1::OfferAct::Withdrawn);
    let gone = v1::GetOfferRequest {
        offer_id: id(whole),
    };
    let error = shop.sales.get_offer(gone).await;
    assert_eq!(error.expect_err("it has ended").code(), Code::NotFound);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_said_and_changes_nothing() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let made = shop.offered(offer("tea-1", 1, 10)).await;
    let hash = vec![1; 16];
    let good = v1::ReserveRequest {
        pickup_hash: hash,
        ..reserve("r-1", &made.offer_id, 10)
    };
    for (request, reason) in [
        (good.clone(), ""),
        (
            v1::ReserveRequest {
                pieces: 11,
                ..good.clone()
            },
            "OUT_OF_STOCK",
        ),
        (
            v1::ReserveRequest {
                pickup_hash: Vec::new(),
                ..good.clone()
            },
            "INVALID_COMBINATION",
        ),
    ] {
        let said = shop
            .contracts
            .validate_reserve(request)
            .await
            .expect("said")
            .into_inner();
        assert_eq!(
            (said.valid, said.reject_reason.as_str()),
            (reason.is_empty(), reason)
        );
    }
    assert_eq!(shop.left(&made.offer_id).await, 10);
    let formed = shop.reserved(good).await;
    for (what, reason) in [(pay(), ""), (accept(), "WRONG_STEP")] {
        let request = step("dry", "A", &formed, what);
        let said = shop
            .contracts
            .validate_step(request)
            .await
            .expect("said")
            .into_inner();
        assert_eq!(
            (said.valid, said.reject_reason.as_str()),
            (reason.is_empty(), reason)
        );
    }
    let paid = shop.takes("dry", "A", &formed, pay()).await;
    assert_eq!(paid.state(), v1::ContractState::Paid, "the id was not used");
}

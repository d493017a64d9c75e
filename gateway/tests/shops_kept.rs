//! What a shop did is kept: sent again it is done once, also over a restart; a kill loses nothing;
//! lists come in pages. A day without accidents: `shops`.

use crate::support::House;
use crate::support::child::Program;
use crate::support::clearing::balances;
use crate::support::shop::{
    Shop, change, define, deliver, hand_over, id, offer, prices, reserve, step, terms, tiered,
    withdraw,
};
use proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;
use v1::take_step_request::{self as wire, Step};

#[tokio::test]
async fn what_is_sent_again_is_done_once_also_over_a_restart() {
    let mut house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let request = offer("tea-1", 0, 10);
    let made = shop.offered(request.clone()).await;
    let formed = shop.reserved(reserve("r-1", &made.offer_id, 2)).await;
    let late = v1::ReserveRequest {
        valid_until: Some(prost_types::Timestamp {
            seconds: 1,
            nanos: 0,
        }),
        ..reserve("late", &made.offer_id, 1)
    };
    let stale = shop.reserved(late).await;
    assert_eq!(
        (stale.reject_reason.as_str(), stale.account_sequence),
        ("STALE_REQUEST", 0)
    );
    let refused = shop.reserved(reserve("r-2", &made.offer_id, 9)).await;
    assert_eq!(refused.reject_reason, "OUT_OF_STOCK");
    let sent = shop.takes("h-1", "B", &formed, hand_over()).await;
    for restarted in [false, true] {
        if restarted {
            house.restart().await;
            shop = Shop::of(&house.channel().await);
        }
        let again = shop.sales.make_offer(request.clone()).await;
        let again = again.expect("a copy").into_inner();
        assert_eq!(
            again,
            v1::OfferReport {
                poss_dup: true,
                ..made.clone()
            }
        );
        let again = shop.reserved(reserve("r-1", &made.offer_id, 2)).await;
        assert_eq!(again, once_more(&formed));
        let again = shop.reserved(reserve("r-2", &made.offer_id, 9)).await;
        assert_eq!(again, once_more(&refused));
        let again = shop.took(step("h-1", "B", &formed, hand_over())).await;
        assert_eq!(again, once_more(&sent));
        assert_eq!(shop.left(&made.offer_id).await, 8);
        refuses_other_content(&mut shop, &made.offer_id).await;
    }
    changes_once(&mut shop, &made.offer_id).await;
}

/// An offer that has ended is still a change sent again.
async fn changes_once(shop: &mut Shop, offer_id: &str) {
    let again = change("c-1", offer_id, 1, "130.00");
    let changed = shop.sales.change_offer(again.clone()).await;
    let changed = changed.expect("a report").into_inner();
    let end = withdraw("end", offer_id);
    shop.sales.withdraw_offer(end).await.expect("a report");
    let again = shop.sales.change_offer(again).await.expect("a copy");
    assert_eq!(
        again.into_inner(),
        v1::OfferReport {
            poss_dup: true,
            ..changed
        }
    );
}

/// The same id with other content is final.
async fn refuses_other_content(shop: &mut Shop, offer_id: &str) {
    let other = shop.contracts.reserve(reserve("r-1", offer_id, 3)).await;
    let error = other.expect_err("other content");
    assert_eq!(error.code(), Code::AlreadyExists);
    let info = error.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "CLIENT_ORDER_ID_REUSED");
    let other = shop.sales.make_offer(offer("tea-1", 0, 11)).await;
    let error = other.expect_err("other content");
    assert_eq!(error.code(), Code::AlreadyExists);
}

/// A report as it is given again.
fn once_more(first: &v1::ContractReport) -> v1::ContractReport {
    v1::ContractReport {
        poss_dup: true,
        ..first.clone()
    }
}

#[tokio::test]
async fn a_kill_keeps_offers_contracts_and_the_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let flags = ["--disk-reserve-mb", "0"];
    let mut program = Program::start_on(&data, &flags).expect("it starts");
    let channel = program.channel().await;
    let mut shop = Shop::open(&channel).await;
    let made = shop.offered(offer("tea-1", 0, 10)).await;
    let formed = shop.reserved(reserve("r-1", &made.offer_id, 4)).await;
    let refused = shop.reserved(reserve("r-2", &made.offer_id, 7)).await;
    let sent = shop.takes("h-1", "B", &formed, hand_over()).await;
    let before = told(&mut shop, "A", 1, 3).await;
    assert_eq!(before[0], formed);
    assert_eq!(before[1], refused);
    program.kill();

    let program = Program::start_on(&data, &flags).expect("it starts again");
    let channel = program.channel().await;
    let mut shop = Shop::of(&channel);
    assert_eq!(shop.left(&made.offer_id).await, 6);
    assert_eq!(told(&mut shop, "A", 1, 3).await, before);
    assert_eq!(told(&mut shop, "A", 3, 1).await, before[2..]);
    let again = shop.reserved(reserve("r-1", &made.offer_id, 4)).await;
    assert_eq!(
        again,
        v1::ContractReport {
            poss_dup: true,
            ..formed
        }
    );
    let there = shop.takes("d-1", "B", &sent, deliver()).await;
    assert_eq!(there.state(), v1::ContractState::Delivered);
    let next = told(&mut shop, "A", 4, 1).await;
    assert_eq!(
        (next[0].step(), next[0].account_sequence),
        (v1::ContractStep::Deliver, 4)
    );
    assert_eq!(
        balances(channel, "A").await["CNY"],
        (id("9484.00"), id("516.00"))
    );
}

/// So many reports about contracts of an account from a number on.
async fn told(shop: &mut Shop, account: &str, from: u64, count: usize) -> Vec<v1::ContractReport> {
    let request = v1::StreamContractsRequest {
        owner: Some(v1::stream_contracts_request::Owner::AccountId(id(account))),
        from_sequence: from,
    };
    let stream = shop.contracts.stream_contracts(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut reports = Vec::new();
    while reports.len() < count {
        let message = stream
            .message()
            .await
            .expect("no error")
            .expect("it goes on");
        reports.extend(message.reports);
        if let Some(last) = reports.last() {
            assert!(message.next_sequence > last.account_sequence);
        }
    }
    assert_eq!(reports.len(), count);
    reports
}

#[tokio::test]
async fn lists_come_in_pages() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let mut made = Vec::new();
    for number in 0..7 {
        let terms = if number == 3 { 2 } else { 0 };
        made.push(shop.offered(offer(&format!("o-{number}"), terms, 10)).await);
    }
    let list = |venue: &str, seller: &str, token: String| v1::ListOffersRequest {
        venue_id: id(venue),
        seller_account_id: id(seller),
        page_size: 3,
        page_token: token,
    };
    // Whatever a client makes up as a token, it finds the end.
    for token in ["7", "1000", "4294967295"] {
        let page = shop.sales.list_offers(list("", "", id(token))).await;
        let page = page.expect("a page").into_inner();
        assert!(page.offers.is_empty() && page.next_page_token.is_empty());
    }
    for (venue, seller, count) in [("", "", 7), ("S", "", 6), ("W", "B", 1), ("", "A", 0)] {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let page = shop.sales.list_offers(list(venue, seller, token)).await;
            let page = page.expect("a page").into_inner();
            assert!(page.offers.len() <= 3 && page.engine_sequence > 0);
            found.extend(page.offers.into_iter().map(|one| one.offer_id));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(found.len(), count, "{venue} {seller}: {found:?}");
    }
    let request = v1::GetOfferRequest {
        offer_id: made[0].offer_id.clone(),
    };
    let one = shop
        .sales
        .get_offer(request)
        .await
        .expect("an offer")
        .into_inner();
    let one = one.offer.expect("an offer");
    assert_eq!(
        (one.venue_id.as_str(), one.seller_account_id.as_str()),
        ("S", "B")
    );
    assert_eq!(
        (one.piece_amount.as_str(), one.warehouse_id.as_str()),
        ("2", "warehouse")
    );
    let right = prices(&[(1, "129.00")]).map(|prices| v1::OfferPrices {
        step_pieces: 1,
        min_pieces: 1,
        ..prices
    });
    assert_eq!(one.prices, right);

    check_contracts(&mut shop, &made).await;
    check_terms(&mut shop).await;
}

async fn check_contracts(shop: &mut Shop, made: &[v1::OfferReport]) {
    let mut formed = Vec::new();
    for (number, offer) in made.iter().enumerate().filter(|(number, _)| *number != 3) {
        formed.push(
            shop.reserved(reserve(&format!("r-{number}"), &offer.offer_id, 1))
                .await,
        );
    }
    let cancel = Step::Cancel(wire::Cancel {});
    shop.takes("c", "B", &formed[2], cancel).await;
    for (live_only, count) in [(false, 6), (true, 5)] {
        let mut request = v1::ListContractsRequest {
            account_id: id("A"),
            live_only,
            page_size: 2,
            page_token: String::new(),
        };
        let mut found = Vec::new();
        loop {
            let page = shop
                .contracts
                .list_contracts(request.clone())
                .await
                .expect("a page")
                .into_inner();
            assert!(page.contracts.len() <= 2);
            found.extend(page.contracts);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(found.len(), count);
        assert_eq!(
            found[0].contract_id, formed[5].contract_id,
            "formed last first"
        );
    }
}

/// Terms are found again as they were defined, one by one and in pages.
async fn check_terms(shop: &mut Shop) {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListTermsRequest {
            page_size: 1,
            page_token,
            ..v1::ListTermsRequest::default()
        };
        let page = shop
            .sales
            .list_terms(request)
            .await
            .expect("a page")
            .into_inner();
        assert_eq!(page.terms.len(), 1);
        found.extend(page.terms);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let known = |handle, terms| v1::SaleTerms {
        terms: Some(handle),
        demonstration: true,
        ..terms
    };
    let all = [
        known(0, terms("S")),
        known(1, tiered("T")),
        known(2, terms("W")),
    ];
    assert_eq!(found, all);
    let of_one = v1::ListTermsRequest {
        venue_id: id("T"),
        ..v1::ListTermsRequest::default()
    };
    let of_one = shop.sales.list_terms(of_one).await.expect("a page");
    assert_eq!(of_one.into_inner().terms, all[1..2]);
    let one = shop
        .sales
        .get_terms(v1::GetTermsRequest { terms: Some(2) })
        .await;
    assert_eq!(one.expect("terms").into_inner(), known(2, terms("W")));
    let none = shop
        .sales
        .get_terms(v1::GetTermsRequest { terms: Some(3) })
        .await;
    let error = none.expect_err("there are three");
    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(
        error.get_details_error_info().expect("a reason").reason,
        "UNKNOWN_TERMS"
    );
    // The same terms again are the same terms.
    let again = shop.sales.define_terms(define("again", terms("S"))).await;
    assert_eq!(again.expect("a report").into_inner().handle, Some(0));
}

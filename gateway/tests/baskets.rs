//! Discounts and baskets through a real gateway: a basket's reports, retries across a restart, dry
//! runs against what then happens, the counters of the private stream, lists. Malformed fields:
//! `baskets_fields`; the rules themselves: the engine's scenarios.

use crate::support::House;
use crate::support::clearing::balances;
use crate::support::shop::{
    REFERENCE, Shop, accept, define, deliver, hand_over, id, offer, prices, reserve,
};
use proto::v1;
use tonic::Code;
use v1::reserve_basket_request::Line;
use v1::take_step_request::{self as wire, Step};

/// B takes 30 yuan off from 300 on, ten times, twice for each owner.
fn discount(name: &str) -> v1::DefineDiscountRequest {
    let day = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    v1::DefineDiscountRequest {
        client_order_id: id(name),
        discount: Some(v1::Discount {
            account_id: id("B"),
            venue_id: id("S"),
            money_asset_id: id("CNY"),
            threshold: id("300.00"),
            off: Some(v1::discount::Off::Amount(id("30.00"))),
            closes: Some(day.into()),
            uses: 10,
            uses_per_owner: 2,
            ..v1::Discount::default()
        }),
        valid_until: None,
    }
}

fn line(offer: &str, pieces: u32) -> Line {
    Line {
        offer_id: id(offer),
        offer_version: 1,
        pieces,
        ..Line::default()
    }
}

fn basket(name: &str, lines: &[(&str, u32)], discount: &str) -> v1::ReserveBasketRequest {
    v1::ReserveBasketRequest {
        client_order_id: id(name),
        account_id: id("A"),
        lines: lines
            .iter()
            .map(|(offer, pieces)| line(offer, *pieces))
            .collect(),
        discount_id: id(discount),
        delivery_reference: REFERENCE.to_vec(),
        ..v1::ReserveBasketRequest::default()
    }
}

/// Tea at 128.00, a cup at 99.00, a box at 87.00, and the discount.
async fn stocked(shop: &mut Shop) -> ([String; 3], String) {
    let mut offers = Vec::new();
    for (name, price) in [("tea", "128.00"), ("cup", "99.00"), ("box", "87.00")] {
        let request = v1::MakeOfferRequest {
            prices: prices(&[(1, price)]),
            ..offer(name, 0, 10)
        };
        offers.push(shop.offered(request).await.offer_id);
    }
    let made = defined(shop, discount("d-1")).await;
    assert!(made.report.expect("a report").accepted);
    let offers = offers.try_into().expect("three of them");
    (offers, made.discount_id)
}

async fn defined(
    shop: &mut Shop,
    request: v1::DefineDiscountRequest,
) -> v1::DefineDiscountResponse {
    let made = shop.sales.define_discount(request).await;
    made.expect("a report").into_inner()
}

/// What a basket would cost, which its reports then have to say.
async fn quoted(shop: &mut Shop, request: &v1::ReserveBasketRequest) -> v1::BasketCost {
    let dry = shop.contracts.validate_basket(request.clone()).await;
    let dry = dry.expect("an answer").into_inner();
    assert!(dry.valid, "{dry:?}");
    dry.basket_cost.expect("what it costs")
}

/// The reports say of each line what was quoted, and the total is their sum.
fn check_quote(quote: &v1::BasketCost, formed: &[v1::ContractReport]) {
    assert_eq!(quote.lines.len(), formed.len());
    for (line, report) in quote.lines.iter().zip(formed) {
        assert_eq!(line.pieces, report.pieces);
        let quoted = [&line.price, &line.amount, &line.discount, &line.tax];
        let told = [&report.price, &report.amount, &report.discount, &report.tax];
        assert_eq!(quoted, told);
        assert_eq!(line.to_pay, report.money_held);
        assert_eq!(quote.money_asset_id, report.money_asset_id);
    }
}

/// The sums; and that a retry, which would be answered by its first reports, costs nothing.
async fn check_total_and_retry(
    shop: &mut Shop,
    quote: &v1::BasketCost,
    request: &v1::ReserveBasketRequest,
) {
    let total = quote.total.as_ref().expect("a total");
    let sums = [&total.list_amount, &total.discount, &total.amount];
    assert_eq!(sums, ["314.00", "30.00", "284.00"]);
    let sums = [&total.tax, &total.to_pay];
    assert_eq!(sums, ["32.67", "284.00"]);
    let retry = shop.contracts.validate_basket(request.clone()).await;
    let retry = retry.expect("an answer").into_inner();
    assert_eq!((retry.valid, retry.basket_cost), (true, None), "a retry");
}

async fn bought(shop: &mut Shop, request: v1::ReserveBasketRequest) -> Vec<v1::ContractReport> {
    let made = shop.contracts.reserve_basket(request).await;
    made.expect("reports").into_inner().reports
}

/// The same reports as they are answered to a retry.
fn again(reports: &[v1::ContractReport]) -> Vec<v1::ContractReport> {
    let again = |report: &v1::ContractReport| v1::ContractReport {
        poss_dup: true,
        ..report.clone()
    };
    reports.iter().map(again).collect()
}

#[tokio::test]
async fn a_basket_with_a_discount_is_answered_line_by_line() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let ([tea, cup, bag], money_off) = stocked(&mut shop).await;
    let all = basket("k-1", &[(&tea, 1), (&cup, 1), (&bag, 1)], &money_off);
    let quote = quoted(&mut shop, &all).await;
    let formed = bought(&mut shop, all.clone()).await;
    check_quote(&quote, &formed);
    check_total_and_retry(&mut shop, &quote, &all).await;
    // 30.00 of 314.00: 12.2293.., 9.4585.., 8.3121..
    let words = |report: &v1::ContractReport| {
        let words = [
            &report.amount,
            &report.discount,
            &report.tax,
            &report.money_held,
        ];
        words.map(String::clone)
    };
    assert_eq!(
        formed.iter().map(words).collect::<Vec<_>>(),
        [
            ["115.77", "12.23", "13.32", "115.77"],
            ["89.54", "9.46", "10.30", "89.54"],
            ["78.69", "8.31", "9.05", "78.69"],
        ]
        .map(|words| words.map(id))
    );
    let of_one: Vec<_> = formed.iter().map(|one| one.offer_id.as_str()).collect();
    assert_eq!(of_one, [&tea, &cup, &bag]);
    for (place, report) in (0..).zip(&formed) {
        assert_eq!(report.account_sequence, formed[0].account_sequence + place);
        assert_eq!(report.engine_sequence, formed[0].engine_sequence);
        assert_eq!(report.client_order_id, "k-1");
        assert_eq!(report.role(), v1::ContractRole::Buyer);
        assert_eq!(
            (report.terms, &report.delivery_reference[..]),
            (Some(0), &REFERENCE[..])
        );
        assert!(!report.poss_dup && report.refused_line.is_none());
    }
    let mut ids: Vec<_> = formed.iter().map(|one| one.contract_id.clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each line is a contract of its own");
    let held = balances(channel.clone(), "A").await;
    assert_eq!(held["CNY"], (id("9716.00"), id("284.00")));
    // The same again; then with other content.
    assert_eq!(bought(&mut shop, all.clone()).await, again(&formed));
    let other = v1::ReserveBasketRequest {
        discount_id: String::new(),
        ..all
    };
    let error = shop
        .contracts
        .reserve_basket(other)
        .await
        .expect_err("final");
    assert_eq!(error.code(), Code::AlreadyExists);
    // The line in the middle comes back whole: what was paid for it, no more and no less.
    let sent = shop.takes("h-1", "B", &formed[1], hand_over()).await;
    let there = shop.takes("t-1", "B", &sent, deliver()).await;
    let kept = shop.takes("a-1", "A", &there, accept()).await;
    let ask = Step::AskReturn(wire::AskReturn { pieces: 1 });
    let asked = shop.takes("b-1", "A", &kept, ask).await;
    let take = Step::TakeBack(wire::TakeBack {
        taken_to: v1::TakenTo::Stock.into(),
    });
    let ended = shop.takes("c-1", "B", &asked, take).await;
    assert_eq!(ended.state(), v1::ContractState::Refunded);
    let back = [&ended.refunded, &ended.tax_back, &ended.discount];
    assert_eq!(back, ["89.54", "10.30", "9.46"]);
    check_told(&mut shop, &formed).await;
}

/// Each line has a history of its own, for both parties; the list has all, the last one first.
async fn check_told(shop: &mut Shop, formed: &[v1::ContractReport]) {
    for (account, own) in [("A", "k-1"), ("B", "")] {
        for (report, steps) in formed.iter().zip([1, 6, 1]) {
            let found = shop.contracts.get_contract(v1::GetContractRequest {
                account_id: id(account),
                contract_id: report.contract_id.clone(),
            });
            let found = found.await.expect("there").into_inner();
            assert_eq!(found.contract_id, report.contract_id);
            assert_eq!(
                (&found.amount, &found.discount),
                (&report.amount, &report.discount)
            );
            assert_eq!(found.client_order_id, own);
            let told = shop
                .contracts
                .list_contract_steps(v1::ListContractStepsRequest {
                    account_id: id(account),
                    contract_id: report.contract_id.clone(),
                    page_size: 0,
                    page_token: String::new(),
                });
            let told = told.await.expect("a page").into_inner().reports;
            assert_eq!(told.len(), steps, "{told:?}");
            assert!(told.iter().all(|one| one.contract_id == report.contract_id));
        }
        let mut listed = Vec::new();
        let mut request = v1::ListContractsRequest {
            account_id: id(account),
            page_size: 1,
            ..v1::ListContractsRequest::default()
        };
        loop {
            let page = shop.contracts.list_contracts(request.clone()).await;
            let page = page.expect("a page").into_inner();
            listed.extend(page.contracts.into_iter().map(|one| one.contract_id));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        let backwards = formed.iter().rev().map(|one| one.contract_id.clone());
        assert_eq!(listed, backwards.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_quote_has_tiers_and_tax_on_top_and_takes_off_a_share() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let on_top = v1::SaleTerms {
        tax_basis: v1::TaxBasis::VatOut.into(),
        ..crate::support::shop::terms("S")
    };
    let made = shop.sales.define_terms(define("on-top", on_top)).await;
    let terms = made.expect("a report").into_inner().handle;
    let ([tea, ..], _) = stocked(&mut shop).await;
    let taxed = v1::MakeOfferRequest {
        prices: prices(&[(1, "33.33")]),
        ..offer("taxed", terms.expect("a handle"), 10)
    };
    let taxed = shop.offered(taxed).await.offer_id;
    let share = v1::DefineDiscountRequest {
        discount: Some(v1::Discount {
            off: Some(v1::discount::Off::Share(v1::discount::Share {
                bp: 1_500,
                at_most: String::new(),
            })),
            ..found_request()
        }),
        ..discount("d-2")
    };
    let share = defined(&mut shop, share).await.discount_id;
    let both = basket("k-1", &[(&taxed, 3), (&tea, 2)], &share);
    let quote = quoted(&mut shop, &both).await;
    // 15 % of 99.99 + 256.00 is 53.39; the first line's part of that 14.9959.., and 13 % on 84.99
    // is 11.0487.
    let words = |line: &v1::LineCost| {
        [
            &line.list_amount,
            &line.discount,
            &line.amount,
            &line.tax,
            &line.to_pay,
        ]
        .map(String::clone)
    };
    let mut told: Vec<_> = quote.lines.iter().map(words).collect();
    told.extend(quote.total.iter().map(words));
    assert_eq!(
        told,
        [
            ["99.99", "15.00", "84.99", "11.05", "96.04"],
            ["256.00", "38.39", "217.61", "25.03", "217.61"],
            ["355.99", "53.39", "302.60", "36.08", "313.65"],
        ]
        .map(|words| words.map(id))
    );
    let formed = bought(&mut shop, both).await;
    check_quote(&quote, &formed);
    // With one line alone it costs what a reserve does.
    let one = quoted(&mut shop, &basket("k-2", &[(&taxed, 1)], "")).await;
    let total = one.total.expect("a total");
    assert_eq!((total.discount, total.to_pay), (id("0.00"), id("37.66")));
    let made = shop.reserved(reserve("r-1", &taxed, 1)).await;
    assert_eq!(made.money_held, "37.66");
}

#[tokio::test]
async fn a_refused_basket_forms_nothing_and_names_its_line() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let ([tea, cup, bag], money_off) = stocked(&mut shop).await;
    let coupon = v1::DefineDiscountRequest {
        discount: Some(v1::Discount {
            code_hash: blake3::hash(&[7; 16]).as_bytes()[..16].to_vec(),
            ..discount("").discount.expect("one")
        }),
        ..discount("d-2")
    };
    let coupon = defined(&mut shop, coupon).await.discount_id;
    let coded = |name, code: &[u8]| v1::ReserveBasketRequest {
        code: code.to_vec(),
        ..basket(name, &[(&tea, 3)], &coupon)
    };
    for (request, reason, refused_line) in [
        (
            basket("k-1", &[(&tea, 1), (&cup, 11)], ""),
            "OUT_OF_STOCK",
            Some(1),
        ),
        (
            basket("k-2", &[(&tea, 1), (&bag, 0)], ""),
            "QUANTITY",
            Some(1),
        ),
        (
            basket("k-3", &[(&tea, 1), (&tea, 1)], ""),
            "BASKET_LINES",
            Some(1),
        ),
        (
            basket("k-4", &[(&tea, 2)], &money_off),
            "BELOW_THRESHOLD",
            None,
        ),
        (basket("k-5", &[(&tea, 3)], &tea), "UNKNOWN_DISCOUNT", None),
        (coded("k-6", &[]), "COUPON_CODE", None),
        (coded("k-7", &[8; 16]), "COUPON_CODE", None),
        (coded("k-8", &[7; 16]), "", None),
    ] {
        let dry = shop.contracts.validate_basket(request.clone()).await;
        let dry = dry.expect("an answer").into_inner();
        assert_eq!(
            (dry.valid, dry.reject_reason.as_str()),
            (reason.is_empty(), reason)
        );
        assert_eq!(dry.refused_line, refused_line, "{reason}");
        assert_eq!(dry.basket_cost.is_some(), reason.is_empty(), "{reason}");
        let name = request.client_order_id.clone();
        let reports = bought(&mut shop, request.clone()).await;
        let [report] = &reports[..] else {
            panic!("{reports:?}");
        };
        assert_eq!(
            (report.reject_reason.as_str(), &report.text),
            (reason, &dry.text)
        );
        assert_eq!(
            (report.refused_line, &report.client_order_id),
            (refused_line, &name)
        );
        assert_eq!(report.step(), v1::ContractStep::Basket);
        assert_eq!(report.contract_id.is_empty(), !reason.is_empty());
        assert_eq!(bought(&mut shop, request).await, again(&reports));
    }
    assert_eq!((shop.left(&cup).await, shop.left(&tea).await), (10, 7));
}

#[tokio::test]
async fn discounts_are_defined_once_looked_at_and_listed() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let ([tea, ..], first) = stocked(&mut shop).await;
    let retry = discount("d-1");
    let same = v1::DefineDiscountRequest {
        discount: Some(v1::Discount {
            closes: find(&mut shop, &first).await.closes,
            ..retry.discount.expect("one")
        }),
        ..discount("d-1")
    };
    let told = defined(&mut shop, same).await;
    assert_eq!(told.discount_id, first);
    assert!(told.report.expect("a report").poss_dup);
    bought(&mut shop, basket("k-1", &[(&tea, 3)], &first)).await;
    let found = find(&mut shop, &first).await;
    assert_eq!(
        (found.uses, found.uses_left, found.uses_per_owner),
        (10, 9, 2)
    );
    assert_eq!(found.off, Some(v1::discount::Off::Amount(id("30.00"))));
    assert_eq!(
        (found.account_id.as_str(), found.venue_id.as_str()),
        ("B", "S")
    );
    assert!(found.demonstration && found.code_hash.is_empty());
    let share = v1::DefineDiscountRequest {
        discount: Some(v1::Discount {
            off: Some(v1::discount::Off::Share(v1::discount::Share {
                bp: 1_500,
                at_most: id("20.00"),
            })),
            ..found_request()
        }),
        ..discount("d-2")
    };
    let second = defined(&mut shop, share).await.discount_id;
    let year = std::time::SystemTime::now() + std::time::Duration::from_secs(367 * 86_400);
    let too_long = v1::DefineDiscountRequest {
        discount: Some(v1::Discount {
            closes: Some(year.into()),
            ..found_request()
        }),
        ..discount("d-3")
    };
    let refused = defined(&mut shop, too_long).await;
    assert_eq!(refused.discount_id, "");
    assert_eq!(
        refused.report.expect("a report").reject_reason,
        "INVALID_FIELD"
    );
    for (venue, seller, expected) in [
        ("", "", vec![&first, &second]),
        ("S", "B", vec![&first, &second]),
        ("W", "", vec![]),
        ("", "A", vec![]),
    ] {
        let ids = listed(&mut shop, venue, seller).await;
        let ids: Vec<_> = ids.iter().collect();
        assert_eq!(ids, expected, "{venue} {seller}");
    }
    let never = v1::GetDiscountRequest {
        discount_id: id("1-0"),
    };
    let error = shop.sales.get_discount(never).await.expect_err("none");
    assert_eq!(error.code(), Code::NotFound);
}

/// The discounts of a venue or a seller, a page for each.
async fn listed(shop: &mut Shop, venue: &str, seller: &str) -> Vec<String> {
    let mut listed = Vec::new();
    let mut request = v1::ListDiscountsRequest {
        venue_id: id(venue),
        seller_account_id: id(seller),
        page_size: 1,
        page_token: String::new(),
    };
    loop {
        let page = shop.sales.list_discounts(request.clone()).await;
        let page = page.expect("a page").into_inner();
        listed.extend(page.discounts.into_iter().map(|one| one.discount_id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return listed;
        }
    }
}

fn found_request() -> v1::Discount {
    discount("").discount.expect("one")
}

async fn find(shop: &mut Shop, discount: &str) -> v1::Discount {
    let request = v1::GetDiscountRequest {
        discount_id: id(discount),
    };
    let found = shop.sales.get_discount(request).await.expect("a discount");
    found.into_inner().discount.expect("a discount")
}

#[tokio::test]
async fn the_stream_has_each_line_once_and_a_restart_keeps_the_answer() {
    let mut house = House::open().await;
    let mut shop = Shop::open(&house.channel().await).await;
    let ([tea, cup, bag], money_off) = stocked(&mut shop).await;
    let all = basket("k-1", &[(&tea, 1), (&cup, 1), (&bag, 1)], &money_off);
    let formed = bought(&mut shop, all.clone()).await;
    let refused = bought(&mut shop, basket("k-2", &[(&tea, 11)], "")).await;
    let more = bought(&mut shop, basket("k-3", &[(&bag, 1), (&tea, 1)], "")).await;
    let owner = v1::stream_contracts_request::Owner::AccountId(id("A"));
    let stream = shop.contracts.stream_contracts(v1::StreamContractsRequest {
        owner: Some(owner),
        from_sequence: 0,
    });
    let mut stream = stream.await.expect("a stream").into_inner();
    let mut told = Vec::new();
    while told.len() < 6 {
        let part = stream.message().await.expect("a message");
        told.extend(part.expect("more").reports);
    }
    let numbers: Vec<_> = told.iter().map(|one| one.account_sequence).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    let answered = [formed.clone(), refused.clone(), more.clone()].concat();
    assert_eq!(
        told, answered,
        "what a call is told is what the stream shows"
    );
    drop((stream, shop));
    house.restart().await;
    let mut shop = Shop::of(&house.channel().await);
    assert_eq!(bought(&mut shop, all).await, again(&formed));
    assert_eq!(find(&mut shop, &money_off).await.uses_left, 9);
    let retried = bought(&mut shop, basket("k-2", &[(&tea, 11)], "")).await;
    assert_eq!(retried, again(&refused));
}

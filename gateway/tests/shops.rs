//! Shops through a real gateway: a day from offer to settlement, refusals with their law, retries,
//! a kill, lists in pages, dry runs. What happens live: `shops_live`; malformed fields:
//! `shops_fields`; the rules themselves: the engine's scenarios.

#[path = "support/shop.rs"]
mod shop;
mod support;

use proto::v1;
use shop::{
    CARRIER, REFERENCE, Shop, accept, define, deliver, dispute, hand_over, id, offer, pay, prices,
    reserve, step, terms, tiered,
};
use support::child::Program;
use support::clearing::balances;
use support::{House, context};
use tonic::Code;
use tonic_types::StatusExt as _;
use v1::take_step_request::{self as wire, Step};

#[tokio::test]
async fn a_shops_day_from_offer_to_settlement() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let made = shop.offered(offer("tea-1", 0, 10)).await;
    assert_eq!((made.left_pieces, made.price.as_str()), (10, "129.00"));
    assert!(made.demonstration && made.engine_sequence > 0);

    // Five pieces of 129.00; 13 % tax in 645.00 is 74.20.
    let formed = shop.reserved(reserve("r-1", &made.offer_id, 5)).await;
    assert_eq!(formed.step(), v1::ContractStep::Reserve, "{formed:?}");
    assert_eq!(formed.state(), v1::ContractState::Paid);
    assert_eq!(formed.role(), v1::ContractRole::Buyer);
    assert_eq!(
        (formed.amount.as_str(), formed.tax.as_str()),
        ("645.00", "74.20")
    );
    assert_eq!(formed.money_held, "645.00");
    assert_eq!(formed.delivery_reference, REFERENCE);
    assert_eq!(
        (formed.terms, formed.client_order_id.as_str()),
        (Some(0), "r-1")
    );
    assert!(formed.deadline.is_some() && formed.demonstration);
    assert_eq!(shop.left(&made.offer_id).await, 5);
    let money = balances(channel.clone(), "A").await;
    assert_eq!(money["CNY"], (id("9355.00"), id("645.00")));

    let sent = shop.takes("h-1", "B", &formed, hand_over()).await;
    assert_eq!(
        (sent.role(), sent.reference.as_slice()),
        (v1::ContractRole::Seller, &CARRIER[..])
    );
    assert_eq!(sent.client_order_id, "h-1");
    let there = shop.takes("d-1", "B", &sent, deliver()).await;
    assert_eq!(
        (there.state(), there.goods_out.as_str()),
        (v1::ContractState::Delivered, "10")
    );
    let accepted = shop.takes("a-1", "A", &there, accept()).await;
    assert_eq!(accepted.state(), v1::ContractState::Accepted);

    // Two of five come back: 258.00 and its tax; the rest less half a per cent goes to the seller.
    let ask = Step::AskReturn(wire::AskReturn { pieces: 2 });
    let asked = shop.takes("ask-1", "A", &accepted, ask).await;
    assert_eq!(asked.return_pieces, 2);
    let back = Step::HandBack(wire::HandBack {
        reference: CARRIER.to_vec(),
    });
    let back = shop.takes("back-1", "A", &asked, back).await;
    let to = v1::TakenTo::Stock;
    let take = Step::TakeBack(wire::TakeBack {
        taken_to: to.into(),
    });
    let ended = shop.takes("take-1", "B", &back, take).await;
    assert_eq!(
        (ended.state(), ended.taken_to()),
        (v1::ContractState::Settled, to)
    );
    assert_eq!(
        (ended.refunded.as_str(), ended.tax_back.as_str()),
        ("258.00", "29.68")
    );
    assert_eq!(
        (ended.paid_out.as_str(), ended.fee.as_str()),
        ("385.06", "1.94")
    );
    assert_eq!((ended.money_held.as_str(), ended.deadline), ("0.00", None));
    assert_eq!(shop.left(&made.offer_id).await, 7);
    let (buyer, seller) = (
        balances(channel.clone(), "A").await,
        balances(channel, "B").await,
    );
    assert_eq!(buyer["CNY"], (id("9613.00"), id("0.00")));
    assert_eq!(seller["CNY"], (id("385.06"), id("0.00")));
    assert_eq!(seller["tea"], (id("980"), id("14")));
    check_told(&mut shop, &ended.contract_id).await;
}

/// Both parties find the contract and its seven steps; nobody else does.
async fn check_told(shop: &mut Shop, contract: &str) {
    let of = |account: &str| v1::GetContractRequest {
        account_id: id(account),
        contract_id: id(contract),
    };
    let buyers = shop.contracts.get_contract(of("A")).await.expect("there");
    let buyers = buyers.into_inner();
    assert_eq!(buyers.state(), v1::ContractState::Settled);
    assert_eq!(
        (buyers.version, buyers.last_step()),
        (7, v1::ContractStep::TakeBack)
    );
    assert_eq!(
        (buyers.client_order_id.as_str(), buyers.terms),
        ("r-1", Some(0))
    );
    let sellers = shop.contracts.get_contract(of("B")).await.expect("there");
    let sellers = sellers.into_inner();
    assert_eq!(sellers.delivery_reference, REFERENCE);
    let same = v1::Contract {
        client_order_id: id("r-1"),
        ..sellers.clone()
    };
    assert_eq!((same, sellers.client_order_id.as_str()), (buyers, ""));
    for (account, own) in [
        ("A", ["r-1", "", "", "a-1", "ask-1", "back-1", ""]),
        ("B", ["", "h-1", "d-1", "", "", "", "take-1"]),
    ] {
        let mut request = v1::ListContractStepsRequest {
            account_id: id(account),
            contract_id: id(contract),
            page_size: 3,
            page_token: String::new(),
        };
        let mut steps = Vec::new();
        loop {
            let page = shop.contracts.list_contract_steps(request.clone()).await;
            let page = page.expect("a page").into_inner();
            assert!(page.reports.len() <= 3);
            steps.extend(page.reports);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        let names: Vec<_> = steps
            .iter()
            .map(|one| one.client_order_id.as_str())
            .collect();
        assert_eq!(names, own, "{account}");
        assert!(steps.iter().all(|one| one.account_id == account));
    }
    let error = shop
        .contracts
        .get_contract(of("C"))
        .await
        .expect_err("no such account");
    assert_eq!(error.code(), Code::NotFound);
}

#[tokio::test]
async fn picked_up_with_a_code_and_paid_later_by_the_bank() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let request = v1::MakeOfferRequest {
        prices: prices(&[(1, "10.00"), (10, "9.00")]),
        ..offer("tea-1", 1, 100)
    };
    let made = shop.offered(request).await;
    let code = [7; 16];
    let hash = blake3::hash(&code).as_bytes()[..16].to_vec();
    let request = v1::ReserveRequest {
        pickup_hash: hash,
        ..reserve("r-1", &made.offer_id, 10)
    };
    let formed = shop.reserved(request).await;
    assert_eq!(formed.state(), v1::ContractState::Unpaid, "{formed:?}");
    assert_eq!(
        (formed.price.as_str(), formed.amount.as_str()),
        ("9.00", "90.00")
    );

    // The bank of a demonstration has the money at once.
    let bank = Step::PayIn(wire::PayIn {
        custodian_id: id("bank"),
    });
    let asked = shop.takes("p-1", "A", &formed, bank).await;
    assert_eq!(
        (asked.step(), asked.custodian_id.as_str()),
        (v1::ContractStep::PayIn, "bank")
    );
    let paid = shop.contracts.get_contract(v1::GetContractRequest {
        account_id: id("A"),
        contract_id: formed.contract_id.clone(),
    });
    let paid = paid.await.expect("there").into_inner();
    assert_eq!((paid.state(), paid.version), (v1::ContractState::Paid, 3));
    assert_eq!(paid.last_by(), v1::ContractRole::Custodian);
    let paid = v1::ContractReport {
        version: 3,
        ..asked
    };
    let ready = shop.takes("h-1", "B", &paid, hand_over()).await;
    let wrong = Step::PickUp(wire::PickUp { code: vec![8; 16] });
    let refused = shop.took(step("w-1", "B", &ready, wrong)).await;
    assert_eq!(refused.reject_reason, "PICKUP_CODE");
    assert_eq!(refused.contract_id, formed.contract_id);
    let right = Step::PickUp(wire::PickUp {
        code: code.to_vec(),
    });
    let there = shop.takes("u-1", "B", &ready, right).await;
    assert_eq!(there.state(), v1::ContractState::Delivered);
    let ended = shop.takes("a-1", "A", &there, accept()).await;
    assert_eq!(ended.state(), v1::ContractState::Settled);
}

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
        (step("s-1", "B", &formed, accept()), "WRONG_STEP"),
        (step("s-2", "A", &formed, hand_over()), "NOT_YOURS"),
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
    check_sellers_refusals(&mut shop, &whole).await;
}

async fn check_sellers_refusals(shop: &mut Shop, whole: &v1::OfferReport) {
    let change = v1::ChangeOfferRequest {
        client_order_id: id("c-1"),
        account_id: id("B"),
        offer_id: whole.offer_id.clone(),
        offer_version: 2,
        prices: prices(&[(1, "99.00")]),
        ..v1::ChangeOfferRequest::default()
    };
    let refused = shop
        .sales
        .change_offer(change.clone())
        .await
        .expect("a report");
    let refused = refused.into_inner();
    assert_eq!(
        (refused.act(), refused.reject_reason.as_str()),
        (v1::OfferAct::Unspecified, "STALE_VERSION")
    );
    assert_eq!(
        (
            refused.account_id.as_str(),
            refused.client_order_id.as_str()
        ),
        ("B", "c-1")
    );
    let right = v1::ChangeOfferRequest {
        client_order_id: id("c-2"),
        offer_version: 1,
        ..change
    };
    let done = shop
        .sales
        .change_offer(right)
        .await
        .expect("a report")
        .into_inner();
    assert_eq!(
        (done.act(), done.version, done.price.as_str()),
        (v1::OfferAct::Changed, 2, "99.00")
    );
    let take = v1::TakeStockRequest {
        client_order_id: id("t-1"),
        account_id: id("B"),
        offer_id: whole.offer_id.clone(),
        pieces: 10,
        ..v1::TakeStockRequest::default()
    };
    let refused = shop
        .sales
        .take_stock(take.clone())
        .await
        .expect("a report")
        .into_inner();
    assert_eq!(refused.reject_reason, "OUT_OF_STOCK");
    let take = v1::TakeStockRequest {
        client_order_id: id("t-2"),
        pieces: 9,
        ..take
    };
    let done = shop
        .sales
        .take_stock(take)
        .await
        .expect("a report")
        .into_inner();
    assert_eq!(
        (done.act(), done.left_pieces),
        (v1::OfferAct::StockTaken, 0)
    );
    let put = v1::PutStockRequest {
        client_order_id: id("p-1"),
        account_id: id("B"),
        offer_id: whole.offer_id.clone(),
        pieces: 5,
        ..v1::PutStockRequest::default()
    };
    let done = shop
        .sales
        .put_stock(put)
        .await
        .expect("a report")
        .into_inner();
    assert_eq!((done.act(), done.left_pieces), (v1::OfferAct::StockPut, 5));
    let end = v1::WithdrawOfferRequest {
        client_order_id: id("w-1"),
        account_id: id("B"),
        offer_id: whole.offer_id.clone(),
        ..v1::WithdrawOfferRequest::default()
    };
    let done = shop
        .sales
        .withdraw_offer(end)
        .await
        .expect("a report")
        .into_inner();
    assert_eq!(done.act(), v1::OfferAct::Withdrawn);
    let gone = v1::GetOfferRequest {
        offer_id: whole.offer_id.clone(),
    };
    let error = shop.sales.get_offer(gone).await.expect_err("it has ended");
    assert_eq!(error.code(), Code::NotFound);
}

#[tokio::test]
async fn an_operator_decides_a_dispute() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let made = shop.offered(offer("tea-1", 0, 10)).await;
    let formed = shop.reserved(reserve("r-1", &made.offer_id, 1)).await;
    let frozen = shop.takes("d-1", "A", &formed, dispute()).await;
    assert!(frozen.disputed && frozen.deadline.is_none());
    let decide = |seller: &str| {
        let said = wire::Resolve {
            buyer_amount: id("29.00"),
            seller_amount: id(seller),
            goods_to: v1::GoodsTo::Stock.into(),
        };
        v1::TakeStepRequest {
            reason: id("half of it was broken"),
            ..step("o-1", "", &frozen, Step::Resolve(said))
        }
    };
    let refused = shop
        .took(v1::TakeStepRequest {
            client_order_id: id("o-0"),
            ..decide("99.99")
        })
        .await;
    assert_eq!(
        (refused.reject_reason.as_str(), refused.account_sequence),
        ("INVALID_FIELD", 0)
    );
    let ended = shop.took(decide("100.00")).await;
    assert_eq!(ended.state(), v1::ContractState::Resolved, "{ended:?}");
    assert_eq!(
        (ended.refunded.as_str(), ended.paid_out.as_str()),
        ("29.00", "99.50")
    );
    assert_eq!(
        (ended.by(), ended.goods_to()),
        (v1::ContractRole::Operator, v1::GoodsTo::Stock)
    );
    assert_eq!(
        ended.client_order_id, "o-1",
        "whoever asks is told its own id"
    );
    // Again, and what was refused again.
    let again = shop.took(decide("100.00")).await;
    assert_eq!(
        again,
        v1::ContractReport {
            poss_dup: true,
            ..ended.clone()
        }
    );
    let still = shop
        .took(v1::TakeStepRequest {
            client_order_id: id("o-0"),
            ..decide("99.99")
        })
        .await;
    assert_eq!(
        still,
        v1::ContractReport {
            poss_dup: true,
            ..refused
        }
    );
    assert_eq!(shop.left(&made.offer_id).await, 10);
}

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
        assert_eq!(
            again,
            v1::ContractReport {
                poss_dup: true,
                ..formed.clone()
            }
        );
        let again = shop.reserved(reserve("r-2", &made.offer_id, 9)).await;
        assert_eq!(
            again,
            v1::ContractReport {
                poss_dup: true,
                ..refused.clone()
            }
        );
        let again = shop.took(step("h-1", "B", &formed, hand_over())).await;
        assert_eq!(
            again,
            v1::ContractReport {
                poss_dup: true,
                ..sent.clone()
            }
        );
        assert_eq!(shop.left(&made.offer_id).await, 8);
        let other = shop
            .contracts
            .reserve(reserve("r-1", &made.offer_id, 3))
            .await;
        let error = other.expect_err("other content");
        assert_eq!(error.code(), Code::AlreadyExists);
        let info = error.get_details_error_info().expect("a reason");
        assert_eq!(info.reason, "CLIENT_ORDER_ID_REUSED");
        let other = shop.sales.make_offer(offer("tea-1", 0, 11)).await;
        assert_eq!(
            other.expect_err("other content").code(),
            Code::AlreadyExists
        );
    }
    // An offer that has ended is still a change sent again.
    let change = v1::ChangeOfferRequest {
        client_order_id: id("c-1"),
        account_id: id("B"),
        offer_id: made.offer_id.clone(),
        offer_version: 1,
        prices: prices(&[(1, "130.00")]),
        ..v1::ChangeOfferRequest::default()
    };
    let changed = shop
        .sales
        .change_offer(change.clone())
        .await
        .expect("a report")
        .into_inner();
    let end = v1::WithdrawOfferRequest {
        client_order_id: id("end"),
        account_id: id("B"),
        offer_id: made.offer_id.clone(),
        ..v1::WithdrawOfferRequest::default()
    };
    shop.sales.withdraw_offer(end).await.expect("a report");
    let again = shop
        .sales
        .change_offer(change)
        .await
        .expect("a copy")
        .into_inner();
    assert_eq!(
        again,
        v1::OfferReport {
            poss_dup: true,
            ..changed
        }
    );
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
    check_terms(&mut shop).await;
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

//! Shops through a real gateway: a day from offer to settlement, a pickup, a dispute. Refusals:
//! `shops_refused`; retries, kills, lists: `shops_kept`; what happens live: `shops_live`; malformed
//! fields: `shops_fields`; the rules themselves: the engine's scenarios.

use crate::support::clearing::balances;
use crate::support::shop::{
    CARRIER, REFERENCE, Shop, accept, deliver, dispute, hand_over, id, offer, prices, reserve, step,
};
use crate::support::{House, context};
use proto::v1;
use tonic::Code;
use v1::take_step_request::{self as wire, Step};

#[tokio::test]
async fn a_shops_day_from_offer_to_a_return() {
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

    let ended = give_back(&mut shop, &accepted).await;
    assert_eq!(shop.left(&made.offer_id).await, 7);
    let (buyer, seller) = (
        balances(channel.clone(), "A").await,
        balances(channel, "B").await,
    );
    assert_eq!(buyer["CNY"], (id("9613.00"), id("387.00")));
    assert_eq!(seller["CNY"], (id("0.00"), id("0.00")));
    assert_eq!(seller["tea"], (id("980"), id("14")));
    check_told(&mut shop, &ended.contract_id).await;
}

/// Two of five come back: 258.00 and its tax; the rest may still come back in its days.
async fn give_back(shop: &mut Shop, accepted: &v1::ContractReport) -> v1::ContractReport {
    let ask = Step::AskReturn(wire::AskReturn { pieces: 2 });
    let asked = shop.takes("ask-1", "A", accepted, ask).await;
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
        (v1::ContractState::Accepted, to)
    );
    assert_eq!(
        (ended.refunded.as_str(), ended.tax_back.as_str()),
        ("258.00", "29.68")
    );
    assert_eq!(ended.money_held, "387.00");
    assert_eq!((asked.came_back, ended.came_back), (0, 2));
    assert_eq!(ended.deadline, accepted.deadline);
    ended
}

/// Both parties find the contract and its seven steps; nobody else does.
async fn check_told(shop: &mut Shop, contract: &str) {
    let of = |account: &str| v1::GetContractRequest {
        account_id: id(account),
        contract_id: id(contract),
    };
    let buyers = shop.contracts.get_contract(of("A")).await.expect("there");
    let buyers = buyers.into_inner();
    assert_eq!(buyers.state(), v1::ContractState::Accepted);
    assert_eq!((buyers.pieces, buyers.came_back), (5, 2));
    assert_eq!(buyers.regime, "ECOM_B2C");
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

/// An owner and an account that are nobody's here.
async fn make_stranger(shop: &mut Shop) {
    let owner = v1::CreateBeneficialOwnerRequest {
        context: context("owner-Z"),
        beneficial_owner_id: id("OZ"),
    };
    let made = shop.operations.create_beneficial_owner(owner).await;
    assert!(made.expect("an owner").into_inner().accepted);
    let account = v1::CreateAccountRequest {
        context: context("account-Z"),
        account_id: id("Z"),
        participant_id: id("P"),
        beneficial_owner_id: id("OZ"),
    };
    let made = shop.operations.create_account(account).await;
    assert!(made.expect("an account").into_inner().accepted);
}

#[tokio::test]
async fn both_rescind_and_an_account_that_is_no_party_sees_and_does_nothing() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    make_stranger(&mut shop).await;
    let made = shop.offered(offer("tea-1", 0, 10)).await;
    let formed = shop.reserved(reserve("r-1", &made.offer_id, 3)).await;
    let named = [&formed.buyer_account_id, &formed.seller_account_id];
    assert_eq!(named, ["A", "B"], "parties know each other");
    let rescind = || Step::Rescind(wire::Rescind {});
    let asked = shop.takes("x-1", "B", &formed, rescind()).await;
    assert_eq!(asked.state(), v1::ContractState::Paid);

    let look = shop.contracts.get_contract(v1::GetContractRequest {
        account_id: id("Z"),
        contract_id: formed.contract_id.clone(),
    });
    let error = look.await.expect_err("it is no party");
    assert_eq!(error.code(), Code::NotFound, "{error:?}");
    let steps = shop
        .contracts
        .list_contract_steps(v1::ListContractStepsRequest {
            account_id: id("Z"),
            contract_id: formed.contract_id.clone(),
            ..v1::ListContractStepsRequest::default()
        });
    let seen = steps.await.map(|page| page.into_inner().reports.len());
    assert!(matches!(seen, Ok(0) | Err(_)), "{seen:?}");
    let refused = shop.took(step("z-1", "Z", &asked, rescind())).await;
    assert_eq!(refused.reject_reason, "UNKNOWN_CONTRACT");

    let ended = shop.takes("x-2", "A", &asked, rescind()).await;
    assert_eq!(ended.state(), v1::ContractState::Rescinded);
    let back = (ended.refunded.as_str(), ended.money_held.as_str());
    assert_eq!(back, ("387.00", "0.00"));
    assert_eq!(shop.left(&made.offer_id).await, 10);
}

//! A seller's guarantee through a real gateway: set, told, covering a contract, paying a return,
//! and still there after a restart. The rules themselves: the engine's scenarios.

use crate::support::clearing::{balances, deposit};
use crate::support::shop::{Shop, accept, define, hand_over, id, offer, reserve, terms};
use crate::support::{House, context};
use proto::v1;
use proto::v1::accounts_client::AccountsClient;
use tonic::transport::Channel;
use v1::take_step_request::{self as wire, Step};

fn set(name: &str, amount: &str) -> v1::SetGuaranteeRequest {
    v1::SetGuaranteeRequest {
        context: context(name),
        venue_id: id("S"),
        account_id: id("B"),
        money_asset_id: id("CNY"),
        amount: id(amount),
    }
}

/// What a request is refused for; nothing if it is not.
async fn sets(shop: &mut Shop, request: v1::SetGuaranteeRequest) -> String {
    let report = shop.sales.set_guarantee(request).await;
    report.expect("a report").into_inner().reject_reason
}

/// What the guarantee is, and what it covers.
async fn stands(shop: &mut Shop) -> (String, String) {
    let request = v1::GetGuaranteeRequest {
        venue_id: id("S"),
        account_id: id("B"),
        money_asset_id: id("CNY"),
    };
    let found = shop.sales.get_guarantee(request).await;
    let found = found.expect("an answer").into_inner();
    assert!(found.demonstration);
    (found.amount, found.covering)
}

async fn held(channel: &Channel) -> Vec<(v1::HoldKind, String, String)> {
    let mut accounts = AccountsClient::new(channel.clone());
    let request = v1::ListHoldsRequest {
        account_id: id("B"),
        ..v1::ListHoldsRequest::default()
    };
    let page = accounts.list_holds(request).await.expect("a page");
    let money = page.into_inner().holds.into_iter();
    let money = money.filter(|hold| hold.asset_id == "CNY");
    money
        .map(|hold| (hold.kind(), hold.amount, hold.venue_id))
        .collect()
}

/// B has 1,000 yuan, and sells five pieces at 129 by covered terms; A accepts them.
async fn accepted(channel: &Channel, shop: &mut Shop) -> v1::ContractReport {
    let mut accounts = AccountsClient::new(channel.clone());
    let put = accounts
        .instruct(deposit("money-B", "B", "CNY", "1000.00"))
        .await;
    assert!(put.expect("a report").into_inner().accepted);
    let covered = v1::SaleTerms {
        covered: true,
        ..terms("S")
    };
    let made = shop.sales.define_terms(define("covered", covered)).await;
    let made = made.expect("a report").into_inner();
    assert_eq!((made.accepted, made.handle), (true, Some(3)), "{made:?}");
    let told = v1::GetTermsRequest { terms: Some(3) };
    let told = shop.sales.get_terms(told).await.expect("terms");
    assert!(told.into_inner().covered);
    assert_eq!(
        sets(shop, set("g-1", "1000.01")).await,
        "INSUFFICIENT_FUNDS"
    );
    assert_eq!(sets(shop, set("g-2", "1000.00")).await, "");
    assert_eq!(
        sets(shop, set("g-2", "1000.00")).await,
        "",
        "the same again"
    );
    let made = shop.offered(offer("tea-1", 3, 10)).await;
    let formed = shop.reserved(reserve("r-1", &made.offer_id, 5)).await;
    let sent = shop.takes("h-1", "B", &formed, hand_over()).await;
    shop.takes("a-1", "A", &sent, accept()).await
}

#[tokio::test]
async fn a_guarantee_answers_for_what_comes_back() {
    let mut house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    assert_eq!(stands(&mut shop).await, (id("0.00"), id("0.00")));
    let done = accepted(&channel, &mut shop).await;
    assert_eq!(done.state(), v1::ContractState::Covered);
    assert_eq!(
        [&done.paid_out, &done.fee, &done.money_held],
        ["641.77", "3.23", "0.00"]
    );
    assert!(done.deadline.is_some(), "its days of return run");
    assert_eq!(stands(&mut shop).await, (id("1000.00"), id("645.00")));
    assert_eq!(
        sets(&mut shop, set("g-3", "644.99")).await,
        "GUARANTEE_IN_USE"
    );

    // Two of five come back, out of the guarantee.
    let ask = Step::AskReturn(wire::AskReturn { pieces: 2 });
    let asked = shop.takes("ask-1", "A", &done, ask).await;
    assert_eq!(asked.state(), v1::ContractState::ReturnAsked);
    let take = Step::TakeBack(wire::TakeBack {
        taken_to: v1::TakenTo::Stock.into(),
    });
    let back = shop.takes("take-1", "B", &asked, take).await;
    assert_eq!((back.state(), back.came_back), (done.state(), 2));
    assert_eq!(
        [&back.penalty, &back.refunded, &back.tax_back],
        ["258.00", "0.00", "29.68"]
    );
    assert_eq!(back.deadline, done.deadline);
    let guarantee = (v1::HoldKind::Guarantee, id("742.00"), id("S"));
    assert_eq!(held(&channel).await, [guarantee]);
    let buyer = balances(channel.clone(), "A").await;
    let seller = balances(channel, "B").await;
    assert_eq!(buyer["CNY"], (id("9613.00"), id("0.00")));
    assert_eq!(seller["CNY"], (id("641.77"), id("742.00")));

    house.restart().await;
    let mut shop = Shop::of(&house.channel().await);
    assert_eq!(stands(&mut shop).await, (id("742.00"), id("387.00")));
    assert_eq!(sets(&mut shop, set("g-4", "387.00")).await, "");
    assert_eq!(stands(&mut shop).await, (id("387.00"), id("387.00")));
}

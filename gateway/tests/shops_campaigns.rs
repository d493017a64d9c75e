//! Flash sales, group buys and presales through a real gateway: their terms and courses, what is
//! held and told, what comes back. The rules themselves: the engine's scenarios.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::House;
use crate::support::clearing::{balances, deposit};
use crate::support::market::{context, venue};
use crate::support::shop::{Shop, define, id, offer, prices, reserve, step, terms};
use proto::v1;
use sha2::{Digest, Sha256};
use tonic::transport::Channel;
use v1::accounts_client::AccountsClient;
use v1::make_offer_request::Course;
use v1::sale_terms::{FlashSale, GroupBuy, Model, Presale};
use v1::take_step_request::{self as wire, Step};

/// Handles of the terms, after those of the shop.
const FLASH: u32 = 3;
const GROUP: u32 = 4;
const PRESALE: u32 = 5;

fn from_now(seconds: i64) -> prost_types::Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = i64::try_from(now.expect("after 1970").as_secs()).expect("before 2200");
    prost_types::Timestamp {
        seconds: now + seconds,
        nanos: 0,
    }
}

/// A venue under the law of consumers with the three models, and terms of each.
async fn open(channel: &Channel) -> Shop {
    let mut shop = Shop::open(channel).await;
    let models = ["FLASH_SALE", "GROUP_BUY", "PRESALE"].map(id).to_vec();
    let campaigns = v1::CreateVenueRequest {
        models,
        ..venue("C", "ECOM_B2C")
    };
    let made = shop.operations.create_venue(campaigns).await;
    assert!(made.expect("a report").get_ref().accepted);
    let mode = v1::FlashMode::Race.into();
    let all = [
        (
            FLASH,
            Model::FlashSale(FlashSale {
                mode,
                ..FlashSale::default()
            }),
        ),
        (GROUP, Model::GroupBuy(GroupBuy {})),
        (PRESALE, Model::Presale(Presale { deposit_bp: 3_000 })),
    ];
    for (handle, model) in all {
        let terms = v1::SaleTerms {
            model: Some(model),
            ..terms("C")
        };
        let made = shop
            .sales
            .define_terms(define(&format!("t{handle}"), terms.clone()))
            .await;
        let made = made.expect("a report").into_inner();
        assert_eq!(made.handle, Some(handle), "{made:?}");
        let ask = v1::GetTermsRequest {
            terms: Some(handle),
        };
        let told = shop.sales.get_terms(ask).await.expect("terms").into_inner();
        assert_eq!(told.model, terms.model);
    }
    shop
}

/// What B offers under terms of a model, closing so many seconds from now.
fn closing(name: &str, terms: u32, tiers: &[(u32, &str)], seconds: i64) -> v1::MakeOfferRequest {
    let mut request = offer(name, terms, 100);
    let prices = prices(tiers).map(|prices| v1::OfferPrices {
        closes: Some(from_now(seconds)),
        ..prices
    });
    request.prices = prices;
    request
}

#[tokio::test]
async fn a_flash_sale_gives_each_owner_its_limit_and_no_more() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = open(&channel).await;
    let mut request = closing("f", FLASH, &[(1, "9.90")], 3_600);
    let unlimited = shop.sales.make_offer(request.clone()).await;
    let refused = unlimited.expect("a report").into_inner().reject_reason;
    assert_eq!(refused, "INVALID_FIELD", "a flash sale has a limit");
    let prices = request.prices.as_mut().expect("it has prices");
    prices.buyer_limit_pieces = Some(2);
    prices.max_pieces = 2;
    request.client_order_id = id("f2");
    let made = shop.offered(request).await;
    let formed = shop.reserved(reserve("r1", &made.offer_id, 2)).await;
    assert_eq!(formed.state(), v1::ContractState::Paid, "{formed:?}");
    let more = shop.reserved(reserve("r2", &made.offer_id, 1)).await;
    assert_eq!(more.reject_reason, "BUYER_LIMIT");
    assert_eq!(shop.left(&made.offer_id).await, 98);
}

#[tokio::test]
async fn a_group_pays_one_price_at_its_close() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = open(&channel).await;
    let tiers = [(1, "100.00"), (20, "90.00")];
    let mut request = closing("g", GROUP, &tiers, 3);
    let quorum_pieces = 10;
    request.course = Some(Course::Group(v1::GroupCourse { quorum_pieces }));
    let made = shop.offered(request).await;
    let joined = shop.reserved(reserve("r1", &made.offer_id, 30)).await;
    assert_eq!(joined.state(), v1::ContractState::Joined, "{joined:?}");
    assert_eq!(joined.money_held, "3000.00");
    let ask = v1::GetOfferRequest {
        offer_id: made.offer_id.clone(),
    };
    let told = shop.sales.get_offer(ask).await.expect("an offer");
    let told = told.into_inner().offer.expect("an offer");
    let course = v1::offer::Course::Group(v1::GroupCourse { quorum_pieces });
    assert_eq!((told.joined_pieces, told.course), (30, Some(course)));

    // The close comes by itself; the stream tells of it.
    let ask = v1::StreamContractsRequest {
        from_sequence: joined.account_sequence + 1,
        owner: Some(v1::stream_contracts_request::Owner::AccountId(id("A"))),
    };
    let mut stream = shop
        .contracts
        .stream_contracts(ask)
        .await
        .expect("a stream");
    let closed = loop {
        let message = stream.get_mut().message().await.expect("it lives");
        let message = message.expect("it does not end");
        if let Some(report) = message.reports.into_iter().next() {
            break report;
        }
    };
    assert_eq!(closed.step(), v1::ContractStep::Deadline);
    assert_eq!(closed.state(), v1::ContractState::Paid);
    assert_eq!(
        [&closed.price, &closed.money_held, &closed.refunded],
        ["90.00", "2700.00", "300.00"]
    );
    let late = shop.reserved(reserve("r2", &made.offer_id, 1)).await;
    assert_eq!(late.reject_reason, "DEADLINE");
    let money = balances(channel, "A").await;
    assert_eq!(money["CNY"], (id("7300.00"), id("2700.00")));
}

#[tokio::test]
async fn a_seller_that_cancels_a_presale_returns_the_earnest_money_twice() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = open(&channel).await;
    let mut request = closing("p", PRESALE, &[(1, "1000.00")], 3_600);
    request.course = Some(Course::Presale(v1::PresaleCourse {
        pay_from: Some(from_now(7_200)),
        pay_until: Some(from_now(14_400)),
    }));
    let made = shop.offered(request).await;
    // B has no money: it could not return the earnest money twice.
    let poor = shop.reserved(reserve("r1", &made.offer_id, 1)).await;
    assert_eq!(
        [&poor.reject_reason, &poor.legal_basis],
        ["SELLER_FUNDS", "民法典(2020) 587"]
    );
    let mut accounts = AccountsClient::new(channel.clone());
    let put = accounts
        .instruct(deposit("bond", "B", "CNY", "200.00"))
        .await;
    assert!(put.expect("a report").get_ref().accepted);
    let formed = shop.reserved(reserve("r2", &made.offer_id, 1)).await;
    assert_eq!(formed.state(), v1::ContractState::Deposited, "{formed:?}");
    assert_eq!(formed.money_held, "300.00");
    let early = step("e", "A", &formed, Step::Pay(wire::Pay {}));
    assert_eq!(shop.took(early).await.reject_reason, "DEADLINE");
    let cancel = Step::Cancel(wire::Cancel {});
    let ended = shop.takes("c", "B", &formed, cancel).await;
    assert_eq!(ended.state(), v1::ContractState::Cancelled);
    assert_eq!([&ended.refunded, &ended.penalty], ["300.00", "200.00"]);
    let money = balances(channel.clone(), "A").await;
    assert_eq!(money["CNY"], (id("10200.00"), id("0.00")));
    assert_eq!(
        balances(channel, "B").await["CNY"],
        (id("0.00"), id("0.00"))
    );
}

/// Terms of a flash sale in another mode.
async fn flash(shop: &mut Shop, handle: u32, flash: FlashSale) {
    let terms = v1::SaleTerms {
        model: Some(Model::FlashSale(flash)),
        ..terms("C")
    };
    let made = shop
        .sales
        .define_terms(define("flash", terms.clone()))
        .await;
    assert_eq!(made.expect("a report").get_ref().handle, Some(handle));
    let ask = v1::GetTermsRequest {
        terms: Some(handle),
    };
    let told = shop.sales.get_terms(ask).await.expect("terms").into_inner();
    assert_eq!(told.model, terms.model);
}

fn limited(mut request: v1::MakeOfferRequest, limit: u32) -> v1::MakeOfferRequest {
    let prices = request.prices.as_mut().expect("it has prices");
    prices.buyer_limit_pieces = Some(limit);
    (prices.min_pieces, prices.max_pieces) = (limit, limit);
    request
}

#[tokio::test]
async fn a_queue_admits_who_has_a_ticket() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = open(&channel).await;
    let queue = FlashSale {
        mode: v1::FlashMode::Queue.into(),
        admitted_per_second: 10,
        ticket_valid_for: Some(prost_types::Duration {
            seconds: 600,
            nanos: 0,
        }),
    };
    flash(&mut shop, 6, queue).await;
    let mut request = limited(closing("q", 6, &[(1, "9.90")], 3_600), 1);
    let prices = request.prices.as_mut().expect("it has prices");
    prices.opens = Some(from_now(-5));
    let made = shop.offered(request).await;
    let early = shop.reserved(reserve("r1", &made.offer_id, 1)).await;
    assert_eq!(early.reject_reason, "NOT_ADMITTED");
    let ask = v1::GetTicketRequest {
        account_id: id("A"),
        offer_id: made.offer_id.clone(),
    };
    let none = shop.sales.get_ticket(ask.clone()).await;
    assert_eq!(none.expect_err("no ticket").code(), tonic::Code::NotFound);
    let join = |name: &str| v1::JoinQueueRequest {
        context: context(name),
        account_id: id("A"),
        offer_id: made.offer_id.clone(),
    };
    let joined = shop.sales.join_queue(join("j1")).await;
    let joined = joined.expect("a report").into_inner();
    assert!(joined.accepted, "{joined:?}");
    let again = shop.sales.join_queue(join("j2")).await;
    assert_eq!(
        again.expect("a report").get_ref().reject_reason,
        "TICKET_HELD"
    );
    let ticket = shop
        .sales
        .get_ticket(ask)
        .await
        .expect("a ticket")
        .into_inner();
    let (from, until) = (ticket.admitted.expect("told"), ticket.until.expect("told"));
    assert_eq!(until.seconds - from.seconds, 600);
    // It has been open for five seconds, so the first ticket admits in this one.
    let formed = shop.reserved(reserve("r2", &made.offer_id, 1)).await;
    assert_eq!(formed.state(), v1::ContractState::Paid, "{formed:?}");
}

#[tokio::test]
async fn a_lottery_can_be_checked_by_anybody() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = open(&channel).await;
    let lottery = FlashSale {
        mode: v1::FlashMode::Lottery.into(),
        ..FlashSale::default()
    };
    flash(&mut shop, 6, lottery).await;
    let seed = [7; 32];
    let commitment = Sha256::digest(seed).to_vec();
    let mut request = limited(closing("l", 6, &[(1, "10.00")], 3_600), 2);
    request.course = Some(Course::Lottery(v1::LotteryCourse {
        commitment: commitment.clone(),
        draw_by: Some(from_now(7_200)),
        ..v1::LotteryCourse::default()
    }));
    let made = shop.offered(request).await;
    let entered = shop.reserved(reserve("r1", &made.offer_id, 2)).await;
    assert_eq!(entered.state(), v1::ContractState::Entered, "{entered:?}");
    assert_eq!(
        (entered.money_held.as_str(), shop.left(&made.offer_id).await),
        ("20.00", 100)
    );
    let bring = v1::BringLotteryValueRequest {
        context: context("value"),
        offer_id: made.offer_id.clone(),
        value: vec![5; 32],
        source: id("block 1234"),
    };
    // The window is open: the value could be known to who enters.
    let early = shop.sales.bring_lottery_value(bring).await;
    assert_eq!(early.expect("a report").get_ref().reject_reason, "DEADLINE");
    let reveal = v1::RevealLotterySeedRequest {
        context: context("seed"),
        offer_id: made.offer_id.clone(),
        seed: seed.to_vec(),
    };
    let early = shop.sales.reveal_lottery_seed(reveal).await;
    assert_eq!(early.expect("a report").get_ref().reject_reason, "DEADLINE");
    let ask = v1::GetOfferRequest {
        offer_id: made.offer_id,
    };
    let told = shop.sales.get_offer(ask).await.expect("an offer");
    let Some(v1::offer::Course::Lottery(told)) = told.into_inner().offer.expect("it").course else {
        panic!("a lottery is told");
    };
    assert_eq!(told.commitment, commitment);
    assert!(told.seed.is_empty() && told.entries_hash != [0; 32]);
}

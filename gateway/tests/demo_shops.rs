//! The shops of the demonstration: they open, are marked, sell, and what is sold comes to its end.
//!
//! Not here: the demonstration's books (`operations`), the rules of shops (`shops`).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::support::House;
use proto::v1;
use proto::v1::contracts_client::ContractsClient;
use proto::v1::sales_client::SalesClient;
use sanjiang_gateway::demo::{RETAIL, WHOLESALE};
use tonic::transport::Channel;

/// Turns are seconds apart; a busy machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

async fn offers(channel: &Channel, venue: &str) -> Vec<v1::Offer> {
    let request = v1::ListOffersRequest {
        venue_id: venue.to_owned(),
        page_size: 1_000,
        ..v1::ListOffersRequest::default()
    };
    let mut client = SalesClient::new(channel.clone());
    let page = client.list_offers(request).await.expect("a page");
    page.into_inner().offers
}

async fn settled(channel: &Channel) -> usize {
    let request = v1::ListContractsRequest {
        account_id: "ACCOUNT-00".to_owned(),
        page_size: 1_000,
        ..v1::ListContractsRequest::default()
    };
    let mut client = ContractsClient::new(channel.clone());
    let page = client.list_contracts(request).await.expect("a page");
    let all = page.into_inner().contracts;
    assert!(all.iter().all(|one| one.demonstration));
    let ended = all
        .iter()
        .filter(|one| one.state() == v1::ContractState::Settled);
    ended.count()
}

#[tokio::test]
async fn shops_open_and_sell_and_go_on_after_a_restart() {
    let mut house = House::open_with(|settings| settings.demo = true).await;
    let channel = house.channel().await;
    let until = Instant::now() + PATIENCE;
    let (mut wholesale, mut retail) = (Vec::new(), Vec::new());
    while wholesale.len() < 4 || retail.len() < 2 || settled(&channel).await == 0 {
        assert!(Instant::now() < until, "{wholesale:?} {retail:?}");
        tokio::task::yield_now().await;
        wholesale = offers(&channel, WHOLESALE).await;
        retail = offers(&channel, RETAIL).await;
    }
    for offer in wholesale.iter().chain(&retail) {
        assert!(offer.demonstration && offer.left_pieces > 0, "{offer:?}");
        let closes = offer.prices.as_ref().is_some_and(|p| p.closes.is_some());
        assert_eq!(closes, offer.venue_id == RETAIL);
    }
    let group = retail.iter().filter(|offer| offer.course.is_some());
    assert_eq!((wholesale.len(), retail.len(), group.count()), (4, 2, 1));
    house.restart().await;
    let channel = house.channel().await;
    let before = settled(&channel).await;
    while settled(&channel).await == before {
        assert!(Instant::now() < until, "nothing is sold after a restart");
        tokio::task::yield_now().await;
    }
    let same = offers(&channel, WHOLESALE).await;
    let ids = [wholesale, same].map(|all| {
        let ids = all.into_iter().map(|one| one.offer_id);
        ids.collect::<BTreeSet<_>>()
    });
    assert_eq!(ids[0], ids[1], "a restart offers nothing twice");
}

//! Instruments through the public API: what they are and how they stand.

use crate::support::flow::trade_some;
use crate::support::{House, context, instrument, venue};
use proto::v1;

async fn last_price(house: &House) -> String {
    let request = v1::GetBookSnapshotRequest {
        instrument_id: "COAL".to_owned(),
        depth: 1,
    };
    let snapshot = house.market_data().await.get_book_snapshot(request).await;
    snapshot.expect("a book").into_inner().last_price
}

#[tokio::test]
async fn instruments_are_listed_with_how_they_stand() {
    let house = House::open().await;
    house.with_market().await;
    let mut operations = house.operations().await;
    let accepted = |report: v1::OperationReport| assert!(report.accepted, "{report:?}");
    accepted(
        operations
            .create_venue(venue("W", "SANDBOX"))
            .await
            .expect("W")
            .into_inner(),
    );
    let mut steel = instrument("STEEL", "W");
    steel.static_band_bp = 1_000;
    accepted(
        operations
            .create_instrument(steel)
            .await
            .expect("STEEL")
            .into_inner(),
    );
    let reference = v1::SetReferencePriceRequest {
        context: context("reference"),
        instrument_id: "STEEL".to_owned(),
        price: "100.00".to_owned(),
    };
    accepted(
        operations
            .set_reference_price(reference)
            .await
            .expect("set")
            .into_inner(),
    );
    trade_some(&house, 0).await;
    lists_both(&house).await;
    by_name_and_by_venue(&house).await;
}

/// In pages, with what each is and how it stands.
async fn lists_both(house: &House) {
    let mut client = house.market_data().await;
    let mut list = v1::ListInstrumentsRequest {
        page_size: 1,
        ..v1::ListInstrumentsRequest::default()
    };
    let page = client
        .list_instruments(list.clone())
        .await
        .expect("a page")
        .into_inner();
    list.page_token = page.next_page_token;
    let coal = page.instruments[0].clone();
    assert_eq!(
        (coal.instrument_id.as_str(), coal.venue_id.as_str()),
        ("COAL", "V")
    );
    assert_eq!(
        (coal.tick_size.as_str(), coal.lot_size.as_str()),
        ("0.05", "100")
    );
    assert_eq!(
        (coal.phase(), coal.trading_status()),
        (v1::Phase::Continuous, v1::TradingStatus::Trading)
    );
    assert_eq!(coal.last_price, last_price(house).await);
    assert!(!coal.last_price.is_empty() && coal.reference_price.is_empty());
    let page = client
        .list_instruments(list)
        .await
        .expect("a page")
        .into_inner();
    assert_eq!(
        (page.instruments.len(), page.next_page_token.as_str()),
        (1, "")
    );
    let names: Vec<_> = page
        .instruments
        .iter()
        .map(|it| it.instrument_id.clone())
        .collect();
    assert_eq!(names, ["STEEL"]);
}

/// Alone, and as the only one of its venue.
async fn by_name_and_by_venue(house: &House) {
    let mut client = house.market_data().await;
    let name = v1::GetInstrumentRequest {
        instrument_id: "STEEL".to_owned(),
    };
    let steel = client
        .get_instrument(name)
        .await
        .expect("STEEL")
        .into_inner();
    assert_eq!(steel.reference_price, "100.00");
    assert_eq!(
        (
            steel.low_limit_price.as_str(),
            steel.high_limit_price.as_str()
        ),
        ("90.00", "110.00")
    );
    assert_eq!(
        (steel.phase(), steel.demonstration),
        (v1::Phase::Closed, true)
    );
    let of_w = v1::ListInstrumentsRequest {
        venue_id: "W".to_owned(),
        ..v1::ListInstrumentsRequest::default()
    };
    let page = client
        .list_instruments(of_w)
        .await
        .expect("a page")
        .into_inner();
    assert_eq!(page.instruments, [steel]);
}

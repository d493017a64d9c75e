//! For tests and benches: a market to trade on, made by the public API, and orders for it.
//!
//! Invariant: ids are fixed, so a second run on the same exchange is answered as repeated. Not
//! here: how an exchange is started.
#![allow(dead_code, reason = "each user takes its part")]
#![allow(
    clippy::unnecessary_wraps,
    reason = "a context is an optional field on the wire"
)]

use proto::v1;
use proto::v1::operations_client::OperationsClient;
use tonic::transport::Channel;

/// Venue V (SANDBOX, demonstration) in continuous trading, instrument COAL with tick 0.05 and lot
/// 100, participant P, accounts A and B of owners OA and OB. Handles begin at 0.
pub async fn make_market(channel: Channel) {
    let mut operations = OperationsClient::new(channel);
    let id = |text: &str| text.to_owned();
    let accepted = |report: v1::OperationReport| assert!(report.accepted, "{report:?}");
    let report = operations.create_participant(v1::CreateParticipantRequest {
        context: context("participant"),
        participant_id: id("P"),
    });
    accepted(report.await.expect("P").into_inner());
    for name in ["A", "B"] {
        let report = operations.create_beneficial_owner(v1::CreateBeneficialOwnerRequest {
            context: context(&format!("owner-{name}")),
            beneficial_owner_id: format!("O{name}"),
        });
        accepted(report.await.expect("an owner").into_inner());
        let report = operations.create_account(v1::CreateAccountRequest {
            context: context(&format!("account-{name}")),
            account_id: id(name),
            participant_id: id("P"),
            beneficial_owner_id: format!("O{name}"),
        });
        accepted(report.await.expect("an account").into_inner());
    }
    let report = operations.create_venue(venue("V", "SANDBOX"));
    accepted(report.await.expect("V").into_inner());
    let report = operations.create_instrument(instrument("COAL", "V"));
    accepted(report.await.expect("COAL").into_inner());
    let report = operations.set_phase(v1::SetPhaseRequest {
        context: context("phase"),
        venue_id: id("V"),
        phase: v1::Phase::Continuous.into(),
    });
    accepted(report.await.expect("a phase").into_inner());
}

pub fn context(id: &str) -> Option<v1::OperationContext> {
    Some(v1::OperationContext {
        request_id: id.to_owned(),
        reason: "a test".to_owned(),
        approver: String::new(),
    })
}

pub fn venue(id: &str, regime: &str) -> v1::CreateVenueRequest {
    v1::CreateVenueRequest {
        context: context(&format!("venue-{id}")),
        venue_id: id.to_owned(),
        name: "A venue".to_owned(),
        regimes: vec![regime.to_owned()],
        models: vec!["CLOB".to_owned(), "CALL_AUCTION".to_owned()],
        demonstration: true,
        ..v1::CreateVenueRequest::default()
    }
}

pub fn instrument(id: &str, venue: &str) -> v1::CreateInstrumentRequest {
    v1::CreateInstrumentRequest {
        context: context(&format!("instrument-{id}")),
        instrument_id: id.to_owned(),
        venue_id: venue.to_owned(),
        name: "Thermal coal".to_owned(),
        currency: "CNY".to_owned(),
        unit: "t".to_owned(),
        tick_size: "0.05".to_owned(),
        lot_size: "100".to_owned(),
        price_decimals: 2,
        max_quantity: "1000000".to_owned(),
        market_protection_ticks: 10,
        ..v1::CreateInstrumentRequest::default()
    }
}

/// A limit order for the day on COAL.
pub fn limit(
    id: &str,
    account: &str,
    side: v1::Side,
    price: &str,
    quantity: &str,
) -> v1::SubmitOrderRequest {
    v1::SubmitOrderRequest {
        client_order_id: id.to_owned(),
        instrument_id: "COAL".to_owned(),
        account_id: account.to_owned(),
        side: side.into(),
        order_type: v1::OrderType::Limit.into(),
        price: price.to_owned(),
        quantity: quantity.to_owned(),
        ..v1::SubmitOrderRequest::default()
    }
}

//! Settlement through the public API: what waits, what frees it, the law of holders.
//!
//! The venue's trading day rolls a moment after the trade, on the real clock; a day order that
//! expires with it says when.

use std::time::{Duration, SystemTime};

use crate::support::clearing::{balances, deposit, make_clearing};
use crate::support::{House, context, instrument, limit, venue};
use proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

/// A calendar whose first day is yesterday's and whose next begins in so long.
fn calendar(next: Duration) -> v1::SetCalendarRequest {
    let text = |at: SystemTime| {
        let text = prost_types::Timestamp::from(at).to_string();
        let (date, time) = text.split_once('T').expect("a date and a time");
        (date.to_owned(), time.trim_end_matches('Z').to_owned())
    };
    let roll = SystemTime::now() + next;
    let (day, roll_time) = text(roll);
    let (before, _) = text(roll - Duration::from_secs(24 * 3_600));
    v1::SetCalendarRequest {
        context: context(&format!("calendar-{}", next.as_millis())),
        calendar_id: "C".to_owned(),
        utc_offset_seconds: 0,
        roll_time,
        trading_days: vec![before, day],
    }
}

/// The market of `support`, on a venue with a calendar.
async fn market(house: &House, regime: &str, models: &[&str]) {
    let mut operations = house.operations().await;
    let accepted = |report: v1::OperationReport| assert!(report.accepted, "{report:?}");
    let report = operations.create_participant(v1::CreateParticipantRequest {
        context: context("participant"),
        participant_id: "P".to_owned(),
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
            account_id: name.to_owned(),
            participant_id: "P".to_owned(),
            beneficial_owner_id: format!("O{name}"),
        });
        accepted(report.await.expect("an account").into_inner());
    }
    let day = Duration::from_secs(20 * 3_600);
    let report = operations.set_calendar(calendar(day)).await;
    accepted(report.expect("a calendar").into_inner());
    let report = operations.create_venue(v1::CreateVenueRequest {
        calendar_id: "C".to_owned(),
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        ..venue("V", regime)
    });
    accepted(report.await.expect("V").into_inner());
    let report = operations.create_instrument(instrument("COAL", "V"));
    accepted(report.await.expect("COAL").into_inner());
    make_clearing(house.channel().await).await;
}

fn settle(id: &str, days: u32) -> v1::SetSettlementRequest {
    v1::SetSettlementRequest {
        context: context(id),
        instrument_id: "COAL".to_owned(),
        days,
        ..v1::SetSettlementRequest::default()
    }
}

async fn set(house: &House, request: v1::SetSettlementRequest) -> v1::OperationReport {
    let report = house.operations().await.set_settlement(request).await;
    report.expect("a report").into_inner()
}

async fn told(house: &House, request: v1::InstructRequest) -> v1::OperationReport {
    let report = house.accounts().await.instruct(request).await;
    report.expect("a report").into_inner()
}

async fn submit(house: &House, order: v1::SubmitOrderRequest) -> v1::ExecutionReport {
    let report = house.orders().await.submit_order(order).await;
    report.expect("a report").into_inner()
}

async fn settlement(house: &House) -> v1::GetSettlementResponse {
    let request = v1::GetSettlementRequest {
        instrument_id: "COAL".to_owned(),
    };
    let answer = house.accounts().await.get_settlement(request).await;
    answer.expect("an answer").into_inner()
}

/// By asset: available, held, and what of it waits.
async fn waits(house: &House, account: &str) -> Vec<[String; 4]> {
    let request = v1::GetBalancesRequest {
        account_id: account.to_owned(),
        ..v1::GetBalancesRequest::default()
    };
    let page = house.accounts().await.get_balances(request).await;
    let page = page.expect("a page").into_inner();
    let list = page.balances.into_iter();
    let list = list.map(|one| [one.asset_id, one.available, one.held, one.unsettled]);
    let mut list: Vec<_> = list.collect();
    list.sort();
    list
}

async fn unsettled(house: &House, account: &str, token: &str) -> v1::ListUnsettledResponse {
    let request = v1::ListUnsettledRequest {
        account_id: account.to_owned(),
        page_size: 1,
        page_token: token.to_owned(),
    };
    let page = house.accounts().await.list_unsettled(request).await;
    page.expect("a page").into_inner()
}

/// Waits for the end of an account's day order.
async fn expired(house: &House, account: &str) {
    let owner = v1::stream_executions_request::Owner::AccountId(account.to_owned());
    let request = v1::StreamExecutionsRequest {
        owner: Some(owner),
        from_sequence: 1,
    };
    let stream = house.orders().await.stream_executions(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    loop {
        let more = stream.message().await.expect("no error");
        let reports = more.expect("it goes on").reports;
        let ends = |report: &v1::ExecutionReport| report.exec_type() == v1::ExecType::Expired;
        if reports.iter().any(ends) {
            return;
        }
    }
}

fn line(asset: &str, available: &str, held: &str, unsettled: &str) -> [String; 4] {
    [asset, available, held, unsettled].map(str::to_owned)
}

#[tokio::test]
async fn what_is_traded_today_is_free_with_the_next_day_also_over_a_restart() {
    let mut house = House::open().await;
    market(&house, "SANDBOX", &["CLOB", "CALL_AUCTION"]).await;
    let report = set(&house, settle("t1", 1)).await;
    assert!(report.accepted && report.demonstration, "{report:?}");
    let known = settlement(&house).await;
    assert_eq!((known.days, known.max_holders, known.holders), (1, 0, 0));
    let phase = v1::SetPhaseRequest {
        context: context("phase"),
        venue_id: "V".to_owned(),
        phase: v1::Phase::Continuous.into(),
    };
    let phase = house.operations().await.set_phase(phase).await;
    assert!(phase.expect("a report").into_inner().accepted);
    for request in [
        deposit("in-A", "A", "CNY", "20000.00"),
        deposit("in-B", "B", "coal", "300"),
        deposit("fee-B", "B", "CNY", "10.00"),
    ] {
        assert!(told(&house, request).await.accepted);
    }
    // B sells 100 t at 50.00: 5,000 yuan less its fee of 2.50; it holds the minimum fee before.
    submit(&house, limit("buy", "A", v1::Side::Buy, "50.00", "200")).await;
    let sell = submit(&house, limit("sell", "B", v1::Side::Sell, "50.00", "100")).await;
    assert_eq!(
        (sell.exec_type(), sell.held.as_str()),
        (v1::ExecType::New, "1.00")
    );
    let of_a = [
        line("CNY", "9997.00", "5002.00", "0.00"),
        line("coal", "0.000", "100.000", "100.000"),
    ];
    let of_b = [
        line("CNY", "10.00", "4997.50", "4997.50"),
        line("coal", "200.000", "0.000", "0.000"),
    ];
    assert_eq!(waits(&house, "A").await, of_a);
    assert_eq!(waits(&house, "B").await, of_b);
    let again = limit("again", "A", v1::Side::Sell, "50.00", "100");
    let refused = submit(&house, again.clone()).await;
    assert_eq!(refused.reject_reason, "INSUFFICIENT_GOODS");
    house.restart().await;
    assert_eq!(waits(&house, "A").await, of_a);
    let page = unsettled(&house, "B", "").await;
    assert_eq!(page.next_page_token, "");
    let one = &page.unsettled[0];
    assert_eq!((one.instrument_id.as_str(), one.rolls), ("COAL", 1));
    assert_eq!(
        (one.money_asset_id.as_str(), one.money.as_str()),
        ("CNY", "4997.50")
    );
    assert_eq!(
        (one.goods_asset_id.as_str(), one.goods.as_str()),
        ("coal", "0.000")
    );
    assert_eq!(unsettled(&house, "A", "0-1").await.unsettled.len(), 1);
    assert_eq!(unsettled(&house, "A", "0-2").await.unsettled.len(), 0);

    // The next day begins in a moment; with it A's day order ends.
    let soon = calendar(Duration::from_millis(1_500));
    let report = house.operations().await.set_calendar(soon).await;
    assert!(report.expect("a report").into_inner().accepted);
    expired(&house, "A").await;
    assert_eq!(
        waits(&house, "B").await,
        [
            line("CNY", "5007.50", "0.00", "0.00"),
            line("coal", "200.000", "0.000", "0.000"),
        ]
    );
    let again = limit("later", "A", v1::Side::Sell, "50.00", "100");
    assert_eq!(submit(&house, again).await.exec_type(), v1::ExecType::New);
    assert_eq!(balances(house.channel().await, "B").await.len(), 2);
}

#[tokio::test]
async fn a_venue_of_equity_counts_its_holders_by_law() {
    let house = House::open().await;
    market(&house, "REGIONAL_EQUITY", &["NEGOTIATED"]).await;
    let known = settlement(&house).await;
    assert_eq!((known.reverse_trade_days, known.max_holders), (5, 200));
    assert_eq!(known.holder_count(), v1::HolderCount::Cumulative);
    let report = set(&house, settle("less", 1)).await;
    assert_eq!(
        (report.reject_reason.as_str(), report.legal_basis.as_str()),
        ("T_PLUS_N", "国发〔2011〕38号")
    );
    let one = v1::SetSettlementRequest {
        reverse_trade_days: 5,
        max_holders: 1,
        ..settle("one", 0)
    };
    assert!(set(&house, one.clone()).await.accepted);
    assert!(
        told(&house, deposit("in-A", "A", "coal", "3"))
            .await
            .accepted
    );
    let report = told(&house, deposit("in-B", "B", "coal", "3")).await;
    assert_eq!(
        (report.reject_reason.as_str(), report.legal_basis.as_str()),
        ("MAX_HOLDERS", "国办发〔2012〕37号")
    );
    let known = settlement(&house).await;
    assert_eq!((known.holders, known.reserved_places), (1, 0));
    assert!(known.demonstration);
}

#[tokio::test]
async fn every_faulty_field_is_named() {
    let house = House::open().await;
    let wrong = v1::SetSettlementRequest {
        days: 11,
        reverse_trade_days: 21,
        holder_count: 7,
        reference: "x".repeat(41),
        ..settle("wrong", 0)
    };
    let error = house.operations().await.set_settlement(wrong).await;
    let error = error.expect_err("it is wrong");
    assert_eq!(error.code(), Code::InvalidArgument);
    let details = error.get_error_details();
    let fields = details
        .bad_request()
        .expect("fields")
        .field_violations
        .iter();
    let mut fields: Vec<_> = fields.map(|one| one.field.as_str()).collect();
    fields.sort_unstable();
    let expected = ["days", "holder_count", "reference", "reverse_trade_days"];
    for field in expected {
        assert!(fields.contains(&field), "{field} in {fields:?}");
    }
}

/// An owner behind a nominee and by itself counts once, and a list that would be too much is
/// refused with the text of the law.
#[tokio::test]
async fn holders_are_counted_behind_nominees() {
    let house = House::open().await;
    market(&house, "REGIONAL_EQUITY", &["NEGOTIATED"]).await;
    for name in ["X", "Y"] {
        let owner = v1::CreateBeneficialOwnerRequest {
            context: context(&format!("owner-{name}")),
            beneficial_owner_id: name.to_owned(),
        };
        let mut operations = house.operations().await;
        let report = operations.create_beneficial_owner(owner).await;
        assert!(report.expect("an owner").into_inner().accepted);
    }
    let two = v1::SetSettlementRequest {
        reverse_trade_days: 5,
        max_holders: 2,
        ..settle("two", 0)
    };
    assert!(set(&house, two).await.accepted);
    let names = |id: &str, nominee: &str, list: &[&str]| v1::SetNomineeRequest {
        context: context(id),
        beneficial_owner_id: nominee.to_owned(),
        owner_ids: list.iter().map(|one| (*one).to_owned()).collect(),
    };
    let asked = async |request| {
        let report = house.operations().await.set_nominee(request).await;
        report.map(tonic::Response::into_inner)
    };
    let report = asked(names("first", "OA", &["X", "OB"])).await;
    assert!(report.expect("a report").accepted);
    for (id, account) in [("in-A", "A"), ("in-B", "B")] {
        assert!(
            told(&house, deposit(id, account, "coal", "3"))
                .await
                .accepted
        );
    }
    assert_eq!(settlement(&house).await.holders, 2, "X, and OB once");
    let report = asked(names("third", "OA", &["X", "OB", "Y"])).await;
    let report = report.expect("a report");
    assert_eq!(
        (report.reject_reason.as_str(), report.legal_basis.as_str()),
        ("MAX_HOLDERS", "国办发〔2012〕37号")
    );
    let request = v1::GetNomineeRequest {
        beneficial_owner_id: "OA".to_owned(),
    };
    let known = house.accounts().await.get_nominee(request).await;
    let known = known.expect("an answer").into_inner();
    assert_eq!(known.owner_ids, ["X", "OB"], "as it was");
    assert!(known.engine_sequence > 0);
    let error = asked(names("nobody", "OA", &["Z"])).await;
    let error = error.expect_err("there is no such owner");
    assert_eq!(error.code(), Code::NotFound);
    let many = vec!["X"; 201];
    let error = asked(names("many", "OA", &many)).await;
    let error = error.expect_err("too many for one nominee");
    assert_eq!(error.code(), Code::InvalidArgument);
}

//! Margin forwards through the public API: terms, positions, marks, calls, forced reduction, what
//! is posted, and what reconciles.
//!
//! COAL: tick 0.05, lot 100 t, CNY in fen: a tick of a lot is 5 yuan. Listed at 50.00, so a lot is
//! worth 5,000 yuan, its initial margin is 500 and its maintenance margin 250.
//!
//! Not here: the rules as a whole (the engine's scenario tables).

use crate::support;
use crate::support::clearing::{asset, balances, custodian, deposit, set_clearing};
use crate::support::folders;
use crate::support::{House, context, limit};
use proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

fn set_margin() -> v1::SetMarginRequest {
    v1::SetMarginRequest {
        context: context("margin-COAL"),
        instrument_id: "COAL".to_owned(),
        money_asset_id: "CNY".to_owned(),
        settlement_price: "50.00".to_owned(),
        initial_bp: 1_000,
        maintenance_bp: 500,
        call_deadline_seconds: 0,
        position_limit: "1000".to_owned(),
    }
}

/// The market of `support` whose COAL is a margin forward; A has 1,000 yuan, B 20,000.
async fn house() -> House {
    let house = House::open().await;
    house.with_market().await;
    let mut operations = house.operations().await;
    let accepted = |report: v1::OperationReport| assert!(report.accepted, "{report:?}");
    let cny = asset("CNY", v1::AssetClass::Currency, 2, "");
    accepted(
        operations
            .create_asset(cny)
            .await
            .expect("CNY")
            .into_inner(),
    );
    let bank = custodian("bank", v1::CustodianKind::Bank);
    let report = operations.create_custodian(bank).await;
    accepted(report.expect("bank").into_inner());
    let report = operations.set_margin(set_margin()).await;
    let report = report.expect("margin").into_inner();
    assert!(report.demonstration);
    accepted(report);
    let mut accounts = house.accounts().await;
    for request in [
        deposit("in-A", "A", "CNY", "1000.00"),
        deposit("in-B", "B", "CNY", "20000.00"),
    ] {
        let report = accounts.instruct(request).await.expect("a report");
        accepted(report.into_inner());
    }
    house
}

async fn submit(house: &House, order: v1::SubmitOrderRequest) -> v1::ExecutionReport {
    let report = house.orders().await.submit_order(order).await;
    report.expect("a report").into_inner()
}

async fn position(house: &House, account: &str) -> v1::MarginPosition {
    let request = v1::GetMarginPositionsRequest {
        account_id: account.to_owned(),
        ..v1::GetMarginPositionsRequest::default()
    };
    let page = house.accounts().await.get_margin_positions(request).await;
    let mut page = page.expect("a page").into_inner();
    assert!(page.next_page_token.is_empty() && page.engine_sequence > 0);
    assert_eq!(page.positions.len(), 1, "{page:?}");
    page.positions.remove(0)
}

async fn mark(house: &House, id: &str, price: &str) {
    let mut operations = house.operations().await;
    let report = operations.set_settlement_price(v1::SetSettlementPriceRequest {
        context: context(&format!("price-{id}")),
        instrument_id: "COAL".to_owned(),
        price: price.to_owned(),
    });
    assert!(report.await.expect("a price").into_inner().accepted);
    let report = operations.mark(v1::MarkRequest {
        context: context(id),
        instrument_id: "COAL".to_owned(),
    });
    assert!(report.await.expect("a mark").into_inner().accepted);
}

async fn cny(house: &House, account: &str) -> (String, String) {
    let mut all = balances(house.channel().await, account).await;
    all.remove("CNY").expect("an account with money")
}

fn pair(available: &str, held: &str) -> (String, String) {
    (available.to_owned(), held.to_owned())
}

#[tokio::test]
async fn positions_hold_margin_are_marked_called_and_reduced() {
    let mut house = house().await;
    let short = submit(&house, limit("s", "B", v1::Side::Sell, "50.00", "200")).await;
    assert_eq!(short.reject_reason, "");
    let three = submit(&house, limit("b3", "A", v1::Side::Buy, "50.00", "300")).await;
    assert_eq!(three.reject_reason, "INSUFFICIENT_MARGIN");
    let many = submit(&house, limit("b9", "B", v1::Side::Sell, "60.00", "900")).await;
    assert_eq!(many.reject_reason, "POSITION_LIMIT");
    let two = submit(&house, limit("b2", "A", v1::Side::Buy, "50.00", "200")).await;
    assert_eq!(two.reject_reason, "");
    assert_eq!(cny(&house, "A").await, pair("0.00", "1000.00"));
    let has = position(&house, "A").await;
    assert_eq!(
        (has.instrument_id.as_str(), has.net_quantity.as_str()),
        ("COAL", "200")
    );
    assert_eq!(
        [
            &has.margin_held,
            &has.margin_required,
            &has.margin_maintenance,
            &has.unsettled
        ],
        ["1000.00", "1000.00", "500.00", "0.00"]
    );

    // 46.00 is 80 ticks of 5 yuan and 2 lots lower: 800 yuan. What is held falls to 200, below
    // 460. The call is due at once, but there is nobody to sell to.
    mark(&house, "first", "46.00").await;
    let open = submit(&house, limit("x", "A", v1::Side::Buy, "40.00", "100")).await;
    assert_eq!(open.reject_reason, "INSUFFICIENT_MARGIN", "{open:?}");
    let has = position(&house, "A").await;
    assert_eq!(has.call_status(), v1::MarginCallStatus::Overdue, "{has:?}");
    assert_eq!(
        [
            &has.settlement_price,
            &has.margin_held,
            &has.margin_required
        ],
        ["46.00", "200.00", "920.00"]
    );
    assert_eq!(cny(&house, "B").await, pair("19880.00", "920.00"));

    // B bids; the next mark at the same price reduces A.
    let bid = submit(&house, limit("bid", "B", v1::Side::Buy, "46.00", "200")).await;
    assert_eq!(bid.reject_reason, "");
    mark(&house, "second", "46.00").await;
    let free = submit(&house, limit("y", "A", v1::Side::Buy, "1.00", "100")).await;
    assert_eq!(
        free.reject_reason, "INSUFFICIENT_MARGIN",
        "460 for a lot, and A has 200"
    );
    let has = position(&house, "A").await;
    assert_eq!(
        (has.net_quantity.as_str(), has.margin_held.as_str()),
        ("0", "0.00")
    );
    assert_eq!(has.call_status(), v1::MarginCallStatus::Unspecified);
    assert_eq!(cny(&house, "A").await, pair("200.00", "0.00"));
    told(&house).await;

    house.stop().await;
    let data = house.folder.path().join("data");
    let (status, said) = folders::run(&["reconcile"], &data, &[]);
    assert_eq!(status, 0, "{said}");
    let lines: Vec<_> = said.lines().collect();
    let of_money: Vec<_> = lines.iter().filter(|line| line.contains("CNY")).collect();
    let [one] = &of_money[..] else {
        panic!("one line an asset: {said}")
    };
    assert_eq!(one.matches(" margin pools 0.00;").count(), 2, "{said}");
    assert!(lines.iter().all(|line| line.ends_with("agrees")), "{said}");
}

/// What A's stream and postings say of its forced reduction and its marks.
async fn told(house: &House) {
    let request = v1::ListPostingsRequest {
        account_id: "A".to_owned(),
        ..v1::ListPostingsRequest::default()
    };
    let page = house.accounts().await.list_postings(request).await;
    let postings = page.expect("a page").into_inner().postings;
    let variation = postings
        .iter()
        .filter(|one| one.kind() == v1::PostingKind::Variation);
    let variation: Vec<_> = variation
        .map(|one| (one.amount.as_str(), one.instrument_id.as_str()))
        .collect();
    assert_eq!(variation, [("-800.00", "COAL")]);
    let owner = v1::stream_executions_request::Owner::AccountId("A".to_owned());
    let request = v1::StreamExecutionsRequest {
        owner: Some(owner),
        from_sequence: 1,
    };
    let stream = house.orders().await.stream_executions(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut reports = Vec::new();
    while reports.len() < 7 {
        let more = stream.message().await.expect("no error");
        reports.extend(more.expect("it goes on").reports);
    }
    let forced = reports
        .iter()
        .filter(|one| one.cause() == v1::Cause::ForcedReduction);
    let forced: Vec<_> = forced.collect();
    assert_eq!(forced.len(), 1, "{reports:#?}");
    assert_eq!(forced[0].exec_type(), v1::ExecType::New);
    assert_eq!(forced[0].side(), v1::Side::Sell);
    assert_eq!(forced[0].client_order_id, "", "nobody sent it");
    let mut orders = house.orders().await;
    let order = orders.get_order(v1::GetOrderRequest {
        account_id: "A".to_owned(),
        order: Some(v1::get_order_request::Order::OrderId(
            forced[0].order_id.clone(),
        )),
    });
    let order = order.await.expect("it is in the history").into_inner();
    assert_eq!(order.order_status(), v1::OrderStatus::Filled, "{order:?}");
}

#[tokio::test]
async fn terms_are_told_and_wrong_ones_refused() {
    let house = house().await;
    let mut accounts = house.accounts().await;
    let terms = |id: &str| v1::GetMarginRequest {
        instrument_id: id.to_owned(),
    };
    let told = accounts.get_margin(terms("COAL")).await;
    let told = told.expect("terms").into_inner();
    assert_eq!(
        [
            &told.settlement_price,
            &told.initial_margin,
            &told.maintenance_margin
        ],
        ["50.00", "500.00", "250.00"]
    );
    assert_eq!((told.tick_value, told.fees.len()), (500, 8));
    assert_eq!(told.position_limit, "1000");

    let mut operations = house.operations().await;
    let plain = support::instrument("WHEAT", "V");
    let report = operations.create_instrument(plain).await;
    assert!(report.expect("WHEAT").into_inner().accepted);
    let none = accounts.get_margin(terms("WHEAT")).await.expect_err("none");
    assert_eq!(none.code(), Code::FailedPrecondition);
    let reason = none.get_details_error_info().expect("info").reason;
    assert_eq!(reason, "NOT_MARGIN");
    let report = operations.mark(v1::MarkRequest {
        context: context("mark-WHEAT"),
        instrument_id: "WHEAT".to_owned(),
    });
    let report = report.await.expect("a report").into_inner();
    assert_eq!(
        (report.accepted, report.reject_reason.as_str()),
        (false, "NOT_MARGIN")
    );
    let again = operations.set_clearing(set_clearing()).await;
    assert_eq!(again.expect_err("no goods").code(), Code::NotFound);
    for wrong in [
        v1::SetMarginRequest {
            context: context("w1"),
            settlement_price: "50.01".to_owned(),
            ..set_margin()
        },
        v1::SetMarginRequest {
            context: context("w2"),
            initial_bp: 70_000,
            ..set_margin()
        },
        v1::SetMarginRequest {
            context: context("w3"),
            position_limit: "150".to_owned(),
            ..set_margin()
        },
        v1::SetMarginRequest {
            context: context("w4"),
            settlement_price: String::new(),
            ..set_margin()
        },
    ] {
        let answer = operations.set_margin(wrong).await.expect_err("a violation");
        assert_eq!(answer.code(), Code::InvalidArgument);
    }
}

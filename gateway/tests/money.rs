//! Money and goods through the public API: in, held by orders, moved by trades, charged, out.
//!
//! COAL: tick 0.05, lot 100 t, CNY in fen, coal in kilograms: a tick of a lot is 5 yuan, a lot is
//! 100,000 kg. Fees: maker 1, taker 5 basis points, at least 1 yuan an order, at most 500.

use crate::support;
use std::collections::BTreeMap;

use crate::support::clearing::{
    asset, balances, custodian, deposit, instruct, make_clearing, set_clearing, withdrawal,
};
use crate::support::{House, Session, context, limit, session_order};
use proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

/// The market of `support` with clearing: A has money, B has coal.
async fn funded() -> House {
    let house = House::open().await;
    house.with_market().await;
    make_clearing(house.channel().await).await;
    fund(&house).await;
    house
}

async fn fund(house: &House) {
    for request in [
        deposit("in-A", "A", "CNY", "20000.00"),
        deposit("in-B", "B", "coal", "300"),
        deposit("fee-B", "B", "CNY", "10.00"),
    ] {
        let report = told(house, request).await;
        assert!(report.accepted && report.demonstration, "{report:?}");
    }
}

async fn told(house: &House, request: v1::InstructRequest) -> v1::OperationReport {
    let report = house.accounts().await.instruct(request).await;
    report.expect("a report").into_inner()
}

/// By asset: available and held.
type Has = BTreeMap<String, (String, String)>;

async fn has(house: &House, account: &str) -> Has {
    balances(house.channel().await, account).await
}

fn these(entries: &[(&str, &str, &str)]) -> Has {
    let entry = |(asset, available, held): &(&str, &str, &str)| {
        let amounts = ((*available).to_owned(), (*held).to_owned());
        ((*asset).to_owned(), amounts)
    };
    entries.iter().map(entry).collect()
}

async fn submit(house: &House, order: v1::SubmitOrderRequest) -> v1::ExecutionReport {
    let report = house.orders().await.submit_order(order).await;
    report.expect("a report").into_inner()
}

/// The first `count` reports of an account's stream.
async fn executions(house: &House, account: &str, count: usize) -> Vec<v1::ExecutionReport> {
    let owner = v1::stream_executions_request::Owner::AccountId(account.to_owned());
    let request = v1::StreamExecutionsRequest {
        owner: Some(owner),
        from_sequence: 1,
    };
    let stream = house.orders().await.stream_executions(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut reports = Vec::new();
    while reports.len() < count {
        let more = stream.message().await.expect("no error");
        reports.extend(more.expect("it goes on").reports);
    }
    reports
}

async fn positions(house: &House) -> Vec<(String, String, String)> {
    let mut accounts = house.accounts().await;
    let mut request = v1::ListPositionsRequest {
        page_size: 1,
        ..v1::ListPositionsRequest::default()
    };
    let mut all = Vec::new();
    loop {
        let page = accounts.list_positions(request.clone()).await;
        let page = page.expect("a page").into_inner();
        for one in page.positions {
            assert_eq!(one.held.trim_matches(['0', '.']), "", "{one:?}");
            all.push((one.holder_id, one.asset_id, one.available));
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

#[tokio::test]
async fn money_and_goods_come_in_are_held_traded_charged_and_go_out() {
    let house = funded().await;
    assert_eq!(
        has(&house, "A").await,
        these(&[("CNY", "20000.00", "0.00")])
    );

    // 200 t at 50.00 are 10,000 yuan; taker's 5 basis points are 5 yuan more.
    let buy = submit(&house, limit("buy", "A", v1::Side::Buy, "50.00", "200")).await;
    assert_eq!(buy.exec_type(), v1::ExecType::New, "{buy:?}");
    assert_eq!(
        (buy.held.as_str(), buy.money_asset_id.as_str()),
        ("10005.00", "CNY")
    );
    assert_eq!(buy.fee, "");
    let resting = these(&[("CNY", "9995.00", "10005.00"), ("coal", "0.000", "0.000")]);
    assert_eq!(has(&house, "A").await, resting);

    // B takes half of it: 5,000 yuan, B's fee 2.50, A's 0.50 and at least 1.
    let sell = submit(&house, limit("sell", "B", v1::Side::Sell, "50.00", "100")).await;
    assert_eq!(sell.held, "", "its fee comes out of what it receives");
    let of_a = executions(&house, "A", 2).await;
    let trade = &of_a[1];
    assert_eq!(trade.exec_type(), v1::ExecType::Trade);
    assert_eq!(
        (trade.fee.as_str(), trade.held.as_str()),
        ("1.00", "5002.00"),
        "50.00 x 100 and what two basis points more may cost"
    );
    let of_b = executions(&house, "B", 2).await;
    assert_eq!((of_b[1].fee.as_str(), of_b[1].held.as_str()), ("2.50", ""));
    assert_eq!(of_b[1].money_asset_id, "CNY");
    let after = [
        these(&[("CNY", "9997.00", "5002.00"), ("coal", "100.000", "0.000")]),
        these(&[("CNY", "5007.50", "0.00"), ("coal", "200.000", "0.000")]),
    ];
    assert_eq!([has(&house, "A").await, has(&house, "B").await], after);
    let mut orders = house.orders().await;
    let found = orders.get_order(v1::GetOrderRequest {
        account_id: "A".to_owned(),
        order: Some(v1::get_order_request::Order::ClientOrderId(
            "buy".to_owned(),
        )),
    });
    let found = found.await.expect("an order").into_inner();
    assert_eq!(
        (found.held.as_str(), found.money_asset_id.as_str()),
        ("5002.00", "CNY")
    );

    // Out again, and what is reconciled with bank and warehouse.
    let report = told(&house, withdrawal("out-B", "B", "CNY", "5007.50")).await;
    assert!(report.accepted, "{report:?}");
    let place = |holder: &str, asset: &str, amount: &str| {
        (holder.to_owned(), asset.to_owned(), amount.to_owned())
    };
    assert_eq!(
        positions(&house).await,
        [
            place("V", "CNY", "3.50"),
            place("bank", "CNY", "-15002.50"),
            place("warehouse", "coal", "-300.000"),
        ]
    );
    let broke = these(&[("CNY", "0.00", "0.00"), ("coal", "200.000", "0.000")]);
    assert_eq!(has(&house, "B").await, broke);
}

#[tokio::test]
async fn balances_survive_a_restart_and_a_retried_deposit_is_done_once() {
    let mut house = funded().await;
    submit(&house, limit("buy", "A", v1::Side::Buy, "50.00", "200")).await;
    submit(&house, limit("sell", "B", v1::Side::Sell, "50.00", "100")).await;
    let before = [has(&house, "A").await, has(&house, "B").await];
    let request = deposit("in-A", "A", "CNY", "20000.00");
    let again = told(&house, request.clone()).await;
    assert!(again.accepted && again.poss_dup, "{again:?}");
    house.restart().await;
    let later = told(&house, request.clone()).await;
    assert_eq!(later, again, "the same answer, also after a restart");
    assert_eq!([has(&house, "A").await, has(&house, "B").await], before);
    let other = deposit("in-A", "A", "CNY", "20000.01");
    let error = house.accounts().await.instruct(other).await;
    assert_eq!(error.expect_err("other").code(), Code::AlreadyExists);
    assert_eq!([has(&house, "A").await, has(&house, "B").await], before);
    // What was known of money is known after the restart too.
    submit(&house, limit("more", "A", v1::Side::Buy, "50.00", "100")).await;
    let of_a = executions(&house, "A", 3).await;
    assert_eq!(of_a[0].held, "10005.00");
    assert_eq!(
        (of_a[1].fee.as_str(), of_a[1].held.as_str()),
        ("1.00", "5002.00")
    );
    assert_eq!(of_a[2].held, "5002.50");
}

#[tokio::test]
async fn an_order_beyond_the_account_is_rejected_in_band_and_validation_says_the_same() {
    let house = funded().await;
    let mut orders = house.orders().await;
    let cases = [
        (
            limit("rich", "A", v1::Side::Buy, "100.00", "300"),
            "INSUFFICIENT_FUNDS",
        ),
        (
            limit("poor", "A", v1::Side::Sell, "50.00", "100"),
            "INSUFFICIENT_GOODS",
        ),
        (
            limit("much", "B", v1::Side::Sell, "50.00", "400"),
            "INSUFFICIENT_GOODS",
        ),
        (limit("nice", "B", v1::Side::Sell, "50.00", "300"), ""),
        (limit("zero", "B", v1::Side::Sell, "50.00", "0"), "QUANTITY"),
    ];
    for (order, reason) in cases {
        let said = orders.validate_order(order.clone()).await;
        let said = said.expect("an answer").into_inner();
        let real = submit(&house, order).await;
        assert_eq!(real.reject_reason, reason);
        assert_eq!(said.valid, reason.is_empty());
        assert_eq!(
            (&said.reject_reason, &said.legal_basis, &said.text),
            (&real.reject_reason, &real.legal_basis, &real.text)
        );
        assert_eq!(said.demonstration, real.demonstration);
        let kind = if reason.is_empty() {
            v1::ExecType::New
        } else {
            v1::ExecType::Rejected
        };
        assert_eq!(real.exec_type(), kind);
    }
    let report = told(&house, withdrawal("out", "A", "CNY", "20000.01")).await;
    assert_eq!(report.reject_reason, "INSUFFICIENT_FUNDS");
    let report = told(&house, withdrawal("out-2", "B", "coal", "0.001")).await;
    assert_eq!(
        report.reject_reason, "INSUFFICIENT_GOODS",
        "an order holds it"
    );
}

#[tokio::test]
async fn assets_custodians_and_clearing_are_read_back() {
    let mut house = funded().await;
    for restarted in [false, true] {
        if restarted {
            house.restart().await;
        }
        let mut accounts = house.accounts().await;
        let assets = accounts.list_assets(v1::ListAssetsRequest::default());
        let assets = assets.await.expect("a page").into_inner().assets;
        let wanted = [
            asset("CNY", v1::AssetClass::Currency, 2, ""),
            asset("coal", v1::AssetClass::Goods, 3, "t"),
        ];
        assert_eq!(assets.len(), 2);
        for (handle, (seen, asked)) in (0..).zip(assets.iter().zip(&wanted)) {
            assert_eq!(seen.handle, handle);
            assert_eq!((&seen.asset_id, &seen.unit), (&asked.asset_id, &asked.unit));
            assert_eq!(
                (seen.asset_class, seen.decimals),
                (asked.asset_class, asked.decimals)
            );
            assert!(seen.demonstration);
        }
        let custodians = accounts.list_custodians(v1::ListCustodiansRequest {
            page_size: 1,
            page_token: "1".to_owned(),
        });
        let custodians = custodians.await.expect("a page").into_inner().custodians;
        assert_eq!(custodians.len(), 1);
        assert_eq!(custodians[0].custodian_id, "warehouse");
        assert_eq!(custodians[0].kind(), v1::CustodianKind::Warehouse);
        let clearing = accounts.get_clearing(v1::GetClearingRequest {
            instrument_id: "COAL".to_owned(),
        });
        let clearing = clearing.await.expect("clearing").into_inner();
        assert_eq!((clearing.tick_value, clearing.lot_units), (500, 100_000));
        assert_eq!(
            (
                clearing.money_asset_id.as_str(),
                clearing.goods_asset_id.as_str()
            ),
            ("CNY", "coal")
        );
        assert_eq!(clearing.fees.len(), 8, "one a tier");
        let rates = support::clearing::set_fees().rates.expect("given");
        assert!(clearing.fees.iter().all(|fees| *fees == rates));
        assert!(clearing.demonstration && clearing.engine_sequence > 0);
    }
}

#[tokio::test]
async fn a_tier_of_its_own_is_charged_its_own() {
    let house = funded().await;
    let mut operations = house.operations().await;
    let own = v1::SetFeesRequest {
        context: context("fees-2"),
        instrument_id: "COAL".to_owned(),
        tier: 2,
        rates: Some(v1::FeeRates {
            taker_ppm: 1_000,
            ..v1::FeeRates::default()
        }),
        ..support::clearing::set_fees()
    };
    let report = operations.set_fees(own).await.expect("a report");
    assert!(report.into_inner().accepted);
    let tier = v1::SetTierRequest {
        context: context("tier-P"),
        participant_id: "P".to_owned(),
        tier: 2,
    };
    let report = operations.set_tier(tier).await.expect("a report");
    assert!(report.into_inner().accepted);
    let buy = submit(&house, limit("buy", "A", v1::Side::Buy, "50.00", "200")).await;
    assert_eq!(buy.held, "10010.00", "10 basis points, not the venue's 5");
}

#[tokio::test]
async fn a_real_custodian_answers_once_approved_and_its_instruction_waits() {
    let house = funded().await;
    let mut operations = house.operations().await;
    let yuan = v1::CreateAssetRequest {
        demonstration: false,
        ..asset("real-CNY", v1::AssetClass::Currency, 2, "")
    };
    let bank = v1::CreateCustodianRequest {
        demonstration: false,
        ..custodian("real-bank", v1::CustodianKind::Bank)
    };
    operations.create_asset(yuan).await.expect("a report");
    operations.create_custodian(bank).await.expect("a report");
    let mixed = deposit("mixed", "A", "real-CNY", "1.00");
    let mixed = v1::InstructRequest {
        custodian_id: "bank".to_owned(),
        ..mixed
    };
    assert_eq!(told(&house, mixed).await.reject_reason, "INVALID_FIELD");
    let direction = v1::InstructionDirection::Deposit;
    let wait = v1::InstructRequest {
        custodian_id: "real-bank".to_owned(),
        ..instruct("wait", direction, "A", "real-CNY", "7.50")
    };
    let report = told(&house, wait).await;
    assert!(report.accepted && !report.demonstration, "{report:?}");
    let mut accounts = house.accounts().await;
    for (account, count) in [("", 1), ("A", 1), ("B", 0)] {
        let pending = accounts.list_instructions(v1::ListInstructionsRequest {
            account_id: account.to_owned(),
            ..v1::ListInstructionsRequest::default()
        });
        let pending = pending.await.expect("a page").into_inner();
        assert!(pending.engine_sequence >= report.engine_sequence);
        assert_eq!(pending.instructions.len(), count);
        for one in &pending.instructions {
            assert_eq!(one.instruction_id, report.engine_sequence);
            assert_eq!(
                (one.amount.as_str(), one.asset_id.as_str()),
                ("7.50", "real-CNY")
            );
            assert_eq!(one.direction(), direction);
        }
    }
    let answer = v1::AcknowledgeInstructionRequest {
        context: context("answer"),
        instruction_id: report.engine_sequence,
        outcome: v1::InstructionOutcome::Executed.into(),
        reference: "bank-1".to_owned(),
        business_date: "2026-11-23".to_owned(),
    };
    let said = accounts.acknowledge_instruction(answer).await;
    assert_eq!(
        said.expect("a report").into_inner().reject_reason,
        "APPROVER_REQUIRED"
    );
    dates_are_closed_once_and_real_ones_by_two(&house).await;
}

async fn dates_are_closed_once_and_real_ones_by_two(house: &House) {
    let mut accounts = house.accounts().await;
    for (id, custodian, reason) in [
        ("real", "real-bank", "APPROVER_REQUIRED"),
        ("close", "bank", ""),
        ("again", "bank", "INVALID_FIELD"),
    ] {
        let close = v1::CloseCustodyDateRequest {
            context: context(id),
            custodian_id: custodian.to_owned(),
            date: "2026-11-23".to_owned(),
        };
        let said = accounts.close_custody_date(close).await;
        let said = said.expect("a report").into_inner().reject_reason;
        assert_eq!(said, reason, "{id}");
    }
    let all = accounts.list_custodians(v1::ListCustodiansRequest::default());
    let all = all.await.expect("a page").into_inner().custodians;
    assert_eq!(all[0].closed_through, "2026-11-23");
    assert_eq!(all[2].closed_through, "");
}

#[tokio::test]
async fn without_clearing_there_is_none_to_read_and_nothing_is_held() {
    let house = House::open().await;
    house.with_market().await;
    let request = v1::GetClearingRequest {
        instrument_id: "COAL".to_owned(),
    };
    let error = house.accounts().await.get_clearing(request).await;
    let error = error.expect_err("none");
    assert_eq!(error.code(), Code::FailedPrecondition);
    let info = error.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "NOT_CLEARED");
    let new = submit(&house, limit("buy", "A", v1::Side::Buy, "50.00", "200")).await;
    assert_eq!((new.held.as_str(), new.money_asset_id.as_str()), ("", ""));
    assert!(has(&house, "A").await.is_empty());
    make_clearing_is_refused(&house).await;
}

/// The instrument has a live order.
async fn make_clearing_is_refused(house: &House) {
    let mut operations = house.operations().await;
    for request in [
        asset("CNY", v1::AssetClass::Currency, 2, ""),
        asset("coal", v1::AssetClass::Goods, 3, "t"),
    ] {
        operations.create_asset(request).await.expect("a report");
    }
    let report = operations.set_clearing(set_clearing()).await;
    let report = report.expect("a report").into_inner();
    assert_eq!(report.reject_reason, "INVALID_FIELD");
}

#[tokio::test]
async fn a_session_tells_fees_in_minor_units() {
    let house = funded().await;
    submit(&house, limit("sell", "B", v1::Side::Sell, "50.00", "100")).await;
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    session.batch(vec![session_order(1, 1_000), session_order(2, 1_000)]);
    let reports = session.reports_to(2).await;
    let fees: Vec<_> = reports
        .iter()
        .map(|one| (one.exec_type(), one.fee_units))
        .collect();
    let new = (v1::ExecType::New, 0);
    assert_eq!(fees, [new, (v1::ExecType::Trade, 250), new]);
    let of_a = executions(&house, "A", 3).await;
    assert_eq!(of_a[1].fee, "2.50", "the stream tells the same");
    assert_eq!(of_a[2].held, "5002.50");
}

#[tokio::test]
async fn malformed_lists_are_named() {
    let house = funded().await;
    let mut accounts = house.accounts().await;
    let wrong = |error: tonic::Status, field: &str| {
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().starts_with(field), "{error}");
    };
    for (page_size, page_token, field) in [(0, "x", "page_token"), (1_001, "", "page_size")] {
        let page_token = page_token.to_owned();
        let request = v1::GetBalancesRequest {
            account_id: "A".to_owned(),
            page_size,
            page_token: page_token.clone(),
        };
        let error = accounts.get_balances(request).await;
        wrong(error.expect_err("wrong"), field);
        let request = v1::ListInstructionsRequest {
            account_id: String::new(),
            page_size,
            page_token: page_token.clone(),
        };
        let error = accounts.list_instructions(request).await;
        wrong(error.expect_err("wrong"), field);
        let request = v1::ListPositionsRequest {
            holder_kind: 0,
            page_size,
            page_token,
        };
        let error = accounts.list_positions(request).await;
        wrong(error.expect_err("wrong"), field);
    }
    let request = v1::ListPositionsRequest {
        holder_kind: 7,
        ..v1::ListPositionsRequest::default()
    };
    let error = accounts.list_positions(request).await;
    wrong(error.expect_err("wrong"), "holder_kind");
    for (kind, count) in [(v1::HolderKind::Venue, 1), (v1::HolderKind::Custodian, 2)] {
        let request = v1::ListPositionsRequest {
            holder_kind: kind.into(),
            ..v1::ListPositionsRequest::default()
        };
        let page = accounts.list_positions(request).await.expect("a page");
        assert_eq!(page.into_inner().positions.len(), count);
    }
}

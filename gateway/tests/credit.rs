//! Credit, collateral, transfers, holds and statements through the public API.
//!
//! COAL as in `money`: tick 0.05, lot 100 t, CNY in fen, coal in kilograms. Fees: maker 1, taker 5
//! basis points, at least 1 yuan an order.

use crate::support::clearing::{balances, deposit, make_clearing};
use crate::support::folders;
use crate::support::{House, context, limit};
use proto::v1;
use rust_decimal::Decimal;
use tonic::Code;
use tonic_types::StatusExt as _;
use v1::PostingKind::{CreditDrawn, CreditRepaid, Deposit, Fee, TradeMoney, Transfer};

fn number(text: &str) -> Decimal {
    text.parse().expect("a number")
}

fn accepted(report: &v1::OperationReport) {
    assert!(report.accepted && report.demonstration, "{report:?}");
}

async fn told(house: &House, request: v1::InstructRequest) {
    let report = house.accounts().await.instruct(request).await;
    accepted(&report.expect("a report").into_inner());
}

async fn line(house: &House, id: &str, line: &str) {
    let request = v1::SetCreditLineRequest {
        context: context(id),
        asset_id: "CNY".to_owned(),
        band: 2,
        line: line.to_owned(),
    };
    let report = house.operations().await.set_credit_line(request).await;
    accepted(&report.expect("a report").into_inner());
}

/// The market with clearing; A may draw 5,000 yuan by its score and has 1,000, B has coal, and a
/// tonne of coal counts for half of 40 yuan.
async fn lending() -> House {
    let house = House::open().await;
    house.with_market().await;
    make_clearing(house.channel().await).await;
    line(&house, "line", "5000.00").await;
    let mut operations = house.operations().await;
    let score = v1::SetCreditScoreRequest {
        context: context("score"),
        account_id: "A".to_owned(),
        asset_id: "CNY".to_owned(),
        band: 2,
    };
    let report = operations.set_credit_score(score).await;
    accepted(&report.expect("a report").into_inner());
    let haircut = v1::SetHaircutRequest {
        context: context("haircut"),
        goods_asset_id: "coal".to_owned(),
        money_asset_id: "CNY".to_owned(),
        price: "40.00".to_owned(),
        basis_points: 5_000,
    };
    let report = operations.set_haircut(haircut).await;
    accepted(&report.expect("a report").into_inner());
    told(&house, deposit("in-A", "A", "CNY", "1000.00")).await;
    told(&house, deposit("in-B", "B", "coal", "300")).await;
    house
}

async fn submit(
    house: &House,
    id: &str,
    side: (&str, v1::Side),
    price: &str,
    tons: &str,
) -> String {
    let order = limit(id, side.0, side.1, price, tons);
    let report = house.orders().await.submit_order(order).await;
    report.expect("a report").into_inner().reject_reason
}

async fn credit(house: &House) -> v1::Credit {
    let request = v1::GetCreditRequest {
        account_id: "A".to_owned(),
    };
    let answer = house.accounts().await.get_credit(request).await;
    let answer = answer.expect("an answer").into_inner();
    assert!(answer.engine_sequence > 0 && answer.credits.len() == 1);
    answer.credits.into_iter().next().expect("one")
}

fn collateral(id: &str, tons: &str) -> v1::CollateralRequest {
    v1::CollateralRequest {
        context: context(id),
        account_id: "A".to_owned(),
        money_asset_id: "CNY".to_owned(),
        goods_asset_id: "coal".to_owned(),
        amount: tons.to_owned(),
    }
}

async fn pledge(house: &House, id: &str, tons: &str) -> String {
    let mut accounts = house.accounts().await;
    let report = accounts.pledge_collateral(collateral(id, tons)).await;
    report.expect("a report").into_inner().reject_reason
}

async fn release(house: &House, id: &str, tons: &str) -> String {
    let mut accounts = house.accounts().await;
    let report = accounts.release_collateral(collateral(id, tons)).await;
    report.expect("a report").into_inner().reject_reason
}

fn statement_of(account: &str, asset: &str) -> v1::GetStatementRequest {
    v1::GetStatementRequest {
        account_id: account.to_owned(),
        asset_id: asset.to_owned(),
        page_size: 2,
        ..v1::GetStatementRequest::default()
    }
}

/// Opening, lines and closing over all pages, each of which adds up.
async fn statement(
    house: &House,
    request: &v1::GetStatementRequest,
) -> (String, Vec<v1::StatementLine>, String) {
    let mut accounts = house.accounts().await;
    let mut request = request.clone();
    let (mut opening, mut lines) = (None, Vec::new());
    let mut balance = Decimal::ZERO;
    loop {
        let page = accounts.get_statement(request.clone()).await;
        let page = page.expect("a page").into_inner();
        assert!(page.durable_sequence > 0 && page.demonstration);
        assert!(page.lines.len() <= 2, "{page:?}");
        if opening.is_none() {
            balance = number(&page.opening_balance);
            opening = Some(page.opening_balance.clone());
        }
        assert_eq!(number(&page.opening_balance), balance);
        for line in &page.lines {
            let posting = line.posting.as_ref().expect("a posting");
            balance += number(&posting.amount);
            assert_eq!(number(&line.balance), balance, "{line:?}");
        }
        assert_eq!(number(&page.closing_balance), balance);
        lines.extend(page.lines);
        if page.next_page_token.is_empty() {
            return (opening.expect("a page"), lines, page.closing_balance);
        }
        request.page_token = page.next_page_token;
    }
}

fn posting(line: &v1::StatementLine) -> &v1::Posting {
    line.posting.as_ref().expect("a posting")
}

/// A buys 100 t at 50.00 of B, and then has 100 yuan more.
async fn bought() -> House {
    let house = lending().await;
    // 100 t at 50.00 hold 5,000 yuan and a taker's 2.50; 1,000 are there.
    let answer = submit(&house, "buy", ("A", v1::Side::Buy), "50.00", "100").await;
    assert_eq!(answer, "");
    assert_eq!(credit(&house).await.drawn, "4002.50");
    // It rested, so 1 yuan is charged and 1.50 repaid; then what comes in is.
    let answer = submit(&house, "sell", ("B", v1::Side::Sell), "50.00", "100").await;
    assert_eq!(answer, "");
    told(&house, deposit("more-A", "A", "CNY", "100.00")).await;
    house
}

#[tokio::test]
async fn what_is_short_is_drawn_and_the_statement_adds_up_with_it() {
    let house = bought().await;
    let known = credit(&house).await;
    assert_eq!(
        (known.line.as_str(), known.drawn.as_str(), known.band),
        ("5000.00", "3901.00", 2)
    );
    let has = balances(house.channel().await, "A").await;
    assert_eq!(has["CNY"], ("0.00".to_owned(), "0.00".to_owned()));

    let (opening, lines, closing) = statement(&house, &statement_of("A", "CNY")).await;
    assert_eq!((opening.as_str(), closing.as_str()), ("0.00", "0.00"));
    let said: Vec<_> = lines.iter().map(posting).collect();
    let said: Vec<_> = said
        .iter()
        .map(|one| (one.kind(), one.amount.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (Deposit, "1000.00"),
            (CreditDrawn, "4002.50"),
            (TradeMoney, "-5000.00"),
            (Fee, "-1.00"),
            (CreditRepaid, "-1.50"),
            (Deposit, "100.00"),
            (CreditRepaid, "-100.00"),
        ]
    );
}

#[tokio::test]
async fn a_statement_of_a_part_opens_with_what_was_before() {
    let house = bought().await;
    let (_, lines, _) = statement(&house, &statement_of("A", "CNY")).await;
    // From the trade on, up to and with it: what was before is the opening.
    let trade = posting(&lines[2]).engine_sequence;
    let part = v1::GetStatementRequest {
        from_sequence: trade,
        through_sequence: trade,
        ..statement_of("A", "CNY")
    };
    let (opening, lines, closing) = statement(&house, &part).await;
    assert_eq!((opening.as_str(), lines.len()), ("5002.50", 3));
    assert_eq!(closing, "0.00");
    let (opening, lines, _) = statement(&house, &statement_of("A", "coal")).await;
    assert_eq!((opening.as_str(), lines.len()), ("0.000", 1));

    // Days before and after everything.
    for (from, through, expected) in [
        ("2000-01-01", "2000-01-02", ("0.00", 0, "0.00")),
        ("2099-01-01", "", ("0.00", 0, "0.00")),
        ("2000-01-01", "2099-01-01", ("0.00", 7, "0.00")),
    ] {
        let days = v1::GetStatementRequest {
            from_date: from.to_owned(),
            through_date: through.to_owned(),
            ..statement_of("A", "CNY")
        };
        let (opening, lines, closing) = statement(&house, &days).await;
        let found = (opening.as_str(), lines.len(), closing.as_str());
        assert_eq!(found, expected, "{from} {through}");
    }
    let (_, lines, closing) = statement(&house, &statement_of("B", "CNY")).await;
    let has = balances(house.channel().await, "B").await;
    assert_eq!((lines.len(), &closing), (2, &has["CNY"].0));
    let late = v1::GetStatementRequest {
        from_date: "2099-01-01".to_owned(),
        ..statement_of("B", "CNY")
    };
    let (opening, lines, closing) = statement(&house, &late).await;
    assert_eq!(
        (&opening, lines.len(), &closing),
        (&has["CNY"].0, 0, &has["CNY"].0)
    );
}

#[tokio::test]
async fn a_folder_with_credit_reconciles_and_says_what_is_lent() {
    let mut house = bought().await;
    house.stop().await;
    let data = house.folder.path().join("data");
    let csv = house.folder.path().join("accounts.csv");
    let flags = ["--csv", csv.to_str().expect("text")];
    let (status, said) = folders::run(&["reconcile"], &data, &flags);
    assert_eq!(status, 0, "{said}");
    let first = said.lines().next().expect("a line");
    assert_eq!(
        first,
        "CNY: opening accounts 0.00 fees 0.00 custody 0.00 lent 0.00; in 1100.00 out 0.00 (2 \
         references); closing accounts 4997.50 fees 3.50 custody 1100.00 lent 3901.00; agrees"
    );
    let rows = std::fs::read_to_string(&csv).expect("a file");
    for row in [
        "CNY,account,A,0.00,1100.00,0.00,-5000.00,0.00,-1.00,4002.50,-101.50,0.00,0.00,0.00,0.00",
        "CNY,credit,A,0.00,0.00,0.00,0.00,0.00,0.00,-4002.50,101.50,0.00,0.00,-3901.00,0.00",
    ] {
        assert!(rows.lines().any(|known| known == row), "{row} in {rows}");
    }
}

#[tokio::test]
async fn collateral_is_held_counts_and_comes_back_when_it_is_not_needed() {
    let house = lending().await;
    submit(&house, "buy", ("A", v1::Side::Buy), "50.00", "100").await;
    submit(&house, "sell", ("B", v1::Side::Sell), "50.00", "100").await;
    assert_eq!(pledge(&house, "p1", "50").await, "");
    let known = credit(&house).await;
    assert_eq!(
        (known.drawn.as_str(), known.collateral_value.as_str()),
        ("4001.00", "1000.00")
    );
    assert_eq!(known.collateral.len(), 1);
    assert_eq!(known.collateral[0].amount, "50.000");
    // What is pledged cannot be sold.
    let answer = submit(&house, "pledged", ("A", v1::Side::Sell), "60.00", "100").await;
    assert_eq!(answer, "INSUFFICIENT_GOODS");
    // The line falls; the collateral carries what is drawn, and stays.
    line(&house, "lower", "3001.00").await;
    assert_eq!(release(&house, "r1", "0.001").await, "CREDIT_IN_USE");
    assert_eq!(pledge(&house, "p2", "50.001").await, "INSUFFICIENT_GOODS");
    let answer = submit(&house, "more", ("A", v1::Side::Buy), "1.00", "100").await;
    assert_eq!(answer, "INSUFFICIENT_FUNDS");
    told(&house, deposit("back", "A", "CNY", "1000.00")).await;
    assert_eq!(release(&house, "r2", "10").await, "");
    assert_eq!(release(&house, "r3", "40").await, "");
    assert_eq!(release(&house, "r4", "1").await, "INSUFFICIENT_GOODS");
    let answer = submit(&house, "free", ("A", v1::Side::Sell), "60.00", "100").await;
    assert_eq!(answer, "");
}

#[tokio::test]
async fn holds_say_what_every_held_amount_is_held_for() {
    let house = lending().await;
    submit(&house, "buy", ("A", v1::Side::Buy), "50.00", "100").await;
    submit(&house, "sell", ("B", v1::Side::Sell), "50.00", "100").await;
    assert_eq!(pledge(&house, "p", "30").await, "");
    for (id, price) in [("low", "1.00"), ("lower", "0.50"), ("lowest", "0.05")] {
        let answer = submit(&house, id, ("A", v1::Side::Buy), price, "100").await;
        assert_eq!(answer, "", "{id}");
    }
    let mut accounts = house.accounts().await;
    let mut request = v1::ListHoldsRequest {
        account_id: "A".to_owned(),
        page_size: 1,
        page_token: String::new(),
    };
    let mut holds = Vec::new();
    loop {
        let page = accounts.list_holds(request.clone()).await;
        let page = page.expect("a page").into_inner();
        assert!(page.holds.len() == 1 && page.engine_sequence > 0);
        holds.extend(page.holds);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let said = holds.iter().map(|hold| {
        (
            hold.kind(),
            hold.amount.as_str(),
            hold.instrument_id.as_str(),
        )
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            (v1::HoldKind::Order, "101.00", "COAL"),
            (v1::HoldKind::Order, "51.00", "COAL"),
            (v1::HoldKind::Order, "6.00", "COAL"),
            (v1::HoldKind::Collateral, "30.000", ""),
        ]
    );
    assert!(holds[..3].iter().all(|hold| !hold.order_id.is_empty()));
    assert_eq!(holds[3].money_asset_id, "CNY");
    let has = balances(house.channel().await, "A").await;
    for (asset, (_, held)) in has {
        let own = holds.iter().filter(|hold| hold.asset_id == asset);
        let sum: Decimal = own.map(|hold| number(&hold.amount)).sum();
        assert_eq!(sum, number(&held), "{asset}");
    }
    request.page_token = "o-1".to_owned();
    let wrong = accounts.list_holds(request).await.expect_err("refused");
    assert_eq!(wrong.code(), Code::InvalidArgument);
}

const TRANSFER: &str = "0192f3a1-7c00-7000-8000-00000000002a";

fn half(id: &str, amount: &str) -> v1::TransferHalfRequest {
    v1::TransferHalfRequest {
        context: context(id),
        transfer_id: TRANSFER.to_owned(),
        account_id: "A".to_owned(),
        asset_id: "CNY".to_owned(),
        amount: amount.to_owned(),
        other_shard: 1,
    }
}

async fn transits(house: &House) -> Vec<(String, String)> {
    let request = v1::ListPositionsRequest {
        holder_kind: v1::HolderKind::Transit.into(),
        ..v1::ListPositionsRequest::default()
    };
    let page = house.accounts().await.list_positions(request).await;
    let page = page.expect("a page").into_inner();
    let all = page.positions.into_iter();
    all.map(|one| (one.holder_id, one.available)).collect()
}

#[tokio::test]
async fn a_transfer_leaves_one_exchange_comes_to_the_other_and_both_reconcile() {
    let mut houses = [House::open().await, House::open().await];
    for house in &houses {
        house.with_market().await;
        make_clearing(house.channel().await).await;
        told(house, deposit("in", "A", "CNY", "1000.00")).await;
    }
    let mut out = houses[0].accounts().await;
    let mut into = houses[1].accounts().await;
    let report = out.transfer_out(half("out", "400.25")).await;
    accepted(&report.expect("a report").into_inner());
    // The same request again is answered from memory; the half under another id is refused.
    let again = out.transfer_out(half("out", "400.25")).await;
    let again = again.expect("a report").into_inner();
    assert!(again.accepted && again.poss_dup, "{again:?}");
    let other = out.transfer_out(half("out-2", "400.25")).await;
    let other = other.expect("a report").into_inner();
    assert_eq!(other.reject_reason, "TRANSFER_USED");
    for (id, reason) in [("in-1", ""), ("in-2", "TRANSFER_USED")] {
        let report = into.transfer_in(half(id, "400.25")).await;
        assert_eq!(report.expect("a report").into_inner().reject_reason, reason);
    }
    let one = |amount: &str| vec![("1".to_owned(), amount.to_owned())];
    assert_eq!(transits(&houses[0]).await, one("400.25"));
    assert_eq!(transits(&houses[1]).await, one("-400.25"));
    let (_, lines, closing) = statement(&houses[1], &statement_of("A", "CNY")).await;
    assert_eq!(closing, "1400.25");
    let posting = posting(&lines[1]);
    assert_eq!(
        (posting.kind(), posting.amount.as_str(), posting.other_shard),
        (Transfer, "400.25", 1)
    );
    assert_eq!(posting.transfer_id, TRANSFER.replace('-', ""));

    let mut said = Vec::new();
    for house in &mut houses {
        house.stop().await;
        let data = house.folder.path().join("data");
        let (status, text) = folders::run(&["reconcile"], &data, &[]);
        assert_eq!(status, 0, "{text}");
        said.push(text.lines().next().expect("a line").to_owned());
    }
    // Together the banks hold 2,000 yuan and nothing is on its way.
    for (line, end) in said.iter().zip([
        "closing accounts 599.75 fees 0.00 custody 1000.00 from other shards -400.25; agrees",
        "closing accounts 1400.25 fees 0.00 custody 1000.00 from other shards 400.25; agrees",
    ]) {
        assert!(line.ends_with(end), "{line}");
    }
    let folders = [0, 1].map(|place: usize| houses[place].folder.path().join("data"));
    let second = ["--data-dir", folders[1].to_str().expect("text")];
    let (status, text) = folders::run(&["reconcile"], &folders[0], &second);
    assert_eq!(status, 0, "{text}");
    let last = text.lines().last().expect("a line");
    assert_eq!(last, "transfers: 1 agree, 0 in transit, 0 differ");
}

#[tokio::test]
async fn a_transfer_inside_stays_with_its_owner() {
    let house = lending().await;
    let mut operations = house.operations().await;
    let mut accounts = house.accounts().await;
    let report = operations.create_account(v1::CreateAccountRequest {
        context: context("second"),
        account_id: "A2".to_owned(),
        participant_id: "P".to_owned(),
        beneficial_owner_id: "OA".to_owned(),
    });
    assert!(report.await.expect("a report").into_inner().accepted);
    let request = |id: &str, to: &str, amount: &str| v1::TransferRequest {
        context: context(id),
        from_account_id: "A".to_owned(),
        to_account_id: to.to_owned(),
        asset_id: "CNY".to_owned(),
        amount: amount.to_owned(),
    };
    for (id, to, amount, reason) in [
        ("t1", "B", "1.00", "INVALID_FIELD"),
        ("t2", "A2", "1000.01", "INSUFFICIENT_FUNDS"),
        ("t3", "A2", "999.99", ""),
    ] {
        let report = accounts.transfer(request(id, to, amount)).await;
        assert_eq!(report.expect("a report").into_inner().reject_reason, reason);
    }
    let (_, lines, closing) = statement(&house, &statement_of("A2", "CNY")).await;
    assert_eq!(closing, "999.99");
    assert_eq!(posting(&lines[0]).other_account_id, "A");
    let (_, lines, closing) = statement(&house, &statement_of("A", "CNY")).await;
    assert_eq!(
        (
            closing.as_str(),
            posting(&lines[1]).other_account_id.as_str()
        ),
        ("0.01", "A2")
    );
}

/// The fields a refusal names.
fn fields(status: &tonic::Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_error_details();
    let violations = details.bad_request().expect("violations");
    let all = violations.field_violations.iter();
    all.map(|one| one.field.clone()).collect()
}

#[tokio::test]
async fn what_is_malformed_is_refused_by_its_field() {
    let house = lending().await;
    let mut accounts = house.accounts().await;
    let mut operations = house.operations().await;
    let wrong = v1::TransferHalfRequest {
        transfer_id: "42".to_owned(),
        other_shard: 0,
        ..half("h", "0")
    };
    let refused = accounts.transfer_out(wrong).await.expect_err("refused");
    assert_eq!(fields(&refused), ["transfer_id", "amount", "other_shard"]);
    let wrong = v1::SetCreditLineRequest {
        context: context("l"),
        asset_id: "CNY".to_owned(),
        band: 8,
        line: "0.001".to_owned(),
    };
    let refused = operations
        .set_credit_line(wrong)
        .await
        .expect_err("refused");
    assert_eq!(fields(&refused), ["line", "band"]);
    let wrong = v1::SetHaircutRequest {
        context: context("h2"),
        goods_asset_id: "coal".to_owned(),
        money_asset_id: "CNY".to_owned(),
        price: String::new(),
        basis_points: 10_001,
    };
    let refused = operations.set_haircut(wrong).await.expect_err("refused");
    assert_eq!(fields(&refused), ["price", "basis_points"]);
    let wrong = v1::GetStatementRequest {
        from_date: "2026-13-01".to_owned(),
        through_sequence: 3,
        ..statement_of("A", "CNY")
    };
    let refused = accounts.get_statement(wrong).await.expect_err("refused");
    assert_eq!(fields(&refused), ["from_sequence", "from_date"]);
    for token in ["1-2-3", "1-2-3:x", ":5", "x:5"] {
        let wrong = v1::GetStatementRequest {
            page_token: token.to_owned(),
            ..statement_of("A", "CNY")
        };
        let refused = accounts.get_statement(wrong).await.expect_err("refused");
        assert_eq!(fields(&refused), ["page_token"], "{token}");
    }
}

//! Busts and corrections through the public API: both parties are told in their streams, the tape
//! and the book stream too, history keeps what was and what became of it, and every asset agrees.
//!
//! A buys 100 t of 200 t at 50.00 from B: 5,000 yuan; A, the maker, is charged 1 yuan, B 2.50.

use crate::support::folders;
use std::collections::BTreeMap;

use crate::support::clearing::{balances, deposit, make_clearing, withdrawal};
use crate::support::{House, context, limit};
use proto::v1;
use rust_decimal::Decimal;
use tonic::Code;
use v1::{ExecType, OrderStatus, TradeAction};

async fn told(house: &House, request: v1::InstructRequest) {
    let report = house.accounts().await.instruct(request).await;
    let report = report.expect("a report").into_inner();
    assert!(report.accepted, "{report:?}");
}

async fn submit(house: &House, order: v1::SubmitOrderRequest) {
    let report = house.orders().await.submit_order(order).await;
    assert_eq!(report.expect("a report").into_inner().reject_reason, "");
}

/// The trade of the head, and B has withdrawn 4,000 yuan of what it got.
async fn spent() -> House {
    let house = House::open().await;
    house.with_market().await;
    make_clearing(house.channel().await).await;
    told(&house, deposit("in-A", "A", "CNY", "20000.00")).await;
    told(&house, deposit("in-B", "B", "coal", "300")).await;
    told(&house, deposit("fee-B", "B", "CNY", "10.00")).await;
    submit(&house, limit("buy", "A", v1::Side::Buy, "50.00", "200")).await;
    submit(&house, limit("sell", "B", v1::Side::Sell, "50.00", "100")).await;
    told(&house, withdrawal("out-B", "B", "CNY", "4000.00")).await;
    house
}

fn why(id: &str, reason: &str) -> v1::OperationContext {
    let plain = context(id).expect("a context");
    let reason = reason.to_owned();
    v1::OperationContext { reason, ..plain }
}

async fn bust(house: &House, id: &str, trade: &str) -> v1::OperationReport {
    let request = v1::BustTradeRequest {
        context: Some(why(id, "a wrong price")),
        trade_id: trade.to_owned(),
    };
    let report = house.operations().await.bust_trade(request).await;
    report.expect("a report").into_inner()
}

fn correction(id: &str, trade: &str, price: &str, quantity: &str) -> v1::CorrectTradeRequest {
    v1::CorrectTradeRequest {
        context: Some(why(id, "a wrong price")),
        trade_id: trade.to_owned(),
        instrument_id: "COAL".to_owned(),
        price: price.to_owned(),
        quantity: quantity.to_owned(),
    }
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

/// The first `count` entries of the tape.
async fn tape(house: &House, count: usize) -> Vec<v1::Trade> {
    let request = v1::StreamTradesRequest {
        instrument_ids: vec!["COAL".to_owned()],
        from_engine_sequence: 1,
    };
    let stream = house.market_data().await.stream_trades(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut trades = Vec::new();
    while trades.len() < count {
        let more = stream.message().await.expect("no error");
        trades.extend(more.expect("it goes on").trades);
    }
    trades
}

async fn owed(house: &House, account: &str) -> BTreeMap<String, String> {
    let request = v1::GetBalancesRequest {
        account_id: account.to_owned(),
        ..v1::GetBalancesRequest::default()
    };
    let page = house.accounts().await.get_balances(request).await;
    let all = page.expect("a page").into_inner().balances;
    all.into_iter()
        .map(|one| (one.asset_id, one.owed))
        .collect()
}

async fn receivables(house: &House) -> Vec<(String, String, String)> {
    let request = v1::ListPositionsRequest {
        holder_kind: v1::HolderKind::Receivable.into(),
        ..v1::ListPositionsRequest::default()
    };
    let page = house.accounts().await.list_positions(request).await;
    let all = page.expect("a page").into_inner().positions;
    let line = |one: v1::Position| (one.holder_id, one.asset_id, one.available);
    all.into_iter().map(line).collect()
}

/// By asset, what an account's postings add up to and what it has.
async fn adds_up(house: &House, account: &str) {
    let request = v1::ListPostingsRequest {
        account_id: account.to_owned(),
        page_size: 1_000,
        ..v1::ListPostingsRequest::default()
    };
    let page = house.accounts().await.list_postings(request).await;
    let mut sums = BTreeMap::<String, Decimal>::new();
    for one in page.expect("a page").into_inner().postings {
        let amount: Decimal = one.amount.parse().expect("a number");
        *sums.entry(one.asset_id).or_default() += amount;
    }
    for (asset, (available, held)) in balances(house.channel().await, account).await {
        let number = |text: &str| text.parse::<Decimal>().expect("a number");
        let sum = sums.get(&asset).copied().unwrap_or_default();
        assert_eq!(sum, number(&available) + number(&held), "{account} {asset}");
    }
}

fn one(asset: &str, available: &str, held: &str) -> (String, (String, String)) {
    (asset.to_owned(), (available.to_owned(), held.to_owned()))
}

#[tokio::test]
async fn a_bust_takes_back_what_is_there_and_the_rest_is_owed_and_repaid() {
    let house = spent().await;
    let trade = tape(&house, 1).await[0].trade_id.clone();
    let report = bust(&house, "bust-1", &trade).await;
    assert!(report.accepted && report.demonstration, "{report:?}");

    // B had 1,007.50 of the 4,997.50 it got; A has all it paid again.
    let of_b = balances(house.channel().await, "B").await;
    let wanted = [one("CNY", "0.00", "0.00"), one("coal", "300.000", "0.000")];
    assert_eq!(of_b, BTreeMap::from(wanted));
    assert_eq!(owed(&house, "B").await["CNY"], "3990.00");
    let of_a = balances(house.channel().await, "A").await;
    let wanted = [
        one("CNY", "14998.00", "5002.00"),
        one("coal", "0.000", "0.000"),
    ];
    assert_eq!(of_a, BTreeMap::from(wanted));
    let debt = |amount: &str| [("B".to_owned(), "CNY".to_owned(), amount.to_owned())];
    assert_eq!(receivables(&house).await, debt("-3990.00"));

    // Once is once: the same request is told the same, another is refused.
    let again = bust(&house, "bust-1", &trade).await;
    assert!(again.accepted && again.poss_dup, "{again:?}");
    let twice = bust(&house, "bust-2", &trade).await;
    assert_eq!(twice.reject_reason, "ALREADY_BUSTED");

    // Who owes takes nothing out and orders nothing, and what comes in repays.
    let out = house
        .accounts()
        .await
        .instruct(withdrawal("more", "B", "CNY", "0.01"))
        .await;
    let out = out.expect("a report").into_inner();
    assert_eq!(out.reject_reason, "INSUFFICIENT_FUNDS");
    told(&house, deposit("back-1", "B", "CNY", "3000.00")).await;
    assert_eq!(receivables(&house).await, debt("-990.00"));
    told(&house, deposit("back-2", "B", "CNY", "1000.00")).await;
    assert_eq!(receivables(&house).await, debt("0.00"));
    assert_eq!(owed(&house, "B").await["CNY"], "");
    assert_eq!(balances(house.channel().await, "B").await["CNY"].0, "10.00");
    for account in ["A", "B"] {
        adds_up(&house, account).await;
    }
}

#[tokio::test]
async fn both_streams_the_tape_and_the_history_say_it_over_restart_and_rebuild() {
    let mut house = spent().await;
    let trade = tape(&house, 1).await[0].trade_id.clone();
    let report = house.operations().await;
    let mut operations = report;
    let done = operations
        .correct_trade(correction("fix", &trade, "49.00", ""))
        .await;
    let done = done.expect("a report").into_inner();
    assert!(done.accepted, "{done:?}");
    assert!(bust(&house, "bust", &trade).await.accepted);

    let projections = house.folder.path().join("data/projections");
    let mut before = None;
    for round in 0..3 {
        match round {
            0 => {}
            1 => house.restart().await,
            _ => {
                let forget = || std::fs::remove_dir_all(&projections).expect("removed");
                house.restart_after(forget).await;
            }
        }
        let of_a = executions(&house, "A", 4).await;
        let of_b = executions(&house, "B", 4).await;
        let tape = tape(&house, 3).await;
        check_streams(&of_a, &of_b, &tape);
        let seen = (of_a, of_b, tape);
        if let Some(before) = &before {
            assert_eq!(&seen, before, "round {round}");
        }
        before = Some(seen);
        for account in ["A", "B"] {
            adds_up(&house, account).await;
        }
    }
    let request = v1::GetOrderRequest {
        account_id: "B".to_owned(),
        order: Some(v1::get_order_request::Order::ClientOrderId(
            "sell".to_owned(),
        )),
    };
    let order = house.orders().await.get_order(request).await;
    let order = order.expect("an order").into_inner();
    assert_eq!(
        order.order_status(),
        OrderStatus::Canceled,
        "filled no more"
    );
    assert_eq!(
        (&*order.cumulative_quantity, &*order.average_price),
        ("0", "")
    );
}

fn check_streams(of_a: &[v1::ExecutionReport], of_b: &[v1::ExecutionReport], tape: &[v1::Trade]) {
    for (at, reports) in [of_a, of_b].into_iter().enumerate() {
        let kinds: Vec<_> = reports.iter().map(v1::ExecutionReport::exec_type).collect();
        let wanted = [
            ExecType::New,
            ExecType::Trade,
            ExecType::TradeCorrect,
            ExecType::TradeCancel,
        ];
        assert_eq!(kinds, wanted);
        let [_, trade, correct, cancel] = reports else {
            panic!("four of them");
        };
        for (place, later) in (3..).zip([correct, cancel]) {
            assert_eq!(later.account_sequence, place);
            assert_eq!(later.trade_id, trade.trade_id);
            assert_eq!(later.exec_ref_id, trade.exec_id);
            assert_eq!(later.order_id, trade.order_id);
            assert_eq!(
                (&*later.last_price, &*later.last_quantity),
                ("49.00", "100")
            );
            assert_ne!(later.exec_id, trade.exec_id);
        }
        // 4,900 instead of 5,000: A is charged 1 yuan as before, B 2.45.
        assert_eq!(correct.fee, ["1.00", "2.45"][at]);
        assert_eq!(correct.average_price, "49.000000");
        assert_eq!(correct.cumulative_quantity, "100");
        assert_eq!((&*cancel.fee, &*cancel.cumulative_quantity), ("", "0"));
    }
    // A's order lives on with what is open; B's was filled, and nothing comes back.
    let (live, ended) = (&of_a[3], &of_b[3]);
    assert_eq!(live.order_status(), OrderStatus::New);
    assert_eq!(
        (&*live.order_quantity, &*live.leaves_quantity),
        ("100", "100")
    );
    assert_eq!(ended.order_status(), OrderStatus::Canceled);
    assert_eq!(
        (&*ended.order_quantity, &*ended.leaves_quantity),
        ("100", "0")
    );

    let told = |one: &v1::Trade| (one.action(), one.price.clone(), one.quantity.clone());
    let entry = |action, price: &str| (action, price.to_owned(), "100".to_owned());
    let wanted = [
        entry(TradeAction::New, "50.00"),
        entry(TradeAction::Correct, "49.00"),
        entry(TradeAction::Cancel, "49.00"),
    ];
    assert_eq!(tape.iter().map(told).collect::<Vec<_>>(), wanted);
    assert!(tape.iter().all(|one| one.trade_id == tape[0].trade_id));
    assert!(tape.is_sorted_by_key(|one| one.engine_sequence));
}

#[tokio::test]
async fn the_book_stream_says_it_and_the_last_trade_stays() {
    let mut house = spent().await;
    let trade = tape(&house, 1).await[0].trade_id.clone();
    house.restart().await;
    let request = v1::StreamBookRequest {
        instruments: vec![v1::BookSubscription {
            instrument_id: "COAL".to_owned(),
            resume: None,
        }],
        level: v1::BookDepth::L2.into(),
        depth: 0,
    };
    let stream = house.market_data().await.stream_book(request.clone()).await;
    let mut stream = stream.expect("a stream").into_inner();
    let first = stream.message().await.expect("no error").expect("a book");
    assert!(!first.events.is_empty());
    assert!(bust(&house, "bust", &trade).await.accepted);
    let told = 'told: loop {
        let more = stream.message().await.expect("no error").expect("goes on");
        for event in more.events {
            if let Some(v1::book_event::Event::TradeCorrection(one)) = event.event {
                break 'told one;
            }
        }
    };
    assert_eq!(told.trade_id, trade);
    assert_eq!(told.action(), TradeAction::Cancel);
    assert_eq!((told.price_ticks, told.quantity_lots), (1_000, 1));
    house.restart().await;
    let stream = house.market_data().await.stream_book(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let first = stream.message().await.expect("no error").expect("a book");
    let Some(v1::book_event::Event::Snapshot(book)) = &first.events[0].event else {
        panic!("a stream begins with a book: {first:?}");
    };
    let last = (book.last_trade_id.as_str(), book.last_price_ticks);
    assert_eq!(last, (trade.as_str(), Some(1_000)), "the last trade stays");
}

#[tokio::test]
async fn what_cannot_be_corrected_is_told_why() {
    let house = spent().await;
    let trade = tape(&house, 1).await[0].trade_id.clone();
    let mut operations = house.operations().await;
    let silent = v1::BustTradeRequest {
        context: Some(why("silent", "")),
        trade_id: trade.clone(),
    };
    let report = operations.bust_trade(silent).await.expect("a report");
    assert_eq!(report.into_inner().reject_reason, "INVALID_FIELD");

    for (id, wrong) in [("1", ""), ("2", "x"), ("3", "0-1-2"), ("4", "0-1-02-3")] {
        let request = v1::BustTradeRequest {
            context: Some(why(id, "wrong")),
            trade_id: wrong.to_owned(),
        };
        let status = operations.bust_trade(request).await.expect_err("no id");
        assert_eq!(status.code(), Code::InvalidArgument, "{wrong}");
    }
    let mut parts: Vec<_> = trade.split('-').map(str::to_owned).collect();
    parts[1] = "7".to_owned();
    let request = v1::BustTradeRequest {
        context: Some(why("epoch", "wrong")),
        trade_id: parts.join("-"),
    };
    let status = operations.bust_trade(request).await.expect_err("another's");
    assert_eq!(status.code(), Code::NotFound);
    let never = format!(
        "{}-{}-999999-0",
        parts[0],
        trade.split('-').nth(1).expect("an epoch")
    );
    assert_eq!(
        bust(&house, "never", &never).await.reject_reason,
        "UNKNOWN_TRADE"
    );

    for (id, price, quantity, reason) in [
        ("same", "50.00", "", "INVALID_FIELD"),
        ("more", "50.00", "200", "MAX_QUANTITY"),
        ("sign", "0.00", "", "PRICE_SIGN"),
    ] {
        let request = correction(id, &trade, price, quantity);
        let report = operations.correct_trade(request).await.expect("a report");
        assert_eq!(report.into_inner().reject_reason, reason, "{id}");
    }
    let off = operations
        .correct_trade(correction("off", &trade, "49.01", ""))
        .await;
    assert_eq!(
        off.expect_err("between ticks").code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn what_is_owed_reconciles() {
    let mut house = spent().await;
    let trade = tape(&house, 1).await[0].trade_id.clone();
    assert!(bust(&house, "bust", &trade).await.accepted);
    told(&house, deposit("back", "B", "CNY", "3000.00")).await;
    house.stop().await;
    let data = house.folder.path().join("data");
    let csv = house.folder.path().join("accounts.csv");
    let flags = ["--csv", csv.to_str().expect("text")];
    let (status, said) = folders::run(&["reconcile"], &data, &flags);
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains(" owed opening 0.00 closing 990.00; agrees"),
        "{said}"
    );
    let rows = std::fs::read_to_string(&csv).expect("a file");
    let of_b = "CNY,receivable,B,0.00,0.00,0.00,-990.00,0.00,0.00,0.00,0.00,0.00,0.00,-990.00,0.00";
    assert!(rows.lines().any(|row| row == of_b), "{rows}");
}

async fn get_trade(house: &House, trade_id: &str) -> Result<v1::GetTradeResponse, tonic::Status> {
    let trade_id = trade_id.to_owned();
    let request = v1::GetTradeRequest { trade_id };
    let answer = house.accounts().await.get_trade(request).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_trade_is_found_by_its_id_with_all_that_became_of_it() {
    let mut house = spent().await;
    let trade = tape(&house, 1).await[0].trade_id.clone();
    let alone = get_trade(&house, &trade).await.expect("a trade");
    assert_eq!((alone.changes.len(), alone.executions.len()), (0, 2));
    let fix = correction("fix", &trade, "49.00", "");
    let done = house.operations().await.correct_trade(fix).await;
    assert!(done.expect("a report").into_inner().accepted);
    assert!(bust(&house, "bust", &trade).await.accepted);

    let projections = house.folder.path().join("data/projections");
    for rebuilt in [false, true] {
        if rebuilt {
            let forget = || std::fs::remove_dir_all(&projections).expect("removed");
            house.restart_after(forget).await;
        }
        let found = get_trade(&house, &trade).await.expect("a trade");
        let all = tape(&house, 3).await;
        assert_eq!(found.trade, alone.trade);
        assert_eq!(found.trade.as_ref(), all.first());
        assert_eq!(found.changes, all[1..]);
        let actions = found.changes.iter().map(v1::Trade::action);
        let actions: Vec<_> = actions.collect();
        assert_eq!(actions, [TradeAction::Correct, TradeAction::Cancel]);
        assert!(found.durable_sequence >= all[2].engine_sequence);
        let mut told = Vec::new();
        for account in ["A", "B"] {
            // The first report of each is of its order.
            told.push(executions(&house, account, 4).await.split_off(1));
        }
        let both = (0..3).flat_map(|at| [told[0][at].clone(), told[1][at].clone()]);
        let both: Vec<_> = both.collect();
        assert_eq!(found.executions, both);
        let kinds: Vec<_> = both.iter().map(v1::ExecutionReport::exec_type).collect();
        let (made, fixed, gone) = (
            ExecType::Trade,
            ExecType::TradeCorrect,
            ExecType::TradeCancel,
        );
        assert_eq!(kinds, [made, made, fixed, fixed, gone, gone]);
        // The place of a change is no trade's, nor is the same place in another epoch.
        let [shard, epoch, _, index] = trade.split('-').collect::<Vec<_>>()[..] else {
            panic!("{trade}");
        };
        let change = format!("{shard}-{epoch}-{}-{index}", all[2].engine_sequence);
        let other = trade.replacen(&format!("{shard}-{epoch}-"), &format!("{shard}-9-"), 1);
        for unknown in [change.as_str(), &other, "0-0-999-0"] {
            let error = get_trade(&house, unknown).await.expect_err(unknown);
            assert_eq!(error.code(), Code::NotFound, "{error}");
        }
        for wrong in ["", "x", "1-2-3"] {
            let error = get_trade(&house, wrong).await.expect_err(wrong);
            assert_eq!(error.code(), Code::InvalidArgument, "{error}");
            assert!(error.message().contains("trade_id"), "{error}");
        }
    }
}

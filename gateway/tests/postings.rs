//! What moved on an account: postings add up to its balances, come in pages by asset and time, and
//! as a stream that goes on after any position, over a restart too.

use std::collections::BTreeMap;

use crate::support::clearing::{balances, deposit, make_clearing, withdrawal};
use crate::support::{House, limit};
use proto::v1;
use rust_decimal::Decimal;
use tonic::{Code, Streaming};
use v1::PostingKind::{Deposit, Fee, TradeGoods, TradeMoney, Withdrawal};

async fn told(house: &House, request: v1::InstructRequest) -> v1::OperationReport {
    let report = house.accounts().await.instruct(request).await;
    let report = report.expect("a report").into_inner();
    assert!(report.accepted, "{report:?}");
    report
}

async fn submit(house: &House, id: &str, account: &str, side: v1::Side, lots: u32) {
    let quantity = (lots * 100).to_string();
    let order = limit(id, account, side, "50.00", &quantity);
    let report = house.orders().await.submit_order(order).await;
    let report = report.expect("a report").into_inner();
    assert_eq!(report.exec_type(), v1::ExecType::New, "{report:?}");
}

/// Deposits, orders that rest and trade in parts, one that is cancelled by its rest, a withdrawal.
async fn traded() -> House {
    let house = House::open().await;
    house.with_market().await;
    make_clearing(house.channel().await).await;
    told(&house, deposit("in-A", "A", "CNY", "100000.00")).await;
    told(&house, deposit("in-B", "B", "coal", "2000")).await;
    submit(&house, "buy", "A", v1::Side::Buy, 6).await;
    for part in 0..3 {
        submit(&house, &format!("sell-{part}"), "B", v1::Side::Sell, 1).await;
    }
    submit(&house, "rest", "B", v1::Side::Sell, 5).await;
    submit(&house, "again", "A", v1::Side::Buy, 1).await;
    told(&house, withdrawal("out-A", "A", "coal", "150.5")).await;
    told(&house, withdrawal("out-B", "B", "CNY", "123.45")).await;
    house
}

async fn listed(house: &House, request: &v1::ListPostingsRequest) -> Vec<v1::Posting> {
    let mut accounts = house.accounts().await;
    let mut request = request.clone();
    let mut all = Vec::new();
    loop {
        let page = accounts.list_postings(request.clone()).await;
        let page = page.expect("a page").into_inner();
        all.extend(page.postings);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

fn of(account: &str) -> v1::ListPostingsRequest {
    v1::ListPostingsRequest {
        account_id: account.to_owned(),
        page_size: 3,
        ..v1::ListPostingsRequest::default()
    }
}

fn number(text: &str) -> Decimal {
    text.parse().expect("a number")
}

/// By asset, what the postings add up to.
fn sums(postings: &[v1::Posting]) -> BTreeMap<String, Decimal> {
    let mut sums = BTreeMap::new();
    for one in postings {
        *sums.entry(one.asset_id.clone()).or_default() += number(&one.amount);
    }
    sums
}

#[tokio::test]
async fn postings_add_up_to_the_balances_over_a_restart_and_a_rebuild() {
    let mut house = traded().await;
    let projections = house.folder.path().join("data/projections");
    let mut before = Vec::new();
    for round in 0..3 {
        match round {
            0 => {}
            1 => house.restart().await,
            _ => {
                let forget = || std::fs::remove_dir_all(&projections).expect("removed");
                house.restart_after(forget).await;
            }
        }
        let mut all = Vec::new();
        for account in ["A", "B"] {
            let postings = listed(&house, &of(account)).await;
            let has = balances(house.channel().await, account).await;
            let has = has.into_iter().map(|(asset, (available, held))| {
                let balance = number(&available) + number(&held);
                (asset, balance)
            });
            assert_eq!(sums(&postings), has.collect(), "{account}, round {round}");
            all.push(postings);
        }
        if round > 0 {
            assert_eq!(all, before, "round {round}");
        }
        before = all;
    }
}

#[tokio::test]
async fn a_posting_says_why_it_moved() {
    let house = traded().await;
    let of_a = listed(&house, &of("A")).await;
    let kinds: Vec<_> = of_a.iter().map(v1::Posting::kind).collect();
    // The first fill's fee is the least there is, and covers the second.
    let wanted = [
        &[Deposit, TradeGoods, TradeMoney, Fee, TradeGoods, TradeMoney][..],
        &[TradeGoods, TradeMoney, Fee, TradeGoods, TradeMoney, Fee],
        &[TradeGoods, TradeMoney, Fee, Withdrawal],
    ];
    assert_eq!(kinds, wanted.concat());
    assert!(of_a.iter().all(|one| one.demonstration));
    let deposit = &of_a[0];
    assert_eq!(
        (deposit.amount.as_str(), deposit.asset_id.as_str()),
        ("100000.00", "CNY")
    );
    assert_eq!(deposit.instruction_id, deposit.engine_sequence);
    assert_eq!(deposit.custodian_id, "bank");
    assert_eq!(
        deposit.reference,
        format!("auto-{}", deposit.instruction_id)
    );
    let (goods, money, fee) = (&of_a[1], &of_a[2], &of_a[3]);
    assert_eq!(
        [&goods.amount, &money.amount, &fee.amount],
        ["100.000", "-5000.00", "-1.00"]
    );
    assert_eq!(goods.trade_id, money.trade_id);
    assert_eq!(
        (goods.asset_id.as_str(), goods.instrument_id.as_str()),
        ("coal", "COAL")
    );
    let out = of_a.last().expect("some");
    assert_eq!((out.amount.as_str(), out.kind()), ("-150.500", Withdrawal));
    let of_b = listed(&house, &of("B")).await;
    let same = of_b.iter().find(|one| one.trade_id == goods.trade_id);
    assert_eq!(same.expect("the seller's").amount, "-100.000");
}

#[tokio::test]
async fn pages_are_of_one_asset_and_of_a_span_of_time() {
    let house = traded().await;
    let all = listed(&house, &of("B")).await;
    let money = v1::ListPostingsRequest {
        asset_id: "CNY".to_owned(),
        ..of("B")
    };
    let mut wanted = all.clone();
    wanted.retain(|one| one.asset_id == "CNY");
    assert_eq!(listed(&house, &money).await, wanted);
    let (from, until) = (all[2].time, all[all.len() - 2].time);
    let between = v1::ListPostingsRequest {
        from_time: from,
        until_time: until,
        ..of("B")
    };
    let nanoseconds = |time: Option<prost_types::Timestamp>| {
        let time = time.expect("a time");
        (time.seconds, time.nanos)
    };
    wanted.clone_from(&all);
    wanted.retain(|one| (nanoseconds(from)..nanoseconds(until)).contains(&nanoseconds(one.time)));
    assert!(!wanted.is_empty() && wanted.len() < all.len());
    assert_eq!(listed(&house, &between).await, wanted);
}

/// Postings until the stream says that there is nothing newer.
async fn until_level(stream: &mut Streaming<v1::StreamPostingsResponse>) -> Vec<v1::Posting> {
    let mut all = Vec::new();
    loop {
        let message = stream.message().await.expect("no error").expect("goes on");
        all.extend(message.postings);
        if message.caught_up {
            return all;
        }
    }
}

#[tokio::test]
async fn a_stream_goes_on_after_any_position_and_tells_what_comes() {
    let mut house = traded().await;
    let all = listed(&house, &of("A")).await;
    for restarted in [false, true] {
        if restarted {
            house.restart().await;
        }
        for held in [0, 1, 4, all.len()] {
            let after = held.checked_sub(1).map(|last| all[last].position.clone());
            let request = v1::StreamPostingsRequest {
                account_id: "A".to_owned(),
                after_position: after.unwrap_or_default(),
                from_time: None,
            };
            let stream = house.accounts().await.stream_postings(request).await;
            let mut stream = stream.expect("a stream").into_inner();
            assert_eq!(until_level(&mut stream).await, all[held..]);
        }
    }
    let request = v1::StreamPostingsRequest {
        account_id: "A".to_owned(),
        after_position: all.last().expect("some").position.clone(),
        from_time: None,
    };
    let stream = house.accounts().await.stream_postings(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    assert_eq!(until_level(&mut stream).await, []);
    told(&house, deposit("late", "A", "CNY", "0.01")).await;
    let mut more = Vec::new();
    while more.is_empty() {
        let message = stream.message().await.expect("no error").expect("goes on");
        more = message.postings;
    }
    assert_eq!((more.len(), more[0].amount.as_str()), (1, "0.01"));
}

#[tokio::test]
async fn a_stream_begins_with_an_instant() {
    let mut house = traded().await;
    let all = listed(&house, &of("A")).await;
    let nanoseconds = |one: &v1::Posting| {
        let time = one.time.expect("a time");
        (time.seconds, time.nanos)
    };
    // The postings of a trade share an instant, so a stream begins with the first of them.
    let middle = all
        .iter()
        .find(|one| nanoseconds(one) > nanoseconds(&all[3]));
    let middle = middle.expect("a later one");
    let from = |time: Option<prost_types::Timestamp>, after: &str| v1::StreamPostingsRequest {
        account_id: "A".to_owned(),
        after_position: after.to_owned(),
        from_time: time,
    };
    let mut later = all.clone();
    later.retain(|one| nanoseconds(one) >= nanoseconds(middle));
    assert!(!later.is_empty() && later.len() < all.len());
    for restarted in [false, true] {
        if restarted {
            house.restart().await;
        }
        // Beside a position the later of the two counts.
        for (request, wanted) in [
            (from(middle.time, ""), &later[..]),
            (from(middle.time, &all[0].position), &later[..]),
            (from(middle.time, &later[0].position), &later[1..]),
            (from(all[0].time, &later[0].position), &later[1..]),
        ] {
            let stream = house.accounts().await.stream_postings(request).await;
            let mut stream = stream.expect("a stream").into_inner();
            assert_eq!(until_level(&mut stream).await, wanted);
        }
    }
    // From an instant after all that there is: nothing yet, and nothing that comes before it.
    let mut ahead = all.last().and_then(|one| one.time).expect("a time");
    ahead.seconds += 86_400;
    let stream = house
        .accounts()
        .await
        .stream_postings(from(Some(ahead), ""))
        .await;
    let mut stream = stream.expect("a stream").into_inner();
    assert_eq!(until_level(&mut stream).await, []);
    told(&house, deposit("early", "A", "CNY", "0.01")).await;
    let message = stream.message().await.expect("no error").expect("goes on");
    assert_eq!(message.postings, []);
    let wrong = from(
        Some(prost_types::Timestamp {
            seconds: -1,
            nanos: 0,
        }),
        "",
    );
    let error = house
        .accounts()
        .await
        .stream_postings(wrong)
        .await
        .expect_err("no instant");
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("from_time"), "{error}");
}

#[tokio::test]
async fn what_is_malformed_or_missing_is_named() {
    let house = House::open().await;
    house.with_market().await;
    let mut accounts = house.accounts().await;
    for token in ["x", "1-2", "1-2-3-4", "-1-2-3", "1-2-99999999999"] {
        let list = v1::ListPostingsRequest {
            page_token: token.to_owned(),
            ..of("A")
        };
        let error = accounts.list_postings(list).await.expect_err(token);
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().contains("page_token"), "{error}");
        let stream = v1::StreamPostingsRequest {
            account_id: "A".to_owned(),
            after_position: token.to_owned(),
            from_time: None,
        };
        let error = accounts.stream_postings(stream).await.expect_err(token);
        assert!(error.message().contains("after_position"), "{error}");
    }
    for (account, asset) in [("NOBODY", ""), ("A", "USD")] {
        let list = v1::ListPostingsRequest {
            asset_id: asset.to_owned(),
            ..of(account)
        };
        let error = accounts.list_postings(list).await.expect_err("missing");
        assert_eq!(error.code(), Code::NotFound);
    }
    let many = v1::ListPostingsRequest {
        page_size: 1_001,
        ..of("A")
    };
    let error = accounts.list_postings(many).await.expect_err("too many");
    assert!(error.message().contains("1000"), "{error}");
}

//! What is kept: orders, reports and trades, read back through restarts and a rebuild.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::support::flow::trade_some;
use crate::support::{House, Session, limit};
use proto::v1;
use proto::v1::order_entry_client::OrderEntryClient;
use tonic::Code;
use tonic::transport::Channel;
use v1::stream_executions_request::Owner;

fn from(owner: Owner, from_sequence: u64) -> v1::StreamExecutionsRequest {
    v1::StreamExecutionsRequest {
        owner: Some(owner),
        from_sequence,
    }
}

fn account(name: &str) -> Owner {
    Owner::AccountId(name.to_owned())
}

fn participant() -> Owner {
    Owner::ParticipantId("P".to_owned())
}

/// Reports of `owner` until the stream says that there is nothing newer.
async fn reports(
    orders: &mut OrderEntryClient<Channel>,
    owner: Owner,
    from_sequence: u64,
) -> Vec<v1::ExecutionReport> {
    let stream = orders.stream_executions(from(owner, from_sequence)).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut all = Vec::new();
    loop {
        let message = stream.message().await.expect("no error").expect("goes on");
        all.extend(message.reports);
        if message.caught_up {
            return all;
        }
    }
}

/// All orders of an account, page by page.
async fn listed(
    orders: &mut OrderEntryClient<Channel>,
    account: &str,
    live_only: bool,
) -> Vec<v1::Order> {
    let mut request = v1::ListOrdersRequest {
        account_id: account.to_owned(),
        live_only,
        page_size: 7,
        ..v1::ListOrdersRequest::default()
    };
    let mut all = Vec::new();
    loop {
        let page = orders.list_orders(request.clone()).await.expect("a page");
        let page = page.into_inner();
        assert!(page.orders.len() <= 7);
        all.extend(page.orders);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

/// Everything that can be read back.
#[derive(PartialEq, Debug)]
struct Everything {
    orders: BTreeMap<&'static str, Vec<v1::Order>>,
    live: usize,
    reports: Vec<Vec<v1::ExecutionReport>>,
    single: Vec<v1::Order>,
    retried: v1::ExecutionReport,
}

async fn everything(house: &House) -> Everything {
    let mut client = house.orders().await;
    let mut lists = BTreeMap::new();
    let mut single = Vec::new();
    for name in ["A", "B"] {
        let all = listed(&mut client, name, false).await;
        for order in all.iter().take(3) {
            for named in [
                v1::get_order_request::Order::OrderId(order.order_id.clone()),
                v1::get_order_request::Order::ClientOrderId(order.client_order_id.clone()),
            ] {
                let request = v1::GetOrderRequest {
                    account_id: name.to_owned(),
                    order: Some(named),
                };
                if !order.client_order_id.is_empty() {
                    let found = client.get_order(request).await.expect("an order");
                    single.push(found.into_inner());
                }
            }
        }
        lists.insert(name, all);
    }
    let mut all = Vec::new();
    for owner in [account("A"), account("B"), participant()] {
        all.push(reports(&mut client, owner, 1).await);
    }
    let retried = limit("r0-0", "A", v1::Side::Buy, "50.00", "100");
    let retried = client
        .submit_order(retried)
        .await
        .expect("the first answer");
    Everything {
        live: listed(&mut client, "A", true).await.len(),
        orders: lists,
        reports: all,
        single,
        retried: retried.into_inner(),
    }
}

#[tokio::test]
async fn orders_and_reports_outlive_a_restart_and_a_rebuild() {
    let mut house = House::open().await;
    house.with_market().await;
    trade_some(&house, 0).await;
    let (mut session, _) = Session::opened(&house, "s", 0).await;
    session.orders(1..=40);
    session.reports_to(40).await;
    drop(session);
    trade_some(&house, 1).await;
    let before = everything(&house).await;
    assert!(before.retried.poss_dup);
    assert!(before.live > 0 && before.live < before.orders["A"].len());
    assert!(before.single.len() >= 6);
    let of_session = before.orders["A"]
        .iter()
        .filter(|order| order.session_id == "s");
    assert_eq!(of_session.count(), 40);
    for (place, list) in before.reports.iter().enumerate() {
        let counters: Vec<u64> = list
            .iter()
            .map(|report| match place {
                2 => report.participant_sequence,
                _ => report.account_sequence,
            })
            .collect();
        assert_eq!(counters, (1..=list.len() as u64).collect::<Vec<_>>());
    }

    house.restart().await;
    assert_eq!(everything(&house).await, before, "after a restart");

    let projections = house.folder.path().join("data").join("projections");
    house
        .restart_after(|| std::fs::remove_dir_all(&projections).expect("it is there"))
        .await;
    assert_eq!(everything(&house).await, before, "after a rebuild");

    // And it goes on from there: old orders are changed, counters have no gap.
    trade_some(&house, 2).await;
    let mut client = house.orders().await;
    let later = reports(&mut client, participant(), 1).await;
    assert_eq!(later[..before.reports[2].len()], before.reports[2]);
    let counters = later.iter().map(|report| report.participant_sequence);
    assert!(counters.eq(1..=later.len() as u64));
}

/// Follows a stream from a counter until it has looked at the command in `last`; answers how many
/// reports came.
async fn follow(house: &House, owner: Owner, first: u64, last: &Cell<u64>) -> u64 {
    let of_participant = matches!(owner, Owner::ParticipantId(_));
    let mut orders = house.orders().await;
    let stream = orders.stream_executions(from(owner, first)).await;
    let mut stream = stream.expect("a stream").into_inner();
    let first = first.max(1);
    let (mut next, mut reached) = (first, 0);
    while reached < last.get() {
        let message = stream.message().await.expect("no error").expect("goes on");
        for report in &message.reports {
            let counter = if of_participant {
                report.participant_sequence
            } else {
                report.account_sequence
            };
            assert_eq!(counter, next);
            next += 1;
        }
        assert!(message.durable_sequence >= reached);
        reached = message.durable_sequence;
    }
    next - first
}

#[tokio::test]
async fn a_stream_passes_from_history_to_live_without_a_gap_or_a_repeat() {
    let house = House::open().await;
    house.with_market().await;
    trade_some(&house, 0).await;
    let last = Cell::new(u64::MAX);
    let flow = async {
        let mut reached = 0;
        for round in 1..6 {
            reached = trade_some(&house, round).await;
        }
        last.set(reached);
    };
    let (of_a, of_b, of_both, ()) = tokio::join!(
        follow(&house, account("A"), 0, &last),
        follow(&house, account("B"), 5, &last),
        follow(&house, participant(), 1, &last),
        flow
    );
    assert!(of_a > 60 && of_b > 60, "{of_a} {of_b}");
    assert_eq!(of_both, of_a + of_b + 4, "the drop copy has them all");
}

#[tokio::test]
async fn a_silent_stream_gives_signs_of_life() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let stream = orders.stream_executions(from(account("A"), 1)).await;
    let mut stream = stream.expect("a stream").into_inner();
    for _ in 0..2 {
        let message = stream.message().await.expect("no error").expect("goes on");
        assert!(message.reports.is_empty() && message.caught_up);
        assert!(message.durable_sequence > 0);
    }
}

#[tokio::test]
async fn nobody_finds_an_order_of_another_account() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let order = limit("mine", "A", v1::Side::Buy, "50.00", "100");
    let report = orders.submit_order(order).await.expect("NEW").into_inner();
    let by_id = v1::get_order_request::Order::OrderId(report.order_id);
    let by_client_id = v1::get_order_request::Order::ClientOrderId("mine".to_owned());
    for order in [by_id, by_client_id] {
        let mut request = v1::GetOrderRequest {
            account_id: "B".to_owned(),
            order: Some(order),
        };
        let status = orders
            .get_order(request.clone())
            .await
            .expect_err("not B's");
        assert_eq!(status.code(), Code::NotFound);
        request.account_id = "A".to_owned();
        assert!(orders.get_order(request).await.is_ok());
    }
    let status = orders.stream_executions(from(account("C"), 1)).await;
    assert_eq!(status.expect_err("no C").code(), Code::NotFound);
    let nobody = v1::StreamExecutionsRequest::default();
    let status = orders
        .stream_executions(nobody)
        .await
        .expect_err("of whom?");
    assert_eq!(status.code(), Code::InvalidArgument);
    let token = v1::ListOrdersRequest {
        account_id: "A".to_owned(),
        page_token: "x".to_owned(),
        ..v1::ListOrdersRequest::default()
    };
    let status = orders.list_orders(token).await.expect_err("no token");
    assert!(status.message().contains("page_token"), "{status}");
}

#[tokio::test]
async fn trades_come_once_each_past_and_live() {
    let house = House::open().await;
    house.with_market().await;
    let request = |from| v1::StreamTradesRequest {
        instrument_ids: vec!["COAL".to_owned()],
        from_engine_sequence: from,
    };
    let first = trade_some(&house, 0).await;
    let mut client = house.market_data().await;
    let stream = client.stream_trades(request(1)).await.expect("a stream");
    let mut stream = stream.into_inner();
    let live = trade_some(&house, 1).await;
    let (mut trades, mut reached) = (Vec::new(), 0);
    while reached < live {
        let message = stream.message().await.expect("no error").expect("goes on");
        trades.extend(message.trades);
        reached = message.durable_sequence;
    }
    let ids: Vec<_> = trades.iter().map(|trade| trade.trade_id.clone()).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "each once");
    assert!(trades.iter().any(|trade| trade.engine_sequence <= first));
    assert!(trades.iter().any(|trade| trade.engine_sequence > first));
    assert!(trades.is_sorted_by_key(|trade| trade.engine_sequence));

    // Resumed in the middle, and of all instruments, it is the same tape.
    let middle = trades[trades.len() / 2].engine_sequence;
    let all = v1::StreamTradesRequest {
        instrument_ids: Vec::new(),
        from_engine_sequence: middle,
    };
    let mut stream = client
        .stream_trades(all)
        .await
        .expect("a stream")
        .into_inner();
    let (mut later, mut reached) = (Vec::new(), 0);
    while reached < live {
        let message = stream.message().await.expect("no error").expect("goes on");
        later.extend(message.trades);
        reached = message.durable_sequence;
    }
    trades.retain(|trade| trade.engine_sequence >= middle);
    assert_eq!(later, trades);
}

//! Kill switches, cancel on disconnect and dead-man timers through the public API, with connections
//! that are cut and a program that is killed.

use crate::support::child::Program;
use crate::support::{
    Answer, House, Session, context, limit, make_market, open_request, session_order,
};
use proto::v1;
use proto::v1::order_entry_client::OrderEntryClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;
use v1::kill_scope::Scope;

type Orders = OrderEntryClient<Channel>;

fn set(id: &str, scope: Scope, position: v1::SwitchPosition) -> v1::SetKillSwitchRequest {
    v1::SetKillSwitchRequest {
        context: context(id),
        scope: Some(v1::KillScope { scope: Some(scope) }),
        position: position.into(),
    }
}

async fn turn(
    house: &House,
    id: &str,
    scope: Scope,
    position: v1::SwitchPosition,
) -> v1::SetKillSwitchResponse {
    let answer = house.operations().await;
    let answer = { answer }.set_kill_switch(set(id, scope, position)).await;
    answer.expect("an answer").into_inner()
}

async fn engaged(house: &House) -> Vec<v1::KillSwitch> {
    let request = v1::ListKillSwitchesRequest::default();
    let listed = house.operations().await.list_kill_switches(request).await;
    listed.expect("a list").into_inner().kill_switches
}

async fn standing(orders: &mut Orders, session: &str) -> v1::SessionStanding {
    let session_id = session.to_owned();
    let found = orders.get_session(v1::GetSessionRequest { session_id });
    found.await.expect("a session").into_inner()
}

/// The reports of account A until one ended for this reason.
async fn until_cause(orders: &mut Orders, cause: v1::Cause) -> Vec<v1::ExecutionReport> {
    let owner = v1::stream_executions_request::Owner::AccountId("A".to_owned());
    let request = v1::StreamExecutionsRequest {
        owner: Some(owner),
        from_sequence: 1,
    };
    let stream = orders.stream_executions(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut all = Vec::new();
    loop {
        let message = stream.message().await.expect("no error").expect("goes on");
        all.extend(message.reports);
        if all.iter().any(|report| report.cause() == cause) {
            return all;
        }
    }
}

/// Account A's live orders.
async fn live(orders: &mut Orders) -> Vec<v1::Order> {
    let request = v1::ListOrdersRequest {
        account_id: "A".to_owned(),
        live_only: true,
        page_size: 1_000,
        ..v1::ListOrdersRequest::default()
    };
    let listed = orders.list_orders(request).await;
    listed.expect("a list").into_inner().orders
}

/// Opens a session that says what its disconnect does.
async fn open(channel: Channel, name: &str, cancels: bool) -> Session {
    let (send, requests) = mpsc::unbounded_channel();
    let mut first = open_request(name, 0);
    if let Some(v1::session_request::Request::Open(open)) = &mut first.request {
        open.cancel_on_disconnect = Some(cancels);
    }
    send.send(first).expect("a channel");
    let answers = OrderEntryClient::new(channel)
        .session(UnboundedReceiverStream::new(requests))
        .await
        .expect("a stream")
        .into_inner();
    let mut session = Session { send, answers };
    assert!(matches!(session.next().await, Answer::Opened(_)));
    session
}

fn buy(id: &str) -> v1::SubmitOrderRequest {
    limit(id, "A", v1::Side::Buy, "40.00", "100")
}

#[tokio::test]
async fn a_switch_at_each_scope_stops_orders_and_says_so_in_a_dry_run() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    for (round, scope) in [
        Scope::AccountId("A".to_owned()),
        Scope::ParticipantId("P".to_owned()),
        Scope::VenueId("V".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let id = |text: &str| format!("{text}-{round}");
        orders.submit_order(buy(&id("rest"))).await.expect("taken");
        let on = v1::SwitchPosition::Engaged;
        let answer = turn(&house, &id("on"), scope.clone(), on).await;
        let report = answer.report.expect("a report");
        assert!(report.accepted && report.demonstration, "{report:?}");
        let switch = answer.kill_switch.expect("a switch");
        assert_eq!((switch.canceled_count, switch.kept_count), (1, 0));
        assert_eq!(switch.position(), on);
        assert!(!switch.sweep_pending && switch.engage_time.is_some());
        assert_eq!(engaged(&house).await, std::slice::from_ref(&switch));
        assert_eq!(live(&mut orders).await, []);
        let dry = orders.validate_order(buy(&id("dry"))).await;
        let dry = dry.expect("an answer").into_inner();
        let refused = orders.submit_order(buy(&id("in"))).await;
        let refused = refused.expect("a report").into_inner();
        assert_eq!(refused.exec_type(), v1::ExecType::Rejected);
        let words = (dry.reject_reason.as_str(), dry.text.as_str());
        assert_eq!(
            words,
            (refused.reject_reason.as_str(), refused.text.as_str())
        );
        assert_eq!(refused.reject_reason, "KILL_SWITCH");
        // A retry says so, and how the switch stands.
        let again = turn(&house, &id("on"), scope.clone(), on).await;
        assert!(again.report.expect("a report").poss_dup);
        assert_eq!(again.kill_switch, Some(switch));
        let off = v1::SwitchPosition::Released;
        let answer = turn(&house, &id("off"), scope, off).await;
        assert_eq!(answer.kill_switch.expect("a switch").position(), off);
        assert_eq!(engaged(&house).await, []);
        let taken = orders.submit_order(buy(&id("again"))).await;
        assert_eq!(
            taken.expect("taken").into_inner().exec_type(),
            v1::ExecType::New
        );
        let cancel = v1::MassCancelRequest {
            client_order_id: id("mass"),
            account_id: "A".to_owned(),
            ..v1::MassCancelRequest::default()
        };
        orders.mass_cancel(cancel).await.expect("cancelled");
    }
    let reports = until_cause(&mut orders, v1::Cause::KillSwitch).await;
    let swept = |report: &&v1::ExecutionReport| report.cause() == v1::Cause::KillSwitch;
    for report in reports.iter().filter(swept) {
        assert_eq!(report.exec_type(), v1::ExecType::Canceled);
        assert!(report.client_order_id.starts_with("rest"), "{report:?}");
    }
}

#[tokio::test]
async fn a_switch_of_a_session_stops_the_session_alone_and_outlives_a_restart() {
    let mut house = House::open().await;
    let mut orders = house.with_market().await;
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    session.orders(1..=3);
    session.reports_to(3).await;
    orders.submit_order(buy("plain")).await.expect("taken");
    let scope = Scope::SessionId("S".to_owned());
    let answer = turn(&house, "on", scope.clone(), v1::SwitchPosition::Engaged).await;
    assert_eq!(answer.kill_switch.expect("a switch").canceled_count, 3);
    session.orders(4..=4);
    let refused = session.reports_to(4).await;
    assert_eq!(refused[0].exec_type(), v1::ExecType::Rejected);
    assert_eq!(refused[0].reject_code, 17);
    assert_eq!(live(&mut orders).await.len(), 1, "the other stays");
    assert!(standing(&mut orders, "S").await.kill_switch);
    house.restart().await;
    let mut orders = house.orders().await;
    assert_eq!(engaged(&house).await.len(), 1, "it stays engaged");
    let (mut session, _) = Session::opened(&house, "S", 4).await;
    session.orders(5..=5);
    assert_eq!(session.reports_to(5).await[0].reject_code, 17);
    turn(&house, "off", scope, v1::SwitchPosition::Released).await;
    session.orders(6..=6);
    assert_eq!(
        session.reports_to(6).await[0].exec_type(),
        v1::ExecType::New
    );
    assert_eq!(live(&mut orders).await.len(), 2);
}

#[tokio::test]
async fn a_switch_that_names_nothing_is_refused_with_its_field() {
    let house = House::open().await;
    house.with_market().await;
    let mut operations = house.operations().await;
    let engaged = v1::SwitchPosition::Engaged;
    let account = |name: &str| Scope::AccountId(name.to_owned());
    let mut nothing = set("a", account("A"), engaged);
    nothing.scope = None;
    let aimless = set("b", account("A"), v1::SwitchPosition::Unspecified);
    for (request, field) in [
        (nothing, "scope"),
        (aimless, "position"),
        (set("c", account(""), engaged), "scope.account_id"),
        (
            set("d", Scope::SessionId(String::new()), engaged),
            "scope.session_id",
        ),
        (set("", account("A"), engaged), "context.request_id"),
    ] {
        let status = operations.set_kill_switch(request).await;
        let status = status.expect_err("malformed");
        assert_eq!(status.code(), Code::InvalidArgument, "{field}");
        let details = status.get_details_bad_request().expect("details");
        assert_eq!(details.field_violations[0].field, field);
    }
    for scope in [
        account("X"),
        Scope::SessionId("X".to_owned()),
        Scope::ParticipantId("X".to_owned()),
        Scope::VenueId("X".to_owned()),
    ] {
        let status = operations.set_kill_switch(set("e", scope, engaged)).await;
        assert_eq!(status.expect_err("unknown").code(), Code::NotFound);
    }
    let mut orders = house.orders().await;
    let request = v1::GetSessionRequest {
        session_id: "X".to_owned(),
    };
    let status = orders.get_session(request).await.expect_err("unknown");
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(
        status.get_details_error_info().expect("info").reason,
        "UNKNOWN_SESSION"
    );
}

#[tokio::test]
async fn the_end_of_the_newest_connection_cancels_and_that_of_an_older_one_does_not() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let mut older = open(house.channel().await, "S", true).await;
    assert!(standing(&mut orders, "S").await.connected);
    older.orders(1..=5);
    older.reports_to(5).await;
    // A newer connection takes its place: the orders stay.
    let (mut newer, opened) = Session::opened(&house, "S", 5).await;
    assert_eq!(opened.watermark, 5);
    assert_eq!(older.closed().await, "NEWER_CONNECTION");
    drop(older);
    newer.orders(6..=6);
    newer.reports_to(6).await;
    assert_eq!(live(&mut orders).await.len(), 6);
    assert!(
        standing(&mut orders, "S").await.cancel_on_disconnect,
        "kept"
    );
    orders.submit_order(buy("plain")).await.expect("taken");
    drop(newer);
    let reports = until_cause(&mut orders, v1::Cause::Disconnected).await;
    let ended = reports
        .iter()
        .filter(|one| one.exec_type() == v1::ExecType::Canceled);
    assert_eq!(ended.count(), 6);
    let left = live(&mut orders).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].client_order_id, "plain");
    assert!(!standing(&mut orders, "S").await.connected);
}

#[tokio::test]
async fn a_session_without_the_policy_keeps_its_orders() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let mut session = open(house.channel().await, "S", true).await;
    session.orders(1..=2);
    session.reports_to(2).await;
    let policy = v1::SetDisconnectPolicyRequest {
        session_id: "S".to_owned(),
        cancel_on_disconnect: false,
    };
    let set = orders.set_disconnect_policy(policy).await;
    assert!(!set.expect("set").into_inner().cancel_on_disconnect);
    drop(session);
    while standing(&mut orders, "S").await.connected {
        tokio::task::yield_now().await;
    }
    assert_eq!(live(&mut orders).await.len(), 2);
}

#[tokio::test]
async fn a_killed_exchange_cancels_at_its_start_for_those_who_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut program = Program::start_on(&data, &[]).expect("it starts");
    make_market(program.channel().await).await;
    let mut asks = open(program.channel().await, "ASKS", true).await;
    let mut does_not = open(program.channel().await, "DOES-NOT", false).await;
    for session in [&mut asks, &mut does_not] {
        session.orders(1..=3);
        session.reports_to(3).await;
    }
    program.kill();
    let program = Program::start_on(&data, &[]).expect("it starts again");
    let mut orders = OrderEntryClient::new(program.channel().await);
    let reports = until_cause(&mut orders, v1::Cause::Disconnected).await;
    let ended = reports
        .iter()
        .filter(|one| one.cause() == v1::Cause::Disconnected);
    for report in ended {
        assert_eq!(report.session_id, "ASKS");
    }
    let left = live(&mut orders).await;
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|order| order.session_id == "DOES-NOT"));
    assert!(standing(&mut orders, "ASKS").await.cancel_on_disconnect);
}

fn arm(session: &str, timeout_ms: u32) -> v1::ArmDeadManSwitchRequest {
    v1::ArmDeadManSwitchRequest {
        session_id: session.to_owned(),
        timeout_ms,
    }
}

/// The session's command `number` arms its timer.
fn arm_dead_man(number: u64, timeout_ms: u32) -> v1::SessionCommand {
    let arm = v1::SessionArmDeadMan { timeout_ms };
    v1::SessionCommand {
        client_sequence: number,
        command: Some(v1::session_command::Command::ArmDeadMan(arm)),
        valid_until_ns: 0,
    }
}

/// What comes next about the session's timer.
async fn dead_man(session: &mut Session) -> v1::SessionDeadMan {
    loop {
        if let Answer::Reports(reports) = session.next().await
            && let Some(told) = reports.dead_man.first()
        {
            assert!(reports.watermark > 0, "{reports:?}");
            assert_eq!(told.reject_code == 0, told.reject_reason.is_empty());
            return told.clone();
        }
    }
}

#[tokio::test]
async fn a_dead_man_timer_fires_and_the_session_hears_of_it() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    session.batch(vec![session_order(1, 900), arm_dead_man(2, 60_000)]);
    let armed = dead_man(&mut session).await;
    assert_eq!((armed.client_sequence, armed.fired), (2, false));
    let long = standing(&mut orders, "S")
        .await
        .dead_man_time
        .expect("armed");
    session.batch(vec![arm_dead_man(3, 999), arm_dead_man(4, 1_000)]);
    let refused = dead_man(&mut session).await;
    assert_eq!(refused.reject_reason, "INVALID_FIELD");
    orders.submit_order(buy("plain")).await.expect("taken");
    let reports = until_cause(&mut orders, v1::Cause::DeadMan).await;
    let ended = reports
        .iter()
        .filter(|one| one.cause() == v1::Cause::DeadMan);
    assert_eq!(ended.count(), 1);
    loop {
        let told = dead_man(&mut session).await;
        if told.fired {
            assert_eq!((told.client_sequence, told.deadline_ns), (0, 0));
            break;
        }
    }
    let after = standing(&mut orders, "S").await;
    assert_eq!(after.dead_man_time, None);
    assert!(after.dead_man_fired_time.expect("it fired").seconds < long.seconds);
    assert_eq!(live(&mut orders).await.len(), 1, "the other stays");
    session.orders(5..=5);
    assert_eq!(
        session.reports_to(5).await[0].exec_type(),
        v1::ExecType::New
    );
}

#[tokio::test]
async fn a_dead_man_timer_outlives_its_connection_and_a_restart() {
    let mut house = House::open().await;
    let mut orders = house.with_market().await;
    let (mut session, _) = Session::opened(&house, "S", 0).await;
    session.orders(1..=2);
    session.reports_to(2).await;
    for (timeout, code) in [
        (1, Code::InvalidArgument),
        (86_400_001, Code::InvalidArgument),
    ] {
        let refused = orders.arm_dead_man_switch(arm("S", timeout)).await;
        assert_eq!(refused.expect_err("out of bounds").code(), code);
    }
    let refused = orders.arm_dead_man_switch(arm("X", 1_000)).await;
    assert_eq!(refused.expect_err("unknown").code(), Code::NotFound);
    let armed = orders.arm_dead_man_switch(arm("S", 2_000)).await;
    let armed = armed.expect("armed").into_inner();
    let off = orders.arm_dead_man_switch(arm("S", 0)).await;
    assert_eq!(off.expect("disarmed").into_inner().dead_man_time, None);
    let again = orders.arm_dead_man_switch(arm("S", 2_000)).await;
    let again = again.expect("armed").into_inner();
    assert!(
        again.dead_man_time.expect("armed").seconds >= armed.dead_man_time.expect("armed").seconds
    );
    drop(session);
    house.restart().await;
    let mut orders = house.orders().await;
    until_cause(&mut orders, v1::Cause::DeadMan).await;
    assert_eq!(live(&mut orders).await, []);
    let fired = standing(&mut orders, "S").await;
    assert!(fired.dead_man_fired_time.is_some() && fired.dead_man_time.is_none());
}

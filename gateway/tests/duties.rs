//! What parties may do and limits of risk through the public API: set, felt by orders, read back,
//! kept over a restart.

use crate::support::clearing::{deposit, make_clearing, withdrawal};
use crate::support::{House, context, limit, venue};
use proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

fn id(text: &str) -> String {
    text.to_owned()
}

fn account_standing(
    request: &str,
    account: &str,
    standing: v1::Standing,
) -> v1::SetStandingRequest {
    v1::SetStandingRequest {
        context: context(request),
        party: Some(v1::set_standing_request::Party::AccountId(id(account))),
        standing: standing.into(),
    }
}

fn firm_standing(request: &str, standing: v1::Standing) -> v1::SetStandingRequest {
    v1::SetStandingRequest {
        context: context(request),
        party: Some(v1::set_standing_request::Party::ParticipantId(id("P"))),
        standing: standing.into(),
    }
}

async fn stand(house: &House, request: v1::SetStandingRequest) -> v1::OperationReport {
    let report = house.operations().await.set_standing(request).await;
    report.expect("a report").into_inner()
}

async fn roles(
    house: &House,
    request: &str,
    venue: &str,
    roles: &[v1::Role],
) -> v1::OperationReport {
    let request = v1::SetRolesRequest {
        context: context(request),
        venue_id: id(venue),
        participant_id: id("P"),
        roles: roles.iter().map(|role| (*role).into()).collect(),
    };
    let report = house.operations().await.set_roles(request).await;
    report.expect("a report").into_inner()
}

/// Venue V admits qualified members only.
async fn admit(house: &House) {
    let access = v1::SetAccessRequest {
        context: context("access"),
        venue_id: id("V"),
        members_only: true,
        qualified_only: true,
    };
    let report = house.operations().await.set_access(access).await;
    assert!(report.expect("a report").into_inner().accepted);
}

async fn submit(house: &House, order: v1::SubmitOrderRequest) -> v1::ExecutionReport {
    let report = house.orders().await.submit_order(order).await;
    report.expect("a report").into_inner()
}

fn buy(order: &str, account: &str) -> v1::SubmitOrderRequest {
    limit(order, account, v1::Side::Buy, "50.00", "100")
}

async fn dry(house: &House, order: v1::SubmitOrderRequest) -> String {
    let answer = house.orders().await.validate_order(order).await;
    answer.expect("an answer").into_inner().reject_reason
}

async fn standing_of(house: &House, account: &str) -> v1::GetStandingResponse {
    let request = v1::GetStandingRequest {
        party: Some(v1::get_standing_request::Party::AccountId(id(account))),
    };
    let answer = house.accounts().await.get_standing(request).await;
    answer.expect("a standing").into_inner()
}

async fn firm(house: &House) -> v1::Participant {
    let request = v1::GetParticipantRequest {
        participant_id: id("P"),
    };
    let answer = house.accounts().await.get_participant(request).await;
    answer.expect("a participant").into_inner()
}

#[tokio::test]
async fn an_account_is_suspended_reopened_emptied_and_closed_for_ever() {
    let mut house = House::open().await;
    house.with_market().await;
    make_clearing(house.channel().await).await;
    let paid = deposit("in", "A", "CNY", "20000.00");
    let report = house.accounts().await.instruct(paid).await;
    assert!(report.expect("a report").into_inner().accepted);
    let resting = submit(&house, buy("resting", "A")).await;
    assert_eq!(resting.exec_type(), v1::ExecType::New, "{resting:?}");

    let suspended = account_standing("suspend", "A", v1::Standing::Suspended);
    let report = stand(&house, suspended.clone()).await;
    assert!(report.accepted && report.demonstration, "{report:?}");
    let again = stand(&house, suspended).await;
    assert!(again.poss_dup && again.engine_sequence == report.engine_sequence);
    let seen = standing_of(&house, "A").await;
    assert_eq!(seen.standing(), v1::Standing::Suspended);
    assert_eq!(seen.participant_standing(), v1::Standing::Open);
    assert_eq!(seen.participant_id, "P");
    assert!(seen.engine_sequence >= report.engine_sequence);

    assert_eq!(dry(&house, buy("more", "A")).await, "ACCOUNT_SUSPENDED");
    let refused = submit(&house, buy("more", "A")).await;
    assert_eq!(refused.exec_type(), v1::ExecType::Rejected);
    assert_eq!(refused.reject_reason, "ACCOUNT_SUSPENDED");
    assert!(refused.text.contains("cancels"), "{}", refused.text);
    let out = withdrawal("out", "A", "CNY", "1.00");
    let report = house.accounts().await.instruct(out).await;
    let report = report.expect("a report").into_inner();
    assert_eq!(report.reject_reason, "ACCOUNT_SUSPENDED");
    let close = stand(&house, account_standing("early", "A", v1::Standing::Closed)).await;
    assert_eq!(close.reject_reason, "NOT_EMPTY");
    let cancel = v1::CancelOrderRequest {
        client_order_id: id("cancel"),
        account_id: id("A"),
        order: Some(v1::cancel_order_request::Order::OrigClientOrderId(id(
            "resting",
        ))),
        ..v1::CancelOrderRequest::default()
    };
    let canceled = house.orders().await.cancel_order(cancel).await;
    let canceled = canceled.expect("a report").into_inner();
    assert_eq!(canceled.exec_type(), v1::ExecType::Canceled, "{canceled:?}");

    let open = stand(&house, account_standing("open", "A", v1::Standing::Open)).await;
    assert!(open.accepted, "{open:?}");
    let out = withdrawal("all", "A", "CNY", "20000.00");
    let report = house.accounts().await.instruct(out).await;
    assert!(report.expect("a report").into_inner().accepted);
    let close = stand(&house, account_standing("close", "A", v1::Standing::Closed)).await;
    assert!(close.accepted, "{close:?}");
    house.restart().await;
    assert_eq!(
        standing_of(&house, "A").await.standing(),
        v1::Standing::Closed
    );
    let refused = submit(&house, buy("late", "A")).await;
    assert_eq!(refused.reject_reason, "ACCOUNT_CLOSED");
    let open = stand(&house, account_standing("again", "A", v1::Standing::Open)).await;
    assert_eq!(open.reject_reason, "ACCOUNT_CLOSED");
    let firm = stand(&house, firm_standing("firm", v1::Standing::Closed)).await;
    assert_eq!(firm.reject_reason, "NOT_EMPTY", "B is open");
}

#[tokio::test]
async fn a_venue_admits_its_members() {
    let house = House::open().await;
    house.with_market().await;
    let fresh = firm(&house).await;
    assert_eq!((fresh.tier, fresh.standing()), (0, v1::Standing::Open));
    assert!(fresh.venue_roles.is_empty() && fresh.registration_code.is_empty());

    admit(&house).await;
    let refused = submit(&house, buy("1", "A")).await;
    assert_eq!(refused.reject_reason, "NOT_PERMITTED");
    let report = roles(
        &house,
        "buyer",
        "V",
        &[v1::Role::Buyer, v1::Role::MarketMaker],
    )
    .await;
    assert!(report.accepted && report.demonstration, "{report:?}");
    let refused = submit(&house, buy("2", "A")).await;
    assert_eq!(refused.reject_reason, "NOT_QUALIFIED");
    let all = [v1::Role::Buyer, v1::Role::QualifiedInvestor];
    assert!(roles(&house, "both", "V", &all).await.accepted);
    let taken = submit(&house, buy("3", "A")).await;
    assert_eq!(taken.exec_type(), v1::ExecType::New, "{taken:?}");
    let sell = limit("4", "A", v1::Side::Sell, "60.00", "100");
    assert_eq!(dry(&house, sell.clone()).await, "NOT_PERMITTED");
    assert_eq!(submit(&house, sell).await.reject_reason, "NOT_PERMITTED");

    let shop = v1::CreateVenueRequest {
        models: vec![id("FIXED_PRICE")],
        ..venue("S", "ECOM_B2B")
    };
    let report = house.operations().await.create_venue(shop).await;
    assert!(report.expect("a report").into_inner().accepted);
    let refused = roles(&house, "maker", "S", &[v1::Role::MarketMaker]).await;
    assert_eq!(refused.reject_reason, "MODEL_NOT_ALLOWED");
    assert_eq!(refused.legal_basis, "电子商务法(2018) 46");
}

#[tokio::test]
async fn a_participant_tells_its_tier_standing_roles_and_code() {
    let house = House::open().await;
    house.with_market().await;
    let mut operations = house.operations().await;
    admit(&house).await;
    let all = [v1::Role::Buyer, v1::Role::QualifiedInvestor];
    assert!(roles(&house, "both", "V", &all).await.accepted);
    let register = |request: &str, code: &str| v1::SetRegistrationRequest {
        context: context(request),
        participant_id: id("P"),
        code: id(code),
    };
    let report = operations
        .set_registration(register("wrong", "91350100M000100Y44"))
        .await;
    assert_eq!(
        report.expect("a report").into_inner().reject_reason,
        "INVALID_FIELD"
    );
    let report = operations
        .set_registration(register("right", "91350100M000100Y43"))
        .await;
    assert!(report.expect("a report").into_inner().accepted);
    let tier = v1::SetTierRequest {
        context: context("tier"),
        participant_id: id("P"),
        tier: 3,
    };
    let report = operations.set_tier(tier).await;
    assert!(report.expect("a report").into_inner().accepted);
    let report = stand(&house, firm_standing("suspend", v1::Standing::Suspended)).await;
    assert!(report.accepted, "{report:?}");
    let told = firm(&house).await;
    assert_eq!((told.tier, told.standing()), (3, v1::Standing::Suspended));
    assert_eq!(told.registration_code, "91350100M000100Y43");
    assert!(told.engine_sequence >= report.engine_sequence);
    let at: Vec<_> = told.venue_roles.iter().collect();
    assert_eq!(at.len(), 1, "{at:?}");
    assert_eq!(at[0].roles().collect::<Vec<_>>(), all);
    assert!(at[0].venue_id == "V" && at[0].members_only && at[0].qualified_only);
    let refused = submit(&house, buy("5", "B")).await;
    assert_eq!(refused.reject_reason, "PARTICIPANT_SUSPENDED");
}

use v1::get_risk_limits_request::Scope as Asked;
use v1::set_risk_limits_request::Scope;

fn set_limits(request: &str, scope: Scope, limits: v1::RiskLimits) -> v1::SetRiskLimitsRequest {
    v1::SetRiskLimitsRequest {
        context: context(request),
        scope: Some(scope),
        limits: Some(limits),
    }
}

async fn limited(house: &House, request: v1::SetRiskLimitsRequest) -> v1::OperationReport {
    let report = house.operations().await.set_risk_limits(request).await;
    report.expect("a report").into_inner()
}

async fn limits_of(house: &House, scope: Asked, at: &str) -> v1::GetRiskLimitsResponse {
    let request = v1::GetRiskLimitsRequest {
        scope: Some(scope),
        at_venue_id: id(at),
    };
    let answer = house.accounts().await.get_risk_limits(request).await;
    answer.expect("limits").into_inner()
}

/// Two messages without a trade; the bucket is so large that it is only seen, never empty.
fn two_messages() -> v1::RiskLimits {
    v1::RiskLimits {
        throttle: Some(v1::RiskThrottle {
            rate_per_second: 1,
            burst: 1_000_000,
        }),
        order_to_trade: Some(v1::OrderToTradeRatio {
            ratio: 10,
            allowance: 2,
        }),
        open_orders: None,
        position_lots: Some(9),
    }
}

/// What was used so far, with these limits at the venue.
async fn check_used(house: &House, default: v1::RiskLimits) {
    let told = limits_of(house, Asked::AccountId(id("A")), "V").await;
    assert_eq!(told.limits, Some(two_messages()));
    let in_force = told.in_force.expect("limits");
    assert_eq!(in_force.open_orders, Some(7));
    assert_eq!(in_force.throttle, two_messages().throttle);
    let usage = told.usage.expect("usage");
    assert_eq!((usage.open_orders, usage.messages, usage.trades), (2, 2, 0));
    let tokens = usage.tokens.expect("a throttle");
    assert!((999_998..=1_000_000).contains(&tokens), "{tokens}");
    let told = limits_of(house, Asked::ParticipantId(id("P")), "").await;
    let usage = told.usage.expect("usage");
    assert_eq!((usage.open_orders, usage.tokens), (3, None));
    let told = limits_of(house, Asked::VenueId(id("V")), "").await;
    assert_eq!((told.limits, told.usage), (Some(default), None));
}

/// So many sets of limits are used, and of what clearing uses nothing.
async fn check_sets(house: &House, sets: u64) {
    let limits = house
        .operations()
        .await
        .get_limits(v1::GetLimitsRequest {})
        .await;
    let limits = limits.expect("limits").into_inner().limits;
    let used = |name: &str| {
        let found = limits.iter().find(|limit| limit.name == name);
        let found = found.unwrap_or_else(|| panic!("{name} is missing"));
        assert!(found.value > found.used && !found.adjustable, "{found:?}");
        found.used
    };
    assert_eq!(used("risk_limit_sets"), sets);
    for name in [
        "assets",
        "custodians",
        "custody_references",
        "fee_rates",
        "pending_instructions",
        "positions",
    ] {
        assert_eq!(used(name), 0, "{name}");
    }
}

#[tokio::test]
async fn limits_are_set_felt_counted_and_kept() {
    let mut house = House::open().await;
    house.with_market().await;
    let account = Scope::AccountId(id("A"));
    let report = limited(&house, set_limits("A", account.clone(), two_messages())).await;
    assert!(report.accepted && report.demonstration, "{report:?}");
    for order in ["1", "2"] {
        // A dry run takes nothing.
        assert_eq!(dry(&house, buy(order, "A")).await, "");
        assert_eq!(dry(&house, buy(order, "A")).await, "");
        let taken = submit(&house, buy(order, "A")).await;
        assert_eq!(taken.exec_type(), v1::ExecType::New, "{taken:?}");
    }
    assert_eq!(dry(&house, buy("3", "A")).await, "ORDER_TO_TRADE");
    let refused = submit(&house, buy("3", "A")).await;
    assert_eq!(refused.reject_reason, "ORDER_TO_TRADE");
    assert!(refused.text.contains("GetRiskLimits"), "{}", refused.text);
    assert_eq!(submit(&house, buy("free", "B")).await.reject_reason, "");

    let joint = v1::RiskLimits {
        open_orders: Some(3),
        ..v1::RiskLimits::default()
    };
    let report = limited(
        &house,
        set_limits("P", Scope::ParticipantId(id("P")), joint),
    )
    .await;
    assert!(report.accepted, "{report:?}");
    let refused = submit(&house, buy("4", "B")).await;
    assert_eq!(refused.reject_reason, "ACCOUNT_OPEN_ORDERS");
    let default = v1::RiskLimits {
        open_orders: Some(7),
        ..v1::RiskLimits::default()
    };
    let report = limited(&house, set_limits("V", Scope::VenueId(id("V")), default)).await;
    assert!(report.accepted, "{report:?}");

    for _ in 0..2 {
        check_used(&house, default).await;
        house.restart().await;
    }
    let report = limited(
        &house,
        set_limits("none", account, v1::RiskLimits::default()),
    )
    .await;
    assert!(report.accepted, "{report:?}");
    let told = limits_of(&house, Asked::AccountId(id("A")), "").await;
    assert_eq!(told.limits, Some(v1::RiskLimits::default()));
    check_sets(&house, 3).await;
}

#[tokio::test]
async fn what_clearing_uses_is_among_the_limits() {
    let house = House::open().await;
    house.with_market().await;
    make_clearing(house.channel().await).await;
    let paid = deposit("in", "A", "CNY", "20000.00");
    let report = house.accounts().await.instruct(paid).await;
    assert!(report.expect("a report").into_inner().accepted);
    let limits = house
        .operations()
        .await
        .get_limits(v1::GetLimitsRequest {})
        .await;
    let limits = limits.expect("limits").into_inner().limits;
    for (name, used) in [
        ("assets", 2),
        ("custodians", 2),
        ("fee_rates", 1),
        ("positions", 3),
    ] {
        let found = limits.iter().find(|limit| limit.name == name);
        assert_eq!(found.map(|limit| limit.used), Some(used), "{name}");
    }
}

/// The call was refused for these fields.
fn wrong(failed: &tonic::Status, fields: &[&str]) {
    assert_eq!(failed.code(), Code::InvalidArgument, "{failed:?}");
    let details = failed.get_error_details();
    let violations = details.bad_request().expect("violations");
    let named = violations.field_violations.iter();
    let named: Vec<_> = named.map(|violation| violation.field.as_str()).collect();
    assert_eq!(named, fields);
}

#[tokio::test]
async fn a_faulty_change_names_its_fields_and_a_missing_party_is_not_found() {
    let house = House::open().await;
    house.with_market().await;
    let mut operations = house.operations().await;
    let request = v1::SetStandingRequest {
        context: context("1"),
        party: None,
        standing: 9,
    };
    let failed = operations.set_standing(request).await.expect_err("faults");
    wrong(&failed, &["party", "standing"]);
    for roles in [vec![1, 1], vec![5], vec![0]] {
        let request = v1::SetRolesRequest {
            context: context("2"),
            venue_id: id("V"),
            participant_id: id("P"),
            roles,
        };
        let failed = operations.set_roles(request).await.expect_err("a fault");
        wrong(&failed, &["roles"]);
    }
    let request = v1::SetRegistrationRequest {
        context: context("3"),
        participant_id: id("P"),
        code: "x".repeat(41),
    };
    let failed = operations.set_registration(request).await;
    wrong(&failed.expect_err("a fault"), &["code"]);
    let mut accounts = house.accounts().await;
    let failed = accounts
        .get_standing(v1::GetStandingRequest { party: None })
        .await;
    wrong(&failed.expect_err("a fault"), &["party"]);
    let request = account_standing("6", "nobody", v1::Standing::Open);
    let failed = operations
        .set_standing(request)
        .await
        .expect_err("not there");
    assert_eq!(failed.code(), Code::NotFound);
}

#[tokio::test]
async fn faulty_limits_name_their_fields() {
    let house = House::open().await;
    house.with_market().await;
    let mut operations = house.operations().await;
    let limits = v1::RiskLimits {
        throttle: Some(v1::RiskThrottle {
            rate_per_second: 0,
            burst: 1_000_001,
        }),
        order_to_trade: Some(v1::OrderToTradeRatio {
            ratio: 1_000_001,
            allowance: 1_000_000_001,
        }),
        open_orders: Some(0),
        position_lots: Some(u64::MAX),
    };
    let request = set_limits("4", Scope::ParticipantId(id("P")), limits);
    let failed = operations.set_risk_limits(request).await;
    let fields = [
        "limits.throttle.rate_per_second",
        "limits.throttle.burst",
        "limits.order_to_trade.ratio",
        "limits.order_to_trade.allowance",
        "limits.position_lots",
        "limits.order_to_trade",
    ];
    wrong(&failed.expect_err("faults"), &fields);
    let request = v1::SetRiskLimitsRequest {
        context: context("5"),
        scope: None,
        limits: None,
    };
    let failed = operations.set_risk_limits(request).await;
    wrong(&failed.expect_err("a fault"), &["scope"]);
    let mut accounts = house.accounts().await;
    let request = v1::GetRiskLimitsRequest {
        scope: Some(Asked::ParticipantId(id("P"))),
        at_venue_id: id("V"),
    };
    let failed = accounts.get_risk_limits(request).await;
    wrong(&failed.expect_err("a fault"), &["at_venue_id"]);

    let request = v1::GetRiskLimitsRequest {
        scope: Some(Asked::AccountId(id("nobody"))),
        at_venue_id: String::new(),
    };
    let failed = accounts
        .get_risk_limits(request)
        .await
        .expect_err("not there");
    assert_eq!(failed.code(), Code::NotFound);
}

//! Operators' work, and the exchange as a process: law, folders, addresses, health.

use crate::support;
use crate::support::{House, context, venue};
use proto::v1;
use sanjiang_gateway::config::Serve;
use sanjiang_gateway::server::{Running, ServeError};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_reflection::pb::v1 as reflection;

#[tokio::test]
async fn an_automatic_book_under_e_commerce_law_is_refused_with_its_article() {
    let house = House::open().await;
    let mut operations = house.operations().await;
    let report = operations.create_venue(venue("MALL", "ECOM_B2B")).await;
    let report = report.expect("a report").into_inner();
    assert!(!report.accepted);
    assert_eq!(report.reject_reason, "MODEL_NOT_ALLOWED");
    assert!(report.legal_basis.contains("2018"), "{report:?}");
    assert!(report.demonstration);
    let unknown = operations.get_venue(v1::GetVenueRequest {
        venue_id: "MALL".to_owned(),
    });
    assert_eq!(
        unknown.await.expect_err("no venue").code(),
        tonic::Code::NotFound
    );
    let lawful = v1::CreateVenueRequest {
        context: context("lawful"),
        models: vec!["LISTING_PICK".to_owned()],
        ..venue("MALL", "ECOM_B2B")
    };
    let report = operations
        .create_venue(lawful)
        .await
        .expect("a report")
        .into_inner();
    assert!(report.accepted, "{report:?}");
}

/// A day until a venue says another; what it said is kept.
#[tokio::test]
async fn a_venue_says_how_much_time_is_left_after_a_gap() {
    let mut house = House::open().await;
    let mut operations = house.operations().await;
    let made = operations.create_venue(venue("V", "SANDBOX")).await;
    assert!(made.expect("a report").into_inner().accepted);
    let set = |id: &str, venue: &str, seconds: i64| v1::SetGraceRequest {
        context: context(id),
        venue_id: venue.to_owned(),
        grace: Some(prost_types::Duration { seconds, nanos: 0 }),
    };
    for (wrong, field, right) in [
        (set("w1", "NONE", 60), "venue", "NONE"),
        (set("w2", "V", 59), "grace", "60 seconds and 31 days"),
        (
            set("w3", "V", 31 * 86_400 + 1),
            "grace",
            "60 seconds and 31 days",
        ),
        (
            v1::SetGraceRequest {
                grace: None,
                ..set("w4", "V", 0)
            },
            "grace",
            "required",
        ),
    ] {
        let refused = operations
            .set_grace(wrong)
            .await
            .expect_err("a wrong field");
        let known = [tonic::Code::InvalidArgument, tonic::Code::NotFound];
        assert!(known.contains(&refused.code()), "{refused:?}");
        let text = refused.message();
        assert!(text.contains(field) && text.contains(right), "{text}");
    }
    let seconds = async |house: &House| {
        let named = v1::GetVenueRequest {
            venue_id: "V".to_owned(),
        };
        let known = house.operations().await.get_venue(named).await;
        let grace = known.expect("a venue").into_inner().grace;
        grace.expect("always given").seconds
    };
    assert_eq!(seconds(&house).await, 86_400);
    let report = operations.set_grace(set("g", "V", 900)).await;
    assert!(report.expect("a report").into_inner().accepted);
    assert_eq!(seconds(&house).await, 900);
    house.restart().await;
    assert_eq!(seconds(&house).await, 900);
}

#[tokio::test]
async fn a_halt_stops_orders_and_a_resume_lets_them_in() {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    let mut operations = house.operations().await;
    let status = |id: &str, status: v1::TradingStatus| v1::SetTradingStatusRequest {
        context: context(id),
        scope: Some(v1::set_trading_status_request::Scope::VenueId(
            "V".to_owned(),
        )),
        trading_status: status.into(),
    };
    let halt = operations.set_trading_status(status("halt", v1::TradingStatus::Halted));
    assert!(halt.await.expect("a report").into_inner().accepted);
    let order = |id| support::limit(id, "A", v1::Side::Buy, "49.00", "100");
    let report = orders
        .submit_order(order("1"))
        .await
        .expect("a report")
        .into_inner();
    assert_eq!(report.reject_reason, "HALTED");
    let resume = operations.set_trading_status(status("resume", v1::TradingStatus::Trading));
    assert!(resume.await.expect("a report").into_inner().accepted);
    let report = orders
        .submit_order(order("2"))
        .await
        .expect("a report")
        .into_inner();
    assert_eq!(report.exec_type(), v1::ExecType::New);
    let venues = operations
        .list_venues(v1::ListVenuesRequest::default())
        .await;
    let venues = venues.expect("venues").into_inner().venues;
    assert_eq!(venues.len(), 1);
    assert_eq!(venues[0].phase(), v1::Phase::Continuous);
    assert_eq!(venues[0].trading_status(), v1::TradingStatus::Trading);
    assert!(venues[0].schedule_overridden);
}

#[tokio::test]
async fn a_timetable_is_read_back_as_it_was_written() {
    let house = House::open().await;
    let mut operations = house.operations().await;
    let calendar = v1::SetCalendarRequest {
        context: context("calendar"),
        calendar_id: "C".to_owned(),
        utc_offset_seconds: 28_800,
        roll_time: "20:30:00".to_owned(),
        trading_days: vec!["2050-01-03".to_owned(), "2050-01-04".to_owned()],
    };
    operations.set_calendar(calendar).await.expect("a calendar");
    let venue = v1::CreateVenueRequest {
        calendar_id: "C".to_owned(),
        ..venue("V", "SANDBOX")
    };
    operations.create_venue(venue).await.expect("a venue");
    let entries: Vec<_> = [
        ("21:00:00", v1::Phase::PreOpen),
        ("21:05:00.5", v1::Phase::Continuous),
        ("09:00:00", v1::Phase::Closed),
    ]
    .map(|(time, phase)| v1::ScheduleEntry {
        time_of_day: time.to_owned(),
        phase: phase.into(),
    })
    .into();
    let request = |id: &str, entries| v1::SetScheduleRequest {
        context: context(id),
        venue_id: "V".to_owned(),
        entries,
    };
    let set = operations
        .set_schedule(request("set", entries.clone()))
        .await;
    let set = set.expect("a report").into_inner();
    assert!(set.accepted, "{set:?}");
    let found = operations.get_venue(v1::GetVenueRequest {
        venue_id: "V".to_owned(),
    });
    let found = found.await.expect("a venue").into_inner();
    let times: Vec<_> = found
        .schedule
        .iter()
        .map(|e| e.time_of_day.as_str())
        .collect();
    assert_eq!(times, ["21:00:00", "21:05:00.500000000", "09:00:00"]);
    // From the roll on, 20:00 comes after 09:00 and not before 21:00.
    let wrong = vec![entries[2].clone(), entries[0].clone()];
    let error = operations.set_schedule(request("wrong", wrong)).await;
    assert_eq!(
        error.expect_err("not rising").code(),
        tonic::Code::InvalidArgument
    );
}

#[tokio::test]
async fn parties_are_found_by_name_and_in_pages() {
    use v1::accounts_client::AccountsClient;
    let house = House::open().await;
    house.with_market().await;
    let mut accounts = AccountsClient::new(house.channel().await);
    let found = accounts.get_account(v1::GetAccountRequest {
        account_id: "B".to_owned(),
    });
    let found = found.await.expect("B").into_inner();
    assert_eq!((found.handle, found.participant_id.as_str()), (1, "P"));
    assert_eq!(found.beneficial_owner_id, "OB");
    let mut token = String::new();
    let mut names = Vec::new();
    loop {
        let page = accounts.list_accounts(v1::ListAccountsRequest {
            participant_id: "P".to_owned(),
            page_size: 1,
            page_token: token,
        });
        let page = page.await.expect("a page").into_inner();
        names.extend(page.accounts.into_iter().map(|account| account.account_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["A", "B"]);
    let nobody = accounts.get_participant(v1::GetParticipantRequest {
        participant_id: "Q".to_owned(),
    });
    assert_eq!(
        nobody.await.expect_err("no Q").code(),
        tonic::Code::NotFound
    );
}

#[tokio::test]
async fn the_engine_says_how_it_is_and_what_its_bounds_are() {
    let mut house = House::open().await;
    let mut orders = house.with_market().await;
    let order = support::limit("1", "A", v1::Side::Buy, "49.00", "100");
    let report = orders.submit_order(order).await.expect("NEW").into_inner();
    let mut operations = house.operations().await;
    let status = operations
        .get_engine_status(v1::GetEngineStatusRequest {})
        .await;
    let status = status.expect("a status").into_inner();
    assert!(
        status.durable_sequence >= report.engine_sequence,
        "{status:?}"
    );
    assert!(
        status.epoch >= 1 && status.demonstration && !status.clock_alarm,
        "{status:?}"
    );
    let limits = operations.get_limits(v1::GetLimitsRequest {}).await;
    let limits = limits.expect("limits").into_inner().limits;
    let names: Vec<_> = limits.iter().map(|limit| limit.name.as_str()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted);
    assert!(names.contains(&"queue_commands"));
    house.restart().await;
    let mut operations = house.operations().await;
    let after = operations
        .get_engine_status(v1::GetEngineStatusRequest {})
        .await;
    let after = after.expect("a status").into_inner();
    assert!(
        after.recovered_sequence >= report.engine_sequence,
        "{after:?}"
    );
    assert_eq!(after.epoch, status.epoch);
}

#[tokio::test]
async fn a_second_exchange_on_the_folder_is_refused() {
    let house = House::open().await;
    let error = house.second().await.err().expect("the folder is in use");
    assert!(
        error.to_string().contains("in use by another process"),
        "{error}"
    );
}

#[tokio::test]
async fn an_address_beyond_loopback_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let settings = Serve::new(
            address.parse().expect("an address"),
            folder.path().join("data"),
        );
        let error = Running::start(&settings).await.err().expect("not loopback");
        assert!(matches!(error, ServeError::NotLoopback(_)), "{error}");
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was touched");
}

#[tokio::test]
async fn health_and_reflection_answer() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    for service in ["OrderEntry", "MarketData", "Operations", "Accounts"] {
        let request = tonic_health::pb::HealthCheckRequest {
            service: format!("sanjiang.v1.{service}"),
        };
        let said = health.check(request).await.expect("health").into_inner();
        assert_eq!(said.status(), ServingStatus::Serving, "{service}");
    }
    let mut client = reflection::server_reflection_client::ServerReflectionClient::new(channel);
    let request = reflection::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            reflection::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let stream = client
        .server_reflection_info(tokio_stream::once(request))
        .await;
    let answer = stream.expect("a stream").into_inner().message().await;
    let answer = answer.expect("no error").expect("an answer");
    let Some(reflection::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.message_response
    else {
        panic!("no list: {answer:?}");
    };
    let names: Vec<_> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert!(names.contains(&"sanjiang.v1.OrderEntry"), "{names:?}");
}

#[tokio::test]
async fn a_demonstration_is_created_once() {
    let mut house = House::open_with(|settings| settings.demo = true).await;
    let tables = |house: &House| {
        let exchange = house.running().exchange();
        let tables = exchange.directory.read();
        let list = tables.instruments.iter();
        let priced = list.filter(|(_, entry)| entry.reference.is_some()).count();
        (
            tables.accounts.len(),
            tables.instruments.len(),
            priced,
            tables.venues.len(),
        )
    };
    let before = tables(&house);
    // The books, a wholesale and a retail market.
    assert_eq!(before, (40, 15, 15, 3));
    house.restart().await;
    assert_eq!(tables(&house), before);
}

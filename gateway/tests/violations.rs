//! Each malformed field is named, with what was wrong and what would be right; and no message
//! whatever makes the decoder panic.
#![allow(clippy::assigning_clones, reason = "a table of one-line changes")]

use crate::support;
use crate::support::fields::{Case, check, tables};
use crate::support::limit;
use engine::types::{AccountId, InstrumentId, OrderId, PrincipalId, SessionId};
use proptest::prelude::*;
use prost::Message as _;
use proto::v1;
use sanjiang_gateway::errors::Failure;
use sanjiang_gateway::from_proto::{self, Prefix};
use tonic_types::StatusExt as _;

fn submit(request: &v1::SubmitOrderRequest) -> Result<engine::command::Command, Failure> {
    from_proto::submit(request, &tables(), PrincipalId::LOCAL, Prefix::None)
}

fn good() -> v1::SubmitOrderRequest {
    limit("id", "A", v1::Side::Buy, "50.00", "100")
}

/// Changes of a right order.
const CASES: &[Case<v1::SubmitOrderRequest>] = &[
    (
        |r| r.client_order_id.clear(),
        "client_order_id",
        "1 to 36 bytes",
    ),
    (
        |r| r.client_order_id = "x".repeat(37),
        "client_order_id",
        "at most 36",
    ),
    (|r| r.account_id.clear(), "account_id", "existing account"),
    (
        |r| r.instrument_id.clear(),
        "instrument_id",
        "existing instrument",
    ),
    (|r| r.side = 0, "side", "SIDE_BUY or SIDE_SELL"),
    (|r| r.side = 9, "side", "1 buys, 2 sells"),
    (|r| r.order_type = 0, "order_type", "ORDER_TYPE_LIMIT"),
    (|r| r.order_type = 77, "order_type", "1 to 5"),
    (|r| r.price = "50.01".to_owned(), "price", "50.00 and 50.05"),
    (|r| r.price = "50.001".to_owned(), "price", "2 digits"),
    (|r| r.price = "1e3".to_owned(), "price", "like 6820.50"),
    (|r| r.price = "99999999999999".to_owned(), "price", "ticks"),
    (|r| r.price.clear(), "price", "LIMIT needs a price"),
    (|r| r.quantity = "150".to_owned(), "quantity", "100 and 200"),
    (|r| r.quantity = "-100".to_owned(), "quantity", "0 and"),
    (|r| r.quantity.clear(), "quantity", "above zero"),
    (
        |r| r.stop_price = "50.00".to_owned(),
        "stop_price",
        "LIMIT has none",
    ),
    (
        |r| r.protection_price = "50.00".to_owned(),
        "protection_price",
        "LIMIT has none",
    ),
    (|r| r.time_in_force = 99, "time_in_force", "1 to 7"),
    (
        |r| r.time_in_force = v1::TimeInForce::Gtd.into(),
        "expire_time",
        "instant of expiry",
    ),
    (
        |r| {
            r.expire_time = Some(prost_types::Timestamp {
                seconds: 1,
                nanos: 0,
            });
        },
        "expire_time",
        "only GTD",
    ),
    (
        |r| {
            r.valid_until = Some(prost_types::Timestamp {
                seconds: -1,
                nanos: 0,
            });
        },
        "valid_until",
        "1970 and 2200",
    ),
    (
        |r| r.self_trade_prevention = 12,
        "self_trade_prevention",
        "1 to 5",
    ),
    (
        |r| {
            r.order_type = v1::OrderType::Market.into();
            r.price.clear();
            r.post_only = true;
        },
        "post_only",
        "MARKET has none",
    ),
    (
        |r| {
            r.order_type = v1::OrderType::StopLimit.into();
            r.display_quantity = "100".to_owned();
            r.stop_price = "50.00".to_owned();
        },
        "display_quantity",
        "STOP_LIMIT has none",
    ),
    (
        |r| r.order_type = v1::OrderType::StopLimit.into(),
        "stop_price",
        "needs a trigger",
    ),
];

#[test]
fn each_malformed_field_is_named_with_what_would_be_right() {
    check(&good(), CASES, submit);
}

#[test]
fn all_faults_of_a_request_are_told_at_once_and_on_the_wire() {
    let mut request = good();
    request.client_order_id.clear();
    request.price = "50.01".to_owned();
    request.side = 0;
    let status: tonic::Status = submit(&request).expect_err("faults").into();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let details = status.get_details_bad_request().expect("details");
    let mut fields: Vec<_> = details
        .field_violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    fields.sort_unstable();
    assert_eq!(fields, ["client_order_id", "price", "side"]);
}

#[test]
fn what_does_not_exist_is_named() {
    let mut request = good();
    request.account_id = "NOBODY".to_owned();
    let status: tonic::Status = submit(&request).expect_err("no account").into();
    assert_eq!(status.code(), tonic::Code::NotFound);
    let resource = status.get_details_resource_info().expect("details");
    assert_eq!(
        (
            resource.resource_type.as_str(),
            resource.resource_name.as_str()
        ),
        ("account", "NOBODY")
    );
    let info = status.get_details_error_info().expect("details");
    assert_eq!(info.reason, "UNKNOWN_ACCOUNT");
}

#[test]
fn ids_are_read_as_they_are_written() {
    use sanjiang_gateway::to_proto::order_id_text;
    for id in [(1, 0), (u64::MAX, u32::MAX), (7, OrderId::NO_SLOT)] {
        let id = OrderId {
            sequence: id.0,
            slot: id.1,
        };
        assert_eq!(from_proto::order_id(&order_id_text(id)), Some(id));
    }
    for wrong in [
        "",
        "-",
        "1-",
        "-1",
        "1",
        "1-2-3",
        "+1-2",
        "1- 2",
        "x-y",
        "18446744073709551616-0",
    ] {
        assert_eq!(from_proto::order_id(wrong), None, "{wrong}");
    }
}

/// Strings that are nearly right, and some that are not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("A".to_owned()),
        Just("COAL".to_owned()),
        "-?[0-9]{0,30}\\.?[0-9]{0,12}",
        "[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        ".{0,60}",
    ]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![-3..12_i64, any::<i64>()]
}

prop_compose! {
    fn order()(
        texts in prop::collection::vec(text(), 9),
        numbers in prop::collection::vec(number(), 8),
        post_only in any::<bool>(),
        given in any::<bool>(),
    ) -> v1::SubmitOrderRequest {
        let stamp = |at: usize| given.then(|| prost_types::Timestamp {
            seconds: numbers[at],
            nanos: numbers[at + 1] as i32,
        });
        v1::SubmitOrderRequest {
            client_order_id: texts[0].clone(),
            instrument_id: texts[1].clone(),
            account_id: texts[2].clone(),
            side: numbers[0] as i32,
            order_type: numbers[1] as i32,
            price: texts[3].clone(),
            protection_price: texts[4].clone(),
            stop_price: texts[5].clone(),
            quantity: texts[6].clone(),
            display_quantity: texts[7].clone(),
            min_quantity: texts[8].clone(),
            time_in_force: numbers[2] as i32,
            expire_time: stamp(3),
            post_only,
            self_trade_prevention: numbers[5] as i32,
            valid_until: stamp(6),
        }
    }
}

prop_compose! {
    fn instrument()(
        texts in prop::collection::vec(text(), 9),
        numbers in prop::collection::vec(number(), 8),
    ) -> v1::CreateInstrumentRequest {
        v1::CreateInstrumentRequest {
            context: support::context(&texts[0]),
            instrument_id: texts[1].clone(),
            venue_id: texts[2].clone(),
            name: texts[3].clone(),
            currency: "CNY".to_owned(),
            unit: texts[4].clone(),
            tick_size: texts[5].clone(),
            lot_size: texts[6].clone(),
            price_decimals: numbers[0] as u32,
            quantity_decimals: numbers[1] as u32,
            price_sign: numbers[2] as i32,
            static_band_bp: numbers[3] as u32,
            dynamic_band_ticks: numbers[4] as u64,
            max_quantity: texts[7].clone(),
            max_notional: texts[8].clone(),
            market_protection_ticks: numbers[5] as u64,
            price_rule: numbers[6] as i32,
        }
    }
}

proptest! {
    #[test]
    fn no_order_makes_the_decoder_panic(request in order()) {
        let first = submit(&request);
        prop_assert_eq!(first, submit(&request), "decoding is a function");
    }

    #[test]
    fn no_instrument_makes_the_decoder_panic(request in instrument()) {
        let _ = from_proto::operation(&request, &tables(), PrincipalId::LOCAL);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let tables = tables();
        let principal = PrincipalId::LOCAL;
        let instrument = InstrumentId::new(0);
        let order = OrderId { sequence: 1, slot: 0 };
        if let Ok(batch) = v1::SessionBatch::decode(bytes.as_slice()) {
            let _ = from_proto::session_batch(&batch, SessionId::new(0), principal);
        }
        if let Ok(request) = v1::ReplaceOrderRequest::decode(bytes.as_slice()) {
            let prefix = Prefix::None;
            let _ = from_proto::replace(&request, order, instrument, &tables, principal, prefix);
        }
        if let Ok(request) = v1::CancelOrderRequest::decode(bytes.as_slice()) {
            let _ = from_proto::cancel(&request, order, &tables, principal, Prefix::None);
        }
        if let Ok(request) = v1::SetCalendarRequest::decode(bytes.as_slice()) {
            let _ = from_proto::operation(&request, &tables, principal);
        }
        if let Ok(request) = v1::SetScheduleRequest::decode(bytes.as_slice()) {
            let _ = from_proto::operation(&request, &tables, principal);
        }
    }

    #[test]
    fn no_session_order_makes_the_decoder_panic(
        handle in proptest::option::of(any::<u32>()),
        numbers in prop::collection::vec(number(), 11),
        post_only in any::<bool>(),
    ) {
        let order = v1::SessionNewOrder {
            account: handle,
            instrument: handle,
            side: numbers[0] as i32,
            order_type: numbers[1] as i32,
            time_in_force: numbers[2] as i32,
            price_ticks: numbers[3],
            quantity_lots: numbers[4],
            self_trade_prevention: numbers[5] as i32,
            post_only,
            stop_ticks: numbers[6],
            protection_ticks: post_only.then_some(numbers[7]),
            display_lots: numbers[8],
            min_lots: numbers[9],
            expire_time_ns: numbers[10],
        };
        let command = v1::SessionCommand {
            client_sequence: numbers[0] as u64,
            command: Some(v1::session_command::Command::NewOrder(order)),
            valid_until_ns: numbers[1],
        };
        let batch = v1::SessionBatch { commands: vec![command, command] };
        let read = from_proto::session_batch(&batch, SessionId::new(0), PrincipalId::LOCAL);
        prop_assert!(read.is_err(), "the second number does not follow the first");
    }
}

#[test]
fn a_session_order_of_a_handle_that_does_not_exist_is_a_command_all_the_same() {
    let batch = v1::SessionBatch {
        commands: vec![support::session_order(1, 1_000)],
    };
    let commands = from_proto::session_batch(&batch, SessionId::new(0), PrincipalId::LOCAL);
    let commands = commands.expect("a right batch");
    let account = commands[0].body.account();
    assert_eq!(account, Some(AccountId::new(0)));
}

//! Refuses a change of the contract that would break a client.
//!
//! Invariant: every message, field, enum value, service and rpc of the committed descriptor
//! (`sanjiang/v1/descriptor.bin`) is still there, under the same number and name and with the same
//! type; what was added since passes. A change that is meant to break, or additions to be guarded
//! from now on, are accepted by running with `SANJIANG_PROTO_ACCEPT=1`, which rewrites the
//! committed file. Not here: rules of naming and comments.

mod compare;

use std::{env, fs, path::Path};

use compare::breaking_changes;
use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorSet, ServiceDescriptorProto,
    field_descriptor_proto::Type,
};

/// The descriptor this build compiled.
fn compiled() -> FileDescriptorSet {
    FileDescriptorSet::decode(sanjiang_proto::FILE_DESCRIPTOR_SET).expect("build.rs encoded it")
}

#[test]
fn nothing_that_was_promised_is_gone() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sanjiang/v1/descriptor.bin");
    if env::var_os("SANJIANG_PROTO_ACCEPT").is_some() {
        fs::write(&path, sanjiang_proto::FILE_DESCRIPTOR_SET).expect("the folder is writable");
        println!("accepted: {} is rewritten", path.display());
    }
    let bytes = fs::read(&path).expect("the descriptor is committed");
    let committed = FileDescriptorSet::decode(bytes.as_slice()).expect("it is a descriptor set");
    let changes = breaking_changes(&committed, &compiled());
    assert!(
        changes.is_empty(),
        "these changes break clients (SANJIANG_PROTO_ACCEPT=1 accepts them):\n{}",
        changes.join("\n")
    );
}

#[test]
fn the_committed_descriptor_holds_the_whole_contract() {
    let set = compiled();
    let ours: Vec<_> = set
        .file
        .iter()
        .filter(|file| file.package() == "sanjiang.v1")
        .collect();
    assert_eq!(ours.len(), 18);
    let services: Vec<_> = ours
        .iter()
        .flat_map(|file| file.service.iter().map(ServiceDescriptorProto::name))
        .collect();
    assert_eq!(
        services,
        [
            "Contracts",
            "OrderEntry",
            "MarketData",
            "Accounts",
            "Operations",
            "Sales"
        ]
    );
    assert!(
        set.file.iter().all(|file| file.source_code_info.is_none()),
        "comments do not belong into the descriptor"
    );
}

#[test]
fn every_enum_begins_with_unspecified_under_its_own_prefix() {
    for file in &compiled().file {
        if file.package() != "sanjiang.v1" {
            continue;
        }
        for each in &file.enum_type {
            let prefix = each.name().chars().fold(String::new(), |mut text, letter| {
                if letter.is_uppercase() && !text.is_empty() {
                    text.push('_');
                }
                text.push(letter.to_ascii_uppercase());
                text
            });
            assert_eq!(each.value[0].number(), 0, "{}", each.name());
            assert_eq!(each.value[0].name(), format!("{prefix}_UNSPECIFIED"));
            for value in &each.value {
                assert!(value.name().starts_with(&prefix), "{}", value.name());
            }
        }
    }
}

/// The message `name` of the contract, to be damaged.
fn message<'a>(set: &'a mut FileDescriptorSet, name: &str) -> &'a mut DescriptorProto {
    set.file
        .iter_mut()
        .flat_map(|file| &mut file.message_type)
        .find(|each| each.name() == name)
        .expect("the message is there")
}

/// The enum `name` of the contract, to be damaged.
fn enumeration<'a>(set: &'a mut FileDescriptorSet, name: &str) -> &'a mut EnumDescriptorProto {
    set.file
        .iter_mut()
        .flat_map(|file| &mut file.enum_type)
        .find(|each| each.name() == name)
        .expect("the enum is there")
}

/// The service `name` of the contract, to be damaged.
fn service<'a>(set: &'a mut FileDescriptorSet, name: &str) -> &'a mut ServiceDescriptorProto {
    set.file
        .iter_mut()
        .flat_map(|file| &mut file.service)
        .find(|each| each.name() == name)
        .expect("the service is there")
}

/// Damages the contract and expects exactly this complaint.
fn check(expected: &str, damage: impl FnOnce(&mut FileDescriptorSet)) {
    let before = compiled();
    let mut after = before.clone();
    damage(&mut after);
    assert_eq!(breaking_changes(&before, &after), [expected]);
}

#[test]
fn a_lost_name_is_named() {
    check("message .sanjiang.v1.SessionCredit is gone", |set| {
        for file in &mut set.file {
            file.message_type
                .retain(|each| each.name() != "SessionCredit");
        }
    });
    check("field .sanjiang.v1.Trade.price (4) is gone", |set| {
        message(set, "Trade")
            .field
            .retain(|each| each.name() != "price");
    });
    check(
        "enum value .sanjiang.v1.Side.SIDE_SELL (2) is gone",
        |set| {
            enumeration(set, "Side")
                .value
                .retain(|each| each.number() != 2);
        },
    );
    check("enum .sanjiang.v1.Cause is gone", |set| {
        for file in &mut set.file {
            file.enum_type.retain(|each| each.name() != "Cause");
        }
    });
    check("rpc .sanjiang.v1.OrderEntry.Session is gone", |set| {
        service(set, "OrderEntry")
            .method
            .retain(|each| each.name() != "Session");
    });
    check("service .sanjiang.v1.Accounts is gone", |set| {
        for file in &mut set.file {
            file.service.retain(|each| each.name() != "Accounts");
        }
    });
}

#[test]
fn another_number_name_or_type_is_named() {
    check("field .sanjiang.v1.Trade.price (4) is gone", |set| {
        message(set, "Trade").field[3].number = Some(400);
    });
    check(
        "field .sanjiang.v1.Trade.price (4) is now called cost",
        |set| message(set, "Trade").field[3].name = Some("cost".into()),
    );
    check(
        "field .sanjiang.v1.Trade.price (4) was string, is now double",
        |set| message(set, "Trade").field[3].set_type(Type::Double),
    );
    check(
        "field .sanjiang.v1.Order.side (5) was .sanjiang.v1.Side, is now .sanjiang.v1.Phase",
        |set| message(set, "Order").field[4].type_name = Some(".sanjiang.v1.Phase".into()),
    );
    check(
        "field .sanjiang.v1.SessionCancel.account (3) was optional uint32, is now uint32",
        |set| message(set, "SessionCancel").field[2].proto3_optional = None,
    );
    check(
        "enum value .sanjiang.v1.Side.SIDE_SELL (2) is now called SIDE_ASK",
        |set| enumeration(set, "Side").value[2].name = Some("SIDE_ASK".into()),
    );
}

#[test]
fn a_field_that_moves_into_a_oneof_is_named() {
    check(
        "field .sanjiang.v1.SessionCommand.valid_until_ns (6) was sfixed64, \
         is now sfixed64 in oneof command",
        |set| {
            let fields = &mut message(set, "SessionCommand").field;
            let moved = fields.last_mut().expect("it has fields");
            assert_eq!(moved.name(), "valid_until_ns");
            moved.oneof_index = Some(0);
        },
    );
}

#[test]
fn another_shape_of_an_rpc_is_named() {
    check(
        "rpc .sanjiang.v1.OrderEntry.SubmitOrder was \
         (.sanjiang.v1.SubmitOrderRequest) returns (.sanjiang.v1.ExecutionReport), is now \
         (.sanjiang.v1.SubmitOrderRequest) returns (.sanjiang.v1.Order)",
        |set| {
            service(set, "OrderEntry").method[0].output_type = Some(".sanjiang.v1.Order".into());
        },
    );
    check(
        "rpc .sanjiang.v1.MarketData.StreamTrades was \
         (.sanjiang.v1.StreamTradesRequest) returns (stream .sanjiang.v1.StreamTradesResponse), \
         is now \
         (.sanjiang.v1.StreamTradesRequest) returns (.sanjiang.v1.StreamTradesResponse)",
        |set| {
            let methods = &mut service(set, "MarketData").method;
            let stream = methods.last_mut().expect("it has methods");
            stream.server_streaming = Some(false);
        },
    );
}

#[test]
fn additions_and_moves_between_files_pass() {
    let before = compiled();
    let mut after = before.clone();
    let trade = message(&mut after, "Trade");
    let mut field = trade.field[0].clone();
    (field.name, field.number) = (Some("fee".into()), Some(99));
    trade.field.push(field);
    let side = enumeration(&mut after, "Side");
    let mut value = side.value[1].clone();
    (value.name, value.number) = (Some("SIDE_CROSS".into()), Some(8));
    side.value.push(value);
    let rpc = service(&mut after, "Accounts");
    let mut method = rpc.method[0].clone();
    method.name = Some("CloseAccount".into());
    rpc.method.push(method);
    let moved = message(&mut after, "Trade").clone();
    for file in &mut after.file {
        file.message_type.retain(|each| each.name() != "Trade");
    }
    let types = after
        .file
        .iter_mut()
        .find(|file| file.name() == "sanjiang/v1/types.proto");
    types.expect("it is there").message_type.push(moved);
    assert_eq!(breaking_changes(&before, &after), Vec::<String>::new());
    assert_eq!(breaking_changes(&after, &before).len(), 3);
}

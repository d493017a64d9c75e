//! Tests of `codec`: sizes of the hot commands, errors that name what they met.

use super::*;
use crate::command::{CancelOrder, ReplaceOrder};
use crate::types::{
    AccountId, ClientId, InstrumentId, LimitTerms, NewOrder, OrderId, OrderType, Posting, Price,
    Quantity, SelfTradePrevention, Side, TimeInForce,
};

fn at(nanoseconds: i64) -> Time {
    Time::new(nanoseconds).expect("in bounds")
}

const NOON: i64 = 1_795_000_000_000_000_000;

fn sequenced(identity: Identity, body: Body) -> Sequenced<Command> {
    Sequenced {
        sequence: Sequence::new(1),
        time: at(NOON),
        value: Command {
            envelope: Envelope {
                principal: PrincipalId::new(300),
                identity,
                valid_until: None,
                authority: None,
            },
            body,
        },
    }
}

fn session() -> Identity {
    Identity::Session {
        session: SessionId::new(60_000),
        client_sequence: 200_000_000,
    }
}

fn limit_order() -> Body {
    Body::NewOrder(NewOrder {
        account: AccountId::new(1_000_000),
        instrument: InstrumentId::new(19_999),
        side: Side::Sell,
        quantity: Quantity::new(1_000_000).expect("in bounds"),
        order_type: OrderType::Limit(LimitTerms {
            price: Price::new(10_000_000).expect("in bounds"),
            display_quantity: None,
            posting: Posting::MayTake,
        }),
        time_in_force: TimeInForce::Day,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::CancelTaker,
    })
}

fn written(command: &Sequenced<Command>, previous: i64) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, at(previous), command);
    out
}

fn read(bytes: &[u8]) -> Result<Vec<Sequenced<Command>>, CodecError> {
    decode_batch(bytes, at(NOON), Sequence::new(1), 1)
}

#[test]
fn hot_commands_are_small_at_the_largest_values_of_the_capacity_model() {
    let order = OrderId {
        sequence: 1 << 40,
        slot: (1 << 21) - 1,
    };
    let account = AccountId::new(1_000_000);
    let cancel = Body::CancelOrder(CancelOrder { account, order });
    let replace = Body::ReplaceOrder(ReplaceOrder {
        account,
        order,
        price: Price::new(10_000_000),
        stop_price: None,
        quantity: Quantity::new(1_000_000),
    });
    let hot = [
        ("new order", limit_order(), 40),
        ("cancel", cancel, 32),
        ("replace", replace, 40),
    ];
    for (name, body, max) in hot {
        // A second without a command before it: longer distances are rare.
        let bytes = written(&sequenced(session(), body), NOON - 1_000_000_000);
        println!("a session's {name}: {} bytes", bytes.len());
        assert!(bytes.len() <= max, "{name}: {} bytes", bytes.len());
    }
}

#[test]
fn an_unknown_type_or_version_says_who_may_have_written_it() {
    let said = |bytes: &[u8]| read(bytes).expect_err("unknown").to_string();
    let release = env!("CARGO_PKG_VERSION");
    let last = Type::LAST as u8;
    let numbers = Type::ALL.iter().map(|one| *one as u8);
    assert_eq!(
        numbers.max(),
        Some(last),
        "the last one has the highest number"
    );
    let unknown = said(&[99, 1, 0]);
    let expected = format!(
        "command type 99, version 1, is not known to this release ({release}), which reads types \
         1 to {last}; a later release may have written it"
    );
    assert_eq!(unknown, expected);
    let unknown = said(&[1, 2, 0]);
    let expected = format!(
        "command NewOrder, version 2, is not known to this release ({release}), which reads \
         versions 1 to 1; a later release may have written it"
    );
    assert_eq!(unknown, expected);
    let unknown = said(&[0, 1, 0]);
    assert_eq!(
        unknown,
        "command type 0, version 1: no release has written it"
    );
    let unknown = said(&[18, 0, 0]);
    assert_eq!(
        unknown,
        "command Tick, version 0: no release has written it"
    );
}

#[test]
fn only_the_one_form_of_a_command_is_read() {
    let error = |bytes: &[u8]| read(bytes).expect_err("refused");
    let tick = |error| CodecError::Command {
        name: "Tick",
        error,
    };
    assert!(read(&[18, 1, 3, 0, 0, 0]).is_ok());
    let trailing = BytesError::Trailing { extra: 1 };
    assert_eq!(error(&[18, 1, 4, 0, 0, 0, 0]), tick(trailing));
    assert_eq!(error(&[18, 1, 3, 0, 0, 0, 0]), CodecError::Frame(trailing));
    let short = BytesError::End { missing: 1 };
    assert_eq!(error(&[18, 1, 2, 0, 0]), tick(short));
    assert_eq!(error(&[18, 1, 4, 0, 0, 0]), CodecError::Frame(short));
    assert_eq!(
        error(&[18, 1, 0x83, 0, 0, 0, 0]),
        CodecError::Frame(BytesError::Varint)
    );
    let marks = BytesError::range("the marks of an envelope");
    assert_eq!(error(&[18, 1, 3, 0, 0x10, 0]), tick(marks));
    let identity = BytesError::range("the kind of identity");
    assert_eq!(error(&[18, 1, 3, 0, 3, 0]), tick(identity));
    assert_eq!(error(&[18, 1, 4, 0, 0, 0x80, 0]), tick(BytesError::Varint));
    let late = [
        18, 1, 12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0,
    ];
    assert_eq!(error(&late), tick(BytesError::range("time")));
    let fewer = decode_batch(&[18, 1, 3, 0, 0, 0], at(NOON), Sequence::new(1), 2);
    assert_eq!(fewer, Err(CodecError::Frame(short)));
    let forged = decode_batch(&[], at(NOON), Sequence::new(1), u32::MAX);
    assert_eq!(forged, Err(CodecError::Frame(short)));
}

#[test]
fn a_mark_that_the_order_type_does_not_have_is_refused() {
    let bytes = written(&sequenced(Identity::Internal, limit_order()), NOON);
    assert!(read(&bytes).is_ok());
    // Type, version, length, time, marks, principal (2), then the marks of the order.
    for (place, bit) in [(8, 0x10), (8, 0x40), (8, 0x80), (7, 0x0e), (8, 0x02)] {
        let mut forged = bytes.clone();
        forged[place] |= bit;
        assert!(read(&forged).is_err(), "byte {place}, bit {bit:#x}");
    }
}

#[test]
fn a_long_command_moves_behind_its_length() {
    for length in [0, 100, 119, 120, 121, 127, 128, 129, 512, 20_000] {
        let mut command = sequenced(Identity::Internal, Body::Tick);
        command.value.envelope.authority = Some(Box::new(Authority {
            reason: "r".repeat(length),
            ..Authority::default()
        }));
        let bytes = written(&command, NOON);
        assert_eq!(
            read(&bytes),
            Ok(vec![command]),
            "a reason of {length} bytes"
        );
    }
}

#[test]
fn the_payload_is_all_but_the_identity() {
    let hash = payload_hash;
    let id = |text| Identity::Request(ClientId::new(text).expect("short"));
    let command = sequenced(id("a"), limit_order()).value;
    let same = sequenced(id("b"), limit_order()).value;
    assert_eq!(hash(&command), hash(&same));
    let mut others = vec![command.clone(); 4];
    others[0].envelope.principal = PrincipalId::new(301);
    others[1].envelope.valid_until = Some(at(NOON));
    others[2].envelope.authority = Some(Box::default());
    others[3].body = Body::Tick;
    for other in others {
        assert_ne!(hash(&command), hash(&other), "{other:?}");
    }
    // Frozen: it is in snapshots, and a retry may come after an upgrade.
    assert_eq!(
        hash(&command),
        131_025_153_426_706_782_364_190_472_934_925_586_139
    );
}

#[test]
fn each_type_of_command_has_a_number_of_its_own_and_none_is_left_out() {
    let numbers: Vec<_> = Type::ALL.iter().map(|one| *one as u8).collect();
    assert_eq!(numbers, (1..=Type::LAST as u8).collect::<Vec<_>>());
    for one in Type::ALL {
        assert_eq!(Type::from_code(*one as u8), Some(*one));
    }
}

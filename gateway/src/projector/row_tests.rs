//! The bytes of rows of versions 1 and 2, written down: they must read back for ever.

use engine::bytes::BytesError;
use engine::command::Identity;
use engine::event::{Cause, Counters, ExecType};
use engine::reject::{Basis, Reject, RejectReason};
use engine::types::{
    AccountId, ClientId, ExecId, InstrumentId, OrderId, OrderStatus, ParticipantId, Price,
    Quantity, Sequence, SessionId, Side, Time, TimeInForce, TradeId,
};

use super::rows::{
    Correction, ExecutionKind, ExecutionRow, FirstAnswer, FirstRow, Liquidity, OrderKind, OrderRow,
    Origin, RowError, Standing, TradeRow,
};

fn time(nanoseconds: i64) -> Time {
    Time::new(nanoseconds).expect("small")
}

fn standing() -> Standing {
    Standing {
        status: OrderStatus::PartiallyFilled,
        price: Price::new(-5),
        stop_price: None,
        quantity: Quantity::new(300).expect("small"),
        cumulative: Quantity::new(100).expect("small"),
        leaves: Quantity::new(200).expect("small"),
        notional: -500,
        held: 300,
    }
}

fn origin() -> Origin {
    Origin {
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::GoodTillDate(time(128)),
        identity: Identity::Request(ClientId::new("a1").expect("short")),
    }
}

fn order() -> OrderRow {
    OrderRow {
        order: OrderId {
            sequence: 1_000,
            slot: 2,
        },
        account: AccountId::new(3),
        instrument: InstrumentId::new(4),
        side: Side::Sell,
        origin: origin(),
        standing: standing(),
        cause: Cause::SelfTrade,
        reject: Some(Reject {
            reason: RejectReason::StaticBand,
            basis: Some(Basis::SpotRules3),
        }),
        created: time(5),
        touched: Sequence::new(1_001),
        updated: time(6),
    }
}

fn execution(kind: ExecutionKind) -> ExecutionRow {
    ExecutionRow {
        exec: ExecId {
            shard: 1,
            epoch: 2,
            sequence: 1_001,
            index: 7,
        },
        time: time(6),
        kind,
        cause: Cause::Request,
        reject: None,
        order: order().order,
        account: AccountId::new(3),
        participant: Some(ParticipantId::new(9)),
        counters: Counters {
            account: 11,
            participant: 12,
        },
        instrument: Some(InstrumentId::new(4)),
        side: Some(Side::Sell),
        origin: Some(origin()),
        standing: standing(),
        answers: Identity::Session {
            session: SessionId::new(1),
            client_sequence: 300,
        },
    }
}

fn trade_kind() -> ExecutionKind {
    ExecutionKind::Trade {
        price: Price::new(-5).expect("small"),
        quantity: Quantity::new(100).expect("small"),
        liquidity: Liquidity::Removed,
        value: -500,
        fee: 7,
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// What a row is, in version 2 as it is written and in version 1 as it was, and that every cut of
/// either is refused.
fn check<T: PartialEq + std::fmt::Debug>(
    row: &T,
    before: &T,
    encode: fn(&T, &mut Vec<u8>),
    decode: fn(&[u8]) -> Result<T, RowError>,
    [version_1, version_2]: [&str; 2],
) {
    let mut bytes = Vec::new();
    encode(row, &mut bytes);
    assert_eq!(hex(&bytes), version_2);
    for (bytes, row) in [(bytes, row), (unhex(version_1), before)] {
        assert_eq!(decode(&bytes).as_ref(), Ok(row));
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        let trailing = RowError::Bytes(BytesError::Trailing { extra: 1 });
        assert_eq!(decode(&longer).as_ref(), Err(&trailing));
        longer[0] = 3;
        assert_eq!(decode(&longer), Err(RowError::Version(3)));
    }
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().collect();
    let pairs = digits.chunks(2);
    let byte = |pair: &[u8]| std::str::from_utf8(pair).map(|pair| u8::from_str_radix(pair, 16));
    pairs
        .map(|pair| byte(pair).expect("text").expect("hexadecimal"))
        .collect()
}

/// Version 1 knew nothing of money.
fn without_money(mut row: ExecutionRow) -> ExecutionRow {
    row.standing.held = 0;
    if let ExecutionKind::Trade { value, fee, .. } = &mut row.kind {
        (*value, *fee) = (0, 0);
    }
    row
}

#[test]
fn an_order_of_versions_1_and_2() {
    let mut before = order();
    before.standing.held = 0;
    check(
        &order(),
        &before,
        OrderRow::encode,
        OrderRow::decode,
        [
            "01e80702000000030402020680010202613102010900ac0264c801010cfeffffffffffffffffffff\
         ffffffff03460705e90706",
            "02e80702000000030402020680010202613102010900ac0264c801010cfeffffffffffffffff\
             ffffffffffffd80403460705e90706",
        ],
    );
}

#[test]
fn an_execution_of_versions_1_and_2() {
    let report = execution(ExecutionKind::Report(ExecType::Replaced));
    check(
        &report,
        &without_money(report),
        ExecutionRow::encode,
        ExecutionRow::decode,
        [
            "010102e9070706030100e807020000000301090b0c0104010201020680010202613102010900ac02\
         64c801010cfeffffffffffffffffffffffffffff0101ac02",
            "020102e9070706030100e807020000000301090b0c0104010201020680010202613102010900\
             ac0264c801010cfeffffffffffffffffffffffffffffd8040101ac02",
        ],
    );
    let trade = execution(trade_kind());
    check(
        &trade,
        &without_money(trade),
        ExecutionRow::encode,
        ExecutionRow::decode,
        [
            "010102e9070706070964020100e807020000000301090b0c01040102010206800102026131020109\
         00ac0264c801010cfeffffffffffffffffffffffffffff0101ac02",
            "020102e907070607096402e7070e0100e807020000000301090b0c0104010201020680010202\
             613102010900ac0264c801010cfeffffffffffffffffffffffffffffd8040101ac02",
        ],
    );
    let unknown = ExecutionRow {
        participant: None,
        instrument: None,
        side: None,
        origin: None,
        reject: Some(RejectReason::UnknownOrder.into()),
        ..execution(ExecutionKind::Report(ExecType::CancelRejected))
    };
    check(
        &unknown,
        &without_money(unknown),
        ExecutionRow::encode,
        ExecutionRow::decode,
        [
            "010102e907070609011700e8070200000003000b0c00000002010900ac0264c801010cfeffffffff\
         ffffffffffffffffffff0101ac02",
            "020102e907070609011700e8070200000003000b0c00000002010900ac0264c801010cfeffff\
             ffffffffffffffffffffffffd8040101ac02",
        ],
    );
}

#[test]
fn a_trade_of_versions_1_and_2() {
    let trade = TradeRow {
        trade: TradeId {
            shard: 1,
            epoch: 2,
            sequence: 1_001,
            index: 3,
        },
        corrects: None,
        time: time(6),
        instrument: InstrumentId::new(4),
        price: Price::new(6_820).expect("small"),
        quantity: Quantity::new(100).expect("small"),
        aggressor: Some(Side::Buy),
        value: 682_000,
    };
    let before = TradeRow { value: 0, ..trade };
    check(
        &trade,
        &before,
        TradeRow::encode,
        TradeRow::decode,
        [
            "010102e907030604c86a640101",
            "020102e907030604c86a640101a0a053",
        ],
    );
}

#[test]
fn what_became_of_a_trade_reads_back() {
    let trade = TradeId {
        shard: 1,
        epoch: 1,
        sequence: 900,
        index: 3,
    };
    let (price, quantity) = (
        Price::new(-7).expect("small"),
        Quantity::new(9).expect("small"),
    );
    for (correction, code) in [(Correction::Bust, 36), (Correction::Correct, 37)] {
        let row = execution(ExecutionKind::Correction {
            correction,
            trade,
            price,
            quantity,
            liquidity: Liquidity::Auction,
            value: -63,
            fee: 5,
        });
        let mut bytes = Vec::new();
        row.encode(&mut bytes);
        assert_eq!(ExecutionRow::decode(&bytes), Ok(row));
        assert_eq!(row.trade_id(), Some(trade));
        for cut in 0..bytes.len() {
            assert!(ExecutionRow::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let print = TradeRow {
            trade: TradeId {
                epoch: 2,
                sequence: 1_001,
                ..trade
            },
            corrects: Some((correction, trade)),
            time: time(6),
            instrument: InstrumentId::new(4),
            price,
            quantity,
            aggressor: None,
            value: -63,
        };
        bytes.clear();
        print.encode(&mut bytes);
        assert_eq!(TradeRow::decode(&bytes), Ok(print));
        assert_eq!(print.id(), trade);
        // Behind the row of a trade: the code, then the id.
        let whole = bytes.len() - 6;
        assert_eq!(bytes[whole], code);
        for cut in (0..bytes.len()).filter(|cut| *cut != whole) {
            assert!(TradeRow::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}

#[test]
fn a_first_answer_of_versions_1_and_2() {
    let row = |answer| FirstRow {
        sequence: Sequence::new(1_001),
        time: time(6),
        identity: origin().identity,
        answer,
    };
    let counted = row(FirstAnswer::Counted(ParticipantId::new(9), 12));
    check(
        &counted,
        &counted,
        FirstRow::encode,
        FirstRow::decode,
        ["01e907060202613101090c", "02e907060202613101090c"],
    );
    let uncounted = row(FirstAnswer::Uncounted(Box::new(execution(trade_kind()))));
    let before = without_money(execution(trade_kind()));
    check(
        &uncounted,
        &row(FirstAnswer::Uncounted(Box::new(before))),
        FirstRow::encode,
        FirstRow::decode,
        [
            "01e9070602026131020102e9070706070964020100e807020000000301090b0c0104010201020680\
         010202613102010900ac0264c801010cfeffffffffffffffffffffffffffff0101ac02",
            "02e9070602026131020102e907070607096402e7070e0100e807020000000301090b0c010401\
             0201020680010202613102010900ac0264c801010cfeffffffffffffffffffffffffffffd804\
             0101ac02",
        ],
    );
    let mass = row(FirstAnswer::MassCancel {
        account: AccountId::new(3),
        reject: None,
        canceled: 200,
        kept: 1,
    });
    check(
        &mass,
        &mass,
        FirstRow::encode,
        FirstRow::decode,
        [
            "01e9070602026131030300c80101",
            "02e9070602026131030300c80101",
        ],
    );
    let operation = row(FirstAnswer::Operation {
        reject: Some(RejectReason::AlreadyExists.into()),
        handle: Some(5),
    });
    check(
        &operation,
        &operation,
        FirstRow::encode,
        FirstRow::decode,
        ["01e90706020261310464000105", "02e90706020261310464000105"],
    );
}

#[test]
fn a_text_that_data_defined_reads_back() {
    let regime = engine::venue::Regime::from_code(33).expect("data may define it");
    let key = engine::venue::RuleKey::MaxHolders;
    let mut row = order();
    row.reject = Some(Reject {
        reason: RejectReason::MaxHolders,
        basis: Some(Basis::Defined { regime, key }),
    });
    let mut bytes = Vec::new();
    row.encode(&mut bytes);
    assert_eq!(OrderRow::decode(&bytes), Ok(row));
}

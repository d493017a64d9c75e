//! What the messages of a Session cost on the wire, and that each comes back as it went.
//!
//! Invariant: a typical new order takes 31 bytes of its batch (40 with `valid_until_ns`), a typical
//! report 64 bytes of its message (85 for a trade), and 4,096 of the largest orders fit into the
//! 1 MiB that a batch may have. Not here: the rules of the Session, which are the gateway's.

use std::fmt::Debug;

use prost::Message;
use sanjiang_proto::v1::{
    Cause, ContractState, ContractStep, ExecType, Liquidity, OpenSession, OrderStatus, OrderType,
    SelfTradePrevention, SessionArmDeadMan, SessionBatch, SessionCancel, SessionClosed,
    SessionCommand, SessionContractReport, SessionCredit, SessionDeadMan, SessionDuplicate,
    SessionMassCancel, SessionMassCancelReport, SessionNewOrder, SessionOpened, SessionRefused,
    SessionRejectWords, SessionReplace, SessionReport, SessionReports, SessionRequest,
    SessionReserve, SessionResponse, Side, TimeInForce, session_command::Command,
    session_request::Request, session_response::Response,
};

/// 2026-11-23T01:30:00Z, a Monday's opening in Shanghai.
const TIME_NS: i64 = 1_795_397_400_000_000_000;
/// A client's number after ten million commands.
const CLIENT_SEQUENCE: u64 = 10_000_000;
/// An engine's sequence after a billion commands.
const ENGINE_SEQUENCE: u64 = 1_000_000_000;

/// Encodes, decodes, compares, and gives the size.
fn round_trip<M: Message + Default + PartialEq + Debug>(message: &M) -> usize {
    let bytes = message.encode_to_vec();
    assert_eq!(&M::decode(bytes.as_slice()).expect("it decodes"), message);
    bytes.len()
}

fn new_order() -> SessionNewOrder {
    SessionNewOrder {
        account: Some(80_000),
        instrument: Some(700),
        side: Side::Buy.into(),
        order_type: OrderType::Limit.into(),
        time_in_force: TimeInForce::Day.into(),
        price_ticks: 682_050,
        quantity_lots: 1_500,
        self_trade_prevention: SelfTradePrevention::CancelTaker.into(),
        ..SessionNewOrder::default()
    }
}

fn command(command: Command, valid_until_ns: i64) -> SessionCommand {
    SessionCommand {
        client_sequence: CLIENT_SEQUENCE,
        valid_until_ns,
        command: Some(command),
    }
}

fn report() -> SessionReport {
    SessionReport {
        engine_sequence: ENGINE_SEQUENCE,
        client_sequence: CLIENT_SEQUENCE,
        exec_type: ExecType::New.into(),
        order_status: OrderStatus::New.into(),
        order_sequence: ENGINE_SEQUENCE,
        order_slot: 1_000_000,
        account: 80_000,
        instrument: 700,
        side: Side::Buy.into(),
        price_ticks: 682_050,
        leaves_lots: 1_500,
        account_sequence: 100_000,
        participant_sequence: CLIENT_SEQUENCE,
        transact_time_ns: TIME_NS,
        demonstration: true,
        ..SessionReport::default()
    }
}

fn fill() -> SessionReport {
    SessionReport {
        exec_type: ExecType::Trade.into(),
        order_status: OrderStatus::PartiallyFilled.into(),
        leaves_lots: 1_000,
        cumulative_lots: 500,
        index: 3,
        last_ticks: 682_045,
        last_lots: 500,
        liquidity: Liquidity::Removed.into(),
        trade_index: 1,
        ..report()
    }
}

/// What one more command adds to a batch.
fn size_in_batch(command: SessionCommand) -> usize {
    let batch = SessionBatch {
        commands: vec![command],
    };
    round_trip(&batch)
}

/// What one more report adds to a message.
fn size_in_reports(report: SessionReport) -> usize {
    let reports = SessionReports {
        reports: vec![report],
        ..SessionReports::default()
    };
    round_trip(&reports)
}

#[test]
fn a_new_order_is_lean() {
    let plain = size_in_batch(command(Command::NewOrder(new_order()), 0));
    let dated = size_in_batch(command(Command::NewOrder(new_order()), TIME_NS));
    println!("new order in a batch: {plain} bytes, with valid_until {dated} bytes");
    assert_eq!((plain, dated), (31, 40));
}

#[test]
fn a_report_is_lean() {
    let (new, trade) = (size_in_reports(report()), size_in_reports(fill()));
    println!("report in a message: new {new} bytes, trade {trade} bytes");
    assert_eq!((new, trade), (64, 85));
}

#[test]
fn a_full_batch_fits_its_bound() {
    let largest = SessionNewOrder {
        account: Some(u32::MAX),
        instrument: Some(u32::MAX),
        side: Side::Sell.into(),
        order_type: OrderType::StopLimit.into(),
        time_in_force: TimeInForce::Gtd.into(),
        price_ticks: i64::MIN,
        quantity_lots: i64::MAX,
        self_trade_prevention: SelfTradePrevention::Decrement.into(),
        post_only: true,
        stop_ticks: i64::MIN,
        protection_ticks: Some(i64::MIN),
        display_lots: i64::MAX,
        min_lots: i64::MAX,
        expire_time_ns: i64::MAX,
    };
    let each = SessionCommand {
        client_sequence: u64::MAX,
        valid_until_ns: i64::MAX,
        command: Some(Command::NewOrder(largest)),
    };
    let batch = SessionBatch {
        commands: vec![each; 4_096],
    };
    let size = round_trip(&SessionRequest {
        request: Some(Request::Batch(batch)),
    });
    println!("4,096 of the largest orders: {size} bytes");
    assert!(size <= 1024 * 1024);
}

#[test]
fn every_request_comes_back_as_it_went() {
    let commands = vec![
        command(Command::NewOrder(new_order()), TIME_NS),
        command(
            Command::Cancel(SessionCancel {
                order_sequence: ENGINE_SEQUENCE,
                order_slot: 7,
                account: Some(0),
            }),
            0,
        ),
        command(
            Command::Replace(SessionReplace {
                order_sequence: ENGINE_SEQUENCE,
                order_slot: u32::MAX,
                account: Some(80_000),
                price_ticks: Some(-5),
                quantity_lots: 9,
                stop_ticks: Some(0),
            }),
            0,
        ),
        command(
            Command::MassCancel(SessionMassCancel {
                account: Some(80_000),
                instrument: None,
                side: Side::Sell.into(),
            }),
            0,
        ),
        command(
            Command::ArmDeadMan(SessionArmDeadMan { timeout_ms: 60_000 }),
            0,
        ),
        command(
            Command::Reserve(SessionReserve {
                account: Some(0),
                offer_sequence: ENGINE_SEQUENCE,
                offer_slot: 7,
                offer_version: 1,
                pieces: 1,
                delivery_reference_high: u64::MAX,
                delivery_reference_low: 1,
                pickup_hash_high: Some(2),
                pickup_hash_low: Some(3),
                confirms_unsuitable: true,
            }),
            0,
        ),
    ];
    let open = OpenSession {
        session_id: "desk-1".into(),
        last_client_sequence: CLIENT_SEQUENCE,
        cancel_on_disconnect: Some(false),
    };
    for request in [
        Request::Open(open),
        Request::Batch(SessionBatch { commands }),
    ] {
        round_trip(&SessionRequest {
            request: Some(request),
        });
    }
}

fn dead_man() -> SessionDeadMan {
    SessionDeadMan {
        engine_sequence: ENGINE_SEQUENCE,
        client_sequence: CLIENT_SEQUENCE,
        deadline_ns: TIME_NS,
        fired: true,
        reject_code: 102,
        reject_reason: "INVALID_FIELD".into(),
    }
}

fn contract() -> SessionContractReport {
    SessionContractReport {
        engine_sequence: ENGINE_SEQUENCE,
        client_sequence: CLIENT_SEQUENCE,
        account: 70_000,
        step: ContractStep::Reserve.into(),
        state: ContractState::Paid.into(),
        contract_sequence: ENGINE_SEQUENCE,
        contract_slot: 900_000,
        version: 1,
        offer_sequence: ENGINE_SEQUENCE - 100_000,
        offer_slot: 1_000_000,
        pieces: 1,
        price_units: 129_900,
        amount_units: 129_900,
        tax_units: 14_944,
        money_held_units: 129_900,
        deadline_ns: 1_800_000_000_000_000_000,
        account_sequence: 12,
        participant_sequence: 240_000,
        transact_time_ns: 1_790_000_000_000_000_000,
        index: 0,
        ..SessionContractReport::default()
    }
}

#[test]
fn an_answer_of_a_reserve_is_small() {
    let bytes = contract().encoded_len();
    assert!(bytes <= 120, "{bytes} bytes for 240,000 of them a second");
    println!("the answer of a reserve takes {bytes} bytes");
}

#[test]
fn every_response_comes_back_as_it_went() {
    let rejected = SessionReport {
        exec_type: ExecType::Rejected.into(),
        order_status: OrderStatus::Rejected.into(),
        order_slot: u32::MAX,
        reject_code: 30,
        cause: Cause::Unspecified.into(),
        ..report()
    };
    let reports = SessionReports {
        reports: vec![report(), fill(), rejected],
        durable_sequence: ENGINE_SEQUENCE,
        watermark: CLIENT_SEQUENCE,
        credit: 3,
        reject_words: vec![SessionRejectWords {
            report: 2,
            reject_reason: "MARKET_CLOSED".into(),
            legal_basis: String::new(),
            text: "the venue is CLOSED".into(),
        }],
        mass_cancels: vec![SessionMassCancelReport {
            engine_sequence: ENGINE_SEQUENCE,
            client_sequence: CLIENT_SEQUENCE,
            canceled_count: 12,
            kept_count: 1,
            ..SessionMassCancelReport::default()
        }],
        dead_man: vec![dead_man()],
        contracts: vec![contract()],
    };
    let opened = SessionOpened {
        watermark: CLIENT_SEQUENCE,
        credit: 8_192,
        epoch: 1,
        shard: 0,
        durable_sequence: ENGINE_SEQUENCE,
    };
    let refused = SessionRefused {
        first_client_sequence: CLIENT_SEQUENCE,
        last_client_sequence: CLIENT_SEQUENCE + 9,
        reason: "SEQUENCE_GAP".into(),
        expected_client_sequence: CLIENT_SEQUENCE - 1,
        retry_after_ms: 20,
        text: String::new(),
    };
    let duplicate = SessionDuplicate {
        first_client_sequence: 1,
        watermark: CLIENT_SEQUENCE,
    };
    let closed = SessionClosed {
        reason: "CREDIT_EXCEEDED".into(),
        text: "send at most the credit".into(),
        watermark: CLIENT_SEQUENCE,
    };
    for response in [
        Response::Opened(opened),
        Response::Reports(reports),
        Response::Refused(refused),
        Response::Duplicate(duplicate),
        Response::Credit(SessionCredit { commands: 64 }),
        Response::Closed(closed),
    ] {
        let size = round_trip(&SessionResponse {
            response: Some(response),
        });
        assert!(size > 2, "no response is empty");
    }
}

#[test]
fn handle_zero_differs_from_a_forgotten_handle() {
    let forgotten = SessionNewOrder::default();
    let zero = SessionNewOrder {
        account: Some(0),
        ..SessionNewOrder::default()
    };
    assert_ne!(forgotten.encode_to_vec(), zero.encode_to_vec());
    assert_eq!((round_trip(&forgotten), round_trip(&zero)), (0, 2));
}

//! Each malformed field of a change of money or goods is named, with what was wrong and what would
//! be right; amounts are read exactly or refused; no message makes the decoder panic.
#![allow(clippy::assigning_clones, reason = "tables of one-line changes")]

use crate::support::clearing::{asset, custodian, deposit, set_clearing, set_fees};
use crate::support::context;
use crate::support::fields::{self, Case, name};
use engine::clearing::{Asset, Custodian};
use engine::command::{
    AssetClass, Body, Command, CreateVenue, CustodianKind, Demonstration, FeeRates,
};
use engine::types::{PrincipalId, Title};
use proptest::prelude::*;
use prost::Message as _;
use proto::v1;
use sanjiang_gateway::directory::{Tables, VenueEntry};
use sanjiang_gateway::errors::Failure;
use sanjiang_gateway::from_proto::{self, Operation};

/// Participant P, account A, venue V, instrument COAL, CNY (2 decimals), coal (3), two custodians.
fn tables() -> Tables {
    let mut tables = fields::tables();
    tables.participants.put(0, name("P"), name("P"));
    let venue = VenueEntry::new(&CreateVenue {
        name: name("V"),
        title: Title::EMPTY,
        regimes: Vec::new(),
        models: Vec::new(),
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: None,
    });
    tables.venues.put(0, name("V"), venue);
    let unit = name("t");
    for (handle, id, class) in [
        (0, "CNY", AssetClass::Currency { decimals: 2 }),
        (1, "coal", AssetClass::Goods { unit, decimals: 3 }),
    ] {
        let asset = Asset {
            name: name(id),
            class,
            demonstration: Demonstration::Demonstration,
        };
        tables.assets.put(handle, name(id), asset);
    }
    for (handle, id, kind) in [
        (0, "bank", CustodianKind::Bank),
        (1, "warehouse", CustodianKind::Warehouse),
    ] {
        let custodian = Custodian {
            name: name(id),
            kind,
            demonstration: Demonstration::Demonstration,
            closed_through: None,
        };
        tables.custodians.put(handle, name(id), custodian);
    }
    tables
}

fn read(request: &impl Operation) -> Result<Command, Failure> {
    from_proto::operation(request, &tables(), PrincipalId::LOCAL)
}

fn check<T: Operation + Clone>(good: &T, cases: &[Case<T>]) {
    fields::check(good, cases, |request: &T| read(request));
}

#[test]
fn assets_and_custodians() {
    check(
        &asset("copper", v1::AssetClass::Goods, 3, "t"),
        &[
            (|r| r.context = None, "context", "request_id"),
            (|r| r.asset_id.clear(), "asset_id", "1 to 40 bytes"),
            (|r| r.asset_id = "x".repeat(41), "asset_id", "at most 40"),
            (|r| r.asset_class = 0, "asset_class", "1 (CURRENCY)"),
            (|r| r.asset_class = 9, "asset_class", "2 (GOODS)"),
            (|r| r.decimals = 10, "decimals", "0 to 9"),
            (|r| r.unit.clear(), "unit", "1 to 40 bytes"),
            (|r| r.asset_class = 1, "unit", "leave it empty"),
        ],
    );
    check(
        &custodian("new-bank", v1::CustodianKind::Bank),
        &[
            (|r| r.custodian_id.clear(), "custodian_id", "1 to 40 bytes"),
            (|r| r.kind = 0, "kind", "1 (BANK)"),
            (|r| r.kind = 3, "kind", "2 (WAREHOUSE)"),
        ],
    );
}

#[test]
fn clearing_and_tiers() {
    check(
        &set_clearing(),
        &[
            (|r| r.instrument_id.clear(), "instrument_id", "existing"),
            (
                |r| r.money_asset_id.clear(),
                "money_asset_id",
                "an existing asset",
            ),
            (
                |r| r.goods_asset_id.clear(),
                "goods_asset_id",
                "an existing asset",
            ),
        ],
    );
    let tier = v1::SetTierRequest {
        context: context("tier"),
        participant_id: "P".to_owned(),
        tier: 7,
    };
    check(
        &tier,
        &[
            (|r| r.participant_id.clear(), "participant_id", "existing"),
            (|r| r.tier = 8, "tier", "0 to 7"),
        ],
    );
}

fn rates(request: &mut v1::SetFeesRequest) -> &mut v1::FeeRates {
    request.rates.as_mut().expect("a right request has rates")
}

#[test]
fn fees() {
    check(
        &set_fees(),
        &[
            (|r| r.venue_id.clear(), "venue_id", "existing venue"),
            (|r| r.tier = 300, "tier", "0 to 7"),
            (|r| r.rates = None, "rates", "empty rates"),
            (
                |r| rates(r).maker_ppm = 100_001,
                "rates.maker_ppm",
                "100000",
            ),
            (
                |r| rates(r).taker_ppm = -100_001,
                "rates.taker_ppm",
                "-100000",
            ),
            (
                |r| rates(r).auction_ppm = i32::MIN,
                "rates.auction_ppm",
                "-100000",
            ),
            (
                |r| rates(r).per_lot = "0.005".to_owned(),
                "rates.per_lot",
                "2 digits",
            ),
            (
                |r| rates(r).per_lot = "-1".to_owned(),
                "rates.per_lot",
                "between 0",
            ),
            (
                |r| rates(r).per_lot = "10485.77".to_owned(),
                "rates.per_lot",
                "10485.76",
            ),
            (
                |r| rates(r).minimum = "1e2".to_owned(),
                "rates.minimum",
                "like",
            ),
            (
                |r| rates(r).cap = "0.99".to_owned(),
                "rates.cap",
                "rates.minimum",
            ),
            (|r| rates(r).maker_ppm = -1, "rates.minimum", "below zero"),
            (
                |r| r.money_asset_id.clear(),
                "money_asset_id",
                "existing asset",
            ),
        ],
    );
    let mut none = set_fees();
    (none.rates, none.money_asset_id) = (Some(v1::FeeRates::default()), String::new());
    let Body::SetFees(set) = read(&none).expect("no fees need no money").body else {
        panic!("another command");
    };
    assert_eq!(set.rates, FeeRates::default());
    let Body::SetFees(set) = read(&set_fees()).expect("a right request").body else {
        panic!("another command");
    };
    assert_eq!((set.rates.minimum, set.rates.cap), (100, Some(50_000)));
}

#[test]
fn instructions() {
    check(
        &deposit("in", "A", "CNY", "10.50"),
        &[
            (|r| r.account_id.clear(), "account_id", "existing account"),
            (|r| r.asset_id.clear(), "asset_id", "existing asset"),
            (
                |r| r.custodian_id.clear(),
                "custodian_id",
                "existing custodian",
            ),
            (|r| r.direction = 0, "direction", "1 (DEPOSIT)"),
            (|r| r.direction = -1, "direction", "2 (WITHDRAWAL)"),
            (|r| r.amount.clear(), "amount", "above zero"),
            (|r| r.amount = "0".to_owned(), "amount", "above zero"),
            (|r| r.amount = "-1".to_owned(), "amount", "between 0"),
            (|r| r.amount = "10.505".to_owned(), "amount", "2 digits"),
            (|r| r.amount = "ten".to_owned(), "amount", "like"),
            (
                |r| r.amount = "11529215046068469.77".to_owned(),
                "amount",
                "11529215046068469.76",
            ),
        ],
    );
}

#[test]
fn answers_of_custodians() {
    let answer = v1::AcknowledgeInstructionRequest {
        context: context("answer"),
        instruction_id: 7,
        outcome: v1::InstructionOutcome::Refused.into(),
        reference: "bank-1".to_owned(),
        business_date: "2026-11-23".to_owned(),
    };
    check(
        &answer,
        &[
            (
                |r| r.instruction_id = 0,
                "instruction_id",
                "engine_sequence",
            ),
            (|r| r.outcome = 0, "outcome", "1 (EXECUTED)"),
            (|r| r.outcome = 3, "outcome", "2 (REFUSED)"),
            (|r| r.reference.clear(), "reference", "1 to 40 bytes"),
            (
                |r| r.business_date.clear(),
                "business_date",
                "like 2026-11-23",
            ),
            (
                |r| r.business_date = "2026-02-30".to_owned(),
                "business_date",
                "no date",
            ),
        ],
    );
    let close = v1::CloseCustodyDateRequest {
        context: context("close"),
        custodian_id: "bank".to_owned(),
        date: "2026-11-23".to_owned(),
    };
    check(
        &close,
        &[
            (
                |r| r.custodian_id.clear(),
                "custodian_id",
                "existing custodian",
            ),
            (
                |r| r.date = "23.11.2026".to_owned(),
                "date",
                "like 2026-11-23",
            ),
        ],
    );
}

#[test]
fn amounts_are_exact_in_the_decimals_of_their_asset() {
    for (asset, text, units) in [
        ("CNY", "10.5", 1_050),
        ("CNY", "0.01", 1),
        ("coal", "10.5", 10_500),
        ("coal", "0.001", 1),
        ("CNY", "11529215046068469.76", 1 << 60),
    ] {
        let request = deposit("in", "A", asset, text);
        let Body::Instruct(instruct) = read(&request).expect("a right amount").body else {
            panic!("another command");
        };
        assert_eq!(instruct.amount.units(), units, "{text} {asset}");
    }
}

#[test]
fn what_does_not_exist_is_named() {
    let mut request = deposit("in", "A", "CNY", "10.50");
    request.asset_id = "USD".to_owned();
    let Err(Failure::NotFound(kind, missing)) = read(&request) else {
        panic!("it does not exist");
    };
    assert_eq!((kind.as_str(), missing.as_str()), ("asset", "USD"));
    assert_eq!(kind.reason().as_str(), "UNKNOWN_ASSET");
    request.asset_id = "CNY".to_owned();
    request.custodian_id = "purse".to_owned();
    let Err(Failure::NotFound(kind, _)) = read(&request) else {
        panic!("it does not exist");
    };
    assert_eq!(kind.reason().as_str(), "UNKNOWN_CUSTODIAN");
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        macro_rules! decode {
            ($($request:ident),*) => {$(
                if let Ok(request) = v1::$request::decode(bytes.as_slice()) {
                    let _ = read(&request);
                }
            )*};
        }
        decode!(
            CreateAssetRequest, CreateCustodianRequest, SetClearingRequest, SetFeesRequest,
            SetTierRequest, InstructRequest, AcknowledgeInstructionRequest, CloseCustodyDateRequest,
            RegisterReceiptRequest, DrawReceiptRequest, EncumberReceiptRequest, LiftReceiptRequest,
            SplitReceiptRequest, MergeReceiptsRequest, TransferReceiptRequest,
            CancelReceiptRequest, PoolReceiptRequest
        );
    }

    #[test]
    fn no_amount_makes_the_decoder_panic(
        amount in "-?[0-9]{0,30}\\.?[0-9]{0,12}",
        minimum in "-?[0-9]{0,6}\\.?[0-9]{0,3}",
        ppm in any::<i32>(),
    ) {
        let _ = read(&deposit("in", "A", "coal", &amount));
        let mut request = set_fees();
        let rates = request.rates.as_mut().expect("given");
        (rates.per_lot, rates.minimum, rates.taker_ppm) = (amount, minimum, ppm);
        let _ = read(&request);
    }
}

//! Faults seeded into a right year of imports: one above the limit, one refused below it, one that
//! ended and still counts.

use proto::v1::{ContractStep, MakeOfferRequest, OfferPrices, PriceTier};

use super::*;
use crate::shops::{Kind, audit::tests};

/// A report of an import by buyer a: so many pieces for an amount with 13 % in it.
fn report(
    contract: &str,
    at: u64,
    (step, state): (ContractStep, ContractState),
    (pieces, amount, tax): (u32, &str, &str),
) -> ContractReport {
    ContractReport {
        contract_id: contract.to_owned(),
        step: step.into(),
        state: state.into(),
        engine_sequence: at,
        buyer_account_id: "a".to_owned(),
        transact_time: Some(prost_types::Timestamp {
            seconds: 1_780_000_000,
            nanos: 0,
        }),
        pieces,
        amount: amount.to_owned(),
        tax: tax.to_owned(),
        ..ContractReport::default()
    }
}

const SECOND: i64 = 1_000_000_000;

/// 1,130.00 with a tax of 130.00: it counts for 1,000.00.
const TWO: (u32, &str, &str) = (2, "1130.00", "130.00");

fn formed(contract: &str, at: u64) -> ContractReport {
    let step = (ContractStep::Reserve, ContractState::Paid);
    report(contract, at, step, TWO)
}

fn said(fen: i64) -> Said {
    Said {
        owner: "o".to_owned(),
        year: 2026,
        fen,
    }
}

/// Of two imports the first is undone, of the second one piece comes back; customs report 24,000.00
/// in between, and leave room for the second.
fn story() -> (Vec<ContractReport>, Customs) {
    let cancelled = (ContractStep::Cancel, ContractState::Cancelled);
    let accepted = (ContractStep::Accept, ContractState::Accepted);
    let back = (ContractStep::TakeBack, ContractState::Accepted);
    let reports = vec![
        formed("2-0", 2),
        formed("4-0", 4),
        report("2-0", 5, cancelled, TWO),
        ContractReport {
            goods_out: "4".to_owned(),
            ..report("4-0", 6, accepted, TWO)
        },
        ContractReport {
            came_back: 1,
            goods_out: "-2".to_owned(),
            ..report("4-0", 7, back, TWO)
        },
    ];
    (reports, Customs::from([(3, said(2_400_000))]))
}

fn uses() -> Uses {
    Uses::new(HashMap::from([("a".to_owned(), "o".to_owned())]))
}

fn told(here: &str, elsewhere: &str) -> GetAnnualUseResponse {
    GetAnnualUseResponse {
        year: 2026,
        here: here.to_owned(),
        elsewhere: elsewhere.to_owned(),
        ..GetAnnualUseResponse::default()
    }
}

fn objects(reports: &[ContractReport], customs: &Customs, what: &str) {
    let (mut uses, mut faults) = (uses(), Faults::default());
    for report in reports {
        uses.take(report);
    }
    uses.follow(customs, 100, &mut faults);
    let first = &faults.first;
    assert!(first.iter().any(|fault| fault.contains(what)), "{first:#?}");
}

#[test]
fn a_right_year_is_right_at_each_place() {
    let (reports, customs) = story();
    let (mut uses, mut faults) = (uses(), Faults::default());
    for report in &reports {
        uses.take(report);
    }
    for (at, here, elsewhere) in [
        (1, "0.00", "0.00"),
        (2, "1000.00", "0.00"),
        (3, "1000.00", "24000.00"),
        (4, "2000.00", "24000.00"),
        (5, "1000.00", "24000.00"),
        (6, "1000.00", "24000.00"),
        (7, "500.00", "24000.00"),
    ] {
        uses.follow(&customs, at, &mut faults);
        assert_eq!(uses.differs("o", &told(here, elsewhere)), None, "at {at}");
    }
    assert_eq!(faults.count, 0, "{:#?}", faults.first);
    let checked = Checked {
        reported: 1,
        imports: 2,
        limited: 0,
        restored: 2,
    };
    assert_eq!(uses.checked, checked);
    assert!(uses.differs("o", &told("500.01", "24000.00")).is_some());
    assert!(uses.differs("o", &told("500.00", "23999.99")).is_some());
    assert!(uses.differs("p", &told("500.00", "24000.00")).is_some());
}

#[test]
fn an_import_above_the_limit_is_found() {
    let (reports, _) = story();
    let fuller = Customs::from([(3, said(2_400_001))]);
    objects(&reports, &fuller, "formed above the limit");
    let step = (ContractStep::Reserve, ContractState::Paid);
    let dear = report("2-0", 2, step, (2, "5650.02", "650.00"));
    objects(&[dear], &Customs::new(), "formed above the limit");
    let one = report("2-0", 2, step, (1, "5650.02", "650.00"));
    let (mut uses, mut faults) = (uses(), Faults::default());
    uses.take(&one);
    uses.follow(&Customs::new(), 100, &mut faults);
    assert_eq!(faults.count, 0, "one piece is taxed in full");
}

#[test]
fn a_refusal_below_the_limit_is_found() {
    let made = Made {
        asked: MakeOfferRequest {
            prices: Some(OfferPrices {
                tiers: vec![PriceTier {
                    from_pieces: 1,
                    price: "565.00".to_owned(),
                }],
                ..OfferPrices::default()
            }),
            ..MakeOfferRequest::default()
        },
        ..tests::made(Kind::Import)
    };
    let asked = ReserveRequest {
        account_id: "a".to_owned(),
        pieces: 2,
        ..ReserveRequest::default()
    };
    for (elsewhere, faulty) in [(2_500_000, true), (2_500_001, false)] {
        let (mut uses, mut faults) = (uses(), Faults::default());
        uses.refused(&formed("", 4), &asked, &made);
        uses.follow(&Customs::from([(3, said(elsewhere))]), 100, &mut faults);
        assert_eq!(faults.count > 0, faulty, "{:?}", faults.first);
    }
}

#[test]
fn what_left_stays_counted_and_years_are_those_at_utc_8() {
    let (mut reports, customs) = story();
    reports[4] = report(
        "4-0",
        7,
        (ContractStep::Rescind, ContractState::Rescinded),
        TWO,
    );
    let (mut uses, mut faults) = (uses(), Faults::default());
    for report in &reports {
        uses.take(report);
    }
    uses.follow(&customs, 100, &mut faults);
    assert_eq!(uses.differs("o", &told("1000.00", "24000.00")), None);
    // 2026-12-31 15:59:59 and 16:00:00 UTC.
    assert_eq!(year_at(1_798_732_799 * SECOND), 2026);
    assert_eq!(year_at(1_798_732_800 * SECOND), 2027);
    assert_eq!(year_at(0), 1970);
}

//! What comes back for goods that were given back, and what the venue takes of what a seller gets,
//! to the fen.
//!
//! Invariant: rules are written out again (SEMANTICS section 20, *returned* and *settled*); all
//! parts of a sum together are the sum. Not here: whose money it is (`books`, `cover`).

use proto::v1::{ContractReport, ContractState, ContractStep};
use rust_decimal::Decimal;

use super::{fen, found::FEE_PPM};

/// Millionths of a whole.
const WHOLE_PPM: i64 = 1_000_000;

/// Of a sum in fen, paid for so many pieces, what falls to the first `m` of them.
pub const fn part(sum: i64, pieces: i64, m: i64) -> i64 {
    if pieces <= 0 {
        return 0;
    }
    let rest = sum % pieces;
    m * (sum / pieces) + if m < rest { m } else { rest }
}

/// What of an amount was paid for the pieces that have not come back; tax on top apart.
pub fn kept(report: &ContractReport) -> Decimal {
    let sum = fen(&report.amount);
    let back = part(sum, i64::from(report.pieces), i64::from(report.came_back));
    Decimal::new(sum - back, 2)
}

/// Whether a buyer's step gives back what the pieces that came back cost, and their tax.
///
/// # Errors
/// It does not, in words.
pub fn check(
    before: Option<&ContractReport>,
    report: &ContractReport,
    on_top: bool,
) -> Result<(), String> {
    let first = before.map_or(0, |before| i64::from(before.came_back));
    let last = i64::from(report.came_back);
    let (sum, tax, all) = (
        fen(&report.amount),
        fen(&report.tax),
        i64::from(report.pieces),
    );
    let of = |sum: i64| part(sum, all, last) - part(sum, all, first);
    let due = of(sum) + if on_top { of(tax) } else { 0 };
    // What its seller lacks is owed, and paid without goods.
    let owed = if last > first { fen(&report.owing) } else { 0 };
    let (given, taxed) = (
        fen(&report.refunded) + fen(&report.penalty) + owed,
        fen(&report.tax_back),
    );
    let id = &report.contract_id;
    if last < first || last > all {
        return Err(format!(
            "contract {id}: {first} pieces came back, then {last} of {all}"
        ));
    }
    if last == first {
        let right = taxed == 0;
        return right
            .then_some(())
            .ok_or_else(|| format!("contract {id}: tax came back without goods: {report:?}"));
    }
    if (given, taxed) != (due, of(tax)) {
        return Err(format!(
            "contract {id}: {due} fen and {} of tax are right for pieces {first} to {last}, it is \
             {report:?}",
            of(tax)
        ));
    }
    Ok(())
}

/// Whether the venue takes its share of what a seller is paid, rounded up.
///
/// # Errors
/// It does not, in words.
pub fn check_fee(report: &ContractReport) -> Result<(), String> {
    let paid = [
        ContractState::Settled,
        ContractState::Covered,
        ContractState::Performed,
    ];
    let settled = paid.contains(&report.state());
    if !settled || report.step() == ContractStep::Resolve {
        return Ok(());
    }
    let fee = fen(&report.fee);
    let all = fen(&report.paid_out) + fee;
    let due = (all * i64::from(FEE_PPM) + WHOLE_PPM - 1) / WHOLE_PPM;
    if fee == due {
        return Ok(());
    }
    Err(format!(
        "contract {}: a fee of {due} fen is right, it is {report:?}",
        report.contract_id
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 4 pieces for 20.03, tax 2.30, so many came back before.
    fn before(came_back: u32) -> ContractReport {
        ContractReport {
            contract_id: "1-0".to_owned(),
            pieces: 4,
            amount: "20.03".to_owned(),
            tax: "2.30".to_owned(),
            came_back,
            ..ContractReport::default()
        }
    }

    fn after(came_back: u32, refunded: &str, tax_back: &str) -> ContractReport {
        ContractReport {
            refunded: refunded.to_owned(),
            tax_back: tax_back.to_owned(),
            ..before(came_back)
        }
    }

    /// 20.03 is 5.01, 5.01, 5.01, 5.00; 2.30 is 0.58, 0.58, 0.57, 0.57.
    #[test]
    fn what_comes_back_is_the_part_of_its_pieces() {
        for (first, last, refunded, tax_back) in [
            (0, 1, "5.01", "0.58"),
            (2, 4, "10.01", "1.14"),
            (0, 4, "20.03", "2.30"),
        ] {
            let report = after(last, refunded, tax_back);
            assert_eq!(check(Some(&before(first)), &report, false), Ok(()));
        }
        let on_top = after(1, "5.59", "0.58");
        assert_eq!(check(Some(&before(0)), &on_top, true), Ok(()));
        assert_eq!(kept(&before(3)).to_string(), "5.00");
        let covered = ContractReport {
            penalty: "5.01".to_owned(),
            ..after(1, "0.00", "0.58")
        };
        assert_eq!(check(Some(&before(0)), &covered, false), Ok(()));
    }

    #[test]
    fn a_fen_too_much_or_too_little_is_found() {
        for wrong in [after(1, "5.00", "0.58"), after(1, "5.01", "0.57")] {
            let what = check(Some(&before(0)), &wrong, false).unwrap_err();
            assert!(what.contains("501 fen and 58 of tax are right"), "{what}");
        }
        let without = after(2, "0.00", "0.57");
        assert!(check(Some(&before(2)), &without, false).is_err());
        let more = after(5, "0.00", "0.00");
        assert!(check(Some(&before(4)), &more, false).is_err());
        assert!(check(Some(&before(4)), &before(3), false).is_err());
    }

    #[test]
    fn a_fee_that_is_not_rounded_up_is_found() {
        let settled = |paid_out: &str, fee: &str| ContractReport {
            state: ContractState::Settled.into(),
            paid_out: paid_out.to_owned(),
            fee: fee.to_owned(),
            ..before(0)
        };
        // Half a percent of 20.03 is 0.10015.
        assert_eq!(check_fee(&settled("19.92", "0.11")), Ok(()));
        assert!(check_fee(&settled("19.93", "0.10")).is_err());
        assert_eq!(check_fee(&settled("0.00", "0.00")), Ok(()));
    }
}

//! PRESALE 预售: a deposit at once, the balance in a window (SEMANTICS section 24).
//!
//! Invariant: of a deposit at most a fifth of all that is to be paid is earnest money 定金, which the
//! buyer's default forfeits and the seller's returns twice (民法典(2020) 586-587); what is above it
//! is a prepayment, and always returned. Not here: who holds what (`contract::effects`).

use crate::command::Prices;
use crate::types::Time;

/// A presale that has been offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Presale {
    /// From when on balances are paid.
    pub pay_from: Time,
    /// From when on not any more.
    pub pay_until: Time,
    /// How many contracts wait for their balances.
    pub balances: u32,
}

/// Whether an offer has what makes it a presale: it closes before balances are paid.
pub(crate) fn are_bounded(prices: &Prices, pay_from: Time, pay_until: Time) -> bool {
    prices.closes.is_some_and(|closes| closes <= pay_from) && pay_from < pay_until
}

/// What is paid at once, rounded up.
pub(crate) fn deposit_of(to_pay: i64, deposit_bp: u16) -> i64 {
    let parts = i128::from(to_pay) * i128::from(deposit_bp);
    let deposit = (parts + 9_999).div_euclid(10_000);
    i64::try_from(deposit).expect("at most what is to be paid")
}

/// How much of a deposit is earnest money: 民法典(2020) 586, rounded down.
pub(crate) const fn earnest_of(to_pay: i64, deposit: i64) -> i64 {
    let fifth = to_pay / 5;
    if deposit < fifth { deposit } else { fifth }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_at_most_is_earnest_money() {
        let parts = |to_pay, bp| {
            let deposit = deposit_of(to_pay, bp);
            (deposit, earnest_of(to_pay, deposit))
        };
        assert_eq!(parts(100_000, 3_000), (30_000, 20_000));
        assert_eq!(parts(100_000, 2_000), (20_000, 20_000));
        assert_eq!(parts(100_000, 1_999), (19_990, 19_990));
        assert_eq!(parts(99, 2_000), (20, 19));
        assert_eq!(parts(1, 1), (1, 0));
        assert_eq!(parts(1 << 52, 9_999).0, 4_503_149_267_407_759);
    }
}

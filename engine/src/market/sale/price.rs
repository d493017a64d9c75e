//! What pieces cost, and the tax in it or on it.
//!
//! Invariant: whole minor units, rounded half up a line; what is to be paid is at most 2^52. Not
//! here: the price of a piece (`offer`).

use super::offer::Offer;
use crate::clearing::Cleared;
use crate::command::{Plan, Prices, SaleTerms, TaxBasis, Tier};
use crate::market::{flash_sale, group_buy, presale};
use crate::reject::RejectReason;
use crate::venue::Model;

/// What so many pieces cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cost {
    pub(crate) price: i64,
    pub(crate) amount: i64,
    pub(crate) tax: i64,
    pub(crate) to_pay: i64,
}

/// What so many pieces of an offer cost; of a group, at the price before it closes, the highest.
///
/// # Errors
/// ORDER_VALUE.
pub(crate) fn cost_of(offer: &Offer, terms: &SaleTerms, pieces: u32) -> Result<Cost, RejectReason> {
    let price = match terms.plan {
        Plan::Plain | Plan::Flash(_) | Plan::Presale { .. } => offer.price_of(pieces),
        Plan::Group => offer.price,
    };
    cost_at(price, terms, pieces)
}

/// What so many pieces cost at this price of each.
///
/// # Errors
/// ORDER_VALUE.
pub(crate) fn cost_at(price: i64, terms: &SaleTerms, pieces: u32) -> Result<Cost, RejectReason> {
    let amount = i128::from(pieces) * i128::from(price);
    cost_for(price, amount, terms)
}

/// What is paid where this is the amount, of which a discount may have taken its part.
///
/// # Errors
/// ORDER_VALUE.
pub(crate) fn cost_for(price: i64, amount: i128, terms: &SaleTerms) -> Result<Cost, RejectReason> {
    let bp = i128::from(terms.tax_bp);
    let (tax, to_pay) = match terms.tax_basis {
        TaxBasis::VatIn => (half_up(amount * bp, 10_000 + bp), amount),
        TaxBasis::VatOut => {
            let tax = half_up(amount * bp, 10_000);
            (tax, amount + tax)
        }
    };
    if to_pay > Cleared::VALUE_MAX {
        return Err(RejectReason::OrderValue);
    }
    let small = |sum: i128| i64::try_from(sum).expect("at most what is to be paid");
    Ok(Cost {
        price,
        amount: small(amount),
        tax: small(tax),
        to_pay: small(to_pay),
    })
}

/// What is paid at once of what is to be paid, where a deposit is; else zero.
pub(crate) fn deposit_of(to_pay: i64, terms: &SaleTerms) -> i64 {
    match terms.plan {
        Plan::Plain | Plan::Flash(_) | Plan::Group => 0,
        Plan::Presale { deposit_bp } => presale::deposit_of(to_pay, deposit_bp),
    }
}

/// In 64 bits where they do, as nearly always: a long division is most of what a price costs.
fn half_up(above: i128, below: i128) -> i128 {
    let (above, below) = (2 * above + below, 2 * below);
    match (u64::try_from(above), u64::try_from(below)) {
        (Ok(above), Ok(below)) => i128::from(above / below),
        _ => above / below,
    }
}

/// The fewest units of goods in a piece: what is sold at a fixed or tiered price may be a service.
pub(crate) fn units_min(model: Model) -> i64 {
    i64::from(!matches!(model, Model::FixedPrice | Model::TieredPrice))
}

/// Whether prices may be those of an offer by this model.
pub(crate) fn are_valid(prices: &Prices, (model, plan): (Model, Plan)) -> bool {
    let tiers = &prices.tiers;
    let most = match plan {
        Plan::Plain if model == Model::FixedPrice => 1,
        Plan::Flash(mode) if !flash_sale::are_bounded(prices, mode) => return false,
        Plan::Flash(_) | Plan::Presale { .. } => 1,
        Plan::Group if !group_buy::are_bounded(prices) => return false,
        Plan::Plain | Plan::Group => Prices::TIERS_MAX,
    };
    let rising = |pair: &[Tier]| pair[0].from < pair[1].from;
    // A gift has a price of nothing.
    let least = i64::from(model != Model::FixedPrice);
    let priced = |tier: &Tier| (least..=Prices::PRICE_MAX).contains(&tier.price);
    let whole = |pieces: u32| pieces > 0 && pieces.is_multiple_of(prices.step);
    (1..=most).contains(&tiers.len())
        && tiers[0].from == 1
        && tiers.windows(2).all(rising)
        && tiers.iter().all(priced)
        && prices.step > 0
        && whole(prices.min)
        && whole(prices.max)
        && prices.min <= prices.max
        && prices.max <= Prices::PIECES_MAX
        && prices.limit.is_none_or(|limit| limit >= prices.min)
        && prices.closes.is_none_or(|closes| prices.opens < closes)
}

#[cfg(test)]
mod tests {
    use super::half_up;

    #[test]
    fn tax_is_rounded_half_up() {
        // 13 % on 100.50: 13.065; in 113.00: 13.00.
        assert_eq!(half_up(10_050 * 1_300, 10_000), 1_307);
        assert_eq!(half_up(11_300 * 1_300, 11_300), 1_300);
        assert_eq!(half_up(4_999, 10_000), 0);
        assert_eq!(half_up(5_000, 10_000), 1);
        // The same on both sides of where 64 bits end.
        let least = i128::from(u64::MAX / 2);
        for above in least - 2..least + 2 {
            assert_eq!(half_up(above, 1), above);
        }
    }
}

//! What a contract must cost: the price of the tier its pieces reach, or, of a group, those of all;
//! pieces times price, less what a discount took off; the tax of it.
//!
//! Invariant: prices come from what was asked when the offer was made, never from a report; what
//! was taken off stays. Not here: how much a discount takes off (`baskets`), what is held, paid and
//! refunded (`books`).

use std::collections::HashMap;

use proto::v1::{ContractReport, ContractState, ContractStep};
use rust_decimal::{Decimal, RoundingStrategy};

use super::{
    Kind, amount,
    found::{TAX_BP, has_tax_on_top},
    ledger::Made,
};

/// Digits after the point of all amounts.
const DECIMALS: u32 = 2;

/// Pieces that a group's entries have together, by offer; fixed once it closed.
#[derive(Clone, Default, Debug)]
pub struct Groups {
    joined: HashMap<String, u32>,
    closed: HashMap<String, u32>,
}

impl Groups {
    /// Takes in a buyer's next step, after `before`; what its price must be, where it gets one.
    fn take(&mut self, before: Option<&ContractReport>, report: &ContractReport) -> Option<u32> {
        let joined = self.joined.entry(report.offer_id.clone()).or_default();
        match (before, report.step()) {
            (None, _) => {
                *joined += report.pieces;
                // The first, highest price, whatever the pieces.
                Some(1)
            }
            (Some(before), ContractStep::Cancel) if before.state() == ContractState::Joined => {
                *joined = joined.saturating_sub(report.pieces);
                None
            }
            (Some(before), ContractStep::Deadline) if before.state() == ContractState::Joined => {
                let all = *self
                    .closed
                    .entry(report.offer_id.clone())
                    .or_insert(*joined);
                (report.state() == ContractState::Paid).then_some(all)
            }
            (Some(_), _) => None,
        }
    }

    /// Whether a buyer's step leaves the contract at the price it must have.
    ///
    /// # Errors
    /// It does not, in words.
    pub fn check(
        &mut self,
        made: &Made,
        before: Option<&ContractReport>,
        report: &ContractReport,
    ) -> Result<(), String> {
        let reached = if made.kind == Kind::Group {
            self.take(before, report)
        } else {
            before.is_none().then_some(report.pieces)
        };
        let price = match (reached, before) {
            (Some(pieces), _) => price_of(made, pieces),
            (None, Some(before)) => amount(&before.price),
            (None, None) => Decimal::ZERO,
        };
        let off = match before {
            Some(before) => amount(&before.discount),
            None if report.step() == ContractStep::Basket => amount(&report.discount),
            None => Decimal::ZERO,
        };
        let due = price * Decimal::from(report.pieces) - off;
        let tax = tax_of(due, has_tax_on_top(made.kind));
        let told = [&report.price, &report.discount, &report.amount, &report.tax];
        if told.map(|text| amount(text)) == [price, off, due, tax] {
            return Ok(());
        }
        Err(format!(
            "contract {}: price {price}, amount {due} ({off} off), tax {tax} are right, it is \
             {report:?}",
            report.contract_id
        ))
    }
}

/// The price of a piece where so many are taken.
pub fn price_of(made: &Made, pieces: u32) -> Decimal {
    let tiers = made.asked.prices.iter().flat_map(|prices| &prices.tiers);
    let reached = tiers.take_while(|tier| tier.from_pieces <= pieces).last();
    reached.map_or(Decimal::ZERO, |tier| amount(&tier.price))
}

/// The tax on an amount or in it, rounded half up.
pub fn tax_of(due: Decimal, on_top: bool) -> Decimal {
    let (rate, whole) = (Decimal::from(TAX_BP), Decimal::from(10_000));
    let base = if on_top { whole } else { whole + rate };
    (due * rate / base).round_dp_with_strategy(DECIMALS, RoundingStrategy::MidpointAwayFromZero)
}

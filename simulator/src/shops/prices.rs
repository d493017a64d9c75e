//! What a contract must cost: the price of the tier its pieces reach, or, of a group, those of all;
//! pieces times price; the tax of it.
//!
//! Invariant: prices come from what was asked when the offer was made, never from a report. Not
//! here: what of it is held, paid and refunded (`books`).

use std::collections::HashMap;

use proto::v1::{ContractReport, ContractState, ContractStep};
use rust_decimal::{Decimal, RoundingStrategy};

use super::{
    Kind,
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
        let tiers = made.asked.prices.iter().flat_map(|prices| &prices.tiers);
        let price = match (reached, before) {
            (Some(pieces), _) => tiers
                .take_while(|tier| tier.from_pieces <= pieces)
                .last()
                .map(|tier| amount(&tier.price)),
            (None, Some(before)) => Some(amount(&before.price)),
            (None, None) => None,
        };
        let price = price.unwrap_or_default();
        let due = price * Decimal::from(report.pieces);
        let tax = tax_of(due, has_tax_on_top(made.kind));
        let told = [&report.price, &report.amount, &report.tax].map(|text| amount(text));
        if told == [price, due, tax] {
            return Ok(());
        }
        Err(format!(
            "contract {}: price {price}, amount {due}, tax {tax} are right, it is {report:?}",
            report.contract_id
        ))
    }
}

/// The tax on an amount or in it, rounded half up.
fn tax_of(due: Decimal, on_top: bool) -> Decimal {
    let (rate, whole) = (Decimal::from(TAX_BP), Decimal::from(10_000));
    let base = if on_top { whole } else { whole + rate };
    (due * rate / base).round_dp_with_strategy(DECIMALS, RoundingStrategy::MidpointAwayFromZero)
}

fn amount(text: &str) -> Decimal {
    text.parse().unwrap_or_default()
}

//! The words of a reconciliation: names, amounts, what does not agree.
//!
//! Not here: where they are written (`files`, `page`).

use engine::clearing::Holder;
use engine::command::AssetClass;
use engine::types::AssetId;
use rust_decimal::Decimal;

use crate::reconcile::custody_list::{Key, Unlike};
use crate::reconcile::transfers::{Seen, Transfer, Verdict};
use crate::reconcile::{Disagreement, Reconciliation};
use crate::to_proto::{date_text, decimal_text, transfer_text};

/// The words of an asset's lines.
pub(super) struct Words<'a> {
    pub found: &'a Reconciliation,
    pub asset: AssetId,
}

impl Words<'_> {
    pub fn name(&self) -> String {
        let asset = self.found.engine.clearing().assets().asset(self.asset);
        asset.map_or_else(String::new, |asset| asset.name.as_str().to_owned())
    }

    /// What its amounts count, and how finely.
    pub fn unit(&self) -> String {
        let asset = self.found.engine.clearing().assets().asset(self.asset);
        asset.map_or_else(String::new, |asset| match asset.class {
            AssetClass::Currency { decimals } => {
                format!("amounts in {}, {decimals} decimals", asset.name.as_str())
            }
            AssetClass::Goods { unit, decimals } => {
                format!("amounts in {}, {decimals} decimals", unit.as_str())
            }
        })
    }

    pub fn decimal(&self, units: i64) -> Decimal {
        let asset = self.found.engine.clearing().assets().asset(self.asset);
        let decimals = asset.map_or(0, |asset| asset.class.decimals());
        Decimal::from_i128_with_scale(i128::from(units), u32::from(decimals))
    }

    pub fn amount(&self, units: i64) -> String {
        let asset = self.found.engine.clearing().assets().asset(self.asset);
        let decimals = asset.map_or(0, |asset| asset.class.decimals());
        decimal_text(i128::from(units), decimals)
    }

    pub fn holder(&self, holder: Holder) -> [String; 2] {
        let engine = &self.found.engine;
        let name = match holder {
            Holder::Account(id) | Holder::Receivable(id) | Holder::Credit(id) => {
                engine.parties().account(id).map(|account| account.name)
            }
            Holder::Venue(id) => engine.venues().venue(id).map(|venue| venue.name),
            Holder::Custodian(id) => {
                let custodian = engine.clearing().assets().custodian(id);
                custodian.map(|custodian| custodian.name)
            }
            Holder::Transit(shard) => {
                return [kind(holder).to_owned(), shard.index().to_string()];
            }
            Holder::Clearing(id) => {
                let instrument = engine.venues().instrument(id);
                instrument.map(|instrument| instrument.name)
            }
        };
        let name = name.map_or_else(String::new, |name| name.as_str().to_owned());
        [kind(holder).to_owned(), name]
    }

    pub fn disagreement(&self, one: &Disagreement) -> String {
        match *one {
            Disagreement::Position(holder, more) => {
                let [kind, name] = self.holder(holder);
                let more = self.amount(more);
                format!("{kind} {name} has {more} more than what moved says")
            }
            Disagreement::Custodian(holder, more) => {
                let [kind, name] = self.holder(holder);
                let more = self.amount(more);
                format!("{kind} {name} moved {more} more than its references say")
            }
            Disagreement::Sum(sum) => {
                format!("all positions sum to {} instead of zero", self.amount(sum))
            }
        }
    }
}

/// The kind of a holder.
pub(super) const fn kind(holder: Holder) -> &'static str {
    match holder {
        Holder::Account(_) => "account",
        Holder::Venue(_) => "venue",
        Holder::Custodian(_) => "custodian",
        Holder::Receivable(_) => "receivable",
        Holder::Credit(_) => "credit",
        Holder::Transit(_) => "transit",
        Holder::Clearing(_) => "clearing",
    }
}

/// A reference that the custodian has otherwise.
pub(super) fn unlike(one: &Unlike) -> String {
    let Key {
        custodian,
        business_date,
        reference,
        asset,
        is_out,
    } = &one.key;
    let direction = if *is_out { "withdrawal" } else { "deposit" };
    let date = date_text(*business_date);
    let which = format!("custodian {custodian} {date} {reference}, {direction} of {asset}");
    match (one.ours, one.theirs) {
        (Some(ours), Some(theirs)) => format!("{which}: {ours} here, {theirs} in its list"),
        (Some(ours), None) => format!("{which}: {ours} here, not in its list"),
        (None, Some(theirs)) => format!("{which}: {theirs} in its list, not acknowledged here"),
        (None, None) => which,
    }
}

/// A transfer between shards, by the names of their folders.
pub(super) fn transfer(one: &Transfer, folders: &[String]) -> String {
    let halves = |word: &str, all: &[Seen]| {
        let one = |seen: &Seen| {
            let folder = folders.get(seen.folder).map_or("", String::as_str);
            format!(
                " {word} {folder} account {} {} {},",
                seen.account, seen.amount, seen.asset
            )
        };
        all.iter().map(one).collect::<String>()
    };
    let verdict = match one.verdict {
        Verdict::Agrees => "agrees",
        Verdict::InTransit => "in transit",
        Verdict::Overdue => "in transit since before the date",
        Verdict::NeverOut => "it never went out",
        Verdict::Differs => "the halves differ",
        Verdict::Twice => "the same half was done more than once",
    };
    format!(
        "transfer {}:{}{} {verdict}",
        transfer_text(one.id),
        halves("out of", &one.out),
        halves("into", &one.into),
    )
}

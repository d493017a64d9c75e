//! The CSV files of a reconciliation: a line a holder and asset, a line a reference.
//!
//! Invariant: with one folder no column names it, so that files of one exchange stay as they are.
//! Not here: the page for people (`page`).

use std::path::Path;

use engine::clearing::Holder;
use engine::command::Direction;

use super::Folder;
use super::words::Words;
use crate::reconcile::Account;
use crate::to_proto::date_text;

const ACCOUNT_COLUMNS: [&str; 15] = [
    "asset",
    "holder_kind",
    "holder",
    "opening",
    "deposits",
    "withdrawals",
    "trade_money",
    "trade_goods",
    "fees",
    "credit_drawn",
    "credit_repaid",
    "transfers",
    "variation",
    "closing",
    "difference",
];

const REFERENCE_COLUMNS: [&str; 8] = [
    "custodian",
    "business_date",
    "reference",
    "instruction",
    "asset",
    "direction",
    "account",
    "amount",
];

/// A line for every holder and asset.
pub(super) fn accounts(folders: &[Folder], path: &Path) -> Result<(), csv::Error> {
    let mut file = csv::Writer::from_path(path)?;
    file.write_record(named(
        folders,
        "folder",
        &ACCOUNT_COLUMNS.map(str::to_owned),
    ))?;
    for folder in folders {
        for ((asset, holder), account) in &folder.found.accounts {
            let words = folder.words(*asset);
            let [kind, name] = words.holder(*holder);
            let mut row = vec![words.name(), kind, name];
            row.extend(amounts(account).map(|units| words.amount(units)));
            file.write_record(named(folders, &folder.name, &row))?;
        }
    }
    file.flush()?;
    Ok(())
}

/// A line for every reference.
pub(super) fn references(folders: &[Folder], path: &Path) -> Result<(), csv::Error> {
    let mut file = csv::Writer::from_path(path)?;
    file.write_record(named(
        folders,
        "folder",
        &REFERENCE_COLUMNS.map(str::to_owned),
    ))?;
    for folder in folders {
        for one in &folder.found.references {
            let words: Words<'_> = folder.words(one.asset);
            let [_, custodian] = words.holder(Holder::Custodian(one.custodian));
            let [_, account] = words.holder(Holder::Account(one.account));
            let direction = match one.direction {
                Direction::Deposit => "deposit",
                Direction::Withdrawal => "withdrawal",
            };
            let row = [
                custodian,
                date_text(one.business_date),
                one.reference.as_str().to_owned(),
                one.instruction.value().to_string(),
                words.name(),
                direction.to_owned(),
                account,
                words.amount(one.amount.units()),
            ];
            file.write_record(named(folders, &folder.name, &row))?;
        }
    }
    file.flush()?;
    Ok(())
}

/// A row with its folder in front, where there are several.
fn named(folders: &[Folder], name: &str, row: &[String]) -> Vec<String> {
    let name = (folders.len() > 1).then(|| name.to_owned());
    name.into_iter().chain(row.iter().cloned()).collect()
}

/// An account's numbers in the order of the file.
fn amounts(account: &Account) -> impl Iterator<Item = i64> {
    let ends = [account.closing(), account.difference()];
    let moved = account.moved;
    [account.opening].into_iter().chain(moved).chain(ends)
}

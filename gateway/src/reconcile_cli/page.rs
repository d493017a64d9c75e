//! The page for people, in Markdown: each account with what it had, what moved and what it has, the
//! sums of a kind, what custodians keep, and what does not agree.
//!
//! Invariant: a column of movements stands there exactly if something of the asset moved so, so
//! opening and the columns between make the closing in every row. Not here: the comparison.

use std::fmt::Write as _;

use engine::clearing::Holder;
use engine::command::Direction;
use engine::types::AssetId;

use super::words::{Words, kind};
use super::{Folder, Told};
use crate::reconcile::{Account, KINDS};

/// The columns of movements, as in [`Account::moved`].
const MOVED: [&str; KINDS] = [
    "deposits",
    "withdrawals",
    "trades, money",
    "trades, goods",
    "fees",
    "credit drawn",
    "credit repaid",
    "transfers",
    "variation",
];

/// The whole page.
pub(super) fn text(folders: &[Folder], told: &Told) -> String {
    let mut page = format!("# Reconciliation of {}\n", told.span);
    for folder in folders {
        let name = &folder.name;
        line(&mut page, &format!("\n## {name}"));
        for asset in folder.found.assets() {
            let words = folder.words(asset);
            let heading = format!("\n### {}: {}\n", words.name(), words.unit());
            line(&mut page, &heading);
            page.push_str(&accounts(&words));
            line(&mut page, "");
            page.push_str(&custodians(&words));
        }
    }
    if folders.len() > 1 {
        list(
            &mut page,
            "Transfers between shards",
            &told.transfers,
            "none",
        );
    }
    list(
        &mut page,
        "Differences",
        &told.differences,
        "no differences",
    );
    page
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

fn list(page: &mut String, title: &str, all: &[String], nothing: &str) {
    line(page, &format!("\n## {title}\n"));
    if all.is_empty() {
        line(page, nothing);
    }
    for one in all {
        line(page, &format!("- {one}"));
    }
}

/// Every holder of an asset, and after those of a kind their sum.
fn accounts(words: &Words<'_>) -> String {
    let all: Vec<(Holder, Account)> = words
        .found
        .holders(words.asset)
        .map(|(holder, account)| (holder, *account))
        .collect();
    let used: Vec<usize> = (0..KINDS)
        .filter(|place| all.iter().any(|(_, account)| account.moved[*place] != 0))
        .collect();
    let head = ["holder", "", "opening"].map(str::to_owned).into_iter();
    let head = head.chain(used.iter().map(|place| MOVED[*place].to_owned()));
    let mut rows = vec![head.chain(["closing".to_owned()]).collect::<Vec<_>>()];
    let row = |names: [String; 2], account: &Account| {
        let moved = used.iter().map(|place| account.moved[*place]);
        let numbers = [account.opening].into_iter().chain(moved);
        let numbers = numbers.chain([account.closing()]);
        let numbers = numbers.map(|units| words.amount(units));
        names.into_iter().chain(numbers).collect::<Vec<_>>()
    };
    let mut everybody = Account::default();
    let mut rest = &all[..];
    while let Some((first, _)) = rest.first() {
        let of_kind = kind(*first);
        let end = rest.iter().position(|(holder, _)| kind(*holder) != of_kind);
        let (own, others) = rest.split_at(end.unwrap_or(rest.len()));
        let mut sum = Account::default();
        for (holder, account) in own {
            rows.push(row(words.holder(*holder), account));
            sum.add(account);
        }
        everybody.add(&sum);
        rows.push(row([format!("all of kind {of_kind}"), String::new()], &sum));
        rest = others;
    }
    rows.push(row(["everybody".to_owned(), String::new()], &everybody));
    table(&rows, 2)
}

/// What each custodian keeps, against its references.
fn custodians(words: &Words<'_>) -> String {
    let head = ["custodian", "kept before", "references in", "received"];
    let head = head
        .into_iter()
        .chain(["references out", "handed out", "keeps"]);
    let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    for (holder, account) in words.found.holders(words.asset) {
        let Holder::Custodian(custodian) = holder else {
            continue;
        };
        let (mut counts, mut sums) = ([0_u64; 2], [0_i64; 2]);
        let own = words.found.references.iter();
        for one in own.filter(|one| one.asset == words.asset && one.custodian == custodian) {
            let place = match one.direction {
                Direction::Deposit => 0,
                Direction::Withdrawal => 1,
            };
            counts[place] += 1;
            sums[place] += one.amount.units();
        }
        let [_, name] = words.holder(holder);
        rows.push(vec![
            name,
            words.amount(-account.opening),
            counts[0].to_string(),
            words.amount(sums[0]),
            counts[1].to_string(),
            words.amount(sums[1]),
            words.amount(-account.closing()),
        ]);
    }
    table(&rows, 1)
}

/// A table whose first row is its head; the first `left` columns are words, the others numbers.
fn table(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a string cannot fail.
            let _ = if column < left {
                write!(text, "| {cell:<width$} ")
            } else {
                write!(text, "| {cell:>width$} ")
            };
        }
        text.push_str("|\n");
        if place == 0 {
            for (column, width) in widths.iter().enumerate() {
                let dashes = "-".repeat(width - 1);
                let _ = if column < left {
                    write!(text, "| {dashes}- ")
                } else {
                    write!(text, "| {dashes}: ")
                };
            }
            text.push_str("|\n");
        }
    }
    text
}

impl Folder {
    /// The words of an asset of it.
    pub(super) fn words(&self, asset: AssetId) -> Words<'_> {
        Words {
            found: &self.found,
            asset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_words_left_and_numbers_right() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["holder", "", "closing"]),
            row(["account", "仓A", "-1.50"]),
        ];
        assert_eq!(
            table(&rows, 2),
            "| holder  |     | closing |\n\
             | ------- | --- | ------: |\n\
             | account | 仓A  |   -1.50 |\n"
        );
    }
}

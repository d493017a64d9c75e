//! What custodians themselves say they moved, against the references the exchange acknowledged.
//!
//! Invariant: each reference of either side is of the other too, with the same amount, or it is
//! named. Not here: whether positions moved by the references (`reconcile`).

use std::collections::BTreeMap;
use std::path::Path;

use engine::command::Direction;
use rust_decimal::Decimal;

use crate::from_proto::date;

/// The columns a list must have, in any order and beside any others.
pub const COLUMNS: [&str; 6] = [
    "custodian",
    "business_date",
    "reference",
    "asset",
    "direction",
    "amount",
];

/// What a reference is known by: custodian, business date, the custodian's own reference, asset,
/// direction.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key {
    /// The custodian.
    pub custodian: String,
    /// Its business date, in days from 1970-01-01.
    pub business_date: i32,
    /// Its own reference.
    pub reference: String,
    /// What moved.
    pub asset: String,
    /// Whether it went out.
    pub is_out: bool,
}

impl Key {
    /// Whether this direction is out of the exchange.
    pub const fn is_out(direction: Direction) -> bool {
        match direction {
            Direction::Deposit => false,
            Direction::Withdrawal => true,
        }
    }
}

/// References with their amounts.
pub type List = BTreeMap<Key, Decimal>;

/// A reference that is not the same on both sides: what the exchange has, and what the custodian.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unlike {
    /// Which.
    pub key: Key,
    /// The amount here; none if it is not here.
    pub ours: Option<Decimal>,
    /// The amount there.
    pub theirs: Option<Decimal>,
}

/// Why a list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file.
    #[error("{0}")]
    Csv(#[from] csv::Error),
    /// A column is missing.
    #[error("it has no column \"{0}\"; it should have: {columns}", columns = COLUMNS.join(", "))]
    Column(&'static str),
    /// A line says something no custodian can.
    #[error("line {line}: {column} \"{text}\": it should be {should}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What it says.
        text: String,
        /// What would be right.
        should: &'static str,
    },
}

/// Reads a list from a CSV file.
///
/// # Errors
/// It cannot be read, a column is missing, a line is wrong or stands there twice.
pub fn read(path: &Path) -> Result<List, ListError> {
    let mut file = csv::Reader::from_path(path)?;
    let headers = file.headers()?.clone();
    let place = |column: &'static str| {
        let found = headers.iter().position(|header| header == column);
        found.ok_or(ListError::Column(column))
    };
    let mut places = [0; COLUMNS.len()];
    for (place_of, column) in places.iter_mut().zip(COLUMNS) {
        *place_of = place(column)?;
    }
    let mut list = List::new();
    for record in file.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |at: usize| record.get(places[at]).unwrap_or_default().to_owned();
        let wrong = |at: usize, should: &'static str| ListError::Line {
            line,
            column: COLUMNS[at],
            text: cell(at),
            should,
        };
        let is_out = match cell(4).as_str() {
            "deposit" => false,
            "withdrawal" => true,
            _ => return Err(wrong(4, "deposit or withdrawal")),
        };
        let key = Key {
            custodian: cell(0),
            business_date: date(&cell(1)).ok_or_else(|| wrong(1, "a date like 2026-11-29"))?,
            reference: cell(2),
            asset: cell(3),
            is_out,
        };
        let amount = cell(5).parse::<Decimal>();
        let amount = amount.map_err(|_| wrong(5, "an amount like 12.50"))?;
        if list.insert(key, amount).is_some() {
            return Err(wrong(2, "there once"));
        }
    }
    Ok(list)
}

/// Every reference that is not the same on both sides, in order.
pub fn unlike(ours: &List, theirs: &List) -> Vec<Unlike> {
    let mut all: BTreeMap<&Key, [Option<Decimal>; 2]> = BTreeMap::new();
    for (place, list) in [ours, theirs].into_iter().enumerate() {
        for (key, amount) in list {
            all.entry(key).or_default()[place] = Some(*amount);
        }
    }
    let differ = all.into_iter().filter(|(_, [ours, theirs])| ours != theirs);
    differ
        .map(|(key, [ours, theirs])| Unlike {
            key: key.clone(),
            ours,
            theirs,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<List, ListError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        read(file.path())
    }

    const HEAD: &str = "amount,custodian,business_date,reference,note,asset,direction\n";

    #[test]
    fn columns_are_found_by_name_and_what_differs_is_named() {
        let ours = list(&format!(
            "{HEAD}20.00,bank,2026-11-29,r-1,,CNY,deposit\n\
             5.00,bank,2026-11-29,r-2,,CNY,withdrawal\n\
             7.00,bank,2026-11-29,r-3,,CNY,deposit\n"
        ));
        let theirs = list(&format!(
            "{HEAD}20.0,bank,2026-11-29,r-1,,CNY,deposit\n\
             5.01,bank,2026-11-29,r-2,,CNY,withdrawal\n\
             9.00,bank,2026-11-29,r-4,,CNY,deposit\n"
        ));
        let (ours, theirs) = (ours.expect("a list"), theirs.expect("a list"));
        assert_eq!(unlike(&ours, &ours), []);
        let found = unlike(&ours, &theirs);
        let said: Vec<_> = found
            .iter()
            .map(|one| (one.key.reference.as_str(), one.ours, one.theirs))
            .collect();
        let amount = |units: i64| Some(Decimal::new(units, 2));
        assert_eq!(
            said,
            [
                ("r-2", amount(500), amount(501)),
                ("r-3", amount(700), None),
                ("r-4", None, amount(900)),
            ]
        );
    }

    #[test]
    fn a_list_that_cannot_be_read_says_where() {
        let said = |text: &str| list(text).expect_err("wrong").to_string();
        assert!(said("custodian,asset\n").starts_with("it has no column \"business_date\""));
        let line = format!("{HEAD}20.00,bank,2026-11-31,r-1,,CNY,deposit\n");
        let wrong = "line 2: business_date \"2026-11-31\": it should be a date like 2026-11-29";
        assert_eq!(said(&line), wrong);
        let line = format!("{HEAD}x,bank,2026-11-30,r-1,,CNY,deposit\n");
        assert!(said(&line).contains("amount \"x\""), "{}", said(&line));
        let line = format!("{HEAD}1,bank,2026-11-30,r-1,,CNY,in\n");
        assert!(said(&line).contains("deposit or withdrawal"));
        let one = "1,bank,2026-11-30,r-1,,CNY,deposit\n";
        assert!(said(&format!("{HEAD}{one}{one}")).contains("line 3: reference \"r-1\""));
    }
}

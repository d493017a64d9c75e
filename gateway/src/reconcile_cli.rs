//! `gateway reconcile`: a stopped folder's money and goods, compared and told.
//!
//! Invariant: nothing is opened for writing but the files asked for. Exit status: 0 when every
//! asset agrees, 1 when one does not, 2 when it could not be looked at. Not here: the comparison
//! (`reconcile`).

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use engine::clearing::Holder;
use engine::command::Direction;
use engine::runtime::StartError;
use engine::types::{AssetId, Sequence, Time};

use crate::config::ReconcileArguments;
use crate::from_proto::date;
use crate::reconcile::{Account, Disagreement, Reconciliation, Span, begins};
use crate::to_proto::decimal_text;

/// What the exit status says.
const AGREES: u8 = 0;
const DIFFERS: u8 = 1;
const NOT_LOOKED_AT: u8 = 2;

/// Why a reconciliation ended early.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("--date: \"{0}\" is no date; one is written like 2026-11-29")]
    Date(String),
    #[error("{0}")]
    Folder(#[from] StartError),
    #[error(
        "the day lies before command {0}, where the rules of this build begin; reconcile it with \
         the build that wrote it"
    )]
    OlderRules(u64),
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
    #[error("the CSV file could not be written: {0}")]
    Csv(#[from] csv::Error),
}

/// Carries out the command; words go to `out`.
pub fn run(arguments: &ReconcileArguments, out: &mut impl Write) -> ExitCode {
    ExitCode::from(reconcile(arguments, out).unwrap_or_else(|error| {
        eprintln!("{error}");
        NOT_LOOKED_AT
    }))
}

fn reconcile(arguments: &ReconcileArguments, out: &mut impl Write) -> Result<u8, CliError> {
    let span = match &arguments.date {
        None => Span {
            from: Time::ZERO,
            until: None,
        },
        Some(text) => day(text).ok_or_else(|| CliError::Date(text.clone()))?,
    };
    let found = Reconciliation::of(&arguments.data_dir, span)?;
    if found.base > Sequence::ZERO && found.base_time >= span.from {
        let base = found.base.value();
        if span.until.is_some_and(|until| found.base_time >= until) {
            return Err(CliError::OlderRules(base));
        }
        eprintln!("what can be replayed begins after command {base}: openings are of there");
    }
    let mut status = AGREES;
    for asset in found.assets() {
        let wrong = found.disagreements(asset);
        print_asset(&found, asset, &wrong, out)?;
        if !wrong.is_empty() {
            status = DIFFERS;
        }
    }
    if let Some(path) = &arguments.csv {
        write_accounts(&found, path)?;
    }
    if let Some(path) = &arguments.references {
        write_references(&found, path)?;
    }
    Ok(status)
}

/// The span of a business date at UTC+8.
fn day(text: &str) -> Option<Span> {
    let days = i64::from(date(text)?);
    Some(Span {
        from: begins(days)?,
        until: Some(begins(days + 1)?),
    })
}

/// One line an asset, and one more for each thing that does not agree.
fn print_asset(
    found: &Reconciliation,
    asset: AssetId,
    wrong: &[Disagreement],
    out: &mut impl Write,
) -> io::Result<()> {
    let words = Words { found, asset };
    let (mut accounts, mut fees, mut custody) = ([0; 2], [0; 2], [0; 2]);
    let mut owed = [0; 2];
    let (mut lent, mut transit) = (None, None);
    let mut pools = None;
    let (mut moved_in, mut moved_out) = (0, 0);
    for (holder, account) in found.holders(asset) {
        let sums = match holder {
            Holder::Account(_) => &mut accounts,
            Holder::Venue(_) => &mut fees,
            Holder::Custodian(_) => &mut custody,
            Holder::Receivable(_) => &mut owed,
            Holder::Credit(_) => lent.get_or_insert([0; 2]),
            Holder::Transit(_) => transit.get_or_insert([0; 2]),
            Holder::Clearing(_) => pools.get_or_insert([0; 2]),
        };
        sums[0] += account.opening;
        sums[1] += account.closing();
        if let Holder::Account(_) = holder {
            moved_in += account.moved[0];
            moved_out -= account.moved[1];
        }
    }
    let references = found.references.iter();
    let references = references.filter(|one| one.asset == asset).count();
    // What is owed since busts is in accounts and at no custodian.
    let owed = if owed == [0, 0] {
        String::new()
    } else {
        let [before, after] = owed.map(|owed| words.amount(-owed));
        format!(" owed opening {before} closing {after};")
    };
    // Said only of an asset that was ever lent or transferred.
    let others = |at: usize| {
        let part = |word: &str, sums: Option<[i64; 2]>| {
            sums.map_or_else(String::new, |sums| {
                format!(" {word} {}", words.amount(-sums[at]))
            })
        };
        part("lent", lent) + &part("from other shards", transit)
    };
    writeln!(
        out,
        "{}: opening accounts {} fees {} custody {}{}; in {} out {} ({references} references); \
         closing accounts {} fees {} custody {}{};{owed} {}",
        words.name(),
        words.amount(accounts[0]),
        words.amount(fees[0]),
        words.amount(-custody[0]),
        others(0),
        words.amount(moved_in),
        words.amount(moved_out),
        words.amount(accounts[1]),
        words.amount(fees[1]),
        words.amount(-custody[1]),
        others(1),
        if wrong.is_empty() {
            "agrees"
        } else {
            "DIFFERS"
        },
    )?;
    if let Some(pools) = pools {
        let [opening, closing] = pools.map(|units| words.amount(units));
        writeln!(out, "  margin pools: opening {opening}; closing {closing}")?;
    }
    for one in wrong {
        writeln!(out, "  {}", words.disagreement(one))?;
    }
    Ok(())
}

/// The words of an asset's lines.
struct Words<'a> {
    found: &'a Reconciliation,
    asset: AssetId,
}

impl Words<'_> {
    fn name(&self) -> String {
        let asset = self.found.engine.clearing().assets().asset(self.asset);
        asset.map_or_else(String::new, |asset| asset.name.as_str().to_owned())
    }

    fn amount(&self, units: i64) -> String {
        let asset = self.found.engine.clearing().assets().asset(self.asset);
        let decimals = asset.map_or(0, |asset| asset.class.decimals());
        decimal_text(i128::from(units), decimals)
    }

    fn holder(&self, holder: Holder) -> [String; 2] {
        let engine = &self.found.engine;
        let (kind, name) = match holder {
            Holder::Account(id) => {
                let account = engine.parties().account(id);
                ("account", account.map(|account| account.name))
            }
            Holder::Venue(id) => {
                let venue = engine.venues().venue(id);
                ("venue", venue.map(|venue| venue.name))
            }
            Holder::Custodian(id) => {
                let custodian = engine.clearing().assets().custodian(id);
                ("custodian", custodian.map(|custodian| custodian.name))
            }
            Holder::Receivable(id) => {
                let account = engine.parties().account(id);
                ("receivable", account.map(|account| account.name))
            }
            Holder::Credit(id) => {
                let account = engine.parties().account(id);
                ("credit", account.map(|account| account.name))
            }
            Holder::Transit(shard) => {
                return ["transit".to_owned(), shard.index().to_string()];
            }
            Holder::Clearing(id) => {
                let instrument = engine.venues().instrument(id);
                ("clearing", instrument.map(|instrument| instrument.name))
            }
        };
        let name = name.map_or_else(String::new, |name| name.as_str().to_owned());
        [kind.to_owned(), name]
    }

    fn disagreement(&self, one: &Disagreement) -> String {
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

fn write_accounts(found: &Reconciliation, path: &Path) -> Result<(), CliError> {
    let mut file = csv::Writer::from_path(path)?;
    file.write_record([
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
    ])?;
    for ((asset, holder), account) in &found.accounts {
        let words = Words {
            found,
            asset: *asset,
        };
        let [kind, name] = words.holder(*holder);
        let mut row = vec![words.name(), kind, name];
        row.extend(amounts(account).map(|units| words.amount(units)));
        file.write_record(row)?;
    }
    file.flush()?;
    Ok(())
}

/// An account's numbers in the order of the file.
fn amounts(account: &Account) -> impl Iterator<Item = i64> {
    let ends = [account.closing(), account.difference()];
    let moved = account.moved;
    [account.opening].into_iter().chain(moved).chain(ends)
}

fn write_references(found: &Reconciliation, path: &Path) -> Result<(), CliError> {
    let mut file = csv::Writer::from_path(path)?;
    file.write_record([
        "custodian",
        "business_date",
        "reference",
        "instruction",
        "asset",
        "direction",
        "account",
        "amount",
    ])?;
    for one in &found.references {
        let words = Words {
            found,
            asset: one.asset,
        };
        let [_, custodian] = words.holder(Holder::Custodian(one.custodian));
        let [_, account] = words.holder(Holder::Account(one.account));
        let direction = match one.direction {
            Direction::Deposit => "deposit",
            Direction::Withdrawal => "withdrawal",
        };
        file.write_record([
            custodian,
            crate::to_proto::date_text(one.business_date),
            one.reference.as_str().to_owned(),
            one.instruction.value().to_string(),
            words.name(),
            direction.to_owned(),
            account,
            words.amount(one.amount.units()),
        ])?;
    }
    file.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::DAY_NANOSECONDS;

    #[test]
    fn a_business_date_is_a_day_at_utc_plus_8() {
        let span = day("1970-01-02").expect("a date");
        assert_eq!(span.from.nanoseconds(), 16 * 3_600 * 1_000_000_000);
        let length = span.until.expect("an end").nanoseconds() - span.from.nanoseconds();
        assert_eq!(length, DAY_NANOSECONDS);
        assert_eq!(day("yesterday"), None);
        assert_eq!(
            day("1970-01-01"),
            None,
            "it begins before the first instant"
        );
    }
}

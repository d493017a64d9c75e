//! `gateway reconcile`: the money and goods of stopped folders, compared and told.
//!
//! Invariant: nothing is opened for writing but the files asked for. Exit status: 0 when everything
//! agrees, 1 when something does not, 2 when it could not be looked at. Not here: the comparison
//! (`reconcile`).

mod files;
mod page;
mod words;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use engine::clearing::Holder;
use engine::runtime::StartError;
use engine::types::{AssetId, Sequence, Time};

use crate::config::ReconcileArguments;
use crate::from_proto::date;
use crate::reconcile::custody_list::{self, Key, List, ListError};
use crate::reconcile::transfers::{self, Seen, Verdict};
use crate::reconcile::{Disagreement, Reconciliation, Span, begins};

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
    #[error("--page: {0}: {1}")]
    Page(PathBuf, io::Error),
    #[error("--custody: {0}")]
    Custody(#[from] ListError),
}

/// A folder that was looked at, under the name it was given.
struct Folder {
    name: String,
    found: Reconciliation,
}

/// What is told beside the tables.
struct Told {
    /// Of when.
    span: String,
    /// Every transfer between the folders that was done by the end of the span.
    transfers: Vec<String>,
    /// Everything that does not agree.
    differences: Vec<String>,
}

impl Told {
    fn new(span: String) -> Self {
        Self {
            span,
            transfers: Vec::new(),
            differences: Vec::new(),
        }
    }

    fn status(&self) -> u8 {
        if self.differences.is_empty() {
            AGREES
        } else {
            DIFFERS
        }
    }
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
    let mut told = Told::new(arguments.date.as_ref().map_or_else(
        || "all that is kept".to_owned(),
        |date| format!("business date {date} (UTC+8)"),
    ));
    let folders = look(&arguments.data_dir, span)?;
    for folder in &folders {
        if folders.len() > 1 {
            writeln!(out, "{}", folder.name)?;
        }
        tell_assets(folder, &mut told, out)?;
    }
    if folders.len() > 1 {
        match_transfers(&folders, span, &mut told, out)?;
    }
    if let Some(path) = &arguments.custody {
        compare_custody(&folders, path, &mut told, out)?;
    }
    if let Some(path) = &arguments.csv {
        files::accounts(&folders, path)?;
    }
    if let Some(path) = &arguments.references {
        files::references(&folders, path)?;
    }
    if let Some(path) = &arguments.page {
        let written = std::fs::write(path, page::text(&folders, &told));
        written.map_err(|error| CliError::Page(path.clone(), error))?;
    }
    Ok(told.status())
}

/// The lines of a folder's assets.
fn tell_assets(folder: &Folder, told: &mut Told, out: &mut impl Write) -> io::Result<()> {
    for asset in folder.found.assets() {
        let wrong = folder.found.disagreements(asset);
        print_asset(folder, asset, &wrong, out)?;
        let words = folder.words(asset);
        let said = wrong.iter().map(|one| words.disagreement(one));
        let said = said.map(|said| format!("{}: {}: {said}", folder.name, words.name()));
        told.differences.extend(said);
    }
    Ok(())
}

/// Reconciles each folder. Of several all is replayed: a half of a transfer may be of any day.
fn look(data_dirs: &[PathBuf], span: Span) -> Result<Vec<Folder>, CliError> {
    let several = data_dirs.len() > 1;
    let mut folders = Vec::new();
    for data_dir in data_dirs {
        let since = if several { Time::ZERO } else { span.from };
        let found = Reconciliation::of(data_dir, span, since)?;
        let name = data_dir.display().to_string();
        let base = found.base.value();
        if found.base > Sequence::ZERO && found.base_time >= span.from {
            if span.until.is_some_and(|until| found.base_time >= until) {
                return Err(CliError::OlderRules(base));
            }
            eprintln!("what can be replayed begins after command {base}: openings are of there");
        }
        if several && found.base > Sequence::ZERO {
            eprintln!("{name}: transfers up to command {base} cannot be matched");
        }
        folders.push(Folder { name, found });
    }
    Ok(folders)
}

/// The span of a business date at UTC+8.
fn day(text: &str) -> Option<Span> {
    let days = i64::from(date(text)?);
    Some(Span {
        from: begins(days)?,
        until: Some(begins(days + 1)?),
    })
}

/// Matches transfers over all folders: one line, and one more for each that is not done and well.
fn match_transfers(
    folders: &[Folder],
    span: Span,
    told: &mut Told,
    out: &mut impl Write,
) -> io::Result<()> {
    let halves = folders.iter().enumerate().flat_map(|(place, folder)| {
        folder.found.transfers.iter().map(move |(report, time)| {
            let words = folder.words(report.asset);
            let [_, account] = words.holder(Holder::Account(report.account));
            let seen = Seen {
                folder: place,
                account,
                asset: words.name(),
                amount: words.decimal(report.amount.units()),
                time: *time,
            };
            (report.half, report.transfer, seen)
        })
    });
    let all = transfers::matched(halves, span);
    let names: Vec<_> = folders.iter().map(|folder| folder.name.clone()).collect();
    let count = |verdict: fn(Verdict) -> bool| {
        let own = all.iter().filter(|one| verdict(one.verdict));
        own.count()
    };
    let wrong = count(Verdict::is_wrong);
    writeln!(
        out,
        "transfers: {} agree, {} in transit, {wrong} {}",
        count(|verdict| verdict == Verdict::Agrees),
        count(|verdict| verdict == Verdict::InTransit),
        if wrong == 0 { "differ" } else { "DIFFER" },
    )?;
    for one in &all {
        let said = words::transfer(one, &names);
        if one.verdict != Verdict::Agrees {
            writeln!(out, "  {said}")?;
        }
        if one.verdict.is_wrong() {
            told.differences.push(said.clone());
        }
        told.transfers.push(said);
    }
    Ok(())
}

/// Compares all references with the custodians' own list: one line, and one more for each that is
/// not the same.
fn compare_custody(
    folders: &[Folder],
    path: &Path,
    told: &mut Told,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let theirs = custody_list::read(path)?;
    let mut ours = List::new();
    for folder in folders {
        for one in &folder.found.references {
            let words = folder.words(one.asset);
            let [_, custodian] = words.holder(Holder::Custodian(one.custodian));
            let key = Key {
                custodian,
                business_date: one.business_date,
                reference: one.reference.as_str().to_owned(),
                asset: words.name(),
                is_out: Key::is_out(one.direction),
            };
            // Shards have custodians of their own names, or share one: then both are added up.
            *ours.entry(key).or_default() += words.decimal(one.amount.units());
        }
    }
    let unlike = custody_list::unlike(&ours, &theirs);
    let verdict = if unlike.is_empty() {
        "agrees".to_owned()
    } else {
        format!("{} DIFFER", unlike.len())
    };
    writeln!(
        out,
        "custodians' list: {} references there, {} here; {verdict}",
        theirs.len(),
        ours.len()
    )?;
    for one in &unlike {
        let said = words::unlike(one);
        writeln!(out, "  {said}")?;
        told.differences.push(said);
    }
    Ok(())
}

/// What the holders of a kind had and have.
type Sums = [i64; 2];

/// The sums of an asset by kind of holder.
#[derive(Default)]
struct Totals {
    accounts: Sums,
    fees: Sums,
    custody: Sums,
    owed: Sums,
    lent: Option<Sums>,
    transit: Option<Sums>,
    pools: Option<Sums>,
    moved_in: i64,
    moved_out: i64,
}

impl Totals {
    fn of(found: &Reconciliation, asset: AssetId) -> Self {
        let mut totals = Self::default();
        for (holder, account) in found.holders(asset) {
            let sums = match holder {
                Holder::Account(_) => {
                    totals.moved_in += account.moved[0];
                    totals.moved_out -= account.moved[1];
                    &mut totals.accounts
                }
                Holder::Venue(_) => &mut totals.fees,
                Holder::Custodian(_) => &mut totals.custody,
                Holder::Receivable(_) => &mut totals.owed,
                Holder::Credit(_) => totals.lent.get_or_insert_default(),
                Holder::Transit(_) => totals.transit.get_or_insert_default(),
                Holder::Clearing(_) => totals.pools.get_or_insert_default(),
            };
            sums[0] += account.opening;
            sums[1] += account.closing();
        }
        totals
    }
}

/// One line an asset, and one more for each thing that does not agree.
fn print_asset(
    folder: &Folder,
    asset: AssetId,
    wrong: &[Disagreement],
    out: &mut impl Write,
) -> io::Result<()> {
    let words = folder.words(asset);
    let totals = Totals::of(&folder.found, asset);
    let references = folder.found.references.iter();
    let references = references.filter(|one| one.asset == asset).count();
    // What is owed since busts is in accounts and at no custodian.
    let owed = if totals.owed == [0, 0] {
        String::new()
    } else {
        let [before, after] = totals.owed.map(|owed| words.amount(-owed));
        format!(" owed opening {before} closing {after};")
    };
    // Said only of an asset that was ever lent or transferred, or that pools of margin collect.
    let others = |at: usize| {
        let part = |word: &str, sums: Option<Sums>, sign: i64| {
            sums.map_or_else(String::new, |sums| {
                format!(" {word} {}", words.amount(sign * sums[at]))
            })
        };
        part("lent", totals.lent, -1)
            + &part("from other shards", totals.transit, -1)
            + &part("margin pools", totals.pools, 1)
    };
    let side = |at: usize| {
        let [accounts, fees, custody] = [totals.accounts[at], totals.fees[at], -totals.custody[at]]
            .map(|units| words.amount(units));
        format!(
            "accounts {accounts} fees {fees} custody {custody}{}",
            others(at)
        )
    };
    writeln!(
        out,
        "{}: opening {}; in {} out {} ({references} references); closing {};{owed} {}",
        words.name(),
        side(0),
        words.amount(totals.moved_in),
        words.amount(totals.moved_out),
        side(1),
        if wrong.is_empty() {
            "agrees"
        } else {
            "DIFFERS"
        },
    )?;
    for one in wrong {
        writeln!(out, "  {}", words.disagreement(one))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::DAY_NANOSECONDS;
    use crate::reconcile::tests::{agreeing, differing};

    fn told(found: Reconciliation) -> (u8, String, String) {
        let name = "shard".to_owned();
        let folders = [Folder { name, found }];
        let (mut told, mut out) = (Told::new("a day".to_owned()), Vec::new());
        tell_assets(&folders[0], &mut told, &mut out).expect("a vector takes all");
        let said = String::from_utf8(out).expect("text");
        (told.status(), said, page::text(&folders, &told))
    }

    #[test]
    fn what_the_ledger_has_otherwise_is_said_and_is_the_status() {
        let (status, said, page) = told(agreeing());
        assert_eq!((status, said.lines().count()), (0, 1), "{said}");
        assert!(said.ends_with("; agrees\n"), "{said}");
        assert!(page.ends_with("no differences\n"), "{page}");

        let (status, said, page) = told(differing());
        assert_eq!((status, said.lines().count()), (1, 2), "{said}");
        let wrong = "has 1 more than what moved says\n";
        assert!(
            said.contains("; DIFFERS\n") && said.ends_with(wrong),
            "{said}"
        );
        assert!(
            page.ends_with(wrong) && !page.contains("no differences"),
            "{page}"
        );
    }

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

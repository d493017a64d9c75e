//! `gateway reconcile` over business days: a day in the middle has its own opening, movements and
//! closing; the page shows every account; what custodians say otherwise and what was lost between
//! two shards is named, and the status is 1.
//!
//! Not here: the public API under it (`reconcile`, `credit`).

use crate::support::days;
use crate::support::folders;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::days::{A, B, CNY, COAL, Shard};
use engine::command::Half;

/// The second of three days on which something moves.
const MIDDLE: &str = "2026-11-24";

/// Files beside a folder, that the program writes or reads.
struct Beside(tempfile::TempDir);

impl Beside {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// Runs the program: flags that begin with `@` are files here.
    fn reconcile(&self, flags: &[&str]) -> (i32, String) {
        let word = |flag: &&str| match flag.strip_prefix('@') {
            Some(name) => self.path(name).to_str().expect("text").to_owned(),
            None => (*flag).to_owned(),
        };
        let words: Vec<_> = flags.iter().map(word).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        folders::program(&[&["reconcile"], &words[..]].concat())
    }
}

/// Money (in fen) and goods move on three days: 1,000.00 and 100 t come on the first; on the second
/// 20 t change hands at 5.00, 200.00 come and 50.00 go; on the third 7.00 and 9 t go.
fn three_days(data: &Path) {
    let mut shard = Shard::open(data, 0);
    shard.deposit(A, CNY, 100_000);
    shard.deposit(B, CNY, 1000);
    shard.deposit(B, COAL, 100);
    shard.on_day(1);
    shard.trade(A, B, 500, 20);
    shard.deposit(A, CNY, 20_000);
    shard.withdraw(A, CNY, 5_000);
    shard.on_day(2);
    shard.withdraw(B, CNY, 700);
    shard.withdraw(B, COAL, 9);
    shard.stop();
}

#[test]
fn a_day_between_others_has_its_own_opening_movements_and_closing() {
    let beside = Beside::new();
    three_days(&beside.path("data"));
    let flags = ["--data-dir", "@data", "--date", MIDDLE, "--csv", "@a.csv"];
    let (status, said) = beside.reconcile(&flags);
    assert_eq!(status, 0, "{said}");
    // The fee of 100.00 is 0.01 for the maker and 0.05 for the taker.
    let lines: Vec<_> = said.lines().collect();
    let expected = [
        "CNY: opening accounts 1010.00 fees 0.00 custody 1010.00; in 200.00 out 50.00 (2 \
         references); closing accounts 1159.94 fees 0.06 custody 1160.00; agrees",
        "coal: opening accounts 100 fees 0 custody 100; in 0 out 0 (0 references); closing \
         accounts 100 fees 0 custody 100; agrees",
    ];
    assert_eq!(lines, expected, "one line an asset");
    let rows = beside.text("a.csv");
    for row in [
        "CNY,account,A,1000.00,200.00,-50.00,-100.00,0.00,-0.01,0.00,0.00,0.00,0.00,1049.99,0.00",
        "CNY,account,B,10.00,0.00,0.00,100.00,0.00,-0.05,0.00,0.00,0.00,0.00,109.95,0.00",
        "CNY,venue,V,0.00,0.00,0.00,0.00,0.00,0.06,0.00,0.00,0.00,0.00,0.06,0.00",
        "CNY,custodian,bank,-1010.00,-200.00,50.00,0.00,0.00,0.00,0.00,0.00,0.00,0.00,-1160.00,\
         0.00",
        "coal,account,A,0,0,0,0,20,0,0,0,0,0,20,0",
        "coal,account,B,100,0,0,0,-20,0,0,0,0,0,80,0",
    ] {
        assert!(rows.lines().any(|line| line == row), "{row}\n{rows}");
    }
    // The days beside it join on: its opening is the first one's closing, its closing the last
    // one's opening.
    let ends = |date: &str| {
        let (status, said) = beside.reconcile(&["--data-dir", "@data", "--date", date]);
        assert_eq!(status, 0, "{said}");
        let line = said.lines().next().expect("a line").to_owned();
        let [opening, closing] = ["opening ", "closing "].map(|word| {
            let from = line.find(word).expect("there") + word.len();
            line[from..].split(';').next().expect("a part").to_owned()
        });
        (opening, closing)
    };
    let (first, middle, last) = (ends(days::FIRST), ends(MIDDLE), ends("2026-11-25"));
    assert_eq!((&first.1, &middle.1), (&middle.0, &last.0));
    assert_eq!(last.1, "accounts 1152.94 fees 0.06 custody 1153.00");
}

/// The cells of a row of a Markdown table.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// An amount in its smallest unit.
fn units(cell: &str) -> i64 {
    cell.replace('.', "").parse().expect("an amount")
}

/// In each row of a holder opening and movements make the closing; everybody has nothing.
fn adds_up(page: &str) {
    let (mut rows, mut everybody) = (0, 0);
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells = cells(line);
        let numbers = cells.iter().skip(2);
        if !matches!(cells[0], "account" | "venue" | "custodian" | "everybody")
            && !cells[0].starts_with("all of kind ")
            || cells[1] == "kept before"
        {
            continue;
        }
        let numbers: Vec<_> = numbers.map(|cell| units(cell)).collect();
        let (closing, parts) = numbers.split_last().expect("columns");
        assert_eq!(parts.iter().sum::<i64>(), *closing, "{line}\n{page}");
        rows += 1;
        if cells[0] == "everybody" {
            everybody += 1;
            assert!(numbers.iter().all(|sum| *sum == 0), "{line}");
        }
    }
    // Two accounts and a custodian of each asset, a venue of the money, a sum a kind, everybody.
    assert_eq!((rows, everybody), (14, 2), "{page}");
}

#[test]
fn the_page_shows_every_account_with_what_adds_up() {
    let beside = Beside::new();
    three_days(&beside.path("data"));
    let flags = [
        "--data-dir",
        "@data",
        "--date",
        MIDDLE,
        "--page",
        "@page.md",
    ];
    let (status, said) = beside.reconcile(&flags);
    assert_eq!(status, 0, "{said}");
    let page = beside.text("page.md");
    assert!(page.starts_with("# Reconciliation of business date 2026-11-24 (UTC+8)\n"));
    assert!(
        page.contains("\n### CNY: amounts in CNY, 2 decimals\n"),
        "{page}"
    );
    assert!(
        page.contains("\n### coal: amounts in t, 0 decimals\n"),
        "{page}"
    );
    assert!(
        page.ends_with("\n## Differences\n\nno differences\n"),
        "{page}"
    );
    adds_up(&page);
    for row in [
        &[
            "account", "A", "1000.00", "200.00", "-50.00", "-100.00", "-0.01", "1049.99",
        ][..],
        &[
            "all of kind account",
            "",
            "1010.00",
            "200.00",
            "-50.00",
            "0.00",
            "-0.06",
            "1159.94",
        ],
        &["bank", "1010.00", "1", "200.00", "1", "50.00", "1160.00"],
    ] {
        assert!(
            page.lines().any(|line| self::cells(line) == row),
            "{row:?}\n{page}"
        );
    }
    let widths = |line: &str| {
        line.match_indices('|')
            .map(|(at, _)| at)
            .collect::<Vec<_>>()
    };
    let aligned = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(widths);
    assert_eq!(
        aligned.collect::<BTreeSet<_>>().len(),
        4,
        "four tables: {page}"
    );
}

#[test]
fn what_a_custodian_says_otherwise_is_a_difference() {
    let beside = Beside::new();
    three_days(&beside.path("data"));
    let of_day = ["--data-dir", "@data", "--date", MIDDLE];
    let write = [&of_day[..], &["--references", "@list.csv"]].concat();
    assert_eq!(beside.reconcile(&write).0, 0);
    let compare = [
        &of_day[..],
        &["--custody", "@list.csv", "--page", "@page.md"],
    ]
    .concat();
    let (status, said) = beside.reconcile(&compare);
    assert_eq!(status, 0, "{said}");
    assert!(
        said.ends_with("custodians' list: 2 references there, 2 here; agrees\n"),
        "{said}"
    );

    // The bank received 0.01 less than it acknowledged.
    let list = beside.text("list.csv");
    let other = list.replace(",A,200.00", ",A,199.99");
    assert_ne!(list, other);
    std::fs::write(beside.path("list.csv"), other).expect("written");
    let (status, said) = beside.reconcile(&compare);
    assert_eq!(status, 1, "{said}");
    let wrong = "deposit of CNY: 200.00 here, 199.99 in its list";
    assert!(
        said.contains("2 here; 1 DIFFER\n  custodian bank 2026-11-24 auto-"),
        "{said}"
    );
    assert!(said.contains(wrong), "{said}");
    let page = beside.text("page.md");
    let differences = page.split("\n## Differences\n").nth(1).expect("a list");
    assert!(differences.contains(wrong), "{page}");
    assert!(!page.contains("no differences"));

    // It knows nothing of the withdrawal, and of one that the exchange does not know.
    let mut lines: Vec<_> = list.lines().collect();
    lines.retain(|line| !line.contains("withdrawal"));
    lines.push("bank,2026-11-24,stray,0,CNY,deposit,B,5.00");
    std::fs::write(beside.path("list.csv"), lines.join("\n")).expect("written");
    let (status, said) = beside.reconcile(&compare);
    assert_eq!(status, 1, "{said}");
    for wrong in [
        "withdrawal of CNY: 50.00 here, not in its list",
        "custodian bank 2026-11-24 stray, deposit of CNY: 5.00 in its list, not acknowledged here",
    ] {
        assert!(said.contains(wrong), "{said}");
    }
    // What moved is as sound as before: each asset agrees.
    assert_eq!(said.matches("; agrees\n").count(), 2, "{said}");

    std::fs::write(beside.path("list.csv"), "custodian,amount\n").expect("written");
    let (status, said) = beside.reconcile(&compare);
    assert_eq!(status, 2, "{said}");
    assert!(
        said.contains("--custody: it has no column \"business_date\""),
        "{said}"
    );
}

/// On which day a half was done, and how much; none was not done.
type Done = Option<(i64, i64)>;

/// Two shards and what goes between them: an id, and of each half its day and its amount.
fn shards(beside: &Beside, transfers: &[(u128, Done, Done)]) {
    for (number, half) in [(0, Half::Out), (1, Half::In)] {
        let mut shard = Shard::open(&beside.path(&format!("shard-{number}")), number);
        shard.deposit(A, CNY, 100_000);
        for day in 0..3 {
            shard.on_day(day);
            for (id, out, into) in transfers {
                let own = if half == Half::Out { out } else { into };
                if let Some((_, units)) = own.filter(|(of, _)| *of == day) {
                    shard.transfer(half, *id, 1 - number, units);
                }
            }
        }
        shard.stop();
    }
}

const SHARDS: [&str; 4] = ["--data-dir", "@shard-0", "--data-dir", "@shard-1"];

#[test]
fn transfers_are_matched_over_two_folders() {
    let beside = Beside::new();
    let done = |day, units| Some((day, units));
    shards(
        &beside,
        &[
            (1, done(0, 4000), done(0, 4000)),
            (2, done(0, 500), done(1, 500)),
            (3, done(1, 300), None),
        ],
    );
    // On the first day one is under way; it has come on the second, when another left.
    for (date, counts, way) in [
        (days::FIRST, "1 agree, 1 in transit", "02:"),
        (MIDDLE, "2 agree, 1 in transit", "03:"),
    ] {
        let (status, said) = beside.reconcile(&[&SHARDS[..], &["--date", date]].concat());
        assert_eq!(status, 0, "{said}");
        assert!(
            said.contains(&format!("transfers: {counts}, 0 differ\n")),
            "{said}"
        );
        let line = said.lines().last().expect("a line");
        assert!(
            line.contains(way) && line.ends_with(", in transit"),
            "{line}"
        );
    }
    // Without a date it is still only under way; on the third day it is late, and that is an error.
    let (status, said) = beside.reconcile(&SHARDS);
    assert_eq!(status, 0, "{said}");
    let day = [
        "--date",
        "2026-11-25",
        "--page",
        "@page.md",
        "--csv",
        "@a.csv",
    ];
    let (status, said) = beside.reconcile(&[&SHARDS[..], &day].concat());
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("transfers: 2 agree, 0 in transit, 1 DIFFER\n"),
        "{said}"
    );
    assert!(
        said.ends_with("account A 3.00 CNY, in transit since before the date\n"),
        "{said}"
    );
    let page = beside.text("page.md");
    let (_, lists) = page
        .split_once("\n## Transfers between shards\n")
        .expect("a list");
    assert_eq!(
        lists.lines().filter(|line| line.starts_with("- ")).count(),
        4,
        "{page}"
    );
    // Each folder's lines bear its name, on the page and in the file.
    assert_eq!(page.matches("shard-1\n").count(), 1, "{page}");
    let rows = beside.text("a.csv");
    assert!(rows.starts_with("folder,asset,holder_kind,"), "{rows}");
    let of_second = rows.lines().filter(|row| row.contains("shard-1,"));
    assert!(of_second.count() > 2, "{rows}");
}

#[test]
fn what_came_and_never_went_or_differs_is_named() {
    let beside = Beside::new();
    let done = |units| Some((1, units));
    shards(
        &beside,
        &[
            (1, None, done(800)),
            (2, done(500), done(499)),
            (3, done(100), done(100)),
        ],
    );
    let (status, said) = beside.reconcile(&SHARDS);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("transfers: 1 agree, 0 in transit, 2 DIFFER\n"),
        "{said}"
    );
    for wrong in [
        "account A 8.00 CNY, it never went out",
        "4.99 CNY, the halves differ",
    ] {
        assert!(said.contains(wrong), "{wrong}: {said}");
    }
    // Each folder by itself sees nothing of it.
    for one in ["@shard-0", "@shard-1"] {
        let (status, said) = beside.reconcile(&["--data-dir", one]);
        assert_eq!(status, 0, "{said}");
    }
    // The same folder twice has every half twice.
    let twice = ["--data-dir", "@shard-1", "--data-dir", "@shard-1"];
    let (status, said) = beside.reconcile(&twice);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("the same half was done more than once"),
        "{said}"
    );
}

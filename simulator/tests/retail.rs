//! A shop's year, Online Retail II: what its lines mean, to the last piece and penny, and what a
//! gateway makes of them.
//!
//! `SANJIANG_SOAK=1` sends the whole year, else its first lines. Not here: how lines are classified
//! and matched (`replay::retail::plan`), which made files show without a gateway.

mod support;

use std::{fs, path::Path, time::Duration};

use sanjiang_simulator::{
    client::connect::{Bearer, Connection},
    replay::{
        self, Pace, Replay,
        retail::plan::{Counts, LINES_MAX, Plan, SELLER, Sums},
    },
    report::Summary,
    setup::Run,
};
use support::Gateway;

const YEAR: &str = "ecommerce/online_retail_II_2009-2010.csv.xz";
/// Lines sent where the whole year would take too long: a month and a bit.
const FIRST_LINES: usize = 50_000;

/// Each kind of line: a sale, a service, a walk-in, a gift, stock counted down and up, a return of a
/// part, one over two lines, one of all the rest, goodwill of goods, of a service, of nobody, a
/// charge, an account adjusted both ways, and a sale of what came back.
const MADE: &str = "\
Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
1,22041,\"a \"\"7\"\" , b\",10,2009-12-01 08:00:00,2.125,100.0,EIRE
1,22041a,x,4,2009-12-01 08:00:00,0.5,100.0,EIRE
2,22041,x,5,2009-12-01 08:01:00,2.125,100.0,EIRE
2,22041,x,7,2009-12-01 08:01:00,2.125,,France
2,POST,x,1,2009-12-01 08:01:00,18.0,200.0,France
3,22041,x,2,2009-12-01 08:02:00,0.0,200.0,France
4,22041,x,-3,2009-12-01 08:03:00,0.0,,France
4,22041,x,8,2009-12-01 08:03:00,0.0,,France
C5,22041,x,-2,2009-12-01 08:04:00,2.125,100.0,EIRE
C5,22041,x,-11,2009-12-01 08:04:00,2.125,100.0,EIRE
C5,22041,x,-2,2009-12-01 08:04:00,2.125,100.0,EIRE
C6,22041,x,-1,2009-12-01 08:05:00,9.999,200.0,France
C6,post,x,-1,2009-12-01 08:05:00,18.0,200.0,France
C6,D,x,-1,2009-12-01 08:05:00,1.001,200.0,France
C6,M,x,-1,2009-12-01 08:05:00,4.0,,France
C6,M,x,1,2009-12-01 08:05:00,7.5,,France
A7,B,x,1,2009-12-01 08:06:00,-5.25,,France
A7,B,x,1,2009-12-01 08:06:00,1.25,,France
8,22041,x,15,2009-12-01 08:07:00,2.125,100.0,EIRE
";

#[test]
fn every_line_of_a_year_means_what_was_published() {
    let Some(year) = support::shared(YEAR) else {
        return;
    };
    let plan = Plan::read(&year, LINES_MAX).unwrap();
    println!("{:?} {:?}", plan.counts, plan.sums);
    let counts = Counts {
        sales: 511_565,
        gifts: 31,
        stock_more: 1_566 - 31,
        stock_fewer: 2_121,
        accounts: 3,
        met_one: 7_528,
        met_several: 54,
        met_none: 2_257,
        of_nobody: 367,
        charges: 1,
    };
    assert_eq!(plan.counts, counts);
    let sums = Sums {
        sales_mills: 10_305_892_024,
        credits_mills: -629_855_370,
        accounts_mills: -136_552_020,
    };
    assert_eq!(plan.sums, sums);
    assert_eq!(plan.sums.whole_mills(), 9_539_484_634);
    assert_eq!(plan.parties[SELLER as usize].change_mills, 9_539_484_634);
    assert_eq!(plan.lines.len(), 525_461);
    let credits = counts.met_one + counts.met_several + counts.met_none + counts.of_nobody;
    assert_eq!(credits, 10_206);
    // 4,383 customers, walk-ins of 13 countries, the seller, the named account.
    let sizes = (plan.parties.len(), plan.products.len(), plan.shelves.len());
    assert_eq!(sizes, (4_398, 4_480, 17_592));
}

/// Replays a file through a gateway of its own; all must hold.
async fn replayed(program: &Path, input: &Path, lines: Option<usize>) -> Summary {
    let mut gateway = Gateway::start(program);
    gateway.wait_ready();
    let patience = Duration::from_secs(60);
    let replay = Replay {
        connection: Connection::open(&gateway.target(), Bearer::default(), patience).unwrap(),
        run: Run::named("year").unwrap(),
        input: input.to_owned(),
        expect: None,
        pace: Pace::Max,
        gate: None,
    };
    let summary = Summary::new("replay retail", "year");
    let (summary, ended) = replay::retail::run(replay, lines, summary).await;
    println!("{summary}");
    ended.unwrap_or_else(|error| panic!("{error}\n{}", gateway.log()));
    assert!(summary.held(), "{summary}\n{}", gateway.log());
    assert_eq!(
        (summary.acknowledged, summary.rejected),
        (summary.commands, 0)
    );
    gateway.signal("-TERM");
    summary
}

fn actual(summary: &Summary, what: &str) -> String {
    let mut rows = summary.checks.iter();
    let row = rows.find(|row| row.what == what);
    row.map(|row| row.actual.clone())
        .unwrap_or_else(|| panic!("no row {what}: {summary}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_line_ends_as_worked_out_by_hand() {
    let Some(program) = support::gateway() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("made.csv");
    fs::write(&input, MADE).unwrap();
    let summary = replayed(&program, &input, None).await;
    for (what, expected) in [
        ("lines: priced sales", "6"),
        ("lines: gifts", "1"),
        ("lines: stock counted", "2"),
        ("lines: returns of one sale", "3"),
        ("lines: returns of several", "1"),
        ("lines: goodwill refunds", "3"),
        ("lines: charges", "1"),
        ("lines: accounts adjusted", "2"),
        ("pounds: contracts formed", "98.625"),
        ("pounds: returned by contracts", "49.875"),
        ("pounds: compensated", "-11.500"),
        ("listed: contracts", "7"),
        ("listed: given back whole", "3"),
        ("listed: performed", "4"),
        ("pounds: change of the seller", "37.250"),
        ("pounds: change of the named account", "4.000"),
        ("pieces: change of all codes", "-22"),
        ("offers", "5"),
    ] {
        assert_eq!(actual(&summary, what), expected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_gives_its_contracts_pieces_and_pounds() {
    let (Some(year), Some(program)) = (support::shared(YEAR), support::gateway()) else {
        return;
    };
    let whole = std::env::var_os("SANJIANG_SOAK").is_some_and(|value| value == "1");
    let lines = (!whole).then_some(FIRST_LINES);
    let summary = replayed(&program, &year, lines).await;
    if !whole {
        assert_eq!(summary.extra["lines"], FIRST_LINES as u64);
        return;
    }
    for (what, expected) in [
        ("lines: priced sales", "511565"),
        ("lines: gifts", "31"),
        ("lines: stock counted", "3656"),
        ("lines: returns of one sale", "7528"),
        ("lines: returns of several", "54"),
        ("lines: goodwill refunds", "2623"),
        ("lines: charges", "1"),
        ("lines: accounts adjusted", "3"),
        ("listed: contracts", "511596"),
        ("listed: pounds", "10305892.024"),
        ("pounds: change of the seller", "9539484.634"),
        ("pounds: change of the named account", "136552.020"),
    ] {
        assert_eq!(actual(&summary, what), expected, "{what}");
    }
}

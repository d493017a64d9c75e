//! A shop's year, Online Retail II: what its lines mean, to the last piece and penny, and what a
//! gateway makes of them.
//!
//! `SANJIANG_SOAK=1` sends the whole year, else its first lines. Not here: how lines are classified
//! and matched (`replay::retail::plan`), which made files show without a gateway.

mod support;

use std::{fs, path::Path, sync::Arc, time::Duration};

use sanjiang_simulator::{
    client::connect::{Bearer, Connection},
    replay::{
        Pace, Replay,
        retail::{
            self,
            acts::Clerk,
            lanes,
            plan::{Counts, LINES_MAX, NAMED, Plan, SELLER, Sums},
            shop::Shop,
            tally::Tally,
        },
    },
    report::Summary,
    setup::{Operator, Run, account_id},
};
use support::Gateway;

const YEAR: &str = "ecommerce/online_retail_II_2009-2010.csv.xz";
/// Lines sent where the whole year would take too long: two weeks and a half of 53.
const FIRST_LINES: usize = 40_000;

/// Lines sent while the gateway is killed, and how often it is.
const KILLED_LINES: usize = 12_000;
const KILLS: u64 = 3;
/// Commands that found the shop of so many lines, at least.
const FOUNDING: u64 = 12_000;

/// Each kind of line: a sale, a service, a walk-in, a gift, stock counted down and up, a return of
/// a part, one over two lines, one of all the rest, goodwill of goods, of a service, of nobody, a
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
    assert_eq!(plan.offers().count(), 17_219);
    // Summed by a program that shares nothing with this one.
    let goods: Vec<_> = plan.products.iter().filter(|one| one.goods).collect();
    let all: i64 = goods.iter().map(|one| one.change_pieces).sum();
    assert_eq!((goods.len(), all), (4_427, -5_801_233));
    for (code, pieces) in [("85123A", -57_923), ("22423", -13_400), ("47503J", -326)] {
        let product = goods.iter().find(|one| one.code == code).unwrap();
        assert_eq!(product.change_pieces, pieces, "{code}");
    }
}

fn connection(gateway: &Gateway) -> Connection {
    let patience = Duration::from_secs(60);
    Connection::open(&gateway.target(), Bearer::default(), patience).unwrap()
}

fn replay(gateway: &Gateway, input: &Path) -> Replay {
    Replay {
        connection: connection(gateway),
        run: Run::named("year").unwrap(),
        input: input.to_owned(),
        expect: None,
        pace: Pace::Max,
        gate: None,
    }
}

fn check(summary: &Summary, gateway: &Gateway) {
    println!("{summary}");
    assert!(summary.held(), "{summary}\n{}", gateway.log());
    assert_eq!(
        (summary.acknowledged, summary.rejected),
        (summary.commands, 0)
    );
}

/// Replays a file through a gateway of its own; all must hold.
async fn replayed(program: &Path, input: &Path, lines: Option<usize>) -> Summary {
    let mut gateway = Gateway::start(program);
    gateway.wait_ready();
    let summary = Summary::new("replay retail", "year");
    let (summary, ended) = retail::run(replay(&gateway, input), lines, summary).await;
    ended.unwrap_or_else(|error| panic!("{error}\n{}", gateway.log()));
    check(&summary, &gateway);
    gateway.signal("-TERM");
    summary
}

fn actual(summary: &Summary, what: &str) -> String {
    let mut rows = summary.checks.iter();
    let row = rows.find(|row| row.what == what);
    let row = row.unwrap_or_else(|| panic!("no row {what}: {summary}"));
    row.actual.clone()
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

/// A shop on which the made file was played.
async fn played(gateway: &Gateway, input: &Path) -> Arc<Clerk> {
    let (connection, run) = (connection(gateway), Run::named("made").unwrap());
    let plan = Plan::read(input, LINES_MAX).unwrap();
    let operator = Operator::new(connection.clone(), run.clone());
    let shop = Shop::found(operator, &run, &plan).await.unwrap();
    let tally = Tally::new(Summary::default());
    let clerk = Arc::new(Clerk {
        connections: vec![connection],
        plan,
        shop,
        tally,
    });
    lanes::play(&clerk, Pace::Max).await.unwrap();
    clerk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_penny_and_a_piece_that_no_line_moved_are_found() {
    let Some(program) = support::gateway() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("made.csv");
    fs::write(&input, MADE).unwrap();
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    let clerk = played(&gateway, &input).await;
    let mut rows = Summary::default();
    retail::check::compare(&clerk, &mut rows).await.unwrap();
    assert!(rows.held() && rows.checks.len() > 20, "{rows}");

    let (shop, connection) = (&clerk.shop, connection(&gateway));
    let found = clerk
        .plan
        .offers()
        .find(|(_, shelf)| shelf.change_pieces > 0);
    let (full, _) = found.expect("eight were found and five went");
    let request = proto::v1::CompensateRequest {
        context: Some(shop.operator.context("penny")),
        from_account_id: account_id(&shop.run, SELLER),
        to_account_id: account_id(&shop.run, NAMED),
        asset_id: shop.treasury.money.clone(),
        amount: "0.001".to_owned(),
    };
    let moved = connection.accounts().compensate(request).await.unwrap();
    assert!(moved.into_inner().accepted);
    let request = proto::v1::TakeStockRequest {
        client_order_id: "piece".to_owned(),
        account_id: account_id(&shop.run, SELLER),
        offer_id: shop.offers[full].clone(),
        pieces: 1,
        valid_until: None,
    };
    let taken = connection.sales().take_stock(request).await.unwrap();
    assert_eq!(taken.into_inner().reject_reason, "");
    let mut rows = Summary::default();
    retail::check::compare(&clerk, &mut rows).await.unwrap();
    let wrong = rows.checks.iter().filter(|row| row.expected != row.actual);
    let wrong: Vec<_> = wrong.map(|row| row.what.as_str()).collect();
    let expected = [
        "accounts with the right pounds",
        "pounds: change of the seller",
        "pounds: change of the named account",
        "statement: pounds compensated",
        "statement: pounds at the end",
        "codes with the right pieces",
        "offers with the right pieces",
    ];
    assert_eq!(wrong, expected, "{rows}");
    gateway.signal("-TERM");
}

async fn durable(connection: &Connection) -> u64 {
    let status = connection.persist(|| {
        let mut client = connection.operations();
        async move {
            let request = proto::v1::GetEngineStatusRequest {};
            client.get_engine_status(request).await
        }
    });
    status.await.map_or(0, |status| status.durable_sequence)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_in_the_middle_change_no_contract_piece_or_pound() {
    let (Some(year), Some(program)) = (support::shared(YEAR), support::gateway()) else {
        return;
    };
    let mut gateway = Gateway::start(&program);
    gateway.wait_ready();
    let (watch, replay) = (connection(&gateway), replay(&gateway, &year));
    let summary = Summary::new("replay retail", "year");
    let running = tokio::spawn(retail::run(replay, Some(KILLED_LINES), summary));
    for kill in 1..=KILLS {
        let place = FOUNDING + kill * KILLED_LINES as u64 / 2;
        // A replay that ended early says so below.
        while durable(&watch).await < place && !running.is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(!running.is_finished(), "kill {kill} met nothing");
        gateway = tokio::task::spawn_blocking(move || {
            gateway.signal("-KILL");
            gateway.again();
            gateway
        })
        .await
        .unwrap();
    }
    let (summary, ended) = running.await.unwrap();
    assert!(ended.is_ok(), "{ended:?}\n{}", gateway.log());
    check(&summary, &gateway);
    gateway.signal("-TERM");
}

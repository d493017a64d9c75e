//! Two whole days of the Shanghai Stock Exchange: the same trades, in order, auctions included.
//!
//! Invariant: buyer, seller, price and quantity of every trade are the exchange's own. Not here:
//! the same days through the gateway and a synced journal (the simulator's).

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use lzma_rust2::XzReader;
use sanjiang_engine::command::{Body, CancelOrder};
use sanjiang_engine::event::{Event, ExecType};
use sanjiang_engine::types::{AccountId, OrderId, Side};
use sanjiang_engine::venue::Phase;

use crate::desk::{Desk, limit, shared, small_limits, terms};

/// Accounts of a replay: the order's number modulo this.
const ACCOUNTS: u64 = 1_000;
/// One tick in thousandths of a yuan.
const TICK_MILLI: i64 = 10;

#[test]
fn the_day_of_601825_gives_the_trades_the_exchange_made() {
    check("601825");
}

#[test]
fn the_day_of_605580_gives_the_trades_the_exchange_made() {
    check("605580");
}

/// Buyer, seller, price in ticks, quantity, aggressor.
type Print = (u64, u64, i64, i64, char);

fn check(code: &str) {
    let input = shared(&format!("data/sse_level2/{code}.input.csv.xz"));
    let expected = shared(&format!("data/sse_level2/{code}.expected_trades.csv.xz"));
    let (Some(input), Some(expected)) = (input, expected) else {
        return;
    };
    let expected: Vec<Print> = rows(&expected).map(|row| print_of(&row)).collect();
    let made = replay(&input);
    for (place, (made, expected)) in made.iter().zip(&expected).enumerate() {
        assert_eq!(made, expected, "trade {place} of {code}");
    }
    assert_eq!(made.len(), expected.len(), "the number of trades of {code}");
    println!("{code}: {} trades, 0 mismatches", made.len());
}

fn rows(path: &Path) -> impl Iterator<Item = Vec<String>> {
    let file = File::open(path).expect("the file opens");
    let reader = BufReader::new(XzReader::new(file, true));
    let lines = reader.lines().map(|line| line.expect("the file reads"));
    let fields = |line: String| line.split(',').map(str::to_owned).collect();
    lines.skip(1).map(fields)
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    let number = text.parse();
    number.unwrap_or_else(|_| panic!("not a number: {text}"))
}

fn print_of(row: &[String]) -> Print {
    let aggressor = row[7].chars().next().expect("an aggressor");
    let price: i64 = number(&row[5]);
    (
        number(&row[3]),
        number(&row[4]),
        price / TICK_MILLI,
        number(&row[6]),
        aggressor,
    )
}

struct Day {
    desk: Desk,
    ids: HashMap<u64, OrderId>,
    names: HashMap<OrderId, u64>,
    prints: Vec<Print>,
}

fn replay(path: &Path) -> Vec<Print> {
    let mut desk = Desk::new(small_limits())
        .with_accounts(ACCOUNTS as u32)
        .with_instrument(terms());
    desk.phase(Phase::PreOpen);
    let mut day = Day {
        desk,
        ids: HashMap::new(),
        names: HashMap::new(),
        prints: Vec::new(),
    };
    let mut phase = Phase::PreOpen;
    for (place, row) in rows(path).enumerate() {
        if phase == Phase::Continuous && row[7] == "call" {
            phase = Phase::ClosingCall;
            day.enter(phase);
        }
        match row[2].as_str() {
            "A" => {
                phase = if phase == Phase::PreOpen {
                    Phase::Continuous
                } else {
                    Phase::PostClose
                };
                day.enter(phase);
            }
            "N" => day.add(&row),
            "C" => day.cancel(number(&row[3])),
            other => panic!("an unknown command {other}"),
        }
        if place % 100 == 0 {
            day.desk.engine.audit().expect("the engine is sound");
        }
    }
    assert_eq!(phase, Phase::PostClose, "the day ended");
    day.prints
}

impl Day {
    fn enter(&mut self, phase: Phase) {
        let events = self.desk.phase(phase);
        self.note(&events);
    }

    fn add(&mut self, row: &[String]) {
        let name: u64 = number(&row[3]);
        let side = if row[4] == "B" { Side::Buy } else { Side::Sell };
        let price: i64 = number(&row[5]);
        let account = (name % ACCOUNTS) as u32;
        let order = limit(account, side, price / TICK_MILLI, number(&row[6]));
        let events = self.desk.send(Body::NewOrder(order));
        let Some(Event::Report(report)) = events.first() else {
            panic!("a new order is answered: {events:?}");
        };
        assert_eq!(report.exec_type, ExecType::New, "{report:?}");
        self.ids.insert(name, report.order);
        self.names.insert(report.order, name);
        self.note(&events);
    }

    fn cancel(&mut self, name: u64) {
        let account = AccountId::new((name % ACCOUNTS) as u32);
        let order = self.ids[&name];
        let events = self
            .desk
            .send(Body::CancelOrder(CancelOrder { account, order }));
        self.note(&events);
    }

    fn note(&mut self, events: &[Event]) {
        for event in events {
            if let Event::Trade(trade) = event {
                self.prints.push((
                    self.names[&trade.buy.order],
                    self.names[&trade.sell.order],
                    trade.price.ticks(),
                    trade.quantity.lots(),
                    match trade.aggressor {
                        None => 'N',
                        Some(Side::Buy) => 'B',
                        Some(Side::Sell) => 'S',
                    },
                ));
            }
        }
    }
}

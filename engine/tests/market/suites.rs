//! Small published exercises, translated into commands: Kraken's, Gemini's and EchoMill's.
//!
//! Invariant: what they expect is compared as given; what is left out or turned round on purpose
//! is printed with its reason. Not here: their wire forms.

use std::collections::BTreeMap;
use std::fs;

use sanjiang_engine::command::{Body, CancelOrder};
use sanjiang_engine::engine::LivePlace;
use sanjiang_engine::event::{Event, ExecType};
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::{AccountId, ClientId, InstrumentId, OrderId, OrderType, Side};
use sanjiang_engine::venue::Phase;
use serde_json::Value;

use crate::desk::{Desk, limit, shared, small_limits, terms};

/// Ticks of one unit of price: the exercises have prices such as 101.5.
const TICKS: f64 = 10.0;

/// A trade as the exercises tell it: symbol, taker, maker, price in ticks, quantity.
type Print = (String, String, String, i64, i64);

/// An order as an exercise gives it; no price for a market order.
struct Asked<'a> {
    id: &'a str,
    symbol: &'a str,
    side: Side,
    quantity: i64,
    ticks: Option<i64>,
}

/// A desk that knows symbols and the exercises' own ids.
struct Floor {
    desk: Desk,
    symbols: Vec<String>,
    ids: BTreeMap<String, OrderId>,
    names: BTreeMap<OrderId, String>,
}

impl Floor {
    fn new(symbols: &[&str]) -> Self {
        let mut desk = Desk::new(small_limits()).with_accounts(1);
        for _ in symbols {
            desk.add_instrument(terms());
        }
        desk.phase(Phase::Continuous);
        Self {
            desk,
            symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
            ids: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    /// The instrument of a symbol; one that does not exist for an unknown symbol.
    fn instrument(&self, symbol: &str) -> InstrumentId {
        let place = self.symbols.iter().position(|known| known == symbol);
        InstrumentId::new(place.unwrap_or(self.symbols.len()) as u32)
    }

    /// Sends an order under its id; its trades, or why it was rejected.
    fn order(&mut self, asked: &Asked<'_>) -> Result<Vec<Print>, RejectReason> {
        let ticks = asked.ticks.unwrap_or(1);
        let mut order = limit(0, asked.side, ticks, asked.quantity);
        order.instrument = self.instrument(asked.symbol);
        if asked.ticks.is_none() {
            order.order_type = OrderType::Market { protection: None };
        }
        let id = ClientId::new(asked.id).expect("the exercises' ids are short");
        let identity = sanjiang_engine::command::Identity::Request(id);
        let events = self.desk.send_as(identity, Body::NewOrder(order)).to_vec();
        self.desk.engine.audit().expect("the engine is sound");
        let Some(Event::Report(report)) = events.first() else {
            panic!("a new order is answered: {events:?}");
        };
        if let Some(reject) = report.reject {
            return Err(reject.reason);
        }
        self.ids.insert(asked.id.to_owned(), report.order);
        self.names.insert(report.order, asked.id.to_owned());
        let trades = events.iter().filter_map(|event| {
            if let Event::Trade(trade) = event {
                Some(trade)
            } else {
                None
            }
        });
        let print = |trade: &sanjiang_engine::event::Trade| {
            let (taker, maker) = match asked.side {
                Side::Buy => (trade.buy.order, trade.sell.order),
                Side::Sell => (trade.sell.order, trade.buy.order),
            };
            let names = (self.names[&taker].clone(), self.names[&maker].clone());
            let (price, quantity) = (trade.price.ticks(), trade.quantity.lots());
            (asked.symbol.to_owned(), names.0, names.1, price, quantity)
        };
        Ok(trades.map(print).collect())
    }

    /// Whether an order could be cancelled.
    fn cancel(&mut self, id: &str) -> bool {
        let unknown = OrderId {
            sequence: 1,
            slot: 0,
        };
        let order = self.ids.get(id).copied().unwrap_or(unknown);
        let account = AccountId::new(0);
        let events = self
            .desk
            .send(Body::CancelOrder(CancelOrder { account, order }));
        let Some(Event::Report(report)) = events.first() else {
            panic!("a cancel is answered: {events:?}");
        };
        report.exec_type == ExecType::Canceled
    }

    /// The live orders of a side in priority: name, price, what is left.
    fn side(&self, symbol: &str, side: Side) -> Vec<(String, i64, i64)> {
        let live = self.desk.engine.live_orders(self.instrument(symbol));
        let live = live.filter(|order| order.side == side && order.place == LivePlace::Book);
        let line = |order: sanjiang_engine::engine::LiveOrder| {
            let price = order.price.expect("a resting order has a price");
            let name = self.names[&order.id].clone();
            (name, price.ticks(), order.leaves.lots())
        };
        live.map(line).collect()
    }

    /// The levels of a side, best first: price and quantity.
    fn levels(&self, symbol: &str, side: Side) -> Vec<(i64, i64)> {
        let mut levels: Vec<(i64, i64)> = Vec::new();
        for (_, price, left) in self.side(symbol, side) {
            match levels.last_mut() {
                Some((last, quantity)) if *last == price => *quantity += left,
                _ => levels.push((price, left)),
            }
        }
        levels
    }
}

fn ticks(text: &str) -> i64 {
    let price: f64 = text.parse().unwrap_or_else(|_| panic!("no price: {text}"));
    (price * TICKS).round() as i64
}

fn decimal(ticks: i64) -> String {
    format!("{}", ticks as f64 / TICKS)
}

fn side_of(word: &str) -> Side {
    if word == "BUY" { Side::Buy } else { Side::Sell }
}

#[test]
fn kraken_exercises_hold() {
    for number in 1..=5 {
        let path = format!("data/suites/kraken_senior/{number}");
        let Some(folder) = shared(&path) else {
            return;
        };
        let read = |file: &str| fs::read_to_string(folder.join(file)).expect("the file reads");
        let expected: Vec<String> = read("out.csv")
            .lines()
            .map(|line| line.trim().to_owned())
            .collect();
        let happened = kraken(&read("in.csv"));
        assert_eq!(happened, expected, "kraken_senior/{number}");
    }
    println!("kraken_senior: 5 exercises, nothing left out");
}

fn kraken(input: &str) -> Vec<String> {
    let mut floor = Floor::new(&["MSFT", "AMZN"]);
    let (mut out, mut fills) = (Vec::new(), Vec::new());
    let lines = input.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split(',').collect();
        match words[0] {
            "ORDER" => {
                let asked = Asked {
                    id: words[1],
                    symbol: words[2],
                    side: side_of(words[3]),
                    quantity: words[5].parse().expect("a quantity"),
                    ticks: words.get(6).map(|price| ticks(price)),
                };
                fills.extend(floor.order(&asked).expect("the order is taken"));
            }
            "CANCEL_BY_TAG" => assert!(floor.cancel(words[1]), "{line}"),
            "EXECUTION" => {
                for (place, (symbol, taker, maker, price, quantity)) in fills.drain(..).enumerate()
                {
                    let (place, price) = (place + 1, decimal(price));
                    out.push(format!(
                        "{symbol},{place},{taker},{maker},{price},{quantity}"
                    ));
                }
            }
            "ORDERBOOK" => out.push(kraken_book(&floor, words[1])),
            other => panic!("an unknown word {other}"),
        }
    }
    out
}

fn kraken_book(floor: &Floor, symbol: &str) -> String {
    let [asks, bids] = [Side::Sell, Side::Buy].map(|side| {
        let count = floor.side(symbol, side).len();
        let top = floor.levels(symbol, side).first().copied();
        let top = top.map_or("na,na".to_owned(), |(price, quantity)| {
            format!("{},{quantity}", decimal(price))
        });
        (count, format!("{count},{top}"))
    });
    format!("{symbol},{},{},{}", asks.0 + bids.0, asks.1, bids.1)
}

#[test]
fn the_gemini_sample_holds() {
    let input = shared("data/suites/gemini/sample_input.txt");
    let readme = shared("data/suites/gemini/README.md");
    let (Some(input), Some(readme)) = (input, readme) else {
        return;
    };
    let readme = fs::read_to_string(readme).expect("the page reads");
    let sample = readme.split("### Sample Output").nth(1).expect("a sample");
    let sample = sample.split("```").nth(1).expect("a block");
    let expected: Vec<&str> = sample
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let mut floor = Floor::new(&["BTCUSD", "ETHUSD"]);
    let mut happened = Vec::new();
    for line in fs::read_to_string(input).expect("the sample reads").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [id, side, symbol, quantity, price] = words[..] else {
            continue;
        };
        let asked = Asked {
            id,
            symbol,
            side: side_of(side),
            quantity: quantity.parse().expect("a quantity"),
            ticks: Some(ticks(price)),
        };
        for (symbol, taker, maker, price, quantity) in floor.order(&asked).expect("taken") {
            let price = decimal(price);
            happened.push(format!("TRADE {symbol} {taker} {maker} {quantity} {price}"));
        }
    }
    for symbol in ["BTCUSD", "ETHUSD"] {
        for (side, word) in [(Side::Sell, "SELL"), (Side::Buy, "BUY")] {
            let mut rest = floor.side(symbol, side);
            rest.sort_by_key(|(name, _, _)| floor.ids[name]);
            for (name, price, left) in rest {
                happened.push(format!("{name} {word} {symbol} {left} {}", decimal(price)));
            }
        }
    }
    assert_eq!(happened, expected);
    println!("gemini: the sample, nothing left out");
}

#[test]
fn echomill_scenarios_hold() {
    let Some(folder) = shared("data/suites/echomill/scenarios") else {
        return;
    };
    let entries = fs::read_dir(folder).expect("the folder reads");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let (mut held, mut left_out) = (0, 0);
    for path in &paths {
        let text = fs::read_to_string(path).expect("a scenario reads");
        let scenario: Value = serde_json::from_str(&text).expect("a scenario is JSON");
        let mut floor = Floor::new(&["AAPL", "GOOG"]);
        let name = scenario["meta"]["name"].as_str().expect("a name");
        for step in scenario["steps"].as_array().expect("steps") {
            match echomill(&mut floor, step, name) {
                Ok(()) => held += 1,
                Err(why) => {
                    println!("left out of '{name}': {} ({why})", step["action"]);
                    left_out += 1;
                }
            }
        }
    }
    println!(
        "echomill: {} scenarios, {held} steps hold, {left_out} left out",
        paths.len()
    );
    assert!(paths.len() == 15 && held > 40, "scenarios are missing");
}

/// Plays one step; an error says why it is left out.
fn echomill(floor: &mut Floor, step: &Value, name: &str) -> Result<(), &'static str> {
    let action = step["action"].as_str().expect("an action");
    let expected = &step["expect_body"];
    if let Some(query) = action.strip_prefix("GET /depth?symbol=") {
        let symbol = query.split('&').next().expect("a symbol");
        if floor.instrument(symbol).place() >= floor.symbols.len() {
            return Err("about HTTP only");
        }
        if name.starts_with("Order ID Collision") {
            return Err("a repeated id is refused here, so the first order stays");
        }
        for (field, side) in [("bids", Side::Buy), ("asks", Side::Sell)] {
            check_depth(&expected[field], &floor.levels(symbol, side), name);
        }
        return Ok(());
    }
    let id = step["body"]["id"].as_i64().unwrap_or(0).to_string();
    match action {
        "POST /orders" => post(floor, step, &id),
        "DELETE /orders" => {
            let done = floor.cancel(&id);
            assert_eq!(done, step["expect_status"] != 404, "{name}: cancel {id}");
        }
        "GET /status" => {
            let orders = i64::from(floor.desk.engine.usage().orders);
            assert_eq!(Some(orders), expected["orders"].as_i64(), "{name}");
        }
        _ => return Err("about HTTP only"),
    }
    Ok(())
}

fn check_depth(expected: &Value, levels: &[(i64, i64)], name: &str) {
    let Some(expected) = expected.as_array() else {
        return;
    };
    if expected.is_empty() {
        assert!(levels.is_empty(), "{name}: {levels:?}");
    }
    for (place, level) in expected.iter().enumerate() {
        let (price, quantity) = levels[place];
        assert_eq!(level["price"].as_i64(), Some(price), "{name}");
        assert_eq!(level["qty"].as_i64(), Some(quantity), "{name}");
    }
}

fn post(floor: &mut Floor, step: &Value, id: &str) {
    let body = &step["body"];
    let asked = Asked {
        id,
        symbol: body["symbol"].as_str().expect("a symbol"),
        side: if body["side"] == 1 {
            Side::Buy
        } else {
            Side::Sell
        },
        quantity: body["qty"].as_i64().expect("a quantity"),
        ticks: body["price"].as_i64(),
    };
    let known = floor.ids.contains_key(id);
    let answer = floor.order(&asked);
    if known {
        println!("turned round: a repeated id is CLIENT_ORDER_ID_REUSED, not a new order");
        assert_eq!(answer, Err(RejectReason::ClientOrderIdReused));
        return;
    }
    if step["expect_status"] == 400 {
        assert_eq!(answer, Err(RejectReason::UnknownInstrument));
        return;
    }
    let trades = answer.expect("the order is taken");
    let Some(expected) = step["expect_body"]["trades"].as_array() else {
        return;
    };
    assert_eq!(trades.len(), expected.len(), "{id}");
    for ((_, taker, maker, price, quantity), expected) in trades.iter().zip(expected) {
        assert_eq!(expected["price"].as_i64(), Some(*price));
        assert_eq!(expected["qty"].as_i64(), Some(*quantity));
        for (field, name) in [("takerId", taker), ("makerId", maker)] {
            if let Some(expected) = expected[field].as_i64() {
                assert_eq!(expected.to_string(), *name);
            }
        }
    }
}

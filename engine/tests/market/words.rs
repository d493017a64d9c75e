//! The words of scenario tables: command lines in, event lines out.
//!
//! Commands: `NAME: buy|sell QUANTITY @PRICE | market | mtl | stop TRIGGER [@PRICE]` with
//! `on=ACCOUNT tif=IOC until=TIME post show=N min=N stp=MODE protect=PRICE`; `cancel NAME`,
//! `replace NAME [@PRICE] [x=QUANTITY] [trigger=PRICE]`, `mass ACCOUNT [buy|sell]`, `phase P`,
//! `status venue|instrument S`, `reference PRICE`, `terms KEY=VALUE..`, `accounts OWNER..`,
//! `schedule OFFSET=PHASE..`, `time NANOSECONDS`, `ticks`; those about money are in `money`, those
//! about parties and limits in `duties`, about warehouse receipts in `papers`, about credit in
//! `credit`, about settlement and days in `settle`, about switches in `switches`, about shops and
//! contracts in `shop`, about imports in `border`.
//! Account 0 trades unless `on=` says otherwise. Times are counted from the begin of day 1.
//!
//! Invariant: a line that is not understood stops the test. Not here: comparing.

use std::collections::BTreeMap;

use sanjiang_engine::command::{
    Authority, Body, CancelOrder, Identity, InstrumentTerms, MassCancel, ReplaceOrder, Scope,
    SetMargin, SetReferencePrice, SetSchedule, SetTradingStatus, TradeRef,
};
use sanjiang_engine::event::{ContractEvent, Event};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::Reject;
use sanjiang_engine::types::{
    AccountId, LimitTerms, Nanoseconds, NewOrder, OrderId, OrderType, Posting, Price,
    SelfTradePrevention, Side, Time, TimeInForce,
};
use sanjiang_engine::venue::{Phase, TradingStatus};

use crate::border;
use crate::centralised::{Matched, Watch};
use crate::credit;
use crate::desk::{self, DAY, Desk, INSTRUMENT, VENUE, small_limits};
use crate::duties;
use crate::margin;
use crate::money;
use crate::papers;
use crate::said::Names;
use crate::settle;
use crate::switches;

/// One scenario on its way.
pub struct Stage {
    pub desk: Desk,
    terms: InstrumentTerms,
    names: Names,
    orders: BTreeMap<String, (AccountId, OrderId)>,
    trades: Vec<TradeRef>,
    ready: bool,
    /// Decimals of money and goods, where the instrument has clearing.
    clears: Option<(u8, u8)>,
    /// The terms of margin, where it has that in place of clearing.
    margin: Option<SetMargin>,
    /// Sees that no contract is a match.
    watch: Watch,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(small_limits())
    }

    /// A scenario under other bounds.
    pub fn with(limits: Limits) -> Self {
        let mut desk = Desk::new(limits);
        desk.time = at(0);
        Self {
            desk,
            terms: desk::terms(),
            names: Names::default(),
            orders: BTreeMap::new(),
            trades: Vec::new(),
            ready: false,
            clears: None,
            margin: None,
            watch: Watch::default(),
        }
    }

    /// Plays one line and tells its events.
    pub fn play(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "terms" => words[1..].iter().for_each(|word| self.set_term(word)),
            "accounts" => {
                for owner in &words[1..] {
                    self.desk.add_account(number(owner) as u32);
                }
            }
            "time" => self.desk.time = at(number(words[1])),
            "day" => self.desk.time = at((number(words[1]) - 1) * 24 * 3_600 * 1_000_000_000),
            "clear" => {
                let decimals = |key| value(&words, key).map_or(0, |word| number(word) as u8);
                self.clears = Some((decimals("money"), decimals("goods")));
            }
            "waits" | "holders" => {
                return settle::tell(&self.desk.engine, &words)
                    .into_iter()
                    .collect();
            }
            "armed" => {
                let told = switches::tell(&self.desk.engine, &words);
                return told.into_iter().collect();
            }
            "used" => return vec![duties::used(&self.desk.engine, words[1])],
            "margin" => self.margin = Some(margin::terms(&words[1..])),
            "position" | "collected" => {
                return margin::tell(&self.desk.engine, &words)
                    .into_iter()
                    .collect();
            }
            "has" | "owes" | "venue" => {
                return money::tell(&self.desk.engine, &words).into_iter().collect();
            }
            "imports" => return vec![border::tell(&self.desk.engine, &words)],
            "receipt" => {
                return papers::tell(&self.desk.engine, &words)
                    .into_iter()
                    .collect();
            }
            "drawn" | "transit" => {
                return credit::tell(&self.desk.engine, &words)
                    .into_iter()
                    .collect();
            }
            _ => return self.act(&words),
        }
        Vec::new()
    }

    fn act(&mut self, words: &[&str]) -> Vec<String> {
        if !self.ready {
            self.ready = true;
            if self.desk.engine.parties().accounts().len() == 0 {
                (0..4).for_each(|owner| {
                    self.desk.add_account(owner);
                });
            }
            self.desk.add_instrument(self.terms);
            if let Some((money, goods)) = self.clears {
                for body in money::clear(money, goods, self.margin) {
                    let events = self.desk.send(body);
                    let refused = matches!(events.last(), Some(Event::Operation(answer))
                        if answer.reject.is_some());
                    assert!(!refused, "{events:?}");
                }
            }
        }
        let gap = words[0] == "gap";
        let mut events = if gap { Vec::new() } else { self.desk.ticks() };
        self.see(&events);
        if words[0] != "ticks" {
            let (body, authority) = self.spoken(words);
            let identity = switches::identity(&self.desk.engine, words);
            let mut command = desk::command(identity, body);
            command.envelope.authority = authority;
            let dry = self.desk.dry(&command);
            let sent = if gap {
                let internal = Identity::Internal;
                self.desk.send_at_once(internal, command.body).to_vec()
            } else {
                self.desk.send_command(command)
            };
            self.see(&sent);
            let real = sent.iter().find_map(reject_of);
            assert_eq!(dry, real, "the dry run and the answer: {words:?}");
            let sequence = self.desk.engine.sequence();
            let made = (0..).zip(&sent);
            let made = made.filter(|(_, event)| matches!(event, Event::Trade(_)));
            let made = made.map(|(index, _)| TradeRef { sequence, index });
            self.trades.extend(made);
            if let Some(name) = words[0].strip_suffix(':') {
                self.name(name, &sent);
            }
            events.extend(sent);
        }
        events.iter().map(|event| self.names.tell(event)).collect()
    }

    fn see(&mut self, events: &[Event]) {
        let mut matches = self.watch.see(events).into_iter();
        let matched = matches.find(|one| !matches!(one, Matched::Trade(_)));
        assert_eq!(matched, None, "only orders of a book are matched");
    }

    fn name(&mut self, name: &str, events: &[Event]) {
        let (first, rest) = events.split_at(events.len().min(1));
        // A basket forms more than one contract.
        let contracts = rest
            .iter()
            .filter(|event| matches!(event, Event::Contract(_)));
        for event in first.iter().chain(contracts) {
            self.names.shop.name(name, event);
        }
        if let Some(Event::Report(report)) = events.first() {
            self.names.give(report.order, name);
            let known = (report.account, report.order);
            self.orders.insert(name.to_owned(), known);
        }
    }

    fn set_term(&mut self, word: &str) {
        let (key, value) = word.split_once('=').expect("a term is KEY=VALUE");
        let value = number(value);
        match key {
            "band" => self.terms.static_band_bp = Some(value as u32),
            "dynamic" => self.terms.dynamic_band_ticks = Some(value),
            "protection" => self.terms.market_protection_ticks = value,
            "quantity" => self.terms.max_quantity = desk::quantity(value),
            "notional" => self.terms.max_notional = Some(i128::from(value)),
            other => panic!("no such term: {other}"),
        }
    }

    /// The command of a line, and what an operator says with it.
    pub fn spoken(&self, words: &[&str]) -> (Body, Option<Box<Authority>>) {
        papers::body(&self.desk.engine, words)
            .or_else(|| money::correction(words, &self.trades))
            .or_else(|| self.names.shop.body(&self.desk.engine, words))
            .unwrap_or_else(|| (self.body(words), credit::reason(words)))
    }

    /// The command of a line.
    fn body(&self, words: &[&str]) -> Body {
        match words[0] {
            "cancel" => {
                let (account, order) = self.orders[words[1]];
                let account = account_of(words).unwrap_or(account);
                Body::CancelOrder(CancelOrder { account, order })
            }
            "replace" => self.replace(words),
            "mass" => Body::MassCancel(MassCancel {
                account: AccountId::new(number(words[1]) as u32),
                instrument: None,
                side: words.get(2).map(|word| side(word)),
            }),
            "phase" => Body::SetPhase(sanjiang_engine::command::SetPhase {
                venue: VENUE,
                phase: phase(words[1]),
            }),
            "status" => Body::SetTradingStatus(SetTradingStatus {
                scope: match words[1] {
                    "venue" => Scope::Venue(VENUE),
                    _ => Scope::Instrument(INSTRUMENT),
                },
                status: status(words[2]),
            }),
            "reference" => Body::SetReferencePrice(SetReferencePrice {
                instrument: INSTRUMENT,
                price: price(words[1]),
            }),
            "schedule" => Body::SetSchedule(Box::new(SetSchedule {
                venue: VENUE,
                entries: words[1..].iter().map(|word| entry(word)).collect(),
            })),
            _ => {
                let known = money::body(words)
                    .or_else(|| switches::body(words))
                    .or_else(|| duties::body(words))
                    .or_else(|| credit::body(words));
                known
                    .or_else(|| margin::body(words))
                    .or_else(|| settle::body(words))
                    .unwrap_or_else(|| Body::NewOrder(new_order(&words[1..])))
            }
        }
    }

    fn replace(&self, words: &[&str]) -> Body {
        let (account, order) = self.orders[words[1]];
        Body::ReplaceOrder(ReplaceOrder {
            account: account_of(words).unwrap_or(account),
            order,
            price: words
                .iter()
                .find_map(|word| word.strip_prefix('@'))
                .map(price),
            stop_price: value(words, "trigger").map(price),
            quantity: value(words, "x").map(|word| desk::quantity(number(word))),
        })
    }
}

/// The reject of an event, if it is one.
pub fn reject_of(event: &Event) -> Option<Reject> {
    if let Event::Report(report) = event {
        return report.reject;
    }
    if let Event::MassCancel(report) = event {
        return report.reject;
    }
    if let Event::Operation(report) = event {
        return report.reject;
    }
    if let Event::Contract(ContractEvent::Refused(refused)) = event {
        return Some(refused.reject);
    }
    None
}

/// An instant counted from the begin of day 1.
pub fn at(nanoseconds: i64) -> Time {
    DAY.after(Nanoseconds(nanoseconds))
}

pub fn number(word: &str) -> i64 {
    word.parse()
        .unwrap_or_else(|_| panic!("not a number: {word}"))
}

fn price(word: &str) -> Price {
    desk::price(number(word))
}

/// The value of a word KEY=VALUE, if it is there.
pub fn value<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs
        .into_iter()
        .find(|(found, _)| *found == key)
        .map(|(_, value)| value)
}

fn account_of(words: &[&str]) -> Option<AccountId> {
    value(words, "on").map(|word| AccountId::new(number(word) as u32))
}

fn side(word: &str) -> Side {
    match word {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        other => panic!("no side: {other}"),
    }
}

fn phase(word: &str) -> Phase {
    let found = Phase::ALL
        .into_iter()
        .find(|one| format!("{one:?}") == word);
    found.unwrap_or_else(|| panic!("no phase: {word}"))
}

fn status(word: &str) -> TradingStatus {
    let all = TradingStatus::ALL.into_iter();
    let found = all.into_iter().find(|one| format!("{one:?}") == word);
    found.unwrap_or_else(|| panic!("no status: {word}"))
}

fn entry(word: &str) -> (Nanoseconds, Phase) {
    let (offset, name) = word.split_once('=').expect("an entry is OFFSET=PHASE");
    (Nanoseconds(number(offset)), phase(name))
}

fn new_order(words: &[&str]) -> NewOrder {
    let quantity = number(words[1]);
    let mut order = desk::limit(0, side(words[0]), 1, quantity);
    order.account = account_of(words).unwrap_or(order.account);
    order.order_type = order_type(words);
    order.time_in_force = match value(words, "tif") {
        None => TimeInForce::Day,
        Some("GTC") => TimeInForce::GoodTillCancel,
        Some("GTD") => {
            TimeInForce::GoodTillDate(at(number(value(words, "until").expect("GTD has until="))))
        }
        Some("IOC") => TimeInForce::ImmediateOrCancel,
        Some("FOK") => TimeInForce::FillOrKill,
        Some("OPENING") => TimeInForce::Opening,
        Some("CLOSING") => TimeInForce::Closing,
        Some(other) => panic!("no time in force: {other}"),
    };
    order.min_quantity = value(words, "min").map(|word| desk::quantity(number(word)));
    order.self_trade_prevention = match value(words, "stp") {
        None | Some("NONE") => SelfTradePrevention::None,
        Some("TAKER") => SelfTradePrevention::CancelTaker,
        Some("MAKER") => SelfTradePrevention::CancelMaker,
        Some("BOTH") => SelfTradePrevention::CancelBoth,
        Some("DECREMENT") => SelfTradePrevention::Decrement,
        Some(other) => panic!("no self-trade prevention: {other}"),
    };
    order
}

fn order_type(words: &[&str]) -> OrderType {
    let limit = words
        .iter()
        .find_map(|word| word.strip_prefix('@'))
        .map(price);
    let protection = value(words, "protect").map(price);
    if let Some(place) = words.iter().position(|word| *word == "stop") {
        let stop_price = price(words[place + 1]);
        return match limit {
            Some(price) => OrderType::StopLimit { stop_price, price },
            None => OrderType::Stop {
                stop_price,
                protection,
            },
        };
    }
    match (words[2], limit) {
        ("market", None) => OrderType::Market { protection },
        ("mtl", None) => OrderType::MarketToLimit { protection },
        (_, Some(price)) => OrderType::Limit(LimitTerms {
            price,
            display_quantity: value(words, "show").map(|word| desk::quantity(number(word))),
            posting: if words.contains(&"post") {
                Posting::PostOnly
            } else {
                Posting::MayTake
            },
        }),
        _ => panic!("no order type: {words:?}"),
    }
}

//! Events as the lines of scenario tables.
//!
//! Invariant: a line holds all that a table is about; counters are left to the model test. Not
//! here: commands (`words`).

use std::collections::BTreeMap;

use sanjiang_engine::event::{
    BookAction, Cause, CorrectionEvent, Event, ExecType, Fill, MarginEvent, OrderReport,
    RegimeEvent, Trade, TradeTerms,
};
use sanjiang_engine::types::{OrderId, Price, Quantity, Side};

use crate::desk::DAY;
use crate::duties;
use crate::shop::Shop;

use crate::credit;

/// The names a scenario gave to orders.
#[derive(Default)]
pub struct Names {
    orders: BTreeMap<OrderId, String>,
    pub shop: Shop,
}

impl Names {
    pub fn give(&mut self, order: OrderId, name: &str) {
        self.orders.insert(order, name.to_owned());
    }

    fn of(&self, order: OrderId) -> String {
        let name = self.orders.get(&order).cloned();
        name.unwrap_or_else(|| format!("#{}", order.sequence))
    }

    /// One event as one line.
    pub fn tell(&self, event: &Event) -> String {
        match event {
            Event::Report(report) => self.report(report),
            Event::Trade(trade) => self.trade(trade),
            Event::Book(change) => {
                let name = self.of(change.order);
                let (price, displayed) = (change.price.ticks(), change.displayed.lots());
                match change.action {
                    BookAction::Add => format!("add {name} {displayed} @{price}"),
                    BookAction::Change => format!("change {name} {displayed} @{price}"),
                    BookAction::Delete => format!("delete {name} @{price}"),
                }
            }
            Event::Indicative(one) => {
                format!(
                    "indicative {}",
                    auction(one.price, one.volume, one.imbalance)
                )
            }
            Event::Uncrossed(one) => {
                format!(
                    "uncrossed {}",
                    auction(one.price, one.volume, one.imbalance)
                )
            }
            Event::MassCancel(report) => match report.reject {
                Some(reject) => format!("mass cancel rejected {}", reject.reason.as_str()),
                None => format!("mass canceled {} kept {}", report.canceled, report.kept),
            },
            Event::Operation(report) => match report.reject {
                Some(reject) => format!("refused {}", reject.reason.as_str()),
                None => "done".to_owned(),
            },
            Event::Duplicate(one) => format!("duplicate of {}", one.first_sequence.value()),
            Event::SessionOpened(one) => format!("session opened at {}", one.watermark),
            Event::PhaseChanged(changed) => format!("phase {:?}", changed.phase),
            Event::StatusChanged(changed) => format!("status {:?}", changed.status),
            Event::ReferencePrice(set) => format!("reference {}", set.price.ticks()),
            Event::EpochBegan(_) | Event::Quarantined(_) => format!("{event:?}"),
            Event::Switch(event) => crate::switches::told(event),
            Event::Custody(report) => {
                let (amount, status) = (report.amount.units(), report.status);
                format!("custody {:?} {amount} {status:?}", report.direction)
            }
            Event::Receipt(report) => {
                let (number, account) = (report.number, report.account.index());
                let amount = report.amount.units();
                format!("receipt {number} {amount} of {account} {:?}", report.act)
            }
            Event::Correction(one) => self.correction(one),
            Event::Credit(event) => credit::said(event),
            Event::Settlement(settled) => format!(
                "settled {} goods {} money {}",
                settled.account.index(),
                settled.goods,
                settled.money
            ),
            Event::DayRolled(rolled) => format!("day {} begins", rolled.day),
            Event::Standing(changed) => duties::standing_line(changed),
            Event::Limits(set) => format!("limits of {:?}", set.scope),
            Event::Margin(event) => margin(event),
            Event::Sale(event) => self.shop.sale(event),
            Event::Contract(event) => self.shop.contract(event),
            Event::Regime(RegimeEvent::Defined(defined)) => {
                format!("REGIME {}", defined.regime.code())
            }
            Event::Regime(RegimeEvent::Moving(moving)) => {
                format!("venue {} will move", moving.venue.index())
            }
            Event::Regime(RegimeEvent::Moved(venue)) => format!("venue {} moved", venue.index()),
        }
    }

    fn report(&self, report: &OrderReport) -> String {
        let name = self.of(report.order);
        let [leaves, whole, traded] =
            [report.leaves, report.order_quantity, report.cumulative].map(Quantity::lots);
        let price = price(report.price);
        let cause = if report.cause == Cause::Request {
            String::new()
        } else {
            format!(" {:?}", report.cause)
        };
        let reason = report.reject.map_or("", |reject| reject.reason.as_str());
        match report.exec_type {
            ExecType::New => {
                let stop = report.stop_price;
                let stop = stop.map_or(String::new(), |stop| format!(" stop {}", stop.ticks()));
                let side = report.side.map_or("", side_word);
                format!(
                    "new {name} {side} {whole}{stop}{price}{}",
                    held(report.held)
                )
            }
            ExecType::Canceled => format!("canceled {name} traded {traded} of {whole}{cause}"),
            ExecType::Expired => format!("expired {name} traded {traded} of {whole}{cause}"),
            ExecType::Replaced => {
                let held = held(report.held);
                format!("replaced {name} {leaves} of {whole}{price}{held}")
            }
            ExecType::Restated => format!("restated {name} {leaves} of {whole}{price}{cause}"),
            ExecType::Triggered => format!("triggered {name} {leaves} of {whole}{price}"),
            ExecType::Rejected => format!("rejected {name} {reason}"),
            ExecType::CancelRejected => format!("cancel rejected {name} {reason}"),
            ExecType::ReplaceRejected => format!("replace rejected {name} {reason}"),
        }
    }

    fn correction(&self, event: &CorrectionEvent) -> String {
        let (word, trade) = match event {
            CorrectionEvent::Busted(trade) => ("busted", trade),
            CorrectionEvent::Corrected(trade) => ("corrected", trade),
            CorrectionEvent::Repaid(one) => {
                let (account, asset) = (one.account.index(), one.asset.index());
                let asset = ["money", "goods"][asset as usize];
                let (amount, owed) = (one.amount, one.owed);
                return format!("repaid {account} {asset} {amount}, owes {owed}");
            }
        };
        let terms = |terms: &TradeTerms| {
            let (quantity, price) = (terms.quantity.lots(), terms.price.ticks());
            format!("{quantity} @{price} worth {}", terms.value)
        };
        let sides = trade.sides().map(|(_, side)| {
            let owes = match side.owed {
                0 => String::new(),
                owed => format!(" owes {owed}"),
            };
            let name = self.of_sequence(side.order);
            format!("{name} fee {} to {}{owes}", side.fee_before, side.fee)
        });
        let goods = match (trade.goods, trade.goods_owed) {
            (goods, 0) => format!("goods back {goods}"),
            (goods, owed) => format!("goods back {goods} owes {owed}"),
        };
        let (before, after) = (terms(&trade.before), terms(&trade.after));
        let [buy, sell] = sides;
        format!("{word} {before} to {after}: {buy}, {sell}, {goods}")
    }

    fn of_sequence(&self, sequence: u64) -> String {
        let mut names = self.orders.iter();
        let found = names.find(|(order, _)| order.sequence == sequence);
        found.map_or_else(|| format!("#{sequence}"), |(_, name)| name.clone())
    }

    fn trade(&self, trade: &Trade) -> String {
        let fill = |fill: &Fill| format!("{} left {}", self.of(fill.order), fill.leaves.lots());
        let by = trade.aggressor.map_or("auction", side_word);
        let (quantity, price) = (trade.quantity.lots(), trade.price.ticks());
        let (buy, sell) = (fill(&trade.buy), fill(&trade.sell));
        let worth = match trade.value {
            0 => String::new(),
            value => format!(" worth {value} fees {} {}", trade.buy.fee, trade.sell.fee),
        };
        format!("trade {quantity} @{price} by {by}: {buy}, {sell}{worth}")
    }
}

/// What happened to a margin forward.
fn margin(event: &MarginEvent) -> String {
    match event {
        MarginEvent::Settlement { price, .. } => format!("settlement @{}", price.ticks()),
        MarginEvent::Variation(one) => {
            let (account, amount) = (one.account.index(), one.amount);
            format!("variation of {account} {amount}")
        }
        MarginEvent::Call(call) => {
            let (account, needs, has) = (call.account.index(), call.maintenance, call.held);
            let until = call.deadline.map(|at| at.nanoseconds() - DAY.nanoseconds());
            let until = until.map_or("waits".to_owned(), |at| format!("until {at}"));
            format!("call of {account} holds {has} of {needs} {until}")
        }
        MarginEvent::Covered { account, .. } => format!("call of {} over", account.index()),
    }
}

/// The money an order holds, where it holds any.
fn held(held: i64) -> String {
    match held {
        0 => String::new(),
        held => format!(" holds {held}"),
    }
}

fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

fn price(price: Option<Price>) -> String {
    price.map_or(String::new(), |price| format!(" @{}", price.ticks()))
}

fn auction(price: Option<Price>, volume: i64, imbalance: i64) -> String {
    match price {
        Some(price) => format!("{volume} @{} imbalance {imbalance}", price.ticks()),
        None => "nothing".to_owned(),
    }
}

//! Events as the lines of scenario tables.
//!
//! Invariant: a line holds all that a table is about; counters are left to the model test. Not
//! here: commands (`words`).

use std::collections::BTreeMap;

use sanjiang_engine::event::{BookAction, Cause, Event, ExecType, Fill, OrderReport, Trade};
use sanjiang_engine::types::{OrderId, Price, Quantity, Side};

use crate::duties;

/// The names a scenario gave to orders.
#[derive(Default)]
pub struct Names(BTreeMap<OrderId, String>);

impl Names {
    pub fn give(&mut self, order: OrderId, name: &str) {
        self.0.insert(order, name.to_owned());
    }

    fn of(&self, order: OrderId) -> String {
        let name = self.0.get(&order).cloned();
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
            Event::Custody(report) => {
                let (amount, status) = (report.amount.units(), report.status);
                format!("custody {:?} {amount} {status:?}", report.direction)
            }
            Event::DayRolled(rolled) => format!("day {} begins", rolled.day),
            Event::Standing(changed) => duties::standing_line(changed),
            Event::Limits(set) => format!("limits of {:?}", set.scope),
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

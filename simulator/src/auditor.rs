//! Checks what a participant's stream of reports must always say, and joins both sides of trades.
//!
//! Invariants checked: each command of the session is answered once and in order; an order's
//! quantities add up; what has traded only grows, by exactly what each trade says; a trade has one
//! buyer and one seller with the same price and quantity. Not here: gaps of the stream (the
//! follower refuses them), and which trades were expected (`replay`).

use std::collections::HashMap;

use proto::v1::{ExecType, ExecutionReport, OrderStatus, Side};
use rust_decimal::Decimal;

/// A trade, with the names that the run gave to both orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NamedTrade {
    /// Name of the buyer's order.
    pub buy: u64,
    /// Name of the seller's order.
    pub sell: u64,
    /// Price in ticks.
    pub price_ticks: i64,
    /// Quantity in lots.
    pub quantity_lots: i64,
    /// The command that caused it.
    pub engine_sequence: u64,
}

/// What a report told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// The session's command with this number was accepted as a new order.
    Accepted(u64),
    /// The session's command with this number was answered otherwise.
    Answered(u64),
    /// Both sides of a trade are known now.
    Traded(NamedTrade),
    /// Nothing that a replay counts.
    Nothing,
}

struct Live {
    name: u64,
    traded: Decimal,
}

struct Half {
    side: Side,
    name: u64,
    price: Decimal,
    quantity: Decimal,
}

/// The checks of one participant's stream and one session.
pub struct Auditor {
    session_id: String,
    tick: Decimal,
    lot: Decimal,
    next_answer: u64,
    live: HashMap<String, Live>,
    halves: HashMap<String, Half>,
}

impl Auditor {
    /// Of a session on an instrument with this tick and lot, both above zero.
    pub fn new(session_id: &str, tick: Decimal, lot: Decimal) -> Self {
        Self {
            session_id: session_id.to_owned(),
            tick,
            lot,
            next_answer: 1,
            live: HashMap::new(),
            halves: HashMap::new(),
        }
    }

    /// Trades of which only one side was reported.
    pub fn halves(&self) -> usize {
        self.halves.len()
    }

    /// Name of a live order, by the exchange's id.
    pub fn name(&self, order_id: &str) -> Option<u64> {
        self.live.get(order_id).map(|live| live.name)
    }

    /// Takes in the next report; `name` gives the name of the session's command with a number.
    pub fn take(
        &mut self,
        report: &ExecutionReport,
        name: impl Fn(u64) -> Option<u64>,
    ) -> Result<Told, String> {
        let told = self.answer(report, name)?;
        self.quantities(report)?;
        let told = if report.exec_type() == ExecType::Trade {
            self.trade(report)?
        } else {
            told
        };
        if has_ended(report.order_status()) {
            self.live.remove(&report.order_id);
        }
        Ok(told)
    }

    /// Whether it answers a command of the session, each once and in order.
    fn answer(
        &mut self,
        report: &ExecutionReport,
        name: impl Fn(u64) -> Option<u64>,
    ) -> Result<Told, String> {
        let number = report.client_sequence;
        let is_answer = match report.exec_type() {
            ExecType::New | ExecType::Rejected => true,
            ExecType::Canceled
            | ExecType::Replaced
            | ExecType::CancelRejected
            | ExecType::ReplaceRejected => number >= self.next_answer,
            ExecType::Unspecified
            | ExecType::Expired
            | ExecType::Restated
            | ExecType::Trade
            | ExecType::TradeCancel
            | ExecType::TradeCorrect
            | ExecType::Triggered => false,
        };
        if !is_answer || report.session_id != self.session_id {
            return Ok(Told::Nothing);
        }
        if number != self.next_answer {
            return Err(format!(
                "command {number} was answered at engine sequence {} where command {} was due",
                report.engine_sequence, self.next_answer
            ));
        }
        self.next_answer += 1;
        if report.exec_type() != ExecType::New {
            return Ok(Told::Answered(number));
        }
        let name = name(number).ok_or_else(|| format!("command {number} was never sent"))?;
        let live = Live {
            name,
            traded: Decimal::ZERO,
        };
        if self.live.insert(report.order_id.clone(), live).is_some() {
            return Err(format!("order {} was accepted twice", report.order_id));
        }
        Ok(Told::Accepted(number))
    }

    fn quantities(&mut self, report: &ExecutionReport) -> Result<(), String> {
        let Some(live) = self.live.get_mut(&report.order_id) else {
            return Ok(());
        };
        let cumulative = decimal(report, "cumulative_quantity", &report.cumulative_quantity)?;
        let leaves = decimal(report, "leaves_quantity", &report.leaves_quantity)?;
        let whole = decimal(report, "order_quantity", &report.order_quantity)?;
        if has_ended(report.order_status()) {
            if leaves != Decimal::ZERO {
                return Err(format!("{}: ended with leaves {leaves}", report.exec_id));
            }
        } else if whole != cumulative + leaves {
            return Err(format!(
                "{}: order quantity {whole} is not {cumulative} traded and {leaves} left",
                report.exec_id
            ));
        }
        let mut expected = live.traded;
        if report.exec_type() == ExecType::Trade {
            expected += decimal(report, "last_quantity", &report.last_quantity)?;
        }
        if cumulative != expected {
            return Err(format!(
                "{}: {cumulative} has traded, by its trades it is {expected}",
                report.exec_id
            ));
        }
        live.traded = cumulative;
        Ok(())
    }

    fn trade(&mut self, report: &ExecutionReport) -> Result<Told, String> {
        let Some(live) = self.live.get(&report.order_id) else {
            return Err(format!(
                "{}: trade of order {} that is not live",
                report.exec_id, report.order_id
            ));
        };
        let half = Half {
            side: report.side(),
            name: live.name,
            price: decimal(report, "last_price", &report.last_price)?,
            quantity: decimal(report, "last_quantity", &report.last_quantity)?,
        };
        let Some(other) = self.halves.remove(&report.trade_id) else {
            self.halves.insert(report.trade_id.clone(), half);
            return Ok(Told::Nothing);
        };
        let (buy, sell) = match (half.side, other.side) {
            (Side::Buy, Side::Sell) => (half.name, other.name),
            (Side::Sell, Side::Buy) => (other.name, half.name),
            _ => return Err(format!("trade {} has one side twice", report.trade_id)),
        };
        if (half.price, half.quantity) != (other.price, other.quantity) {
            return Err(format!("trade {}: its sides differ", report.trade_id));
        }
        Ok(Told::Traded(NamedTrade {
            buy,
            sell,
            price_ticks: units(report, half.price, self.tick)?,
            quantity_lots: units(report, half.quantity, self.lot)?,
            engine_sequence: report.engine_sequence,
        }))
    }
}

/// Whether an order with this status may never trade again.
pub fn has_ended(status: OrderStatus) -> bool {
    match status {
        OrderStatus::Filled
        | OrderStatus::Canceled
        | OrderStatus::Rejected
        | OrderStatus::Expired => true,
        OrderStatus::Unspecified | OrderStatus::New | OrderStatus::PartiallyFilled => false,
    }
}

fn decimal(report: &ExecutionReport, field: &str, text: &str) -> Result<Decimal, String> {
    text.parse()
        .map_err(|_| format!("{}: {field} is `{text}`, not a decimal", report.exec_id))
}

/// A decimal as a whole number of steps.
fn units(report: &ExecutionReport, value: Decimal, step: Decimal) -> Result<i64, String> {
    value
        .checked_div(step)
        .filter(|units| units.fract().is_zero())
        .and_then(|units| i64::try_from(units).ok())
        .ok_or_else(|| format!("{}: {value} is no multiple of {step}", report.exec_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(exec_type: ExecType, status: OrderStatus, number: u64) -> ExecutionReport {
        ExecutionReport {
            exec_id: format!("e{number}"),
            order_id: format!("o{number}"),
            session_id: "s".to_owned(),
            client_sequence: number,
            exec_type: exec_type.into(),
            order_status: status.into(),
            order_quantity: "5".to_owned(),
            cumulative_quantity: "0".to_owned(),
            leaves_quantity: "5".to_owned(),
            ..ExecutionReport::default()
        }
    }

    fn traded(number: u64, side: Side, price: &str) -> ExecutionReport {
        ExecutionReport {
            side: side.into(),
            last_price: price.to_owned(),
            last_quantity: "5".to_owned(),
            cumulative_quantity: "5".to_owned(),
            leaves_quantity: "0".to_owned(),
            trade_id: "t".to_owned(),
            ..report(ExecType::Trade, OrderStatus::Filled, number)
        }
    }

    fn auditor() -> Auditor {
        let mut auditor = Auditor::new("s", Decimal::new(1, 2), Decimal::ONE);
        for number in [1, 2] {
            let new = report(ExecType::New, OrderStatus::New, number);
            let told = auditor.take(&new, |number| Some(number + 100)).unwrap();
            assert_eq!(told, Told::Accepted(number));
        }
        auditor
    }

    #[test]
    fn both_sides_of_a_trade_are_joined() {
        let mut auditor = auditor();
        let buy = auditor.take(&traded(1, Side::Buy, "5.48"), |_| None);
        assert_eq!(buy, Ok(Told::Nothing));
        let expected = NamedTrade {
            buy: 101,
            sell: 102,
            price_ticks: 548,
            quantity_lots: 5,
            engine_sequence: 0,
        };
        let sell = auditor.take(&traded(2, Side::Sell, "5.48"), |_| None);
        assert_eq!(sell, Ok(Told::Traded(expected)));
        assert_eq!(auditor.halves(), 0);
    }

    #[test]
    fn sides_that_differ_and_a_trade_of_nobody_are_found() {
        let mut auditor = auditor();
        auditor
            .take(&traded(1, Side::Buy, "5.48"), |_| None)
            .unwrap();
        let error = auditor
            .take(&traded(2, Side::Sell, "5.47"), |_| None)
            .unwrap_err();
        assert_eq!(error, "trade t: its sides differ");
        assert!(
            auditor
                .take(&traded(3, Side::Sell, "5.47"), |_| None)
                .is_err()
        );
    }

    #[test]
    fn a_command_done_twice_or_lost_is_found() {
        let mut auditor = auditor();
        let twice = report(ExecType::New, OrderStatus::New, 2);
        assert!(auditor.take(&twice, |_| Some(1)).is_err());
        let ahead = report(ExecType::New, OrderStatus::New, 4);
        assert!(auditor.take(&ahead, |_| Some(1)).is_err());
    }

    #[test]
    fn quantities_that_do_not_add_up_are_found() {
        let mut auditor = auditor();
        let mut wrong = report(ExecType::Restated, OrderStatus::New, 1);
        wrong.leaves_quantity = "4".to_owned();
        assert!(auditor.take(&wrong, |_| None).is_err());
        let mut grown = report(ExecType::Restated, OrderStatus::PartiallyFilled, 1);
        grown.cumulative_quantity = "1".to_owned();
        grown.leaves_quantity = "4".to_owned();
        assert!(auditor.take(&grown, |_| None).is_err());
    }
}

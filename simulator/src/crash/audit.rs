//! The audit from the clients' side: a participant's whole stream of reports, read again from the
//! first one, against what its clients were told.
//!
//! Invariants checked: the numbers of the participant and of each account have no gap; what a
//! client was told stands there under the same number, byte for byte but `poss_dup`; each command
//! is answered at most once, and once where the client knows it; no order is accepted and nothing
//! is executed twice; quantities add up; each trade has two sides that agree. Not here: reading the
//! stream (`live`), which trades a day must give (`replay`).

use std::collections::{HashMap, HashSet};

use proto::v1::{Cause, ExecType, ExecutionReport, SessionReport, Side};
use rust_decimal::Decimal;

use super::ledger::{Asked, Faults, Key, Ledger, Told};
use super::numbering::{Numbering, Numbers};
use crate::auditor::has_ended;

/// Whose commands a stream answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Commands {
    /// Those of the ledger; an answer to any other is a fault.
    OfLedger,
    /// Those of the replay, which checks by itself that each is answered.
    OfReplay,
}

/// When an audit is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Between two lives of the gateway: some commands wait to be sent again.
    Between,
    /// At the end: every command was answered.
    AtEnd,
}

/// What the numbers of a session stand for.
#[derive(Clone, Default, Debug)]
pub struct Words {
    /// Handles of accounts, by public id.
    pub accounts: HashMap<String, u32>,
    /// Handles, ticks and lots of instruments, by public id.
    pub instruments: HashMap<String, (u32, Decimal, Decimal)>,
}

/// What an audit found.
#[derive(Clone, Default, Debug)]
pub struct Found {
    /// Reports read and compared.
    pub reports: u64,
    /// Trades with both sides.
    pub trades: u64,
    /// What must not be.
    pub faults: Faults,
    /// The last report of each order.
    pub orders: HashMap<String, ExecutionReport>,
}

struct Half {
    side: Side,
    price: String,
    quantity: String,
}

/// See the file's head.
pub struct Audit<'a> {
    ledger: &'a Ledger,
    commands: Commands,
    words: &'a Words,
    due: u64,
    numbering: Numbering,
    given: HashMap<Key, u32>,
    accepted: HashSet<String>,
    halves: HashMap<String, Half>,
    found: Found,
}

impl<'a> Audit<'a> {
    /// Of the stream of the participant whose clients kept this ledger, which must hold all
    /// reports up to number `due`: what the clients had been told before the stream was opened.
    pub fn new(ledger: &'a Ledger, commands: Commands, words: &'a Words, due: u64) -> Self {
        Self {
            ledger,
            commands,
            words,
            due,
            numbering: Numbering::default(),
            given: HashMap::new(),
            accepted: HashSet::new(),
            halves: HashMap::new(),
            found: Found::default(),
        }
    }

    /// Takes in the next report of the stream.
    pub fn take(&mut self, report: &ExecutionReport) {
        self.found.reports += 1;
        // Each check stands alone: what one of them finds hides nothing from the others.
        for check in [
            Self::number,
            Self::compare,
            Self::answer,
            Self::order,
            Self::trade,
        ] {
            if let Err(what) = check(self, report) {
                self.found.faults.add(what);
            }
        }
        if report.reject_reason.is_empty() {
            let id = report.order_id.clone();
            self.found.orders.insert(id, report.clone());
        }
    }

    /// Ends: what was told and is not there, what was answered never or twice.
    pub fn finish(mut self, when: When) -> Found {
        let lost = self
            .ledger
            .memory
            .told_between(self.numbering.next(), self.due);
        for (number, told) in lost {
            let what = format!("report {number} is lost, the client was told {told:?}");
            self.found.faults.add(what);
        }
        if self.commands == Commands::OfLedger {
            self.count_answers(when);
        }
        let halves = self.halves.len();
        if halves > 0 && when == When::AtEnd {
            let what = format!("{halves} trades have only one side");
            self.found.faults.add(what);
        }
        self.found
    }

    /// Whether its numbers and its id are the next ones.
    fn number(&mut self, report: &ExecutionReport) -> Result<(), String> {
        self.numbering.take(Numbers {
            participant: report.participant_sequence,
            account: report.account_sequence,
            account_id: &report.account_id,
            execution: &report.exec_id,
        })
    }

    /// Whether it is what the client was told under this number.
    fn compare(&mut self, report: &ExecutionReport) -> Result<(), String> {
        let same = match self.ledger.memory.told(report.participant_sequence) {
            None => true,
            Some(Told::Report(told)) => **told == *report,
            Some(Told::Session(told)) => self
                .in_numbers(report, told)
                .is_some_and(|numbers| numbers == **told),
        };
        if same {
            return Ok(());
        }
        let told = self.ledger.memory.told(report.participant_sequence);
        Err(format!(
            "the client was told {told:?}, now it is {report:?}"
        ))
    }

    /// A report as a session tells it. The code of a reject stands nowhere else, so it is taken
    /// over where both reject.
    fn in_numbers(&self, report: &ExecutionReport, told: &SessionReport) -> Option<SessionReport> {
        let (sequence, slot) = report.order_id.split_once('-')?;
        let (instrument, tick, lot) = self.instrument(&report.instrument_id)?;
        let steps = |text: &str, step: Decimal| steps(text, step);
        let time = report.transact_time.as_ref()?;
        let rejected = !report.reject_reason.is_empty();
        Some(SessionReport {
            engine_sequence: report.engine_sequence,
            client_sequence: number_in_session(report, told),
            exec_type: report.exec_type,
            order_status: report.order_status,
            order_sequence: sequence.parse().ok()?,
            order_slot: slot.parse().ok()?,
            account: *self.words.accounts.get(&report.account_id)?,
            instrument,
            side: report.side,
            price_ticks: steps(&report.price, tick)?,
            leaves_lots: steps(&report.leaves_quantity, lot)?,
            cumulative_lots: steps(&report.cumulative_quantity, lot)?,
            account_sequence: report.account_sequence,
            participant_sequence: report.participant_sequence,
            transact_time_ns: time.seconds * 1_000_000_000 + i64::from(time.nanos),
            index: last_part(&report.exec_id)?,
            last_ticks: steps(&report.last_price, tick)?,
            last_lots: steps(&report.last_quantity, lot)?,
            liquidity: report.liquidity,
            trade_index: if report.trade_id.is_empty() {
                0
            } else {
                last_part(&report.trade_id)?
            },
            reject_code: if rejected { told.reject_code.max(1) } else { 0 },
            demonstration: report.demonstration,
            cause: report.cause,
            fee_units: minor_units(&report.fee)?,
        })
    }

    fn instrument(&self, id: &str) -> Option<(u32, Decimal, Decimal)> {
        if id.is_empty() {
            return Some((0, Decimal::ONE, Decimal::ONE));
        }
        self.words.instruments.get(id).copied()
    }

    /// Counts it, if it answers a command.
    fn answer(&mut self, report: &ExecutionReport) -> Result<(), String> {
        let key = key_of(report);
        let kind = match report.exec_type() {
            ExecType::New | ExecType::Rejected => Asked::New,
            ExecType::Replaced | ExecType::ReplaceRejected => Asked::Replace,
            ExecType::CancelRejected => Asked::Cancel,
            ExecType::Canceled => match self.ledger.memory.asked(&key).copied() {
                Some(kind @ (Asked::Cancel | Asked::Replace)) if was_asked_for(report) => kind,
                _ => return Ok(()),
            },
            ExecType::Unspecified
            | ExecType::Expired
            | ExecType::Restated
            | ExecType::Trade
            | ExecType::TradeCancel
            | ExecType::TradeCorrect
            | ExecType::Triggered => return Ok(()),
        };
        if self.commands == Commands::OfLedger && self.ledger.memory.asked(&key) != Some(&kind) {
            return Err(format!("{key:?} was answered as {kind:?}, never asked so"));
        }
        let times = self.given.entry(key.clone()).or_insert(0);
        *times += 1;
        if *times > 1 {
            return Err(format!("{key:?} was carried out {times} times"));
        }
        Ok(())
    }

    fn order(&mut self, report: &ExecutionReport) -> Result<(), String> {
        let id = &report.order_id;
        if report.exec_type() == ExecType::New && !self.accepted.insert(id.clone()) {
            return Err(format!("order {id} was accepted twice"));
        }
        // A reject names an order and says nothing of it.
        if !self.accepted.contains(id) || !report.reject_reason.is_empty() {
            return Ok(());
        }
        let read = |text: &str| text.parse::<Decimal>().ok();
        let (Some(whole), Some(traded), Some(leaves)) = (
            read(&report.order_quantity),
            read(&report.cumulative_quantity),
            read(&report.leaves_quantity),
        ) else {
            return Err(format!("{report:?}: a quantity is no decimal"));
        };
        let ended = has_ended(report.order_status());
        if (ended && !leaves.is_zero()) || (!ended && whole != traded + leaves) {
            return Err(format!(
                "{}: {whole} is not {traded} traded and {leaves} left",
                report.exec_id
            ));
        }
        let before = self.found.orders.get(id);
        let mut expected = before.map_or(Decimal::ZERO, |before| {
            read(&before.cumulative_quantity).unwrap_or_default()
        });
        if report.exec_type() == ExecType::Trade {
            expected += read(&report.last_quantity).unwrap_or_default();
        }
        if traded == expected {
            return Ok(());
        }
        Err(format!(
            "{}: {traded} has traded, by its trades it is {expected}",
            report.exec_id
        ))
    }

    fn trade(&mut self, report: &ExecutionReport) -> Result<(), String> {
        if report.exec_type() != ExecType::Trade {
            return Ok(());
        }
        let id = &report.trade_id;
        let half = Half {
            side: report.side(),
            price: report.last_price.clone(),
            quantity: report.last_quantity.clone(),
        };
        let Some(other) = self.halves.remove(id) else {
            self.halves.insert(id.clone(), half);
            return Ok(());
        };
        if half.side == other.side || half.price != other.price || half.quantity != other.quantity {
            return Err(format!("the sides of trade {id} do not agree"));
        }
        self.found.trades += 1;
        Ok(())
    }

    fn count_answers(&mut self, when: When) {
        let given = |key: &Key| self.given.get(key).copied().unwrap_or(0);
        let mut missing: Vec<String> = self
            .ledger
            .answers()
            .filter(|(key, number)| (1..=self.due).contains(number) && given(key) == 0)
            .map(|(key, number)| format!("{key:?} was answered by report {number}, now by none"))
            .collect();
        let unanswered = self
            .ledger
            .memory
            .settled_ones()
            .filter(|key| given(key) == 0);
        missing.extend(unanswered.map(|key| format!("{key:?} was done, now nothing answers it")));
        if when == When::AtEnd {
            let open = self.ledger.open();
            missing.extend(open.map(|key| format!("{key:?} was never answered")));
        }
        for what in missing {
            self.found.faults.add(what);
        }
    }
}

/// Which command a report belongs to.
fn key_of(report: &ExecutionReport) -> Key {
    if report.session_id.is_empty() {
        Key::Request(report.client_order_id.clone())
    } else {
        Key::Session(report.session_id.clone(), report.client_sequence)
    }
}

/// What nobody asked for bears the number of its order in words, and that of the command that
/// caused it, a later replace perhaps, in numbers.
fn number_in_session(report: &ExecutionReport, told: &SessionReport) -> u64 {
    let unasked = match report.exec_type() {
        ExecType::Trade | ExecType::Canceled => true,
        ExecType::Unspecified
        | ExecType::New
        | ExecType::Replaced
        | ExecType::Rejected
        | ExecType::CancelRejected
        | ExecType::ReplaceRejected
        | ExecType::Expired
        | ExecType::Restated
        | ExecType::TradeCancel
        | ExecType::TradeCorrect
        | ExecType::Triggered => false,
    };
    if unasked {
        report.client_sequence.max(told.client_sequence)
    } else {
        report.client_sequence
    }
}

/// Whether a cancellation is what its command asked for.
fn was_asked_for(report: &ExecutionReport) -> bool {
    match report.cause() {
        Cause::Unspecified | Cause::ReplacedBelowFilled => true,
        Cause::MassCancel
        | Cause::SelfTrade
        | Cause::Unfilled
        | Cause::TimeOver
        | Cause::PriceSet
        | Cause::NotPlaced
        | Cause::KillSwitch
        | Cause::Disconnected
        | Cause::DeadMan
        | Cause::ForcedReduction => false,
    }
}

/// A decimal as a whole number of steps; no text is 0.
fn steps(text: &str, step: Decimal) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let steps = text.parse::<Decimal>().ok()?.checked_div(step)?;
    steps
        .fract()
        .is_zero()
        .then(|| i64::try_from(steps).ok())
        .flatten()
}

/// An amount as a whole number of its last digit; no text is 0.
fn minor_units(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    text.replace('.', "").parse().ok()
}

/// The number behind the last dash of an id.
fn last_part(id: &str) -> Option<u32> {
    id.rsplit('-').next()?.parse().ok()
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;

//! A live client that sends by a Session, numbers instead of words.
//!
//! Invariant: commands keep their `client_sequence` over every connection; what the session says is
//! done without its report is looked for in the stream by the audit. Not here: the session itself
//! (`client::session`).

use std::collections::HashMap;

use proto::v1::{
    ExecType, OrderType, SelfTradePrevention, SessionCancel, SessionNewOrder, SessionReplace,
    session_command::Command,
};
use tokio::sync::mpsc::error::TrySendError;

use super::{
    lane::Lane,
    ledger::{Asked, Key},
};
use crate::{
    auditor::has_ended,
    client::{
        session::{Session, SessionEvent},
        session_state::{Answer, Outgoing, Refusals},
    },
    load::stream::{side, time_in_force},
    workload::flow::{Action, Flow},
};

/// Commands without an answer at a time.
const WINDOW: usize = 24;
/// Of so many new orders one is larger than the instrument takes: a reject.
const REJECT_ONE_IN: u64 = 12;
/// How much too large it is, in lots.
const TOO_MANY_LOTS: i64 = 1 << 20;
/// Time of the flow that passes with each command, in milliseconds.
const STEP_MS: u64 = 20;

/// See the file's head.
pub struct Stream {
    lane: Lane,
    session_id: String,
    session: Session,
    flow: Flow,
    commands: u64,
    numbers: u64,
    asked: HashMap<u64, (u64, Asked)>,
    live: HashMap<u64, (u64, u32)>,
    by_number: HashMap<u64, u64>,
    kills: u32,
}

impl Stream {
    /// Opens the session `<run>-s<index>`.
    pub fn open(lane: Lane) -> Self {
        let session_id = format!("{}-s{}", lane.run, lane.index);
        let session = Session::start(
            lane.connection.clone(),
            session_id.clone(),
            Refusals::Resend,
        );
        let traded = std::sync::Arc::clone(&lane.market.traded);
        Self {
            flow: Flow::new(lane.seed, lane.index, traded, 1),
            lane,
            session_id,
            session,
            commands: 0,
            numbers: 0,
            asked: HashMap::new(),
            live: HashMap::new(),
            by_number: HashMap::new(),
            kills: 0,
        }
    }

    /// Sends until the run is over and everything is answered.
    pub async fn run(mut self) -> Result<(), String> {
        let floor = std::sync::Arc::clone(&self.lane.floor);
        let mut open = true;
        while open {
            let room = self.asked.len() < WINDOW;
            tokio::select! {
                event = self.session.events.recv() => match event {
                    Some(event) => self.take(event),
                    None => return Err(self.end().await),
                },
                may = floor.may_ask(), if room => {
                    open = may;
                    if may {
                        self.send();
                    }
                }
            }
        }
        while !self.asked.is_empty() {
            match self.session.events.recv().await {
                Some(event) => self.take(event),
                None => return Err(self.end().await),
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> String {
        match (&mut self.session.task).await {
            Ok(Ok(())) => format!("session {} ended too early", self.session_id),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        }
    }

    fn key(&self, number: u64) -> Key {
        Key::Session(self.session_id.clone(), number)
    }

    fn send(&mut self) {
        self.commands += 1;
        let action = self.flow.next(self.commands * STEP_MS);
        let Some((token, asked, command)) = action.and_then(|action| self.command(action)) else {
            return;
        };
        let number = self.numbers + 1;
        let outgoing = Outgoing {
            token: number,
            command,
            valid_until_ns: 0,
        };
        // The key must be known before the answer can come.
        self.lane
            .floor
            .ledger()
            .memory
            .asks(&self.key(number), asked);
        match self.session.commands.try_send(outgoing) {
            Ok(()) => {
                self.numbers = number;
                self.asked.insert(number, (token, asked));
            }
            // Full or closed: whoever closed it says so by the end of the events.
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                self.lane.floor.ledger().memory.withdraw(&self.key(number));
                self.flow.ended(token);
            }
        }
    }

    fn command(&self, action: Action) -> Option<(u64, Asked, Command)> {
        let index = usize::try_from(self.lane.index).ok()?;
        let account = Some(self.lane.market.accounts.get(index)?.handle);
        match action {
            Action::New {
                token,
                instrument,
                way,
                price_ticks,
                lots,
                immediate,
                ..
            } => {
                let too_large = self.commands.is_multiple_of(REJECT_ONE_IN);
                let order = SessionNewOrder {
                    account,
                    instrument: Some(self.lane.market.named.get(instrument)?.handle),
                    side: side(way).into(),
                    order_type: OrderType::Limit.into(),
                    time_in_force: time_in_force(immediate).into(),
                    price_ticks,
                    quantity_lots: lots + if too_large { TOO_MANY_LOTS } else { 0 },
                    self_trade_prevention: SelfTradePrevention::CancelTaker.into(),
                    ..SessionNewOrder::default()
                };
                Some((token, Asked::New, Command::NewOrder(order)))
            }
            Action::Cancel { order } => {
                let (order_sequence, order_slot) = *self.live.get(&order)?;
                let cancel = SessionCancel {
                    order_sequence,
                    order_slot,
                    account,
                };
                Some((order, Asked::Cancel, Command::Cancel(cancel)))
            }
            Action::Replace {
                order,
                price_ticks,
                lots,
            } => {
                let (order_sequence, order_slot) = *self.live.get(&order)?;
                let replace = SessionReplace {
                    order_sequence,
                    order_slot,
                    account,
                    price_ticks: Some(price_ticks),
                    quantity_lots: lots,
                    stop_ticks: None,
                };
                Some((order, Asked::Replace, Command::Replace(replace)))
            }
        }
    }

    fn take(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Opened { connections, .. } => {
                if connections > 1 {
                    let kills = self.lane.floor.kills();
                    let waiting = self.asked.len() as u64;
                    if kills > self.kills {
                        self.lane.floor.ledger().struck(kills, waiting);
                    }
                    self.kills = kills;
                }
            }
            SessionEvent::Answers { answers, .. } => {
                for answer in &answers {
                    self.answer(answer);
                }
            }
            SessionEvent::Settled(numbers) => {
                for number in numbers {
                    let key = self.key(number);
                    if let Some((token, _)) = self.asked.remove(&number) {
                        self.lane.floor.ledger().memory.settled(key);
                        self.lane.floor.answered(1);
                        self.gone(token);
                    }
                }
            }
            SessionEvent::Refused(numbers) => {
                let what = format!("{} commands were given up", numbers.len());
                self.lane.floor.ledger().memory.faults.add(what);
            }
        }
    }

    fn answer(&mut self, answer: &Answer) {
        let report = &answer.report;
        let mut ledger = self.lane.floor.ledger();
        let Some((token, asked)) = self.asked.remove(&answer.token) else {
            // A later report of an answered command: a trade as the taker, or its end.
            ledger.seen_in_session(report);
            drop(ledger);
            if has_ended(report.order_status())
                && let Some(token) = self.by_number.remove(&report.client_sequence)
            {
                self.gone(token);
            }
            return;
        };
        let key = Key::Session(self.session_id.clone(), answer.token);
        ledger.answered_in_session(key, report);
        drop(ledger);
        self.lane.floor.answered(1);
        if report.reject_code != 0 || has_ended(report.order_status()) {
            self.gone(token);
        } else if asked == Asked::New && report.exec_type() == ExecType::New {
            let id = (report.order_sequence, report.order_slot);
            self.live.insert(token, id);
            self.by_number.insert(report.client_sequence, token);
            self.flow.accepted(token);
        }
    }

    fn gone(&mut self, token: u64) {
        self.live.remove(&token);
        self.flow.ended(token);
    }
}

//! A connection of a load that sends by a Session.
//!
//! Invariant: each command is counted once: acknowledged, refused, or unknown at the end. Not
//! here: when commands are due and what they are (`schedule`, `workload`).

use std::{collections::HashMap, time::Duration};

use proto::v1::{
    ExecType, OrderType, SelfTradePrevention, SessionCancel, SessionNewOrder, SessionReplace, Side,
    TimeInForce, session_command::Command,
};
use tokio::{sync::mpsc, time::Instant};

use super::{DRAIN, Ended, Outcome, Worker};
use crate::{
    auditor::has_ended,
    client::{
        session::{Session, SessionEvent, UNANSWERED_MAX},
        session_state::{Answer, Outgoing, Refusals},
    },
    workload::flow::{Action, Way},
};

/// A command that has no answer yet.
struct Asked {
    intended: Instant,
    order: u64,
    is_new: bool,
    account: usize,
}

/// A live order's address in the session.
#[derive(Clone, Copy)]
struct Address {
    sequence: u64,
    slot: u32,
    account: usize,
}

/// See the file's head.
pub struct Stream {
    worker: Worker,
    session: Session,
    input: Option<mpsc::Sender<Outgoing>>,
    held: Option<Outgoing>,
    asked: HashMap<u64, Asked>,
    live: HashMap<u64, Address>,
    numbers: HashMap<u64, u64>,
    next_id: u64,
}

impl Stream {
    /// Opens the session `<run>-s<connection>`.
    pub fn open(worker: Worker) -> Self {
        let session_id = format!("{}-s{}", worker.run, worker.index);
        let mut session = Session::start(worker.connection.clone(), session_id, Refusals::Drop);
        let (unused, _) = mpsc::channel(1);
        let input = std::mem::replace(&mut session.commands, unused);
        Self {
            worker,
            session,
            input: Some(input),
            held: None,
            asked: HashMap::new(),
            live: HashMap::new(),
            numbers: HashMap::new(),
            next_id: 1,
        }
    }

    /// Sends until the run is over, then waits for what is under way.
    pub async fn run(mut self) -> Outcome {
        let mut open = true;
        while open && !self.worker.is_over() {
            let due = self.worker.due();
            let may_send = self.held.is_none() && self.asked.len() < UNANSWERED_MAX;
            tokio::select! {
                event = self.session.events.recv() => open = self.take(event),
                Some(ended) = self.worker.fills.ended.recv() => self.ended(ended),
                _ = self.worker.stop.changed() => {}
                () = tokio::time::sleep_until(due), if may_send => self.send_due(),
                () = room(self.input.as_ref()), if self.held.is_some() => self.send_held(),
            }
        }
        if self.held.take().is_some() {
            self.worker.summary.refused += 1;
        }
        self.input = None;
        let until = Instant::now() + DRAIN;
        while open {
            let event = tokio::time::timeout_at(until, self.session.events.recv()).await;
            open = event.is_ok_and(|event| self.take(event));
        }
        self.finish().await
    }

    async fn finish(mut self) -> Outcome {
        let unanswered = self.asked.len() as u64;
        self.worker.summary.unknown += unanswered;
        if unanswered > 0 && !self.session.task.is_finished() {
            self.session.task.abort();
        }
        match (&mut self.session.task).await {
            Ok(Err(error)) => self.worker.summary.error = Some(error.to_string()),
            Ok(Ok(())) => {}
            Err(error) if error.is_cancelled() => {
                self.worker.summary.error = Some("not all was answered in time".to_owned());
            }
            Err(error) => self.worker.summary.error = Some(error.to_string()),
        }
        self.worker.finish()
    }

    /// Sends what is due by now, as far as there is room.
    fn send_due(&mut self) {
        let now = Instant::now();
        while self.worker.due() <= now
            && !self.worker.is_over()
            && self.held.is_none()
            && self.asked.len() < UNANSWERED_MAX
        {
            let intended = self.worker.due();
            if let Some(action) = self.worker.next_action()
                && let Some((command, asked)) = self.command(action, intended)
            {
                let token = self.next_id;
                self.next_id += 1;
                self.asked.insert(token, asked);
                self.worker.summary.commands += 1;
                self.held = Some(Outgoing {
                    token,
                    command,
                    valid_until_ns: 0,
                });
                self.send_held();
            }
        }
    }

    fn send_held(&mut self) {
        let (Some(input), Some(held)) = (&self.input, self.held.take()) else {
            return;
        };
        if let Err(mpsc::error::TrySendError::Full(back)) = input.try_send(held) {
            self.held = Some(back);
        }
    }

    fn command(&self, action: Action, intended: Instant) -> Option<(Command, Asked)> {
        let asked = |order, is_new, account| Asked {
            intended,
            order,
            is_new,
            account,
        };
        let handle = |account: usize| self.worker.market.accounts.get(account).map(|a| a.handle);
        match action {
            Action::New {
                token,
                instrument,
                account,
                way,
                price_ticks,
                lots,
                immediate,
            } => {
                let order = SessionNewOrder {
                    account: handle(account),
                    instrument: Some(self.worker.market.named.get(instrument)?.handle),
                    side: side(way).into(),
                    order_type: OrderType::Limit.into(),
                    time_in_force: time_in_force(immediate).into(),
                    price_ticks,
                    quantity_lots: lots,
                    self_trade_prevention: SelfTradePrevention::CancelTaker.into(),
                    ..SessionNewOrder::default()
                };
                Some((Command::NewOrder(order), asked(token, true, account)))
            }
            Action::Cancel { order } => {
                let live = self.live.get(&order)?;
                let cancel = SessionCancel {
                    order_sequence: live.sequence,
                    order_slot: live.slot,
                    account: handle(live.account),
                };
                Some((Command::Cancel(cancel), asked(order, false, live.account)))
            }
            Action::Replace {
                order,
                price_ticks,
                lots,
            } => {
                let live = self.live.get(&order)?;
                let replace = SessionReplace {
                    order_sequence: live.sequence,
                    order_slot: live.slot,
                    account: handle(live.account),
                    price_ticks: Some(price_ticks),
                    quantity_lots: lots,
                    stop_ticks: None,
                };
                Some((Command::Replace(replace), asked(order, false, live.account)))
            }
        }
    }

    /// Takes an event; whether the session still lives.
    fn take(&mut self, event: Option<SessionEvent>) -> bool {
        match event {
            None => return false,
            Some(SessionEvent::Opened { connections, .. }) => {
                self.worker.summary.reconnects = u64::from(connections.saturating_sub(1));
            }
            Some(SessionEvent::Answers { answers, .. }) => {
                for answer in &answers {
                    self.answer(answer);
                }
            }
            Some(SessionEvent::Settled(tokens)) => {
                for token in tokens {
                    if let Some(asked) = self.asked.remove(&token) {
                        self.worker.acknowledged(asked.intended, 0);
                        self.worker.flow.ended(asked.order);
                    }
                }
            }
            Some(SessionEvent::Refused(tokens)) => {
                for token in tokens {
                    if let Some(asked) = self.asked.remove(&token) {
                        self.worker.summary.refused += 1;
                        if asked.is_new {
                            self.worker.flow.ended(asked.order);
                        }
                    }
                }
            }
        }
        true
    }

    fn answer(&mut self, answer: &Answer) {
        let report = &answer.report;
        let Some(asked) = self.asked.remove(&answer.token) else {
            // A later report of an answered command: a trade as the taker, or its end.
            if has_ended(report.order_status())
                && let Some(token) = self.numbers.remove(&report.client_sequence)
            {
                self.gone(token);
            }
            return;
        };
        self.worker
            .acknowledged(asked.intended, report.engine_sequence);
        let account = self.worker.market.accounts.get(asked.account);
        if let Some(account) = account {
            self.worker
                .fills
                .first(&account.participant_id, report.participant_sequence);
        }
        if report.reject_code != 0 {
            self.worker.summary.reject(&answer.reason());
            self.gone(asked.order);
        } else if report.exec_type() == ExecType::New && asked.is_new {
            let address = Address {
                sequence: report.order_sequence,
                slot: report.order_slot,
                account: asked.account,
            };
            self.live.insert(asked.order, address);
            self.numbers.insert(report.client_sequence, asked.order);
            self.worker.flow.accepted(asked.order);
        } else if has_ended(report.order_status()) {
            self.gone(asked.order);
        }
    }

    fn ended(&mut self, ended: Ended) {
        if let Ended::Number(number) = ended
            && let Some(token) = self.numbers.remove(&number)
        {
            self.gone(token);
        }
    }

    fn gone(&mut self, token: u64) {
        self.live.remove(&token);
        self.worker.flow.ended(token);
    }
}

/// Waits until the session can take another command.
async fn room(input: Option<&mpsc::Sender<Outgoing>>) {
    match input {
        // Only the moment matters; the place is taken by the send that follows.
        Some(input) => drop(input.reserve().await),
        None => tokio::time::sleep(Duration::from_millis(1)).await,
    }
}

/// The side on the wire.
pub const fn side(way: Way) -> Side {
    match way {
        Way::Buy => Side::Buy,
        Way::Sell => Side::Sell,
    }
}

/// How long an order of the flow lives.
pub const fn time_in_force(immediate: bool) -> TimeInForce {
    if immediate {
        TimeInForce::Ioc
    } else {
        TimeInForce::Day
    }
}

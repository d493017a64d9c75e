//! A live client of a session that has batch A refused, then sends B, and sends both again over
//! the kill: B is a duplicate, A is taken now, each is done once.
//!
//! Invariant: A leaves a gap of one number, which B fills, so A is refused while B is not there.
//! Its orders trade at once or go, so nothing of it rests. Not here: what a full queue refuses
//! (`tests/killed_retry.rs`), the same by calls (`pair`).

use proto::v1::{
    OrderType, SessionCommand, SessionNewOrder, SessionReports, Side, TimeInForce,
    session_command::Command, session_response::Response,
};
use tonic::Status;

use super::{
    lane::Lane,
    ledger::{Asked, Key},
    wire::Wire,
};
use crate::client::connect::is_worth_a_retry;

/// See the file's head.
pub struct Gap {
    lane: Lane,
    session_id: String,
    instrument: u32,
    /// The highest number that was answered, or is known to be done.
    done: u64,
    /// The highest number ever sent, refused or not.
    sent: u64,
}

impl Gap {
    /// A client of the session `<run>-gap` that asks for an instrument by its handle.
    pub fn new(lane: Lane, instrument: u32) -> Self {
        Self {
            session_id: format!("{}-gap", lane.run),
            lane,
            instrument,
            done: 0,
            sent: 0,
        }
    }

    /// One pair for each life of the gateway, until the run is over.
    pub async fn run(mut self) -> Result<(), String> {
        let floor = std::sync::Arc::clone(&self.lane.floor);
        loop {
            let more = floor.may_ask().await;
            if !more && self.done == self.sent {
                return Ok(());
            }
            let (kills, call) = floor.begin().await;
            let ended = self.life(more).await;
            drop(call);
            match ended {
                Ok(()) => floor.outlive(kills).await,
                Err(status) if is_worth_a_retry(&status) => {
                    if floor.kills() > kills && self.done < self.sent {
                        floor.ledger().struck(kills + 1, self.sent - self.done);
                    }
                    floor.outlive(kills).await;
                }
                Err(status) => return Err(format!("session {}: {status}", self.session_id)),
            }
        }
    }

    /// What is done while the gateway lives: first what the life before left, then a new pair, if
    /// there is to be one.
    async fn life(&mut self, more: bool) -> Result<(), Status> {
        let connection = self.lane.connection.clone();
        let (mut wire, watermark) = Wire::open(&connection, &self.session_id, self.done).await?;
        if watermark < self.done || watermark > self.sent {
            let what = format!(
                "session {}: watermark {watermark}, {} were answered of {} sent",
                self.session_id, self.done, self.sent
            );
            self.lane.floor.ledger().memory.faults.add(what);
        }
        for number in self.done + 1..=watermark {
            self.lane.floor.ledger().memory.settled(self.key(number));
            self.lane.floor.answered(1);
            self.done = number;
        }
        if self.done < self.sent {
            self.again(&mut wire).await?;
        }
        if !more {
            return Ok(());
        }
        // A is refused for its gap ...
        let (a, b) = (self.done + 2, self.done + 1);
        self.sent = a;
        for number in [b, a] {
            self.lane
                .floor
                .ledger()
                .memory
                .asks(&self.key(number), Asked::New);
        }
        wire.send(vec![self.command(a)]).await?;
        let answer = wire.next().await?;
        let refused = matches!(
            &answer,
            Response::Refused(refused)
                if refused.reason == "SEQUENCE_GAP" && refused.expected_client_sequence == b
        );
        if !refused {
            self.fault(&format!("A, number {a}, was answered {answer:?}"));
        }
        // ... and B is taken.
        self.take(&mut wire, b).await
    }

    /// Sends B again, if it was the first to be done, and then A.
    async fn again(&mut self, wire: &mut Wire) -> Result<(), Status> {
        let b_is_done = self.done > 0 && self.done + 1 == self.sent;
        if b_is_done {
            let b = self.done;
            wire.send(vec![self.command(b)]).await?;
            let answer = wire.next().await?;
            if matches!(&answer, Response::Duplicate(duplicate) if duplicate.watermark == b) {
                let mut ledger = self.lane.floor.ledger();
                ledger.memory.duplicates_answered += 1;
                ledger.pairs_retried += 1;
            } else {
                self.fault(&format!("B, number {b}, sent again: {answer:?}"));
            }
        }
        while self.done < self.sent {
            self.take(wire, self.done + 1).await?;
        }
        Ok(())
    }

    /// Sends the next number, which must be taken, and enters its reports.
    async fn take(&mut self, wire: &mut Wire, number: u64) -> Result<(), Status> {
        wire.send(vec![self.command(number)]).await?;
        let answer = wire.next().await?;
        if let Response::Reports(reports) = &answer {
            self.enter(reports, number);
            return Ok(());
        }
        let what = format!("number {number} was answered {answer:?}");
        Err(Status::failed_precondition(what))
    }

    fn enter(&mut self, reports: &SessionReports, number: u64) {
        let mut ledger = self.lane.floor.ledger();
        for (place, report) in reports.reports.iter().enumerate() {
            if place == 0 {
                ledger.answered_in_session(self.key(number), report);
            } else {
                ledger.seen_in_session(report);
            }
        }
        let first = reports.reports.first();
        if first.is_none_or(|report| report.client_sequence != number) {
            ledger
                .memory
                .faults
                .add(format!("number {number}: {reports:?}"));
        }
        drop(ledger);
        self.lane.floor.answered(1);
        self.done = number;
    }

    fn fault(&self, what: &str) {
        let what = format!("session {}: {what}", self.session_id);
        self.lane.floor.ledger().memory.faults.add(what);
    }

    fn key(&self, number: u64) -> Key {
        Key::Session(self.session_id.clone(), number)
    }

    fn command(&self, number: u64) -> SessionCommand {
        let index = usize::try_from(self.lane.index).unwrap_or_default();
        let account = self.lane.market.accounts.get(index);
        SessionCommand {
            client_sequence: number,
            valid_until_ns: 0,
            command: Some(Command::NewOrder(SessionNewOrder {
                account: account.map(|account| account.handle),
                instrument: Some(self.instrument),
                side: Side::Buy.into(),
                order_type: OrderType::Limit.into(),
                time_in_force: TimeInForce::Ioc.into(),
                price_ticks: 1,
                quantity_lots: 1,
                ..SessionNewOrder::default()
            })),
        }
    }
}

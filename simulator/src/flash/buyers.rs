//! The buyers of one Session: each tap is one reserve of one piece.
//!
//! Invariant: each reserve is counted once: acknowledged, refused, or unknown at the end; no tap
//! waits for an answer. Not here: the verdict over all Sessions (`flash`).

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use proto::v1::{SessionReserve, session_command::Command};
use tokio::{
    sync::{Barrier, mpsc, watch},
    time::Instant,
};

use super::shop::Shop;
use crate::{
    client::{
        connect::Connection,
        session::{Session, SessionEvent},
        session_state::{ContractAnswer, Outgoing, Refusals},
    },
    load::{DRAIN, schedule::Schedule},
    report::{Latencies, Summary},
};

/// What one Session found.
pub struct Outcome {
    pub summary: Summary,
    pub latencies: Latencies,
    /// Contracts, and the place of the buyer of each.
    pub sold: Vec<((u64, u32), u32)>,
    /// When the last answer came.
    pub last: Option<Instant>,
}

/// See the file's head.
pub struct Buyers {
    pub connection: Connection,
    pub session_id: String,
    pub shop: Arc<Shop>,
    pub schedule: Schedule,
    /// Which Session this is, of how many.
    pub place: (u64, u64),
    /// Reserves of all Sessions together.
    pub reserves: u64,
    pub ready: Arc<Barrier>,
    /// Turns to the instant of the first tap.
    pub start: watch::Receiver<Option<Instant>>,
    pub stop: watch::Receiver<bool>,
    pub answered: Arc<AtomicU64>,
}

/// What is known while a Session runs.
struct Taps {
    buyers: Buyers,
    asked: HashMap<u64, Instant>,
    outcome: Outcome,
    begin: Instant,
    /// The next tap of this Session.
    next: u64,
}

impl Buyers {
    /// Opens the Session, waits for the others, taps, waits for the answers.
    pub async fn run(mut self) -> Outcome {
        let id = self.session_id.clone();
        let mut session = Session::start(self.connection.clone(), id, Refusals::Drop);
        let opened = session.events.recv().await;
        let open = matches!(opened, Some(SessionEvent::Opened { .. }));
        if open {
            self.ready.wait().await;
        }
        let begin = match self.start.wait_for(Option::is_some).await {
            Ok(begin) if open => *begin,
            _ => None,
        };
        let mut taps = Taps {
            buyers: self,
            asked: HashMap::new(),
            outcome: Outcome {
                summary: Summary::default(),
                latencies: Latencies::new(),
                sold: Vec::new(),
                last: None,
            },
            begin: begin.unwrap_or_else(Instant::now),
            next: 0,
        };
        if begin.is_some() {
            taps.tap(&mut session).await;
        }
        taps.finish(session).await
    }
}

impl Taps {
    /// Sends each reserve when it is due.
    async fn tap(&mut self, session: &mut Session) {
        let (unused, _) = mpsc::channel(1);
        let input = std::mem::replace(&mut session.commands, unused);
        let mut open = true;
        while open && self.is_more() && !*self.buyers.stop.borrow() {
            let due = self.begin + self.buyers.schedule.due();
            tokio::select! {
                event = session.events.recv() => open = self.take(event),
                () = tokio::time::sleep_until(due) => open = self.send_due(&input, session).await,
            }
        }
        drop(input);
        let until = Instant::now() + DRAIN;
        while open && !self.asked.is_empty() {
            let event = tokio::time::timeout_at(until, session.events.recv()).await;
            open = event.is_ok_and(|event| self.take(event));
        }
    }

    /// The number of the next tap among those of all Sessions.
    fn number(&self) -> u64 {
        let (index, sessions) = self.buyers.place;
        self.next * sessions + index
    }

    fn is_more(&self) -> bool {
        self.number() < self.buyers.reserves
    }

    /// Sends what is due by now; answers are taken where there is no room.
    async fn send_due(&mut self, input: &mpsc::Sender<Outgoing>, session: &mut Session) -> bool {
        let now = Instant::now();
        while self.is_more() {
            let due = self.begin + self.buyers.schedule.due();
            if due > now {
                return true;
            }
            let token = self.number();
            let mut outgoing = self.reserve(token);
            self.buyers.schedule.advance();
            self.next += 1;
            self.asked.insert(token, due);
            self.outcome.summary.commands += 1;
            while let Err(error) = input.try_send(outgoing) {
                let mpsc::error::TrySendError::Full(back) = error else {
                    return false;
                };
                outgoing = back;
                let event = session.events.recv().await;
                if !self.take(event) {
                    return false;
                }
            }
        }
        true
    }

    /// The place of the buyer of a tap.
    fn buyer(&self, token: u64) -> u32 {
        (token % self.buyers.shop.buyers.len() as u64) as u32
    }

    fn reserve(&self, token: u64) -> Outgoing {
        let shop = &self.buyers.shop;
        let account = shop.buyers.get(self.buyer(token) as usize).copied();
        Outgoing {
            token,
            command: Command::Reserve(SessionReserve {
                account,
                offer_sequence: shop.offer.offer_sequence,
                offer_slot: shop.offer.offer_slot,
                offer_version: shop.offer.version,
                pieces: 1,
                delivery_reference_low: token,
                ..SessionReserve::default()
            }),
            valid_until_ns: 0,
        }
    }

    /// Takes an event; whether the Session still lives.
    fn take(&mut self, event: Option<SessionEvent>) -> bool {
        match event {
            None => return false,
            Some(SessionEvent::Opened { connections, .. }) => {
                self.outcome.summary.reconnects = u64::from(connections.saturating_sub(1));
            }
            Some(SessionEvent::Answers { contracts, .. }) => {
                let now = Instant::now();
                for answer in &contracts {
                    self.answer(answer, now);
                }
            }
            Some(SessionEvent::Settled(tokens)) => {
                // Durable, but what became of them was lost with a connection.
                for token in tokens {
                    self.outcome.summary.unknown += u64::from(self.asked.remove(&token).is_some());
                }
            }
            Some(SessionEvent::Refused(tokens)) => {
                for token in tokens {
                    self.outcome.summary.refused += u64::from(self.asked.remove(&token).is_some());
                }
            }
        }
        true
    }

    fn answer(&mut self, answer: &ContractAnswer, now: Instant) {
        let Some(due) = self.asked.remove(&answer.token) else {
            let token = answer.token;
            let summary = &mut self.outcome.summary;
            return summary.mismatch(|| format!("reserve {token} was answered twice"));
        };
        let buyer = self.buyer(answer.token);
        let (report, outcome) = (&answer.report, &mut self.outcome);
        outcome.latencies.record(now.saturating_duration_since(due));
        outcome.last = Some(now);
        outcome.summary.acknowledged += 1;
        outcome.summary.durable(report.engine_sequence);
        self.buyers.answered.fetch_add(1, Ordering::Relaxed);
        if report.reject_code != 0 {
            return outcome.summary.reject(&report.reject_reason);
        }
        let contract = (report.contract_sequence, report.contract_slot);
        outcome.sold.push((contract, buyer));
    }

    async fn finish(mut self, mut session: Session) -> Outcome {
        let unanswered = self.asked.len() as u64;
        self.outcome.summary.unknown += unanswered;
        if unanswered > 0 && !session.task.is_finished() {
            session.task.abort();
        }
        drop(session.events);
        let error = match (&mut session.task).await {
            Ok(Err(error)) if unanswered > 0 => Some(error.to_string()),
            Ok(_) => None,
            Err(error) if error.is_cancelled() => Some("not all was answered in time".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        self.outcome.summary.error = error;
        self.outcome
    }
}

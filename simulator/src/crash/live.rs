//! What the live clients of a crash run share: whether the gateway lives, how many calls are under
//! way, and the ledger.
//!
//! Invariant: while the gateway is down no client begins a call; a kill is counted as done only
//! when every call has noticed. Not here: what the clients send (`calls`, `stream`, `pair`, `gap`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::v1::{ExecutionReport, StreamExecutionsRequest, stream_executions_request::Owner};
use tokio::sync::watch;
use tonic::Status;

use super::ledger::Ledger;
use crate::{
    client::connect::Connection,
    shops::{self, Duty},
};

/// What the clients may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Nothing: the gateway is being killed, or not audited yet.
    Down,
    /// Send.
    Up,
    /// Finish what was begun.
    Over,
}

/// The stage, and how many times the gateway was killed under load so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life {
    /// What the clients may do.
    pub stage: Stage,
    /// Kills so far.
    pub kills: u32,
}

/// See the file's head.
#[derive(Debug)]
pub struct Floor {
    life: watch::Sender<Life>,
    calls: watch::Sender<u64>,
    begun: watch::Sender<u64>,
    answers: watch::Sender<u64>,
    /// Answers to the clerks of each duty.
    served: [watch::Sender<u64>; Duty::ALL.len()],
    ledger: Mutex<Ledger>,
    shops: Mutex<shops::ledger::Ledger>,
}

/// A call under way, until it is dropped.
pub struct Call<'a>(&'a Floor);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.calls.send_modify(|calls| *calls -= 1);
    }
}

impl Floor {
    /// Of a gateway that is down.
    pub fn new() -> Arc<Self> {
        let life = Life {
            stage: Stage::Down,
            kills: 0,
        };
        Arc::new(Self {
            life: watch::Sender::new(life),
            calls: watch::Sender::new(0),
            begun: watch::Sender::new(0),
            answers: watch::Sender::new(0),
            served: Duty::ALL.map(|_| watch::Sender::new(0)),
            ledger: Mutex::default(),
            shops: Mutex::default(),
        })
    }

    /// What was asked and told so far.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Whoever panicked with it has ended the run; the counts are still worth printing.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same of the shops.
    pub fn shops(&self) -> MutexGuard<'_, shops::ledger::Ledger> {
        self.shops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether new commands may be sent at this moment.
    pub fn is_up(&self) -> bool {
        self.life.borrow().stage == Stage::Up
    }

    /// Changes the stage.
    pub fn set(&self, stage: Stage) {
        self.life.send_modify(|life| life.stage = stage);
    }

    /// Stops the clients, because the gateway is killed now.
    pub fn kill(&self) {
        self.life.send_modify(|life| {
            life.stage = Stage::Down;
            life.kills += 1;
        });
    }

    /// Kills so far.
    pub fn kills(&self) -> u32 {
        self.life.borrow().kills
    }

    /// Answers so far.
    pub fn answers(&self) -> u64 {
        *self.answers.borrow()
    }

    /// Counts answers.
    pub fn answered(&self, count: u64) {
        self.answers.send_modify(|answers| *answers += count);
    }

    /// Waits until so many answers were counted.
    pub async fn reach(&self, answers: u64) {
        let mut seen = self.answers.subscribe();
        // The sender lives as long as `self`, so this cannot fail; what comes back is a lock.
        drop(seen.wait_for(|count| *count >= answers).await);
    }

    /// Answers so far to clerks of a duty.
    pub fn served(&self, duty: Duty) -> u64 {
        *self.served[duty as usize].borrow()
    }

    /// Counts one.
    pub fn serves(&self, duty: Duty) {
        self.served[duty as usize].send_modify(|served| *served += 1);
    }

    /// Waits until so many were counted.
    pub async fn reach_served(&self, duty: Duty, served: u64) {
        let mut seen = self.served[duty as usize].subscribe();
        drop(seen.wait_for(|count| *count >= served).await);
    }

    /// Waits until the next call begins.
    pub async fn next_call(&self) {
        let _begun = self.begun.subscribe().changed().await;
    }

    /// Waits until no call is under way.
    pub async fn quiet(&self) {
        let mut seen = self.calls.subscribe();
        drop(seen.wait_for(|calls| *calls == 0).await);
    }

    /// Waits until a new command may be sent; false when none may any more.
    pub async fn may_ask(&self) -> bool {
        let mut life = self.life.subscribe();
        let told = life.wait_for(|life| life.stage != Stage::Down).await;
        told.is_ok_and(|life| life.stage == Stage::Up)
    }

    /// Waits until what was begun may be sent, and counts a call. The number of kills before it.
    pub async fn begin(&self) -> (u32, Call<'_>) {
        let mut life = self.life.subscribe();
        loop {
            let told = life.wait_for(|life| life.stage != Stage::Down).await;
            let kills = told.map_or(0, |life| life.kills);
            self.calls.send_modify(|calls| *calls += 1);
            let call = Call(self);
            // A kill between the look and the count has not waited for this call.
            let now = *self.life.borrow();
            if now.stage != Stage::Down && now.kills == kills {
                self.begun.send_modify(|begun| *begun += 1);
                return (kills, call);
            }
        }
    }

    /// Waits until the gateway was killed after kill number `kills`; at once when the run is over.
    pub async fn outlive(&self, kills: u32) {
        let mut life = self.life.subscribe();
        drop(
            life.wait_for(|life| life.kills > kills || life.stage == Stage::Over)
                .await,
        );
    }
}

/// Reads a participant's stream from the first report until it is level with the exchange and has
/// at least `due` reports; fewer come back when there are no more.
pub async fn read_all(
    connection: &Connection,
    participant: &str,
    due: u64,
) -> Result<Vec<ExecutionReport>, Status> {
    let request = StreamExecutionsRequest {
        owner: Some(Owner::ParticipantId(participant.to_owned())),
        from_sequence: 1,
    };
    let mut stream = connection
        .persist(|| {
            let (mut client, request) = (connection.order_entry(), request.clone());
            async move { client.stream_executions(request).await }
        })
        .await?;
    let mut all = Vec::with_capacity(usize::try_from(due).unwrap_or_default());
    while let Some(message) = stream.message().await? {
        all.extend(message.reports);
        if message.caught_up {
            return Ok(all);
        }
    }
    Err(Status::unavailable("the stream ended before its end"))
}

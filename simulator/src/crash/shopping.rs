//! The live clients of the shops in a crash run: clerks that send by calls, and one that reserves
//! by a Session in bursts.
//!
//! Invariant: a command is sent with the same id until it is answered, whatever dies meanwhile; the
//! last ones are sent again over every kill, and must be answered the same. Not here: what they
//! send (`shops::clerk`), what is checked (`shops::inspect`).

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use proto::v1::{
    SessionCommand, SessionReports, SessionReserve, session_command::Command as Sending,
    session_response::Response,
};
use tonic::Status;

use super::{
    lane::PAUSE,
    ledger::{Key, Sent},
    live::Floor,
    wire::Wire,
};
use crate::{
    client::connect::{Connection, is_refusal, is_worth_a_retry},
    shops::{
        Answer, Command, Duty, Kind,
        board::Board,
        clerk::Clerk,
        found::Shops,
        ring::{Ring, UNPAID},
        send,
    },
};

/// So many of the last commands are sent again over a kill.
const AGAIN: usize = 3;
/// Pause of a clerk that finds nothing to do.
const IDLE: Duration = Duration::from_millis(2);
/// Reserves of a Session under way at a time.
const BURST: u64 = 6;

/// Who decides what is sent by calls.
pub enum Sender {
    /// One that draws.
    Clerk(Box<Clerk>),
    /// One that knows beforehand.
    Ring(Box<Ring>),
}

impl Sender {
    fn command(&mut self) -> Option<Command> {
        match self {
            Self::Clerk(clerk) => clerk.command(),
            Self::Ring(ring) => Some(ring.command()),
        }
    }

    /// Takes in the answer of the last command; what is wrong with it.
    fn answered(&mut self, command: &Command, answer: &Answer) -> Option<String> {
        match self {
            Self::Clerk(clerk) => {
                clerk.answered(command, answer);
                None
            }
            Self::Ring(ring) => ring.answered(answer),
        }
    }

    const fn duty(&self) -> Duty {
        match self {
            Self::Clerk(clerk) => clerk.duty(),
            Self::Ring(_) => Duty::Ring,
        }
    }
}

/// A clerk that sends by calls.
pub struct Errands {
    /// What all clients share.
    pub floor: Arc<Floor>,
    /// A connection of its own.
    pub connection: Connection,
    /// Who decides.
    pub sender: Sender,
}

impl Errands {
    /// Sends until the run is over.
    pub async fn run(mut self) -> Result<(), String> {
        let floor = Arc::clone(&self.floor);
        let mut recent: VecDeque<Command> = VecDeque::new();
        // The last return that was refused since its seller may not owe: it waits for a kill.
        let mut unpaid: Option<Command> = None;
        let mut kills = 0;
        while floor.may_ask().await {
            if floor.kills() > kills {
                kills = floor.kills();
                for command in unpaid.take().iter().chain(&recent) {
                    self.until_answered(command, Sent::Retried).await?;
                }
            }
            let Some(command) = self.sender.command() else {
                tokio::time::sleep(IDLE).await;
                continue;
            };
            floor.shops().asks(&command);
            let answer = self.until_answered(&command, Sent::Once).await?;
            if let Some(what) = self.sender.answered(&command, &answer) {
                floor.shops().memory.faults.add(what);
            }
            floor.serves(self.sender.duty());
            if command.is_question() {
                continue;
            }
            if answer.reject_reason() == UNPAID {
                unpaid = Some(command);
                continue;
            }
            if recent.len() == AGAIN {
                recent.pop_front();
            }
            recent.push_back(command);
        }
        Ok(())
    }

    async fn until_answered(&self, command: &Command, mut sent: Sent) -> Result<Answer, String> {
        let floor = &self.floor;
        loop {
            let (kills, call) = floor.begin().await;
            match send(&self.connection, command).await {
                Ok(answer) => {
                    floor.shops().answered(command, sent, &answer);
                    return Ok(answer);
                }
                Err(status) if !is_worth_a_retry(&status) => {
                    return Err(format!("{}: {status}", command.id));
                }
                Err(status) => {
                    let killed = floor.kills() > kills;
                    if killed {
                        floor.shops().memory.resent += 1;
                    }
                    if (killed || !is_refusal(&status)) && sent == Sent::Once {
                        sent = Sent::Again;
                    }
                }
            }
            drop(call);
            // A kill explains it, or the gateway was busy: either way it is sent again.
            let _killed = tokio::time::timeout(PAUSE, floor.outlive(kills)).await;
        }
    }
}

/// A buyer that reserves by a Session and leaves the rest to the deadlines.
pub struct Rush {
    floor: Arc<Floor>,
    connection: Connection,
    board: Arc<Mutex<Board>>,
    session_id: String,
    account: u32,
    /// Sent and not known to be done, from number `done + 1` on.
    waiting: VecDeque<SessionReserve>,
    done: u64,
}

impl Rush {
    /// A buyer with this handle, in the session `<run>-rush`.
    pub fn new(
        (floor, connection): (Arc<Floor>, Connection),
        board: Arc<Mutex<Board>>,
        shops: &Shops,
        buyer: u32,
    ) -> Self {
        let place = usize::try_from(buyer).unwrap_or_default();
        Self {
            floor,
            connection,
            board,
            session_id: shops.run.id("rush"),
            account: shops.handles.get(place).copied().unwrap_or_default().0,
            waiting: VecDeque::new(),
            done: 0,
        }
    }

    /// Reserves until the run is over and all is answered.
    pub async fn run(mut self) -> Result<(), String> {
        let floor = Arc::clone(&self.floor);
        loop {
            let more = floor.may_ask().await;
            if !more && self.waiting.is_empty() {
                return Ok(());
            }
            let (kills, call) = floor.begin().await;
            let ended = self.life().await;
            drop(call);
            match ended {
                Ok(()) => {}
                Err(status) if is_worth_a_retry(&status) => {
                    if floor.kills() > kills {
                        floor.shops().memory.resent += self.waiting.len() as u64;
                    }
                    let _killed = tokio::time::timeout(PAUSE, floor.outlive(kills)).await;
                }
                Err(status) => return Err(format!("session {}: {status}", self.session_id)),
            }
        }
    }

    /// What is done while a connection lasts: first what was left, then burst after burst.
    async fn life(&mut self) -> Result<(), Status> {
        let connection = self.connection.clone();
        let (mut wire, watermark) = Wire::open(&connection, &self.session_id, self.done).await?;
        let sent = self.done + self.waiting.len() as u64;
        if watermark < self.done || watermark > sent {
            let what = format!(
                "session {}: watermark {watermark}, {} were answered of {sent} sent",
                self.session_id, self.done
            );
            self.floor.shops().memory.faults.add(what);
        }
        while self.done < watermark && self.waiting.pop_front().is_some() {
            self.done += 1;
            let key = self.key(self.done);
            self.floor.shops().memory.settled(key);
        }
        loop {
            if self.waiting.is_empty() {
                if !self.fill() {
                    return Ok(());
                }
                // Others go first for a moment, so that there is something to race for.
                tokio::task::yield_now().await;
            }
            let commands = self.waiting.iter().zip(self.done + 1..);
            let commands = commands.map(|(reserve, client_sequence)| SessionCommand {
                client_sequence,
                valid_until_ns: 0,
                command: Some(Sending::Reserve(*reserve)),
            });
            wire.send(commands.collect()).await?;
            while !self.waiting.is_empty() {
                let answer = wire.next().await?;
                let Response::Reports(reports) = &answer else {
                    // Refused for load, perhaps: the next connection sends the same again.
                    let what = format!("reserves were answered {answer:?}");
                    return Err(Status::unavailable(what));
                };
                self.enter(reports);
            }
        }
    }

    /// Asks for some pieces; false when nothing may be asked for any more, or nothing is on offer.
    fn fill(&mut self) -> bool {
        if !self.floor.is_up() {
            return false;
        }
        for turn in 0..BURST {
            let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
            let kind = if turn % 3 == 2 {
                Kind::Presale
            } else {
                Kind::Flash
            };
            let offer = board.take_from(kind);
            drop(board);
            let ids = offer.and_then(|offer| {
                let (sequence, slot) = offer.id.split_once('-')?;
                Some((sequence.parse().ok()?, slot.parse().ok()?))
            });
            let Some((offer_sequence, offer_slot)) = ids else {
                break;
            };
            let number = self.done + self.waiting.len() as u64 + 1;
            self.floor.shops().asks_for(&self.key(number));
            self.waiting.push_back(SessionReserve {
                account: Some(self.account),
                offer_sequence,
                offer_slot,
                offer_version: 1,
                pieces: 1,
                delivery_reference_low: number,
                ..SessionReserve::default()
            });
        }
        !self.waiting.is_empty()
    }

    fn enter(&mut self, reports: &SessionReports) {
        for report in &reports.contracts {
            let due = self.done + 1;
            if report.client_sequence != due || self.waiting.pop_front().is_none() {
                let what = format!("number {due} was answered {report:?}");
                self.floor.shops().memory.faults.add(what);
                continue;
            }
            self.done = due;
            let key = self.key(due);
            self.floor.shops().answered_in_session(key, report);
        }
    }

    fn key(&self, number: u64) -> Key {
        Key::Session(self.session_id.clone(), number)
    }
}

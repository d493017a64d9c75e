//! What a Session client must remember: numbered commands that are not durable yet, credit, and
//! what is under way.
//!
//! Invariant: a command gets its number when it is first sent and keeps it until it is durable or
//! refused for good; numbers are contiguous; nothing is sent past the credit. Not here: the
//! connection (`session`).

use std::{collections::VecDeque, time::Duration};

use proto::v1::{
    SessionBatch, SessionCommand, SessionContractReport, SessionRefused, SessionReport,
    SessionReports, session_command,
};
use tokio::time::Instant;

/// The most commands of one batch: the contract's bound.
pub const BATCH_COMMANDS_MAX: usize = 4_096;

/// What becomes of commands that the gateway refused because it was busy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusals {
    /// They are sent again until they are taken: a replay.
    Resend,
    /// They are given up and counted: an open loop.
    Drop,
}

/// A command to be sent. The caller's token comes back with its answers.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The caller's name of it.
    pub token: u64,
    /// What is asked.
    pub command: session_command::Command,
    /// Stale after this instant, nanoseconds since 1970; 0 is never.
    pub valid_until_ns: i64,
}

/// A report, with the token of the command that it answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The caller's name of the command.
    pub token: u64,
    /// What happened.
    pub report: SessionReport,
    /// The contract's word, where it is a reject.
    pub reject_reason: Option<String>,
}

impl Answer {
    /// The contract's word of a reject, or its number where the gateway gave no word.
    pub fn reason(&self) -> String {
        let number = || format!("CODE_{}", self.report.reject_code);
        self.reject_reason.clone().unwrap_or_else(number)
    }
}

/// The answer of a reserve, with its token.
#[derive(Debug)]
pub struct ContractAnswer {
    /// The caller's name of the command.
    pub token: u64,
    /// What became of it.
    pub report: SessionContractReport,
}

/// Why a Session cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The gateway lost what it had acknowledged.
    #[error(
        "the gateway remembers {watermark} commands of the session, {acknowledged} were durable"
    )]
    Lost {
        /// What it remembers.
        watermark: u64,
        /// What it had said was durable.
        acknowledged: u64,
    },
    /// Somebody else sends on the same session.
    #[error(
        "the gateway has {watermark} commands of the session, {sent} were sent: \
         somebody else uses its id"
    )]
    Foreign {
        /// What it remembers.
        watermark: u64,
        /// What was sent.
        sent: u64,
    },
    /// A batch that can never be taken.
    #[error("commands {first} to {last} were refused for good: {reason}: {text}")]
    Refused {
        /// First number of the batch.
        first: u64,
        /// Last number of the batch.
        last: u64,
        /// The contract's word.
        reason: String,
        /// For people.
        text: String,
    },
    /// The gateway closed the Session for good.
    #[error("the session was closed: {reason}: {text}")]
    Closed {
        /// The contract's word.
        reason: String,
        /// For people.
        text: String,
    },
    /// The gateway did not answer for the whole patience, or will never.
    #[error("session: {:?}: {}", .0.code(), .0.message())]
    Gone(tonic::Status),
    /// The other end of a channel inside the simulator is gone.
    #[error("nobody listens to the session any more")]
    Abandoned,
}

/// A command that has its number.
#[derive(Debug)]
struct Numbered {
    outgoing: Outgoing,
    answered: bool,
}

/// What a message of reports told.
#[derive(Debug, Default)]
pub struct Reported {
    /// The reports with the tokens of their commands.
    pub answers: Vec<Answer>,
    /// The same of reserves.
    pub contracts: Vec<ContractAnswer>,
    /// Tokens of commands that are durable and had no report on this connection.
    pub settled: Vec<u64>,
    /// Tokens of refused commands that are given up.
    pub dropped: Vec<u64>,
}

/// The memory of one Session.
#[derive(Debug)]
pub struct Window {
    refusals: Refusals,
    waiting: VecDeque<Outgoing>,
    numbered: VecDeque<Numbered>,
    acknowledged: u64,
    sent: usize,
    credit: u64,
    in_flight: VecDeque<(u64, u64)>,
    rewinding: Option<Refusals>,
    not_before: Option<Instant>,
}

impl Window {
    /// Of a Session that was never opened.
    pub const fn new(refusals: Refusals) -> Self {
        Self {
            refusals,
            waiting: VecDeque::new(),
            numbered: VecDeque::new(),
            acknowledged: 0,
            sent: 0,
            credit: 0,
            in_flight: VecDeque::new(),
            rewinding: None,
            not_before: None,
        }
    }

    /// Commands that are not durable yet, sent or not.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.numbered.len()
    }

    /// Whether everything is durable.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest number known to be durable.
    pub const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Takes a command.
    pub fn push(&mut self, command: Outgoing) {
        self.waiting.push_back(command);
    }

    /// When sending may go on after a refusal that asked for a pause.
    pub const fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Begins a connection: what is durable is settled (its tokens are returned), the rest will be
    /// sent again.
    pub fn opened(&mut self, watermark: u64, credit: u32) -> Result<Vec<u64>, SessionError> {
        if watermark < self.acknowledged {
            return Err(SessionError::Lost {
                watermark,
                acknowledged: self.acknowledged,
            });
        }
        let settled = self.settle(watermark)?;
        self.sent = 0;
        self.credit = u64::from(credit);
        self.in_flight.clear();
        self.rewinding = None;
        self.not_before = None;
        Ok(settled)
    }

    /// Whether a batch could be sent at `now`.
    pub fn is_ready(&self, now: Instant) -> bool {
        self.rewinding.is_none()
            && self.credit > 0
            && self.not_before.is_none_or(|instant| instant <= now)
            && (self.sent < self.numbered.len() || !self.waiting.is_empty())
    }

    /// The next batch, as large as credit and contract allow; none when there is nothing to send.
    pub fn next_batch(&mut self, now: Instant) -> Option<SessionBatch> {
        if !self.is_ready(now) {
            return None;
        }
        self.not_before = None;
        let room = BATCH_COMMANDS_MAX.min(usize::try_from(self.credit).unwrap_or(usize::MAX));
        while self.numbered.len() - self.sent < room {
            let Some(command) = self.waiting.pop_front() else {
                break;
            };
            self.numbered.push_back(Numbered {
                outgoing: command,
                answered: false,
            });
        }
        let first = self.acknowledged + self.sent as u64 + 1;
        let commands: Vec<_> = self
            .numbered
            .iter()
            .skip(self.sent)
            .take(room)
            .zip(first..)
            .map(|(numbered, client_sequence)| SessionCommand {
                client_sequence,
                valid_until_ns: numbered.outgoing.valid_until_ns,
                command: Some(numbered.outgoing.command),
            })
            .collect();
        self.sent += commands.len();
        self.credit -= commands.len() as u64;
        self.in_flight
            .push_back((first, first + commands.len() as u64 - 1));
        Some(SessionBatch { commands })
    }

    /// Takes in credit.
    pub fn add_credit(&mut self, commands: u32) {
        self.credit += u64::from(commands);
    }

    /// Takes in reports.
    pub fn reports(&mut self, message: SessionReports) -> Result<Reported, SessionError> {
        self.add_credit(message.credit);
        let mut reported = Reported::default();
        let mut words = message.reject_words.into_iter().peekable();
        for (place, report) in (0u32..).zip(message.reports) {
            let word = words.next_if(|word| word.report == place);
            if let Some(token) = self.answer(report.client_sequence) {
                reported.answers.push(Answer {
                    token,
                    report,
                    reject_reason: word.map(|word| word.reject_reason),
                });
            }
        }
        for report in message.contracts {
            if let Some(token) = self.answer(report.client_sequence) {
                reported.contracts.push(ContractAnswer { token, report });
            }
        }
        if message.watermark > self.acknowledged {
            reported.settled = self.settle(message.watermark)?;
        }
        reported.dropped = self.end_rewinding();
        Ok(reported)
    }

    fn answer(&mut self, client_sequence: u64) -> Option<u64> {
        let place = client_sequence.checked_sub(self.acknowledged + 1)?;
        let numbered = self.numbered.get_mut(usize::try_from(place).ok()?)?;
        numbered.answered = true;
        Some(numbered.outgoing.token)
    }

    /// Takes in a refusal: nothing more is sent until all that is under way is answered, then all
    /// that is not durable is sent again, or given up (the tokens are returned).
    pub fn refused(
        &mut self,
        refused: SessionRefused,
        now: Instant,
    ) -> Result<Vec<u64>, SessionError> {
        if refused.reason != "BUSY" && refused.reason != "SEQUENCE_GAP" {
            return Err(SessionError::Refused {
                first: refused.first_client_sequence,
                last: refused.last_client_sequence,
                reason: refused.reason,
                text: refused.text,
            });
        }
        self.in_flight
            .retain(|(first, _)| *first != refused.first_client_sequence);
        self.rewinding.get_or_insert(self.refusals);
        let pause = Duration::from_millis(u64::from(refused.retry_after_ms));
        self.not_before = self.not_before.max(Some(now + pause));
        Ok(self.end_rewinding())
    }

    /// Takes in that a batch repeats what is durable; what of it is not durable is sent again.
    pub fn duplicate(&mut self, first: u64, watermark: u64) -> Result<Vec<u64>, SessionError> {
        let settled = self.settle(watermark)?;
        self.in_flight.retain(|(begin, _)| *begin != first);
        self.rewinding = Some(Refusals::Resend);
        self.end_rewinding();
        Ok(settled)
    }

    /// Forgets what is durable; returns the tokens that had no report.
    fn settle(&mut self, watermark: u64) -> Result<Vec<u64>, SessionError> {
        let durable =
            usize::try_from(watermark.saturating_sub(self.acknowledged)).unwrap_or(usize::MAX);
        if durable > self.numbered.len() {
            return Err(SessionError::Foreign {
                watermark,
                sent: self.acknowledged + self.numbered.len() as u64,
            });
        }
        self.acknowledged += durable as u64;
        self.sent = self.sent.saturating_sub(durable);
        while self
            .in_flight
            .front()
            .is_some_and(|(_, last)| *last <= self.acknowledged)
        {
            self.in_flight.pop_front();
        }
        Ok(self
            .numbered
            .drain(..durable)
            .filter(|numbered| !numbered.answered)
            .map(|numbered| numbered.outgoing.token)
            .collect())
    }

    fn end_rewinding(&mut self) -> Vec<u64> {
        let Some(mode) = self.rewinding.take_if(|_| self.in_flight.is_empty()) else {
            return Vec::new();
        };
        let refused = std::mem::take(&mut self.sent);
        match mode {
            Refusals::Resend => Vec::new(),
            Refusals::Drop => self
                .numbered
                .drain(..refused)
                .map(|numbered| numbered.outgoing.token)
                .collect(),
        }
    }
}

#[cfg(test)]
#[path = "session_state_tests.rs"]
mod tests;

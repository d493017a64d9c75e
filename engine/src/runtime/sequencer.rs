//! The engine thread: gives each command its place and time, applies it, and hands bytes to the
//! journal thread and events to the publisher thread.
//!
//! A command is applied before its chunk goes to the journal, since only the engine knows whether
//! it made a deadline that is due before the next command (a phase that ends DAY orders does). The
//! disk still works beside it: chunks are small, and while one is synced the next is applied.
//!
//! Invariant: sequences are contiguous, time never falls, and no command is applied at or past a
//! deadline before the tick that fires it. Not here: syncing (`journal_thread`), releasing
//! (`publisher`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};

use super::applied::Applied;
use super::clock::{Clock, TimeSource};
use super::config::Wait;
use super::handle::{ClockStatus, Message, Ticket};
use super::shared::Shared;
use crate::SEMANTICS_VERSION;
use crate::command::{Body, Command, Envelope, Identity, Sequenced, ServiceGap};
use crate::engine::Engine;
use crate::event::Event;
use crate::journal::codec;
use crate::types::{PrincipalId, Sequence, Time};

/// The most commands of one chunk: small enough that the disk is busy while the next is applied,
/// large enough that a wake-up is paid once in many.
pub(crate) const CHUNK_COMMANDS_MAX: usize = 256;
/// The most messages of one turn, looks and checks among them: after so many the clock is read,
/// what is due is done, and what was applied goes to the journal, however many more wait.
const TURN_MESSAGES_MAX: usize = 256;
/// A chunk is handed over when it has this many bytes.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;
/// How long the thread sleeps at most: so often a still engine looks at the wall clock.
const IDLE_MAX: Duration = Duration::from_millis(250);

/// Commands as bytes, on their way to the journal.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) first: Sequence,
    pub(crate) count: u32,
    /// The time of the command before the first.
    pub(crate) base_time: Time,
    /// The running hash of all events up to its last command.
    pub(crate) events_hash: u128,
}

/// The ends of the queues between the threads that this one holds.
pub(crate) struct Lines {
    pub(crate) messages: Receiver<Message>,
    pub(crate) chunks: Sender<Chunk>,
    pub(crate) applied: Sender<Applied>,
    pub(crate) used_bytes: Receiver<Vec<u8>>,
    pub(crate) used_applied: Receiver<Applied>,
}

/// The state of the engine thread.
pub(crate) struct Sequencer {
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) source: Arc<dyn TimeSource>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) lines: Lines,
    pub(crate) wait: Wait,
    pub(crate) on_warning: Arc<dyn Fn(&str) + Send + Sync>,
    pub(crate) work: Work,
}

/// The chunk being filled.
#[derive(Debug)]
pub(crate) struct Work {
    bytes: Vec<u8>,
    base_time: Time,
    applied: Applied,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            base_time: Time::ZERO,
            applied: Applied::default(),
        }
    }
}

/// Whether the other threads still take what this one hands over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Going {
    On,
    /// They ended after a fault, or a stop was asked for.
    End,
}

impl Sequencer {
    /// Runs until asked to stop, or until the journal thread is gone; gives the engine back.
    /// `semantics` is the rules version in force, `journal_empty` says whether anything was there.
    pub(crate) fn run(mut self, semantics: u32, journal_empty: bool) -> Engine {
        if self.start(semantics, journal_empty) == Going::End {
            return self.engine;
        }
        loop {
            let first = self.receive();
            let now = self.now();
            // Before any message: who only looks puts no deadline off, and sees none overdue.
            let mut going = self.tick_until(now);
            if let (Going::On, Some(message)) = (going, first) {
                going = self.take(message, now);
            }
            for _ in 1..TURN_MESSAGES_MAX {
                if going == Going::End || self.work.applied.commands.len() >= CHUNK_COMMANDS_MAX {
                    break;
                }
                match self.lines.messages.try_recv() {
                    Ok(message) => going = self.take(message, now),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => going = Going::End,
                }
            }
            if self.hand_over() == Going::End || going == Going::End {
                return self.engine;
            }
        }
    }

    /// The commands every start begins with.
    fn start(&mut self, semantics: u32, journal_empty: bool) -> Going {
        let now = self.now();
        if semantics != SEMANTICS_VERSION {
            // Before any tick, so that this build's ticks are under its own version; at the time
            // of the last command, before which nothing is due.
            let time = if journal_empty {
                now
            } else {
                self.engine.time()
            };
            let body = Body::SemanticsVersion(SEMANTICS_VERSION);
            if self.put(internal(body), None, time) == Going::End {
                return Going::End;
            }
        }
        if !journal_empty {
            // Before any tick: what fell due meanwhile is put off.
            let began = self.put_gap(now);
            if began == Going::End
                || self.sequence(internal(Body::SessionsLost), None, now) == Going::End
            {
                return Going::End;
            }
        }
        self.hand_over()
    }

    fn take(&mut self, message: Message, now: Time) -> Going {
        match message {
            Message::Submit(submission) => {
                for command in submission.commands {
                    if self.sequence(command, Some(submission.ticket), now) == Going::End {
                        return Going::End;
                    }
                }
                Going::On
            }
            Message::Validate(command, reply) => {
                reply(self.engine.dry_run(&command, now));
                self.shared.give_room(1);
                Going::On
            }
            Message::Look(look) => {
                look(&self.engine);
                self.shared.give_room(1);
                Going::On
            }
            Message::Stop => self.drain(now),
        }
    }

    /// Takes all that was let in before the stop, then ends.
    fn drain(&mut self, now: Time) -> Going {
        loop {
            let entered = self.shared.all_entered();
            match self.lines.messages.try_recv() {
                Ok(Message::Stop) => {}
                Ok(message) => {
                    if self.take(message, now) == Going::End {
                        return Going::End;
                    }
                }
                Err(_) if entered => return Going::End,
                Err(_) => std::hint::spin_loop(),
            }
        }
    }

    /// Puts the ticks that are due, then the command.
    fn sequence(&mut self, command: Command, ticket: Option<Ticket>, now: Time) -> Going {
        if self.tick_until(now) == Going::End {
            return Going::End;
        }
        self.put(command, ticket, now)
    }

    /// Ticks until nothing is due at `now`.
    fn tick_until(&mut self, now: Time) -> Going {
        while self.engine.next_deadline().is_some_and(|due| due <= now) {
            if self.put(internal(Body::Tick), None, now) == Going::End {
                return Going::End;
            }
        }
        Going::On
    }

    /// Gives a command its place and time, codes and applies it.
    fn put(&mut self, command: Command, ticket: Option<Ticket>, now: Time) -> Going {
        let before = self.engine.time();
        let sequenced = Sequenced {
            sequence: self.engine.sequence().next(),
            time: now.max(before),
            value: command,
        };
        let work = &mut self.work;
        if work.applied.commands.is_empty() {
            work.base_time = before;
        }
        codec::encode(&mut work.bytes, before, &sequenced);
        let begin = work.applied.events.len();
        self.engine.apply(&sequenced, &mut work.applied.events);
        let mut seen = None;
        if let Body::AcceptClock(accept) = &sequenced.value.body
            && accepted(&work.applied.events.as_slice()[begin..])
        {
            seen = Some(accept.wall);
        }
        work.applied.push(sequenced, ticket);
        let full =
            work.applied.commands.len() >= CHUNK_COMMANDS_MAX || work.bytes.len() >= CHUNK_BYTES;
        if let Some(seen) = seen
            && self.accept_clock(seen) == Going::End
        {
            return Going::End;
        }
        if full { self.hand_over() } else { Going::On }
    }

    /// Says that from the command before to `now` there was no service.
    fn put_gap(&mut self, now: Time) -> Going {
        let from = self.engine.time();
        self.put(internal(Body::ServiceGap(ServiceGap { from })), None, now)
    }

    /// Follows the wall clock again, if it is still near what the operator saw; how far it leaps
    /// forward there was no service.
    fn accept_clock(&mut self, seen: Time) -> Going {
        if self.clock.accept(&*self.source, seen) {
            self.show_clock();
            let now = self.now();
            self.put_gap(now)
        } else {
            let apart = self.source.wall().nanoseconds() - seen.nanoseconds();
            (self.on_warning)(&format!(
                "AcceptClock was not followed: the wall clock is {:.3} s away from the time it \
                 names; look at the clock and send it again",
                apart as f64 / 1e9
            ));
            Going::On
        }
    }

    /// Hands the chunk to the journal thread and its events to the publisher thread.
    fn hand_over(&mut self) -> Going {
        let Some(last) = self.work.applied.last() else {
            return Going::On;
        };
        let bytes = self.lines.used_bytes.try_recv().unwrap_or_default();
        let applied = self.lines.used_applied.try_recv().unwrap_or_default();
        let next = Work {
            bytes,
            base_time: self.engine.time(),
            applied,
        };
        let done = std::mem::replace(&mut self.work, next);
        let count = done.applied.commands.len() as u32;
        let chunk = Chunk {
            bytes: done.bytes,
            first: Sequence::new(last.value() + 1 - u64::from(count)),
            count,
            base_time: done.base_time,
            events_hash: self.engine.event_hash().0,
        };
        self.shared.show(last, self.engine.usage());
        let journaled = self.lines.chunks.send(chunk);
        let published = self.lines.applied.send(done.applied);
        if journaled.is_ok() && published.is_ok() {
            Going::On
        } else {
            Going::End
        }
    }

    /// The next message, or none when it is time to look at deadline and clock.
    fn receive(&mut self) -> Option<Message> {
        match self.wait {
            Wait::Park => {
                let patience = self.patience();
                match self.lines.messages.recv_timeout(patience) {
                    Ok(message) => Some(message),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => Some(Message::Stop),
                }
            }
            Wait::Yield => self.poll(std::thread::yield_now),
            Wait::Spin => self.poll(std::hint::spin_loop),
        }
    }

    fn poll(&mut self, pause: fn()) -> Option<Message> {
        match self.lines.messages.try_recv() {
            Ok(message) => Some(message),
            Err(TryRecvError::Empty) => {
                pause();
                None
            }
            Err(TryRecvError::Disconnected) => Some(Message::Stop),
        }
    }

    /// How long to sleep: until the next deadline, at most [`IDLE_MAX`].
    fn patience(&mut self) -> Duration {
        let Some(due) = self.engine.next_deadline() else {
            return IDLE_MAX;
        };
        let left = due.nanoseconds() - self.now().nanoseconds();
        IDLE_MAX.min(Duration::from_nanos(u64::try_from(left).unwrap_or(0)))
    }

    fn now(&mut self) -> Time {
        let before = self.clock.status();
        let now = self.clock.now(&*self.source);
        if before != self.clock.status() {
            self.show_clock();
        }
        now
    }

    /// Shows the clock's status outside, and warns of a step.
    pub(crate) fn show_clock(&self) {
        let status = self.clock.status();
        let (held, step) = match status {
            ClockStatus::Following => (false, 0),
            ClockStatus::Stepped(step) => (false, step.0),
            ClockStatus::Held(step) => (true, step.0),
        };
        self.shared.clock_step.store(step, Ordering::Release);
        self.shared.clock_held.store(held, Ordering::Release);
        let seconds = step as f64 / 1e9;
        match status {
            ClockStatus::Following => {}
            ClockStatus::Stepped(_) => (self.on_warning)(&format!(
                "the wall clock is {seconds:.3} s away from the engine's time and is not \
                 followed until an operator sends AcceptClock"
            )),
            ClockStatus::Held(_) => (self.on_warning)(&format!(
                "the wall clock is {seconds:.0} s ahead of the journal: no trading until an \
                 operator sends AcceptClock"
            )),
        }
    }
}

/// Whether these events of an operator's command say that it was carried out.
fn accepted(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Operation(report)) if report.reject.is_none())
}

/// A command the runtime itself makes.
pub(crate) fn internal(body: Body) -> Command {
    Command {
        envelope: Envelope {
            principal: PrincipalId::LOCAL,
            identity: Identity::Internal,
            valid_until: None,
            authority: None,
        },
        body,
    }
}

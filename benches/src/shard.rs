//! A shard on a real folder: runtime threads and synced journal, with a sink that only counts.
//!
//! Invariant: `play` returns only after everything it submitted was released, so after its sync
//! and head mark. Not here: the gateway and its projections.

use crate::{Operation, World};
use engine::command::{Command, Envelope, Identity};
use engine::engine::Engine;
use engine::runtime::{
    Config, Recovered, Refused, Released, Runtime, Sink, Status, Submission, Ticket,
};
use engine::types::{PrincipalId, Sequence};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Submissions whose release nobody has looked at yet; far above what a queue of 65,536 commands
/// can hold in submissions of one.
const RELEASES_MAX: usize = 1 << 17;

/// A running shard.
pub struct Shard {
    runtime: Runtime,
    released: Receiver<u64>,
    next_ticket: u64,
}

struct Counter {
    released: SyncSender<u64>,
    cursor: Sequence,
}

impl Sink for Counter {
    fn open(&mut self, journal_last: Sequence) -> Result<Sequence, String> {
        self.cursor = journal_last;
        Ok(journal_last)
    }

    fn replayed(&mut self, _: &Released<'_>) {}

    fn recovered(&mut self, _: &Engine, _: u32) {}

    fn release(&mut self, released: &Released<'_>) {
        let mut last = None;
        for (command, ticket, _) in released.iter() {
            self.cursor = command.sequence;
            if let Some(Ticket(number)) = ticket
                && last != Some(number)
            {
                self.released
                    .send(number)
                    .expect("the shard outlives its runtime");
                last = Some(number);
            }
        }
    }

    fn cursor(&self) -> Sequence {
        self.cursor
    }
}

impl Shard {
    /// Starts a shard on `folder` that takes no snapshots by itself.
    pub fn start(folder: &Path) -> (Self, Recovered) {
        Self::start_with(folder, u64::MAX)
    }

    /// Starts a shard on `folder` that takes a snapshot, and begins a segment, after so many
    /// commands; its sink has everything at once, so that old segments go.
    pub fn start_with(folder: &Path, snapshot_every_commands: u64) -> (Self, Recovered) {
        Self::start_changed(folder, |config| {
            config.snapshot_every_commands = snapshot_every_commands;
        })
    }

    /// Starts a shard with settings changed by `change`; it takes no snapshots by itself.
    pub fn start_changed(folder: &Path, change: impl FnOnce(&mut Config)) -> (Self, Recovered) {
        let (sender, released) = sync_channel(RELEASES_MAX);
        let mut config = Config::new(folder);
        config.snapshot_every_commands = u64::MAX;
        config.snapshot_every = Duration::from_secs(86_400);
        change(&mut config);
        let sink = Box::new(Counter {
            released: sender,
            cursor: Sequence::ZERO,
        });
        let (runtime, recovered) = Runtime::start(config, sink).expect("a shard starts");
        (
            Self {
                runtime,
                released,
                next_ticket: 1,
            },
            recovered,
        )
    }

    /// Submits `commands` in submissions of `size`, with at most `window` of them unreleased, and
    /// waits until all are released.
    pub fn play(&mut self, commands: &[Command], size: usize, window: usize) {
        let handle = self.runtime.handle();
        let mut open = 0;
        for chunk in commands.chunks(size) {
            if open == window {
                self.wait_one();
                open -= 1;
            }
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            loop {
                let submission = Submission {
                    ticket,
                    commands: chunk.to_vec(),
                };
                match handle.submit(submission) {
                    Ok(()) => break,
                    Err(Refused::Full) => {
                        self.wait_one();
                        open -= 1;
                    }
                    Err(other) => panic!("a running shard takes commands: {other}"),
                }
            }
            open += 1;
        }
        (0..open).for_each(|_| self.wait_one());
    }

    /// Submits `commands` in submissions of 256 at `per_s` commands a second, each at its time or
    /// as soon after it as there is room, and waits until all are released.
    pub fn play_at(&mut self, commands: &[Command], per_s: u64) {
        const SIZE: usize = 256;
        const WINDOW: usize = 128;
        let begun = Instant::now();
        let mut open = 0;
        for (place, chunk) in commands.chunks(SIZE).enumerate() {
            let due = Duration::from_nanos((place * SIZE) as u64 * 1_000_000_000 / per_s);
            if let Some(early) = due.checked_sub(begun.elapsed()) {
                std::thread::sleep(early);
            }
            while self.released.try_recv().is_ok() {
                open -= 1;
            }
            while open >= WINDOW {
                self.wait_one();
                open -= 1;
            }
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            let submission = Submission {
                ticket,
                commands: chunk.to_vec(),
            };
            let taken = self.runtime.handle().submit(submission);
            taken.expect("the window is half of the queue");
            open += 1;
        }
        (0..open).for_each(|_| self.wait_one());
    }

    /// How the runtime stands.
    pub fn status(&self) -> Status {
        self.runtime.handle().status()
    }

    fn wait_one(&self) {
        self.released
            .recv()
            .expect("a running shard releases what it took");
    }

    /// Snapshots taken so far.
    pub fn snapshots(&self) -> u64 {
        self.runtime.handle().status().snapshots
    }

    /// Stops cleanly.
    pub fn stop(self) {
        self.runtime.stop().expect("a clean stop");
    }
}

/// The commands that set a world up and then play `operations`, as a client would send them: each
/// cancel and replace names the id that this very history gives.
pub fn history(operations: &[Operation], id_max: u64) -> (Vec<Command>, Vec<Command>) {
    let envelope = Envelope {
        principal: PrincipalId::LOCAL,
        identity: Identity::Internal,
        valid_until: None,
        authority: None,
    };
    let command = |body| Command {
        envelope: envelope.clone(),
        body,
    };
    let mut player = crate::Player::new(id_max);
    let setup = World::setup(crate::workload::ACCOUNTS)
        .into_iter()
        .map(command)
        .collect();
    let mut played = Vec::with_capacity(operations.len());
    for operation in operations {
        let body = player.body(operation);
        player.play(operation);
        played.push(Command {
            envelope: envelope.clone(),
            body,
        });
    }
    (setup, played)
}

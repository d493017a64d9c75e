//! A head mark that cannot be written, and a thread that panics: nothing is released any more.
//!
//! Not here: a disk that fails under a whole process (the simulator's tests).

use std::io;
use std::sync::mpsc::{Sender as Tell, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::*;
use crate::command::Body;
use crate::journal::head::Mark;
use crate::journal::memory::MemoryJournal;
use crate::runtime::sequencer::internal;
use crate::runtime::{Refused, Released, Submission, Ticket};

const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps nothing, and fails once so many marks were kept.
struct Failing {
    left: u32,
}

impl MarkKeeper for Failing {
    fn write(&mut self, _mark: &Mark) -> io::Result<()> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("the disk of the mark is gone")),
        }
        Ok(())
    }
}

/// Tells what is released, and panics at a command.
struct Fragile {
    told: Tell<Sequence>,
    panics_at: Option<Sequence>,
}

impl Sink for Fragile {
    fn open(&mut self, journal_last: Sequence) -> Result<Sequence, String> {
        Ok(journal_last)
    }

    fn replayed(&mut self, _released: &Released<'_>) {}

    fn recovered(&mut self, _engine: &Engine, _epoch: u32) {}

    fn release(&mut self, released: &Released<'_>) {
        for (command, _, _) in released.iter() {
            assert!(
                Some(command.sequence) != self.panics_at,
                "as the test asked"
            );
            // A test that went away has heard enough.
            let _ = self.told.send(command.sequence);
        }
    }

    fn cursor(&self) -> Sequence {
        Sequence::ZERO
    }
}

/// Runs until the fault: the commands released, in order, and the fault.
fn until_fault(
    change: impl FnOnce(&mut Started),
    panics_at: Option<Sequence>,
) -> (Vec<Sequence>, Fatal) {
    let folder = tempfile::tempdir().expect("a folder");
    let (tell_fatal, fatal) = channel();
    let tell_fatal = Mutex::new(tell_fatal);
    let mut config = Config::new(folder.path());
    config.limits.orders_max = 64;
    config.on_fatal = Arc::new(move |fatal| {
        let tell = tell_fatal.lock().unwrap_or_else(PoisonError::into_inner);
        tell.send(fatal.clone()).expect("the test waits");
    });
    let (told, released) = channel();
    let mut sink: Box<dyn Sink> = Box::new(Fragile { told, panics_at });
    let mut started = start(&config, &MemoryJournal::new(), &mut *sink).expect("started");
    change(&mut started);
    let runtime = Runtime::run(&config, started, sink).expect("runs");
    let handle = runtime.handle();
    let one = || Submission {
        ticket: Ticket(1),
        commands: vec![internal(Body::SessionsLost)],
    };
    let mut seen = Vec::new();
    // One at a time: each is released before the next is sent, until none is.
    while let Ok(sequence) = released.recv_timeout(PATIENCE) {
        seen.push(sequence);
        if handle.submit(one()).is_err() {
            break;
        }
    }
    let fatal = fatal.recv_timeout(PATIENCE).expect("a fault");
    assert_eq!(handle.submit(one()), Err(Refused::Stopping));
    assert!(matches!(runtime.stop(), Err(StopError::Faulted(_))));
    seen.extend(released.try_iter());
    (seen, fatal)
}

fn sequences(last: u64) -> Vec<Sequence> {
    (1..=last).map(Sequence::new).collect()
}

#[test]
fn after_a_head_mark_that_could_not_be_written_nothing_is_released() {
    for left in 1..=5 {
        let fails = |started: &mut Started| started.head = Box::new(Failing { left });
        let (released, fatal) = until_fault(fails, None);
        assert_eq!(released, sequences(u64::from(left)));
        let at = Sequence::new(u64::from(left) + 1);
        let error = "the disk of the mark is gone".to_owned();
        assert_eq!(
            fatal,
            Fatal::Head {
                sequence: at,
                error
            }
        );
    }
}

#[test]
fn after_a_thread_panicked_nothing_is_released() {
    for at in 2..=4 {
        let (released, fatal) = until_fault(|_| {}, Some(Sequence::new(at)));
        assert_eq!(released, sequences(at - 1));
        assert_eq!(
            fatal,
            Fatal::Panic {
                thread: "publisher"
            }
        );
    }
}

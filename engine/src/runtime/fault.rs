//! What happens when something failed that must not: nothing more is released, and the process is
//! told to end.
//!
//! Invariant: the first fault counts; after it the gate is shut. Not here: rejects, refusals.

use std::sync::{Arc, Mutex, PoisonError};

use super::config::Fatal;
use super::shared::Shared;

/// Called once with the fault.
type Hook = Arc<dyn Fn(&Fatal) + Send + Sync>;

/// The one place where a fault is raised.
#[derive(Clone)]
pub(crate) struct Faults {
    shared: Arc<Shared>,
    hook: Hook,
    first: Arc<Mutex<Option<Fatal>>>,
}

impl Faults {
    pub(crate) fn new(shared: Arc<Shared>, hook: Hook) -> Self {
        Self {
            shared,
            hook,
            first: Arc::default(),
        }
    }

    /// Shuts the gate and calls the hook, which by default ends the process.
    pub(crate) fn raise(&self, fatal: &Fatal) {
        self.shared.refuse_new();
        self.shared.gate.fail();
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_some() {
            return;
        }
        *first = Some(fatal.clone());
        drop(first);
        (self.hook)(fatal);
    }

    /// The fault, if there was one.
    pub(crate) fn first(&self) -> Option<Fatal> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.clone()
    }

    /// A guard for the body of a thread: a panic there is a fault.
    pub(crate) fn watch(&self, thread: &'static str) -> Watch {
        Watch {
            faults: self.clone(),
            thread,
        }
    }
}

/// Raises a fault if its thread ends by a panic.
pub(crate) struct Watch {
    faults: Faults,
    thread: &'static str,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.faults.raise(&Fatal::Panic {
                thread: self.thread,
            });
        }
    }
}

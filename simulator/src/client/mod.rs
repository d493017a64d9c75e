//! How the simulator talks to a gateway: connections, a Session, the private stream, market data.
//!
//! Invariant: only the public contract (`proto`) is used; nothing of the engine is known here. Not
//! here: what is sent and what is expected of it (`replay`, `load`).

pub mod connect;
pub mod executions;
pub mod market;
pub mod session;
pub mod session_state;

use std::time::Duration;

/// The first pause before another attempt to reach a gateway that does not answer.
const BACKOFF_FIRST: Duration = Duration::from_millis(20);
/// The longest pause between two attempts: a gateway that comes back is found within this time.
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// Pauses between attempts, doubling from 20 ms to half a second.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// Begins at the shortest pause.
    pub const fn new() -> Self {
        Self {
            next: BACKOFF_FIRST,
        }
    }

    /// The pause to make now; the one after it is twice as long.
    pub fn pause(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(BACKOFF_MAX);
        now
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_are_bounded() {
        let mut backoff = Backoff::new();
        assert_eq!(backoff.pause(), Duration::from_millis(20));
        assert_eq!(backoff.pause(), Duration::from_millis(40));
        for _ in 0..10 {
            backoff.pause();
        }
        assert_eq!(backoff.pause(), BACKOFF_MAX);
    }
}

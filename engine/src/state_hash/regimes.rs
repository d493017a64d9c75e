//! The bytes of events about regimes in the running hash.
//!
//! Invariant: as in `state_hash`.

use super::Buffer;
use crate::event::RegimeDefined;

impl Buffer {
    pub(super) fn regime(&mut self, defined: RegimeDefined) {
        self.byte(30);
        self.byte(defined.regime.code());
        self.i64(defined.from.nanoseconds());
    }
}

//! The bytes of events about regimes in the running hash.
//!
//! Invariant: as in `state_hash`.

use super::Buffer;
use crate::event::RegimeEvent;

impl Buffer {
    pub(super) fn regime(&mut self, event: &RegimeEvent) {
        match event {
            RegimeEvent::Defined(defined) => {
                self.byte(30);
                self.byte(defined.regime.code());
                self.i64(defined.from.nanoseconds());
            }
            RegimeEvent::Moving(moving) => {
                self.byte(40);
                self.u32(moving.venue.index());
                self.i64(moving.from.nanoseconds());
                // A code is never zero, so the end is told.
                moving.regimes().for_each(|regime| self.byte(regime.code()));
                self.byte(0);
            }
            RegimeEvent::Moved(venue) => {
                self.byte(41);
                self.u32(venue.index());
            }
        }
    }
}

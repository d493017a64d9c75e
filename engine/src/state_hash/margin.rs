//! The bytes of events about margin forwards in the running hash.
//!
//! Invariant: as in `state_hash`.

use super::Buffer;
use crate::event::MarginEvent;
use crate::types::Time;

impl Buffer {
    pub(super) fn margin(&mut self, event: &MarginEvent) {
        self.byte(27);
        match event {
            MarginEvent::Settlement { instrument, price } => {
                self.byte(1);
                self.instrument(*instrument);
                self.i64(price.ticks());
            }
            MarginEvent::Variation(one) => {
                self.byte(2);
                self.u32(one.account.index());
                self.instrument(one.instrument);
                self.i64(one.amount);
            }
            MarginEvent::Call(call) => {
                self.byte(3);
                self.u32(call.account.index());
                self.instrument(call.instrument);
                self.i64(call.maintenance);
                self.i64(call.held);
                self.byte(u8::from(call.deadline.is_some()));
                self.i64(call.deadline.map_or(0, Time::nanoseconds));
            }
            MarginEvent::Covered {
                account,
                instrument,
            } => {
                self.byte(4);
                self.u32(account.index());
                self.instrument(*instrument);
            }
        }
    }
}

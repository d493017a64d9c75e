//! The fixed layout of events about switches: 21, a tag, then the fields.
//!
//! Invariant: as in `state_hash`.

use super::Buffer;
use crate::command::KillScope;
use crate::event::{SweepOf, SwitchEvent};
use crate::types::Time;

impl Buffer {
    pub(super) fn switch(&mut self, event: &SwitchEvent) {
        self.byte(21);
        match event {
            SwitchEvent::Turned(turned) => {
                self.byte(1);
                self.kill_scope(turned.scope);
                self.byte(turned.position as u8);
            }
            SwitchEvent::Armed(armed) => {
                self.byte(2);
                self.u32(armed.session.index());
                self.byte(u8::from(armed.deadline.is_some()));
                self.i64(armed.deadline.map_or(0, Time::nanoseconds));
            }
            SwitchEvent::Fired(session) => {
                self.byte(3);
                self.u32(session.index());
            }
            SwitchEvent::Swept(swept) => {
                self.byte(4);
                self.sweep_of(swept.what);
                self.u32(swept.canceled);
                self.u32(swept.kept);
            }
        }
    }

    fn kill_scope(&mut self, scope: KillScope) {
        let (kind, handle) = match scope {
            KillScope::Session(id) => (1, id.index()),
            KillScope::Account(id) => (2, id.index()),
            KillScope::Participant(id) => (3, id.index()),
            KillScope::Venue(id) => (4, id.index()),
        };
        self.byte(kind);
        self.u32(handle);
    }

    fn sweep_of(&mut self, what: SweepOf) {
        match what {
            SweepOf::Kill(scope) => {
                self.byte(1);
                self.kill_scope(scope);
            }
            SweepOf::Disconnected(session) => {
                self.byte(2);
                self.u32(session.index());
            }
            SweepOf::DeadMan(session) => {
                self.byte(3);
                self.u32(session.index());
            }
            SweepOf::SessionsLost => self.byte(4),
        }
    }
}

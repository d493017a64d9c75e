//! An engine that takes one body after the other, for programs that measure it.
//!
//! Invariant: the events are those of the last command. Not here: what is opened (`stall`), clocks.

use sanjiang_engine::command::Body;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::Events;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::Time;

use crate::sequenced::sequenced;

/// The engine, the events of its last command, and the time of the next.
pub struct Fed {
    pub engine: Engine,
    pub events: Events,
    pub time: Time,
}

impl Fed {
    /// An empty engine, with room for so many events.
    pub fn new(limits: Limits, time: Time, events: usize) -> Self {
        Self {
            engine: Engine::new(limits),
            events: Events::with_capacity(events),
            time,
        }
    }

    /// The next command.
    pub fn send(&mut self, body: Body) {
        let command = sequenced(self.engine.sequence().next(), self.time, body);
        self.events.clear();
        self.engine.apply(&command, &mut self.events);
    }
}

//! Sessions as the directory knows them: whose they are, and which end their orders with their
//! connection.
//!
//! Invariant: handles rise without gaps; what is here is durable. Not here: connections
//! (`session`), watermarks (the engine).

use std::collections::{BTreeSet, HashMap};

use engine::command::OnDisconnect;
use engine::types::{Name, PrincipalId, SessionId};

/// All sessions.
#[derive(Clone, Debug, Default)]
pub struct SessionTable {
    /// Public ids by handle; different principals may use the same one.
    names: Vec<Name>,
    handles: HashMap<(PrincipalId, Name), SessionId>,
    /// Those whose orders end with their connection.
    cancelling: BTreeSet<SessionId>,
}

impl SessionTable {
    /// The public id of a session.
    pub fn name(&self, id: SessionId) -> Option<&Name> {
        self.names.get(id.place())
    }

    /// A principal's session of this name.
    pub fn find(&self, principal: PrincipalId, name: &Name) -> Option<SessionId> {
        self.handles.get(&(principal, *name)).copied()
    }

    /// The session, if its orders end with its connection.
    pub fn cancelling(&self, principal: PrincipalId, name: &Name) -> Option<SessionId> {
        let session = self.find(principal, name)?;
        self.cancelling.contains(&session).then_some(session)
    }

    /// Adds the session with the next handle; one that is known stays.
    pub fn add(&mut self, id: SessionId, principal: PrincipalId, name: Name) {
        if self.names.len() == id.place() {
            self.names.push(name);
            self.handles.insert((principal, name), id);
        }
    }

    /// A session chose what the end of its connection does.
    pub fn choose(&mut self, id: SessionId, on_disconnect: OnDisconnect) {
        match on_disconnect {
            OnDisconnect::Cancel => self.cancelling.insert(id),
            OnDisconnect::Keep => self.cancelling.remove(&id),
        };
    }
}

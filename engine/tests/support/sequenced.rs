//! A command of the tests' own in its place.
//!
//! Invariant: it is never a retry and has no time limit. Not here: who approves.

use sanjiang_engine::command::{Body, Command, Envelope, Identity, Sequenced};
use sanjiang_engine::types::{PrincipalId, Sequence, Time};

/// The command of this body at this place and time.
pub fn sequenced(sequence: Sequence, time: Time, body: Body) -> Sequenced<Command> {
    Sequenced {
        sequence,
        time,
        value: Command {
            envelope: Envelope {
                principal: PrincipalId::LOCAL,
                identity: Identity::Internal,
                valid_until: None,
                authority: None,
            },
            body,
        },
    }
}

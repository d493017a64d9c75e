//! A script: the commands of one world, so that it can be run again with steps left out.
//!
//! Invariant: a step names an order by the step that made it (`sequence` is that step's place,
//! slot 0 its right row, slot 1 a wrong one), so a script means the same when steps before it are
//! dropped. Not here: ticks, which the driver puts as the sequencer would.

use sanjiang_engine::command::{Body, Command, Envelope, Identity};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::{OrderId, PrincipalId, Sequence, Time};

/// One command and when it arrives.
#[derive(Clone, Debug)]
pub struct Step {
    pub place: usize,
    pub time: Time,
    pub command: Command,
}

/// A world's bounds and everything that happens in it.
#[derive(Clone)]
pub struct Script {
    pub limits: Limits,
    pub steps: Vec<Step>,
}

/// A command without identity, from the principal of the open gateway.
pub fn internal(body: Body) -> Command {
    Command {
        envelope: Envelope {
            principal: PrincipalId::LOCAL,
            identity: Identity::Internal,
            valid_until: None,
            authority: None,
        },
        body,
    }
}

/// The command with its order named by `rename`, or its instruction, as an order in row 0 would be.
pub fn renamed(command: &Command, rename: impl Fn(OrderId) -> OrderId) -> Command {
    let mut command = command.clone();
    if let Body::CancelOrder(cancel) = &mut command.body {
        cancel.order = rename(cancel.order);
    }
    if let Body::ReplaceOrder(replace) = &mut command.body {
        replace.order = rename(replace.order);
    }
    if let Body::Acknowledge(acknowledge) = &mut command.body {
        let (sequence, slot) = (acknowledge.instruction.value(), 0);
        let named = rename(OrderId { sequence, slot });
        acknowledge.instruction = Sequence::new(named.sequence);
    }
    command
}

//! The bodies of commands about pre-trade risk as bytes: a number a command, then its fields.
//!
//! Invariant: as in `codec`. Limits are written as the section writes them.

use crate::bytes::{self, BytesError, Reader};
use crate::command::{LimitsCommand, RiskScope, SetRiskLimits};
use crate::risk::section;
use crate::types::{AccountId, ParticipantId, VenueId};

pub(super) fn put(out: &mut Vec<u8>, command: &LimitsCommand) {
    let LimitsCommand::SetRiskLimits(set) = command;
    let (kind, index) = match set.scope {
        RiskScope::Venue(id) => (0, id.index()),
        RiskScope::Participant(id) => (1, id.index()),
        RiskScope::Account(id) => (2, id.index()),
    };
    bytes::put_u8(out, 0);
    bytes::put_u8(out, kind);
    bytes::put_varint(out, u64::from(index));
    section::put_limits(out, &set.limits);
}

pub(super) fn get(input: &mut Reader<'_>) -> Result<LimitsCommand, BytesError> {
    if input.u8()? != 0 {
        return Err(BytesError::range("the kind of a command about risk"));
    }
    let kind = input.u8()?;
    let index = input.varint32("whose limits")?;
    let scope = match kind {
        0 => RiskScope::Venue(VenueId::new(index)),
        1 => RiskScope::Participant(ParticipantId::new(index)),
        2 => RiskScope::Account(AccountId::new(index)),
        _ => return Err(BytesError::range("the scope of limits")),
    };
    let limits = section::limits(input)?;
    let set = SetRiskLimits { scope, limits };
    Ok(LimitsCommand::SetRiskLimits(Box::new(set)))
}

//! Operators' changes of what parties may do.
//!
//! Invariant: as in `from_proto`. Not here: whether it is lawful and possible (the engine).

use engine::command::{
    Access, Body, Party, Roles, SetAccess, SetRegistration, SetRoles, SetStanding, Standing,
    StandingCommand,
};
use engine::types::{Name, ParticipantId};
use proto::v1;

use super::fields::Fields;
use super::operations::Asks;
use crate::directory::Tables;
use crate::errors::Kind;

/// The participant a field names.
pub(super) fn participant(
    fields: &mut Fields<'_>,
    field: &str,
    name: &str,
) -> Option<ParticipantId> {
    let find = |tables: &Tables, name: &str| tables.participants.find(name);
    let found = fields.existing(field, name, Kind::Participant, find);
    found.map(ParticipantId::new)
}

impl Asks for v1::SetStandingRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        use v1::set_standing_request::Party as Wire;
        let party = match &self.party {
            Some(Wire::ParticipantId(name)) => {
                participant(fields, "participant_id", name).map(Party::Participant)
            }
            Some(Wire::AccountId(name)) => fields.account("account_id", name).map(Party::Account),
            None => {
                fields.wrong(
                    "party",
                    "is not given; participant_id or account_id is required",
                );
                None
            }
        };
        let standing = match v1::Standing::try_from(self.standing) {
            Ok(v1::Standing::Open) => Some(Standing::Open),
            Ok(v1::Standing::Suspended) => Some(Standing::Suspended),
            Ok(v1::Standing::Closed) => Some(Standing::Closed),
            Ok(v1::Standing::Unspecified) | Err(_) => {
                let value = self.standing;
                fields.wrong(
                    "standing",
                    format!("{value} is no standing; 1 (OPEN), 2 (SUSPENDED), 3 (CLOSED) are"),
                );
                None
            }
        };
        Some(Body::Standing(StandingCommand::SetStanding(SetStanding {
            party: party?,
            standing: standing?,
        })))
    }
}

impl Asks for v1::SetRolesRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let venue = fields.venue("venue_id", &self.venue_id);
        let participant = participant(fields, "participant_id", &self.participant_id);
        let mut roles = Some(Roles::NONE);
        for value in &self.roles {
            let role = match v1::Role::try_from(*value) {
                Ok(v1::Role::Buyer) => Roles::BUYER,
                Ok(v1::Role::Seller) => Roles::SELLER,
                Ok(v1::Role::MarketMaker) => Roles::MARKET_MAKER,
                Ok(v1::Role::QualifiedInvestor) => Roles::QUALIFIED_INVESTOR,
                Ok(v1::Role::Unspecified) | Err(_) => {
                    fields.wrong("roles", format!("{value} is no role; 1 to 4 are"));
                    roles = None;
                    continue;
                }
            };
            if roles.is_some_and(|roles| roles.has(role)) {
                fields.wrong("roles", format!("{value} is given twice; once is right"));
            }
            roles = roles.map(|roles| roles.with(role));
        }
        Some(Body::Standing(StandingCommand::SetRoles(SetRoles {
            venue: venue?,
            participant: participant?,
            roles: roles?,
        })))
    }
}

impl Asks for v1::SetAccessRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let venue = fields.venue("venue_id", &self.venue_id);
        let access = Access {
            members_only: self.members_only,
            qualified_only: self.qualified_only,
        };
        Some(Body::Standing(StandingCommand::SetAccess(SetAccess {
            venue: venue?,
            access,
        })))
    }
}

impl Asks for v1::SetRegistrationRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let participant = participant(fields, "participant_id", &self.participant_id);
        let code = Name::new(&self.code);
        if code.is_none() {
            fields.wrong("code", "is too long; a code has 18 characters");
        }
        let set = SetRegistration {
            participant: participant?,
            code: code?,
        };
        Some(Body::Standing(StandingCommand::SetRegistration(set)))
    }
}

//! What parties may do and what of their limits they have used, as the engine has it.
//!
//! Invariant: an answer is what the engine had between two commands, told once that is durable. Not
//! here: changes (`operations`), names (`directory`).

use engine::command::{Access, Party, RiskLimits, RiskScope, Roles, Standing};
use engine::engine::Engine;
use engine::risk::RiskUsage;
use engine::types::{AccountId, ParticipantId, VenueId};
use proto::v1;

use super::accounts::find;
use super::executions::account;
use super::looks::look;
use crate::admission::Payer;
use crate::directory::Tables;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::to_proto;

fn participant(tables: &Tables, name: &str) -> Result<ParticipantId, Failure> {
    let look = |tables: &Tables, name: &str| tables.participants.find(name);
    let found = find(tables, "participant_id", name, Kind::Participant, look)?;
    Ok(ParticipantId::new(found))
}

fn venue(tables: &Tables, field: &str, name: &str) -> Result<VenueId, Failure> {
    let look = |tables: &Tables, name: &str| tables.venues.find(name);
    let found = find(tables, field, name, Kind::Venue, look)?;
    Ok(VenueId::new(found))
}

/// A participant's roles at the venues that give it some or do not admit everyone; there are at
/// most so many as venues.
fn roles(engine: &Engine, participant: ParticipantId) -> Vec<(VenueId, Roles, Access)> {
    let standings = engine.standings();
    let all = engine.venues().venues().map(|(venue, _)| {
        let (roles, access) = (standings.roles(venue, participant), standings.access(venue));
        (venue, roles, access)
    });
    all.filter(|(_, roles, access)| *roles != Roles::NONE || *access != Access::default())
        .collect()
}

/// One participant, with what it may do.
///
/// # Errors
/// Malformed, not found, not admitted.
pub async fn get_participant(
    exchange: &Exchange,
    request: v1::GetParticipantRequest,
) -> Result<v1::Participant, Failure> {
    let id = participant(&exchange.directory.read(), &request.participant_id)?;
    let (sequence, (tier, standing, code, roles)) =
        look(exchange, Payer::Participant(id), move |engine| {
            let standings = engine.standings();
            (
                engine.clearing().tier(id),
                standings.of(Party::Participant(id)),
                standings.registration(id).copied(),
                roles(engine, id),
            )
        })
        .await?;
    let tables = exchange.directory.read();
    let roles = roles.into_iter();
    Ok(v1::Participant {
        participant_id: request.participant_id,
        handle: id.index(),
        tier: tier.into(),
        standing: to_proto::standing(standing).into(),
        venue_roles: roles
            .map(|one| to_proto::venue_roles(&tables, one))
            .collect(),
        registration_code: code.map_or_else(String::new, |code| code.as_str().to_owned()),
        engine_sequence: sequence.value(),
    })
}

/// A party's standing.
///
/// # Errors
/// As [`get_participant`].
pub async fn get_standing(
    exchange: &Exchange,
    request: &v1::GetStandingRequest,
) -> Result<v1::GetStandingResponse, Failure> {
    use v1::get_standing_request::Party as Wire;
    let (of, own): (ParticipantId, Option<AccountId>) = {
        let tables = exchange.directory.read();
        match &request.party {
            Some(Wire::ParticipantId(name)) => (participant(&tables, name)?, None),
            Some(Wire::AccountId(name)) => {
                let id = account(&tables, name)?;
                let entry = tables.account(id);
                let entry = entry.ok_or(Failure::Unknown("an account without an entry"))?;
                (entry.participant, Some(id))
            }
            None => {
                let wanted = "is not given; participant_id or account_id is required";
                return Err(Failure::field("party", wanted));
            }
        }
    };
    let (sequence, (standing, above, roles)) =
        look(exchange, Payer::Participant(of), move |engine| {
            let standings = engine.standings();
            let above: Standing = standings.of(Party::Participant(of));
            let standing = own.map_or(above, |id| standings.of(Party::Account(id)));
            (standing, above, roles(engine, of))
        })
        .await?;
    let tables = exchange.directory.read();
    let name = tables.participants.get(of.index());
    let roles = roles.into_iter();
    Ok(v1::GetStandingResponse {
        standing: to_proto::standing(standing).into(),
        participant_standing: to_proto::standing(above).into(),
        participant_id: name.map_or_else(String::new, |name| name.as_str().to_owned()),
        venue_roles: roles
            .map(|one| to_proto::venue_roles(&tables, one))
            .collect(),
        engine_sequence: sequence.value(),
    })
}

/// Whose limits are asked for, at which venue, and who is charged for the look.
fn risk_scope(
    tables: &Tables,
    request: &v1::GetRiskLimitsRequest,
) -> Result<(RiskScope, Option<VenueId>, Payer), Failure> {
    use v1::get_risk_limits_request::Scope;
    let at = if request.at_venue_id.is_empty() {
        None
    } else {
        Some(venue(tables, "at_venue_id", &request.at_venue_id)?)
    };
    match &request.scope {
        Some(Scope::AccountId(name)) => {
            let id = account(tables, name)?;
            let entry = tables.account(id);
            let payer = entry.map_or(Payer::Reader, |entry| Payer::Participant(entry.participant));
            Ok((RiskScope::Account(id), at, payer))
        }
        _ if at.is_some() => Err(Failure::field(
            "at_venue_id",
            "goes together with account_id only; leave it empty",
        )),
        Some(Scope::ParticipantId(name)) => {
            let id = participant(tables, name)?;
            Ok((RiskScope::Participant(id), None, Payer::Participant(id)))
        }
        Some(Scope::VenueId(name)) => {
            let id = venue(tables, "venue_id", name)?;
            Ok((RiskScope::Venue(id), None, Payer::Reader))
        }
        None => Err(Failure::field(
            "scope",
            "is not given; venue_id, participant_id or account_id is required",
        )),
    }
}

/// Limits of risk and what of them is used.
///
/// # Errors
/// As [`get_participant`].
pub async fn get_risk_limits(
    exchange: &Exchange,
    request: &v1::GetRiskLimitsRequest,
) -> Result<v1::GetRiskLimitsResponse, Failure> {
    let (scope, at, payer) = risk_scope(&exchange.directory.read(), request)?;
    let (sequence, (limits, in_force, usage)) = look(exchange, payer, move |engine| {
        let limits = engine.risk().of(scope);
        let (in_force, usage): (RiskLimits, Option<RiskUsage>) = match scope {
            RiskScope::Account(id) => {
                let (in_force, usage) = engine.risk_of_account(id, at);
                (in_force, Some(usage))
            }
            RiskScope::Participant(id) => {
                let (in_force, usage) = engine.risk_of_participant(id);
                (in_force, Some(usage))
            }
            RiskScope::Venue(_) => (limits, None),
        };
        (limits, in_force, usage)
    })
    .await?;
    Ok(v1::GetRiskLimitsResponse {
        limits: Some(to_proto::risk_limits(&limits)),
        in_force: Some(to_proto::risk_limits(&in_force)),
        usage: usage.as_ref().map(to_proto::risk_usage),
        engine_sequence: sequence.value(),
    })
}

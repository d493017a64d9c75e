//! Kill switches, and how sessions stand to the end of their connections.
//!
//! Invariant: what is told of a switch or a session is what the engine had between two commands,
//! told once that is durable. Not here: what a switch does (the engine), connections (`session`).

use engine::command::{Body, Command, KillScope, SwitchCommand};
use engine::engine::Engine;
use engine::event::Event;
use engine::switch::{Chosen, Engaged};
use engine::types::{Name, PrincipalId, SessionId};
use proto::v1;

use super::looks::look;
use super::operations::{decode, submit};
use super::pages::page;
use crate::admission::Payer;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto;
use crate::to_proto;

/// Turns a kill switch, and tells how it stands then.
///
/// # Errors
/// Malformed, something named that does not exist, not admitted.
pub async fn set(
    exchange: &Exchange,
    request: &v1::SetKillSwitchRequest,
) -> Result<v1::SetKillSwitchResponse, Failure> {
    let command = decode(exchange, request)?;
    let scope = scope_of(&command);
    let report = submit(exchange, command).await?;
    let kill_switch = match scope {
        Some(scope) => Some(standing(exchange, scope).await?),
        None => None,
    };
    let report = Some(report);
    Ok(v1::SetKillSwitchResponse {
        report,
        kill_switch,
    })
}

fn scope_of(command: &Command) -> Option<KillScope> {
    let Body::Switch(SwitchCommand::SetKillSwitch(set)) = &command.body else {
        return None;
    };
    Some(set.scope)
}

/// A switch with what a look at it tells.
fn seen(engine: &Engine, switch: &Engaged) -> (Engaged, bool) {
    (*switch, engine.switches().is_sweeping(switch.scope))
}

async fn standing(exchange: &Exchange, scope: KillScope) -> Result<v1::KillSwitch, Failure> {
    let (_, found) = look(exchange, Payer::Operator, move |engine| {
        let switch = engine.switches().find(scope);
        switch.map(|switch| seen(engine, switch))
    })
    .await?;
    let tables = exchange.directory.read();
    Ok(match found {
        Some((switch, sweeps)) => to_proto::engaged(&tables, &switch, sweeps),
        None => to_proto::released(&tables, scope),
    })
}

/// A page of the engaged kill switches.
///
/// # Errors
/// Malformed, not admitted.
pub async fn list(
    exchange: &Exchange,
    request: &v1::ListKillSwitchesRequest,
) -> Result<v1::ListKillSwitchesResponse, Failure> {
    let page = page(request.page_size, &request.page_token)?;
    let (from, limit) = (page.start as usize, page.size);
    let (sequence, (switches, more)) = look(exchange, Payer::Operator, move |engine| {
        let all = engine.switches().engaged();
        let rest = all.get(from..).unwrap_or_default();
        let part = rest.iter().take(limit).map(|switch| seen(engine, switch));
        (part.collect::<Vec<_>>(), rest.len() > limit)
    })
    .await?;
    let tables = exchange.directory.read();
    let kill_switches = switches
        .iter()
        .map(|(switch, sweeps)| to_proto::engaged(&tables, switch, *sweeps));
    let next_page_token = if more {
        from.saturating_add(limit).to_string()
    } else {
        String::new()
    };
    Ok(v1::ListKillSwitchesResponse {
        kill_switches: kill_switches.collect(),
        engine_sequence: sequence.value(),
        next_page_token,
    })
}

/// Arms a session's timer anew.
///
/// # Errors
/// No such session, a timeout out of its bounds, not admitted.
pub async fn arm(
    exchange: &Exchange,
    principal: PrincipalId,
    request: &v1::ArmDeadManSwitchRequest,
) -> Result<v1::SessionStanding, Failure> {
    let named = &request.session_id;
    let session = from_proto::session_named(named, &exchange.directory.read(), principal)?;
    let command = from_proto::arm_dead_man(session, request.timeout_ms, principal);
    let answer = exchange.admission.submit(Payer::Operator, command).await?;
    if matches!(answer.event, Event::Operation(report) if report.reject.is_some()) {
        let right = format!(
            "is {}; 1,000 to 86,400,000 are right, and 0 to disarm",
            request.timeout_ms
        );
        return Err(Failure::field("timeout_ms", right));
    }
    session_standing(exchange, principal, session, named).await
}

/// Chooses what the end of a session's connection does.
///
/// # Errors
/// No such session, not admitted.
pub async fn set_policy(
    exchange: &Exchange,
    principal: PrincipalId,
    request: &v1::SetDisconnectPolicyRequest,
) -> Result<v1::SessionStanding, Failure> {
    let named = &request.session_id;
    let session = from_proto::session_named(named, &exchange.directory.read(), principal)?;
    let cancels = request.cancel_on_disconnect;
    let command = from_proto::disconnect_policy(session, cancels, principal);
    exchange.admission.submit(Payer::Operator, command).await?;
    session_standing(exchange, principal, session, named).await
}

/// How a session stands.
///
/// # Errors
/// No such session, not admitted.
pub async fn get_session(
    exchange: &Exchange,
    principal: PrincipalId,
    request: &v1::GetSessionRequest,
) -> Result<v1::SessionStanding, Failure> {
    let named = &request.session_id;
    let session = from_proto::session_named(named, &exchange.directory.read(), principal)?;
    session_standing(exchange, principal, session, named).await
}

async fn session_standing(
    exchange: &Exchange,
    principal: PrincipalId,
    session: SessionId,
    named: &str,
) -> Result<v1::SessionStanding, Failure> {
    let (sequence, seen) = look(exchange, Payer::Reader, move |engine| {
        let known = engine.sessions().session(session)?;
        let switches = engine.switches();
        let killed = switches.is_engaged(KillScope::Session(session));
        Some((known.watermark, switches.chosen(session), killed))
    })
    .await?;
    let none = || Failure::NotFound(Kind::Session, named.to_owned());
    let (watermark, chosen, kill_switch) = seen.ok_or_else(none)?;
    let name = Name::new(named).ok_or_else(none)?;
    let Chosen {
        on_disconnect,
        dead_man,
        fired,
    } = chosen;
    Ok(v1::SessionStanding {
        session_id: named.to_owned(),
        handle: session.index(),
        watermark,
        connected: exchange.sessions.is_connected(principal, name),
        cancel_on_disconnect: on_disconnect == engine::command::OnDisconnect::Cancel,
        dead_man_time: dead_man.map(to_proto::timestamp),
        dead_man_fired_time: fired.map(to_proto::timestamp),
        kill_switch,
        engine_sequence: sequence.value(),
    })
}

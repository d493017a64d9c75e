//! A running gateway: what it has, and what is asked of it.
//!
//! Invariant: the same ask is sent under the same id, so one that was cut off can be sent again.
//! Not here: what to ask (`plan`).

use std::time::{SystemTime, UNIX_EPOCH};

use engine::command::DefineRegime;
use engine::types::{Name, Time, Title};
use engine::venue::{Approval, Law};
use prost::Message as _;
use proto::v1;
use proto::v1::operations_client::OperationsClient;
use tonic::Status;
use tonic::transport::Channel;

use super::plan::{Ask, Target};
use crate::from_proto::regimes;
use crate::to_proto;

/// The most entries a page has.
const PAGE: u32 = 1_000;
/// Of the hash that an id is, in digits: 96 bits.
const ID_DIGITS: usize = 24;

/// The client of a running gateway.
pub type Client = OperationsClient<Channel>;

/// What a gateway has.
///
/// # Errors
/// In words.
pub async fn look(client: &mut Client) -> Result<Target, String> {
    let mut target = Target {
        law: Law::new(),
        venues: Vec::new(),
        now: now()?,
    };
    let mut page_token = String::new();
    loop {
        let request = v1::ListRegimesRequest {
            page_size: PAGE,
            page_token,
        };
        let page = client
            .list_regimes(request)
            .await
            .map_err(|status| said(&status))?;
        let page = page.into_inner();
        for regime in &page.regimes {
            add(&mut target.law, regime)?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    loop {
        let request = v1::ListVenuesRequest {
            page_size: PAGE,
            page_token,
        };
        let page = client
            .list_venues(request)
            .await
            .map_err(|status| said(&status))?;
        let page = page.into_inner();
        target.venues.extend(page.venues);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(target);
        }
    }
}

/// Asks for one change.
///
/// # Errors
/// It was refused, or is not known to be done; in words.
pub async fn ask(client: &mut Client, ask: Ask) -> Result<(), String> {
    let report = match ask {
        Ask::Regime(terms, number) => {
            let mut request = definition(&terms);
            let content = [request.encode_to_vec(), number.to_le_bytes().to_vec()].concat();
            request.context = Some(context(&content));
            client.define_regime(request).await
        }
        Ask::Move(mut request) => {
            request.context = Some(context(&request.encode_to_vec()));
            client.move_venue(request).await
        }
        Ask::Venue(mut request) => {
            request.context = Some(context(&request.encode_to_vec()));
            client.create_venue(request).await
        }
    };
    let report = report.map_err(|status| said(&status))?.into_inner();
    if report.accepted {
        return Ok(());
    }
    Err(format!(
        "{} {} ({})",
        report.reject_reason, report.legal_basis, report.text
    ))
}

fn now() -> Result<Time, String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.map_err(|_| "the clock of this machine stands before 1970".to_owned())?;
    let time = i64::try_from(since.as_nanos()).ok().and_then(Time::new);
    time.ok_or_else(|| "the clock of this machine is out of bounds".to_owned())
}

fn said(status: &Status) -> String {
    format!("{}: {}", status.code(), status.message())
}

/// A version that the target defined, taken into the law; those of set 1 are there.
fn add(law: &mut Law, regime: &v1::Regime) -> Result<(), String> {
    let name = &regime.regime;
    let Some(from) = &regime.in_force_from else {
        return Ok(());
    };
    let unread = |what: &str| format!("the target's regime {name}: {what}");
    let from = from.seconds.checked_mul(1_000_000_000);
    let from = from.and_then(Time::new);
    let mut rules = Vec::with_capacity(regime.rules.len());
    for given in &regime.rules {
        let mut given = given.clone();
        // The text of the regime as a whole is told for each rule.
        if given.legal_basis == regime.legal_basis {
            given.legal_basis.clear();
        }
        rules.push(regimes::rule(&given).map_err(|what| unread(&what))?);
    }
    let terms = DefineRegime {
        name: Name::new(name).ok_or_else(|| unread("its name is too long"))?,
        basis: Title::new(&regime.legal_basis).ok_or_else(|| unread("its text is too long"))?,
        rules,
    };
    let approval = if regime.approved {
        Approval::Given
    } else {
        Approval::Missing
    };
    let from = from.ok_or_else(|| unread("its day is out of bounds"))?;
    law.restore(terms, approval, from)
        .map_err(|reject| unread(reject.reason.as_str()))
}

fn definition(terms: &DefineRegime) -> v1::DefineRegimeRequest {
    let rules = terms.rules.iter().map(|rule| {
        let text = rule.basis.as_ref().map_or("", Title::as_str);
        to_proto::rule(rule.key, rule.value, text)
    });
    v1::DefineRegimeRequest {
        context: None,
        regime: terms.name.as_str().to_owned(),
        legal_basis: terms.basis.as_str().to_owned(),
        rules: rules.collect(),
    }
}

fn context(content: &[u8]) -> v1::OperationContext {
    let hash = blake3::hash(content);
    v1::OperationContext {
        request_id: hash.to_hex().chars().take(ID_DIGITS).collect(),
        reason: "gateway venue apply".to_owned(),
        approver: String::new(),
    }
}

//! Venue, parties and instrument of a run, created through the public API.
//!
//! Invariant: every request carries an id that follows from the run's name, so a creation that is
//! repeated over a restart is made once; what exists already is taken as it is. Not here: which
//! instruments a run wants (`replay`, `load`).

pub mod money;
pub mod sale;
pub mod statement;

use proto::v1::{
    Account, CreateAccountRequest, CreateBeneficialOwnerRequest, CreateInstrumentRequest,
    CreateParticipantRequest, CreateVenueRequest, ListAccountsRequest, OperationContext,
    OperationReport, Phase, SetPhaseRequest, SetReferencePriceRequest,
};
use tokio::task::JoinSet;
use tonic::Status;

use crate::client::connect::Connection;

/// Creations under way at a time: enough for one sync to carry many, few enough for any queue.
const PIPELINED_MAX: usize = 64;
/// Accounts of one page of a list: the contract's bound.
const PAGE: u32 = 1_000;

/// Why a run could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The gateway refused the call or did not answer.
    #[error("{what}: {:?}: {}", status.code(), status.message())]
    Call {
        /// What was asked.
        what: String,
        /// What the gateway said.
        status: Status,
    },
    /// The engine rejected the change.
    #[error("{what}: {reason} {basis}: {text}")]
    Rejected {
        /// What was asked.
        what: String,
        /// The contract's word.
        reason: String,
        /// The article it stands on.
        basis: String,
        /// For people.
        text: String,
    },
    /// A change was accepted and no handle came back.
    #[error("{what}: accepted, but the gateway gave no handle")]
    NoHandle {
        /// What was asked.
        what: String,
    },
    /// A creation ended without an answer.
    #[error("{0}")]
    Aborted(String),
}

/// The name of a run, and what makes its ids: at most 12 characters, so that every id stays within
/// the contract's 36 bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run(String);

/// The longest name of a run.
pub const RUN_NAME_MAX: usize = 12;

impl Run {
    /// A run with a name of 1 to 12 letters, digits, `-` or `_`.
    pub fn named(name: &str) -> Result<Self, String> {
        let fits = !name.is_empty()
            && name.len() <= RUN_NAME_MAX
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if fits {
            return Ok(Self(name.to_owned()));
        }
        Err(format!(
            "run name `{name}`: it should be 1 to {RUN_NAME_MAX} letters, digits, - or _"
        ))
    }

    /// A run named after the wall clock, so that it meets no earlier one on the same gateway.
    pub fn fresh() -> Self {
        let millis = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_millis());
        Self(format!("{millis:x}"))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// A public id or a request id of this run.
    pub fn id(&self, what: &str) -> String {
        format!("{}-{what}", self.0)
    }
}

/// Makes changes through `Operations`.
#[derive(Clone, Debug)]
pub struct Operator {
    connection: Connection,
    run: Run,
}

impl Operator {
    /// An operator of a run.
    pub const fn new(connection: Connection, run: Run) -> Self {
        Self { connection, run }
    }

    /// Where it makes them.
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What goes with each request: `what` tells them apart.
    pub fn context(&self, what: &str) -> OperationContext {
        OperationContext {
            request_id: self.run.id(what),
            reason: "simulator".to_owned(),
            approver: String::new(),
        }
    }

    /// A venue of the SANDBOX regime, a demonstration, with a book and call auctions.
    pub async fn create_venue(&self, venue_id: &str, name: &str) -> Result<u32, SetupError> {
        let law = (&["SANDBOX"][..], &["CLOB", "CALL_AUCTION"][..]);
        self.create_venue_under(venue_id, name, law).await
    }

    /// A venue under regimes, a demonstration, with these models.
    pub async fn create_venue_under(
        &self,
        venue_id: &str,
        name: &str,
        (regimes, models): (&[&str], &[&str]),
    ) -> Result<u32, SetupError> {
        let request = CreateVenueRequest {
            context: Some(self.context(&format!("v-{}", short(venue_id)))),
            venue_id: venue_id.to_owned(),
            name: name.to_owned(),
            regimes: words(regimes),
            models: words(models),
            demonstration: true,
            ..CreateVenueRequest::default()
        };
        let answer = self
            .connection
            .persist(|| {
                let (mut client, request) = (self.connection.operations(), request.clone());
                async move { client.create_venue(request).await }
            })
            .await;
        handle(&format!("creating venue {venue_id}"), answer)
    }

    /// An instrument; `request.context` is filled in here.
    pub async fn create_instrument(
        &self,
        mut request: CreateInstrumentRequest,
    ) -> Result<u32, SetupError> {
        let id = request.instrument_id.clone();
        request.context = Some(self.context(&format!("i-{}", short(&id))));
        let answer = self
            .connection
            .persist(|| {
                let (mut client, request) = (self.connection.operations(), request.clone());
                async move { client.create_instrument(request).await }
            })
            .await;
        handle(&format!("creating instrument {id}"), answer)
    }

    /// A participant.
    pub async fn create_participant(&self, participant_id: &str) -> Result<u32, SetupError> {
        let request = CreateParticipantRequest {
            context: Some(self.context(&format!("p-{}", short(participant_id)))),
            participant_id: participant_id.to_owned(),
        };
        let answer = self
            .connection
            .persist(|| {
                let (mut client, request) = (self.connection.operations(), request.clone());
                async move { client.create_participant(request).await }
            })
            .await;
        handle(&format!("creating participant {participant_id}"), answer)
    }

    /// An account with an owner of its own; its handle and the owner's.
    async fn create_account(
        &self,
        participant: String,
        index: u32,
    ) -> Result<(u32, u32), SetupError> {
        let owner_id = self.run.id(&format!("o{index}"));
        let owner = CreateBeneficialOwnerRequest {
            context: Some(self.context(&format!("o{index}"))),
            beneficial_owner_id: owner_id.clone(),
        };
        let answer = self
            .connection
            .persist(|| {
                let (mut client, request) = (self.connection.operations(), owner.clone());
                async move { client.create_beneficial_owner(request).await }
            })
            .await;
        let owner = handle(&format!("creating owner {owner_id}"), answer)?;
        let account_id = account_id(&self.run, index);
        let account = CreateAccountRequest {
            context: Some(self.context(&format!("a{index}"))),
            account_id: account_id.clone(),
            participant_id: participant,
            beneficial_owner_id: owner_id,
        };
        let answer = self
            .connection
            .persist(|| {
                let (mut client, request) = (self.connection.operations(), account.clone());
                async move { client.create_account(request).await }
            })
            .await;
        let account = handle(&format!("creating account {account_id}"), answer)?;
        Ok((account, owner))
    }

    /// `count` accounts of a participant, many at a time; their handles in order.
    pub async fn create_accounts(
        &self,
        participant: &str,
        count: u32,
    ) -> Result<Vec<u32>, SetupError> {
        let parties = self.create_parties(participant, count).await?;
        Ok(parties.into_iter().map(|(account, _)| account).collect())
    }

    /// The same; the handles of the accounts and of their owners.
    pub async fn create_parties(
        &self,
        participant: &str,
        count: u32,
    ) -> Result<Vec<(u32, u32)>, SetupError> {
        let mut handles = vec![(0, 0); count as usize];
        let mut running = JoinSet::new();
        for index in 0..count {
            if running.len() == PIPELINED_MAX {
                keep(&mut handles, running.join_next().await)?;
            }
            let (operator, participant) = (self.clone(), participant.to_owned());
            running
                .spawn(async move { (index, operator.create_account(participant, index).await) });
        }
        while let Some(ended) = running.join_next().await {
            keep(&mut handles, Some(ended))?;
        }
        Ok(handles)
    }

    /// The reference price of an instrument; `request.context` is filled in here, `step` tells
    /// apart the prices of a run.
    pub async fn set_reference_price(
        &self,
        mut request: SetReferencePriceRequest,
        step: &str,
    ) -> Result<(), SetupError> {
        request.context = Some(self.context(&format!("r-{}", short(step))));
        let what = format!("setting the reference price of {}", request.instrument_id);
        let answer = self
            .connection
            .persist(|| {
                let (mut client, request) = (self.connection.operations(), request.clone());
                async move { client.set_reference_price(request).await }
            })
            .await;
        let report = answer.map_err(|status| SetupError::Call {
            what: what.clone(),
            status,
        })?;
        if report.accepted {
            return Ok(());
        }
        Err(rejected(what, report))
    }

    /// Puts a venue into a phase; `step` tells apart the phases of a day. The engine sequence of
    /// the change.
    pub async fn set_phase(&self, venue: &str, phase: Phase, step: u32) -> Result<u64, SetupError> {
        let request = SetPhaseRequest {
            context: Some(self.context(&format!("phase{step}"))),
            venue_id: venue.to_owned(),
            phase: phase.into(),
        };
        let what = format!("setting {} of {venue}", phase.as_str_name());
        let report = self
            .connection
            .persist(|| {
                let (mut client, request) = (self.connection.operations(), request.clone());
                async move { client.set_phase(request).await }
            })
            .await
            .map_err(|status| SetupError::Call {
                what: what.clone(),
                status,
            })?;
        if report.accepted {
            return Ok(report.engine_sequence);
        }
        Err(rejected(what, report))
    }
}

/// Makes many things of a run, some at a time; what came of them in order.
pub async fn pipelined<T, F>(
    count: usize,
    mut make: impl FnMut(usize) -> F,
) -> Result<Vec<T>, SetupError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, SetupError>> + Send + 'static,
{
    let (mut running, mut made) = (JoinSet::new(), Vec::with_capacity(count));
    let mut next = 0;
    while made.len() < count {
        while next < count && running.len() < PIPELINED_MAX {
            let (index, one) = (next, make(next));
            running.spawn(async move { one.await.map(|one| (index, one)) });
            next += 1;
        }
        let ended = running.join_next().await;
        let ended = ended.ok_or_else(|| SetupError::Aborted("no task is running".to_owned()))?;
        made.push(ended.map_err(|error| SetupError::Aborted(error.to_string()))??);
    }
    made.sort_unstable_by_key(|(index, _)| *index);
    Ok(made.into_iter().map(|(_, one)| one).collect())
}

type Created = Result<(u32, Result<(u32, u32), SetupError>), tokio::task::JoinError>;

fn keep(handles: &mut [(u32, u32)], ended: Option<Created>) -> Result<(), SetupError> {
    let Some(ended) = ended else {
        return Ok(());
    };
    let (index, created) = ended.map_err(|error| SetupError::Aborted(error.to_string()))?;
    let created = created?;
    if let Some(handle) = handles.get_mut(index as usize) {
        *handle = created;
    }
    Ok(())
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// The public id of an account of a run.
pub fn account_id(run: &Run, index: u32) -> String {
    run.id(&format!("a{index}"))
}

/// The last 20 characters of an id, which with a run's name stay within 36 bytes.
fn short(id: &str) -> &str {
    let from = id.char_indices().rev().nth(19).map_or(0, |(at, _)| at);
    id.get(from..).unwrap_or(id)
}

/// The handle of what was made, or was there already.
pub fn handle(what: &str, answer: Result<OperationReport, Status>) -> Result<u32, SetupError> {
    let report = answer.map_err(|status| SetupError::Call {
        what: what.to_owned(),
        status,
    })?;
    let exists = report.reject_reason == "ALREADY_EXISTS";
    let found = exists && report.handle.is_some();
    if !report.accepted && !found {
        return Err(rejected(what.to_owned(), report));
    }
    report.handle.ok_or_else(|| SetupError::NoHandle {
        what: what.to_owned(),
    })
}

fn rejected(what: String, report: OperationReport) -> SetupError {
    SetupError::Rejected {
        what,
        reason: report.reject_reason,
        basis: report.legal_basis,
        text: report.text,
    }
}

/// All accounts of a gateway, or the first `max` of them, in order of handle.
pub async fn list_accounts(
    connection: &Connection,
    max: usize,
) -> Result<Vec<Account>, SetupError> {
    let mut accounts = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListAccountsRequest {
            participant_id: String::new(),
            page_size: PAGE,
            page_token,
        };
        let page = connection
            .persist(|| {
                let (mut client, request) = (connection.accounts(), request.clone());
                async move { client.list_accounts(request).await }
            })
            .await
            .map_err(|status| SetupError::Call {
                what: "listing accounts".to_owned(),
                status,
            })?;
        accounts.extend(page.accounts);
        if page.next_page_token.is_empty() || accounts.len() >= max {
            accounts.truncate(max);
            return Ok(accounts);
        }
        page_token = page.next_page_token;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_run_fit_the_contract() {
        let run = Run::named("abcdefghijkl").unwrap();
        let longest = run.id(&format!("i-{}", short(&"x".repeat(40))));
        assert!(longest.len() <= 36, "{longest}");
        assert!(Run::fresh().name().len() <= RUN_NAME_MAX);
        assert!(Run::named("thirteen-char").is_err());
        assert!(Run::named("").is_err());
        assert!(Run::named("a b").is_err());
    }

    #[test]
    fn a_reject_speaks_and_what_exists_is_taken() {
        let mut report = OperationReport {
            reject_reason: "ALREADY_EXISTS".to_owned(),
            handle: Some(7),
            ..OperationReport::default()
        };
        assert_eq!(handle("creating x", Ok(report.clone())).unwrap(), 7);
        report.reject_reason = "MODEL_NOT_ALLOWED".to_owned();
        let error = handle("creating x", Ok(report)).unwrap_err().to_string();
        assert!(
            error.starts_with("creating x: MODEL_NOT_ALLOWED"),
            "{error}"
        );
    }
}

//! `Accounts`: who trades.
//!
//! Invariant: answers what the directory says at the last released command. Not here: creating
//! them (`operations`).

use std::sync::Arc;

use proto::v1;
use proto::v1::accounts_server::Accounts;
use tonic::{Request, Response, Status};

use super::pages::page;
use crate::directory::{AccountEntry, Tables};
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto::{Fields, Prefix};

/// The service.
#[derive(Clone)]
pub struct AccountsService {
    exchange: Arc<Exchange>,
}

impl AccountsService {
    /// The service of this exchange.
    pub const fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }
}

fn account(tables: &Tables, handle: u32, entry: &AccountEntry) -> v1::Account {
    let text = |name: Option<&engine::types::Name>| {
        name.map_or_else(String::new, |name| name.as_str().to_owned())
    };
    v1::Account {
        account_id: entry.name.as_str().to_owned(),
        handle,
        participant_id: text(tables.participants.get(entry.participant.index())),
        beneficial_owner_id: text(tables.owners.get(entry.owner.index())),
    }
}

/// The handle of what a request names.
pub(super) fn find(
    tables: &Tables,
    field: &str,
    name: &str,
    kind: Kind,
    look: impl FnOnce(&Tables, &str) -> Option<u32>,
) -> Result<u32, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let found = fields.existing(field, name, kind, look);
    fields.finish(found)
}

#[tonic::async_trait]
impl Accounts for AccountsService {
    async fn get_account(
        &self,
        request: Request<v1::GetAccountRequest>,
    ) -> Result<Response<v1::Account>, Status> {
        let name = &request.get_ref().account_id;
        let tables = self.exchange.directory.read();
        let handle = find(
            &tables,
            "account_id",
            name,
            Kind::Account,
            |tables, name| tables.accounts.find(name),
        )?;
        let entry = tables.accounts.get(handle);
        let entry = entry.map(|entry| account(&tables, handle, entry));
        Ok(Response::new(entry.unwrap_or_default()))
    }

    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        let request = request.get_ref();
        let page = page(request.page_size, &request.page_token)?;
        let tables = self.exchange.directory.read();
        let participant = if request.participant_id.is_empty() {
            None
        } else {
            let (name, kind) = (&request.participant_id, Kind::Participant);
            let look = |tables: &Tables, name: &str| tables.participants.find(name);
            Some(find(&tables, "participant_id", name, kind, look)?)
        };
        let of_participant = |entry: &AccountEntry| {
            participant.is_none_or(|handle| entry.participant.index() == handle)
        };
        let entries = tables
            .accounts
            .iter()
            .filter(|(_, entry)| of_participant(entry))
            .map(|(handle, entry)| (handle, (handle, entry)));
        let (entries, next_page_token) = page.cut(entries);
        let accounts = entries
            .into_iter()
            .map(|(handle, entry)| account(&tables, handle, entry))
            .collect();
        Ok(Response::new(v1::ListAccountsResponse {
            accounts,
            next_page_token,
        }))
    }

    async fn get_participant(
        &self,
        request: Request<v1::GetParticipantRequest>,
    ) -> Result<Response<v1::Participant>, Status> {
        let participant_id = request.into_inner().participant_id;
        let tables = self.exchange.directory.read();
        let kind = Kind::Participant;
        let look = |tables: &Tables, name: &str| tables.participants.find(name);
        let handle = find(&tables, "participant_id", &participant_id, kind, look)?;
        Ok(Response::new(v1::Participant {
            participant_id,
            handle,
        }))
    }

    async fn get_beneficial_owner(
        &self,
        request: Request<v1::GetBeneficialOwnerRequest>,
    ) -> Result<Response<v1::BeneficialOwner>, Status> {
        let beneficial_owner_id = request.into_inner().beneficial_owner_id;
        let tables = self.exchange.directory.read();
        let kind = Kind::BeneficialOwner;
        let look = |tables: &Tables, name: &str| tables.owners.find(name);
        let handle = find(
            &tables,
            "beneficial_owner_id",
            &beneficial_owner_id,
            kind,
            look,
        )?;
        Ok(Response::new(v1::BeneficialOwner {
            beneficial_owner_id,
            handle,
        }))
    }
}

//! `Accounts`: who trades, with what.
//!
//! Invariant: names and handles are answered as the directory says at the last released command.
//! Not here: creating them (`operations`), what the engine is asked for (`balances`), what moved
//! (`postings`).

use std::sync::Arc;

use engine::command::{Half, Pledging};
use proto::v1;
use proto::v1::accounts_server::Accounts;
use tonic::{Request, Response, Status};

use super::balances;
use super::credit;
use super::margin;
use super::operations::{Reported, change};
use super::pages::page;
use super::receipts;
use super::settlement;
use super::statements;
use super::trades;
use super::{parties, postings};
use crate::directory::{AccountEntry, Tables};
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto::{Collateral, Fields, HalfOf, Prefix};
use crate::to_proto;

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
        let answer = parties::get_participant(&self.exchange, request.into_inner()).await?;
        Ok(Response::new(answer))
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

    async fn get_standing(
        &self,
        request: Request<v1::GetStandingRequest>,
    ) -> Result<Response<v1::GetStandingResponse>, Status> {
        let answer = parties::get_standing(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn get_risk_limits(
        &self,
        request: Request<v1::GetRiskLimitsRequest>,
    ) -> Result<Response<v1::GetRiskLimitsResponse>, Status> {
        let answer = parties::get_risk_limits(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn instruct(&self, request: Request<v1::InstructRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn acknowledge_instruction(
        &self,
        request: Request<v1::AcknowledgeInstructionRequest>,
    ) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn close_custody_date(&self, request: Request<v1::CloseCustodyDateRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn list_assets(
        &self,
        request: Request<v1::ListAssetsRequest>,
    ) -> Result<Response<v1::ListAssetsResponse>, Status> {
        let request = request.get_ref();
        let page = page(request.page_size, &request.page_token)?;
        let tables = self.exchange.directory.read();
        let all = tables.assets.iter();
        let (assets, next_page_token) =
            page.cut(all.map(|(handle, asset)| (handle, to_proto::asset(handle, asset))));
        Ok(Response::new(v1::ListAssetsResponse {
            assets,
            next_page_token,
        }))
    }

    async fn list_custodians(
        &self,
        request: Request<v1::ListCustodiansRequest>,
    ) -> Result<Response<v1::ListCustodiansResponse>, Status> {
        let request = request.get_ref();
        let page = page(request.page_size, &request.page_token)?;
        let tables = self.exchange.directory.read();
        let all = tables.custodians.iter();
        let (custodians, next_page_token) =
            page.cut(all.map(|(handle, one)| (handle, to_proto::custodian(handle, one))));
        Ok(Response::new(v1::ListCustodiansResponse {
            custodians,
            next_page_token,
        }))
    }

    async fn get_balances(
        &self,
        request: Request<v1::GetBalancesRequest>,
    ) -> Result<Response<v1::GetBalancesResponse>, Status> {
        let answer = balances::balances(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_instructions(
        &self,
        request: Request<v1::ListInstructionsRequest>,
    ) -> Result<Response<v1::ListInstructionsResponse>, Status> {
        let answer = balances::instructions(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn get_clearing(
        &self,
        request: Request<v1::GetClearingRequest>,
    ) -> Result<Response<v1::GetClearingResponse>, Status> {
        let answer = balances::clearing(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn get_margin(
        &self,
        request: Request<v1::GetMarginRequest>,
    ) -> Result<Response<v1::GetMarginResponse>, Status> {
        let answer = margin::terms(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn get_margin_positions(
        &self,
        request: Request<v1::GetMarginPositionsRequest>,
    ) -> Result<Response<v1::GetMarginPositionsResponse>, Status> {
        let answer = margin::positions(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn get_settlement(
        &self,
        request: Request<v1::GetSettlementRequest>,
    ) -> Result<Response<v1::GetSettlementResponse>, Status> {
        let answer = settlement::settlement(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn get_nominee(
        &self,
        request: Request<v1::GetNomineeRequest>,
    ) -> Result<Response<v1::GetNomineeResponse>, Status> {
        let answer = settlement::nominee(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_unsettled(
        &self,
        request: Request<v1::ListUnsettledRequest>,
    ) -> Result<Response<v1::ListUnsettledResponse>, Status> {
        let answer = settlement::unsettled(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_positions(
        &self,
        request: Request<v1::ListPositionsRequest>,
    ) -> Result<Response<v1::ListPositionsResponse>, Status> {
        let answer = balances::positions(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_postings(
        &self,
        request: Request<v1::ListPostingsRequest>,
    ) -> Result<Response<v1::ListPostingsResponse>, Status> {
        let answer = postings::list(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    type StreamPostingsStream = postings::PostingsStream;

    async fn stream_postings(
        &self,
        request: Request<v1::StreamPostingsRequest>,
    ) -> Result<Response<Self::StreamPostingsStream>, Status> {
        let stream = postings::stream(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(stream))
    }

    async fn register_receipt(&self, request: Request<v1::RegisterReceiptRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn draw_receipt(&self, request: Request<v1::DrawReceiptRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn encumber_receipt(&self, request: Request<v1::EncumberReceiptRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn lift_receipt(&self, request: Request<v1::LiftReceiptRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn split_receipt(&self, request: Request<v1::SplitReceiptRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn merge_receipts(&self, request: Request<v1::MergeReceiptsRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn transfer_receipt(&self, request: Request<v1::TransferReceiptRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn cancel_receipt(&self, request: Request<v1::CancelReceiptRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn pool_receipt(&self, request: Request<v1::PoolReceiptRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn get_receipt(
        &self,
        request: Request<v1::GetReceiptRequest>,
    ) -> Result<Response<v1::GetReceiptResponse>, Status> {
        let answer = receipts::get(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_receipts(
        &self,
        request: Request<v1::ListReceiptsRequest>,
    ) -> Result<Response<v1::ListReceiptsResponse>, Status> {
        let answer = receipts::list(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_receipt_acts(
        &self,
        request: Request<v1::ListReceiptActsRequest>,
    ) -> Result<Response<v1::ListReceiptActsResponse>, Status> {
        let answer = receipts::acts(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn pledge_collateral(&self, request: Request<v1::CollateralRequest>) -> Reported {
        self.collateral(request.get_ref(), Pledging::Pledge).await
    }

    async fn release_collateral(&self, request: Request<v1::CollateralRequest>) -> Reported {
        self.collateral(request.get_ref(), Pledging::Release).await
    }

    async fn transfer_out(&self, request: Request<v1::TransferHalfRequest>) -> Reported {
        self.half(request.get_ref(), Half::Out).await
    }

    async fn transfer_in(&self, request: Request<v1::TransferHalfRequest>) -> Reported {
        self.half(request.get_ref(), Half::In).await
    }

    async fn transfer(&self, request: Request<v1::TransferRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn compensate(&self, request: Request<v1::CompensateRequest>) -> Reported {
        Ok(change(&self.exchange, request.get_ref()).await?)
    }

    async fn get_credit(
        &self,
        request: Request<v1::GetCreditRequest>,
    ) -> Result<Response<v1::GetCreditResponse>, Status> {
        let answer = credit::credit(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_holds(
        &self,
        request: Request<v1::ListHoldsRequest>,
    ) -> Result<Response<v1::ListHoldsResponse>, Status> {
        let answer = credit::holds(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn get_trade(
        &self,
        request: Request<v1::GetTradeRequest>,
    ) -> Result<Response<v1::GetTradeResponse>, Status> {
        let answer = trades::get(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn get_statement(
        &self,
        request: Request<v1::GetStatementRequest>,
    ) -> Result<Response<v1::GetStatementResponse>, Status> {
        let answer = statements::statement(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }
}

impl AccountsService {
    async fn collateral(&self, request: &v1::CollateralRequest, pledging: Pledging) -> Reported {
        let asked = Collateral { request, pledging };
        Ok(change(&self.exchange, &asked).await?)
    }

    async fn half(&self, request: &v1::TransferHalfRequest, half: Half) -> Reported {
        let shard = self.exchange.handle.status().shard;
        let asked = HalfOf {
            request,
            half,
            shard,
        };
        Ok(change(&self.exchange, &asked).await?)
    }
}

//! `Contracts`: reserves, steps, and what became of contracts.
//!
//! Invariant: what reached the engine is answered by a report, also when it is refused; a contract
//! is told to its two parties only. Lists and streams are read from the history, so they outlive
//! ends and restarts. Not here: what a step does (the engine), wire forms.

use std::sync::Arc;

use engine::command::Command;
use engine::types::{AccountId, AssetId, ContractId, PrincipalId, Sequence};
use proto::v1;
use proto::v1::contracts_server::Contracts;
use tonic::{Request, Response, Status};

use super::balances::wrong_token;
use super::deals;
use super::executions::{account, read};
use super::owing;
use super::pages::page;
use super::private::{self, ContractsStream};
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto;
use crate::projector::contracts::{ContractsQuery, StepsPage, Which};
use crate::to_proto::{self, reject_words};

/// Without keys every caller is this principal.
const PRINCIPAL: PrincipalId = PrincipalId::LOCAL;

/// The service.
#[derive(Clone)]
pub struct ContractsService {
    exchange: Arc<Exchange>,
}

#[tonic::async_trait]
impl Contracts for ContractsService {
    async fn reserve(
        &self,
        request: Request<v1::ReserveRequest>,
    ) -> Result<Response<v1::ContractReport>, Status> {
        let command = self.decode(request.get_ref())?;
        let answered = deals::submit(&self.exchange, command).await?;
        Ok(Response::new(answered.contract(&self.exchange).await?))
    }

    async fn take_step(
        &self,
        request: Request<v1::TakeStepRequest>,
    ) -> Result<Response<v1::ContractReport>, Status> {
        let command = self.decode_step(request.get_ref()).await?;
        let answered = deals::submit(&self.exchange, command).await?;
        Ok(Response::new(answered.contract(&self.exchange).await?))
    }

    async fn validate_reserve(
        &self,
        request: Request<v1::ReserveRequest>,
    ) -> Result<Response<v1::ValidateContractResponse>, Status> {
        let command = self.decode(request.get_ref())?;
        Ok(Response::new(self.validate(command).await?))
    }

    async fn reserve_basket(
        &self,
        request: Request<v1::ReserveBasketRequest>,
    ) -> Result<Response<v1::ReserveBasketResponse>, Status> {
        let command = self.decode(request.get_ref())?;
        let answered = deals::submit(&self.exchange, command).await?;
        let reports = answered.basket(&self.exchange).await?;
        Ok(Response::new(v1::ReserveBasketResponse { reports }))
    }

    async fn validate_basket(
        &self,
        request: Request<v1::ReserveBasketRequest>,
    ) -> Result<Response<v1::ValidateContractResponse>, Status> {
        let command = self.decode(request.get_ref())?;
        Ok(Response::new(self.validate(command).await?))
    }

    async fn validate_step(
        &self,
        request: Request<v1::TakeStepRequest>,
    ) -> Result<Response<v1::ValidateContractResponse>, Status> {
        let command = self.decode_step(request.get_ref()).await?;
        Ok(Response::new(self.validate(command).await?))
    }

    async fn get_contract(
        &self,
        request: Request<v1::GetContractRequest>,
    ) -> Result<Response<v1::Contract>, Status> {
        let request = request.get_ref();
        let (account, contract) = self.named(&request.account_id, &request.contract_id)?;
        let history = &self.exchange.history;
        history.catch_up().await.map_err(Failure::from)?;
        let found = history.contract(account, contract).map_err(Failure::from)?;
        let found = found.ok_or_else(|| not_found(&request.contract_id))?;
        let tables = self.exchange.directory.read();
        Ok(Response::new(to_proto::contract(&tables, &found, account)))
    }

    async fn list_contracts(
        &self,
        request: Request<v1::ListContractsRequest>,
    ) -> Result<Response<v1::ListContractsResponse>, Status> {
        let request = request.get_ref();
        let account = account(&self.exchange.directory.read(), &request.account_id)?;
        let query = ContractsQuery {
            account,
            which: if request.live_only {
                Which::Live
            } else {
                Which::All
            },
            from: contract_of(&request.page_token)?,
            limit: page(request.page_size, "")?.size,
        };
        let history = &self.exchange.history;
        history.catch_up().await.map_err(Failure::from)?;
        let found = read(history, move |history| history.contracts(&query)).await?;
        let tables = self.exchange.directory.read();
        let contracts = found.contracts.iter();
        let contracts = contracts.map(|ends| to_proto::contract(&tables, ends, account));
        Ok(Response::new(v1::ListContractsResponse {
            contracts: contracts.collect(),
            next_page_token: found
                .next
                .map_or_else(String::new, to_proto::contract_id_text),
        }))
    }

    async fn list_owing(
        &self,
        request: Request<v1::ListOwingRequest>,
    ) -> Result<Response<v1::ListOwingResponse>, Status> {
        let found = owing::list(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(found))
    }

    async fn list_contract_steps(
        &self,
        request: Request<v1::ListContractStepsRequest>,
    ) -> Result<Response<v1::ListContractStepsResponse>, Status> {
        let request = request.get_ref();
        let (account, contract) = self.named(&request.account_id, &request.contract_id)?;
        let from = place(&request.page_token)?;
        let limit = page(request.page_size, "")?.size;
        let history = &self.exchange.history;
        history.catch_up().await.map_err(Failure::from)?;
        let found = read(history, move |history| {
            let known = history.contract(account, contract)?.is_some();
            let steps = || history.contract_steps(contract, from, limit);
            known.then(steps).transpose()
        })
        .await?;
        let found = found.ok_or_else(|| not_found(&request.contract_id))?;
        Ok(Response::new(self.encode_steps(&found, account)))
    }

    type StreamContractsStream = ContractsStream;

    async fn stream_contracts(
        &self,
        request: Request<v1::StreamContractsRequest>,
    ) -> Result<Response<Self::StreamContractsStream>, Status> {
        private::stream_contracts(&self.exchange, request.get_ref()).await
    }
}

impl ContractsService {
    /// The service of this exchange.
    pub const fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    fn decode(&self, request: &impl from_proto::Deal) -> Result<Command, Failure> {
        from_proto::deal(request, &self.exchange.directory.read(), PRINCIPAL)
    }

    async fn decode_step(&self, request: &v1::TakeStepRequest) -> Result<Command, Failure> {
        use v1::take_step_request::Step as Wire;
        let money = match &request.step {
            Some(Wire::Resolve(_)) => Some(self.money_of(&request.contract_id).await?),
            _ => None,
        };
        let tables = self.exchange.directory.read();
        from_proto::take_step(request, money, &tables, PRINCIPAL)
    }

    /// The currency of a contract; it never changes, so it can be read before the step is decoded.
    async fn money_of(&self, contract: &str) -> Result<AssetId, Failure> {
        let id = from_proto::contract_named(contract)?;
        let history = &self.exchange.history;
        history.catch_up().await?;
        let found = history.money_of_contract(id)?;
        found.ok_or_else(|| not_found(contract))
    }

    async fn validate(&self, command: Command) -> Result<v1::ValidateContractResponse, Failure> {
        let said = self.exchange.admission.validate(command).await?;
        let tables = self.exchange.directory.read();
        let words = said
            .err()
            .map(|said| reject_words(&tables.law, said.reject));
        let words = words.unwrap_or_default();
        Ok(v1::ValidateContractResponse {
            valid: said.is_ok(),
            reject_reason: words.reason,
            legal_basis: words.basis,
            text: words.text,
            engine_sequence: self.exchange.handle.status().sequence.value(),
            refused_line: said.err().and_then(|said| said.line).map(u32::from),
            basket_cost: said
                .ok()
                .flatten()
                .map(|cost| to_proto::basket_cost(&tables, &cost)),
        })
    }

    fn named(&self, account: &str, contract: &str) -> Result<(AccountId, ContractId), Failure> {
        let account = self::account(&self.exchange.directory.read(), account)?;
        Ok((account, from_proto::contract_named(contract)?))
    }

    fn encode_steps(&self, found: &StepsPage, account: AccountId) -> v1::ListContractStepsResponse {
        let tables = self.exchange.directory.read();
        let steps = found.steps.iter().map(|row| {
            let row = row.told(account);
            to_proto::contract_report(&tables, &row)
        });
        v1::ListContractStepsResponse {
            reports: steps.collect(),
            next_page_token: found.next.map_or_else(String::new, |(sequence, index)| {
                format!("{}-{index}", sequence.value())
            }),
        }
    }
}

fn not_found(contract: &str) -> Failure {
    Failure::NotFound(Kind::Contract, contract.to_owned())
}

/// With which contract a page begins, if not with the newest.
fn contract_of(token: &str) -> Result<Option<ContractId>, Failure> {
    if token.is_empty() {
        return Ok(None);
    }
    let (sequence, slot) = place(token)?;
    Ok(Some(ContractId {
        sequence: sequence.value(),
        slot,
    }))
}

/// Where a page of steps begins.
fn place(token: &str) -> Result<(Sequence, u32), Failure> {
    if token.is_empty() {
        return Ok((Sequence::ZERO, 0));
    }
    let parts = token.split_once('-');
    let read = parts.and_then(|(sequence, index)| {
        Some((Sequence::new(sequence.parse().ok()?), index.parse().ok()?))
    });
    read.ok_or_else(wrong_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_steps_is_read_as_it_is_written() {
        assert_eq!(place(""), Ok((Sequence::ZERO, 0)));
        assert_eq!(place("7-4"), Ok((Sequence::new(7), 4)));
        for wrong in ["-", "1", "1-", "-1", "a-1", "1-2-3", "1-4294967296"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}

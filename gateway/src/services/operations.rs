//! `Operations`: what a market operator does. Every change goes the way of an order: decode,
//! submit, encode.
//!
//! Invariant: every change is journaled and answered by a report, also when the engine rejects it.
//! Not here: what a change does (the engine), who may (rights come with keys).

use std::sync::Arc;

use engine::command::{
    Body, Command, CreditCommand, Demonstration, KillScope, LimitsCommand, ReceiptCommand,
    RiskScope, SalesCommand, SetKillSwitch, SettlementCommand, StandingCommand, SwitchCommand,
};
use engine::types::{CustodianId, PrincipalId, Sequence};
use proto::v1;
use proto::v1::operations_server::Operations;
use tonic::{Request, Response, Status};

use super::accounts::find;
use super::answers::{Answered, Question};
use super::corrections;
use super::pages::page;
use super::{regimes, standing, switches};
use crate::admission::Payer;
use crate::directory::Tables;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto::{self, Operation};
use crate::to_proto;

/// The service.
#[derive(Clone)]
pub struct OperationsService {
    exchange: Arc<Exchange>,
}

/// What a change answers.
pub(super) type Reported = Result<Response<v1::OperationReport>, Status>;

#[tonic::async_trait]
impl Operations for OperationsService {
    async fn create_participant(&self, request: Request<v1::CreateParticipantRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn create_beneficial_owner(
        &self,
        request: Request<v1::CreateBeneficialOwnerRequest>,
    ) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn create_account(&self, request: Request<v1::CreateAccountRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn create_venue(&self, request: Request<v1::CreateVenueRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn define_regime(&self, request: Request<v1::DefineRegimeRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn move_venue(&self, request: Request<v1::MoveVenueRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_grace(&self, request: Request<v1::SetGraceRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn get_regime(
        &self,
        request: Request<v1::GetRegimeRequest>,
    ) -> Result<Response<v1::Regime>, Status> {
        Ok(Response::new(regimes::get(
            &self.exchange,
            request.get_ref(),
        )?))
    }

    async fn list_regimes(
        &self,
        request: Request<v1::ListRegimesRequest>,
    ) -> Result<Response<v1::ListRegimesResponse>, Status> {
        Ok(Response::new(regimes::list(
            &self.exchange,
            request.get_ref(),
        )?))
    }

    async fn create_instrument(&self, request: Request<v1::CreateInstrumentRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_phase(&self, request: Request<v1::SetPhaseRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_trading_status(&self, request: Request<v1::SetTradingStatusRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_schedule(&self, request: Request<v1::SetScheduleRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_calendar(&self, request: Request<v1::SetCalendarRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_reference_price(
        &self,
        request: Request<v1::SetReferencePriceRequest>,
    ) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn create_asset(&self, request: Request<v1::CreateAssetRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn create_custodian(&self, request: Request<v1::CreateCustodianRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_clearing(&self, request: Request<v1::SetClearingRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_margin(&self, request: Request<v1::SetMarginRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_settlement_price(
        &self,
        request: Request<v1::SetSettlementPriceRequest>,
    ) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn mark(&self, request: Request<v1::MarkRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_settlement(&self, request: Request<v1::SetSettlementRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_nominee(&self, request: Request<v1::SetNomineeRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_fees(&self, request: Request<v1::SetFeesRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_tier(&self, request: Request<v1::SetTierRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_standing(&self, request: Request<v1::SetStandingRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_roles(&self, request: Request<v1::SetRolesRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_access(&self, request: Request<v1::SetAccessRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_registration(&self, request: Request<v1::SetRegistrationRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_risk_limits(&self, request: Request<v1::SetRiskLimitsRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn bust_trade(&self, request: Request<v1::BustTradeRequest>) -> Reported {
        Ok(corrections::bust(&self.exchange, request.get_ref()).await?)
    }

    async fn correct_trade(&self, request: Request<v1::CorrectTradeRequest>) -> Reported {
        Ok(corrections::correct(&self.exchange, request.get_ref()).await?)
    }

    async fn set_credit_line(&self, request: Request<v1::SetCreditLineRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_credit_score(&self, request: Request<v1::SetCreditScoreRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_haircut(&self, request: Request<v1::SetHaircutRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_kill_switch(
        &self,
        request: Request<v1::SetKillSwitchRequest>,
    ) -> Result<Response<v1::SetKillSwitchResponse>, Status> {
        let answer = switches::set(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_kill_switches(
        &self,
        request: Request<v1::ListKillSwitchesRequest>,
    ) -> Result<Response<v1::ListKillSwitchesResponse>, Status> {
        let answer = switches::list(&self.exchange, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn accept_clock(&self, request: Request<v1::AcceptClockRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn set_limits(&self, request: Request<v1::SetLimitsRequest>) -> Reported {
        Ok(self.change(request.get_ref()).await?)
    }

    async fn get_limits(
        &self,
        _request: Request<v1::GetLimitsRequest>,
    ) -> Result<Response<v1::GetLimitsResponse>, Status> {
        Ok(Response::new(standing::limits(&self.exchange)))
    }

    async fn get_engine_status(
        &self,
        _request: Request<v1::GetEngineStatusRequest>,
    ) -> Result<Response<v1::EngineStatus>, Status> {
        Ok(Response::new(standing::engine_status(&self.exchange)))
    }

    async fn backup(
        &self,
        request: Request<v1::BackupRequest>,
    ) -> Result<Response<v1::BackupResponse>, Status> {
        let made = self.exchange.backups.make(&request.get_ref().name).await;
        Ok(Response::new(made?))
    }

    async fn get_event_hash(
        &self,
        request: Request<v1::GetEventHashRequest>,
    ) -> Result<Response<v1::GetEventHashResponse>, Status> {
        let sequence = Sequence::new(request.get_ref().sequence);
        let answer = self.exchange.backups.event_hash(sequence).await;
        Ok(Response::new(answer?))
    }

    async fn get_venue(
        &self,
        request: Request<v1::GetVenueRequest>,
    ) -> Result<Response<v1::Venue>, Status> {
        let name = &request.get_ref().venue_id;
        let tables = self.exchange.directory.read();
        let look = |tables: &crate::directory::Tables, name: &str| tables.venues.find(name);
        let handle = find(&tables, "venue_id", name, Kind::Venue, look)?;
        let entry = tables.venues.get(handle);
        let venue = entry.map(|entry| to_proto::venue(&tables, handle, entry));
        Ok(Response::new(venue.unwrap_or_default()))
    }

    async fn list_venues(
        &self,
        request: Request<v1::ListVenuesRequest>,
    ) -> Result<Response<v1::ListVenuesResponse>, Status> {
        let request = request.get_ref();
        let page = page(request.page_size, &request.page_token)?;
        let tables = self.exchange.directory.read();
        let entries = tables
            .venues
            .iter()
            .map(|(handle, entry)| (handle, (handle, entry)));
        let (entries, next_page_token) = page.cut(entries);
        let venues = entries
            .into_iter()
            .map(|(handle, entry)| to_proto::venue(&tables, handle, entry))
            .collect();
        Ok(Response::new(v1::ListVenuesResponse {
            venues,
            next_page_token,
        }))
    }
}

impl OperationsService {
    /// The service of this exchange.
    pub const fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    async fn change(
        &self,
        request: &(impl Operation + Sync),
    ) -> Result<Response<v1::OperationReport>, Failure> {
        change(&self.exchange, request).await
    }
}

/// Carries out a change.
///
/// # Errors
/// Malformed fields; something named that does not exist; as [`submit`].
pub(super) async fn change(
    exchange: &Exchange,
    request: &(impl Operation + Sync),
) -> Result<Response<v1::OperationReport>, Failure> {
    let command = decode(exchange, request)?;
    Ok(Response::new(submit(exchange, command).await?))
}

/// The command a change asks for.
///
/// # Errors
/// Malformed fields; something named that does not exist.
pub(super) fn decode(exchange: &Exchange, request: &impl Operation) -> Result<Command, Failure> {
    from_proto::operation(request, &exchange.directory.read(), PrincipalId::LOCAL)
}

/// Submits an operator's command and encodes its report.
///
/// # Errors
/// Not admitted; the id was used with other content.
pub async fn submit(exchange: &Exchange, command: Command) -> Result<v1::OperationReport, Failure> {
    let (demonstration, version_hash) = words(exchange, &command.body);
    let question = Question::of(&command);
    let answer = exchange.admission.submit(Payer::Operator, command).await?;
    let report = Answered { question, answer }.operation(exchange).await?;
    Ok(v1::OperationReport {
        demonstration,
        version_hash,
        ..report
    })
}

/// What a report says of the request itself: whether it concerns a demonstration, and the hash of a
/// calendar.
fn words(exchange: &Exchange, body: &Body) -> (bool, String) {
    let tables = exchange.directory.read();
    let of_venue = |id| tables.venue(id).is_some_and(|venue| venue.demonstration);
    let of_custodian = |id| {
        let custodian = tables.custodian(id).map(|one| one.demonstration);
        custodian == Some(Demonstration::Demonstration)
    };
    let demonstration = match body {
        Body::CreateVenue(new) => new.demonstration == Demonstration::Demonstration,
        Body::CreateInstrument(new) => of_venue(new.venue),
        Body::SetSchedule(set) => of_venue(set.venue),
        Body::SetPhase(set) => of_venue(set.venue),
        Body::MoveVenue(set) => of_venue(set.venue),
        Body::SetTradingStatus(set) => to_proto::scope_is_demonstration(&tables, set.scope),
        Body::SetReferencePrice(set) => tables.is_demonstration(set.instrument),
        Body::CreateAsset(new) => new.demonstration == Demonstration::Demonstration,
        Body::CreateCustodian(new) => new.demonstration == Demonstration::Demonstration,
        Body::SetClearing(set) => tables.is_demonstration(set.instrument),
        Body::Margin(command) => tables.is_demonstration(command.instrument()),
        Body::SetFees(set) => of_venue(set.venue),
        Body::Instruct(instruct) => of_custodian(instruct.custodian),
        Body::CloseCustodyDate(close) => of_custodian(close.custodian),
        Body::Standing(StandingCommand::SetRoles(set)) => of_venue(set.venue),
        Body::Standing(StandingCommand::SetAccess(set)) => of_venue(set.venue),
        Body::Limits(LimitsCommand::SetRiskLimits(set)) => match set.scope {
            RiskScope::Venue(venue) => of_venue(venue),
            RiskScope::Participant(_) | RiskScope::Account(_) => tables.all_demonstration(),
        },
        Body::Receipts(act) => match warehouse(act) {
            Some(warehouse) => of_custodian(warehouse),
            // The directory knows no receipts.
            None => tables.all_demonstration(),
        },
        Body::Sales(sales) => of_sales(&tables, sales),
        Body::SetAnnualUse(set) => set.demonstration == Demonstration::Demonstration,
        Body::Credit(credit) => of_credit(&tables, credit),
        Body::Settlement(command) => of_settlement(&tables, command),
        Body::Switch(SwitchCommand::SetKillSwitch(SetKillSwitch {
            scope: KillScope::Venue(venue),
            ..
        })) => of_venue(*venue),
        // A demonstration's custodian leaves nothing to be acknowledged.
        Body::Acknowledge(_) => false,
        Body::NewOrder(_)
        | Body::CancelOrder(_)
        | Body::ReplaceOrder(_)
        | Body::MassCancel(_)
        | Body::OpenSession(_)
        | Body::CreateParticipant(_)
        | Body::CreateOwner(_)
        | Body::CreateAccount(_)
        | Body::SetCalendar(_)
        | Body::DefineRegime(_)
        | Body::SetLimits(_)
        | Body::SetTier(_)
        | Body::Standing(StandingCommand::SetStanding(_) | StandingCommand::SetRegistration(_))
        | Body::Correction(_)
        // Their own reports say it.
        | Body::Contract(_)
        | Body::AcceptClock(_)
        | Body::Tick
        | Body::SessionsLost
        | Body::ServiceGap(_)
        | Body::SemanticsVersion(_)
        | Body::BeginEpoch(_)
        | Body::Quarantine(_)
        | Body::Switch(_) => tables.all_demonstration(),
    };
    let hash = if let Body::SetCalendar(calendar) = body {
        from_proto::calendar_hash(calendar)
    } else {
        String::new()
    };
    (demonstration, hash)
}

/// Who keeps the goods, where the act says so.
const fn warehouse(act: &ReceiptCommand) -> Option<CustodianId> {
    match act {
        ReceiptCommand::Register(issue) | ReceiptCommand::Draw(issue) => Some(issue.warehouse),
        ReceiptCommand::Encumber(_)
        | ReceiptCommand::Lift(_)
        | ReceiptCommand::Split(_)
        | ReceiptCommand::Merge(_)
        | ReceiptCommand::Transfer(_)
        | ReceiptCommand::Cancel(_)
        | ReceiptCommand::Pool(_) => None,
    }
}

/// Whether terms, a grace or a guarantee are of a demonstration; of others their reports say it.
fn of_sales(tables: &Tables, command: &SalesCommand) -> bool {
    let venue = match command {
        SalesCommand::DefineTerms(terms) => Some(terms.venue),
        SalesCommand::SetGrace(set) => Some(set.venue),
        SalesCommand::SetGuarantee(set) => Some(set.venue),
        SalesCommand::DefineDiscount(terms) => Some(terms.venue),
        SalesCommand::SetPartyKind(_)
        | SalesCommand::Offer(_)
        | SalesCommand::ChangeOffer(_)
        | SalesCommand::PutStock(_)
        | SalesCommand::TakeStock(_)
        | SalesCommand::WithdrawOffer(_)
        | SalesCommand::Join(_)
        | SalesCommand::BringValue(_)
        | SalesCommand::RevealSeed(_) => None,
    };
    venue.map_or_else(
        || tables.all_demonstration(),
        |venue| tables.venue_is_demonstration(venue),
    )
}

/// Whether a change of credit is about a demonstration's asset.
fn of_credit(tables: &Tables, command: &CreditCommand) -> bool {
    let asset = match command {
        CreditCommand::SetLine(set) => set.asset,
        CreditCommand::SetScore(set) => set.asset,
        CreditCommand::SetHaircut(set) => set.money,
        CreditCommand::MoveCollateral(one) => one.money,
        CreditCommand::Half(one) => one.asset,
        CreditCommand::Transfer(one) | CreditCommand::Compensate(one) => one.asset,
    };
    tables
        .asset(asset)
        .is_some_and(to_proto::asset_is_demonstration)
}

fn of_settlement(tables: &Tables, command: &SettlementCommand) -> bool {
    match command {
        SettlementCommand::Set(set) => tables.is_demonstration(set.instrument),
        SettlementCommand::SetNominee(_) => tables.all_demonstration(),
    }
}

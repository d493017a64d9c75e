//! `OrderEntry`: an order's way from the wire to its report, top down.
//!
//! 1. **decode** (`from_proto`): wire to command; shape only. Faults are INVALID_ARGUMENT.
//! 2. **submit** (`admission`): a place in the bounded queue, or RESOURCE_EXHAUSTED. Behind it the
//!    engine's runtime gives the command its sequence and time, writes it to the journal, and
//!    applies it; when it is durable the `hub` sees its events and `replies` wakes this call.
//! 3. **encode** (`answers`, `to_proto`): the event that answers becomes the report.
//!
//! Invariant: what reached the engine is answered by a report, also when it is rejected. Not here:
//! the steps themselves; the session's stream (`session`), the history's reads (`executions`).

use std::sync::Arc;

use engine::command::Command;
use engine::types::{AccountId, InstrumentId, OrderId, PrincipalId};
use proto::v1;
use proto::v1::order_entry_server::OrderEntry;
use tonic::{Request, Response, Status, Streaming};

use super::answers::{Answered, Question};
use super::{deals, executions, private, switches};
use crate::admission::Payer;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto::{self, OrderName, Prefix};
use crate::session;
use crate::to_proto::{order_id_text, reject_words};

/// Without keys every caller is this principal.
const PRINCIPAL: PrincipalId = PrincipalId::LOCAL;
/// The most operations of a batch.
const BATCH_OPERATIONS_MAX: usize = 4_096;

/// The service.
#[derive(Clone)]
pub struct OrderEntryService {
    exchange: Arc<Exchange>,
}

#[tonic::async_trait]
impl OrderEntry for OrderEntryService {
    async fn submit_order(
        &self,
        request: Request<v1::SubmitOrderRequest>,
    ) -> Result<Response<v1::ExecutionReport>, Status> {
        let command = self.decode_submit(request.get_ref(), Prefix::None)?;
        let answered = self.submit(command).await?;
        Ok(Response::new(answered.report(&self.exchange).await?))
    }

    async fn cancel_order(
        &self,
        request: Request<v1::CancelOrderRequest>,
    ) -> Result<Response<v1::ExecutionReport>, Status> {
        let command = self.decode_cancel(request.get_ref(), Prefix::None).await?;
        let answered = self.submit(command).await?;
        Ok(Response::new(answered.report(&self.exchange).await?))
    }

    async fn replace_order(
        &self,
        request: Request<v1::ReplaceOrderRequest>,
    ) -> Result<Response<v1::ExecutionReport>, Status> {
        let command = self.decode_replace(request.get_ref(), Prefix::None).await?;
        let answered = self.submit(command).await?;
        Ok(Response::new(answered.report(&self.exchange).await?))
    }

    async fn mass_cancel(
        &self,
        request: Request<v1::MassCancelRequest>,
    ) -> Result<Response<v1::MassCancelReport>, Status> {
        let command = self.decode_mass_cancel(request.get_ref())?;
        let answered = self.submit(command).await?;
        Ok(Response::new(answered.mass_cancel(&self.exchange).await?))
    }

    async fn batch_orders(
        &self,
        request: Request<v1::BatchOrdersRequest>,
    ) -> Result<Response<v1::BatchOrdersResponse>, Status> {
        let commands = self.decode_batch(request.get_ref()).await?;
        let answered = self.submit_batch(commands).await?;
        Ok(Response::new(self.encode_batch(answered).await))
    }

    async fn validate_order(
        &self,
        request: Request<v1::SubmitOrderRequest>,
    ) -> Result<Response<v1::ValidateOrderResponse>, Status> {
        let command = self.decode_submit(request.get_ref(), Prefix::None)?;
        let said = self.exchange.admission.validate(command.clone()).await?;
        let said = said.map_err(|refused| refused.reject);
        Ok(Response::new(
            self.encode_validated(&command, said.map(|_| ())),
        ))
    }

    type SessionStream = session::Outbound;

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let exchange = Arc::clone(&self.exchange);
        let outbound = session::begin(exchange, PRINCIPAL, request.into_inner());
        Ok(Response::new(outbound))
    }

    async fn get_order(
        &self,
        request: Request<v1::GetOrderRequest>,
    ) -> Result<Response<v1::Order>, Status> {
        executions::get_order(&self.exchange, request.get_ref()).await
    }

    async fn list_orders(
        &self,
        request: Request<v1::ListOrdersRequest>,
    ) -> Result<Response<v1::ListOrdersResponse>, Status> {
        executions::list_orders(&self.exchange, request.get_ref()).await
    }

    async fn arm_dead_man_switch(
        &self,
        request: Request<v1::ArmDeadManSwitchRequest>,
    ) -> Result<Response<v1::SessionStanding>, Status> {
        let armed = switches::arm(&self.exchange, PRINCIPAL, request.get_ref()).await?;
        Ok(Response::new(armed))
    }

    async fn set_disconnect_policy(
        &self,
        request: Request<v1::SetDisconnectPolicyRequest>,
    ) -> Result<Response<v1::SessionStanding>, Status> {
        let set = switches::set_policy(&self.exchange, PRINCIPAL, request.get_ref()).await?;
        Ok(Response::new(set))
    }

    async fn get_session(
        &self,
        request: Request<v1::GetSessionRequest>,
    ) -> Result<Response<v1::SessionStanding>, Status> {
        let session = switches::get_session(&self.exchange, PRINCIPAL, request.get_ref()).await?;
        Ok(Response::new(session))
    }

    type StreamExecutionsStream = private::ExecutionsStream;

    async fn stream_executions(
        &self,
        request: Request<v1::StreamExecutionsRequest>,
    ) -> Result<Response<Self::StreamExecutionsStream>, Status> {
        private::stream_executions(&self.exchange, request.get_ref()).await
    }
}

impl OrderEntryService {
    /// The service of this exchange.
    pub const fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    // -- decode ---------------------------------------------------------------------------------

    fn decode_submit(
        &self,
        request: &v1::SubmitOrderRequest,
        prefix: Prefix,
    ) -> Result<Command, Failure> {
        from_proto::submit(request, &self.exchange.directory.read(), PRINCIPAL, prefix)
    }

    async fn decode_cancel(
        &self,
        request: &v1::CancelOrderRequest,
        prefix: Prefix,
    ) -> Result<Command, Failure> {
        use v1::cancel_order_request::Order as Named;
        let name = match &request.order {
            Some(Named::OrderId(id)) => OrderText::Id(id),
            Some(Named::OrigClientOrderId(id)) => OrderText::Client(id),
            None => OrderText::None,
        };
        let order = self.find(&request.account_id, name, prefix).await?;
        let tables = self.exchange.directory.read();
        from_proto::cancel(request, order, &tables, PRINCIPAL, prefix)
    }

    async fn decode_replace(
        &self,
        request: &v1::ReplaceOrderRequest,
        prefix: Prefix,
    ) -> Result<Command, Failure> {
        use v1::replace_order_request::Order as Named;
        let name = match &request.order {
            Some(Named::OrderId(id)) => OrderText::Id(id),
            Some(Named::OrigClientOrderId(id)) => OrderText::Client(id),
            None => OrderText::None,
        };
        let order = self.find(&request.account_id, name, prefix).await?;
        let instrument = self.instrument_of(order).await?;
        let tables = self.exchange.directory.read();
        from_proto::replace(request, order, instrument, &tables, PRINCIPAL, prefix)
    }

    fn decode_mass_cancel(&self, request: &v1::MassCancelRequest) -> Result<Command, Failure> {
        from_proto::mass_cancel(request, &self.exchange.directory.read(), PRINCIPAL)
    }

    async fn decode_batch(
        &self,
        request: &v1::BatchOrdersRequest,
    ) -> Result<Vec<Result<Command, Failure>>, Failure> {
        use v1::batch_operation::Operation as Wire;
        let count = request.operations.len();
        if count == 0 || count > BATCH_OPERATIONS_MAX {
            let right = format!("has {count} entries; 1 to {BATCH_OPERATIONS_MAX} are right");
            return Err(Failure::field("operations", right));
        }
        let mut commands = Vec::with_capacity(count);
        for (place, operation) in request.operations.iter().enumerate() {
            commands.push(match &operation.operation {
                Some(Wire::Submit(submit)) => {
                    self.decode_submit(submit, Prefix::Operation(place, "submit"))
                }
                Some(Wire::Cancel(cancel)) => {
                    let prefix = Prefix::Operation(place, "cancel");
                    self.decode_cancel(cancel, prefix).await
                }
                Some(Wire::Replace(replace)) => {
                    let prefix = Prefix::Operation(place, "replace");
                    self.decode_replace(replace, prefix).await
                }
                None => Err(Failure::field(
                    format!("operations[{place}].operation"),
                    "is not given; submit, cancel or replace is required",
                )),
            });
        }
        Ok(commands)
    }

    /// The order a request names. By the client's id it is looked up in the history, once that
    /// has everything the client can have been told.
    async fn find(
        &self,
        account: &str,
        text: OrderText<'_>,
        prefix: Prefix,
    ) -> Result<OrderId, Failure> {
        let (by_id, by_client_id) = match text {
            OrderText::Id(id) => (Some(id), None),
            OrderText::Client(id) => (None, Some(("orig_client_order_id", id))),
            OrderText::None => (None, None),
        };
        let id = match from_proto::order_name(by_id, by_client_id, prefix)? {
            OrderName::Id(order) => return Ok(order),
            OrderName::Client(id) => id,
        };
        let handle = self.exchange.directory.read().accounts.find(account);
        let Some(account) = handle.map(AccountId::new) else {
            return Err(Failure::NotFound(Kind::Account, account.to_owned()));
        };
        self.exchange.history.catch_up().await?;
        let row = self.exchange.history.order_by_client_id(account, &id)?;
        row.map(|row| row.order)
            .ok_or_else(|| Failure::NotFound(Kind::Order, id.as_str().to_owned()))
    }

    /// The instrument of an order; it never changes, so an old row is as good as a new one.
    async fn instrument_of(&self, order: OrderId) -> Result<InstrumentId, Failure> {
        let history = &self.exchange.history;
        let mut row = history.order(order)?;
        if row.is_none() {
            history.catch_up().await?;
            row = history.order(order)?;
        }
        row.map(|row| row.instrument)
            .ok_or_else(|| Failure::NotFound(Kind::Order, order_id_text(order)))
    }

    // -- submit ---------------------------------------------------------------------------------

    async fn submit(&self, command: Command) -> Result<Answered, Failure> {
        deals::submit(&self.exchange, command).await
    }

    /// Submits what could be decoded, all or none; an answer or a failure for each, in order.
    async fn submit_batch(
        &self,
        commands: Vec<Result<Command, Failure>>,
    ) -> Result<Vec<Result<Answered, Failure>>, Failure> {
        let mut questions = Vec::with_capacity(commands.len());
        let mut decoded = Vec::with_capacity(commands.len());
        for command in commands {
            questions.push(command.map(|command| {
                let question = Question::of(&command);
                decoded.push(command);
                question
            }));
        }
        let payer = decoded.first().map_or(Payer::Operator, |command| {
            deals::payer(&self.exchange, command)
        });
        let answers = self.exchange.admission.submit_all(payer, decoded).await?;
        let mut answers = answers.into_iter();
        let answered = questions.into_iter().map(|question| {
            let question = question?;
            let answer = answers
                .next()
                .ok_or(Failure::Unknown("no answer was made"))?;
            Ok(Answered { question, answer })
        });
        Ok(answered.collect())
    }

    // -- encode ---------------------------------------------------------------------------------

    async fn encode_batch(
        &self,
        answered: Vec<Result<Answered, Failure>>,
    ) -> v1::BatchOrdersResponse {
        use v1::batch_result::Result as Wire;
        let mut results = Vec::with_capacity(answered.len());
        for answered in answered {
            let report = match answered {
                Ok(answered) => answered.report(&self.exchange).await,
                Err(failure) => Err(failure),
            };
            let result = match report {
                Ok(report) => Wire::Report(report),
                Err(failure) => Wire::Refusal(failure.refusal()),
            };
            results.push(v1::BatchResult {
                result: Some(result),
            });
        }
        v1::BatchOrdersResponse { results }
    }

    fn encode_validated(
        &self,
        command: &Command,
        said: Result<(), engine::reject::Reject>,
    ) -> v1::ValidateOrderResponse {
        let law = &self.exchange.directory.read().law;
        let words = said.err().map(|reject| reject_words(law, reject));
        let words = words.unwrap_or_default();
        v1::ValidateOrderResponse {
            valid: said.is_ok(),
            reject_reason: words.reason,
            legal_basis: words.basis,
            text: words.text,
            engine_sequence: self.exchange.handle.status().sequence.value(),
            demonstration: Question::of(command).concerns_demonstration(&self.exchange),
            fix_reject_reason: said.err().map(|reject| reject.reason.order_reject_reason()),
        }
    }
}

/// How a request names an order, as it wrote it.
#[derive(Clone, Copy)]
enum OrderText<'a> {
    Id(&'a str),
    Client(&'a str),
    None,
}

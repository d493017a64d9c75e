//! The reading half of `OrderEntry`: `GetOrder`, `ListOrders`, `StreamExecutions`.
//!
//! Everything is read from the history, live reports too: a stream reads on from its counter
//! whenever it is told that there is more. So between history and live there is no seam at which a
//! report could be lost or repeated, and a slow consumer holds no memory but its queue.
//!
//! Invariant: an answer has everything that was acknowledged before the call. Not here: rows
//! (`projector`), wire forms (`to_proto`).

use std::sync::Arc;

use engine::types::{AccountId, InstrumentId, ParticipantId, Sequence};
use proto::v1;
use tokio::sync::watch;
use tonic::{Response, Status};

use super::accounts::find;
use super::follow::{Piece, Source, Speak, Then, follow};
use super::pages;
use super::streams::{self, Reader};
use crate::directory::Tables;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto::{self, OrderName, Prefix};
use crate::projector::rows::ExecutionRow;
use crate::projector::{Ending, History, HistoryError, OrdersQuery, Owner, StatusFilter};
use crate::to_proto;

/// The most reports of one message: some hundred kilobytes, since one message waits for each
/// consumer that is slow, and there may be many of those.
pub const REPORTS_MAX: usize = 256;

/// Reports, then why they end.
pub type ExecutionsStream = Reader<v1::StreamExecutionsResponse>;

/// One order as last reported.
///
/// # Errors
/// Malformed, not found, or the history cannot be read.
pub async fn get_order(
    exchange: &Arc<Exchange>,
    request: &v1::GetOrderRequest,
) -> Result<Response<v1::Order>, Status> {
    use v1::get_order_request::Order as Named;
    let account = account(&exchange.directory.read(), &request.account_id)?;
    let (by_id, by_client_id, said) = match &request.order {
        Some(Named::OrderId(id)) => (Some(id.as_str()), None, id.as_str()),
        Some(Named::ClientOrderId(id)) => {
            (None, Some(("client_order_id", id.as_str())), id.as_str())
        }
        None => (None, None, ""),
    };
    let name = from_proto::order_name(by_id, by_client_id, Prefix::None)?;
    let history = &exchange.history;
    history.catch_up().await.map_err(Failure::from)?;
    let row = match name {
        OrderName::Id(order) => history.order(order),
        OrderName::Client(id) => history.order_by_client_id(account, &id),
    };
    // An order of another account is not found, so that nobody learns of it.
    let row = row.map_err(Failure::from)?;
    let row = row.filter(|row| row.account == account);
    let row = row.ok_or_else(|| Failure::NotFound(Kind::Order, said.to_owned()))?;
    let order = to_proto::order(&exchange.directory.read(), &row);
    Ok(Response::new(order))
}

/// A page of an account's orders, newest first.
///
/// # Errors
/// As [`get_order`].
pub async fn list_orders(
    exchange: &Arc<Exchange>,
    request: &v1::ListOrdersRequest,
) -> Result<Response<v1::ListOrdersResponse>, Status> {
    let query = orders_query(&exchange.directory.read(), request)?;
    exchange.history.catch_up().await.map_err(Failure::from)?;
    let page = read(&exchange.history, move |history| history.orders(&query)).await?;
    let tables = exchange.directory.read();
    let orders = page.orders.iter().map(|row| to_proto::order(&tables, row));
    Ok(Response::new(v1::ListOrdersResponse {
        orders: orders.collect(),
        next_page_token: page
            .next
            .map_or_else(String::new, |next| next.value().to_string()),
    }))
}

fn orders_query(tables: &Tables, request: &v1::ListOrdersRequest) -> Result<OrdersQuery, Failure> {
    let account = account(tables, &request.account_id)?;
    let instrument = match request.instrument_id.as_str() {
        "" => None,
        name => Some(instrument(tables, name)?),
    };
    let before = match request.page_token.as_str() {
        "" => None,
        token => Some(token.parse().map(Sequence::new).map_err(|_| {
            Failure::field(
                "page_token",
                "is no token of this list; copy next_page_token",
            )
        })?),
    };
    Ok(OrdersQuery {
        account,
        instrument,
        status: if request.live_only {
            StatusFilter::Live
        } else {
            StatusFilter::All
        },
        before,
        limit: pages::page(request.page_size, "")?.size,
    })
}

/// All reports of an account or a participant from a counter on.
///
/// # Errors
/// Malformed, not found, too many streams.
pub async fn stream_executions(
    exchange: &Arc<Exchange>,
    request: &v1::StreamExecutionsRequest,
) -> Result<Response<ExecutionsStream>, Status> {
    let owner = owner(&exchange.directory.read(), request)?;
    let history = exchange.history.clone();
    history.catch_up().await.map_err(Failure::from)?;
    let busy = Failure::Busy("as many streams of reports are open as may be");
    let place = history.stream_place().ok_or(busy.clone())?;
    let told = history.follow(owner).map_err(|_| busy)?;
    let follower = Follower {
        exchange: Arc::clone(exchange),
        owner,
        next: request.from_sequence.max(1),
        told,
    };
    Ok(Response::new(follow(exchange, follower, place)))
}

/// One stream of reports.
struct Follower {
    exchange: Arc<Exchange>,
    owner: Owner,
    /// The counter of the next report.
    next: u64,
    told: watch::Receiver<u64>,
}

/// What was read at once.
struct Batch {
    rows: Vec<ExecutionRow>,
    /// Everything up to here was looked at.
    durable: Sequence,
    caught_up: bool,
}

impl Source for Follower {
    type Message = v1::StreamExecutionsResponse;

    fn place(&self) -> (&'static str, String) {
        ("from_sequence", self.next.to_string())
    }

    fn look(&mut self) {
        self.told.mark_unchanged();
    }

    async fn read(&mut self, speak: Speak) -> Result<Piece<Self::Message>, Status> {
        let batch = self.batch().await?;
        let news = !batch.rows.is_empty() || speak == Speak::Always;
        let message = news.then(|| self.message(&batch));
        self.next += batch.rows.len() as u64;
        let then = if !batch.caught_up && !batch.rows.is_empty() {
            Then::Read
        } else {
            Then::Wait
        };
        Ok(Piece { message, then })
    }

    async fn more(&mut self) {
        let _ = self.told.changed().await;
    }
}

impl Follower {
    async fn batch(&self) -> Result<Batch, Status> {
        let history = &self.exchange.history;
        let fed = history.fed();
        let progress = history.progress();
        let (owner, next) = (self.owner, self.next);
        let rows = read(history, move |history| {
            history.executions(owner, next, REPORTS_MAX)
        })
        .await?;
        if rows.is_empty() && progress.ending != Ending::Running {
            return Err(streams::stopped());
        }
        let full = rows.len() == REPORTS_MAX;
        let before_last = rows.last().map_or(0, |row| row.exec.sequence - 1);
        Ok(Batch {
            durable: if full {
                progress.projected.min(Sequence::new(before_last))
            } else {
                progress.projected
            },
            caught_up: !full && progress.projected >= fed,
            rows,
        })
    }

    fn message(&self, batch: &Batch) -> v1::StreamExecutionsResponse {
        let tables = self.exchange.directory.read();
        let rows = batch.rows.iter();
        v1::StreamExecutionsResponse {
            reports: rows
                .map(|row| to_proto::execution_report(&tables, row))
                .collect(),
            durable_sequence: batch.durable.value(),
            caught_up: batch.caught_up,
        }
    }
}

/// Reads pages on a thread that may wait for the disk.
pub(super) async fn read<T: Send + 'static>(
    history: &History,
    what: impl FnOnce(&History) -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, Status> {
    let history = history.clone();
    let read = tokio::task::spawn_blocking(move || what(&history)).await;
    match read {
        Ok(rows) => Ok(rows.map_err(Failure::from)?),
        Err(_) => Err(Failure::Unknown("the history could not be read").into()),
    }
}

/// The account a request names in `account_id`.
///
/// # Errors
/// Malformed or not found.
pub(super) fn account(tables: &Tables, name: &str) -> Result<AccountId, Failure> {
    let look = |tables: &Tables, name: &str| tables.accounts.find(name);
    find(tables, "account_id", name, Kind::Account, look).map(AccountId::new)
}

/// The instrument a request names in `instrument_id`.
///
/// # Errors
/// Malformed or not found.
pub(super) fn instrument(tables: &Tables, name: &str) -> Result<InstrumentId, Failure> {
    let look = |tables: &Tables, name: &str| tables.instruments.find(name);
    find(tables, "instrument_id", name, Kind::Instrument, look).map(InstrumentId::new)
}

fn owner(tables: &Tables, request: &v1::StreamExecutionsRequest) -> Result<Owner, Failure> {
    use v1::stream_executions_request::Owner as Named;
    match &request.owner {
        Some(Named::AccountId(name)) => account(tables, name).map(Owner::Account),
        Some(Named::ParticipantId(name)) => {
            let look = |tables: &Tables, name: &str| tables.participants.find(name);
            let found = find(tables, "participant_id", name, Kind::Participant, look)?;
            Ok(Owner::Participant(ParticipantId::new(found)))
        }
        None => Err(Failure::field(
            "owner",
            "is not given; account_id or participant_id is required",
        )),
    }
}

//! The reading half of `OrderEntry`: `GetOrder`, `ListOrders`.
//!
//! Everything is read from the history.
//!
//! Invariant: an answer has everything that was acknowledged before the call. Not here: rows
//! (`projector`), wire forms (`to_proto`), the stream of reports (`private`).

use std::sync::Arc;

use engine::types::{AccountId, InstrumentId, Sequence};
use proto::v1;
use tonic::{Response, Status};

use super::accounts::find;
use super::pages;
use crate::directory::Tables;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto::{self, OrderName, Prefix};
use crate::projector::{History, HistoryError, OrdersQuery, StatusFilter};
use crate::to_proto;

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

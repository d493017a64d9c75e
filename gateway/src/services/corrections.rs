//! `BustTrade` and `CorrectTrade`: what the history knows of the trade that is named.
//!
//! Invariant: an id is one trade's. The engine knows a trade by its command alone, so an id of an
//! epoch that was given up is told apart here. Not here: what a correction does (the engine).

use engine::types::InstrumentId;
use proto::v1;
use tonic::Response;

use super::operations::change;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto::{self, Operation};

/// Busts a trade.
///
/// # Errors
/// Malformed fields; no such trade; as every change.
pub async fn bust(
    exchange: &Exchange,
    request: &v1::BustTradeRequest,
) -> Result<Response<v1::OperationReport>, Failure> {
    known(exchange, &request.trade_id, None).await?;
    named(exchange, request).await
}

/// Corrects a trade.
///
/// # Errors
/// As [`bust`]; the trade is of another instrument.
pub async fn correct(
    exchange: &Exchange,
    request: &v1::CorrectTradeRequest,
) -> Result<Response<v1::OperationReport>, Failure> {
    let instrument = {
        let tables = exchange.directory.read();
        tables.instruments.find(&request.instrument_id)
    };
    let instrument = instrument.map(InstrumentId::new);
    known(exchange, &request.trade_id, instrument).await?;
    named(exchange, request).await
}

async fn named(
    exchange: &Exchange,
    request: &(impl Operation + Sync),
) -> Result<Response<v1::OperationReport>, Failure> {
    change(exchange, request).await
}

/// Whether the id may be of a trade of this history, and of this instrument. What the history does
/// not hold is left to the engine, which says why.
async fn known(
    exchange: &Exchange,
    text: &str,
    instrument: Option<InstrumentId>,
) -> Result<(), Failure> {
    let Some(id) = from_proto::trade_id(text) else {
        return Ok(());
    };
    exchange.history.catch_up().await?;
    let Some(row) = exchange.history.trade(id.sequence, id.index)? else {
        return Ok(());
    };
    if row.corrects.is_some() || row.trade != id {
        return Err(Failure::NotFound(Kind::Trade, text.to_owned()));
    }
    if instrument.is_some_and(|instrument| instrument != row.instrument) {
        return Err(Failure::field(
            "instrument_id",
            "is not the instrument of this trade; copy it from the report",
        ));
    }
    Ok(())
}

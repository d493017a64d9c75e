//! Margin forwards: their terms, and what accounts have in them.
//!
//! Invariant: as in `balances`. Not here: what marks moved (`postings`).

use engine::clearing::Contract;
use engine::clearing::margin::Row;
use engine::types::{InstrumentId, VenueId};
use proto::v1;

use super::balances::{Seen, number, payer, token};
use super::executions::{account, instrument};
use super::looks::look;
use super::pages::page;
use crate::admission::Payer;
use crate::directory::Tables;
use crate::errors::Failure;
use crate::exchange::Exchange;
use crate::to_proto;

/// A row with what its instrument's contract says of it.
pub struct Told {
    /// The row.
    pub row: Row,
    /// What it must hold.
    pub required: i64,
    /// Below this it is called.
    pub maintenance: i64,
    /// Its contract.
    pub contract: Contract,
}

/// What an account has in margin forwards, in order of its first order in each.
///
/// # Errors
/// Malformed, not found, not admitted.
pub async fn positions(
    exchange: &Exchange,
    request: &v1::GetMarginPositionsRequest,
) -> Result<v1::GetMarginPositionsResponse, Failure> {
    let limit = page(request.page_size, "")?.size;
    let from: Option<u32> = number(&request.page_token)?;
    let (account, payer) = {
        let tables = exchange.directory.read();
        let account = account(&tables, &request.account_id)?;
        (account, payer(&tables, account))
    };
    let (sequence, seen) = look(exchange, payer, move |engine| {
        let margin = engine.clearing().margin();
        let rows = margin.of_account_from(account, from);
        let told = rows.filter_map(|(place, row)| {
            let contract = margin.contract(row.instrument)?.clone();
            let (required, maintenance) = (margin.required(row), margin.maintenance(row));
            let row = *row;
            let told = Told {
                row,
                required,
                maintenance,
                contract,
            };
            Some((place, told))
        });
        Seen::of(told, limit)
    })
    .await?;
    let tables = exchange.directory.read();
    let positions = seen.entries.iter();
    let positions = positions.filter_map(|told| to_proto::margin_position(&tables, told));
    Ok(v1::GetMarginPositionsResponse {
        positions: positions.collect(),
        engine_sequence: sequence.value(),
        next_page_token: token(seen.next),
    })
}

/// The terms of a margin forward, and what a lot needs now.
///
/// # Errors
/// As [`positions`]; it is none.
pub async fn terms(
    exchange: &Exchange,
    request: &v1::GetMarginRequest,
) -> Result<v1::GetMarginResponse, Failure> {
    let (id, venue) = known(&exchange.directory.read(), &request.instrument_id)?;
    let (sequence, (contract, rates)) = look(exchange, Payer::Reader, move |engine| {
        let contract = engine.clearing().margin().contract(id).cloned();
        (contract, engine.clearing().rates(venue, id))
    })
    .await?;
    let none = || Failure::NotMargin(request.instrument_id.clone());
    let contract = contract.ok_or_else(none)?;
    let tables = exchange.directory.read();
    let told = to_proto::margin_terms(&tables, id, &contract).ok_or_else(none)?;
    let money = tables.asset(contract.margined.money);
    let fees = money.map(|money| {
        let rates = rates.iter();
        rates
            .map(|rates| to_proto::fee_rates(money, rates))
            .collect()
    });
    Ok(v1::GetMarginResponse {
        fees: fees.unwrap_or_default(),
        engine_sequence: sequence.value(),
        ..told
    })
}

fn known(tables: &Tables, name: &str) -> Result<(InstrumentId, VenueId), Failure> {
    let id = instrument(tables, name)?;
    let venue = tables.instrument(id).map(|entry| entry.venue);
    let venue = venue.ok_or_else(|| Failure::NotMargin(name.to_owned()))?;
    Ok((id, venue))
}

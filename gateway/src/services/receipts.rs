//! Warehouse receipts as they stand: one, or those an account holds.
//!
//! Invariant: as in `balances`: what is told is durable, and a page is bounded. Not here: acts on
//! receipts (`operations::change`).

use engine::clearing::Receipt;
use engine::types::{CustodianId, ReceiptId, Sequence};
use proto::v1;
use tonic::Status;

use super::balances::{Seen, payer, wrong_token};
use super::executions::{account, read};
use super::looks::look;
use super::pages::page;
use crate::admission::Payer;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto::{self, Fields, Prefix};
use crate::projector::receipts::ReceiptActsQuery;
use crate::to_proto;

/// What names a receipt.
enum Named {
    Handle(ReceiptId),
    Number(CustodianId, engine::types::Name),
}

/// One receipt.
///
/// # Errors
/// Malformed, not found, not admitted.
pub async fn get(
    exchange: &Exchange,
    request: &v1::GetReceiptRequest,
) -> Result<v1::GetReceiptResponse, Failure> {
    let named = named(exchange, request)?;
    let (sequence, found) = look(exchange, Payer::Reader, move |engine| {
        let receipts = engine.clearing().receipts();
        let id = match named {
            Named::Handle(id) => Some(id),
            Named::Number(warehouse, number) => receipts.find(warehouse, &number),
        };
        id.and_then(|id| Some((id, *receipts.receipt(id)?)))
    })
    .await?;
    let missing = || Failure::NotFound(Kind::Receipt, words(request));
    let (id, found) = found.ok_or_else(missing)?;
    let tables = exchange.directory.read();
    Ok(v1::GetReceiptResponse {
        receipt: Some(to_proto::receipt(&tables, id, &found)),
        engine_sequence: sequence.value(),
    })
}

fn named(exchange: &Exchange, request: &v1::GetReceiptRequest) -> Result<Named, Failure> {
    if let Some(handle) = request.receipt {
        return Ok(Named::Handle(ReceiptId::new(handle)));
    }
    let tables = exchange.directory.read();
    let mut fields = Fields::new(&tables, Prefix::None);
    let warehouse = fields.custodian("warehouse_id", &request.warehouse_id);
    let number = fields.new_name("number", &request.number);
    let named = warehouse.zip(number);
    fields.finish(named.map(|(warehouse, number)| Named::Number(warehouse, number)))
}

/// The receipt a request names, for people.
fn words(request: &v1::GetReceiptRequest) -> String {
    match request.receipt {
        Some(handle) => handle.to_string(),
        None => format!("{} of {}", request.number, request.warehouse_id),
    }
}

/// The live receipts of an account, the one that came last first.
///
/// # Errors
/// As [`get`].
pub async fn list(
    exchange: &Exchange,
    request: &v1::ListReceiptsRequest,
) -> Result<v1::ListReceiptsResponse, Failure> {
    let limit = page(request.page_size, "")?.size;
    let from = match request.page_token.as_str() {
        "" => None,
        token => Some(place(token).ok_or_else(wrong_token)?),
    };
    let (account, payer) = {
        let tables = exchange.directory.read();
        let account = account(&tables, &request.account_id)?;
        (account, payer(&tables, account))
    };
    let (sequence, seen) = look(exchange, payer, move |engine| {
        let receipts = engine.clearing().receipts();
        let held = receipts.of_account_from(account, from);
        let held = held.map(|(place, receipt)| (place, (place.1, *receipt)));
        Seen::of(held, limit)
    })
    .await?;
    let tables = exchange.directory.read();
    let entries: &[(ReceiptId, Receipt)] = &seen.entries;
    let receipts = entries.iter();
    let receipts = receipts.map(|(id, receipt)| to_proto::receipt(&tables, *id, receipt));
    Ok(v1::ListReceiptsResponse {
        receipts: receipts.collect(),
        engine_sequence: sequence.value(),
        next_page_token: seen.next.map_or_else(String::new, place_text),
    })
}

/// What was done with a receipt, the oldest first.
///
/// # Errors
/// Malformed, not found, or the history cannot be read.
pub async fn acts(
    exchange: &Exchange,
    request: &v1::ListReceiptActsRequest,
) -> Result<v1::ListReceiptActsResponse, Status> {
    let query = query(exchange, request)?;
    exchange.history.catch_up().await.map_err(Failure::from)?;
    let found = read(&exchange.history, move |history| {
        history.receipt_acts(&query)
    })
    .await?;
    if found.acts.is_empty() {
        let name = query.receipt.index().to_string();
        return Err(Failure::NotFound(Kind::Receipt, name).into());
    }
    let tables = exchange.directory.read();
    let acts = found.acts.iter();
    Ok(v1::ListReceiptActsResponse {
        acts: acts
            .map(|row| to_proto::receipt_act(&tables, row))
            .collect(),
        next_page_token: found.next.map_or_else(String::new, |(sequence, index)| {
            format!("{}-{index}", sequence.value())
        }),
    })
}

fn query(
    exchange: &Exchange,
    request: &v1::ListReceiptActsRequest,
) -> Result<ReceiptActsQuery, Failure> {
    let tables = exchange.directory.read();
    let mut fields = Fields::new(&tables, Prefix::None);
    let receipt = from_proto::receipt(&mut fields, request.receipt);
    let receipt = fields.finish(receipt)?;
    let from = match request.page_token.as_str() {
        "" => (Sequence::ZERO, 0),
        token => {
            let (sequence, index) = place(token).ok_or_else(wrong_token)?;
            (sequence, index.index())
        }
    };
    Ok(ReceiptActsQuery {
        receipt,
        from,
        limit: page(request.page_size, "")?.size,
    })
}

/// A token: the place since which the account holds a receipt, and its handle.
fn place_text((joined, receipt): (Sequence, ReceiptId)) -> String {
    format!("{}-{}", joined.value(), receipt.index())
}

fn place(token: &str) -> Option<(Sequence, ReceiptId)> {
    let (joined, receipt) = token.split_once('-')?;
    Some((
        Sequence::new(joined.parse().ok()?),
        ReceiptId::new(receipt.parse().ok()?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_receipts_is_read_as_it_is_written() {
        for there in [(0, 0), (7, u32::MAX), (u64::MAX, 3)] {
            let there = (Sequence::new(there.0), ReceiptId::new(there.1));
            assert_eq!(place(&place_text(there)), Some(there));
        }
        for wrong in ["", "-", "1", "1-", "-1", "a-1", "1-2-3", "1-4294967296"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}

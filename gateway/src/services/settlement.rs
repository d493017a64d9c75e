//! How instruments settle, who holds them and for whom, and what of accounts waits.
//!
//! Invariant: as in `balances`. Not here: setting it (`operations`).

use engine::types::{InstrumentId, OwnerId};
use proto::v1;

use super::accounts::find;
use super::balances::{Seen, cleared, number, payer, wrong_token};
use super::executions::account;
use super::looks::look;
use super::pages::page;
use crate::admission::Payer;
use crate::directory::Tables;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::to_proto;

/// How an instrument settles and how many hold it.
///
/// # Errors
/// As `balances`; it has no clearing.
pub async fn settlement(
    exchange: &Exchange,
    request: &v1::GetSettlementRequest,
) -> Result<v1::GetSettlementResponse, Failure> {
    let (id, _, _) = cleared(&exchange.directory.read(), &request.instrument_id)?;
    let (sequence, known) = look(exchange, Payer::Reader, move |engine| {
        engine.clearing().settlement(id)
    })
    .await?;
    let tables = exchange.directory.read();
    Ok(v1::GetSettlementResponse {
        instrument_id: request.instrument_id.clone(),
        engine_sequence: sequence.value(),
        demonstration: tables.is_demonstration(id),
        ..to_proto::settlement(known.as_ref())
    })
}

/// For whom an owner holds.
///
/// # Errors
/// As `balances`.
pub async fn nominee(
    exchange: &Exchange,
    request: &v1::GetNomineeRequest,
) -> Result<v1::GetNomineeResponse, Failure> {
    let name = &request.beneficial_owner_id;
    let owner = owner(&exchange.directory.read(), name)?;
    let (sequence, list) = look(exchange, Payer::Reader, move |engine| {
        engine.clearing().nominee(owner).to_vec()
    })
    .await?;
    let tables = exchange.directory.read();
    Ok(v1::GetNomineeResponse {
        beneficial_owner_id: name.clone(),
        owner_ids: to_proto::owners(&tables, &list),
        engine_sequence: sequence.value(),
    })
}

fn owner(tables: &Tables, name: &str) -> Result<OwnerId, Failure> {
    let by_name = |tables: &Tables, name: &str| tables.owners.find(name);
    let kind = Kind::BeneficialOwner;
    let found = find(tables, "beneficial_owner_id", name, kind, by_name)?;
    Ok(OwnerId::new(found))
}

/// Where an entry stands: its instrument and its day.
type Place = (InstrumentId, u32);

/// What of an account's trades waits.
///
/// # Errors
/// As `balances`.
pub async fn unsettled(
    exchange: &Exchange,
    request: &v1::ListUnsettledRequest,
) -> Result<v1::ListUnsettledResponse, Failure> {
    let limit = page(request.page_size, "")?.size;
    let from = place(&request.page_token)?;
    let (account, payer) = {
        let tables = exchange.directory.read();
        let account = account(&tables, &request.account_id)?;
        (account, payer(&tables, account))
    };
    let (sequence, seen) = look(exchange, payer, move |engine| {
        let all = engine.clearing().unsettled(account).into_iter();
        let all = all.map(|one| ((one.instrument, one.rolls), one));
        Seen::of(all.skip_while(|(place, _)| *place < from), limit)
    })
    .await?;
    let tables = exchange.directory.read();
    let entries = seen.entries.iter();
    let unsettled = entries.map(|one| to_proto::unsettled(&tables, one));
    Ok(v1::ListUnsettledResponse {
        unsettled: unsettled.collect(),
        engine_sequence: sequence.value(),
        next_page_token: seen.next.map_or_else(String::new, place_text),
    })
}

/// A token: the instrument's handle and the rolls.
fn place_text((instrument, rolls): Place) -> String {
    format!("{}-{rolls}", instrument.index())
}

fn place(token: &str) -> Result<Place, Failure> {
    let Some((instrument, rolls)) = token.split_once('-') else {
        let first = (InstrumentId::new(0), 0);
        return number::<u32>(token)?.map_or(Ok(first), |_| Err(wrong_token()));
    };
    let instrument: Option<u32> = number(instrument)?;
    let rolls: Option<u32> = number(rolls)?;
    let both = instrument.zip(rolls).ok_or_else(wrong_token)?;
    Ok((InstrumentId::new(both.0), both.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_what_waits_is_read_as_it_is_written() {
        for there in [(InstrumentId::new(0), 0), (InstrumentId::new(19_999), 10)] {
            assert_eq!(place(&place_text(there)).ok(), Some(there));
        }
        assert_eq!(place("").ok(), Some((InstrumentId::new(0), 0)));
        for wrong in ["1", "x-1", "1-", "-1", "1-2-3", "a"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}

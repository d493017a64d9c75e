//! What accounts, venues and custodians have now, what custodians were told, how instruments clear.
//!
//! Invariant: a page is what the engine had between two commands, told once that is durable; each
//! page is bounded in what it looks at, as the engine waits meanwhile. Not here: what moved
//! (`postings`).

use engine::clearing::{Holder, Instruction};
use engine::engine::Engine;
use engine::types::{AccountId, AssetId, CustodianId, InstrumentId, Sequence, ShardId, VenueId};
use proto::v1;

use super::executions::{account, instrument};
use super::looks::look;
use super::pages::{SIZE_MAX, page};
use crate::admission::Payer;
use crate::directory::{ClearedEntry, Tables};
use crate::errors::Failure;
use crate::exchange::Exchange;
use crate::to_proto;

/// The most instructions one page looks at for those of one account.
const INSTRUCTIONS_SCANNED_MAX: usize = SIZE_MAX as usize;

/// Some of a list, and where the next page begins.
pub(super) struct Seen<T, N> {
    pub(super) entries: Vec<T>,
    pub(super) next: Option<N>,
}

impl<T, N> Seen<T, N> {
    /// At most `limit` entries of a list, each with where it stands.
    pub(super) fn of(list: impl Iterator<Item = (N, T)>, limit: usize) -> Self {
        let mut entries = Vec::with_capacity(limit);
        for (place, entry) in list {
            if entries.len() == limit {
                let next = Some(place);
                return Self { entries, next };
            }
            entries.push(entry);
        }
        let next = None;
        Self { entries, next }
    }
}

pub(super) fn wrong_token() -> Failure {
    Failure::field(
        "page_token",
        "is no token of this list; copy next_page_token",
    )
}

/// The number a token is, if one is given.
pub(super) fn number<T: std::str::FromStr>(token: &str) -> Result<Option<T>, Failure> {
    if token.is_empty() {
        return Ok(None);
    }
    token.parse().map(Some).map_err(|_| wrong_token())
}

pub(super) fn token<T: ToString>(next: Option<T>) -> String {
    next.map_or_else(String::new, |next| next.to_string())
}

/// Who is charged for a look at an account.
pub(super) fn payer(tables: &Tables, account: AccountId) -> Payer {
    tables
        .account(account)
        .map_or(Payer::Reader, |entry| Payer::Participant(entry.participant))
}

/// What an account has, the asset it came to have last first.
///
/// # Errors
/// Malformed, not found, not admitted.
pub async fn balances(
    exchange: &Exchange,
    request: &v1::GetBalancesRequest,
) -> Result<v1::GetBalancesResponse, Failure> {
    let limit = page(request.page_size, "")?.size;
    let from: Option<u32> = number(&request.page_token)?;
    let (account, payer) = {
        let tables = exchange.directory.read();
        let account = account(&tables, &request.account_id)?;
        (account, payer(&tables, account))
    };
    let (sequence, seen) = look(exchange, payer, move |engine| {
        let clearing = engine.clearing();
        let positions = clearing.ledger().of_account_from(account, from);
        let with_owed = positions.map(|(number, position)| {
            let owed = clearing.owed(account, position.asset());
            let unsettled = clearing.unsettled_of(account, position.asset());
            (number, (*position, owed, unsettled))
        });
        Seen::of(with_owed, limit)
    })
    .await?;
    let tables = exchange.directory.read();
    let balances = seen
        .entries
        .iter()
        .filter_map(|(position, owed, unsettled)| {
            let asset = tables.asset(position.asset())?;
            Some(v1::Balance {
                asset_id: asset.name.as_str().to_owned(),
                available: to_proto::amount_text(asset, position.available),
                held: to_proto::amount_text(asset, position.held),
                balance: to_proto::amount_text(asset, position.balance()),
                unsettled: to_proto::amount_text(asset, *unsettled),
                demonstration: to_proto::asset_is_demonstration(asset),
                owed: match owed {
                    0 => String::new(),
                    owed => to_proto::amount_text(asset, *owed),
                },
            })
        });
    Ok(v1::GetBalancesResponse {
        balances: balances.collect(),
        engine_sequence: sequence.value(),
        next_page_token: token(seen.next),
    })
}

/// Pending instructions, the oldest first.
///
/// # Errors
/// As [`balances`].
pub async fn instructions(
    exchange: &Exchange,
    request: &v1::ListInstructionsRequest,
) -> Result<v1::ListInstructionsResponse, Failure> {
    let limit = page(request.page_size, "")?.size;
    let from = Sequence::new(number(&request.page_token)?.unwrap_or(0));
    let (of, payer) = if request.account_id.is_empty() {
        (None, Payer::Reader)
    } else {
        let tables = exchange.directory.read();
        let account = account(&tables, &request.account_id)?;
        (Some(account), payer(&tables, account))
    };
    let (sequence, seen) = look(exchange, payer, move |engine| {
        pending(engine, of, from, limit)
    })
    .await?;
    let tables = exchange.directory.read();
    let instructions = seen.entries.iter();
    let instructions = instructions.map(|(id, one)| to_proto::instruction(&tables, *id, one));
    Ok(v1::ListInstructionsResponse {
        instructions: instructions.collect(),
        engine_sequence: sequence.value(),
        next_page_token: token(seen.next.map(Sequence::value)),
    })
}

/// A page of pending instructions, of one account or of all.
fn pending(
    engine: &Engine,
    of: Option<AccountId>,
    from: Sequence,
    limit: usize,
) -> Seen<(Sequence, Instruction), Sequence> {
    let mut entries = Vec::with_capacity(limit);
    let pending = engine.clearing().custody().pending_from(from);
    for (scanned, (id, one)) in pending.enumerate() {
        if entries.len() == limit || scanned == INSTRUCTIONS_SCANNED_MAX {
            let next = Some(id);
            return Seen { entries, next };
        }
        if of.is_none_or(|account| account == one.account) {
            entries.push((id, *one));
        }
    }
    let next = None;
    Seen { entries, next }
}

/// How an instrument settles, and what its orders are charged.
///
/// # Errors
/// As [`balances`]; it has no clearing.
pub async fn clearing(
    exchange: &Exchange,
    request: &v1::GetClearingRequest,
) -> Result<v1::GetClearingResponse, Failure> {
    let (id, venue, cleared) = cleared(&exchange.directory.read(), &request.instrument_id)?;
    let (sequence, rates) = look(exchange, Payer::Reader, move |engine| {
        engine.clearing().rates(venue, id)
    })
    .await?;
    let tables = exchange.directory.read();
    let money = tables.asset(cleared.money);
    let fees = money.map(|money| {
        let rates = rates.iter();
        rates
            .map(|rates| to_proto::fee_rates(money, rates))
            .collect()
    });
    Ok(v1::GetClearingResponse {
        instrument_id: request.instrument_id.clone(),
        money_asset_id: to_proto::asset_name(&tables, cleared.money),
        goods_asset_id: to_proto::asset_name(&tables, cleared.goods),
        tick_value: cleared.tick_value,
        lot_units: cleared.lot_units,
        fees: fees.unwrap_or_default(),
        engine_sequence: sequence.value(),
        demonstration: tables.is_demonstration(id),
    })
}

/// The instrument, its venue and its clearing.
pub(super) fn cleared(
    tables: &Tables,
    name: &str,
) -> Result<(InstrumentId, VenueId, ClearedEntry), Failure> {
    let id = instrument(tables, name)?;
    let cleared = tables.cleared.get(&id).copied();
    let venue = tables.instrument(id).map(|entry| entry.venue);
    let known = venue.zip(cleared);
    let (venue, cleared) = known.ok_or_else(|| Failure::NotCleared(name.to_owned()))?;
    Ok((id, venue, cleared))
}

/// What venues and custodians have and what accounts owe, in order of holder and asset.
///
/// # Errors
/// As [`balances`].
pub async fn positions(
    exchange: &Exchange,
    request: &v1::ListPositionsRequest,
) -> Result<v1::ListPositionsResponse, Failure> {
    let limit = page(request.page_size, "")?.size;
    let (mut from, kind) = holders(request.holder_kind)?;
    if !request.page_token.is_empty() {
        from = place(&request.page_token).ok_or_else(wrong_token)?;
    }
    let (sequence, seen) = look(exchange, Payer::Reader, move |engine| {
        let positions = engine.clearing().ledger().of_others_from(from);
        let wanted = positions.take_while(|((holder, _), _)| kind.takes(*holder));
        Seen::of(wanted.map(|(place, position)| (place, *position)), limit)
    })
    .await?;
    let tables = exchange.directory.read();
    let positions = seen.entries.iter().filter_map(|position| {
        let asset = tables.asset(position.asset())?;
        let (kind, holder) = holder(&tables, position.holder());
        Some(v1::Position {
            holder_kind: kind.into(),
            holder_id: holder,
            asset_id: asset.name.as_str().to_owned(),
            available: to_proto::amount_text(asset, position.available),
            held: to_proto::amount_text(asset, position.held),
        })
    });
    Ok(v1::ListPositionsResponse {
        positions: positions.collect(),
        engine_sequence: sequence.value(),
        next_page_token: seen.next.map_or_else(String::new, place_text),
    })
}

/// Which holders are wanted, from the first of them on; the kinds come one after the other.
#[derive(Clone, Copy)]
enum Wanted {
    All,
    Only(v1::HolderKind),
}

impl Wanted {
    fn takes(self, holder: Holder) -> bool {
        match self {
            Self::All => true,
            Self::Only(kind) => kind_of(holder) == kind,
        }
    }
}

const fn kind_of(holder: Holder) -> v1::HolderKind {
    match holder {
        Holder::Account(_) => v1::HolderKind::Unspecified,
        Holder::Venue(_) => v1::HolderKind::Venue,
        Holder::Custodian(_) => v1::HolderKind::Custodian,
        Holder::Receivable(_) => v1::HolderKind::Receivable,
        Holder::Credit(_) => v1::HolderKind::Credit,
        Holder::Transit(_) => v1::HolderKind::Transit,
        Holder::Clearing(_) => v1::HolderKind::Clearing,
    }
}

type OtherPlace = (Holder, AssetId);

const FIRST_ASSET: AssetId = AssetId::new(0);
const FIRST_VENUE: OtherPlace = (Holder::Venue(VenueId::new(0)), FIRST_ASSET);
const FIRST_CUSTODIAN: OtherPlace = (Holder::Custodian(CustodianId::new(0)), FIRST_ASSET);
const FIRST_CREDIT: OtherPlace = (Holder::Credit(AccountId::new(0)), FIRST_ASSET);
const FIRST_DEBT: OtherPlace = (Holder::Receivable(AccountId::new(0)), FIRST_ASSET);
const FIRST_TRANSIT: OtherPlace = (Holder::Transit(ShardId::new(0)), FIRST_ASSET);
const FIRST_POOL: OtherPlace = (Holder::Clearing(InstrumentId::new(0)), FIRST_ASSET);

/// Where the holders of a kind begin.
fn holders(kind: i32) -> Result<(OtherPlace, Wanted), Failure> {
    let known = v1::HolderKind::try_from(kind);
    let first = match known {
        Ok(v1::HolderKind::Unspecified) => return Ok((FIRST_VENUE, Wanted::All)),
        Ok(v1::HolderKind::Venue) => FIRST_VENUE,
        Ok(v1::HolderKind::Custodian) => FIRST_CUSTODIAN,
        Ok(v1::HolderKind::Receivable) => FIRST_DEBT,
        Ok(v1::HolderKind::Credit) => FIRST_CREDIT,
        Ok(v1::HolderKind::Transit) => FIRST_TRANSIT,
        Ok(v1::HolderKind::Clearing) => FIRST_POOL,
        Err(_) => {
            let right = format!(
                "{kind} is no kind of holder; 0 (all), 1 (VENUE), 2 (CUSTODIAN), 3 (RECEIVABLE), 4 \
                 (CREDIT), 5 (TRANSIT), 6 (CLEARING)"
            );
            return Err(Failure::field("holder_kind", right));
        }
    };
    Ok((first, Wanted::Only(kind_of(first.0))))
}

/// A token: the kind's letter, the holder's handle, the asset's.
fn place_text((holder, asset): OtherPlace) -> String {
    let (kind, handle) = match holder {
        Holder::Account(account) => ('a', account.index()),
        Holder::Venue(venue) => ('v', venue.index()),
        Holder::Custodian(custodian) => ('c', custodian.index()),
        Holder::Receivable(account) => ('r', account.index()),
        Holder::Credit(account) => ('l', account.index()),
        Holder::Transit(shard) => ('t', shard.index()),
        Holder::Clearing(instrument) => ('m', instrument.index()),
    };
    format!("{kind}-{handle}-{}", asset.index())
}

fn place(token: &str) -> Option<OtherPlace> {
    let mut parts = token.split('-');
    let (kind, handle, asset) = (parts.next()?, parts.next()?, parts.next()?);
    let (handle, asset) = (handle.parse().ok()?, asset.parse().ok()?);
    let holder = match kind {
        "v" => Holder::Venue(VenueId::new(handle)),
        "c" => Holder::Custodian(CustodianId::new(handle)),
        "r" => Holder::Receivable(AccountId::new(handle)),
        "l" => Holder::Credit(AccountId::new(handle)),
        "t" => Holder::Transit(ShardId::new(handle)),
        "m" => Holder::Clearing(InstrumentId::new(handle)),
        _ => return None,
    };
    let end = parts.next().is_none();
    end.then_some((holder, AssetId::new(asset)))
}

fn holder(tables: &Tables, holder: Holder) -> (v1::HolderKind, String) {
    let name = match holder {
        Holder::Account(account) | Holder::Receivable(account) | Holder::Credit(account) => {
            to_proto::account_name(tables, account)
        }
        Holder::Venue(venue) => {
            let venue = tables.venue(venue);
            venue.map_or_else(String::new, |venue| venue.name.as_str().to_owned())
        }
        Holder::Custodian(custodian) => to_proto::custodian_name(tables, custodian),
        Holder::Transit(shard) => shard.index().to_string(),
        Holder::Clearing(instrument) => to_proto::instrument_name(tables, instrument),
    };
    (kind_of(holder), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_positions_is_read_as_it_is_written() {
        for there in [
            FIRST_VENUE,
            FIRST_CUSTODIAN,
            FIRST_DEBT,
            (Holder::Custodian(CustodianId::new(7)), AssetId::new(41)),
            (Holder::Credit(AccountId::new(3)), AssetId::new(2)),
            (Holder::Transit(ShardId::new(1)), AssetId::new(0)),
            (Holder::Clearing(InstrumentId::new(2)), AssetId::new(1)),
        ] {
            assert_eq!(place(&place_text(there)), Some(there));
        }
        for wrong in [
            "", "v", "v-1", "v-1-2-3", "a-1-2", "v-x-2", "c-1--2", "1-2-3",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}

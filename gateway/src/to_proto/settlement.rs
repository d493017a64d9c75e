//! Settlement: an instrument's rules and holders, what of an account waits.
//!
//! Invariant: as in `clearing`. Not here: where it was read.

use engine::clearing::{InstrumentSettlement, Unsettled};
use engine::command::HolderCount;
use engine::types::OwnerId;
use proto::v1;

use super::{amount_text, asset_name, instrument_name};
use crate::directory::Tables;

/// An instrument's settlement, or that it has none.
pub fn settlement(known: Option<&InstrumentSettlement>) -> v1::GetSettlementResponse {
    let Some(known) = known else {
        return v1::GetSettlementResponse::default();
    };
    let counted = known.set.max_holders.map(|_| known.set.holder_count);
    let holder_count = match counted {
        None => v1::HolderCount::Unspecified,
        Some(HolderCount::Cumulative) => v1::HolderCount::Cumulative,
        Some(HolderCount::Current) => v1::HolderCount::Current,
    };
    v1::GetSettlementResponse {
        days: known.set.days.into(),
        reverse_trade_days: known.set.reverse_trade_days.into(),
        max_holders: known.set.max_holders.unwrap_or(0),
        holder_count: holder_count.into(),
        reference: known.set.reference.as_str().to_owned(),
        holders: known.holders,
        reserved_places: known.reserved,
        ..v1::GetSettlementResponse::default()
    }
}

/// The names of owners, in their order.
pub fn owners(tables: &Tables, list: &[OwnerId]) -> Vec<String> {
    let name = |owner: &OwnerId| tables.owners.get(owner.index());
    let names = list.iter().filter_map(name);
    names.map(|name| name.as_str().to_owned()).collect()
}

/// What of an account waits, in the units of the assets.
pub fn unsettled(tables: &Tables, one: &Unsettled) -> v1::Unsettled {
    let cleared = tables.cleared.get(&one.instrument);
    let amount = |asset, units| {
        let asset = tables.asset(asset);
        asset.map_or_else(String::new, |asset| amount_text(asset, units))
    };
    v1::Unsettled {
        instrument_id: instrument_name(tables, one.instrument),
        rolls: one.rolls,
        goods_asset_id: cleared.map_or_else(String::new, |known| asset_name(tables, known.goods)),
        goods: cleared.map_or_else(String::new, |known| amount(known.goods, one.goods)),
        money_asset_id: cleared.map_or_else(String::new, |known| asset_name(tables, known.money)),
        money: cleared.map_or_else(String::new, |known| amount(known.money, one.money)),
    }
}

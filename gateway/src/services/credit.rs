//! What an account may borrow and owes, and what its held amounts are held for.
//!
//! Invariant: as in `balances`: what the engine had between two commands, told once that is
//! durable. Not here: changing any of it (`accounts`, `operations`).

use engine::clearing::CreditView;
use engine::engine::{Held, HeldFor};
use engine::types::{
    AccountId, Amount, AssetId, ContractId, InstrumentId, OfferId, OrderId, ReceiptId, Sequence,
    VenueId,
};
use proto::v1;

use super::balances::{payer, wrong_token};
use super::executions::account;
use super::looks::look;
use super::pages::page;
use crate::directory::Tables;
use crate::errors::Failure;
use crate::exchange::Exchange;
use crate::to_proto;

/// Currency, goods, amount.
type Pledge = (AssetId, AssetId, Amount);

/// An account's credit in all currencies.
///
/// # Errors
/// Malformed, not found, not admitted.
pub async fn credit(
    exchange: &Exchange,
    request: &v1::GetCreditRequest,
) -> Result<v1::GetCreditResponse, Failure> {
    let (account, payer) = {
        let tables = exchange.directory.read();
        let account = account(&tables, &request.account_id)?;
        (account, payer(&tables, account))
    };
    let (sequence, (credits, pledges)) = look(exchange, payer, move |engine| {
        let clearing = engine.clearing();
        let credits: Vec<CreditView> = clearing.credit_of(account).collect();
        let pledges: Vec<Pledge> = clearing.credit().pledges_of(account).collect();
        (credits, pledges)
    })
    .await?;
    let tables = exchange.directory.read();
    let credits = credits.iter();
    let credits = credits.filter_map(|credit| wire_credit(&tables, credit, &pledges));
    Ok(v1::GetCreditResponse {
        credits: credits.collect(),
        engine_sequence: sequence.value(),
    })
}

fn wire_credit(tables: &Tables, credit: &CreditView, pledges: &[Pledge]) -> Option<v1::Credit> {
    let asset = tables.asset(credit.asset)?;
    let text = |amount: Amount| to_proto::amount_text(asset, amount.units());
    let own = pledges
        .iter()
        .filter(|(money, _, _)| *money == credit.asset);
    let collateral = own.filter_map(|(_, goods, amount)| {
        let goods = tables.asset(*goods)?;
        Some(v1::Collateral {
            goods_asset_id: goods.name.as_str().to_owned(),
            amount: to_proto::amount_text(goods, amount.units()),
        })
    });
    Some(v1::Credit {
        asset_id: asset.name.as_str().to_owned(),
        band: credit.band.into(),
        line: text(credit.line),
        collateral_value: text(credit.collateral),
        drawn: text(credit.drawn),
        collateral: collateral.collect(),
        demonstration: to_proto::asset_is_demonstration(asset),
    })
}

/// What an account's held amounts are held for.
///
/// # Errors
/// As [`credit`].
pub async fn holds(
    exchange: &Exchange,
    request: &v1::ListHoldsRequest,
) -> Result<v1::ListHoldsResponse, Failure> {
    let limit = page(request.page_size, "")?.size;
    let after = match request.page_token.as_str() {
        "" => None,
        token => Some(place(token).ok_or_else(wrong_token)?),
    };
    let (account, payer): (AccountId, _) = {
        let tables = exchange.directory.read();
        let account = account(&tables, &request.account_id)?;
        (account, payer(&tables, account))
    };
    let (sequence, mut seen) = look(exchange, payer, move |engine| {
        engine.holds_of(account, after, limit + 1)
    })
    .await?;
    let more = seen.len() > limit;
    seen.truncate(limit);
    let last = seen.last().filter(|_| more);
    let next_page_token = last.map_or_else(String::new, |held| place_text(held.by, held.asset));
    let tables = exchange.directory.read();
    let holds = seen.iter().filter_map(|held| wire_hold(&tables, held));
    Ok(v1::ListHoldsResponse {
        holds: holds.collect(),
        engine_sequence: sequence.value(),
        next_page_token,
    })
}

fn wire_hold(tables: &Tables, held: &Held) -> Option<v1::Hold> {
    let asset = tables.asset(held.asset)?;
    let instrument_id = held
        .instrument
        .map_or_else(String::new, |id| to_proto::instrument_name(tables, id));
    let plain = v1::Hold {
        asset_id: asset.name.as_str().to_owned(),
        amount: to_proto::amount_text(asset, held.amount.units()),
        instrument_id,
        ..v1::Hold::default()
    };
    Some(match held.by {
        HeldFor::Order(order) => v1::Hold {
            kind: v1::HoldKind::Order.into(),
            order_id: to_proto::order_id_text(order),
            ..plain
        },
        HeldFor::Withdrawal(instruction) => v1::Hold {
            kind: v1::HoldKind::Withdrawal.into(),
            instruction_id: instruction.value(),
            ..plain
        },
        HeldFor::Collateral(money) => v1::Hold {
            kind: v1::HoldKind::Collateral.into(),
            money_asset_id: to_proto::asset_name(tables, money),
            ..plain
        },
        HeldFor::Receipt(receipt) => v1::Hold {
            kind: v1::HoldKind::Receipt.into(),
            receipt: receipt.index(),
            ..plain
        },
        HeldFor::Settlement(_, day_rolls) => v1::Hold {
            kind: v1::HoldKind::Settlement.into(),
            day_rolls,
            ..plain
        },
        HeldFor::Margin(_) => v1::Hold {
            kind: v1::HoldKind::Margin.into(),
            ..plain
        },
        HeldFor::Offer(offer) => v1::Hold {
            kind: v1::HoldKind::Offer.into(),
            offer_id: to_proto::offer_id_text(offer),
            ..plain
        },
        HeldFor::Contract(contract) => v1::Hold {
            kind: v1::HoldKind::Contract.into(),
            contract_id: to_proto::contract_id_text(contract),
            ..plain
        },
        HeldFor::Guarantee(venue) => v1::Hold {
            kind: v1::HoldKind::Guarantee.into(),
            venue_id: to_proto::venue_name(tables, venue),
            ..plain
        },
    })
}

/// A token: the kind's letter, what holds, the asset.
fn place_text(by: HeldFor, asset: AssetId) -> String {
    let (kind, first, second) = match by {
        HeldFor::Order(order) => ('o', order.sequence, order.slot),
        HeldFor::Withdrawal(id) => ('w', id.value(), 0),
        HeldFor::Collateral(money) => ('c', u64::from(money.index()), 0),
        HeldFor::Receipt(receipt) => ('r', u64::from(receipt.index()), 0),
        HeldFor::Settlement(instrument, rolls) => ('s', u64::from(instrument.index()), rolls),
        HeldFor::Margin(instrument) => ('m', u64::from(instrument.index()), 0),
        HeldFor::Offer(offer) => ('f', offer.sequence, offer.slot),
        HeldFor::Contract(contract) => ('k', contract.sequence, contract.slot),
        HeldFor::Guarantee(venue) => ('g', u64::from(venue.index()), 0),
    };
    format!("{kind}-{first}-{second}-{}", asset.index())
}

fn place(token: &str) -> Option<(HeldFor, AssetId)> {
    let mut parts = token.split('-');
    let (kind, first, second) = (parts.next()?, parts.next()?, parts.next()?);
    let asset = AssetId::new(parts.next()?.parse().ok()?);
    let (first, second): (u64, u32) = (first.parse().ok()?, second.parse().ok()?);
    let handle = || u32::try_from(first).ok();
    let by = match kind {
        "o" => HeldFor::Order(OrderId {
            sequence: first,
            slot: second,
        }),
        "w" => HeldFor::Withdrawal(Sequence::new(first)),
        "c" => HeldFor::Collateral(AssetId::new(handle()?)),
        "r" => HeldFor::Receipt(ReceiptId::new(handle()?)),
        "s" => HeldFor::Settlement(InstrumentId::new(handle()?), second),
        "m" => HeldFor::Margin(InstrumentId::new(handle()?)),
        "f" => HeldFor::Offer(OfferId {
            sequence: first,
            slot: second,
        }),
        "k" => HeldFor::Contract(ContractId {
            sequence: first,
            slot: second,
        }),
        "g" => HeldFor::Guarantee(VenueId::new(handle()?)),
        _ => return None,
    };
    parts.next().is_none().then_some((by, asset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_holds_is_read_as_it_is_written() {
        let order = OrderId {
            sequence: 1 << 40,
            slot: 7,
        };
        for by in [
            HeldFor::Order(order),
            HeldFor::Withdrawal(Sequence::new(12)),
            HeldFor::Collateral(AssetId::new(3)),
            HeldFor::Receipt(ReceiptId::new(4)),
            HeldFor::Settlement(InstrumentId::new(5), 2),
            HeldFor::Margin(InstrumentId::new(6)),
            HeldFor::Offer(OfferId {
                sequence: 5,
                slot: 1,
            }),
            HeldFor::Contract(ContractId {
                sequence: 6,
                slot: 0,
            }),
            HeldFor::Guarantee(VenueId::new(7)),
        ] {
            let asset = AssetId::new(5);
            assert_eq!(place(&place_text(by, asset)), Some((by, asset)));
        }
        for wrong in [
            "",
            "o",
            "o-1-2",
            "o-1-2-3-4",
            "x-1-2-3",
            "c-1--3",
            "w-x-0-1",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}

//! Money and goods: assets, custodians, fees, amounts and dates.
//!
//! Invariant: an amount is written with exactly its asset's decimals. Not here: where it was read.

use engine::clearing::{Asset, Custodian, Instruction};
use engine::command::{AssetClass, CustodianKind, Demonstration, Direction, FeeRates};
use engine::types::{
    AssetId, ContractId, CustodianId, DiscountId, InstrumentId, OfferId, OrderId, Sequence,
    TradeId, TransferId,
};
use proto::v1;

use super::{account_name, decimal_text, instrument_name, order_id_text, timestamp, trade_id_text};
use crate::directory::Tables;
use crate::projector::contracts::ContractPart;
use crate::projector::postings::{
    CorrectionPart, PostingCause, PostingPlace, PostingRow, ReceiptMove, TradePart,
};

/// Minor units of an asset, in its own units.
pub fn amount_text(asset: &Asset, units: i64) -> String {
    decimal_text(units.into(), asset.class.decimals())
}

/// Money of an instrument in its own units; empty for none at all.
pub fn money_text(tables: &Tables, instrument: InstrumentId, units: i64) -> String {
    let money = tables.money_of(instrument).filter(|_| units != 0);
    money.map_or_else(String::new, |money| amount_text(money, units))
}

/// The public id of an instrument's money where one of these amounts is written; else empty.
pub fn money_name(tables: &Tables, instrument: InstrumentId, amounts: [i64; 2]) -> String {
    let money = tables.money_of(instrument).filter(|_| amounts != [0, 0]);
    money.map_or_else(String::new, |money| money.name.as_str().to_owned())
}

/// The public id of an asset; empty when there is none.
pub fn asset_name(tables: &Tables, id: AssetId) -> String {
    let asset = tables.asset(id);
    asset.map_or_else(String::new, |asset| asset.name.as_str().to_owned())
}

/// The public id of a custodian; empty when there is none.
pub fn custodian_name(tables: &Tables, id: CustodianId) -> String {
    let custodian = tables.custodian(id);
    custodian.map_or_else(String::new, |one| one.name.as_str().to_owned())
}

/// Whether an asset is of demonstrations only.
pub fn asset_is_demonstration(asset: &Asset) -> bool {
    asset.demonstration == Demonstration::Demonstration
}

/// An asset.
pub fn asset(handle: u32, asset: &Asset) -> v1::Asset {
    let (class, unit) = match asset.class {
        AssetClass::Currency { .. } => (v1::AssetClass::Currency, String::new()),
        AssetClass::Goods { unit, .. } => (v1::AssetClass::Goods, unit.as_str().to_owned()),
    };
    v1::Asset {
        asset_id: asset.name.as_str().to_owned(),
        handle,
        asset_class: class.into(),
        decimals: asset.class.decimals().into(),
        unit,
        demonstration: asset_is_demonstration(asset),
    }
}

/// A custodian.
pub fn custodian(handle: u32, custodian: &Custodian) -> v1::Custodian {
    let kind = match custodian.kind {
        CustodianKind::Bank => v1::CustodianKind::Bank,
        CustodianKind::Warehouse => v1::CustodianKind::Warehouse,
    };
    v1::Custodian {
        custodian_id: custodian.name.as_str().to_owned(),
        handle,
        kind: kind.into(),
        demonstration: custodian.demonstration == Demonstration::Demonstration,
        closed_through: custodian.closed_through.map_or_else(String::new, date_text),
    }
}

/// A pending instruction.
pub fn instruction(tables: &Tables, id: Sequence, of: &Instruction) -> v1::Instruction {
    let asset = tables.asset(of.asset);
    let direction = match of.direction {
        Direction::Deposit => v1::InstructionDirection::Deposit,
        Direction::Withdrawal => v1::InstructionDirection::Withdrawal,
    };
    v1::Instruction {
        instruction_id: id.value(),
        account_id: account_name(tables, of.account),
        asset_id: asset_name(tables, of.asset),
        custodian_id: custodian_name(tables, of.custodian),
        direction: direction.into(),
        amount: asset.map_or_else(String::new, |asset| amount_text(asset, of.amount.units())),
    }
}

/// Where a posting stands, as opaque text.
pub fn posting_place_text(place: PostingPlace) -> String {
    let (time, sequence) = (place.time.nanoseconds(), place.sequence.value());
    format!("{time}-{sequence}-{}", place.index)
}

/// One amount that moved on an account.
pub fn posting(tables: &Tables, row: &PostingRow) -> v1::Posting {
    let wire = without_cause(tables, row);
    match row.cause {
        PostingCause::Custody {
            direction,
            instruction,
            custodian,
            reference,
        } => v1::Posting {
            kind: custody_kind(direction).into(),
            instruction_id: instruction.value(),
            custodian_id: custodian_name(tables, custodian),
            reference: reference.as_str().to_owned(),
            ..wire
        },
        PostingCause::Variation(instrument) => v1::Posting {
            kind: v1::PostingKind::Variation.into(),
            instrument_id: instrument_name(tables, instrument),
            ..wire
        },
        PostingCause::Contract { part, contract } => of_contract(part, contract, wire),
        PostingCause::Trade {
            part,
            trade,
            instrument,
            order,
        } => of_trade(tables, (trade_kind(part), trade, instrument, order), wire),
        PostingCause::Correction {
            part,
            trade,
            instrument,
            order,
        } => of_trade(
            tables,
            (correction_kind(part), trade, instrument, order),
            wire,
        ),
        PostingCause::Receipt {
            moved,
            receipt,
            warehouse,
            number,
        } => v1::Posting {
            kind: receipt_kind(moved).into(),
            custodian_id: custodian_name(tables, warehouse),
            reference: number.as_str().to_owned(),
            receipt: Some(receipt.index()),
            ..wire
        },
        PostingCause::Repaid => v1::Posting {
            kind: v1::PostingKind::Repaid.into(),
            ..wire
        },
        PostingCause::Credit => v1::Posting {
            kind: credit_kind(row.amount).into(),
            ..wire
        },
        PostingCause::Half { transfer, shard } => v1::Posting {
            kind: v1::PostingKind::Transfer.into(),
            transfer_id: transfer_text(transfer),
            other_shard: shard.index(),
            ..wire
        },
        PostingCause::Transfer { other } => v1::Posting {
            kind: v1::PostingKind::Transfer.into(),
            other_account_id: account_name(tables, other),
            ..wire
        },
    }
}

fn without_cause(tables: &Tables, row: &PostingRow) -> v1::Posting {
    let asset = tables.asset(row.asset);
    let units = posted_units(tables, row);
    let amount = asset.map(|asset| decimal_text(units, asset.class.decimals()));
    v1::Posting {
        position: posting_place_text(row.place),
        asset_id: asset_name(tables, row.asset),
        amount: amount.unwrap_or_default(),
        engine_sequence: row.place.sequence.value(),
        time: Some(timestamp(row.place.time)),
        demonstration: asset.is_some_and(asset_is_demonstration),
        ..v1::Posting::default()
    }
}

const fn custody_kind(direction: Direction) -> v1::PostingKind {
    match direction {
        Direction::Deposit => v1::PostingKind::Deposit,
        Direction::Withdrawal => v1::PostingKind::Withdrawal,
    }
}

const fn trade_kind(part: TradePart) -> v1::PostingKind {
    match part {
        TradePart::Goods => v1::PostingKind::TradeGoods,
        TradePart::Money => v1::PostingKind::TradeMoney,
        TradePart::Fee => v1::PostingKind::Fee,
    }
}

const fn correction_kind(part: CorrectionPart) -> v1::PostingKind {
    match part {
        CorrectionPart::Goods => v1::PostingKind::CorrectionGoods,
        CorrectionPart::Money => v1::PostingKind::CorrectionMoney,
        CorrectionPart::Fee => v1::PostingKind::CorrectionFee,
        CorrectionPart::Owed => v1::PostingKind::Owed,
    }
}

fn of_contract(part: ContractPart, contract: ContractId, wire: v1::Posting) -> v1::Posting {
    v1::Posting {
        kind: contract_kind(part).into(),
        contract_id: contract_id_text(contract),
        ..wire
    }
}

const fn contract_kind(part: ContractPart) -> v1::PostingKind {
    match part {
        ContractPart::Goods => v1::PostingKind::ContractGoods,
        ContractPart::Money => v1::PostingKind::ContractMoney,
        ContractPart::Fee => v1::PostingKind::ContractFee,
    }
}

/// A contract's id, as opaque text.
pub fn contract_id_text(contract: ContractId) -> String {
    format!("{}-{}", contract.sequence, contract.slot)
}

/// A discount's id.
pub fn discount_id_text(discount: DiscountId) -> String {
    format!("{}-{}", discount.sequence, discount.slot)
}

/// An offer's id, as opaque text.
pub fn offer_id_text(offer: OfferId) -> String {
    format!("{}-{}", offer.sequence, offer.slot)
}

const fn receipt_kind(moved: ReceiptMove) -> v1::PostingKind {
    match moved {
        ReceiptMove::Registered => v1::PostingKind::Deposit,
        ReceiptMove::Cancelled => v1::PostingKind::Withdrawal,
        ReceiptMove::Transferred => v1::PostingKind::Receipt,
    }
}

fn of_trade(
    tables: &Tables,
    (kind, trade, instrument, order): (v1::PostingKind, TradeId, InstrumentId, OrderId),
    wire: v1::Posting,
) -> v1::Posting {
    v1::Posting {
        kind: kind.into(),
        trade_id: trade_id_text(trade),
        instrument_id: instrument_name(tables, instrument),
        order_id: order_id_text(order),
        ..wire
    }
}

/// What is above zero was drawn.
const fn credit_kind(amount: i64) -> v1::PostingKind {
    if amount > 0 {
        v1::PostingKind::CreditDrawn
    } else {
        v1::PostingKind::CreditRepaid
    }
}

/// A transfer's id: 32 hexadecimal digits.
pub fn transfer_text(transfer: TransferId) -> String {
    format!("{:032x}", transfer.bits())
}

/// The amount of a posting in minor units: goods of a trade are kept in lots.
pub fn posted_units(tables: &Tables, row: &PostingRow) -> i128 {
    units_of(tables, row.lots_of(), row.amount.into())
}

/// An amount in minor units, where it counts the lots of an instrument.
pub fn units_of(tables: &Tables, lots_of: Option<InstrumentId>, amount: i128) -> i128 {
    let Some(instrument) = lots_of else {
        return amount;
    };
    let cleared = tables.cleared.get(&instrument);
    amount * cleared.map_or(0, |cleared| i128::from(cleared.lot_units))
}

/// What an order is charged, in this money.
pub fn fee_rates(money: &Asset, rates: &FeeRates) -> v1::FeeRates {
    let some = |units: i64| {
        if units == 0 {
            String::new()
        } else {
            amount_text(money, units)
        }
    };
    v1::FeeRates {
        maker_ppm: rates.maker_ppm,
        taker_ppm: rates.taker_ppm,
        auction_ppm: rates.auction_ppm,
        per_lot: some(rates.per_lot),
        minimum: some(rates.minimum),
        cap: rates
            .cap
            .map_or_else(String::new, |cap| amount_text(money, cap)),
    }
}

/// Days from 1970-01-01 as "YYYY-MM-DD" (proleptic Gregorian calendar).
pub fn date_text(days: i32) -> String {
    // The year begins in March, so that the leap day is its last.
    let days = i64::from(days) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month < 3);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_they_are_read() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (20_780, "2026-11-23"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(date_text(days), text);
        }
    }
}

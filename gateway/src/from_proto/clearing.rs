//! Operators' and custodians' changes of money and goods.
//!
//! Invariant: an amount is read with the decimals of its asset, exactly: one with more digits is a
//! fault of its field, never rounded. Not here: whether an account has it, whether assets and
//! custodians go together (the engine).

use engine::clearing::Asset;
use engine::command::{
    Acknowledge, AssetClass, Body, CloseCustodyDate, CreateAsset, CreateCustodian, CustodianKind,
    Direction, FeeRates, Instruct, Outcome, SetClearing, SetFees, SetTier,
};
use engine::types::{Amount, ParticipantId, Sequence, Time};
use proto::v1;

use super::fields::Fields;
use super::operations::{Asks, decimals, demonstration};
use crate::directory::Tables;
use crate::errors::Kind;
use crate::projector::postings::PostingPlace;

impl Asks for v1::CreateAssetRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let name = fields.new_name("asset_id", &self.asset_id);
        let decimals = decimals(fields, "decimals", self.decimals);
        let class = match v1::AssetClass::try_from(self.asset_class) {
            Ok(v1::AssetClass::Currency) => {
                if !self.unit.is_empty() {
                    fields.wrong("unit", "CURRENCY has none; leave it empty");
                }
                decimals.map(|decimals| AssetClass::Currency { decimals })
            }
            Ok(v1::AssetClass::Goods) => {
                let unit = fields.new_name("unit", &self.unit);
                unit.zip(decimals)
                    .map(|(unit, decimals)| AssetClass::Goods { unit, decimals })
            }
            Ok(v1::AssetClass::Unspecified) | Err(_) => {
                let value = self.asset_class;
                fields.wrong(
                    "asset_class",
                    format!("{value} is no class of assets; 1 (CURRENCY) and 2 (GOODS) are"),
                );
                None
            }
        };
        Some(Body::CreateAsset(CreateAsset {
            name: name?,
            class: class?,
            demonstration: demonstration(self.demonstration),
        }))
    }
}

impl Asks for v1::CreateCustodianRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let name = fields.new_name("custodian_id", &self.custodian_id);
        let kind = match v1::CustodianKind::try_from(self.kind) {
            Ok(v1::CustodianKind::Bank) => Some(CustodianKind::Bank),
            Ok(v1::CustodianKind::Warehouse) => Some(CustodianKind::Warehouse),
            Ok(v1::CustodianKind::Unspecified) | Err(_) => {
                let value = self.kind;
                fields.wrong(
                    "kind",
                    format!("{value} is no kind of custodian; 1 (BANK) and 2 (WAREHOUSE) are"),
                );
                None
            }
        };
        Some(Body::CreateCustodian(CreateCustodian {
            name: name?,
            kind: kind?,
            demonstration: demonstration(self.demonstration),
        }))
    }
}

impl Asks for v1::SetClearingRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let instrument = fields.instrument("instrument_id", &self.instrument_id);
        let money = fields.asset("money_asset_id", &self.money_asset_id);
        let goods = fields.asset("goods_asset_id", &self.goods_asset_id);
        Some(Body::SetClearing(SetClearing {
            instrument: instrument?,
            money: money?,
            goods: goods?,
        }))
    }
}

impl Asks for v1::SetFeesRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let venue = fields.venue("venue_id", &self.venue_id);
        let instrument = if self.instrument_id.is_empty() {
            Some(None)
        } else {
            let found = fields.instrument("instrument_id", &self.instrument_id);
            found.map(Some)
        };
        let tier = tier(fields, self.tier);
        let rates = self.rates.as_ref();
        if rates.is_none() {
            fields.wrong("rates", "is not given; without any fee give empty rates");
        }
        let rates = rates.and_then(|rates| read_rates(fields, rates, &self.money_asset_id));
        Some(Body::SetFees(Box::new(SetFees {
            venue: venue?,
            instrument: instrument?,
            tier: tier?,
            rates: rates?,
        })))
    }
}

impl Asks for v1::SetTierRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let find = |tables: &Tables, name: &str| tables.participants.find(name);
        let (name, kind) = (&self.participant_id, Kind::Participant);
        let participant = fields.existing("participant_id", name, kind, find);
        let tier = tier(fields, self.tier);
        Some(Body::SetTier(SetTier {
            participant: ParticipantId::new(participant?),
            tier: tier?,
        }))
    }
}

impl Asks for v1::InstructRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let account = fields.account("account_id", &self.account_id);
        let asset = fields.asset("asset_id", &self.asset_id);
        let custodian = fields.custodian("custodian_id", &self.custodian_id);
        let direction = match v1::InstructionDirection::try_from(self.direction) {
            Ok(v1::InstructionDirection::Deposit) => Some(Direction::Deposit),
            Ok(v1::InstructionDirection::Withdrawal) => Some(Direction::Withdrawal),
            Ok(v1::InstructionDirection::Unspecified) | Err(_) => {
                let value = self.direction;
                fields.wrong(
                    "direction",
                    format!("{value} is no direction; 1 (DEPOSIT) and 2 (WITHDRAWAL) are"),
                );
                None
            }
        };
        if self.amount.is_empty() {
            fields.wrong("amount", "is empty; an amount above zero is required");
        }
        let tables = fields.tables;
        let known = asset.and_then(|id| tables.asset(id));
        let amount = known.and_then(|known| fields.amount("amount", &self.amount, known));
        if amount.is_some_and(Amount::is_zero) {
            fields.wrong("amount", "is zero; an amount above zero is required");
        }
        Some(Body::Instruct(Instruct {
            account: account?,
            asset: asset?,
            custodian: custodian?,
            direction: direction?,
            amount: amount?,
        }))
    }
}

impl Asks for v1::AcknowledgeInstructionRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        if self.instruction_id == 0 {
            fields.wrong(
                "instruction_id",
                "is 0; the engine_sequence of the report that answered Instruct is required",
            );
        }
        let outcome = match v1::InstructionOutcome::try_from(self.outcome) {
            Ok(v1::InstructionOutcome::Executed) => Some(Outcome::Executed),
            Ok(v1::InstructionOutcome::Refused) => Some(Outcome::Refused),
            Ok(v1::InstructionOutcome::Unspecified) | Err(_) => {
                let value = self.outcome;
                fields.wrong(
                    "outcome",
                    format!("{value} is no outcome; 1 (EXECUTED) and 2 (REFUSED) are"),
                );
                None
            }
        };
        let reference = fields.new_name("reference", &self.reference);
        let business_date = fields.date("business_date", &self.business_date);
        Some(Body::Acknowledge(Acknowledge {
            instruction: Sequence::new(self.instruction_id),
            outcome: outcome?,
            reference: reference?,
            business_date: business_date?,
        }))
    }
}

impl Asks for v1::CloseCustodyDateRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let custodian = fields.custodian("custodian_id", &self.custodian_id);
        let date = fields.date("date", &self.date);
        Some(Body::CloseCustodyDate(CloseCustodyDate {
            custodian: custodian?,
            date: date?,
        }))
    }
}

/// Where a posting stands, from its opaque text, if one is given.
pub fn posting_place(fields: &mut Fields<'_>, field: &str, text: &str) -> Option<PostingPlace> {
    if text.is_empty() {
        return None;
    }
    let read = place(text);
    if read.is_none() {
        fields.wrong(field, "is none this exchange gave; copy it from an answer");
    }
    read
}

fn place(text: &str) -> Option<PostingPlace> {
    let mut parts = text.split('-');
    let (time, sequence, index) = (parts.next()?, parts.next()?, parts.next()?);
    let place = PostingPlace {
        time: Time::new(time.parse().ok()?)?,
        sequence: Sequence::new(sequence.parse().ok()?),
        index: index.parse().ok()?,
    };
    parts.next().is_none().then_some(place)
}

fn tier(fields: &mut Fields<'_>, value: u32) -> Option<u8> {
    let tier = u8::try_from(value)
        .ok()
        .filter(|tier| usize::from(*tier) < FeeRates::TIERS);
    if tier.is_none() {
        let max = FeeRates::TIERS - 1;
        fields.wrong("tier", format!("{value} is no tier; 0 to {max} are"));
    }
    tier
}

/// The rates, within their bounds; amounts with the decimals of the money named.
fn read_rates(fields: &mut Fields<'_>, rates: &v1::FeeRates, money: &str) -> Option<FeeRates> {
    let maker_ppm = ppm(fields, "rates.maker_ppm", rates.maker_ppm);
    let taker_ppm = ppm(fields, "rates.taker_ppm", rates.taker_ppm);
    let auction_ppm = ppm(fields, "rates.auction_ppm", rates.auction_ppm);
    let texts = [&rates.per_lot, &rates.minimum, &rates.cap];
    let some = texts.iter().any(|text| !text.is_empty());
    let asset = if some || !money.is_empty() {
        fields.asset("money_asset_id", money)
    } else {
        None
    };
    let tables = fields.tables;
    let asset = asset.and_then(|id| tables.asset(id));
    let mut amount = |field, text: &String, max| fee_amount(fields, (field, text), asset, max);
    let per_lot = amount("rates.per_lot", &rates.per_lot, FeeRates::PER_LOT_MAX);
    let minimum = amount("rates.minimum", &rates.minimum, FeeRates::UNITS_MAX);
    let cap = amount("rates.cap", &rates.cap, FeeRates::UNITS_MAX);
    if cap < minimum && cap.is_some() {
        fields.wrong(
            "rates.cap",
            "is below rates.minimum; at least that is right",
        );
    }
    let rates = FeeRates {
        maker_ppm: maker_ppm?,
        taker_ppm: taker_ppm?,
        auction_ppm: auction_ppm?,
        per_lot: per_lot.unwrap_or(0),
        minimum: minimum.unwrap_or(0),
        cap,
    };
    let lowest = rates.maker_ppm.min(rates.taker_ppm).min(rates.auction_ppm);
    if lowest < 0 && rates.minimum > 0 {
        fields.wrong(
            "rates.minimum",
            "does not go together with a rate below zero; leave it empty, or raise the rate",
        );
    }
    Some(rates)
}

fn ppm(fields: &mut Fields<'_>, field: &str, value: i32) -> Option<i32> {
    let max = FeeRates::PPM_MAX;
    if (-max..=max).contains(&value) {
        return Some(value);
    }
    fields.wrong(field, format!("{value} must lie between -{max} and {max}"));
    None
}

/// An amount of the money, at most `max` minor units, if one is given.
fn fee_amount(
    fields: &mut Fields<'_>,
    (field, text): (&str, &str),
    money: Option<&Asset>,
    max: i64,
) -> Option<i64> {
    let money = money?;
    let units = fields.amount(field, text, money)?.units();
    if units > max {
        let max = crate::to_proto::amount_text(money, max);
        fields.wrong(
            field,
            format!("{text} is too large; at most {max} is right"),
        );
        return None;
    }
    Some(units)
}

//! Operators' changes of settlement.
//!
//! Invariant: as in `operations`: shape only. Not here: whether law and bounds let it be (the
//! engine).

use engine::command::{Body, HolderCount, SetNominee, SetSettlement, SettlementCommand};
use engine::limits::Limits;
use engine::types::{Name, OwnerId};
use proto::v1;

use super::fields::Fields;
use super::operations::Asks;
use crate::directory::Tables;
use crate::errors::Kind;

impl Asks for v1::SetSettlementRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let instrument = fields.instrument("instrument_id", &self.instrument_id);
        let days = days(fields, "days", self.days, SetSettlement::DAYS_MAX);
        let most = SetSettlement::REVERSE_DAYS_MAX;
        let reverse = days_of_reverse(fields, self.reverse_trade_days, most);
        let holder_count = match v1::HolderCount::try_from(self.holder_count) {
            Ok(v1::HolderCount::Unspecified | v1::HolderCount::Cumulative) => {
                Some(HolderCount::Cumulative)
            }
            Ok(v1::HolderCount::Current) => Some(HolderCount::Current),
            Err(_) => {
                let value = self.holder_count;
                fields.wrong(
                    "holder_count",
                    format!("{value} is no count; 1 (CUMULATIVE) and 2 (CURRENT) are"),
                );
                None
            }
        };
        let reference = if self.reference.is_empty() {
            Some(Name::EMPTY)
        } else {
            fields.new_name("reference", &self.reference)
        };
        Some(Body::Settlement(Box::new(SettlementCommand::Set(
            SetSettlement {
                instrument: instrument?,
                days: days?,
                reverse_trade_days: reverse?,
                max_holders: (self.max_holders > 0).then_some(self.max_holders),
                holder_count: holder_count?,
                reference: reference?,
            },
        ))))
    }
}

impl Asks for v1::SetNomineeRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let nominee = owner(fields, "beneficial_owner_id", &self.beneficial_owner_id);
        let (count, most) = (self.owner_ids.len(), Limits::NOMINEE_OWNERS_MAX);
        if count > most {
            fields.wrong("owner_ids", format!("has {count}; 0 to {most} are right"));
            return None;
        }
        let all = self.owner_ids.iter().enumerate();
        let all = all.map(|(at, text)| owner(fields, &format!("owner_ids[{at}]"), text));
        let owners: Vec<Option<OwnerId>> = all.collect();
        let owners: Option<Vec<OwnerId>> = owners.into_iter().collect();
        let set = SetNominee {
            nominee: nominee?,
            owners: owners?,
        };
        let command = SettlementCommand::SetNominee(set);
        Some(Body::Settlement(Box::new(command)))
    }
}

fn owner(fields: &mut Fields<'_>, field: &str, text: &str) -> Option<OwnerId> {
    let find = |tables: &Tables, name: &str| tables.owners.find(name);
    let found = fields.existing(field, text, Kind::BeneficialOwner, find);
    found.map(OwnerId::new)
}

fn days_of_reverse(fields: &mut Fields<'_>, value: u32, most: u8) -> Option<u8> {
    days(fields, "reverse_trade_days", value, most)
}

fn days(fields: &mut Fields<'_>, field: &str, value: u32, most: u8) -> Option<u8> {
    let read = u8::try_from(value).ok().filter(|days| *days <= most);
    if read.is_none() {
        fields.wrong(field, format!("{value} is too many; 0 to {most} are right"));
    }
    read
}

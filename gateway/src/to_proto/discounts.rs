//! Discounts.
//!
//! Invariant: as in `sales`. Not here: what one took off a contract (`contracts`).

use engine::command::{DefineDiscount, Off};
use engine::engine::Discount;
use engine::types::{DiscountId, Time};
use proto::v1;

use super::sales::units_text;
use super::{account_name, asset_name, discount_id_text, timestamp};
use crate::directory::Tables;

/// A live discount.
pub fn discount(tables: &Tables, id: DiscountId, discount: &Discount) -> v1::Discount {
    let terms = &discount.terms;
    let money = |units| units_text(tables, terms.money, units);
    let venue = tables.venue(terms.venue);
    v1::Discount {
        discount_id: discount_id_text(id),
        account_id: account_name(tables, terms.account),
        venue_id: venue.map_or_else(String::new, |venue| venue.name.as_str().to_owned()),
        money_asset_id: asset_name(tables, terms.money),
        threshold: money(terms.threshold),
        opens: (terms.opens != Time::ZERO).then(|| timestamp(terms.opens)),
        closes: Some(timestamp(terms.closes)),
        uses: terms.uses,
        uses_per_owner: terms.per_owner,
        code_hash: terms.code.map_or_else(Vec::new, |hash| hash.to_vec()),
        uses_left: discount.left(),
        demonstration: tables.venue_is_demonstration(terms.venue),
        off: Some(match terms.off {
            Off::Amount(amount) => v1::discount::Off::Amount(money(amount)),
            Off::Share { bp, at_most } => v1::discount::Off::Share(v1::discount::Share {
                bp: bp.into(),
                at_most: match at_most {
                    DefineDiscount::MONEY_MAX => String::new(),
                    bound => money(bound),
                },
            }),
        }),
    }
}

//! The words of scenario tables about guarantees: `guarantee AMOUNT [of=ACCOUNT] [in=ASSET]`.
//!
//! Invariant: as in `words`. Not here: what is covered (`shop`).

use sanjiang_engine::command::SetGuarantee;
use sanjiang_engine::types::{AccountId, Amount, AssetId};

use crate::money::MONEY;
use crate::shop::{SHOP, account};
use crate::words::{number, value};

/// A seller's money is set aside at the shop.
pub fn guarantee(words: &[&str]) -> SetGuarantee {
    let money = value(words, "in").map(|word| AssetId::new(number(word) as u32));
    SetGuarantee {
        venue: SHOP,
        account: account(words, "of").unwrap_or(AccountId::new(0)),
        money: money.unwrap_or(MONEY),
        amount: Amount::new(number(words[1])).expect("in bounds"),
    }
}

//! Guarantees of sellers.
//!
//! Invariant: as in `sales`. Not here: what they cover (the engine).

use engine::clearing::guarantee::GuaranteeKey;
use engine::command::{Body, SalesCommand, SetGuarantee};
use proto::v1;

use super::fields::{Fields, Prefix};
use super::operations::Asks;
use super::sales::body;
use crate::directory::Tables;
use crate::errors::Failure;

impl Asks for v1::SetGuaranteeRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let venue = fields.venue("venue_id", &self.venue_id);
        let account = fields.account("account_id", &self.account_id);
        let money = fields.asset("money_asset_id", &self.money_asset_id);
        let asset = money.and_then(|money| fields.tables.asset(money));
        let amount = asset.and_then(|asset| fields.amount("amount", &self.amount, asset));
        Some(body(SalesCommand::SetGuarantee(SetGuarantee {
            venue: venue?,
            account: account?,
            money: money?,
            amount: amount?,
        })))
    }
}

/// Which guarantee is asked for.
///
/// # Errors
/// Malformed fields; something named that does not exist.
pub fn guarantee_named(
    request: &v1::GetGuaranteeRequest,
    tables: &Tables,
) -> Result<GuaranteeKey, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let venue = fields.venue("venue_id", &request.venue_id);
    let account = fields.account("account_id", &request.account_id);
    let money = fields.asset("money_asset_id", &request.money_asset_id);
    let key = venue.zip(account).zip(money);
    fields.finish(key.map(|((venue, account), money)| GuaranteeKey {
        account,
        venue,
        money,
    }))
}

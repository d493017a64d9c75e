//! The desk: what is set beside all trade, by the seller and by operators.
//!
//! Invariant: what is asked for is drawn, some of it must be refused. Not here: when it is asked for
//! (`clerk`), whether it holds (`cover`).

use proto::v1::{OperationContext, SetGuaranteeRequest};
use rust_decimal::Decimal;

use super::{
    Request,
    found::{SELLER, Shops},
};
use crate::workload::rng::Rng;

/// What a guarantee is set to at most, in fen: it answers for some contracts and not for others.
const GUARANTEE_MAX_FEN: u64 = 20_000;
/// One guarantee in so many is more than the seller has.
const BEYOND_ONE_IN: u64 = 12;
/// In fen.
const BEYOND: i64 = 200_000_000_000;

/// What is set next.
pub fn draw(shops: &Shops, rng: &mut Rng, context: OperationContext) -> Request {
    guarantee(shops, rng, context)
}

fn guarantee(shops: &Shops, rng: &mut Rng, context: OperationContext) -> Request {
    let fen = match rng.below(BEYOND_ONE_IN) {
        0 => BEYOND,
        1 => 0,
        _ => rng.below(GUARANTEE_MAX_FEN) as i64,
    };
    Request::Guarantee(SetGuaranteeRequest {
        context: Some(context),
        venue_id: shops.venue.clone(),
        account_id: shops.account(SELLER),
        money_asset_id: shops.money.clone(),
        amount: Decimal::new(fen, 2).to_string(),
    })
}

//! The desk: what is set beside all trade, by the seller and by operators, and money of merchants
//! that comes and goes.
//!
//! Invariant: what is asked for is drawn, some of it must be refused. Not here: when it is asked
//! for (`clerk`), whether it holds (`cover`, `uses`, `deadlines`, `debts`).

use proto::v1::{
    InstructRequest, InstructionDirection, OperationContext, SetAnnualUseRequest, SetGraceRequest,
    SetGuaranteeRequest,
};
use rust_decimal::Decimal;

use super::{
    Kind, Request,
    found::{SELLER, Shops},
    now_ns,
    uses::year_at,
};
use crate::workload::rng::Rng;

/// What a guarantee is set to at most, in fen: it answers for some contracts and not for others.
const GUARANTEE_MAX_FEN: u64 = 20_000;
/// One guarantee in so many is more than the seller has.
const BEYOND_ONE_IN: u64 = 12;
/// In fen.
const BEYOND: i64 = 200_000_000_000;

/// What customs report at most, in fen: the limit of a year.
const USE_MAX_FEN: u64 = 2_600_000;
/// One report of customs in so many is of another year, and refused.
const OTHER_YEAR_ONE_IN: u64 = 8;
/// Time that is left after a gap in service, in seconds: from the shortest to the longest.
const GRACES_S: [i64; 5] = [60, 90, 3_600, 24 * 3_600, 31 * 24 * 3_600];

/// Of a hundred moves of a merchant's money, so many take some out.
const OUT_PERCENT: u64 = 80;
/// What goes and what comes at most, in fen: the price of three pieces and less than that of two.
const OUT_MAX_FEN: u64 = 5_000;
const IN_MAX_FEN: u64 = 2_500;

/// Money of a merchant that comes, or goes: what it has sold for is spent, so that it lacks some
/// when pieces come back.
pub fn money(shops: &Shops, rng: &mut Rng, context: OperationContext) -> Request {
    let all = (shops.traders().count() as u64).max(1);
    let merchant = shops.buyers + 1 + rng.below(all) as u32;
    let (direction, most) = if rng.below(100) < OUT_PERCENT {
        (InstructionDirection::Withdrawal, OUT_MAX_FEN)
    } else {
        (InstructionDirection::Deposit, IN_MAX_FEN)
    };
    let fen = 1 + rng.below(most) as i64;
    Request::Move(InstructRequest {
        context: Some(context),
        account_id: shops.account(merchant),
        asset_id: shops.money.clone(),
        custodian_id: shops.bank.clone(),
        direction: direction.into(),
        amount: Decimal::new(fen, 2).to_string(),
    })
}

/// What is set next, and of what kind it is.
pub fn draw(shops: &Shops, rng: &mut Rng, context: OperationContext) -> (Kind, Request) {
    match rng.below(100) {
        0..50 => (Kind::Covered, guarantee(shops, rng, context)),
        50..85 => (Kind::Import, customs(shops, rng, context)),
        _ => (Kind::Fixed, grace(shops, rng, context)),
    }
}

fn customs(shops: &Shops, rng: &mut Rng, context: OperationContext) -> Request {
    let other = u32::from(rng.below(OTHER_YEAR_ONE_IN) == 0);
    let buyer = 1 + rng.below(u64::from(shops.buyers)) as u32;
    Request::Use(SetAnnualUseRequest {
        context: Some(context),
        beneficial_owner_id: shops.owner_id(buyer),
        year: year_at(now_ns()) + other,
        used: Decimal::new(rng.below(USE_MAX_FEN) as i64, 2).to_string(),
        demonstration: true,
    })
}

fn grace(shops: &Shops, rng: &mut Rng, context: OperationContext) -> Request {
    let place = rng.below(GRACES_S.len() as u64) as usize;
    let seconds = GRACES_S.get(place).copied().unwrap_or(GRACES_S[0]);
    Request::Grace(SetGraceRequest {
        context: Some(context),
        venue_id: shops.venue.clone(),
        grace: Some(prost_types::Duration { seconds, nanos: 0 }),
    })
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

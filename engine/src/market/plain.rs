//! The checks of a plain order: most orders need six of the ladder's twenty.
//!
//! Invariant: the answers are those of the whole ladder (`checks`), which is asked too where debug
//! assertions are on. A check that is added there is added here, or makes orders or settings that
//! it looks at not plain. Not here: parties and their limits, which come between (`engine`).

#![expect(
    clippy::inline_always,
    reason = "small and asked of most orders, by two callers; measured"
)]

use super::{Clears, Market, Setting};
use crate::book::arena::Arena;
use crate::command::InstrumentTerms;
use crate::reject::RejectReason;
use crate::types::{NewOrder, OrderType, Posting, Price, Side, TimeInForce};
use crate::venue::Phase;

/// Whether an instrument asks nothing of a plain order but its sign, quantity, value and room.
pub(crate) fn is_plain(
    terms: &InstrumentTerms,
    band: Option<(Price, Price)>,
    phase: Phase,
    clears: &Clears,
) -> bool {
    phase == Phase::Continuous
        && band.is_none()
        && terms.dynamic_band_ticks.is_none()
        && terms.max_notional.is_none()
        && !matches!(clears, Clears::Missing | Clears::Margin(_))
}

/// The price of an order with nothing that needs a check of its own, where the instrument asks for
/// none either.
#[inline(always)]
pub(crate) fn price(order: &NewOrder, setting: &Setting) -> Option<Price> {
    let OrderType::Limit(terms) = &order.order_type else {
        return None;
    };
    let rests = matches!(
        order.time_in_force,
        TimeInForce::Day | TimeInForce::GoodTillCancel
    );
    let plain = setting.plain
        && rests
        && terms.display_quantity.is_none()
        && terms.posting == Posting::MayTake
        && order.min_quantity.is_none();
    plain.then_some(terms.price)
}

/// PRICE_SIGN, QUANTITY, MAX_QUANTITY, ORDER_VALUE.
#[inline(always)]
pub(crate) fn check_terms(
    order: &NewOrder,
    price: Price,
    setting: &Setting,
) -> Result<Option<Price>, RejectReason> {
    let quantity = order.quantity;
    if !setting.terms.price_sign.allows(price) {
        return Err(RejectReason::PriceSign);
    }
    if quantity.is_zero() {
        return Err(RejectReason::Quantity);
    }
    if quantity > setting.terms.max_quantity {
        return Err(RejectReason::MaxQuantity);
    }
    if let Some(cleared) = setting.cleared() {
        cleared.check_value(price, quantity)?;
    }
    Ok(Some(price))
}

/// OPEN_ORDERS, PRICE_LEVELS.
#[inline]
pub(super) fn check_room(
    side: Side,
    price: Price,
    market: &Market,
    arena: &Arena,
    setting: &Setting,
) -> Result<(), RejectReason> {
    if arena.is_full() {
        return Err(RejectReason::OpenOrders);
    }
    if market.lacks_level(side, price, setting) {
        return Err(RejectReason::PriceLevels);
    }
    Ok(())
}

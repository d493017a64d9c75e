//! The ladder of checks of a new order, in the order of the reject codes.
//!
//! Invariant: nothing here changes anything, and an order that passed cannot fail afterwards.
//! Not here: the duplicate group, who the account is, what the phase takes (`engine`, `venue`).

use super::{Clears, Market, Setting, plain};
use crate::book::arena::{Arena, Force, Kind};
use crate::matching::feasible::Probe;
use crate::reject::RejectReason;
use crate::types::{
    NewOrder, OrderType, OwnerId, Posting, Price, Quantity, Side, Time, TimeInForce,
};
use crate::venue::Auction;

type Check = Result<(), RejectReason>;

/// The prices an order type carries.
#[derive(Clone, Copy, Default)]
pub(crate) struct Prices {
    /// The limit.
    pub(crate) limit: Option<Price>,
    /// The worst price of what has no limit.
    pub(crate) protection: Option<Price>,
    /// The trigger.
    pub(crate) stop: Option<Price>,
}

impl Prices {
    /// Those of an order type.
    #[inline]
    pub(crate) fn of(order_type: &OrderType) -> Self {
        let mut prices = Self::default();
        // First and by itself: a jump by a table is predicted badly.
        if let OrderType::Limit(terms) = order_type {
            prices.limit = Some(terms.price);
            return prices;
        }
        match *order_type {
            OrderType::Limit(_) => {}
            OrderType::Market { protection } | OrderType::MarketToLimit { protection } => {
                prices.protection = protection;
            }
            OrderType::Stop {
                stop_price,
                protection,
            } => {
                prices.stop = Some(stop_price);
                prices.protection = protection;
            }
            OrderType::StopLimit { stop_price, price } => {
                prices.stop = Some(stop_price);
                prices.limit = Some(price);
            }
        }
        prices
    }

    #[inline]
    fn any(self, what: impl Fn(Price) -> bool) -> bool {
        self.limit.is_some_and(&what)
            || self.protection.is_some_and(&what)
            || self.stop.is_some_and(&what)
    }
}

/// What an order is at its entry.
#[inline]
pub(crate) fn kind_of(order_type: &OrderType) -> Kind {
    match order_type {
        OrderType::Limit(_) => Kind::Limit,
        OrderType::Market { .. } => Kind::Market,
        OrderType::MarketToLimit { .. } => Kind::MarketToLimit,
        OrderType::Stop { .. } => Kind::Stop,
        OrderType::StopLimit { .. } => Kind::StopLimit,
    }
}

/// Time in force without its instant.
#[inline]
pub(crate) fn force_of(time_in_force: TimeInForce) -> Force {
    match time_in_force {
        TimeInForce::Day => Force::Day,
        TimeInForce::GoodTillCancel => Force::GoodTillCancel,
        TimeInForce::GoodTillDate(_) => Force::GoodTillDate,
        TimeInForce::ImmediateOrCancel => Force::ImmediateOrCancel,
        TimeInForce::FillOrKill => Force::FillOrKill,
        TimeInForce::Opening => Force::Opening,
        TimeInForce::Closing => Force::Closing,
    }
}

/// A new order with what the checks need to know about it. A plain one (`plain`) takes a short way
/// to the same answers; where debug assertions are on, both ways are gone.
pub(crate) struct Entry<'a> {
    order: &'a NewOrder,
    owner: OwnerId,
    plain: Option<Price>,
}

impl<'a> Entry<'a> {
    /// Reads an order.
    #[inline]
    pub(crate) fn new(order: &'a NewOrder, owner: OwnerId, setting: &Setting) -> Self {
        Self {
            order,
            owner,
            plain: plain::price(order, setting),
        }
    }

    #[inline]
    fn kind(&self) -> Kind {
        kind_of(&self.order.order_type)
    }

    #[inline]
    fn force(&self) -> Force {
        force_of(self.order.time_in_force)
    }

    #[inline]
    fn prices(&self) -> Prices {
        Prices::of(&self.order.order_type)
    }

    /// PHASE_TIME_IN_FORCE, NOT_CLEARED.
    #[inline]
    pub(crate) fn check_phase(&self, setting: &Setting) -> Check {
        if self.plain.is_some() {
            debug_assert_eq!(self.check_any_phase(setting), Ok(()), "a short way");
            return Ok(());
        }
        self.check_any_phase(setting)
    }

    /// Makes the checks of what the order says, after those of phase and regime, and answers the
    /// price it comes with: limit, given protection or computed protection.
    ///
    /// # Errors
    /// The first check that fails.
    #[inline]
    pub(crate) fn check_terms(
        &self,
        market: &Market,
        setting: &Setting,
        time: Time,
    ) -> Result<Option<Price>, RejectReason> {
        if let Some(price) = self.plain {
            let checked = plain::check_terms(self.order, price, setting);
            let all = || self.check_any_terms(market, setting, time);
            debug_assert_eq!(checked, all(), "a short way");
            return checked;
        }
        self.check_any_terms(market, setting, time)
    }

    /// OPEN_ORDERS, STOP_ORDERS, PRICE_LEVELS.
    #[inline]
    pub(crate) fn check_room(
        &self,
        market: &Market,
        arena: &Arena,
        setting: &Setting,
        price: Option<Price>,
    ) -> Check {
        if let Some(limit) = self.plain {
            let checked = plain::check_room(self.order.side, limit, market, arena, setting);
            let all = || self.check_any_room(market, arena, setting, price);
            debug_assert_eq!(checked, all(), "a short way");
            return checked;
        }
        self.check_any_room(market, arena, setting, price)
    }

    /// POST_ONLY_WOULD_TAKE, FOK_UNFILLABLE, MIN_QUANTITY.
    #[inline]
    pub(crate) fn check_taking(
        &self,
        market: &Market,
        arena: &Arena,
        setting: &Setting,
        price: Option<Price>,
    ) -> Check {
        if self.plain.is_some() {
            let all = || self.check_any_taking(market, arena, setting, price);
            debug_assert_eq!(all(), Ok(()), "a short way");
            return Ok(());
        }
        self.check_any_taking(market, arena, setting, price)
    }

    #[inline(never)]
    fn check_any_terms(
        &self,
        market: &Market,
        setting: &Setting,
        time: Time,
    ) -> Result<Option<Price>, RejectReason> {
        self.check_combination()?;
        let price = self.effective_price(market, setting);
        self.check_prices(setting, price)?;
        self.check_quantities(setting, time)?;
        self.check_notional(setting, price)?;
        self.check_bands(market, setting)?;
        Ok(price)
    }

    #[inline]
    fn is_stop(&self) -> bool {
        matches!(self.kind(), Kind::Stop | Kind::StopLimit)
    }

    #[inline(never)]
    fn check_any_phase(&self, setting: &Setting) -> Check {
        if setting.is_continuous() {
            if self.force() == Force::Opening {
                return Err(RejectReason::PhaseTimeInForce);
            }
            return Self::check_cleared(setting);
        }
        let auction = setting.auction;
        let at_once = matches!(self.force(), Force::ImmediateOrCancel | Force::FillOrKill);
        let wrong = match auction {
            None => self.force() == Force::Opening,
            Some(auction) => {
                at_once
                    || self.order.min_quantity.is_some()
                    || self.force() == Force::Opening && auction != Auction::Opening
            }
        };
        if wrong {
            return Err(RejectReason::PhaseTimeInForce);
        }
        Self::check_cleared(setting)
    }

    /// NOT_CLEARED.
    fn check_cleared(setting: &Setting) -> Check {
        if matches!(setting.clears, Clears::Missing) {
            return Err(RejectReason::NotCleared);
        }
        Ok(())
    }

    /// INVALID_COMBINATION.
    fn check_combination(&self) -> Check {
        let rests = matches!(
            self.force(),
            Force::Day | Force::GoodTillCancel | Force::GoodTillDate
        );
        if rests && self.kind() == Kind::Limit && self.order.min_quantity.is_none() {
            return Ok(()); // Whatever it shows, and whether or not it may take.
        }
        let for_auction = matches!(self.force(), Force::Opening | Force::Closing);
        let right = match &self.order.order_type {
            OrderType::Limit(terms) => {
                (terms.posting == Posting::MayTake || rests)
                    && (terms.display_quantity.is_none() || rests || for_auction)
            }
            OrderType::Market { .. } => {
                !matches!(self.force(), Force::GoodTillCancel | Force::GoodTillDate)
            }
            OrderType::MarketToLimit { .. } => rests || for_auction,
            OrderType::Stop { .. } | OrderType::StopLimit { .. } => rests,
        };
        let post_only = matches!(&self.order.order_type,
            OrderType::Limit(terms) if terms.posting == Posting::PostOnly);
        let least = self.order.min_quantity.is_none()
            || matches!(self.kind(), Kind::Limit | Kind::Market)
                && (rests || self.force() == Force::ImmediateOrCancel)
                && !post_only;
        if right && least {
            Ok(())
        } else {
            Err(RejectReason::InvalidCombination)
        }
    }

    /// The price the order comes with.
    fn effective_price(&self, market: &Market, setting: &Setting) -> Option<Price> {
        let given = self.prices().limit.or(self.prices().protection);
        if given.is_some() {
            return given;
        }
        if self.is_stop() {
            return self.stop_protection(setting);
        }
        if self.waits_for_auction(setting) {
            return setting.band_limit(self.order.side);
        }
        market.protection(setting, self.order.side)
    }

    /// The protection of a stop that comes without one: an order of a cleared instrument holds from
    /// its entry on, so its worst price is fixed then.
    fn stop_protection(&self, setting: &Setting) -> Option<Price> {
        let sign = match self.order.side {
            Side::Buy => 1,
            Side::Sell => -1,
        };
        let stop = self.prices().stop?;
        let mut price = stop.moved(sign * setting.terms.market_protection_ticks);
        if let Some((low, high)) = setting.band {
            price = price.max(low).min(high);
        }
        setting.clears.hold_price(price)
    }

    #[inline]
    fn waits_for_auction(&self, setting: &Setting) -> bool {
        !self.is_stop() && (setting.auction.is_some() || self.force() == Force::Closing)
    }

    /// PRICE_SIGN.
    fn check_prices(&self, setting: &Setting, price: Option<Price>) -> Check {
        let sign = setting.terms.price_sign;
        let missing = price.is_none() && self.waits_for_auction(setting);
        if missing || self.prices().any(|price| !sign.allows(price)) {
            return Err(RejectReason::PriceSign);
        }
        Ok(())
    }

    /// QUANTITY, MAX_QUANTITY, DISPLAY_QUANTITY, MIN_QUANTITY_INVALID, EXPIRE_TIME.
    fn check_quantities(&self, setting: &Setting, time: Time) -> Check {
        let quantity = self.order.quantity;
        let part =
            |part: Option<Quantity>| part.is_none_or(|part| !part.is_zero() && part <= quantity);
        if quantity.is_zero() {
            return Err(RejectReason::Quantity);
        }
        if quantity > setting.terms.max_quantity {
            return Err(RejectReason::MaxQuantity);
        }
        if let OrderType::Limit(terms) = &self.order.order_type
            && !part(terms.display_quantity)
        {
            return Err(RejectReason::DisplayQuantity);
        }
        if !part(self.order.min_quantity) {
            return Err(RejectReason::MinQuantityInvalid);
        }
        if let TimeInForce::GoodTillDate(expire) = self.order.time_in_force
            && expire <= time
        {
            return Err(RejectReason::ExpireTime);
        }
        Ok(())
    }

    /// MAX_NOTIONAL, ORDER_VALUE.
    fn check_notional(&self, setting: &Setting, price: Option<Price>) -> Check {
        let given = self.prices().limit.or(self.prices().protection);
        let at = given.or(self.prices().stop).or(price);
        check_notional(setting, at, self.order.quantity)?;
        check_value(setting, price, self.order.quantity)
    }

    /// STATIC_BAND, DYNAMIC_BAND.
    fn check_bands(&self, market: &Market, setting: &Setting) -> Check {
        if setting.band.is_some() {
            let outside = |price| check_static(setting, price).is_err();
            if self.prices().any(outside) {
                return Err(RejectReason::StaticBand);
            }
        }
        let given = self.prices().limit.or(self.prices().protection);
        match given {
            Some(price) if !self.is_stop() => {
                check_dynamic(market, setting, self.order.side, price)
            }
            _ => Ok(()),
        }
    }

    #[inline(never)]
    fn check_any_room(
        &self,
        market: &Market,
        arena: &Arena,
        setting: &Setting,
        price: Option<Price>,
    ) -> Check {
        if arena.is_full() {
            return Err(RejectReason::OpenOrders);
        }
        if self.is_stop() {
            if market.stops.len() >= setting.stops_max as usize {
                return Err(RejectReason::StopOrders);
            }
            return Ok(());
        }
        let needs_level = self.kind() == Kind::Limit || self.waits_for_auction(setting);
        let price = price.filter(|_| needs_level && !setting.parks(self.force()));
        if price.is_some_and(|price| market.lacks_level(self.order.side, price, setting)) {
            return Err(RejectReason::PriceLevels);
        }
        Ok(())
    }

    #[inline(never)]
    fn check_any_taking(
        &self,
        market: &Market,
        arena: &Arena,
        setting: &Setting,
        price: Option<Price>,
    ) -> Check {
        if !setting.is_continuous() || self.force() == Force::Closing || self.is_stop() {
            return Ok(());
        }
        if let OrderType::Limit(terms) = &self.order.order_type
            && terms.posting == Posting::PostOnly
        {
            check_post_only(market, self.order.side, terms.price)?;
        }
        let (enough, reason) = if self.force() == Force::FillOrKill {
            (self.order.quantity, RejectReason::FokUnfillable)
        } else if let Some(least) = self.order.min_quantity {
            (least, RejectReason::MinQuantity)
        } else {
            return Ok(());
        };
        let probe = price.map(|limit| Probe {
            side: self.order.side,
            limit,
            owner: self.owner,
            prevention: self.order.self_trade_prevention,
            enough,
        });
        if probe.is_some_and(|probe| probe.is_feasible(&market.book, arena)) {
            return Ok(());
        }
        Err(reason)
    }
}

/// MAX_NOTIONAL on |price| x quantity, where there is a price.
#[inline]
pub(crate) fn check_notional(setting: &Setting, price: Option<Price>, quantity: Quantity) -> Check {
    let (Some(max), Some(price)) = (setting.terms.max_notional, price) else {
        return Ok(());
    };
    let notional = i128::from(price.ticks().abs()) * i128::from(quantity.lots());
    if notional > max {
        return Err(RejectReason::MaxNotional);
    }
    Ok(())
}

/// ORDER_VALUE, where there is clearing or margin, and a price.
#[inline]
pub(crate) fn check_value(setting: &Setting, price: Option<Price>, quantity: Quantity) -> Check {
    match (&setting.clears, price) {
        (Clears::With(cleared), Some(price)) => cleared.check_value(price, quantity),
        (Clears::Margin(margined), Some(price)) => margined.check_value(price, quantity),
        _ => Ok(()),
    }
}

/// STATIC_BAND.
pub(crate) fn check_static(setting: &Setting, price: Price) -> Check {
    match setting.band {
        Some((low, high)) if price < low || price > high => Err(RejectReason::StaticBand),
        _ => Ok(()),
    }
}

/// DYNAMIC_BAND, which holds in continuous trading only.
#[inline]
pub(crate) fn check_dynamic(market: &Market, setting: &Setting, side: Side, price: Price) -> Check {
    if !setting.is_continuous() {
        return Ok(());
    }
    match market.dynamic_limit(setting, side) {
        Some(limit) if price != limit && side.accepts(price, limit) => {
            Err(RejectReason::DynamicBand)
        }
        _ => Ok(()),
    }
}

/// POST_ONLY_WOULD_TAKE.
#[inline]
pub(crate) fn check_post_only(market: &Market, side: Side, price: Price) -> Check {
    match market.book.best_opposite(side) {
        Some(best) if side.accepts(price, best) => Err(RejectReason::PostOnlyWouldTake),
        _ => Ok(()),
    }
}

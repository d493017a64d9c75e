//! An instrument's clearing: which assets change hands, and what a tick of a lot is worth.
//!
//! Invariant: both factors are whole numbers, so the value of every trade is exact to the minor
//! unit. Not here: fees, amounts.

use super::Clearing;
use super::ledger::{Holder, Place};
use crate::command::{AssetClass, InstrumentTerms, SetClearing};
use crate::reject::{Reject, RejectReason};
use crate::types::{AssetId, InstrumentId, Price, Quantity, VenueId};
use crate::venue::Venue;

/// An instrument's clearing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cleared {
    /// What it is paid in.
    pub money: AssetId,
    /// What is delivered.
    pub goods: AssetId,
    /// Minor units of the money that one tick of one lot is worth; at least 1.
    pub tick_value: i64,
    /// Minor units of the goods in one lot; at least 1.
    pub lot_units: i64,
    /// The lowest price the instrument's sign allows, for what an order holds.
    pub(super) floor: Price,
    /// Where its venue's fees in this money go.
    pub(super) fees: Place,
    /// Whether there are rules of settlement.
    pub(super) settles: Settles,
}

/// How an instrument's trades settle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Settles {
    /// Both legs at once, and nothing is remembered.
    Plainly,
    /// Both legs at once; the settlement's rules hold.
    AtOnce,
    /// What is received waits.
    Later,
}

const _: () = assert!(size_of::<Cleared>() == 40, "copied with every command");

/// The largest factor either way; with the bounds of prices and quantities every product is below
/// 2^121, inside an `i128`.
const FACTOR_MAX: i128 = 1 << 40;

impl Cleared {
    /// The most one order may be worth, in minor units: 45 trillion yuan in fen. With the rates'
    /// bounds whatever an order holds stays below 2^61.
    pub const VALUE_MAX: i128 = 1 << 52;

    /// What `quantity` at `price` is worth; below zero where the price is.
    #[inline]
    pub(crate) fn value(&self, price: Price, quantity: Quantity) -> i128 {
        let lots = i128::from(quantity.lots()) * i128::from(self.tick_value);
        i128::from(price.ticks()) * lots
    }

    /// As [`Cleared::value`] of what an order may be worth, in one word; almost always without a
    /// wide product.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "asked of each plain order; measured")]
    pub(crate) fn worth(&self, price: Price, quantity: Quantity) -> i64 {
        let tick_lots = price.ticks().checked_mul(quantity.lots());
        let narrow = tick_lots.and_then(|tick_lots| tick_lots.checked_mul(self.tick_value));
        narrow.unwrap_or_else(|| self.wide(price, quantity))
    }

    #[cold]
    fn wide(&self, price: Price, quantity: Quantity) -> i64 {
        let value = self.value(price, quantity);
        value as i64
    }

    /// The price at which an order holds: no trade is below it for want of a lower one.
    #[inline]
    pub(crate) fn hold_price(&self, price: Price) -> Price {
        price.max(self.floor)
    }

    /// Whether there are rules of settlement.
    #[inline]
    pub(crate) fn is_ruled(&self) -> bool {
        self.settles != Settles::Plainly
    }

    /// Whether its venue's fee position is there.
    pub(super) fn has_fees(&self) -> bool {
        !self.fees.is_none()
    }

    /// ORDER_VALUE.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "asked of each plain order; measured")]
    pub(crate) fn check_value(&self, price: Price, quantity: Quantity) -> Result<(), RejectReason> {
        let tick_lots = price.ticks().checked_mul(quantity.lots());
        let narrow = tick_lots.and_then(|tick_lots| tick_lots.checked_mul(self.tick_value));
        let within = match narrow {
            Some(value) => value.unsigned_abs() <= Self::VALUE_MAX as u64,
            None => self.value(price, quantity).abs() <= Self::VALUE_MAX,
        };
        if within {
            Ok(())
        } else {
            Err(RejectReason::OrderValue)
        }
    }
}

/// A whole number of 10^-`decimals`, from `size` in units of 10^-`scale`.
fn scaled(size: i128, scale: u8, decimals: u8) -> Option<i64> {
    let ten = |exponent: u8| 10_i128.pow(u32::from(exponent));
    let (up, down) = (
        decimals.saturating_sub(scale),
        scale.saturating_sub(decimals),
    );
    let product = size.checked_mul(ten(up))?;
    let whole = product % ten(down) == 0;
    let units = product / ten(down);
    (whole && (1..=FACTOR_MAX).contains(&units)).then_some(units as i64)
}

/// What one tick of one lot is worth in minor units, if that is a whole number from 1 on.
pub fn tick_value(terms: &InstrumentTerms, money: AssetClass) -> Option<i64> {
    let size = i128::from(terms.tick_size) * i128::from(terms.lot_size);
    let scale = terms.price_decimals + terms.quantity_decimals;
    scaled(size, scale, money.decimals())
}

/// What one tick of one lot is worth and what one lot holds, in minor units, if both are whole
/// numbers from 1 on.
pub fn factors(
    terms: &InstrumentTerms,
    money: AssetClass,
    goods: AssetClass,
) -> Option<(i64, i64)> {
    let tick_value = tick_value(terms, money)?;
    let lot = i128::from(terms.lot_size);
    let lot_units = scaled(lot, terms.quantity_decimals, goods.decimals())?;
    Some((tick_value, lot_units))
}

impl Clearing {
    /// Checks an instrument's clearing and changes nothing; `live` is one of its live
    /// orders, if it has any.
    ///
    /// # Errors
    /// UNKNOWN_ASSET, INVALID_FIELD, TOO_MANY.
    pub(crate) fn check_terms(
        &self,
        command: &SetClearing,
        (venue, handle): (&Venue, VenueId),
        terms: &InstrumentTerms,
        live: Option<u32>,
    ) -> Result<Cleared, Reject> {
        let asset = |id| self.assets.asset(id).ok_or(RejectReason::UnknownAsset);
        let (money, goods) = (asset(command.money)?, asset(command.goods)?);
        let classes = matches!(money.class, AssetClass::Currency { .. })
            && matches!(goods.class, AssetClass::Goods { .. });
        let alike = [money, goods].map(|asset| asset.demonstration == venue.demonstration);
        let fresh = live.is_none()
            && self.terms(command.instrument).is_none()
            && self.margin.contract(command.instrument).is_none();
        let factors = factors(terms, money.class, goods.class).filter(|_| classes && fresh);
        let (tick_value, lot_units) = factors
            .filter(|_| alike == [true, true])
            .ok_or(RejectReason::InvalidField)?;
        let fees = self.ledger.find(Holder::Venue(handle), command.money);
        if fees.is_none() && self.ledger.room() == 0 {
            return Err(RejectReason::TooMany.into());
        }
        Ok(Cleared {
            money: command.money,
            goods: command.goods,
            tick_value,
            lot_units,
            floor: terms.price_sign.lowest(),
            fees: fees.unwrap_or(Place::NONE),
            settles: Settles::Plainly,
        })
    }

    /// Sets an instrument's clearing that was checked.
    pub(crate) fn set_terms(&mut self, id: InstrumentId, venue: VenueId, cleared: &Cleared) {
        let fees = self.ledger.open(Holder::Venue(venue), cleared.money);
        if id.place() >= self.terms.len() {
            self.terms.resize(id.place() + 1, None);
        }
        self.terms[id.place()] = Some(Cleared { fees, ..*cleared });
    }

    /// Writes into an instrument's clearing how its trades settle now.
    pub(super) fn rule(&mut self, instrument: InstrumentId) {
        let set = self.settlement.of(instrument).map(|known| known.set);
        let cleared = self.terms[instrument.place()].as_mut();
        cleared.expect("settlement is of what is cleared").settles = match set {
            None => Settles::Plainly,
            Some(set) if set.days == 0 => Settles::AtOnce,
            Some(_) => Settles::Later,
        };
    }

    /// Whether another instrument delivers the same goods.
    pub(crate) fn is_shared(&self, goods: AssetId, instrument: InstrumentId) -> bool {
        self.cleared()
            .any(|(other, cleared)| cleared.goods == goods && other != instrument)
    }

    /// All instruments with clearing, in order of their handles.
    pub fn cleared(&self) -> impl Iterator<Item = (InstrumentId, &Cleared)> {
        let terms = self.terms.iter().enumerate();
        terms.filter_map(|(index, terms)| {
            let terms = terms.as_ref()?;
            Some((InstrumentId::new(index as u32), terms))
        })
    }
}

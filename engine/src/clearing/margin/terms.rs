//! What makes an instrument a margin forward: its terms, prices and margins a lot.
//!
//! Invariant: the value of a tick of a lot is a whole number and a settlement price's value of a
//! lot is at most 2^52, so every margin is exact. Only licensed venues and sandboxes have margin
//! forwards (期货和衍生品法 11). Not here: rows, orders, marks.

use super::super::Clearing;
use super::super::ledger::{Holder, Place};
use super::super::terms::{Cleared, tick_value};
use super::rows::Chain;
use crate::command::{AssetClass, InstrumentTerms, SetMargin, SetSettlementPrice};
use crate::reject::{Basis, Reject, RejectReason};
use crate::types::{AssetId, InstrumentId, Price, PriceSign, Quantity, VenueId};
use crate::venue::{Law, Venue};

/// What orders and trades of a margin forward need to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Margined {
    /// What it is settled in.
    pub money: AssetId,
    /// Minor units of the money that one tick of one lot is worth; at least 1.
    pub tick_value: i64,
    pub(crate) instrument: InstrumentId,
    /// Where its venue's fees in this money go.
    pub(crate) fees: Place,
}

impl Margined {
    /// What `quantity` at `price` is worth.
    #[inline]
    pub(crate) fn value(&self, price: Price, quantity: Quantity) -> i128 {
        let lots = i128::from(quantity.lots()) * i128::from(self.tick_value);
        i128::from(price.ticks()) * lots
    }

    /// The price at which an order is counted: its prices are above zero.
    #[inline]
    pub(crate) fn hold_price(price: Price) -> Price {
        Price::new(price.ticks().max(1)).expect("between a price and the bound")
    }

    /// ORDER_VALUE.
    #[inline]
    pub(crate) fn check_value(&self, price: Price, quantity: Quantity) -> Result<(), RejectReason> {
        if self.value(price, quantity).abs() > Cleared::VALUE_MAX {
            return Err(RejectReason::OrderValue);
        }
        Ok(())
    }
}

/// A margin forward.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contract {
    /// As it was set.
    pub terms: SetMargin,
    /// What orders and trades need to know.
    pub margined: Margined,
    /// The price of the last mark, or that it was listed at.
    pub settlement: Price,
    /// An operator's price for the next mark.
    pub given: Option<Price>,
    /// Initial margin of a lot, in minor units.
    pub initial: i64,
    /// Maintenance margin of a lot, in minor units.
    pub maintenance: i64,
    /// Price times lots of all trades since the last mark.
    pub(crate) turnover: i128,
    /// Lots of all trades since the last mark.
    pub(crate) volume: i128,
    /// Where losses are collected and gains paid from.
    pub(crate) pool: Place,
    pub(crate) rows: Chain,
}

impl Contract {
    pub(super) fn new(terms: &SetMargin, margined: Margined, pool: Place) -> Self {
        let mut contract = Self {
            terms: *terms,
            margined,
            settlement: terms.settlement_price,
            given: None,
            initial: 0,
            maintenance: 0,
            turnover: 0,
            volume: 0,
            pool,
            rows: Chain::EMPTY,
        };
        contract.settle_at(terms.settlement_price);
        contract
    }

    /// From now on this is the settlement price.
    pub(super) fn settle_at(&mut self, price: Price) {
        self.settlement = price;
        let value = i128::from(price.ticks()) * i128::from(self.margined.tick_value);
        let share = |bp: u16| {
            let up = (value * i128::from(bp) + 9_999) / 10_000;
            i64::try_from(up).expect("a settlement price's value is checked")
        };
        self.initial = share(self.terms.initial_bp);
        self.maintenance = share(self.terms.maintenance_bp);
    }

    /// The most lots an account may come to be long or short.
    pub fn position_max(&self) -> i64 {
        let limit = self.terms.position_limit;
        limit.map_or(Quantity::MAX_LOTS, Quantity::lots)
    }

    /// The price of a mark now: an operator's, else the average of the trades since the last one
    /// by their quantity, rounded half up, else that of the last one.
    pub(super) fn average(&self) -> Price {
        if let Some(given) = self.given {
            return given;
        }
        if self.volume == 0 {
            return self.settlement;
        }
        let ticks = (2 * self.turnover + self.volume).div_euclid(2 * self.volume);
        let price = i64::try_from(ticks).ok().and_then(Price::new);
        price.expect("an average lies between the prices")
    }

    /// Counts a trade.
    #[inline]
    pub(super) fn note(&mut self, price: Price, quantity: Quantity) {
        let lots = i128::from(quantity.lots());
        self.turnover += i128::from(price.ticks()) * lots;
        self.volume += lots;
    }
}

/// Whether a settlement price may be this one.
pub(super) fn is_settlement(price: Price, tick_value: i64) -> bool {
    let value = i128::from(price.ticks()) * i128::from(tick_value);
    (1..=Cleared::VALUE_MAX).contains(&value)
}

/// Whether the terms are in their bounds.
fn are_valid(command: &SetMargin) -> bool {
    (1..=SetMargin::BP_MAX).contains(&command.initial_bp)
        && (1..=command.initial_bp).contains(&command.maintenance_bp)
        && (0..=SetMargin::CALL_DEADLINE_MAX.0).contains(&command.call_deadline.0)
        && command.position_limit.is_none_or(|limit| !limit.is_zero())
}

impl Clearing {
    /// Checks the terms of a margin forward and changes nothing; `live` is one of the instrument's
    /// live orders, if it has any.
    ///
    /// # Errors
    /// UNKNOWN_ASSET, INVALID_FIELD, MODEL_NOT_ALLOWED, TOO_MANY.
    pub(crate) fn check_margin(
        &self,
        command: &SetMargin,
        (venue, handle, law): (&Venue, VenueId, &Law),
        terms: &InstrumentTerms,
        live: Option<u32>,
    ) -> Result<Margined, Reject> {
        let instrument = command.instrument;
        let fresh = live.is_none()
            && self.terms(instrument).is_none()
            && self.margin.contract(instrument).is_none();
        if !fresh && self.assets.asset(command.money).is_some() {
            return Err(RejectReason::InvalidField.into());
        }
        let margined = self.check_margin_terms(command, (venue, handle, law), terms)?;
        let fees = u32::from(margined.fees.is_none());
        if self.ledger.room() < 1 + fees {
            return Err(RejectReason::TooMany.into());
        }
        Ok(margined)
    }

    /// UNKNOWN_ASSET, INVALID_FIELD, MODEL_NOT_ALLOWED.
    pub(super) fn check_margin_terms(
        &self,
        command: &SetMargin,
        (venue, handle, law): (&Venue, VenueId, &Law),
        terms: &InstrumentTerms,
    ) -> Result<Margined, Reject> {
        let money = self.assets.asset(command.money);
        let money = money.ok_or(RejectReason::UnknownAsset)?;
        let right = matches!(money.class, AssetClass::Currency { .. })
            && money.demonstration == venue.demonstration
            && terms.price_sign == PriceSign::Positive
            && are_valid(command);
        let tick_value = tick_value(terms, money.class)
            .filter(|value| right && is_settlement(command.settlement_price, *value));
        let tick_value = tick_value.ok_or(RejectReason::InvalidField)?;
        if !law.allows_margin(&venue.regimes) || !law.allows_margin(venue.last_regimes()) {
            return Err(Reject {
                reason: RejectReason::ModelNotAllowed,
                basis: Some(Basis::FuturesLaw11),
            });
        }
        let fees = self.ledger.find(Holder::Venue(handle), command.money);
        Ok(Margined {
            money: command.money,
            tick_value,
            instrument: command.instrument,
            fees: fees.unwrap_or(Place::NONE),
        })
    }

    /// Makes an instrument the margin forward that was checked.
    pub(crate) fn set_margin(&mut self, command: &SetMargin, venue: VenueId, checked: &Margined) {
        let fees = self.ledger.open(Holder::Venue(venue), command.money);
        let pool = Holder::Clearing(command.instrument);
        let pool = self.ledger.open(pool, command.money);
        let margined = Margined { fees, ..*checked };
        let contract = Contract::new(command, margined, pool);
        self.margin.put_contract(contract);
    }

    /// Checks an operator's settlement price and changes nothing.
    ///
    /// # Errors
    /// INVALID_FIELD, NOT_MARGIN.
    pub(crate) fn check_settlement_price(&self, command: SetSettlementPrice) -> Result<(), Reject> {
        let contract = self.margin.contract(command.instrument);
        let contract = contract.ok_or(RejectReason::NotMargin)?;
        if !is_settlement(command.price, contract.margined.tick_value) {
            return Err(RejectReason::InvalidField.into());
        }
        Ok(())
    }

    /// The next mark is at this price.
    pub(crate) fn set_settlement_price(&mut self, command: SetSettlementPrice) {
        let contract = self.margin.contract_mut(command.instrument);
        contract.given = Some(command.price);
    }
}

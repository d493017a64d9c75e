//! What an order may say: permissions of phases and statuses, combinations of type and time in
//! force, signs, bands, bounds (section 2).

use super::phases::CLOSING;
use super::*;
use RejectReason as R;
use TimeInForce as T;

/// An order type as flat fields.
pub struct Asked {
    pub kind: Kind,
    /// The limit, if the type has one.
    pub limit: Option<i64>,
    /// The limit or the protection given.
    pub given: Option<i64>,
    pub stop: Option<i64>,
    pub display: Option<Quantity>,
    pub post_only: bool,
}

pub fn asked(order_type: &OrderType) -> Asked {
    let (mut display, mut post_only) = (None, false);
    let (kind, limit, given, stop) = match *order_type {
        OrderType::Limit(terms) => {
            (display, post_only) = (terms.display_quantity, terms.posting == Posting::PostOnly);
            (Kind::Limit, Some(terms.price), None, None)
        }
        OrderType::Market { protection } => (Kind::Market, None, protection, None),
        OrderType::MarketToLimit { protection } => (Kind::ToLimit, None, protection, None),
        OrderType::Stop {
            stop_price,
            protection,
        } => (Kind::Stop, None, protection, Some(stop_price)),
        OrderType::StopLimit { stop_price, price } => {
            (Kind::StopLimit, Some(price), None, Some(stop_price))
        }
    };
    Asked {
        kind,
        limit: limit.map(Price::ticks),
        given: limit.or(given).map(Price::ticks),
        stop: stop.map(Price::ticks),
        display,
        post_only,
    }
}

pub fn fails(failed: bool, reason: R) -> Result<(), R> {
    if failed { Err(reason) } else { Ok(()) }
}

pub fn combines(new: &NewOrder, asked: &Asked) -> bool {
    let lasting = matches!(
        new.time_in_force,
        T::Day | T::GoodTillCancel | T::GoodTillDate(_)
    );
    let auction = matches!(new.time_in_force, T::Opening | T::Closing);
    let now = new.time_in_force == T::ImmediateOrCancel;
    let day = new.time_in_force == T::Day;
    let taken = match asked.kind {
        Kind::Limit => true,
        Kind::Market => day || auction || now || new.time_in_force == T::FillOrKill,
        Kind::ToLimit => lasting || auction,
        Kind::Stop | Kind::StopLimit => lasting,
    };
    let taker = matches!(asked.kind, Kind::Limit | Kind::Market) && !asked.post_only;
    taken
        && (!asked.post_only || lasting)
        && (asked.display.is_none() || lasting || auction)
        && (new.min_quantity.is_none() || (taker && (lasting || now)))
}

/// A price moved beyond the last one there is stays at the last one.
fn bounded(ticks: i64) -> i64 {
    ticks.clamp(-Price::MAX_TICKS, Price::MAX_TICKS)
}

impl Reference {
    /// The phase table (trading models, M0) and the statuses before it.
    pub(in crate::reference) fn permits(&self, instrument: usize, action: Action) -> Result<(), R> {
        use Phase::{ClosingCall, Continuous, PostClose, PreOpen, VolatilityCall};
        let known = &self.instruments[instrument];
        let venue = &self.venues[known.venue];
        let cancels = matches!(action, Action::Cancel | Action::MassCancel);
        for status in [venue.status, known.status] {
            fails(
                matches!(status, TradingStatus::Halted | TradingStatus::Suspended),
                R::Halted,
            )?;
            fails(
                status == TradingStatus::CancelOnly && !cancels,
                R::CancelOnly,
            )?;
        }
        let both = matches!(
            venue.phase,
            PreOpen | Continuous | VolatilityCall | ClosingCall
        );
        let entry = matches!(
            venue.phase,
            Phase::PreOpenNoCancel | Phase::ClosingCallNoCancel
        );
        fails(!cancels && !both && !entry, R::MarketClosed)?;
        let refused = action != Action::New && !both && venue.phase != PostClose;
        fails(refused, R::PhaseNoCancel)
    }

    /// Phase, statuses, time in force, clearing, whether the investor is qualified, and the
    /// combination of what an order says.
    pub(in crate::reference) fn entry(&self, new: &NewOrder, asked: &Asked) -> Result<(), Reject> {
        let (i, tif) = (new.instrument.place(), new.time_in_force);
        self.permits(i, Action::New)?;
        self.dated(i)?;
        let opening = matches!(self.phase(i), Phase::PreOpen | Phase::PreOpenNoCancel);
        fails(tif == T::Opening && !opening, R::PhaseTimeInForce)?;
        let now = matches!(tif, T::ImmediateOrCancel | T::FillOrKill);
        let at_once = now || new.min_quantity.is_some();
        fails(self.auction(i).is_some() && at_once, R::PhaseTimeInForce)?;
        let known = &self.instruments[i];
        let real = self.venues[known.venue].demonstration == Demonstration::Real;
        let none = known.clearing.is_none() && known.margin.is_none();
        fails(real && none, R::NotCleared)?;
        self.is_qualified(new.account, i)?;
        self.lies_apart(new)?;
        Ok(fails(!combines(new, asked), R::InvalidCombination)?)
    }

    /// Quantities and the expiry.
    pub(in crate::reference) fn amounts(&self, new: &NewOrder, asked: &Asked) -> Result<(), R> {
        let most = self.instruments[new.instrument.place()].terms.max_quantity;
        let wrong = |part: Quantity| part.is_zero() || part > new.quantity;
        fails(new.quantity.is_zero(), R::Quantity)?;
        fails(new.quantity > most, R::MaxQuantity)?;
        fails(asked.display.is_some_and(wrong), R::DisplayQuantity)?;
        fails(new.min_quantity.is_some_and(wrong), R::MinQuantityInvalid)?;
        let over = matches!(new.time_in_force, T::GoodTillDate(end) if end <= self.time);
        fails(over, R::ExpireTime)
    }

    pub(in crate::reference) fn in_closing_auction(&self, instrument: usize) -> bool {
        self.auction(instrument) == CLOSING
    }

    pub(in crate::reference) fn auction(&self, instrument: usize) -> Option<u8> {
        call(self.phase(instrument))
    }

    pub(in crate::reference) fn phase(&self, instrument: usize) -> Phase {
        self.venues[self.instruments[instrument].venue].phase
    }

    /// The static band, if there is one.
    pub(in crate::reference) fn band(&self, instrument: usize) -> Option<(i64, i64)> {
        let known = &self.instruments[instrument];
        let (bp, reference) = (known.terms.static_band_bp?, known.reference?);
        let width = i128::from(reference.abs()) * i128::from(bp) / 10_000;
        let width = i64::try_from(width).expect("no wider than twice all prices");
        Some((bounded(reference - width), bounded(reference + width)))
    }

    /// The protection a market order gets in continuous trading.
    pub(in crate::reference) fn protection(&self, instrument: usize, side: Side) -> Option<i64> {
        let known = &self.instruments[instrument];
        let best = self.best(instrument, side.opposite())?;
        let away = known.terms.market_protection_ticks;
        let mut at = if side == Side::Buy {
            best + away
        } else {
            best - away
        };
        if let Some((low, high)) = self.band(instrument) {
            at = at.clamp(low, high);
        }
        if let (Some(width), Some(last)) = (known.terms.dynamic_band_ticks, known.last) {
            at = if side == Side::Buy {
                at.min(last + width)
            } else {
                at.max(last - width)
            };
        }
        Some(bounded(at))
    }

    pub(in crate::reference) fn sign(
        &self,
        instrument: usize,
        given: &[Option<i64>],
    ) -> Result<(), R> {
        let sign = self.instruments[instrument].terms.price_sign;
        fails(
            given.iter().flatten().any(|&at| !sign.allows(price(at))),
            R::PriceSign,
        )
    }

    pub(in crate::reference) fn notional(
        &self,
        instrument: usize,
        at: Option<i64>,
        quantity: i64,
    ) -> Result<(), R> {
        let most = self.instruments[instrument].terms.max_notional;
        let value = i128::from(at.unwrap_or(0).abs()) * i128::from(quantity);
        fails(most.is_some_and(|most| value > most), R::MaxNotional)
    }

    pub(in crate::reference) fn static_band(
        &self,
        instrument: usize,
        given: &[Option<i64>],
    ) -> Result<(), R> {
        let (low, high) = self.band(instrument).unwrap_or((i64::MIN, i64::MAX));
        fails(
            given.iter().flatten().any(|at| !(low..=high).contains(at)),
            R::StaticBand,
        )
    }

    pub(in crate::reference) fn dynamic_band(
        &self,
        instrument: usize,
        side: Side,
        at: Option<i64>,
    ) -> Result<(), R> {
        let known = &self.instruments[instrument];
        let width = known.terms.dynamic_band_ticks;
        let (Phase::Continuous, Some(width), Some(last), Some(at)) =
            (self.phase(instrument), width, known.last, at)
        else {
            return Ok(());
        };
        let beyond = if side == Side::Buy {
            at > last + width
        } else {
            at < last - width
        };
        fails(beyond, R::DynamicBand)
    }
}

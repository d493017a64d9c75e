//! Instruments: their terms and the static band that follows from them.
//!
//! Invariant: an instrument's terms are inside their documented bounds. Not here: its book, its
//! last trade (`market::book`), decimals (the gateway's).

use super::TradingStatus;
use crate::bytes::{self, BytesError, Reader};
use crate::command::InstrumentTerms;
use crate::types::{Name, Price, PriceSign, Title, VenueId};

/// An instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instrument {
    /// Its public id.
    pub name: Name,
    /// Its title for people.
    pub title: Title,
    /// Its venue.
    pub venue: VenueId,
    /// How it trades.
    pub terms: InstrumentTerms,
    /// Its own trading status, beside its venue's.
    pub status: TradingStatus,
    /// The price its static band hangs on.
    pub reference: Option<Price>,
}

/// The most decimals of a price or a quantity.
pub const DECIMALS_MAX: u8 = 9;

impl Instrument {
    /// The lowest and highest price of the static band; `None` without a band or a reference.
    pub fn static_limits(&self) -> Option<(Price, Price)> {
        let reference = self.reference?;
        let band = i128::from(self.terms.static_band_bp?);
        let width = i128::from(reference.ticks().abs()) * band / 10_000;
        let width = i64::try_from(width).expect("2^40 x 2^32 / 10,000 is below 2^59");
        Some((reference.moved(-width), reference.moved(width)))
    }

    /// Writes the instrument.
    pub fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_text(out, &self.name);
        bytes::put_text(out, &self.title);
        bytes::put_varint(out, u64::from(self.venue.index()));
        put_terms(out, &self.terms);
        bytes::put_u8(out, self.status as u8);
        bytes::put_option(out, self.reference, bytes::put_price);
    }

    /// Reads what [`Instrument::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes; terms out of their bounds.
    pub fn decode(input: &mut Reader<'_>) -> Result<Self, BytesError> {
        let instrument = Self {
            name: input.text()?,
            title: input.text()?,
            venue: VenueId::new(input.varint32("an instrument's venue")?),
            terms: terms(input)?,
            status: status(input)?,
            reference: input.option(|input| input.price("reference price"))?,
        };
        if !are_valid(&instrument.terms) {
            return Err(BytesError::range("an instrument's terms"));
        }
        Ok(instrument)
    }
}

/// Whether terms are inside their documented bounds.
pub fn are_valid(terms: &InstrumentTerms) -> bool {
    !terms.currency.is_empty()
        && !terms.unit.is_empty()
        && terms.tick_size > 0
        && terms.price_decimals <= DECIMALS_MAX
        && terms.lot_size > 0
        && terms.quantity_decimals <= DECIMALS_MAX
        && terms.dynamic_band_ticks.is_none_or(|ticks| ticks >= 0)
        && terms.market_protection_ticks >= 0
        && !terms.max_quantity.is_zero()
        && terms.max_notional.is_none_or(|notional| notional > 0)
}

/// Reads a trading status by its number.
pub(crate) fn status(input: &mut Reader<'_>) -> Result<TradingStatus, BytesError> {
    TradingStatus::from_code(input.u8()?).ok_or(BytesError::range("trading status"))
}

/// Writes terms.
pub(crate) fn put_terms(out: &mut Vec<u8>, terms: &InstrumentTerms) {
    bytes::put_text(out, &terms.currency);
    bytes::put_text(out, &terms.unit);
    bytes::put_zigzag(out, terms.tick_size);
    bytes::put_u8(out, terms.price_decimals);
    bytes::put_zigzag(out, terms.lot_size);
    bytes::put_u8(out, terms.quantity_decimals);
    let sign = match terms.price_sign {
        PriceSign::Positive => 0,
        PriceSign::NonNegative => 1,
        PriceSign::Any => 2,
    };
    bytes::put_u8(out, sign);
    bytes::put_option(out, terms.static_band_bp, bytes::put_u32);
    bytes::put_option(out, terms.dynamic_band_ticks, bytes::put_zigzag);
    bytes::put_zigzag(out, terms.market_protection_ticks);
    bytes::put_quantity(out, terms.max_quantity);
    bytes::put_option(out, terms.max_notional, bytes::put_i128);
}

/// Reads what [`put_terms`] wrote, whether or not the bounds hold.
pub(crate) fn terms(input: &mut Reader<'_>) -> Result<InstrumentTerms, BytesError> {
    Ok(InstrumentTerms {
        currency: input.text()?,
        unit: input.text()?,
        tick_size: input.zigzag()?,
        price_decimals: input.u8()?,
        lot_size: input.zigzag()?,
        quantity_decimals: input.u8()?,
        price_sign: match input.u8()? {
            0 => PriceSign::Positive,
            1 => PriceSign::NonNegative,
            2 => PriceSign::Any,
            _ => return Err(BytesError::range("price sign")),
        },
        static_band_bp: input.option(Reader::u32)?,
        dynamic_band_ticks: input.option(Reader::zigzag)?,
        market_protection_ticks: input.zigzag()?,
        max_quantity: input.quantity("the largest quantity")?,
        max_notional: input.option(Reader::i128)?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::types::Quantity;

    /// Terms that are valid.
    pub(crate) fn sample() -> InstrumentTerms {
        InstrumentTerms {
            currency: Name::new("CNY").expect("short"),
            unit: Name::new("t").expect("short"),
            tick_size: 1,
            price_decimals: 2,
            lot_size: 5,
            quantity_decimals: 0,
            price_sign: PriceSign::Positive,
            static_band_bp: Some(1_000),
            dynamic_band_ticks: Some(0),
            market_protection_ticks: 0,
            max_quantity: Quantity::new(1).expect("in bounds"),
            max_notional: Some(1),
        }
    }

    #[test]
    fn terms_have_their_bounds() {
        let good = sample();
        assert!(are_valid(&good));
        let bad = [
            InstrumentTerms {
                currency: Name::EMPTY,
                ..good
            },
            InstrumentTerms {
                unit: Name::EMPTY,
                ..good
            },
            InstrumentTerms {
                tick_size: 0,
                ..good
            },
            InstrumentTerms {
                price_decimals: 10,
                ..good
            },
            InstrumentTerms {
                lot_size: 0,
                ..good
            },
            InstrumentTerms {
                quantity_decimals: 10,
                ..good
            },
            InstrumentTerms {
                dynamic_band_ticks: Some(-1),
                ..good
            },
            InstrumentTerms {
                market_protection_ticks: -1,
                ..good
            },
            InstrumentTerms {
                max_quantity: Quantity::ZERO,
                ..good
            },
            InstrumentTerms {
                max_notional: Some(0),
                ..good
            },
        ];
        for terms in bad {
            assert!(!are_valid(&terms), "{terms:?}");
        }
    }

    #[test]
    fn the_static_band_rounds_towards_its_reference() {
        let limits = |reference, band| {
            let mut terms = sample();
            terms.static_band_bp = band;
            let instrument = Instrument {
                name: Name::EMPTY,
                title: Title::EMPTY,
                venue: VenueId::new(0),
                terms,
                status: TradingStatus::Trading,
                reference: Price::new(reference),
            };
            let limits = instrument.static_limits();
            limits.map(|(low, high)| (low.ticks(), high.ticks()))
        };
        assert_eq!(limits(1_005, Some(1_000)), Some((905, 1_105)));
        assert_eq!(limits(-1_005, Some(1_000)), Some((-1_105, -905)));
        assert_eq!(limits(7, Some(1)), Some((7, 7)));
        assert_eq!(limits(7, None), None);
        let max = Price::MAX_TICKS;
        assert_eq!(limits(max, Some(u32::MAX)), Some((-max, max)));
    }
}

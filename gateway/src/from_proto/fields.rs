//! Reading single fields, and collecting what is wrong with them.
//!
//! Invariant: a reader that answers `None` has noted why, unless the field was lawfully empty.
//! Not here: which fields a message has.

use std::fmt;
use std::str::FromStr;

use engine::clearing::Asset;
use engine::command::InstrumentTerms;
use engine::types::{
    AccountId, Amount, AssetId, ClientId, CustodianId, InstrumentId, Name, Nanoseconds, Price,
    Quantity, SelfTradePrevention, Side, Text, Time, VenueId,
};
use engine::venue::{Phase, TradingStatus};
use proto::v1;
use rust_decimal::Decimal;

use super::timetable::date;
use crate::directory::Tables;
use crate::errors::{Failure, Kind, Violation};
use crate::to_proto::decimal_text;

/// The most faults that are told: enough to mend a request, and no flood for a large batch.
const VIOLATIONS_MAX: usize = 32;

/// Where in a message a field stands.
#[derive(Clone, Copy, Debug)]
pub enum Prefix {
    /// At the top.
    None,
    /// In an operation of a batch.
    Operation(usize, &'static str),
    /// In a command of a session's batch.
    Command(usize, &'static str),
    /// In an entry of a timetable.
    Entry(usize),
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Operation(place, kind) => write!(f, "operations[{place}].{kind}."),
            Self::Command(place, "") => write!(f, "batch.commands[{place}]."),
            Self::Command(place, kind) => write!(f, "batch.commands[{place}].{kind}."),
            Self::Entry(place) => write!(f, "entries[{place}]."),
        }
    }
}

/// The fields of one message while they are read.
#[derive(Debug)]
pub struct Fields<'a> {
    /// Names to handles.
    pub tables: &'a Tables,
    prefix: Prefix,
    violations: Vec<Violation>,
    missing: Option<(Kind, String)>,
}

impl<'a> Fields<'a> {
    /// Nothing read yet.
    pub const fn new(tables: &'a Tables, prefix: Prefix) -> Self {
        Self {
            tables,
            prefix,
            violations: Vec::new(),
            missing: None,
        }
    }

    /// From here on fields stand at another place.
    pub const fn enter(&mut self, prefix: Prefix) {
        self.prefix = prefix;
    }

    /// Notes a fault; of several of one field the first is kept.
    pub fn wrong(&mut self, field: &str, description: impl Into<String>) {
        let field = format!("{}{field}", self.prefix);
        let room = self.violations.len() < VIOLATIONS_MAX;
        if room && self.violations.iter().all(|known| known.field != field) {
            self.violations.push(Violation {
                field,
                description: description.into(),
            });
        }
    }

    /// Notes that something named does not exist.
    pub fn missing(&mut self, kind: Kind, name: &str) {
        self.missing
            .get_or_insert_with(|| (kind, shorten(name).to_owned()));
    }

    /// The value, if every field was right.
    ///
    /// # Errors
    /// What was wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Failure> {
        if !self.violations.is_empty() {
            return Err(Failure::Invalid(self.violations));
        }
        match (self.missing, value) {
            (Some((kind, name)), _) => Err(Failure::NotFound(kind, name)),
            (None, Some(value)) => Ok(value),
            (None, None) => Err(Failure::field("", "a required field is not given")),
        }
    }

    fn text<const N: usize>(&mut self, field: &str, text: &str) -> Option<Text<N>> {
        let read = Text::new(text);
        if read.is_none() {
            self.wrong(
                field,
                format!("has {} bytes; at most {N} are right", text.len()),
            );
        }
        read
    }

    /// The client's id of a command.
    pub fn client_id(&mut self, field: &str, text: &str) -> Option<ClientId> {
        if text.is_empty() {
            self.wrong(field, "is empty; an id of 1 to 36 bytes is required");
            return None;
        }
        self.text(field, text)
    }

    /// A public id that is to be given to something.
    pub fn new_name(&mut self, field: &str, text: &str) -> Option<Name> {
        if text.is_empty() {
            self.wrong(field, "is empty; an id of 1 to 40 bytes is required");
            return None;
        }
        self.text(field, text)
    }

    /// A text for people; may be empty.
    pub fn title<const N: usize>(&mut self, field: &str, text: &str) -> Option<Text<N>> {
        self.text(field, text)
    }

    /// The handle of an existing thing; `find` looks it up.
    pub fn existing(
        &mut self,
        field: &str,
        text: &str,
        kind: Kind,
        find: impl FnOnce(&Tables, &str) -> Option<u32>,
    ) -> Option<u32> {
        if text.is_empty() {
            let what = kind.as_str().replace('_', " ");
            self.wrong(
                field,
                format!("is empty; the id of an existing {what} is required"),
            );
            return None;
        }
        let found = find(self.tables, text);
        if found.is_none() {
            self.missing(kind, text);
        }
        found
    }

    /// An existing account.
    pub fn account(&mut self, field: &str, text: &str) -> Option<AccountId> {
        self.existing(field, text, Kind::Account, |t, name| t.accounts.find(name))
            .map(AccountId::new)
    }

    /// An existing instrument.
    pub fn instrument(&mut self, field: &str, text: &str) -> Option<InstrumentId> {
        self.existing(field, text, Kind::Instrument, |t, name| {
            t.instruments.find(name)
        })
        .map(InstrumentId::new)
    }

    /// An existing venue.
    pub fn venue(&mut self, field: &str, text: &str) -> Option<VenueId> {
        self.existing(field, text, Kind::Venue, |t, name| t.venues.find(name))
            .map(VenueId::new)
    }

    /// An existing asset.
    pub fn asset(&mut self, field: &str, text: &str) -> Option<AssetId> {
        self.existing(field, text, Kind::Asset, |t, name| t.assets.find(name))
            .map(AssetId::new)
    }

    /// An existing custodian.
    pub fn custodian(&mut self, field: &str, text: &str) -> Option<CustodianId> {
        let find = |t: &Tables, name: &str| t.custodians.find(name);
        self.existing(field, text, Kind::Custodian, find)
            .map(CustodianId::new)
    }

    /// An amount of an asset, exact, if one is given.
    pub fn amount(&mut self, field: &str, text: &str, asset: &Asset) -> Option<Amount> {
        let decimals = asset.class.decimals();
        let units = self.decimal(field, text, decimals)?;
        let read = i64::try_from(units).ok().and_then(Amount::new);
        if read.is_none() {
            let max = decimal_text(Amount::MAX_UNITS.into(), decimals);
            let text = shorten(text);
            self.wrong(field, format!("{text} must lie between 0 and {max}"));
        }
        read
    }

    /// A required date, "YYYY-MM-DD", as days from 1970-01-01.
    pub fn date(&mut self, field: &str, text: &str) -> Option<i32> {
        let read = date(text);
        if read.is_none() {
            let text = shorten(text);
            self.wrong(
                field,
                format!("\"{text}\" is no date; one is written like 2026-11-23"),
            );
        }
        read
    }

    /// A required side.
    pub fn side(&mut self, field: &str, value: i32) -> Option<Side> {
        let side = self.optional_side(field, value);
        if value == 0 {
            self.wrong(field, "is not given; SIDE_BUY or SIDE_SELL is required");
        }
        side
    }

    /// A side, or none.
    pub fn optional_side(&mut self, field: &str, value: i32) -> Option<Side> {
        match v1::Side::try_from(value) {
            Ok(v1::Side::Buy) => Some(Side::Buy),
            Ok(v1::Side::Sell) => Some(Side::Sell),
            Ok(v1::Side::Unspecified) => None,
            Err(_) => {
                self.wrong(field, format!("{value} is no side; 1 buys, 2 sells"));
                None
            }
        }
    }

    /// Self-trade prevention; unspecified is cancel taker.
    pub fn self_trade_prevention(
        &mut self,
        field: &str,
        value: i32,
    ) -> Option<SelfTradePrevention> {
        use v1::SelfTradePrevention as W;
        Some(match W::try_from(value) {
            Ok(W::Unspecified | W::CancelTaker) => SelfTradePrevention::CancelTaker,
            Ok(W::None) => SelfTradePrevention::None,
            Ok(W::CancelMaker) => SelfTradePrevention::CancelMaker,
            Ok(W::CancelBoth) => SelfTradePrevention::CancelBoth,
            Ok(W::Decrement) => SelfTradePrevention::Decrement,
            Err(_) => {
                self.wrong(field, format!("{value} is no way to prevent; 1 to 5 are"));
                return None;
            }
        })
    }

    /// A required phase.
    pub fn phase(&mut self, field: &str, value: i32) -> Option<Phase> {
        let phase = u8::try_from(value).ok().and_then(Phase::from_code);
        if phase.is_none() {
            self.wrong(
                field,
                format!("{value} is no phase; 1 (CLOSED) to 10 (POST_CLOSE) are"),
            );
        }
        phase
    }

    /// A required trading status.
    pub fn trading_status(&mut self, field: &str, value: i32) -> Option<TradingStatus> {
        let status = u8::try_from(value).ok().and_then(TradingStatus::from_code);
        if status.is_none() {
            self.wrong(
                field,
                format!("{value} is no trading status; 1 (TRADING) to 4 (SUSPENDED) are"),
            );
        }
        status
    }

    /// An instant, if one is given.
    pub fn time(&mut self, field: &str, value: Option<&prost_types::Timestamp>) -> Option<Time> {
        let value = value?;
        let time = i128::from(value.seconds) * 1_000_000_000 + i128::from(value.nanos);
        let read = i64::try_from(time).ok().and_then(Time::new);
        if read.is_none() {
            self.wrong(field, "must lie between the years 1970 and 2200");
        }
        read
    }

    /// An instant in nanoseconds; zero is none.
    pub fn time_ns(&mut self, field: &str, value: i64) -> Option<Time> {
        if value == 0 {
            return None;
        }
        let read = Time::new(value);
        if read.is_none() {
            self.wrong(field, "must lie between the years 1970 and 2200");
        }
        read
    }

    /// A price in human units, if one is given.
    pub fn price(&mut self, field: &str, text: &str, terms: &InstrumentTerms) -> Option<Price> {
        let step = (terms.tick_size, terms.price_decimals);
        let ticks = self.steps(field, text, step, "tick")?;
        self.ticks(field, ticks)
    }

    /// A price in ticks.
    pub fn ticks(&mut self, field: &str, ticks: i64) -> Option<Price> {
        let price = Price::new(ticks);
        if price.is_none() {
            let max = Price::MAX_TICKS;
            self.wrong(field, format!("must lie between -{max} and {max} ticks"));
        }
        price
    }

    /// A quantity in human units, if one is given.
    pub fn quantity(
        &mut self,
        field: &str,
        text: &str,
        terms: &InstrumentTerms,
    ) -> Option<Quantity> {
        let step = (terms.lot_size, terms.quantity_decimals);
        let lots = self.steps(field, text, step, "lot")?;
        self.lots(field, lots)
    }

    /// A quantity in lots.
    pub fn lots(&mut self, field: &str, lots: i64) -> Option<Quantity> {
        let quantity = Quantity::new(lots);
        if quantity.is_none() {
            let max = Quantity::MAX_LOTS;
            self.wrong(field, format!("must lie between 0 and {max} lots"));
        }
        quantity
    }

    /// A decimal as a number of steps of `step.0` x 10^-`step.1`; none for empty text.
    fn steps(&mut self, field: &str, text: &str, step: (i64, u8), word: &str) -> Option<i64> {
        let units = self.decimal(field, text, step.1)?;
        let size = i128::from(step.0.max(1));
        if units.rem_euclid(size) != 0 {
            let below = units.div_euclid(size).saturating_mul(size);
            let above = below.saturating_add(size);
            self.wrong(
                field,
                format!(
                    "{} is no multiple of the {word} {}; {} and {} are",
                    shorten(text),
                    decimal_text(size, step.1),
                    decimal_text(below, step.1),
                    decimal_text(above, step.1)
                ),
            );
            return None;
        }
        let steps = i64::try_from(units / size).ok();
        if steps.is_none() {
            self.wrong(field, format!("{} is too large", shorten(text)));
        }
        steps
    }

    /// A decimal in units of 10^-`decimals`; none for empty text.
    pub fn decimal(&mut self, field: &str, text: &str, decimals: u8) -> Option<i128> {
        if text.is_empty() {
            return None;
        }
        match decimal(text, decimals) {
            Ok(units) => Some(units),
            Err(why) => {
                self.wrong(field, format!("\"{}\" {why}", shorten(text)));
                None
            }
        }
    }

    /// A time of day, "HH:MM:SS" with up to nine digits after a point.
    pub fn time_of_day(&mut self, field: &str, text: &str) -> Option<Nanoseconds> {
        let read = time_of_day(text);
        if read.is_none() {
            let text = shorten(text);
            self.wrong(
                field,
                format!("\"{text}\" is no time of day; one is written like 09:15:00"),
            );
        }
        read
    }
}

/// What an instrument's handle stands for, when it was found.
pub fn at(tables: &Tables, instrument: Option<InstrumentId>) -> Option<InstrumentTerms> {
    tables.instrument(instrument?).map(|entry| entry.terms)
}

/// At most the first 40 characters: what a client sent is not echoed without bound.
pub fn shorten(text: &str) -> &str {
    text.char_indices()
        .nth(40)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

fn decimal(text: &str, decimals: u8) -> Result<i128, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let points = digits.bytes().filter(|byte| *byte == b'.').count();
    let known = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !known || points > 1 || !digits.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err("is no number; one is written like 6820.50".to_owned());
    }
    let value = Decimal::from_str(text)
        .ok()
        .filter(|value| digits.len() <= 30 || value.to_string() == text)
        .ok_or("has too many digits; at most 28 are right")?
        .normalize();
    let missing = u32::from(decimals).checked_sub(value.scale());
    let Some(missing) = missing else {
        return Err(format!("has more than {decimals} digits after the point"));
    };
    value
        .mantissa()
        .checked_mul(10_i128.pow(missing))
        .ok_or_else(|| "is too large".to_owned())
}

fn time_of_day(text: &str) -> Option<Nanoseconds> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) if (1..=9).contains(&fraction.len()) => (clock, fraction),
        Some(_) => return None,
        None => (text, "0"),
    };
    let mut parts = clock.split(':').map(|part| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<i64>().ok()).flatten()
    });
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse::<i64>().ok()?;
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(Nanoseconds(seconds * 1_000_000_000 + nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        let cases = [
            ("6820.50", 2, Some(682_050)),
            ("6820.5", 2, Some(682_050)),
            ("-0.05", 2, Some(-5)),
            ("5", 0, Some(5)),
            ("5.", 0, Some(5)),
            (".5", 1, Some(5)),
            ("0005.10", 1, Some(51)),
            ("6820.505", 2, None),
            ("1e3", 2, None),
            ("1_000", 2, None),
            ("+1", 2, None),
            ("--1", 2, None),
            ("1.2.3", 2, None),
            ("-", 2, None),
            (".", 2, None),
            ("NaN", 2, None),
            (" 1", 2, None),
            ("99999999999999999999999999999999", 2, None),
            ("0.00000000000000000000000000000000001", 9, None),
        ];
        for (text, decimals, units) in cases {
            assert_eq!(decimal(text, decimals).ok(), units, "{text}");
        }
    }

    #[test]
    fn times_of_day_are_read_or_refused() {
        let second = 1_000_000_000;
        let cases = [
            ("00:00:00", Some(0)),
            ("09:15:00", Some((9 * 60 + 15) * 60 * second)),
            ("23:59:59.999999999", Some(86_400 * second - 1)),
            ("09:15:00.5", Some((9 * 60 + 15) * 60 * second + second / 2)),
            ("24:00:00", None),
            ("9:15:00", None),
            ("09:15", None),
            ("09:60:00", None),
            ("09:15:00.", None),
            ("09:15:00.0000000001", None),
            ("09:15:00.x", None),
            ("", None),
        ];
        for (text, nanoseconds) in cases {
            let read = time_of_day(text).map(|time| time.0);
            assert_eq!(read, nanoseconds, "{text}");
        }
    }
}

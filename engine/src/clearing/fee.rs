//! Fees: which rates an order has, and what it is charged for what it accrued.
//!
//! An order's whole fee is a function of what it accrued, so rounding, minimum and cap are of the
//! order, however its fills fall: charges are rounded up, rebates down in size.
//!
//! Invariant: rates never change once an order has them; the table only grows. Not here: who pays
//! whom (`orders`).

use std::collections::BTreeMap;

use crate::bytes::{self, BytesError, Reader};
use crate::command::{FeeRates, SetFees, SetTier};
use crate::limits::Limits;
use crate::parties::Parties;
use crate::reject::{Reject, RejectReason};
use crate::types::{InstrumentId, ParticipantId, VenueId};

/// The place of the rates of nothing.
pub(crate) const NONE: u32 = 0;

/// Millionths of a minor unit in one.
const MILLION: i64 = 1_000_000;

/// How an order traded (FIX 851).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Liquidity {
    Maker,
    Taker,
    Auction,
}

/// What an order accrued: whole minor units, below zero for rebates, and millionths in
/// `0..1,000,000` above them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Accrued {
    pub(crate) whole: i64,
    pub(crate) millionths: u32,
}

impl Accrued {
    /// After a fill of `lots` worth `value` (its size counts) at `ppm`.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "asked of each plain order; measured")]
    #[must_use]
    pub(crate) fn plus(self, value: i64, ppm: i32, lots: i64, per_lot: i64) -> Self {
        // Narrow where it can be: below 2^40 x 10^5 + 10^6.
        if per_lot == 0 && value.unsigned_abs() < 1 << 40 {
            if ppm >= 0 {
                return self.plus_charge(value.unsigned_abs(), ppm.unsigned_abs());
            }
            let sum = value.abs() * i64::from(ppm) + i64::from(self.millionths);
            return Self {
                whole: self.whole + sum.div_euclid(MILLION),
                millionths: sum.rem_euclid(MILLION) as u32,
            };
        }
        self.plus_wide(value, ppm, lots, per_lot)
    }

    /// A division of what is not below zero is the cheaper one.
    #[inline]
    fn plus_charge(self, value: u64, ppm: u32) -> Self {
        const MILLION: u64 = self::MILLION as u64;
        let sum = value * u64::from(ppm) + u64::from(self.millionths);
        Self {
            whole: self.whole + (sum / MILLION) as i64,
            millionths: (sum % MILLION) as u32,
        }
    }

    #[inline(never)]
    fn plus_wide(self, value: i64, ppm: i32, lots: i64, per_lot: i64) -> Self {
        let by_value = i128::from(value.unsigned_abs()) * i128::from(ppm);
        let by_lots = i128::from(lots) * i128::from(per_lot) * i128::from(MILLION);
        let sum = by_value + by_lots + i128::from(self.millionths);
        // A division of 128 bits costs more than the rest of a fee.
        if let Ok(narrow) = i64::try_from(sum) {
            return Self {
                whole: self.whole + narrow.div_euclid(MILLION),
                millionths: narrow.rem_euclid(MILLION) as u32,
            };
        }
        let million = i128::from(MILLION);
        let whole = i64::try_from(sum.div_euclid(million));
        Self {
            whole: self.whole + whole.expect("value below 2^60, rates 10 %, lots x per_lot 2^60"),
            millionths: sum.rem_euclid(million) as u32,
        }
    }

    /// What is charged for it without a cap.
    #[inline]
    fn charged_uncapped(self, rates: &FeeRates) -> i64 {
        let up = self.whole + i64::from(self.millionths > 0);
        if up > 0 { up.max(rates.minimum) } else { up }
    }

    /// What is charged for it; below zero it is a rebate.
    #[inline]
    pub(crate) fn charged(self, rates: &FeeRates) -> i64 {
        let charged = self.charged_uncapped(rates);
        rates.cap.map_or(charged, |cap| charged.min(cap))
    }

    /// The most that `lots` more, worth `value`, can add to what is charged; a cap could only make
    /// it less. What trades for nothing accrues nothing, but at any better price the minimum is
    /// due.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "asked of each plain order; measured")]
    pub(crate) fn more(self, value: i64, lots: i64, rates: &FeeRates) -> i64 {
        let ppm = rates.maker_ppm.max(rates.taker_ppm);
        let ppm = ppm.max(rates.auction_ppm).max(0);
        let after = self.plus(value, ppm, lots, rates.per_lot);
        let charged = after.charged_uncapped(rates);
        let charged = if rates.minimum > 0 {
            charged.max(rates.minimum)
        } else {
            charged
        };
        charged - self.charged_uncapped(rates)
    }

    /// The most that `lots` more can be charged beyond what they bring in, none of which is there
    /// yet: what is charged for each lot, and the minimum once. A rate is at most 10 % of a value,
    /// so that part is always paid out of the proceeds of the same trade.
    pub(crate) fn fixed(self, lots: i64, rates: &FeeRates) -> i64 {
        let minimum = if rates.minimum > 0 {
            (rates.minimum - self.charged_uncapped(rates)).max(0)
        } else {
            0
        };
        lots * rates.per_lot + minimum
    }
}

/// The rate of a kind of fill.
#[inline]
pub(crate) fn ppm(rates: &FeeRates, liquidity: Liquidity) -> i32 {
    match liquidity {
        Liquidity::Maker => rates.maker_ppm,
        Liquidity::Taker => rates.taker_ppm,
        Liquidity::Auction => rates.auction_ppm,
    }
}

/// Fees of buyer and seller, raised until they sum to no less than nothing: the lower one, or both
/// to nothing where both are rebates. So a venue never pays for a trade.
#[inline]
pub(crate) fn raised(fees: [i64; 2]) -> [i64; 2] {
    match fees.map(|fee| fee.max(0)) {
        [0, 0] => [0, 0],
        [0, other] => [-other, other],
        [other, _] => [other, -other],
    }
}

/// What a fill is charged that was charged `fee` and is now of other value and lots: the
/// difference of what either would be charged as an order's only fill, and never a rebate beyond
/// that of the new one alone.
pub(crate) fn corrected(
    rates: &FeeRates,
    liquidity: Liquidity,
    fee: i64,
    [before, after]: [(i64, i64); 2],
) -> i64 {
    let ppm = ppm(rates, liquidity);
    let alone = |(value, lots): (i64, i64)| {
        let accrued = Accrued::default().plus(value, ppm, lots, rates.per_lot);
        accrued.charged(rates)
    };
    let now = alone(after);
    (fee + now - alone(before)).max(now.min(0))
}

/// By tier the place in the table of rates, plus one; zero where none were set. Rates of nothing
/// can be set: a tier that is charged nothing does not fall back to another.
type Tiers = [u32; FeeRates::TIERS];

/// All rates of a shard, and who has which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fees {
    /// Every rate ever set, the first being none at all.
    table: Vec<FeeRates>,
    known: BTreeMap<FeeRates, u32>,
    venues: Vec<Tiers>,
    instruments: Vec<Tiers>,
    /// By participant handle.
    participants: Vec<u8>,
    max: u32,
}

impl Fees {
    pub(super) fn new(limits: &Limits) -> Self {
        let none = FeeRates::default();
        Self {
            table: vec![none],
            known: BTreeMap::from([(none, 0)]),
            venues: Vec::new(),
            instruments: Vec::new(),
            participants: Vec::new(),
            max: limits.rates_max.min(Limits::RATES_MAX),
        }
    }

    /// The rates with this place.
    #[inline]
    pub(crate) fn rates(&self, place: u32) -> &FeeRates {
        &self.table[place as usize]
    }

    /// Whether there are rates with this place.
    pub(super) fn has(&self, place: u32) -> bool {
        (place as usize) < self.table.len()
    }

    /// How many different rates were ever set, those of nothing apart.
    pub(crate) fn used(&self) -> u32 {
        self.table.len() as u32 - 1
    }

    /// The tier of a participant.
    #[inline]
    pub(crate) fn tier(&self, participant: ParticipantId) -> u8 {
        let tier = self.participants.get(participant.place());
        tier.copied().unwrap_or(0)
    }

    /// The rates of an order entered now, by its participant's tier.
    pub(crate) fn choose_all(
        &self,
        venue: VenueId,
        instrument: InstrumentId,
    ) -> [u32; FeeRates::TIERS] {
        let own = self.instruments.get(instrument.place());
        let general = self.venues.get(venue.place());
        let of = |tiers: Option<&Tiers>, tier: usize| tiers.map_or(0, |tiers| tiers[tier]);
        std::array::from_fn(|tier| {
            let choices = [of(own, tier), of(general, tier), of(own, 0), of(general, 0)];
            let found = choices.into_iter().find(|place| *place != 0);
            found.map_or(0, |place| place - 1)
        })
    }

    /// Checks new rates of a known venue and changes nothing.
    ///
    /// # Errors
    /// INVALID_FIELD, TOO_MANY.
    pub(crate) fn check_fees(&self, command: &SetFees) -> Result<(), Reject> {
        if usize::from(command.tier) >= FeeRates::TIERS || !are_valid(&command.rates) {
            return Err(RejectReason::InvalidField.into());
        }
        let fresh = !self.known.contains_key(&command.rates);
        if fresh && self.table.len() > self.max as usize {
            return Err(RejectReason::TooMany.into());
        }
        Ok(())
    }

    /// Sets rates for orders entered from now on; they were checked.
    pub(crate) fn set_fees(&mut self, command: &SetFees) {
        let place = self.place_of(command.rates);
        let (list, index) = match command.instrument {
            Some(instrument) => (&mut self.instruments, instrument.place()),
            None => (&mut self.venues, command.venue.place()),
        };
        if index >= list.len() {
            list.resize(index + 1, Tiers::default());
        }
        list[index][usize::from(command.tier)] = place + 1;
    }

    fn place_of(&mut self, rates: FeeRates) -> u32 {
        let fresh = self.table.len() as u32;
        let place = *self.known.entry(rates).or_insert(fresh);
        if place == fresh {
            self.table.push(rates);
        }
        place
    }

    /// Checks a tier and changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_PARTICIPANT, INVALID_FIELD.
    pub(crate) fn check_tier(command: SetTier, parties: &Parties) -> Result<(), Reject> {
        if parties.participant(command.participant).is_none() {
            return Err(RejectReason::UnknownParticipant.into());
        }
        if usize::from(command.tier) >= FeeRates::TIERS {
            return Err(RejectReason::InvalidField.into());
        }
        Ok(())
    }

    /// Puts a participant into a tier; both were checked.
    pub(crate) fn set_tier(&mut self, command: SetTier) {
        let place = command.participant.place();
        if place >= self.participants.len() {
            self.participants.resize(place + 1, 0);
        }
        self.participants[place] = command.tier;
    }

    /// Writes the table, then who has which.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.table.len() as u64 - 1);
        for rates in &self.table[1..] {
            put_rates(out, rates);
        }
        for list in [&self.venues, &self.instruments] {
            bytes::put_varint(out, list.len() as u64);
            for place in list.iter().flatten() {
                bytes::put_varint(out, u64::from(*place));
            }
        }
        bytes::put_bytes(out, &self.participants);
    }

    /// Reads what [`Fees::encode`] wrote.
    pub(super) fn decode(input: &mut Reader<'_>, limits: &Limits) -> Result<Self, BytesError> {
        let mut fees = Self::new(limits);
        for _ in 0..input.count(limits.rates_max, 6, "the count of rates")? {
            let rates = rates(input)?;
            if !are_valid(&rates) || fees.known.contains_key(&rates) {
                return Err(BytesError::range("rates"));
            }
            fees.place_of(rates);
        }
        fees.venues = fees.decode_tiers(input, limits.venues_max)?;
        fees.instruments = fees.decode_tiers(input, limits.instruments_max)?;
        let tiers = input.bytes(limits.participants_max as usize, "tiers")?;
        if tiers
            .iter()
            .any(|tier| usize::from(*tier) >= FeeRates::TIERS)
        {
            return Err(BytesError::range("a tier"));
        }
        fees.participants = tiers.to_vec();
        Ok(fees)
    }

    fn decode_tiers(&self, input: &mut Reader<'_>, max: u32) -> Result<Vec<Tiers>, BytesError> {
        let count = input.count(max, FeeRates::TIERS, "the count of rates by tier")?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            let mut tiers = Tiers::default();
            for place in &mut tiers {
                *place = input.varint32("rates of a tier")?;
                if *place > 0 && !self.has(*place - 1) {
                    return Err(BytesError::range("rates of a tier"));
                }
            }
            list.push(tiers);
        }
        Ok(list)
    }
}

fn are_valid(rates: &FeeRates) -> bool {
    let ppm = [rates.maker_ppm, rates.taker_ppm, rates.auction_ppm];
    let bound = -FeeRates::PPM_MAX..=FeeRates::PPM_MAX;
    let units = 0..=FeeRates::UNITS_MAX;
    let rebates = ppm.iter().any(|ppm| *ppm < 0);
    ppm.iter().all(|ppm| bound.contains(ppm))
        && (0..=FeeRates::PER_LOT_MAX).contains(&rates.per_lot)
        && units.contains(&rates.minimum)
        && !(rebates && rates.minimum > 0)
        && rates
            .cap
            .is_none_or(|cap| (rates.minimum..=FeeRates::UNITS_MAX).contains(&cap))
}

/// Writes rates.
pub(crate) fn put_rates(out: &mut Vec<u8>, rates: &FeeRates) {
    for ppm in [rates.maker_ppm, rates.taker_ppm, rates.auction_ppm] {
        bytes::put_zigzag(out, i64::from(ppm));
    }
    bytes::put_zigzag(out, rates.per_lot);
    bytes::put_zigzag(out, rates.minimum);
    bytes::put_option(out, rates.cap, bytes::put_zigzag);
}

/// Reads what [`put_rates`] wrote, whether or not the bounds hold.
pub(crate) fn rates(input: &mut Reader<'_>) -> Result<FeeRates, BytesError> {
    let ppm = |input: &mut Reader<'_>| {
        i32::try_from(input.zigzag()?).map_err(|_| BytesError::range("a rate"))
    };
    Ok(FeeRates {
        maker_ppm: ppm(input)?,
        taker_ppm: ppm(input)?,
        auction_ppm: ppm(input)?,
        per_lot: input.zigzag()?,
        minimum: input.zigzag()?,
        cap: input.option(Reader::zigzag)?,
    })
}

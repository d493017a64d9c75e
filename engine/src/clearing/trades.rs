//! The trades that can still be busted or corrected: a ring of rows, the oldest first.
//!
//! A trade is kept for two trading days of its venue: the one it was made on and the next. A venue
//! without a calendar counts civil days at UTC+8. Old rows go when a day begins, in one sweep
//! (10 ns a row, at most `trades_kept_max` rows a day), so a trade itself pays one store; when the
//! ring is full the oldest goes with the trade that needs its place.
//!
//! The day of a trade stands in a column beside the rows, which are full.
//!
//! Invariant: rows rise by their ids; the youngest that was forgotten is older than all of them.
//! Rejected: a map by id (a hash with every trade, and several times the room). Not here: what a
//! bust does (`correction`).

mod row;

use std::collections::VecDeque;

use crate::bytes::{self, BytesError, Reader};
use crate::command::TradeRef;
use crate::limits::Limits;
use crate::types::{AccountId, InstrumentId, Price, Quantity, Sequence, Side, Time, VenueId};
use crate::venue::Venues;
pub use row::KeptTrade;
use row::{Row, SEQUENCE_END};

/// What a decoder must know of everything else.
pub(crate) struct KnownTo<'a> {
    pub(crate) venues: &'a Venues,
    /// The last command.
    pub(crate) sequence: Sequence,
}

/// Where the two days in which trades stay correctable began: the sequence of the first command of
/// the day before, and of this one.
type Days = [u64; 2];

/// Trades by id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trades {
    rows: VecDeque<Row>,
    /// The day of each row's trade, by its venue's count; none where no settlement asks for it.
    made: VecDeque<Option<u32>>,
    max: u32,
    /// The youngest that was forgotten; before all when none was.
    forgotten: TradeRef,
    /// The civil day at UTC+8 of the last command, and when it ends, in nanoseconds.
    civil_day: i64,
    civil_end: i64,
    civil: Days,
    /// By venue handle; zeros where no day began.
    venues: Vec<Days>,
}

/// Why a trade is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotKept {
    /// There never was such a trade.
    Unknown,
    /// It may have been: whatever was that old is forgotten.
    TooOld,
}

/// The civil day before the first command.
const NO_DAY: i64 = -1;
const DAY: i64 = 86_400_000_000_000;
const EAST: i64 = 8 * 3_600_000_000_000;

/// A kept trade's place, until the next trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct At(usize);

const NONE: TradeRef = TradeRef {
    sequence: Sequence::ZERO,
    index: 0,
};

impl Trades {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            rows: VecDeque::with_capacity(limits.trades_kept_max as usize),
            made: VecDeque::with_capacity(limits.trades_kept_max as usize),
            max: limits.trades_kept_max,
            forgotten: NONE,
            civil_day: NO_DAY,
            civil_end: 0,
            civil: [0; 2],
            venues: Vec::with_capacity(limits.venues_max as usize),
        }
    }

    /// How many are kept.
    pub fn kept(&self) -> u32 {
        self.rows.len() as u32
    }

    /// The oldest that is kept.
    pub fn oldest(&self) -> Option<TradeRef> {
        self.rows.front().map(Row::id)
    }

    /// A kept trade.
    pub fn trade(&self, trade: TradeRef) -> Option<KeptTrade> {
        let at = self
            .rows
            .binary_search_by(|row| row.id().cmp(&trade))
            .ok()?;
        Some(self.rows[at].unpack(self.made[at]))
    }

    /// The trade, while it can be corrected: by a command at `time`.
    pub(crate) fn find(
        &self,
        trade: TradeRef,
        venues: &Venues,
        time: Time,
    ) -> Result<(At, KeptTrade), NotKept> {
        let civil = self.civil_at(time);
        let is_old = |row: &Row| self.is_old(row, venues, civil);
        match self.rows.binary_search_by(|row| row.id().cmp(&trade)) {
            Ok(at) if is_old(&self.rows[at]) => Err(NotKept::TooOld),
            Ok(at) => Ok((At(at), self.rows[at].unpack(self.made[at]))),
            Err(_) if trade <= self.forgotten => Err(NotKept::TooOld),
            // A dry run comes before the sweep with which a day begins.
            Err(next) if civil != self.civil && next < self.rows.len() => {
                if self.rows.range(..=next).all(is_old) {
                    Err(NotKept::TooOld)
                } else {
                    Err(NotKept::Unknown)
                }
            }
            Err(_) => Err(NotKept::Unknown),
        }
    }

    /// Keeps a trade that was just made.
    #[inline]
    pub(crate) fn keep(&mut self, kept: &KeptTrade) {
        if self.rows.len() >= self.max as usize {
            self.forget_oldest();
        }
        if self.max == 0 {
            self.forgotten = kept.trade;
        } else if kept.trade.sequence.value() < SEQUENCE_END {
            self.rows.push_back(Row::pack(kept));
            self.made.push_back(kept.day);
        }
    }

    /// Writes a kept trade anew.
    pub(crate) fn set(&mut self, at: At, kept: &KeptTrade) {
        self.rows[at.0] = Row::pack(kept);
    }

    /// An instrument's settlement is set: it asks nothing about trades of before.
    pub(super) fn forget_days(&mut self, instrument: InstrumentId) {
        for (row, made) in self.rows.iter().zip(&mut self.made) {
            if row.instrument() == instrument {
                *made = None;
            }
        }
    }

    /// A command comes at `time`: whether a civil day began with it.
    #[inline]
    pub(crate) fn pass(&mut self, sequence: Sequence, time: Time) -> bool {
        let new = time.nanoseconds() >= self.civil_end;
        if new {
            self.new_civil_day(sequence.value(), time);
        }
        new
    }

    #[cold]
    fn new_civil_day(&mut self, first: u64, time: Time) {
        let [before, _] = self.civil_at(time);
        self.civil = [before.min(first), first];
        self.set_civil_day(civil_day(time));
    }

    /// Where the two civil days begin of which `time` is in the second; after every command where
    /// there was none. A day without a command is a day too.
    fn civil_at(&self, time: Time) -> Days {
        if time.nanoseconds() < self.civil_end {
            self.civil
        } else if civil_day(time) == self.civil_day + 1 {
            [self.civil[1], u64::MAX]
        } else {
            [u64::MAX; 2]
        }
    }

    fn set_civil_day(&mut self, day: i64) {
        self.civil_day = day;
        self.civil_end = (day + 1) * DAY - EAST;
    }

    /// A trading day of a venue began with that command.
    pub(crate) fn day_rolled(&mut self, venue: VenueId, sequence: Sequence) {
        if venue.place() >= self.venues.len() {
            self.venues.resize(venue.place() + 1, [0; 2]);
        }
        let days = &mut self.venues[venue.place()];
        *days = [days[1], sequence.value()];
    }

    /// Forgets the oldest while they are too old.
    pub(crate) fn forget_old(&mut self, venues: &Venues) {
        while let Some(row) = self.rows.front()
            && self.is_old(row, venues, self.civil)
        {
            self.forget_oldest();
        }
    }

    /// Everything up to that command is forgotten: what an engine of rules without corrections
    /// knows of its trades.
    pub(crate) fn forget_through(&mut self, sequence: Sequence) {
        self.forgotten = TradeRef {
            sequence,
            index: u32::MAX,
        };
    }

    fn forget_oldest(&mut self) {
        if let Some(row) = self.rows.pop_front() {
            self.made.pop_front();
            self.forgotten = row.id();
        }
    }

    fn is_old(&self, row: &Row, venues: &Venues, civil: Days) -> bool {
        let venue = venues.instrument(row.instrument());
        let venue = venue.expect("a trade's instrument is known").venue;
        let calendar = venues.venue(venue).is_some_and(|it| it.calendar.is_some());
        let days = if calendar {
            self.venues.get(venue.place()).copied().unwrap_or_default()
        } else {
            civil
        };
        row.id().sequence.value() < days[0]
    }

    /// All kept trades, the oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = KeptTrade> {
        let rows = self.rows.iter().zip(&self.made);
        rows.map(|(row, made)| row.unpack(*made))
    }

    /// Writes days, what was forgotten, and the rows.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_zigzag(out, self.civil_day);
        bytes::put_varint(out, self.venues.len() as u64);
        for days in std::iter::once(&self.civil).chain(&self.venues) {
            bytes::put_varint(out, days[0]);
            bytes::put_varint(out, days[1]);
        }
        bytes::put_varint(out, self.forgotten.sequence.value());
        bytes::put_varint(out, u64::from(self.forgotten.index));
        bytes::put_varint(out, self.rows.len() as u64);
        let mut last = self.forgotten.sequence.value();
        for kept in self.all() {
            put_kept(out, last, &kept);
            last = kept.trade.sequence.value();
        }
    }

    /// Reads what [`Trades::encode`] wrote; whether trades fit what moved is looked at by
    /// `Clearing::decode_trades`.
    pub(super) fn decode(
        input: &mut Reader<'_>,
        limits: &Limits,
        known: &KnownTo<'_>,
    ) -> Result<Self, BytesError> {
        let mut trades = Self::new(limits);
        let day = input.zigzag()?;
        if !(NO_DAY..=Time::MAX.nanoseconds() / DAY + 1).contains(&day) {
            return Err(BytesError::range("a civil day"));
        }
        if day != NO_DAY {
            trades.set_civil_day(day);
        }
        let venues = known.venues.venues().len() as u32;
        let venues = input.count(venues, 2, "the count of venues' days")?;
        trades.civil = days(input, known)?;
        for _ in 0..venues {
            let days = days(input, known)?;
            trades.venues.push(days);
        }
        trades.forgotten = TradeRef {
            sequence: Sequence::new(input.varint()?),
            index: input.varint32("the index of a trade")?,
        };
        if trades.forgotten.sequence > known.sequence {
            return Err(BytesError::range("the trade forgotten last"));
        }
        let mut last = trades.forgotten;
        for _ in 0..input.count(limits.trades_kept_max, 14, "the count of kept trades")? {
            let kept = kept(input, last.sequence.value())?;
            let orders = 1..=kept.trade.sequence.value();
            let fits = kept.trade > last
                && kept.trade.sequence <= known.sequence
                && kept.trade.sequence.value() < SEQUENCE_END
                && kept.orders.iter().all(|order| orders.contains(order))
                && known.venues.instrument(kept.instrument).is_some();
            if !fits {
                return Err(BytesError::range("a kept trade"));
            }
            last = kept.trade;
            trades.rows.push_back(Row::pack(&kept));
            trades.made.push_back(kept.day);
        }
        Ok(trades)
    }
}

fn civil_day(time: Time) -> i64 {
    (time.nanoseconds() + EAST).div_euclid(DAY)
}

fn days(input: &mut Reader<'_>, known: &KnownTo<'_>) -> Result<Days, BytesError> {
    let days = [input.varint()?, input.varint()?];
    if days[0] > days[1] || days[1] > known.sequence.value() {
        return Err(BytesError::range("where a day began"));
    }
    Ok(days)
}

/// Writes a trade after one of the command `last`; orders as the distance to its own command.
fn put_kept(out: &mut Vec<u8>, last: u64, kept: &KeptTrade) {
    let sequence = kept.trade.sequence.value();
    bytes::put_varint(out, sequence - last);
    bytes::put_varint(out, u64::from(kept.trade.index));
    bytes::put_varint(out, u64::from(kept.instrument.index()));
    bytes::put_price(out, kept.price);
    bytes::put_quantity(out, kept.quantity);
    let aggressor = match kept.aggressor {
        None => 0,
        Some(Side::Buy) => 1,
        Some(Side::Sell) => 2,
    };
    let flags = u8::from(kept.cleared) << 2
        | u8::from(kept.corrected) << 3
        | u8::from(kept.busted) << 4
        | u8::from(kept.day.is_some()) << 5;
    bytes::put_u8(out, aggressor | flags);
    for side in 0..2 {
        bytes::put_varint(out, u64::from(kept.accounts[side].index()));
        bytes::put_varint(out, sequence - kept.orders[side]);
        bytes::put_zigzag(out, kept.fees[side]);
        bytes::put_varint(out, u64::from(kept.rates[side]));
    }
    if let Some(day) = kept.day {
        bytes::put_varint(out, u64::from(day));
    }
}

fn kept(input: &mut Reader<'_>, last: u64) -> Result<KeptTrade, BytesError> {
    let wrong = || BytesError::range("a kept trade");
    let sequence = last.checked_add(input.varint()?).ok_or_else(wrong)?;
    let trade = TradeRef {
        sequence: Sequence::new(sequence),
        index: input.varint32("the index of a trade")?,
    };
    let instrument = InstrumentId::new(input.varint32("a trade's instrument")?);
    let price: Price = input.price("a trade's price")?;
    let quantity: Quantity = input.quantity("a trade's quantity")?;
    let flags = input.u8()?;
    let aggressor = match flags & 3 {
        0 => None,
        1 => Some(Side::Buy),
        2 => Some(Side::Sell),
        _ => return Err(wrong()),
    };
    if flags >> 6 != 0 || quantity.is_zero() {
        return Err(wrong());
    }
    let (mut accounts, mut orders) = ([AccountId::new(0); 2], [0; 2]);
    let (mut fees, mut rates) = ([0; 2], [0; 2]);
    for side in 0..2 {
        accounts[side] = AccountId::new(input.varint32("a trade's account")?);
        let since = input.varint()?;
        orders[side] = sequence.checked_sub(since).ok_or_else(wrong)?;
        fees[side] = input.zigzag()?;
        rates[side] = input.varint32("a trade's rates")?;
    }
    if rates.iter().any(|place| *place > Limits::RATES_MAX) {
        return Err(wrong());
    }
    let dated = flags & 32 != 0;
    let day = dated.then(|| input.varint32("the day of a trade"));
    Ok(KeptTrade {
        trade,
        instrument,
        price,
        quantity,
        aggressor,
        accounts,
        orders,
        fees,
        rates,
        cleared: flags & 4 != 0,
        corrected: flags & 8 != 0,
        busted: flags & 16 != 0,
        day: day.transpose()?,
    })
}

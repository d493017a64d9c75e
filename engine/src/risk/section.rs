//! Limits and counters as bytes: the section of a snapshot, and the parts commands share with it.
//!
//! ```text
//! on u8, and unless it is 0:
//! sets: count, limits.. | venues: count, (venue, set)..
//! participants: count, (participant, set, bucket)..
//! accounts: count, (account, set, bucket, day, sent, trades)..
//! ```
//! Live orders and open buys are not written: they are counted from the orders. Rows that say
//! nothing else are left out; each list rises.
//!
//! Invariant: equal contents give equal bytes. Not here: what is counted (`risk`).

use super::counters::{AccountRow, NO_DAY, ParticipantRow};
use super::throttle::{Bucket, LACKING_MAX, TOKEN};
use super::{Risk, SetId};
use crate::bytes::{self, BytesError, Reader};
use crate::command::{OrderToTrade, RiskLimits, Throttle};
use crate::limits::Limits;
use crate::parties::Parties;
use crate::types::{AccountId, ParticipantId, Time};
use crate::venue::Venues;

/// Writes limits.
pub(crate) fn put_limits(out: &mut Vec<u8>, limits: &RiskLimits) {
    bytes::put_option(out, limits.throttle, |out, throttle| {
        bytes::put_varint(out, u64::from(throttle.rate));
        bytes::put_varint(out, u64::from(throttle.burst));
    });
    bytes::put_option(out, limits.order_to_trade, |out, limit| {
        bytes::put_varint(out, u64::from(limit.ratio));
        bytes::put_varint(out, u64::from(limit.allowance));
    });
    bytes::put_option(out, limits.open_orders, |out, most| {
        bytes::put_varint(out, u64::from(most));
    });
    bytes::put_option(out, limits.position, bytes::put_quantity);
}

/// Reads limits, within their bounds or not.
pub(crate) fn limits(input: &mut Reader<'_>) -> Result<RiskLimits, BytesError> {
    Ok(RiskLimits {
        throttle: input.option(|input| {
            Ok(Throttle {
                rate: input.varint32("a throttle's rate")?,
                burst: input.varint32("a throttle's burst")?,
            })
        })?,
        order_to_trade: input.option(|input| {
            Ok(OrderToTrade {
                ratio: input.varint32("a ratio of orders to trades")?,
                allowance: input.varint32("an allowance of orders")?,
            })
        })?,
        open_orders: input.option(|input| input.varint32("a limit of open orders"))?,
        position: input.option(|input| input.quantity("a limit of a position"))?,
    })
}

fn put_bucket(out: &mut Vec<u8>, bucket: Bucket) {
    bytes::put_varint(out, bucket.lacking);
    if bucket.lacking > 0 {
        bytes::put_time(out, bucket.at);
    }
}

/// Reads a bucket of which the last token was taken by `now`.
fn bucket(input: &mut Reader<'_>, now: Time) -> Result<Bucket, BytesError> {
    let lacking = input.varint()?;
    if lacking == 0 {
        return Ok(Bucket::FULL);
    }
    let at = input.time("when a token was taken")?;
    if !(TOKEN..=LACKING_MAX).contains(&lacking) || at > now {
        return Err(BytesError::range("a bucket of tokens"));
    }
    Ok(Bucket { lacking, at })
}

impl Risk {
    /// Writes limits, tokens, messages and trades.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_u8(out, u8::from(self.on));
        if !self.on {
            return;
        }
        bytes::put_varint(out, self.sets.len() as u64);
        for set in &self.sets {
            put_limits(out, set);
        }
        let venues = self.venues.iter().enumerate();
        let venues = venues.filter(|(_, set)| !set.is_none());
        bytes::put_varint(out, venues.clone().count() as u64);
        for (venue, set) in venues {
            bytes::put_varint(out, venue as u64);
            bytes::put_varint(out, u64::from(set.0));
        }
        let rows = self.participants.iter().enumerate();
        let rows = rows.filter(|(_, row)| **row != ParticipantRow::EMPTY);
        bytes::put_varint(out, rows.clone().count() as u64);
        for (participant, row) in rows {
            bytes::put_varint(out, participant as u64);
            bytes::put_varint(out, u64::from(row.set.0));
            put_bucket(out, row.bucket);
        }
        let rows = self.accounts.iter().enumerate();
        let rows = rows.filter(|(_, row)| **row != AccountRow::EMPTY);
        bytes::put_varint(out, rows.clone().count() as u64);
        for (account, row) in rows {
            bytes::put_varint(out, account as u64);
            bytes::put_varint(out, u64::from(row.set.0));
            put_bucket(out, row.bucket);
            bytes::put_zigzag(out, i64::from(row.day));
            bytes::put_varint(out, row.sent);
            bytes::put_varint(out, row.trades);
        }
    }

    /// Reads what [`Risk::encode`] wrote by `now`; what is counted from the orders is left to the
    /// caller.
    ///
    /// # Errors
    /// Broken bytes; limits out of their bounds or twice; rows of what is not known, or that say
    /// nothing.
    pub(crate) fn decode(
        input: &mut Reader<'_>,
        bounds: &Limits,
        (parties, venues): (&Parties, &Venues),
        now: Time,
    ) -> Result<Self, BytesError> {
        let mut read = Self::new(bounds);
        match input.u8()? {
            0 => return Ok(read),
            1 => read.on = true,
            _ => return Err(BytesError::range("whether risk is counted")),
        }
        for _ in 0..input.count(bounds.risk_sets_max, 4, "the count of sets of limits")? {
            let set = limits(input)?;
            let fresh = set != RiskLimits::NONE && !read.sets.contains(&set);
            if !fresh || !set.is_valid() {
                return Err(BytesError::range("a set of limits"));
            }
            read.sets.push(set);
        }
        if read.sets.is_empty() {
            return Err(BytesError::range("the first limit"));
        }
        read.decode_venues(input, venues.venues().len())?;
        read.decode_participants(input, parties.participants().len(), now)?;
        read.decode_accounts(input, parties.accounts().len(), now)?;
        Ok(read)
    }

    fn set(&self, input: &mut Reader<'_>) -> Result<SetId, BytesError> {
        let set = input.varint32("a set of limits")?;
        if set as usize > self.sets.len() {
            return Err(BytesError::range("a set of limits"));
        }
        Ok(SetId(set))
    }

    fn decode_venues(&mut self, input: &mut Reader<'_>, known: usize) -> Result<(), BytesError> {
        for _ in 0..input.count(known as u32, 2, "the count of venues with limits")? {
            let venue = input.varint32("a venue with limits")? as usize;
            let set = self.set(input)?;
            if venue >= known || venue < self.venues.len() || set.is_none() {
                return Err(BytesError::range("the limits of a venue"));
            }
            self.venues.resize(venue, SetId::NONE);
            self.venues.push(set);
        }
        Ok(())
    }

    fn decode_participants(
        &mut self,
        input: &mut Reader<'_>,
        known: usize,
        now: Time,
    ) -> Result<(), BytesError> {
        for _ in 0..input.count(known as u32, 3, "the count of participants' counters")? {
            let id = ParticipantId::new(input.varint32("the participant of counters")?);
            let row = ParticipantRow {
                set: self.set(input)?,
                bucket: bucket(input, now)?,
            };
            let limits = self.limits(row.set);
            let alone = limits.order_to_trade.is_some() || limits.position.is_some();
            let rises = id.place() >= self.participants.len();
            if !rises || id.place() >= known || alone || row == ParticipantRow::EMPTY {
                return Err(BytesError::range("a participant's counters"));
            }
            *self.participant_mut(id) = row;
        }
        Ok(())
    }

    fn decode_accounts(
        &mut self,
        input: &mut Reader<'_>,
        known: usize,
        now: Time,
    ) -> Result<(), BytesError> {
        for _ in 0..input.count(known as u32, 6, "the count of accounts' counters")? {
            let id = AccountId::new(input.varint32("the account of counters")?);
            let row = AccountRow {
                set: self.set(input)?,
                bucket: bucket(input, now)?,
                day: day(input)?,
                sent: input.varint()?,
                trades: input.varint()?,
            };
            let rises = id.place() >= self.accounts.len();
            let idle = row.day != NO_DAY && (row.sent, row.trades) == (0, 0);
            let many = row.sent.max(row.trades) > i64::MAX as u64;
            let whole = rises && id.place() < known && !idle && !many;
            if !whole || row == AccountRow::EMPTY {
                return Err(BytesError::range("an account's counters"));
            }
            *self.account_mut(id) = row;
        }
        Ok(())
    }
}

fn day(input: &mut Reader<'_>) -> Result<i32, BytesError> {
    let day = i32::try_from(input.zigzag()?);
    day.map_err(|_| BytesError::range("an account's trading day"))
}

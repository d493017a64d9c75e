//! Remembered requests: how a retry is recognised that carries a client's own id.
//!
//! Invariant: a remembered request is never forgotten before it expires; at most
//! `requests_max` are remembered; every one is in the index and in the heap exactly once. Nothing
//! is allocated after `new`: rows, index and heap are reserved for the capacity at once, and only
//! touched as far as they are used.
//! Not here: numbers of sessions (`sessions`), the answers themselves (the gateway's history).

pub(crate) mod expiry;

use xxhash_rust::xxh3::xxh3_128;

use crate::bytes::{self, BytesError, Reader};
use crate::command::SetLimits;
use crate::event::Duplicate;
use crate::index::Index;
use crate::limits::Limits;
use crate::reject::{Reject, RejectReason};
use crate::sessions::Refusal;
use crate::types::{AccountId, ClientId, Nanoseconds, PrincipalId, Sequence, Time};
use expiry::{Entry, Expiry};

/// What a client's id is unique within.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestScope {
    /// Orders: the account.
    Account(AccountId),
    /// All else: the principal.
    Principal(PrincipalId),
}

/// A request as the table sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// What its id is unique within.
    pub scope: RequestScope,
    /// The client's id.
    pub id: ClientId,
    /// The hash of the whole command but its identity (`journal::codec::payload_hash`).
    pub payload: u128,
    /// Past this instant it is refused; so long it is remembered.
    pub valid_until: Option<Time>,
}

impl Request {
    /// The key it is remembered by.
    fn key(&self) -> u128 {
        let (kind, scope) = match self.scope {
            RequestScope::Account(account) => (0, account.index()),
            RequestScope::Principal(principal) => (1, principal.index()),
        };
        let id = self.id.as_str().as_bytes();
        let mut bytes = [0; 5 + ClientId::MAX_BYTES];
        bytes[0] = kind;
        bytes[1..5].copy_from_slice(&scope.to_le_bytes());
        bytes[5..5 + id.len()].copy_from_slice(id);
        xxh3_128(&bytes[..5 + id.len()])
    }

    fn expires(&self, time: Time) -> Time {
        let window = Nanoseconds(Limits::REQUEST_WINDOW_HOURS * 3_600 * SECOND);
        self.valid_until.unwrap_or(time.after(window))
    }

    fn is_short(&self, time: Time) -> bool {
        let short = time.after(Nanoseconds(Limits::REQUEST_SHORT_SECONDS * SECOND));
        self.valid_until.is_some_and(|until| until <= short)
    }
}

const SECOND: i64 = 1_000_000_000;
/// How many expired requests one command forgets at most: a bound on its cost.
const FORGET_MAX: usize = 8;
const EXPIRY: &str = "a request's expiry";

/// The remembered requests.
#[derive(Clone, Debug)]
pub struct Requests {
    rows: Vec<Row>,
    // Rows that hold nothing; the one freed last is used first.
    free: Vec<u32>,
    index: Index,
    expiry: Expiry,
    capacity: u32,
    bounds: SetLimits,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    key: u128,
    payload: u128,
    sequence: u64,
    expires: Time,
}

impl Requests {
    /// No requests, with room for as many as `limits` says.
    pub fn new(limits: &Limits) -> Self {
        let capacity = limits.requests_capacity;
        Self {
            rows: Vec::with_capacity(capacity as usize),
            free: Vec::with_capacity(capacity as usize),
            index: Index::new(capacity),
            expiry: Expiry::new(capacity),
            capacity,
            bounds: SetLimits {
                requests_max: capacity,
                requests_reserved: capacity / Limits::REQUESTS_RESERVED_SHARE,
            },
        }
    }

    /// How many are remembered.
    pub const fn used(&self) -> u32 {
        self.expiry.len() as u32
    }

    /// The bounds in force.
    pub const fn bounds(&self) -> SetLimits {
        self.bounds
    }

    /// Checks new bounds and changes nothing.
    ///
    /// # Errors
    /// INVALID_FIELD: below what is in use, above the capacity, or more reserved than there is.
    pub fn check_limits(&self, limits: &SetLimits) -> Result<(), Reject> {
        let held = self.used() <= limits.requests_max && limits.requests_max <= self.capacity;
        if held && limits.requests_reserved <= limits.requests_max {
            Ok(())
        } else {
            Err(RejectReason::InvalidField.into())
        }
    }

    /// Sets the bounds.
    ///
    /// # Errors
    /// Those of [`Requests::check_limits`].
    pub fn set_limits(&mut self, limits: &SetLimits) -> Result<(), Reject> {
        self.check_limits(limits)?;
        // Nothing below can fail.
        self.bounds = *limits;
        Ok(())
    }

    /// Recognises a retry, else remembers the request under `sequence`. Whatever the answer, up
    /// to eight expired requests are forgotten, the oldest expiry first.
    ///
    /// # Errors
    /// A duplicate, CLIENT_ORDER_ID_REUSED, STALE_REQUEST, REQUEST_WINDOW_FULL.
    pub fn check(
        &mut self,
        request: &Request,
        sequence: Sequence,
        time: Time,
    ) -> Result<(), Refusal> {
        self.forget_expired(time);
        let key = request.key();
        if let Some(row) = self.find(key) {
            self.rows[row as usize].answer(request.payload, time)?;
            self.forget(row);
        }
        self.admit(request, time, self.used())?;
        // Nothing below can fail.
        self.remember(Row {
            key,
            payload: request.payload,
            sequence: sequence.value(),
            expires: request.expires(time),
        });
        Ok(())
    }

    /// What [`Requests::check`] would answer; changes nothing.
    ///
    /// # Errors
    /// As [`Requests::check`].
    pub fn probe(&self, request: &Request, time: Time) -> Result<(), Refusal> {
        let oldest = self.expiry.count_before::<FORGET_MAX>(time, None);
        let mut used = self.used() - oldest as u32;
        if let Some(found) = self.find(request.key()) {
            let row = &self.rows[found as usize];
            row.answer(request.payload, time)?;
            // It is expired: `check` forgets it by itself unless it was among the oldest.
            let before = self
                .expiry
                .count_before::<FORGET_MAX>(time, Some(row.entry(found)));
            if before >= FORGET_MAX {
                used -= 1;
            }
        }
        self.admit(request, time, used)
    }

    fn admit(&self, request: &Request, time: Time, used: u32) -> Result<(), Refusal> {
        if request.valid_until.is_some_and(|until| until < time) {
            return Err(Refusal::Reject(RejectReason::StaleRequest));
        }
        let open = self.bounds.requests_max - self.bounds.requests_reserved;
        let full = used >= self.bounds.requests_max || used >= open && !request.is_short(time);
        if full {
            return Err(Refusal::Reject(RejectReason::RequestWindowFull));
        }
        Ok(())
    }

    fn forget_expired(&mut self, time: Time) {
        for _ in 0..FORGET_MAX {
            match self.expiry.first() {
                Some(first) if first.expires < time => self.forget(first.row),
                _ => return,
            }
        }
    }

    fn remember(&mut self, row: Row) {
        assert!(self.used() < self.capacity, "`admit` checked the bound");
        assert!(self.find(row.key).is_none(), "the key is new");
        let place = if let Some(place) = self.free.pop() {
            self.rows[place as usize] = row;
            place
        } else {
            self.rows.push(row);
            self.rows.len() as u32 - 1
        };
        self.index.add(hash_of(row.key), place);
        self.expiry.push(row.entry(place));
    }

    fn forget(&mut self, row: u32) {
        let rows = &self.rows;
        self.index
            .remove(row, |row| hash_of(rows[row as usize].key));
        self.expiry.remove(row);
        self.free.push(row);
    }

    fn find(&self, key: u128) -> Option<u32> {
        let is = |row: u32| self.rows[row as usize].key == key;
        self.index.find(hash_of(key), is)
    }
}

/// A key is a hash itself: half of it.
const fn hash_of(key: u128) -> u64 {
    key as u64
}

impl Row {
    const fn entry(&self, row: u32) -> Entry {
        Entry {
            expires: self.expires,
            sequence: self.sequence,
            row,
        }
    }

    /// `Ok` when the row is expired.
    fn answer(&self, payload: u128, time: Time) -> Result<(), Refusal> {
        if self.expires < time {
            return Ok(());
        }
        if self.payload != payload {
            return Err(Refusal::Reject(RejectReason::ClientOrderIdReused));
        }
        Err(Refusal::Duplicate(Duplicate {
            first_sequence: Sequence::new(self.sequence),
            watermark: 0,
        }))
    }
}

/// Bytes: the bounds, then the requests in order of expiry.
impl Requests {
    const ROW_BYTES: usize = 48;

    /// Writes the bounds and all requests, in order of expiry and sequence.
    pub fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_u32(out, self.bounds.requests_max);
        bytes::put_u32(out, self.bounds.requests_reserved);
        bytes::put_varint(out, self.expiry.len() as u64);
        let mut order = self.expiry.entries().to_vec();
        order.sort_unstable();
        out.reserve(order.len() * Self::ROW_BYTES);
        for entry in order {
            let row = &self.rows[entry.row as usize];
            bytes::put_u128(out, row.key);
            bytes::put_u128(out, row.payload);
            bytes::put_u64(out, row.sequence);
            bytes::put_i64(out, row.expires.nanoseconds());
        }
    }

    /// Reads what [`Requests::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes, bounds above the capacity in `limits`, requests out of order or repeated.
    pub fn decode(input: &mut Reader<'_>, limits: &Limits) -> Result<Self, BytesError> {
        let mut requests = Self::new(limits);
        let bounds = SetLimits {
            requests_max: input.u32()?,
            requests_reserved: input.u32()?,
        };
        let set = requests.set_limits(&bounds);
        set.map_err(|_| BytesError::range("requests_max (above the capacity of this build)"))?;
        let field = "the count of requests";
        let count = input.count(requests.bounds.requests_max, Self::ROW_BYTES, field)?;
        let mut last = None;
        for _ in 0..count {
            let row = Row {
                key: input.u128()?,
                payload: input.u128()?,
                sequence: input.u64()?,
                expires: Time::new(input.i64()?).ok_or(BytesError::range(EXPIRY))?,
            };
            let order = (row.expires, row.sequence);
            if last.is_some_and(|last| last >= order) {
                return Err(BytesError::range(EXPIRY));
            }
            if requests.find(row.key).is_some() {
                return Err(BytesError::range("a request's key (given twice)"));
            }
            last = Some(order);
            requests.remember(row);
        }
        Ok(requests)
    }

    /// Whether rows, index and heap agree; for `Engine::audit`.
    pub fn is_sound(&self) -> bool {
        let indexed = self.index.len();
        let used = self.expiry.len();
        indexed == used
            && self.rows.len() == used + self.free.len()
            && self.expiry.is_sound()
            && self.expiry.entries().iter().all(|entry| {
                let row = &self.rows[entry.row as usize];
                row.entry(entry.row) == *entry && self.find(row.key) == Some(entry.row)
            })
    }
}

#[cfg(test)]
#[path = "requests_tests.rs"]
mod tests;

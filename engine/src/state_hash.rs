//! Hashes that prove determinism: the running hash of all events, and the hash of all contents.
//!
//! Events are written in a fixed little-endian layout, each command's after its sequence. Bytes are
//! collected in a block; at the end of a command where the block holds 4,096 bytes or more it is
//! folded, `h = xxh3_128(h || block)`. `value` folds what is left without keeping it, so the value
//! at a sequence does not depend on how commands were batched and costs one hash a block.
//!
//! Invariant: the layout of an event never changes within one semantics version. Not here: bytes
//! of commands (`journal::codec`), of contents (`engine::sections`).

mod switch;

use crate::bytes::{self, BytesError, Reader};
use crate::command::{BeginEpoch, Scope};
use crate::event::{
    BookAction, BookChange, Cause, Counters, CustodyReport, Event, ExecType, Fill, OrderReport,
    Trade,
};
use crate::reject::Reject;
use crate::types::{InstrumentId, OrderId, OrderStatus, Price, Sequence, Side};
use xxhash_rust::xxh3::xxh3_128;

/// The running hash of all events up to a sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct EventHash(pub u128);

/// BLAKE3 over the canonical contents of the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct StateHash(pub [u8; 32]);

/// A block is folded at the first end of a command at or past this many bytes.
const BLOCK: usize = 4_096;
/// Room of a block from the start; one command with more events than fit lets it grow.
const ROOM: usize = 256 * 1_024;
/// Room for the old hash at the front of a block.
const FRONT: usize = 16;
/// The most bytes of one event.
const EVENT_BYTES_MAX: usize = 192;

/// Collects events and hashes them.
#[derive(Clone, Debug)]
pub(crate) struct EventHasher {
    /// The hash so far, then the block.
    block: Vec<u8>,
}

impl Default for EventHasher {
    fn default() -> Self {
        let mut block = Vec::with_capacity(FRONT + ROOM);
        block.extend_from_slice(&[0; FRONT]);
        Self { block }
    }
}

impl EventHasher {
    /// Adds the events of one command.
    #[inline]
    pub(crate) fn add(&mut self, sequence: Sequence, events: &[Event]) {
        bytes::put_u64(&mut self.block, sequence.value());
        for event in events {
            event.encode(&mut self.block);
        }
        if self.block.len() >= FRONT + BLOCK {
            let hash = xxh3_128(&self.block);
            self.block.truncate(FRONT);
            self.block[..FRONT].copy_from_slice(&hash.to_le_bytes());
        }
    }

    /// The hash of everything added.
    pub(crate) fn value(&self) -> EventHash {
        EventHash(xxh3_128(&self.block))
    }

    /// Writes the hash so far and the block that is not folded yet.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_bytes(out, &self.block);
    }

    /// Reads what `encode` wrote.
    ///
    /// # Errors
    /// Broken bytes; a block that would have been folded.
    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Self, BytesError> {
        let field = "the block of the event hash";
        let read = input.bytes(FRONT + BLOCK - 1, field)?;
        if read.len() < FRONT {
            return Err(BytesError::range(field));
        }
        let mut hasher = Self::default();
        hasher.block.clear();
        hasher.block.extend_from_slice(read);
        Ok(hasher)
    }
}

impl Event {
    /// Appends the event in its fixed layout, as the running hash sees it.
    ///
    /// Each frequent kind has an arm of its own, so that its length is known when this is
    /// compiled: with one buffer for all kinds every field paid a check of its bounds, a quarter
    /// of the instructions of a command (callgrind).
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut buffer = Buffer::new();
        match self {
            Self::Report(report) => {
                buffer.report(report);
                out.extend_from_slice(buffer.used());
            }
            Self::Trade(trade) => {
                buffer.trade(trade);
                out.extend_from_slice(buffer.used());
            }
            Self::Book(change) => {
                buffer.book(change);
                out.extend_from_slice(buffer.used());
            }
            Self::Indicative(_)
            | Self::Uncrossed(_)
            | Self::MassCancel(_)
            | Self::Operation(_)
            | Self::Duplicate(_)
            | Self::SessionOpened(_)
            | Self::PhaseChanged(_)
            | Self::StatusChanged(_)
            | Self::ReferencePrice(_)
            | Self::DayRolled(_)
            | Self::Custody(_)
            | Self::EpochBegan(_)
            | Self::Quarantined(_)
            | Self::Switch(_) => {
                buffer.rare_event(self);
                out.extend_from_slice(buffer.used());
            }
        }
    }
}

/// One event's bytes, on the stack.
struct Buffer {
    bytes: [u8; EVENT_BYTES_MAX],
    length: usize,
}

#[expect(
    clippy::inline_always,
    reason = "lengths must be known where the bytes are copied; measured"
)]
impl Buffer {
    #[inline(always)]
    fn new() -> Self {
        Self {
            bytes: [0; EVENT_BYTES_MAX],
            length: 0,
        }
    }

    #[inline(always)]
    fn used(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.length..self.length + N].copy_from_slice(&bytes);
        self.length += N;
    }

    #[inline(always)]
    fn byte(&mut self, value: u8) {
        self.put([value]);
    }

    #[inline(always)]
    fn u32(&mut self, value: u32) {
        self.put(value.to_le_bytes());
    }

    #[inline(always)]
    fn u64(&mut self, value: u64) {
        self.put(value.to_le_bytes());
    }

    #[inline(always)]
    fn i64(&mut self, value: i64) {
        self.put(value.to_le_bytes());
    }

    #[inline(always)]
    fn order(&mut self, order: OrderId) {
        self.u64(order.sequence);
        self.u32(order.slot);
    }

    #[inline(always)]
    fn price(&mut self, price: Option<Price>) {
        self.byte(u8::from(price.is_some()));
        self.i64(price.map_or(0, Price::ticks));
    }

    #[inline(always)]
    fn side(&mut self, side: Option<Side>) {
        self.byte(match side {
            None => 0,
            Some(Side::Buy) => 1,
            Some(Side::Sell) => 2,
        });
    }

    #[inline(always)]
    fn instrument(&mut self, instrument: InstrumentId) {
        self.u32(instrument.index());
    }

    #[inline(always)]
    fn counters(&mut self, counters: Counters) {
        self.u64(counters.account);
        self.u64(counters.participant);
    }

    #[inline(always)]
    fn reject(&mut self, reject: Option<Reject>) {
        let code = reject.map_or(0, |reject| reject.reason.code());
        self.put(code.to_le_bytes());
        let basis = reject.and_then(|reject| reject.basis);
        self.byte(basis.map_or(0, |basis| basis as u8));
    }

    #[inline(always)]
    fn report(&mut self, report: &OrderReport) {
        self.byte(1);
        self.byte(exec_type_code(report.exec_type));
        self.byte(status_code(report.status));
        self.byte(cause_code(report.cause));
        self.reject(report.reject);
        self.order(report.order);
        self.u32(report.account.index());
        self.u32(report.instrument.map_or(u32::MAX, InstrumentId::index));
        self.side(report.side);
        self.price(report.price);
        self.price(report.stop_price);
        self.i64(report.order_quantity.lots());
        self.i64(report.leaves.lots());
        self.i64(report.cumulative.lots());
        self.i64(report.held);
        self.counters(report.counters);
    }

    #[inline(always)]
    fn trade(&mut self, trade: &Trade) {
        self.byte(2);
        self.instrument(trade.instrument);
        self.i64(trade.price.ticks());
        self.i64(trade.quantity.lots());
        self.i64(trade.value);
        self.i64(trade.goods);
        self.side(trade.aggressor);
        self.fill(&trade.buy);
        self.fill(&trade.sell);
    }

    #[inline(always)]
    fn fill(&mut self, fill: &Fill) {
        self.order(fill.order);
        self.u32(fill.account.index());
        self.i64(fill.leaves.lots());
        self.i64(fill.cumulative.lots());
        self.i64(fill.fee);
        self.i64(fill.held);
        self.counters(fill.counters);
    }

    #[inline(always)]
    fn book(&mut self, change: &BookChange) {
        self.byte(3);
        self.instrument(change.instrument);
        self.order(change.order);
        self.side(Some(change.side));
        self.byte(match change.action {
            BookAction::Add => 1,
            BookAction::Change => 2,
            BookAction::Delete => 3,
        });
        self.i64(change.price.ticks());
        self.i64(change.displayed.lots());
    }

    fn auction(&mut self, instrument: InstrumentId, price: Option<Price>, sizes: [i64; 2]) {
        self.instrument(instrument);
        self.price(price);
        for size in sizes {
            self.i64(size);
        }
    }

    fn rare_event(&mut self, event: &Event) {
        match event {
            Event::Report(_) | Event::Trade(_) | Event::Book(_) => {
                unreachable!("written by `encode`")
            }
            Event::Indicative(one) => {
                self.byte(4);
                self.auction(one.instrument, one.price, [one.volume, one.imbalance]);
            }
            Event::Uncrossed(one) => {
                self.byte(5);
                self.auction(one.instrument, one.price, [one.volume, one.imbalance]);
            }
            Event::MassCancel(report) => {
                self.byte(6);
                self.u32(report.account.index());
                self.reject(report.reject);
                self.u32(report.canceled);
                self.u32(report.kept);
            }
            Event::Operation(report) => {
                self.byte(7);
                self.reject(report.reject);
                self.byte(u8::from(report.handle.is_some()));
                self.u32(report.handle.unwrap_or(0));
            }
            Event::Duplicate(duplicate) => {
                self.byte(8);
                self.u64(duplicate.first_sequence.value());
                self.u64(duplicate.watermark);
            }
            Event::SessionOpened(opened) => {
                self.byte(9);
                self.u32(opened.session.index());
                self.u64(opened.watermark);
            }
            Event::PhaseChanged(changed) => {
                self.byte(10);
                self.u32(changed.venue.index());
                self.byte(changed.phase as u8);
            }
            Event::StatusChanged(changed) => {
                self.byte(11);
                self.scope(changed.scope);
                self.byte(changed.status as u8);
            }
            Event::ReferencePrice(set) => {
                self.byte(12);
                self.instrument(set.instrument);
                self.i64(set.price.ticks());
            }
            Event::Custody(report) => self.custody(report),
            Event::Switch(event) => self.switch(event),
            Event::EpochBegan(began) => self.epoch_began(began),
            Event::Quarantined(quarantine) => {
                self.byte(15);
                self.u64(quarantine.sequence.value());
            }
            Event::DayRolled(rolled) => {
                self.byte(13);
                self.u32(rolled.venue.index());
                self.u32(rolled.calendar.index());
                self.put(rolled.day.to_le_bytes());
                self.u32(rolled.index);
            }
        }
    }

    fn custody(&mut self, report: &CustodyReport) {
        self.byte(16);
        self.u64(report.instruction.value());
        self.u32(report.account.index());
        self.u32(report.asset.index());
        self.u32(report.custodian.index());
        self.byte(report.direction as u8);
        self.i64(report.amount.units());
        self.byte(report.status as u8);
        self.byte(report.reference.as_str().len() as u8);
        for byte in report.reference.as_str().bytes() {
            self.byte(byte);
        }
        self.put(report.business_date.to_le_bytes());
    }

    fn epoch_began(&mut self, began: &BeginEpoch) {
        self.byte(14);
        self.u32(began.epoch);
        self.byte(began.cause as u8);
        self.byte(u8::from(began.lost.is_some()));
        let (first, last) = began.lost.unwrap_or((Sequence::ZERO, Sequence::ZERO));
        self.u64(first.value());
        self.u64(last.value());
    }

    fn scope(&mut self, scope: Scope) {
        let (kind, handle) = match scope {
            Scope::Venue(venue) => (1, venue.index()),
            Scope::Instrument(instrument) => (2, instrument.index()),
        };
        self.byte(kind);
        self.u32(handle);
    }
}

fn exec_type_code(exec_type: ExecType) -> u8 {
    match exec_type {
        ExecType::New => 1,
        ExecType::Canceled => 2,
        ExecType::Replaced => 3,
        ExecType::Rejected => 4,
        ExecType::CancelRejected => 5,
        ExecType::ReplaceRejected => 6,
        ExecType::Expired => 7,
        ExecType::Triggered => 8,
        ExecType::Restated => 9,
    }
}

fn status_code(status: OrderStatus) -> u8 {
    match status {
        OrderStatus::New => 1,
        OrderStatus::PartiallyFilled => 2,
        OrderStatus::Filled => 3,
        OrderStatus::Canceled => 4,
        OrderStatus::Rejected => 5,
        OrderStatus::Expired => 6,
    }
}

fn cause_code(cause: Cause) -> u8 {
    match cause {
        Cause::Request => 1,
        Cause::MassCancel => 2,
        Cause::SelfTrade => 3,
        Cause::Unfilled => 4,
        Cause::ReplacedBelowFilled => 5,
        Cause::TimeOver => 6,
        Cause::PriceSet => 7,
        Cause::NotPlaced => 8,
        Cause::KillSwitch => 9,
        Cause::Disconnected => 10,
        Cause::DeadMan => 11,
    }
}

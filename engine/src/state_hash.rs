//! Hashes that prove determinism: the running hash of all events, and the hash of all contents.
//!
//! An event is a run of words (a trade is three: the trade, buyer, seller). Each frequent kind has
//! its own words (`words`); a rare kind's are its bytes, little-endian, in runs of two words, the
//! last filled up with zeros, after a run of its own with their number. A command adds the run (its
//! sequence, the number of its events), then those of each event. So the value at a sequence does
//! not depend on how commands were batched, and nothing is written that is only read back.
//!
//! A step takes a run into the two words `(a, b)` of the state: each word of the run is multiplied
//! by the odd key of its place; each word of the state is rotated, multiplied by an odd constant,
//! and takes the sum of the products of every other place. At the end of a command each word of the
//! state is added to the other. Every step can be undone, so states that differ stay different as
//! long as the same events follow. A run in which one word differs gives another state for certain;
//! one in which several do gives another unless their differences cancel in both sums, for which
//! those of small numbers are too small. The products of a run wait for nothing, so a step is as
//! long as one product, however many words there are. The value is `xxh3_128` of the state's
//! sixteen bytes. It finds differences, not forgers, as the hash of 4 KiB blocks before it did, at
//! a third of its instructions (callgrind).
//!
//! Invariant: the words of an event never change within one semantics version. Not here: bytes
//! of commands (`journal::codec`), of contents (`engine::sections`).

mod margin;
mod regimes;
mod sales;
mod switch;
#[cfg(test)]
mod tag_tests;
mod words;

use crate::bytes::{self, BytesError, Reader};
use crate::command::{BeginEpoch, Party, RiskLimits, RiskScope, Scope, SetRiskLimits};
use crate::event::{
    ContractEvent, CorrectionEvent, CreditEvent, CustodyReport, DayRolled, Event, OperationReport,
    ReceiptReport, SaleEvent, Settled, StandingChanged, TradeCorrection,
};
use crate::reject::{Basis, Reject};
use crate::types::{InstrumentId, Price, Quantity, Sequence, Side};
use words::{Digest, Words};
use xxhash_rust::xxh3::xxh3_128;

/// The running hash of all events up to a sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct EventHash(pub u128);

/// BLAKE3 over the canonical contents of the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct StateHash(pub [u8; 32]);

/// The most bytes that an engine of rules 1 or 2 left to be folded, the state before them.
const BLOCK: usize = 4_096;
/// The bytes of the state.
const FRONT: usize = 16;
/// The most bytes of one rare event.
const EVENT_BYTES_MAX: usize = 192;

/// Hashes events.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventHasher {
    state: Digest,
    /// Bytes of events under rules 1 and 2, as a snapshot of theirs left them: the first command
    /// afterwards folds them in.
    older: Vec<u8>,
}

impl EventHasher {
    /// Adds the events of one command.
    #[inline]
    pub(crate) fn add(&mut self, sequence: Sequence, events: &[Event]) {
        if !self.older.is_empty() {
            self.fold_older();
        }
        let mut state = self.state;
        state.words([sequence.value(), events.len() as u64]);
        for event in events {
            if let Event::Report(report) = event {
                words::report(report, &mut state);
            } else if let Event::Book(change) = event {
                words::book(change, &mut state);
            } else if let Event::Trade(trade) = event {
                words::trade(trade, &mut state);
            } else {
                state = event.taken_into(state);
            }
        }
        state.mix();
        self.state = state;
    }

    #[cold]
    fn fold_older(&mut self) {
        self.state = Digest::from_bits(self.value().0);
        self.older.clear();
    }

    /// The hash of everything added.
    pub(crate) fn value(&self) -> EventHash {
        let state = self.state.bits().to_le_bytes();
        if self.older.is_empty() {
            return EventHash(xxh3_128(&state));
        }
        let mut block = state.to_vec();
        block.extend_from_slice(&self.older);
        EventHash(xxh3_128(&block))
    }

    /// Writes the state and what of older rules is not folded yet.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, (FRONT + self.older.len()) as u64);
        bytes::put_u128(out, self.state.bits());
        out.extend_from_slice(&self.older);
    }

    /// Reads what `encode` wrote, or an engine of rules 1 or 2.
    ///
    /// # Errors
    /// Broken bytes; more than would have been left to fold.
    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Self, BytesError> {
        let field = "the block of the event hash";
        let read = input.bytes(FRONT + BLOCK - 1, field)?;
        let (front, older) = read
            .split_first_chunk::<FRONT>()
            .ok_or(BytesError::range(field))?;
        Ok(Self {
            state: Digest::from_bits(u128::from_le_bytes(*front)),
            older: older.to_vec(),
        })
    }
}

impl Event {
    /// Appends the event as the running hash sees it: its words, little-endian.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.put_words(out);
    }

    /// Apart: its buffer would be in the way of what is frequent.
    #[cold]
    #[inline(never)]
    fn taken_into(&self, mut state: Digest) -> Digest {
        self.put_words(&mut state);
        state
    }

    fn put_words(&self, out: &mut impl Words) {
        match self {
            Self::Report(report) => words::report(report, out),
            Self::Trade(trade) => words::trade(trade, out),
            Self::Book(change) => words::book(change, out),
            Self::Contract(ContractEvent::Step(report)) => words::step(report, out),
            Self::Sale(SaleEvent::Offer(report)) => words::offer(report, out),
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
            | Self::Standing(_)
            | Self::Limits(_)
            | Self::Receipt(_)
            | Self::Correction(_)
            | Self::Credit(_)
            | Self::Settlement(_)
            | Self::Margin(_)
            | Self::EpochBegan(_)
            | Self::Quarantined(_)
            | Self::Sale(_)
            | Self::Contract(_)
            | Self::Regime(_)
            | Self::Switch(_) => {
                let mut buffer = Buffer::new();
                buffer.rare_event(self);
                words::rare(buffer.used(), out);
            }
        }
    }
}

/// A rare event's bytes, on the stack.
struct Buffer {
    bytes: [u8; EVENT_BYTES_MAX],
    length: usize,
}

impl Buffer {
    fn new() -> Self {
        Self {
            bytes: [0; EVENT_BYTES_MAX],
            length: 0,
        }
    }

    fn used(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.length..self.length + N].copy_from_slice(&bytes);
        self.length += N;
    }

    fn byte(&mut self, value: u8) {
        self.put([value]);
    }

    fn u32(&mut self, value: u32) {
        self.put(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.put(value.to_le_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.put(value.to_le_bytes());
    }

    fn price(&mut self, price: Option<Price>) {
        self.byte(u8::from(price.is_some()));
        self.i64(price.map_or(0, Price::ticks));
    }

    fn instrument(&mut self, instrument: InstrumentId) {
        self.u32(instrument.index());
    }

    fn reject(&mut self, reject: Option<Reject>) {
        let code = reject.map_or(0, |reject| reject.reason.code());
        self.put(code.to_le_bytes());
        let basis = reject.and_then(|reject| reject.basis);
        // One byte for a text that is built in; else 255, then the regime and the rule.
        match basis.map_or(0, Basis::code).to_be_bytes() {
            [0, built_in] => self.byte(built_in),
            [regime, key] => self.put([u8::MAX, regime, key]),
        }
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
                unreachable!("they have words of their own")
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
            Event::Operation(report) => self.operation(report),
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
            Event::Standing(changed) => self.standing(changed),
            Event::Switch(event) => self.switch(event),
            Event::Sale(event) => self.sale(event),
            Event::Contract(event) => self.contract(event),
            Event::Regime(event) => self.regime(event),
            Event::Limits(set) => self.limits(set),
            Event::Receipt(report) => self.receipt(report),
            Event::Correction(correction) => self.correction(correction),
            Event::Credit(event) => self.credit(event),
            Event::Settlement(settled) => self.settled(settled),
            Event::Margin(event) => self.margin(event),
            Event::EpochBegan(began) => self.epoch_began(began),
            Event::Quarantined(quarantine) => {
                self.byte(15);
                self.u64(quarantine.sequence.value());
            }
            Event::DayRolled(rolled) => self.day_rolled(rolled),
        }
    }

    fn operation(&mut self, report: &OperationReport) {
        self.byte(7);
        self.reject(report.reject);
        self.byte(u8::from(report.handle.is_some()));
        self.u32(report.handle.unwrap_or(0));
    }

    fn day_rolled(&mut self, rolled: &DayRolled) {
        self.byte(13);
        self.u32(rolled.venue.index());
        self.u32(rolled.calendar.index());
        self.put(rolled.day.to_le_bytes());
        self.u32(rolled.index);
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

    fn standing(&mut self, changed: &StandingChanged) {
        self.byte(20);
        match changed {
            StandingChanged::Standing { party, standing } => {
                self.byte(0);
                let (kind, handle) = match party {
                    Party::Participant(id) => (0, id.index()),
                    Party::Account(id) => (1, id.index()),
                };
                self.byte(kind);
                self.u32(handle);
                self.byte(*standing as u8);
            }
            StandingChanged::Roles {
                venue,
                participant,
                roles,
            } => {
                self.byte(1);
                self.u32(venue.index());
                self.u32(participant.index());
                self.byte(roles.bits());
            }
            StandingChanged::Access { venue, access } => {
                self.byte(2);
                self.u32(venue.index());
                self.byte(access.bits());
            }
            StandingChanged::Registration(set) => {
                self.byte(3);
                self.u32(set.participant.index());
                self.byte(set.code.as_str().len() as u8);
                for byte in set.code.as_str().bytes() {
                    self.byte(byte);
                }
            }
        }
    }

    fn limits(&mut self, set: &SetRiskLimits) {
        self.byte(22);
        self.byte(0);
        let (kind, handle) = match set.scope {
            RiskScope::Venue(id) => (0, id.index()),
            RiskScope::Participant(id) => (1, id.index()),
            RiskScope::Account(id) => (2, id.index()),
        };
        self.byte(kind);
        self.u32(handle);
        let RiskLimits {
            throttle,
            order_to_trade,
            open_orders,
            position,
        } = set.limits;
        let pairs = [
            throttle.map(|throttle| (throttle.rate, throttle.burst)),
            order_to_trade.map(|limit| (limit.ratio, limit.allowance)),
            open_orders.map(|most| (most, 0)),
        ];
        for pair in pairs {
            self.byte(u8::from(pair.is_some()));
            let (one, other) = pair.unwrap_or((0, 0));
            self.u32(one);
            self.u32(other);
        }
        self.byte(u8::from(position.is_some()));
        self.i64(position.map_or(0, Quantity::lots));
    }

    fn receipt(&mut self, report: &ReceiptReport) {
        self.byte(26);
        let (act, encumbrance, named) = report.act.code();
        self.byte(act);
        self.byte(encumbrance);
        self.u32(named);
        self.u32(report.receipt.index());
        self.u32(report.warehouse.index());
        self.u32(report.asset.index());
        self.u32(report.account.index());
        self.i64(report.amount.units());
        self.byte(report.number.as_str().len() as u8);
        for byte in report.number.as_str().bytes() {
            self.byte(byte);
        }
        self.put(report.document);
        self.put(report.provenance);
    }

    fn correction(&mut self, correction: &CorrectionEvent) {
        self.byte(25);
        match correction {
            CorrectionEvent::Busted(trade) => {
                self.byte(1);
                self.trade_correction(trade);
            }
            CorrectionEvent::Corrected(trade) => {
                self.byte(2);
                self.trade_correction(trade);
            }
            CorrectionEvent::Repaid(repaid) => {
                self.byte(3);
                self.u32(repaid.account.index());
                self.u32(repaid.asset.index());
                self.i64(repaid.amount);
                self.i64(repaid.owed);
            }
        }
    }

    fn trade_correction(&mut self, trade: &TradeCorrection) {
        self.u64(trade.sequence.value());
        self.u32(trade.index);
        self.instrument(trade.instrument);
        self.byte(match trade.aggressor {
            None => 0,
            Some(Side::Buy) => 1,
            Some(Side::Sell) => 2,
        });
        for terms in [trade.before, trade.after] {
            self.i64(terms.price.ticks());
            self.i64(terms.quantity.lots());
            self.i64(terms.value);
        }
        self.i64(trade.goods);
        self.i64(trade.goods_owed);
        for (_, side) in trade.sides() {
            self.u64(side.order);
            self.u32(side.account.index());
            self.i64(side.fee_before);
            self.i64(side.fee);
            self.i64(side.owed);
            self.u64(side.counters.account);
            self.u64(side.counters.participant);
        }
    }

    fn credit(&mut self, event: &CreditEvent) {
        self.byte(23);
        match event {
            CreditEvent::Moved(moved) => {
                self.byte(1);
                self.u32(moved.account.index());
                self.u32(moved.asset.index());
                self.i64(moved.change);
                self.i64(moved.drawn.units());
            }
            CreditEvent::Collateral(report) => {
                self.byte(2);
                self.u32(report.account.index());
                self.u32(report.money.index());
                self.u32(report.goods.index());
                self.byte(report.pledging as u8);
                self.i64(report.amount.units());
                self.i64(report.pledged.units());
            }
            CreditEvent::Half(report) => {
                self.byte(3);
                self.byte(report.half as u8);
                for word in report.transfer.words() {
                    self.u64(word);
                }
                self.u32(report.account.index());
                self.u32(report.asset.index());
                self.i64(report.amount.units());
                self.u32(report.shard.index());
            }
            CreditEvent::Transferred(moved) => {
                self.byte(4);
                self.u32(moved.from.index());
                self.u32(moved.to.index());
                self.u32(moved.asset.index());
                self.i64(moved.amount.units());
            }
        }
    }

    fn settled(&mut self, settled: &Settled) {
        self.byte(24);
        self.byte(1);
        self.instrument(settled.instrument);
        self.u32(settled.account.index());
        self.i64(settled.goods);
        self.i64(settled.money);
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

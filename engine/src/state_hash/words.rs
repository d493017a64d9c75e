//! The words that events are hashed as, and the step that takes those of one event in.
//!
//! Invariant: two events of one kind differ in some word, and the first word says which kind it
//! is. Absent values have a mark of their own. Not here: when events are hashed.

use crate::event::{BookChange, ContractReport, Fill, OfferReport, OrderReport, Trade};
use crate::types::{InstrumentId, Price, Side, Time};

/// Takes an event's words, all at once or in runs.
pub(super) trait Words {
    fn words<const N: usize>(&mut self, words: [u64; N]);
}

/// Appends the words, little-endian.
impl Words for Vec<u8> {
    fn words<const N: usize>(&mut self, words: [u64; N]) {
        for word in words {
            self.extend_from_slice(&word.to_le_bytes());
        }
    }
}

/// Two words that every word so far has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Digest {
    a: u64,
    b: u64,
}

/// Before the first word: the first bits of the fraction of pi.
impl Default for Digest {
    fn default() -> Self {
        Self {
            a: 0x243F_6A88_85A3_08D3,
            b: 0x1319_8A2E_0370_7344,
        }
    }
}

impl Digest {
    pub(super) fn bits(self) -> u128 {
        u128::from(self.b) << 64 | u128::from(self.a)
    }

    pub(super) fn from_bits(bits: u128) -> Self {
        Self {
            a: bits as u64,
            b: (bits >> 64) as u64,
        }
    }
}

impl Words for Digest {
    #[inline]
    fn words<const N: usize>(&mut self, words: [u64; N]) {
        const { assert!(N <= KEYS.len(), "a key for each word") };
        let mut sums = [0_u64; 2];
        for (place, word) in words.into_iter().enumerate() {
            let sum = &mut sums[place % 2];
            *sum = sum.wrapping_add(word.wrapping_mul(KEYS[place]));
        }
        self.a = self.a.rotate_left(29).wrapping_mul(K).wrapping_add(sums[0]);
        self.b = self.b.rotate_left(37).wrapping_mul(L).wrapping_add(sums[1]);
    }
}

impl Digest {
    /// Lets each word change the other; at the end of every command.
    #[inline]
    pub(super) fn mix(&mut self) {
        self.a = self.a.wrapping_add(self.b.rotate_left(23));
        self.b = self.b.wrapping_add(self.a.rotate_left(31));
    }
}

/// Odd, and random otherwise: the golden ratio and another of its kind.
const K: u64 = 0x9E37_79B9_7F4A_7C15;
const L: u64 = 0xD6E8_FEB8_6659_FD93;

/// What each word of an event is multiplied by: odd, random otherwise, and short enough to be part
/// of the instruction. The further bits of pi.
const KEYS: [u64; 14] = [
    0x2409_3823,
    0x299F_31D1,
    0x082E_FA99,
    0x6C4E_6C89,
    0x4528_21E7,
    0x38D0_1377,
    0x3E54_66CF,
    0x34E9_0C6D,
    0x40AC_29B7,
    0x497C_50DD,
    0x3F84_D5B5,
    0x3547_0917,
    0x1216_D5D9,
    0x0979_FB1B,
];

// The lowest four bits of an event's first word.
const REPORT: u32 = 1;
const TRADE: u32 = 2;
const BOOK: u32 = 3;
const RARE: u32 = 4;
const STEP: u32 = 5;
const OFFER: u32 = 6;

/// Two handles in one word.
#[inline]
fn both(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[inline]
pub(super) fn report(report: &OrderReport, out: &mut impl Words) {
    let reject = report.reject.map_or(0, |reject| {
        let basis = reject.basis.map_or(0, |basis| u32::from(basis.code()));
        u32::from(reject.reason.code()) | basis << 16
    });
    // Four bytes that lie side by side, and are read at once.
    let side = report.side.map_or(2, |side| side as u8);
    let (status, exec_type, cause) = (
        report.status as u8,
        report.exec_type as u8,
        report.cause as u8,
    );
    let kinds = u32::from_le_bytes([side, status, exec_type, cause]);
    let instrument = report.instrument.map_or(u32::MAX, InstrumentId::index);
    out.words([
        both(reject << 4 | REPORT, kinds),
        both(report.account.index(), instrument),
        report.order.sequence,
        u64::from(report.order.slot),
        Price::word(report.price),
        Price::word(report.stop_price),
        report.order_quantity.lots() as u64,
        report.leaves.lots() as u64,
        report.cumulative.lots() as u64,
        report.held as u64,
        report.counters.account,
        report.counters.participant,
    ]);
}

#[inline]
pub(super) fn trade(trade: &Trade, out: &mut impl Words) {
    let aggressor = TRADE | side_code(trade.aggressor) << 4;
    out.words([
        both(aggressor, trade.instrument.index()),
        Price::word(Some(trade.price)),
        trade.quantity.lots() as u64,
        trade.value as u64,
        trade.goods as u64,
    ]);
    fill(&trade.buy, out);
    fill(&trade.sell, out);
}

#[inline]
fn fill(fill: &Fill, out: &mut impl Words) {
    out.words([
        fill.order.sequence,
        both(fill.order.slot, fill.account.index()),
        fill.leaves.lots() as u64,
        fill.cumulative.lots() as u64,
        fill.fee as u64,
        fill.held as u64,
        fill.counters.account,
        fill.counters.participant,
    ]);
}

#[inline]
pub(super) fn book(change: &BookChange, out: &mut impl Words) {
    let action = BOOK | (change.side as u32) << 4 | (change.action as u32) << 5;
    out.words([
        both(action, change.instrument.index()),
        u64::from(change.order.slot),
        change.order.sequence,
        Price::word(Some(change.price)),
        change.displayed.lots() as u64,
    ]);
}

pub(super) fn step(report: &ContractReport, out: &mut impl Words) {
    let kinds = STEP
        | (report.step as u32) << 4
        | report.by.map_or(0, |by| by as u32) << 12
        | (report.state as u32) << 16
        | (report.disputed as u32) << 24
        | (report.full_tax as u32) << 25;
    let (buyer, seller) = (&report.buyer, &report.seller);
    out.words([
        both(kinds, report.version),
        both(report.slots.contract, report.slots.offer),
        report.contract,
        report.offer,
        both(report.venue.index(), report.money.index()),
        both(report.goods.index(), report.warehouse.index()),
        both(report.pieces, report.came_back),
        both(buyer.account.index(), seller.account.index()),
        report.price as u64,
        report.amount as u64,
        report.tax as u64,
        report.money_held as u64,
    ]);
    let deadline = report.deadline.map_or(-1, Time::nanoseconds);
    out.words([
        report.refunded as u64,
        report.tax_back as u64,
        report.paid_out as u64,
        report.fee as u64,
        report.goods_out as u64,
        deadline as u64,
        buyer.counters.account,
        buyer.counters.participant,
        seller.counters.account,
        seller.counters.participant,
        report.penalty as u64,
        report.owing as u64,
        u64::from(report.regime.code()),
    ]);
}

#[inline]
pub(super) fn offer(report: &OfferReport, out: &mut impl Words) {
    out.words([
        both(OFFER | (report.act as u32) << 4, report.version),
        both(report.seller.index(), report.terms.index()),
        report.offer.sequence,
        both(report.offer.slot, report.goods.index()),
        report.price as u64,
        both(report.left, report.joined),
    ]);
}

/// The bytes of a rare event.
pub(super) fn rare(bytes: &[u8], out: &mut impl Words) {
    out.words([u64::from(RARE), bytes.len() as u64]);
    for part in bytes.chunks(16) {
        let mut whole = [0; 16];
        whole[..part.len()].copy_from_slice(part);
        let pair = u128::from_le_bytes(whole);
        out.words([pair as u64, (pair >> 64) as u64]);
    }
}

/// 1 and 2, or 0 for none.
#[inline]
const fn side_code(side: Option<Side>) -> u32 {
    match side {
        None => 0,
        Some(side) => side as u32 + 1,
    }
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;

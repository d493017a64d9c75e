//! The pairs of words that events are hashed as, and the step that takes one in.
//!
//! Invariant: two events of one kind differ in some pair, and the first word says which kind it
//! is. Absent values have a mark of their own. Not here: when events are hashed.

use crate::event::{BookChange, ContractReport, Fill, OfferReport, OrderReport, Trade};
use crate::types::{InstrumentId, Price, Side, Time};

/// Takes an event's pairs one after the other.
pub(super) trait Pairs {
    fn pair(&mut self, x: u64, y: u64);
}

/// Appends the words, little-endian.
impl Pairs for Vec<u8> {
    fn pair(&mut self, x: u64, y: u64) {
        self.extend_from_slice(&x.to_le_bytes());
        self.extend_from_slice(&y.to_le_bytes());
    }
}

/// Two words that every pair so far has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Digest {
    a: u64,
    b: u64,
}

/// Before the first pair: the first bits of the fraction of pi.
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

impl Pairs for Digest {
    #[inline]
    fn pair(&mut self, x: u64, y: u64) {
        self.a = (self.a ^ x).wrapping_mul(K).rotate_left(29);
        self.b = (self.b ^ y).wrapping_mul(L).rotate_left(37);
    }
}

impl Digest {
    /// Lets each word change the other; at the end of every event.
    #[inline]
    pub(super) fn mix(&mut self) {
        self.a = self.a.wrapping_add(self.b.rotate_left(23));
        self.b = self.b.wrapping_add(self.a);
    }
}

/// Odd, and random otherwise: the golden ratio and another of its kind.
const K: u64 = 0x9E37_79B9_7F4A_7C15;
const L: u64 = 0xD6E8_FEB8_6659_FD93;

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
pub(super) fn report(report: &OrderReport, out: &mut impl Pairs) {
    let reject = report.reject.map_or(0, |reject| {
        let basis = reject.basis.map_or(0, |basis| basis as u32);
        u32::from(reject.reason.code()) | basis << 16
    });
    let kinds = REPORT
        | (report.exec_type as u32) << 4
        | (report.status as u32) << 8
        | (report.cause as u32) << 12
        | side_code(report.side) << 16;
    let instrument = report.instrument.map_or(u32::MAX, InstrumentId::index);
    out.pair(
        both(kinds, reject),
        both(report.account.index(), instrument),
    );
    out.pair(report.order.sequence, u64::from(report.order.slot));
    out.pair(Price::word(report.price), Price::word(report.stop_price));
    let lots = [report.order_quantity, report.leaves, report.cumulative];
    let lots = lots.map(|quantity| quantity.lots() as u64);
    out.pair(lots[0], lots[1]);
    out.pair(lots[2], report.held as u64);
    out.pair(report.counters.account, report.counters.participant);
}

#[inline]
pub(super) fn trade(trade: &Trade, out: &mut impl Pairs) {
    let kinds = both(
        TRADE | side_code(trade.aggressor) << 4,
        trade.instrument.index(),
    );
    out.pair(kinds, Price::word(Some(trade.price)));
    out.pair(trade.quantity.lots() as u64, trade.value as u64);
    let accounts = both(trade.buy.account.index(), trade.sell.account.index());
    out.pair(trade.goods as u64, accounts);
    fill(&trade.buy, out);
    fill(&trade.sell, out);
}

#[inline]
fn fill(fill: &Fill, out: &mut impl Pairs) {
    out.pair(fill.order.sequence, u64::from(fill.order.slot));
    let lots = [fill.leaves, fill.cumulative].map(|quantity| quantity.lots() as u64);
    out.pair(lots[0], lots[1]);
    out.pair(fill.fee as u64, fill.held as u64);
    out.pair(fill.counters.account, fill.counters.participant);
}

/// A quantity has at most 41 bits.
#[inline]
pub(super) fn book(change: &BookChange, out: &mut impl Pairs) {
    let action = BOOK | (change.side as u32) << 4 | (change.action as u32) << 5;
    let displayed = change.displayed.lots() as u64;
    let kinds = u64::from(action) | displayed << 8;
    out.pair(kinds, both(change.order.slot, change.instrument.index()));
    out.pair(change.order.sequence, Price::word(Some(change.price)));
}

/// No deadline is an instant that no deadline can be.
#[inline]
pub(super) fn step(report: &ContractReport, out: &mut impl Pairs) {
    let kinds = STEP
        | (report.step as u32) << 4
        | report.by.map_or(0, |by| by as u32) << 12
        | (report.state as u32) << 16
        | (report.disputed as u32) << 24;
    let slots = both(report.slots.contract, report.slots.offer);
    out.pair(both(kinds, report.version), slots);
    out.pair(report.contract, report.offer);
    let goods = both(report.goods.index(), report.warehouse.index());
    out.pair(both(report.venue.index(), report.money.index()), goods);
    let (buyer, seller) = (&report.buyer, &report.seller);
    let accounts = both(buyer.account.index(), seller.account.index());
    out.pair(u64::from(report.pieces), accounts);
    out.pair(report.price as u64, report.amount as u64);
    out.pair(report.tax as u64, report.money_held as u64);
    out.pair(report.refunded as u64, report.tax_back as u64);
    out.pair(report.paid_out as u64, report.fee as u64);
    let deadline = report.deadline.map_or(-1, Time::nanoseconds);
    out.pair(report.goods_out as u64, deadline as u64);
    for side in [buyer, seller] {
        out.pair(side.counters.account, side.counters.participant);
    }
}

#[inline]
pub(super) fn offer(report: &OfferReport, out: &mut impl Pairs) {
    let kinds = both(OFFER | (report.act as u32) << 4, report.version);
    out.pair(kinds, both(report.seller.index(), report.terms.index()));
    let goods = both(report.offer.slot, report.goods.index());
    out.pair(report.offer.sequence, goods);
    out.pair(report.price as u64, u64::from(report.left));
}

/// The bytes of a rare event.
pub(super) fn rare(bytes: &[u8], out: &mut impl Pairs) {
    out.pair(u64::from(RARE), bytes.len() as u64);
    for part in bytes.chunks(16) {
        let mut whole = [0; 16];
        whole[..part.len()].copy_from_slice(part);
        let pair = u128::from_le_bytes(whole);
        out.pair(pair as u64, (pair >> 64) as u64);
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
mod tests {
    use super::*;

    fn after(pairs: &[(u64, u64)]) -> Digest {
        let mut digest = Digest::default();
        for (x, y) in pairs {
            digest.pair(*x, *y);
        }
        digest.mix();
        digest
    }

    /// Whatever single bit differs, what comes out differs, and goes on to differ in about half of
    /// its bits when events follow that are the same.
    #[test]
    fn a_flipped_bit_spreads_and_never_goes_away() {
        let base = [(1, 2), (1 << 40, 0), (0, 77), (5, 5)];
        let same = |mut digest: Digest, events: u64| {
            for word in 0..events {
                digest.pair(word, 0);
                digest.pair(0, word);
                digest.mix();
            }
            digest
        };
        for place in 0..base.len() {
            for bit in 0..128 {
                let mut changed = base;
                let (x, y) = &mut changed[place];
                if bit < 64 {
                    *x ^= 1 << bit;
                } else {
                    *y ^= 1 << (bit - 64);
                }
                let (one, other) = (after(&base), after(&changed));
                let flipped = |events| {
                    let both = same(one, events).bits() ^ same(other, events).bits();
                    both.count_ones()
                };
                assert!((0..100).all(|events| flipped(events) > 0), "{place} {bit}");
                assert!((24..=104).contains(&flipped(4)), "{place} {bit}");
            }
        }
    }

    #[test]
    fn order_and_place_of_words_count() {
        let all = [
            after(&[(1, 2), (3, 4)]),
            after(&[(2, 1), (3, 4)]),
            after(&[(3, 4), (1, 2)]),
            after(&[(1, 2), (4, 3)]),
            after(&[(1, 2)]),
            after(&[(1, 2), (3, 4), (0, 0)]),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "{place}");
        }
    }
}

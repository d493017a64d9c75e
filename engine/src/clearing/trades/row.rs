//! The row of a kept trade: one cache line, written once when it trades.
//!
//! Both orders' sequences, the price, the quantity and the places of both rates take 270 bits; in
//! plain fields a row would be 96 bytes, and all of them are written with every trade. So they are
//! packed into two words.
//!
//! Invariant: what is packed reads back. Not here: which rows are kept, and the day, which has a
//! column of its own (`trades`).

use crate::command::TradeRef;
use crate::types::{AccountId, InstrumentId, Price, Quantity, Sequence, Side};

/// Bits of a sequence: 2^44 commands are two years of 200,000 a second, and the most a public
/// book's numbers hold.
const SEQUENCE_BITS: u32 = 44;
/// Sequences from here on do not fit; trades of later commands are not kept.
pub(super) const SEQUENCE_END: u64 = 1 << SEQUENCE_BITS;
/// Bits of a price, raised by its bound.
const PRICE_BITS: u32 = 42;
/// Bits of a place in the table of rates.
const RATES_BITS: u32 = 16;

const PRICE: u32 = SEQUENCE_BITS;
const RATES: u32 = PRICE + PRICE_BITS;
const FLAGS: u32 = RATES + 2 * RATES_BITS;

const CLEARED: u32 = 1;
const BUSTED: u32 = 2;
const CORRECTED: u32 = 4;
const TAKER_BUY: u32 = 8;
const TAKER_SELL: u32 = 16;

const _: () = {
    assert!(
        Price::MAX_TICKS * 2 < 1 << PRICE_BITS,
        "every price fits its bits"
    );
    assert!(
        Quantity::MAX_LOTS <= 1 << (u128::BITS - 2 * SEQUENCE_BITS),
        "every quantity above zero fits, less one"
    );
    assert!(FLAGS + 5 <= u128::BITS, "five flags are left");
    assert!(size_of::<Row>() == 64, "a row is one cache line");
};

/// A kept trade as it stands; after a bust as it stood before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeptTrade {
    /// Its id.
    pub trade: TradeRef,
    /// The instrument.
    pub instrument: InstrumentId,
    /// The price.
    pub price: Price,
    /// The quantity.
    pub quantity: Quantity,
    /// Who took; none in an auction.
    pub aggressor: Option<Side>,
    /// The accounts of buyer and seller.
    pub accounts: [AccountId; 2],
    /// The sequences of both orders.
    pub orders: [u64; 2],
    /// The fees of both.
    pub fees: [i64; 2],
    /// The places of both orders' rates.
    pub(crate) rates: [u32; 2],
    /// Whether money and goods moved.
    pub cleared: bool,
    /// Whether it was corrected.
    pub corrected: bool,
    /// Whether it was busted.
    pub busted: bool,
    /// The count of its venue's days on which it was made, while its instrument has the settlement
    /// it had then.
    pub day: Option<u32>,
}

/// The same in one cache line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(64))]
pub(super) struct Row {
    /// The trade's sequence, the buyer's order's, and the quantity less one.
    first: u128,
    /// The seller's order's sequence, the price, both rates, the flags.
    second: u128,
    fees: [i64; 2],
    accounts: [u32; 2],
    index: u32,
    instrument: u32,
}

impl Row {
    /// Packs a trade whose sequences are below [`SEQUENCE_END`].
    #[inline]
    pub(super) fn pack(kept: &KeptTrade) -> Self {
        let lots = (kept.quantity.lots() - 1) as u128;
        let ticks = (kept.price.ticks() + Price::MAX_TICKS) as u128;
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        let flags = flag(kept.cleared, CLEARED)
            | flag(kept.busted, BUSTED)
            | flag(kept.corrected, CORRECTED)
            | flag(kept.aggressor == Some(Side::Buy), TAKER_BUY)
            | flag(kept.aggressor == Some(Side::Sell), TAKER_SELL);
        let first = u128::from(kept.trade.sequence.value())
            | u128::from(kept.orders[0]) << SEQUENCE_BITS
            | lots << (2 * SEQUENCE_BITS);
        let second = u128::from(kept.orders[1])
            | ticks << PRICE
            | u128::from(kept.rates[0]) << RATES
            | u128::from(kept.rates[1]) << (RATES + RATES_BITS)
            | u128::from(flags) << FLAGS;
        Self {
            first,
            second,
            fees: kept.fees,
            accounts: kept.accounts.map(AccountId::index),
            index: kept.trade.index,
            instrument: kept.instrument.index(),
        }
    }

    /// The trade's id, in the order in which trades were made.
    #[inline]
    pub(super) fn id(&self) -> TradeRef {
        TradeRef {
            sequence: Sequence::new(low(self.first, SEQUENCE_BITS) as u64),
            index: self.index,
        }
    }

    /// The instrument.
    #[inline]
    pub(super) fn instrument(&self) -> InstrumentId {
        InstrumentId::new(self.instrument)
    }

    /// The trade that was packed, made on that day.
    pub(super) fn unpack(&self, day: Option<u32>) -> KeptTrade {
        let flags = (self.second >> FLAGS) as u32;
        let is = |flag: u32| flags & flag != 0;
        let rates = [RATES, RATES + RATES_BITS];
        let ticks = low(self.second >> PRICE, PRICE_BITS) as i64 - Price::MAX_TICKS;
        let lots = (self.first >> (2 * SEQUENCE_BITS)) as i64 + 1;
        KeptTrade {
            trade: self.id(),
            instrument: self.instrument(),
            price: Price::new(ticks).expect("a price was packed"),
            quantity: Quantity::new(lots).expect("a quantity was packed"),
            aggressor: match (is(TAKER_BUY), is(TAKER_SELL)) {
                (true, _) => Some(Side::Buy),
                (false, true) => Some(Side::Sell),
                (false, false) => None,
            },
            accounts: self.accounts.map(AccountId::new),
            orders: [self.first >> SEQUENCE_BITS, self.second]
                .map(|word| low(word, SEQUENCE_BITS) as u64),
            fees: self.fees,
            rates: rates.map(|at| low(self.second >> at, RATES_BITS) as u32),
            cleared: is(CLEARED),
            corrected: is(CORRECTED),
            busted: is(BUSTED),
            day,
        }
    }
}

#[inline]
const fn low(word: u128, bits: u32) -> u128 {
    word & ((1 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_reads_back_at_every_bound() {
        let ends = [1, SEQUENCE_END - 1];
        let mut seen = 0;
        for ticks in [-Price::MAX_TICKS, 0, Price::MAX_TICKS] {
            for lots in [1, Quantity::MAX_LOTS] {
                for (at, aggressor) in [None, Some(Side::Buy), Some(Side::Sell)]
                    .into_iter()
                    .enumerate()
                {
                    let kept = KeptTrade {
                        trade: TradeRef {
                            sequence: Sequence::new(ends[at % 2]),
                            index: u32::MAX,
                        },
                        instrument: InstrumentId::new(u32::MAX),
                        price: Price::new(ticks).expect("a bound"),
                        quantity: Quantity::new(lots).expect("a bound"),
                        aggressor,
                        accounts: [AccountId::new(0), AccountId::new(u32::MAX)],
                        orders: [ends[(at + 1) % 2], ends[at % 2]],
                        fees: [i64::MIN, i64::MAX],
                        rates: [0, u32::from(u16::MAX)],
                        cleared: at != 1,
                        corrected: at != 0,
                        busted: at != 2,
                        day: Some(at as u32),
                    };
                    assert_eq!(Row::pack(&kept).unpack(kept.day), kept);
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 18);
    }
}

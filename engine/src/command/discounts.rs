//! Discounts of a seller, and baskets: several offers of one seller taken at once.
//!
//! Invariant: as in `command`. Not here: how a discount is divided (`market::sale::discounts`), the
//! rules (SEMANTICS section 27).

use super::contracts::{Confirmed, Reserve};
use crate::types::{AccountId, AssetId, DiscountId, Nanoseconds, OfferId, Time, VenueId};

/// What a discount takes off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Off {
    /// So much, in minor units of the money; from 1 to the threshold.
    Amount(i64),
    /// A share of the list amounts, rounded down.
    Share {
        /// In basis points, from 1 to 10,000.
        bp: u16,
        /// But at most so much, in minor units; from 1 to [`DefineDiscount::MONEY_MAX`].
        at_most: i64,
    },
}

/// Define a discount: 满减, or a coupon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DefineDiscount {
    /// The seller.
    pub account: AccountId,
    /// Where.
    pub venue: VenueId,
    /// The currency.
    pub money: AssetId,
    /// From so much list amount of all lines on, in minor units; from 1 to
    /// [`DefineDiscount::MONEY_MAX`].
    pub threshold: i64,
    /// What is taken off.
    pub off: Off,
    /// From when on.
    pub opens: Time,
    /// From when on not any more; after `opens`, and at most [`DefineDiscount::SPAN_MAX`] after the
    /// command.
    pub closes: Time,
    /// How often it is used at most; from 1 to [`DefineDiscount::USES_MAX`].
    pub uses: u32,
    /// How often by one beneficial owner; from 1 to `uses`.
    pub per_owner: u32,
    /// The first 16 bytes of BLAKE3 of the code, if it is a coupon; without one it is for all.
    pub code: Option<[u8; 16]>,
}

impl DefineDiscount {
    /// The highest threshold and bound: what one contract is worth at most, 2^52.
    pub const MONEY_MAX: i64 = 1 << 52;
    /// The most uses.
    pub const USES_MAX: u32 = 1 << 30;
    /// The latest end after the command: 366 days.
    pub const SPAN_MAX: Nanoseconds = Nanoseconds(366 * 24 * 3_600 * 1_000_000_000);
}

/// One offer of a basket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// The offer.
    pub offer: OfferId,
    /// The version the buyer saw.
    pub version: u32,
    /// How many pieces.
    pub pieces: u32,
    /// The first 16 bytes of BLAKE3 of the pickup code, where the goods are picked up.
    pub pickup: Option<[u8; 16]>,
    /// Whether the buyer confirms that the goods are not suited for a return.
    pub confirmed: Confirmed,
}

/// Take several offers of one seller, all or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Basket {
    /// The buyer.
    pub account: AccountId,
    /// From 1 to [`Basket::LINES_MAX`], each of another offer.
    pub lines: Vec<Line>,
    /// What is taken off, if something is.
    pub discount: Option<DiscountId>,
    /// The code of a coupon.
    pub code: Option<[u8; 16]>,
    /// Where the platform knows how to deliver; no address comes here.
    pub delivery_reference: [u8; 16],
}

impl Basket {
    /// The most lines: what one command does stays within a millisecond, cold memory included.
    pub const LINES_MAX: usize = 8;

    /// The reserve that a line is.
    pub const fn reserve(&self, line: &Line) -> Reserve {
        Reserve {
            offer: line.offer,
            version: line.version,
            account: self.account,
            pieces: line.pieces,
            delivery_reference: self.delivery_reference,
            pickup: line.pickup,
            confirmed: line.confirmed,
        }
    }
}

//! The row of an offer.
//!
//! Invariant: what is held for it is what is left of it. Not here: where rows lie (`market::sale`).

use crate::clearing::kept::Kept;
use crate::clearing::ledger::Place;
use crate::clearing::shelf::Store;
use crate::command::{Prices, Tier};
use crate::event::{OfferAct, OfferReport};
use crate::slab::Made;
use crate::types::{AccountId, AssetId, CustodianId, OfferId, TermsId, Time};

/// A live offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The sequence of the command that made it.
    pub sequence: u64,
    /// Under which terms.
    pub terms: TermsId,
    /// Who sells.
    pub seller: AccountId,
    /// Which goods.
    pub goods: AssetId,
    /// Where they lie.
    pub warehouse: CustodianId,
    /// Units of the goods in a piece.
    pub piece_units: i64,
    /// Rises when prices, window or limits change.
    pub version: u32,
    /// How many pieces can be taken.
    pub left: u32,
    /// The price of one piece.
    pub price: i64,
    /// Further tiers; most offers have none, and then nothing is allocated.
    pub more: Box<[Tier]>,
    /// Pieces are taken in multiples of this.
    pub step: u32,
    /// The fewest pieces of one contract.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// The most pieces an owner may take.
    pub limit: Option<u32>,
    /// From when on it can be taken.
    pub opens: Time,
    /// From when on it cannot any more.
    pub closes: Option<Time>,
    /// The goods that are left.
    pub(crate) stock: Kept,
    /// Where the seller is paid.
    pub(crate) seller_at: Place,
    /// The warehouse's position.
    pub(crate) warehouse_at: Place,
    /// The buyer it remembered last.
    pub(crate) buyers: u32,
}

const _: () = assert!(size_of::<Offer>() <= 160, "1.2 million of them are 192 MB");

impl Made for Offer {
    fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Offer {
    /// Takes checked prices over.
    pub(crate) fn set_prices(&mut self, prices: &Prices) {
        self.price = prices.tiers[0].price;
        self.more = prices.tiers[1..].into();
        (self.step, self.min, self.max) = (prices.step, prices.min, prices.max);
        self.limit = prices.limit;
        (self.opens, self.closes) = (prices.opens, prices.closes);
    }

    /// Its prices as a command gives them.
    pub fn prices(&self) -> Prices {
        let first = Tier {
            from: 1,
            price: self.price,
        };
        let more = self.more.iter().copied();
        Prices {
            tiers: std::iter::once(first).chain(more).collect(),
            step: self.step,
            min: self.min,
            max: self.max,
            limit: self.limit,
            opens: self.opens,
            closes: self.closes,
        }
    }

    /// The price of each of so many pieces.
    pub fn price_of(&self, pieces: u32) -> i64 {
        let reached = self.more.iter().rev().find(|tier| tier.from <= pieces);
        reached.map_or(self.price, |tier| tier.price)
    }

    /// Whether it can be taken at `time`.
    pub fn is_open(&self, time: Time) -> bool {
        self.opens <= time && self.closes.is_none_or(|closes| time < closes)
    }

    /// Where its goods lie.
    pub(crate) const fn store(&self) -> Store {
        (self.warehouse, self.goods)
    }

    /// Units of so many pieces; they are at most what was checked.
    pub(crate) fn units(&self, pieces: u32) -> i64 {
        let units = i64::from(pieces).checked_mul(self.piece_units);
        units.expect("pieces of an offer are in circulation")
    }

    /// How it stands after `act`.
    pub(crate) fn report(&self, slot: u32, act: OfferAct) -> OfferReport {
        OfferReport {
            act,
            offer: OfferId {
                sequence: self.sequence,
                slot,
            },
            version: self.version,
            seller: self.seller,
            terms: self.terms,
            goods: self.goods,
            price: self.price,
            left: self.left,
            joined: 0,
        }
    }
}

//! Baskets of the damaged folders' shops, and the discounts they are taken with.
//!
//! Invariant: as in `shops`: what is asked follows from what was released. Not here: single
//! reserves, what becomes of a line.

use sanjiang_engine::command::*;
use sanjiang_engine::event::{DiscountAct, DiscountReport};
use sanjiang_engine::types::*;

use super::money::MONEY;
use super::shops::{CODE, MINUTE, REFERENCE, SELLER, SHOPS, hashed};

/// How long a discount is open: some end in every folder.
const OPEN: Nanoseconds = Nanoseconds(12 * MINUTE);

/// The discount that is open, if one is.
#[derive(Clone, Copy, Debug)]
struct Promise {
    /// None while it is being made.
    id: Option<DiscountId>,
    closes: Time,
}

/// What the seller takes off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discounts {
    open: Option<Promise>,
}

impl Discounts {
    /// Takes in what was said of one.
    pub fn learn(&mut self, report: &DiscountReport) {
        let Some(open) = &mut self.open else { return };
        match report.act {
            DiscountAct::Defined => open.id = Some(report.discount),
            DiscountAct::Ended if open.id == Some(report.discount) => self.open = None,
            DiscountAct::Used | DiscountAct::Ended => {}
        }
    }

    /// A coupon, where none is open.
    pub fn define(&mut self, now: Time) -> Option<DefineDiscount> {
        if self.open.is_some_and(|open| now < open.closes) {
            return None;
        }
        let closes = now.after(OPEN);
        self.open = Some(Promise { id: None, closes });
        Some(DefineDiscount {
            account: SELLER,
            venue: SHOPS,
            money: MONEY,
            threshold: 1_500,
            off: Off::Share {
                bp: 777,
                at_most: 300,
            },
            opens: Time::ZERO,
            closes,
            uses: 1_000,
            per_owner: 100,
            code: Some(hashed()),
        })
    }

    /// A piece of each of these offers, with the coupon that is open.
    pub fn basket(&self, account: AccountId, offers: [(OfferId, u32, Delivery); 2]) -> Basket {
        let discount = self.open.and_then(|open| open.id);
        let line = |(offer, version, delivery)| Line {
            offer,
            version,
            pieces: 1,
            pickup: (delivery == Delivery::PickUp).then(hashed),
            confirmed: Confirmed::No,
        };
        Basket {
            account,
            lines: offers.map(line).to_vec(),
            discount,
            code: discount.map(|_| CODE),
            delivery_reference: REFERENCE,
        }
    }
}

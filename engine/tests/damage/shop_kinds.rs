//! The ways to sell of the damaged folders' shops: their terms, and what they offer.
//!
//! Invariant: each one's place is its terms' handle. Not here: who offers and takes (`shops`).

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::Model;
use sha2::{Digest as _, Sha256};

use super::money::{MONEY, REAL};
use super::shops::{GRAIN, MINUTE, REAL_SHOP, SEED, SELLER, SHOPS, TEA};

/// Ways to sell; each one's place is its terms' handle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A fixed price, paid at once, with days of return and of agreement, the seller being paid as
    /// far as its guarantee covers it.
    Fixed,
    /// A race, paid later.
    Race,
    /// A race behind a queue.
    Queue,
    /// A lottery.
    Lottery,
    /// A group.
    Group,
    /// A presale.
    Presale,
    /// A price by quantity, picked up with a code.
    Tiered,
    /// A fixed price of the real venue, paid by a bank.
    Bank,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Fixed,
        Self::Race,
        Self::Queue,
        Self::Lottery,
        Self::Group,
        Self::Presale,
        Self::Tiered,
        Self::Bank,
    ];

    pub fn of(terms: TermsId) -> Option<Self> {
        Self::ALL.get(terms.index() as usize).copied()
    }

    pub const fn model(self) -> (Model, Plan) {
        match self {
            Self::Fixed | Self::Bank => (Model::FixedPrice, Plan::Plain),
            Self::Race => (Model::FlashSale, Plan::Flash(FlashMode::Race)),
            Self::Queue => {
                let mode = FlashMode::Queue {
                    per_second: 2,
                    valid_for: Nanoseconds(20 * MINUTE),
                };
                (Model::FlashSale, Plan::Flash(mode))
            }
            Self::Lottery => (Model::FlashSale, Plan::Flash(FlashMode::Lottery)),
            Self::Group => (Model::GroupBuy, Plan::Group),
            Self::Presale => (Model::Presale, Plan::Presale { deposit_bp: 3_000 }),
            Self::Tiered => (Model::TieredPrice, Plan::Plain),
        }
    }

    pub fn terms(self) -> SaleTerms {
        let (model, plan) = self.model();
        let real = self == Self::Bank;
        let later = |minutes| Funding::PayLater {
            within: Nanoseconds(minutes * MINUTE),
        };
        let (funding, return_days, agreed_days) = match self {
            Self::Fixed => (Funding::Prefunded, 7, 10),
            Self::Race => (later(4), 0, 0),
            Self::Bank => (later(12), 7, 0),
            Self::Queue | Self::Lottery | Self::Group | Self::Presale | Self::Tiered => {
                (Funding::Prefunded, 0, 0)
            }
        };
        SaleTerms {
            venue: if real { REAL_SHOP } else { SHOPS },
            model,
            plan,
            funding,
            money: if real { REAL } else { MONEY },
            tax_basis: if self == Self::Group {
                TaxBasis::VatOut
            } else {
                TaxBasis::VatIn
            },
            tax_bp: 1_300,
            fee_ppm: 6_000,
            hand_over_within: Nanoseconds(15 * MINUTE),
            inspect_within: Nanoseconds(15 * MINUTE),
            return_days,
            agreed_days,
            exemption: None,
            delivery: if self == Self::Tiered {
                Delivery::PickUp
            } else {
                Delivery::Ship
            },
            covered: if self == Self::Fixed {
                Covered::Yes
            } else {
                Covered::No
            },
            document: [1; 32],
        }
    }

    /// What is offered at `now`, and when that closes, if it does.
    pub fn offer(self, now: Time) -> (MakeOffer, Option<Time>) {
        let at = |minutes| now.after(Nanoseconds(minutes * MINUTE));
        let tier = |from, price| Tier { from, price };
        let tiers = match self {
            Self::Group => vec![tier(1, 700), tier(4, 600), tier(8, 500)],
            Self::Tiered => vec![tier(1, 900), tier(3, 800)],
            Self::Presale => vec![tier(1, 3_333)],
            Self::Fixed | Self::Race | Self::Queue | Self::Lottery | Self::Bank => {
                vec![tier(1, 1_234)]
            }
        };
        let (closes, course) = match self {
            Self::Fixed | Self::Tiered | Self::Bank => (None, Course::Plain),
            Self::Race | Self::Queue => (Some(at(30)), Course::Plain),
            Self::Lottery => {
                let commitment = Sha256::digest(SEED).into();
                let draw_by = at(15);
                (
                    Some(at(5)),
                    Course::Lottery {
                        commitment,
                        draw_by,
                    },
                )
            }
            Self::Group => (Some(at(5)), Course::Group { quorum: 6 }),
            Self::Presale => {
                let (pay_from, pay_until) = (at(8), at(20));
                (
                    Some(at(5)),
                    Course::Presale {
                        pay_from,
                        pay_until,
                    },
                )
            }
        };
        let (min, max, limit) = match self {
            Self::Lottery => (2, 2, Some(2)),
            Self::Fixed | Self::Queue => (1, 3, Some(9)),
            Self::Race | Self::Group | Self::Presale | Self::Tiered | Self::Bank => (1, 4, None),
        };
        let goods = if self == Self::Bank { GRAIN } else { TEA };
        let make = MakeOffer {
            terms: TermsId::new(self as u32),
            account: SELLER,
            goods,
            warehouse: CustodianId::new(goods.index()),
            piece_units: 3,
            prices: Prices {
                tiers,
                step: 1,
                min,
                max,
                limit,
                opens: now,
                closes,
            },
            stock: if self == Self::Lottery { 5 } else { 40 },
            course,
        };
        (make, closes)
    }
}
